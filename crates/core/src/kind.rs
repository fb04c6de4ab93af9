//! The kinds of objects that carry a pod, and where in them it is.

use std::fmt;

use serde_json::Value;

/// The kinds that carry a pod. The webhook knows the built-in ones; files hold others, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A pod itself.
    Pod,
    /// core/v1
    ReplicationController,
    /// core/v1
    PodTemplate,
    /// apps/v1
    ReplicaSet,
    /// apps/v1
    Deployment,
    /// apps/v1
    StatefulSet,
    /// apps/v1
    DaemonSet,
    /// batch/v1
    Job,
    /// batch/v1
    CronJob,
    /// A custom resource with a pod template at `spec.template`. Its name is the subject's to say.
    Custom(Maker),
}

/// Who makes the pods of a custom resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Maker {
    /// A controller of Kubernetes' own: the resource's makes a workload of a built-in kind.
    BuiltIn,
    /// The resource's own controller, which may compare its pods with its wish.
    Own,
    /// Knative, by a Deployment. It has its own word for the grace, refuses lifecycle hooks, and gives each container one
    /// that waits until its queue-proxy has drained (`/wait-for-drain`).
    Knative,
}

impl Maker {
    /// The custom resources whose pods are not made by their own controllers: group, and kind where it is not all of them.
    const KNOWN: [(&str, Option<&str>, Maker); 6] = [
        // By ReplicaSets, as a Deployment.
        ("argoproj.io", Some("Rollout"), Maker::BuiltIn),
        // By ReplicationControllers.
        ("apps.openshift.io", Some("DeploymentConfig"), Maker::BuiltIn),
        ("", Some("DeploymentConfig"), Maker::BuiltIn),
        // By a StatefulSet.
        ("kubeflow.org", Some("Notebook"), Maker::BuiltIn),
        // Where apps/v1 comes from; API servers before 1.16 take it.
        ("extensions", None, Maker::BuiltIn),
        ("serving.knative.dev", None, Maker::Knative),
    ];

    fn of(group: &str, kind: &str) -> Maker {
        let known = |known: &&(&str, Option<&str>, Maker)| known.0 == group && known.1.is_none_or(|name| name == kind);
        Maker::KNOWN.iter().find(known).map_or(Maker::Own, |known| known.2)
    }
}

impl Kind {
    /// Every built-in kind.
    pub const ALL: [Kind; 9] = [
        Kind::Pod,
        Kind::ReplicationController,
        Kind::PodTemplate,
        Kind::ReplicaSet,
        Kind::Deployment,
        Kind::StatefulSet,
        Kind::DaemonSet,
        Kind::Job,
        Kind::CronJob,
    ];

    /// The kind with this API group and name, if it carries a pod.
    pub fn of(group: &str, kind: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|k| k.as_str() == kind && k.group() == group)
    }

    /// The kind of an object with this `apiVersion` and `kind`, if it carries a pod.
    pub fn of_object(api_version: &str, kind: &str) -> Option<Kind> {
        Kind::of(group_of(api_version), kind)
    }

    /// The kind of an object as given, if it carries a pod: a built-in one, or any with a pod template at `spec.template`.
    pub fn of_value(object: &Value) -> Option<Kind> {
        let text = |key| object.get(key).and_then(Value::as_str).unwrap_or_default();
        let (api_version, kind) = (text("apiVersion"), text("kind"));
        Kind::of_object(api_version, kind).or_else(|| {
            let has_template = object.pointer("/spec/template/spec/containers").is_some_and(Value::is_array);
            let is_object = !api_version.is_empty() && !kind.is_empty();
            (is_object && has_template).then(|| Kind::Custom(Maker::of(group_of(api_version), kind)))
        })
    }

    /// The kind's name; of a custom resource only that it is one.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Pod => "Pod",
            Kind::ReplicationController => "ReplicationController",
            Kind::PodTemplate => "PodTemplate",
            Kind::ReplicaSet => "ReplicaSet",
            Kind::Deployment => "Deployment",
            Kind::StatefulSet => "StatefulSet",
            Kind::DaemonSet => "DaemonSet",
            Kind::Job => "Job",
            Kind::CronJob => "CronJob",
            Kind::Custom(_) => "custom resource",
        }
    }

    /// The kind's API group; empty for core, and for a custom resource.
    pub fn group(self) -> &'static str {
        match self {
            Kind::Pod | Kind::ReplicationController | Kind::PodTemplate | Kind::Custom(_) => "",
            Kind::Job | Kind::CronJob => "batch",
            _ => "apps",
        }
    }

    /// JSON pointer from the object to its pod: the part that has `metadata` and `spec`.
    pub fn pod_pointer(self) -> &'static str {
        match self {
            Kind::Pod => "",
            Kind::PodTemplate => "/template",
            Kind::CronJob => "/spec/jobTemplate/spec/template",
            _ => "/spec/template",
        }
    }

    /// The same as a field path, as people write it in YAML: `spec.template.`; empty for a pod.
    pub fn pod_path(self) -> &'static str {
        match self {
            Kind::Pod => "",
            Kind::PodTemplate => "template.",
            Kind::CronJob => "spec.jobTemplate.spec.template.",
            _ => "spec.template.",
        }
    }

    /// The field of its pod's spec that gives the grace.
    pub fn grace_field(self) -> &'static str {
        match self {
            Kind::Custom(Maker::Knative) => "timeoutSeconds",
            _ => "terminationGracePeriodSeconds",
        }
    }

    /// What its absence means, in seconds.
    pub fn default_grace(self) -> u64 {
        match self {
            Kind::Custom(Maker::Knative) => 300,
            _ => 30,
        }
    }

    /// Whether Knative makes its pods.
    pub fn is_knative(self) -> bool {
        self == Kind::Custom(Maker::Knative)
    }

    /// Whether its pods run to an end and are therefore never judged.
    pub fn runs_to_completion(self) -> bool {
        matches!(self, Kind::Job | Kind::CronJob)
    }
}

fn group_of(api_version: &str) -> &str {
    api_version.rsplit_once('/').map_or("", |(group, _)| group)
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
