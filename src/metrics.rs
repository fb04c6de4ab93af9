//! What Draingate counts about itself, in one registry under the prefix `draingate_`.
//!
//! Every field is cheap to clone and to change (atomics behind an `Arc`). To add a measure: add a
//! field, register it in [`Metrics::new`], and change it where the thing happens.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::cluster::watch::WatchHealth;
use crate::locks;
use crate::observe::measure::Stop;
use draingate_core::admit::{Outcome, Webhook};
use draingate_core::judge::Verdict;
use draingate_core::review::Answer;
use draingate_core::world::{SleepSupport, World};

/// The content type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All measures, shared by reference.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Connections that are open now, by port.
    pub connections: Family<PortLabel, Gauge>,
    /// Connections that Draingate closed or turned away by itself, by port and reason.
    pub connections_closed: Family<ClosedLabels, Counter>,
    /// TLS handshakes that failed, by reason.
    pub handshake_failures: Family<HandshakeLabel, Counter>,
    /// When the certificate in use stops being valid, in seconds since 1970.
    pub certificate_not_after: Gauge<i64>,
    /// When the CA that issues now stops being valid, in seconds since 1970; 0 where there is none of ours.
    pub ca_not_after: Gauge<i64>,
    /// CAs that this replica let take over.
    pub ca_rotations: Counter<u64, AtomicU64>,
    /// 1 on the replica that writes the CA and the caBundle.
    pub leader: Gauge<i64>,
    bundle_writes: Family<WrittenLabel, Counter>,
    /// Looks at changed certificate files, by what came of them.
    pub certificate_reloads: Family<ReloadLabel, Counter>,
    /// Requests answered with 429, by reason.
    pub shed: Family<ShedLabel, Counter>,
    /// Requests in which a handler panicked.
    pub panics: Counter<u64, AtomicU64>,
    admissions: Family<AdmissionLabels, Counter>,
    findings: Family<FindingLabels, Counter>,
    skipped: Family<SkipLabel, Counter>,
    request_seconds: Family<WebhookLabel, Histogram>,
    policies: Family<PolicyLabel, Gauge>,
    namespaces: Gauge,
    native_sleep: Gauge,
    watch_age_seconds: Family<WatchLabel, Gauge<f64, AtomicU64>>,
    watch_failures: Family<WatchLabel, Gauge>,
    policies_crd_missing: Gauge,
    events: Family<ToldLabel, Counter>,
    policy_reports: Family<WrittenLabel, Counter>,
    observed_stops: Family<StopLabel, Counter>,
    observed_stop_seconds: Histogram,
    observed_endpoint_seconds: Histogram,
}

impl Metrics {
    /// Registers every measure.
    #[must_use]
    pub fn new() -> Arc<Self> {
        let mut registry = Registry::with_prefix("draingate");
        let connections = Family::default();
        registry.register("connections", "Connections open now", connections.clone());
        let connections_closed = Family::default();
        registry.register(
            "connections_closed",
            "Connections that the server closed or turned away by itself",
            connections_closed.clone(),
        );
        let handshake_failures = Family::default();
        registry.register("handshake_failures", "TLS handshakes that failed", handshake_failures.clone());
        let certificate_not_after = Gauge::default();
        registry.register(
            "certificate_not_after_seconds",
            "When the certificate in use stops being valid, in seconds since 1970",
            certificate_not_after.clone(),
        );
        let ca_not_after = Gauge::default();
        registry.register(
            "ca_not_after_seconds",
            "When the CA that issues now stops being valid, in seconds since 1970",
            ca_not_after.clone(),
        );
        let ca_rotations = Counter::default();
        registry.register("ca_rotations", "CAs that this replica let take over", ca_rotations.clone());
        let leader = Gauge::default();
        registry.register("leader", "1 on the replica that writes the CA and the caBundle", leader.clone());
        let bundle_writes = Family::default();
        registry.register("ca_bundle_writes", "Writes of the caBundle, by what came of them", bundle_writes.clone());
        let certificate_reloads = Family::default();
        registry.register("certificate_reloads", "Looks at changed certificate files", certificate_reloads.clone());
        let shed = Family::default();
        registry.register("requests_shed", "Requests answered with 429", shed.clone());
        let panics = Counter::default();
        registry.register("handler_panics", "Requests in which a handler panicked", panics.clone());
        let admissions = Family::default();
        registry.register("admissions", "Reviews answered, by what came of them", admissions.clone());
        let findings = Family::default();
        registry.register("findings", "Findings reported, by code", findings.clone());
        let skipped = Family::default();
        registry.register("skipped", "Objects passed over, by reason", skipped.clone());
        let request_seconds = Family::new_with_constructor(request_buckets as fn() -> Histogram);
        registry.register("request_seconds", "Time from a read body to its answer", request_seconds.clone());
        let policies = Family::default();
        registry.register("policies", "Policies known, by whether they can be read", policies.clone());
        let namespaces = Gauge::default();
        registry.register("namespaces", "Namespaces known", namespaces.clone());
        let native_sleep = Gauge::default();
        registry.register("native_sleep", "1 where hooks use the native sleep", native_sleep.clone());
        let watch_age_seconds = Family::default();
        registry.register(
            "watch_age_seconds",
            "Since the API server last sent anything on a watch: how old what is known may be",
            watch_age_seconds.clone(),
        );
        let watch_failures = Family::default();
        registry.register("watch_failures", "Lists and watches that failed since the start", watch_failures.clone());
        let policies_crd_missing = Gauge::default();
        registry.register(
            "policies_crd_missing",
            "1 where the API server does not know a policy kind, which counts as no policies",
            policies_crd_missing.clone(),
        );
        let events = Family::default();
        registry.register("events", "Events for workloads, by what came of them", events.clone());
        let policy_reports = Family::default();
        registry.register("policy_reports", "PolicyReports, by what came of writing them", policy_reports.clone());
        let observed_stops = Family::default();
        registry.register("observed_stops", "Stops of pods observed, by what came of them", observed_stops.clone());
        let observed_stop_seconds = Histogram::new(STOP_BUCKETS);
        registry.register(
            "observed_stop_seconds",
            "From a pod's deletion until its last container had stopped",
            observed_stop_seconds.clone(),
        );
        let observed_endpoint_seconds = Histogram::new(ENDPOINT_BUCKETS);
        registry.register(
            "observed_endpoint_seconds",
            "From a pod's deletion until no EndpointSlice had it ready: a lower bound of endpoint propagation",
            observed_endpoint_seconds.clone(),
        );
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "Which Draingate this is", build);
        Arc::new(Self {
            registry,
            observed_stops,
            observed_stop_seconds,
            observed_endpoint_seconds,
            policy_reports,
            events,
            admissions,
            findings,
            skipped,
            request_seconds,
            policies,
            namespaces,
            native_sleep,
            watch_age_seconds,
            watch_failures,
            policies_crd_missing,
            connections,
            connections_closed,
            handshake_failures,
            certificate_not_after,
            ca_not_after,
            ca_rotations,
            leader,
            bundle_writes,
            certificate_reloads,
            shed,
            panics,
        })
    }

    /// Counts an answered review.
    pub fn admitted(&self, webhook: Webhook, outcome: &Outcome) {
        let result = match &outcome.answer {
            Answer { denial: Some(_), .. } => "rejected",
            Answer { patch: Some(_), .. } => "patched",
            _ => outcome.verdict.map_or("unchanged", Verdict::as_str),
        };
        let labels = AdmissionLabels { webhook: webhook.as_str(), mode: outcome.mode.as_str(), result };
        self.admissions.get_or_create(&labels).inc();
        for code in &outcome.codes {
            let labels = FindingLabels { code: code.as_str(), mode: outcome.mode.as_str() };
            self.findings.get_or_create(&labels).inc();
        }
        if let Some(reason) = outcome.skipped {
            self.skipped.get_or_create(&SkipLabel { reason }).inc();
        }
    }

    /// Adds a request's duration.
    pub fn observe(&self, webhook: Webhook, taken: Duration) {
        self.request_seconds.get_or_create(&WebhookLabel { webhook: webhook.as_str() }).observe(taken.as_secs_f64());
    }

    /// Counts a write of the caBundle.
    pub fn bundle_written(&self, result: Written) {
        self.bundle_writes.get_or_create(&WrittenLabel { result }).inc();
    }

    /// Counts a PolicyReport that was due.
    pub fn reported(&self, result: Written) {
        self.policy_reports.get_or_create(&WrittenLabel { result }).inc();
    }

    /// Counts an Event that was due.
    pub fn told(&self, result: Told) {
        self.events.get_or_create(&ToldLabel { result }).inc();
    }

    /// Counts a stop that was observed.
    pub fn stopped(&self, stop: &Stop) {
        self.observed_stops.get_or_create(&StopLabel { outcome: stop.outcome().as_str() }).inc();
        self.observed_stop_seconds.observe(Duration::from_secs(stop.seconds).as_secs_f64());
        if let Some(endpoint) = stop.endpoint {
            self.observed_endpoint_seconds.observe(endpoint.as_secs_f64());
        }
    }

    /// Takes the measures of what is known.
    pub fn world(&self, world: &RwLock<World>) {
        let world = locks::read(world);
        let (readable, unreadable) = world.policy_counts();
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        self.policies.get_or_create(&PolicyLabel { readable: "true" }).set(count(readable));
        self.policies.get_or_create(&PolicyLabel { readable: "false" }).set(count(unreadable));
        self.namespaces.set(count(world.namespace_count()));
        self.native_sleep.set(i64::from(world.sleep == SleepSupport::Native));
    }

    /// Takes the measures of the watches.
    pub fn watches(&self, watches: &[WatchHealth]) {
        for health in watches {
            let label = WatchLabel { watch: health.watch.as_str() };
            if let Some(age) = health.age {
                self.watch_age_seconds.get_or_create(&label).set(age.as_secs_f64());
            }
            self.watch_failures.get_or_create(&label).set(i64::try_from(health.failures).unwrap_or(i64::MAX));
        }
        self.policies_crd_missing.set(i64::from(watches.iter().any(|health| health.crd_missing)));
    }

    /// All measures as OpenMetrics text.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a string fails only if a measure's own encoder does; what was written is still true.
        if let Err(error) = encode(&mut text, &self.registry) {
            tracing::error!(%error, "the metrics could not be written in full");
        }
        text
    }
}

/// From 0.05 to 100 ms, and what is slower.
fn request_buckets() -> Histogram {
    let milliseconds = [0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 1000.0];
    Histogram::new(milliseconds.map(|ms| ms / 1000.0))
}

/// Whole seconds, as the API tells them.
const STOP_BUCKETS: [f64; 12] = [1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 120.0, 300.0, 600.0];
const ENDPOINT_BUCKETS: [f64; 10] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0];

/// What came of a review. Every value is one of a few.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AdmissionLabels {
    webhook: &'static str,
    mode: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FindingLabels {
    code: &'static str,
    mode: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SkipLabel {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WebhookLabel {
    webhook: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StopLabel {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PolicyLabel {
    readable: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WatchLabel {
    watch: &'static str,
}

/// What came of writing something into the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WrittenLabel {
    result: Written,
}

/// What came of writing something into the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "label values are written as the variants are named")]
pub enum Written {
    /// The API server has it.
    written,
    /// The API server did not take it.
    failed,
}

/// What came of an Event.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ToldLabel {
    result: Told,
}

/// What came of an Event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "label values are written as the variants are named")]
pub enum Told {
    /// The API server has it.
    written,
    /// The API server did not take it.
    failed,
    /// Too many were waiting.
    dropped,
}

/// Which port a connection belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct PortLabel {
    /// The name that the server was given, such as `webhook` or `admin`.
    pub port: &'static str,
}

/// Which port a connection belonged to, and why the server closed it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ClosedLabels {
    /// The name that the server was given.
    pub port: &'static str,
    /// Why.
    pub reason: Closed,
}

/// Why the server closed a connection, or turned it away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "label values are written as the variants are named")]
pub enum Closed {
    /// The longest without a request, closed to make room for a new one.
    to_make_room,
    /// Turned away, because every connection was serving a request.
    all_busy,
    /// The header of a request did not arrive in time.
    header_timeout,
    /// No request for a long time.
    idle,
    /// The client did not take its answer.
    write_timeout,
    /// Still open when the time to drain was over.
    drain_limit,
}

/// Why a handshake failed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct HandshakeLabel {
    /// Why.
    pub reason: Handshake,
}

/// Why a handshake failed: few kinds, so that the label stays bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "label values are written as the variants are named")]
pub enum Handshake {
    /// It took too long.
    timeout,
    /// The client refused our certificate.
    bad_certificate,
    /// The client spoke something else than TLS.
    not_tls,
    /// The client went away, as a TCP probe does.
    closed,
    /// Anything else.
    other,
}

/// What came of changed certificate files.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReloadLabel {
    /// What came of it.
    pub result: Reload,
}

/// What came of changed certificate files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "label values are written as the variants are named")]
pub enum Reload {
    /// The new pair is in use.
    swapped,
    /// The files are not usable; the last good pair is in use. Counted at every look.
    kept,
}

/// Why a request was answered with 429.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ShedLabel {
    /// Why.
    pub reason: Shed,
}

/// Why a request was answered with 429.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "label values are written as the variants are named")]
pub enum Shed {
    /// Too many requests in flight.
    in_flight,
    /// Too many bytes of bodies held.
    buffered_bytes,
}
