//! DrainPolicy and ClusterDrainPolicy: what a policy says, and which of several applies.
//!
//! The types here are the CRDs' schema, the reader of policy files and the reader of the cluster's
//! objects, so that "accepted" means "understood".

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::MAX_SECONDS;
use super::finding::{Code, Severity};
use super::measured::Measured;
use super::selector::LabelSelector;
use super::servers::{Sigterm, Work};
use super::text::sentence;

/// The API group and version of both kinds.
pub const API_VERSION: &str = "draingate.dev/v1alpha1";

/// The spec of a DrainPolicy, and of a ClusterDrainPolicy with the last two fields in addition.
///
/// Every field is optional; what it leaves out, the layer below decides.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicySpec {
    /// Pods that the policy covers, by their labels; all when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
    /// A way to write endpointPropagationSeconds by what routes to the pods: cluster-ip 5, headless 30,
    /// ingress 10, alb 20, gclb 40, nlb 130. An explicit endpointPropagationSeconds beside it wins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// The four times of the grace-budget inequality.
    #[serde(default)]
    pub budget: BudgetSpec,
    /// The preStop hook that an app without one gets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hook: Option<HookSpec>,
    /// What may be done to terminationGracePeriodSeconds.
    #[serde(default)]
    pub grace_period: GracePeriodSpec,
    /// Containers that apps need until they are done (a connection pooler, a log shipper, a proxy).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub helpers: Vec<HelperSpec>,
    /// What the built-in table of servers does not know, or has wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub servers: Vec<ServerSpec>,
    /// What the apps do to running requests at SIGTERM. Drains: they may finish. Cuts: they are ended, so that a hook
    /// has to last until they are done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sigterm: Option<Sigterm>,
    /// Which pods owe a hold. Serving: an app declares a port or a readiness probe, or a Service selects
    /// the pod. ServiceBacked: a Service selects the pod. All: every pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applies_to: Option<AppliesTo>,
    /// Whose pods are injected and rejected. BuiltIn: those of ReplicaSets, StatefulSets, DaemonSets and
    /// ReplicationControllers, and bare pods. Any: those of every controller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub controllers: Option<Controllers>,
    /// Severity by finding code: "Error", "Warning" or "Off" (quote "Off": a bare one is a YAML boolean).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rules: BTreeMap<Code, Severity>,
    /// Namespaces that the policy covers, by their labels; all when absent. ClusterDrainPolicy only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<LabelSelector>,
    /// Settings that later layers may only make stricter. ClusterDrainPolicy only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub locked: Vec<Lock>,
}

/// The four times of the inequality, in whole seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BudgetSpec {
    /// E: from the deletion until the last data plane has stopped sending new work.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 2_592_000))]
    pub endpoint_propagation_seconds: Option<u64>,
    /// D: an extra settling wait after that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 2_592_000))]
    pub drain_delay_seconds: Option<u64>,
    /// R: the longest that work accepted at the last moment may still take.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 2_592_000))]
    pub worst_case_request_seconds: Option<u64>,
    /// M: slack for jitter.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 2_592_000))]
    pub safety_margin_seconds: Option<u64>,
}

/// What may be done to a pod's grace period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GracePeriodSpec {
    /// Raise: up to what the pod needs. Never: left as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adjust: Option<Adjust>,
    /// The ceiling of what is raised, in seconds. A DrainPolicy can only lower it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 2_592_000))]
    pub max_seconds: Option<u64>,
    /// The grace that the nodes really grant, in seconds (Spot: 15).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 2_592_000))]
    pub node_limit_seconds: Option<u64>,
}

/// A container that is, or is not, a helper.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HelperSpec {
    /// Container name; may hold a `*` at either end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Image, without tag and digest; may hold a `*` at either end. Without a slash, the last part of its path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// S: seconds from SIGTERM to exit; 2 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 2_592_000))]
    pub stop_seconds: Option<u64>,
    /// App takes a container out of the helpers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<HelperRole>,
}

/// What a container's server does after SIGTERM. What is left out, the built-in table says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServerSpec {
    /// Container name; may hold a `*` at either end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Image, without tag and digest; may hold a `*` at either end. Without a slash, the last part of its path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// How long it still takes new work after SIGTERM, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 2_592_000))]
    pub accept_seconds: Option<u64>,
    /// How long it lets work finish once it takes no more, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 2_592_000))]
    pub finish_seconds: Option<u64>,
    /// How work comes to it. Sent: somebody sends it, a Service or an ingress. Fetched: it fetches its work. Peer: it is
    /// found by its own kind, not by a Service. OneWriter: two side by side would lose data; where there is one replica.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work: Option<Work>,
    /// What it does to running requests at SIGTERM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sigterm: Option<Sigterm>,
}

/// Which containers an entry of a policy is about; either may hold a `*` at either end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern<'a> {
    /// Those of this name.
    Name(&'a str),
    /// Those of this image, without tag and digest; without a slash, by the last part of its path.
    Image(&'a str),
}

impl HelperSpec {
    /// Which containers it is about; `None` unless it says so in one way.
    pub fn means(&self) -> Option<Pattern<'_>> {
        one_of(&self.name, &self.image)
    }
}

impl ServerSpec {
    /// Which containers it is about; `None` unless it says so in one way.
    pub fn means(&self) -> Option<Pattern<'_>> {
        one_of(&self.name, &self.image)
    }
}

fn one_of<'a>(name: &'a Option<String>, image: &'a Option<String>) -> Option<Pattern<'a>> {
    match (name, image) {
        (Some(name), None) => Some(Pattern::Name(name)),
        (None, Some(image)) => Some(Pattern::Image(image)),
        _ => None,
    }
}

/// The role that an entry of `helpers` gives a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum HelperRole {
    /// Apps need it until they are done.
    #[default]
    Helper,
    /// It serves or does the pod's work.
    App,
    /// It is sent no work, and no app needs it while it stops.
    Auxiliary,
}

/// The hook as written; [`HookSpec::read`] makes it a [`Hook`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HookSpec {
    /// Sleep: the native sleep of E + D. HTTPGet, Exec: the member of that name, which lasts `seconds`.
    /// None: the app waits by itself.
    #[serde(rename = "type")]
    pub kind: HookType,
    /// For HTTPGet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_get: Option<HttpGetSpec>,
    /// For Exec.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exec: Option<ExecSpec>,
    /// How long an HTTPGet or Exec hook takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 2_592_000))]
    pub seconds: Option<u64>,
}

/// The kind of hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum HookType {
    /// Native sleep.
    Sleep,
    /// HTTP request to the pod.
    HTTPGet,
    /// Command in the container.
    Exec,
    /// No hook.
    None,
}

/// An HTTP request to the pod.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpGetSpec {
    /// Path on the pod.
    #[schemars(length(min = 1, max = 1024))]
    pub path: String,
    /// Port of the container, by number.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
}

/// A command in the container.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExecSpec {
    /// Program and arguments.
    #[schemars(length(min = 1, max = 64), inner(length(max = 4096)))]
    pub command: Vec<String>,
}

/// The hook that an app without one gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hook {
    /// The native sleep of H.
    Sleep,
    /// An HTTP request that takes this many seconds.
    HttpGet(HttpGetSpec, u64),
    /// A command that takes this many seconds.
    Exec(ExecSpec, u64),
    /// None: the app waits by itself.
    None,
}

impl HookSpec {
    /// The hook, if exactly the members that `type` names are there.
    ///
    /// # Errors
    /// A sentence that names the member.
    pub fn read(self) -> Result<Hook, String> {
        match (self.kind, self.http_get, self.exec, self.seconds) {
            (HookType::Sleep, None, None, None) => Ok(Hook::Sleep),
            (HookType::None, None, None, None) => Ok(Hook::None),
            (HookType::HTTPGet, Some(http_get), None, Some(seconds)) => Ok(Hook::HttpGet(http_get, seconds)),
            (HookType::Exec, None, Some(exec), Some(seconds)) => Ok(Hook::Exec(exec, seconds)),
            (HookType::Sleep, ..) => Err("spec.hook: type Sleep takes no other member".into()),
            (HookType::None, ..) => Err("spec.hook: type None takes no other member".into()),
            (HookType::HTTPGet, ..) => Err("spec.hook: type HTTPGet takes exactly httpGet and seconds".into()),
            (HookType::Exec, ..) => Err("spec.hook: type Exec takes exactly exec and seconds".into()),
        }
    }
}

/// Whether a pod's grace period is raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Adjust {
    /// Up to what the pod needs.
    Raise,
    /// Left as it is.
    Never,
}

/// Which pods owe a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum AppliesTo {
    /// An app declares a port or a readiness probe, or a known Service selects the pod.
    Serving,
    /// A known Service selects the pod.
    ServiceBacked,
    /// Every pod.
    All,
}

/// Whose pods are injected and rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Controllers {
    /// Pods of Kubernetes' own workload controllers, and bare pods.
    BuiltIn,
    /// Pods of every controller.
    Any,
}

/// A way to write E by what routes to the pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// kube-proxy only: 5 s.
    ClusterIp,
    /// An ingress controller in the cluster: 10 s.
    Ingress,
    /// No cluster IP: clients ask DNS, and keep what it said for a while: 30 s.
    Headless,
    /// AWS Application Load Balancer: 20 s.
    Alb,
    /// Google Cloud load balancer with NEGs: 40 s.
    Gclb,
    /// AWS Network Load Balancer: 130 s.
    Nlb,
}

impl Profile {
    /// Every profile.
    pub const ALL: [Profile; 6] =
        [Profile::ClusterIp, Profile::Headless, Profile::Ingress, Profile::Alb, Profile::Gclb, Profile::Nlb];

    /// The name in labels and policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Profile::ClusterIp => "cluster-ip",
            Profile::Headless => "headless",
            Profile::Ingress => "ingress",
            Profile::Alb => "alb",
            Profile::Gclb => "gclb",
            Profile::Nlb => "nlb",
        }
    }

    /// E, in seconds.
    pub fn endpoint_propagation_seconds(self) -> u64 {
        match self {
            Profile::ClusterIp => 5,
            Profile::Headless => 30,
            Profile::Ingress => 10,
            Profile::Alb => 20,
            Profile::Gclb => 40,
            Profile::Nlb => 130,
        }
    }

    /// The profile of this name.
    pub fn named(name: &str) -> Option<Profile> {
        Profile::ALL.into_iter().find(|profile| profile.as_str() == name)
    }
}

/// What a ClusterDrainPolicy may lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum Lock {
    /// E: larger is stricter.
    EndpointPropagation,
    /// D: larger is stricter.
    DrainDelay,
    /// R, also per container: larger is stricter.
    WorstCaseRequest,
    /// M: larger is stricter.
    SafetyMargin,
    /// The ceiling: lower is stricter.
    MaxSeconds,
    /// The nodes' limit: lower is stricter.
    NodeLimit,
    /// No change allowed.
    Sigterm,
    /// No change allowed.
    Adjust,
    /// No change allowed.
    Hook,
    /// No change allowed.
    AppliesTo,
    /// No change allowed.
    Controllers,
    /// The skip annotation is ignored.
    Skip,
    /// A finding's severity: Error is stricter than Warning, Warning than Off.
    Rule(Code),
}

impl Lock {
    const SETTINGS: [(&'static str, Lock); 12] = [
        ("endpointPropagationSeconds", Lock::EndpointPropagation),
        ("drainDelaySeconds", Lock::DrainDelay),
        ("worstCaseRequestSeconds", Lock::WorstCaseRequest),
        ("safetyMarginSeconds", Lock::SafetyMargin),
        ("maxSeconds", Lock::MaxSeconds),
        ("nodeLimitSeconds", Lock::NodeLimit),
        ("adjust", Lock::Adjust),
        ("hook", Lock::Hook),
        ("sigterm", Lock::Sigterm),
        ("appliesTo", Lock::AppliesTo),
        ("controllers", Lock::Controllers),
        ("skip", Lock::Skip),
    ];

    /// Every name that `locked` may hold.
    pub fn names() -> impl Iterator<Item = String> {
        let rules = Code::ALL.into_iter().map(|code| format!("rules.{code}"));
        Lock::SETTINGS.into_iter().map(|(name, _)| name.to_owned()).chain(rules)
    }
}

impl TryFrom<String> for Lock {
    type Error = String;
    fn try_from(name: String) -> Result<Lock, String> {
        let setting = Lock::SETTINGS.into_iter().find(|(n, _)| *n == name).map(|(_, lock)| lock);
        let rule = || {
            let code = name.strip_prefix("rules.")?;
            Code::ALL.into_iter().find(|c| c.as_str() == code).map(Lock::Rule)
        };
        setting.or_else(rule).ok_or_else(|| format!("spec.locked: {name:?} cannot be locked"))
    }
}

impl From<Lock> for String {
    fn from(lock: Lock) -> String {
        lock.to_string()
    }
}

impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lock::Rule(code) => write!(f, "rules.{code}"),
            lock => f.write_str(Lock::SETTINGS.iter().find(|(_, l)| l == lock).map_or("", |(name, _)| name)),
        }
    }
}

impl JsonSchema for Lock {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Lock".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "enum": Lock::names().collect::<Vec<_>>()})
    }
}

/// The two kinds of policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyKind {
    /// Cluster-scoped, below everything that a namespace says.
    ClusterDrainPolicy,
    /// In a namespace.
    DrainPolicy,
}

impl PolicyKind {
    /// The kind's name.
    pub fn as_str(self) -> &'static str {
        match self {
            PolicyKind::ClusterDrainPolicy => "ClusterDrainPolicy",
            PolicyKind::DrainPolicy => "DrainPolicy",
        }
    }
}

/// A policy that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Which of the two kinds.
    pub kind: PolicyKind,
    /// What it is called in messages: `DrainPolicy shop/default`.
    pub title: String,
    /// Its name.
    pub name: String,
    /// RFC 3339 in UTC, so that the text sorts by time; `None` in a file.
    pub created: Option<String>,
    /// What it says.
    pub spec: PolicySpec,
    /// `spec.hook`, read.
    pub hook: Option<Hook>,
    /// How its E was measured, where that is known.
    pub measured: Option<Measured>,
}

/// A policy that could not be read. It matches nothing, and is reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadablePolicy {
    /// What it is called in messages.
    pub title: String,
    /// Its name.
    pub name: String,
    /// Why.
    pub problem: String,
}

impl Policy {
    /// Reads a policy's `spec`.
    ///
    /// # Errors
    /// The policy and why it cannot be read. It never takes another policy with it.
    pub fn read(
        kind: PolicyKind,
        namespace: &str,
        name: &str,
        created: Option<String>,
        spec: &Value,
    ) -> Result<Policy, UnreadablePolicy> {
        let title = match kind {
            PolicyKind::DrainPolicy => format!("DrainPolicy {namespace}/{name}"),
            PolicyKind::ClusterDrainPolicy => format!("ClusterDrainPolicy {name}"),
        };
        let spec = match spec {
            Value::Null => Ok(PolicySpec::default()),
            spec => serde_path_to_error::deserialize::<_, PolicySpec>(spec)
                .map_err(|e| sentence(&format!("spec.{}: {}", e.path(), e.inner()))),
        };
        let read = spec.and_then(|mut spec| {
            check(kind, &spec)?;
            let hook = spec.hook.take().map(HookSpec::read).transpose()?;
            Ok((spec, hook))
        });
        match read {
            Ok((spec, hook)) => Ok(Policy { kind, title, name: name.to_owned(), created, spec, hook, measured: None }),
            Err(problem) => Err(UnreadablePolicy { title, name: name.to_owned(), problem }),
        }
    }

    /// The same with what its annotations say of its E, as far as that is still the one that was measured.
    #[must_use]
    pub fn with_annotations(mut self, annotations: Option<&Value>) -> Policy {
        let stated = self.spec.budget.endpoint_propagation_seconds;
        let measured = Measured::of_annotations(annotations);
        self.measured = measured.filter(|measured| stated == Some(measured.endpoint_propagation_seconds));
        self
    }

    /// Policies that come first win: a selector beats none, then the oldest, then the name.
    pub fn precedence(&self) -> impl Ord {
        let unselective = self.selectors().all(LabelSelector::is_empty);
        (unselective, self.created.as_deref().unwrap_or_default(), self.name.as_str())
    }

    fn selectors(&self) -> impl Iterator<Item = &LabelSelector> {
        self.spec.selector.iter().chain(&self.spec.namespace_selector)
    }

    /// Whether it covers a pod with these labels in a namespace with those.
    pub fn covers<'l>(
        &self,
        pod_label: impl Fn(&str) -> Option<&'l str>,
        namespace_label: impl Fn(&str) -> Option<&'l str>,
    ) -> bool {
        self.spec.namespace_selector.as_ref().is_none_or(|s| s.matches(namespace_label))
            && self.spec.selector.as_ref().is_none_or(|s| s.matches(pod_label))
    }
}

/// The bounds that the types do not hold.
fn check(kind: PolicyKind, spec: &PolicySpec) -> Result<(), String> {
    if kind == PolicyKind::DrainPolicy && (spec.namespace_selector.is_some() || !spec.locked.is_empty()) {
        return Err("spec: namespaceSelector and locked belong to a ClusterDrainPolicy".into());
    }
    for (field, selector) in [("selector", &spec.selector), ("namespaceSelector", &spec.namespace_selector)] {
        if let Some(problem) = selector.as_ref().and_then(LabelSelector::problem) {
            return Err(format!("spec.{field}.{problem}"));
        }
    }
    let BudgetSpec {
        endpoint_propagation_seconds,
        drain_delay_seconds,
        worst_case_request_seconds,
        safety_margin_seconds,
    } = spec.budget;
    let numbers = [
        ("budget.endpointPropagationSeconds", endpoint_propagation_seconds),
        ("budget.drainDelaySeconds", drain_delay_seconds),
        ("budget.worstCaseRequestSeconds", worst_case_request_seconds),
        ("budget.safetyMarginSeconds", safety_margin_seconds),
        ("gracePeriod.maxSeconds", spec.grace_period.max_seconds),
        ("gracePeriod.nodeLimitSeconds", spec.grace_period.node_limit_seconds),
        ("hook.seconds", spec.hook.as_ref().and_then(|hook| hook.seconds)),
    ];
    let stops = spec.helpers.iter().map(|helper| ("helpers.stopSeconds", helper.stop_seconds));
    let accepts = spec.servers.iter().map(|server| ("servers.acceptSeconds", server.accept_seconds));
    let finishes = spec.servers.iter().map(|server| ("servers.finishSeconds", server.finish_seconds));
    for (field, seconds) in numbers.into_iter().chain(stops).chain(accepts).chain(finishes) {
        if let Some(seconds) = seconds.filter(|s| *s > MAX_SECONDS) {
            return Err(format!("spec.{field}: {seconds} is more than {MAX_SECONDS}"));
        }
    }
    let helpers = spec.helpers.iter().map(|helper| ("helpers", helper.means()));
    let servers = spec.servers.iter().map(|server| ("servers", server.means()));
    for (field, means) in helpers.chain(servers) {
        match means {
            None => return Err(format!("spec.{field}: an entry has a name or an image, one of them")),
            Some(Pattern::Name("*")) if field == "helpers" => {}
            Some(Pattern::Name(text) | Pattern::Image(text)) if is_pattern(text) => {}
            Some(Pattern::Name(text) | Pattern::Image(text)) => {
                return Err(format!("spec.{field}: {text:?} is no pattern: a * stands at either end or nowhere"));
            }
        }
    }
    if spec.hook.as_ref().and_then(|h| h.exec.as_ref()).is_some_and(|exec| exec.command.is_empty()) {
        return Err("spec.hook.exec.command: is empty".into());
    }
    Ok(())
}

/// Whether `text` names something, with a `*` at either end or nowhere.
fn is_pattern(text: &str) -> bool {
    let inside = text.strip_prefix('*').unwrap_or(text);
    let inside = inside.strip_suffix('*').unwrap_or(inside);
    !inside.is_empty() && !inside.contains('*')
}
