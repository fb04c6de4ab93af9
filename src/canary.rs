//! The `canary` command: the pods that `calibrate` replaces. It answers with its pod's name and whether it was told to stop,
//! and its preStop hook is a request to itself that is answered late: it serves on through it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::extract::{Query, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::CanaryArgs;
use crate::traffic::load::Canary;

/// Where the hook asks.
pub const STOP: &str = "/draingate-canary/stop";
/// The longest that a hook may ask for.
const LONGEST: u64 = 3_600;

struct Told {
    pod: String,
    stopping: AtomicBool,
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
    let told = Arc::new(Told { pod: args.pod_name, stopping: AtomicBool::new(false) });
    tokio::select! {
        served = axum::serve(listener, router(told)) => served.context("serving failed"),
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}

fn router(told: Arc<Told>) -> Router {
    Router::new().route(STOP, get(stop)).fallback(answer).with_state(told)
}

async fn answer(State(told): State<Arc<Told>>) -> Json<Canary> {
    Json(Canary { pod: told.pod.clone(), stopping: told.stopping.load(Ordering::Relaxed) })
}

async fn stop(State(told): State<Arc<Told>>, Query(stop): Query<Stop>) {
    told.stopping.store(true, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(stop.seconds.min(LONGEST))).await;
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
        let told = Arc::new(Told { pod: "canary-1".to_owned(), stopping: AtomicBool::new(false) });
        let asked = |path: String| {
            let mut app = router(Arc::clone(&told));
            async move {
                let response = app.call(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
                response.into_body().collect().await.unwrap().to_bytes()
            }
        };
        let says = |bytes: &[u8]| serde_json::from_slice::<Canary>(bytes).unwrap().stopping;
        assert!(!says(&asked("/any/path".to_owned()).await));
        let begun = std::time::Instant::now();
        let hook = tokio::spawn(asked(format!("{STOP}?seconds=1")));
        while !says(&asked("/".to_owned()).await) {
            tokio::task::yield_now().await;
        }
        hook.await.unwrap();
        assert!(begun.elapsed() >= Duration::from_secs(1));
    }
}
