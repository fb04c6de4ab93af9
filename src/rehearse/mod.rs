//! The `rehearse` command: a rollout under load, as its clients feel it.
//!
//! [`traffic`](crate::traffic) restarts, asks and follows; [`report`] and [`picture`] show what it recorded.

mod external;
pub mod picture;
pub mod report;

use std::io::{self, BufRead, IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use anstream::AutoStream;
use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use kube::Client;
use tokio::time::{Instant, sleep};

use self::external::Counter;
use self::report::Report;
use crate::cli::{RehearseArgs, RehearseFormat};
use crate::locks;
use crate::traffic::load::{Connections, Load, Options};
use crate::traffic::pods::{self, Lives, now};
use crate::traffic::recording::{self, Count, Run};
use crate::traffic::rollout::Rollout;

/// Between two looks at the rollout.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// The exit code where the objective is met, or nothing was to be met.
const MET: u8 = 0;
/// The exit code where it is not, or the rollout was undone.
const MISSED: u8 = 1;

/// Where the requests come from.
enum Source {
    Own(Arc<Load>),
    External(Counter),
    None,
}

impl Source {
    fn failed(&self) -> usize {
        match self {
            Source::Own(load) => load.counts().1,
            Source::External(counter) => counter.failed(),
            Source::None => 0,
        }
    }

    fn samples(&self) -> Vec<recording::Sample> {
        match self {
            Source::Own(load) => load.samples(),
            Source::External(counter) => counter.samples(),
            Source::None => Vec::new(),
        }
    }
}

/// Rehearses; gives the exit code.
///
/// # Errors
/// Why nothing was restarted, or what went wrong afterwards.
pub async fn run(client: Client, args: &RehearseArgs) -> Result<u8> {
    let namespace = args.namespace.clone().unwrap_or_else(|| client.default_namespace().to_owned());
    let rollout = Rollout::check(client, args.workload.clone(), namespace.clone()).await?;
    let source = match (&args.url, &args.counter) {
        (Some(url), _) => Source::Own(Load::new(&load(args, url))?),
        (None, Some(command)) => Source::External(Counter::start(command).await?),
        (None, None) => Source::None,
    };
    if !args.yes && !asked(args, &rollout, &namespace)? {
        bail!("nothing was restarted");
    }
    let lives = Lives::default();
    let follow = tokio::spawn(pods::follow(rollout.pods(), rollout.selector.clone(), Arc::clone(&lives)));
    let sending = match &source {
        Source::Own(load) => Some(tokio::spawn(Arc::clone(load).run())),
        _ => None,
    };
    let bar = ProgressBar::new_spinner().with_style(ProgressStyle::with_template("{spinner} {msg}")?);
    let rolled = roll(args, &rollout, &source, &lives, &bar).await;
    bar.finish_and_clear();
    if let (Source::Own(load), Some(sending)) = (&source, sending) {
        load.end();
        sending.await.context("the load failed")?;
    }
    follow.abort();
    let Rolled { begun, window, stopped } = rolled?;
    let samples = since(begun, source.samples());
    let pods = locks::lock(&lives).values().cloned().collect();
    let title = format!("{} in {namespace}, restarted under load", args.workload);
    let run = Run { title, window: Some(window), samples, pods };
    let slo = (!matches!(source, Source::None)).then_some(args.slo);
    let report = Report::of(&run, args.workload.to_string(), namespace, slo, stopped);
    if let Some(path) = &args.svg {
        std::fs::write(path, picture::svg(&run)).with_context(|| format!("cannot write {}", path.display()))?;
    }
    match args.format {
        RehearseFormat::Human => AutoStream::auto(io::stdout().lock()).write_all(report.text().as_bytes())?,
        RehearseFormat::Json => {
            let mut out = io::stdout().lock();
            serde_json::to_writer_pretty(&mut out, &report)?;
            out.write_all(b"\n")?;
        }
    }
    let missed = report.stopped.is_some() || report.slo.is_some_and(|slo| !slo.met);
    Ok(if missed { MISSED } else { MET })
}

/// What the arguments ask to send.
fn load(args: &RehearseArgs, url: &str) -> Options {
    Options {
        url: url.to_owned(),
        address: None,
        method: args.method.clone(),
        headers: args.header.clone(),
        timeout: args.timeout,
        rate: args.rate,
        connections: if args.keep_alive { Connections::Pooled } else { Connections::New },
        ca_file: args.ca_file.clone(),
        of_canary: false,
    }
}

/// Asks on a terminal; without one, `--yes` is needed.
fn asked(args: &RehearseArgs, rollout: &Rollout, namespace: &str) -> Result<bool> {
    if !io::stdin().is_terminal() {
        bail!("a restart is asked for first, and there is no terminal to ask on: --yes says so beforehand");
    }
    let mut out = io::stderr().lock();
    write!(out, "Restart {} in namespace {namespace} ({} pods) now? [y/N] ", args.workload, rollout.replicas)?;
    out.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// What was begun at a moment or later.
fn since(moment: f64, mut samples: Vec<recording::Sample>) -> Vec<recording::Sample> {
    samples.retain(|sample| sample.at >= moment);
    samples
}

/// What is asked before the restart: when that began, and what became of it. A proxy may not yet know pods that have just
/// begun: what fails for up to E is asked again, and the first answers are left out.
async fn before(args: &RehearseArgs, source: &Source) -> (f64, Count) {
    let deadline = Instant::now() + args.propagation;
    loop {
        let (begun, last) = (now(), Instant::now() >= deadline);
        sleep(args.before).await;
        let count = Count::of(&since(begun, source.samples()));
        if last || count.success_percent() >= args.slo {
            return (begun, count);
        }
    }
}

/// A rollout that is over.
struct Rolled {
    /// Since when its clients count.
    begun: f64,
    /// The deploy window.
    window: (f64, f64),
    /// Why it was undone, where it was.
    stopped: Option<String>,
}

/// The rollout itself.
async fn roll(
    args: &RehearseArgs,
    rollout: &Rollout,
    source: &Source,
    lives: &Lives,
    bar: &ProgressBar,
) -> Result<Rolled> {
    bar.set_message("before the restart");
    bar.enable_steady_tick(Duration::from_millis(100));
    let (begun, before) = before(args, source).await;
    let failed_before = source.failed();
    if before.success_percent() < args.slo {
        bail!(
            "{} of {} requests failed before anything was restarted{}: nothing was, mend that first",
            before.failed,
            before.sent,
            before.kinds()
        );
    }
    if matches!(source, Source::Own(_)) && before.sent == 0 {
        bail!("no request was answered in {} before the restart", humantime::format_duration(args.before));
    }
    let old: Vec<String> = {
        let lives = locks::lock(lives);
        lives.values().filter(|life| life.gone.is_none()).map(|life| life.name.clone()).collect()
    };
    if old.is_empty() {
        bail!("the pods cannot be seen: they could not be listed");
    }
    let from = now();
    rollout.restart().await?;
    let deadline = Instant::now() + args.longest;
    let mut stopped = None;
    loop {
        sleep(POLL_INTERVAL).await;
        let gone = {
            let lives = locks::lock(lives);
            old.iter().filter(|name| lives.get(*name).is_some_and(|life| life.gone.is_some())).count()
        };
        let failed = source.failed().saturating_sub(failed_before);
        bar.set_message(format!(
            "{gone} of {} pods replaced, {failed} requests failed, {:.0} s",
            old.len(),
            now() - from
        ));
        if failed > args.max_errors && stopped.is_none() {
            rollout.undo().await?;
            stopped = Some(format!("{failed} requests failed, more than --max-errors {}", args.max_errors));
        }
        // A look that fails is no end: the API server may be away for a moment.
        if stopped.is_some() || gone == old.len() {
            let over = rollout.is_over().await.unwrap_or(false);
            if over {
                break;
            }
        }
        if Instant::now() >= deadline {
            let why = format!("not over within {}", humantime::format_duration(args.longest));
            if stopped.is_none() {
                rollout.undo().await?;
            }
            stopped.get_or_insert(why);
            break;
        }
    }
    bar.set_message("until no work is sent to the replaced pods");
    let settled = recording::settled(locks::lock(lives).values(), args.propagation);
    sleep(Duration::from_secs_f64((settled.unwrap_or(from) - now()).max(0.0))).await;
    let window = (from, now());
    bar.set_message("after the rollout");
    sleep(args.after).await;
    Ok(Rolled { begun, window, stopped })
}
