//! The native binary as units of systemd: one for each part and each service with a native command,
//! and a target that groups them, so that each can be looked at and started anew by itself.

mod hardening;
pub(super) mod places;
pub(super) mod review;
mod unit;

use std::fmt::Write;

use crate::manifest::{Collectors, Exporter, Resources, Restart, Run, Service, Stack};

use super::kubernetes::names::label;
use super::parts::{EnvValue, HostPath, MountPoint, Part, PartKind, host_path, parts};
use super::secrets::{Origin, SecretRef};
use super::template::shell_word;
use super::{Output, Plan, RenderError, Renderer, compose, header};
use places::{credentials, folder, kept, located, of_user, runs, unit as unit_name};
use unit::{Unit, assignment, command, quoted};

pub(super) const RENDERER: Renderer = Renderer { name: "systemd", render };

/// Folder of the units below the output folder.
const FOLDER: &str = "systemd";
/// Where install.sh expects the program.
const PROGRAM: &str = "/usr/local/bin/stackctl";

fn render(plan: &Plan, out: &mut Vec<Output>) -> Result<(), RenderError> {
    let stack = plan.stack;
    let parts = parts(stack);
    relocate(stack, &parts, out);
    let mut install = Install::default();
    let mut units: Vec<(String, String)> = Vec::new();
    for part in &parts {
        if runs(part.kind) {
            units.push((unit_name(stack, &part.name), of_part(stack, part, &mut install)));
        } else if let Some((exporter, run)) = own_command(stack, part) {
            let text = of_exporter(stack, part, exporter, run, &mut install);
            units.push((unit_name(stack, &part.name), text));
        } else {
            install.secrets.extend(part.secrets.iter().cloned());
            install.secrets.extend(part.mounts.iter().filter_map(tls_file));
        }
    }
    for service in &stack.services {
        if let Some(run) = service.native.as_ref().and_then(|native| native.run.as_ref()) {
            let text = of_service(stack, service, run, &mut install);
            units.push((unit_name(stack, &service.name), text));
        }
    }
    if units.is_empty() {
        return Ok(());
    }
    for (name, text) in &units {
        out.push(Output::text(format!("{FOLDER}/{name}.service"), text.clone()));
    }
    let target = target_name(stack);
    out.push(Output::text(format!("{FOLDER}/{target}"), group(stack)));
    if install.user {
        let name = user(stack);
        let text = format!("{}u {name} - \"stackctl\" / -\n", header(stack));
        out.push(Output::text(format!("{FOLDER}/{name}.sysusers.conf"), text));
    }
    let names: Vec<String> = units.iter().map(|(name, _)| format!("{name}.service")).collect();
    out.push(install.script(plan, &names));
    Ok(())
}

fn target_name(stack: &Stack) -> String {
    format!("stackctl-{}.target", label(stack.name()))
}

/// The fixed user of what cannot have one of its own for each start. Names of users are short.
fn user(stack: &Stack) -> String {
    let name = label(stack.name());
    let short = name.get(..20).unwrap_or(&name).trim_end_matches('-');
    format!("stackctl-{short}")
}

fn group(stack: &Stack) -> String {
    let mut unit = Unit::new(&header(stack));
    unit.section("Unit");
    unit.text("Description", &format!("The stack \"{}\"", stack.name()));
    unit.section("Install");
    unit.set("WantedBy", "multi-user.target");
    unit.finish()
}

/// Paths in files of the parts: those inside of containers become those of this machine.
fn relocate(stack: &Stack, parts: &[Part], out: &mut [Output]) {
    for part in parts {
        let own = |path: &str| match part.kind {
            PartKind::Prometheus => {
                matches!(path, "monitoring/prometheus.yml" | "monitoring/web.yml")
            }
            PartKind::Alertmanager => path.starts_with("monitoring/alertmanager"),
            _ => path == format!("monitoring/{}-web.yml", part.name),
        };
        let secrets = part.secrets.iter().map(SecretRef::path);
        let files = part
            .mounts
            .iter()
            .filter(|mount| matches!(mount.outside, HostPath::Manifest(_)))
            .map(|mount| mount.inside.clone());
        let mut paths: Vec<String> = secrets.chain(files).collect();
        // A path may begin with another one.
        paths.sort_by_key(|path| std::cmp::Reverse(path.len()));
        for output in out.iter_mut().filter(|output| own(&output.path)) {
            let Ok(mut text) = String::from_utf8(output.bytes.clone()) else { continue };
            for path in &paths {
                if let Some(here) = located(stack, part, path) {
                    text = text.replace(path, &here);
                }
            }
            output.bytes = text.into_bytes();
        }
    }
}

/// The Secret behind a certificate or key that a part mounts.
fn tls_file(mount: &MountPoint) -> Option<SecretRef> {
    super::kubernetes::tls_file(mount)
}

/// `[Unit]` of a part or service: after the network and what it needs, and going with the group.
fn begin(stack: &Stack, what: &str, after: &[String]) -> Unit {
    let mut unit = Unit::new(&header(stack));
    unit.section("Unit");
    unit.text("Description", &format!("{what} of the stack \"{}\"", stack.name()));
    unit.set("PartOf", &target_name(stack));
    unit.set("Wants", "network-online.target");
    unit.set("After", "network-online.target");
    for other in after {
        let runs_here = stack
            .service(other)
            .is_some_and(|service| service.native.as_ref().is_some_and(|n| n.run.is_some()))
            || parts(stack).iter().any(|part| part.name == *other && runs(part.kind));
        if runs_here {
            unit.set("After", &format!("{}.service", unit_name(stack, other)));
        }
    }
    unit.section("Service");
    unit.set("Type", "exec");
    unit
}

fn end(stack: &Stack, unit: &mut Unit, resources: Option<&Resources>) {
    if let Some(Resources { cpus, memory, pids }) = resources {
        if let Some(cpus) = cpus {
            unit.set("CPUQuota", &format!("{}%", (cpus.value * 100.0).round().max(1.0) as u64));
        }
        if let Some(memory) = memory {
            unit.set("MemoryMax", &memory.value.bytes.to_string());
        }
        if let Some(pids) = pids {
            unit.set("TasksMax", &pids.value.to_string());
        }
    }
    unit.section("Install");
    unit.set("WantedBy", &target_name(stack));
}

/// Secrets as credentials: only this unit's user can read them.
fn load(stack: &Stack, unit: &mut Unit, secrets: &[SecretRef], install: &mut Install) {
    for secret in secrets {
        unit.set(
            "LoadCredential",
            &quoted(&format!("{}:{}", secret.name, kept(stack, &secret.name))),
        );
        install.secrets.push(secret.clone());
    }
}

/// Lines of a shell that put secrets into the environment just before the program starts.
fn read_into(name: &str, folder: &str, secret: &str) -> String {
    format!("{name}=\"$(cat {})\"; export {name}", shell_word(&format!("{folder}/{secret}")))
}

/// A command line, behind a shell where something has to be read first.
fn start(before: &[String], words: &[String]) -> String {
    if before.is_empty() {
        return command(words);
    }
    let script = format!("{}; exec \"$@\"", before.join("; "));
    let shell = ["/bin/sh", "-ec", &script, "start"].map(str::to_owned);
    command(&[&shell[..], words].concat())
}

/// One of our own parts.
fn of_part(stack: &Stack, part: &Part, install: &mut Install) -> String {
    let name = unit_name(stack, &part.name);
    let (what, word) = match part.kind {
        PartKind::NodeExporter => ("Metrics of the machine", "node-exporter"),
        PartKind::MysqldExporter => ("Metrics of a MySQL server", "mysqld-exporter"),
        _ => ("Prometheus", "prometheus"),
    };
    let mut unit = begin(stack, what, &part.after);
    let mut secrets = part.secrets.clone();
    secrets.extend(part.mounts.iter().filter_map(tls_file));
    let place = credentials(stack, &part.name);
    let mut before = Vec::new();
    for (variable, value) in &part.env {
        match value {
            EnvValue::Text(text) => unit.set("Environment", &assignment(variable, text)),
            EnvValue::Content(secret) => before.push(read_into(variable, &place, &secret.name)),
            EnvValue::FromCaller(caller) => {
                let secret = super::kubernetes::secrets::behind(stack, caller);
                before.push(read_into(variable, &place, &secret.name));
                secrets.push(secret);
            }
        }
    }
    load(stack, &mut unit, &secrets, install);
    let runtime = format!("/run/{name}/web.yml");
    let mut words = vec![PROGRAM.to_owned(), "run".to_owned(), word.to_owned()];
    words.extend(flags(stack, part));
    if let (Some(web), false) = (&part.web_config, part.web_users.is_empty()) {
        unit.set("RuntimeDirectory", &name);
        let rendered = format!("{}/{}", folder(stack), web.output);
        let script = compose::web_script(&part.web_users, &rendered, &runtime, |secret| {
            format!("{place}/{}", secret.name)
        });
        let words = ["/bin/sh", "-ec", &script].map(str::to_owned);
        unit.set("ExecStartPre", &command(&words));
    }
    unit.set("ExecStart", &start(&before, &words));
    if part.kind == PartKind::Prometheus {
        unit.set("ExecReload", "/bin/kill -HUP $MAINPID");
        unit.set("StateDirectory", &name);
        unit.set("TimeoutStopSec", "5min");
    }
    unit.set("Restart", "on-failure");
    unit.set("RestartSec", "2");
    if part.kind == PartKind::NodeExporter {
        install.user = true;
        let exporter = part.exporter.map(|index| &stack.exporters[index]);
        let enabled = exporter.and_then(|exporter| exporter.collectors.as_deref());
        hardening::watching(&mut unit, &user(stack), enabled.is_some_and(counts));
    } else {
        hardening::confined(&mut unit);
    }
    let (resources, _) = compose::settings_of(stack, part);
    end(stack, &mut unit, resources);
    unit.finish()
}

/// The flags of one of our own parts: paths and addresses of this machine.
pub(super) fn flags(stack: &Stack, part: &Part) -> Vec<String> {
    let name = unit_name(stack, &part.name);
    let listen = format!("--web.listen-address={}:{}", bracketed(&part.bind), part.host_port);
    let mut flags = vec![listen];
    for flag in part.argv.iter().filter(|flag| !flag.starts_with("--web.listen-address=")) {
        flags.push(match flag.split_once('=') {
            Some(("--web.config.file", _)) if !part.web_users.is_empty() => {
                format!("--web.config.file=/run/{name}/web.yml")
            }
            Some(("--storage.tsdb.path", _)) => format!("--storage.tsdb.path=/var/lib/{name}"),
            Some((flag, path)) if path.starts_with('/') => {
                let here = located(stack, part, path).unwrap_or_else(|| path.to_owned());
                format!("{flag}={here}")
            }
            _ => flag.clone(),
        });
    }
    flags
}

/// Whether performance counters are asked for.
fn counts(collectors: &Collectors) -> bool {
    collectors.only.iter().chain(&collectors.enable).any(|name| name.value == "perf")
}

fn bracketed(bind: &str) -> String {
    if bind.contains(':') && !bind.starts_with('[') { format!("[{bind}]") } else { bind.to_owned() }
}

/// The native command of an exporter of the user's own.
fn own_command<'a>(stack: &'a Stack, part: &Part) -> Option<(&'a Exporter, &'a Run)> {
    let exporter = &stack.exporters[part.exporter?];
    Some((exporter, exporter.native.as_ref()?.run.as_deref()?))
}

fn of_exporter(
    stack: &Stack,
    part: &Part,
    exporter: &Exporter,
    run: &Run,
    install: &mut Install,
) -> String {
    let unit = begin(stack, &format!("Exporter \"{}\"", exporter.name), &part.after);
    let env = exporter.env.iter().chain(&run.env);
    let resources = exporter.resources.as_deref().or(stack.resources.as_deref());
    program(stack, &part.name, unit, run, env, (None, None, resources), install)
}

/// Whether a service that is not to be started again is a server.
fn keeps_running(stack: &Stack, service: &Service) -> bool {
    let never = service.restart.as_ref().is_some_and(|restart| restart.value == Restart::No);
    never && !super::kubernetes::ends(stack, service)
}

fn of_service(stack: &Stack, service: &Service, run: &Run, install: &mut Install) -> String {
    let after: Vec<String> =
        service.depends_on.iter().map(|other| other.name.value.clone()).collect();
    let unit = begin(stack, &format!("Service \"{}\"", service.name), &after);
    let env = service.env.iter().chain(&run.env);
    let restart = service.restart.as_ref().map(|restart| restart.value);
    // What others reach is a server, and is kept running all the same.
    let restart = restart.filter(|_| !keeps_running(stack, service));
    let user = service.user.as_ref().map(|user| user.as_str());
    let resources = service.resources.as_deref().or(stack.resources.as_deref());
    program(stack, &service.name, unit, run, env, (restart, user, resources), install)
}

type Pair = (crate::diag::Spanned<String>, crate::diag::Spanned<crate::manifest::Value>);

/// A program of the user.
fn program<'a>(
    stack: &Stack,
    name: &str,
    mut unit: Unit,
    run: &Run,
    env: impl Iterator<Item = &'a Pair>,
    (restart, said, resources): (Option<Restart>, Option<&str>, Option<&Resources>),
    install: &mut Install,
) -> String {
    let place = credentials(stack, name);
    let (mut before, mut secrets) = (Vec::new(), Vec::<SecretRef>::new());
    for (variable, value) in env {
        let variable = variable.value.as_str();
        match SecretRef::of(stack, &value.value) {
            None => unit.set("Environment", &assignment(variable, value.value.text())),
            Some(secret) => {
                if variable.ends_with("_FILE") {
                    let file = format!("{place}/{}", secret.name);
                    unit.set("Environment", &assignment(variable, &file));
                } else {
                    before.push(read_into(variable, &place, &secret.name));
                }
                if !secrets.contains(&secret) {
                    secrets.push(secret);
                }
            }
        }
    }
    load(stack, &mut unit, &secrets, install);
    let cwd = run.cwd.as_ref().map_or(".", |cwd| cwd.as_str());
    unit.text("WorkingDirectory", &of_user(stack, cwd));
    let words: Vec<String> = run.command.iter().map(|word| word.value.clone()).collect();
    unit.set("ExecStart", &start(&before, &words));
    let restart = match restart {
        Some(Restart::No) => "no",
        Some(Restart::OnFailure) => "on-failure",
        _ => "always",
    };
    unit.set("Restart", restart);
    unit.set("RestartSec", "2");
    let said = said.map(|said| said.split(':').next().unwrap_or(said).to_owned());
    let own = said.unwrap_or_else(|| {
        install.user = true;
        user(stack)
    });
    hardening::unknown(&mut unit, &own);
    end(stack, &mut unit, resources);
    unit.finish()
}

/// What install.sh has to do.
#[derive(Debug, Default)]
struct Install {
    secrets: Vec<SecretRef>,
    /// Whether some unit needs the fixed user.
    user: bool,
}

impl Install {
    fn script(mut self, plan: &Plan, units: &[String]) -> Output {
        let stack = plan.stack;
        self.secrets.sort();
        self.secrets.dedup_by(|a, b| a.name == b.name);
        let etc = folder(stack);
        let target = target_name(stack);
        let mut text = format!("#!/bin/sh\n{}", header(stack));
        let _ = write!(
            text,
            "# Installs the units, and starts them: `sudo sh install.sh`. The program is {PROGRAM}.\n\
             # Again after each render; secrets are copied for root alone. DESTDIR is for packagers.\n\
             set -eu\n\
             cd \"$(dirname \"$0\")\"\n\n\
             etc=${{DESTDIR:-}}{etc}\n\
             units=${{DESTDIR:-}}/etc/systemd/system\n"
        );
        let variables: Vec<&str> = self
            .secrets
            .iter()
            .filter_map(|secret| match &secret.origin {
                Origin::Env(name) => Some(name.as_str()),
                Origin::File(_) => None,
            })
            .collect();
        if !variables.is_empty() {
            text.push_str("\n# All variables are there before anything is done.\n");
            for variable in variables {
                let _ = writeln!(text, ": \"${{{variable}:?is not set}}\"");
            }
        }
        let _ = write!(
            text,
            "\ninstall -d -m 755 \"$etc\" \"$units\"\n\
             install -d -m 700 \"$etc/secrets\"\n\
             rm -rf \"$etc/monitoring\"\n\
             if [ -d monitoring ]; then cp -R monitoring \"$etc/\"; chmod -R a+rX \"$etc/monitoring\"; fi\n\
             ln -sfn \"$(cd {} && pwd)\" \"$etc/here\"\n",
            shell_word(&host_path(plan.base, "."))
        );
        for secret in &self.secrets {
            let inside = format!("\"$etc/secrets/\"{}", shell_word(&secret.name));
            let _ = match &secret.origin {
                Origin::File(path) => writeln!(
                    text,
                    "install -m 600 {} {inside}",
                    shell_word(&host_path(plan.base, path))
                ),
                Origin::Env(variable) => {
                    writeln!(text, "(umask 077; printf %s \"${variable}\" > {inside})")
                }
            };
        }
        let _ = write!(
            text,
            "\n# Units that the manifest no longer has.\n\
             for old in \"$units\"/stackctl-*.service; do\n    \
             if grep -qx PartOf={target} \"$old\" 2>/dev/null && [ ! -e {FOLDER}/\"${{old##*/}}\" ]; then\n        \
             if [ -z \"${{DESTDIR:-}}\" ]; then systemctl disable --now \"${{old##*/}}\"; fi\n        \
             rm -f \"$old\"\n    fi\ndone\n\
             install -m 644 {FOLDER}/*.service {FOLDER}/*.target \"$units/\"\n"
        );
        if self.user {
            let user = user(stack);
            let _ = writeln!(
                text,
                "install -D -m 644 {FOLDER}/{user}.sysusers.conf \"${{DESTDIR:-}}/etc/sysusers.d/{user}.conf\""
            );
        }
        let _ = write!(
            text,
            "\nif [ -z \"${{DESTDIR:-}}\" ]; then\n{0}    systemctl daemon-reload\n    \
             systemctl enable {target} {1}\n    systemctl restart {target} {1}\nfi\n",
            if self.user { "    systemd-sysusers\n" } else { "" },
            units.join(" ")
        );
        Output::text("install.sh", text)
    }
}
