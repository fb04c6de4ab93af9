//! Who is who in a pod, and who is sent work.
//!
//! A port that carries no work (metrics, health, debugging) makes nothing an app and no Service a sender, so a pod that is
//! only looked at is not kept waiting for clients that it does not have.

use super::helpers;
use super::owner::Owner;
use super::policy::{AppliesTo, HelperRole};
use super::servers::{Found, Work};
use super::settings::Settings;
use super::subject::{Container, IntOrString, Port, Subject};
use super::world::{Context, Service, Target};

/// Words in a port's name that say it carries no work.
const SIDE_NAMES: [&str; 16] = [
    "metrics",
    "prometheus",
    "prom",
    "telemetry",
    "monitoring",
    "jmx",
    "health",
    "healthz",
    "healthcheck",
    "probe",
    "probes",
    "liveness",
    "readiness",
    "debug",
    "pprof",
    "profiler",
];
/// Parts of the name of a flag or variable that names such a port, with one of [`ADDRESSES`].
const SIDE_FLAGS: [&str; 6] = ["metric", "health", "telemetry", "pprof", "profil", "probe"];
const ADDRESSES: [&str; 4] = ["port", "addr", "listen", "bind"];
/// Names of the ports of an exporter that are only read.
const READ_ONLY: [&str; 4] = ["", "http", "web", "metrics"];

/// Why a pod owes a hold, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldReason {
    /// A known Service sends to it.
    Sender,
    /// A port of the node leads to it.
    HostPort,
    /// An app declares a port that carries work.
    Port,
    /// A readiness probe asks a port that carries work.
    ReadinessProbe,
    /// The policy covers every pod.
    All,
    /// Services are known, and none sends to it: H is 0.
    NoSender,
    /// No port of it carries work: H is 0.
    NoWork,
    /// It fetches its work: H is 0.
    Fetched,
    /// Its peers find it by its kind and follow the cluster's own state: H is 0.
    Peer,
    /// There is one, and the next comes when it is gone: H is 0.
    OneWriter,
    /// Nobody else could take the work that comes, and the next pod comes when it is gone: H is 0.
    NobodyStandsIn,
}

impl HoldReason {
    /// As machines read it.
    pub fn as_str(self) -> &'static str {
        match self {
            HoldReason::Sender => "sender",
            HoldReason::HostPort => "host-port",
            HoldReason::Port => "port",
            HoldReason::ReadinessProbe => "readiness-probe",
            HoldReason::All => "all",
            HoldReason::NoSender => "no-sender",
            HoldReason::NoWork => "no-work",
            HoldReason::Fetched => "fetched",
            HoldReason::Peer => "peer",
            HoldReason::OneWriter => "one-writer",
            HoldReason::NobodyStandsIn => "nobody-stands-in",
        }
    }

    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            HoldReason::Sender => "a Service sends to it",
            HoldReason::HostPort => "a port of the node leads to it",
            HoldReason::Port => "it has a port that carries work",
            HoldReason::ReadinessProbe => "its readiness probe asks a port that carries work",
            HoldReason::All => "its policy covers all pods",
            HoldReason::NoSender => "no Service sends to it",
            HoldReason::NoWork => "it has no port that carries work",
            HoldReason::Fetched => "it fetches its work",
            HoldReason::Peer => "its peers follow the cluster's own state",
            HoldReason::OneWriter => "it is the only writer, and nobody stands in",
            HoldReason::NobodyStandsIn => "it is the only pod, and the next one comes when it is gone",
        }
    }

    /// Whether the pod owes one.
    pub fn holds(self) -> bool {
        matches!(
            self,
            HoldReason::Sender | HoldReason::HostPort | HoldReason::Port | HoldReason::ReadinessProbe | HoldReason::All
        )
    }

    /// Whether nobody sends it work, so that it owes no guess either.
    pub fn is_idle(self) -> bool {
        matches!(self, HoldReason::NoSender | HoldReason::NoWork)
    }
}

/// What a regular container is to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// It serves, or does the pod's work.
    App,
    /// Apps need it until they are done.
    Helper,
    /// It is sent no work, and no app needs it.
    Auxiliary,
}

/// What a pod's ports and the known Services come to.
#[derive(Debug)]
pub struct Serving<'a> {
    /// Each regular container, in its order.
    pub parts: Vec<Part>,
    /// Why the pod owes a hold, or does not.
    pub reason: HoldReason,
    /// The Service that sends to it.
    pub sender: Option<&'a str>,
    /// A Service with a cluster IP that goes on sending to it until it is gone.
    pub never_withdrawn: Option<&'a str>,
}

impl<'a> Serving<'a> {
    /// Looks at a pod; `as_written` in a cluster as it is, else as it would be admitted, where Services may still come.
    ///
    /// `servers` are those of the regular containers, in their order.
    pub fn of(
        subject: &'a Subject<'a>,
        settings: &Settings,
        context: &Context<'a>,
        as_written: bool,
        servers: &[Option<Found>],
    ) -> Serving<'a> {
        let containers = &subject.pod.spec.containers;
        let ports = Ports::of(subject, context);
        let services: Vec<_> = context.services(&subject.pod.metadata.labels).collect();
        let sends = |service: &Service| service.targets.iter().any(|target| ports.carries_work(target));
        let owner = context.owner(subject);
        let book = owner.as_ref().and_then(|owner| owner.service_name.as_deref());
        let book = book.or(subject.pod.spec.subdomain.as_deref());
        let is_book = |name: &str, service: &Service| service.headless && book == Some(name);
        let senders = services.iter().filter(|(_, service)| sends(service));
        let mut senders = senders.filter(|(name, service)| !is_book(name, service));
        let sender = senders.clone().find(|(_, service)| !service.sends_to_unready).map(|(name, _)| *name);
        let never_withdrawn = senders.find(|(_, s)| s.sends_to_unready && !s.headless).map(|(name, _)| *name);

        let targeted = |container: usize| {
            services.iter().flat_map(|(_, service)| &service.targets).any(|target| ports.means(container, target))
        };
        let (parts, lonely) = parts(subject, settings, &ports, &targeted);
        let host = ports.all().any(|(_, port, side)| !side && (port.host_port > 0 || subject.pod.spec.host_network));
        let app_port = ports.all().any(|(at, _, side)| !side && parts.get(at) == Some(&Part::App));
        let probed = || containers.iter().zip(&parts).any(|(c, part)| *part == Part::App && ports.is_probed(c));
        let by_ports = || {
            if host {
                HoldReason::HostPort
            } else if lonely {
                HoldReason::NoWork
            } else if app_port {
                HoldReason::Port
            } else if probed() {
                HoldReason::ReadinessProbe
            } else {
                HoldReason::NoWork
            }
        };
        let known = if as_written { context.knows_services() } else { !services.is_empty() };
        let reason = match settings.applies_to.value {
            AppliesTo::All => HoldReason::All,
            _ if sender.is_some() => HoldReason::Sender,
            AppliesTo::ServiceBacked => HoldReason::NoSender,
            AppliesTo::Serving if known && host => HoldReason::HostPort,
            AppliesTo::Serving if known => HoldReason::NoSender,
            AppliesTo::Serving => by_ports(),
        };
        let alone = owner.as_ref().map_or(subject.rollout.replicas.is_none_or(|n| n <= 1), Owner::is_alone);
        let nobody_stands_in = || owner.as_ref().is_some_and(Owner::nobody_stands_in);
        let reason = match not_sent(alone, &parts, servers, sender.is_some()) {
            _ if !reason.holds() || reason == HoldReason::All => reason,
            Some(otherwise) => otherwise,
            None if nobody_stands_in() => HoldReason::NobodyStandsIn,
            None => reason,
        };
        Serving { parts, reason, sender, never_withdrawn }
    }
}

/// How work comes to a pod of whose apps none is sent any: what the table of servers says of the first. It stands against
/// a Service, but for a peer that no flag of its own names.
fn not_sent(alone: bool, parts: &[Part], servers: &[Option<Found>], sender: bool) -> Option<HoldReason> {
    let mut apps = parts.iter().zip(servers).filter(|(part, _)| **part == Part::App).map(|(_, server)| {
        let server = server.as_ref()?;
        match server.work {
            Work::Fetched => Some(HoldReason::Fetched),
            Work::OneWriter if alone => Some(HoldReason::OneWriter),
            Work::Peer if server.work_by_flag || !sender => Some(HoldReason::Peer),
            Work::Peer | Work::OneWriter | Work::Sent => None,
        }
    });
    let first = apps.next()??;
    apps.all(|other| other.is_some()).then_some(first)
}

/// The role of each regular container: the first that speaks decides. And whether they are all auxiliaries, which then
/// are the apps, and serve nobody.
fn parts(subject: &Subject, settings: &Settings, ports: &Ports, targeted: &dyn Fn(usize) -> bool) -> (Vec<Part>, bool) {
    let containers = &subject.pod.spec.containers;
    let by_role = |role| match role {
        HelperRole::App => Part::App,
        HelperRole::Helper => Part::Helper,
        HelperRole::Auxiliary => Part::Auxiliary,
    };
    let is_targeted: Vec<bool> = (0..containers.len()).map(targeted).collect();
    let mut parts: Vec<_> = containers
        .iter()
        .enumerate()
        .map(|(at, container)| {
            let others = is_targeted.iter().enumerate().any(|(other, targeted)| *targeted && other != at);
            if let Some(role) = settings.stated_role(container) {
                by_role(role)
            } else if is_targeted.get(at) == Some(&true) {
                Part::App
            } else if let Some(known) = helpers::known(&container.name, container.image_name()) {
                by_role(known.role)
            } else if others && ports.are_all_side(at) {
                Part::Auxiliary
            } else {
                Part::App
            }
        })
        .collect();
    // Knative gives each container of a pod the same hook: none leaves before the others.
    if subject.kind.is_knative() {
        parts.fill(Part::App);
    }
    let lonely = !parts.is_empty() && parts.iter().all(|part| *part == Part::Auxiliary);
    if !parts.contains(&Part::App) {
        let serves = |at: usize, container: &Container| ports.works_on(at) || container.readiness_probe.is_some();
        let helper = |at: usize, parts: &[Part]| parts.get(at) == Some(&Part::Helper);
        let any_serves = containers.iter().enumerate().any(|(at, c)| helper(at, &parts) && serves(at, c));
        let any_helper = parts.contains(&Part::Helper);
        for (at, container) in containers.iter().enumerate() {
            let becomes = if any_helper { helper(at, &parts) && (!any_serves || serves(at, container)) } else { true };
            if let Some(part) = parts.get_mut(at).filter(|_| becomes) {
                *part = Part::App;
            }
        }
    }
    (parts, lonely)
}

/// The ports of a pod's regular containers, and which of them carry no work.
struct Ports<'a> {
    containers: &'a [Container<'a>],
    /// For each container, for each of its ports.
    side: Vec<Vec<bool>>,
}

impl<'a> Ports<'a> {
    fn of(subject: &'a Subject<'a>, context: &Context<'a>) -> Ports<'a> {
        let containers: &[Container] = &subject.pod.spec.containers;
        let scraped = subject.pod.metadata.annotations.as_ref().and_then(|a| a.scraped_port.as_ref());
        let scraped = scraped.and_then(|port| port.parse::<i64>().ok());
        let only = containers.iter().map(|c| c.ports.len()).sum::<usize>() == 1;
        let used = |port: &Port| {
            let by_service = || {
                let services = context.services(&subject.pod.metadata.labels);
                services.flat_map(|(_, service)| &service.targets).any(|target| means(port, target))
            };
            let asked = |c: &Container| {
                c.readiness_probe.as_ref().and_then(|probe| probe.port()).is_some_and(|target| port.is(target))
            };
            containers.iter().any(asked) || by_service()
        };
        let side = |container: &Container| {
            container
                .ports
                .iter()
                .map(|port| is_side(container, port) || (scraped == Some(port.container_port) && !only && !used(port)))
                .collect()
        };
        Ports { containers, side: containers.iter().map(side).collect() }
    }

    fn all(&self) -> impl Iterator<Item = (usize, &'a Port<'a>, bool)> {
        let containers = self.containers.iter().zip(&self.side).enumerate();
        containers.flat_map(|(at, (c, side))| c.ports.iter().zip(side).map(move |(port, side)| (at, port, *side)))
    }

    fn works_on(&self, container: usize) -> bool {
        self.side.get(container).is_some_and(|side| side.contains(&false))
    }

    fn are_all_side(&self, container: usize) -> bool {
        self.side.get(container).is_some_and(|side| !side.is_empty() && !side.contains(&false))
    }

    /// Whether a Service's port leads to work: an undeclared number may, a name that nobody has does not.
    fn carries_work(&self, target: &Target) -> bool {
        let mut meant = self.all().filter(|(_, port, _)| means(port, target)).peekable();
        match (meant.peek(), target) {
            (None, Target::Number(number)) => {
                !self.containers.iter().any(|c| flags_name(c, *number)) && !self.containers.is_empty()
            }
            (None, Target::Name(_)) => false,
            (Some(_), _) => meant.any(|(.., side)| !side),
        }
    }

    /// Whether it leads to work of this container.
    fn means(&self, container: usize, target: &Target) -> bool {
        self.all().any(|(at, port, side)| at == container && !side && means(port, target))
    }

    /// Whether a readiness probe asks a port that carries work.
    fn is_probed(&self, container: &Container) -> bool {
        let Some(target) = container.readiness_probe.as_ref().and_then(|probe| probe.port()) else { return false };
        match (self.all().find(|(_, port, _)| port.is(target)), target) {
            (Some((.., side)), _) => !side,
            (None, IntOrString::Int(number)) => !flags_name(container, *number) && !is_exporter(container),
            (None, IntOrString::String(name)) => !is_side_name(name) && !is_exporter(container),
        }
    }
}

fn means(port: &Port, target: &Target) -> bool {
    match target {
        Target::Number(number) => *number == port.container_port,
        Target::Name(name) => !name.is_empty() && name == port.name.as_str(),
    }
}

fn is_side(container: &Container, port: &Port) -> bool {
    let only_probe = || {
        let mut probes = container.probes();
        let asks = |probe: &super::subject::Probe| {
            probe.path() == Some("/metrics") && probe.port().is_some_and(|target| port.is(target))
        };
        probes.next().is_some_and(asks) && probes.next().is_none()
    };
    is_side_name(&port.name)
        || (READ_ONLY.contains(&port.name.as_str()) && is_exporter(container))
        || flags_name(container, port.container_port)
        || only_probe()
}

fn is_side_name(name: &str) -> bool {
    name.split('-').any(|word| SIDE_NAMES.contains(&word))
}

/// Containers that are only read, by name or image. What is pushed to is none of them.
fn is_exporter(container: &Container) -> bool {
    let is = |name: &str| {
        let words = || name.split(['-', '_', '.']);
        let reads =
            matches!(name, "cadvisor" | "kube-state-metrics" | "config-reloader" | "prometheus-config-reloader");
        reads || words().any(|word| word == "exporter")
    };
    is(&container.name) || is(container.image_name())
}

/// Whether a flag or a variable of the container names this port as one for metrics, health or profiles.
fn flags_name(container: &Container, number: i64) -> bool {
    let names = |name: &str, value: &str| ends_in(value, number) && is_side_flag(name);
    let words = || container.command.iter().chain(container.args.iter()).map(|word| word.as_str());
    let joined = words().any(|word| word.split_once('=').is_some_and(|(name, value)| names(name, value)));
    let apart = || words().zip(words().skip(1)).any(|(name, value)| name.starts_with('-') && names(name, value));
    joined || apart() || container.literals().any(|(name, value)| names(name, value))
}

/// Whether a port or an address ends in this number.
fn ends_in(value: &str, number: i64) -> bool {
    let digits = value.len() - value.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let (before, port) = value.split_at(value.len() - digits);
    !port.is_empty() && port.parse() == Ok(number) && (before.is_empty() || before.ends_with(':'))
}

fn is_side_flag(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SIDE_FLAGS.iter().any(|part| name.contains(part)) && ADDRESSES.iter().any(|part| name.contains(part))
}
