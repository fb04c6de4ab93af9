//! Pods as they come and go, by this machine's clock: what the API server tells, at the moment it tells it.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, ResourceExt};

use super::recording::PodLife;
use crate::locks;
use crate::stream::{Change, ChangeStream, Selection};

/// Between two tries, where the API server is away: short, because what is told late is noted late.
const RETRY: Duration = Duration::from_secs(1);
/// Remembered at most; more pods than that are not followed.
const MOST: usize = 10_000;

/// What is known of each pod, by name.
pub type Lives = Arc<Mutex<BTreeMap<String, PodLife>>>;

/// Seconds since 1970.
pub fn now() -> f64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0.0, |elapsed| elapsed.as_secs_f64())
}

/// Follows the pods that a label selector finds, until it is dropped.
pub async fn follow(pods: Api<Pod>, selector: String, lives: Lives) {
    let mut changes = ChangeStream::new(pods, Selection { labels: Some(selector), ..Selection::default() });
    let mut listed = HashSet::new();
    loop {
        match changes.next().await {
            Change::Listed(pod) => {
                note(&pod, &lives, false, true);
                listed.insert(pod.name_any());
            }
            Change::Complete => note_absent(&std::mem::take(&mut listed), &lives),
            Change::Applied(pod) => note(&pod, &lives, false, false),
            Change::Deleted(pod) => note(&pod, &lives, true, false),
            Change::Heard => {}
            Change::Interrupted(_) => {
                listed.clear();
                changes.retry_in(RETRY);
            }
        }
    }
}

/// A list tells what was missed.
fn note_absent(listed: &HashSet<String>, lives: &Lives) {
    let at = Some(now());
    let mut lives = locks::lock(lives);
    for life in lives.values_mut().filter(|life| !listed.contains(&life.name)) {
        life.late |= life.deleted.is_none();
        life.deleted = life.deleted.or(at);
        life.gone = life.gone.or(at);
    }
}

fn note(pod: &Pod, lives: &Lives, gone: bool, listed: bool) {
    let at = Some(now());
    let name = pod.name_any();
    let mut lives = locks::lock(lives);
    if lives.len() >= MOST && !lives.contains_key(&name) {
        return;
    }
    let new = || PodLife { name: name.clone(), created: at, ..PodLife::default() };
    let life = lives.entry(name.clone()).or_insert_with(new);
    life.ready = life.ready.or(at.filter(|_| is_ready(pod)));
    let told = life.deleted.is_some();
    life.deleted = life.deleted.or(at.filter(|_| gone || pod.metadata.deletion_timestamp.is_some()));
    life.late |= listed && !told && life.deleted.is_some();
    life.gone = life.gone.or(at.filter(|_| gone));
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::stream::scripted::{Server, events, page, status};

    #[tokio::test]
    async fn what_was_missed_is_told_by_a_list() {
        let pod = |name: &str, ready: &str| {
            let status = json!({"conditions": [{"type": "Ready", "status": ready}]});
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "status": status})
        };
        let server = Server::answers([
            page(&[pod("old", "True"), pod("lost", "True")], "1", ""),
            events(&[("ADDED", pod("new", "False")), ("DELETED", pod("old", "True")), ("ERROR", status(410))]),
            page(&[pod("new", "True")], "9", ""),
        ]);
        let lives = Lives::default();
        let follow = tokio::spawn(follow(Api::all(server.client()), "app=web".to_owned(), Arc::clone(&lives)));
        let seen = || {
            let known = |life: &PodLife| {
                let PodLife { name, ready, deleted, gone, .. } = life;
                (name.clone(), ready.is_some(), deleted.is_some(), gone.is_some())
            };
            lives.lock().unwrap().values().map(known).collect::<Vec<_>>()
        };
        let expected = [("lost", true, true, true), ("new", true, false, false), ("old", true, true, true)]
            .map(|(name, ready, deleted, gone)| (name.to_owned(), ready, deleted, gone));
        for _ in 0..200 {
            if seen() == expected {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(seen(), expected);
        follow.abort();
    }
}
