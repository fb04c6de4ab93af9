//! Policies and labels.

use draingate_core::admit::Webhook;
use draingate_core::finding::{Code, Finding, Severity};
use draingate_core::judge::{Judgement, Verdict, View, judge};
use draingate_core::policy::{Policy, PolicyKind};
use draingate_core::subject::{Kind, Subject};
use draingate_core::world::World;
use serde_json::{Value, json};

use super::text::{hostile, is_raw};
use super::{denial, pod, server};
use draingate_testing::admission::{SHOP, create, world};
use draingate_testing::case;

fn essence(judgement: &Judgement) -> (Verdict, Option<u64>, Vec<Finding>, String) {
    let patch = serde_json::to_string(&judgement.patch.operations()).unwrap();
    (judgement.verdict(), judgement.required, judgement.findings.clone(), patch)
}

/// As strange as a policy may be.
fn hostile_policies() -> [Value; 4] {
    let rules: serde_json::Map<_, _> = Code::ALL.iter().map(|code| (code.to_string(), json!("Off"))).collect();
    [
        json!({"budget": {"worstCaseRequestSeconds": 2_592_000, "safetyMarginSeconds": 2_592_000}, "appliesTo": "All"}),
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
