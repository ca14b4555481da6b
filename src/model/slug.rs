//! Names for files and identifiers, made of names that people gave.

/// A text made fit for file names and identifiers: letters, digits, `.`, `_` and `-`.
pub fn slug(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    for c in text.trim_start_matches(['.', '/']).chars() {
        match c {
            'a'..='z' | '0'..='9' | '.' | '_' => slug.push(c),
            'A'..='Z' => slug.push(c.to_ascii_lowercase()),
            _ if slug.ends_with('-') || slug.is_empty() => {}
            _ => slug.push('-'),
        }
    }
    slug.truncate(slug.trim_end_matches(['-', '.']).len());
    if slug.is_empty() { "unnamed".to_owned() } else { slug }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_never_empty_and_never_leave_a_folder() {
        assert_eq!(slug("../../Ärger & Co."), "rger-co");
        assert_eq!(slug("///"), "unnamed");
        assert_eq!(slug("Skincare: MySQL / Overview"), "skincare-mysql-overview");
    }
}
