//! The commands that tell a container's own process to stop. The table is the whole of it; the docs print it.

use super::duration;
use super::programs::Stops;
use super::reading::StopKind;
use super::span::Span;

/// A command that stops the server of its container.
#[derive(Clone, Copy, Debug)]
pub struct StopCommand {
    /// The program, by the last part of its path.
    pub program: &'static str,
    /// Words that stand among its own, in this order.
    pub words: &'static [&'static str],
    /// A flag whose value it waits before it stops the server, in seconds.
    pub wait: Option<&'static str>,
    /// A flag whose value it lets the server finish, in seconds.
    pub limit: Option<&'static str>,
    /// It ends at once what runs.
    pub at_once: bool,
    /// Which server.
    pub server: &'static str,
    /// Where that stands.
    pub source: &'static str,
}

/// A request that stops the server of its container.
#[derive(Clone, Copy, Debug)]
pub struct StopRequest {
    /// How its path ends.
    pub path: &'static str,
    /// Which server.
    pub server: &'static str,
    /// Where that stands.
    pub source: &'static str,
}

const fn row(
    program: &'static str,
    words: &'static [&'static str],
    server: &'static str,
    source: &'static str,
) -> StopCommand {
    StopCommand { program, words, wait: None, limit: None, at_once: false, server, source }
}

impl StopCommand {
    const fn at_once(self) -> StopCommand {
        StopCommand { at_once: true, ..self }
    }
}

const APACHE: &str = "apache/httpd docs/manual/stopping.xml@0cb680442eca: graceful-stop, stop";
const NGINX: &str = "nginx.org/en/docs/control.html: -s signal, quit, stop";
const RABBIT: &str = "rabbitmq/rabbitmq-server deps/rabbitmq_cli/lib/rabbitmq/cli/ctl/commands@5b09e556da53";
const SUPERVISOR: &str = "Supervisor/supervisor supervisor/supervisorctl.py@abc60468ea4b: stop, shutdown";
const TOMCAT: &str = "apache/tomcat bin/catalina.sh@84ac9af072d4: stop";
const REDIS: &str = "redis/redis-doc commands/shutdown.md@1044224477fc: SHUTDOWN";
const RUNIT: &str = "void-linux/runit man/sv.8@2b8000f1ebd0: down, exit, stop, shutdown";
const MONGO: &str = "mongodb.com/docs/manual/reference/method/db.shutdownServer/";

/// The table, in the order in which the docs print it.
pub const COMMANDS: [StopCommand; 48] = [
    row("nginx", &["-s", "quit"], "nginx", NGINX),
    row("nginx", &["-s", "stop"], "nginx, at once", NGINX).at_once(),
    row("openresty", &["-s", "quit"], "OpenResty", NGINX),
    row("openresty", &["-s", "stop"], "OpenResty, at once", NGINX).at_once(),
    row("apachectl", &["graceful-stop"], "Apache httpd", APACHE),
    row("apachectl", &["stop"], "Apache httpd, at once", APACHE).at_once(),
    row("apache2ctl", &["graceful-stop"], "Apache httpd", APACHE),
    row("apache2ctl", &["stop"], "Apache httpd, at once", APACHE).at_once(),
    row("httpd", &["-k", "graceful-stop"], "Apache httpd", APACHE),
    row("httpd", &["-k", "stop"], "Apache httpd, at once", APACHE).at_once(),
    row("apache2", &["-k", "graceful-stop"], "Apache httpd", APACHE),
    row("apache2", &["-k", "stop"], "Apache httpd, at once", APACHE).at_once(),
    row("wait-shutdown", &[], "ingress-nginx", "kubernetes/ingress-nginx cmd/waitshutdown/main.go@dbb11b92ddb7"),
    StopCommand {
        wait: Some("--wait"),
        limit: Some("--timeout"),
        ..row("kong", &["quit"], "Kong", "Kong/kong kong/cmd/quit.lua@22246ef28c16: -w,--wait, -t,--timeout")
    },
    row("kong", &["stop"], "Kong, at once", "Kong/kong kong/cmd/stop.lua@22246ef28c16: stop").at_once(),
    row("catalina.sh", &["stop"], "Tomcat", TOMCAT),
    row("shutdown.sh", &[], "Tomcat", TOMCAT),
    row("rabbitmqctl", &["stop_app"], "RabbitMQ", RABBIT),
    row("rabbitmqctl", &["stop"], "RabbitMQ", RABBIT),
    row("rabbitmqctl", &["shutdown"], "RabbitMQ", RABBIT),
    row("consul", &["leave"], "Consul", "developer.hashicorp.com/consul/commands/leave"),
    row("nodetool", &["drain"], "Cassandra", "docs.datastax.com/en/cassandra-oss/3.0/cassandra/tools/toolsDrain.html"),
    row(
        "nodetool",
        &["stopdaemon"],
        "Cassandra",
        "apache/cassandra src/java/org/apache/cassandra/tools/nodetool/StopDaemon.java@181a1e8d9af8",
    ),
    row("redis-cli", &["shutdown"], "Redis", REDIS),
    row("valkey-cli", &["shutdown"], "Valkey", REDIS),
    row("mysqladmin", &["shutdown"], "MySQL, MariaDB", "dev.mysql.com/doc/refman/8.4/en/mysqladmin.html: shutdown"),
    row("mariadb-admin", &["shutdown"], "MariaDB", "mariadb.com/kb/en/mariadb-admin/: shutdown"),
    StopCommand {
        limit: Some("-t"),
        ..row("pg_ctl", &["stop"], "PostgreSQL", "postgresql.org/docs/current/app-pg-ctl.html: stop, -t, --timeout")
    },
    row("mongosh", &["--eval", "shutdown"], "MongoDB", MONGO),
    row("mongo", &["--eval", "shutdown"], "MongoDB", MONGO),
    row("zkServer.sh", &["stop"], "ZooKeeper", "apache/zookeeper bin/zkServer.sh@53a78e36f996: stop"),
    row("kafka-server-stop.sh", &[], "Kafka", "apache/kafka bin/kafka-server-stop.sh: SIGNAL=${SIGNAL:-TERM}"),
    row("kafka-server-stop", &[], "Kafka", "apache/kafka bin/kafka-server-stop.sh: SIGNAL=${SIGNAL:-TERM}"),
    row("emqx", &["stop"], "EMQX", "emqx/emqx bin/emqx@50e04386de84: stop"),
    row("vernemq", &["stop"], "VerneMQ", "vernemq/vernemq files/runner@90ebd3e634ba: stop"),
    row("nats-server", &["ldm"], "NATS", "nats-io/nats-server main.go@1787eee035cf: -sl,--signal, ldm"),
    row("nats-server", &["quit"], "NATS, at once", "nats-io/nats-server main.go@1787eee035cf: -sl,--signal, quit")
        .at_once(),
    row("supervisorctl", &["stop"], "programs of supervisord", SUPERVISOR),
    row("supervisorctl", &["shutdown"], "supervisord", SUPERVISOR),
    row("pumactl", &["stop"], "Puma", "puma/puma lib/puma/control_cli.rb@ff2e2126ee2f: stop"),
    row("uwsgi", &["--stop"], "uWSGI", "unbit/uwsgi core/uwsgi.c@6cbb2177ae48: stop"),
    row("caddy", &["stop"], "Caddy", "caddyserver/caddy cmd/commands.go@0cf03d32f7d9: stop"),
    row("pm2", &["stop"], "programs of PM2", "Unitech/pm2 lib/binaries/CLI.js@31adee8048db: stop"),
    row("pm2", &["kill"], "PM2", "Unitech/pm2 lib/binaries/CLI.js@31adee8048db: kill"),
    row("sv", &["down"], "a service of runit", RUNIT),
    row("sv", &["stop"], "a service of runit", RUNIT),
    row(
        "cloud-sql-proxy",
        &["shutdown"],
        "Cloud SQL Auth Proxy",
        "GoogleCloudPlatform/cloud-sql-proxy cmd/root.go@31c3b33e3f85: shutdown",
    ),
    row(
        "pilot-agent",
        &["request", "quitquitquit"],
        "istio-proxy",
        "istio/istio pilot/cmd/pilot-agent/app/request.go@86c9f01fd735: request",
    ),
];

/// The requests, in the order in which the docs print them.
pub const REQUESTS: [StopRequest; 3] = [
    StopRequest {
        path: "/quitquitquit",
        server: "Envoy, istio-proxy, Cloud SQL Auth Proxy",
        source: "envoyproxy/envoy docs/root/operations/admin.rst@00700fe42f5a: /quitquitquit",
    },
    StopRequest {
        path: "/actuator/shutdown",
        server: "Spring Boot",
        source: "docs.spring.io/spring-boot/api/rest/actuator/shutdown.html: /actuator/shutdown",
    },
    StopRequest {
        path: "/-/quit",
        server: "Prometheus",
        source: "prometheus.io/docs/prometheus/latest/management_api/: /-/quit",
    },
];

/// The signals that begin a stop; `WINCH` is Apache httpd's graceful one (apache/httpd docs/manual/stopping.xml).
const SIGNALS: [(&str, &str); 5] = [("TERM", "15"), ("QUIT", "3"), ("INT", "2"), ("KILL", "9"), ("WINCH", "28")];

/// What stops the container, if this does.
pub(super) fn find(name: &str, words: &[&str]) -> Option<Stops> {
    match name {
        "kill" => return by_signal(words, &["-s", "-n", "--signal"], name),
        "pkill" => return by_signal(words, &["--signal"], name),
        "killall" => return by_signal(words, &["-s", "--signal"], name),
        "curl" | "wget" => return words.iter().find_map(|word| by_request(word)),
        _ => {}
    }
    let row = COMMANDS.iter().find(|row| row.program == name && has_in_order(words, row.words))?;
    let time = |flag: Option<&str>| {
        let flag = flag?;
        let short = flag.strip_prefix("--").and_then(|long| long.get(..1));
        words.iter().enumerate().find_map(|(at, word)| {
            let (given, value) = word.split_once('=').map_or((*word, None), |(flag, value)| (flag, Some(value)));
            let is = given == flag || given.strip_prefix('-').is_some_and(|letter| Some(letter) == short);
            is.then(|| duration::bound(value.or_else(|| words.get(at + 1).copied())?))?
        })
    };
    let wait = time(row.wait).map_or(Span::NONE, Span::exactly);
    let kind = if row.at_once { StopKind::AsSigterm } else { StopKind::Graceful };
    Some(Stops { wait, limit: time(row.limit), kind })
}

/// Whether a request to this address stops the container's server.
pub(super) fn by_request(address: &str) -> Option<Stops> {
    let path = address.split(['?', '#']).next().unwrap_or(address);
    let stops = REQUESTS.iter().any(|request| path.ends_with(request.path));
    stops.then_some(Stops { wait: Span::NONE, limit: None, kind: StopKind::Graceful })
}

/// Each of `wanted` stands in `words`, in this order; the last may be only a part of its word after `--eval`.
fn has_in_order(words: &[&str], wanted: &[&str]) -> bool {
    let mut words = words.iter();
    let mut within = false;
    wanted.iter().all(|wanted| {
        let found = words.any(|word| {
            word.eq_ignore_ascii_case(wanted)
                || word.split_once('=').is_some_and(|(_, value)| value == *wanted)
                || (within && word.contains(wanted))
        });
        within = *wanted == "--eval" || *wanted == "request";
        found
    })
}

/// `kill`, `pkill` and `killall`: by which signal, and whether they mean the container's own process.
fn by_signal(words: &[&str], takes_value: &[&str], name: &str) -> Option<Stops> {
    let mut signal = "TERM";
    let mut targets = Vec::new();
    let mut flags = words.iter();
    let mut only_targets = false;
    while let Some(word) = flags.next() {
        if only_targets || !word.starts_with('-') || *word == "-1" && !targets.is_empty() {
            targets.push(*word);
        } else if *word == "--" {
            only_targets = true;
        } else if takes_value.contains(word) {
            signal = flags.next()?;
        } else if let Some((flag, value)) = word.split_once('=')
            && takes_value.contains(&flag)
        {
            signal = value;
        } else if let Some(named) = word.strip_prefix('-').filter(|named| is_signal(named)) {
            signal = named;
        } else if matches!(*word, "-l" | "-L") {
            return None;
        } else if name == "pkill" && matches!(*word, "-u" | "-U" | "-P" | "-g" | "-G" | "-t" | "-s") {
            flags.next();
        }
    }
    let signal = signal.strip_prefix("SIG").unwrap_or(signal);
    let row = SIGNALS.iter().find(|(word, number)| word.eq_ignore_ascii_case(signal) || *number == signal)?;
    // A job of the hook's own shell.
    let own = |target: &&str| target.starts_with('%') || *target == "0";
    if targets.is_empty() || targets.iter().all(own) {
        return None;
    }
    let kind = match row.0 {
        "KILL" => StopKind::Kill,
        "TERM" | "INT" => StopKind::AsSigterm,
        _ => StopKind::Graceful,
    };
    Some(Stops { wait: Span::NONE, limit: None, kind })
}

fn is_signal(text: &str) -> bool {
    let text = text.strip_prefix("SIG").unwrap_or(text);
    text.bytes().all(|b| b.is_ascii_digit())
        || (text.len() > 1 && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()))
        || SIGNALS.iter().any(|(word, _)| word.eq_ignore_ascii_case(text))
}
