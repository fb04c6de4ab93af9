//! The registry of what Draingate counts about itself, and its text at `/metrics`.
//!
//! It knows no measure. Each part declares its own in a `metrics.rs` beside it, and `run/metrics.rs` puts the parts
//! together. To add a measure: one field and one registration there, and change it where the thing happens.

use std::fmt;
use std::hash::Hash;
use std::ops::Deref;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelValue, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::{MetricType, TypedMetric};
use prometheus_client::registry::Metric;

/// The content type of [`Registry::render`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All measures, under the prefix `draingate_`.
#[derive(Debug)]
pub struct Registry {
    measures: prometheus_client::registry::Registry,
    names: Vec<&'static str>,
}

impl Default for Registry {
    fn default() -> Self {
        Self { measures: prometheus_client::registry::Registry::with_prefix("draingate"), names: Vec::new() }
    }
}

impl Registry {
    /// Registers a measure, and gives it back: a clone of it changes the same numbers.
    pub fn register<M: Metric + Clone>(&mut self, name: &'static str, help: &'static str, measure: M) -> M {
        self.register_constant(name, help, measure.clone());
        measure
    }

    /// Registers what never changes.
    pub fn register_constant(&mut self, name: &'static str, help: &'static str, constant: impl Metric) {
        self.names.push(name);
        self.measures.register(name, help, constant);
    }

    /// The names that were registered, in order.
    #[must_use]
    pub fn names(&self) -> &[&'static str] {
        &self.names
    }

    /// All measures as OpenMetrics text. A family without a member is not shown.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a string fails only if a measure's own encoder does; what was written is still true.
        if let Err(error) = encode(&mut text, &self.measures) {
            tracing::error!(%error, "the metrics could not be written in full");
        }
        text
    }
}

/// One measure for each value of a label. The values must be few.
#[derive(Clone, Debug)]
pub struct FamilyBy<V, M> {
    label: &'static str,
    family: Family<[(&'static str, V); 1], M>,
}

impl<V: Clone + Hash + Eq, M> FamilyBy<V, M> {
    /// A family whose members begin at zero.
    #[must_use]
    pub fn new(label: &'static str) -> Self
    where
        M: Default,
    {
        Self::new_with(label, M::default)
    }

    /// A family whose members begin as `member` makes them.
    #[must_use]
    pub fn new_with(label: &'static str, member: fn() -> M) -> Self {
        Self { label, family: Family::new_with_constructor(member) }
    }

    /// The measure of this value.
    pub fn of(&self, value: V) -> impl Deref<Target = M> {
        self.family.get_or_create(&[(self.label, value)])
    }
}

impl<V, M> EncodeMetric for FamilyBy<V, M>
where
    V: Clone + Hash + Eq + EncodeLabelValue,
    M: EncodeMetric + TypedMetric,
{
    fn encode(&self, encoder: MetricEncoder) -> Result<(), fmt::Error> {
        self.family.encode(encoder)
    }

    fn metric_type(&self) -> MetricType {
        M::TYPE
    }

    fn is_empty(&self) -> bool {
        EncodeMetric::is_empty(&self.family)
    }
}

#[cfg(test)]
mod tests {
    use super::{FamilyBy, Registry};
    use prometheus_client::metrics::counter::Counter;

    #[test]
    fn a_family_is_shown_once_it_has_a_member() {
        let mut registry = Registry::default();
        let closed: FamilyBy<&'static str, Counter> =
            registry.register("closed", "Doors closed", FamilyBy::new("reason"));
        assert_eq!((registry.names(), registry.render().as_str()), (&["closed"][..], "# EOF\n"));
        closed.of("wind").inc();
        assert_eq!(
            registry.render(),
            "# HELP draingate_closed Doors closed.\n# TYPE draingate_closed counter\n\
             draingate_closed_total{reason=\"wind\"} 1\n# EOF\n"
        );
    }
}
