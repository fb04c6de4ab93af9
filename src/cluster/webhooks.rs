//! The two webhook configurations: what the API server asks Draingate about, and when it does without.
//!
//! Only `enforce.draingate.dev`, and its twin for the minimum mode, may ever be `failurePolicy: Fail`. Whatever else goes
//! unanswered, pods start.
//!
//! A selector cannot say "or", so where there is a minimum mode each webhook has a twin for the namespaces that only the
//! minimum brings to it. Under Fail a pod whose namespace's label says audit, warn or inject is asked about by both.
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
use draingate_core::mode::{MinimumMode, Mode};
use draingate_core::selector::Operator;

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
    /// The mode that some namespaces have at least.
    pub minimum_mode: Option<MinimumMode>,
    /// Further namespaces that are never asked about.
    pub excluded_namespaces: Vec<String>,
    /// Which namespaces are asked about at all.
    pub namespaces: draingate_core::selector::LabelSelector,
    /// How long the API server waits for an answer.
    pub timeout_seconds: i32,
}

impl Options {
    /// The default of [`Options::timeout_seconds`]: an answer takes milliseconds, and where none comes at all, a pod waits for
    /// two calls, one after the other.
    pub const TIMEOUT_SECONDS: i32 = 2;
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
    let of_label = |mode| namespaces(options, mode);
    let mut mutating = vec![mutate(options, "mutate.draingate.dev", of_label(mode_in(&[Mode::Inject, Mode::Enforce])))];
    let mut validating = vec![
        validate(
            options,
            "enforce.draingate.dev",
            of_label(with_break_glass(mode_in(&[Mode::Enforce]))),
            Objects::Pods,
            options.enforce_failure_policy,
        ),
        validate(
            options,
            "pods.draingate.dev",
            of_label(mode_not_in(&[Mode::Off, Mode::Enforce], options.default_mode)),
            Objects::Pods,
            FailurePolicy::Ignore,
        ),
        validate(
            options,
            "templates.draingate.dev",
            of_label(mode_not_in(&[Mode::Off], options.default_mode)),
            Objects::Templates,
            FailurePolicy::Ignore,
        ),
        validate(
            options,
            "changes.draingate.dev",
            of_label(mode_in(&[Mode::Enforce])),
            Objects::Changes,
            FailurePolicy::Ignore,
        ),
    ];
    if let Some(minimum) = &options.minimum_mode {
        let (more_mutating, more_validating) = twins(options, minimum);
        mutating.extend(more_mutating);
        validating.extend(more_validating);
    }
    let mutating = MutatingWebhookConfiguration { metadata: metadata.clone(), webhooks: Some(mutating) };
    (mutating, ValidatingWebhookConfiguration { metadata, webhooks: Some(validating) })
}

/// For the namespaces that only the minimum mode brings to a webhook.
fn twins(options: &Options, minimum: &MinimumMode) -> (Option<MutatingWebhook>, Vec<ValidatingWebhook>) {
    let selected = |mode| selected(options, minimum, mode);
    let not_in = |modes: &[Mode]| mode_not_in(modes, Mode::Audit);
    // Of no label, or of `off`: nobody asks about its pods yet.
    let unasked = || match options.default_mode {
        Mode::Off => not_in(&[Mode::Audit, Mode::Warn, Mode::Inject, Mode::Enforce]),
        _ => mode_in(&[Mode::Off]),
    };
    let mutating = minimum
        .mode
        .injects()
        .then(|| mutate(options, "mutate-minimum.draingate.dev", selected(not_in(&[Mode::Inject, Mode::Enforce]))));
    let (name, policy, mode) = match (minimum.mode, options.enforce_failure_policy) {
        (Mode::Enforce, FailurePolicy::Fail) => ("enforce", FailurePolicy::Fail, not_in(&[Mode::Enforce])),
        (Mode::Enforce, FailurePolicy::Ignore) => ("enforce", FailurePolicy::Ignore, unasked()),
        _ => ("pods", FailurePolicy::Ignore, unasked()),
    };
    let twin = |name: &str, mode, objects, policy| {
        validate(options, &format!("{name}-minimum.draingate.dev"), selected(mode), objects, policy)
    };
    let mut validating = vec![
        twin(name, mode, Objects::Pods, policy),
        twin("templates", unasked(), Objects::Templates, FailurePolicy::Ignore),
    ];
    if minimum.mode == Mode::Enforce {
        validating.push(twin("changes", not_in(&[Mode::Enforce]), Objects::ChangesWithin, FailurePolicy::Ignore));
    }
    (mutating, validating)
}

fn mutate(options: &Options, name: &str, namespaces: LabelSelector) -> MutatingWebhook {
    MutatingWebhook {
        name: name.into(),
        admission_review_versions: vec!["v1".into()],
        client_config: client_config(options, "/mutate"),
        failure_policy: Some(FailurePolicy::Ignore.as_str().into()),
        match_conditions: Objects::Pods.conditions(FailurePolicy::Ignore),
        match_policy: Some("Equivalent".into()),
        namespace_selector: Some(namespaces),
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
    namespaces: LabelSelector,
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
        namespace_selector: Some(namespaces),
        object_selector: None,
        rules: Some(objects.rules()),
        side_effects: if objects.are_changes() { "None" } else { "NoneOnDryRun" }.into(),
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
    let excluded = options.excluded_namespaces.iter().map(String::as_str);
    let never: Vec<_> = ["kube-system", &options.own_namespace].into_iter().chain(excluded).collect();
    mode.push(requirement("kubernetes.io/metadata.name", "NotIn", &never));
    mode.extend(options.namespaces.match_labels.iter().map(|(key, value)| requirement(key, "In", &[value])));
    mode.extend(expressions(&options.namespaces));
    LabelSelector { match_expressions: Some(mode), match_labels: None }
}

/// Of those that are not to be held up.
fn with_break_glass(mode: Vec<LabelSelectorRequirement>) -> Vec<LabelSelectorRequirement> {
    mode.into_iter().chain([requirement(keys::BREAK_GLASS, "DoesNotExist", &[])]).collect()
}

fn expressions(selector: &draingate_core::selector::LabelSelector) -> impl Iterator<Item = LabelSelectorRequirement> {
    selector.match_expressions.iter().map(|r| {
        let operator = match r.operator {
            Operator::In => "In",
            Operator::NotIn => "NotIn",
            Operator::Exists => "Exists",
            Operator::DoesNotExist => "DoesNotExist",
        };
        requirement(&r.key, operator, &r.values.iter().map(String::as_str).collect::<Vec<_>>())
    })
}

/// The namespaces of the minimum mode with a label like this.
fn selected(options: &Options, minimum: &MinimumMode, mode: Vec<LabelSelectorRequirement>) -> LabelSelector {
    let expressions = expressions(&minimum.namespaces);
    let labels = Some(minimum.namespaces.match_labels.clone()).filter(|labels| !labels.is_empty());
    LabelSelector { match_labels: labels, ..namespaces(options, expressions.chain(mode).collect()) }
}

/// What a webhook is about.
#[derive(Clone, Copy)]
enum Objects {
    Pods,
    Templates,
    /// What judgements depend on: labels of namespaces, and policies.
    Changes,
    /// The same, where any label may bring a namespace under the minimum mode; without the cluster's own policies, whose
    /// change no selector bounds.
    ChangesWithin,
}

impl Objects {
    fn are_changes(self) -> bool {
        matches!(self, Objects::Changes | Objects::ChangesWithin)
    }

    fn rules(self) -> Vec<RuleWithOperations> {
        let rule = |group: &str, resources: &[&str], operations: &[&str]| RuleWithOperations {
            api_groups: Some(vec![group.into()]),
            api_versions: Some(vec![if group == crd::GROUP { crd::VERSION } else { "v1" }.into()]),
            operations: Some(operations.iter().map(|&operation| operation.into()).collect()),
            resources: Some(resources.iter().map(|&resource| resource.into()).collect()),
            scope: Some(if self.are_changes() { "*" } else { "Namespaced" }.into()),
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
            Objects::ChangesWithin => vec![
                rule("", &["namespaces"], &["UPDATE"]),
                rule(crd::GROUP, &["drainpolicies"], &["CREATE", "UPDATE", "DELETE"]),
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
            (Objects::ChangesWithin, _) => &[("label-changed", ANY_LABEL_CHANGED)],
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

const ANY_LABEL_CHANGED: &str = "request.kind.kind != 'Namespace' || \
    (has(object.metadata.labels) ? object.metadata.labels : {}) != \
    (has(oldObject.metadata.labels) ? oldObject.metadata.labels : {})";

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
            minimum_mode: None,
            excluded_namespaces: Vec::new(),
            namespaces: Default::default(),
            timeout_seconds: Options::TIMEOUT_SECONDS,
        }
    }

    /// Everywhere, or where `tier` is `prod`.
    fn minimum(mode: Mode, everywhere: bool) -> MinimumMode {
        let tier = || [("tier".to_owned(), "prod".to_owned())].into();
        let match_labels = if everywhere { Default::default() } else { tier() };
        let namespaces = draingate_core::selector::LabelSelector { match_labels, match_expressions: Vec::new() };
        MinimumMode { mode, namespaces }
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

    /// The webhooks that ask about a namespace with this label, of those that are there.
    fn asked<'c>(
        webhooks: impl Iterator<Item = (&'c str, &'c Option<LabelSelector>)>,
        mode: Option<&str>,
        is_prod: bool,
    ) -> Vec<&'c str> {
        let selects = |selector: &LabelSelector| {
            let expressions = selector.match_expressions.iter().flatten().filter(|r| r.key == keys::MODE);
            let mut fits = expressions.map(|r| {
                let listed = mode.is_some_and(|m| r.values.iter().flatten().any(|v| v == m));
                match r.operator.as_str() {
                    "In" => listed,
                    "NotIn" => !listed,
                    _ => mode.is_some(),
                }
            });
            fits.all(|fits| fits) && (is_prod || selector.match_labels.is_none())
        };
        webhooks.filter(|(_, selector)| selects(selector.as_ref().unwrap())).map(|(name, _)| name).collect()
    }

    fn validating(
        configuration: &ValidatingWebhookConfiguration,
    ) -> impl Iterator<Item = (&str, &Option<LabelSelector>)> {
        configuration.webhooks.iter().flatten().map(|w| (w.name.as_str(), &w.namespace_selector))
    }

    #[test]
    fn a_pod_is_asked_about_once_for_each_pass() {
        let (_, as_labelled) = configurations(&options(FailurePolicy::Ignore));
        let (_, by_default) = configurations(&Options { default_mode: Mode::Audit, ..options(FailurePolicy::Ignore) });
        let told = ["pods.draingate.dev", "templates.draingate.dev"];
        for (configuration, unlabelled) in [(&as_labelled, [""; 0].as_slice()), (&by_default, told.as_slice())] {
            let asked = |mode| asked(validating(configuration), mode, true);
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

    /// Where the minimum is `enforce`, each pod of its namespaces is asked about; once, but for what Fail needs.
    #[test]
    fn a_minimum_mode_is_asked_about_whatever_the_label_says() {
        let all = |minimum_mode, policy, default_mode| {
            configurations(&Options { minimum_mode: Some(minimum_mode), default_mode, ..options(policy) })
        };
        for default in Mode::DEFAULTS {
            let (mutating, validates) = all(minimum(Mode::Enforce, false), FailurePolicy::Ignore, default);
            let mutated = |mode, is_prod| {
                let webhooks = mutating.webhooks.iter().flatten().map(|w| (w.name.as_str(), &w.namespace_selector));
                asked(webhooks, mode, is_prod).len()
            };
            let pods = |mode, is_prod| {
                let asked = asked(validating(&validates), mode, is_prod);
                asked.into_iter().filter(|name| name.starts_with("pods") || name.starts_with("enforce")).count()
            };
            for mode in [None, Some("off"), Some("audit"), Some("warn"), Some("inject"), Some("enforce")] {
                assert_eq!((mutated(mode, true), pods(mode, true)), (1, 1), "{mode:?}, default {default}");
                let injects = usize::from(matches!(mode, Some("inject" | "enforce")));
                let asks = usize::from(mode.map_or(default > Mode::Off, |mode| mode != "off"));
                assert_eq!((mutated(mode, false), pods(mode, false)), (injects, asks), "{mode:?}, default {default}");
            }
        }
        let (_, validates) = all(minimum(Mode::Enforce, true), FailurePolicy::Fail, Mode::Off);
        let fail = validates.webhooks.iter().flatten().filter(|w| w.failure_policy.as_deref() == Some("Fail"));
        let fail: Vec<_> = fail.map(|w| (w.name.as_str(), &w.namespace_selector)).collect();
        for mode in [None, Some("off"), Some("audit"), Some("warn"), Some("inject"), Some("enforce"), Some("unknown")] {
            assert_eq!(asked(fail.iter().copied(), mode, false).len(), 1, "{mode:?}");
        }
        // A minimum that rejects nothing asks under no name that may fail.
        let (mutating, validates) = all(minimum(Mode::Warn, true), FailurePolicy::Fail, Mode::Off);
        assert_eq!(mutating.webhooks.iter().flatten().count(), 1);
        assert_eq!(
            asked(validating(&validates), None, true),
            ["pods-minimum.draingate.dev", "templates-minimum.draingate.dev"]
        );
    }
}
