//! The objects that a judgement is made among, out of manifests: policies, Namespaces, Services, ConfigMaps, and what says how
//! many pods a workload has. And those that nobody here can judge, although they hold pods.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::config_maps;
use crate::keys;
use crate::owner::{self, Owner};
use crate::policy::{Policy, PolicyKind};
use crate::subject::Kind;
use crate::world::{Service, World};

/// Whether an object is a policy, a Namespace, a Service, a ConfigMap or a HorizontalPodAutoscaler.
pub fn is_context_object(object: &Value) -> bool {
    let text = |key| object.get(key).and_then(Value::as_str).unwrap_or_default();
    is_context(text("apiVersion"), text("kind"))
}

/// The same, of an object with this `apiVersion` and `kind`.
pub fn is_context(api_version: &str, kind: &str) -> bool {
    match (api_version, kind) {
        ("v1", "Namespace" | "Service" | "ConfigMap") => true,
        (version, "HorizontalPodAutoscaler") => version.starts_with("autoscaling/"),
        (version, "DrainPolicy" | "ClusterDrainPolicy") => version.starts_with("draingate.dev/"),
        _ => false,
    }
}

/// Kinds that are known to carry no pod, and of which nothing is read but what [`is_context`] is about: group, and kinds.
const PODLESS: [(&str, &[&str]); 13] = [
    (
        "",
        &[
            "ConfigMap",
            "Endpoints",
            "LimitRange",
            "Namespace",
            "PersistentVolume",
            "PersistentVolumeClaim",
            "ResourceQuota",
            "Secret",
            "Service",
            "ServiceAccount",
        ],
    ),
    ("admissionregistration.k8s.io", &["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"]),
    ("apiextensions.k8s.io", &["CustomResourceDefinition"]),
    ("apiregistration.k8s.io", &["APIService"]),
    ("autoscaling", &["HorizontalPodAutoscaler"]),
    ("cert-manager.io", &["Certificate"]),
    ("gateway.networking.k8s.io", &["Gateway", "GRPCRoute", "HTTPRoute"]),
    ("monitoring.coreos.com", &["PodMonitor", "PrometheusRule", "ServiceMonitor"]),
    ("networking.k8s.io", &["Ingress", "IngressClass", "NetworkPolicy"]),
    ("policy", &["PodDisruptionBudget", "PodSecurityPolicy"]),
    ("rbac.authorization.k8s.io", &["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"]),
    ("scheduling.k8s.io", &["PriorityClass"]),
    ("storage.k8s.io", &["CSIDriver", "StorageClass"]),
];

/// Whether objects of this kind are known to carry no pod, and to be of no interest where they stand.
pub fn is_podless(api_version: &str, kind: &str) -> bool {
    let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
    PODLESS.iter().any(|(known, kinds)| *known == group && kinds.contains(&kind))
}

/// The kind of a workload that says of its pods whether others stand in.
pub fn owner_kind(object: &Value) -> Option<Kind> {
    let text = |key| object.get(key).and_then(Value::as_str).unwrap_or_default();
    owner_of(text("apiVersion"), text("kind"))
}

/// The same, of an object with this `apiVersion` and `kind`.
pub fn owner_of(api_version: &str, kind: &str) -> Option<Kind> {
    Kind::of_object(api_version, kind).filter(|kind| matches!(kind, Kind::StatefulSet | Kind::Deployment))
}

/// Adds one object to the world, if it is a policy, a Namespace, a Service, a ConfigMap, a HorizontalPodAutoscaler or an owner
/// of pods; says whether it was. One of the last two that cannot be read is absent. Objects that name no namespace are in
/// `namespace`, or in `default`.
///
/// # Errors
/// A policy that cannot be read: its title and why. It is in the world all the same, as one that cannot.
pub fn add(world: &mut World, object: &Value, namespace: Option<&str>) -> Result<bool, (String, String)> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    let name = text("/metadata/name").unwrap_or_default();
    let namespace = text("/metadata/namespace").or(namespace).unwrap_or("default");
    let api_version = text("/apiVersion").unwrap_or_default();
    let spec = object.get("spec").unwrap_or(&Value::Null);
    if let Some(kind) = owner_kind(object) {
        if let Some(owner) = Owner::of_spec(kind, spec) {
            world.set_owner(namespace, kind, name, owner);
        }
        return Ok(true);
    }
    match (api_version, text("/kind").unwrap_or_default()) {
        ("v1", "Namespace") => {
            let mut labels = pairs(object.pointer("/metadata/labels"));
            labels.insert("kubernetes.io/metadata.name".into(), name.to_owned());
            world.set_namespace(name, labels);
        }
        ("v1", "Service") => {
            world.set_service(namespace, name, Service::of_spec(spec));
        }
        (version, "HorizontalPodAutoscaler") if version.starts_with("autoscaling/") => {
            if let Some((kind, target)) = owner::scale_target(spec) {
                world.set_scaled(namespace, kind, target);
            }
        }
        ("v1", "ConfigMap") => {
            let map = config_maps::read(object.get("data").unwrap_or(&Value::Null));
            if let Some(map) = map.filter(|_| keys::is_name(name)) {
                world.set_config_map(namespace, name, map);
            }
        }
        (version, kind @ ("DrainPolicy" | "ClusterDrainPolicy")) if version.starts_with("draingate.dev/") => {
            let (kind, namespace) = match kind {
                "DrainPolicy" => (PolicyKind::DrainPolicy, namespace),
                _ => (PolicyKind::ClusterDrainPolicy, ""),
            };
            let created = text("/metadata/creationTimestamp").map(str::to_owned);
            let annotations = object.pointer("/metadata/annotations");
            let policy = Policy::read(kind, namespace, name, created, spec);
            let policy = policy.map(|policy| policy.with_annotations(annotations));
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

/// Groups whose objects write about pods without making any: policies, and the schemas of kinds.
const NO_PODS: [&str; 4] = ["draingate.dev", "kyverno.io", "constraints.gatekeeper.sh", "templates.gatekeeper.sh"];

/// Where an object of an unknown kind seems to hold pods: a JSON pointer to the first sign of one below its `spec`. That is
/// a list of containers, a container with an image, a grace, or something called a pod template.
pub fn pods_elsewhere(object: &Value) -> Option<String> {
    let text = |key| object.get(key).and_then(Value::as_str).unwrap_or_default();
    let (group, _) = text("apiVersion").rsplit_once('/')?;
    let built_in = !group.contains('.') || group.ends_with(".k8s.io");
    if built_in || text("kind").is_empty() || NO_PODS.contains(&group) {
        return None;
    }
    let mut stack = vec![("/spec".to_owned(), object.get("spec")?)];
    while let Some((at, value)) = stack.pop() {
        match value {
            Value::Object(entries) => {
                if let Some((key, _)) = entries.iter().find(|(key, value)| is_sign(key, value)) {
                    return Some(format!("{at}/{}", keys::escape(key)));
                }
                stack.extend(entries.iter().rev().map(|(key, value)| (format!("{at}/{}", keys::escape(key)), value)));
            }
            Value::Array(items) => {
                stack.extend(items.iter().enumerate().rev().map(|(index, item)| (format!("{at}/{index}"), item)));
            }
            _ => {}
        }
    }
    None
}

fn is_sign(key: &str, value: &Value) -> bool {
    let has = |value: &Value, key: &str| value.get(key).is_some_and(Value::is_string);
    match (key, value) {
        ("containers", Value::Array(items)) => items.iter().any(|item| has(item, "image") || has(item, "name")),
        ("container", Value::Object(_)) => has(value, "image"),
        ("podTemplate" | "podTemplateSpec", Value::Object(template)) => {
            template.get("spec").is_some_and(Value::is_object)
        }
        ("terminationGracePeriodSeconds", Value::Number(_)) => true,
        _ => false,
    }
}

fn pairs(value: Option<&Value>) -> BTreeMap<String, String> {
    let entries = value.and_then(Value::as_object).into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{PODLESS, add, is_podless, pods_elsewhere};
    use crate::subject::Kind;
    use crate::world::World;

    fn at(api_version: &str, spec: Value) -> Option<String> {
        pods_elsewhere(&json!({"apiVersion": api_version, "kind": "Any", "spec": spec}))
    }

    #[test]
    fn pods_are_seen_wherever_they_are() {
        let containers = json!([{"name": "app", "image": "app:1"}]);
        for (spec, pointer) in [
            (json!({"replicas": 2, "containers": containers}), "/spec/containers"),
            (
                json!({"jobTargetRef": {"template": {"spec": {"containers": containers}}}}),
                "/spec/jobTargetRef/template/spec/containers",
            ),
            (
                json!({"override": {"statefulSet": {"spec": {"template": {"spec": {"containers": [{"name": "rabbitmq"}]}}}}}}),
                "/spec/override/statefulSet/spec/template/spec/containers",
            ),
            (
                json!({"templates": [{"name": "a"}, {"name": "b", "container": {"image": "app:1"}}]}),
                "/spec/templates/1/container",
            ),
            (json!({"nodeSets": [{"podTemplate": {"spec": {}}}]}), "/spec/nodeSets/0/podTemplate"),
            (json!({"terminationGracePeriodSeconds": 604800}), "/spec/terminationGracePeriodSeconds"),
            (json!({"a/b": {"containers": containers}}), "/spec/a~1b/containers"),
        ] {
            assert_eq!(at("example.com/v1", spec.clone()).as_deref(), Some(pointer), "{spec}");
        }
    }

    #[test]
    fn nothing_is_said_of_a_kind_without_pods() {
        for (group, kind) in PODLESS.iter().flat_map(|(group, kinds)| kinds.iter().map(move |kind| (group, kind))) {
            let api_version = if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") };
            assert!(is_podless(&api_version, kind));
            // What a schema of the kind takes, whatever it is called here.
            for spec in [json!(null), json!({"a": [{"b": 1}]}), json!("text")] {
                let object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "a"}, "spec": spec});
                assert_eq!((Kind::of_value(&object), pods_elsewhere(&object)), (None, None));
                assert!(add(&mut World::default(), &object, None).is_ok());
            }
        }
        for (api_version, kind) in [
            ("v1", "Pod"),
            ("v1", "List"),
            ("v1", "SecretList"),
            ("serving.knative.dev/v1", "Service"),
            ("v1", "Role"),
            ("apps/v1", "Deployment"),
            ("cert-manager.io/v1", "Issuer"),
            ("draingate.dev/v1alpha1", "DrainPolicy"),
        ] {
            assert!(!is_podless(api_version, kind), "{api_version} {kind}");
        }
    }

    #[test]
    fn what_only_writes_about_pods_holds_none() {
        let containers = json!({"containers": [{"name": "app", "image": "app:1"}]});
        for group in [
            "v1",
            "apps/v1",
            "policy/v1",
            "admissionregistration.k8s.io/v1",
            "kyverno.io/v1",
            "draingate.dev/v1alpha1",
            "",
        ] {
            assert_eq!(at(group, containers.clone()), None, "{group}");
        }
        for spec in [
            json!({}),
            json!(null),
            json!({"containers": []}),
            json!({"containers": ["app"]}),
            json!({"containers": 3, "container": "app", "podTemplate": "name"}),
            json!({"properties": {"containers": {"type": "array"}, "terminationGracePeriodSeconds": {"type": "integer"}}}),
        ] {
            assert_eq!(at("example.com/v1", spec.clone()), None, "{spec}");
        }
        assert_eq!(pods_elsewhere(&json!({"spec": containers})), None);
        assert_eq!(pods_elsewhere(&json!({"apiVersion": "example.com/v1", "spec": containers})), None);
    }
}
