//! What a change of a label or a policy would mean, told to whoever makes it. Pods are stored, never run.

use serde_json::json;

use draingate_testing::lab::{HOPELESS, Lab, SERVER, Space, eventually};

fn pods(space: &Space, text: &str, set: &str, count: usize) {
    for number in 0..count {
        let mut pod = space.place(text);
        pod["metadata"]["name"] = format!("{set}-{number}").into();
        pod["metadata"]["ownerReferences"] =
            json!([{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": set, "uid": "u", "controller": true}]);
        space.lab.create(&pod).accepted();
    }
}

/// What kubectl prints to standard error, joined: a warning may be two lines.
fn label(space: &Space, label: &str) -> String {
    let said = space.lab.kubectl(&["label", "namespace", &space.name, label, "--overwrite"], "");
    assert!(said.succeeded, "{}", said.err);
    said.err.lines().map(|line| line.trim_start_matches("Warning: ")).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_label_that_would_reject_running_pods_is_warned_about() {
    let space = Lab::shared().namespace("audit");
    pods(&space, SERVER, "good", 2);
    pods(&space, HOPELESS, "bad", 3);
    assert_eq!(label(&space, "draingate.dev/mode=inject"), "");
    assert_eq!(label(&space, "other=label"), "");
    let err = label(&space, "draingate.dev/mode=enforce");
    let counts = format!("draingate would reject the next pods of 1 of 2 running workloads in {}:", space.name);
    assert!(err.contains(&counts), "{err}");
    assert!(
        err.contains(&format!("StatefulSet {}/bad (and 2 other pods): grace budget has no end", space.name)),
        "{err}"
    );
    assert!(!err.contains("good"), "{err}");
    // Another label is none of its business; the profile is.
    assert_eq!(label(&space, "other=again"), "");
    assert!(label(&space, "draingate.dev/profile=alb").contains(&counts));
}

#[test]
fn a_policy_that_would_reject_running_pods_is_warned_about_and_never_held_up() {
    let space = Lab::shared().namespace("audit");
    pods(&space, SERVER, "web", 2);
    space.label("draingate.dev/mode", "enforce".into());
    let policy = |seconds: u64| {
        space.drain_policy(
            "strict",
            &format!("{{budget: {{worstCaseRequestSeconds: {seconds}}}, gracePeriod: {{adjust: Never}}}}"),
        )
    };
    let warned = eventually("draingate knows the mode", || {
        let mut policy = policy(120);
        policy["metadata"]["name"] = "look".into();
        let answer = space.try_out(&policy);
        (!answer.warnings.is_empty()).then_some(answer.warnings)
    });
    let text = warned.join(" ");
    assert!(text.contains(&format!("the next pods of 1 of 1 running workloads in {}", space.name)), "{text}");
    assert!(text.contains("web (and 1 other pod): grace budget short by"), "{text}");
    assert!(warned.iter().all(|line| line.chars().count() <= 120), "{warned:?}");
    // It is stored all the same; one that fits the pods says nothing, and taking the bad one away neither.
    assert!(space.lab.create(&policy(120)).is_accepted());
    assert_eq!(space.lab.apply(&policy(5)).warnings, Vec::<String>::new());
    assert!(space.lab.delete(&policy(5)).warnings.is_empty());
}

#[test]
fn many_pods_are_looked_at_up_to_the_bound_and_never_held_up() {
    let lab = Lab::shared();
    let space = lab.namespace("audit");
    let pods: Vec<_> = (0..3_020)
        .map(|number| {
            let mut pod = space.place(HOPELESS);
            pod["metadata"]["name"] = format!("p-{number}").into();
            pod
        })
        .collect();
    assert!(lab.create_all(&pods, false).iter().all(|answer| answer.is_accepted()));
    let err = label(&space, "draingate.dev/mode=enforce");
    let bounded = err.contains("looked at the first 3000 pods only") || err.contains("had no time to look at all");
    assert!(bounded, "{err}");
    assert!(
        err.contains("and ") && err.contains("more workloads: draingate scan --for-mode enforce shows all"),
        "{err}"
    );
}
