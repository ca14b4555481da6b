//! One declaration for each node of the language.
//!
//! `settings!` takes a struct whose fields are the settings of a node, and makes of it the struct,
//! its [`Shape`] and its decoder. The shape is plain data; from it the JSON Schema is written, YAML
//! is read (which key is a name and which a setting), profiles are merged (what is replaced and what
//! is joined) and unknown names are found. So none of these can disagree with the others.
//!
//! The type of a field says how it is written:
//!
//! | type | in KDL | in YAML |
//! |---|---|---|
//! | `Spanned<T>`, `Option<Spanned<T>>` | `name value` or `name=value` | `name: value` |
//! | `Vec<Spanned<T>>` | `name a b c` | `name: [a, b, c]` |
//! | `Map<T>` | `name a=1 b=2`, or a node for each in `{ }` | `name: {a: 1, b: 2}` |
//! | `Option<Block<T>>` | one node | `name: {…}` |
//! | `Vec<Block<T>>` of a `@named` type | a node for each name | `name: {a: {…}, b: {…}}` |
//! | `Vec<Block<T>>` of any other type | any number of nodes | `name: [{…}, {…}]` |
//! | `Ordered<T>` | nodes of several kinds in their order | a key for each kind, or a list |
//!
//! Marks before a field: `@argument` and `@arguments` stand behind the node's name without a name of
//! their own (in YAML they have one), `@rest` takes all further properties, `@keyword` is the name of
//! the node itself, and a `@set` is joined where any other list is replaced.

use super::scalar::Type;

/// What can be written in one node.
#[derive(Debug)]
pub struct Shape {
    /// Name of the Rust type, unique.
    pub name: &'static str,
    /// What the node is, one line a doc comment line.
    pub doc: &'static [&'static str],
    /// How several nodes of this kind are told apart.
    pub naming: Naming,
    /// Whether the decoder looks at the settings as a whole.
    pub checked: bool,
    /// Settings in the order of declaration; arguments in the order they are written in.
    pub fields: &'static [Field],
}

/// How several nodes of one kind are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// By their order only.
    Anonymous,
    /// The first argument is a name that may be used again.
    Repeatable,
    /// The first argument is a name that may be used once.
    Unique,
}

/// One setting of a node.
#[derive(Debug)]
pub struct Field {
    /// Its name in the manifest.
    pub key: &'static str,
    /// What it is for, one line a doc comment line.
    pub doc: &'static [&'static str],
    /// Where it is written.
    pub role: Role,
    /// What it takes.
    pub kind: Kind,
    /// Whether the node makes no sense without.
    pub required: bool,
}

/// Where a setting is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// As a property or as a child node.
    Setting,
    /// The same; repeated ones and those of a profile are joined.
    Set,
    /// Behind the node's name, one value.
    Argument,
    /// Behind the node's name, all further values.
    Arguments,
    /// All properties that no other setting takes.
    Rest,
    /// The name of the node itself.
    Keyword,
}

/// What a setting takes.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// One value.
    One(&'static Type),
    /// Several values.
    Many(&'static Type),
    /// Free names with values.
    Map(&'static Type),
    /// One node.
    Block(fn() -> &'static Shape),
    /// Any number of nodes.
    Blocks(fn() -> &'static Shape),
    /// Any number of nodes of several kinds, their order kept.
    Ordered(&'static [Choice]),
}

impl Kind {
    /// What a value is, for a message.
    pub fn describe(&self) -> String {
        match self {
            Kind::One(kind) => kind.describe(),
            Kind::Many(_) => "one or several values".to_owned(),
            Kind::Map(_) => "names with values".to_owned(),
            Kind::Block(_) | Kind::Blocks(_) | Kind::Ordered(_) => "a block".to_owned(),
        }
    }
}

/// One kind of node where several can stand.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// The node's name.
    pub key: &'static str,
    /// What can be written in it.
    pub shape: fn() -> &'static Shape,
}

impl Shape {
    /// The settings that are written behind the node's name.
    pub fn arguments(&self) -> impl Iterator<Item = &'static Field> + use<> {
        self.fields.iter().filter(|field| matches!(field.role, Role::Argument | Role::Arguments))
    }

    /// The setting of this name, wherever it is written.
    pub fn field(&self, key: &str) -> Option<&'static Field> {
        self.fields
            .iter()
            .find(|field| field.key == key && !matches!(field.role, Role::Rest | Role::Keyword))
    }

    /// The field that takes all further properties.
    pub fn rest(&self) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.role == Role::Rest)
    }

    /// What a child node called `key` is.
    pub fn child(&self, key: &str) -> Option<Child> {
        for field in self.fields {
            match field.kind {
                Kind::Ordered(choices) => {
                    if let Some(choice) = choices.iter().find(|choice| choice.key == key) {
                        return Some(Child { field, shape: Some((choice.shape)()) });
                    }
                }
                _ if field.key != key || matches!(field.role, Role::Rest | Role::Keyword) => {}
                Kind::Block(shape) | Kind::Blocks(shape) => {
                    return Some(Child { field, shape: Some(shape()) });
                }
                Kind::One(_) | Kind::Many(_) | Kind::Map(_) => {
                    return Some(Child { field, shape: None });
                }
            }
        }
        None
    }

    /// Every name that can be written inside the node.
    pub fn keys(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.fields.iter().flat_map(|field| {
            let (one, many): (Option<&'static str>, &'static [Choice]) =
                match (field.kind, field.role) {
                    (Kind::Ordered(choices), _) => (None, choices),
                    (_, Role::Rest | Role::Keyword) => (None, &[]),
                    _ => (Some(field.key), &[]),
                };
            one.into_iter().chain(many.iter().map(|choice| choice.key))
        })
    }
}

/// What a child node is to its parent.
#[derive(Clone, Copy, Debug)]
pub struct Child {
    /// The parent's field that takes it.
    pub field: &'static Field,
    /// What can be written in it; `None` for a plain setting.
    pub shape: Option<&'static Shape>,
}

/// Declares a node: its struct, its shape and its decoder. See the module's own page.
macro_rules! settings {
    (
        $(#[doc = $doc:literal])+
        $(@$mark:ident $(($check:path))?)*
        pub struct $name:ident { $(
            $(#[doc = $field_doc:literal])+
            $(@$role:ident)? pub $field:ident $(as $key:literal)? : $type:ty
        ),* $(,)? }
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
        pub struct $name { $(
            $(#[doc = $field_doc])+
            $(#[serde(rename = $key)])?
            pub $field: $type,
        )* }

        impl $crate::manifest::decode::Decode for $name {
            fn shape() -> &'static $crate::manifest::shape::Shape {
                static SHAPE: $crate::manifest::shape::Shape = $crate::manifest::shape::Shape {
                    name: stringify!($name),
                    doc: &[$($doc),+],
                    naming: $crate::manifest::shape::naming(&[$(stringify!($mark)),*]),
                    checked: {
                        const CHECKS: &[&str] = &[$( $(stringify!($check),)? )*];
                        !CHECKS.is_empty()
                    },
                    fields: &[$(
                        $crate::manifest::shape::Field {
                            key: $crate::manifest::shape::field_key!($field $($key)?),
                            doc: &[$($field_doc),+],
                            role: $crate::manifest::shape::field_role!($($role)?),
                            kind: <$type as $crate::manifest::decode::Setting>::KIND,
                            required: <$type as $crate::manifest::decode::Setting>::REQUIRED,
                        },
                    )*],
                };
                &SHAPE
            }

            fn decode(fields: &mut $crate::manifest::decode::Fields<'_>) -> Self {
                // Field initialisers run in the order written, which is the order of the shape.
                let decoded = Self { $(
                    $field: <$type as $crate::manifest::decode::Setting>::read(fields),
                )* };
                $( $( $check(fields); )? )*
                decoded
            }
        }
    };
}

/// Declares the words that a setting may have.
macro_rules! keywords {
    (
        $(#[doc = $doc:literal])+
        pub enum $name:ident {
            $(#[doc = $first_doc:literal])+
            $first:ident = $first_word:literal,
            $( $(#[doc = $variant_doc:literal])+ $variant:ident = $word:literal, )*
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub enum $name {
            $(#[doc = $first_doc])+
            #[default]
            $first,
            $( $(#[doc = $variant_doc])+ $variant, )*
        }

        impl $name {
            /// The word as it is written.
            pub fn name(self) -> &'static str {
                match self {
                    Self::$first => $first_word,
                    $( Self::$variant => $word, )*
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl $crate::manifest::scalar::Scalar for $name {
            const TYPE: &'static $crate::manifest::scalar::Type =
                &$crate::manifest::scalar::Type::Word(&[$first_word $(, $word)*]);

            fn read(
                value: &$crate::manifest::tree::Value,
                _what: &str,
            ) -> Result<Self, $crate::manifest::scalar::Refusal> {
                match value.text() {
                    Some($first_word) => Ok(Self::$first),
                    $( Some($word) => Ok(Self::$variant), )*
                    _ => Err($crate::manifest::scalar::Refusal::Type),
                }
            }
        }
    };
}

/// Declares what can stand where nodes of several kinds keep their order.
macro_rules! choice {
    (
        $(#[doc = $doc:literal])+
        pub enum $name:ident { $(
            $(#[doc = $variant_doc:literal])+
            $variant:ident($type:ty) = $($key:literal)+
        ),* $(,)? }
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, serde::Serialize)]
        #[serde(rename_all = "snake_case")]
        // Most of them are of the large kind, and a box would stand in every reader's way.
        #[allow(clippy::large_enum_variant)]
        pub enum $name { $(
            $(#[doc = $variant_doc])+
            $variant($crate::manifest::block::Block<$type>),
        )* }

        impl $crate::manifest::decode::Choose for $name {
            const CHOICES: &'static [$crate::manifest::shape::Choice] = &[$( $(
                $crate::manifest::shape::Choice {
                    key: $key,
                    shape: <$type as $crate::manifest::decode::Decode>::shape,
                },
            )+ )*];

            fn choose(
                node: &$crate::manifest::tree::Node,
                findings: &mut $crate::diag::Findings,
            ) -> Option<Self> {
                match node.name.as_str() {
                    $( $($key)|+ => {
                        $crate::manifest::decode::block(node, findings).map(Self::$variant)
                    } )*
                    _ => None,
                }
            }
        }
    };
}

macro_rules! field_key {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $key:literal) => {
        $key
    };
}

macro_rules! field_role {
    () => {
        $crate::manifest::shape::Role::Setting
    };
    (set) => {
        $crate::manifest::shape::Role::Set
    };
    (argument) => {
        $crate::manifest::shape::Role::Argument
    };
    (arguments) => {
        $crate::manifest::shape::Role::Arguments
    };
    (rest) => {
        $crate::manifest::shape::Role::Rest
    };
    (keyword) => {
        $crate::manifest::shape::Role::Keyword
    };
}

pub(super) use {choice, field_key, field_role, keywords, settings};

/// The naming that a struct's marks ask for.
pub(super) const fn naming(marks: &[&str]) -> Naming {
    let mut at = 0;
    while at < marks.len() {
        match marks[at].as_bytes() {
            b"named" => return Naming::Unique,
            b"repeatable" => return Naming::Repeatable,
            _ => {}
        }
        at += 1;
    }
    Naming::Anonymous
}
