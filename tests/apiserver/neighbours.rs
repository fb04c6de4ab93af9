//! Other webhooks that change the pod after us.

use axum::Router;
use axum::routing::post;
use base64::Engine;
use draingate::metrics::Registry;
use draingate::serve::certificate::{Ephemeral, ephemeral, tls_config};
use draingate::serve::drain::Drain;
use draingate::serve::limits::Limits;
use draingate::serve::listen::Server;
use draingate::serve::metrics::ServeMetrics;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use draingate_testing::lab::{Answer, Lab, SERVER, Space, Stop, eventually, runtime, stop};

/// A mutating webhook of somebody else, registered under a name that sorts after ours; for one namespace.
pub(crate) struct Neighbour {
    configuration: Value,
}

impl Neighbour {
    /// Its `answer` is the patch for a pod. Waits until the API server asks it.
    pub(crate) fn moves_in(space: &Space, reinvocation: &str, answer: fn(&Value) -> Value) -> Neighbour {
        let metrics = ServeMetrics::register(&mut Registry::default());
        let Ephemeral { current, ca_pem } = ephemeral(&["127.0.0.1".to_owned()], &metrics).unwrap();
        let handle = async move |body: String| {
            let review: Value = serde_json::from_str(&body).unwrap();
            let patch = answer(&review["request"]["object"]).to_string();
            let patch = base64::engine::general_purpose::STANDARD.encode(patch);
            let response =
                json!({"uid": review["request"]["uid"], "allowed": true, "patchType": "JSONPatch", "patch": patch});
            axum::Json(json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}))
        };
        let listener = runtime().block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("https://{}/", listener.local_addr().unwrap());
        let server = Server {
            port: "neighbour",
            listener,
            tls: Some(tls_config(current).unwrap()),
            app: Router::new().route("/", post(handle)),
            limits: Limits::default(),
            metrics,
            drain: Drain::new(),
        };
        runtime().spawn(server.run());

        let ca = base64::engine::general_purpose::STANDARD.encode(ca_pem);
        let configuration = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": format!("zz-{}", space.name)},
            "webhooks": [{"name": "neighbour.example.com", "clientConfig": {"url": url, "caBundle": ca},
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}],
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": space.name}},
                "failurePolicy": "Fail", "sideEffects": "None", "admissionReviewVersions": ["v1"],
                "reinvocationPolicy": reinvocation}],
        });
        space.lab.create(&configuration).accepted();
        eventually("the neighbour is asked", || {
            let pod = space.dry_run(PLAIN).object();
            pod.pointer("/metadata/labels/neighbour").map(|_| ())
        });
        Neighbour { configuration }
    }

    pub(crate) fn moves_out(self, space: &Space) {
        space.lab.delete(&self.configuration).accepted();
    }
}

/// What nobody judges, but the neighbour sees.
const PLAIN: &str = "{apiVersion: v1, kind: Pod, metadata: {name: plain}, spec: {restartPolicy: Never, containers: [{name: a, image: a}]}}";

/// `/metadata/labels` with the neighbour's mark, and more operations.
fn marked(operations: Value) -> Value {
    let mut patch = vec![json!({"op": "add", "path": "/metadata/labels", "value": {"neighbour": "was-here"}})];
    patch.extend(operations.as_array().unwrap().iter().cloned());
    patch.into()
}

fn adds_pooler(pod: &Value) -> Value {
    let containers = pod["spec"]["containers"].as_array().unwrap();
    if containers.iter().any(|container| container["name"] == "pgbouncer") {
        return json!([]);
    }
    marked(json!([{"op": "add", "path": "/spec/containers/-", "value": {"name": "pgbouncer", "image": "pgbouncer"}}]))
}

fn adds_sidecar(pod: &Value) -> Value {
    if pod["spec"].get("initContainers").is_some() {
        return json!([]);
    }
    let sidecar = json!({"name": "fluent-bit", "image": "fluent-bit", "restartPolicy": "Always"});
    marked(json!([{"op": "add", "path": "/spec/initContainers", "value": [sidecar]}]))
}

fn undoes_grace(_: &Value) -> Value {
    marked(json!([{"op": "replace", "path": "/spec/terminationGracePeriodSeconds", "value": 30}]))
}

fn undoes_hooks(pod: &Value) -> Value {
    let had = pod.pointer("/spec/containers/0/lifecycle").is_some();
    marked(if had { json!([{"op": "remove", "path": "/spec/containers/0/lifecycle"}]) } else { json!([]) })
}

fn does_nothing(_: &Value) -> Value {
    marked(json!([]))
}

#[test]
fn a_helper_that_comes_later_gets_its_hook() {
    let space = Lab::shared().namespace("enforce");
    let neighbour = Neighbour::moves_in(&space, "Never", adds_pooler);
    let answer = space.create(SERVER);
    assert_eq!(answer.warnings, Vec::<String>::new());
    let pod = answer.accepted();
    assert_eq!(Stop::of(&pod), stop([("app", 10), ("pgbouncer", 26)], 40));
    assert_eq!(
        pod["metadata"]["annotations"]["draingate.dev/injected"],
        r#"{"hooks":{"app":10,"pgbouncer":26},"grace":{"from":30,"to":31}}"#
    );
    neighbour.moves_out(&space);
}

#[test]
fn a_sidecar_that_comes_later_is_counted() {
    let space = Lab::shared().namespace("enforce");
    let neighbour = Neighbour::moves_in(&space, "Never", adds_sidecar);
    let answer = space.create(SERVER);
    assert_eq!(answer.warnings, Vec::<String>::new());
    assert_eq!(Stop::of(&answer.accepted()), stop([("app", 10)], 40));
    neighbour.moves_out(&space);
}

#[test]
fn a_neighbour_that_changes_nothing_of_ours_changes_nothing() {
    let space = Lab::shared().namespace("enforce");
    let neighbour = Neighbour::moves_in(&space, "IfNeeded", does_nothing);
    let answer = space.create(SERVER);
    assert_eq!(answer.warnings, Vec::<String>::new());
    assert_eq!(Stop::of(&answer.accepted()), stop([("app", 10)], 40));
    neighbour.moves_out(&space);
}

#[test]
fn what_is_undone_once_is_done_again() {
    let space = Lab::shared().namespace("enforce");
    space.policy("default", "{budget: {worstCaseRequestSeconds: 40}}");
    for undo in [undoes_grace as fn(&Value) -> Value, undoes_hooks] {
        let neighbour = Neighbour::moves_in(&space, "Never", undo);
        let answer = space.dry_run(SERVER);
        assert_eq!(answer.warnings, Vec::<String>::new());
        assert_eq!(Stop::of(&answer.accepted()), stop([("app", 10)], 55));
        neighbour.moves_out(&space);
        eventually("the neighbour has left", || {
            space.dry_run(PLAIN).object().pointer("/metadata/labels").is_none().then_some(())
        });
    }
}

#[test]
fn a_grace_that_is_undone_is_told_and_rejected_only_where_nobody_would_have_raised_it() {
    let space = Lab::shared().namespace("inject");
    space.policy("default", "{budget: {worstCaseRequestSeconds: 40}}");
    let neighbour = Neighbour::moves_in(&space, "IfNeeded", undoes_grace);
    let answer = space.create(SERVER);
    let told = answer.warnings.join(" ");
    assert!(told.starts_with("grace budget short by 25 s"), "{told}");
    assert!(
        told.contains(
            "the pod is not as Draingate leaves it: terminationGracePeriodSeconds 55 instead of 30 [changed-after]"
        ),
        "{told}"
    );
    assert_eq!(Stop::of(&answer.accepted()), stop([("app", 10)], 30));
    assert_eq!(space.audited("server")["pods.draingate.dev/findings"], "grace-budget,changed-after");

    let another = SERVER.replace("name: server", "name: another");
    space.label("draingate.dev/mode", "enforce".into());
    space.policy("default", "{budget: {worstCaseRequestSeconds: 40}, gracePeriod: {adjust: Never}}");
    let answer = eventually("enforce", || Some(space.dry_run(&another)).filter(|answer| answer.code == 403));
    assert!(
        answer.message().contains("terminationGracePeriodSeconds 30 < 55 needed [grace-budget]"),
        "{}",
        answer.message()
    );
    space.policy("default", "{budget: {worstCaseRequestSeconds: 40}}");
    let answer = eventually("it may be raised", || Some(space.dry_run(&another)).filter(Answer::is_accepted));
    assert!(answer.warnings.join(" ").contains("[changed-after]"), "{:?}", answer.warnings);

    // The neighbour's 30 is enough for the built-in numbers; only the app's own time is shorter than promised.
    space.lab.delete(&space.drain_policy("default", "{}")).accepted();
    let told = eventually("the policy is gone", || {
        let told = space.dry_run(&another).warnings.join(" ");
        (!told.contains("[grace-budget]")).then_some(told)
    });
    assert!(told.contains("terminationGracePeriodSeconds 40 instead of 30 [changed-after]"), "{told}");
    neighbour.moves_out(&space);
}

#[test]
fn a_hook_that_is_undone_is_told() {
    let space = Lab::shared().namespace("inject");
    let neighbour = Neighbour::moves_in(&space, "IfNeeded", undoes_hooks);
    let answer = space.create(SERVER);
    let told = answer.warnings.join(" ");
    assert!(told.contains("a preStop hook of 10 s in \"app\" [changed-after]"), "{told}");
    assert_eq!(Stop::of(&answer.accepted()), stop([], 40));
    neighbour.moves_out(&space);
}
