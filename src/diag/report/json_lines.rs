//! `json-lines`: the objects of `json`, one a line, for programs that read line by line.

use super::{Form, json};

pub(super) const FORM: Form = Form {
    name: "json-lines",
    about: "One object a line",
    print: |report, out| {
        report
            .findings
            .iter()
            .try_for_each(|finding| writeln!(out, "{}", json::one(finding, report.files)))
    },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::report::tests::printed;

    #[test]
    fn every_line_is_an_object() {
        let text = printed(&FORM);
        let codes = text.lines().map(|line| {
            let json: serde_json::Value = serde_json::from_str(line).expect("JSON");
            json["code"].clone()
        });
        assert_eq!(codes.collect::<Vec<_>>(), ["S003", "S003"]);
    }
}
