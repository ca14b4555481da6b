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
    if std::env::var_os("SHOW").is_some() {
        println!("{text}\n=> {lines:#?}");
        return;
    }
    assert_eq!(lines, expected, "{text}");
}

#[test]
fn syntax_s001() {
    kdl("service \"a\" {\n    image \"x\n}", &[]);
    kdl("service \"a\" {\n    image \"x\"\nservice \"b\" {\n    image \"y\"\n}\n", &[]);
    kdl("service \"a\" {\n    image \"x\"\n}\n}\n", &[]);
    kdl("service \"a\" {\n    env {\n        A \"x\"\n}\nnetwork \"n\"\n", &[]);
    kdl("prometheus {\n    data /var/lib\n}", &[]);
    kdl("grafana {\n    anonymous true\n}", &[]);
    kdl("service \"a\" {\n    image=x:1=\n}", &[]);
    kdl("service \"a\" {\n    env A=\"b\n    image \"x\"\n}", &[]);
    kdl("volumes [\"a\", \"b\"]\n", &[]);
    kdl("secret \"a\" env=\"x\\q\"\n", &[]);
    kdl("/* never closed\nnetwork \"n\"", &[]);
    kdl("alertmanager {\n  receiver \"a\" { slack channel=#ops }\n}", &[]);
    kdl("service \"a\" { image (secret \"x\" }", &[]);
    kdl("rules \"a\" {\n  alert \"x\" expr=\"\"\"up == 0\"\"\"\n}", &[]);
    yaml("service:\n  a:\n   image: [x\n", &[]);
    yaml("service:\n  a:\n    image: x: y\n", &[]);
    yaml("service:\n\ta:\n    image: x\n", &[]);
    yaml("service:\n  a:\n    image: \"x\n", &[]);
    yaml("- a\n", &[]);
    yaml("stack: a\n---\nstack: b\n", &[]);
    yaml("stack: *nope\n", &[]);
    yaml("{[a]: b}\n", &[]);
    yaml("service:\n  a:\n    image: x\n   port: 80\n", &[]);
}

#[test]
fn bare_duration_s002() {
    kdl("prometheus {\n    retention time=30d\n    scrape_interval 15s\n}", &[]);
    kdl("prometheus { scrape_interval 1.5h; }", &[]);
}

#[test]
fn unknown_node_s003() {
    kdl("prometheus {\n    scrape_intervall \"15s\"\n}", &[]);
    kdl("prometheus scrape_intervall=\"15s\" {\n    xyzzy 5\n}", &[]);
    kdl("servce \"a\" { image \"b\" }", &[]);
    kdl("profil \"a\" { }", &[]);
    kdl("service \"a\" { image \"b\" c=1 }", &[]);
    kdl("rules \"g\" { alert \"a\" exprr=\"up\" }", &[]);
    yaml("prometheus:\n  scrape_intervall: 15s\n", &[]);
    yaml("service:\n  a: {image: b, prot: [80]}\n", &[]);
    yaml("rules:\n  g:\n    alert:\n      a: {exprr: up}\n", &[]);
}

#[test]
fn wrong_type_s004() {
    kdl("service \"a\" {\n    image \"b\"\n    port \"80a\"\n}", &[]);
    kdl("service \"a\" {\n    image \"b\"\n    port \"80\"\n}", &[]);
    kdl("service \"a\" {\n    image \"b\" \"c\"\n    restart \"allways\"\n}", &[]);
    kdl("service \"a\" {\n    image (secret)\"b\"\n    env A=(sekret)\"x\" \"y\"\n}", &[]);
    kdl("service 5 { image #true }", &[]);
    kdl("grafana { anonymous \"yes\" }", &[]);
    kdl("service \"a\" { image \"b\"; env \"c\"; port 80 81; command }", &[]);
    kdl("stack \"a\" manifest=2", &[]);
    yaml("service:\n  a:\n    image: b\n    port: [{number: 80a}]\n", &[]);
    yaml("service:\n  a:\n    image: [b]\n    env: [A=b]\n    port: {number: \"80\"}\n", &[]);
    yaml("service: 5\n", &[]);
    yaml("service: [5]\nprometheus: [1]\ngrafana: false\n", &[]);
    yaml("grafana: {anonymous: yes, port: {a: b}}\n", &[]);
    yaml("service:\n  a: {image: , env: {A: {b: c}}}\n", &[]);
}

#[test]
fn duplicate_s005() {
    kdl("service \"a\" { image \"b\" }\nservice \"a\" { image \"c\" }", &[]);
    kdl("service \"a\" {\n    image \"b\"\n    image \"c\"\n}", &[]);
    kdl("service \"a\" image=\"b\" {\n    image \"c\"\n    env A=\"1\" A=\"2\"\n}", &[]);
    kdl("prometheus { port 9090 }\nprometheus { port 9091 }", &[]);
    yaml("service:\n  a: {image: b}\n  a: {image: c}\n", &[]);
    yaml("service:\n  a:\n    image: b\n    image: c\n", &[]);
}

#[test]
fn profile_overrides_nothing_s011() {
    let base = "service \"caddy\" { image \"caddy\" }\nsecret \"slack\" env=\"S\"\n";
    kdl(&format!("{base}profile \"p\" {{\n    service \"cady\" {{ replicas 3 }}\n}}"), &[]);
    kdl(&format!("{base}profile \"p\" {{\n    service \"other\" {{ replicas 3 }}\n}}"), &[]);
    kdl(&format!("{base}profile \"p\" {{\n    service \"cady\" {{ image \"x\" }}\n}}"), &[]);
    kdl(&format!("{base}profile \"p\" {{\n    secret \"slak\" env=\"X\"\n}}"), &[]);
    kdl(&format!("{base}profile \"p\" {{\n    service \"caddy\" {{ replcas 3 }}\n}}"), &[]);
    yaml("service: {caddy: {image: x}}\nprofile:\n  p:\n    service: {cady: {replicas: 3}}\n", &[]);
}

#[test]
fn missing_setting_s012() {
    kdl("rules \"g\" {\n    alert \"a\" { for \"5m\" }\n    alert\n}", &[]);
    kdl("service \"a\"", &[]);
    kdl("profile { }\ninclude", &[]);
    yaml("service:\n  a: {user: x}\nslo: {a: {objective: 99}}\n", &[]);
}

#[test]
fn port_out_of_range_s107() {
    kdl(
        "service \"a\" {\n    image \"b\"\n    port 70000\n    port 0\n    port -1 host=65536\n}",
        &[],
    );
    yaml("service:\n  a:\n    image: b\n    port: [{number: 70000}, 0]\n", &[]);
}

#[test]
fn invalid_duration_s205() {
    kdl("prometheus {\n    scrape_interval \"15 sec\"\n    scrape_timeout \"soon\"\n}", &[]);
    kdl("prometheus evaluation_interval=15", &[]);
    yaml("prometheus:\n  scrape_interval: 15 sec\n  scrape_timeout: 10\n", &[]);
}
