//! Who loses nothing without Draingate loses nothing with it: what an app has after SIGTERM never gets shorter, unless that
//! is told.
//!
//! Here each app has a need that nobody knows but the simulator: how long it really takes once it is told to stop.

use draingate_core::finding::Code;
use draingate_core::judge::{Judgement, View};
use draingate_core::subject::Kind;
use draingate_testing::kubelet::{self, Who};
use draingate_testing::random_pod::{RandomPod, Role, grace_seconds, random_pod};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::properties::{admitted, fixed, with_judgement};

/// Holds of a pod, as it was written and as it was admitted, with what was said of it.
type Property = fn(&Admission) -> Result<(), TestCaseError>;

const PROPERTIES: [(&str, Property); 2] =
    [("cut", what_was_whole_is_not_cut), ("window", no_window_shrinks_without_a_word)];

/// A pod before and after.
struct Admission {
    pod: RandomPod,
    written: Value,
    admitted: Value,
    /// The names of the apps that a shorter shutdown was told of.
    told: Vec<String>,
    /// Decides each app's need.
    need: Index,
}

impl Admission {
    fn new(pod: RandomPod, need: Index) -> Admission {
        let (world, written) = (pod.world(), pod.json());
        let admitted = admitted(&world, &written);
        let told = with_judgement(&world, Kind::Pod, &written, View::AsAdmitted, |judgement: &Judgement| {
            let of_it = judgement.findings.iter().filter(|finding| finding.code == Code::ShorterShutdown);
            of_it.filter_map(|finding| finding.container.clone()).collect()
        });
        Admission { pod, written, admitted, told, need }
    }

    /// The pod in the simulator, where an app of this place needs so long after it is told to stop, and nothing is sent.
    fn played(&self, json: &Value, need: impl Fn(usize) -> u64) -> Option<kubelet::Pod> {
        let mut pod = self.pod.as_patched(json)?;
        (pod.hold, pod.propagation) = (0, 0);
        for (index, app) in pod.apps.iter_mut().enumerate() {
            // One with a limit of its own takes no longer than that.
            let request = need(index).min(app.limit.unwrap_or(u64::MAX));
            *app = kubelet::App { request, accepts: 0, limit: None, cuts: false, ..app.clone() };
        }
        Some(pod)
    }

    /// How long each app has from SIGTERM, or from what its own hook says, to SIGKILL: for one that never ends.
    fn windows(&self, json: &Value) -> Option<Vec<u64>> {
        let pod = self.played(json, |_| u64::MAX)?;
        let left = |app: &kubelet::Stopped| Some(pod.grace.saturating_sub(app.told_at?));
        Some(kubelet::stop(&pod).apps.iter().map(|app| left(app).unwrap_or(0)).collect())
    }

    fn apps(&self) -> Vec<&str> {
        let apps = self.pod.stopping().filter(|(_, role)| *role == Role::App);
        apps.map(|(container, _)| container.name.as_str()).collect()
    }

    /// Whether that an app has less time is told, or its own limit and all that stops after it is known to fit.
    fn is_told(&self, app: usize) -> bool {
        let told = self.apps().get(app).is_some_and(|name| self.told.iter().any(|told| told == name));
        told || self.fits(app) == Some(true)
    }

    fn fits(&self, app: usize) -> Option<bool> {
        let mut pod = self.pod.as_patched(&self.admitted)?;
        let limit = self.pod.finish(self.pod.apps().nth(app)?)?.seconds;
        let app = pod.apps.get_mut(app)?;
        app.request = app.request.max(limit);
        Some(kubelet::smallest_grace(&pod) <= pod.grace)
    }
}

fn what_was_whole_is_not_cut(admission: &Admission) -> Result<(), TestCaseError> {
    let Some(windows) = admission.windows(&admission.written) else { return Ok(()) };
    // All that it has, or a part.
    let need = |app: usize| windows.get(app).map_or(0, |window| window - admission.need.index(4) as u64 * (window / 8));
    let cut = |json: &Value| admission.played(json, need).map(|pod| kubelet::stop(&pod).cut);
    let (Some(before), Some(after)) = (cut(&admission.written), cut(&admission.admitted)) else { return Ok(()) };
    for who in after.iter().filter(|who| !before.contains(who)) {
        if let Who::App(app) = who {
            prop_assert!(admission.is_told(*app), "{:?} needs {}", admission.apps().get(*app), need(*app));
        }
    }
    Ok(())
}

fn no_window_shrinks_without_a_word(admission: &Admission) -> Result<(), TestCaseError> {
    let windows = |json: &Value| admission.windows(json);
    let (Some(before), Some(after)) = (windows(&admission.written), windows(&admission.admitted)) else {
        return Ok(());
    };
    for (app, (before, after)) in before.into_iter().zip(after).enumerate() {
        prop_assert!(after >= before || admission.is_told(app), "app {app}: {before} s, then {after} s");
    }
    Ok(())
}

proptest! {
    #![proptest_config(fixed(20_000))]

    #[test]
    fn an_app_keeps_its_time_after_sigterm(pod in random_pod(), need in any::<Index>()) {
        let admission = Admission::new(pod, need);
        PROPERTIES.iter().try_for_each(|(_, holds)| holds(&admission))?;
    }
}

/// A grace that is only as long as what is known to be needed takes the hook out of the app's time: each property finds it.
#[test]
fn each_property_finds_a_grace_that_grows_too_little() {
    let mut runner = TestRunner::new(fixed(0));
    let mut open = PROPERTIES.to_vec();
    for _ in 0..2_000 {
        let pod = random_pod().new_tree(&mut runner).unwrap().current();
        let need = any::<Index>().new_tree(&mut runner).unwrap().current();
        let mut admission = Admission::new(pod, need);
        let required =
            with_judgement(&admission.pod.world(), Kind::Pod, &admission.written, View::AsAdmitted, |j| j.required);
        let grace = |json: &Value| grace_seconds(json["spec"]["terminationGracePeriodSeconds"].as_i64());
        if grace(&admission.admitted) > grace(&admission.written) {
            let least = required.unwrap_or(0).max(grace(&admission.written));
            admission.admitted["spec"]["terminationGracePeriodSeconds"] = json!(least);
        }
        open.retain(|(_, holds)| holds(&admission).is_ok());
    }
    let open: Vec<_> = open.into_iter().map(|(name, _)| name).collect();
    assert!(open.is_empty(), "no pod is wrong about {open:?}");
}
