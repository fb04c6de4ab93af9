//! What the versions of many nodes cost: bytes on the wire, and memory. `NODES=10000` for the figures of
//! docs/performance.md; `DRAINGATE` is another build to measure.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use draingate_testing::apiserver::ApiServer;
use draingate_testing::replica::{Replica, Start, certificate, install, kubeconfig};
use draingate_testing::tls::until;
use futures::StreamExt;
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::api::PostParams;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

/// As a cloud's: some 10 kB, most of it images.
fn node(number: usize) -> Node {
    let image = |image: usize| {
        let digest = format!("{:064x}", image * 7_919 + number);
        let name = format!("123456789012.dkr.ecr.eu-central-1.amazonaws.com/platform/service-{image}");
        json!({"names": [format!("{name}@sha256:{digest}"), format!("{name}:v1.{image}.0")], "sizeBytes": 48_000_000 + image})
    };
    let condition = |kind: &str| {
        json!({"type": kind, "status": "False", "reason": "KubeletHasSufficient", "message": "kubelet has sufficient of it",
            "lastHeartbeatTime": "2026-11-27T04:00:00Z", "lastTransitionTime": "2026-11-01T04:00:00Z"})
    };
    let kinds = ["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"];
    let resources = json!({"cpu": "16", "memory": "64947280Ki", "pods": "110", "ephemeral-storage": "83873772Ki"});
    let labels = json!({"kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux", "topology.kubernetes.io/zone": "eu-central-1a",
        "node.kubernetes.io/instance-type": "m6i.4xlarge", "eks.amazonaws.com/nodegroup": "workers"});
    // Each address once, in no order.
    let place = number.wrapping_mul(40_503) & 0xf_ffff;
    let address = format!("10.{}.{}.{}", place >> 16, place >> 8 & 255, place & 255);
    let node = json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": format!("ip-{}.eu-central-1.compute.internal", address.replace('.', "-")), "labels": labels},
        "spec": {"providerID": format!("aws:///eu-central-1a/i-{number:017x}")},
        "status": {
            "addresses": [{"type": "InternalIP", "address": address}], "allocatable": resources, "capacity": resources,
            "conditions": kinds.map(condition), "images": (0..36).map(image).collect::<Vec<Value>>(),
            "nodeInfo": {"kubeletVersion": format!("v1.{}.4-eks-a737599", 33 + number % 3), "machineID": format!("{number:032x}"),
                "systemUUID": format!("{number:032x}"), "bootID": format!("{number:032x}"), "kernelVersion": "6.1.119-129.201.amzn2023.x86_64",
                "osImage": "Amazon Linux 2023.6.20250115", "containerRuntimeVersion": "containerd://1.7.23",
                "kubeProxyVersion": "v1.33.4-eks-a737599", "operatingSystem": "linux", "architecture": "amd64"},
        },
    });
    serde_json::from_value(node).unwrap()
}

/// A kubeconfig whose API server is asked through a counter of the bytes that it answers.
async fn counted(server: &ApiServer, dir: &Path) -> (PathBuf, Arc<AtomicU64>) {
    let plain = kubeconfig(server, dir, None);
    let text = std::fs::read_to_string(&plain).unwrap();
    let config: Value = serde_json::from_str(&text).unwrap();
    let address =
        config["clusters"][0]["cluster"]["server"].as_str().unwrap().strip_prefix("https://").unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let path = dir.join("counted.conf");
    std::fs::write(&path, text.replace(&address, &listener.local_addr().unwrap().to_string())).unwrap();
    let bytes = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&bytes);
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let (address, counter) = (address.clone(), Arc::clone(&counter));
            tokio::spawn(async move {
                let far = TcpStream::connect(address).await?;
                let ((mut near_in, mut near_out), (mut far_in, mut far_out)) = (near.into_split(), far.into_split());
                tokio::spawn(async move { tokio::io::copy(&mut near_in, &mut far_out).await });
                let mut buffer = vec![0; 65_536];
                loop {
                    let length = far_in.read(&mut buffer).await?;
                    if length == 0 {
                        return Ok::<(), std::io::Error>(());
                    }
                    counter.fetch_add(length as u64, Ordering::Relaxed);
                    tokio::io::AsyncWriteExt::write_all(&mut near_out, &buffer[..length]).await?;
                }
            });
        }
    });
    (path, bytes)
}

/// The bytes until a replica knows the versions, and the most memory that it ever held.
async fn start(server: &ApiServer) -> (u64, u64) {
    let files = tempfile::tempdir().unwrap();
    let (kubeconfig, bytes) = counted(server, files.path()).await;
    let certificate = certificate(files.path());
    let arguments: Vec<&str> = certificate.iter().map(String::as_str).collect();
    let start = Start { arguments: &arguments, kubeconfig: Some(&kubeconfig), ..Start::default() };
    let replica = Replica::start(files.path(), start).await;
    until("the versions are known", || replica.metric("draingate_native_sleep") == 1.0).await;
    (bytes.load(Ordering::Relaxed), replica.peak_kib())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_nodes_cost_a_few_bytes_each() {
    let count: usize = std::env::var("NODES").map_or(1_000, |text| text.parse().expect("NODES is a number"));
    let server = ApiServer::start();
    install(&server);
    let (bytes_before, kib_before) = start(&server).await;
    let api: Api<Node> = Api::all(server.client().await);
    let create = |number| {
        let api = api.clone();
        async move { api.create(&PostParams::default(), &node(number)).await.unwrap() }
    };
    futures::stream::iter(0..count).map(create).buffer_unordered(16).for_each(|_| async {}).await;
    let size = serde_json::to_vec(&api.get(node(0).metadata.name.as_deref().unwrap()).await.unwrap()).unwrap().len();

    let (bytes, kib) = start(&server).await;
    let listing = bytes - bytes_before;
    let each = listing as f64 / count as f64;
    println!(
        "{count} nodes of {size} bytes: a listing is {listing} bytes, {each:.1} a node; memory {} KiB more at its highest, of {kib_before}",
        kib.saturating_sub(kib_before)
    );
    assert!((9_000..13_000).contains(&size), "{size}");
    // 10,000 nodes, two replicas, every five minutes: less than a tenth of a MiB a minute.
    assert!(each * 10_000.0 * 2.0 / 5.0 < 104_858.0, "{each} bytes a node");
}
