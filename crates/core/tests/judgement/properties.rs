//! Properties of the plan and its patch over random pods. The judge is the simulator, which plays each pod's shutdown,
//! and the model that each pod was made from; neither asks the code under test for a number.
//!
//! The seed is fixed; `PROPTEST_RNG_SEED` and `PROPTEST_CASES` set another and how many.

use std::collections::BTreeMap;

use draingate_core::finding::{Code, Severity};
use draingate_core::judge::{Judgement, Verdict, View, judge, patch_for};
use draingate_core::pod::{HoldReason, Role as JudgedRole};
use draingate_core::policy::{Policy, PolicyKind};
use draingate_core::servers::Work;
use draingate_core::shutdown::Shutdown;
use draingate_core::subject::{Kind, Subject};
use draingate_core::text::Pairs;
use draingate_core::unreadable::Unreadable;
use draingate_core::world::World;
use draingate_testing::kubelet;
use draingate_testing::random_pod::{NAMESPACE, RECORD, RandomPod, grace_seconds, random_pod};
use k8s_openapi::api::core::v1::Pod;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngSeed, TestRunner};
use serde_json::{Value, json};

use crate::hooks::said_of;

/// `cases` of them, always the same ones.
pub(crate) fn fixed(cases: u32) -> ProptestConfig {
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(20);
    }
    config
}

pub(crate) fn with_judgement<T>(
    world: &World,
    kind: Kind,
    json: &Value,
    view: View,
    look: impl FnOnce(&Judgement) -> T,
) -> T {
    let text = json.to_string();
    let subject = Subject::parse(kind, &text).unwrap();
    look(&judge(&subject, &world.context(NAMESPACE), view))
}

fn patch_of(world: &World, kind: Kind, json: &Value) -> json_patch::Patch {
    let text = json.to_string();
    let subject = Subject::parse(kind, &text).unwrap();
    patch_for(&subject, &world.context(NAMESPACE)).operations()
}

/// The pod after one round of mutation.
pub(crate) fn admitted(world: &World, json: &Value) -> Value {
    let mut patched = json.clone();
    json_patch::patch(&mut patched, &patch_of(world, Kind::Pod, json)).unwrap();
    patched
}

/// Labels, and selectors over them, out of few enough that they often meet.
fn labels() -> impl Strategy<Value = BTreeMap<String, String>> {
    prop::collection::btree_map("[ab]", "[xy]", 0..=2)
}

fn selector() -> impl Strategy<Value = Value> {
    let operator = prop::sample::select(vec!["In", "NotIn", "Exists", "DoesNotExist"]);
    let requirement = ("[ab]", operator, "[xy]").prop_map(|(key, operator, value)| match operator {
        "In" | "NotIn" => json!({"key": key, "operator": operator, "values": [value]}),
        _ => json!({"key": key, "operator": operator}),
    });
    (labels(), prop::option::weighted(0.3, requirement)).prop_map(
        |(labels, requirement)| json!({"matchLabels": labels, "matchExpressions": Vec::from_iter(requirement)}),
    )
}

proptest! {
    #![proptest_config(fixed(2_000))]

    /// The world files policies by labels; whoever asks each of them finds the same one.
    #[test]
    fn the_first_policy_that_covers_a_pod_wins(
        pod in labels(),
        namespace in labels(),
        specs in prop::collection::vec((prop::option::of(selector()), prop::option::of(selector()), 0..3, any::<bool>()), 4..12),
    ) {
        let (mut world, mut all) = (World::default(), Vec::new());
        world.set_namespace(NAMESPACE, namespace.clone());
        for (n, (of_pods, of_namespaces, year, own)) in specs.into_iter().enumerate() {
            let (kind, space) = if own { (PolicyKind::DrainPolicy, NAMESPACE) } else { (PolicyKind::ClusterDrainPolicy, "") };
            let mut spec = json!({});
            of_pods.into_iter().for_each(|selector| spec["selector"] = selector);
            of_namespaces.filter(|_| !own).into_iter().for_each(|selector| spec["namespaceSelector"] = selector);
            let created = Some(format!("202{year}-01-01T00:00:00Z"));
            let policy = Policy::read(kind, space, &format!("policy-{n}"), created, &spec).unwrap();
            world.set_policy(kind, space, Ok(policy.clone()));
            all.push(policy);
        }
        let pairs: Pairs = pod.iter().map(|(key, value)| (key.as_str().into(), value.as_str().into())).collect();
        let first = |kind| {
            let of = |labels: &BTreeMap<String, String>, key: &str| labels.get(key).cloned();
            let covers = |policy: &&Policy| {
                let (of_pod, of_namespace) = (|key: &str| of(&pod, key), |key: &str| of(&namespace, key));
                [(&policy.spec.selector, &of_pod as &dyn Fn(&str) -> Option<String>), (&policy.spec.namespace_selector, &of_namespace)]
                    .into_iter()
                    .all(|(selector, label)| selector.as_ref().is_none_or(|s| {
                        s.match_labels.iter().all(|(key, value)| label(key).as_ref() == Some(value))
                            && s.match_expressions.iter().all(|r| match format!("{:?}", r.operator).as_str() {
                                "In" => label(&r.key).is_some_and(|value| r.values.contains(&value)),
                                "NotIn" => label(&r.key).is_none_or(|value| !r.values.contains(&value)),
                                "Exists" => label(&r.key).is_some(),
                                _ => label(&r.key).is_none(),
                            })
                    }))
            };
            let selective = |policy: &Policy| [&policy.spec.selector, &policy.spec.namespace_selector]
                .into_iter().flatten().any(|s| !s.match_labels.is_empty() || !s.match_expressions.is_empty());
            let covering = all.iter().filter(|policy| policy.kind == kind).filter(covers);
            covering.min_by_key(|p| (!selective(p), p.created.clone(), p.name.clone())).map(|p| p.name.as_str())
        };
        let (of_cluster, own) = world.context(NAMESPACE).policies(&pairs);
        prop_assert_eq!(of_cluster.map(|p| p.name.as_str()), first(PolicyKind::ClusterDrainPolicy));
        prop_assert_eq!(own.map(|p| p.name.as_str()), first(PolicyKind::DrainPolicy));
        // Nothing stays behind.
        for policy in &all {
            let space = if policy.kind == PolicyKind::DrainPolicy { NAMESPACE } else { "" };
            world.remove_policy(policy.kind, space, &policy.name);
        }
        world.remove_namespace(NAMESPACE);
        prop_assert_eq!(format!("{world:?}"), format!("{:?}", World::default()));
    }
}

/// What the API server cannot tell apart is written in one way: no grace is 30, a negative one 1; empty maps and nulls
/// are absent.
fn normal(mut json: Value) -> Value {
    let grace = grace_seconds(json["spec"]["terminationGracePeriodSeconds"].as_i64());
    json["spec"]["terminationGracePeriodSeconds"] = json!(grace);
    drop_empty(&mut json["metadata"], "annotations");
    for list in ["containers", "initContainers"] {
        let containers = json["spec"].get_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            if let Some(lifecycle) = container.get_mut("lifecycle") {
                drop_empty(lifecycle, "preStop");
            }
            drop_empty(container, "lifecycle");
        }
    }
    json
}

fn drop_empty(object: &mut Value, key: &str) {
    let Some(object) = object.as_object_mut() else { return };
    if object.get(key).is_some_and(|value| value.is_null() || value.as_object().is_some_and(|map| map.is_empty())) {
        object.remove(key);
    }
}

/// The hooks that somebody wrote, as text.
fn written_hooks(pod: &RandomPod, json: &Value) -> Vec<String> {
    let all = pod.containers.iter().chain(&pod.inits).filter(|c| !c.has_no_hook());
    all.map(|c| pod.raw(json, c)["lifecycle"].to_string()).collect()
}

/// How many preStop hooks there are.
fn count_hooks(json: &Value) -> usize {
    let lists = ["containers", "initContainers"].map(|list| json["spec"][list].as_array());
    let containers = lists.into_iter().flatten().flatten();
    containers.filter(|c| c.pointer("/lifecycle/preStop").is_some_and(|hook| !hook.is_null())).count()
}

proptest! {
    #![proptest_config(fixed(20_000))]

    /// A patched pod is the one that the contract describes: all hooks and the grace for them, or nothing; no grace
    /// lowered, no hook of somebody's touched. Where it is let in, the kubelet cuts nothing, and where nothing warns of
    /// it, no work is lost.
    #[test]
    fn what_is_let_in_loses_nothing(pod in random_pod()) {
        let (world, json, expected) = (pod.world(), pod.json(), pod.expected());
        let patched = admitted(&world, &json);
        with_judgement(&world, Kind::Pod, &json, View::AsAdmitted, |judgement| {
            let mut again = json.clone();
            json_patch::patch(&mut again, &judgement.patch.operations()).unwrap();
            prop_assert_eq!(&again, &patched);
            prop_assert_eq!(judgement.required, expected.required);
            prop_assert_eq!(judgement.pod.hold_reason.as_str(), pod.hold_reason());
            let standing = pod.as_patched(&patched);
            prop_assert_eq!(format!("{standing:?}"), format!("{:?}", expected.pod));
            let grace = grace_seconds(patched["spec"]["terminationGracePeriodSeconds"].as_i64());
            prop_assert!(grace >= pod.grace_seconds());
            prop_assert_eq!(written_hooks(&pod, &patched), written_hooks(&pod, &json));
            let injected = count_hooks(&patched) > count_hooks(&json);
            prop_assert_eq!(injected, expected.injects);
            let needed = standing.as_ref().map(kubelet::smallest_grace);
            prop_assert!(!injected || needed.is_some_and(|needed| grace >= needed));
            // What our own inability lets in is told, and may lose.
            if judgement.verdict() == Verdict::Fail || judgement.excuse.is_some() {
                return Ok(());
            }
            prop_assert!(needed.is_some_and(|needed| grace >= needed));
            let end = kubelet::stop(standing.as_ref().unwrap());
            prop_assert_eq!(end.cut, []);
            let warned = |code| judgement.findings.iter().any(|f| f.code == code);
            if ![Code::ShortHold, Code::UndeclaredHook, Code::EarlyHelper].into_iter().any(warned) {
                prop_assert_eq!((end.refused, end.orphaned), (vec![], vec![]));
            }
            let lost = pod.apps().zip(0..).filter(|(_, app)| end.lost_late.contains(app)).map(|(app, _)| app.name.as_str());
            prop_assert_eq!(said_of(judgement, "cut-at-sigterm"), lost.collect::<Vec<_>>());
            // Where nobody is sent work to the end of a hold, no hook would save what runs.
            prop_assert!(warned(Code::CutAtSigterm) || end.lost_in_flight.is_empty() || pod.hold() == 0);
            if !warned(Code::AppTimeout) {
                let stated = pod.apps().zip(0..).filter(|(app, _)| pod.request_is_stated(app));
                let ended = stated.filter(|(_, app)| end.timed_out.contains(app)).map(|(app, _)| &app.name);
                prop_assert_eq!(ended.collect::<Vec<_>>(), Vec::<&String>::new());
            }
            Ok(())
        })?;
    }
}

proptest! {
    #![proptest_config(fixed(4_000))]

    /// A second round finds nothing to do, and the final judgement nothing undone.
    #[test]
    fn a_second_round_changes_nothing(pod in random_pod()) {
        let world = pod.world();
        let patched = admitted(&world, &pod.json());
        prop_assert!(patch_of(&world, Kind::Pod, &patched).is_empty());
        let first = with_judgement(&world, Kind::Pod, &pod.json(), View::AsAdmitted, |j| (j.required, j.pod.grace));
        if !pod.can_wait() {
            return Ok(());
        }
        with_judgement(&world, Kind::Pod, &patched, View::Final, |judgement| {
            prop_assert!(judgement.patch.is_empty());
            prop_assert_eq!((judgement.required, judgement.pod.grace), first);
            prop_assert!(judgement.findings.iter().all(|f| f.code != Code::ChangedAfter), "{:?}", judgement.findings);
            Ok(())
        })?;
    }
}

/// What somebody does to a pod between two rounds.
#[derive(Clone, Debug)]
enum Meddling {
    Grace(i64),
    RemoveHook(Index),
    SetHook(Index, u64),
    RemoveRecord,
}

fn meddling() -> impl Strategy<Value = Meddling> {
    prop_oneof![
        (0..=200_i64).prop_map(Meddling::Grace),
        any::<Index>().prop_map(Meddling::RemoveHook),
        (any::<Index>(), 0..=100_u64).prop_map(|(which, seconds)| Meddling::SetHook(which, seconds)),
        Just(Meddling::RemoveRecord),
    ]
}

impl Meddling {
    fn with(&self, json: &mut Value) {
        let count = json["spec"]["containers"].as_array().unwrap().len();
        match self {
            Meddling::Grace(seconds) => json["spec"]["terminationGracePeriodSeconds"] = json!(seconds),
            Meddling::RemoveHook(which) => {
                json["spec"]["containers"][which.index(count)].as_object_mut().unwrap().remove("lifecycle");
            }
            Meddling::SetHook(which, seconds) => {
                let lifecycle = json!({"preStop": {"sleep": {"seconds": seconds}}});
                json["spec"]["containers"][which.index(count)]["lifecycle"] = lifecycle;
            }
            Meddling::RemoveRecord => {
                let annotations = json["metadata"].get_mut("annotations").and_then(Value::as_object_mut);
                annotations.map(|annotations| annotations.remove(RECORD));
            }
        }
    }
}

proptest! {
    #![proptest_config(fixed(2_000))]

    /// A container that arrives after the first round leads to the same pod as one that was there from the start.
    #[test]
    fn a_late_container_is_as_one_from_the_start(pod in random_pod(), late in any::<Index>(), place in any::<Index>()) {
        let (world, whole) = (pod.world(), pod.json());
        let count = pod.containers.len();
        let late = late.index(count + pod.inits.len());
        let (list, index) = if late < count { ("containers", late) } else { ("initContainers", late - count) };
        let spec = |json: &Value| json["spec"][list].as_array().unwrap().clone();
        let mut containers = spec(&whole);
        let container = containers.remove(index);
        let place = place.index(containers.len() + 1);
        let mut early = whole.clone();
        early["spec"][list] = json!(containers);
        containers.insert(place, container.clone());
        let mut from_the_start = whole;
        from_the_start["spec"][list] = json!(containers);

        let mut reinvoked = admitted(&world, &early);
        let mut containers = spec(&reinvoked);
        containers.insert(place, container);
        reinvoked["spec"][list] = json!(containers);
        let reinvoked = admitted(&world, &reinvoked);
        prop_assert_eq!(normal(reinvoked), normal(admitted(&world, &from_the_start)));
    }

    /// Whatever somebody changes between two rounds, a grace that is not ours is never lowered, and the round after the
    /// next changes nothing.
    #[test]
    fn rounds_settle_whatever_happens_between(pod in random_pod(), changes in prop::collection::vec(meddling(), 1..3)) {
        let world = pod.world();
        let mut json = admitted(&world, &pod.json());
        let grace_of = |json: &Value| grace_seconds(json["spec"]["terminationGracePeriodSeconds"].as_i64());
        let ours = grace_of(&json);
        changes.iter().for_each(|change| change.with(&mut json));
        let second = admitted(&world, &json);
        prop_assert!(grace_of(&json) == ours || grace_of(&second) >= grace_of(&json));
        prop_assert!(grace_of(&second) >= pod.grace_seconds().min(grace_of(&json)));
        prop_assert!(patch_of(&world, Kind::Pod, &second).is_empty());
    }

    /// A patched pod still decodes, and without what was injected it is the pod that came, unknown fields and all.
    #[test]
    fn a_patch_adds_and_leaves_the_rest(pod in random_pod()) {
        let original = pod.json();
        let mut stripped = admitted(&pod.world(), &original);
        for json in [&original, &stripped] {
            let decoded = serde_json::from_value::<Pod>(json.clone());
            prop_assert!(decoded.is_ok(), "{:?}", decoded);
        }
        for (field, map) in [("metadata", "annotations"), ("spec", "terminationGracePeriodSeconds")] {
            let was = original[field].get(map).cloned();
            let now = stripped[field].as_object_mut().unwrap();
            match was {
                None => drop(now.remove(map)),
                Some(Value::Object(_)) => drop(now[map].as_object_mut().unwrap().remove(RECORD)),
                Some(was) => drop(now.insert(map.to_owned(), was)),
            }
        }
        for (index, _) in pod.containers.iter().enumerate().filter(|(_, c)| c.has_no_hook()) {
            let was = original["spec"]["containers"][index].get("lifecycle");
            let now = stripped["spec"]["containers"][index].as_object_mut().unwrap();
            match was {
                None => drop(now.remove("lifecycle")),
                Some(Value::Null) => drop(now.insert("lifecycle".into(), Value::Null)),
                Some(was) if was.get("preStop").is_some() => now["lifecycle"]["preStop"] = Value::Null,
                Some(_) => drop(now["lifecycle"].as_object_mut().unwrap().remove("preStop")),
            }
        }
        prop_assert_eq!(stripped, original);
    }
}

/// An object of `kind` that carries the pod as its template.
pub(crate) fn carried(kind: Kind, pod: &Value) -> Value {
    let template = json!({"metadata": pod["metadata"], "spec": pod["spec"]});
    let mut object = json!({"apiVersion": "v1", "kind": kind.as_str(), "metadata": {"name": "web"}});
    match kind {
        Kind::Pod => return pod.clone(),
        Kind::PodTemplate => object["template"] = template,
        Kind::CronJob => object["spec"] = json!({"jobTemplate": {"spec": {"template": template}}}),
        _ => object["spec"] = json!({"replicas": 2, "template": template}),
    }
    object
}

/// The longest native sleep of a pod, in seconds.
fn longest_sleep(pod: &Value) -> u64 {
    let lists = ["containers", "initContainers"].map(|list| pod["spec"][list].as_array());
    let containers = lists.into_iter().flatten().flatten();
    let sleeps = containers.filter_map(|c| c.pointer("/lifecycle/preStop/sleep/seconds")?.as_u64());
    sleeps.max().unwrap_or(0)
}

/// What is told of a finding.
type ToldFinding = (Code, Severity, Option<String>, String, String, Vec<String>);

/// Findings, numbers and patch, with `prefix` taken off every pointer.
type AllTold = (Verdict, Option<u64>, Vec<ToldFinding>, Vec<Value>);

/// The same with the grace as an error.
fn unexcused((_, required, mut findings, patch): AllTold) -> AllTold {
    findings.iter_mut().filter(|told| told.0 == Code::GraceBudget).for_each(|told| told.1 = Severity::Error);
    (Verdict::Fail, required, findings, patch)
}

fn told(judgement: &Judgement, prefix: &str) -> AllTold {
    let inside = |pointer: &str| pointer.strip_prefix(prefix).unwrap_or_else(|| panic!("{pointer}")).to_owned();
    let findings = judgement
        .findings
        .iter()
        .map(|f| (f.code, f.severity, f.container.clone(), inside(&f.pointer), f.message.clone(), f.detail.clone()));
    let patch = serde_json::to_value(judgement.patch.operations()).unwrap();
    let mut patch = patch.as_array().unwrap().clone();
    patch.iter_mut().for_each(|operation| operation["path"] = json!(inside(operation["path"].as_str().unwrap())));
    (judgement.verdict(), judgement.required, findings.collect::<Vec<_>>(), patch)
}

proptest! {
    #![proptest_config(fixed(600))]

    /// A pod's template is told what the pod is told, under its own pointers; what runs to completion is skipped.
    #[test]
    fn a_template_is_told_what_its_pods_are(pod in random_pod(), as_written in any::<bool>()) {
        // A template says itself how many pods it has, of which no writer is the only one.
        let pod = RandomPod { alone: false, ..pod };
        prop_assume!(!pod.has_one_writer());
        let (world, json) = (pod.world(), pod.json());
        let view = if as_written { View::AsWritten } else { View::AsAdmitted };
        let (of_pod, excused) =
            with_judgement(&world, Kind::Pod, &json, view, |judgement| (told(judgement, ""), judgement.excuse.is_some()));
        let too_long = longest_sleep(&json) > pod.grace_seconds().max(1);
        for kind in Kind::ALL {
            let prefix = match kind {
                Kind::Pod => "",
                Kind::PodTemplate => "/template",
                _ => "/spec/template",
            };
            with_judgement(&world, kind, &carried(kind, &json), view, |judgement| {
                if matches!(kind, Kind::Job | Kind::CronJob) {
                    prop_assert_eq!(judgement.verdict(), Verdict::Skipped);
                    prop_assert!(judgement.findings.is_empty() && judgement.patch.is_empty());
                } else {
                    // A template whose native sleep is longer than its grace is refused before there is a pod.
                    let refused = judgement.findings.iter().any(|f| f.message.starts_with("the API server refuses"));
                    // A DaemonSet is known to have more pods than one; of a pod nobody here knows.
                    let one_writer = kind == Kind::DaemonSet && pod.hold_reason() == "one-writer";
                    if one_writer {
                        prop_assert!(judgement.standing.hold > 0 || !pod.has_sender());
                    } else if refused {
                        prop_assert!(too_long);
                    } else if excused && too_long && kind != Kind::Pod {
                        // Nor does our own trouble excuse it: no plan makes it a template that is taken.
                        prop_assert_eq!(told(judgement, prefix), unexcused(of_pod.clone()), "{:?}", kind);
                    } else {
                        prop_assert_eq!(told(judgement, prefix), of_pod.clone(), "{:?}", kind);
                    }
                }
                Ok(())
            })?;
        }
    }
}

/// A change that nobody in their right mind makes.
#[derive(Clone, Debug)]
enum Damage {
    Replace(Index, Value),
    Remove(Index),
    /// A record that nobody wrote.
    Record(u64, u64, u64),
}

fn damage() -> impl Strategy<Value = Damage> {
    let values = vec![
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(1.5),
        json!(1e300),
        json!(""),
        json!("86400"),
        json!("Always"),
        json!("none"),
        json!("~/%\u{0}\u{202e}"),
        json!([]),
        json!([null]),
        json!({}),
        json!({"": null}),
        json!({"sleep": {"seconds": -3}}),
    ];
    let value = prop::sample::select(values);
    let second = || prop::sample::select(vec![0, 10, 30, 86_400, i64::MAX.unsigned_abs(), u64::MAX]);
    prop_oneof![
        4 => (any::<Index>(), value).prop_map(|(at, value)| Damage::Replace(at, value)),
        1 => any::<Index>().prop_map(Damage::Remove),
        1 => (second(), second(), second()).prop_map(|(hook, from, to)| Damage::Record(hook, from, to)),
    ]
}

impl Damage {
    fn to(&self, json: &mut Value) {
        if let (Damage::Record(hook, from, to), Some(metadata)) = (self, json.get_mut("metadata")) {
            let record = json!({"hooks": {"app-0": hook}, "grace": {"from": from, "to": to}});
            *metadata = json!({"annotations": {RECORD: record.to_string()}});
        }
        let mut places = Vec::new();
        pointers(json, String::new(), &mut places);
        let (Damage::Replace(at, _) | Damage::Remove(at)) = self else { return };
        let Some((parent, key)) = at.get(&places).rsplit_once('/').map(|(p, k)| (p.to_owned(), unescape(k))) else {
            return;
        };
        match (json.pointer_mut(&parent).unwrap(), self) {
            (Value::Object(map), Damage::Replace(_, value)) => drop(map.insert(key, value.clone())),
            (Value::Object(map), Damage::Remove(_)) => drop(map.remove(&key)),
            (Value::Array(list), Damage::Replace(_, value)) => list[key.parse::<usize>().unwrap()] = value.clone(),
            (Value::Array(list), Damage::Remove(_)) => drop(list.remove(key.parse().unwrap())),
            _ => unreachable!(),
        }
    }
}

fn unescape(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

/// Every value in `json` by its pointer; the root is the first.
fn pointers(json: &Value, at: String, places: &mut Vec<String>) {
    match json {
        Value::Object(map) => {
            let token = |key: &str| key.replace('~', "~0").replace('/', "~1");
            map.iter().for_each(|(key, value)| pointers(value, format!("{at}/{}", token(key)), places));
        }
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(index, value)| pointers(value, format!("{at}/{index}"), places));
        }
        _ => {}
    }
    places.push(at);
}

proptest! {
    #![proptest_config(fixed(2_500))]

    /// Whatever a request or a policy looks like, it is read or refused, the judgement does not panic, the patch
    /// applies, and no patched pod is refused that would not have been before.
    #[test]
    fn nonsense_is_read_or_refused(
        pod in random_pod(),
        kind in prop::sample::select(vec![Kind::Pod, Kind::Pod, Kind::Deployment, Kind::PodTemplate, Kind::CronJob]),
        to_pod in prop::collection::vec(damage(), 1..4),
        to_policy in prop::collection::vec(damage(), 0..2),
    ) {
        let mut world = pod.world();
        for (policy_kind, namespace, mut spec) in [
            (PolicyKind::ClusterDrainPolicy, "", pod.cluster_spec()),
            (PolicyKind::DrainPolicy, NAMESPACE, pod.own_spec()),
        ] {
            to_policy.iter().for_each(|damage| damage.to(&mut spec));
            world.set_policy(policy_kind, namespace, Policy::read(policy_kind, namespace, "bad", None, &spec));
        }
        let mut json = carried(kind, &pod.json());
        to_pod.iter().for_each(|damage| damage.to(&mut json));
        let text = json.to_string();
        // What was parsed before is read as its text is, also where it cannot be.
        let as_said = |subject: Result<Subject, Unreadable>| format!("{subject:?}");
        prop_assert_eq!(as_said(Subject::of_value(kind, &json)), as_said(Subject::parse(kind, &text)));
        let Ok(subject) = Subject::parse(kind, &text) else { return Ok(()) };
        let decodes = |json: &Value| kind != Kind::Pod || serde_json::from_value::<Pod>(json.clone()).is_ok();
        for view in [View::AsWritten, View::Final, View::AsAdmitted] {
            let judgement = judge(&subject, &world.context(NAMESPACE), view);
            let mut patched = json.clone();
            let patch = judgement.patch.operations();
            prop_assert!(json_patch::patch(&mut patched, &patch).is_ok(), "{:?}", patch);
            prop_assert!(Subject::parse(kind, &patched.to_string()).is_ok());
            prop_assert!(decodes(&patched) || !decodes(&json), "{}", patched);
        }
    }

    /// What a ClusterDrainPolicy locks is never weaker than where it stands alone.
    #[test]
    fn a_lock_holds(pod in random_pod()) {
        let (world, json) = (pod.world(), pod.json());
        let mut bare = json.clone();
        bare["metadata"].as_object_mut().unwrap().remove("annotations");
        let text = json.to_string();
        let subject = Subject::parse(Kind::Pod, &text).unwrap();
        let judgement = judge(&subject, &world.context(NAMESPACE), View::AsAdmitted);
        let alone_world = pod.world_of_the_cluster_policy();
        with_judgement(&alone_world, Kind::Pod, &bare, View::AsAdmitted, |alone| {
            let (now, alone_settings) = (&judgement.settings, &alone.settings);
            // Each container and what it is alone.
            let each = |holds: &dyn Fn(&Shutdown, &Shutdown) -> bool| {
                let mut pairs = judgement.pod.containers.iter().zip(&alone.pod.containers);
                pairs.all(|(now, alone)| holds(&now.shutdown, &alone.shutdown))
            };
            let accepts = |shutdown: &Shutdown| shutdown.accepts.as_ref().map(|limit| limit.seconds);
            for &name in &pod.locked {
                let holds = match name {
                    "endpointPropagationSeconds" => {
                        now.endpoint_propagation.value >= alone_settings.endpoint_propagation.value
                    }
                    "drainDelaySeconds" => now.drain_delay.value >= alone_settings.drain_delay.value,
                    "safetyMarginSeconds" => now.safety_margin.value >= alone_settings.safety_margin.value,
                    "worstCaseRequestSeconds" => {
                        let bound = alone_settings.worst_case_request.value;
                        let apps = judgement.pod.of(JudgedRole::App);
                        now.worst_case_request.value >= bound
                            && (!judgement.pod.hold_reason.holds() || apps.into_iter().all(|app| app.request.value >= bound))
                    }
                    "maxSeconds" => now.max_seconds.value <= alone_settings.max_seconds.value,
                    "adjust" => now.adjust.value == alone_settings.adjust.value,
                    "hook" => {
                        now.hook.value == alone_settings.hook.value
                            && each(&|now, alone| accepts(now) == accepts(alone))
                    }
                    "sigterm" => each(&|now, alone| now.sigterm.value == alone.sigterm.value),
                    "appliesTo" => {
                        now.applies_to.value == alone_settings.applies_to.value
                            && each(&|now, alone| {
                                now.work == alone.work || now.work.is_some_and(|known| known.work == Work::Sent)
                            })
                    }
                    _ => false,
                };
                prop_assert!(holds, "{} is weaker", name);
            }
            Ok(())
        })?;
    }
}

/// Alone, the pod's only container is its app and gets the policy's hook; beside an app it is a helper, which by chance
/// waits as long.
#[test]
fn a_hook_follows_its_container_into_another_role() {
    let exec = json!({"type": "Exec", "exec": {"command": ["/bin/drain"]}, "seconds": 26});
    let budget = json!({"worstCaseRequestSeconds": 15, "endpointPropagationSeconds": 5, "drainDelaySeconds": 5});
    let spec = json!({"hook": exec, "budget": budget, "appliesTo": "All"});
    let policy = Policy::read(PolicyKind::DrainPolicy, NAMESPACE, "default", None, &spec);
    let mut world = World::default();
    world.set_policy(PolicyKind::DrainPolicy, NAMESPACE, policy);
    let mut json = json!({"metadata": {"name": "web-0"}, "spec": {"containers": [{"name": "envoy"}]}});
    json = admitted(&world, &json);
    assert!(json.pointer("/spec/containers/0/lifecycle/preStop/exec").is_some());
    let app = json!({"name": "app", "lifecycle": {"preStop": {"sleep": {"seconds": 10}}}});
    json["spec"]["containers"].as_array_mut().unwrap().push(app);
    let hook = admitted(&world, &json)["spec"]["containers"][0]["lifecycle"]["preStop"].clone();
    assert_eq!(hook, json!({"sleep": {"seconds": 26}}));
}

/// The generator does not leave out what the properties are about.
#[test]
fn random_pods_are_of_every_sort() {
    let mut runner = TestRunner::new(fixed(0));
    let mut seen = std::collections::BTreeMap::<&str, u32>::new();
    for _ in 0..1_000 {
        let pod = random_pod().new_tree(&mut runner).unwrap().current();
        let mut count = |what, happens: bool| *seen.entry(what).or_default() += u32::from(happens);
        with_judgement(&pod.world(), Kind::Pod, &pod.json(), View::AsAdmitted, |judgement| {
            count("pass", judgement.verdict() == Verdict::Pass);
            count("fixed", judgement.verdict() == Verdict::Fixed);
            count("fail", judgement.verdict() == Verdict::Fail);
            count("no end", judgement.required.is_none());
            count("grace raised", judgement.plan.grace.is_some());
            count("refused", judgement.plan.refused.is_some());
            count(
                "injected into a helper",
                judgement
                    .plan
                    .hooks
                    .iter()
                    .any(|hook| judgement.pod.containers[hook.container].role == JudgedRole::Helper),
            );
            count("no hold", judgement.pod.hold == 0);
            count("nobody stands in", judgement.pod.hold_reason == HoldReason::NobodyStandsIn);
            count("two sidecars", judgement.pod.of(JudgedRole::NativeSidecar).count() >= 2);
        });
    }
    assert!(seen.values().all(|times| *times >= 20), "{seen:?}");
}
