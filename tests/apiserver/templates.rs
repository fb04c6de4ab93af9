//! The kinds that carry a pod template are told what their pods will meet, and never rejected.

use serde_json::{Value, json};

use draingate_testing::lab::{Lab, Space, item};

/// Of every pod that serves: 30 < 10 + 40 + 5.
const POLICY: &str = "{budget: {worstCaseRequestSeconds: 40}, gracePeriod: {adjust: Never}}";

fn space(mode: &str) -> Space<'static> {
    let space = Lab::shared().namespace(mode);
    space.policy("default", POLICY);
    space
}

/// A workload of this kind whose pods serve, with a name of its own.
fn workload(space: &Space, kind: &str) -> Value {
    let always = !matches!(kind, "Job" | "CronJob");
    let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": {
        "restartPolicy": if always { "Always" } else { "Never" },
        "containers": [{"name": "app", "image": "app", "ports": [{"containerPort": 8080}]}]}});
    let selector = json!({"matchLabels": {"app": "web"}});
    let (version, spec) = match kind {
        "ReplicationController" => ("v1", json!({"replicas": 1, "selector": {"app": "web"}, "template": template})),
        "Job" => ("batch/v1", json!({"template": template})),
        "CronJob" => ("batch/v1", json!({"schedule": "* * * * *", "jobTemplate": {"spec": {"template": template}}})),
        // With one replica nobody would stand in.
        "StatefulSet" => {
            ("apps/v1", json!({"replicas": 2, "serviceName": "web", "selector": selector, "template": template}))
        }
        _ => ("apps/v1", json!({"selector": selector, "template": template})),
    };
    let mut object = json!({"apiVersion": version, "kind": kind, "metadata": {"name": kind.to_lowercase()}});
    if kind == "PodTemplate" {
        object["apiVersion"] = "v1".into();
        object["template"] = template;
    } else {
        object["spec"] = spec;
    }
    space.put(object)
}

const TOLD: [&str; 6] =
    ["ReplicationController", "PodTemplate", "ReplicaSet", "Deployment", "StatefulSet", "DaemonSet"];

fn told(warnings: &[String], lead: &str) -> bool {
    warnings.first().is_some_and(|line| line.starts_with(&format!("{lead}grace budget short by 25 s")))
}

/// Changes the image, and anything else that is worth telling about.
fn new_image(kind: &str, image: &str) -> Value {
    let template =
        json!({"spec": {"containers": [{"name": "app", "image": image, "ports": [{"containerPort": 8080}]}]}});
    match kind {
        "PodTemplate" => json!({"template": template}),
        "CronJob" => json!({"spec": {"jobTemplate": {"spec": {"template": template}}}}),
        _ => json!({"spec": {"template": template}}),
    }
}

#[test]
fn workloads_are_told_when_they_come() {
    let (warn, inject, enforce, audit) = (space("warn"), space("inject"), space("enforce"), space("audit"));
    for kind in TOLD {
        for (space, lead) in [
            (&warn, "its pods would be rejected: "),
            (&inject, "its pods would be rejected: "),
            (&enforce, "its pods will be rejected: "),
        ] {
            let object = workload(space, kind);
            let answer = space.lab.create(&object);
            assert!(told(&answer.warnings, lead), "{kind}: {lead}: {:?}", answer.warnings);
            let fix = answer.warnings.iter().find(|line| line.starts_with("fix: ")).unwrap();
            assert!(fix.ends_with("spec.terminationGracePeriodSeconds: 55"), "{kind}: {fix}");
            assert!(answer.warnings.iter().all(|line| line.chars().count() <= 120), "{kind}");
            // Nothing is written into it.
            let stored = answer.accepted();
            assert_eq!(stored["metadata"].get("annotations").and_then(|a| a.get("draingate.dev/injected")), None);
            assert!(!stored.to_string().contains("preStop"), "{kind}");
        }
        let answer = audit.lab.create(&workload(&audit, kind));
        assert_eq!(answer.warnings, Vec::<String>::new(), "{kind}");
        answer.accepted();
    }
    let annotations = audit.lab.audited("deployments", &audit.name, "deployment", "create");
    assert_eq!(annotations["templates.draingate.dev/verdict"], "fail");
    assert_eq!(annotations["templates.draingate.dev/mode"], "audit");
}

#[test]
fn workloads_are_told_when_their_template_changes_and_only_then() {
    let space = space("warn");
    let lab = space.lab;
    for kind in TOLD {
        let object = workload(&space, kind);
        lab.create(&object).accepted();
        let path = item(&object);
        let silent = |what: &str, answer: draingate_testing::lab::Answer| {
            assert_eq!(answer.warnings, Vec::<String>::new(), "{kind}: {what}");
            answer.accepted();
        };
        silent("a label of its own", lab.patch(&path, &json!({"metadata": {"labels": {"team": "a"}}})));
        if !matches!(kind, "PodTemplate" | "DaemonSet") {
            silent("its replicas", lab.patch(&path, &json!({"spec": {"replicas": 2}})));
            silent("its scale", lab.patch(&format!("{path}/scale"), &json!({"spec": {"replicas": 3}})));
        }
        let answer = lab.patch(&path, &new_image(kind, "app:2"));
        assert!(told(&answer.warnings, "its pods would be rejected: "), "{kind}: {:?}", answer.warnings);
        answer.accepted();
        silent("the same again", lab.patch(&path, &new_image(kind, "app:2")));
        silent("its status", lab.patch(&path, &json!({"metadata": {"annotations": {"seen": "yes"}}})));
        lab.delete(&object).accepted();
    }
}

#[test]
fn kubectl_scale_is_silent_and_apply_is_not() {
    let space = space("warn");
    let deployment = workload(&space, "Deployment").to_string();
    let said = space.kubectl(&["apply", "-f", "-"], &deployment);
    assert!(said.err.starts_with("Warning: its pods would be rejected: grace budget short by 25 s"), "{}", said.err);
    let said = space.kubectl(&["scale", "deployment/deployment", "--replicas=4"], "");
    assert_eq!((said.succeeded, said.err.as_str()), (true, ""));
    let said = space.kubectl(&["set", "image", "deployment/deployment", "app=app:2"], "");
    assert!(said.err.contains("Warning: its pods would be rejected"), "{}", said.err);
}

#[test]
fn jobs_run_to_completion_and_hear_nothing() {
    for mode in ["warn", "enforce"] {
        let space = space(mode);
        for kind in ["Job", "CronJob"] {
            let object = workload(&space, kind);
            let answer = space.lab.create(&object);
            assert_eq!(answer.warnings, Vec::<String>::new(), "{mode} {kind}");
            answer.accepted();
            let resource = format!("{}s", kind.to_lowercase());
            let annotations = space.lab.audited(&resource, &space.name, &kind.to_lowercase(), "create");
            assert_eq!(annotations["templates.draingate.dev/verdict"], "skipped", "{mode} {kind}");
        }
        let answer = space.lab.patch(&item(&workload(&space, "CronJob")), &new_image("CronJob", "app:2"));
        assert_eq!(answer.warnings, Vec::<String>::new(), "{mode}");
    }
}

#[test]
fn what_a_controller_made_is_passed_over() {
    let space = space("warn");
    let mut owned = workload(&space, "ReplicaSet");
    owned["metadata"]["ownerReferences"] = json!([{"apiVersion": "apps/v1", "kind": "Deployment", "controller": true,
        "name": "web", "uid": "8a4ae1a9-7a5b-4d2f-8a86-1d2f3c4b5a69"}]);
    let answer = space.lab.create(&owned);
    assert_eq!(answer.warnings, Vec::<String>::new());
    answer.accepted();
    // An owner that is no controller is another matter.
    let mut bound = workload(&space, "StatefulSet");
    bound["metadata"]["ownerReferences"] = json!([{"apiVersion": "v1", "kind": "ConfigMap",
        "name": "web", "uid": "8a4ae1a9-7a5b-4d2f-8a86-1d2f3c4b5a69"}]);
    assert!(told(&space.lab.create(&bound).warnings, "its pods would be rejected: "));
}

#[test]
fn a_template_that_will_be_fixed_is_told_so_in_warn() {
    let space = Lab::shared().namespace("warn");
    let answer = space.lab.create(&workload(&space, "Deployment"));
    assert_eq!(
        answer.warnings,
        ["draingate would inject a preStop hook of 10 s in \"app\", terminationGracePeriodSeconds 40 instead of 30"]
    );
    let space = Lab::shared().namespace("inject");
    let answer = space.lab.create(&workload(&space, "Deployment"));
    assert_eq!(answer.warnings, Vec::<String>::new());
    assert_eq!(answer.accepted()["spec"]["template"]["spec"]["terminationGracePeriodSeconds"], 30);
}
