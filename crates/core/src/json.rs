//! A JSON reader that is driven by what is asked for.
//!
//! Most of a review are fields that no judgement looks at; managedFields alone are half of one. They are passed over by
//! name, 64 bytes at a time, and not checked: only where they end is of interest. Strings are borrowed, and what takes
//! another look (an odd number, an escape) is read by serde_json. So is the whole text, for its errors, where [`read`]
//! gives `None`: how a type is read here, and its `Deserialize`, say the same.

use serde::Deserialize;
use serde::de::IgnoredAny;
use wide::u8x16;

use super::text::Text;

/// Reads a `T`; `None` where it cannot, whatever the reason. What serde_json reads, it reads to the same.
pub fn read<'a, T: Read<'a>>(text: &'a str) -> Option<T> {
    let mut reader = Reader { text, at: 0 };
    let value = T::read(&mut reader).ok()?;
    reader.peek().is_none().then_some(value)
}

/// What can be read.
pub trait Read<'a>: Sized {
    /// Reads the value that is next.
    ///
    /// # Errors
    /// Something is not as it should be.
    fn read(reader: &mut Reader<'a>) -> Result<Self, Unread>;
}

/// Something is not as it should be; serde_json will say what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unread;

/// Reads an object into a struct that has a `Default`: its fields by their names, each of which may come once. A null is
/// the default where the field says so (`or default`), and `with` names a function that reads it.
macro_rules! fields {
    ($type:ident<$life:lifetime> { $($($name:literal)|+ => $field:ident $(or $default:ident)? $(with $with:path)?,)+ } $(then $set:ident = $value:expr)?) => {
        impl<$life> $crate::json::Read<$life> for $type<$life> {
            fn read(reader: &mut $crate::json::Reader<$life>) -> Result<Self, $crate::json::Unread> {
                #[derive(Default)]
                struct Seen {
                    $($field: bool,)+
                }
                let (mut out, mut seen) = (Self::default(), Seen::default());
                reader.object(|reader, key| {
                    match key {
                        $($($name)|+ => {
                            if std::mem::replace(&mut seen.$field, true) {
                                return Err($crate::json::Unread);
                            }
                            out.$field = $crate::json::fields!(@read reader $($default)? $($with)?);
                        })+
                        _ => reader.pass()?,
                    }
                    Ok(())
                })?;
                $(out.$set = $value;)?
                Ok(out)
            }
        }
    };
    (@read $reader:ident) => { $crate::json::Read::read($reader)? };
    (@read $reader:ident default) => { <Option<_> as $crate::json::Read>::read($reader)?.unwrap_or_default() };
    (@read $reader:ident $with:path) => { $with($reader)? };
}
pub(crate) use fields;

/// A text, and how far it was read.
#[derive(Debug)]
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    /// The next byte that is no white space.
    pub fn peek(&mut self) -> Option<u8> {
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

    fn since(&self, start: usize) -> Result<&'a str, Unread> {
        self.text.get(start..self.at).ok_or(Unread)
    }

    /// Reads an object: `each` reads the value of the key that it gets.
    ///
    /// # Errors
    /// It is none, or `each` says so.
    #[inline]
    pub fn object(&mut self, mut each: impl FnMut(&mut Reader<'a>, &str) -> Result<(), Unread>) -> Result<(), Unread> {
        self.expect(b'{')?;
        let mut first = true;
        while self.has_next(b'}', &mut first)? {
            let with_escapes;
            let key = match self.plain_string() {
                Some(key) => key,
                None => {
                    with_escapes = self.string()?;
                    &with_escapes
                }
            };
            self.expect(b':')?;
            each(self, key)?;
        }
        Ok(())
    }

    /// Reads an object whose keys are data: any text.
    ///
    /// # Errors
    /// It is none, or `each` says so.
    pub fn texts(
        &mut self,
        mut each: impl FnMut(&mut Reader<'a>, Text<'a>) -> Result<(), Unread>,
    ) -> Result<(), Unread> {
        self.expect(b'{')?;
        let mut first = true;
        while self.has_next(b'}', &mut first)? {
            let key = Text::read(self)?;
            self.expect(b':')?;
            each(self, key)?;
        }
        Ok(())
    }

    /// Reads a list: `each` reads the value that is next.
    ///
    /// # Errors
    /// It is none, or `each` says so.
    #[inline]
    pub fn list(&mut self, mut each: impl FnMut(&mut Reader<'a>) -> Result<(), Unread>) -> Result<(), Unread> {
        self.expect(b'[')?;
        let mut first = true;
        while self.has_next(b']', &mut first)? {
            each(self)?;
        }
        Ok(())
    }

    /// Goes on to the next entry of an object or a list; whether there is one.
    #[inline]
    fn has_next(&mut self, end: u8, first: &mut bool) -> Result<bool, Unread> {
        let is_first = std::mem::replace(first, false);
        match self.peek() {
            Some(byte) if byte == end => {
                self.at += 1;
                Ok(false)
            }
            Some(b',') if !is_first => {
                self.at += 1;
                Ok(true)
            }
            Some(_) if is_first => Ok(true),
            _ => Err(Unread),
        }
    }

    /// Reads a field that may come once.
    ///
    /// # Errors
    /// It cannot be read, or it was read already.
    pub fn once<T: Read<'a>>(&mut self, field: &mut Option<T>) -> Result<(), Unread> {
        match field {
            Some(_) => Err(Unread),
            None => {
                *field = Some(T::read(self)?);
                Ok(())
            }
        }
    }

    /// The string that is next, where there are no escapes in it; `None` where it takes another look.
    #[inline]
    pub fn plain_string(&mut self) -> Option<&'a str> {
        if self.peek() != Some(b'"') {
            return None;
        }
        let start = self.at + 1;
        let end = special(self.bytes(), start)?;
        if self.bytes().get(end) != Some(&b'"') {
            return None;
        }
        self.at = end + 1;
        self.text.get(start..end)
    }

    /// The two strings of an object that is written in one piece, as API servers do: after `begins` and `goes_on`, up to its
    /// end. `None` where it takes another look.
    #[inline]
    pub fn two_strings(&mut self, begins: &str, goes_on: &str) -> Option<(&'a str, &'a str)> {
        let start = self.at;
        let found = self.piece(begins).and_then(|()| {
            let first = self.plain_string()?;
            self.piece(goes_on)?;
            let second = self.plain_string()?;
            self.piece("}")?;
            Some((first, second))
        });
        if found.is_none() {
            self.at = start;
        }
        found
    }

    #[inline]
    fn piece(&mut self, piece: &str) -> Option<()> {
        let found = self.bytes().get(self.at..)?.starts_with(piece.as_bytes());
        self.at += piece.len();
        found.then_some(())
    }

    /// The string that is next, whatever is in it.
    ///
    /// # Errors
    /// It is none.
    #[cold]
    pub fn string(&mut self) -> Result<String, Unread> {
        self.peek();
        let start = self.at;
        self.pass_string()?;
        serde_json::from_str(self.since(start)?).map_err(|_| Unread)
    }

    /// Passes over a string, escapes and all.
    #[cold]
    fn pass_string(&mut self) -> Result<(), Unread> {
        self.expect(b'"')?;
        loop {
            let rest = self.bytes().get(self.at..).ok_or(Unread)?;
            let length = special(rest, 0).ok_or(Unread)?;
            self.at += length + 1;
            match rest.get(length) {
                Some(b'"') => return Ok(()),
                Some(b'\\') => self.at += 1,
                _ => return Err(Unread),
            }
        }
    }

    /// Passes over a value.
    ///
    /// # Errors
    /// There is none, or it has no end.
    pub fn pass(&mut self) -> Result<(), Unread> {
        match self.peek() {
            Some(b'"') => self.plain_string().map_or_else(|| self.pass_string(), |_| Ok(())),
            Some(b'{' | b'[') => self.pass_nested(),
            Some(b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {
                let rest = self.bytes().get(self.at..).ok_or(Unread)?;
                self.at += rest.iter().position(is_end).unwrap_or(rest.len());
                Ok(())
            }
            _ => Err(Unread),
        }
    }

    /// Passes over a value, and gives it as it is written.
    ///
    /// # Errors
    /// As those of [`pass`](Reader::pass).
    pub fn raw(&mut self) -> Result<&'a str, Unread> {
        self.peek();
        let start = self.at;
        self.pass()?;
        self.since(start)
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
            let Marks { quotes, has_backslash, opening, closing } = Marks::of(block);
            let escaped = if has_backslash || escape != 0 { escaped(backslashes(block), &mut escape) } else { 0 };
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
    fn whole_number(&mut self) -> Option<i64> {
        self.peek();
        let rest = self.bytes().get(self.at..)?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, plain) = (rest.get(..digits)?, rest.get(digits).is_none_or(is_end));
        let plain = plain && (digits == 1 || rest.first() != Some(&b'0'));
        // As many digits fit whatever they are.
        if !plain || !(1..=18).contains(&digits) {
            return None;
        }
        self.at += digits;
        Some(number.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0')))
    }

    /// Has serde_json read the value that is next.
    ///
    /// # Errors
    /// It cannot.
    pub fn strict<T: Deserialize<'a>>(&mut self) -> Result<T, Unread> {
        serde_json::from_str(self.raw()?).map_err(|_| Unread)
    }
}

/// Whether a byte ends what is no string, object or list.
fn is_end(byte: &u8) -> bool {
    matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\t' | b'\r')
}

/// Writes a string.
pub fn write(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some((plain, [byte, after @ ..])) = special(rest, 0).and_then(|at| rest.split_at_checked(at)) {
        out.extend_from_slice(plain);
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            control => out.extend_from_slice(format!("\\u{control:04x}").as_bytes()),
        }
        rest = after;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Where, from a place on, a string ends or has an escape, or what it may not have as it is.
#[inline]
fn special(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let rest = bytes.get(at..)?;
        let Some(block) = rest.first_chunk() else { return Some(at + special_near_the_end(rest)?) };
        let bytes = u8x16::new(*block);
        let is = |byte: u8| bytes.simd_eq(u8x16::splat(byte));
        let control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
        let found = (is(b'"') | is(b'\\') | control).to_bitmask();
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize);
        }
        at += block.len();
    }
}

#[cold]
fn special_near_the_end(rest: &[u8]) -> Option<usize> {
    rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f))
}

/// The last bytes of a text, as a block.
#[cold]
fn padded(rest: &[u8]) -> [u8; 64] {
    let mut block = [0; 64];
    block.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    block
}

/// Where in 64 bytes something is, a bit for each byte.
struct Marks {
    quotes: u64,
    has_backslash: bool,
    opening: u64,
    closing: u64,
}

impl Marks {
    #[inline]
    fn of(block: &[u8; 64]) -> Marks {
        let (mut quotes, mut opening, mut closing) = (0, 0, 0);
        let mut backslashes = u8x16::splat(0);
        for part in block.as_chunks().0.iter().rev() {
            let bytes = u8x16::new(*part);
            backslashes |= bytes.simd_eq(u8x16::splat(b'\\'));
            quotes = quotes << 16 | bits(bytes, b'"');
            // Brackets and braces differ in this bit only, and nothing else becomes a brace by it.
            let braces = bytes | u8x16::splat(b'{' ^ b'[');
            opening = opening << 16 | bits(braces, b'{');
            closing = closing << 16 | bits(braces, b'}');
        }
        Marks { quotes, has_backslash: backslashes.to_bitmask() != 0, opening, closing }
    }
}

#[inline]
fn bits(bytes: u8x16, byte: u8) -> u64 {
    u64::from(bytes.simd_eq(u8x16::splat(byte)).to_bitmask())
}

fn backslashes(block: &[u8; 64]) -> u64 {
    let parts = block.as_chunks().0.iter().rev();
    parts.fold(0, |bits_before, part| bits_before << 16 | bits(u8x16::new(*part), b'\\'))
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

impl<'a, T: Read<'a>> Read<'a> for Option<T> {
    #[inline]
    fn read(reader: &mut Reader<'a>) -> Result<Self, Unread> {
        if reader.peek() == Some(b'n') {
            return if reader.raw()? == "null" { Ok(None) } else { Err(Unread) };
        }
        T::read(reader).map(Some)
    }
}

impl<'a, T: Read<'a>> Read<'a> for Vec<T> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Unread> {
        let mut list = Vec::new();
        reader.list(|reader| {
            list.push(T::read(reader)?);
            Ok(())
        })?;
        Ok(list)
    }
}

impl<'a> Read<'a> for i64 {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Unread> {
        match reader.whole_number() {
            Some(number) => Ok(number),
            None => reader.strict(),
        }
    }
}

impl<'a> Read<'a> for bool {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Unread> {
        match reader.raw()? {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(Unread),
        }
    }
}

/// Something, whatever it is.
impl<'a> Read<'a> for IgnoredAny {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Unread> {
        reader.pass().map(|()| IgnoredAny)
    }
}

/// Something, as it is written.
impl<'a> Read<'a> for &'a str {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Unread> {
        reader.raw()
    }
}
