//! Events on workloads: one for each, where people look for them, and none for what never happened.

use serde_json::{Value, json};

use draingate_testing::lab::{HOPELESS, Lab, SERVER, Space, eventually, settles};

/// A Deployment and its ReplicaSet, as the controllers that do not run here would leave them; gives the owner
/// reference of their pods.
pub(crate) fn workload(space: &Space, name: &str) -> Value {
    let spec = "{selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, \
        spec: {containers: [{name: app, image: app}]}}}";
    let of = |kind: &str, name: &str| {
        format!("{{apiVersion: apps/v1, kind: {kind}, metadata: {{name: {name}}}, spec: {spec}}}")
    };
    space.accepts(&of("Deployment", name));
    let set = space.accepts(&of("ReplicaSet", &format!("{name}-5d8")));
    json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("{name}-5d8"),
        "uid": set["metadata"]["uid"], "controller": true}])
}

fn pod(space: &Space, text: &str, name: &str, owners: &Value) -> Value {
    let mut pod = space.place(text);
    pod["metadata"]["name"] = name.into();
    pod["metadata"]["labels"] = json!({"pod-template-hash": "5d8"});
    pod["metadata"]["ownerReferences"] = owners.clone();
    pod
}

/// Reason, kind and name of what they are about, and the note; of all Events in the namespace.
pub(crate) fn events(space: &Space) -> Vec<(String, String, String)> {
    let path = format!("/api/v1/namespaces/{}/events", space.name);
    let list = space.lab.send("GET", &path, "application/json", &Value::Null).accepted();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let of = |event: &Value| {
        let about = &event["involvedObject"];
        let about = format!("{}/{}", text(&about["kind"]), text(&about["name"]));
        (text(&event["reason"]), about, text(&event["message"]))
    };
    let mut all: Vec<_> = list["items"].as_array().unwrap().iter().map(of).collect();
    all.sort();
    all
}

#[test]
fn a_workload_is_told_once_what_happened_to_its_pods() {
    let space = Lab::shared().namespace("enforce");
    let (web, bad) = (workload(&space, "web"), workload(&space, "bad"));
    for number in 0..3 {
        space.lab.create(&pod(&space, SERVER, &format!("web-{number}"), &web)).accepted();
        assert_eq!(space.lab.create(&pod(&space, HOPELESS, &format!("bad-{number}"), &bad)).code, 403);
    }
    eventually("both are told", || (events(&space).len() >= 2).then_some(()));
    let told = events(&space);
    let injected = "its pods get a preStop hook of 10 s in \"app\", terminationGracePeriodSeconds 40 instead of 30";
    assert_eq!(told[0], ("DrainInjected".into(), "Deployment/web".into(), injected.into()));
    assert_eq!((told[1].0.as_str(), told[1].1.as_str()), ("DrainRejected", "Deployment/bad"));
    assert!(told[1].2.contains("grace budget has no end"), "{}", told[1].2);

    // What comes later is told later, so by now anything told twice would be there.
    let last = workload(&space, "last");
    space.lab.create(&pod(&space, SERVER, "last-0", &last)).accepted();
    eventually("the last is told", || events(&space).iter().any(|e| e.1 == "Deployment/last").then_some(()));
    assert_eq!(events(&space).len(), 3);
    let described = space.kubectl(&["describe", "deployment", "bad"], "").out;
    assert!(described.contains("DrainRejected"), "{described}");
}

#[test]
fn a_dry_run_a_bare_pod_and_a_look_only_tell_nobody() {
    let lab = Lab::shared();
    let (space, audit) = (lab.namespace("enforce"), lab.namespace("audit"));
    let web = workload(&space, "web");
    space.try_out(&pod(&space, SERVER, "dry", &web)).accepted();
    assert_eq!(space.try_out(&pod(&space, HOPELESS, "dry", &web)).code, 403);
    space.accepts(SERVER);
    assert_eq!(space.create(HOPELESS).code, 403);
    let watched = workload(&audit, "web");
    audit.lab.create(&pod(&audit, HOPELESS, "seen", &watched)).accepted();

    let after = workload(&space, "after");
    space.lab.create(&pod(&space, SERVER, "after-0", &after)).accepted();
    settles("only what came after is told", vec!["Deployment/after".to_owned()], || {
        events(&space).into_iter().map(|event| event.1).collect()
    });
    assert_eq!(events(&audit), []);
}
