//! Our own trouble is nobody's outage: what fails, which pods start all the same, who is told. It writes the table in
//! docs/reliability.md.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use draingate_testing::chart::{chart, objects, read};
use draingate_testing::lab::{HOPELESS, Lab, SERVER, Setup, Space, Stop, draingate, eventually, runtime};
use draingate_testing::proxy::{Fault, Proxy};
use draingate_testing::replica::{install, kubeconfig};
use draingate_testing::{root, written};
use serde_json::{Value, json};

use crate::neighbours::Neighbour;

/// Needs no help: 10 s of hook, 40 of a request, 5 of margin.
const FITS: &str = "{apiVersion: v1, kind: Pod, metadata: {name: fits}, spec: {terminationGracePeriodSeconds: 60, \
    containers: [{name: app, image: app, ports: [{containerPort: 8080}], lifecycle: {preStop: {sleep: {seconds: 10}}}}]}}";

/// A policy with which only an injected grace is enough: 10 + 40 + 5.
const POLICY: &str = "{budget: {worstCaseRequestSeconds: 40}}";

/// The webhooks wait so long for one answer.
const TIMEOUT: u64 = 2;

fn pods() -> [(&'static str, String); 4] {
    let pooler =
        SERVER.replace("name: server", "name: pooler").replace("}]}}", "}, {name: pgbouncer, image: pgbouncer}]}}");
    [("server", SERVER.to_owned()), ("pooler", pooler), ("fits", FITS.to_owned()), ("hopeless", HOPELESS.to_owned())]
}

/// What becomes of the pods.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    injected: Vec<String>,
    as_written: Vec<&'static str>,
    rejected: Vec<&'static str>,
    /// About `server`.
    said: String,
}

fn look(space: &Space) -> Seen {
    let mut seen = Seen::default();
    for (name, text) in pods() {
        let answer = space.dry_run(&text);
        if name == "server" {
            seen.said = said(&answer.warnings.join(" "));
        }
        if !answer.is_accepted() {
            assert_eq!(answer.code, 403, "{name}: {}", answer.message());
            seen.rejected.push(name);
        } else if answer
            .body
            .pointer("/metadata/annotations/draingate.dev~1injected")
            .is_some_and(|record| !record.is_null())
            && !Stop::of(&answer.body).hooks.is_empty()
        {
            seen.injected.push(format!("{name} (grace {})", Stop::of(&answer.body).grace));
        } else {
            seen.as_written.push(name);
        }
    }
    seen
}

/// The sentence that says why the pod lacks something.
fn said(warnings: &str) -> String {
    let begins = ["draingate could not read", "the pod is not as Draingate leaves it", "Draingate does not give"];
    let begin = begins.iter().find_map(|begin| warnings.find(begin));
    let Some(text) = begin.and_then(|at| warnings.get(at..)) else { return "nothing".to_owned() };
    let end = [" [changed-after]", " fix: ", " grace budget"].iter().filter_map(|end| text.find(end)).min();
    text[..end.unwrap_or(text.len())].to_owned()
}

/// What is seen where all is well: 10 + 40 + 5, and the helper waits a second longer than its app.
fn well() -> Seen {
    seen_injected("server (grace 55)", "pooler (grace 56)")
}

/// The same without the policy: the apps keep their 30 s after the hook.
fn built_in() -> Seen {
    seen_injected("server (grace 40)", "pooler (grace 40)")
}

fn seen_injected(server: &str, pooler: &str) -> Seen {
    let injected = vec![server.to_owned(), pooler.to_owned()];
    Seen { injected, as_written: vec!["fits"], rejected: vec!["hopeless"], said: "nothing".into() }
}

/// A row of the table.
struct Row {
    trouble: &'static str,
    seen: Seen,
    /// Metrics that say so, each with the alert that looks at it.
    told: &'static [(&'static str, &'static str)],
}

const UNDONE: (&str, &str) = ("draingate_not_rejected_total{cause=\"undone\"}", "DraingateUndone");
const NO_SLEEP: (&str, &str) = ("draingate_not_rejected_total{cause=\"no-sleep\"}", "DraingateUndone");
const INJECTION_OFF: (&str, &str) = ("draingate_injection_off", "DraingateNothingInjected");
const FAILED_OPEN: (&str, &str) = ("apiserver_admission_webhook_fail_open_count", "DraingateFailedOpen");
const KIND_MISSING: (&str, &str) = ("draingate_policies_crd_missing", "DraingatePolicyKindMissing");
const UNREAD: (&str, &str) = ("draingate_policies_unread", "DraingatePoliciesUnread");
/// Of ten minutes.
const KNOWLEDGE_OLD: (&str, &str) = ("draingate_watch_age_seconds", "DraingateKnowledgeOld");
const NODES: (&str, &str) = ("draingate_watch_failing{watch=\"nodes\"}", "DraingateNodesUnreadable");

/// The trouble, pod by pod.
struct Scene<'l> {
    lab: &'l Lab,
    space: Space<'l>,
    rows: Vec<Row>,
}

impl Scene<'_> {
    fn metric(&self, name: &str) -> f64 {
        if !name.starts_with("apiserver_") {
            return self.lab.metric(name);
        }
        let text = self.lab.kubectl_ok(&["get", "--raw", "/metrics"], "").out;
        let lines = text.lines().filter(|line| line.starts_with(name) && line.contains("draingate.dev"));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// Looks at the pods, of `space` or of the usual one, and adds a row.
    fn row(&mut self, trouble: &'static str, told: &'static [(&'static str, &'static str)], expected: Seen) {
        let before: Vec<f64> = told.iter().map(|(metric, _)| self.metric(metric)).collect();
        let seen = look(&self.space);
        assert_eq!(seen, expected, "{trouble}");
        for ((metric, _), before) in told.iter().zip(before) {
            eventually(metric, || {
                let now = self.metric(metric);
                let is_counter = metric.contains("_total") || metric.contains("_count");
                (now > 0.0 && (!is_counter || now > before)).then_some(())
            });
        }
        self.rows.push(Row { trouble, seen, told });
    }

    fn webhooks(&self) {
        let (url, ca) = (self.lab.url(), self.lab.api().kubeconfig().parent().unwrap().join("draingate/ca.crt"));
        let arguments = ["webhooks", "--url", &url, "--ca-file", ca.to_str().unwrap()];
        self.lab.kubectl_ok(&["apply", "-f", "-"], &draingate(&arguments));
    }

    /// Lets the API server call somewhere else.
    fn redirect(&self, kind: &str, webhooks: usize, url: &str) {
        let patch =
            |index| json!({"op": "replace", "path": format!("/webhooks/{index}/clientConfig/url"), "value": url});
        let patch = Value::from_iter((0..webhooks).map(patch)).to_string();
        self.lab.kubectl_ok(&["patch", kind, "draingate", "--type=json", "-p", &patch], "");
    }

    /// Waits until the API server has heard of a change.
    fn until(&self, what: &str, holds: impl Fn(&Seen) -> bool) {
        eventually(what, || holds(&look(&self.space)).then_some(()));
    }

    fn is_well(&self) {
        self.until("all is well again", |seen| *seen == well());
    }

    /// Starts again, with this kubeconfig; how long until it is ready.
    fn restart(&self, kubeconfig: &Path) -> Duration {
        self.lab.kill();
        self.lab.launch(kubeconfig);
        let begun = Instant::now();
        while self.lab.admin("/readyz").0 != 200 {
            assert!(begun.elapsed() < Duration::from_secs(60), "not ready: {}", self.lab.admin("/readyz").1);
            std::thread::sleep(Duration::from_millis(50));
        }
        begun.elapsed()
    }

    fn node(&self, name: &str, version: &str, labels: Value) {
        let info = ["machineID", "systemUUID", "bootID", "kernelVersion", "osImage", "containerRuntimeVersion"];
        let mut info: Value = info.into_iter().map(|field| (field.to_owned(), Value::from(""))).collect();
        for field in ["kubeProxyVersion", "operatingSystem", "architecture"] {
            info[field] = "".into();
        }
        info["kubeletVersion"] = version.into();
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels},
            "status": {"nodeInfo": info}});
        self.lab.kubectl_ok(&["create", "--raw", "/api/v1/nodes", "-f", "-"], &node.to_string());
    }
}

/// What starts uninjected, and is told so.
fn uninjected(said: &str) -> Seen {
    let lacks = "a preStop hook of 10 s in \"app\", terminationGracePeriodSeconds 55 instead of 30";
    Seen {
        as_written: vec!["server", "pooler", "fits"],
        rejected: vec!["hopeless"],
        said: said.replace("LACKS", lacks),
        ..Seen::default()
    }
}

const AS_LEFT: &str = "the pod is not as Draingate leaves it: LACKS";

/// The mutating phase: gone, dead, undone, and never answered.
fn mutation(scene: &mut Scene) {
    scene.lab.kubectl_ok(&["delete", "mutatingwebhookconfiguration", "draingate"], "");
    scene.until("nobody mutates", |seen| seen.injected.is_empty());
    scene.row("the mutating configuration is deleted", &[UNDONE], uninjected(AS_LEFT));
    scene.webhooks();
    scene.is_well();

    // A replica that is killed while it has the call in its hands; another one answers the next.
    let dying = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/mutate", dying.local_addr().unwrap());
    std::thread::spawn(move || dying.incoming().for_each(drop));
    scene.redirect("mutatingwebhookconfiguration", 1, &url);
    scene.until("the mutating call fails", |seen| seen.injected.is_empty());
    let told = &[UNDONE, FAILED_OPEN];
    scene.row("a replica dies with the mutating call in its hands, another one validates", told, uninjected(AS_LEFT));
    scene.webhooks();
    scene.is_well();

    let neighbour = Neighbour::moves_in(&scene.space, "IfNeeded", undoes_all);
    scene.row("a later webhook takes hook, grace and record out again", &[UNDONE], uninjected(AS_LEFT));
    neighbour.moves_out(&scene.space);
    scene.is_well();

    // Accepts connections, and never says anything.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", silent.local_addr().unwrap());
    for (kind, webhooks) in [("mutatingwebhookconfiguration", 1), ("validatingwebhookconfiguration", 4)] {
        scene.redirect(kind, webhooks, &url);
    }
    scene.until("nobody answers", |seen| seen.rejected.is_empty());
    let begun = Instant::now();
    assert!(scene.space.dry_run(SERVER).is_accepted());
    let taken = begun.elapsed().as_secs_f64();
    assert!((1.9..3.9).contains(&(taken / TIMEOUT as f64)), "{taken} s");
    let all =
        Seen { as_written: vec!["server", "pooler", "fits", "hopeless"], said: "nothing".into(), ..Seen::default() };
    scene.row("the network swallows every call: each pod waits for two, 2 s each", &[FAILED_OPEN], all);
    scene.webhooks();
    scene.is_well();
}

fn undoes_all(pod: &Value) -> Value {
    let mut patch = vec![
        json!({"op": "add", "path": "/metadata/labels", "value": {"neighbour": "was-here"}}),
        json!({"op": "add", "path": "/metadata/annotations", "value": {}}),
    ];
    let is_ours = pod.pointer("/metadata/annotations/draingate.dev~1injected").is_some();
    let containers = pod["spec"]["containers"].as_array().unwrap().iter().enumerate();
    for (index, _) in containers.filter(|(_, container)| is_ours && container.get("lifecycle").is_some()) {
        patch.push(json!({"op": "remove", "path": format!("/spec/containers/{index}/lifecycle")}));
    }
    if is_ours {
        patch.push(json!({"op": "replace", "path": "/spec/terminationGracePeriodSeconds", "value": 30}));
    }
    patch.into()
}

/// The versions of the nodes.
fn nodes(scene: &mut Scene, rights: &Path, proxy: &Proxy, by_proxy: &Path) {
    scene.node("kwok-node-0", "fake", json!({"type": "kwok", "kubernetes.io/role": "agent"}));
    scene.node("virtual-node-aci-linux", "v1.19.10-vk-azure-aci-1.4.8", json!({"type": "virtual-kubelet"}));
    scene.node("half-made", "", json!({}));
    scene.restart(rights);
    let trouble = "nodes that are no kubelets: kwok's of version `fake`, a virtual-kubelet of 1.19";
    scene.row(trouble, &[], well());

    scene.node("old", "v1.29.9", json!({"kubernetes.io/role": "agent"}));
    scene.restart(rights);
    let said = "Draingate does not give the pod what it lacks, LACKS: a node has version v1.29.9, and native sleep hooks need 1.30";
    scene.row("one real node of 1.29 among them", &[NO_SLEEP, INJECTION_OFF], uninjected(said));
    scene.lab.kubectl_ok(&["delete", "nodes", "--all"], "");

    proxy.set(Fault::StatusOf(503, "/api/v1/nodes"));
    let taken = scene.restart(by_proxy);
    assert!(taken >= Duration::from_secs(25), "ready after {taken:?}: the nodes could not be read");
    let said = "Draingate does not give the pod what it lacks, LACKS: the versions of the nodes cannot be read: no answer in time";
    let trouble = "LIST nodes answers 503 from the start: ready is said after 30 s";
    scene.row(trouble, &[NO_SLEEP, INJECTION_OFF, NODES], uninjected(said));
    proxy.set(Fault::None);
    scene.is_well();
}

/// The policies, and the right to read namespaces.
fn knowledge(scene: &mut Scene, rights: &Path, proxy: &Proxy, by_proxy: &Path) {
    scene.restart(by_proxy);
    proxy.set(Fault::StatusOf(500, "policies"));
    eventually("the watch fails", || {
        (scene.metric("draingate_watch_failing{watch=\"drainpolicies\"}") > 0.0).then_some(())
    });
    scene.row("policies that were known cannot be read any more: the last ones hold", &[KNOWLEDGE_OLD], well());
    proxy.set(Fault::StatusOf(404, "policies"));
    let trouble = "the API server does not know their kinds any more (404), and deleted nothing: the same";
    eventually("the kind is missing", || (scene.metric(KIND_MISSING.0) > 0.0).then_some(()));
    scene.row(trouble, &[KIND_MISSING], well());

    proxy.set(Fault::StatusOf(500, "policies"));
    scene.restart(by_proxy);
    let nothing_rejected = Seen {
        as_written: vec!["fits", "hopeless"],
        rejected: Vec::new(),
        said: "draingate could not read the policies yet: until it can, nothing is rejected".into(),
        ..built_in()
    };
    let trouble = "policies cannot be read from the start: built-in numbers, nothing is rejected, ready after 30 s";
    scene.row(trouble, &[UNREAD], nothing_rejected);
    proxy.set(Fault::None);
    scene.is_well();

    // Namespaces that are known stay so; what is new is asked for, and that is forbidden.
    scene.restart(rights);
    scene.is_well();
    let role = scene.lab.kubectl_ok(&["get", "clusterrole", "draingate", "-o", "json"], "").out;
    let mut less: Value = serde_json::from_str(&role).unwrap();
    less["rules"].as_array_mut().unwrap().retain(|rule| rule["resources"][0] != "namespaces");
    scene.lab.kubectl_ok(&["replace", "-f", "-"], &less.to_string());
    scene.row("the right to read namespaces is taken away: those that are known", &[], well());
    let fresh = scene.lab.namespace("enforce");
    let usual = std::mem::replace(&mut scene.space, fresh);
    // The watch goes on until it ends by itself: another replica begins without the right.
    scene.lab.kill();
    scene.lab.launch(rights);
    eventually("it answers", || (scene.lab.admin("/livez").0 == 200).then_some(()));
    let all =
        Seen { as_written: vec!["server", "pooler", "fits", "hopeless"], said: "nothing".into(), ..Seen::default() };
    scene.row("the same from the start: never ready, and what is asked is not answered", &[FAILED_OPEN], all);
    scene.space = usual;
    let mut whole: Value = serde_json::from_str(&role).unwrap();
    whole["metadata"].as_object_mut().unwrap().remove("resourceVersion");
    scene.lab.kubectl_ok(&["replace", "-f", "-"], &whole.to_string());

    scene.restart(rights);
    scene.is_well();
    scene.lab.kubectl_ok(&["delete", "crd", "drainpolicies.draingate.dev", "clusterdrainpolicies.draingate.dev"], "");
    eventually("the kinds are gone", || (scene.metric(KIND_MISSING.0) > 0.0).then_some(()));
    scene.until("no policies", |seen| *seen == built_in());
    scene.row("the CRDs are deleted, and with them the policies: there are none", &[KIND_MISSING], built_in());
    let taken = scene.restart(rights);
    assert!(taken < Duration::from_secs(20), "ready after {taken:?}");
    scene.row("no CRDs from the start: ready at once, no policies", &[KIND_MISSING], built_in());
}

#[test]
fn our_own_trouble_is_nobodys_outage() {
    let lab = Lab::start(Setup::default());
    install(lab.api());
    let space = lab.namespace("enforce");
    space.policy("default", POLICY);
    let mut scene = Scene { lab: &lab, space, rows: Vec::new() };
    scene.is_well();
    scene.row("none", &[], well());
    mutation(&mut scene);
    let files = tempfile::tempdir().unwrap();
    let proxied = files.path().join("proxied");
    std::fs::create_dir(&proxied).unwrap();
    let proxy = runtime().block_on(Proxy::start(lab.api()));
    let rights = kubeconfig(lab.api(), files.path(), None);
    let by_proxy = kubeconfig(lab.api(), &proxied, Some(&proxy.url()));
    nodes(&mut scene, &rights, &proxy, &by_proxy);
    knowledge(&mut scene, &rights, &proxy, &by_proxy);
    write(&scene.rows);
}

fn write(rows: &[Row]) {
    let alerts = objects(&read(&chart().join("files/alerts.yaml"))).remove(0);
    let rules = alerts["groups"][0]["rules"].as_array().unwrap();
    let mut table = String::from(
        "| trouble | start injected | start as written | rejected | said about `server` | metric | alert |\n\
        | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for Row { trouble, seen, told } in rows {
        let said = if seen.said == "nothing" { String::new() } else { format!("`{}`", seen.said.replace('|', "\\|")) };
        for (metric, alert) in *told {
            let rule = rules.iter().find(|rule| rule["alert"] == *alert).unwrap_or_else(|| panic!("no alert {alert}"));
            let family = metric.split('{').next().unwrap();
            assert!(rule["expr"].as_str().unwrap().contains(family), "{alert} does not look at {family}");
            assert_eq!(rule["labels"]["severity"], "warning", "{alert}");
        }
        let list = |of: usize| {
            let mut names: Vec<_> =
                told.iter().map(|told| if of == 0 { format!("`{}`", told.0) } else { told.1.to_owned() }).collect();
            names.dedup();
            names.join(", ")
        };
        let (injected, as_written) = (seen.injected.join(", "), seen.as_written.join(", "));
        let rejected = seen.rejected.join(", ");
        writeln!(table, "| {trouble} | {injected} | {as_written} | {rejected} | {said} | {} | {} |", list(0), list(1))
            .unwrap();
    }
    let page = root().join("docs/reliability.md");
    let now = read(&page);
    let (before, rest) = now.split_once("<!-- trouble -->").unwrap();
    let (_, after) = rest.split_once("<!-- /trouble -->").unwrap();
    written::same(&page, &format!("{before}<!-- trouble -->\n{table}<!-- /trouble -->{after}"));
}
