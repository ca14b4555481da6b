//! Suggestions for misspelt names.

/// The known name that `written` most likely means; `None` when nothing is close.
///
/// Close means: a third of the letters may differ (a swap of neighbours counts as one), or one is the
/// beginning of the other and at least three letters long, or `known` is the last word of it.
pub fn most_similar<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let lower = written.to_lowercase().replace('-', "_");
    let allowed = (written.chars().count().max(3) / 3).min(4);
    known
        .into_iter()
        .filter(|name| *name != written)
        .filter_map(|name| {
            let other = name.to_lowercase().replace('-', "_");
            let distance = strsim::damerau_levenshtein(&lower, &other);
            let starts = lower.len() >= 3 && other.starts_with(&lower)
                || other.len() >= 3 && lower.starts_with(&other);
            let ends = lower.strip_suffix(&other).is_some_and(|front| front.ends_with('_'));
            let abbreviates = lower.len() * 2 >= other.len() && starts || ends;
            (distance <= allowed || abbreviates).then_some((distance, name))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// `a`, `b` and `c`: names for a sentence, cut after twelve.
pub fn quoted_list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let shown: Vec<String> = names.iter().take(12).map(|name| format!("`{name}`")).collect();
    match (names.len() > shown.len(), shown.split_last()) {
        (true, _) => format!("{} and {} more", shown.join(", "), names.len() - shown.len()),
        (false, Some((last, rest))) if !rest.is_empty() => {
            format!("{} and {last}", rest.join(", "))
        }
        (false, _) => shown.join(""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised_and_another_word_is_not() {
        let known = ["scrape_interval", "scrape_timeout", "db", "caddy", "evaluation_interval"];
        let check = |written, expected| assert_eq!(most_similar(written, known), expected);
        check("scrape_intervall", Some("scrape_interval"));
        check("scrape-interval", Some("scrape_interval"));
        check("cady", Some("caddy"));
        check("bd", Some("db"));
        check("eval", None);
        assert_eq!(most_similar("scrape_interval", ["scrape", "interval"]), Some("interval"));
        check("grafana", None);
        check("", None);
    }

    #[test]
    fn long_lists_are_cut() {
        assert_eq!(quoted_list(["a"]), "`a`");
        assert_eq!(quoted_list(["a", "b", "c"]), "`a`, `b` and `c`");
        assert!(quoted_list(["x"; 20]).ends_with("and 8 more"));
    }
}
