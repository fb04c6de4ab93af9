//! What is read in a pod and its hooks, and said of them, over random pods as written.
//!
//! The judge is the simulator, which plays each pod's shutdown, and the model that each pod was made from; neither asks
//! the code under test for a number, or for a hook's meaning. `PROPTEST_RNG_SEED` and `PROPTEST_CASES` set another seed
//! and how many pods.

use draingate_core::finding::Code;
use draingate_core::judge::{Judgement, View};
use draingate_core::pod::Role as JudgedRole;
use draingate_core::subject::Kind;
use draingate_testing::kubelet;
use draingate_testing::random_pod::{Length, RandomPod, Role, random_pod};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::properties::{fixed, with_judgement};
use crate::servers;

/// Holds of every pod and its judgement as written.
pub(crate) type Property = fn(&RandomPod, &Judgement) -> Result<(), TestCaseError>;

const PROPERTIES: [(&str, Property); 8] = [
    ("reading", what_is_read_is_what_was_made),
    ("required", required_is_the_smallest_grace_that_cuts_nothing),
    ("grace-budget", grace_budget_is_said_where_the_grace_is_smaller),
    ("short-hold", short_hold_is_said_of_apps_that_refuse),
    ("early-helper", early_helper_is_said_of_those_that_leave_apps_at_work),
    ("failing-hook", failing_hook_is_said_of_hooks_that_cannot_run),
    ("undeclared-hook", undeclared_hook_is_said_of_guesses),
    ("invalid-setting", declarations_that_cannot_be_so_are_told),
];

proptest! {
    #![proptest_config(fixed(20_000))]

    #[test]
    fn hooks_are_what_they_were_made_to_be(pod in random_pod()) {
        let pod = pod.seen(true);
        with_judgement(&pod.world(), Kind::Pod, &pod.json(), View::AsWritten, |judgement| {
            PROPERTIES.iter().chain(&servers::PROPERTIES).try_for_each(|(_, holds)| holds(&pod, judgement))
        })?;
    }
}

pub(crate) fn role(judged: JudgedRole) -> Role {
    match judged {
        JudgedRole::App => Role::App,
        JudgedRole::Helper => Role::Helper,
        JudgedRole::Auxiliary => Role::Auxiliary,
        JudgedRole::NativeSidecar => Role::Sidecar,
    }
}

/// A pod and its times in the terms of a judgement: E, D, R, M, H, then each container: its role, h, when it is told to
/// stop, and R or S.
type Reading = ([u64; 5], Vec<(String, Role, Option<u64>, Option<u64>, u64)>);

fn reading_of_model(pod: &RandomPod) -> Reading {
    let [e, d, r, m] = pod.times();
    let containers = pod.stopping().map(|(c, role)| {
        let end = if role == Role::App { pod.request_seconds(c) } else { pod.stop_seconds(c) };
        (c.name.clone(), role, pod.hook_seconds(c), pod.stops_at(c, role), end)
    });
    ([e, d, r, m, pod.hold()], containers.collect())
}

fn reading_of_core(judgement: &Judgement) -> Reading {
    let s = &judgement.settings;
    let times = [s.endpoint_propagation, s.drain_delay, s.worst_case_request, s.safety_margin].map(|time| time.value);
    let [e, d, r, m] = times;
    let containers = judgement.standing.containers.iter().map(|c| {
        let end = if c.role == JudgedRole::App { c.request.value } else { c.stop };
        (c.name().to_owned(), role(c.role), c.hook, c.stops_at(), end)
    });
    ([e, d, r, m, judgement.standing.hold], containers.collect())
}

fn what_is_read_is_what_was_made(pod: &RandomPod, judgement: &Judgement) -> Result<(), TestCaseError> {
    prop_assert_eq!(reading_of_core(judgement), reading_of_model(pod));
    Ok(())
}

fn required_is_the_smallest_grace_that_cuts_nothing(
    pod: &RandomPod,
    judgement: &Judgement,
) -> Result<(), TestCaseError> {
    prop_assert_eq!(judgement.required, pod.as_written().map(|pod| kubelet::smallest_grace(&pod)));
    prop_assert!(judgement.patch.is_empty());
    Ok(())
}

fn grace_budget_is_said_where_the_grace_is_smaller(
    pod: &RandomPod,
    judgement: &Judgement,
) -> Result<(), TestCaseError> {
    let needed = pod.as_written().map(|pod| kubelet::smallest_grace(&pod));
    let short = needed.is_none_or(|needed| pod.grace_seconds() < needed);
    prop_assert_eq!(judgement.findings.iter().any(|f| f.code == Code::GraceBudget), short);
    Ok(())
}

fn short_hold_is_said_of_apps_that_refuse(pod: &RandomPod, judgement: &Judgement) -> Result<(), TestCaseError> {
    prop_assert_eq!(said_of(judgement, "short-hold"), pod.refusing());
    Ok(())
}

fn early_helper_is_said_of_those_that_leave_apps_at_work(
    pod: &RandomPod,
    judgement: &Judgement,
) -> Result<(), TestCaseError> {
    prop_assert_eq!(said_of(judgement, "early-helper"), pod.early());
    Ok(())
}

fn failing_hook_is_said_of_hooks_that_cannot_run(pod: &RandomPod, judgement: &Judgement) -> Result<(), TestCaseError> {
    let failing = pod.stopping().filter(|(c, _)| c.hook_fails());
    prop_assert_eq!(said_of(judgement, "failing-hook"), failing.map(|(c, _)| c.name.as_str()).collect::<Vec<_>>());
    Ok(())
}

fn undeclared_hook_is_said_of_guesses(pod: &RandomPod, judgement: &Judgement) -> Result<(), TestCaseError> {
    let guesses = pod.stopping().filter(|(c, _)| pod.hook_is_guess(c));
    prop_assert_eq!(said_of(judgement, "undeclared-hook"), guesses.map(|(c, _)| c.name.as_str()).collect::<Vec<_>>());
    Ok(())
}

fn declarations_that_cannot_be_so_are_told(pod: &RandomPod, judgement: &Judgement) -> Result<(), TestCaseError> {
    for (container, _) in pod.stopping() {
        let pointer = format!("/metadata/annotations/prestop-seconds.draingate.dev~1{}", container.name);
        let told = judgement.findings.iter().any(|f| f.code == Code::InvalidSetting && f.pointer == pointer);
        prop_assert_eq!(told, container.declares_nonsense(), "{}", &container.name);
    }
    Ok(())
}

/// The containers that a finding is about, in their order.
pub(crate) fn said_of<'j>(judgement: &'j Judgement, code: &str) -> Vec<&'j str> {
    let findings = judgement.findings.iter().filter(|finding| finding.code.as_str() == code);
    findings.filter_map(|finding| finding.container.as_deref()).collect()
}

/// A reader that knows a native sleep and `sleep N`, and nothing else, is found out by each property. For it, every
/// other hook could as well be a request.
#[test]
fn each_property_finds_a_reader_that_knows_only_sleep() {
    let mut runner = TestRunner::new(fixed(0));
    let mut open = PROPERTIES.to_vec();
    for _ in 0..2_000 {
        let pod = random_pod().new_tree(&mut runner).unwrap().current().seen(true);
        let mut json = pod.json();
        for list in ["containers", "initContainers"] {
            let containers = json["spec"].get_mut(list).and_then(Value::as_array_mut);
            containers.into_iter().flatten().filter_map(|c| c.pointer_mut("/lifecycle/preStop")).for_each(blur);
        }
        with_judgement(&pod.world(), Kind::Pod, &json, View::AsWritten, |judgement| {
            open.retain(|(_, holds)| holds(&pod, judgement).is_ok());
        });
    }
    let open: Vec<_> = open.into_iter().map(|(name, _)| name).collect();
    assert!(open.is_empty(), "no pod is wrong about {open:?}");
}

fn blur(hook: &mut Value) {
    let plain = |words: &Vec<Value>| words.len() == 2 && words[0] == "sleep";
    let known = hook.is_null() || hook.get("sleep").is_some();
    if !known && !hook.pointer("/exec/command").and_then(Value::as_array).is_some_and(plain) {
        *hook = json!({"httpGet": {"path": "/drain", "port": 8080}});
    }
}

/// The generator does not leave out what the properties are about.
#[test]
fn random_hooks_are_of_every_sort() {
    let mut runner = TestRunner::new(fixed(0));
    let mut seen = std::collections::BTreeMap::<&str, u32>::new();
    for _ in 0..1_000 {
        let pod = random_pod().new_tree(&mut runner).unwrap().current();
        let refuses = pod.refusing();
        for (container, role) in pod.stopping() {
            let Some(hook) = &container.hook else { continue };
            let mut count = |what, happens: bool| *seen.entry(what).or_default() += u32::from(happens);
            let app = role == Role::App;
            count("fails", hook.fails);
            count("exact", !hook.fails && matches!(hook.length, Length::Exact(_)));
            count("at least", matches!(hook.length, Length::AtLeast(_)));
            count("at most", matches!(hook.length, Length::Between(..)));
            count("no end", hook.length == Length::NoEnd);
            count("unknown", hook.length == Length::Unknown);
            count("stops an app", app && hook.stop.is_some());
            count("stops one that refuses", hook.stop.is_some() && refuses.contains(&container.name.as_str()));
            count("stops a helper", !app && hook.stop.is_some());
            let finish = hook.stop.as_ref().and_then(|stop| stop.finish);
            count("gives time to finish", app && finish == Some(pod.request_seconds(container)));
            count("is declared", container.declared.seconds().is_some_and(|seconds| hook.may_be(seconds)));
            count("is declared in vain", container.declared.seconds().is_some_and(|seconds| !hook.may_be(seconds)));
        }
    }
    assert!(seen.values().all(|times| *times >= 20), "{seen:?}");
}
