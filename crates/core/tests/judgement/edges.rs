//! What no case says of the core: parts that need no pod, pods that no manifest is, and the edges of what is read.

use draingate_core::finding::Code;
use draingate_core::judge::{Judgement, Skip, View, judge, patch_for, rejects};
use draingate_core::keys::{MEASURED, is_name};
use draingate_core::measured::Day;
use draingate_core::mode::Mode;
use draingate_core::owner::Owner;
use draingate_core::plan::Refusal;
use draingate_core::policy::{Lock, Policy, PolicyKind, PolicySpec};
use draingate_core::subject::{Kind, Subject};
use draingate_core::text::{MOST_PAIRS, Pairs, quote, sentence};
use draingate_core::world::{Service, SleepSupport, World};
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
        let mut world = World::default();
        world.own_namespace = Some("draingate".into());
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
        let mut world = World::default();
        world.sleep = sleep;
        let mut pod = app(Value::Null);
        if windows {
            pod["spec"]["os"] = json!({"name": "windows"});
        }
        judged(&world, Kind::Pod, &pod, View::AsAdmitted, |judgement| {
            let patch = serde_json::to_value(judgement.patch.operations()).unwrap();
            let hook =
                patch.as_array().unwrap().iter().find(|operation| operation["path"] == "/spec/containers/0/lifecycle");
            (
                hook.map_or(Value::Null, |hook| hook["value"]["preStop"].clone()),
                judgement.plan.refused.clone(),
                judgement.plan.required,
            )
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
    assert_eq!((grace(30, 31), grace(1, 2_592_000)), ("injected", "injected"));
    assert_eq!((grace(30, 30), grace(31, 30), grace(30, 2_592_001)), ("written", "written", "written"));
}

/// What is left of a record goes with its annotation, and the map only where nothing else is in it.
#[test]
fn a_record_without_a_hook_is_taken_away_alone() {
    let patch = |annotations: Value| {
        let mut pod = app(json!({"preStop": {"sleep": {"seconds": 10}}}));
        pod["metadata"]["annotations"] = annotations;
        judged(&World::default(), Kind::Pod, &pod, View::AsAdmitted, |judgement| {
            serde_json::to_value(judgement.patch.operations()).unwrap()
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
    assert_eq!((names.len(), names[0].as_str()), (12 + Code::ALL.len(), "endpointPropagationSeconds"));
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
    let reads = |spec: Value| Policy::read(PolicyKind::DrainPolicy, SHOP, "p", None, &spec).is_ok();
    for (list, bad) in [("helpers", &["", "a*b", "a**", "**"][..]), ("servers", &["", "a*b", "a**", "**", "*"])] {
        for text in bad {
            let expected = format!("spec.{list}: {text:?} is no pattern: a * stands at either end or nowhere");
            assert_eq!(own(json!({list: [{"name": text}]})), expected);
            assert_eq!(own(json!({list: [{"image": text}]})), expected);
        }
        for text in ["a", "a*", "*a", "*a*"] {
            assert!(reads(json!({list: [{"name": text}, {"image": text}]})), "{text}");
        }
        for entry in [json!({}), json!({"name": "a", "image": "a"})] {
            let expected = format!("spec.{list}: an entry has a name or an image, one of them");
            assert_eq!(own(json!({list: [entry]})), expected);
        }
    }
    assert!(reads(json!({"helpers": [{"name": "*"}]})) && !reads(json!({"helpers": [{"image": "*"}]})));
    let empty = json!({"type": "Exec", "exec": {"command": []}, "seconds": 1});
    assert_eq!(own(json!({"hook": empty})), "spec.hook.exec.command: is empty");
    assert_eq!(
        own(json!({"budget": {"drainDelaySeconds": 2_592_001}})),
        "spec.budget.drainDelaySeconds: 2592001 is more than 2592000"
    );
}

// ---- Findings at their edges

/// `code: message` of every finding, with the first fix.
fn said(world: &World, kind: Kind, object: &Value) -> Vec<String> {
    judged(world, kind, object, View::AsAdmitted, |judgement| {
        let line = |f: &draingate_core::finding::Finding| {
            format!(
                "{}: {} {}",
                f.code,
                f.message,
                f.detail.iter().chain(&f.fixes).cloned().collect::<Vec<_>>().join(" | ")
            )
        };
        judgement.findings.iter().map(line).collect()
    })
}

#[test]
fn an_exec_sleep_as_long_as_the_grace_may_be_native() {
    let fix = |seconds: u64| {
        let hook = json!({"preStop": {"exec": {"command": ["sleep", seconds.to_string()]}}});
        let said = said(&policy(json!({"gracePeriod": {"adjust": "Never"}})), Kind::Pod, &app(hook));
        said.into_iter().find(|line| line.starts_with("shell-hook")).unwrap()
    };
    assert!(fix(30).ends_with("seconds: 30}}}"), "{}", fix(30));
    assert!(fix(31).ends_with("seconds: 31}}}, and spec.terminationGracePeriodSeconds: 51"), "{}", fix(31));
}

#[test]
fn readiness_is_slow_only_beyond_the_endpoint_propagation() {
    let slow = |e: u64| {
        let spec = json!({"hook": {"type": "None"}, "budget": {"endpointPropagationSeconds": e}});
        let mut pod = app(Value::Null);
        pod["spec"]["containers"][0]["readinessProbe"] = json!({"periodSeconds": 4, "failureThreshold": 2});
        said(&policy(spec), Kind::Pod, &pod).iter().any(|line| line.starts_with("slow-readiness"))
    };
    assert_eq!((slow(7), slow(8), slow(9)), (true, false, false));
}

#[test]
fn where_no_wait_can_be_written_a_short_hold_says_so() {
    let mut world = policy(json!({}));
    world.sleep = SleepSupport::Unsupported { because: "kubelet v1.28 on a".into() };
    let said = said(&world, Kind::Pod, &app(Value::Null));
    let line = said.iter().find(|line| line.starts_with("short-hold")).unwrap();
    assert!(line.contains("nothing injected: kubelet v1.28 on a; serve --hook-fallback exec opts in"), "{line}");
}

#[test]
fn a_rollout_dips_by_what_its_controller_rounds_to() {
    let dip = |kind: Kind, spec: Value| {
        let mut object = json!({"metadata": {"name": "web"}, "spec": spec});
        object["spec"]["template"] = app(Value::Null);
        let said = said(&policy(json!({"rules": {"capacity-dip": "Warning"}})), kind, &object);
        let line = said.into_iter().find(|line| line.starts_with("capacity-dip"))?;
        let (_, rest) = line.split_once(" may run ")?;
        rest.split(' ').next()?.parse::<i64>().ok()
    };
    let deployment = |replicas: i64, unavailable: Value, surge: Value| {
        let update = json!({"maxUnavailable": unavailable, "maxSurge": surge});
        dip(Kind::Deployment, json!({"replicas": replicas, "strategy": {"rollingUpdate": update}}))
    };
    // Unavailable rounds down, surge up.
    assert_eq!(deployment(10, json!("25%"), json!("25%")), Some(2));
    assert_eq!(deployment(3, json!("25%"), json!("1%")), None);
    assert_eq!(deployment(3, json!("25%"), json!("0%")), Some(1));
    assert_eq!(deployment(3, json!(0), json!(0)), Some(1));
    assert_eq!(deployment(3, json!(0), json!(1)), None);
    assert_eq!(deployment(3, json!(1), json!(0)), Some(1));
    assert_eq!(deployment(2, json!(5), json!(0)), Some(2));
    assert_eq!(deployment(0, json!(0), json!(0)), None);
    assert_eq!(deployment(1, json!("100%"), json!(0)), Some(1));
    assert_eq!(dip(Kind::Deployment, json!({"replicas": 8})), Some(2));
    assert_eq!(dip(Kind::Deployment, json!({"replicas": 3})), None);
    assert_eq!(dip(Kind::Deployment, json!({"replicas": 3, "strategy": {"type": "Recreate"}})), Some(3));

    let daemons =
        |surge: Value| dip(Kind::DaemonSet, json!({"updateStrategy": {"rollingUpdate": {"maxSurge": surge}}}));
    assert_eq!((daemons(json!(1)), daemons(json!("10%"))), (None, None));
    assert_eq!((daemons(json!(0)), daemons(json!("0%")), daemons(Value::Null)), (Some(1), Some(1), Some(1)));
    for kind in [Kind::DaemonSet, Kind::StatefulSet] {
        assert_eq!(dip(kind, json!({"replicas": 2, "updateStrategy": {"type": "OnDelete"}})), None);
        assert_eq!(dip(kind, json!({"replicas": 2})), Some(1));
    }
    assert_eq!(dip(Kind::ReplicaSet, json!({"replicas": 3})), None);
}

/// The chain of waits that decides: at a tie the one that leads over the apps.
#[test]
fn at_a_tie_the_waits_of_the_apps_are_told() {
    let sum = |sidecar: Value, helper: Value| {
        let mut pod = app(json!({"preStop": {"sleep": {"seconds": 10}}}));
        let more = json!({"name": "envoy", "lifecycle": helper});
        pod["spec"]["containers"].as_array_mut().unwrap().push(more);
        pod["spec"]["initContainers"] = json!([{"name": "log", "restartPolicy": "Always", "lifecycle": sidecar}]);
        pod["spec"]["terminationGracePeriodSeconds"] = json!(1);
        let spec = json!({"gracePeriod": {"adjust": "Never"}, "helpers": [{"name": "envoy", "stopSeconds": 2}]});
        let said = said(&policy(spec), Kind::Pod, &pod);
        said.into_iter().find(|line| line.starts_with("grace-budget")).unwrap()
    };
    let sleep = |seconds: u64| json!({"preStop": {"sleep": {"seconds": seconds}}});
    // The app is done at 25, and envoy is gone 2 s later.
    let tie = sum(sleep(27), sleep(25));
    assert!(tie.contains("hold 10 (preStop sleep of \"app\")"), "{tie}");
    let helper = sum(sleep(0), sleep(26));
    assert!(helper.contains("hold 26 (preStop sleep of \"envoy\")") && !helper.contains("request"), "{helper}");
    let sidecar = sum(sleep(28), sleep(25));
    assert!(
        sidecar.contains("hold 28 (preStop sleep of \"log\")") && !sidecar.contains("stop of \"envoy\""),
        "{sidecar}"
    );
}

// ---- Layers

fn with_cluster(cluster: Value, own: Value) -> World {
    let mut world = policy(own);
    let cluster = Policy::read(PolicyKind::ClusterDrainPolicy, "", "c", None, &cluster);
    assert!(cluster.is_ok(), "{cluster:?}");
    world.set_policy(PolicyKind::ClusterDrainPolicy, "", cluster);
    world
}

#[test]
fn a_measured_propagation_says_when_and_whether_that_is_long_ago() {
    let said = |stated: u64, today: Option<&str>| {
        let measured = json!({"endpointPropagationSeconds": 14, "date": "2026-01-31", "samples": 30, "rounds": 10,
            "via": "cluster-ip", "largestMilliseconds": 9955});
        let annotations = json!({MEASURED: measured.to_string()});
        let spec = json!({"budget": {"endpointPropagationSeconds": stated}, "locked": ["endpointPropagationSeconds"]});
        let policy = Policy::read(PolicyKind::ClusterDrainPolicy, "", "c", None, &spec).unwrap();
        let mut world = World::default();
        world.today = today.map(|date| Day::try_from(date.to_owned()).unwrap());
        let policy = policy.with_annotations(Some(&annotations));
        world.set_policy(PolicyKind::ClusterDrainPolicy, "", Ok(policy));
        let source = |judgement: &Judgement| judgement.settings.endpoint_propagation.source.to_string();
        judged(&world, Kind::Pod, &app(Value::Null), View::AsAdmitted, source)
    };
    let fresh = "ClusterDrainPolicy c, measured on 2026-01-31, 30 samples";
    assert_eq!((said(14, None), said(14, Some("2026-07-30"))), (fresh.to_owned(), fresh.to_owned()));
    assert_eq!(said(14, Some("2026-07-31")), format!("{fresh}, 181 days old: measure again"));
    // Somebody has changed it since.
    assert_eq!(said(15, None), "ClusterDrainPolicy c");
}

#[test]
fn a_value_equal_to_a_locked_one_is_taken_without_a_word() {
    let spec = json!({"gracePeriod": {"nodeLimitSeconds": 100, "adjust": "Never"}, "budget": {"drainDelaySeconds": 9}});
    let mut locked = spec.clone();
    locked["locked"] = json!(["nodeLimitSeconds", "adjust", "drainDelaySeconds"]);
    judged(&with_cluster(locked, spec), Kind::Pod, &app(Value::Null), View::AsAdmitted, |judgement| {
        let settings = &judgement.settings;
        for source in [settings.node_limit.unwrap().source, settings.adjust.source, settings.drain_delay.source] {
            assert_eq!(source.to_string(), "DrainPolicy shop/p");
        }
        assert!(judgement.findings.iter().all(|finding| finding.code != Code::LockedSetting));
    });
}

#[test]
fn a_locked_rule_is_only_made_stricter() {
    let severity = |own: &str| {
        let cluster = json!({"rules": {"short-hold": "Warning"}, "locked": ["rules.short-hold"]});
        let world = with_cluster(cluster, json!({"rules": {"short-hold": own}}));
        judged(&world, Kind::Pod, &app(Value::Null), View::AsWritten, |judgement| {
            let of = |code| judgement.findings.iter().find(|f| f.code == code).map(|f| f.severity.as_str());
            (of(Code::ShortHold).unwrap(), of(Code::LockedSetting).is_some())
        })
    };
    assert_eq!(severity("Error"), ("error", false));
    assert_eq!(severity("Warning"), ("warning", false));
    assert_eq!(severity("Off"), ("warning", true));
}

#[test]
fn annotations_are_read_whole_or_count_as_absent() {
    let told = |key: &str, value: &str| {
        let mut pod = app(json!({"preStop": {"sleep": {"seconds": 10}}}));
        pod["metadata"]["annotations"] = json!({key: value});
        judged(&World::default(), Kind::Pod, &pod, View::AsAdmitted, |judgement| {
            let finding = judgement.findings.iter().find(|f| f.code == Code::InvalidSetting);
            (judgement.skipped.is_some(), finding.map(|f| (f.severity.as_str(), f.message.clone(), f.fixes.clone())))
        })
    };
    let bad = |key: &str, value: &str| told(key, value).1.map(|(severity, ..)| severity);
    assert!(told("draingate.dev/skip", "a reason").0);
    for blank in ["", " ", "\t\n"] {
        assert_eq!((told("draingate.dev/skip", blank).0, bad("draingate.dev/skip", blank)), (false, Some("error")));
    }
    for helpers in ["a", "a,b", " a , b = 10 ", "a-1*", "*", "a=0", "a=2592000"] {
        assert_eq!(bad("draingate.dev/helpers", helpers), None, "{helpers}");
    }
    for helpers in
        ["", ",", "a,", "a,,b", "A", "a b", "a*b", "**", "a=", "a=x", "a=-1", "a=2592001", "=1", "a=1=2", "a_b"]
    {
        assert_eq!(bad("draingate.dev/helpers", helpers), Some("error"), "{helpers}");
    }
    for seconds in ["0", "0000000", "2592000"] {
        assert_eq!(bad("draingate.dev/safety-margin-seconds", seconds), None, "{seconds}");
    }
    for seconds in ["", "-1", "+1", "1.5", " 1", "1s", "2592001", "00000000", "\u{661}"] {
        assert_eq!(bad("draingate.dev/safety-margin-seconds", seconds), Some("error"), "{seconds}");
    }
    // What is not ours is nobody's business here; what only looks like ours is told, with what was meant.
    for key in ["team", "example.com/draingate.dev", "xdraingate.dev/skip", "draingate.dev.example.com/skip"] {
        assert_eq!(told(key, "1").1, None, "{key}");
    }
    let (severity, message, fixes) = told("draingate.dev/safety-margin", "7").1.unwrap();
    assert_eq!(severity, "warning");
    assert_eq!(message, "annotation draingate.dev/safety-margin: is not one that Draingate knows");
    assert_eq!(fixes, ["draingate.dev/safety-margin-seconds: \"7\""]);
    for (key, meant) in [("zz", None), ("dr-x", None), ("dra-x", Some("draingate.dev/drain-delay-seconds: \"7\""))] {
        let (_, _, fixes) = told(&format!("draingate.dev/{key}"), "7").1.unwrap();
        assert_eq!(fixes.first().map(String::as_str), meant, "{key}");
    }
    assert_eq!(bad("other.draingate.dev/app", "7"), Some("warning"));
}

#[test]
fn a_selector_beats_none_and_is_checked() {
    let mut world = World::default();
    let mut set = |name: &str, spec: Value| {
        let kind = PolicyKind::DrainPolicy;
        world.set_policy(
            kind,
            SHOP,
            Policy::read(kind, SHOP, name, Some(format!("2026-01-0{}", 9 - name.len())), &spec),
        );
    };
    set("a", json!({"budget": {"drainDelaySeconds": 1}}));
    set("bb", json!({"selector": {}, "budget": {"drainDelaySeconds": 2}}));
    set(
        "c",
        json!({"selector": {"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, "budget": {"drainDelaySeconds": 3}}),
    );
    judged(&world, Kind::Pod, &app(Value::Null), View::AsAdmitted, |judgement| {
        assert_eq!(judgement.settings.drain_delay.value, 3);
    });
    let problem = |operator: &str, values: Value| {
        let spec = json!({"selector": {"matchExpressions": [{"key": "app", "operator": operator, "values": values}]}});
        Policy::read(PolicyKind::DrainPolicy, SHOP, "p", None, &spec).err().map(|e| e.problem)
    };
    for operator in ["In", "NotIn"] {
        assert_eq!(problem(operator, json!(["a"])), None);
        assert_eq!(
            problem(operator, json!([])),
            Some(format!("spec.selector.matchExpressions: \"app\" {operator} needs values"))
        );
    }
    for operator in ["Exists", "DoesNotExist"] {
        assert_eq!(problem(operator, json!([])), None);
        assert_eq!(
            problem(operator, json!(["a"])),
            Some(format!("spec.selector.matchExpressions: \"app\" {operator} takes no values"))
        );
    }
}

// ---- The world

#[test]
fn policies_that_cannot_be_read_are_told_by_name() {
    for names in [["a", "b", "c"], ["c", "a", "b"], ["b", "c", "a"], ["c", "b", "a"]] {
        let mut world = World::default();
        for name in names {
            let kind = PolicyKind::DrainPolicy;
            world.set_policy(kind, SHOP, Policy::read(kind, SHOP, name, None, &json!({"budget": 7})));
        }
        let told: Vec<_> = said(&world, Kind::Pod, &app(json!({"preStop": {"sleep": {"seconds": 10}}})));
        let titles: Vec<_> = told.iter().filter_map(|line| line.split(" cannot be read").next()).collect();
        let expected = ["a", "b", "c"].map(|name| format!("invalid-setting: DrainPolicy shop/{name}"));
        assert_eq!(titles[..3], expected, "{names:?}");
    }
}

/// What an earlier round injected stands, and this round would refuse.
#[test]
fn what_stands_is_what_counts_where_the_plan_was_undone() {
    let world = policy(json!({"gracePeriod": {"adjust": "Never"}, "budget": {"worstCaseRequestSeconds": 60}}));
    let mut pod = app(json!({"preStop": {"sleep": {"seconds": 20}}}));
    pod["metadata"]["annotations"] = json!({"draingate.dev/injected": r#"{"hooks":{"app":20}}"#});
    judged(&world, Kind::Pod, &pod, View::Final, |judgement| {
        assert_eq!((judgement.required, judgement.plan.required), (Some(85), Some(75)));
        assert!(judgement.findings.iter().any(|finding| finding.code == Code::ChangedAfter));
    });
}

#[test]
fn the_oldest_policy_wins_and_then_the_name_in_whatever_order_they_come() {
    let policies = [("b", "2026-01-01", 1), ("c", "2026-01-02", 2), ("a", "2026-01-02", 3), ("d", "2026-01-01", 4)];
    for turn in 0..policies.len() {
        let mut world = World::default();
        let mut order = policies;
        order.rotate_left(turn);
        for (name, created, delay) in order {
            let (kind, spec) = (PolicyKind::DrainPolicy, json!({"budget": {"drainDelaySeconds": delay}}));
            world.set_policy(kind, SHOP, Policy::read(kind, SHOP, name, Some(created.into()), &spec));
        }
        let mut winners = Vec::new();
        for (winner, ..) in [policies[0], policies[3], policies[2], policies[1]] {
            winners
                .push(judged(&world, Kind::Pod, &app(Value::Null), View::AsAdmitted, |j| j.settings.drain_delay.value));
            world.remove_policy(PolicyKind::DrainPolicy, SHOP, winner);
        }
        assert_eq!(winners, [1, 4, 3, 2], "{turn}");
    }
}

#[test]
fn the_world_forgets_what_it_is_told_to() {
    let mut world = World::default();
    let read = |kind, namespace: &str, name: &str, spec: Value| Policy::read(kind, namespace, name, None, &spec);
    let (own, cluster) = (PolicyKind::DrainPolicy, PolicyKind::ClusterDrainPolicy);
    for name in ["a", "b"] {
        world.set_policy(own, SHOP, read(own, SHOP, name, json!({})));
        world.set_policy(own, "other", read(own, "other", name, json!({"budget": 7})));
        world.set_policy(cluster, "", read(cluster, "", name, json!({})));
    }
    assert_eq!(world.policy_counts(), (4, 2));
    // The same one again, broken now and whole then.
    world.set_policy(own, SHOP, read(own, SHOP, "a", json!({"budget": 7})));
    assert_eq!(world.policy_counts(), (3, 3));
    world.set_policy(own, SHOP, read(own, SHOP, "a", json!({})));
    assert_eq!(world.policy_counts(), (4, 2));
    world.remove_policy(own, SHOP, "a");
    world.remove_policy(own, "other", "b");
    assert_eq!(world.policy_counts(), (3, 1));
    world.clear_policies(own);
    assert_eq!(world.policy_counts(), (2, 0));
    world.clear_policies(cluster);
    assert_eq!(world.policy_counts(), (0, 0));

    let labels: Pairs = [("app".into(), "web".into())].into_iter().collect();
    let selector = |app: &str| {
        let selector = [("app".to_owned(), app.to_owned())].into();
        Service { selector, ..Service::default() }
    };
    world.set_service(SHOP, "web", selector("web"));
    world.set_service(SHOP, "a-other", selector("other"));
    let service = |world: &World, namespace: &str| {
        let context = world.context(namespace);
        context.services(&labels).next().map(|(name, _)| name.to_owned())
    };
    assert_eq!((service(&world, SHOP), service(&world, "other")), (Some("web".into()), None));
    world.set_service(SHOP, "web", Service::default());
    assert_eq!(service(&world, SHOP), None);
    world.set_service(SHOP, "web", selector("web"));
    world.remove_service(SHOP, "web");
    assert_eq!(service(&world, SHOP), None);
}

#[test]
fn namespaces_are_known_by_their_mode_and_copied_with_all_that_concerns_them() {
    let mut world = World::default();
    let mode = |mode: &str| [("draingate.dev/mode".to_owned(), mode.to_owned())].into();
    for (name, label) in
        [("b", "enforce"), ("a", "enforce"), ("odd", "x"), ("draingate", "enforce"), ("kube-system", "enforce")]
    {
        world.set_namespace(name, mode(label));
    }
    world.set_namespace("none", [].into());
    world.own_namespace = Some("draingate".into());
    assert_eq!(world.namespace_count(), 6);
    assert_eq!(world.namespaces_in(|mode| mode == Mode::Enforce), ["a", "b"]);
    assert_eq!(world.namespaces_in(|mode| mode == Mode::Warn), ["odd"]);
    assert_eq!(world.namespaces_in(|mode| mode == Mode::Off), ["none"]);
    world.default_mode = Mode::Audit;
    assert_eq!(world.namespaces_in(|mode| mode == Mode::Audit), ["none"]);

    let read =
        |kind, namespace: &str| Policy::read(kind, namespace, "p", None, &json!({"budget": {"drainDelaySeconds": 9}}));
    world.set_policy(PolicyKind::DrainPolicy, "a", read(PolicyKind::DrainPolicy, "a"));
    world.set_policy(PolicyKind::DrainPolicy, "b", read(PolicyKind::DrainPolicy, "b"));
    world.set_policy(PolicyKind::ClusterDrainPolicy, "", read(PolicyKind::ClusterDrainPolicy, ""));
    let selector = [("app".to_owned(), "web".to_owned())].into();
    world.set_service("a", "s", Service { selector, ..Service::default() });
    world.set_owner("a", Kind::StatefulSet, "db", Owner { recreates: true, ..Owner::default() });
    world.sleep = SleepSupport::Unsupported { because: "old".into() };
    let copy = world.excerpt(&["a".into(), "gone".into()]);
    assert_eq!((copy.namespace_count(), copy.policy_counts()), (1, (2, 0)));
    assert_eq!(copy.mode_of(&copy.namespace("a").unwrap().labels).mode, Mode::Enforce);
    assert_eq!(
        (&copy.sleep, copy.own_namespace.as_deref(), copy.default_mode),
        (&world.sleep, Some("draingate"), Mode::Audit)
    );
    let labels: Pairs = [("app".into(), "web".into())].into_iter().collect();
    assert_eq!(copy.context("a").services(&labels).next().map(|(name, _)| name), Some("s"));
    let owned = json!({"metadata": {"ownerReferences": [owner_reference("StatefulSet", "db")]}}).to_string();
    let owned = Subject::parse(Kind::Pod, &owned).unwrap();
    assert!(copy.context("a").owner(&owned).is_some() && copy.context("b").owner(&owned).is_none());
    world.remove_namespace("a");
    assert!(world.namespace("a").is_none() && world.namespace_count() == 5);
}

// ---- Owners

fn owner_reference(kind: &str, name: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": "1", "controller": true})
}

/// What is said of a pod's owner by manifests: whether nobody stands in for the pod; `None` where it is not known.
fn stands_alone(objects: &[Value], reference: Value) -> Option<bool> {
    let mut world = World::default();
    for object in objects {
        assert_eq!(draingate_core::objects::add(&mut world, object, Some(SHOP)), Ok(true), "{object}");
    }
    let labels = json!({"pod-template-hash": "7d9f8"});
    let pod = json!({"metadata": {"labels": labels, "ownerReferences": [reference]}}).to_string();
    let pod = Subject::parse(Kind::Pod, &pod).unwrap();
    world.context(SHOP).owner(&pod).map(|owner| owner.nobody_stands_in())
}

#[test]
fn an_owner_is_known_by_its_manifest_or_not_at_all() {
    let workload = |kind: &str, spec: Value| json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "db"}, "spec": spec});
    let set = |spec: Value| stands_alone(&[workload("StatefulSet", spec)], owner_reference("StatefulSet", "db"));
    for (replicas, alone) in [(json!(1), true), (json!(0), true), (Value::Null, true), (json!(2), false)] {
        assert_eq!(set(json!({"replicas": replicas})), Some(alone), "{replicas}");
    }
    assert_eq!(set(json!({})), Some(true));
    // One that cannot be read is absent.
    for replicas in [json!("1"), json!(1.5), json!([])] {
        assert_eq!(set(json!({"replicas": replicas})), None, "{replicas}");
    }
    let deployment =
        |spec: Value| stands_alone(&[workload("Deployment", spec)], owner_reference("ReplicaSet", "db-7d9f8"));
    assert_eq!(deployment(json!({"strategy": {"type": "Recreate"}})), Some(true));
    assert_eq!(deployment(json!({"strategy": {"type": "Recreate"}, "replicas": 2})), Some(false));
    assert_eq!(deployment(json!({"strategy": {"type": "RollingUpdate"}})), Some(false));
    assert_eq!(deployment(json!({"strategy": 7})), Some(false));
    assert_eq!(deployment(json!({})), Some(false));
    // Another kind, another name, a ReplicaSet of nobody's.
    let alone = || workload("StatefulSet", json!({}));
    for (kind, name) in
        [("StatefulSet", "other"), ("Deployment", "db"), ("ReplicaSet", "db-7d9f8"), ("Cassandra", "db")]
    {
        assert_eq!(stands_alone(&[alone()], owner_reference(kind, name)), None, "{kind} {name}");
    }
}

#[test]
fn an_autoscaler_makes_more_of_what_it_targets() {
    let alone = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"}});
    let with = |version: &str, namespace: &str, spec: Value| {
        let scaler = json!({"apiVersion": version, "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "any", "namespace": namespace}, "spec": spec});
        // In either order.
        let ways = [[alone.clone(), scaler.clone()], [scaler, alone.clone()]];
        let [one, other] = ways.map(|objects| stands_alone(&objects, owner_reference("StatefulSet", "db")));
        assert_eq!(one, other);
        one.unwrap()
    };
    let target = |kind: &str, name: &str| json!({"scaleTargetRef": {"kind": kind, "name": name}, "maxReplicas": 3});
    for version in ["autoscaling/v1", "autoscaling/v2", "autoscaling/v2beta2"] {
        assert!(!with(version, SHOP, target("StatefulSet", "db")), "{version}");
    }
    assert!(with("autoscaling/v2", "elsewhere", target("StatefulSet", "db")));
    assert!(with("autoscaling/v2", SHOP, target("StatefulSet", "other")));
    assert!(with("autoscaling/v2", SHOP, target("Deployment", "db")));
    for spec in
        [json!(null), json!({}), json!({"scaleTargetRef": "db"}), json!({"scaleTargetRef": {"kind": "StatefulSet"}})]
    {
        assert!(with("autoscaling/v2", SHOP, spec.clone()), "{spec}");
    }
}

// ---- What is read from JSON

#[test]
fn a_wrong_type_is_said_with_what_was_expected() {
    let problem = |spec: Value| Subject::parse(Kind::Pod, &spec.to_string()).unwrap_err().to_string();
    let container = |field: &str, value: Value| {
        let mut container = json!({"name": "app"});
        container[field] = value;
        problem(json!({"spec": {"containers": [container]}}))
    };
    for (problem, expected) in [
        (container("name", json!(1)), "expected a string"),
        (container("lifecycle", json!(1)), "expected a lifecycle"),
        (container("ports", json!(1)), "expected a sequence"),
        (problem(json!({"spec": {"containers": 1}})), "expected a sequence"),
        (problem(json!({"metadata": {"labels": 1}})), "expected a map of strings"),
        (problem(json!({"metadata": {"annotations": 1}})), "expected a map of strings"),
    ] {
        assert!(problem.contains(expected), "{problem}");
    }
    // Escapes cannot be borrowed.
    let text = r#"{"metadata": {"name": "a\u0062", "labels": {"\u0061": "\n"}}, "spec": {}}"#;
    let subject = Subject::parse(Kind::Pod, text).unwrap();
    assert_eq!((&*subject.name, subject.pod.metadata.labels.get("a")), ("ab", Some("\n")));
    // Nulls are as absent.
    let text = r#"{"metadata": {"labels": {"a": null}, "annotations": null}, "spec": {"containers": null}}"#;
    let subject = Subject::parse(Kind::Pod, text).unwrap();
    assert_eq!((subject.pod.metadata.labels.get("a"), subject.pod.spec.containers.len()), (Some(""), 0));
    // In a list it is an empty entry.
    let text = r#"{"spec": {"containers": [{"name": "app", "args": ["-v", null]}]}}"#;
    let subject = Subject::parse(Kind::Pod, text).unwrap();
    let args: Vec<_> = subject.pod.spec.containers[0].args.iter().map(|word| word.as_str()).collect();
    assert_eq!(args, ["-v", ""]);
}

/// The Deployment above a pod is asked for by the name that the pod gives its owner.
#[test]
fn an_owners_name_is_no_path() {
    let deployment = |name: &str| {
        let owner = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("{name}-7d9"), "uid": "1", "controller": true});
        let mut pod = app(Value::Null);
        pod["metadata"]["labels"] = json!({"pod-template-hash": "7d9"});
        pod["metadata"]["ownerReferences"] = json!([owner]);
        let text = pod.to_string();
        Subject::parse(Kind::Pod, &text).unwrap().deployment().map(str::to_owned)
    };
    assert_eq!(deployment("checkout.v2"), Some("checkout.v2".into()));
    for name in ["web/../../../../api/v1/namespaces/draingate/secrets/draingate-ca", "a?b=c", "a#b", "..", ""] {
        assert_eq!(deployment(name), None, "{name}");
    }
}

/// `tests/offline/threats` says what comes of it.
#[test]
fn more_than_is_judged_is_known() {
    let excess = |containers: usize, init: usize, labels: usize, annotations: usize| {
        let list = |count: usize| vec![json!({"name": "a"}); count];
        let map =
            |prefix: &str, count: usize| (0..count).map(|n| (format!("{prefix}{n}"), json!("v"))).collect::<Value>();
        let pod = json!({"metadata": {"labels": map("l", labels), "annotations": map("draingate.dev/a", annotations)},
            "spec": {"containers": list(containers), "initContainers": list(init)}});
        Subject::parse(Kind::Pod, &pod.to_string()).unwrap().excess()
    };
    assert_eq!(excess(500, 500, 1_000, 1_000), None);
    assert_eq!(excess(501, 0, 0, 0), Some("500 containers".into()));
    assert_eq!(excess(1, 501, 0, 0), Some("500 containers".into()));
    assert_eq!(excess(1, 0, 1_001, 0), Some("1000 labels".into()));
    assert_eq!(excess(1, 0, 0, 1_001), Some("1000 annotations of draingate.dev".into()));
}

#[test]
fn a_subject_is_read_out_of_what_carries_it() {
    let parse = |kind, object: &Value, look: fn(&Subject) -> String| {
        let text = object.to_string();
        look(&Subject::parse(kind, &text).unwrap())
    };
    let mut pod = app(Value::Null);
    pod["metadata"]["namespace"] = json!(SHOP);
    assert_eq!(parse(Kind::Pod, &pod, |s| s.namespace.as_ref().unwrap().to_string()), SHOP);
    let cron = json!({"metadata": {"namespace": SHOP}, "spec": {"jobTemplate": {"spec": {"template": pod}}}});
    let told = |s: &Subject| format!("{} {}", s.namespace.as_ref().unwrap(), s.pod.spec.containers[0].name);
    assert_eq!(parse(Kind::CronJob, &cron, told), "shop app");
    assert_eq!(
        parse(Kind::PodTemplate, &json!({"template": pod}), |s| s.pod.spec.containers[0].name.to_string()),
        "app"
    );
    for kind in [Kind::Job, Kind::CronJob] {
        assert!(kind.runs_to_completion());
    }
    assert!(!Kind::Deployment.runs_to_completion());
    for (policy, always) in [(Value::Null, true), (json!(""), true), (json!("Always"), true), (json!("Never"), false)] {
        pod["spec"]["restartPolicy"] = policy;
        assert_eq!(parse(Kind::Pod, &pod, |s| s.restarts_always().to_string()), always.to_string());
    }
    let problem = Subject::parse(Kind::Pod, "nonsense").unwrap_err().to_string();
    assert!(problem.starts_with("expected ident"), "{problem}");
}

#[test]
fn an_owner_is_credible_where_it_could_be_an_object() {
    let credible = |field: &str, value: &str| {
        let mut owner = json!({"apiVersion": "apps/v1", "kind": "Any", "name": "web", "uid": "1", "controller": true});
        owner[field] = json!(value);
        let mut pod = app(Value::Null);
        pod["metadata"]["ownerReferences"] = json!([{"name": "other"}, owner]);
        let text = pod.to_string();
        Subject::parse(Kind::Pod, &text).unwrap().controller.unwrap().is_credible()
    };
    for (field, most) in [("name", 253), ("uid", 128), ("kind", 63), ("apiVersion", 317)] {
        let of = |length: usize| credible(field, &"a".repeat(length));
        assert_eq!((of(0), of(1), of(most), of(most + 1)), (false, true, true, false), "{field}");
    }
    assert!(!credible("name", "a/b"));
}

#[test]
fn a_subject_has_the_name_and_kind_that_it_is_known_by() {
    let name = |metadata: Value| {
        let text = json!({"metadata": metadata, "spec": {}}).to_string();
        Subject::parse(Kind::Pod, &text).unwrap().name.into_owned()
    };
    assert_eq!(name(json!({"name": "a", "generateName": "b-"})), "a");
    assert_eq!(name(json!({"name": "", "generateName": "b-"})), "b-*");
    assert_eq!(name(json!({"generateName": "b-"})), "b-*");
    assert_eq!(name(json!({})), "");
    for kind in Kind::ALL {
        assert_eq!(Kind::of(kind.group(), kind.as_str()), Some(kind));
        let version = if kind.group().is_empty() { "v1".to_owned() } else { format!("{}/v1", kind.group()) };
        assert_eq!(Kind::of_object(&version, kind.as_str()), Some(kind));
        assert_eq!(Kind::of("example.com", kind.as_str()), None);
        assert_eq!(kind.to_string(), kind.as_str());
        let dotted = kind.pod_pointer().trim_start_matches('/').replace('/', ".");
        assert_eq!(kind.pod_path().trim_end_matches('.'), dotted);
    }
    assert_eq!(Kind::of("", "ConfigMap"), None);
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
