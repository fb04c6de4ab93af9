//! What a hostile sender, pod author, policy author, label author or thief can reach: the tests that `docs/threats.md`
//! names, as far as no other file has them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "support/apiserver.rs"]
mod apiserver;
#[path = "support/case.rs"]
mod case;
#[path = "support/tls.rs"]
#[allow(dead_code, unreachable_pub)]
mod tls;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use apiserver::ApiServer;
use draingate::core::finding::{Code, Finding, Severity};
use draingate::core::judge::{Judgement, Verdict, View, judge};
use draingate::core::policy::{Policy, PolicyKind};
use draingate::core::subject::{Kind, MOST_CONTAINERS, Subject};
use draingate::core::text::MOST_PAIRS;
use draingate::core::world::World;
use draingate::metrics::Metrics;
use draingate::offline;
use draingate::webhook::admit::{self, Outcome, Webhook};
use draingate::webhook::review::Review;
use serde_json::{Value, json};
use tls::{Client, request, send};

const SHOP: &str = "shop";

/// A namespace in this mode, with one policy.
fn world(mode: &str, policy: Value) -> World {
    let mut world = World::default();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": SHOP, "labels": {"draingate.dev/mode": mode}}});
    let policy = json!({"apiVersion": "draingate.dev/v1alpha1", "kind": "DrainPolicy",
        "metadata": {"name": "default", "namespace": SHOP}, "spec": policy});
    for object in [namespace, policy] {
        offline::add(&mut world, &object, None).unwrap();
    }
    world
}

fn review_in(namespace: &str, kind: Kind, object: &Value) -> String {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "7d5c", "kind": {"group": kind.group(), "version": "v1", "kind": kind.as_str()},
        "operation": "CREATE", "namespace": namespace, "object": object}})
    .to_string()
}

fn create(webhook: Webhook, world: &World, kind: Kind, object: &Value) -> Outcome {
    let body = review_in(SHOP, kind, object);
    let review = Review::decode(body.as_bytes()).unwrap();
    admit::admit(webhook, kind, &review, world).unwrap()
}

fn pod(containers: Vec<Value>) -> Value {
    json!({"metadata": {"name": "web", "namespace": SHOP, "annotations": {}}, "spec": {"containers": containers}})
}

fn server(name: &str) -> Value {
    json!({"name": name, "ports": [{"containerPort": 80}]})
}

fn denial(world: &World, pod: &Value) -> String {
    create(Webhook::Validate, world, Kind::Pod, pod).answer.denial.expect("a denial")
}

// ---- What judging a pod may cost

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

// ---- What comes out of a pod's own text

/// Newlines, escape sequences, marks that turn text around, quotes; and longer than any line.
fn hostile() -> String {
    format!("x\n2026-01-01 INFO forged\r\u{1b}[31m\u{202e}\u{200b}\u{9b}\"\\ {}", "y".repeat(3_000))
}

fn is_raw(text: &str) -> bool {
    let hides =
        |c| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    text.contains(|c: char| c.is_control() || hides(c))
}

/// A pod, or a Deployment of it, with hostile text wherever it is read.
fn hostile_object(kind: Kind) -> Value {
    let text = hostile();
    let hooked = |handler: Value| json!({"name": text, "ports": [{"name": text}], "lifecycle": {"preStop": handler}, "readinessProbe": {"periodSeconds": 99}});
    let containers = json!([hooked(json!({"exec": {"command": ["sleep", "999"]}})), hooked(json!({"exec": {"command": [text, text]}})),
        hooked(json!({"httpGet": {"path": text, "port": text, "host": text}})), {"name": format!("envoy{text}")}, {"name": "envoy"}]);
    let mut annotations = json!({});
    for key in draingate::core::keys::POD_ANNOTATIONS.into_iter().filter(|key| *key != "draingate.dev/skip") {
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
                let told = outcome.story.iter().flat_map(|story| story.text.split('\n'));
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
        Subject::parse(Kind::Pod, &object.to_string()).unwrap_err()
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
    let patch = create(Webhook::Mutate, &self::world("inject", json!({})), Kind::Pod, &bare).answer.patch.unwrap();
    assert!(patch.len() <= 75_000, "a patch of {} bytes", patch.len());
}

/// Stories wait in a queue.
#[test]
fn a_story_is_small_and_of_a_credible_owner() {
    let world = world("enforce", json!({"gracePeriod": {"adjust": "Never"}}));
    let story = |owner: Value, name: String| {
        let mut pod = pod(vec![server_with_long_hook(&name)]);
        pod["metadata"]["ownerReferences"] = json!([owner]);
        create(Webhook::Validate, &world, Kind::Pod, &pod).story
    };
    let owner =
        || json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "1", "controller": true});
    assert!(story(owner(), "app".into()).unwrap().text.contains("shorten the preStop hook of \"app\""));
    let large = story(owner(), "n".repeat(1 << 20)).unwrap();
    assert!(large.text.len() <= 1_010, "{} bytes", large.text.len());
    for (field, value) in [("name", "a/b"), ("name", ""), ("uid", ""), ("kind", ""), ("apiVersion", "")] {
        let mut owner = owner();
        owner[field] = json!(value);
        assert_eq!(story(owner, "app".into()), None, "{field} {value:?}");
    }
    for field in ["name", "uid", "kind", "apiVersion"] {
        let mut owner = owner();
        owner[field] = json!("a".repeat(1_000));
        assert_eq!(story(owner, "app".into()), None, "{field}");
    }
}

#[test]
fn no_label_of_a_measure_comes_from_a_request() {
    let metrics = Metrics::new();
    let series = || {
        let text = metrics.render();
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

// ---- Policies and labels

fn essence(judgement: &Judgement) -> (Verdict, Option<u64>, Vec<Finding>, String) {
    let patch = serde_json::to_string(&judgement.patch).unwrap();
    (judgement.verdict(), judgement.required, judgement.findings.clone(), patch)
}

/// As strange as a policy may be.
fn hostile_policies() -> [Value; 4] {
    let rules: serde_json::Map<_, _> = Code::ALL.iter().map(|code| (code.to_string(), json!("Off"))).collect();
    [
        json!({"budget": {"worstCaseRequestSeconds": 86_400, "safetyMarginSeconds": 86_400}, "appliesTo": "All"}),
        json!({"rules": rules, "controllers": "Any", "hook": {"type": "None"}, "gracePeriod": {"adjust": "Never", "maxSeconds": 0}}),
        json!({"helpers": [{"name": "*", "role": "Helper"}], "gracePeriod": {"nodeLimitSeconds": 1}}),
        json!({"budget": 7, "locked": ["skip"]}),
    ]
}

#[test]
fn a_policy_changes_nothing_in_another_namespace() {
    for mut case in case::all() {
        let json = case.json();
        let subject = Subject::parse(case.kind, &json).unwrap();
        let before = essence(&judge(&subject, &case.world.context(&case.namespace), View::AsAdmitted));
        let mut there = 0;
        for (number, spec) in hostile_policies().iter().enumerate() {
            let (kind, name) = (PolicyKind::DrainPolicy, format!("a{number}"));
            let policy = Policy::read(kind, "elsewhere", &name, Some("1970-01-01T00:00:00Z".into()), spec);
            case.world.set_policy(kind, "elsewhere", policy);
            let elsewhere = judge(&subject, &case.world.context("elsewhere"), View::AsAdmitted);
            there += usize::from(essence(&elsewhere) != before);
        }
        assert_eq!(
            essence(&judge(&subject, &case.world.context(&case.namespace), View::AsAdmitted)),
            before,
            "{}",
            case.name
        );
        assert!(there > 0 || before.0 == Verdict::Skipped, "{}: the policies change nothing anywhere", case.name);
    }
}

/// Of its own namespace, and of the cluster.
#[test]
fn a_policy_that_cannot_be_read_only_says_so() {
    for mut case in case::all() {
        let json = case.json();
        let subject = Subject::parse(case.kind, &json).unwrap();
        let before = essence(&judge(&subject, &case.world.context(&case.namespace), View::AsAdmitted));
        if before.0 == Verdict::Skipped {
            continue;
        }
        for (kind, namespace) in
            [(PolicyKind::DrainPolicy, case.namespace.clone()), (PolicyKind::ClusterDrainPolicy, String::new())]
        {
            let broken = Policy::read(kind, &namespace, "zz-broken", None, &json!({"budget": 7}));
            assert!(broken.is_err());
            case.world.set_policy(kind, &namespace, broken);
        }
        let mut after = essence(&judge(&subject, &case.world.context(&case.namespace), View::AsAdmitted));
        after.2.retain(|finding| {
            let ours = finding.message.contains("zz-broken");
            assert!(!ours || finding.severity == Severity::Warning, "a broken policy rejects nothing");
            !ours
        });
        assert_eq!(after, before, "{}", case.name);
    }
}

/// `skip`, `hook: none` and a smaller request, against locks.
#[test]
fn what_a_cluster_policy_locks_no_annotation_opens() {
    let mut world = world("enforce", json!({}));
    let spec = json!({"budget": {"worstCaseRequestSeconds": 60}, "gracePeriod": {"adjust": "Never"}, "controllers": "Any",
        "locked": ["skip", "hook", "worstCaseRequestSeconds", "endpointPropagationSeconds", "drainDelaySeconds",
            "safetyMarginSeconds", "adjust", "controllers", "appliesTo", "rules.grace-budget"]});
    let policy = Policy::read(PolicyKind::ClusterDrainPolicy, "", "baseline", None, &spec);
    assert!(policy.is_ok(), "{policy:?}");
    world.set_policy(PolicyKind::ClusterDrainPolicy, "", policy);
    let mut pod = pod(vec![server("app")]);
    pod["metadata"]["annotations"] = json!({"draingate.dev/skip": "please", "draingate.dev/hook": "none",
        "draingate.dev/worst-case-request-seconds": "0", "worst-case-request-seconds.draingate.dev/app": "0",
        "draingate.dev/endpoint-propagation-seconds": "0", "draingate.dev/drain-delay-seconds": "0",
        "draingate.dev/safety-margin-seconds": "0"});
    // Somebody else's controller, which a policy may leave alone.
    pod["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "example.com/v1", "kind": "Mine", "name": "a", "uid": "1", "controller": true}]);
    let denial = denial(&world, &pod);
    assert!(denial.contains("terminationGracePeriodSeconds 30 < 75 needed"), "{denial}");
    pod["metadata"]["annotations"]["draingate.dev/injected"] =
        json!(r#"{"hooks":{"app":1},"grace":{"from":1,"to":30}}"#);
    assert!(self::denial(&world, &pod).contains("< 75 needed"));
}

#[test]
fn a_locked_hook_lets_no_command_in() {
    let command = json!({"hook": {"type": "Exec", "exec": {"command": ["/steal"]}, "seconds": 10}});
    let injected = |world: &World| {
        let patch = create(Webhook::Mutate, world, Kind::Pod, &pod(vec![server("app")])).answer.patch.unwrap();
        let patch: Vec<Value> = serde_json::from_slice(&patch).unwrap();
        let hook = patch.iter().find(|operation| operation["path"] == "/spec/containers/0/lifecycle").unwrap();
        hook["value"]["preStop"].clone()
    };
    let mut world = world("inject", command);
    assert_eq!(injected(&world), json!({"exec": {"command": ["/steal"]}}));
    let locked = json!({"locked": ["hook"]});
    let policy = Policy::read(PolicyKind::ClusterDrainPolicy, "", "baseline", None, &locked);
    world.set_policy(PolicyKind::ClusterDrainPolicy, "", policy);
    assert_eq!(injected(&world), json!({"sleep": {"seconds": 10}}));
}

#[test]
fn a_hook_names_no_other_host() {
    for more in [json!({"host": "example.com"}), json!({"scheme": "HTTPS"}), json!({"httpHeaders": []})] {
        let mut get = json!({"path": "/drain", "port": 80});
        get.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let spec = json!({"hook": {"type": "HTTPGet", "httpGet": get, "seconds": 1}});
        let problem = Policy::read(PolicyKind::DrainPolicy, SHOP, "p", None, &spec).unwrap_err().problem;
        assert!(problem.contains("unknown field"), "{problem}");
    }
}

#[test]
fn a_namespaces_labels_are_quoted_and_never_reject() {
    let mut world = World::default();
    let text = hostile();
    let labels = [("draingate.dev/mode", text.as_str()), ("draingate.dev/profile", text.as_str())];
    world.set_namespace(SHOP, labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
    let pod = pod(vec![server("app")]);
    let answer = create(Webhook::Validate, &world, Kind::Pod, &pod).answer;
    assert_eq!(answer.denial, None);
    assert!(answer.warnings[0].starts_with("label draingate.dev/mode=\"x\\u{a}"), "{:?}", answer.warnings);
    assert!(answer.warnings.iter().any(|line| line.contains("is no profile")), "{:?}", answer.warnings);
    assert!(answer.warnings.iter().chain(answer.audit.values()).all(|line| !is_raw(line) && line.len() <= 1_100));
    assert_eq!(create(Webhook::Mutate, &world, Kind::Pod, &pod).answer.patch, None);
}

// ---- Whoever reaches the port

/// A running `draingate serve --standalone`, ended with the test.
struct Standalone {
    child: Child,
    client: Client,
    log: Option<JoinHandle<String>>,
    _files: tempfile::TempDir,
}

impl Standalone {
    fn start() -> Standalone {
        let files = tempfile::tempdir().unwrap();
        let (policies, ca) = (files.path().join("policy.yaml"), files.path().join("ca.crt"));
        let shop = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SHOP, "labels": {"draingate.dev/mode": "enforce"}}});
        std::fs::write(&policies, shop.to_string()).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_draingate"))
            .args(["serve", "--standalone", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .args(["--log-format", "text", "--hold-seconds", "0", "--policy"])
            .arg(&policies)
            .arg("--ca-out")
            .arg(&ca)
            .env("RUST_LOG", "debug")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let address = loop {
            let mut line = String::new();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "draingate ended before it served");
            if let Some((_, rest)) = line.split_once(" serving listen=") {
                break rest.split_whitespace().next().unwrap().parse::<SocketAddr>().unwrap();
            }
        };
        let client = Client::new(address, &std::fs::read_to_string(&ca).unwrap());
        let log = std::thread::spawn(move || {
            let mut rest = String::new();
            let _ = log.read_to_string(&mut rest);
            rest
        });
        Standalone { child, client, log: Some(log), _files: files }
    }

    /// The most memory that it ever held, in MiB.
    fn peak(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() >> 10
    }

    /// Ends it, and gives what it logged.
    fn logged(mut self) -> String {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.log.take().unwrap().join().unwrap()
    }
}

impl Drop for Standalone {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Bodies just below the bound of 8 MiB, each of as many small things as fit.
fn large_bodies() -> Vec<(&'static str, String)> {
    const ROOM: usize = (8 << 20) - 4_096;
    let list = |item: &str| vec![item; ROOM / (item.len() + 1)].join(",");
    let map = |prefix: &str| {
        let mut text = String::with_capacity(ROOM);
        for number in 0.. {
            let entry = format!("\"{prefix}{number:x}\":\"\",");
            if text.len() + entry.len() > ROOM {
                break;
            }
            text.push_str(&entry);
        }
        text.trim_end_matches(',').to_owned()
    };
    let review = |object: String| {
        format!(
            "{{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"request\":{{\"uid\":\"1\",\"namespace\":\"shop\",\
            \"kind\":{{\"group\":\"\",\"version\":\"v1\",\"kind\":\"Pod\"}},\"operation\":\"CREATE\",\"object\":{object}}}}}"
        )
    };
    let spec = |containers: String| review(format!("{{\"spec\":{{\"containers\":[{containers}]}}}}"));
    let metadata = |fields: String| {
        review(format!("{{\"metadata\":{{{fields}}},\"spec\":{{\"containers\":[{{\"name\":\"a\"}}]}}}}"))
    };
    vec![
        ("containers", spec(list("{}"))),
        ("containers that serve", spec(list("{\"ports\":[1]}"))),
        (
            "words of a command",
            spec(format!("{{\"lifecycle\":{{\"preStop\":{{\"exec\":{{\"command\":[{}]}}}}}}}}", list("\"\""))),
        ),
        ("owners", metadata(format!("\"ownerReferences\":[{}]", list("{}")))),
        ("labels", metadata(format!("\"labels\":{{{}}}", map("")))),
        ("annotations", metadata(format!("\"annotations\":{{{}}}", map("draingate.dev/")))),
        (
            "annotations of containers",
            metadata(format!("\"annotations\":{{{}}}", map("prestop-seconds.draingate.dev/"))),
        ),
        (
            "helpers",
            metadata(format!(
                "\"annotations\":{{\"draingate.dev/helpers\":\"{}\"}}",
                map("").replace("\":\"\",\"", ",").trim_matches(['"', ':'])
            )),
        ),
        ("a name", spec(format!("{{\"name\":\"{}\"}}", "\\n".repeat(ROOM / 2)))),
        (
            "a grace",
            review(format!("{{\"spec\":{{\"terminationGracePeriodSeconds\":\"{}\"}}}}", "z".repeat(ROOM - 100))),
        ),
        ("an uid", review("{}".into()).replace("\"uid\":\"1\"", &format!("\"uid\":\"{}\"", "\\n".repeat(ROOM / 2)))),
        ("a field", review("{}".into()).replace("\"CREATE\"", &format!("[\"{}\"]", "z".repeat(ROOM)))),
    ]
}

/// The chart gives 256 MiB.
#[tokio::test(flavor = "multi_thread")]
async fn the_largest_bodies_stay_below_the_memory_that_the_chart_gives() {
    let server = Standalone::start();
    let one_by_one = large_bodies();
    for (what, body) in &one_by_one {
        assert!(body.len() <= 8 << 20, "{what}: {}", body.len());
        for path in ["/mutate", "/validate"] {
            let answer = send(&mut server.client.http1().await, request("POST", path, body.clone())).await;
            assert!([200, 400].contains(&answer.status), "{what}: {} {}", answer.status, answer.text);
            assert!(answer.text.len() <= 100_000, "{what}: an answer of {} bytes", answer.text.len());
        }
        assert!(server.peak() < 256, "{what}: {} MiB", server.peak());
    }
    let all_at_once = one_by_one.into_iter().map(|(_, body)| async {
        let mut connection = server.client.http1().await;
        send(&mut connection, request("POST", "/mutate", body)).await.status
    });
    let answers = futures::future::join_all(all_at_once).await;
    assert!(answers.iter().all(|status| [200, 400, 429].contains(status)), "{answers:?}");
    assert!(server.peak() < 256, "{} MiB", server.peak());
    let log = server.logged();
    let longest = log.lines().map(str::len).max().unwrap();
    assert!(longest < 4_000, "a line of {longest} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_forges_a_line_of_the_log() {
    let server = Standalone::start();
    let mut connection = server.client.http1().await;
    let forged = "\n2026-01-01T00:00:00Z ERROR draingate: forged";
    let mut hostile = hostile_object(Kind::Pod);
    hostile["metadata"]["namespace"] = json!(forged);
    let mut reviews = vec![
        json!(forged),
        json!({forged: forged}),
        serde_json::from_str(&review_in(SHOP, Kind::Pod, &hostile)).unwrap(),
    ];
    for field in ["uid", "namespace", "name", "operation", "kind", "object", "dryRun", "subResource"] {
        let mut review: Value = serde_json::from_str(&review_in(SHOP, Kind::Pod, &hostile)).unwrap();
        review["request"][field] = json!(forged);
        reviews.push(review);
    }
    let mut bad = hostile.clone();
    bad["metadata"]["labels"][forged] = json!([]);
    reviews.push(serde_json::from_str(&review_in(SHOP, Kind::Pod, &bad)).unwrap());
    for review in &reviews {
        for path in ["/mutate", "/validate", "/validate?timeout=%0A2026-01-01"] {
            let answer = send(&mut connection, request("POST", path, review.to_string())).await;
            assert!(answer.status == 200 || !is_raw(answer.text.trim_end()), "{}", answer.text);
        }
    }
    let log = server.logged();
    assert!(log.lines().filter(|line| line.contains("bad request")).count() >= 8, "{log}");
    for line in log.lines() {
        assert!(!is_raw(line) && !line.starts_with("2026-01-01"), "{line:?}");
    }
}

/// Reviews of everything that the world is made of, forged, and then the first question again.
#[tokio::test(flavor = "multi_thread")]
async fn a_forged_review_changes_no_other_answer() {
    let server = Standalone::start();
    let mut connection = server.client.http1().await;
    let question = review_in(SHOP, Kind::Pod, &pod(vec![server_with_long_hook("app")]));
    let before = send(&mut connection, request("POST", "/validate", question.clone())).await.text;
    assert!(before.contains("grace budget short"), "{before}");
    let namespace = json!({"metadata": {"name": SHOP, "labels": {"draingate.dev/mode": "off"}}});
    let policy = json!({"metadata": {"name": "a", "namespace": SHOP}, "spec": {"rules": {"grace-budget": "Off"}}});
    let service = json!({"metadata": {"name": "a", "namespace": SHOP}, "spec": {"selector": {}}});
    for (group, kind, object) in [
        ("", "Namespace", &namespace),
        ("draingate.dev", "DrainPolicy", &policy),
        ("draingate.dev", "ClusterDrainPolicy", &policy),
        ("", "Service", &service),
    ] {
        for operation in ["CREATE", "UPDATE", "DELETE"] {
            let name = &object["metadata"]["name"];
            let forged = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
                "uid": "1", "kind": {"group": group, "version": "v1", "kind": kind}, "operation": operation,
                "namespace": SHOP, "name": name, "object": object, "oldObject": object}});
            for path in ["/mutate", "/validate"] {
                assert_eq!(send(&mut connection, request("POST", path, forged.to_string())).await.status, 200);
            }
        }
    }
    assert_eq!(send(&mut connection, request("POST", "/validate", question)).await.text, before);
}

fn server_with_long_hook(name: &str) -> Value {
    let mut app = server(name);
    app["lifecycle"] = json!({"preStop": {"sleep": {"seconds": 30}}});
    app
}

// ---- The page and the supply chain

fn file(path: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Each line of the page has its test, and the test is there.
#[test]
fn every_line_of_the_page_has_its_test() {
    let page = file("docs/threats.md");
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---"));
    let rows: Vec<&str> = rows.filter(|line| !line.starts_with("| threat ")).collect();
    assert!(rows.len() >= 25, "{} lines", rows.len());
    for row in rows {
        let tests = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let named: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty() && named.len().is_multiple_of(2), "{row}");
        for pair in named.chunks(2) {
            let defined = file(pair[0]).contains(&format!("fn {}(", pair[1]));
            assert!(defined, "{} has no {}", pair[0], pair[1]);
        }
    }
}

#[test]
fn unsafe_code_is_forbidden() {
    assert!(file("Cargo.toml").contains("[lints.rust]\nunsafe_code = \"forbid\"\n"));
}

/// `make deny` looks closer.
#[test]
fn dependencies_come_from_one_registry_and_have_one_tls_stack() {
    let lock = file("Cargo.lock");
    let sources: BTreeSet<&str> = lock.lines().filter(|line| line.starts_with("source = ")).collect();
    assert_eq!(sources, BTreeSet::from(["source = \"registry+https://github.com/rust-lang/crates.io-index\""]));
    for banned in ["openssl", "openssl-sys", "native-tls", "aws-lc-sys"] {
        assert!(!lock.contains(&format!("name = \"{banned}\"\n")), "{banned}");
        assert!(file("deny.toml").contains(&format!("crate = \"{banned}\"")), "{banned}");
    }
}

// ---- A stolen service account

/// What `kubectl auth can-i` says to a service account of the chart's namespace: `resource/name` or `resource:part`.
fn can(server: &ApiServer, account: &str, verb: &str, resource: &str, place: &[&str]) -> bool {
    let account = format!("--as=system:serviceaccount:draingate:{account}");
    let (resource, part) = resource.split_once(':').unwrap_or((resource, ""));
    let part = format!("--subresource={part}");
    let arguments = [&["auth", "can-i", verb, resource, account.as_str(), part.as_str()], place].concat();
    // It fails for a no.
    server.try_kubectl(&arguments, "").is_ok_and(|answer| answer.trim() == "yes")
}

#[test]
fn real_a_stolen_token_can_do_this_and_no_more() {
    let server = ApiServer::shared();
    server
        .kubectl(&["apply", "--server-side", "-f", concat!(env!("CARGO_MANIFEST_DIR"), "/charts/draingate.yaml")], "");
    server.kubectl(&["create", "serviceaccount", "nobody", "-n", "draingate"], "");
    const ALL: &[&str] = &["-A"];
    const OWN: &[&str] = &["-n", "draingate"];
    const OTHER: &[&str] = &["-n", "kube-system"];
    // What it can do, and with it whoever holds its token.
    let may: [(&str, &str, &[&str]); 14] = [
        ("list", "pods", ALL),
        ("watch", "namespaces", ALL),
        ("watch", "services", ALL),
        ("list", "nodes", ALL),
        ("create", "events", ALL),
        ("get", "deployments.apps", ALL),
        ("patch", "drainpolicies.draingate.dev:status", ALL),
        ("patch", "mutatingwebhookconfigurations/draingate", &[]),
        ("patch", "validatingwebhookconfigurations/draingate", &[]),
        ("get", "secrets/draingate-ca", OWN),
        ("update", "secrets/draingate-ca", OWN),
        ("create", "secrets", OWN),
        ("update", "leases.coordination.k8s.io/draingate-ca", OWN),
        ("create", "leases.coordination.k8s.io", OWN),
    ];
    for (verb, resource, place) in may {
        assert!(can(server, "draingate", verb, resource, place), "cannot {verb} {resource} {place:?}");
        // And it is the chart that gives it.
        assert!(!can(server, "nobody", verb, resource, place), "anybody can {verb} {resource} {place:?}");
    }
    let may_not: [(&str, &str, &[&str]); 36] = [
        // Other people's secrets, and its own but for the one.
        ("get", "secrets", OTHER),
        ("list", "secrets", OTHER),
        ("get", "secrets/draingate-ca", OTHER),
        ("create", "secrets", OTHER),
        ("list", "secrets", OWN),
        ("watch", "secrets", OWN),
        ("get", "secrets/another", OWN),
        ("delete", "secrets/draingate-ca", OWN),
        ("create", "serviceaccounts:token", OWN),
        ("list", "configmaps", ALL),
        // Pods: to look is all.
        ("create", "pods", OWN),
        ("patch", "pods", ALL),
        ("delete", "pods", ALL),
        ("create", "pods:eviction", ALL),
        ("create", "pods:exec", ALL),
        ("get", "pods:log", ALL),
        ("watch", "pods", ALL),
        // Workloads, namespaces and nodes.
        ("patch", "deployments.apps", OWN),
        ("create", "deployments.apps", OWN),
        ("list", "deployments.apps", ALL),
        ("patch", "namespaces", ALL),
        ("delete", "namespaces", ALL),
        ("patch", "nodes", ALL),
        // Policies: their status only.
        ("create", "drainpolicies.draingate.dev", ALL),
        ("patch", "drainpolicies.draingate.dev", ALL),
        ("patch", "clusterdrainpolicies.draingate.dev", ALL),
        // Other webhooks, and its own beyond a change.
        ("patch", "mutatingwebhookconfigurations/another", &[]),
        ("patch", "validatingwebhookconfigurations/another", &[]),
        ("create", "mutatingwebhookconfigurations", &[]),
        ("delete", "validatingwebhookconfigurations/draingate", &[]),
        ("patch", "customresourcedefinitions", &[]),
        // Rights.
        ("patch", "clusterroles", &[]),
        ("create", "clusterrolebindings", &[]),
        ("create", "rolebindings", OWN),
        ("impersonate", "users", &[]),
        ("approve", "certificatesigningrequests", &[]),
    ];
    for (verb, resource, place) in may_not {
        assert!(!can(server, "draingate", verb, resource, place), "can {verb} {resource} {place:?}");
    }
}
