//! E of real data planes, as users have them: `make propagation` measures each, quiet and under churn, and writes
//! docs/propagation.md. By hand: it takes two hours, and the planes are built first.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use draingate::calibrate::picture::svg;
use draingate_testing::node::{Inside, Node, run, script};
use draingate_testing::{root, written};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::ListParams;
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::calibrate::{calibrate, last_pods, report, restricted};

/// A data plane: how it is started for the canary of a namespace, and how requests get to it.
struct Plane {
    name: &'static str,
    /// What decides its E, in words.
    throttle: &'static str,
    start: for<'n> fn(&'n Node, namespace: &str) -> Vec<Inside<'n>>,
    via: &'static [&'static str],
    /// It cannot run beside the others: a setting of the node's kube-proxy, or an Envoy, of which a node takes one.
    alone: bool,
}

impl Plane {
    /// Of its namespace, and of its files.
    fn slug(&self) -> String {
        self.name.to_lowercase().replace(", ", "-").replace(' ', "-")
    }
}

/// As many are measured at once under churn, in namespaces of their own.
const AT_ONCE: usize = 2;

fn planes() -> Vec<Plane> {
    vec![
        Plane {
            name: "kube-proxy, iptables",
            throttle: "minSyncPeriod 1 s, its default",
            start: |node, _| kube_proxy(node, "iptables", "1s"),
            via: &["cluster-ip"],
            alone: true,
        },
        Plane {
            name: "kube-proxy, iptables, slow",
            throttle: "minSyncPeriod 10 s",
            start: |node, _| kube_proxy(node, "iptables", "10s"),
            via: &["cluster-ip"],
            alone: true,
        },
        Plane {
            name: "kube-proxy, nftables",
            throttle: "minSyncPeriod 1 s, its default",
            start: |node, _| kube_proxy(node, "nftables", "1s"),
            via: &["cluster-ip"],
            alone: true,
        },
        Plane {
            name: "kube-proxy, nftables, slow",
            throttle: "minSyncPeriod 10 s",
            start: |node, _| kube_proxy(node, "nftables", "10s"),
            via: &["cluster-ip"],
            alone: true,
        },
        Plane {
            name: "Traefik",
            throttle: "providersThrottleDuration 2 s, its default",
            start: |node, _| traefik(node, "traefik", 8001, &[]),
            via: &["ingress", "--ingress-class", "traefik", "--address", "127.0.0.1:8001"],
            alone: false,
        },
        Plane {
            name: "Traefik, slow",
            throttle: "providersThrottleDuration 10 s",
            start: |node, _| traefik(node, "slow", 8011, &["--providers.providersThrottleDuration=10s"]),
            via: &["ingress", "--ingress-class", "slow", "--address", "127.0.0.1:8011"],
            alone: false,
        },
        Plane {
            name: "Contour with Envoy",
            throttle: "none for endpoints",
            start: |node, _| contour(node),
            via: &["ingress", "--ingress-class", "contour", "--address", "127.0.0.1:8080"],
            alone: true,
        },
        Plane {
            name: "Envoy Gateway",
            throttle: "none for endpoints",
            start: envoy_gateway,
            via: &["gateway", "canary", "--address", "127.0.0.1:8005"],
            alone: true,
        },
        Plane {
            name: "nginx, reloaded",
            throttle: "one reload a second at most",
            start: |node, namespace| reloaded(node, namespace, "nginx", 1),
            via: &["url", "http://127.0.0.1:8003/"],
            alone: false,
        },
        Plane {
            name: "HAProxy, reloaded",
            throttle: "one reload a second at most",
            start: |node, namespace| reloaded(node, namespace, "haproxy", 1),
            via: &["url", "http://127.0.0.1:8004/"],
            alone: false,
        },
    ]
}

fn built(name: &str) -> PathBuf {
    Path::new(run(script("planes").arg(name)).trim()).join(name)
}

fn kube_proxy<'n>(node: &'n Node, mode: &str, period: &str) -> Vec<Inside<'n>> {
    run(script("node").arg("proxy").arg(node.folder.path()).args([mode, period]));
    Vec::new()
}

fn ingress_class(node: &Node, name: &str, controller: &str) {
    let spec = json!({"controller": controller});
    node.apply(&json!({"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": {"name": name}, "spec": spec})).unwrap();
}

fn traefik<'n>(node: &'n Node, class: &str, port: u16, more: &[&str]) -> Vec<Inside<'n>> {
    ingress_class(node, class, "traefik.io/ingress-controller");
    let (address, class) = (
        format!("--entrypoints.web.address=127.0.0.1:{port}"),
        format!("--providers.kubernetesingress.ingressclass={class}"),
    );
    let arguments = [
        &address,
        &class,
        "--providers.kubernetesingress",
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
    ];
    vec![node.start(built("traefik"), &[&arguments[..], more].concat(), &[])]
}

fn contour(node: &Node) -> Vec<Inside<'_>> {
    let (contour, envoy) = (built("contour"), built("envoy"));
    ingress_class(node, "contour", "projectcontour.io/ingress-controller");
    let crds = contour.parent().unwrap().join("crds.yaml");
    node.kubectl(&["apply", "--server-side", "-f", crds.to_str().unwrap()]);
    node.kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
    let folder = node.folder.path().canonicalize().unwrap();
    let (kubeconfig, bootstrap) = (folder.join("admin.conf"), folder.join("contour-envoy.json"));
    let admin = folder.join("envoy-admin.sock");
    let serve = [
        "serve",
        "--kubeconfig",
        kubeconfig.to_str().unwrap(),
        "--xds-address=127.0.0.1",
        "--xds-port=8006",
        "--insecure",
        "--disable-leader-election",
        "--http-port=8010",
        "--health-port=8010",
        "--ingress-class-name=contour",
    ];
    let server = node.start(&contour, &serve, &[]);
    let admin = format!("--admin-address={}", admin.display());
    run(&mut node.command(
        &contour,
        &["bootstrap", bootstrap.to_str().unwrap(), "--xds-address=127.0.0.1", "--xds-port=8006", &admin],
    ));
    let proxy = node.start(
        envoy,
        &["-c", bootstrap.to_str().unwrap(), "--service-node", "canary", "--service-cluster", "contour"],
        &[],
    );
    vec![server, proxy]
}

/// As a process that starts Envoy as another one.
fn envoy_gateway<'n>(node: &'n Node, namespace: &str) -> Vec<Inside<'n>> {
    let (gateway, envoy) = (built("envoy-gateway"), built("envoy"));
    let version = envoy.parent().unwrap().to_str().unwrap().rsplit('-').next().unwrap().to_owned();
    let folder = node.folder.path().canonicalize().unwrap().join("gateway");
    let programs = folder.join("data/envoy-versions").join(&version).join("bin");
    std::fs::create_dir_all(&programs).unwrap();
    std::os::unix::fs::symlink(&envoy, programs.join("envoy")).unwrap();
    let crds = gateway.parent().unwrap().join("crds.yaml");
    node.kubectl(&["apply", "--server-side", "-f", crds.to_str().unwrap()]);
    node.kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
    node.kubectl(&["create", "namespace", "envoy-gateway-system"]);
    let home = folder.to_str().unwrap();
    run(&mut node.command(&gateway, &["certgen", "--local", "--config-home", home]));
    // A secret of its own is looked for in the cluster.
    run(&mut node.command(&gateway, &["certgen", "--disable-topology-injector"]));
    // What it serves with it looks for below the folder that it is started in.
    let here = folder.join("here/certs");
    std::fs::create_dir_all(&here).unwrap();
    for name in ["ca.crt", "tls.crt", "tls.key"] {
        std::fs::copy(folder.join("certs/envoy-gateway").join(name), here.join(name)).unwrap();
    }
    let kind = |kind: &str| json!({"apiVersion": "gateway.envoyproxy.io/v1alpha1", "kind": kind});
    let with = |mut object: Value, rest: Value| {
        object.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        object
    };
    let controller = "gateway.envoyproxy.io/gatewayclass-controller";
    let host = json!({"configHome": home, "dataHome": folder.join("data"), "stateHome": folder.join("state"), "runtimeDir": folder.join("run")});
    let custom = json!({"resource": {"type": "Kubernetes", "kubernetes": {"leaderElection": {"disable": true}}},
        "infrastructure": {"type": "Host", "host": host}});
    let configuration =
        json!({"gateway": {"controllerName": controller}, "provider": {"type": "Custom", "custom": custom}});
    let file = folder.join("gateway.json");
    std::fs::write(&file, with(kind("EnvoyGateway"), configuration).to_string()).unwrap();
    let proxy = json!({"name": "host", "namespace": "envoy-gateway-system"});
    let spec = json!({"provider": {"type": "Host", "host": {"envoyVersion": version}}});
    node.apply(&with(kind("EnvoyProxy"), json!({"metadata": proxy, "spec": spec}))).unwrap();
    let parameters = json!({"group": "gateway.envoyproxy.io", "kind": "EnvoyProxy", "name": "host", "namespace": "envoy-gateway-system"});
    node.apply(
        &json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": "envoy"},
        "spec": {"controllerName": controller, "parametersRef": parameters}}),
    )
    .unwrap();
    node.apply(&json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {"name": "canary", "namespace": namespace},
        "spec": {"gatewayClassName": "envoy", "listeners": [{"name": "http", "protocol": "HTTP", "port": 8005}]}}))
        .unwrap();
    let server = format!("cd {home}/here && exec {} server --config-path {}", gateway.display(), file.display());
    vec![node.start("sh", &["-c", &server], &[])]
}

/// nginx or HAProxy, with a loop that does as their controllers do.
fn reloaded<'n>(node: &'n Node, namespace: &str, program: &str, seconds: u64) -> Vec<Inside<'n>> {
    let this = std::env::current_exe().unwrap();
    let arguments = ["--ignored", "--exact", "propagation::inside_reloads", "--nocapture"];
    vec![node.start(this, &arguments, &[("DRAINGATE_RELOADS", &format!("{namespace} {program} {seconds}"))])]
}

/// Not a test: what [`reloaded`] starts inside. It looks at the EndpointSlices ten times a second, writes the ready
/// addresses into the configuration, and reloads, no more often than so.
#[tokio::test]
#[ignore = "started by the other tests"]
async fn inside_reloads() {
    let task = std::env::var("DRAINGATE_RELOADS").expect("started by the other tests");
    let [namespace, program, seconds] = task.split(' ').collect::<Vec<_>>()[..] else { panic!("{task}") };
    let pause = Duration::from_secs(seconds.parse().unwrap());
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut config = kube::Config::infer().await.unwrap();
    config.proxy_url = None;
    let slices: Api<EndpointSlice> = Api::namespaced(Client::try_from(config).unwrap(), namespace);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("configuration");
    let mut known = String::new();
    let mut master: Option<std::process::Child> = None;
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let labels = ListParams::default().labels("kubernetes.io/service-name=draingate-canary");
        let Ok(list) = slices.list(&labels).await else { continue };
        let endpoints = list.items.iter().flat_map(|slice| slice.endpoints.iter().flatten());
        let ready = endpoints.filter(|one| one.conditions.as_ref().and_then(|c| c.ready) == Some(true));
        let mut addresses: Vec<String> = ready.flat_map(|one| one.addresses.clone()).collect();
        addresses.sort();
        let text = configuration(program, &addresses, folder.path());
        if addresses.is_empty() || text == known {
            continue;
        }
        std::fs::write(&file, &text).unwrap();
        let path = file.to_str().unwrap();
        match &master {
            _ if program == "haproxy" => {
                // Back when the new process serves; the old one is told to finish.
                let pids = folder.path().join("pids");
                let old = std::fs::read_to_string(&pids).unwrap_or_default();
                let mut command = Command::new("haproxy");
                command.args(["-D", "-p", pids.to_str().unwrap(), "-f", path]);
                if !old.is_empty() {
                    command.arg("-sf").args(old.split_whitespace());
                }
                assert!(command.status().unwrap().success());
            }
            None => {
                master = Some(Command::new("nginx").args(["-c", path, "-e", "stderr"]).spawn().unwrap());
            }
            Some(master) => {
                assert!(Command::new("kill").args(["-HUP", &master.id().to_string()]).status().unwrap().success());
            }
        }
        known = text;
        tokio::time::sleep(pause).await;
    }
}

fn configuration(program: &str, addresses: &[String], folder: &Path) -> String {
    let folder = folder.display();
    let mut text = String::new();
    if program == "nginx" {
        let servers = addresses.iter().map(|one| format!("server {one}:8080; ")).collect::<String>();
        let _ = write!(
            text,
            "user root; daemon off; pid {folder}/pid; error_log stderr; events {{ worker_connections 1024; }}\n\
             http {{ access_log off; upstream canary {{ {servers}keepalive 32; }}\n\
             server {{ listen 127.0.0.1:8003; location / {{ proxy_pass http://canary; proxy_http_version 1.1; proxy_set_header Connection ''; }} }} }}\n"
        );
    } else {
        text.push_str("global\n  maxconn 1000\ndefaults\n  mode http\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n\
             frontend canary\n  bind 127.0.0.1:8004\n  default_backend pods\nbackend pods\n");
        for (index, one) in addresses.iter().enumerate() {
            let _ = writeln!(text, "  server pod{index} {one}:8080");
        }
    }
    text
}

/// A Deployment of 20 pods that is restarted all the time.
fn churning(node: &Node, over: &AtomicBool) {
    let labels = json!({"app": "churn"});
    let container = json!({"name": "app", "image": "localhost/shell:1", "imagePullPolicy": "Never",
        "command": ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1; done"], "ports": [{"containerPort": 8080}]});
    let template = json!({"metadata": {"labels": labels}, "spec": {"terminationGracePeriodSeconds": 2, "containers": [container]}});
    let metadata = json!({"name": "churn", "namespace": "churn"});
    node.apply(&json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
        "spec": {"replicas": 20, "selector": {"matchLabels": labels}, "template": template}}))
        .unwrap();
    node.apply(&json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata,
        "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]}}))
        .unwrap();
    while !over.load(Ordering::Relaxed) {
        let _ = node.try_kubectl(&["-n", "churn", "rollout", "restart", "deployment/churn"]);
        let _ = node.try_kubectl(&["-n", "churn", "rollout", "status", "deployment/churn", "--timeout=60s"]);
    }
    let _ = node.try_kubectl(&["-n", "churn", "delete", "deployment,service", "churn"]);
}

fn cell(report: &Value, which: &str) -> String {
    let seconds = |key: &str| report[which][key].as_f64();
    match (seconds("min"), seconds("p50"), seconds("max")) {
        (Some(min), Some(p50), Some(max)) => format!("{min:.2} / {p50:.2} / **{max:.2}**"),
        _ => "to the pod's end".to_owned(),
    }
}

fn whether_it_goes_on(report: &Value) -> String {
    let Some(last) = last_pods(report) else { return "-".to_owned() };
    let failed: Vec<&str> = last.failed.keys().map(String::as_str).collect();
    if last.gives_up() { format!("gives up ({})", failed.join(", ")) } else { "goes on".to_owned() }
}

#[test]
#[ignore = "two hours: make propagation"]
fn real_data_planes() {
    let [only, load] = ["ONLY", "LOAD"].map(|name| std::env::var(name).unwrap_or_default());
    let node = Node::up();
    restricted(&node, "churn");
    node.kubectl(&["label", "namespace", "churn", "pod-security.kubernetes.io/enforce=privileged", "--overwrite"]);
    let planes: Vec<Plane> = planes().into_iter().filter(|plane| plane.name.contains(&only)).collect();
    let (alone, others): (Vec<_>, Vec<_>) = planes.iter().partition(|plane| plane.alone);
    for together in alone.chunks(1).chain(others.chunks(AT_ONCE)) {
        let start = |plane: &&Plane| {
            restricted(&node, &plane.slug());
            (plane.start)(&node, &plane.slug())
        };
        let _running: Vec<_> = together.iter().map(start).collect();
        if "quiet".contains(&load) {
            for plane in together {
                let report = measured(&node, plane);
                written_down(plane, "quiet", &report);
                let pictures = root().join("docs/propagation");
                std::fs::create_dir_all(&pictures).unwrap();
                let picture = svg(&serde_json::from_value(report).unwrap());
                std::fs::write(pictures.join(format!("{}-quiet.svg", plane.slug())), picture).unwrap();
            }
        }
        if "churn".contains(&load) {
            let over = AtomicBool::new(false);
            std::thread::scope(|scope| {
                scope.spawn(|| churning(&node, &over));
                std::thread::sleep(Duration::from_secs(15));
                let measuring: Vec<_> = together.iter().map(|plane| scope.spawn(|| measured(&node, plane))).collect();
                let reports: Vec<_> = measuring.into_iter().map(|thread| thread.join()).collect();
                over.store(true, Ordering::Relaxed);
                for (plane, report) in together.iter().zip(reports) {
                    written_down(plane, "churn", &report.unwrap());
                }
            });
        }
    }
}

fn measured(node: &Node, plane: &Plane) -> Value {
    let rounds = std::env::var("ROUNDS").unwrap_or_else(|_| "10".to_owned());
    let arguments = [&["--rounds", &rounds, "--alone", "--format", "json", "--via"][..], plane.via].concat();
    report(&calibrate(node, &plane.slug(), &arguments).output())
}

fn written_down(plane: &Plane, load: &str, report: &Value) {
    let failed = |which: &str| -> u64 {
        let kinds = report["measured"][which]["failed"].as_object().unwrap();
        kinds.values().filter_map(Value::as_u64).sum()
    };
    let row = format!(
        "| {} | {} | {load} | {} | {} | {} | {} | {} |",
        plane.name,
        plane.throttle,
        cell(report, "newConnections"),
        cell(report, "alone"),
        cell(report, "keptConnections"),
        failed("new") + failed("kept"),
        whether_it_goes_on(report)
    );
    println!("{row}");
    write(&row);
}

/// Puts a row into the page, in place of an older one of the same plane: what was measured stays, whatever comes after it.
fn write(row: &str) {
    let page = root().join("docs/propagation.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let table = written::between(&text, "table");
    let head: String = table.split_inclusive('\n').take(2).collect();
    let of = |name: &str, load: &str| {
        let is_it = |line: &&str| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            cells.get(1) == Some(&name) && cells.get(3) == Some(&load)
        };
        std::iter::once(row).chain(table.lines()).find(is_it).map(|line| format!("{line}\n"))
    };
    let rows: String =
        planes().iter().flat_map(|plane| ["quiet", "churn"].map(|load| of(plane.name, load))).flatten().collect();
    std::fs::write(&page, written::with_between(&text, "table", &format!("{head}{rows}"))).unwrap();
}
