//! The `scan` command: the same judgement over a running cluster.
//!
//! Pods are read page by page and forgotten; what stays is a line for each workload.

mod nodes;

use std::fmt::Write as _;
use std::io::{self, Write};

use anstream::AutoStream;
use anyhow::{Result, bail};
use kube::Client;

use self::nodes::Nodes;
use crate::cli::{CLEAN, FINDINGS, FailOn, ScanArgs};
use crate::cluster::watch::read_sleep_support;
use crate::judged::{Judged, Summary};
use crate::report::losses::Losses;
use crate::report::{self, CheckFormat};
use crate::terminal::{self, BOLD, PLAIN, RED, YELLOW, count};
use crate::workloads::group::{Group, Groups};
use crate::workloads::read::Reader;
use draingate_core::judge::View;
use draingate_core::mode::Mode;
use draingate_core::world::World;

/// Scans; gives the exit code.
///
/// # Errors
/// What of the cluster cannot be read, and why.
pub async fn run(client: Client, args: &ScanArgs) -> Result<u8> {
    let reader = Reader::new(client.clone(), args.namespace.clone(), args.page_size);
    let bar = terminal::spinner();
    bar.set_message("reading namespaces, Services and policies");
    let mut world = reader.world().await?;
    world.own_namespace = Some(args.own_namespace.clone());
    world.default_mode = args.default_mode;
    world.minimum_mode = args.minimum.get();
    match read_sleep_support(&client).await {
        Ok(support) => world.sleep = support,
        Err(problem) => bar.suspend(|| {
            let _ = writeln!(io::stderr(), "draingate: {problem}; the native sleep is taken for known");
        }),
    }
    bar.set_message("reading workloads");
    if let Err(problem) = reader.owners(&mut world).await {
        bar.suspend(|| {
            let _ = writeln!(
                io::stderr(),
                "draingate: {problem:#}; a pod that may be the only one is judged as if others stood in"
            );
        });
    }
    bar.set_message("reading pods");
    let mut groups = Groups::default();
    let mut problems = Vec::new();
    let known = reader
        .pods(|item, remaining| {
            if let Err(problem) = groups.add(item, &world, args.for_mode) {
                problems.push(problem);
            }
            bar.set_message(format!("{} pods judged, {remaining} to come", groups.pods));
            bar.tick();
            Ok(())
        })
        .await?;
    // Only people are told of it.
    let nodes = if args.format == CheckFormat::Human { nodes::read(&client).await } else { Nodes::default() };
    bar.finish_and_clear();
    if !known {
        bail!("the API server knows no pods");
    }
    for problem in &problems {
        writeln!(io::stderr(), "draingate: a pod cannot be read: {problem}")?;
    }
    tell(groups, &world, &nodes, args)
}

fn tell(groups: Groups, world: &World, nodes: &Nodes, args: &ScanArgs) -> Result<u8> {
    let namespaces = groups.namespaces();
    let (pods, judged) = (groups.pods, groups.judged);
    let groups = groups.worst_first();
    let mut summary = Summary { objects: groups.len(), ..Summary::default() };
    for group in &groups {
        summary.count(&group.result);
    }
    let mut out = AutoStream::auto(io::stdout().lock());
    let view = if args.for_mode.is_some_and(Mode::injects) { View::AsAdmitted } else { View::AsWritten };
    match report::for_machines(args.format, view) {
        Some(mut format) => {
            let mut text = format.head();
            for group in &groups {
                let judged = Judged::Workload(&group.result);
                let written = format.text(judged);
                text.push_str(&format.add(judged, written));
            }
            text.push_str(&format.tail(&summary, 0));
            // What machines read goes out byte by byte.
            io::stdout().lock().write_all(text.as_bytes())?;
        }
        None => {
            let mut text = String::new();
            for group in &groups {
                write_group(&mut text, group, args.for_mode);
            }
            write_unlike(&mut text, &groups, world);
            if args.for_mode.is_none_or(|mode| mode == Mode::Enforce) {
                text.push_str(&format!("{BOLD}In enforce{PLAIN}\n"));
                for (name, tally) in &namespaces {
                    let mode = world.namespace(name).map_or(args.default_mode, |n| world.mode_of(&n.labels).mode);
                    let verdict = match (mode, tally.rejected) {
                        (Mode::Enforce, 0) => "enforced".to_owned(),
                        (_, 0) => "ready: no workload would be rejected".to_owned(),
                        (_, rejected) => format!(
                            "{rejected} of {} would be rejected",
                            count(tally.workloads, "workload", "workloads")
                        ),
                    };
                    let _ = writeln!(text, "  {name:<32} {:<8} {verdict}", mode.as_str());
                }
                text.push('\n');
            }
            nodes.write(&mut text, &groups);
            let mut losses = Losses::default();
            groups.iter().for_each(|group| losses.add(&group.result));
            losses.lines(&summary, view).iter().for_each(|line| text.push_str(&format!("{line}\n")));
            let Summary { errors, warnings, .. } = summary;
            let _ = writeln!(
                text,
                "{} of {} judged in {}, {}, {}",
                count(judged, "pod", "pods"),
                pods,
                count(namespaces.len(), "namespace", "namespaces"),
                count(errors, "error", "errors"),
                count(warnings, "warning", "warnings"),
            );
            out.write_all(text.as_bytes())?;
        }
    }
    let failed = match args.fail_on {
        FailOn::Error => summary.errors > 0,
        FailOn::Warning => summary.errors + summary.warnings > 0,
    };
    Ok(if failed { FINDINGS } else { CLEAN })
}

/// What is not as this version has it, such as after an upgrade: policies that it cannot read, and pods that the next of
/// their workload would not be like.
fn write_unlike(out: &mut String, groups: &[Group], world: &World) {
    let mut block = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            let _ = writeln!(out, "{BOLD}{title}{PLAIN}\n  {}\n", lines.join("\n  "));
        }
    };
    let unreadable = world.unreadable_policies().map(|policy| format!("{}: {}", policy.title, policy.problem));
    block("Policies that cannot be read, and match nothing", unreadable.collect());
    let next = groups.iter().filter_map(|Group { result, pods, next, .. }| {
        let (kind, namespace, name) = (&result.kind, &result.namespace, &result.name);
        Some(format!("{kind} {namespace}/{name} ({}): {}", count(*pods, "pod", "pods"), next.as_ref()?))
    });
    block("Given to the next pods, unlike those that run", next.collect());
}

/// A workload with findings, for people.
fn write_group(out: &mut String, group: &Group, for_mode: Option<Mode>) {
    let result = &group.result;
    if result.findings.is_empty() {
        return;
    }
    let (colour, word) = if group.bad > 0 { (RED, "error") } else { (YELLOW, "warning") };
    let pods = match (group.bad, for_mode) {
        (0, _) => count(group.pods, "pod", "pods"),
        (bad, Some(Mode::Enforce)) => format!("{bad} of {} would be rejected", count(group.pods, "pod", "pods")),
        (bad, _) => format!("{bad} of {}", count(group.pods, "pod", "pods")),
    };
    let _ = writeln!(
        out,
        "{colour}{word}{PLAIN} {BOLD}{} {}/{}{PLAIN} ({pods})",
        result.kind, result.namespace, result.name
    );
    for result in &result.findings {
        let finding = &result.finding;
        let _ = writeln!(out, "  {} [{}]", finding.message, finding.code);
        for line in &finding.detail {
            let _ = writeln!(out, "    {line}");
        }
        if let Some(fix) = result.fix() {
            let _ = writeln!(out, "    fix: {fix}");
        }
    }
    out.push('\n');
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use draingate_core::policy::{Policy, PolicyKind};
    use serde_json::{Value, json};

    use super::*;

    /// What is told of pods of a namespace in `mode` whose policy is this.
    fn unlike(mode: &str, pods: &[Value], spec: &Value) -> String {
        let mut world = World::default();
        world.set_namespace("shop", [("draingate.dev/mode".to_owned(), mode.to_owned())].into());
        let policy = Policy::read(PolicyKind::DrainPolicy, "shop", "default", None, spec);
        world.set_policy(PolicyKind::DrainPolicy, "shop", policy);
        let mut groups = Groups::default();
        for pod in pods {
            groups.add(&pod.to_string(), &world, None).unwrap();
        }
        let mut text = String::new();
        write_unlike(&mut text, &groups.worst_first(), &world);
        anstream::adapter::strip_str(&text).to_string()
    }

    fn pod(name: &str, hook: u64, grace: u64) -> Value {
        let record = json!({"hooks": {"app": hook}, "grace": {"from": 30, "to": grace}}).to_string();
        let app = json!({"name": "app", "image": "app", "ports": [{"containerPort": 80}],
            "lifecycle": {"preStop": {"sleep": {"seconds": hook}}}});
        json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": "shop", "annotations": {"draingate.dev/injected": record}},
            "spec": {"terminationGracePeriodSeconds": grace, "containers": [app]}})
    }

    #[test]
    fn what_an_upgrade_would_change_is_told() {
        let pods = [pod("as-before", 10, 40), pod("other", 15, 45)];
        let told = "Given to the next pods, unlike those that run\n  \
            Pod shop/other (1 pod): a preStop hook of 10 s in \"app\", terminationGracePeriodSeconds 40 instead of 45\n\n";
        assert_eq!(unlike("inject", &pods, &json!({})), told);
        assert_eq!(unlike("audit", &pods, &json!({})), "");
        let unknown = unlike("inject", &pods[..1], &json!({"newWord": 1}));
        let (title, policy) = unknown.split_once('\n').unwrap();
        assert_eq!(title, "Policies that cannot be read, and match nothing");
        assert!(policy.starts_with("  DrainPolicy shop/default: ") && policy.contains("newWord"), "{policy}");
    }
}
