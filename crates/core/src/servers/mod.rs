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
use crate::text::{Text, base};

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
pub struct Facts<'a, N> {
    /// Its image, as written.
    pub image: &'a str,
    /// Its command, empty where the image's entrypoint runs.
    pub command: &'a [Text<'a>],
    /// Its arguments.
    pub args: &'a [Text<'a>],
    /// What its own `env` says of a variable.
    pub variable: &'a dyn Fn(&str) -> Variable<'a>,
    /// The names of its `env`: one pass, where looking all of ours up would be many.
    pub names: N,
}

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
pub fn find<'a, 'f>(container: Facts<'a, impl Iterator<Item = &'a str>>, files: &'f [File<'f>]) -> Option<Found<'f>> {
    let words = Words::of(container.command, container.args);
    let places = values::Places { words, variable: container.variable, files };
    let by_variable = || by_variable(container.names, &places).map(|row| (row, false));
    let found = by_name(&Image::of(container.image), &words).or_else(by_variable);
    let (server, named) = found.or_else(|| by_file(files).map(|server| (server, false)))?;
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

/// What leads from a container to the rows that may be its own, each with its place in the tables.
struct Index {
    /// The marks of images and programs, with what a name of theirs begins with, by a hash of its first letters.
    names: [Vec<(usize, &'static str, &'static Mark, &'static Server)>; 256],
    /// The variables, by a hash of theirs.
    variables: [Vec<(usize, &'static str, &'static Server)>; 256],
    properties: Vec<(&'static str, &'static Server)>,
}

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let mut index =
        Index { names: [const { Vec::new() }; 256], variables: [const { Vec::new() }; 256], properties: Vec::new() };
    let marks = rows().flat_map(|row| row.marks.iter().map(move |mark| (mark, row)));
    for (at, (mark, row)) in marks.enumerate() {
        match mark {
            Mark::Image(name) | Mark::ImageWord(name, _) | Mark::Program(name) | Mark::ProgramWord(name, _) => {
                let name = base(name).split([':', '*']).next().unwrap_or_default();
                if let Some(marks) = index.names.get_mut(letters(name)) {
                    marks.push((at, name, mark, row));
                }
            }
            Mark::Variable(name) => {
                if let Some(variables) = index.variables.get_mut(ends(name)) {
                    variables.push((at, name, row));
                }
            }
            Mark::Property(name) => index.properties.push((name, row)),
            Mark::Key(..) => {}
        }
    }
    index
});

/// A hash of the letters that every pattern has before its `*`.
fn letters(name: &str) -> usize {
    name.bytes().take(3).fold(0, |hash: usize, letter| hash * 31 + usize::from(letter)) % 256
}

/// A hash of a variable's last letters and its length: many begin alike.
fn ends(name: &str) -> usize {
    let [.., before, last] = name.as_bytes() else { return 0 };
    (usize::from(*before) * 31 + usize::from(*last) * 7 + name.len()) % 256
}

fn rows() -> impl Iterator<Item = &'static Server> {
    TABLES.iter().flat_map(|(_, rows)| rows.iter())
}

/// The row of an image or a program, and whether a word of its own named it.
fn by_name(image: &Image<'_>, words: &Words<'_>) -> Option<(&'static Server, bool)> {
    let runs = |pattern: &str| words.program.is_some_and(|program| words::matches(pattern, program));
    let is = |mark: &Mark| match *mark {
        Mark::Image(pattern) => image.is(pattern),
        Mark::ImageWord(pattern, word) => image.is(pattern) && words.has(word),
        Mark::Program(pattern) => runs(pattern),
        Mark::ProgramWord(pattern, word) => runs(pattern) && words.has(word),
        Mark::Variable(_) | Mark::Property(_) | Mark::Key(..) => false,
    };
    let first = |name: &str| {
        let marks = INDEX.names.get(letters(name))?;
        marks.iter().find(|(_, begins, mark, _)| name.starts_with(begins) && is(mark))
    };
    let found = [first(image.last), words.program.and_then(first)];
    let (.., mark, row) = found.into_iter().flatten().min_by_key(|(at, ..)| *at)?;
    Some((row, matches!(mark, Mark::ImageWord(..) | Mark::ProgramWord(..))))
}

/// The row of which a file has a key.
fn by_file(files: &[File]) -> Option<&'static Server> {
    let has = |mark: &Mark| matches!(mark, Mark::Key(config, key) if files.iter().any(|file| config.is(file) && config.has(file, key)));
    rows().filter(|_| !files.is_empty()).find(|row| row.marks.iter().any(has))
}

/// The row whose variable or property the container has.
fn by_variable<'a>(names: impl Iterator<Item = &'a str>, places: &values::Places<'a, '_>) -> Option<&'static Server> {
    let (index, mut java) = (&*INDEX, places.words.java);
    let mut first: Option<(usize, &'static Server)> = None;
    for name in names {
        java |= name.starts_with('J') && values::JAVA_OPTIONS.contains(&name);
        for (at, known, row) in index.variables.get(ends(name)).into_iter().flatten() {
            if *known == name && first.is_none_or(|(first, _)| *at < first) {
                first = Some((*at, row));
            }
        }
    }
    let of_property = || index.properties.iter().filter(|_| java).find(|(name, _)| places.property(name).is_some());
    first.map(|(_, row)| row).or_else(|| of_property().map(|(_, row)| *row))
}
