//! Services: containers, native processes, or both.

use crate::diag::Spanned;
use crate::manifest::address::LOOPBACK;
use crate::manifest::block::{Block, DurationText, Map, SizeText, Value};
use crate::manifest::decode::Fields;
use crate::manifest::shape::{keywords, settings};

settings! {
    /// A service of your own: a container, a native process, or both.
    @named
    @check(needs_something_to_run)
    pub struct Service {
        /// Name of the service, and its host name on the networks.
        @argument pub name: Spanned<String>,
        /// Container image with its tag.
        pub image: Option<Spanned<String>>,
        /// Folder to build the image from.
        pub build: Option<Block<Build>>,
        /// A port that the service listens on, published on the host.
        pub ports as "port": Vec<Block<Port>>,
        /// A port that the service listens on for other services only.
        pub exposes as "expose": Vec<Block<Expose>>,
        /// Environment variables.
        pub env: Map<Value>,
        /// Files with environment variables.
        @set pub env_file: Vec<Spanned<String>>,
        /// A volume or a folder of the host, mounted into the container.
        pub volumes as "volume": Vec<Block<Mount>>,
        /// A service that has to be up before this one starts.
        pub depends_on: Vec<Block<DependsOn>>,
        /// A command that tells whether the service is well.
        pub healthcheck: Option<Block<Healthcheck>>,
        /// A web site that this service (a Caddy) serves.
        pub sites as "site": Vec<Block<Site>>,
        /// Command line to run instead of the image's own.
        pub command: Vec<Spanned<String>>,
        /// Program to run instead of the image's own.
        pub entrypoint: Vec<Spanned<String>>,
        /// Networks to attach to; all declared ones when nothing is said.
        @set pub networks: Vec<Spanned<String>>,
        /// Container labels.
        pub labels: Map<String>,
        /// User (and group) to run as.
        pub user: Option<Spanned<String>>,
        /// Folder to start in.
        pub working_dir: Option<Spanned<String>>,
        /// Host name inside the container.
        pub hostname: Option<Spanned<String>>,
        /// Further names with their addresses.
        pub extra_hosts: Map<String>,
        /// Linux capabilities to add.
        @set pub cap_add: Vec<Spanned<String>>,
        /// Linux capabilities to take away.
        @set pub cap_drop: Vec<Spanned<String>>,
        /// Whether the root file system is read-only.
        pub read_only: Option<Spanned<bool>>,
        /// Whether the container has all rights of the host.
        pub privileged: Option<Spanned<bool>>,
        /// Paths to mount as memory.
        @set pub tmpfs: Vec<Spanned<String>>,
        /// Whether to run an init process as number 1.
        pub init: Option<Spanned<bool>>,
        /// The metrics that the service exports, and where.
        pub metrics: Option<Block<Metrics>>,
        /// How the service runs without a container.
        pub native: Option<Block<Native>>,
        /// How many containers to run.
        pub replicas: Option<Spanned<u64>>,
        /// Ports that are not published after all; for profiles.
        @set pub unpublish: Vec<Spanned<u16>>,
        /// When to start the service again.
        pub restart: Option<Spanned<Restart>>,
        /// How long the service may take to stop.
        pub stop_grace_period: Option<Spanned<DurationText>>,
        /// The most that the service may use.
        pub resources: Option<Block<Resources>>,
        /// Where the service's output goes.
        pub logging: Option<Block<Logging>>,
    }
}

impl Service {
    /// Where a port is published on the host, address and number; `None` where `unpublish` names the
    /// port, by its number inside or on the host.
    pub fn published<'a>(&self, port: &'a Port) -> Option<(&'a str, u16)> {
        let Port { number, host, bind, protocol: _ } = port;
        let outside = host.as_ref().unwrap_or(number).value;
        let hidden = |hidden: &Spanned<u16>| [number.value, outside].contains(&hidden.value);
        let bind = bind.as_ref().map_or(LOOPBACK, |bind| bind.as_str());
        (!self.unpublish.iter().any(hidden)).then_some((bind, outside))
    }
}

/// A service without anything to run is an oversight; in a profile it is most likely a misspelt name.
fn needs_something_to_run(fields: &mut Fields<'_>) {
    if !["image", "build", "native"].iter().any(|name| fields.said(name)) {
        fields.missing("has nothing to run", "say what it is with `image`, `build` or `native`");
    }
}

settings! {
    /// How an image is built.
    pub struct Build {
        /// Folder with everything that the build needs, relative to the manifest.
        @argument pub context: Spanned<String>,
        /// Path of the Dockerfile inside the folder.
        pub dockerfile: Option<Spanned<String>>,
        /// Stage to build.
        pub target: Option<Spanned<String>>,
        /// Build arguments.
        pub args: Map<String>,
    }
}

settings! {
    /// A port that a service listens on, published on the host.
    pub struct Port {
        /// Port inside the container.
        @argument pub number: Spanned<u16>,
        /// Port on the host; the same number when nothing is said.
        pub host: Option<Spanned<u16>>,
        /// Address of the host to publish on; 127.0.0.1 when nothing is said.
        pub bind: Option<Spanned<String>>,
        /// What is spoken there.
        pub protocol: Option<Spanned<Protocol>>,
    }
}

settings! {
    /// A port that a service listens on for other services only.
    pub struct Expose {
        /// Port inside the container.
        @argument pub number: Spanned<u16>,
        /// What is spoken there.
        pub protocol: Option<Spanned<Protocol>>,
    }
}

keywords! {
    /// What is spoken on a port.
    pub enum Protocol {
        /// Anything over TCP.
        Tcp = "tcp",
        /// Anything over UDP.
        Udp = "udp",
        /// HTTP.
        Http = "http",
        /// HTTP over TLS.
        Https = "https",
        /// FastCGI, as PHP-FPM speaks it.
        Fastcgi = "fastcgi",
        /// gRPC.
        Grpc = "grpc",
    }
}

settings! {
    /// A volume or a folder of the host, mounted into the container.
    @named
    pub struct Mount {
        /// Name of a volume, or a path of the host that begins with `.` or `/`.
        @argument pub name: Spanned<String>,
        /// Path inside the container.
        pub to: Spanned<String>,
        /// Whether the container may only read it.
        pub read_only: Option<Spanned<bool>>,
    }
}

settings! {
    /// A service that has to be up before this one starts.
    @named
    pub struct DependsOn {
        /// Name of the other service.
        @argument pub name: Spanned<String>,
        /// What to wait for.
        pub condition: Option<Spanned<Condition>>,
    }
}

keywords! {
    /// What to wait for before a service starts.
    pub enum Condition {
        /// The other service has been started.
        Started = "started",
        /// The other service's healthcheck succeeds.
        Healthy = "healthy",
        /// The other service has ended well.
        Completed = "completed",
    }
}

settings! {
    /// A command that tells whether the service is well.
    pub struct Healthcheck {
        /// Command, run by the container's shell.
        @argument pub command: Spanned<String>,
        /// Time between two runs.
        pub interval: Option<Spanned<DurationText>>,
        /// How long one run may take.
        pub timeout: Option<Spanned<DurationText>>,
        /// How many failures in a row make the service unhealthy.
        pub retries: Option<Spanned<u64>>,
        /// Time after the start in which failures do not count.
        pub start_period: Option<Spanned<DurationText>>,
    }
}

settings! {
    /// A web site that Caddy serves.
    @named
    pub struct Site {
        /// Host name, or address with scheme and port.
        @argument pub host: Spanned<String>,
        /// Folder with the static files, inside the container.
        pub root: Option<Spanned<String>>,
        /// Whether files of the root are served.
        pub file_server: Option<Spanned<bool>>,
        /// Answers are compressed with these encodings.
        @set pub encode: Vec<Spanned<String>>,
        /// Requests for PHP go to a FastCGI service.
        pub php_fastcgi: Vec<Block<PhpFastcgi>>,
        /// Requests that are passed on to another service.
        pub reverse_proxy: Vec<Block<ReverseProxy>>,
        /// Requests that are answered with another address.
        pub redir: Vec<Block<Redirect>>,
        /// Headers to set on answers.
        pub header: Map<String>,
        /// `internal` for Caddy's own authority, or an e-mail address for a public one.
        pub tls: Option<Spanned<String>>,
    }
}

settings! {
    /// Requests for PHP go to a FastCGI service.
    pub struct PhpFastcgi {
        /// Service, with `:port` when it exposes several.
        @argument pub to: Spanned<String>,
        /// Folder with the PHP files inside that service's container.
        pub root: Option<Spanned<String>>,
    }
}

settings! {
    /// Requests that are passed on to another service.
    pub struct ReverseProxy {
        /// Path pattern; every path when nothing is said.
        @argument pub path: Option<Spanned<String>>,
        /// Service, with `:port` when it listens on several.
        pub to: Spanned<String>,
    }
}

settings! {
    /// Requests that are answered with another address.
    pub struct Redirect {
        /// Path pattern.
        @argument pub path: Spanned<String>,
        /// The address to go to.
        pub to: Spanned<String>,
        /// HTTP status.
        pub code: Option<Spanned<u64>>,
    }
}

settings! {
    /// The metrics that a service exports, and where.
    pub struct Metrics {
        /// Service that passes requests on, when this one does not speak HTTP.
        pub via: Option<Spanned<String>>,
        /// Path of the metrics page; `/metrics` when nothing is said.
        pub path: Option<Spanned<String>>,
        /// Port of the metrics page; the service's first one when nothing is said.
        pub port: Option<Spanned<u16>>,
        /// `http` or `https`.
        pub scheme: Option<Spanned<String>>,
        /// A saved metrics page to learn the metrics from, relative to the manifest.
        pub from: Option<Spanned<String>>,
        /// Whether the service may export further metrics that are not named here.
        pub open: Option<Spanned<bool>>,
        /// How many series one page has, for estimates of disk and memory.
        pub series: Option<Spanned<u64>>,
        /// A counter.
        pub counters as "counter": Vec<Block<Declared>>,
        /// A gauge.
        pub gauges as "gauge": Vec<Block<Declared>>,
        /// A histogram.
        pub histograms as "histogram": Vec<Block<Declared>>,
        /// A summary.
        pub summaries as "summary": Vec<Block<Declared>>,
    }
}

settings! {
    /// A metric that a service exports.
    @named
    pub struct Declared {
        /// Full name of the metric, without `_bucket`, `_sum` and `_count`.
        @argument pub name: Spanned<String>,
        /// Names of its labels.
        @arguments pub labels: Vec<Spanned<String>>,
        /// What it tells.
        pub help: Option<Spanned<String>>,
        /// How many series it has on one page, buckets included.
        pub series: Option<Spanned<u64>>,
    }
}

settings! {
    /// How a service runs without a container.
    pub struct Native {
        /// Program to run, with its arguments.
        pub run: Option<Block<Run>>,
        /// `host:port` of a program that runs already; it is probed and not started.
        pub external: Option<Spanned<String>>,
    }
}

settings! {
    /// A program to run, with its arguments.
    pub struct Run {
        /// Program and arguments.
        @arguments pub command: Vec<Spanned<String>>,
        /// Folder to start in, relative to the manifest.
        pub cwd: Option<Spanned<String>>,
        /// Environment variables besides those of the service.
        pub env: Map<Value>,
    }
}

keywords! {
    /// When to start a service again.
    pub enum Restart {
        /// Never.
        No = "no",
        /// When it ended with an error.
        OnFailure = "on-failure",
        /// Always, unless it was stopped on purpose.
        UnlessStopped = "unless-stopped",
        /// Always.
        Always = "always",
    }
}

settings! {
    /// The most that a service may use.
    pub struct Resources {
        /// Processors; half a processor is 0.5.
        pub cpus: Option<Spanned<f64>>,
        /// Memory.
        pub memory: Option<Spanned<SizeText>>,
        /// Number of processes.
        pub pids: Option<Spanned<u64>>,
    }
}

settings! {
    /// Where a service's output goes.
    pub struct Logging {
        /// Logging driver.
        @argument pub driver: Option<Spanned<String>>,
        /// Options of the driver.
        pub options: Map<String>,
    }
}
