//! How much a compose service may use, and how many of it there are.

use super::context::Context;
use super::kdl::{Node, Value};
use super::source::{Fields, scalar};

/// Limits and replicas, as `deploy` says them and as the older keys do.
pub fn deploy(what: &str, fields: &mut Fields<'_>, node: &mut Node, context: &mut Context) {
    let mut replicas = fields.number("scale");
    let (mut cpus, mut memory) =
        (number(fields, "cpus", context), size(fields, "mem_limit", context));
    let mut pids = fields.number("pids_limit");
    if let Some(deploy) = fields.take("deploy") {
        let mut fields = Fields::of(format!("`deploy` of {what}"), deploy, &mut context.notes);
        replicas = fields.number("replicas").or(replicas);
        if let Some(resources) = fields.take("resources") {
            let mut fields =
                Fields::of(format!("`resources` of {what}"), resources, &mut context.notes);
            if let Some(said) = fields.take("limits") {
                let mut fields =
                    Fields::of(format!("`limits` of {what}"), said, &mut context.notes);
                cpus = number(&mut fields, "cpus", context).or(cpus);
                memory = size(&mut fields, "memory", context).or(memory);
                pids = fields.number("pids").or(pids);
                fields.finish(&mut context.notes);
            }
            fields.finish(&mut context.notes);
        }
        fields.finish(&mut context.notes);
    }
    let limits =
        Node::new("resources").prop("cpus", cpus).prop("memory", memory).prop("pids", pids);
    node.set("replicas", replicas);
    if !limits.is_bare() {
        node.push(limits);
    }
}

/// A number of processors.
fn number(fields: &mut Fields<'_>, key: &str, context: &mut Context) -> Option<Value> {
    let said = fields.take(key)?;
    let number = scalar(said).filter(|text| text.parse::<f64>().is_ok_and(f64::is_finite));
    if number.is_none() {
        context.notes.lost(said.span, &format!("`{key}`, which is no number,"));
    }
    number.map(|text| Value::Number(text.to_owned()))
}

/// A size as the manifest writes it.
fn size(fields: &mut Fields<'_>, key: &str, context: &mut Context) -> Option<String> {
    let said = fields.take(key)?;
    let size = scalar(said).and_then(in_units);
    if size.is_none() {
        context.notes.lost(said.span, &format!("`{key}`, which is no size,"));
    }
    size
}

/// `512m` as `512MB`: compose counts in powers of two, as the manifest does.
fn in_units(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let number = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic()).trim_end();
    number.parse::<f64>().ok()?;
    let unit = match lower[number.len()..].trim_start().trim_end_matches('b') {
        "k" => "KB",
        "m" => "MB",
        "g" => "GB",
        "t" => "TB",
        "" => "B",
        _ => return None,
    };
    Some(format!("{number}{unit}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_units_of_the_manifest() {
        for (text, expected) in
            [("512m", "512MB"), ("1gb", "1GB"), ("2G", "2GB"), ("1024", "1024B")]
        {
            assert_eq!(in_units(text).as_deref(), Some(expected));
        }
        assert_eq!((in_units("lots"), in_units("${M}"), in_units("5x")), (None, None, None));
    }
}
