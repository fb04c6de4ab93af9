//! What a container does after SIGTERM, as far as somebody says so: how long it still takes new work (A), how long it lets
//! work finish (T), how work comes to it, and whether SIGTERM ends what runs.
//!
//! The first that speaks decides: the pod's annotations, a policy's `servers`, what its server says of itself.

use super::keys;
use super::policy::{Lock, ServerSpec};
use super::servers::{self, Found, Sigterm, Work};
use super::settings::{SECONDS_EXPECTED, SettingProblem, Settings, Source, Sourced, container_annotation, seconds};
use super::subject::{Container, Subject};
use super::text::quote;

/// What is known of a container's end.
#[derive(Clone, Debug)]
pub struct Shutdown<'a> {
    /// A.
    pub accepts: Option<Limit<'a>>,
    /// T.
    pub finishes: Option<Limit<'a>>,
    /// How work comes to it.
    pub work: Option<KnownWork>,
    /// What SIGTERM does to running requests.
    pub sigterm: Sourced<'a, Sigterm>,
}

/// A time that a container gives itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit<'a> {
    /// In whole seconds.
    pub seconds: u64,
    /// It stands in the pod, or somebody says so; otherwise it is a server's default.
    pub stated: bool,
    /// Who says so.
    pub source: Source<'a>,
    /// The server's own name for it; empty where it has none.
    pub setting: String,
}

impl Limit<'_> {
    /// Who says so, with the server's own name for it.
    pub fn said_by(&self) -> String {
        match (self.source, self.setting.as_str()) {
            (Source::Server(server), "") => format!("{server}'s default"),
            (Source::Server(server), setting) if self.stated => format!("{server}'s {setting}"),
            (Source::Server(server), setting) => format!("{server}'s {setting}, its default"),
            (source, _) => source.to_string(),
        }
    }
}

/// How work comes, and how much that weighs against a Service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownWork {
    /// How work comes.
    pub work: Work,
    /// A policy or an annotation says so.
    pub overruled: bool,
    /// A flag of the container's own says so.
    pub by_flag: bool,
}

impl<'a> Shutdown<'a> {
    /// Nobody says anything.
    pub const UNKNOWN: Shutdown<'a> = Shutdown {
        accepts: None,
        finishes: None,
        work: None,
        sigterm: Sourced { value: Sigterm::Drains, source: Source::BuiltIn },
    };

    /// What the table of servers says, and whoever overrules it.
    pub fn of(
        container: &'a Container<'a>,
        found: Option<Found<'a>>,
        subject: &'a Subject<'a>,
        settings: &Settings<'a>,
        problems: &mut Vec<SettingProblem<'a>>,
    ) -> Shutdown<'a> {
        let mut shutdown = Shutdown::of_server(found);
        let limit = |lock, seconds: fn(&ServerSpec) -> Option<u64>| {
            let entry = settings.server(container, lock)?;
            let (seconds, setting) = (seconds(&entry.spec)?, String::new());
            Some(Limit { seconds, stated: true, source: entry.source, setting })
        };
        shutdown.accepts = limit(Some(Lock::Hook), |spec| spec.accept_seconds).or(shutdown.accepts);
        shutdown.finishes = limit(None, |spec| spec.finish_seconds).or(shutdown.finishes);
        let work = |lock| settings.server(container, lock)?.spec.work.map(overruled);
        shutdown.work = work(None).or_else(|| work(Some(Lock::AppliesTo))).or(shutdown.work);
        if let Some(sigterm) = settings.sigterm_of(container) {
            shutdown.sigterm = sigterm;
        }
        if subject.pod.metadata.annotations.as_ref().is_some_and(|annotations| !annotations.ours.is_empty()) {
            shutdown.annotations(container.name.as_str(), subject, settings, problems);
        }
        shutdown
    }

    fn of_server(found: Option<Found<'a>>) -> Shutdown<'a> {
        let Some(found) = found else { return Shutdown::UNKNOWN };
        let source = Source::Server(found.server.name);
        let limit = |setting: servers::Setting<'a>| Limit {
            seconds: setting.seconds,
            stated: setting.stated,
            source: setting.in_file.map_or(source, Source::ConfigMap),
            setting: setting.words,
        };
        Shutdown {
            accepts: found.accept.map(limit),
            finishes: found.finish.map(limit),
            work: Some(KnownWork { work: found.work, overruled: false, by_flag: found.work_by_flag }),
            sigterm: Sourced { value: found.sigterm, source },
        }
    }

    fn annotations(
        &mut self,
        name: &'a str,
        subject: &'a Subject<'a>,
        settings: &Settings<'a>,
        problems: &mut Vec<SettingProblem<'a>>,
    ) {
        let mut limit = |prefix, lock| {
            let (key, value) = container_annotation(subject, prefix, name)?;
            let source = Source::Annotation(key);
            match seconds(value) {
                Some(seconds) if settings.may(lock, value, source, problems) => {
                    Some(Limit { seconds, stated: true, source, setting: String::new() })
                }
                Some(_) => None,
                None => {
                    problems.push(SettingProblem::bad_annotation(key, value, SECONDS_EXPECTED).of(name));
                    None
                }
            }
        };
        // An app that takes work on needs no hook.
        self.accepts = limit(keys::ACCEPT_PREFIX, Some(Lock::Hook)).or(self.accepts.take());
        self.finishes = limit(keys::FINISH_PREFIX, None).or(self.finishes.take());
        if let Some((key, value)) = container_annotation(subject, keys::WORK_PREFIX, name) {
            match Work::named(value) {
                Some(work) if settings.may(lock_of(work), &quote(value), Source::Annotation(key), problems) => {
                    self.work = Some(overruled(work));
                }
                Some(_) => {}
                None => problems.push(SettingProblem::bad_annotation(key, value, WORK_EXPECTED).of(name)),
            }
        }
    }
}

/// Saying that nobody sends work is saying that no hold is owed.
pub(super) fn lock_of(work: Work) -> Option<Lock> {
    (work != Work::Sent).then_some(Lock::AppliesTo)
}

fn overruled(work: Work) -> KnownWork {
    KnownWork { work, overruled: true, by_flag: false }
}

const WORK_EXPECTED: &str = "sent, fetched, peer or one-writer";
