//! What of a compose service is reached from outside, and what of the host it sees: ports and mounts.

use super::compose::{Text, read_text};
use super::context::{Context, dotted, join, normal};
use super::kdl::Node;
use super::source::{Fields, get, scalar};
use crate::manifest::yaml::Yaml;

/// A published port.
pub struct Published {
    /// Port inside of the container.
    pub inside: u16,
    /// Port on the host.
    pub outside: u16,
    /// Address on the host; all of them where nothing was said.
    pub bind: String,
    /// `udp`, if it is that.
    udp: bool,
}

impl Published {
    /// The node that says it.
    pub fn node(&self, name: &str) -> Node {
        Node::new(name)
            .arg(u64::from(self.inside))
            .prop("host", Some(u64::from(self.outside)).filter(|_| self.outside != self.inside))
            .prop("bind", Some(self.bind.as_str()).filter(|bind| *bind != "127.0.0.1"))
            .prop("protocol", Some("udp").filter(|_| self.udp))
    }
}

/// A port of the list; `None` for ranges, and for ports whose number on the host is left to chance.
pub fn published(port: &Yaml) -> Option<Published> {
    if let Some(text) = scalar(port) {
        let text = match read_text(text) {
            Text::Plain(text) | Text::Default(text) => text,
            Text::Variable(_) | Text::Mixed => return None,
        };
        let (text, protocol) = text.split_once('/').unwrap_or((&text, "tcp"));
        let (rest, inside) = text.rsplit_once(':')?;
        let (bind, outside) = rest.rsplit_once(':').unwrap_or(("0.0.0.0", rest));
        return Some(Published {
            inside: inside.parse().ok()?,
            outside: outside.parse().ok()?,
            bind: bind.trim_matches(['[', ']']).to_owned(),
            udp: protocol == "udp",
        });
    }
    let text = |key: &str| get(port, key).and_then(scalar);
    Some(Published {
        inside: text("target")?.parse().ok()?,
        outside: text("published")?.parse().ok()?,
        bind: text("host_ip").unwrap_or("0.0.0.0").to_owned(),
        udp: text("protocol") == Some("udp"),
    })
}

/// Names what else the port says.
pub fn port_options(what: &str, port: &Yaml, context: &mut Context) {
    if scalar(port).is_some() {
        return;
    }
    let mut fields = Fields::of(format!("this port of {what}"), port, &mut context.notes);
    for key in ["target", "published", "host_ip", "protocol"] {
        fields.take(key);
    }
    // On one machine there is nothing but that one to reach a port at.
    if get(port, "mode").and_then(scalar).is_some_and(|mode| ["ingress", "host"].contains(&mode)) {
        fields.take("mode");
    }
    fields.finish(&mut context.notes);
}

/// A volume or folder in a container.
pub struct Mounted {
    /// Name of the volume, or path.
    pub source: String,
    /// Path inside.
    pub inside: String,
    /// Whether it is only read.
    pub read_only: bool,
}

/// A mount of the list; `None` for those without a source, in memory, or under a variable path.
pub fn mounted(volume: &Yaml, folder: &str) -> Option<Mounted> {
    let (source, inside, read_only) = if let Some(text) = scalar(volume) {
        let mut parts = text.splitn(3, ':');
        let (source, inside) = (parts.next()?, parts.next()?);
        let options = parts.next().unwrap_or_default();
        (source, inside, options.split(',').any(|option| option == "ro"))
    } else {
        let text = |key: &str| get(volume, key).and_then(scalar);
        if !matches!(text("type"), None | Some("bind" | "volume")) {
            return None;
        }
        (text("source")?, text("target")?, text("read_only") == Some("true"))
    };
    if source.contains(['$', '~']) {
        return None;
    }
    let source = if source.starts_with(['.', '/']) {
        dotted(&normal(&join(folder, source)))
    } else {
        source.to_owned()
    };
    Some(Mounted { source, inside: inside.to_owned(), read_only })
}

/// Names what else a mount says: how it is shared, labelled or cached.
pub fn mount_options(what: &str, volume: &Yaml, context: &mut Context) {
    if let Some(text) = scalar(volume) {
        let options = text.splitn(3, ':').nth(2).unwrap_or_default().split(',');
        for option in options.filter(|option| !matches!(*option, "" | "ro" | "rw")) {
            context.notes.lost(volume.span, &format!("`{option}` of this mount of {what}"));
        }
        return;
    }
    let mut fields = Fields::of(format!("this mount of {what}"), volume, &mut context.notes);
    for key in ["type", "source", "target", "read_only"] {
        fields.take(key);
    }
    fields.finish(&mut context.notes);
}
