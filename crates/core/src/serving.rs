//! Who is who in a pod, and who is sent work.
//!
//! A port that carries no work (metrics, health, debugging) makes nothing an app and no Service a sender, so a pod that is
//! only looked at is not kept waiting for clients that it does not have.

use super::helpers;
use super::owner::Owner;
use super::policy::{AppliesTo, HelperRole};
use super::servers::Work;
use super::settings::Settings;
use super::shutdown::Shutdown;
use super::subject::{Container, IntOrString, Port, Subject};
use super::world::{Context, Service, Target};

/// Parts of the name of a flag or variable that names such a port, with one of [`ADDRESSES`].
const SIDE_FLAGS: [&str; 6] = ["metric", "health", "telemetry", "pprof", "profil", "probe"];
const ADDRESSES: [&str; 4] = ["port", "addr", "listen", "bind"];
/// Names of the ports of an exporter that are only read.
const READ_ONLY: [&str; 8] = ["", "http", "https", "web", "metrics", "container-port", "http-port", "exporter-port"];
/// Words in the name of a container, or of its pod, that say it fetches its work: where no Service sends to it.
const FETCHERS: [&str; 6] = ["worker", "workers", "consumer", "consumers", "controller", "operator"];
/// Words that say the opposite: a controller of those is the way in.
const FRONTS: [&str; 6] = ["ingress", "gateway", "proxy", "router", "edge", "nginx"];

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
    /// The only Service that sends to it goes on until it is gone, whatever it does: H is 0.
    NeverWithdrawn,
    /// A policy or an annotation says that it is sent work.
    Stated,
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
            HoldReason::NeverWithdrawn => "never-withdrawn",
            HoldReason::Stated => "stated",
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
            HoldReason::NeverWithdrawn => "its Service goes on sending to it until it is gone",
            HoldReason::Stated => "it is said to be sent work",
            HoldReason::NobodyStandsIn => "it is the only pod, and the next one comes when it is gone",
        }
    }

    /// Whether the pod owes one.
    pub fn holds(self) -> bool {
        matches!(
            self,
            HoldReason::Sender
                | HoldReason::HostPort
                | HoldReason::Port
                | HoldReason::ReadinessProbe
                | HoldReason::All
                | HoldReason::Stated
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
    /// `shutdowns` are those of the regular containers, in their order.
    pub fn of(
        subject: &'a Subject<'a>,
        settings: &Settings,
        context: &Context<'a>,
        as_written: bool,
        shutdowns: &[Shutdown],
    ) -> Serving<'a> {
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
        let probed = || parts.iter().enumerate().any(|(at, part)| *part == Part::App && ports.is_probed(at));
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
            AppliesTo::Serving if said_to_be_sent(&parts, shutdowns) => HoldReason::Stated,
            AppliesTo::Serving if known && host => HoldReason::HostPort,
            _ if never_withdrawn.is_some() => HoldReason::NeverWithdrawn,
            AppliesTo::ServiceBacked => HoldReason::NoSender,
            AppliesTo::Serving if known => HoldReason::NoSender,
            AppliesTo::Serving => by_ports(),
        };
        let alone = owner.as_ref().map_or(subject.rollout.replicas.is_none_or(|n| n <= 1), Owner::is_alone);
        let by_port = |reason| matches!(reason, HoldReason::Port | HoldReason::ReadinessProbe);
        let nobody_stands_in = || owner.as_ref().is_some_and(Owner::nobody_stands_in);
        let reason = match not_sent(alone, &parts, shutdowns, sender.is_some()) {
            _ if !reason.holds() || reason == HoldReason::All => reason,
            Some(otherwise) => otherwise,
            None if nobody_stands_in() => HoldReason::NobodyStandsIn,
            None if by_port(reason) && services.is_empty() && is_named_a_fetcher(subject, &parts) => {
                HoldReason::Fetched
            }
            None => reason,
        };
        // Where nobody stands in, nobody could be sent to instead.
        let (reason, never_withdrawn) = match reason {
            HoldReason::NeverWithdrawn if nobody_stands_in() => (HoldReason::NobodyStandsIn, None),
            HoldReason::NobodyStandsIn => (reason, None),
            reason => (reason, never_withdrawn),
        };
        Serving { parts, reason, sender, never_withdrawn }
    }
}

/// How work comes to a pod of whose apps none is sent any: what is known of the first. It stands against a Service, but for
/// a peer whom nobody names so but the table.
fn not_sent(alone: bool, parts: &[Part], shutdowns: &[Shutdown], sender: bool) -> Option<HoldReason> {
    let mut apps = parts.iter().zip(shutdowns).filter(|(part, _)| **part == Part::App).map(|(_, shutdown)| {
        let known = shutdown.work?;
        match known.work {
            Work::Fetched => Some(HoldReason::Fetched),
            Work::OneWriter if alone => Some(HoldReason::OneWriter),
            Work::Peer if known.overruled || known.by_flag || !sender => Some(HoldReason::Peer),
            Work::Peer | Work::OneWriter | Work::Sent => None,
        }
    });
    let first = apps.next()??;
    apps.all(|other| other.is_some()).then_some(first)
}

/// Whether the names of a pod that no Service selects say that it fetches its work.
fn is_named_a_fetcher(subject: &Subject, parts: &[Part]) -> bool {
    let has = |name: &str, words: &[&str]| name.split('-').any(|word| words.contains(&word));
    let is = |name: &str| has(name, &FETCHERS) && !has(name, &FRONTS);
    let mut apps = subject.pod.spec.containers.iter().zip(parts).filter(|(_, part)| **part == Part::App);
    is(&subject.name) || apps.all(|(container, _)| is(&container.name))
}

/// Whether a policy or an annotation says of an app that it is sent work.
fn said_to_be_sent(parts: &[Part], shutdowns: &[Shutdown]) -> bool {
    let mut apps = parts.iter().zip(shutdowns).filter(|(part, _)| **part == Part::App);
    apps.any(|(_, shutdown)| shutdown.work.is_some_and(|known| known.overruled && known.work == Work::Sent))
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
    containers: Vec<Ported<'a>>,
}

/// A container with what is asked about it for each port.
struct Ported<'a> {
    container: &'a Container<'a>,
    /// The ports that its flags and variables name as ones for metrics, health or profiles.
    named: Vec<i64>,
    /// It is only read.
    exporter: bool,
    /// For each of its ports, whether it carries no work.
    side: Vec<bool>,
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
        let ported = |container: &'a Container<'a>| {
            let (named, exporter) = (named(container), is_exporter(container));
            let mut ported = Ported { container, named, exporter, side: Vec::new() };
            let scraped = |port: &Port| scraped == Some(port.container_port) && !only && !used(port);
            ported.side = container.ports.iter().map(|port| ported.is_side(port) || scraped(port)).collect();
            ported
        };
        Ports { containers: containers.iter().map(ported).collect() }
    }

    fn all(&self) -> impl Iterator<Item = (usize, &'a Port<'a>, bool)> {
        self.containers.iter().enumerate().flat_map(|(at, c)| c.ports().map(move |(port, side)| (at, port, side)))
    }

    fn works_on(&self, container: usize) -> bool {
        self.containers.get(container).is_some_and(|c| c.side.contains(&false))
    }

    fn are_all_side(&self, container: usize) -> bool {
        self.containers.get(container).is_some_and(|c| !c.side.is_empty() && !c.side.contains(&false))
    }

    /// Whether a Service's port leads to work: an undeclared number may, a name that nobody has does not.
    fn carries_work(&self, target: &Target) -> bool {
        let mut meant = self.all().filter(|(_, port, _)| means(port, target)).peekable();
        match (meant.peek(), target) {
            (None, Target::Number(number)) => {
                !self.containers.iter().any(|c| c.named.contains(number)) && !self.containers.is_empty()
            }
            (None, Target::Name(_)) => false,
            (Some(_), _) => meant.any(|(.., side)| !side),
        }
    }

    /// Whether it leads to work of this container.
    fn means(&self, container: usize, target: &Target) -> bool {
        let mut ports = self.containers.get(container).into_iter().flat_map(Ported::ports);
        ports.any(|(port, side)| !side && means(port, target))
    }

    /// Whether the readiness probe of a container asks a port that carries work.
    fn is_probed(&self, container: usize) -> bool {
        let Some(ported) = self.containers.get(container) else { return false };
        let Some(target) = ported.container.readiness_probe.as_ref().and_then(|probe| probe.port()) else {
            return false;
        };
        match (self.all().find(|(_, port, _)| port.is(target)), target) {
            (Some((.., side)), _) => !side,
            (None, IntOrString::Int(number)) => !ported.named.contains(number) && !ported.exporter,
            (None, IntOrString::String(name)) => !is_side_name(name) && !ported.exporter,
        }
    }
}

impl<'a> Ported<'a> {
    fn ports(&self) -> impl Iterator<Item = (&'a Port<'a>, bool)> {
        self.container.ports.iter().zip(self.side.iter().copied())
    }

    fn is_side(&self, port: &Port) -> bool {
        let only_probe = || {
            let mut probes = self.container.probes();
            let asks = |probe: &super::subject::Probe| {
                probe.path() == Some("/metrics") && probe.port().is_some_and(|target| port.is(target))
            };
            probes.next().is_some_and(asks) && probes.next().is_none()
        };
        is_side_name(&port.name)
            || (self.exporter && READ_ONLY.contains(&port.name.as_str()))
            || self.named.contains(&port.container_port)
            || only_probe()
    }
}

fn means(port: &Port, target: &Target) -> bool {
    match target {
        Target::Number(number) => *number == port.container_port,
        Target::Name(name) => !name.is_empty() && name == port.name.as_str(),
    }
}

/// Words in a port's name that say it carries no work.
fn is_side_name(name: &str) -> bool {
    name.as_bytes().split(|byte| *byte == b'-').any(|word| {
        matches!(
            word,
            b"metrics"
                | b"prometheus"
                | b"prom"
                | b"telemetry"
                | b"monitoring"
                | b"jmx"
                | b"health"
                | b"healthz"
                | b"healthcheck"
                | b"probe"
                | b"probes"
                | b"liveness"
                | b"readiness"
                | b"debug"
                | b"pprof"
                | b"profiler"
        )
    })
}

/// Containers that are only read, by name or image. What is pushed to is none of them.
fn is_exporter(container: &Container) -> bool {
    let is = |name: &str| {
        let mut words = name.as_bytes().split(|byte| matches!(byte, b'-' | b'_' | b'.'));
        matches!(name, "cadvisor" | "kube-state-metrics" | "config-reloader" | "prometheus-config-reloader")
            || words.any(|word| word == b"exporter")
    };
    is(&container.name) || is(container.image_name())
}

/// The ports that flags and variables of the container name as ones for metrics, health or profiles.
fn named(container: &Container) -> Vec<i64> {
    let mut ports = Vec::new();
    let mut setting = |name: &str, value: &str| ports.extend(port_in(value).filter(|_| is_side_flag(name)));
    let mut before = "";
    for word in container.command.iter().chain(container.args.iter()).map(|word| word.as_str()) {
        if let Some((name, value)) = word.split_once('=') {
            setting(name, value);
        }
        if before.starts_with('-') {
            setting(before, word);
        }
        before = word;
    }
    container.literals().for_each(|(name, value)| setting(name, value));
    ports
}

/// The port that an address or a number ends in.
fn port_in(value: &str) -> Option<i64> {
    let digits = value.bytes().rev().take_while(u8::is_ascii_digit).count();
    let (before, port) = value.split_at_checked(value.len() - digits)?;
    (before.is_empty() || before.ends_with(':')).then(|| port.parse().ok())?
}

fn is_side_flag(name: &str) -> bool {
    has_one(name, &ADDRESSES) && has_one(name, &SIDE_FLAGS)
}

/// Whether one of these parts is in a name, in capitals or not.
fn has_one(name: &str, parts: &[&str]) -> bool {
    let name = name.as_bytes();
    let begins = |part: &[u8], at: usize, letter: u8| {
        part.first() == Some(&letter)
            && name.get(at..at + part.len()).is_some_and(|begins| begins.eq_ignore_ascii_case(part))
    };
    let mut letters = name.iter().map(u8::to_ascii_lowercase).enumerate();
    letters.any(|(at, letter)| parts.iter().any(|part| begins(part.as_bytes(), at, letter)))
}
