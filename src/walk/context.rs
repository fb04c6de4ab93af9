//! What is about the world in a text: policies, Namespaces, Services and ConfigMaps. They count wherever they stand among the
//! inputs, so they are looked for before anything is judged.

use serde_json::Value;

use draingate_core::manifest;
use draingate_core::objects;

/// One of whose kinds every context object is.
const KINDS: [&str; 4] = ["Namespace", "Service", "DrainPolicy", "ConfigMap"];

/// A policy, a Namespace, a Service or a ConfigMap.
pub(crate) struct ContextObject {
    /// The line of its document's first key, counted from 1.
    pub(crate) line: usize,
    /// The object.
    pub(crate) value: Value,
}

/// All of a text, in their order. Most documents are passed over unparsed; one that cannot be parsed is told about when
/// its pods are looked for.
pub(crate) fn objects(text: &str) -> Vec<ContextObject> {
    let mut found = Vec::new();
    for document in manifest::documents(text) {
        if KINDS.iter().any(|kind| document.text.contains(kind))
            && let Ok(value) = manifest::parse(&document)
        {
            let line = document.first_line();
            let objects = manifest::objects(&value).into_iter().filter(|object| objects::is_context_object(object));
            found.extend(objects.map(|object| ContextObject { line, value: object.clone() }));
        }
    }
    found
}
