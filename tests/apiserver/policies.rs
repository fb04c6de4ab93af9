//! Policies while they live: edited, deleted, refused.

use draingate_testing::lab::{Lab, SERVER, settles, stop};

#[test]
fn an_edited_policy_counts() {
    let lab = Lab::shared();
    let space = lab.namespace("inject");
    let policy = |r: u32| space.drain_policy("default", &format!("{{budget: {{worstCaseRequestSeconds: {r}}}}}"));
    lab.policy(&policy(30));
    assert_eq!(space.stop_of(SERVER), stop([("app", 10)], 45));
    lab.apply(&policy(50)).accepted();
    settles("the edit", stop([("app", 10)], 65), || space.stop_of(SERVER));
    lab.delete(&policy(50)).accepted();
    settles("the deletion", stop([("app", 10)], 40), || space.stop_of(SERVER));
}

#[test]
fn an_edited_cluster_policy_counts() {
    let lab = Lab::shared();
    let space = lab.namespace("inject");
    let policy = |r: u32| space.cluster_policy(&format!("{{budget: {{worstCaseRequestSeconds: {r}}}}}"));
    lab.policy(&policy(30));
    assert_eq!(space.stop_of(SERVER), stop([("app", 10)], 45));
    lab.apply(&policy(50)).accepted();
    settles("the edit", stop([("app", 10)], 65), || space.stop_of(SERVER));
    lab.delete(&policy(50)).accepted();
    settles("the deletion", stop([("app", 10)], 40), || space.stop_of(SERVER));
}

#[test]
fn a_policy_that_comes_back_is_read_again() {
    let lab = Lab::shared();
    let space = lab.namespace("inject");
    let policy = space.drain_policy("default", "{budget: {worstCaseRequestSeconds: 30}}");
    for _ in 0..2 {
        // Waits for its status.
        lab.policy(&policy);
        assert_eq!(space.stop_of(SERVER), stop([("app", 10)], 45));
        lab.delete(&policy).accepted();
    }
}

#[test]
fn a_namespace_that_comes_back_starts_afresh() {
    let lab = Lab::shared();
    let space = lab.namespace("inject");
    assert_eq!(space.stop_of(SERVER), stop([("app", 10)], 40));
    // There is no namespace controller: the finalizer is taken off by hand.
    let path = format!("/api/v1/namespaces/{}", space.name);
    let gone = serde_json::json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space.name}});
    lab.send("DELETE", &path, "application/json", &serde_json::json!({})).accepted();
    lab.send("PUT", &format!("{path}/finalize"), "application/json", &gone).accepted();
    settles("it is gone", 404, || lab.send("GET", &path, "application/json", &serde_json::Value::Null).code);
    let mut again = gone;
    again["metadata"]["labels"] = serde_json::json!({"draingate.dev/mode": "warn"});
    lab.create(&again).accepted();
    settles("its new mode", Some(stop([], 30)), || {
        let answer = space.dry_run(SERVER);
        answer.is_accepted().then(|| draingate_testing::lab::Stop::of(&answer.body))
    });
}

/// What kubectl says when it applies a policy with this spec.
fn refused(kind: &str, spec: &str) -> String {
    let lab = Lab::shared();
    let text = format!("apiVersion: draingate.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: bad}}\nspec: {spec}\n");
    let said = lab.kubectl(&["apply", "--dry-run=server", "-n", "default", "-f", "-"], &text);
    assert!(!said.succeeded, "accepted: {text}");
    said.err
}

#[test]
fn bad_policies_are_refused_with_a_reason() {
    for (spec, reason) in [
        ("{hook: {type: Sleep, seconds: 5}}", "the hook types Sleep and None take no other member"),
        ("{hook: {type: HTTPGet, seconds: 5}}", "the hook type HTTPGet takes exactly httpGet and seconds"),
        ("{hook: {type: Exec, exec: {command: [drain]}}}", "the hook type Exec takes exactly exec and seconds"),
        ("{hook: {type: Wait}}", "supported values: \"Sleep\", \"HTTPGet\", \"Exec\", \"None\""),
        ("{hook: {type: HTTPGet, seconds: 5, httpGet: {path: /, port: 0}}}", "spec.hook.httpGet.port"),
        ("{budget: {worstCaseRequestSeconds: 2592001}}", "should be less than or equal to 2592000"),
        ("{budget: {drainDelaySeconds: -1}}", "should be greater than or equal to 0"),
        ("{budget: {drainDelaySeconds: 5s}}", "spec.budget.drainDelaySeconds"),
        ("{budget: {drainDelay: 5}}", "unknown field \"spec.budget.drainDelay\""),
        ("{profile: elb}", "supported values: \"cluster-ip\", \"ingress\", \"headless\", \"alb\", \"gclb\", \"nlb\""),
        (
            "{helpers: [{name: 'a*b'}]}",
            "a helper is a container's name (a-z, 0-9, -), with a * at either end or nowhere",
        ),
        ("{helpers: [{name: a, image: a}]}", "an entry of helpers has a name or an image, one of them"),
        ("{selector: {matchExpressions: [{key: a, operator: In}]}}", "the operators In and NotIn need values"),
        (
            "{selector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}}",
            "the operators Exists and DoesNotExist take no values",
        ),
        ("{rules: {grace: Warning}}", "a rule's name is one of grace-budget, early-helper,"),
        ("{rules: {grace-budget: Fatal}}", "supported values: \"Off\", \"Warning\", \"Error\""),
        ("{locked: [skip]}", "unknown field \"spec.locked\""),
    ] {
        let said = refused("DrainPolicy", spec);
        assert!(said.contains(reason), "{spec}: {said}");
    }
    let said = refused("ClusterDrainPolicy", "{locked: [sleep]}");
    assert!(said.contains("Unsupported value: \"sleep\"") && said.contains("\"worstCaseRequestSeconds\""), "{said}");
}

#[test]
fn a_bare_off_is_a_boolean_and_refused() {
    let said = refused("DrainPolicy", "{rules: {no-readiness: Off}}");
    assert!(said.contains("spec.rules.no-readiness") && said.contains("boolean"), "{said}");
    let lab = Lab::shared();
    let quoted = "{apiVersion: draingate.dev/v1alpha1, kind: DrainPolicy, metadata: {name: good}, \
        spec: {rules: {no-readiness: 'Off'}}}";
    lab.kubectl_ok(&["apply", "--dry-run=server", "-n", "default", "-f", "-"], quoted);
}
