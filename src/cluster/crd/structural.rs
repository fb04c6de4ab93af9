//! From the schema of a Rust type to a structural schema, the only form that a CRD may have.
//!
//! Written for what our own types produce, and free of panics, which kube's rewriter is not.

use serde_json::{Map, Value};

/// Rewrites a schema and all within it.
///
/// - an optional value is one that may be absent, not one that may be null;
/// - an enum is one list of strings, not alternatives with a description each;
/// - unknown fields are refused or pruned by the API server, `additionalProperties: false` is not allowed;
/// - no defaults: a default would hide what the layer below says.
pub(super) fn rewrite(schema: &mut Value) {
    let Value::Object(object) = schema else { return };
    for key in ["$schema", "title", "default", "nullable"] {
        object.remove(key);
    }
    unwrap_option(object);
    join_enum(object);
    if object.get("additionalProperties") == Some(&Value::Bool(false)) {
        object.remove("additionalProperties");
    }
    if object.get("type").is_some_and(|t| t == "integer") {
        object.insert("format".into(), "int64".into());
    }
    if let Some(Value::String(text)) = object.get_mut("description") {
        *text = text.replace("\n\n", "\u{0}").replace('\n', " ").replace('\u{0}', "\n");
    }
    for key in ["items", "additionalProperties"] {
        object.get_mut(key).into_iter().for_each(rewrite);
    }
    if let Some(Value::Object(properties)) = object.get_mut("properties") {
        properties.values_mut().for_each(rewrite);
    }
}

/// `anyOf: [T, null]` becomes T, with the description of the field.
fn unwrap_option(object: &mut Map<String, Value>) {
    let Some(Value::Array(alternatives)) = object.remove("anyOf") else { return };
    let inner = alternatives.into_iter().filter_map(|alternative| match alternative {
        Value::Object(inner) if !inner.contains_key("nullable") => Some(inner),
        _ => None,
    });
    for (key, value) in inner.flatten() {
        object.entry(key).or_insert(value);
    }
}

/// Alternatives of one constant each become one list of constants.
fn join_enum(object: &mut Map<String, Value>) {
    let Some(Value::Array(alternatives)) = object.remove("oneOf") else { return };
    let constants: Vec<Value> =
        alternatives.iter().filter_map(|alternative| alternative.get("enum")?.as_array()).flatten().cloned().collect();
    object.insert("type".into(), "string".into());
    object.insert("enum".into(), constants.into());
}
