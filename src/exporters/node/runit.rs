//! Services of runit, from the files that runsv(8) keeps in each service's folder `supervise`.

use std::path::Path;

use super::{CollectError, Collector, Families, Host, Metric, Off};

const SERVICE: &[&str] = &["service", "supervisor"];
const STATE: Metric =
    Metric::gauge("node_service_state", "Whether a service is down (0), up (1) or finishing (2).")
        .with(SERVICE);
const DESIRED: Metric =
    Metric::gauge("node_service_desired_state", "Whether a service shall be down (0) or up (1).")
        .with(SERVICE);
const NORMAL: Metric = Metric::gauge(
    "node_service_normal_state",
    "Whether a service starts by itself (1) or stays down (0).",
)
.with(SERVICE);
const CHANGED: Metric = Metric::gauge(
    "node_service_state_last_change_timestamp_seconds",
    "When a service changed its state, in Unix time.",
)
.with(SERVICE);

pub(super) const COLLECTOR: Collector =
    Collector { name: "runit", start: Off, metrics: &[STATE, DESIRED, NORMAL, CHANGED], collect };

/// 1970 in the seconds of TAI64, which begin at 2^62 and are 10 ahead.
const EPOCH: u64 = (1 << 62) + 10;

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let folder = Path::new(&host.settings.opt_in.plain.runit_directory);
    let failed = |source| CollectError::Read { path: folder.to_owned(), source };
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        let service = folder.join(&name);
        // What runsv has not supervised yet has no status.
        let status = std::fs::read(service.join("supervise/status"));
        let Some(status) = status.ok().as_deref().and_then(Status::parse) else { continue };
        let down = ["down", "supervise/down"].iter().any(|file| service.join(file).exists());
        let labels = [name.as_str(), "runit"];
        out.put(&STATE, &labels, f64::from(status.state));
        out.put(&DESIRED, &labels, f64::from(u8::from(status.wanted_up)));
        out.put(&NORMAL, &labels, f64::from(u8::from(!down)));
        out.put(&CHANGED, &labels, status.changed as f64);
    }
    Ok(())
}

#[derive(Debug, PartialEq)]
struct Status {
    state: u8,
    wanted_up: bool,
    /// In Unix time.
    changed: i64,
}

impl Status {
    /// 20 bytes: TAI64N of the last change (12), process (4), paused, wanted (at 17), terminated, state
    /// (at 19).
    fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; 20] = bytes.try_into().ok()?;
        let changed = u64::from_be_bytes(bytes[..8].try_into().ok()?);
        Some(Self {
            state: bytes[19],
            wanted_up: bytes[17] == b'u',
            changed: changed.wrapping_sub(EPOCH) as i64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn services_are_read_from_their_status() {
        let folder = tempfile::tempdir().expect("a folder");
        let service = |name: &str, status: &[u8]| {
            let path = folder.path().join(name).join("supervise");
            std::fs::create_dir_all(&path).expect("made");
            std::fs::write(path.join("status"), status).expect("written");
        };
        let mut status = [0; 20];
        status[..8].copy_from_slice(&(EPOCH + 1_700_000_000).to_be_bytes());
        (status[17], status[19]) = (b'u', 1);
        service("web", &status);
        (status[17], status[19]) = (b'd', 0);
        service("off", &status);
        std::fs::write(folder.path().join("off/down"), "").expect("written");
        service("torn", &status[..3]);
        let host = fixture::host_with(|config| {
            config.opt_in.runit_directory = folder.path().display().to_string();
        });
        assert_eq!(
            fixture::samples(&COLLECTOR, &host),
            "node_service_desired_state{service=\"off\",supervisor=\"runit\"} 0\n\
             node_service_desired_state{service=\"web\",supervisor=\"runit\"} 1\n\
             node_service_normal_state{service=\"off\",supervisor=\"runit\"} 0\n\
             node_service_normal_state{service=\"web\",supervisor=\"runit\"} 1\n\
             node_service_state{service=\"off\",supervisor=\"runit\"} 0\n\
             node_service_state{service=\"web\",supervisor=\"runit\"} 1\n\
             node_service_state_last_change_timestamp_seconds{service=\"off\",supervisor=\"runit\"} 1.7e+09\n\
             node_service_state_last_change_timestamp_seconds{service=\"web\",supervisor=\"runit\"} 1.7e+09\n"
        );
    }
}
