//! The words and the structure of a line of shell: as much of POSIX and bash as stands in hooks.
//!
//! What is not understood is an error, never a guess: the line's length is then unknown.

use std::ops::Range;
use std::rc::Rc;

/// How deep compound commands and substitutions may stand in each other.
const DEEPEST: usize = 24;

/// What cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotUnderstood;

type Parsed<T> = Result<T, NotUnderstood>;

/// Commands one after the other.
pub(super) type List = Vec<AndOr>;

/// Pipelines joined by `&&` and `||`.
#[derive(Debug)]
pub(super) struct AndOr {
    pub first: Pipeline,
    pub rest: Vec<(Join, Pipeline)>,
    /// Ended by `&`.
    pub background: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Join {
    And,
    Or,
}

/// Commands joined by `|`.
#[derive(Debug)]
pub(super) struct Pipeline {
    pub negated: bool,
    pub commands: Vec<Command>,
    /// Where it stands in the text.
    pub place: Range<usize>,
}

#[derive(Debug)]
pub(super) enum Command {
    Simple(Simple),
    Group(List),
    Subshell(List),
    If {
        arms: Vec<(List, List)>,
        otherwise: Option<List>,
    },
    While {
        until: bool,
        condition: List,
        body: List,
    },
    For {
        name: String,
        words: Option<Vec<Word>>,
        body: List,
    },
    Case {
        word: Word,
        arms: Vec<(Vec<Word>, List)>,
    },
    Function {
        name: String,
        body: Rc<List>,
    },
    /// `[[ .. ]]` or `(( .. ))`: takes no time and answers what is not looked into.
    Condition,
}

#[derive(Debug, Default)]
pub(super) struct Simple {
    pub assignments: Vec<(String, Word)>,
    pub words: Vec<Word>,
}

/// A word, in pieces that expand on their own.
#[derive(Debug, Default)]
pub(super) struct Word(pub Vec<Piece>);

#[derive(Debug)]
pub(super) struct Piece {
    pub what: What,
    pub quoted: bool,
}

#[derive(Debug)]
pub(super) enum What {
    Text(String),
    Variable {
        name: String,
        or: Option<Word>,
    },
    /// An expansion that is not looked into.
    Opaque,
    Output(List),
    Arithmetic(String),
}

impl Word {
    /// The word where nothing in it expands and nothing is quoted.
    pub(super) fn plain(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Piece { what: What::Text(text), quoted: false }] => Some(text),
            _ => None,
        }
    }
}

/// Reads a whole line.
pub(super) fn parse(text: &str) -> Parsed<List> {
    parse_at(text, 0)
}

fn parse_at(text: &str, depth: usize) -> Parsed<List> {
    let mut parser = Parser { text, at: 0, depth, heredocs: Vec::new() };
    let list = parser.list()?;
    if parser.at < text.len() { Err(NotUnderstood) } else { Ok(list) }
}

struct Parser<'s> {
    text: &'s str,
    at: usize,
    depth: usize,
    /// Delimiters of here-documents that begin after the next newline.
    heredocs: Vec<String>,
}

const CLOSING: [&str; 8] = ["then", "else", "elif", "fi", "do", "done", "esac", "}"];

impl<'s> Parser<'s> {
    fn rest(&self) -> &'s str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next_is(&self, token: &str) -> bool {
        self.rest().starts_with(token)
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.next_is(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn expect(&mut self, token: &str) -> Parsed<()> {
        if self.take(token) { Ok(()) } else { Err(NotUnderstood) }
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= DEEPEST {
            return Err(NotUnderstood);
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// Blanks, continued lines, and a comment up to its newline.
    fn blanks(&mut self) {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\r') => self.at += 1,
                Some(b'\\') if self.next_is("\\\n") => self.at += 2,
                Some(b'#') => self.at += self.rest().find('\n').unwrap_or(self.rest().len()),
                _ => return,
            }
        }
    }

    fn newline(&mut self) {
        self.at += 1;
        for delimiter in std::mem::take(&mut self.heredocs) {
            loop {
                let rest = self.rest();
                let end = rest.find('\n').unwrap_or(rest.len());
                let line = rest.get(..end).unwrap_or_default().trim_start_matches('\t');
                self.at = (self.at + end + 1).min(self.text.len());
                if line == delimiter || self.at >= self.text.len() {
                    break;
                }
            }
        }
    }

    /// Blanks, newlines and comments.
    fn gap(&mut self) {
        loop {
            self.blanks();
            if self.peek() != Some(b'\n') {
                return;
            }
            self.newline();
        }
    }

    /// The unquoted letters that stand here as a word of their own.
    fn keyword(&self) -> &'s str {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_ascii_alphabetic() || "{}![".contains(c))).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let ends = after.chars().next().is_none_or(|c| " \t\r\n;&|()<>".contains(c));
        if ends { word } else { "" }
    }

    fn take_keyword(&mut self, word: &str) -> bool {
        self.gap();
        let found = self.keyword() == word;
        if found {
            self.at += word.len();
        }
        found
    }

    fn expect_keyword(&mut self, word: &str) -> Parsed<()> {
        if self.take_keyword(word) { Ok(()) } else { Err(NotUnderstood) }
    }

    /// Up to the end, or to what closes the command that the list stands in.
    fn list(&mut self) -> Parsed<List> {
        let mut list = Vec::new();
        loop {
            self.gap();
            match self.peek() {
                None | Some(b')') => return Ok(list),
                Some(b';') if self.next_is(";;") => return Ok(list),
                _ if CLOSING.contains(&self.keyword()) => return Ok(list),
                _ => {}
            }
            self.and_or(&mut list)?;
            self.blanks();
            match self.peek() {
                Some(b';') if !self.next_is(";;") => self.at += 1,
                Some(b'&') => {
                    self.at += 1;
                    list.last_mut().ok_or(NotUnderstood)?.background = true;
                }
                Some(b'\n') | None | Some(b')') => {}
                Some(b';') => return Ok(list),
                _ if CLOSING.contains(&self.keyword()) => {}
                _ => return Err(NotUnderstood),
            }
        }
    }

    fn and_or(&mut self, list: &mut List) -> Parsed<()> {
        let first = self.pipeline()?;
        let mut rest = Vec::new();
        loop {
            self.blanks();
            let join = if self.take("&&") {
                Join::And
            } else if self.take("||") {
                Join::Or
            } else {
                break;
            };
            self.gap();
            rest.push((join, self.pipeline()?));
        }
        list.push(AndOr { first, rest, background: false });
        Ok(())
    }

    fn pipeline(&mut self) -> Parsed<Pipeline> {
        let negated = self.take_keyword("!");
        self.gap();
        let start = self.at;
        let mut commands = vec![self.deeper(Self::command)?];
        let mut end = self.at;
        loop {
            self.blanks();
            if self.next_is("||") || !(self.take("|&") || self.take("|")) {
                break;
            }
            self.gap();
            commands.push(self.deeper(Self::command)?);
            end = self.at;
        }
        Ok(Pipeline { negated, commands, place: start..end })
    }

    fn command(&mut self) -> Parsed<Command> {
        let compound = match self.keyword() {
            _ if self.take("((") => {
                self.until("))")?;
                Command::Condition
            }
            _ if self.take("(") => {
                let list = self.list()?;
                self.expect(")")?;
                Command::Subshell(list)
            }
            "{" => self.group().map(Command::Group)?,
            "if" => self.conditional()?,
            word @ ("while" | "until") => {
                self.at += word.len();
                let condition = self.list()?;
                Command::While { until: word == "until", condition, body: self.body()? }
            }
            "for" => self.for_loop()?,
            "case" => self.case()?,
            "[[" => {
                self.until("]]")?;
                Command::Condition
            }
            "function" => {
                self.at += "function".len();
                self.blanks();
                let name = self.name()?.to_owned();
                self.blanks();
                if self.take("(") {
                    self.expect(")")?;
                }
                self.gap();
                Command::Function { name, body: Rc::new(self.group()?) }
            }
            _ => return self.simple(),
        };
        loop {
            self.blanks();
            if !self.redirection()? {
                return Ok(compound);
            }
        }
    }

    fn until(&mut self, token: &str) -> Parsed<()> {
        self.at += self.rest().find(token).ok_or(NotUnderstood)? + token.len();
        Ok(())
    }

    fn group(&mut self) -> Parsed<List> {
        self.expect_keyword("{")?;
        let list = self.list()?;
        self.expect_keyword("}")?;
        Ok(list)
    }

    fn body(&mut self) -> Parsed<List> {
        self.expect_keyword("do")?;
        let body = self.list()?;
        self.expect_keyword("done")?;
        Ok(body)
    }

    fn conditional(&mut self) -> Parsed<Command> {
        self.expect_keyword("if")?;
        let mut arms = Vec::new();
        loop {
            let condition = self.list()?;
            self.expect_keyword("then")?;
            arms.push((condition, self.list()?));
            if self.take_keyword("elif") {
                continue;
            }
            let otherwise = if self.take_keyword("else") { Some(self.list()?) } else { None };
            self.expect_keyword("fi")?;
            return Ok(Command::If { arms, otherwise });
        }
    }

    fn name(&mut self) -> Parsed<&'s str> {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let name = rest.get(..end).filter(|name| is_name(name)).ok_or(NotUnderstood)?;
        self.at += end;
        Ok(name)
    }

    fn for_loop(&mut self) -> Parsed<Command> {
        self.expect_keyword("for")?;
        self.blanks();
        let name = self.name()?.to_owned();
        let mut words = None;
        if self.take_keyword("in") {
            let mut list = Vec::new();
            loop {
                self.blanks();
                match self.peek() {
                    Some(b';' | b'\n') => break,
                    _ => list.push(self.word()?.ok_or(NotUnderstood)?),
                }
            }
            words = Some(list);
        }
        self.blanks();
        self.take(";");
        Ok(Command::For { name, words, body: self.body()? })
    }

    fn case(&mut self) -> Parsed<Command> {
        self.expect_keyword("case")?;
        self.blanks();
        let word = self.word()?.ok_or(NotUnderstood)?;
        self.expect_keyword("in")?;
        let mut arms = Vec::new();
        while !self.take_keyword("esac") {
            self.take("(");
            let mut patterns = Vec::new();
            loop {
                self.blanks();
                patterns.push(self.word()?.ok_or(NotUnderstood)?);
                self.blanks();
                if !self.take("|") {
                    break;
                }
            }
            self.expect(")")?;
            arms.push((patterns, self.list()?));
            self.gap();
            self.take(";;");
        }
        Ok(Command::Case { word, arms })
    }

    fn simple(&mut self) -> Parsed<Command> {
        let (mut simple, start) = (Simple::default(), self.at);
        loop {
            self.blanks();
            if self.redirection()? {
                continue;
            }
            if simple.words.is_empty()
                && let Some(name) = self.assignment()
            {
                let value = self.word()?.unwrap_or_default();
                simple.assignments.push((name.to_owned(), value));
                continue;
            }
            let Some(word) = self.word()? else { break };
            if simple.words.is_empty() && simple.assignments.is_empty() && self.next_is("(") {
                let name = word.plain().filter(|name| is_name(name)).ok_or(NotUnderstood)?.to_owned();
                self.at += 1;
                self.blanks();
                self.expect(")")?;
                self.gap();
                return Ok(Command::Function { name, body: Rc::new(self.group()?) });
            }
            simple.words.push(word);
        }
        if self.at == start {
            return Err(NotUnderstood);
        }
        Ok(Command::Simple(simple))
    }

    /// `NAME=`, passed over.
    fn assignment(&mut self) -> Option<&'s str> {
        let rest = self.rest();
        let name = rest.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next()?;
        let is = is_name(name) && rest.get(name.len()..)?.starts_with('=');
        if is {
            self.at += name.len() + 1;
        }
        is.then_some(name)
    }

    /// A redirection, passed over.
    fn redirection(&mut self) -> Parsed<bool> {
        let rest = self.rest();
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let after = rest.get(digits..).unwrap_or_default();
        let operators = ["&>>", "&>", "<<<", "<<-", "<<", "<&", "<>", ">>", ">&", ">|", "<", ">"];
        let Some(operator) = operators.into_iter().find(|operator| after.starts_with(operator)) else {
            return Ok(false);
        };
        if operator.starts_with('&') && digits > 0 {
            return Ok(false);
        }
        self.at += digits + operator.len();
        if self.next_is("(") {
            return Err(NotUnderstood);
        }
        self.blanks();
        let target = self.word()?.ok_or(NotUnderstood)?;
        if operator.starts_with("<<") && operator != "<<<" {
            let text = target.0.iter().map(|piece| if let What::Text(text) = &piece.what { text } else { "" });
            self.heredocs.push(text.collect());
        }
        Ok(true)
    }

    /// The word that begins here, if one does.
    fn word(&mut self) -> Parsed<Option<Word>> {
        let mut pieces: Vec<Piece> = Vec::new();
        loop {
            let start = self.at;
            let rest = self.rest();
            let end = rest.find(|c: char| " \t\r\n;&|()<>\\'\"$`".contains(c)).unwrap_or(rest.len());
            self.at += end;
            let text = rest.get(..end).unwrap_or_default();
            if !text.is_empty() {
                push_text(&mut pieces, text, false);
            }
            match self.peek() {
                Some(b'\\') => {
                    let Some(c) = self.rest().chars().nth(1) else { return Err(NotUnderstood) };
                    self.at += 1 + c.len_utf8();
                    if c != '\n' {
                        push_text(&mut pieces, c.encode_utf8(&mut [0; 4]), true);
                    }
                }
                Some(b'\'') => {
                    self.at += 1;
                    let end = self.rest().find('\'').ok_or(NotUnderstood)?;
                    push_text(&mut pieces, self.rest().get(..end).unwrap_or_default(), true);
                    self.at += end + 1;
                }
                Some(b'"') => self.double_quoted(&mut pieces)?,
                Some(b'$' | b'`') => self.expansion(&mut pieces, false)?,
                _ => break,
            }
            debug_assert!(self.at > start);
        }
        Ok((!pieces.is_empty()).then_some(Word(pieces)))
    }

    fn double_quoted(&mut self, pieces: &mut Vec<Piece>) -> Parsed<()> {
        self.at += 1;
        push_text(pieces, "", true);
        loop {
            let rest = self.rest();
            let end = rest.find(['"', '\\', '$', '`']).ok_or(NotUnderstood)?;
            push_text(pieces, rest.get(..end).unwrap_or_default(), true);
            self.at += end;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    let c = self.rest().chars().nth(1).ok_or(NotUnderstood)?;
                    self.at += 1 + c.len_utf8();
                    match c {
                        '\n' => {}
                        '$' | '`' | '"' | '\\' => push_text(pieces, c.encode_utf8(&mut [0; 4]), true),
                        _ => {
                            push_text(pieces, "\\", true);
                            push_text(pieces, c.encode_utf8(&mut [0; 4]), true);
                        }
                    }
                }
                _ => self.expansion(pieces, true)?,
            }
        }
    }

    /// What begins with `$` or a backquote.
    fn expansion(&mut self, pieces: &mut Vec<Piece>, quoted: bool) -> Parsed<()> {
        let what = if self.take("`") {
            let mut inner = String::new();
            loop {
                let c = self.rest().chars().next().ok_or(NotUnderstood)?;
                self.at += c.len_utf8();
                match c {
                    '`' => break,
                    '\\' => {
                        let c = self.rest().chars().next().ok_or(NotUnderstood)?;
                        self.at += c.len_utf8();
                        if !matches!(c, '`' | '\\' | '$') {
                            inner.push('\\');
                        }
                        inner.push(c);
                    }
                    c => inner.push(c),
                }
            }
            let depth = self.depth + 1;
            if depth > DEEPEST {
                return Err(NotUnderstood);
            }
            What::Output(parse_at(&inner, depth)?)
        } else if self.take("$((") {
            let start = self.at;
            self.until("))")?;
            What::Arithmetic(self.text.get(start..self.at - 2).unwrap_or_default().to_owned())
        } else if self.take("$(") {
            let list = self.deeper(Self::list)?;
            self.gap();
            self.expect(")")?;
            What::Output(list)
        } else if self.take("${") {
            self.deeper(Self::braced)?
        } else {
            self.at += 1;
            match self.peek() {
                Some(c) if c.is_ascii_alphabetic() || c == b'_' => {
                    What::Variable { name: self.name()?.to_owned(), or: None }
                }
                Some(c) if c.is_ascii_digit() || b"?#@*!-$".contains(&c) => {
                    self.at += 1;
                    What::Variable { name: char::from(c).to_string(), or: None }
                }
                Some(b'\'' | b'"') if !quoted => return Err(NotUnderstood),
                _ => What::Text("$".to_owned()),
            }
        };
        pieces.push(Piece { what, quoted });
        Ok(())
    }

    /// What stands in `${ }`.
    fn braced(&mut self) -> Parsed<What> {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let name = rest.get(..end).unwrap_or_default().to_owned();
        self.at += end;
        if !name.is_empty() && self.take("}") {
            return Ok(What::Variable { name, or: None });
        }
        let with_default = is_name(&name) && (self.take(":-") || self.take("-") || self.take(":=") || self.take("="));
        if !with_default {
            // Whatever it does: it ends with the first brace, or is not understood.
            let rest = self.rest();
            let end = rest.find('}').ok_or(NotUnderstood)?;
            if rest.get(..end).is_some_and(|inner| inner.contains(['$', '`', '\'', '"', '\\'])) {
                return Err(NotUnderstood);
            }
            self.at += end + 1;
            return Ok(What::Opaque);
        }
        let mut pieces = Vec::new();
        loop {
            let rest = self.rest();
            let end = rest.find(['}', '\\', '\'', '"', '$', '`']).ok_or(NotUnderstood)?;
            push_text(&mut pieces, rest.get(..end).unwrap_or_default(), false);
            self.at += end;
            match self.peek() {
                Some(b'}') => {
                    self.at += 1;
                    return Ok(What::Variable { name, or: Some(Word(pieces)) });
                }
                Some(b'"') => self.double_quoted(&mut pieces)?,
                Some(b'$' | b'`') => self.expansion(&mut pieces, false)?,
                _ => return Err(NotUnderstood),
            }
        }
    }
}

fn push_text(pieces: &mut Vec<Piece>, text: &str, quoted: bool) {
    if let Some(Piece { what: What::Text(last), quoted: same }) = pieces.last_mut()
        && *same == quoted
    {
        last.push_str(text);
        return;
    }
    pieces.push(Piece { what: What::Text(text.to_owned()), quoted });
}

pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
