//! Every case of `tests/cases` through the real API server: the same answer as from files.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use draingate_core::judge::{self, View, rejects};
use draingate_core::mode::Mode;
use draingate_core::subject::{Kind, Subject};
use serde_json::{Value, json};

use draingate_testing::case::{self, Case};
use draingate_testing::lab::{Answer, Lab, Setup, Space, collection};

/// How long a case may take to come out right: what it is about has to be seen by the watches first.
const SETTLING: Duration = Duration::from_secs(10);

/// What the API server and Draingate make of a subject, in the words of both.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    /// What is injected, in the end: preStop by container, and the grace.
    hooks: BTreeMap<String, Value>,
    grace: Value,
    record: Value,
    /// Codes with their containers, as the audit log has them.
    findings: String,
    /// Whether errors and warnings are told at all.
    told: bool,
    rejected: bool,
}

/// A case in its namespaces.
struct Staged<'l, 'c> {
    lab: &'l Lab,
    case: &'c Case,
    space: Space<'l>,
    subject: Value,
    /// To be deleted, because it concerns other cases.
    cluster_wide: Vec<Value>,
}

impl<'l, 'c> Staged<'l, 'c> {
    fn new(lab: &'l Lab, case: &'c Case) -> Staged<'l, 'c> {
        // A namespace with a meaning of its own keeps its name.
        let space = match case.namespace.as_str() {
            "kube-system" => lab.existing("kube-system"),
            _ => lab.fresh_name(),
        };
        let subject = space.put(case.subject.clone());
        Staged { lab, case, space, subject, cluster_wide: Vec::new() }
    }

    /// A document that is in a namespace, in the one that stands for it here.
    fn place(&self, document: &Value, elsewhere: &Space) -> Value {
        match document["metadata"]["namespace"].as_str().unwrap_or("default") == self.case.namespace {
            true => self.space.put(document.clone()),
            false => elsewhere.put(document.clone()),
        }
    }

    fn set_up(&mut self) {
        let elsewhere = self.lab.namespace("");
        let labels = |document: &Value| {
            let own = document["metadata"]["name"] == self.case.namespace;
            document.pointer("/metadata/labels").filter(|_| own).cloned()
        };
        let of_kind = |kind: &'static str| self.case.documents.iter().filter(move |document| document["kind"] == kind);
        let labels = of_kind("Namespace").find_map(labels).unwrap_or_else(|| json!({}));
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.space.name, "labels": labels}});
        self.lab.apply(&namespace).accepted();
        for document in of_kind("Service").chain(of_kind("HorizontalPodAutoscaler")) {
            self.lab.create(&self.place(document, &elsewhere)).accepted();
        }
        if self.case.kind == Kind::Pod {
            for document in of_kind("StatefulSet") {
                // Its pods name it as it was made here.
                let owner = self.lab.create(&self.place(document, &elsewhere)).accepted();
                let references = self.subject["metadata"]["ownerReferences"].as_array_mut().unwrap();
                let reference = references.iter_mut().find(|reference| reference["name"] == owner["metadata"]["name"]);
                reference.unwrap()["uid"] = owner["metadata"]["uid"].clone();
            }
        }
        for document in of_kind("ClusterDrainPolicy") {
            self.lab.policy(document);
        }
        self.cluster_wide = of_kind("ClusterDrainPolicy").cloned().collect();
        for document in of_kind("DrainPolicy") {
            self.lab.policy(&self.place(document, &elsewhere));
        }
    }

    fn clean_up(&self) {
        for policy in &self.cluster_wide {
            self.lab.delete(policy).accepted();
        }
        if self.space.name == "kube-system" {
            self.space.label("draingate.dev/mode", Value::Null);
        }
    }

    /// Until every mode gives what is expected of it, or time is up.
    fn problems(&self) -> Vec<String> {
        let modes: &[Mode] = match self.case.kind {
            Kind::Pod => &[Mode::Warn, Mode::Inject, Mode::Enforce],
            _ => &[Mode::Warn, Mode::Enforce],
        };
        let mut problems = Vec::new();
        for mode in modes {
            self.space.label("draingate.dev/mode", mode.as_str().into());
            let expected = self.expected(*mode);
            let deadline = Instant::now() + SETTLING;
            loop {
                let seen = self.seen(*mode);
                if seen.as_ref() == Ok(&expected) {
                    break;
                }
                if Instant::now() > deadline {
                    problems
                        .push(format!("{} in {mode}:\n  expected {expected:?}\n  seen     {seen:?}", self.case.name));
                    break;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        problems
    }

    fn expected(&self, mode: Mode) -> Outcome {
        let case = &self.case.expected;
        let is_pod = self.case.kind == Kind::Pod;
        let mut object = self.subject.clone();
        if is_pod && mode.injects() {
            let patch: json_patch::Patch = serde_json::from_value(case.patch.clone().into()).unwrap();
            json_patch::patch(&mut object, &patch).unwrap();
        }
        let name = |finding: &case::Told| match &finding.container {
            Some(container) => format!("{}:{container}", finding.code),
            None => finding.code.clone(),
        };
        let json = self.case.json();
        let subject = Subject::parse(self.case.kind, &json).unwrap();
        let judgement = judge::judge(&subject, &self.case.world.context(&self.case.namespace), View::AsAdmitted);
        let plans = mode == Mode::Warn && judge::difference(&judgement.standing, &judgement.pod).is_some();
        let said = case
            .findings
            .iter()
            .filter(|finding| !(rejects(mode, &subject, &judgement) && finding.severity == "error"));
        let skipped_by_annotation = judgement.skipped.as_ref().is_some_and(|skip| skip.as_str() == "annotation");
        Outcome {
            findings: case.findings.iter().map(name).collect::<Vec<_>>().join(","),
            told: plans || said.count() > 0 || skipped_by_annotation,
            rejected: rejects(mode, &subject, &judgement),
            ..Outcome::of(&object, &object)
        }
    }

    /// What the API server says now; an error where it does not take the object itself.
    fn seen(&self, mode: Mode) -> Result<Outcome, String> {
        let answer = self.space.try_out(&self.subject);
        let rejected = answer.code == 403 && answer.message().contains("denied the request: pod ");
        if !rejected && !answer.is_accepted() {
            return Err(format!("{} {}", answer.code, answer.message()));
        }
        let webhook = match (self.case.kind, mode) {
            (Kind::Pod, Mode::Enforce) => "enforce",
            (Kind::Pod, _) => "pods",
            _ => "templates",
        };
        let findings = self.audited(&answer, &format!("{webhook}.draingate.dev/findings"));
        let told = !answer.warnings.is_empty();
        let outcome = match rejected {
            // A rejected pod is not shown: it counts as expected.
            true => Outcome { findings, told, rejected, ..self.expected(mode) },
            false => Outcome { findings, told, rejected, ..Outcome::of(&self.subject, &answer.body) },
        };
        Ok(outcome)
    }

    /// An annotation of the newest event about the subject.
    fn audited(&self, answer: &Answer, key: &str) -> String {
        let resource = collection(&self.subject).rsplit('/').next().unwrap().to_owned();
        let name = answer.body["metadata"]["name"].as_str().or(self.subject["metadata"]["name"].as_str());
        let annotations = self.lab.audited(&resource, &self.space.name, name.unwrap(), "create");
        annotations[key].as_str().unwrap_or_default().to_owned()
    }
}

impl Outcome {
    /// Hooks, grace and record of an admitted object; what the API server fills in is taken out again.
    fn of(given: &Value, admitted: &Value) -> Outcome {
        let pod = match admitted["kind"].as_str().unwrap() {
            "Pod" => admitted,
            "PodTemplate" => &admitted["template"],
            "CronJob" => &admitted["spec"]["jobTemplate"]["spec"]["template"],
            _ => &admitted["spec"]["template"],
        };
        let lists = ["/spec/initContainers", "/spec/containers"];
        let containers = lists.into_iter().filter_map(|list| pod.pointer(list)?.as_array()).flatten();
        let hook = |container: &Value| {
            let mut hook = container.pointer("/lifecycle/preStop")?.clone();
            if let Some(get) = hook.get_mut("httpGet").and_then(Value::as_object_mut) {
                get.retain(|key, value| !(key == "scheme" && value == "HTTP"));
            }
            Some((container["name"].as_str().unwrap().to_owned(), hook))
        };
        let grace = pod["spec"].get("terminationGracePeriodSeconds").cloned().unwrap_or_else(|| 30.into());
        let is_pod = given["kind"] == "Pod";
        let record = pod.pointer("/metadata/annotations/draingate.dev~1injected").and_then(Value::as_str);
        Outcome {
            hooks: containers.filter_map(hook).collect(),
            // The API server stores a negative grace of a pod as 1.
            grace: if is_pod && grace.as_i64().is_some_and(|g| g < 0) { 1.into() } else { grace },
            record: record.map(|text| serde_json::from_str(text).unwrap_or_else(|_| text.into())).unwrap_or_default(),
            findings: String::new(),
            told: false,
            rejected: false,
        }
    }
}

#[test]
fn every_case_comes_out_as_from_files() {
    let cases: Vec<Case> = case::all().into_iter().filter(|case| case.expected.offline.is_none()).collect();
    let lab = Lab::start(Setup::default());
    let problems = Mutex::new(Vec::new());
    let play = |case: &Case| {
        let mut staged = Staged::new(&lab, case);
        staged.set_up();
        let found = staged.problems();
        staged.clean_up();
        problems.lock().unwrap().extend(found);
    };
    let (alone, together): (Vec<&Case>, Vec<&Case>) =
        cases.iter().partition(|case| case.documents.iter().any(|document| document["kind"] == "ClusterDrainPolicy"));
    std::thread::scope(|scope| {
        for share in together.chunks(together.len().div_ceil(4)) {
            scope.spawn(move || share.iter().for_each(|case| play(case)));
        }
    });
    alone.into_iter().for_each(play);
    let problems = problems.into_inner().unwrap();
    assert!(problems.is_empty(), "{} of {} cases:\n{}", problems.len(), cases.len(), problems.join("\n"));
}
