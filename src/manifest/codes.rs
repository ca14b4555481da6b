//! The kinds of findings that reading a manifest can make. All others are made by `check`.

use crate::diag::{Code, Severity};

/// Text that the notation does not allow.
pub const SYNTAX: Code = Code {
    code: "S001",
    name: "syntax",
    severity: Severity::Error,
    explain: "\
The text does not follow its notation: a quote or a brace is not closed, an indentation does not \
fit, a character cannot stand where it stands. Reading goes on behind the mistake, so the other \
findings are shown as well.

    env A=\"b            // the quote is not closed
    env A=\"b\"",
};

/// A duration without quotes.
pub const BARE_DURATION: Code = Code {
    code: "S002",
    name: "bare-duration",
    severity: Severity::Error,
    explain: "\
In KDL a word cannot begin with a digit, so a duration has to stand in quotes.

    retention time=30d      // not KDL
    retention time=\"30d\"",
};

/// A name that means nothing where it stands.
pub const UNKNOWN_NODE: Code = Code {
    code: "S003",
    name: "unknown-node",
    severity: Severity::Error,
    explain: "\
No setting or node of this name can be written here. Names are those of the tool that is set up, in \
its own spelling (`scrape_interval`, `keep_firing_for`).

    prometheus { scrape_intervall \"15s\" }
    prometheus { scrape_interval \"15s\" }",
};

/// A value of another kind than the setting takes.
pub const WRONG_TYPE: Code = Code {
    code: "S004",
    name: "wrong-type",
    severity: Severity::Error,
    explain: "\
The setting takes another kind of value: a number where a text was written, a single value where \
there are several, one of a few words.

    port \"80a\"
    port 80",
};

/// One thing defined twice.
pub const DUPLICATE: Code = Code {
    code: "S005",
    name: "duplicate-definition",
    severity: Severity::Error,
    explain: "\
A name that must be unique was defined twice, or one setting was given two values. Rename one, or \
write both together.

    service \"db\" { image \"mysql:8.4.6\" }
    service \"db\" { image \"redis:8\" }",
};

/// A part of a profile that changes nothing of the stack.
pub const PROFILE_OVERRIDES_NOTHING: Code = Code {
    code: "S011",
    name: "profile-overrides-nothing",
    severity: Severity::Warning,
    explain: "\
A profile is laid over the stack: nodes are joined by their kind and name. This one looks as if it \
meant a node of the stack and matches none, so it would add a new one.

    service \"caddy\" { image \"caddy:2.10.2\" }
    profile \"prod\" { service \"cady\" { replicas 2 } }",
};

/// Something that must be said and was not.
pub const MISSING_SETTING: Code = Code {
    code: "S012",
    name: "missing-setting",
    severity: Severity::Error,
    explain: "\
The node makes no sense without this setting.

    alert \"Down\" { for \"5m\" }
    alert \"Down\" { for \"5m\"; expr \"up == 0\" }",
};

/// A file that was to be included and cannot be.
pub const BAD_INCLUDE: Code = Code {
    code: "S013",
    name: "bad-include",
    severity: Severity::Error,
    explain: "\
The file of an `include` cannot be read, or it includes itself, directly or through others. Paths \
are relative to the file in which the `include` stands.",
};

/// Text that is too large or too deeply nested to be a manifest.
pub const TOO_LARGE: Code = Code {
    code: "S014",
    name: "too-large",
    severity: Severity::Error,
    explain: "\
A manifest may have 16 MB, 100 levels of nesting, and in YAML 1,000,000 values after all aliases are \
resolved. What is larger is not a manifest, or an attack.",
};

/// A port that cannot exist.
pub const PORT_OUT_OF_RANGE: Code = Code {
    code: "S107",
    name: "port-out-of-range",
    severity: Severity::Error,
    explain: "\
Ports are numbers from 1 to 65535.

    port 70000",
};

/// A text that is no duration.
pub const INVALID_DURATION: Code = Code {
    code: "S205",
    name: "invalid-duration",
    severity: Severity::Error,
    explain: "\
A duration is a number with a unit, or several with falling units: `500ms`, `15s`, `1m30s`, `2h`, \
`7d`, `1w`, `1y`. There are no fractions and no spaces.

    scrape_interval \"15 sec\"
    scrape_interval \"15s\"",
};

/// All of the above, by code.
pub const ALL: &[Code] = &[
    SYNTAX,
    BARE_DURATION,
    UNKNOWN_NODE,
    WRONG_TYPE,
    DUPLICATE,
    PROFILE_OVERRIDES_NOTHING,
    MISSING_SETTING,
    BAD_INCLUDE,
    TOO_LARGE,
    PORT_OUT_OF_RANGE,
    INVALID_DURATION,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_sorted() {
        assert!(ALL.windows(2).all(|pair| pair[0].code < pair[1].code));
        let names: std::collections::HashSet<&str> = ALL.iter().map(|code| code.name).collect();
        assert_eq!(names.len(), ALL.len());
    }
}
