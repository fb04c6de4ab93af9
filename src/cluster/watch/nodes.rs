//! Asks the API server and lists the nodes for their versions, once a minute.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Node;
use kube::api::{ApiResource, ListParams};
use kube::core::{NotUsed, Object};
use kube::{Api, Client};
use serde::Deserialize;
use tokio::time::timeout;

use crate::locks::write;
use draingate_core::versions::{sleep_support, without_sleep};
use draingate_core::world::{SleepSupport, World};

const REFRESH: Duration = Duration::from_secs(60);
const RETRY: Duration = Duration::from_secs(5);
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
const PAGE: u32 = 500;
/// How long a reading outlives an API server that does not answer.
const TRUSTED: Duration = Duration::from_secs(300);

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodeStatus {
    #[serde(default)]
    node_info: NodeInfo,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodeInfo {
    #[serde(default)]
    kubelet_version: String,
}

pub(super) struct Trouble {
    pub(super) problem: String,
    /// We lack the right, which no waiting mends; a token that is not taken (401) is soon another.
    refused: bool,
}

impl From<kube::Error> for Trouble {
    fn from(error: kube::Error) -> Trouble {
        match error {
            kube::Error::Api(status) => Trouble { problem: status.message, refused: status.code == 403 },
            error => Trouble { problem: error.to_string(), refused: false },
        }
    }
}

impl From<tokio::time::error::Elapsed> for Trouble {
    fn from(_: tokio::time::error::Elapsed) -> Trouble {
        Trouble { problem: "no answer in time".into(), refused: false }
    }
}

/// Keeps the world's answer current. `read` becomes true when there is a first one.
pub(super) async fn run(client: Client, world: Arc<RwLock<World>>, hook_fallback_exec: bool, read: Arc<AtomicBool>) {
    let mut last_read: Option<Instant> = None;
    let mut told: Option<SleepSupport> = None;
    loop {
        let asked = ask(&client, hook_fallback_exec).await;
        let wait = if asked.is_ok() { REFRESH } else { RETRY };
        let support = match asked {
            Ok(support) => {
                last_read = Some(Instant::now());
                support
            }
            Err(trouble) if !trouble.refused && last_read.is_some_and(|at| at.elapsed() < TRUSTED) => {
                tracing::debug!(problem = trouble.problem, "the versions could not be read, the last ones are kept");
                tokio::time::sleep(wait).await;
                continue;
            }
            Err(trouble) => {
                let because = format!("the versions of the nodes cannot be read: {}", trouble.problem);
                without_sleep(because, hook_fallback_exec)
            }
        };
        if told.as_ref() != Some(&support) {
            tell(&support);
            write(&world).sleep = support.clone();
            told = Some(support);
        }
        read.store(true, Ordering::Release);
        tokio::time::sleep(wait).await;
    }
}

fn tell(support: &SleepSupport) {
    match support {
        SleepSupport::Native => tracing::info!("hooks use the native sleep"),
        SleepSupport::Exec { because } => tracing::warn!(because, "hooks use exec sleep instead of the native one"),
        SleepSupport::Unsupported { because } => {
            tracing::warn!(because, "no native sleep: nothing that needs a wait is injected");
        }
    }
}

pub(super) async fn ask(client: &Client, hook_fallback_exec: bool) -> Result<SleepSupport, Trouble> {
    let server = timeout(ANSWER_LIMIT, client.apiserver_version()).await??.git_version;
    let api: Api<Object<NotUsed, NodeStatus>> = Api::all_with(client.clone(), &ApiResource::erase::<Node>(&()));
    let mut params = ListParams::default().limit(PAGE);
    let mut kubelets = Vec::new();
    loop {
        let page = timeout(ANSWER_LIMIT, api.list(&params)).await??;
        kubelets.extend(page.items.into_iter().map(|node| node.status.unwrap_or_default().node_info.kubelet_version));
        kubelets.sort_unstable();
        kubelets.dedup();
        params.continue_token = page.metadata.continue_.filter(|token| !token.is_empty());
        if params.continue_token.is_none() {
            return Ok(sleep_support(&server, &kubelets, hook_fallback_exec));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Trouble;
    use kube::core::Status;

    #[test]
    fn only_a_missing_right_ends_the_trust_in_the_last_reading() {
        let refused = |code| Trouble::from(kube::Error::Api(Status::failure("no", "").with_code(code).boxed())).refused;
        assert_eq!([401, 403, 429, 500].map(refused), [false, true, false, false]);
    }
}
