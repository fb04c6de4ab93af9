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
pub const MATRIX: [&[&str]; 14] = [
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
    &[
        "certificates.mode=secret",
        "certificates.secretName=mine",
        "podSecurityContext.runAsUser=null",
        "crds.install=false",
    ],
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
        "crds.keep=false",
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
    // A cluster of IPv6, whose API server reaches no pod.
    &[
        "hostNetwork=true",
        "dnsPolicy=ClusterFirstWithHostNet",
        "webhook.port=9443",
        "admin.port=9080",
        "updateStrategy.type=Recreate",
        "service.ipFamilyPolicy=PreferDualStack",
        "service.ipFamilies={IPv4}",
        "metrics.service.enabled=true",
        "certificates.keyAlgorithm=RSA-2048",
        "certificates.commonName=draingate",
    ],
    // OpenShift, with a registry and a namespace of its own.
    &[
        "global.imageRegistry=registry.example.com",
        "global.imagePullSecrets={pull}",
        "podSecurityContext.runAsUser=null",
        "podSecurityContext.runAsGroup=null",
        "podSecurityContext.fsGroup=null",
        "namespaceOverride=platform",
        "resourceQuota.enabled=false",
        "replicas=1",
        "metrics.prometheusRule.enabled=true",
        "metrics.prometheusRule.alertLabels.team=platform",
    ],
    // What GitOps tools and other people's admission ask for.
    &[
        "certificates.mode=cert-manager",
        "certificates.keyAlgorithm=RSA-4096",
        "commonLabels.team=platform",
        "deploymentAnnotations.team=platform",
        "crds.annotations.argocd\\.argoproj\\.io/sync-options=ServerSideApply=true",
        "webhooks.annotations.team=platform",
        "webhooks.labels.admissions\\.enforcer/disabled=x",
        "webhooks.excludedNamespaces={kube-node-lease,gatekeeper-system}",
        "webhooks.namespaceExpressions[0].key=control-plane",
        "webhooks.namespaceExpressions[0].operator=DoesNotExist",
        "ping.namespaceLabels.team=platform",
        "extraVolumes[0].name=scratch",
        "extraVolumes[0].emptyDir.sizeLimit=1Mi",
        "extraVolumeMounts[0].name=scratch",
        "extraVolumeMounts[0].mountPath=/scratch",
        "extraObjects[0].apiVersion=v1",
        "extraObjects[0].kind=ConfigMap",
        "extraObjects[0].metadata.name=extra-{{ .Release.Name }}",
        "extraObjects[0].metadata.namespace=draingate",
        "metrics.serviceMonitor.enabled=true",
        "metrics.serviceMonitor.scrapeTimeout=5s",
        "metrics.serviceMonitor.relabelings[0].action=labeldrop",
        "metrics.serviceMonitor.relabelings[0].regex=endpoint",
        "metrics.serviceMonitor.metricRelabelings[0].action=keep",
        "metrics.serviceMonitor.metricRelabelings[0].regex=draingate_.*",
        "metrics.serviceMonitor.metricRelabelings[0].sourceLabels={__name__}",
        "metrics.prometheusRule.enabled=true",
        "metrics.prometheusRule.disabled={DraingateSlow}",
        "metrics.prometheusRule.thresholds.noReview=3h",
        "revisionHistoryLimit=10",
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
