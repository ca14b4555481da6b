//! Where the alerts of a stack go: its routes and its alerts, and what is known of their labels before
//! any of them fires.
//!
//! An alert's labels are those of its rule, the external ones, and those of whatever series its
//! expression gives. Which names the last can have follows from the expression ([`Routing::learn`]); their
//! values are not known, so a question about such a label has the answer "perhaps".

use std::collections::{BTreeSet, HashMap};

use super::boards::Boards;
use super::expressions::{self, Expression, Site};
use super::known::{Flow, Known};
use super::read;
use crate::alerting::matchers::{self, Placed};
use crate::diag::{Files, Span, Spanned};
use crate::manifest::{Alert, Block, Receiver, Rule, Stack, When, place_in};
use crate::model::{MatchOp, Matcher};
use crate::render;

/// Whether something holds of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// Never.
    No,
    /// It depends on what is not known.
    Perhaps,
    /// Always.
    Yes,
}

impl Answer {
    /// Both.
    pub fn and(self, other: Self) -> Self {
        self.min(other)
    }
}

/// A text with matchers, read.
pub struct Conditions<'a> {
    /// As written.
    pub text: &'a Spanned<String>,
    /// One by one; all must hold.
    pub matchers: Vec<Placed>,
}

impl<'a> Conditions<'a> {
    /// `None` if the text is no list of matchers.
    pub fn of(text: &'a Spanned<String>) -> Option<Self> {
        matchers::parse(text).ok().map(|matchers| Self { text, matchers })
    }

    /// The place of a matcher in the manifest.
    pub fn place(&self, files: &Files, matcher: &Placed) -> Span {
        place_in(files, self.text, matcher.range.clone())
    }

    /// Whether whatever meets these meets the others as well; `false` where that is not seen.
    pub fn lies_within(&self, others: &Conditions<'_>) -> bool {
        others.matchers.iter().all(|wide| {
            let same = self.matchers.iter().map(|placed| &placed.matcher);
            let same: Vec<&Matcher> =
                same.filter(|matcher| matcher.name == wide.matcher.name).collect();
            implies(&same, &wide.matcher)
        })
    }

    /// Whether an alert may meet all of them.
    pub fn may_hold(&self, alert: &Declared<'_>) -> bool {
        self.meets(alert) > Answer::No
    }

    /// Whether an alert meets all of them.
    pub fn meets(&self, alert: &Declared<'_>) -> Answer {
        let all = self.matchers.iter().map(|placed| alert.meets(&placed.matcher));
        all.min().unwrap_or(Answer::Yes)
    }
}

/// A route as written. The first one is that of the `route` node.
pub struct Route<'a> {
    /// The route above.
    pub parent: Option<usize>,
    /// The routes below, in the order in which they are tried.
    pub children: Vec<usize>,
    /// The node; `None` for the first route.
    pub when: Option<&'a Block<When>>,
    /// What it asks for; `None` for the first route.
    pub conditions: Option<Conditions<'a>>,
    /// The receiver that hears of what ends here; `None` where the stack has none at all.
    pub receiver: Option<&'a Spanned<String>>,
    /// Whether a mistake of reading took away a setting that says where alerts go.
    pub doubtful: bool,
}

impl Route<'_> {
    /// Whether later siblings are tried as well.
    pub fn goes_on(&self) -> bool {
        self.when.and_then(|when| when.go_on.as_ref()).is_some_and(|flag| flag.value)
    }
}

/// An alert that the stack declares.
pub struct Declared<'a> {
    /// Its name.
    pub name: String,
    /// Where it is declared.
    pub span: Span,
    /// The manifest's node; `None` for an alert of an objective.
    pub node: Option<&'a Block<crate::manifest::Alert>>,
    /// Labels that are known: by the rule, or from outside.
    labels: Vec<(String, String)>,
    /// Labels that templates make.
    made: Vec<String>,
    /// External labels, which it has unless its series bring others of these names.
    external: Vec<(String, String)>,
    /// Whether there may be further labels, from the series.
    open: bool,
    /// What is known of those.
    series: Option<FromSeries>,
    /// Whether a mistake of reading may have taken labels away.
    pub doubtful: bool,
}

/// Labels that the series of an alert's expression have.
struct FromSeries {
    flow: Flow,
    /// Where labels got lost in the expression.
    lost: Vec<(BTreeSet<String>, Span)>,
}

impl Declared<'_> {
    /// Takes what is not known for possible.
    pub(super) fn doubt(&mut self) {
        self.open = true;
        self.series = None;
        self.doubtful = true;
    }

    /// Whether it stands for alerts that could not be read.
    pub fn is_lost(&self) -> bool {
        self.name.is_empty()
    }

    /// The value of a label, the empty one if the alert surely has none; `None` if it is not known.
    pub fn label(&self, name: &str) -> Option<&str> {
        if self.made.iter().any(|made| made == name) {
            return None;
        }
        let of =
            |labels: &'_ [(String, String)]| labels.iter().position(|(known, _)| known == name);
        match (of(&self.labels), of(&self.external)) {
            (Some(at), _) => Some(&self.labels[at].1),
            _ if self.open && self.series.as_ref().is_none_or(|it| it.flow.can_have(name)) => None,
            (None, Some(at)) => Some(&self.external[at].1),
            (None, None) => Some(""),
        }
    }

    /// Whether the alert may have a label, with whatever value.
    pub fn can_have(&self, name: &str) -> bool {
        self.label(name) != Some("")
    }

    /// Whether every instance of the alert has a label, with whatever value.
    pub fn surely_has(&self, name: &str) -> bool {
        self.label(name).is_some_and(|value| !value.is_empty())
            || self.series.as_ref().is_some_and(|it| it.flow.surely_has(name))
    }

    /// Where the expression loses a label that its series have.
    pub fn loses(&self, name: &str) -> Option<Span> {
        let lost = &self.series.as_ref()?.lost;
        lost.iter().find(|(labels, _)| labels.contains(name)).map(|(_, place)| *place)
    }

    /// Names of labels that it may have, as far as they are known.
    pub fn possible_labels(&self) -> impl Iterator<Item = &str> {
        let series = self.series.iter().flat_map(|it| &it.flow.may);
        self.label_names().chain(self.made.iter().chain(series).map(String::as_str))
    }

    /// Whether a single matcher holds.
    pub fn meets(&self, matcher: &Matcher) -> Answer {
        match self.label(&matcher.name) {
            Some(value) if matcher.matches(value) => Answer::Yes,
            Some(_) => Answer::No,
            None if is_anything(matcher) => Answer::Yes,
            None => Answer::Perhaps,
        }
    }

    /// Whether the rule or the outside sets a label, to whatever value.
    pub fn sets(&self, name: &str) -> bool {
        self.made.iter().any(|made| made == name) || self.label_names().any(|known| known == name)
    }

    /// Names of the labels that it surely has, with whatever value.
    pub fn label_names(&self) -> impl Iterator<Item = &str> {
        self.labels.iter().chain(&self.external).map(|(name, _)| name.as_str())
    }
}

/// Whether any value passes.
fn is_anything(matcher: &Matcher) -> bool {
    matcher.op == MatchOp::Regex && matcher.value == ".*"
}

/// Routes and alerts of a stack.
pub struct Routing<'a> {
    /// All routes, each before those below it; none where there is no Alertmanager.
    pub routes: Vec<Route<'a>>,
    /// All alerts: those of rule groups in their order, then those of objectives; last, where mistakes of
    /// reading took some away, one that may be anything.
    pub alerts: Vec<Declared<'a>>,
    /// Whether routes or receivers got lost in reading.
    pub routes_lost: bool,
    /// Places in receivers of which something got lost.
    pub half_read: Vec<Span>,
    /// Texts of tests of which something got lost; an empty one where nobody knows which.
    pub tests_lost: Vec<String>,
}

impl<'a> Routing<'a> {
    /// What the manifest says.
    pub fn of(stack: &'a Stack) -> Self {
        let mut routing = Self {
            routes: Vec::new(),
            alerts: alerts(stack),
            routes_lost: false,
            half_read: Vec::new(),
            tests_lost: Vec::new(),
        };
        if let Some(alertmanager) = &stack.alertmanager {
            let (receiver, whens) = match &alertmanager.route {
                Some(route) => (Some(&route.receiver), &route.when[..]),
                None => (alertmanager.receivers.first().map(|first| &first.name), &[][..]),
            };
            let first = Route {
                parent: None,
                children: Vec::new(),
                when: None,
                conditions: None,
                receiver,
                doubtful: false,
            };
            routing.routes.push(first);
            routing.add(whens, 0);
        }
        routing
    }

    /// What the manifest says, with all that its expressions tell about the labels of alerts, as rules
    /// have it.
    pub fn learned(stack: &'a Stack, files: &Files) -> Self {
        // Dashboards have no alerts.
        let nothing = Stack::default();
        let boards = Boards::of(&nothing, files);
        let expressions = expressions::all(stack, &boards);
        let known = Known::of(stack, &expressions, &|path| read(files, path));
        let mut routing = Self::of(stack);
        routing.learn(&expressions, &known, files);
        routing
    }

    /// Takes over what the expressions of the alerts tell about their labels.
    pub(super) fn learn(
        &mut self,
        expressions: &[Expression<'_>],
        known: &Known<'_>,
        files: &Files,
    ) {
        let numbers = self.alerts.iter().enumerate();
        let numbers: HashMap<*const Block<Alert>, usize> = numbers
            .filter_map(|(number, alert)| Some((std::ptr::from_ref(alert.node?), number)))
            .collect();
        for expression in expressions.iter().filter(|expression| expression.sound().is_some()) {
            let Site::Alert(_, node) = expression.site else { continue };
            let Some(number) = numbers.get(&std::ptr::from_ref(node)) else { continue };
            let alert = &mut self.alerts[*number];
            let flow = expression.flows(known).result().clone();
            let own = flow.losses.iter().filter(|loss| loss.record.is_none());
            let lost = own.map(|loss| (loss.labels.clone(), expression.place(files, loss.at)));
            let lost = lost.collect();
            alert.series = Some(FromSeries { flow, lost });
        }
    }

    /// The alerts that may get to a route.
    pub fn reaching(&self, index: usize) -> impl Iterator<Item = &Declared<'a>> {
        let path = self.path(index);
        self.alerts
            .iter()
            .filter(move |alert| path.iter().all(|route| self.meets(*route, alert) > Answer::No))
    }

    /// Takes into account that alerts got lost: one that may have any name and any label stands for them.
    pub(super) fn add_lost_alert(&mut self) {
        if self.alerts.last().is_some_and(Declared::is_lost) {
            return;
        }
        self.alerts.push(Declared {
            name: String::new(),
            span: Span::default(),
            node: None,
            labels: Vec::new(),
            made: Vec::new(),
            external: Vec::new(),
            open: true,
            series: None,
            doubtful: true,
        });
    }

    fn add(&mut self, whens: &'a [Block<When>], parent: usize) {
        for when in whens {
            let index = self.routes.len();
            let conditions = Conditions::of(&when.matchers);
            let receiver = when.to.as_ref().or(self.routes[parent].receiver);
            self.routes.push(Route {
                parent: Some(parent),
                children: Vec::new(),
                when: Some(when),
                conditions,
                receiver,
                doubtful: false,
            });
            self.routes[parent].children.push(index);
            self.add(&when.when, index);
        }
    }

    /// The routes from below the first one to this one, this one last.
    pub fn path(&self, index: usize) -> Vec<usize> {
        let up = std::iter::successors(Some(index), |at| self.routes[*at].parent);
        let mut path: Vec<usize> = up.filter(|at| *at != 0).collect();
        path.reverse();
        path
    }

    /// Whether a route's own conditions hold; perhaps, where they could not be read.
    pub fn meets(&self, index: usize, alert: &Declared<'_>) -> Answer {
        let route = &self.routes[index];
        let unread = if route.when.is_some() { Answer::Perhaps } else { Answer::Yes };
        route.conditions.as_ref().map_or(unread, |conditions| conditions.meets(alert))
    }

    /// The routes that an alert may end in, and whether it surely does.
    pub fn ends(&self, alert: &Declared<'_>) -> Vec<(usize, Answer)> {
        let mut ends = Vec::new();
        if !self.routes.is_empty() {
            self.walk(0, Answer::Yes, alert, &mut ends);
        }
        ends
    }

    fn walk(
        &self,
        index: usize,
        reached: Answer,
        alert: &Declared<'_>,
        ends: &mut Vec<(usize, Answer)>,
    ) {
        // Whether the next child is tried, and whether some child has taken the alert: one that got lost
        // in reading may have.
        let doubt = if self.routes[index].doubtful { Answer::Perhaps } else { Answer::No };
        let (mut tried, mut taken) = (reached, doubt);
        for child in &self.routes[index].children {
            let meets = self.meets(*child, alert);
            if meets == Answer::No {
                continue;
            }
            self.walk(*child, tried.and(meets), alert, ends);
            taken = taken.max(meets);
            if !self.routes[*child].goes_on() {
                if meets == Answer::Yes && !self.routes[*child].doubtful {
                    break;
                }
                tried = Answer::Perhaps;
            }
        }
        match taken {
            Answer::No => ends.push((index, reached)),
            Answer::Perhaps => ends.push((index, Answer::Perhaps)),
            Answer::Yes => {}
        }
    }

    /// The receiver of a route.
    pub fn receiver(&self, stack: &'a Stack, index: usize) -> Option<&'a Block<Receiver>> {
        let name = self.routes[index].receiver?;
        stack.alertmanager.as_ref()?.receivers.iter().find(|receiver| receiver.name == *name)
    }
}

fn alerts(stack: &Stack) -> Vec<Declared<'_>> {
    let external = stack.prometheus.iter().flat_map(|prometheus| &prometheus.external_labels);
    let external: Vec<(&str, &str)> =
        external.map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let file = render::rule_file(stack);
    let mut alerts = Vec::new();
    for (group, settled) in stack.rules.iter().zip(&file.groups) {
        for (rule, settled) in group.rules.iter().zip(&settled.rules) {
            if let Rule::Alert(alert) = rule {
                let labels = &settled.labels;
                alerts.push(declared(&alert.name, labels, &external, alert.name.span, Some(alert)));
            }
        }
    }
    // Two groups for each objective.
    for (slo, groups) in stack.slos.iter().zip(file.groups[stack.rules.len()..].chunks(2)) {
        for rule in groups.iter().flat_map(|group| &group.rules) {
            if let Some(name) = &rule.alert {
                alerts.push(declared(name, &rule.labels, &external, slo.name.span, None));
            }
        }
    }
    alerts
}

fn declared<'a>(
    name: &str,
    settled: &indexmap::IndexMap<String, String>,
    external: &[(&str, &str)],
    span: Span,
    node: Option<&'a Block<crate::manifest::Alert>>,
) -> Declared<'a> {
    // The alerts of an objective come from a sum: all of their labels are those of the rule.
    let open = node.is_some();
    let mut labels = vec![("alertname".to_owned(), name.to_owned())];
    let mut made = Vec::new();
    let mut outside = Vec::new();
    for (label, value) in settled.iter().filter(|(label, _)| *label != "alertname") {
        if value.contains("{{") {
            made.push(label.clone());
        } else if !value.is_empty() {
            labels.push((label.clone(), value.clone()));
        }
    }
    for (label, value) in external {
        if labels.iter().any(|(known, _)| known == label) || made.iter().any(|made| made == label) {
            continue;
        }
        // An environment variable may be put in.
        if value.contains('$') {
            made.push((*label).to_owned());
        } else {
            outside.push(((*label).to_owned(), (*value).to_owned()));
        }
    }
    // A rule that sets the empty value removes the label.
    for (label, _) in settled.iter().filter(|(_, value)| value.is_empty()) {
        let others = labels.iter().chain(&outside);
        if others.into_iter().all(|(known, _)| known != label) && !made.contains(label) {
            labels.push((label.clone(), String::new()));
        }
    }
    let name = name.to_owned();
    let external = outside;
    Declared { name, span, node, labels, made, external, open, series: None, doubtful: false }
}

/// Whether every value that passes all of `narrow` passes `wide` as well; both are about one label.
/// `false` where that is not seen.
fn implies(narrow: &[&Matcher], wide: &Matcher) -> bool {
    if is_anything(wide) || narrow.contains(&wide) {
        return true;
    }
    // One of them that allows a few values only, of which the others take some away.
    if let Some(values) = narrow.iter().find_map(|matcher| values(matcher)) {
        let left = values.iter().filter(|value| narrow.iter().all(|one| one.matches(value)));
        return left.map(String::as_str).all(|value| wide.matches(value));
    }
    // What is not empty passes these.
    let anything_else = matches!((wide.op, wide.value.as_str()), (MatchOp::NotEqual, ""))
        || matches!((wide.op, wide.value.as_str()), (MatchOp::Regex, ".+"));
    anything_else && narrow.iter().any(|one| !one.matches(""))
}

/// The values that pass, where they are few and known.
fn values(matcher: &Matcher) -> Option<Vec<String>> {
    match matcher.op {
        MatchOp::Equal => Some(vec![matcher.value.clone()]),
        MatchOp::Regex => {
            let text = matcher.value.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
            let text = text.unwrap_or(&matcher.value);
            let special = |c: char| r"\.+*?()[]{}^$#&-~".contains(c) && c != '-';
            (!text.contains(special)).then(|| text.split('|').map(str::to_owned).collect())
        }
        MatchOp::NotEqual | MatchOp::NotRegex => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerting::Tree;
    use crate::manifest::{Format, parse};
    use crate::model::Labels;

    fn check(text: &str, expected: &[(&str, &[(usize, Answer)])]) {
        let stack = parse("stack.kdl", text, Format::Kdl, None).unwrap().stack;
        let routing = Routing::of(&stack);
        let found: Vec<_> =
            routing.alerts.iter().map(|alert| (alert.name.clone(), routing.ends(alert))).collect();
        let expected: Vec<_> =
            expected.iter().map(|(name, ends)| ((*name).to_owned(), ends.to_vec())).collect();
        assert_eq!(found, expected);
        // Where everything is known, that is what the engine says of the rendered tree.
        let config = render::alertmanager_config(&stack, stack.alertmanager.as_ref().unwrap());
        let tree = Tree::new(&config.route).unwrap();
        for alert in &routing.alerts {
            let ends = routing.ends(alert);
            if ends.iter().all(|(_, answer)| *answer == Answer::Yes) {
                let labels = Labels::from_pairs(alert.labels.iter().cloned());
                let ends: Vec<usize> = ends.iter().map(|(end, _)| *end).collect();
                assert_eq!(tree.route(&labels), ends);
            }
        }
    }

    const STACK: &str = r##"
rules "g" {
    alert "A" severity="critical" { expr "up == 0"; labels team="shop" }
    alert "B" severity="warning" { expr "up == 0" }
    alert "C" { expr "up == 0"; labels severity="{{ $value }}" }
}
slo "s" objective=99.9 { total "a"; errors "b" }
alertmanager {
    receiver "ops" { webhook "http://h/" }
    route "ops" {
        when "severity=critical" continue=#true { when #"team=~"shop|web""#; when "team=db" }
        when "severity!=info" { when "job=mysql" }
        when "alertname=C"
    }
}
"##;

    #[test]
    fn what_is_not_known_is_perhaps_so() {
        use Answer::{Perhaps, Yes};
        check(
            STACK,
            &[
                ("A", &[(2, Yes), (5, Perhaps), (4, Perhaps)]),
                ("B", &[(5, Perhaps), (4, Perhaps)]),
                (
                    "C",
                    &[
                        (2, Perhaps),
                        (3, Perhaps),
                        (1, Perhaps),
                        (5, Perhaps),
                        (4, Perhaps),
                        (6, Perhaps),
                    ],
                ),
                ("ErrorBudgetBurnFast", &[(1, Yes), (4, Yes)]),
                ("ErrorBudgetBurnSlow", &[(4, Yes)]),
            ],
        );
    }

    #[test]
    fn one_set_of_values_lies_within_another() {
        let check = |narrow: &str, wide: &str, expected: bool| {
            let narrow = matchers::parse(narrow).unwrap();
            let narrow: Vec<&Matcher> = narrow.iter().map(|placed| &placed.matcher).collect();
            let wide = &matchers::parse(wide).unwrap()[0].matcher;
            assert_eq!(implies(&narrow, wide), expected, "{narrow:?} {wide}");
        };
        check("a=b", "a=b", true);
        check("a=b", "a=~\"b|c\"", true);
        check("a=~\"b|c\"", "a=b", false);
        check("a=~\"(b|c)\"", "a=~\"[bc]\"", true);
        check("a=~\"b|c\", a!=c", "a=b", true);
        check("a=~\"b.*\"", "a=~\"b.*\"", true);
        check("a=~\"b.*\"", "a=~\".*\"", true);
        check("a=~\"b.*\"", "a!=\"\"", true);
        check("a=~\"b.*\"", "a=~\".+\"", true);
        check("a!=b", "a!=\"\"", false);
        check("a=~\"b.*\"", "a=~\"b.*|c\"", false);
        check("a=b", "a!=c", true);
        check("", "a=b", false);
        check("", "a=~\".*\"", true);
    }
}
