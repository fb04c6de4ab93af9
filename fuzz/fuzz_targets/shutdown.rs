//! Random pods, steered by coverage, and the kubelet simulator that knows no formula: what the core asks for is the
//! smallest grace that cuts nothing, and what it lets in loses nothing.
#![no_main]

use draingate::core::finding::Code;
use draingate::core::judge::{Verdict, View, judge};
use draingate::core::subject::{Kind, Subject};
use libfuzzer_sys::fuzz_target;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use support::kubelet;
use support::random_pod::{NAMESPACE, grace_seconds, random_pod};

mod support {
    #[path = "../../../tests/support/kubelet.rs"]
    pub(crate) mod kubelet;
    #[path = "../../../tests/support/random_pod.rs"]
    pub(crate) mod random_pod;
}

fuzz_target!(|bytes: &[u8]| {
    let rng = TestRng::from_seed(RngAlgorithm::PassThrough, bytes);
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
    json_patch::patch(&mut patched, &judgement.patch).unwrap();
    let grace = grace_seconds(patched["spec"]["terminationGracePeriodSeconds"].as_i64());
    assert!(grace >= pod.grace_seconds(), "a lowered grace: {pod:?}");
    if judgement.verdict() == Verdict::Fail {
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
});
