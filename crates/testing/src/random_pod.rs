//! Random pods whose numbers are known from how they were made: first a model, then its JSON, annotations and
//! policies.
//!
//! [`random_pod`] is the strategy; [`RandomPod::json`] and [`RandomPod::world`] render it; the other methods say what
//! a reader of the two must find, in the simulator's terms.

use std::collections::BTreeMap;
use std::fmt;

use draingate_core::policy::{Policy, PolicyKind};
use draingate_core::world::{SleepSupport, World};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::kubelet;

/// Where every random pod lives.
pub const NAMESPACE: &str = "shop";
/// The longest setting and grace that are drawn.
const DAY: u64 = 86_400;
/// The longest setting or hook that is believed.
const LONGEST: u64 = 30 * DAY;
/// The record of what was injected.
pub const RECORD: &str = "draingate.dev/injected";

/// Container names that mean a helper where nobody says otherwise, with S.
const KNOWN: [(&str, u64); 12] = [
    ("pgbouncer", 2),
    ("istio-proxy", 5),
    ("fluent-bit", 5),
    ("vector", 60),
    ("otel-collector-gateway", 5),
    ("envoy", 2),
    ("daprd", 5),
    ("cloud-sql-proxy", 2),
    ("linkerd-proxy", 2),
    ("otel-collector", 5),
    ("fluentd", 5),
    ("filebeat", 2),
];

/// A number in an annotation.
#[derive(Clone, Debug, PartialEq)]
pub enum Written {
    Absent,
    Seconds(u64),
    /// Not a number of seconds: counts as absent.
    Bad(&'static str),
}

impl Written {
    pub fn seconds(&self) -> Option<u64> {
        if let Written::Seconds(seconds) = self { Some(*seconds) } else { None }
    }

    fn text(&self) -> Option<String> {
        match self {
            Written::Absent => None,
            Written::Seconds(seconds) => Some(seconds.to_string()),
            Written::Bad(text) => Some((*text).to_owned()),
        }
    }
}

/// What a policy layer says about E.
#[derive(Clone, Debug)]
pub struct Propagation {
    pub profile: Option<(&'static str, u64)>,
    pub explicit: Option<u64>,
}

impl Propagation {
    fn seconds(&self) -> Option<u64> {
        self.explicit.or(self.profile.map(|(_, seconds)| seconds))
    }
}

/// The hook that a policy gives.
#[derive(Clone, Debug, PartialEq)]
pub enum PolicyHook {
    Sleep,
    HttpGet(u64),
    Exec(u64),
    None,
}

impl PolicyHook {
    /// What is written into a container; none for a sleep, whose length the pod decides, and for no hook.
    pub fn handler(&self) -> Option<Value> {
        match self {
            PolicyHook::Sleep | PolicyHook::None => None,
            PolicyHook::HttpGet(_) => Some(json!({"httpGet": {"path": "/drain", "port": 8099}})),
            PolicyHook::Exec(_) => Some(json!({"exec": {"command": ["/bin/drain", "--all"]}})),
        }
    }

    fn spec(&self) -> Value {
        match (self, self.handler()) {
            (PolicyHook::HttpGet(seconds), Some(handler)) => {
                json!({"type": "HTTPGet", "httpGet": handler["httpGet"], "seconds": seconds})
            }
            (PolicyHook::Exec(seconds), Some(handler)) => {
                json!({"type": "Exec", "exec": handler["exec"], "seconds": seconds})
            }
            (PolicyHook::None, _) => json!({"type": "None"}),
            _ => json!({"type": "Sleep"}),
        }
    }
}

/// An entry of `helpers`.
#[derive(Clone, Debug)]
pub struct Entry {
    pub is_app: bool,
    pub stop: Option<u64>,
}

/// One entry for each layer that can have it: ClusterDrainPolicy, DrainPolicy, annotation. The last one wins.
type Entries = [Option<Entry>; 3];

/// One policy layer.
#[derive(Clone, Debug)]
pub struct PolicyLayer {
    pub propagation: Propagation,
    /// D, R, M
    pub others: [Option<u64>; 3],
    pub hook: Option<PolicyHook>,
    pub never_raise: Option<bool>,
    pub ceiling: Option<u64>,
    pub applies_to: Option<&'static str>,
    /// A selector that covers the pod, instead of none.
    pub selects: bool,
}

/// What the pod's own annotations say, but for those that name a container.
#[derive(Clone, Debug)]
pub struct Annotations {
    /// E, D, R, M
    pub times: [Written; 4],
    pub waits_by_itself: bool,
}

/// A preStop hook that somebody wrote.
#[derive(Clone, Debug)]
pub enum Hook {
    None,
    Sleep(u64),
    /// Plainly a sleep of so many seconds; without a number, one that has no believable end.
    ExecSleep(Vec<String>, Option<u64>),
    Unknown(Value),
}

/// What is in `lifecycle` beside the hook.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Lifecycle {
    Absent,
    Null,
    Empty,
    NullHook,
    PostStart,
}

/// What a container's name is made of; its place makes it unique.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Naming {
    Plain,
    Known,
    /// One that `aux-*` and `au*` fit.
    Aux,
}

/// What a regular container is to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    App,
    Helper,
    Sidecar,
}

#[derive(Clone, Debug)]
pub struct Container {
    pub naming: Naming,
    pub name: String,
    /// Of an init container: `restartPolicy: Always`.
    pub native: bool,
    pub hook: Hook,
    pub declared: Written,
    pub request: Written,
    pub entries: Entries,
    pub lifecycle: Lifecycle,
    pub port: bool,
    pub readiness: bool,
    pub liveness: bool,
}

/// The whole model.
#[derive(Clone)]
pub struct RandomPod {
    pub grace: Option<i64>,
    pub containers: Vec<Container>,
    pub inits: Vec<Container>,
    pub cluster: PolicyLayer,
    pub own: PolicyLayer,
    pub profile_label: Option<(&'static str, u64)>,
    pub annotations: Annotations,
    /// `aux-*`, `au*` and `*`.
    pub patterns: [Entries; 3],
    pub locked: Vec<&'static str>,
    pub service: bool,
    pub annotations_map: bool,
    /// Policies and Services that do not concern the pod.
    pub decoys: bool,
    pub sleep: SleepSupport,
    pub windows: bool,
    /// Something in fields that nobody knows.
    pub unknown: Option<Value>,
}

/// What the contract says of a pod after its plan.
#[derive(Clone, Debug)]
pub struct Expected {
    /// `required`; none where no grace is enough.
    pub required: Option<u64>,
    pub injects: bool,
    /// The pod as it will stand; none where a hook has no believable end.
    pub pod: Option<kubelet::Pod>,
}

/// As it is written down, so that a failing case reads like its manifests.
impl fmt::Debug for RandomPod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:#}", self.json())?;
        writeln!(f, "ClusterDrainPolicy {}", self.cluster_spec())?;
        writeln!(f, "DrainPolicy {}", self.own_spec())?;
        let Self { profile_label, service, decoys, sleep, .. } = self;
        write!(f, "profile {profile_label:?}, Service {service}, decoys {decoys}, sleep {sleep:?}")
    }
}

// What the model means.

impl RandomPod {
    /// E, D, R, M.
    pub fn times(&self) -> [u64; 4] {
        let (cluster, own, annotated) = (&self.cluster, &self.own, &self.annotations.times);
        let names =
            ["endpointPropagationSeconds", "drainDelaySeconds", "worstCaseRequestSeconds", "safetyMarginSeconds"];
        let label = self.profile_label.map(|(_, seconds)| seconds);
        let [d, r, m] = [0, 1, 2].map(|i| (cluster.others[i], None, own.others[i]));
        let layers = [(cluster.propagation.seconds(), label, own.propagation.seconds()), d, r, m];
        let built_in = [5, 5, 15, 5];
        [0, 1, 2, 3].map(|i| {
            let (cluster, label, own) = layers[i];
            let base = cluster.unwrap_or(built_in[i]);
            let mut later = [label, own, annotated[i].seconds()].into_iter().flatten();
            let bound = if self.locks(names[i]) { base } else { 0 };
            later.rfind(|seconds| *seconds >= bound).unwrap_or(base)
        })
    }

    fn locks(&self, name: &str) -> bool {
        self.locked.contains(&name)
    }

    /// A choice: the DrainPolicy's, unless it is locked, else the ClusterDrainPolicy's.
    fn choice<T: Clone>(&self, name: &str, of: impl Fn(&PolicyLayer) -> Option<T>) -> Option<T> {
        of(&self.own).filter(|_| !self.locks(name)).or_else(|| of(&self.cluster))
    }

    pub fn policy_hook(&self) -> PolicyHook {
        if self.annotations.waits_by_itself && !self.locks("hook") {
            return PolicyHook::None;
        }
        self.choice("hook", |layer| layer.hook.clone()).unwrap_or(PolicyHook::Sleep)
    }

    pub fn never_raise(&self) -> bool {
        self.choice("adjust", |layer| layer.never_raise).unwrap_or(false)
    }

    pub fn ceiling(&self) -> u64 {
        let cluster = self.cluster.ceiling.unwrap_or(600);
        self.own.ceiling.map_or(cluster, |own| own.min(cluster))
    }

    /// G as the kubelet counts it.
    pub fn grace_seconds(&self) -> u64 {
        grace_seconds(self.grace)
    }

    /// The entry for a name: an exact one, then the longer pattern; a known name is worth more than `*`.
    fn entry(&self, container: &Container) -> Option<Entry> {
        let last = |entries: &Entries| entries.iter().flatten().last().cloned();
        let [longer, shorter, any] = &self.patterns;
        let aux = container.naming == Naming::Aux;
        let known = container.naming == Naming::Known;
        let by_pattern = || last(longer).filter(|_| aux).or_else(|| last(shorter).filter(|_| aux));
        let known_entry = || known.then(|| Entry { is_app: false, stop: Some(known_stop(&container.name)) });
        last(&container.entries).or_else(by_pattern).or_else(known_entry).or_else(|| last(any))
    }

    fn named_helper(&self, container: &Container) -> bool {
        self.entry(container).is_some_and(|entry| !entry.is_app)
    }

    /// Regular containers, then native sidecars.
    pub fn stopping(&self) -> impl Iterator<Item = (&Container, Role)> {
        let all_helpers = self.containers.iter().all(|c| self.named_helper(c));
        let role = move |c: &Container| if self.named_helper(c) && !all_helpers { Role::Helper } else { Role::App };
        let regular = self.containers.iter().map(move |c| (c, role(c)));
        regular.chain(self.inits.iter().filter(|c| c.native).map(|c| (c, Role::Sidecar)))
    }

    /// Whether the pod owes a hold at all.
    pub fn serves(&self) -> bool {
        let mut apps = self.stopping().filter(|(_, role)| *role == Role::App);
        match self.choice("appliesTo", |layer| layer.applies_to).unwrap_or("Serving") {
            "All" => true,
            "ServiceBacked" => self.service,
            _ => self.service || apps.any(|(c, _)| c.port || c.readiness),
        }
    }

    /// H.
    pub fn hold(&self) -> u64 {
        let [e, d, ..] = self.times();
        if self.serves() { e + d } else { 0 }
    }

    /// h as written; none for one without a believable end.
    pub fn hook_seconds(&self, container: &Container) -> Option<u64> {
        match (&container.hook, container.declared.seconds()) {
            (Hook::None, _) => Some(0),
            (Hook::Sleep(seconds), _) => Some(*seconds).filter(|seconds| *seconds <= LONGEST),
            (_, Some(declared)) => Some(declared),
            (Hook::ExecSleep(_, seconds), None) => seconds.filter(|seconds| *seconds <= LONGEST),
            (Hook::Unknown(_), None) => Some(self.hold()),
        }
    }

    /// R of an app.
    pub fn request_seconds(&self, container: &Container) -> u64 {
        let [.., all, _] = self.times();
        let bound = if self.locks("worstCaseRequestSeconds") { self.cluster.others[1].unwrap_or(15) } else { 0 };
        container.request.seconds().filter(|seconds| *seconds >= bound).unwrap_or(all)
    }

    /// S of a helper or native sidecar.
    pub fn stop_seconds(&self, container: &Container) -> u64 {
        self.entry(container).and_then(|entry| entry.stop).unwrap_or(2)
    }

    /// The pod for the simulator, each container with the hook that `hook` gives it.
    fn play(&self, grace: u64, hook: impl Fn(&Container, Role) -> Option<u64>) -> Option<kubelet::Pod> {
        let [.., margin] = self.times();
        let waits_by_itself = self.policy_hook() == PolicyHook::None;
        let mut pod = kubelet::Pod { grace, hold: self.hold(), margin, ..kubelet::Pod::default() };
        for (container, role) in self.stopping() {
            let hook = hook(container, role)?;
            let helper = kubelet::Helper { hook, stop: self.stop_seconds(container) };
            match role {
                Role::App => {
                    pod.apps.push(kubelet::App { hook, request: self.request_seconds(container), waits_by_itself })
                }
                Role::Helper => pod.helpers.push(helper),
                Role::Sidecar => pod.sidecars.push(helper),
            }
        }
        Some(pod)
    }

    /// The pod as written; none where a hook has no believable end.
    pub fn as_written(&self) -> Option<kubelet::Pod> {
        self.play(self.grace_seconds(), |container, _| self.hook_seconds(container))
    }

    /// The pod after the plan, as the contract has it.
    pub fn expected(&self) -> Expected {
        let grace = self.grace_seconds();
        let written = self.as_written();
        let nothing = |required| Expected { required, injects: false, pod: written.clone() };
        let Some(pod) = self.with_hooks() else {
            return nothing(written.as_ref().map(kubelet::smallest_grace));
        };
        let Some(mut pod) = pod else { return nothing(None) };
        let needed = kubelet::smallest_grace(&pod);
        if grace < needed && (self.never_raise() || needed > self.ceiling()) {
            return nothing(Some(needed));
        }
        pod.grace = grace.max(needed);
        let hooks = |pod: &kubelet::Pod| -> Vec<u64> {
            let helpers = pod.helpers.iter().map(|helper| helper.hook);
            pod.apps.iter().map(|app| app.hook).chain(helpers).collect()
        };
        let injects = written.as_ref().map(hooks) != Some(hooks(&pod)) || self.gives_empty_hook();
        Expected { required: Some(needed), injects, pod: Some(pod) }
    }

    /// A policy's hook of 0 s is a hook all the same.
    fn gives_empty_hook(&self) -> bool {
        let zero = matches!(self.policy_hook(), PolicyHook::HttpGet(0) | PolicyHook::Exec(0));
        zero && self.serves() && self.stopping().any(|(c, role)| role == Role::App && c.has_no_hook())
    }

    /// The pod with the hooks it should get. None where it should get a wait that cannot be written; none within
    /// where a hook has no believable end.
    fn with_hooks(&self) -> Option<Option<kubelet::Pod>> {
        let can_wait = match self.sleep {
            SleepSupport::Native => true,
            SleepSupport::Exec { .. } => !self.windows,
            SleepSupport::Unsupported { .. } => false,
        };
        let (for_apps, app_waits) = match self.policy_hook() {
            _ if !self.serves() => (0, false),
            PolicyHook::Sleep => (self.hold(), self.hold() > 0),
            PolicyHook::HttpGet(seconds) | PolicyHook::Exec(seconds) => (seconds, false),
            PolicyHook::None => (0, false),
        };
        let lacks = |role| self.stopping().any(|(c, r)| r == role && c.has_no_hook());
        if app_waits && lacks(Role::App) && !can_wait {
            return None;
        }
        if lacks(Role::App) && for_apps > LONGEST {
            return Some(None);
        }
        let hook = |container: &Container, role, for_helpers| match role {
            Role::App if container.has_no_hook() => Some(for_apps),
            Role::Helper if container.has_no_hook() => Some(for_helpers),
            _ => self.hook_seconds(container),
        };
        // Helpers wait for the apps, so those are played first, without any; an app without an end keeps none waiting.
        let only_app = |container: &Container, role| if role == Role::App { hook(container, role, 0) } else { Some(0) };
        let Some(apps) = self.play(u64::MAX, only_app) else { return Some(None) };
        let apps_done = kubelet::stop(&apps).apps.iter().filter_map(|app| app.exited_at).max().unwrap_or(0);
        if apps_done > 0 && lacks(Role::Helper) && !can_wait {
            return None;
        }
        let for_helpers = if apps_done > 0 { apps_done + 1 } else { 0 };
        if lacks(Role::Helper) && for_helpers > LONGEST {
            return Some(None);
        }
        Some(self.play(0, |container, role| hook(container, role, for_helpers)))
    }

    /// The pod for the simulator with grace and hooks as they stand in `json`, whoever wrote them; none where a hook
    /// has no believable end. Panics on a hook that neither the model nor the contract knows.
    pub fn as_patched(&self, json: &Value) -> Option<kubelet::Pod> {
        let grace = grace_seconds(json["spec"]["terminationGracePeriodSeconds"].as_i64());
        self.play(grace, |container, _| {
            let Some(hook) = self.raw(json, container).pointer("/lifecycle/preStop").filter(|hook| !hook.is_null())
            else {
                return Some(0);
            };
            if !container.has_no_hook() {
                return self.hook_seconds(container);
            }
            let policy = self.policy_hook();
            if let (Some(handler), PolicyHook::HttpGet(seconds) | PolicyHook::Exec(seconds)) =
                (policy.handler(), &policy)
                && *hook == handler
            {
                return Some(*seconds);
            }
            let fallback = hook["exec"]["command"].as_array().filter(|words| words[0] == "sleep");
            let fallback = fallback.and_then(|words| words[1].as_str()?.parse().ok());
            let seconds = hook["sleep"]["seconds"].as_u64().or(fallback);
            Some(seconds.unwrap_or_else(|| panic!("an injected hook that nobody asked for: {hook}")))
        })
    }

    /// A container's JSON, by its name.
    pub fn raw<'j>(&self, json: &'j Value, container: &Container) -> &'j Value {
        let lists = ["containers", "initContainers"].map(|list| json["spec"][list].as_array());
        let mut all = lists.into_iter().flatten().flatten();
        all.find(|raw| raw["name"] == container.name.as_str()).unwrap()
    }
}

impl Container {
    pub fn has_no_hook(&self) -> bool {
        matches!(self.hook, Hook::None)
    }
}

/// G as the kubelet counts it.
pub fn grace_seconds(grace: Option<i64>) -> u64 {
    grace.map_or(30, |seconds| if seconds < 0 { 1 } else { seconds.unsigned_abs() })
}

fn known_stop(name: &str) -> u64 {
    KNOWN.iter().find(|(known, _)| *known == name).unwrap().1
}

// How it is written down.

impl RandomPod {
    /// The pod's JSON.
    pub fn json(&self) -> Value {
        let mut metadata = json!({"name": "web-0", "labels": {"app": "web", "tier": "front"}});
        let annotations = self.annotation_pairs();
        if self.annotations_map || !annotations.is_empty() {
            metadata["annotations"] = json!(annotations);
        }
        let mut spec = json!({"containers": self.containers.iter().map(|c| self.container(c)).collect::<Vec<_>>()});
        if !self.inits.is_empty() {
            spec["initContainers"] = self.inits.iter().map(|c| self.container(c)).collect();
        }
        if let Some(grace) = self.grace {
            spec["terminationGracePeriodSeconds"] = json!(grace);
        }
        if self.windows {
            spec["os"] = json!({"name": "windows"});
        }
        self.add_unknown(&mut metadata);
        self.add_unknown(&mut spec);
        let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec});
        self.add_unknown(&mut pod);
        pod
    }

    fn add_unknown(&self, object: &mut Value) {
        if let Some(value) = &self.unknown {
            object["unheardOf"] = value.clone();
        }
    }

    fn container(&self, container: &Container) -> Value {
        let mut raw = json!({"name": container.name, "image": "registry.example/x:1"});
        let probe = json!({"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 5});
        if container.native {
            raw["restartPolicy"] = json!("Always");
        }
        if container.port {
            raw["ports"] = json!([{"containerPort": 8080}]);
        }
        if container.readiness {
            raw["readinessProbe"] = probe.clone();
        }
        if container.liveness {
            raw["livenessProbe"] = probe;
        }
        let hook = match &container.hook {
            Hook::None => None,
            Hook::Sleep(seconds) => Some(json!({"sleep": {"seconds": seconds}})),
            Hook::ExecSleep(command, _) => Some(json!({"exec": {"command": command}})),
            Hook::Unknown(handler) => Some(handler.clone()),
        };
        let mut lifecycle = match container.lifecycle {
            Lifecycle::Absent => None,
            Lifecycle::Null => Some(Value::Null),
            Lifecycle::Empty => Some(json!({})),
            Lifecycle::NullHook => Some(json!({"preStop": null})),
            Lifecycle::PostStart => Some(json!({"postStart": {"exec": {"command": ["true"]}}})),
        };
        if let Some(Value::Object(_)) = lifecycle {
            lifecycle.iter_mut().for_each(|lifecycle| self.add_unknown(lifecycle));
        }
        if let Some(hook) = hook {
            lifecycle.get_or_insert(Value::Null)["preStop"] = hook;
        }
        if let Some(lifecycle) = lifecycle {
            raw["lifecycle"] = lifecycle;
        }
        self.add_unknown(&mut raw);
        raw
    }

    fn annotation_pairs(&self) -> BTreeMap<String, String> {
        let keys = ["endpoint-propagation", "drain-delay", "worst-case-request", "safety-margin"];
        let times = keys.iter().zip(&self.annotations.times);
        let times = times.map(|(key, written)| (format!("draingate.dev/{key}-seconds"), written.text()));
        let hook = self.annotations.waits_by_itself.then(|| "none".to_owned());
        let helpers: Vec<_> = self.helper_entries(2).map(|(name, entry)| helper_text(&name, entry)).collect();
        let helpers = (!helpers.is_empty()).then(|| helpers.join(","));
        let pod = [("draingate.dev/hook".to_owned(), hook), ("draingate.dev/helpers".to_owned(), helpers)];
        let all = || self.containers.iter().chain(&self.inits);
        let named = all().flat_map(|c| {
            let key = |prefix: &str| format!("{prefix}-seconds.draingate.dev/{}", c.name);
            [(key("prestop"), c.declared.text()), (key("worst-case-request"), c.request.text())]
        });
        let pairs = times.chain(pod).chain(named);
        pairs.filter_map(|(key, value)| Some((key, value?))).collect()
    }

    /// The entries of one layer: 0 is the ClusterDrainPolicy, 1 the DrainPolicy, 2 the annotation.
    fn helper_entries(&self, layer: usize) -> impl Iterator<Item = (String, &Entry)> {
        let all = self.containers.iter().chain(&self.inits);
        let exact = all.map(|c| (c.name.clone(), &c.entries));
        let patterns = ["aux-*", "au*", "*"].map(str::to_owned).into_iter().zip(&self.patterns);
        exact.chain(patterns).filter_map(move |(name, entries)| Some((name, entries[layer].as_ref()?)))
    }

    /// The namespace, its policies and its Services.
    pub fn world(&self) -> World {
        let mut world = World::default();
        world.sleep = self.sleep.clone();
        let label = self.profile_label.map(|(name, _)| ("draingate.dev/profile".to_owned(), name.to_owned()));
        world.set_namespace(NAMESPACE, label.into_iter().collect());
        let (cluster, own) = (self.cluster_spec(), self.own_spec());
        let weird = json!({"budget": {"endpointPropagationSeconds": 7777}, "helpers": [{"name": "app*"}]});
        let mut decoy = |kind, namespace, name, selector: Option<&str>, created| {
            let mut spec = weird.clone();
            if let Some(tier) = selector {
                spec["selector"] = json!({"matchLabels": {"tier": tier}});
            }
            add_policy(&mut world, kind, namespace, name, created, &spec);
        };
        if self.decoys {
            let others = [
                (PolicyKind::ClusterDrainPolicy, "", self.cluster.selects),
                (PolicyKind::DrainPolicy, NAMESPACE, self.own.selects),
            ];
            for (kind, namespace, selects) in others {
                decoy(kind, namespace, "a-other-pods", Some("back"), "2019-01-01T00:00:00Z");
                let created = if selects { "2019-01-01T00:00:00Z" } else { "2024-01-01T00:00:00Z" };
                decoy(kind, namespace, "a-weaker", None, created);
            }
            decoy(PolicyKind::DrainPolicy, "elsewhere", "a", None, "2019-01-01T00:00:00Z");
        }
        let created = "2020-01-01T00:00:00Z";
        add_policy(&mut world, PolicyKind::ClusterDrainPolicy, "", "base", created, &cluster);
        add_policy(&mut world, PolicyKind::DrainPolicy, NAMESPACE, "default", created, &own);
        if self.service {
            world.set_service(NAMESPACE, "web", labels("app", "web"));
        }
        if self.decoys {
            world.set_service(NAMESPACE, "back", labels("tier", "back"));
            world.set_service("elsewhere", "web", labels("app", "web"));
        }
        world
    }

    /// The world with nothing in it but the ClusterDrainPolicy and the Services.
    pub fn world_of_the_cluster_policy(&self) -> World {
        let mut world = World::default();
        world.sleep = self.sleep.clone();
        let created = "2020-01-01T00:00:00Z";
        add_policy(&mut world, PolicyKind::ClusterDrainPolicy, "", "base", created, &self.cluster_spec());
        if self.service {
            world.set_service(NAMESPACE, "web", labels("app", "web"));
        }
        world
    }

    /// The ClusterDrainPolicy's spec.
    pub fn cluster_spec(&self) -> Value {
        let mut spec = self.layer_spec(&self.cluster, 0);
        if !self.locked.is_empty() {
            spec["locked"] = json!(self.locked);
        }
        spec
    }

    /// The DrainPolicy's spec.
    pub fn own_spec(&self) -> Value {
        self.layer_spec(&self.own, 1)
    }

    fn layer_spec(&self, layer: &PolicyLayer, index: usize) -> Value {
        let mut spec = Map::new();
        let [d, r, m] = layer.others;
        let budget = [
            ("endpointPropagationSeconds", layer.propagation.explicit),
            ("drainDelaySeconds", d),
            ("worstCaseRequestSeconds", r),
            ("safetyMarginSeconds", m),
        ];
        let budget: Map<_, _> = budget.into_iter().filter_map(|(k, v)| Some((k.to_owned(), json!(v?)))).collect();
        let mut set = |key: &str, value: Option<Value>| {
            value.into_iter().for_each(|value| drop(spec.insert(key.to_owned(), value)));
        };
        set("budget", (!budget.is_empty()).then(|| budget.into()));
        set("profile", layer.propagation.profile.map(|(name, _)| json!(name)));
        set("hook", layer.hook.as_ref().map(PolicyHook::spec));
        set("appliesTo", layer.applies_to.map(|value| json!(value)));
        set("selector", layer.selects.then(|| json!({"matchLabels": {"tier": "front"}})));
        let mut grace = Map::new();
        if let Some(never) = layer.never_raise {
            grace.insert("adjust".into(), json!(if never { "Never" } else { "Raise" }));
        }
        if let Some(ceiling) = layer.ceiling {
            grace.insert("maxSeconds".into(), json!(ceiling));
        }
        set("gracePeriod", (!grace.is_empty()).then(|| grace.into()));
        let helpers: Vec<_> = self.helper_entries(index).map(|(name, entry)| helper_spec(&name, entry)).collect();
        set("helpers", (!helpers.is_empty()).then(|| helpers.into()));
        spec.into()
    }
}

fn helper_spec(name: &str, entry: &Entry) -> Value {
    let mut spec = json!({"name": name});
    if let Some(stop) = entry.stop {
        spec["stopSeconds"] = json!(stop);
    }
    if entry.is_app {
        spec["role"] = json!("App");
    }
    spec
}

fn helper_text(name: &str, entry: &Entry) -> String {
    entry.stop.map_or_else(|| format!(" {name}"), |stop| format!("{name}={stop}"))
}

fn labels(key: &str, value: &str) -> BTreeMap<String, String> {
    [(key.to_owned(), value.to_owned())].into()
}

fn add_policy(world: &mut World, kind: PolicyKind, namespace: &str, name: &str, created: &str, spec: &Value) {
    let policy = Policy::read(kind, namespace, name, Some(created.to_owned()), spec);
    assert!(policy.is_ok(), "{policy:?}");
    world.set_policy(kind, namespace, policy);
}

// How it is made up.

/// A pod, the policies that cover it, and the Services around it.
pub fn random_pod() -> impl Strategy<Value = RandomPod> {
    let containers = (
        prop::collection::vec(container(), 1..=5),
        prop_oneof![3 => Just(Vec::new()), 2 => prop::collection::vec(container(), 1..=4)],
        0..KNOWN.len(),
        grace(),
    );
    let layers = (layer(), layer(), rarely(profile()), annotations(), patterns(), locked());
    let around = (any::<bool>(), any::<bool>(), any::<bool>(), sleep(), prop::bool::weighted(0.05), rarely(unknown()));
    (containers, layers, around).prop_map(|(containers, layers, around)| {
        let (containers, inits, known_from, grace) = containers;
        let (cluster, own, profile_label, annotations, patterns, locked) = layers;
        let (service, annotations_map, decoys, sleep, windows, unknown) = around;
        let mut pod = RandomPod {
            grace,
            containers,
            inits,
            cluster,
            own,
            profile_label,
            annotations,
            patterns,
            locked,
            service,
            annotations_map,
            decoys,
            sleep,
            windows,
            unknown,
        };
        pod.containers.iter_mut().for_each(|c| c.native = false);
        for (place, container) in pod.containers.iter_mut().chain(&mut pod.inits).enumerate() {
            container.settle(place, known_from);
        }
        pod
    })
}

impl Container {
    /// Gives the container its name, and takes back what it cannot have.
    fn settle(&mut self, place: usize, known_from: usize) {
        self.name = match self.naming {
            Naming::Plain => format!("app-{place}"),
            Naming::Known => KNOWN[(known_from + place) % KNOWN.len()].0.to_owned(),
            Naming::Aux => format!("aux-{place}"),
        };
        // An annotation only adds helpers.
        self.entries[2].iter_mut().for_each(|entry| entry.is_app = false);
        let lifecycle_is_hook = matches!(self.lifecycle, Lifecycle::Null | Lifecycle::NullHook);
        if !self.has_no_hook() && lifecycle_is_hook {
            self.lifecycle = Lifecycle::Absent;
        }
    }
}

fn container() -> impl Strategy<Value = Container> {
    let naming = prop_oneof![5 => Just(Naming::Plain), 2 => Just(Naming::Known), 1 => Just(Naming::Aux)];
    let lifecycle = prop_oneof![
        12 => Just(Lifecycle::Absent),
        1 => Just(Lifecycle::Null),
        1 => Just(Lifecycle::Empty),
        1 => Just(Lifecycle::NullHook),
        2 => Just(Lifecycle::PostStart),
    ];
    let flags = (any::<bool>(), prop::bool::weighted(0.3), prop::bool::weighted(0.2), prop::bool::weighted(0.7));
    (naming, hook(), written(0.2), written(0.15), entries(0.07), lifecycle, flags).prop_map(
        |(naming, hook, declared, request, entries, lifecycle, (port, readiness, liveness, native))| {
            let name = String::new();
            Container { naming, name, native, hook, declared, request, entries, lifecycle, port, readiness, liveness }
        },
    )
}

/// A time: mostly short, so that many pods can be given what they need.
fn seconds() -> impl Strategy<Value = u64> {
    prop_oneof![20 => 0..=30_u64, 3 => 0..=300_u64, 1 => Just(0), 1 => 0..=DAY]
}

fn grace() -> impl Strategy<Value = Option<i64>> {
    prop_oneof![
        3 => Just(None),
        2 => Just(Some(30)),
        6 => (0..=150_i64).prop_map(Some),
        2 => (150..=2_000_i64).prop_map(Some),
        1 => (-5..=2_i64).prop_map(Some),
        1 => prop_oneof![Just(Some(i64::MAX)), Just(Some(i64::MIN)), Just(Some(90_000))],
    ]
}

fn rarely<S: Strategy>(some: S) -> impl Strategy<Value = Option<S::Value>> {
    prop::option::weighted(0.15, some)
}

fn written(share: f64) -> impl Strategy<Value = Written> {
    let bad = prop::sample::select(vec!["", "abc", "-1", "1e3", "2592001", "10000000", "5s", " 5", "1.5"]);
    let some = prop_oneof![40 => seconds().prop_map(Written::Seconds), 1 => bad.prop_map(Written::Bad)];
    prop::option::weighted(share, some).prop_map(|written| written.unwrap_or(Written::Absent))
}

fn entries(share: f64) -> impl Strategy<Value = Entries> {
    let entry = || (prop::bool::weighted(0.3), prop::option::of(seconds()));
    let entry = move || prop::option::weighted(share, entry().prop_map(|(is_app, stop)| Entry { is_app, stop }));
    [entry(), entry(), entry()]
}

fn patterns() -> impl Strategy<Value = [Entries; 3]> {
    [entries(0.1), entries(0.1), entries(0.01)].prop_map(|mut patterns| {
        patterns.iter_mut().filter_map(|entries| entries[2].as_mut()).for_each(|entry| entry.is_app = false);
        patterns
    })
}

fn profile() -> impl Strategy<Value = (&'static str, u64)> {
    prop::sample::select(vec![("cluster-ip", 5), ("ingress", 10), ("alb", 20), ("gclb", 40), ("nlb", 130)])
}

fn layer() -> impl Strategy<Value = PolicyLayer> {
    let time = || rarely(seconds());
    let hook = prop_oneof![
        2 => Just(PolicyHook::Sleep),
        2 => seconds().prop_map(PolicyHook::HttpGet),
        2 => seconds().prop_map(PolicyHook::Exec),
        1 => Just(PolicyHook::None),
    ];
    let ceiling = prop_oneof![0..=200_u64, 200..=DAY];
    let applies_to = prop::sample::select(vec!["Serving", "ServiceBacked", "All"]);
    let propagation = (rarely(profile()), time()).prop_map(|(profile, explicit)| Propagation { profile, explicit });
    let never = rarely(any::<bool>());
    (propagation, [time(), time(), time()], rarely(hook), never, rarely(ceiling), rarely(applies_to), any::<bool>())
        .prop_map(|(propagation, others, hook, never_raise, ceiling, applies_to, selects)| PolicyLayer {
            propagation,
            others,
            hook,
            never_raise,
            ceiling,
            applies_to,
            selects,
        })
}

fn annotations() -> impl Strategy<Value = Annotations> {
    let times = [written(0.1), written(0.1), written(0.1), written(0.1)];
    (times, prop::bool::weighted(0.05)).prop_map(|(times, waits_by_itself)| Annotations { times, waits_by_itself })
}

fn locked() -> impl Strategy<Value = Vec<&'static str>> {
    let names = vec![
        "endpointPropagationSeconds",
        "drainDelaySeconds",
        "worstCaseRequestSeconds",
        "safetyMarginSeconds",
        "maxSeconds",
        "adjust",
        "hook",
        "appliesTo",
    ];
    let count = names.len();
    prop_oneof![2 => Just(Vec::new()), 1 => prop::sample::subsequence(names, 1..=count)]
}

fn sleep() -> impl Strategy<Value = SleepSupport> {
    let because = || "the API server is 1.29".to_owned();
    prop_oneof![
        16 => Just(SleepSupport::Native),
        2 => Just(SleepSupport::Exec { because: because() }),
        1 => Just(SleepSupport::Unsupported { because: because() }),
    ]
}

fn unknown() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!(7),
        json!("x"),
        json!(null),
        json!([1, {"a": "b"}]),
        json!({"preStop": {"sleep": 3}}),
    ])
}

fn hook() -> impl Strategy<Value = Hook> {
    let unknown = vec![
        json!({"httpGet": {"path": "/quit", "port": 8080}}),
        json!({"httpGet": {"path": "/quit", "port": "admin", "scheme": "HTTPS"}}),
        json!({"exec": {"command": ["nginx", "-s", "quit"]}}),
        json!({"exec": {"command": ["/bin/sh", "-c", "curl -XPOST localhost/quit; sleep 5"]}}),
        json!({"exec": {"command": ["sh", "-c", "sleep $WAIT"]}}),
        json!({"exec": {"command": ["sh", "-c", "sleep 5 &"]}}),
        json!({"exec": {"command": ["sleep"]}}),
        json!({"tcpSocket": {"port": 80}}),
    ];
    prop_oneof![
        8 => Just(Hook::None),
        3 => seconds().prop_map(Hook::Sleep),
        3 => exec_sleep(),
        2 => prop::sample::select(unknown).prop_map(Hook::Unknown),
    ]
    .prop_flat_map(|hook| prop_oneof![60 => Just(hook), 1 => endless()])
}

fn endless() -> impl Strategy<Value = Hook> {
    let exec = |line: &str| Hook::ExecSleep(["sh", "-c", line].map(str::to_owned).to_vec(), None);
    prop::sample::select(vec![
        Hook::Sleep(LONGEST + 1),
        Hook::Sleep(i64::MAX.unsigned_abs()),
        exec("sleep infinity"),
        exec("sleep 31d"),
        exec("sleep 99999999999999999999999 && x"),
    ])
}

/// `whole.hundredths` of a unit, rounded up, in one of many spellings.
fn exec_sleep() -> impl Strategy<Value = Hook> {
    let unit = prop::sample::select(vec![("", 1, 100), ("s", 1, 100), ("m", 60, 4), ("h", 3_600, 1)]);
    let hundredths = prop_oneof![2 => Just(0), 1 => 0..100_u64];
    (unit, 0..=60_u64, hundredths, 0..10_usize).prop_map(|((suffix, unit, most), whole, hundredths, spelling)| {
        let whole = whole % (most + 1);
        let seconds = ((whole * 100 + hundredths) * unit).div_ceil(100);
        let number = match hundredths {
            0 => format!("{whole}{suffix}"),
            _ => format!("{whole}.{hundredths:02}{suffix}"),
        };
        Hook::ExecSleep(spell(&number, spelling), Some(seconds))
    })
}

fn spell(number: &str, spelling: usize) -> Vec<String> {
    let shell = |shell: &str, line: String| vec![shell.to_owned(), "-c".to_owned(), line];
    match spelling {
        0 => vec!["sleep".into(), number.into()],
        1 => vec!["/bin/sleep".into(), number.into()],
        2 => shell("sh", format!("sleep {number}")),
        3 => shell("/bin/sh", format!("sleep {number};")),
        4 => shell("/bin/bash", format!("  sleep {number} ")),
        5 => shell("/busybox/ash", format!("/bin/sleep {number}")),
        6 => shell("/usr/bin/dash", format!("sleep {number} && nginx -s quit")),
        7 => shell("zsh", format!("sleep {number}; kill 1")),
        8 => shell("ksh", format!("sleep {number} ; ")),
        _ => vec!["bash".into(), "-ec".into(), format!("sleep {number}")],
    }
}
