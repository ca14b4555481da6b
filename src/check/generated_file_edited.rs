//! A rendered file was changed by hand: what `render` says, as a rule to look up.

use crate::diag::{Code, Severity};

/// Said by `render`, which alone sees the files.
pub const CODE: Code = Code {
    code: "S808",
    name: "generated-file-edited",
    severity: Severity::Error,
    explain: EXPLAIN,
};

const EXPLAIN: &str = r##"Rendered files belong to the manifest. One that differs from what was rendered was changed by hand, and the next
render would throw the change away; so it writes nothing, and asks.

    stackctl render --diff          what would change
    stackctl render --adopt         keep the files as they are, until the manifest wants something else there
    stackctl render --overwrite     throw the changes away

Better: say in the manifest what the file should say."##;
