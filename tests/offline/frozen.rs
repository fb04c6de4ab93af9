//! What programs and scripts rely on, as it was in each version that is kept in `tests/offline/frozen`: it may grow, and
//! nothing of it goes or changes (docs/stability.md). `FREEZE=yes make offline TESTS=frozen::` keeps this version's.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::CommandFactory;
use draingate_testing::root;
use serde_json::Value;

/// Lines `NAME | KEY=VALUE | ...` by their name; a value that is a list is parted by commas.
type Lines = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

fn line(lines: &mut Lines, name: String, facts: impl IntoIterator<Item = (&'static str, String)>) {
    let known = lines.entry(name).or_default();
    for (key, value) in facts {
        known.entry(key.to_owned()).or_default().insert(value);
    }
}

fn written(lines: &Lines) -> String {
    let mut text = String::new();
    for (name, facts) in lines {
        text.push_str(name);
        for (key, values) in facts {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            write!(text, " | {key}={}", values.join("\u{1f}")).unwrap();
        }
        text.push('\n');
    }
    text.replace('\u{1f}', ", ")
}

fn read(text: &str) -> Lines {
    let facts = |fact: &str| {
        let (key, values) = fact.split_once('=').unwrap();
        (key.to_owned(), values.split(", ").map(str::to_owned).collect())
    };
    let parts = |line: &str| {
        let mut parts = line.split(" | ");
        (parts.next().unwrap().to_owned(), parts.map(facts).collect())
    };
    text.lines().map(parts).collect()
}

// ---- What there is now

/// The fields of a JSON Schema, each with what it takes.
fn fields(whole: &Value, schema: &Value, path: &str, within: &mut Vec<String>, lines: &mut Lines) {
    if let Some(name) = schema["$ref"].as_str() {
        if within.iter().any(|one| one == name) {
            return;
        }
        within.push(name.to_owned());
        let target = whole.pointer(name.trim_start_matches('#')).unwrap_or_else(|| panic!("{path}: {name}"));
        fields(whole, target, path, within, lines);
        within.pop();
    }
    for way in ["anyOf", "oneOf", "allOf"] {
        for one in schema[way].as_array().into_iter().flatten() {
            fields(whole, one, path, within, lines);
        }
    }
    let mut facts = Vec::new();
    match &schema["type"] {
        Value::String(kind) => facts.push(("type", kind.clone())),
        Value::Array(kinds) => facts.extend(kinds.iter().map(|kind| ("type", kind.as_str().unwrap().to_owned()))),
        _ => {}
    }
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    facts.extend(schema["enum"].as_array().into_iter().flatten().map(|value| ("values", text(value))));
    facts.extend(schema.get("const").map(|value| ("values", text(value))));
    for bound in ["minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "maxProperties", "format"] {
        facts.extend(schema.get(bound).map(|value| (bound, text(value))));
    }
    // Words of their own, so that none of them parts a line.
    let quoted = |value: &Value| value.to_string().replace([',', '|'], ";");
    facts.extend(schema.get("pattern").map(|value| ("pattern", quoted(value))));
    for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
        facts.push(("rules", quoted(&rule["rule"])));
    }
    facts.extend(schema["required"].as_array().into_iter().flatten().map(|name| ("required", text(name))));
    if !facts.is_empty() {
        line(lines, path.to_owned(), facts);
    }
    for (name, one) in schema["properties"].as_object().into_iter().flatten() {
        fields(whole, one, &format!("{path}.{name}"), within, lines);
    }
    for (key, mark) in [("items", "[]"), ("additionalProperties", ".*")] {
        if schema[key].is_object() {
            fields(whole, &schema[key], &format!("{path}{mark}"), within, lines);
        }
    }
}

/// The fields of a document.
fn shape(value: &Value, path: &str, lines: &mut Lines) {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    line(lines, path.to_owned(), [("type", kind.to_owned())]);
    match value {
        Value::Array(items) => items.iter().for_each(|item| shape(item, &format!("{path}[]"), lines)),
        Value::Object(all) => all.iter().for_each(|(name, value)| shape(value, &format!("{path}.{name}"), lines)),
        _ => {}
    }
}

fn draingate(arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_draingate"));
    // Nobody's cluster.
    let output = command.args(arguments).current_dir(root()).env("KUBECONFIG", "/does/not/exist").output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

/// `docs/NAME.schema.json`.
fn schema(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(root().join(format!("docs/{name}.schema.json"))).unwrap()).unwrap()
}

fn json() -> Lines {
    let mut lines = Lines::new();
    for name in ["check", "observe", "calibrate", "rehearse"] {
        let schema = schema(name);
        fields(&schema, &schema, name, &mut Vec::new(), &mut lines);
    }
    for name in ["codes", "hooks", "helpers", "servers"] {
        shape(&serde_json::from_str(&draingate(&[name, "--format", "json"]).1).unwrap(), name, &mut lines);
    }
    let explained = draingate(&["explain", "--format", "json", "examples/checkout.yaml"]).1;
    shape(&serde_json::from_str(&explained).unwrap(), "explain", &mut lines);
    lines
}

fn kinds() -> Lines {
    let mut lines = Lines::new();
    for name in ["drainpolicies", "clusterdrainpolicies"] {
        let file = root().join(format!("charts/draingate/files/crd-{name}.yaml"));
        let kind: Value = serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        for version in kind["spec"]["versions"].as_array().unwrap() {
            let path = format!("{name}/{}", version["name"].as_str().unwrap());
            let served = [("served", version["served"].to_string()), ("storage", version["storage"].to_string())];
            line(&mut lines, path.clone(), served);
            let schema = &version["schema"]["openAPIV3Schema"];
            fields(schema, schema, &path, &mut Vec::new(), &mut lines);
        }
    }
    lines
}

fn command_line() -> Lines {
    let mut lines = Lines::new();
    for command in draingate::cli::Cli::command().get_subcommands() {
        line(&mut lines, command.get_name().to_owned(), []);
        for argument in command.get_arguments() {
            let name = match argument.get_long() {
                Some(long) => format!("{} --{long}", command.get_name()),
                None => format!("{} <{}>", command.get_name(), argument.get_id()),
            };
            let mut facts = vec![("takes", format!("{:?}", argument.get_action()))];
            facts.extend(argument.get_short().map(|short| ("short", format!("-{short}"))));
            facts.extend(argument.is_required_set().then(|| ("required", "yes".to_owned())));
            facts.extend(argument.get_possible_values().iter().map(|value| ("values", value.get_name().to_owned())));
            line(&mut lines, name, facts);
        }
    }
    lines
}

/// Calls that need no cluster, with the code that each has to end with.
const CALLS: [(&str, i32); 14] = [
    ("check demo/plain.yaml", 0),
    ("check --fail-on warning demo/plain.yaml", 1),
    ("check demo/long-hook.yaml", 1),
    ("check /does/not/exist", 2),
    ("check --unknown", 2),
    ("explain demo/long-hook.yaml", 0),
    ("explain /does/not/exist", 2),
    ("codes", 0),
    ("codes no-such-code", 2),
    ("scan", 2),
    ("observe --for 1s", 2),
    ("ping", 2),
    ("rehearse deployment/web --no-load --yes", 2),
    ("calibrate -n shop --via cluster-ip --yes", 2),
];

fn exit_codes() -> Lines {
    let mut lines = Lines::new();
    for (call, code) in CALLS {
        let words: Vec<&str> = call.split(' ').collect();
        assert_eq!(draingate(&words).0, code, "{call}");
        line(&mut lines, call.to_owned(), [("code", code.to_string())]);
    }
    lines
}

// ---- What there was

/// What has become of a line that breaks those who rely on it. `given`: a person writes it, and we read it.
fn broken(name: &str, was: &BTreeMap<String, BTreeSet<String>>, is: &Lines, given: bool) -> Vec<String> {
    let Some(is) = is.get(name) else { return vec![format!("{name} is gone")] };
    let nothing = BTreeSet::new();
    let keys: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    let mut broken = Vec::new();
    for key in keys {
        let (was, is) = (was.get(key).unwrap_or(&nothing), is.get(key).unwrap_or(&nothing));
        let number = |set: &BTreeSet<String>| set.first().and_then(|value| value.parse::<f64>().ok());
        let fine = match key.as_str() {
            // Whoever writes need write no more; whoever reads finds as much.
            "required" if given => is.is_subset(was),
            "required" => was.is_subset(is),
            // One more value breaks nobody who writes; who reads has to know of it (docs/stability.md).
            "values" => was.is_subset(is) || is.is_empty() && given,
            "minimum" | "minLength" | "minItems" if given => number(is) <= number(was),
            "maximum" | "maxLength" | "maxItems" | "maxProperties" if given => {
                is.is_empty() || !was.is_empty() && number(is) >= number(was)
            }
            "rules" => is.is_subset(was),
            "type" if given => was.is_subset(is),
            "type" => is.is_subset(was) && !is.is_empty(),
            _ => was == is,
        };
        if !fine {
            broken.push(format!("{name}: {key} was {was:?}, and is {is:?}"));
        }
    }
    broken
}

fn all_broken(was: &Lines, is: &Lines, given: bool) -> Vec<String> {
    was.iter().flat_map(|(name, facts)| broken(name, facts, is, given)).collect()
}

fn frozen() -> PathBuf {
    root().join("tests/offline/frozen")
}

fn holds(file: &str, is: &Lines, given: bool) {
    let this = frozen().join(env!("CARGO_PKG_VERSION"));
    if std::env::var_os("FREEZE").is_some_and(|value| value == "yes") {
        std::fs::create_dir_all(&this).unwrap();
        std::fs::write(this.join(file), written(is)).unwrap();
    }
    assert!(this.join(file).is_file(), "{} is not there: FREEZE=yes make offline TESTS=frozen::", this.display());
    let versions: Vec<PathBuf> = std::fs::read_dir(frozen()).unwrap().map(|entry| entry.unwrap().path()).collect();
    for version in versions {
        let was = kept(&version.join(file));
        let broken = all_broken(&was, is, given);
        assert!(broken.is_empty(), "not as in {}:\n{}", version.display(), broken.join("\n"));
    }
}

fn kept(file: &Path) -> Lines {
    read(&std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display())))
}

#[test]
fn json_of_version_1_only_grows() {
    holds("json.txt", &json(), false);
}

#[test]
fn what_a_policy_could_say_it_can_still_say() {
    holds("kinds.txt", &kinds(), true);
}

#[test]
fn every_call_is_still_a_call() {
    holds("command-line.txt", &command_line(), true);
}

#[test]
fn exit_codes_are_what_they_were() {
    holds("exit-codes.txt", &exit_codes(), false);
}

/// The schemas that are written from the code.
#[test]
fn the_schemas_of_calibrate_and_rehearse_are_those_of_the_code() {
    for (name, schema) in [
        ("calibrate", schemars::schema_for!(draingate::calibrate::report::Report)),
        ("rehearse", schemars::schema_for!(draingate::rehearse::report::Report)),
    ] {
        let mut schema = schema.to_value();
        schema["$id"] = format!("https://draingate.dev/{name}.schema.json").into();
        schema["title"] = format!("draingate {name} --format json, version 1").into();
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        draingate_testing::written::same(&root().join(format!("docs/{name}.schema.json")), &text);
    }
}

/// The comparison notices what it is there for.
#[test]
fn a_change_that_breaks_somebody_is_seen() {
    let was = read("a.b | maximum=9 | type=integer | values=x, y\na | required=b | type=object\n");
    for (is, output, input) in [
        ("a.b | maximum=9 | type=integer | values=x, y\na | required=b | type=object\na.c | type=string\n", 0, 0),
        ("a.b | maximum=9 | type=string | values=x, y\na | required=b | type=object\n", 1, 1),
        ("a.b | maximum=9 | type=integer | values=x\na | required=b | type=object\n", 1, 1),
        ("a.b | maximum=9 | type=integer | values=x, y\na | type=object\n", 1, 0),
        ("a.b | maximum=9 | type=integer | values=x, y\na | required=b, c | type=object\n", 0, 1),
        ("a.b | maximum=8 | type=integer | values=x, y\na | required=b | type=object\n", 1, 1),
        ("a.b | maximum=9 | rules=\"self > 1\" | type=integer | values=x, y\na | required=b | type=object\n", 1, 1),
        ("a | required=b | type=object\n", 1, 1),
    ] {
        assert_eq!(all_broken(&was, &read(is), false).len(), output, "{is}");
        assert_eq!(all_broken(&was, &read(is), true).len(), input, "{is}");
    }
    assert_eq!(read(&written(&was)), was);
}
