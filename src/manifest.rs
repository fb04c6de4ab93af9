//! YAML and JSON files: documents, one by one, so that a broken one takes no other with it.

use serde_json::Value;

/// One document of a file, not yet parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Document<'a> {
    /// Counted from 0.
    pub index: usize,
    /// The line of the file on which its text begins, counted from 1.
    pub line: usize,
    /// Its text, without the separator.
    pub text: &'a str,
}

/// Why a document cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {message}")]
pub struct Problem {
    /// Line in the file, counted from 1.
    pub line: usize,
    /// Column, counted from 1.
    pub column: usize,
    /// What is wrong, and what to do.
    pub message: String,
}

/// Splits a stream at its `---` lines. Documents without content are left out.
pub fn documents(text: &str) -> Vec<Document<'_>> {
    let mut documents = Vec::new();
    let (mut start, mut start_line, mut at) = (0, 1, 0);
    let mut push = |from: usize, to: usize, line: usize| {
        let text = text.get(from..to).unwrap_or_default();
        let blank = |l: &str| {
            l.trim().is_empty() || l.trim_start().starts_with('#') || l.starts_with('%') || l.trim_end() == "..."
        };
        if !text.lines().all(blank) {
            let index = documents.len();
            documents.push(Document { index, line, text });
        }
    };
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let marker =
            line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']));
        if marker {
            push(start, at, start_line);
            // What follows `---` on its line belongs to the new document.
            let inline =
                line.get(3..).is_some_and(|rest| !rest.trim().is_empty() && !rest.trim_start().starts_with('#'));
            start = if inline { at + 3 } else { at + line.len() };
            start_line = if inline { number + 1 } else { number + 2 };
        }
        at += line.len();
    }
    push(start, text.len(), start_line);
    documents
}

/// Parses one document.
///
/// # Errors
/// Where it is not YAML, with the place in the file.
pub fn parse(document: &Document) -> Result<Value, Problem> {
    let options = serde_saphyr::options! { legacy_octal_numbers: true };
    serde_saphyr::from_str_with_options(document.text, options).map_err(|error| {
        let (line, column) = error.location().map_or((1, 1), |at| (at.line() as usize, at.column() as usize));
        let message = first_line(&error.without_snippet().to_string());
        Problem { line: document.line + line.max(1) - 1, column: column.max(1), message: hint(document.text, message) }
    })
}

fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().to_owned()
}

fn hint(text: &str, message: String) -> String {
    if text.contains("{{") {
        return format!("{message}; this looks like a Helm template: render it first (helm template), then check that");
    }
    message
}

/// The objects of a document: itself, or the items of a `List`.
pub fn objects(document: &Value) -> Vec<&Value> {
    let is_list = document.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
    match document.get("items").and_then(Value::as_array) {
        Some(items) if is_list => items.iter().flat_map(objects).collect(),
        _ => vec![document],
    }
}
