//! The model against the kubelet: random pods stop on a real node, and each container says when. The core's timeline and
//! the simulator of the other tests are both held against that.
//!
//! Where they differ, the kubelet is right. `make conformance PODS=300` takes as many as one likes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use draingate::report::timeline::{Lane, LaneKind, Timeline, What};
use draingate_core::judge::{View, judge};
use draingate_core::subject::{Kind, Subject};
use draingate_core::world::World;
use draingate_testing::kubelet::{self, Early};
use draingate_testing::node::{Node, eventually, lab_image};
use serde_json::{Value, json};

/// What a moment may differ by, in seconds: the kubelet hears of a deletion, and of an end, within about one, and this
/// machine has two cores for a whole node.
const TOLERANCE: f64 = 2.0;
/// Pods that stop at the same time.
const BATCH: usize = 8;

/// Numbers that look random, and are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// A container's hook, and what the core has to be told or shown of it.
struct Hook {
    handler: Value,
    /// Of a hook whose words say nothing.
    declared: Option<u64>,
    /// What the container itself needs for it.
    arguments: Vec<String>,
    /// The least grace with which it plays as the core has it.
    grace: u64,
    /// How long its own commands run, and when they tell its container to stop.
    runs: u64,
    stops_at: Option<u64>,
    /// By SIGQUIT.
    stops_gracefully: bool,
}

/// A hook of any kind. One that stops its container first either ends with it, or is through before it.
fn random_hook(dice: &mut Dice, port: usize, stop: u64, may_stop: bool) -> Option<Hook> {
    let takes = 1 + dice.below(7);
    let hook = |handler| Hook {
        handler,
        declared: None,
        arguments: Vec::new(),
        grace: 0,
        runs: takes,
        stops_at: None,
        stops_gracefully: false,
    };
    let fails = |hook| Hook { runs: 0, ..hook };
    let command = |words: &[&str]| hook(json!({"exec": {"command": words}}));
    let line = |line: &str| command(&["/bin/sh", "-c", line]);
    Some(match dice.below(18) {
        0..=2 => return None,
        3..=5 => Hook { grace: takes, ..hook(json!({"sleep": {"seconds": takes}})) },
        6..=8 => Hook { declared: Some(takes), ..command(&["/lab", "stopper", &format!("-hook={takes}s")]) },
        9..=11 => Hook {
            declared: Some(takes),
            arguments: vec![format!("-listen=:{port}"), format!("-takes={takes}s")],
            ..hook(json!({"httpGet": {"path": "/", "port": port}}))
        },
        // They fail, and SIGTERM comes at once.
        12 => fails(Hook { declared: Some(0), ..command(&["/no-such-program"]) }),
        13 => fails(command(&["/bin/sh", "-c", "sleep", "5"])),
        14 => fails(command(&["sleep", "$DELAY"])),
        // Nothing ends it but the grace.
        15 => Hook { runs: u64::MAX, ..line("while true; do sleep 1; done") },
        _ if may_stop => {
            let behind = dice.below(4) + dice.below(2) * (stop + 1);
            let stops_gracefully = dice.below(2) == 0;
            let signal = if stops_gracefully { "QUIT" } else { "TERM" };
            let line = line(&format!("sleep {takes}; kill -{signal} 1; sleep {behind}"));
            // With less, SIGTERM behind the hook would be late enough to have a stop window of its own.
            let (grace, runs) = (takes + behind + 2, takes + behind);
            Hook { grace, runs, stops_at: Some(takes), stops_gracefully, ..line }
        }
        _ => line(&format!("sleep {takes} && echo done")),
    })
}

/// A pod, as it is applied and as it is played.
struct Pod {
    json: Value,
    played: kubelet::Pod,
}

impl Pod {
    fn name(&self) -> &str {
        self.json["metadata"]["name"].as_str().unwrap()
    }
}

/// A pod of up to two apps, a helper and two native sidecars, with hooks of all kinds. Apps accept on for a while after
/// SIGTERM, end their work at a limit, or cut; a helper may serve on. What no hook says the core knows from annotations; the
/// containers keep to them.
fn random_pod(name: &str, folder: &Path, dice: &mut Dice) -> Pod {
    let mut annotations = serde_json::Map::new();
    let mut helpers = Vec::new();
    let mut lists = [Vec::new(), Vec::new()];
    let mut longest = 0;
    let (apps, helper, sidecars) = (1 + dice.below(2), dice.below(2), dice.below(3));
    let cuts = dice.below(5) == 0;
    if cuts {
        annotations.insert("draingate.dev/sigterm".to_owned(), "cuts".into());
    }
    let mut played = kubelet::Pod::default();
    let names = (0..apps).map(|n| format!("app-{n}"));
    let names =
        names.chain((0..helper).map(|n| format!("helper-{n}"))).chain((0..sidecars).map(|n| format!("sidecar-{n}")));
    for (index, container) in names.enumerate() {
        let stop = dice.below(5);
        // A native sidecar that its hook stops is gone before its turn here; the core draws the best case.
        let hook = random_hook(dice, 9000 + index, stop, !container.starts_with("sidecar"));
        let accepts = if container.starts_with("sidecar") { 0 } else { dice.below(2) * dice.below(6) };
        let limit = (container.starts_with("app") && dice.below(3) == 0).then(|| dice.below(4));
        let mut arguments = vec!["stopper".to_owned(), format!("-stop={stop}s"), format!("-accepts={accepts}s")];
        arguments.extend(limit.map(|limit| format!("-limit={limit}s")));
        arguments.extend((cuts && container.starts_with("app")).then(|| "-cuts".to_owned()));
        arguments.extend(hook.iter().flat_map(|hook| hook.arguments.clone()));
        longest = longest.max(hook.as_ref().map_or(0, |hook| hook.grace));
        if let Some(seconds) = hook.as_ref().and_then(|hook| hook.declared) {
            annotations.insert(format!("prestop-seconds.draingate.dev/{container}"), seconds.to_string().into());
        }
        let mut one = json!({"name": container, "image": "localhost/lab:1", "imagePullPolicy": "Never", "args": arguments,
            "env": [{"name": "LAB_POD", "value": name}, {"name": "LAB_CONTAINER", "value": container},
                {"name": "LAB_MARKS", "value": "/out/marks"}],
            "volumeMounts": [{"name": "out", "mountPath": "/out"}]});
        if let Some(hook) = &hook {
            one["lifecycle"] = json!({"preStop": hook.handler});
        }
        let mut say = |key: &str, seconds: u64| {
            annotations.insert(format!("{key}-seconds.draingate.dev/{container}"), seconds.to_string().into());
        };
        if accepts > 0 {
            say("accept", accepts);
        }
        if container.starts_with("app") {
            // What its limit lets it need stands in for what nobody states.
            match limit {
                Some(limit) => say("finish", limit.min(stop)),
                None => say("worst-case-request", stop),
            }
        } else {
            helpers.push(format!("{container}={stop}"));
        }
        let (runs, stops_at) = hook.as_ref().map_or((0, None), |hook| (hook.runs, hook.stops_at));
        let stops_gracefully = hook.as_ref().is_some_and(|hook| hook.stops_gracefully);
        let waiting = kubelet::Helper { hook: runs, stops_at, stop, accepts, ..kubelet::Helper::default() };
        match container.split('-').next().unwrap() {
            "app" => played.apps.push(kubelet::App {
                hook: runs,
                stops_at,
                request: stop,
                accepts,
                limit,
                cuts,
                stops_gracefully,
                ..kubelet::App::default()
            }),
            "helper" => played.helpers.push(waiting),
            _ => played.sidecars.push(waiting),
        }
        if container.starts_with("sidecar") {
            one["restartPolicy"] = json!("Always");
            lists[1].push(one);
        } else {
            lists[0].push(one);
        }
    }
    annotations.insert("draingate.dev/helpers".to_owned(), helpers.join(",").into());
    annotations.insert("draingate.dev/safety-margin-seconds".to_owned(), "0".into());
    // Short, so that hooks are abandoned and containers killed in a good part of the pods; but the API server wants all
    // of a native sleep in it.
    let grace = longest.max(2 + dice.below(20));
    let [containers, init] = lists;
    played.grace = grace;
    let json = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "annotations": annotations, "labels": {"conformance": "yes"},
            // So that it can be read after it has stopped.
            "finalizers": ["conformance.draingate.dev/read"]},
        "spec": {"containers": containers, "initContainers": init, "terminationGracePeriodSeconds": grace,
            "automountServiceAccountToken": false,
            "volumes": [{"name": "out", "hostPath": {"path": folder, "type": "Directory"}}]}});
    Pod { json, played }
}

/// What the core says of a pod as it stands.
fn said(pod: &Value) -> Timeline {
    let json = pod.to_string();
    let subject = Subject::parse(Kind::Pod, &json).unwrap();
    let world = World::default();
    let judgement = judge(&subject, &world.context("default"), View::AsWritten);
    Timeline::of(&judgement.pod, &judgement.budget, false, None)
}

/// When a container got SIGTERM and when it was gone, in seconds after the deletion, and whether it was killed.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    sigterm: Option<f64>,
    gone: Option<f64>,
    killed: bool,
}

/// What differs from the simulator: in words, and by how many seconds. Here a helper leaves as soon as it may, and an app
/// ends at its limit, or at once: the worst case.
fn differences_from_the_simulator(pod: &Pod, seen: &BTreeMap<String, Seen>) -> (Vec<String>, f64) {
    let end = kubelet::play(&pod.played, Early::Leaves);
    let all = [("app", &end.apps), ("helper", &end.helpers), ("sidecar", &end.sidecars)];
    let all =
        all.into_iter().flat_map(|(kind, list)| (0..).zip(list).map(move |(n, one)| (format!("{kind}-{n}"), one)));
    let (mut words, mut largest) = (Vec::new(), 0_f64);
    for (container, played) in all {
        let one = seen.get(&container).copied().unwrap_or_default();
        let gone = played.exited_at.or(played.killed_at);
        for (what, played, seen) in [("SIGTERM", played.told_at, one.sigterm), ("gone", gone, one.gone)] {
            let difference = played.zip(seen).map_or(f64::INFINITY, |(played, seen)| (seen - played as f64).abs());
            largest = largest.max(difference);
            if difference > TOLERANCE {
                let name = pod.name();
                words.push(format!("{name}/{container}: {what} at {played:?} s by the simulator, seen at {seen:?}"));
            }
        }
    }
    (words, largest)
}

/// What differs from the core and from the simulator.
fn all_differences(pod: &Pod, seen: &BTreeMap<String, Seen>) -> (Vec<String>, f64) {
    let (by_core, difference) = differences(pod, &said(&pod.json), seen);
    let (by_simulator, other) = differences_from_the_simulator(pod, seen);
    ([by_core, by_simulator].concat(), difference.max(other))
}

/// What differs from the core's timeline: in words, and by how many seconds.
fn differences(pod: &Pod, timeline: &Timeline, seen: &BTreeMap<String, Seen>) -> (Vec<String>, f64) {
    let name = pod.name();
    let (mut words, mut killed) = (Vec::new(), Vec::new());
    let mut largest = 0_f64;
    let mut compare = |container: &str, what: &str, said: u64, seen: Option<f64>| {
        let Some(seen) = seen else {
            words.push(format!("{name}/{container}: {what} at {said} s by the core, not seen"));
            return;
        };
        let difference = (seen - said as f64).abs();
        largest = largest.max(difference);
        if difference > TOLERANCE {
            words.push(format!("{name}/{container}: {what} at {said} s by the core, at {seen:.1} s by the kubelet"));
        }
    };
    // A helper that is told early leaves early here; the core draws the best case, in which it drains.
    let is_early = |lane: &Lane| lane.segments.iter().any(|segment| segment.what == What::Leaving);
    let early = timeline.lanes.iter().any(is_early);
    // What of an app is drawn after a stop that cuts is lost here.
    let cuts = |lane: &Lane| pod.played.apps.iter().any(|app| app.cuts) && lane.kind == LaneKind::App;
    let serves_on = pod.played.helpers.iter().any(|helper| helper.accepts > 0);
    for lane in timeline.lanes.iter().filter(|lane| lane.kind != LaneKind::Traffic) {
        let one = seen.get(&lane.name).copied().unwrap_or_default();
        // Native sidecars wait for the others, however those end.
        let waits = pod.played.apps.iter().any(|app| app.cuts) || serves_on;
        if (early || waits) && lane.kind == LaneKind::NativeSidecar {
            continue;
        }
        // Killed before it could say so is possible where SIGTERM and SIGKILL come together only.
        compare(&lane.name, "SIGTERM", lane.sigterm.unwrap(), one.sigterm);
        // A helper serves on here, whether anybody needs it or not.
        if is_early(lane) || cuts(lane) || (serves_on && lane.kind == LaneKind::Helper) {
            continue;
        }
        match lane.sigkill {
            // The stop window may save one that needs no more than it.
            Some(at) if one.killed => compare(&lane.name, "SIGKILL", at, one.gone),
            Some(_) => {}
            None => {
                let own = lane.segments.iter().rfind(|segment| segment.what != What::Margin);
                let end = own.and_then(|segment| segment.to).unwrap_or(0);
                compare(&lane.name, "gone", end, one.gone);
                // One that ends in the very second of the SIGKILL may lose the race; the safety margin is for that.
                let kill = timeline.grace.max(lane.sigterm.unwrap() + 2);
                if one.killed && end < kill {
                    killed.push(format!(
                        "{name}/{}: killed, the core lets it end at {end} s, before {kill} s",
                        lane.name
                    ));
                }
            }
        }
    }
    words.extend(killed);
    (words, largest)
}

/// Runs a batch: what each of its containers did.
fn stop(node: &Node, folder: &Path, pods: &[Pod]) -> BTreeMap<String, BTreeMap<String, Seen>> {
    let marks = folder.join("marks");
    std::fs::write(&marks, "").unwrap();
    let items: Vec<&Value> = pods.iter().map(|pod| &pod.json).collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    node.apply(&list).unwrap();
    let count: usize = pods.iter().map(|pod| containers(&pod.json)).sum();
    let read = || -> Vec<Value> {
        let text = std::fs::read_to_string(&marks).unwrap();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    };
    eventually("all containers run", || {
        (read().iter().filter(|mark| mark["what"] == "start").count() == count).then_some(())
    });
    eventually("the API server knows it", || {
        let phases = node.kubectl(&["get", "pods", "-l", "conformance", "-o", "jsonpath={.items[*].status.phase}"]);
        (phases.split_whitespace().filter(|phase| *phase == "Running").count() == pods.len()).then_some(())
    });
    let clock = || std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    let mut deleted = BTreeMap::new();
    // In a process of kubectl's for a few pods each, so that each one's moment is known well enough.
    let names: Vec<&str> = pods.iter().map(Pod::name).collect();
    for some in names.chunks(5) {
        let before = clock();
        node.kubectl(&[&["delete", "pod", "--wait=false"][..], some].concat());
        let moment = (before + clock()) / 2.0;
        deleted.extend(some.iter().map(|name| ((*name).to_owned(), moment)));
    }
    let ended = eventually("all containers have ended", || {
        let list: Value =
            serde_json::from_str(&node.kubectl(&["get", "pods", "-l", "conformance", "-o", "json"])).unwrap();
        let items = list["items"].as_array().unwrap().clone();
        items.iter().all(|pod| ends(pod).len() == containers(pod)).then_some(items)
    });
    let mut all: BTreeMap<String, BTreeMap<String, Seen>> = BTreeMap::new();
    for pod in &ended {
        let name = pod["metadata"]["name"].as_str().unwrap();
        for (container, finished, code) in ends(pod) {
            let one = all.entry(name.to_owned()).or_default().entry(container).or_default();
            one.gone = Some(finished - deleted[name]);
            one.killed = code == 137;
        }
    }
    for mark in read() {
        let (pod, container) = (mark["pod"].as_str().unwrap(), mark["container"].as_str().unwrap());
        let at = mark["at"].as_f64().unwrap() / 1000.0 - deleted[pod];
        let one = all.entry(pod.to_owned()).or_default().entry(container.to_owned()).or_default();
        match mark["what"].as_str().unwrap() {
            "sigterm" => one.sigterm = Some(at),
            // Finer than the status, which has whole seconds.
            "exit" => one.gone = Some(at),
            _ => {}
        }
    }
    let release = r#"{"metadata": {"finalizers": null}}"#;
    for name in names {
        node.kubectl(&["patch", "pod", name, "--type=merge", "-p", release]);
    }
    all
}

fn containers(pod: &Value) -> usize {
    ["containers", "initContainers"].iter().map(|list| pod["spec"][list].as_array().map_or(0, Vec::len)).sum()
}

/// The containers that have ended: name, when (seconds since 1970), exit code.
fn ends(pod: &Value) -> Vec<(String, f64, i64)> {
    let lists = ["containerStatuses", "initContainerStatuses"];
    let all = lists.iter().flat_map(|list| pod["status"][list].as_array().cloned().unwrap_or_default());
    all.filter_map(|one| {
        let end = one.pointer("/state/terminated")?;
        let finished: k8s_openapi::jiff::Timestamp = end["finishedAt"].as_str()?.parse().ok()?;
        Some((one["name"].as_str()?.to_owned(), finished.as_second() as f64 + 0.5, end["exitCode"].as_i64()?))
    })
    .collect()
}

#[test]
fn pods_stop_as_the_core_says() {
    let number =
        |name: &str, default: u64| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (pods, seed) = (number("PODS", 20), number("SEED", 1));
    let node = Node::bare();
    node.load(lab_image());
    let folder = node.folder.path().canonicalize().unwrap().join("conformance");
    std::fs::create_dir_all(&folder).unwrap();
    let mut dice = Dice(seed);
    let (mut agree, mut killed, mut largest, mut report) = (0, 0, 0_f64, String::new());
    let (mut done, mut late) = (0, Vec::new());
    while done < pods {
        let some = (done..pods.min(done + BATCH as u64)).map(|n| random_pod(&format!("pod-{n}"), &folder, &mut dice));
        let some: Vec<Pod> = some.collect();
        done += some.len() as u64;
        let seen = stop(&node, &folder, &some);
        for pod in some {
            let seen = &seen[pod.name()];
            let (words, difference) = all_differences(&pod, seen);
            killed += usize::from(seen.values().any(|one| one.killed));
            if words.is_empty() {
                agree += 1;
                largest = largest.max(difference);
            } else {
                late.push(pod);
            }
        }
        println!(
            "{done} of {pods} pods: {agree} agree, containers were killed in {killed}, the largest difference is {largest:.1} s"
        );
    }
    // Once more, a few at a time: a machine that is busy is late, a model that is wrong is wrong again.
    for some in late.chunks(3) {
        eventually("they are gone", || {
            node.kubectl(&["get", "pods", "-l", "conformance", "-o", "name"]).trim().is_empty().then_some(())
        });
        let seen = stop(&node, &folder, some);
        for pod in some {
            let (words, difference) = all_differences(pod, &seen[pod.name()]);
            println!("{} once more: the largest difference is {difference:.1} s", pod.name());
            agree += u64::from(words.is_empty());
            for line in words {
                let _ = writeln!(report, "{line}");
            }
        }
    }
    assert!(
        report.is_empty(),
        "seed {seed}: {} of {pods} pods differ by more than {TOLERANCE} s:\n{report}",
        pods - agree
    );
}
