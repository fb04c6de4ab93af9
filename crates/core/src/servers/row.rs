//! What a row of the table says, and how it is written.

use super::files::Config;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A server, what it says of its own end, and where that stands.
#[derive(Clone, Copy, Debug)]
pub struct Server {
    /// What it is called.
    pub name: &'static str,
    /// How a container of it looks: one of these.
    pub marks: &'static [Mark],
    /// A: how long it still takes new work after SIGTERM.
    pub accept: Option<Limit>,
    /// T: how long it lets work finish once it takes no more.
    pub finish: Option<Limit>,
    /// How work comes to it, unless its target says otherwise.
    pub work: Work,
    /// How work comes to its parts.
    pub targets: Option<&'static Targets>,
    /// What SIGTERM, or the signal that its image asks for, does.
    pub stop: Stop,
    /// Where that stands: a page, or a repository's file and commit, and the literal name.
    pub source: &'static str,
    /// A part of it was not found in writing.
    pub assumed: bool,
}

/// What shows that a container runs a server. A pattern may end in `*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The end of the image's path, tag and digest cut off (`library` are Docker Hub's own); after a colon, what its
    /// tag contains.
    Image(&'static str),
    /// Such an image, with this word among its arguments.
    ImageWord(&'static str, &'static str),
    /// The program that it runs, by the last part of its path.
    Program(&'static str),
    /// Such a program, with this word among its arguments.
    ProgramWord(&'static str, &'static str),
    /// A variable of the container.
    Variable(&'static str),
    /// A system property of a Java virtual machine.
    Property(&'static str),
    /// A key, or a block of keys, in a configuration file.
    Key(&'static Config, &'static str),
}

/// A time that a server takes from its settings.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// Where it is set; the first that is set counts.
    pub places: &'static [Place],
    /// What a bare number is.
    pub bare: Bare,
    /// The seconds of the server itself. Without: no time for A, no limit for T, or it depends on the version.
    pub default: Option<u64>,
    /// 0 is no limit.
    pub endless: bool,
}

/// Where a setting stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `--x=V` or `--x V`; of a single letter also `-xV`.
    Flag(&'static str),
    /// A flag of Go's: with one dash or two.
    GoFlag(&'static str),
    /// A variable.
    Variable(&'static str),
    /// A flag in a variable that holds a command line.
    FlagIn(&'static str, &'static str),
    /// A property: `-Dx=V` for the virtual machine, `--x=V` for Spring.
    Property(&'static str),
    /// `x=V`, a word of its own.
    Assignment(&'static str),
    /// A setting of Traefik's entry points: the smallest of several for A, the largest for T. Where there is a
    /// configuration file, it stands there alone.
    EntryPoint(&'static Config, &'static str),
    /// A key of a configuration file, where a ConfigMap has that.
    Key(&'static Config, &'static str),
    /// A key of the ConfigMap that a flag of Go's names.
    MapKey(&'static str, &'static str),
}

/// What a bare number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bare {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Millis,
    /// Nothing: a unit is needed.
    Refused,
}

/// How work comes to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Work {
    /// Somebody sends it: a Service, an ingress.
    Sent,
    /// It fetches its work.
    Fetched,
    /// It is found by its own kind, not by a Service.
    Peer,
    /// Two side by side would lose data: where there is one replica.
    OneWriter,
}

impl Work {
    /// What an annotation calls it.
    pub fn named(text: &str) -> Option<Work> {
        match text {
            "sent" => Some(Work::Sent),
            "fetched" => Some(Work::Fetched),
            "peer" => Some(Work::Peer),
            "one-writer" => Some(Work::OneWriter),
            _ => None,
        }
    }
}

/// What SIGTERM does to running requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Sigterm {
    /// They may finish.
    Drains,
    /// They are ended.
    Cuts,
}

impl Sigterm {
    /// What an annotation calls it.
    pub fn named(text: &str) -> Option<Sigterm> {
        match text {
            "drains" => Some(Sigterm::Drains),
            "cuts" => Some(Sigterm::Cuts),
            _ => None,
        }
    }
}

/// How a row says what SIGTERM does.
#[derive(Clone, Copy, Debug)]
pub enum Stop {
    /// Running requests may finish.
    Drains,
    /// They are ended.
    Cuts,
    /// They may finish where its finish limit is set, and more than nothing.
    DrainsIfSet,
    /// A setting says which.
    By(&'static Switch),
}

/// A setting that says what SIGTERM does.
#[derive(Clone, Copy, Debug)]
pub struct Switch {
    /// Where it stands.
    pub places: &'static [Place],
    /// The values by which it cuts.
    pub cuts: &'static [&'static str],
    /// What it does where nothing is set.
    pub unset: Sigterm,
}

/// How work comes to the parts of a program that a flag chooses.
#[derive(Clone, Copy, Debug)]
pub struct Targets {
    /// The flag, of Go's.
    pub flag: &'static str,
    /// The parts.
    pub parts: &'static [(&'static str, Work)],
}

/// A server that is sent work, and drains without a limit that is known.
pub(super) const fn server(name: &'static str, marks: &'static [Mark], source: &'static str) -> Server {
    Server {
        name,
        marks,
        accept: None,
        finish: None,
        work: Work::Sent,
        targets: None,
        stop: Stop::Drains,
        source,
        assumed: false,
    }
}

impl Server {
    pub(super) const fn accepts(self, places: &'static [Place], bare: Bare, default: Option<u64>) -> Server {
        Server { accept: Some(Limit { places, bare, default, endless: false }), ..self }
    }

    pub(super) const fn finishes(self, places: &'static [Place], bare: Bare, default: Option<u64>) -> Server {
        Server { finish: Some(Limit { places, bare, default, endless: false }), ..self }
    }

    /// A finish limit of which 0 is none.
    pub(super) const fn bounded(self, places: &'static [Place], bare: Bare, default: Option<u64>) -> Server {
        Server { finish: Some(Limit { places, bare, default, endless: true }), ..self }
    }

    /// A finish limit that nothing changes.
    pub(super) const fn always(self, seconds: u64) -> Server {
        self.finishes(&[], Bare::Seconds, Some(seconds))
    }

    pub(super) const fn work(self, work: Work) -> Server {
        Server { work, ..self }
    }

    pub(super) const fn targets(self, targets: &'static Targets) -> Server {
        Server { targets: Some(targets), ..self }
    }

    pub(super) const fn stop(self, stop: Stop) -> Server {
        Server { stop, ..self }
    }

    pub(super) const fn cuts(self) -> Server {
        self.stop(Stop::Cuts)
    }

    pub(super) const fn assumed(self) -> Server {
        Server { assumed: true, ..self }
    }
}
