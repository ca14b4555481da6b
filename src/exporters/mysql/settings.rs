//! What single collectors can be told, as data: each declares its settings beside its metrics, and
//! the flags are made of them.

use std::collections::BTreeMap;

use crate::exporters::flags::{Flag, FlagError, Values, bad};

/// One setting of a collector, named as its flag.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Name of the flag without its dashes.
    pub name: &'static str,
    default: &'static str,
    takes: Takes,
    help: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    Text,
    Number,
    Switch,
}

impl Setting {
    /// A text.
    pub(super) const fn text(
        name: &'static str,
        default: &'static str,
        help: &'static str,
    ) -> Self {
        Self { name, default, takes: Takes::Text, help }
    }

    /// A whole number; `default` is its digits.
    pub(super) const fn number(
        name: &'static str,
        default: &'static str,
        help: &'static str,
    ) -> Self {
        Self { name, default, takes: Takes::Number, help }
    }

    /// A switch.
    pub(super) const fn switch(name: &'static str, on: bool, help: &'static str) -> Self {
        Self { name, default: if on { "true" } else { "false" }, takes: Takes::Switch, help }
    }

    pub(super) fn flag(&self) -> Flag {
        match self.takes {
            Takes::Switch => Flag::switch(self.name, self.default == "true", self.help),
            Takes::Text | Takes::Number => Flag::value(self.name, self.default, self.help),
        }
    }
}

/// The values of all collectors' settings, by flag name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings(BTreeMap<&'static str, String>);

impl Settings {
    /// Reads the settings from parsed flags.
    pub(super) fn read(
        settings: impl Iterator<Item = &'static Setting>,
        values: Values<'_>,
    ) -> Result<Self, FlagError> {
        let mut all = BTreeMap::new();
        for setting in settings {
            let name = setting.name;
            let value = match setting.takes {
                Takes::Switch => values.on(name, setting.default == "true").to_string(),
                Takes::Text => values.text(name).to_owned(),
                Takes::Number => {
                    let value = values.text(name);
                    let number: Result<u64, _> = value.parse();
                    number.map_err(|_| bad(name, value, "not a whole number"))?.to_string()
                }
            };
            all.insert(name, value);
        }
        Ok(Self(all))
    }

    /// The value of a setting.
    pub(super) fn of(&self, setting: &Setting) -> &str {
        self.0.get(setting.name).map_or(setting.default, String::as_str)
    }

    /// Whether a switch is on.
    pub(super) fn on(&self, setting: &Setting) -> bool {
        self.of(setting) == "true"
    }
}
