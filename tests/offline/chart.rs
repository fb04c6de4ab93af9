//! The chart as far as Helm is not needed: what is written from its schema, and what must equal the binary.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use draingate_testing::chart::{chart, objects, printed, read};
use draingate_testing::written;
use serde::Deserialize;
use serde_json::{Value, json};

// ---- Written from the schema

/// Properties in the order of the file.
#[derive(Default)]
struct Properties(Vec<(String, Property)>);

#[derive(Deserialize)]
struct Property {
    description: Option<String>,
    default: Option<Value>,
    #[serde(default)]
    properties: Properties,
    #[serde(rename = "additionalProperties")]
    additional: Option<Value>,
}

impl<'de> Deserialize<'de> for Properties {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Properties;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("properties")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Properties, A::Error> {
                let mut all = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    all.push(entry);
                }
                Ok(Properties(all))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// Every value and group of values, outermost first: its path, and what the schema says.
fn walk<'a>(properties: &'a Properties, before: &str, see: &mut impl FnMut(&str, &'a Property)) {
    for (name, property) in &properties.0 {
        let path = if before.is_empty() { name.clone() } else { format!("{before}.{name}") };
        see(&path, property);
        walk(&property.properties, &path, see);
    }
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().unwrap();
        if line.is_empty() {
            line.push_str(word);
        } else if line.len() + 1 + word.len() <= width {
            *line = format!("{line} {word}");
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// A default as a block of YAML after `name:`.
fn block(value: &Value, indent: usize) -> String {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let pad = " ".repeat(indent + 2);
            fields.iter().map(|(name, value)| format!("\n{pad}{name}:{}", block(value, indent + 2))).collect()
        }
        other => format!(" {other}"),
    }
}

#[test]
fn values_and_their_table_are_written_from_the_schema() {
    let schema = read(&chart().join("values.schema.json"));
    let schema: Property = serde_json::from_str(&schema).unwrap();
    let mut values = String::from("# Written from values.schema.json: INSTA_UPDATE=always make test\n");
    let mut table = String::from("| value | what it is | default |\n| --- | --- | --- |\n");
    walk(&schema.properties, "", &mut |path, property| {
        let description = property.description.as_deref().unwrap_or_else(|| panic!("{path} has no description"));
        assert!(description.ends_with('.') && !description.contains('|'), "{path}: {description}");
        let group = !property.properties.0.is_empty();
        // Other charts have theirs there, too.
        assert!(!group || path == "global" || property.additional == Some(json!(false)), "{path} takes any value");
        assert!(group || property.default.is_some(), "{path} has no default");
        let depth = path.matches('.').count() * 2;
        let (pad, name) = (" ".repeat(depth), path.rsplit('.').next().unwrap());
        if depth == 0 {
            values.push('\n');
        }
        for line in wrapped(description, 110 - depth) {
            writeln!(values, "{pad}# {line}").unwrap();
        }
        let default = property.default.as_ref().map(|default| block(default, depth)).unwrap_or_default();
        writeln!(values, "{pad}{name}:{default}").unwrap();
        if let Some(default) = &property.default {
            writeln!(table, "| `{path}` | {description} | `{default}` |").unwrap();
        }
    });
    assert_eq!(schema.additional, Some(json!(false)));
    written::same(&chart().join("values.yaml"), &values);

    let readme = chart().join("README.md");
    let now = read(&readme);
    written::same(&readme, &written::with_between(&now, "values", &table));
}

#[test]
fn crds_are_those_of_the_binary() {
    let mut found = 0;
    for document in printed(&["crd"]).split("---\n").filter(|document| !document.trim().is_empty()) {
        let name = objects(document)[0]["spec"]["names"]["plural"].as_str().unwrap().to_owned();
        written::same(&chart().join(format!("files/crd-{name}.yaml")), document);
        found += 1;
    }
    assert_eq!(
        found,
        std::fs::read_dir(chart().join("files"))
            .unwrap()
            .filter(|file| { file.as_ref().unwrap().file_name().to_str().unwrap().starts_with("crd-") })
            .count()
    );
}

#[test]
fn the_chart_is_of_the_version_of_the_binary() {
    let about = objects(&read(&chart().join("Chart.yaml"))).remove(0);
    assert_eq!(about["appVersion"], env!("CARGO_PKG_VERSION"));
    assert_eq!(about["version"], env!("CARGO_PKG_VERSION"));
}

// ---- Measures

/// Every `draingate_...` name in a text.
fn measures_in(text: &str) -> BTreeSet<String> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(|c| !word(c)).filter(|name| name.starts_with("draingate_")).map(str::to_owned).collect()
}

/// A stop of a pod.
fn stop() -> draingate::observe::measure::Stop {
    use draingate::observe::{measure::Stop, seen::WorkloadKey};
    let workload = WorkloadKey { namespace: "shop".into(), kind: "Deployment".into(), name: "web".into() };
    Stop {
        workload,
        owner: None,
        pod: "web-0".into(),
        uid: String::new(),
        began: 0,
        grace: 30,
        seconds: 12,
        endpoint: Some(Duration::from_millis(200)),
        hook_failed: false,
        containers: Vec::new(),
        sample: None,
    }
}

/// What the server's own registry shows once everything has happened: a family without a member is not shown.
fn measures_shown() -> BTreeSet<String> {
    use draingate::cluster::metrics::{EventResult, WriteResult};
    use draingate::cluster::watch::{Watch, WatchHealth};
    use draingate::run::metrics::Metrics;
    use draingate::serve::metrics::{CloseReason, HandshakeFailure, ReloadResult, ShedReason};
    use draingate::webhook::metrics::OwnerResult;
    use draingate_core::admit::{Outcome, Webhook};
    use draingate_core::judge::Excuse;
    use draingate_core::review::Answer;
    use draingate_core::{finding::Code, mode::Mode};

    let Metrics { serve, ca, webhook, cluster, observe, registry } = Metrics::register();
    serve.connections.of("webhook").inc();
    serve.closed("webhook", CloseReason::idle);
    serve.handshake_failures.of(HandshakeFailure::bad_certificate).inc();
    serve.certificate_reloads.of(ReloadResult::kept).inc();
    serve.shed.of(ShedReason::in_flight).inc();
    ca.bundle_writes.of(WriteResult::written).inc();
    let outcome = Outcome {
        answer: Answer::default(),
        mode: Mode::Audit,
        verdict: None,
        codes: vec![Code::GraceBudget],
        skipped: Some("mirror pod"),
        excuse: Some(Excuse::Undone),
        event: None,
    };
    webhook.admitted(Webhook::Validate, &outcome);
    webhook.took(Webhook::Validate, Duration::from_millis(1));
    webhook.owners.of(OwnerResult::known).inc();
    cluster.events.of(EventResult::written).inc();
    cluster.policy_reports.of(WriteResult::written).inc();
    cluster.world(&std::sync::RwLock::default());
    let age = Some(Duration::from_secs(1));
    cluster.watches(&[WatchHealth {
        watch: Watch::Services,
        synced: true,
        age,
        crd_missing: false,
        failures: 0,
        failing: false,
    }]);
    cluster.lowered(Mode::Enforce, Mode::Inject);
    observe.stopped(&stop());
    let text = registry.render();
    let families = text.lines().filter_map(|line| line.strip_prefix("# TYPE draingate_")?.split(' ').next());
    assert_eq!(families.collect::<Vec<_>>(), registry.names(), "not everything has happened");
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples.filter_map(|line| line.split(['{', ' ']).next()).map(str::to_owned).collect()
}

#[test]
fn no_name_is_registered_twice() {
    let registry = draingate::run::metrics::Metrics::register().registry;
    let mut seen = BTreeSet::new();
    let twice: Vec<_> = registry.names().iter().filter(|name| !seen.insert(**name)).collect();
    assert!(twice.is_empty() && !seen.is_empty(), "{twice:?}");
}

#[test]
fn every_measure_that_is_looked_at_exists() {
    let shown = measures_shown();
    let dashboard: Value = serde_json::from_str(&read(&chart().join("dashboards/draingate.json"))).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
    let mut taken = BTreeSet::new();
    for panel in panels {
        let place = |side: &str| panel["gridPos"][side].as_u64().unwrap();
        assert!(place("x") + place("w") <= 24, "{}", panel["title"]);
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                assert!(taken.insert((x, y)), "{} covers another panel", panel["title"]);
            }
        }
    }
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array());
    let queries = targets.flatten().map(|target| target["expr"].as_str().unwrap().to_owned());
    let alerts = objects(&read(&chart().join("files/alerts.yaml"))).remove(0);
    let rules = alerts["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap());
    let queries = queries.chain(rules.map(|rule| rule["expr"].as_str().unwrap().to_owned()));
    let mut looked_at = BTreeSet::new();
    for query in queries {
        let names = measures_in(&query);
        let unknown: Vec<_> = names.difference(&shown).collect();
        assert!(unknown.is_empty(), "{unknown:?} in {query:?}; there are {shown:?}");
        assert!(!names.is_empty() || query.contains("apiserver_admission_webhook_"), "{query}");
        looked_at.extend(names);
    }
    // And the dashboard leaves nothing out: each measure is looked at by somebody.
    let stem =
        |name: &String| name.trim_end_matches("_bucket").trim_end_matches("_sum").trim_end_matches("_count").to_owned();
    let looked_at: BTreeSet<_> = looked_at.iter().map(stem).collect();
    let unseen: Vec<_> = shown.iter().map(stem).filter(|name| !looked_at.contains(name)).collect();
    assert!(unseen.is_empty(), "nobody looks at {unseen:?}");
}
