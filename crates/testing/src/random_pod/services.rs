//! The Services beside the plain one: what each sends to, and how.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Container, RandomPod};

/// The headless Service that the pod's StatefulSet names, where the pod has one.
pub(super) const BOOK: &str = "web-peers";

/// What a Service's port leads to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// 8080
    Work,
    /// The name of that port, where a container gives it one.
    Http,
    /// A name that no container has.
    Nobody,
    /// 9090, which is for metrics where a container has it.
    Metrics,
    /// It has no port.
    Nothing,
}

/// A Service that selects the pod.
#[derive(Clone, Copy, Debug)]
pub struct Around {
    pub name: &'static str,
    pub target: Target,
    pub headless: bool,
    /// `publishNotReadyAddresses`
    pub unready: bool,
}

const AROUND: [Around; 9] = [
    Around { name: "web-http", target: Target::Http, headless: false, unready: false },
    Around { name: "web-grpc", target: Target::Nobody, headless: false, unready: false },
    Around { name: "web-metrics", target: Target::Metrics, headless: false, unready: false },
    Around { name: "web-names", target: Target::Nothing, headless: true, unready: false },
    Around { name: "web-early", target: Target::Work, headless: false, unready: true },
    Around { name: "web-early-metrics", target: Target::Metrics, headless: false, unready: true },
    Around { name: "web-direct", target: Target::Work, headless: true, unready: false },
    Around { name: "web-early-direct", target: Target::Http, headless: true, unready: true },
    Around { name: BOOK, target: Target::Work, headless: true, unready: true },
];

/// None of them most often, else one or two.
pub(super) fn around() -> impl Strategy<Value = Vec<Around>> {
    prop_oneof![3 => Just(Vec::new()), 2 => prop::sample::subsequence(AROUND.to_vec(), 1..=2)]
}

impl Around {
    /// Its `spec`.
    pub fn spec(self) -> Value {
        let port = match self.target {
            Target::Work => Some(json!({"port": 80, "targetPort": 8080})),
            Target::Http => Some(json!({"port": 80, "targetPort": "http"})),
            Target::Nobody => Some(json!({"port": 80, "targetPort": "grpc"})),
            Target::Metrics => Some(json!({"port": 9090})),
            Target::Nothing => None,
        };
        let mut spec = json!({"selector": {"app": "web"}});
        port.into_iter().for_each(|port| spec["ports"] = json!([port]));
        if self.headless {
            spec["clusterIP"] = json!("None");
        }
        if self.unready {
            spec["publishNotReadyAddresses"] = json!(true);
        }
        spec
    }

    /// Whether it leads to the port of a container that carries work.
    fn leads_to(self, container: &Container) -> bool {
        match self.target {
            Target::Work => container.port,
            Target::Http => container.port && container.port_is_named,
            Target::Nobody | Target::Metrics | Target::Nothing => false,
        }
    }
}

/// The spec of the plain one, which sends to port 8080 of the pods with this label.
pub(super) fn plain(key: &str, value: &str) -> Value {
    json!({"selector": {key: value}, "ports": [{"port": 8080}]})
}

impl RandomPod {
    /// The Services that select the pod, with their specs.
    pub fn services(&self) -> impl Iterator<Item = (&'static str, Value)> {
        let plain = self.service.then(|| ("web", plain("app", "web")));
        plain.into_iter().chain(self.around.iter().map(|service| (service.name, service.spec())))
    }

    /// Whether a Service of any kind leads to one of its ports that carries work.
    pub(super) fn is_targeted(&self, container: &Container) -> bool {
        (self.service && container.port) || self.around.iter().any(|service| service.leads_to(container))
    }

    fn senders(&self) -> impl Iterator<Item = Around> {
        let withdrawn = self.around.iter().filter(|service| !service.unready);
        withdrawn.copied().filter(|service| !(self.has_book && service.headless && service.name == BOOK))
    }

    /// A port that nobody declares is not known to be one for metrics, and a name that nobody has leads nowhere.
    fn carries_work(&self, service: Around) -> bool {
        match service.target {
            Target::Work => true,
            Target::Http => self.containers.iter().any(|container| service.leads_to(container)),
            Target::Metrics => !self.containers.iter().any(|container| container.metrics),
            Target::Nobody | Target::Nothing => false,
        }
    }

    /// Whether a Service sends work to the pod.
    pub fn has_sender(&self) -> bool {
        self.service || self.senders().any(|service| self.carries_work(service))
    }

    /// Whether a Service goes on sending work to it until it is gone, that could go elsewhere.
    pub fn is_never_withdrawn(&self) -> bool {
        self.goes_on_being_sent_to() && !(self.alone && self.sends() == "never-withdrawn")
    }

    /// Whether a Service with a cluster IP does so.
    pub(super) fn goes_on_being_sent_to(&self) -> bool {
        self.around.iter().any(|service| service.unready && !service.headless && self.carries_work(*service))
    }
}
