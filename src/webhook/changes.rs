//! What a change of a namespace's labels, or of a policy, would mean for the pods that run already: told as warnings,
//! as Pod Security Admission does. It never holds anything up: few at a time, few pods, little time, and no error.

use std::collections::BTreeMap;
use std::time::Duration;

use kube::Client;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::workloads::group::Groups;
use crate::workloads::read::Reader;
use draingate_core::finding::Severity;
use draingate_core::keys;
use draingate_core::messages;
use draingate_core::mode::Mode;
use draingate_core::objects;
use draingate_core::policy::PolicyKind;
use draingate_core::review::{Change, Operation, Review};
use draingate_core::world::World;

/// The most pods that are looked at, and for how long: Pod Security Admission's own bounds.
const PODS: usize = 3000;
const TIME: Duration = Duration::from_secs(1);
/// The most changes that are looked at at once.
const AT_ONCE: usize = 2;
/// The most workloads that are told one by one.
const TOLD: usize = 8;

/// Looks at running pods on behalf of changes.
pub struct Changes {
    client: Client,
    turns: Semaphore,
}

/// The world as it will be, and where to look.
#[derive(Debug)]
pub struct Prospect {
    world: World,
    namespaces: Vec<String>,
}

/// What will be, where the change makes anything that `enforce` could reject; nothing to tell elsewhere.
pub fn prospect(change: Change, review: &Review, world: &World) -> Option<Prospect> {
    let object = review.object.raw().or(review.old_object)?;
    let mut object: Value = serde_json::from_str(object).ok()?;
    let namespaces = match change {
        Change::Namespace => vec![review.name.to_string()],
        Change::Policy(PolicyKind::DrainPolicy) => vec![review.namespace.to_string()],
        Change::Policy(PolicyKind::ClusterDrainPolicy) => world.namespaces_in(|mode| mode == Mode::Enforce),
    };
    if change == Change::Namespace && was_enforced(review, &object, world) {
        return None;
    }
    let mut world = world.excerpt(&namespaces);
    match (change, review.operation) {
        (Change::Policy(kind), Operation::Delete) => {
            let namespace = if kind == PolicyKind::DrainPolicy { review.namespace.as_str() } else { "" };
            world.remove_policy(kind, namespace, &review.name);
        }
        _ => {
            // The object itself does not always say what it is.
            let (version, kind) = match change {
                Change::Namespace => ("v1", "Namespace"),
                Change::Policy(kind) => ("draingate.dev/v1alpha1", kind.as_str()),
            };
            let fields = object.as_object_mut()?;
            fields.insert("apiVersion".into(), version.into());
            fields.insert("kind".into(), kind.into());
            // A policy that cannot be read counts as one: its status says so.
            let _ = objects::add(&mut world, &object, Some(&review.namespace));
        }
    }
    let enforced = world.namespaces_in(|mode| mode == Mode::Enforce);
    let namespaces: Vec<String> = namespaces.into_iter().filter(|name| enforced.contains(name)).collect();
    (!namespaces.is_empty()).then_some(Prospect { world, namespaces })
}

/// Whether a namespace is changed that was enforced already, by its minimum mode perhaps, and stays as it was as far as
/// labels of ours go.
fn was_enforced(review: &Review, object: &Value, world: &World) -> bool {
    let labels = |object: &Value| -> BTreeMap<String, String> {
        let labels = object.pointer("/metadata/labels").cloned();
        labels.and_then(|labels| serde_json::from_value(labels).ok()).unwrap_or_default()
    };
    let old = review.old_object.and_then(|old| serde_json::from_str(old).ok());
    let (new, old) = (labels(object), labels(&old.unwrap_or(Value::Null)));
    world.mode_of(&old).mode == Mode::Enforce
        && [keys::MODE, keys::PROFILE].iter().all(|key| new.get(*key) == old.get(*key))
}

impl Changes {
    /// Reads pods with `client`.
    pub fn new(client: Client) -> Changes {
        Changes { client, turns: Semaphore::new(AT_ONCE) }
    }

    /// What to tell, within `limit`.
    pub async fn warnings(&self, prospect: &Prospect, limit: Duration) -> Vec<String> {
        let Ok(_turn) = self.turns.try_acquire() else {
            return vec!["draingate did not look at the running pods: other changes are being looked at".to_owned()];
        };
        let mut groups = Groups::default();
        let looked = timeout(limit.min(TIME), self.look(prospect, &mut groups)).await;
        let mut warnings = told(groups, &prospect.namespaces);
        match looked {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => warnings.push(format!("draingate looked at the first {PODS} pods only")),
            Err(_) => warnings.push("draingate had no time to look at all running pods".to_owned()),
            Ok(Err(error)) => {
                warnings.extend(messages::wrap(&format!("draingate could not look at the running pods: {error:#}")));
            }
        }
        warnings
    }

    /// Whether all pods were seen.
    async fn look(&self, prospect: &Prospect, groups: &mut Groups) -> anyhow::Result<bool> {
        for namespace in &prospect.namespaces {
            let mut reader = Reader::new(self.client.clone(), Some(namespace.clone()), None);
            reader.most = PODS.saturating_sub(groups.pods).max(1);
            reader
                .pods(|pod, _| {
                    if groups.pods < PODS {
                        // One that cannot be read is none of this change's business.
                        let _ = groups.add(pod, &prospect.world, Some(Mode::Enforce));
                    }
                    Ok(())
                })
                .await?;
            if groups.pods >= PODS {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// `web (and 2 other pods): grace budget short by 12 s`, after a line with the counts.
fn told(groups: Groups, namespaces: &[String]) -> Vec<String> {
    let all: usize = groups.namespaces().values().map(|tally| tally.workloads).sum();
    let rejected: Vec<_> = groups.worst_first().into_iter().filter(|group| group.bad > 0).collect();
    if rejected.is_empty() {
        return Vec::new();
    }
    let place = match namespaces {
        [one] => format!("in {one}"),
        more => format!("in {} namespaces", more.len()),
    };
    let mut warnings = messages::wrap(&format!(
        "draingate would reject the next pods of {} of {all} running workloads {place}:",
        rejected.len()
    ));
    for group in rejected.iter().take(TOLD) {
        let result = &group.result;
        let others = match group.bad - 1 {
            0 => String::new(),
            1 => " (and 1 other pod)".to_owned(),
            n => format!(" (and {n} other pods)"),
        };
        let error = result.findings_of(Severity::Error).next();
        let reason =
            error.map_or(String::new(), |error| format!(": {} [{}]", error.finding.message, error.finding.code));
        warnings
            .extend(messages::wrap(&format!("{} {}/{}{others}{reason}", result.kind, result.namespace, result.name)));
    }
    if rejected.len() > TOLD {
        warnings
            .push(format!("and {} more workloads: draingate scan --for-mode enforce shows all", rejected.len() - TOLD));
    }
    warnings
}
