//! What widely used servers say of their own end, where no manifest says it: how long they still take new work after
//! SIGTERM, how long they let work finish, how work comes to them, and whether SIGTERM ends running requests.
//!
//! [`find`] looks a container up by its image, the program it runs, or a variable that only one server reads; the
//! settings are read where they stand in the pod. The rows are in a file by kind, each with its source; `words` reads a
//! command, `values` a setting. Every container of every pod comes through here, most are of no known server, and for
//! those nothing is allocated.

mod apps;
mod databases;
mod inference;
mod messages;
mod observability;
mod proxies;
mod row;
#[cfg(test)]
mod tests;
mod values;
mod web;
mod words;
mod workers;

use std::sync::LazyLock;

use crate::hooks::Variable;

pub use row::{Bare, Limit, Mark, Place, Server, Sigterm, Stop, Switch, Targets, Work};

use values::Read;
use words::{Image, Words};

/// The rows by kind, in the order in which the docs print them; of two that match, the first counts.
pub const TABLES: [(&str, &[Server]); 8] = [
    ("Web servers and frameworks", web::ROWS),
    ("Proxies and gateways", proxies::ROWS),
    ("Inference", inference::ROWS),
    ("Workers", workers::ROWS),
    ("Databases and stores", databases::ROWS),
    ("Message brokers and members of clusters", messages::ROWS),
    ("Observability", observability::ROWS),
    ("Applications and controllers", apps::ROWS),
];

/// What is known of a container.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// Its image, as written.
    pub image: &'a str,
    /// Its command, empty where the image's entrypoint runs.
    pub command: &'a [&'a str],
    /// Its arguments.
    pub args: &'a [&'a str],
    /// What its own `env` says of a variable.
    pub variable: &'a dyn Fn(&str) -> Variable<'a>,
}

/// A server that was found in a container.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its row.
    pub server: &'static Server,
    /// A: how long it still takes new work after SIGTERM.
    pub accept: Option<Setting>,
    /// T: how long it lets work finish.
    pub finish: Option<Setting>,
    /// How work comes to it.
    pub work: Work,
    /// A flag or a word of its own says so.
    pub work_by_flag: bool,
    /// What SIGTERM does to running requests.
    pub sigterm: Sigterm,
}

/// A time that a server has from a setting, or from itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// In whole seconds, rounded up.
    pub seconds: u64,
    /// It stands in the pod; otherwise it is the server's default.
    pub stated: bool,
    /// The flag, the variable or the key, as it is called; empty where there is none.
    pub words: String,
}

/// Finds the server that a container runs, and reads what it says of itself.
pub fn find(container: &Facts<'_>) -> Option<Found> {
    let words = Words::of(container.command, container.args);
    let (server, named) = by_name(&Image::of(container.image), &words).or_else(|| by_variable(container, words))?;
    let places = values::Places { words, variable: container.variable };
    let (accept, _) = setting(server.accept, &places, true);
    let (finish, read) = setting(server.finish, &places, false);
    let sigterm = match (server.stop, &read) {
        (Stop::DrainsIfSet, Read::Unreadable | Read::Value { seconds: 1.., .. }) | (Stop::Drains, _) => Sigterm::Drains,
        (Stop::DrainsIfSet | Stop::Cuts, _) => Sigterm::Cuts,
        (Stop::By(switch), _) => places.switch(switch),
    };
    let target = server.targets.and_then(|targets| target(targets, &words));
    let work = target.unwrap_or(server.work);
    Some(Found {
        server,
        accept,
        finish: finish.filter(|_| sigterm == Sigterm::Drains),
        work,
        work_by_flag: (named || target.is_some()) && matches!(work, Work::Peer | Work::Fetched),
        sigterm,
    })
}

fn setting<'a>(limit: Option<Limit>, places: &values::Places<'a>, smallest: bool) -> (Option<Setting>, Read<'a>) {
    let Some(limit) = limit else { return (None, Read::Absent) };
    let read = places.read(&limit, smallest);
    let setting = match &read {
        Read::Value { seconds, words } => Some(Setting { seconds: *seconds, stated: true, words: (*words).to_owned() }),
        Read::Unreadable => None,
        Read::Absent => limit.default.map(|seconds| Setting {
            seconds,
            stated: false,
            words: limit.places.first().map(Place::name).unwrap_or_default().to_owned(),
        }),
    };
    (setting, read)
}

/// How work comes to the parts that a flag chooses: of several, whoever is sent work decides.
fn target(targets: &Targets, words: &Words<'_>) -> Option<Work> {
    let chosen = values::go_flag(words.iter(), targets.flag)?;
    let works = chosen
        .split(',')
        .map(|part| targets.parts.iter().find(|(name, _)| *name == part.trim()).map(|(_, work)| *work));
    works.fold(None, |before, work| match (before, work?) {
        (Some(Work::Sent), _) | (_, Work::Sent) => Some(Work::Sent),
        (Some(Work::Peer), _) | (_, Work::Peer) => Some(Work::Peer),
        (_, work) => Some(work),
    })
}

/// What lets most containers pass without a look at the rows.
struct Index {
    /// The first three letters of the images and programs, as bits.
    letters: [u64; 64],
    variables: Vec<(&'static str, &'static Server)>,
    properties: Vec<(&'static str, &'static Server)>,
}

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let mut index = Index { letters: [0; 64], variables: Vec::new(), properties: Vec::new() };
    for row in rows() {
        for mark in row.marks {
            match mark {
                Mark::Image(name) | Mark::ImageWord(name, _) | Mark::Program(name) | Mark::ProgramWord(name, _) => {
                    let (word, bit) = letters(words::base(name));
                    if let Some(word) = index.letters.get_mut(word) {
                        *word |= bit;
                    }
                }
                Mark::Variable(name) => index.variables.push((name, row)),
                Mark::Property(name) => index.properties.push((name, row)),
            }
        }
    }
    index
});

fn letters(name: &str) -> (usize, u64) {
    let name = name.split(':').next().unwrap_or_default();
    let hash = (0..3).fold(0usize, |hash, at| hash * 31 + usize::from(name.as_bytes().get(at).copied().unwrap_or(0)));
    (hash / 64 % 64, 1 << (hash % 64))
}

fn rows() -> impl Iterator<Item = &'static Server> {
    TABLES.iter().flat_map(|(_, rows)| rows.iter())
}

/// The row of an image or a program, and whether a word of its own named it.
fn by_name(image: &Image<'_>, words: &Words<'_>) -> Option<(&'static Server, bool)> {
    let known = |name: &str| {
        let (word, bit) = letters(name);
        INDEX.letters.get(word).is_some_and(|word| word & bit != 0)
    };
    let program = words.program.filter(|program| known(program));
    if program.is_none() && !known(image.last()) {
        return None;
    }
    let runs = |pattern: &str| program.is_some_and(|program| words::matches(pattern, program));
    rows().find_map(|row| {
        row.marks.iter().find_map(|mark| {
            let (is, named) = match *mark {
                Mark::Image(pattern) => (image.is(pattern), false),
                Mark::ImageWord(pattern, word) => (image.is(pattern) && words.has(word), true),
                Mark::Program(pattern) => (runs(pattern), false),
                Mark::ProgramWord(pattern, word) => (runs(pattern) && words.has(word), true),
                Mark::Variable(_) | Mark::Property(_) => (false, false),
            };
            is.then_some((row, named))
        })
    })
}

/// The row whose variable or property the container has.
fn by_variable<'a>(container: &Facts<'a>, words: Words<'a>) -> Option<(&'static Server, bool)> {
    let set = |name: &str| (container.variable)(name) != Variable::Unset;
    let found = INDEX.variables.iter().find(|(name, _)| set(name)).or_else(|| {
        let places = values::Places { words, variable: container.variable };
        let java = words.java || values::JAVA_OPTIONS.iter().any(|name| set(name));
        INDEX.properties.iter().filter(|_| java).find(|(name, _)| places.property(name).is_some())
    });
    found.map(|(_, row)| (*row, false))
}
