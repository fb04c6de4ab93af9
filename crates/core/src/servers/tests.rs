//! One line for each row, with its setting as its documentation writes it, and what must not be read.
//!
//! A line of `lines.txt` is a row's name, an image, arguments, variables, and what is found.

use std::collections::BTreeSet;

use super::{Facts, Found, Mark, Setting, find, rows};
use crate::config_maps::File;
use crate::hooks::Variable;
use crate::text::Text;

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

/// `variables` are `NAME=value; NAME=value`; the value `?` comes from somewhere else.
fn look(image: &str, command: &[&str], args: &[&str], variables: &str) -> Option<Found<'static>> {
    look_into(image, command, args, variables, &[])
}

fn look_into<'f>(
    image: &str,
    command: &[&str],
    args: &[&str],
    variables: &str,
    files: &'f [File<'f>],
) -> Option<Found<'f>> {
    let variable = |name: &str| {
        let value = variables.split("; ").find_map(|entry| entry.strip_prefix(name)?.strip_prefix('='));
        value.map_or(Variable::Unset, |value| if value == "?" { Variable::Unknown } else { Variable::Literal(value) })
    };
    let names = variables.split("; ").filter_map(|entry| entry.split_once('=')).map(|(name, _)| name);
    fn texts<'a>(words: &[&'a str]) -> Vec<Text<'a>> {
        words.iter().map(|word| Text::from(*word)).collect()
    }
    find(Facts { image, command: &texts(command), args: &texts(args), variable: &variable, names }, files)
}

/// `lines.txt`.
fn lines() -> impl Iterator<Item = [&'static str; 5]> {
    include_str!("lines.txt").lines().map(|line| {
        let columns: Vec<_> = line.split('|').map(str::trim).collect();
        columns.try_into().unwrap_or_else(|columns: Vec<_>| panic!("{columns:?} are not five columns"))
    })
}

fn words(line: &str) -> Vec<&str> {
    line.split(' ').filter(|word| !word.is_empty()).collect()
}

#[test]
fn each_row_is_read_as_its_documentation_writes_it() {
    for [name, image, args, variables, expected] in lines() {
        // As a command and as arguments it is the same.
        for (command, args) in [(words(args), vec![]), (vec![], words(args))] {
            let found = look(image, &command, &args, variables);
            let found = found.unwrap_or_else(|| panic!("{name}: {image} {command:?} {args:?} is not found"));
            assert_eq!((found.server.name, &*told(&found)), (name, expected), "{image} {command:?} {args:?}");
        }
    }
    let tested: BTreeSet<_> = lines().map(|[name, ..]| name).collect();
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
            let (Mark::Image(name) | Mark::ImageWord(name, _) | Mark::Program(name) | Mark::ProgramWord(name, _)) =
                mark
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
        for shell in
            [&["sh", "-c", line][..], &["/bin/bash", "-o", "pipefail", "-ec", line], &["tini", "--", "sh", "-c", line]]
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
    let stated = Setting { seconds: 45, stated: true, words: "--graceful-timeout".to_owned(), in_file: None };
    assert_eq!(found.finish, Some(stated));
}

/// Each row with a key in a file: its image, arguments and variables, the file, and what is found.
#[test]
fn a_setting_is_read_in_the_file_of_a_config_map() {
    const SPRING: &str = "spring: {lifecycle: {timeout-per-shutdown-phase: 40s}}";
    const LOKI: &str = "shutdown_delay: 20s\nserver: {graceful_shutdown_timeout: 45s}";
    for (image, args, variables, path, text, expected) in [
        ("nginx:1.27", "", "", "/etc/nginx/nginx.conf", "worker_shutdown_timeout 30s;", "T=30 Sent Drains"),
        ("nginx:1.27", "", "", "/etc/nginx/nginx.conf", "worker_shutdown_timeout 0;", "Sent Drains"),
        ("nginx:1.27", "", "", "/etc/nginx/nginx.conf", "worker_shutdown_timeout $t;", "Sent Drains"),
        ("nginx:1.27", "", "", "/usr/share/nginx/html/page.html", "worker_shutdown_timeout 30s;", "Sent Drains"),
        ("bitnami/nginx:1.27", "", "", "/etc/nginx/nginx.conf", "worker_shutdown_timeout 30s;", "Sent Cuts"),
        ("openresty/openresty:1", "", "", "/conf/nginx.conf", "worker_shutdown_timeout 1m;", "T=60 Sent Drains"),
        (
            "apache/apisix:3.9",
            "",
            "",
            "/conf/config.yaml",
            "nginx_config: {worker_shutdown_timeout: 90s}",
            "T=90 Sent Drains",
        ),
        ("apache/apisix:3.9", "", "", "/conf/config.yaml", "nginx_config: {}", "T=240* Sent Drains"),
        (
            "haproxy:3.0",
            "",
            "",
            "/etc/haproxy.cfg",
            "global\n hard-stop-after 30s\n grace 10000\n",
            "A=10 T=30 Sent Drains",
        ),
        ("haproxy:3.0", "-f /etc/lb", "", "/etc/lb", "global\n hard-stop-after 5000\n", "T=5 Sent Drains"),
        ("httpd:2.4", "", "", "/conf/httpd.conf", "GracefulShutdownTimeout 30", "T=30 Sent Drains"),
        ("php:8.3-apache", "", "", "/conf/apache2.conf", "GracefulShutdownTimeout 0", "Sent Drains"),
        (
            "caddy:2",
            "",
            "",
            "/etc/caddy/Caddyfile",
            "{\n grace_period 10s\n shutdown_delay 15s\n}\n",
            "A=15 T=10 Sent Drains",
        ),
        (
            "coredns/coredns:1",
            "",
            "",
            "/etc/coredns/Corefile",
            ".:53 {\n health {\n lameduck 12s\n }\n}\n",
            "A=12 T=5* Sent Drains",
        ),
        ("registry:2", "", "", "/etc/registry/config.yml", "http: {draintimeout: 60s}", "T=60 Sent Drains"),
        (
            "registry:2",
            "",
            "REGISTRY_HTTP_DRAINTIMEOUT=5s",
            "/x/config.yml",
            "http: {draintimeout: 60s}",
            "T=5 Sent Drains",
        ),
        (
            "apollographql/router",
            "",
            "",
            "/app/configuration.yaml",
            "supergraph: {connection_shutdown_timeout: 2m}",
            "T=120 Sent Drains",
        ),
        (
            "redis:7",
            "redis-server /conf/redis.conf",
            "",
            "/conf/redis.conf",
            "shutdown-timeout 20",
            "T=20 OneWriter Drains",
        ),
        (
            "redis:7",
            "redis-server /conf/redis.conf --shutdown-timeout 5",
            "",
            "/conf/redis.conf",
            "shutdown-timeout 20",
            "T=5 OneWriter Drains",
        ),
        ("valkey:8", "", "", "/conf/valkey.conf", "shutdown-timeout 20", "T=20 OneWriter Drains"),
        (
            "grafana/loki:3",
            "-config.file=/etc/loki/config -target=read",
            "",
            "/etc/loki/config",
            LOKI,
            "A=20 T=45 Sent Drains",
        ),
        ("grafana/mimir:2", "", "", "/etc/mimir.yaml", LOKI, "A=20 T=45 Sent Drains"),
        ("grafana/tempo:2", "-shutdown-delay=5s", "", "/conf/tempo.yaml", LOKI, "A=5 T=45 Sent Drains"),
        ("cortexproject/cortex", "", "", "/conf/cortex.yaml", LOKI, "T=45 Sent Drains"),
        ("shop/jobs", "bundle exec sidekiq", "", "/app/config/sidekiq.yml", ":timeout: 40\n", "T=40 Fetched Drains"),
        (
            "shop/jobs",
            "bundle exec sidekiq -t 8",
            "",
            "/app/config/sidekiq.yml",
            ":timeout: 40\n",
            "T=8 Fetched Drains",
        ),
        (
            "kestra/kestra",
            "server worker",
            "",
            "/app/confs/application.yml",
            "kestra: {server: {terminationGracePeriod: 10m}}",
            "T=600 Fetched! Drains",
        ),
        (
            "shop/app",
            "puma -C config/puma.rb",
            "",
            "/app/config/puma.rb",
            "force_shutdown_after 25\n",
            "T=25 Sent Drains",
        ),
        (
            "shop/app",
            "gunicorn -c /etc/app/conf.py app:app",
            "",
            "/etc/app/conf.py",
            "graceful_timeout = 45\n",
            "T=45 Sent Drains",
        ),
        ("shop/app", "hypercorn -c /x/h.toml app:app", "", "/x/h.toml", "graceful_timeout = 8\n", "T=8 Sent Drains"),
        (
            "shop/app",
            "pm2-runtime ecosystem.config.js",
            "",
            "/app/ecosystem.config.js",
            "kill_timeout: 8000,",
            "T=8 Sent Drains",
        ),
        ("shop/app", "", "", "/config/application.yaml", SPRING, "T=40 Sent Drains"),
        ("shop/app", "", "", "/config/application.properties", "server.shutdown=immediate", "Sent Cuts"),
        ("shop/app", "", "", "/config/application.yaml", "server: {shutdown: graceful}", "T=30* Sent Drains"),
        ("shop/app", "", "SERVER_SHUTDOWN=immediate", "/config/application.yaml", SPRING, "Sent Cuts"),
        (
            "shop/app",
            "",
            "SPRING_LIFECYCLE_TIMEOUT_PER_SHUTDOWN_PHASE=20s",
            "/config/application.yaml",
            SPRING,
            "T=20 Sent Drains",
        ),
        (
            "shop/app",
            "",
            "SPRING_PROFILES_ACTIVE=k8s, prod",
            "/config/application-prod.yaml",
            SPRING,
            "T=40 Sent Drains",
        ),
        ("shop/app", "", "SPRING_PROFILES_ACTIVE=dev", "/config/application-prod.yaml", SPRING, "T=30* Sent Drains"),
        ("shop/app", "", "", "/config/application.properties", "quarkus.shutdown.timeout=25", "T=25 Sent Drains"),
        (
            "shop/app",
            "",
            "",
            "/config/application.yml",
            "micronaut.lifecycle.graceful-shutdown: {enabled: true, grace-period: 20s}",
            "T=20 Sent Drains",
        ),
        (
            "shop/app",
            "",
            "",
            "/config/application.yml",
            "micronaut.lifecycle.graceful-shutdown: {enabled: false}",
            "Sent Cuts",
        ),
    ] {
        let files = [File { map: "conf", key: "file", path: path.to_owned(), text }];
        let found = look_into(image, &words(args), &[], variables, &files);
        assert_eq!(found.as_ref().map(told).as_deref(), Some(expected), "{image} {args} {path}: {text}");
        for setting in found.iter().flat_map(|found| [&found.accept, &found.finish]).flatten() {
            assert_eq!(setting.in_file.is_some(), setting.words.starts_with("ConfigMap conf, file: "), "{setting:?}");
        }
    }
}

const TRAEFIK: &str = "entryPoints:
  web: {address: ':80', transport: {lifeCycle: {requestAcceptGraceTimeout: 20, graceTimeOut: 5s}}}
  tls: {address: ':443', transport: {lifecycle: {requestAcceptGraceTimeout: 30s, graceTimeOut: 15s}}}
  metrics: {address: ':9100', transport: {lifeCycle: {graceTimeOut: 99s}}}
  dns: {address: ':53/udp'}
";

#[test]
fn traefik_reads_its_file_or_its_flags() {
    let flags = "--entryPoints.web.address=:80 --entryPoints.web.transport.lifeCycle.requestAcceptGraceTimeout=42";
    let dynamic = "http: {routers: {}}";
    let toml = "[entryPoints.web.transport]\n  lifeCycle = { graceTimeOut = \"1m\" }\n";
    for (args, path, text, expected) in [
        ("", "/etc/traefik/traefik.yaml", TRAEFIK, "A=20 T=15 Sent Drains"),
        (flags, "/etc/traefik/traefik.yaml", TRAEFIK, "A=20 T=15 Sent Drains"),
        (flags, "/etc/traefik/traefik.yaml", "entryPoints: {web: {address: ':80'}}", "T=10* Sent Drains"),
        (flags, "/etc/traefik/other.yaml", TRAEFIK, "A=42 T=10* Sent Drains"),
        (flags, "/etc/traefik/traefik.yaml", dynamic, "A=42 T=10* Sent Drains"),
        ("--configFile=/conf/static.yaml", "/conf/static.yaml", TRAEFIK, "A=20 T=15 Sent Drains"),
        ("", "/etc/traefik/traefik.toml", toml, "T=60 Sent Drains"),
        (
            "",
            "/etc/traefik/traefik.yaml",
            "entryPoints: {a: {transport: {lifeCycle: {graceTimeOut: soon}}}}",
            "Sent Drains",
        ),
        (
            "",
            "/etc/traefik/traefik.yaml",
            "entryPoints: {a: {address: ':80'}, b: {transport: {lifeCycle: {requestAcceptGraceTimeout: 5}}}}",
            "T=10* Sent Drains",
        ),
    ] {
        let files = [File { map: "conf", key: "traefik", path: path.to_owned(), text }];
        let found = look_into("traefik:v3", &[], &words(args), "", &files).unwrap();
        assert_eq!(told(&found), expected, "{args} {path}");
    }
}

#[test]
fn of_several_files_the_one_that_is_named_counts_and_others_must_agree() {
    let file = |path: &str, text: &'static str| File { map: "conf", key: "file", path: path.to_owned(), text };
    let (a, b) = ("worker_shutdown_timeout 5s;", "worker_shutdown_timeout 9s;");
    for (args, files, expected) in [
        ("", [file("/a.conf", a), file("/b.conf", "events {}")], "T=5 Sent Drains"),
        ("", [file("/a.conf", a), file("/b.conf", a)], "T=5 Sent Drains"),
        ("", [file("/a.conf", a), file("/b.conf", b)], "Sent Drains"),
        ("nginx -c /b.conf", [file("/a.conf", a), file("/b.conf", b)], "T=9 Sent Drains"),
        ("nginx -c /b.conf", [file("/a.conf", a), file("/b.conf", "events {}")], "T=5 Sent Drains"),
    ] {
        assert_eq!(told(&look_into("nginx", &[], &words(args), "", &files).unwrap()), expected, "{args} {files:?}");
    }
}

#[test]
fn a_controller_names_the_config_map_that_it_reads() {
    let key = |map, key, text| File { map, key, path: String::new(), text };
    let files = [
        key("other", "worker-shutdown-timeout", "9s"),
        key("ingress", "worker-shutdown-timeout", "600s"),
        key("ingress", "keep-alive", "75"),
    ];
    for (image, args, expected, words) in [
        (
            "ingress-nginx/controller",
            "--configmap=$(POD_NAMESPACE)/ingress",
            "T=600 Sent Drains",
            "ConfigMap ingress: worker-shutdown-timeout",
        ),
        (
            "nginx/nginx-ingress",
            "-nginx-configmaps=$(POD_NAMESPACE)/ingress",
            "T=600 Sent Drains",
            "ConfigMap ingress: worker-shutdown-timeout",
        ),
        (
            "ingress-nginx/controller",
            "--configmap=$(POD_NAMESPACE)/none",
            "T=240* Sent Drains",
            "worker-shutdown-timeout",
        ),
    ] {
        let found = look_into(image, &[], &[args], "", &files).unwrap();
        assert_eq!((told(&found).as_str(), found.finish.unwrap().words.as_str()), (expected, words), "{args}");
    }
}

#[test]
fn nobody_knows_these() {
    for (image, args) in [
        ("shop/nginxish", ""),
        ("shop/registry", ""),
        ("bitnami/wordpress:6", ""),
        ("bitnami/kong:3", ""),
        ("busybox", "busybox httpd -f"),
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

    use super::{lines, look, told, words};

    const OTHERS: [&str; 13] =
        ["sh", "-c", "--", "java", "-cp", "python", "-m", "env", "bundle", "exec", "é=", "=", "-"];

    /// Words of the table among others.
    fn word() -> impl Strategy<Value = String> {
        let known: Vec<&str> = lines().flat_map(|[_, _, args, ..]| words(args)).collect();
        prop_oneof![
            3 => prop::sample::select(known).prop_map(str::to_owned),
            1 => prop::sample::select(&OTHERS[..]).prop_map(str::to_owned),
            1 => "\\PC{0,12}",
            1 => "[-a-z;&\\n\\\\ =$()0-9.]{0,20}",
        ]
    }

    fn column(at: usize) -> impl Strategy<Value = String> {
        prop::sample::select(lines().map(|line| line[at].to_owned()).collect::<Vec<_>>())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn nothing_panics(
            image in prop_oneof!["\\PC{0,20}", column(1)],
            command in prop::collection::vec(word(), 0..6),
            args in prop::collection::vec(word(), 0..8),
            variables in prop_oneof!["\\PC{0,20}", column(3)],
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
