//! The loop: what the API server is asked, and what is told of its answers.

use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use super::scripted::{Server, events, page, refusal, status};
use super::{Change, ChangeStream, Failure, Selection};

fn changes(server: &Server, selection: Selection) -> ChangeStream<Namespace> {
    ChangeStream::new(Api::all(server.client()), selection)
}

fn object(name: &str, version: u64) -> Value {
    let metadata = json!({"name": name, "resourceVersion": version.to_string()});
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
}

fn said(change: &Change<Namespace>) -> String {
    match change {
        Change::Listed(object) => format!("listed {}", object.name_any()),
        Change::Complete => "complete".to_owned(),
        Change::Applied(object) => format!("applied {}", object.name_any()),
        Change::Deleted(object) => format!("deleted {}", object.name_any()),
        Change::Heard => "heard".to_owned(),
        Change::Interrupted(Failure::Refused { code, .. }) => format!("refused {code}"),
        Change::Interrupted(failure) => format!("interrupted: {failure}"),
    }
}

/// The next changes; what fails is tried again at once.
async fn take(changes: &mut ChangeStream<Namespace>, number: usize) -> Vec<String> {
    let mut heard = Vec::new();
    for _ in 0..number {
        let change = changes.next().await;
        if matches!(change, Change::Interrupted(_)) {
            changes.retry_in(Duration::from_millis(1));
        }
        heard.push(said(&change));
    }
    heard
}

#[tokio::test]
async fn what_is_listed_in_pages_is_watched_from_the_version_of_the_list() {
    let bookmark = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"resourceVersion": "12"}});
    let server = Server::answers([
        page(&[object("a", 1), object("b", 2)], "7", "next"),
        page(&[object("c", 3)], "7", ""),
        events(&[("ADDED", object("d", 8)), ("MODIFIED", object("a", 9)), ("DELETED", object("b", 10))]),
        events(&[("BOOKMARK", bookmark)]),
    ]);
    let mut stream = changes(&server, Selection { labels: Some("app=web".to_owned()), ..Selection::default() });
    let heard = take(&mut stream, 10).await;
    let list = ["listed a", "listed b", "listed c", "complete"];
    let watch = ["heard", "applied d", "applied a", "deleted b", "heard", "heard"];
    assert_eq!(heard, [&list[..], &watch[..]].concat());
    // An ended watch goes on from the last object, and from a bookmark.
    let _ = tokio::time::timeout(Duration::from_secs(2), stream.next()).await;
    let selector = "labelSelector=app%3Dweb";
    assert_eq!(
        server.asked(),
        [
            format!("list {selector} limit=500"),
            format!("list {selector} limit=500 continue=next"),
            format!("watch {selector} resourceVersion=7"),
            format!("watch {selector} resourceVersion=10"),
            format!("watch {selector} resourceVersion=12"),
        ]
    );
}

#[tokio::test]
async fn a_version_that_is_forgotten_means_another_list_and_a_failure_does_not() {
    let server = Server::answers([
        page(&[object("a", 1)], "7", ""),
        refusal(500),
        events(&[("ADDED", object("b", 8)), ("ERROR", status(500))]),
        events(&[("ERROR", status(410))]),
        page(&[], "20", ""),
        refusal(410),
        page(&[], "30", ""),
        (200, "nonsense\n".to_owned()),
        refusal(503),
        page(&[], "40", ""),
    ]);
    let heard = take(&mut changes(&server, Selection::default()), 14).await;
    let lines: Vec<&str> = heard.iter().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(
        lines,
        [
            "listed a",
            "complete",
            "refused 500",
            "heard",
            "applied b",
            "refused 500",
            "heard",
            "refused 410",
            "complete",
            "refused 410",
            "complete",
            "heard",
            "interrupted",
            "refused 503",
        ]
    );
    let asked = server.asked();
    let versions: Vec<&str> = asked.iter().map(|line| line.split_once(' ').unwrap().0).collect();
    assert_eq!(versions, ["list", "watch", "watch", "watch", "list", "watch", "list", "watch", "list"]);
    assert_eq!([&asked[2], &asked[3]], ["watch resourceVersion=7", "watch resourceVersion=8"]);
}

#[tokio::test]
async fn whoever_wants_it_is_listed_again() {
    let server = Server::answers([page(&[object("a", 1)], "7", ""), refusal(500), page(&[object("b", 2)], "8", "")]);
    let mut stream = changes(&server, Selection::default());
    assert_eq!(take(&mut stream, 3).await, ["listed a", "complete", "refused 500"]);
    stream.relist();
    assert_eq!(take(&mut stream, 2).await, ["listed b", "complete"]);
}

#[tokio::test]
async fn of_what_is_there_already_only_the_version_is_wanted() {
    let server = Server::answers([page(&[object("a", 1)], "7", "next"), events(&[("ADDED", object("b", 8))])]);
    let selection = Selection { fields: Some("reason=Failed"), new_only: true, ..Selection::default() };
    assert_eq!(take(&mut changes(&server, selection), 3).await, ["complete", "heard", "applied b"]);
    let asked = ["list fieldSelector=reason%3DFailed limit=1", "watch fieldSelector=reason%3DFailed resourceVersion=7"];
    assert_eq!(server.asked(), asked);
}

#[test]
fn a_watch_goes_on_where_the_api_server_may_still_know_the_place() {
    let refused = |code| Failure::Refused { code, message: String::new() }.is_resumable();
    assert!([401, 403, 429, 500, 502, 503].map(refused).iter().all(|resumable| *resumable));
    assert!(![400, 404, 410, 504].map(refused).iter().any(|resumable| *resumable));
    assert!(
        [Failure::NoAnswer, Failure::Silence, Failure::Connection(String::new())].iter().all(Failure::is_resumable)
    );
    assert!(!Failure::Unreadable(String::new()).is_resumable());
}
