//! What a fix writes: a longer wait with the grace that it needs, in words and as changes of the object that are made together.
//!
//! It is what the plan would do. Pasted, the API server takes the object as it then stands, the finding is gone, and nothing
//! else that a hook does is lost. What only the app's owner can know is never among the changes.

use std::sync::Arc;

use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, Patch, PatchOperation, RemoveOperation, ReplaceOperation};
use serde_json::{Value, json};

use super::MAX_SECONDS;
use super::budget::Budget;
use super::hooks::{self, Lengthened};
use super::keys;
use super::pod::{self, Container, HookSource, Pod, Role};
use super::rules::Facts;
use super::settings::container_annotation;
use super::subject::Handler;
use super::text;
use super::world::SleepSupport;

/// A fix.
pub(crate) struct Mend {
    /// In words that can be pasted.
    pub(crate) words: String,
    /// As changes of the object; empty where they are for a person to make.
    pub(crate) edits: Patch,
}

impl Mend {
    /// One for a person to make.
    pub(crate) fn words(words: String) -> Mend {
        Mend { words, edits: Patch::default() }
    }
}

/// The longest line that is told in full, in bytes.
const MOST_TOLD: usize = 160;

/// A hook as it is to be.
struct Wait {
    words: String,
    edits: Vec<PatchOperation>,
    /// Nobody but a person can write it.
    by_hand: bool,
    /// What is known of it then.
    hook: Option<u64>,
    told: Option<u64>,
    reading: Option<Arc<hooks::Reading>>,
    /// How much longer the container waits than it did.
    grown: u64,
}

/// What a fix is made of.
#[derive(Default)]
struct Parts {
    words: Vec<String>,
    edits: Vec<PatchOperation>,
    by_hand: bool,
}

impl Parts {
    /// One more wait; the pod gets it.
    fn add(&mut self, pod: &mut Pod, container: &Container, wait: Wait) {
        for same in pod.containers.iter_mut().filter(|c| c.place == container.place) {
            (same.hook, same.told, same.reading) = (wait.hook, wait.told, wait.reading.clone());
            same.hook_source = HookSource::Written;
        }
        self.words.push(wait.words);
        self.edits.extend(wait.edits);
        self.by_hand |= wait.by_hand || wait.hook.is_none_or(|hook| hook > MAX_SECONDS);
    }
}

impl<'a> Facts<'_, 'a> {
    /// A field of the pod, as a person finds it in the manifest they own.
    pub(crate) fn in_owner(&self, field: &str) -> String {
        match self.subject.edited_in() {
            Some(owner) if self.subject.has_known_owner() => {
                format!("in its {}, spec.template.{field}", text::name(owner))
            }
            // Where its kind has its pods nobody here knows.
            Some(owner) => {
                let field = field.trim_start_matches("spec.");
                format!("where its {} sets it, {field}", text::name(owner))
            }
            None => format!("{}{field}", self.subject.kind.pod_path()),
        }
    }

    /// The changes, where it is this object that a person edits. At admission nobody reads them.
    pub(crate) fn edits(&self, operations: impl FnOnce() -> Vec<PatchOperation>) -> Patch {
        Patch(if self.is_edited { operations() } else { Vec::new() })
    }

    /// A pointer from the object to a part of its pod.
    pub(crate) fn pointer(&self, within: &str) -> String {
        format!("{}{within}", self.subject.kind.pod_pointer())
    }

    /// The grace as a change.
    pub(crate) fn set_grace(&self, seconds: u64) -> PatchOperation {
        let pointer = self.pointer(&format!("/spec/{}", self.subject.kind.grace_field()));
        match self.subject.pod.spec.termination_grace_period_seconds {
            Some(_) => replace(&pointer, json!(seconds)),
            None => add(&pointer, json!(seconds)),
        }
    }

    /// The container waits so many seconds before it is told to stop, by the plan's rules: with the grace for it, and with what
    /// the wait grew by for an app, as far as the ceiling allows.
    pub(crate) fn wait(&self, container: &Container, seconds: u64) -> Mend {
        self.with_grace(container, self.wait_of(container, seconds))
    }

    /// The native sleep in place of a hook that does no more, or that cannot run.
    pub(crate) fn native_wait(&self, container: &Container, seconds: u64) -> Mend {
        let before = container.told_at().unwrap_or(0);
        self.with_grace(container, self.native(container, seconds, seconds.saturating_sub(before)))
    }

    /// The grace that a pod needs.
    pub(crate) fn grace(&self, required: u64) -> Mend {
        let (mut after, mut parts) = (self.pod.clone(), Parts::default());
        let seconds = self.with_helpers(&mut after, &mut parts, required);
        parts.words.insert(0, self.grace_words(seconds));
        parts.edits.extend(self.edits(|| vec![self.set_grace(seconds)]).0);
        self.mend(parts)
    }

    fn with_grace(&self, container: &Container, wait: Wait) -> Mend {
        let (mut after, mut parts) = (self.pod.clone(), Parts::default());
        let (hook, grown) = (wait.hook.unwrap_or(0), wait.grown);
        parts.add(&mut after, container, wait);
        if container.role == Role::App && grown > 0 {
            self.helpers_wait(&mut after, &mut parts, |_| true);
        }
        if let Some(seconds) = self.grace_for(&after, hook, grown, container.role) {
            let seconds = self.with_helpers(&mut after, &mut parts, seconds);
            parts.words.push(self.grace_words(seconds));
            parts.edits.extend(self.edits(|| vec![self.set_grace(seconds)]).0);
        }
        self.mend(parts)
    }

    fn grace_words(&self, seconds: u64) -> String {
        self.in_owner(&format!("spec.{}: {seconds}", self.subject.kind.grace_field()))
    }

    /// The grace, which may be what kept the plan from its hooks: helpers whose own hooks are too short for those then wait
    /// longer, too, a second longer than the apps.
    fn with_helpers(&self, after: &mut Pod<'a>, parts: &mut Parts, seconds: u64) -> u64 {
        let before = parts.words.len();
        if self.plan.is_some_and(|plan| plan.refused.is_some()) {
            let until = self.budget.apps_done;
            self.helpers_wait(after, parts, |helper| helper.has_hook() && helper.leaves_at() >= until);
        }
        if parts.words.len() > before { seconds.saturating_add(1) } else { seconds }
    }

    fn mend(&self, parts: Parts) -> Mend {
        let Parts { words, mut edits, by_hand } = parts;
        if by_hand {
            edits.clear();
        }
        // The map itself goes with the last of them: a block that holds nothing is a null.
        let all = self.pointer("/metadata/annotations");
        let is_one = |edit: &PatchOperation| {
            matches!(edit, PatchOperation::Remove(_)) && edit.path().as_str().starts_with(&format!("{all}/"))
        };
        let gone = edits.iter().filter(|edit| is_one(edit)).count();
        if gone > 0 && self.subject.pod.metadata.annotations.as_ref().is_some_and(|a| a.count == gone) {
            edits.retain(|edit| !is_one(edit));
            edits.push(remove(&all));
        }
        Mend { words: words.join(", and "), edits: Patch(edits) }
    }

    /// As the plan would: helpers that the apps of a pod surely need for longer than they stay.
    fn helpers_wait(&self, after: &mut Pod<'a>, parts: &mut Parts, which: impl Fn(&Container) -> bool) {
        let early: Vec<_> = self.early_after(after).into_iter().filter(|(helper, _)| which(helper)).collect();
        for (helper, apps_done) in &early {
            let until = apps_done.saturating_add(1);
            let wait = match helper.written_by {
                _ if helper.role == Role::NativeSidecar => Some(self.by_hand(helper, no_stop(helper), *apps_done)),
                Some(by) => {
                    let stay = by.stay_fix(helper.told_at().unwrap_or(0), until, after.hold);
                    stay.map(|words| self.by_hand(helper, words, until))
                }
                None => Some(self.wait_of(helper, until)),
            };
            wait.into_iter().for_each(|wait| parts.add(after, helper, wait));
        }
    }

    /// How long the apps are at work, also where a plan that was refused would have them wait.
    pub(crate) fn until(&self, apps_done: Option<u64>) -> Option<u64> {
        apps_done.map(|done| done.max(self.plan.and_then(|plan| plan.apps_done).unwrap_or(0)))
    }

    /// The helpers that the apps of a pod surely need for longer than they stay, as the plan would have them wait, too.
    fn early_after(&self, after: &Pod<'a>) -> Vec<(Container<'a>, u64)> {
        let Some(apps_done) = self.until(Budget::of(after).apps_done) else { return Vec::new() };
        let is_early = |helper: &&Container| {
            let known = helper.hook_source != HookSource::Assumed && !helper.is_absent();
            known && helper.leaves_at().is_some_and(|leaves| leaves < apps_done)
        };
        let sidecars = after.of(Role::NativeSidecar).filter(|sidecar| sidecar.told.is_some());
        after.of(Role::Helper).chain(sidecars).filter(is_early).map(|helper| (helper.clone(), apps_done)).collect()
    }

    /// The grace for a pod with a wait that has grown; none where the one that is written is enough.
    fn grace_for(&self, after: &Pod, hook: u64, grown: u64, role: Role) -> Option<u64> {
        let written = pod::grace(self.subject.pod.spec.termination_grace_period_seconds, self.subject.kind);
        if grown == 0 && hook <= written {
            return None;
        }
        let grown = if role == Role::App { grown } else { 0 };
        let undiminished = written.saturating_add(grown).min(self.settings.max_seconds.value);
        let needed = Budget::of(after).required.unwrap_or(hook);
        Some(written.max(needed).max(undiminished)).filter(|grace| *grace > written)
    }

    fn wait_of(&self, container: &Container, seconds: u64) -> Wait {
        if self.subject.kind.is_knative() {
            let words = format!("let {:?} itself wait {seconds} s: Knative takes no lifecycle hooks", container.name());
            return self.by_hand(container, words, seconds);
        }
        let reading = container.reading.as_deref();
        let native = *self.sleep == SleepSupport::Native;
        let is_wait = reading.is_none_or(|reading| (reading.only_sleep && native) || reading.fails.is_some());
        let now = moment(container);
        let by = seconds.saturating_sub(now);
        if is_wait {
            return self.native(container, seconds, by);
        }
        let name = container.name();
        if let Some(wait) = self.longer_line(container, by) {
            return wait;
        }
        let stop = reading.and_then(|reading| reading.stop.as_ref());
        let words = match stop {
            Some(stop) => format!("in the preStop hook of {name:?}, sleep {by} before {}", text::quote(&stop.words)),
            None => format!("let the preStop hook of {name:?} wait {seconds} s in all"),
        };
        self.by_hand(container, words, seconds)
    }

    fn by_hand(&self, container: &Container, words: String, seconds: u64) -> Wait {
        let grown = seconds.saturating_sub(moment(container));
        let (told, reading) = (container.told.map(|_| seconds), container.reading.clone());
        Wait { words, edits: Vec::new(), by_hand: true, hook: Some(seconds), told, reading, grown }
    }

    /// A hook that is the wait and nothing else, in place of what there is.
    fn native(&self, container: &Container, seconds: u64, grown: u64) -> Wait {
        let is_native = container.raw.pre_stop().is_some_and(|handler| handler.sleep.is_some());
        let (kind, spelled, by_hand) = if is_native || *self.sleep == SleepSupport::Native {
            ("sleep", format!("sleep: {{seconds: {seconds}}}"), false)
        } else {
            let by_hand = self.subject.is_windows() || !matches!(self.sleep, SleepSupport::Exec { .. });
            ("exec", format!("exec: {{command: [sleep, \"{seconds}\"]}}"), by_hand)
        };
        let words = format!("in container {:?}, lifecycle: {{preStop: {{{spelled}}}}}", container.name());
        let edits = self.edits(|| self.native_edits(container, kind, seconds)).0;
        Wait { words, edits, by_hand, hook: Some(seconds), told: None, reading: None, grown }
    }

    fn native_edits(&self, container: &Container, kind: &str, seconds: u64) -> Vec<PatchOperation> {
        let at = |field: &str| self.pointer(&format!("{}/lifecycle{field}", container.pointer()));
        let value = match kind {
            "sleep" => json!({"seconds": seconds}),
            _ => json!({"command": ["sleep", seconds.to_string()]}),
        };
        let mut edits = match (&container.raw.lifecycle, container.raw.pre_stop()) {
            (None, _) => vec![add(&at(""), json!({"preStop": {kind: value}}))],
            (Some(_), None) => vec![add(&at("/preStop"), json!({kind: value}))],
            (Some(_), Some(existing)) if existing.sleep.is_some() => {
                vec![replace(&at("/preStop/sleep/seconds"), json!(seconds))]
            }
            (Some(_), Some(existing)) => {
                let (others, stands) = others(existing, kind);
                let first = at(&format!("/preStop/{kind}"));
                let set = if stands { replace(&first, value) } else { add(&first, value) };
                std::iter::once(set)
                    .chain(others.iter().map(|other| remove(&at(&format!("/preStop/{other}")))))
                    .collect()
            }
        };
        edits.extend(self.no_declaration(container));
        edits
    }

    /// The same command with a longer wait.
    fn longer_line(&self, container: &Container, by: u64) -> Option<Wait> {
        let exec = container.raw.pre_stop()?.exec.as_ref()?;
        let command: Vec<_> = exec.command.iter().map(|word| word.as_str()).collect();
        if exec.command.has_more() {
            return None;
        }
        let Lengthened { word, text, reading } = hooks::lengthened(&command, by, &|name| container.raw.variable(name))?;
        let name = container.name();
        let pointer = self.pointer(&format!("{}/lifecycle/preStop/exec/command/{word}", container.pointer()));
        let words = if text.len() <= MOST_TOLD && !text.contains(char::is_control) {
            format!("in container {name:?}, lifecycle.preStop.exec.command[{word}]: {}", Value::from(text.as_str()))
        } else {
            format!("let the preStop hook of {name:?} sleep {by} s longer before all else")
        };
        let mut edits = vec![replace(&pointer, Value::from(text))];
        let (mut hook, _) = pod::count(reading.length, self.pod.hold);
        let told =
            reading.stop.as_ref().filter(|stop| stop.certain).and_then(|stop| pod::count(stop.after, self.pod.hold).0);
        if container.hook_source == HookSource::Declared
            && let Some((key, _)) = container_annotation(self.subject, keys::PRESTOP_PREFIX, name)
        {
            // What somebody declared is longer by as much.
            hook = container.hook.and_then(|hook| hook.checked_add(by));
            edits.push(replace(&self.annotation(key), Value::from(hook?.to_string())));
        }
        Some(Wait { words, edits, by_hand: false, hook, told, reading: Some(Arc::new(reading)), grown: by })
    }

    /// A native sleep says itself how long it takes: what is declared goes.
    fn no_declaration(&self, container: &Container) -> Option<PatchOperation> {
        let (key, _) = container_annotation(self.subject, keys::PRESTOP_PREFIX, container.name())?;
        Some(remove(&self.annotation(key)))
    }

    fn annotation(&self, key: &str) -> String {
        self.pointer(&format!("/metadata/annotations/{}", keys::escape(key)))
    }
}

/// A question to the app's owner: what nobody has measured is no number to paste.
pub(crate) fn shorter_request(seconds: u64) -> String {
    format!(
        "or, if no request ever takes longer than {seconds} s: annotation {}: \"<seconds>\"",
        keys::WORST_CASE_REQUEST
    )
}

/// What a native sidecar's hook must not do.
pub(crate) fn no_stop(sidecar: &Container) -> String {
    format!("take the stop out of the preStop hook of {:?}: a native sidecar is stopped after the apps", sidecar.name())
}

/// When a container is told to stop as far as the words of its hook, or somebody, say so.
fn moment(container: &Container) -> u64 {
    let told = container.told_at().unwrap_or(0);
    let Some(reading) = container.reading.as_ref() else { return told };
    let is_declared = container.hook_source == HookSource::Declared;
    match &reading.stop {
        Some(stop) => stop.after.least().map_or(told, |least| if is_declared { least.min(told) } else { least }),
        None if is_declared => told,
        None => reading.length.least().unwrap_or(told),
    }
}

/// What else a handler does, and whether it does this already.
fn others(handler: &Handler, but: &str) -> (Vec<&'static str>, bool) {
    let Handler { exec, http_get, tcp_socket, sleep } = handler;
    let all = [
        ("exec", exec.is_some()),
        ("httpGet", http_get.is_some()),
        ("tcpSocket", tcp_socket.is_some()),
        ("sleep", sleep.is_some()),
    ];
    let there = all.into_iter().filter(|(_, is)| *is).map(|(kind, _)| kind);
    let (same, others): (Vec<_>, Vec<_>) = there.partition(|kind| *kind == but);
    (others, !same.is_empty())
}

// What points into an object is made of our own constants, indexes and escaped keys: always a pointer.

pub(crate) fn add(pointer: &str, value: Value) -> PatchOperation {
    PatchOperation::Add(AddOperation { path: PointerBuf::parse(pointer).unwrap_or_default(), value })
}

pub(crate) fn replace(pointer: &str, value: Value) -> PatchOperation {
    PatchOperation::Replace(ReplaceOperation { path: PointerBuf::parse(pointer).unwrap_or_default(), value })
}

pub(crate) fn remove(pointer: &str) -> PatchOperation {
    PatchOperation::Remove(RemoveOperation { path: PointerBuf::parse(pointer).unwrap_or_default() })
}
