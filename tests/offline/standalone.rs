//! The real binary without a cluster: bad input, the cases table over HTTPS, and SIGTERM under load.

use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use base64::Engine;
use draingate::metrics::Registry;
use draingate::webhook::router::{ReadNamespace, ReadOwner, Webhooks};
use draingate_core::owner::{Owner, StatefulSetId};
use draingate_core::world::World;
use draingate_testing::standalone::Standalone;
use draingate_testing::tls::{self, Http1, request, send, soon, try_send};
use draingate_testing::{case, router};
use serde_json::{Value, json};

const SHOP: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {draingate.dev/mode: enforce}}\n";

pub(crate) fn review(object: &Value, kind: &Value, namespace: &str, operation: &str) -> String {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002", "kind": kind, "operation": operation,
        "namespace": namespace, "object": object}})
    .to_string()
}

fn pod_kind() -> Value {
    json!({"group": "", "version": "v1", "kind": "Pod"})
}

fn server_pod() -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"containers": [{"name": "app", "image": "app:1", "ports": [{"containerPort": 80}]}]}})
}

async fn ask(connection: &mut Http1, path: &str, body: String) -> Value {
    let answer = send(connection, request("POST", path, body)).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")), "{}", answer.text);
    serde_json::from_str::<Value>(&answer.text).unwrap()["response"].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_gets_a_clear_answer() {
    let server = Standalone::start(SHOP, &["--hold-seconds", "0"]);
    let with = |pointer: &str, value: Value| {
        let mut pod = server_pod();
        *pod.pointer_mut(pointer).unwrap() = value;
        review(&pod, &pod_kind(), "shop", "CREATE")
    };
    let whole = review(&server_pod(), &pod_kind(), "shop", "CREATE");
    let grace = |value: Value| {
        let mut pod = server_pod();
        pod["spec"]["terminationGracePeriodSeconds"] = value;
        review(&pod, &pod_kind(), "shop", "CREATE")
    };
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let refused: Vec<(&str, Vec<u8>, u16, &str)> = vec![
        ("nothing", vec![], 400, "not an AdmissionReview"),
        ("no JSON", b"hello".to_vec(), 400, "not an AdmissionReview"),
        (
            "another version",
            br#"{"apiVersion":"admission.k8s.io/v2","kind":"AdmissionReview"}"#.to_vec(),
            400,
            "admission.k8s.io/v2",
        ),
        ("no request", br#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}"#.to_vec(), 400, "no request"),
        ("a truncated body", whole.as_bytes()[..whole.len() / 2].to_vec(), 400, "not an AdmissionReview"),
        ("not UTF-8", b"{\"apiVersion\":\"\xff\"}".to_vec(), 400, "not UTF-8"),
        ("nine mebibytes", vec![b' '; 9 << 20], 413, "larger than the 8388608 bytes"),
        ("deep nesting", deep.into_bytes(), 400, "not an AdmissionReview"),
        ("a fractional grace", grace(json!(30.5)).into_bytes(), 400, "spec.terminationGracePeriodSeconds"),
        ("a grace beyond int64", grace(json!(1e300)).into_bytes(), 400, "spec.terminationGracePeriodSeconds"),
        ("containers that are no list", with("/spec/containers", json!("x")).into_bytes(), 400, "spec.containers"),
    ];
    for (what, body, status, sentence) in refused {
        let mut connection = tls::Raw::new(&server.client).await;
        let (head, text) = connection.post_bytes("/validate", &body).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{what}: {head}");
        assert!(text.contains(sentence), "{what}: {text}");
    }

    let mut connection = server.client.http1().await;
    // The API server refuses these pods itself; we have an answer all the same.
    for (what, body, allowed) in [
        ("a pod without containers", with("/spec/containers", json!([])), true),
        // Injection would have raised it.
        ("a negative grace", grace(json!(-1)), true),
        ("the largest grace", grace(json!(i64::MAX)), true),
        ("two containers of one name", with("/spec/containers", json!([{"name": "a"}, {"name": "a"}])), true),
        ("a container without a name", with("/spec/containers", json!([{}])), true),
        ("null where a map is expected", with("/metadata", json!(null)), true),
    ] {
        for path in ["/mutate", "/validate"] {
            let response = ask(&mut connection, path, body.clone()).await;
            assert_eq!(response["uid"], "705ab4f5-6393-11e8-b7cc-42010a800002", "{what}");
            assert_eq!(response["allowed"], path == "/mutate" || allowed, "{what}: {response}");
        }
    }
    let mut pod = server_pod();
    pod["metadata"]["annotations"] = json!({"draingate.dev/safety-margin-seconds": "five\n"});
    let response = ask(&mut connection, "/validate", review(&pod, &pod_kind(), "shop", "CREATE")).await;
    assert!(
        response["status"]["message"].as_str().unwrap().contains(r#""five\u{a}" is not whole seconds"#),
        "{response}"
    );

    for (kind, operation) in
        [(json!({"group": "", "kind": "ConfigMap"}), "CREATE"), (pod_kind(), "DELETE"), (pod_kind(), "CONNECT")]
    {
        let response = ask(&mut connection, "/validate", review(&json!({"spec": 1}), &kind, "shop", operation)).await;
        assert_eq!(response["allowed"], true);
    }
    assert_eq!(send(&mut connection, request("GET", "/mutate", "")).await.status, 405);
    assert_eq!(send(&mut connection, request("POST", "/", "")).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_sent_before_the_listener_closed_fails() {
    let server = Standalone::start(SHOP, &["--hold-seconds", "2"]);
    let (answered, closes, ending) =
        (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let (client, answered, closes, ending) =
                (server.client.clone(), answered.clone(), closes.clone(), ending.clone());
            tokio::spawn(async move {
                let mut connection = client.http1().await;
                loop {
                    let sent = try_send(
                        &mut connection,
                        request("POST", "/mutate", review(&server_pod(), &pod_kind(), "shop", "CREATE")),
                    );
                    let answer = sent.await.expect("a request on an open connection is answered");
                    assert_eq!(answer.status, 200);
                    answered.fetch_add(1, Ordering::SeqCst);
                    if answer.header("connection") == Some("close") {
                        closes.fetch_add(1, Ordering::SeqCst);
                        // Only after the hold may a new connection be refused.
                        match client.try_http1().await {
                            Ok(new) => connection = new,
                            Err(_) => return ending.load(Ordering::SeqCst),
                        }
                    }
                }
            })
        })
        .collect();
    while answered.load(Ordering::SeqCst) < 200 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    ending.store(true, Ordering::SeqCst);
    server.terminate();
    for client in clients {
        assert!(soon("a client that is sent away", client).await.unwrap(), "refused before SIGTERM");
    }
    assert!(closes.load(Ordering::SeqCst) > 8, "answers during the hold say Connection: close");
    let (code, log) = server.ended();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("drained: every request was answered"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_case_comes_out_the_same_over_https() {
    let (mut seen, mut wrong) = (0, Vec::new());
    // Policies of one case must not meet another's: one server each for those with policies of the cluster.
    // The webhook is sent built-in kinds.
    for case in case::all().into_iter().filter(case::Case::is_for_webhooks) {
        let mode = |mode: &str| {
            let mut documents = case.documents.clone();
            documents.retain(|d| *d != case.subject);
            let labelled =
                documents.iter_mut().find(|d| d["kind"] == "Namespace" && d["metadata"]["name"] == *case.namespace);
            match labelled {
                Some(namespace) => namespace["metadata"]["labels"]["draingate.dev/mode"] = json!(mode),
                None => documents.push(json!({"apiVersion": "v1", "kind": "Namespace",
                    "metadata": {"name": case.namespace, "labels": {"draingate.dev/mode": mode}}})),
            }
            documents
        };
        let mut told = |what: &str, expected: &dyn std::fmt::Debug, actual: &dyn std::fmt::Debug| {
            let (expected, actual) = (format!("{expected:?}"), format!("{actual:?}"));
            if expected != actual {
                wrong.push(format!("{} {what}\n  expected {expected}\n  actual   {actual}", case.name));
            }
        };
        let kind = json!({"group": case.kind.group(), "version": "v1", "kind": case.kind.as_str()});
        let body = review(&case.subject, &kind, &case.namespace, "CREATE");

        // In audit, `/validate` judges the pod as it would be admitted and records the findings.
        let audit = ask_in_process(&mode("audit"), "/validate", &body).await;
        let codes = case.expected.findings.iter().map(|f| match &f.container {
            Some(container) => format!("{}:{container}", f.code),
            None => f.code.clone(),
        });
        let codes = codes.collect::<Vec<_>>().join(",");
        told("findings", &codes, &audit["auditAnnotations"]["findings"].as_str().unwrap_or_default());
        told("verdict", &case.expected.verdict.as_str(), &audit["auditAnnotations"]["verdict"].as_str().unwrap());
        told("allowed", &true, &audit["allowed"].as_bool().unwrap());

        let mutated = ask_in_process(&mode("inject"), "/mutate", &body).await;
        let patch =
            mutated["patch"].as_str().map(|patch| base64::engine::general_purpose::STANDARD.decode(patch).unwrap());
        let patch: Vec<Value> = patch.map(|patch| serde_json::from_slice(&patch).unwrap()).unwrap_or_default();
        let is_pod = case.kind.as_str() == "Pod";
        let paths = |patch: &[Value]| patch.iter().map(|o| format!("{} {}", o["op"], o["path"])).collect::<Vec<_>>();
        told("patch", &if is_pod { paths(&case.expected.patch) } else { vec![] }, &paths(&patch));
        seen += 1;
    }
    assert!(seen >= 40, "only {seen} cases");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The very router that is served, with a world made of these documents.
pub(crate) async fn ask_in_process(documents: &[Value], path: &str, body: &str) -> Value {
    router::answer(Arc::new(RwLock::new(world(documents))), None, path, body.to_owned()).await
}

pub(crate) fn world(documents: &[Value]) -> World {
    let mut world = World::default();
    for document in documents {
        let _ = draingate_core::objects::add(&mut world, document, None);
    }
    world
}

#[tokio::test]
async fn labels_that_are_read_live_count_for_one_review_and_never_over_newer_ones() {
    let labelled = |mode: &str| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": {"draingate.dev/mode": mode}}});
    let policy = json!({"apiVersion": "draingate.dev/v1alpha1", "kind": "DrainPolicy",
        "metadata": {"name": "default", "namespace": "shop"}, "spec": {"profile": "alb"}});
    let world = Arc::new(RwLock::new(world(&[labelled("audit"), policy])));
    let (asked, watched) = (Arc::new(AtomicUsize::new(0)), world.clone());
    let read: ReadNamespace = Arc::new({
        let asked = asked.clone();
        move |name| {
            assert_eq!(name, "shop");
            // While the API server's answer is on its way, the watch tells of a newer label.
            if asked.fetch_add(1, Ordering::SeqCst) > 0 {
                draingate_core::objects::add(&mut watched.write().unwrap(), &labelled("enforce"), None).unwrap();
            }
            Box::pin(async { Ok(Some([("draingate.dev/mode".to_owned(), "inject".to_owned())].into())) })
        }
    });
    let pod = json!({"metadata": {"name": "web"}, "spec": {"containers": [{"name": "app", "ports": [{"containerPort": 80}]}]}});
    let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid": "u",
        "kind": {"group": "", "version": "v1", "kind": "Pod"}, "operation": "CREATE", "namespace": "shop", "object": pod}});
    let mode = || world.read().unwrap().namespace("shop").unwrap().labels["draingate.dev/mode"].clone();
    for after in ["audit", "enforce"] {
        let response = router::answer(world.clone(), Some(read.clone()), "/mutate", review.to_string()).await;
        assert!(response["patch"].is_string(), "{response}");
        assert_eq!(mode(), after);
    }
    router::answer(world.clone(), Some(read), "/mutate", review.to_string()).await;
    assert_eq!(asked.load(Ordering::SeqCst), 2, "nothing is read live once the watch knows it");
}

/// What the API server says of a StatefulSet, or that it says nothing.
#[derive(Clone)]
enum Said {
    Replicas(i64),
    Missing,
    Failed,
    Nothing,
}

#[tokio::test]
async fn an_owner_that_is_not_known_in_time_counts_as_one_of_several() {
    let labelled = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": {"draingate.dev/mode": "inject"}}});
    let world = Arc::new(RwLock::new(world(&[labelled])));
    let mut registry = Registry::default();
    let webhooks = router::webhooks(world.clone(), &mut registry);
    let mut pod = server_pod();
    pod["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "7", "controller": true}]);
    let ask = async |pod: &Value, said: Said| {
        let world = world.clone();
        let read_owner: ReadOwner = Arc::new(move |id: StatefulSetId, _| {
            assert_eq!((id.namespace.as_str(), id.name.as_str(), id.uid.as_str()), ("shop", "web", "7"));
            // Nobody holds what is known while somebody waits.
            assert!(world.try_write().is_ok());
            let said = said.clone();
            Box::pin(async move {
                match said {
                    Said::Replicas(count) => {
                        Ok(Some(Owner { replicas: Some(count), recreates: true, ..Owner::default() }))
                    }
                    Said::Missing => Ok(None),
                    Said::Failed => Err("forbidden".to_owned()),
                    Said::Nothing => std::future::pending().await,
                }
            })
        });
        let webhooks = Webhooks { read_owner: Some(read_owner), ..webhooks.clone() };
        // Of this second 0.8 are Draingate's, of which half may be waited.
        let body = review(pod, &pod_kind(), "shop", "CREATE");
        let answer = router::answer_of(webhooks, "/mutate?timeout=1s", body);
        let response = tokio::time::timeout(Duration::from_secs(1), answer).await.expect("in time");
        assert_eq!(response["allowed"], true);
        response["patch"].is_string()
    };
    assert!(!ask(&pod, Said::Replicas(1)).await, "no hook for the only one");
    for said in [Said::Replicas(3), Said::Missing, Said::Failed, Said::Nothing] {
        assert!(ask(&pod, said).await, "a hook for one of several");
    }
    let counted = registry.render();
    for (result, count) in [("known", 2), ("missing", 1), ("failed", 1), ("late", 1)] {
        let line = format!("draingate_owners_total{{result=\"{result}\"}} {count}\n");
        assert!(counted.contains(&line), "{line} is not in {counted}");
    }
    // Nobody is asked about a bare pod.
    assert!(ask(&server_pod(), Said::Replicas(1)).await);
    assert!(registry.render().contains("draingate_owners_total{result=\"known\"} 2\n"));
}

#[test]
fn a_policy_file_that_cannot_be_read_names_the_place() {
    let run = |policy: &str| {
        let files = tempfile::tempdir().unwrap();
        let path = files.path().join("policy.yaml");
        std::fs::write(&path, policy).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_draingate"))
            .args(["serve", "--standalone", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--policy"])
            .arg(&path)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    let policy = "---\napiVersion: draingate.dev/v1alpha1\nkind: DrainPolicy\nmetadata: {name: a}\nspec: {budget: {drainDelaySeconds: 2600000}}\n";
    let message = run(policy);
    assert!(
        message.contains(
            "policy.yaml:2: DrainPolicy default/a: spec.budget.drainDelaySeconds: 2600000 is more than 2592000"
        ),
        "{message}"
    );
    let message = run("a: [1\n");
    assert!(message.contains("policy.yaml:"), "{message}");
}

/// A collector that keeps what it is sent.
#[cfg(feature = "traces")]
#[tokio::test(flavor = "multi_thread")]
async fn reviews_are_traced_and_the_rest_is_sent_at_the_end() {
    let (sent, mut received) = tokio::sync::mpsc::unbounded_channel();
    let collector = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = collector.local_addr().unwrap();
    let app = axum::Router::new().route(
        "/v1/traces",
        axum::routing::post(move |headers: axum::http::HeaderMap, body: axum::body::Bytes| async move {
            assert_eq!(headers["content-type"], "application/x-protobuf");
            sent.send(body).unwrap();
        }),
    );
    tokio::spawn(async { axum::serve(collector, app).await });
    let endpoint = format!("http://{address}");
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str())];
    let server = Standalone::start_with(SHOP, "json", &["--hold-seconds", "0"], &variables);
    let mut connection = server.client.http1().await;
    let mut review = request("POST", "/mutate", review(&server_pod(), &pod_kind(), "shop", "CREATE"));
    // What an API server that traces sends; the ids come back as bytes.
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    review.headers_mut().insert("traceparent", parent.parse().unwrap());
    assert_eq!(send(&mut connection, review).await.status, 200);
    drop(connection);
    server.terminate();
    let body = soon("the span arrives", received.recv()).await.unwrap();
    assert_eq!(server.ended().0, Some(0));
    let has = |part: &[u8]| body.windows(part.len()).any(|window| window == part);
    assert!(has(&[0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd, 0x84, 0x48, 0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9c]));
    assert!(has(&[0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31]));
    for word in ["draingate", "/mutate", "705ab4f5-6393-11e8-b7cc-42010a800002", "shop", "enforce", "patched"] {
        assert!(has(word.as_bytes()), "{word} is not in {}", String::from_utf8_lossy(&body));
    }
}
