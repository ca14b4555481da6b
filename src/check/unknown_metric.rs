//! An expression asks for a metric that nothing in the stack exposes.

use super::expressions::Expression;
use super::known::{Known, Reads, Series};
use super::{Input, Rule};
use crate::catalogue::{Rename, known_fields, renamed};
use crate::diag::{Findings, Severity, quoted_list};
use crate::promql::{Expr, SelectorUse};

pub(super) const RULE: Rule = Rule {
    code: "S303",
    name: "unknown-metric",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(input: &Input<'_>, findings: &mut Findings) {
    for (expression, _) in input.judged() {
        report(&RULE, input, expression, findings);
    }
}

/// Findings of `rule` for the names of one expression; nothing where the expression has a mistake.
pub(super) fn report(
    rule: &Rule,
    input: &Input<'_>,
    expression: &Expression<'_>,
    findings: &mut Findings,
) {
    let Some(tree) = expression.sound() else { return };
    for used in tree.selectors() {
        if used.selector.info_labels || is_absent(&used) {
            continue;
        }
        let Some((name, at)) = used.metric() else { continue };
        if expression.is_made_up(at) {
            continue;
        }
        let Some(unknown) = unknown(&input.known, name, &input.known.reads(used.selector)) else {
            continue;
        };
        let place = expression.place(input.files, at);
        let what = expression.site.what();
        let mut finding = rule.says(format!("{what}: {}", unknown.message));
        finding = finding.at(place, unknown.label);
        if unknown.doubtful && finding.severity == Severity::Error {
            finding.severity = Severity::Warning;
        }
        if let Some(owner) = unknown.owner {
            finding = finding.also(owner, "this one would expose it");
        }
        if let Some(help) = unknown.help {
            finding = finding.help(help);
        }
        if let Some(meant) = unknown.meant
            && input.files.text(place) == name
        {
            finding = finding.replace(&format!("write `{meant}`"), place, meant);
        }
        findings.push(finding);
    }
}

/// Whether a selector only asks if something is there: that is for the rules of `absent`.
pub(super) fn is_absent(used: &SelectorUse<'_>) -> bool {
    used.path
        .iter()
        .any(|node| matches!(node, Expr::Call(call) if call.function.name.starts_with("absent")))
}

/// A name that nothing has.
pub(super) struct Unknown {
    /// One sentence without the expression's own name.
    pub message: String,
    /// A few words for the place.
    pub label: &'static str,
    pub help: Option<String>,
    /// The name that was meant, where that is certain.
    pub meant: Option<String>,
    /// Where the one is declared that would have the metric.
    pub owner: Option<crate::diag::Span>,
    /// It may exist all the same.
    pub doubtful: bool,
}

/// Why a name is unknown; `None` if it exists or may well do so.
pub(super) fn unknown(known: &Known<'_>, name: &str, reads: &Reads<'_>) -> Option<Unknown> {
    if known.is_blind() {
        return None;
    }
    let open = reads.open();
    let history = renamed(name).filter(|rename| !known.named(rename.new).named.is_empty());
    let owner = || known.owner_of(name).and_then(|page| page.place);
    if let Some(Rename { new, program, since, .. }) = history {
        // The beginning alone says no more than nothing.
        let is_family = |series: &Series<'_>| matches!(series, Series::Scraped(_, m) if m.family);
        let open = reads.named.iter().all(is_family) && open;
        let message = if since.is_empty() {
            format!("{program} has no `{name}`; it shows that as `{new}`")
        } else {
            format!("`{name}` is called `{new}` since {program} {since}")
        };
        let same = new.starts_with(name) && !name.ends_with("_ms");
        return Some(Unknown {
            message,
            label: "an old name",
            help: Some(format!("write `{new}`")),
            meant: same.then(|| new.to_owned()),
            owner: owner(),
            doubtful: open,
        });
    }
    if !reads.named.is_empty() {
        return misspelt_field(known, name, reads);
    }
    let near = known.nearest(name);
    let page = known.owner_of(name);
    // Of several whose names begin so, the one that has what was meant.
    let page = page.map(|page| near.and_then(|near| known.page_of(near)).unwrap_or(page));
    if open && (near.is_none() || page.is_none()) {
        return None;
    }
    let message = match &page {
        Some(page) => format!("{} has no metric `{name}`", page.what),
        None => format!("nothing that is scraped has a metric `{name}`"),
    };
    let series = format!("{name}_bucket");
    let composed = known.all_names().any(|known| known == series);
    let help = if composed {
        format!("a histogram has the series `{name}_bucket`, `{name}_sum` and `{name}_count`")
    } else if let Some(near) = near {
        format!("did you mean `{near}`?")
    } else if page.is_some() {
        "`stackctl run` with the exporter's name shows what it exposes; a text file or a newer \
         version may have more: then say `lint allow=\"S303\"`"
            .to_owned()
    } else {
        let jobs = quoted_list(known.jobs.iter().map(|job| job.name.as_str()));
        format!(
            "jobs here: {jobs}; a service tells its metrics in `metrics {{ counter \"{name}\" }}`, or \
             `open=#true` there says that it has further ones"
        )
    };
    let near = near.filter(|_| !composed);
    Some(Unknown {
        message,
        label: "not known",
        help: Some(help),
        meant: near.map(str::to_owned),
        owner: page.and_then(|page| page.place),
        doubtful: open || page.is_none() && near.is_none(),
    })
}

/// A name of an open family that is nearly one of its well-known members.
fn misspelt_field(known: &Known<'_>, name: &str, reads: &Reads<'_>) -> Option<Unknown> {
    let mut family = None;
    for series in &reads.named {
        match series {
            Series::Scraped(_, metric) if metric.family => family = Some(*metric),
            _ => return None,
        }
    }
    let family = family?;
    let field = name.strip_prefix(&*family.name)?;
    let fields = known_fields(&family.name);
    if fields.contains(&field) {
        return None;
    }
    let close = |other: &str| {
        field.len() > 5 && strsim::osa_distance(field, other) <= 1 + usize::from(field.len() > 12)
    };
    let usual = || fields.iter().copied().find(|other| close(other));
    // A part shows more than is declared of it, and what is declared may be what was meant.
    let declared = || {
        let mut names = known.all_names().filter_map(|other| other.strip_prefix(&*family.name));
        names.find(|other| close(other))
    };
    let meant = usual().or_else(declared)?;
    let meant = format!("{}{meant}", family.name);
    Some(Unknown {
        message: format!("`{name}` is most likely misspelt"),
        label: "no usual name",
        help: Some(format!("did you mean `{meant}`?")),
        meant: Some(meant),
        owner: None,
        doubtful: true,
    })
}

const EXPLAIN: &str = r##"Nothing in the stack exposes or records a metric of this name, so the expression gives nothing: an
alert never fires, a panel stays empty.

    expr "rate(node_cpu[5m])"                  // node_cpu_seconds_total since node_exporter 0.16

What the exporters and parts of a stack expose is known; a service says it in its `metrics` block or
names a saved page there. It is an error where the metric could only come from something whose metrics
are all known, and a warning where others may have it, or where nothing tells who should.

Write the name that exists, declare the metric, or say `open=#true` in the `metrics` block of a service
that has more than it tells."##;
