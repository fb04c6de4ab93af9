//! From words to what a command is given: variables, substitutions, sums, braces, splitting.

use super::super::reading::Variable;
use super::syntax::{self, Command, List, Piece, Simple, What, Word, is_name};
use super::{Braces, Flow, GaveUp, MOST_WORDS, Shell};

/// A word's value; `None` where it is not known.
type Value = Option<String>;

impl Shell<'_, '_> {
    /// What words become, and whether they surely become so many; `None` where their number is not known.
    pub(super) fn fields(&mut self, words: &[Word]) -> Result<Option<(Vec<Value>, bool)>, GaveUp> {
        let (mut fields, mut surely) = (Vec::new(), true);
        for word in words {
            let expanded = word.plain().filter(|_| self.braces != Braces::Stay).and_then(braces);
            match expanded {
                Some(expanded) => {
                    let expanded = expanded.ok_or(GaveUp)?;
                    self.words_left = self.words_left.checked_sub(expanded.len()).ok_or(GaveUp)?;
                    surely &= self.braces == Braces::Expand;
                    fields.extend(expanded.into_iter().map(Some));
                }
                _ => match self.split(word)? {
                    Some(more) => {
                        self.words_left = self.words_left.checked_sub(more.len()).ok_or(GaveUp)?;
                        fields.extend(more);
                    }
                    None => return Ok(None),
                },
            }
        }
        Ok(Some((fields, surely)))
    }

    /// A word where none is split: the value of an assignment.
    pub(super) fn one(&mut self, word: &Word) -> Result<Value, GaveUp> {
        let mut value = Some(String::new());
        for piece in &word.0 {
            let more = self.piece(piece)?;
            value = value.zip(more).map(|(value, more)| value + &more);
        }
        Ok(value)
    }

    /// The words that one becomes: what expands outside of quotes is split at its blanks.
    fn split(&mut self, word: &Word) -> Result<Option<Vec<Value>>, GaveUp> {
        let mut fields: Vec<Value> = Vec::new();
        let mut open: Option<Value> = None;
        for piece in &word.0 {
            let value = self.piece(piece)?;
            let literal = piece.quoted || matches!(piece.what, What::Text(_));
            match value {
                Some(text) if literal => {
                    open = Some(open.unwrap_or_else(|| Some(String::new())).map(|before| before + &text));
                }
                Some(text) => {
                    let mut parts = text.split([' ', '\t', '\n']).peekable();
                    while let Some(part) = parts.next() {
                        if !part.is_empty() {
                            open = Some(open.unwrap_or_else(|| Some(String::new())).map(|before| before + part));
                        }
                        if parts.peek().is_some() {
                            fields.extend(open.take());
                        }
                    }
                }
                None if literal => open = Some(None),
                None => return Ok(None),
            }
        }
        fields.extend(open);
        Ok(Some(fields))
    }

    fn piece(&mut self, piece: &Piece) -> Result<Value, GaveUp> {
        let value = self.expanded(piece)?;
        let length = value.as_ref().map_or(0, String::len);
        self.text_left = self.text_left.checked_sub(length).ok_or(GaveUp)?;
        Ok(value)
    }

    fn expanded(&mut self, piece: &Piece) -> Result<Value, GaveUp> {
        match &piece.what {
            What::Text(text) => Ok(Some(text.clone())),
            What::Opaque => Ok(None),
            What::Arithmetic(sum) => Ok(self.sum(sum).map(|n| n.to_string())),
            What::Variable { name, or } => match (self.value(name), or) {
                (Known::Unset, Some(word)) => self.one(word),
                (Known::Value(value), Some(word)) if value.is_empty() => self.one(word),
                (Known::Value(value), _) => Ok(Some(value)),
                (Known::Unset | Known::Nothing, _) => {
                    if self.nounset {
                        self.state.doubt();
                    }
                    Ok(None)
                }
            },
            What::Output(list) => self.output(list),
        }
    }

    fn value(&self, name: &str) -> Known {
        if let Some(set) = self.state.variables.iter().rfind(|set| set.name == name) {
            return set.value.clone().map_or(Known::Nothing, Known::Value);
        }
        if let Ok(number) = name.parse::<usize>() {
            return self.positional.get(number).cloned().map_or(Known::Value(String::new()), Known::Value);
        }
        match (self.env)(name) {
            Variable::Literal(value) => Known::Value(value.to_owned()),
            Variable::Unset if is_name(name) => Known::Unset,
            _ => Known::Nothing,
        }
    }

    /// What a substitution writes, where it is a program whose output is known; its commands take their time all the
    /// same.
    fn output(&mut self, list: &List) -> Result<Value, GaveUp> {
        if let Some(name) = lone_word(list)
            && !name.bytes().any(|b| b.is_ascii_lowercase())
            && matches!((self.env)(name), Variable::Literal(_) | Variable::Unknown)
        {
            // Kubernetes' way to write a variable, which nobody expands in a hook: the shell finds no such program.
            self.broken.get_or_insert("$( ) runs a program, it is no variable");
            return Ok(Some(String::new()));
        }
        if let [one] = list.as_slice()
            && one.rest.is_empty()
            && let [Command::Simple(Simple { words, assignments })] = one.first.commands.as_slice()
            && assignments.is_empty()
            && let Some((fields, true)) = self.fields(words)?
            && let Some(fields) = fields.into_iter().collect::<Option<Vec<_>>>()
        {
            let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
            match fields.as_slice() {
                ["seq", numbers @ ..] => return Ok(seq(numbers)),
                ["echo", "-n", rest @ ..] | ["echo", rest @ ..] => return Ok(Some(rest.join(" "))),
                ["expr", rest @ ..] => return Ok(self.sum(&rest.join(" ")).map(|n| n.to_string())),
                ["printf", text] if !text.contains(['%', '\\']) => return Ok(Some((*text).to_owned())),
                _ => {}
            }
        }
        let (top, only) = (self.top.take(), self.only_sleep);
        let kept = (self.state.variables.clone(), self.state.doubtful);
        let flow = self.deeper(|this| this.list(list));
        (self.state.variables, self.state.doubtful) = kept;
        (self.top, self.only_sleep) = (top, only);
        flow.map(|_: Flow| None)
    }

    /// The value of an arithmetic expression of numbers and variables.
    fn sum(&self, text: &str) -> Option<i64> {
        let mut sum = Sum { rest: text.trim(), depth: 0, lookup: &|name| self.number(name) };
        let value = sum.terms()?;
        sum.rest.is_empty().then_some(value)
    }

    fn number(&self, name: &str) -> Option<i64> {
        match self.value(name) {
            Known::Value(text) if text.is_empty() => Some(0),
            Known::Value(text) => text.trim().parse().ok(),
            Known::Unset | Known::Nothing => None,
        }
    }
}

enum Known {
    Value(String),
    /// Neither set in the line nor in the container's own `env`; the image may set it.
    Unset,
    Nothing,
}

fn lone_word(list: &List) -> Option<&str> {
    let [one] = list.as_slice() else { return None };
    let [Command::Simple(Simple { words, assignments })] = one.first.commands.as_slice() else { return None };
    match words.as_slice() {
        [word] if one.rest.is_empty() && assignments.is_empty() => word.plain().filter(|name| is_name(name)),
        _ => None,
    }
}

/// What `seq` writes.
fn seq(numbers: &[&str]) -> Value {
    let numbers: Option<Vec<i64>> = numbers.iter().map(|n| n.parse().ok()).collect();
    let (first, step, last) = match numbers?.as_slice() {
        [last] => (1, 1, *last),
        [first, last] => (*first, 1, *last),
        [first, step, last] if *step != 0 => (*first, *step, *last),
        _ => return None,
    };
    let list = range(first, step, last)?;
    Some(list.iter().map(i64::to_string).collect::<Vec<_>>().join("\n"))
}

fn range(first: i64, step: i64, last: i64) -> Option<Vec<i64>> {
    let count = last.checked_sub(first)?.checked_div(step)?.checked_add(1)?.max(0);
    if count > i64::try_from(MOST_WORDS).ok()? {
        return None;
    }
    (0..count).map(|n| first.checked_add(step.checked_mul(n)?)).collect()
}

/// `{1..15}` and `{a,b,c}`, as a whole word; within, nothing where they are too many.
fn braces(word: &str) -> Option<Option<Vec<String>>> {
    let inner = word.strip_prefix('{')?.strip_suffix('}')?;
    if inner.contains(['{', '}']) {
        return None;
    }
    if let Some((first, last)) = inner.split_once("..") {
        let (last, step) = last.split_once("..").unwrap_or((last, "1"));
        let (first, last): (i64, i64) = (first.parse().ok()?, last.parse().ok()?);
        let step = step.parse::<i64>().ok()?.checked_abs()?.max(1);
        let numbers = range(first, if first <= last { step } else { -step }, last);
        return Some(numbers.map(|numbers| numbers.iter().map(i64::to_string).collect()));
    }
    inner.contains(',').then(|| Some(inner.split(',').map(str::to_owned).collect()))
}

/// Whether any simple command in a list is of a kind.
pub(super) fn any_simple(list: &List, is: &mut dyn FnMut(&Simple) -> bool) -> bool {
    any_command(list, &mut |command| matches!(command, Command::Simple(simple) if is(simple)))
}

fn any_command(list: &List, is: &mut dyn FnMut(&Command) -> bool) -> bool {
    list.iter().any(|and_or| {
        let others = and_or.rest.iter().map(|(_, pipeline)| pipeline);
        let commands = std::iter::once(&and_or.first).chain(others).flat_map(|pipeline| &pipeline.commands);
        let mut found = false;
        for command in commands {
            found = found
                || is(command)
                || match command {
                    Command::Group(list) | Command::Subshell(list) => any_command(list, is),
                    Command::If { arms, otherwise } => {
                        arms.iter().any(|(a, b)| any_command(a, is) || any_command(b, is))
                            || otherwise.as_ref().is_some_and(|list| any_command(list, is))
                    }
                    Command::While { condition, body, .. } => any_command(condition, is) || any_command(body, is),
                    Command::For { body, .. } => any_command(body, is),
                    Command::Case { arms, .. } => arms.iter().any(|(_, list)| any_command(list, is)),
                    Command::Function { body, .. } => any_command(body, is),
                    Command::Simple(_) | Command::Condition => false,
                };
        }
        found
    })
}

/// Whether a list uses a variable, as far as can be told: what it does not spell out counts as a use.
pub(super) fn uses(list: &List, name: &str) -> bool {
    any_command(list, &mut |command| match command {
        Command::Simple(simple) => {
            let values = simple.assignments.iter().map(|(_, word)| word);
            values.chain(&simple.words).any(|word| word_uses(word, name))
        }
        Command::For { words, .. } => words.iter().flatten().any(|word| word_uses(word, name)),
        Command::Case { word, .. } => word_uses(word, name),
        Command::Function { .. } => true,
        _ => false,
    })
}

fn word_uses(word: &Word, name: &str) -> bool {
    word.0.iter().any(|piece| match &piece.what {
        What::Text(_) | What::Opaque => false,
        What::Variable { name: used, or } => used == name || or.as_ref().is_some_and(|word| word_uses(word, name)),
        What::Arithmetic(sum) => sum.contains(name),
        What::Output(list) => uses(list, name),
    })
}

/// Sums, products and brackets over whole numbers.
struct Sum<'t, 'l> {
    rest: &'t str,
    depth: u32,
    lookup: &'l dyn Fn(&str) -> Option<i64>,
}

impl Sum<'_, '_> {
    fn take(&mut self, symbol: char) -> bool {
        match self.rest.strip_prefix(symbol) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn terms(&mut self) -> Option<i64> {
        let mut value = self.factors()?;
        loop {
            if self.take('+') {
                value = value.checked_add(self.factors()?)?;
            } else if self.take('-') {
                value = value.checked_sub(self.factors()?)?;
            } else {
                return Some(value);
            }
        }
    }

    fn factors(&mut self) -> Option<i64> {
        let mut value = self.factor()?;
        loop {
            if self.take('*') {
                value = value.checked_mul(self.factor()?)?;
            } else if self.take('/') {
                value = value.checked_div(self.factor()?)?;
            } else if self.take('%') {
                value = value.checked_rem(self.factor()?)?;
            } else {
                return Some(value);
            }
        }
    }

    fn factor(&mut self) -> Option<i64> {
        if self.take('(') {
            self.depth += 1;
            if self.depth > 16 {
                return None;
            }
            let value = self.terms()?;
            return self.take(')').then_some(value);
        }
        let braced = self.rest.starts_with("${");
        let rest = self.rest.trim_start_matches('$').trim_start_matches('{');
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let (token, after) = rest.split_at(end);
        self.rest = if braced { after.strip_prefix('}')? } else { after }.trim_start();
        if token.starts_with(|c: char| c.is_ascii_digit()) {
            // A leading zero is octal to a shell.
            return token.parse().ok().filter(|_| token == "0" || !token.starts_with('0'));
        }
        syntax::is_name(token).then(|| (self.lookup)(token))?
    }
}
