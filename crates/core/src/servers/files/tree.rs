//! Keys within keys: YAML and JSON, TOML, Java's properties.

use serde_json::Value;

use crate::manifest;

use super::{UNKNOWN, is, toml};

/// Deeper is no setting.
const DEPTH: usize = 32;

/// Tells each scalar by its keys, with dots between them; of a list each of its items.
pub(super) fn each(path: &str, text: &str, tell: &mut dyn FnMut(&str, &str)) {
    for part in parts(path, text) {
        document(path, part, tell);
    }
}

/// What says that a document counts only under conditions.
const CONDITIONS: [&str; 3] =
    ["spring.config.activate.on-profile", "spring.config.activate.on-cloud-platform", "spring.profiles"];

/// The same for Spring Boot. What stands in a document with a condition has a value that nobody knows here.
pub(super) fn spring(path: &str, text: &str, tell: &mut dyn FnMut(&str, &str)) {
    for part in parts(path, text) {
        let mut pairs = Vec::new();
        document(path, part, &mut |key, value| pairs.push((key.to_owned(), value.to_owned())));
        let depends = pairs.iter().any(|(key, _)| CONDITIONS.iter().any(|condition| is(condition, key)));
        for (key, value) in &pairs {
            tell(key, if depends { UNKNOWN } else { value });
        }
    }
}

/// The documents of a file.
fn parts<'t>(path: &str, text: &'t str) -> Vec<&'t str> {
    match extension(path) {
        "properties" => {
            let mut parts = Vec::new();
            let (mut start, mut at) = (0, 0);
            for line in text.split_inclusive('\n') {
                if matches!(line.trim_end(), "#---" | "!---") {
                    parts.extend(text.get(start..at));
                    start = at + line.len();
                }
                at += line.len();
            }
            parts.extend(text.get(start..));
            parts
        }
        "toml" => vec![text],
        _ => manifest::documents(text).iter().map(|document| document.text).collect(),
    }
}

fn document(path: &str, text: &str, tell: &mut dyn FnMut(&str, &str)) {
    match extension(path) {
        "properties" => properties(text, tell),
        "toml" => toml::each(text, tell),
        _ => {
            if let Ok(value) = manifest::parse(&manifest::Document { index: 0, line: 1, start: 0, text }) {
                scalars(&value, &mut String::new(), DEPTH, tell);
            }
        }
    }
}

fn extension(path: &str) -> &str {
    crate::text::base(path).rsplit_once('.').map_or("", |(_, extension)| extension)
}

fn scalars(value: &Value, path: &mut String, depth: usize, tell: &mut dyn FnMut(&str, &str)) {
    match value {
        Value::Object(entries) if depth > 0 => {
            for (key, value) in entries {
                let length = path.len();
                path.push_str(if length > 0 { "." } else { "" });
                path.push_str(key);
                scalars(value, path, depth - 1, tell);
                path.truncate(length);
            }
        }
        Value::Array(items) if depth > 0 => items.iter().for_each(|item| scalars(item, path, depth - 1, tell)),
        Value::String(text) => tell(path, text),
        Value::Number(_) | Value::Bool(_) => tell(path, &value.to_string()),
        Value::Null | Value::Object(_) | Value::Array(_) => {}
    }
}

/// `key=value`, `key: value`, `key value`; a line that ends in a backslash goes on.
fn properties(text: &str, tell: &mut dyn FnMut(&str, &str)) {
    let mut goes_on = false;
    for line in text.lines() {
        let (line, first) = (line.trim(), !goes_on);
        goes_on = line.ends_with('\\') && !(first && line.starts_with(['#', '!']));
        if !first || line.starts_with(['#', '!']) {
            continue;
        }
        let end = line.find(['=', ':', ' ', '\t']).unwrap_or(line.len());
        let (key, rest) = line.split_at(end);
        let value = rest.trim_start();
        let value = value.strip_prefix(['=', ':']).unwrap_or(value).trim();
        tell(key, if goes_on { UNKNOWN } else { value });
    }
}
