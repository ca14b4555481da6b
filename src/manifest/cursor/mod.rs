//! What belongs at a place of a text, however broken the rest of it is: for completion and for what is
//! shown under the pointer. Only the text before the place is looked at, and the shapes of the language.

mod kdl;
mod yaml;

use std::ops::Range;

use super::load::Format;
use super::shape::{Field, Shape};

/// A place in a text and what belongs there.
#[derive(Clone, Debug)]
pub struct Cursor {
    /// What belongs there.
    pub slot: Slot,
    /// The word that the place lies in or behind, without its quotes; empty where none was begun.
    pub word: Range<usize>,
    /// How the word is written.
    pub style: Style,
    /// The annotation before it: `secret` of `(secret)"x"`, `{secret: x}`.
    pub tag: Option<String>,
    /// Whether the word is, or would be, a key of YAML or JSON, with a `:` behind it.
    pub key: bool,
}

/// What belongs at a place.
#[derive(Clone, Copy, Debug)]
pub enum Slot {
    /// The name of a node or setting inside of a node of this type.
    Key(&'static Shape),
    /// In KDL, behind a node's name: its next argument, if it takes one, or one of its properties.
    Entry {
        /// The type of the node; `None` for a plain setting.
        shape: Option<&'static Shape>,
        /// The type that has the argument as a setting, and the setting.
        argument: Option<(&'static Shape, &'static Field)>,
    },
    /// A value of a setting: the node type, and the setting.
    Value(&'static Shape, &'static Field),
    /// A free name, where a setting takes names with values.
    Free(&'static Shape, &'static Field),
    /// The kind of a reference: `secret`, `env`, `file`.
    Tag,
    /// A path of a manifest to include.
    Include,
    /// Nothing that is known: comments, unknown nodes.
    Nothing,
}

/// How a word is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Bare,
    /// In quotes inside of which a backslash escapes.
    Quoted,
    /// As it stands: raw texts, those in single quotes, blocks of YAML.
    Raw,
}

/// What belongs at a byte offset; a word that ends there is the one that is meant.
pub fn at(text: &str, offset: usize, format: Format) -> Cursor {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    match format {
        Format::Kdl => kdl::at(text, offset),
        Format::Yaml | Format::Json => yaml::at(text, offset),
    }
}

impl Cursor {
    fn nothing(offset: usize) -> Self {
        Self::bare(Slot::Nothing, offset..offset)
    }

    fn bare(slot: Slot, word: Range<usize>) -> Self {
        Self { slot, word, style: Style::Bare, tag: None, key: false }
    }

    /// The node type and the setting whose value belongs here, if one does.
    pub fn value(&self) -> Option<(&'static Shape, &'static Field)> {
        match self.slot {
            Slot::Value(owner, field) => Some((owner, field)),
            Slot::Entry { argument, .. } => argument,
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What belongs at the `|` of a text, in a few words.
    fn place(text: &str, format: Format) -> String {
        let offset = text.find('|').expect("the text has a place");
        let text = text.replacen('|', "", 1);
        let cursor = at(&text, offset, format);
        let slot = match cursor.slot {
            Slot::Key(shape) => format!("key of {}", shape.name),
            Slot::Entry { shape, argument } => format!(
                "entry of {} {}",
                shape.map_or("-", |shape| shape.name),
                argument.map_or("-", |(_, field)| field.key)
            ),
            Slot::Value(owner, field) => format!("{}.{}", owner.name, field.key),
            Slot::Free(owner, field) => format!("name in {}.{}", owner.name, field.key),
            Slot::Tag => "tag".to_owned(),
            Slot::Include => "include".to_owned(),
            Slot::Nothing => "nothing".to_owned(),
        };
        let tag = cursor.tag.map_or(String::new(), |tag| format!("({tag})"));
        format!("{slot} {tag}[{}]", &text[cursor.word])
    }

    fn kdl(text: &str, expected: &str) {
        assert_eq!(place(text, Format::Kdl), expected, "{text}");
    }

    fn yaml(text: &str, expected: &str) {
        assert_eq!(place(text, Format::Yaml), expected, "{text}");
    }

    #[test]
    fn every_place_of_kdl_has_its_slot() {
        kdl("|", "key of Stack []");
        kdl("serv|", "key of Stack [serv]");
        kdl("service \"a\" {\n  im|\n}", "key of Service [im]");
        kdl("service \"a\" { depends_on \"|\" }", "DependsOn.name []");
        kdl("service \"a\" { depends_on \"d|b\" condition=\"x\" }", "DependsOn.name [db]");
        kdl("service \"a\" { depends_on \"db\" condition=\"h|\" }", "DependsOn.condition [h]");
        kdl("service \"a\" { depends_on \"db\" condition=|", "DependsOn.condition []");
        kdl("service \"a\" { depends_on \"db\" |", "entry of DependsOn - []");
        kdl("service \"a\" { depends_on \"db\" con|", "entry of DependsOn - [con]");
        kdl("service \"a\" { depends_on |", "entry of DependsOn name []");
        kdl("prometheus { data \"|", "Prometheus.data []");
        kdl("prometheus { data \"v\\\"|\n}", "Prometheus.data [v\\\"]");
        kdl("prometheus { scrape_interval |", "entry of - scrape_interval []");
        kdl("service \"a\" { env X=(secret)\"s|\" }", "Service.env (secret)[s]");
        kdl("service \"a\" { env X=(se|", "tag [se]");
        kdl("service \"a\" { env { X \"y|\" } }", "Service.env [y]");
        kdl(
            "rules \"g\" { alert \"A\" { expr #\"up{job=\"n|\"}\"# } }",
            "Alert.expr [up{job=\"n\"}]",
        );
        kdl("profile \"p\" {\n alertmanager { ro|", "key of Alertmanager [ro]");
        kdl("include \"a|\"", "include [a]");
        kdl("// serv|", "nothing []");
        kdl(
            "grafana { dashboard \"d\" { row \"r\" { timeseries \"t\" { query \"u|\" } } } }",
            "Query.expr [u]",
        );
        kdl("nonsense { x \"|\" }", "nothing []");
        kdl("service \"a\" {\n  image \"x\"\n}\n|\nservice \"b\"", "key of Stack []");
        kdl("test \"t\" { at \"1m\" { fires \"A|\" } }", "Fires.alert [A]");
    }

    #[test]
    fn every_place_of_yaml_has_its_slot() {
        yaml("|", "key of Stack []");
        yaml("serv|", "key of Stack [serv]");
        yaml("service:\n  a:\n    im|", "key of Service [im]");
        yaml("service:\n  a:\n    |\n  b:", "key of Service []");
        yaml("service:\n  |", "Service.name []");
        yaml("service:\n  a:\n    depends_on: {d|b: {}}", "DependsOn.name [db]");
        yaml("service:\n  a:\n    depends_on: {db: {condition: h|", "DependsOn.condition [h]");
        yaml("service: {a: {depends_on: {db: {|", "key of DependsOn []");
        yaml("service:\n  a:\n    depends_on:\n      - d|", "key of DependsOn [d]");
        yaml("prometheus:\n  data: |", "Prometheus.data []");
        yaml("prometheus:\n  data: v|ol # x", "Prometheus.data [vol]");
        yaml("service: {a: {env: {X: {secret: s|}}}}", "Service.env (secret)[s]");
        yaml("service:\n  a:\n    env:\n      X: y|", "Service.env [y]");
        yaml(
            "rules:\n  g:\n    alert:\n      A:\n        expr: up{job=\"n|",
            "Alert.expr [up{job=\"n]",
        );
        yaml("rules:\n  g:\n    alert:\n      A:\n        expr: \"up|\"", "Alert.expr [up]");
        yaml(
            "rules:\n  g:\n    alert:\n      A:\n        expr: |-\n          a\n",
            "Alert.expr []",
        );
        yaml("profile:\n  p:\n    alertmanager:\n      ro|", "key of Alertmanager [ro]");
        yaml(
            "alertmanager:\n  route:\n    ops:\n      when:\n      - match: a\n        to: |",
            "When.to []",
        );
        yaml(
            "alertmanager:\n  route:\n    ops:\n      when:\n      - match: a\n        t|",
            "key of When [t]",
        );
        yaml("# serv|", "nothing []");
        yaml("volumes: [a, b|]", "Stack.volumes [b]");
        yaml("stack: {name: s}\nexporter:\n  mysql: {target: |", "Exporter.target []");
        assert_eq!(
            place("{\"service\": {\"a\": {\"im|\": 1}}}", Format::Json),
            "key of Service [im]"
        );
        assert_eq!(
            place("{\"prometheus\": {\"data\": \"v|\"", Format::Json),
            "Prometheus.data [v]"
        );
    }

    #[test]
    fn a_block_of_yaml_is_one_word() {
        let text = "rules:\n  g:\n    alert:\n      A:\n        expr: >-\n          a\n          + b\n        for: 1m\n";
        let cursor = at(text, text.find("+ b").expect("there") + 3, Format::Yaml);
        assert_eq!(text[cursor.word.clone()].trim(), "a\n          + b");
        assert!(matches!(cursor.slot, Slot::Value(_, field) if field.key == "expr"));
        let behind = at(text, text.find("for").expect("there") + 2, Format::Yaml);
        assert!(matches!(behind.slot, Slot::Key(shape) if shape.name == "Alert"));
    }

    #[test]
    fn no_place_of_any_text_is_too_much() {
        let texts = [
            "a: {b: [c, \"d\n e: 'f\n- g\n\t|",
            "a {{{ \"\"\"\n #\"x (y)=z; /- /* \\\n",
            "\u{feff}ä: [\"ö\u{1f600}",
            "- - - a: |\n\n\n   b",
            "]}),: : #",
        ];
        for text in texts {
            for offset in 0..=text.len() + 2 {
                for format in [Format::Kdl, Format::Yaml, Format::Json] {
                    let cursor = at(text, offset, format);
                    assert!(text.get(cursor.word.clone()).is_some(), "{text:?} {offset}");
                }
            }
        }
    }
}
