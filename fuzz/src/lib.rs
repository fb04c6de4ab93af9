//! What the fuzz targets share: a world, and what must hold of every answer.

use draingate::core::world::World;
use draingate::offline;
use draingate::webhook::admit::{Webhook, admit, concerns};
use draingate::webhook::review::Review;
use json_patch::{Patch, PatchOperation};
use serde_json::{Value, json};

/// A namespace that enforces, with a policy, a cluster policy that locks, and a Service.
pub fn world() -> World {
    let mut world = World::default();
    for object in [
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": {"draingate.dev/mode": "enforce"}}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"selector": {"app": "web"}}}),
        json!({"apiVersion": "draingate.dev/v1alpha1", "kind": "DrainPolicy", "metadata": {"name": "default", "namespace": "shop"},
            "spec": {"profile": "alb", "gracePeriod": {"adjust": "Raise", "maxSeconds": 120}}}),
        json!({"apiVersion": "draingate.dev/v1alpha1", "kind": "ClusterDrainPolicy", "metadata": {"name": "base"},
            "spec": {"budget": {"safetyMarginSeconds": 7}, "locked": ["budget.safetyMarginSeconds"]}}),
    ] {
        assert_eq!(offline::add(&mut world, &object, None), Ok(true));
    }
    world
}

/// Both webhooks on one review.
pub fn admit_both(body: &[u8], world: &World) {
    let Ok(review) = Review::decode(body) else { return };
    for webhook in [Webhook::Mutate, Webhook::Validate] {
        let Some(kind) = concerns(webhook, &review) else { continue };
        let Ok(outcome) = admit(webhook, kind, &review, world) else { continue };
        let answer: Value = serde_json::from_slice(&outcome.answer.encode(&review.uid)).expect("the answer is JSON");
        assert_eq!(answer["response"]["uid"].as_str(), Some(&*review.uid));
        for warning in &outcome.answer.warnings {
            assert!(warning.chars().count() <= 120, "{warning}");
            assert!(!warning.chars().any(char::is_control), "{warning:?}");
        }
        let Some(patch) = &outcome.answer.patch else { continue };
        assert_eq!(webhook, Webhook::Mutate);
        let object: Value = serde_json::from_str(review.object.expect("a patch has an object").get()).unwrap();
        let patch: Patch = serde_json::from_slice(patch).expect("the patch is one");
        let mut patched = object.clone();
        json_patch::patch(&mut patched, &patch).expect("the patch applies");
        assert_eq!(by_hand(object, &patch), patched, "two implementations of RFC 6902 disagree");
        // The same pod in gives the same pod out.
        let mut again: Value = serde_json::from_slice(body).unwrap();
        again["request"]["object"] = patched;
        let again = again.to_string();
        let again = Review::decode(again.as_bytes()).unwrap();
        let outcome = admit(webhook, kind, &again, world).expect("a patched pod can be read");
        assert_eq!(outcome.answer.patch.map(|patch| String::from_utf8(patch).unwrap()), None);
    }
}

/// RFC 6902's add, replace, remove and test, written from the standard.
fn by_hand(mut object: Value, patch: &Patch) -> Value {
    for operation in &patch.0 {
        match operation {
            PatchOperation::Add(one) => put(&mut object, one.path.as_str(), one.value.clone(), true),
            PatchOperation::Replace(one) => put(&mut object, one.path.as_str(), one.value.clone(), false),
            PatchOperation::Remove(one) => {
                let (parent, last) = split(one.path.as_str());
                match object.pointer_mut(&parent).expect("there is a parent") {
                    Value::Object(map) => drop(map.remove(&last).expect("there is a member")),
                    Value::Array(list) => drop(list.remove(last.parse().unwrap())),
                    _ => panic!("{parent} holds nothing"),
                }
            }
            PatchOperation::Test(one) => assert_eq!(object.pointer(one.path.as_str()), Some(&one.value)),
            other => panic!("an operation that is never written: {other:?}"),
        }
    }
    object
}

fn split(path: &str) -> (String, String) {
    let (parent, last) = path.rsplit_once('/').expect("never the whole document");
    (parent.to_owned(), last.replace("~1", "/").replace("~0", "~"))
}

fn put(object: &mut Value, path: &str, value: Value, add: bool) {
    let (parent, last) = split(path);
    match object.pointer_mut(&parent).expect("missing parents are added first") {
        Value::Object(map) => {
            assert!(add || map.contains_key(&last), "{path} is replaced, and not there");
            map.insert(last, value);
        }
        Value::Array(list) if last == "-" => list.push(value),
        Value::Array(list) => {
            let at: usize = last.parse().unwrap();
            if add { list.insert(at, value) } else { list[at] = value }
        }
        _ => panic!("{parent} holds nothing"),
    }
}
