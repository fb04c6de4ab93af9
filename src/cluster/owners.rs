//! The StatefulSet of a pod, read when the pod is admitted: whether another pod could take its work.
//!
//! One question at a time goes out for each, and its answer serves for a minute. It goes on when a review has stopped
//! waiting for it, so that the next one finds it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::autoscaling::v1::HorizontalPodAutoscaler;
use kube::api::{ApiResource, ListParams};
use kube::core::{NotUsed, Object};
use kube::{Api, Client};
use serde_json::Value;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::locks;
use crate::stream::{Failure, Pages};
use draingate_core::owner::{Owner, StatefulSetId, scale_target};
use draingate_core::subject::Kind;

/// How long an answer serves.
const REMEMBERED: Duration = Duration::from_secs(60);
/// How long none serves: the same pod's next review would wait for nothing again.
const FAILED: Duration = Duration::from_secs(5);
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
/// The most answers that are kept.
const MOST: usize = 1024;

/// What there is to know of a StatefulSet; `None` where the API server has none with this uid.
pub type Answer = Result<Option<Owner>, String>;
type Asked = Shared<BoxFuture<'static, Answer>>;

/// Reads StatefulSets, and remembers them.
pub struct Owners {
    client: Client,
    asked: Mutex<HashMap<StatefulSetId, (Instant, Asked)>>,
    fails: Arc<AtomicBool>,
}

impl Owners {
    /// Reads with `client`.
    pub fn new(client: Client) -> Owners {
        Owners { client, asked: Mutex::default(), fails: Arc::default() }
    }

    /// A StatefulSet as it was a minute ago at most. Where its pod `is_later` than its first, an answer that knows of one
    /// only is older than that pod, and does not serve.
    pub fn read(&self, id: StatefulSetId, is_later: bool) -> BoxFuture<'static, Answer> {
        self.read_at(Instant::now(), id, is_later)
    }

    fn read_at(&self, now: Instant, id: StatefulSetId, is_later: bool) -> BoxFuture<'static, Answer> {
        let mut all = locks::lock(&self.asked);
        if let Some((at, asked)) = all.get(&id)
            && serves(asked, now.duration_since(*at), is_later)
        {
            return asked.clone().boxed();
        }
        if all.len() >= MOST {
            all.retain(|_, (at, asked)| serves(asked, now.duration_since(*at), false));
        }
        if all.len() >= MOST {
            let oldest = all.iter().min_by_key(|(_, (at, _))| *at).map(|(id, _)| id.clone());
            oldest.map(|id| all.remove(&id));
        }
        let asked = ask(self.client.clone(), id.clone(), Arc::clone(&self.fails)).boxed().shared();
        tokio::spawn(asked.clone());
        all.insert(id, (now, asked.clone()));
        asked.boxed()
    }
}

fn serves(asked: &Asked, age: Duration, is_later: bool) -> bool {
    match asked.peek() {
        None => true,
        Some(Err(_)) => age < FAILED,
        Some(Ok(Some(owner))) if is_later && owner.is_alone() => false,
        Some(Ok(_)) => age < REMEMBERED,
    }
}

async fn ask(client: Client, id: StatefulSetId, fails: Arc<AtomicBool>) -> Answer {
    let looked = timeout(ANSWER_LIMIT, look(&client, &id)).await;
    let answer = looked.unwrap_or(Err(Failure::NoAnswer)).map_err(|failure| failure.to_string());
    match &answer {
        Err(problem) if !fails.swap(true, Ordering::Relaxed) => {
            let StatefulSetId { namespace, name, .. } = &id;
            warn!(namespace, name, problem, "a StatefulSet cannot be read: its pods are taken for some of several");
        }
        Ok(_) if fails.swap(false, Ordering::Relaxed) => info!("StatefulSets are read again"),
        _ => {}
    }
    answer
}

async fn look(client: &Client, id: &StatefulSetId) -> Result<Option<Owner>, Failure> {
    let api: Api<Object<Value, NotUsed>> =
        Api::namespaced_with(client.clone(), &id.namespace, &ApiResource::erase::<StatefulSet>(&()));
    let found = api.get_opt(&id.name).await?.filter(|found| found.metadata.uid.as_ref() == Some(&id.uid));
    let owner = found.and_then(|found| Owner::of_spec(Kind::StatefulSet, &found.spec));
    let Some(owner) = owner else { return Ok(None) };
    if !owner.is_alone() {
        return Ok(Some(owner));
    }
    let api: Api<Object<Value, NotUsed>> =
        Api::namespaced_with(client.clone(), &id.namespace, &ApiResource::erase::<HorizontalPodAutoscaler>(&()));
    let mut pages = Pages::new(api, ListParams::default());
    while let Some(page) = pages.next().await? {
        if page.iter().any(|scaler| scale_target(&scaler.spec) == Some((Kind::StatefulSet, &id.name))) {
            return Ok(Some(Owner { scaled: true, ..owner }));
        }
    }
    Ok(Some(owner))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::scripted::{Server, page, status};
    use serde_json::json;

    fn id(name: &str) -> StatefulSetId {
        StatefulSetId { namespace: "shop".into(), name: name.into(), uid: "u".into() }
    }

    fn set(replicas: i64) -> (u16, String) {
        let set = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "uid": "u"},
            "spec": {"replicas": replicas, "serviceName": "db-pods"}});
        (200, set.to_string())
    }

    /// A page with an autoscaler of this.
    fn scaler(kind: &str, name: &str) -> (u16, String) {
        page(&[json!({"metadata": {"name": "any"}, "spec": {"scaleTargetRef": {"kind": kind, "name": name}}})], "1", "")
    }

    fn refused(code: u16) -> (u16, String) {
        let mut status = status(code);
        status["reason"] = json!(if code == 404 { "NotFound" } else { "" });
        (code, status.to_string())
    }

    fn owners(answers: impl IntoIterator<Item = (u16, String)>) -> (Owners, Server) {
        let server = Server::answers(answers);
        (Owners::new(server.client()), server)
    }

    #[tokio::test]
    async fn one_pod_is_the_only_one_where_no_autoscaler_makes_more() {
        for (answers, alone) in [
            (vec![set(1), page(&[], "1", "")], true),
            (vec![set(0), page(&[], "1", "")], true),
            (vec![set(1), scaler("StatefulSet", "db")], false),
            (vec![set(1), scaler("StatefulSet", "other")], true),
            (vec![set(1), scaler("Deployment", "db")], true),
            // On the second page.
            (vec![set(1), page(&[], "1", "more"), scaler("StatefulSet", "db")], false),
            (vec![set(2)], false),
        ] {
            let count = answers.len();
            let (owners, server) = owners(answers.clone());
            let owner = owners.read(id("db"), false).await.unwrap().unwrap();
            assert_eq!(owner.nobody_stands_in(), alone, "{answers:?}");
            assert_eq!(owner.service_name.as_deref(), Some("db-pods"));
            assert_eq!(server.asked().len(), count, "{answers:?}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_not_known() {
        for (answers, known) in [
            (vec![refused(404)], Ok(None)),
            (vec![refused(403)], Err("no".to_owned())),
            (vec![set(1), refused(403)], Err("no".to_owned())),
        ] {
            let (owners, _) = owners(answers);
            assert_eq!(owners.read(id("db"), false).await, known);
        }
        // Another that has its name now.
        let (owners, _) = owners([set(1)]);
        assert_eq!(owners.read(StatefulSetId { uid: "v".into(), ..id("db") }, false).await, Ok(None));
    }

    #[tokio::test]
    async fn an_answer_serves_for_a_minute_and_none_for_a_moment() {
        let (owners, server) = owners([set(3), set(3), refused(500), set(3)]);
        let start = Instant::now();
        for (seconds, asked) in [(0, 1), (59, 1), (60, 2), (119, 2), (120, 3), (124, 3), (125, 4)] {
            let _ = owners.read_at(start + Duration::from_secs(seconds), id("db"), false).await;
            assert_eq!(server.asked().len(), asked, "after {seconds} s");
        }
    }

    #[tokio::test]
    async fn of_a_later_pod_there_is_no_only_one() {
        let (owners, server) = owners([set(1), page(&[], "1", ""), set(3)]);
        assert!(owners.read(id("db"), false).await.unwrap().unwrap().is_alone());
        assert!(owners.read(id("db"), false).await.unwrap().unwrap().is_alone());
        assert_eq!(server.asked().len(), 2);
        // It was scaled up since.
        assert!(!owners.read(id("db"), true).await.unwrap().unwrap().is_alone());
        assert!(!owners.read(id("db"), true).await.unwrap().unwrap().is_alone());
        assert_eq!(server.asked().len(), 3);
    }

    #[tokio::test]
    async fn many_that_ask_at_once_are_one_question_and_nobody_has_to_wait() {
        let (owners, server) = owners([set(3)]);
        let answers = futures::future::join_all((0..20).map(|_| owners.read(id("db"), false))).await;
        assert!(answers.iter().all(|answer| answer.is_ok()));
        assert_eq!(server.asked().len(), 1);
        // No answer comes; who leaves does not end the question.
        for _ in 0..2 {
            assert!(timeout(Duration::from_millis(50), owners.read(id("other"), false)).await.is_err());
        }
        assert_eq!(server.asked().len(), 2);
    }

    #[tokio::test]
    async fn memory_is_bounded_and_forgets_the_oldest() {
        let (owners, _) = owners((0..=MOST).map(|_| set(3)));
        let start = Instant::now();
        for number in 0..=MOST {
            let at = start + Duration::from_millis(number as u64);
            owners.read_at(at, id(&number.to_string()), false).await.unwrap();
        }
        let all = locks::lock(&owners.asked);
        assert_eq!(all.len(), MOST);
        assert!(!all.contains_key(&id("0")) && all.contains_key(&id(&MOST.to_string())));
    }
}
