//! What keeping the certificates counts: the CA, who writes it, and the `caBundle`.

use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

use crate::cluster::metrics::WriteResult;
use crate::metrics::{FamilyBy, Registry};

/// The measures of the CA; all zero where it is none of ours.
#[derive(Debug)]
pub struct CaMetrics {
    /// In seconds since 1970.
    pub not_after: Gauge,
    /// Counted by the replica that wrote them.
    pub rotations: Counter,
    /// 1 or 0.
    pub leader: Gauge,
    /// By what came of them.
    pub bundle_writes: FamilyBy<WriteResult, Counter>,
}

impl CaMetrics {
    /// Registers them.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Arc<Self> {
        Arc::new(Self {
            not_after: registry.register(
                "ca_not_after_seconds",
                "When the CA that issues now stops being valid, in seconds since 1970",
                Gauge::default(),
            ),
            rotations: registry.register("ca_rotations", "CAs that this replica let take over", Counter::default()),
            leader: registry.register(
                "leader",
                "1 on the replica that writes the CA and the caBundle",
                Gauge::default(),
            ),
            bundle_writes: registry.register(
                "ca_bundle_writes",
                "Writes of the caBundle, by what came of them",
                FamilyBy::new("result"),
            ),
        })
    }
}
