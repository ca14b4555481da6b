//! The tree of routes: which of them an alert ends in, and how it is sent from there.
//!
//! An alert enters at the root, which takes everything. At a route that takes it, the children are
//! tried in order; the first that takes it ends the search among its siblings, unless it says
//! `continue`. Where no child takes the alert, it ends in the route itself.

use std::time::Duration;

use super::matchers::{self, SyntaxError};
use crate::model::{DurationError, Labels, Matcher, parse_duration};
use crate::wire::alertmanager as wire;

/// What holds where no route says otherwise.
const GROUP_WAIT: Duration = Duration::from_secs(30);
const GROUP_INTERVAL: Duration = Duration::from_secs(5 * 60);
const REPEAT_INTERVAL: Duration = Duration::from_secs(4 * 3600);

/// A tree that Alertmanager would not take.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// Every alert has to end somewhere.
    #[error("the first route has no receiver")]
    NoReceiver,
    /// The first route takes every alert at every time.
    #[error("the first route may not have `{0}`")]
    AtRoot(&'static str),
    /// A text that is no list of matchers.
    #[error("`{text}` is no matcher: {source}")]
    Matcher {
        /// The text.
        text: String,
        /// What is wrong with it.
        source: SyntaxError,
    },
    /// A text that is no duration.
    #[error("`{setting}` of a route: {source}")]
    Duration {
        /// Name of the setting.
        setting: &'static str,
        /// What is wrong with it.
        source: DurationError,
    },
    /// A time that has to pass and cannot be none.
    #[error("`{0}` of a route is 0")]
    Zero(&'static str),
    /// A label that makes up a group twice, or `...` beside others.
    #[error("`group_by` of a route has {0}")]
    Grouping(String),
}

/// Labels whose values make up a group of alerts that are sent together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grouping {
    /// All labels: each alert is a group of its own.
    All,
    /// These; none puts all alerts into one group.
    By(Vec<String>),
}

/// How alerts are sent from a route; what it did not say itself is that of the route above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Name of the receiver.
    pub receiver: String,
    /// What makes up a group.
    pub group_by: Grouping,
    /// Wait before the first message of a group.
    pub group_wait: Duration,
    /// Time between two messages of a group that has changed.
    pub group_interval: Duration,
    /// Time after which an unchanged group is sent again.
    pub repeat_interval: Duration,
    /// Quiet times in which nothing is sent; never those of the route above.
    pub mute: Vec<String>,
    /// Quiet times outside of which nothing is sent; never those of the route above.
    pub active: Vec<String>,
}

/// A route.
#[derive(Debug, Clone)]
pub struct Node {
    /// The route above; `None` for the root.
    pub parent: Option<usize>,
    /// Routes below, in the order in which they are tried.
    pub children: Vec<usize>,
    /// What an alert has to meet, all of it.
    pub matchers: Vec<Matcher>,
    /// Whether later siblings are tried as well.
    pub go_on: bool,
    /// How alerts are sent from here.
    pub settings: Settings,
}

impl Node {
    /// Whether it takes an alert with these labels that has reached it.
    pub fn takes(&self, labels: &Labels) -> bool {
        all_match(&self.matchers, labels)
    }
}

/// Whether an alert meets all matchers; a label that it does not have is empty.
pub(super) fn all_match(matchers: &[Matcher], labels: &Labels) -> bool {
    matchers.iter().all(|matcher| matcher.matches(labels.get(&matcher.name).unwrap_or_default()))
}

/// The routes of an Alertmanager. They are numbered from the root, 0, each before those below it.
#[derive(Debug, Clone)]
pub struct Tree(Vec<Node>);

impl Tree {
    /// Settles a tree of routes as it is written.
    pub fn new(root: &wire::Route) -> Result<Self, TreeError> {
        let forbidden = [
            ("matchers", !root.matchers.is_empty()),
            ("continue", root.go_on),
            ("mute_time_intervals", !root.mute_time_intervals.is_empty()),
            ("active_time_intervals", !root.active_time_intervals.is_empty()),
        ];
        if let Some((setting, _)) = forbidden.iter().find(|(_, said)| *said) {
            return Err(TreeError::AtRoot(setting));
        }
        let receiver = root.receiver.clone().filter(|receiver| !receiver.is_empty());
        let defaults = Settings {
            receiver: receiver.ok_or(TreeError::NoReceiver)?,
            group_by: Grouping::By(Vec::new()),
            group_wait: GROUP_WAIT,
            group_interval: GROUP_INTERVAL,
            repeat_interval: REPEAT_INTERVAL,
            mute: Vec::new(),
            active: Vec::new(),
        };
        let mut tree = Self(Vec::new());
        tree.add(root, None, &defaults)?;
        Ok(tree)
    }

    fn add(
        &mut self,
        route: &wire::Route,
        parent: Option<usize>,
        above: &Settings,
    ) -> Result<(), TreeError> {
        let index = self.0.len();
        let settings = settle(route, above)?;
        let mut all = Vec::new();
        for text in &route.matchers {
            let placed = matchers::parse(text)
                .map_err(|source| TreeError::Matcher { text: text.clone(), source })?;
            all.extend(placed.into_iter().map(|placed| placed.matcher));
        }
        self.0.push(Node {
            parent,
            children: Vec::new(),
            matchers: all,
            go_on: route.go_on,
            settings: settings.clone(),
        });
        if let Some(parent) = parent {
            self.0[parent].children.push(index);
        }
        route.routes.iter().try_for_each(|child| self.add(child, Some(index), &settings))
    }

    /// The routes in which an alert with these labels ends, in the order in which they are found; at
    /// least one.
    pub fn route(&self, labels: &Labels) -> Vec<usize> {
        let mut ends = Vec::new();
        self.walk(0, labels, &mut ends);
        ends
    }

    fn walk(&self, index: usize, labels: &Labels, ends: &mut Vec<usize>) {
        let before = ends.len();
        for child in &self.0[index].children {
            let node = &self.0[*child];
            if node.takes(labels) {
                self.walk(*child, labels, ends);
                if !node.go_on {
                    break;
                }
            }
        }
        if ends.len() == before {
            ends.push(index);
        }
    }

    /// A route by its number.
    pub fn node(&self, index: usize) -> &Node {
        &self.0[index]
    }

    /// All routes in the order of their numbers.
    pub fn nodes(&self) -> &[Node] {
        &self.0
    }

    /// The routes from the root to this one, both included.
    pub fn path(&self, index: usize) -> Vec<usize> {
        let mut path: Vec<usize> =
            std::iter::successors(Some(index), |index| self.0[*index].parent).collect();
        path.reverse();
        path
    }
}

fn settle(route: &wire::Route, above: &Settings) -> Result<Settings, TreeError> {
    let wire::Route {
        receiver,
        group_by,
        matchers: _,
        go_on: _,
        group_wait,
        group_interval,
        repeat_interval,
        mute_time_intervals,
        active_time_intervals,
        routes: _,
    } = route;
    let duration = |setting, said: &Option<String>, above| match said {
        None => Ok(above),
        Some(text) => {
            parse_duration(text).map_err(|source| TreeError::Duration { setting, source })
        }
    };
    let settings = Settings {
        receiver: receiver
            .clone()
            .filter(|receiver| !receiver.is_empty())
            .unwrap_or_else(|| above.receiver.clone()),
        group_by: grouping(group_by)?.unwrap_or_else(|| above.group_by.clone()),
        group_wait: duration("group_wait", group_wait, above.group_wait)?,
        group_interval: duration("group_interval", group_interval, above.group_interval)?,
        repeat_interval: duration("repeat_interval", repeat_interval, above.repeat_interval)?,
        mute: mute_time_intervals.clone(),
        active: active_time_intervals.clone(),
    };
    if settings.group_interval.is_zero() {
        return Err(TreeError::Zero("group_interval"));
    }
    if settings.repeat_interval.is_zero() {
        return Err(TreeError::Zero("repeat_interval"));
    }
    Ok(settings)
}

/// What was said of groups; nothing of it is `None`.
fn grouping(said: &[String]) -> Result<Option<Grouping>, TreeError> {
    if let Some(at) = (0..said.len()).find(|at| said[..*at].contains(&said[*at])) {
        return Err(TreeError::Grouping(format!("`{}` twice", said[at])));
    }
    match said {
        [] => Ok(None),
        [all] if all == "..." => Ok(Some(Grouping::All)),
        some if some.iter().any(|label| label == "...") => {
            Err(TreeError::Grouping("`...`, which is every label, and others besides".to_owned()))
        }
        some => Ok(Some(Grouping::By(some.to_vec()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(yaml: &str) -> Result<Tree, TreeError> {
        Tree::new(&serde_yaml::from_str(yaml).expect("the test writes YAML"))
    }

    const DEPTH: &str = r#"
receiver: root
group_by: [alertname]
routes:
- matchers: [severity=critical]
  receiver: pager
  continue: true
  routes:
  - matchers: ['team=~"a|b"']
    group_by: ['...']
    group_wait: 1m
    mute_time_intervals: [night]
- matchers: [severity=~"critical|warning", 'job!=""']
  receiver: mail
- matchers: [severity=warning]
  receiver: chat
"#;

    fn check(labels: &[(&str, &str)], expected: &[usize]) {
        let tree = tree(DEPTH).unwrap();
        let labels = Labels::from_pairs(labels.iter().copied());
        assert_eq!(tree.route(&labels), expected, "{labels}");
    }

    #[test]
    fn the_first_child_that_takes_an_alert_has_it_unless_it_goes_on() {
        check(&[], &[0]);
        check(&[("severity", "info")], &[0]);
        check(&[("severity", "critical")], &[1]);
        check(&[("severity", "critical"), ("team", "b")], &[2]);
        check(&[("severity", "critical"), ("team", "b"), ("job", "x")], &[2, 3]);
        check(&[("severity", "warning"), ("job", "x")], &[3]);
        check(&[("severity", "warning")], &[4]);
    }

    #[test]
    fn settings_come_from_above_but_for_quiet_times() {
        let tree = tree(DEPTH).unwrap();
        let settings = |index: usize| &tree.node(index).settings;
        assert_eq!(settings(2).receiver, "pager");
        assert_eq!((&settings(2).group_by, settings(2).group_wait.as_secs()), (&Grouping::All, 60));
        assert_eq!(settings(2).mute, ["night"]);
        assert_eq!(settings(1).group_by, Grouping::By(vec!["alertname".to_owned()]));
        assert_eq!(settings(4).repeat_interval, REPEAT_INTERVAL);
        assert_eq!(tree.path(2), [0, 1, 2]);
    }

    #[test]
    fn what_alertmanager_refuses_is_an_error() {
        let check = |yaml: &str, expected: &str| {
            assert_eq!(tree(yaml).unwrap_err().to_string(), expected);
        };
        check("{}", "the first route has no receiver");
        check("{receiver: a, matchers: [a=b]}", "the first route may not have `matchers`");
        check(
            "{receiver: a, routes: [{matchers: ['a']}]}",
            "`a` is no matcher: here should be `=`, `!=`, `=~` or `!~`",
        );
        check("{receiver: a, repeat_interval: 0s}", "`repeat_interval` of a route is 0");
        check("{receiver: a, group_by: [a, a]}", "`group_by` of a route has `a` twice");
    }
}
