//! The policy layers, merged: built-in < ClusterDrainPolicy < the namespace's profile label < DrainPolicy
//! < the pod's annotations. Each value remembers where it came from; locks hold.

mod problem;
mod source;
mod times;

use std::fmt;

pub use self::problem::SettingProblem;
pub use self::source::{Source, Sourced};
use self::times::{ENDPOINT_PROPAGATION, Stricter, TIMES, Time, TimeSetting};
use super::MAX_SECONDS;
use super::finding::{Code, Severity};
use super::helpers;
use super::keys;
use super::measured::Day;
use super::policy::{
    Adjust, AppliesTo, Controllers, HelperRole, Hook, Lock, Pattern, Policy, PolicyKind, PolicySpec, Profile,
    ServerSpec,
};
use super::servers::Sigterm;
use super::shutdown;
use super::subject::{Container, Subject};
use super::text::quote;
use super::world::Context;

/// One entry of the merged list of helpers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct HelperEntry<'a> {
    means: Pattern<'a>,
    role: HelperRole,
    stop_seconds: Option<u64>,
}

/// One entry of the merged list of servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerEntry<'a> {
    /// What it says; of what is locked nothing.
    pub spec: ServerSpec,
    /// Who says so.
    pub source: Source<'a>,
}

/// Everything that the layers decide for one pod.
#[derive(Clone, Debug)]
pub struct Settings<'a> {
    /// E, in seconds.
    pub endpoint_propagation: Sourced<'a, u64>,
    /// D, in seconds.
    pub drain_delay: Sourced<'a, u64>,
    /// R of an app that has none of its own, in seconds.
    pub worst_case_request: Sourced<'a, u64>,
    /// M, in seconds.
    pub safety_margin: Sourced<'a, u64>,
    /// The hook that an app without one gets.
    pub hook: Sourced<'a, &'a Hook>,
    /// Whether G may be raised.
    pub adjust: Sourced<'a, Adjust>,
    /// The ceiling of what is raised, in seconds.
    pub max_seconds: Sourced<'a, u64>,
    /// The grace that the nodes really grant, in seconds.
    pub node_limit: Option<Sourced<'a, u64>>,
    /// Which pods owe a hold.
    pub applies_to: Sourced<'a, AppliesTo>,
    /// Whose pods are injected and rejected.
    pub controllers: Sourced<'a, Controllers>,
    /// The reason of a skip annotation that holds.
    pub skip: Option<&'a str>,
    /// What SIGTERM does to running requests, where a layer says so of any app.
    pub sigterm: Option<Sourced<'a, Sigterm>>,
    rules: [Option<Severity>; Code::ALL.len()],
    helpers: Vec<HelperEntry<'a>>,
    /// What an annotation says of a container, by its name: a role, which says nothing of its S.
    roles: Vec<(&'a str, HelperRole)>,
    /// In the order of the layers.
    servers: Vec<ServerEntry<'a>>,
    locks: Option<Locks<'a>>,
    today: Option<Day>,
}

/// The locks of the ClusterDrainPolicy that applies, and the values at its layer.
#[derive(Clone, Debug)]
struct Locks<'a> {
    locked: &'a [Lock],
    title: &'a str,
    request: u64,
}

impl<'a> Settings<'a> {
    /// Draingate's own defaults: with them a pod that says nothing just fits in the default G of 30.
    fn built_in() -> Settings<'a> {
        Settings {
            endpoint_propagation: Sourced::built_in(5),
            drain_delay: Sourced::built_in(5),
            worst_case_request: Sourced::built_in(15),
            safety_margin: Sourced::built_in(5),
            hook: Sourced::built_in(&Hook::Sleep),
            adjust: Sourced::built_in(Adjust::Raise),
            max_seconds: Sourced::built_in(600),
            node_limit: None,
            applies_to: Sourced::built_in(AppliesTo::Serving),
            controllers: Sourced::built_in(Controllers::BuiltIn),
            skip: None,
            sigterm: None,
            rules: [None; Code::ALL.len()],
            helpers: Vec::new(),
            roles: Vec::new(),
            servers: Vec::new(),
            locks: None,
            today: None,
        }
    }

    /// Merges every layer that concerns `subject`; what was not taken is in the problems.
    pub fn resolve(subject: &'a Subject<'a>, context: &Context<'a>) -> (Settings<'a>, Vec<SettingProblem<'a>>) {
        let mut problems = Vec::new();
        let mut settings = Settings { today: context.today(), ..Settings::built_in() };
        settings.node_limit = subject.pod.spec.taken_away().map(Sourced::of_nodes);
        let (cluster, own) = context.policies(&subject.pod.metadata.labels);
        if let Some(policy) = cluster {
            let built_in = settings.clone();
            settings.merge(policy, &built_in, &mut problems);
        }
        let base = settings.clone();
        if let Some(policy) = cluster.filter(|p| !p.spec.locked.is_empty()) {
            settings.locks = Some(Locks {
                locked: &policy.spec.locked,
                title: &policy.title,
                request: base.worst_case_request.value,
            });
        }
        settings.profile_label(context, &base, &mut problems);
        if let Some(policy) = own {
            settings.merge(policy, &base, &mut problems);
        }
        settings.annotations(subject, &base, &mut problems);
        if subject.kind.is_knative() {
            settings.hook = Sourced::built_in(&Hook::None);
        }
        for policy in context.unreadable() {
            let problem = quote(&policy.problem);
            problems.push(SettingProblem::bad_elsewhere(
                format!("{} cannot be read and is ignored: {problem}", policy.title),
                None,
            ));
        }
        (settings, problems)
    }

    /// The severity of a finding.
    pub fn severity(&self, code: Code, default: Severity) -> Severity {
        self.rules.get(code as usize).copied().flatten().unwrap_or(default)
    }

    /// E + D, in seconds.
    pub fn hold_seconds(&self) -> u64 {
        self.endpoint_propagation.value + self.drain_delay.value
    }

    /// Whether the app waits by itself after SIGTERM.
    pub fn waits_by_itself(&self) -> bool {
        *self.hook.value == Hook::None
    }

    /// The role that a policy or an annotation gives a container, unless the built-in table knows it better.
    pub fn stated_role(&self, container: &Container) -> Option<HelperRole> {
        let stated = self.roles.iter().find(|(name, _)| *name == container.name.as_str());
        stated.map(|(_, role)| *role).or_else(|| self.helper(container).map(|entry| entry.role))
    }

    /// S of a helper, an auxiliary or a native sidecar, in seconds; `told` is what the pod tells the container's injector.
    pub fn stop_seconds(&self, container: &Container, told: Option<u64>) -> u64 {
        match self.helper(container) {
            Some(entry) => entry.stop_seconds.or(told),
            None => told.or_else(|| known(container).map(|known| known.stop_seconds)),
        }
        .unwrap_or(helpers::DEFAULT_STOP_SECONDS)
    }

    /// The entry that fits best, unless the built-in table knows the container better: not than an image that is written
    /// to its end.
    fn helper(&self, container: &Container) -> Option<&HelperEntry<'a>> {
        let fits = self.helpers.iter().filter_map(|entry| Some((helpers::means(entry.means, container)?, entry)));
        let (fit, entry) = fits.max_by_key(|(fit, _)| *fit)?;
        let known = known(container).map(|known| {
            let names = known.names.iter().filter_map(|pattern| helpers::fit(pattern, &container.name));
            names.chain(known.images.iter().filter_map(|pattern| helpers::fit(pattern, container.image_name()))).max()
        });
        let to_its_end = matches!(entry.means, Pattern::Image(image) if image.contains('/') && !image.ends_with('*'));
        (to_its_end || known.is_none_or(|known| Some(fit) >= known)).then_some(entry)
    }

    /// The entry of `servers` that fits a container best, of the same ones the later layer's; of the ClusterDrainPolicy's
    /// alone where it locks what is asked.
    pub fn server(&self, container: &Container, asked: Option<Lock>) -> Option<&ServerEntry<'a>> {
        let locked = asked.is_some_and(|lock| self.locked(lock).is_some());
        let fit = |entry: &ServerEntry| helpers::means(entry.spec.means()?, container);
        let entries = self.servers.iter().filter(|entry| !locked || entry.source.layer() <= Source::CLUSTER);
        let fits = entries.filter_map(|entry| Some((fit(entry)?, entry)));
        fits.max_by_key(|(fit, _)| *fit).map(|(_, entry)| entry)
    }

    /// What SIGTERM does to a container, where somebody says so: an annotation, else the later layer, of one the entry of
    /// its own.
    pub fn sigterm_of(&self, container: &Container) -> Option<Sourced<'a, Sigterm>> {
        let of_entry = self
            .server(container, Some(Lock::Sigterm))
            .and_then(|entry| Some(Sourced { value: entry.spec.sigterm?, source: entry.source }));
        match (self.sigterm, of_entry) {
            (Some(of_pod), Some(of_entry)) if of_pod.source.layer() <= of_entry.source.layer() => Some(of_entry),
            (of_pod, of_entry) => of_pod.or(of_entry),
        }
    }

    /// Whether a lock lets somebody say this; otherwise it is reported.
    pub fn may(
        &self,
        lock: Option<Lock>,
        value: &str,
        source: Source<'a>,
        problems: &mut Vec<SettingProblem<'a>>,
    ) -> bool {
        match lock.and_then(|lock| Some((lock, self.locked(lock)?))) {
            None => true,
            Some((lock, by)) => {
                problems.push(SettingProblem::locked(lock, value, source, "what it is", by));
                false
            }
        }
    }

    /// An entry of `servers`, without what a lock forbids.
    fn set_server(&mut self, server: &'a ServerSpec, source: Source<'a>, problems: &mut Vec<SettingProblem<'a>>) {
        let mut spec = server.clone();
        let title = server.name.as_deref().or(server.image.as_deref()).unwrap_or_default();
        let said = |what: &str| format!("{what} of servers {}", quote(title));
        if spec.accept_seconds.is_some() && !self.may(Some(Lock::Hook), &said("acceptSeconds"), source, problems) {
            spec.accept_seconds = None;
        }
        if let Some(work) = spec.work
            && !self.may(shutdown::lock_of(work), &said("work"), source, problems)
        {
            spec.work = None;
        }
        if spec.sigterm.is_some() && !self.may(Some(Lock::Sigterm), &said("sigterm"), source, problems) {
            spec.sigterm = None;
        }
        self.servers.push(ServerEntry { spec, source });
    }

    fn set_sigterm(&mut self, new: Sourced<'a, Sigterm>, base: &Settings<'a>, problems: &mut Vec<SettingProblem<'a>>) {
        // Where it is locked, what the entries of its holder say of single containers holds as well.
        match (self.locked(Lock::Sigterm), base.sigterm) {
            (None, _) => self.sigterm = Some(new),
            (Some(_), Some(locked_at)) => drop(self.fixed(Lock::Sigterm, &locked_at.value, new, problems)),
            (Some(_), None) => {
                self.may(Some(Lock::Sigterm), &format!("{:?}", new.value), new.source, problems);
            }
        }
    }

    fn set_helper(&mut self, entry: HelperEntry<'a>) {
        self.helpers.retain(|e| e.means != entry.means);
        self.helpers.push(entry);
    }

    /// Who locks the skip annotation, where it is locked.
    pub fn skip_locked_by(&self) -> Option<&'a str> {
        self.locked(Lock::Skip)
    }

    /// The lock's holder, where `lock` is locked.
    fn locked(&self, lock: Lock) -> Option<&'a str> {
        self.locks.as_ref().filter(|l| l.locked.contains(&lock)).map(|l| l.title)
    }

    /// Takes a number, unless it is weaker than a locked one.
    fn bounded(
        &self,
        lock: Lock,
        stricter: Stricter,
        locked_at: u64,
        new: Sourced<'a, u64>,
        problems: &mut Vec<SettingProblem<'a>>,
    ) -> Option<Sourced<'a, u64>> {
        let weaker = match stricter {
            Stricter::Larger => new.value < locked_at,
            Stricter::Lower => new.value > locked_at,
        };
        match self.locked(lock) {
            Some(by) if weaker => {
                problems.push(SettingProblem::locked(lock, new.value, new.source, locked_at, by));
                None
            }
            _ => Some(new),
        }
    }

    /// Takes a choice, unless it is locked and differs.
    fn fixed<T: PartialEq + fmt::Debug>(
        &self,
        lock: Lock,
        locked_at: &T,
        new: Sourced<'a, T>,
        problems: &mut Vec<SettingProblem<'a>>,
    ) -> Option<Sourced<'a, T>> {
        match self.locked(lock) {
            Some(by) if new.value != *locked_at => {
                let (weaker, kept) = (format!("{:?}", new.value), format!("{locked_at:?}"));
                problems.push(SettingProblem::locked(lock, weaker, new.source, kept, by));
                None
            }
            _ => Some(new),
        }
    }

    /// One policy on top of the layers so far; `base` holds the values that locks refer to.
    fn merge(&mut self, policy: &'a Policy, base: &Settings<'a>, problems: &mut Vec<SettingProblem<'a>>) {
        let PolicySpec { budget, grace_period, profile, .. } = &policy.spec;
        let source = Source::Policy(&policy.title, None);
        let from = |value| Sourced { value, source };
        for setting in &TIMES {
            // A number beats the profile beside it.
            let by_profile = || {
                let profile = profile.filter(|_| setting.time == Time::EndpointPropagation)?;
                let source = Source::Policy(&policy.title, Some(profile));
                Some(Sourced { value: profile.endpoint_propagation_seconds(), source })
            };
            let of_policy = |value| match &policy.measured {
                Some(measured) if setting.time == Time::EndpointPropagation => {
                    let source = Source::Measured(&policy.title, measured, measured.old(self.today));
                    Sourced { value, source }
                }
                _ => from(value),
            };
            if let Some(new) = (setting.in_policy)(budget).map(of_policy).or_else(by_profile) {
                self.set_time(setting, base, new, problems);
            }
        }
        if let Some(value) = policy.hook.as_ref() {
            let new = Sourced { value, source };
            self.hook = self.fixed(Lock::Hook, &base.hook.value, new, problems).unwrap_or(self.hook);
        }
        if let Some(value) = grace_period.adjust {
            let new = Sourced { value, source };
            self.adjust = self.fixed(Lock::Adjust, &base.adjust.value, new, problems).unwrap_or(self.adjust);
        }
        if let Some(value) = policy.spec.applies_to {
            let new = Sourced { value, source };
            self.applies_to =
                self.fixed(Lock::AppliesTo, &base.applies_to.value, new, problems).unwrap_or(self.applies_to);
        }
        if let Some(value) = policy.spec.controllers {
            let new = Sourced { value, source };
            self.controllers =
                self.fixed(Lock::Controllers, &base.controllers.value, new, problems).unwrap_or(self.controllers);
        }
        if let Some(value) = grace_period.max_seconds {
            self.set_ceiling(policy, value, base, problems);
        }
        if let Some(value) = grace_period.node_limit_seconds {
            let locked_at = base.node_limit.map_or(u64::MAX, |limit| limit.value);
            let new = self.bounded(Lock::NodeLimit, Stricter::Lower, locked_at, from(value), problems);
            self.node_limit = new.or(self.node_limit);
        }
        for helper in &policy.spec.helpers {
            let (role, stop_seconds) = (helper.role.unwrap_or_default(), helper.stop_seconds);
            let entry = helper.means().map(|means| HelperEntry { means, role, stop_seconds });
            entry.into_iter().for_each(|entry| self.set_helper(entry));
        }
        for server in &policy.spec.servers {
            self.set_server(server, source, problems);
        }
        if let Some(value) = policy.spec.sigterm {
            self.set_sigterm(Sourced { value, source }, base, problems);
        }
        for (&code, &severity) in &policy.spec.rules {
            self.set_rule(policy, code, severity, base, problems);
        }
    }

    /// One of the four times, unless it is weaker than a locked one.
    fn set_time(
        &mut self,
        setting: &TimeSetting,
        base: &Settings<'a>,
        new: Sourced<'a, u64>,
        problems: &mut Vec<SettingProblem<'a>>,
    ) {
        let locked_at = base.time(setting.time).value;
        if let Some(new) = self.bounded(setting.lock, setting.stricter, locked_at, new, problems) {
            *self.time_mut(setting.time) = new;
        }
    }

    fn time(&self, time: Time) -> &Sourced<'a, u64> {
        match time {
            Time::EndpointPropagation => &self.endpoint_propagation,
            Time::DrainDelay => &self.drain_delay,
            Time::WorstCaseRequest => &self.worst_case_request,
            Time::SafetyMargin => &self.safety_margin,
        }
    }

    fn time_mut(&mut self, time: Time) -> &mut Sourced<'a, u64> {
        match time {
            Time::EndpointPropagation => &mut self.endpoint_propagation,
            Time::DrainDelay => &mut self.drain_delay,
            Time::WorstCaseRequest => &mut self.worst_case_request,
            Time::SafetyMargin => &mut self.safety_margin,
        }
    }

    /// A ClusterDrainPolicy sets the ceiling freely, a DrainPolicy can only lower it.
    fn set_ceiling(
        &mut self,
        policy: &'a Policy,
        value: u64,
        base: &Settings<'a>,
        problems: &mut Vec<SettingProblem<'a>>,
    ) {
        let new = Sourced { value, source: Source::Policy(&policy.title, None) };
        if policy.kind == PolicyKind::ClusterDrainPolicy || value <= base.max_seconds.value {
            self.max_seconds = new;
        } else {
            let by = base.max_seconds.source.to_string();
            problems.push(SettingProblem::locked(Lock::MaxSeconds, value, new.source, base.max_seconds.value, &by));
        }
    }

    fn set_rule(
        &mut self,
        policy: &'a Policy,
        code: Code,
        severity: Severity,
        base: &Settings<'a>,
        problems: &mut Vec<SettingProblem<'a>>,
    ) {
        let locked_at = base.severity(code, code.default_severity());
        match self.locked(Lock::Rule(code)) {
            Some(by) if severity < locked_at => {
                let source = Source::Policy(&policy.title, None);
                problems.push(SettingProblem::locked(
                    Lock::Rule(code),
                    format!("{severity:?}"),
                    source,
                    format!("{locked_at:?}"),
                    by,
                ));
            }
            _ => {
                if let Some(rule) = self.rules.get_mut(code as usize) {
                    *rule = Some(severity);
                }
            }
        }
    }

    fn profile_label(&mut self, context: &Context<'a>, base: &Settings<'a>, problems: &mut Vec<SettingProblem<'a>>) {
        let Some(value) = context.label(keys::PROFILE) else { return };
        match Profile::named(value) {
            Some(profile) => {
                let source = Source::ProfileLabel(context.namespace, profile);
                let new = Sourced { value: profile.endpoint_propagation_seconds(), source };
                self.set_time(&ENDPOINT_PROPAGATION, base, new, problems);
            }
            None => {
                let known = Profile::ALL.map(Profile::as_str).join(", ");
                problems.push(SettingProblem::bad_elsewhere(
                    format!(
                        "namespace label {}: {} is no profile ({known}); it is ignored",
                        keys::PROFILE,
                        quote(value)
                    ),
                    Some(format!("kubectl label ns {} {}=ingress --overwrite", context.namespace, keys::PROFILE)),
                ));
            }
        }
    }

    fn annotations(&mut self, subject: &'a Subject<'a>, base: &Settings<'a>, problems: &mut Vec<SettingProblem<'a>>) {
        let Some(annotations) = &subject.pod.metadata.annotations else { return };
        for (key, value) in annotations.ours.iter() {
            if let Some(setting) = TIMES.iter().find(|setting| setting.annotation == key) {
                match seconds(value) {
                    Some(value) => {
                        self.set_time(setting, base, Sourced { value, source: Source::Annotation(key) }, problems);
                    }
                    None => problems.push(SettingProblem::bad_annotation(key, value, SECONDS_EXPECTED)),
                }
                continue;
            }
            match key {
                keys::HOOK if value == "none" => {
                    let new = Sourced { value: &Hook::None, source: Source::Annotation(key) };
                    self.hook = self.fixed(Lock::Hook, &base.hook.value, new, problems).unwrap_or(self.hook);
                }
                keys::HOOK => problems.push(SettingProblem::bad_annotation(key, value, "none")),
                keys::HELPERS => self.helpers_annotation(key, value, problems),
                keys::SIGTERM => match Sigterm::named(value) {
                    Some(sigterm) => {
                        let new = Sourced { value: sigterm, source: Source::Annotation(key) };
                        self.set_sigterm(new, base, problems);
                    }
                    None => problems.push(SettingProblem::bad_annotation(key, value, "drains or cuts")),
                },
                keys::SKIP => match self.locked(Lock::Skip) {
                    Some(by) => problems.push(SettingProblem::locked(
                        Lock::Skip,
                        quote(value),
                        Source::Annotation(key),
                        "never",
                        by,
                    )),
                    None if value.trim().is_empty() => {
                        problems.push(SettingProblem::bad_annotation(key, value, "a reason"))
                    }
                    None => self.skip = Some(value),
                },
                keys::INJECTED => {}
                _ if key.starts_with(keys::ROLE_PREFIX) => self.role_annotation(key, value, problems),
                _ if keys::CONTAINER_PREFIXES.iter().any(|prefix| key.starts_with(prefix)) => {}
                _ if key.starts_with(keys::DOMAIN)
                    || key.split('/').next().is_some_and(|p| p.ends_with(".draingate.dev")) =>
                {
                    let mut problem = SettingProblem::idle_annotation(key, None, "is not one that Draingate knows");
                    problem.fix = nearest(key).map(|known| format!("{known}: {}", quote(value)));
                    problems.push(problem);
                }
                _ => {}
            }
        }
    }

    fn role_annotation(&mut self, key: &'a str, value: &str, problems: &mut Vec<SettingProblem<'a>>) {
        let name = key.strip_prefix(keys::ROLE_PREFIX).unwrap_or_default();
        let role = match value {
            "app" => HelperRole::App,
            "helper" => HelperRole::Helper,
            "auxiliary" => HelperRole::Auxiliary,
            _ => return problems.push(SettingProblem::bad_annotation(key, value, "app, helper or auxiliary").of(name)),
        };
        self.roles.push((name, role));
    }

    /// `"a,b=10"`: names, with S after `=`. All of it holds or none; each costs a look at every container.
    fn helpers_annotation(&mut self, key: &'a str, value: &'a str, problems: &mut Vec<SettingProblem<'a>>) {
        let entry = |part: &'a str| {
            let (name, stop) = match part.trim().split_once('=') {
                Some((name, stop)) => (name.trim_end(), Some(seconds(stop.trim_start())?)),
                None => (part.trim(), None),
            };
            let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            let stem = name.strip_suffix('*').unwrap_or(name);
            (!name.is_empty() && stem.bytes().all(legal)).then_some(HelperEntry {
                means: Pattern::Name(name),
                role: HelperRole::Helper,
                stop_seconds: stop,
            })
        };
        let few = value.split(',').nth(MOST_HELPERS).is_none();
        match few.then(|| value.split(',').map(entry).collect::<Option<Vec<_>>>()).flatten() {
            Some(entries) => entries.into_iter().for_each(|entry| self.set_helper(entry)),
            None => problems.push(SettingProblem::bad_annotation(
                key,
                value,
                "a list of up to 64 container names such as a,b=10",
            )),
        }
    }

    /// R of one app: its own annotation, unless a lock keeps it from being weaker.
    ///
    /// Where nobody gives it, `finish` stands in for the built-in guess: what the app is told to use, it may need. A lock
    /// keeps it from being less.
    pub fn request_of(
        &self,
        container: &'a str,
        finish: Option<Sourced<'a, u64>>,
        subject: &'a Subject<'a>,
        problems: &mut Vec<SettingProblem<'a>>,
    ) -> Sourced<'a, u64> {
        let locked_at = self.locks.as_ref().map_or(0, |locks| locks.request);
        let given = match finish.filter(|_| self.worst_case_request.source == Source::BuiltIn) {
            Some(finish) if finish.value >= locked_at || self.locked(Lock::WorstCaseRequest).is_none() => finish,
            _ => self.worst_case_request,
        };
        let Some((key, value)) = container_annotation(subject, keys::REQUEST_PREFIX, container) else {
            return given;
        };
        let Some(value) = seconds(value) else {
            let mut problem = SettingProblem::bad_annotation(key, value, SECONDS_EXPECTED);
            problem.container = Some(container);
            problems.push(problem);
            return given;
        };
        let new = Sourced { value, source: Source::Annotation(key) };
        let taken = self.bounded(Lock::WorstCaseRequest, Stricter::Larger, locked_at, new, problems);
        if let (None, Some(problem)) = (taken, problems.last_mut()) {
            problem.container = Some(container);
        }
        taken.unwrap_or(given)
    }
}

/// The annotation of `prefix` for one container: its key and value.
pub fn container_annotation<'a>(subject: &'a Subject<'a>, prefix: &str, container: &str) -> Option<(&'a str, &'a str)> {
    subject.pod.metadata.annotations.as_ref()?.ours.find(prefix, container)
}

/// The most names in an annotation of helpers, as in a policy.
const MOST_HELPERS: usize = 64;

/// What a number in an annotation must look like.
pub const SECONDS_EXPECTED: &str = "whole seconds from 0 to 2592000";

/// A number in an annotation: one to seven digits, at most [`MAX_SECONDS`].
pub fn seconds(text: &str) -> Option<u64> {
    let plain = (1..=7).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok())?.filter(|s| *s <= MAX_SECONDS)
}

fn known(container: &Container) -> Option<&'static helpers::KnownHelper> {
    helpers::known(&container.name, container.image_name())
}

/// A known annotation key that `key` probably meant: the one that shares the longest beginning.
fn nearest(key: &str) -> Option<&'static str> {
    let shared = |known: &str| key.bytes().zip(known.bytes()).take_while(|(a, b)| a == b).count();
    let candidates = keys::POD_ANNOTATIONS.into_iter().filter(|known| *known != keys::INJECTED);
    candidates.max_by_key(|known| shared(known)).filter(|known| shared(known) > keys::DOMAIN.len() + 2)
}
