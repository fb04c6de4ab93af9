//! One list, then one watch from there on, told as changes: for what is counted and forgotten rather than kept.

use std::fmt::Debug;

use futures::StreamExt;
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc::Sender;
use tokio::time::timeout;

use super::reflect::{ANSWER_LIMIT, Failure, Listen, MISSING_RETRY, PAGE, SILENCE_LIMIT, advance, turn};
use crate::backoff::Backoff;

/// What is heard of the objects of one kind.
#[derive(Debug)]
pub(crate) enum Change<T> {
    /// It was there when they were listed.
    Listed(T),
    /// All of them were; what follows is told as it happens.
    Complete,
    /// It is new, or changed.
    Set(T),
    /// It is gone; this is how it was.
    Gone(T),
    /// Nothing was heard for a while: what follows may be old.
    Interrupted(Trouble),
}

/// Why nothing is heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) problem: String,
    /// We lack the right.
    pub(crate) refused: bool,
}

/// Which objects are followed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Which {
    /// A field selector.
    pub(crate) fields: Option<&'static str>,
    /// Those that are there already do not matter.
    pub(crate) new_only: bool,
}

/// Tells all changes, until nobody listens. `wrap` says which, and how.
pub(crate) async fn follow<K, H>(api: Api<K>, which: Which, wrap: impl Fn(Change<K>) -> Option<H>, to: Sender<H>)
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let mut follower = Follower { api, which, wrap, to };
    let mut version = None;
    let mut backoff = Backoff::new();
    while !follower.to.is_closed() {
        let Some(ended) = turn(&mut follower, &mut version, &mut backoff).await else { continue };
        if let Err(failure) = ended {
            // Listed again, even where the watch could go on: what happened meanwhile was not heard as it happened.
            version = None;
            let missing = failure.code == Some(404);
            let refused = matches!(failure.code, Some(401 | 403));
            follower.tell(Change::Interrupted(Trouble { problem: failure.problem, refused })).await;
            if missing {
                tokio::time::sleep(MISSING_RETRY).await;
            }
        }
        backoff.wait().await;
    }
}

struct Follower<K, H, W> {
    api: Api<K>,
    which: Which,
    wrap: W,
    to: Sender<H>,
}

impl<K, H, W> Follower<K, H, W>
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
    W: Fn(Change<K>) -> Option<H>,
{
    async fn tell(&self, change: Change<K>) {
        if let Some(heard) = (self.wrap)(change) {
            // Where nobody listens any more, the loop ends.
            let _ = self.to.send(heard).await;
        }
    }
}

impl<K, H, W> Listen for Follower<K, H, W>
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
    W: Fn(Change<K>) -> Option<H>,
{
    async fn list(&mut self) -> Result<String, Failure> {
        let mut params = ListParams::default().limit(if self.which.new_only { 1 } else { PAGE });
        params.field_selector = self.which.fields.map(str::to_owned);
        loop {
            let page = timeout(ANSWER_LIMIT, self.api.list(&params)).await??;
            params.continue_token = page.metadata.continue_.filter(|token| !token.is_empty());
            if self.which.new_only {
                params.continue_token = None;
            } else {
                for object in page.items {
                    self.tell(Change::Listed(object)).await;
                }
            }
            if params.continue_token.is_none() {
                self.tell(Change::Complete).await;
                return Ok(page.metadata.resource_version.unwrap_or_default());
            }
        }
    }

    async fn watch(&mut self, version: &mut String) -> Result<(), Failure> {
        let params = WatchParams { field_selector: self.which.fields.map(str::to_owned), ..WatchParams::default() };
        let stream = timeout(ANSWER_LIMIT, self.api.watch(&params, version)).await??;
        let mut stream = std::pin::pin!(stream);
        while let Some(event) = timeout(SILENCE_LIMIT, stream.next()).await? {
            match event? {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                    advance(version, &object);
                    self.tell(Change::Set(object)).await;
                }
                WatchEvent::Deleted(object) => {
                    advance(version, &object);
                    self.tell(Change::Gone(object)).await;
                }
                WatchEvent::Bookmark(bookmark) => *version = bookmark.metadata.resource_version,
                WatchEvent::Error(status) => return Err(kube::Error::Api(status).into()),
            }
        }
        Ok(())
    }
}
