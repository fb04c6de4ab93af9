//! One namespace, read past the watch.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Namespace;
use kube::core::PartialObjectMeta;
use kube::{Api, Client};
use tokio::time::timeout;

use crate::locks;

/// How long an answer serves, so that a busy namespace costs the API server one read in a second.
const REMEMBERED: Duration = Duration::from_secs(1);
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
/// When answers that nobody waits for are thrown away.
const CROWDED: usize = 64;

/// A namespace could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("namespace {namespace}: {problem}")]
pub struct LiveReadError {
    namespace: String,
    problem: String,
}

type Answer = Result<Option<BTreeMap<String, String>>, LiveReadError>;
/// Locked while the question is under way, so that others wait for the same answer.
type Flight = tokio::sync::Mutex<Option<(Instant, Answer)>>;

pub(super) struct LiveReads {
    client: Client,
    flights: Mutex<HashMap<String, Arc<Flight>>>,
}

impl LiveReads {
    pub(super) fn new(client: Client) -> LiveReads {
        LiveReads { client, flights: Mutex::default() }
    }

    pub(super) async fn read(&self, name: &str) -> Answer {
        let flight = self.flight(name);
        let mut slot = flight.lock().await;
        if let Some((at, answer)) = slot.as_ref()
            && at.elapsed() < REMEMBERED
        {
            return answer.clone();
        }
        let answer = self.ask(name).await;
        *slot = Some((Instant::now(), answer.clone()));
        answer
    }

    async fn ask(&self, name: &str) -> Answer {
        let api: Api<PartialObjectMeta<Namespace>> = Api::all(self.client.clone());
        let failed = |problem: String| LiveReadError { namespace: name.to_owned(), problem };
        match timeout(ANSWER_LIMIT, api.get_opt(name)).await {
            Ok(Ok(found)) => Ok(found.map(|namespace| namespace.metadata.labels.unwrap_or_default())),
            Ok(Err(kube::Error::Api(status))) => Err(failed(status.message)),
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(_) => Err(failed("no answer in time".into())),
        }
    }

    fn flight(&self, name: &str) -> Arc<Flight> {
        let mut flights = locks::lock(&self.flights);
        if flights.len() >= CROWDED {
            let fresh = |flight: &Flight| match flight.try_lock() {
                Ok(slot) => slot.as_ref().is_some_and(|(at, _)| at.elapsed() < REMEMBERED),
                Err(_) => true,
            };
            flights.retain(|_, flight| Arc::strong_count(flight) > 1 || fresh(flight));
        }
        flights.entry(name.to_owned()).or_default().clone()
    }
}
