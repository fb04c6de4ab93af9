//! The subject of a judgement: a pod, one of the eight other built-in kinds that carry a pod template, or a custom resource
//! that has one at `spec.template`.
//!
//! Parsing takes what the decision needs, borrowed from the bytes, and passes over everything else ([`json`](super::json)), so
//! fields that Draingate has never heard of cannot disturb it.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::config_maps::Given;
use super::hooks::Variable;
use super::injectors;
use super::json::{Read, Reader, Unread, fields};
use super::keys;
use super::nodes::{self, Affinity, NodeSelector, TakenAway};
use super::text::{self, Bounded, MOST_PAIRS, Pairs, Text};
use super::unreadable::{Unreadable, read};

pub use super::kind::{Kind, Maker};

/// What is judged: an object and the pod in it.
#[derive(Debug)]
pub struct Subject<'a> {
    /// What kind of object carries the pod.
    pub kind: Kind,
    /// That kind's name, as the object has it: a custom resource's is its own.
    pub kind_name: Cow<'a, str>,
    /// The object's name; of a pod that has none yet, its `generateName` and a star.
    pub name: Cow<'a, str>,
    /// The object's namespace, where it names one.
    pub namespace: Option<Text<'a>>,
    /// The object's controller, where it has one.
    pub controller: Option<OwnerReference<'a>>,
    /// How a rollout of it proceeds.
    pub rollout: Rollout<'a>,
    /// The pod, or the template of its pods.
    pub pod: PodTemplate<'a>,
    /// A grace beside the object's own spec.
    stray_beside: Option<StrayGrace>,
    /// A grace in the object's own spec, which is not its pod's.
    stray_own: Option<StrayGrace>,
    /// A grace in the pod's spec under a name that the kind refuses.
    stray_refused: Option<i64>,
}

/// A `terminationGracePeriodSeconds` that is not the pod's.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
pub enum StrayGrace {
    /// With this value.
    Seconds(i64),
    /// With something that is no number.
    Other(IgnoredAny),
}

impl<'a> Read<'a> for StrayGrace {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Unread> {
        reader.strict()
    }
}

/// The `metadata` and `spec` of a pod or a pod template.
#[derive(Debug, Default, Deserialize)]
pub struct PodTemplate<'a> {
    /// Labels and annotations.
    #[serde(borrow, default, deserialize_with = "present_metadata")]
    pub metadata: Metadata<'a>,
    /// Containers and grace.
    #[serde(borrow, default, deserialize_with = "null_is_default")]
    pub spec: PodSpec<'a>,
    #[serde(rename = "terminationGracePeriodSeconds")]
    stray_grace: Option<StrayGrace>,
}

fields!(PodTemplate<'a> {
    "metadata" => metadata or default,
    "spec" => spec or default,
    "terminationGracePeriodSeconds" => stray_grace,
});

/// What of an object's metadata matters here.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    generate_name: Option<Text<'a>>,
    #[serde(borrow)]
    namespace: Option<Text<'a>>,
    /// Labels.
    #[serde(borrow, default, deserialize_with = "null_is_default")]
    pub labels: Pairs<'a>,
    #[serde(skip)]
    present: bool,
    /// `None` where the object has none, so that a patch must add the map.
    #[serde(borrow)]
    pub annotations: Option<Annotations<'a>>,
    #[serde(borrow, default, deserialize_with = "null_is_default")]
    owner_references: Bounded<OwnerReference<'a>, 100>,
}

fields!(Metadata<'a> {
    "name" => name,
    "generateName" => generate_name,
    "namespace" => namespace,
    "labels" => labels or default,
    "annotations" => annotations,
    "ownerReferences" => owner_references or default,
} then present = true);

fn present_metadata<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Metadata<'de>, D::Error> {
    let metadata = Option::<Metadata>::deserialize(deserializer)?;
    Ok(metadata.map(|m| Metadata { present: true, ..m }).unwrap_or_default())
}

impl<'a> Metadata<'a> {
    /// Whether the input has the object at all; a patch must add it otherwise.
    pub fn is_present(&self) -> bool {
        self.present
    }

    /// Takes what names the object and leaves what describes its pod.
    fn take_identity(&mut self) -> Metadata<'a> {
        Metadata {
            name: self.name.take(),
            generate_name: self.generate_name.take(),
            namespace: self.namespace.take(),
            owner_references: std::mem::take(&mut self.owner_references),
            ..Metadata::default()
        }
    }
}

/// One entry of `ownerReferences`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnerReference<'a> {
    /// For example `apps/v1`.
    #[serde(borrow, default)]
    pub api_version: Text<'a>,
    /// For example `ReplicaSet`.
    #[serde(borrow, default)]
    pub kind: Text<'a>,
    /// The owner's name.
    #[serde(borrow, default)]
    pub name: Text<'a>,
    /// Which of all that had this name.
    #[serde(borrow, default)]
    pub uid: Text<'a>,
    #[serde(default)]
    controller: Option<bool>,
}

fields!(OwnerReference<'a> {
    "apiVersion" => api_version,
    "kind" => kind,
    "name" => name,
    "uid" => uid,
    "controller" => controller,
});

impl OwnerReference<'_> {
    /// Whether an object can be told by it: an API server checks no more than that nothing in it is empty.
    pub fn is_credible(&self) -> bool {
        let short = |text: &str, most: usize| (1..=most).contains(&text.len());
        keys::is_name(&self.name) && short(&self.uid, 128) && short(&self.kind, 63) && short(&self.api_version, 317)
    }
}

/// The most containers of a list that a pod is judged with; more is an error.
pub const MOST_CONTAINERS: usize = 500;

/// The annotations that concern Draingate.
#[derive(Clone, Debug, Default)]
pub struct Annotations<'a> {
    /// Ours.
    pub ours: Pairs<'a>,
    /// `prometheus.io/port`.
    pub scraped_port: Option<Text<'a>>,
    /// Whether the mirror mark of a static pod is among them.
    pub mirror: bool,
    /// Those that an [injector](super::injectors) reads.
    pub of_injectors: Pairs<'a>,
    /// How many there are in all.
    pub count: usize,
}

impl Annotations<'_> {
    /// The value of one of our keys.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.ours.get(key)
    }
}

/// Annotations, while they are read one by one.
#[derive(Default)]
struct Annotating<'a> {
    out: Annotations<'a>,
    ours: Vec<(Text<'a>, Text<'a>)>,
    of_injectors: Vec<(Text<'a>, Text<'a>)>,
}

impl<'a> Annotating<'a> {
    fn add(&mut self, key: Text<'a>, value: Option<Text<'a>>) {
        self.out.count += 1;
        let of_interest = if key.contains(keys::DOMAIN) {
            &mut self.ours
        } else if injectors::reads(&key) {
            &mut self.of_injectors
        } else {
            self.out.mirror |= key.as_str() == keys::MIRROR;
            if key.as_str() == keys::SCRAPED_PORT {
                self.out.scraped_port = value;
            }
            return;
        };
        if of_interest.len() <= MOST_PAIRS {
            of_interest.push((key, value.unwrap_or_default()));
        }
    }

    fn done(self) -> Annotations<'a> {
        Annotations { ours: Pairs::of(self.ours), of_injectors: Pairs::of(self.of_injectors), ..self.out }
    }
}

impl<'a> Read<'a> for Annotations<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Unread> {
        let mut annotating = Annotating::default();
        reader.texts(|reader, key| {
            annotating.add(key, Option::read(reader)?);
            Ok(())
        })?;
        Ok(annotating.done())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Annotations<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Annotated;
        impl<'de> Visitor<'de> for Annotated {
            type Value = Annotations<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of strings")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut annotating = Annotating::default();
                while let Some((key, value)) = map.next_entry::<Text<'de>, Option<Text<'de>>>()? {
                    annotating.add(key, value);
                }
                Ok(annotating.done())
            }
        }
        deserializer.deserialize_map(Annotated)
    }
}

/// What of a pod's spec matters here.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSpec<'a> {
    /// G as written; `None` where it is absent, which the API server makes 30.
    pub termination_grace_period_seconds: Option<i64>,
    #[serde(borrow)]
    restart_policy: Option<Text<'a>>,
    #[serde(borrow)]
    priority_class_name: Option<Text<'a>>,
    #[serde(borrow)]
    os: Option<Os<'a>>,
    /// Its ports are the node's own.
    #[serde(default, deserialize_with = "null_is_default")]
    pub host_network: bool,
    /// Of a StatefulSet's pod, the Service that the StatefulSet names.
    #[serde(borrow)]
    pub subdomain: Option<Text<'a>>,
    /// Knative's own word for the grace.
    timeout_seconds: Option<i64>,
    node_selector: Option<NodeSelector>,
    #[serde(borrow)]
    affinity: Option<Affinity<'a>>,
    /// Regular containers.
    #[serde(borrow, default, deserialize_with = "null_is_default")]
    pub containers: Bounded<Container<'a>, MOST_CONTAINERS>,
    /// Init containers; those with `restartPolicy: Always` are native sidecars.
    #[serde(borrow, default, deserialize_with = "null_is_default")]
    pub init_containers: Bounded<Container<'a>, MOST_CONTAINERS>,
}

fields!(PodSpec<'a> {
    "terminationGracePeriodSeconds" => termination_grace_period_seconds,
    "restartPolicy" => restart_policy,
    "priorityClassName" => priority_class_name,
    "os" => os,
    "hostNetwork" => host_network or default,
    "subdomain" => subdomain,
    "timeoutSeconds" => timeout_seconds,
    "nodeSelector" => node_selector,
    "affinity" => affinity,
    "containers" => containers or default,
    "initContainers" => init_containers or default,
});

impl PodSpec<'_> {
    /// The nodes that can be taken away at short notice, where the pod asks for such.
    pub fn taken_away(&self) -> Option<&'static TakenAway> {
        nodes::bound_to(self.node_selector, self.affinity.as_ref())
    }
}

#[derive(Debug, Default, Deserialize)]
struct Os<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
}

fields!(Os<'a> { "name" => name, });

/// A program and its arguments.
pub type Words<'a> = Bounded<Text<'a>, 200>;

/// One container.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Container<'a> {
    /// Its name.
    #[serde(borrow, default)]
    pub name: Text<'a>,
    #[serde(borrow)]
    restart_policy: Option<Text<'a>>,
    /// The image, as written.
    #[serde(borrow, default, deserialize_with = "null_is_default")]
    pub image: Text<'a>,
    /// What it runs instead of the image's entry point.
    #[serde(borrow, default, deserialize_with = "words")]
    pub command: Words<'a>,
    /// Its arguments.
    #[serde(borrow, default, deserialize_with = "words")]
    pub args: Words<'a>,
    /// The ports that it declares.
    #[serde(borrow, default, deserialize_with = "null_is_default")]
    pub ports: Bounded<Port<'a>, 200>,
    #[serde(borrow, default, deserialize_with = "null_is_default")]
    env: Bounded<EnvVar<'a>, 1000>,
    #[serde(default, deserialize_with = "null_is_default")]
    env_from: Vec<IgnoredAny>,
    /// `None` where it is absent, so that a patch must add it.
    #[serde(borrow)]
    pub lifecycle: Option<Lifecycle<'a>>,
    /// Readiness probe.
    #[serde(borrow)]
    pub readiness_probe: Option<Probe<'a>>,
    /// Liveness probe.
    #[serde(borrow)]
    pub liveness_probe: Option<Probe<'a>>,
    /// Startup probe.
    #[serde(borrow)]
    pub startup_probe: Option<Probe<'a>>,
    #[serde(rename = "terminationGracePeriodSeconds")]
    stray_grace: Option<StrayGrace>,
    /// What ConfigMaps give it, where those are known.
    #[serde(skip)]
    pub given: Option<Box<Given<'a>>>,
}

fields!(Container<'a> {
    "name" => name,
    "restartPolicy" => restart_policy,
    "image" => image or default,
    "command" => command with read_words,
    "args" => args with read_words,
    "ports" => ports or default,
    "env" => env or default,
    "envFrom" => env_from or default,
    "lifecycle" => lifecycle,
    "readinessProbe" => readiness_probe,
    "livenessProbe" => liveness_probe,
    "startupProbe" => startup_probe,
    "terminationGracePeriodSeconds" => stray_grace,
});

impl<'a> Container<'a> {
    /// One of which nothing but its name is known.
    pub fn named(name: &'a str) -> Container<'a> {
        Container { name: Text::from(name), ..Container::default() }
    }

    /// The last part of its image's path, without tag and digest.
    pub fn image_name(&self) -> &str {
        text::before(text::base(text::before(&self.image, b'@')), b':')
    }

    /// Its image without tag and digest.
    pub fn image_path(&self) -> &str {
        let path = self.image.split('@').next().unwrap_or_default();
        match path.rsplit_once(':') {
            // A colon before a slash is a registry's port.
            Some((before, tag)) if !tag.contains('/') => before,
            _ => path,
        }
    }

    /// The names and literal values of its own `env`, and what ConfigMaps set.
    pub fn literals(&self) -> impl Iterator<Item = (&str, &str)> {
        let literal = self.env.iter().filter(|variable| variable.value_from.is_none());
        literal.map(|variable| (variable.name.as_str(), variable.value.as_str())).chain(self.given_variables())
    }

    /// The names in its own `env`, and of what ConfigMaps set.
    pub fn variable_names(&self) -> impl Iterator<Item = &str> {
        let given = self.given_variables().map(|(name, _)| name);
        self.env.iter().map(|variable| variable.name.as_str()).chain(given)
    }

    fn given_variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.given.iter().flat_map(|given| given.env_from())
    }

    /// Its probes.
    pub fn probes(&self) -> impl Iterator<Item = &Probe<'a>> {
        [&self.readiness_probe, &self.liveness_probe, &self.startup_probe].into_iter().flatten()
    }

    /// Whether, as an init container, it is a native sidecar.
    pub fn is_native_sidecar(&self) -> bool {
        self.restart_policy.as_deref() == Some("Always")
    }

    /// What its own `env` says of a variable. The last of a name counts.
    pub fn variable(&self, name: &str) -> Variable<'_> {
        match (self.env.iter().enumerate().rfind(|(_, variable)| variable.name.as_str() == name), &self.given) {
            (None, _) if self.env_from.is_empty() && !self.env.has_more() => Variable::Unset,
            (None, Some(given)) if !self.env.has_more() => given.of_env_from(name),
            // Kubernetes expands `$(OTHER)` in it.
            (Some((_, EnvVar { value, value_from: None, .. })), _) if !value.contains("$(") => {
                Variable::Literal(value.as_str())
            }
            (Some((at, EnvVar { value_from: Some(_), .. })), Some(given)) => given.of_env(at),
            _ => Variable::Unknown,
        }
    }

    /// Its preStop hook.
    pub fn pre_stop(&self) -> Option<&Handler<'a>> {
        self.lifecycle.as_ref()?.pre_stop.as_ref()
    }
}

/// A port of a container.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Port<'a> {
    /// Its number.
    #[serde(default, deserialize_with = "null_is_default")]
    pub container_port: i64,
    /// Its name, by which Services and probes may mean it.
    #[serde(borrow, default, deserialize_with = "null_is_default")]
    pub name: Text<'a>,
    /// The node's port that leads to it; 0 for none.
    #[serde(default, deserialize_with = "null_is_default")]
    pub host_port: i64,
}

fields!(Port<'a> {
    "containerPort" => container_port or default,
    "name" => name or default,
    "hostPort" => host_port or default,
});

impl Port<'_> {
    /// Whether a number or a name means this port.
    pub fn is(&self, target: &IntOrString) -> bool {
        match target {
            IntOrString::Int(number) => *number == self.container_port,
            IntOrString::String(name) => !name.is_empty() && name.as_str() == self.name.as_str(),
        }
    }
}

/// One entry of a container's `env`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EnvVar<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default, deserialize_with = "null_is_default")]
    value: Text<'a>,
    value_from: Option<IgnoredAny>,
}

/// Most of what is asked for in a review are these.
impl<'a> Read<'a> for EnvVar<'a> {
    #[inline]
    fn read(reader: &mut Reader<'a>) -> Result<Self, Unread> {
        if let Some((name, value)) = reader.two_strings("{\"name\":", ",\"value\":") {
            return Ok(EnvVar { name: Text::from(name), value: Text::from(value), value_from: None });
        }
        EnvVar::of_any_shape(reader)
    }
}

impl<'a> EnvVar<'a> {
    fn of_any_shape(reader: &mut Reader<'a>) -> Result<Self, Unread> {
        let (mut name, mut value, mut value_from) = (None, None::<Option<Text>>, None);
        reader.object(|reader, key| match key {
            "name" => reader.once(&mut name),
            "value" => reader.once(&mut value),
            "valueFrom" => reader.once(&mut value_from),
            _ => reader.pass(),
        })?;
        Ok(EnvVar {
            name: name.unwrap_or_default(),
            value: value.flatten().unwrap_or_default(),
            value_from: value_from.flatten(),
        })
    }
}

/// A container's lifecycle.
#[derive(Debug, Default)]
pub struct Lifecycle<'a> {
    /// The preStop hook.
    pub pre_stop: Option<Handler<'a>>,
    stray_grace: Option<StrayGrace>,
    has_more: bool,
}

impl Lifecycle<'_> {
    /// Whether it says anything besides preStop.
    pub fn has_more(&self) -> bool {
        self.has_more
    }
}

impl<'a> Read<'a> for Lifecycle<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Unread> {
        let mut out = Lifecycle::default();
        reader.object(|reader, key| {
            if key == "preStop" {
                out.pre_stop = Option::read(reader)?;
                return Ok(());
            }
            out.has_more = true;
            match key {
                "terminationGracePeriodSeconds" => out.stray_grace = Option::read(reader)?,
                _ => reader.pass()?,
            }
            Ok(())
        })?;
        Ok(out)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Lifecycle<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Lifecycle<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a lifecycle")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut out = Lifecycle::default();
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    if key.as_str() == "preStop" {
                        out.pre_stop = map.next_value()?;
                        continue;
                    }
                    out.has_more = true;
                    if key.as_str() == "terminationGracePeriodSeconds" {
                        out.stray_grace = map.next_value()?;
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(out)
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// A lifecycle handler.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Handler<'a> {
    /// Runs a command in the container.
    #[serde(borrow)]
    pub exec: Option<ExecAction<'a>>,
    /// Asks the pod over HTTP.
    #[serde(borrow)]
    pub http_get: Option<HttpGetAction<'a>>,
    /// Not supported by the kubelet.
    pub tcp_socket: Option<IgnoredAny>,
    /// Waits.
    pub sleep: Option<SleepAction>,
}

fields!(Handler<'a> {
    "exec" => exec,
    "httpGet" => http_get,
    "tcpSocket" => tcp_socket,
    "sleep" => sleep,
});

/// A command.
#[derive(Debug, Default, Deserialize)]
pub struct ExecAction<'a> {
    /// Program and arguments.
    #[serde(borrow, default, deserialize_with = "null_is_default")]
    pub command: Bounded<Text<'a>, 100>,
}

fields!(ExecAction<'a> { "command" => command or default, });

/// An HTTP request to the pod.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpGetAction<'a> {
    /// Path.
    #[serde(borrow)]
    pub path: Option<Text<'a>>,
    /// Port, by number or name.
    #[serde(borrow)]
    pub port: Option<IntOrString<'a>>,
    #[serde(borrow)]
    scheme: Option<Text<'a>>,
    #[serde(borrow)]
    host: Option<Text<'a>>,
    #[serde(default, deserialize_with = "null_is_default")]
    http_headers: Vec<IgnoredAny>,
}

fields!(HttpGetAction<'a> {
    "path" => path,
    "port" => port,
    "scheme" => scheme,
    "host" => host,
    "httpHeaders" => http_headers or default,
});

impl HttpGetAction<'_> {
    /// Whether only path and port are set; the API server's defaulting adds `scheme: HTTP`.
    pub fn is_plain(&self) -> bool {
        self.host.as_deref().unwrap_or_default().is_empty()
            && self.http_headers.is_empty()
            && self.scheme.as_deref().is_none_or(|scheme| scheme == "HTTP")
    }
}

/// A number, or a name or percentage.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum IntOrString<'a> {
    /// A number.
    Int(i64),
    /// Text.
    #[serde(borrow)]
    String(Text<'a>),
}

impl<'a> Read<'a> for IntOrString<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Unread> {
        match reader.peek() {
            Some(b'"') => Text::read(reader).map(IntOrString::String),
            _ => i64::read(reader).map(IntOrString::Int),
        }
    }
}

/// The native sleep.
#[derive(Debug, Default, Deserialize)]
pub struct SleepAction {
    /// Its length, in seconds.
    #[serde(default)]
    pub seconds: i64,
}

impl<'a> Read<'a> for SleepAction {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Unread> {
        let mut seconds = None;
        reader.object(|reader, key| match key {
            "seconds" => reader.once(&mut seconds),
            _ => reader.pass(),
        })?;
        Ok(SleepAction { seconds: seconds.unwrap_or_default() })
    }
}

/// What of a probe matters here.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe<'a> {
    #[serde(borrow)]
    http_get: Option<HttpGetAction<'a>>,
    #[serde(borrow)]
    tcp_socket: Option<PortOnly<'a>>,
    #[serde(borrow)]
    grpc: Option<PortOnly<'a>>,
    /// Seconds between two probes; 10 where absent.
    pub period_seconds: Option<i64>,
    /// Failures in a row until it counts; 3 where absent.
    pub failure_threshold: Option<i64>,
    /// The grace of a restart that this probe causes; the pod's own where absent.
    pub termination_grace_period_seconds: Option<i64>,
}

fields!(Probe<'a> {
    "httpGet" => http_get,
    "tcpSocket" => tcp_socket,
    "grpc" => grpc,
    "periodSeconds" => period_seconds,
    "failureThreshold" => failure_threshold,
    "terminationGracePeriodSeconds" => termination_grace_period_seconds,
});

#[derive(Debug, Default, Deserialize)]
struct PortOnly<'a> {
    #[serde(borrow)]
    port: Option<IntOrString<'a>>,
}

fields!(PortOnly<'a> { "port" => port, });

impl<'a> Probe<'a> {
    /// The port that it asks; none for a command.
    pub fn port(&self) -> Option<&IntOrString<'a>> {
        match (&self.http_get, &self.tcp_socket, &self.grpc) {
            (Some(get), ..) => get.port.as_ref(),
            (None, Some(asks), _) | (None, None, Some(asks)) => asks.port.as_ref(),
            (None, None, None) => None,
        }
    }

    /// The path that it asks for.
    pub fn path(&self) -> Option<&str> {
        self.http_get.as_ref()?.path.as_deref()
    }
}

/// How a workload replaces its pods.
#[derive(Debug, Default)]
pub struct Rollout<'a> {
    /// `replicas`, where the object has the field.
    pub replicas: Option<i64>,
    /// `strategy` of a Deployment, `updateStrategy` of the others.
    pub strategy: Option<Strategy<'a>>,
    /// `serviceName` of a StatefulSet.
    pub service_name: Option<Text<'a>>,
}

/// A rollout strategy.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Strategy<'a> {
    /// `RollingUpdate`, `Recreate` or `OnDelete`.
    #[serde(borrow, rename = "type")]
    pub kind: Option<Text<'a>>,
    /// Bounds of a rolling update.
    #[serde(borrow)]
    pub rolling_update: Option<RollingUpdate<'a>>,
}

fields!(Strategy<'a> {
    "type" => kind,
    "rollingUpdate" => rolling_update,
});

/// Bounds of a rolling update, each a number or a percentage.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RollingUpdate<'a> {
    /// How many pods may be missing.
    #[serde(borrow)]
    pub max_unavailable: Option<IntOrString<'a>>,
    /// How many may be there in addition.
    #[serde(borrow)]
    pub max_surge: Option<IntOrString<'a>>,
}

fields!(RollingUpdate<'a> {
    "maxUnavailable" => max_unavailable,
    "maxSurge" => max_surge,
});

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Carrier<'a> {
    #[serde(borrow, default, deserialize_with = "null_is_default")]
    metadata: Metadata<'a>,
    /// PodTemplate carries its template here.
    #[serde(borrow)]
    template: Option<PodTemplate<'a>>,
    #[serde(borrow, default, deserialize_with = "null_is_default")]
    spec: CarrierSpec<'a>,
    #[serde(rename = "terminationGracePeriodSeconds")]
    stray_grace: Option<StrayGrace>,
}

fields!(Carrier<'a> {
    "metadata" => metadata or default,
    "template" => template,
    "spec" => spec or default,
    "terminationGracePeriodSeconds" => stray_grace,
});

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CarrierSpec<'a> {
    #[serde(borrow)]
    template: Option<PodTemplate<'a>>,
    #[serde(borrow)]
    job_template: Option<JobTemplate<'a>>,
    replicas: Option<i64>,
    #[serde(borrow, alias = "updateStrategy")]
    strategy: Option<Strategy<'a>>,
    #[serde(borrow)]
    service_name: Option<Text<'a>>,
    #[serde(rename = "terminationGracePeriodSeconds")]
    stray_grace: Option<StrayGrace>,
}

fields!(CarrierSpec<'a> {
    "template" => template,
    "jobTemplate" => job_template,
    "replicas" => replicas,
    "strategy" | "updateStrategy" => strategy,
    "serviceName" => service_name,
    "terminationGracePeriodSeconds" => stray_grace,
});

/// Of a custom resource only the template is known: what else is in it may have any shape.
#[derive(Default, Deserialize)]
struct CustomResource<'a> {
    #[serde(borrow, default)]
    kind: Text<'a>,
    #[serde(borrow, default, deserialize_with = "null_is_default")]
    metadata: Metadata<'a>,
    #[serde(borrow, default, deserialize_with = "null_is_default")]
    spec: CustomSpec<'a>,
}

fields!(CustomResource<'a> {
    "kind" => kind,
    "metadata" => metadata or default,
    "spec" => spec or default,
});

#[derive(Default, Deserialize)]
struct CustomSpec<'a> {
    #[serde(borrow)]
    template: Option<PodTemplate<'a>>,
    #[serde(rename = "terminationGracePeriodSeconds")]
    stray_grace: Option<StrayGrace>,
}

fields!(CustomSpec<'a> {
    "template" => template,
    "terminationGracePeriodSeconds" => stray_grace,
});

#[derive(Default, Deserialize)]
struct JobTemplate<'a> {
    #[serde(borrow, default, deserialize_with = "null_is_default")]
    spec: JobSpec<'a>,
}

fields!(JobTemplate<'a> { "spec" => spec or default, });

#[derive(Default, Deserialize)]
struct JobSpec<'a> {
    #[serde(borrow)]
    template: Option<PodTemplate<'a>>,
}

fields!(JobSpec<'a> { "template" => template, });

pub(crate) fn null_is_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// A null among words is an empty one, as the API server has it.
fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Words<'de>, D::Error> {
    let words = Option::<Bounded<Option<Text>, 200>>::deserialize(deserializer)?;
    Ok(words.unwrap_or_default().without_nulls())
}

fn read_words<'a>(reader: &mut Reader<'a>) -> Result<Words<'a>, Unread> {
    let words = Option::<Bounded<Option<Text>, 200>>::read(reader)?;
    Ok(words.unwrap_or_default().without_nulls())
}

impl<'a> Subject<'a> {
    /// Reads an object of `kind` from its JSON.
    ///
    /// # Errors
    /// The field, the line and the column, when a field that the decision needs has the wrong type or the text is not
    /// JSON.
    pub fn parse(kind: Kind, text: &'a str) -> Result<Subject<'a>, Unreadable> {
        match kind {
            Kind::Pod => Ok(Subject::of_pod(read(text)?)),
            Kind::Custom(maker) => Ok(Subject::of_custom(maker, read(text)?)),
            _ => Ok(Subject::of_carrier(kind, read(text)?)),
        }
    }

    /// Reads an object of `kind` that was parsed before, without writing it down again.
    ///
    /// # Errors
    /// As those of its JSON.
    pub fn of_value(kind: Kind, object: &'a Value) -> Result<Subject<'a>, Unreadable> {
        let subject = match kind {
            Kind::Pod => PodTemplate::deserialize(object).map(Subject::of_pod),
            Kind::Custom(maker) => {
                CustomResource::deserialize(object).map(|resource| Subject::of_custom(maker, resource))
            }
            _ => Carrier::deserialize(object).map(|carrier| Subject::of_carrier(kind, carrier)),
        };
        // Only a failure pays for the path of the field.
        subject.map_err(|plain| {
            let again = Subject::parse(kind, &object.to_string()).err();
            again.unwrap_or_else(|| Unreadable::new(String::new(), &plain))
        })
    }

    fn of_carrier(kind: Kind, carrier: Carrier<'a>) -> Subject<'a> {
        let Carrier { metadata, template, spec, stray_grace } = carrier;
        let pod = match kind {
            Kind::PodTemplate => template,
            Kind::CronJob => spec.job_template.and_then(|job| job.spec.template),
            _ => spec.template,
        };
        let rollout = Rollout { replicas: spec.replicas, strategy: spec.strategy, service_name: spec.service_name };
        let subject = Subject::new(kind, metadata, rollout, pod.unwrap_or_default());
        Subject { stray_beside: stray_grace, stray_own: spec.stray_grace, ..subject }
    }

    fn of_custom(maker: Maker, resource: CustomResource<'a>) -> Subject<'a> {
        let CustomResource { kind, metadata, spec } = resource;
        let mut pod = spec.template.unwrap_or_default();
        let mut stray_refused = None;
        if maker == Maker::Knative {
            stray_refused = pod.spec.termination_grace_period_seconds.take();
            pod.spec.termination_grace_period_seconds = pod.spec.timeout_seconds;
        }
        // The spec of a resource that nobody here knows may have a grace of its own.
        let stray_own = spec.stray_grace.filter(|_| maker == Maker::BuiltIn);
        let subject = Subject::new(Kind::Custom(maker), metadata, Rollout::default(), pod);
        Subject { kind_name: kind.into_inner(), stray_own, stray_refused, ..subject }
    }

    /// A pod that has been read already.
    pub fn of_pod(mut pod: PodTemplate<'a>) -> Subject<'a> {
        let metadata = pod.metadata.take_identity();
        Subject::new(Kind::Pod, metadata, Rollout::default(), pod)
    }

    fn new(kind: Kind, metadata: Metadata<'a>, rollout: Rollout<'a>, pod: PodTemplate<'a>) -> Subject<'a> {
        let name = match (metadata.name, metadata.generate_name) {
            (Some(name), _) if !name.is_empty() => name.into_inner(),
            (_, Some(prefix)) => Cow::Owned(format!("{prefix}*")),
            _ => Cow::Borrowed(""),
        };
        let controller = metadata.owner_references.iter().find(|owner| owner.controller == Some(true)).cloned();
        Subject {
            kind,
            kind_name: Cow::Borrowed(kind.as_str()),
            name,
            namespace: metadata.namespace,
            controller,
            rollout,
            pod,
            stray_beside: None,
            stray_own: None,
            stray_refused: None,
        }
    }

    /// Every grace that Kubernetes ignores or refuses: its JSON pointer in the object, and its container.
    pub fn stray_graces(&self) -> Vec<(String, Option<&Container<'a>>, StrayGrace)> {
        const FIELD: &str = "/terminationGracePeriodSeconds";
        let pod = self.kind.pod_pointer();
        let mut strays = Vec::new();
        let mut add = |stray: Option<StrayGrace>, within: &str, container| {
            strays.extend(stray.map(|stray| (format!("{within}{FIELD}"), container, stray)));
        };
        add(self.stray_beside, "", None);
        add(self.stray_own, "/spec", None);
        add(self.pod.stray_grace, pod, None);
        if let Some(seconds) = self.stray_refused {
            add(Some(StrayGrace::Seconds(seconds)), &format!("{pod}/spec"), None);
        }
        let spec = &self.pod.spec;
        for (list, containers) in [("containers", &spec.containers), ("initContainers", &spec.init_containers)] {
            for (index, container) in containers.iter().enumerate() {
                let lifecycle = container.lifecycle.as_ref().and_then(|lifecycle| lifecycle.stray_grace);
                if container.stray_grace.is_some() || lifecycle.is_some() {
                    let within = format!("{pod}/spec/{list}/{index}");
                    add(container.stray_grace, &within, Some(container));
                    add(lifecycle, &format!("{within}/lifecycle"), Some(container));
                }
            }
        }
        strays
    }

    /// What there is more of than is judged.
    pub fn excess(&self) -> Option<String> {
        let PodTemplate { metadata, spec, .. } = &self.pod;
        if spec.containers.has_more() || spec.init_containers.has_more() {
            Some(format!("{MOST_CONTAINERS} containers"))
        } else if metadata.labels.has_more() {
            Some(format!("{MOST_PAIRS} labels"))
        } else if metadata.annotations.as_ref().is_some_and(|a| a.ours.has_more()) {
            Some(format!("{MOST_PAIRS} annotations of draingate.dev"))
        } else {
            None
        }
    }

    /// The pod's restart policy; absent is Always.
    pub fn restarts_always(&self) -> bool {
        self.pod.spec.restart_policy.as_deref().is_none_or(|p| p.is_empty() || p == "Always")
    }

    /// Whether it has one of the two priority classes that keep a cluster or a node running.
    pub fn is_critical(&self) -> bool {
        matches!(self.pod.spec.priority_class_name.as_deref(), Some("system-node-critical" | "system-cluster-critical"))
    }

    /// Whether the pod says that it runs on Windows.
    pub fn is_windows(&self) -> bool {
        self.pod.spec.os.as_ref().is_some_and(|os| os.name.as_str() == "windows")
    }

    /// The kind of the workload whose manifest a person would edit; `None` for the object itself.
    pub fn edited_in(&self) -> Option<&str> {
        let owner = self.controller.as_ref()?;
        Some(self.deployment().map_or(owner.kind.as_str(), |_| "Deployment"))
    }

    /// Whether a person edits this object: it is not one that another makes, or that has been admitted.
    pub fn is_edited(&self) -> bool {
        let annotations = self.pod.metadata.annotations.as_ref();
        self.controller.is_none() && annotations.is_none_or(|annotations| annotations.get(keys::INJECTED).is_none())
    }

    /// Whether its controller is of a kind that has its pods' template at `spec.template`.
    pub fn has_known_owner(&self) -> bool {
        let kind = self.controller.as_ref().and_then(|owner| Kind::of_object(&owner.api_version, &owner.kind));
        kind.is_some_and(|kind| !matches!(kind, Kind::Pod | Kind::PodTemplate | Kind::CronJob))
    }

    /// The name of the Deployment that made the pod's ReplicaSet: the ReplicaSet's ends in the template's hash.
    pub fn deployment(&self) -> Option<&str> {
        let owner = self.controller.as_ref().filter(|owner| owner.kind.as_str() == "ReplicaSet")?;
        let hash = self.pod.metadata.labels.get(keys::POD_TEMPLATE_HASH)?;
        // The name is asked for in the API: an API server takes any text as an owner's.
        owner.name.strip_suffix(hash)?.strip_suffix('-').filter(|name| keys::is_name(name))
    }
}
