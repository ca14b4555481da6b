//! Software RAID, from `/proc/mdstat` and `/sys/block/md*/md` (md(4)).

use super::{CollectError, Collector, Families, Host, Metric, On};

const DEVICE: &[&str] = &["device"];
const STATE: Metric =
    Metric::gauge("node_md_state", "Whether an array is in a state.").with(&["device", "state"]);
const DISKS: Metric =
    Metric::gauge("node_md_disks", "Disks of an array by their state.").with(&["device", "state"]);
const REQUIRED: Metric =
    Metric::gauge("node_md_disks_required", "Disks an array needs.").with(DEVICE);
const BLOCKS: Metric = Metric::gauge("node_md_blocks", "Blocks of an array.").with(DEVICE);
const SYNCED: Metric =
    Metric::gauge("node_md_blocks_synced", "Blocks of an array that are in sync.").with(DEVICE);
const RAID_DISKS: Metric =
    Metric::gauge("node_md_raid_disks", "Disks an array has when it is complete.").with(DEVICE);
const DEGRADED: Metric = Metric::gauge("node_md_degraded", "Disks an array lacks.").with(DEVICE);

pub(super) const COLLECTOR: Collector = Collector {
    name: "mdadm",
    start: On,
    metrics: &[STATE, DISKS, REQUIRED, BLOCKS, SYNCED, RAID_DISKS, DEGRADED],
    collect,
};

const MALFORMED: CollectError = CollectError::Malformed("proc/mdstat");
const STATES: [&str; 5] = ["active", "inactive", "recovering", "resync", "check"];

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let text = host.read("proc/mdstat")?;
    for array in arrays(&text) {
        let Array { device, state, active, required, failed, spare, blocks, synced } = array?;
        for known in STATES {
            out.put(&STATE, &[device, known], f64::from(u8::from(state == known)));
        }
        for (state, disks) in [("active", active), ("failed", failed), ("spare", spare)] {
            out.put(&DISKS, &[device, state], disks);
        }
        out.put(&REQUIRED, &[device], required);
        out.put(&BLOCKS, &[device], blocks);
        out.put(&SYNCED, &[device], synced);
    }
    for device in host.list_if_any("sys/block", "md")? {
        let Some(folder) = host.folder(&format!("sys/block/{device}/md")) else { continue };
        if let Some(disks) = folder.number("raid_disks") {
            out.put(&RAID_DISKS, &[&device], disks);
        }
        // Arrays without redundancy do not have the file.
        out.put(&DEGRADED, &[&device], folder.number("degraded").unwrap_or(0.0));
    }
    Ok(())
}

#[derive(Debug, PartialEq)]
struct Array<'a> {
    device: &'a str,
    /// One of [`STATES`], or something that is none of them, such as `reshape`.
    state: &'a str,
    active: f64,
    required: f64,
    failed: f64,
    spare: f64,
    blocks: f64,
    synced: f64,
}

fn arrays(text: &str) -> impl Iterator<Item = Result<Array<'_>, CollectError>> {
    let mut lines = text.lines().peekable();
    std::iter::from_fn(move || {
        let head = lines.by_ref().find(|line| {
            !line.trim().is_empty()
                && !line.starts_with([' ', '\t'])
                && !line.starts_with("Personalities")
                && !line.starts_with("unused")
        })?;
        // What belongs to an array stands below it, moved to the right.
        let mut below = Vec::new();
        while let Some(line) = lines.next_if(|line| line.starts_with([' ', '\t'])) {
            below.push(line.trim());
        }
        Some(array(head, &below).ok_or(MALFORMED))
    })
}

/// `md6 : active raid1 sdb2[2](F) sdc[1](S) sda2[0]`, and below it
/// `195310144 blocks [2/1] [U_]` and perhaps `[=>…]  recovery =  8.5% (16775552/195310144) finish=…`.
fn array<'a>(head: &'a str, below: &[&'a str]) -> Option<Array<'a>> {
    let mut fields = head.split_ascii_whitespace();
    let device = fields.next()?;
    let mut state = fields.nth(1)?;
    let status = below.first()?;
    let blocks: f64 = status.split_ascii_whitespace().next()?.parse().ok()?;
    let striped = head.contains("raid0") || head.contains("linear");
    let (required, active) = if striped {
        let disks = head.matches('[').count() as f64;
        (disks, disks)
    } else if state == "inactive" {
        (0.0, 0.0)
    } else {
        // The numbers are in the last brackets but one.
        let (numbers, _) = status.rsplit_once(" [")?;
        let (required, active) = numbers.rsplit_once('[')?.1.strip_suffix(']')?.split_once('/')?;
        (required.parse().ok()?, active.parse().ok()?)
    };
    let mut synced = blocks;
    let actions = [
        ("recovery", "recovering"),
        ("reshape", "reshape"),
        ("resync", "resync"),
        ("check", "check"),
    ];
    let working = below[1..].iter().find_map(|line| {
        let (_, state) = actions.iter().find(|(word, _)| line.contains(word))?;
        Some((*line, *state))
    });
    if let Some((line, action)) = working {
        state = action;
        synced = if line.contains("PENDING") || line.contains("DELAYED") {
            0.0
        } else {
            line.split_once('(')?.1.split_once('/')?.0.parse().ok()?
        };
    }
    let marked = |mark: &str| head.matches(mark).count() as f64;
    let (failed, spare) = (marked("(F)"), marked("(S)"));
    Some(Array { device, state, active, required, failed, spare, blocks, synced })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn progress_and_disks_are_read() {
        let text = "Personalities : [raid1]\n\
            md6 : active raid1 sdb2[2](F) sdc[1](S) sda2[0]\n      \
            195310144 blocks [2/1] [U_]\n      \
            [=>..]  recovery =  8.5% (16775552/195310144) finish=17.0min speed=259783K/sec\n\n\
            md11 : active (auto-read-only) raid1 sdb2[0] sdc2[1]\n      \
            4190208 blocks super 1.2 [2/2] [UU]\n      \
            bitmap: 0/30 pages [0KB], 65536KB chunk\n      resync=PENDING\n\n\
            md12 : active raid0 sdc2[0] sdd2[1]\n      3886394368 blocks super 1.2 512k chunks\n\n\
            unused devices: <none>\n";
        let found: Vec<Array> = arrays(text).collect::<Result<_, _>>().expect("well-formed");
        let brief: Vec<_> = found
            .iter()
            .map(|array| (array.device, array.state, array.active, array.required, array.synced))
            .collect();
        assert_eq!(
            brief,
            [
                ("md6", "recovering", 1.0, 2.0, 16_775_552.0),
                ("md11", "resync", 2.0, 2.0, 0.0),
                ("md12", "active", 2.0, 2.0, 3_886_394_368.0),
            ]
        );
        assert_eq!((found[0].failed, found[0].spare), (1.0, 1.0));
    }

    #[test]
    fn arrays_are_shown() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert!(samples.contains("node_md_state{device=\"md0\",state=\"check\"} 1\n"), "{samples}");
        assert!(samples.contains("node_md_blocks_synced{device=\"md0\"} 114176\n"));
        assert!(samples.contains("node_md_raid_disks{device=\"md0\"} 2\n"));
        assert!(samples.contains("node_md_degraded{device=\"md0\"} 0\n"));
    }
}
