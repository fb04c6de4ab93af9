//! What comes out of a pod's own text.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use draingate::metrics::Registry;
use draingate::webhook::metrics::WebhookMetrics;
use draingate_core::admit::Webhook;
use draingate_core::finding::Code;
use draingate_core::policy::{Policy, PolicyKind};
use draingate_core::review::Review;
use draingate_core::subject::{Kind, MOST_CONTAINERS, Subject};
use draingate_core::text::MOST_PAIRS;
use serde_json::{Value, json};

use super::{pod, server, server_with_long_hook};
use draingate_testing::admission::{SHOP, create, world};

/// Newlines, escape sequences, marks that turn text around, quotes; and longer than any line.
pub(super) fn hostile() -> String {
    format!("x\n2026-01-01 INFO forged\r\u{1b}[31m\u{202e}\u{200b}\u{9b}\"\\ {}", "y".repeat(3_000))
}

pub(super) fn is_raw(text: &str) -> bool {
    let hides =
        |c| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    text.contains(|c: char| c.is_control() || hides(c))
}

/// A pod, or a Deployment of it, with hostile text wherever it is read.
pub(super) fn hostile_object(kind: Kind) -> Value {
    let text = hostile();
    let hooked = |handler: Value| json!({"name": text, "ports": [{"name": text}], "lifecycle": {"preStop": handler}, "readinessProbe": {"periodSeconds": 99}});
    let containers = json!([hooked(json!({"exec": {"command": ["sleep", "999"]}})), hooked(json!({"exec": {"command": [text, text]}})),
        hooked(json!({"httpGet": {"path": text, "port": text, "host": text}})), {"name": format!("envoy{text}")}, {"name": "envoy"}]);
    let mut annotations = json!({});
    for key in draingate_core::keys::POD_ANNOTATIONS.into_iter().filter(|key| *key != "draingate.dev/skip") {
        annotations[key] = json!(text);
    }
    for prefix in ["draingate.dev/", "prestop-seconds.draingate.dev/", "worst-case-request-seconds.draingate.dev/"] {
        annotations[format!("{prefix}{text}")] = json!(text);
        annotations[format!("{prefix}envoy")] = json!(text);
    }
    let owner = json!({"apiVersion": "apps/v1", "kind": text, "name": text, "uid": "1", "controller": true});
    let mut metadata = json!({"name": text, "labels": {"app": text, text.as_str(): text}, "annotations": annotations});
    let spec = json!({"containers": containers, "initContainers": [{"name": text, "restartPolicy": "Always"}]});
    match kind {
        Kind::Pod => {
            metadata["ownerReferences"] = json!([owner]);
            json!({"metadata": metadata, "spec": spec})
        }
        _ => json!({"metadata": {"name": text, "ownerReferences": [owner]},
            "spec": {"template": {"metadata": metadata, "spec": spec}}}),
    }
}

#[test]
fn hostile_text_reaches_nobody_raw_or_whole() {
    for mode in ["audit", "warn", "inject", "enforce"] {
        for controllers in ["BuiltIn", "Any"] {
            for kind in [Kind::Pod, Kind::Deployment] {
                let rules: serde_json::Map<_, _> =
                    Code::ALL.iter().map(|code| (code.to_string(), json!("Error"))).collect();
                let world = world(mode, json!({"controllers": controllers, "rules": rules}));
                let object = hostile_object(kind);
                let outcome = create(Webhook::Validate, &world, kind, &object);
                let answer = outcome.answer;
                assert!(answer.audit["findings"].contains("invalid-setting"), "{:?}", answer.audit);
                assert_eq!(answer.denial.is_some(), mode == "enforce" && controllers == "Any" && kind == Kind::Pod);
                let lines = answer
                    .denial
                    .iter()
                    .flat_map(|denial| denial.split('\n'))
                    .chain(answer.warnings.iter().map(String::as_str));
                let audit = answer.audit.values().map(String::as_str);
                let told = outcome.event.iter().flat_map(|event| event.text.split('\n'));
                for line in lines.chain(audit).chain(told) {
                    assert!(!is_raw(line), "{mode}: {line:?}");
                    assert!(line.len() <= 2_100, "{mode}: {} bytes", line.len());
                    assert!(!line.starts_with("2026-01-01"), "{line}");
                }
            }
        }
    }
    // A reason to be left alone is the author's own text.
    let mut object = hostile_object(Kind::Pod);
    object["metadata"]["annotations"]["draingate.dev/skip"] = json!(hostile());
    let answer = create(Webhook::Validate, &world("warn", json!({})), Kind::Pod, &object).answer;
    assert!(answer.warnings[0].starts_with("draingate leaves this alone"), "{:?}", answer.warnings);
    assert!(!answer.warnings.iter().chain(answer.audit.values()).any(|text| is_raw(text)));
}

#[test]
fn what_cannot_be_read_is_said_in_one_short_line() {
    let text = hostile();
    let at = |pointer: &str, value: Value| {
        let mut object = hostile_object(Kind::Pod);
        *object.pointer_mut(pointer).unwrap() = value;
        Subject::parse(Kind::Pod, &object.to_string()).unwrap_err().to_string()
    };
    let mut labels = json!({});
    labels[&text] = json!(["no string"]);
    let problems = [
        at("/spec/containers", json!(text)),
        at("/spec/containers/0/ports", json!({text.as_str(): text})),
        at("/metadata/labels", labels),
        Review::decode(format!("{{\"apiVersion\": \"admission.k8s.io/v1\", \"request\": {}}}", json!(text)).as_bytes())
            .unwrap_err(),
        Review::decode(json!({"apiVersion": text, "kind": text}).to_string().as_bytes()).unwrap_err(),
        Policy::read(PolicyKind::DrainPolicy, SHOP, "p", None, &json!({text.as_str(): 1})).unwrap_err().problem,
        Policy::read(PolicyKind::DrainPolicy, SHOP, "p", None, &json!({"profile": text})).unwrap_err().problem,
    ];
    for problem in problems {
        assert!(!is_raw(&problem), "{problem:?}");
        assert!(problem.chars().count() <= 1_200, "{} characters", problem.len());
    }
}

/// Names end up in the paths of calls to the API server, uids in log lines.
#[test]
fn a_review_with_names_that_are_none_is_refused() {
    let decode = |field: &str, value: &str, kind: &str| {
        let mut review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
            "uid": "7d5c", "kind": {"group": "", "version": "v1", "kind": kind}, "operation": "UPDATE",
            "namespace": SHOP, "name": "web"}});
        review["request"][field] = json!(value);
        Review::decode(review.to_string().as_bytes()).map(|_| ())
    };
    let hostile = hostile();
    for bad in ["a/../../secrets/b", "a?watch=1", "a%2fb", "..", ".", "A", "-a", hostile.as_str(), &"a".repeat(254)] {
        for (field, kind) in [("namespace", "Pod"), ("name", "Namespace")] {
            let problem = decode(field, bad, kind).expect_err(bad);
            assert!(!is_raw(&problem) && problem.len() < 1_000, "{problem}");
        }
    }
    for bad in [hostile.as_str(), "a b", "", &"a".repeat(129)] {
        assert!(decode("uid", bad, "Pod").is_err(), "{bad:?}");
    }
    for (field, value, kind) in [
        ("namespace", "", "Pod"),
        ("name", "", "Pod"),
        ("name", "kube-public", "Namespace"),
        ("name", "system:node:a", "Pod"),
        ("uid", "705ab4f5-6393-11e8-b7cc-42010a800002", "Pod"),
    ] {
        assert_eq!(decode(field, value, kind), Ok(()), "{field} {value}");
    }
}

#[test]
fn an_answer_is_small_whatever_the_pod() {
    let long = |n: usize| format!("{n:03}-{}", "n".repeat(59));
    let containers: Vec<Value> = (0..MOST_CONTAINERS)
        .map(|n| {
            let hook = if n % 2 == 0 {
                json!({"exec": {"command": ["sleep", "99"]}})
            } else {
                json!({"exec": {"command": ["/drain"]}})
            };
            json!({"name": long(n), "ports": [{"containerPort": 1}], "lifecycle": {"preStop": hook}})
        })
        .collect();
    let mut pod = pod(containers.clone());
    pod["spec"]["initContainers"] = containers
        .into_iter()
        .map(|mut c| {
            c["restartPolicy"] = json!("Always");
            c
        })
        .collect();
    for n in 0..MOST_PAIRS {
        pod["metadata"]["annotations"][format!("draingate.dev/{}", long(n))] = json!("z");
    }
    let world = world("enforce", json!({"gracePeriod": {"adjust": "Never"}}));
    let answer = create(Webhook::Validate, &world, Kind::Pod, &pod).answer;
    let denial = answer.denial.as_ref().unwrap();
    assert!(denial.len() <= 8_000, "{} bytes of denial", denial.len());
    assert!(denial.starts_with("pod \"web\": grace budget short by") && denial.contains('…'), "{denial}");
    assert!(denial.ends_with("draingate.dev/mode=inject --overwrite"), "{denial}");
    let size = answer.encode("7d5c").len();
    assert!(size <= 20_000, "an answer of {size} bytes");

    // A patch is a few times its pod at most: 500 containers, each with nothing but a name.
    let bare =
        json!({"spec": {"containers": (0..MOST_CONTAINERS).map(|n| server(&n.to_string())).collect::<Vec<_>>()}});
    let patch = create(Webhook::Mutate, &draingate_testing::admission::world("inject", json!({})), Kind::Pod, &bare)
        .answer
        .patch
        .unwrap();
    assert!(patch.len() <= 75_000, "a patch of {} bytes", patch.len());
}

/// Stories wait in a queue.
#[test]
fn a_story_is_small_and_of_a_credible_owner() {
    let world = world("enforce", json!({"gracePeriod": {"adjust": "Never"}}));
    let event = |owner: Value, name: String| {
        let mut pod = pod(vec![server_with_long_hook(&name)]);
        pod["metadata"]["ownerReferences"] = json!([owner]);
        create(Webhook::Validate, &world, Kind::Pod, &pod).event
    };
    let owner =
        || json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "1", "controller": true});
    assert!(event(owner(), "app".into()).unwrap().text.contains("shorten the preStop hook of \"app\""));
    let large = event(owner(), "n".repeat(1 << 20)).unwrap();
    assert!(large.text.len() <= 1_010, "{} bytes", large.text.len());
    for (field, value) in [("name", "a/b"), ("name", ""), ("uid", ""), ("kind", ""), ("apiVersion", "")] {
        let mut owner = owner();
        owner[field] = json!(value);
        assert_eq!(event(owner, "app".into()), None, "{field} {value:?}");
    }
    for field in ["name", "uid", "kind", "apiVersion"] {
        let mut owner = owner();
        owner[field] = json!("a".repeat(1_000));
        assert_eq!(event(owner, "app".into()), None, "{field}");
    }
}

#[test]
fn no_label_of_a_measure_comes_from_a_request() {
    let mut registry = Registry::default();
    let metrics = WebhookMetrics::register(&mut registry);
    let series = || {
        let text = registry.render();
        text.lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.rsplit_once(' ').unwrap().0.to_owned())
            .collect::<BTreeSet<_>>()
    };
    let send = |number: usize| {
        for mode in ["audit", "warn", "inject", "enforce", "off", "unknown"] {
            let world = world(mode, json!({"controllers": "Any"}));
            for webhook in [Webhook::Mutate, Webhook::Validate] {
                let mut skipped = pod(vec![server(&format!("app-{number}"))]);
                skipped["metadata"]["annotations"]["draingate.dev/skip"] = json!(format!("reason {number}"));
                let mut object = hostile_object(Kind::Pod);
                object["metadata"]["name"] = json!(format!("pod-{number}"));
                for object in [object, skipped, pod(vec![server(&format!("app-{number}"))])] {
                    metrics.admitted(webhook, &create(webhook, &world, Kind::Pod, &object));
                }
            }
        }
    };
    send(0);
    let first = series();
    (1..20).for_each(send);
    assert_eq!(series(), first);
    let text = first.iter().fold(String::new(), |mut text, line| {
        writeln!(text, "{line}").unwrap();
        text
    });
    for foreign in [SHOP, "pod-", "app-", "forged", "reason ", "default"] {
        assert!(!text.contains(foreign), "{foreign}:\n{text}");
    }
}
