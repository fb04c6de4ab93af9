//! Our own trouble is nobody's outage: whatever becomes of our patch before a pod is judged, `enforce` rejects it only
//! where the plan would not have helped.

use draingate_core::judge::{Judgement, Verdict, View};
use draingate_core::subject::Kind;
use draingate_core::world::{SleepSupport, World};
use draingate_testing::random_pod::{RECORD, RandomPod, random_pod};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::properties::{admitted, fixed, with_judgement};

/// What is taken from an admitted pod, and whether the nodes can be read when it is judged.
#[derive(Clone, Debug)]
struct Adversary {
    hooks: Vec<bool>,
    grace: bool,
    record: bool,
    forgets_sleep: bool,
}

fn adversary() -> impl Strategy<Value = Adversary> {
    let some = (prop::collection::vec(any::<bool>(), 8), any::<bool>(), any::<bool>(), prop::bool::weighted(0.1));
    let some = some.prop_map(|(hooks, grace, record, forgets_sleep)| Adversary { hooks, grace, record, forgets_sleep });
    let all = Adversary { hooks: vec![true; 8], grace: true, record: true, forgets_sleep: false };
    prop_oneof![3 => some, 1 => Just(all)]
}

impl Adversary {
    /// What is left of `admitted`, which was `written`.
    fn leaves(&self, written: &Value, mut admitted: Value) -> Value {
        for (index, was) in written["spec"]["containers"].as_array().unwrap().iter().enumerate() {
            if self.hooks[index % self.hooks.len()] {
                admitted["spec"]["containers"][index] = was.clone();
            }
        }
        if self.grace {
            admitted["spec"]["terminationGracePeriodSeconds"] = match &written["spec"]["terminationGracePeriodSeconds"]
            {
                Value::Null => json!(30),
                was => was.clone(),
            };
        }
        if self.record
            && let Some(annotations) = admitted["metadata"].get_mut("annotations").and_then(Value::as_object_mut)
        {
            annotations.remove(RECORD);
        }
        admitted
    }
}

/// Whether the final pod is rejected in `enforce`: by the rule, and as it would be if every error counted.
fn rejected(world: &World, json: &Value) -> (bool, bool) {
    with_judgement(world, Kind::Pod, json, View::Final, |judgement: &Judgement| {
        let rejected = judgement.verdict() == Verdict::Fail;
        (rejected, rejected || judgement.excuse.is_some())
    })
}

/// Whether no plan mends the pod, where nothing stands in the way of plans: as it was written, or, where what we left in
/// it has lost its record and so is somebody's, as it stands.
fn is_beyond_mending(pod: &RandomPod, written: &Value, left: &Value) -> bool {
    let mut world = pod.world();
    if matches!(world.sleep, SleepSupport::Unsupported { .. }) || pod.windows {
        world.sleep = SleepSupport::Native;
    }
    let fails = |json: &Value| {
        with_judgement(&world, Kind::Pod, json, View::AsAdmitted, |judgement| judgement.verdict() == Verdict::Fail)
    };
    let is_recorded =
        left.pointer("/metadata/annotations").is_some_and(|annotations| annotations.get(RECORD).is_some());
    fails(written) || (!is_recorded && fails(left))
}

/// The final pod, its world, and the pod as it was written.
fn play(pod: &RandomPod, adversary: &Adversary) -> (World, Value, Value) {
    let (mut world, written) = (pod.world(), pod.json());
    let left = adversary.leaves(&written, admitted(&world, &written));
    if adversary.forgets_sleep {
        world.sleep = SleepSupport::Unsupported { because: "the nodes cannot be read".into() };
    }
    (world, written, left)
}

proptest! {
    #![proptest_config(fixed(8_000))]

    #[test]
    fn what_injection_would_have_mended_is_not_rejected(pod in random_pod(), adversary in adversary()) {
        let (world, written, left) = play(&pod, &adversary);
        let (is_rejected, _) = rejected(&world, &left);
        prop_assert!(!is_rejected || is_beyond_mending(&pod, &written, &left), "{left:#}");
    }
}

/// If every error of the final pod counted, pods would be turned away that the plan mends; and those that it does not
/// mend are still turned away.
#[test]
fn errors_that_all_count_would_reject_what_injection_mends() {
    let mut runner = TestRunner::new(fixed(0));
    let (mut wrongly, mut rightly) = (0, 0);
    for _ in 0..2_000 {
        let pod = random_pod().new_tree(&mut runner).unwrap().current();
        let adversary = adversary().new_tree(&mut runner).unwrap().current();
        let (world, written, left) = play(&pod, &adversary);
        let (is_rejected, would_be) = rejected(&world, &left);
        let fails = is_beyond_mending(&pod, &written, &left);
        wrongly += u32::from(would_be && !fails);
        rightly += u32::from(is_rejected && fails);
    }
    assert!(wrongly > 0 && rightly > 0, "{wrongly} wrongly, {rightly} rightly");
}
