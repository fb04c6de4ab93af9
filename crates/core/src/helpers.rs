//! The built-in table of helpers: containers that apps need until they are done, known by name.
//!
//! `draingate helpers` prints it; a policy's `helpers` and the pod annotation override it by name.

/// S of a helper or native sidecar whose name gives none, in seconds.
pub const DEFAULT_STOP_SECONDS: u64 = 2;

/// A container name that means a helper.
#[derive(Clone, Copy, Debug)]
pub struct KnownHelper {
    /// Container name; may end in `*`.
    pub name: &'static str,
    /// S: seconds from SIGTERM to exit.
    pub stop_seconds: u64,
    /// What it is.
    pub what: &'static str,
    /// Where S comes from.
    pub source: &'static str,
}

/// The table, in the order the docs print it.
pub const KNOWN: [KnownHelper; 18] = [
    known(
        "pgbouncer",
        2,
        "connection pooler",
        "pgbouncer.org/usage.html: before 1.23 SIGTERM stops it at once, since then when its clients are gone",
    ),
    known("pgcat", 2, "connection pooler", "assumed: the default of 2 s"),
    known("odyssey", 2, "connection pooler", "assumed: the default of 2 s"),
    known("cloud-sql-proxy", 2, "database proxy", "its --max-sigterm-delay is 0 by default: it closes at once"),
    known("cloudsql-proxy", 2, "database proxy", "its -term_timeout is 0 by default: it closes at once"),
    known("alloydb-auth-proxy", 2, "database proxy", "its --max-sigterm-delay is 0 by default: it closes at once"),
    known("istio-proxy", 5, "service mesh proxy", "Istio ProxyConfig: terminationDrainDuration is 5 s by default"),
    known("linkerd-proxy", 2, "service mesh proxy", "exits when its connections are done; the apps are by then"),
    known("envoy", 2, "proxy", "Envoy exits at SIGTERM without a drain of its own"),
    known("envoy-sidecar", 2, "service mesh proxy", "Envoy exits at SIGTERM without a drain of its own"),
    known("consul-dataplane", 2, "service mesh proxy", "its -shutdown-grace-period-seconds is 0 by default"),
    known("daprd", 5, "Dapr sidecar", "Dapr annotation dapr.io/graceful-shutdown-seconds is 5 by default"),
    known("fluent-bit", 5, "log shipper", "Fluent Bit [SERVICE] grace is 5 s by default"),
    known("fluentd", 5, "log shipper", "assumed: one flush of its buffers"),
    known("filebeat", 2, "log shipper", "filebeat.shutdown_timeout is off by default: it stops at once"),
    known("promtail", 2, "log shipper", "assumed: the default of 2 s"),
    known("otel-collector*", 5, "telemetry collector", "assumed: one flush of its exporters"),
    known("vector", 60, "log shipper", "Vector --graceful-shutdown-limit-secs is 60 by default"),
];

const fn known(name: &'static str, stop_seconds: u64, what: &'static str, source: &'static str) -> KnownHelper {
    KnownHelper { name, stop_seconds, what, source }
}

/// How well `pattern` (a name that may end in `*`) fits `name`: `None` not at all; an exact name beats any
/// prefix, a longer prefix a shorter one.
pub fn fit(pattern: &str, name: &str) -> Option<usize> {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix).then_some(prefix.len()),
        None => (pattern == name).then_some(usize::MAX),
    }
}
