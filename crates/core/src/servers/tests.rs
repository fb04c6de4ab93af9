//! One line for each row, with its setting as its documentation writes it, and what must not be read.

use std::collections::BTreeSet;

use super::{Facts, Found, Mark, Setting, find, rows};
use crate::hooks::Variable;

/// What was found, in short: `A=10 T=30* Peer! Drains`, where `*` is a default, and `!` stands in the container.
fn told(found: &Found) -> String {
    let time = |letter: &str, setting: &Option<Setting>| match setting {
        Some(Setting { seconds, stated, .. }) => format!("{letter}={seconds}{} ", if *stated { "" } else { "*" }),
        None => String::new(),
    };
    let by_flag = if found.work_by_flag { "!" } else { "" };
    let (accept, finish) = (time("A", &found.accept), time("T", &found.finish));
    format!("{accept}{finish}{:?}{by_flag} {:?}", found.work, found.sigterm)
}

/// `variables` are `NAME=value` one after another; the value `?` comes from somewhere else.
fn look(image: &str, command: &[&str], args: &[&str], variables: &str) -> Option<Found> {
    let variable = |name: &str| {
        let value = variables.split('|').find_map(|entry| entry.strip_prefix(name)?.strip_prefix('='));
        value.map_or(Variable::Unset, |value| if value == "?" { Variable::Unknown } else { Variable::Literal(value) })
    };
    find(&Facts { image, command, args, variable: &variable })
}

/// Name, image, arguments (a command where the first word is a program), variables, and what is found.
type Line = (&'static str, &'static str, &'static str, &'static str, &'static str);

const LINES: &[Line] = &[
    ("gunicorn", "python:3.12", "gunicorn app:app --graceful-timeout 45", "", "T=45 Sent Drains"),
    ("gunicorn", "python:3.12", "gunicorn app:app", "GUNICORN_CMD_ARGS=--bind=:80 --graceful-timeout=60", "T=60 Sent Drains"),
    ("gunicorn", "shop/app", "", "GUNICORN_CMD_ARGS=--workers=2", "T=30* Sent Drains"),
    ("uvicorn", "python:3.12", "python -m uvicorn app:app --timeout-graceful-shutdown 20", "", "T=20 Sent Drains"),
    ("uvicorn", "shop/app", "", "UVICORN_TIMEOUT_GRACEFUL_SHUTDOWN=25", "T=25 Sent Drains"),
    ("uvicorn", "shop/app", "uv run uvicorn app:app", "", "Sent Drains"),
    ("hypercorn", "shop/app", "hypercorn app:app --graceful-timeout 8", "", "T=8 Sent Drains"),
    ("granian", "shop/app", "granian app:app --workers-kill-timeout 30", "", "T=30 Sent Drains"),
    ("Sanic", "shop/app", "sanic app", "SANIC_GRACEFUL_SHUTDOWN_TIMEOUT=20.5", "T=21 Sent Drains"),
    ("uWSGI", "shop/app", "uwsgi --ini app.ini", "", "Sent Cuts"),
    ("Puma", "shop/app", "bundle exec puma -C config/puma.rb", "", "Sent Drains"),
    ("Puma", "shop/app", "bundle exec rails server -b 0.0.0.0", "", "Sent Drains"),
    ("unicorn", "shop/app", "bundle exec unicorn -c unicorn.rb", "", "Sent Cuts"),
    ("Spring Boot", "shop/app", "", "SERVER_SHUTDOWN=graceful|SPRING_LIFECYCLE_TIMEOUT_PER_SHUTDOWN_PHASE=55s", "T=55 Sent Drains"),
    ("Spring Boot", "shop/app", "", "SPRING_LIFECYCLE_TIMEOUT_PER_SHUTDOWN_PHASE=20000", "T=20 Sent Drains"),
    ("Spring Boot", "shop/app", "", "SERVER_SHUTDOWN=immediate|SPRING_LIFECYCLE_TIMEOUT_PER_SHUTDOWN_PHASE=20s", "Sent Cuts"),
    ("Spring Boot", "shop/app", "", "SERVER_SHUTDOWN=graceful|SPRING_LIFECYCLE_TIMEOUT_PER_SHUTDOWN_PHASE=?", "Sent Drains"),
    ("Spring Boot", "shop/app", "", "JAVA_TOOL_OPTIONS=-Xmx1g -Dspring.lifecycle.timeout-per-shutdown-phase=PT1M", "T=60 Sent Drains"),
    ("Spring Boot", "shop/app", "java -jar app.jar --server.shutdown=graceful", "", "T=30* Sent Drains"),
    ("Spring Boot", "shop/app", "java -cp . org.springframework.boot.loader.launch.JarLauncher", "", "T=30* Sent Drains"),
    ("Quarkus", "shop/app", "", "QUARKUS_SHUTDOWN_TIMEOUT=30", "T=30 Sent Drains"),
    ("Quarkus", "shop/app", "java -Dquarkus.shutdown.timeout=10s -jar quarkus-run.jar", "", "T=10 Sent Drains"),
    ("Quarkus", "shop/app", "java -jar /deployments/quarkus-run.jar", "", "Sent Cuts"),
    ("Micronaut", "shop/app", "", "MICRONAUT_LIFECYCLE_GRACEFUL_SHUTDOWN_ENABLED=true|MICRONAUT_LIFECYCLE_GRACEFUL_SHUTDOWN_GRACE_PERIOD=20s", "T=20 Sent Drains"),
    ("Micronaut", "shop/app", "", "MICRONAUT_LIFECYCLE_GRACEFUL_SHUTDOWN_ENABLED=false", "Sent Cuts"),
    ("WildFly, JBoss EAP", "quay.io/wildfly/wildfly:31", "", "JAVA_OPTS=-Dorg.wildfly.sigterm.suspend.timeout=30", "T=30 Sent Drains"),
    ("WildFly, JBoss EAP", "wildfly", "", "", "Sent Cuts"),
    ("Jetty", "jetty:12", "java -jar start.jar jetty.server.stopTimeout=15000", "", "T=15 Sent Drains"),
    ("Tomcat", "tomcat:10", "catalina.sh run", "", "Sent Cuts"),
    ("ASP.NET Core", "shop/app", "dotnet Shop.dll", "DOTNET_SHUTDOWNTIMEOUTSECONDS=45", "T=45 Sent Drains"),
    ("ASP.NET Core", "shop/app", "dotnet Shop.dll --shutdownTimeoutSeconds=50", "", "T=50 Sent Drains"),
    ("ASP.NET Core", "shop/app", "", "ASPNETCORE_URLS=http://+:8080", "T=30* Sent Drains"),
    ("PM2", "shop/app", "pm2-runtime app.js", "PM2_KILL_TIMEOUT=8000", "T=8 Sent Drains"),
    ("PHP-FPM", "php:8.3-fpm-alpine", "", "", "Sent Cuts"),
    ("PHP-FPM", "shop/app", "php-fpm -F", "", "Sent Cuts"),
    ("PHP on Apache, official images", "php:8.3-apache", "", "", "Sent Drains"),
    ("PHP on Apache, official images", "wordpress:6", "", "", "Sent Drains"),
    ("Traefik", "traefik:v3.1", "--entrypoints.web.address=:80 --entryPoints.web.transport.lifeCycle.requestAcceptGraceTimeout=42 --entryPoints.web.transport.lifeCycle.graceTimeOut=1m", "", "A=42 T=60 Sent Drains"),
    ("Traefik", "traefik:v3.1", "--entrypoints.web.address=:80 --entrypoints.tls.address=:443 --entrypoints.metrics.address=:9100 --entrypoints.web.transport.lifecycle.requestacceptgracetimeout=20 --entrypoints.tls.transport.lifecycle.requestacceptgracetimeout=30 --entrypoints.web.transport.lifecycle.gracetimeout=5 --entrypoints.tls.transport.lifecycle.gracetimeout=15", "", "A=20 T=15 Sent Drains"),
    ("Traefik", "traefik:v3.1", "--entrypoints.web.address=:80 --entrypoints.tls.address=:443 --entrypoints.web.transport.lifecycle.requestacceptgracetimeout=20", "", "T=10* Sent Drains"),
    ("Traefik", "traefik", "", "TRAEFIK_ENTRYPOINTS_WEB_TRANSPORT_LIFECYCLE_REQUESTACCEPTGRACETIMEOUT=10s", "A=10 T=10* Sent Drains"),
    ("nginx, Bitnami's image", "docker.io/bitnami/nginx:1.27", "", "", "Sent Cuts"),
    ("ingress-nginx", "registry.k8s.io/ingress-nginx/controller:v1.11@sha256:ab", "/nginx-ingress-controller --shutdown-grace-period=25", "", "A=25 T=240* Sent Drains"),
    ("NGINX Ingress Controller", "nginx/nginx-ingress:3.6", "", "", "Sent Drains"),
    ("nginx, official image", "nginx:1.27-alpine", "nginx -g daemon off;", "", "Sent Drains"),
    ("nginx, official image", "localhost:5000/mirror/nginx", "", "", "Sent Drains"),
    ("OpenResty", "openresty/openresty:1.25", "", "", "Sent Drains"),
    ("Kong", "kong:3.7", "", "KONG_NGINX_MAIN_WORKER_SHUTDOWN_TIMEOUT=30s", "T=30 Sent Drains"),
    ("APISIX", "apache/apisix:3.9", "", "", "T=240* Sent Drains"),
    ("nginx in other images", "shop/web", "nginx -g daemon off;", "", "Sent Cuts"),
    ("HAProxy in other images", "bitnami/haproxy:3", "", "", "Sent Cuts"),
    ("HAProxy, official images", "haproxy:3.0", "haproxy -f /etc/haproxy.cfg", "", "Sent Drains"),
    ("Apache httpd, official image", "httpd:2.4", "httpd-foreground", "", "Sent Drains"),
    ("Apache httpd in other images", "shop/web", "apachectl -D FOREGROUND", "", "Sent Cuts"),
    ("Envoy", "envoyproxy/envoy:v1.31", "envoy -c /etc/envoy.yaml --drain-time-s 60", "", "Sent Cuts"),
    ("Caddy", "caddy:2", "caddy run", "", "Sent Drains"),
    ("Skipper", "zalando/skipper", "skipper -wait-for-healthcheck-interval=60s", "", "A=60 Sent Drains"),
    ("Skipper", "zalando/skipper", "skipper", "", "A=45* Sent Drains"),
    ("Knative queue-proxy", "gcr.io/knative-releases/knative.dev/serving/cmd/queue@sha256:ab", "", "", "A=30* Sent Drains"),
    ("oauth2-proxy", "quay.io/oauth2-proxy/oauth2-proxy:v7", "", "", "Sent Drains"),
    ("kube-rbac-proxy", "quay.io/brancz/kube-rbac-proxy:v0.18", "", "", "Sent Drains"),
    ("cloudflared", "cloudflare/cloudflared", "cloudflared tunnel --grace-period 45s run", "", "T=45 Fetched Drains"),
    ("cloudflared", "cloudflare/cloudflared", "", "TUNNEL_GRACE_PERIOD=20s", "T=20 Fetched Drains"),
    ("Varnish", "varnish:7", "", "", "Sent Cuts"),
    ("Apollo Router", "ghcr.io/apollographql/router:v1", "", "", "T=60* Sent Drains"),
    ("kube-apiserver", "registry.k8s.io/kube-apiserver:v1.33", "kube-apiserver --shutdown-delay-duration=70s", "", "A=70 Sent Drains"),
    ("CoreDNS", "registry.k8s.io/coredns/coredns:v1.12", "-conf /etc/coredns/Corefile", "", "T=5* Sent Drains"),
    ("Distribution registry", "registry:2", "", "REGISTRY_HTTP_DRAINTIMEOUT=60s", "T=60 Sent Drains"),
    ("Distribution registry", "docker.io/library/registry:2", "", "", "Sent Cuts"),
    ("vLLM", "vllm/vllm-openai:v0.18", "vllm serve model --shutdown-timeout 60", "", "T=60 Sent Drains"),
    ("vLLM", "shop/llm", "python3 -m vllm.entrypoints.openai.api_server --model m", "", "Sent Cuts"),
    ("vLLM", "shop/llm", "vllm serve model --shutdown-timeout=0", "", "Sent Cuts"),
    ("Triton", "nvcr.io/nvidia/tritonserver:24.05-py3", "tritonserver --exit-timeout-secs=90", "", "T=90 Sent Drains"),
    ("Text Generation Inference", "ghcr.io/huggingface/text-generation-inference", "--graceful-termination-timeout 120", "", "T=120 Sent Drains"),
    ("Text Generation Inference", "text-generation-inference", "", "GRACEFUL_TERMINATION_TIMEOUT=100", "T=100 Sent Drains"),
    ("NVIDIA Dynamo", "shop/llm", "", "DYN_GRACEFUL_SHUTDOWN_GRACE_PERIOD_SECS=8", "A=8 Peer Drains"),
    ("Sidekiq", "shop/app", "bundle exec sidekiq -t 55", "", "T=55 Fetched Drains"),
    ("Sidekiq", "shop/app", "bundle exec sidekiq -t55", "", "T=55 Fetched Drains"),
    ("Sidekiq", "shop/app", "sidekiq --timeout=40", "", "T=40 Fetched Drains"),
    ("Airflow, Celery worker", "apache/airflow:2.10", "celery worker", "", "Fetched! Drains"),
    ("Airflow, scheduler, triggerer, DAG processor", "apache/airflow:2.10", "scheduler", "", "Fetched! Drains"),
    ("Airflow, webserver, API server", "apache/airflow:2.10", "webserver", "", "Sent Drains"),
    ("Celery beat", "shop/app", "celery -A worker beat", "", "OneWriter Drains"),
    ("Celery worker", "shop/app", "celery -A shop worker -l INFO", "", "Fetched! Drains"),
    ("Celery worker", "shop/app", "celery -A shop worker", "REMAP_SIGTERM=SIGQUIT", "Fetched! Cuts"),
    ("dramatiq", "shop/app", "dramatiq tasks --worker-shutdown-timeout 60000", "", "T=60 Fetched Drains"),
    ("RQ", "shop/app", "rq worker high", "", "Fetched! Drains"),
    ("GoodJob", "shop/app", "bundle exec good_job start --shutdown-timeout=25", "", "T=25 Fetched Drains"),
    ("GoodJob", "shop/app", "good_job start", "GOOD_JOB_SHUTDOWN_TIMEOUT=-1", "Fetched Drains"),
    ("Resque", "shop/app", "bundle exec rake resque:work", "TERM_CHILD=1|RESQUE_PRE_SHUTDOWN_TIMEOUT=20", "T=20 Fetched! Drains"),
    ("Resque", "shop/app", "rake resque:work", "", "Fetched! Cuts"),
    ("Laravel queue worker, Horizon", "shop/app", "php artisan queue:work --sleep=3", "", "Fetched! Drains"),
    ("Spark driver and executors", "apache/spark:3.5", "executor", "", "Fetched! Cuts"),
    ("Kestra worker", "kestra/kestra", "server worker", "", "T=300* Fetched! Drains"),
    ("Jenkins agent", "jenkins/inbound-agent", "", "", "Fetched Cuts"),
    ("PostgreSQL, Bitnami's image", "bitnami/postgresql:16", "", "", "OneWriter Drains"),
    ("PostgreSQL under an operator", "ghcr.io/cloudnative-pg/postgresql:16", "", "", "Peer Drains"),
    ("PostgreSQL, official image", "postgres:16", "", "", "OneWriter Cuts"),
    ("MySQL", "mysql:8", "", "", "OneWriter Cuts"),
    ("MariaDB", "mariadb:11", "", "", "OneWriter Cuts"),
    ("mongos", "mongo:7", "mongos --configdb rs/a:1 --setParameter mongosShutdownTimeoutMillisForSignaledShutdown=30000", "", "T=30 Sent Drains"),
    ("MongoDB", "mongo:7", "mongod --setParameter shutdownTimeoutMillisForSignaledShutdown=20000", "", "T=20 Peer Drains"),
    ("MongoDB", "mongo:7", "", "", "T=15* Peer Drains"),
    ("Redis Sentinel", "redis:7", "redis-sentinel /etc/sentinel.conf", "", "Peer Drains"),
    ("Redis", "redis:7", "redis-server --shutdown-timeout 30", "", "T=30 OneWriter Drains"),
    ("Valkey", "valkey/valkey:8", "", "", "T=10* OneWriter Drains"),
    ("KeyDB, Dragonfly", "eqalpha/keydb", "", "", "OneWriter Drains"),
    ("memcached", "memcached:1.6", "", "", "Peer Cuts"),
    ("Elasticsearch", "docker.elastic.co/elasticsearch/elasticsearch:8.15.0", "", "", "Sent Drains"),
    ("OpenSearch", "opensearchproject/opensearch:2", "", "", "Sent Drains"),
    ("Cassandra", "cassandra:5", "", "", "Peer Drains"),
    ("ScyllaDB", "scylladb/scylla:6", "", "", "Peer Drains"),
    ("ClickHouse", "clickhouse/clickhouse-server:24", "", "", "OneWriter Cuts"),
    ("etcd", "quay.io/coreos/etcd:v3.5", "etcd --name a", "", "T=7* Peer Drains"),
    ("MinIO", "minio/minio", "server /data", "MINIO_SHUTDOWN_TIMEOUT=60s", "T=60 Sent Drains"),
    ("SeaweedFS volume server", "chrislusf/seaweedfs:3.7", "volume -dir=/data -preStopSeconds=20", "", "A=20 T=300* Peer! Drains"),
    ("SeaweedFS volume server", "chrislusf/seaweedfs:3.7", "-logtostderr=true volume", "", "A=10* T=300* Peer! Drains"),
    ("SeaweedFS master", "chrislusf/seaweedfs:3.7", "master", "", "Peer! Drains"),
    ("SeaweedFS filer, S3", "chrislusf/seaweedfs:3.7", "filer", "", "T=15* Sent Drains"),
    ("SeaweedFS, all in one", "chrislusf/seaweedfs", "server -volume.preStopSeconds=15", "", "A=15 Sent Drains"),
    ("NFS server", "itsthenetwork/nfs-server-alpine", "", "", "OneWriter Drains"),
    ("Kafka", "apache/kafka:3.8", "", "", "Peer Drains"),
    ("RabbitMQ", "rabbitmq:4-management", "", "", "Sent Drains"),
    ("NATS", "nats:2.10", "nats-server -c /etc/nats.conf", "", "Sent Cuts"),
    ("ZooKeeper", "zookeeper:3.9", "", "", "Peer Cuts"),
    ("Hazelcast", "hazelcast/hazelcast:5", "", "JAVA_OPTS=-Dhazelcast.shutdownhook.policy=GRACEFUL -Dhazelcast.graceful.shutdown.max.wait=600", "T=600 Peer Drains"),
    ("Hazelcast", "hazelcast/hazelcast:5", "", "", "Peer Cuts"),
    ("Prometheus", "quay.io/prometheus/prometheus:v3", "--config.file=/etc/p.yml", "", "OneWriter Cuts"),
    ("Pushgateway", "prom/pushgateway", "", "", "Sent Drains"),
    ("Alertmanager", "prom/alertmanager", "", "", "T=5* Sent Drains"),
    ("Thanos Query, Query Frontend, Receive", "quay.io/thanos/thanos:v0.36", "query --http-grace-period=3m", "", "T=180 Sent Drains"),
    ("Thanos Store, Rule, Sidecar", "thanosio/thanos", "store --http-grace-period 30s", "", "T=30 Peer! Drains"),
    ("Thanos Compact", "thanosio/thanos", "compact --wait", "", "T=120* Fetched! Drains"),
    ("Loki", "grafana/loki:3", "-config.file=/etc/loki.yaml -target=ingester -shutdown-delay=20s", "", "A=20 T=30* Peer! Drains"),
    ("Loki", "grafana/loki:3", "--target=querier --server.graceful-shutdown-timeout=1m30s", "", "T=90 Fetched! Drains"),
    ("Loki", "grafana/loki:3", "-target=read", "", "T=30* Sent Drains"),
    ("Loki", "grafana/loki:3", "-config.file=/etc/loki.yaml", "", "T=30* Sent Drains"),
    ("Mimir", "grafana/mimir:2", "-target=store-gateway -shutdown-delay=90s", "", "A=90 T=30* Peer! Drains"),
    ("Mimir", "grafana/mimir:2", "-target=compactor,ingester", "", "T=30* Peer! Drains"),
    ("Mimir", "grafana/mimir:2", "-target=distributor,ingester", "", "T=30* Sent Drains"),
    ("Tempo", "grafana/tempo", "-target metrics-generator", "", "T=30* Peer! Drains"),
    ("Cortex", "quay.io/cortexproject/cortex", "-target=querier", "", "T=30* Fetched! Drains"),
    ("VictoriaMetrics storage", "victoriametrics/vmstorage", "--http.shutdownDelay=10s", "", "A=10 T=7* Peer Drains"),
    ("VictoriaMetrics, single, insert, select, agent, auth, alert", "victoriametrics/vmauth", "-http.shutdownDelay=30s -http.maxGracefulShutdownDuration=1m", "", "A=30 T=60 Sent Drains"),
    ("OpenTelemetry Collector", "otel/opentelemetry-collector-contrib:0.110", "", "", "Sent Drains"),
    ("Jenkins controller", "jenkins/jenkins:lts", "", "", "OneWriter Drains"),
    ("Flux helm-controller", "ghcr.io/fluxcd/helm-controller:v1", "--graceful-shutdown-timeout=5m", "", "T=300 Fetched Drains"),
    ("Flux's other controllers", "ghcr.io/fluxcd/kustomize-controller:v1", "", "", "T=30* Fetched Drains"),
    ("Argo CD server", "quay.io/argoproj/argocd:v2", "argocd-server", "", "T=20* Sent Drains"),
    ("Argo CD repo-server", "quay.io/argoproj/argocd:v2", "argocd-repo-server", "", "Sent Drains"),
    ("Keycloak", "quay.io/keycloak/keycloak:26.6", "start --shutdown-delay=15s", "KC_SHUTDOWN_TIMEOUT=40s", "A=15 T=40 Sent Drains"),
    ("Gitea, Forgejo", "gitea/gitea:1.22", "", "GITEA__server__GRACEFUL_HAMMER_TIME=90s", "T=90 OneWriter Drains"),
    ("Unleash", "unleashorg/unleash-server", "", "GRACEFUL_SHUTDOWN_TIMEOUT=5000", "T=5 Sent Drains"),
    ("Hasura", "hasura/graphql-engine:v2", "", "HASURA_GRAPHQL_GRACEFUL_SHUTDOWN_TIMEOUT=45", "T=45 Sent Drains"),
];

fn words(line: &str) -> Vec<&str> {
    line.split(' ').filter(|word| !word.is_empty()).collect()
}

#[test]
fn each_row_is_read_as_its_documentation_writes_it() {
    for (name, image, args, variables, expected) in LINES {
        // As a command and as arguments it is the same.
        for (command, args) in [(words(args), vec![]), (vec![], words(args))] {
            let found = look(image, &command, &args, variables);
            let found = found.unwrap_or_else(|| panic!("{name}: {image} {command:?} {args:?} is not found"));
            assert_eq!((found.server.name, &*told(&found)), (*name, *expected), "{image} {command:?} {args:?}");
        }
    }
    let tested: BTreeSet<_> = LINES.iter().map(|(name, ..)| *name).collect();
    let all: BTreeSet<_> = rows().map(|row| row.name).collect();
    assert_eq!(tested, all);
}

#[test]
fn a_row_has_a_source_and_a_name_of_its_own() {
    let mut names = BTreeSet::new();
    for row in rows() {
        assert!(names.insert(row.name), "{} is there twice", row.name);
        assert!(!row.marks.is_empty(), "{}", row.name);
        assert_eq!(row.assumed, row.source.starts_with("assumed: "), "{}", row.name);
        assert!(row.assumed || row.source.contains(['/', '@']), "{}: {}", row.name, row.source);
        for mark in row.marks {
            let (Mark::Image(name) | Mark::ImageWord(name, _) | Mark::Program(name) | Mark::ProgramWord(name, _)) = mark
            else {
                continue;
            };
            let last = name.rsplit('/').next().unwrap().split(':').next().unwrap();
            assert!(last.find('*').is_none_or(|at| at >= 3 && at == last.len() - 1), "{}: {name}", row.name);
        }
    }
    let assumed = rows().filter(|row| row.assumed).count();
    assert!(assumed * 10 <= rows().count(), "{assumed} rows of {} are assumed", rows().count());
}

#[test]
fn the_line_of_a_shell_is_read_where_it_is_plain() {
    for (line, expected) in [
        ("exec gunicorn app:app --graceful-timeout 45", Some("T=45 Sent Drains")),
        ("python manage.py migrate && exec gunicorn app:app --graceful-timeout=45", Some("T=45 Sent Drains")),
        ("set -e\nexec gunicorn app:app \\\n  --graceful-timeout 45\n", Some("T=45 Sent Drains")),
        ("cd /app; PORT=80 gunicorn app:app --graceful-timeout \"45\"", Some("T=45 Sent Drains")),
        ("gunicorn app:app --graceful-timeout $TIMEOUT", Some("Sent Drains")),
        ("exec airflow celery worker", Some("Fetched! Drains")),
        ("exec /usr/bin/weed -logdir=/logs -v 1 volume -preStopSeconds=30", Some("A=30 T=300* Peer! Drains")),
        ("gunicorn app:app; sleep 5", None),
        ("", None),
        ("&&", None),
    ] {
        for shell in [&["sh", "-c", line][..], &["/bin/bash", "-o", "pipefail", "-ec", line], &["tini", "--", "sh", "-c", line]]
        {
            let found = look("shop/app", shell, &[], "").map(|found| told(&found));
            assert_eq!(found.as_deref(), expected, "{shell:?}");
        }
    }
}

#[test]
fn what_cannot_be_read_says_nothing() {
    for (args, variables) in [
        ("gunicorn a:b --graceful-timeout", ""),
        ("gunicorn a:b --graceful-timeout soon", ""),
        ("gunicorn a:b --graceful-timeout -1", ""),
        ("gunicorn a:b --graceful-timeout=", ""),
        ("gunicorn a:b --graceful-timeout=$(SECRET)", "SECRET=?"),
        ("gunicorn a:b --graceful-timeout=$(NOWHERE)", ""),
        ("gunicorn a:b --graceful-timeout 99999999999999999999", ""),
        ("gunicorn a:b", "GUNICORN_CMD_ARGS=?"),
    ] {
        let found = look("shop/app", &words(args), &[], variables).unwrap();
        assert_eq!(told(&found), "Sent Drains", "{args}");
    }
    let found = look("shop/app", &words("gunicorn a:b --graceful-timeout=$(TIMEOUT)"), &[], "TIMEOUT=45").unwrap();
    let stated = Setting { seconds: 45, stated: true, words: "--graceful-timeout".to_owned() };
    assert_eq!(found.finish, Some(stated));
}

#[test]
fn nobody_knows_these() {
    for (image, args) in [
        ("shop/nginxish", ""),
        ("shop/registry", ""),
        ("shop/app", "/bin/app --config=/etc/nginx"),
        ("shop/app", "--path /usr/sbin/nginx"),
        ("shop/app", "celery -A shop flower"),
        ("shop/app", "python app.py"),
        ("shop/queue-worker", ""),
        ("", ""),
        (":", "- -- -m"),
        ("@/:", "java -jar"),
        ("shop/app", "java -jar app.jar"),
        ("shop/app", "node server.js"),
    ] {
        let found = look(image, &words(args), &[], "PORT=80").map(|found| found.server.name);
        assert_eq!(found, None, "{image} {args}");
    }
}

#[test]
fn times() {
    use super::Bare::{Millis, Refused, Seconds};
    use super::values::seconds;
    for (text, bare, expected) in [
        ("30", Seconds, Some(30)),
        ("30", Millis, Some(1)),
        ("30", Refused, None),
        ("0", Refused, Some(0)),
        ("0s", Refused, Some(0)),
        ("1m30s", Refused, Some(90)),
        ("1.5h", Refused, Some(5_400)),
        ("1500ms", Refused, Some(2)),
        ("100us", Refused, Some(1)),
        ("2d", Seconds, Some(172_800)),
        ("PT1M30S", Millis, Some(90)),
        ("pt20s", Millis, Some(20)),
        (" 30s ", Millis, Some(30)),
        ("", Seconds, None),
        ("PT", Seconds, None),
        ("s", Seconds, None),
        ("5x", Seconds, None),
        ("-5", Seconds, None),
        ("-5s", Seconds, None),
        ("soon", Seconds, None),
        ("99999999999999999999h", Seconds, None),
    ] {
        assert_eq!(seconds(text, bare), expected, "{text}");
    }
}

mod properties {
    use proptest::prelude::*;

    use super::{LINES, look, told, words};

    /// Words of the table among others.
    fn word() -> impl Strategy<Value = String> {
        let known: Vec<&str> = LINES.iter().flat_map(|line| words(line.2)).collect();
        prop_oneof![
            3 => prop::sample::select(known).prop_map(str::to_owned),
            1 => prop::sample::select(vec!["sh", "-c", "--", "java", "-cp", "python", "-m", "env", "bundle", "exec", "é=", "=", "-"])
                .prop_map(str::to_owned),
            1 => "\\PC{0,12}",
            1 => "[-a-z;&\\n\\\\ =$()0-9.]{0,20}",
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn nothing_panics(
            image in prop_oneof!["\\PC{0,20}", prop::sample::select(LINES.to_vec()).prop_map(|line| line.1.to_owned())],
            command in prop::collection::vec(word(), 0..6),
            args in prop::collection::vec(word(), 0..8),
            variables in prop_oneof!["\\PC{0,20}", prop::sample::select(LINES.to_vec()).prop_map(|line| line.3.to_owned())],
        ) {
            let command: Vec<_> = command.iter().map(String::as_str).collect();
            let args: Vec<_> = args.iter().map(String::as_str).collect();
            if let Some(found) = look(&image, &command, &args, &variables) {
                prop_assert!(!told(&found).is_empty());
                let lasting = [&found.accept, &found.finish].into_iter().flatten().all(|time| time.seconds < 1 << 40);
                prop_assert!(lasting);
            }
        }
    }
}
