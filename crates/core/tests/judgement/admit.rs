//! What the two webhooks answer, without HTTP and without a cluster.

use draingate_core::admit::{self, Outcome, Webhook};
use draingate_core::judge::{Excuse, Verdict};
use draingate_core::messages::WARNING_LIMIT;
use draingate_core::mode::{MinimumMode, Mode};
use draingate_core::owner::Owner;
use draingate_core::policy::PolicyKind;
use draingate_core::review::Review;
use draingate_core::selector::LabelSelector;
use draingate_core::subject::Kind;
use draingate_core::world::{SleepSupport, World};
use draingate_testing::admission::{SHOP, ask, create, review, world};
use serde_json::{Value, json};

fn pod(spec: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "checkout", "namespace": SHOP}, "spec": spec})
}

/// A pod that serves on a port.
fn server() -> Value {
    pod(json!({"containers": [{"name": "app", "image": "app:1", "ports": [{"containerPort": 8080}]}]}))
}

/// A 35 s exec hook in 30 s of grace.
fn long_hook() -> Value {
    let hook = json!({"preStop": {"exec": {"command": ["sleep", "35"]}}});
    pod(json!({"terminationGracePeriodSeconds": 30, "containers": [
        {"name": "app", "image": "app:1", "ports": [{"containerPort": 8080}], "lifecycle": hook}]}))
}

/// A hook that no grace holds.
fn endless_hook() -> Value {
    let mut pod = long_hook();
    pod["spec"]["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1] = json!("infinity");
    pod
}

fn patched(outcome: &Outcome, mut object: Value) -> Value {
    let patch: json_patch::Patch = serde_json::from_slice(outcome.answer.patch.as_ref().unwrap()).unwrap();
    json_patch::patch(&mut object, &patch).unwrap();
    object
}

#[test]
fn off_does_nothing() {
    let world = world("off", json!({}));
    for webhook in [Webhook::Mutate, Webhook::Validate] {
        let outcome = create(webhook, &world, Kind::Pod, &long_hook());
        assert_eq!(outcome.answer, Default::default());
        assert_eq!(outcome.mode, Mode::Off);
    }
}

#[test]
fn audit_records_and_tells_nobody() {
    let world = world("audit", json!({"gracePeriod": {"adjust": "Never"}}));
    assert_eq!(create(Webhook::Mutate, &world, Kind::Pod, &server()).answer, Default::default());
    let answer = create(Webhook::Validate, &world, Kind::Pod, &long_hook()).answer;
    assert_eq!(answer.denial, None);
    assert_eq!(answer.warnings, Vec::<String>::new());
    assert_eq!(answer.audit["mode"], "audit");
    assert_eq!(answer.audit["verdict"], "fail");
    assert_eq!(answer.audit["findings"], "grace-budget,shell-hook:app");
    assert_eq!(
        answer.audit["would-reject"],
        "grace budget short by 25 s: terminationGracePeriodSeconds 30 < 55 needed"
    );
    let answer = create(Webhook::Validate, &world, Kind::Pod, &server()).answer;
    assert_eq!(answer.audit["would-inject"], "a preStop hook of 10 s in \"app\"");
}

#[test]
fn warn_tells_what_would_happen() {
    let world = world("warn", json!({"gracePeriod": {"adjust": "Never"}}));
    assert_eq!(create(Webhook::Mutate, &world, Kind::Pod, &server()).answer, Default::default());
    let answer = create(Webhook::Validate, &world, Kind::Pod, &long_hook()).answer;
    assert_eq!(answer.denial, None);
    assert_eq!(
        answer.warnings[..2],
        [
            "would be rejected: grace budget short by 25 s: terminationGracePeriodSeconds 30 < 55 needed [grace-budget]",
            "fix: spec.terminationGracePeriodSeconds: 55",
        ]
    );
}

#[test]
fn an_unknown_mode_counts_as_warn_and_says_so() {
    let world = world("enforced", json!({"gracePeriod": {"adjust": "Never"}}));
    let outcome = create(Webhook::Validate, &world, Kind::Pod, &long_hook());
    assert_eq!(outcome.mode, Mode::Warn);
    assert_eq!(outcome.answer.denial, None);
    assert!(outcome.answer.warnings[0].contains("\"enforced\""), "{:?}", outcome.answer.warnings);
}

#[test]
fn inject_patches_and_never_rejects() {
    let world = world("inject", json!({"budget": {"worstCaseRequestSeconds": 20}}));
    let outcome = create(Webhook::Mutate, &world, Kind::Pod, &server());
    let pod = patched(&outcome, server());
    assert_eq!(pod.pointer("/spec/containers/0/lifecycle/preStop/sleep/seconds"), Some(&json!(10)));
    // The app keeps its 30 after the hook.
    assert_eq!(pod.pointer("/spec/terminationGracePeriodSeconds"), Some(&json!(40)));
    let outcome = create(Webhook::Validate, &world, Kind::Pod, &pod);
    assert_eq!((outcome.verdict, outcome.answer.denial, outcome.answer.warnings), (Some(Verdict::Pass), None, vec![]));

    // Past mutation, the pod as it stands counts: 30 < 55, and somebody undid the plan.
    let outcome = create(Webhook::Validate, &world, Kind::Pod, &long_hook());
    assert_eq!(outcome.answer.denial, None);
    assert_eq!(outcome.answer.audit["findings"], "grace-budget,shell-hook:app,changed-after");
}

#[test]
fn enforce_rejects_with_the_arithmetic_and_the_way_out() {
    let policy = json!({"gracePeriod": {"adjust": "Never"},
        "budget": {"endpointPropagationSeconds": 8, "drainDelaySeconds": 7,
                   "worstCaseRequestSeconds": 20, "safetyMarginSeconds": 7}});
    let world = world("enforce", policy);
    let mut checkout = server();
    checkout["metadata"]["labels"] = json!({"pod-template-hash": "7d9"});
    checkout["metadata"]["name"] = json!("checkout-7d9-x");
    checkout["metadata"]["ownerReferences"] = json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "checkout-7d9", "uid": "1", "controller": true}]);
    checkout["spec"]["containers"][0]["lifecycle"] = json!({"preStop": {"sleep": {"seconds": 15}}});
    let answer = create(Webhook::Validate, &world, Kind::Pod, &checkout).answer;
    assert_eq!(
        answer.denial.unwrap(),
        "pod \"checkout-7d9-x\": grace budget short by 12 s: terminationGracePeriodSeconds 30 < 42 needed [grace-budget]
  hold 15 (preStop sleep of \"app\") + worst-case request 20 (DrainPolicy shop/default) + safety margin 7 (DrainPolicy shop/default)
  not raised: adjust is Never (DrainPolicy shop/default)
  fix: in its Deployment, spec.template.spec.terminationGracePeriodSeconds: 42
  to let it run now: kubectl label ns shop draingate.dev/mode=inject --overwrite"
    );
    checkout["spec"]["terminationGracePeriodSeconds"] = json!(42);
    assert_eq!(create(Webhook::Validate, &world, Kind::Pod, &checkout).answer.denial, None);
}

/// 10 s of hold, 20 of a request, 5 of margin: 35, and a written hook makes it 60. The plan raises the grace as far.
#[test]
fn enforce_never_rejects_what_injection_would_have_mended() {
    let budget = json!({"worstCaseRequestSeconds": 20});
    let told = |world: &World, pod: &Value| create(Webhook::Validate, world, Kind::Pod, pod);
    for pod in [server(), long_hook()] {
        let outcome = told(&world("enforce", json!({"budget": budget})), &pod);
        let warnings = outcome.answer.warnings.join(" ");
        assert_eq!((outcome.answer.denial, outcome.excuse), (None, Some(Excuse::Undone)));
        assert!(warnings.starts_with("grace budget short by "), "{warnings}");
        assert!(warnings.contains("the pod is not as Draingate leaves it: "), "{warnings}");
        assert!(!outcome.answer.audit.contains_key("would-reject"), "{:?}", outcome.answer.audit);
        // What no plan mends.
        for adjust in [json!({"adjust": "Never"}), json!({"maxSeconds": 34})] {
            let outcome = told(&world("enforce", json!({"budget": budget, "gracePeriod": adjust})), &pod);
            assert!(outcome.answer.denial.is_some_and(|denial| denial.contains("[grace-budget]")));
            assert_eq!(outcome.excuse, None);
        }
        // Where nobody is rejected, nobody is excused, and enforce would not reject.
        let outcome = told(&world("inject", json!({"budget": budget})), &pod);
        assert_eq!(outcome.excuse, None);
        assert!(!outcome.answer.warnings.join(" ").contains("enforce would"), "{:?}", outcome.answer.warnings);
    }
    let outcome = told(&world("enforce", json!({})), &endless_hook());
    assert!(outcome.answer.denial.is_some_and(|denial| denial.contains("grace budget has no end")));
    // A rule that is made an error is still about our own trouble.
    let strict = json!({"rules": {"changed-after": "Error", "short-hold": "Error"}});
    let outcome = told(&world("enforce", strict), &server());
    assert_eq!((outcome.answer.denial, outcome.excuse), (None, Some(Excuse::Undone)));
}

#[test]
fn a_cluster_without_the_native_sleep_is_not_the_pods_fault() {
    let because = "a node has version v1.29.9, and native sleep hooks need 1.30";
    let mut world = world("enforce", json!({"budget": {"worstCaseRequestSeconds": 20}}));
    world.sleep = SleepSupport::Unsupported { because: because.into() };
    assert_eq!(create(Webhook::Mutate, &world, Kind::Pod, &server()).answer.patch, None);
    let outcome = create(Webhook::Validate, &world, Kind::Pod, &server());
    assert_eq!((outcome.answer.denial, outcome.excuse), (None, Some(Excuse::NoSleep)));
    let warnings = outcome.answer.warnings.join(" ");
    let lacks = "a preStop hook of 10 s in \"app\", terminationGracePeriodSeconds 40 instead of 30";
    assert!(warnings.contains(&format!("what it lacks, {lacks}: {because} [changed-after]")), "{warnings}");
    // Nobody says that its Deployment's pods will be rejected.
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "checkout"},
        "spec": {"template": {"spec": server()["spec"]}}});
    let outcome = create(Webhook::Validate, &world, Kind::Deployment, &deployment);
    assert!(!outcome.answer.warnings.join(" ").contains("rejected"), "{:?}", outcome.answer.warnings);
    // A sleep that cannot be written does not excuse a hook that is too long for any grace.
    let outcome = create(Webhook::Validate, &world, Kind::Pod, &endless_hook());
    assert!(outcome.answer.denial.is_some());
    assert_eq!(outcome.excuse, None);
}

fn minimum(mode: Mode, tier: Option<&str>) -> Option<MinimumMode> {
    let match_labels = tier.map(|tier| ("tier".to_owned(), tier.to_owned())).into_iter().collect();
    Some(MinimumMode { mode, namespaces: LabelSelector { match_labels, ..LabelSelector::default() } })
}

#[test]
fn a_minimum_mode_holds_whatever_the_label_says() {
    for label in ["off", "audit", "inject", "enforce", "nonsense"] {
        let mut world = world(label, json!({}));
        world.minimum_mode = minimum(Mode::Enforce, None);
        let outcome = create(Webhook::Validate, &world, Kind::Pod, &endless_hook());
        assert_eq!(outcome.mode, Mode::Enforce, "{label}");
        let denial = outcome.answer.denial.unwrap();
        let end = denial.lines().rev().take(2).collect::<Vec<_>>();
        assert_eq!(
            end[1],
            "  enforce is the cluster's minimum mode here (minimumMode), whatever the namespace's label says"
        );
        assert_eq!(end[0], "  to let it run now: metadata.annotations draingate.dev/skip: \"<why>\"");
        // Whose label is not what it should be still hears of it.
        assert_eq!(outcome.answer.warnings.iter().any(|w| w.contains("is no mode")), label == "nonsense");
        // The way out is one.
        let mut skipped = endless_hook();
        skipped["metadata"]["annotations"] = json!({"draingate.dev/skip": "migrates on Friday"});
        assert_eq!(create(Webhook::Validate, &world, Kind::Pod, &skipped).answer.denial, None);
        assert!(create(Webhook::Mutate, &world, Kind::Pod, &server()).answer.patch.is_some(), "{label}");
    }
    // It never lowers a mode, and holds where its selector says.
    let mut world = world("enforce", json!({}));
    for (mode, tier) in [(Mode::Warn, None), (Mode::Enforce, Some("prod"))] {
        world.minimum_mode = minimum(mode, tier);
        let denial = create(Webhook::Validate, &world, Kind::Pod, &endless_hook()).answer.denial.unwrap();
        assert!(denial.ends_with("kubectl label ns shop draingate.dev/mode=inject --overwrite"), "{denial}");
    }
    world.set_namespace(SHOP, [("tier".to_owned(), "prod".to_owned())].into());
    assert_eq!(create(Webhook::Validate, &world, Kind::Pod, &server()).mode, Mode::Enforce);
    world.set_namespace(SHOP, [("tier".to_owned(), "lab".to_owned())].into());
    assert_eq!(create(Webhook::Validate, &world, Kind::Pod, &server()).mode, Mode::Off);
}

#[test]
fn a_denial_by_a_minimum_mode_names_a_way_out_that_is_one() {
    let mut world = world("inject", json!({}));
    world.minimum_mode = minimum(Mode::Enforce, None);
    let mut pod = endless_hook();
    pod["metadata"]["labels"] = json!({"pod-template-hash": "7d9"});
    pod["metadata"]["ownerReferences"] = json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "checkout-7d9", "uid": "1", "controller": true}]);
    let denial = |world: &World| create(Webhook::Validate, world, Kind::Pod, &pod).answer.denial.unwrap();
    let end = "in its Deployment, spec.template.metadata.annotations draingate.dev/skip: \"<why>\"";
    assert!(denial(&world).ends_with(end), "{}", denial(&world));
    let locked = json!({"apiVersion": "draingate.dev/v1alpha1", "kind": "ClusterDrainPolicy",
        "metadata": {"name": "platform"}, "spec": {"locked": ["skip"]}});
    draingate_core::objects::add(&mut world, &locked, None).unwrap();
    let end =
        "only the cluster's administrators can: ClusterDrainPolicy platform locks the annotation draingate.dev/skip";
    assert!(denial(&world).ends_with(end), "{}", denial(&world));
}

#[test]
fn nothing_is_rejected_for_policies_that_nobody_has_read_yet() {
    let mut world = world("enforce", json!({}));
    world.unread_policies = vec![PolicyKind::ClusterDrainPolicy];
    let outcome = create(Webhook::Validate, &world, Kind::Pod, &endless_hook());
    assert_eq!((outcome.answer.denial, outcome.mode), (None, Mode::Inject));
    assert_eq!(
        outcome.answer.warnings[0],
        "draingate could not read the policies yet: until it can, nothing is rejected"
    );
    assert!(create(Webhook::Mutate, &world, Kind::Pod, &server()).answer.patch.is_some());
    world.unread_policies.clear();
    assert!(create(Webhook::Validate, &world, Kind::Pod, &endless_hook()).answer.denial.is_some());
}

#[test]
fn templates_are_told_and_never_rejected() {
    let world = world("enforce", json!({"gracePeriod": {"adjust": "Never"}}));
    let deployment = |image: &str, replicas: i32| {
        let mut spec = long_hook()["spec"].take();
        spec["containers"][0]["image"] = json!(image);
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "checkout", "namespace": SHOP},
            "spec": {"replicas": replicas, "template": {"metadata": {"labels": {"a": "b"}}, "spec": spec}}})
    };
    let body = review(Kind::Deployment, "CREATE", &deployment("app:1", 1), None);
    let outcome = ask(Webhook::Validate, &world, &body);
    assert_eq!(outcome.answer.denial, None);
    assert!(outcome.answer.warnings[0].starts_with("its pods will be rejected: "), "{:?}", outcome.answer.warnings);
    assert!(outcome.answer.warnings.contains(&"fix: spec.template.spec.terminationGracePeriodSeconds: 55".to_owned()));

    let scaled = review(Kind::Deployment, "UPDATE", &deployment("app:1", 3), Some(&deployment("app:1", 1)));
    assert_eq!(admit::concerns(Webhook::Validate, &Review::decode(scaled.as_bytes()).unwrap()), None);
    let rolled = review(Kind::Deployment, "UPDATE", &deployment("app:2", 1), Some(&deployment("app:1", 1)));
    assert_eq!(admit::concerns(Webhook::Validate, &Review::decode(rolled.as_bytes()).unwrap()), Some(Kind::Deployment));
    assert_eq!(admit::concerns(Webhook::Mutate, &Review::decode(body.as_bytes()).unwrap()), None);
}

#[test]
fn warnings_are_short_whatever_an_author_writes() {
    let world = world("warn", json!({"gracePeriod": {"adjust": "Never"}}));
    let mut pod = long_hook();
    let long = "x".repeat(5_000);
    pod["metadata"]["annotations"] = json!({
        "draingate.dev/safety-margin-seconds": format!("\u{1b}[31m{long}\nWarning: fine"),
        format!("draingate.dev/{}", "y".repeat(400)): "z",
    });
    for index in 0..300 {
        let container = json!({"name": format!("c{index}"), "ports": [{"containerPort": 1}],
            "lifecycle": {"preStop": {"exec": {"command": ["/drain"]}}}});
        pod["spec"]["containers"].as_array_mut().unwrap().push(container);
    }
    let answer = create(Webhook::Validate, &world, Kind::Pod, &pod).answer;
    assert!(answer.warnings.iter().all(|w| w.chars().count() <= WARNING_LIMIT), "{:#?}", answer.warnings);
    assert!(answer.warnings.iter().map(String::len).sum::<usize>() <= 4096);
    assert!(answer.warnings.iter().all(|w| !w.contains(char::is_control)));
    assert!(answer.audit.values().all(|v| v.len() <= 1_100 && !v.contains(char::is_control)));
    assert!(answer.warnings.last().unwrap().starts_with("and "));
}

#[test]
fn a_body_that_is_no_review_gets_a_sentence() {
    let refused = |body: &[u8]| Review::decode(body).unwrap_err();
    assert!(refused(b"").contains("not an AdmissionReview"));
    assert!(refused(b"{").contains("not an AdmissionReview"));
    assert!(refused(b"\xff\xfe{}").contains("not UTF-8: byte 0"));
    assert!(refused(br#"{"apiVersion":"admission.k8s.io/v1beta1","kind":"AdmissionReview"}"#).contains("v1beta1"));
    assert!(refused(br#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}"#).contains("no request"));
    let no_uid =
        r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"kind":{},"operation":"CREATE"}}"#;
    assert!(refused(no_uid.as_bytes()).contains("no uid"));
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(refused(deep.as_bytes()).contains("not an AdmissionReview"));
}

#[test]
fn an_object_that_cannot_be_read_names_the_field() {
    let world = world("enforce", json!({}));
    let refused = |pointer: &str, value: Value| {
        let mut pod = long_hook();
        *pod.pointer_mut(pointer).unwrap() = value;
        let body = review(Kind::Pod, "CREATE", &pod, None);
        let review = Review::decode(body.as_bytes()).unwrap();
        admit::admit(Webhook::Validate, Kind::Pod, &review, &world.context(SHOP)).unwrap_err()
    };
    let fractional = refused("/spec/terminationGracePeriodSeconds", json!(1.5));
    assert!(fractional.starts_with("request.object: spec.terminationGracePeriodSeconds: "), "{fractional}");
    assert!(refused("/spec/terminationGracePeriodSeconds", json!(1e30)).contains("terminationGracePeriodSeconds"));
    assert!(refused("/spec/containers", json!({"a": 1})).contains("spec.containers"));
    let deep: Value = serde_json::from_str(&format!("{}{}", "[".repeat(100), "]".repeat(100))).unwrap();
    assert!(refused("/spec/containers/0/name", deep).contains("spec.containers[0].name"));
}

#[test]
fn other_kinds_and_operations_do_not_concern_us() {
    let mut body: Value = serde_json::from_str(&review(Kind::Pod, "DELETE", &server(), None)).unwrap();
    let concerns = |body: &Value| {
        let body = body.to_string();
        let review = Review::decode(body.as_bytes()).unwrap();
        admit::concerns(Webhook::Mutate, &review).or(admit::concerns(Webhook::Validate, &review))
    };
    assert_eq!(concerns(&body), None);
    body["request"]["operation"] = json!("CREATE");
    assert_eq!(concerns(&body), Some(Kind::Pod));
    body["request"]["subResource"] = json!("eviction");
    assert_eq!(concerns(&body), None);
    body["request"]["subResource"] = json!("");
    body["request"]["kind"] = json!({"group": "example.com", "version": "v1", "kind": "Pod"});
    assert_eq!(concerns(&body), None);
    body["request"]["kind"] = json!({"group": "", "version": "v1", "kind": "ConfigMap"});
    assert_eq!(concerns(&body), None);
}

#[test]
fn the_answer_is_an_admission_review_by_the_letter() {
    let world = world("enforce", json!({"budget": {"worstCaseRequestSeconds": 20}}));
    let mutated: Value =
        serde_json::from_slice(&create(Webhook::Mutate, &world, Kind::Pod, &server()).answer.encode("7d5c")).unwrap();
    assert_eq!(mutated["apiVersion"], "admission.k8s.io/v1");
    assert_eq!(mutated["kind"], "AdmissionReview");
    assert_eq!(mutated["response"]["uid"], "7d5c");
    assert_eq!(mutated["response"]["allowed"], true);
    assert_eq!(mutated["response"]["patchType"], "JSONPatch");
    assert!(mutated["response"]["patch"].is_string());
    assert_eq!(mutated["response"].as_object().unwrap().len(), 4);

    let endless = endless_hook();
    let denied: Value =
        serde_json::from_slice(&create(Webhook::Validate, &world, Kind::Pod, &endless).answer.encode("7d5c")).unwrap();
    assert_eq!(denied["response"]["allowed"], false);
    assert_eq!(denied["response"]["status"]["code"], 403);
    assert_eq!(denied["response"]["status"]["reason"], "Forbidden");
    assert!(denied["response"].get("patch").is_none() && denied["response"].get("patchType").is_none());
}

/// Asked are only those whose answer could change something.
#[test]
fn a_statefulset_is_read_where_that_can_matter() {
    let owner =
        |kind: &str| json!([{"apiVersion": "apps/v1", "kind": kind, "name": "db", "uid": "7", "controller": true}]);
    let of = |kind: &str, name: &str| {
        let mut pod = server();
        pod["metadata"]["name"] = json!(name);
        pod["metadata"]["ownerReferences"] = owner(kind);
        pod
    };
    let first = of("StatefulSet", "db-0");
    let with = |change: &dyn Fn(&mut Value)| {
        let mut pod = first.clone();
        change(&mut pod);
        pod
    };
    let read = |webhook, world: &World, pod: &Value| {
        let body = review(Kind::Pod, "CREATE", pod, None);
        let review = Review::decode(body.as_bytes()).unwrap();
        let asked = admit::owner_to_read(webhook, Kind::Pod, &review, &world.context(SHOP));
        asked.map(|(id, is_later)| (format!("{}/{} {}", id.namespace, id.name, id.uid), is_later))
    };
    let db = |is_later| Some((format!("{SHOP}/db 7"), is_later));
    let inject = world("inject", json!({}));
    for webhook in [Webhook::Mutate, Webhook::Validate] {
        for (pod, expected) in [
            (first.clone(), db(false)),
            (of("StatefulSet", "db-1"), db(true)),
            (of("StatefulSet", "db-12"), db(true)),
            (of("StatefulSet", "other-1"), db(false)),
            (of("StatefulSet", "db-x"), db(false)),
            (with(&|pod| pod["spec"]["containers"][0]["image"] = json!("redis:7")), db(false)),
            // Others have others.
            (of("ReplicaSet", "db-0"), None),
            (of("DaemonSet", "db-0"), None),
            (server(), None),
            (with(&|pod| pod["metadata"]["ownerReferences"][0]["apiVersion"] = json!("example.com/v1")), None),
            (with(&|pod| pod["metadata"]["ownerReferences"][0]["controller"] = json!(false)), None),
            // What goes into a path is a name.
            (with(&|pod| pod["metadata"]["ownerReferences"][0]["name"] = json!("../secrets")), None),
            // Nothing is held, or nothing judged.
            (with(&|pod| pod["spec"]["containers"][0]["ports"] = json!([])), None),
            (with(&|pod| pod["metadata"]["annotations"] = json!({"draingate.dev/skip": "mine"})), None),
            (with(&|pod| pod["spec"]["restartPolicy"] = json!("Never")), None),
        ] {
            assert_eq!(read(webhook, &inject, &pod), expected, "{pod}");
        }
    }
    // What /mutate has left as if others stood in stays so; where it knew that nobody does, /validate has to know it, too.
    let patched = |world: &World, pod: &Value| patched(&create(Webhook::Mutate, world, Kind::Pod, pod), pod.clone());
    let mut alone = world("inject", json!({}));
    alone.set_owner(SHOP, Kind::StatefulSet, "db", Owner { recreates: true, ..Owner::default() });
    let pooled = with(&|pod| pod["spec"]["containers"].as_array_mut().unwrap().push(json!({"name": "pgbouncer"})));
    for (pod, expected) in
        [(patched(&inject, &first), None), (patched(&inject, &pooled), None), (patched(&alone, &pooled), db(false))]
    {
        assert!(pod.pointer("/metadata/annotations/draingate.dev~1injected").is_some(), "{pod}");
        assert_eq!(read(Webhook::Validate, &inject, &pod), expected, "{pod}");
    }
    // Each webhook in the modes in which it acts.
    for (mode, mutates, validates) in [("off", false, false), ("audit", false, true), ("warn", false, true)] {
        let world = world(mode, json!({}));
        assert_eq!(read(Webhook::Mutate, &world, &first).is_some(), mutates, "{mode}");
        assert_eq!(read(Webhook::Validate, &world, &first).is_some(), validates, "{mode}");
    }
    // A policy that covers all, and an owner that is known.
    assert_eq!(read(Webhook::Mutate, &world("inject", json!({"appliesTo": "All"})), &first), None);
    let mut known = world("inject", json!({}));
    known.set_owner(SHOP, Kind::StatefulSet, "db", Owner::default());
    assert_eq!(read(Webhook::Mutate, &known, &first), None);
    // Templates say themselves how many they are.
    let template = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"}, "spec": {"template": server()}});
    let body = review(Kind::StatefulSet, "CREATE", &template, None);
    let review = Review::decode(body.as_bytes()).unwrap();
    let asked = admit::owner_to_read(Webhook::Validate, Kind::StatefulSet, &review, &inject.context(SHOP));
    assert_eq!(asked, None);
}
