//! One list, then one watch from there on, for ever.
//!
//! kube's own watcher keeps bookmarks and reconnections to itself. They are what tells "nothing happened"
//! from "nothing is heard any more", so that the loop is written here, over kube's `list` and `watch`.

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use futures::StreamExt;
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::health::Health;
use crate::backoff::Backoff;
use crate::cluster::key::Key;
use crate::locks::write;
use draingate_core::world::World;

pub(super) const PAGE: u32 = 500;
/// For one page of a list, and for a watch to begin.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// A bookmark is due about every minute; after this long the connection is taken for dead.
pub(super) const SILENCE_LIMIT: Duration = Duration::from_secs(90);
/// A watch that ends sooner than this counts as failed, so that it is not begun again in a hot loop.
const SHORTEST_WATCH: Duration = Duration::from_secs(1);
/// How often to ask for a kind that the API server does not know.
pub(super) const MISSING_RETRY: Duration = Duration::from_secs(3);

/// How long a kind has to be unknown before what was known of it is forgotten: an API server that has just started
/// does not know its CRDs yet.
const MISSING_BELIEVED: Duration = Duration::from_secs(10);

/// How objects of one kind enter the world.
pub(super) trait Kind: Send + 'static {
    type Object: Resource + Clone + Debug + DeserializeOwned + Send + 'static;
    /// What of an object is kept.
    type Item: Send;

    /// Whether the API server may not know the kind.
    const OPTIONAL: bool = false;

    /// Reads an object, before the world is locked.
    fn read(&self, key: &Key, object: Self::Object) -> Self::Item;
    fn set(&self, world: &mut World, key: &Key, item: Self::Item);
    fn remove(&self, world: &mut World, key: &Key);
    /// Called after each batch of the above.
    fn changed(&self) {}
}

/// What lists and then watches.
pub(super) trait Listen {
    /// Lists all objects; gives the version from which to watch.
    async fn list(&mut self) -> Result<String, Failure>;

    /// Hears of changes after `version`, and keeps it current, until the watch ends or nothing is heard any more.
    async fn watch(&mut self, version: &mut String) -> Result<(), Failure>;
}

/// One list, or one watch from `version` on, and how it ended; `None` where the next may begin at once.
pub(super) async fn turn(
    listener: &mut impl Listen,
    version: &mut Option<String>,
    backoff: &mut Backoff,
) -> Option<Result<(), Failure>> {
    let begun = Instant::now();
    let Some(last) = version else {
        return match listener.list().await {
            Ok(listed) => {
                *version = Some(listed);
                None
            }
            Err(failure) => Some(Err(failure)),
        };
    };
    let ended = listener.watch(last).await;
    if begun.elapsed() >= SHORTEST_WATCH {
        backoff.reset();
        if ended.is_ok() {
            return None;
        }
    }
    Some(ended)
}

/// Keeps the objects of one kind in `world` current.
pub(super) async fn run<K: Kind>(kind: K, api: Api<K::Object>, world: Arc<RwLock<World>>, health: Arc<Health>) {
    let mut reflector = Reflector { kind, api, world, health, known: HashSet::new() };
    let mut version = None;
    let mut backoff = Backoff::new();
    let mut missing_since = None;
    loop {
        let begun = Instant::now();
        let Some(ended) = turn(&mut reflector, &mut version, &mut backoff).await else {
            missing_since = None;
            continue;
        };
        match ended {
            Err(Failure { code: Some(404), problem, .. }) if K::OPTIONAL => {
                version = None;
                let since = *missing_since.get_or_insert(begun);
                if !reflector.known.is_empty() && since.elapsed() < MISSING_BELIEVED {
                    reflector.health.failed(&problem);
                    backoff.wait().await;
                    continue;
                }
                reflector.replace(HashMap::new());
                reflector.health.missing();
                tokio::time::sleep(MISSING_RETRY).await;
                continue;
            }
            Err(failure) => {
                if !failure.is_resumable() {
                    version = None;
                }
                reflector.health.failed(&failure.problem);
            }
            Ok(()) => {}
        }
        backoff.wait().await;
    }
}

struct Reflector<K: Kind> {
    kind: K,
    api: Api<K::Object>,
    world: Arc<RwLock<World>>,
    health: Arc<Health>,
    known: HashSet<Key>,
}

impl<K: Kind> Listen for Reflector<K> {
    /// Puts them in the place of those that were known.
    async fn list(&mut self) -> Result<String, Failure> {
        let mut params = ListParams::default().limit(PAGE);
        let mut items = HashMap::new();
        loop {
            let page = timeout(ANSWER_LIMIT, self.api.list(&params)).await??;
            for object in page.items {
                let key = Key::of(&object);
                let item = self.kind.read(&key, object);
                items.insert(key, item);
            }
            params.continue_token = page.metadata.continue_.filter(|token| !token.is_empty());
            if params.continue_token.is_none() {
                self.replace(items);
                self.health.listed();
                return Ok(page.metadata.resource_version.unwrap_or_default());
            }
        }
    }

    async fn watch(&mut self, version: &mut String) -> Result<(), Failure> {
        let params = WatchParams::default();
        let stream = timeout(ANSWER_LIMIT, self.api.watch(&params, version)).await??;
        let mut stream = std::pin::pin!(stream);
        self.health.contact();
        while let Ok(Some(event)) = timeout(SILENCE_LIMIT, stream.next()).await {
            let event = event?;
            match event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                    advance(version, &object);
                    let key = Key::of(&object);
                    let item = self.kind.read(&key, object);
                    self.kind.set(&mut write(&self.world), &key, item);
                    self.known.insert(key);
                    self.kind.changed();
                }
                WatchEvent::Deleted(object) => {
                    advance(version, &object);
                    let key = Key::of(&object);
                    self.kind.remove(&mut write(&self.world), &key);
                    self.known.remove(&key);
                    self.kind.changed();
                }
                WatchEvent::Bookmark(bookmark) => *version = bookmark.metadata.resource_version,
                WatchEvent::Error(status) => return Err(kube::Error::Api(status).into()),
            }
            self.health.contact();
        }
        Ok(())
    }
}

impl<K: Kind> Reflector<K> {
    fn replace(&mut self, items: HashMap<Key, K::Item>) {
        let gone: Vec<Key> = self.known.iter().filter(|key| !items.contains_key(*key)).cloned().collect();
        self.known = items.keys().cloned().collect();
        let mut world = write(&self.world);
        for key in &gone {
            self.kind.remove(&mut world, key);
        }
        for (key, item) in items {
            self.kind.set(&mut world, &key, item);
        }
        drop(world);
        self.kind.changed();
    }
}

pub(super) fn advance(version: &mut String, object: &impl Resource) {
    if let Some(newer) = &object.meta().resource_version {
        version.clone_from(newer);
    }
}

/// Why a list or a watch ended.
pub(super) struct Failure {
    pub(super) problem: String,
    /// The API server's, where it answered.
    pub(super) code: Option<u16>,
    unreadable: bool,
}

impl Failure {
    /// Whether a watch can go on from where it was. The API server may have forgotten that place (410), may
    /// not have come so far (504), or may answer with something that will never be read.
    fn is_resumable(&self) -> bool {
        !self.unreadable && self.code.is_none_or(|code| matches!(code, 401 | 403 | 429 | 500 | 502 | 503))
    }
}

impl From<kube::Error> for Failure {
    fn from(error: kube::Error) -> Failure {
        match error {
            kube::Error::Api(status) => Failure { problem: status.message, code: Some(status.code), unreadable: false },
            error => {
                let unreadable = matches!(error, kube::Error::SerdeError(_));
                Failure { problem: error.to_string(), code: None, unreadable }
            }
        }
    }
}

impl From<tokio::time::error::Elapsed> for Failure {
    fn from(_: tokio::time::error::Elapsed) -> Failure {
        Failure { problem: "no answer in time".into(), code: None, unreadable: false }
    }
}
