//! The short way through a document: what nearly every manifest is made of, straight from its bytes.
//!
//! It knows ASCII text, block maps and lists, flow ones on one line, quoted text without escapes, literal blocks, and
//! plain scalars that can only mean one thing. At the first thing that takes more knowledge (an anchor, a tag, a merge,
//! a key given twice, a float, a line that goes on, anything broken) it gives up, and the full reader decides. So it
//! may be of no help there, and is never different: the tests compare the two.

use std::ops::Range;

use serde_json::Value;

/// Beyond it the full reader's own limits apply.
const DEPTH: usize = 64;

/// What is built: values, or places.
pub(super) trait Build: Sized {
    fn scalar(value: Value, at: At) -> Self;
    /// A literal block; none where its place is left to the full reader.
    fn literal(text: String) -> Option<Self>;
    fn list(items: Vec<Self>, at: At) -> Self;
    fn map(entries: Vec<(Key, Self)>, at: At) -> Self;
}

/// Where something is written, in bytes of the document's text.
pub(super) struct At {
    pub(super) bytes: Range<usize>,
    pub(super) line: usize,
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
    fn literal(text: String) -> Option<Self> {
        Some(Value::String(text))
    }
    fn list(items: Vec<Self>, _: At) -> Self {
        Value::Array(items)
    }
    fn map(entries: Vec<(Key, Self)>, _: At) -> Self {
        Value::Object(entries.into_iter().map(|(key, value)| (key.text, value)).collect())
    }
}

/// The document's value or places; none where it is not plain.
pub(super) fn read<T: Build>(text: &str) -> Option<T> {
    if !text.bytes().all(|b| matches!(b, b'\n' | b' '..=b'~')) {
        return None;
    }
    let mut reader = Reader { text, at: 0, line: 1, depth: 0 };
    let column = reader.next_line()?;
    let root = reader.block(column, reader.at)?;
    reader.next_line().is_none().then_some(root)
}

/// A cursor; between two entries of a block it stands on the first character of the next line that has content.
struct Reader<'t> {
    text: &'t str,
    at: usize,
    line: usize,
    depth: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.byte(self.at)
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    fn rest(&self) -> &str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        rest.find('\n').map_or(rest, |end| rest.get(..end).unwrap_or_default())
    }

    fn blanks(&mut self) {
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
    }

    fn at_line_end(&self) -> bool {
        matches!(self.peek(), None | Some(b'\n'))
    }

    /// Goes to the content of the next line that has any, from a line's start; gives its column.
    fn next_line(&mut self) -> Option<usize> {
        loop {
            let start = self.at;
            self.blanks();
            match self.peek()? {
                b'\n' => {}
                b'#' => self.at += self.rest().len(),
                _ => return Some(self.at - start),
            }
            self.at += 1;
            self.line += 1;
        }
    }

    /// Ends a line: blanks and a comment may follow. Then goes on to the next content; its column, none at the end.
    fn end_line(&mut self) -> Option<Option<usize>> {
        let value_end = self.at;
        self.blanks();
        if self.peek() == Some(b'#') && self.at > value_end {
            self.at += self.rest().len();
        }
        if !self.at_line_end() {
            return None;
        }
        self.at += 1;
        self.line += 1;
        Some(self.next_line())
    }

    fn here(&self, length: usize) -> At {
        At { bytes: self.at..self.at + length, line: self.line }
    }

    /// A block map or list whose entries begin at `column`, said to begin at `begin`. Stops at the first line of a
    /// smaller column.
    fn block<T: Build>(&mut self, column: usize, begin: usize) -> Option<T> {
        self.depth += 1;
        let at = At { bytes: begin..begin, line: self.line };
        let built = match (self.peek()?, self.byte(self.at + 1)) {
            _ if self.depth > DEPTH => return None,
            (b'-', Some(b' ')) => T::list(self.block_list(column)?, at),
            _ => T::map(self.block_map(column)?, at),
        };
        self.depth -= 1;
        Some(built)
    }

    fn block_list<T: Build>(&mut self, column: usize) -> Option<Vec<T>> {
        let mut items = Vec::new();
        loop {
            if self.peek() != Some(b'-') || self.byte(self.at + 1) != Some(b' ') {
                return None;
            }
            let dash = self.at;
            self.at += 1;
            self.blanks();
            let inner = column + self.at - dash;
            let next = if self.key_length().is_some() {
                items.push(self.block(inner, self.at)?);
                self.column()
            } else {
                let (item, next) = self.value(column)?;
                items.push(item);
                next
            };
            match next {
                Some(next) if next == column && self.peek() == Some(b'-') => {}
                Some(next) if next > column => return None,
                _ => return Some(items),
            }
        }
    }

    fn block_map<T: Build>(&mut self, column: usize) -> Option<Vec<(Key, T)>> {
        let mut entries = Vec::new();
        loop {
            let key = self.key()?;
            self.blanks();
            let (value, next) = if self.at_line_end() || self.peek() == Some(b'#') {
                let inner = self.end_line()??;
                let list_of_the_same = inner == column && self.rest().starts_with("- ");
                if inner <= column && !list_of_the_same {
                    return None;
                }
                // The full reader lets a list in its key's column begin at its first item.
                let to_item = self.rest().bytes().skip(1).take_while(|&b| b == b' ').count() + 1;
                let begin = self.at + if list_of_the_same { to_item } else { 0 };
                // A scalar on a line of its own is left to the full reader.
                let value = self.block(inner, begin)?;
                (value, self.column())
            } else {
                self.value(column)?
            };
            entries.push((key, value));
            match next {
                Some(next) if next == column => {}
                Some(next) if next > column => return None,
                _ => break,
            }
        }
        all_differ(&entries).then_some(entries)
    }

    /// The column of where the cursor stands, on a line's first content; none at the end.
    fn column(&self) -> Option<usize> {
        self.peek()?;
        let before = self.text.get(..self.at)?;
        Some(self.at - before.rfind('\n').map_or(0, |newline| newline + 1))
    }

    /// The length of a key that begins here, with its quotes; none where there is none with its colon.
    fn key_length(&self) -> Option<usize> {
        let rest = self.rest();
        let length = match rest.bytes().next()? {
            quote @ (b'"' | b'\'') => quoted_length(rest, quote)?,
            _ => rest.bytes().take_while(|&b| is_word(b)).count(),
        };
        let mut after = rest.bytes().skip(length);
        (length > 0 && after.next() == Some(b':') && matches!(after.next(), None | Some(b' '))).then_some(length)
    }

    /// A key and its colon.
    fn key(&mut self) -> Option<Key> {
        let length = self.key_length()?;
        let at = self.here(length);
        let Value::String(text) = inline(self.text.get(at.bytes.clone())?)? else { return None };
        self.at += length + 1;
        Some(Key { text, at })
    }

    /// A value that begins on this line, inside a block at `column`; then the next line's column.
    fn value<T: Build>(&mut self, column: usize) -> Option<(T, Option<usize>)> {
        let value = match self.peek()? {
            b'[' | b'{' => self.flow()?,
            b'|' => return self.literal(column),
            quote @ (b'"' | b'\'') => {
                let length = quoted_length(self.rest(), quote)?;
                self.scalar(length)?
            }
            _ => {
                let rest = self.rest();
                let text = rest.find(" #").map_or(rest, |comment| rest.get(..comment).unwrap_or_default());
                let text = text.trim_end_matches(' ');
                if text.contains(": ") || text.ends_with(':') {
                    return None;
                }
                self.scalar(text.len())?
            }
        };
        let next = self.end_line()?;
        Some((value, next))
    }

    fn scalar<T: Build>(&mut self, length: usize) -> Option<T> {
        let at = self.here(length);
        let value = inline(self.text.get(at.bytes.clone())?)?;
        self.at += length;
        Some(T::scalar(value, at))
    }

    /// A flow map or list, or a scalar inside one.
    fn flow<T: Build>(&mut self) -> Option<T> {
        let at = self.here(1);
        let open = self.peek()?;
        if !matches!(open, b'[' | b'{') {
            let rest = self.rest();
            let length = match open {
                b'"' | b'\'' => quoted_length(rest, open)?,
                _ => rest.bytes().take_while(|&b| is_word(b) || matches!(b, b'=' | b'+' | b':')).count(),
            };
            let colon = self.text.get(self.at..self.at + length)?.bytes().last() == Some(b':');
            return if colon { None } else { self.scalar(length) };
        }
        self.depth += 1;
        if self.depth > DEPTH {
            return None;
        }
        let close = open + 2;
        self.at += 1;
        self.blanks();
        let (mut items, mut entries) = (Vec::new(), Vec::new());
        while self.peek()? != close {
            if !(items.is_empty() && entries.is_empty()) {
                if self.peek()? != b',' {
                    return None;
                }
                self.at += 1;
                self.blanks();
            }
            if open == b'{' {
                let key = self.key()?;
                self.blanks();
                entries.push((key, self.flow()?));
            } else {
                items.push(self.flow()?);
            }
            self.blanks();
        }
        self.at += 1;
        self.depth -= 1;
        if open == b'[' {
            return Some(T::list(items, at));
        }
        all_differ(&entries).then(|| T::map(entries, at))
    }

    /// A literal block (`|` or `|-`) inside a block at `column`; then the next line's column.
    fn literal<T: Build>(&mut self, column: usize) -> Option<(T, Option<usize>)> {
        let strip = match self.rest() {
            "|" => false,
            "|-" => true,
            _ => return None,
        };
        self.at += self.rest().len() + 1;
        self.line += 1;
        let first = self.text.get(self.at..)?.split('\n').next()?;
        let indent = first.len() - first.trim_start_matches(' ').len();
        if indent <= column || indent == first.len() {
            return None;
        }
        let (mut text, mut blank, mut end) = (String::new(), 0, self.at);
        while self.at < self.text.len() {
            let whole = self.rest();
            let length = whole.len();
            let content = whole.trim_start_matches(' ');
            if whole.is_empty() {
                blank += 1;
            } else if length - content.len() < indent {
                // Blanks alone, and comments beside the text, are left to the full reader.
                if content.is_empty() || content.starts_with('#') {
                    return None;
                }
                break;
            } else {
                text.extend(std::iter::repeat_n('\n', blank));
                text.push_str(whole.get(indent..)?);
                text.push('\n');
                (blank, end) = (0, self.at + length);
            }
            self.at += length + 1;
            self.line += 1;
        }
        if self.text.get(end..)?.is_empty() {
            return None;
        }
        if strip {
            text.pop();
        }
        let next = self.next_line();
        Some((T::literal(text)?, next))
    }
}

/// Of a quoted text with nothing to unescape, with its quotes.
fn quoted_length(text: &str, quote: u8) -> Option<usize> {
    let inner = text.get(1..)?;
    let end = inner.bytes().position(|b| b == quote)?;
    let escapes = inner.get(..end)?.contains('\\') && quote == b'"';
    let doubled = quote == b'\'' && inner.as_bytes().get(end + 1) == Some(&b'\'');
    (!escapes && !doubled).then_some(end + 2)
}

/// What a key, or a word inside a flow collection, is made of.
fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'/' | b'-')
}

fn all_differ<T>(entries: &[(Key, T)]) -> bool {
    let mut keys: Vec<&str> = entries.iter().map(|(key, _)| key.text.as_str()).collect();
    keys.sort_unstable();
    keys.windows(2).all(|pair| pair.first() != pair.last())
}

/// A scalar on one line that can be only one thing in YAML 1.1 and 1.2 alike.
fn inline(text: &str) -> Option<Value> {
    match text {
        "true" => return Some(Value::Bool(true)),
        "false" => return Some(Value::Bool(false)),
        "0" => return Some(Value::from(0)),
        _ => {}
    }
    let first = text.bytes().next()?;
    if matches!(first, b'"' | b'\'') {
        return text.get(1..text.len() - 1).map(Value::from);
    }
    let dashless = text.trim_start_matches('-');
    if let (Some(b'1'..=b'9'), ..=18, Ok(number)) = (dashless.bytes().next(), text.len(), text.parse::<i64>()) {
        return Some(Value::from(number));
    }
    let is_text = match dashless.bytes().next()? {
        b'/' => first == b'/',
        b'a'..=b'z' | b'A'..=b'Z' => !WORDS.iter().any(|word| dashless.eq_ignore_ascii_case(word)),
        // `100m`, `128Mi`: letters that no number has, in any base or notation.
        b'0'..=b'9' => {
            let marks = |b: u8| matches!(b.to_ascii_lowercase(), b'g'..=b'n' | b'p'..=b'w' | b'y' | b'z');
            first != b'-' && text.bytes().any(marks)
        }
        _ => false,
    };
    is_text.then(|| Value::String(text.to_owned()))
}

/// What some version of YAML, or a reader of numbers, takes for something else than text.
const WORDS: [&str; 12] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf", "infinity"];

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Node, documents, read as full};
    use super::*;

    /// Every manifest of the cases, document by document.
    #[expect(clippy::disallowed_methods, reason = "a test reads files")]
    fn corpus() -> Vec<String> {
        let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/cases");
        let mut files: Vec<_> = std::fs::read_dir(cases).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let texts = files.iter().map(|path| std::fs::read_to_string(path).unwrap());
        let found = texts.flat_map(|text| documents(&text).iter().map(|d| d.text.to_owned()).collect::<Vec<_>>());
        found.chain([OTHER_HABITS.to_owned()]).collect()
    }

    /// Lists in their key's column, literal blocks, quoted keys, comments everywhere.
    const OTHER_HABITS: &str = "# head
kind: Deployment # what it is
spec:

  template:
    spec:
      containers:
      - name: app
        \"image\": 'a:1'   # pinned
        args:
        - --listen=:8080
        # between
        -  -c
        - |
          first
            second

          third
        env: [{name: A, value: \"\"}, {name: 'B', value: 'b c'}]
      -   name: other
          limits: { cpu: 100m , memory: 1Gi }
          empty: {}
          none: []
    text: |-
      one
status: {a: [1, [2, -3]], x: [sh, -c, \"sleep 10\"]}
";

    fn same(text: &str) -> Result<bool, TestCaseError> {
        for document in documents(text) {
            let Some(value) = read::<Value>(document.text) else { return Ok(false) };
            prop_assert_eq!(Ok(value), full(&document), "{:?}", document.text);
            if let Some(places) = read::<Node>(document.text) {
                prop_assert_eq!(Ok(places), full(&document), "{:?}", document.text);
            }
        }
        Ok(true)
    }

    #[test]
    fn most_of_the_cases_are_plain() {
        let corpus = corpus();
        assert!(read::<Value>(OTHER_HABITS).is_some());
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
