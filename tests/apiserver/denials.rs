//! What a person sees when a pod is rejected, and that the way out of it works.

use serde_json::json;

use draingate_testing::lab::{Lab, SERVER, Space, Stop, settles, stop};

const NEVER: &str = "{budget: {endpointPropagationSeconds: 8, drainDelaySeconds: 7, worstCaseRequestSeconds: 20, \
    safetyMarginSeconds: 7}, gracePeriod: {adjust: Never}}";

/// Hold 15, request 20, margin 7: 42 is needed.
const CHECKOUT: &str = "
apiVersion: v1
kind: Pod
metadata: {name: checkout}
spec:
  terminationGracePeriodSeconds: 30
  containers:
  - name: app
    image: app
    ports: [{containerPort: 8080}]
    lifecycle: {preStop: {sleep: {seconds: 15}}}
";

fn never() -> Space<'static> {
    let space = Lab::shared().namespace("enforce");
    space.policy("default", NEVER);
    space
}

#[test]
fn kubectl_shows_arithmetic_fix_and_way_out() {
    let space = never();
    let said = space.kubectl(&["create", "-f", "-"], CHECKOUT);
    assert!(!said.succeeded);
    let expected = format!(
        r#"Error from server (Forbidden): error when creating "STDIN": admission webhook "enforce.draingate.dev" denied the request: pod "checkout": grace budget short by 12 s: terminationGracePeriodSeconds 30 < 42 needed [grace-budget]
  hold 15 (preStop sleep of "app") + worst-case request 20 (DrainPolicy {0}/default) + safety margin 7 (DrainPolicy {0}/default)
  not raised: adjust is Never (DrainPolicy {0}/default)
  fix: spec.terminationGracePeriodSeconds: 42
  to let it run now: kubectl label ns {0} draingate.dev/mode=inject --overwrite
"#,
        space.name
    );
    assert_eq!(said.err, expected);
}

#[test]
fn the_fix_can_be_pasted() {
    let space = never();
    let message = space.rejects(CHECKOUT);
    let fix = message.lines().find_map(|line| line.trim().strip_prefix("fix: spec.")).unwrap();
    let fixed = CHECKOUT.replace("terminationGracePeriodSeconds: 30", fix);
    assert_eq!(Stop::of(&space.accepts(&fixed)), stop([("app", 15)], 42));
    // One second less is one too few.
    let short = CHECKOUT.replace("terminationGracePeriodSeconds: 30", "terminationGracePeriodSeconds: 41");
    assert!(space.dry_run(&short).message().contains("short by 1 s"));
}

#[test]
fn the_way_out_works() {
    let space = never();
    let message = space.rejects(CHECKOUT);
    let way_out = message.lines().find_map(|line| line.trim().strip_prefix("to let it run now: kubectl ")).unwrap();
    let args: Vec<&str> = way_out.split(' ').collect();
    space.lab.kubectl_ok(&args, "");
    settles("it runs", true, || space.dry_run(CHECKOUT).is_accepted());
    let warnings = space.warnings(CHECKOUT);
    assert!(warnings[0].starts_with("enforce would reject this: grace budget short by 12 s"), "{warnings:?}");
}

#[test]
fn the_same_pod_is_admitted_where_the_grace_may_be_raised() {
    let space = Lab::shared().namespace("enforce");
    space.policy("default", &NEVER.replace("Never", "Raise"));
    assert_eq!(Stop::of(&space.accepts(CHECKOUT)), stop([("app", 15)], 42));
}

#[test]
fn a_hook_without_the_grace_for_it_is_not_injected() {
    let space = never();
    let message = space.rejects(SERVER);
    assert!(message.contains("terminationGracePeriodSeconds 30 < 42 needed"), "{message}");
    space.label("draingate.dev/mode", "inject".into());
    settles("nothing of it", Some(stop([], 30)), || {
        let answer = space.dry_run(SERVER);
        answer.is_accepted().then(|| Stop::of(&answer.body))
    });
}

#[test]
fn the_ceiling_bounds_what_is_raised() {
    let space = Lab::shared().namespace("enforce");
    space.policy("default", "{budget: {worstCaseRequestSeconds: 100}, gracePeriod: {maxSeconds: 60}}");
    let message = space.rejects(SERVER);
    assert!(message.contains("30 < 115 needed"), "{message}");
    assert!(
        message.contains(&format!("not raised: maxSeconds is 60 (DrainPolicy {}/default)", space.name)),
        "{message}"
    );
}

#[test]
fn a_fix_names_the_owner() {
    let space = never();
    let mut pod = space.place(CHECKOUT);
    pod["metadata"]["name"] = json!("checkout-7d9f-x2");
    pod["metadata"]["labels"] = json!({"pod-template-hash": "7d9f"});
    pod["metadata"]["ownerReferences"] = json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "controller": true,
        "name": "checkout-7d9f", "uid": "8a4ae1a9-7a5b-4d2f-8a86-1d2f3c4b5a69"}]);
    let answer = space.try_out(&pod);
    assert_eq!(answer.code, 403);
    assert!(
        answer.message().contains("fix: in its Deployment, spec.template.spec.terminationGracePeriodSeconds: 42"),
        "{}",
        answer.message()
    );
}

#[test]
fn a_generated_name_is_known_when_it_is_judged() {
    let space = never();
    let answer = space.create(&CHECKOUT.replace("{name: checkout}", "{generateName: checkout-}"));
    assert_eq!(answer.code, 403);
    assert!(answer.message().contains("pod \"checkout-"), "{}", answer.message());
}

#[test]
fn every_error_is_told_at_once() {
    let space = never();
    let message = space.rejects(
        "{apiVersion: v1, kind: Pod, metadata: {name: two, annotations: {draingate.dev/drain-delay-seconds: soon}}, \
         spec: {containers: [{name: app, image: app, ports: [{containerPort: 8080}]}, {name: pgbouncer, image: p}]}}",
    );
    for code in ["[grace-budget]", "[early-helper]", "[invalid-setting]"] {
        assert!(message.contains(code), "{code}: {message}");
    }
    assert!(message.ends_with("draingate.dev/mode=inject --overwrite"), "{message}");
}

#[test]
fn other_controllers_pods_are_only_told() {
    let space = never();
    let mut pod = space.place(CHECKOUT);
    pod["metadata"]["ownerReferences"] = json!([{"apiVersion": "db.example/v1", "kind": "Postgres", "controller": true,
        "name": "main", "uid": "8a4ae1a9-7a5b-4d2f-8a86-1d2f3c4b5a69"}]);
    let answer = space.lab.create(&pod);
    assert!(answer.warnings[0].starts_with("grace budget short by 12 s"), "{:?}", answer.warnings);
    assert_eq!(Stop::of(&answer.accepted()), stop([("app", 15)], 30));

    space.policy("default", &NEVER.replace("gracePeriod", "controllers: Any, gracePeriod"));
    assert_eq!(space.try_out(&pod).code, 403);
}
