//! What a unit may not do: systemd.exec(5). Each part gets as little as it works with.

use super::unit::Unit;

/// A part that only reads its files, writes its own folder and speaks over sockets.
const CONFINED: &[(&str, &str)] = &[
    ("DynamicUser", "yes"),
    ("ProtectSystem", "strict"),
    ("ProtectHome", "yes"),
    ("PrivateTmp", "yes"),
    ("PrivateDevices", "yes"),
    ("PrivateUsers", "yes"),
    ("ProtectProc", "invisible"),
    ("ProcSubset", "pid"),
    ("ProtectClock", "yes"),
    ("ProtectHostname", "yes"),
    ("ProtectControlGroups", "yes"),
    ("ProtectKernelLogs", "yes"),
    ("ProtectKernelModules", "yes"),
    ("ProtectKernelTunables", "yes"),
    ("RemoveIPC", "yes"),
    ("SystemCallFilter", "@system-service"),
    ("SystemCallFilter", "~@privileged @resources"),
    ("RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6"),
];

/// The node exporter looks at the machine as it is. Whatever gives it a file system of its own would
/// show other mounts than the machine's, all of them read-only; so its user is a fixed one, and these
/// settings stay away: DynamicUser, Protect…, Private…. The clock is asked with adjtimex(2).
const WATCHING: &[(&str, &str)] = &[
    ("SystemCallFilter", "@system-service"),
    ("SystemCallFilter", "~@privileged @resources"),
    // After what takes them away with the other calls about clocks.
    ("SystemCallFilter", "adjtimex clock_adjtime"),
    ("RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6 AF_NETLINK"),
];

/// For both.
const COMMON: &[(&str, &str)] = &[
    ("NoNewPrivileges", "yes"),
    ("LockPersonality", "yes"),
    ("MemoryDenyWriteExecute", "yes"),
    ("RestrictNamespaces", "yes"),
    ("RestrictRealtime", "yes"),
    ("RestrictSUIDSGID", "yes"),
    ("SystemCallArchitectures", "native"),
    ("SystemCallErrorNumber", "EPERM"),
    ("CapabilityBoundingSet", ""),
    ("AmbientCapabilities", ""),
    ("UMask", "0077"),
    ("LimitNOFILE", "65536"),
    ("LimitCORE", "0"),
];

/// A program of the user, of which nothing is known: it may not gain rights nor change the system.
const UNKNOWN: &[(&str, &str)] = &[
    ("NoNewPrivileges", "yes"),
    ("ProtectSystem", "full"),
    ("PrivateTmp", "yes"),
    ("ProtectControlGroups", "yes"),
    ("ProtectKernelLogs", "yes"),
    ("ProtectKernelModules", "yes"),
    ("ProtectKernelTunables", "yes"),
    ("LockPersonality", "yes"),
    ("RestrictRealtime", "yes"),
    ("RestrictSUIDSGID", "yes"),
    ("UMask", "0027"),
];

fn all(unit: &mut Unit, settings: &[(&str, &str)]) {
    for (name, value) in settings {
        unit.set(name, value);
    }
}

/// For a part that has to do with sockets and its own folder only.
pub(super) fn confined(unit: &mut Unit) {
    all(unit, CONFINED);
    all(unit, COMMON);
}

/// For a part that watches the machine; with performance counters it needs a call and a right more.
pub(super) fn watching(unit: &mut Unit, user: &str, counters: bool) {
    unit.set("User", user);
    all(unit, WATCHING);
    if counters {
        unit.set("SystemCallFilter", "perf_event_open");
    }
    all(unit, COMMON);
    if counters {
        unit.set("CapabilityBoundingSet", "CAP_PERFMON");
        unit.set("AmbientCapabilities", "CAP_PERFMON");
    }
}

/// For a program of the user.
pub(super) fn unknown(unit: &mut Unit, user: &str) {
    unit.text("User", user);
    all(unit, UNKNOWN);
}
