//! Plays a pod's shutdown the way the kubelet runs it, second after second: the judge of the grace arithmetic.
//!
//! Every container is a small state machine; nothing here adds up a pod's numbers in advance. All preStop hooks start
//! at second 0, in parallel. A container gets SIGTERM when its own hook ends; a native sidecar then also waits for its
//! turn. Hooks and turns end at the latest with the grace (`killContainer` and `terminationOrdering` in the kubelet's
//! `kuberuntime`). Within one second, what ends counts before what is killed.
//!
//! A hook runs inside its container. It may tell the process to stop before it is through, and it ends with the
//! process: what it would still do then never happens, and SIGTERM finds nobody.

/// The kubelet's `minimumGracePeriodInSeconds`: the least time between SIGTERM and SIGKILL.
const STOP_WINDOW: u64 = 2;

/// A pod in whole seconds.
#[derive(Clone, Debug, Default)]
pub struct Pod {
    /// What the kubelet grants; hooks are taken from it.
    pub grace: u64,
    /// The containers that do the pod's work.
    pub apps: Vec<App>,
    /// Regular containers that the apps need until they are done.
    pub helpers: Vec<Helper>,
    /// Regular containers that no app needs.
    pub auxiliaries: Vec<Helper>,
    /// Native sidecars, in the order of their declaration.
    pub sidecars: Vec<Helper>,
    /// How long after the deletion the apps have to go on taking work.
    pub hold: u64,
    /// How long of that new work is certain to come.
    pub propagation: u64,
    /// Slack that `smallest_grace` adds; `stop` ignores it.
    pub margin: u64,
}

/// An app takes work until it is told to stop, by its hook or by SIGTERM, for `accepts` more, **and** until the hold is
/// over; what it took in that last second keeps it busy for `request` more.
///
/// One that stops taking work before the hold ends still owes the rest of it. If it waits by itself it serves on. If it
/// does not, it needs the same grace, and is `refused` besides where new work is certain to come.
///
/// One that `cuts` ends its requests at once instead, so its hook is its wait for the last of them: what is sent within the
/// hold, and nothing after that, keeps it busy. What it accepts on is lost as well, but not refused.
#[derive(Clone, Debug, Default)]
pub struct App {
    /// How long its preStop hook's own commands run; 0 without one, or with one that fails.
    pub hook: u64,
    /// The second within its hook in which the hook tells the process to stop.
    pub stops_at: Option<u64>,
    /// It is there until its hook is through, which somebody declared to take so long.
    pub outlasts_hook: bool,
    /// How long work accepted at the last moment takes.
    pub request: u64,
    /// It goes on accepting after SIGTERM until the hold is over.
    pub waits_by_itself: bool,
    /// A: how long it still takes new work once it is told to stop.
    pub accepts: u64,
    /// T: it ends what still runs so long after it stopped taking work.
    pub limit: Option<u64>,
    /// It ends at once when it is told to stop, and whatever still runs is lost.
    pub cuts: bool,
    /// The stop in its hook is a graceful one: told by it, it never cuts.
    pub stops_gracefully: bool,
}

/// A helper or a native sidecar.
#[derive(Clone, Debug, Default)]
pub struct Helper {
    /// How long its preStop hook's own commands run.
    pub hook: u64,
    /// The second within its hook in which the hook tells the process to stop.
    pub stops_at: Option<u64>,
    /// It serves until its hook is through, which somebody declared to take so long.
    pub outlasts_hook: bool,
    /// How long it takes to exit once it is told to and nobody needs it.
    pub stop: u64,
    /// A: how long it goes on serving once it is told to stop, whoever needs it.
    pub accepts: u64,
}

/// What a container does that is told to stop before its work is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Early {
    /// The best case: a helper or native sidecar serves until nobody needs it, and only then takes its `stop`; an app
    /// ends when its last request has, whether it cuts or has a limit.
    Drains,
    /// The worst case: a helper or native sidecar serves for its `accepts`, and exits `stop` seconds after that, whoever
    /// needs it; an app that cuts ends at once, and one with a limit when that is over.
    Leaves,
}

/// Which container, by its place in its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// `Pod::apps`
    App(usize),
    /// `Pod::helpers`
    Helper(usize),
    /// `Pod::auxiliaries`
    Auxiliary(usize),
    /// `Pod::sidecars`
    Sidecar(usize),
}

/// One container's end, on the real kubelet's clock: a late SIGTERM has its stop window, even past the grace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stopped {
    /// When it was first told to stop, by its hook or by SIGTERM.
    pub told_at: Option<u64>,
    /// When it exited by itself, its work finished.
    pub exited_at: Option<u64>,
    /// When it was killed, its work unfinished.
    pub killed_at: Option<u64>,
}

/// How a shutdown went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// As in `Pod::apps`.
    pub apps: Vec<Stopped>,
    /// As in `Pod::helpers`.
    pub helpers: Vec<Stopped>,
    /// As in `Pod::auxiliaries`.
    pub auxiliaries: Vec<Stopped>,
    /// As in `Pod::sidecars`.
    pub sidecars: Vec<Stopped>,
    /// Not exited by themselves when the grace itself was over, or their hook abandoned then. The stop window is not
    /// counted on: a container that it saves, with an `exited_at` past the grace, is cut all the same.
    pub cut: Vec<Who>,
    /// Apps that took no more work while new was certain to come, and do not wait by themselves: connections are refused.
    pub refused: Vec<usize>,
    /// Apps that ended at once before the request of the hold's last moment was through. Without a hold none is sent.
    pub lost_late: Vec<usize>,
    /// Apps that ended at once while a request still ran that had come at the deletion.
    pub lost_in_flight: Vec<usize>,
    /// Apps that ended a request at their own limit.
    pub timed_out: Vec<usize>,
    /// Helpers that were told to stop, and served on for no longer than they do by themselves, while an app was still at
    /// work; native sidecars whose own hook did that.
    pub early: Vec<Who>,
    /// Apps still at work when a helper or a native sidecar was gone. `stop` takes them from the worst case, `Early::Leaves`.
    pub orphaned: Vec<usize>,
}

/// Plays the pod's shutdown with its grace; early helpers drain, and `orphaned` tells what happens if they do not.
pub fn stop(pod: &Pod) -> Outcome {
    let worst = play(pod, Early::Leaves);
    Outcome { orphaned: worst.orphaned, ..play(pod, Early::Drains) }
}

/// Plays the pod's shutdown with its grace, and early helpers as told.
pub fn play(pod: &Pod, early: Early) -> Outcome {
    Shutdown::new(pod, pod.grace, early).run(Clock::Jumps)
}

/// The margin and the smallest grace that cuts nothing, found by playing graces.
pub fn smallest_grace(pod: &Pod) -> u64 {
    let run = |grace| Shutdown::new(pod, grace, Early::Drains).run(Clock::Jumps);
    let cuts = |grace| !run(grace).cut.is_empty();
    let mut enough = 1_u64;
    while enough < u64::MAX && cuts(enough) {
        enough = enough.saturating_mul(2);
    }
    // `low` only moves past a grace that was seen to cut, `enough` only to one that was seen not to.
    let mut low = 0;
    while low < enough {
        let middle = low + (enough - low) / 2;
        if cuts(middle) {
            low = middle + 1;
        } else {
            enough = middle;
        }
    }
    enough.saturating_add(pod.margin)
}

/// Whether idle seconds are played or passed over; the outcome is the same.
#[derive(Clone, Copy)]
enum Clock {
    #[cfg(test)]
    Ticks,
    Jumps,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Hook {
    Runs,
    /// Through, or over with its process.
    Over,
    /// Still running when the grace was over.
    Abandoned,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Process {
    Works,
    /// Told to stop, and still serves those that need it.
    Told,
    /// Takes nothing new.
    Finishing {
        until: u64,
    },
    Gone,
}

/// What a process does until its hook is through, whatever that told it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meanwhile {
    Nothing,
    Stays,
    Serves,
}

/// What an app does to its last request.
#[derive(Clone, Copy, Default)]
struct Ending {
    cuts: bool,
    stops_gracefully: bool,
    limit: Option<u64>,
    /// In the best case it lets that request finish all the same.
    spares: bool,
}

struct Container {
    runs: u64,
    stops_at: Option<u64>,
    meanwhile: Meanwhile,
    /// What it takes to finish: an app's request, the others' stop.
    finish: u64,
    /// How long it serves on once it is told to stop.
    accepts: u64,
    /// It does so whether somebody needs it or not.
    insists: bool,
    ending: Ending,
    hook: Hook,
    process: Process,
    /// It is told to stop, and cuts.
    cut: bool,
    /// The last second in which somebody sent it work.
    sent_at: u64,
    timed_out: bool,
    /// From SIGTERM on.
    kill_at: Option<u64>,
    seen: Stopped,
}

impl Container {
    fn new(runs: u64, stops_at: Option<u64>, meanwhile: Meanwhile, finish: u64) -> Self {
        Self {
            runs,
            stops_at,
            meanwhile,
            finish,
            accepts: 0,
            insists: false,
            ending: Ending::default(),
            hook: Hook::Runs,
            process: Process::Works,
            cut: false,
            sent_at: 0,
            timed_out: false,
            kill_at: None,
            seen: Stopped::default(),
        }
    }

    /// Lives through the second `now`. True if it was told to stop in it.
    fn step(&mut self, now: u64, grace: u64, its_turn: bool, needed: bool) -> bool {
        let at_work = self.process == Process::Works;
        if self.hook == Hook::Runs && self.stops_at.is_some_and(|at| now >= at) {
            self.tell(now, self.ending.cuts && !self.ending.stops_gracefully);
        }
        self.live(now, needed);
        if self.hook == Hook::Runs && (now >= self.runs || self.gone()) {
            self.hook = Hook::Over;
        } else if self.hook == Hook::Runs && now >= grace {
            self.hook = Hook::Abandoned;
        }
        let its_turn = self.hook != Hook::Runs && (its_turn || now >= grace);
        if its_turn && self.kill_at.is_none() && !self.gone() {
            self.tell(now, self.ending.cuts);
            let left = grace.saturating_sub(now);
            self.kill_at = Some(now.saturating_add(left.max(STOP_WINDOW)));
            self.live(now, needed);
        }
        if self.kill_at.is_some_and(|at| now >= at) && !self.gone() {
            self.process = Process::Gone;
            self.seen.killed_at = Some(now);
        }
        at_work && self.process != Process::Works
    }

    /// A process that is stopping already hears nothing new.
    fn tell(&mut self, now: u64, cut: bool) {
        if self.process == Process::Works {
            self.process = Process::Told;
            self.cut = cut;
            self.seen.told_at = Some(now);
        }
    }

    /// When it takes no more work, if it is left to itself.
    fn closes_at(&self) -> Option<u64> {
        Some(self.seen.told_at?.saturating_add(self.accepts))
    }

    fn has_closed(&self, now: u64) -> bool {
        self.closes_at().is_some_and(|at| now >= at)
    }

    fn live(&mut self, now: u64, needed: bool) {
        let until_hook_is_through = |what| self.meanwhile == what && self.hook == Hook::Runs && now < self.runs;
        let (serves, stays) = (until_hook_is_through(Meanwhile::Serves), until_hook_is_through(Meanwhile::Stays));
        let insists = self.insists && !self.cut && !self.has_closed(now);
        let needed = needed && (self.ending.spares || !self.cut);
        if self.process == Process::Told && !needed && !insists && !serves {
            self.process = Process::Finishing { until: self.ends_at(now) };
        }
        if matches!(self.process, Process::Finishing { until } if now >= until) && !stays {
            self.process = Process::Gone;
            self.seen.exited_at = Some(now);
        }
    }

    /// When its work is done that it takes none to any more.
    fn ends_at(&mut self, now: u64) -> u64 {
        let newest = if self.cut { self.sent_at } else { now };
        let done = newest.saturating_add(self.finish).max(now);
        let limit = self.ending.limit.filter(|_| !self.cut).map(|limit| now.saturating_add(limit));
        self.timed_out = limit.is_some_and(|limit| limit < done);
        match limit {
            _ if self.ending.spares => done,
            _ if self.cut => now,
            Some(limit) => limit.min(done),
            None => done,
        }
    }

    /// The next second in which something happens to it, if nothing happens to another before.
    fn wakes(&self, now: u64, grace: u64) -> Option<u64> {
        let until = match self.process {
            Process::Gone => return None,
            Process::Finishing { until } => Some(until),
            Process::Works | Process::Told => None,
        };
        let runs = Some(self.runs).filter(|_| self.hook == Hook::Runs);
        let stops = self.stops_at.filter(|_| self.hook == Hook::Runs);
        let moments = [until, runs, stops, self.closes_at(), self.kill_at, Some(grace)];
        moments.into_iter().flatten().filter(|at| *at > now).min()
    }

    fn gone(&self) -> bool {
        self.process == Process::Gone
    }

    /// Not exited by itself so far, or only because its hook was abandoned: the hook may be its wait for the last work.
    fn unfinished(&self) -> bool {
        self.seen.exited_at.is_none() || self.hook == Hook::Abandoned
    }
}

struct Shutdown<'a> {
    pod: &'a Pod,
    grace: u64,
    early: Early,
    apps: Vec<Container>,
    helpers: Vec<Container>,
    auxiliaries: Vec<Container>,
    sidecars: Vec<Container>,
    outcome: Outcome,
}

impl<'a> Shutdown<'a> {
    fn new(pod: &'a Pod, grace: u64, early: Early) -> Self {
        let meanwhile = |outlasts, what| if outlasts { what } else { Meanwhile::Nothing };
        let worst = early == Early::Leaves;
        let app = |a: &App| {
            let App { cuts, stops_gracefully, limit, .. } = *a;
            let ending = Ending { cuts, stops_gracefully, limit, spares: !worst };
            let meanwhile = meanwhile(a.outlasts_hook, Meanwhile::Stays);
            let app = Container::new(a.hook, a.stops_at, meanwhile, a.request);
            Container { accepts: a.accepts, insists: true, ending, ..app }
        };
        let helper = |h: &Helper| {
            let helper = Container::new(h.hook, h.stops_at, meanwhile(h.outlasts_hook, Meanwhile::Serves), h.stop);
            Container { accepts: h.accepts, insists: worst, ..helper }
        };
        Self {
            pod,
            grace,
            early,
            apps: pod.apps.iter().map(app).collect(),
            helpers: pod.helpers.iter().map(helper).collect(),
            auxiliaries: pod.auxiliaries.iter().map(helper).collect(),
            sidecars: pod.sidecars.iter().map(helper).collect(),
            outcome: Outcome::default(),
        }
    }

    fn run(mut self, clock: Clock) -> Outcome {
        let mut now = 0;
        loop {
            self.second(now);
            if now == self.grace {
                self.outcome.cut = self.unfinished();
            }
            let Some(next) = self.next(now) else { break };
            now = match clock {
                #[cfg(test)]
                Clock::Ticks => now + 1,
                Clock::Jumps => next,
            };
        }
        let seen = |list: &[Container]| list.iter().map(|c| c.seen).collect();
        let timed_out = (0..).zip(&self.apps).filter(|(_, app)| app.timed_out).map(|(index, _)| index).collect();
        Outcome {
            apps: seen(&self.apps),
            helpers: seen(&self.helpers),
            auxiliaries: seen(&self.auxiliaries),
            sidecars: seen(&self.sidecars),
            timed_out,
            ..self.outcome
        }
    }

    /// Apps first, then those that wait for them, so that an end is felt in the second in which it comes.
    fn second(&mut self, now: u64) {
        let held = now < self.pod.hold;
        for (index, (app, given)) in self.apps.iter_mut().zip(&self.pod.apps).enumerate() {
            let here = !app.gone();
            app.sent_at = now.min(self.pod.hold);
            let told = app.step(now, self.grace, true, held);
            let busy = |sent_at: u64| now < sent_at.saturating_add(given.request);
            if told && app.cut && busy(0) {
                self.outcome.lost_in_flight.push(index);
            }
            if told && app.cut && self.pod.hold > 0 && (held || busy(self.pod.hold)) {
                self.outcome.lost_late.push(index);
            }
            let refuses = app.has_closed(now) && now < self.pod.propagation && !given.waits_by_itself;
            if here && refuses && !self.outcome.refused.contains(&index) {
                self.outcome.refused.push(index);
            }
        }
        let apps_at_work = self.apps.iter().any(|app| !app.gone());
        let drains = self.early == Early::Drains;
        for (index, helper) in self.helpers.iter_mut().enumerate() {
            let here = !helper.gone();
            helper.step(now, self.grace, true, drains && apps_at_work);
            let who = Who::Helper(index);
            if here && helper.has_closed(now) && apps_at_work && !self.outcome.early.contains(&who) {
                self.outcome.early.push(who);
            }
        }
        for auxiliary in &mut self.auxiliaries {
            auxiliary.step(now, self.grace, true, false);
        }
        let mut its_turn = self.apps.iter().chain(&self.helpers).chain(&self.auxiliaries).all(Container::gone);
        let out_of_turn = now >= self.grace;
        for (index, sidecar) in self.sidecars.iter_mut().enumerate().rev() {
            let here = !sidecar.gone();
            sidecar.step(now, self.grace, its_turn, drains && !its_turn && !out_of_turn);
            let (early, who) = (here && sidecar.has_closed(now), Who::Sidecar(index));
            if early && apps_at_work && !out_of_turn && !self.outcome.early.contains(&who) {
                self.outcome.early.push(who);
            }
            its_turn &= sidecar.gone();
        }
        if self.helpers.iter().chain(&self.sidecars).any(Container::gone) {
            for (index, app) in self.apps.iter().enumerate() {
                if !app.gone() && !self.outcome.orphaned.contains(&index) {
                    self.outcome.orphaned.push(index);
                }
            }
        }
    }

    fn unfinished(&self) -> Vec<Who> {
        fn of(list: &[Container]) -> impl Iterator<Item = usize> {
            let numbered = list.iter().enumerate();
            numbered.filter(|(_, c)| c.unfinished()).map(|(i, _)| i)
        }
        let apps = of(&self.apps).map(Who::App);
        let helpers = of(&self.helpers).map(Who::Helper);
        let auxiliaries = of(&self.auxiliaries).map(Who::Auxiliary);
        let sidecars = of(&self.sidecars).map(Who::Sidecar);
        apps.chain(helpers).chain(auxiliaries).chain(sidecars).collect()
    }

    /// The next second with something in it; none when all are gone.
    fn next(&self, now: u64) -> Option<u64> {
        let all = self.apps.iter().chain(&self.helpers).chain(&self.auxiliaries).chain(&self.sidecars);
        let wake = all.filter_map(|c| c.wakes(now, self.grace)).min()?;
        let landmarks = [self.pod.hold, self.grace];
        let ahead = landmarks.into_iter().filter(|&at| at > now);
        Some(ahead.fold(wake, u64::min))
    }
}

#[cfg(test)]
mod tests;
