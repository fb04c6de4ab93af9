//! Where the numbers come from: policies above policies, labels, annotations, Services.

use serde_json::{Value, json};

use draingate_testing::lab::{Lab, SERVER, Space, Stop, settles, stop};

/// The pod that serves, with these annotations.
fn annotated(space: &Space, annotations: Value) -> Stop {
    let mut pod = space.place(SERVER);
    pod["metadata"]["annotations"] = annotations;
    Stop::of(&space.try_out(&pod).accepted())
}

fn labelled(space: &Space, labels: Value) -> Stop {
    let mut pod = space.place(SERVER);
    pod["metadata"]["labels"] = labels;
    Stop::of(&space.try_out(&pod).accepted())
}

#[test]
fn each_layer_goes_above_the_one_before() {
    let lab = Lab::shared();
    let space = lab.namespace("inject");
    // E 5, D 5, R 15, M 5
    assert_eq!(space.stop_of(SERVER), stop([("app", 10)], 40));
    let platform = space.cluster_policy("{profile: gclb, budget: {worstCaseRequestSeconds: 20}}");
    lab.policy(&platform);
    // E 40, D 5, R 20, M 5
    assert_eq!(space.stop_of(SERVER), stop([("app", 45)], 75));
    space.label("draingate.dev/profile", "ingress".into());
    // E 10, D 5, R 20, M 5
    settles("the profile label", stop([("app", 15)], 45), || space.stop_of(SERVER));
    space.policy("default", "{budget: {endpointPropagationSeconds: 12, drainDelaySeconds: 0}}");
    // E 12, D 0, R 20, M 5
    assert_eq!(space.stop_of(SERVER), stop([("app", 12)], 42));
    // E 12, D 0, R 30, M 1
    let annotations =
        json!({"draingate.dev/worst-case-request-seconds": "30", "draingate.dev/safety-margin-seconds": "1"});
    assert_eq!(annotated(&space, annotations), stop([("app", 12)], 43));
    lab.delete(&platform).accepted();
}

#[test]
fn a_selector_beats_a_catch_all() {
    let space = Lab::shared().namespace("inject");
    space.policy("a-catch-all", "{budget: {worstCaseRequestSeconds: 30}}");
    space.policy("web", "{selector: {matchLabels: {tier: web}}, budget: {worstCaseRequestSeconds: 40}}");
    assert_eq!(labelled(&space, json!({"tier": "web"})), stop([("app", 10)], 55));
    assert_eq!(labelled(&space, json!({"tier": "batch"})), stop([("app", 10)], 45));
    assert_eq!(labelled(&space, json!({})), stop([("app", 10)], 45));
}

#[test]
fn a_lock_holds() {
    let lab = Lab::shared();
    let space = lab.namespace("inject");
    let platform = space.cluster_policy(
        "{budget: {worstCaseRequestSeconds: 60}, rules: {shell-hook: Error}, \
          locked: [worstCaseRequestSeconds, skip, rules.shell-hook]}",
    );
    lab.policy(&platform);
    space
        .policy("default", "{budget: {worstCaseRequestSeconds: 10, drainDelaySeconds: 0}, rules: {shell-hook: 'Off'}}");
    // E 5, D 0, R 60, M 5: what is not locked may be weaker.
    assert_eq!(space.stop_of(SERVER), stop([("app", 5)], 70));
    let warnings = space.dry_run(SERVER).warnings;
    let told = warnings.join(" ");
    let title = format!("DrainPolicy {}/default", space.name);
    assert!(
        told.contains(&format!(
            "worstCaseRequestSeconds 10 ({title}) is ignored: ClusterDrainPolicy {} keeps it at 60 [locked-setting]",
            space.name
        )),
        "{told}"
    );
    assert!(told.contains("rules.shell-hook Off"), "{told}");
    // Stricter is allowed.
    space.policy("default", "{budget: {worstCaseRequestSeconds: 80, drainDelaySeconds: 0}}");
    assert_eq!(space.stop_of(SERVER), stop([("app", 5)], 90));
    // The annotations are bound too, also the one that would have the pod left alone.
    let weaker = json!({"draingate.dev/worst-case-request-seconds": "1", "draingate.dev/skip": "because",
        "worst-case-request-seconds.draingate.dev/app": "1"});
    assert_eq!(annotated(&space, weaker), stop([("app", 5)], 90));
    lab.delete(&platform).accepted();
}

#[test]
fn service_backed_pods_owe_a_hold() {
    let lab = Lab::shared();
    let space = lab.namespace("inject");
    space.policy("default", "{appliesTo: ServiceBacked}");
    let mut pod = space.place(SERVER);
    pod["metadata"]["labels"] = json!({"app": "web"});
    let hooks = || Stop::of(&space.try_out(&pod).accepted());
    assert_eq!(hooks(), stop([], 30));
    let service = space.place(
        "{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {selector: {app: web}, ports: [{port: 80}]}}",
    );
    lab.create(&service).accepted();
    settles("the Service counts", stop([("app", 10)], 40), hooks);
    let warnings = space.try_out(&pod).warnings;
    assert!(warnings.join(" ").contains("Service \"web\" sends to the pod"), "{warnings:?}");
    // It looks elsewhere now.
    lab.patch(&draingate_testing::lab::item(&service), &json!({"spec": {"selector": {"app": "other"}}})).accepted();
    settles("the Service has gone elsewhere", stop([], 30), hooks);
}

#[test]
fn applies_to_decides_who_owes_a_hold() {
    let quiet = "{apiVersion: v1, kind: Pod, metadata: {name: quiet}, spec: {containers: [{name: app, image: app}]}}";
    let space = Lab::shared().namespace("inject");
    assert_eq!(space.stop_of(quiet), stop([], 30));
    space.policy("default", "{appliesTo: All}");
    assert_eq!(space.stop_of(quiet), stop([("app", 10)], 40));
    space.policy("default", "{appliesTo: Serving}");
    assert_eq!(space.stop_of(quiet), stop([], 30));
    let probed = quiet.replace("image: app", "image: app, readinessProbe: {tcpSocket: {port: 8080}}");
    assert_eq!(space.stop_of(&probed), stop([("app", 10)], 40));
}

#[test]
fn helpers_wait_for_their_apps() {
    let space = Lab::shared().namespace("inject");
    let pod = "{apiVersion: v1, kind: Pod, metadata: {name: two}, spec: {containers: [\
        {name: app, image: app, ports: [{containerPort: 8080}]}, {name: NAME, image: helper}]}}";
    // apps_done 10 + 15 = 25; the helper's hook 26, its stop 0, the margin 5
    assert_eq!(space.stop_of(&pod.replace("NAME", "pgbouncer")), stop([("app", 10), ("pgbouncer", 26)], 40));
    assert_eq!(space.stop_of(&pod.replace("NAME", "shipper")), stop([("app", 10), ("shipper", 10)], 40));
    let said = pod
        .replace("NAME", "shipper")
        .replace("name: two", "name: two, annotations: {draingate.dev/helpers: 'shipper=4'}");
    assert_eq!(space.stop_of(&said), stop([("app", 10), ("shipper", 26)], 40));
    space.policy("default", "{helpers: [{name: 'ship*', stopSeconds: 9}, {name: pgbouncer, role: App}]}");
    assert_eq!(space.stop_of(&pod.replace("NAME", "shipper")), stop([("app", 10), ("shipper", 26)], 40));
    assert_eq!(space.stop_of(&pod.replace("NAME", "pgbouncer")), stop([("app", 10), ("pgbouncer", 10)], 40));
}

#[test]
fn native_sidecars_get_no_hook_but_their_time_counts() {
    let space = Lab::shared().namespace("inject");
    let pod = "{apiVersion: v1, kind: Pod, metadata: {name: mesh}, spec: {\
        initContainers: [{name: setup, image: s}, {name: istio-proxy, image: p, restartPolicy: Always}], \
        containers: [{name: app, image: app, ports: [{containerPort: 8080}]}]}}";
    // 10 + 15 + the sidecar's 0 + 5
    assert_eq!(space.stop_of(pod), stop([("app", 10)], 40));
    // 10 + 15 + the sidecar's 5 + 5
    assert_eq!(space.stop_of(&pod.replace("istio-proxy", "fluent-bit")), stop([("app", 10)], 40));
}

#[test]
fn hooks_by_policy() {
    let space = Lab::shared().namespace("inject");
    space.policy("default", "{hook: {type: HTTPGet, httpGet: {path: /drain, port: 8081}, seconds: 12}}");
    let pod = space.dry_run(SERVER).accepted();
    let hook = &pod["spec"]["containers"][0]["lifecycle"]["preStop"];
    assert_eq!(*hook, json!({"httpGet": {"path": "/drain", "port": 8081, "scheme": "HTTP"}}));
    assert_eq!(pod["spec"]["terminationGracePeriodSeconds"], 42);
    space.policy("default", "{hook: {type: Exec, exec: {command: [/drain, now]}, seconds: 20}}");
    let pod = space.dry_run(SERVER).accepted();
    let hook = &pod["spec"]["containers"][0]["lifecycle"]["preStop"];
    assert_eq!(*hook, json!({"exec": {"command": ["/drain", "now"]}}));
    assert_eq!(pod["spec"]["terminationGracePeriodSeconds"], 50);
    space.policy("default", "{hook: {type: None}}");
    assert_eq!(space.stop_of(SERVER), stop([], 30));
}
