//! The plan: the hooks and the grace that a pod gets, all or nothing.
//!
//! A hook without the grace for it would harm, so where G would still be too small nothing is injected.

use super::budget::{Budget, need};
use super::pod::{GraceChange, HookSource, Pod, Record, Role};
use super::policy::{Adjust, Hook};
use super::settings::Settings;
use super::world::SleepSupport;

/// Why nothing is injected although something should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// `adjust: Never`.
    NeverRaised,
    /// `required` is above the ceiling.
    Ceiling,
    /// A hook without a believable end, or an overflow.
    Endless,
    /// A wait would have to be written, and the cluster or the pod cannot take one: the reason, in words.
    NoSleep(String),
}

/// A hook to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedHook {
    /// Index into [`Pod::containers`].
    pub container: usize,
    /// Its length in seconds.
    pub seconds: u64,
    /// What to write.
    pub handler: PlannedHandler,
}

/// What to write as a preStop handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlannedHandler {
    /// `sleep: {seconds}`.
    Sleep,
    /// `exec: {command: ["sleep", "N"]}`.
    ExecSleep,
    /// The policy's own httpGet or exec.
    Policy,
}

/// What a pod gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In the order of the containers.
    pub hooks: Vec<PlannedHook>,
    /// The grace, where it changes.
    pub grace: Option<GraceChange>,
    /// Why nothing is injected; `hooks` and `grace` are then empty.
    pub refused: Option<Refusal>,
    /// `required` of the pod with those hooks, also of a plan that was refused.
    pub required: Option<u64>,
    /// When the apps of that pod are done, in seconds.
    pub apps_done: Option<u64>,
}

impl Plan {
    /// The plan for a pod that carries nothing of ours.
    pub fn of(pod: &Pod, settings: &Settings, sleep: &SleepSupport, windows: bool) -> Plan {
        match hooks(pod, settings, sleep, windows) {
            Ok((hooks, with_hooks)) => with_grace(hooks, &with_hooks, settings),
            Err(reason) => {
                Plan { required: Budget::of(pod).required, refused: Some(Refusal::NoSleep(reason)), ..Plan::default() }
            }
        }
    }

    /// The pod after this plan.
    pub fn apply<'a>(&self, mut pod: Pod<'a>) -> Pod<'a> {
        for hook in &self.hooks {
            set_hook(&mut pod, hook);
        }
        if let Some(change) = self.grace {
            pod.grace = change.to;
        }
        pod
    }

    /// What the annotation will say.
    pub fn record(&self, pod: &Pod) -> Record {
        let name = |hook: &PlannedHook| pod.containers.get(hook.container).map(|c| (c.name().to_owned(), hook.seconds));
        Record { hooks: self.hooks.iter().filter_map(name).collect(), grace: self.grace }
    }
}

fn set_hook(pod: &mut Pod, hook: &PlannedHook) {
    if let Some(container) = pod.containers.get_mut(hook.container) {
        container.hook = Some(hook.seconds);
        container.hook_source = HookSource::Injected;
    }
}

/// The hooks that apps and helpers without one get, and the pod with them.
fn hooks<'a>(
    pod: &Pod<'a>,
    settings: &Settings,
    sleep: &SleepSupport,
    windows: bool,
) -> Result<(Vec<PlannedHook>, Pod<'a>), String> {
    let mut pod = pod.clone();
    let mut planned = Vec::new();
    let wait = match sleep {
        SleepSupport::Native => Ok(PlannedHandler::Sleep),
        SleepSupport::Exec { .. } if !windows => Ok(PlannedHandler::ExecSleep),
        SleepSupport::Exec { because } => Err(format!("{because}, and a Windows pod has no sleep to run")),
        SleepSupport::Unsupported { because } => Err(because.clone()),
    };
    let for_apps = match settings.hook.value {
        _ if !pod.hold_reason.holds() => None,
        Hook::Sleep => (pod.hold > 0).then(|| (pod.hold, wait.clone())),
        Hook::HttpGet(_, seconds) | Hook::Exec(_, seconds) => Some((*seconds, Ok(PlannedHandler::Policy))),
        Hook::None => None,
    };
    give(&mut pod, Role::App, for_apps, &mut planned)?;
    // One second more than the apps need: a helper must not race the last of them.
    let for_helpers = Budget::of(&pod).apps_done.filter(|done| *done > 0).and_then(|done| done.checked_add(1));
    give(&mut pod, Role::Helper, for_helpers.map(|seconds| (seconds, wait)), &mut planned)?;
    planned.sort_by_key(|hook| hook.container);
    Ok((planned, pod))
}

/// One hook for every container of `role` that has none. What an app waits by itself after SIGTERM it needs not wait
/// before, and a helper that serves on for so long needs no hook.
fn give(
    pod: &mut Pod,
    role: Role,
    hook: Option<(u64, Result<PlannedHandler, String>)>,
    planned: &mut Vec<PlannedHook>,
) -> Result<(), String> {
    let Some((seconds, handler)) = hook else { return Ok(()) };
    for container in 0..pod.containers.len() {
        // Without a name it may be a null, into which nothing can be written; the API server takes no such pod.
        let can = |c: &super::pod::Container| !c.is_absent() && !c.name().is_empty();
        let fits = |c: &&super::pod::Container| c.role == role && !c.has_hook() && can(c);
        let Some(given) = pod.containers.get(container).filter(fits) else { continue };
        let (accepts, need) = (given.accepts(), need(given, pod.hold).filter(|_| role == Role::App));
        let seconds = match handler {
            Ok(PlannedHandler::Policy) => seconds,
            _ if need.is_some() => need.unwrap_or_default(),
            _ if accepts >= seconds => continue,
            _ if role == Role::App => seconds - accepts,
            _ => seconds,
        };
        let hook = PlannedHook { container, seconds, handler: handler.clone()? };
        set_hook(pod, &hook);
        planned.push(hook);
    }
    Ok(())
}

/// The grace for those hooks, or a refusal. A hook is not taken out of an app's time after SIGTERM: the grace grows by it,
/// as far as it may grow.
fn with_grace(hooks: Vec<PlannedHook>, pod: &Pod, settings: &Settings) -> Plan {
    let Budget { required, apps_done, .. } = Budget::of(pod);
    let required = required.filter(|_| {
        let bound = |hook: &PlannedHook| hook.seconds <= super::MAX_SECONDS;
        hooks.iter().all(bound)
    });
    let refuse = |why| Plan { required, apps_done, refused: Some(why), ..Plan::default() };
    let Some(needed) = required else { return refuse(Refusal::Endless) };
    let (from, ceiling) = (pod.grace, settings.max_seconds.value);
    let to = match settings.adjust.value {
        Adjust::Never if from < needed => return refuse(Refusal::NeverRaised),
        Adjust::Never => from,
        Adjust::Raise if from.max(ceiling) < needed => return refuse(Refusal::Ceiling),
        Adjust::Raise => {
            let undiminished = from.saturating_add(longest_of_apps(&hooks, pod));
            from.max(needed).max(undiminished.min(ceiling))
        }
    };
    let grace = (to > from).then_some(GraceChange { from, to });
    Plan { hooks, grace, required, apps_done, refused: None }
}

/// The longest hook that an app is given, in seconds.
fn longest_of_apps(hooks: &[PlannedHook], pod: &Pod) -> u64 {
    let of_app = |hook: &&PlannedHook| pod.containers.get(hook.container).is_some_and(|c| c.role == Role::App);
    hooks.iter().filter(of_app).map(|hook| hook.seconds).max().unwrap_or(0)
}
