//! What is about the world in a text: policies, Namespaces, Services, ConfigMaps and autoscalers, and the owners of pods. They
//! count wherever they stand among the inputs, so they are looked for before anything is judged.

use serde_json::Value;

use draingate_core::manifest::{self, Document};
use draingate_core::objects;

/// One of whose kinds every context object is.
const KINDS: [&str; 5] = ["Namespace", "Service", "DrainPolicy", "ConfigMap", "HorizontalPodAutoscaler"];
/// What owns pods, and says how many there are.
const OWNERS: [&str; 2] = ["StatefulSet", "Deployment"];

/// A policy, a Namespace, a Service, a ConfigMap, an autoscaler or an owner.
pub(crate) struct ContextObject {
    /// The line of its document's first key, counted from 1.
    pub(crate) line: usize,
    /// The object.
    pub(crate) value: Value,
}

/// All of a text but owners, in their order. Most documents are passed over unparsed; one that cannot be parsed is told about
/// when its pods are looked for.
pub(crate) fn objects(text: &str) -> Vec<ContextObject> {
    found(text, &KINDS, objects::is_context, objects::is_context_object)
}

/// Whether a text may have pods of which an owner among the inputs says more. Nearly always there are none, and then nobody
/// parses every Deployment twice.
pub(crate) fn has_owned_pods(text: &str) -> bool {
    text.contains("ownerReferences")
}

/// The owners in a text.
pub(crate) fn owners(text: &str) -> Vec<ContextObject> {
    found(
        text,
        &OWNERS,
        |version, kind| objects::owner_of(version, kind).is_some(),
        |object| objects::owner_kind(object).is_some(),
    )
}

/// `wanted_kind` spares parsing what is known by its first look not to be `wanted`.
fn found(
    text: &str,
    kinds: &[&str],
    wanted_kind: fn(&str, &str) -> bool,
    wanted: fn(&Value) -> bool,
) -> Vec<ContextObject> {
    let may_have = |document: &Document| match manifest::glance(document) {
        Some((version, kind)) => kind.ends_with("List") || wanted_kind(version, kind),
        None => kinds.iter().any(|kind| document.text.contains(kind)),
    };
    let mut found = Vec::new();
    for document in manifest::documents(text) {
        if may_have(&document)
            && let Ok(value) = manifest::parse(&document)
        {
            let line = document.first_line();
            let objects = manifest::objects(&value).into_iter().filter(|object| wanted(object));
            found.extend(objects.map(|object| ContextObject { line, value: object.clone() }));
        }
    }
    found
}
