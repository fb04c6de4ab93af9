//! Draingate down, and the API server down.

use serde_json::{Value, json};

use draingate_testing::lab::{HOPELESS, Lab, SERVER, Setup, Stop, eventually, settles, stop};

#[test]
fn when_nobody_answers_pods_go_on_unless_told_otherwise() {
    let lab = Lab::start(Setup::default());
    let (inject, enforce) = (lab.namespace("inject"), lab.namespace("enforce"));
    lab.kill();
    // Ignore: untouched, in enforce too.
    for space in [&inject, &enforce] {
        for pod in [SERVER, HOPELESS] {
            let answer = space.create(pod);
            assert_eq!(answer.accepted()["metadata"].get("annotations"), None);
        }
    }

    // Fail: for pods of enforce namespaces only.
    let url = webhook_url(&lab);
    let ca = lab.api().kubeconfig().parent().unwrap().join("draingate/ca.crt");
    let args = ["webhooks", "--url", &url, "--ca-file", ca.to_str().unwrap(), "--enforce-failure-policy", "fail"];
    lab.kubectl_ok(&["apply", "-f", "-"], &draingate_testing::lab::draingate(&args));
    let message = eventually("pods of enforce namespaces are refused", || {
        let answer = enforce.dry_run(SERVER);
        (!answer.is_accepted()).then(|| answer.message().to_owned())
    });
    assert!(message.contains("failed calling webhook \"enforce.draingate.dev\""), "{message}");
    for mode in ["", "off", "audit", "warn", "inject", "nonsense"] {
        let space = lab.namespace(mode);
        assert_eq!(Stop::of(&space.accepts(SERVER)), stop([], 30), "{mode:?}");
    }
    lab.create(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "draingate"}})).accepted();
    for name in ["kube-system", "draingate"] {
        let space = lab.existing(name);
        space.label("draingate.dev/mode", "enforce".into());
        assert_eq!(Stop::of(&space.accepts(SERVER)), stop([], 30), "{name}");
    }
    // Workloads, pods that are there, and pods that nobody judges go on in enforce too.
    let deployment = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {\
        selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, \
        spec: {containers: [{name: app, image: app}]}}}}";
    enforce.accepts(deployment);
    let pod = enforce.place(SERVER);
    lab.patch(&draingate_testing::lab::item(&pod), &json!({"metadata": {"labels": {"a": "b"}}})).accepted();
    lab.delete(&pod).accepted();
    assert_eq!(enforce.create(SERVER).code, 500);
    enforce.accepts(&SERVER.replace("spec: {", "spec: {restartPolicy: Never, "));

    // It comes back.
    lab.serve();
    let another = SERVER.replace("name: server", "name: another");
    settles("it is asked again", stop([("app", 10)], 40), || {
        let answer = enforce.dry_run(&another);
        if answer.is_accepted() { Stop::of(&answer.body) } else { stop([], 0) }
    });
    assert_eq!(enforce.dry_run(&HOPELESS.replace("name: hopeless", "name: another")).code, 403);
}

fn webhook_url(lab: &Lab) -> String {
    let path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/draingate";
    let stored = lab.send("GET", path, "application/json", &Value::Null).accepted();
    let url = stored["webhooks"][0]["clientConfig"]["url"].as_str().unwrap();
    url.strip_suffix("/mutate").unwrap().to_owned()
}

#[test]
fn an_api_server_that_comes_back_finds_its_policies_kept() {
    let lab = Lab::start(Setup::default());
    let space = lab.namespace("inject");
    space.policy("default", "{budget: {worstCaseRequestSeconds: 30}}");
    assert_eq!(space.stop_of(SERVER), stop([("app", 10)], 45));
    for round in 0..2_u64 {
        lab.api().crash();
        assert_eq!(lab.admin("/readyz").0, 200, "{}", lab.admin("/readyz").1);
        lab.api().start_again();
        // The first pod that the API server asks about; until it asks, it does not know of webhooks or CRDs.
        let seen = eventually("a pod is injected", || {
            let answer = space.dry_run(SERVER);
            let stop = answer.is_accepted().then(|| Stop::of(&answer.body))?;
            (!stop.hooks.is_empty()).then_some(stop)
        });
        assert_eq!(seen, stop([("app", 10)], 45 + 10 * round));
        assert_eq!(lab.admin("/readyz").0, 200);
        // What changes from now on counts, and new namespaces do at once.
        let r = 40 + 10 * round;
        let policy = space.drain_policy("default", &format!("{{budget: {{worstCaseRequestSeconds: {r}}}}}"));
        settles("the CRD is served", true, || lab.apply(&policy).is_accepted());
        settles("the edit", stop([("app", 10)], 15 + r), || space.stop_of(SERVER));
        assert_eq!(lab.namespace("inject").stop_of(SERVER), stop([("app", 10)], 40));
    }
}
