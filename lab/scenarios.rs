//! What is rolled, under which load, and what happens to it. Each is run without Draingate and with it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What happens to the pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Event {
    /// `kubectl rollout restart`
    Restart,
    /// Each pod is evicted, one after the other, as `kubectl drain` does under a PodDisruptionBudget.
    Evict,
    /// From three replicas to one.
    ScaleDown,
    /// One pod is deleted.
    Delete,
}

impl Event {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Event::Restart => "rollout restart",
            Event::Evict => "eviction",
            Event::ScaleDown => "scale down",
            Event::Delete => "deletion",
        }
    }

    pub(crate) fn plural(self) -> &'static str {
        match self {
            Event::Restart => "rollout restarts",
            Event::Evict => "evictions of all pods",
            Event::ScaleDown => "scale-downs",
            Event::Delete => "deletions",
        }
    }
}

/// Where a run takes place.
pub(crate) struct Place {
    /// No other has it.
    pub(crate) number: u32,
    pub(crate) namespace: String,
    /// Of the Service that is asked.
    pub(crate) ip: String,
    /// What stands for `URL` in the load's arguments: that, or a way in.
    pub(crate) door: String,
    /// Of a Service behind it, where there is one.
    pub(crate) behind: String,
    /// On the node, for marks and samples.
    pub(crate) folder: String,
}

/// One row of the table.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// For the table, in a line.
    pub(crate) title: &'static str,
    pub(crate) event: Event,
    /// Arguments of the load, `URL` to be filled in; `None` where the pods are their own load.
    pub(crate) load: Option<&'static [&'static str]>,
    /// What the run before Draingate is of.
    pub(crate) before: Before,
    /// What is lost with Draingate, which cannot save everything.
    pub(crate) after: Saved,
    /// The objects; the Deployment `app` is the one that is rolled.
    pub(crate) objects: fn(&Place) -> Vec<Value>,
}

impl Scenario {
    /// E of the way in that the load goes through: a Service's ClusterIP, where there is no other.
    pub(crate) fn propagation(&self) -> Duration {
        Duration::from_secs(match self.before {
            Before::BuiltInE(Way::Lag(seconds) | Way::Traefik(seconds)) => seconds + 2,
            _ => 5,
        })
    }
}

/// What the run before Draingate is of.
#[derive(Clone, Copy)]
pub(crate) enum Before {
    /// There is none.
    None,
    /// The same objects, as they are written.
    AsWritten,
    /// The same objects with a hook that is taken out of what the app had after SIGTERM: in seconds, with the grace.
    HookWithoutGrace(u64, u64),
    /// The same objects injected with the built-in E, behind a way in that takes longer; after, with the policy that
    /// `draingate calibrate` wrote.
    BuiltInE(Way),
}

/// A way in that is slow to hear of a deletion.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// A data plane of the tests' own that hears of everything so many seconds later.
    Lag(u64),
    /// Traefik, which writes changes so many seconds apart.
    Traefik(u64),
}

/// What Draingate makes of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Saved {
    /// Nothing is lost.
    All,
    /// Nothing is lost, and the pods are as they were written.
    Untouched,
    /// Nobody stands in: its restart is an outage, with Draingate as without, and the pods are as they were written.
    Outage,
}

const POSTGRES_IP: &str = "10.96.99.99";

pub(crate) fn all() -> Vec<Scenario> {
    let http: &[&str] = &["-url=http://URL/", "-rate=100"];
    let slow: &[&str] = &["-url=http://URL/", "-rate=20", "-timeout=20s"];
    vec![
        Scenario {
            name: "dies",
            title: "A server that dies at SIGTERM",
            event: Event::Restart,
            load: Some(http),
            before: Before::AsWritten,
            after: Saved::All,
            objects: |place| server(place, &["-work=200ms"], json!({}), json!({})),
        },
        Scenario {
            name: "evicted",
            title: "The same, evicted pod by pod",
            event: Event::Evict,
            load: Some(http),
            before: Before::AsWritten,
            after: Saved::All,
            objects: naive,
        },
        Scenario {
            name: "scaled-down",
            title: "The same, scaled down",
            event: Event::ScaleDown,
            load: Some(http),
            before: Before::AsWritten,
            after: Saved::All,
            objects: |place| server(place, &["-work=200ms"], json!({}), json!({})),
        },
        Scenario {
            name: "deleted",
            title: "The same, one pod deleted",
            event: Event::Delete,
            load: Some(http),
            before: Before::AsWritten,
            after: Saved::All,
            objects: |place| server(place, &["-work=200ms"], json!({}), json!({})),
        },
        Scenario {
            name: "cut",
            title: "A server that drains, cut by a grace of 2 s",
            event: Event::Restart,
            load: Some(slow),
            before: Before::AsWritten,
            after: Saved::All,
            objects: |place| {
                let spec = json!({"terminationGracePeriodSeconds": 2});
                server(place, &["-work=4s", "-on-term=finish"], worst_case(5), spec)
            },
        },
        Scenario {
            name: "keep-alive",
            title: "Clients with a pool of connections",
            event: Event::Restart,
            load: Some(&["-url=http://URL/", "-rate=100", "-connections=keepalive"]),
            before: Before::AsWritten,
            after: Saved::All,
            objects: |place| server(place, &["-work=100ms", "-on-term=finish"], json!({}), json!({})),
        },
        Scenario {
            name: "proxy",
            title: "Behind nginx, with keep-alive to the pods",
            event: Event::Restart,
            load: Some(&["-url=http://URL/", "-rate=100", "-connections=keepalive"]),
            before: Before::AsWritten,
            after: Saved::All,
            objects: behind_nginx,
        },
        Scenario {
            name: "receiver",
            title: "A receiver whose sender does not send again",
            event: Event::Restart,
            load: Some(&["-url=http://URL/", "-rate=50", "-method=POST"]),
            before: Before::AsWritten,
            after: Saved::All,
            objects: |place| server(place, &["-work=500ms"], json!({}), json!({})),
        },
        Scenario {
            name: "grpc",
            title: "gRPC, unary calls",
            event: Event::Restart,
            load: Some(&["-kind=grpc", "-url=URL:80", "-rate=100"]),
            before: Before::AsWritten,
            after: Saved::All,
            objects: |place| grpc(place, json!({}), json!({})),
        },
        Scenario {
            name: "grpc-stream",
            title: "gRPC, streams of 4 s, grace 2 s",
            event: Event::Restart,
            load: Some(&["-kind=grpc-stream", "-url=URL:80", "-rate=20"]),
            before: Before::AsWritten,
            after: Saved::All,
            objects: |place| grpc(place, worst_case(5), json!({"terminationGracePeriodSeconds": 2})),
        },
        Scenario {
            name: "stream",
            title: "Server-sent events with a drain window of 8 s, grace 4 s",
            event: Event::Restart,
            load: Some(&["-kind=stream", "-url=http://URL/stream", "-rate=20"]),
            before: Before::AsWritten,
            after: Saved::All,
            objects: |place| {
                let spec = json!({"terminationGracePeriodSeconds": 4});
                server(place, &["-on-term=finish", "-window=8s"], worst_case(9), spec)
            },
        },
        Scenario {
            name: "own-drain",
            title: "An app that drains by a hook of its own, grace 4 s",
            event: Event::Restart,
            load: Some(slow),
            before: Before::AsWritten,
            after: Saved::All,
            objects: own_drain,
        },
        Scenario {
            name: "pooler",
            title: "PgBouncer beside an app that ends its work after SIGTERM",
            event: Event::Restart,
            load: None,
            before: Before::AsWritten,
            after: Saved::All,
            objects: |place| pooler(place, false),
        },
        Scenario {
            name: "pooler-sidecar",
            title: "The same, PgBouncer as a native sidecar",
            event: Event::Restart,
            load: None,
            before: Before::None,
            after: Saved::All,
            objects: |place| pooler(place, true),
        },
        Scenario {
            name: "long-shutdown",
            title: "An app that takes 25 of its 30 s after SIGTERM",
            event: Event::Restart,
            load: Some(&["-kind=stream", "-url=http://URL/stream", "-rate=10"]),
            before: Before::HookWithoutGrace(10, 30),
            after: Saved::All,
            objects: |place| server(place, &["-on-term=finish", "-stream=50s", "-window=25s"], json!({}), json!({})),
        },
        Scenario {
            name: "own-timeout",
            title: "Its own limit is 55 s of a grace of 60, and it takes 52",
            event: Event::Delete,
            load: Some(&["-kind=stream", "-url=http://URL/stream", "-rate=10"]),
            before: Before::HookWithoutGrace(10, 60),
            after: Saved::All,
            objects: |place| {
                let spec = json!({"terminationGracePeriodSeconds": 60});
                let mut all = server(place, &["-on-term=finish", "-stream=80s", "-window=52s"], json!({}), spec);
                environment(&mut all, "SPRING_LIFECYCLE_TIMEOUT_PER_SHUTDOWN_PHASE", "55s");
                all
            },
        },
        Scenario {
            name: "accepts-on",
            title: "It takes new work for 15 s after SIGTERM, then finishes for 12",
            event: Event::Delete,
            load: Some(&["-kind=stream", "-url=http://URL/stream", "-rate=10"]),
            before: Before::HookWithoutGrace(10, 30),
            after: Saved::All,
            objects: |place| {
                let arguments = ["-on-term=finish", "-accept=15s", "-stream=50s", "-window=12s"];
                server(place, &arguments, json!({}), json!({}))
            },
        },
        Scenario {
            name: "worker",
            title: "A queue worker with 120 s of work, and a port for metrics only",
            event: Event::Delete,
            load: None,
            before: Before::HookWithoutGrace(10, 125),
            after: Saved::Untouched,
            objects: worker,
        },
        Scenario {
            name: "cuts",
            title: "A server that ends running requests of 12 s at SIGTERM, and says so",
            event: Event::Restart,
            load: Some(&["-url=http://URL/", "-rate=20", "-timeout=30s"]),
            before: Before::HookWithoutGrace(10, 40),
            after: Saved::All,
            objects: |place| server(place, &["-work=12s"], json!({"draingate.dev/sigterm": "cuts"}), json!({})),
        },
        Scenario {
            name: "above-the-ceiling",
            title: "A grace of 3600 s, above the ceiling of 600",
            event: Event::Delete,
            load: Some(&["-url=http://URL/", "-rate=50"]),
            before: Before::AsWritten,
            after: Saved::All,
            objects: |place| {
                let spec = json!({"terminationGracePeriodSeconds": 3600});
                server(place, &["-work=200ms", "-on-term=finish"], json!({}), spec)
            },
        },
        Scenario {
            name: "store",
            title: "PostgreSQL alone, on an emptyDir",
            event: Event::Delete,
            load: None,
            before: Before::AsWritten,
            after: Saved::Outage,
            objects: store,
        },
        Scenario {
            name: "lone",
            title: "A StatefulSet of one replica",
            event: Event::Delete,
            load: Some(http),
            before: Before::AsWritten,
            after: Saved::Outage,
            objects: |place| {
                let mut all = server(place, &["-work=200ms", "-on-term=finish"], json!({}), json!({}));
                all[0]["kind"] = json!("StatefulSet");
                let spec = all[0]["spec"].as_object_mut().unwrap();
                spec.remove("strategy");
                spec.insert("replicas".to_owned(), json!(1));
                spec.insert("serviceName".to_owned(), json!("app"));
                all
            },
        },
        Scenario {
            name: "slow-data-plane",
            title: "Behind a data plane that hears of a deletion after 25 s, with E as `calibrate` measured it",
            event: Event::Restart,
            load: Some(&["-url=http://URL/", "-rate=150"]),
            before: Before::BuiltInE(Way::Lag(25)),
            after: Saved::All,
            objects: |place| server(place, &["-work=200ms"], json!({}), json!({})),
        },
        Scenario {
            name: "traefik",
            title: "Behind Traefik with a throttle of 10 s, with E as `calibrate` measured it",
            event: Event::Restart,
            load: Some(&["-url=http://URL/", "-rate=200"]),
            before: Before::BuiltInE(Way::Traefik(10)),
            after: Saved::All,
            objects: behind_traefik,
        },
    ]
}

/// A server that dies at SIGTERM, with a budget for evictions.
pub(crate) fn naive(place: &Place) -> Vec<Value> {
    let mut all = server(place, &["-work=200ms"], json!({}), json!({}));
    let spec = json!({"spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "app"}}}});
    all.push(object("policy/v1", "PodDisruptionBudget", place, "app", spec));
    all
}

/// A store that one process at a time may write, and a client that writes all the time.
fn store(place: &Place) -> Vec<Value> {
    let url = format!("-url=postgres://postgres@{}:5432/postgres?sslmode=disable", place.ip);
    let client = json!({"containers": [container("client", &["transact", &url])], "volumes": volume(&place.folder)});
    vec![
        deployment(place, "app", 1, json!({}), postgres()),
        service(place, "app", &place.ip, 5432, 5432),
        deployment(place, "client", 1, json!({}), client),
    ]
}

/// Sets a variable of the app.
fn environment(objects: &mut [Value], name: &str, value: &str) {
    let variables = objects[0].pointer_mut("/spec/template/spec/containers/0/env").and_then(Value::as_array_mut);
    variables.unwrap().push(json!({"name": name, "value": value}));
}

/// One that is sent nothing: it fetches its work, and its port is for metrics.
fn worker(place: &Place) -> Vec<Value> {
    let mut app = container("app", &["work", "-takes=1s", "-last=120s"]);
    app["ports"] = json!([{"name": "metrics", "containerPort": 9090}]);
    let spec = json!({"containers": [app], "volumes": volume(&place.folder), "terminationGracePeriodSeconds": 125});
    vec![deployment(place, "app", 2, json!({}), spec)]
}

/// The app with a hook, and a grace that did not grow by it.
pub(crate) fn with_hook(mut objects: Vec<Value>, seconds: u64, grace: u64) -> Vec<Value> {
    let app = objects.iter_mut().find(|one| one["kind"] == "Deployment" && one["metadata"]["name"] == "app").unwrap();
    let spec = &mut app["spec"]["template"]["spec"];
    spec["terminationGracePeriodSeconds"] = json!(grace);
    spec["containers"][0]["lifecycle"] = json!({"preStop": {"sleep": {"seconds": seconds}}});
    objects
}

fn worst_case(seconds: u64) -> Value {
    json!({"draingate.dev/worst-case-request-seconds": seconds.to_string()})
}

/// What every scenario shares: PostgreSQL.
pub(crate) fn shared(namespace: &str) -> Vec<Value> {
    let place = Place {
        number: 0,
        namespace: namespace.to_owned(),
        ip: POSTGRES_IP.to_owned(),
        door: POSTGRES_IP.to_owned(),
        behind: String::new(),
        folder: String::new(),
    };
    vec![deployment(&place, "postgres", 1, json!({}), postgres()), service(&place, "postgres", POSTGRES_IP, 5432, 5432)]
}

fn postgres() -> Value {
    let start = "initdb -D /data/db -U postgres -A trust >/dev/null && echo 'host all all all trust' >>/data/db/pg_hba.conf && \
        exec postgres -D /data/db -c listen_addresses='*' -c unix_socket_directories=/tmp -c fsync=off -c max_connections=200";
    json!({
        "containers": [{"name": "postgres", "image": "localhost/debian:1", "imagePullPolicy": "Never",
            "command": ["sh", "-c", start], "securityContext": {"runAsUser": 999, "runAsGroup": 999},
            "ports": [{"containerPort": 5432}], "readinessProbe": {"tcpSocket": {"port": 5432}, "periodSeconds": 1},
            "volumeMounts": [{"name": "data", "mountPath": "/data"}]}],
        "securityContext": {"fsGroup": 999},
        "volumes": [{"name": "data", "emptyDir": {}}]})
}

fn object(version: &str, kind: &str, place: &Place, name: &str, rest: Value) -> Value {
    let mut all =
        json!({"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": place.namespace}});
    merge(&mut all, rest);
    all
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

fn deployment(place: &Place, name: &str, replicas: u32, annotations: Value, spec: Value) -> Value {
    let labels = json!({"app": name});
    object(
        "apps/v1",
        "Deployment",
        place,
        name,
        json!({"spec": {"replicas": replicas, "selector": {"matchLabels": labels},
        "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "template": {"metadata": {"labels": labels, "annotations": annotations}, "spec": spec}}}),
    )
}

fn service(place: &Place, name: &str, ip: &str, port: u16, target: u16) -> Value {
    object(
        "v1",
        "Service",
        place,
        name,
        json!({"spec": {"clusterIP": ip, "selector": {"app": name},
        "ports": [{"port": port, "targetPort": target}]}}),
    )
}

/// A container of the lab's own program, which writes marks.
pub(crate) fn container(name: &str, arguments: &[&str]) -> Value {
    json!({"name": name, "image": "localhost/lab:1", "imagePullPolicy": "Never", "args": arguments,
        "env": [{"name": "LAB_POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "LAB_CONTAINER", "value": name}, {"name": "LAB_MARKS", "value": "/out/marks"},
            {"name": "LAB_SAMPLES", "value": "/out/samples"}, {"name": "LAB_STOP", "value": "/out/stop"}],
        "volumeMounts": [{"name": "out", "mountPath": "/out"}]})
}

pub(crate) fn volume(folder: &str) -> Value {
    json!([{"name": "out", "hostPath": {"path": folder, "type": "Directory"}}])
}

fn serving(arguments: &[&str], probe: Value) -> Value {
    let mut container = container("app", arguments);
    merge(&mut container, json!({"ports": [{"containerPort": 8080}], "readinessProbe": {"periodSeconds": 1}}));
    merge(&mut container["readinessProbe"], probe);
    container
}

fn server(place: &Place, arguments: &[&str], annotations: Value, spec: Value) -> Vec<Value> {
    let arguments = [&["serve"], arguments].concat();
    let app = serving(&arguments, json!({"httpGet": {"path": "/ready", "port": 8080}}));
    let mut whole = json!({"containers": [app], "volumes": volume(&place.folder)});
    merge(&mut whole, spec);
    vec![deployment(place, "app", 3, annotations, whole), service(place, "app", &place.ip, 80, 8080)]
}

fn own_drain(place: &Place) -> Vec<Value> {
    let annotations =
        json!({"prestop-seconds.draingate.dev/app": "10", "draingate.dev/worst-case-request-seconds": "7"});
    let spec = json!({"terminationGracePeriodSeconds": 4});
    let mut all = server(place, &["-work=6s", "-on-term=finish", "-routing-delay=10s"], annotations, spec);
    all[0]["spec"]["template"]["spec"]["containers"][0]["lifecycle"] =
        json!({"preStop": {"httpGet": {"path": "/drain", "port": 8080}}});
    all
}

fn grpc(place: &Place, annotations: Value, spec: Value) -> Vec<Value> {
    let app = serving(&["serve-grpc", "-work=100ms"], json!({"tcpSocket": {"port": 8080}}));
    let mut whole = json!({"containers": [app], "volumes": volume(&place.folder)});
    merge(&mut whole, spec);
    vec![deployment(place, "app", 3, annotations, whole), service(place, "app", &place.ip, 80, 8080)]
}

fn behind_traefik(place: &Place) -> Vec<Value> {
    let mut all = server(place, &["-work=200ms"], json!({}), json!({}));
    let backend = json!({"service": {"name": "app", "port": {"number": 80}}});
    let rules = json!([{"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}]);
    let spec = json!({"spec": {"ingressClassName": "traefik", "rules": rules}});
    all.push(object("networking.k8s.io/v1", "Ingress", place, "app", spec));
    all
}

fn behind_nginx(place: &Place) -> Vec<Value> {
    let asked = Place {
        number: place.number,
        ip: place.behind.clone(),
        namespace: place.namespace.clone(),
        folder: place.folder.clone(),
        door: String::new(),
        behind: String::new(),
    };
    let mut all = server(&asked, &["-work=100ms", "-on-term=finish"], json!({}), json!({}));
    let configuration = format!(
        "daemon off; pid /tmp/nginx.pid; error_log stderr; events {{ worker_connections 1024; }}
         http {{ access_log off; client_body_temp_path /tmp/body; proxy_temp_path /tmp/proxy; fastcgi_temp_path /tmp/f;
           uwsgi_temp_path /tmp/u; scgi_temp_path /tmp/s;
           upstream app {{ server {}:80; keepalive 32; }}
           server {{ listen 8080; location / {{ proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ''; }} }} }}",
        place.behind
    );
    let spec = json!({
        "containers": [{"name": "nginx", "image": "localhost/debian:1", "imagePullPolicy": "Never",
            "command": ["nginx", "-c", "/etc/lab/nginx.conf", "-e", "stderr"], "ports": [{"containerPort": 8080}],
            "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
            "volumeMounts": [{"name": "configuration", "mountPath": "/etc/lab"}]}],
        "volumes": [{"name": "configuration", "configMap": {"name": "nginx"}}]});
    all.push(object("v1", "ConfigMap", place, "nginx", json!({"data": {"nginx.conf": configuration}})));
    all.push(deployment(place, "nginx", 1, json!({}), spec));
    all.push(service(place, "nginx", &place.ip, 80, 8080));
    all
}

/// An app whose transactions go through PgBouncer in its own pod, and go on for 4 s after SIGTERM.
fn pooler(place: &Place, sidecar: bool) -> Vec<Value> {
    let configuration = format!(
        "[databases]\nlab = host={POSTGRES_IP} port=5432 dbname=postgres user=postgres\n[pgbouncer]\n\
         listen_addr = 127.0.0.1\nlisten_port = 6432\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 10\n\
         unix_socket_dir =\n"
    );
    let mut pgbouncer = json!({"name": "pgbouncer", "image": "localhost/debian:1", "imagePullPolicy": "Never",
        "command": ["pgbouncer", "/etc/lab/pgbouncer.ini"], "securityContext": {"runAsUser": 999, "runAsGroup": 999},
        "volumeMounts": [{"name": "configuration", "mountPath": "/etc/lab"}]});
    let app = container(
        "app",
        &[
            "transact",
            "-url=postgres://lab@127.0.0.1:6432/lab?default_query_exec_mode=simple_protocol&sslmode=disable",
            "-finish=4s",
        ],
    );
    let mut volumes = volume(&place.folder);
    volumes.as_array_mut().unwrap().push(json!({"name": "configuration", "configMap": {"name": "pgbouncer"}}));
    let spec = if sidecar {
        pgbouncer["restartPolicy"] = json!("Always");
        json!({"initContainers": [pgbouncer], "containers": [app], "volumes": volumes})
    } else {
        json!({"containers": [app, pgbouncer], "volumes": volumes})
    };
    vec![
        object("v1", "ConfigMap", place, "pgbouncer", json!({"data": {"pgbouncer.ini": configuration}})),
        deployment(place, "app", 3, worst_case(5), spec),
    ]
}
