//! What each webhook answers in each mode. `/mutate` patches and says nothing; `/validate` judges, tells
//! and records.

use crate::judge::{self, Excuse, Judgement, Verdict, View};
use crate::mode::Mode;
use crate::owner::StatefulSetId;
use crate::subject::{Kind, Subject};
use crate::world::Context;

use crate::messages;
use crate::review::{Answer, Object, Operation, Review};

/// The two webhooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Webhook {
    /// `/mutate`
    Mutate,
    /// `/validate`
    Validate,
}

impl Webhook {
    /// For metrics and the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Webhook::Mutate => "mutate",
            Webhook::Validate => "validate",
        }
    }

    /// Whether it has anything to do in a namespace of this mode.
    pub fn acts_in(self, mode: Mode) -> bool {
        match self {
            Webhook::Mutate => mode.injects(),
            Webhook::Validate => mode > Mode::Off,
        }
    }
}

/// An answer and what it was about, for metrics and the log.
#[derive(Debug)]
pub struct Outcome {
    /// What goes back.
    pub answer: Answer,
    /// The namespace's mode.
    pub mode: Mode,
    /// In one word; `None` where nothing was judged.
    pub verdict: Option<Verdict>,
    /// Codes of the findings, in order.
    pub codes: Vec<crate::finding::Code>,
    /// Why the subject was passed over.
    pub skipped: Option<&'static str>,
    /// Why a pod was let in that would have been rejected, but for our own trouble.
    pub excuse: Option<Excuse>,
    /// What its workload should hear of; never for a dry run.
    pub event: Option<WorkloadEvent>,
}

impl Outcome {
    fn allow(mode: Mode) -> Outcome {
        Outcome {
            answer: Answer::default(),
            mode,
            verdict: None,
            codes: Vec::new(),
            skipped: None,
            excuse: None,
            event: None,
        }
    }
}

/// What happened to a workload's pod, or to a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadEvent {
    /// Why it is recorded.
    pub reason: EventReason,
    /// Where.
    pub namespace: String,
    /// In words, with the numbers.
    pub text: String,
    /// Whose pod it was; or the namespace.
    pub workload: Workload,
    /// The Event's name, where every replica has the same to record: only the first of them does.
    pub name: Option<String>,
}

/// What can happen to a pod, or to a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventReason {
    /// It got hooks or a longer grace.
    Injected,
    /// It was turned away.
    Rejected,
    /// A container of it was killed at the end of the grace.
    Killed,
    /// The namespace's mode is lower than it was.
    Lowered,
}

/// A pod's controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// For example `apps/v1`.
    pub api_version: String,
    /// For example `ReplicaSet`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// The Deployment above it.
    pub deployment: Option<String>,
}

/// The kind to look at, where this webhook has anything to do with the request.
pub fn concerns(webhook: Webhook, review: &Review) -> Option<Kind> {
    let kind = review.kind?;
    match (webhook, kind, review.operation) {
        (_, Kind::Pod, Operation::Create) => Some(kind),
        (_, Kind::Pod, _) | (Webhook::Mutate, ..) => None,
        (Webhook::Validate, _, Operation::Create) => Some(kind),
        (Webhook::Validate, _, Operation::Update) => review.template_changed(kind).then_some(kind),
        (Webhook::Validate, _, Operation::Delete | Operation::Other) => None,
    }
}

/// The StatefulSet to read before a pod is judged: where it is not known, and what is said of the pod may rest on it. And
/// whether the pod is not its first, so that there was more than one when it was made.
pub fn owner_to_read(
    webhook: Webhook,
    kind: Kind,
    review: &Review,
    context: &Context,
) -> Option<(StatefulSetId, bool)> {
    if kind != Kind::Pod || !webhook.acts_in(context.mode().mode) {
        return None;
    }
    let read;
    let pod = match &review.object {
        Object::Pod(pod) => &**pod,
        Object::Raw(object) => {
            read = Subject::parse(kind, object).ok()?;
            &read
        }
        Object::None => return None,
    };
    let controller = pod.controller.as_ref().filter(|owner| owner.is_credible())?;
    if Kind::of_object(&controller.api_version, &controller.kind) != Some(Kind::StatefulSet)
        || context.owner(pod).is_some()
        || !judge::rests_on_owner(pod, context)
    {
        return None;
    }
    let ordinal = pod.name.strip_prefix(controller.name.as_str()).and_then(|rest| rest.strip_prefix('-'));
    let is_later = ordinal.is_some_and(|ordinal| ordinal.parse::<u64>().is_ok_and(|ordinal| ordinal > 0));
    let id = StatefulSetId {
        namespace: context.namespace.to_owned(),
        name: controller.name.to_string(),
        uid: controller.uid.to_string(),
    };
    Some((id, is_later))
}

/// Answers a request about `kind`, whose namespace is that of the context.
///
/// # Errors
/// A sentence, when the object cannot be read; the caller answers HTTP 400.
pub fn admit(webhook: Webhook, kind: Kind, review: &Review, context: &Context) -> Result<Outcome, String> {
    let namespace = context.namespace;
    let of_namespace = context.mode();
    // Nobody is rejected for what nobody has read.
    let is_unread = of_namespace.mode == Mode::Enforce && context.has_unread_policies();
    let mode = if is_unread { Mode::Inject } else { of_namespace.mode };
    if !webhook.acts_in(mode) {
        return Ok(Outcome::allow(mode));
    }
    let read;
    let subject = match &review.object {
        Object::Pod(pod) => &**pod,
        Object::Raw(object) => {
            read = Subject::parse(kind, object).map_err(|e| format!("request.object: {e}"))?;
            &read
        }
        Object::None => return Ok(Outcome::allow(mode)),
    };
    match webhook {
        Webhook::Mutate => {
            let patch = judge::patch_for(subject, context);
            let mut outcome = Outcome::allow(mode);
            if !patch.is_empty() {
                outcome.answer.patch = Some(patch.into_bytes());
                outcome.verdict = Some(Verdict::Fixed);
            }
            Ok(outcome)
        }
        Webhook::Validate => {
            let view = if kind == Kind::Pod && mode.injects() { View::Final } else { View::AsAdmitted };
            let judgement = judge::judge(subject, context, view);
            let mut outcome = validated(subject, &judgement, mode, namespace, of_namespace.is_minimum);
            if !review.dry_run && view == View::Final {
                outcome.event = workload_event(subject, &judgement, &outcome, namespace);
            }
            if let (Some(unknown), None) = (of_namespace.unknown, &judgement.skipped) {
                outcome.answer.warnings.insert(0, messages::unknown_mode(namespace, unknown));
            }
            if is_unread && judgement.skipped.is_none() {
                outcome.answer.warnings.insert(0, messages::UNREAD_POLICIES.to_owned());
            }
            Ok(outcome)
        }
    }
}

/// What `/validate` says about a judgement.
fn validated(subject: &Subject, judgement: &Judgement, mode: Mode, namespace: &str, is_minimum: bool) -> Outcome {
    let rejected = judge::rejects(mode, subject, judgement);
    let answer = Answer {
        patch: None,
        denial: rejected.then(|| messages::denial(subject, judgement, namespace, is_minimum)),
        warnings: if mode == Mode::Audit { Vec::new() } else { messages::warnings(subject, judgement, mode) },
        audit: messages::audit(subject, judgement, mode),
    };
    Outcome {
        answer,
        mode,
        verdict: Some(judgement.verdict()),
        codes: judgement.findings.iter().map(|finding| finding.code).collect(),
        skipped: judgement.skipped.as_ref().map(|skip| skip.as_str()),
        excuse: judgement.excuse.filter(|_| mode == Mode::Enforce && subject.kind == Kind::Pod && !rejected),
        event: None,
    }
}

/// What to record on the pod's workload; nothing where there is none.
fn workload_event(
    subject: &Subject,
    judgement: &Judgement,
    outcome: &Outcome,
    namespace: &str,
) -> Option<WorkloadEvent> {
    let owner = subject.controller.as_ref().filter(|owner| owner.is_credible())?;
    let (reason, text) = match &outcome.answer.denial {
        Some(denial) => (EventReason::Rejected, denial.clone()),
        None => (EventReason::Injected, format!("its pods get {}", judgement.injected()?)),
    };
    // Hundreds of these may wait to be told.
    let text = messages::cut(text, messages::EVENT_LIMIT);
    let workload = Workload {
        api_version: owner.api_version.to_string(),
        kind: owner.kind.to_string(),
        name: owner.name.to_string(),
        uid: owner.uid.to_string(),
        deployment: subject.deployment().map(str::to_owned),
    };
    Some(WorkloadEvent { reason, namespace: namespace.to_owned(), text, workload, name: None })
}
