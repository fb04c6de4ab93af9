//! What judging a pod may cost.

use draingate_core::admit::Webhook;
use draingate_core::judge::{View, judge};
use draingate_core::subject::{Kind, MOST_CONTAINERS, Subject};
use draingate_core::text::MOST_PAIRS;
use serde_json::{Value, json};

use super::{denial, pod, server};
use draingate_testing::admission::{SHOP, create, world};

#[test]
fn containers_beyond_the_bound_are_an_error_and_nothing_is_injected() {
    let world = world("enforce", json!({}));
    let many = |count: usize| pod((0..count).map(|n| server(&format!("c{n}"))).collect());
    assert!(create(Webhook::Mutate, &world, Kind::Pod, &many(MOST_CONTAINERS)).answer.patch.is_some());

    let mut init = pod(vec![server("app")]);
    init["spec"]["initContainers"] = many(MOST_CONTAINERS + 1)["spec"]["containers"].clone();
    for pod in [many(MOST_CONTAINERS + 1), init, many(50_000)] {
        let text = pod.to_string();
        let subject = Subject::parse(Kind::Pod, &text).unwrap();
        assert!(subject.pod.spec.containers.len() + subject.pod.spec.init_containers.len() <= 2 * MOST_CONTAINERS);
        assert_eq!(create(Webhook::Mutate, &world, Kind::Pod, &pod).answer.patch, None);
        let denial = denial(&world, &pod);
        assert!(denial.contains("the pod has more than 500 containers"), "{denial}");
    }
}

#[test]
fn annotations_beyond_the_bound_are_an_error_and_nothing_is_injected() {
    let world = world("enforce", json!({}));
    let many = |count: usize| {
        let mut pod = pod(vec![server("app")]);
        for number in 0..count {
            pod["metadata"]["annotations"][format!("prestop-seconds.draingate.dev/c{number}")] = json!("1");
        }
        pod
    };
    assert!(create(Webhook::Mutate, &world, Kind::Pod, &many(MOST_PAIRS)).answer.patch.is_some());
    for count in [MOST_PAIRS + 1, 50_000] {
        let pod = many(count);
        let text = pod.to_string();
        let subject = Subject::parse(Kind::Pod, &text).unwrap();
        assert_eq!(subject.pod.metadata.annotations.as_ref().unwrap().ours.iter().count(), MOST_PAIRS);
        assert_eq!(create(Webhook::Mutate, &world, Kind::Pod, &pod).answer.patch, None);
        assert!(denial(&world, &pod).contains("more than 1000 annotations of draingate.dev"));
    }
}

#[test]
fn labels_beyond_the_bound_are_an_error_and_nothing_is_injected() {
    let world = world("enforce", json!({}));
    let many = |count: usize| {
        let mut pod = pod(vec![server("app")]);
        pod["metadata"]["labels"] = (0..count).map(|n| (format!("l{n}"), json!("v"))).collect();
        pod
    };
    assert!(create(Webhook::Mutate, &world, Kind::Pod, &many(MOST_PAIRS)).answer.patch.is_some());
    let pod = many(MOST_PAIRS + 1);
    assert_eq!(create(Webhook::Mutate, &world, Kind::Pod, &pod).answer.patch, None);
    assert!(denial(&world, &pod).contains("more than 1000 labels"));
}

/// Every helper is compared with every container and every other helper.
#[test]
fn a_list_of_helpers_beyond_the_bound_counts_as_absent() {
    let judged = |count: usize| {
        let names: Vec<String> = (0..count).map(|number| format!("h{number}")).collect();
        let mut pod = pod(vec![server("app"), server("h0")]);
        pod["metadata"]["annotations"]["draingate.dev/helpers"] = json!(names.join(","));
        let answer = create(Webhook::Validate, &world("audit", json!({})), Kind::Pod, &pod).answer;
        (answer.audit.get("findings").cloned().unwrap_or_default(), answer.audit["would-inject"].clone())
    };
    let (findings, plan) = judged(64);
    assert!(!findings.contains("invalid-setting") && plan.contains("helper \"h0\""), "{findings}: {plan}");
    let (findings, plan) = judged(65);
    assert!(findings.contains("invalid-setting") && !plan.contains("helper"), "{findings}: {plan}");
}

#[test]
fn a_command_beyond_the_bound_has_no_length_and_is_no_hook_of_a_policy() {
    let words = |count: usize| vec!["-x"; count];
    let seconds = |command: Vec<&str>, policy: Value| {
        let mut app = server("app");
        app["lifecycle"] = json!({"preStop": {"exec": {"command": command}}});
        let mut pod = pod(vec![app]);
        pod["metadata"]["annotations"]["draingate.dev/injected"] = json!(r#"{"hooks":{"app":7}}"#);
        let (world, text) = (world("audit", policy), pod.to_string());
        let subject = Subject::parse(Kind::Pod, &text).unwrap();
        judge(&subject, &world.context(SHOP), View::AsWritten).standing.containers[0].hook_source.as_str()
    };
    let shell = |flags: usize| [vec!["sh"], words(flags), vec!["-c", "sleep 7"]].concat();
    assert_eq!(seconds(shell(97), json!({})), "written");
    assert_eq!(seconds([shell(97), vec!["more"]].concat(), json!({})), "assumed");
    let policy = json!({"hook": {"type": "Exec", "exec": {"command": words(100)}, "seconds": 7}});
    assert_eq!(seconds(words(100), policy.clone()), "injected");
    assert_eq!(seconds(words(101), policy), "assumed");
}

#[test]
fn the_last_of_repeated_labels_and_annotations_counts() {
    let text = r#"{"metadata": {"labels": {"b": "1", "a": "1", "b": "2"}, "annotations": {
        "draingate.dev/skip": "first", "draingate.dev/hook": "none", "draingate.dev/skip": "last"}}, "spec": {}}"#;
    let subject = Subject::parse(Kind::Pod, text).unwrap();
    let metadata = &subject.pod.metadata;
    assert_eq!((metadata.labels.get("b"), metadata.labels.get("c")), (Some("2"), None));
    assert_eq!(metadata.annotations.as_ref().unwrap().get("draingate.dev/skip"), Some("last"));
}
