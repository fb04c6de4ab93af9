//! The `canary` command: the pods that `calibrate` replaces. It answers with its pod's name and whether it was told to stop,
//! and its preStop hook is a request to itself that is answered late: it serves on through it, until nobody asks any more.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::CanaryArgs;
use crate::locks;
use crate::traffic::canary::{Canary, READY, RELEASE, STOP};

/// The longest that a hook may ask for, in seconds.
const LONGEST: u64 = 3_600;
/// Nobody has asked for so long, and the hook ends: whoever measured is gone.
const SILENCE: Duration = Duration::from_secs(60);
/// How long canaries take until they are ready, each by its name. An address that comes and is not ready yet opens a data
/// plane's window, too: where the new pod is ready at once, the old one goes within the same window, and E seems shorter.
const STARTS: [Duration; 3] = [Duration::ZERO, Duration::from_secs(4), Duration::from_secs(12)];
const POLL: Duration = Duration::from_millis(200);

struct Told {
    pod: String,
    stopping: AtomicBool,
    released: AtomicBool,
    asked: Mutex<Instant>,
    ready: Instant,
}

impl Told {
    fn new(pod: String) -> Arc<Told> {
        let (stopping, released) = (AtomicBool::new(false), AtomicBool::new(false));
        let now = Instant::now();
        let start = STARTS.get(pod.bytes().map(usize::from).sum::<usize>() % STARTS.len());
        let ready = now + start.copied().unwrap_or_default();
        Arc::new(Told { pod, stopping, released, asked: Mutex::new(now), ready })
    }
}

#[derive(Deserialize)]
struct Stop {
    seconds: u64,
}

/// Serves until SIGTERM, which ends it at once: all that it had to serve it served in its hook.
///
/// # Errors
/// What kept it from serving.
pub async fn run(args: CanaryArgs) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be caught")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be caught")?;
    let listener = TcpListener::bind(args.listen).await.with_context(|| format!("cannot listen on {}", args.listen))?;
    let told = Told::new(args.pod_name);
    tokio::select! {
        served = axum::serve(listener, router(told)) => served.context("serving failed"),
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}

fn router(told: Arc<Told>) -> Router {
    Router::new()
        .route(STOP, get(stop))
        .route(READY, get(ready))
        .route(RELEASE, get(async |State(told): State<Arc<Told>>| told.released.store(true, Ordering::Relaxed)))
        .fallback(answer)
        .with_state(told)
}

async fn ready(State(told): State<Arc<Told>>) -> StatusCode {
    if Instant::now() < told.ready { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
}

async fn answer(State(told): State<Arc<Told>>) -> Json<Canary> {
    *locks::lock(&told.asked) = Instant::now();
    Json(Canary { pod: told.pod.clone(), stopping: told.stopping.load(Ordering::Relaxed) })
}

async fn stop(State(told): State<Arc<Told>>, Query(stop): Query<Stop>) {
    told.stopping.store(true, Ordering::Relaxed);
    let end = Instant::now() + Duration::from_secs(stop.seconds.min(LONGEST));
    while Instant::now() < end && !told.released.load(Ordering::Relaxed) {
        if locks::lock(&told.asked).elapsed() >= SILENCE {
            return;
        }
        tokio::time::sleep(POLL.min(end - Instant::now())).await;
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use http_body_util::BodyExt;
    use tower::Service;

    use super::*;

    #[tokio::test]
    async fn it_answers_through_its_hook_and_says_so() {
        let told = Told::new("canary-1".to_owned());
        let asked = |path: String| {
            let mut app = router(Arc::clone(&told));
            async move {
                let response = app.call(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
                response.into_body().collect().await.unwrap().to_bytes()
            }
        };
        let says = |bytes: &[u8]| serde_json::from_slice::<Canary>(bytes).unwrap().stopping;
        assert!(!says(&asked("/any/path".to_owned()).await));
        let begun = Instant::now();
        let hook = tokio::spawn(asked(format!("{STOP}?seconds=1")));
        while !says(&asked("/".to_owned()).await) {
            tokio::task::yield_now().await;
        }
        hook.await.unwrap();
        assert!(begun.elapsed() >= Duration::from_secs(1));
        // Released, it does not wait; neither where nobody has asked for long.
        let hook = tokio::spawn(asked(format!("{STOP}?seconds=3600")));
        asked(RELEASE.to_owned()).await;
        hook.await.unwrap();
        told.released.store(false, Ordering::Relaxed);
        *locks::lock(&told.asked) = Instant::now().checked_sub(SILENCE).unwrap();
        asked(format!("{STOP}?seconds=3600")).await;
    }

    #[test]
    fn canaries_take_different_times_to_be_ready() {
        let starts = ["draingate-canary-a", "draingate-canary-b", "draingate-canary-c"].map(|name| {
            let begun = Instant::now();
            Told::new(name.to_owned()).ready.duration_since(begun).as_secs()
        });
        let mut sorted = starts;
        sorted.sort_unstable();
        assert_eq!(sorted, STARTS.map(|start| start.as_secs()));
    }
}
