//! What the two webhooks count: answers, findings, and how long they took.
//!
//! No label's value comes from a request: all are of a few words of our own.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

use crate::metrics::{FamilyBy, Registry};
use draingate_core::admit::{Outcome, Webhook};
use draingate_core::judge::Verdict;
use draingate_core::review::Answer;

/// The measures of the reviews.
#[derive(Debug)]
pub struct WebhookMetrics {
    admissions: Family<AdmissionLabels, Counter>,
    findings: Family<FindingLabels, Counter>,
    skipped: FamilyBy<&'static str, Counter>,
    not_rejected: FamilyBy<&'static str, Counter>,
    request_seconds: FamilyBy<&'static str, Histogram>,
    /// StatefulSets that were to be read before a pod was judged.
    pub owners: FamilyBy<OwnerResult, Counter>,
}

impl WebhookMetrics {
    /// Registers them.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Arc<Self> {
        Arc::new(Self {
            admissions: registry.register("admissions", "Reviews answered, by what came of them", Family::default()),
            findings: registry.register("findings", "Findings reported, by code", Family::default()),
            skipped: registry.register("skipped", "Objects passed over, by reason", FamilyBy::new("reason")),
            not_rejected: registry.register(
                "not_rejected",
                "Pods that enforce let in because injection would have mended them, by what came between",
                FamilyBy::new("cause"),
            ),
            request_seconds: registry.register(
                "request_seconds",
                "Time from a read body to its answer",
                FamilyBy::new_with("webhook", request_buckets),
            ),
            owners: registry.register(
                "owners",
                "StatefulSets asked for before their pods were judged, by what came of it",
                FamilyBy::new("result"),
            ),
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
            self.skipped.of(reason).inc();
        }
        if let Some(excuse) = outcome.excuse {
            self.not_rejected.of(excuse.as_str()).inc();
        }
    }

    /// Adds a request's duration.
    pub fn took(&self, webhook: Webhook, time: Duration) {
        self.request_seconds.of(webhook.as_str()).observe(time.as_secs_f64());
    }
}

/// What came of reading a pod's StatefulSet. Only one that is known counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "label values are written as the variants are named")]
pub enum OwnerResult {
    /// It was read now, or a minute ago at most.
    known,
    /// The API server has no such StatefulSet.
    missing,
    /// The API server did not give it.
    failed,
    /// It did not come in time.
    late,
}

/// From 0.05 to 100 ms, and what is slower.
fn request_buckets() -> Histogram {
    let milliseconds = [0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 1000.0];
    Histogram::new(milliseconds.map(|ms| ms / 1000.0))
}

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
