//! Each finding that reading can make, with its exact place, in both notations.

use super::super::Format;
use super::{read, said};

fn kdl(text: &str, expected: &[&str]) {
    check(text, Format::Kdl, expected);
}

fn yaml(text: &str, expected: &[&str]) {
    check(text, Format::Yaml, expected);
}

fn check(text: &str, format: Format, expected: &[&str]) {
    let loaded = read(text, format);
    let shown = said(&loaded);
    let lines: Vec<&str> = shown.lines().map(|line| line.split_once(':').unwrap().1).collect();
    assert_eq!(lines, expected, "{text}");
}

#[test]
fn syntax_s001() {
    kdl("service \"a\" {\n    image \"x\n}", &["2:11: error[S001]: this text is not closed"]);
    kdl(
        "service \"a\" {\n    image \"x\"\nservice \"b\" {\n    image \"y\"\n}\n",
        &["1:13: error[S001]: this `{` is not closed"],
    );
    kdl("service \"a\" {\n    image \"x\"\n}\n}\n", &["4:1: error[S001]: this `}` closes nothing"]);
    kdl(
        "service \"a\" {\n    env {\n        A \"x\"\n}\nnetwork \"n\"\n",
        &[
            "1:9: error[S012]: `service \"a\"` has nothing to run",
            "2:9: error[S001]: this `{` is not closed",
        ],
    );
    kdl("prometheus {\n    data /var/lib\n}", &["2:10: error[S001]: `/var/lib` needs quotes"]);
    kdl(
        "grafana {\n    anonymous true\n}",
        &["2:15: error[S001]: `true` is written `#true` in KDL"],
    );
    kdl(
        "service \"a\" {\n    image=x:1=\n}",
        &[
            "2:10: error[S001]: a line is a name and a value, without `=`",
            "2:14: error[S001]: a value is missing behind `=`",
        ],
    );
    kdl(
        "service \"a\" {\n    env A=\"b\n    image \"x\"\n}",
        &["2:11: error[S001]: this text is not closed"],
    );
    kdl("volumes [\"a\", \"b\"]\n", &["1:9: error[S001]: `[` cannot stand here"]);
    kdl("secret \"a\" env=\"x\\q\"\n", &["1:18: error[S001]: `\\q` is no escape"]);
    kdl("/* never closed\nnetwork \"n\"", &["1:1: error[S001]: this comment is not closed"]);
    kdl(
        "alertmanager {\n  receiver \"a\" { slack channel=#ops }\n}",
        &["2:32: error[S001]: `#ops` needs quotes"],
    );
    kdl("service \"a\" { image (secret \"x\" }", &["1:21: error[S001]: this `(` is not closed"]);
    kdl(
        "rules \"a\" {\n  alert \"x\" expr=\"\"\"up == 0\"\"\"\n}",
        &["2:18: error[S001]: a text in triple quotes begins and ends with a line of its own"],
    );
    yaml(
        "service:\n  a:\n   image: [x\n",
        &["3:13: error[S001]: a `,` or `]` is missing before this"],
    );
    yaml(
        "service:\n  a:\n    image: x: y\n",
        &["3:13: error[S001]: a `key: value` cannot stand here; is the indentation right?"],
    );
    yaml(
        "service:\n\ta:\n    image: x\n",
        &["2:2: error[S001]: a tab cannot indent in YAML: use spaces"],
    );
    yaml(
        "service:\n  a:\n    image: \"x\n",
        &["3:12: error[S001]: the text ends inside of something that is not closed"],
    );
    yaml("- a\n", &["1:1: error[S001]: a manifest is a map of settings"]);
    yaml("stack: a\n---\nstack: b\n", &["2:1: error[S001]: a manifest is a single document"]);
    yaml("stack: *nope\n", &["1:8: error[S001]: this alias has no anchor of its name before it"]);
    let endless = "this alias stands inside of what it names, which would never end";
    yaml(
        "service:\n  a: &a\n    image: x\n    env: {A: *a, B: y}\n    expose: [80]\n",
        &[&format!("4:14: error[S001]: {endless}")],
    );
    yaml(
        "volumes: &v [a, *v, *v]\n",
        &[&format!("1:17: error[S001]: {endless}"), &format!("1:21: error[S001]: {endless}")],
    );
    yaml("{[a]: b}\n", &["1:2: error[S001]: a key is a single word"]);
    yaml(
        "service:\n  a:\n    image: x\n   port: 80\n",
        &["4:4: error[S001]: a key was expected here; is the indentation right?"],
    );
}

#[test]
fn bare_duration_s002() {
    kdl(
        "prometheus {\n    retention time=30d\n    scrape_interval 15s\n}",
        &[
            "2:20: error[S002]: the duration `30d` needs quotes",
            "3:21: error[S002]: the duration `15s` needs quotes",
        ],
    );
    kdl(
        "prometheus { scrape_interval 1.5h; }",
        &["1:30: error[S002]: the duration `1.5h` needs quotes"],
    );
}

#[test]
fn unknown_node_s003() {
    kdl(
        "prometheus {\n    scrape_intervall \"15s\"\n}",
        &["2:5: error[S003]: there is no `scrape_intervall` in `prometheus`"],
    );
    kdl(
        "prometheus scrape_intervall=\"15s\" {\n    xyzzy 5\n}",
        &[
            "1:12: error[S003]: there is no `scrape_intervall` in `prometheus`",
            "2:5: error[S003]: there is no `xyzzy` in `prometheus`",
        ],
    );
    kdl(
        "servce \"a\" { image \"b\" }",
        &["1:1: error[S003]: there is no `servce` at the top of a manifest"],
    );
    kdl("profil \"a\" { }", &["1:1: error[S003]: there is no `profil` at the top of a manifest"]);
    kdl("service \"a\" { image \"b\" c=1 }", &["1:25: error[S003]: `image` has no setting `c`"]);
    kdl(
        "rules \"g\" { alert \"a\" exprr=\"up\" }",
        &["1:23: error[S003]: there is no `exprr` in `alert \"a\"`"],
    );
    yaml(
        "prometheus:\n  scrape_intervall: 15s\n",
        &["2:3: error[S003]: there is no `scrape_intervall` in `prometheus`"],
    );
    yaml(
        "service:\n  a: {image: b, prot: [80]}\n",
        &["2:17: error[S003]: there is no `prot` in `service \"a\"`"],
    );
    yaml(
        "rules:\n  g:\n    alert:\n      a: {exprr: up}\n",
        &["4:11: error[S003]: there is no `exprr` in `alert \"a\"`"],
    );
}

#[test]
fn an_unknown_name_is_shown_where_it_belongs() {
    let help = |text: &str| {
        let loaded = read(text, Format::Kdl);
        let [finding] = loaded.findings.iter().collect::<Vec<_>>().try_into().expect("one finding");
        finding.help.clone().unwrap_or_else(|| finding.message.clone())
    };
    assert_eq!(help("rules \"g\" { expr \"up\" }"), "`expr` belongs in `record` and `alert`");
    assert_eq!(help("exporter \"node\" scrape_interval=\"5s\""), "did you mean `interval`?");
    assert_eq!(
        help("stack \"a\" { xyzzy 1 }"),
        "what can stand here: `manifest`, `images` and `target`"
    );
    assert_eq!(
        help("profile \"p\" { include \"x.kdl\" }"),
        "`include` can only stand at the top of a file"
    );
}

#[test]
fn wrong_type_s004() {
    kdl(
        "service \"a\" {\n    image \"b\"\n    port \"80a\"\n}",
        &["3:10: error[S004]: `port` must be a port from 1 to 65535, found \"80a\""],
    );
    kdl(
        "service \"a\" {\n    image \"b\"\n    port \"80\"\n}",
        &["3:10: error[S004]: `port` must be a port from 1 to 65535, found the text \"80\""],
    );
    kdl(
        "service \"a\" {\n    image \"b\" \"c\"\n    restart \"allways\"\n}",
        &[
            "2:15: error[S004]: `image` takes one value, found 2",
            "3:13: error[S004]: `restart` must be \"no\", \"on-failure\", \"unless-stopped\" or \"always\", found \"allways\"",
        ],
    );
    kdl(
        "service \"a\" {\n    image (secret)\"b\"\n    env A=(sekret)\"x\" \"y\"\n}",
        &[
            "2:12: error[S004]: `image` takes a text, no reference",
            "3:12: error[S004]: `sekret` is no kind of reference",
            "3:23: error[S004]: `env` takes names with values, found \"y\"",
        ],
    );
    kdl("service 5 { image #true }", &["1:19: error[S004]: `image` must be a text, found true"]);
    kdl(
        "grafana { anonymous \"yes\" }",
        &["1:21: error[S004]: `anonymous` must be true or false, found the text \"yes\""],
    );
    kdl(
        "service \"a\" { image \"b\"; env \"c\"; port 80 81; command }",
        &[
            "1:30: error[S004]: `env` takes names with values, found \"c\"",
            "1:43: error[S004]: `port` takes one value, found 1 more",
        ],
    );
    kdl(
        "stack \"a\" manifest=2",
        &["1:20: error[S004]: version 2 of the manifest language is not known"],
    );
    yaml(
        "service:\n  a:\n    image: b\n    port: [{number: 80a}]\n",
        &["4:21: error[S004]: `port` must be a port from 1 to 65535, found \"80a\""],
    );
    yaml(
        "service:\n  a:\n    image: [b]\n    env: [A=b]\n    port: {number: \"80\"}\n",
        &[
            "3:12: error[S004]: `image` must be a text, found a list",
            "4:10: error[S004]: `env` takes names with values, found a list",
            "5:20: error[S004]: `port` must be a port from 1 to 65535, found the text \"80\"",
        ],
    );
    yaml("service: 5\n", &["1:10: error[S012]: `service` has nothing to run"]);
    yaml(
        "service: [5]\nprometheus: [1]\ngrafana: false\n",
        &[
            "1:11: error[S012]: `service` has nothing to run",
            "2:13: error[S004]: `prometheus` takes no value behind its name, found 1 more",
            "3:10: error[S004]: `grafana` takes no value behind its name, found 1 more",
        ],
    );
    yaml(
        "grafana: {anonymous: yes, port: {a: b}}\n",
        &[
            "1:22: error[S004]: `anonymous` must be true or false, found the text \"yes\"",
            "1:33: error[S004]: `port` must be a port from 1 to 65535, found a map",
        ],
    );
    yaml(
        "service:\n  a: {image: , env: {A: {b: c}}}\n",
        &[
            "2:12: error[S004]: `image` must be a text, found nothing",
            "2:25: error[S004]: `A` must be a text or a reference such as `(secret)\"name\"`, found a map",
        ],
    );
}

#[test]
fn duplicate_s005() {
    kdl(
        "service \"a\" { image \"b\" }\nservice \"a\" { image \"c\" }",
        &["2:9: error[S005]: `service \"a\"` is defined twice"],
    );
    kdl(
        "service \"a\" {\n    image \"b\"\n    image \"c\"\n}",
        &["3:5: error[S005]: `image` is given twice in `service \"a\"`"],
    );
    kdl(
        "service \"a\" image=\"b\" {\n    image \"c\"\n    env A=\"1\" A=\"2\"\n}",
        &[
            "2:5: error[S005]: `image` is given twice in `service \"a\"`",
            "3:15: error[S005]: `A` is given twice",
        ],
    );
    kdl(
        "prometheus { port 9090 }\nprometheus { port 9091 }",
        &["2:14: error[S005]: `port` is given twice in `prometheus`"],
    );
    yaml("service:\n  a: {image: b}\n  a: {image: c}\n", &["3:3: error[S005]: `a` is given twice"]);
    yaml(
        "service:\n  a:\n    image: b\n    image: c\n",
        &["4:5: error[S005]: `image` is given twice"],
    );
}

#[test]
fn blocks_that_differ_are_not_joined() {
    kdl(
        "stack \"a\"\nstack \"b\"\nservice \"s\" image=\"i\" {\n    healthcheck \"x\"\n    healthcheck \"y\"\n}",
        &[
            "2:1: error[S005]: `stack` is given twice in the stack",
            "5:5: error[S005]: `healthcheck` is given twice in `service \"s\"`",
        ],
    );
    kdl("volumes \"a\"\nvolumes \"b\" \"a\"\nlint allow=\"S1\"\nlint allow=\"S2\"", &[]);
}

#[test]
fn profile_overrides_nothing_s011() {
    let base = "service \"caddy\" { image \"caddy\" }\nsecret \"slack\" env=\"S\"\n";
    kdl(
        &format!("{base}profile \"p\" {{\n    service \"cady\" {{ replicas 3 }}\n}}"),
        &["4:13: warning[S011]: the stack has no service of this name to change"],
    );
    kdl(
        &format!("{base}profile \"p\" {{\n    service \"other\" {{ replicas 3 }}\n}}"),
        &[
            "4:13: warning[S011]: `service \"other\"` changes nothing of the stack, and by itself it has nothing to run",
        ],
    );
    kdl(
        &format!("{base}profile \"p\" {{\n    service \"cady\" {{ image \"x\" }}\n}}"),
        &["4:13: warning[S011]: the stack has no service of this name to change"],
    );
    kdl(
        &format!("{base}profile \"p\" {{\n    secret \"slak\" env=\"X\"\n}}"),
        &["4:12: warning[S011]: the stack has no secret of this name to change"],
    );
    kdl(
        &format!("{base}profile \"p\" {{\n    service \"caddy\" {{ replcas 3 }}\n}}"),
        &["4:23: error[S003]: there is no `replcas` in `service \"caddy\"`"],
    );
    yaml(
        "service: {caddy: {image: x}}\nprofile:\n  p:\n    service: {cady: {replicas: 3}}\n",
        &["4:15: warning[S011]: the stack has no service of this name to change"],
    );
}

#[test]
fn missing_setting_s012() {
    kdl(
        "rules \"g\" {\n    alert \"a\" { for \"5m\" }\n    alert\n}",
        &[
            "2:11: error[S012]: `alert \"a\"` lacks `expr`",
            "3:5: error[S012]: `alert` lacks its name",
        ],
    );
    kdl("service \"a\"", &["1:9: error[S012]: `service \"a\"` has nothing to run"]);
    kdl(
        "profile { }\ninclude",
        &[
            "1:1: error[S012]: `profile` lacks its name",
            "2:1: error[S012]: `include` lacks its file",
        ],
    );
    yaml(
        "service:\n  a: {user: x}\nslo: {a: {objective: 99}}\n",
        &[
            "2:3: error[S012]: `service \"a\"` has nothing to run",
            "3:7: error[S012]: `slo \"a\"` lacks `total` and `errors`",
        ],
    );
}

#[test]
fn port_out_of_range_s107() {
    kdl(
        "service \"a\" {\n    image \"b\"\n    port 70000\n    port 0\n    port -1 host=65536\n}",
        &[
            "3:10: error[S107]: `port` is 70000, and ports go from 1 to 65535",
            "4:10: error[S107]: `port` is 0, and ports go from 1 to 65535",
            "5:10: error[S107]: `port` is -1, and ports go from 1 to 65535",
            "5:18: error[S107]: `host` is 65536, and ports go from 1 to 65535",
        ],
    );
    yaml(
        "service:\n  a:\n    image: b\n    port: [{number: 70000}, 0]\n",
        &[
            "4:21: error[S107]: `port` is 70000, and ports go from 1 to 65535",
            "4:29: error[S107]: `port` is 0, and ports go from 1 to 65535",
        ],
    );
}

#[test]
fn invalid_duration_s205() {
    kdl(
        "prometheus {\n    scrape_interval \"15 sec\"\n    scrape_timeout \"soon\"\n}",
        &[
            "2:21: error[S205]: `scrape_interval` must be a duration, found \"15 sec\"",
            "3:20: error[S205]: `scrape_timeout` must be a duration, found \"soon\"",
        ],
    );
    kdl(
        "prometheus evaluation_interval=15",
        &["1:32: error[S205]: `evaluation_interval` must be a duration, found 15"],
    );
    yaml(
        "prometheus:\n  scrape_interval: 15 sec\n  scrape_timeout: 10\n",
        &[
            "2:20: error[S205]: `scrape_interval` must be a duration, found \"15 sec\"",
            "3:19: error[S205]: `scrape_timeout` must be a duration, found 10",
        ],
    );
}
