//! The objects that are made, as JSON. All but the Job are owned by it, and go with it.

use serde_json::{Value, json};

use super::way::Way;
use crate::cli::CalibrateArgs;
use crate::traffic::canary::{PORT as SERVES, READY, STOP};
use draingate_core::keys;

/// The canary's Deployment, its Service, and what leads to that.
pub(super) const NAME: &str = "draingate-canary";
/// The Job, and what it may do.
pub(super) const OWNER: &str = "draingate-calibrate";
/// The Service's port.
pub(super) const PORT: u16 = 80;
/// The variable of the pod that sends which says where to, and its key in the ConfigMap.
pub(super) const TARGET: &str = "TARGET";
const TARGET_KEY: &str = "target";
/// How long the Job may go on unless it is told that somebody is there, in seconds.
pub(super) const ALONE: u64 = 60;
/// How long it is kept when it is over, in seconds: for whoever reads its log.
const KEPT: u64 = 20;
/// What a canary has beside its hook, in seconds.
const RESERVE: u64 = 30;

/// Labels of everything.
fn labels() -> Value {
    json!({"app.kubernetes.io/name": OWNER, "app.kubernetes.io/managed-by": "draingate"})
}

fn container(args: &CalibrateArgs, name: &str, arguments: &[String]) -> Value {
    json!({"name": name, "image": args.image, "imagePullPolicy": "IfNotPresent", "args": arguments,
        "env": [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "resources": {"requests": {"cpu": "20m", "memory": "32Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": {"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]}}})
}

fn restricted() -> Value {
    json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}})
}

/// An object with more in it.
fn with(mut object: Value, more: &Value) -> Value {
    json_patch::merge(&mut object, more);
    object
}

/// The Job: the owner of all the rest. Its pod sends, where it is given arguments, and is only there where not.
pub(super) fn owner(args: &CalibrateArgs, namespace: &str, sends: Option<&[String]>) -> Value {
    let idle = ["canary".to_owned()];
    let plain = container(args, "calibrate", sends.unwrap_or(&idle));
    let (container, more) = match sends {
        Some(_) => {
            // It does not start before that is known.
            let target = json!({"configMapKeyRef": {"name": OWNER, "key": TARGET_KEY}});
            let env = json!({"env": [{"name": TARGET, "valueFrom": target}]});
            (with(plain, &env), json!({"serviceAccountName": OWNER}))
        }
        None => (plain, json!({"automountServiceAccountToken": false})),
    };
    let spec = json!({"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "securityContext": restricted(),
        "containers": [container]});
    let template = json!({"metadata": {"labels": labels(), "annotations": skip()}, "spec": with(spec, &more)});
    json!({"apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": OWNER, "namespace": namespace, "labels": labels()},
        "spec": {"backoffLimit": 0, "activeDeadlineSeconds": ALONE, "ttlSecondsAfterFinished": KEPT, "template": template}})
}

fn skip() -> Value {
    json!({keys::SKIP: "draingate calibrate measures with a hook of its own"})
}

/// What tells the pod that sends where to.
pub(super) fn told(namespace: &str, target: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": OWNER, "namespace": namespace, "labels": labels()},
        "data": {TARGET_KEY: target}})
}

/// What the pod that sends may do: in this namespace, and no more than it needs.
fn rights(args: &CalibrateArgs, namespace: &str) -> [Value; 3] {
    let metadata = json!({"name": OWNER, "namespace": namespace, "labels": labels()});
    let mut pods = vec!["list", "watch"];
    if args.alone {
        pods.push("delete");
    }
    let rbac = "rbac.authorization.k8s.io";
    [
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}),
        json!({"apiVersion": format!("{rbac}/v1"), "kind": "Role", "metadata": metadata, "rules": [
            {"apiGroups": ["apps"], "resources": ["deployments"], "resourceNames": [NAME], "verbs": ["get", "patch"]},
            {"apiGroups": [""], "resources": ["pods"], "verbs": pods},
            {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]}]}),
        json!({"apiVersion": format!("{rbac}/v1"), "kind": "RoleBinding", "metadata": metadata,
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": OWNER},
            "subjects": [{"kind": "ServiceAccount", "name": OWNER, "namespace": namespace}]}),
    ]
}

/// How many pods there are at once, at most: those that were replaced serve on.
pub(super) fn most_pods(args: &CalibrateArgs) -> u32 {
    args.replicas * (args.rounds + 1) + 1 + if args.alone { args.rounds } else { 0 }
}

/// Everything but the Job, in the order in which it is made.
pub(super) fn owned(args: &CalibrateArgs, way: &Way, namespace: &str, from_cluster: bool) -> Vec<Value> {
    let select = json!({"app": NAME});
    let mut all = Vec::new();
    if from_cluster {
        all.extend(rights(args, namespace));
    }
    let stop = format!("{STOP}?seconds={}", args.longest);
    let serves = json!({"ports": [{"containerPort": SERVES}],
        "readinessProbe": {"httpGet": {"path": READY, "port": SERVES}, "periodSeconds": 1},
        "lifecycle": {"preStop": {"httpGet": {"path": stop, "port": SERVES}}}});
    let canary = with(container(args, "canary", &["canary".to_owned()]), &serves);
    // Where `skip` is locked, the length of its hook is known.
    let length = json!({format!("{}canary", keys::PRESTOP_PREFIX): args.longest.to_string()});
    let spec = json!({"terminationGracePeriodSeconds": args.longest + RESERVE, "automountServiceAccountToken": false,
        "securityContext": restricted(), "containers": [canary]});
    let metadata = json!({"name": NAME, "namespace": namespace, "labels": labels()});
    all.push(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
        "spec": {"replicas": args.replicas, "revisionHistoryLimit": 1, "selector": {"matchLabels": select},
            "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": select, "annotations": with(skip(), &length)}, "spec": spec}}}));
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata,
        "spec": {"selector": select, "ports": [{"port": PORT, "targetPort": SERVES}]}});
    let annotations: Value = args.annotation.iter().cloned().collect();
    let more = match way {
        Way::LoadBalancer => json!({"metadata": {"annotations": annotations}, "spec": {"type": "LoadBalancer"}}),
        _ => json!({}),
    };
    all.push(with(service, &more));
    all.extend(way.object(args, namespace));
    all
}

/// The object with its owner.
pub(super) fn owned_by(object: Value, uid: &str) -> Value {
    let owner = json!({"apiVersion": "batch/v1", "kind": "Job", "name": OWNER, "uid": uid});
    with(object, &json!({"metadata": {"ownerReferences": [owner]}}))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    #[test]
    fn everything_is_owned_and_named_apart() {
        let line =
            ["draingate", "calibrate", "--via", "service-type", "LoadBalancer", "--annotation", "a/b=c", "--alone"];
        let Command::Calibrate(args) = Cli::try_parse_from(line).unwrap().command else { panic!("another command") };
        let all = owned(&args, &Way::LoadBalancer, "shop", true);
        let kinds: Vec<&str> = all.iter().map(|object| object["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["ServiceAccount", "Role", "RoleBinding", "Deployment", "Service"]);
        for object in &all {
            assert_eq!(object["metadata"]["namespace"], "shop");
            assert_eq!(owned_by(object.clone(), "u")["metadata"]["ownerReferences"][0]["uid"], "u");
        }
        // A Role of one namespace, and of what the canary is only.
        let rules = all[1]["rules"].as_array().unwrap();
        assert!(!rules.iter().any(|rule| rule.to_string().contains('*')), "{rules:?}");
        assert_eq!(rules[1]["verbs"], json!(["list", "watch", "delete"]));
        assert_eq!(
            (&all[4]["spec"]["type"], &all[4]["metadata"]["annotations"]["a/b"]),
            (&json!("LoadBalancer"), &json!("c"))
        );
        // Its hook is shorter than its grace, and no other Draingate touches it.
        let template = &all[3]["spec"]["template"];
        assert_eq!(template["spec"]["terminationGracePeriodSeconds"], 210);
        assert!(template["metadata"]["annotations"]["draingate.dev/skip"].is_string());
        // Without a pod that sends, nobody needs rights.
        assert_eq!(owned(&args, &Way::Url("http://x/".to_owned()), "shop", false).len(), 2);
        let idle = owner(&args, "shop", None);
        assert_eq!(idle["spec"]["template"]["spec"]["automountServiceAccountToken"], false);
    }
}
