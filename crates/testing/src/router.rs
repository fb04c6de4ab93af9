//! The router without a port.

use std::sync::{Arc, RwLock};
use std::time::Duration;

use draingate::metrics::Registry;
use draingate::webhook::metrics::WebhookMetrics;
use draingate::webhook::router::{ReadNamespace, Webhooks, router};
use draingate_core::world::World;
use serde_json::Value;
use tower::ServiceExt;

use crate::tls::request;

/// What is served of a world, without a cluster.
pub fn webhooks(world: Arc<RwLock<World>>, registry: &mut Registry) -> Webhooks {
    Webhooks {
        world,
        read_namespace: None,
        read_owner: None,
        changes: None,
        events: None,
        metrics: WebhookMetrics::register(registry),
        body: (8 << 20, Duration::from_secs(10)),
    }
}

/// The response's part of the answer to a review.
pub async fn answer(
    world: Arc<RwLock<World>>,
    read_namespace: Option<ReadNamespace>,
    path: &str,
    body: String,
) -> Value {
    answer_of(Webhooks { read_namespace, ..webhooks(world, &mut Registry::default()) }, path, body).await
}

/// The same of these webhooks.
pub async fn answer_of(webhooks: Webhooks, path: &str, body: String) -> Value {
    let answer = router(webhooks).oneshot(request("POST", path, body)).await.unwrap();
    let bytes = axum::body::to_bytes(answer.into_body(), 8 << 20).await.unwrap();
    serde_json::from_slice::<Value>(&bytes).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&bytes)))["response"].take()
}
