//! Where a value came from: every one remembers it, and every message says it.

use std::fmt;

use crate::measured::Measured;
use crate::nodes::TakenAway;
use crate::policy::Profile;
use crate::servers::InFile;

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source<'a> {
    /// Draingate's own default: a guess.
    BuiltIn,
    /// Draingate's table of nodes that can be taken away, by what they are called.
    Nodes(&'static str),
    /// A policy, by its title, and the profile in it where that gave the value.
    Policy(&'a str, Option<Profile>),
    /// A policy, by its title, whose value was measured, and the age of that in days, where it is old.
    Measured(&'a str, &'a Measured, Option<i64>),
    /// The namespace's profile label.
    ProfileLabel(&'a str, Profile),
    /// A pod annotation, by its key.
    Annotation(&'a str),
    /// What the container's own preStop hook gives it to finish.
    Hook,
    /// What the container's server is told, by the server's name.
    Server(&'static str),
    /// The same, in a ConfigMap.
    ConfigMap(InFile<'a>),
}

impl fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::BuiltIn => f.write_str("built-in"),
            Source::Nodes(name) => write!(f, "built-in, {name}"),
            Source::Policy(title, None) => f.write_str(title),
            Source::Policy(title, Some(profile)) => write!(f, "{title}, profile {}", profile.as_str()),
            Source::Measured(title, measured, old) => {
                write!(f, "{title}, measured on {}, {} samples", measured.date, measured.samples)?;
                old.map_or(Ok(()), |days| write!(f, ", {days} days old: measure again"))
            }
            Source::ProfileLabel(namespace, profile) => {
                write!(f, "profile {} of namespace {namespace}", profile.as_str())
            }
            Source::Annotation(key) => write!(f, "annotation {key}"),
            Source::Server(name) => write!(f, "{name}'s own limit"),
            Source::ConfigMap(in_file) => in_file.fmt(f),
            Source::Hook => f.write_str("what its own preStop hook gives it"),
        }
    }
}

impl Source<'_> {
    /// The layer of a ClusterDrainPolicy.
    pub(super) const CLUSTER: u8 = 1;

    /// How it was measured, where it was.
    pub fn measured(&self) -> Option<&Measured> {
        if let Source::Measured(_, measured, _) = self { Some(measured) } else { None }
    }

    /// Whether it is a setting of the container's server.
    pub fn is_server(&self) -> bool {
        matches!(self, Source::Server(_) | Source::ConfigMap(_))
    }

    /// Later layers have larger numbers.
    pub(super) fn layer(&self) -> u8 {
        match self {
            Source::Annotation(_) => 3,
            Source::Policy(title, _) | Source::Measured(title, ..) if title.starts_with("DrainPolicy") => 2,
            Source::Policy(..) | Source::Measured(..) => Self::CLUSTER,
            _ => 0,
        }
    }
}

/// A value and where it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sourced<'a, T> {
    /// The value.
    pub value: T,
    /// Its source.
    pub source: Source<'a>,
}

impl<T> Sourced<'_, T> {
    pub(super) fn built_in(value: T) -> Self {
        Sourced { value, source: Source::BuiltIn }
    }
}

impl Sourced<'_, u64> {
    pub(super) fn of_nodes(nodes: &'static TakenAway) -> Self {
        Sourced { value: nodes.seconds, source: Source::Nodes(nodes.name) }
    }
}
