//! The thin edge: pods, EndpointSlices and Events from the API server into the pure part.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Event, Pod};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::{Api, Client, Resource};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Interval, sleep};

use super::health::{Health, Kind};
use super::measure::Stop;
use super::read;
use super::track::Tracker;
use crate::locks;
use crate::stream::{Change, ChangeStream, Failure, MISSING_RETRY, Object, Selection};
use draingate_core::mode::Mode;
use draingate_core::world::World;

const QUEUE: usize = 256;
/// How often it is asked what is complete.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// Events of the kubelet about hooks that failed.
const FAILED_HOOKS: &str = "reason=FailedPreStopHook";

/// Which pods are observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those of one namespace.
    Namespace(String),
    /// All.
    All,
    /// Those of namespaces with a mode; never those of kube-system or of Draingate's own.
    Moded,
}

impl Scope {
    fn takes(&self, namespace: &str, world: &World) -> bool {
        match self {
            Scope::Namespace(_) | Scope::All => true,
            Scope::Moded => {
                let mode = |namespace: &draingate_core::world::Namespace| world.mode_of(&namespace.labels).mode;
                namespace != "kube-system"
                    && world.own_namespace.as_deref() != Some(namespace)
                    && world.namespace(namespace).is_some_and(|namespace| mode(namespace) > Mode::Off)
            }
        }
    }
}

enum Heard {
    Pod(Box<Change<Pod>>),
    Slice(Box<Change<EndpointSlice>>),
    Event(Box<Change<Event>>),
}

/// Watches, and measures.
pub struct Observer {
    heard: mpsc::Receiver<Heard>,
    _tasks: JoinSet<()>,
    poll: Interval,
    begun: Instant,
    scope: Scope,
    world: Arc<RwLock<World>>,
    samples: bool,
    tracker: Tracker,
    /// Uids and keys of a list that is being read.
    listed: BTreeMap<Kind, Vec<String>>,
    health: Health,
}

impl Observer {
    /// Starts the watches, in tasks of the current runtime. `samples`: keeps a pod of each workload as JSON.
    #[must_use]
    pub fn start(client: &Client, scope: Scope, world: Arc<RwLock<World>>, samples: bool) -> Observer {
        let (to, heard) = mpsc::channel(QUEUE);
        let mut tasks = JoinSet::new();
        let deleted = |change: Change<Pod>| {
            let matters = |pod: &Pod| pod.metadata.deletion_timestamp.is_some();
            let kept = match &change {
                Change::Listed(pod) | Change::Applied(pod) => matters(pod),
                Change::Deleted(_) | Change::Complete | Change::Heard | Change::Interrupted(_) => true,
            };
            kept.then(|| Heard::Pod(Box::new(change)))
        };
        tasks.spawn(forward(api(client, &scope), Selection::default(), deleted, to.clone()));
        let slices = |change| Some(Heard::Slice(Box::new(change)));
        tasks.spawn(forward(api(client, &scope), Selection::default(), slices, to.clone()));
        let failed = Selection { fields: Some(FAILED_HOOKS), new_only: true, ..Selection::default() };
        tasks.spawn(forward(api(client, &scope), failed, |change| Some(Heard::Event(Box::new(change))), to));
        Observer {
            heard,
            _tasks: tasks,
            poll: tokio::time::interval(POLL_INTERVAL),
            begun: Instant::now(),
            scope,
            world,
            samples,
            tracker: Tracker::default(),
            listed: BTreeMap::new(),
            health: Health::default(),
        }
    }

    /// Waits for the next thing to happen; the stops that are complete by then. May be dropped while it waits.
    pub async fn next(&mut self) -> Vec<Stop> {
        tokio::select! {
            Some(heard) = self.heard.recv() => {
                match heard {
                    Heard::Pod(change) => self.pod(*change),
                    Heard::Slice(change) => self.slice(*change),
                    Heard::Event(change) => self.event(&change),
                }
                Vec::new()
            }
            _ = self.poll.tick() => {
                self.health.look(self.begun.elapsed());
                self.tracker.tick(self.begun.elapsed())
            }
        }
    }

    /// What was seen.
    #[must_use]
    pub fn tracker(&mut self) -> &mut Tracker {
        &mut self.tracker
    }

    /// How the watches are doing.
    #[must_use]
    pub fn health(&mut self) -> &mut Health {
        &mut self.health
    }

    fn pod(&mut self, change: Change<Pod>) {
        let now = self.begun.elapsed();
        let at_once = self.health.works(Kind::Pods) && self.health.works(Kind::Slices);
        let Observer { tracker, scope, world, samples, .. } = self;
        let describe = |pod: &Pod| {
            let world = locks::read(world);
            let inside = scope.takes(pod.metadata.namespace.as_deref().unwrap_or_default(), &world);
            inside.then(|| read::describe(pod, &world, *samples)).flatten()
        };
        match change {
            Change::Listed(pod) => {
                if let Some(seen) = read::pod(&pod) {
                    self.listed.entry(Kind::Pods).or_default().push(seen.uid.clone());
                    tracker.pod(now, seen, false, || describe(&pod));
                }
            }
            Change::Applied(pod) => {
                if let Some(seen) = read::pod(&pod) {
                    tracker.pod(now, seen, at_once, || describe(&pod));
                }
            }
            Change::Deleted(pod) => {
                if let Some(seen) = read::pod(&pod) {
                    tracker.pod_gone(now, seen, || describe(&pod));
                }
            }
            Change::Complete => {
                let there = self.listed.remove(&Kind::Pods).unwrap_or_default();
                tracker.pods_listed(now, &there);
                self.health.works_since(Kind::Pods, now);
            }
            Change::Interrupted(failure) => self.interrupted(Kind::Pods, &failure),
            Change::Heard => {}
        }
    }

    fn slice(&mut self, change: Change<EndpointSlice>) {
        let now = self.begun.elapsed();
        match change {
            Change::Listed(slice) => {
                let key = read::slice_key(&slice);
                self.tracker.slice(now, &key, read::slice_ready(slice));
                self.listed.entry(Kind::Slices).or_default().push(key);
            }
            Change::Applied(slice) => self.tracker.slice(now, &read::slice_key(&slice), read::slice_ready(slice)),
            Change::Deleted(slice) => self.tracker.slice(now, &read::slice_key(&slice), []),
            Change::Complete => {
                let there = self.listed.remove(&Kind::Slices).unwrap_or_default();
                self.tracker.slices_listed(now, &there);
                self.health.works_since(Kind::Slices, now);
            }
            Change::Interrupted(failure) => self.interrupted(Kind::Slices, &failure),
            Change::Heard => {}
        }
    }

    fn event(&mut self, change: &Change<Event>) {
        match change {
            Change::Applied(event) => {
                if let Some((uid, at)) = read::event(event) {
                    self.tracker.hook_failed(self.begun.elapsed(), uid, at);
                }
            }
            Change::Complete => self.health.works_since(Kind::Events, self.begun.elapsed()),
            Change::Interrupted(failure) => self.health.fails(Kind::Events, failure.into()),
            Change::Listed(_) | Change::Deleted(_) | Change::Heard => {}
        }
    }

    fn interrupted(&mut self, kind: Kind, failure: &Failure) {
        self.tracker.interrupted();
        self.listed.remove(&kind);
        self.health.fails(kind, failure.into());
    }
}

/// Sends on what is heard of one kind, as far as `wrap` wants it, until nobody listens.
async fn forward<K: Object>(
    api: Api<K>,
    selection: Selection,
    wrap: impl Fn(Change<K>) -> Option<Heard>,
    to: mpsc::Sender<Heard>,
) {
    let mut changes = ChangeStream::new(api, selection);
    while !to.is_closed() {
        let change = changes.next().await;
        let mut is_missing = false;
        match &change {
            Change::Heard => continue,
            Change::Interrupted(failure) => {
                // Even where the watch could go on: what happened meanwhile was not heard as it happened.
                changes.relist();
                is_missing = failure.is_missing();
            }
            _ => {}
        }
        if let Some(heard) = wrap(change) {
            // Where nobody listens any more, the loop ends.
            let _ = to.send(heard).await;
        }
        if is_missing {
            sleep(MISSING_RETRY).await;
        }
    }
}

fn api<K>(client: &Client, scope: &Scope) -> Api<K>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
{
    match scope {
        Scope::Namespace(namespace) => Api::namespaced(client.clone(), namespace),
        Scope::All | Scope::Moded => Api::all(client.clone()),
    }
}
