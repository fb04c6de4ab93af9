//! One watch, from a resource version on.

use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::BoxStream;
use kube::Api;
use kube::api::WatchEvent;
use tokio::time::timeout;

use super::{ANSWER_LIMIT, Change, Failure, Object, Selection};

/// A bookmark is due about every minute; after this long the connection is taken for dead.
const SILENCE_LIMIT: Duration = Duration::from_secs(90);
/// A watch that ends sooner than this counts as failed, so that it is not begun again in a hot loop.
const SHORTEST: Duration = Duration::from_secs(1);

pub(super) struct Watch<K> {
    /// What was heard last.
    version: String,
    /// When it was asked for.
    begun: Instant,
    /// `None` before it was.
    events: Option<BoxStream<'static, kube::Result<WatchEvent<K>>>>,
}

impl<K: Object> Watch<K> {
    /// Asks for nothing yet.
    pub(super) fn new(version: &str) -> Watch<K> {
        Watch { version: version.to_owned(), begun: Instant::now(), events: None }
    }

    /// One that goes on where this one ended.
    pub(super) fn resumed(&self) -> Watch<K> {
        Watch::new(&self.version)
    }

    /// Whether it has worked for a while.
    pub(super) fn lasted(&self) -> bool {
        self.begun.elapsed() >= SHORTEST
    }

    /// The next change; `None` where the API server has ended the watch in order.
    pub(super) async fn next(&mut self, api: &Api<K>, selection: &Selection) -> Result<Option<Change<K>>, Failure> {
        let Some(events) = &mut self.events else {
            self.begun = Instant::now();
            let events = timeout(ANSWER_LIMIT, api.watch(&selection.watch(), &self.version)).await??;
            self.events = Some(events.boxed());
            return Ok(Some(Change::Heard));
        };
        let event = timeout(SILENCE_LIMIT, events.next()).await.map_err(|_| Failure::Silence)?;
        let Some(event) = event.transpose()? else { return Ok(None) };
        Ok(Some(match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                self.advance(&object);
                Change::Applied(object)
            }
            WatchEvent::Deleted(object) => {
                self.advance(&object);
                Change::Deleted(object)
            }
            WatchEvent::Bookmark(bookmark) => {
                self.version = bookmark.metadata.resource_version;
                Change::Heard
            }
            WatchEvent::Error(status) => return Err(kube::Error::Api(status).into()),
        }))
    }

    fn advance(&mut self, object: &K) {
        if let Some(newer) = &object.meta().resource_version {
            self.version.clone_from(newer);
        }
    }
}
