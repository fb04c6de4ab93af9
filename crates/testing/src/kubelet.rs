//! Plays a pod's shutdown the way the kubelet runs it, second after second: the judge of the grace arithmetic.
//!
//! Every container is a small state machine; nothing here adds up a pod's numbers in advance. All preStop hooks start
//! at second 0, in parallel. A container gets SIGTERM when its own hook ends; a native sidecar then also waits for its
//! turn. Hooks and turns end at the latest with the grace (`killContainer` and `terminationOrdering` in the kubelet's
//! `kuberuntime`). Within one second, what ends counts before what is killed.

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
    /// Native sidecars, in the order of their declaration.
    pub sidecars: Vec<Helper>,
    /// How long after the deletion new work is still routed to the apps.
    pub hold: u64,
    /// Slack that `smallest_grace` adds; `stop` ignores it.
    pub margin: u64,
}

/// An app takes work until it has SIGTERM **and** the hold is over; what it took in that last second keeps it busy
/// for `request` more.
///
/// One that gets SIGTERM before the hold ends still owes the rest of it: if it waits by itself it serves on, and if it
/// does not it is `refused` besides, but needs the same grace.
#[derive(Clone, Debug, Default)]
pub struct App {
    /// How long its preStop hook runs; 0 without one, or with one that fails.
    pub hook: u64,
    /// How long work accepted at the last moment takes.
    pub request: u64,
    /// It goes on accepting after SIGTERM until the hold is over.
    pub waits_by_itself: bool,
}

/// A helper or a native sidecar.
#[derive(Clone, Debug, Default)]
pub struct Helper {
    /// How long its preStop hook runs.
    pub hook: u64,
    /// How long it takes to exit once it is told to and nobody needs it.
    pub stop: u64,
}

/// What a helper does that gets SIGTERM while apps are still at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Early {
    /// The best case: it serves until the last app is gone, and only then takes its `stop`.
    Drains,
    /// The worst case: it exits `stop` seconds after SIGTERM, whoever needs it.
    Leaves,
}

/// Which container, by its place in its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// `Pod::apps`
    App(usize),
    /// `Pod::helpers`
    Helper(usize),
    /// `Pod::sidecars`
    Sidecar(usize),
}

/// One container's end, on the real kubelet's clock: a late SIGTERM has its stop window, even past the grace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stopped {
    /// When it was told to stop.
    pub sigterm_at: Option<u64>,
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
    /// As in `Pod::sidecars`.
    pub sidecars: Vec<Stopped>,
    /// Not exited by themselves when the grace itself was over, or their hook abandoned then. The stop window is not
    /// counted on: a container that it saves, with an `exited_at` past the grace, is cut all the same.
    pub cut: Vec<Who>,
    /// Apps that got SIGTERM before the hold was over and do not wait by themselves: connections still routed to them
    /// are refused.
    pub refused: Vec<usize>,
    /// Helpers that got SIGTERM while an app was still at work.
    pub early: Vec<usize>,
    /// Apps still at work when a helper was gone. `stop` takes them from the worst case, `Early::Leaves`.
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
enum State {
    HookRuns,
    AwaitsTurn,
    /// Has SIGTERM, and still serves those that need it.
    Told,
    /// Takes nothing new.
    Finishing {
        until: u64,
    },
    Gone,
}

struct Container {
    hook: u64,
    /// What it takes to finish: an app's request, the others' stop.
    finish: u64,
    state: State,
    kill_at: u64,
    hook_abandoned: bool,
    seen: Stopped,
}

impl Container {
    fn new(hook: u64, finish: u64) -> Self {
        Self {
            hook,
            finish,
            state: State::HookRuns,
            kill_at: u64::MAX,
            hook_abandoned: false,
            seen: Stopped::default(),
        }
    }

    /// Lives through the second `now`. True if SIGTERM came in it.
    fn step(&mut self, now: u64, grace: u64, its_turn: bool, needed: bool) -> bool {
        if self.state == State::HookRuns && (now >= self.hook || now >= grace) {
            self.state = State::AwaitsTurn;
            self.hook_abandoned = now < self.hook;
        }
        let told = self.state == State::AwaitsTurn && (its_turn || now >= grace);
        if told {
            self.state = State::Told;
            self.seen.sigterm_at = Some(now);
            let left = grace.saturating_sub(now);
            self.kill_at = now.saturating_add(left.max(STOP_WINDOW));
        }
        if self.state == State::Told && !needed {
            self.state = State::Finishing { until: now.saturating_add(self.finish) };
        }
        match self.state {
            State::Finishing { until } if now >= until => {
                self.state = State::Gone;
                self.seen.exited_at = Some(now);
            }
            State::Told | State::Finishing { .. } if now >= self.kill_at => {
                self.state = State::Gone;
                self.seen.killed_at = Some(now);
            }
            _ => {}
        }
        told
    }

    /// The next second in which something happens to it, if nothing happens to another before.
    fn wakes(&self, grace: u64) -> Option<u64> {
        match self.state {
            State::HookRuns => Some(self.hook.min(grace)),
            State::AwaitsTurn => Some(grace),
            State::Told => Some(self.kill_at),
            State::Finishing { until } => Some(until.min(self.kill_at)),
            State::Gone => None,
        }
    }

    fn gone(&self) -> bool {
        self.state == State::Gone
    }

    /// Not exited by itself so far, or only because its hook was abandoned: the hook may be its wait for the last work.
    fn unfinished(&self) -> bool {
        self.seen.exited_at.is_none() || self.hook_abandoned
    }
}

struct Shutdown<'a> {
    pod: &'a Pod,
    grace: u64,
    early: Early,
    apps: Vec<Container>,
    helpers: Vec<Container>,
    sidecars: Vec<Container>,
    outcome: Outcome,
}

impl<'a> Shutdown<'a> {
    fn new(pod: &'a Pod, grace: u64, early: Early) -> Self {
        let app = |a: &App| Container::new(a.hook, a.request);
        let helper = |h: &Helper| Container::new(h.hook, h.stop);
        Self {
            pod,
            grace,
            early,
            apps: pod.apps.iter().map(app).collect(),
            helpers: pod.helpers.iter().map(helper).collect(),
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
        Outcome { apps: seen(&self.apps), helpers: seen(&self.helpers), sidecars: seen(&self.sidecars), ..self.outcome }
    }

    /// Apps first, then those that wait for them, so that an end is felt in the second in which it comes.
    fn second(&mut self, now: u64) {
        let held = now < self.pod.hold;
        for (index, (app, given)) in self.apps.iter_mut().zip(&self.pod.apps).enumerate() {
            let told = app.step(now, self.grace, true, held);
            if told && held && !given.waits_by_itself {
                self.outcome.refused.push(index);
            }
        }
        let apps_at_work = self.apps.iter().any(|app| !app.gone());
        let needed = apps_at_work && self.early == Early::Drains;
        for (index, helper) in self.helpers.iter_mut().enumerate() {
            let told = helper.step(now, self.grace, true, needed);
            if told && apps_at_work {
                self.outcome.early.push(index);
            }
        }
        if self.helpers.iter().any(Container::gone) {
            for (index, app) in self.apps.iter().enumerate() {
                if !app.gone() && !self.outcome.orphaned.contains(&index) {
                    self.outcome.orphaned.push(index);
                }
            }
        }
        let mut its_turn = self.apps.iter().chain(&self.helpers).all(Container::gone);
        for sidecar in self.sidecars.iter_mut().rev() {
            sidecar.step(now, self.grace, its_turn, false);
            its_turn &= sidecar.gone();
        }
    }

    fn unfinished(&self) -> Vec<Who> {
        fn of(list: &[Container]) -> impl Iterator<Item = usize> {
            let numbered = list.iter().enumerate();
            numbered.filter(|(_, c)| c.unfinished()).map(|(i, _)| i)
        }
        let apps = of(&self.apps).map(Who::App);
        let helpers = of(&self.helpers).map(Who::Helper);
        let sidecars = of(&self.sidecars).map(Who::Sidecar);
        apps.chain(helpers).chain(sidecars).collect()
    }

    /// The next second with something in it; none when all are gone.
    fn next(&self, now: u64) -> Option<u64> {
        let all = self.apps.iter().chain(&self.helpers).chain(&self.sidecars);
        let wake = all.filter_map(|c| c.wakes(self.grace)).min()?;
        let landmarks = [self.pod.hold, self.grace];
        let ahead = landmarks.into_iter().filter(|&at| at > now);
        Some(ahead.fold(wake, u64::min))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(grace: u64, hold: u64, apps: &[App], helpers: &[Helper], sidecars: &[Helper]) -> Pod {
        let (apps, helpers, sidecars) = (apps.to_vec(), helpers.to_vec(), sidecars.to_vec());
        let margin = 0;
        Pod { grace, hold, apps, helpers, sidecars, margin }
    }

    fn app(hook: u64, request: u64) -> App {
        let waits_by_itself = false;
        App { hook, request, waits_by_itself }
    }

    fn helper(hook: u64, stop: u64) -> Helper {
        Helper { hook, stop }
    }

    fn exited(sigterm: u64, at: u64) -> Stopped {
        let (sigterm_at, exited_at, killed_at) = (Some(sigterm), Some(at), None);
        Stopped { sigterm_at, exited_at, killed_at }
    }

    fn killed(sigterm: u64, at: u64) -> Stopped {
        let (sigterm_at, exited_at, killed_at) = (Some(sigterm), None, Some(at));
        Stopped { sigterm_at, exited_at, killed_at }
    }

    /// A node showed these SIGTERM times and the app's end, each one second later on its clock.
    #[test]
    fn order_seen_on_a_node() {
        let sidecars = [helper(1, 1), helper(2, 1)];
        let pod = pod(30, 0, &[app(3, 4)], &[helper(0, 1)], &sidecars);
        let end = play(&pod, Early::Leaves);
        assert_eq!(end.helpers, [exited(0, 1)]);
        assert_eq!(end.apps, [exited(3, 7)]);
        assert_eq!(end.sidecars, [exited(8, 9), exited(7, 8)]);
        assert_eq!((end.early, end.orphaned), (vec![0], vec![0]));
        assert_eq!(end.cut, []);
    }

    /// Seen on a node: SIGTERM at 5 s, SIGKILL about 2 s later.
    #[test]
    fn hook_longer_than_the_grace_is_abandoned() {
        let pod = pod(5, 0, &[app(60, 10)], &[], &[]);
        let end = stop(&pod);
        assert_eq!(end.apps, [killed(5, 7)]);
        assert_eq!(end.cut, [Who::App(0)]);
        assert_eq!(smallest_grace(&pod), 70);
    }

    #[test]
    fn stop_window_may_save_but_does_not_count() {
        let long = pod(30, 0, &[app(35, 1)], &[], &[]);
        let end = stop(&long);
        assert_eq!(end.apps, [exited(30, 31)]);
        assert_eq!(end.cut, [Who::App(0)]);
        assert_eq!(smallest_grace(&long), 36);
        // Nothing to finish after the hook, but the hook itself is cut short.
        let only_hook = pod(30, 0, &[app(35, 0)], &[], &[]);
        let end = stop(&only_hook);
        assert_eq!(end.apps, [exited(30, 30)]);
        assert_eq!(end.cut, [Who::App(0)]);
        assert_eq!(smallest_grace(&only_hook), 35);
        // One second of grace is left at SIGTERM; the window still makes it two.
        let end = stop(&pod(36, 0, &[app(35, 9)], &[], &[]));
        assert_eq!(end.apps, [killed(35, 37)]);
    }

    #[test]
    fn hold_of_ten_and_request_of_fifteen() {
        let just = pod(25, 10, &[app(10, 15)], &[], &[]);
        let end = stop(&just);
        assert_eq!(end.apps, [exited(10, 25)]);
        assert_eq!((end.refused, end.cut), (vec![], vec![]));
        assert_eq!(smallest_grace(&Pod { margin: 5, ..just }), 30);
        let end = stop(&pod(24, 10, &[app(10, 15)], &[], &[]));
        assert_eq!(end.apps, [killed(10, 24)]);
        assert_eq!(end.cut, [Who::App(0)]);
    }

    #[test]
    fn short_hook_owes_the_hold_and_refuses() {
        let short = pod(60, 10, &[app(4, 15)], &[], &[]);
        let end = stop(&short);
        assert_eq!(end.apps, [exited(4, 25)]);
        assert_eq!(end.refused, [0]);
        assert_eq!(smallest_grace(&short), 25);
        let mut waits = pod(60, 10, &[app(0, 15)], &[], &[]);
        waits.apps.iter_mut().for_each(|a| a.waits_by_itself = true);
        let end = stop(&waits);
        assert_eq!(end.apps, [exited(0, 25)]);
        assert!(end.refused.is_empty());
        assert_eq!(smallest_grace(&waits), 25);
    }

    #[test]
    fn helpers_stay_for_the_slowest_app() {
        let helpers = [helper(31, 2), helper(12, 3)];
        let pod = pod(60, 10, &[app(10, 5), app(10, 20)], &helpers, &[]);
        let end = stop(&pod);
        assert_eq!(end.apps, [exited(10, 15), exited(10, 30)]);
        assert_eq!(end.helpers, [exited(31, 33), exited(12, 33)]);
        // If it leaves, the second is gone at 15: in time for the first app, not for the other.
        assert_eq!((end.early, end.orphaned), (vec![1], vec![1]));
        assert_eq!(smallest_grace(&pod), 33);
        let worst = play(&pod, Early::Leaves);
        assert_eq!(worst.helpers, [exited(31, 33), exited(12, 15)]);
    }

    #[test]
    fn sidecars_stop_one_by_one_the_last_first() {
        let sidecars = [helper(0, 4), helper(20, 3), helper(0, 2)];
        let ample = pod(60, 0, &[app(0, 5)], &[], &sidecars);
        // The middle one's own hook outlasts its turn, and the first waits for it.
        let all_exit = [exited(23, 27), exited(20, 23), exited(5, 7)];
        assert_eq!(stop(&ample).sidecars, all_exit);
        assert_eq!(smallest_grace(&ample), 27);
        let end = stop(&Pod { grace: 26, ..ample });
        let first_killed = [killed(23, 26), exited(20, 23), exited(5, 7)];
        assert_eq!(end.sidecars, first_killed);
        assert_eq!(end.cut, [Who::Sidecar(0)]);
    }

    #[test]
    fn used_up_grace_skips_the_order() {
        let sidecars = [helper(0, 1), helper(0, 2), helper(0, 5)];
        let pod = pod(12, 0, &[app(40, 9)], &[helper(0, 3)], &sidecars);
        let end = stop(&pod);
        assert_eq!(end.apps, [killed(12, 14)]);
        assert_eq!(end.helpers, [killed(0, 12)]);
        let at_once = [exited(12, 13), exited(12, 14), killed(12, 14)];
        assert_eq!(end.sidecars, at_once);
        assert_eq!(end.cut.len(), 5);
        assert_eq!(end.orphaned, [0]);
        assert_eq!(smallest_grace(&pod), 40 + 9 + 3 + 5 + 2 + 1);
    }

    #[test]
    fn nothing_to_do_needs_no_grace() {
        let pod = pod(0, 0, &[app(0, 0)], &[], &[helper(0, 0)]);
        assert_eq!(stop(&pod).apps, [exited(0, 0)]);
        assert_eq!(stop(&pod).cut, []);
        assert_eq!(smallest_grace(&Pod { margin: 3, ..pod }), 3);
    }

    #[test]
    fn jumping_is_ticking_and_more_grace_never_cuts_more() {
        let mut seed = 20_u64;
        let mut below = |bound: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % bound
        };
        for _ in 0..300 {
            let mut pairs = |most| -> Vec<(u64, u64)> {
                let some = 0..below(most);
                some.map(|_| (below(12), below(5))).collect()
            };
            let helpers =
                |list: Vec<(u64, u64)>| -> Vec<Helper> { list.into_iter().map(|(h, s)| helper(h, s)).collect() };
            let mut apps = vec![app(3, 8)];
            apps.extend(pairs(3).into_iter().map(|(h, r)| app(h, r)));
            let (helpers, sidecars) = (helpers(pairs(3)), helpers(pairs(4)));
            let pod = pod(0, below(12), &apps, &helpers, &sidecars);
            let enough = smallest_grace(&pod);
            for grace in 0..enough + 5 {
                let run = |early, clock| Shutdown::new(&pod, grace, early).run(clock);
                let best = run(Early::Drains, Clock::Jumps);
                assert_eq!(best.cut.is_empty(), grace >= enough, "{grace} {pod:?}");
                assert_eq!(best, run(Early::Drains, Clock::Ticks), "{grace} {pod:?}");
                let worst = run(Early::Leaves, Clock::Jumps);
                assert_eq!(worst, run(Early::Leaves, Clock::Ticks), "{grace} {pod:?}");
            }
        }
    }
}
