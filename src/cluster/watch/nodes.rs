//! Asks the API server for its version and for those of the kubelets, now and then.
//!
//! A kubelet's version is not metadata, so the nodes are asked for as the table that `kubectl get nodes` prints: of a node
//! of 10 kB that is some 250 bytes, compressed far fewer. It comes from the API server's watch cache, never from etcd.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use axum::http::{Request, header};
use kube::Client;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::timeout;

use super::health::Health;
use crate::locks::write;
use crate::stream::{ANSWER_LIMIT, Failure};
use draingate_core::versions::{sleep_support, without_sleep};
use draingate_core::world::{SleepSupport, World};

/// Between two listings, so that even 20 replicas ask a cluster of 10,000 nodes for less than a megabyte a minute.
const REFRESH: Duration = Duration::from_secs(300);
/// After one that failed.
const RETRY: Duration = Duration::from_secs(5);
/// How long to wait for the first one before saying that nothing is known.
const PATIENCE: Duration = Duration::from_secs(30);

/// Nodes behind which there is a kubelet, as far as labels say it; docs/install.md says whose the others are.
const KUBELETS: &str = "type%20notin%20(virtual-kubelet,kwok),kwok.x-k8s.io/node!=fake";
const TABLE: &str = "application/json;as=Table;g=meta.k8s.io;v=v1";

/// Keeps the world's answer current.
pub(super) async fn run(client: Client, world: Arc<RwLock<World>>, hook_fallback_exec: bool, health: Arc<Health>) {
    let mut reading = Reading { world, health, hook_fallback_exec, begun: Instant::now(), told: None };
    reading.know(without_sleep("the versions of the nodes have not been read yet".to_owned(), hook_fallback_exec));
    loop {
        let asked = ask(&client, hook_fallback_exec).await;
        let wait = reading.took(asked, Instant::now());
        tokio::time::sleep(wait).await;
    }
}

struct Reading {
    world: Arc<RwLock<World>>,
    health: Arc<Health>,
    hook_fallback_exec: bool,
    begun: Instant,
    told: Option<SleepSupport>,
}

impl Reading {
    /// Takes an answer, and says when to ask again. The last good one holds while no other comes.
    fn took(&mut self, asked: Result<SleepSupport, Failure>, now: Instant) -> Duration {
        match asked {
            Ok(support) => {
                self.health.listed();
                self.learn(support);
                REFRESH
            }
            Err(failure) => {
                self.health.failed(&failure.to_string());
                if self.health.never() {
                    let because = format!("the versions of the nodes cannot be read: {failure}");
                    self.learn(without_sleep(because, self.hook_fallback_exec));
                }
                if now.duration_since(self.begun) >= PATIENCE {
                    self.health.stop_waiting();
                }
                RETRY
            }
        }
    }

    fn learn(&mut self, support: SleepSupport) {
        if self.told.as_ref() != Some(&support) {
            log(&support);
            self.know(support.clone());
            self.told = Some(support);
        }
    }

    fn know(&self, support: SleepSupport) {
        write(&self.world).sleep = support;
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

pub(super) async fn ask(client: &Client, hook_fallback_exec: bool) -> Result<SleepSupport, Failure> {
    let server = timeout(ANSWER_LIMIT, client.apiserver_version()).await??.git_version;
    let path = format!("/api/v1/nodes?resourceVersion=0&includeObject=None&labelSelector={KUBELETS}");
    let request = Request::get(path).header(header::ACCEPT, TABLE).body(Vec::new());
    let request = request.map_err(|problem| Failure::Unreadable(problem.to_string()))?;
    let table = timeout(ANSWER_LIMIT, client.request_text(request)).await??;
    let kubelets = versions(&table).map_err(|problem| Failure::Unreadable(problem.to_string()))?;
    Ok(sleep_support(&server, &kubelets, hook_fallback_exec))
}

/// The kubelets' versions in a table of nodes, each once.
fn versions(table: &str) -> serde_json::Result<BTreeSet<String>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Table<'a> {
        #[serde(borrow)]
        column_definitions: Vec<Column<'a>>,
        #[serde(borrow)]
        rows: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Column<'a> {
        #[serde(borrow)]
        name: Cow<'a, str>,
    }
    let table: Table = serde_json::from_str(table)?;
    let column = table.column_definitions.iter().position(|column| column.name == "Version");
    let column = column.ok_or_else(|| serde_json::Error::custom("the table of nodes has no column Version"))?;
    match table.rows {
        Some(rows) => Rows { column }.deserialize(&mut serde_json::Deserializer::from_str(rows.get())),
        None => Ok(BTreeSet::new()),
    }
}

/// Reads row after row, and keeps what stands in one column.
struct Rows {
    column: usize,
}

impl<'de> DeserializeSeed<'de> for Rows {
    type Value = BTreeSet<String>;

    fn deserialize<D: Deserializer<'de>>(self, rows: D) -> Result<Self::Value, D::Error> {
        rows.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Rows {
    type Value = BTreeSet<String>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("rows")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(BTreeSet::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Self::Value, A::Error> {
        #[derive(Deserialize)]
        struct Row {
            cells: Vec<Value>,
        }
        let mut found = BTreeSet::new();
        while let Some(row) = rows.next_element::<Row>()? {
            let cell = row.cells.get(self.column).and_then(Value::as_str);
            let version = cell.ok_or_else(|| A::Error::custom("a node without a version"))?;
            if !found.contains(version) {
                found.insert(version.to_owned());
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::watch::Watch;
    use crate::locks;

    fn reading() -> Reading {
        let health = Arc::new(Health::new(Watch::Nodes));
        Reading { world: Arc::default(), health, hook_fallback_exec: false, begun: Instant::now(), told: None }
    }

    fn refused() -> Result<SleepSupport, Failure> {
        Err(Failure::Refused { code: 503, message: "made 503 on purpose".into() })
    }

    #[test]
    fn the_last_good_listing_holds_for_an_hour_of_failures() {
        let mut reading = reading();
        let sleep = |reading: &Reading| locks::read(&reading.world).sleep.clone();
        let begun = reading.begun;
        assert_eq!(reading.took(Ok(SleepSupport::Native), begun), REFRESH);
        for seconds in (0..3_600).step_by(5) {
            assert_eq!(reading.took(refused(), begun + Duration::from_secs(seconds)), RETRY);
            assert_eq!(sleep(&reading), SleepSupport::Native);
        }
        assert!(reading.health.read().failing);
        let old = without_sleep("a node has version v1.29.0".into(), false);
        reading.took(Ok(old.clone()), begun);
        assert_eq!(sleep(&reading), old);
        assert!(!reading.health.read().failing);
    }

    #[test]
    fn without_any_listing_nothing_is_injected_and_after_a_while_that_is_said() {
        let mut reading = reading();
        let begun = reading.begun;
        for seconds in [0, 10, 29] {
            reading.took(refused(), begun + Duration::from_secs(seconds));
            assert!(!reading.health.read().synced, "{seconds}");
        }
        let SleepSupport::Unsupported { because } = locks::read(&reading.world).sleep.clone() else { panic!() };
        assert_eq!(because, "the versions of the nodes cannot be read: made 503 on purpose");
        reading.took(refused(), begun + PATIENCE);
        assert!(reading.health.read().synced);
        reading.took(Ok(SleepSupport::Native), begun + PATIENCE);
        assert_eq!(locks::read(&reading.world).sleep, SleepSupport::Native);
    }

    fn read(table: &str) -> Result<Vec<String>, String> {
        versions(table).map(|found| found.into_iter().collect()).map_err(|problem| problem.to_string())
    }

    #[test]
    fn versions_are_read_from_the_column_of_that_name() {
        let rows = r#"[{"cells":["a","Ready","v1.30.1",5],"object":null},{"cells":["b","NotReady","v1.29.0+k3s1",5]},
            {"cells":["c","Ready","v1.30.1",6]}]"#;
        let columns = r#"[{"name":"Name","type":"string"},{"name":"Status"},{"name":"Version"},{"name":"Age"}]"#;
        let table = format!(r#"{{"kind":"Table","columnDefinitions":{columns},"rows":{rows}}}"#);
        assert_eq!(read(&table).unwrap(), ["v1.29.0+k3s1", "v1.30.1"]);
        // Whatever the order.
        assert_eq!(read(&format!(r#"{{"rows":{rows},"columnDefinitions":{columns}}}"#)).unwrap().len(), 2);
        for rows in ["[]", "null"] {
            assert_eq!(read(&format!(r#"{{"columnDefinitions":{columns},"rows":{rows}}}"#)).unwrap(), [""; 0]);
        }
        let without = table.replace("Version", "Kernel");
        assert!(read(&without).unwrap_err().contains("no column Version"));
        assert!(read(&table.replace(r#""v1.29.0+k3s1""#, "null")).unwrap_err().contains("without a version"));
        assert!(read(r#"{"kind":"NodeList","items":[]}"#).is_err());
    }
}
