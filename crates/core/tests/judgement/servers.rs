//! What servers say of themselves, who sends to a pod, and what is said of that, over random pods as written. `hooks` runs
//! these beside its own.

use std::collections::BTreeSet;

use draingate_core::finding::Code;
use draingate_core::judge::{Judgement, View};
use draingate_core::subject::Kind;
use draingate_testing::random_pod::{RandomPod, Role, random_pod};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::hooks::{Property, role, said_of};
use crate::properties::{fixed, with_judgement};

pub(crate) const PROPERTIES: [(&str, Property); 6] = [
    ("roles", roles_are_what_was_made),
    ("holds", who_sends_is_what_was_made),
    ("servers", what_servers_say_is_what_was_made),
    ("cut-at-sigterm", cut_at_sigterm_is_said_of_apps_that_lose_a_request),
    ("app-timeout", app_timeout_is_said_of_limits_that_end_a_request),
    ("never-withdrawn", never_withdrawn_is_said_of_services_that_go_on),
];

fn roles_are_what_was_made(pod: &RandomPod, judgement: &Judgement) -> Result<(), TestCaseError> {
    let of_core = judgement.standing.containers.iter().map(|c| (c.name().to_owned(), role(c.role)));
    let of_model = pod.stopping().map(|(c, role)| (c.name.clone(), role));
    prop_assert_eq!(of_core.collect::<Vec<_>>(), of_model.collect::<Vec<_>>());
    Ok(())
}

fn who_sends_is_what_was_made(pod: &RandomPod, judgement: &Judgement) -> Result<(), TestCaseError> {
    prop_assert_eq!(
        (judgement.standing.hold_reason.as_str(), judgement.standing.hold),
        (pod.hold_reason(), pod.hold())
    );
    Ok(())
}

/// A of whoever serves others; of an app also T, whether somebody set it, and what SIGTERM does.
fn what_servers_say_is_what_was_made(pod: &RandomPod, judgement: &Judgement) -> Result<(), TestCaseError> {
    for ((container, role), judged) in pod.stopping().zip(&judgement.standing.containers) {
        let name = &container.name;
        if matches!(role, Role::App | Role::Helper) {
            prop_assert_eq!(judged.accepts(), pod.accept_seconds(container, role), "{}", name);
        }
        if role == Role::App {
            prop_assert_eq!(judged.cuts(), pod.cuts(container), "{}", name);
        }
        if role == Role::App && !pod.cuts(container) {
            let limit = pod.finish(container).map(|limit| limit.seconds);
            prop_assert_eq!(judged.finish(), limit, "{}", name);
        }
        for key in pod.bad_annotations(container) {
            let pointer = format!("/metadata/annotations/{key}.draingate.dev~1{name}");
            let told = judgement.findings.iter().any(|f| f.code == Code::InvalidSetting && f.pointer == pointer);
            prop_assert!(told, "{}", pointer);
        }
    }
    Ok(())
}

fn cut_at_sigterm_is_said_of_apps_that_lose_a_request(
    pod: &RandomPod,
    judgement: &Judgement,
) -> Result<(), TestCaseError> {
    prop_assert_eq!(said_of(judgement, "cut-at-sigterm"), pod.cutting());
    Ok(())
}

fn app_timeout_is_said_of_limits_that_end_a_request(
    pod: &RandomPod,
    judgement: &Judgement,
) -> Result<(), TestCaseError> {
    let said: BTreeSet<_> = said_of(judgement, "app-timeout").into_iter().collect();
    let mut ended: BTreeSet<_> = pod.limited().into_iter().collect();
    if judgement.findings.iter().all(|finding| finding.code != Code::GraceBudget) {
        ended.extend(pod.killed_early());
    }
    prop_assert_eq!(said, ended);
    Ok(())
}

fn never_withdrawn_is_said_of_services_that_go_on(pod: &RandomPod, judgement: &Judgement) -> Result<(), TestCaseError> {
    let said = judgement.findings.iter().any(|finding| finding.code == Code::NeverWithdrawn);
    // Where nobody stands in, nobody could be sent to instead.
    prop_assert_eq!(said, pod.is_never_withdrawn() && pod.hold_reason() != "nobody-stands-in");
    Ok(())
}

/// A reader that knows nothing of servers is found out by each property.
#[test]
fn each_property_finds_a_reader_that_knows_no_servers() {
    let mut runner = TestRunner::new(fixed(0));
    let mut open = PROPERTIES.to_vec();
    for _ in 0..2_000 {
        let pod = random_pod().new_tree(&mut runner).unwrap().current().seen(true);
        let blurred = pod.without_servers();
        with_judgement(&blurred.world(), Kind::Pod, &blurred.json(), View::AsWritten, |judgement| {
            open.retain(|(_, holds)| holds(&pod, judgement).is_ok());
        });
    }
    let open: Vec<_> = open.into_iter().map(|(name, _)| name).collect();
    assert!(open.is_empty(), "no pod is wrong about {open:?}");
}

/// The generator does not leave out what the properties are about.
#[test]
fn random_servers_are_of_every_sort() {
    let mut runner = TestRunner::new(fixed(0));
    let mut seen = std::collections::BTreeMap::<String, u32>::new();
    for _ in 0..2_000 {
        let pod = random_pod().new_tree(&mut runner).unwrap().current().seen(true);
        let mut count = |what: &str, happens: bool| *seen.entry(what.to_owned()).or_default() += u32::from(happens);
        count(&format!("holds by {}", pod.hold_reason()), true);
        count("is never withdrawn", pod.is_never_withdrawn());
        let (cutting, limited, killed) = (pod.cutting(), pod.limited(), pod.killed_early());
        for (container, role) in pod.stopping() {
            let (name, app) = (container.name.as_str(), role == Role::App);
            if let Some(server) = container.server.as_ref().filter(|_| app) {
                count(&format!("{:?}", server.program), true);
            }
            let (accepts, limit) = (pod.accept_seconds(container, role), pod.finish(container));
            count("accepts on, in part", app && pod.holds() && (1..pod.hold()).contains(&accepts));
            count("accepts on, in full", app && pod.holds() && accepts >= pod.hold());
            count("accepts on as a helper", role == Role::Helper && accepts > 0);
            count("has a limit that somebody set", app && limit.is_some_and(|limit| limit.stated));
            count("has a limit by default", app && limit.is_some_and(|limit| !limit.stated));
            count("cuts and loses", cutting.contains(&name));
            count("cuts and loses nothing", app && pod.cuts(container) && pod.holds() && !cutting.contains(&name));
            count("is stopped gracefully", app && pod.sigterm_cuts(container) && !pod.cuts(container));
            count("ends a request", limited.contains(&name));
            count("is killed early", killed.contains(&name));
            count("is an auxiliary by its port", role == Role::Auxiliary && container.metrics);
        }
    }
    assert!(seen.values().all(|times| *times >= 10), "{seen:#?}");
    assert_eq!(seen.keys().filter(|what| what.starts_with("holds by ")).count(), 13);
}
