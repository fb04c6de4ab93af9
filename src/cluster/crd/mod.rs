//! The CustomResourceDefinitions of DrainPolicy and ClusterDrainPolicy.
//!
//! They are made from the very types that read a policy, so that what the API server accepts is what
//! Draingate understands. [`structural`] turns their schema into the form that a CRD needs, [`rules`] adds
//! the sizes and the validation rules that Rust types cannot say.

mod rules;
mod structural;

use serde_json::{Value, json};

use draingate_core::policy::{PolicyKind, PolicySpec};

/// The API group of both kinds.
pub const GROUP: &str = "draingate.dev";
/// Their version.
pub const VERSION: &str = "v1alpha1";

/// The plural that names a kind in URLs.
pub fn plural(kind: PolicyKind) -> &'static str {
    match kind {
        PolicyKind::DrainPolicy => "drainpolicies",
        PolicyKind::ClusterDrainPolicy => "clusterdrainpolicies",
    }
}

/// Both CustomResourceDefinitions, as JSON.
pub fn definitions() -> Vec<Value> {
    vec![definition(PolicyKind::DrainPolicy), definition(PolicyKind::ClusterDrainPolicy)]
}

/// Both CustomResourceDefinitions, as YAML for `kubectl apply -f -`.
///
/// # Errors
/// The YAML writer's.
pub fn yaml() -> Result<String, serde_saphyr::ser::Error> {
    let documents: Vec<String> = definitions().iter().map(serde_saphyr::to_string).collect::<Result<_, _>>()?;
    Ok(documents.iter().map(|document| format!("---\n{document}")).collect())
}

fn definition(kind: PolicyKind) -> Value {
    let plural = plural(kind);
    // Other projects' data planes are `dp` and `cdp` already.
    let (scope, short) = match kind {
        PolicyKind::DrainPolicy => ("Namespaced", "drainpol"),
        PolicyKind::ClusterDrainPolicy => ("Cluster", "cdrainpol"),
    };
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{GROUP}")},
        "spec": {
            "group": GROUP,
            "scope": scope,
            "names": {
                "kind": kind.as_str(),
                "listKind": format!("{}List", kind.as_str()),
                "plural": plural,
                "singular": kind.as_str().to_lowercase(),
                "shortNames": [short],
                "categories": ["draingate"],
            },
            "versions": [{
                "name": VERSION,
                "served": true,
                "storage": true,
                "subresources": {"status": {}},
                "additionalPrinterColumns": columns(),
                "schema": {"openAPIV3Schema": {
                    "description": description(kind),
                    "type": "object",
                    "required": ["spec"],
                    "properties": {"spec": spec(kind), "status": status()},
                }},
            }],
        },
    })
}

fn description(kind: PolicyKind) -> &'static str {
    match kind {
        PolicyKind::DrainPolicy => "How the pods of this namespace stop without dropping work.",
        PolicyKind::ClusterDrainPolicy => {
            "How pods stop without dropping work, in every namespace that it covers; DrainPolicies go above it."
        }
    }
}

fn spec(kind: PolicyKind) -> Value {
    let mut settings = schemars::generate::SchemaSettings::openapi3();
    settings.inline_subschemas = true;
    let mut schema = settings.into_generator().into_root_schema_for::<PolicySpec>().to_value();
    structural::rewrite(&mut schema);
    rules::add(&mut schema);
    if let Some(object) = schema.as_object_mut() {
        object.insert("description".into(), json!("What it leaves out, the layer below decides."));
    }
    if kind == PolicyKind::DrainPolicy
        && let Some(properties) = schema.pointer_mut("/properties").and_then(Value::as_object_mut)
    {
        properties.remove("namespaceSelector");
        properties.remove("locked");
    }
    schema
}

fn status() -> Value {
    json!({
        "description": "Written by Draingate.",
        "type": "object",
        "properties": {
            "observedGeneration": {
                "description": "The metadata.generation that the conditions are about.",
                "type": "integer", "format": "int64",
            },
            "conditions": {
                "description": "Accepted: the policy can be read. Conflicted: another one selects exactly the same.",
                "type": "array",
                "maxItems": 16,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
                "items": {
                    "type": "object",
                    "required": ["type", "status", "reason", "message", "lastTransitionTime"],
                    "properties": {
                        "type": {"type": "string", "maxLength": 316},
                        "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
                        "reason": {"type": "string", "maxLength": 1024},
                        "message": {"type": "string", "maxLength": 32768},
                        "observedGeneration": {"type": "integer", "format": "int64", "minimum": 0},
                        "lastTransitionTime": {"type": "string", "format": "date-time"},
                    },
                },
            },
        },
    })
}

fn columns() -> Value {
    let column = |name: &str, kind: &str, path: &str, priority: u8, description: &str| json!({"name": name, "type": kind, "jsonPath": path, "priority": priority, "description": description});
    json!([
        column("Profile", "string", ".spec.profile", 0, "What routes to the pods"),
        column("E", "integer", ".spec.budget.endpointPropagationSeconds", 0, "endpointPropagationSeconds"),
        column("D", "integer", ".spec.budget.drainDelaySeconds", 1, "drainDelaySeconds"),
        column("R", "integer", ".spec.budget.worstCaseRequestSeconds", 0, "worstCaseRequestSeconds"),
        column("M", "integer", ".spec.budget.safetyMarginSeconds", 1, "safetyMarginSeconds"),
        column("Hook", "string", ".spec.hook.type", 1, "The preStop hook"),
        column("Adjust", "string", ".spec.gracePeriod.adjust", 0, "Whether grace periods are raised"),
        column("Max", "integer", ".spec.gracePeriod.maxSeconds", 1, "The ceiling of what is raised"),
        column("Accepted", "string", ".status.conditions[?(@.type==\"Accepted\")].status", 0, "Whether it can be read"),
        column(
            "Conflicted",
            "string",
            ".status.conditions[?(@.type==\"Conflicted\")].status",
            1,
            "Whether another one selects exactly the same"
        ),
        column("Age", "date", ".metadata.creationTimestamp", 0, "Since its creation"),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_yaml_reads_as_what_was_written() {
        let yaml = yaml().unwrap();
        assert!(yaml.contains("- \"Off\"") || yaml.contains("- 'Off'"), "a bare Off is a boolean to kubectl");
        let documents: Vec<Value> = yaml
            .split("---\n")
            .filter(|document| !document.is_empty())
            .map(|document| serde_saphyr::from_str(document).unwrap())
            .collect();
        assert_eq!(documents, definitions());
    }

    #[test]
    fn nothing_is_left_of_what_a_definition_must_not_have() {
        fn keys(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(object) => {
                    for (key, value) in object {
                        found.push(key.clone());
                        keys(value, found);
                    }
                }
                Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
                _ => {}
            }
        }
        let mut found = Vec::new();
        definitions().iter().for_each(|definition| keys(definition, &mut found));
        for key in ["$ref", "$schema", "oneOf", "anyOf", "nullable", "default", "title"] {
            assert!(!found.iter().any(|k| k == key), "{key}");
        }
    }
}
