//! The short way through a document: what nearly every manifest is made of, straight from its bytes.
//!
//! It knows block maps and lists, flow ones, plain and quoted text on one line or several, literal and folded blocks, in any
//! script. At the first thing that takes more knowledge (an anchor, a tag, a merge, a key given twice, a number in another
//! base, a tab where it may mean something, anything broken) it gives up, and the full reader decides. So it may be of no help
//! there, and is never different: the tests compare the two.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::Value;

pub(super) use self::scalars::Scalar;
use self::scalars::{quoted_length, resolve};

mod scalars;
#[cfg(test)]
mod tests;

/// Beyond it the full reader's own limits apply.
const DEPTH: usize = 64;
/// Up to so many keys are compared each with each.
const FEW: usize = 12;

/// What is built: values, places, or nothing.
pub(super) trait Build: Sized {
    fn scalar(scalar: Scalar, at: At) -> Self;
    fn list(items: Vec<Self>, at: At) -> Self;
    fn map(entries: Vec<(Key, Self)>, at: At) -> Self;
}

/// Where something is written, in bytes of the document's text.
pub(super) struct At {
    pub(super) bytes: Range<usize>,
    pub(super) line: usize,
}

/// A key of a map.
pub(super) struct Key<'t> {
    pub(super) text: Cow<'t, str>,
    pub(super) at: At,
}

impl Build for Value {
    fn scalar(scalar: Scalar, _: At) -> Self {
        match scalar {
            Scalar::Null => Value::Null,
            Scalar::Bool(is) => Value::Bool(is),
            Scalar::Integer(number) => Value::from(number),
            Scalar::Float(number) => Value::from(number),
            Scalar::Text(text) => Value::String(text.into_owned()),
        }
    }
    fn list(items: Vec<Self>, _: At) -> Self {
        Value::Array(items)
    }
    fn map(entries: Vec<(Key, Self)>, _: At) -> Self {
        Value::Object(entries.into_iter().map(|(key, value)| (key.text.into_owned(), value)).collect())
    }
}

/// For who only wants to know whether a document can be read.
pub(super) struct Nothing;

impl Build for Nothing {
    fn scalar(_: Scalar, _: At) -> Self {
        Nothing
    }
    fn list(_: Vec<Self>, _: At) -> Self {
        Nothing
    }
    fn map(_: Vec<(Key, Self)>, _: At) -> Self {
        Nothing
    }
}

/// The document's value or places; none where it is not plain.
pub(super) fn read<T: Build>(text: &str) -> Option<T> {
    if !has_only_text(text) {
        return None;
    }
    let mut reader = Reader { text, at: 0, line: 1, depth: 0 };
    let column = reader.next_line()?;
    let root = reader.block(column, reader.at)?;
    reader.next_line().is_none().then_some(root)
}

/// No control characters but tabs and newlines, and nothing that some version of YAML takes for a line's end or refuses.
fn has_only_text(text: &str) -> bool {
    let is_plain =
        |c: char| c >= '\u{a0}' && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}');
    !text.bytes().any(|b| (b < b' ' && b != b'\n' && b != b'\t') || b == 0x7f)
        && (text.is_ascii() || text.chars().all(|c| c.is_ascii() || is_plain(c)))
}

/// A cursor; between two entries of a block it stands on the first character of the next line that has content.
struct Reader<'t> {
    text: &'t str,
    at: usize,
    line: usize,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn peek(&self) -> Option<u8> {
        self.byte(self.at)
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    /// What is left of the line.
    fn rest(&self) -> &'t str {
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

    /// Whether nothing but blanks and a comment is left of the line.
    fn has_nothing_more(&self) -> bool {
        let rest = self.rest();
        let content = rest.trim_start_matches(' ');
        content.is_empty() || (content.starts_with('#') && content.len() < rest.len())
    }

    fn here(&self, length: usize) -> At {
        At { bytes: self.at..self.at + length, line: self.line }
    }

    /// Whether a list's item begins here.
    fn at_item(&self) -> bool {
        self.peek() == Some(b'-') && matches!(self.byte(self.at + 1), None | Some(b' ' | b'\n'))
    }

    /// A block map or list whose entries begin at `column`, said to begin at `begin`. Stops at the first line of a
    /// smaller column.
    fn block<T: Build>(&mut self, column: usize, begin: usize) -> Option<T> {
        self.depth += 1;
        if self.depth > DEPTH {
            return None;
        }
        let at = At { bytes: begin..begin, line: self.line };
        let built =
            if self.at_item() { T::list(self.block_list(column)?, at) } else { T::map(self.block_map(column)?, at) };
        self.depth -= 1;
        Some(built)
    }

    fn block_list<T: Build>(&mut self, column: usize) -> Option<Vec<T>> {
        let mut items = Vec::new();
        loop {
            if !self.at_item() {
                return None;
            }
            let dash = self.at;
            self.at += 1;
            let (item, next) = if self.has_nothing_more() {
                // The full reader lets nothing begin where the line ends, and beside a comment elsewhere.
                let end = self.at + self.rest().len();
                let at = At { bytes: end..end, line: self.line };
                self.below(column, false, (!self.rest().contains('#')).then_some(at))?
            } else {
                self.blanks();
                if self.at_item() || self.key_length().is_some() {
                    (self.block(column + self.at - dash, self.at)?, self.column())
                } else {
                    self.value(column)?
                }
            };
            items.push(item);
            match next {
                Some(next) if next == column && self.at_item() => {}
                Some(next) if next > column => return None,
                _ => return Some(items),
            }
        }
    }

    fn block_map<T: Build>(&mut self, column: usize) -> Option<Vec<(Key<'t>, T)>> {
        let mut entries = Vec::new();
        loop {
            let key = self.key()?;
            let (value, next) = if self.has_nothing_more() {
                let colon = self.at - 1;
                let at = At { bytes: colon..colon, line: self.line };
                self.below(column, true, Some(at))?
            } else {
                self.blanks();
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

    /// What stands below a key or a dash that has nothing beside it, in a block at `column`; then the next line's column.
    /// Nothing there is a null, which is at `null`; it is left to the full reader where nobody knows.
    fn below<T: Build>(&mut self, column: usize, is_map: bool, null: Option<At>) -> Option<(T, Option<usize>)> {
        let next = self.end_line()?;
        match next {
            Some(inner) if inner > column => {
                if self.at_item() || self.key_length().is_some() {
                    Some((self.block(inner, self.at)?, self.column()))
                } else {
                    self.value(column)
                }
            }
            Some(inner) if is_map && inner == column && self.at_item() => {
                // The full reader lets a list in its key's column begin at its first item.
                let to_item = self.rest().bytes().skip(1).take_while(|&b| b == b' ').count() + 1;
                if let None | Some(b'\n' | b'#') = self.byte(self.at + to_item) {
                    return None;
                }
                Some((self.block(inner, self.at + to_item)?, self.column()))
            }
            _ => Some((T::scalar(Scalar::Null, null?), next)),
        }
    }

    /// The column of where the cursor stands, on a line's first content; none at the end.
    fn column(&self) -> Option<usize> {
        self.peek()?;
        let before = self.text.get(..self.at)?;
        Some(self.at - before.rfind('\n').map_or(0, |newline| newline + 1))
    }

    /// The length of a key that begins here, with its quotes; none where there is none with its colon.
    fn key_length(&self) -> Option<usize> {
        let ends = |after: usize| matches!(self.byte(after), None | Some(b' ' | b'\n'));
        let is_key = |length: usize| self.byte(self.at + length) == Some(b':') && ends(self.at + length + 1);
        let first = self.peek()?;
        if let b'"' | b'\'' = first {
            return quoted_length(self.rest(), first).filter(|length| is_key(*length));
        }
        let rest = self.text.as_bytes().get(self.at..)?;
        let word = rest.iter().take_while(|b| is_word(**b)).count();
        if word > 0 && is_key(word) {
            return Some(word);
        }
        if let b',' | b'[' | b']' | b'{' | b'}' | b'#' | b'&' | b'*' | b'!' | b'|' | b'>' | b'%' | b'@' | b'`' | b'?' =
            first
        {
            return None;
        }
        let mut before = 0;
        for (length, &b) in rest.iter().enumerate().skip(word) {
            match b {
                b':' if ends(self.at + length + 1) => return (length > 0 && before != b' ').then_some(length),
                b'\n' | b'\t' => return None,
                b'#' if before == b' ' => return None,
                _ => before = b,
            }
        }
        None
    }

    /// A key and its colon.
    fn key(&mut self) -> Option<Key<'t>> {
        let length = self.key_length()?;
        let at = self.here(length);
        let raw = self.text.get(at.bytes.clone())?;
        let text = match raw.as_bytes() {
            [b'"' | b'\'', .., _] => Cow::Borrowed(raw.get(1..length - 1)?),
            _ => match resolve(raw)? {
                Scalar::Text(text) => text,
                _ => return None,
            },
        };
        self.at += length + 1;
        Some(Key { text, at })
    }

    /// A value that begins on this line, inside a block at `column`; then the next line's column.
    fn value<T: Build>(&mut self, column: usize) -> Option<(T, Option<usize>)> {
        let value = match self.peek()? {
            b'[' | b'{' => self.flow(column)?,
            b'|' | b'>' => {
                let (text, at) = self.block_text(column)?;
                return Some((T::scalar(text, at), self.next_line()));
            }
            b'"' | b'\'' => {
                let (text, at) = self.quoted(column)?;
                T::scalar(text, at)
            }
            _ => {
                let (scalar, at) = self.plain(column)?;
                T::scalar(scalar, at)
            }
        };
        Some((value, self.end_line()?))
    }

    /// A flow map or list, or a scalar inside one, in a block at `column`.
    fn flow<T: Build>(&mut self, column: usize) -> Option<T> {
        let open = self.peek()?;
        if let b'"' | b'\'' = open {
            let (text, at) = self.quoted(column)?;
            return Some(T::scalar(text, at));
        }
        if !matches!(open, b'[' | b'{') {
            let (scalar, at) = self.flow_plain()?;
            return Some(T::scalar(scalar, at));
        }
        let at = self.here(1);
        self.depth += 1;
        if self.depth > DEPTH {
            return None;
        }
        let close = open + 2;
        self.at += 1;
        self.flow_space(column)?;
        let (mut items, mut entries) = (Vec::new(), Vec::new());
        while self.peek()? != close {
            if !(items.is_empty() && entries.is_empty()) {
                if self.peek()? != b',' {
                    return None;
                }
                self.at += 1;
                self.flow_space(column)?;
            }
            if open == b'{' {
                let key = self.flow_key()?;
                self.flow_space(column)?;
                entries.push((key, self.flow(column)?));
            } else {
                items.push(self.flow(column)?);
            }
            self.flow_space(column)?;
        }
        self.at += 1;
        self.depth -= 1;
        if open == b'[' {
            return Some(T::list(items, at));
        }
        all_differ(&entries).then(|| T::map(entries, at))
    }

    /// A key inside a flow map: a word or a quoted one.
    fn flow_key(&mut self) -> Option<Key<'t>> {
        let first = self.peek()?;
        let is_plain = !matches!(first, b'"' | b'\'');
        let word = self.rest().bytes().take_while(|&b| is_word(b)).count();
        if is_plain && self.key_length() != Some(word) {
            return None;
        }
        self.key()
    }

    /// Blanks and line ends inside a flow collection; what comes then has to stand inside the block, too.
    fn flow_space(&mut self, column: usize) -> Option<()> {
        loop {
            self.blanks();
            match self.peek()? {
                b'\n' => {}
                b'#' => return None,
                _ => return Some(()),
            }
            self.at += 1;
            self.line += 1;
            let start = self.at;
            self.blanks();
            if self.at - start <= column && self.peek()? != b'\n' {
                return None;
            }
        }
    }
}

/// What most keys are made of.
fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'/' | b'-')
}

fn all_differ<T>(entries: &[(Key, T)]) -> bool {
    if entries.len() <= FEW {
        let is_new =
            |(at, (key, _)): (usize, &(Key, T))| entries.iter().take(at).all(|(other, _)| other.text != key.text);
        return entries.iter().enumerate().all(is_new);
    }
    let mut keys: Vec<&str> = entries.iter().map(|(key, _)| &*key.text).collect();
    keys.sort_unstable();
    keys.windows(2).all(|pair| pair.first() != pair.last())
}
