//! Where Caddyfiles come from: sites by their host, the lines in them by directive and value.

use super::marks::{Marks, Origin};
use super::place::{Place, text};
use super::text::lines;
use crate::diag::Span;

/// The service whose file is called just `Caddyfile`: the first with sites, or that passes metrics on.
pub fn first(root: Place) -> Option<Place> {
    let passes_on = |name: &str| behind(root, name).next().is_some();
    root.all("service")
        .find(|service| service.one("site").is_some() || service.name().is_some_and(passes_on))
}

/// Where services say that their metrics are read through this one.
fn behind(root: Place<'_>, name: &str) -> impl Iterator<Item = Span> {
    root.all("service")
        .filter_map(|service| service.one("metrics")?.said("via"))
        .filter(move |via| via.values.iter().any(|value| value.0 == name))
        .map(|via| via.span)
}

/// Marks a Caddyfile.
pub fn file(marks: &mut Marks, file: &str, root: Place, caddy: Place) {
    marks.stretch(0..file.len(), Origin::derived(caddy));
    let mut inside: Vec<Place> = Vec::new();
    for (range, line) in lines(file) {
        if line == "}" {
            if let Some(node) = inside.pop() {
                marks.stretch(range, Origin::derived(node));
            }
            continue;
        }
        let head = line.trim_end_matches('{').trim();
        if head.is_empty() || head.starts_with('#') {
            continue;
        }
        let (mut origin, node) = match inside.last() {
            Some(parent) => directive(head, *parent, root),
            None => match caddy.named("site", head) {
                Some(site) => (Origin::named(site), Some(site)),
                // Inside of the network, for Prometheus.
                None => {
                    let also = behind(root, caddy.name().unwrap_or_default()).collect();
                    (Origin { also, ..Origin::derived(caddy) }, Some(caddy))
                }
            },
        };
        origin.also.extend(addresses(head, root).into_iter().filter(|span| *span != origin.span));
        marks.stretch(range, origin);
        if line.ends_with('{') {
            let node = node.or(inside.last().copied());
            inside.extend(node.or(Some(caddy)));
        }
    }
}

/// The services whose address stands in a line, and the ports that they say.
fn addresses(line: &str, root: Place) -> Vec<Span> {
    let mut spans = Vec::new();
    for word in line.split_whitespace() {
        let (host, port) = word.split_once(':').unwrap_or((word, ""));
        let Some(service) = root.named("service", host) else { continue };
        spans.push(service.span());
        for node in ["port", "expose"].iter().flat_map(|kind| service.all(kind)) {
            let number = node.first().filter(|number| text(number) == port);
            spans.extend(number.map(|number| number.span));
        }
    }
    spans
}

/// What a line inside of a site comes from, and the node that lines below it belong to.
fn directive<'a>(line: &str, parent: Place<'a>, root: Place<'a>) -> (Origin, Option<Place<'a>>) {
    let mut words = line.split_whitespace();
    let keyword = words.next().unwrap_or_default();
    let words: Vec<&str> = words.collect();
    let said = |span, whole| (Origin { span, whole, ..Origin::named(parent) }, None);
    let fitting: Vec<Place> = parent.all(keyword).collect();
    if let Some(node) = fitting.iter().find(|node| says(**node, &words)).or(fitting.first()) {
        let span = node.first().map_or(node.span(), |value| value.span);
        return (Origin { span, ..Origin::named(*node) }, Some(*node));
    }
    let headers = parent.said("header").filter(|_| keyword == "header");
    let pairs = headers.into_iter().flat_map(|said| said.pairs);
    if let Some(pair) = pairs.into_iter().find(|pair| words.first() == Some(&pair.name)) {
        return said(pair.span, pair.whole);
    }
    // `handle /api/*` belongs to what is passed on below that path.
    let path = ["reverse_proxy", "redir"]
        .iter()
        .flat_map(|kind| parent.all(kind))
        .find(|node| node.name().is_some_and(|path| words.contains(&path)));
    if let Some(node) = path {
        return (Origin::derived(node), None);
    }
    if let Some(setting) = parent.said(keyword) {
        return said(setting.span, setting.whole);
    }
    if keyword == "root"
        && let Some((node, span)) = root_of(&words, root)
    {
        return (Origin { span, whole: span, ..Origin::named(node) }, None);
    }
    match passed_on(&words, root) {
        Some((service, metrics)) => {
            let also = vec![service.span()];
            (Origin { also, ..Origin::derived(metrics) }, Some(metrics))
        }
        None => (Origin::derived(parent), None),
    }
}

/// The site, or the way to PHP in it, that says where the files are.
fn root_of<'a>(words: &[&str], root: Place<'a>) -> Option<(Place<'a>, Span)> {
    let sites = root.all("service").flat_map(|service| service.all("site"));
    let mut nodes = sites.flat_map(|site| site.all("php_fastcgi").chain([site]));
    nodes.find_map(|node| {
        let said = node.said("root")?.values.into_iter();
        let (_, span) = said.into_iter().find(|(path, _)| words.contains(&path.as_str()))?;
        Some((node, span))
    })
}

/// Whether a node has a value that stands in a line, be it with a port.
fn says(node: Place, words: &[&str]) -> bool {
    let values = node.node.args.iter().chain(node.node.props.iter().map(|prop| &prop.value));
    values.map(text).any(|value| {
        let host = value.split_once(':').map_or(value.as_str(), |(host, _)| host);
        words.iter().any(|word| {
            *word == value || word.split_once(':').is_some_and(|(word, _)| word == host)
        })
    })
}

/// The service whose metrics a line is about, by its name or by their path.
fn passed_on<'a>(words: &[&str], root: Place<'a>) -> Option<(Place<'a>, Place<'a>)> {
    let metrics = |service: Place<'a>| Some((service, service.one("metrics")?));
    let by_path = |word: &str| {
        root.all("service").filter_map(metrics).find(|(_, metrics)| {
            let path = metrics.said("path").and_then(|said| said.values.into_iter().next());
            let path = path.map_or_else(|| "/metrics".to_owned(), |(path, _)| path);
            metrics.said("via").is_some() && path == word
        })
    };
    words.iter().find_map(|word| {
        let host = word.split_once(':').map_or(*word, |(host, _)| host);
        // `@app_replica` is a matcher of our own.
        let host =
            host.strip_prefix('@').and_then(|it| it.strip_suffix("_replica")).unwrap_or(host);
        root.named("service", host).and_then(metrics).or_else(|| by_path(word))
    })
}
