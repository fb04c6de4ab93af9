//! The policies that the measures ask for, as YAML with a comment behind each value.
//!
//! A value is only ever raised. Of the policies in one namespace a pod has one, so that a new one carries over what the
//! one before it said.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;

use super::requirements::{Requirement, Requirements};
use super::seen::WorkloadKey;
use super::tally::Tallies;
use draingate_core::judge::{View, judge};
use draingate_core::pod::Role;
use draingate_core::policy::{
    API_VERSION, HelperSpec, Hook, HookSpec, HookType, Pattern, Policy, PolicyKind, PolicySpec,
};
use draingate_core::selector::LabelSelector;
use draingate_core::subject::{Kind, Subject};
use draingate_core::world::World;

/// What people have to know before they apply it.
const HEAD: &str = "# Values are only raised, and only where the measures prove them too small.\n\
    # Endpoint propagation was measured at the EndpointSlices only: a lower bound. It is never lowered;\n\
    # `draingate rehearse` measures it from the clients' side.\n";

/// A policy to be.
struct Draft {
    spec: PolicySpec,
    created: Option<String>,
    /// Comments above it.
    notes: Vec<String>,
    /// By the value's place: `worstCaseRequestSeconds`, or a helper's name.
    because: BTreeMap<String, String>,
    /// The workloads that ask for it, each with a pod of it.
    pods: Vec<(WorkloadKey, Box<str>)>,
}

/// The workloads for whose sake a policy is needed.
pub(crate) fn asking(tallies: &Tallies, world: &World) -> Vec<WorkloadKey> {
    let requirements =
        |(key, tally)| Requirements::of(key, tally, world).filter(Requirements::any).map(|_| key.clone());
    tallies.iter().filter_map(requirements).collect()
}

/// The policies and what there is to say, as YAML. `selectors`: how the controllers select their pods, where that is
/// known.
pub(crate) fn suggest(
    tallies: &Tallies,
    world: &World,
    selectors: &BTreeMap<WorkloadKey, LabelSelector>,
    head: &str,
) -> String {
    let mut text = format!("# {head}\n{HEAD}");
    let mut namespaces: BTreeMap<&str, (BTreeMap<String, Draft>, Vec<String>)> = BTreeMap::new();
    for (key, tally) in tallies.iter() {
        let (drafts, remarks) = namespaces.entry(&key.namespace).or_default();
        let Some(mut requirements) = Requirements::of(key, tally, world) else { continue };
        remarks.append(&mut requirements.remarks);
        if let Some(sample) = tally.sample.clone().filter(|_| requirements.any()) {
            add(drafts, key, requirements, sample, selectors.get(key));
        }
    }
    for (namespace, (drafts, remarks)) in namespaces {
        if drafts.is_empty() {
            let _ = writeln!(text, "# {namespace}: no setting was proven too small, nothing is asked for.");
        }
        for remark in &remarks {
            let _ = writeln!(text, "# {}", one_line(remark));
        }
        for (name, draft) in drafts {
            text.push_str(&draft.yaml(namespace, &name, world));
        }
    }
    text
}

fn add(
    drafts: &mut BTreeMap<String, Draft>,
    key: &WorkloadKey,
    requirements: Requirements,
    sample: Box<str>,
    selector: Option<&LabelSelector>,
) {
    let Requirements { request, endpoint, stops, policy, labels, .. } = requirements;
    let selective = |spec: &PolicySpec| spec.selector.as_ref().is_some_and(|selector| !selector.is_empty());
    let from_labels = LabelSelector { match_labels: labels, match_expressions: Vec::new() };
    let selector = selector.cloned().unwrap_or(from_labels);
    let mut notes = Vec::new();
    let (name, spec, created) = match policy {
        // A second one with a selector would lose against it.
        Some(policy) if selective(&policy.spec) || selector.is_empty() => {
            notes.push(format!("{} with higher values; it covers all pods that it covered", policy.title));
            let (name, created) = (policy.name.clone(), policy.created.clone());
            (name, whole(policy), created)
        }
        Some(policy) => {
            notes.push(format!("what {} says is carried over: a pod has only one DrainPolicy", policy.title));
            let spec = PolicySpec { selector: Some(selector), ..whole(policy) };
            (unused_name(drafts, key, &spec), spec, None)
        }
        None if selector.is_empty() => ("observed".to_owned(), PolicySpec::default(), None),
        None => {
            let spec = PolicySpec { selector: Some(selector), ..PolicySpec::default() };
            (unused_name(drafts, key, &spec), spec, None)
        }
    };
    let draft = drafts.entry(name).or_insert_with(|| Draft {
        spec,
        created,
        notes,
        because: BTreeMap::new(),
        pods: Vec::new(),
    });
    draft.raise("worstCaseRequestSeconds", request, |spec| &mut spec.budget.worst_case_request_seconds);
    draft.raise("endpointPropagationSeconds", endpoint, |spec| &mut spec.budget.endpoint_propagation_seconds);
    for (container, required) in stops {
        draft.raise_stop(&container, required);
    }
    draft.pods.push((key.clone(), sample));
}

/// A name that no draft with another selector has.
fn unused_name(drafts: &BTreeMap<String, Draft>, key: &WorkloadKey, spec: &PolicySpec) -> String {
    let same = drafts.iter().find(|(_, draft)| draft.spec.selector == spec.selector);
    if let Some((name, _)) = same {
        return name.clone();
    }
    let short: String = format!("observed-{}", key.name).chars().take(253).collect();
    let short = short.trim_end_matches(['-', '.']).to_owned();
    if drafts.contains_key(&short) { format!("observed-{}-{}", key.kind.to_lowercase(), key.name) } else { short }
}

/// A policy's spec with its hook, which reading took out.
fn whole(policy: Policy) -> PolicySpec {
    let plain = |kind| HookSpec { kind, http_get: None, exec: None, seconds: None };
    let hook = policy.hook.map(|hook| match hook {
        Hook::Sleep => plain(HookType::Sleep),
        Hook::None => plain(HookType::None),
        Hook::HttpGet(http_get, seconds) => {
            HookSpec { http_get: Some(http_get), seconds: Some(seconds), ..plain(HookType::HTTPGet) }
        }
        Hook::Exec(exec, seconds) => HookSpec { exec: Some(exec), seconds: Some(seconds), ..plain(HookType::Exec) },
    });
    PolicySpec { hook, ..policy.spec }
}

impl Draft {
    fn raise(
        &mut self,
        place: &str,
        required: Option<Requirement>,
        field: impl Fn(&mut PolicySpec) -> &mut Option<u64>,
    ) {
        let Some(required) = required else { return };
        let value = field(&mut self.spec);
        if value.is_none_or(|now| now < required.seconds) {
            *value = Some(required.seconds);
            if let Some(before) = self.because.insert(place.to_owned(), required.because) {
                self.notes.push(before);
            }
        } else {
            self.notes.push(required.because);
        }
    }

    fn raise_stop(&mut self, container: &str, required: Requirement) {
        let entries = &mut self.spec.helpers;
        let named = Some(Pattern::Name(container));
        let now = entries.iter().find(|entry| entry.means() == named).and_then(|entry| entry.stop_seconds);
        if now.is_some_and(|now| now >= required.seconds) {
            self.notes.push(required.because);
            return;
        }
        let role = entries.iter().find(|entry| entry.means() == named).and_then(|entry| entry.role);
        entries.retain(|entry| entry.means() != named);
        let (name, stop_seconds) = (Some(container.to_owned()), Some(required.seconds));
        entries.push(HelperSpec { name, image: None, stop_seconds, role });
        self.because.insert(container.to_owned(), required.because);
    }

    fn yaml(&self, namespace: &str, name: &str, world: &World) -> String {
        let mut text = String::from("---\n");
        for note in self.notes.iter().chain(&self.tried(namespace, name, world)) {
            let _ = writeln!(text, "# {}", one_line(note));
        }
        let _ = writeln!(text, "apiVersion: {API_VERSION}\nkind: DrainPolicy");
        let _ = writeln!(text, "metadata: {{name: {}, namespace: {}}}\nspec:", json(&name), json(&namespace));
        let spec = self.spec_json();
        let fields =
            ["selector", "profile", "budget", "hook", "gracePeriod", "helpers", "appliesTo", "controllers", "rules"];
        for field in fields {
            match spec.get(field) {
                None | Some(Value::Null) => {}
                Some(Value::Object(values)) if values.is_empty() => {}
                Some(Value::Object(values)) if field == "budget" => {
                    let _ = writeln!(text, "  budget:");
                    for (place, value) in values {
                        let _ = writeln!(text, "    {place}: {value}{}", self.comment(place));
                    }
                }
                Some(Value::Array(values)) if field == "helpers" => {
                    let _ = writeln!(text, "  helpers:");
                    for value in values {
                        let place = value.get("name").and_then(Value::as_str).unwrap_or_default();
                        let _ = writeln!(text, "  - {value}{}", self.comment(place));
                    }
                }
                // JSON is YAML, and leaves no doubt about what is a string.
                Some(value) => {
                    let _ = writeln!(text, "  {field}: {value}");
                }
            }
        }
        text
    }

    fn comment(&self, place: &str) -> String {
        self.because.get(place).map(|because| format!("  # {}", one_line(because))).unwrap_or_default()
    }

    fn spec_json(&self) -> Value {
        serde_json::to_value(&self.spec).unwrap_or_default()
    }

    /// What becomes of the workloads' pods with this policy; what it cannot do.
    fn tried(&self, namespace: &str, name: &str, world: &World) -> Vec<String> {
        let mut world = world.excerpt(&[namespace.to_owned()]);
        // A new one is the youngest.
        let created = self.created.clone().or_else(|| Some("9999".to_owned()));
        let policy = Policy::read(PolicyKind::DrainPolicy, namespace, name, created, &self.spec_json());
        world.set_policy(PolicyKind::DrainPolicy, namespace, policy);
        let mut said = BTreeSet::new();
        for (key, sample) in &self.pods {
            let Ok(subject) = Subject::parse(Kind::Pod, sample) else { continue };
            let judgement = judge(&subject, &world.context(namespace), View::AsAdmitted);
            let taken = judgement.pod.containers.iter().all(|container| match container.role {
                Role::App => self.spec.budget.worst_case_request_seconds.is_none_or(|r| container.request.value >= r),
                Role::Helper | Role::Auxiliary | Role::NativeSidecar => {
                    let asked =
                        self.spec.helpers.iter().find(|entry| entry.means() == Some(Pattern::Name(container.name())));
                    asked.and_then(|entry| entry.stop_seconds).is_none_or(|s| container.stop >= s)
                }
            });
            let title = format!("{} {namespace}/{}", key.kind, key.name);
            let required = judgement.required.map_or("no grace".to_owned(), |seconds| format!("{seconds} s"));
            said.insert(match (&judgement.plan.refused, taken) {
                (_, false) => format!("{title}: an annotation or another policy wins over a part of this"),
                (Some(why), _) => format!(
                    "{title}: would need {required} with it, which is not injected ({why:?}); the ceiling is {} s ({})",
                    judgement.settings.max_seconds.value, judgement.settings.max_seconds.source
                ),
                (None, true) => format!("{title}: its pods need a grace of {required} with it"),
            });
        }
        said.into_iter().collect()
    }
}

fn json(value: &&str) -> String {
    Value::from(*value).to_string()
}

/// A comment ends with its line.
fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}
