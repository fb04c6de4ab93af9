//! The patch: explicit RFC 6902 operations on the raw JSON, as few as there can be.
//!
//! Fields that nobody here knows survive, and a missing parent is added first: a patch that does not
//! apply would reject the pod, even under failurePolicy Ignore. It is written down at once, as the JSON that goes out.

use json_patch::Patch;
use serde::Serialize;

use super::keys;
use super::plan::{Plan, PlannedHandler, PlannedHook};
use super::pod::{Container, HookSource, Pod, Record, is_exec_sleep, is_policy_hook};
use super::policy::Hook;
use super::settings::Settings;
use super::subject::{Handler, Subject};

/// A patch as it goes out.
#[derive(Debug, Default)]
pub struct Json(Vec<u8>);

impl Json {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A list of operations; no bytes where it changes nothing.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Its operations.
    pub fn operations(&self) -> Patch {
        // What is written here can be read; `tests/judgement` holds it.
        serde_json::from_slice(&self.0).unwrap_or_default()
    }
}

/// What turns the subject as it stands into the planned one; `standing` is the pod with what an earlier
/// round of ours left in it, as `record` says.
pub fn write(subject: &Subject, standing: &Pod, record: Option<&Record>, plan: &Plan, settings: &Settings) -> Json {
    let mut patch = Writer { prefix: subject.kind.pod_pointer(), json: Vec::new() };
    let new = plan.record(standing);
    if record.map_or(!new.is_empty(), |old| *old != new) {
        patch.record(subject, &new);
    }
    for (index, container) in standing.containers.iter().enumerate() {
        let planned = plan.hooks.iter().find(|hook| hook.container == index);
        patch.hook(container, planned, settings);
    }
    patch.grace(subject, standing, record, plan);
    if !patch.json.is_empty() {
        patch.text("]");
    }
    Json(patch.json)
}

const ANNOTATIONS: &str = "/metadata/annotations";
/// Where the record is: [`keys::INJECTED`], escaped (RFC 6901).
const RECORD: &str = "/metadata/annotations/draingate.dev~1injected";

struct Writer {
    prefix: &'static str,
    json: Vec<u8>,
}

impl Writer {
    fn text(&mut self, text: &str) {
        self.json.extend_from_slice(text.as_bytes());
    }

    fn string(&mut self, text: &str) {
        super::json::write(&mut self.json, text);
    }

    fn value(&mut self, value: &(impl Serialize + ?Sized)) {
        // Numbers, strings and lists of those, into memory: there is nothing here that cannot be written.
        let written = serde_json::to_writer(&mut self.json, value);
        debug_assert!(written.is_ok());
    }

    /// An operation at a path, whose parts are our own constants and indexes: nothing in it has to be escaped.
    fn at(&mut self, operation: &str, path: &[&str]) {
        if self.json.is_empty() {
            self.json.reserve(512);
        }
        self.text(if self.json.is_empty() { "[" } else { "," });
        self.text("{\"op\":\"");
        self.text(operation);
        self.text("\",\"path\":\"");
        self.text(self.prefix);
        path.iter().for_each(|part| self.text(part));
        self.text("\"");
    }

    fn remove(&mut self, path: &[&str]) {
        self.at("remove", path);
        self.text("}");
    }

    /// An operation that puts what `value` writes.
    fn put(&mut self, operation: &str, path: &[&str], value: impl FnOnce(&mut Writer)) {
        self.at(operation, path);
        self.text(",\"value\":");
        value(self);
        self.text("}");
    }

    fn record(&mut self, subject: &Subject, record: &Record) {
        let metadata = &subject.pod.metadata;
        let old = metadata.annotations.as_ref().and_then(|annotations| annotations.get(keys::INJECTED));
        if record.is_empty() {
            // Only what we added goes: the map itself, where the record is all it holds.
            match &metadata.annotations {
                Some(annotations) if annotations.count == 1 && old.is_some() => self.remove(&[ANNOTATIONS]),
                _ if old.is_some() => self.remove(&[RECORD]),
                _ => {}
            }
            return;
        }
        let text = serde_json::to_string(record).unwrap_or_default();
        let record = |json: &mut Writer| json.string(&text);
        let annotations = |json: &mut Writer| {
            json.text("{");
            json.string(keys::INJECTED);
            json.text(":");
            record(json);
            json.text("}");
        };
        match &metadata.annotations {
            Some(_) if old.is_some() => self.put("replace", &[RECORD], record),
            Some(_) => self.put("add", &[RECORD], record),
            None if metadata.is_present() => self.put("add", &[ANNOTATIONS], annotations),
            None => self.put("add", &["/metadata"], |json| {
                json.text("{\"annotations\":");
                annotations(json);
                json.text("}");
            }),
        }
    }

    fn hook(&mut self, container: &Container, planned: Option<&PlannedHook>, settings: &Settings) {
        let ours = container.hook_source == HookSource::Injected;
        let Some((list, index)) = container.place else { return };
        let index = index.to_string();
        let lifecycle = ["/spec/", list, "/", &index, "/lifecycle"];
        let pre_stop = ["/spec/", list, "/", &index, "/lifecycle/preStop"];
        match planned {
            None if ours => {
                let more = container.raw.lifecycle.as_ref().is_some_and(|lifecycle| lifecycle.has_more());
                self.remove(if more { &pre_stop } else { &lifecycle });
            }
            None => {}
            Some(hook) if ours && stands(container, hook, settings) => {}
            Some(hook) => match &container.raw.lifecycle {
                None => self.put("add", &lifecycle, |json| {
                    json.text("{\"preStop\":");
                    json.handler(hook, settings);
                    json.text("}");
                }),
                Some(_) if ours => self.put("replace", &pre_stop, |json| json.handler(hook, settings)),
                Some(_) => self.put("add", &pre_stop, |json| json.handler(hook, settings)),
            },
        }
    }

    /// The preStop handler.
    fn handler(&mut self, hook: &PlannedHook, settings: &Settings) {
        match (hook.handler, settings.hook.value) {
            (PlannedHandler::ExecSleep, _) => {
                self.text("{\"exec\":{\"command\":");
                self.value(&["sleep", hook.seconds.to_string().as_str()]);
            }
            (PlannedHandler::Policy, Hook::HttpGet(get, _)) => {
                self.text("{\"httpGet\":{\"path\":");
                self.string(&get.path);
                self.text(",\"port\":");
                self.value(&get.port);
            }
            (PlannedHandler::Policy, Hook::Exec(exec, _)) => {
                self.text("{\"exec\":{\"command\":");
                self.value(&exec.command);
            }
            _ => {
                self.text("{\"sleep\":{\"seconds\":");
                self.value(&hook.seconds);
            }
        }
        self.text("}}");
    }

    fn grace(&mut self, subject: &Subject, standing: &Pod, record: Option<&Record>, plan: &Plan) {
        let ours = record.and_then(|record| record.grace).filter(|change| change.to == standing.grace);
        let wanted = match (plan.grace, ours) {
            (Some(change), _) => change.to,
            (None, Some(change)) => change.from,
            (None, None) => return,
        };
        let path = ["/spec/", subject.kind.grace_field()];
        match subject.pod.spec.termination_grace_period_seconds {
            Some(_) if wanted == standing.grace => {}
            Some(_) => self.put("replace", &path, |json| json.value(&wanted)),
            None => self.put("add", &path, |json| json.value(&wanted)),
        }
    }
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
