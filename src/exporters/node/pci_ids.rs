//! Names of PCI vendors, devices and classes, from the list `pci.ids` that distributions install.

use std::collections::HashMap;
use std::path::Path;

/// Where distributions put the list.
const PLACES: [&str; 2] = ["/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids"];

/// Names by their ids: lower-case hexadecimal, those of the levels above in front.
#[derive(Debug, Default)]
pub(super) struct Names {
    vendors: HashMap<String, String>,
    /// Vendor, then vendor and device, then with the vendor and device of the subsystem.
    devices: HashMap<String, String>,
    /// Two digits of the class, four with the subclass, six with the programming interface.
    classes: HashMap<String, String>,
}

impl Names {
    /// Reads the list at a path, or at the usual places if that is empty; a list that is not there has
    /// no names.
    pub(super) fn load(path: &str) -> Self {
        let places: &[&str] = if path.is_empty() { &PLACES } else { &[path] };
        let texts = places.iter().filter_map(|place| std::fs::read(Path::new(place)).ok());
        let text = texts.map(|text| String::from_utf8_lossy(&text).into_owned()).next();
        text.map(|text| Self::parse(&text)).unwrap_or_default()
    }

    fn parse(text: &str) -> Self {
        let mut names = Self::default();
        // Ids of the levels above the line, and whether they are classes.
        let (mut above, mut classes) = (Vec::<String>::new(), false);
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let level = line.len() - line.trim_start_matches('\t').len();
            let Some((id, name)) = line.trim_start_matches('\t').split_once("  ") else { continue };
            if level == 0 {
                classes = id.starts_with("C ");
            }
            let id = id.trim_start_matches("C ").replace(' ', "").to_ascii_lowercase();
            above.truncate(level);
            if above.len() < level {
                continue;
            }
            above.push(id);
            let key = above.concat();
            let kind = match (classes, level) {
                (true, _) => &mut names.classes,
                (false, 0) => &mut names.vendors,
                (false, _) => &mut names.devices,
            };
            kind.insert(key, name.trim().to_owned());
        }
        names
    }

    /// The vendor's name, or its id without `0x`.
    pub(super) fn vendor(&self, vendor: &str) -> String {
        named(&self.vendors, &[vendor], vendor)
    }

    /// The device's name, or its id without `0x`.
    pub(super) fn device(&self, vendor: &str, device: &str) -> String {
        named(&self.devices, &[vendor, device], device)
    }

    /// The subsystem's name, or its device's id without `0x`.
    pub(super) fn subsystem(
        &self,
        vendor: &str,
        device: &str,
        sub_vendor: &str,
        sub_device: &str,
    ) -> String {
        named(&self.devices, &[vendor, device, sub_vendor, sub_device], sub_device)
    }

    /// The name of the programming interface, the subclass or the class, whichever is known first.
    pub(super) fn class(&self, class: &str) -> String {
        let id = plain(class);
        let name = [6, 4, 2].into_iter().find_map(|digits| self.classes.get(id.get(..digits)?));
        name.cloned().unwrap_or_else(|| format!("Unknown class ({id})"))
    }
}

fn named(names: &HashMap<String, String>, ids: &[&str], otherwise: &str) -> String {
    let key: String = ids.iter().map(|id| plain(id)).collect();
    names.get(&key).cloned().unwrap_or_else(|| plain(otherwise).to_owned())
}

fn plain(id: &str) -> &str {
    id.strip_prefix("0x").unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "# a comment\n1022  Vendor A\n\t1634  Bridge B\n\t\t17aa 5095  Board C\n\n\
        17aa  Vendor D\nC 06  Bridge\n\t04  PCI bridge\n\t\t01  Subtractive decode\n";

    #[test]
    fn names_are_found_at_each_level() {
        let names = Names::parse(LIST);
        assert_eq!(names.vendor("0x1022"), "Vendor A");
        assert_eq!(names.vendor("0x17aa"), "Vendor D");
        assert_eq!(names.device("0x1022", "0x1634"), "Bridge B");
        assert_eq!(names.subsystem("0x1022", "0x1634", "0x17aa", "0x5095"), "Board C");
        assert_eq!(names.class("0x060401"), "Subtractive decode");
        assert_eq!(names.class("0x060400"), "PCI bridge");
        assert_eq!(names.class("0x06ff00"), "Bridge");
    }

    #[test]
    fn what_is_not_listed_keeps_its_id() {
        let names = Names::load("/no/such/list");
        assert_eq!(names.vendor("0x1022"), "1022");
        assert_eq!(names.device("0x1022", "0x1634"), "1634");
        assert_eq!(names.class("0x060400"), "Unknown class (060400)");
    }
}
