//! The StatefulSet of a pod, read when the pod is admitted. No controller runs here: the pods are made as it would make them.

use std::process::{Command, Stdio};

use base64::Engine;
use serde_json::{Value, json};

use draingate_testing::apiserver::ApiServer;
use draingate_testing::lab::{Lab, Space, Stop, settles, yaml};
use draingate_testing::load::{response, review};
use draingate_testing::replica::{Replica, SHOP, Start, certificate, install, kubeconfig};
use draingate_testing::tls::{request, send, until};

const SERVICE: &str =
    "{apiVersion: v1, kind: Service, metadata: {name: db}, spec: {selector: {app: db}, ports: [{port: 8080}]}}";

fn set(name: &str, replicas: u64) -> Value {
    let template =
        json!({"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [{"name": "app", "image": "app"}]}});
    json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name, "namespace": "shop"},
        "spec": {"replicas": replicas, "serviceName": "db", "selector": {"matchLabels": {"app": "db"}}, "template": template}})
}

/// A pod of a StatefulSet as it is stored.
fn pod(set: &Value, ordinal: u64) -> Value {
    let metadata = &set["metadata"];
    let owner = json!([{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": metadata["name"], "uid": metadata["uid"],
        "controller": true, "blockOwnerDeletion": true}]);
    let name = format!("{}-{ordinal}", metadata["name"].as_str().unwrap());
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": metadata["namespace"],
            "labels": {"app": "db"}, "ownerReferences": owner},
        "spec": {"terminationGracePeriodSeconds": 30,
            "containers": [{"name": "app", "image": "app", "ports": [{"containerPort": 8080}]}]}})
}

/// The hooks of a pod that is created.
fn hooks(space: &Space, pod: &Value) -> Vec<(String, Value)> {
    Stop::of(&space.lab.create(pod).accepted()).hooks
}

#[test]
fn the_only_pod_of_a_statefulset_gets_no_hook() {
    let space = Lab::shared().namespace("inject");
    let create = |name: &str, replicas| space.lab.create(&space.put(set(name, replicas))).accepted();
    space.accepts(SERVICE);
    let hook = vec![("app".to_owned(), json!(10))];

    let alone = create("alone", 1);
    settles("the Service is known", json!("no-readiness,capacity-dip"), || {
        space.try_out(&pod(&alone, 0)).accepted();
        space.audited("alone-0")["pods.draingate.dev/findings"].clone()
    });
    assert_eq!(hooks(&space, &pod(&alone, 0)), []);
    assert_eq!(hooks(&space, &pod(&create("three", 3), 0)), hook);

    // What is remembered of the first pod does not count for one that there is since.
    let path = format!("/apis/apps/v1/namespaces/{}/statefulsets/alone", space.name);
    space.lab.patch(&path, &json!({"spec": {"replicas": 3}})).accepted();
    assert_eq!(hooks(&space, &pod(&alone, 1)), hook);

    // Whoever is gone says nothing, nor does another of its name.
    let gone = create("gone", 1);
    space.lab.delete(&gone).accepted();
    assert_eq!(hooks(&space, &pod(&gone, 0)), hook);
    create("gone", 1);
    assert_eq!(hooks(&space, &pod(&gone, 1)), hook);
}

/// The seconds of the hook that a replica gives a pod.
async fn asked(replica: &Replica, pod: &Value) -> Option<u64> {
    let mut connection = replica.client().http1().await;
    let answer = send(&mut connection, request("POST", "/mutate?timeout=10s", review(pod))).await;
    let response = response(&answer).unwrap_or_else(|| panic!("{}", answer.text));
    let patch = base64::engine::general_purpose::STANDARD.decode(response["patch"].as_str()?).unwrap();
    let patch: Value = serde_json::from_slice(&patch).unwrap();
    let hook = patch.as_array().unwrap().iter().find(|o| o["path"] == "/spec/containers/0/lifecycle")?;
    hook["value"]["preStop"]["sleep"]["seconds"].as_u64()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_to_read_it_others_stand_in() {
    let server = ApiServer::start();
    install(&server);
    server.apply(SHOP);
    let files = tempfile::tempdir().unwrap();
    let kubeconfig = kubeconfig(&server, files.path(), None);
    let certificate = certificate(files.path());
    let arguments: Vec<&str> = certificate.iter().map(String::as_str).collect();
    let start = Start { arguments: &arguments, kubeconfig: Some(&kubeconfig), ..Start::default() };
    let replica = Replica::start(files.path(), start).await;
    let create = |name: &str| -> Value {
        serde_json::from_str(&server.kubectl(&["create", "-f", "-", "-o", "json"], &set(name, 1).to_string())).unwrap()
    };

    // The rights of the chart are enough.
    assert_eq!(asked(&replica, &pod(&create("first"), 0)).await, None);
    assert_eq!(replica.metric("draingate_owners_total{result=\"known\"}"), 1.0);

    let mut role: Value =
        serde_json::from_str(&server.kubectl(&["get", "clusterrole", "draingate", "-o", "json"], "")).unwrap();
    let rules = role["rules"].as_array_mut().unwrap();
    rules.retain(|rule| rule["resources"] != json!(["statefulsets"]));
    server.kubectl(&["replace", "-f", "-"], &role.to_string());
    let question =
        ["auth", "can-i", "get", "statefulsets.apps", "-A", "--as=system:serviceaccount:draingate:draingate"];
    until("the right is gone", || server.try_kubectl(&question, "").is_err()).await;

    assert_eq!(asked(&replica, &pod(&create("second"), 0)).await, Some(10));
    assert_eq!(replica.metric("draingate_owners_total{result=\"failed\"}"), 1.0);
    assert!(replica.log().contains("a StatefulSet cannot be read"), "{}", replica.log());
    // What was read before serves on.
    assert_eq!(
        asked(&replica, &pod(&yaml(&server.kubectl(&["get", "sts", "first", "-n", "shop", "-o", "json"], "")), 0))
            .await,
        None
    );
}

/// Results and standard error, with the right to read these resources.
fn scan(space: &Space, resources: &str) -> (Value, String) {
    let account = format!("--serviceaccount={}:reader", space.name);
    space.kubectl(&["create", "serviceaccount", "reader"], "");
    let role = format!("reader-{}", space.name);
    space.lab.kubectl_ok(&["create", "clusterrole", &role, "--verb=get,list", &format!("--resource={resources}")], "");
    space.lab.kubectl_ok(&["create", "clusterrolebinding", &role, &format!("--clusterrole={role}"), &account], "");
    let token = space.kubectl(&["create", "token", "reader"], "").out;
    let mut config = yaml(&std::fs::read_to_string(space.lab.api().kubeconfig()).unwrap());
    config["users"][0]["user"] = json!({"token": token.trim()});
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), config.to_string()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_draingate"))
        .args(["scan", "-n", &space.name, "--format", "json"])
        .env("KUBECONFIG", file.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{err}");
    (serde_json::from_slice::<Value>(&output.stdout).unwrap()["results"].take(), err)
}

#[test]
fn scan_knows_the_owners_where_it_may() {
    let most = "namespaces,services,pods,nodes,drainpolicies.draingate.dev,clusterdrainpolicies.draingate.dev";
    let all = format!("{most},statefulsets.apps,deployments.apps,horizontalpodautoscalers.autoscaling");
    for (resources, alone, complaints) in [(most, "sender", 1), (&all, "nobody-stands-in", 0)] {
        let space = Lab::shared().namespace("");
        space.accepts(SERVICE);
        for (name, replicas) in [("alone", 1), ("three", 3)] {
            let set = space.lab.create(&space.put(set(name, replicas))).accepted();
            space.lab.create(&pod(&set, 0)).accepted();
        }
        let (results, err) = scan(&space, resources);
        let reason = |name: &str| {
            let mut results = results.as_array().unwrap().iter();
            results.find(|result| result["name"] == name).unwrap()["terms"]["hold"]["reason"].clone()
        };
        assert_eq!((reason("alone"), reason("three")), (json!(alone), json!("sender")), "{results}");
        assert_eq!(err.matches("as if others stood in").count(), complaints, "{err}");
        assert_eq!(err.matches("cannot list horizontalpodautoscalers").count(), complaints, "{err}");
    }
}
