//! Templates of the user: files that see the whole stack, as the target has it. What is wrong with one
//! is said at its node in the manifest, with the line and column of the template.

use std::collections::HashMap;
use std::error::Error as _;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::value::{Serde, Value};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, context, escape_formatter};

use super::endpoints::endpoints;
use super::kubernetes::is_open;
use super::systemd::{self, places};
use super::template::environment;
use super::{Output, Plan, RenderError, Renderer, Setting, target};
use crate::diag::Span;
use crate::manifest::{RenderTarget, Stack, Template};
use crate::wire::prometheus::{Config, ScrapeConfig};

pub(super) const RENDERER: Renderer = Renderer { name: "templates", render };

/// Steps that a template may take: some seconds at most, and some hundred megabytes.
const MOST_STEPS: u64 = 5_000_000;
/// Bytes that may come out.
const MOST_BYTES: usize = 16 << 20;
/// Templates that may lie in each other.
const DEEPEST: usize = 50;

/// Something that is wrong with a template of the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateFault {
    /// Its place in the manifest.
    pub span: Span,
    /// What is wrong, with the place in the template.
    pub message: String,
    /// What to do; empty where the message says it.
    pub help: String,
}

/// Everything that is wrong with the templates of a stack.
pub fn template_faults(
    stack: &Stack,
    setting: &Setting,
    target: RenderTarget,
) -> Vec<TemplateFault> {
    if stack.templates.is_empty() {
        return Vec::new();
    }
    let plan = Plan { stack, base: setting.base, sources: setting.sources, target };
    let values = values(&plan);
    let mut faults: Vec<TemplateFault> = stack
        .templates
        .iter()
        .filter_map(|template| text(&plan, template, &values).err())
        .collect();
    faults.extend(misplaced(&plan));
    faults
}

fn render(plan: &Plan, out: &mut Vec<Output>) -> Result<(), RenderError> {
    if plan.stack.templates.is_empty() {
        return Ok(());
    }
    let values = values(plan);
    for template in &plan.stack.templates {
        let text = text(plan, template, &values)
            .map_err(|fault| RenderError::Template { message: fault.message })?;
        out.push(Output::text(template.to.value.clone(), text));
    }
    Ok(())
}

/// Outputs of templates that have no place of their own in the folder.
fn misplaced(plan: &Plan) -> Vec<TemplateFault> {
    let mut taken: Vec<Output> = Vec::new();
    for renderer in target::renderers(plan.target).iter().filter(|it| it.name != RENDERER.name) {
        // What cannot be rendered is said by whoever asks for it.
        let _ = (renderer.render)(plan, &mut taken);
    }
    let mut paths: Vec<(String, &str)> =
        taken.into_iter().map(|output| (output.path, "is rendered by itself")).collect();
    let mut faults = Vec::new();
    for template in &plan.stack.templates {
        let (to, span) = (&template.to.value, template.to.span);
        let fault = |message: String, help: &str| {
            let help = help.to_owned();
            TemplateFault { span, message, help }
        };
        if !Output::text(to.clone(), "").stays_inside() {
            faults.push(fault(
                format!("`{to}` does not stay inside the output folder"),
                "write a plain path below it: `conf/nagios.cfg`",
            ));
            continue;
        }
        let lies_in = |inner: &str, outer: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'))
        };
        let clash = paths.iter().find_map(|(path, why)| {
            if path == to {
                Some(format!("`{to}` {why}"))
            } else if lies_in(path, to) {
                Some(format!("`{to}` is a folder: `{path}` is in it"))
            } else if lies_in(to, path) {
                Some(format!("`{path}` is a file, and `{to}` would be in it"))
            } else {
                None
            }
        });
        if let Some(message) = clash {
            faults.push(fault(message, "give the output of the template another path"));
        }
        paths.push((to.clone(), "is the output of another template"));
    }
    faults
}

/// What a template sees.
fn values(plan: &Plan) -> Value {
    let stack = plan.stack;
    let known = plain(stack);
    context! {
        name => stack.name(),
        target => plan.target.name(),
        stack => known.clone(),
        endpoints => listening(plan),
        parts => parts(plan),
        jobs => plain(&jobs(plan)),
        ..known
    }
}

/// A value in which what is not set is not there, so that `default` stands in for it.
fn plain<T: serde::Serialize>(value: &T) -> Value {
    fn strip(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Array(items) => items.iter_mut().for_each(strip),
            serde_json::Value::Object(fields) => {
                fields.retain(|_, field| !field.is_null());
                fields.values_mut().for_each(strip);
            }
            _ => {}
        }
    }
    let mut value = serde_json::to_value(value).unwrap_or_default();
    strip(&mut value);
    Value::from(Serde(value))
}

/// What listens where. In a cluster a port of a machine's own address is reached by nobody from the
/// outside; without containers names are not resolved, so that an address says where something is.
fn listening(plan: &Plan) -> Vec<Value> {
    let in_cluster = in_cluster(plan.target);
    let one = |endpoint: super::Endpoint| {
        let published = endpoint
            .published
            .filter(|published| !in_cluster || endpoint.external || is_open(&published.bind));
        let inside = format!("{}:{}", endpoint.host, endpoint.port);
        let address = match (&published, plan.target) {
            (Some(published), RenderTarget::Systemd) => published.reachable(),
            _ => inside,
        };
        let published = published.map_or(Value::UNDEFINED, |published| {
            context! { bind => published.bind, port => published.port }
        });
        context! {
            host => endpoint.host,
            port => endpoint.port,
            protocol => endpoint.protocol.name(),
            address => address,
            published => published,
        }
    };
    endpoints(plan.stack).into_iter().map(one).collect()
}

fn in_cluster(target: RenderTarget) -> bool {
    matches!(target, RenderTarget::Kubernetes | RenderTarget::KubernetesOperator)
}

/// The monitoring parts as the target starts them.
fn parts(plan: &Plan) -> Vec<Value> {
    let stack = plan.stack;
    let parts = super::parts(stack).into_iter();
    let systemd = plan.target == RenderTarget::Systemd;
    let started = parts.filter(|part| !systemd || places::runs(part.kind));
    let one = |part: super::Part| {
        let argv = match plan.target {
            RenderTarget::Systemd => systemd::flags(stack, &part),
            _ => part.argv,
        };
        let outside = match in_cluster(plan.target) {
            true => (is_open(&part.bind) && part.publish).then_some(part.host_port),
            false => Some(part.host_port),
        };
        let outside = outside.map_or(Value::UNDEFINED, Value::from);
        context! {
            name => part.name,
            image => if systemd { Value::UNDEFINED } else { part.image.into() },
            port => part.port,
            host_port => outside,
            bind => part.bind,
            argv => argv,
        }
    };
    started.map(one).collect()
}

/// The jobs as the target's prometheus.yml has them.
fn jobs(plan: &Plan) -> Vec<ScrapeConfig> {
    let jobs = super::jobs(plan.stack);
    let mut config = Config { scrape_configs: jobs, ..Config::default() };
    target::adapt(plan, &mut config);
    config.scrape_configs
}

/// Texts of the templates that others include, and names that were asked for and are not among them.
#[derive(Debug, Default)]
struct Included {
    texts: HashMap<String, String>,
    asked: Vec<String>,
}

/// What comes out of a template.
fn text(plan: &Plan, template: &Template, values: &Value) -> Result<String, TemplateFault> {
    let path = template.from.as_str();
    let fault = |message: String, help: &str| TemplateFault {
        span: template.from.span,
        message,
        help: help.to_owned(),
    };
    let source = plan
        .sources
        .read(path)
        .map_err(|err| fault(format!("template `{path}` cannot be read: {err}"), ""))?;
    let included = Arc::new(Mutex::new(Included::default()));
    // What is included is known when it is asked for: it is read then, and the work is done once more.
    loop {
        let result = attempt(path, &source, values, &included);
        let mut included = included.lock().unwrap_or_else(PoisonError::into_inner);
        let mut any = false;
        for name in std::mem::take(&mut included.asked) {
            if let Ok(text) = plan.sources.read(&name) {
                any = true;
                included.texts.insert(name, text);
            }
        }
        if any {
            continue;
        }
        return result.map_err(|err| {
            let (message, help) = explained(&err, path, &source, &included.texts);
            fault(message, help)
        });
    }
}

fn attempt(
    path: &str,
    source: &str,
    values: &Value,
    included: &Arc<Mutex<Included>>,
) -> Result<String, Error> {
    let mut environment: Environment<'_> = environment();
    // Settings of what is not there are not there either; only what is written needs a value.
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_formatter(|out, state, value| match value.is_undefined() || value.is_none() {
        true => Err(ErrorKind::UndefinedError.into()),
        false => escape_formatter(out, state, value),
    });
    environment.set_fuel(Some(MOST_STEPS));
    environment.set_recursion_limit(DEEPEST);
    let included = Arc::clone(included);
    environment.set_loader(move |name| {
        let mut included = included.lock().unwrap_or_else(PoisonError::into_inner);
        let text = included.texts.get(name).cloned();
        if text.is_none() {
            included.asked.push(name.to_owned());
        }
        Ok(text)
    });
    let mut text = Bounded(Vec::new());
    environment
        .template_from_named_str(path, source)?
        .render_captured_to(values.clone(), &mut text)?;
    // It was put together of texts.
    Ok(String::from_utf8(text.0).unwrap_or_default())
}

/// A text that ends where it becomes too long.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MOST_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is wrong, with its place in the template (or in the one that it includes), and what to do.
fn explained(
    err: &Error,
    path: &str,
    source: &str,
    included: &HashMap<String, String>,
) -> (String, &'static str) {
    // The innermost one knows best.
    let mut inner = err;
    while let Some(cause) = inner.source().and_then(|cause| cause.downcast_ref::<Error>()) {
        inner = cause;
    }
    let name = inner.name().or(err.name()).unwrap_or(path);
    let text = included.get(name).map_or(source, String::as_str);
    let range = inner.range().or_else(|| err.range());
    let written = range.clone().and_then(|range| text.get(range)).map(|written| {
        let written = written.trim().trim_start_matches("{{").trim_end_matches("}}");
        written.trim_matches(['-', '+', ' ', '\n']).to_owned()
    });
    let place = match range.as_ref().and_then(|range| text.get(..range.start)) {
        Some(before) => {
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            format!(", line {line}, column {column}")
        }
        None => inner.line().or(err.line()).map_or(String::new(), |line| format!(", line {line}")),
    };
    let (what, help) = match inner.kind() {
        ErrorKind::UndefinedError => (
            match written {
                Some(written) if !written.contains('\n') => format!("`{written}` is not set"),
                _ => "what is to be written is not set".to_owned(),
            },
            "say what is written then, `{{ … | default(\"\") }}`, or ask before: `{% if … %}`",
        ),
        ErrorKind::OutOfFuel => (
            format!("it takes more than {} million steps", MOST_STEPS / 1_000_000),
            "does a loop in a loop go over too much, or a macro call itself?",
        ),
        ErrorKind::WriteFailure => (
            format!("more than {} MB come out", MOST_BYTES >> 20),
            "does a loop in a loop go over too much?",
        ),
        ErrorKind::TemplateNotFound => (
            format!("{}, as seen from the manifest's folder", inner.detail().unwrap_or_default()),
            "",
        ),
        kind => {
            let detail = inner.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
            (format!("{kind}{detail}"), "")
        }
    };
    (format!("template `{name}`{place}: {what}"), help)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{self, Format};

    struct Files<'a>(&'a [(&'a str, &'a str)]);

    impl super::super::Sources for Files<'_> {
        fn read(&self, path: &str) -> io::Result<String> {
            let known = self.0.iter().find(|(name, _)| *name == path);
            known.map(|(_, text)| (*text).to_owned()).ok_or(io::ErrorKind::NotFound.into())
        }
    }

    const MANIFEST: &str = r#"stack "s" manifest=1
        service "a" { image "x:1"; port 80 }
        exporter "node"
        prometheus
        template "t" to="t.txt""#;

    fn rendered(
        manifest: &str,
        files: &[(&str, &str)],
        target: RenderTarget,
    ) -> Result<String, String> {
        let loaded = manifest::parse("stack.kdl", manifest, Format::Kdl, None).unwrap();
        let sources = Files(files);
        let setting = Setting { base: ".", sources: &sources };
        let faults = template_faults(&loaded.stack, &setting, target);
        let messages: Vec<String> = faults.into_iter().map(|fault| fault.message).collect();
        if !messages.is_empty() {
            return Err(messages.join("; "));
        }
        let outputs = crate::render::plan_for(&loaded.stack, &setting, target).unwrap();
        let output = outputs.into_iter().find(|output| output.path == "t.txt").unwrap();
        Ok(String::from_utf8(output.bytes).unwrap())
    }

    fn check(template: &str) -> Result<String, String> {
        rendered(MANIFEST, &[("t", template)], RenderTarget::Compose)
    }

    fn refused(template: &str, expected: &str) {
        let said = check(template).unwrap_err();
        assert_eq!(said, format!("template `t`, {expected}"));
    }

    #[test]
    fn mistakes_have_a_line_and_a_column() {
        refused("a\n  {% for x in %}", "line 2, column 15: syntax error: unexpected end of block");
        refused("{{ name | shout }}", "line 1, column 11: unknown filter: filter shout is unknown");
        refused(
            "\n{{ service[0].healthcheck }}",
            "line 2, column 4: `service[0].healthcheck` is not set",
        );
        refused("{{ grafana.port }}", "line 1, column 4: `grafana.port` is not set");
        refused("ü {{ nmae }}", "line 1, column 6: `nmae` is not set");
        refused(
            "\n{% include \"none.j2\" %}",
            "line 2, column 4: tried to include non-existing template 'none.j2', as seen from the manifest's folder",
        );
    }

    #[test]
    fn what_is_not_set_may_be_asked_for() {
        let text = check(
            "{{ grafana.port | default(3000) }} {% if service[0].healthcheck %}no{% else %}none{% endif %} \
             {% for volume in grafana.dashboard %}no{% endfor %}",
        );
        assert_eq!(text.unwrap(), "3000 none ");
    }

    #[test]
    fn templates_include_others() {
        let inner = "{% for part in parts %}{{ part.name }} {% endfor %}";
        let files = [("t", "{% include \"a/in.j2\" %}."), ("a/in.j2", inner)];
        let text = rendered(MANIFEST, &files, RenderTarget::Compose);
        assert_eq!(text.unwrap(), "prometheus node-exporter .");
        let files = [("t", "\n{% include \"in.j2\" %}."), ("in.j2", "\n\n {{ x }}")];
        let said = rendered(MANIFEST, &files, RenderTarget::Compose);
        assert_eq!(said.unwrap_err(), "template `in.j2`, line 3, column 5: `x` is not set");
        let said = check("{% include \"t\" %}").unwrap_err();
        assert!(said.contains("recursion"), "{said}");
    }

    #[test]
    fn work_without_an_end_ends() {
        let endless =
            "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}";
        let said = check(endless).unwrap_err();
        assert!(said.contains("more than 5 million steps"), "{said}");
        let long =
            "{% set x = \"0123456789\" * 200000 %}{% for a in range(10) %}{{ x }}{% endfor %}";
        let said = check(long).unwrap_err();
        assert!(said.contains("more than 16 MB come out"), "{said}");
    }

    #[test]
    fn outputs_have_places_of_their_own() {
        let said = |to: &str| {
            let manifest = MANIFEST.replace("to=\"t.txt\"", &format!("to=\"{to}\""));
            rendered(&manifest, &[("t", "")], RenderTarget::Compose).unwrap_err()
        };
        assert_eq!(said("compose.yaml"), "`compose.yaml` is rendered by itself");
        assert!(said("monitoring").starts_with("`monitoring` is a folder: `monitoring/"));
        assert_eq!(
            said("compose.yaml/x"),
            "`compose.yaml` is a file, and `compose.yaml/x` would be in it"
        );
        assert_eq!(said("../x"), "`../x` does not stay inside the output folder");
        let twice = format!("{MANIFEST}; template \"t\" to=\"t.txt\"");
        let said = rendered(&twice, &[("t", "")], RenderTarget::Compose).unwrap_err();
        assert_eq!(said, "`t.txt` is the output of another template");
    }

    #[test]
    fn each_target_shows_what_it_starts() {
        let template = "{% for part in parts %}{{ part.name }} {{ part.argv | join(\" \") }} \
                        {{ part.host_port | default(\"-\") }}\n{% endfor %}\
                        {% for one in endpoints %}{{ one.address }} {{ one.published.port | default(\"-\") }}\n{% endfor %}\
                        {% for job in jobs %}{{ job.static_configs[0].targets[0] | default(\"dns\") }} {% endfor %}";
        let of = |target| rendered(MANIFEST, &[("t", template)], target).unwrap();
        let compose = of(RenderTarget::Compose);
        assert!(compose.contains("prometheus:9090 9090\n"), "{compose}");
        assert!(compose.contains("--config.file=/etc/prometheus/"), "{compose}");
        let cluster = of(RenderTarget::Kubernetes);
        assert!(cluster.contains("prometheus:9090 -\n"), "{cluster}");
        assert!(cluster.ends_with("dns "), "{cluster}");
        let machine = of(RenderTarget::Systemd);
        assert!(machine.contains("--config.file=/etc/stackctl/s/monitoring/"), "{machine}");
        assert!(machine.contains("127.0.0.1:9090 9090\n"), "{machine}");
        assert!(machine.contains("127.0.0.1:9100 "), "{machine}");
    }
}
