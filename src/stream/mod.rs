//! Changes of the objects of one kind: what the cluster's watches, `observe` and `rehearse` stand on.
//!
//! A list, then watches from there on, for ever: a watch that ends goes on from the last resource version, a version that
//! the API server has forgotten means another list, and what fails is tried again after a [`Backoff`](crate::backoff).
//!
//! Not kube's own watcher: it keeps bookmarks and reconnections to itself. They are what tells "nothing happened" from
//! "nothing is heard any more", and without them nobody could say how old the known is. So the loop is written here,
//! over kube's `list` and `watch`.

mod failure;
mod list_watch;
mod pages;
mod watch;

#[cfg(test)]
pub(crate) mod scripted;
#[cfg(test)]
mod tests;

use std::fmt::Debug;
use std::time::Duration;

use kube::Resource;
use kube::api::{ListParams, WatchParams};
use serde::de::DeserializeOwned;

pub(crate) use self::failure::Failure;
pub(crate) use self::list_watch::ChangeStream;
pub(crate) use self::pages::Pages;

/// For one answer: a page of a list, or the beginning of a watch.
pub(crate) const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// How often to ask for a kind that the API server does not know.
pub(crate) const MISSING_RETRY: Duration = Duration::from_secs(3);

/// What is heard of the objects of one kind.
#[derive(Debug)]
pub(crate) enum Change<K> {
    /// It was there when they were listed.
    Listed(K),
    /// All of them were; what follows is told as it happens.
    Complete,
    /// It is new, or changed.
    Applied(K),
    /// It is gone; this is how it was.
    Deleted(K),
    /// Nothing happened, and the API server says so: a watch has begun, or a bookmark came.
    Heard,
    /// A list or a watch failed: what follows may be old. What was listed before it is [`Complete`](Change::Complete) is
    /// listed again.
    Interrupted(Failure),
}

/// Which objects.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    /// A label selector.
    pub(crate) labels: Option<String>,
    /// A field selector.
    pub(crate) fields: Option<&'static str>,
    /// Those that are there already do not matter.
    pub(crate) new_only: bool,
}

impl Selection {
    fn list(&self) -> ListParams {
        ListParams {
            label_selector: self.labels.clone(),
            field_selector: self.fields.map(str::to_owned),
            // Of such a list only its version is wanted.
            limit: self.new_only.then_some(1),
            ..ListParams::default()
        }
    }

    fn watch(&self) -> WatchParams {
        WatchParams {
            label_selector: self.labels.clone(),
            field_selector: self.fields.map(str::to_owned),
            ..WatchParams::default()
        }
    }
}

/// What can be listed and watched.
pub(crate) trait Object: Resource + Clone + Debug + DeserializeOwned + Send + 'static {}

impl<T: Resource + Clone + Debug + DeserializeOwned + Send + 'static> Object for T {}
