//! Each format as its documentation writes it, and any bytes.

use proptest::prelude::*;

use super::{Config, Format};
use crate::config_maps::File;

fn value(format: Format, path: &str, text: &str, key: &str) -> Option<String> {
    let file = File { map: "conf", key: "file", path: format!("/etc/{path}"), text };
    Config { format, names: &[] }.value(&file, key)
}

const NGINX: &str = r#"
user nginx; worker_processes auto;
# worker_shutdown_timeout 99s;
worker_shutdown_timeout 30s; # for the rollout
error_log "/var/log/a { b" warn;
events { worker_connections 1024; }
http {
    log_format main '$remote_addr "$request" {';
    map $http_upgrade $connection_upgrade { default upgrade; '' close; }
    server { listen 80; keepalive_timeout 65s; location / { proxy_pass http://app; } }
}
"#;

#[test]
fn nginx() {
    let of = |text: &str, key: &str| value(Format::Nginx, "nginx.conf", text, key);
    assert_eq!(of(NGINX, "worker_shutdown_timeout").as_deref(), Some("30s"));
    assert_eq!(of(NGINX, "server.keepalive_timeout").as_deref(), Some("65s"));
    assert_eq!(of(NGINX, "keepalive_timeout"), None, "it is in no main context");
    assert_eq!(of("worker_shutdown_timeout\n  \"1m 30s\";", "worker_shutdown_timeout").as_deref(), Some("1m 30s"));
    assert_eq!(
        of("daemon off;worker_shutdown_timeout 10s;worker_shutdown_timeout 5s;", "daemon").as_deref(),
        Some("off")
    );
    assert_eq!(of("http { worker_shutdown_timeout 5s; }", "worker_shutdown_timeout"), None);
    assert_eq!(of("worker_shutdown_timeout;", "worker_shutdown_timeout"), None);
}

#[test]
fn caddy_and_coredns() {
    let global = "# head\n{\n\tadmin off\n\tgrace_period 10s # enough\n\tshutdown_delay 5s\n\tservers {\n\t\tgrace_period 1s\n\t}\n}\n\n\
                  {$HOST}, example.com {\n\treverse_proxy app:80\n\tgrace_period 2s\n}\n";
    let of = |key: &str| value(Format::Caddy, "Caddyfile", global, key);
    assert_eq!(of("grace_period").as_deref(), Some("10s"));
    assert_eq!(of("shutdown_delay").as_deref(), Some("5s"));
    let corefile = ".:53 {\n    errors\n    health {\n       lameduck 5s\n    }\n    ready\n    kubernetes cluster.local {\n       ttl 30\n    }\n}\n";
    assert_eq!(value(Format::Caddy, "Corefile", corefile, "health.lameduck").as_deref(), Some("5s"));
    let plain = ". {\n    health :8080 {\n        lameduck 12s\n    }\n}";
    assert_eq!(value(Format::Caddy, "Corefile", plain, "health.lameduck").as_deref(), Some("12s"));
    assert_eq!(value(Format::Caddy, "Corefile", ". {\n health\n}", "health.lameduck"), None);
}

#[test]
fn haproxy() {
    let text = "global\n  log stdout format raw local0\n  hard-stop-after 30s  # once it stops\n    grace 10s\n\n\
                defaults\n  timeout client 50s\n  grace 99s\nfrontend http\n  bind :80\n";
    let of = |text: &str, key: &str| value(Format::Haproxy, "haproxy.cfg", text, key);
    assert_eq!(of(text, "hard-stop-after").as_deref(), Some("30s"));
    assert_eq!(of(text, "grace").as_deref(), Some("10s"));
    assert_eq!(of("defaults\n  grace 5s\nglobal\n  #grace 6s\n", "grace"), None);
}

#[test]
fn lines() {
    let redis = "# Redis\nport 6379\nshutdown-timeout 20\nsave \"\"\n";
    assert_eq!(value(Format::Lines, "redis.conf", redis, "shutdown-timeout").as_deref(), Some("20"));
    let httpd = "<IfModule mpm_event_module>\n    gracefulshutdowntimeout 30\n</IfModule>\n";
    assert_eq!(value(Format::Lines, "httpd.conf", httpd, "GracefulShutdownTimeout").as_deref(), Some("30"));
}

#[test]
fn programs() {
    let of = |text: &str, key: &str| value(Format::Program, "file", text, key);
    let python = "import os\nbind = '0.0.0.0:80'\n# graceful_timeout = 9\ngraceful_timeout = 45  # seconds\n";
    assert_eq!(of(python, "graceful_timeout").as_deref(), Some("45"));
    assert_eq!(
        of("graceful_timeout = int(os.environ['T'])\n", "graceful_timeout").as_deref(),
        Some("int(os.environ['T']")
    );
    assert_eq!(of("max_graceful_timeout = 4\nself.graceful_timeout_x = 3", "graceful_timeout"), None);
    assert_eq!(of("workers 2\nforce_shutdown_after 30\n", "force_shutdown_after").as_deref(), Some("30"));
    assert_eq!(of("force_shutdown_after(30) if prod\n", "force_shutdown_after").as_deref(), Some("30"));
    let script = "module.exports = {\n  apps: [{ name: 'a', script: 'a.js', kill_timeout: 8000 }] // or 9000\n}\n";
    assert_eq!(of(script, "kill_timeout").as_deref(), Some("8000"));
    let json = r#"{"apps": [{"name": "a", "kill_timeout" : 8000, "x": 1}]}"#;
    assert_eq!(of(json, "kill_timeout").as_deref(), Some("8000"));
    assert_eq!(of("kill_timeout: 1000\nkill_timeout: 2000\n", "kill_timeout").as_deref(), Some("?"));
    assert_eq!(of("graceful_timeout = 8\n", "graceful_timeout").as_deref(), Some("8"), "hypercorn.toml");
}

#[test]
fn trees() {
    let of = |path: &str, text: &str, key: &str| value(Format::Tree, path, text, key);
    let yaml = "auth_enabled: false\nshutdown_delay: 15s\nserver:\n  http_listen_port: 3100\n  graceful_shutdown_timeout: 45s\n";
    assert_eq!(of("loki.yaml", yaml, "server.graceful_shutdown_timeout").as_deref(), Some("45s"));
    assert_eq!(of("loki.yaml", yaml, "shutdown_delay").as_deref(), Some("15s"));
    assert_eq!(of("loki.yaml", yaml, "graceful_shutdown_timeout"), None);
    assert_eq!(
        of("sidekiq.yml", "---\n:concurrency: 5\n:timeout: 40\n:queues:\n  - default\n", ":timeout").as_deref(),
        Some("40")
    );
    assert_eq!(
        of("x.json", r#"{"server": {"graceful_shutdown_timeout": "1m"}}"#, "server.graceful_shutdown_timeout")
            .as_deref(),
        Some("1m")
    );
    assert_eq!(of("broken.yaml", "a: [1\nshutdown_delay: 5s", "shutdown_delay"), None);
    let properties = "# a comment\\\nquarkus.shutdown.timeout = 25s\nname=a\\\nquarkus.shutdown.timeout=99\n";
    assert_eq!(of("application.properties", properties, "quarkus.shutdown.timeout").as_deref(), Some("25s"));
    assert_eq!(of("application.properties", "a.b:7", "a.b").as_deref(), Some("7"));
}

#[test]
fn toml() {
    let text = r#"
# graceTimeOut = "99s"
[global]
  text = """
[entryPoints.web.transport.lifeCycle]
  graceTimeOut = 98
"""
  list = [ "a",
    "graceTimeOut = 97", ["b"],
  ]
[entryPoints]
  [entryPoints.web]
    address = ":80" # all
    [entryPoints.web.transport.lifeCycle]
      requestAcceptGraceTimeout = 42
      graceTimeOut = "1m 30s"
  [entryPoints."tls"]
    transport.lifeCycle.graceTimeOut = '20s'
  [entryPoints.udp.transport]
    lifeCycle = { requestAcceptGraceTimeout = 7, graceTimeOut = "8s" }
[[list]]
  a = 1
"#;
    let of = |key: &str| value(Format::Tree, "traefik.toml", text, key);
    let life_cycle = |name: &str, key: &str| of(&format!("entryPoints.{name}.transport.lifeCycle.{key}"));
    assert_eq!(life_cycle("web", "requestAcceptGraceTimeout").as_deref(), Some("42"));
    assert_eq!(life_cycle("web", "graceTimeOut").as_deref(), Some("1m 30s"));
    assert_eq!(life_cycle("tls", "graceTimeOut").as_deref(), Some("20s"));
    assert_eq!(life_cycle("udp", "graceTimeOut").as_deref(), Some("8s"));
    assert_eq!(life_cycle("udp", "requestAcceptGraceTimeout").as_deref(), Some("7"));
    assert_eq!(of("list.a").as_deref(), Some("1"));
    assert_eq!(of("global.graceTimeOut"), None);
}

#[test]
fn spring() {
    let of = |path: &str, text: &str| value(Format::Spring, path, text, "spring.lifecycle.timeout-per-shutdown-phase");
    for text in [
        "spring:\n  lifecycle:\n    timeout-per-shutdown-phase: 40s\n",
        "spring:\n  lifecycle:\n    timeoutPerShutdownPhase: 40s\n",
        "spring.lifecycle.timeout-per-shutdown-phase: 40s\n",
        "spring.lifecycle:\n  timeout-per-shutdown-phase: \"40s\"\n",
        "server: {port: 80}\n---\nspring: {lifecycle: {timeout-per-shutdown-phase: 40s}}\n",
        "spring: {config: {activate: {on-profile: dev}}}\n---\nspring: {lifecycle: {timeout-per-shutdown-phase: 40s}}\n",
    ] {
        assert_eq!(of("application.yaml", text).as_deref(), Some("40s"), "{text}");
    }
    for text in [
        "spring.lifecycle.timeout-per-shutdown-phase=40s\n",
        "server.port=80\n#---\nspring.lifecycle.timeout-per-shutdown-phase: 40s\n",
        "spring.lifecycle.timeoutPerShutdownPhase 40s",
    ] {
        assert_eq!(of("application.properties", text).as_deref(), Some("40s"), "{text}");
    }
    let base = "spring: {lifecycle: {timeout-per-shutdown-phase: 40s}}\n---\n";
    for condition in ["config: {activate: {on-profile: prod}}", "profiles: prod"] {
        let text = format!("{base}spring:\n  {condition}\n  lifecycle: {{timeout-per-shutdown-phase: 60s}}\n");
        assert_eq!(of("application.yaml", &text).as_deref(), Some("?"), "{text}");
    }
    let text = "a=1\n#---\nspring.config.activate.on-profile=prod\nspring.lifecycle.timeout-per-shutdown-phase=60s\n";
    assert_eq!(of("application.properties", text).as_deref(), Some("?"));
}

#[test]
fn names() {
    let is = |names, path: &str| {
        let file = File { map: "conf", key: "file", path: path.to_owned(), text: "" };
        Config { format: Format::Spring, names }.is(&file)
    };
    assert!(is(&["*.conf"], "/etc/nginx/nginx.conf"));
    assert!(is(&["ecosystem.config.*"], "/app/ecosystem.config.js"));
    assert!(is(&["Caddyfile"], "Caddyfile"));
    assert!(!is(&["*.conf"], "/etc/nginx.conf/nginx.template"));
    assert!(!is(&["Caddyfile"], "/etc/Caddyfile.old"));
    assert!(!is(&["application.yaml"], ""));
}

const FORMATS: [Format; 7] =
    [Format::Nginx, Format::Caddy, Format::Lines, Format::Haproxy, Format::Program, Format::Tree, Format::Spring];

/// Pieces of all formats, in any order, and what is none.
fn text() -> impl Strategy<Value = String> {
    let pieces: Vec<&str> = NGINX.split_inclusive([' ', '\n']).collect();
    let piece = prop_oneof![
        2 => prop::sample::select(pieces).prop_map(str::to_owned),
        3 => prop::sample::select(vec![
            "{", "}", "[", "]", "[[a.b]]", "\"", "'", "`", "\"\"\"", "'''", "=", ":", ";", ",", "#", "//", "\\", "\n", "\r\n",
            "  ", "\t", "---\n", "#---\n", "a:", "- ", "&x ", "*x", "<<: ", "|\n", "global\n", "a = {b = ", "é", "\u{0}",
            "key", "a.key", "spring.profiles", "!!binary ", "? ", "%YAML 1.2\n",
        ]).prop_map(str::to_owned),
        1 => "\\PC{0,8}",
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_text_is_too_much(text in text(), extension in prop::sample::select(vec!["yaml", "toml", "properties", "json"])) {
        let path = format!("/etc/application.{extension}");
        let file = File { map: "conf", key: "file", path, text: &text };
        for format in FORMATS {
            let config = Config { format, names: &["application.*"] };
            prop_assert!(config.is(&file));
            config.has(&file, "a");
            // What is told stands there.
            if let Some(value) = config.value(&file, "key").filter(|_| !matches!(format, Format::Tree | Format::Spring)) {
                prop_assert!(value == "?" || text.contains(&value), "{format:?} {value:?}");
            }
        }
    }
}
