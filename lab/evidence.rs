//! `make evidence`: one naive workload under load, while its pods are ended over and over, with Draingate and without it.
//!
//! A schedule follows from its seed. Each step of it has a load of its own, so that every request belongs to exactly one
//! step, and is a line of the results when it is over: what was interrupted is run again, what was done is not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use draingate::traffic::load::{Connections, Load, Options};
use draingate::traffic::pods::{Lives, follow, now};
use draingate::traffic::recording::{Count, PodLife, Sample, settled};
use draingate_core::keys;
use draingate_testing::written;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{ListParams, Patch, PatchParams};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::sleep;

use crate::run::Lab;
use crate::scenarios::{Event, Place, naive};

/// What is asked for.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Goal {
    /// With --evidence: at least so many requests with Draingate, and a twentieth of them without
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) requests: usize,
    /// With --evidence: at least so many disruptions that count
    #[arg(long, default_value_t = 200)]
    pub(crate) rollouts: usize,
    /// With --evidence: requests a second, each way to the workload
    #[arg(long, default_value_t = 140)]
    pub(crate) rate: u32,
    /// With --evidence: of the schedule; that of the results where there are some, else any
    #[arg(long)]
    pub(crate) seed: Option<u64>,
}

/// Without it, the share of the schedule that is run.
const SHARE_WITHOUT: usize = 20;
/// How long the server takes for a request.
const WORK: Duration = Duration::from_millis(200);
/// Load before an event.
const CALM: Duration = Duration::from_secs(1);
/// One step in so many is a control.
const CONTROL_EVERY: u64 = 10;
const CONTROL: Duration = Duration::from_secs(10);
/// E of a ClusterIP.
const PROPAGATION: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(10);
const EVENTS: [Event; 4] = [Event::Restart, Event::Delete, Event::Evict, Event::ScaleDown];

/// With Draingate or without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Arm {
    Without,
    With,
}

/// One step, as it is written to the results.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Step {
    seed: u64,
    arm: Arm,
    /// Its place in the schedule.
    number: u64,
    /// `None`: a control, in which nothing happens.
    event: Option<Event>,
    sent: usize,
    failed: usize,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    errors: BTreeMap<String, usize>,
    /// How many pods it ended.
    ended: usize,
    /// At each of their deletions a request of 200 ms or more was in flight to the pod.
    counts: bool,
    kubernetes: String,
}

/// What the schedule has at a place: splitmix64 of seed and place.
fn event(seed: u64, number: u64) -> Option<Event> {
    if number.is_multiple_of(CONTROL_EVERY) {
        return None;
    }
    let mut z = seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    Some(EVENTS[((z ^ (z >> 31)) % 4) as usize])
}

/// Whether a request that took as long as the work was in flight to the pod when its deletion began. One that failed is
/// taken for one: nobody answered to say whose it was.
fn in_flight(samples: &[Sample], pod: &PodLife) -> bool {
    let Some(deleted) = pod.deleted else { return false };
    samples.iter().filter(|sample| sample.at <= deleted && sample.end() >= deleted).any(|sample| match &sample.answer {
        Some(answer) => answer.pod == pod.name && sample.took >= WORK.as_secs_f64(),
        None => sample.error.is_some(),
    })
}

fn read(file: &Path) -> Vec<Step> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect("a line of the results")).collect()
}

/// What is done, and what is next.
struct Progress<'f> {
    file: &'f Path,
    seed: u64,
    steps: Mutex<(Vec<Step>, BTreeSet<u64>)>,
}

impl Progress<'_> {
    /// The next place of the schedule, until the goal is reached.
    fn take(&self, arm: Arm, goal: &Goal) -> Option<u64> {
        let (requests, rollouts) = match arm {
            Arm::With => (goal.requests, goal.rollouts),
            Arm::Without => (goal.requests / SHARE_WITHOUT, goal.rollouts / SHARE_WITHOUT),
        };
        let mut steps = self.steps.lock().unwrap();
        let sums = Sums::of(steps.0.iter().filter(|step| step.arm == arm));
        if sums.sent >= requests && sums.count >= rollouts {
            return None;
        }
        let done = |number: &u64| steps.0.iter().any(|step| step.arm == arm && step.number == *number);
        let next = (0..).find(|number| !steps.1.contains(number) && !done(number))?;
        steps.1.insert(next);
        Some(next)
    }

    fn add(&self, step: Step) {
        let mut steps = self.steps.lock().unwrap();
        let mut file = std::fs::File::options().create(true).append(true).open(self.file).unwrap();
        writeln!(file, "{}", serde_json::to_string(&step).unwrap()).unwrap();
        steps.1.remove(&step.number);
        steps.0.push(step);
        let with = Sums::of(steps.0.iter().filter(|step| step.arm == Arm::With));
        let last = steps.0.last().unwrap();
        println!(
            "{:?} {}: {} of {} lost; with Draingate so far {} of {}, {} disruptions",
            last.arm,
            last.event.map_or("control", Event::words),
            last.failed,
            last.sent,
            with.failed,
            with.sent,
            with.count
        );
    }
}

/// Goes on until the goal is reached; whether it came out as it should: with Draingate nothing is lost, without it something.
pub(crate) async fn all(goal: &Goal, folder: &Path, results: &Path, parallel: usize) -> bool {
    // All is asked from one address, which soon uses a port again. What conntrack still knows of it would then lead to a pod
    // that is long gone: clients at many addresses do not see that. Longer than between two tries of a connection.
    std::fs::write("/proc/sys/net/ipv4/ip_local_port_range", "12000 65535").unwrap();
    std::fs::write("/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_syn_sent", "5").unwrap();
    let lab = Lab::new(folder, results).await;
    let file = results.join("evidence.jsonl");
    let old = read(&file);
    let any = || SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let seed = goal.seed.or(old.last().map(|step| step.seed)).unwrap_or_else(any);
    let steps = old.into_iter().filter(|step| step.seed == seed).collect::<Vec<_>>();
    println!("evidence: SEED={seed}, {} steps are done", steps.len());
    let progress = Progress { file: &file, seed, steps: Mutex::new((steps, BTreeSet::new())) };
    for arm in [Arm::Without, Arm::With] {
        let lanes = (0..parallel.max(1)).map(|lane| lab.lane(goal, &progress, arm, lane));
        futures::future::join_all(lanes).await;
    }
    let steps = progress.steps.into_inner().unwrap().0;
    let lost = |arm, control: bool| {
        let of = steps.iter().filter(|step| step.arm == arm && (!control || step.event.is_none()));
        of.map(|step| step.failed).sum::<usize>()
    };
    println!("{}", table(&steps));
    lost(Arm::With, false) == 0 && lost(Arm::Without, true) == 0 && lost(Arm::Without, false) > 0
}

impl Lab {
    /// The workload in a namespace of its own, one step after the other.
    async fn lane(&self, goal: &Goal, progress: &Progress<'_>, arm: Arm, lane: usize) {
        let mut place: Option<Place> = None;
        while let Some(number) = progress.take(arm, goal) {
            if place.is_none() {
                let (name, mode) = match arm {
                    Arm::With => ("with", "inject"),
                    Arm::Without => ("without", "off"),
                };
                let new = self.place(&format!("evidence-{name}-{lane}"));
                self.namespace(&new.namespace, mode).await;
                self.create(&naive(&new)).await;
                self.ready(&new.namespace).await;
                // A way in learns of endpoints a moment after they are ready.
                sleep(Duration::from_secs(3) + PROPAGATION).await;
                place = Some(new);
            }
            let step = self.step(goal, progress.seed, arm, number, place.as_ref().unwrap()).await;
            progress.add(step);
        }
        if let Some(place) = place {
            self.remove(&place.namespace).await;
        }
    }

    async fn step(&self, goal: &Goal, seed: u64, arm: Arm, number: u64, place: &Place) -> Step {
        let event = event(seed, number);
        let namespace = &place.namespace;
        let app = ListParams::default().labels("app=app");
        for pod in self.api::<Pod>(namespace).list(&app).await.unwrap() {
            let injected = pod.annotations().contains_key(keys::INJECTED);
            assert_eq!(injected, arm == Arm::With, "{namespace}: {}", pod.name_any());
        }
        let pods = Lives::default();
        let watch = tokio::spawn(follow(self.api(namespace), "app=app".to_owned(), Arc::clone(&pods)));
        let load = Load::new(&options(place, goal.rate)).unwrap();
        let sending = tokio::spawn(Arc::clone(&load).run());
        match event {
            None => sleep(CONTROL).await,
            Some(event) => {
                sleep(CALM).await;
                self.happen(event, namespace, &pods).await;
                let over = settled(pods.lock().unwrap().values(), PROPAGATION).unwrap_or_default();
                sleep(Duration::from_secs_f64((over - now()).max(0.0))).await;
                if event == Event::ScaleDown {
                    let three = Patch::Merge(json!({"spec": {"replicas": 3}}));
                    self.api::<Deployment>(namespace).patch("app", &PatchParams::default(), &three).await.unwrap();
                    self.ready(namespace).await;
                }
            }
        }
        load.end();
        sending.await.unwrap();
        watch.abort();
        let samples = load.samples();
        let ended: Vec<PodLife> = pods.lock().unwrap().values().filter(|pod| pod.deleted.is_some()).cloned().collect();
        let counts = !ended.is_empty() && ended.iter().all(|pod| in_flight(&samples, pod));
        let Count { sent, failed, errors, .. } = Count::of(&samples);
        let kubernetes = self.version.clone();
        Step { seed, arm, number, event, sent, failed, errors, ended: ended.len(), counts, kubernetes }
    }
}

/// New connections to a workload whose answers say which pod gave them.
pub(crate) fn options(place: &Place, rate: u32) -> Options {
    Options {
        url: format!("http://{}/", place.door),
        address: None,
        method: "GET".to_owned(),
        headers: Vec::new(),
        timeout: TIMEOUT,
        rate,
        connections: Connections::New,
        ca_file: None,
        of_canary: true,
    }
}

/// Steps, counted.
#[derive(Default)]
struct Sums {
    sent: usize,
    failed: usize,
    /// Disruptions that count.
    count: usize,
    /// Disruptions with any loss, whether they count or not.
    lossy: usize,
    /// Those that count or have any loss.
    either: usize,
    ended: usize,
}

impl Sums {
    fn of<'s>(steps: impl IntoIterator<Item = &'s Step>) -> Sums {
        let mut sums = Sums::default();
        for step in steps {
            sums.sent += step.sent;
            sums.failed += step.failed;
            sums.ended += step.ended;
            sums.count += usize::from(step.counts);
            let lossy = step.event.is_some() && step.failed > 0;
            sums.lossy += usize::from(lossy);
            sums.either += usize::from(step.counts || lossy);
        }
        sums
    }
}

/// `1234567` as `1,234,567`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The rule of three: of none in so many, the bound at 95 %, in percent with two digits that say something.
fn below(of: usize) -> String {
    let percent = 300.0 / of.max(1) as f64;
    let digits = (1.0 - percent.log10()).ceil().clamp(0.0, 9.0);
    let tens = 10_f64.powf(digits);
    let text = format!("{:.*}", digits as usize, (percent * tens - 1e-6).ceil() / tens);
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} %")
}

fn rate(failed: usize, of: usize, what: &str) -> String {
    let (number, all) = (grouped(failed), grouped(of));
    if failed == 0 {
        format!("0 of {all} {what} (below {} at 95 %)", below(of))
    } else {
        format!("{number} of {all} {what}")
    }
}

/// What came out, in a sentence.
fn sentence(steps: &[Step]) -> String {
    let sums = |arm| Sums::of(steps.iter().filter(|step| step.arm == arm));
    let (with, without) = (sums(Arm::With), sums(Arm::Without));
    format!(
        "with Draingate {} were lost, and {} lost any; without it {} of {} requests, in {} of {} disruptions",
        rate(with.failed, with.sent, "requests"),
        rate(with.lossy, with.either, "rollouts, deletions, evictions and scale-downs"),
        grouped(without.failed),
        grouped(without.sent),
        without.lossy,
        without.either
    )
}

fn table(steps: &[Step]) -> String {
    let mut text = String::from(
        "| | event | of them count | pods ended | with any loss | requests | lost |\n| --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for (arm, name) in [(Arm::Without, "without Draingate"), (Arm::With, "with Draingate")] {
        for event in EVENTS.map(Some).into_iter().chain([None]) {
            let of: Vec<&Step> = steps.iter().filter(|step| step.arm == arm && step.event == event).collect();
            let sums = Sums::of(of.iter().copied());
            let kinds = of.iter().flat_map(|step| &step.errors).fold(BTreeMap::new(), |mut all, (kind, number)| {
                *all.entry(kind.clone()).or_insert(0) += number;
                all
            });
            let kinds = Count { errors: kinds, ..Count::default() }.kinds();
            let events = format!("{} {}", of.len(), event.map_or("controls", Event::plural));
            let counted = event.map_or_else(|| "-".to_owned(), |_| sums.count.to_string());
            let lossy = if event.is_some() { sums.lossy } else { of.iter().filter(|step| step.failed > 0).count() };
            let (sent, failed) = (grouped(sums.sent), grouped(sums.failed));
            let _ = writeln!(
                text,
                "| {name} | {events} | {counted} | {} | {lossy} | {sent} | **{failed}**{kinds} |",
                sums.ended
            );
        }
    }
    text
}

/// A cell for each step, in rows by what happened.
fn picture(steps: &[Step]) -> String {
    const CELL: usize = 12;
    const LEFT: usize = 250;
    const IN_A_ROW: usize = 52;
    let mut body = String::new();
    let mut y = 54;
    for (arm, name) in [(Arm::Without, "without"), (Arm::With, "with Draingate")] {
        for event in EVENTS.map(Some).into_iter().chain([None]) {
            let mut of: Vec<&Step> = steps.iter().filter(|step| step.arm == arm && step.event == event).collect();
            of.sort_by_key(|step| step.number);
            let label = format!("{name}: {}", event.map_or("controls", Event::plural));
            let _ = writeln!(body, r#"<text class="t" x="20" y="{}">{label}</text>"#, y + 10);
            for (index, step) in of.iter().enumerate() {
                let (x, y) = (LEFT + index % IN_A_ROW * CELL, y + index / IN_A_ROW * CELL);
                let class = if step.failed == 0 { "g" } else { "b" };
                let _ = writeln!(
                    body,
                    r#"<rect class="{class}" x="{x}" y="{y}" width="10" height="10" rx="2"><title>step {}: {} of {} lost</title></rect>"#,
                    step.number, step.failed, step.sent
                );
            }
            y += of.len().div_ceil(IN_A_ROW).max(1) * CELL + 6;
        }
        y += 8;
    }
    let said = sentence(steps);
    let (first, second) = said.split_once("; ").unwrap_or((&said, ""));
    let height = y + 30;
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 {height}" width="900" height="{height}" role="img" font-family="system-ui, sans-serif" font-size="12">
<title>Every disruption, and whether a request was lost in it</title>
<style>.p {{ fill: #ffffff }} .t {{ fill: #1f2328 }} .g {{ fill: #8fd8c6 }} .b {{ fill: #b42318 }}
@media (prefers-color-scheme: dark) {{ .p {{ fill: #0d1117 }} .t {{ fill: #e6edf3 }} .g {{ fill: #146556 }} .b {{ fill: #ff8c82 }} }}</style>
<rect class="p" width="900" height="{height}" rx="8"/>
<text class="t" x="20" y="22">{first};</text>
<text class="t" x="20" y="38">{second}</text>
{body}<rect class="g" x="20" y="{0}" width="10" height="10" rx="2"/><text class="t" x="36" y="{1}">a step in which no request was lost</text>
<rect class="b" x="270" y="{0}" width="10" height="10" rx="2"/><text class="t" x="286" y="{1}">one in which some were</text>
</svg>
"#,
        y,
        y + 10
    )
}

/// Writes docs/evidence.md, .svg and .json, and the sentence of the README.
pub(crate) fn publish(results: &Path, root: &Path) {
    let mut steps = read(&results.join("evidence.jsonl"));
    let Some(seed) = steps.last().map(|step| step.seed) else { return };
    steps.retain(|step| step.seed == seed);
    steps.sort_by_key(|step| (step.arm == Arm::With, step.number));
    let mut versions: Vec<&str> = steps.iter().map(|step| step.kubernetes.as_str()).collect();
    versions.sort_unstable();
    versions.dedup();
    let said = sentence(&steps);
    let result = format!(
        "Kubernetes {}, SEED={seed}, {} steps: {said}.\n\n{}\n![Every disruption, and whether a request was lost in it](evidence.svg)\n",
        versions.join(" and "),
        steps.len(),
        table(&steps)
    );
    between(&root.join("docs/evidence.md"), "result", &result);
    between(&root.join("README.md"), "evidence", &format!("[Measured](docs/evidence.md): {said}.\n"));
    std::fs::write(root.join("docs/evidence.svg"), picture(&steps)).unwrap();
    let lines: Vec<String> = steps.iter().map(|step| serde_json::to_string(step).unwrap()).collect();
    std::fs::write(root.join("docs/evidence.json"), format!("[\n{}\n]\n", lines.join(",\n"))).unwrap();
    println!("lab: wrote docs/evidence.md");
}

/// Writes what stands between a page's markers.
pub(crate) fn between(page: &Path, marker: &str, text: &str) {
    let old = std::fs::read_to_string(page).unwrap();
    std::fs::write(page, written::with_between(&old, marker, text)).unwrap();
}
