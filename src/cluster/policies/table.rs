//! What the status of each policy depends on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use kube::Resource;
use kube::api::DynamicObject;
use serde_json::Value;
use tokio::sync::Notify;

use crate::cluster::key::Key;
use crate::locks;
use draingate_core::policy::{Policy, PolicyKind, UnreadablePolicy};
use draingate_core::selector::LabelSelector;

/// One policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::cluster) struct Id {
    pub(in crate::cluster) kind: PolicyKind,
    pub(in crate::cluster) key: Key,
}

/// What is known of it.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::cluster) struct Record {
    pub(in crate::cluster) title: String,
    /// Another one where the policy was deleted and came back under its name.
    pub(in crate::cluster) uid: Option<String>,
    pub(in crate::cluster) generation: i64,
    pub(in crate::cluster) resource_version: Option<String>,
    pub(in crate::cluster) created: Option<String>,
    /// What it selects, or why it cannot be read.
    pub(in crate::cluster) selects: Result<Selects, String>,
    /// As it is in the cluster.
    pub(in crate::cluster) status: Value,
}

impl Record {
    pub(in crate::cluster) fn new(object: &DynamicObject, policy: &Result<Policy, UnreadablePolicy>) -> Record {
        let meta = object.meta();
        let (title, created, selects) = match policy {
            Ok(policy) => (&policy.title, policy.created.clone(), Ok(Selects::of(policy))),
            Err(policy) => (&policy.title, None, Err(policy.problem.clone())),
        };
        Record {
            title: title.clone(),
            uid: meta.uid.clone(),
            generation: meta.generation.unwrap_or_default(),
            resource_version: meta.resource_version.clone(),
            created,
            selects,
            status: object.data.get("status").cloned().unwrap_or_default(),
        }
    }
}

type Requirement = (String, String, BTreeSet<String>);

/// Selectors in a form in which equal ones are equal, however they are ordered.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::cluster) struct Selects {
    pods: (BTreeMap<String, String>, BTreeSet<Requirement>),
    namespaces: (BTreeMap<String, String>, BTreeSet<Requirement>),
}

impl Selects {
    fn of(policy: &Policy) -> Selects {
        let normal = |selector: &Option<LabelSelector>| {
            let selector = selector.clone().unwrap_or_default();
            let requirement = |r: draingate_core::selector::Requirement| {
                (r.key, format!("{:?}", r.operator), r.values.into_iter().collect())
            };
            (selector.match_labels, selector.match_expressions.into_iter().map(requirement).collect())
        };
        Selects { pods: normal(&policy.spec.selector), namespaces: normal(&policy.spec.namespace_selector) }
    }
}

/// All policies, as the watches see them.
#[derive(Debug, Default)]
pub struct Table {
    records: Mutex<BTreeMap<Id, Record>>,
    news: Notify,
}

impl Table {
    pub(in crate::cluster) fn set(&self, kind: PolicyKind, key: &Key, record: Record) {
        self.records().insert(Id { kind, key: key.clone() }, record);
    }

    pub(in crate::cluster) fn remove(&self, kind: PolicyKind, key: &Key) {
        self.records().remove(&Id { kind, key: key.clone() });
    }

    /// Wakes whoever waits.
    pub(in crate::cluster) fn changed(&self) {
        self.news.notify_one();
    }

    pub(in crate::cluster) async fn wait(&self) {
        self.news.notified().await;
    }

    pub(in crate::cluster) fn read<T>(&self, read: impl FnOnce(&BTreeMap<Id, Record>) -> T) -> T {
        read(&self.records())
    }

    fn records(&self) -> MutexGuard<'_, BTreeMap<Id, Record>> {
        locks::lock(&self.records)
    }
}
