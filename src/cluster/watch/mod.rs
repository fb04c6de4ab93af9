//! What is known about the cluster, kept current.
//!
//! Each watch runs in a task of its own and writes into the same world. When the API server is gone, what is
//! known stays known, and [`Cluster::health`] says how old it is.

mod health;
mod kinds;
mod live;
mod nodes;
mod reflect;

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use kube::Client;
use tokio::task::JoinSet;

pub use self::health::{Watch, WatchHealth};
pub use self::kinds::{Lowered, LoweredSink};
pub use self::live::LiveReadError;

use self::health::Health;
use self::live::LiveReads;
use super::policies::{self, Table};
use crate::locks::write;
use draingate_core::policy::PolicyKind;
use draingate_core::world::{SleepSupport, World};

/// How hooks can wait on this cluster, asked once.
///
/// # Errors
/// Why the versions cannot be read.
pub async fn read_sleep_support(client: &Client) -> Result<SleepSupport, String> {
    nodes::ask(client, false).await.map_err(|failure| format!("the versions of the nodes cannot be read: {failure}"))
}

/// What the installation decides about the watches.
#[derive(Clone, Default)]
pub struct Options {
    /// On a cluster without the native sleep, `exec: ["sleep", "N"]` may stand in.
    pub hook_fallback_exec: bool,
    /// Who hears of namespaces that are less strict than they were.
    pub lowered: Option<LoweredSink>,
}

/// The running watches. They end when this is dropped.
pub struct Cluster {
    world: Arc<RwLock<World>>,
    policies: Arc<Table>,
    health: Vec<Arc<Health>>,
    live: LiveReads,
    _tasks: JoinSet<()>,
}

impl Cluster {
    /// Starts to fill `world`, in tasks of the current runtime.
    pub fn start(client: Client, world: Arc<RwLock<World>>, options: Options) -> Cluster {
        let mut tasks = JoinSet::new();
        let health: Vec<_> = Watch::ALL.into_iter().map(|watch| Arc::new(Health::new(watch))).collect();
        let table = Arc::new(Table::default());
        write(&world).unread_policies = vec![PolicyKind::DrainPolicy, PolicyKind::ClusterDrainPolicy];
        for health in &health {
            let (client, world, health) = (client.clone(), world.clone(), health.clone());
            match health.watch() {
                Watch::Namespaces => {
                    let kind = kinds::Namespaces { lowered: options.lowered.clone() };
                    tasks.spawn(reflect::run(kind, kinds::namespaces(client), world, health))
                }
                Watch::Services => tasks.spawn(reflect::run(kinds::Services, kinds::services(client), world, health)),
                Watch::DrainPolicies => tasks.spawn(reflect::run(
                    kinds::Policies::new(PolicyKind::DrainPolicy, table.clone()),
                    policies::api(client, PolicyKind::DrainPolicy),
                    world,
                    health,
                )),
                Watch::ClusterDrainPolicies => tasks.spawn(reflect::run(
                    kinds::Policies::new(PolicyKind::ClusterDrainPolicy, table.clone()),
                    policies::api(client, PolicyKind::ClusterDrainPolicy),
                    world,
                    health,
                )),
                Watch::Nodes => tasks.spawn(nodes::run(client, world, options.hook_fallback_exec, health)),
            };
        }
        Cluster { world, policies: table, health, live: LiveReads::new(client), _tasks: tasks }
    }

    /// What is known.
    pub fn world(&self) -> &Arc<RwLock<World>> {
        &self.world
    }

    /// What the status of each policy depends on.
    pub fn policies(&self) -> Arc<Table> {
        Arc::clone(&self.policies)
    }

    /// Whether everything has been read at least once, or is not waited for any more. Never false again after it was true.
    pub fn synced(&self) -> bool {
        self.health.iter().all(|health| health.read().synced)
    }

    /// How each watch is doing.
    pub fn health(&self) -> Vec<WatchHealth> {
        self.health.iter().map(|health| health.read()).collect()
    }

    /// Whether the API server does not know one of the policy kinds: those that were known hold, else there are none.
    pub fn policies_crd_missing(&self) -> bool {
        self.health.iter().any(|health| health.read().crd_missing)
    }

    /// The labels that a namespace has right now, past the watch; `None` where there is no such namespace.
    ///
    /// For a namespace that the watch has not seen, or shows as not opted in, although the API server asks
    /// about it. One question at a time goes out for each namespace, and its answer serves for a second.
    ///
    /// # Errors
    /// The API server did not answer within two seconds, or refused to.
    pub async fn read_namespace(&self, name: &str) -> Result<Option<BTreeMap<String, String>>, LiveReadError> {
        self.live.read(name).await
    }
}
