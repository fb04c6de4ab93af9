//! Parses the command line, runs the command, gives the exit code.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{CommandFactory, FromArgMatches};
use draingate::cli::{Cli, Command, WebhooksArgs};
use draingate::cluster::{crd, webhooks};
use draingate::explain::live::LiveName;
use draingate::{
    calibrate, canary, check, codes, explain, helpers, hooks, observe, rehearse, run, scan, servers, telemetry,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let matches = command_line().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match dispatch(cli.command) {
        Ok(code) => ExitCode::from(code),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "draingate: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// As a plugin, `kubectl-draingate`, it is called as kubectl is told to: its help says so.
fn command_line() -> clap::Command {
    let called = std::env::args_os().next().unwrap_or_default();
    let plugin = Path::new(&called).file_name().is_some_and(|name| name.to_string_lossy().starts_with("kubectl-"));
    if plugin { Cli::command().bin_name("kubectl draingate") } else { Cli::command() }
}

fn dispatch(command: Command) -> Result<u8> {
    match command {
        Command::Check(args) => return check::run::run(&args),
        Command::Serve(args) => {
            tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
                let _telemetry = telemetry::init(args.log_format)?;
                run::serve(*args).await
            })?;
        }
        Command::Crd => print(&crd::yaml()?)?,
        Command::Webhooks(args) => print(&webhook_configurations(args)?)?,
        Command::Ping(args) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            print(&runtime.block_on(run::ping(&args))?)?;
        }
        Command::Scan(args) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            return runtime.block_on(async { scan::run(run::client().await?, &args).await });
        }
        Command::Rehearse(args) => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            return runtime.block_on(async { rehearse::run(run::client().await?, &args).await });
        }
        Command::Calibrate(args) => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            return runtime.block_on(async { calibrate::run(run::client().await, &args).await });
        }
        Command::Canary(args) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(canary::run(args))?;
        }
        Command::Observe(args) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async { observe::run::run(run::client().await?, &args).await })?;
        }
        Command::Codes { code: Some(code), format } => print(&codes::one(code, format)?)?,
        Command::Codes { code: None, format } => print(&codes::list(format)?)?,
        Command::Hooks { format } => print(&hooks::list(format)?)?,
        Command::Helpers { format } => print(&helpers::list(format)?)?,
        Command::Servers { format } => print(&servers::list(format)?)?,
        Command::Man { dir: Some(dir) } => clap_mangen::generate_to(Cli::command(), dir)?,
        Command::Man { dir: None } => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page)?;
            io::stdout().write_all(&page)?;
        }
        Command::Explain(args) => match LiveName::of(&args) {
            None => explain::run(&args)?,
            Some(name) => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(async {
                    let client = run::client().await.with_context(|| format!("{name}: there is no such file"))?;
                    explain::run_live(client, &args, &name).await
                })?;
            }
        },
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "draingate", &mut script);
            io::stdout().write_all(&script)?;
        }
    }
    Ok(0)
}

fn print(text: &str) -> Result<()> {
    Ok(io::stdout().write_all(text.as_bytes())?)
}

/// Whoever reads our output may stop reading.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
}

fn webhook_configurations(args: WebhooksArgs) -> Result<String> {
    let ca_bundle = match &args.ca_file {
        Some(path) => std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?,
        None => Vec::new(),
    };
    let client = match args.url {
        Some(url) => webhooks::Client::Url(url),
        None => webhooks::Client::Service {
            namespace: args.namespace.clone(),
            name: args.service_name,
            port: i32::from(args.service_port),
            path: String::new(),
        },
    };
    let (mutating, validating) = webhooks::configurations(&webhooks::Options {
        name: args.name,
        ca_bundle,
        client,
        own_namespace: args.namespace,
        enforce_failure_policy: args.enforce_failure_policy,
        default_mode: args.default_mode,
        minimum_mode: args.minimum.get(),
        excluded_namespaces: args.exclude_namespace,
        namespaces: args.namespaces,
        timeout_seconds: i32::from(args.timeout_seconds),
    });
    Ok(format!("---\n{}---\n{}", serde_saphyr::to_string(&mutating)?, serde_saphyr::to_string(&validating)?))
}
