//! A thousand policies that contradict each other over the same pod.

use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use draingate_core::policy::{Policy, PolicyKind};
use draingate_core::world::World;
use serde_json::{Value, json};

use draingate_testing::load::{pod, review};
use draingate_testing::router;

const POLICIES: usize = 1000;
/// What the API server waits for an answer.
const CALL: Duration = Duration::from_secs(10);
/// The API server cuts all warnings when they are longer together.
const WARNINGS: usize = 4096;
/// What a person can be expected to read of a denial.
const DENIAL: usize = 64 << 10;

/// Policies of both kinds that all cover the pod; every tenth cannot be read.
fn policies() -> Vec<(PolicyKind, Value, String)> {
    let spec = |number: usize| match number {
        _ if number % 10 == 9 => json!({"budget": {"worstCaseRequestSeconds": format!("bad {number}")}}),
        _ => json!({
            "selector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", number.to_string()]}]},
            "budget": {"worstCaseRequestSeconds": number, "endpointPropagationSeconds": 1000 - number},
            "gracePeriod": {"adjust": if number.is_multiple_of(2) { "Never" } else { "Raise" }, "maxSeconds": 100 + number},
            "rules": {"short-hold": if number.is_multiple_of(3) { "Error" } else { "Off" }},
        }),
    };
    let locks = ["endpointPropagationSeconds", "drainDelaySeconds", "worstCaseRequestSeconds", "maxSeconds", "hook"];
    let both = (0..POLICIES).flat_map(|number| {
        let mut locked = spec(number);
        locked["locked"] = json!(locks);
        [
            (PolicyKind::DrainPolicy, spec(number), format!("policy-{number}")),
            (PolicyKind::ClusterDrainPolicy, locked, format!("cluster-{number}")),
        ]
    });
    both.collect()
}

/// What the webhook answers about `pod`, the policies having come in this order.
async fn answer(mode: &str, pod: &Value, policies: &[(PolicyKind, Value, String)]) -> Value {
    let mut world = World::default();
    world.set_namespace("shop", [("draingate.dev/mode".to_owned(), mode.to_owned())].into());
    for (kind, spec, name) in policies {
        let namespace = if *kind == PolicyKind::DrainPolicy { "shop" } else { "" };
        let created = Some("2026-01-01T00:00:00Z".to_owned());
        world.set_policy(*kind, namespace, Policy::read(*kind, namespace, name, created, spec));
    }
    router::answer(Arc::new(RwLock::new(world)), None, "/validate", review(pod)).await
}

/// A pod with weaker settings of its own, most of them unreadable, in 100 containers.
fn quarrelsome() -> Value {
    let mut pod = pod("shop");
    let mut annotations = json!({"draingate.dev/endpoint-propagation-seconds": "1", "draingate.dev/hook": "what",
        "draingate.dev/worst-case-request-seconds": "1", "draingate.dev/drain-delay-seconds": "-1"});
    let containers = (0..100).map(|number| {
        let name = format!("container-{number}");
        annotations[format!("prestop-seconds.draingate.dev/{name}")] = "soon".into();
        annotations[format!("worst-case-request-seconds.draingate.dev/{name}")] = "1".into();
        json!({"name": name, "image": "app", "ports": [{"containerPort": 80}],
            "lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", format!("sleep {number}")]}}}})
    });
    pod["spec"]["containers"] = containers.collect();
    pod["metadata"]["annotations"] = annotations;
    pod
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_policies_in_conflict() {
    let forwards = policies();
    let backwards: Vec<_> = forwards.iter().rev().cloned().collect();
    let mut mixed = forwards.clone();
    mixed.sort_by_key(|(_, _, name)| name.bytes().rev().collect::<Vec<_>>());
    for (mode, what, pod) in [
        ("enforce", "a plain pod", pod("shop")),
        ("enforce", "100 containers", quarrelsome()),
        ("warn", "100 containers", quarrelsome()),
    ] {
        let mut answers = Vec::new();
        let mut slowest = Duration::ZERO;
        for order in [&forwards, &backwards, &mixed] {
            let begun = Instant::now();
            answers.push(answer(mode, &pod, order).await);
            slowest = slowest.max(begun.elapsed());
        }
        let warnings: Vec<&str> =
            answers[0]["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let size: usize = warnings.iter().map(|warning| warning.len()).sum();
        let denial = answers[0]["status"]["message"].as_str().unwrap_or_default();
        let audit = answers[0]["auditAnnotations"].to_string();
        println!(
            "2 x {POLICIES} policies over {what}, {mode}: {} warnings of {size} bytes, a denial of {} bytes, audit \
             annotations of {} bytes, the same in any order, {slowest:.1?} with the reading of the policies",
            warnings.len(),
            denial.len(),
            audit.len()
        );
        assert_eq!(answers[0], answers[1], "{what}, {mode}");
        assert_eq!(answers[0], answers[2], "{what}, {mode}");
        assert_eq!(answers[0]["allowed"], mode != "enforce");
        assert!(!denial.is_empty() || !warnings.is_empty());
        assert!(warnings.iter().all(|warning| warning.chars().count() <= 120), "{warnings:#?}");
        assert!(size <= WARNINGS && denial.len() <= DENIAL && audit.len() <= 8 << 10, "{denial}");
        assert!(slowest < CALL);
    }
}
