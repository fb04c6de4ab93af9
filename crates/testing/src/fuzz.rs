//! What the fuzz targets do with their input. Each is a function that panics where something does not hold, so that
//! ordinary tests can call it too (`tests/offline/fuzzed.rs`).

use std::io::Write;

use crate::kubelet;
use crate::random_pod::{NAMESPACE, grace_seconds, random_pod};
use draingate::check::fix::fix;
use draingate::metrics::Registry;
use draingate::serve::certificate::{Authority, FileCertificate};
use draingate::serve::metrics::ServeMetrics;
use draingate::walk::Walk;
use draingate_core::admit::{Webhook, admit, concerns};
use draingate_core::finding::Code;
use draingate_core::hooks::{Length, Variable, read_command};
use draingate_core::judge::{Verdict, View, judge};
use draingate_core::review::Review;
use draingate_core::subject::{Kind, Subject};
use draingate_core::world::World;
use draingate_core::{manifest, objects};
use json_patch::{Patch, PatchOperation};
use k8s_openapi::api::core::v1::Pod;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

thread_local!(static WORLDS: [World; 2] = [world("enforce"), world("inject")]);

/// A namespace with a policy, a cluster policy that locks, and a Service.
fn world(mode: &str) -> World {
    let mut world = World::default();
    for object in [
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": {"draingate.dev/mode": mode}}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"selector": {"app": "web"}}}),
        json!({"apiVersion": "draingate.dev/v1alpha1", "kind": "DrainPolicy", "metadata": {"name": "default", "namespace": "shop"},
            "spec": {"profile": "alb", "gracePeriod": {"adjust": "Raise", "maxSeconds": 120}}}),
        json!({"apiVersion": "draingate.dev/v1alpha1", "kind": "ClusterDrainPolicy", "metadata": {"name": "base"},
            "spec": {"budget": {"safetyMarginSeconds": 7}, "locked": ["safetyMarginSeconds"]}}),
    ] {
        assert_eq!(objects::add(&mut world, &object, None), Ok(true));
    }
    world
}

fn create(pod: &str) -> String {
    format!(
        r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"u","kind":{{"group":"","version":"v1","kind":"Pod"}},"operation":"CREATE","namespace":"shop","object":{pod}}}}}"#
    )
}

/// Any bytes as a review: an answer for exactly this request, and never a patch that the API server would refuse.
pub fn review(bytes: &[u8]) {
    WORLDS.with(|worlds| worlds.iter().for_each(|world| admit_both(bytes, world)));
}

/// Any JSON as a pod, beside k8s-openapi's Pod: what that reads, the borrowed parser reads, with the same containers and
/// the same grace.
pub fn pod(bytes: &[u8]) {
    let Ok(json) = std::str::from_utf8(bytes) else { return };
    if serde_json::from_str::<Value>(json).is_err() {
        return;
    }
    review(create(json).as_bytes());
    let Ok(Pod { spec: Some(spec), .. }) = serde_json::from_str::<Pod>(json) else { return };
    let ours = match Subject::parse(Kind::Pod, json) {
        // An API server never writes a field twice.
        Err(problem) if problem.to_string().contains("duplicate field") => return,
        parsed => parsed.unwrap_or_else(|problem| panic!("read by k8s-openapi only: {problem}")),
    };
    let names: Vec<&str> = spec.containers.iter().map(|container| container.name.as_str()).collect();
    let seen: Vec<&str> = ours.pod.spec.containers.iter().map(|container| container.name.as_str()).collect();
    assert_eq!(seen, names);
    assert_eq!(ours.pod.spec.termination_grace_period_seconds, spec.termination_grace_period_seconds);
}

const KEYS: [&str; 10] = [
    "draingate.dev/endpoint-propagation-seconds",
    "draingate.dev/drain-delay-seconds",
    "draingate.dev/worst-case-request-seconds",
    "draingate.dev/safety-margin-seconds",
    "draingate.dev/hook",
    "draingate.dev/helpers",
    "draingate.dev/skip",
    "draingate.dev/injected",
    "prestop-seconds.draingate.dev/app",
    "worst-case-request-seconds.draingate.dev/app",
];

/// What a pod's author writes, a line each: a digit and an annotation's value, or a letter: `c` an argument of the hook's
/// command, `n` a container, `g` the grace. Whatever it is, what is said of it stays in one line and in bounds.
pub fn settings(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (mut annotations, mut command, mut names, mut grace) = (json!({}), Vec::new(), vec!["app"], None);
    for line in text.split('\n') {
        let mut rest = line.chars();
        match rest.next() {
            Some('c') => command.push(rest.as_str()),
            Some('n') => names.push(rest.as_str()),
            Some('g') => grace = rest.as_str().parse::<i64>().ok(),
            Some(key) => annotations[KEYS[key as usize % KEYS.len()]] = json!(rest.as_str()),
            None => {}
        }
    }
    let mut pod = json!({"metadata": {"name": "p", "annotations": annotations}, "spec": {"containers":
        names.iter().map(|name| json!({"name": name, "ports": [{"containerPort": 80}]})).collect::<Vec<_>>()}});
    if !command.is_empty() {
        pod["spec"]["containers"][0]["lifecycle"] = json!({"preStop": {"exec": {"command": command}}});
    }
    if let Some(grace) = grace {
        pod["spec"]["terminationGracePeriodSeconds"] = grace.into();
    }
    let pod = pod.to_string();
    WORLDS.with(|[world, _]| {
        let Ok(subject) = Subject::parse(Kind::Pod, &pod) else { return };
        for finding in judge(&subject, &world.context("shop"), View::AsAdmitted).findings {
            assert!(!finding.message.chars().any(char::is_control), "{:?}", finding.message);
            assert!(finding.message.len() < 4_000, "{} bytes", finding.message.len());
        }
    });
    review(create(&pod).as_bytes());
}

/// Any text as a preStop hook: the line of three shells, and the words of a command. Whatever it is, what is read of it is
/// in itself possible, and what is told of it stays short and in one line.
pub fn hook(bytes: &[u8]) {
    let Ok(line) = std::str::from_utf8(bytes) else { return };
    let variable = |name: &str| match name {
        "DELAY" => Variable::Literal("40"),
        "SECRET" => Variable::Unknown,
        _ => Variable::Unset,
    };
    let words: Vec<&str> = line.split_whitespace().collect();
    for command in [&["sh", "-c", line][..], &["bash", "-ec", line], &["dash", "-c", line, "name", "5"], &words] {
        let reading = read_command(command, &variable);
        if let Length::Between(least, most) = reading.length {
            assert!(least < most, "{command:?}: {reading:?}");
        }
        assert!(reading.fails.is_none() || reading.length == Length::Exact(0), "{command:?}: {reading:?}");
        assert!(reading.stop.is_some() || reading.finish.is_none(), "{command:?}: {reading:?}");
        let stopped = reading.stop.as_ref().filter(|stop| stop.certain);
        assert!(stopped.is_none_or(|stop| stop.after == reading.length), "{command:?}: {reading:?}");
        let story = reading.story().unwrap_or_default();
        assert!(!story.chars().any(char::is_control) && story.len() < 4_000, "{command:?}: {story:?}");
    }
}

/// Random pods, made from the bytes, and the kubelet simulator that knows no formula: what the core asks for is the
/// smallest grace that cuts nothing, and what it lets in loses nothing.
pub fn shutdown(bytes: &[u8]) {
    // The seed of a generator, not its numbers: after their end proptest would be given zeros, and wait for another for ever.
    let mut seed = [0; 32];
    seed.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(Config { failure_persistence: None, ..Config::default() }, rng);
    let Ok(tree) = random_pod().new_tree(&mut runner) else { return };
    let pod = tree.current();
    let (world, json) = (pod.world(), pod.json());
    let text = json.to_string();
    let subject = Subject::parse(Kind::Pod, &text).unwrap();
    let written = judge(&subject, &world.context(NAMESPACE), View::AsWritten);
    assert_eq!(written.required, pod.as_written().map(|pod| kubelet::smallest_grace(&pod)), "{pod:?}");

    let judgement = judge(&subject, &world.context(NAMESPACE), View::AsAdmitted);
    let mut patched = json.clone();
    json_patch::patch(&mut patched, &judgement.patch.operations()).unwrap();
    let grace = grace_seconds(patched["spec"]["terminationGracePeriodSeconds"].as_i64());
    assert!(grace >= pod.grace_seconds(), "a lowered grace: {pod:?}");
    // What our own inability lets in is told, and may lose.
    if judgement.verdict() == Verdict::Fail || judgement.excuse.is_some() {
        return;
    }
    let standing = pod.as_patched(&patched).expect("what is let in has an end");
    assert!(grace >= kubelet::smallest_grace(&standing), "{pod:?}");
    let end = kubelet::stop(&standing);
    assert!(end.cut.is_empty(), "{pod:?}");
    let warned = |code| judgement.findings.iter().any(|finding| finding.code == code);
    if ![Code::ShortHold, Code::UndeclaredHook, Code::EarlyHelper].into_iter().any(warned) {
        assert!(end.refused.is_empty() && end.orphaned.is_empty(), "{pod:?}");
    }
    assert!(end.lost_late.is_empty() || warned(Code::CutAtSigterm), "{pod:?}");
}

const POD: &str = r#"{"metadata":{"name":"web","labels":{"app":"web"}},"spec":{"containers":[{"name":"app","ports":[{"containerPort":80}]},{"name":"pgbouncer"}]}}"#;

/// Any text as policies: read or refused, and a pod is judged under them all the same, twice alike.
pub fn policy(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut world = World::default();
    for document in manifest::documents(text) {
        if let Ok(value) = manifest::parse(&document) {
            for object in manifest::objects(&value) {
                let _ = objects::add(&mut world, object, None);
            }
        }
    }
    let subject = Subject::parse(Kind::Pod, POD).unwrap();
    for namespace in ["default", "shop"] {
        let look = || format!("{:?}", judge(&subject, &world.context(namespace), View::AsAdmitted));
        assert_eq!(look(), look());
    }
}

/// Any text as a manifest: two readers agree, and what was mended needs no mending.
pub fn manifest(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let documents = manifest::documents(text);
    for document in &documents {
        let (plain, placed) = (manifest::parse(document), manifest::parse_with_places(document));
        assert_eq!(plain.is_ok(), placed.is_ok(), "{:?} {:?}", plain.err(), placed.err());
    }
    WORLDS.with(|[world, _]| {
        let walk = Walk { world, namespace: "shop" };
        let fixed = fix(&walk, View::AsAdmitted, "fuzz.yaml", text);
        assert_eq!(manifest::documents(&fixed.text).len(), documents.len());
        let again = fix(&walk, View::AsAdmitted, "fuzz.yaml", &fixed.text);
        assert_eq!((again.edits, &again.text), (0, &fixed.text));
    });
}

/// What stands between the two files of [`certificate`].
pub const BETWEEN: &[u8] = b"\n====\n";

/// Any bytes as the files of a certificate and its key: taken or refused.
pub fn certificate(bytes: &[u8]) {
    let at = bytes.windows(BETWEEN.len()).position(|window| window == BETWEEN);
    let (chain, key) = at.map_or((bytes, bytes), |at| (&bytes[..at], &bytes[at + BETWEEN.len()..]));
    let file = |content: &[u8]| {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        file
    };
    let files = (file(chain), file(key));
    let metrics = ServeMetrics::register(&mut Registry::default());
    let _ = FileCertificate::load(files.0.path().to_owned(), files.1.path().to_owned(), metrics);
    if let (Ok(chain), Ok(key)) = (std::str::from_utf8(chain), std::str::from_utf8(key)) {
        let _ = Authority::from_pem(chain, key);
    }
}

/// Both webhooks on one review.
fn admit_both(body: &[u8], world: &World) {
    let Ok(review) = Review::decode(body) else { return };
    for webhook in [Webhook::Mutate, Webhook::Validate] {
        let Some(kind) = concerns(webhook, &review) else { continue };
        let Ok(outcome) = admit(webhook, kind, &review, &world.context(&review.namespace)) else { continue };
        let answer: Value = serde_json::from_slice(&outcome.answer.encode(&review.uid)).expect("the answer is JSON");
        assert_eq!(answer["response"]["uid"].as_str(), Some(&*review.uid));
        for warning in &outcome.answer.warnings {
            assert!(warning.chars().count() <= 120, "{warning}");
            assert!(!warning.chars().any(char::is_control), "{warning:?}");
        }
        let Some(patch) = &outcome.answer.patch else { continue };
        assert_eq!(webhook, Webhook::Mutate);
        // Fields that nobody asks for are passed over, and what is wrong in them with them.
        let Ok(whole) = serde_json::from_slice::<Value>(body) else { continue };
        let object = whole["request"]["object"].clone();
        let patch: Patch = serde_json::from_slice(patch).expect("the patch is one");
        let mut patched = object.clone();
        json_patch::patch(&mut patched, &patch).expect("the patch applies");
        assert_eq!(by_hand(object, &patch), patched, "two implementations of RFC 6902 disagree");
        // The same pod in gives the same pod out.
        let mut again = whole;
        again["request"]["object"] = patched;
        let again = again.to_string();
        let again = Review::decode(again.as_bytes()).unwrap();
        let outcome =
            admit(webhook, kind, &again, &world.context(&again.namespace)).expect("a patched pod can be read");
        assert_eq!(outcome.answer.patch.map(|patch| String::from_utf8(patch).unwrap()), None);
    }
}

/// RFC 6902's add, replace, remove and test, written from the standard.
fn by_hand(mut object: Value, patch: &Patch) -> Value {
    for operation in &patch.0 {
        match operation {
            PatchOperation::Add(one) => put(&mut object, one.path.as_str(), one.value.clone(), true),
            PatchOperation::Replace(one) => put(&mut object, one.path.as_str(), one.value.clone(), false),
            PatchOperation::Remove(one) => {
                let (parent, last) = split(one.path.as_str());
                match object.pointer_mut(&parent).expect("there is a parent") {
                    Value::Object(map) => drop(map.remove(&last).expect("there is a member")),
                    Value::Array(list) => drop(list.remove(last.parse().unwrap())),
                    _ => panic!("{parent} holds nothing"),
                }
            }
            PatchOperation::Test(one) => assert_eq!(object.pointer(one.path.as_str()), Some(&one.value)),
            other => panic!("an operation that is never written: {other:?}"),
        }
    }
    object
}

fn split(path: &str) -> (String, String) {
    let (parent, last) = path.rsplit_once('/').expect("never the whole document");
    (parent.to_owned(), last.replace("~1", "/").replace("~0", "~"))
}

fn put(object: &mut Value, path: &str, value: Value, add: bool) {
    let (parent, last) = split(path);
    match object.pointer_mut(&parent).expect("missing parents are added first") {
        Value::Object(map) => {
            assert!(add || map.contains_key(&last), "{path} is replaced, and not there");
            map.insert(last, value);
        }
        Value::Array(list) if last == "-" => list.push(value),
        Value::Array(list) => {
            let at: usize = last.parse().unwrap();
            if add { list.insert(at, value) } else { list[at] = value }
        }
        _ => panic!("{parent} holds nothing"),
    }
}
