//! The subject's containers as the inequality sees them: role, hook, request, stop.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::MAX_SECONDS;
use super::hooks::StopKind;
use super::hooks::{self, Length, Reading};
use super::injectors::WrittenBy;
use super::keys;
use super::policy::{HelperRole, Hook};
use super::servers::{self, Facts, Found, Sigterm};
pub use super::serving::HoldReason;
use super::serving::{Part, Serving};
use super::settings::{SECONDS_EXPECTED, SettingProblem, Settings, Source, Sourced, container_annotation, seconds};
use super::shutdown::{Limit, Shutdown};
use super::subject::{self, Handler, IntOrString, Kind, Subject};
use super::world::Context;

/// What a container is to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Serves, or does the pod's work.
    App,
    /// Apps need it until they are done.
    Helper,
    /// It is sent no work, and no app needs it while it stops.
    Auxiliary,
    /// An init container with `restartPolicy: Always`.
    NativeSidecar,
}

impl Role {
    /// As machines read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::App => "app",
            Role::Helper => "helper",
            Role::Auxiliary => "auxiliary",
            Role::NativeSidecar => "native-sidecar",
        }
    }
}

/// How a hook's length is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookSource {
    /// There is no hook.
    None,
    /// Draingate injected it; its record says how long.
    Injected,
    /// Read from the hook itself.
    Written,
    /// Declared by annotation.
    Declared,
    /// Not known: counted as H.
    Assumed,
}

impl HookSource {
    /// As machines read it.
    pub fn as_str(self) -> &'static str {
        match self {
            HookSource::None => "none",
            HookSource::Injected => "injected",
            HookSource::Written => "written",
            HookSource::Declared => "declared",
            HookSource::Assumed => "assumed",
        }
    }
}

/// One container, ready for the inequality.
#[derive(Clone, Debug)]
pub struct Container<'a> {
    /// App, helper or native sidecar.
    pub role: Role,
    /// As given.
    pub raw: &'a subject::Container<'a>,
    /// The list of the pod's spec that it is in, and its place there; none where it is still to come.
    pub place: Option<(&'static str, usize)>,
    /// h in seconds, 0 without a hook, until a stop of its own; `None` for one beyond [`MAX_SECONDS`] or without an end.
    pub hook: Option<u64>,
    /// How h is known.
    pub hook_source: HookSource,
    /// When its hook itself tells it to stop, in seconds, where it surely does.
    pub told: Option<u64>,
    /// What was read of a hook that somebody wrote and that is no native sleep.
    pub reading: Option<Arc<Reading>>,
    /// What it does after SIGTERM.
    pub shutdown: Shutdown<'a>,
    /// R in seconds; of an app.
    pub request: Sourced<'a, u64>,
    /// S in seconds; of a helper or native sidecar.
    pub stop: u64,
    /// Another webhook writes it; not of an app.
    pub written_by: Option<WrittenBy>,
}

impl<'a> Container<'a> {
    /// Its name.
    pub fn name(&self) -> &'a str {
        self.raw.name.as_str()
    }

    /// JSON pointer from the pod: `/spec/containers/0`; empty for one that is still to come.
    pub fn pointer(&self) -> String {
        self.place.map(|(list, index)| format!("/spec/{list}/{index}")).unwrap_or_default()
    }

    /// A: how long it still takes new work after SIGTERM, in seconds.
    pub fn accepts(&self) -> u64 {
        let own = self.shutdown.accepts.as_ref();
        let overruled = own.filter(|accepts| !accepts.source.is_server()).map(|accepts| accepts.seconds);
        let told = || Some(self.written_by.as_ref()?.accepts?.seconds);
        overruled.or_else(told).or(own.map(|accepts| accepts.seconds)).unwrap_or(0)
    }

    /// T: how long what it is told lets it finish, in seconds; what stands in the pod, or a server's default.
    pub fn finish(&self) -> Option<u64> {
        self.finish_by_hook().or(self.shutdown.finishes.as_ref().map(|limit| limit.seconds))
    }

    /// Who says T.
    pub fn finish_said_by(&self) -> Option<String> {
        let by_hook = self.finish_by_hook().map(|_| Source::Hook.to_string());
        by_hook.or_else(|| self.shutdown.finishes.as_ref().map(Limit::said_by))
    }

    /// What its hook lets it finish, unless somebody overrules its server.
    fn finish_by_hook(&self) -> Option<u64> {
        let limit = self.shutdown.finishes.as_ref();
        let overruled = limit.is_some_and(|limit| !limit.source.is_server());
        self.reading.as_ref().and_then(|reading| reading.finish).filter(|_| !overruled)
    }

    /// Whether it ends running requests when it is told to stop, so that its hook has to last until they are done.
    pub fn cuts(&self) -> bool {
        let stop = self.reading.as_ref().and_then(|reading| reading.stop.as_ref());
        let is_graceful = stop.is_some_and(|stop| stop.certain && stop.kind == StopKind::Graceful);
        self.shutdown.sigterm.value == Sigterm::Cuts && !is_graceful
    }

    /// When it is told to stop: by its hook, or after it; `None` where that never comes.
    pub fn told_at(&self) -> Option<u64> {
        self.told.into_iter().chain(self.hook).min()
    }

    /// When it takes no more new work; `None` where that never comes.
    pub fn stops_at(&self) -> Option<u64> {
        self.told_at()?.checked_add(self.accepts())
    }

    /// When it takes no more work at the earliest, as far as that is known: a hook of at least N s may end then.
    pub fn leaves_at(&self) -> Option<u64> {
        let told = match self.reading.as_ref().map(|reading| reading.length) {
            Some(Length::AtLeast(least)) if self.hook_source == HookSource::Written => Some(least),
            _ => self.told_at(),
        };
        told?.checked_add(self.accepts())
    }

    /// Why its hook cannot run.
    pub fn fails(&self) -> Option<&'static str> {
        self.reading.as_ref()?.fails
    }

    /// Whether it is still to be written into the pod, so that nothing in it has a path.
    pub fn is_absent(&self) -> bool {
        self.written_by.as_ref().is_some_and(|by| by.absent)
    }

    /// What follows its name where it is still to come.
    pub fn who_injects(&self) -> String {
        let to_come = self.written_by.as_ref().filter(|by| by.absent);
        to_come.map(|by| format!(", which {} will inject", by.injector.name)).unwrap_or_default()
    }

    /// Whether there is a hook.
    pub fn has_hook(&self) -> bool {
        self.hook_source != HookSource::None
    }
}

/// A pod, ready for the inequality.
#[derive(Clone, Debug)]
pub struct Pod<'a> {
    /// G in seconds.
    pub grace: u64,
    /// H in seconds.
    pub hold: u64,
    /// Why.
    pub hold_reason: HoldReason,
    /// The known Service that sends to it.
    pub sender: Option<&'a str>,
    /// A known Service that goes on sending to it until it is gone.
    pub never_withdrawn: Option<&'a str>,
    /// M in seconds.
    pub margin: u64,
    /// Regular containers in their order, those that are still to come, then native sidecars in their order.
    pub containers: Vec<Container<'a>>,
}

/// What Draingate wrote into a pod, as the annotation records it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Record {
    /// Seconds of each injected hook, by container.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hooks: BTreeMap<String, u64>,
    /// The change of the grace period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace: Option<GraceChange>,
}

/// A grace period before and after, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GraceChange {
    /// As it came.
    pub from: u64,
    /// As it was made.
    pub to: u64,
}

impl Record {
    /// Reads the record of an earlier round.
    pub fn read<'a>(subject: &'a Subject<'a>, problems: &mut Vec<SettingProblem<'a>>) -> Option<Record> {
        let annotations = subject.pod.metadata.annotations.as_ref()?;
        let text = annotations.get(keys::INJECTED)?;
        let record = serde_json::from_str(text).ok().filter(Record::is_credible);
        if record.is_none() {
            problems.push(SettingProblem::bad_annotation(keys::INJECTED, text, "a record that Draingate wrote"));
        }
        record
    }

    /// Whether we could have written it: a grace is only ever raised, and never beyond [`MAX_SECONDS`].
    fn is_credible(&self) -> bool {
        self.grace.is_none_or(|change| change.from < change.to && change.to <= MAX_SECONDS)
    }

    /// Whether it records anything.
    pub fn is_empty(&self) -> bool {
        self.hooks.is_empty() && self.grace.is_none()
    }
}

impl<'a> Pod<'a> {
    /// Reads the pod as it stands; hooks that equal `record` are ours.
    pub fn read(
        subject: &'a Subject<'a>,
        settings: &Settings<'a>,
        context: &Context<'a>,
        as_written: bool,
        record: Option<&Record>,
        problems: &mut Vec<SettingProblem<'a>>,
    ) -> Pod<'a> {
        let spec = &subject.pod.spec;
        let shutdown = |c: &'a subject::Container<'a>, problems: &mut Vec<_>| {
            Shutdown::of(c, server(c), subject, settings, problems)
        };
        let shutdowns: Vec<_> = spec.containers.iter().map(|c| shutdown(c, problems)).collect();
        let serving = Serving::of(subject, settings, context, as_written, &shutdowns);
        let role = |part: &Part| match part {
            Part::App => Role::App,
            Part::Helper => Role::Helper,
            Part::Auxiliary => Role::Auxiliary,
        };
        let regular = spec.containers.iter().zip(&serving.parts).zip(shutdowns).enumerate();
        let regular = regular.map(|(i, ((c, part), shutdown))| (role(part), "containers", i, c, shutdown));
        let sidecars = spec.init_containers.iter().enumerate().filter(|(_, c)| c.is_native_sidecar());
        let sidecars = sidecars.map(|(i, c)| (Role::NativeSidecar, "initContainers", i, c, Shutdown::UNKNOWN));
        let hold = if serving.reason.holds() { settings.hold_seconds() } else { 0 };

        let mut bytes_left = hooks::MOST_BYTES;
        let mut containers: Vec<Container> = regular
            .chain(sidecars)
            .map(|(role, list, index, raw, shutdown): (_, _, _, &'a subject::Container<'a>, Shutdown<'a>)| {
                let name = raw.name.as_str();
                let hook = read_hook(subject, settings, raw, record, hold, &mut bytes_left, problems);
                let mut written_by = if role == Role::App { None } else { WrittenBy::of(subject, raw, hold) };
                // Only SIGTERM begins such a drain, and a native sidecar is needed by nobody when it gets that.
                let drains = role == Role::Helper && hook.told.is_none();
                written_by.iter_mut().filter(|_| !drains).for_each(|by| by.accepts = None);
                let (request, stop) = match role {
                    Role::App => {
                        let by_hook = hook.reading.as_ref().and_then(|reading| reading.finish);
                        let by_hook = by_hook.map(|value| Sourced { value, source: Source::Hook });
                        let given =
                            stated_limit(&shutdown, false).or(by_hook).or_else(|| stated_limit(&shutdown, true));
                        (settings.request_of(name, given, subject, problems), 0)
                    }
                    _ => {
                        idle_annotations(subject, name, role, problems);
                        let told = written_by.and_then(|by| by.stop).map(|stop| stop.seconds);
                        let none = Sourced { value: 0, source: settings.worst_case_request.source };
                        (none, settings.stop_seconds(raw, told))
                    }
                };
                let HookFacts { seconds: hook, source: hook_source, told, reading } = hook;
                let place = Some((list, index));
                Container { role, raw, place, hook, hook_source, told, reading, shutdown, request, stop, written_by }
            })
            .collect();
        let to_come = WrittenBy::to_come(subject, context, hold).into_iter();
        let to_come = to_come.filter_map(|by| unwritten(by, settings));
        containers.splice(spec.containers.len()..spec.containers.len(), to_come);
        lone_annotations(subject, problems);
        let mut margin = settings.safety_margin.value;
        // Who is sent nothing owes no guess: what nobody stated is nothing there, unless others wait for it.
        let waited_for = |c: &Container| c.role == Role::Helper || (c.role == Role::NativeSidecar && c.stop > 0);
        if serving.reason.is_idle() && !containers.iter().any(waited_for) {
            for container in containers.iter_mut().filter(|c| c.request.source == Source::BuiltIn) {
                container.request.value = 0;
            }
            if settings.safety_margin.source == Source::BuiltIn {
                margin = 0;
            }
        }
        Pod {
            grace: grace(spec.termination_grace_period_seconds, subject.kind),
            hold,
            hold_reason: serving.reason,
            sender: serving.sender,
            never_withdrawn: serving.never_withdrawn,
            margin,
            containers,
        }
    }

    /// The pod with the built-in guesses of E, D, R and M put to 0: what is certain, and what somebody stated.
    pub fn only_stated(&self, settings: &Settings) -> Pod<'a> {
        let stated = |time: &Sourced<u64>| if time.source == Source::BuiltIn { 0 } else { time.value };
        let mut pod = self.clone();
        pod.margin = if settings.safety_margin.source == Source::BuiltIn { 0 } else { pod.margin };
        pod.hold = pod.hold.min(stated(&settings.endpoint_propagation) + stated(&settings.drain_delay));
        for container in &mut pod.containers {
            container.request.value = stated(&container.request);
            container.shutdown.accepts.take_if(|accepts| !accepts.stated);
            // What cannot be read counts as the hold.
            let Some(reading) = container.reading.as_ref() else { continue };
            if matches!(container.hook_source, HookSource::Written | HookSource::Assumed) {
                container.hook = count(reading.length, pod.hold).0;
            }
            if let Some(stop) = reading.stop.as_ref().filter(|_| container.told.is_some()) {
                container.told = count(stop.after, pod.hold).0;
            }
        }
        pod
    }

    /// The pod as it was before an earlier round of ours.
    pub fn without(mut self, record: Option<&Record>) -> Pod<'a> {
        let Some(record) = record else { return self };
        for container in self.containers.iter_mut().filter(|c| c.hook_source == HookSource::Injected) {
            container.hook = Some(0);
            container.hook_source = HookSource::None;
        }
        if let Some(change) = record.grace.filter(|change| change.to == self.grace) {
            self.grace = change.from;
        }
        self
    }

    /// Containers of one role, in their order.
    pub fn of(&self, role: Role) -> impl DoubleEndedIterator<Item = &Container<'a>> {
        self.containers.iter().filter(move |c| c.role == role)
    }
}

/// G: absent is 30, negative counts as 1, as the API server has it.
pub(crate) fn grace(seconds: Option<i64>, kind: Kind) -> u64 {
    match seconds {
        None => kind.default_grace(),
        Some(seconds) => u64::try_from(seconds).unwrap_or(1),
    }
}

/// A helper that its injector is still to write; none where somebody says that it is no helper.
fn unwritten<'a>(written_by: WrittenBy, settings: &Settings<'a>) -> Option<Container<'a>> {
    let raw = written_by.unwritten()?;
    if settings.stated_role(raw).is_some_and(|role| role != HelperRole::Helper) {
        return None;
    }
    let hook = written_by.hook.map(|hook| hook.seconds);
    Some(Container {
        role: Role::Helper,
        raw,
        place: None,
        hook: Some(hook.unwrap_or(0)),
        hook_source: if hook.is_some_and(|hook| hook > 0) { HookSource::Declared } else { HookSource::None },
        told: None,
        reading: None,
        shutdown: Shutdown::UNKNOWN,
        request: Sourced { value: 0, source: settings.worst_case_request.source },
        stop: settings.stop_seconds(raw, written_by.stop.map(|stop| stop.seconds)),
        written_by: Some(written_by),
    })
}

/// The server that a container runs.
fn server<'a>(container: &'a subject::Container<'a>) -> Option<Found<'a>> {
    let variable = |name: &str| container.variable(name);
    let (subject::Container { image, command, args, given, .. }, names) = (container, container.variable_names());
    let files = given.as_ref().map_or(&[][..], |given| &given.files);
    servers::find(Facts { image, command, args, variable: &variable, names }, files)
}

/// T, where somebody states it: as its server's setting in the pod or a ConfigMap, or over that; a server's default is a limit,
/// not a need.
fn stated_limit<'a>(shutdown: &Shutdown<'a>, by_server: bool) -> Option<Sourced<'a, u64>> {
    let finish = shutdown.finishes.as_ref().filter(|finish| finish.stated)?;
    (finish.source.is_server() == by_server).then_some(Sourced { value: finish.seconds, source: finish.source })
}

/// Annotations that mean nothing for a container that is no app.
fn idle_annotations<'a>(subject: &'a Subject<'a>, name: &'a str, role: Role, problems: &mut Vec<SettingProblem<'a>>) {
    let mut idle = |prefix, why: &str| {
        if let Some((key, _)) = container_annotation(subject, prefix, name) {
            let why = format!("{name:?} is a {}, {why}", role.as_str());
            problems.push(SettingProblem::idle_annotation(key, Some(name), &why));
        }
    };
    for prefix in [keys::REQUEST_PREFIX, keys::FINISH_PREFIX, keys::WORK_PREFIX] {
        idle(prefix, "which has no request of its own");
    }
    if role == Role::NativeSidecar {
        idle(keys::ROLE_PREFIX, "whatever else it may be");
    }
    if matches!(role, Role::NativeSidecar | Role::Auxiliary) {
        idle(keys::ACCEPT_PREFIX, "which nobody waits for");
    }
}

/// What is known of a container's hook.
struct HookFacts {
    seconds: Option<u64>,
    source: HookSource,
    told: Option<u64>,
    reading: Option<Arc<Reading>>,
}

impl HookFacts {
    fn plain(seconds: Option<u64>, source: HookSource) -> HookFacts {
        HookFacts { seconds, source, told: None, reading: None }
    }
}

/// How long a container's hook takes, and how that is known.
fn read_hook<'a>(
    subject: &'a Subject<'a>,
    settings: &Settings<'a>,
    raw: &'a subject::Container<'a>,
    record: Option<&Record>,
    hold: u64,
    bytes_left: &mut usize,
    problems: &mut Vec<SettingProblem<'a>>,
) -> HookFacts {
    let name = raw.name.as_str();
    let declared = declared_seconds(subject, name, problems);
    let mut idle = |why: &str| {
        if let Some((key, _)) = declared {
            problems.push(SettingProblem::idle_annotation(key, Some(name), why));
        }
    };
    let Some(handler) = raw.pre_stop() else {
        idle("its container has no preStop hook to declare a length for");
        return HookFacts::plain(Some(0), HookSource::None);
    };
    let recorded = record.and_then(|record| record.hooks.get(name).copied());
    if let Some(seconds) = recorded.filter(|seconds| is_ours(handler, *seconds, settings)) {
        return HookFacts::plain(Some(seconds), HookSource::Injected);
    }
    if let Some(sleep) = &handler.sleep {
        idle("a native sleep says itself how long it takes");
        let seconds = u64::try_from(sleep.seconds).unwrap_or(0);
        return HookFacts::plain(Some(seconds).filter(|s| *s <= MAX_SECONDS), HookSource::Written);
    }
    let reading = read_handler(handler, raw, bytes_left);
    let (counted, known) = count(reading.length, hold);
    let told = reading.stop.as_ref().filter(|stop| stop.certain).and_then(|stop| count(stop.after, hold).0);
    let least = reading.length.least().unwrap_or(u64::MAX);
    let (seconds, source) = match declared {
        Some((key, _)) if reading.fails.is_some() => {
            let why = "the hook cannot run, so it takes no time; the value counts as absent";
            problems.push(SettingProblem::bad_declaration(key, name, why));
            (counted, HookSource::Written)
        }
        Some((key, seconds)) if seconds < least => {
            let why = match reading.length {
                Length::NoEnd => "the hook has no end; the value counts as absent".to_owned(),
                Length::Exact(_) => format!("the hook takes {least} s, {seconds} is less; the value counts as absent"),
                _ => format!("the hook takes at least {least} s, {seconds} is less; the value counts as absent"),
            };
            problems.push(SettingProblem::bad_declaration(key, name, &why));
            (counted, if known { HookSource::Written } else { HookSource::Assumed })
        }
        Some((_, seconds)) => (Some(seconds), HookSource::Declared),
        None => (counted, if known { HookSource::Written } else { HookSource::Assumed }),
    };
    HookFacts { seconds, source, told, reading: Some(Arc::new(reading)) }
}

fn read_handler(handler: &Handler, raw: &subject::Container, bytes_left: &mut usize) -> Reading {
    match (&handler.exec, &handler.http_get) {
        (Some(exec), _) => {
            let command: Vec<_> = exec.command.iter().map(|word| word.as_str()).collect();
            let bytes = command.iter().map(|word| word.len()).sum::<usize>();
            if exec.command.has_more() || bytes > *bytes_left {
                *bytes_left = 0;
                return hooks::UNKNOWN;
            }
            *bytes_left -= bytes;
            hooks::read_command(&command, &|name| raw.variable(name))
        }
        (None, Some(get)) => hooks::read_request(get.path.as_deref().unwrap_or_default()),
        (None, None) if handler.tcp_socket.is_some() => {
            hooks::failing("the kubelet knows no tcpSocket for a hook any more")
        }
        (None, None) => hooks::failing("it says nothing to do"),
    }
}

/// What a length counts as, and whether that is what was read.
pub(crate) fn count(length: Length, hold: u64) -> (Option<u64>, bool) {
    let believed = |seconds: u64| Some(seconds).filter(|s| *s <= MAX_SECONDS);
    match length {
        Length::Exact(seconds) => (believed(seconds), true),
        Length::AtLeast(seconds) => (believed(seconds.max(hold)), true),
        Length::Between(_, most) if most <= hold => (Some(most), true),
        Length::Between(least, _) => (believed(least.max(hold)), false),
        Length::NoEnd => (None, true),
        Length::Unknown => (Some(hold), false),
    }
}

/// The length that an annotation declares for a container's hook.
fn declared_seconds<'a>(
    subject: &'a Subject<'a>,
    container: &'a str,
    problems: &mut Vec<SettingProblem<'a>>,
) -> Option<(&'a str, u64)> {
    let (key, value) = container_annotation(subject, keys::PRESTOP_PREFIX, container)?;
    let read = seconds(value);
    if read.is_none() {
        let mut problem = SettingProblem::bad_annotation(key, value, SECONDS_EXPECTED);
        problem.container = Some(container);
        problems.push(problem);
    }
    read.map(|seconds| (key, seconds))
}

/// Whether a hook is one that we wrote with this length.
fn is_ours(handler: &Handler, seconds: u64, settings: &Settings) -> bool {
    let is_sleep = || handler.sleep.as_ref().is_some_and(|sleep| u64::try_from(sleep.seconds) == Ok(seconds));
    is_sleep() || is_exec_sleep(handler, seconds) || is_policy_hook(handler, seconds, settings.hook.value)
}

/// Whether a hook is `exec: ["sleep", "N"]`.
pub fn is_exec_sleep(handler: &Handler, seconds: u64) -> bool {
    let command = handler.exec.as_ref().filter(|_| handler.sleep.is_none()).map(|exec| &exec.command);
    command.is_some_and(|words| words.iter().map(|word| word.as_str()).eq(["sleep", seconds.to_string().as_str()]))
}

/// Whether a hook is the policy's own, with this length. Defaulting adds `scheme` to an httpGet.
pub fn is_policy_hook(handler: &Handler, seconds: u64, policy: &Hook) -> bool {
    match (&handler.exec, &handler.http_get, policy) {
        _ if handler.sleep.is_some() => false,
        (Some(exec), None, Hook::Exec(spec, length)) => {
            *length == seconds
                && !exec.command.has_more()
                && exec.command.iter().map(|text| text.as_str()).eq(spec.command.iter().map(String::as_str))
        }
        (None, Some(get), Hook::HttpGet(spec, length)) => {
            *length == seconds
                && get.is_plain()
                && get.path.as_deref() == Some(spec.path.as_str())
                && get.port == Some(IntOrString::Int(i64::from(spec.port)))
        }
        _ => false,
    }
}

/// Per-container annotations whose container the pod lacks.
fn lone_annotations<'a>(subject: &'a Subject<'a>, problems: &mut Vec<SettingProblem<'a>>) {
    let Some(annotations) = &subject.pod.metadata.annotations else { return };
    let spec = &subject.pod.spec;
    let mut names = None;
    for (key, _) in annotations.ours.iter() {
        let container = keys::CONTAINER_PREFIXES.iter().find_map(|prefix| key.strip_prefix(prefix));
        let Some(container) = container else { continue };
        let names = names.get_or_insert_with(|| {
            let sidecars = spec.init_containers.iter().filter(|c| c.is_native_sidecar());
            spec.containers.iter().chain(sidecars).map(|c| c.name.as_str()).collect::<HashSet<_>>()
        });
        if !names.contains(container) {
            problems.push(SettingProblem::idle_annotation(key, None, "the pod has no such container; it is ignored"));
        }
    }
}
