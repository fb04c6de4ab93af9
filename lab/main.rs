//! `make lab`, `make evidence`: rollouts on a real node under load, without Draingate and with it.
//!
//! This program starts a node, puts the images and the chart into it, and runs itself again inside the node's network,
//! which has no way out.
mod evidence;
mod matrix;
mod results;
mod run;
mod scenarios;
mod shutdown;

use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use clap::Parser;

use draingate_testing::node::{self, Node, script};
use draingate_testing::{root, scratch};

/// Rolls workloads on a real node under load, without Draingate and with it, and shows what was lost. Needs root.
#[derive(Parser)]
#[command(name = "make lab", bin_name = "lab")]
struct Arguments {
    /// Only these scenarios (see --list)
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    only: Vec<String>,
    /// Names the scenarios
    #[arg(long)]
    list: bool,
    /// One scenario only: whether it works at all
    #[arg(long)]
    short: bool,
    /// How many scenarios, or workloads of --evidence, go on at the same time
    #[arg(long, default_value_t = 3)]
    parallel: usize,
    /// Instead of the scenarios one workload, disrupted until the goal is reached; goes on where it was interrupted
    #[arg(long)]
    evidence: bool,
    #[command(flatten)]
    goal: evidence::Goal,
    /// Instead of the scenarios the first of them on every kind of node, into docs/evidence.md; KUBERNETES names minor versions
    #[arg(long)]
    matrix: bool,
    /// Instead of the scenarios graceful shutdowns of the node, into docs/node-shutdown.md with --publish
    #[arg(long)]
    node_shutdown: bool,
    /// IP families of the node's pods and Services: IPv4, IPv6, or both with a comma
    #[arg(long, default_value = "IPv4")]
    families: String,
    /// The mode of its kube-proxy: iptables or nftables
    #[arg(long, default_value = "iptables")]
    proxy: String,
    /// Where the results go
    #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/results"))]
    results: PathBuf,
    /// Writes docs/lab.md and its pictures, or docs/evidence.md, from the results
    #[arg(long)]
    publish: bool,
    /// Set where this program runs itself inside the node
    #[arg(long, hide = true)]
    inside: Option<PathBuf>,
    #[arg(long, hide = true)]
    shutdown_case: Option<String>,
}

impl Arguments {
    fn scenarios(&self) -> Result<Vec<scenarios::Scenario>, String> {
        let mut all = scenarios::all();
        if let Some(unknown) = self.only.iter().find(|name| !all.iter().any(|one| one.name == **name)) {
            return Err(format!("no scenario is called {unknown} (see --list)"));
        }
        if self.short {
            all.truncate(1);
        } else if !self.only.is_empty() {
            all.retain(|one| self.only.iter().any(|name| name == one.name));
        }
        Ok(all)
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let scenarios = match arguments.scenarios() {
        Ok(scenarios) => scenarios,
        Err(problem) => {
            eprintln!("lab: {problem}");
            return ExitCode::from(2);
        }
    };
    if arguments.list {
        scenarios.iter().for_each(|one| println!("{:<16}{}", one.name, one.title));
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let Some(folder) = &arguments.inside {
        if let Some(case) = &arguments.shutdown_case {
            runtime.block_on(shutdown::case(folder, case));
            return ExitCode::SUCCESS;
        }
        let (results, parallel) = (&arguments.results, arguments.parallel);
        let fine = if arguments.evidence {
            runtime.block_on(evidence::all(&arguments.goal, folder, results, parallel))
        } else {
            runtime.block_on(run::all(scenarios, folder, results, parallel))
        };
        return if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let possible = script("node").arg("possible").output().unwrap();
    if !possible.status.success() {
        let why = String::from_utf8_lossy(&possible.stdout);
        eprintln!("lab: SKIPPED, nothing was measured: a node cannot run here: {}", why.trim());
        return ExitCode::SUCCESS;
    }
    if arguments.matrix {
        let page = root().join("docs/evidence.md");
        let fine = matrix::all(node::image(), &arguments.results, &page);
        return if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    runtime.block_on(outside(&arguments))
}

/// Starts the node, goes inside, and takes the node down, also after an interrupt.
async fn outside(arguments: &Arguments) -> ExitCode {
    std::fs::create_dir_all(&arguments.results).unwrap();
    let root = root();
    // All but the lab's own program.
    let with_debian = !arguments.short && !arguments.evidence && !arguments.node_shutdown;
    let with_traefik =
        with_debian && arguments.scenarios().is_ok_and(|all| all.iter().any(|one| one.name == "traefik"));
    eprintln!("lab: a node, then the programs and images (the first time some minutes)");
    let (families, proxy) = (arguments.families.clone(), arguments.proxy.clone());
    let prepared = tokio::task::spawn_blocking(move || {
        // The node brings the packages that the images are made of.
        let node = Node::of_families(&families);
        if proxy != "iptables" {
            node::run(script("node").arg("proxy").arg(node.folder.path()).args([&proxy, "1s"]));
        }
        let images = scratch();
        node::run(Command::new(root.join("lab/images")).args((!with_debian).then_some("--app")).arg(images));
        if with_traefik {
            node::run(script("planes").arg("traefik"));
        }
        node.load(&images.join("lab.tar"));
        if with_debian {
            node.load(&images.join("debian.tar"));
        }
        node.release("install", &[]);
        node
    });
    let Ok(node) = prepared.await else {
        eprintln!("lab: the node could not be prepared; the reason is above");
        return ExitCode::FAILURE;
    };
    if arguments.node_shutdown {
        let (results, publish) = (arguments.results.clone(), arguments.publish.then_some(root));
        let this = std::env::current_exe().unwrap();
        let fine = tokio::task::spawn_blocking(move || shutdown::all(&node, &this, &results, publish)).await;
        return if fine.unwrap_or(false) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let folder = node.folder.path().canonicalize().unwrap();
    let mut inside = tokio::process::Command::from({
        let mut command = script("node");
        command.arg("exec").arg(&folder).arg(std::env::current_exe().unwrap());
        command.args(std::env::args_os().skip(1)).arg("--inside").arg(&folder);
        command.stdin(Stdio::null());
        command
    });
    let mut child = inside.kill_on_drop(true).spawn().unwrap();
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
    let code = tokio::select! {
        status = child.wait() => if status.unwrap().success() { ExitCode::SUCCESS } else { ExitCode::FAILURE },
        _ = tokio::signal::ctrl_c() => { eprintln!("lab: interrupted"); ExitCode::from(130) }
        _ = terminate.recv() => { eprintln!("lab: ended"); ExitCode::from(143) }
    };
    drop(child);
    drop(node);
    if arguments.publish && arguments.evidence {
        // Whatever came out: an interrupted run as far as it went, a loss with its number.
        evidence::publish(&arguments.results, root);
    } else if arguments.publish && code == ExitCode::SUCCESS {
        results::publish(&arguments.results, root);
    }
    code
}
