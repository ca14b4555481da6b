//! Matchers of alerts, as routes, mutes and inhibitions have them.

/// `severity="critical", team=~"a,b"` as single matchers; braces around them are dropped.
pub fn matchers(said: &str) -> Vec<String> {
    let said = said.trim();
    let said = said.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(said);
    let mut parts = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for c in said.chars() {
        match c {
            ',' if !quoted => parts.push(String::new()),
            c => {
                quoted ^= c == '"' && !escaped;
                escaped = c == '\\' && quoted && !escaped;
                parts.last_mut().expect("there is always a part").push(c);
            }
        }
    }
    parts
        .iter()
        .map(|part| part.trim())
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matchers_are_split_outside_of_quotes() {
        assert_eq!(
            matchers(r#"severity="critical", team=~"a,b\",c" "#),
            [r#"severity="critical""#, r#"team=~"a,b\",c""#]
        );
        assert_eq!(matchers(r#"{a="b",c!="d"}"#), [r#"a="b""#, r#"c!="d""#]);
        assert_eq!(matchers(" "), Vec::<String>::new());
    }
}
