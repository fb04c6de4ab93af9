//! Measuring from a pod of the cluster: what it is told, what it says in its log, and how that is read.

use std::io::{self, Write};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures::{AsyncBufReadExt, StreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, LogParams};
use kube::{Api, Client, ResourceExt};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::ENOUGH;
use super::house::House;
use super::measure::{Target, measure};
use super::objects::{NAME, TARGET};
use super::samples::Measured;
use crate::cli::CalibrateArgs;

/// How long the pod that sends may take to start, its image included.
const START: Duration = Duration::from_secs(180);
const RETRY: Duration = Duration::from_secs(1);
/// Tries to read a log that breaks off.
const TRIES: u32 = 60;

/// A line of the log.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Line {
    /// What is going on.
    Say(String),
    /// The end.
    Measured(Measured),
    /// Why there is none.
    Failed(String),
}

/// The arguments of the pod that sends.
pub(super) fn arguments(args: &CalibrateArgs, namespace: &str) -> Vec<String> {
    // The kubelet fills the variable in.
    let mut all =
        ["calibrate", "--inside", &format!("$({TARGET})"), "--namespace", namespace].map(str::to_owned).to_vec();
    all.push("--via".to_owned());
    all.extend(args.via.iter().cloned());
    for (name, value) in [
        ("--rounds", u64::from(args.rounds)),
        ("--replicas", args.replicas.into()),
        ("--new-per-second", args.new_per_second.into()),
        ("--kept", args.kept.into()),
        ("--longest", args.longest),
    ] {
        all.extend([name.to_owned(), value.to_string()]);
    }
    if args.alone {
        all.push("--alone".to_owned());
    }
    all
}

/// In the pod: measures, and says it line by line.
pub(super) async fn inside(client: Client, args: &CalibrateArgs, namespace: &str, target: &str) -> Result<u8> {
    let print = |line: &Line| {
        let mut out = io::stdout().lock();
        let _ = serde_json::to_writer(&mut out, line);
        let _ = out.write_all(b"\n");
        let _ = out.flush();
    };
    let measured = async {
        let target: Target = target.parse()?;
        measure(client.clone(), args, namespace, &target, &|text| print(&Line::Say(text.to_owned()))).await
    };
    match measured.await {
        Ok(measured) => print(&Line::Measured(measured)),
        Err(error) => print(&Line::Failed(format!("{error:#}"))),
    }
    Ok(ENOUGH)
}

/// Follows the log of the pod that sends to its end. One that breaks off is read again; what was said is not said twice.
pub(super) async fn follow(
    client: &Client,
    house: &House,
    namespace: &str,
    say: &(dyn Fn(&str) + Sync),
) -> Result<(Measured, Vec<String>)> {
    say("waiting for the pod that sends");
    let pod = house.sender(START).await?;
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let name = pod.name_any();
    let mut seen = 0;
    for _ in 0..TRIES {
        let log = pods.log_stream(&name, &LogParams { follow: true, ..LogParams::default() }).await;
        if let Ok(log) = log {
            let mut lines = log.lines();
            let mut number = 0;
            while let Some(Ok(line)) = lines.next().await {
                number += 1;
                if number <= seen {
                    continue;
                }
                seen = number;
                match serde_json::from_str(&line) {
                    Ok(Line::Say(text)) => say(&text),
                    Ok(Line::Measured(measured)) => return Ok((measured, sidecars(client, namespace).await)),
                    Ok(Line::Failed(why)) => bail!("{why}"),
                    // What the runtime or a panic wrote.
                    Err(_) => say(&line),
                }
            }
        }
        let phase = pods.get_opt(&name).await.context("the pod that sends")?.and_then(|pod| pod.status?.phase);
        if phase.as_deref() != Some("Running") {
            bail!(
                "the pod {name} ended without a result ({}): its last words are above",
                phase.unwrap_or("gone".to_owned())
            );
        }
        sleep(RETRY).await;
    }
    bail!("the log of pod {name} cannot be read: the API server reaches its kubelet?")
}

/// What the canary's pods have beside the canary: what a mesh injects.
pub(super) async fn sidecars(client: &Client, namespace: &str) -> Vec<String> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let list = pods.list(&ListParams::default().labels(&format!("app={NAME}")).limit(1)).await;
    let Some(spec) = list.ok().and_then(|list| list.items.into_iter().next()?.spec) else { return Vec::new() };
    let beside =
        spec.init_containers.into_iter().flatten().filter(|one| one.restart_policy.as_deref() == Some("Always"));
    spec.containers.into_iter().chain(beside).map(|one| one.name).filter(|name| name != "canary").collect()
}
