//! Reviews, and what the two webhooks answer them, without HTTP and without a cluster.

use draingate_core::admit::{self, Outcome, Webhook};
use draingate_core::objects;
use draingate_core::review::Review;
use draingate_core::subject::Kind;
use draingate_core::world::World;
use serde_json::{Value, json};

pub const SHOP: &str = "shop";

/// A world with one namespace in this mode and one policy.
pub fn world(mode: &str, policy: Value) -> World {
    let mut world = World::default();
    world.own_namespace = Some("draingate".into());
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": SHOP, "labels": {"draingate.dev/mode": mode}}});
    let policy = json!({"apiVersion": "draingate.dev/v1alpha1", "kind": "DrainPolicy",
        "metadata": {"name": "default", "namespace": SHOP}, "spec": policy});
    for object in [namespace, policy] {
        objects::add(&mut world, &object, None).unwrap();
    }
    world
}

pub fn review(kind: Kind, operation: &str, object: &Value, old: Option<&Value>) -> String {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "7d5c", "kind": {"group": kind.group(), "version": "v1", "kind": kind.as_str()},
        "operation": operation, "namespace": SHOP, "object": object, "oldObject": old}})
    .to_string()
}

pub fn ask(webhook: Webhook, world: &World, body: &str) -> Outcome {
    let review = Review::decode(body.as_bytes()).unwrap();
    let kind = admit::concerns(webhook, &review).expect("a request that concerns this webhook");
    admit::admit(webhook, kind, &review, &world.context(&review.namespace)).unwrap()
}

pub fn create(webhook: Webhook, world: &World, kind: Kind, object: &Value) -> Outcome {
    ask(webhook, world, &review(kind, "CREATE", object, None))
}
