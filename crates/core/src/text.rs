//! Strings borrowed from the request's bytes wherever JSON allows it.
//!
//! `serde(borrow)` borrows for a plain `Cow<str>` only, not inside an `Option` or a `Vec`, and `&str`
//! refuses a string with an escape in it.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::json::{Read, Reader, Unread};

/// A string that points into the input, or owns its bytes where the input had escapes.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<'a>(Cow<'a, str>);

impl<'a> Text<'a> {
    /// The string.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The string, still borrowed where it was.
    pub fn into_inner(self) -> Cow<'a, str> {
        self.0
    }
}

impl Deref for Text<'_> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(value: &'a str) -> Self {
        Text(Cow::Borrowed(value))
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }
    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Borrowed(value)))
    }
    fn visit_str<E>(self, value: &str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(value.to_owned())))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

impl<'a> Read<'a> for Text<'a> {
    #[inline]
    fn read(reader: &mut Reader<'a>) -> Result<Self, Unread> {
        match reader.plain_string() {
            Some(text) => Ok(Text(Cow::Borrowed(text))),
            None => reader.string().map(|text| Text(Cow::Owned(text))),
        }
    }
}

/// The most entries of an object of strings that are looked at.
pub const MOST_PAIRS: usize = 1000;

/// A JSON object of strings, such as labels: sorted, so that many of them make no lookup slow.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pairs<'a> {
    sorted: Vec<(Text<'a>, Text<'a>)>,
    more: bool,
}

impl<'a> Pairs<'a> {
    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        let at = self.sorted.binary_search_by(|(k, _)| k.as_str().cmp(key)).ok()?;
        self.sorted.get(at).map(|(_, value)| value.as_str())
    }

    /// The entry whose key is `prefix` and `rest` together.
    pub fn find(&self, prefix: &str, rest: &str) -> Option<(&str, &str)> {
        let wanted = || prefix.bytes().chain(rest.bytes());
        let at = self.sorted.binary_search_by(|(key, _)| key.bytes().cmp(wanted())).ok()?;
        self.sorted.get(at).map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// All of them, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.sorted.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// Whether there were more than [`MOST_PAIRS`].
    pub fn has_more(&self) -> bool {
        self.more
    }
}

impl<'a> FromIterator<(Text<'a>, Text<'a>)> for Pairs<'a> {
    /// The first [`MOST_PAIRS`]. Of a key that is repeated the last value counts, as for Kubernetes' decoder.
    fn from_iter<I: IntoIterator<Item = (Text<'a>, Text<'a>)>>(pairs: I) -> Self {
        Pairs::of(pairs.into_iter().take(MOST_PAIRS + 1).collect())
    }
}

impl<'a> Pairs<'a> {
    /// As those of an iterator, in a list that is at hand.
    pub(crate) fn of(mut sorted: Vec<(Text<'a>, Text<'a>)>) -> Self {
        let more = sorted.len() > MOST_PAIRS;
        sorted.truncate(MOST_PAIRS);
        // Kubernetes writes maps in this order.
        if sorted.is_sorted_by(|(a, _), (b, _)| a < b) {
            return Pairs { sorted, more };
        }
        sorted.reverse();
        sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
        sorted.dedup_by(|(later, _), (kept, _)| later == kept);
        Pairs { sorted, more }
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs<'de>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of strings")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'de>, A::Error> {
        let mut pairs = Vec::new();
        while let Some((key, value)) = map.next_entry::<Text<'de>, Option<Text<'de>>>()? {
            if pairs.len() <= MOST_PAIRS {
                pairs.push((key, value.unwrap_or_default()));
            }
        }
        Ok(Pairs::of(pairs))
    }
}

impl<'a> Read<'a> for Pairs<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Unread> {
        let mut pairs = Vec::new();
        reader.texts(|reader, key| {
            let value = Option::read(reader)?.unwrap_or_default();
            if pairs.len() <= MOST_PAIRS {
                pairs.push((key, value));
            }
            Ok(())
        })?;
        Ok(Pairs::of(pairs))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor)
    }
}

/// The first `MOST` of a JSON list: whoever sends a longer one must not make it cost more.
#[derive(Clone, Debug)]
pub struct Bounded<T, const MOST: usize> {
    list: Vec<T>,
    more: bool,
}

impl<T, const MOST: usize> Bounded<T, MOST> {
    /// Whether there were more.
    pub fn has_more(&self) -> bool {
        self.more
    }
}

impl<T: Default, const MOST: usize> Bounded<Option<T>, MOST> {
    /// The same list, a null in it as an empty entry.
    pub fn without_nulls(self) -> Bounded<T, MOST> {
        Bounded { list: self.list.into_iter().map(Option::unwrap_or_default).collect(), more: self.more }
    }
}

impl<T, const MOST: usize> Default for Bounded<T, MOST> {
    fn default() -> Self {
        Bounded { list: Vec::new(), more: false }
    }
}

impl<T, const MOST: usize> Deref for Bounded<T, MOST> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.list
    }
}

impl<T, const MOST: usize> DerefMut for Bounded<T, MOST> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.list
    }
}

impl<'a, T: Read<'a>, const MOST: usize> Read<'a> for Bounded<T, MOST> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Unread> {
        let mut out = Bounded::default();
        reader.list(|reader| {
            if out.list.len() < MOST {
                if out.list.capacity() == 0 {
                    // A kilobyte: most lists are small, and few grow often then.
                    out.list.reserve((1024 / size_of::<T>().max(1)).clamp(1, 16));
                }
                out.list.push(T::read(reader)?);
                return Ok(());
            }
            out.more = true;
            reader.pass()
        })?;
        Ok(out)
    }
}

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for Bounded<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List<T, const MOST: usize>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for List<T, MOST> {
            type Value = Bounded<T, MOST>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a sequence")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
                let mut out = Bounded::default();
                while out.list.len() < MOST {
                    let Some(item) = sequence.next_element()? else { return Ok(out) };
                    out.list.push(item);
                }
                while sequence.next_element::<IgnoredAny>()?.is_some() {
                    out.more = true;
                }
                Ok(out)
            }
        }
        deserializer.deserialize_seq(List(PhantomData))
    }
}

/// What stands before the first of these bytes, which is ASCII; all of it where there is none.
pub(crate) fn before(text: &str, ends: u8) -> &str {
    let end = text.bytes().position(|byte| byte == ends);
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

/// The last part of a path.
pub(crate) fn base(path: &str) -> &str {
    let slash = path.bytes().rposition(|byte| byte == b'/');
    slash.and_then(|slash| path.get(slash + 1..)).unwrap_or(path)
}

/// The longest piece of foreign text that goes into a message.
const QUOTE_LIMIT: usize = 60;

/// `value` in double quotes, control characters escaped, cut to a length that a warning can carry.
///
/// Whatever an author writes into an annotation passes through here before it reaches a log, a header
/// or a terminal.
pub fn quote(value: &str) -> String {
    if value.len() <= QUOTE_LIMIT && is_printable(value) && !value.contains(['"', '\\']) {
        return ["\"", value, "\""].concat();
    }
    let mut out = String::from("\"");
    for (count, c) in value.chars().enumerate() {
        if count == QUOTE_LIMIT {
            out.push('…');
            break;
        }
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c => push_visibly(&mut out, c),
        }
    }
    out.push('"');
    out
}

/// The longest sentence with foreign text in it, such as a parser's.
const SENTENCE_LIMIT: usize = 400;

/// A sentence with foreign text in it: control characters escaped, and cut.
pub fn sentence(text: &str) -> String {
    visible(text, SENTENCE_LIMIT)
}

/// The longest name, in characters: a label's or annotation's key has no more than 63 after its prefix.
const NAME_LIMIT: usize = 120;

/// What should be a name: control characters escaped, and cut.
pub fn name(text: &str) -> String {
    visible(text, NAME_LIMIT)
}

fn visible(text: &str, limit: usize) -> String {
    if text.len() <= limit && is_printable(text) {
        return text.to_owned();
    }
    let mut out = String::new();
    text.chars().take(limit).for_each(|c| push_visibly(&mut out, c));
    if text.chars().nth(limit).is_some() {
        out.push('…');
    }
    out
}

/// As nearly all text is: nothing in it has to be escaped to be seen.
fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

fn push_visibly(out: &mut String, c: char) {
    if c.is_control() || is_invisible(c) {
        out.extend(c.escape_unicode());
    } else {
        out.push(c);
    }
}

/// Marks that reorder or hide text around them in a terminal.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}
