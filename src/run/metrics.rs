//! The parts' metrics, put together: this names the parts, and no measure of theirs.

use std::sync::Arc;

use prometheus_client::metrics::info::Info;

use crate::cluster::certificates::metrics::CaMetrics;
use crate::cluster::metrics::ClusterMetrics;
use crate::metrics::Registry;
use crate::observe::metrics::ObserveMetrics;
use crate::serve::metrics::ServeMetrics;
use crate::webhook::metrics::WebhookMetrics;

/// What each part counts into, and the registry that shows all of it.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// The transport's.
    pub serve: Arc<ServeMetrics>,
    /// Those of our own CA.
    pub ca: Arc<CaMetrics>,
    /// The webhooks'.
    pub webhook: Arc<WebhookMetrics>,
    /// The cluster's side.
    pub cluster: Arc<ClusterMetrics>,
    /// Those of observing.
    pub observe: Arc<ObserveMetrics>,
    /// What the admin port shows.
    pub registry: Arc<Registry>,
}

impl Metrics {
    /// Registers every part's, in the order in which they are shown.
    #[must_use]
    pub fn register() -> Self {
        let mut registry = Registry::default();
        let serve = ServeMetrics::register(&mut registry);
        let ca = CaMetrics::register(&mut registry);
        let webhook = WebhookMetrics::register(&mut registry);
        let cluster = ClusterMetrics::register(&mut registry);
        let observe = ObserveMetrics::register(&mut registry);
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register_constant("build", "Which Draingate this is", build);
        Self { serve, ca, webhook, cluster, observe, registry: Arc::new(registry) }
    }
}
