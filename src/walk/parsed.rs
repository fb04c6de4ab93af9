//! A document and the objects in it, each with the place of everything in it.

use std::cell::OnceCell;
use std::sync::Arc;

use serde_json::Value;

use super::ignores::{self, Ignore};
use crate::judged::{Cause, IdleIgnore, Location, Origin, Problem, Source, Unjudged};
use draingate_core::config_maps;
use draingate_core::manifest::{self, Document, Node, Place};
use draingate_core::objects;
use draingate_core::subject::{Kind, Subject};
use draingate_core::world::World;

/// A document that was parsed. Where things are in it is worked out only once somebody asks.
pub(super) struct Parsed<'d> {
    file: &'d Arc<str>,
    document: &'d Document<'d>,
    value: Value,
    places: OnceCell<Option<Node>>,
}

impl<'d> Parsed<'d> {
    pub(super) fn read(file: &'d Arc<str>, document: &'d Document<'d>) -> Result<Parsed<'d>, Problem> {
        let value = manifest::parse(document).map_err(|unread| problem(file, unread))?;
        Ok(Parsed { file, document, value, places: OnceCell::new() })
    }

    /// Itself, or the items of a `List`.
    pub(super) fn objects(&self) -> impl Iterator<Item = Object<'_>> {
        manifest::objects_at(&self.value).into_iter().map(|(at, value)| Object { parsed: self, at, value })
    }

    fn places(&self) -> Option<&Node> {
        self.places.get_or_init(|| manifest::parse_with_places(self.document).ok()).as_ref()
    }

    fn place(&self, pointer: &str) -> Place {
        match self.places() {
            Some(node) => node.find(pointer),
            None => Place { span: 0..0, line: 1, exact: false },
        }
    }

    /// The comments that ignore a finding of one of its objects.
    pub(super) fn ignores(&self) -> Vec<Ignore> {
        ignores::read(self.document, || self.places())
    }

    /// Why one of them ignores nothing.
    pub(super) fn idle(&self, ignore: &Ignore, why: &str) -> IdleIgnore {
        IdleIgnore { file: Arc::clone(self.file), line: ignore.line, why: why.to_owned() }
    }
}

/// A document that cannot be read.
pub(super) fn problem(file: &Arc<str>, unread: manifest::Problem) -> Problem {
    let manifest::Problem { line, column, message } = unread;
    Problem { file: Arc::clone(file), line, column, cause: Cause::Document(message) }
}

/// One object of a document.
pub(super) struct Object<'d> {
    /// The document.
    pub(super) parsed: &'d Parsed<'d>,
    /// Its JSON pointer there.
    at: String,
    value: &'d Value,
}

impl<'d> Object<'d> {
    /// What is to be judged; `None` where it carries no pod. Objects that name no namespace are in `namespace`.
    pub(super) fn subject(&self, namespace: &str) -> Result<Option<Subject<'d>>, Problem> {
        let Some(kind) = Kind::of_value(self.value) else {
            // It is in the world already; here it is only looked at where it stands.
            return match objects::add(&mut World::default(), self.value, Some(namespace)) {
                Ok(_) => Ok(None),
                Err((title, problem)) => Err(self.problem("", Cause::Policy { title, problem })),
            };
        };
        Subject::of_value(kind, self.value).map(Some).map_err(|unreadable| {
            let pointer = unreadable.pointer();
            let (kind, unreadable) = (self.text("/kind").into(), Box::new(unreadable));
            self.problem(&pointer, Cause::Object { kind, line: self.line(), unreadable })
        })
    }

    /// Gives a subject that was read from it what the ConfigMaps of its namespace have for its containers.
    pub(super) fn give(&self, subject: &mut Subject<'d>, world: &'d World, namespace: &'d str) {
        let own = self.text("/metadata/namespace");
        let namespace = if own.is_empty() { namespace } else { own };
        config_maps::give(subject, self.value, &world.context(namespace));
    }

    /// What it is, where it carries no pod but seems to hold some elsewhere.
    pub(super) fn unjudged(&self, namespace: &str) -> Option<Unjudged> {
        let pointer = objects::pods_elsewhere(self.value)?;
        let own = self.text("/metadata/namespace");
        Some(Unjudged {
            file: Arc::clone(self.parsed.file),
            line: self.location(&pointer).line,
            kind: self.text("/kind").to_owned(),
            namespace: if own.is_empty() { namespace } else { own }.to_owned(),
            name: match (self.text("/metadata/name"), self.text("/metadata/generateName")) {
                ("", prefix) if !prefix.is_empty() => format!("{prefix}*"),
                (name, _) => name.to_owned(),
            },
            pointer,
        })
    }

    fn text(&self, pointer: &str) -> &'d str {
        self.value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn origin(&self) -> Origin {
        let Parsed { file, document, .. } = self.parsed;
        Origin::File(Source {
            file: Arc::clone(file),
            document: document.index,
            line: self.line(),
            pointer: self.at.clone(),
        })
    }

    /// Where its first key is, in bytes of the document's text.
    pub(super) fn start(&self) -> usize {
        self.location("").span.start
    }

    /// A pointer into the object as one into the document.
    fn pointer(&self, pointer: &str) -> String {
        format!("{}{pointer}", self.at)
    }

    pub(super) fn location(&self, pointer: &str) -> Location {
        let place = self.parsed.place(&self.pointer(pointer));
        Location { line: self.parsed.document.line + place.line - 1, span: place.span }
    }

    /// Of its first key.
    fn line(&self) -> usize {
        if self.at.is_empty() { self.parsed.document.first_line() } else { self.location("").line }
    }

    fn problem(&self, pointer: &str, cause: Cause) -> Problem {
        let Location { line, span } = self.location(pointer);
        let before = self.parsed.document.text.get(..span.start).unwrap_or_default();
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
        Problem { file: Arc::clone(self.parsed.file), line, column, cause }
    }
}
