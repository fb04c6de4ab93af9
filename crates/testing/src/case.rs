//! The cases of `tests/cases`: one file each, computed by hand, read once for every door that they go through.
//!
//! A file is a stream of YAML documents: the objects of a small world (Namespaces, policies, Services, ConfigMaps,
//! autoscalers), exactly one subject, and at the end what is expected of it. Beside a pod, a StatefulSet or a Deployment is of
//! the world: its owner.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use draingate_core::owner::{self, Owner};
use draingate_core::policy::{Policy, PolicyKind};
use draingate_core::subject::{Kind, Subject};
use draingate_core::world::{Service, World};
use draingate_core::{config_maps, manifest};
use serde::Deserialize;
use serde_json::Value;

/// One file.
#[derive(Debug)]
pub struct Case {
    /// The file's name without `.yaml`.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Every document before the expectation, in the order of the file; what `kubectl apply` would get.
    pub documents: Vec<Value>,
    /// All among them but the subject.
    pub world: World,
    /// The pod or workload.
    pub subject: Value,
    /// Its kind.
    pub kind: Kind,
    /// Its namespace; `default` where it names none.
    pub namespace: String,
    /// What must come out.
    pub expected: Expected,
}

impl Case {
    /// Whether an API server sends objects of its kind to the webhook, and that knows as much as the files say: it knows
    /// no ConfigMaps.
    pub fn is_for_webhooks(&self) -> bool {
        let maps = self.documents.iter().any(|document| document["kind"] == "ConfigMap");
        !matches!(self.kind, Kind::Custom(_)) && !maps
    }

    /// The subject out of `json`, its own or one that was made of it as `object`, with what the ConfigMaps give it.
    pub fn read<'a>(&'a self, json: &'a str, object: &'a Value) -> Subject<'a> {
        let mut subject = Subject::parse(self.kind, json).unwrap_or_else(|problem| panic!("{}: {problem}", self.name));
        config_maps::give(&mut subject, object, &self.world.context(&self.namespace));
        subject
    }

    /// The subject as the bytes of a request.
    pub fn json(&self) -> String {
        self.subject.to_string()
    }
}

/// The last document of a file.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expected {
    #[serde(rename = "apiVersion")]
    _api_version: String,
    #[serde(rename = "kind")]
    _kind: String,
    /// Why a cluster would answer differently or not take the objects; such a case is judged from files only.
    pub offline: Option<String>,
    /// `pass`, `fixed`, `fail` or `skipped`.
    pub verdict: String,
    /// Of the pod after the plan. The outer `None`: not said, as of a pod that is skipped. The inner: beyond any number.
    #[serde(default, deserialize_with = "said")]
    pub required_grace_period_seconds: Option<Option<u64>>,
    /// The grace after the plan.
    pub admitted_grace_period_seconds: u64,
    /// After the plan, in order.
    pub findings: Vec<Told>,
    /// RFC 6902 operations, in order.
    pub patch: Vec<Value>,
    /// Judged with nothing injected.
    pub as_written: Option<Standing>,
    /// Judged by the validating webhook with the mutating one skipped: `changed-after` shows here.
    #[serde(rename = "final")]
    pub last: Option<Last>,
}

/// What is expected of the pod as it stands.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Standing {
    /// `pass`, `fail` or `skipped`.
    pub verdict: String,
    /// Of the pod as it stands.
    #[serde(default, deserialize_with = "said")]
    pub required_grace_period_seconds: Option<Option<u64>>,
    /// In order.
    pub findings: Vec<Told>,
}

/// What is expected of the pod where it is final as it was written.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Last {
    /// Of the pod as it stands, or of the plan that was refused.
    #[serde(default, deserialize_with = "said")]
    pub required_grace_period_seconds: Option<Option<u64>>,
    /// In order.
    pub findings: Vec<Told>,
}

/// One finding, as far as a case says it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// Its code.
    pub code: String,
    /// `error` or `warning`.
    pub severity: String,
    /// The container's name, where it is about one.
    pub container: Option<String>,
}

fn said<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<u64>>, D::Error> {
    Option::<u64>::deserialize(deserializer).map(Some)
}

/// Where the cases are.
pub fn directory() -> PathBuf {
    crate::root().join("tests/cases")
}

/// Every case, by name.
///
/// # Panics
/// Where a file is not a case: the message names it.
pub fn all() -> Vec<Case> {
    let entries = std::fs::read_dir(directory()).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Case {
    let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
    let text = std::fs::read_to_string(path).unwrap();
    let parse = |document: &_| manifest::parse(document).unwrap_or_else(|problem| panic!("{name}: {problem}"));
    let mut documents: Vec<Value> = manifest::documents(&text).iter().map(parse).collect();
    let expected = documents.pop().unwrap_or_else(|| panic!("{name}: is empty"));
    assert_eq!(expected["kind"], "Expected", "{name}: the last document is what is expected");
    let expected = serde_path_to_error::deserialize(&expected).unwrap_or_else(|e| panic!("{name}: expected: {e}"));

    let mut world = World::default();
    let mut subjects = Vec::new();
    let of_a_pod = documents.iter().any(|document| Kind::of_value(document) == Some(Kind::Pod));
    for document in &documents {
        if let Some(kind) = Kind::of_value(document) {
            if of_a_pod && kind != Kind::Pod {
                let owner = Owner::of_spec(kind, &document["spec"]).unwrap_or_else(|| panic!("{name}: {kind}"));
                world.set_owner(&namespace_of(document), kind, document["metadata"]["name"].as_str().unwrap(), owner);
                continue;
            }
            subjects.push((kind, document.clone()));
        } else {
            add(&mut world, document).unwrap_or_else(|problem| panic!("{name}: {problem}"));
        }
    }
    let [(kind, subject)] = <[_; 1]>::try_from(subjects).unwrap_or_else(|s| panic!("{name}: {} subjects", s.len()));
    let namespace = namespace_of(&subject);
    Case { name, path: path.to_owned(), documents, world, subject, kind, namespace, expected }
}

fn namespace_of(document: &Value) -> String {
    document["metadata"]["namespace"].as_str().unwrap_or("default").to_owned()
}

/// Puts one object into the world.
fn add(world: &mut World, document: &Value) -> Result<(), String> {
    let metadata = &document["metadata"];
    let name = metadata["name"].as_str().ok_or("an object has no name")?;
    let namespace = namespace_of(document);
    let pairs = |value: &Value| match value {
        Value::Null => BTreeMap::new(),
        value => serde_json::from_value(value.clone()).unwrap(),
    };
    let mut policy = |kind, namespace: &str| {
        let created = metadata["creationTimestamp"].as_str().map(str::to_owned);
        let policy = Policy::read(kind, namespace, name, created, &document["spec"])
            .map(|policy| policy.with_annotations(metadata.get("annotations")));
        world.set_policy(kind, namespace, policy);
    };
    match (document["apiVersion"].as_str(), document["kind"].as_str()) {
        (Some("v1"), Some("Namespace")) => world.set_namespace(name, pairs(&metadata["labels"])),
        (Some("v1"), Some("Service")) => world.set_service(&namespace, name, Service::of_spec(&document["spec"])),
        (Some("v1"), Some("ConfigMap")) => {
            let map = config_maps::read(&document["data"]).ok_or("a ConfigMap that no API server takes")?;
            world.set_config_map(&namespace, name, map);
        }
        (Some("autoscaling/v2"), Some("HorizontalPodAutoscaler")) => {
            let (kind, name) = owner::scale_target(&document["spec"]).ok_or("an autoscaler without a target")?;
            world.set_scaled(&namespace, kind, name);
        }
        (Some("draingate.dev/v1alpha1"), Some("DrainPolicy")) => policy(PolicyKind::DrainPolicy, &namespace),
        (Some("draingate.dev/v1alpha1"), Some("ClusterDrainPolicy")) => policy(PolicyKind::ClusterDrainPolicy, ""),
        (version, kind) => return Err(format!("{version:?} {kind:?} has no place in a case")),
    }
    Ok(())
}
