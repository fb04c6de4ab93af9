//! One pod and one knowledge: the webhook, `check`, `explain`, and what `scan` keeps of a pod that runs, give one answer.
//!
//! Random pods, and every case. What the answer has to be, other tests know.

use std::path::Path;

use base64::Engine;
use draingate::explain::{self, explanations};
use draingate::judged::ObjectResult;
use draingate::report::timeline::Which;
use draingate::workloads::group::Groups;
use draingate_core::mode::Mode;
use draingate_core::subject::Kind;
use draingate_core::world::{SleepSupport, World};
use draingate_testing::case;
use draingate_testing::random_pod::{NAMESPACE, random_pod};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::check::check_json;
use crate::standalone::{ask_in_process, review, world};

/// What is known, what is asked about, and in which namespace it is.
struct Question {
    name: String,
    documents: Vec<Value>,
    subject: Value,
    kind: Kind,
    namespace: String,
}

/// What a door says of a pod; nothing where it does not say that.
#[derive(Clone, Debug, Default, PartialEq)]
struct Answer {
    verdict: Option<String>,
    required: Option<Value>,
    hold: Option<String>,
    /// `code:container`
    findings: Option<Vec<String>>,
    /// Each container, its role and its hook.
    containers: Option<Vec<Value>>,
    patch: Option<Vec<Value>>,
}

impl Answer {
    /// Of `explain` and `scan`.
    fn of_result(result: &ObjectResult) -> Answer {
        let finding = |code: &str, container: Option<&String>| match container {
            Some(container) => format!("{code}:{container}"),
            None => code.to_owned(),
        };
        let findings = result.findings.iter().map(|f| finding(f.finding.code.as_str(), f.finding.container.as_ref()));
        let containers = result
            .containers
            .iter()
            .map(|c| json!({"name": c.name, "role": c.role.as_str(), "hook": c.hook, "by": c.hook_source.as_str()}));
        Answer {
            verdict: Some(result.verdict.as_str().to_owned()),
            required: Some(json!(result.required_grace)),
            hold: Some(result.terms.hold.reason.as_str().to_owned()),
            findings: Some(findings.collect()),
            containers: Some(containers.collect()),
            patch: Some(serde_json::from_value(json!(result.patch)).unwrap()),
        }
    }

    /// Of `check`.
    fn of_json(result: &Value) -> Answer {
        let text = |pointer: &str| result.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let list = |key: &str| result[key].as_array().unwrap().clone();
        let finding = |f: &Value| match f["container"].as_str() {
            Some(container) => format!("{}:{container}", f["code"].as_str().unwrap()),
            None => f["code"].as_str().unwrap().to_owned(),
        };
        let container =
            |c: &Value| json!({"name": c["name"], "role": c["role"], "hook": c["hookSeconds"], "by": c["hookSource"]});
        Answer {
            verdict: text("/verdict"),
            required: Some(result["requiredGracePeriodSeconds"].clone()),
            hold: text("/terms/hold/reason"),
            findings: Some(list("findings").iter().map(finding).collect()),
            containers: Some(list("containers").iter().map(container).collect()),
            patch: Some(list("patch")),
        }
    }

    /// What both say.
    fn agrees(&self, other: &Answer) -> bool {
        fn same<T: PartialEq>(a: &Option<T>, b: &Option<T>) -> bool {
            a.is_none() || b.is_none() || a == b
        }
        same(&self.verdict, &other.verdict)
            && same(&self.required, &other.required)
            && same(&self.hold, &other.hold)
            && same(&self.findings, &other.findings)
            && same(&self.containers, &other.containers)
            && same(&self.patch, &other.patch)
    }
}

impl Question {
    /// As it is said to who reads files.
    fn list(&self) -> String {
        let items = [std::slice::from_ref(&self.subject), &self.documents].concat();
        json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
    }

    fn world(&self) -> World {
        world(&self.documents)
    }

    /// The documents, and the namespace in a mode.
    fn in_mode(&self, mode: &str) -> Vec<Value> {
        let mut documents = self.documents.clone();
        let own =
            |document: &&mut Value| document["kind"] == "Namespace" && document["metadata"]["name"] == *self.namespace;
        match documents.iter_mut().find(own) {
            Some(namespace) => namespace["metadata"]["labels"]["draingate.dev/mode"] = json!(mode),
            None => documents.push(json!({"apiVersion": "v1", "kind": "Namespace",
                "metadata": {"name": self.namespace, "labels": {"draingate.dev/mode": mode}}})),
        }
        documents
    }

    fn check(&self, arguments: &[&str]) -> Answer {
        let arguments = [arguments, &["-n", &self.namespace, "-"]].concat();
        Answer::of_json(&check_json(Path::new("."), &arguments, &self.list())["results"][0])
    }

    /// As written, and as admitted.
    fn explain(&self) -> (Answer, Option<Answer>) {
        let file = explain::File { name: "list".into(), text: self.list() };
        let (mut explanations, ..) = explanations(&[file], World::default(), &self.namespace);
        let explanation = explanations.remove(0);
        let admitted = explanation.views.iter().find(|view| view.view != Which::AsWritten).map(|view| {
            let findings = view.findings.iter().map(|f| match &f.finding.container {
                Some(container) => format!("{}:{container}", f.finding.code),
                None => f.finding.code.to_string(),
            });
            Answer {
                verdict: Some(view.verdict.as_str().to_owned()),
                required: Some(json!(view.required_grace)),
                findings: Some(findings.collect()),
                ..Answer::default()
            }
        });
        (Answer::of_result(&explanation.result), admitted)
    }

    /// What it keeps of a pod that runs; nothing of a template.
    fn scan(&self, for_mode: Option<Mode>) -> Option<Answer> {
        let mut pod = self.subject.clone();
        pod["metadata"]["namespace"] = json!(self.namespace);
        let mut groups = Groups::default();
        (self.kind == Kind::Pod).then(|| groups.add(&pod.to_string(), &self.world(), for_mode).unwrap())?;
        Some(Answer::of_result(&groups.worst_first().remove(0).result))
    }

    async fn ask(&self, mode: &str, path: &str, object: &Value) -> Value {
        let kind = json!({"group": self.kind.group(), "version": "v1", "kind": self.kind.as_str()});
        let body = review(object, &kind, &self.namespace, "CREATE");
        ask_in_process(&self.in_mode(mode), path, &body).await
    }

    /// In audit `/validate` judges what would be admitted; `/mutate` patches pods.
    async fn webhook(&self) -> Answer {
        let audit = self.ask("audit", "/validate", &self.subject).await["auditAnnotations"].take();
        let findings = audit["findings"].as_str().unwrap_or_default();
        // A long list is cut.
        let whole = findings.len() < 900;
        let findings = findings.split(',').filter(|code| !code.is_empty()).map(str::to_owned).collect();
        let patch = match self.kind {
            Kind::Pod => Some(self.patch().await),
            _ => None,
        };
        let verdict = audit["verdict"].as_str().map(str::to_owned);
        Answer { verdict, findings: Some(findings).filter(|_| whole), patch, ..Answer::default() }
    }

    async fn patch(&self) -> Vec<Value> {
        let answer = self.ask("inject", "/mutate", &self.subject).await;
        let patch =
            answer["patch"].as_str().map(|text| base64::engine::general_purpose::STANDARD.decode(text).unwrap());
        patch.map(|patch| serde_json::from_slice(&patch).unwrap()).unwrap_or_default()
    }

    /// Whether `enforce` lets the pod in, as it is patched.
    async fn is_let_in(&self, patch: &[Value]) -> bool {
        let mut pod = self.subject.clone();
        let patch: json_patch::Patch = serde_json::from_value(json!(patch)).unwrap();
        json_patch::patch(&mut pod, &patch).unwrap();
        self.ask("enforce", "/validate", &pod).await["allowed"] == true
    }

    /// Where the doors differ.
    async fn differences(&self) -> Vec<String> {
        let mut differences = Vec::new();
        let (admitted, written) = (self.check(&["--admitted"]), self.check(&[]));
        let mut compare = |door: &str, wanted: &Answer, actual: Option<Answer>| {
            if let Some(actual) = actual.filter(|actual| !actual.agrees(wanted)) {
                differences.push(format!("{}: check says {wanted:?}\n  {door} says {actual:?}", self.name));
            }
        };
        let (as_written, explained) = self.explain();
        compare("explain", &admitted, explained);
        compare("explain, as written,", &written, Some(as_written));
        compare("scan, for enforce,", &admitted, self.scan(Some(Mode::Enforce)));
        compare("scan", &written, self.scan(None));
        let webhook = self.webhook().await;
        let patch = webhook.patch.clone();
        compare("the webhook", &admitted, Some(webhook));
        if let Some(patch) = patch {
            let (fails, is_let_in) = (admitted.verdict.as_deref() == Some("fail"), self.is_let_in(&patch).await);
            if fails == is_let_in {
                differences.push(format!("{}: check says {admitted:?}, let in: {is_let_in}", self.name));
            }
        }
        differences
    }
}

#[tokio::test]
async fn random_pods_get_one_answer_at_every_door() {
    const PODS: usize = 200;
    let mut runner = TestRunner::deterministic();
    let strategy = random_pod();
    let mut differences = Vec::new();
    for index in 0..PODS {
        let mut pod = strategy.new_tree(&mut runner).unwrap().current();
        pod.sleep = SleepSupport::Native;
        let (documents, json, namespace) = (pod.documents(), pod.json(), NAMESPACE.to_owned());
        // Every other one as a template, which says itself how many pods it has.
        let (subject, kind) = if index % 2 == 1 && !pod.alone {
            let template = json!({"metadata": json["metadata"], "spec": json["spec"]});
            let spec = json!({"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template});
            let metadata = json!({"name": "web", "namespace": NAMESPACE});
            (
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}),
                Kind::Deployment,
            )
        } else {
            (json, Kind::Pod)
        };
        let question = Question { name: format!("{pod:?}"), documents, subject, kind, namespace };
        differences.extend(question.differences().await);
    }
    assert!(differences.is_empty(), "{} of {PODS}:\n{}", differences.len(), differences[0]);
}

#[tokio::test]
async fn every_case_gets_one_answer_at_every_door() {
    let (mut seen, mut differences) = (0, Vec::new());
    for case in case::all().into_iter().filter(case::Case::is_for_webhooks) {
        let mut documents = case.documents.clone();
        documents.retain(|document| *document != case.subject);
        let question =
            Question { name: case.name, documents, subject: case.subject, kind: case.kind, namespace: case.namespace };
        differences.extend(question.differences().await);
        seen += 1;
    }
    assert!(seen >= 40, "only {seen} cases");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
