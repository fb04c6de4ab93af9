//! An API server of few words, for tests of what hears it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use hyper::{Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

/// Gives its answers one after the other, then none any more, and remembers what it was asked.
#[derive(Clone, Default)]
pub(crate) struct Server {
    answers: Arc<Mutex<VecDeque<(u16, String)>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl tower::Service<Request<Body>> for Server {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let query = request.uri().query().unwrap_or_default();
        let parts = ["limit", "continue", "resourceVersion", "fieldSelector", "labelSelector"];
        let part = |part: &&str| parts.iter().any(|name| part.split_once('=').is_some_and(|(key, _)| key == *name));
        let what = if query.contains("watch=true") { "watch" } else { "list" };
        let said = query.split('&').filter(part).fold(what.to_owned(), |said, part| said + " " + part);
        self.asked.lock().unwrap().push(said);
        let answer = self.answers.lock().unwrap().pop_front();
        Box::pin(async move {
            let Some((code, body)) = answer else { return std::future::pending().await };
            Ok(Response::builder().status(code).body(Body::from(body.into_bytes())).unwrap())
        })
    }
}

impl Server {
    pub(crate) fn answers(answers: impl IntoIterator<Item = (u16, String)>) -> Server {
        Server { answers: Arc::new(Mutex::new(answers.into_iter().collect())), ..Server::default() }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.clone(), "default")
    }

    /// Each request in a few words, such as `watch resourceVersion=7`.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// A page of a list; `next` is where the list goes on, empty for the last.
pub(crate) fn page(items: &[Value], version: &str, next: &str) -> (u16, String) {
    let metadata = json!({"resourceVersion": version, "continue": next});
    (200, json!({"apiVersion": "v1", "kind": "List", "metadata": metadata, "items": items}).to_string())
}

/// A watch that ends after these.
pub(crate) fn events(events: &[(&str, Value)]) -> (u16, String) {
    (200, events.iter().map(|(kind, object)| json!({"type": kind, "object": object}).to_string() + "\n").collect())
}

/// Why not.
pub(crate) fn status(code: u16) -> Value {
    json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "message": "no", "reason": "", "code": code})
}

/// An answer that is a refusal.
pub(crate) fn refusal(code: u16) -> (u16, String) {
    (code, status(code).to_string())
}
