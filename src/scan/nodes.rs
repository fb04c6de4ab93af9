//! What the nodes grant pods when they shut down, where it may be read: their kubelets' own configuration.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use axum::http::Request;
use futures::StreamExt;
use kube::Client;
use serde::Deserialize;
use tokio::time::timeout;

use crate::terminal::{BOLD, PLAIN, count};
use crate::workloads::group::Group;
use crate::workloads::read::Reader;
use draingate_core::judge::Verdict;
use draingate_core::node_shutdown::ShutdownGrace;

/// Asked at most: the nodes of a cluster are of few kinds.
const MOST_NODES: usize = 100;
/// At the same time.
const AT_ONCE: usize = 8;
/// Of a kubelet's answer, which comes through the API server.
const PATIENCE: Duration = Duration::from_secs(5);
/// Named at most.
const MOST_NAMES: usize = 10;

/// What is known of the nodes.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    /// The names of those that grant the same.
    by_grace: BTreeMap<ShutdownGrace, Vec<String>>,
    /// How many did not say, and why not the first; or why there is no list of them.
    silent: usize,
    why: String,
}

/// Asks the kubelets. Nothing of it is needed: what may not be read is not known.
pub(super) async fn read(client: &Client) -> Nodes {
    let mut nodes = Nodes::default();
    let mut names = Vec::new();
    let reader = Reader { most: MOST_NODES, ..Reader::new(client.clone(), None, Some(MOST_NODES)) };
    let listed = reader
        .each("/api/v1", "nodes", false, |item, _| {
            #[derive(Deserialize)]
            struct Node {
                metadata: Metadata,
            }
            #[derive(Deserialize)]
            struct Metadata {
                name: String,
            }
            names.extend(serde_json::from_str::<Node>(item).map(|node| node.metadata.name));
            Ok(())
        })
        .await;
    if let Err(problem) = listed {
        nodes.why = format!("{problem:#}");
        return nodes;
    }
    let asked = names.into_iter().map(|name| async move { (ask(client, &name).await, name) });
    let mut answers = futures::stream::iter(asked).buffered(AT_ONCE);
    while let Some((answer, name)) = answers.next().await {
        match answer {
            Ok(grace) => nodes.by_grace.entry(grace).or_default().push(name),
            Err(problem) => {
                nodes.silent += 1;
                if nodes.why.is_empty() {
                    nodes.why = format!("{name}: {problem}");
                }
            }
        }
    }
    nodes
}

async fn ask(client: &Client, name: &str) -> Result<ShutdownGrace, String> {
    let request = Request::get(format!("/api/v1/nodes/{name}/proxy/configz")).body(Vec::new());
    let request = request.map_err(|problem| problem.to_string())?;
    match timeout(PATIENCE, client.request_text(request)).await {
        Ok(Ok(text)) => ShutdownGrace::of_configz(&text),
        Ok(Err(kube::Error::Api(status))) if status.code == 403 => {
            Err("it takes the right to get nodes/proxy".to_owned())
        }
        Ok(Err(kube::Error::Api(status))) => Err(format!("{} (code {})", status.message, status.code)),
        Ok(Err(problem)) => Err(problem.to_string()),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

impl Nodes {
    /// The block for people; nothing where there are no nodes.
    pub(super) fn write(&self, out: &mut String, groups: &[Group]) {
        if self.by_grace.is_empty() && self.why.is_empty() {
            return;
        }
        let _ = writeln!(out, "{BOLD}When a node shuts down{PLAIN}");
        for (grace, names) in &self.by_grace {
            let of = of_nodes(names);
            let Some(ordinary) = grace.granted(0) else {
                let _ = writeln!(out, "  {of}: no time for pods, they go with the machine (shutdownGracePeriod 0)");
                continue;
            };
            let cut = |group: &&Group| {
                let result = &group.result;
                result.verdict != Verdict::Skipped && grace.cuts(group.priority, result.required_grace)
            };
            let cut: Vec<String> = groups.iter().filter(cut).map(need).collect();
            let _ = match cut.len() {
                0 => writeln!(out, "  {of}: {ordinary} s for ordinary pods, enough for every workload"),
                n => writeln!(
                    out,
                    "  {of}: {ordinary} s for ordinary pods, too short for {}: {}",
                    count(n, "workload", "workloads"),
                    listed(&cut, "workload", "workloads")
                ),
            };
        }
        if self.silent > 0 {
            let _ = writeln!(out, "  not known of {} ({})", count(self.silent, "node", "nodes"), self.why);
        } else if !self.why.is_empty() {
            let _ = writeln!(out, "  not known: {}", self.why);
        }
        out.push('\n');
    }
}

fn need(group: &Group) -> String {
    let result = &group.result;
    let seconds =
        result.required_grace.map_or_else(|| "no time is enough".to_owned(), |seconds| format!("{seconds} s"));
    format!("{} {}/{} ({seconds})", result.kind, result.namespace, result.name)
}

fn of_nodes(names: &[String]) -> String {
    match names {
        [one] => one.clone(),
        [one, ..] => format!("{one} and {}", count(names.len() - 1, "other node", "other nodes")),
        [] => String::new(),
    }
}

fn listed(all: &[String], one: &str, many: &str) -> String {
    let named: Vec<&str> = all.iter().take(MOST_NAMES).map(String::as_str).collect();
    let more = all.len() - named.len();
    let rest = if more > 0 {
        format!(" and {}", count(more, &format!("more {one}"), &format!("more {many}")))
    } else {
        String::new()
    };
    format!("{}{rest}", named.join(", "))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use draingate_core::world::World;
    use serde_json::{Value, json};

    use super::*;
    use crate::stream::scripted::{Server, page, refusal};
    use crate::workloads::group::Groups;

    /// What is told of a cluster whose nodes answer so, with these pods.
    async fn told(answers: &[(&str, (u16, String))], pods: &[Value]) -> String {
        let names: Vec<Value> = answers.iter().map(|(name, _)| json!({"metadata": {"name": name}})).collect();
        let all = std::iter::once(page(&names, "1", "")).chain(answers.iter().map(|(_, answer)| answer.clone()));
        let nodes = read(&Server::answers(all).client()).await;
        let world = World::default();
        let mut groups = Groups::default();
        for pod in pods {
            groups.add(&pod.to_string(), &world, None).unwrap();
        }
        let mut text = String::new();
        nodes.write(&mut text, &groups.worst_first());
        anstream::adapter::strip_str(&text).to_string()
    }

    fn configz(total: &str, critical: &str) -> (u16, String) {
        let config = json!({"shutdownGracePeriod": total, "shutdownGracePeriodCriticalPods": critical});
        (200, json!({"kubeletconfig": config}).to_string())
    }

    #[tokio::test]
    async fn who_is_cut_by_a_shutdown_is_named() {
        let pod = |name: &str, priority: i64| {
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop"},
                "spec": {"priority": priority, "terminationGracePeriodSeconds": 40, "containers": [{"name": "app", "image": "app",
                    "ports": [{"containerPort": 80}], "lifecycle": {"preStop": {"sleep": {"seconds": 10}}}}]}})
        };
        let pods = [pod("web", 0), pod("critical", 2_000_000_000)];
        let answers = [
            ("long", configz("90s", "30s")),
            ("off", configz("0s", "0s")),
            ("short", configz("40s", "30s")),
            ("short-too", configz("40s", "30s")),
            ("strange", refusal(500)),
        ];
        assert_eq!(
            told(&answers, &pods).await,
            "When a node shuts down\n\
            \x20 off: no time for pods, they go with the machine (shutdownGracePeriod 0)\n\
            \x20 short and 1 other node: 10 s for ordinary pods, too short for 1 workload: Pod shop/web (30 s)\n\
            \x20 long: 60 s for ordinary pods, enough for every workload\n\
            \x20 not known of 1 node (strange: no (code 500))\n\n"
        );
        let forbidden = told(&[("one", refusal(403)), ("two", refusal(403))], &pods).await;
        let words = "When a node shuts down\n  not known of 2 nodes (one: it takes the right to get nodes/proxy)\n\n";
        assert_eq!(forbidden, words);
        assert_eq!(told(&[], &pods).await, "");
    }
}
