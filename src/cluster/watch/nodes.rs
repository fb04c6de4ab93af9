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
use crate::stream::{ANSWER_LIMIT, Failure, Pages};
use draingate_core::versions::{sleep_support, without_sleep};
use draingate_core::world::{SleepSupport, World};

const REFRESH: Duration = Duration::from_secs(60);
const RETRY: Duration = Duration::from_secs(5);
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
            Err(failure) if !is_forbidden(&failure) && last_read.is_some_and(|at| at.elapsed() < TRUSTED) => {
                tracing::debug!(problem = %failure, "the versions could not be read, the last ones are kept");
                tokio::time::sleep(wait).await;
                continue;
            }
            Err(failure) => {
                let because = format!("the versions of the nodes cannot be read: {failure}");
                without_sleep(because, hook_fallback_exec)
            }
        };
        if told.as_ref() != Some(&support) {
            log(&support);
            write(&world).sleep = support.clone();
            told = Some(support);
        }
        read.store(true, Ordering::Release);
        tokio::time::sleep(wait).await;
    }
}

fn log(support: &SleepSupport) {
    match support {
        SleepSupport::Native => tracing::info!("hooks use the native sleep"),
        SleepSupport::Exec { because } => tracing::warn!(because, "hooks use exec sleep instead of the native one"),
        SleepSupport::Unsupported { because } => {
            tracing::warn!(because, "no native sleep: nothing that needs a wait is injected");
        }
    }
}

/// We lack the right, which no waiting mends; a token that is not taken (401) is soon another.
fn is_forbidden(failure: &Failure) -> bool {
    failure.code() == Some(403)
}

pub(super) async fn ask(client: &Client, hook_fallback_exec: bool) -> Result<SleepSupport, Failure> {
    let server = timeout(ANSWER_LIMIT, client.apiserver_version()).await??.git_version;
    let api: Api<Object<NotUsed, NodeStatus>> = Api::all_with(client.clone(), &ApiResource::erase::<Node>(&()));
    let mut pages = Pages::new(api, ListParams::default());
    let mut kubelets = Vec::new();
    while let Some(nodes) = pages.next().await? {
        kubelets.extend(nodes.into_iter().map(|node| node.status.unwrap_or_default().node_info.kubelet_version));
        kubelets.sort_unstable();
        kubelets.dedup();
    }
    Ok(sleep_support(&server, &kubelets, hook_fallback_exec))
}

#[cfg(test)]
mod tests {
    use super::{Failure, is_forbidden};

    #[test]
    fn only_a_missing_right_ends_the_trust_in_the_last_reading() {
        let forbidden = |code| is_forbidden(&Failure::Refused { code, message: "no".into() });
        assert_eq!([401, 403, 429, 500].map(forbidden), [false, true, false, false]);
    }
}
