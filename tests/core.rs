//! What no case says of the core: parts that need no pod, pods that no manifest is, and the edges of what is read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use draingate::core::finding::Code;
use draingate::core::judge::{Judgement, Skip, View, judge, patch_for, rejects};
use draingate::core::keys::is_name;
use draingate::core::mode::Mode;
use draingate::core::plan::Refusal;
use draingate::core::policy::{Lock, Policy, PolicyKind, PolicySpec};
use draingate::core::subject::{Kind, Subject};
use draingate::core::text::{MOST_PAIRS, Pairs, quote, sentence};
use draingate::core::world::{SleepSupport, World};
use serde_json::{Value, json};

const SHOP: &str = "shop";

fn judged<T>(world: &World, kind: Kind, object: &Value, view: View, look: impl FnOnce(&Judgement) -> T) -> T {
    let text = object.to_string();
    let subject = Subject::parse(kind, &text).unwrap();
    look(&judge(&subject, &world.context(SHOP), view))
}

fn app(lifecycle: Value) -> Value {
    let mut container = json!({"name": "app", "ports": [{"containerPort": 80}]});
    if !lifecycle.is_null() {
        container["lifecycle"] = lifecycle;
    }
    json!({"metadata": {"name": "web"}, "spec": {"containers": [container]}})
}

fn policy(spec: Value) -> World {
    let mut world = World::default();
    world.set_policy(PolicyKind::DrainPolicy, SHOP, Policy::read(PolicyKind::DrainPolicy, SHOP, "p", None, &spec));
    world
}

// ---- Modes

#[test]
fn a_mode_is_its_label() {
    for (mode, label, injects) in [
        (Mode::Off, "off", false),
        (Mode::Audit, "audit", false),
        (Mode::Warn, "warn", false),
        (Mode::Inject, "inject", true),
        (Mode::Enforce, "enforce", true),
    ] {
        assert_eq!(Mode::from_label(Some(label), Mode::Off), Ok(mode));
        assert_eq!((mode.as_str(), mode.to_string().as_str(), mode.injects()), (label, label, injects));
    }
    assert_eq!(Mode::from_label(None, Mode::Warn), Ok(Mode::Warn));
    assert_eq!(Mode::from_label(Some("Enforce"), Mode::Audit), Err("Enforce"));
}

#[test]
fn only_enforce_rejects_and_only_pods_of_kubernetes_own_controllers_with_an_error() {
    let rejected = |mode, kind, object: &Value| {
        let text = object.to_string();
        let subject = Subject::parse(kind, &text).unwrap();
        let world = World::default();
        rejects(mode, &subject, &judge(&subject, &world.context(SHOP), View::Final))
    };
    let bad = app(json!({"preStop": {"sleep": {"seconds": 3_000}}}));
    for mode in Mode::ALL {
        assert_eq!(rejected(mode, Kind::Pod, &bad), mode == Mode::Enforce, "{mode}");
    }
    let template = json!({"metadata": {"name": "web"}, "spec": {"template": bad}});
    assert!(!rejected(Mode::Enforce, Kind::Deployment, &template));
    assert!(!rejected(Mode::Enforce, Kind::Pod, &app(json!({"preStop": {"sleep": {"seconds": 10}}}))));
    let mut foreign = bad;
    foreign["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "example.com/v1", "kind": "Mine", "controller": true}]);
    assert!(!rejected(Mode::Enforce, Kind::Pod, &foreign));
}

// ---- Who is left alone

#[test]
fn some_subjects_are_left_alone() {
    let skip = |namespace: &str, kind, object: &Value| {
        let world = World { own_namespace: Some("draingate".into()), ..World::default() };
        let text = object.to_string();
        let subject = Subject::parse(kind, &text).unwrap();
        let context = world.context(namespace);
        let skipped = judge(&subject, &context, View::AsAdmitted).skipped;
        assert_eq!(patch_for(&subject, &context).is_empty(), skipped.is_some());
        skipped
    };
    let pod = app(Value::Null);
    assert_eq!(skip(SHOP, Kind::Pod, &pod), None);
    assert_eq!(skip("draingate", Kind::Pod, &pod), Some(Skip::OwnNamespace));
    assert_eq!(skip(SHOP, Kind::Pod, &json!({"spec": {"containers": []}})), Some(Skip::NoContainers));
    let mut mirror = pod.clone();
    mirror["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "1"});
    assert_eq!(skip(SHOP, Kind::Pod, &mirror), Some(Skip::MirrorPod));
    // Nothing but a kubelet makes mirrors: in a template the mark is just an annotation.
    assert_eq!(skip(SHOP, Kind::Deployment, &json!({"spec": {"template": mirror}})), None);
}

// ---- How waits are written

#[test]
fn waits_are_written_as_the_cluster_takes_them() {
    let on = |sleep: SleepSupport, windows: bool| {
        let world = World { sleep, ..World::default() };
        let mut pod = app(Value::Null);
        if windows {
            pod["spec"]["os"] = json!({"name": "windows"});
        }
        judged(&world, Kind::Pod, &pod, View::AsAdmitted, |judgement| {
            let patch = serde_json::to_value(&judgement.patch).unwrap();
            (patch[0]["value"]["preStop"].clone(), judgement.plan.refused.clone(), judgement.plan.required)
        })
    };
    let because = || "kubelet v1.28 on a".to_owned();
    let exec = || SleepSupport::Exec { because: because() };
    let sleep = json!({"sleep": {"seconds": 10}});
    assert_eq!(on(SleepSupport::Native, false), (sleep.clone(), None, Some(30)));
    assert_eq!(on(SleepSupport::Native, true), (sleep, None, Some(30)));
    assert_eq!(on(exec(), false), (json!({"exec": {"command": ["sleep", "10"]}}), None, Some(30)));
    // Nothing is injected, and what the pod needs as it stands is still known.
    let refused = format!("{}, and a Windows pod has no sleep to run", because());
    assert_eq!(on(exec(), true), (Value::Null, Some(Refusal::NoSleep(refused)), Some(30)));
    let unsupported = SleepSupport::Unsupported { because: because() };
    assert_eq!(on(unsupported, false), (Value::Null, Some(Refusal::NoSleep(because())), Some(30)));
}

#[test]
fn a_refused_plan_says_what_its_hooks_would_need() {
    let world = policy(json!({"gracePeriod": {"adjust": "Never"}, "budget": {"worstCaseRequestSeconds": 60}}));
    judged(&world, Kind::Pod, &app(Value::Null), View::AsAdmitted, |judgement| {
        assert_eq!((judgement.plan.refused.clone(), judgement.plan.required), (Some(Refusal::NeverRaised), Some(75)));
    });
}

// ---- Which hooks are ours

fn source(spec: Value, handler: Value, record: Value) -> &'static str {
    let mut pod = app(json!({"preStop": handler}));
    pod["metadata"]["annotations"] = json!({"draingate.dev/injected": record.to_string()});
    judged(&policy(spec), Kind::Pod, &pod, View::AsWritten, |judgement| {
        judgement.standing.containers[0].hook_source.as_str()
    })
}

#[test]
fn a_hook_is_ours_only_where_it_is_what_we_would_have_written() {
    let record = || json!({"hooks": {"app": 7}});
    let of = |spec: Value, handler: Value| source(spec, handler, record());
    let none = || json!({});
    assert_eq!(of(none(), json!({"sleep": {"seconds": 7}})), "injected");
    assert_eq!(of(none(), json!({"sleep": {"seconds": 8}})), "written");
    assert_eq!(of(none(), json!({"exec": {"command": ["sleep", "7"]}})), "injected");
    assert_eq!(of(none(), json!({"exec": {"command": ["sleep", "7s"]}})), "written");
    assert_eq!(of(none(), json!({"sleep": {"seconds": 8}, "exec": {"command": ["sleep", "7"]}})), "written");

    let exec =
        |seconds: u64| json!({"hook": {"type": "Exec", "exec": {"command": ["/drain", "now"]}, "seconds": seconds}});
    assert_eq!(of(exec(7), json!({"exec": {"command": ["/drain", "now"]}})), "injected");
    assert_eq!(of(exec(8), json!({"exec": {"command": ["/drain", "now"]}})), "assumed");
    assert_eq!(of(exec(7), json!({"exec": {"command": ["/drain"]}})), "assumed");
    assert_eq!(of(exec(7), json!({"exec": {"command": ["/drain", "now"]}, "sleep": {"seconds": 9}})), "written");

    let get = |seconds: u64| json!({"hook": {"type": "HTTPGet", "httpGet": {"path": "/drain", "port": 80}, "seconds": seconds}});
    let asked = |more: Value| {
        let mut get = json!({"path": "/drain", "port": 80});
        get.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"httpGet": get})
    };
    assert_eq!(of(get(7), asked(json!({}))), "injected");
    assert_eq!(of(get(7), asked(json!({"scheme": "HTTP", "host": "", "httpHeaders": []}))), "injected");
    assert_eq!(of(get(8), asked(json!({}))), "assumed");
    for other in [
        json!({"path": "/other"}),
        json!({"port": 81}),
        json!({"port": "http"}),
        json!({"scheme": "HTTPS"}),
        json!({"host": "example.com"}),
        json!({"httpHeaders": [{"name": "a", "value": "b"}]}),
    ] {
        assert_eq!(of(get(7), asked(other.clone())), "assumed", "{other}");
    }
}

#[test]
fn a_record_that_we_cannot_have_written_is_none() {
    let grace = |from: u64, to: u64| {
        let record = json!({"hooks": {"app": 7}, "grace": {"from": from, "to": to}});
        source(json!({}), json!({"sleep": {"seconds": 7}}), record)
    };
    assert_eq!((grace(30, 31), grace(1, 86_400)), ("injected", "injected"));
    assert_eq!((grace(30, 30), grace(31, 30), grace(30, 86_401)), ("written", "written", "written"));
}

/// What is left of a record goes with its annotation, and the map only where nothing else is in it.
#[test]
fn a_record_without_a_hook_is_taken_away_alone() {
    let patch = |annotations: Value| {
        let mut pod = app(json!({"preStop": {"sleep": {"seconds": 10}}}));
        pod["metadata"]["annotations"] = annotations;
        judged(&World::default(), Kind::Pod, &pod, View::AsAdmitted, |judgement| {
            serde_json::to_value(&judgement.patch).unwrap()
        })
    };
    let record = r#"{"hooks":{"gone":7}}"#;
    assert_eq!(patch(json!({"team": "a"})), json!([]));
    assert_eq!(
        patch(json!({"draingate.dev/injected": record})),
        json!([{"op": "remove", "path": "/metadata/annotations"}])
    );
    assert_eq!(
        patch(json!({"draingate.dev/injected": record, "team": "a"})),
        json!([{"op": "remove", "path": "/metadata/annotations/draingate.dev~1injected"}])
    );
}

// ---- Policies

#[test]
fn what_may_be_locked_is_named_as_in_the_spec() {
    let names: Vec<String> = Lock::names().collect();
    assert_eq!((names.len(), names[0].as_str()), (11 + Code::ALL.len(), "endpointPropagationSeconds"));
    for name in &names {
        let lock = Lock::try_from(name.clone()).unwrap();
        assert_eq!((&lock.to_string(), &String::from(lock)), (name, name));
    }
    assert!(names.contains(&"rules.grace-budget".to_owned()));
    assert!(Lock::try_from("rules.none".to_owned()).unwrap_err().contains("\"rules.none\""));
    let schema = serde_json::to_value(schemars::schema_for!(PolicySpec)).unwrap();
    assert_eq!(schema["$defs"]["Lock"]["enum"], json!(names));
    assert_eq!(
        (PolicyKind::DrainPolicy.as_str(), PolicyKind::ClusterDrainPolicy.as_str()),
        ("DrainPolicy", "ClusterDrainPolicy")
    );
}

#[test]
fn what_a_policy_may_not_say_is_said() {
    let problem = |kind, spec: Value| Policy::read(kind, SHOP, "p", None, &spec).unwrap_err().problem;
    let own = |spec| problem(PolicyKind::DrainPolicy, spec);
    for spec in [
        json!({"locked": ["skip"]}),
        json!({"namespaceSelector": {}}),
        json!({"namespaceSelector": {}, "locked": ["skip"]}),
    ] {
        assert_eq!(own(spec), "spec: namespaceSelector and locked belong to a ClusterDrainPolicy");
    }
    for name in ["", "a*b", "a**", "**", "*a*"] {
        assert_eq!(
            own(json!({"helpers": [{"name": name}]})),
            "spec.helpers: a name may hold one * at its end",
            "{name}"
        );
    }
    for name in ["*", "a*"] {
        assert!(Policy::read(PolicyKind::DrainPolicy, SHOP, "p", None, &json!({"helpers": [{"name": name}]})).is_ok());
    }
    let empty = json!({"type": "Exec", "exec": {"command": []}, "seconds": 1});
    assert_eq!(own(json!({"hook": empty})), "spec.hook.exec.command: is empty");
    assert_eq!(
        own(json!({"budget": {"drainDelaySeconds": 86_401}})),
        "spec.budget.drainDelaySeconds: 86401 is more than 86400"
    );
}

// ---- Text

#[test]
fn a_name_is_one_segment_of_a_path() {
    for name in ["a", "a-b", "web.v2", "0", &"a".repeat(253)] {
        assert!(is_name(name), "{name}");
    }
    for text in ["", "-a", "a-", ".a", "a.", "..", "a/b", "A", "a b", "a\n", "ä", &"a".repeat(254)] {
        assert!(!is_name(text), "{text}");
    }
}

#[test]
fn foreign_text_is_escaped_and_cut() {
    assert_eq!(quote("a\"b\\c\n\u{202e}\u{200b}ä"), "\"a\\\"b\\\\c\\u{a}\\u{202e}\\u{200b}ä\"");
    assert_eq!(quote(&"x".repeat(60)), format!("\"{}\"", "x".repeat(60)));
    assert_eq!(quote(&"x".repeat(61)), format!("\"{}…\"", "x".repeat(60)));
    assert_eq!(sentence("a \"b\"\u{1b}[1m"), "a \"b\"\\u{1b}[1m");
    assert_eq!(sentence(&"ä".repeat(400)), "ä".repeat(400));
    assert_eq!(sentence(&"ä".repeat(401)), format!("{}…", "ä".repeat(400)));
}

#[test]
fn pairs_are_found_whatever_their_order_and_number() {
    let pairs = |count: usize| (0..count).rev().map(|n| (n.to_string(), n)).collect::<Vec<_>>();
    for count in [0, 1, 2, 3, 100, MOST_PAIRS, MOST_PAIRS + 1] {
        let owned = pairs(count);
        let found: Pairs = owned.iter().map(|(key, _)| (key.as_str().into(), key.as_str().into())).collect();
        assert_eq!(found.has_more(), count > MOST_PAIRS);
        assert_eq!(found.iter().count(), count.min(MOST_PAIRS));
        for (key, _) in owned.iter().take(MOST_PAIRS) {
            assert_eq!(found.get(key), Some(key.as_str()));
            let (prefix, rest) = key.split_at(key.len() / 2);
            assert_eq!(found.find(prefix, rest), Some((key.as_str(), key.as_str())));
        }
        assert_eq!((found.get("x"), found.find("1", "x")), (None, None));
    }
}
