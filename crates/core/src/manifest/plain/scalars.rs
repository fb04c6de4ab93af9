//! Scalars of the short way: plain ones, quoted ones, and blocks of text.

use std::borrow::Cow;
use std::iter::repeat_n;

use super::{At, Reader, is_word};

/// What a scalar means.
#[derive(Debug, PartialEq)]
pub(in crate::manifest) enum Scalar<'t> {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(Cow<'t, str>),
}

impl<'t> Reader<'t> {
    /// A plain scalar inside a block at `column`; the lines below that stand further in go on with it.
    pub(super) fn plain(&mut self, column: usize) -> Option<(Scalar<'t>, At)> {
        let (start, line) = (self.at, self.line);
        let (first, mut has_comment) = self.plain_line()?;
        let mut folded: Option<String> = None;
        while !has_comment && let Some((blank, next)) = self.continuation(self.line_end(), column) {
            match self.byte(next)? {
                b'#' => break,
                // Left to the full reader: it looks like a key or its value.
                b'?' | b':' if matches!(self.byte(next + 1), None | Some(b' ' | b'\n')) => return None,
                b'\t' => return None,
                _ => {}
            }
            self.at = next;
            self.line += blank + 1;
            let more;
            (more, has_comment) = self.plain_line()?;
            fold(folded.get_or_insert_with(|| first.to_owned()), blank, more);
        }
        let scalar = match folded {
            // No number and no word has a blank in it.
            Some(text) => may_begin_text(first.bytes().next()?).then_some(Scalar::Text(text.into()))?,
            None => resolve(first)?,
        };
        Some((scalar, At { bytes: start..self.at, line }))
    }

    /// The text of a plain scalar on this line, and whether a comment ends it. The cursor is behind the text then.
    fn plain_line(&mut self) -> Option<(&'t str, bool)> {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let mut end = bytes.len();
        for (at, b) in bytes.iter().enumerate() {
            match b {
                b':' if matches!(bytes.get(at + 1), None | Some(b' ')) => return None,
                b'\t' => return None,
                b'#' if at > 0 && bytes.get(at - 1) == Some(&b' ') => {
                    end = at;
                    break;
                }
                _ => {}
            }
        }
        let text = rest.get(..end)?.trim_end_matches(' ');
        self.at += text.len();
        Some((text, end < bytes.len()))
    }

    fn line_end(&self) -> usize {
        self.at + self.rest().len()
    }

    /// Where a scalar inside a block at `column` goes on below a line that ends at `end`, and how many blank lines are
    /// between; none where it does not.
    fn continuation(&self, mut end: usize, column: usize) -> Option<(usize, usize)> {
        let mut blank = 0;
        loop {
            let start = end + 1;
            let line = self.text.as_bytes().get(start..)?;
            let spaces = line.iter().take_while(|b| **b == b' ').count();
            match line.get(spaces)? {
                b'\n' => {
                    blank += 1;
                    end = start + spaces;
                }
                _ => return (spaces > column).then_some((blank, start + spaces)),
            }
        }
    }

    /// A quoted text, in a block at `column`.
    pub(super) fn quoted(&mut self, column: usize) -> Option<(Scalar<'t>, At)> {
        let (start, line, quote) = (self.at, self.line, self.peek()?);
        if let Some(length) = quoted_length(self.rest(), quote) {
            let text = self.text.get(start + 1..start + length - 1)?;
            self.at += length;
            return Some((Scalar::Text(text.into()), At { bytes: start..self.at, line }));
        }
        let mut text = String::new();
        // Up to where blanks before a line's end stay.
        let mut kept = 0;
        self.at += 1;
        loop {
            let rest = self.text.get(self.at..)?;
            let run = rest.bytes().position(|b| b == quote || b == b'\n' || (b == b'\\' && quote == b'"'))?;
            text.push_str(rest.get(..run)?);
            self.at += run;
            match self.peek()? {
                b'\n' => {
                    let length = text.trim_end_matches([' ', '\t']).len().max(kept);
                    text.truncate(length);
                    let (blank, next) = self.continuation(self.at, column)?;
                    if self.byte(next) == Some(b'\t') {
                        return None;
                    }
                    fold(&mut text, blank, "");
                    self.at = next;
                    self.line += blank + 1;
                }
                b'\\' => self.escape(&mut text, column)?,
                _ if quote == b'\'' && self.byte(self.at + 1) == Some(quote) => {
                    text.push('\'');
                    self.at += 2;
                }
                _ => break,
            }
            kept = text.len();
        }
        self.at += 1;
        Some((Scalar::Text(text.into()), At { bytes: start..self.at, line }))
    }

    /// What stands for one character, or for a line's end that is none.
    fn escape(&mut self, text: &mut String, column: usize) -> Option<()> {
        let digits = match self.byte(self.at + 1)? {
            b'\n' => {
                let (0, next) = self.continuation(self.at + 1, column)? else { return None };
                if self.byte(next) == Some(b'\t') {
                    return None;
                }
                self.at = next;
                self.line += 1;
                return Some(());
            }
            b'x' => 2,
            b'u' => 4,
            plain => {
                text.push(match plain {
                    b'n' => '\n',
                    b't' => '\t',
                    b'"' | b'\\' | b'/' | b' ' => char::from(plain),
                    _ => return None,
                });
                self.at += 2;
                return Some(());
            }
        };
        let hex = self.text.get(self.at + 2..self.at + 2 + digits)?;
        let code = u32::from_str_radix(hex, 16).ok().filter(|_| hex.bytes().all(|b| b.is_ascii_hexdigit()))?;
        text.push(char::from_u32(code).filter(|c| !c.is_control())?);
        self.at += 2 + digits;
        Some(())
    }

    /// A literal block (`|`) or a folded one (`>`) inside a block at `column`. The cursor is at the start of a line then.
    pub(super) fn block_text(&mut self, column: usize) -> Option<(Scalar<'t>, At)> {
        let is_folded = self.peek()? == b'>';
        let (mut chomp, mut indent) = (None, None);
        let header = self.rest();
        let marks = header.find(" #").map_or(header, |comment| header.get(..comment).unwrap_or_default());
        for b in marks.trim_end_matches(' ').bytes().skip(1) {
            match b {
                b'+' | b'-' if chomp.is_none() => chomp = Some(b),
                b'1'..=b'9' if indent.is_none() => indent = Some(column + usize::from(b - b'0')),
                _ => return None,
            }
        }
        self.text_line()?;
        let (mut blank, mut widest) = (0, 0);
        let found = loop {
            let line = self.rest();
            let spaces = leading_spaces(line);
            if spaces < line.len() {
                break spaces;
            }
            widest = widest.max(spaces);
            blank += 1;
            self.text_line()?;
        };
        let indent = indent.unwrap_or(found);
        if found < indent || indent <= column || widest > indent {
            return None;
        }
        let (start, first_line) = (self.at + indent, self.line);
        let mut text = String::new();
        let (mut is_first, mut was_in) = (true, false);
        let end = loop {
            if self.at >= self.text.len() {
                break self.at;
            }
            let line = self.rest();
            let spaces = leading_spaces(line);
            if spaces == line.len() && spaces <= indent {
                blank += 1;
            } else if spaces < indent {
                // A comment beside the text is left to the full reader.
                if spaces > column {
                    return None;
                }
                break self.at + spaces;
            } else {
                let content = line.get(indent..)?;
                let is_in = content.starts_with([' ', '\t']);
                if is_folded && !is_first && !was_in && !is_in {
                    fold(&mut text, blank, content);
                } else {
                    text.extend(repeat_n('\n', blank + usize::from(!is_first)));
                    text.push_str(content);
                }
                (blank, is_first, was_in) = (0, false, is_in);
            }
            self.text_line()?;
        };
        if text.trim().is_empty() {
            return None;
        }
        match chomp {
            None => text.push('\n'),
            Some(b'+') => text.extend(repeat_n('\n', blank + 1)),
            Some(_) => {}
        }
        Some((Scalar::Text(text.into()), At { bytes: start..end, line: first_line }))
    }

    /// Goes to the start of the next line, of a text that ends each with a newline.
    fn text_line(&mut self) -> Option<()> {
        self.at = self.line_end();
        self.peek()?;
        self.at += 1;
        self.line += 1;
        Some(())
    }

    /// A plain scalar inside a flow collection, on one line.
    pub(super) fn flow_plain(&mut self) -> Option<(Scalar<'t>, At)> {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let mut end = bytes.len();
        for (at, b) in bytes.iter().enumerate() {
            match b {
                b',' | b'[' | b']' | b'{' | b'}' => {
                    end = at;
                    break;
                }
                b':' if !bytes.get(at + 1).is_some_and(|b| is_word(*b)) => return None,
                b'\t' | b'#' | b'"' | b'\'' => return None,
                _ => {}
            }
        }
        // One that goes on below is left to the full reader.
        if end == bytes.len() {
            return None;
        }
        let text = rest.get(..end)?.trim_end_matches(' ');
        let at = self.here(text.len());
        self.at += text.len();
        Some((resolve(text)?, at))
    }
}

/// Goes on with a text on another line.
fn fold(text: &mut String, blank: usize, more: &str) {
    if blank == 0 {
        text.push(' ');
    } else {
        text.extend(repeat_n('\n', blank));
    }
    text.push_str(more);
}

fn leading_spaces(line: &str) -> usize {
    line.bytes().take_while(|b| *b == b' ').count()
}

/// Of a quoted text with nothing to unescape, with its quotes.
pub(super) fn quoted_length(line: &str, quote: u8) -> Option<usize> {
    let inner = line.get(1..)?;
    let end = inner.bytes().position(|b| b == quote)?;
    let escapes = quote == b'"' && inner.get(..end)?.contains('\\');
    let doubled = quote == b'\'' && inner.as_bytes().get(end + 1) == Some(&b'\'');
    (!escapes && !doubled).then_some(end + 2)
}

/// A plain scalar on one line that can be only one thing in YAML 1.1 and 1.2 alike.
pub(super) fn resolve(text: &str) -> Option<Scalar<'_>> {
    match text {
        "true" => return Some(Scalar::Bool(true)),
        "false" => return Some(Scalar::Bool(false)),
        "null" | "~" => return Some(Scalar::Null),
        "0" => return Some(Scalar::Integer(0)),
        _ => {}
    }
    let first = text.bytes().next()?;
    if let Some(octal) = text.strip_prefix('0')
        && octal.len() <= 8
        && octal.bytes().all(|b| matches!(b, b'0'..=b'7'))
    {
        return i64::from_str_radix(octal, 8).ok().map(Scalar::Integer);
    }
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    if unsigned.len() <= 17 && unsigned.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        let mut parts = unsigned.split('.');
        let whole = parts.next()?;
        let is_whole = whole == "0" || matches!(whole.bytes().next(), Some(b'1'..=b'9'));
        match (parts.next(), parts.next()) {
            (None, _) if is_whole && unsigned != "0" => return text.parse().ok().map(Scalar::Integer),
            (Some(part), None) if is_whole && !part.is_empty() => return text.parse().ok().map(Scalar::Float),
            _ => {}
        }
    }
    can_only_be_text(text, first).then_some(Scalar::Text(text.into()))
}

fn can_only_be_text(text: &str, first: u8) -> bool {
    let has = |wanted: fn(u8) -> bool| text.bytes().any(wanted);
    let is_word = |text: &str| text.len() <= 8 && WORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
    match first {
        b'a'..=b'z' | b'A'..=b'Z' => !is_word(text),
        b'/' | b'_' | b'$' | b'(' | b')' | b'^' | b'\\' | b';' | 0x80.. => true,
        b'<' | b'=' => text != "<<",
        b':' => text.len() > 1,
        b'.' => matches!(text.as_bytes().get(1), Some(b'/' | b'a'..=b'h' | b'j'..=b'm' | b'o'..=b'z' | b'A'..=b'H')),
        b'-' => {
            let dashless = text.trim_start_matches('-');
            dashless.bytes().next().is_some_and(|b| b.is_ascii_alphabetic()) && !is_word(dashless)
        }
        b'0'..=b'9' => {
            // No number has two dots, a colon, a slash, or a dash between its digits; `0x` and the like begin those of other bases.
            let is_letter = if first == b'0' && !text.as_bytes().get(1).is_some_and(u8::is_ascii_digit) {
                |b: u8| matches!(b.to_ascii_lowercase(), b'g'..=b'n' | b'p'..=b'w' | b'y' | b'z')
            } else {
                |b: u8| b.is_ascii_alphabetic() && !matches!(b, b'e' | b'E')
            };
            text.bytes().filter(|b| *b == b'.').count() > 1
                || has(|b| !b.is_ascii_alphanumeric() && !matches!(b, b'.' | b'_' | b'+' | b'-'))
                || has(is_letter)
                || (has(|b| b == b'-') && !has(|b| b.is_ascii_alphabetic()))
        }
        _ => false,
    }
}

/// Whether a plain scalar may begin with it, where it is text whatever follows.
fn may_begin_text(first: u8) -> bool {
    let marks = b",[]{}#&*!|>'\"%@`?:-";
    !marks.contains(&first)
}

/// What some version of YAML, or a reader of numbers, takes for something else than text.
const WORDS: [&str; 12] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf", "infinity"];
