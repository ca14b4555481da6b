//! Text outputs: our own small templates, and those of the user, which see the whole stack.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{Environment, UndefinedBehavior, context};

use super::endpoints::endpoints;
use super::{Output, Plan, RenderError, Renderer};

pub(super) const RENDERER: Renderer = Renderer { name: "templates", render };

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

fn environment() -> Environment<'static> {
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

fn render(plan: &Plan, out: &mut Vec<Output>) -> Result<(), RenderError> {
    let stack = plan.stack;
    if stack.templates.is_empty() {
        return Ok(());
    }
    let endpoints: Vec<Value> = endpoints(stack)
        .iter()
        .map(|endpoint| {
            let published = endpoint.published.as_ref().map(|published| {
                context! { bind => published.bind.as_str(), port => published.port }
            });
            context! {
                host => endpoint.host.as_str(),
                port => endpoint.port,
                protocol => endpoint.protocol.name(),
                published => published,
            }
        })
        .collect();
    let parts: Vec<Value> = super::parts(stack)
        .iter()
        .map(|part| {
            context! {
                name => part.name.as_str(),
                image => part.image.as_str(),
                port => part.port,
                host_port => part.host_port,
                bind => part.bind.as_str(),
                argv => part.argv.iter().map(|word| Value::from(word.as_str())).collect::<Vec<_>>(),
            }
        })
        .collect();
    let values = context! {
        name => stack.name(),
        target => plan.target.name(),
        stack => Value::from(Serde(stack)),
        endpoints => endpoints,
        parts => parts,
        jobs => Value::from(Serde(super::jobs(stack))),
        ..Value::from(Serde(stack))
    };
    for template in &stack.templates {
        let path = &template.from.value;
        let source = plan.read(path, "a template")?;
        let mut environment = environment();
        // A setting that nobody wrote is nothing, not an error: everything in a manifest is optional.
        environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        let text = environment
            .template_from_named_str(path, &source)
            .and_then(|template| template.render(&values))
            .map_err(|err| RenderError::Template {
                path: path.clone(),
                message: format!("{err:#}"),
            })?;
        out.push(Output::text(template.to.value.clone(), text));
    }
    Ok(())
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
