//! The ladder of modes: what each injects, rejects, tells and records.

use serde_json::{Value, json};

use draingate_testing::lab::{HOPELESS, Lab, SERVER, Setup, Space, Stop, eventually, settles, stop};

use crate::events::events;

/// The pod that serves, with an error that a raised grace would mend.
const SHORT: &str = "{apiVersion: v1, kind: Pod, metadata: {name: short}, spec: {terminationGracePeriodSeconds: 20, \
    containers: [{name: app, image: app, ports: [{containerPort: 8080}]}]}}";

/// Our keys of an audit annotation, without the webhook's name before them.
fn recorded(space: &Space, pod: &str, webhook: &str) -> Value {
    let prefix = format!("{webhook}.draingate.dev/");
    let annotations = space.audited(pod);
    let ours = annotations
        .as_object()
        .unwrap()
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix(&prefix)?.to_owned(), value.clone())));
    ours.collect()
}

/// The names of webhooks that left something in the audit log.
fn recorders(space: &Space, pod: &str) -> Vec<String> {
    let annotations = space.audited(pod);
    let names = annotations.as_object().unwrap().keys().filter_map(|key| key.split_once(".draingate.dev/"));
    names.map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn without_the_label_nothing_happens() {
    let lab = Lab::shared();
    for mode in ["", "off"] {
        let space = lab.namespace(mode);
        for pod in [SERVER, HOPELESS] {
            let answer = space.create(pod);
            assert_eq!(answer.warnings, Vec::<String>::new(), "{mode:?}");
            let stored = answer.accepted();
            assert_eq!(stored["metadata"].get("annotations"), None, "{mode:?}");
            let name = stored["metadata"]["name"].as_str().unwrap();
            assert_eq!(recorders(&space, name), Vec::<String>::new(), "{mode:?}");
        }
        assert_eq!(space.stop_of(SERVER), stop([], 30), "{mode:?}");
    }
}

#[test]
fn audit_records_and_tells_nobody() {
    let space = Lab::shared().namespace("audit");
    let answer = space.create(SERVER);
    assert_eq!(answer.warnings, Vec::<String>::new());
    assert_eq!(answer.accepted()["spec"]["containers"][0].get("lifecycle"), None);
    let expected = json!({"mode": "audit", "verdict": "fixed", "would-inject": "a preStop hook of 10 s in \"app\", terminationGracePeriodSeconds 40 instead of 30"});
    assert_eq!(recorded(&space, "server", "pods"), expected);

    assert_eq!(space.warnings(HOPELESS), Vec::<String>::new());
    let record = recorded(&space, "hopeless", "pods");
    assert_eq!(record["verdict"], "fail");
    assert!(record["findings"].as_str().unwrap().contains("grace-budget"), "{record}");
    assert!(record["would-reject"].as_str().unwrap().starts_with("grace budget has no end"), "{record}");
}

#[test]
fn warn_tells_what_would_happen() {
    let space = Lab::shared().namespace("warn");
    let answer = space.create(SHORT);
    let expected =
        "draingate would inject a preStop hook of 10 s in \"app\", terminationGracePeriodSeconds 30 instead of 20";
    assert_eq!(answer.warnings.join(" "), expected);
    assert_eq!(answer.accepted()["spec"]["terminationGracePeriodSeconds"], 20);
    assert_eq!(recorded(&space, "short", "pods")["verdict"], "fixed");

    let warnings = space.warnings(HOPELESS);
    assert!(warnings[0].starts_with("would be rejected: grace budget has no end"), "{warnings:?}");
    assert_eq!(recorded(&space, "hopeless", "pods")["verdict"], "fail");
    assert!(recorded(&space, "hopeless", "pods").get("would-reject").is_some());
}

#[test]
fn an_unknown_mode_warns_and_says_so() {
    let space = Lab::shared().namespace("enforced");
    let answer = space.create(HOPELESS);
    assert_eq!(
        answer.warnings[0],
        format!("label draingate.dev/mode=\"enforced\" of namespace {} is no mode, it counts as warn", space.name)
    );
    assert!(answer.warnings[1].starts_with("would be rejected: "), "{:?}", answer.warnings);
    answer.accepted();
    assert_eq!(recorded(&space, "hopeless", "pods")["mode"], "warn");
    assert_eq!(space.stop_of(SERVER), stop([], 30));
}

#[test]
fn inject_patches_and_never_rejects() {
    let space = Lab::shared().namespace("inject");
    let answer = space.create(SHORT);
    assert_eq!(answer.warnings, Vec::<String>::new());
    let pod = answer.accepted();
    assert_eq!(draingate_testing::lab::Stop::of(&pod), stop([("app", 10)], 40));
    let record: Value =
        serde_json::from_str(pod["metadata"]["annotations"]["draingate.dev/injected"].as_str().unwrap()).unwrap();
    assert_eq!(record, json!({"hooks": {"app": 10}, "grace": {"from": 20, "to": 30}}));
    assert_eq!(recorded(&space, "short", "pods"), json!({"mode": "inject", "verdict": "pass"}));
    assert_eq!(recorders(&space, "short").iter().filter(|name| *name == "mutate").count(), 0);

    let warnings = space.warnings(HOPELESS);
    assert!(warnings[0].starts_with("enforce would reject this: grace budget has no end"), "{warnings:?}");
    assert_eq!(space.stop_of(HOPELESS).grace, 30);
    assert!(recorded(&space, "hopeless", "pods").get("would-reject").is_some());
}

#[test]
fn enforce_injects_and_rejects() {
    let space = Lab::shared().namespace("enforce");
    assert_eq!(draingate_testing::lab::Stop::of(&space.accepts(SHORT)), stop([("app", 10)], 30));
    assert_eq!(recorded(&space, "short", "enforce"), json!({"mode": "enforce", "verdict": "pass"}));

    let message = space.rejects(HOPELESS);
    assert!(message.contains("pod \"hopeless\": grace budget has no end"), "{message}");
    let record = recorded(&space, "hopeless", "enforce");
    assert_eq!((&record["mode"], &record["verdict"]), (&json!("enforce"), &json!("fail")));
    assert!(record["rejected"].as_str().unwrap().starts_with("grace budget has no end"), "{record}");
    assert_eq!(recorders(&space, "hopeless").iter().filter(|name| *name != "enforce").count(), 0);
}

#[test]
fn a_dry_run_is_answered_like_the_real_thing() {
    let lab = Lab::shared();
    let (warn, inject, enforce) = (lab.namespace("warn"), lab.namespace("inject"), lab.namespace("enforce"));
    assert!(warn.dry_run(HOPELESS).warnings[0].starts_with("would be rejected: "));
    assert_eq!(inject.stop_of(SERVER), stop([("app", 10)], 40));
    assert_eq!(enforce.dry_run(HOPELESS).code, 403);
    assert_eq!(recorded(&enforce, "hopeless", "enforce")["verdict"], "fail");
    // Nothing was stored.
    for (space, pod) in [(&warn, HOPELESS), (&inject, SERVER), (&enforce, HOPELESS)] {
        assert_eq!(lab.read(&space.place(pod)), Value::Null);
    }
    let said = inject
        .kubectl(&["create", "--dry-run=server", "-o", "jsonpath={.spec.containers[0].lifecycle}", "-f", "-"], SERVER);
    assert_eq!(said.out, r#"{"preStop":{"sleep":{"seconds":10}}}"#, "{}", said.err);
}

#[test]
fn the_label_may_change() {
    let space = Lab::shared().namespace("");
    let hooks = || space.stop_of(SERVER).hooks.len();
    for (mode, expected) in [("inject", 1), ("audit", 0), ("enforce", 1), ("off", 0), ("inject", 1)] {
        space.label("draingate.dev/mode", mode.into());
        settles(mode, expected, hooks);
    }
    space.label("draingate.dev/mode", Value::Null);
    settles("no label", 0, hooks);
}

#[test]
fn pods_that_run_are_left_alone() {
    let lab = Lab::shared();
    let space = lab.namespace("off");
    let pod = space.accepts(HOPELESS);
    space.label("draingate.dev/mode", "enforce".into());
    settles("enforce", 403, || space.dry_run(&HOPELESS.replace("hopeless", "another")).code);
    // A label, an image: what may change in a running pod may go on changing, and it may go.
    let change = json!({"metadata": {"labels": {"release": "2"}}, "spec": {"containers": [
        {"name": "app", "image": "app:2", "ports": [{"containerPort": 8080, "protocol": "TCP"}],
         "lifecycle": pod["spec"]["containers"][0]["lifecycle"]}]}});
    let path = draingate_testing::lab::item(&pod);
    let answer = lab.send("PATCH", &path, "application/strategic-merge-patch+json", &change);
    assert_eq!(answer.warnings, Vec::<String>::new());
    assert_eq!(answer.accepted()["spec"]["containers"][0]["image"], "app:2");
    lab.delete(&pod).accepted();
}

#[test]
fn a_default_mode_is_for_namespaces_without_the_label() {
    let arguments = &["--default-mode", "warn"];
    let lab = Lab::start(Setup { webhooks: arguments, serve: arguments, ..Setup::default() });
    let unlabelled = lab.namespace("");
    assert!(unlabelled.warnings(HOPELESS)[0].starts_with("would be rejected: "));
    assert_eq!(unlabelled.stop_of(SERVER), stop([], 30));
    // The label wins, and so does what is never touched.
    assert_eq!(lab.namespace("off").warnings(HOPELESS), Vec::<String>::new());
    assert_eq!(lab.namespace("enforce").create(HOPELESS).code, 403);
    assert_eq!(lab.existing("kube-system").warnings(HOPELESS), Vec::<String>::new());
}

const PROD: &str = r#"{"matchLabels":{"tier":"prod"}}"#;
const AT_LEAST: &[&str] = &["--minimum-mode", "enforce", "--minimum-mode-namespaces", PROD];

#[test]
fn a_minimum_mode_holds_whatever_the_label_says() {
    let lab = Lab::start(Setup { webhooks: AT_LEAST, serve: AT_LEAST, ..Setup::default() });
    for mode in ["", "off", "audit", "warn", "inject", "enforce", "nonsense"] {
        let mut labels = json!({"tier": "prod"});
        if !mode.is_empty() {
            labels["draingate.dev/mode"] = mode.into();
        }
        let space = lab.namespace_with(labels);
        assert_eq!(Stop::of(&space.accepts(SERVER)), stop([("app", 10)], 40), "{mode:?}");
        let denial = space.rejects(HOPELESS);
        assert!(denial.contains("enforce is the cluster's minimum mode here"), "{mode:?}: {denial}");
        assert!(denial.ends_with("metadata.annotations draingate.dev/skip: \"<why>\""), "{mode:?}: {denial}");
        let skips = HOPELESS.replace("name: hopeless", "name: hopeless, annotations: {draingate.dev/skip: migrates}");
        space.accepts(&skips);
        // Its owners hear of it before.
        let deployment = format!(
            "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: web}}, spec: {{selector: {{matchLabels: {{app: web}}}}, \
             template: {{metadata: {{labels: {{app: web}}}}, {}}}}}}}",
            &HOPELESS[HOPELESS.find("spec: ").unwrap()..HOPELESS.len() - 1]
        );
        let warnings = space.warnings(&deployment).join(" ");
        assert!(
            warnings.starts_with("its pods will be rejected: grace budget has no end") || mode == "nonsense",
            "{mode:?}: {warnings}"
        );
    }
    // Nobody else is asked about more than before.
    for mode in ["", "off"] {
        let space = lab.namespace(mode);
        assert_eq!(Stop::of(&space.accepts(SERVER)), stop([], 30), "{mode:?}");
        space.accepts(HOPELESS);
    }
}

#[test]
fn a_label_that_brings_a_namespace_under_the_minimum_mode_is_warned_about() {
    let lab = Lab::start(Setup { webhooks: AT_LEAST, serve: AT_LEAST, ..Setup::default() });
    let space = lab.namespace("");
    space.accepts(SERVER);
    lab.create(&space.place(HOPELESS)).accepted();
    let label = |label: &str| {
        let said = lab.kubectl_ok(&["label", "namespace", &space.name, label, "--overwrite"], "");
        said.err.replace("\nWarning: ", " ")
    };
    assert_eq!(label("team=a"), "");
    let told = label("tier=prod");
    assert!(told.contains("draingate would reject the next pods of 1 of "), "{told}");
    assert!(told.contains("hopeless: grace budget has no end"), "{told}");
    // What it knows already it is not told again.
    assert_eq!(label("team=b"), "");
    let told = label("draingate.dev/mode=inject");
    assert!(told.contains("draingate would reject the next pods of 1 of "), "{told}");
}

#[test]
fn a_mode_that_is_lowered_is_recorded_on_the_namespace() {
    let lab = Lab::start(Setup::default());
    let space = lab.namespace("enforce");
    let lowered = || {
        let about = format!("Namespace/{}", space.name);
        let told = events(&space).into_iter().filter(|(reason, ..)| reason == "DrainModeLowered");
        told.inspect(|(_, told, _)| assert_eq!(*told, about)).map(|(.., note)| note).collect::<Vec<_>>()
    };
    let known = |mode: &str| {
        let is_enforced = mode == "enforce";
        eventually("the mode is known", || (space.dry_run(HOPELESS).is_accepted() != is_enforced).then_some(()));
    };
    known("enforce");
    space.label("draingate.dev/mode", "inject".into());
    let first = "draingate.dev/mode was enforce and is inject: none of its pods is rejected any more";
    settles("the first step down", vec![first.to_owned()], lowered);
    space.label("draingate.dev/mode", Value::Null);
    let second = "draingate.dev/mode was inject and is off: nothing is looked at any more";
    settles("the second", vec![first.to_owned(), second.to_owned()], lowered);
    space.label("draingate.dev/mode", "enforce".into());
    known("enforce");
    assert_eq!(lowered().len(), 2);
    assert_eq!(lab.metric("draingate_mode_lowered_total{from=\"enforce\",to=\"inject\"}"), 1.0);
    assert_eq!(lab.metric("draingate_mode_lowered_total"), 2.0);
}
