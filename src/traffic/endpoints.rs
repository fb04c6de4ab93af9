//! When a Service's EndpointSlices stopped naming a pod as ready: what of E is the control plane's.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::{Api, ResourceExt};

use super::pods::now;
use crate::locks;
use crate::stream::{Change, ChangeStream, Selection};

const RETRY: Duration = Duration::from_secs(1);

/// When each pod's endpoint stopped being ready, by the pod's name.
pub type Withdrawn = Arc<Mutex<BTreeMap<String, f64>>>;

/// Follows the EndpointSlices of a Service, until it is dropped. What was missed while nothing was heard is not noted.
pub async fn follow(slices: Api<EndpointSlice>, service: &str, withdrawn: Withdrawn) {
    let labels = Some(format!("kubernetes.io/service-name={service}"));
    let mut changes = ChangeStream::new(slices, Selection { labels, ..Selection::default() });
    // Those that were ready, by their slice.
    let mut ready: BTreeMap<String, HashSet<String>> = BTreeMap::new();
    loop {
        match changes.next().await {
            Change::Listed(slice) => drop(ready.insert(slice.name_any(), ready_pods(&slice))),
            Change::Applied(slice) => {
                let new = ready_pods(&slice);
                let old = ready.insert(slice.name_any(), new.clone()).unwrap_or_default();
                note(old.difference(&new), &withdrawn);
            }
            Change::Deleted(slice) => {
                note(ready.remove(&slice.name_any()).unwrap_or_default().iter(), &withdrawn);
            }
            Change::Interrupted(_) => {
                ready.clear();
                changes.relist();
                changes.retry_in(RETRY);
            }
            Change::Complete | Change::Heard => {}
        }
    }
}

fn note<'p>(pods: impl Iterator<Item = &'p String>, withdrawn: &Withdrawn) {
    let at = now();
    let mut withdrawn = locks::lock(withdrawn);
    for pod in pods {
        withdrawn.entry(pod.clone()).or_insert(at);
    }
}

fn ready_pods(slice: &EndpointSlice) -> HashSet<String> {
    let ready = slice
        .endpoints
        .iter()
        .flatten()
        .filter(|endpoint| endpoint.conditions.as_ref().and_then(|conditions| conditions.ready).unwrap_or(true));
    ready.filter_map(|endpoint| endpoint.target_ref.as_ref()?.name.clone()).collect()
}
