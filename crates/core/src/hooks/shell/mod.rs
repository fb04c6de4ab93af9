//! A line of shell, followed as far as its words say what happens: how long it takes, and when it tells the container
//! to stop.
//!
//! It is followed like a shell would, with two bounds for the time that has passed. A condition that cannot be read
//! leaves both ways open; a program that nobody knows may take any time, and is believed to succeed. The work is bounded,
//! whatever the line says.

mod expand;
mod syntax;
mod tests_of_words;

use std::rc::Rc;

use self::syntax::{AndOr, Command, Join, List, Pipeline, Simple, Word};
use super::programs::{self, Does};
use super::reading::{Step, StepKind, StopKind, Variable};
use super::span::{FOREVER, Span};

/// The most commands that are followed: so many, and so many more for each byte, up to a bound. A short line that asks for
/// more is of no use to anybody.
const LEAST_COMMANDS: u32 = 64;
const COMMANDS_A_BYTE: u32 = 8;
const MOST_COMMANDS: u32 = 4_000;
/// The most bytes that its words expand to.
const MOST_TEXT: usize = 256 << 10;
/// The most variables, functions and nested shells that are kept apart.
const MOST_NAMES: usize = 64;
/// The most conditions that are left open at a time.
const MOST_FORKS: u32 = 16;
/// The most parts of a hook that are told one by one.
const MOST_STEPS: usize = 8;
/// The most words that its lists expand to.
const MOST_WORDS: usize = 20_000;

/// The line is not understood, or asks for more than it is given.
#[derive(Debug)]
pub(super) struct GaveUp;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Succeeds,
    Fails,
    /// A program that is believed to do what it is asked.
    Likely,
    /// A condition.
    Unknown,
}

impl Status {
    fn negated(self) -> Status {
        match self {
            Status::Succeeds => Status::Fails,
            Status::Fails => Status::Succeeds,
            Status::Likely | Status::Unknown => Status::Unknown,
        }
    }

    fn or(self, other: Status) -> Status {
        if self == other { self } else { Status::Unknown }
    }
}

/// Where it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Next(Status),
    Break(u32),
    Continue(u32),
    Return(Status),
    Exit(Status),
}

type Followed = Result<Flow, GaveUp>;

/// Which shells expand `{1..15}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Braces {
    Expand,
    Stay,
    /// `sh` is bash on some systems and not on others.
    Perhaps,
}

/// A stop that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FoundStop {
    pub after: Span,
    pub certain: bool,
    pub kind: StopKind,
    pub words: String,
}

/// A variable; without a value where that is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Set {
    name: String,
    value: Option<String>,
    exported: bool,
}

/// All that changes on the way and is joined where two ways meet.
#[derive(Clone, Debug, Default)]
struct State {
    variables: Vec<Set>,
    /// Until now, or until a stop that is certain.
    clock: Span,
    /// Since that stop.
    since: Option<Span>,
    stop: Option<FoundStop>,
    /// After a SIGKILL nothing counts.
    killed: bool,
    /// Something before may have ended it already.
    doubtful: bool,
    /// How often that was found.
    doubts: u32,
    /// When the last command in the background is done.
    background: Span,
}

impl State {
    fn total(&self) -> Span {
        self.clock.plus(self.since.unwrap_or_default())
    }

    /// What has passed since an earlier state of the same way.
    fn passed(&self, before: &State) -> Span {
        match (before.since, self.since) {
            (Some(before), Some(now)) => now.since(before),
            _ => self.total().since(before.total()),
        }
    }

    fn pass(&mut self, span: Span) {
        let span = if self.doubtful { Span { least: 0, ..span } } else { span };
        if self.killed {
            return;
        }
        match &mut self.since {
            Some(since) => *since = since.plus(span),
            None => self.clock = self.clock.plus(span),
        }
    }

    fn doubt(&mut self) {
        self.doubtful = true;
        self.doubts += 1;
    }

    /// Nothing after this is reached.
    fn ended(&self) -> bool {
        self.total().least == FOREVER
    }

    /// What is known where the one or the other may have happened.
    fn or(mut self, mut other: State) -> State {
        if self.since.is_some() != other.since.is_some() {
            for state in [&mut self, &mut other] {
                state.clock = state.total();
                if state.killed {
                    // What came after was not counted.
                    state.clock.most = FOREVER;
                }
                state.since = None;
                state.stop.iter_mut().for_each(|stop| stop.certain = false);
            }
        }
        let stop = match (self.stop, other.stop) {
            (Some(a), Some(b)) => {
                let (certain, kind) = (a.certain && b.certain, a.kind.max(b.kind));
                Some(FoundStop { after: a.after.or(b.after), certain, kind, words: a.words })
            }
            (a, b) => a.or(b).map(|stop| FoundStop { certain: false, ..stop }),
        };
        let mut variables = self.variables;
        for set in &mut variables {
            if other.variables.iter().rfind(|v| v.name == set.name).is_none_or(|v| v.value != set.value) {
                set.value = None;
            }
        }
        for set in other.variables {
            if !variables.iter().any(|v| v.name == set.name) {
                variables.push(Set { value: None, ..set });
            }
        }
        State {
            variables,
            clock: self.clock.or(other.clock),
            since: self.since.zip(other.since).map(|(a, b)| a.or(b)),
            stop,
            killed: self.killed && other.killed,
            doubtful: self.doubtful || other.doubtful,
            doubts: self.doubts.max(other.doubts),
            background: self.background.or(other.background),
        }
    }
}

/// What was made of a command.
#[derive(Debug)]
pub(super) struct Outcome {
    /// Until its end, or until a stop that is certain.
    pub clock: Span,
    /// After that stop.
    pub since: Option<Span>,
    pub stop: Option<FoundStop>,
    pub status: Status,
    pub only_sleep: bool,
    /// Why what should wait does not.
    pub broken: Option<&'static str>,
    /// A program of the table of known hooks ran, and one that nobody knows.
    pub known: bool,
    pub unknown: bool,
    pub may_be: Option<u64>,
    pub steps: Vec<Step>,
}

/// Follows a command as it is given to a container: a program and its words, no shell unless it is one.
pub(super) fn follow<'v>(command: &[&str], variable: &dyn Fn(&str) -> Variable<'v>) -> Result<Outcome, GaveUp> {
    let bytes = command.iter().map(|word| word.len()).sum::<usize>();
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    let mut shell = Shell {
        env: variable,
        state: State::default(),
        commands_left: LEAST_COMMANDS.saturating_add(bytes.saturating_mul(COMMANDS_A_BYTE)).min(MOST_COMMANDS),
        text_left: MOST_TEXT,
        words_left: MOST_WORDS,
        braces: Braces::Perhaps,
        functions: Vec::new(),
        positional: Vec::new(),
        errexit: false,
        nounset: false,
        in_condition: false,
        nested: 0,
        forks: 0,
        top: None,
        only_sleep: true,
        broken: None,
        known: false,
        unknown: false,
        may_be: None,
        steps: Vec::new(),
    };
    let words = command.iter().map(|word| Some((*word).to_owned())).collect();
    let flow = shell.program(words)?;
    let status = match flow {
        Flow::Next(status) | Flow::Return(status) | Flow::Exit(status) => status,
        Flow::Break(_) | Flow::Continue(_) => Status::Succeeds,
    };
    let Shell { mut state, only_sleep, broken, known, unknown, may_be, steps, .. } = shell;
    if state.since.is_none() {
        // What was left in the background may keep the hook open.
        state.clock.most = state.clock.most.max(state.background.most);
    }
    Ok(Outcome {
        clock: state.clock,
        since: state.since,
        stop: state.stop,
        status,
        only_sleep,
        broken,
        known,
        unknown,
        may_be,
        steps,
    })
}

struct Shell<'e, 'v> {
    env: &'e dyn Fn(&str) -> Variable<'v>,
    state: State,
    commands_left: u32,
    text_left: usize,
    words_left: usize,
    braces: Braces,
    functions: Vec<(String, Rc<List>)>,
    /// `$0`, `$1` and so on.
    positional: Vec<String>,
    errexit: bool,
    /// A variable that is not set ends it.
    nounset: bool,
    /// Failing ends nothing here.
    in_condition: bool,
    /// Shells, functions and `eval` in each other.
    nested: u32,
    /// Conditions in each other that leave two ways open.
    forks: u32,
    /// The line whose parts are told, while its own commands run.
    top: Option<Rc<str>>,
    only_sleep: bool,
    broken: Option<&'static str>,
    known: bool,
    unknown: bool,
    may_be: Option<u64>,
    steps: Vec<Step>,
}

impl Shell<'_, '_> {
    fn list(&mut self, list: &List) -> Followed {
        let mut status = Status::Succeeds;
        for and_or in list {
            if self.state.ended() {
                return Ok(Flow::Exit(status));
            }
            let flow = if and_or.background { self.in_background(and_or)? } else { self.and_or(and_or)? };
            match flow {
                Flow::Next(next) => status = next,
                other => return Ok(other),
            }
        }
        Ok(Flow::Next(status))
    }

    fn in_background(&mut self, and_or: &AndOr) -> Followed {
        self.only_sleep = false;
        let before = self.state.clone();
        self.and_or(and_or)?;
        let after = std::mem::replace(&mut self.state, before);
        if self.state.stop.is_none()
            && let Some(stop) = after.stop
        {
            let now = stop.certain && stop.after == self.state.clock;
            self.state.since = now.then_some(Span::NONE);
            self.state.stop = Some(FoundStop { certain: now, ..stop });
        }
        let end = after.clock.plus(after.since.unwrap_or_default());
        self.state.background = self.state.background.and(end);
        Ok(Flow::Next(Status::Succeeds))
    }

    fn and_or(&mut self, and_or: &AndOr) -> Followed {
        match self.member(&and_or.first, and_or.rest.is_empty())? {
            Flow::Next(status) => self.chain(status, &and_or.rest),
            other => Ok(other),
        }
    }

    /// One pipeline of a chain; only the last one's failure ends a shell with `set -e`.
    fn member(&mut self, pipeline: &Pipeline, last: bool) -> Followed {
        let outer = self.in_condition;
        self.in_condition |= !last;
        let flow = self.pipeline(pipeline);
        self.in_condition = outer;
        flow
    }

    /// What follows in a chain after something that ended with `status`.
    fn chain(&mut self, mut status: Status, mut rest: &[(Join, Pipeline)]) -> Followed {
        while let Some(((join, pipeline), others)) = rest.split_first() {
            self.commands_left = self.commands_left.checked_sub(1).ok_or(GaveUp)?;
            let flow = match (join, status) {
                (Join::And, Status::Likely) if others.iter().any(|(join, other)| *join == Join::Or && does(other)) => {
                    status = Status::Unknown;
                    continue;
                }
                (_, Status::Unknown) => {
                    return self.either(&mut |this| this.chain(Status::Succeeds, rest), &mut |this| {
                        this.chain(Status::Fails, rest)
                    });
                }
                (Join::And, Status::Fails) | (Join::Or, Status::Succeeds) => Flow::Next(status),
                (Join::Or, Status::Likely) => self.hardly(pipeline, status)?,
                _ => self.member(pipeline, others.is_empty())?,
            };
            match flow {
                Flow::Next(next) => status = next,
                other => return Ok(other),
            }
            rest = others;
        }
        Ok(Flow::Next(status))
    }

    /// What runs only if a program fails that is believed to succeed: it may take its time, and ends nothing.
    fn hardly(&mut self, pipeline: &Pipeline, status: Status) -> Followed {
        let before = self.state.clone();
        let flow = self.pipeline(pipeline)?;
        let after = std::mem::replace(&mut self.state, before);
        self.state.pass(Span::at_most(after.passed(&self.state).most));
        if self.state.stop.is_none() {
            self.state.stop = after.stop.map(|stop| FoundStop { certain: false, ..stop });
        }
        Ok(Flow::Next(if flow == Flow::Next(Status::Succeeds) { Status::Succeeds } else { status }))
    }

    fn pipeline(&mut self, pipeline: &Pipeline) -> Followed {
        let before = (self.state.total(), self.state.stop.is_some());
        let top = self.top.take();
        let flow = self.commands(&pipeline.commands);
        self.top = top;
        let flow = flow?;
        self.tell(pipeline, before);
        let flow = match flow {
            Flow::Next(status) if pipeline.negated => return Ok(Flow::Next(status.negated())),
            flow => flow,
        };
        // What a compound command ends with was looked at inside.
        let compound = matches!(
            pipeline.commands.as_slice(),
            [Command::Group(_)
                | Command::If { .. }
                | Command::While { .. }
                | Command::For { .. }
                | Command::Case { .. }]
        );
        let ends = self.errexit && !self.in_condition && !compound;
        match flow {
            Flow::Next(Status::Fails) if ends => Ok(Flow::Exit(Status::Fails)),
            Flow::Next(Status::Unknown) if ends => {
                self.state.doubt();
                Ok(Flow::Next(Status::Succeeds))
            }
            flow => Ok(flow),
        }
    }

    /// Remembers what a part of the line came to.
    fn tell(&mut self, pipeline: &Pipeline, (before, stopped): (Span, bool)) {
        let Some(line) = self.top.as_deref() else { return };
        if self.steps.len() >= MOST_STEPS {
            return;
        }
        let words = line.get(pipeline.place.clone()).unwrap_or_default().trim().to_owned();
        let took = self.state.total().since(before);
        let what = if self.state.stop.is_some() && !stopped {
            StepKind::Stops
        } else if took != Span::NONE {
            StepKind::Waits(took.length())
        } else {
            return;
        };
        self.steps.push(Step { what, words });
    }

    fn commands(&mut self, commands: &[Command]) -> Followed {
        let [command] = commands else { return self.pipe(commands) };
        self.command(command)
    }

    /// Commands that run side by side, each in a shell of its own.
    fn pipe(&mut self, commands: &[Command]) -> Followed {
        let before = self.state.clone();
        let (mut took, mut status) = (Span::NONE, Status::Succeeds);
        let mut stop = None;
        for (index, command) in commands.iter().enumerate() {
            self.state = before.clone();
            status = match self.command(command)? {
                Flow::Next(status) | Flow::Return(status) | Flow::Exit(status) => status,
                Flow::Break(_) | Flow::Continue(_) => Status::Unknown,
            };
            let mut passed = self.state.passed(&before);
            if passed.least == FOREVER && index + 1 < commands.len() {
                // It ends when nobody reads what it writes.
                passed.least = 0;
            }
            took = took.and(passed);
            stop = stop.or(self.state.stop.take().map(|stop| (stop, self.state.since)));
        }
        self.only_sleep = false;
        self.state = before;
        if self.state.stop.is_none()
            && let Some((stop, since)) = stop
        {
            if since.is_some() {
                self.state.clock = stop.after;
                self.state.since = since;
            } else {
                self.state.pass(took);
            }
            self.state.stop = Some(stop);
        } else {
            self.state.pass(took);
        }
        Ok(Flow::Next(status))
    }

    fn command(&mut self, command: &Command) -> Followed {
        self.commands_left = self.commands_left.checked_sub(1).ok_or(GaveUp)?;
        match command {
            Command::Simple(simple) => self.simple(simple),
            Command::Group(list) => self.list(list),
            Command::Subshell(list) => self.subshell(list),
            Command::If { arms, otherwise } => self.conditional(arms, otherwise.as_ref()),
            Command::While { until, condition, body } => self.while_loop(*until, condition, body),
            Command::For { name, words, body } => self.for_loop(name, words.as_deref(), body),
            Command::Case { word, arms } => self.case(word, arms),
            Command::Function { name, body } => {
                if self.functions.len() >= MOST_NAMES {
                    return Err(GaveUp);
                }
                self.functions.insert(0, (name.clone(), Rc::clone(body)));
                Ok(Flow::Next(Status::Succeeds))
            }
            Command::Condition => {
                self.only_sleep = false;
                Ok(Flow::Next(Status::Unknown))
            }
        }
    }

    fn subshell(&mut self, list: &List) -> Followed {
        let (variables, doubtful, errexit) = (self.state.variables.clone(), self.state.doubtful, self.errexit);
        let flow = self.list(list)?;
        (self.state.variables, self.state.doubtful, self.errexit) = (variables, doubtful, errexit);
        Ok(Flow::Next(match flow {
            Flow::Next(status) | Flow::Return(status) | Flow::Exit(status) => status,
            Flow::Break(_) | Flow::Continue(_) => Status::Unknown,
        }))
    }

    fn condition(&mut self, list: &List) -> Result<Flow, GaveUp> {
        let outer = std::mem::replace(&mut self.in_condition, true);
        let flow = self.list(list);
        self.in_condition = outer;
        flow
    }

    fn conditional(&mut self, arms: &[(List, List)], otherwise: Option<&List>) -> Followed {
        let mut left = arms;
        while let Some(((condition, body), others)) = left.split_first() {
            match self.condition(condition)? {
                Flow::Next(Status::Succeeds) => return self.list(body),
                Flow::Next(Status::Fails) => left = others,
                Flow::Next(Status::Likely | Status::Unknown) => {
                    let rest = &mut |this: &mut Self| this.conditional(others, otherwise);
                    return self.either(&mut |this| this.list(body), rest);
                }
                other => return Ok(other),
            }
        }
        otherwise.map_or(Ok(Flow::Next(Status::Succeeds)), |list| self.list(list))
    }

    /// Two ways, of which one is gone.
    fn either(
        &mut self,
        one: &mut dyn FnMut(&mut Self) -> Followed,
        other: &mut dyn FnMut(&mut Self) -> Followed,
    ) -> Followed {
        self.forks += 1;
        if self.forks > MOST_FORKS {
            return Err(GaveUp);
        }
        let before = self.state.clone();
        let first = one(self)?;
        let after_first = std::mem::replace(&mut self.state, before);
        let second = other(self)?;
        let after_second = std::mem::take(&mut self.state);
        self.state = after_first.or(after_second);
        self.forks -= 1;
        Ok(match (first, second) {
            (Flow::Next(a), Flow::Next(b)) => Flow::Next(a.or(b)),
            (a, b) if a == b => a,
            (Flow::Exit(a), Flow::Exit(b)) => Flow::Exit(a.or(b)),
            (Flow::Next(status), _) | (_, Flow::Next(status)) => {
                self.state.doubt();
                Flow::Next(status)
            }
            (a, _) => {
                self.state.doubt();
                a
            }
        })
    }

    fn case(&mut self, word: &Word, arms: &[(Vec<Word>, List)]) -> Followed {
        self.only_sleep = false;
        let value = self.one(word)?;
        self.arms(&value, arms)
    }

    fn arms(&mut self, value: &Option<String>, arms: &[(Vec<Word>, List)]) -> Followed {
        let mut left = arms;
        while let Some(((patterns, body), others)) = left.split_first() {
            match self.fits(value, patterns)? {
                Status::Succeeds => return self.list(body),
                Status::Fails => left = others,
                _ => return self.either(&mut |this| this.list(body), &mut |this| this.arms(value, others)),
            }
        }
        Ok(Flow::Next(Status::Succeeds))
    }

    /// Whether a value is of one of the patterns.
    fn fits(&mut self, value: &Option<String>, patterns: &[Word]) -> Result<Status, GaveUp> {
        let mut answer = Status::Fails;
        for pattern in patterns {
            let text = self.one(pattern)?;
            match (&text, value) {
                (Some(text), _) if text == "*" => return Ok(Status::Succeeds),
                (Some(text), Some(value)) if !text.contains(['*', '?', '[']) => {
                    if text == value {
                        return Ok(Status::Succeeds);
                    }
                }
                _ => answer = Status::Unknown,
            }
        }
        Ok(answer)
    }

    fn while_loop(&mut self, until: bool, condition: &List, body: &List) -> Followed {
        let mut doubtful = self.state.doubtful;
        let flow = loop {
            self.commands_left = self.commands_left.checked_sub(1).ok_or(GaveUp)?;
            let before = self.state.variables.clone();
            let status = match self.condition(condition)? {
                Flow::Next(status) if until => status.negated(),
                Flow::Next(status) => status,
                other => break other,
            };
            match status {
                Status::Fails => break Flow::Next(Status::Succeeds),
                Status::Succeeds => {}
                Status::Likely | Status::Unknown => {
                    // So many times as the condition holds.
                    let before = self.state.clone();
                    let (status, ends) = match self.list(body)? {
                        Flow::Next(status @ (Status::Succeeds | Status::Likely)) => (status, false),
                        Flow::Next(_) | Flow::Break(_) | Flow::Continue(_) => (Status::Unknown, false),
                        Flow::Return(_) | Flow::Exit(_) => (Status::Unknown, true),
                    };
                    let after = std::mem::take(&mut self.state);
                    self.state = before.or(after);
                    doubtful |= ends;
                    self.state.variables.iter_mut().filter(|v| assigns(body, &v.name)).for_each(|v| v.value = None);
                    self.state.pass(Span::UNKNOWN);
                    break Flow::Next(status);
                }
            }
            let doubts = self.state.doubts;
            match self.list(body)? {
                Flow::Next(_) | Flow::Continue(0 | 1) => {}
                Flow::Continue(levels) => break Flow::Continue(levels - 1),
                Flow::Break(0 | 1) => break Flow::Next(Status::Succeeds),
                Flow::Break(levels) => break Flow::Break(levels - 1),
                end @ (Flow::Return(_) | Flow::Exit(_)) => return Ok(end),
            }
            if self.state.doubts > doubts {
                // Something in it may have ended it.
                self.state.pass(Span::UNKNOWN);
                self.state.variables.iter_mut().filter(|v| assigns(body, &v.name)).for_each(|v| v.value = None);
                break Flow::Next(Status::Unknown);
            }
            if self.state.variables == before && self.errexit && self.unknown {
                // A program that fails ends it.
                self.state.pass(Span::UNKNOWN);
                break Flow::Next(Status::Unknown);
            }
            if self.state.variables == before {
                self.state.pass(Span::ENDLESS);
                return Ok(Flow::Exit(Status::Succeeds));
            }
        };
        self.state.doubtful = doubtful;
        Ok(flow)
    }

    fn for_loop(&mut self, name: &str, words: Option<&[Word]>, body: &List) -> Followed {
        let doubtful = self.state.doubtful;
        let counted = match words {
            Some(words) => self.fields(words)?,
            None => None,
        };
        let Some((fields, surely)) = counted else {
            let before = self.state.clone();
            self.set(name, None, false)?;
            let ends = matches!(self.list(body)?, Flow::Return(_) | Flow::Exit(_));
            let after = std::mem::take(&mut self.state);
            self.state = before.or(after);
            self.state.pass(Span::UNKNOWN);
            self.state.doubtful = doubtful || ends;
            return Ok(Flow::Next(Status::Unknown));
        };
        let mut flow = Flow::Next(Status::Succeeds);
        let (mut index, count) = (0, fields.len() as u64);
        while index < count {
            self.commands_left = self.commands_left.checked_sub(1).ok_or(GaveUp)?;
            if index > 0 && !surely {
                self.state.doubt();
            }
            let value = fields.get(usize::try_from(index).unwrap_or(usize::MAX)).cloned().flatten();
            self.set(name, value, false)?;
            let before = (index == 1).then(|| self.state.clone());
            match self.list(body)? {
                Flow::Next(status) => flow = Flow::Next(status),
                Flow::Continue(0 | 1) => {}
                Flow::Continue(levels) => {
                    flow = Flow::Continue(levels - 1);
                    break;
                }
                Flow::Break(0 | 1) => break,
                Flow::Break(levels) => {
                    flow = Flow::Break(levels - 1);
                    break;
                }
                end @ (Flow::Return(_) | Flow::Exit(_)) => return Ok(end),
            }
            index += 1;
            if let Some(before) = before.filter(|_| count > 2 && !changes(body, name)) {
                // The others are as the second was.
                let took = self.state.passed(&before);
                self.state.pass(took.times(count - index));
                self.set(name, fields.last().cloned().flatten(), false)?;
                index = count;
            }
        }
        self.state.doubtful = doubtful;
        Ok(flow)
    }

    fn simple(&mut self, simple: &Simple) -> Followed {
        let mut words = Vec::new();
        for word in &simple.words {
            match self.fields(std::slice::from_ref(word))? {
                Some((fields, true)) => words.extend(fields),
                _ => words.push(None),
            }
        }
        let mut values = Vec::new();
        for (name, word) in &simple.assignments {
            values.push((name, self.one(word)?));
        }
        if words.is_empty() {
            self.only_sleep = false;
            for (name, value) in values {
                self.set(name, value, false)?;
            }
            return Ok(Flow::Next(Status::Succeeds));
        }
        let kept = (!values.is_empty()).then(|| self.state.variables.clone());
        for (name, value) in values {
            self.set(name, value, true)?;
        }
        let flow = self.words(words);
        if let Some(kept) = kept {
            self.state.variables = kept;
        }
        flow
    }

    /// A command of the shell: its own, a function, or a program.
    fn words(&mut self, words: Vec<Option<String>>) -> Followed {
        let Some(Some(name)) = words.first() else { return self.program(words) };
        if let Some((_, body)) = self.functions.iter().find(|(function, _)| function == name) {
            let body = Rc::clone(body);
            let positional = std::mem::take(&mut self.positional);
            self.positional = words.into_iter().map(Option::unwrap_or_default).collect();
            let flow = self.deeper(|this| this.list(&body));
            self.positional = positional;
            return Ok(match flow? {
                Flow::Return(status) => Flow::Next(status),
                flow => flow,
            });
        }
        let arguments = words.get(1..).unwrap_or_default();
        let first = arguments.first().cloned().flatten();
        let level = |text: Option<String>| text.and_then(|text| text.parse().ok()).unwrap_or(1);
        let status = match name.as_str() {
            "exit" | "return" => {
                self.only_sleep = false;
                let status = match first.as_deref() {
                    None | Some("0") => Status::Succeeds,
                    Some(_) => Status::Fails,
                };
                return Ok(if name == "exit" { Flow::Exit(status) } else { Flow::Return(status) });
            }
            "break" => return Ok(Flow::Break(level(first))),
            "continue" => return Ok(Flow::Continue(level(first))),
            "exec" => {
                if arguments.is_empty() {
                    return Ok(Flow::Next(Status::Succeeds));
                }
                return Ok(match self.program(arguments.to_vec())? {
                    Flow::Next(status) => Flow::Exit(status),
                    flow => flow,
                });
            }
            "command" | "builtin" | "time" => {
                let arguments: Vec<_> = arguments.iter().skip_while(|w| w.as_deref() == Some("-p")).cloned().collect();
                if arguments.first().is_some_and(|w| w.as_deref().is_some_and(|w| w.starts_with('-'))) {
                    self.only_sleep = false;
                    return Ok(Flow::Next(Status::Unknown));
                }
                return self.words(arguments);
            }
            "eval" => {
                let Some(line) = arguments.iter().cloned().collect::<Option<Vec<_>>>() else { return Err(GaveUp) };
                let list = syntax::parse(&line.join(" ")).map_err(|_| GaveUp)?;
                return self.deeper(|this| this.list(&list));
            }
            "set" => {
                for option in arguments.iter().flatten() {
                    if option.starts_with('-') && option.contains('e') || option == "errexit" {
                        self.errexit = true;
                    }
                    self.nounset |= option.starts_with('-') && option.contains('u') || option == "nounset";
                    if option.starts_with('+') && option.contains('e') {
                        self.errexit = false;
                    }
                }
                Status::Succeeds
            }
            "export" | "readonly" | "local" | "declare" | "typeset" => {
                for word in arguments {
                    let Some(word) = word else { return Err(GaveUp) };
                    match word.split_once('=') {
                        Some((name, value)) => self.set(name, Some(value.to_owned()), true)?,
                        None => {
                            self.state.variables.iter_mut().filter(|v| v.name == *word).for_each(|v| v.exported = true)
                        }
                    }
                }
                Status::Succeeds
            }
            "unset" => {
                for word in arguments.iter().flatten() {
                    self.set(word, Some(String::new()), false)?;
                }
                Status::Succeeds
            }
            "trap" => {
                if arguments.iter().flatten().any(|word| word == "EXIT" || word == "0") {
                    self.state.background = Span::UNKNOWN;
                }
                Status::Succeeds
            }
            "wait" => {
                let (clock, background) = (self.state.clock, self.state.background);
                match &mut self.state.since {
                    Some(since) => *since = since.and(background.since(clock)),
                    None if self.state.doubtful => self.state.clock.most = clock.most.max(background.most),
                    None => self.state.clock = clock.and(background),
                }
                if arguments.is_empty() { Status::Succeeds } else { Status::Unknown }
            }
            "read" => {
                self.state.pass(Span::UNKNOWN);
                Status::Unknown
            }
            "test" | "[" => tests_of_words::answer(arguments),
            ":" | "cd" | "shift" | "umask" | "ulimit" | "alias" | "hash" | "type" | "jobs" | "disown" | "bg" | "fg"
            | "shopt" | "let" | "getopts" | "times" => Status::Succeeds,
            "." | "source" => {
                self.state.pass(Span::UNKNOWN);
                Status::Likely
            }
            _ => return self.program(words),
        };
        self.only_sleep = false;
        Ok(Flow::Next(status))
    }

    fn deeper(&mut self, run: impl FnOnce(&mut Self) -> Followed) -> Followed {
        if self.nested >= 8 {
            return Err(GaveUp);
        }
        self.nested += 1;
        let flow = run(self);
        self.nested -= 1;
        flow
    }

    /// A program with its words; one without a value may be anything.
    fn program(&mut self, words: Vec<Option<String>>) -> Followed {
        self.commands_left = self.commands_left.checked_sub(1).ok_or(GaveUp)?;
        let does = programs::look(&words);
        self.only_sleep &= matches!(does, Does::Sleep(_) | Does::Shell(_) | Does::Runs { only: true, .. });
        match does {
            Does::Nothing(status) => Ok(Flow::Next(status)),
            Does::Sleep(Ok(span)) | Does::Waits(span) => {
                self.state.pass(span);
                Ok(match span {
                    _ if self.state.ended() => Flow::Exit(Status::Succeeds),
                    // An operand that is not known may be none.
                    Span { most: FOREVER, .. } => Flow::Next(Status::Unknown),
                    _ => Flow::Next(Status::Succeeds),
                })
            }
            Does::Known(span) => {
                self.known = true;
                self.state.pass(span);
                Ok(Flow::Next(Status::Likely))
            }
            Does::Sleep(Err(why)) => {
                self.broken.get_or_insert(why);
                Ok(Flow::Next(Status::Fails))
            }
            Does::CannotRun(why) => {
                self.broken.get_or_insert(why);
                Ok(Flow::Next(Status::Fails))
            }
            Does::Unknown { bound, may_be, asks } => {
                self.unknown = true;
                self.may_be = self.may_be.or(may_be);
                self.state.pass(Span::at_most(bound.unwrap_or(FOREVER)));
                if bound.is_some() && self.errexit && !self.in_condition {
                    // At its bound it fails.
                    self.state.doubt();
                }
                Ok(Flow::Next(if asks { Status::Unknown } else { Status::Likely }))
            }
            Does::Stops(stop) => {
                self.state.pass(stop.wait);
                let spoken = words.iter().map(|word| word.as_deref().unwrap_or("…")).collect::<Vec<_>>().join(" ");
                self.stop(spoken, stop.kind);
                // How long it takes itself is the app's own time, which it bounds or not.
                self.state.pass(Span::at_most(stop.limit.unwrap_or(0)));
                Ok(Flow::Next(Status::Likely))
            }
            Does::Runs { words, bound: None, .. } => self.program(words),
            Does::Runs { words, bound: Some(bound), .. } => self.bounded(words, bound),
            Does::Shell(line) => self.nested_shell(line),
        }
    }

    /// A program that is ended after so many nanoseconds.
    fn bounded(&mut self, words: Vec<Option<String>>, bound: u64) -> Followed {
        let before = self.state.clone();
        let fresh = State { clock: Span::NONE, since: None, stop: None, background: Span::NONE, ..before.clone() };
        self.state = State { doubtful: false, ..fresh };
        let status = match self.program(words)? {
            Flow::Next(status) | Flow::Return(status) | Flow::Exit(status) => status,
            Flow::Break(_) | Flow::Continue(_) => Status::Unknown,
        };
        let inner = std::mem::replace(&mut self.state, before);
        let (took, certain) = (inner.total(), inner.since.is_some());
        self.state.variables = inner.variables;
        match inner.stop {
            Some(stop) if certain && stop.after.most <= bound => {
                self.state.pass(stop.after);
                self.stop(stop.words, if inner.killed { StopKind::Kill } else { stop.kind });
                self.state.pass(inner.since.unwrap_or_default().capped(bound - stop.after.most));
            }
            stop => {
                let came = stop.filter(|stop| stop.after.least <= bound && self.state.stop.is_none());
                self.state.stop = came
                    .map(|stop| FoundStop { after: self.state.clock.plus(stop.after), certain: false, ..stop })
                    .or(self.state.stop.take());
                self.state.pass(took.capped(bound));
            }
        }
        Ok(Flow::Next(match status {
            _ if took.least > bound => Status::Fails,
            _ if took.most > bound => Status::Unknown,
            status => status,
        }))
    }

    /// The container is told to stop now.
    fn stop(&mut self, words: String, kind: StopKind) {
        let kills = kind == StopKind::Kill;
        let state = &mut self.state;
        let certain = !state.doubtful;
        match &mut state.stop {
            Some(found) if found.certain => state.killed |= kills && certain,
            Some(found) if !certain => found.after = found.after.or(state.clock),
            before => {
                // One that may have come before may have ended it already, and what follows was its time, too.
                let perhaps = before.as_ref().map(|stop| stop.after.least);
                if certain {
                    state.clock.least = state.clock.least.min(perhaps.unwrap_or(FOREVER));
                    state.since = Some(if perhaps.is_some() { Span::UNKNOWN } else { Span::NONE });
                    state.killed = kills;
                }
                state.stop = Some(FoundStop { after: state.clock, certain, kind, words });
            }
        }
    }

    fn nested_shell(&mut self, shell: programs::Line) -> Followed {
        let list = syntax::parse(&shell.line).map_err(|_| GaveUp)?;
        let first = self.nested == 0;
        let kept = (
            std::mem::replace(&mut self.positional, shell.positional),
            std::mem::replace(&mut self.errexit, shell.errexit),
            std::mem::replace(&mut self.nounset, shell.nounset),
            std::mem::take(&mut self.functions),
            std::mem::replace(&mut self.in_condition, false),
            self.state.variables.clone(),
            self.state.doubtful,
            self.top.take(),
            self.braces,
        );
        self.braces = match shell.name {
            "bash" | "zsh" | "ksh" | "mksh" => Braces::Expand,
            "sh" => Braces::Perhaps,
            _ => Braces::Stay,
        };
        self.state.variables.retain(|v| v.exported);
        if first {
            self.top = Some(shell.line.as_str().into());
        }
        let flow = self.deeper(|this| this.list(&list));
        let (positional, errexit, nounset, functions, in_condition, variables, doubtful, top, braces) = kept;
        self.nounset = nounset;
        (self.positional, self.errexit, self.functions, self.in_condition) =
            (positional, errexit, functions, in_condition);
        (self.state.variables, self.state.doubtful, self.top, self.braces) = (variables, doubtful, top, braces);
        Ok(match flow? {
            _ if self.state.ended() => Flow::Exit(Status::Succeeds),
            Flow::Next(status) | Flow::Return(status) | Flow::Exit(status) => Flow::Next(status),
            Flow::Break(_) | Flow::Continue(_) => Flow::Next(Status::Succeeds),
        })
    }

    fn set(&mut self, name: &str, value: Option<String>, exported: bool) -> Result<(), GaveUp> {
        let inherited = matches!((self.env)(name), Variable::Literal(_) | Variable::Unknown);
        let variables = &mut self.state.variables;
        if let Some(set) = variables.iter_mut().find(|v| v.name == name) {
            set.value = value;
            set.exported |= exported;
        } else if variables.len() < MOST_NAMES {
            variables.push(Set { name: name.to_owned(), value, exported: exported || inherited });
        } else {
            return Err(GaveUp);
        }
        Ok(())
    }
}

/// Whether what follows `||` is another way, not only a way to go on.
fn does(pipeline: &Pipeline) -> bool {
    let idle = |command: &Command| {
        let Command::Simple(simple) = command else { return false };
        let first = simple.words.first().and_then(|word| word.plain());
        matches!(first, None | Some("true" | ":" | "echo" | "exit" | "return"))
    };
    !pipeline.commands.iter().all(idle)
}

/// Whether a list sets a variable.
fn assigns(list: &List, name: &str) -> bool {
    expand::any_simple(list, &mut |simple| simple.assignments.iter().any(|(n, _)| n == name))
}

/// Whether a loop's body differs from one round to the next: it uses its variable, or sets any.
fn changes(body: &List, name: &str) -> bool {
    expand::any_simple(body, &mut |simple| !simple.assignments.is_empty()) || expand::uses(body, name)
}
