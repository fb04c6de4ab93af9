//! Pods as they come and go, by this machine's clock: what the API server tells, at the moment it tells it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::{Api, ResourceExt};

use super::recording::PodLife;
use crate::locks;

/// Between two attempts to list, where the API server is away.
const PAUSE: Duration = Duration::from_secs(1);
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
    loop {
        // Whether the API server has ended a watch in order does not matter: a list tells what was missed.
        let _ = follow_once(&pods, &selector, &lives).await;
        tokio::time::sleep(PAUSE).await;
    }
}

async fn follow_once(pods: &Api<Pod>, selector: &str, lives: &Lives) -> kube::Result<()> {
    let list = pods.list(&ListParams::default().labels(selector)).await?;
    {
        let there: Vec<String> = list.items.iter().map(ResourceExt::name_any).collect();
        let mut lives = locks::lock(lives);
        let at = Some(now());
        for life in lives.values_mut().filter(|life| !there.contains(&life.name)) {
            life.deleted = life.deleted.or(at);
            life.gone = life.gone.or(at);
        }
    }
    list.items.iter().for_each(|pod| note(pod, lives, false));
    let version = list.metadata.resource_version.unwrap_or_default();
    let mut events = pods.watch(&WatchParams::default().labels(selector).timeout(290), &version).await?.boxed();
    while let Some(event) = events.try_next().await? {
        match event {
            WatchEvent::Added(pod) | WatchEvent::Modified(pod) => note(&pod, lives, false),
            WatchEvent::Deleted(pod) => note(&pod, lives, true),
            WatchEvent::Bookmark(_) => {}
            WatchEvent::Error(error) => return Err(kube::Error::Api(error)),
        }
    }
    Ok(())
}

fn note(pod: &Pod, lives: &Lives, gone: bool) {
    let at = Some(now());
    let name = pod.name_any();
    let mut lives = locks::lock(lives);
    if lives.len() >= MOST && !lives.contains_key(&name) {
        return;
    }
    let new = || PodLife { name: name.clone(), created: at, ..PodLife::default() };
    let life = lives.entry(name.clone()).or_insert_with(new);
    life.ready = life.ready.or(at.filter(|_| is_ready(pod)));
    life.deleted = life.deleted.or(at.filter(|_| gone || pod.metadata.deletion_timestamp.is_some()));
    life.gone = life.gone.or(at.filter(|_| gone));
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}
