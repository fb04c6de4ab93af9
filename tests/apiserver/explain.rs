//! `draingate explain KIND/NAME`: an object of a real API server, read with the user's rights.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use draingate_testing::lab::{Lab, Space, eventually};

/// Exit code, standard output and standard error.
fn draingate(kubeconfig: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_draingate"))
        .args(arguments)
        .env("KUBECONFIG", kubeconfig)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn explained(space: &Space, name: &str) -> Value {
    let arguments = ["explain", name, "-n", &space.name, "--format", "json"];
    let (code, out, err) = draingate(&space.lab.api().kubeconfig(), &arguments);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    serde_json::from_str::<Value>(&out).unwrap()["objects"][0].take()
}

/// A Deployment that a Service sends to, with a policy, and a hook whose length stands in a ConfigMap.
fn put(space: &Space) {
    let object =
        |api: &str, kind: &str, name: &str| json!({"apiVersion": api, "kind": kind, "metadata": {"name": name}});
    let mut map = object("v1", "ConfigMap", "settings");
    map["data"] = json!({"wait": "40"});
    let mut service = object("v1", "Service", "web");
    service["spec"] = json!({"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]});
    let mut web = object("apps/v1", "Deployment", "web");
    web["spec"] = json!({"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "app", "image": "app", "ports": [{"containerPort": 8080}],
            "env": [{"name": "WAIT", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "wait"}}}],
            "lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", "sleep $WAIT"]}}}}]}}});
    for object in [map, service, web] {
        space.lab.create(&space.put(object)).accepted();
    }
    space.policy("default", "{budget: {worstCaseRequestSeconds: 20}}");
}

fn codes(object: &Value) -> Vec<(&str, &str)> {
    let findings = object["findings"].as_array().unwrap().iter();
    findings.map(|finding| (finding["code"].as_str().unwrap(), finding["severity"].as_str().unwrap())).collect()
}

#[test]
fn an_object_is_explained_with_what_stands_around_it_in_the_cluster() {
    let space = Lab::shared().namespace("");
    put(&space);
    for name in ["deployment/web", "deploy/web", "deployments.apps/web"] {
        let web = explained(&space, name);
        assert_eq!(web["source"]["file"], format!("cluster/{}/Deployment/web", space.name));
        assert_eq!(web["terms"]["hold"], json!({"seconds": 10, "reason": "sender"}));
        let policy = format!("DrainPolicy {}/default", space.name);
        assert_eq!(web["terms"]["worstCaseRequest"], json!({"seconds": 20, "source": policy}));
        // 40 of the ConfigMap + 20 of the policy + the margin of 5 > 30, and 40 > 30 without any built-in figure.
        assert_eq!((&web["requiredGracePeriodSeconds"], &web["verdict"]), (&json!(65), &json!("fail")));
        assert_eq!(codes(&web), [("grace-budget", "error"), ("shell-hook", "warning"), ("no-readiness", "warning")]);
        let views: Vec<_> = web["views"].as_array().unwrap().iter().map(|view| &view["verdict"]).collect();
        assert_eq!(views, ["fail", "fixed"]);
    }
    let (code, out, err) = draingate(&space.lab.api().kubeconfig(), &["explain", "deploy/web", "-n", &space.name]);
    assert_eq!((code, err.as_str()), (0, ""));
    let title = format!("Deployment {0}/web (cluster/{0}/Deployment/web): fail as", space.name);
    assert!(out.starts_with(&title), "{out}");
}

#[test]
fn check_scan_and_explain_say_the_same_of_the_same_pod() {
    let space = Lab::shared().namespace("");
    let server = "{apiVersion: v1, kind: Pod, metadata: {name: server, labels: {app: web}}, \
        spec: {containers: [{name: app, image: app, ports: [{containerPort: 8080}]}, {name: pgbouncer, image: pgbouncer}]}}";
    let service =
        "{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {selector: {app: web}, ports: [{port: 8080}]}}";
    space.create(service).accepted();
    space.create(server).accepted();
    space.policy("default", "{budget: {worstCaseRequestSeconds: 20}}");
    let path = format!("/api/v1/namespaces/{}/pods/server/status", space.name);
    space.lab.patch(&path, &json!({"status": {"phase": "Running"}})).accepted();

    let kubeconfig = space.lab.api().kubeconfig();
    let live = explained(&space, "pod/server");
    let folder = tempfile::tempdir().unwrap();
    let objects = space.kubectl(&["get", "pod,service,drainpolicy", "-o", "json"], "").out;
    std::fs::write(folder.path().join("all.json"), objects).unwrap();
    let first = |arguments: &[&str]| {
        let (code, out, err) = draingate(&kubeconfig, &[arguments, &["--format", "json"]].concat());
        assert!(code < 2, "{err}");
        serde_json::from_str::<Value>(&out).unwrap()["results"][0].take()
    };
    let scanned = first(&["scan", "-n", &space.name]);
    let checked = first(&["check", folder.path().to_str().unwrap()]);
    // The app's hold of 10 and its request of 20: the pooler has to stay until 30. With the margin of 5 that is 35 > 30, by
    // the built-in margin alone; the pooler is early by the 20 of the policy.
    let expected = [
        ("grace-budget", "warning"),
        ("early-helper", "error"),
        ("short-hold", "warning"),
        ("no-readiness", "warning"),
    ];
    assert_eq!(codes(&live), expected);
    assert!(live["findings"][1]["message"].as_str().unwrap().contains("until 30 s"), "{live}");
    for other in [&scanned, &checked] {
        for field in ["verdict", "gracePeriodSeconds", "requiredGracePeriodSeconds", "terms", "containers"] {
            assert_eq!(live[field], other[field], "{field}");
        }
        let told = |object: &Value| -> Vec<Value> {
            let of = |f: &Value| json!([f["code"], f["severity"], f["container"], f["message"], f["fix"]]);
            object["findings"].as_array().unwrap().iter().map(of).collect()
        };
        assert_eq!(told(&live), told(other));
    }
}

#[test]
fn a_lone_pod_is_known_by_its_owner_and_an_autoscaler_of_the_cluster() {
    let space = Lab::shared().namespace("");
    put(&space);
    let path = format!("/apis/apps/v1/namespaces/{}/deployments/web", space.name);
    space
        .lab
        .patch(&path, &json!({"spec": {"replicas": 1, "strategy": {"type": "Recreate", "rollingUpdate": null}}}))
        .accepted();
    let hold = || explained(&space, "deployment/web")["terms"]["hold"].take();
    assert_eq!(hold(), json!({"seconds": 0, "reason": "nobody-stands-in"}));
    let scaler = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
        "spec": {"maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}});
    space.lab.create(&space.put(scaler)).accepted();
    assert_eq!(hold(), json!({"seconds": 10, "reason": "sender"}));
}

#[test]
fn a_custom_resource_is_found_by_its_kind() {
    let space = Lab::shared().namespace("");
    let version = json!({"name": "v1alpha1", "served": true, "storage": true, "schema": {"openAPIV3Schema":
        {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}});
    let crd = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "rollouts.argoproj.io"},
        "spec": {"group": "argoproj.io", "scope": "Namespaced", "versions": [version],
            "names": {"kind": "Rollout", "plural": "rollouts"}}});
    space.lab.apply(&crd).accepted();
    let rollout = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "web", "namespace": space.name},
        "spec": {"template": {"spec": {"containers": [{"name": "app", "ports": [{"containerPort": 8080}]}]}}}});
    eventually("the kind is served", || space.lab.create(&rollout).is_accepted().then_some(()));
    for name in ["rollout/web", "rollouts/web", "rollouts.argoproj.io/web", "rollout.argoproj.io/web"] {
        let web = explained(&space, name);
        assert_eq!((&web["kind"], codes(&web)), (&json!("Rollout"), vec![("short-hold", "warning")]), "{name}");
    }
    let kubeconfig = space.lab.api().kubeconfig();
    for (name, said) in [
        ("balloon/web", "balloon/web: no such file, and the cluster has no kind \"balloon\""),
        ("balloons.example.com/web", "no such file: Error from discovery"),
        ("rollout/other", "cannot read Rollout"),
    ] {
        let (code, _, err) = draingate(&kubeconfig, &["explain", name, "-n", &space.name]);
        assert!(code == 2 && err.contains(said), "{err}");
    }
}

#[test]
fn what_cannot_be_read_is_named_and_what_need_not_be_is_done_without() {
    let space = Lab::shared().namespace("");
    put(&space);
    space.kubectl(&["create", "serviceaccount", "dev"], "");
    let token = space.kubectl(&["create", "token", "dev"], "").out;
    let mut config = draingate_testing::lab::yaml(&std::fs::read_to_string(space.lab.api().kubeconfig()).unwrap());
    config["users"][0]["user"] = json!({"token": token.trim()});
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), config.to_string()).unwrap();
    let explain = || draingate(file.path(), &["explain", "deployment/web", "-n", &space.name]);
    let grant = |name: &str, verb: &str, resource: &str| {
        space.kubectl(&["create", "role", name, "--verb", verb, "--resource", resource], "");
        let account = format!("{}:dev", space.name);
        space.kubectl(&["create", "rolebinding", name, "--role", name, "--serviceaccount", &account], "");
    };
    let refused = |said: String| {
        eventually("it is refused", || {
            let (code, out, err) = explain();
            (code == 2 && out.is_empty() && err.contains(&said) && err.contains("forbidden")).then_some(())
        });
    };
    refused(format!("cannot read Deployment {}/web", space.name));
    grant("one", "get", "deployments");
    refused("cannot list services".to_owned());
    grant("two", "list", "services");
    let (out, err) =
        eventually("it is drawn", || Some(explain()).filter(|(code, ..)| *code == 0).map(|(_, out, err)| (out, err)));
    // The hook's length stands in the ConfigMap, so it is not known.
    assert!(out.contains("[undeclared-hook]") && out.contains("a Service sends to it"), "{out}");
    let notes: Vec<_> = err.lines().collect();
    let beginnings = [
        "cannot read namespace ",
        "cannot list drainpolicies",
        "cannot list horizontalpodautoscalers",
        "cannot read configmap settings",
        "the versions of the nodes cannot be read",
    ];
    assert_eq!(notes.len(), beginnings.len(), "{err}");
    for (note, beginning) in notes.iter().zip(beginnings) {
        assert!(note.starts_with(&format!("draingate: {beginning}")) && note.contains("forbidden"), "{note}");
    }
}
