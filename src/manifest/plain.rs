//! The short way through a document: what nearly every manifest is made of, straight from the parser's events.
//!
//! It knows maps with text keys, lists, quoted text, and plain scalars that can only mean one thing. At the first
//! thing that takes more knowledge (an anchor, a tag, a merge, a key given twice, a float, anything broken) it gives
//! up, and the full reader decides. So it may be slow there, and never different.

use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::Value;

/// Beyond it the full reader's own limits apply.
const DEPTH: usize = 64;

/// What is built from the events: values, or places.
pub(super) trait Build: Sized {
    fn scalar(value: Value, at: At) -> Self;
    fn list(items: Vec<Self>, at: At) -> Self;
    fn map(entries: Vec<(Key, Self)>, at: At) -> Self;
}

/// Where something is written, in bytes of the document's text.
pub(super) struct At {
    pub(super) bytes: Range<usize>,
    pub(super) line: usize,
}

impl At {
    /// Of a scalar, without the blanks after it.
    fn without_blanks(&mut self, document: &str) {
        let text = document.get(self.bytes.clone()).unwrap_or_default();
        self.bytes.end -= text.len() - text.trim_end().len();
    }

    /// Of a collection's start, without the blanks after it.
    fn only_bracket(&mut self) {
        self.bytes.end = self.bytes.end.min(self.bytes.start + 1);
    }
}

/// A key of a map.
pub(super) struct Key {
    pub(super) text: String,
    pub(super) at: At,
}

impl Build for Value {
    fn scalar(value: Value, _: At) -> Self {
        value
    }
    fn list(items: Vec<Self>, _: At) -> Self {
        Value::Array(items)
    }
    fn map(entries: Vec<(Key, Self)>, _: At) -> Self {
        Value::Object(entries.into_iter().map(|(key, value)| (key.text, value)).collect())
    }
}

/// The document's value; none where it is not plain.
pub(super) fn read(text: &str) -> Option<Value> {
    build(text)
}

/// The document's places; none where it is not plain, or not ASCII: the parser counts characters.
pub(super) fn places<T: Build>(text: &str) -> Option<T> {
    if text.is_ascii() { build(text) } else { None }
}

fn build<T: Build>(document: &str) -> Option<T> {
    let mut open: Vec<Open<T>> = Vec::new();
    let mut root = None;
    for event in Parser::new_from_str(document) {
        let (event, span) = event.ok()?;
        let one_line = span.start.line() == span.end.line();
        let mut at = At { bytes: span.start.index()..span.end.index(), line: span.start.line() };
        let done = match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => continue,
            Event::DocumentStart(_) if root.is_none() => continue,
            Event::Scalar(text, style, 0, None) if one_line || is_block(style) => {
                if one_line {
                    at.without_blanks(document);
                }
                if let Some(Open::Map(.., key @ None)) = open.last_mut() {
                    if !is_key(&text, style) {
                        return None;
                    }
                    *key = Some(Key { text: text.into_owned(), at });
                    continue;
                }
                T::scalar(scalar(&text, style)?, at)
            }
            Event::MappingStart(0, None) if open.len() < DEPTH && takes_value(&open) => {
                at.only_bracket();
                open.push(Open::Map(at, Vec::new(), None));
                continue;
            }
            Event::SequenceStart(0, None) if open.len() < DEPTH && takes_value(&open) => {
                at.only_bracket();
                open.push(Open::List(at, Vec::new()));
                continue;
            }
            Event::MappingEnd | Event::SequenceEnd => match open.pop()? {
                Open::Map(at, entries, _) if all_differ(&entries) => T::map(entries, at),
                Open::List(at, items) => T::list(items, at),
                Open::Map(..) => return None,
            },
            _ => return None,
        };
        match open.last_mut() {
            Some(Open::List(_, items)) => items.push(done),
            Some(Open::Map(_, entries, key)) => entries.push((key.take()?, done)),
            None if root.is_none() => root = Some(done),
            None => return None,
        }
    }
    root
}

enum Open<T> {
    /// With the key whose value comes next.
    Map(At, Vec<(Key, T)>, Option<Key>),
    List(At, Vec<T>),
}

/// Whether a collection may begin here: not in the place of a key.
fn takes_value<T>(open: &[Open<T>]) -> bool {
    !matches!(open.last(), Some(Open::Map(.., None)))
}

fn all_differ<T>(entries: &[(Key, T)]) -> bool {
    let mut keys: Vec<&str> = entries.iter().map(|(key, _)| key.text.as_str()).collect();
    keys.sort_unstable();
    keys.windows(2).all(|pair| pair.first() != pair.last())
}

fn is_block(style: ScalarStyle) -> bool {
    matches!(style, ScalarStyle::Literal | ScalarStyle::Folded)
}

fn is_key(text: &str, style: ScalarStyle) -> bool {
    text != "<<" && matches!(scalar(text, style), Some(Value::String(_)))
}

/// A scalar that can be only one thing in YAML 1.1 and 1.2 alike.
fn scalar(text: &str, style: ScalarStyle) -> Option<Value> {
    if style != ScalarStyle::Plain {
        return Some(Value::String(text.to_owned()));
    }
    match text {
        "true" => return Some(Value::Bool(true)),
        "false" => return Some(Value::Bool(false)),
        "0" => return Some(Value::from(0)),
        _ => {}
    }
    let first = text.bytes().next()?;
    let digits = text.strip_prefix('-').unwrap_or(text);
    if matches!(digits.bytes().next(), Some(b'1'..=b'9')) && digits.len() <= 18 {
        if let Ok(number) = text.parse::<i64>() {
            return Some(Value::from(number));
        }
    }
    let is_text = match first {
        b'/' => true,
        b'a'..=b'z' | b'A'..=b'Z' => !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word)),
        // `100m`, `128Mi`: letters that no number has, in any base or notation.
        b'0'..=b'9' => text.bytes().any(|b| matches!(b.to_ascii_lowercase(), b'g'..=b'n' | b'p'..=b'w' | b'y' | b'z')),
        _ => false,
    };
    is_text.then(|| Value::String(text.to_owned()))
}

/// What some version of YAML reads as something else than text.
const WORDS: [&str; 11] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"];

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Node, documents, read as full};
    use super::*;

    /// Every manifest of the cases, document by document.
    fn corpus() -> Vec<String> {
        let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases");
        let mut files: Vec<_> = std::fs::read_dir(cases).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let texts = files.iter().map(|path| std::fs::read_to_string(path).unwrap());
        texts.flat_map(|text| documents(&text).iter().map(|d| d.text.to_owned()).collect::<Vec<_>>()).collect()
    }

    fn same(text: &str) -> Result<bool, TestCaseError> {
        for document in documents(text) {
            let Some(value) = read(document.text) else { return Ok(false) };
            prop_assert_eq!(Ok(value), full(&document), "{:?}", document.text);
            if let Some(places) = places::<Node>(document.text) {
                prop_assert_eq!(Ok(places), full(&document), "{:?}", document.text);
            }
        }
        Ok(true)
    }

    #[test]
    fn most_of_the_cases_are_plain() {
        let corpus = corpus();
        let plain = corpus.iter().filter(|text| same(text).unwrap()).count();
        assert!(corpus.len() > 100 && plain * 10 > corpus.len() * 9, "{plain} of {}", corpus.len());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_scalar_is_what_the_full_reader_says(text in "[-+.~0-9a-fA-Fxo_:, \"'?!&*<|>%@#=yYnNtruefalsoTRU/m]{0,8}") {
            same(&format!("a: {text}\n"))?;
            same(&format!("{text}: a\n"))?;
            same(&format!("- {text}\n- [{text}, b]\n"))?;
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_damaged_manifest_is_what_the_full_reader_says(
            which in any::<prop::sample::Index>(),
            damage in prop::collection::vec((any::<prop::sample::Index>(), 0..3_usize, "[-:{}#?&*!|> \n\t\"'\\[\\],a0~]{1,3}"), 1..4),
        ) {
            let corpus = corpus();
            let mut text: Vec<char> = which.get(&corpus).chars().collect();
            for (place, without, with) in &damage {
                let at = place.index(text.len());
                let end = (at + without).min(text.len());
                text.splice(at..end, with.chars());
            }
            same(&text.into_iter().collect::<String>())?;
        }
    }
}
