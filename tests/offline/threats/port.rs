//! Whoever reaches the port.

use draingate_core::subject::Kind;
use serde_json::{Value, json};

use super::text::{hostile_object, is_raw};
use super::{pod, server_with_long_hook};
use draingate_testing::admission::{self, SHOP};
use draingate_testing::standalone::Standalone;
use draingate_testing::tls::{request, send};

fn start() -> Standalone {
    let shop = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SHOP, "labels": {"draingate.dev/mode": "enforce"}}});
    Standalone::start_with(&shop.to_string(), "text", &["--hold-seconds", "0"], &[("RUST_LOG", "debug")])
}

fn create(pod: &Value) -> String {
    admission::review(Kind::Pod, "CREATE", pod, None)
}

/// Bodies just below the bound of 8 MiB, each of as many small things as fit.
fn large_bodies() -> Vec<(&'static str, String)> {
    const ROOM: usize = (8 << 20) - 4_096;
    let list = |item: &str| vec![item; ROOM / (item.len() + 1)].join(",");
    let map = |prefix: &str| {
        let mut text = String::with_capacity(ROOM);
        for number in 0.. {
            let entry = format!("\"{prefix}{number:x}\":\"\",");
            if text.len() + entry.len() > ROOM {
                break;
            }
            text.push_str(&entry);
        }
        text.trim_end_matches(',').to_owned()
    };
    let review = |object: String| {
        format!(
            "{{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"request\":{{\"uid\":\"1\",\"namespace\":\"shop\",\
            \"kind\":{{\"group\":\"\",\"version\":\"v1\",\"kind\":\"Pod\"}},\"operation\":\"CREATE\",\"object\":{object}}}}}"
        )
    };
    let spec = |containers: String| review(format!("{{\"spec\":{{\"containers\":[{containers}]}}}}"));
    let metadata = |fields: String| {
        review(format!("{{\"metadata\":{{{fields}}},\"spec\":{{\"containers\":[{{\"name\":\"a\"}}]}}}}"))
    };
    vec![
        ("containers", spec(list("{}"))),
        ("containers that serve", spec(list("{\"ports\":[1]}"))),
        (
            "words of a command",
            spec(format!("{{\"lifecycle\":{{\"preStop\":{{\"exec\":{{\"command\":[{}]}}}}}}}}", list("\"\""))),
        ),
        ("owners", metadata(format!("\"ownerReferences\":[{}]", list("{}")))),
        ("labels", metadata(format!("\"labels\":{{{}}}", map("")))),
        ("annotations", metadata(format!("\"annotations\":{{{}}}", map("draingate.dev/")))),
        (
            "annotations of containers",
            metadata(format!("\"annotations\":{{{}}}", map("prestop-seconds.draingate.dev/"))),
        ),
        (
            "helpers",
            metadata(format!(
                "\"annotations\":{{\"draingate.dev/helpers\":\"{}\"}}",
                map("").replace("\":\"\",\"", ",").trim_matches(['"', ':'])
            )),
        ),
        ("a name", spec(format!("{{\"name\":\"{}\"}}", "\\n".repeat(ROOM / 2)))),
        (
            "a grace",
            review(format!("{{\"spec\":{{\"terminationGracePeriodSeconds\":\"{}\"}}}}", "z".repeat(ROOM - 100))),
        ),
        ("an uid", review("{}".into()).replace("\"uid\":\"1\"", &format!("\"uid\":\"{}\"", "\\n".repeat(ROOM / 2)))),
        ("a field", review("{}".into()).replace("\"CREATE\"", &format!("[\"{}\"]", "z".repeat(ROOM)))),
    ]
}

/// The chart gives 256 MiB.
#[tokio::test(flavor = "multi_thread")]
async fn the_largest_bodies_stay_below_the_memory_that_the_chart_gives() {
    let server = start();
    let one_by_one = large_bodies();
    for (what, body) in &one_by_one {
        assert!(body.len() <= 8 << 20, "{what}: {}", body.len());
        for path in ["/mutate", "/validate"] {
            let answer = send(&mut server.client.http1().await, request("POST", path, body.clone())).await;
            assert!([200, 400].contains(&answer.status), "{what}: {} {}", answer.status, answer.text);
            assert!(answer.text.len() <= 100_000, "{what}: an answer of {} bytes", answer.text.len());
        }
        assert!(server.peak() < 256, "{what}: {} MiB", server.peak());
    }
    let all_at_once = one_by_one.into_iter().map(|(_, body)| async {
        let mut connection = server.client.http1().await;
        send(&mut connection, request("POST", "/mutate", body)).await.status
    });
    let answers = futures::future::join_all(all_at_once).await;
    // On a busy machine a body may not be there in time.
    assert!(answers.iter().all(|status| [200, 400, 408, 429].contains(status)), "{answers:?}");
    assert!(server.peak() < 256, "{} MiB", server.peak());
    server.terminate();
    let (_, log) = server.ended();
    let longest = log.lines().map(str::len).max().unwrap();
    assert!(longest < 4_000, "a line of {longest} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_forges_a_line_of_the_log() {
    let server = start();
    let mut connection = server.client.http1().await;
    let forged = "\n2026-01-01T00:00:00Z ERROR draingate: forged";
    let mut hostile = hostile_object(Kind::Pod);
    hostile["metadata"]["namespace"] = json!(forged);
    let mut reviews = vec![json!(forged), json!({forged: forged}), serde_json::from_str(&create(&hostile)).unwrap()];
    for field in ["uid", "namespace", "name", "operation", "kind", "object", "dryRun", "subResource"] {
        let mut review: Value = serde_json::from_str(&create(&hostile)).unwrap();
        review["request"][field] = json!(forged);
        reviews.push(review);
    }
    let mut bad = hostile.clone();
    bad["metadata"]["labels"][forged] = json!([]);
    reviews.push(serde_json::from_str(&create(&bad)).unwrap());
    for review in &reviews {
        for path in ["/mutate", "/validate", "/validate?timeout=%0A2026-01-01"] {
            let answer = send(&mut connection, request("POST", path, review.to_string())).await;
            assert!(answer.status == 200 || !is_raw(answer.text.trim_end()), "{}", answer.text);
        }
    }
    server.terminate();
    let (_, log) = server.ended();
    assert!(log.lines().filter(|line| line.contains("bad request")).count() >= 8, "{log}");
    for line in log.lines() {
        assert!(!is_raw(line) && !line.starts_with("2026-01-01"), "{line:?}");
    }
}

/// Reviews of everything that the world is made of, forged, and then the first question again.
#[tokio::test(flavor = "multi_thread")]
async fn a_forged_review_changes_no_other_answer() {
    let server = start();
    let mut connection = server.client.http1().await;
    let question = create(&pod(vec![server_with_long_hook("app")]));
    let before = send(&mut connection, request("POST", "/validate", question.clone())).await.text;
    assert!(before.contains("grace budget short"), "{before}");
    let namespace = json!({"metadata": {"name": SHOP, "labels": {"draingate.dev/mode": "off"}}});
    let policy = json!({"metadata": {"name": "a", "namespace": SHOP}, "spec": {"rules": {"grace-budget": "Off"}}});
    let service = json!({"metadata": {"name": "a", "namespace": SHOP}, "spec": {"selector": {}}});
    for (group, kind, object) in [
        ("", "Namespace", &namespace),
        ("draingate.dev", "DrainPolicy", &policy),
        ("draingate.dev", "ClusterDrainPolicy", &policy),
        ("", "Service", &service),
    ] {
        for operation in ["CREATE", "UPDATE", "DELETE"] {
            let name = &object["metadata"]["name"];
            let forged = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
                "uid": "1", "kind": {"group": group, "version": "v1", "kind": kind}, "operation": operation,
                "namespace": SHOP, "name": name, "object": object, "oldObject": object}});
            for path in ["/mutate", "/validate"] {
                assert_eq!(send(&mut connection, request("POST", path, forged.to_string())).await.status, 200);
            }
        }
    }
    assert_eq!(send(&mut connection, request("POST", "/validate", question)).await.text, before);
}
