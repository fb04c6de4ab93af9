//! A data plane whose E is known: it forwards connections to a Service's ready endpoints, and hears of each change of its
//! EndpointSlices exactly so much later.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::{Api, Client, ResourceExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, sleep_until};

/// What is known, by slice.
type Ready = Arc<Mutex<BTreeMap<String, Vec<SocketAddr>>>>;

/// Forwards until it is dropped.
pub async fn forward(client: Client, namespace: &str, service: &str, lag: Duration, listener: TcpListener) {
    let ready = Ready::default();
    let slices: Api<EndpointSlice> = Api::namespaced(client, namespace);
    tokio::join!(
        follow(slices, format!("kubernetes.io/service-name={service}"), lag, Arc::clone(&ready)),
        accept(listener, ready)
    );
}

async fn follow(slices: Api<EndpointSlice>, labels: String, lag: Duration, ready: Ready) {
    let later = |slice: EndpointSlice, gone: bool| {
        let (ready, at) = (Arc::clone(&ready), Instant::now() + lag);
        // Timers of one length end in the order in which they began.
        tokio::spawn(async move {
            sleep_until(at).await;
            let addresses = if gone { Vec::new() } else { addresses(&slice) };
            ready.lock().unwrap().insert(slice.name_any(), addresses);
        });
    };
    loop {
        let Ok(list) = slices.list(&ListParams::default().labels(&labels)).await else {
            sleep(Duration::from_millis(200)).await;
            continue;
        };
        let version = list.metadata.resource_version.clone().unwrap_or_default();
        list.items.into_iter().for_each(|slice| later(slice, false));
        let Ok(changes) = slices.watch(&WatchParams::default().labels(&labels), &version).await else { continue };
        let mut changes = changes.boxed();
        while let Ok(Some(change)) = changes.try_next().await {
            match change {
                WatchEvent::Added(slice) | WatchEvent::Modified(slice) => later(slice, false),
                WatchEvent::Deleted(slice) => later(slice, true),
                WatchEvent::Bookmark(_) => {}
                WatchEvent::Error(_) => break,
            }
        }
    }
}

fn addresses(slice: &EndpointSlice) -> Vec<SocketAddr> {
    let port = slice.ports.iter().flatten().find_map(|port| u16::try_from(port.port?).ok()).unwrap_or(80);
    let ready =
        slice.endpoints.iter().flatten().filter(|one| one.conditions.as_ref().and_then(|c| c.ready) == Some(true));
    let parsed = ready.flat_map(|one| one.addresses.iter().filter_map(|address| address.parse::<IpAddr>().ok()));
    parsed.map(|ip| SocketAddr::new(ip, port)).collect()
}

async fn accept(listener: TcpListener, ready: Ready) {
    let turn = AtomicUsize::new(0);
    loop {
        let Ok((mut client, _)) = listener.accept().await else { continue };
        let all: Vec<SocketAddr> = ready.lock().unwrap().values().flatten().copied().collect();
        // Nobody to forward to: the connection is closed.
        let Some(address) = all.get(turn.fetch_add(1, Ordering::Relaxed) % all.len().max(1)).copied() else { continue };
        tokio::spawn(async move {
            if let Ok(mut pod) = TcpStream::connect(address).await {
                let _ = tokio::io::copy_bidirectional(&mut client, &mut pod).await;
            }
        });
    }
}
