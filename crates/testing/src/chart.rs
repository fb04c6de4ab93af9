//! The chart, rendered by a real Helm.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;

pub fn chart() -> PathBuf {
    crate::root().join("charts/draingate")
}

pub fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

pub fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

pub fn draingate(arguments: &[&str], input: &str) -> Output {
    crate::run(Command::new(crate::binary()).args(arguments), input)
}

/// What `draingate` prints, which must succeed.
pub fn printed(arguments: &[&str]) -> String {
    let output = draingate(arguments, "");
    assert!(output.status.success(), "{arguments:?}: {}", text(&output));
    String::from_utf8(output.stdout).unwrap()
}

pub fn objects(manifests: &str) -> Vec<Value> {
    let parse = |document| draingate_core::manifest::parse(document).unwrap_or_else(|problem| panic!("{problem}"));
    draingate_core::manifest::documents(manifests).iter().map(parse).filter(|object| !object.is_null()).collect()
}

// ---- Helm

pub fn helm_path() -> &'static Path {
    static HELM: OnceLock<PathBuf> = OnceLock::new();
    HELM.get_or_init(|| {
        let parts = Command::new(crate::root().join("tests/cluster/parts")).args(["--quiet", "helm"]).output().unwrap();
        assert!(parts.status.success(), "{}", text(&parts));
        Path::new(String::from_utf8(parts.stdout).unwrap().trim()).join("helm")
    })
}

/// Helm without anybody's settings and plugins.
pub fn helm(arguments: &[&str], kubeconfig: &Path) -> Output {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(helm_path());
    for name in ["HELM_CONFIG_HOME", "HELM_CACHE_HOME", "HELM_DATA_HOME"] {
        command.env(name, home.path().join(name));
    }
    crate::run(command.env("KUBECONFIG", kubeconfig).args(arguments), "")
}

pub fn helm_ok(arguments: &[&str], kubeconfig: &Path) -> String {
    let output = helm(arguments, kubeconfig);
    assert!(output.status.success(), "helm {arguments:?}: {}", text(&output));
    String::from_utf8(output.stdout).unwrap()
}

pub const NOWHERE: &str = "/dev/null";

/// The chart rendered as release `draingate` in namespace `draingate`, hooks too.
pub fn render(values: &[&str]) -> String {
    let chart = chart();
    let mut arguments = vec!["template", "draingate", chart.to_str().unwrap(), "--namespace", "draingate"];
    arguments.extend(values.iter().flat_map(|value| ["--set", value]));
    helm_ok(&arguments, Path::new(NOWHERE))
}

/// The values that change what is rendered.
pub const MATRIX: [&[&str]; 11] = [
    &[],
    &["minimumMode.mode=enforce", "webhooks.enforceFailurePolicy=Fail"],
    &[
        "minimumMode.mode=warn",
        "minimumMode.namespaceSelector.matchLabels.tier=prod",
        "minimumMode.namespaceSelector.matchExpressions[0].key=team",
        "minimumMode.namespaceSelector.matchExpressions[0].operator=NotIn",
        "minimumMode.namespaceSelector.matchExpressions[0].values[0]=lab",
    ],
    &["defaultMode=audit", "webhooks.enforceFailurePolicy=Fail", "webhooks.timeoutSeconds=9"],
    &["defaultMode=warn", "holdSeconds=60", "priorityClassName=", "replicas=3"],
    &["certificates.mode=cert-manager", "metrics.serviceMonitor.enabled=true"],
    &[
        "certificates.mode=cert-manager",
        "certificates.certManager.issuerRef.name=corporate",
        "certificates.certManager.issuerRef.kind=ClusterIssuer",
    ],
    &["certificates.mode=secret", "certificates.secretName=mine", "runAsUser=null", "crds.install=false"],
    &[
        "networkPolicy.enabled=true",
        "networkPolicy.webhookFrom[0].ipBlock.cidr=192.0.2.0/24",
        "networkPolicy.metricsFrom[0].namespaceSelector.matchLabels.team=watch",
        "networkPolicy.apiServer[0].ipBlock.cidr=192.0.2.0/24",
        "metrics.serviceMonitor.enabled=true",
        "metrics.serviceMonitor.labels.release=prometheus",
        "metrics.prometheusRule.enabled=true",
        "metrics.prometheusRule.labels.release=prometheus",
        "metrics.dashboard.enabled=true",
        "metrics.dashboard.labels.folder=platform",
        "observe.enabled=true",
    ],
    &[
        "fullnameOverride=gate",
        "crds.keep=true",
        "podDisruptionBudget.maxUnavailable=50%",
        "image.digest=sha256:0000000000000000000000000000000000000000000000000000000000000000",
        "imagePullSecrets[0].name=registry",
        "podAnnotations.team=platform",
        "podLabels.team=platform",
        "serviceAccount.annotations.team=platform",
        "extraArgs[0]=--reload-seconds=20",
        "extraEnv[0].name=RUST_LOG",
        "extraEnv[0].value=debug",
    ],
    &[
        "serviceAccount.create=false",
        "serviceAccount.name=mine",
        "rbac.create=false",
        "podDisruptionBudget.enabled=false",
        "nodeSelector.kubernetes\\.io/os=linux",
        "tolerations[0].operator=Exists",
        "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].key=gpu",
        "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].operator=DoesNotExist",
        "topologySpreadConstraints[0].maxSkew=1",
        "topologySpreadConstraints[0].topologyKey=kubernetes.io/hostname",
        "topologySpreadConstraints[0].whenUnsatisfiable=DoNotSchedule",
        "topologySpreadConstraints[0].labelSelector.matchLabels.app\\.kubernetes\\.io/name=draingate",
    ],
];
