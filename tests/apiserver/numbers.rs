//! Many at once: namespaces used as soon as they are there, and pods of every shape.

use std::time::Duration;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use draingate_testing::lab::{HOPELESS, Lab, SERVER, Setup, Stop, stop};
use draingate_testing::random_pod::random_pod;

#[test]
fn a_namespace_counts_from_its_first_pod() {
    const NAMESPACES: usize = 40;
    let lab = Lab::shared();
    let spaces: Vec<_> = (0..NAMESPACES).map(|_| lab.fresh_name()).collect();
    let manifest = |space: &draingate_testing::lab::Space| {
        format!(
            "---\n{{apiVersion: v1, kind: Namespace, metadata: {{name: {0}, labels: {{draingate.dev/mode: inject}}}}}}\n\
             ---\n{{apiVersion: v1, kind: Pod, metadata: {{name: first, namespace: {0}}}, \
             spec: {{containers: [{{name: app, image: app, ports: [{{containerPort: 8080}}]}}]}}}}\n",
            space.name
        )
    };
    // One after the other in one file, with no pause between a namespace and its first pod.
    let file: String = spaces.iter().map(manifest).collect();
    lab.kubectl_ok(&["apply", "-f", "-"], &file);
    for space in &spaces {
        let pod = lab
            .read(&json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "first", "namespace": space.name}}));
        assert_eq!(Stop::of(&pod), stop([("app", 10)], 40), "{}", space.name);
    }
    // The same without kubectl's own pace, and one that is refused.
    for _ in 0..NAMESPACES {
        let space = lab.namespace("enforce");
        assert_eq!(space.dry_run(HOPELESS).code, 403, "{}", space.name);
        assert_eq!(space.stop_of(SERVER), stop([("app", 10)], 40), "{}", space.name);
    }
}

#[test]
fn a_namespace_counts_before_the_watch_has_told_of_it() {
    // Every event is late by more than a pod takes to come.
    let lab = Lab::start(Setup { lag: Duration::from_millis(250), ..Setup::default() });
    for mode in ["inject", "enforce"].repeat(8) {
        let space = lab.namespace(mode);
        assert_eq!(Stop::of(&space.accepts(SERVER)), stop([("app", 10)], 40), "{} {mode}", space.name);
    }
    for _ in 0..8 {
        let space = lab.namespace("enforce");
        space.rejects(HOPELESS);
        let space = lab.namespace("warn");
        assert!(space.warnings(HOPELESS)[0].starts_with("would be rejected: "), "{}", space.name);
    }
}

/// The parts of pods, each in several forms; `Varied` takes one of each by turns.
struct Varied(u32);

impl Varied {
    /// One of `forms`.
    fn pick<T: Clone>(&mut self, forms: &[T]) -> T {
        // xorshift: the same pods in every run.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        forms[self.0 as usize % forms.len()].clone()
    }

    fn lifecycle(&mut self) -> Value {
        let nothing = Value::Null;
        let post_start = json!({"postStart": {"exec": {"command": ["hello"]}}});
        let pre_stop = |hook: Value| json!({"preStop": hook});
        let forms = [
            nothing.clone(),
            nothing.clone(),
            nothing,
            json!({}),
            post_start,
            pre_stop(json!({"sleep": {"seconds": 7}})),
            pre_stop(json!({"sleep": {"seconds": 29}})),
            pre_stop(json!({"sleep": {"seconds": 45}})),
            pre_stop(json!({"exec": {"command": ["sleep", "12"]}})),
            pre_stop(json!({"exec": {"command": ["sh", "-c", "sleep 1m"]}})),
            pre_stop(json!({"exec": {"command": ["drain"]}})),
            pre_stop(json!({"httpGet": {"path": "/drain", "port": "http"}})),
            json!({"postStart": {"sleep": {"seconds": 1}}, "preStop": {"httpGet": {"port": 8080}}}),
            pre_stop(json!({})),
            json!({"preStop": null}),
        ];
        self.pick(&forms)
    }

    fn container(&mut self, name: &str) -> Value {
        let mut container =
            json!({"name": name, "image": "registry.example/a/b:1", "env": [{"name": "A/B~C", "value": "\"ü\\"}]});
        let mut put = |key: &str, value: Value| {
            if !value.is_null() {
                container[key] = value;
            }
        };
        put("lifecycle", self.lifecycle());
        put("ports", self.pick(&[Value::Null, json!([]), json!([{"containerPort": 8080, "name": "http"}])]));
        let probe = json!({"tcpSocket": {"port": 8080}, "periodSeconds": 3});
        put("readinessProbe", self.pick(&[Value::Null, probe.clone()]));
        let mut patient = probe.clone();
        patient["terminationGracePeriodSeconds"] = 40.into();
        put("livenessProbe", self.pick(&[Value::Null, Value::Null, probe, patient]));
        container
    }

    fn annotations(&mut self) -> Value {
        let key = |key: &str, value: &str| json!({key: value});
        let forms = [
            Value::Null,
            Value::Null,
            json!({}),
            key("team", "a"),
            json!({"example.com/a.b_c": "kept", "example.com/x": ""}),
            key("draingate.dev/drain-delay-seconds", "0"),
            key("draingate.dev/drain-delay-seconds", "-1"),
            key("draingate.dev/worst-case-request-seconds", "2592000"),
            key("draingate.dev/worst-case-request-seconds", "500"),
            key("draingate.dev/hook", "none"),
            key("draingate.dev/hook", "some"),
            key("draingate.dev/skip", "why not"),
            key("draingate.dev/helpers", "b=3,c"),
            key("prestop-seconds.draingate.dev/a", "20"),
            key("worst-case-request-seconds.draingate.dev/a", "33"),
            key("draingate.dev/injected", "nonsense"),
            key("draingate.dev/injected", r#"{"hooks":{"a":7},"grace":{"from":30,"to":45}}"#),
            key("draingate.dev/injected", r#"{"hooks":{"a":45,"z":1}}"#),
            json!({"draingate.dev/injected": r#"{"hooks":{"b":7}}"#, "more": "yes"}),
        ];
        self.pick(&forms)
    }

    fn pod(&mut self, number: usize) -> Value {
        let names = self.pick(&[
            &["a"][..],
            &["a", "b"],
            &["a", "b", "c"],
            &["a", "pgbouncer"],
            &["envoy"],
            &["istio-proxy", "a"],
        ]);
        let containers: Vec<Value> = names.iter().map(|name| self.container(name)).collect();
        let mut spec = json!({"containers": containers});
        let mut inits = Vec::new();
        for name in self.pick(&[&[][..], &[], &["setup"], &["s1"], &["s1", "setup", "s2"]]) {
            let mut init = if *name == "setup" { json!({"name": name, "image": "i"}) } else { self.container(name) };
            if *name != "setup" {
                init["restartPolicy"] = "Always".into();
            }
            inits.push(init);
        }
        if !inits.is_empty() || self.pick(&[false, true]) {
            spec["initContainers"] = inits.into();
        }
        let grace = [
            Value::Null,
            Value::Null,
            json!(0),
            json!(1),
            json!(30),
            json!(45),
            json!(3600),
            json!(-5),
            json!(4_000_000_000_i64),
        ];
        match self.pick(&grace) {
            Value::Null => {}
            grace => spec["terminationGracePeriodSeconds"] = grace,
        }
        if self.pick(&[false, false, false, true]) {
            spec["restartPolicy"] = self.pick(&["Always", "OnFailure", "Never"]).into();
        }
        if self.pick(&[false, false, false, false, true]) {
            spec["os"] = json!({"name": "windows"});
            spec["nodeSelector"] = json!({"kubernetes.io/os": "windows"});
        }
        if self.pick(&[false, false, false, true]) {
            spec["schedulingGates"] = json!([{"name": "example.com/later"}]);
        }
        let mut metadata = if self.pick(&[false, true]) {
            json!({"generateName": "varied-"})
        } else {
            json!({"name": format!("varied-{number}")})
        };
        for (key, value) in [
            ("annotations", self.annotations()),
            ("labels", self.pick(&[Value::Null, json!({}), json!({"app": "web"})])),
        ] {
            if !value.is_null() {
                metadata[key] = value;
            }
        }
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    }
}

#[test]
fn no_patch_is_ever_refused() {
    const PODS: usize = 400;
    let lab = Lab::shared();
    let (off, inject) = (lab.namespace("off"), lab.namespace("inject"));
    let mut varied = Varied(20_261_120);
    let mut pods: Vec<Value> = (0..PODS).map(|number| varied.pod(number)).collect();
    // And as many that are made for their numbers, with annotations that fit them.
    let (strategy, mut runner) = (random_pod(), TestRunner::deterministic());
    let random = (0..PODS).map(|number| {
        let mut pod = strategy.new_tree(&mut runner).unwrap().current().json();
        pod["metadata"]["name"] = format!("random-{number}").into();
        pod
    });
    pods.extend(random);
    let started = std::time::Instant::now();
    let plain = lab.create_all(&pods.iter().map(|pod| off.put(pod.clone())).collect::<Vec<_>>(), true);
    let patched = lab.create_all(&pods.iter().map(|pod| inject.put(pod.clone())).collect::<Vec<_>>(), false);
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());

    let (mut injected, mut refused) = (0, 0);
    for ((pod, plain), patched) in pods.iter().zip(&plain).zip(&patched) {
        let context = || {
            format!("{pod}\noff: {} {}\ninject: {} {}", plain.code, plain.message(), patched.code, patched.message())
        };
        // A native sleep that outlasts its grace is the one thing that injection mends.
        let mended = !plain.is_accepted() && plain.message().contains("terminationGracePeriodSeconds");
        assert!(plain.is_accepted() == patched.is_accepted() || mended, "{}", context());
        if !patched.is_accepted() {
            assert_eq!(plain.code, patched.code, "{}", context());
            refused += 1;
            continue;
        }
        let grown = patched.body.pointer("/metadata/annotations/draingate.dev~1injected");
        let claimed = pod.pointer("/metadata/annotations/draingate.dev~1injected");
        if grown.is_some() && grown != claimed {
            injected += 1;
        }
        // What is injected a second time is the same: the pod is put in as it came out.
        if plain.is_accepted() {
            check_kept(&plain.body, &patched.body);
        }
    }
    assert!(
        injected > pods.len() / 4 && refused < pods.len() / 4,
        "injected {injected}, refused {refused} of {}",
        pods.len()
    );

    let again: Vec<Value> =
        patched.iter().filter(|answer| answer.is_accepted()).map(|answer| stripped(&answer.body)).collect();
    for (first, second) in again.iter().zip(lab.create_all(&again, true)) {
        let second = second.accepted();
        assert_eq!(first["spec"], stripped(&second)["spec"], "the same pod again");
        assert_eq!(first["metadata"]["annotations"], second["metadata"]["annotations"]);
    }
}

/// A stored pod as one would create it again, under another name.
fn stripped(stored: &Value) -> Value {
    let metadata = &stored["metadata"];
    let mut copy =
        json!({"name": format!("{}-again", metadata["name"].as_str().unwrap()), "namespace": metadata["namespace"]});
    for key in ["annotations", "labels"] {
        if let Some(value) = metadata.get(key) {
            copy[key] = value.clone();
        }
    }
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": copy, "spec": stored["spec"]})
}

/// Beyond hooks, grace and the record nothing differs from what the API server makes of the pod without us.
fn check_kept(plain: &Value, patched: &Value) {
    let bare = |pod: &Value| {
        let mut spec = pod["spec"].clone();
        spec["terminationGracePeriodSeconds"] = Value::Null;
        for list in ["containers", "initContainers"] {
            for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                let post_start = container.pointer("/lifecycle/postStart").cloned();
                container["lifecycle"] = post_start.unwrap_or_default();
            }
        }
        let mut annotations = pod["metadata"].get("annotations").cloned().unwrap_or_else(|| json!({}));
        annotations.as_object_mut().unwrap().remove("draingate.dev/injected");
        (spec, annotations, pod["metadata"].get("labels").cloned())
    };
    assert_eq!(bare(plain), bare(patched));
}
