//! Clusters that are unlike each other: of IPv6, of both families, with a firewall, with picky admission; and the way from
//! the last chart to this one and back.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use draingate_testing::node::{Node, eventually, run, script, text};
use serde_json::{Value, json};

use crate::install::{admissions, pod_spec};

/// `draingate ping` beside the API server: exit code, and all that it says.
fn ping(node: &Node, arguments: &[&str]) -> (Option<i32>, String) {
    let all = [&["ping"], arguments].concat();
    let output = node.command(env!("CARGO_BIN_EXE_draingate"), &all).stdin(Stdio::null()).output().unwrap();
    (output.status.code(), text(&output))
}

/// It works, within the time that the API server takes to see changed configurations.
fn pings(node: &Node) -> String {
    let (code, said) = ping(node, &["--wait-seconds=30"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.starts_with("the API server had a pod of namespace draingate-ping-") && said.contains(" injected "),
        "{said}"
    );
    said
}

/// What it says once it names this hop.
fn names(node: &Node, hop: &str) -> String {
    eventually(hop, || {
        let (code, said) = ping(node, &[]);
        (code == Some(2) && said.contains(hop)).then_some(said)
    })
}

fn field(node: &Node, what: &[&str], path: &str) -> String {
    node.kubectl(&[&["-n", "draingate", "get"], what, &[&format!("-o=jsonpath={path}")]].concat())
}

fn uninstall(node: &Node) {
    node.helm(&["uninstall", "draingate", "--wait"]);
    let pods = ["-n", "draingate", "wait", "--for=delete", "pod", "--all", "--timeout=60s"];
    node.kubectl(&pods);
}

#[test]
fn the_api_server_calls_over_ipv6_and_over_ipv4() {
    let node = Node::of_families("IPv4,IPv6");
    for (families, is_first, keys, bits) in
        [("{IPv6,IPv4}", ':', "ECDSA-P256", "(256 bit)"), ("{IPv4,IPv6}", '.', "RSA-2048", "(2048 bit)")]
    {
        let (families, keys) = (format!("service.ipFamilies={families}"), format!("certificates.keyAlgorithm={keys}"));
        node.release("install", &["service.ipFamilyPolicy=RequireDualStack", &families, "holdSeconds=5", &keys]);
        let addresses = field(&node, &["service", "draingate"], "{.spec.clusterIPs}");
        let addresses: Vec<String> = serde_json::from_str(&addresses).unwrap();
        assert!(addresses.len() == 2 && addresses[0].contains(is_first), "{addresses:?}");
        // The API server takes the first; both are answered.
        println!("{}", pings(&node));
        for address in &addresses {
            let host = if address.contains(':') { format!("[{address}]") } else { address.clone() };
            let ask = ["--silent", "--insecure", "--max-time", "5", "-o", "/dev/null", "-w", "%{http_code}"];
            let answer = run(&mut node.command("curl", &[&ask[..], &[&format!("https://{host}/mutate")]].concat()));
            assert_eq!(answer, "405", "{address}");
            let shown = "echo | openssl s_client -connect \"$0:443\" 2>/dev/null | openssl x509 -noout -subject -text";
            let shown = run(&mut node.command("sh", &["-c", shown, &host]));
            assert!(shown.contains("CN = draingate.draingate.svc") && shown.contains(bits), "{shown}");
        }
        let log = node.kubectl(&["-n", "draingate", "logs", "deployment/draingate"]);
        assert!(log.contains("\"families\":\"IPv6 and IPv4\""), "{log}");
        uninstall(&node);
    }
}

#[test]
fn a_cluster_of_ipv6_alone() {
    let node = Node::of_families("IPv6");
    node.release("install", &["webhooks.enforceFailurePolicy=Fail"]);
    let address = field(&node, &["service", "draingate"], "{.spec.clusterIP}");
    assert!(address.contains(':'), "{address}");
    println!("{address}: {}", pings(&node));
    assert!(node.helm(&["test", "draingate"]).contains("Succeeded"));
}

#[test]
fn scan_asks_the_kubelets_what_a_shutdown_grants() {
    let node = Node::bare();
    node.namespace("shop", "off");
    let mut spec = pod_spec(&json!({"sleep": {"seconds": 10}}));
    spec["terminationGracePeriodSeconds"] = json!(45);
    let metadata = json!({"name": "web", "namespace": "shop"});
    node.apply(&json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})).unwrap();
    let scan = || {
        let output = node.command(env!("CARGO_BIN_EXE_draingate"), &["scan"]).stdin(Stdio::null()).output().unwrap();
        text(&output)
    };
    assert!(scan().contains("node1: no time for pods, they go with the machine"), "{}", scan());
    let lines = ["shutdownGracePeriod: 20s", "shutdownGracePeriodCriticalPods: 5s"];
    run(script("node").arg("kubelet").arg(node.folder.path()).args(lines));
    eventually("the kubelet's new configuration", || {
        let said = scan();
        let cut = said.contains("node1: 15 s for ordinary pods, too short for 1 workload: Pod shop/web (");
        cut.then_some(())
    });
}

/// As OpenShift does it: the namespace says which users there are, and admission puts one into each pod.
const ASSIGNS_USERS: &str = r#"
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Namespace
  metadata:
    name: draingate
    labels: {pod-security.kubernetes.io/enforce: restricted, assigns-users: "true"}
- apiVersion: admissionregistration.k8s.io/v1
  kind: MutatingAdmissionPolicy
  metadata: {name: assigns-users}
  spec:
    matchConstraints:
      namespaceSelector: {matchLabels: {assigns-users: "true"}}
      resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
    failurePolicy: Fail
    reinvocationPolicy: Never
    mutations:
    - patchType: ApplyConfiguration
      applyConfiguration:
        expression: >-
          Object{spec: Object.spec{securityContext: Object.spec.securityContext{runAsUser: 1000660000, fsGroup: 1000660000}}}
- apiVersion: admissionregistration.k8s.io/v1
  kind: MutatingAdmissionPolicyBinding
  metadata: {name: assigns-users}
  spec: {policyName: assigns-users}
- apiVersion: admissionregistration.k8s.io/v1
  kind: ValidatingAdmissionPolicy
  metadata: {name: only-assigned-users}
  spec:
    matchConstraints:
      namespaceSelector: {matchLabels: {assigns-users: "true"}}
      resourceRules: [{apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}]
    failurePolicy: Fail
    validations:
    - expression: "!has(object.spec.template.spec.securityContext.runAsUser)"
      message: runAsUser is not in the namespace's range
- apiVersion: admissionregistration.k8s.io/v1
  kind: ValidatingAdmissionPolicyBinding
  metadata: {name: only-assigned-users}
  spec: {policyName: only-assigned-users, validationActions: [Deny]}
"#;

const OPENSHIFT: [&str; 3] =
    ["podSecurityContext.runAsUser=null", "podSecurityContext.runAsGroup=null", "podSecurityContext.fsGroup=null"];

/// Two CAs that have nothing to do with each other, the first with a Secret for the Service.
fn certificates(node: &Node) -> (PathBuf, PathBuf) {
    let folder = node.folder.path().canonicalize().unwrap();
    let (right, wrong) = (folder.join("right.crt"), folder.join("wrong.crt"));
    let make = |certificate: &Path, key: &Path| {
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=draingate"]);
        openssl.args(["-addext", "subjectAltName=DNS:draingate.draingate.svc"]);
        openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
        run(openssl.arg("-out").arg(certificate).arg("-keyout").arg(key));
    };
    let key = folder.join("right.key");
    make(&right, &key);
    make(&wrong, &folder.join("wrong.key"));
    let (certificate, key) = (format!("--cert={}", right.display()), format!("--key={}", key.display()));
    node.kubectl(&["-n", "draingate", "create", "secret", "tls", "mine", &certificate, &key]);
    (right, wrong)
}

#[test]
fn picky_admission_and_a_ping_that_names_the_hop() {
    let node = Node::up();
    let file = node.folder.path().join("users.yaml");
    std::fs::write(&file, ASSIGNS_USERS).unwrap();
    node.kubectl(&["apply", "-f", file.to_str().unwrap()]);
    let context = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "try", "namespace": "draingate"}, "spec": {
        "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{"name": "app", "image": "none", "securityContext": context}]}});
    std::fs::write(&file, pod.to_string()).unwrap();
    let user = "-o=jsonpath={.spec.securityContext.runAsUser}";
    let create = ["create", "--dry-run=server", "-f", file.to_str().unwrap(), user];
    eventually("users are assigned", || (node.try_kubectl(&create).ok()? == "1000660000").then_some(()));
    node.release("install", &[&OPENSHIFT[..], &["holdSeconds=5"]].concat());
    let user = field(&node, &["pods"], "{.items[0].spec.securityContext.runAsUser}");
    assert_eq!(user, "1000660000");
    assert!(node.helm(&["test", "draingate"]).contains("Succeeded"));
    println!("as user {user}: {}", pings(&node));

    // No route: a packet filter between the API server and the port.
    let filter = |how: &str| {
        run(&mut node.command("iptables", &[how, "OUTPUT", "-p", "tcp", "--dport", "8443", "-j", "DROP"]));
    };
    filter("-I");
    println!("{}", names(&node, "No route from the API server: asked to reach the Service draingate/draingate itself"));
    filter("-D");
    println!("{}", pings(&node));

    // Not asked at all.
    node.release(
        "upgrade",
        &[
            &OPENSHIFT[..],
            &[
                "holdSeconds=5",
                "webhooks.namespaceExpressions[0].key=team,webhooks.namespaceExpressions[0].operator=Exists",
            ],
        ]
        .concat(),
    );
    println!("{}", names(&node, "Failed open: the webhook is reached and trusted from here"));

    // No replica.
    node.kubectl(&["-n", "draingate", "scale", "deployment/draingate", "--replicas=0"]);
    println!("{}", names(&node, "Not ready: no ready replica stands behind the Service draingate/draingate"));
    uninstall(&node);

    // A caBundle that is somebody else's, which nobody mends where it is not ours to write.
    let (right, wrong) = certificates(&node);
    let secret =
        [&OPENSHIFT[..], &["holdSeconds=5", "certificates.mode=secret", "certificates.secretName=mine"]].concat();
    let bundle = |verb: &str, file: &Path| {
        let bundle = format!("certificates.caBundle={}", file.display());
        node.release_with(verb, &secret, &["--set-file", &bundle, "--force-conflicts"]);
    };
    bundle("install", &wrong);
    println!("{}", names(&node, "Bad CA: the API server reaches the Service draingate/draingate, and cannot trust it"));
    bundle("upgrade", &right);
    println!("{}", pings(&node));
}

// ---- From the last chart to this one

/// The last commit before the chart's values were made for all clusters.
const BEFORE: &str = "0dd93b4";

/// That commit's sources, and its image as `docker.io/draingate/draingate:before`; built, or the one that
/// DRAINGATE_IMAGE_BEFORE names.
fn before() -> (PathBuf, PathBuf) {
    let folder = draingate_testing::scratch().join("before");
    let image = draingate_testing::scratch().join("before.tar");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let unpack = format!("git archive {BEFORE} | tar -x -C {}", folder.display());
    run(Command::new("sh").args(["-c", &unpack]).current_dir(draingate_testing::root()));
    if let Some(image) = std::env::var_os("DRAINGATE_IMAGE_BEFORE") {
        return (folder, image.into());
    }
    // Beside what this version's own image is made of: the dependencies are mostly the same.
    let mut build = Command::new(folder.join("image/build"));
    build.arg(&image).arg("docker.io/draingate/draingate:before").env("PROFILE", "release");
    let target = draingate_testing::root().join("target");
    run(build.env("CARGO_TARGET_DIR", std::env::var_os("CARGO_TARGET_DIR").unwrap_or(target.into())));
    (folder, image)
}

fn policy(margin: u64) -> Value {
    json!({"apiVersion": "draingate.dev/v1alpha1", "kind": "DrainPolicy", "metadata": {"name": "default", "namespace": "shop"},
        "spec": {"budget": {"safetyMarginSeconds": margin}}})
}

#[test]
#[ignore = "builds the image of an old commit, some minutes: make upgrade"]
fn upgraded_from_the_last_chart_and_back_and_no_admission_fails() {
    let (sources, old_image) = before();
    let node = Node::up();
    node.load(&old_image);
    let chart = sources.join("charts/draingate");
    let old = ["--set", "image.pullPolicy=Never,image.tag=before,webhooks.enforceFailurePolicy=Fail", "--wait"];
    node.helm(&[&["install", "draingate", chart.to_str().unwrap(), "--create-namespace"], &old[..]].concat());
    node.namespace("shop", "enforce");
    node.apply(&policy(7)).unwrap();
    let ca = || field(&node, &["secret", "draingate-ca"], "{.data.state\\.json}");
    let margin = || {
        let path =
            "-o=jsonpath={.spec.budget.safetyMarginSeconds} {.status.conditions[?(@.type==\"Accepted\")].status}";
        node.kubectl(&["-n", "shop", "get", "drainpolicy", "default", path])
    };
    let issuing = || ca()[..400].to_owned();
    let image = || field(&node, &["deployment", "draingate"], "{.spec.template.spec.containers[0].image}");
    eventually("the policy is read", || (margin() == "7 True").then_some(()));
    let first = issuing();

    // There.
    let (sent, failed) = admissions(&node, 6_000, 100, || {
        node.release("upgrade", &["webhooks.enforceFailurePolicy=Fail"]);
        println!("{}", pings(&node));
    });
    println!("{sent} admissions during the upgrade, {} failed", failed.len());
    assert_eq!(failed, [], "of {sent}");
    assert!(image().ends_with(env!("CARGO_PKG_VERSION")), "{}", image());
    assert_eq!((issuing(), margin()), (first.clone(), "7 True".to_owned()));

    // And back: as Helm does it, and the same chart again.
    let (sent, failed) = admissions(&node, 6_000, 100, || {
        node.helm(&["rollback", "draingate", "1", "--wait"]);
    });
    println!("{sent} admissions during the way back, {} failed", failed.len());
    assert_eq!(failed, [], "of {sent}");
    assert!(image().ends_with("before"), "{}", image());
    assert_eq!((issuing(), margin()), (first, "7 True".to_owned()));

    // Forward again, and gone: but for the kinds, and their policies, nothing is left.
    node.release("upgrade", &["webhooks.enforceFailurePolicy=Fail"]);
    uninstall(&node);
    eventually("nothing of it is left in its namespace", || {
        let left =
            "deployments,services,endpointslices,secrets,leases,serviceaccounts,roles,rolebindings,resourcequotas,pdb";
        let left = node.kubectl(&["-n", "draingate", "get", left, "-o", "name"]);
        (left.trim() == "serviceaccount/default").then_some(())
    });
    assert_eq!(margin().split(' ').next(), Some("7"));
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "after", "namespace": "shop"}});
    pod["spec"] = pod_spec(&json!({"exec": {"command": ["sleep", "3600"]}}));
    node.apply(&pod).unwrap();
}
