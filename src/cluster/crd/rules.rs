//! Sizes and validation rules (CEL) on top of the types' own schema.
//!
//! Every list, map and string has an upper size: the API server estimates a rule's worst cost from them,
//! and refuses a CRD whose rules could cost too much.

use serde_json::{Value, json};

use draingate_core::finding::Code;
use draingate_core::policy::Lock;

/// Adds them to the rewritten schema of a spec.
pub(super) fn add(spec: &mut Value) {
    let mut at = |pointer: &str, more: Value| extend(spec.pointer_mut(pointer), more);
    for selector in ["/properties/selector", "/properties/namespaceSelector"] {
        for (pointer, more) in selector_bounds() {
            at(&format!("{selector}{pointer}"), more);
        }
    }
    at("/properties/hook", json!({"x-kubernetes-validations": hook_rules()}));
    at("/properties/hook/properties/exec/properties/command", json!({"x-kubernetes-list-type": "atomic"}));
    for list in ["helpers", "servers"] {
        at(&format!("/properties/{list}"), json!({"x-kubernetes-list-type": "atomic"}));
        at(&format!("/properties/{list}/items"), json!({"x-kubernetes-validations": [one_of_name_and_image(list)]}));
        at(&format!("/properties/{list}/items/properties/image"), any_pattern(255));
    }
    at("/properties/helpers/items/properties/name", helper_name());
    at("/properties/servers/items/properties/name", any_pattern(63));
    at("/properties/rules", finding_codes());
    at("/properties/rules/additionalProperties", json!({"maxLength": 7}));
    let locks = Lock::names().count();
    at("/properties/locked", json!({"x-kubernetes-list-type": "set", "maxItems": locks}));
    at("/properties/locked/items", json!({"maxLength": 64}));
}

fn extend(schema: Option<&mut Value>, more: Value) {
    if let (Some(Value::Object(schema)), Value::Object(more)) = (schema, more) {
        schema.extend(more.into_iter().filter(|(_, value)| !value.is_null()));
    }
}

fn rule(rule: impl Into<String>, message: impl Into<String>) -> Value {
    json!({"rule": rule.into(), "message": message.into()})
}

/// Label keys have up to 253 + 1 + 63 characters, label values up to 63.
fn selector_bounds() -> [(&'static str, Value); 5] {
    let rules = [
        rule(
            "!(self.operator in ['In', 'NotIn']) || (has(self.values) && size(self.values) > 0)",
            "the operators In and NotIn need values",
        ),
        rule(
            "!(self.operator in ['Exists', 'DoesNotExist']) || !has(self.values) || size(self.values) == 0",
            "the operators Exists and DoesNotExist take no values",
        ),
    ];
    [
        ("/properties/matchLabels", json!({"maxProperties": 64})),
        ("/properties/matchLabels/additionalProperties", json!({"maxLength": 63})),
        ("/properties/matchExpressions", json!({"maxItems": 32, "x-kubernetes-list-type": "atomic"})),
        ("/properties/matchExpressions/items", json!({"x-kubernetes-validations": rules})),
        (
            "/properties/matchExpressions/items/properties",
            json!({
                "key": {"description": "The label's key.", "type": "string", "minLength": 1, "maxLength": 317},
                "values": {
                    "description": "The values for In and NotIn; empty for Exists and DoesNotExist.",
                    "type": "array", "maxItems": 64, "x-kubernetes-list-type": "atomic",
                    "items": {"type": "string", "maxLength": 63},
                },
            }),
        ),
    ]
}

fn hook_rules() -> [Value; 3] {
    [
        rule(
            "!(self.type in ['Sleep', 'None']) || (!has(self.httpGet) && !has(self.exec) && !has(self.seconds))",
            "the hook types Sleep and None take no other member",
        ),
        rule(
            "self.type != 'HTTPGet' || (has(self.httpGet) && has(self.seconds) && !has(self.exec))",
            "the hook type HTTPGet takes exactly httpGet and seconds",
        ),
        rule(
            "self.type != 'Exec' || (has(self.exec) && has(self.seconds) && !has(self.httpGet))",
            "the hook type Exec takes exactly exec and seconds",
        ),
    ]
}

/// As a rule, because a `pattern` can only be refused with the pattern.
fn helper_name() -> Value {
    let message = "a helper is a container's name (a-z, 0-9, -), with a * at either end or nowhere";
    json!({
        "minLength": 1,
        "maxLength": 63,
        "x-kubernetes-validations": [rule("self.matches('^([a-z0-9][-a-z0-9]*[*]?|[*]([-a-z0-9]+[*]?)?)$')", message)],
    })
}

fn one_of_name_and_image(list: &str) -> Value {
    rule("has(self.name) != has(self.image)", format!("an entry of {list} has a name or an image, one of them"))
}

/// A name or an image, with a `*` at either end or nowhere.
fn any_pattern(most: usize) -> Value {
    let message = "a * stands at either end or nowhere, and not alone";
    json!({
        "minLength": 1,
        "maxLength": most,
        "x-kubernetes-validations": [rule("self.matches('^[*]?[^*]+[*]?$')", message)],
    })
}

fn finding_codes() -> Value {
    let codes = Code::ALL.map(Code::as_str);
    let quoted = codes.map(|code| format!("'{code}'")).join(", ");
    let message = format!("a rule's name is one of {}", codes.join(", "));
    json!({
        "maxProperties": codes.len(),
        "x-kubernetes-validations": [rule(format!("self.all(code, code in [{quoted}])"), message)],
    })
}
