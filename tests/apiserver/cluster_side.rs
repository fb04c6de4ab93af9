//! The cluster side against a real API server: CRDs, webhook configurations, watches, status.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, RwLock};
use std::time::{Duration, Instant};

use draingate::cluster::watch::{Cluster, Options, Watch, WatchHealth};
use draingate::cluster::webhooks;
use draingate::cluster::{crd, status};
use draingate_core::mode::Mode;
use draingate_core::text::Pairs;
use draingate_core::world::{SleepSupport, World};
use draingate_testing::apiserver::ApiServer;
use serde_json::{Value, json};

/// The shared API server, with the CRDs.
fn server() -> &'static ApiServer {
    static SERVER: OnceLock<ApiServer> = OnceLock::new();
    SERVER.get_or_init(|| {
        let server = ApiServer::start();
        install_crds(&server);
        server
    })
}

fn install_crds(server: &ApiServer) {
    server.apply(&crd::yaml().unwrap());
    server.wait_for_crds();
}

/// Waits until `check` holds.
async fn eventually(what: &str, mut check: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(15);
    while !check() {
        assert!(Instant::now() < deadline, "in 15 s not seen: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn watch(server: &ApiServer, options: Options) -> (Cluster, Arc<RwLock<World>>) {
    let world = Arc::new(RwLock::new(World::default()));
    let cluster = Cluster::start(server.client().await, world.clone(), options);
    eventually("the first sync", || cluster.synced()).await;
    (cluster, world)
}

/// As [`watch`], and writes the policies' status until the test's end.
async fn watch_and_write(server: &ApiServer) -> (Cluster, Arc<RwLock<World>>) {
    let (cluster, world) = watch(server, Options::default()).await;
    tokio::spawn(status::keep(server.client().await, cluster.policies()));
    (cluster, world)
}

fn pod_labels(pairs: &[(&'static str, &'static str)]) -> Pairs<'static> {
    pairs.iter().map(|&(key, value)| (key.into(), value.into())).collect()
}

/// The E that the DrainPolicy sets for pods with this `app` label.
fn policy_seconds(world: &RwLock<World>, namespace: &str, app: &'static str) -> Option<u64> {
    let world = world.read().unwrap();
    let policy = world.context(namespace).policies(&pod_labels(&[("app", app)])).1?;
    policy.spec.budget.endpoint_propagation_seconds
}

fn service_for(world: &RwLock<World>, namespace: &str, app: &'static str) -> Option<String> {
    let world = world.read().unwrap();
    world.context(namespace).services(&pod_labels(&[("app", app)])).next().map(|(name, _)| name.to_owned())
}

fn mode_label(world: &RwLock<World>, namespace: &str) -> Option<String> {
    world.read().unwrap().namespace(namespace)?.labels.get("draingate.dev/mode").cloned()
}

fn policy(kind: &str, namespace: &str, name: &str, spec: &Value) -> String {
    let mut metadata = json!({"name": name});
    if kind == "DrainPolicy" {
        metadata["namespace"] = namespace.into();
    }
    json!({"apiVersion": "draingate.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}).to_string()
}

#[test]
fn the_api_server_takes_the_definitions_without_reserve() {
    let server = server();
    let crds: Value = serde_json::from_str(&server.kubectl(&["get", "crd", "-o", "json"], "")).unwrap();
    let crds: Vec<&Value> =
        crds["items"].as_array().unwrap().iter().filter(|crd| crd["spec"]["group"] == "draingate.dev").collect();
    assert_eq!(crds.len(), 2);
    for crd in crds {
        let status = |kind: &str| {
            let conditions = crd["status"]["conditions"].as_array().unwrap();
            conditions.iter().find(|c| c["type"] == kind).map(|c| c["status"].clone())
        };
        assert_eq!(status("Established"), Some("True".into()));
        assert_eq!(status("NamesAccepted"), Some("True".into()));
        assert_eq!(status("NonStructuralSchema"), None);
    }
    // The documentation follows the definitions after a moment.
    let deadline = Instant::now() + Duration::from_secs(15);
    let hook_type = loop {
        match server.try_kubectl(&["explain", "drainpol.spec.hook.type"], "") {
            Ok(text) => break text,
            Err(problem) => assert!(Instant::now() < deadline, "{problem}"),
        }
    };
    assert!(hook_type.contains("enum: Exec, HTTPGet, None, Sleep") || hook_type.contains("ENUM:"), "{hook_type}");
    let cluster_only = server.kubectl(&["explain", "cdrainpol.spec.locked"], "");
    assert!(cluster_only.contains("stricter"), "{cluster_only}");
    assert!(server.try_kubectl(&["explain", "drainpol.spec.locked"], "").is_err());
}

#[test]
fn good_policies_are_accepted_as_they_are() {
    let server = server();
    server.apply("{apiVersion: v1, kind: Namespace, metadata: {name: good}}");
    let specs = [
        json!({}),
        json!({"hook": {"type": "None"}}),
        json!({"hook": {"type": "HTTPGet", "httpGet": {"path": "/drain", "port": 8080}, "seconds": 0}}),
        json!({"hook": {"type": "Exec", "exec": {"command": ["/bin/drain", ""]}, "seconds": 2592000}}),
        json!({
            "selector": {
                "matchLabels": {"tier": "web"},
                "matchExpressions": [
                    {"key": "a.b/c", "operator": "In", "values": ["x", "y"]},
                    {"key": "d", "operator": "DoesNotExist"},
                    {"key": "e", "operator": "Exists", "values": []},
                ],
            },
            "profile": "alb",
            "budget": {
                "endpointPropagationSeconds": 20, "drainDelaySeconds": 0, "worstCaseRequestSeconds": 2592000,
                "safetyMarginSeconds": 5,
            },
            "hook": {"type": "Sleep"},
            "gracePeriod": {"adjust": "Raise", "maxSeconds": 300, "nodeLimitSeconds": 120},
            "helpers": [
                {"name": "pgbouncer", "stopSeconds": 2}, {"name": "envoy", "role": "App"}, {"name": "log-*"},
                {"name": "*"}, {"name": "istio*"}, {"name": "*-proxy"}, {"name": "*log*"},
                {"image": "*/prom-exporter", "role": "Auxiliary"}, {"image": "lumber*"},
            ],
            "appliesTo": "Serving",
            "controllers": "BuiltIn",
            "rules": {"no-readiness": "Off", "grace-budget": "Error"},
        }),
    ];
    for (i, spec) in specs.iter().enumerate() {
        server.apply(&policy("DrainPolicy", "good", &format!("p{i}"), spec));
    }
    // Nothing is filled in: a default would hide the layer below.
    let stored = server.kubectl(&["get", "drainpol", "-n", "good", "p4", "-o", "json"], "");
    assert_eq!(serde_json::from_str::<Value>(&stored).unwrap()["spec"], specs[4]);
    let stored = server.kubectl(&["get", "drainpol", "-n", "good", "p0", "-o", "json"], "");
    assert_eq!(serde_json::from_str::<Value>(&stored).unwrap()["spec"], json!({}));
    let table = server.kubectl(&["get", "drainpolicies", "-n", "good"], "");
    for column in ["NAME", "PROFILE", "E", "R", "ADJUST", "ACCEPTED", "AGE"] {
        assert!(table.split_whitespace().any(|word| word == column), "{column}: {table}");
    }

    let locks: Vec<String> = draingate_core::policy::Lock::names().collect();
    let spec = json!({"namespaceSelector": {"matchLabels": {"tier": "web"}}, "locked": locks});
    server.kubectl(&["apply", "--dry-run=server", "-f", "-"], &policy("ClusterDrainPolicy", "", "all", &spec));
}

#[test]
fn bad_policies_are_refused_with_the_reason() {
    let server = server();
    server.apply("{apiVersion: v1, kind: Namespace, metadata: {name: bad}}");
    let sleep_with = |more: Value| {
        let mut hook = json!({"type": "Sleep"});
        hook.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"hook": hook})
    };
    let http_get = json!({"path": "/", "port": 1});
    let many = |n: usize, item: &dyn Fn(usize) -> Value| (0..n).map(item).collect::<Vec<_>>();
    let cases = [
        (sleep_with(json!({"seconds": 5})), "the hook types Sleep and None take no other member"),
        (json!({"hook": {"type": "None", "httpGet": http_get}}), "the hook types Sleep and None take no other member"),
        (json!({"hook": {"type": "HTTPGet", "httpGet": http_get}}), "HTTPGet takes exactly httpGet and seconds"),
        (json!({"hook": {"type": "HTTPGet", "seconds": 1}}), "HTTPGet takes exactly httpGet and seconds"),
        (
            json!({"hook": {"type": "HTTPGet", "httpGet": http_get, "exec": {"command": ["x"]}, "seconds": 1}}),
            "HTTPGet takes exactly httpGet and seconds",
        ),
        (json!({"hook": {"type": "Exec", "exec": {"command": ["x"]}}}), "Exec takes exactly exec and seconds"),
        (json!({"hook": {"type": "Exec", "exec": {"command": []}, "seconds": 1}}), "at least 1 items"),
        (json!({"hook": {"type": "Http"}}), r#"supported values: "Sleep", "HTTPGet", "Exec", "None""#),
        (json!({"hook": {}}), "spec.hook.type: Required value"),
        (
            json!({"selector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}),
            "the operators In and NotIn need values",
        ),
        (
            json!({"selector": {"matchExpressions": [{"key": "a", "operator": "NotIn", "values": []}]}}),
            "the operators In and NotIn need values",
        ),
        (
            json!({"selector": {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["x"]}]}}),
            "the operators Exists and DoesNotExist take no values",
        ),
        (json!({"helpers": [{"name": "a", "image": "a"}]}), "an entry of helpers has a name or an image, one of them"),
        (json!({"helpers": [{"role": "App"}]}), "an entry of helpers has a name or an image, one of them"),
        (json!({"helpers": [{"image": "a*b"}]}), "a * stands at either end or nowhere, and not alone"),
        (json!({"helpers": [{"name": "a*b"}]}), "with a * at either end or nowhere"),
        (json!({"helpers": [{"name": "a**"}]}), "with a * at either end or nowhere"),
        (json!({"helpers": [{"name": "**"}]}), "with a * at either end or nowhere"),
        (json!({"helpers": [{"name": "A"}]}), "with a * at either end or nowhere"),
        (json!({"helpers": many(65, &|i| json!({"name": format!("h{i}")}))}), "must have at most 64 items"),
        (json!({"rules": {"no-such-rule": "Off"}}), "a rule's name is one of grace-budget, early-helper,"),
        (json!({"rules": {"no-readiness": "off"}}), r#"supported values: "Off", "Warning", "Error""#),
        (json!({"rules": {"no-readiness": false}}), r#"must be of type string: "boolean""#),
        (json!({"budget": {"drainDelaySeconds": 2592001}}), "should be less than or equal to 2592000"),
        (json!({"budget": {"drainDelaySeconds": -1}}), "should be greater than or equal to 0"),
        (json!({"budget": {"drainDelaySeconds": "5"}}), "must be of type integer"),
        (json!({"budget": {"drainDelay": 5}}), r#"unknown field "spec.budget.drainDelay""#),
        (json!({"profile": "elb"}), r#"supported values: "cluster-ip", "ingress", "headless", "alb", "gclb", "nlb""#),
        (json!({"locked": ["hook"]}), r#"unknown field "spec.locked""#),
        (json!({"namespaceSelector": {}}), r#"unknown field "spec.namespaceSelector""#),
    ];
    for (spec, expected) in &cases {
        let manifest = policy("DrainPolicy", "bad", "p", spec);
        let refused = server.try_kubectl(&["apply", "--dry-run=server", "-f", "-"], &manifest);
        let reason = refused.err().unwrap_or_else(|| panic!("accepted: {spec}"));
        assert!(reason.contains(expected), "{spec}\n  expected: {expected}\n  got: {reason}");
    }
    let cluster_cases = [
        (json!({"locked": ["budget"]}), "spec.locked[0]: Unsupported value"),
        (json!({"locked": ["hook", "hook"]}), "spec.locked[1]: Duplicate value"),
        (
            json!({"namespaceSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}),
            "the operators In and NotIn need values",
        ),
    ];
    for (spec, expected) in &cluster_cases {
        let manifest = policy("ClusterDrainPolicy", "", "p", spec);
        let reason = server.try_kubectl(&["apply", "--dry-run=server", "-f", "-"], &manifest).unwrap_err();
        assert!(reason.contains(expected), "{spec}\n  expected: {expected}\n  got: {reason}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_world_follows_the_cluster() {
    let server = server();
    let (cluster, world) = watch(server, Options::default()).await;
    assert!(!cluster.policies_crd_missing());
    assert_eq!(world.read().unwrap().sleep, SleepSupport::Native);

    server.apply("{apiVersion: v1, kind: Namespace, metadata: {name: follow, labels: {draingate.dev/mode: warn}}}");
    eventually("the namespace", || mode_label(&world, "follow").as_deref() == Some("warn")).await;
    server.kubectl(&["label", "ns", "follow", "draingate.dev/mode=enforce", "--overwrite"], "");
    eventually("its new mode", || mode_label(&world, "follow").as_deref() == Some("enforce")).await;

    let service = |spec: Value| {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "follow"}, "spec": spec})
            .to_string()
    };
    server.apply(&service(json!({"selector": {"app": "web"}, "ports": [{"port": 80}]})));
    eventually("the Service", || service_for(&world, "follow", "web").as_deref() == Some("web")).await;
    server.apply(&service(json!({"selector": {"app": "shop"}, "ports": [{"port": 80}]})));
    eventually("its new selector", || service_for(&world, "follow", "shop").is_some()).await;
    assert_eq!(service_for(&world, "follow", "web"), None);
    server.kubectl(&["delete", "service", "-n", "follow", "web"], "");
    eventually("its end", || service_for(&world, "follow", "shop").is_none()).await;

    let seconds = |e: u64| json!({"budget": {"endpointPropagationSeconds": e}});
    server.apply(&policy("DrainPolicy", "follow", "all", &seconds(7)));
    eventually("the policy", || policy_seconds(&world, "follow", "web") == Some(7)).await;
    server.apply(&policy("DrainPolicy", "follow", "all", &seconds(8)));
    eventually("its new value", || policy_seconds(&world, "follow", "web") == Some(8)).await;
    let mut web = seconds(9);
    web["selector"] = json!({"matchLabels": {"app": "web"}});
    server.apply(&policy("DrainPolicy", "follow", "web", &web));
    eventually("the one with a selector", || policy_seconds(&world, "follow", "web") == Some(9)).await;
    assert_eq!(policy_seconds(&world, "follow", "other"), Some(8));
    server.kubectl(&["delete", "drainpol", "-n", "follow", "web"], "");
    eventually("its end", || policy_seconds(&world, "follow", "web") == Some(8)).await;

    server.kubectl(&["create", "ns", "brief"], "");
    eventually("a namespace", || world.read().unwrap().namespace("brief").is_some()).await;
    // No controller empties it here, so that the finalizer has to go by hand.
    server.kubectl(&["delete", "ns", "brief", "--wait=false"], "");
    server.kubectl(
        &["replace", "--raw", "/api/v1/namespaces/brief/finalize", "-f", "-"],
        r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"brief"},"spec":{"finalizers":[]}}"#,
    );
    eventually("its end", || world.read().unwrap().namespace("brief").is_none()).await;

    for health in cluster.health() {
        assert!(health.synced && health.age.is_some_and(|age| age < Duration::from_secs(120)), "{health:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_namespace_can_be_read_live() {
    let server = server();
    let (cluster, _) = watch(server, Options::default()).await;
    assert_eq!(cluster.read_namespace("live").await, Ok(None));
    server.apply("{apiVersion: v1, kind: Namespace, metadata: {name: live, labels: {draingate.dev/mode: audit}}}");
    let deadline = Instant::now() + Duration::from_secs(10);
    let labels = loop {
        if let Some(labels) = cluster.read_namespace("live").await.unwrap() {
            break labels;
        }
        assert!(Instant::now() < deadline);
    };
    assert_eq!(labels.get("draingate.dev/mode").map(String::as_str), Some("audit"));
    let answers = futures::future::join_all((0..200).map(|_| cluster.read_namespace("live"))).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap().is_some()));
}

fn conditions(server: &ApiServer, args: &[&str]) -> BTreeMap<String, (String, String, String)> {
    let object = server.kubectl(&[&["get", "-o", "json"], args].concat(), "");
    let object: Value = serde_json::from_str(&object).unwrap();
    let text = |c: &Value, key: &str| c[key].as_str().unwrap().to_owned();
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    conditions
        .iter()
        .inspect(|c| assert_eq!(c["observedGeneration"], object["metadata"]["generation"]))
        .map(|c| (text(c, "type"), (text(c, "status"), text(c, "reason"), text(c, "message"))))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policies_say_what_became_of_them() {
    let server = server();
    server.apply("{apiVersion: v1, kind: Namespace, metadata: {name: status}}");
    let (_first, _) = watch_and_write(server).await;
    let (_second, _) = watch_and_write(server).await;
    let of = |name: &str| conditions(server, &["drainpol", "-n", "status", name]);

    server.apply(&policy("DrainPolicy", "status", "a", &json!({"selector": {"matchLabels": {"x": "1"}}})));
    eventually("a is accepted", || of("a").get("Accepted").is_some_and(|c| c.0 == "True")).await;
    assert_eq!(of("a")["Conflicted"].0, "False");

    server.apply(&policy("DrainPolicy", "status", "b", &json!({"selector": {"matchLabels": {"x": "1"}}})));
    eventually("b is in conflict", || of("b").get("Conflicted").is_some_and(|c| c.0 == "True")).await;
    assert!(of("b")["Conflicted"].2.starts_with("DrainPolicy status/a selects exactly the same; that one wins"));
    eventually("a is in conflict", || of("a")["Conflicted"].0 == "True").await;
    assert!(of("a")["Conflicted"].2.starts_with("DrainPolicy status/b selects exactly the same; this one wins"));

    server.apply(&policy("DrainPolicy", "status", "b", &json!({"selector": {"matchLabels": {"x": "2"}}})));
    eventually("the conflict is over", || {
        of("a")["Conflicted"].0 == "False" && of("b").get("Conflicted").is_some_and(|c| c.0 == "False")
    })
    .await;

    // Two writers agree: with nothing new, nobody writes.
    let version =
        || server.kubectl(&["get", "drainpol", "-n", "status", "a", "-o", "jsonpath={.metadata.resourceVersion}"], "");
    let before = version();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(version(), before);

    let same = json!({"namespaceSelector": {"matchLabels": {"team": "status"}}});
    server.apply(&policy("ClusterDrainPolicy", "", "status-a", &same));
    server.apply(&policy("ClusterDrainPolicy", "", "status-b", &same));
    let of = |name: &str| conditions(server, &["cdrainpol", name]);
    eventually("both are in conflict", || {
        ["status-a", "status-b"].iter().all(|name| of(name).get("Conflicted").is_some_and(|c| c.0 == "True"))
    })
    .await;
    assert_eq!(of("status-b")["Accepted"].0, "True");
}

/// The stages of a cluster that comes up around Draingate: no CRDs yet, an older CRD that lets bad policies
/// in, an API server that goes away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_lives_through_missing_definitions_and_a_lost_api_server() {
    let server = &ApiServer::start();
    let (cluster, world) = watch_and_write(server).await;
    assert!(cluster.policies_crd_missing());

    // Without validation, as an older or a hand-written CRD might be.
    let mut definitions = crd::definitions();
    for definition in &mut definitions {
        let schema = definition.pointer_mut("/spec/versions/0/schema/openAPIV3Schema/properties/spec").unwrap();
        *schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    }
    server.apply(&json!({"apiVersion": "v1", "kind": "List", "items": definitions}).to_string());
    eventually("the CRDs", || !cluster.policies_crd_missing()).await;

    server.apply(&policy("DrainPolicy", "default", "good", &json!({"budget": {"endpointPropagationSeconds": 7}})));
    server.apply(&policy("DrainPolicy", "default", "bad", &json!({"budget": {"endpointPropagationSeconds": "x"}})));
    eventually("both policies", || world.read().unwrap().policy_counts() == (1, 1)).await;
    assert_eq!(policy_seconds(&world, "default", "web"), Some(7));
    eventually("the reason in the status", || {
        conditions(server, &["drainpol", "bad"])
            .get("Accepted")
            .is_some_and(|c| c.0 == "False" && c.2.contains("spec.budget.endpointPropagationSeconds"))
    })
    .await;

    server.kubectl(&["create", "ns", "before"], "");
    eventually("a namespace", || world.read().unwrap().namespace("before").is_some()).await;
    server.crash();
    // The nodes are listed every few minutes only.
    let fails = |health: &WatchHealth| health.failures > 0 || health.watch == Watch::Nodes;
    eventually("failures", || cluster.health().iter().all(fails)).await;
    assert!(cluster.synced());
    assert!(world.read().unwrap().namespace("before").is_some());
    assert_eq!(policy_seconds(&world, "default", "web"), Some(7));
    assert!(cluster.read_namespace("before").await.is_err());
    server.start_again();
    server.kubectl(&["create", "ns", "after"], "");
    server.apply(&policy("DrainPolicy", "default", "good", &json!({"budget": {"endpointPropagationSeconds": 8}})));
    eventually("the new namespace", || world.read().unwrap().namespace("after").is_some()).await;
    eventually("the new value", || policy_seconds(&world, "default", "web") == Some(8)).await;

    server.kubectl(&["delete", "crd", "drainpolicies.draingate.dev"], "");
    eventually("no policies", || cluster.policies_crd_missing()).await;
    assert_eq!(world.read().unwrap().policy_counts(), (0, 0));

    let node = |version: &str| {
        json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": "old"},
            "status": {"nodeInfo": {
                "kubeletVersion": version, "machineID": "", "systemUUID": "", "bootID": "", "kernelVersion": "",
                "osImage": "", "containerRuntimeVersion": "", "kubeProxyVersion": "", "operatingSystem": "",
                "architecture": "",
            }},
        })
        .to_string()
    };
    server.kubectl(&["create", "--raw", "/api/v1/nodes", "-f", "-"], &node("v1.29.4-gke.100"));
    let (_old, world) = watch(server, Options::default()).await;
    let SleepSupport::Unsupported { because } = world.read().unwrap().sleep.clone() else {
        panic!("{:?}", world.read().unwrap().sleep)
    };
    assert!(because.contains("v1.29.4-gke.100"), "{because}");
    let (_exec, world) = watch(server, Options { hook_fallback_exec: true, ..Options::default() }).await;
    assert!(matches!(world.read().unwrap().sleep, SleepSupport::Exec { .. }));
}

/// The nine kinds, as an API client would create them.
fn nine_kinds() -> Vec<Value> {
    let pod = json!({"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "a", "image": "i"}]}});
    let mut job = pod.clone();
    job["spec"]["restartPolicy"] = "Never".into();
    let selector = json!({"matchLabels": {"app": "x"}});
    let object = |api: &str, kind: &str, more: Value| {
        let mut object = json!({"apiVersion": api, "kind": kind, "metadata": {"name": "x", "namespace": "nine"}});
        object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        object
    };
    vec![
        object("v1", "Pod", json!({"spec": pod["spec"]})),
        object("v1", "ReplicationController", json!({"spec": {"selector": {"app": "x"}, "template": pod}})),
        object("v1", "PodTemplate", json!({"template": pod})),
        object("apps/v1", "Deployment", json!({"spec": {"selector": selector, "template": pod}})),
        object("apps/v1", "ReplicaSet", json!({"spec": {"selector": selector, "template": pod}})),
        object("apps/v1", "StatefulSet", json!({"spec": {"serviceName": "x", "selector": selector, "template": pod}})),
        object("apps/v1", "DaemonSet", json!({"spec": {"selector": selector, "template": pod}})),
        object("batch/v1", "Job", json!({"spec": {"template": job}})),
        object(
            "batch/v1",
            "CronJob",
            json!({"spec": {"schedule": "0 0 * * *", "jobTemplate": {"spec": {"template": job}}}}),
        ),
    ]
}

/// Sums the samples of a metric whose line has all of `labels`.
fn metric(server: &ApiServer, name: &str, labels: &[&str]) -> f64 {
    let metrics = server.kubectl(&["get", "--raw", "/metrics"], "");
    let samples = metrics.lines().filter(|line| line.starts_with(name) && labels.iter().all(|l| line.contains(l)));
    samples.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_match_conditions_never_fail_to_evaluate() {
    let server = server();
    let options = webhooks::Options {
        name: "draingate-test".into(),
        ca_bundle: Vec::new(),
        client: webhooks::Client::Url("https://127.0.0.1:1/".into()),
        own_namespace: "draingate".into(),
        enforce_failure_policy: webhooks::FailurePolicy::Ignore,
        default_mode: Mode::Off,
        minimum_mode: None,
        excluded_namespaces: Vec::new(),
        namespaces: Default::default(),
        timeout_seconds: webhooks::Options::TIMEOUT_SECONDS,
    };
    let (mutating, validating) = webhooks::configurations(&options);
    server.apply(&serde_json::to_string(&mutating).unwrap());
    server.apply(&serde_json::to_string(&validating).unwrap());
    server.apply("{apiVersion: v1, kind: Namespace, metadata: {name: nine, labels: {draingate.dev/mode: enforce}}}");
    let calls = |webhook: &str| {
        let name = format!("name=\"{webhook}\"");
        metric(server, "apiserver_admission_webhook_fail_open_count", &[&name])
    };
    // The webhooks work once a probe's creation has tried to call them.
    let probe = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"probe","namespace":"nine"},
        "spec":{"containers":[{"name":"a","image":"i"}]}}"#;
    eventually("calls", || {
        server.kubectl(&["create", "--dry-run=server", "-f", "-"], probe);
        calls("mutate.draingate.dev") > 0.0 && calls("enforce.draingate.dev") > 0.0
    })
    .await;

    let templates = || calls("templates.draingate.dev");
    for mut object in nine_kinds() {
        let kind = object["kind"].as_str().unwrap().to_owned();
        let before = templates();
        server.kubectl(&["create", "-f", "-"], &object.to_string());
        let told = if kind == "Pod" { 0.0 } else { 1.0 };
        assert_eq!(templates() - before, told, "{kind}: CREATE");

        server.kubectl(&["label", "-n", "nine", &kind.to_lowercase(), "x", "touched=yes"], "");
        assert_eq!(templates() - before, told, "{kind}: UPDATE of a label");

        let template = match kind.as_str() {
            // A pod is asked about at CREATE only, and a Job's template is immutable.
            "Pod" | "Job" => continue,
            "PodTemplate" => "/template",
            "CronJob" => "/spec/jobTemplate/spec/template",
            _ => "/spec/template",
        };
        object.pointer_mut(template).unwrap()["metadata"]["annotations"] = json!({"changed": "yes"});
        let patch = match kind.as_str() {
            "PodTemplate" => json!({"template": object["template"]}),
            _ => json!({"spec": object["spec"]}),
        };
        server
            .kubectl(&["patch", "-n", "nine", &kind.to_lowercase(), "x", "--type=merge", "-p", &patch.to_string()], "");
        assert_eq!(templates() - before, told + 1.0, "{kind}: UPDATE of the template");
    }

    // Passed over without a call.
    let before = templates();
    let owned = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "owned", "namespace": "nine",
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "x", "uid": "u", "controller": true}]},
        "spec": nine_kinds()[4]["spec"],
    });
    server.kubectl(&["create", "-f", "-"], &owned.to_string());
    assert_eq!(templates(), before);

    // Where an unanswered call rejects, jobs and the system's own pods start all the same.
    let fail = webhooks::Options { enforce_failure_policy: webhooks::FailurePolicy::Fail, ..options };
    server.apply(&serde_json::to_string(&webhooks::configurations(&fail).1).unwrap());
    eventually("a rejection", || server.try_kubectl(&["create", "--dry-run=server", "-f", "-"], probe).is_err()).await;
    let pod = |name: &str, more: Value| {
        let mut pod = nine_kinds().remove(0);
        pod["metadata"]["name"] = name.into();
        pod["spec"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        pod
    };
    server.kubectl(&["create", "-f", "-"], &pod("never", json!({"restartPolicy": "Never"})).to_string());
    for class in ["system-node-critical", "system-cluster-critical"] {
        server.kubectl(&["create", "-f", "-"], &pod(class, json!({"priorityClassName": class})).to_string());
    }
    let mut mirror = pod("mirror", json!({"nodeName": "n"}));
    mirror["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "h"});
    server.kubectl(&["create", "-f", "-"], &mirror.to_string());
    server.try_kubectl(&["create", "-f", "-"], &pod("always", json!({})).to_string()).unwrap_err();
    server.apply(&serde_json::to_string(&validating).unwrap());
    eventually("no rejection", || server.try_kubectl(&["create", "--dry-run=server", "-f", "-"], probe).is_ok()).await;

    // An expression has a cost limit.
    let mut huge = nine_kinds().remove(3);
    huge["metadata"]["name"] = "huge".into();
    let variables: Vec<Value> = (0..5000).map(|i| json!({"name": format!("V{i}"), "value": "v".repeat(200)})).collect();
    huge["spec"]["template"]["spec"]["containers"][0]["env"] = variables.into();
    server.kubectl(&["create", "-f", "-"], &huge.to_string());
    server.kubectl(&["label", "-n", "nine", "deployment", "huge", "touched=yes"], "");

    let errors =
        |webhook: &str| metric(server, "apiserver_admission_match_condition_evaluation_errors_total", &[webhook]);
    assert_eq!(errors("draingate.dev"), 0.0);

    // The same metric does count, where an expression fails.
    let broken = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "broken"},
        "webhooks": [{
            "name": "broken.example.org", "admissionReviewVersions": ["v1"], "sideEffects": "None",
            "failurePolicy": "Ignore", "clientConfig": {"url": "https://127.0.0.1:1/"},
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "nine"}},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
            "matchConditions": [{"name": "fails", "expression": "object.spec.nothing == 'x'"}],
        }],
    });
    server.apply(&broken.to_string());
    eventually("an evaluation error", || {
        server.kubectl(&["create", "--dry-run=server", "-f", "-"], probe);
        errors("broken.example.org") > 0.0
    })
    .await;
    assert_eq!(errors("draingate.dev"), 0.0);
}
