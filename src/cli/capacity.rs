//! `capacity`: what a stack will have to carry.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, ValueEnum};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use super::printer::out;
use super::query;
use super::validate::{self, Source};
use crate::check::capacity::{Basis, Capacity, Engine, JobCost, OWN, REFERENCE, USUAL_MACHINE};
use crate::model::format_duration;

/// Estimates series, samples a second, disk and memory by scrape job, from what the manifest declares.
#[derive(Debug, Args)]
pub struct CapacityCommand {
    #[command(flatten)]
    source: Source,
    /// Form of the report.
    #[arg(long, value_name = "FORM", default_value = "text")]
    format: Format,
    /// Compare with what a server has that runs: that of the running stack, or the one at this address.
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "")]
    measure: Option<String>,
    /// How many of the costliest metrics to show.
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    top: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

impl CapacityCommand {
    /// Exit code 1 if the manifest has errors.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let loaded = self.source.load()?;
        if validate::is_hindered(&loaded) {
            validate::show(&loaded);
            return Ok(ExitCode::from(1));
        }
        if loaded.stack.prometheus.is_none() {
            bail!("the stack `{}` has no prometheus: nothing is scraped", loaded.stack.name());
        }
        let capacity = Capacity::of(&loaded.stack, &loaded.files);
        let measured = match self.measure {
            Some(url) => Some(super::small_runtime()?.block_on(measure(url))?),
            None => None,
        };
        let text = match self.format {
            Format::Text => {
                let mut text = text(&capacity, self.top);
                if let Some(measured) = &measured {
                    compared(&capacity, measured, &mut text);
                }
                text
            }
            Format::Json => {
                let answer = Answer::of(&capacity, measured.as_deref());
                format!("{}\n", serde_json::to_string_pretty(&answer)?)
            }
        };
        out().write_all(text.as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The report for programs.
#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    capacity: &'a Capacity,
    engines: Vec<Need>,
    #[serde(skip_serializing_if = "Option::is_none")]
    measured: Option<&'a [Measured]>,
}

/// What an engine needs for all of it.
#[derive(Serialize)]
struct Need {
    #[serde(flatten)]
    engine: Engine,
    memory_bytes: f64,
    /// For the time that samples are kept; missing where only their size is limited.
    disk_bytes: Option<f64>,
    /// How long samples are there until the limit in size is reached.
    size_lasts_seconds: Option<f64>,
}

impl<'a> Answer<'a> {
    fn of(capacity: &'a Capacity, measured: Option<&'a [Measured]>) -> Self {
        let rate = capacity.samples_per_second;
        let need = |engine: Engine| Need {
            engine,
            memory_bytes: engine.memory(capacity.series),
            disk_bytes: capacity.retention_ms.map(|kept| engine.disk(rate, kept)),
            size_lasts_seconds: capacity
                .size_limit
                .filter(|_| rate > 0.0)
                .map(|size| size as f64 / (rate * engine.sample_bytes[0])),
        };
        Self { capacity, engines: vec![need(REFERENCE), need(OWN)], measured }
    }
}

/// What a running server has of a job.
#[derive(Serialize)]
struct Measured {
    job: String,
    targets: f64,
    series: f64,
}

/// Asks a server for the targets of its jobs and the samples that their last scrapes kept.
async fn measure(url: String) -> anyhow::Result<Vec<Measured>> {
    let server = query::server(Some(url).filter(|url| !url.is_empty())).await;
    let targets = query::instant(&server, "count by (job) (up)").await?;
    // Each scrape makes five samples of its own.
    let kept = "sum by (job) (scrape_samples_post_metric_relabeling + 5)";
    let kept = query::instant(&server, kept).await?;
    let job = |labels: &BTreeMap<String, String>| labels.get("job").cloned().unwrap_or_default();
    let mut measured: Vec<Measured> = targets
        .iter()
        .map(|(labels, targets)| {
            let job = job(labels);
            let same =
                |(other, _): &&(BTreeMap<String, String>, f64)| other.get("job") == Some(&job);
            let series = kept.iter().find(same).map_or(0.0, |(_, series)| *series);
            Measured { job, targets: *targets, series }
        })
        .collect();
    measured.sort_by(|a, b| b.series.total_cmp(&a.series).then_with(|| a.job.cmp(&b.job)));
    Ok(measured)
}

fn compared(capacity: &Capacity, measured: &[Measured], text: &mut String) {
    let mut table = table(["MEASURED", "TARGETS", "SERIES", "ESTIMATED", "RATIO"]);
    for Measured { job, targets, series } in measured {
        let estimated = capacity.jobs.iter().find(|known| known.job == *job);
        let estimated = estimated.map(|known| known.series);
        table.add_row([
            job.clone(),
            number(*targets),
            number(*series),
            estimated.map_or_else(|| "-".to_owned(), number),
            estimated
                .filter(|_| *series > 0.0)
                .map_or_else(|| "-".to_owned(), |estimated| format!("{:.2}", estimated / series)),
        ]);
    }
    for job in &capacity.jobs {
        if measured.iter().all(|known| known.job != job.job) {
            let row = [job.job.clone(), "-".into(), "-".into(), number(job.series), "-".into()];
            table.add_row(row);
        }
    }
    text.push('\n');
    push(text, &table);
}

fn text(capacity: &Capacity, top: usize) -> String {
    let mut text = String::new();
    let kept = capacity.retention_ms;
    let mut jobs = table([
        "JOB",
        "TARGETS",
        "SERIES EACH",
        "SERIES",
        "EVERY",
        "SAMPLES/S",
        "DISK",
        "MEMORY",
        "",
    ]);
    for job in &capacity.jobs {
        let targets =
            if job.targets_known { job.targets.to_string() } else { format!("{}?", job.targets) };
        jobs.add_row([
            job.job.clone(),
            targets,
            number(job.series_per_target),
            number(job.series),
            every(job.interval_ms),
            rate(job.samples_per_second),
            kept.map_or_else(
                || "-".to_owned(),
                |kept| bytes(REFERENCE.disk(job.samples_per_second, kept)),
            ),
            bytes(REFERENCE.memory(job.series)),
            job.basis.word().to_owned(),
        ]);
    }
    for group in &capacity.groups {
        jobs.add_row([
            format!("rules {}", group.group),
            String::new(),
            String::new(),
            number(group.series),
            every(group.interval_ms),
            rate(group.samples_per_second),
            kept.map_or_else(
                || "-".to_owned(),
                |kept| bytes(REFERENCE.disk(group.samples_per_second, kept)),
            ),
            bytes(REFERENCE.memory(group.series)),
            Basis::Guess.word().to_owned(),
        ]);
    }
    push(&mut text, &jobs);
    costliest(capacity, top, &mut text);
    let _ = writeln!(
        text,
        "\nall: {} series, {} samples/s",
        number(capacity.series),
        rate(capacity.samples_per_second)
    );
    if capacity.shards > 1 {
        let part = |whole: f64| whole / capacity.shards as f64;
        let _ = writeln!(
            text,
            "each of {} shards: about {} series, {} samples/s, {} of memory",
            capacity.shards,
            number(part(capacity.series)),
            rate(part(capacity.samples_per_second)),
            bytes(REFERENCE.memory(part(capacity.series)))
        );
    }
    totals(capacity, &mut text);
    notes(capacity, &mut text);
    text
}

/// The metrics and collectors that cost most, whichever job they are of.
fn costliest(capacity: &Capacity, top: usize, text: &mut String) {
    let per_second = |job: &JobCost, series: f64| {
        series * job.targets as f64 * 1000.0 / job.interval_ms.max(1) as f64
    };
    let mut all: Vec<_> = capacity
        .jobs
        .iter()
        .flat_map(|job| job.shares.iter().map(move |share| (job, share)))
        .filter(|(_, share)| share.series > 1.0)
        .collect();
    all.sort_by(|(a, x), (b, y)| per_second(b, y.series).total_cmp(&per_second(a, x.series)));
    let shown = all.len().min(top);
    if shown == 0 {
        return;
    }
    let mut table = table(["COSTLIEST", "JOB", "SERIES", "SAMPLES/S", ""]);
    for (job, share) in all.into_iter().take(shown) {
        table.add_row([
            share.name.clone(),
            job.job.clone(),
            number(share.series * job.targets as f64),
            rate(per_second(job, share.series)),
            share.basis.word().to_owned(),
        ]);
    }
    text.push('\n');
    push(text, &table);
}

fn totals(capacity: &Capacity, text: &mut String) {
    let samples = capacity.samples_per_second;
    let mut table =
        table(["ENGINE", "DISK", "FROM", "TO", "MEMORY", "BYTES/SAMPLE", "BYTES/SERIES"]);
    for engine in [REFERENCE, OWN] {
        let [usual, least, most] = engine.sample_bytes;
        let disk = |sample: f64| match capacity.retention_ms {
            Some(kept) => bytes(samples * kept as f64 / 1000.0 * sample),
            None => "-".to_owned(),
        };
        table.add_row([
            engine.name.to_owned(),
            disk(usual),
            disk(least),
            disk(most),
            bytes(engine.memory(capacity.series)),
            format!("{usual} ({least} to {most})"),
            number(engine.series_bytes),
        ]);
    }
    match (capacity.retention_ms, capacity.size_limit) {
        (Some(kept), limit) => {
            let _ = write!(text, "kept {}", every(kept));
            if let Some(limit) = limit {
                let _ = write!(text, ", at most {}", bytes(limit as f64));
            }
            text.push('\n');
        }
        (None, Some(limit)) if samples > 0.0 => {
            let seconds = limit as f64 / (samples * REFERENCE.sample_bytes[0]);
            let _ = writeln!(
                text,
                "kept until there are {}: about {} days with prometheus",
                bytes(limit as f64),
                number(seconds / 86_400.0)
            );
        }
        _ => {}
    }
    text.push('\n');
    push(text, &table);
}

fn notes(capacity: &Capacity, text: &mut String) {
    let mut notes = Vec::new();
    let has = |basis: Basis| {
        capacity.jobs.iter().flat_map(|job| &job.shares).any(|share| share.basis == basis)
    };
    if has(Basis::Usual) {
        notes.push(format!(
            "usual: counted on other systems; the node exporter on a machine with {USUAL_MACHINE}"
        ));
    }
    if has(Basis::Guess) {
        notes.push(
            "guess: labels whose values nobody told; say `series=` at the metric, its `metrics`, the exporter or the scrape job"
                .to_owned(),
        );
    }
    for job in capacity.jobs.iter().filter(|job| !job.targets_known) {
        notes.push(format!(
            "{}: its targets are discovered and counted as {}; say `expected_targets`",
            job.job, job.targets
        ));
    }
    for job in capacity.jobs.iter().filter(|job| job.anew_on_deploy > 0.0) {
        notes.push(format!(
            "{}: {} series begin anew when its containers are replaced",
            job.job,
            number(job.anew_on_deploy)
        ));
    }
    notes.push(
        "memory: for the series of the last hours; the program itself, queries and the page cache come besides"
            .to_owned(),
    );
    notes.push("disk: the log of the last hours comes besides".to_owned());
    text.push('\n');
    for note in notes {
        let _ = writeln!(text, "{note}");
    }
}

fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(header);
    for (index, column) in table.column_iter_mut().enumerate() {
        if index > 0 && !header[index].is_empty() && header[index] != "JOB" {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn push(text: &mut String, table: &Table) {
    for line in table.lines() {
        text.push_str(line.strip_prefix(' ').unwrap_or(&line).trim_end());
        text.push('\n');
    }
}

/// A number with thousands apart: `12,345`.
fn number(value: f64) -> String {
    let digits = format!("{:.0}", value.round());
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn rate(value: f64) -> String {
    if value < 10.0 { format!("{value:.1}") } else { number(value) }
}

fn every(ms: i64) -> String {
    format_duration(std::time::Duration::from_millis(ms.unsigned_abs()))
}

/// Bytes with one decimal of the unit that fits: `1.5 GB`; units are powers of 1024, as `retention
/// size` has them.
fn bytes(bytes: f64) -> String {
    const UNITS: [&str; 6] = ["B", "KB", "MB", "GB", "TB", "PB"];
    let mut value = bytes;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{value:.0} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_readable() {
        assert_eq!([7.4, 1234.0, 1_234_567.0].map(number), ["7", "1,234", "1,234,567"]);
        assert_eq!([0.25, 9.94, 1500.0].map(rate), ["0.2", "9.9", "1,500"]);
        let amounts = [12.0, 2048.0, 1.5 * 1024.0 * 1024.0 * 1024.0];
        assert_eq!(amounts.map(bytes), ["12 B", "2.0 KB", "1.5 GB"]);
    }
}
