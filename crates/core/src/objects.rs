//! The objects that a judgement is made among: policies, Namespaces and Services, out of manifests.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::policy::{Policy, PolicyKind};
use crate::world::World;

/// Whether an object is a policy, a Namespace or a Service.
pub fn is_context_object(object: &Value) -> bool {
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
