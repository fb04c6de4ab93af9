//! Conditions on the policies, so that `kubectl get drainpolicies` shows what became of each.
//!
//! Every replica writes the same, and only where something else is there. A write names the version of the
//! object that it is about, so that of several replicas one succeeds and the others see its work.

mod conditions;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::jiff::Timestamp;
use kube::Client;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::policies::{self, Id, Record, Table};
use crate::backoff::jitter;
use draingate_core::policy::PolicyKind;

/// After a change, others usually follow.
const SETTLE: Duration = Duration::from_millis(200);
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// The same is written to the same policy at most this often: another release of Draingate, running beside
/// this one, may word it differently, and the two must not overwrite each other for ever.
const REPEAT: Duration = Duration::from_secs(60);
const FIELD_MANAGER: &str = "draingate";

/// Writes conditions whenever the table changes.
pub async fn keep(client: Client, table: Arc<Table>) {
    let mut writer = Writer { client, written: HashMap::new(), told: HashSet::new() };
    let mut again = None;
    loop {
        match again {
            Some(wait) => drop(timeout(wait, table.wait()).await),
            None => table.wait().await,
        }
        tokio::time::sleep(SETTLE + jitter(SETTLE)).await;
        again = writer.write_all(&table).await;
    }
}

/// The object's uid and the essence of its status.
type Written = (Option<String>, Value);

struct Writer {
    client: Client,
    written: HashMap<Id, (Instant, Written)>,
    told: HashSet<u16>,
}

impl Writer {
    /// Writes what differs. Says when to look again, where something was left.
    async fn write_all(&mut self, table: &Table) -> Option<Duration> {
        let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let mut left = None;
        self.written.retain(|_, (at, _)| at.elapsed() < REPEAT);
        for (id, record, wanted) in table.read(conditions::wanted) {
            let Some(status) = conditions::status(&wanted, record.generation, &record.status, &now) else { continue };
            let written = (record.uid.clone(), conditions::essence(&status));
            if self.written.get(&id).is_some_and(|(_, before)| *before == written) {
                left = Some(REPEAT);
                continue;
            }
            if self.write(&id, &record, &status).await {
                self.written.insert(id, (Instant::now(), written));
            } else {
                left = Some(REPEAT);
            }
        }
        left
    }

    /// Whether it was written, or never will be.
    async fn write(&mut self, id: &Id, record: &Record, status: &Value) -> bool {
        let api = match id.kind {
            PolicyKind::ClusterDrainPolicy => policies::api(self.client.clone(), id.kind),
            PolicyKind::DrainPolicy => policies::namespaced(self.client.clone(), id.kind, &id.key.namespace),
        };
        let patch = json!({"metadata": {"resourceVersion": record.resource_version}, "status": status});
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
        let patch = Patch::Merge(&patch);
        let problem = match timeout(ANSWER_LIMIT, api.patch_status(&id.key.name, &params, &patch)).await {
            Ok(Ok(_)) => return true,
            // Gone, or changed meanwhile: the watch brings the news.
            Ok(Err(kube::Error::Api(answer))) if matches!(answer.code, 404 | 409) => return false,
            Ok(Err(kube::Error::Api(answer))) => {
                if self.told.insert(answer.code) {
                    tracing::warn!(policy = record.title, problem = answer.message, "the status cannot be written");
                }
                return false;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".into(),
        };
        tracing::debug!(policy = record.title, problem, "the status was not written");
        false
    }
}
