//! The nodes of a document, as a tree or as a list.

use lsp_types::{DocumentSymbol, DocumentSymbolResponse, Location, SymbolInformation, SymbolKind};

use super::position::Lines;
use super::settings::Client;
use super::uri::uri_of;
use super::workspace::View;
use crate::diag::FileId;
use crate::manifest::decode::Decode as _;
use crate::manifest::shape::Shape;
use crate::manifest::tree::{Node, Value};
use crate::manifest::{Stack, outline};

/// All nodes that have settings of their own.
pub fn symbols(view: &View, client: Client) -> DocumentSymbolResponse {
    let nodes = outline::nodes(&view.text, FileId(0), view.format);
    let lines = Lines::new(&view.text, client.encoding);
    let tree = inside(&nodes, Stack::shape(), &lines);
    if client.tree {
        return DocumentSymbolResponse::Nested(tree);
    }
    let mut list = Vec::new();
    flatten(view, tree, None, &mut list);
    DocumentSymbolResponse::Flat(list)
}

fn inside(nodes: &[Node], shape: &'static Shape, lines: &Lines<'_>) -> Vec<DocumentSymbol> {
    nodes
        .iter()
        .filter_map(|node| {
            let inner = outline::shape_of(shape, &node.name)?;
            let key = node.name.as_str();
            let named = node.args.first().and_then(Value::text).filter(|name| !name.is_empty());
            let select = match named {
                Some(_) => node.args.first().map_or(node.name.span, |arg| arg.span),
                None => node.name.span,
            };
            let range = node.span.to(node.name.span).to(select);
            let children = inside(&node.children, inner, lines);
            #[allow(deprecated)] // `deprecated` is a field that there is no way around
            Some(DocumentSymbol {
                name: named.unwrap_or(key).to_owned(),
                detail: named.map(|_| key.to_owned()),
                kind: kind(key),
                tags: None,
                deprecated: None,
                range: lines.range(range.range()),
                selection_range: lines.range(select.range()),
                children: (!children.is_empty()).then_some(children),
            })
        })
        .collect()
}

fn kind(key: &str) -> SymbolKind {
    match key {
        "stack" | "profile" => SymbolKind::NAMESPACE,
        "service" | "external" | "exporter" | "prometheus" | "alertmanager" | "grafana"
        | "pushgateway" => SymbolKind::CLASS,
        "rules" | "row" | "dashboard" => SymbolKind::MODULE,
        "alert" | "inhibit" | "mute" => SymbolKind::EVENT,
        "record" | "counter" | "gauge" | "histogram" | "summary" => SymbolKind::VARIABLE,
        "secret" => SymbolKind::KEY,
        "test" | "at" => SymbolKind::METHOD,
        "receiver" | "route" | "when" => SymbolKind::INTERFACE,
        _ => SymbolKind::PROPERTY,
    }
}

fn flatten(
    view: &View,
    tree: Vec<DocumentSymbol>,
    container: Option<&str>,
    list: &mut Vec<SymbolInformation>,
) {
    for symbol in tree {
        let Some(uri) = uri_of(&view.path) else { return };
        #[allow(deprecated)] // as above
        list.push(SymbolInformation {
            name: symbol.name.clone(),
            kind: symbol.kind,
            tags: None,
            deprecated: None,
            location: Location { uri, range: symbol.range },
            container_name: container.map(str::to_owned),
        });
        flatten(view, symbol.children.unwrap_or_default(), Some(&symbol.name), list);
    }
}
