//! The pod, its annotations and its policies as JSON.

use std::collections::BTreeMap;

use draingate_core::objects;
use draingate_core::world::World;
use serde_json::{Map, Value, json};

use super::servers::{role_text, sigterm_text, work_text};
use super::services::{BOOK, plain};
use super::{Container, Entry, Lifecycle, NAMESPACE, PolicyHook, PolicyLayer, RandomPod, Role, Server};

impl RandomPod {
    /// The pod's JSON.
    pub fn json(&self) -> Value {
        let mut metadata = json!({"name": "web-0", "labels": {"app": "web", "tier": "front"}});
        if self.alone {
            metadata["ownerReferences"] = json!([{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web",
                "uid": "1", "controller": true}]);
        }
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
        if self.has_book {
            spec["subdomain"] = json!(BOOK);
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
        let mut raw = json!({"name": container.name, "image": container.image()});
        let own = container.server.as_ref().map(Server::written).unwrap_or_default();
        for (key, words) in [("command", &own.command), ("args", &own.args)] {
            if !words.is_empty() {
                raw[key] = json!(words);
            }
        }
        let port = if container.probes_metrics() { json!("metrics") } else { json!(8080) };
        let probe = json!({"httpGet": {"path": "/ready", "port": port}, "periodSeconds": 5});
        if container.native {
            raw["restartPolicy"] = json!("Always");
        }
        let mut ports = Vec::new();
        if container.port {
            let mut port = json!({"containerPort": 8080});
            if container.port_is_named {
                port["name"] = json!("http");
            }
            if container.host_port {
                port["hostPort"] = json!(80);
            }
            ports.push(port);
        }
        if container.metrics {
            ports.push(json!({"containerPort": 9090, "name": "metrics"}));
        }
        if !ports.is_empty() {
            raw["ports"] = json!(ports);
        }
        if container.readiness {
            raw["readinessProbe"] = probe.clone();
        }
        if container.liveness {
            raw["livenessProbe"] = probe;
        }
        let env = container.hook.iter().flat_map(|hook| &hook.env).chain(&own.env);
        let env: Vec<_> = env.map(|(name, value)| json!({"name": name, "value": value})).collect();
        if !env.is_empty() {
            raw["env"] = json!(env);
        }
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
        if let Some(hook) = &container.hook {
            lifecycle.get_or_insert(Value::Null)["preStop"] = hook.handler.clone();
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
        let sigterm = self.annotations.sigterm.text(sigterm_text);
        let pod = [("hook", hook), ("helpers", helpers), ("sigterm", sigterm)];
        let pod = pod.map(|(key, value)| (format!("draingate.dev/{key}"), value));
        let all = || self.containers.iter().chain(&self.inits);
        let named = all().flat_map(|c| {
            let key = |prefix: &str| format!("{prefix}.draingate.dev/{}", c.name);
            [
                (key("prestop-seconds"), c.declared.text()),
                (key("worst-case-request-seconds"), c.request.text()),
                (key("accept-seconds"), c.said.accepts.text()),
                (key("finish-seconds"), c.said.finishes.text()),
                (key("work"), c.said.work.text(work_text)),
                (key("role"), c.said.role.text(role_text)),
            ]
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

    /// The namespace, its policies, its Services and the pod's owner, as they stand in files.
    pub fn documents(&self) -> Vec<Value> {
        let labels = self.profile_label.map(|(name, _)| json!({"draingate.dev/profile": name}));
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}});
        let mut documents = vec![namespace];
        let policy = |kind: &str, namespace: &str, name: &str, created: &str, spec: &Value| {
            json!({"apiVersion": "draingate.dev/v1alpha1", "kind": kind, "spec": spec,
                "metadata": {"name": name, "namespace": namespace, "creationTimestamp": created}})
        };
        if self.decoys {
            let weird = json!({"budget": {"endpointPropagationSeconds": 7777}, "helpers": [{"name": "app*"}]});
            let mut others = weird.clone();
            others["selector"] = json!({"matchLabels": {"tier": "back"}});
            for (kind, selects) in [("ClusterDrainPolicy", self.cluster.selects), ("DrainPolicy", self.own.selects)] {
                documents.push(policy(kind, NAMESPACE, "a-other-pods", "2019-01-01T00:00:00Z", &others));
                let created = if selects { "2019-01-01T00:00:00Z" } else { "2024-01-01T00:00:00Z" };
                documents.push(policy(kind, NAMESPACE, "a-weaker", created, &weird));
            }
            documents.push(policy("DrainPolicy", "elsewhere", "a", "2019-01-01T00:00:00Z", &weird));
        }
        let created = "2020-01-01T00:00:00Z";
        documents.push(policy("ClusterDrainPolicy", "", "base", created, &self.cluster_spec()));
        documents.push(policy("DrainPolicy", NAMESPACE, "default", created, &self.own_spec()));
        let object = |api_version: &str, kind: &str, namespace: &str, name: &str, spec: Value| json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec});
        documents.extend(self.services().map(|(name, spec)| object("v1", "Service", NAMESPACE, name, spec)));
        if self.decoys {
            documents.push(object("v1", "Service", NAMESPACE, "back", plain("tier", "back")));
            documents.push(object("v1", "Service", "elsewhere", "web", plain("app", "web")));
        }
        if self.alone {
            documents.push(object("apps/v1", "StatefulSet", NAMESPACE, "web", json!({"replicas": 1})));
        }
        documents
    }

    /// What is known of these.
    pub fn world(&self) -> World {
        self.knowing(&self.documents())
    }

    /// The world with nothing in it but the ClusterDrainPolicy, the Services and the owner.
    pub fn world_of_the_cluster_policy(&self) -> World {
        let lone = RandomPod { decoys: false, ..self.clone() };
        let mut documents = lone.documents();
        documents.retain(|document| document["kind"] != "DrainPolicy" && document["kind"] != "Namespace");
        self.knowing(&documents)
    }

    fn knowing(&self, documents: &[Value]) -> World {
        let mut world = World::default();
        world.sleep = self.sleep.clone();
        for document in documents {
            assert_eq!(objects::add(&mut world, document, None), Ok(true), "{document}");
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
        set("sigterm", layer.sigterm.map(|sigterm| format!("{sigterm:?}").into()));
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
        let all = self.containers.iter().chain(&self.inits);
        let servers: Vec<_> = all.filter_map(|c| Some(c.said.entries.get(index)?.as_ref()?.spec(c))).collect();
        set("servers", (!servers.is_empty()).then(|| servers.into()));
        spec.into()
    }
}

fn helper_spec(name: &str, entry: &Entry) -> Value {
    let mut spec = json!({"name": name});
    if let Some(stop) = entry.stop {
        spec["stopSeconds"] = json!(stop);
    }
    if entry.role != Role::Helper {
        spec["role"] = json!(format!("{:?}", entry.role));
    }
    spec
}

fn helper_text(name: &str, entry: &Entry) -> String {
    entry.stop.map_or_else(|| format!(" {name}"), |stop| format!("{name}={stop}"))
}
