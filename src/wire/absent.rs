//! Structures of which nothing is written that was not said.

use indexmap::IndexMap;

/// A value that may be left out of a file.
pub trait Absent {
    /// Whether there is nothing to write.
    fn absent(&self) -> bool;
}

impl<T> Absent for Option<T> {
    fn absent(&self) -> bool {
        self.is_none()
    }
}

impl<T> Absent for Vec<T> {
    fn absent(&self) -> bool {
        self.is_empty()
    }
}

impl<K, V> Absent for IndexMap<K, V> {
    fn absent(&self) -> bool {
        self.is_empty()
    }
}

impl Absent for bool {
    fn absent(&self) -> bool {
        !*self
    }
}

/// A text that belongs to an object is always written.
impl Absent for String {
    fn absent(&self) -> bool {
        false
    }
}

impl Absent for u16 {
    fn absent(&self) -> bool {
        false
    }
}

/// Declares objects of the Kubernetes API: names in camel case, nothing written that is absent,
/// unknown fields refused.
macro_rules! objects {
    ($(
        $(#[doc = $doc:literal])+
        pub struct $name:ident {
            $( $(#[$meta:meta])+ pub $field:ident: $kind:ty, )*
        }
    )+) => { $(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub struct $name {
            $(
                $(#[$meta])+
                #[serde(default, skip_serializing_if = "crate::wire::absent::Absent::absent")]
                pub $field: $kind,
            )*
        }

        impl $crate::wire::absent::Absent for $name {
            fn absent(&self) -> bool {
                false
            }
        }
    )+ };
}

pub(super) use objects;
