//! What could not be judged, and why.

use std::fmt;
use std::sync::Arc;

use draingate_core::unreadable::Unreadable;

/// Something in a file that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {cause}")]
pub struct Problem {
    /// The path as given, `-` for standard input.
    pub file: Arc<str>,
    /// The line of the file, counted from 1.
    pub line: usize,
    /// The column, counted from 1.
    pub column: usize,
    /// Why.
    pub cause: Cause,
}

/// Why it could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The document is not YAML.
    Document(String),
    /// It is a policy that breaks the rules of its kind. The world knows that too.
    Policy {
        /// `DrainPolicy shop/default`
        title: String,
        /// What is wrong with it.
        problem: String,
    },
    /// It carries a pod that cannot be read.
    Object {
        /// Its kind's name.
        kind: Box<str>,
        /// The line of the object's first key, counted from 1.
        line: usize,
        /// The field, and what is wrong with it.
        unreadable: Box<Unreadable>,
    },
}

/// An object that seems to hold pods where nobody looks for them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{file}:{line}: {kind} {namespace}/{name} is not judged: it seems to hold pods at {pointer}, \
     and only a pod template at spec.template is looked for"
)]
pub struct Unjudged {
    /// The path as given, `-` for standard input.
    pub file: Arc<str>,
    /// The line of the file, counted from 1.
    pub line: usize,
    /// Its kind's name.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// A JSON pointer to what looks like a pod's.
    pub pointer: String,
}

/// A comment that means to ignore a finding, and ignores none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: this comment ignores nothing: {why}")]
pub struct IdleIgnore {
    /// The path as given, `-` for standard input.
    pub file: Arc<str>,
    /// The line of the file, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Document(message) => f.write_str(message),
            Cause::Policy { title, problem } => write!(f, "{title}: {problem}"),
            Cause::Object { kind, unreadable, .. } => write!(f, "{kind}: {}", unreadable.without_place()),
        }
    }
}
