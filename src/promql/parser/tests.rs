use super::*;

/// The first error as Prometheus prints it.
fn error(text: &str) -> String {
    parse(text).expect_err(text).to_string()
}

#[test]
fn mistakes_read_as_prometheus_says_them() {
    for (text, message) in [
        ("", "1:1: parse error: no expression found in input"),
        ("foo bar", "1:5: parse error: unexpected identifier \"bar\""),
    ] {
        assert_eq!(error(text), message, "{text}");
    }
}
