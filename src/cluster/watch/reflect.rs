//! The objects of one kind, put into the world as they come and go.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use kube::Api;

use super::health::Health;
use crate::cluster::key::Key;
use crate::locks::write;
use crate::stream::{Change, ChangeStream, Failure, MISSING_RETRY, Object, Selection};
use draingate_core::world::World;

/// How long to wait for the first list of a kind that others can do without.
const PATIENCE: Duration = Duration::from_secs(30);

/// How objects of one kind enter the world.
pub(super) trait Kind: Send + 'static {
    type Object: Object;
    /// What of an object is kept.
    type Item: Send;

    /// Whether the API server may not know the kind, and may be without an answer about it for long.
    const OPTIONAL: bool = false;

    /// Reads an object, before the world is locked.
    fn read(&self, key: &Key, object: Self::Object) -> Self::Item;
    fn set(&self, world: &mut World, key: &Key, item: Self::Item);
    fn remove(&self, world: &mut World, key: &Key);
    /// Called after all of them were listed, or where there is no such kind.
    fn listed(&self, _: &mut World) {}
    /// Called after each batch of the above.
    fn changed(&self) {}
}

/// Keeps the objects of one kind in `world` current.
pub(super) async fn run<K: Kind>(kind: K, api: Api<K::Object>, world: Arc<RwLock<World>>, health: Arc<Health>) {
    let mut changes = ChangeStream::new(api, Selection::default());
    let mut reflector =
        Reflector { kind, world, health, known: HashSet::new(), listed: HashMap::new(), begun: Instant::now() };
    loop {
        match changes.next().await {
            Change::Listed(object) => {
                let (key, item) = reflector.read(object);
                reflector.listed.insert(key, item);
            }
            Change::Complete => reflector.complete(),
            Change::Applied(object) => reflector.apply(object),
            Change::Deleted(object) => reflector.delete(&object),
            Change::Heard => reflector.health.contact(),
            Change::Interrupted(failure) => {
                if reflector.interrupted(&failure) == Known::Missing {
                    changes.retry_in(MISSING_RETRY);
                }
            }
        }
    }
}

struct Reflector<K: Kind> {
    kind: K,
    world: Arc<RwLock<World>>,
    health: Arc<Health>,
    known: HashSet<Key>,
    /// Of a list that is being read.
    listed: HashMap<Key, K::Item>,
    begun: Instant,
}

/// Whether the API server is believed to know the kind.
#[derive(PartialEq, Eq)]
enum Known {
    Yes,
    Missing,
}

impl<K: Kind> Reflector<K> {
    fn read(&self, object: K::Object) -> (Key, K::Item) {
        let key = Key::of(&object);
        let item = self.kind.read(&key, object);
        (key, item)
    }

    /// Puts those that were listed in the place of those that were known.
    fn complete(&mut self) {
        self.replace();
        self.health.listed();
    }

    fn apply(&mut self, object: K::Object) {
        let (key, item) = self.read(object);
        self.kind.set(&mut write(&self.world), &key, item);
        self.known.insert(key);
        self.kind.changed();
        self.health.contact();
    }

    fn delete(&mut self, object: &K::Object) {
        let key = Key::of(object);
        self.kind.remove(&mut write(&self.world), &key);
        self.known.remove(&key);
        self.kind.changed();
        self.health.contact();
    }

    /// What was known is kept, also where the kind is not known any more: if somebody deleted its CRD, its objects were
    /// deleted first, and an API server that has just started does not know its CRDs yet.
    fn interrupted(&mut self, failure: &Failure) -> Known {
        self.listed.clear();
        if K::OPTIONAL && failure.is_missing() {
            self.kind.listed(&mut write(&self.world));
            self.health.missing();
            return Known::Missing;
        }
        // A watch that brought nothing is begun again; how old the known is says the rest.
        if *failure != Failure::Silence {
            self.health.failed(&failure.to_string());
            if K::OPTIONAL && self.begun.elapsed() >= PATIENCE {
                self.health.stop_waiting();
            }
        }
        Known::Yes
    }

    fn replace(&mut self) {
        let items = std::mem::take(&mut self.listed);
        let gone: Vec<Key> = self.known.iter().filter(|key| !items.contains_key(*key)).cloned().collect();
        self.known = items.keys().cloned().collect();
        let mut world = write(&self.world);
        for key in &gone {
            self.kind.remove(&mut world, key);
        }
        for (key, item) in items {
            self.kind.set(&mut world, &key, item);
        }
        self.kind.listed(&mut world);
        drop(world);
        self.kind.changed();
    }
}
