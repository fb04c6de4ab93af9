//! What is made in the cluster, and that it goes again: the Job owns all of it, and its deadline is put off only as long as
//! this process is there to do it.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use axum::http::Request;
use futures::future::join_all;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::objects::{ALONE, NAME, OWNER, owned_by};
use crate::traffic::canary::{PORT, RELEASE};

/// How often the deadline is put off.
const BEAT: Duration = Duration::from_secs(15);
/// For one answer of the API server.
const ANSWER: Duration = Duration::from_secs(10);
/// How long what was deleted may take to go.
const GOING: Duration = Duration::from_secs(90);
/// What `--keep` leaves is kept for so long, in seconds.
pub(super) const KEEP: u64 = 3_600;
const POLL: Duration = Duration::from_millis(500);

/// What was made.
pub(super) struct House {
    client: Client,
    namespace: String,
    jobs: Api<Job>,
    uid: String,
    begun: Instant,
}

/// An API of the object's kind.
fn api(client: &Client, namespace: &str, object: &Value) -> Api<DynamicObject> {
    let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
    let (group, version) = text("apiVersion").split_once('/').unwrap_or(("", text("apiVersion")));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, text("kind")));
    Api::namespaced_with(client.clone(), namespace, &resource)
}

impl House {
    /// Makes the Job; what a run that is over left goes first.
    ///
    /// # Errors
    /// Why it cannot be made; another run that goes on.
    pub(super) async fn found(client: Client, namespace: &str, owner: &Value) -> Result<House> {
        let jobs: Api<Job> = Api::namespaced(client.clone(), namespace);
        if let Some(old) = jobs.get_opt(OWNER).await.with_context(|| format!("cannot read jobs in {namespace}"))? {
            let deadline = |job: &Job| job.spec.as_ref().and_then(|spec| spec.active_deadline_seconds);
            if !is_over(&old) {
                sleep(BEAT + Duration::from_secs(5)).await;
                if let Some(now) = jobs.get_opt(OWNER).await?
                    && now.uid() == old.uid()
                    && deadline(&now) != deadline(&old)
                {
                    bail!(
                        "another calibrate runs in namespace {namespace}: wait for it, or take another namespace (-n)"
                    );
                }
            }
        }
        // Canaries that are still going would be asked, too.
        remove(&client, namespace, &jobs).await?;
        let job: Job = serde_json::from_value(owner.clone())?;
        let begun = Instant::now();
        let made = jobs.create(&PostParams::default(), &job).await;
        let made = made.with_context(|| format!("cannot make the Job {OWNER} in namespace {namespace}"))?;
        let uid = made.uid().unwrap_or_default();
        Ok(House { client, namespace: namespace.to_owned(), jobs, uid, begun })
    }

    /// Makes one object; the Job owns it. One that is there already is somebody's, and is not touched.
    ///
    /// # Errors
    /// What the API server said.
    pub(super) async fn make(&self, object: &Value) -> Result<()> {
        let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default();
        let made: DynamicObject = serde_json::from_value(owned_by(object.clone(), &self.uid))?;
        let (kind, name) = (text("/kind"), text("/metadata/name"));
        match api(&self.client, &self.namespace, object).create(&PostParams::default(), &made).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 409 => bail!(
                "{kind} {name} is in namespace {} already, and not of this run: it is not touched; take another namespace (-n)",
                self.namespace
            ),
            Err(error) => {
                Err(error).with_context(|| format!("cannot make {kind} {name} in namespace {}", self.namespace))
            }
        }
    }

    /// The object as it is now.
    pub(super) async fn read(&self, object: &Value) -> Result<Value> {
        let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let api = api(&self.client, &self.namespace, object);
        Ok(serde_json::to_value(api.get(name).await.with_context(|| format!("cannot read {name}"))?)?)
    }

    /// Puts the deadline off again and again; ends when that has not been possible for long.
    pub(super) async fn beat(&self) -> anyhow::Error {
        let mut last = Instant::now();
        loop {
            sleep(BEAT).await;
            match self.put_off(ALONE).await {
                Ok(()) => last = Instant::now(),
                Err(error) if last.elapsed().as_secs() >= ALONE => {
                    return error.context(format!(
                        "the API server has not answered for {ALONE} s: what was made in namespace {} goes by itself, by \
                        the deadline of the Job {OWNER}",
                        self.namespace
                    ));
                }
                Err(_) => {}
            }
        }
    }

    async fn put_off(&self, seconds: u64) -> Result<()> {
        let deadline = self.begun.elapsed().as_secs() + seconds;
        let patch = json!({"spec": {"activeDeadlineSeconds": deadline}});
        timeout(ANSWER, self.jobs.patch(OWNER, &PatchParams::default(), &Patch::Merge(patch))).await??;
        Ok(())
    }

    /// The pod of the Job, once it runs or has ended.
    pub(super) async fn sender(&self, patience: Duration) -> Result<Pod> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &self.namespace);
        let deadline = Instant::now() + patience;
        let params = ListParams::default().labels(&format!("batch.kubernetes.io/job-name={OWNER}"));
        loop {
            let list = pods.list(&params).await.context("the pods of the Job cannot be listed")?;
            let phase = |pod: &Pod| pod.status.as_ref().and_then(|status| status.phase.clone()).unwrap_or_default();
            let found = list.items.into_iter().find(|pod| phase(pod) != "Pending");
            if let Some(pod) = found {
                return Ok(pod);
            }
            if Instant::now() >= deadline {
                bail!(
                    "the pod of the Job {OWNER} did not start in {}: kubectl describe job {OWNER} -n {} says why",
                    humantime::format_duration(patience),
                    self.namespace
                );
            }
            sleep(POLL).await;
        }
    }

    /// Takes all of it away, or leaves it for a while.
    ///
    /// # Errors
    /// What may be left, and how it goes.
    pub(super) async fn leave(&self, keep: bool) -> Result<()> {
        if keep {
            return self.put_off(KEEP).await.context("the deadline could not be put off");
        }
        let left = || {
            format!(
                "what was made in namespace {} may be left for a minute or two; it goes by the deadline of the Job {OWNER}",
                self.namespace
            )
        };
        timeout(GOING + ANSWER, remove(&self.client, &self.namespace, &self.jobs))
            .await
            .with_context(left)?
            .with_context(left)
    }
}

/// Deletes the Job, which takes the rest along, and does not wait for the canaries' hooks.
async fn remove(client: &Client, namespace: &str, jobs: &Api<Job>) -> Result<()> {
    match jobs.delete(OWNER, &DeleteParams::background()).await {
        Err(kube::Error::Api(status)) if status.code == 404 => {}
        other => drop(other.with_context(|| format!("cannot delete the Job {OWNER} in namespace {namespace}"))?),
    }
    let deadline = Instant::now() + GOING;
    let owned = [("apps/v1", "Deployment"), ("v1", "Service")];
    loop {
        let mut left = 0;
        for (version, kind) in owned {
            let object = json!({"apiVersion": version, "kind": kind});
            left += usize::from(api(client, namespace, &object).get_opt(NAME).await?.is_some_and(|o| of_us(&o)));
        }
        left += hurry(client, namespace).await?;
        if left == 0 && jobs.get_opt(OWNER).await?.is_none() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            bail!("{left} objects are still there after {} s", GOING.as_secs());
        }
        sleep(POLL).await;
    }
}

/// Whether nobody runs it any more. A young Job says nothing of its pod yet.
fn is_over(job: &Job) -> bool {
    let conditions = job.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let mut ended = conditions.filter(|one| matches!(one.type_.as_str(), "Complete" | "Failed" | "FailureTarget"));
    job.metadata.deletion_timestamp.is_some() || ended.any(|one| one.status == "True")
}

fn of_us(object: &impl kube::Resource) -> bool {
    object.owner_references().iter().any(|owner| owner.kind == "Job" && owner.name == OWNER)
}

/// Ends the hooks of canaries that are going, through the API server; how many there are. Who may not ask them there waits
/// until they notice themselves that nobody asks any more.
async fn hurry(client: &Client, namespace: &str) -> Result<usize> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let list = pods.list(&ListParams::default().labels(&format!("app={NAME}"))).await?;
    // Its ReplicaSet's Deployment is ours by its name; one that is not going is somebody's.
    let ours = |pod: &&Pod| {
        let by_us = pod.owner_references().iter().any(|one| one.kind == "ReplicaSet" && one.name.starts_with(NAME));
        by_us && pod.metadata.deletion_timestamp.is_some()
    };
    let going: Vec<String> = list.items.iter().filter(ours).map(ResourceExt::name_any).collect();
    let release = going.iter().map(|name| {
        let path = format!("/api/v1/namespaces/{namespace}/pods/{name}:{PORT}/proxy{RELEASE}");
        async move {
            let request = Request::get(path).body(Vec::new()).map_err(kube::Error::HttpError)?;
            timeout(ANSWER, client.request_text(request)).await.unwrap_or(Ok(String::new()))
        }
    });
    // One that is gone already cannot answer.
    let _ = join_all(release).await;
    Ok(going.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_says_nothing_yet_is_not_over() {
        let job = |status: Value| serde_json::from_value::<Job>(json!({"metadata": {}, "status": status})).unwrap();
        assert!(!is_over(&job(json!({}))));
        assert!(!is_over(&job(json!({"active": 1}))));
        let ended = |kind: &str| json!({"conditions": [{"type": kind, "status": "True"}]});
        assert!(is_over(&job(ended("Complete"))) && is_over(&job(ended("FailureTarget"))));
        assert!(!is_over(&job(ended("Suspended"))));
    }
}
