//! A name for a finding that stays when lines move, so that a program can tell the known from the new.

use std::collections::HashMap;

use xxhash_rust::xxh3::xxh3_128;

use super::{Report, plain_path};

/// One fingerprint for each finding, in their order, all different: 32 hexadecimal digits made of the
/// code, the file and the message; of several that are alike in all of them, the number as well.
pub(super) fn fingerprints(report: &Report<'_>) -> Vec<String> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let one = |finding: &crate::diag::Finding| {
        let file = plain_path(report.file_of(finding));
        let what = format!("{}\n{file}\n{}", finding.code, finding.message);
        let nth = seen.entry(what.clone()).and_modify(|nth| *nth += 1).or_insert(0);
        format!("{:032x}", xxh3_128(format!("{what}\n{nth}").as_bytes()))
    };
    report.findings.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::report::tests::CODE;
    use crate::diag::{Files, Findings, Span};

    fn of(places: &[usize]) -> Vec<String> {
        let mut files = Files::default();
        let id = files.add("a.kdl", "some text with places");
        let findings: Findings =
            places.iter().map(|&at| CODE.says("m").at(Span::new(id, at..at + 1), "")).collect();
        let report = Report { findings: &findings, files: &files, rules: &[], color: false };
        fingerprints(&report)
    }

    #[test]
    fn a_fingerprint_stays_when_lines_move_and_no_two_are_alike() {
        let (first, moved) = (of(&[1, 3]), of(&[4, 9]));
        assert_eq!(first, moved);
        assert_ne!(first[0], first[1]);
    }
}
