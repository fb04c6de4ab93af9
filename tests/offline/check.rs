//! `draingate check`, as a person or a CI job calls it: the real binary on real files.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use draingate::explain::{File, explanations};
use draingate::judged::FindingResult;
use draingate_core::judge::{Judgement, View, judge};
use draingate_core::world::World;
use draingate_testing::{case, kubelet, random_pod};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

/// What a call gave.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    err: String,
}

pub(crate) fn run(directory: &Path, arguments: &[&str], stdin: &str) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_draingate"))
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A call that reads no input may have ended by now.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// Files in a fresh folder.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

pub(crate) fn check_json(directory: &Path, arguments: &[&str], stdin: &str) -> Value {
    let ran = run(directory, &[&["check", "--format", "json"], arguments].concat(), stdin);
    serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {}{}", ran.out, ran.err))
}

#[test]
fn every_case_comes_out_the_same_through_check() {
    let (mut seen, mut wrong) = (0, Vec::new());
    for case in case::all() {
        let judge = |arguments: &[&str]| {
            let path = case.path.to_str().unwrap();
            let mut answer = check_json(case.path.parent().unwrap(), &[arguments, &[path]].concat(), "");
            let mut results = answer["results"].as_array_mut().unwrap().iter_mut();
            // Beside a pod there may be its owner.
            results.find(|result| result["kind"] == case.subject["kind"]).unwrap().take()
        };
        let mut same = |what: &str, expected: Value, actual: Value| {
            if expected != actual {
                wrong.push(format!("{} {what}\n  expected {expected}\n  actual   {actual}", case.name));
            }
        };
        let told = |findings: &[case::Told]| {
            findings.iter().map(|f| json!([f.code, f.severity, f.container])).collect::<Value>()
        };
        let findings = |result: &Value| {
            let of = |f: &Value| json!([f["code"], f["severity"], f["container"]]);
            result["findings"].as_array().unwrap().iter().map(of).collect::<Value>()
        };
        let result = judge(&["--admitted"]);
        let expected = &case.expected;
        same("verdict", json!(expected.verdict), result["verdict"].clone());
        same("findings", told(&expected.findings), findings(&result));
        same("patch", parsed(&json!(expected.patch)), parsed(&result["patch"]));
        same("admitted", json!(expected.admitted_grace_period_seconds), result["admittedGracePeriodSeconds"].clone());
        if let Some(required) = expected.required_grace_period_seconds {
            same("required", json!(required), result["requiredGracePeriodSeconds"].clone());
        }
        if let Some(expected) = &expected.as_written {
            let result = judge(&[]);
            same("verdict as written", json!(expected.verdict), result["verdict"].clone());
            same("findings as written", told(&expected.findings), findings(&result));
            same("patch as written", json!([]), result["patch"].clone());
        }
        seen += 1;
    }
    assert!(seen >= 40, "only {seen} cases");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What every door says: the verdict, what is required, and each finding with its words.
type Said = (String, Option<u64>, Vec<(String, String, Option<String>, String)>);

fn said(judgement: &Judgement) -> Said {
    let finding = |f: &draingate_core::finding::Finding| {
        (f.code.to_string(), f.severity.as_str().to_owned(), f.container.clone(), f.message.clone())
    };
    let findings = judgement.findings.iter().map(finding).collect();
    (judgement.verdict().as_str().to_owned(), judgement.required, findings)
}

#[test]
fn check_and_explain_say_of_every_case_what_the_judgement_says_in_both_views() {
    let (mut seen, mut wrong) = (0, Vec::new());
    for case in case::all() {
        let json = case.json();
        let subject = case.read(&json, &case.subject);
        let judged = |view| said(&judge(&subject, &case.world.context(&case.namespace), view));
        let (written, admitted) = (judged(View::AsWritten), judged(View::AsAdmitted));
        let mut same = |door: &str, expected: &Said, actual: Said| {
            if *expected != actual {
                wrong.push(format!("{} {door}\n  expected {expected:?}\n  actual   {actual:?}", case.name));
            }
        };

        let path = case.path.to_str().unwrap();
        let check = |arguments: &[&str]| -> Said {
            let mut answer = check_json(Path::new("."), &[arguments, &[path]].concat(), "");
            let results = answer["results"].as_array_mut().unwrap();
            let result = results.iter_mut().find(|result| result["kind"] == case.subject["kind"]).unwrap().take();
            let text = |value: &Value| value.as_str().map(str::to_owned);
            let finding = |f: &Value| {
                let word = |key: &str| text(&f[key]).unwrap();
                (word("code"), word("severity"), text(&f["container"]), word("message"))
            };
            let findings = result["findings"].as_array().unwrap().iter().map(finding).collect();
            (text(&result["verdict"]).unwrap(), result["requiredGracePeriodSeconds"].as_u64(), findings)
        };
        same("check", &written, check(&[]));
        same("check --admitted", &admitted, check(&["--admitted"]));

        let file = File { name: case.name.as_str().into(), text: std::fs::read_to_string(&case.path).unwrap() };
        let (explained, ..) = explanations(&[file], World::default(), "default");
        let explained = explained.into_iter().find(|one| case.subject["kind"] == *one.result.kind).unwrap();
        let told = |verdict: &str, required, findings: &[FindingResult]| -> Said {
            let finding = |f: &FindingResult| {
                let f = &f.finding;
                (f.code.to_string(), f.severity.as_str().to_owned(), f.container.clone(), f.message.clone())
            };
            (verdict.to_owned(), required, findings.iter().map(finding).collect())
        };
        let result = &explained.result;
        same("explain", &written, told(result.verdict.as_str(), result.required_grace, &result.findings));
        if let Some(view) = explained.views.last() {
            same("explain as admitted", &admitted, told(view.verdict.as_str(), view.required_grace, &view.findings));
        }
        seen += 1;
    }
    assert!(seen >= 40, "only {seen} cases");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_owner_and_an_autoscaler_count_wherever_they_stand() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: db-0\n  ownerReferences:\n  - {apiVersion: apps/v1, kind: StatefulSet, name: db, uid: '1', controller: true}\nspec:\n  containers: [{name: app, image: db, ports: [{containerPort: 1}]}]\n";
    let set = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\nspec: {replicas: 1}\n";
    let scaler = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: db}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: StatefulSet, name: db}}\n";
    let all = [("a/pod.yaml", pod), ("b/set.yaml", set), ("c/scaler.yaml", scaler)];
    for (count, reason) in [(1, "port"), (2, "nobody-stands-in"), (3, "port")] {
        let folder = folder(&all[..count]);
        let report = check_json(folder.path(), &["."], "");
        assert_eq!(report["results"][0]["terms"]["hold"]["reason"], reason, "{report}");
        let ran = run(folder.path(), &["explain", "."], "");
        assert_eq!(ran.out.contains("nobody stands in"), count == 2, "{}", ran.out);
    }
}

/// A patch with the record in it parsed, so that the order of its keys does not matter.
fn parsed(patch: &Value) -> Value {
    match patch {
        Value::String(text) if text.starts_with('{') => serde_json::from_str(text).unwrap_or_else(|_| patch.clone()),
        Value::Array(items) => items.iter().map(parsed).collect(),
        Value::Object(entries) => entries.iter().map(|(key, value)| (key.clone(), parsed(value))).collect(),
        other => other.clone(),
    }
}

#[test]
fn random_pods_as_written_need_what_the_simulator_says() {
    const PODS: usize = 150;
    let mut runner = TestRunner::deterministic();
    let strategy = random_pod::random_pod();
    for _ in 0..PODS {
        let mut pod = strategy.new_tree(&mut runner).unwrap().current();
        pod.seen_as_written = true;
        let mut objects = vec![pod.json()];
        objects.extend(pod.documents());
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string();
        let arguments = ["-n", random_pod::NAMESPACE, "-"];
        let result = check_json(Path::new("."), &arguments, &list)["results"][0].take();
        let needed = pod.as_written().map(|pod| kubelet::smallest_grace(&pod));
        assert_eq!(result["requiredGracePeriodSeconds"], json!(needed), "{list}\n{result}");
        let hold = json!({"seconds": pod.hold(), "reason": pod.hold_reason()});
        assert_eq!(result["terms"]["hold"], hold, "{list}");
        assert_eq!(result["gracePeriodSeconds"], json!(pod.grace_seconds()), "{list}");
        let stopping: Vec<_> = pod.stopping().collect();
        let containers = result["containers"].as_array().unwrap();
        assert_eq!(containers.len(), stopping.len(), "{list}");
        for (actual, (container, role)) in containers.iter().zip(stopping) {
            assert_eq!(actual["hookSeconds"], json!(pod.hook_seconds(container)), "{list}\n{actual}");
            match actual["role"].as_str().unwrap() {
                "app" => {
                    assert_eq!(actual["stopsAt"], json!(pod.stops_at(container, role)), "{list}\n{actual}");
                    assert_eq!(actual["worstCaseRequestSeconds"], json!(pod.request_seconds(container)), "{list}");
                    assert_eq!(
                        actual["acceptsSeconds"],
                        json!(pod.accept_seconds(container, role)),
                        "{list}\n{actual}"
                    );
                    let limit = pod.finish(container).map(|limit| limit.seconds);
                    assert!(pod.cuts(container) || actual["finishSeconds"] == json!(limit), "{list}\n{actual}");
                }
                _ => assert_eq!(actual["stopSeconds"], json!(pod.stop_seconds(container)), "{list}"),
            }
        }
    }
}

const LONG_HOOK: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: payment}
spec:
  # the default, written out
  terminationGracePeriodSeconds: 30  # seconds
  containers:
    - name: app
      image: app:1
      ports: [{containerPort: 8080}]
      lifecycle: {preStop: {sleep: {seconds: 25}}}
";

const NEVER: &str = "\
apiVersion: draingate.dev/v1alpha1
kind: DrainPolicy
metadata: {name: never, namespace: default}
spec: {gracePeriod: {adjust: Never}}
";

#[test]
fn the_exit_code_tells_clean_findings_and_bad_input_apart() {
    let files = folder(&[
        ("pod.yaml", LONG_HOOK),
        ("never.yaml", NEVER),
        ("bad.yaml", "a: [1\n---\nkind: Pod\napiVersion: v1\nmetadata: {name: x}\nspec: {containers: [{name: a}]}\n"),
    ]);
    let code = |arguments: &[&str]| run(files.path(), &[&["check"], arguments].concat(), "").code;
    assert_eq!(code(&["pod.yaml"]), 0);
    assert_eq!(code(&["pod.yaml", "--fail-on", "warning"]), 1);
    assert_eq!(code(&["pod.yaml", "--admitted", "--fail-on", "warning"]), 0);
    assert_eq!(code(&["pod.yaml", "never.yaml", "--admitted"]), 1);
    assert_eq!(code(&["pod.yaml", "--policy", "never.yaml", "--admitted"]), 1);
    assert_eq!(code(&["pod.yaml", "--admitted", "--as-written"]), 2);
    assert_eq!(code(&["bad.yaml"]), 2);
    assert_eq!(code(&["missing.yaml"]), 2);
    assert_eq!(code(&["--nonsense"]), 2);
    let exec = LONG_HOOK.replace("sleep: {seconds: 25}", "exec: {command: [sleep, \"10\"]}");
    let warned = folder(&[("pod.yaml", &exec)]);
    assert_eq!(run(warned.path(), &["check", "pod.yaml"], "").code, 0);
    assert_eq!(run(warned.path(), &["check", "pod.yaml", "--fail-on", "warning"], "").code, 1);
}

#[test]
fn what_was_a_choice_and_is_the_default_is_said_once() {
    let files = folder(&[("a.yaml", LONG_HOOK), ("b.yaml", LONG_HOOK)]);
    let (plain, asked) =
        (run(files.path(), &["check", "."], ""), run(files.path(), &["check", "--as-written", "."], ""));
    assert_eq!((plain.code, &plain.out), (asked.code, &asked.out));
    assert_eq!(plain.err, "");
    assert_eq!(asked.err, "draingate: --as-written says nothing any more: it is what check does by itself\n");
}

#[test]
fn a_broken_document_takes_no_other_with_it() {
    let stream = format!("{LONG_HOOK}---\nkind: [\n---\n{}", LONG_HOOK.replace("payment", "second"));
    let ran = run(Path::new("."), &["check", "-"], &stream);
    assert_eq!(ran.code, 2);
    assert!(ran.out.contains("Pod default/payment") && ran.out.contains("Pod default/second"), "{}", ran.out);
    assert!(ran.out.contains("--> -:13:") || ran.out.contains("--> -:14:"), "{}", ran.out);
    assert!(ran.out.contains("1 document cannot be read"), "{}", ran.out);
    let helm = run(Path::new("."), &["check", "-"], "kind: Pod\nmetadata: {name: {{ .Values.name }}}\n");
    assert_eq!(helm.code, 2);
    assert!(helm.out.contains("helm template"), "{}", helm.out);
    let typed = LONG_HOOK.replace("terminationGracePeriodSeconds: 30", "terminationGracePeriodSeconds: soon");
    let ran = run(Path::new("."), &["check", "-"], &typed);
    assert_eq!(ran.code, 2);
    assert!(ran.out.contains("--> -:6:3") && ran.out.contains("spec.terminationGracePeriodSeconds"), "{}", ran.out);
}

#[test]
fn people_see_the_line_the_arithmetic_and_the_fix() {
    let files = folder(&[("deploy/pod.yaml", LONG_HOOK)]);
    let ran = run(files.path(), &["check", "deploy"], "");
    let expected = "\
warning[grace-budget]: grace budget short by 15 s: terminationGracePeriodSeconds 30 < 45 needed
 --> deploy/pod.yaml:6:3
  |
6 |   terminationGracePeriodSeconds: 30  # seconds
  |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ Pod default/payment
  |
  = note: hold 25 (preStop sleep of \"app\") + worst-case request 15 (built-in) + safety margin 5 (built-in)
  = note: only built-in figures make it short; in enforce it would be raised, or rejected
  = help: spec.terminationGracePeriodSeconds: 45
  = help: or shorten the preStop hook of \"app\" to 10 s

1 workload, and it loses work at a rollout
  1 is cut before its work is done (grace-budget)
  1 would be mended at admission in enforce mode: draingate check --admitted
  what rests on figures that no manifest states, such as how long work still comes, is a warning (--fail-on warning)

1 pod or template judged of 1 object, 0 errors, 1 warning
";
    assert_eq!(ran.out, expected);
    assert_eq!(ran.err, "");
}

#[test]
fn folders_are_searched_and_gitignore_respected() {
    let files = folder(&[
        ("a/pod.yaml", LONG_HOOK),
        ("a/b/pod.yml", LONG_HOOK),
        (
            "a/b/pod.json",
            r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"j"},"spec":{"containers":[{"name":"a"}]}}"#,
        ),
        ("a/notes.md", "{{{"),
        ("a/build/pod.yaml", "not: [closed"),
        (".gitignore", "build/\n"),
        ("empty/notes.md", ""),
    ]);
    let result = check_json(files.path(), &["."], "");
    let read: Vec<_> =
        result["results"].as_array().unwrap().iter().map(|r| r["source"]["file"].as_str().unwrap()).collect();
    assert_eq!(read, ["a/b/pod.json", "a/b/pod.yml", "a/pod.yaml"]);
    let empty = run(files.path(), &["check", "empty"], "");
    assert_eq!(empty.code, 2);
    assert!(empty.err.contains("empty: no yaml, yml, json file"), "{}", empty.err);
}

#[test]
fn lists_and_policies_among_the_inputs_count() {
    let list = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: draingate.dev/v1alpha1\n  kind: DrainPolicy\n  metadata: {name: a, namespace: default}\n  spec: {profile: nlb}\n- apiVersion: apps/v1\n  kind: Deployment\n  metadata: {name: web}\n  spec:\n    template:\n      spec:\n        containers:\n        - name: app\n          ports: [{containerPort: 1}]\n          lifecycle: {preStop: {exec: {command: [/drain]}}}\n";
    let result = check_json(Path::new("."), &["--admitted", "-"], list);
    let first = &result["results"][0];
    assert_eq!(
        first["terms"]["endpointPropagation"],
        json!({"seconds": 130, "source": "DrainPolicy default/a, profile nlb"})
    );
    assert_eq!(first["verdict"], "fixed");
    assert_eq!(first["source"], json!({"file": "-", "document": 0, "line": 8}));
    let hook = &first["findings"][0];
    assert_eq!((hook["code"].as_str().unwrap(), &hook["line"]), ("undeclared-hook", &json!(17)));
    assert_eq!(
        result["summary"],
        json!({"objects": 2, "judged": 1, "notJudged": 0, "lose": 0, "cut": 0, "errors": 0, "warnings": 1, "ignored": 0,
            "baselined": 0, "problems": 0})
    );
}

/// Wherever it stands among the inputs, in the subject's namespace only.
#[test]
fn a_config_map_among_the_inputs_counts() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  volumes: [{name: c, configMap: {name: conf}}]\n  \
        containers: [{name: nginx, image: nginx, ports: [{containerPort: 80}], volumeMounts: [{name: c, mountPath: /etc/nginx}]}]\n";
    let map = |namespace: &str, seconds: &str| {
        format!(
            "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {{name: conf{namespace}}}\n  \
            data: {{nginx.conf: \"worker_shutdown_timeout {seconds};\"}}\n"
        )
    };
    let limit = |files: &[(&str, &str)], arguments: &[&str]| {
        let folder = folder(files);
        let result = check_json(folder.path(), arguments, "");
        result["results"][0]["containers"][0]["finishSeconds"].clone()
    };
    let (own, other) = (map("", "30s"), map(", namespace: other", "50s"));
    assert_eq!(limit(&[("a.yaml", pod)], &["."]), json!(null));
    assert_eq!(limit(&[("a.yaml", pod), ("z.yaml", &own)], &["."]), json!(30));
    assert_eq!(limit(&[("a.yaml", pod), ("z.yaml", &own)], &["-n", "shop", "."]), json!(30));
    assert_eq!(limit(&[("a.yaml", pod), ("z.yaml", &other)], &["."]), json!(null));
    assert_eq!(limit(&[("a.yaml", pod), ("z.yaml", &other)], &["-n", "other", "."]), json!(50));
    assert_eq!(limit(&[("a.yaml", pod), ("z.yaml", &own)], &["--policy", "z.yaml", "a.yaml"]), json!(30));
}

#[test]
fn a_fix_keeps_comments_and_order() {
    let files = folder(&[("pod.yaml", LONG_HOOK)]);
    let shown = run(files.path(), &["check", "--fix=diff", "pod.yaml"], "");
    assert!(
        shown.out.contains(
            "-  terminationGracePeriodSeconds: 30  # seconds\n+  terminationGracePeriodSeconds: 45  # seconds\n"
        ),
        "{}",
        shown.out
    );
    let read = || std::fs::read_to_string(files.path().join("pod.yaml")).unwrap();
    assert_eq!(read(), LONG_HOOK);
    assert_eq!(run(files.path(), &["check", "--fix", "pod.yaml"], "").code, 0);
    assert_eq!(read(), LONG_HOOK.replace("Seconds: 30", "Seconds: 45"));
    assert_eq!(run(files.path(), &["check", "pod.yaml"], "").code, 0);
}

#[test]
fn output_is_the_same_every_time_and_a_closed_pipe_is_no_error() {
    let cases = case::directory();
    let once = || run(&cases, &["check", "."], "").out;
    let first = once();
    assert!(first.len() > 10_000);
    assert_eq!(first, once());
    assert!(!first.contains('\u{1b}'), "no colours in a pipe");
    let status = Command::new("sh")
        .args(["-c", "\"$0\" check . | head -1 > /dev/null; exit ${PIPESTATUS:-0}", env!("CARGO_BIN_EXE_draingate")])
        .current_dir(&cases)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&status.stderr), "");
}

#[test]
fn the_examples_of_this_repository_are_clean() {
    let ran =
        run(Path::new(env!("CARGO_MANIFEST_DIR")), &["check", "--admitted", "--fail-on", "warning", "examples"], "");
    assert_eq!(ran.code, 0, "{}", ran.out);
}

/// A custom resource of each sort: one with a pod template, and two that hold pods elsewhere.
const CUSTOM: &str = "\
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: search, namespace: shop}
spec:
  template:
    spec:
      containers: [{name: search, ports: [{containerPort: 1}], lifecycle: {preStop: {sleep: {seconds: 700}}}}]
---
apiVersion: keda.sh/v1alpha1
kind: ScaledJob
metadata: {name: worker, namespace: shop}
spec:
  jobTargetRef:
    template:
      spec:
        containers: [{name: worker, image: worker:1}]
---
apiVersion: rabbitmq.com/v1beta1
kind: RabbitmqCluster
metadata: {name: queue}
spec: {replicas: 3, terminationGracePeriodSeconds: 604800}
---
apiVersion: example.com/v1
kind: Colour
metadata: {name: red}
spec: {hue: 0}
";

#[test]
fn custom_resources_are_judged_by_their_own_names_or_named_as_not_judged() {
    let files = folder(&[("custom.yaml", CUSTOM)]);
    let result = check_json(files.path(), &["custom.yaml"], "");
    let found = &result["results"];
    assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
    assert_eq!((&found[0]["kind"], &found[0]["verdict"]), (&json!("Rollout"), &json!("fail")));
    assert_eq!(found[0]["findings"][0]["pointer"], "/spec/template/spec/terminationGracePeriodSeconds");
    assert_eq!(
        result["notJudged"],
        json!([
            {"file": "custom.yaml", "line": 16, "kind": "ScaledJob", "namespace": "shop", "name": "worker",
                "pointer": "/spec/jobTargetRef/template/spec/containers"},
            {"file": "custom.yaml", "line": 21, "kind": "RabbitmqCluster", "namespace": "default", "name": "queue",
                "pointer": "/spec/terminationGracePeriodSeconds"},
        ])
    );
    assert_eq!(result["summary"]["notJudged"], 2);

    for arguments in
        [&["check", "custom.yaml"][..], &["check", "--format", "sarif", "custom.yaml"], &["explain", "custom.yaml"]]
    {
        let ran = run(files.path(), arguments, "");
        let notes: Vec<_> = ran.err.lines().collect();
        assert_eq!(
            notes[0],
            "draingate: custom.yaml:16: ScaledJob shop/worker is not judged: it seems to hold pods at \
             /spec/jobTargetRef/template/spec/containers, and only a pod template at spec.template is looked for",
            "{arguments:?}"
        );
        assert!(
            notes[1].starts_with("draingate: custom.yaml:21: RabbitmqCluster default/queue is not judged"),
            "{notes:?}"
        );
        assert_eq!(notes.len(), 2, "{notes:?}");
    }
    let human = run(files.path(), &["check", "custom.yaml"], "");
    assert!(human.out.contains("1 pod or template judged of 4 objects"), "{}", human.out);
    assert!(human.out.contains("2 not judged"), "{}", human.out);
    // A note is no finding.
    let alone = CUSTOM.split("---\n").nth(2).unwrap();
    assert_eq!(run(files.path(), &["check", "--fail-on", "warning", "-"], alone).code, 0);
}

#[test]
fn a_template_of_a_custom_resource_that_cannot_be_read_is_told_by_its_kind() {
    let text = "apiVersion: example.com/v1\nkind: Fleet\nmetadata: {name: a}\nspec:\n  template:\n    spec:\n      containers: [7]\n";
    let ran = run(Path::new("."), &["check", "-"], text);
    assert_eq!(ran.code, 2);
    assert!(ran.out.contains("Fleet: spec.template.spec.containers[0]"), "{}", ran.out);
}

#[test]
fn a_misplaced_grace_is_written_where_it_counts() {
    let deployment = |before: &str, inside: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n{before}  template:\n    spec:\n{inside}      \
             containers:\n        - name: app\n          ports: [{{containerPort: 1}}]\n          lifecycle: {{preStop: {{sleep: {{seconds: 10}}}}}}\n"
        )
    };
    let ignored = deployment("  terminationGracePeriodSeconds: 60\n", "");
    let ran = run(Path::new("."), &["check", "--fail-on", "warning", "-"], &ignored);
    assert_eq!(ran.code, 1, "{}", ran.out);
    let fixed = run(Path::new("."), &["check", "--fix", "-"], &ignored).out;
    assert_eq!(fixed, deployment("", "      terminationGracePeriodSeconds: 60\n"));
    let both = deployment("  terminationGracePeriodSeconds: 60\n", "      terminationGracePeriodSeconds: 60\n");
    assert_eq!(run(Path::new("."), &["check", "--fail-on", "warning", "-"], &both).code, 0);
    // Nothing makes the pod's grace shorter than it is.
    let less = deployment("  terminationGracePeriodSeconds: 5\n", "");
    assert_eq!(run(Path::new("."), &["check", "--fix", "-"], &less).out, deployment("", ""));
}

/// A Deployment with one finding: a short hold, since its port carries work and nobody knows a Service.
fn losing(name: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n  template:\n    spec:\n      \
         containers:\n        - name: app\n          ports: [{{containerPort: 8080}}]\n"
    )
}

#[test]
fn the_summary_begins_with_how_many_lose_work_and_how() {
    let two = format!("{}---\n{}", losing("web"), losing("api"));
    let summary = |arguments: &[&str], input: &str| {
        let out = run(Path::new("."), &[&["check"], arguments, &["-"]].concat(), input).out;
        let at = ["none of ", "1 of ", "2 of ", "3 of ", "1 workload", "as admitted"].map(|start| out.find(start));
        out[at.into_iter().flatten().min().unwrap()..].to_owned()
    };
    let hint = "  what rests on figures that no manifest states, such as how long work still comes, is a warning (--fail-on warning)\n";
    let mended = "would be mended at admission in enforce mode: draingate check --admitted\n";
    assert_eq!(
        summary(&[], &two),
        format!(
            "2 of 2 workloads lose work at a rollout\n  2 stop while work still comes (short-hold)\n  2 {mended}{hint}\n\
             2 pods and templates judged of 2 objects, 0 errors, 2 warnings\n"
        )
    );
    // Whoever fails on warnings needs no word about them.
    assert!(!summary(&["--fail-on", "warning"], &two).contains("--fail-on"));
    // A hook of 700 s needs 700 + 15 + 5, more than the ceiling of 600: nothing mends it.
    let hopeless = LONG_HOOK.replace("seconds: 25", "seconds: 700");
    assert_eq!(
        summary(&[], &format!("{two}---\n{hopeless}")),
        format!(
            "3 of 3 workloads lose work at a rollout\n  2 stop while work still comes (short-hold)\n  \
             1 is cut before its work is done (grace-budget)\n  2 of them {mended}{hint}\n\
             3 pods and templates judged of 3 objects, 1 error, 2 warnings\n"
        )
    );
    assert_eq!(
        summary(&["--admitted"], &two),
        "as admitted in enforce mode, none of 2 workloads loses work at a rollout\n\n\
         2 pods and templates judged of 2 objects, 0 errors, 0 warnings, 2 fixed at admission\n"
    );
    let clean = losing("web")
        .replace("          ports:", "          lifecycle: {preStop: {sleep: {seconds: 10}}}\n          ports:");
    assert_eq!(
        summary(&[], &clean),
        "1 workload, and it loses no work at a rollout\n\n1 pod or template judged of 1 object, 0 errors, 0 warnings\n"
    );
    // Nobody is told that nothing loses work where nothing was judged.
    let none = run(Path::new("."), &["check", "-"], "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n").out;
    assert_eq!(none, "0 pods and templates judged of 1 object, 0 errors, 0 warnings\n");
}

#[test]
fn a_comment_ignores_a_finding_of_its_own_document_and_no_other() {
    let ignored = format!("# draingate: ignore short-hold: its client tries again\n{}", losing("web"));
    let files = folder(&[("a.yaml", &format!("{ignored}---\n{}", losing("api")))]);
    let strict = |file: &str| run(files.path(), &["check", "--fail-on", "warning", file], "");
    let ran = strict("a.yaml");
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert!(!ran.out.contains("Deployment shop/web") && ran.out.contains("Deployment shop/api"), "{}", ran.out);
    assert!(
        ran.out.contains("1 of 2 workloads loses work") && ran.out.ends_with(", 1 warning, 1 ignored\n"),
        "{}",
        ran.out
    );

    std::fs::write(files.path().join("b.yaml"), &ignored).unwrap();
    assert_eq!(strict("b.yaml").code, 0);
    // It is not mended either.
    let fixed = run(files.path(), &["check", "--fix=diff", "a.yaml"], "");
    assert_eq!(fixed.out.matches("lifecycle").count(), 1, "{}", fixed.out);
    assert_eq!(run(files.path(), &["check", "--fix=diff", "b.yaml"], "").out, "");

    // An item of a List ends where the next one begins.
    let item = |name: &str| losing(name).replace('\n', "\n  ").replacen("apiVersion", "- apiVersion", 1);
    let list = format!(
        "apiVersion: v1\nkind: List\nitems:\n{}\n{}  # draingate: ignore short-hold: the last one\n",
        item("web").trim_end(),
        item("api").trim_end().to_owned() + "\n",
    );
    let result = check_json(Path::new("."), &["-"], &list);
    let by = |index: usize| result["results"][index]["findings"][0]["suppressed"]["by"].clone();
    assert_eq!((by(0), by(1)), (Value::Null, json!("comment")));

    let idle = format!("# draingate: ignore grace-budget: not so\n# draingate: ignore short-hold\n{}", losing("web"));
    let ran = run(Path::new("."), &["check", "-"], &idle);
    assert_eq!(
        ran.err,
        "draingate: -:1: this comment ignores nothing: there is no grace-budget here\n\
         draingate: -:2: this comment ignores nothing: it gives no reason: # draingate: ignore short-hold: REASON\n"
    );
    assert!(ran.out.contains("warning[short-hold]"), "{}", ran.out);
}

#[test]
fn of_an_old_repository_only_what_is_new_fails() {
    let files = folder(&[("deploy/a.yaml", &format!("{}---\n{}", losing("web"), losing("api")))]);
    let check = |arguments: &[&str]| {
        let strict = ["check", "--fail-on", "warning", "--baseline", "deploy/base.json"];
        run(files.path(), &[&strict[..], arguments].concat(), "")
    };
    let read = || std::fs::read_to_string(files.path().join("deploy/base.json")).unwrap();
    let first = check(&["deploy"]);
    assert_eq!(first.code, 0, "{}", first.out);
    assert_eq!(
        first.err,
        "draingate: deploy/base.json is written, with the 2 findings of this run: from now on only new ones fail\n"
    );
    let entry = |name: &str, severity: &str, count: usize| {
        format!(
            "{{\"namespace\":\"shop\",\"kind\":\"Deployment\",\"name\":\"{name}\",\"container\":\"app\",\
             \"code\":\"short-hold\",\"severity\":\"{severity}\",\"count\":{count}}}"
        )
    };
    let file = |entries: &[String]| {
        format!("{{\"version\":1,\"judged\":\"as-written\",\"findings\":[\n{}\n]}}\n", entries.join(",\n"))
    };
    assert_eq!(read(), file(&[entry("api", "warning", 1), entry("web", "warning", 1)]));

    // The same, on other lines; the file itself is no input. What is known is still lost.
    std::fs::write(files.path().join("deploy/a.yaml"), format!("# moved\n\n{}---\n{}", losing("api"), losing("web")))
        .unwrap();
    let again = check(&["deploy"]);
    assert_eq!((again.code, again.err.as_str()), (0, ""), "{}", again.out);
    assert!(again.out.starts_with("2 of 2 workloads lose work at a rollout\n"), "{}", again.out);
    assert!(
        again.out.ends_with("judged of 2 objects, 0 errors, 0 warnings, 2 known from the baseline\n"),
        "{}",
        again.out
    );

    // One more of the same is new, and so is another workload's.
    std::fs::write(files.path().join("deploy/b.yaml"), losing("web")).unwrap();
    std::fs::write(files.path().join("deploy/c.yaml"), losing("new")).unwrap();
    let more = check(&["deploy"]);
    assert_eq!(more.code, 1);
    assert!(more.out.contains("deploy/b.yaml:8") && more.out.contains("Deployment shop/new"), "{}", more.out);
    assert!(more.out.ends_with("0 errors, 2 warnings, 2 known from the baseline\n"), "{}", more.out);

    // A warning that has become an error is new.
    let severe = "apiVersion: draingate.dev/v1alpha1\nkind: DrainPolicy\nmetadata: {name: a, namespace: shop}\nspec: {rules: {short-hold: Error}}\n";
    std::fs::write(files.path().join("severe.yaml"), severe).unwrap();
    let worse = check(&["--policy", "severe.yaml", "deploy/a.yaml"]);
    assert!(worse.out.ends_with("2 errors, 0 warnings\n"), "{}", worse.out);
    // And one that was an error is known as a warning.
    std::fs::write(files.path().join("deploy/base.json"), file(&[entry("web", "error", 1)])).unwrap();
    assert_eq!(check(&["deploy/b.yaml"]).code, 0);

    // What is gone is said; what is about others is no news.
    std::fs::write(
        files.path().join("deploy/base.json"),
        file(&[entry("api", "warning", 2), entry("gone", "error", 1), entry("web", "warning", 1)]),
    )
    .unwrap();
    let less = check(&["deploy/a.yaml"]);
    assert_eq!(
        (less.code, less.err.as_str()),
        (
            0,
            "draingate: deploy/base.json: gone: short-hold of \"app\" in Deployment shop/api\n\
             draingate: deploy/base.json has 1 finding too many; --update-baseline takes what is gone out of it\n\
             draingate: deploy/base.json has 1 finding of workloads that are not among the inputs\n"
        )
    );
    assert_eq!(check(&["--update-baseline", "deploy/a.yaml"]).code, 0);
    assert_eq!(read(), file(&[entry("api", "warning", 1), entry("web", "warning", 1)]));

    // It is never written about less than all, nor believed about something else.
    std::fs::write(files.path().join("deploy/d.yaml"), "a: [1").unwrap();
    let before = read();
    assert_eq!(check(&["--update-baseline", "deploy"]).code, 2);
    assert_eq!(read(), before);
    assert_eq!(check(&["--admitted", "deploy/a.yaml"]).code, 2);
    std::fs::write(files.path().join("deploy/base.json"), "{}").unwrap();
    let bad = check(&["deploy/a.yaml"]);
    assert!(bad.code == 2 && bad.err.contains("deploy/base.json is no baseline"), "{}", bad.err);
    assert_eq!(check(&["--update-baseline", "--admitted", "deploy/a.yaml"]).code, 0);
    assert_eq!(read(), "{\"version\":1,\"judged\":\"admitted\",\"findings\":[]}\n");
}

#[test]
fn findings_of_a_baseline_are_marked_in_every_format() {
    let files = folder(&[("a.yaml", &losing("web"))]);
    let check =
        |format: &str| run(files.path(), &["check", "--baseline", "b.json", "--format", format, "a.yaml"], "").out;
    check("human");
    let json: Value = serde_json::from_str(&check("json")).unwrap();
    assert_eq!(json["results"][0]["findings"][0]["suppressed"], json!({"by": "baseline"}));
    assert_eq!(
        (&json["summary"]["baselined"], &json["summary"]["warnings"], &json["summary"]["lose"]),
        (&json!(1), &json!(0), &json!(1))
    );
    let sarif: Value = serde_json::from_str(&check("sarif")).unwrap();
    assert_eq!(sarif["runs"][0]["results"][0]["suppressions"], json!([{"kind": "external"}]));
    assert!(check("junit").contains("[short-hold], known from the baseline"));
    assert_eq!(check("github").lines().count(), 1);
}
