//! What observing counts: stops, how long they took, and how long endpoints took to leave.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;

use super::measure::Stop;
use crate::metrics::{FamilyBy, Registry};

/// Whole seconds, as the API tells them.
const STOP_BUCKETS: [f64; 12] = [1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 120.0, 300.0, 600.0];
const ENDPOINT_BUCKETS: [f64; 10] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0];

/// The measures of the stops of pods.
#[derive(Debug)]
pub struct ObserveMetrics {
    stops: FamilyBy<&'static str, Counter>,
    stop_seconds: Histogram,
    endpoint_seconds: Histogram,
}

impl ObserveMetrics {
    /// Registers them.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Arc<Self> {
        Arc::new(Self {
            stops: registry.register(
                "observed_stops",
                "Stops of pods observed, by what came of them",
                FamilyBy::new("outcome"),
            ),
            stop_seconds: registry.register(
                "observed_stop_seconds",
                "From a pod's deletion until its last container had stopped",
                Histogram::new(STOP_BUCKETS),
            ),
            endpoint_seconds: registry.register(
                "observed_endpoint_seconds",
                "From a pod's deletion until no EndpointSlice had it ready: a lower bound of endpoint propagation",
                Histogram::new(ENDPOINT_BUCKETS),
            ),
        })
    }

    /// Counts a stop that was observed.
    pub fn stopped(&self, stop: &Stop) {
        self.stops.of(stop.outcome().as_str()).inc();
        self.stop_seconds.observe(Duration::from_secs(stop.seconds).as_secs_f64());
        if let Some(endpoint) = stop.endpoint {
            self.endpoint_seconds.observe(endpoint.as_secs_f64());
        }
    }
}
