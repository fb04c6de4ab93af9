//! The last part of the way, the same for a manifest and for a pod that runs.

use crate::judged::{Location, ObjectResult, Origin};
use draingate_core::judge::{self, Judgement, View};
use draingate_core::mode::Mode;
use draingate_core::subject::Subject;
use draingate_core::world::{Context, World};

/// A subject in its namespace.
pub(crate) struct Candidate<'a> {
    /// What is judged.
    pub(crate) subject: &'a Subject<'a>,
    /// Its own, or the one of those that name none.
    pub(crate) namespace: &'a str,
    context: Context<'a>,
}

impl<'a> Candidate<'a> {
    /// A subject in a world; in `namespace` where it names none.
    pub(crate) fn new(subject: &'a Subject<'a>, world: &'a World, namespace: &'a str) -> Candidate<'a> {
        let namespace = subject.namespace.as_deref().unwrap_or(namespace);
        Candidate { subject, namespace, context: world.context(namespace) }
    }

    /// The mode of its namespace.
    pub(crate) fn mode(&self) -> Mode {
        self.context.mode().mode
    }

    /// Its judgement.
    pub(crate) fn judge(&self, view: View) -> Judgement<'a> {
        judge::judge(self.subject, &self.context, view)
    }

    /// What of a judgement is kept; `locate` finds a JSON pointer.
    pub(crate) fn result(
        &self,
        origin: Origin,
        judgement: &Judgement,
        locate: impl Fn(&str) -> Option<Location>,
    ) -> ObjectResult {
        ObjectResult::new(origin, self.namespace, self.subject, judgement, locate)
    }
}
