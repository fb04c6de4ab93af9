//! `draingate explain`: every case as text, SVG, HTML and JSON, the binary itself, and the README's picture.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use draingate::explain::{File, explanations};
use draingate::report::timeline::{Explanation, LaneKind, What, html, json, svg, text, words};
use draingate_core::pod::HookSource;
use draingate_core::world::World;
use draingate_testing::{case, root, written};
use roxmltree::{Document, Node};

/// Names that try to get out, or that are far too long.
const HOSTILE: &str = r#"
# draingate: ignore invalid-setting: </text><script>alert(2)</script> \u001b[31m
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: an-exceptionally-long-name-of-a-stateful-set-that-was-never-changed-after-it-had-been-given-in-a-hurry
  namespace: people-who-like-long-names
spec:
  template:
    metadata:
      annotations: {draingate.dev/worst-case-request-seconds: "</text><script>alert(1)</script>"}
    spec:
      terminationGracePeriodSeconds: 40
      containers:
      - name: the-main-application-container-with-sixty-three-characters-abc
        ports: [{containerPort: 1}]
        lifecycle: {preStop: {httpGet: {path: /, port: 80}}}
      - name: "<b onload='x'>&\"evil\"\u001b[31m]]>\u202e"
        lifecycle: {preStop: {sleep: {seconds: 100}}}
      - {name: pgbouncer}
      initContainers:
      - {name: mmmmmmmmmmmmmmmmmmmmmmmmmmmm, restartPolicy: Always}
      - {name: 漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字, restartPolicy: Always}
---
apiVersion: v1
kind: Pod
metadata: {name: a-month, annotations: {draingate.dev/max-seconds: "1"}}
spec:
  containers:
  - {name: app, ports: [{containerPort: 1}], lifecycle: {preStop: {exec: {command: [sleep, "2592000"]}}}}
  - {name: vector}
---
apiVersion: v1
kind: Pod
metadata: {name: no-grace}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: app, ports: [{containerPort: 1}]}, {name: istio-proxy}]
"#;

fn explained(name: &str, text: &str) -> Vec<Explanation> {
    let file = File { name: name.into(), text: text.into() };
    let (explanations, ..) = explanations(&[file], World::default(), "default");
    assert!(!explanations.is_empty(), "{name}");
    explanations
}

/// Every case, and what no case has.
fn all() -> Vec<(String, Explanation)> {
    let mut all = Vec::new();
    for case in case::all() {
        let text = std::fs::read_to_string(&case.path).unwrap();
        let mut explanations = explained(&case.name, &text).into_iter();
        // Beside a pod there may be its owner.
        let explanation = explanations.find(|explanation| case.subject["kind"] == *explanation.result.kind).unwrap();
        let expected = &case.expected;
        let last = explanation.views.last().map_or(explanation.result.verdict, |view| view.verdict);
        assert_eq!(last.as_str(), expected.verdict, "{}", case.name);
        if let Some(written) = &expected.as_written {
            assert_eq!(explanation.result.verdict.as_str(), written.verdict, "{}", case.name);
        }
        assert_eq!(explanation.views.is_empty(), expected.verdict == "skipped", "{}", case.name);
        if let (Some(view), Some(required)) = (explanation.views.last(), expected.required_grace_period_seconds) {
            assert_eq!(view.required_grace, required, "{}", case.name);
        }
        all.push((case.name, explanation));
    }
    let hostile = explained("hostile", HOSTILE).into_iter();
    all.extend(hostile.map(|explanation| (format!("hostile {}", explanation.result.name), explanation)));
    all
}

#[test]
fn segments_follow_one_another_and_end_where_the_budget_says() {
    for (name, explanation) in all() {
        // Of the containers as they are written. What is still to come is drawn, and is no container yet.
        let Some(view) = explanation.views.first() else { continue };
        let there: Vec<_> = view.timeline.lanes.iter().filter(|lane| lane.injected_by.is_none()).collect();
        assert_eq!(there.len(), explanation.result.containers.len() + 1, "{name}");
        for (lane, container) in there.into_iter().skip(1).zip(&explanation.result.containers) {
            let own: Vec<_> = lane.segments.iter().filter(|segment| segment.what != What::Margin).collect();
            let end = own.last().map_or(Some(0), |segment| segment.to);
            assert_eq!((&lane.name, end), (&container.name, container.done), "{name}");
            let injected = lane.segments.iter().any(|segment| segment.is_injected());
            let expected = container.hook_source == HookSource::Injected && container.hook != Some(0);
            assert_eq!(injected, expected, "{name}");
        }
        for lane in explanation.views.iter().flat_map(|view| &view.timeline.lanes) {
            let mut at = Some(0);
            for segment in &lane.segments {
                assert_eq!(Some(segment.from), at, "{name}: {lane:?}");
                at = segment.to;
            }
        }
    }
}

#[test]
fn text_is_80_columns_wide_and_plain() {
    for (name, explanation) in all() {
        let drawn = text::render(std::slice::from_ref(&explanation), false);
        for line in drawn.lines() {
            let columns: u64 = line.chars().map(words::columns).sum();
            assert!(columns <= 80, "{name}: {columns} columns: {line}\n{drawn}");
            assert!(!line.chars().any(char::is_control), "{name}: {line:?}");
            assert_eq!(line.trim_end(), line, "{name}");
        }
        let coloured = text::render(std::slice::from_ref(&explanation), true);
        assert!(coloured.contains("\u{1b}["), "{name}");
    }
}

#[test]
fn what_an_injector_is_still_to_write_is_drawn() {
    let case = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/cases/{name}.yaml"));
        explained(name, &std::fs::read_to_string(path).unwrap()).remove(0)
    };
    let template = case("mesh-linkerd-template");
    let lanes = &template.views[0].timeline.lanes;
    let (proxy, names) = (lanes.last().unwrap(), lanes.iter().map(|lane| lane.name.as_str()).collect::<Vec<_>>());
    assert_eq!(names, ["traffic", "destination", "linkerd-proxy"]);
    assert_eq!((proxy.kind, proxy.injected_by, proxy.sigterm), (LaneKind::Helper, Some("Linkerd"), Some(30)));
    let drawn = text::render(std::slice::from_ref(&template), false);
    assert!(drawn.contains("linkerd-proxy is not there yet: Linkerd will inject it"), "{drawn}");

    // Told at once, it serves 20 s of the 25 that its app needs it.
    let early = case("mesh-istio-drain-too-short").views.remove(0).timeline;
    let proxy = &early.lanes[2];
    assert_eq!((proxy.sigterm, proxy.injected_by), (Some(0), None));
    let segments: Vec<_> = proxy.segments.iter().map(|s| (s.what, s.from, s.to)).collect();
    assert_eq!(segments[..2], [(What::Serving, 0, Some(20)), (What::Leaving, 20, Some(25))]);
}

#[test]
fn the_text_of_a_pooler() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/checkout.yaml");
    let drawn = text::render(&explained("checkout.yaml", &std::fs::read_to_string(path).unwrap()), false);
    let expected = "\
  As admitted: grace raised from 30 to 40 s, needs 31 s: fits
  seconds            0      5      10     15      20     25     30     35     40
                     :      :      :      :       :      :      :      :       G
  traffic            >>>> 10 s >>>>                                            |
  app                ++++ 10 s ++++T### request 15 s ####                      |
  pgbouncer (helper) +++++++++ preStop hook 26 s +++++++++T~~~~~~              |
  needs 31 s = hold 26 (preStop hook of \"pgbouncer\", injected) + safety margin
    5 (built-in)
";
    assert!(drawn.contains(expected), "{drawn}");
}

/// A box in pixels.
#[derive(Clone, Copy, Debug)]
struct Extent {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl Extent {
    fn is_within(&self, outer: &Extent) -> bool {
        self.left >= outer.left - 0.5
            && self.right <= outer.right + 0.5
            && self.top >= outer.top
            && self.bottom <= outer.bottom
    }

    fn overlaps(&self, other: &Extent) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }
}

fn number(node: &Node, name: &str) -> f64 {
    node.attribute(name).unwrap_or_else(|| panic!("{name} of {node:?}")).parse().unwrap()
}

fn rect(node: &Node) -> Extent {
    let (left, top) = (number(node, "x"), number(node, "y"));
    Extent { left, right: left + number(node, "width"), top, bottom: top + number(node, "height") }
}

/// What a text takes at most: 0.62 em for each character, 1.1 em for one that is not ASCII.
fn text_box(node: &Node) -> Extent {
    let (x, y, size) = (number(node, "x"), number(node, "y"), number(node, "font-size"));
    let em: f64 = node.text().unwrap().chars().map(|c| if c.is_ascii() { 0.62 } else { 1.1 }).sum();
    let left = match node.attribute("text-anchor") {
        Some("middle") => x - em * size / 2.0,
        Some("end") => x - em * size,
        _ => x,
    };
    Extent { left, right: left + em * size, top: y - 0.8 * size, bottom: y + 0.22 * size }
}

fn class(node: &Node, name: &str) -> bool {
    node.attribute("class").is_some_and(|classes| classes.split(' ').any(|class| class == name))
}

fn look_at(name: &str, picture: &str) {
    let document = Document::parse(picture).unwrap_or_else(|error| panic!("{name}: {error}\n{picture}"));
    let root = document.root_element();
    assert_eq!((root.tag_name().name(), root.attribute("role")), ("svg", Some("img")), "{name}");
    for child in ["title", "desc"] {
        let node = root.children().find(|node| node.has_tag_name(("http://www.w3.org/2000/svg", child)));
        assert!(node.and_then(|node| node.text()).is_some_and(|text| !text.is_empty()), "{name}: {child}");
    }
    let known = ["svg", "title", "desc", "style", "defs", "pattern", "rect", "line", "path", "text", "g"];
    let page = Extent { left: 0.0, top: 0.0, right: number(&root, "width"), bottom: number(&root, "height") };
    let mut texts: Vec<(String, Extent)> = Vec::new();
    for node in document.descendants().filter(Node::is_element) {
        assert!(known.contains(&node.tag_name().name()), "{name}: {node:?}");
        assert!(node.attributes().all(|attribute| !attribute.name().starts_with("on")), "{name}: {node:?}");
        let lane = node.ancestors().find(|node| class(node, "lane"));
        match node.tag_name().name() {
            "text" => {
                let (words, extent) = (node.text().unwrap().to_owned(), text_box(&node));
                assert!(extent.is_within(&page), "{name}: {words:?} leaves the picture: {extent:?}");
                if let Some(lane) = lane {
                    let (top, bottom) = (number(&lane, "data-top"), number(&lane, "data-bottom"));
                    let row = Extent { top, bottom, ..page };
                    assert!(extent.is_within(&row), "{name}: {words:?} leaves its lane: {extent:?}");
                }
                for (other, place) in &texts {
                    assert!(!extent.overlaps(place), "{name}: {words:?} is over {other:?}: {extent:?} {place:?}");
                }
                texts.push((words, extent));
            }
            "rect" if class(&node, "bar") => {
                let lane = lane.unwrap();
                let plot = Extent {
                    left: number(&lane, "data-left"),
                    right: number(&lane, "data-right"),
                    top: number(&lane, "data-top"),
                    bottom: number(&lane, "data-bottom"),
                };
                assert!(rect(&node).is_within(&plot), "{name}: a bar leaves its plot: {:?}", rect(&node));
            }
            _ => {}
        }
    }
}

#[test]
fn no_text_overlaps_another_or_leaves_its_lane() {
    for (name, explanation) in all() {
        look_at(&name, &svg::render(&explanation));
        for view in &explanation.views {
            look_at(&name, &svg::panel_of(&explanation, view, "stop-0-0"));
        }
    }
}

#[test]
fn a_page_is_whole_and_fetches_nothing() {
    let all: Vec<_> = all().into_iter().map(|(_, explanation)| explanation).collect();
    let page = html::render(&all);
    for word in ["<script", "<b ", "onload='", " src=", "<link", "@import", "\u{1b}", "\u{202e}"] {
        assert!(!page.contains(word), "{word:?}");
    }
    let outside = page.replace("http://www.w3.org/2000/svg", "");
    assert!(!outside.contains("url(http") && !outside.contains("href="));
    assert_eq!(page.matches("<section>").count(), all.len());
    assert_eq!(page.matches("<svg").count(), all.iter().map(|explanation| explanation.views.len()).sum::<usize>());
    let mut ids: Vec<_> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "an id is there twice");
}

#[test]
fn the_data_is_version_1() {
    let all: Vec<_> = all().into_iter().map(|(_, explanation)| explanation).collect();
    let data: serde_json::Value = serde_json::from_str(&json::render(&all).unwrap()).unwrap();
    assert_eq!(data["version"], 1);
    let pooler = data["objects"].as_array().unwrap().iter().find(|object| object["name"] == "checkout").unwrap();
    assert_eq!(pooler["views"][0]["view"], "as-written");
    let hook = &pooler["views"][1]["lanes"][1]["segments"][0];
    let expected =
        serde_json::json!({"from": 0, "to": 10, "what": "hook", "cut": false, "seconds": 10, "source": "injected"});
    assert_eq!(hook, &expected);
}

fn draingate(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_draingate"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A call that is refused reads nothing.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

#[test]
fn the_picture_in_the_docs_is_what_the_command_draws() {
    let drawn = draingate(&["explain", "examples/checkout.yaml", "--format", "svg"], "");
    assert!(drawn.status.success());
    written::same(&root().join("docs/explain.svg"), std::str::from_utf8(&drawn.stdout).unwrap());
}

#[test]
fn a_broken_document_takes_no_other_with_it() {
    let input = "a: [\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: one}\nspec: {containers: [{name: app}]}\n";
    let output = draingate(&["explain", "-"], input);
    let (told, drawn) = (String::from_utf8(output.stderr).unwrap(), String::from_utf8(output.stdout).unwrap());
    assert_eq!(output.status.code(), Some(2));
    assert!(told.contains("draingate: -:1:") || told.contains("draingate: -:2:"), "{told}");
    assert!(drawn.starts_with("Pod default/one (standard input:3): pass\n"), "{drawn}");
    assert!(!drawn.contains('\u{1b}'));
}

#[test]
fn one_of_several_is_named() {
    let answer = |arguments: &[&str]| {
        let output = draingate(&[&["explain", "-"], arguments].concat(), HOSTILE);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    };
    let (code, drawn, _) = answer(&["-n", "shop", "pod/a-month"]);
    assert_eq!((code, drawn.lines().filter(|line| line.contains("standard input")).count()), (0, 1), "{drawn}");
    assert!(drawn.starts_with("Pod shop/a-month "), "{drawn}");
    let (code, drawn, told) = answer(&["--format", "svg"]);
    assert_eq!((code, drawn.as_str()), (2, ""));
    assert!(told.contains("3 objects carry a pod"), "{told}");
    assert_eq!(answer(&["--format", "svg", "no-grace"]).0, 0);
    let (code, _, told) = answer(&["nobody"]);
    assert_eq!((code, told.as_str()), (2, "draingate: no object named \"nobody\" carries a pod\n"));
}

#[test]
fn a_path_that_is_there_or_looks_like_one_is_a_file_and_the_rest_an_object_of_a_cluster() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("deployment")).unwrap();
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: one}\nspec: {containers: [{name: app}]}\n";
    std::fs::write(folder.path().join("deployment/web"), pod).unwrap();
    let explain = |name: &str| {
        let command = &mut Command::new(env!("CARGO_BIN_EXE_draingate"));
        let output =
            command.args(["explain", name]).current_dir(folder.path()).env("KUBECONFIG", "/does/not/exist").output();
        let output = output.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    };
    let (code, drawn, _) = explain("deployment/web");
    assert_eq!(code, 0);
    assert!(drawn.starts_with("Pod default/one (deployment/web:1)"), "{drawn}");
    for name in ["deployment/web.yaml", "./deployment/api", "web", "a/b/c"] {
        let (code, _, told) = explain(name);
        assert_eq!((code, told), (2, format!("draingate: {name}: there is no such file or folder\n")));
    }
    let (code, _, told) = explain("deployment/api");
    assert_eq!(code, 2);
    assert!(told.starts_with("draingate: deployment/api: there is no such file: no cluster to talk to"), "{told}");
}
