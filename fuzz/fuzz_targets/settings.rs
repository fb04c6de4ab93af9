//! What a pod's author writes: annotations and hook commands. Whatever it is, what is said of it stays in one line and in
//! bounds.
#![no_main]

use arbitrary::Arbitrary;
use draingate::core::judge::{View, judge};
use draingate::core::subject::{Kind, Subject};
use draingate_fuzz::{admit_both, world};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

#[derive(Arbitrary, Debug)]
struct Written<'a> {
    annotations: Vec<(u8, &'a str)>,
    hook: Option<Vec<&'a str>>,
    grace: Option<i64>,
    names: (&'a str, &'a str),
}

const KEYS: [&str; 10] = [
    "draingate.dev/endpoint-propagation-seconds",
    "draingate.dev/drain-delay-seconds",
    "draingate.dev/worst-case-request-seconds",
    "draingate.dev/safety-margin-seconds",
    "draingate.dev/hook",
    "draingate.dev/helpers",
    "draingate.dev/skip",
    "draingate.dev/injected",
    "prestop-seconds.draingate.dev/app",
    "worst-case-request-seconds.draingate.dev/app",
];

fuzz_target!(|written: Written| {
    thread_local!(static WORLD: draingate::core::world::World = world());
    let annotations: serde_json::Map<_, _> = written
        .annotations
        .iter()
        .map(|(key, value)| (KEYS[usize::from(*key) % KEYS.len()].to_owned(), json!(value)))
        .collect();
    let mut app = json!({"name": written.names.0, "ports": [{"containerPort": 80}]});
    if let Some(command) = &written.hook {
        app["lifecycle"] = json!({"preStop": {"exec": {"command": command}}});
    }
    let mut pod = json!({"metadata": {"name": "p", "annotations": annotations},
        "spec": {"containers": [app, {"name": written.names.1}]}});
    if let Some(grace) = written.grace {
        pod["spec"]["terminationGracePeriodSeconds"] = grace.into();
    }
    let text = pod.to_string();
    WORLD.with(|world| {
        if let Ok(subject) = Subject::parse(Kind::Pod, &text) {
            let judgement = judge(&subject, &world.context("shop"), View::AsAdmitted);
            for finding in &judgement.findings {
                assert!(!finding.message.chars().any(|c| c.is_control()), "{:?}", finding.message);
                assert!(finding.message.len() < 4_000, "{} bytes", finding.message.len());
            }
        }
        let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid": "u",
            "kind": {"group": "", "version": "v1", "kind": "Pod"}, "operation": "CREATE", "namespace": "shop", "object": pod}});
        admit_both(review.to_string().as_bytes(), world);
    });
});
