//! The HTTP around the two webhooks.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures::future::BoxFuture;
use serde::Deserialize;
use tracing::{debug, info, warn};

use super::changes::{self, Changes};
use super::metrics::{OwnerResult, WebhookMetrics};
use crate::locks;
use crate::serve::body::read_body;
use draingate_core::admit::{self, Outcome, Webhook, WorkloadEvent};
use draingate_core::judge::Verdict;
use draingate_core::owner::{Owner, StatefulSetId};
use draingate_core::review::{Answer, Review};
use draingate_core::subject::Kind;
use draingate_core::world::{Context, World};

type Labels = BTreeMap<String, String>;

/// Reads one namespace's labels from the API server; `None` where there is no such namespace.
pub type ReadNamespace = Arc<dyn Fn(String) -> BoxFuture<'static, Result<Option<Labels>, String>> + Send + Sync>;

/// Reads a pod's StatefulSet from the API server; `None` where there is none such. The second argument: the pod is not its
/// first, so that an older answer may know of one pod only.
pub type ReadOwner =
    Arc<dyn Fn(StatefulSetId, bool) -> BoxFuture<'static, Result<Option<Owner>, String>> + Send + Sync>;

/// Takes what is to be recorded on a workload, and returns at once.
pub type EventSink = Arc<dyn Fn(WorkloadEvent) + Send + Sync>;

/// What the handlers share.
#[derive(Clone)]
pub struct Webhooks {
    /// Filled by the watches, or once from files.
    pub world: Arc<RwLock<World>>,
    /// For a namespace that the watch has not seen; `None` without a cluster.
    pub read_namespace: Option<ReadNamespace>,
    /// For a pod that may be the only one of its StatefulSet; `None` without a cluster.
    pub read_owner: Option<ReadOwner>,
    /// Looks at running pods when a label or a policy changes; `None` without a cluster.
    pub changes: Option<Arc<Changes>>,
    /// Records what happened to a workload's pod; `None` without a cluster.
    pub events: Option<EventSink>,
    /// Counted here.
    pub metrics: Arc<WebhookMetrics>,
    /// The most bytes of a body, and the time for it to arrive.
    pub body: (usize, Duration),
}

/// The routes `POST /mutate` and `POST /validate`.
pub fn router(webhooks: Webhooks) -> Router {
    Router::new()
        .route("/mutate", post(|state, query, body| handle(Webhook::Mutate, state, query, body)))
        .route("/validate", post(|state, query, body| handle(Webhook::Validate, state, query, body)))
        .with_state(webhooks)
}

/// The API server's own deadline for the call, as a Go duration.
#[derive(Deserialize)]
struct Deadline {
    timeout: Option<String>,
}

impl Deadline {
    /// What the API server waits when it does not say: its default for webhooks.
    const DEFAULT: Duration = Duration::from_secs(10);

    /// A little less than the API server waits, so that an answer still arrives.
    fn budget(&self) -> Duration {
        let whole = self.timeout.as_deref().and_then(|text| humantime::parse_duration(text).ok());
        whole.unwrap_or(Self::DEFAULT).min(Duration::from_secs(30)).mul_f64(0.8)
    }
}

async fn handle(
    webhook: Webhook,
    State(app): State<Webhooks>,
    Query(deadline): Query<Deadline>,
    body: Body,
) -> Response {
    let (max, limit) = app.body;
    let asked = Instant::now();
    let body = match read_body(body, max, limit.min(deadline.budget())).await {
        Ok(body) => body,
        Err(error) => return error.into_response(),
    };
    let started = Instant::now();
    let answer = answer(webhook, &app, &deadline, asked, &body).await;
    app.metrics.took(webhook, started.elapsed());
    answer.unwrap_or_else(Failure::into_response)
}

async fn answer(
    webhook: Webhook,
    app: &Webhooks,
    deadline: &Deadline,
    asked: Instant,
    body: &[u8],
) -> Result<Response, Failure> {
    let review = Review::decode(body).map_err(Failure::Bad)?;
    if let (Webhook::Validate, Some(change), Some(changes)) = (webhook, review.change, &app.changes) {
        let prospect = {
            let world = locks::read(&app.world);
            changes::prospect(change, &review, &world)
        };
        let warnings = match prospect {
            Some(prospect) => changes.warnings(&prospect, deadline.budget()).await,
            None => Vec::new(),
        };
        return Ok(respond(&review, &Answer { warnings, ..Answer::default() }));
    }
    let Some(kind) = admit::concerns(webhook, &review) else { return Ok(respond(&review, &Answer::default())) };
    let newer = newer_labels(webhook, app, &review.namespace, deadline).await?;
    let left = deadline.budget().saturating_sub(asked.elapsed());
    let owner = read_owner(webhook, kind, app, &review, newer.as_ref(), left).await;
    let mut outcome = {
        let world = locks::read(&app.world);
        let mut context = context(&world, &review, newer.as_ref());
        if let Some(owner) = &owner {
            context = context.with_owner(owner);
        }
        admit::admit(webhook, kind, &review, &context).map_err(Failure::Bad)?
    };
    report(webhook, app, &review, kind.as_str(), &outcome);
    if let (Some(sink), Some(event)) = (&app.events, outcome.event.take()) {
        sink(event);
    }
    Ok(respond(&review, &outcome.answer))
}

fn context<'a>(world: &'a World, review: &'a Review, newer: Option<&'a Labels>) -> Context<'a> {
    let context = world.context(&review.namespace);
    match newer {
        Some(labels) => context.with_labels(labels),
        None => context,
    }
}

/// The longest that a review waits for a pod's StatefulSet, which takes half of the time that is `left` at most.
const OWNER_LIMIT: Duration = Duration::from_secs(1);

/// The StatefulSet of the review's pod, where it has to be read. One that cannot be is not known: it never fails a review.
async fn read_owner(
    webhook: Webhook,
    kind: Kind,
    app: &Webhooks,
    review: &Review<'_>,
    newer: Option<&Labels>,
    left: Duration,
) -> Option<Owner> {
    let read = app.read_owner.as_ref()?;
    let (id, is_later) = {
        let world = locks::read(&app.world);
        admit::owner_to_read(webhook, kind, review, &context(&world, review, newer))?
    };
    let (owner, result) = match tokio::time::timeout(OWNER_LIMIT.min(left / 2), read(id, is_later)).await {
        Ok(Ok(Some(owner))) => (Some(owner), OwnerResult::known),
        Ok(Ok(None)) => (None, OwnerResult::missing),
        Ok(Err(_)) => (None, OwnerResult::failed),
        Err(_) => (None, OwnerResult::late),
    };
    app.metrics.owners.of(result).inc();
    owner
}

/// The API server called, so the namespace has opted in, and a mutating call means that it injects: where the
/// watch does not know that yet, the namespace's labels are read live, once, within the deadline. They count for
/// this review alone, since by now the watch may know newer ones.
async fn newer_labels(
    webhook: Webhook,
    app: &Webhooks,
    namespace: &str,
    deadline: &Deadline,
) -> Result<Option<Labels>, Failure> {
    let Some(read) = &app.read_namespace else { return Ok(None) };
    let known = {
        let world = locks::read(&app.world);
        webhook.acts_in(world.context(namespace).mode().mode)
    };
    if known {
        return Ok(None);
    }
    match tokio::time::timeout(deadline.budget(), read(namespace.to_owned())).await {
        Ok(Ok(labels)) => Ok(labels),
        Ok(Err(error)) => Err(Failure::Unavailable(format!("namespace {namespace} cannot be read: {error}"))),
        Err(_) => Err(Failure::Unavailable(format!("namespace {namespace} could not be read in time"))),
    }
}

fn report(webhook: Webhook, app: &Webhooks, review: &Review, kind: &str, outcome: &Outcome) {
    app.metrics.admitted(webhook, outcome);
    let denied = outcome.answer.denial.is_some();
    let patched = outcome.answer.patch.is_some();
    let verdict = outcome.verdict.map(Verdict::as_str);
    // Each once: they come in order, and a pod can have a thousand of one.
    let codes = || {
        let mut codes: Vec<_> = outcome.codes.iter().map(|code| code.as_str()).collect();
        codes.dedup();
        codes.join(",")
    };
    #[cfg(feature = "traces")]
    {
        let span = tracing::Span::current();
        span.record("uid", tracing::field::display(&review.uid)).record("kind", kind).record("denied", denied);
        span.record("namespace", tracing::field::display(&review.namespace)).record("patched", patched);
        span.record("mode", tracing::field::display(outcome.mode)).record("dry_run", review.dry_run);
        span.record("verdict", verdict).record("findings", codes());
    }
    let notable = denied || patched || matches!(outcome.verdict, Some(Verdict::Fail | Verdict::Fixed));
    if notable {
        info!(
            uid = %review.uid, webhook = webhook.as_str(), kind, namespace = %review.namespace, mode = %outcome.mode,
            dry_run = review.dry_run, patched, denied, verdict, findings = codes(), "admission"
        );
    } else {
        debug!(
            uid = %review.uid, webhook = webhook.as_str(), kind, namespace = %review.namespace, mode = %outcome.mode,
            dry_run = review.dry_run, skipped = outcome.skipped, findings = codes(), "admission"
        );
    }
}

fn respond(review: &Review, answer: &Answer) -> Response {
    let json = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, json)], answer.encode(&review.uid)).into_response()
}

/// An answer that is no review.
enum Failure {
    /// The body is no review, or its object cannot be read: 400.
    Bad(String),
    /// Draingate cannot answer now; the API server calls again because of `Retry-After`: 503.
    Unavailable(String),
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Failure::Bad(sentence) => {
                warn!(reason = sentence, "bad request");
                (StatusCode::BAD_REQUEST, sentence).into_response()
            }
            Failure::Unavailable(sentence) => {
                warn!(reason = sentence, "unavailable");
                (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, HeaderValue::from_static("1"))], sentence)
                    .into_response()
            }
        }
    }
}
