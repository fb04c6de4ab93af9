//! What Draingate counts about itself, in one registry under the prefix `draingate_`.
//!
//! Every field is cheap to clone and to change (atomics behind an `Arc`). To add a measure: add a
//! field, register it in [`Metrics::new`], and change it where the thing happens.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

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
    /// Looks at changed certificate files, by what came of them.
    pub certificate_reloads: Family<ReloadLabel, Counter>,
    /// Requests answered with 429, by reason.
    pub shed: Family<ShedLabel, Counter>,
    /// Requests in which a handler panicked.
    pub panics: Counter<u64, AtomicU64>,
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
        let certificate_reloads = Family::default();
        registry.register("certificate_reloads", "Looks at changed certificate files", certificate_reloads.clone());
        let shed = Family::default();
        registry.register("requests_shed", "Requests answered with 429", shed.clone());
        let panics = Counter::default();
        registry.register("handler_panics", "Requests in which a handler panicked", panics.clone());
        Arc::new(Self {
            registry,
            connections,
            connections_closed,
            handshake_failures,
            certificate_not_after,
            certificate_reloads,
            shed,
            panics,
        })
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
