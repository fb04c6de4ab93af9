//! An object of a cluster instead of a file: read with the user's rights, with what its judgement depends on.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Write};

use anyhow::{Context, Result, anyhow, bail};
use kube::api::{Api, ApiResource, DynamicObject};
use kube::core::GroupVersionKind;
use kube::discovery::{ApiGroup, Discovery, group};
use kube::{Client, ResourceExt};
use serde_json::Value;

use super::File;
use crate::cli::ExplainArgs;
use crate::cluster::watch::read_sleep_support;
use crate::files;
use crate::workloads::read::{Reader, today};
use draingate_core::keys;
use draingate_core::world::World;

/// What every cluster has, under the names that kubectl takes: group, version, kind, names.
const BUILT_IN: [(&str, &str, &str, &[&str]); 9] = [
    ("", "v1", "Pod", &["pod", "pods", "po"]),
    ("", "v1", "ReplicationController", &["replicationcontroller", "replicationcontrollers", "rc"]),
    ("", "v1", "PodTemplate", &["podtemplate", "podtemplates"]),
    ("apps", "v1", "Deployment", &["deployment", "deployments", "deploy", "deployment.apps", "deployments.apps"]),
    ("apps", "v1", "StatefulSet", &["statefulset", "statefulsets", "sts", "statefulset.apps", "statefulsets.apps"]),
    ("apps", "v1", "DaemonSet", &["daemonset", "daemonsets", "ds", "daemonset.apps", "daemonsets.apps"]),
    ("apps", "v1", "ReplicaSet", &["replicaset", "replicasets", "rs", "replicaset.apps", "replicasets.apps"]),
    ("batch", "v1", "Job", &["job", "jobs", "job.batch", "jobs.batch"]),
    ("batch", "v1", "CronJob", &["cronjob", "cronjobs", "cj", "cronjob.batch", "cronjobs.batch"]),
];

/// An object as kubectl names it: `deployment/web`, `rollouts.argoproj.io/web`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveName {
    kind: String,
    name: String,
}

impl fmt::Display for LiveName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

impl LiveName {
    /// What the argument names, where it is no file: one that is there, or that looks like one, is a file.
    pub fn of(args: &ExplainArgs) -> Option<LiveName> {
        let path = args.path.to_str().filter(|_| !args.path.exists())?;
        let looks_like_a_file = [".yaml", ".yml", ".json"].iter().any(|end| path.ends_with(end));
        let (kind, name) = path.split_once('/').filter(|_| !looks_like_a_file)?;
        let kind = kind.to_ascii_lowercase();
        (keys::is_name(&kind) && keys::is_name(name)).then(|| LiveName { kind, name: name.to_owned() })
    }
}

/// What was read.
pub(super) struct Live {
    pub(super) file: File,
    pub(super) world: World,
    pub(super) namespace: String,
}

/// Reads an object, and what is known around it.
///
/// # Errors
/// What cannot be read, and why.
pub(super) async fn read(client: Client, args: &ExplainArgs, name: &LiveName) -> Result<Live> {
    let namespace = args.namespace.clone().unwrap_or_else(|| client.default_namespace().to_owned());
    let resource = resource(&client, name).await?;
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &namespace, &resource);
    let object = api
        .get(&name.name)
        .await
        .with_context(|| format!("cannot read {} {namespace}/{}", resource.kind, name.name))?;
    let text = serde_json::to_string(&object)?;
    let place = format!("cluster/{namespace}/{}/{}", resource.kind, object.name_any());
    let file = File { name: place.into(), text };

    let reader = Reader::new(client.clone(), Some(namespace.clone()), None);
    let mut world = World::default();
    world.today = Some(today());
    reader.services(&mut world).await?;
    // Who has no Draingate is often forbidden to ask for what it brings, and who has one namespace for what is around it.
    tell(reader.namespaces(&mut world).await, "its labels are taken for absent")?;
    tell(reader.policies(&mut world).await, "those that cannot be read are taken for absent")?;
    tell(reader.owners(&mut world).await, "autoscalers and owners that cannot be read are taken for absent")?;
    let mut names = BTreeSet::new();
    config_maps(&object.data, &mut names);
    for name in names {
        let known = reader.config_map(name, &mut world).await;
        tell(known, "its files and variables are not known")?;
    }
    world.own_namespace = Some(args.own_namespace.clone());
    for path in &args.policy {
        files::load(&mut world, path)?;
    }
    match &args.kubernetes_version {
        Some(version) => world.sleep = super::sleep_support(version),
        None => match read_sleep_support(&client).await {
            Ok(support) => world.sleep = support,
            Err(problem) => tell(Err(anyhow!(problem)), "the native sleep is taken for known")?,
        },
    }
    Ok(Live { file, world, namespace })
}

/// The names of the ConfigMaps that containers mount or take variables from.
fn config_maps<'o>(object: &'o Value, names: &mut BTreeSet<&'o str>) {
    match object {
        Value::Object(fields) => {
            for (key, value) in fields {
                let is_one = ["configMap", "configMapRef", "configMapKeyRef"].contains(&key.as_str());
                names.extend(value.get("name").and_then(Value::as_str).filter(|name| is_one && keys::is_name(name)));
                config_maps(value, names);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| config_maps(item, names)),
        _ => {}
    }
}

/// What could not be read, and what is done without it.
fn tell(read: Result<()>, without: &str) -> Result<()> {
    if let Err(problem) = read {
        writeln!(io::stderr(), "draingate: {problem:#}; {without}")?;
    }
    Ok(())
}

/// How the API server serves a kind.
async fn resource(client: &Client, name: &LiveName) -> Result<ApiResource> {
    let kind = name.kind.as_str();
    if let Some((group, version, kind, _)) = BUILT_IN.into_iter().find(|(.., names)| names.contains(&kind)) {
        return Ok(ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind)));
    }
    let (kind, served) = match kind.split_once('.') {
        Some((kind, of)) => {
            (kind, group(client, of).await.with_context(|| format!("{name}: no such file"))?.recommended_resources())
        }
        None => {
            let all = Discovery::new(client.clone()).run().await.context("cannot ask which kinds the cluster has")?;
            (kind, all.groups().flat_map(ApiGroup::recommended_resources).collect())
        }
    };
    let is_it = |resource: &ApiResource| resource.plural == kind || resource.kind.eq_ignore_ascii_case(kind);
    let mut found: Vec<_> = served.into_iter().map(|(resource, _)| resource).filter(is_it).collect();
    match (found.pop(), found.is_empty()) {
        (Some(resource), true) => Ok(resource),
        (None, _) => bail!("{name}: no such file, and the cluster has no kind {:?}", name.kind),
        (Some(last), false) => {
            found.push(last);
            let names: Vec<_> = found.iter().map(|one| format!("{}.{}", one.plural, one.group)).collect();
            bail!("{name}: the cluster has several such kinds: {}", names.join(", "))
        }
    }
}
