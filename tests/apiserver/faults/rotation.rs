//! A replica that is killed in the middle of a rotation of the CA.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use base64::Engine;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use super::api_server::{STOPPED, stoppable};
use draingate_testing::asked::Asked;
use draingate_testing::lab::{draingate, get};
use draingate_testing::replica::{Replica, Start, kubeconfig};
use draingate_testing::tls::{soon, until};

/// In place of a Service: connections go to a replica that takes them.
async fn service(ports: Arc<[AtomicU16; 2]>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let ports = Arc::clone(&ports);
            tokio::spawn(async move {
                for port in ports.iter() {
                    if let Ok(mut far) = TcpStream::connect(("127.0.0.1", port.load(Ordering::Relaxed))).await {
                        return tokio::io::copy_bidirectional(&mut near, &mut far).await.map(|_| ());
                    }
                }
                Ok(())
            });
        }
    });
    port
}

fn start(dir: &Path, kubeconfig: &Path, name: &str) -> Replica {
    let arguments = ["--ca-settle", "1s", "--tls-name", "127.0.0.1", "--pod-name", name];
    Replica::launch(dir, Start { arguments: &arguments, kubeconfig: Some(kubeconfig), ..Start::default() })
}

async fn ready(replica: &Replica) {
    until("the replica is ready", || get(replica.admin, "/readyz").is_some_and(|(code, _)| code == 200)).await;
}

/// The CA that issues, and whether a next one is announced.
async fn state(secrets: &Api<Secret>) -> (String, bool) {
    let secret = secrets.get("draingate-ca").await.unwrap();
    let state: Value = serde_json::from_slice(&secret.data.unwrap()["state.json"].0).unwrap();
    (state["current"]["certificate"].as_str().unwrap().to_owned(), !state["next"].is_null())
}

#[tokio::test(flavor = "multi_thread")]
async fn rotation_is_killed() {
    // Eight at most: so many old CAs are trusted, and no rotation begins beyond them within a certificate's lifetime.
    let kills = std::env::var("ROTATION_KILLS").map_or(2, |text| text.parse().expect("ROTATION_KILLS is a number"));
    let _alone = STOPPED.lock().await;
    let (server, files) = (stoppable(), tempfile::tempdir().unwrap());
    let kubeconfig = kubeconfig(server, files.path(), None);
    let mut replicas = [start(files.path(), &kubeconfig, "first-0"), start(files.path(), &kubeconfig, "first-1")];
    let ports = Arc::new([AtomicU16::new(replicas[0].port), AtomicU16::new(replicas[1].port)]);
    let url = format!("https://127.0.0.1:{}", service(Arc::clone(&ports)).await);
    let webhooks = draingate(&["webhooks", "--url", &url, "--enforce-failure-policy", "fail"]);
    // A busy machine is no part of this: a call may take its time.
    server.apply(&webhooks.replace("timeoutSeconds: 2\n", "timeoutSeconds: 10\n"));
    let client = server.client().await;
    ready(&replicas[0]).await;
    ready(&replicas[1]).await;
    let asked = Asked::start(server, "rotation").await;
    let secrets: Api<Secret> = Api::namespaced(client, "draingate");
    let mut longest = Duration::ZERO;
    for kill in 0..kills {
        let (before, _) = state(&secrets).await;
        let leader = replicas.iter().position(|replica| replica.metric("draingate_leader") == 1.0).unwrap();
        let patch = json!({"metadata": {"annotations": {"draingate.dev/rotate": format!("kill-{kill}")}}});
        secrets.patch("draingate-ca", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
        // By turns as soon as the next CA is announced, and as soon as it issues: what follows is not written yet.
        soon("the step", async {
            loop {
                let (current, next) = state(&secrets).await;
                if if kill % 2 == 0 { next } else { current != before } {
                    break;
                }
            }
        })
        .await;
        replicas[leader].kill();
        let begun = Instant::now();
        replicas[leader] = start(files.path(), &kubeconfig, &format!("kill-{kill}"));
        ready(&replicas[leader]).await;
        ports[leader].store(replicas[leader].port, Ordering::Relaxed);
        // The other one takes over when the lease is over, and brings the rotation to its end.
        soon("the rotation's end", async {
            loop {
                let (current, next) = state(&secrets).await;
                let leads = replicas.iter().any(|replica| replica.metric("draingate_leader") == 1.0);
                if leads && current != before && !next {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
        .await;
        longest = longest.max(begun.elapsed());
        asked.answers(20).await;
    }
    let secret = secrets.get("draingate-ca").await.unwrap();
    let bundle = base64::engine::general_purpose::STANDARD.encode(&secret.data.unwrap()["ca.crt"].0);
    let path = "-o=jsonpath={.webhooks[0].clientConfig.caBundle}";
    until("the caBundle is that of the Secret", || {
        server.kubectl(&["get", "validatingwebhookconfiguration", "draingate", path], "") == bundle
    })
    .await;
    let toll = asked.end().await;
    server.kubectl(&["delete", "validatingwebhookconfiguration,mutatingwebhookconfiguration", "draingate"], "");
    println!(
        "{kills} leaders killed in the middle of a rotation: {toll}; a rotation was complete {longest:.1?} after the kill \
         at most"
    );
    // What the killed process had in its hands.
    assert!(toll.lost <= kills, "{:?}", toll.first_problem);
}
