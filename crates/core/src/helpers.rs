//! The built-in table of containers that people run beside their apps: helpers, which apps need until they are done, and
//! auxiliaries, which no app needs while it stops. They are known by name or by image.
//!
//! `draingate helpers` prints it; a policy's `helpers` and the pod annotation override it.

use std::sync::LazyLock;

use super::policy::{HelperRole, Pattern};
use super::subject::Container;

/// S of a helper or native sidecar that nobody knows, in seconds.
pub const DEFAULT_STOP_SECONDS: u64 = 2;

/// A container that is known.
#[derive(Clone, Copy, Debug)]
pub struct KnownHelper {
    /// Container names; a `*` at either end stands for anything.
    pub names: &'static [&'static str],
    /// The last parts of images' paths, without tag and digest; likewise.
    pub images: &'static [&'static str],
    /// What it is to the others.
    pub role: HelperRole,
    /// S: how long it still does work that would be lost, once it is told to stop and nobody needs it, in seconds.
    pub stop_seconds: u64,
    /// What it is.
    pub what: &'static str,
    /// Where that comes from.
    pub source: &'static str,
}

const fn helper(
    names: &'static [&'static str],
    images: &'static [&'static str],
    stop_seconds: u64,
    what: &'static str,
    source: &'static str,
) -> KnownHelper {
    KnownHelper { names, images, role: HelperRole::Helper, stop_seconds, what, source }
}

const fn auxiliary(
    names: &'static [&'static str],
    images: &'static [&'static str],
    what: &'static str,
    source: &'static str,
) -> KnownHelper {
    KnownHelper { names, images, role: HelperRole::Auxiliary, stop_seconds: 0, what, source }
}

const ENVOY: &str = "envoyproxy/envoy docs/root/operations/cli.rst: exits at SIGTERM";

/// The table, in the order in which the docs print it. The first row that fits counts.
pub static KNOWN: [KnownHelper; 42] = [
    auxiliary(
        &["*exporter", "exporter-*", "*-exporter-*"],
        &["*exporter", "*-exporter-*", "*_exporter"],
        "metrics exporter",
        "prometheus.io/docs/instrumenting/exporters/: an exporter is scraped",
    ),
    helper(
        &["istio-proxy"],
        &["proxyv2", "proxyv2-*"],
        0,
        "Istio's proxy",
        "istio/istio pkg/envoy/agent.go@86c9f01: drains and exits, killed it loses nothing",
    ),
    helper(
        &["linkerd-proxy"],
        &[],
        0,
        "Linkerd's proxy",
        "linkerd/linkerd2 pkg/k8s/labels.go@b24cd40: exits when its connections are done",
    ),
    helper(
        &["kuma-sidecar"],
        &["kuma-dp", "kuma-dp-*"],
        0,
        "Kuma's proxy",
        "kumahq/kuma app/kuma-dp/cmd/run.go@348b652: drains and exits",
    ),
    helper(
        &["consul-dataplane", "consul-dataplane-*"],
        &["consul-dataplane", "consul-dataplane-fips"],
        0,
        "Consul's proxy",
        "hashicorp/consul-dataplane cmd/consul-dataplane/main.go: -shutdown-grace-period-seconds",
    ),
    helper(&["envoy-sidecar", "envoy-sidecar-*"], &["aws-appmesh-envoy"], 0, "a mesh's Envoy", ENVOY),
    helper(
        &[
            "cloud-sql-proxy",
            "cloudsql-proxy",
            "cloudsql",
            "cloud-sql-*",
            "*-cloudsql-proxy",
            "*-sql-proxy",
            "sql-proxy",
            "csql-*",
        ],
        &["cloud-sql-proxy", "gce-proxy"],
        0,
        "Cloud SQL Auth Proxy",
        "GoogleCloudPlatform/cloud-sql-proxy cmd/root.go@31c3b33: --max-sigterm-delay is 0",
    ),
    helper(
        &["alloydb-auth-proxy", "alloydb-*"],
        &["alloydb-auth-proxy"],
        0,
        "AlloyDB Auth Proxy",
        "GoogleCloudPlatform/alloydb-auth-proxy docs/cmd/alloydb-auth-proxy.md: --max-sigterm-delay is 0",
    ),
    helper(
        &["pgbouncer", "pgbouncer-*", "*-pgbouncer", "pg-bouncer"],
        &["pgbouncer", "pgbouncer-*", "docker-pgbouncer"],
        0,
        "connection pooler",
        "pgbouncer.org/usage.html: SIGTERM ends it, since 1.23 when its clients are gone",
    ),
    helper(&["pgcat"], &["pgcat"], 0, "connection pooler", "postgresml/pgcat src/main.rs: SIGTERM ends it at once"),
    helper(
        &["odyssey"],
        &["odyssey"],
        0,
        "connection pooler",
        "yandex/odyssey docs/configuration/global.md: graceful_shutdown_timeout_ms",
    ),
    helper(
        &["proxysql", "*-proxysql"],
        &["proxysql"],
        0,
        "database proxy",
        "sysown/proxysql lib/ProxySQL_GloVars.cpp: SIGTERM ends it at once",
    ),
    helper(
        &["mysql-router", "mysqlrouter"],
        &["mysql-router", "community-router"],
        0,
        "database proxy",
        "assumed: as other proxies",
    ),
    helper(
        &["twemproxy", "nutcracker"],
        &["twemproxy", "nutcracker"],
        0,
        "cache proxy",
        "twitter/twemproxy src/nc_signal.c: SIGTERM ends it at once",
    ),
    helper(
        &["pgadapter"],
        &["pgadapter"],
        0,
        "database proxy",
        "github.com/GoogleCloudPlatform/pgadapter/issues/1189: no delay at SIGTERM",
    ),
    helper(&["envoy", "envoy-proxy"], &["envoy", "envoy-distroless", "envoy-alpine"], 0, "proxy", ENVOY),
    helper(
        &["haproxy", "*-haproxy"],
        &["haproxy", "haproxy-alpine"],
        0,
        "proxy",
        "haproxy/haproxy doc/management.txt: SIGTERM ends it at once",
    ),
    helper(
        &["shutdown-manager"],
        &["envoy-shutdown-manager"],
        0,
        "shutdown manager of an Envoy",
        "projectcontour/contour examples/contour/03-envoy.yaml@31c4bb3: its hook waits for Envoy's",
    ),
    helper(
        &["daprd"],
        &["daprd"],
        5,
        "Dapr's runtime",
        "dapr/dapr pkg/injector/annotations/annotations.go@d845074: dapr.io/graceful-shutdown-seconds is 5",
    ),
    helper(
        &["fluent-bit", "fluentbit", "fluent-bit-*", "log-router", "log_router"],
        &["fluent-bit", "aws-for-fluent-bit"],
        5,
        "log shipper",
        "fluent/fluent-bit src/flb_config.c: [SERVICE] grace is 5",
    ),
    helper(
        &["fluentd", "fluentd-*"],
        &["fluentd", "fluentd-*"],
        5,
        "log shipper",
        "fluent/fluentd-docs-gitbook deployment/signals.md: SIGTERM flushes its buffers; 5 assumed",
    ),
    helper(
        &["filebeat", "metricbeat"],
        &["filebeat", "metricbeat", "elastic-agent"],
        0,
        "log shipper",
        "elastic/beats filebeat.reference.yml: filebeat.shutdown_timeout is 0",
    ),
    helper(&["promtail"], &["promtail"], 2, "log shipper", "assumed: the default of 2 s"),
    helper(
        &["vector", "vector-*"],
        &["vector"],
        60,
        "log shipper",
        "vectordotdev/vector src/cli.rs@c3445d4: --graceful-shutdown-limit-secs is 60",
    ),
    helper(
        &["alloy", "grafana-agent"],
        &["alloy"],
        60,
        "telemetry collector",
        "grafana/alloy docs/sources/reference/components/loki/loki.write.md: drain_timeout is 1m",
    ),
    helper(
        &[
            "otel-collector*",
            "otc-container",
            "opentelemetry-collector*",
            "otelcol*",
            "otel-agent",
            "adot-collector",
            "aws-otel-collector",
        ],
        &[
            "opentelemetry-collector*",
            "otelcol*",
            "aws-otel-collector",
            "splunk-otel-collector",
            "dynatrace-otel-collector",
        ],
        5,
        "telemetry collector",
        "open-telemetry/opentelemetry-operator internal/naming/main.go: otc-container; 5 assumed: one flush",
    ),
    helper(
        &["datadog-agent", "trace-agent", "process-agent", "datadog"],
        &["datadog-agent"],
        30,
        "telemetry agent",
        "DataDog/datadog-agent pkg/config: logs_config.stop_grace_period is 30",
    ),
    helper(
        &["xray-daemon", "xray", "aws-xray-daemon"],
        &["aws-xray-daemon", "xray-daemon"],
        2,
        "trace shipper",
        "aws/aws-xray-daemon cmd/tracing/daemon.go: SIGTERM pushes its segments",
    ),
    helper(
        &["cloudwatch-agent", "cwagent"],
        &["cloudwatch-agent", "amazon-cloudwatch-agent"],
        5,
        "telemetry agent",
        "assumed: one flush",
    ),
    helper(
        &["telegraf"],
        &["telegraf"],
        2,
        "telemetry agent",
        "influxdata/telegraf cmd/telegraf/telegraf.go: SIGTERM flushes once",
    ),
    helper(
        &["thanos-sidecar"],
        &[],
        0,
        "Thanos beside Prometheus",
        "thanos-io/thanos docs/components/sidecar.md: it serves Prometheus' data",
    ),
    auxiliary(
        &["vault-agent"],
        &[],
        "keeps secrets fresh",
        "hashicorp/vault-k8s agent-inject/agent/container_sidecar.go@fbc5b1f: it has written its files",
    ),
    auxiliary(&["spiffe-helper"], &["spiffe-helper"], "keeps certificates fresh", "assumed: it has written its files"),
    auxiliary(
        &["falcoctl-*"],
        &["falcoctl"],
        "keeps rules fresh",
        "falcosecurity/falcoctl cmd/artifact/follow/follow.go: it writes files",
    ),
    auxiliary(
        &["git-sync", "git-sync-*"],
        &["git-sync"],
        "keeps files fresh",
        "kubernetes/git-sync main.go: it has written its files",
    ),
    auxiliary(
        &["config-reloader", "prometheus-config-reloader", "*-config-reloader"],
        &["prometheus-config-reloader", "config-reloader"],
        "config reloader",
        "prometheus-operator/prometheus-operator pkg/prometheus/common.go: config-reloader",
    ),
    auxiliary(
        &["configmap-reload", "*-configmap-reload", "configmap-reloader"],
        &["configmap-reload"],
        "config reloader",
        "jimmidyson/configmap-reload: it calls its webhook when files change",
    ),
    auxiliary(
        &["k8s-sidecar", "grafana-sc-*", "loki-sc-rules", "config-reload"],
        &["k8s-sidecar"],
        "config reloader",
        "kiwigrid/k8s-sidecar src/resources.py: it writes files",
    ),
    auxiliary(
        &["kube-rbac-proxy", "kube-rbac-proxy-*"],
        &["kube-rbac-proxy"],
        "guards a metrics port",
        "brancz/kube-rbac-proxy README.md: it protects a Prometheus target",
    ),
    auxiliary(
        &["node-driver-registrar", "liveness-probe"],
        &["csi-node-driver-registrar", "livenessprobe"],
        "helper of a storage driver",
        "kubernetes-csi/node-driver-registrar README.md: it registers once",
    ),
    auxiliary(
        &["cadvisor"],
        &["cadvisor"],
        "metrics exporter",
        "google/cadvisor docs/storage/prometheus.md: it is scraped",
    ),
    auxiliary(
        &["kube-state-metrics"],
        &["kube-state-metrics"],
        "metrics exporter",
        "kubernetes/kube-state-metrics README.md: it is scraped",
    ),
];

/// The first row for a container of this name and image.
pub fn known(name: &str, image: &str) -> Option<&'static KnownHelper> {
    let [names, images] = &*INDEX;
    let row = names.first(name).into_iter().chain(images.first(image)).min()?;
    KNOWN.get(row)
}

static INDEX: LazyLock<[Patterns; 2]> =
    LazyLock::new(|| [Patterns::of(|known| known.names), Patterns::of(|known| known.images)]);

/// The table's patterns, each with its row's place. Every container is looked up, and most are of no row.
struct Patterns {
    /// By a hash of their first letters.
    begin: [Vec<(&'static str, usize)>; 256],
    /// Those that a `*` begins, by a hash of their last letters.
    end: [Vec<(&'static str, usize)>; 256],
    /// Those between two of them.
    within: Vec<(&'static str, usize)>,
}

impl Patterns {
    fn of(patterns: impl Fn(&KnownHelper) -> &'static [&'static str]) -> Patterns {
        let mut all =
            Patterns { begin: [const { Vec::new() }; 256], end: [const { Vec::new() }; 256], within: Vec::new() };
        for (row, known) in KNOWN.iter().enumerate() {
            for pattern in patterns(known) {
                let place = match (pattern.starts_with('*'), pattern.ends_with('*')) {
                    (false, _) => all.begin.get_mut(hash(pattern.bytes())),
                    (true, false) => all.end.get_mut(hash(pattern.bytes().rev())),
                    (true, true) => Some(&mut all.within),
                };
                place.into_iter().for_each(|place| place.push((pattern, row)));
            }
        }
        all
    }

    /// The first row that has one which fits.
    fn first(&self, text: &str) -> Option<usize> {
        let begin = self.begin.get(hash(text.bytes())).into_iter().flatten();
        let end = self.end.get(hash(text.bytes().rev())).into_iter().flatten();
        let may = begin.chain(end).chain(&self.within);
        may.filter(|(pattern, _)| fit(pattern, text).is_some()).map(|(_, row)| *row).min()
    }
}

/// Of the letters that every pattern has beside its `*`.
fn hash(letters: impl Iterator<Item = u8>) -> usize {
    letters.take(4).fold(0, |hash: usize, letter| hash * 31 + usize::from(letter)) % 256
}

/// How well a policy's entry means a container, as in [`fit`].
pub fn means(pattern: Pattern, container: &Container) -> Option<usize> {
    match pattern {
        Pattern::Name(name) => fit(name, &container.name),
        Pattern::Image(image) if image.contains('/') => fit(image, container.image_path()),
        Pattern::Image(image) => fit(image, container.image_name()),
    }
}

/// How well `pattern` (a name with a `*` at either end, or none) fits `name`: `None` not at all; an exact name beats any
/// pattern, a longer pattern a shorter one.
pub fn fit(pattern: &str, name: &str) -> Option<usize> {
    let (head, tail) = (pattern.strip_suffix('*'), pattern.strip_prefix('*'));
    match (head, tail) {
        (None, None) => (pattern == name).then_some(usize::MAX),
        (Some(prefix), None) => name.starts_with(prefix).then_some(prefix.len()),
        (None, Some(suffix)) => name.ends_with(suffix).then_some(suffix.len()),
        (Some(_), Some(_)) => {
            let middle = pattern.trim_matches('*');
            name.contains(middle).then_some(middle.len())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{KNOWN, fit, known};

    #[test]
    fn the_index_finds_what_a_look_at_every_row_finds() {
        let patterns = || KNOWN.iter().flat_map(|row| row.names.iter().chain(row.images));
        for pattern in patterns() {
            assert!(!pattern.contains('*') || pattern.replace('*', "").len() >= 4, "{pattern}");
        }
        let plain = patterns().map(|pattern| pattern.replace('*', ""));
        let around = ["", "a", "-", "my-", "-2", "exporter"];
        let texts: Vec<String> = plain
            .flat_map(|text| around.map(|before| around.map(|after| format!("{before}{text}{after}"))))
            .flatten()
            .chain(["", "a", "app", "é", "vec"].map(str::to_owned))
            .collect();
        let fits = |patterns: &[&str], text: &str| patterns.iter().any(|pattern| fit(pattern, text).is_some());
        let mut found = 0;
        for (name, image) in texts.iter().zip(texts.iter().skip(1).chain(&texts)).chain(texts.iter().zip(&texts)) {
            let slow = KNOWN.iter().position(|row| fits(row.names, name) || fits(row.images, image));
            let quick = known(name, image).map(|row| KNOWN.iter().position(|other| std::ptr::eq(row, other)).unwrap());
            assert_eq!(quick, slow, "{name} {image}");
            found += usize::from(slow.is_some());
        }
        assert!(found > 1_000, "{found}");
    }
}
