//! Metrics that jobs on the host leave behind as `*.prom` files in the text format.
//!
//! A file that cannot be read, or that carries timestamps, is left out as a whole and sets
//! `node_textfile_scrape_error`; the others are exposed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::{CollectError, Collector, Families, Host, Metric, On};
use crate::model::{MetricType, glob};

const ERROR: Metric = Metric::gauge(
    "node_textfile_scrape_error",
    "Whether some text file could not be read in this scrape.",
);
const MODIFIED: Metric =
    Metric::gauge("node_textfile_mtime_seconds", "When a text file was written, in Unix time.")
        .with(&["file"]);

pub(super) const COLLECTOR: Collector =
    Collector { name: "textfile", start: On, metrics: &[ERROR, MODIFIED], collect };

#[allow(clippy::unnecessary_wraps)] // what goes wrong is a metric here
fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let mut failed = false;
    let mut known: BTreeMap<String, Found> = BTreeMap::new();
    for pattern in &host.settings.textfile_directories {
        for folder in folders(pattern) {
            let files = match prom_files(&folder) {
                Ok(files) => files,
                Err(err) => {
                    tracing::debug!(folder = %folder.display(), "text files: {err}");
                    failed = true;
                    continue;
                }
            };
            for file in files {
                match read(&file) {
                    Ok((families, modified)) => {
                        out.put(&MODIFIED, &[&file.to_string_lossy()], modified);
                        for (name, family) in families {
                            failed |= !merge(&mut known, name, family, &file);
                        }
                    }
                    Err(problem) => {
                        tracing::debug!(file = %file.display(), "text file left out: {problem}");
                        failed = true;
                    }
                }
            }
        }
    }
    for (name, found) in known {
        show(&name, found, out);
    }
    out.put(&ERROR, &[], f64::from(u8::from(failed)));
    Ok(())
}

/// A family found in one or several files.
struct Found {
    family: Family,
    files: BTreeSet<String>,
}

/// Adds a family; false when another file described it otherwise, so that this one is left out.
fn merge(known: &mut BTreeMap<String, Found>, name: String, family: Family, file: &Path) -> bool {
    let file = file.to_string_lossy().into_owned();
    match known.get_mut(&name) {
        None => {
            known.insert(name, Found { family, files: BTreeSet::from([file]) });
            true
        }
        Some(found) if found.family.help == family.help && found.family.kind == family.kind => {
            found.family.samples.extend(family.samples);
            found.files.insert(file);
            true
        }
        Some(_) => false,
    }
}

fn show(name: &str, found: Found, out: &mut Families) {
    let Found { mut family, files } = found;
    let help = match family.help.take().filter(|help| !help.is_empty()) {
        Some(help) => help,
        None => {
            let files: Vec<&str> = files.iter().map(String::as_str).collect();
            format!("From {} without a description.", files.join(", "))
        }
    };
    // All series of a family have the same labels; a label that one lacks is empty.
    let special = ["le", "quantile"];
    let labels: BTreeSet<String> = family
        .samples
        .iter()
        .flat_map(|sample| sample.labels.keys())
        .filter(|label| !special.contains(&label.as_str()))
        .cloned()
        .collect();
    for sample in &mut family.samples {
        for label in &labels {
            sample.labels.entry(label.clone()).or_default();
        }
    }
    // Parts of one histogram or summary stay together: the buckets in their order, sum and count.
    let mut groups: BTreeMap<BTreeMap<String, String>, Vec<Sample>> = BTreeMap::new();
    for sample in family.samples {
        let mut group = sample.labels.clone();
        group.retain(|label, _| !special.contains(&label.as_str()));
        groups.entry(group).or_default().push(sample);
    }
    let composed = matches!(family.kind, MetricType::Histogram | MetricType::Summary);
    let rank = |sample: &Sample| SUFFIXES.iter().position(|suffix| *suffix == sample.suffix);
    for (group, mut samples) in groups {
        if composed {
            // Either part may be missing in the file, and is 0 then.
            for suffix in ["_sum", "_count"] {
                if samples.iter().all(|sample| sample.suffix != suffix) {
                    samples.push(Sample { suffix, labels: group.clone(), value: 0.0 });
                }
            }
            samples.sort_by_key(rank);
        }
        for Sample { suffix, labels, value } in &samples {
            let labels = labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            out.put_part(name, family.kind, &help, suffix, labels, *value);
        }
    }
}

/// What may follow the name of a family, in the order of the exposition.
const SUFFIXES: [&str; 4] = ["", "_bucket", "_sum", "_count"];

/// Folders a pattern names; a pattern that matches nothing stands for itself.
fn folders(pattern: &str) -> Vec<PathBuf> {
    if !pattern.contains(['*', '?', '[']) {
        return vec![PathBuf::from(pattern)];
    }
    let found = glob(Path::new(pattern)).unwrap_or_default();
    if found.is_empty() { vec![PathBuf::from(pattern)] } else { found }
}

fn prom_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "prom") {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files)
}

fn read(file: &Path) -> Result<(BTreeMap<String, Family>, f64), String> {
    let text = fs::read_to_string(file).map_err(|err| err.to_string())?;
    let families = parse(&text)?;
    let modified =
        fs::metadata(file).and_then(|meta| meta.modified()).map_err(|err| err.to_string())?;
    let modified = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok((families, modified.as_secs() as f64))
}

#[derive(Debug, Default, PartialEq)]
struct Family {
    kind: MetricType,
    help: Option<String>,
    samples: Vec<Sample>,
}

#[derive(Debug, PartialEq)]
struct Sample {
    suffix: &'static str,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// Reads the text format 0.0.4.
fn parse(text: &str) -> Result<BTreeMap<String, Family>, String> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    for (at, line) in text.lines().enumerate() {
        let problem = |what: &str| format!("line {}: {what}", at + 1);
        let line = line.trim();
        if let Some(comment) = line.strip_prefix('#') {
            let mut words = comment.trim_start().splitn(3, [' ', '\t']);
            let (word, name) = (words.next(), words.next().unwrap_or_default().trim());
            let rest = words.next().unwrap_or_default().trim();
            match word {
                Some("HELP") => {
                    let family = families.entry(name.to_owned()).or_default();
                    if family.help.is_some() {
                        return Err(problem("a second HELP"));
                    }
                    family.help = Some(unescape(rest, false));
                }
                Some("TYPE") => {
                    let family = families.entry(name.to_owned()).or_default();
                    if !family.samples.is_empty() {
                        return Err(problem("a TYPE behind its samples"));
                    }
                    family.kind = match rest {
                        "counter" => MetricType::Counter,
                        "gauge" => MetricType::Gauge,
                        "histogram" => MetricType::Histogram,
                        "summary" => MetricType::Summary,
                        "untyped" => MetricType::Unknown,
                        _ => return Err(problem("an unknown type")),
                    };
                }
                _ => {}
            }
        } else if !line.is_empty() {
            let (name, labels, value) = sample(line).map_err(problem)?;
            let (family, suffix) = family_of(&families, name);
            let sample = Sample { suffix, labels, value };
            families.entry(family.to_owned()).or_default().samples.push(sample);
        }
    }
    families.retain(|_, family| !family.samples.is_empty());
    Ok(families)
}

/// The family a series belongs to: `x_bucket` is part of a histogram `x`.
fn family_of<'a>(families: &BTreeMap<String, Family>, name: &'a str) -> (&'a str, &'static str) {
    for suffix in ["_bucket", "_sum", "_count"] {
        let Some(base) = name.strip_suffix(suffix) else { continue };
        match families.get(base).map(|family| family.kind) {
            Some(MetricType::Histogram) => return (base, suffix),
            Some(MetricType::Summary) if suffix != "_bucket" => return (base, suffix),
            _ => {}
        }
    }
    (name, "")
}

type Series<'a> = (&'a str, BTreeMap<String, String>, f64);

fn sample(line: &str) -> Result<Series<'_>, &'static str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let end = line.find(|c| !is_name(c)).ok_or("no value")?;
    let (name, mut rest) = line.split_at(end);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("not the name of a metric");
    }
    rest = rest.trim_start();
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside.trim_start();
        while !rest.starts_with('}') {
            let (label, after) = rest.split_once('=').ok_or("a label without a value")?;
            let after = after.trim_start().strip_prefix('"').ok_or("a value without quotes")?;
            let end = closing_quote(after).ok_or("a value without its closing quote")?;
            let value = unescape(&after[..end], true);
            if labels.insert(label.trim().to_owned(), value).is_some() {
                return Err("a label that comes twice");
            }
            rest = after[end + 1..].trim_start();
            match rest.strip_prefix(',') {
                Some(next) => rest = next.trim_start(),
                None if rest.starts_with('}') => {}
                None => return Err("neither `,` nor `}` behind a label"),
            }
        }
        rest = &rest[1..];
    }
    let mut words = rest.split_ascii_whitespace();
    let value = words.next().and_then(|word| word.parse().ok()).ok_or("no number")?;
    // The time would be that of an earlier scrape, and the series would end whenever it stands still.
    if words.next().is_some() {
        return Err("a timestamp, which text files must not have");
    }
    Ok((name, labels, value))
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

fn unescape(text: &str, quotes: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('"') if quotes => out.push('"'),
            Some('\\') | None => out.push('\\'),
            Some(other) => out.extend(['\\', other]),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::write_text;
    use crate::exporters::node::host::fixture;

    fn exposition(files: &[(&str, &str)]) -> String {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in files {
            fs::write(folder.path().join(name), text).expect("written");
        }
        let directory = folder.path().to_string_lossy().into_owned();
        let host = fixture::host_with(|config| {
            config.textfile_directories = vec![directory.clone()];
        });
        let mut out = Families::default();
        collect(&host, &mut out).expect("never an error");
        let mut text = String::new();
        write_text(&out, &mut text);
        text.replace(&directory, "DIR")
    }

    #[test]
    fn files_of_the_same_family_are_merged() {
        let text = exposition(&[
            ("a.prom", "# HELP x_total An X.\n# TYPE x_total counter\nx_total{file=\"a\"} 1\n"),
            ("b.prom", "# HELP x_total An X.\n# TYPE x_total counter\nx_total{other=\"b\\\"\"} 2"),
            ("c.txt", "not for us"),
        ]);
        assert!(text.contains("# HELP x_total An X.\n# TYPE x_total counter\n"));
        assert!(
            text.contains(
                "x_total{file=\"\",other=\"b\\\"\"} 2\nx_total{file=\"a\",other=\"\"} 1\n"
            )
        );
        assert!(text.contains("node_textfile_scrape_error 0\n"));
        assert!(text.contains("node_textfile_mtime_seconds{file=\"DIR/b.prom\"} 1"));
    }

    #[test]
    fn a_bad_file_costs_itself_and_is_reported() {
        for bad in ["x{", "x 1 1700000000000", "x{a=\"b\" c=\"d\"} 1", "1x 2", "x", "# TYPE x odd"]
        {
            let text = exposition(&[("bad.prom", bad), ("good.prom", "y 3\n")]);
            assert!(text.contains("y 3\n") && text.contains("scrape_error 1\n"), "{bad}: {text}");
            assert!(!text.contains("\nx"), "{bad}: {text}");
        }
    }

    #[test]
    fn histograms_and_summaries_stay_together() {
        let text = exposition(&[(
            "a.prom",
            "# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 3\nh_sum 4\nh_count 3\n\
             # TYPE s summary\ns{quantile=\"0.5\"} 7\ns_sum 8\ns_count 9\n",
        )]);
        let expected =
            "# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 3\nh_sum 4\n";
        assert!(text.contains(expected), "{text}");
        assert!(text.contains("s{quantile=\"0.5\"} 7\ns_sum 8\ns_count 9\n"), "{text}");
    }

    #[test]
    fn folders_may_have_wildcards_and_must_exist() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["job-a", "job-b", "other"] {
            fs::create_dir(folder.path().join(name)).expect("created");
        }
        let found = folders(&format!("{}/job-*", folder.path().display()));
        assert_eq!(found, [folder.path().join("job-a"), folder.path().join("job-b")]);
        assert_eq!(folders("/no/such/*"), [PathBuf::from("/no/such/*")]);
        assert!(exposition(&[]).contains("scrape_error 0"));
    }
}
