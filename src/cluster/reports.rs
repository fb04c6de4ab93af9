//! What `scan` would say, as PolicyReport objects (`wgpolicyk8s.io/v1alpha2`), for the dashboards that read those.
//!
//! One in each namespace that has a mode, written again and again by every replica: a server-side apply by one field
//! manager makes the second writer change nothing.

use std::sync::{Arc, RwLock};
use std::time::Duration;

use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::{Api, Client};
use serde_json::{Value, json};
use tracing::{info, warn};

use super::metrics::{ClusterMetrics, WriteResult};
use crate::backoff::jitter;
use crate::judged::FindingResult;
use crate::locks;
use crate::workloads::group::{Group, Groups};
use crate::workloads::read::Reader;
use draingate_core::finding::Severity;
use draingate_core::mode::Mode;
use draingate_core::world::World;

const GROUP: &str = "wgpolicyk8s.io";
const VERSION: &str = "v1alpha2";
/// The name of each report, and of the policy in it.
const NAME: &str = "draingate";
/// The most results of a report: it has to stay an object that the API server takes.
const RESULTS: usize = 500;

/// Writes all reports every `every`, by chance a little later.
pub async fn keep(client: Client, world: Arc<RwLock<World>>, every: Duration, metrics: Arc<ClusterMetrics>) {
    let mut told = None;
    loop {
        tokio::time::sleep(every / 2 + jitter(every / 2)).await;
        let known = reported(&locks::read(&world));
        let mut problem = None;
        for (namespace, excerpt) in known {
            let written = write(&client, &namespace, &excerpt).await;
            metrics.policy_reports.of(WriteResult::from(&written)).inc();
            if let Err(error) = written {
                problem = Some(format!("{error:#}"));
            }
        }
        if problem != told {
            match &problem {
                Some(problem) => warn!(problem, "PolicyReports cannot be written"),
                None => info!("PolicyReports are written again"),
            }
        }
        told = problem;
        tokio::time::sleep(every / 2).await;
    }
}

async fn write(client: &Client, namespace: &str, world: &World) -> anyhow::Result<()> {
    let reader = Reader::new(client.clone(), Some(namespace.to_owned()), None);
    let mut groups = Groups::default();
    reader
        .pods(|pod, _| {
            // One that cannot be read is told by `scan`.
            let _ = groups.add(pod, world, None);
            Ok(())
        })
        .await?;
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(GROUP, VERSION, "PolicyReport"));
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    api.patch(NAME, &PatchParams::apply(NAME).force(), &Patch::Apply(report(namespace, groups.worst_first()))).await?;
    Ok(())
}

fn report(namespace: &str, groups: Vec<Group>) -> Value {
    let (mut results, mut counts) = (Vec::new(), [0_usize; 4]);
    for group in groups {
        let result = group.result;
        let about = json!([{"kind": result.kind, "namespace": result.namespace, "name": result.name}]);
        let mut add = |index: usize, rule: &str, severity: &str, message: &str| {
            let word = ["fail", "warn", "pass", "skip"].get(index).copied().unwrap_or_default();
            if let Some(count) = counts.get_mut(index) {
                *count += 1;
            }
            results.push(json!({"policy": NAME, "source": NAME, "category": "Graceful shutdown", "rule": rule,
                "severity": severity, "result": word, "message": message, "resources": about}));
        };
        match (&result.skipped, result.findings.is_empty()) {
            (Some(skip), _) => add(3, "grace-budget", "info", &skip.reason()),
            (None, true) => add(2, "grace-budget", "info", "its pods stop without dropping work"),
            (None, false) => {
                for FindingResult { finding, .. } in &result.findings {
                    let (index, severity) =
                        if finding.severity == Severity::Error { (0, "high") } else { (1, "medium") };
                    add(index, finding.code.as_str(), severity, &finding.message);
                }
            }
        }
    }
    results.truncate(RESULTS);
    let [fail, warn, pass, skip] = counts;
    json!({"apiVersion": format!("{GROUP}/{VERSION}"), "kind": "PolicyReport",
        "metadata": {"name": NAME, "namespace": namespace, "labels": {"app.kubernetes.io/managed-by": NAME}},
        "summary": {"fail": fail, "warn": warn, "pass": pass, "skip": skip, "error": 0}, "results": results})
}

/// The namespaces that have a mode, each with all that concerns it.
fn reported(world: &World) -> Vec<(String, World)> {
    let names = world.namespaces_in(|mode| mode > Mode::Off);
    let excerpt = |name: String| (name.clone(), world.excerpt(&[name]));
    names.into_iter().map(excerpt).collect()
}
