//! Any JSON as a pod of a well-formed review, beside k8s-openapi's Pod: what that reads, the borrowed parser reads, with
//! the same containers and the same grace.
#![no_main]

use draingate::core::subject::{Kind, Subject};
use draingate_fuzz::{admit_both, world};
use k8s_openapi::api::core::v1::Pod;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|json: &str| {
    thread_local!(static WORLD: draingate::core::world::World = world());
    if json.len() > 100_000 || serde_json::from_str::<serde_json::Value>(json).is_err() {
        return;
    }
    let review = format!(
        r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"u","kind":{{"group":"","version":"v1","kind":"Pod"}},"operation":"CREATE","namespace":"shop","object":{json}}}}}"#
    );
    WORLD.with(|world| admit_both(review.as_bytes(), world));
    let Ok(typed) = serde_json::from_str::<Pod>(json) else { return };
    let Some(spec) = typed.spec else { return };
    let ours = Subject::parse(Kind::Pod, json).unwrap_or_else(|problem| panic!("read by k8s-openapi only: {problem}"));
    let names: Vec<&str> = spec.containers.iter().map(|container| container.name.as_str()).collect();
    let seen: Vec<&str> = ours.pod.spec.containers.iter().map(|container| container.name.as_str()).collect();
    assert_eq!(seen, names);
    assert_eq!(ours.pod.spec.termination_grace_period_seconds, spec.termination_grace_period_seconds);
});
