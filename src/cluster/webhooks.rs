//! The two webhook configurations: what the API server asks Draingate about, and when it does without.
//!
//! Only `enforce.draingate.dev` may ever be `failurePolicy: Fail`. Whatever else goes unanswered, pods start.
//!
//! The match conditions decide nothing: the core passes over the same objects. On pods they stand only where an
//! unanswered call rejects, so that Draingate's absence keeps no job and no system pod from starting: elsewhere they cost
//! what a call costs, because the API server converts the whole pod before the first of them (docs/performance.md). An
//! evaluation error counts like a failed call, so that every step into an object is guarded by `has()`.

use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{
    MatchCondition, MutatingWebhook, MutatingWebhookConfiguration, RuleWithOperations, ServiceReference,
    ValidatingWebhook, ValidatingWebhookConfiguration, WebhookClientConfig,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement, ObjectMeta};

use super::crd;
use draingate_core::keys;
use draingate_core::mode::Mode;

/// What differs from one installation to the next.
#[derive(Clone, Debug)]
pub struct Options {
    /// The name of both configurations.
    pub name: String,
    /// The certificates that the API server trusts, in PEM; empty for those that it trusts anyway.
    pub ca_bundle: Vec<u8>,
    /// Where the API server finds the webhook.
    pub client: Client,
    /// The namespace of the installation, which is never asked about.
    pub own_namespace: String,
    /// What happens in namespaces in mode `enforce` when nobody answers.
    pub enforce_failure_policy: FailurePolicy,
    /// The mode of a namespace without the label.
    pub default_mode: Mode,
    /// How long the API server waits for an answer.
    pub timeout_seconds: i32,
}

impl Options {
    /// The default of [`Options::timeout_seconds`]: an answer takes milliseconds, and pods wait for it.
    pub const TIMEOUT_SECONDS: i32 = 5;
}

/// Where the API server finds the webhook. `/mutate` and `/validate` are added to the path.
#[derive(Clone, Debug)]
pub enum Client {
    /// A Service in the cluster.
    Service {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Its port.
        port: i32,
        /// What goes before `/mutate` and `/validate`; normally empty.
        path: String,
    },
    /// An `https` URL, before `/mutate` and `/validate`.
    Url(String),
}

/// What a failed call means for the pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum FailurePolicy {
    /// It is admitted.
    #[default]
    Ignore,
    /// It is rejected.
    Fail,
}

impl FailurePolicy {
    fn as_str(self) -> &'static str {
        match self {
            FailurePolicy::Ignore => "Ignore",
            FailurePolicy::Fail => "Fail",
        }
    }
}

/// Both configurations.
pub fn configurations(options: &Options) -> (MutatingWebhookConfiguration, ValidatingWebhookConfiguration) {
    let metadata = ObjectMeta {
        name: Some(options.name.clone()),
        labels: Some([("app.kubernetes.io/name".to_owned(), "draingate".to_owned())].into()),
        ..ObjectMeta::default()
    };
    let mutating = MutatingWebhookConfiguration { metadata: metadata.clone(), webhooks: Some(vec![mutate(options)]) };
    let validating = ValidatingWebhookConfiguration {
        metadata,
        webhooks: Some(vec![
            validate(
                options,
                "enforce.draingate.dev",
                mode_in(&[Mode::Enforce]),
                Objects::Pods,
                options.enforce_failure_policy,
            ),
            validate(
                options,
                "pods.draingate.dev",
                mode_not_in(&[Mode::Off, Mode::Enforce], options.default_mode),
                Objects::Pods,
                FailurePolicy::Ignore,
            ),
            validate(
                options,
                "templates.draingate.dev",
                mode_not_in(&[Mode::Off], options.default_mode),
                Objects::Templates,
                FailurePolicy::Ignore,
            ),
            ValidatingWebhook {
                side_effects: "None".into(),
                ..validate(
                    options,
                    "changes.draingate.dev",
                    mode_in(&[Mode::Enforce]),
                    Objects::Changes,
                    FailurePolicy::Ignore,
                )
            },
        ]),
    };
    (mutating, validating)
}

fn mutate(options: &Options) -> MutatingWebhook {
    MutatingWebhook {
        name: "mutate.draingate.dev".into(),
        admission_review_versions: vec!["v1".into()],
        client_config: client_config(options, "/mutate"),
        failure_policy: Some(FailurePolicy::Ignore.as_str().into()),
        match_conditions: Objects::Pods.conditions(FailurePolicy::Ignore),
        match_policy: Some("Equivalent".into()),
        namespace_selector: Some(namespaces(options, mode_in(&[Mode::Inject, Mode::Enforce]))),
        object_selector: None,
        reinvocation_policy: Some("IfNeeded".into()),
        rules: Some(Objects::Pods.rules()),
        side_effects: "NoneOnDryRun".into(),
        timeout_seconds: Some(options.timeout_seconds),
    }
}

fn validate(
    options: &Options,
    name: &str,
    mode: Vec<LabelSelectorRequirement>,
    objects: Objects,
    failure_policy: FailurePolicy,
) -> ValidatingWebhook {
    ValidatingWebhook {
        name: name.into(),
        admission_review_versions: vec!["v1".into()],
        client_config: client_config(options, "/validate"),
        failure_policy: Some(failure_policy.as_str().into()),
        match_conditions: objects.conditions(failure_policy),
        match_policy: Some("Equivalent".into()),
        namespace_selector: Some(namespaces(options, mode)),
        object_selector: None,
        rules: Some(objects.rules()),
        side_effects: "NoneOnDryRun".into(),
        timeout_seconds: Some(options.timeout_seconds),
    }
}

fn client_config(options: &Options, path: &str) -> WebhookClientConfig {
    let ca_bundle = (!options.ca_bundle.is_empty()).then(|| ByteString(options.ca_bundle.clone()));
    let (service, url) = match &options.client {
        Client::Service { namespace, name, port, path: before } => {
            let path = format!("{}{path}", before.trim_end_matches('/'));
            let (namespace, name) = (namespace.clone(), name.clone());
            (Some(ServiceReference { name, namespace, path: Some(path), port: Some(*port) }), None)
        }
        Client::Url(base) => (None, Some(format!("{}{path}", base.trim_end_matches('/')))),
    };
    WebhookClientConfig { ca_bundle, service, url }
}

fn requirement(key: &str, operator: &str, values: &[&str]) -> LabelSelectorRequirement {
    let values = (!values.is_empty()).then(|| values.iter().map(|&value| value.to_owned()).collect());
    LabelSelectorRequirement { key: key.into(), operator: operator.into(), values }
}

fn mode_in(modes: &[Mode]) -> Vec<LabelSelectorRequirement> {
    let values: Vec<_> = modes.iter().map(|mode| mode.as_str()).collect();
    vec![requirement(keys::MODE, "In", &values)]
}

/// With `Exists` where no label means `off`, because `NotIn` alone matches namespaces without the label.
fn mode_not_in(modes: &[Mode], default: Mode) -> Vec<LabelSelectorRequirement> {
    let values: Vec<_> = modes.iter().map(|mode| mode.as_str()).collect();
    let labelled = (default == Mode::Off).then(|| requirement(keys::MODE, "Exists", &[]));
    labelled.into_iter().chain([requirement(keys::MODE, "NotIn", &values)]).collect()
}

fn namespaces(options: &Options, mut mode: Vec<LabelSelectorRequirement>) -> LabelSelector {
    mode.push(requirement("kubernetes.io/metadata.name", "NotIn", &["kube-system", &options.own_namespace]));
    LabelSelector { match_expressions: Some(mode), match_labels: None }
}

/// What a webhook is about.
#[derive(Clone, Copy)]
enum Objects {
    Pods,
    Templates,
    /// What judgements depend on: labels of namespaces, and policies.
    Changes,
}

impl Objects {
    fn rules(self) -> Vec<RuleWithOperations> {
        let rule = |group: &str, resources: &[&str], operations: &[&str]| RuleWithOperations {
            api_groups: Some(vec![group.into()]),
            api_versions: Some(vec![if group == crd::GROUP { crd::VERSION } else { "v1" }.into()]),
            operations: Some(operations.iter().map(|&operation| operation.into()).collect()),
            resources: Some(resources.iter().map(|&resource| resource.into()).collect()),
            scope: Some(if matches!(self, Objects::Changes) { "*" } else { "Namespaced" }.into()),
        };
        match self {
            Objects::Pods => vec![rule("", &["pods"], &["CREATE"])],
            Objects::Templates => vec![
                rule("", &["replicationcontrollers", "podtemplates"], &["CREATE", "UPDATE"]),
                rule("apps", &["deployments", "replicasets", "statefulsets", "daemonsets"], &["CREATE", "UPDATE"]),
                rule("batch", &["jobs", "cronjobs"], &["CREATE", "UPDATE"]),
            ],
            Objects::Changes => vec![
                rule("", &["namespaces"], &["UPDATE"]),
                rule(crd::GROUP, &["drainpolicies", "clusterdrainpolicies"], &["CREATE", "UPDATE", "DELETE"]),
            ],
        }
    }

    fn conditions(self, unanswered: FailurePolicy) -> Option<Vec<MatchCondition>> {
        let conditions: &[(&str, &str)] = match (self, unanswered) {
            (Objects::Pods, FailurePolicy::Ignore) => return None,
            (Objects::Pods, FailurePolicy::Fail) => &[
                ("restarts-always", RESTARTS_ALWAYS),
                ("not-system-critical", NOT_SYSTEM_CRITICAL),
                ("not-a-mirror-pod", NOT_A_MIRROR_POD),
            ],
            (Objects::Templates, _) => &[("no-controller", NO_CONTROLLER), ("template-changed", TEMPLATE_CHANGED)],
            (Objects::Changes, _) => &[("label-changed", LABEL_CHANGED)],
        };
        let condition =
            |&(name, expression): &(&str, &str)| MatchCondition { name: name.into(), expression: expression.into() };
        Some(conditions.iter().map(condition).collect())
    }
}

const RESTARTS_ALWAYS: &str =
    "!has(object.spec) || !has(object.spec.restartPolicy) || object.spec.restartPolicy in ['Always', '']";

const NOT_SYSTEM_CRITICAL: &str = "!has(object.spec) || !has(object.spec.priorityClassName) || \
    !(object.spec.priorityClassName in ['system-node-critical', 'system-cluster-critical'])";

const NOT_A_MIRROR_POD: &str = "!has(object.metadata.annotations) || \
    !('kubernetes.io/config.mirror' in object.metadata.annotations)";

const LABEL_CHANGED: &str = "request.kind.kind != 'Namespace' || ['draingate.dev/mode', 'draingate.dev/profile'].exists(key, \
    (has(object.metadata.labels) && key in object.metadata.labels ? object.metadata.labels[key] : '') != \
    (has(oldObject.metadata.labels) && key in oldObject.metadata.labels ? oldObject.metadata.labels[key] : ''))";

const NO_CONTROLLER: &str = "!has(object.metadata.ownerReferences) || \
    !object.metadata.ownerReferences.exists(owner, has(owner.controller) && owner.controller)";

/// A PodTemplate has no spec; a CronJob's template is that of its jobs.
const TEMPLATE_CHANGED: &str = "oldObject == null || \
    (has(object.template) ? !has(oldObject.template) || object.template != oldObject.template : \
    !has(object.spec) || !has(oldObject.spec) ? true : \
    has(object.spec.jobTemplate) ? \
    !has(oldObject.spec.jobTemplate) || object.spec.jobTemplate != oldObject.spec.jobTemplate : \
    has(object.spec.template) ? \
    !has(oldObject.spec.template) || object.spec.template != oldObject.spec.template : true)";

#[cfg(test)]
mod tests {
    use super::*;

    fn options(enforce_failure_policy: FailurePolicy) -> Options {
        Options {
            name: "draingate".into(),
            ca_bundle: b"pem".to_vec(),
            client: Client::Service {
                namespace: "draingate".into(),
                name: "webhook".into(),
                port: 443,
                path: String::new(),
            },
            own_namespace: "draingate".into(),
            enforce_failure_policy,
            default_mode: Mode::Off,
            timeout_seconds: Options::TIMEOUT_SECONDS,
        }
    }

    #[test]
    fn only_enforce_may_fail() {
        let (mutating, validating) = configurations(&options(FailurePolicy::Fail));
        let policies: Vec<_> = mutating
            .webhooks
            .iter()
            .flatten()
            .map(|w| (w.name.as_str(), w.failure_policy.as_deref()))
            .chain(validating.webhooks.iter().flatten().map(|w| (w.name.as_str(), w.failure_policy.as_deref())))
            .collect();
        assert_eq!(
            policies,
            [
                ("mutate.draingate.dev", Some("Ignore")),
                ("enforce.draingate.dev", Some("Fail")),
                ("pods.draingate.dev", Some("Ignore")),
                ("templates.draingate.dev", Some("Ignore")),
                ("changes.draingate.dev", Some("Ignore")),
            ]
        );
    }

    #[test]
    fn a_pod_is_asked_about_once_for_each_pass() {
        let (_, validating) = configurations(&options(FailurePolicy::Ignore));
        let (_, by_default) = configurations(&Options { default_mode: Mode::Audit, ..options(FailurePolicy::Ignore) });
        let selects = |webhook: &ValidatingWebhook, mode: Option<&str>| {
            let selector = webhook.namespace_selector.as_ref().and_then(|s| s.match_expressions.as_ref()).unwrap();
            selector.iter().filter(|r| r.key == keys::MODE).all(|r| {
                let listed = mode.is_some_and(|m| r.values.iter().flatten().any(|v| v == m));
                match r.operator.as_str() {
                    "In" => listed,
                    "NotIn" => !listed,
                    _ => mode.is_some(),
                }
            })
        };
        let told = ["pods.draingate.dev", "templates.draingate.dev"];
        for (configuration, unlabelled) in [(&validating, [""; 0].as_slice()), (&by_default, told.as_slice())] {
            let asked = |mode| {
                let webhooks = configuration.webhooks.iter().flatten();
                webhooks.filter(|w| selects(w, mode)).map(|w| w.name.as_str()).collect::<Vec<_>>()
            };
            assert_eq!(asked(None), unlabelled);
            assert_eq!(asked(Some("off")), [""; 0]);
            for mode in ["audit", "warn", "inject", "unknown"] {
                assert_eq!(asked(Some(mode)), told, "{mode}");
            }
            assert_eq!(
                asked(Some("enforce")),
                ["enforce.draingate.dev", "templates.draingate.dev", "changes.draingate.dev"]
            );
        }
    }
}
