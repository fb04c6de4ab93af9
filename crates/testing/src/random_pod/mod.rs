//! Random pods whose numbers are known from how they were made: first a model, then its JSON, annotations and
//! policies.
//!
//! [`random_pod`] is the strategy; [`RandomPod::json`] and [`RandomPod::world`] render it; the other methods say what
//! a reader of the two must find, in the simulator's terms. `hooks` has what a preStop hook says, `spelling` how people
//! write that, `servers` what a container says of its end, `services` who sends to the pod, `strategy` the rest of what is
//! made up, and `written` how it all looks.

mod fixed;
mod hooks;
mod servers;
mod services;
mod spelling;
mod strategy;
mod written;

use std::fmt;

use draingate_core::MAX_SECONDS;
use draingate_core::servers::{Sigterm, Work};
use draingate_core::world::SleepSupport;
use serde_json::{Value, json};

pub use self::hooks::{Hook, Length};
use self::servers::Comes;
pub use self::servers::{Limit, Program, Said, Server, ServerEntry, Word};
pub use self::services::{Around, Target};
pub use self::strategy::random_pod;
use crate::kubelet;

/// Where every random pod lives.
pub const NAMESPACE: &str = "shop";
/// The record of what was injected.
pub const RECORD: &str = "draingate.dev/injected";

/// Container names that mean a helper or an auxiliary where nobody says otherwise, with S.
const KNOWN: [(&str, u64, Role); 14] = [
    ("pgbouncer", 0, Role::Helper),
    ("istio-proxy", 0, Role::Helper),
    ("fluent-bit", 5, Role::Helper),
    ("vector", 60, Role::Helper),
    ("otel-collector-gateway", 5, Role::Helper),
    ("envoy", 0, Role::Helper),
    ("daprd", 5, Role::Helper),
    ("cloud-sql-proxy", 0, Role::Helper),
    ("spiffe-helper", 0, Role::Auxiliary),
    ("linkerd-proxy", 0, Role::Helper),
    ("otel-collector", 5, Role::Helper),
    ("fluentd", 5, Role::Helper),
    ("git-sync", 0, Role::Auxiliary),
    ("filebeat", 0, Role::Helper),
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
    /// Of an annotation always a helper.
    pub role: Role,
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
    /// What its apps do at SIGTERM.
    pub sigterm: Option<Sigterm>,
    /// A selector that covers the pod, instead of none.
    pub selects: bool,
}

/// What the pod's own annotations say, but for those that name a container.
#[derive(Clone, Debug)]
pub struct Annotations {
    /// E, D, R, M
    pub times: [Written; 4],
    pub waits_by_itself: bool,
    pub sigterm: Word<Sigterm>,
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
    Auxiliary,
    Sidecar,
}

#[derive(Clone, Debug)]
pub struct Container {
    pub naming: Naming,
    pub name: String,
    /// Of an init container: `restartPolicy: Always`.
    pub native: bool,
    pub hook: Option<Hook>,
    pub declared: Written,
    pub request: Written,
    pub entries: Entries,
    pub lifecycle: Lifecycle,
    /// 8080, on which it takes its work.
    pub port: bool,
    /// It calls that `http`.
    pub port_is_named: bool,
    /// A port of the node leads to it.
    pub host_port: bool,
    /// 9090, called `metrics`.
    pub metrics: bool,
    pub readiness: bool,
    pub liveness: bool,
    pub server: Option<Server>,
    pub said: Said,
    /// Where it stands in the pod.
    pub place: usize,
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
    /// A plain Service sends to its port 8080.
    pub service: bool,
    /// The others that select it.
    pub around: Vec<Around>,
    /// Its StatefulSet names a headless Service, the address book of its pods.
    pub has_book: bool,
    /// The only one of its StatefulSet, which is known.
    pub alone: bool,
    pub annotations_map: bool,
    /// Policies and Services that do not concern the pod.
    pub decoys: bool,
    pub sleep: SleepSupport,
    pub windows: bool,
    /// Seen as it is written, in a cluster as it is: Services that are known and do not send to it have a meaning.
    pub seen_as_written: bool,
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
        for (name, spec) in self.services() {
            writeln!(f, "Service {name} {spec}")?;
        }
        let Self { profile_label, alone, decoys, sleep, .. } = self;
        write!(f, "profile {profile_label:?}, alone {alone}, decoys {decoys}, sleep {sleep:?}")
    }
}

/// A hook in the simulator: how long its own commands run, when they stop the container, and whether somebody
/// declared that length.
#[derive(Clone, Copy, Default)]
struct Plays {
    runs: u64,
    stops_at: Option<u64>,
    declared: bool,
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

    /// The pod in the other light.
    #[must_use]
    pub fn seen(&self, as_written: bool) -> RandomPod {
        RandomPod { seen_as_written: as_written, ..self.clone() }
    }

    /// What a policy or an annotation says of a name: an exact entry, then the longer pattern; a known name or image is
    /// worth more than any pattern.
    fn entry(&self, container: &Container) -> Option<Entry> {
        let last = |entries: &Entries| entries.iter().flatten().last().cloned();
        let [longer, shorter, any] = &self.patterns;
        let aux = container.naming == Naming::Aux;
        let unknown = known(container).is_none();
        let aux = aux && unknown;
        let by_pattern = || last(longer).filter(|_| aux).or_else(|| last(shorter).filter(|_| aux));
        last(&container.entries).or_else(by_pattern).or_else(|| last(any).filter(|_| unknown))
    }

    /// The first that speaks: somebody, a Service that leads to its port, its name or image; beside one that a Service
    /// leads to, the ports of one that is only looked at.
    fn first_role(&self, container: &Container) -> Role {
        let others = || self.containers.iter().filter(|other| other.place != container.place);
        let is_looked_at = || container.metrics && !container.port && others().any(|other| self.is_targeted(other));
        match (container.said.role.get(), self.entry(container), known(container)) {
            (Some(role), ..) => role,
            (None, Some(Entry { role, .. }), _) => role,
            (None, None, _) if self.is_targeted(container) => Role::App,
            (None, None, Some((_, role))) => role,
            (None, None, None) if is_looked_at() => Role::Auxiliary,
            (None, None, None) => Role::App,
        }
    }

    /// Regular containers, then native sidecars.
    pub fn stopping(&self) -> impl Iterator<Item = (&Container, Role)> {
        let has = |role| self.containers.iter().any(|c| self.first_role(c) == role);
        let (app, helper) = (has(Role::App), has(Role::Helper));
        let serves = |c: &Container| c.port || c.readiness;
        let serving_helper = self.containers.iter().any(|c| self.first_role(c) == Role::Helper && serves(c));
        let role = move |c: &Container| match self.first_role(c) {
            role if app => role,
            Role::Helper if !serving_helper || serves(c) => Role::App,
            Role::Auxiliary if !helper => Role::App,
            role => role,
        };
        let regular = self.containers.iter().map(move |c| (c, role(c)));
        regular.chain(self.inits.iter().filter(|c| c.native).map(|c| (c, Role::Sidecar)))
    }

    /// In their order, which is the simulator's.
    pub fn apps(&self) -> impl Iterator<Item = &Container> {
        self.stopping().filter(|(_, role)| *role == Role::App).map(|(container, _)| container)
    }

    /// Whether the pod owes a hold at all.
    pub fn holds(&self) -> bool {
        matches!(self.hold_reason(), "all" | "sender" | "stated" | "host-port" | "port" | "readiness-probe")
    }

    /// Why it owes a hold, or does not: who sends to it, then how work comes to its apps.
    pub fn hold_reason(&self) -> &'static str {
        let reason = self.sends();
        let sender = self.has_sender();
        // None where it is sent.
        let comes = |container: &Container| match self.comes(container) {
            Comes::Stated(work) | Comes::Known(work) => Some(work).filter(|work| *work != Work::Sent),
            Comes::UnlessSent(work) => Some(work).filter(|_| !sender),
            Comes::Nothing => None,
        };
        let idle = matches!(reason, "no-sender" | "no-work" | "never-withdrawn");
        match self.apps().map(comes).collect::<Option<Vec<_>>>().and_then(|works| works.first().copied()) {
            _ if reason == "all" => reason,
            _ if reason == "never-withdrawn" && self.alone => "nobody-stands-in",
            _ if idle => reason,
            Some(Work::Fetched) => "fetched",
            Some(Work::Peer) => "peer",
            Some(Work::OneWriter) => "one-writer",
            Some(Work::Sent) | None if self.alone => "nobody-stands-in",
            Some(Work::Sent) | None => reason,
        }
    }

    /// Who sends work to it, by its ports and the Services.
    pub(super) fn sends(&self) -> &'static str {
        let selected = self.services().next().is_some();
        let knows = selected || (self.seen_as_written && self.decoys);
        let lonely = self.containers.iter().all(|c| self.first_role(c) == Role::Auxiliary);
        let nobody = if self.goes_on_being_sent_to() { "never-withdrawn" } else { "no-sender" };
        let stated = self.apps().any(|app| self.comes(app) == Comes::Stated(Work::Sent));
        match self.choice("appliesTo", |layer| layer.applies_to).unwrap_or("Serving") {
            "All" => "all",
            _ if self.has_sender() => "sender",
            "ServiceBacked" => nobody,
            _ if stated => "stated",
            _ if self.containers.iter().any(|c| c.port && c.host_port) => "host-port",
            _ if knows => nobody,
            _ if lonely => "no-work",
            _ if self.apps().any(|app| app.port) => "port",
            _ if self.apps().any(|app| app.readiness && !app.probes_metrics()) => "readiness-probe",
            _ => "no-work",
        }
    }

    /// Whether what nobody stated counts as nothing: nobody sends it work, and no container waits for another.
    fn owes_no_guess(&self) -> bool {
        let waits = |(c, role): (&Container, Role)| match role {
            Role::Helper => true,
            Role::Sidecar => self.stop_seconds(c) > 0,
            Role::App | Role::Auxiliary => false,
        };
        matches!(self.hold_reason(), "no-sender" | "no-work") && !self.stopping().any(waits)
    }

    /// Whether somebody stated R (2) or M (3).
    fn states(&self, time: usize) -> bool {
        let (cluster, own) = (self.cluster.others[time - 1], self.own.others[time - 1]);
        let name = ["worstCaseRequestSeconds", "safetyMarginSeconds"][time - 2];
        let base = cluster.unwrap_or([15, 5][time - 2]);
        let bound = if self.locks(name) { base } else { 0 };
        let later = [own, self.annotations.times[time].seconds()].into_iter().flatten();
        cluster.is_some() || later.filter(|seconds| *seconds >= bound).count() > 0
    }

    /// M.
    pub fn margin(&self) -> u64 {
        let [.., margin] = self.times();
        if self.owes_no_guess() && !self.states(3) { 0 } else { margin }
    }

    /// H.
    pub fn hold(&self) -> u64 {
        let [e, d, ..] = self.times();
        if self.holds() { e + d } else { 0 }
    }

    /// E, as far as the pod holds: where nobody stands in, what an early stop refuses, any stop does.
    pub fn propagation(&self) -> u64 {
        let [e, ..] = self.times();
        if self.holds() { e } else { 0 }
    }

    /// h as written; none for one without a believable end.
    pub fn hook_seconds(&self, container: &Container) -> Option<u64> {
        match &container.hook {
            None => Some(0),
            Some(hook) => container.declaration().or_else(|| hook.length.counts(self.hold())),
        }
    }

    /// When the container takes no more work: told to stop by its hook, or after it, it goes on for its A.
    pub fn stops_at(&self, container: &Container, role: Role) -> Option<u64> {
        let told_at = self.plays(container).map(|plays| plays.stops_at.unwrap_or(plays.runs))?;
        told_at.checked_add(self.accept_seconds(container, role))
    }

    /// Whether the hook's length is a guess that somebody should replace.
    pub fn hook_is_guess(&self, container: &Container) -> bool {
        let guess = container.hook.as_ref().is_some_and(|hook| hook.length.is_guess(self.hold()));
        guess && container.declaration().is_none()
    }

    /// How a hook as written plays. What somebody declares is all of it, its stop included.
    fn plays(&self, container: &Container) -> Option<Plays> {
        let runs = self.hook_seconds(container)?;
        let Some((length, stop)) = container.hook.as_ref().and_then(|hook| Some((hook.length, hook.stop.as_ref()?)))
        else {
            return Some(Plays { runs, ..Plays::default() });
        };
        let stops_at = length.counts(self.hold()).map(|at| at.min(runs));
        let declared = container.declaration().is_some();
        let runs = if declared { runs } else { runs.saturating_add(stop.rest) };
        Some(Plays { runs, stops_at, declared })
    }

    /// R of an app: a T that somebody set replaces the built-in guess.
    pub fn request_seconds(&self, container: &Container) -> u64 {
        let [.., all, _] = self.times();
        let finish = self.finish(container).filter(|finish| finish.stated).map(|finish| finish.seconds);
        let finish = finish.filter(|seconds| *seconds >= self.least_request() && !self.states(2));
        let guess = if self.owes_no_guess() && !self.states(2) { 0 } else { all };
        self.own_request(container).or(finish).unwrap_or(guess)
    }

    /// R that the container's own annotation states.
    fn own_request(&self, container: &Container) -> Option<u64> {
        container.request.seconds().filter(|seconds| *seconds >= self.least_request())
    }

    /// Whether somebody stated its R; a T is no such word.
    pub fn request_is_stated(&self, container: &Container) -> bool {
        self.own_request(container).is_some() || self.states(2)
    }

    fn least_request(&self) -> u64 {
        let locked = self.locks("worstCaseRequestSeconds");
        if locked { self.cluster.others[1].unwrap_or(15) } else { 0 }
    }

    /// S of a helper or native sidecar.
    pub fn stop_seconds(&self, container: &Container) -> u64 {
        match self.entry(container) {
            Some(entry) => entry.stop.unwrap_or(2),
            None => known(container).map_or(2, |(stop, _)| stop),
        }
    }

    /// The pod for the simulator, each container with the hook that `hook` gives it.
    fn play(&self, grace: u64, hook: impl Fn(&Container, Role) -> Option<Plays>) -> Option<kubelet::Pod> {
        let (margin, waits_by_itself) = (self.margin(), self.waits_by_itself());
        let (hold, propagation) = (self.hold(), self.propagation());
        let mut pod = kubelet::Pod { grace, hold, propagation, margin, ..kubelet::Pod::default() };
        for (container, role) in self.stopping() {
            let plays = hook(container, role)?;
            if role == Role::App {
                pod.apps.push(self.play_app(container, plays, waits_by_itself));
                continue;
            }
            let Plays { runs: hook, stops_at, declared: outlasts_hook } = plays;
            let accepts = self.accept_seconds(container, role);
            let helper = kubelet::Helper { hook, stops_at, outlasts_hook, stop: self.stop_seconds(container), accepts };
            match role {
                Role::Helper => pod.helpers.push(helper),
                Role::Auxiliary => pod.auxiliaries.push(helper),
                Role::Sidecar | Role::App => pod.sidecars.push(helper),
            }
        }
        Some(pod)
    }

    fn play_app(&self, container: &Container, plays: Plays, waits_by_itself: bool) -> kubelet::App {
        kubelet::App {
            hook: plays.runs,
            stops_at: plays.stops_at,
            outlasts_hook: plays.declared,
            request: self.request_seconds(container),
            waits_by_itself,
            accepts: self.accept_seconds(container, Role::App),
            limit: self.finish(container).map(|finish| finish.seconds),
            cuts: self.sigterm_cuts(container),
            stops_gracefully: container.hook.as_ref().is_some_and(Hook::stops_gracefully),
        }
    }

    /// Whether a wait can be written into it.
    pub fn can_wait(&self) -> bool {
        match self.sleep {
            SleepSupport::Native => true,
            SleepSupport::Exec { .. } => !self.windows,
            SleepSupport::Unsupported { .. } => false,
        }
    }

    /// Whether its apps take work after SIGTERM until the hold is over.
    pub fn waits_by_itself(&self) -> bool {
        self.policy_hook() == PolicyHook::None
    }

    /// The pod as written; none where a hook has no believable end.
    pub fn as_written(&self) -> Option<kubelet::Pod> {
        self.seen(true).standing()
    }

    fn standing(&self) -> Option<kubelet::Pod> {
        self.play(self.grace_seconds(), |container, _| self.plays(container))
    }

    /// The apps as written, each alone, by the names of their containers; none in place of one whose hook has no believable
    /// end. The grace is long enough for anything.
    fn each_alone(&self) -> impl Iterator<Item = (&Container, Option<kubelet::Pod>)> {
        let (hold, propagation, waits_by_itself) = (self.hold(), self.propagation(), self.waits_by_itself());
        self.apps().map(move |container| {
            let pod = self.plays(container).map(|plays| {
                let apps = vec![self.play_app(container, plays, waits_by_itself)];
                kubelet::Pod { grace: u64::MAX, hold, propagation, apps, ..kubelet::Pod::default() }
            });
            (container, pod)
        })
    }

    /// The apps that refuse what is certain to come.
    pub fn refusing(&self) -> Vec<&str> {
        self.those(|_, pod| pod.is_some_and(|pod| !kubelet::stop(&pod).refused.is_empty()))
    }

    /// The apps that end a request of the hold at once when they are told to stop.
    pub fn cutting(&self) -> Vec<&str> {
        self.those(|_, pod| pod.is_some_and(|pod| !kubelet::stop(&pod).lost_late.is_empty()))
    }

    /// The apps that end, at their own limit, a request as long as somebody said that they may be; whenever they are told.
    pub fn limited(&self) -> Vec<&str> {
        self.those(|container, _| {
            let stop = container.hook.as_ref().and_then(|hook| hook.stop.as_ref());
            let app = self.play_app(container, Plays { stops_at: stop.map(|_| 0), ..Plays::default() }, false);
            let alone = kubelet::Pod { grace: u64::MAX, apps: vec![app], ..kubelet::Pod::default() };
            self.request_is_stated(container) && !kubelet::stop(&alone).timed_out.is_empty()
        })
    }

    /// The apps that are killed, with the grace as written, before their A and all of their T are over.
    pub fn killed_early(&self) -> Vec<&str> {
        self.those(|container, pod| {
            let (Some(mut pod), Some(limit)) = (pod, self.finish(container)) else { return false };
            pod.grace = self.grace_seconds();
            // Its own clock runs from when it is told, whoever is still sent work.
            (pod.hold, pod.propagation) = (0, 0);
            pod.apps.iter_mut().for_each(|app| (app.request, app.limit) = (limit.seconds, None));
            !self.cuts(container) && !kubelet::stop(&pod).cut.is_empty()
        })
    }

    fn those(&self, are: impl Fn(&Container, Option<kubelet::Pod>) -> bool) -> Vec<&str> {
        self.each_alone().filter_map(|(c, pod)| are(c, pod).then_some(c.name.as_str())).collect()
    }

    /// The helpers and native sidecars that are told to stop while apps are at work, by the names of their containers,
    /// however long the grace. Of a hook whose length nobody knows nobody says so.
    pub fn early(&self) -> Vec<&str> {
        let never = Plays { runs: u64::MAX, ..Plays::default() };
        let known = |container: &Container, role| {
            let hook = container.hook.as_ref().filter(|_| role != Role::App && container.declaration().is_none());
            match hook.map(|hook| (hook.length, hook.stop.is_some())) {
                Some((Length::AtLeast(runs), stops)) => {
                    Some(Plays { runs, stops_at: stops.then_some(runs), declared: false })
                }
                Some((length, _)) if length.is_guess(self.hold()) => Some(never),
                Some(_) => Some(self.plays(container).unwrap_or(never)),
                None => self.plays(container),
            }
        };
        let Some(pod) = self.play(u64::MAX, known) else { return Vec::new() };
        let early = kubelet::stop(&pod).early;
        let of = |wanted| self.stopping().filter(move |(_, role)| *role == wanted);
        let helpers = of(Role::Helper).enumerate().filter(|(index, _)| early.contains(&kubelet::Who::Helper(*index)));
        let sidecars =
            of(Role::Sidecar).enumerate().filter(|(index, _)| early.contains(&kubelet::Who::Sidecar(*index)));
        helpers.chain(sidecars).map(|(_, (container, _))| container.name.as_str()).collect()
    }

    /// The pod after the plan, as the contract has it.
    pub fn expected(&self) -> Expected {
        let grace = self.grace_seconds();
        let written = self.standing();
        let nothing = |required| Expected { required, injects: false, pod: written.clone() };
        let Some(pod) = self.with_hooks() else {
            return nothing(written.as_ref().map(kubelet::smallest_grace));
        };
        let Some(mut pod) = pod else { return nothing(None) };
        let needed = kubelet::smallest_grace(&pod);
        if grace < needed && (self.never_raise() || needed > self.ceiling()) {
            return nothing(Some(needed));
        }
        // A hook that an app is given is not taken from it.
        let apps = self.stopping().filter(|(_, role)| *role == Role::App).zip(&pod.apps);
        let given = apps.filter(|((container, _), _)| container.has_no_hook()).map(|(_, app)| app.hook).max();
        let wanted = grace.saturating_add(given.unwrap_or(0)).min(self.ceiling());
        pod.grace = if self.never_raise() { grace } else { grace.max(needed).max(wanted) };
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
        zero && self.apps().any(|app| app.has_no_hook() && self.hook_for(app).is_some())
    }

    /// The hook that the plan gives an app that has none, in seconds: until the hold is over, or the last request where
    /// SIGTERM would end that. No wait for one that takes work for as long by itself.
    fn hook_for(&self, app: &Container) -> Option<u64> {
        let (hold, accepts) = (self.hold(), self.accept_seconds(app, Role::App));
        match self.policy_hook() {
            _ if !self.holds() => None,
            PolicyHook::Sleep if hold > 0 && self.cuts(app) => hold.checked_add(self.request_seconds(app)),
            PolicyHook::Sleep => Some(hold - accepts.min(hold)).filter(|seconds| *seconds > 0),
            PolicyHook::HttpGet(seconds) | PolicyHook::Exec(seconds) => Some(seconds),
            PolicyHook::None => None,
        }
    }

    /// The pod with the hooks it should get. None where it should get a wait that cannot be written; none within
    /// where a hook has no believable end.
    fn with_hooks(&self) -> Option<Option<kubelet::Pod>> {
        let can_wait = self.can_wait();
        let lasts = |runs| Plays { runs, ..Plays::default() };
        let given = |app: &&Container| app.has_no_hook();
        let for_apps: Vec<u64> = self.apps().filter(given).filter_map(|app| self.hook_for(app)).collect();
        if self.policy_hook() == PolicyHook::Sleep && !for_apps.is_empty() && !can_wait {
            return None;
        }
        if for_apps.iter().any(|seconds| *seconds > MAX_SECONDS) {
            return Some(None);
        }
        let hook = |container: &Container, role, for_helpers: &dyn Fn(&Container) -> u64| match role {
            Role::App if container.has_no_hook() => Some(lasts(self.hook_for(container).unwrap_or(0))),
            Role::Helper if container.has_no_hook() => Some(lasts(for_helpers(container))),
            _ => self.plays(container),
        };
        // Helpers wait for the apps, so those are played first, without any; an app without an end keeps none waiting.
        let only_app = |container: &Container, role| {
            if role == Role::App { hook(container, role, &|_| 0) } else { Some(lasts(0)) }
        };
        let Some(apps) = self.play(u64::MAX, only_app) else { return Some(None) };
        let apps_done = kubelet::stop(&apps).apps.iter().filter_map(|app| app.exited_at).max().unwrap_or(0);
        let for_helpers = |helper: &Container| {
            if apps_done == 0 || self.accept_seconds(helper, Role::Helper) > apps_done { 0 } else { apps_done + 1 }
        };
        let helpers = self.stopping().filter(|(c, role)| *role == Role::Helper && c.has_no_hook());
        let longest = helpers.map(|(helper, _)| for_helpers(helper)).max().unwrap_or(0);
        if longest > 0 && !can_wait {
            return None;
        }
        if longest > MAX_SECONDS {
            return Some(None);
        }
        Some(self.play(0, |container, role| hook(container, role, &for_helpers)))
    }

    /// The pod for the simulator with grace and hooks as they stand in `json`, whoever wrote them; none where a hook
    /// has no believable end. Panics on a hook that neither the model nor the contract knows.
    pub fn as_patched(&self, json: &Value) -> Option<kubelet::Pod> {
        let grace = grace_seconds(json["spec"]["terminationGracePeriodSeconds"].as_i64());
        let lasts = |runs| Some(Plays { runs, ..Plays::default() });
        self.play(grace, |container, _| {
            let Some(hook) = self.raw(json, container).pointer("/lifecycle/preStop").filter(|hook| !hook.is_null())
            else {
                return lasts(0);
            };
            if !container.has_no_hook() {
                return self.plays(container);
            }
            let policy = self.policy_hook();
            if let (Some(handler), PolicyHook::HttpGet(seconds) | PolicyHook::Exec(seconds)) =
                (policy.handler(), &policy)
                && *hook == handler
            {
                return lasts(*seconds);
            }
            let fallback = hook["exec"]["command"].as_array().filter(|words| words[0] == "sleep");
            let fallback = fallback.and_then(|words| words[1].as_str()?.parse().ok());
            let seconds = hook["sleep"]["seconds"].as_u64().or(fallback);
            lasts(seconds.unwrap_or_else(|| panic!("an injected hook that nobody asked for: {hook}")))
        })
    }

    /// A container's JSON, by its name.
    pub fn raw<'j>(&self, json: &'j Value, container: &Container) -> &'j Value {
        let lists = ["containers", "initContainers"].map(|list| json["spec"][list].as_array());
        let mut all = lists.into_iter().flatten().flatten();
        all.find(|raw| raw["name"] == container.name.as_str()).unwrap()
    }
}

/// S and the role of a known name, or of a known server's image.
fn known(container: &Container) -> Option<(u64, Role)> {
    let is_it = |(name, ..): &&(&str, u64, Role)| container.naming == Naming::Known && *name == container.name;
    let by_image = || container.server.as_ref().filter(|server| server.program == Program::Envoy);
    let by_name = KNOWN.iter().find(is_it).map(|(_, stop, role)| (*stop, *role));
    by_name.or_else(|| by_image().map(|_| (0, Role::Helper)))
}

impl Container {
    /// Its image, which no other container of the pod has.
    pub fn image(&self) -> String {
        let name = self.server.as_ref().map_or("x:1", Server::image);
        format!("registry.example/c{}/{name}", self.place)
    }

    /// Its probes ask the port for metrics, where it has no other.
    fn probes_metrics(&self) -> bool {
        self.metrics && !self.port
    }

    pub fn has_no_hook(&self) -> bool {
        self.hook.is_none()
    }

    /// What somebody declares that may be so.
    fn declaration(&self) -> Option<u64> {
        let hook = self.hook.as_ref()?;
        self.declared.seconds().filter(|seconds| hook.may_be(*seconds))
    }

    /// Whether an annotation declares what is no number, or cannot be so.
    pub fn declares_nonsense(&self) -> bool {
        self.declared != Written::Absent && self.declaration().is_none()
    }

    /// Whether its hook cannot run.
    pub fn hook_fails(&self) -> bool {
        self.hook.as_ref().is_some_and(|hook| hook.fails)
    }
}

/// G as the kubelet counts it.
pub fn grace_seconds(grace: Option<i64>) -> u64 {
    grace.map_or(30, |seconds| if seconds < 0 { 1 } else { seconds.unsigned_abs() })
}
