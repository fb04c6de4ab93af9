//! What is never touched, whatever the mode, and what goes through although it is delicate.

use serde_json::{Value, json};

use draingate_testing::lab::{HOPELESS, Lab, SERVER, Space, Stop, item, settles, stop};

/// The pod is stored as it was sent, and nobody says a word.
fn untouched(space: &Space, what: &str, pod: &Value) {
    let answer = space.lab.create(pod);
    assert_eq!(answer.warnings, Vec::<String>::new(), "{what}");
    let stored = answer.accepted();
    assert_eq!(stored["metadata"].pointer("/annotations/draingate.dev~1injected"), None, "{what}");
    let lifecycle = "/spec/containers/0/lifecycle";
    assert_eq!(pod.pointer(lifecycle), stored.pointer(lifecycle), "{what}");
    assert_eq!(stored["spec"]["terminationGracePeriodSeconds"], 30, "{what}");
    space.lab.delete(&stored);
}

/// A labelled namespace where a webhook may never look; an ordinary one beside it shows that the mode counts.
fn excluded(name: &str) {
    let lab = Lab::shared();
    let space = lab.existing(name);
    for mode in ["inject", "enforce"] {
        space.label("draingate.dev/mode", mode.into());
        settles(mode, 403, || lab.namespace("enforce").dry_run(HOPELESS).code);
        for pod in [SERVER, HOPELESS] {
            untouched(&space, &format!("{name} {mode}"), &space.place(pod));
        }
    }
    space.label("draingate.dev/mode", Value::Null);
}

#[test]
fn kube_system_is_never_touched() {
    excluded("kube-system");
}

#[test]
fn its_own_namespace_is_never_touched() {
    let lab = Lab::shared();
    lab.create(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "draingate"}})).accepted();
    excluded("draingate");
}

#[test]
fn some_pods_are_never_touched() {
    for mode in ["warn", "inject", "enforce"] {
        let space = Lab::shared().namespace(mode);
        let with = |change: &dyn Fn(&mut Value)| {
            let mut pod = space.place(HOPELESS);
            change(&mut pod);
            pod
        };
        for policy in ["Never", "OnFailure"] {
            untouched(&space, policy, &with(&|pod| pod["spec"]["restartPolicy"] = policy.into()));
        }
        for class in ["system-node-critical", "system-cluster-critical"] {
            untouched(&space, class, &with(&|pod| pod["spec"]["priorityClassName"] = class.into()));
        }
        let mirror = with(&|pod| {
            pod["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "4f6e"});
            pod["spec"]["nodeName"] = "node-1".into();
        });
        untouched(&space, "mirror", &mirror);
    }
}

#[test]
fn a_pod_may_be_left_alone_with_a_reason() {
    let skip =
        |text: &str| text.replace("metadata: {", "metadata: {annotations: {draingate.dev/skip: 'drains itself'}, ");
    for mode in ["warn", "inject", "enforce"] {
        let space = Lab::shared().namespace(mode);
        let answer = space.create(&skip(HOPELESS));
        assert_eq!(
            answer.warnings,
            ["draingate leaves this alone: annotation draingate.dev/skip: \"drains itself\""],
            "{mode}"
        );
        answer.accepted();
        assert_eq!(space.stop_of(&skip(SERVER)), stop([], 30), "{mode}");
        let webhook = if mode == "enforce" { "enforce" } else { "pods" };
        let audited = space.audited("hopeless");
        assert_eq!(audited[format!("{webhook}.draingate.dev/verdict")], "skipped", "{mode}");
    }
}

#[test]
fn restricted_pods_stay_restricted() {
    let space = Lab::shared().namespace_with(json!({"draingate.dev/mode": "enforce",
        "pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/enforce-version": "latest"}));
    let pod = "
apiVersion: v1
kind: Pod
metadata: {name: restricted}
spec:
  securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
  containers:
  - name: app
    image: app
    ports: [{containerPort: 8080}]
    securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
  - name: pgbouncer
    image: pgbouncer
    securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
";
    assert!(space.rejects(SERVER).contains("violates PodSecurity"));
    assert_eq!(Stop::of(&space.accepts(pod)), stop([("app", 10), ("pgbouncer", 26)], 40));
    for hook in [
        "{type: HTTPGet, httpGet: {path: /drain, port: 8081}, seconds: 10}",
        "{type: Exec, exec: {command: [/drain]}, seconds: 10}",
    ] {
        space.policy("default", &format!("{{hook: {hook}}}"));
        let stored = space.dry_run(&pod.replace("name: restricted", "name: another")).accepted();
        assert!(stored.pointer("/spec/containers/0/lifecycle/preStop").is_some(), "{hook}");
    }
}

#[test]
fn what_was_written_stays() {
    let space = Lab::shared().namespace("enforce");
    let pod = space.accepts(
        "{apiVersion: v1, kind: Pod, metadata: {name: written, annotations: {team: a}}, spec: {\
          terminationGracePeriodSeconds: 100, containers: [\
          {name: app, image: app, ports: [{containerPort: 8080}], lifecycle: {\
            postStart: {exec: {command: [hello]}}, preStop: {sleep: {seconds: 12}}}},\
          {name: more, image: app, lifecycle: {postStart: {exec: {command: [hello]}}}}]}}",
    );
    assert_eq!(Stop::of(&pod), stop([("app", 12), ("more", 10)], 110));
    for index in [0, 1] {
        let hello = &pod["spec"]["containers"][index]["lifecycle"]["postStart"];
        assert_eq!(*hello, json!({"exec": {"command": ["hello"]}}));
    }
    assert_eq!(pod["metadata"]["annotations"]["team"], "a");
    assert_eq!(pod["metadata"]["annotations"]["draingate.dev/injected"], r#"{"hooks":{"more":10}}"#);
}

#[test]
fn ephemeral_containers_and_evictions_go_their_way() {
    let lab = Lab::shared();
    let space = lab.namespace("enforce");
    let pod = space.accepts(SERVER);
    let debug = json!({"spec": {"ephemeralContainers": [{"name": "debug", "image": "sh"}]}});
    let path = format!("{}/ephemeralcontainers", item(&pod));
    let answer = lab.send("PATCH", &path, "application/strategic-merge-patch+json", &debug);
    assert_eq!((answer.is_accepted(), answer.warnings.len()), (true, 0), "{}", answer.message());
    let eviction = space.put(json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "server"}}));
    let answer = lab.send("POST", &format!("{}/eviction", item(&pod)), "application/json", &eviction);
    assert!(answer.is_accepted(), "{}", answer.message());
}
