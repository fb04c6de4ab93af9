//! The workload that is restarted: whether it may be, its restart, and the way back.

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::workloads::name::{RolledKind, WorkloadName};

/// What `kubectl rollout restart` writes.
const RESTARTED: &str = "kubectl.kubernetes.io/restartedAt";

/// The workload in its cluster.
pub struct Rollout {
    name: WorkloadName,
    namespace: String,
    client: Client,
    workloads: Api<DynamicObject>,
    /// What the annotation was before; `None` where there was none.
    former: Option<String>,
    /// Finds its pods.
    pub selector: String,
    /// How many it should have.
    pub replicas: i64,
}

fn number(object: &DynamicObject, path: &str) -> i64 {
    object.data.pointer(path).and_then(Value::as_i64).unwrap_or(0)
}

impl Rollout {
    /// Reads the workload, and finds out whether it can be restarted, and back. Nothing is changed.
    ///
    /// # Errors
    /// Why not, and what to do.
    pub async fn check(client: Client, name: WorkloadName, namespace: String) -> Result<Rollout> {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", name.kind.as_str()));
        let workloads: Api<DynamicObject> = Api::namespaced_with(client.clone(), &namespace, &resource);
        let object = workloads.get(&name.name).await.with_context(|| format!("{name} in namespace {namespace}"))?;
        let at = |path: &str| object.data.pointer(path);
        if at("/spec/paused") == Some(&Value::Bool(true)) {
            bail!("{name} is paused: a restart would wait for `kubectl rollout resume {name}`");
        }
        if at("/spec/updateStrategy/type").and_then(Value::as_str) == Some("OnDelete") {
            bail!("{name} has the update strategy OnDelete: a restart would not replace a pod");
        }
        if number(&object, "/spec/updateStrategy/rollingUpdate/partition") > 0 {
            bail!("{name} has an update partition: a restart would replace only some of its pods");
        }
        if at("/spec/revisionHistoryLimit").and_then(Value::as_i64) == Some(0) {
            bail!("{name} keeps no history (spec.revisionHistoryLimit 0): nobody could undo a rollout that goes wrong");
        }
        if !is_complete(name.kind, &object) {
            bail!("{name} is not at rest: wait for `kubectl rollout status {name}`");
        }
        let replicas = match name.kind {
            RolledKind::DaemonSet => number(&object, "/status/desiredNumberScheduled"),
            _ => at("/spec/replicas").and_then(Value::as_i64).unwrap_or(1),
        };
        if replicas == 0 {
            bail!("{name} has no pods");
        }
        let labels = at("/spec/selector/matchLabels").and_then(Value::as_object).into_iter().flatten();
        let selector: Vec<String> =
            labels.filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?))).collect();
        if selector.is_empty() || at("/spec/selector/matchExpressions").is_some() {
            bail!("{name} selects its pods by expressions, which rehearse cannot follow");
        }
        let path = "/spec/template/metadata/annotations";
        let former = at(path).and_then(|all| all.get(RESTARTED)).and_then(Value::as_str).map(str::to_owned);
        let (selector, client) = (selector.join(","), client);
        let rollout = Rollout { name, namespace, client, workloads, former, selector, replicas };
        // The same as the restart and the way back, judged by the API server and not stored.
        for value in [json!("rehearsed"), rollout.former.clone().into()] {
            let dry_run = PatchParams { dry_run: true, ..PatchParams::default() };
            rollout.annotate(value, &dry_run).await.with_context(|| {
                format!("{} cannot be restarted and brought back: the API server refuses it", rollout.name)
            })?;
        }
        Ok(rollout)
    }

    async fn annotate(&self, value: Value, params: &PatchParams) -> kube::Result<DynamicObject> {
        let patch = json!({"spec": {"template": {"metadata": {"annotations": {RESTARTED: value}}}}});
        self.workloads.patch(&self.name.name, params, &Patch::Merge(patch)).await
    }

    /// Its pods.
    pub fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// As `kubectl rollout restart` does it.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn restart(&self) -> Result<()> {
        let at = k8s_openapi::jiff::Timestamp::now().to_string();
        self.annotate(at.into(), &PatchParams::default()).await.context("the restart")?;
        Ok(())
    }

    /// Brings the former template back.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn undo(&self) -> Result<()> {
        let undo = self.annotate(self.former.clone().into(), &PatchParams::default()).await;
        undo.with_context(|| format!("the rollout could not be undone; run: kubectl rollout undo {}", self.name))?;
        Ok(())
    }

    /// Whether all pods are of the newest template, and available.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn is_complete(&self) -> kube::Result<bool> {
        Ok(is_complete(self.name.kind, &self.workloads.get(&self.name.name).await?))
    }

    /// The same, and none of its pods is still ending, also of those that began in between. A Deployment says so where the
    /// API server counts them: `terminatingReplicas`, by default since Kubernetes 1.35.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn is_over(&self) -> kube::Result<bool> {
        let object = self.workloads.get(&self.name.name).await?;
        Ok(is_complete(self.name.kind, &object) && number(&object, "/status/terminatingReplicas") == 0)
    }
}

fn is_complete(kind: RolledKind, object: &DynamicObject) -> bool {
    let status = |name: &str| number(object, &format!("/status/{name}"));
    if status("observedGeneration") < object.metadata.generation.unwrap_or(0) {
        return false;
    }
    let wanted = object.data.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1);
    match kind {
        RolledKind::Deployment => {
            ["replicas", "updatedReplicas", "availableReplicas"].iter().all(|n| status(n) == wanted)
        }
        RolledKind::StatefulSet => {
            let revision = |name: &str| object.data.pointer(&format!("/status/{name}")).cloned();
            let rolled = revision("currentRevision") == revision("updateRevision");
            rolled && ["replicas", "readyReplicas"].iter().all(|name| status(name) == wanted)
        }
        RolledKind::DaemonSet => {
            let wanted = status("desiredNumberScheduled");
            ["updatedNumberScheduled", "numberAvailable"].iter().all(|name| status(name) == wanted)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::scripted::Server;

    #[tokio::test]
    async fn a_rollout_is_over_when_its_last_pod_is_gone() {
        let deployment = |terminating: Value| {
            let status = json!({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3,
                "terminatingReplicas": terminating});
            let metadata = json!({"name": "web", "generation": 2});
            let object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
                "spec": {"replicas": 3}, "status": status});
            (200, object.to_string())
        };
        // An API server before 1.35 says nothing of them.
        let server = Server::answers([json!(2), json!(0), json!(null)].map(deployment));
        let client = server.client();
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", "Deployment"));
        let workloads = Api::namespaced_with(client.clone(), "shop", &resource);
        let name = WorkloadName { kind: RolledKind::Deployment, name: "web".to_owned() };
        let (namespace, selector) = ("shop".to_owned(), "app=web".to_owned());
        let rollout = Rollout { name, namespace, client, workloads, former: None, selector, replicas: 3 };
        let mut over = Vec::new();
        for _ in 0..3 {
            over.push(rollout.is_over().await.unwrap());
        }
        assert_eq!(over, [false, true, true]);
    }
}
