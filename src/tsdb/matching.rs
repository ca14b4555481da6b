//! Matchers on postings: which series pass. Works on the head and on a partition alike.

use crate::model::{MatchOp, Matcher};

/// An index: for each label pair the ascending numbers of the series that have it.
pub trait Postings {
    /// What can go wrong while reading it.
    type Error;

    /// All series.
    fn all(&self) -> Result<Vec<u32>, Self::Error>;

    /// Series that have this pair.
    fn having(&self, name: &str, value: &str) -> Result<Vec<u32>, Self::Error>;

    /// Series that have this label with a value that passes, in any order.
    fn passing(
        &self,
        name: &str,
        passes: &mut dyn FnMut(&str) -> bool,
    ) -> Result<Vec<u32>, Self::Error>;
}

/// Numbers of the series that pass all matchers, ascending.
pub fn find<P: Postings>(postings: &P, matchers: &[Matcher]) -> Result<Vec<u32>, P::Error> {
    let (mut out, mut into): (Vec<&Matcher>, Vec<&Matcher>) =
        matchers.iter().partition(|matcher| matcher.matches_empty());
    // Equality is cheap and narrows most; the metric name before all.
    into.sort_by_key(|matcher| (matcher.op != MatchOp::Equal, matcher.name != "__name__"));
    out.sort_by_key(|matcher| matcher.op != MatchOp::NotEqual);
    let mut found: Option<Vec<u32>> = None;
    for matcher in into {
        let with = included(postings, matcher)?;
        found = Some(match found {
            Some(found) => intersect(&found, &with),
            None => with,
        });
        if found.as_ref().is_some_and(Vec::is_empty) {
            return Ok(Vec::new());
        }
    }
    let mut found = match found {
        Some(found) => found,
        None => postings.all()?,
    };
    for matcher in out {
        if found.is_empty() {
            break;
        }
        let without = excluded(postings, matcher)?;
        subtract(&mut found, &without);
    }
    Ok(found)
}

/// Series that have the label and pass; the matcher does not pass the empty value.
fn included<P: Postings>(postings: &P, matcher: &Matcher) -> Result<Vec<u32>, P::Error> {
    if matcher.op == MatchOp::Equal {
        return postings.having(&matcher.name, &matcher.value);
    }
    if let Some(words) = alternatives(matcher) {
        let mut found = Vec::new();
        for word in words {
            found.extend(postings.having(&matcher.name, word)?);
        }
        found.sort_unstable();
        found.dedup();
        return Ok(found);
    }
    let mut found = postings.passing(&matcher.name, &mut |value| matcher.matches(value))?;
    found.sort_unstable();
    Ok(found)
}

/// Series that have the label and do not pass; the matcher passes the empty value.
fn excluded<P: Postings>(postings: &P, matcher: &Matcher) -> Result<Vec<u32>, P::Error> {
    if matcher.op == MatchOp::NotEqual {
        return postings.having(&matcher.name, &matcher.value);
    }
    let mut found = postings.passing(&matcher.name, &mut |value| !matcher.matches(value))?;
    found.sort_unstable();
    Ok(found)
}

/// `a|b|c`: the words, where the expression has nothing else in it.
fn alternatives(matcher: &Matcher) -> Option<impl Iterator<Item = &str>> {
    let special = |c: char| !(c.is_alphanumeric() || "_-:/|, ".contains(c));
    (matcher.op == MatchOp::Regex && !matcher.value.contains(special))
        .then(|| matcher.value.split('|'))
}

/// Both ascending. Walks through the shorter one and leaps through the longer one.
pub fn intersect(a: &[u32], b: &[u32]) -> Vec<u32> {
    let (short, mut long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let mut found = Vec::with_capacity(short.len());
    for &number in short {
        long = &long[leap(long, number)..];
        match long.first() {
            None => break,
            Some(&first) if first == number => found.push(number),
            Some(_) => {}
        }
    }
    found
}

/// Place of the first element that is not below `number`, near the front most of the time.
fn leap(ascending: &[u32], number: u32) -> usize {
    let mut reach = 1;
    while reach < ascending.len() && ascending[reach - 1] < number {
        reach *= 2;
    }
    let from = reach / 2;
    let to = reach.min(ascending.len());
    from.min(to) + ascending[from.min(to)..to].partition_point(|&other| other < number)
}

fn subtract(found: &mut Vec<u32>, mut without: &[u32]) {
    found.retain(|&number| {
        without = &without[leap(without, number)..];
        without.first() != Some(&number)
    });
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_alternatives_need_no_regex() {
        let words = |value: &str| {
            let matcher = Matcher::new("a", MatchOp::Regex, value).unwrap();
            alternatives(&matcher).map(|words| words.map(str::to_owned).collect::<Vec<_>>())
        };
        assert_eq!(words("a|b-c").unwrap(), ["a", "b-c"]);
        assert_eq!(words("a.*"), None);
        assert_eq!(words("a.b"), None);
    }

    struct Rows(Vec<[u8; 2]>);

    impl Rows {
        fn filter(&self, passes: impl Fn(&[u8; 2]) -> bool) -> Vec<u32> {
            (0..).zip(&self.0).filter(|(_, row)| passes(row)).map(|(index, _)| index).collect()
        }
    }

    fn text(value: u8) -> String {
        if value == 0 { String::new() } else { value.to_string() }
    }

    fn column(name: &str) -> usize {
        usize::from(name == "b")
    }

    impl Postings for Rows {
        type Error = Infallible;

        fn all(&self) -> Result<Vec<u32>, Infallible> {
            Ok(self.filter(|_| true))
        }

        fn having(&self, name: &str, value: &str) -> Result<Vec<u32>, Infallible> {
            Ok(self.filter(|row| row[column(name)] != 0 && text(row[column(name)]) == value))
        }

        fn passing(
            &self,
            name: &str,
            passes: &mut dyn FnMut(&str) -> bool,
        ) -> Result<Vec<u32>, Infallible> {
            let mut found = Vec::new();
            for (index, row) in (0..).zip(&self.0) {
                if row[column(name)] != 0 && passes(&text(row[column(name)])) {
                    found.push(index);
                }
            }
            Ok(found)
        }
    }

    fn matchers() -> impl Strategy<Value = Vec<Matcher>> {
        let op = prop::sample::select(vec![
            MatchOp::Equal,
            MatchOp::NotEqual,
            MatchOp::Regex,
            MatchOp::NotRegex,
        ]);
        let value = prop::sample::select(vec!["", "1", "2", "1|2", "[12]", "|3", ".+", ".*"]);
        let one = (prop::sample::select(vec!["a", "b"]), op, value)
            .prop_map(|(name, op, value)| Matcher::new(name, op, value).unwrap());
        prop::collection::vec(one, 0..4)
    }

    proptest! {
        #[test]
        fn the_index_finds_what_matching_one_by_one_finds(
            rows in prop::collection::vec([0u8..5, 0u8..5], 0..60),
            matchers in matchers(),
        ) {
            let rows = Rows(rows);
            let expected = rows.filter(|row| {
                matchers.iter().all(|matcher| matcher.matches(&text(row[column(&matcher.name)])))
            });
            let Ok(found) = find(&rows, &matchers);
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn intersection_is_what_both_have(
            a in prop::collection::btree_set(0u32..300, 0..100),
            b in prop::collection::btree_set(0u32..300, 0..100),
        ) {
            let expected: Vec<u32> = a.intersection(&b).copied().collect();
            let (a, b): (Vec<u32>, Vec<u32>) = (a.into_iter().collect(), b.into_iter().collect());
            prop_assert_eq!(intersect(&a, &b), expected);
        }
    }
}
