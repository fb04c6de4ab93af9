//! How a pod and what is around it are made up.

use draingate_core::MAX_SECONDS;
use draingate_core::world::SleepSupport;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::servers::{said, server, sigterm, word};
use super::services::around;
use super::spelling::hook;
use super::{
    Annotations, Container, Entries, Entry, KNOWN, Lifecycle, Naming, PolicyHook, PolicyLayer, Propagation, RandomPod,
    Role, Sigterm, Word, Written,
};

/// A pod, the policies that cover it, and the Services around it.
pub fn random_pod() -> impl Strategy<Value = RandomPod> {
    let container = container().boxed();
    let containers = (
        prop::collection::vec(container.clone(), 1..=5),
        prop_oneof![3 => Just(Vec::new()), 2 => prop::collection::vec(container, 1..=4)],
        0..KNOWN.len(),
        grace(),
    );
    let layer = layer().boxed();
    let layers = (layer.clone(), layer, rarely(profile()), annotations(), patterns(), locked());
    let services = (any::<bool>(), around(), any::<bool>(), any::<bool>(), prop::bool::weighted(0.15));
    let rest = (any::<bool>(), sleep(), prop::bool::weighted(0.05), rarely(unknown()));
    (containers, layers, services, rest).prop_map(|(containers, layers, services, rest)| {
        let (containers, inits, known_from, grace) = containers;
        let (cluster, own, profile_label, annotations, patterns, locked) = layers;
        let (service, around, has_book, decoys, alone) = services;
        let (annotations_map, sleep, windows, unknown) = rest;
        let mut pod = RandomPod {
            grace,
            containers,
            inits,
            cluster,
            own,
            profile_label,
            annotations,
            patterns,
            locked,
            service,
            around,
            has_book,
            alone,
            annotations_map,
            decoys,
            sleep,
            windows,
            seen_as_written: false,
            unknown,
        };
        pod.containers.iter_mut().for_each(|c| c.native = false);
        for init in &mut pod.inits {
            (init.port_is_named, init.host_port, init.metrics) = (false, false, false);
            init.said.role = Word::Absent;
        }
        for (place, container) in pod.containers.iter_mut().chain(&mut pod.inits).enumerate() {
            container.settle(place, known_from);
        }
        pod
    })
}

impl Container {
    /// Gives the container its name, and takes back what it cannot have.
    fn settle(&mut self, place: usize, known_from: usize) {
        self.place = place;
        self.name = match self.naming {
            Naming::Plain => format!("app-{place}"),
            Naming::Known => KNOWN[(known_from + place) % KNOWN.len()].0.to_owned(),
            Naming::Aux => format!("aux-{place}"),
        };
        // An annotation only adds helpers.
        self.entries[2].iter_mut().for_each(|entry| entry.role = Role::Helper);
        if self.naming == Naming::Known {
            self.server = None;
        }
        let lifecycle_is_hook = matches!(self.lifecycle, Lifecycle::Null | Lifecycle::NullHook);
        if !self.has_no_hook() && lifecycle_is_hook {
            self.lifecycle = Lifecycle::Absent;
        }
    }
}

fn container() -> impl Strategy<Value = Container> {
    let naming = prop_oneof![5 => Just(Naming::Plain), 2 => Just(Naming::Known), 1 => Just(Naming::Aux)];
    let lifecycle = prop_oneof![
        12 => Just(Lifecycle::Absent),
        1 => Just(Lifecycle::Null),
        1 => Just(Lifecycle::Empty),
        1 => Just(Lifecycle::NullHook),
        2 => Just(Lifecycle::PostStart),
    ];
    let flags = (prop::bool::weighted(0.3), prop::bool::weighted(0.2), prop::bool::weighted(0.7));
    let ports = (any::<bool>(), any::<bool>(), prop::bool::weighted(0.04), prop::bool::weighted(0.2));
    let hook = prop::option::weighted(0.5, hook().boxed());
    let end = (prop::option::weighted(0.35, server()), said().boxed());
    let times = (written(0.2), written(0.15));
    (naming, hook, times, entries(0.07), lifecycle, flags, ports, end).prop_map(
        |(naming, hook, (declared, request), entries, lifecycle, flags, ports, (server, said))| {
            let (readiness, liveness, native) = flags;
            let (port, port_is_named, host_port, metrics) = ports;
            let (name, place) = (String::new(), 0);
            Container {
                naming,
                name,
                native,
                hook,
                declared,
                request,
                entries,
                lifecycle,
                port,
                port_is_named,
                host_port,
                metrics,
                readiness,
                liveness,
                server,
                said,
                place,
            }
        },
    )
}

/// A time: mostly short, so that many pods can be given what they need. On the heap: there are many in a pod, and a test's
/// stack is small.
pub(super) fn seconds() -> BoxedStrategy<u64> {
    prop_oneof![40 => 0..=30_u64, 6 => 0..=300_u64, 2 => Just(0), 1 => 0..=86_400_u64, 1 => 0..=MAX_SECONDS].boxed()
}

fn grace() -> impl Strategy<Value = Option<i64>> {
    prop_oneof![
        3 => Just(None),
        2 => Just(Some(30)),
        6 => (0..=150_i64).prop_map(Some),
        2 => (150..=2_000_i64).prop_map(Some),
        1 => (-5..=2_i64).prop_map(Some),
        1 => prop_oneof![Just(Some(i64::MAX)), Just(Some(i64::MIN)), Just(Some(90_000)), Just(Some(3_000_000))],
    ]
}

pub(super) fn rarely<S: Strategy>(some: S) -> impl Strategy<Value = Option<S::Value>> {
    prop::option::weighted(0.15, some)
}

pub(super) fn written(share: f64) -> BoxedStrategy<Written> {
    let bad = prop::sample::select(vec!["", "abc", "-1", "1e3", "2592001", "10000000", "5s", " 5", "1.5"]);
    let some = prop_oneof![40 => seconds().prop_map(Written::Seconds), 1 => bad.prop_map(Written::Bad)];
    prop::option::weighted(share, some).prop_map(|written| written.unwrap_or(Written::Absent)).boxed()
}

fn entries(share: f64) -> impl Strategy<Value = Entries> {
    let role = || prop::sample::select(vec![Role::Helper, Role::Helper, Role::App, Role::Auxiliary]);
    let entry = move || (role(), prop::option::of(seconds())).prop_map(|(role, stop)| Entry { role, stop });
    let entry = move || prop::option::weighted(share, entry());
    [entry(), entry(), entry()]
}

fn patterns() -> impl Strategy<Value = [Entries; 3]> {
    [entries(0.1), entries(0.1), entries(0.01)].prop_map(|mut patterns| {
        patterns.iter_mut().filter_map(|entries| entries[2].as_mut()).for_each(|entry| entry.role = Role::Helper);
        patterns
    })
}

fn profile() -> impl Strategy<Value = (&'static str, u64)> {
    prop::sample::select(vec![("cluster-ip", 5), ("ingress", 10), ("alb", 20), ("gclb", 40), ("nlb", 130)])
}

fn layer() -> impl Strategy<Value = PolicyLayer> {
    let time = || rarely(seconds());
    let hook = prop_oneof![
        2 => Just(PolicyHook::Sleep),
        2 => seconds().prop_map(PolicyHook::HttpGet),
        2 => seconds().prop_map(PolicyHook::Exec),
        1 => Just(PolicyHook::None),
    ];
    let ceiling = prop_oneof![0..=200_u64, 200..=MAX_SECONDS];
    let applies_to = prop::sample::select(vec!["Serving", "ServiceBacked", "All"]);
    let propagation = (rarely(profile()), time()).prop_map(|(profile, explicit)| Propagation { profile, explicit });
    let grace = (rarely(any::<bool>()), rarely(ceiling));
    let end = prop::option::weighted(0.1, sigterm());
    (propagation, [time(), time(), time()], rarely(hook), grace, rarely(applies_to), end, any::<bool>()).prop_map(
        |(propagation, others, hook, (never_raise, ceiling), applies_to, sigterm, selects)| PolicyLayer {
            propagation,
            others,
            hook,
            never_raise,
            ceiling,
            applies_to,
            sigterm,
            selects,
        },
    )
}

fn annotations() -> impl Strategy<Value = Annotations> {
    let times = [written(0.1), written(0.1), written(0.1), written(0.1)];
    let sigterm = word(0.1, vec![Sigterm::Cuts, Sigterm::Drains]);
    (times, prop::bool::weighted(0.05), sigterm).prop_map(|(times, waits_by_itself, sigterm)| Annotations {
        times,
        waits_by_itself,
        sigterm,
    })
}

fn locked() -> impl Strategy<Value = Vec<&'static str>> {
    let names = vec![
        "endpointPropagationSeconds",
        "drainDelaySeconds",
        "worstCaseRequestSeconds",
        "safetyMarginSeconds",
        "maxSeconds",
        "adjust",
        "hook",
        "sigterm",
        "appliesTo",
    ];
    let count = names.len();
    prop_oneof![2 => Just(Vec::new()), 1 => prop::sample::subsequence(names, 1..=count)]
}

fn sleep() -> impl Strategy<Value = SleepSupport> {
    let because = || "the API server is 1.29".to_owned();
    prop_oneof![
        16 => Just(SleepSupport::Native),
        2 => Just(SleepSupport::Exec { because: because() }),
        1 => Just(SleepSupport::Unsupported { because: because() }),
    ]
}

fn unknown() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!(7),
        json!("x"),
        json!(null),
        json!([1, {"a": "b"}]),
        json!({"preStop": {"sleep": 3}}),
    ])
}
