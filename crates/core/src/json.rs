//! A JSON deserializer that passes over quickly what nobody asks for.
//!
//! Most of a review are fields that no judgement looks at; managedFields alone are half of one. They are passed over
//! 64 bytes at a time and not checked: only where they end is of interest. What is asked for and is no string, object,
//! list or plain number goes to serde_json, and so does the whole text, for its errors, where [`read`] gives `None`.

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use wide::u8x16;

/// Reads a `T`; `None` where it cannot, whatever the reason. What serde_json reads, it reads to the same.
pub fn read<'de, T: Deserialize<'de>>(text: &'de str) -> Option<T> {
    let mut reader = Reader { text, at: 0 };
    let value = T::deserialize(&mut reader).ok()?;
    reader.peek().is_none().then_some(value)
}

/// Something is not as it should be; serde_json will say what.
#[derive(Debug, thiserror::Error)]
#[error("unread")]
struct Unread;

impl de::Error for Unread {
    fn custom<T: std::fmt::Display>(_: T) -> Unread {
        Unread
    }
}

struct Reader<'de> {
    text: &'de str,
    at: usize,
}

impl<'de> Reader<'de> {
    fn bytes(&self) -> &'de [u8] {
        self.text.as_bytes()
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.bytes().get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    fn expect(&mut self, wanted: u8) -> Result<(), Unread> {
        let found = self.peek() == Some(wanted);
        self.at += 1;
        found.then_some(()).ok_or(Unread)
    }

    fn since(&self, start: usize) -> Result<&'de str, Unread> {
        self.text.get(start..self.at).ok_or(Unread)
    }

    /// The string that is next, where there are no escapes in it; `None` where it takes another look.
    fn plain_string(&mut self) -> Option<&'de str> {
        if self.peek() != Some(b'"') {
            return None;
        }
        let rest = self.text.get(self.at + 1..)?;
        let length = plain(rest.as_bytes())?;
        if rest.as_bytes().get(length) != Some(&b'"') {
            return None;
        }
        self.at += length + 2;
        rest.get(..length)
    }

    /// The string that is next, with its quotes, as it is written.
    #[cold]
    fn quoted_string(&mut self) -> Result<&'de str, Unread> {
        let start = self.at;
        self.expect(b'"')?;
        loop {
            let rest = self.bytes().get(self.at..).ok_or(Unread)?;
            let length = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)).ok_or(Unread)?;
            self.at += length + 1;
            match rest.get(length) {
                Some(b'"') => return self.since(start),
                Some(b'\\') => self.at += 1,
                _ => return Err(Unread),
            }
        }
    }

    /// Passes over a value.
    fn pass(&mut self) -> Result<(), Unread> {
        match self.peek() {
            Some(b'"') => self.plain_string().map_or_else(|| self.quoted_string().map(|_| ()), |_| Ok(())),
            Some(b'{' | b'[') => self.pass_nested(),
            Some(b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {
                let rest = self.bytes().get(self.at..).ok_or(Unread)?;
                let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\t' | b'\r');
                self.at += rest.iter().position(ends).unwrap_or(rest.len());
                Ok(())
            }
            _ => Err(Unread),
        }
    }

    /// Passes over an object or a list, to the bracket that closes the one that is next.
    fn pass_nested(&mut self) -> Result<(), Unread> {
        let mut depth = 0;
        let (mut in_string, mut escape) = (0, 0);
        loop {
            let rest = self.bytes().get(self.at..).filter(|rest| !rest.is_empty()).ok_or(Unread)?;
            let last;
            let block = match rest.first_chunk() {
                Some(block) => block,
                None => {
                    last = padded(rest);
                    &last
                }
            };
            let Marks { quotes, backslashes, opening, closing } = Marks::of(block);
            let escaped = if backslashes | escape == 0 { 0 } else { escaped(backslashes, &mut escape) };
            let strings = up_to_each(quotes & !escaped) ^ in_string;
            in_string = if strings >> 63 == 1 { u64::MAX } else { 0 };
            let (opening, closing) = (opening & !strings, closing & !strings);
            let (opened, closed) = (opening.count_ones(), closing.count_ones());
            // Only where enough is closed may this be the end.
            let (mut brackets, mut open) = (if closed >= depth { opening | closing } else { 0 }, depth);
            while brackets != 0 {
                let place = brackets.trailing_zeros();
                brackets &= brackets - 1;
                if opening >> place & 1 == 1 {
                    open += 1;
                } else if open == 1 {
                    self.at += place as usize + 1;
                    return Ok(());
                } else {
                    open -= 1;
                }
            }
            depth = depth + opened - closed;
            self.at += block.len();
        }
    }

    /// The number that is next, where it is a plain one.
    fn whole_number(&mut self) -> Option<u64> {
        self.peek();
        let rest = self.bytes().get(self.at..)?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let ends = matches!(rest.get(digits), None | Some(b',' | b'}' | b']' | b' ' | b'\n' | b'\t' | b'\r'));
        let (number, plain) = (rest.get(..digits)?, ends && rest.first() != Some(&b'0'));
        // As many digits fit whatever they are.
        if !plain || !(1..=18).contains(&digits) {
            return None;
        }
        self.at += digits;
        Some(number.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
    }

    /// Has serde_json read the value that is next.
    fn hand_over<T>(&mut self, read: impl FnOnce(&mut Strict<'de>) -> serde_json::Result<T>) -> Result<T, Unread> {
        self.peek();
        let start = self.at;
        self.pass()?;
        let mut strict = Strict::from_str(self.since(start)?);
        let value = read(&mut strict).map_err(|_| Unread)?;
        strict.end().map_err(|_| Unread)?;
        Ok(value)
    }
}

/// How many bytes of a string stand before its end, an escape or what no string has; `None` near the end of the text.
fn plain(text: &[u8]) -> Option<usize> {
    let mut passed = 0;
    loop {
        let block = text.get(passed..)?.first_chunk()?;
        let bytes = u8x16::new(*block);
        let is = |byte: u8| bytes.simd_eq(u8x16::splat(byte));
        let control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
        let other = (is(b'"') | is(b'\\') | control).to_bitmask();
        if other != 0 {
            return Some(passed + other.trailing_zeros() as usize);
        }
        passed += block.len();
    }
}

/// The last bytes of a text, as a block.
#[cold]
fn padded(rest: &[u8]) -> [u8; 64] {
    let mut block = [0; 64];
    block.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    block
}

type Strict<'de> = serde_json::Deserializer<serde_json::de::StrRead<'de>>;

/// Where in 64 bytes something is, a bit for each byte.
struct Marks {
    quotes: u64,
    backslashes: u64,
    opening: u64,
    closing: u64,
}

impl Marks {
    fn of(block: &[u8; 64]) -> Marks {
        let mut marks = Marks { quotes: 0, backslashes: 0, opening: 0, closing: 0 };
        for part in block.as_chunks().0.iter().rev() {
            let bytes = u8x16::new(*part);
            let is = |bytes: u8x16, byte: u8| u64::from(bytes.simd_eq(u8x16::splat(byte)).to_bitmask());
            marks.quotes = marks.quotes << 16 | is(bytes, b'"');
            marks.backslashes = marks.backslashes << 16 | is(bytes, b'\\');
            // Brackets and braces differ in this bit only, and nothing else becomes a brace by it.
            let braces = bytes | u8x16::splat(b'{' ^ b'[');
            marks.opening = marks.opening << 16 | is(braces, b'{');
            marks.closing = marks.closing << 16 | is(braces, b'}');
        }
        marks
    }
}

/// The bytes that a backslash escapes: those after an odd number of them. `carry`: whether the next block's first is one.
///
/// As in simdjson (Langdale and Lemire, Parsing Gigabytes of JSON per Second, 2019, section 3.1.1).
fn escaped(backslashes: u64, carry: &mut u64) -> u64 {
    const EVEN: u64 = 0x5555_5555_5555_5555;
    let backslashes = backslashes & !*carry;
    let follow = backslashes << 1 | *carry;
    let odd_starts = backslashes & !EVEN & !follow;
    let (even_ends, overflow) = odd_starts.overflowing_add(backslashes);
    *carry = u64::from(overflow);
    (EVEN ^ (even_ends << 1)) & follow
}

/// Each bit: whether the number of bits up to it, and with it, is odd.
fn up_to_each(bits: u64) -> u64 {
    [1, 2, 4, 8, 16, 32].into_iter().fold(bits, |bits, by| bits ^ (bits << by))
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Unread;

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        match self.plain_string() {
            Some(text) => visitor.visit_borrowed_str(text),
            None => visitor.visit_string(serde_json::from_str(self.quoted_string()?).map_err(|_| Unread)?),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.deserialize_str(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.expect(b'{')?;
        let mut entries = Entries { reader: self, end: b'}', first: true, ended: false };
        let value = visitor.visit_map(&mut entries)?;
        entries.ended.then_some(value).ok_or(Unread)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unread> {
        self.deserialize_map(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.expect(b'[')?;
        let mut entries = Entries { reader: self, end: b']', first: true, ended: false };
        let value = visitor.visit_seq(&mut entries)?;
        entries.ended.then_some(value).ok_or(Unread)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        if self.peek() != Some(b'n') {
            return visitor.visit_some(self);
        }
        self.hand_over(|strict| strict.deserialize_option(visitor))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.pass()?;
        visitor.visit_unit()
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        match self.whole_number() {
            Some(number) => visitor.visit_u64(number),
            None => self.hand_over(|strict| strict.deserialize_i64(visitor)),
        }
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        match self.peek() {
            Some(b'"') => self.deserialize_str(visitor),
            _ => match self.whole_number() {
                Some(number) => visitor.visit_u64(number),
                None => self.hand_over(|strict| strict.deserialize_any(visitor)),
            },
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Unread> {
        self.hand_over(|strict| strict.deserialize_newtype_struct(name, visitor))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unread> {
        self.hand_over(|strict| strict.deserialize_enum(name, variants, visitor))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct
    }
}

/// What is in an object or a list.
struct Entries<'r, 'de> {
    reader: &'r mut Reader<'de>,
    end: u8,
    first: bool,
    ended: bool,
}

impl Entries<'_, '_> {
    /// Goes to the next one; whether there is one.
    fn next(&mut self) -> Result<bool, Unread> {
        match self.reader.peek() {
            Some(byte) if byte == self.end => {
                self.reader.at += 1;
                self.ended = true;
            }
            Some(b',') if !self.first => self.reader.at += 1,
            Some(_) if self.first => {}
            _ => return Err(Unread),
        }
        self.first = false;
        Ok(!self.ended)
    }
}

impl<'de> MapAccess<'de> for Entries<'_, 'de> {
    type Error = Unread;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Unread> {
        if !self.next()? {
            return Ok(None);
        }
        let key = seed.deserialize(&mut *self.reader)?;
        self.reader.expect(b':')?;
        Ok(Some(key))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Unread> {
        seed.deserialize(&mut *self.reader)
    }
}

impl<'de> SeqAccess<'de> for Entries<'_, 'de> {
    type Error = Unread;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Unread> {
        if !self.next()? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }
}
