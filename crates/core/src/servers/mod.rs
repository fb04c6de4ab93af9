//! What widely used servers say of their own end, where no manifest says it: how long they still take new work after
//! SIGTERM, how long they let work finish, how work comes to them, and whether SIGTERM ends running requests.
//!
//! [`find`] looks a container up by its image, the program it runs, or a variable that only one server reads; the
//! settings are read where they stand in the pod, or in a file that a ConfigMap gives it. The rows are in a file by kind,
//! each with its source; `words` reads a command, `values` a setting, `files` configuration files. Every container of every pod comes through here, most are of no known server, and for
//! those nothing is allocated.

mod apps;
mod databases;
mod files;
mod inference;
mod messages;
mod mounted;
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

use crate::config_maps::File;
use crate::hooks::Variable;

pub use files::{Config, Format, InFile};
pub use row::{Bare, Limit, Mark, Place, Server, Sigterm, Stop, Switch, Targets, Work};

use values::Read;
pub(crate) use values::{go_flag, seconds};
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
    /// The names of its `env`: one pass, where looking all of ours up would be many.
    pub names: &'a EachName<'a>,
}

/// Calls with each name.
pub type EachName<'a> = dyn Fn(&mut dyn FnMut(&str)) + 'a;

/// A server that was found in a container.
#[derive(Clone, Debug)]
pub struct Found<'f> {
    /// Its row.
    pub server: &'static Server,
    /// A: how long it still takes new work after SIGTERM.
    pub accept: Option<Setting<'f>>,
    /// T: how long it lets work finish.
    pub finish: Option<Setting<'f>>,
    /// How work comes to it.
    pub work: Work,
    /// A flag or a word of its own says so.
    pub work_by_flag: bool,
    /// What SIGTERM does to running requests.
    pub sigterm: Sigterm,
}

/// A time that a server has from a setting, or from itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting<'f> {
    /// In whole seconds, rounded up.
    pub seconds: u64,
    /// It stands in the pod; otherwise it is the server's default.
    pub stated: bool,
    /// The flag, the variable or the key, as it is called, of a key with its ConfigMap; empty where there is none.
    pub words: String,
    /// Where it stands, if that is a ConfigMap.
    pub in_file: Option<InFile<'f>>,
}

/// Finds the server that a container runs, and reads what it says of itself, also in the files that ConfigMaps give it.
pub fn find<'f>(container: &Facts<'_>, files: &'f [File<'f>]) -> Option<Found<'f>> {
    let words = Words::of(container.command, container.args);
    let found = by_name(&Image::of(container.image), &words).or_else(|| by_variable(container, words));
    let (server, named) = found.or_else(|| by_file(files).map(|server| (server, false)))?;
    let places = values::Places { words, variable: container.variable, files };
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

fn setting<'a, 'f>(
    limit: Option<Limit>,
    places: &values::Places<'a, 'f>,
    smallest: bool,
) -> (Option<Setting<'f>>, Read<'a, 'f>) {
    let Some(limit) = limit else { return (None, Read::Absent) };
    let read = places.read(&limit, smallest);
    let setting = match &read {
        Read::Value { seconds: 0, .. } if limit.endless => None,
        Read::Value { seconds, words, in_file } => Some(Setting {
            seconds: *seconds,
            stated: true,
            words: in_file.map_or_else(|| (*words).to_owned(), |in_file| in_file.to_string()),
            in_file: *in_file,
        }),
        Read::Unreadable => None,
        Read::Absent => limit.default.map(|seconds| Setting {
            seconds,
            stated: false,
            words: limit.places.first().map(Place::name).unwrap_or_default().to_owned(),
            in_file: None,
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

/// What leads from a container to the rows that may be its own.
struct Index {
    /// The rows of the images and programs, by a hash of their first letters, in the order of the tables.
    names: [Vec<(usize, &'static Server)>; 256],
    /// Those of the variables, by the same hash.
    variables: [Vec<(&'static str, usize, &'static Server)>; 256],
    properties: Vec<(&'static str, &'static Server)>,
}

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let mut index =
        Index { names: [const { Vec::new() }; 256], variables: [const { Vec::new() }; 256], properties: Vec::new() };
    for (at, row) in rows().enumerate() {
        for mark in row.marks {
            match mark {
                Mark::Image(name) | Mark::ImageWord(name, _) | Mark::Program(name) | Mark::ProgramWord(name, _) => {
                    let name = words::base(name).split(':').next().unwrap_or_default();
                    if let Some(rows) = index.names.get_mut(letters(name))
                        && rows.last().is_none_or(|(last, _)| *last != at)
                    {
                        rows.push((at, row));
                    }
                }
                Mark::Variable(name) => {
                    if let Some(rows) = index.variables.get_mut(ends(name)) {
                        rows.push((name, at, row));
                    }
                }
                Mark::Property(name) => index.properties.push((name, row)),
                Mark::Key(..) => {}
            }
        }
    }
    index
});

/// A hash of the letters that every pattern has before its `*`.
fn letters(name: &str) -> usize {
    name.bytes().take(3).fold(0, |hash: usize, letter| hash * 31 + usize::from(letter)) % 256
}

/// A hash of a variable's last letters: many begin alike.
fn ends(name: &str) -> usize {
    name.bytes().rev().take(6).fold(0, |hash: usize, letter| hash * 31 + usize::from(letter)) % 256
}

fn rows() -> impl Iterator<Item = &'static Server> {
    TABLES.iter().flat_map(|(_, rows)| rows.iter())
}

/// The row of an image or a program, and whether a word of its own named it.
fn by_name(image: &Image<'_>, words: &Words<'_>) -> Option<(&'static Server, bool)> {
    let runs = |pattern: &str| words.program.is_some_and(|program| words::matches(pattern, program));
    let is = |row: &Server| {
        row.marks.iter().find_map(|mark| {
            let (is, named) = match *mark {
                Mark::Image(pattern) => (image.is(pattern), false),
                Mark::ImageWord(pattern, word) => (image.is(pattern) && words.has(word), true),
                Mark::Program(pattern) => (runs(pattern), false),
                Mark::ProgramWord(pattern, word) => (runs(pattern) && words.has(word), true),
                Mark::Variable(_) | Mark::Property(_) | Mark::Key(..) => (false, false),
            };
            is.then_some(named)
        })
    };
    let first = |name: &str| {
        let rows = INDEX.names.get(letters(name))?;
        rows.iter().find_map(|(at, row)| is(row).map(|named| (*at, *row, named)))
    };
    let found = [first(image.last), words.program.and_then(first)];
    found.into_iter().flatten().min_by_key(|(at, ..)| *at).map(|(_, row, named)| (row, named))
}

/// The row of which a file has a key.
fn by_file(files: &[File]) -> Option<&'static Server> {
    let has = |mark: &Mark| matches!(mark, Mark::Key(config, key) if files.iter().any(|file| config.is(file) && config.has(file, key)));
    rows().filter(|_| !files.is_empty()).find(|row| row.marks.iter().any(has))
}

/// The row whose variable or property the container has.
fn by_variable<'a>(container: &Facts<'a>, words: Words<'a>) -> Option<(&'static Server, bool)> {
    let mut java = words.java;
    let mut first: Option<(usize, &'static Server)> = None;
    (container.names)(&mut |name| {
        java |= name.starts_with('J') && values::JAVA_OPTIONS.contains(&name);
        let rows = INDEX.variables.get(ends(name)).into_iter().flatten();
        for (_, at, row) in rows.filter(|(known, ..)| *known == name) {
            if first.is_none_or(|(first, _)| *at < first) {
                first = Some((*at, row));
            }
        }
    });
    let found = first.map(|(_, row)| row).or_else(|| {
        let places = values::Places { words, variable: container.variable, files: &[] };
        let mut known = INDEX.properties.iter().filter(|_| java);
        known.find(|(name, _)| places.property(name).is_some()).map(|(_, row)| *row)
    });
    found.map(|row| (row, false))
}
