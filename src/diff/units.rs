//! Units of systemd -> services.

use std::collections::BTreeMap;

use super::compose;
use super::fields::value;
use super::model::{Kind, Model, Thing, Value};
use super::read::Document;

/// Settings whose values are names without an order.
const SETS: [&str; 8] = [
    "Unit.After",
    "Unit.Before",
    "Unit.PartOf",
    "Unit.Requires",
    "Unit.Wants",
    "Install.WantedBy",
    "LoadCredential",
    "RestrictAddressFamilies",
];

/// Whether a file is the unit of a service.
pub fn is_unit(document: &Document) -> bool {
    document.path.ends_with(".service")
        && document.text.lines().any(|line| line.trim() == "[Service]")
}

/// Reads a unit.
pub fn read(document: &Document, model: &mut Model) {
    let mut settings: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut section = String::new();
    let text = document.text.replace("\\\n", " ");
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = if name == "Service" { String::new() } else { format!("{name}.") };
        } else if let Some((key, said)) = line.split_once('=') {
            let values = settings.entry(format!("{section}{}", key.trim())).or_default();
            values.push(said.trim().to_owned());
        }
    }
    let mut thing = Thing::new(Kind::Service, name(&document.path, &settings));
    for said in settings.remove("Environment").into_iter().flatten() {
        for pair in shlex::split(&said).unwrap_or_else(|| vec![said.clone()]) {
            let (name, text) = pair.split_once('=').unwrap_or((&pair, ""));
            thing.set(format!("env {name}"), value(name, text.to_owned()));
        }
    }
    let mut retention = BTreeMap::new();
    if let Some([line]) = settings.get("ExecStart").map(Vec::as_slice) {
        let words = shlex::split(line).unwrap_or_else(|| vec![line.clone()]);
        let flags = words.iter().position(|word| word.starts_with("--")).unwrap_or(words.len());
        // One by one where all that follows are flags, else as the line that it is.
        if flags > 0 && words[flags..].iter().all(|word| word.starts_with("--")) {
            let (program, flags) = words.split_at(flags);
            thing.set("command", Value::Text(program.join(" ")));
            compose::words(&mut thing, "args", flags.to_vec(), &mut retention);
            settings.remove("ExecStart");
        }
    }
    for (key, values) in settings {
        let said = if SETS.contains(&key.as_str()) {
            Value::set(values.iter().flat_map(|text| text.split_whitespace()))
        } else if let [only] = &values[..] {
            Value::Text(only.clone())
        } else {
            Value::List(values)
        };
        thing.set(key, said);
    }
    model.push(thing);
    if !retention.is_empty() {
        model.only(Kind::Prometheus).attributes.extend(retention);
    }
}

/// What the stack calls it: without the prefix of the target that all its units are part of.
fn name(path: &str, settings: &BTreeMap<String, Vec<String>>) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    let name = file.strip_suffix(".service").unwrap_or(file);
    let targets = settings.get("Unit.PartOf").into_iter().flatten();
    let mut stems = targets.filter_map(|target| target.strip_suffix(".target"));
    let own = stems.find_map(|stem| name.strip_prefix(stem)?.strip_prefix('-'));
    own.unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_a_service_with_its_flags() {
        let text = "# x\n[Unit]\nPartOf=stackctl-shop.target\nAfter=b.service a.service\n[Service]\n\
                    Environment=A=1 \"B=x y\"\nExecStart=/bin/p run prometheus --b=2 \\\n  --a\n\
                    SystemCallFilter=@system-service\nSystemCallFilter=~@resources\n";
        let path = "systemd/stackctl-shop-db.service".to_owned();
        let document = Document { path, text: text.to_owned() };
        assert!(is_unit(&document));
        let mut model = Model::default();
        read(&document, &mut model);
        let thing = &model.things[0];
        assert_eq!(thing.name, "db");
        for (name, expected) in [
            ("command", "/bin/p run prometheus"),
            ("--a", "true"),
            ("--b", "2"),
            ("env A", "1"),
            ("env B", "x y"),
        ] {
            assert_eq!(thing.text(name), Some(expected), "{name}");
        }
        let after = thing.set_of("Unit.After").expect("a set");
        assert_eq!(after.iter().collect::<Vec<_>>(), ["a.service", "b.service"]);
        assert!(
            matches!(&thing.attributes["SystemCallFilter"], Value::List(list) if list.len() == 2)
        );
    }
}
