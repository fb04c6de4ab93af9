//! A stolen service account.

use draingate_testing::apiserver::ApiServer;

/// What `kubectl auth can-i` says to a service account of the chart's namespace: `resource/name` or `resource:part`.
fn can(server: &ApiServer, account: &str, verb: &str, resource: &str, place: &[&str]) -> bool {
    let account = format!("--as=system:serviceaccount:draingate:{account}");
    let (resource, part) = resource.split_once(':').unwrap_or((resource, ""));
    let part = format!("--subresource={part}");
    let arguments = [&["auth", "can-i", verb, resource, account.as_str(), part.as_str()], place].concat();
    // It fails for a no.
    server.try_kubectl(&arguments, "").is_ok_and(|answer| answer.trim() == "yes")
}

#[test]
fn a_stolen_token_can_do_this_and_no_more() {
    let server = &ApiServer::start();
    server
        .kubectl(&["apply", "--server-side", "-f", concat!(env!("CARGO_MANIFEST_DIR"), "/charts/draingate.yaml")], "");
    server.kubectl(&["create", "serviceaccount", "nobody", "-n", "draingate"], "");
    const ALL: &[&str] = &["-A"];
    const OWN: &[&str] = &["-n", "draingate"];
    const OTHER: &[&str] = &["-n", "kube-system"];
    // What it can do, and with it whoever holds its token.
    let may: [(&str, &str, &[&str]); 17] = [
        ("list", "pods", ALL),
        ("watch", "namespaces", ALL),
        ("watch", "services", ALL),
        ("list", "nodes", ALL),
        ("create", "events", ALL),
        ("get", "deployments.apps", ALL),
        ("get", "statefulsets.apps", ALL),
        ("list", "horizontalpodautoscalers.autoscaling", ALL),
        ("patch", "drainpolicies.draingate.dev:status", ALL),
        ("patch", "mutatingwebhookconfigurations/draingate", &[]),
        ("patch", "validatingwebhookconfigurations/draingate", &[]),
        ("get", "secrets/draingate-ca", OWN),
        ("update", "secrets/draingate-ca", OWN),
        ("create", "secrets", OWN),
        ("update", "leases.coordination.k8s.io/draingate-ca", OWN),
        ("create", "leases.coordination.k8s.io", OWN),
        ("delete", "leases.coordination.k8s.io/draingate-ca", OWN),
    ];
    for (verb, resource, place) in may {
        assert!(can(server, "draingate", verb, resource, place), "cannot {verb} {resource} {place:?}");
        // And it is the chart that gives it.
        assert!(!can(server, "nobody", verb, resource, place), "anybody can {verb} {resource} {place:?}");
    }
    let may_not: [(&str, &str, &[&str]); 41] = [
        // Other people's secrets, and its own but for the one.
        ("get", "secrets", OTHER),
        ("list", "secrets", OTHER),
        ("get", "secrets/draingate-ca", OTHER),
        ("create", "secrets", OTHER),
        ("list", "secrets", OWN),
        ("watch", "secrets", OWN),
        ("get", "secrets/another", OWN),
        ("delete", "secrets/draingate-ca", OWN),
        ("create", "serviceaccounts:token", OWN),
        ("list", "configmaps", ALL),
        // Pods: to look is all.
        ("create", "pods", OWN),
        ("patch", "pods", ALL),
        ("delete", "pods", ALL),
        ("create", "pods:eviction", ALL),
        ("create", "pods:exec", ALL),
        ("get", "pods:log", ALL),
        ("watch", "pods", ALL),
        // Workloads, namespaces and nodes.
        ("patch", "deployments.apps", OWN),
        ("create", "deployments.apps", OWN),
        ("list", "deployments.apps", ALL),
        ("list", "statefulsets.apps", ALL),
        ("watch", "statefulsets.apps", ALL),
        ("patch", "statefulsets.apps", OWN),
        ("get", "horizontalpodautoscalers.autoscaling", ALL),
        ("patch", "horizontalpodautoscalers.autoscaling", OWN),
        ("patch", "namespaces", ALL),
        ("delete", "namespaces", ALL),
        ("patch", "nodes", ALL),
        // Policies: their status only.
        ("create", "drainpolicies.draingate.dev", ALL),
        ("patch", "drainpolicies.draingate.dev", ALL),
        ("patch", "clusterdrainpolicies.draingate.dev", ALL),
        // Other webhooks, and its own beyond a change.
        ("patch", "mutatingwebhookconfigurations/another", &[]),
        ("patch", "validatingwebhookconfigurations/another", &[]),
        ("create", "mutatingwebhookconfigurations", &[]),
        ("delete", "validatingwebhookconfigurations/draingate", &[]),
        ("patch", "customresourcedefinitions", &[]),
        // Rights.
        ("patch", "clusterroles", &[]),
        ("create", "clusterrolebindings", &[]),
        ("create", "rolebindings", OWN),
        ("impersonate", "users", &[]),
        ("approve", "certificatesigningrequests", &[]),
    ];
    for (verb, resource, place) in may_not {
        assert!(!can(server, "draingate", verb, resource, place), "can {verb} {resource} {place:?}");
    }
}
