//! Containers that another webhook writes into a pod: the proxies of meshes, Dapr's runtime. Annotations of the pod tell
//! their injector how such a container ends, so they are read here, too; in a template also before it is there.
//!
//! `draingate helpers` prints the table. What stands in the container itself beats the annotation. A pod without one of
//! these containers or annotations pays a few comparisons.

use std::sync::LazyLock;

use serde_json::Value;

use super::MAX_SECONDS;
use super::hooks::Variable;
use super::manifest::{self, Document};
use super::servers::{self, Bare};
use super::subject::{Container, Kind, Subject};
use super::world::Context;

/// A webhook, the container that it writes, and what the pod may say of that.
#[derive(Clone, Copy, Debug)]
pub struct Injector {
    /// What it is called.
    pub name: &'static str,
    /// The container's name; further ones may end in `*`.
    pub containers: &'static [&'static str],
    /// The end of its image's name, where the container's name is not enough.
    pub image: Option<&'static str>,
    /// Which pods get it.
    pub injects: Injects,
    /// When the container is a native sidecar, which is stopped after the apps.
    pub native: Native,
    /// h: the preStop hook that the container gets.
    pub hook: Option<Setting>,
    /// Where its hook is set for all pods.
    pub hook_for_all: Option<&'static str>,
    /// A: how long the container still does all of its work after SIGTERM.
    pub accepts: Option<Setting>,
    /// Variables that make it stay as long as somebody is connected.
    pub until_idle: Option<UntilIdle>,
    /// S: how long it still does work that would be lost.
    pub stop: Option<Setting>,
    /// Where that stands.
    pub sources: &'static [&'static str],
}

/// Which pods an injector writes its container into.
#[derive(Clone, Copy, Debug)]
pub struct Injects {
    /// A label of the pod that says so; it beats the annotation.
    pub label: Option<&'static str>,
    /// An annotation of the pod that says so.
    pub annotation: Option<&'static str>,
    /// The values that say yes.
    pub yes: &'static [&'static str],
    /// The values that say no.
    pub no: &'static [&'static str],
    /// Only pods that say yes.
    pub on_request: bool,
    /// Labels of the namespace or the pod, one of which it takes; an empty value is any.
    pub labels: &'static [(&'static str, &'static str)],
    /// Not where the pod is on the node's own network.
    pub own_network: bool,
}

/// When an injector makes its container a native sidecar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Native {
    /// Nothing says so.
    Never,
    /// Where one of these annotations of the pod says so, the first that is there; or its own settings.
    Annotations(&'static [&'static str]),
    /// Wherever the cluster can.
    Always,
}

/// A time that a pod tells the injector.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The annotation.
    pub annotation: &'static str,
    /// The field of it, where it holds a whole configuration.
    pub field: Option<&'static str>,
    /// The flag by which the container has it.
    pub flag: Option<&'static str>,
    /// The variable by which the container has it, in the form of the annotation.
    pub variable: Option<&'static str>,
    /// What a bare number is.
    pub bare: Bare,
    /// The seconds where nobody sets it.
    pub default: Option<u64>,
}

/// Variables in `proxyMetadata` of a configuration, which the container has, too.
#[derive(Clone, Copy, Debug)]
pub struct UntilIdle {
    /// The one that turns it on.
    pub switch: &'static str,
    /// How long it stays at least.
    pub least: &'static str,
    /// That where nobody sets it, in seconds.
    pub default: u64,
}

impl Setting {
    const fn seconds(annotation: &'static str) -> Setting {
        Setting { annotation, field: None, flag: None, variable: None, bare: Bare::Seconds, default: None }
    }

    const fn duration(annotation: &'static str) -> Setting {
        Setting { bare: Bare::Refused, ..Setting::seconds(annotation) }
    }

    const fn flag(self, flag: &'static str) -> Setting {
        Setting { flag: Some(flag), ..self }
    }

    const fn variable(self, variable: &'static str, default: u64) -> Setting {
        Setting { variable: Some(variable), default: Some(default), ..self }
    }

    const fn field(self, field: &'static str) -> Setting {
        Setting { field: Some(field), ..self }
    }

    /// What it is called.
    pub fn words(&self) -> &'static str {
        self.field.unwrap_or(self.annotation)
    }

    fn read(&self, text: &str) -> Option<u64> {
        let seconds = match self.field {
            None => servers::seconds(text, self.bare),
            Some(field) => servers::seconds(configuration(text)?.get(field)?.as_str()?, self.bare),
        };
        seconds.filter(|seconds| *seconds <= MAX_SECONDS)
    }

    fn in_container(&self, container: &Container) -> Option<u64> {
        let words = || container.command.iter().chain(container.args.iter()).map(|word| word.as_str());
        let by_flag = self.flag.and_then(|flag| servers::go_flag(words(), flag));
        by_flag.or_else(|| literal(container, self.variable?)).and_then(|text| self.read(text))
    }

    /// What the pod says of it, and what stands in the container where that is there.
    fn told(&self, subject: &Subject, container: Option<&Container>) -> Option<Time> {
        let stated = container.and_then(|container| self.in_container(container));
        let stated = stated.or_else(|| self.read(annotation(subject, self.annotation)?));
        let time = |seconds, stated| Time { seconds, stated, words: self.words() };
        stated.map(|seconds| time(seconds, true)).or_else(|| self.default.map(|seconds| time(seconds, false)))
    }

    /// How to set it, in words that can be pasted.
    fn fix(&self, seconds: u64) -> String {
        let unit = if self.bare == Bare::Seconds { "" } else { "s" };
        match self.field {
            None => format!("annotation {}: \"{seconds}{unit}\"", self.annotation),
            Some(field) => format!("in annotation {}, {field}: {seconds}{unit}", self.annotation),
        }
    }
}

const ISTIO_CONFIG: &str = "proxy.istio.io/config";

/// The table, in the order in which the docs print it.
pub const INJECTORS: [Injector; 6] = [
    Injector {
        name: "Istio",
        containers: &["istio-proxy"],
        image: None,
        injects: Injects {
            label: Some("sidecar.istio.io/inject"),
            annotation: Some("sidecar.istio.io/inject"),
            yes: &["true"],
            no: &["false"],
            on_request: false,
            labels: &[("istio-injection", "enabled"), ("istio.io/rev", "")],
            own_network: true,
        },
        native: Native::Annotations(&["sidecar.istio.io/nativeSidecar"]),
        hook: None,
        hook_for_all: Some("global.proxy.lifecycle in the values of Istio's chart"),
        accepts: Some(Setting::duration(ISTIO_CONFIG).field("terminationDrainDuration").variable("PROXY_CONFIG", 5)),
        until_idle: Some(UntilIdle {
            switch: "EXIT_ON_ZERO_ACTIVE_CONNECTIONS",
            least: "MINIMUM_DRAIN_DURATION",
            default: 5,
        }),
        stop: None,
        sources: &[
            "istio/istio pkg/envoy/agent.go@86c9f01: terminationDrainDuration, minDrainDuration",
            "istio/istio pkg/config/mesh/mesh.go@86c9f01: TerminationDrainDuration",
            "istio/istio pilot/cmd/pilot-agent/options/options.go@86c9f01: MINIMUM_DRAIN_DURATION, EXIT_ON_ZERO_ACTIVE_CONNECTIONS",
            "istio/istio manifests/charts/istio-control/istio-discovery/files/injection-template.yaml@86c9f01: sidecar.istio.io/nativeSidecar, PROXY_CONFIG, .Values.global.proxy.lifecycle",
            "istio/istio manifests/charts/istio-control/istio-discovery/templates/mutatingwebhook.yaml@86c9f01: istio-injection, istio.io/rev, sidecar.istio.io/inject",
        ],
    },
    Injector {
        name: "Linkerd",
        containers: &["linkerd-proxy"],
        image: None,
        injects: Injects {
            label: None,
            annotation: Some("linkerd.io/inject"),
            yes: &["enabled", "ingress"],
            no: &["disabled"],
            on_request: false,
            labels: &[],
            own_network: true,
        },
        native: Native::Annotations(&[
            "config.linkerd.io/proxy-enable-native-sidecar",
            "config.beta.linkerd.io/proxy-enable-native-sidecar",
            "config.alpha.linkerd.io/proxy-enable-native-sidecar",
        ]),
        hook: Some(Setting::seconds("config.alpha.linkerd.io/proxy-wait-before-exit-seconds")),
        hook_for_all: None,
        accepts: None,
        until_idle: None,
        stop: None,
        sources: &[
            "linkerd/linkerd2 charts/partials/templates/_proxy.tpl@b24cd40: .Values.proxy.waitBeforeExitSeconds, /bin/sleep",
            "linkerd/linkerd2 pkg/k8s/labels.go@b24cd40: proxy-wait-before-exit-seconds, proxy-enable-native-sidecar",
            "linkerd/linkerd2 pkg/inject/report.go@b24cd40: linkerd.io/inject, hostNetwork",
            "linkerd.io/2/tasks/graceful-shutdown/: refuses all new requests",
        ],
    },
    Injector {
        name: "Dapr",
        containers: &["daprd"],
        image: None,
        injects: Injects {
            label: None,
            annotation: Some("dapr.io/enabled"),
            yes: &["true"],
            no: &[],
            on_request: true,
            labels: &[],
            own_network: false,
        },
        native: Native::Annotations(&["dapr.io/enable-native-sidecar"]),
        hook: None,
        hook_for_all: None,
        accepts: Some(Setting::duration("dapr.io/block-shutdown-duration").flag("-dapr-block-shutdown-duration")),
        until_idle: None,
        stop: Some(Setting::seconds("dapr.io/graceful-shutdown-seconds").flag("-dapr-graceful-shutdown-seconds")),
        sources: &[
            "dapr/dapr pkg/injector/patcher/sidecar.go@d845074: dapr.io/block-shutdown-duration, dapr.io/graceful-shutdown-seconds, dapr.io/enable-native-sidecar",
            "dapr/dapr cmd/daprd/options/options.go@d845074: dapr-block-shutdown-duration, dapr-graceful-shutdown-seconds",
            "dapr/dapr pkg/runtime/runtime.go@d845074: blockShutdownDuration",
            "dapr/dapr pkg/injector/service/handler.go@d845074: dapr.io/enabled",
        ],
    },
    Injector {
        name: "Consul",
        containers: &["consul-dataplane", "consul-dataplane-*"],
        image: None,
        injects: Injects {
            label: None,
            annotation: Some("consul.hashicorp.com/connect-inject"),
            yes: &["true", "1", "t"],
            no: &["false", "0", "f"],
            on_request: false,
            labels: &[],
            own_network: false,
        },
        native: Native::Annotations(&["consul.hashicorp.com/enable-consul-dataplane-as-sidecar"]),
        hook: None,
        hook_for_all: None,
        accepts: Some(
            Setting::seconds("consul.hashicorp.com/sidecar-proxy-lifecycle-shutdown-grace-period-seconds")
                .flag("-shutdown-grace-period-seconds"),
        ),
        until_idle: None,
        stop: None,
        sources: &[
            "hashicorp/consul-k8s control-plane/connect-inject/constants/annotations_and_labels.go@a507b1d: sidecar-proxy-lifecycle-shutdown-grace-period-seconds, connect-inject, enable-consul-dataplane-as-sidecar",
            "hashicorp/consul-k8s control-plane/connect-inject/webhook/consul_dataplane_sidecar.go@a507b1d: -shutdown-grace-period-seconds",
            "hashicorp/consul-dataplane pkg/consuldp/lifecycle.go@28a963a: gracefulShutdown",
        ],
    },
    Injector {
        name: "Kuma",
        containers: &["kuma-sidecar"],
        image: None,
        injects: Injects {
            label: Some("kuma.io/sidecar-injection"),
            annotation: None,
            yes: &["enabled", "true"],
            no: &["disabled", "false"],
            on_request: false,
            labels: &[("kuma.io/sidecar-injection", "enabled"), ("kuma.io/sidecar-injection", "true")],
            own_network: false,
        },
        native: Native::Always,
        hook: None,
        hook_for_all: None,
        accepts: Some(Setting::duration("kuma.io/sidecar-drain-time").variable("KUMA_DATAPLANE_DRAIN_TIME", 30)),
        until_idle: None,
        stop: None,
        sources: &[
            "kumahq/kuma app/kuma-dp/cmd/run.go@348b652: DrainTime",
            "kumahq/kuma pkg/config/app/kuma-dp/config.go@348b652: DrainTime",
            "kumahq/kuma pkg/plugins/runtime/k8s/metadata/annotations.go@348b652: kuma.io/sidecar-drain-time, kuma.io/sidecar-injection",
            "kumahq/kuma pkg/plugins/runtime/k8s/containers/factory.go@348b652: KUMA_DATAPLANE_DRAIN_TIME",
            "kumahq/kuma pkg/plugins/runtime/k8s/plugin.go@348b652: sidecarContainersEnabled",
        ],
    },
    Injector {
        name: "App Mesh",
        containers: &["envoy"],
        image: Some("aws-appmesh-envoy"),
        injects: Injects {
            label: None,
            annotation: Some("appmesh.k8s.aws/sidecarInjectorWebhook"),
            yes: &["enabled"],
            no: &["disabled"],
            on_request: false,
            labels: &[("appmesh.k8s.aws/sidecarInjectorWebhook", "enabled")],
            own_network: false,
        },
        native: Native::Never,
        hook: None,
        hook_for_all: Some("--prestop-delay of App Mesh's controller"),
        accepts: None,
        until_idle: None,
        stop: None,
        sources: &[
            "aws/aws-app-mesh-controller-for-k8s pkg/inject/config.go@7588d12: prestop-delay",
            "aws/aws-app-mesh-controller-for-k8s pkg/inject/sidecar_builder.go@7588d12: PreStopDelay",
            "aws/aws-app-mesh-controller-for-k8s pkg/inject/inject.go@7588d12: appmesh.k8s.aws/sidecarInjectorWebhook",
        ],
    },
];

/// Each injector's container, before it is there.
static UNWRITTEN: LazyLock<[Container<'static>; INJECTORS.len()]> =
    LazyLock::new(|| INJECTORS.map(|injector| Container::named(injector.container())));

/// A time of a container, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    /// In whole seconds, rounded up.
    pub seconds: u64,
    /// It stands in the pod; otherwise it is a default.
    pub stated: bool,
    /// What it is called.
    pub words: &'static str,
}

/// The injector of a container, and what the pod tells it.
#[derive(Clone, Copy, Debug)]
pub struct WrittenBy {
    /// Whose container it is.
    pub injector: &'static Injector,
    /// It is not there yet.
    pub absent: bool,
    /// h, where the pod says it.
    pub hook: Option<Time>,
    /// A
    pub accepts: Option<Time>,
    /// It stays as long as somebody is connected, and as long as `accepts` in any case.
    pub until_idle: bool,
    /// S, where the pod says it.
    pub stop: Option<Time>,
}

impl Injector {
    /// The name of its container.
    pub fn container(&self) -> &'static str {
        self.containers.first().copied().unwrap_or_default()
    }

    /// Whether it gives its container a hook.
    pub fn writes_hook(&self) -> bool {
        self.hook.is_some() || self.hook_for_all.is_some()
    }

    fn writes(&self, container: &Container) -> bool {
        let name = container.name.as_str();
        let is = |pattern: &&str| match pattern.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => name == *pattern,
        };
        self.containers.iter().any(is) && self.image.is_none_or(|image| container.image_name().ends_with(image))
    }

    /// The annotations of pods that it reads, as far as they matter here.
    fn annotations(&self) -> impl Iterator<Item = &'static str> {
        let times = [self.hook, self.accepts, self.stop].into_iter().flatten().map(|setting| setting.annotation);
        let native = match self.native {
            Native::Annotations(keys) => keys,
            Native::Never | Native::Always => &[],
        };
        times.chain(native.iter().copied()).chain(self.injects.annotation)
    }

    /// What the pod says of its container, which may be there.
    fn told(&'static self, subject: &Subject, container: Option<&Container>, hold: u64) -> WrittenBy {
        let time = |setting: &Option<Setting>| setting.as_ref().and_then(|setting| setting.told(subject, container));
        let least = self.until_idle.and_then(|idle| idle.least(subject, container));
        // Until then it may be idle while new work is still sent; later on, whoever works is connected.
        let stays = |least: Time| if least.seconds >= hold { Time { seconds: MAX_SECONDS, ..least } } else { least };
        WrittenBy {
            injector: self,
            absent: container.is_none(),
            hook: time(&self.hook),
            accepts: least.map(stays).or_else(|| time(&self.accepts)),
            until_idle: least.is_some(),
            stop: time(&self.stop),
        }
    }

    /// Whether its container is still to come, as a regular one.
    fn is_to_come(&self, subject: &Subject, context: &Context) -> bool {
        let spec = &subject.pod.spec;
        let mut there = spec.containers.iter().chain(spec.init_containers.iter());
        let native = match self.native {
            Native::Never => false,
            Native::Always => true,
            Native::Annotations(keys) => {
                let value = keys.iter().find_map(|key| annotation(subject, key));
                value.is_some_and(|value| ["true", "1", "t"].iter().any(|yes| value.eq_ignore_ascii_case(yes)))
            }
        };
        !native && !there.any(|container| self.writes(container)) && self.injects.takes(subject, context)
    }
}

impl Injects {
    /// Whether a pod gets the container, as far as that is known: a namespace that is not known may have any label.
    fn takes(&self, subject: &Subject, context: &Context) -> bool {
        let labels = &subject.pod.metadata.labels;
        let by_label = self.label.and_then(|key| labels.get(key));
        let word = by_label.or_else(|| annotation(subject, self.annotation?));
        let says =
            |values: &[&str]| word.is_some_and(|word| values.iter().any(|value| value.eq_ignore_ascii_case(word)));
        let yes = says(self.yes);
        if (self.own_network && subject.pod.spec.host_network) || says(self.no) {
            return false;
        }
        if self.on_request || self.labels.is_empty() || (yes && by_label.is_some()) {
            return yes || !self.on_request;
        }
        let is = |(key, wanted): &(&str, &str)| {
            let fits = |value: &str| wanted.is_empty() || value == *wanted;
            context.label(key).is_some_and(fits) || labels.get(key).is_some_and(fits)
        };
        !context.knows_labels() || self.labels.iter().any(is)
    }
}

impl UntilIdle {
    /// How long it stays at least, where it is turned on.
    fn least(&self, subject: &Subject, container: Option<&Container>) -> Option<Time> {
        let of_pod = annotation(subject, ISTIO_CONFIG).and_then(configuration);
        let of_pod = of_pod.as_ref().and_then(|config| config.get("proxyMetadata"));
        let value = |name: &str| {
            let own = container.and_then(|container| literal(container, name)).map(str::to_owned);
            own.or_else(|| match of_pod?.get(name)? {
                Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            })
        };
        value(self.switch).filter(|on| on == "true")?;
        let least = value(self.least).and_then(|text| servers::seconds(&text, Bare::Refused));
        let seconds = least.filter(|seconds| *seconds <= MAX_SECONDS);
        Some(Time { seconds: seconds.unwrap_or(self.default), stated: true, words: self.switch })
    }
}

impl WrittenBy {
    /// The injector of a container that is there.
    pub fn of(subject: &Subject, container: &Container, hold: u64) -> Option<WrittenBy> {
        let injector = INJECTORS.iter().find(|injector| injector.writes(container))?;
        Some(injector.told(subject, Some(container), hold))
    }

    /// Containers that are still to come into the pods of a template, and of whose end it says something. Of others nothing
    /// is known but that they may come.
    pub fn to_come(subject: &Subject, context: &Context, hold: u64) -> Vec<WrittenBy> {
        let annotated =
            subject.pod.metadata.annotations.as_ref().is_some_and(|a| a.of_injectors.iter().next().is_some());
        // What a pod lacks when it is made, its injector was not asked for, or is asked for later, and so are we.
        if !annotated || subject.kind == Kind::Pod || subject.kind.is_knative() {
            return Vec::new();
        }
        let told = INJECTORS.iter().map(|injector| injector.told(subject, None, hold));
        told.filter(|by| by.is_stated() && by.injector.is_to_come(subject, context)).collect()
    }

    /// The container, which has nothing but a name before it is there.
    pub fn unwritten(&self) -> Option<&'static Container<'static>> {
        UNWRITTEN.iter().find(|container| container.name.as_str() == self.injector.container())
    }

    /// A time of nothing says no more than that it is like others.
    fn is_stated(&self) -> bool {
        [self.hook, self.accepts, self.stop].into_iter().flatten().any(|time| time.stated && time.seconds > 0)
    }

    /// The annotation that says something of it.
    pub fn annotation(&self) -> Option<&'static str> {
        let Injector { hook, accepts, stop, .. } = self.injector;
        let settings = [(hook, self.hook), (accepts, self.accepts), (stop, self.stop)];
        let stated = |time: Option<Time>| time.is_some_and(|time| time.stated);
        settings.into_iter().find(|(_, time)| stated(*time)).and_then(|(setting, _)| Some(setting.as_ref()?.annotation))
    }

    /// How its injector is told to make its hook so long: by the pod, or for all.
    pub fn hook_fix(&self, seconds: u64) -> Option<String> {
        let for_all = || Some(format!("{}, for all pods: {seconds} s", self.injector.hook_for_all?));
        self.injector.hook.map(|setting| setting.fix(seconds)).or_else(for_all)
    }

    /// How its injector is told to let it serve until then, where its hook ends at `told` and new work comes for `hold`.
    pub fn stay_fix(&self, told: u64, until: u64, hold: u64) -> Option<String> {
        match (self.injector.until_idle, self.injector.accepts) {
            (Some(idle), _) if self.until_idle => {
                Some(format!("in annotation {ISTIO_CONFIG}, proxyMetadata: {{{}: {hold}s}}", idle.least))
            }
            (_, Some(setting)) => Some(setting.fix(until.saturating_sub(told))),
            (_, None) => self.hook_fix(until),
        }
    }

    /// How its injector is told to make it a native sidecar.
    pub fn native_fix(&self) -> Option<String> {
        match self.injector.native {
            Native::Annotations(keys) => {
                keys.first().map(|key| format!("annotation {key}: \"true\", which makes it a native sidecar"))
            }
            Native::Never | Native::Always => None,
        }
    }
}

/// Whether an annotation is one that is read here.
pub fn reads(key: &str) -> bool {
    let domain = key.split('/').next().unwrap_or_default();
    let known = ["istio.io", "linkerd.io", "dapr.io", "consul.hashicorp.com", "kuma.io", "appmesh.k8s.aws"];
    known.iter().any(|known| domain.ends_with(known))
        && INJECTORS.iter().any(|injector| injector.annotations().any(|read| read == key))
}

fn annotation<'s>(subject: &'s Subject, key: &str) -> Option<&'s str> {
    subject.pod.metadata.annotations.as_ref()?.of_injectors.get(key)
}

fn literal<'c>(container: &'c Container, name: &str) -> Option<&'c str> {
    match container.variable(name) {
        Variable::Literal(text) => Some(text),
        Variable::Unset | Variable::Unknown => None,
    }
}

/// The most bytes of a configuration in an annotation that are read.
const MOST_BYTES: usize = 16 << 10;

/// A configuration in YAML or JSON. An anchor could make a small text a large one.
fn configuration(text: &str) -> Option<Value> {
    let begins =
        |before: &str| before.ends_with(|c: char| c.is_whitespace() || "[{,:".contains(c)) || before.is_empty();
    let anchors = text.match_indices('&').any(|(at, _)| text.get(..at).is_none_or(begins));
    let readable = text.len() <= MOST_BYTES && !anchors;
    readable.then(|| manifest::parse(&Document { index: 0, line: 1, start: 0, text }).ok())?
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::world::World;

    /// A template with these annotations and labels, and with more containers than its app.
    fn template(annotations: &[(&str, &str)], labels: Value, containers: &[Value]) -> Value {
        let annotations: BTreeMap<_, _> = annotations.iter().copied().collect();
        let mut all = vec![json!({"name": "app", "ports": [{"containerPort": 80}]})];
        all.extend_from_slice(containers);
        let metadata = json!({"annotations": annotations, "labels": labels});
        json!({"metadata": {"name": "d"}, "spec": {"template": {"metadata": metadata, "spec": {"containers": all}}}})
    }

    fn read<T>(object: &Value, look: impl FnOnce(&Subject) -> T) -> T {
        look(&Subject::parse(Kind::Deployment, &object.to_string()).unwrap())
    }

    /// h, A and S of the first container that is to come in a namespace that nobody knows.
    fn to_come(annotations: &[(&str, &str)], labels: Value) -> Option<(&'static str, [Option<u64>; 3])> {
        read(&template(annotations, labels, &[]), |subject| {
            let all = WrittenBy::to_come(subject, &World::default().context("shop"), 10);
            assert!(all.len() < 2);
            let seconds = |time: Option<Time>| time.map(|time| time.seconds);
            all.first().map(|by| (by.injector.name, [seconds(by.hook), seconds(by.accepts), seconds(by.stop)]))
        })
    }

    /// A of a container that is there, and whether somebody stated it.
    fn accepts(annotations: &[(&str, &str)], container: Value) -> Option<(u64, bool)> {
        read(&template(annotations, json!({}), &[container]), |subject| {
            let by = WrittenBy::of(subject, &subject.pod.spec.containers[1], 10).unwrap();
            assert!(!by.absent);
            by.accepts.map(|time| (time.seconds, time.stated))
        })
    }

    #[test]
    fn every_annotation_of_the_table_is_kept() {
        for key in INJECTORS.iter().flat_map(Injector::annotations) {
            assert!(reads(key), "{key}");
        }
        for key in ["sidecar.istio.io/status", "linkerd.io/created-by", "draingate.dev/hook", "istio.io", ""] {
            assert!(!reads(key), "{key}");
        }
    }

    #[test]
    fn a_container_is_to_come_where_the_pod_says_something_of_its_end() {
        let wait = ("config.alpha.linkerd.io/proxy-wait-before-exit-seconds", "40");
        let linkerd = Some(("Linkerd", [Some(40), None, None]));
        assert_eq!(to_come(&[wait], json!({})), linkerd);
        assert_eq!(to_come(&[wait, ("linkerd.io/inject", "ingress")], json!({})), linkerd);
        assert_eq!(to_come(&[wait, ("linkerd.io/inject", "disabled")], json!({})), None);
        assert_eq!(to_come(&[wait, ("config.linkerd.io/proxy-enable-native-sidecar", "true")], json!({})), None);
        assert_eq!(to_come(&[wait, ("config.linkerd.io/proxy-enable-native-sidecar", "false")], json!({})), linkerd);
        assert_eq!(to_come(&[("linkerd.io/inject", "enabled")], json!({})), None);
        assert_eq!(to_come(&[(wait.0, "0")], json!({})), None);
        assert_eq!(to_come(&[(wait.0, "soon")], json!({})), None);

        let (stop, block) = (("dapr.io/graceful-shutdown-seconds", "20"), ("dapr.io/block-shutdown-duration", "1m"));
        let enabled = ("dapr.io/enabled", "true");
        assert_eq!(to_come(&[enabled, stop, block], json!({})), Some(("Dapr", [None, Some(60), Some(20)])));
        assert_eq!(to_come(&[stop, block], json!({})), None);
        assert_eq!(to_come(&[enabled], json!({})), None);

        let grace = ("consul.hashicorp.com/sidecar-proxy-lifecycle-shutdown-grace-period-seconds", "30");
        assert_eq!(to_come(&[grace], json!({})), Some(("Consul", [None, Some(30), None])));
        assert_eq!(to_come(&[grace, ("consul.hashicorp.com/connect-inject", "false")], json!({})), None);

        // It comes as a native sidecar, which nobody waits for.
        let kuma = ("kuma.io/sidecar-drain-time", "12s");
        assert_eq!(to_come(&[kuma], json!({"kuma.io/sidecar-injection": "enabled"})), None);

        let there = template(&[wait], json!({}), &[json!({"name": "linkerd-proxy"})]);
        read(&there, |s| assert!(WrittenBy::to_come(s, &World::default().context("shop"), 10).is_empty()));
    }

    #[test]
    fn istio_is_told_by_labels() {
        let config = (ISTIO_CONFIG, "terminationDrainDuration: 20s");
        let comes = |namespace: Option<Value>, labels: Value, inject: Option<&str>| {
            let mut world = World::default();
            let labels_of = |labels: Value| serde_json::from_value(labels).unwrap();
            namespace.into_iter().for_each(|labels| world.set_namespace("shop", labels_of(labels)));
            let inject = inject.map(|value| ("sidecar.istio.io/inject", value));
            let annotations: Vec<_> = inject.into_iter().chain([config]).collect();
            read(&template(&annotations, labels, &[]), |subject| {
                !WrittenBy::to_come(subject, &world.context("shop"), 10).is_empty()
            })
        };
        assert!(comes(None, json!({}), None));
        assert!(comes(Some(json!({"istio-injection": "enabled"})), json!({}), None));
        assert!(comes(Some(json!({"istio.io/rev": "canary"})), json!({}), None));
        assert!(!comes(Some(json!({})), json!({}), None));
        assert!(!comes(Some(json!({"istio-injection": "disabled"})), json!({}), Some("true")));
        assert!(comes(Some(json!({})), json!({"sidecar.istio.io/inject": "true"}), Some("false")));
        assert!(comes(Some(json!({})), json!({"istio.io/rev": "canary"}), None));
        assert!(!comes(None, json!({"sidecar.istio.io/inject": "false"}), Some("true")));
        assert!(!comes(None, json!({}), Some("false")));
    }

    #[test]
    fn what_stands_in_a_container_beats_the_annotation() {
        let istio = |env: Value| json!({"name": "istio-proxy", "env": env});
        let config = [(ISTIO_CONFIG, "{terminationDrainDuration: 30s, proxyMetadata: {A: b}}")];
        assert_eq!(accepts(&[], istio(json!([]))), Some((5, false)));
        assert_eq!(accepts(&config, istio(json!([]))), Some((30, true)));
        let own = json!([{"name": "PROXY_CONFIG", "value": "{\"terminationDrainDuration\":\"90s\"}\n"}]);
        assert_eq!(accepts(&config, istio(own)), Some((90, true)));
        let silent = json!([{"name": "PROXY_CONFIG", "value": "{\"concurrency\":2}"}]);
        assert_eq!(accepts(&config, istio(silent)), Some((30, true)));
        for unreadable in ["terminationDrainDuration: [", "- x", "terminationDrainDuration: soon", "&a [*a, *a]", ""] {
            assert_eq!(accepts(&[(ISTIO_CONFIG, unreadable)], istio(json!([]))), Some((5, false)), "{unreadable}");
        }

        let daprd = |args: Value| json!({"name": "daprd", "args": args});
        let block = [("dapr.io/block-shutdown-duration", "60s")];
        assert_eq!(accepts(&block, daprd(json!(["--app-id", "a"]))), Some((60, true)));
        assert_eq!(accepts(&block, daprd(json!(["--dapr-block-shutdown-duration", "1m30s"]))), Some((90, true)));
        assert_eq!(accepts(&[], daprd(json!(["--dapr-graceful-shutdown-seconds", "-1"]))), None);

        let consul = json!({"name": "consul-dataplane-web", "args": ["-shutdown-grace-period-seconds=12"]});
        assert_eq!(accepts(&[], consul), Some((12, true)));
        let kuma = json!({"name": "kuma-sidecar", "env": [{"name": "KUMA_DATAPLANE_DRAIN_TIME", "value": "40s"}]});
        assert_eq!(accepts(&[("kuma.io/sidecar-drain-time", "12s")], kuma), Some((40, true)));
    }

    #[test]
    fn a_configuration_that_asks_for_too_much_is_not_read() {
        let drain = |more: &str| configuration(&format!("terminationDrainDuration: 20s\nnote: {more}\n"));
        assert!(drain("a&b, '.*'").is_some());
        for anchor in ["&a x", "[&a x]", "[x,&a x]", "{\"k\":&a x}", "\n  - &a x"] {
            assert_eq!(drain(anchor), None, "{anchor}");
        }
        assert!(drain(&"x".repeat(MOST_BYTES - 100)).is_some());
        assert_eq!(drain(&"x".repeat(MOST_BYTES)), None);
        assert_eq!(drain(&"[".repeat(MOST_BYTES / 2)), None);
    }

    #[test]
    fn a_proxy_that_stays_until_it_is_idle() {
        let metadata =
            |on: &str, least: &str| format!("proxyMetadata: {{EXIT_ON_ZERO_ACTIVE_CONNECTIONS: {on}{least}}}");
        let of = |text: &str| accepts(&[(ISTIO_CONFIG, text)], json!({"name": "istio-proxy"})).unwrap();
        // It may be idle before the hold of 10 is over.
        assert_eq!(of(&metadata("'true'", "")), (5, true));
        assert_eq!(of(&metadata("true", ", MINIMUM_DRAIN_DURATION: 9s")), (9, true));
        assert_eq!(of(&metadata("'true'", ", MINIMUM_DRAIN_DURATION: 10s")), (MAX_SECONDS, true));
        assert_eq!(of(&metadata("'false'", ", MINIMUM_DRAIN_DURATION: 10s")), (5, false));
    }

    #[test]
    fn fixes_are_settings_of_the_injector() {
        let by = |container: Value| {
            let annotations = [(ISTIO_CONFIG, "proxyMetadata: {EXIT_ON_ZERO_ACTIVE_CONNECTIONS: 'true'}")];
            read(&template(&annotations, json!({}), &[container]), |subject| {
                WrittenBy::of(subject, &subject.pod.spec.containers[1], 10).unwrap()
            })
        };
        let stay = |name: &str| by(json!({"name": name})).stay_fix(6, 26, 10).unwrap();
        let idle = "in annotation proxy.istio.io/config, proxyMetadata: {MINIMUM_DRAIN_DURATION: 10s}";
        assert_eq!(stay("istio-proxy"), idle);
        assert_eq!(stay("daprd"), "annotation dapr.io/block-shutdown-duration: \"20s\"");
        let wait = "annotation config.alpha.linkerd.io/proxy-wait-before-exit-seconds: \"26\"";
        assert_eq!(stay("linkerd-proxy"), wait);
        assert_eq!(by(json!({"name": "linkerd-proxy"})).hook_fix(26).unwrap(), wait);
        assert_eq!(by(json!({"name": "daprd"})).hook_fix(26), None);
        let envoy = json!({"name": "envoy", "image": "public.ecr.aws/appmesh/aws-appmesh-envoy:v1.29"});
        assert_eq!(
            by(envoy).stay_fix(6, 26, 10).unwrap(),
            "--prestop-delay of App Mesh's controller, for all pods: 26 s"
        );
        assert!(!INJECTORS.iter().any(|injector| injector.writes(&Container::named("envoy"))));
    }
}
