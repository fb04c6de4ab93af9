//! Inside the node: sets a scenario up, loads it, lets the event happen, and takes down what was seen.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use clap::Parser;
use draingate::cli::{Cli, Command};
use draingate::traffic::pods::{Lives, follow, now};
use draingate::traffic::recording::{PodLife, Run, Sample, settled};
use draingate_testing::node::{run, script};
use draingate_testing::plane::forward;
use futures::StreamExt;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::results::{Outcome, Variant, table};
use crate::scenarios::{Before, Event, Place, Saved, Scenario, Way, container, shared, volume, with_hook};

/// How long anything may take.
const TIMEOUT: Duration = Duration::from_secs(240);
/// Load before anything happens, and after all of it has.
const CALM: Duration = Duration::from_secs(4);
/// Of a run in which nothing happens.
const CONTROL: Duration = Duration::from_secs(10);
/// The longest load; the end of a run ends it earlier.
const BOUND: &str = "-duration=3m";

/// The node's own address, which its pods reach, and ports there.
pub(crate) const NODE: &str = "10.245.0.1";
const APP_PORT: u32 = 20_000;
const CANARY_PORT: u32 = 21_000;
const TRAEFIK_PORT: u32 = 22_000;

/// A way in, for as long as it is held.
#[derive(Default)]
struct InTheWay {
    tasks: JoinSet<()>,
    process: Option<tokio::process::Child>,
}

pub(crate) struct Lab {
    pub(crate) client: Client,
    folder: PathBuf,
    results: PathBuf,
    /// Of the next namespace's addresses.
    pub(crate) next: AtomicU32,
    /// The API server's.
    pub(crate) version: String,
}

/// Runs them all; whether each came out as it should.
pub(crate) async fn all(scenarios: Vec<Scenario>, folder: &Path, results: &Path, parallel: usize) -> bool {
    let lab = Lab::new(folder, results).await;
    if scenarios.iter().any(|one| one.load.is_none()) {
        lab.namespace("lab-shared", "off").await;
        lab.create(&shared("lab-shared")).await;
        lab.ready("lab-shared").await;
    }
    let lab = &lab;
    let outcomes: Vec<Vec<Outcome>> =
        futures::stream::iter(scenarios.iter().map(|one| async move { lab.scenario(one).await }))
            .buffered(parallel.max(1))
            .collect()
            .await;
    let wrong: Vec<String> = scenarios
        .iter()
        .zip(&outcomes)
        .flat_map(|(scenario, runs)| runs.iter().filter(|one| !one.as_expected(scenario.after)))
        .map(Outcome::line)
        .collect();
    let outcomes: Vec<Outcome> = outcomes.into_iter().flatten().collect();
    let text = table(&outcomes);
    std::fs::write(lab.results.join("table.md"), &text).unwrap();
    std::fs::write(lab.results.join("kubernetes"), lab.version.trim_start_matches('v')).unwrap();
    println!("\n{text}");
    for line in &wrong {
        println!("not as expected: {line}");
    }
    println!("samples and pictures: {}", lab.results.display());
    wrong.is_empty()
}

pub(crate) async fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut config = kube::Config::infer().await.unwrap();
    config.proxy_url = None;
    Client::try_from(config).unwrap()
}

async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {TIMEOUT:?}: {what}");
        sleep(Duration::from_millis(250)).await;
    }
}

impl Lab {
    pub(crate) async fn new(folder: &Path, results: &Path) -> Lab {
        let client = client().await;
        let version = client.apiserver_version().await.unwrap().git_version;
        let (folder, results) = (folder.join("lab"), results.to_owned());
        Lab { client, folder, results, next: AtomicU32::new(1), version }
    }

    /// A namespace's addresses and folder.
    pub(crate) fn place(&self, namespace: &str) -> Place {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let folder = self.folder.join(namespace);
        std::fs::create_dir_all(&folder).unwrap();
        // Of the family that Services have first.
        let families = std::fs::read_to_string(self.folder.with_file_name("families")).unwrap();
        let (ip, behind, door) = if families.starts_with("IPv6") {
            let ip = format!("fd00:10:96::64{number:02x}");
            (ip.clone(), format!("fd00:10:96::65{number:02x}"), format!("[{ip}]"))
        } else {
            let ip = format!("10.96.100.{number}");
            (ip.clone(), format!("10.96.101.{number}"), ip)
        };
        Place { number, namespace: namespace.to_owned(), ip, door, behind, folder: folder.display().to_string() }
    }

    async fn scenario(&self, scenario: &Scenario) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let mode = if matches!(scenario.before, Before::BuiltInE(_)) { "inject" } else { "off" };
        if !matches!(scenario.before, Before::None) {
            outcomes.extend(self.runs(scenario, Variant::Before, mode).await);
        }
        outcomes.extend(self.runs(scenario, Variant::After, "inject").await);
        outcomes
    }

    /// The runs of one namespace: without a rollout first, where nothing is injected, then with one.
    async fn runs(&self, scenario: &Scenario, variant: Variant, mode: &str) -> Vec<Outcome> {
        let namespace = format!("{}-{}", scenario.name, variant.name());
        let mut place = self.place(&namespace);
        let number = place.number;
        match scenario.before {
            Before::BuiltInE(Way::Lag(_)) => place.door = format!("{NODE}:{}", APP_PORT + number),
            Before::BuiltInE(Way::Traefik(_)) => place.door = format!("{NODE}:{TRAEFIK_PORT}"),
            _ => {}
        }
        self.namespace(&namespace, mode).await;
        let _way = match scenario.before {
            Before::BuiltInE(way) => Some(self.way(way, &namespace, number, variant).await),
            _ => None,
        };
        let written = (scenario.objects)(&place);
        let objects = match (variant, scenario.before) {
            (Variant::Before, Before::HookWithoutGrace(hook, grace)) => with_hook(written, hook, grace),
            _ => written,
        };
        self.create(&objects).await;
        self.ready(&namespace).await;
        if variant == Variant::After && scenario.after != Saved::All {
            self.untouched(&namespace).await;
        }
        // A way in learns of endpoints a moment after they are ready.
        sleep(Duration::from_secs(3) + scenario.propagation()).await;
        let mut outcomes = Vec::new();
        if variant == Variant::Before || matches!(scenario.before, Before::None) {
            outcomes.push(self.run(scenario, &place, Variant::Control).await);
        }
        outcomes.push(self.run(scenario, &place, variant).await);
        self.remove(&namespace).await;
        for outcome in &outcomes {
            outcome.write(&self.results);
            println!("{}", outcome.line());
        }
        outcomes
    }

    async fn run(&self, scenario: &Scenario, place: &Place, variant: Variant) -> Outcome {
        let folder = Path::new(&place.folder);
        let _ = std::fs::remove_file(folder.join("stop"));
        // Emptied and not removed: the pods hold them open.
        for file in ["samples", "marks"] {
            std::fs::write(folder.join(file), "").unwrap();
        }
        let pods = Lives::default();
        let watch = tokio::spawn(follow(self.api(&place.namespace), "app=app".to_owned(), Arc::clone(&pods)));
        let load = format!("load-{}", variant.name());
        if let Some(arguments) = scenario.load {
            self.load(&load, arguments, place).await;
        }
        let samples = folder.join("samples");
        let flows = || async { std::fs::metadata(&samples).ok().filter(|file| file.len() > 0).map(|_| ()) };
        eventually("the first sample", flows).await;
        let window = if variant == Variant::Control {
            sleep(CONTROL).await;
            None
        } else {
            sleep(CALM).await;
            let from = now();
            self.happen(scenario.event, &place.namespace, &pods).await;
            let over = settled(pods.lock().unwrap().values(), scenario.propagation());
            sleep(Duration::from_secs_f64((over.unwrap_or(from) - now()).max(0.0))).await;
            let to = now();
            sleep(CALM).await;
            Some((from, to))
        };
        std::fs::write(folder.join("stop"), "").unwrap();
        if scenario.load.is_some() {
            let pods: Api<Pod> = self.api(&place.namespace);
            let ended = || async {
                let phase = pods.get(&load).await.ok()?.status?.phase?;
                (phase == "Succeeded" || phase == "Failed").then_some(phase)
            };
            assert_eq!(eventually("the load ends", ended).await, "Succeeded", "{}", place.namespace);
        }
        watch.abort();
        let mut lives: BTreeMap<String, PodLife> = pods.lock().unwrap().clone();
        let lost = marked(&folder.join("marks"), &mut lives);
        let title = format!(
            "{}: {}",
            scenario.title,
            match variant {
                Variant::Control => "no rollout",
                Variant::Before => "without Draingate",
                Variant::After => "with Draingate",
            }
        );
        let mut samples = taken(&samples);
        samples.extend(lost);
        let run = Run { title, window, samples, pods: lives.into_values().collect() };
        let (title, event) = (scenario.title.to_owned(), scenario.event.words().to_owned());
        Outcome { scenario: scenario.name.to_owned(), title, event, variant, run }
    }

    /// Starts a way in, and, for the run after, lets `draingate calibrate` write the policy for it.
    async fn way(&self, way: Way, namespace: &str, number: u32, variant: Variant) -> InTheWay {
        let mut open = InTheWay::default();
        let via = match way {
            Way::Lag(seconds) => {
                for (service, port) in [("app", APP_PORT + number), ("draingate-canary", CANARY_PORT + number)] {
                    let listener = tokio::net::TcpListener::bind(format!("{NODE}:{port}")).await.unwrap();
                    let (client, namespace, lag) =
                        (self.client.clone(), namespace.to_owned(), Duration::from_secs(seconds));
                    open.tasks.spawn(async move { forward(client, &namespace, service, lag, listener).await });
                }
                vec!["url".to_owned(), format!("http://{NODE}:{}/", CANARY_PORT + number)]
            }
            Way::Traefik(seconds) => {
                let class = json!({"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass",
                    "metadata": {"name": "traefik"}, "spec": {"controller": "traefik.io/ingress-controller"}});
                let classes: Api<k8s_openapi::api::networking::v1::IngressClass> = Api::all(self.client.clone());
                let _ = classes.create(&PostParams::default(), &serde_json::from_value(class).unwrap()).await;
                let program = Path::new(run(script("planes").arg("traefik")).trim()).join("traefik");
                let traefik = tokio::process::Command::new(program)
                    .arg(format!("--entrypoints.web.address={NODE}:{TRAEFIK_PORT}"))
                    .arg(format!("--providers.providersThrottleDuration={seconds}s"))
                    .args(["--providers.kubernetesingress", "--providers.kubernetesingress.ingressclass=traefik"])
                    .args(["--global.checknewversion=false", "--global.sendanonymoususage=false"])
                    .kill_on_drop(true)
                    .stdout(std::process::Stdio::null())
                    .spawn();
                open.process = Some(traefik.unwrap());
                ["ingress", "--ingress-class", "traefik", "--address", &format!("{NODE}:{TRAEFIK_PORT}")]
                    .map(str::to_owned)
                    .to_vec()
            }
        };
        if variant == Variant::After {
            let fixed = [
                "draingate",
                "calibrate",
                "--yes",
                "--write",
                "--policy",
                "drainpolicy/calibrated",
                "--rounds",
                "4",
                "-n",
                namespace,
                "--via",
            ];
            let all = fixed.map(str::to_owned).into_iter().chain(via);
            let Command::Calibrate(arguments) = Cli::parse_from(all).command else {
                unreachable!("calibrate was asked for")
            };
            let code = draingate::calibrate::run(Ok(self.client.clone()), &arguments).await.unwrap();
            assert_eq!(code, 0, "{namespace}: calibrate found too little");
        }
        open
    }

    pub(crate) fn api<K>(&self, namespace: &str) -> Api<K>
    where
        K: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), namespace)
    }

    pub(crate) async fn namespace(&self, name: &str, mode: &str) {
        let object = json!({"metadata": {"name": name, "labels": {"draingate.dev/mode": mode}}});
        let namespaces = Api::<Namespace>::all(self.client.clone());
        namespaces.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
        let accounts: Api<k8s_openapi::api::core::v1::ServiceAccount> = self.api(name);
        eventually("the default service account", || async { accounts.get("default").await.ok() }).await;
    }

    pub(crate) async fn remove(&self, namespace: &str) {
        let _ = Api::<Namespace>::all(self.client.clone()).delete(namespace, &DeleteParams::default()).await;
    }

    pub(crate) async fn create(&self, objects: &[Value]) {
        for object in objects {
            let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap();
            let (group, version) = text("/apiVersion").split_once('/').unwrap_or(("", text("/apiVersion")));
            let resource =
                kube::api::ApiResource::from_gvk(&kube::core::GroupVersionKind::gvk(group, version, text("/kind")));
            let api: Api<kube::api::DynamicObject> =
                Api::namespaced_with(self.client.clone(), text("/metadata/namespace"), &resource);
            api.create(&PostParams::default(), &serde_json::from_value(object.clone()).unwrap()).await.unwrap();
        }
    }

    /// Waits until all Deployments and StatefulSets of a namespace are as they should be.
    pub(crate) async fn ready(&self, namespace: &str) {
        let deployments: Api<Deployment> = self.api(namespace);
        let sets: Api<StatefulSet> = self.api(namespace);
        let all = || async {
            let deployments = deployments.list(&ListParams::default()).await.ok()?;
            let sets = sets.list(&ListParams::default()).await.ok()?;
            (deployments.items.iter().all(complete) && sets.items.iter().all(available)).then_some(())
        };
        eventually(&format!("the pods of {namespace} are ready"), all).await;
    }

    /// The pods are as they were written.
    async fn untouched(&self, namespace: &str) {
        let pods: Api<Pod> = self.api(namespace);
        for pod in pods.list(&ListParams::default().labels("app=app")).await.unwrap() {
            let record = pod.annotations().get("draingate.dev/injected");
            assert_eq!(record, None, "{namespace}: {} was touched", pod.name_any());
        }
    }

    async fn load(&self, name: &str, arguments: &[&str], place: &Place) {
        let filled: Vec<String> = arguments.iter().map(|one| one.replace("URL", &place.door)).collect();
        let mut all = vec!["load", BOUND];
        all.extend(filled.iter().map(String::as_str));
        let pod = json!({"metadata": {"name": name}, "spec": {"restartPolicy": "Never", "containers": [container("load", &all)],
            "volumes": volume(&place.folder), "terminationGracePeriodSeconds": 1}});
        let pods: Api<Pod> = self.api(&place.namespace);
        pods.create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
    }

    /// Lets it happen, and waits until the pods that had to go are gone and those that had to come are ready.
    pub(crate) async fn happen(&self, event: Event, namespace: &str, pods: &Lives) {
        let deployments: Api<Deployment> = self.api(namespace);
        let api: Api<Pod> = self.api(namespace);
        let patch = |patch: Value| {
            let deployments = deployments.clone();
            async move { deployments.patch("app", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap() }
        };
        let names: Vec<String> = {
            let list = api.list(&ListParams::default().labels("app=app")).await.unwrap();
            list.items.iter().map(ResourceExt::name_any).collect()
        };
        let gone = |name: String| {
            let pods = Arc::clone(pods);
            async move {
                let is_gone =
                    || async { pods.lock().unwrap().get(&name).is_some_and(|pod| pod.gone.is_some()).then_some(()) };
                eventually(&format!("{name} is gone"), is_gone).await;
            }
        };
        match event {
            Event::Restart => {
                let at = now().to_string();
                patch(json!({"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": at}}}}})).await;
                for name in names {
                    gone(name).await;
                }
            }
            Event::ScaleDown => {
                patch(json!({"spec": {"replicas": 1}})).await;
                let deleted = || async {
                    let lives = pods.lock().unwrap();
                    let old: Vec<_> = lives.values().filter(|pod| pod.deleted.is_some()).collect();
                    (old.len() == 2 && old.iter().all(|pod| pod.gone.is_some())).then_some(())
                };
                eventually("two pods are gone", deleted).await;
            }
            Event::Delete => {
                api.delete(&names[0], &DeleteParams::default()).await.unwrap();
                gone(names[0].clone()).await;
            }
            Event::Evict => {
                for name in names {
                    let evict = || async { api.evict(&name, &Default::default()).await.ok() };
                    eventually("the budget allows an eviction", evict).await;
                    gone(name.clone()).await;
                }
            }
        }
        self.ready(namespace).await;
    }
}

fn complete(deployment: &Deployment) -> bool {
    let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas);
    let observed = deployment.status.as_ref().and_then(|status| status.observed_generation);
    let status = deployment.status.as_ref();
    let is = |count: Option<i32>| count.unwrap_or(0) == wanted.unwrap_or(1);
    observed == deployment.metadata.generation
        && status.is_some_and(|s| is(s.replicas) && is(s.updated_replicas) && is(s.available_replicas))
}

fn available(set: &StatefulSet) -> bool {
    let wanted = set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let observed = set.status.as_ref().and_then(|status| status.observed_generation);
    observed == set.metadata.generation
        && set.status.as_ref().is_some_and(|status| status.available_replicas.unwrap_or(0) == wanted)
}

#[derive(Deserialize)]
pub(crate) struct Mark {
    /// In milliseconds.
    pub(crate) at: f64,
    pod: String,
    pub(crate) what: String,
}

/// Adds what the containers wrote themselves. Jobs that were begun by pods that are gone, and never done, are lost.
fn marked(file: &Path, lives: &mut BTreeMap<String, PodLife>) -> Vec<Sample> {
    let mut jobs: BTreeMap<String, f64> = BTreeMap::new();
    for line in std::fs::read_to_string(file).unwrap_or_default().lines() {
        let Ok(mark) = serde_json::from_str::<Mark>(line) else { continue };
        let Some(life) = lives.get_mut(&mark.pod) else { continue };
        match mark.what.as_str() {
            "sigterm" => life.sigterm.push(mark.at / 1000.0),
            "hook" => life.hook = Some(mark.at / 1000.0),
            "job" => drop(jobs.insert(mark.pod, mark.at / 1000.0)),
            "job-done" => drop(jobs.remove(&mark.pod)),
            _ => {}
        }
    }
    let gone = |pod: &String| lives.get(pod).is_some_and(|life| life.gone.is_some());
    let lost = jobs.into_iter().filter(|(pod, _)| gone(pod));
    lost.map(|(_, at)| Sample { at, error: Some("job".to_owned()), ..Sample::default() }).collect()
}

#[derive(Deserialize)]
struct Taken {
    at: f64,
    took: f64,
    #[serde(default)]
    error: String,
}

fn taken(file: &Path) -> Vec<Sample> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let read = |line: &str| {
        let Taken { at, took, error } = serde_json::from_str(line).ok()?;
        let error = (!error.is_empty()).then_some(error);
        Some(Sample { at: at / 1000.0, took: took / 1000.0, error, ..Sample::default() })
    };
    text.lines().filter_map(read).collect()
}
