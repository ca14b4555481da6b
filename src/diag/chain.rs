//! An error with its causes, as one line.

use std::error::Error;

/// `making the folder: Permission denied`: every cause behind a colon, but for those that the error
/// before them names already.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut last = text.clone();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !last.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        last = said;
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot write out: {source}")]
    struct Named {
        source: std::io::Error,
    }

    #[test]
    fn nothing_is_said_twice() {
        let denied = || std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let named = Named { source: denied() };
        let plain = anyhow::Error::from(denied()).context("making the folder");
        let end = denied().to_string();
        assert_eq!(chain(&named), format!("cannot write out: {end}"));
        assert_eq!(chain(plain.as_ref()), format!("making the folder: {end}"));
        let above = anyhow::Error::from(named).context("rendering");
        assert_eq!(chain(above.as_ref()), format!("rendering: cannot write out: {end}"));
    }
}
