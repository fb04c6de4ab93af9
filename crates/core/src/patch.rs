//! The patch: explicit RFC 6902 operations on the raw JSON, as few as there can be.
//!
//! Fields that nobody here knows survive, and a missing parent is added first: a patch that does not
//! apply would reject the pod, even under failurePolicy Ignore.

use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, Patch, PatchOperation, RemoveOperation, ReplaceOperation};
use serde_json::{Map, Value, json};

use super::keys;
use super::plan::{Plan, PlannedHandler, PlannedHook};
use super::pod::{Container, HookSource, Pod, Record, is_exec_sleep, is_policy_hook};
use super::policy::Hook;
use super::settings::Settings;
use super::subject::{Handler, Subject};

/// What turns the subject as it stands into the planned one; `standing` is the pod with what an earlier
/// round of ours left in it, as `record` says.
pub fn write(subject: &Subject, standing: &Pod, record: Option<&Record>, plan: &Plan, settings: &Settings) -> Patch {
    let mut patch = Writer { prefix: subject.kind.pod_pointer(), operations: Vec::new() };
    let new = plan.record(standing);
    if record.map_or(!new.is_empty(), |old| *old != new) {
        patch.record(subject, &new);
    }
    for (index, container) in standing.containers.iter().enumerate() {
        let planned = plan.hooks.iter().find(|hook| hook.container == index);
        patch.hook(container, planned, settings);
    }
    patch.grace(subject, standing, record, plan);
    Patch(patch.operations)
}

/// Where the record is: [`keys::INJECTED`], escaped (RFC 6901).
const RECORD: &str = "/metadata/annotations/draingate.dev~1injected";

struct Writer {
    prefix: &'static str,
    operations: Vec<PatchOperation>,
}

impl Writer {
    fn path(&self, rest: &str) -> PointerBuf {
        // `rest` is made of our own constants, indexes and escaped keys: always a pointer.
        PointerBuf::parse([self.prefix, rest].concat()).unwrap_or_default()
    }

    fn add(&mut self, path: &str, value: Value) {
        let path = self.path(path);
        self.operations.push(PatchOperation::Add(AddOperation { path, value }));
    }

    fn replace(&mut self, path: &str, value: Value) {
        let path = self.path(path);
        self.operations.push(PatchOperation::Replace(ReplaceOperation { path, value }));
    }

    fn remove(&mut self, path: &str) {
        let path = self.path(path);
        self.operations.push(PatchOperation::Remove(RemoveOperation { path }));
    }

    fn record(&mut self, subject: &Subject, record: &Record) {
        let metadata = &subject.pod.metadata;
        let old = metadata.annotations.as_ref().and_then(|annotations| annotations.get(keys::INJECTED));
        if record.is_empty() {
            // Only what we added goes: the map itself, where the record is all it holds.
            match &metadata.annotations {
                Some(annotations) if annotations.count == 1 && old.is_some() => self.remove("/metadata/annotations"),
                _ if old.is_some() => self.remove(RECORD),
                _ => {}
            }
            return;
        }
        let text = Value::String(serde_json::to_string(record).unwrap_or_default());
        let annotations = |text| object(keys::INJECTED, text);
        match &metadata.annotations {
            Some(_) if old.is_some() => self.replace(RECORD, text),
            Some(_) => self.add(RECORD, text),
            None if subject.pod.metadata.is_present() => self.add("/metadata/annotations", annotations(text)),
            None => self.add("/metadata", object("annotations", annotations(text))),
        }
    }

    fn hook(&mut self, container: &Container, planned: Option<&PlannedHook>, settings: &Settings) {
        let ours = container.hook_source == HookSource::Injected;
        let lifecycle = || container.pointer() + "/lifecycle";
        let pre_stop = || container.pointer() + "/lifecycle/preStop";
        match planned {
            None if ours => {
                let more = container.raw.lifecycle.as_ref().is_some_and(|lifecycle| lifecycle.has_more());
                self.remove(&if more { pre_stop() } else { lifecycle() });
            }
            None => {}
            Some(hook) if ours && stands(container, hook, settings) => {}
            Some(hook) => {
                let handler = handler(hook, settings);
                match &container.raw.lifecycle {
                    None => self.add(&lifecycle(), object("preStop", handler)),
                    Some(_) if ours => self.replace(&pre_stop(), handler),
                    Some(_) => self.add(&pre_stop(), handler),
                }
            }
        }
    }

    fn grace(&mut self, subject: &Subject, standing: &Pod, record: Option<&Record>, plan: &Plan) {
        let ours = record.and_then(|record| record.grace).filter(|change| change.to == standing.grace);
        let wanted = match (plan.grace, ours) {
            (Some(change), _) => change.to,
            (None, Some(change)) => change.from,
            (None, None) => return,
        };
        let path = || format!("/spec/{}", subject.kind.grace_field());
        match subject.pod.spec.termination_grace_period_seconds {
            Some(_) if wanted == standing.grace => {}
            Some(_) => self.replace(&path(), json!(wanted)),
            None => self.add(&path(), json!(wanted)),
        }
    }
}

/// An object with one entry.
fn object(key: &str, value: Value) -> Value {
    let mut map = Map::new();
    map.insert(key.to_owned(), value);
    Value::Object(map)
}

/// Whether the hook that stands is the planned one: a role that changed may ask for the same length in another way.
fn stands(container: &Container, planned: &PlannedHook, settings: &Settings) -> bool {
    let seconds = planned.seconds;
    let same = |handler: &Handler| match planned.handler {
        PlannedHandler::Sleep => handler.sleep.is_some(),
        PlannedHandler::ExecSleep => is_exec_sleep(handler, seconds),
        PlannedHandler::Policy => is_policy_hook(handler, seconds, settings.hook.value),
    };
    container.hook == Some(seconds) && container.raw.pre_stop().is_some_and(same)
}

/// The preStop handler's JSON.
fn handler(hook: &PlannedHook, settings: &Settings) -> Value {
    match (hook.handler, settings.hook.value) {
        (PlannedHandler::ExecSleep, _) => json!({"exec": {"command": ["sleep", hook.seconds.to_string()]}}),
        (PlannedHandler::Policy, Hook::HttpGet(get, _)) => json!({"httpGet": {"path": get.path, "port": get.port}}),
        (PlannedHandler::Policy, Hook::Exec(exec, _)) => json!({"exec": {"command": exec.command}}),
        _ => json!({"sleep": {"seconds": hook.seconds}}),
    }
}
