//! What the transport counts: connections, handshakes, requests that were not served, and the certificate in use.

use std::sync::Arc;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use crate::metrics::{FamilyBy, Registry};

/// The measures of the ports, of the requests before any handler, and of the certificate.
#[derive(Debug)]
pub struct ServeMetrics {
    /// By the name of the port, such as `webhook` or `admin`.
    pub connections: FamilyBy<&'static str, Gauge>,
    connections_closed: Family<ClosedLabels, Counter>,
    /// By why.
    pub handshake_failures: FamilyBy<HandshakeFailure, Counter>,
    /// 0 where there is no certificate yet.
    pub certificate_not_after: Gauge,
    /// By what came of them.
    pub certificate_reloads: FamilyBy<ReloadResult, Counter>,
    /// By what there was too much of.
    pub shed: FamilyBy<ShedReason, Counter>,
    /// In the handlers, not in tasks of their own.
    pub panics: Counter,
}

impl ServeMetrics {
    /// Registers them.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Arc<Self> {
        Arc::new(Self {
            connections: registry.register("connections", "Connections open now", FamilyBy::new("port")),
            connections_closed: registry.register(
                "connections_closed",
                "Connections that the server closed or turned away by itself",
                Family::default(),
            ),
            handshake_failures: registry.register(
                "handshake_failures",
                "TLS handshakes that failed",
                FamilyBy::new("reason"),
            ),
            certificate_not_after: registry.register(
                "certificate_not_after_seconds",
                "When the certificate in use stops being valid, in seconds since 1970",
                Gauge::default(),
            ),
            certificate_reloads: registry.register(
                "certificate_reloads",
                "Looks at changed certificate files",
                FamilyBy::new("result"),
            ),
            shed: registry.register("requests_shed", "Requests answered with 429", FamilyBy::new("reason")),
            panics: registry.register("handler_panics", "Requests in which a handler panicked", Counter::default()),
        })
    }

    /// Counts a connection of `port` that the server ended by itself.
    pub fn closed(&self, port: &'static str, reason: CloseReason) {
        self.connections_closed.get_or_create(&ClosedLabels { port, reason }).inc();
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClosedLabels {
    port: &'static str,
    reason: CloseReason,
}

/// Why the server closed a connection, or turned it away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "label values are written as the variants are named")]
pub enum CloseReason {
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

/// Why a handshake failed: few kinds, so that the label stays bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "label values are written as the variants are named")]
pub enum HandshakeFailure {
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "label values are written as the variants are named")]
pub enum ReloadResult {
    /// The new pair is in use.
    swapped,
    /// The files are not usable; the last good pair is in use. Counted at every look.
    kept,
}

/// Why a request was answered with 429.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "label values are written as the variants are named")]
pub enum ShedReason {
    /// Too many requests in flight.
    in_flight,
    /// Too many bytes of bodies held.
    buffered_bytes,
}
