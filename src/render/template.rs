//! Text outputs made of templates: the environment that all of them have, and our own small ones. Those
//! of the user are in [`super::user_templates`].

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{Environment, UndefinedBehavior};

/// Renders one of our own templates.
///
/// # Panics
/// Never: they are part of the program, and a test renders each.
pub(super) fn builtin(name: &str, source: &str, values: &Value) -> String {
    let mut environment = environment();
    environment
        .add_template(name, source)
        .and_then(|()| environment.get_template(name)?.render(values))
        .unwrap_or_else(|err| panic!("the built-in template {name} does not work: {err:#}"))
}

/// Text as it is, lines of blocks without a trace, filters for the formats at hand.
pub(super) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    // Only changed delimiters could be refused.
    if let Ok(syntax) = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()
    {
        environment.set_syntax(syntax);
    }
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.add_filter("sh", |text: &str| shell_word(text));
    environment.add_filter("sql", sql_text);
    environment.add_filter("caddy", |text: &str| caddy_token(text));
    environment.add_filter("make", |text: &str| text.replace('$', "$$").replace('#', "\\#"));
    environment
}

fn sql_text(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\'', "\\'")
}

/// One word for a shell.
pub(super) fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=,+@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// One token of a Caddyfile.
fn caddy_token(text: &str) -> String {
    let special = |c: char| c.is_whitespace() || matches!(c, '"' | '`' | '#' | '\\');
    if text.is_empty() || text == "{" || text == "}" || text.contains(special) {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_their_reader() {
        assert_eq!(shell_word("it's $x"), r"'it'\''s $x'");
        assert_eq!(shell_word("/run/secrets/a"), "/run/secrets/a");
        assert_eq!(sql_text(r"a\'b"), r"a\\\'b");
        assert_eq!(caddy_token("/wa/*"), "/wa/*");
        assert_eq!(caddy_token("a \"b\""), r#""a \"b\"""#);
    }
}
