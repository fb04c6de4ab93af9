//! YAML and JSON files: documents, one by one, so that a broken one takes no other with it.

use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::{Location, Spanned};

mod edit;
mod plain;

pub use edit::{edited, within};

/// One document of a file, not yet parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Document<'a> {
    /// Counted from 0.
    pub index: usize,
    /// The line of the file on which its text begins, counted from 1.
    pub line: usize,
    /// Where its text begins, in bytes of the file.
    pub start: usize,
    /// Its text, without the separator.
    pub text: &'a str,
}

impl Document<'_> {
    /// The line of the file with the document's first key, counted from 1.
    pub fn first_line(&self) -> usize {
        let blank = |line: &&str| line.trim().is_empty() || line.trim_start().starts_with('#') || line.starts_with('%');
        self.line + self.text.lines().take_while(blank).count()
    }
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
            documents.push(Document { index, line, start: from, text });
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
    match plain::read(document.text) {
        Some(value) => Ok(value),
        None => read(document),
    }
}

/// Why a document cannot be read, as [`parse`] would say; nothing is kept of one that can.
pub fn problem(document: &Document) -> Option<Problem> {
    if plain::read::<plain::Nothing>(document.text).is_some() { None } else { read::<Value>(document).err() }
}

/// The `apiVersion` and the `kind` of a document, where they can be told without reading it: it is a block map at the margin,
/// whose keys there are words, and has both of them once, as words.
pub fn glance<'a>(document: &Document<'a>) -> Option<(&'a str, &'a str)> {
    let (mut api_version, mut kind) = (None, None);
    for line in document.text.split('\n') {
        let Some(first) = line.bytes().next() else { continue };
        if matches!(first, b' ' | b'#') || line.starts_with("- ") {
            continue;
        }
        let key = line.bytes().take_while(u8::is_ascii_alphanumeric).count();
        let value = line.get(key..)?.strip_prefix(':').filter(|rest| rest.is_empty() || rest.starts_with(' '))?;
        let slot = match line.get(..key)? {
            "apiVersion" => &mut api_version,
            "kind" => &mut kind,
            _ => continue,
        };
        let word = value.find(" #").map_or(value, |comment| value.get(..comment).unwrap_or_default()).trim_matches(' ');
        let is_word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'/' | b'-');
        let is_new = slot.replace(word).is_none();
        if !is_new || !word.starts_with(|c: char| c.is_ascii_alphabetic()) || !word.bytes().all(is_word) {
            return None;
        }
    }
    api_version.zip(kind)
}

/// Parses one document into a tree that knows where each node is written.
///
/// # Errors
/// Where it is not YAML, with the place in the file.
pub fn parse_with_places(document: &Document) -> Result<Node, Problem> {
    match plain::read(document.text) {
        Some(node) => Ok(node),
        None => read(document),
    }
}

fn read<'de, T: Deserialize<'de>>(document: &Document<'de>) -> Result<T, Problem> {
    let options = serde_saphyr::options! { legacy_octal_numbers: true };
    serde_saphyr::from_str_with_options(document.text, options).map_err(|error| {
        let (line, column) = error.location().map_or((1, 1), |at| (at.line() as usize, at.column() as usize));
        let message = first_line(&error.without_snippet().to_string());
        Problem { line: document.line + line.max(1) - 1, column: column.max(1), message: hint(document.text, message) }
    })
}

/// The first line, without the place: that is told on its own, as one in the file.
fn first_line(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    line.split_once(" at line ").map_or(line, |(message, _)| message).to_owned()
}

fn hint(text: &str, message: String) -> String {
    if text.contains("{{") {
        return format!("{message}; this looks like a Helm template: render it first (helm template), then check that");
    }
    message
}

/// The objects of a document: itself, or the items of a `List`.
pub fn objects(document: &Value) -> Vec<&Value> {
    objects_at(document).into_iter().map(|(_, object)| object).collect()
}

/// The objects of a document, each with its JSON pointer there.
pub fn objects_at(document: &Value) -> Vec<(String, &Value)> {
    let is_list = document.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
    match document.get("items").and_then(Value::as_array) {
        Some(items) if is_list => {
            let item = |(index, item)| {
                let inner = objects_at(item).into_iter();
                inner.map(move |(pointer, object)| (format!("/items/{index}{pointer}"), object))
            };
            items.iter().enumerate().flat_map(item).collect()
        }
        _ => vec![(String::new(), document)],
    }
}

/// A node of a document and where it is written.
#[derive(Debug, PartialEq)]
pub struct Node {
    /// Bytes of the document's text.
    pub span: Range<usize>,
    /// Line in the document, counted from 1.
    pub line: usize,
    children: Children,
}

#[derive(Debug, PartialEq)]
enum Children {
    None,
    Items(Vec<Node>),
    Entries(Vec<(Key, Node)>),
}

#[derive(Debug, PartialEq)]
struct Key {
    text: String,
    span: Range<usize>,
    line: usize,
}

/// Where something is, or would be, in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Bytes of the document's text: of the key and its value, or of the nearest parent's key.
    pub span: Range<usize>,
    /// Line in the document, counted from 1.
    pub line: usize,
    /// Whether the thing itself is there, and not just a parent.
    pub exact: bool,
}

impl Node {
    /// The place of a JSON pointer; that of its nearest parent where the document does not have it.
    pub fn find(&self, pointer: &str) -> Place {
        let mut place = Place { span: self.first_key(), line: self.line, exact: pointer.is_empty() };
        let mut node = self;
        for token in pointer.split('/').skip(1) {
            let token = token.replace("~1", "/").replace("~0", "~");
            let next = match &node.children {
                Children::Entries(entries) => entries
                    .iter()
                    .rev()
                    .find(|(key, _)| key.text == token)
                    .map(|(key, value)| (value, key.span.clone(), key.line)),
                Children::Items(items) => {
                    let item = token.parse::<usize>().ok().and_then(|index| items.get(index));
                    item.map(|item| (item, item.first_key(), item.line))
                }
                Children::None => None,
            };
            let Some((found, span, line)) = next else {
                place.exact = false;
                return place;
            };
            place = Place { span, line, exact: true };
            node = found;
        }
        if let Children::None = node.children {
            place.span.end = node.span.end.max(place.span.end);
        }
        place
    }

    /// The node of a JSON pointer.
    pub fn node(&self, pointer: &str) -> Option<&Node> {
        pointer.split('/').skip(1).try_fold(self, |node, token| {
            let token = token.replace("~1", "/").replace("~0", "~");
            match &node.children {
                Children::Entries(entries) => {
                    entries.iter().rev().find(|(key, _)| key.text == token).map(|(_, value)| value)
                }
                Children::Items(items) => items.get(token.parse::<usize>().ok()?),
                Children::None => None,
            }
        })
    }

    /// Whether a byte of the document's text is part of a scalar: what looks like a comment there is none.
    pub fn is_in_scalar(&self, at: usize) -> bool {
        match &self.children {
            Children::None => self.span.contains(&at),
            Children::Items(items) => items.iter().any(|item| item.is_in_scalar(at)),
            Children::Entries(entries) => {
                entries.iter().any(|(key, value)| key.span.contains(&at) || value.is_in_scalar(at))
            }
        }
    }

    fn first_key(&self) -> Range<usize> {
        match &self.children {
            Children::Entries(entries) => entries.first().map_or(self.span.clone(), |(key, _)| key.span.clone()),
            _ => self.span.clone(),
        }
    }
}

fn range(location: Location) -> Range<usize> {
    let span = location.span();
    let start = span.byte_offset().unwrap_or(0) as usize;
    start..start + span.byte_len().unwrap_or(0) as usize
}

impl plain::Build for Node {
    fn scalar(_: plain::Scalar, at: plain::At) -> Self {
        Node { span: at.bytes, line: at.line, children: Children::None }
    }
    fn list(items: Vec<Self>, at: plain::At) -> Self {
        Node { span: at.bytes, line: at.line, children: Children::Items(items) }
    }
    fn map(entries: Vec<(plain::Key, Self)>, at: plain::At) -> Self {
        let key = |key: plain::Key| Key { text: key.text.into_owned(), span: key.at.bytes, line: key.at.line };
        let entries = entries.into_iter().map(|(k, value)| (key(k), value)).collect();
        Node { span: at.bytes, line: at.line, children: Children::Entries(entries) }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let node = Spanned::<Children>::deserialize(deserializer)?;
        Ok(Node { span: range(node.referenced), line: node.referenced.line() as usize, children: node.value })
    }
}

impl<'de> Deserialize<'de> for Children {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Children;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any YAML")
            }
            fn visit_bool<E>(self, _: bool) -> Result<Children, E> {
                Ok(Children::None)
            }
            fn visit_i64<E>(self, _: i64) -> Result<Children, E> {
                Ok(Children::None)
            }
            fn visit_u64<E>(self, _: u64) -> Result<Children, E> {
                Ok(Children::None)
            }
            fn visit_f64<E>(self, _: f64) -> Result<Children, E> {
                Ok(Children::None)
            }
            fn visit_str<E>(self, _: &str) -> Result<Children, E> {
                Ok(Children::None)
            }
            fn visit_unit<E>(self) -> Result<Children, E> {
                Ok(Children::None)
            }
            fn visit_none<E>(self) -> Result<Children, E> {
                Ok(Children::None)
            }
            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Children, D::Error> {
                Children::deserialize(deserializer)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Children, A::Error> {
                let mut all = Vec::new();
                while let Some(item) = items.next_element()? {
                    all.push(item);
                }
                Ok(Children::Items(all))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Children, A::Error> {
                let mut all = Vec::new();
                while let Some((key, value)) = entries.next_entry::<Spanned<String>, Node>()? {
                    let at = key.referenced;
                    all.push((Key { text: key.value, span: range(at), line: at.line() as usize }, value));
                }
                Ok(Children::Entries(all))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const STREAM: &str = "# head\n---\na: 1\nb:\n  - c: |\n      text\n      --- not a marker\n    d: 2\n--- \n# nothing\n---\ne: {f: [1, \"x\"]}\n";

    #[test]
    fn a_stream_splits_at_its_markers() {
        let documents = documents(STREAM);
        assert_eq!(documents.iter().map(|d| (d.index, d.line)).collect::<Vec<_>>(), [(0, 3), (1, 12)]);
        assert_eq!(parse(documents.last().unwrap()).unwrap(), serde_json::json!({"e": {"f": [1, "x"]}}));
    }

    #[test]
    fn a_place_is_that_of_the_key_and_its_value() {
        let documents = documents(STREAM);
        let text = documents[0].text;
        let node = parse_with_places(&documents[0]).unwrap();
        let at = |pointer: &str| {
            let place = node.find(pointer);
            (text[place.span.clone()].to_owned(), place.line, place.exact)
        };
        assert_eq!(at("/a"), ("a: 1".into(), 1, true));
        assert_eq!(at("/b/0/d"), ("d: 2".into(), 6, true));
        assert_eq!(at("/b"), ("b".into(), 2, true));
        assert_eq!(at("/b/0/x/y"), ("c".into(), 3, false));
        assert_eq!(at(""), ("a".into(), 1, true));
        let flow = parse_with_places(&documents[1]).unwrap();
        assert_eq!(&documents[1].text[flow.find("/e/f/1").span], "\"x\"");
    }

    #[test]
    fn a_comment_is_in_no_scalar() {
        let text = "# one\na: |\n  # text\nb: \"# text\" # two\nc: >-\n  # text\n  more\n# three\nd: # four\n  - 'x # text' # five\n";
        let node = parse_with_places(&documents(text)[0]).unwrap();
        let marks: Vec<_> = text.match_indices('#').map(|(at, _)| at).collect();
        assert_eq!(marks.len(), 9);
        for at in marks {
            assert_eq!(node.is_in_scalar(at), text[at..].starts_with("# text"), "{}", &text[at..]);
        }
    }

    #[test]
    fn a_problem_has_its_place_in_the_file() {
        let text = "a: 1\n---\nb: [1\nc: 2\n";
        let problem = parse(&documents(text)[1]).unwrap_err();
        assert!(problem.line >= 3, "{problem}");
        let helm = parse(&documents("a: {{ .Values.x }}\n")[0]);
        assert!(helm.is_err_and(|p| p.message.contains("helm template")));
    }
}
