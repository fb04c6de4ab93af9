//! The `observe` command.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use anstream::AutoStream;
use anyhow::{Context, Result, bail};
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::core::GroupVersionKind;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

use super::health::{Health, Kind, News};
use super::report::Report;
use super::seen::WorkloadKey;
use super::suggest;
use super::tally::Tallies;
use super::watch::{Observer, Scope};
use crate::cli::{ObserveArgs, ObserveFormat};
use crate::locks;
use crate::terminal::{self, count};
use crate::workloads::read::Reader;
use draingate_core::selector::LabelSelector;
use draingate_core::world::World;

/// How often labels and policies are read again.
const REFRESH: Duration = Duration::from_secs(30);
/// A watch that is refused so early was never allowed.
const SETTLED: Duration = Duration::from_secs(30);
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Watches until the time is over or somebody interrupts; prints what was seen.
///
/// # Errors
/// What of the cluster cannot be read, and why.
pub async fn run(client: Client, args: &ObserveArgs) -> Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let reader = Reader::new(client.clone(), args.namespace.clone(), None);
    let world = Arc::new(RwLock::new(read_world(&reader, args).await?));
    let scope = match &args.namespace {
        Some(namespace) => Scope::Namespace(namespace.clone()),
        None if args.all_namespaces => Scope::All,
        None => Scope::Moded,
    };
    let mut observer = Observer::start(&client, scope, Arc::clone(&world), args.suggest);
    let mut tallies = Tallies::default();
    let begun = Instant::now();
    let bar = terminal::spinner();
    let end = tokio::time::sleep(args.duration.unwrap_or(Duration::from_secs(u64::from(u32::MAX))));
    let mut end = std::pin::pin!(end);
    let mut refresh = tokio::time::interval(REFRESH);
    refresh.reset();
    let mut watching = false;
    loop {
        tokio::select! {
            stops = observer.next() => stops.into_iter().for_each(|stop| tallies.add(stop)),
            () = &mut end => break,
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
            _ = refresh.tick() => {
                // What was known stays known.
                if let Ok(Ok(new)) = timeout(ANSWER_LIMIT, read_world(&reader, args)).await {
                    *locks::write(&world) = new;
                }
            }
        }
        for line in news(observer.health(), &mut watching, begun)? {
            bar.suspend(|| writeln!(io::stderr(), "draingate: {line}"))?;
        }
        bar.set_message(progress(&tallies, observer.tracker().in_flight()));
    }
    let observed = begun.elapsed();
    let (stops, still_stopping) = observer.tracker().finish();
    stops.into_iter().for_each(|stop| tallies.add(stop));
    bar.finish_and_clear();
    let missed = observer.tracker().missed();
    let suggestion = if args.suggest {
        let world = match read_world(&reader, args).await {
            Ok(world) => world,
            Err(_) => std::mem::take(&mut *locks::write(&world)),
        };
        let mut selectors = BTreeMap::new();
        for key in suggest::asking(&tallies, &world) {
            if let Ok(Some(selector)) = timeout(ANSWER_LIMIT, selector(&client, &key)).await {
                selectors.insert(key, selector);
            }
        }
        let seconds = Duration::from_secs(observed.as_secs());
        let head = format!("From {} in {}.", progress(&tallies, 0), humantime::format_duration(seconds));
        Some(suggest::suggest(&tallies, &world, &selectors, &head))
    } else {
        None
    };
    print(&Report { tallies: &tallies, missed, still_stopping, observed }, suggestion.as_deref(), args.format)
}

fn print(report: &Report, suggestion: Option<&str>, format: ObserveFormat) -> Result<()> {
    match (format, suggestion) {
        (ObserveFormat::Json, _) => io::stdout().lock().write_all(report.json(suggestion)?.as_bytes())?,
        (ObserveFormat::Human, None) => {
            AutoStream::auto(io::stdout().lock()).write_all(report.human().as_bytes())?;
        }
        // What can be applied goes to standard output, alone.
        (ObserveFormat::Human, Some(suggestion)) => {
            AutoStream::auto(io::stderr().lock()).write_all(report.human().as_bytes())?;
            io::stdout().lock().write_all(suggestion.as_bytes())?;
        }
    }
    Ok(())
}

async fn read_world(reader: &Reader, args: &ObserveArgs) -> Result<World> {
    let mut world = reader.world().await?;
    world.own_namespace = Some(args.own_namespace.clone());
    world.default_mode = args.default_mode;
    world.minimum_mode = args.minimum.get();
    Ok(world)
}

fn progress(tallies: &Tallies, in_flight: usize) -> String {
    let stops = usize::try_from(tallies.stops()).unwrap_or(usize::MAX);
    let seen = format!("{} of {} seen", count(stops, "stop", "stops"), count(tallies.len(), "workload", "workloads"));
    if in_flight > 0 { format!("{seen}, {} stopping", count(in_flight, "pod", "pods")) } else { seen }
}

/// What there is to say about the watches; `watching` once they all work. What is missing from the start ends the
/// command.
fn news(health: &mut Health, watching: &mut bool, begun: Instant) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for news in health.news() {
        match news {
            News::Fails { kind, problem, refused } => {
                let start = !*watching || (refused && begun.elapsed() < SETTLED);
                if start && kind != Kind::Events {
                    bail!("cannot watch {}: {problem}", kind.as_str());
                }
                let unseen = match kind {
                    Kind::Pods | Kind::Slices => "some times are not measured",
                    Kind::Events => "failed hooks are not seen",
                };
                lines.push(format!("cannot watch {}: {problem}; {unseen}", kind.as_str()));
            }
            News::Works(kind) => lines.push(format!("{} are watched again", kind.as_str())),
        }
    }
    if !*watching && health.works(Kind::Pods) && health.works(Kind::Slices) && health.is_known(Kind::Events) {
        *watching = true;
        lines.push("watching pods stop; Ctrl-C ends it".to_owned());
    }
    Ok(lines)
}

/// How a controller of Kubernetes' own selects its pods.
async fn selector(client: &Client, key: &WorkloadKey) -> Option<LabelSelector> {
    if !["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"].contains(&key.kind.as_str()) {
        return None;
    }
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", &key.kind));
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &key.namespace, &resource);
    let found = api.get(&key.name).await.context("cannot be read").ok()?;
    serde_json::from_value(found.data.pointer("/spec/selector")?.clone()).ok()
}
