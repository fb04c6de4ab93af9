//! What is suggested, and that it is a policy.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::measure::Stop;
use super::seen::{ContainerSeen, State};
use super::suggest::suggest;
use super::tally::Tallies;
use super::tests::{container, duty, ended, ms, sidecar, stop_with};
use draingate_core::pod::Role;
use draingate_core::policy::{Policy, PolicyKind};
use draingate_core::world::World;
use draingate_core::{manifest, objects};

fn yaml(text: &str) -> Value {
    manifest::parse(&manifest::documents(text)[0]).unwrap()
}

fn world(objects: &str) -> World {
    let mut world = World::default();
    for document in manifest::documents(objects) {
        objects::add(&mut world, &manifest::parse(&document).unwrap(), None).unwrap();
    }
    world
}

/// A serving pod of Deployment shop/web: its hook is the hold of 10 s.
fn pod(extra: &str) -> String {
    let pod = format!(
        "{{metadata: {{name: web-5d8-1, namespace: shop, labels: {{app: web, pod-template-hash: 5d8}} {extra}}}, \
        spec: {{terminationGracePeriodSeconds: 30, \
        containers: [{{name: app, ports: [{{containerPort: 80}}], lifecycle: {{preStop: {{sleep: {{seconds: 10}}}}}}}}], \
        initContainers: [{{name: proxy, restartPolicy: Always}}]}}}}"
    );
    yaml(&pod).to_string()
}

fn stop(sample: &str, grace: u64, app: State, proxy: State) -> Stop {
    let duties = vec![duty("app", Role::App, Some(10), 10), duty("proxy", Role::NativeSidecar, Some(0), 10)];
    let ends: Vec<ContainerSeen> = vec![container("app", app), sidecar("proxy", proxy)];
    Stop { sample: Some(sample.into()), ..stop_with(grace, ends, duties) }
}

fn killed() -> Stop {
    stop(&pod(""), 30, ended(30, 137, "Error"), ended(30, 0, ""))
}

/// The text, and the policies in it, which Draingate's own reader must take.
fn suggested(stops: Vec<Stop>, world: &World) -> (String, Vec<Value>) {
    let mut tallies = Tallies::default();
    stops.into_iter().for_each(|stop| tallies.add(stop));
    let text = suggest(&tallies, world, &BTreeMap::new(), "From some stops.");
    let policies: Vec<_> = manifest::documents(&text)
        .iter()
        .map(|document| manifest::parse(document).unwrap_or_else(|problem| panic!("{problem}: {text}")))
        .filter(|object| !object.is_null())
        .collect();
    for policy in &policies {
        assert_eq!((&policy["apiVersion"], &policy["kind"]), (&json!("draingate.dev/v1alpha1"), &json!("DrainPolicy")));
        Policy::read(PolicyKind::DrainPolicy, "shop", "observed-web", None, &policy["spec"]).unwrap();
    }
    (text, policies)
}

#[test]
fn a_container_that_was_killed_needs_more_than_it_got() {
    let clean = stop(&pod(""), 30, ended(14, 0, ""), ended(14, 0, ""));
    let (text, policies) = suggested(vec![killed(), clean], &World::default());
    assert_eq!(policies.len(), 1);
    assert_eq!(policies[0]["metadata"], json!({"name": "observed-web", "namespace": "shop"}));
    assert_eq!(
        policies[0]["spec"],
        json!({"selector": {"matchLabels": {"app": "web"}}, "budget": {"worstCaseRequestSeconds": 21}})
    );
    let line = text.lines().find(|line| line.contains("worstCaseRequestSeconds")).unwrap();
    for part in
        ["2 stops", "p99 30 s", "max 30 s", "killed 1", "more than 20 s", "unknown, because it was cut", "built-in"]
    {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(text.contains("need a grace of 38 s"), "{text}");
    assert!(!text.contains("hears SIGTERM"));
    assert!(suggested(vec![killed()], &World::default()).0.contains("killed in every stop that was seen"));
    let docs = include_str!("../../docs/observe.md");
    let shown = text.strip_prefix("# From some stops.\n").unwrap();
    assert!(docs.contains(shown), "docs/observe.md does not show {shown}");
}

#[test]
fn a_stop_that_was_not_cut_proves_only_what_it_took() {
    let took = |seconds| stop(&pod(""), 60, ended(seconds, 0, ""), ended(seconds, 0, ""));
    // 10 + 15, and a second of resolution.
    let (text, policies) = suggested(vec![took(26)], &World::default());
    assert!(policies.is_empty() && text.contains("shop: no setting was proven too small"), "{text}");
    assert!(text.lines().all(|line| line.starts_with('#')), "{text}");
    let (text, policies) = suggested(vec![took(27)], &World::default());
    assert_eq!(policies[0]["spec"]["budget"], json!({"worstCaseRequestSeconds": 17}));
    assert!(!text.contains("cut"), "{text}");
    // Short stops lower nothing.
    let large = world(
        "{apiVersion: draingate.dev/v1alpha1, kind: DrainPolicy, metadata: {name: a, namespace: shop}, \
        spec: {profile: nlb, budget: {worstCaseRequestSeconds: 300}}}",
    );
    assert!(suggested(vec![took(12)], &large).1.is_empty());
}

#[test]
fn what_the_policy_before_it_says_is_carried_over() {
    let before = "{profile: nlb, hook: {type: HTTPGet, httpGet: {path: /drain, port: 80}, seconds: 140}, \
        gracePeriod: {maxSeconds: 500}, helpers: [{name: 'log*', stopSeconds: 3}], rules: {no-readiness: 'Off'}}";
    let policy = |spec: &str| {
        world(&format!(
            "{{apiVersion: draingate.dev/v1alpha1, kind: DrainPolicy, \
            metadata: {{name: default, namespace: shop, creationTimestamp: '2026-01-01T00:00:00Z'}}, spec: {spec}}}"
        ))
    };
    let mut stop = killed();
    // Killed at 200 s, beyond a hold of 135.
    stop.containers[0].need = Some(70);
    let (text, policies) = suggested(vec![stop.clone()], &policy(before));
    let mut expected = yaml(before);
    expected["selector"] = json!({"matchLabels": {"app": "web"}});
    expected["budget"] = json!({"worstCaseRequestSeconds": 70});
    assert_eq!(policies[0]["spec"], expected, "{text}");
    assert!(text.contains("what DrainPolicy shop/default says is carried over"), "{text}");

    // One with a selector would win against a second one: it is raised itself.
    let selective = before.replacen('{', "{selector: {matchLabels: {app: web}}, ", 1);
    let (text, policies) = suggested(vec![stop], &policy(&selective));
    assert_eq!(policies[0]["metadata"]["name"], "default", "{text}");
    assert_eq!(policies[0]["spec"], expected);
}

#[test]
fn endpoint_propagation_is_raised_by_proof_and_never_lowered() {
    let slow = |milliseconds| Stop {
        endpoint: Some(ms(milliseconds)),
        ..stop(&pod(""), 30, ended(12, 0, ""), ended(12, 0, ""))
    };
    let (text, policies) = suggested(vec![slow(200), slow(7300)], &World::default());
    assert_eq!(policies[0]["spec"]["budget"], json!({"endpointPropagationSeconds": 8}));
    let line = text.lines().find(|line| line.contains("endpointPropagationSeconds")).unwrap();
    assert!(line.contains("max 7300 ms") && line.contains("lower bound"), "{line}");
    assert!(suggested(vec![slow(200)], &World::default()).1.is_empty());
    let alb = world("{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {draingate.dev/profile: alb}}}");
    assert!(suggested(vec![slow(7300)], &alb).1.is_empty());
}

#[test]
fn a_helper_that_was_killed_gets_a_longer_stop() {
    let stop = stop(&pod(""), 30, ended(12, 0, ""), ended(30, 137, "Error"));
    let (text, policies) = suggested(vec![stop], &World::default());
    assert_eq!(policies[0]["spec"]["helpers"], json!([{"name": "proxy", "stopSeconds": 19}]), "{text}");
    assert!(policies[0]["spec"].get("budget").is_none(), "{text}");
    assert!(text.lines().any(|line| line.contains("stopSeconds") && line.contains("after SIGTERM")), "{text}");
}

#[test]
fn what_no_policy_changes_is_said() {
    // An annotation wins over every policy.
    let annotated = pod(", annotations: {draingate.dev/worst-case-request-seconds: '15'}");
    let annotated = stop(&annotated, 30, ended(30, 137, "Error"), ended(30, 0, ""));
    let (text, policies) = suggested(vec![annotated], &World::default());
    assert!(policies.is_empty() && text.contains("wins over every policy: make it 21"), "{text}");

    // The settings ask for more already.
    let enough = world(
        "{apiVersion: draingate.dev/v1alpha1, kind: DrainPolicy, metadata: {name: a, namespace: shop}, \
        spec: {budget: {worstCaseRequestSeconds: 60}}}",
    );
    let (text, policies) = suggested(vec![killed()], &enough);
    assert!(policies.is_empty() && text.contains("run with 30 s where its settings ask for 77 s"), "{text}");

    // The deletion granted less than the pod's own grace.
    let evicted = stop(&pod(""), 12, ended(12, 137, "Error"), ended(12, 0, ""));
    let (text, policies) = suggested(vec![evicted], &World::default());
    assert!(policies.is_empty() && text.contains("granted 12 s of its 30 s"), "{text}");

    // A hook that failed.
    let failed = Stop { hook_failed: true, ..stop(&pod(""), 30, ended(1, 0, ""), ended(1, 0, "")) };
    let (text, policies) = suggested(vec![failed], &World::default());
    assert!(policies.is_empty() && text.contains("a preStop hook failed in 1 of 1 stops"), "{text}");

    // The ceiling.
    let low = world(
        "{apiVersion: draingate.dev/v1alpha1, kind: DrainPolicy, metadata: {name: a, namespace: shop}, \
        spec: {gracePeriod: {maxSeconds: 30}}}",
    );
    let (text, policies) = suggested(vec![killed()], &low);
    assert_eq!(policies.len(), 1);
    assert!(text.contains("not injected") && text.contains("the ceiling is 30 s"), "{text}");
}

#[test]
fn two_workloads_get_two_policies_and_one_without_labels_the_namespaces() {
    let mut other = killed();
    other.workload.name = "api".into();
    other.sample = Some(pod("").replace("\"app\":\"web\"", "\"app\":\"api\"").into());
    let (text, policies) = suggested(vec![killed(), other], &World::default());
    let names: Vec<_> = policies.iter().map(|policy| policy["metadata"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["observed-api", "observed-web"], "{text}");

    let mut bare = killed();
    bare.sample = Some(pod("").replace("\"app\":\"web\",", "").into());
    let (text, policies) = suggested(vec![bare], &World::default());
    assert_eq!(
        (&policies[0]["metadata"]["name"], policies[0]["spec"].get("selector")),
        (&json!("observed"), None),
        "{text}"
    );
}
