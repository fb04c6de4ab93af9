//! `make node-shutdown`: a graceful node shutdown, as a kubelet does it, under load.
//!
//! Nothing is shut down. A message bus inside the node's namespaces has a stand-in for logind (lab/app/logind.go), which tells
//! the kubelet that the machine goes down, and sees when the kubelet lets it go. What would then still run is lost. Another
//! node is stood in for by a server beside the kubelet, which the workload's Service sends to as well.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use draingate::traffic::load::Load;
use draingate::traffic::pods::now;
use draingate::traffic::recording::Count;
use draingate_core::keys;
use draingate_testing::node::{Node, eventually, run, script};
use draingate_testing::scratch;
use k8s_openapi::api::core::v1::{Node as ClusterNode, Pod};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{DeleteParams, ListParams};
use kube::{Api, ResourceExt};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::evidence::{between, options};
use crate::run::{Lab, Mark, NODE};
use crate::scenarios::naive;

/// What the kubelet gives critical pods of its time.
const CRITICAL: u64 = 2;
/// That a pod is given here, by the built-in times.
const HOOK: u64 = 10;
/// Another node's server.
const SURVIVOR: u16 = 18_080;
const RATE: u32 = 100;
const CALM: Duration = Duration::from_secs(3);

/// `(injected, seconds for ordinary pods, drained before)`.
const CASES: [(bool, u64, bool); 7] = [
    (false, 30, false),
    (true, 4, false),
    (true, 10, false),
    (true, 15, false),
    (true, 30, false),
    (false, 30, true),
    (true, 30, true),
];

/// What came of one.
#[derive(Debug, Serialize, Deserialize)]
struct Outcome {
    injected: bool,
    ordinary: u64,
    /// The node was drained, and only then told to shut down.
    drained: bool,
    kubernetes: String,
    sent: usize,
    failed: usize,
    kinds: String,
    /// Still answered by the pods when the machine was let go.
    unanswered: usize,
    /// Seconds from the signal, or from the drain before it: until the last request that reached a pod began, the first and the last container was told to
    /// stop, and the machine was let go.
    reached: f64,
    told: Option<(f64, f64)>,
    released: f64,
}

/// From outside: each case, and the table.
pub(crate) fn all(node: &Node, program: &Path, results: &Path, publish: Option<&Path>) -> bool {
    let folder = node.folder.path().canonicalize().unwrap();
    let bus = folder.join("bus.conf");
    std::fs::write(
        &bus,
        "<busconfig><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth><policy context=\"default\">\
         <allow send_destination=\"*\"/><allow receive_sender=\"*\"/><allow own=\"*\"/><allow user=\"*\"/></policy></busconfig>",
    )
    .unwrap();
    run(&mut node.command("mkdir", &["-p", "/run/dbus"]));
    let _bus = node.start("dbus-daemon", &["--nofork", "--config-file", bus.to_str().unwrap()], &[]);
    let marks = folder.join("logind");
    std::fs::write(&marks, "").unwrap();
    let shutdown = folder.join("shutdown");
    let variables = [("LAB_MARKS", marks.to_str().unwrap()), ("LAB_STOP", shutdown.to_str().unwrap())];
    eventually("the bus", || {
        node.command("test", &["-S", "/run/dbus/system_bus_socket"]).status().unwrap().success().then_some(())
    });
    let lab = scratch().join("lab");
    let _logind = node.start(&lab, &["logind"], &variables);
    let _survivor =
        node.start(&lab, &["serve", &format!("-port={SURVIVOR}"), "-work=200ms"], &[("LAB_POD", "survivor")]);
    let wait = |what: &str| {
        let said = || std::fs::read_to_string(&marks).unwrap().contains(&format!("\"{what}\"")).then_some(());
        eventually(what, said);
    };
    wait("serving");
    node.namespace("first", "inject");
    let mut outcomes: Vec<Outcome> = Vec::new();
    for (number, (injected, ordinary, drained)) in CASES.into_iter().enumerate() {
        std::fs::write(&marks, "").unwrap();
        let total = ordinary + CRITICAL;
        run(script("node")
            .arg("kubelet")
            .arg(&folder)
            .arg(format!("shutdownGracePeriod: {total}s"))
            .arg(format!("shutdownGracePeriodCriticalPods: {CRITICAL}s")));
        wait("inhibited");
        node.kubectl(&["wait", "--for=condition=Ready", "--timeout=60s", "node/node1"]);
        // What the shutdown before took with it.
        node.kubectl(&["-n", "draingate", "rollout", "status", "deployment", "--timeout=120s"]);
        node.injects("first");
        let result = folder.join(format!("shutdown-{number}.json"));
        let case = format!("{number},{injected},{ordinary},{drained},{}", result.display());
        let status = Command::new(script("node").get_program())
            .args(["exec", folder.to_str().unwrap()])
            .arg(program)
            .args(["--inside", folder.to_str().unwrap(), "--shutdown-case", &case])
            .status()
            .unwrap();
        let _ = std::fs::remove_file(&shutdown);
        // The kubelet takes its lock again, before the next one is waited for.
        std::thread::sleep(Duration::from_secs(1));
        if !status.success() {
            return false;
        }
        outcomes.push(serde_json::from_slice(&std::fs::read(&result).unwrap()).unwrap());
        println!("{:?}", outcomes.last().unwrap());
    }
    std::fs::write(results.join("shutdown.json"), serde_json::to_vec_pretty(&outcomes).unwrap()).unwrap();
    let text = table(&outcomes);
    println!("{text}");
    if let Some(root) = publish {
        between(&root.join("docs/node-shutdown.md"), "table", &text);
    }
    // What has time enough runs its hook to the end, and what has less is told sooner; after a drain nothing is left to lose.
    outcomes.iter().filter(|one| one.injected).all(|one| {
        let first = one.told.map_or(0.0, |(first, _)| first);
        first >= one.ordinary.min(HOOK) as f64 - 0.5 && (!one.drained || one.failed + one.unanswered == 0)
    })
}

fn table(outcomes: &[Outcome]) -> String {
    let mut text = String::from(
        "| pods | ordinary pods get | requests | lost | requests reach the pods for | SIGTERM after | the machine is let go after |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for one in outcomes {
        let told = one.told.map_or_else(|| "-".to_owned(), |(first, last)| format!("{first:.1} to {last:.1} s"));
        let _ = writeln!(
            text,
            "| {} | {} s | {} | **{}**{} | {:.1} s | {told} | {:.1} s |",
            match (one.injected, one.drained) {
                (true, false) => "with Draingate's hook of 10 s",
                (false, false) => "as written",
                (true, true) => "with Draingate's hook of 10 s, drained first",
                (false, true) => "as written, drained first",
            },
            one.ordinary,
            one.sent,
            one.failed + one.unanswered,
            one.kinds,
            one.reached,
            one.released
        );
    }
    if let Some(one) = outcomes.first() {
        let _ = writeln!(text, "\nKubernetes {}.", one.kubernetes);
    }
    text
}

fn marked(file: &Path) -> Vec<Mark> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// From inside: one case.
pub(crate) async fn case(folder: &Path, case: &str) {
    let [number, injected, ordinary, drained, result] = case.splitn(5, ',').collect::<Vec<_>>()[..] else {
        panic!("{case}")
    };
    let (injected, ordinary): (bool, u64) = (injected.parse().unwrap(), ordinary.parse().unwrap());
    let drained: bool = drained.parse().unwrap();
    let lab = Lab::new(folder, folder).await;
    // The addresses of the case before may still be held.
    lab.next.fetch_add(number.parse().unwrap(), Ordering::Relaxed);
    let name = format!("shutdown-{number}");
    let place = lab.place(&name);
    lab.namespace(&name, if injected { "inject" } else { "off" }).await;
    lab.create(&naive(&place)).await;
    lab.create(&[survivor(&name)]).await;
    lab.ready(&name).await;
    let pods: Api<Pod> = lab.api(&name);
    for pod in pods.list(&ListParams::default().labels("app=app")).await.unwrap() {
        assert_eq!(pod.metadata.annotations.unwrap_or_default().contains_key(keys::INJECTED), injected, "{name}");
    }
    sleep(Duration::from_secs(8)).await;
    let load = Load::new(&options(&place, RATE)).unwrap();
    let sending = tokio::spawn(Arc::clone(&load).run());
    sleep(CALM).await;
    let before = load.counts();
    assert_eq!(before.1, 0, "lost before anything happened");
    let nodes: Api<ClusterNode> = Api::all(lab.client.clone());
    let begin = now();
    if drained {
        // Its pods are not made anew elsewhere, as the budget would wait for: another node's stands for them.
        lab.api::<PodDisruptionBudget>(&name).delete("app", &DeleteParams::default()).await.unwrap();
        nodes.cordon("node1").await.unwrap();
        for pod in pods.list(&ListParams::default().labels("app=app")).await.unwrap() {
            pods.evict(&pod.name_any(), &Default::default()).await.unwrap();
        }
        let on_node = ListParams::default().labels("app=app").fields("spec.nodeName=node1");
        while !pods.list(&on_node).await.unwrap().items.is_empty() {
            assert!(now() - begin < 120.0, "the node never was empty");
            sleep(Duration::from_millis(100)).await;
        }
    }
    let signal = now();
    std::fs::write(folder.join("shutdown"), "").unwrap();
    let released = loop {
        let marks = marked(&folder.join("logind"));
        // The lock of an earlier case is released when its kubelet ends: before the signal.
        if let Some(mark) = marks.iter().find(|mark| mark.what == "released" && mark.at / 1000.0 > signal) {
            break mark.at / 1000.0;
        }
        assert!(now() - signal < 120.0, "the kubelet never let go");
        sleep(Duration::from_millis(100)).await;
    };
    let node = nodes.get("node1").await.unwrap();
    let conditions = node.status.unwrap().conditions.unwrap_or_default();
    let ready = conditions.iter().find(|condition| condition.type_ == "Ready").unwrap();
    assert_eq!(ready.status, "False", "{:?}", ready.message);
    // The shutdown deleted none of the pods.
    let all = pods.list(&ListParams::default().labels("app=app")).await.unwrap().items;
    assert!(all.iter().all(|pod| pod.metadata.deletion_timestamp.is_none()));
    // The kubelet goes on here, as no machine would: what it still answers is counted as lost.
    sleep(Duration::from_secs(5)).await;
    load.end();
    sending.await.unwrap();
    let samples = load.samples();
    let by_pods = || samples.iter().filter(|one| one.answer.as_ref().is_some_and(|answer| answer.pod != "survivor"));
    let count = Count::of(samples.iter().filter(|one| one.at <= released));
    let unanswered = by_pods().filter(|one| one.at <= released && one.end() > released).count();
    let reached = by_pods().map(|one| one.at - begin).fold(0.0, f64::max);
    let mut told: Vec<f64> = marked(&Path::new(&place.folder).join("marks"))
        .iter()
        .filter(|mark| mark.what == "sigterm")
        .map(|mark| mark.at / 1000.0 - begin)
        .collect();
    told.sort_by(f64::total_cmp);
    let outcome = Outcome {
        injected,
        ordinary,
        drained,
        kubernetes: lab.version.clone(),
        sent: count.sent,
        failed: count.failed,
        kinds: count.kinds(),
        unanswered,
        reached,
        told: told.first().copied().zip(told.last().copied()),
        released: released - begin,
    };
    std::fs::write(result, serde_json::to_vec(&outcome).unwrap()).unwrap();
    if drained {
        nodes.uncordon("node1").await.unwrap();
    }
    lab.remove(&name).await;
}

/// Another node's pod, for the Service of the workload.
fn survivor(namespace: &str) -> Value {
    json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"name": "survivor", "namespace": namespace, "labels": {"kubernetes.io/service-name": "app"}},
        "addressType": "IPv4", "endpoints": [{"addresses": [NODE]}], "ports": [{"name": "", "port": SURVIVOR, "protocol": "TCP"}]})
}
