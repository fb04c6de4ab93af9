//! The chart: what Helm and a real API server make of it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use base64::Engine;
use draingate_testing::apiserver::ApiServer;
use draingate_testing::chart::{
    MATRIX, NOWHERE, chart, draingate, helm, helm_ok, objects, printed, read, render, text,
};
use draingate_testing::{root, written};
use serde_json::{Value, json};

#[test]
fn chart_is_lint_free_and_refuses_wrong_values() {
    let chart = chart();
    let chart = chart.to_str().unwrap();
    for values in MATRIX {
        let mut arguments = vec!["lint", "--strict", chart, "--namespace", "draingate"];
        arguments.extend(values.iter().flat_map(|value| ["--set", value]));
        helm_ok(&arguments, Path::new(NOWHERE));
    }
    for (value, complaint) in [
        ("replica=3", "additional properties 'replica' not allowed"),
        ("replicas=0", "/replicas"),
        ("replicas=two", "got string, want integer"),
        ("defaultMode=enforce", "'off', 'audit', 'warn'"),
        ("minimumMode.mode=off", "/minimumMode/mode"),
        ("minimumMode.namespaceSelector.labels.a=b", "additional properties 'labels' not allowed"),
        ("webhooks.failurePolicy=Fail", "additional properties 'failurePolicy' not allowed"),
        ("webhooks.timeoutSeconds=31", "/webhooks/timeoutSeconds"),
        ("certificates.mode=manual", "'self-managed', 'cert-manager', 'secret'"),
        ("certificates.mode=secret", "certificates.secretName is needed"),
        ("certificates.caBundle=MIIB", "/certificates/caBundle"),
        ("image.digest=latest", "/image/digest"),
        ("webhook.port=443", "/webhook/port"),
        ("service.ipFamilyPolicy=Both", "/service/ipFamilyPolicy"),
        ("certificates.keyAlgorithm=RSA-1024", "/certificates/keyAlgorithm"),
        ("metrics.prometheusRule.thresholds.noReview=soon", "/metrics/prometheusRule/thresholds/noReview"),
        ("runAsUser=1", "additional properties 'runAsUser' not allowed"),
        ("priorityClassName=Über", "/priorityClassName"),
    ] {
        let output = helm(&["template", "draingate", chart, "--set", value], Path::new(NOWHERE));
        assert!(!output.status.success() && text(&output).contains(complaint), "{value}: {}", text(&output));
    }
}

/// The object of a kind and name.
fn one(objects: &[Value], kind: &str, name: &str) -> Value {
    let mut fit = objects.iter().filter(|object| object["kind"] == kind && object["metadata"]["name"] == name);
    let found = fit.next().unwrap_or_else(|| panic!("no {kind} {name}"));
    assert!(fit.next().is_none(), "two of {kind} {name}");
    found.clone()
}

const POD: &str = "/spec/template/spec";

/// Values, and what becomes of them: kind, name, where in it, what is there; null is nothing.
#[test]
fn each_value_is_where_it_belongs() {
    let container = |field: &str| format!("{POD}/containers/0/{field}");
    let selector = |index: usize| format!("/webhooks/{index}/namespaceSelector/matchExpressions");
    let excluded = json!({"key": "kubernetes.io/metadata.name", "operator": "NotIn",
        "values": ["kube-system", "draingate", "gatekeeper-system"]});
    let expression = json!({"key": "control-plane", "operator": "DoesNotExist"});
    let break_glass = json!({"key": "draingate.dev/break-glass", "operator": "DoesNotExist"});
    let mode =
        |operator: &str, values: Value| json!({"key": "draingate.dev/mode", "operator": operator, "values": values});
    let terms = "webhooks.excludedNamespaces={gatekeeper-system},webhooks.namespaceExpressions[0].key=control-plane,\
        webhooks.namespaceExpressions[0].operator=DoesNotExist";
    let zeros = format!("sha256:{}", "0".repeat(64));
    let digest = format!("image.digest={zeros}");
    let open_shift =
        "podSecurityContext.runAsUser=null,podSecurityContext.runAsGroup=null,podSecurityContext.fsGroup=null";
    let both = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];
    let rows: &[(&str, &str, &str, String, Value)] = &[
        // The network.
        ("", "Deployment", "draingate", container("args/1"), json!("--listen=8443")),
        ("", "Deployment", "draingate", container("args/2"), json!("--admin-listen=8080")),
        ("webhook.port=9443", "Deployment", "draingate", container("args/1"), json!("--listen=9443")),
        ("webhook.port=9443", "Deployment", "draingate", container("ports/0/containerPort"), json!(9443)),
        ("admin.port=9080", "Deployment", "draingate", container("args/2"), json!("--admin-listen=9080")),
        ("admin.port=9080", "Deployment", "draingate", container("ports/1/containerPort"), json!(9080)),
        ("", "Deployment", "draingate", format!("{POD}/hostNetwork"), Value::Null),
        ("hostNetwork=true", "Deployment", "draingate", format!("{POD}/hostNetwork"), json!(true)),
        ("", "Deployment", "draingate", format!("{POD}/dnsPolicy"), Value::Null),
        ("dnsPolicy=Default", "Deployment", "draingate", format!("{POD}/dnsPolicy"), json!("Default")),
        ("", "Service", "draingate", "/spec/ipFamilyPolicy".into(), Value::Null),
        (
            "service.ipFamilyPolicy=RequireDualStack",
            "Service",
            "draingate",
            "/spec/ipFamilyPolicy".into(),
            json!("RequireDualStack"),
        ),
        ("service.ipFamilies={IPv6}", "Service", "draingate", "/spec/ipFamilies".into(), json!(["IPv6"])),
        ("service.annotations.a=b", "Service", "draingate", "/metadata/annotations/a".into(), json!("b")),
        // Where admission is picky.
        ("", "ResourceQuota", "draingate", "/spec/hard/pods".into(), json!("100")),
        (
            "",
            "ResourceQuota",
            "draingate",
            "/spec/scopeSelector/matchExpressions/0/values".into(),
            json!(["system-cluster-critical"]),
        ),
        ("resourceQuota.pods=7", "ResourceQuota", "draingate", "/spec/hard/pods".into(), json!("7")),
        ("webhooks.annotations.a=b", both[0], "draingate", "/metadata/annotations/a".into(), json!("b")),
        ("webhooks.labels.a=b", both[1], "draingate", "/metadata/labels/a".into(), json!("b")),
        (
            terms,
            both[0],
            "draingate",
            selector(0),
            json!([mode("In", json!(["inject", "enforce"])), excluded, expression]),
        ),
        (
            terms,
            both[1],
            "draingate",
            selector(0),
            json!([mode("In", json!(["enforce"])), break_glass, excluded, expression]),
        ),
        ("", "Deployment", "draingate", format!("{POD}/securityContext/runAsUser"), json!(65532)),
        (
            open_shift,
            "Deployment",
            "draingate",
            format!("{POD}/securityContext"),
            json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}}),
        ),
        (
            "podSecurityContext.runAsUser=1000660000",
            "Deployment",
            "draingate",
            format!("{POD}/securityContext/runAsUser"),
            json!(1_000_660_000),
        ),
        (open_shift, "Pod", "draingate-test", "/spec/securityContext/runAsUser".into(), Value::Null),
        (
            "securityContext.procMount=Default",
            "Deployment",
            "draingate",
            container("securityContext"),
            json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}, "procMount": "Default"}),
        ),
        (
            "",
            "Deployment",
            "draingate",
            container("image"),
            json!(concat!("ghcr.io/draingate/draingate:", env!("CARGO_PKG_VERSION"))),
        ),
        (
            "image.registry=quay.io,image.tag=v1",
            "Deployment",
            "draingate",
            container("image"),
            json!("quay.io/draingate/draingate:v1"),
        ),
        (
            "image.registry=quay.io,global.imageRegistry=a.b:5000/mirror,image.tag=v1",
            "Deployment",
            "draingate",
            container("image"),
            json!("a.b:5000/mirror/draingate/draingate:v1"),
        ),
        (
            "image.repository=a.b/draingate,image.tag=v1",
            "Deployment",
            "draingate",
            container("image"),
            json!("a.b/draingate:v1"),
        ),
        (
            "image.repository=localhost/draingate,image.tag=v1",
            "Deployment",
            "draingate",
            container("image"),
            json!("localhost/draingate:v1"),
        ),
        (&digest, "Deployment", "draingate", container("image"), json!(format!("ghcr.io/draingate/draingate@{zeros}"))),
        (
            &digest,
            "Pod",
            "draingate-test",
            "/spec/containers/0/image".into(),
            json!(format!("ghcr.io/draingate/draingate@{zeros}")),
        ),
        (
            "global.imagePullSecrets[0]=a,global.imagePullSecrets[1].name=b,imagePullSecrets[0].name=c",
            "Deployment",
            "draingate",
            format!("{POD}/imagePullSecrets"),
            json!([{"name": "a"}, {"name": "b"}, {"name": "c"}]),
        ),
        // GitOps.
        (
            "",
            "CustomResourceDefinition",
            "drainpolicies.draingate.dev",
            "/metadata/annotations".into(),
            json!({"helm.sh/resource-policy": "keep"}),
        ),
        (
            "crds.keep=false",
            "CustomResourceDefinition",
            "drainpolicies.draingate.dev",
            "/metadata/annotations".into(),
            Value::Null,
        ),
        (
            "crds.annotations.a=b,crds.keep=false",
            "CustomResourceDefinition",
            "drainpolicies.draingate.dev",
            "/metadata/annotations".into(),
            json!({"a": "b"}),
        ),
        ("commonLabels.team=x", "Deployment", "draingate", "/metadata/labels/team".into(), json!("x")),
        ("commonLabels.team=x", "Deployment", "draingate", "/spec/template/metadata/labels/team".into(), json!("x")),
        ("commonLabels.team=x", "Deployment", "draingate", "/spec/selector/matchLabels/team".into(), Value::Null),
        ("commonLabels.team=x", "Pod", "draingate-test", "/metadata/labels/team".into(), json!("x")),
        ("deploymentAnnotations.a=b", "Deployment", "draingate", "/metadata/annotations/a".into(), json!("b")),
        (
            "extraVolumes[0].name=v,extraVolumes[0].emptyDir.medium=Memory",
            "Deployment",
            "draingate",
            format!("{POD}/volumes"),
            json!([{"name": "v", "emptyDir": {"medium": "Memory"}}]),
        ),
        (
            "extraVolumeMounts[0].name=v,extraVolumeMounts[0].mountPath=/v",
            "Deployment",
            "draingate",
            container("volumeMounts"),
            json!([{"name": "v", "mountPath": "/v"}]),
        ),
        (
            "certificates.mode=cert-manager,extraVolumes[0].name=v",
            "Deployment",
            "draingate",
            format!("{POD}/volumes/0/name"),
            json!("tls"),
        ),
        (
            "extraEnv[0].name=A,extraEnv[0].value=b",
            "Deployment",
            "draingate",
            container("env/2"),
            json!({"name": "A", "value": "b"}),
        ),
        (
            "extraObjects[0].kind=Thing,extraObjects[0].metadata.name=x-{{ .Release.Name }}",
            "Thing",
            "x-draingate",
            "/kind".into(),
            json!("Thing"),
        ),
        (
            "",
            "Deployment",
            "draingate",
            "/spec/strategy".into(),
            json!({"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}),
        ),
        (
            "updateStrategy.type=Recreate",
            "Deployment",
            "draingate",
            "/spec/strategy".into(),
            json!({"type": "Recreate"}),
        ),
        ("revisionHistoryLimit=9", "Deployment", "draingate", "/spec/revisionHistoryLimit".into(), json!(9)),
        (
            "metrics.serviceMonitor.enabled=true",
            "ServiceMonitor",
            "draingate",
            "/spec/endpoints/0".into(),
            json!({"port": "metrics", "interval": "30s"}),
        ),
        (
            "metrics.serviceMonitor.enabled=true,metrics.serviceMonitor.scrapeTimeout=9s",
            "ServiceMonitor",
            "draingate",
            "/spec/endpoints/0/scrapeTimeout".into(),
            json!("9s"),
        ),
        (
            "metrics.serviceMonitor.enabled=true,metrics.serviceMonitor.relabelings[0].action=drop",
            "ServiceMonitor",
            "draingate",
            "/spec/endpoints/0/relabelings".into(),
            json!([{"action": "drop"}]),
        ),
        (
            "metrics.serviceMonitor.enabled=true,metrics.serviceMonitor.metricRelabelings[0].action=drop",
            "ServiceMonitor",
            "draingate",
            "/spec/endpoints/0/metricRelabelings".into(),
            json!([{"action": "drop"}]),
        ),
        (
            "metrics.service.enabled=true,admin.port=9080",
            "Service",
            "draingate-metrics",
            "/spec/ports/0/port".into(),
            json!(9080),
        ),
        (
            "metrics.service.enabled=true,metrics.service.annotations.a=b",
            "Service",
            "draingate-metrics",
            "/metadata/annotations/a".into(),
            json!("b"),
        ),
        // Certificates.
        (
            "certificates.keyAlgorithm=RSA-3072",
            "Deployment",
            "draingate",
            container("args/10"),
            json!("--key-algorithm=rsa-3072"),
        ),
        ("certificates.commonName=x", "Deployment", "draingate", container("args/11"), json!("--common-name=x")),
        (
            "certificates.mode=cert-manager",
            "Certificate",
            "draingate",
            "/spec/commonName".into(),
            json!("draingate.draingate.svc"),
        ),
        (
            "certificates.mode=cert-manager,certificates.commonName=x",
            "Certificate",
            "draingate",
            "/spec/commonName".into(),
            json!("x"),
        ),
        (
            "certificates.mode=cert-manager",
            "Certificate",
            "draingate",
            "/spec/privateKey".into(),
            json!({"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"}),
        ),
        (
            "certificates.mode=cert-manager,certificates.keyAlgorithm=ECDSA-P384",
            "Certificate",
            "draingate-ca",
            "/spec/privateKey/size".into(),
            json!(384),
        ),
        (
            "certificates.mode=cert-manager,certificates.keyAlgorithm=RSA-4096",
            "Certificate",
            "draingate-ca",
            "/spec/privateKey".into(),
            json!({"algorithm": "RSA", "size": 4096, "rotationPolicy": "Never"}),
        ),
        ("ping.namespaceLabels.a=b", "Namespace", "draingate-ping", "/metadata/labels/a".into(), json!("b")),
    ];
    for (set, kind, name, pointer, expected) in rows {
        let rendered = objects(&render(&[set]));
        let found = one(&rendered, kind, name);
        assert_eq!(found.pointer(pointer).unwrap_or(&Value::Null), expected, "{set}: {kind} {name} {pointer}");
    }
}

#[test]
fn a_namespace_of_ones_own_is_everywhere() {
    let rendered = objects(&render(&[
        "namespaceOverride=platform",
        "certificates.mode=cert-manager",
        "metrics.serviceMonitor.enabled=true",
    ]));
    for object in &rendered {
        if let Some(namespace) = object["metadata"]["namespace"].as_str() {
            assert!(["platform", "draingate-ping"].contains(&namespace), "{object}");
        }
    }
    let text = json!(rendered).to_string();
    for (with, without) in [
        ("draingate.platform.svc", "draingate.draingate.svc"),
        ("\"namespace\":\"platform\"", "\"namespace\":\"draingate\""),
    ] {
        assert!(text.contains(with) && !text.contains(without), "{without}");
    }
}

#[test]
fn what_is_off_is_not_there() {
    let kinds = |values: &[&str]| -> BTreeSet<String> {
        let all = objects(&render(values));
        all.iter()
            .map(|object| {
                format!("{} {}", object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap())
            })
            .collect()
    };
    let default = kinds(&[]);
    for (set, gone) in [
        ("priorityClassName=", "ResourceQuota draingate"),
        ("resourceQuota.enabled=false", "ResourceQuota draingate"),
        ("podDisruptionBudget.enabled=false", "PodDisruptionBudget draingate"),
        ("crds.install=false", "CustomResourceDefinition drainpolicies.draingate.dev"),
    ] {
        assert!(default.contains(gone) && !kinds(&[set]).contains(gone), "{set}: {default:?}");
    }
    assert!(
        !default.iter().any(|object| object.starts_with("Lease") || object == "Service draingate-metrics"),
        "{default:?}"
    );
}

#[test]
fn alerts_are_those_that_the_values_ask_for() {
    let alerts = |values: &[&str]| -> Vec<Value> {
        let rendered = objects(&render(&[&["metrics.prometheusRule.enabled=true"], values].concat()));
        let groups = one(&rendered, "PrometheusRule", "draingate")["spec"]["groups"].as_array().unwrap().clone();
        groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
    };
    let file = objects(&read(&chart().join("files/alerts.yaml"))).remove(0);
    assert_eq!(json!(alerts(&[])), file["groups"][0]["rules"]);
    let of = |all: &[Value], name: &str| all.iter().find(|alert| alert["alert"] == name).cloned().unwrap_or_default();
    let changed = alerts(&[
        "metrics.prometheusRule.alertLabels.team=x",
        "metrics.prometheusRule.alertLabels.severity=page",
        "metrics.prometheusRule.disabled={DraingatePanics}",
        "metrics.prometheusRule.thresholds.noReview=3h",
        "metrics.prometheusRule.thresholds.certificateDays=5",
        "metrics.prometheusRule.thresholds.watchSeconds=99",
        "metrics.prometheusRule.thresholds.answerMilliseconds=250",
        "replicas=1",
    ]);
    assert!(changed.iter().all(|alert| alert["labels"] == json!({"team": "x", "severity": "page"})), "{changed:?}");
    for gone in ["DraingatePanics", "DraingateOneReplica"] {
        assert_eq!((of(&alerts(&[]), gone).is_null(), of(&changed, gone)), (false, Value::Null), "{gone}");
    }
    assert_eq!(of(&changed, "DraingateNoReview")["for"], "3h");
    for (alert, part) in
        [("DraingateCertificateEnds", "< 5 * 86400"), ("DraingateKnowledgeOld", "> 99"), ("DraingateSlow", "> 0.25")]
    {
        assert!(of(&changed, alert)["expr"].as_str().unwrap().ends_with(part), "{}", of(&changed, alert));
    }
    assert!(of(&changed, "DraingateSlow")["annotations"]["summary"].as_str().unwrap().contains("250 ms"));
}

/// A parent chart's values take away what the chart sets, and `global` may hold what it likes. Helm loses a null of a
/// parent's values.yaml, but not one of its user.
#[test]
fn as_a_part_of_another_chart() {
    let folder = tempfile::tempdir().unwrap();
    let parent = folder.path();
    std::fs::write(parent.join("Chart.yaml"), "apiVersion: v2\nname: parent\nversion: 1.0.0\n").unwrap();
    std::fs::create_dir(parent.join("charts")).unwrap();
    let copied = Command::new("cp").arg("-r").arg(chart()).arg(parent.join("charts")).status().unwrap();
    assert!(copied.success());
    let values = "global: {imageRegistry: registry.example.com, other: true}\ndraingate:\n  \
        podSecurityContext: {runAsUser: \"\", runAsGroup: \"\"}\n";
    std::fs::write(parent.join("values.yaml"), values).unwrap();
    let set = ["--namespace", "draingate", "--set", "draingate.podSecurityContext.fsGroup=null"];
    let rendered = helm_ok(&[&["template", "p", parent.to_str().unwrap()], &set[..]].concat(), Path::new(NOWHERE));
    let pod = one(&objects(&rendered), "Deployment", "p-draingate")["spec"]["template"]["spec"].clone();
    assert_eq!(pod["securityContext"], json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}}));
    assert!(pod["containers"][0]["image"].as_str().unwrap().starts_with("registry.example.com/draingate/"), "{pod}");
}

/// What Argo CD and Flux render again and again has to be the same: nothing random, nothing read from the cluster.
#[test]
fn two_renders_are_the_same() {
    let chart = chart();
    let chart = chart.to_str().unwrap();
    for values in MATRIX {
        let render = |more: &[&str]| {
            let mut arguments = vec!["template", "draingate", chart, "--namespace", "draingate"];
            arguments.extend(values.iter().flat_map(|value| ["--set", value]));
            helm_ok(&[&arguments[..], more].concat(), Path::new(NOWHERE))
        };
        let first = render(&[]);
        assert_eq!(render(&["--is-upgrade"]), first, "{values:?}");
        assert_eq!(render(&["--kube-version", "1.30.0"]), first, "{values:?}");
    }
}

/// By the schemas of every Kubernetes that the chart is for. Other people's kinds are left to their own (below).
#[test]
fn every_kubernetes_has_the_fields_that_are_rendered() {
    let parts = Command::new(root().join("tests/cluster/parts")).args(["--quiet", "kubeconform"]).output().unwrap();
    assert!(parts.status.success(), "{}", text(&parts));
    let folder = PathBuf::from(String::from_utf8(parts.stdout).unwrap().trim());
    let schemas = format!(
        "{}/{{{{ .NormalizedKubernetesVersion }}}}/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json",
        folder.join("schemas").display()
    );
    let judge = |version: &str, manifest: &str| {
        let mut command = Command::new(folder.join("kubeconform"));
        command.args(["-strict", "-summary", "-output", "json", "-schema-location", &schemas]);
        command.args([
            "-skip",
            "ServiceMonitor,PrometheusRule,Certificate,Issuer",
            "-kubernetes-version",
            version,
            "-",
        ]);
        let output = draingate_testing::run(&mut command, manifest);
        let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&output)));
        (output.status.success(), said)
    };
    let everything: BTreeSet<_> =
        MATRIX.iter().flat_map(|values| objects(&render(values))).map(|object| object.to_string()).collect();
    let count = everything.len();
    let everything = everything.into_iter().collect::<Vec<_>>().join("\n---\n");
    for minor in 30..=37 {
        let version = format!("1.{minor}.0");
        let (is_valid, said) = judge(&version, &everything);
        assert!(is_valid, "{version}: {said:#}");
        let summary = &said["summary"];
        let judged = ["valid", "skipped"].map(|field| summary[field].as_u64().unwrap());
        assert_eq!(judged.iter().sum::<u64>(), u64::try_from(count).unwrap(), "{version}: {summary}");
        assert!(judged[0] > judged[1], "{summary}");
    }
    let (is_valid, said) = judge("1.30.0", &render(&[]).replace("maxSurge: 1", "maxSurges: 1"));
    assert!(!is_valid, "it takes a field that is none: {said}");
}

#[test]
fn webhooks_are_those_of_the_binary() {
    let pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    let files = tempfile::tempdir().unwrap();
    let (ca, values) = (files.path().join("ca.crt"), files.path().join("values.yaml"));
    std::fs::write(&ca, pem).unwrap();
    let own_ca = json!({"certificates": {"mode": "secret", "secretName": "mine", "caBundle": pem}});
    std::fs::write(&values, own_ca.to_string()).unwrap();
    let chart = chart();
    let compare = |helm_arguments: &[&str], arguments: &[&str]| {
        let mut all = vec!["template", "draingate", chart.to_str().unwrap(), "--namespace", "tools"];
        all.extend(["--show-only", "templates/webhooks.yaml"]);
        all.extend(helm_arguments);
        let ours = objects(&helm_ok(&all, Path::new(NOWHERE)));
        let binary = objects(&printed(&[&["webhooks", "--namespace", "tools"], arguments].concat()));
        assert_eq!(ours.len(), binary.len());
        for (ours, binary) in ours.iter().zip(&binary) {
            for field in ["kind", "apiVersion"] {
                assert_eq!(ours[field], binary[field]);
            }
            assert_eq!(ours["metadata"]["name"], binary["metadata"]["name"]);
            for (label, value) in binary["metadata"]["labels"].as_object().unwrap() {
                assert_eq!(&ours["metadata"]["labels"][label], value);
            }
            assert_eq!(ours["webhooks"], binary["webhooks"], "{helm_arguments:?}");
        }
    };
    compare(&[], &[]);
    compare(&["--values", values.to_str().unwrap()], &["--ca-file", ca.to_str().unwrap()]);
    compare(&["--set", "fullnameOverride=gate"], &["--name", "gate", "--service-name", "gate"]);
    for policy in ["Ignore", "Fail"] {
        let set = format!("webhooks.enforceFailurePolicy={policy},webhooks.timeoutSeconds=9");
        let policy = policy.to_lowercase();
        compare(&["--set", &set], &["--enforce-failure-policy", &policy, "--timeout-seconds", "9"]);
    }
    let terms = "webhooks.excludedNamespaces={a,b},webhooks.namespaceExpressions[0].key=team,\
        webhooks.namespaceExpressions[0].operator=NotIn,webhooks.namespaceExpressions[0].values={lab}";
    let namespaces = r#"{"matchExpressions":[{"key":"team","operator":"NotIn","values":["lab"]}]}"#;
    let arguments = ["--exclude-namespace", "a", "--exclude-namespace", "b", "--namespaces", namespaces];
    compare(&["--set", terms], &arguments);
    let minimum = ["--minimum-mode", "enforce"];
    compare(&["--set", terms, "--set", "minimumMode.mode=enforce"], &[&arguments[..], &minimum].concat());
    for mode in ["off", "audit", "warn"] {
        compare(&["--set", &format!("defaultMode={mode}")], &["--default-mode", mode]);
    }
    let selector =
        r#"{"matchLabels":{"tier":"prod"},"matchExpressions":[{"key":"team","operator":"NotIn","values":["lab"]}]}"#;
    let some = format!("minimumMode.namespaceSelector={selector}");
    for mode in ["audit", "warn", "inject", "enforce"] {
        let set = format!("minimumMode.mode={mode}");
        for policy in ["Ignore", "Fail"] {
            let fail = format!("webhooks.enforceFailurePolicy={policy}");
            let arguments = ["--minimum-mode", mode, "--enforce-failure-policy", &policy.to_lowercase()];
            compare(&["--set", &set, "--set", &fail], &arguments);
            let arguments =
                [&arguments[..], &["--minimum-mode-namespaces", selector, "--default-mode", "warn"]].concat();
            compare(&["--set", &set, "--set", &fail, "--set-json", &some, "--set", "defaultMode=warn"], &arguments);
        }
    }
}

#[test]
fn check_finds_nothing_in_the_chart() {
    let strict = ["check", "--fail-on", "warning", "--format", "json", "--namespace", "draingate"];
    for view in [&[][..], &["--admitted"]] {
        for hold in ["5", "10", "60"] {
            // With its priority class it would be passed over; without, it is judged like any other.
            let rendered = render(&["priorityClassName=", &format!("holdSeconds={hold}")]);
            let output = draingate(&[&strict[..], view, &["-"]].concat(), &rendered);
            assert!(output.status.success(), "{}", text(&output));
            let report: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(report["summary"]["judged"], 1, "{report}");
            let results = report["results"].as_array().unwrap();
            let result = results.iter().find(|result| result["kind"] == "Deployment").unwrap();
            assert_eq!(result["findings"], json!([]), "{result}");
            assert_eq!(result["verdict"], "pass", "{result}");
        }
    }
    // Everywhere else only what needs no judgement.
    for values in MATRIX {
        let output = draingate(&[&strict[..], &["-"]].concat(), &render(values));
        assert!(output.status.success(), "{values:?}: {}", text(&output));
    }
}

#[test]
fn arguments_are_those_of_the_binary() {
    for values in MATRIX {
        for object in objects(&render(values)) {
            let template = if object["kind"] == "Pod" { &object } else { &object["spec"]["template"] };
            for container in template["spec"]["containers"].as_array().into_iter().flatten() {
                let arguments: Vec<String> = serde_json::from_value(container["args"].clone()).unwrap();
                let arguments: Vec<_> = arguments.iter().map(String::as_str).chain(["--help"]).collect();
                printed(&arguments);
            }
        }
    }
}

#[test]
fn roles_are_those_that_the_code_names() {
    // The tables in src/cluster/mod.rs: group, resources, verbs, for.
    let source = read(&root().join("src/cluster/mod.rs"));
    let rows = source.lines().filter_map(|line| line.strip_prefix("//! | "));
    let rows = rows.map(|row| row.split(" | ").map(|cell| cell.replace('`', "")).collect::<Vec<_>>());
    let mut named = BTreeSet::new();
    for row in rows.filter(|row| row[0] != "group" && row[0] != "---") {
        let group = if row[0] == "core" { String::new() } else { row[0].clone() };
        for resource in row[1].split(", ") {
            named.extend(row[2].split(", ").map(|verb| (group.clone(), resource.to_owned(), verb.to_owned())));
        }
    }
    let permissions = |values: &[&str]| {
        let mut all = BTreeSet::new();
        for role in objects(&render(values)).iter().filter(|object| {
            matches!(object["kind"].as_str(), Some("Role" | "ClusterRole"))
                && !object["metadata"]["annotations"].is_object()
        }) {
            for rule in role["rules"].as_array().unwrap() {
                let list = |field: &str| -> Vec<String> { serde_json::from_value(rule[field].clone()).unwrap() };
                for group in list("apiGroups") {
                    for resource in list("resources") {
                        all.extend(list("verbs").into_iter().map(|verb| (group.clone(), resource.clone(), verb)));
                    }
                }
            }
        }
        all
    };
    let reports = "policyReports.every=10m";
    let observe = "observe.enabled=true";
    let all = permissions(&[reports, observe]);
    assert_eq!(all.symmetric_difference(&named).collect::<Vec<_>>(), Vec::<&_>::new());
    for values in ["certificates.mode=cert-manager", "certificates.mode=secret,certificates.secretName=mine"] {
        let fewer = permissions(&[reports, observe, values]);
        let given_up: BTreeSet<_> = all.difference(&fewer).map(|(_, resource, _)| resource.as_str()).collect();
        let written = ["leases", "mutatingwebhookconfigurations", "secrets", "validatingwebhookconfigurations"];
        assert_eq!(given_up, BTreeSet::from(written));
    }
    let unobserved = permissions(&[reports]);
    let given_up: Vec<_> =
        all.difference(&unobserved).map(|(_, resource, verb)| format!("{verb} {resource}")).collect();
    let watched = ["list events", "watch events", "watch pods", "list endpointslices", "watch endpointslices"];
    assert_eq!(given_up, watched);
}

/// The chart as release `draingate` in namespace `draingate`.
fn printed_chart(more: &[&str]) -> String {
    let chart = chart();
    let arguments = ["template", "draingate", chart.to_str().unwrap(), "--namespace", "draingate"];
    helm_ok(&[&arguments[..], more].concat(), Path::new(NOWHERE))
}

#[test]
fn manifest_without_helm_is_the_chart() {
    let note = "# Draingate for `kubectl apply --server-side -f`, without Helm: the chart with its default values.\n\
        # Written by INSTA_UPDATE=always make test.\n---\n\
        apiVersion: v1\nkind: Namespace\nmetadata:\n  name: draingate\n";
    let rendered = printed_chart(&["--no-hooks"]);
    let ours = |line: &&str| !line.contains("managed-by: Helm") && !line.contains("helm.sh/chart:");
    let mut manifest = rendered.lines().filter(ours).map(str::trim_end).collect::<Vec<_>>().join("\n");
    while manifest.contains("\n\n---") {
        manifest = manifest.replace("\n\n---", "\n---");
    }
    written::same(&root().join("charts/draingate.yaml"), &format!("{note}{}\n", manifest.trim()));
}

// ---- On a real API server

/// The CustomResourceDefinitions of others that the chart has objects for.
fn foreign_crds() -> String {
    let modules = [
        (
            "github.com/prometheus-operator/prometheus-operator@v0.85.0",
            "example/prometheus-operator-crd",
            &["monitoring.coreos.com_servicemonitors.yaml", "monitoring.coreos.com_prometheusrules.yaml"],
        ),
        (
            "github.com/cert-manager/cert-manager@v1.21.2",
            "deploy/crds",
            &["cert-manager.io_certificates.yaml", "cert-manager.io_issuers.yaml"],
        ),
    ];
    let mut all = String::new();
    for (module, folder, files) in modules {
        let empty = tempfile::tempdir().unwrap();
        let output =
            Command::new("go").args(["mod", "download", "-json", module]).current_dir(empty.path()).output().unwrap();
        let found: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output)));
        let folder = Path::new(found["Dir"].as_str().unwrap_or_else(|| panic!("{found}"))).join(folder);
        for file in files {
            write!(all, "---\n{}\n", read(&folder.join(file))).unwrap();
        }
    }
    all
}

#[test]
fn manifests_are_accepted_to_the_letter() {
    let server = ApiServer::start();
    server.kubectl(&["create", "namespace", "draingate"], "");
    let crds = format!("{}\n---\n{}", foreign_crds(), printed(&["crd"]));
    server.kubectl(&["apply", "--server-side", "-f", "-"], &crds);
    server.wait_for_crds();
    let strict = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "--force-conflicts", "-f", "-"];
    for namespace in ["draingate-ping", "gate-ping", "platform"] {
        server.kubectl(&["create", "namespace", namespace], "");
    }
    for values in MATRIX {
        let rendered = render(values);
        let answers = server.try_kubectl(&strict, &rendered).unwrap_or_else(|e| panic!("{values:?}: {e}"));
        assert_eq!(answers.lines().count(), objects(&rendered).len(), "{values:?}: {answers}");
    }
    server.kubectl(&strict, &read(&root().join("charts/draingate.yaml")));
    // The strictness itself: a field that does not exist is an error.
    let wrong = render(&[]).replace("maxSurge: 1", "maxSurges: 1");
    assert!(server.try_kubectl(&strict, &wrong).unwrap_err().contains("maxSurges"));
}

/// Everything that is stored, but for what comes and goes by itself.
fn stored(server: &ApiServer) -> BTreeSet<String> {
    let kinds = server.kubectl(&["api-resources", "--verbs=list", "-o", "name"], "");
    let kinds: Vec<_> =
        kinds.lines().filter(|kind| !kind.starts_with("events") && *kind != "componentstatuses").collect();
    let lines = server.kubectl(&["get", &kinds.join(","), "-A", "-o", "name", "--ignore-not-found"], "");
    // The API server makes and removes an APIService for each group by itself.
    lines.lines().filter(|name| !name.starts_with("apiservice.")).map(str::to_owned).collect()
}

fn field(server: &ApiServer, what: &[&str], path: &str) -> String {
    let path = format!("jsonpath={path}");
    server.kubectl(&[&["get", "-n", "draingate"], what, &["-o", &path]].concat(), "")
}

/// The chart of the commit that first had one.
fn first_chart(folder: &Path) -> PathBuf {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(root()).args(arguments).output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", text(&output));
        output.stdout
    };
    let commits = git(&["log", "--diff-filter=A", "--format=%H", "--", "charts/draingate/Chart.yaml"]);
    let commits = String::from_utf8(commits).unwrap();
    let first = commits.lines().last().expect("the history has the commit that first had a chart");
    let archive = folder.join("first.tar");
    std::fs::write(&archive, git(&["archive", first, "charts/draingate"])).unwrap();
    let tar = Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(folder).status().unwrap();
    assert!(tar.success());
    folder.join("charts/draingate")
}

/// The words of the policy kinds of a chart: fields by their path, and the values that some of them have.
fn words(chart: &Path) -> BTreeSet<String> {
    fn walk(schema: &Value, path: &str, words: &mut BTreeSet<String>) {
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            walk(field, &path, words);
            words.insert(path);
        }
        for value in schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            words.insert(format!("{path}: {value}"));
        }
        walk_into(&schema["items"], path, words);
    }
    fn walk_into(schema: &Value, path: &str, words: &mut BTreeSet<String>) {
        if schema.is_object() {
            walk(schema, path, words);
        }
    }
    let mut words = BTreeSet::new();
    for kind in ["drainpolicies", "clusterdrainpolicies"] {
        let kind = objects(&read(&chart.join(format!("files/crd-{kind}.yaml")))).remove(0);
        walk(&kind["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"], "", &mut words);
    }
    words
}

#[test]
fn words_that_the_first_chart_lacks_are_in_the_upgrade_page() {
    let folder = tempfile::tempdir().unwrap();
    let (then, now) = (words(&first_chart(folder.path())), words(&chart()));
    assert_eq!(then.difference(&now).collect::<Vec<_>>(), Vec::<&String>::new(), "a word is gone");
    let new: Vec<_> = now.difference(&then).collect();
    // A field that is new brings all that is in it.
    let is_in = |word: &str, field: &str| word.strip_prefix(field).is_some_and(|rest| rest.starts_with(['.', ':']));
    let outermost = new.iter().filter(|word| !new.iter().any(|field| is_in(word, field)));
    let list: String = outermost.map(|word| format!("- `{word}`\n")).collect();
    let page = root().join("docs/upgrade.md");
    let text = read(&page);
    written::same(&page, &written::with_between(&text, "words", &list));
}

/// The `caBundle` that [`live_for_a_while`] writes.
fn live_ca() -> &'static str {
    static CA: OnceLock<String> = OnceLock::new();
    CA.get_or_init(|| {
        let certificate = rcgen::generate_simple_self_signed(["draingate".to_owned()]).unwrap().cert;
        base64::engine::general_purpose::STANDARD.encode(certificate.pem())
    })
}

/// Writes what Draingate writes beside Helm; how many webhooks there are of each configuration.
fn live_for_a_while(server: &ApiServer) -> [usize; 2] {
    let patch = |what: &[&str], how: &str, patch: Value| {
        let by = ["-n", "draingate", how, "--field-manager=draingate", "-p", &patch.to_string()];
        server.kubectl(&[&["patch"], what, &by[..]].concat(), "");
    };
    let counts =
        CONFIGURATIONS.map(|kind| field(server, &[kind, "draingate"], "{.webhooks[*].name}").split(' ').count());
    for (kind, count) in CONFIGURATIONS.into_iter().zip(counts) {
        let bundle = |index| json!({"op": "add", "path": format!("/webhooks/{index}/clientConfig/caBundle"), "value": live_ca()});
        patch(&[kind, "draingate"], "--type=json", (0..count).map(bundle).collect());
    }
    patch(&["secret", "draingate-ca"], "--type=merge", json!({"data": {"ca.crt": "bGl2ZQ=="}}));
    write_lease(server);
    counts
}

/// As a replica does, which makes it where it is not there.
fn write_lease(server: &ApiServer) {
    let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": {"holderIdentity": "draingate-0"},
        "metadata": {"name": "draingate-ca", "namespace": "draingate"}});
    let apply = ["apply", "--server-side", "--force-conflicts", "--field-manager=draingate", "-f", "-"];
    server.kubectl(&apply, &lease.to_string());
}

const CONFIGURATIONS: [&str; 2] = ["mutatingwebhookconfiguration", "validatingwebhookconfiguration"];

/// That Helm left alone what [`live_for_a_while`] wrote. A webhook that an upgrade adds has no caBundle yet.
fn lives_on(server: &ApiServer, written: [usize; 2]) {
    for (kind, written) in CONFIGURATIONS.into_iter().zip(written) {
        let bundles = field(server, &[kind, "draingate"], "{.webhooks[*].clientConfig.caBundle}");
        assert_eq!(bundles.split(' ').count(), written);
        assert!(bundles.split(' ').all(|bundle| bundle == live_ca()), "{kind}: {bundles}");
    }
    assert_eq!(field(server, &["secret", "draingate-ca"], "{.data.ca\\.crt}"), "bGl2ZQ==");
}

const POLICY: &str = "apiVersion: draingate.dev/v1alpha1\nkind: DrainPolicy\n\
    metadata: {name: default, namespace: draingate}\nspec: {budget: {safetyMarginSeconds: 7}}\n";

#[test]
fn a_release_is_upgraded_rolled_back_and_gone_without_a_trace() {
    let server = ApiServer::start();
    let (kubeconfig, files) = (server.kubeconfig(), tempfile::tempdir().unwrap());
    let (first, current) = (first_chart(files.path()), chart());
    let (first, current) = (first.to_str().unwrap(), current.to_str().unwrap());
    let release = |arguments: &[&str]| helm_ok(&[arguments, &["--namespace", "draingate"]].concat(), &kubeconfig);
    server.kubectl(&["create", "namespace", "draingate"], "");
    let before = stored(&server);
    // Helm 4 applies on the server; Helm 3 merges by itself, as does `--server-side=false`.
    for server_side in ["--server-side=true", "--server-side=false"] {
        release(&["install", "draingate", first, server_side]);
        let written = live_for_a_while(&server);
        server.wait_for_crds();
        server.apply(POLICY);

        release(&["upgrade", "draingate", current, server_side, "--set", "webhooks.timeoutSeconds=7"]);
        lives_on(&server, written);
        // The first chart had a lease, which its replicas make again until they are gone.
        write_lease(&server);
        let timeout =
            || field(&server, &["validatingwebhookconfiguration", "draingate"], "{.webhooks[0].timeoutSeconds}");
        assert_eq!(timeout(), "7");
        let back = ["rollback", "draingate", "1", server_side, "--namespace", "draingate"];
        let first_try = helm(&back, &kubeconfig);
        if server_side == "--server-side=false" {
            // Helm 3's way stops at the lease, which it did not make, and takes it the second time (docs/upgrade.md).
            assert!(!first_try.status.success() && text(&first_try).contains("Lease"), "{}", text(&first_try));
            helm_ok(&back, &kubeconfig);
        } else {
            assert!(first_try.status.success(), "{}", text(&first_try));
        }
        lives_on(&server, written);
        assert_eq!(timeout(), "5");
        assert_eq!(field(&server, &["drainpolicy", "default"], "{.spec.budget.safetyMarginSeconds}"), "7");

        release(&["upgrade", "draingate", current, server_side]);
        lives_on(&server, written);
        write_lease(&server);
        release(&["uninstall", "draingate", "--wait"]);
        // The kinds and their policies stay. Nobody collects garbage here: the lease would go with its owner.
        server.kubectl(&["delete", "lease", "draingate-ca", "-n", "draingate", "--ignore-not-found"], "");
        server.kubectl(&["delete", "crd", "drainpolicies.draingate.dev", "clusterdrainpolicies.draingate.dev"], "");
        let after = stored(&server);
        assert_eq!(after.symmetric_difference(&before).collect::<Vec<_>>(), Vec::<&String>::new(), "{server_side}");
    }

    // Without crds.keep everything goes.
    release(&["install", "draingate", current, "--set", "crds.keep=false"]);
    server.wait_for_crds();
    release(&["uninstall", "draingate", "--wait"]);
    assert_eq!(stored(&server).symmetric_difference(&before).collect::<Vec<_>>(), Vec::<&String>::new());

    // Policies outlive the release, and the next one takes them over.
    release(&["install", "draingate", current]);
    server.wait_for_crds();
    server.apply(POLICY);
    release(&["uninstall", "draingate", "--wait"]);
    let left: Vec<_> = stored(&server).difference(&before).cloned().collect();
    let kept = ["clusterdrainpolicies.draingate.dev", "drainpolicies.draingate.dev"];
    let kept = kept.map(|name| format!("customresourcedefinition.apiextensions.k8s.io/{name}"));
    let policy = "drainpolicy.draingate.dev/default".to_owned();
    assert_eq!(left, [&kept[..], &[policy]].concat());
    release(&["install", "draingate", current]);
    assert_eq!(field(&server, &["drainpolicy", "default"], "{.spec.budget.safetyMarginSeconds}"), "7");
}

#[test]
fn with_nobody_there_only_enforce_under_fail_is_held_up() {
    let server = ApiServer::start();
    server.kubectl(&["create", "namespace", "draingate"], "");
    let chart = chart();
    let install = ["install", "draingate", chart.to_str().unwrap(), "--namespace", "draingate"];
    helm_ok(&[&install[..], &["--set", "webhooks.enforceFailurePolicy=Fail"]].concat(), &server.kubeconfig());
    // There is no network of Services here: a closed port of this machine stands for a Service without endpoints.
    for kind in ["mutatingwebhookconfiguration", "validatingwebhookconfiguration"] {
        let count = field(&server, &[kind, "draingate"], "{.webhooks[*].name}").split(' ').count();
        let away = json!({"url": "https://127.0.0.1:1/"});
        let away = |index| json!({"op": "replace", "path": format!("/webhooks/{index}/clientConfig"), "value": away});
        let patch = (0..count).map(away).collect::<Value>().to_string();
        server.kubectl(&["patch", kind, "draingate", "--type=json", "-p", &patch], "");
    }
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {generateName: web-}\nspec:\n  automountServiceAccountToken: false\n  \
        containers: [{name: app, image: app, ports: [{containerPort: 80}]}]\n";
    let create = |namespace: &str| server.try_kubectl(&["create", "-n", namespace, "-f", "-"], pod);
    let namespace = |name: &str, mode: &str| {
        let _ = server.try_kubectl(&["create", "namespace", name], "");
        let label = format!("draingate.dev/mode={mode}");
        server.kubectl(&["label", "namespace", name, &label], "");
    };
    for mode in ["enforce", "off", "audit", "warn", "inject", "nonsense"] {
        namespace(mode, mode);
    }
    namespace("kube-system", "enforce");
    namespace("draingate", "enforce");
    // The API server takes a moment to use a changed configuration.
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    let refused = loop {
        match create("enforce") {
            Err(problem) => break problem,
            Ok(_) => assert!(std::time::Instant::now() < deadline, "pods of enforce namespaces are let through"),
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    assert!(refused.contains("failed calling webhook \"enforce.draingate.dev\""), "{refused}");
    for open in ["default", "off", "audit", "warn", "inject", "nonsense", "kube-system", "draingate"] {
        create(open).unwrap_or_else(|problem| panic!("{open}: {problem}"));
    }
    // The way out of docs/install.md that nothing undoes which restores what its source says, forced or not.
    server.kubectl(&["label", "namespace", "enforce", "draingate.dev/break-glass=nobody-answers"], "");
    let soon = |what: &str| {
        let deadline = std::time::Instant::now() + Duration::from_secs(30);
        while let Err(problem) = create("enforce") {
            assert!(std::time::Instant::now() < deadline, "{what}: {problem}");
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    soon("with the label");
    // Where the configurations point to stays as it was made above.
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": "enforce", "labels": {"draingate.dev/mode": "enforce"}}});
    let source = objects(&printed_chart(&["--set", "webhooks.enforceFailurePolicy=Fail", "--no-hooks"]));
    let source =
        source.into_iter().filter(|object| !object["kind"].as_str().unwrap().ends_with("WebhookConfiguration"));
    let source: Vec<_> = source.chain([namespace]).map(|object| object.to_string()).collect();
    let source = source.join("\n---\n");
    for manager in ["argocd-controller", "kustomize-controller"] {
        let heal = ["apply", "--server-side", "--force-conflicts", "--field-manager", manager, "-f", "-"];
        server.kubectl(&heal, &source);
    }
    let label = field(&server, &["namespace", "enforce"], "{.metadata.labels.draingate\\.dev/break-glass}");
    assert_eq!(label, "nobody-answers");
    soon("after it was healed");
    server.kubectl(&["label", "namespace", "enforce", "draingate.dev/break-glass-"], "");
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while create("enforce").is_ok() {
        assert!(std::time::Instant::now() < deadline, "without the label pods are let through");
        std::thread::sleep(Duration::from_millis(100));
    }
    // And the other.
    server.kubectl(&["delete", "validatingwebhookconfiguration", "draingate"], "");
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while let Err(problem) = create("enforce") {
        assert!(std::time::Instant::now() < deadline, "{problem}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// What docs/install.md tells people to do.
#[test]
fn recipes_of_the_install_page_work() {
    let server = ApiServer::start();
    let (kubeconfig, chart) = (server.kubeconfig(), chart());
    server.kubectl(&["create", "namespace", "draingate"], "");
    let install = ["install", "draingate", chart.to_str().unwrap(), "--namespace", "draingate"];
    let uninstall = ["uninstall", "draingate", "--namespace", "draingate", "--wait"];

    // A former install's configurations that block.
    let away = ["webhooks", "--enforce-failure-policy", "fail", "--url", "https://127.0.0.1:1"];
    server.apply(&printed(&away));
    let refused = helm(&install, &kubeconfig);
    assert!(!refused.status.success() && text(&refused).contains("cannot be imported"), "{}", text(&refused));
    server.kubectl(&["delete", "validatingwebhookconfiguration,mutatingwebhookconfiguration", "draingate"], "");
    helm_ok(&install, &kubeconfig);

    // From a certificate of Draingate's own to somebody's.
    live_for_a_while(&server);
    let files = tempfile::tempdir().unwrap();
    let ca = files.path().join("ca.crt");
    let pem = rcgen::generate_simple_self_signed(["mine".to_owned()]).unwrap().cert.pem();
    std::fs::write(&ca, &pem).unwrap();
    let upgrade = ["upgrade", "draingate", chart.to_str().unwrap(), "--namespace", "draingate"];
    let bundle = format!("certificates.caBundle={}", ca.display());
    let mine = ["--set", "certificates.mode=secret,certificates.secretName=mine", "--set-file", &bundle];
    let mine = [&upgrade[..], &mine].concat();
    let refused = helm(&mine, &kubeconfig);
    assert!(!refused.status.success() && text(&refused).contains("conflict"), "{}", text(&refused));
    helm_ok(&[&mine[..], &["--force-conflicts"]].concat(), &kubeconfig);
    let bundles =
        field(&server, &["validatingwebhookconfiguration", "draingate"], "{.webhooks[*].clientConfig.caBundle}");
    let expected = base64::engine::general_purpose::STANDARD.encode(&pem);
    assert!(bundles.split(' ').all(|bundle| bundle == expected), "{bundles}");
    helm_ok(&uninstall, &kubeconfig);

    // From the manifest to Helm, with the policies.
    let manifest = read(&root().join("charts/draingate.yaml"));
    server.kubectl(&["apply", "--server-side", "--force-conflicts", "-f", "-"], &manifest);
    server.wait_for_crds();
    server.apply(POLICY);
    let written = live_for_a_while(&server);
    helm_ok(&[&install[..], &["--take-ownership", "--force-conflicts"]].concat(), &kubeconfig);
    lives_on(&server, written);
    assert_eq!(field(&server, &["drainpolicy", "default"], "{.spec.budget.safetyMarginSeconds}"), "7");
    helm_ok(&uninstall, &kubeconfig);
    let kept = server.kubectl(&["get", "crd", "-o", "name"], "");
    assert_eq!(kept.matches("drainpolicies.draingate.dev").count(), 2, "{kept}");
}

/// A process that ends with the test.
struct Serving {
    child: std::process::Child,
    log: PathBuf,
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn serve_needs_no_more_rights_than_the_chart_gives() {
    let server = ApiServer::start();
    server.kubectl(&["create", "namespace", "draingate"], "");
    let chart = chart();
    let install = ["install", "draingate", chart.to_str().unwrap(), "--namespace", "draingate"];
    let mode = ["--set", "certificates.mode=secret,certificates.secretName=mine,observe.enabled=true"];
    helm_ok(&[&install[..], &mode].concat(), &server.kubeconfig());
    server.wait_for_crds();

    // As the pod would: the service account's token and nothing else.
    let files = tempfile::tempdir().unwrap();
    let path = |name: &str| files.path().join(name);
    let token = server.kubectl(&["create", "token", "draingate", "-n", "draingate"], "");
    let kubeconfig = path("kubeconfig");
    let mut config = objects(&read(&server.kubeconfig())).remove(0);
    config["users"][0]["user"] = json!({"token": token.trim()});
    std::fs::write(&kubeconfig, config.to_string()).unwrap();
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(path("tls.crt"), pair.cert.pem()).unwrap();
    std::fs::write(path("tls.key"), pair.signing_key.serialize_pem()).unwrap();
    let deployment = render(&mode[1..]);
    let deployment = objects(&deployment).into_iter().find(|object| object["kind"] == "Deployment").unwrap();
    let arguments: Vec<String> =
        serde_json::from_value(deployment["spec"]["template"]["spec"]["containers"][0]["args"].clone()).unwrap();
    let arguments = arguments.iter().map(|argument| argument.replace("/tls/", &format!("{}/", files.path().display())));
    let log = path("log");
    let child = Command::new(env!("CARGO_BIN_EXE_draingate"))
        .args(arguments)
        .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
        .env("KUBECONFIG", &kubeconfig)
        .env("POD_NAMESPACE", "draingate")
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let serving = Serving { child, log };
    let policy = POLICY.replace("kind: DrainPolicy", "kind: ClusterDrainPolicy").replace(", namespace: draingate", "");
    server.apply(POLICY);
    server.apply(&policy);
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    let accepted = "{.status.conditions[?(@.type==\"Accepted\")].status}";
    for kind in ["drainpolicy", "clusterdrainpolicy"] {
        while field(&server, &[kind, "default"], accepted) != "True" {
            let log = read(&serving.log);
            assert!(std::time::Instant::now() < deadline, "{kind} has no condition: {log}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    let log = read(&serving.log);
    assert!(!log.to_lowercase().contains("forbidden"), "{log}");
    let admin = log.lines().find_map(|line| {
        let event: Value = serde_json::from_str(line).ok()?;
        event["admin_listen"].as_str().map(str::to_owned)
    });
    let admin = admin.unwrap_or_else(|| panic!("{log}"));
    let get = |path: &str| {
        let mut stream = std::net::TcpStream::connect(&admin).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: draingate\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(get("/readyz").starts_with("HTTP/1.1 200"), "{}", get("/readyz"));
    // The nodes were listed, too: a failed listing would count as too old.
    while !get("/metrics").contains("draingate_native_sleep 1") {
        assert!(std::time::Instant::now() < deadline, "{}", get("/metrics"));
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(!read(&serving.log).to_lowercase().contains("forbidden"));
}
