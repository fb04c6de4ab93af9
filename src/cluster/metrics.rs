//! What is known from the cluster and how old it may be, and what was written into it but for certificates, which
//! [`super::certificates`] counts.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, RwLock};

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::watch::WatchHealth;
use crate::locks;
use crate::metrics::{FamilyBy, Registry};
use draingate_core::mode::Mode;
use draingate_core::world::{SleepSupport, World};

/// The measures of the watches, of what they know, and of Events and PolicyReports.
#[derive(Debug)]
pub struct ClusterMetrics {
    policies: FamilyBy<bool, Gauge>,
    namespaces: Gauge,
    namespaces_with_mode: Gauge,
    native_sleep: Gauge,
    injection_off: Gauge,
    watch_age_seconds: FamilyBy<&'static str, Gauge<f64, AtomicU64>>,
    watch_failures: FamilyBy<&'static str, Gauge>,
    watch_failing: FamilyBy<&'static str, Gauge>,
    policies_crd_missing: Gauge,
    policies_unread: Gauge,
    mode_lowered: Family<LoweredLabels, Counter>,
    /// Of those that were due.
    pub events: FamilyBy<EventResult, Counter>,
    /// Of those that were due.
    pub policy_reports: FamilyBy<WriteResult, Counter>,
}

impl ClusterMetrics {
    /// Registers them.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Arc<Self> {
        Arc::new(Self {
            policies: registry.register(
                "policies",
                "Policies known, by whether they can be read",
                FamilyBy::new("readable"),
            ),
            namespaces: registry.register("namespaces", "Namespaces known", Gauge::default()),
            namespaces_with_mode: registry.register(
                "namespaces_with_mode",
                "Namespaces in another mode than off",
                Gauge::default(),
            ),
            native_sleep: registry.register("native_sleep", "1 where hooks use the native sleep", Gauge::default()),
            injection_off: registry.register(
                "injection_off",
                "1 where nothing that needs a wait is injected: no native sleep is known, and no exec is opted in to",
                Gauge::default(),
            ),
            watch_age_seconds: registry.register(
                "watch_age_seconds",
                "Since the API server last sent anything on a watch: how old what is known may be",
                FamilyBy::new("watch"),
            ),
            watch_failures: registry.register(
                "watch_failures",
                "Lists and watches that failed since the start",
                FamilyBy::new("watch"),
            ),
            watch_failing: registry.register(
                "watch_failing",
                "1 where the last list or watch failed: what is known is kept, and may be old",
                FamilyBy::new("watch"),
            ),
            policies_crd_missing: registry.register(
                "policies_crd_missing",
                "1 where the API server does not know a policy kind: those that were known hold, else there are none",
                Gauge::default(),
            ),
            policies_unread: registry.register(
                "policies_unread",
                "1 where there may be policies that could not be read yet: until they are, nothing is rejected",
                Gauge::default(),
            ),
            mode_lowered: registry.register(
                "mode_lowered",
                "Namespaces that became less strict, by the mode before and after; every replica counts",
                Family::default(),
            ),
            events: registry.register("events", "Events for workloads, by what came of them", FamilyBy::new("result")),
            policy_reports: registry.register(
                "policy_reports",
                "PolicyReports, by what came of writing them",
                FamilyBy::new("result"),
            ),
        })
    }

    /// Takes the measures of what is known.
    pub fn world(&self, world: &RwLock<World>) {
        let world = locks::read(world);
        let (readable, unreadable) = world.policy_counts();
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        self.policies.of(true).set(count(readable));
        self.policies.of(false).set(count(unreadable));
        self.namespaces.set(count(world.namespace_count()));
        self.namespaces_with_mode.set(count(world.namespaces_in(|mode| mode > Mode::Off).len()));
        self.policies_unread.set(i64::from(!world.unread_policies.is_empty()));
        self.native_sleep.set(i64::from(world.sleep == SleepSupport::Native));
        self.injection_off.set(i64::from(matches!(world.sleep, SleepSupport::Unsupported { .. })));
    }

    /// Counts a namespace that is less strict than it was.
    pub fn lowered(&self, from: Mode, to: Mode) {
        self.mode_lowered.get_or_create(&LoweredLabels { from: from.as_str(), to: to.as_str() }).inc();
    }

    /// Takes the measures of the watches.
    pub fn watches(&self, watches: &[WatchHealth]) {
        for health in watches {
            let watch = health.watch.as_str();
            if let Some(age) = health.age {
                self.watch_age_seconds.of(watch).set(age.as_secs_f64());
            }
            self.watch_failures.of(watch).set(i64::try_from(health.failures).unwrap_or(i64::MAX));
            self.watch_failing.of(watch).set(i64::from(health.failing));
        }
        self.policies_crd_missing.set(i64::from(watches.iter().any(|health| health.crd_missing)));
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LoweredLabels {
    from: &'static str,
    to: &'static str,
}

/// What came of writing something into the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "label values are written as the variants are named")]
pub enum WriteResult {
    /// The API server has it.
    written,
    /// The API server did not take it.
    failed,
}

impl<T, E> From<&Result<T, E>> for WriteResult {
    fn from(result: &Result<T, E>) -> Self {
        if result.is_ok() { Self::written } else { Self::failed }
    }
}

/// What came of an Event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "label values are written as the variants are named")]
pub enum EventResult {
    /// The API server has it.
    written,
    /// The API server did not take it.
    failed,
    /// Too many were waiting.
    dropped,
}
