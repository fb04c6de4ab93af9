//! `make lab`: rollouts on a real node under load, without Draingate and with it.
//!
//! This program starts a node, puts the images and the chart into it, and runs itself again inside the node's network,
//! which has no way out.
mod results;
mod run;
mod scenarios;

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
    /// How many scenarios go on at the same time
    #[arg(long, default_value_t = 3)]
    parallel: usize,
    /// Where the results go
    #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/results"))]
    results: PathBuf,
    /// Writes docs/lab.md and its pictures from the results
    #[arg(long)]
    publish: bool,
    /// Set where this program runs itself inside the node
    #[arg(long, hide = true)]
    inside: Option<PathBuf>,
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
        let fine = runtime.block_on(run::all(scenarios, folder, &arguments.results, arguments.parallel));
        return if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let possible = script("node").arg("possible").output().unwrap();
    if !possible.status.success() {
        let why = String::from_utf8_lossy(&possible.stdout);
        eprintln!("lab: SKIPPED, nothing was measured: a node cannot run here: {}", why.trim());
        return ExitCode::SUCCESS;
    }
    runtime.block_on(outside(&arguments))
}

/// Starts the node, goes inside, and takes the node down, also after an interrupt.
async fn outside(arguments: &Arguments) -> ExitCode {
    std::fs::create_dir_all(&arguments.results).unwrap();
    let root = root();
    let with_traefik = arguments.scenarios().is_ok_and(|all| all.iter().any(|one| one.name == "traefik"));
    eprintln!("lab: a node, then the programs and images (the first time some minutes)");
    let prepared = tokio::task::spawn_blocking(move || {
        // The node brings the packages that the images are made of.
        let node = Node::up();
        let images = scratch();
        node::run(Command::new(root.join("lab/images")).arg(images));
        if with_traefik {
            node::run(script("planes").arg("traefik"));
        }
        node.load(&images.join("lab.tar"));
        node.load(&images.join("debian.tar"));
        node.release("install", &[]);
        node
    });
    let Ok(node) = prepared.await else {
        eprintln!("lab: the node could not be prepared; the reason is above");
        return ExitCode::FAILURE;
    };
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
    if arguments.publish && code == ExitCode::SUCCESS {
        results::publish(&arguments.results, root);
    }
    code
}
