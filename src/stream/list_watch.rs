//! The loop: what is asked for after what, and when.

use std::time::Duration;

use kube::Api;
use tokio::time::sleep;

use super::watch::Watch;
use super::{Change, Failure, Object, Pages, Selection};
use crate::backoff::Backoff;

/// The changes of the objects of one kind; without an end.
pub(crate) struct ChangeStream<K> {
    api: Api<K>,
    selection: Selection,
    state: State<K>,
    delay: Delay,
    backoff: Backoff,
}

enum State<K> {
    /// Nothing is known, or it is too old to watch from there.
    Unlisted,
    /// What is left of a page, and the pages after it.
    Listing(std::vec::IntoIter<K>, Box<Pages<K>>),
    Watching(Watch<K>),
}

/// Before anything is asked again.
#[derive(Default)]
enum Delay {
    #[default]
    None,
    Backoff,
    For(Duration),
}

impl<K: Object> ChangeStream<K> {
    /// Asks for nothing yet.
    pub(crate) fn new(api: Api<K>, selection: Selection) -> ChangeStream<K> {
        ChangeStream { api, selection, state: State::Unlisted, delay: Delay::None, backoff: Backoff::new() }
    }

    /// The next change.
    pub(crate) async fn next(&mut self) -> Change<K> {
        loop {
            match std::mem::take(&mut self.delay) {
                Delay::None => {}
                Delay::Backoff => self.backoff.wait().await,
                Delay::For(wait) => sleep(wait).await,
            }
            let step = match &mut self.state {
                State::Watching(watch) => watch.next(&self.api, &self.selection).await,
                State::Unlisted | State::Listing(..) => self.list().await,
            };
            match step {
                Ok(Some(change)) => return change,
                Ok(None) => self.ended(None),
                Err(failure) => {
                    self.ended(Some(&failure));
                    return Change::Interrupted(failure);
                }
            }
        }
    }

    /// After an interruption: lists again, even where the watch could go on.
    pub(crate) fn relist(&mut self) {
        self.state = State::Unlisted;
        if matches!(self.delay, Delay::None) {
            self.delay = Delay::Backoff;
        }
    }

    /// After an interruption: the next try is so far away, whatever the backoff says.
    pub(crate) fn retry_in(&mut self, wait: Duration) {
        self.delay = Delay::For(wait);
    }

    async fn list(&mut self) -> Result<Option<Change<K>>, Failure> {
        loop {
            match &mut self.state {
                State::Listing(objects, pages) => {
                    if let Some(object) = objects.next() {
                        return Ok(Some(Change::Listed(object)));
                    }
                    match pages.next().await? {
                        Some(page) if !self.selection.new_only => *objects = page.into_iter(),
                        _ => {
                            self.state = State::Watching(Watch::new(pages.version()));
                            return Ok(Some(Change::Complete));
                        }
                    }
                }
                State::Unlisted | State::Watching(_) => {
                    let pages = Box::new(Pages::new(self.api.clone(), self.selection.list()));
                    self.state = State::Listing(Vec::new().into_iter(), pages);
                }
            }
        }
    }

    /// Decides what comes after a list that failed, or a watch that ended.
    fn ended(&mut self, failure: Option<&Failure>) {
        let mut at_once = false;
        let mut next = State::Unlisted;
        if let State::Watching(watch) = &self.state {
            if watch.lasted() {
                self.backoff.reset();
                at_once = matches!(failure, None | Some(Failure::Silence));
            }
            if failure.is_none_or(Failure::is_resumable) {
                next = State::Watching(watch.resumed());
            }
        }
        self.delay = if at_once { Delay::None } else { Delay::Backoff };
        self.state = next;
    }
}
