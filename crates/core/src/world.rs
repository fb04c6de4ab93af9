//! What is known about a cluster, or about the files that stand for one: namespaces, policies, Services, workloads, and of
//! files also ConfigMaps.
//!
//! The watches, `--standalone` and `check` fill the same structure, so that the same pod gets the same
//! answer through every door.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::config_maps::{self, ConfigMap};
use super::keys;
use super::measured::Day;
use super::mode::{MinimumMode, Mode, ModeOf};
use super::owner::Owner;
use super::policy::{Policy, PolicyKind, UnreadablePolicy};
use super::selector::LabelSelector;
use super::subject::{Kind, Subject};
use super::text::Pairs;

/// How a wait can be written into a pod's preStop hook.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SleepSupport {
    /// The native `sleep`: API server and all kubelets are 1.30 or later.
    #[default]
    Native,
    /// `exec: ["sleep", "N"]`, which `--hook-fallback exec` opted in to; never on Windows pods.
    Exec {
        /// Why not native.
        because: String,
    },
    /// Not at all: nothing that needs a wait is injected.
    Unsupported {
        /// Why, in words: the version found.
        because: String,
    },
}

/// Everything outside a request that a judgement depends on.
#[derive(Debug, Default)]
pub struct World {
    namespaces: HashMap<String, Namespace>,
    cluster_policies: PolicySet,
    policies: HashMap<String, PolicySet>,
    services: HashMap<String, BTreeMap<String, Service>>,
    config_maps: HashMap<String, BTreeMap<String, ConfigMap>>,
    /// The bytes in them.
    config_bytes: usize,
    workloads: HashMap<String, BTreeMap<Kind, Workloads>>,
    /// How waits can be written.
    pub sleep: SleepSupport,
    /// The release's own namespace, which is never touched.
    pub own_namespace: Option<String>,
    /// The mode of a namespace without the label.
    pub default_mode: Mode,
    /// The mode that holds in some namespaces whatever their label says.
    pub minimum_mode: Option<MinimumMode>,
    /// Today, where it matters how old a measure is.
    pub today: Option<Day>,
    /// The kinds of policies that are there and could not be read yet. Until they are, `enforce` rejects nothing.
    pub unread_policies: Vec<PolicyKind>,
}

/// The most bytes of ConfigMaps that are kept; what comes later is not known.
const MOST_CONFIG_BYTES: usize = 64 << 20;

/// What of a Service decides whether it sends work to a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// The labels of the pods that it selects; one without any selects none.
    pub selector: BTreeMap<String, String>,
    /// The ports of the pods that it sends to.
    pub targets: Vec<Target>,
    /// It has no cluster IP: its clients ask for the pods' own addresses.
    pub headless: bool,
    /// `publishNotReadyAddresses`: it goes on sending to a pod that is not ready, or that stops.
    pub sends_to_unready: bool,
}

impl Service {
    /// What a Service's `spec` says; what cannot be read there is absent. One of type ExternalName selects nothing,
    /// whatever it says.
    pub fn of_spec(spec: &Value) -> Service {
        let text = |key: &str| spec.get(key).and_then(Value::as_str);
        if text("type") == Some("ExternalName") {
            return Service::default();
        }
        let labels = spec.get("selector").and_then(Value::as_object).into_iter().flatten();
        let ports = spec.get("ports").and_then(Value::as_array).into_iter().flatten();
        // Without `targetPort` it is the same number.
        let target = |port: &Value| match port.get("targetPort").or_else(|| port.get("port"))? {
            Value::String(name) => Some(Target::Name(name.clone())),
            number => number.as_i64().map(Target::Number),
        };
        Service {
            selector: labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect(),
            targets: ports.filter_map(target).collect(),
            headless: text("clusterIP") == Some("None"),
            sends_to_unready: spec.get("publishNotReadyAddresses").and_then(Value::as_bool) == Some(true),
        }
    }
}

/// A port that a Service sends to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// By number.
    Number(i64),
    /// By the name that a container gives it.
    Name(String),
}

/// What is known of the workloads of one kind in one namespace, by name.
#[derive(Clone, Debug, Default)]
struct Workloads {
    owners: BTreeMap<String, Owner>,
    /// Those that a HorizontalPodAutoscaler targets.
    scaled: BTreeSet<String>,
}

/// A namespace's labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespace {
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// The policies of one kind in one place. A pod is asked about those that its labels or its namespace's lead to, so
/// that it costs the same beside a thousand others.
#[derive(Clone, Debug, Default)]
struct PolicySet {
    /// Those whose selector has matchLabels, by the first of them.
    by_pod_label: Labelled,
    /// Of the others, those whose namespaceSelector has matchLabels, by the first of them.
    by_namespace_label: Labelled,
    /// The rest.
    others: Vec<Policy>,
    unreadable: Vec<UnreadablePolicy>,
}

/// Policies by a label's key and value; of one label, those that win first.
type Labelled = BTreeMap<String, BTreeMap<String, Vec<Policy>>>;

impl PolicySet {
    fn is_empty(&self) -> bool {
        let labelled = [&self.by_pod_label, &self.by_namespace_label];
        labelled.into_iter().all(BTreeMap::is_empty) && self.others.is_empty() && self.unreadable.is_empty()
    }

    fn readable_count(&self) -> usize {
        let labelled = self.by_pod_label.values().chain(self.by_namespace_label.values()).flat_map(BTreeMap::values);
        labelled.map(Vec::len).sum::<usize>() + self.others.len()
    }

    fn remove(&mut self, name: &str) {
        for labelled in [&mut self.by_pod_label, &mut self.by_namespace_label] {
            labelled.retain(|_, values| {
                values.retain(|_, policies| {
                    policies.retain(|p| p.name != name);
                    !policies.is_empty()
                });
                !values.is_empty()
            });
        }
        self.others.retain(|p| p.name != name);
        self.unreadable.retain(|p| p.name != name);
    }

    /// Where a policy is kept.
    fn place(&mut self, policy: &Policy) -> &mut Vec<Policy> {
        let label = |selector: &Option<LabelSelector>| {
            let (key, value) = selector.as_ref()?.match_labels.first_key_value()?;
            Some((key.clone(), value.clone()))
        };
        let (labelled, (key, value)) = match (label(&policy.spec.selector), label(&policy.spec.namespace_selector)) {
            (Some(of_pod), _) => (&mut self.by_pod_label, of_pod),
            (None, Some(of_namespace)) => (&mut self.by_namespace_label, of_namespace),
            (None, None) => return &mut self.others,
        };
        labelled.entry(key).or_default().entry(value).or_default()
    }

    /// The policy that wins among those that cover a pod with these labels in a namespace with those.
    fn first(&self, pod: &Pairs, namespace: Option<&BTreeMap<String, String>>) -> Option<&Policy> {
        let of_namespace = |key: &str| namespace?.get(key).map(String::as_str);
        let by_pod = pod.iter().filter_map(|(key, value)| self.by_pod_label.get(key)?.get(value));
        let of_space = namespace.into_iter().flatten();
        let by_namespace = of_space.filter_map(|(key, value)| self.by_namespace_label.get(key)?.get(value));
        let led_to = by_pod.chain(by_namespace).chain([&self.others]);
        let covering = led_to.filter_map(|some| some.iter().find(|p| p.covers(|key| lookup(pod, key), of_namespace)));
        covering.min_by(|a, b| a.precedence().cmp(&b.precedence()))
    }

    fn insert(&mut self, policy: Result<Policy, UnreadablePolicy>) {
        match policy {
            Ok(policy) => {
                self.remove(&policy.name);
                let place = self.place(&policy);
                let at = place.partition_point(|p| p.precedence() < policy.precedence());
                place.insert(at, policy);
            }
            Err(policy) => {
                self.remove(&policy.name);
                // By name, so that the answer does not tell in which order they came.
                let at = self.unreadable.partition_point(|p| p.name < policy.name);
                self.unreadable.insert(at, policy);
            }
        }
    }
}

impl World {
    /// Adds or replaces a namespace.
    pub fn set_namespace(&mut self, name: &str, labels: BTreeMap<String, String>) {
        self.namespaces.insert(name.to_owned(), Namespace { labels });
    }

    /// Forgets a namespace.
    pub fn remove_namespace(&mut self, name: &str) {
        self.namespaces.remove(name);
    }

    /// The namespace, if it is known.
    pub fn namespace(&self, name: &str) -> Option<&Namespace> {
        self.namespaces.get(name)
    }

    /// Adds or replaces a policy; `namespace` is empty for a ClusterDrainPolicy.
    pub fn set_policy(&mut self, kind: PolicyKind, namespace: &str, policy: Result<Policy, UnreadablePolicy>) {
        self.policy_set(kind, namespace).insert(policy);
    }

    /// Forgets a policy.
    pub fn remove_policy(&mut self, kind: PolicyKind, namespace: &str, name: &str) {
        let set = self.policy_set(kind, namespace);
        set.remove(name);
        if kind == PolicyKind::DrainPolicy && set.is_empty() {
            self.policies.remove(namespace);
        }
    }

    /// Forgets every policy of a kind.
    pub fn clear_policies(&mut self, kind: PolicyKind) {
        match kind {
            PolicyKind::ClusterDrainPolicy => self.cluster_policies = PolicySet::default(),
            PolicyKind::DrainPolicy => self.policies.clear(),
        }
    }

    fn policy_set(&mut self, kind: PolicyKind, namespace: &str) -> &mut PolicySet {
        match kind {
            PolicyKind::ClusterDrainPolicy => &mut self.cluster_policies,
            PolicyKind::DrainPolicy => self.policies.entry(namespace.to_owned()).or_default(),
        }
    }

    /// Adds or replaces a Service. One without a selector selects nothing.
    pub fn set_service(&mut self, namespace: &str, name: &str, service: Service) {
        if service.selector.is_empty() {
            return self.remove_service(namespace, name);
        }
        self.services.entry(namespace.to_owned()).or_default().insert(name.to_owned(), service);
    }

    /// Forgets a Service.
    pub fn remove_service(&mut self, namespace: &str, name: &str) {
        let Some(services) = self.services.get_mut(namespace) else { return };
        services.remove(name);
        if services.is_empty() {
            self.services.remove(namespace);
        }
    }

    /// Adds or replaces a ConfigMap, where there is room for it.
    pub fn set_config_map(&mut self, namespace: &str, name: &str, map: ConfigMap) {
        let maps = self.config_maps.entry(namespace.to_owned()).or_default();
        let before = maps.remove(name).as_ref().map_or(0, config_maps::bytes);
        self.config_bytes -= before;
        let bytes = config_maps::bytes(&map);
        if self.config_bytes + bytes <= MOST_CONFIG_BYTES {
            self.config_bytes += bytes;
            maps.insert(name.to_owned(), map);
        }
    }

    /// Adds or replaces a StatefulSet or a Deployment, for the pods that it owns.
    pub fn set_owner(&mut self, namespace: &str, kind: Kind, name: &str, owner: Owner) {
        self.workloads_of(namespace, kind).owners.insert(name.to_owned(), owner);
    }

    /// Adds the target of a HorizontalPodAutoscaler.
    pub fn set_scaled(&mut self, namespace: &str, kind: Kind, name: &str) {
        self.workloads_of(namespace, kind).scaled.insert(name.to_owned());
    }

    fn workloads_of(&mut self, namespace: &str, kind: Kind) -> &mut Workloads {
        self.workloads.entry(namespace.to_owned()).or_default().entry(kind).or_default()
    }

    /// A copy of all that concerns these namespaces, but for ConfigMaps.
    #[must_use]
    pub fn excerpt(&self, namespaces: &[String]) -> World {
        fn some<V: Clone>(all: &HashMap<String, V>, names: &[String]) -> HashMap<String, V> {
            names.iter().filter_map(|name| Some((name.clone(), all.get(name)?.clone()))).collect()
        }
        World {
            namespaces: some(&self.namespaces, namespaces),
            cluster_policies: self.cluster_policies.clone(),
            policies: some(&self.policies, namespaces),
            services: some(&self.services, namespaces),
            config_maps: HashMap::new(),
            config_bytes: 0,
            workloads: some(&self.workloads, namespaces),
            sleep: self.sleep.clone(),
            own_namespace: self.own_namespace.clone(),
            default_mode: self.default_mode,
            minimum_mode: self.minimum_mode.clone(),
            today: self.today,
            unread_policies: self.unread_policies.clone(),
        }
    }

    /// The mode of a namespace with these labels: what its label names, else the default, and never below the minimum.
    pub fn mode_of<'a>(&self, labels: &'a BTreeMap<String, String>) -> ModeOf<'a> {
        let label = |key: &str| labels.get(key).map(String::as_str);
        let (mode, unknown) = match Mode::from_label(label(keys::MODE), self.default_mode) {
            Ok(mode) => (mode, None),
            Err(unknown) => (Mode::Warn, Some(unknown)),
        };
        let minimum = self.minimum_mode.as_ref().filter(|minimum| minimum.namespaces.matches(label));
        let minimum = minimum.map_or(Mode::Off, |minimum| minimum.mode);
        ModeOf { mode: mode.max(minimum), unknown, is_minimum: minimum > Mode::Off && minimum >= mode }
    }

    /// The namespaces whose mode `wanted` takes, by name; never kube-system or the release's own. An unknown mode
    /// counts as `warn`.
    pub fn namespaces_in(&self, wanted: impl Fn(Mode) -> bool) -> Vec<String> {
        let never = |name: &str| name == "kube-system" || self.own_namespace.as_deref() == Some(name);
        let mode = |namespace: &Namespace| self.mode_of(&namespace.labels).mode;
        let all = self.namespaces.iter().filter(|(name, namespace)| wanted(mode(namespace)) && !never(name));
        let mut names: Vec<String> = all.map(|(name, _)| name.clone()).collect();
        names.sort_unstable();
        names
    }

    /// How many policies were read, and how many could not be.
    pub fn policy_counts(&self) -> (usize, usize) {
        let sets = || self.policies.values().chain([&self.cluster_policies]);
        (sets().map(PolicySet::readable_count).sum(), sets().map(|s| s.unreadable.len()).sum())
    }

    /// The policies that could not be read, those of the cluster first, then by namespace.
    pub fn unreadable_policies(&self) -> impl Iterator<Item = &UnreadablePolicy> {
        let mut own: Vec<_> = self.policies.iter().collect();
        own.sort_unstable_by_key(|(namespace, _)| namespace.as_str());
        [&self.cluster_policies].into_iter().chain(own.into_iter().map(|(_, set)| set)).flat_map(|set| &set.unreadable)
    }

    /// How many namespaces are known.
    pub fn namespace_count(&self) -> usize {
        self.namespaces.len()
    }

    /// What of the world concerns a pod in `namespace`.
    pub fn context<'a>(&'a self, namespace: &'a str) -> Context<'a> {
        Context {
            world: self,
            namespace,
            labels: self.namespaces.get(namespace).map(|n| &n.labels),
            policies: self.policies.get(namespace),
            owner: None,
        }
    }
}

/// The world as seen from one namespace.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The namespace's name.
    pub namespace: &'a str,
    world: &'a World,
    labels: Option<&'a BTreeMap<String, String>>,
    policies: Option<&'a PolicySet>,
    owner: Option<&'a Owner>,
}

impl<'a> Context<'a> {
    /// The same with other labels of the namespace, such as newer ones.
    #[must_use]
    pub fn with_labels(self, labels: &'a BTreeMap<String, String>) -> Context<'a> {
        Context { labels: Some(labels), ..self }
    }

    /// The same with the owner of the pod that is judged.
    #[must_use]
    pub fn with_owner(self, owner: &'a Owner) -> Context<'a> {
        Context { owner: Some(owner), ..self }
    }

    /// The StatefulSet or Deployment that a subject is, or that its pod is of; `None` where it is none or not known.
    pub fn owner(&self, subject: &Subject) -> Option<Owner> {
        let (kind, name) = match (subject.kind, &subject.controller) {
            (Kind::Pod, _) if self.owner.is_some() => return self.owner.cloned(),
            (Kind::Pod, Some(controller)) => match subject.deployment() {
                Some(name) => (Kind::Deployment, name),
                None => (Kind::of_object(&controller.api_version, &controller.kind)?, controller.name.as_str()),
            },
            (Kind::Pod, None) => return None,
            (kind, _) => (kind, &*subject.name),
        };
        let known = self.world.workloads.get(self.namespace).and_then(|kinds| kinds.get(&kind));
        let owner = match subject.kind {
            Kind::Pod => known?.owners.get(name)?.clone(),
            _ => Owner::of_rollout(kind, &subject.rollout)?,
        };
        let scaled = owner.scaled || known.is_some_and(|known| known.scaled.contains(name));
        Some(Owner { scaled, ..owner })
    }

    /// The namespace's mode: `off` where it is not known.
    pub fn mode(&self) -> ModeOf<'a> {
        self.labels.map_or(ModeOf::OFF, |labels| self.world.mode_of(labels))
    }

    /// Whether policies that are there could not be read yet.
    pub fn has_unread_policies(&self) -> bool {
        !self.world.unread_policies.is_empty()
    }

    /// A label of the namespace.
    pub fn label(&self, key: &str) -> Option<&'a str> {
        self.labels?.get(key).map(String::as_str)
    }

    /// Whether the namespace's labels are known.
    pub fn knows_labels(&self) -> bool {
        self.labels.is_some()
    }

    /// The ClusterDrainPolicy and the DrainPolicy that apply to a pod with these labels.
    pub fn policies(&self, pod: &Pairs) -> (Option<&'a Policy>, Option<&'a Policy>) {
        let first = |set: &'a PolicySet| set.first(pod, self.labels);
        (first(&self.world.cluster_policies), self.policies.and_then(first))
    }

    /// Today, where that is known.
    pub fn today(&self) -> Option<Day> {
        self.world.today
    }

    /// The policies that could have applied, had they been readable.
    pub fn unreadable(&self) -> impl Iterator<Item = &'a UnreadablePolicy> {
        let own = self.policies.map(|set| set.unreadable.as_slice()).unwrap_or_default();
        self.world.cluster_policies.unreadable.iter().chain(own)
    }

    /// The known Services that select a pod with these labels, by name.
    pub fn services<'p>(&self, pod: &'p Pairs) -> impl Iterator<Item = (&'a str, &'a Service)> + use<'a, 'p> {
        let selects = |service: &Service| service.selector.iter().all(|(key, value)| pod.get(key) == Some(value));
        let known = self.world.services.get(self.namespace).into_iter().flatten();
        known.filter(move |(_, service)| selects(service)).map(|(name, service)| (name.as_str(), service))
    }

    /// The ConfigMaps that are known here.
    pub fn config_maps(&self) -> Option<&'a BTreeMap<String, ConfigMap>> {
        self.world.config_maps.get(self.namespace)
    }

    /// Whether any Service is known here.
    pub fn knows_services(&self) -> bool {
        self.world.services.contains_key(self.namespace)
    }

    /// How a wait can be written.
    pub fn sleep(&self) -> &'a SleepSupport {
        &self.world.sleep
    }

    /// Whether Draingate itself lives here.
    pub fn is_own_namespace(&self) -> bool {
        self.world.own_namespace.as_deref() == Some(self.namespace)
    }
}

fn lookup<'p>(pairs: &'p Pairs, key: &str) -> Option<&'p str> {
    pairs.get(key)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Service, Target};

    #[test]
    fn what_a_service_says_of_those_that_it_sends_to() {
        let selects = |spec| Service::of_spec(&spec).selector.into_iter().collect::<Vec<_>>();
        let web = ("app".to_owned(), "web".to_owned());
        assert_eq!(selects(json!({"selector": {"app": "web"}, "ports": [{"port": 80}]})), [web]);
        assert_eq!(selects(json!({"selector": {"app": "web"}, "type": "ExternalName"})), []);
        assert_eq!(selects(json!({})), []);
        let ports = json!([{"port": 80}, {"port": 81, "targetPort": 8081}, {"port": 82, "targetPort": "http"}, {}, 5]);
        let spec = json!({"ports": ports, "clusterIP": "None", "publishNotReadyAddresses": true});
        let service = Service::of_spec(&spec);
        assert_eq!(service.targets, [Target::Number(80), Target::Number(8081), Target::Name("http".into())]);
        assert!(service.headless && service.sends_to_unready);
    }
}
