//! Metrics, logs and traces: who collects them, who keeps them.

use super::files::{Config, Format};
use super::row::{Bare, Mark, Place, Server, Targets, Work, server};

use Bare::Refused;
use Mark::{Image, ImageWord, Program, ProgramWord};
use Place::{Flag, GoFlag, Key};
use Work::{Fetched, Peer, Sent};

const LOKI: Targets = Targets {
    flag: "-target",
    parts: &[
        ("all", Sent),
        ("read", Sent),
        ("write", Sent),
        ("distributor", Sent),
        ("query-frontend", Sent),
        ("querier", Fetched),
        ("compactor", Fetched),
        ("ruler", Fetched),
        ("table-manager", Fetched),
        ("bloom-builder", Fetched),
        ("bloom-planner", Peer),
        ("ingester", Peer),
        ("pattern-ingester", Peer),
        ("index-gateway", Peer),
        ("bloom-gateway", Peer),
        ("query-scheduler", Peer),
        ("backend", Peer),
    ],
};

const MIMIR: Targets = Targets {
    flag: "-target",
    parts: &[
        ("all", Sent),
        ("read", Sent),
        ("write", Sent),
        ("distributor", Sent),
        ("query-frontend", Sent),
        ("querier", Fetched),
        ("compactor", Fetched),
        ("ruler", Fetched),
        ("block-builder", Fetched),
        ("ingester", Peer),
        ("store-gateway", Peer),
        ("query-scheduler", Peer),
        ("block-builder-scheduler", Peer),
        ("alertmanager", Peer),
        ("backend", Peer),
    ],
};

const TEMPO: Targets = Targets {
    flag: "-target",
    parts: &[
        ("all", Sent),
        ("scalable-single-binary", Sent),
        ("distributor", Sent),
        ("query-frontend", Sent),
        ("querier", Fetched),
        ("compactor", Fetched),
        ("block-builder", Fetched),
        ("backend-worker", Fetched),
        ("backend-scheduler", Peer),
        ("live-store", Peer),
        ("ingester", Peer),
        ("metrics-generator", Peer),
    ],
};

const GRAFANA: Config = Config { format: Format::Tree, names: &["*.yaml", "*.yml"] };
const DELAY: &[Place] = &[GoFlag("-shutdown-delay"), Key(&GRAFANA, "shutdown_delay")];
const GRACEFUL: &[Place] =
    &[GoFlag("-server.graceful-shutdown-timeout"), Key(&GRAFANA, "server.graceful_shutdown_timeout")];
const HTTP_GRACE: &[Place] = &[Flag("--http-grace-period"), Flag("--grpc-grace-period")];
const THANOS: &str =
    "thanos-io/thanos pkg/extkingpin/flags.go, pkg/server/http/http.go@e103a81bd594: --http-grace-period";
const VICTORIA: &str = "VictoriaMetrics/VictoriaMetrics lib/httpserver/httpserver.go@b7ef6cc3ed35: \
                        -http.shutdownDelay, -http.maxGracefulShutdownDuration";
const VICTORIA_DELAY: &[Place] = &[GoFlag("-http.shutdownDelay")];
const VICTORIA_FINISH: &[Place] = &[GoFlag("-http.maxGracefulShutdownDuration")];

pub(super) const ROWS: &[Server] = &[
    server(
        "Prometheus",
        &[Image("prometheus"), Program("prometheus")],
        "prometheus/prometheus web/web.go, cmd/prometheus/main.go@d15adb9ad7e5: Shutdown with a context that is done",
    )
    .work(Work::OneWriter)
    .cuts(),
    server(
        "Pushgateway",
        &[Image("pushgateway"), Program("pushgateway")],
        "prometheus/pushgateway main.go@412bd22b1279: Shutdown",
    ),
    server(
        "Alertmanager",
        &[Image("alertmanager"), Program("alertmanager")],
        "prometheus/alertmanager app/lifecycle.go, app/app.go@68fb2d5759b3: Shutdown",
    )
    .always(5),
    server(
        "Thanos Query, Query Frontend, Receive",
        &[
            ImageWord("thanos", "query"),
            ImageWord("thanos", "query-frontend"),
            ImageWord("thanos", "receive"),
            ProgramWord("thanos", "query"),
            ProgramWord("thanos", "query-frontend"),
            ProgramWord("thanos", "receive"),
        ],
        THANOS,
    )
    .finishes(HTTP_GRACE, Refused, Some(120)),
    server(
        "Thanos Store, Rule, Sidecar",
        &[
            ImageWord("thanos", "store"),
            ImageWord("thanos", "rule"),
            ImageWord("thanos", "sidecar"),
            ProgramWord("thanos", "store"),
            ProgramWord("thanos", "rule"),
            ProgramWord("thanos", "sidecar"),
        ],
        THANOS,
    )
    .finishes(HTTP_GRACE, Refused, Some(120))
    .work(Peer),
    server("Thanos Compact", &[ImageWord("thanos", "compact"), ProgramWord("thanos", "compact")], THANOS)
        .finishes(HTTP_GRACE, Refused, Some(120))
        .work(Fetched),
    server(
        "Loki",
        &[Image("loki"), Image("enterprise-logs"), Program("loki")],
        "grafana/loki pkg/loki/loki.go, pkg/loki/modules.go, docs/sources/shared/configuration.md@65e30f8488e8: \
         -shutdown-delay, \
         -server.graceful-shutdown-timeout, -target",
    )
    .accepts(DELAY, Refused, None)
    .finishes(GRACEFUL, Refused, Some(30))
    .targets(&LOKI),
    server(
        "Mimir",
        &[Image("mimir"), Image("enterprise-metrics"), Program("mimir")],
        "grafana/mimir pkg/mimir/modules.go@0013c446e1a6; github.com/grafana/mimir/pull/3298: -shutdown-delay; \
         grafana/dskit \
         server/server.go@06829887f955: -server.graceful-shutdown-timeout",
    )
    .accepts(DELAY, Refused, None)
    .finishes(GRACEFUL, Refused, Some(30))
    .targets(&MIMIR),
    server(
        "Tempo",
        &[Image("tempo"), Image("enterprise-traces"), Program("tempo")],
        "grafana/tempo cmd/tempo/app/config.go, cmd/tempo/app/modules.go@ad33aa8fafc4: -shutdown-delay, -target",
    )
    .accepts(DELAY, Refused, None)
    .finishes(GRACEFUL, Refused, Some(30))
    .targets(&TEMPO),
    server(
        "Cortex",
        &[Image("cortex"), Program("cortex")],
        "cortexproject/cortex docs/configuration/config-file-reference.md@a8c6358a1307: \
         -server.graceful-shutdown-timeout",
    )
    .finishes(GRACEFUL, Refused, Some(30))
    .targets(&MIMIR),
    server("VictoriaMetrics storage", &[Image("vmstorage"), Program("vmstorage"), Program("vmstorage-prod")], VICTORIA)
        .accepts(VICTORIA_DELAY, Refused, None)
        .finishes(VICTORIA_FINISH, Refused, Some(7))
        .work(Peer),
    server(
        "VictoriaMetrics, single, insert, select, auth, alert",
        &[
            Image("victoria-metrics"),
            Image("victoria-logs"),
            Image("vminsert"),
            Image("vmselect"),
            Image("vmauth"),
            Image("vmalert"),
            Program("victoria-metrics-prod"),
            Program("vminsert-prod"),
            Program("vmselect-prod"),
            Program("vmauth-prod"),
            Program("vmalert-prod"),
        ],
        VICTORIA,
    )
    .accepts(VICTORIA_DELAY, Refused, None)
    .finishes(VICTORIA_FINISH, Refused, Some(7)),
    server(
        "OpenTelemetry Collector",
        &[Image("opentelemetry-collector*"), Image("otelcol*"), Program("otelcol*")],
        "open-telemetry/opentelemetry-collector docs/coding-guidelines.md@934999fbab27: receivers stop first",
    ),
    server("vmagent", &[Image("vmagent"), Program("vmagent-prod")], VICTORIA)
        .accepts(VICTORIA_DELAY, Refused, None)
        .finishes(VICTORIA_FINISH, Refused, Some(7))
        .work(Peer),
    server(
        "Falco",
        &[Image("falco"), Image("falco-no-driver"), Program("falco")],
        "falcosecurity/falco README.md: watches its node",
    )
    .work(Peer),
];
