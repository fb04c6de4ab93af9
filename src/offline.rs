//! The world from files: policies, namespaces and Services, for `--standalone` and the commands that
//! need no cluster.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::core::policy::{Policy, PolicyKind};
use crate::core::world::World;
use crate::manifest::{self, Problem};

/// The largest file that is read, in bytes.
pub const FILE_LIMIT: u64 = 64 * 1024 * 1024;

/// Why a file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// It could not be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is larger than [`FILE_LIMIT`].
    #[error("{}: larger than {FILE_LIMIT} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// A document in it is not YAML.
    #[error("{}:{problem}", path.display())]
    Document {
        /// The file.
        path: PathBuf,
        /// Where and why.
        problem: Problem,
    },
    /// A policy in it cannot be read.
    #[error("{}:{line}: {title}: {problem}", path.display())]
    Policy {
        /// The file.
        path: PathBuf,
        /// The document's line.
        line: usize,
        /// The policy.
        title: String,
        /// Why.
        problem: String,
    },
}

/// Reads a file as text.
///
/// # Errors
/// Where it cannot be read, is too large or is not UTF-8.
pub fn read(path: &Path) -> Result<String, OfflineError> {
    let failed = |source| OfflineError::Read { path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(failed)?.len() > FILE_LIMIT {
        return Err(OfflineError::TooLarge { path: path.to_owned() });
    }
    std::fs::read_to_string(path).map_err(failed)
}

/// Adds everything in a file that is a policy, a Namespace or a Service.
///
/// # Errors
/// The first thing that cannot be read: whoever names a policy file wants all of it to count.
pub fn load(world: &mut World, path: &Path) -> Result<(), OfflineError> {
    let text = read(path)?;
    for document in manifest::documents(&text) {
        let object =
            manifest::parse(&document).map_err(|problem| OfflineError::Document { path: path.to_owned(), problem })?;
        for object in manifest::objects(&object) {
            add(world, object, None).map_err(|(title, problem)| OfflineError::Policy {
                path: path.to_owned(),
                line: document.line,
                title,
                problem,
            })?;
        }
    }
    Ok(())
}

/// Whether an object is a policy, a Namespace or a Service.
pub fn is_worldly(object: &Value) -> bool {
    let text = |key| object.get(key).and_then(Value::as_str).unwrap_or_default();
    match (text("apiVersion"), text("kind")) {
        ("v1", "Namespace" | "Service") => true,
        (version, "DrainPolicy" | "ClusterDrainPolicy") => version.starts_with("draingate.dev/"),
        _ => false,
    }
}

/// Adds one object to the world, if it is a policy, a Namespace or a Service; says whether it was.
/// Objects that name no namespace are in `namespace`, or in `default`.
///
/// # Errors
/// A policy that cannot be read: its title and why. It is in the world all the same, as one that cannot.
pub fn add(world: &mut World, object: &Value, namespace: Option<&str>) -> Result<bool, (String, String)> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    let name = text("/metadata/name").unwrap_or_default();
    let namespace = text("/metadata/namespace").or(namespace).unwrap_or("default");
    let api_version = text("/apiVersion").unwrap_or_default();
    match (api_version, text("/kind").unwrap_or_default()) {
        ("v1", "Namespace") => {
            let mut labels = pairs(object.pointer("/metadata/labels"));
            labels.insert("kubernetes.io/metadata.name".into(), name.to_owned());
            world.set_namespace(name, labels);
        }
        ("v1", "Service") => {
            let external = text("/spec/type") == Some("ExternalName");
            let selector = if external { BTreeMap::new() } else { pairs(object.pointer("/spec/selector")) };
            world.set_service(namespace, name, selector);
        }
        (version, kind @ ("DrainPolicy" | "ClusterDrainPolicy")) if version.starts_with("draingate.dev/") => {
            let (kind, namespace) = match kind {
                "DrainPolicy" => (PolicyKind::DrainPolicy, namespace),
                _ => (PolicyKind::ClusterDrainPolicy, ""),
            };
            let created = text("/metadata/creationTimestamp").map(str::to_owned);
            let spec = object.pointer("/spec").unwrap_or(&Value::Null);
            let policy = Policy::read(kind, namespace, name, created, spec);
            let problem = policy.as_ref().err().map(|bad| (bad.title.clone(), bad.problem.clone()));
            world.set_policy(kind, namespace, policy);
            if let Some(problem) = problem {
                return Err(problem);
            }
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn pairs(value: Option<&Value>) -> BTreeMap<String, String> {
    let entries = value.and_then(Value::as_object).into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}
