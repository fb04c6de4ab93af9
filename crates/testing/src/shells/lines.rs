//! preStop hooks as people write them, from a grammar, with the constructs that each of them uses.

use std::collections::BTreeSet;

use draingate_core::hooks::Variable;

use super::dice::Dice;

/// A shell that can be `sh`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shell {
    Dash,
    Bash,
    Busybox,
}

impl Shell {
    /// All of them.
    pub const ALL: [Shell; 3] = [Shell::Dash, Shell::Bash, Shell::Busybox];

    /// Its program.
    pub fn name(self) -> &'static str {
        match self {
            Shell::Dash => "dash",
            Shell::Bash => "bash",
            Shell::Busybox => "busybox",
        }
    }
}

/// Whether a construct has to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Nearly always, exactly.
    Must,
    /// Its truth is in the line, but nobody promised to read it.
    May,
    /// Its truth is not in the line.
    Cannot,
}

macro_rules! constructs {
    ($($name:ident $duty:ident $words:literal,)*) => {
        /// What a line is made of.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Construct { $(#[doc = $words] $name,)* }

        impl Construct {
            /// All of them.
            pub const ALL: &[Construct] = &[$(Construct::$name,)*];

            /// What it is called.
            pub fn words(self) -> &'static str {
                match self { $(Construct::$name => $words,)* }
            }

            /// Whether it has to be read.
            pub fn duty(self) -> Duty {
                match self { $(Construct::$name => Duty::$duty,)* }
            }
        }
    };
}

constructs! {
    Sleep Must "sleep N",
    Path Must "sleep by a path",
    Suffix Must "a suffix s, m, h, d",
    Fraction Must "a fraction",
    Operands Must "several operands",
    Infinity Must "sleep infinity",
    NoShell Must "a command without a shell",
    Flags Must "a shell's other flags",
    Sequence Must "; and lines",
    AndOr Must "&& and ||",
    OrTrue Must "|| true",
    Comment Must "a comment",
    Quotes Must "quotes and backslashes",
    Redirection Must "a redirection",
    Subshell Must "a subshell",
    Group Must "a group",
    ForList Must "for over a list",
    ForSeq Must "for over $(seq)",
    ForBraces Must "for over {a..b}",
    WhileTrue Must "while true",
    TailF Must "tail -f",
    Variable Must "$VAR of the env",
    Default Must "${VAR:-N}",
    Exec Must "exec",
    Env Must "env A=b",
    Timeout Must "timeout N sleep M",
    BusyboxSleep Must "busybox sleep",
    Nested Must "sh -c in a line",
    NoTime Must "a command that takes no time",
    Stop Must "a stop command",
    KillStop Must "kill, pkill, killall that stop",
    NoStop Must "a signal that does not stop",
    FailsAtOnce Must "fails at once",
    Assignment May "an assignment in the line",
    Arithmetic May "$((arithmetic))",
    Exit May "exit",
    Break May "break",
    SetE May "set -e, -e",
    SetPipefail May "set -o pipefail",
    Pipe May "a pipe",
    Constant May "if and case on a constant",
    Counting May "a loop that counts",
    Substitution May "$(echo N)",
    TimeoutShell May "timeout N sh -c",
    Malformed May "a syntax error",
    Condition Cannot "a condition",
    ConditionLoop Cannot "a loop on a condition",
    Background Cannot "& and wait",
    Program Cannot "an unknown program",
    Http Cannot "curl, wget",
    Bound Cannot "timeout N and a program",
    Elsewhere Cannot "a variable from elsewhere",
    Otherwise Cannot "|| behind what never fails",
}

/// What a run finds that no line says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct World {
    /// Files that are there.
    pub files: Vec<&'static str>,
    /// How often a process is still found; always, without a number.
    pub again: Option<u32>,
    /// How programs end that nobody knows.
    pub status: u32,
    /// How long they take.
    pub seconds: u32,
}

/// A hook.
#[derive(Clone, Debug)]
pub struct Hook {
    /// Its command.
    pub command: Vec<String>,
    /// The container's own variables: what its `env` says, and what they are when it runs.
    pub env: Vec<(&'static str, Variable<'static>, &'static str)>,
    /// What its run finds.
    pub world: World,
    /// What it is made of.
    pub constructs: BTreeSet<Construct>,
    /// The shells that know all of this.
    pub shells: Vec<Shell>,
}

impl Hook {
    /// A hook of which nothing is said, for every shell.
    pub fn of(command: &[&str]) -> Hook {
        Hook {
            command: command.iter().map(|word| (*word).to_owned()).collect(),
            env: Vec::new(),
            world: World::default(),
            constructs: BTreeSet::new(),
            shells: Shell::ALL.to_vec(),
        }
    }

    /// The hook of a seed.
    pub fn random(seed: u64) -> (Hook, Vec<u32>) {
        let mut writer = Writer::new(Dice::new(seed));
        let hook = writer.hook();
        (hook, writer.dice.thrown())
    }

    /// The hook of these throws.
    pub(super) fn again(throws: &[u32]) -> Hook {
        Writer::new(Dice::again(throws)).hook()
    }

    /// What the container's `env` says of a variable.
    pub fn variable(&self, name: &str) -> Variable<'static> {
        self.env.iter().find(|(known, ..)| *known == name).map_or(Variable::Unset, |(_, said, _)| *said)
    }

    /// The variables as they are when it runs.
    pub fn environment(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.env.iter().filter(|(_, said, _)| *said != Variable::Unset).map(|(name, _, value)| (*name, *value))
    }

    /// Whether all of it has to be read, or at least might be.
    pub fn at_most(&self, duty: Duty) -> bool {
        self.constructs.iter().all(|construct| construct.duty() as u8 <= duty as u8)
    }
}

/// How a part of a line ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ends {
    Well,
    /// As good as always: nobody would write || behind it and mean that it is not run.
    Likely,
    Badly,
    /// Who knows.
    Either,
}

struct Part {
    text: String,
    ends: Ends,
}

impl Part {
    fn well(text: impl Into<String>) -> Part {
        Part { text: text.into(), ends: Ends::Well }
    }
}

/// Where a part stands.
#[derive(Clone, Copy)]
struct Place {
    /// Parts may still lie so deep in it.
    depth: u32,
    /// Loops may still multiply by so much.
    times: u32,
    /// Its shell is bash, whoever is `sh`.
    bash: bool,
}

const NAMES: [&str; 4] = ["DELAY", "PRESTOP_SLEEP", "DRAIN_SECONDS", "WAIT"];

struct Writer {
    dice: Dice,
    hook: Hook,
    /// Something in it may end one way or the other.
    either: bool,
    errexit: bool,
    /// Something runs only where a program ended well, which everybody takes for granted.
    relies: bool,
}

use Construct as C;

impl Writer {
    fn new(dice: Dice) -> Writer {
        Writer { dice, hook: Hook::of(&[]), either: false, errexit: false, relies: false }
    }

    fn says(&mut self, construct: Construct) {
        self.hook.constructs.insert(construct);
    }

    fn hook(&mut self) -> Hook {
        let value = *self.dice_of(&["15", "20", "5", "30", "10", "2"]);
        for name in NAMES {
            let said = match self.dice.weighted(&[4, 2, 1]) {
                0 => Variable::Literal(value),
                1 => Variable::Unset,
                _ => Variable::Unknown,
            };
            self.hook.env.push((name, said, value));
        }
        let fifth = self.dice.below(5);
        if self.dice.percent(12) {
            self.without_shell();
        } else {
            self.with_shell();
        }
        let (is_there, status, seconds) = (self.dice.percent(50), self.dice.percent(40), self.dice.below(4));
        if is_there {
            self.hook.world.files = vec!["/run/x", "/tmp/draining"];
        }
        if !self.relies {
            self.hook.world.status = u32::from(status);
            self.hook.world.seconds = [7, 0, 3, 45][seconds as usize];
        }
        if self.hook.constructs.contains(&C::ConditionLoop) || self.hook.constructs.contains(&C::Condition) {
            self.hook.world.again = Some(fifth);
        }
        self.hook.clone()
    }

    fn dice_of<'a>(&mut self, from: &'a [&'static str]) -> &'a &'static str {
        &from[self.dice.below(from.len() as u32) as usize]
    }

    /// Seconds as people write them.
    fn number(&mut self) -> u32 {
        match self.dice.weighted(&[6, 3, 1]) {
            0 => [10, 5, 15, 20, 30, 1, 2, 3, 60, 40, 25, 90, 120][self.dice.below(13) as usize],
            1 => 1 + self.dice.below(30),
            _ => 100 + self.dice.below(400),
        }
    }

    /// A command that is no line of a shell.
    fn without_shell(&mut self) {
        self.says(C::NoShell);
        let number = self.number().to_string();
        let path = self.dice.pick(&["sleep", "/bin/sleep", "/usr/bin/sleep"]).to_owned();
        let words: Vec<String> = match self.dice.weighted(&[8, 2, 2, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1]) {
            0 => {
                self.says(C::Sleep);
                if path != "sleep" {
                    self.says(C::Path);
                }
                vec![path, number]
            }
            1 => {
                self.says(C::Suffix);
                let duration = self.duration();
                vec![path, duration]
            }
            2 => {
                self.says(C::Operands);
                let (first, second) = (self.duration(), self.duration());
                vec![path, first, second]
            }
            3 => {
                let stop = self.stop();
                // What needs a shell is read by one only.
                if stop.contains(['$', '"', '`', '>']) {
                    vec!["nginx".into(), "-s".into(), "quit".into()]
                } else {
                    stop.split(' ').map(str::to_owned).collect()
                }
            }
            4 => {
                self.says(C::FailsAtOnce);
                vec![format!("sleep {number}")]
            }
            5 => {
                self.says(C::FailsAtOnce);
                let shell = self.dice.pick(&["sh", "/bin/sh", "bash"]).to_owned();
                vec![shell, "-c".into(), "sleep".into(), number]
            }
            6 => {
                self.says(C::FailsAtOnce);
                vec![path, self.dice.pick(&["$DELAY", "${DELAY}", "abc", "ten", "5x", "$(DELAY)"]).to_owned()]
            }
            7 => {
                self.says(C::BusyboxSleep);
                vec![self.dice.pick(&["busybox", "/bin/busybox"]).to_owned(), "sleep".into(), number]
            }
            8 => {
                self.says(C::Env);
                vec!["env".into(), "A=b".into(), path, number]
            }
            9 => {
                self.says(C::Timeout);
                let limit = (self.number() * 2 + 1).to_string();
                vec!["timeout".into(), limit, path, number]
            }
            10 => {
                self.says(C::Bound);
                let program = self.program();
                ["timeout".into(), number].into_iter().chain(program.split(' ').map(str::to_owned)).collect()
            }
            11 => {
                self.says(C::Program);
                vec![self.dice.pick(&["/app/drain.sh", "drainctl"]).to_owned(), number]
            }
            _ => {
                self.says(C::Infinity);
                vec![path, self.dice.pick(&["infinity", "inf"]).to_owned()]
            }
        };
        self.hook.command = words;
        // It is the same whoever is `sh`.
        self.hook.shells = vec![Shell::Dash];
    }

    /// A line of a shell, with its flags.
    fn with_shell(&mut self) {
        let (words, bash): (&[&str], bool) = match self.dice.weighted(&[30, 20, 8, 8, 4, 2, 2, 2, 3, 2, 2, 2, 2, 1]) {
            0 => (&["/bin/sh", "-c"], false),
            1 => (&["sh", "-c"], false),
            2 => (&["/bin/bash", "-c"], true),
            3 => (&["bash", "-c"], true),
            4 => (&["/bin/sh", "-ec"], false),
            5 => (&["sh", "-e", "-c"], false),
            6 => (&["bash", "-ec"], true),
            7 => (&["bash", "-lc"], true),
            8 => (&["/bin/bash", "-o", "pipefail", "-c"], true),
            9 => (&["bash", "-eo", "pipefail", "-c"], true),
            10 => (&["busybox", "sh", "-c"], false),
            11 => (&["/busybox/sh", "-c"], false),
            12 => (&["env", "A=b", "sh", "-c"], false),
            _ => (&["/bin/ash", "-c"], false),
        };
        if bash {
            self.hook.shells = vec![Shell::Bash];
        }
        if words[0] == "busybox" || words[0] == "/bin/ash" {
            self.hook.shells = vec![Shell::Busybox];
        }
        if words.len() > 2 || words[1] != "-c" {
            self.says(C::Flags);
        }
        if words.iter().any(|word| word.starts_with("-e")) {
            self.errexit = true;
            self.says(C::SetE);
        }
        if words[0] == "env" {
            self.says(C::Env);
        }
        let place = Place { depth: 3, times: 15, bash };
        let mut line = String::new();
        if self.dice.percent(4) {
            self.errexit = true;
            self.says(C::SetE);
            line += self.dice.pick(&["set -e; ", "set -e\n", "set -ex\n", "set -eu; "]);
        }
        if self.dice.percent(2) {
            self.hook.shells.retain(|shell| *shell != Shell::Dash);
            self.says(C::SetPipefail);
            line += "set -o pipefail; ";
        }
        if self.dice.percent(5) {
            line += self.dice.pick(&[" ", "\n", "\n  "]);
        }
        let list = self.list(place);
        line += &list.text;
        if self.dice.percent(1) {
            self.says(C::Malformed);
            line += self.dice.pick(&["; done", " &&", " '", ";; ", "; fi", " )", " \""]);
        } else if self.dice.percent(10) && !line.trim_end().ends_with('&') && !line.ends_with('\n') {
            line += self.dice.pick(&[";", "\n", " ;", "; "]);
        }
        if self.errexit && self.either {
            self.says(C::Condition);
            self.relies = true;
        }
        self.hook.command = words.iter().map(|word| (*word).to_owned()).chain([line]).collect();
    }

    /// Some parts, one after the other.
    fn list(&mut self, place: Place) -> Part {
        let count = 1 + self.dice.weighted(&[5, 6, 4, 2, 1]);
        let mut list = self.part(place);
        if count > 1 {
            list = self.decorated(list);
        }
        for _ in 1..count {
            let comment = self.dice.percent(3);
            let next = self.part(place);
            let next = self.decorated(next);
            // All that is chained before a single & goes there.
            let apart = next.text.contains(" & ");
            // A single & takes no other end.
            if list.text.ends_with('&') {
                list.text += " ";
            } else if comment {
                self.says(C::Comment);
                let words = self.dice.pick(&["wait for it", "sleep 99", "don't stop; sleep 5", "kill 1 && `x`"]);
                list.text += &format!(" # {words}\n");
            } else {
                match self.dice.weighted(if apart { &[1, 1] } else { &[10, 7, 8, 2] }) {
                    0 => {
                        self.says(C::Sequence);
                        list.text += self.dice.pick(&["; ", ";", " ; ", ";  "]);
                    }
                    1 => {
                        self.says(C::Sequence);
                        list.text += self.dice.pick(&["\n", "\n\n", "\n  "]);
                    }
                    2 => {
                        list = self.chained(list, &[" && ", "&&", " &&\n", " && \\\n  "], next, true);
                        continue;
                    }
                    _ => {
                        list = self.chained(list, &[" || ", "||"], next, false);
                        continue;
                    }
                }
            }
            list.text += &next.text;
            if list.ends == Ends::Either {
                self.either = true;
            }
            list.ends = next.ends;
        }
        list
    }

    /// Two parts, of which the second hangs on the first: it runs where that ended as wanted.
    ///
    /// Of a longer list only the last part is on its left, so how the list ends is what that part does.
    fn chained(&mut self, mut first: Part, with: &[&'static str], second: Part, wanted: bool) -> Part {
        self.says(C::AndOr);
        first.text += self.dice.pick(with);
        first.text += &second.text;
        first.ends = match first.ends {
            Ends::Either => {
                self.says(C::Condition);
                self.relies |= wanted;
                Ends::Either
            }
            Ends::Likely if !wanted => {
                self.says(C::Otherwise);
                Ends::Likely
            }
            Ends::Well | Ends::Likely if wanted => second.ends,
            Ends::Badly if !wanted => second.ends,
            ends => ends,
        };
        first
    }

    /// A part with what may follow any: `|| true`, a redirection.
    fn decorated(&mut self, mut part: Part) -> Part {
        let simple = !part.text.ends_with(['\n', '&', ')', '}']) && !part.text.contains('#');
        if simple && self.dice.percent(5) {
            self.says(C::Redirection);
            part.text += self.dice.pick(&[
                " > /dev/null",
                " >/dev/null 2>&1",
                " 2>/dev/null",
                " 2>&1",
                " >> /tmp/log",
                " < /dev/null",
                " >&2",
                " > /proc/1/fd/1",
                " > /proc/1/fd/1 2>&1",
            ]);
        }
        if !part.text.ends_with(['\n', '&']) && self.dice.percent(4) {
            self.says(C::OrTrue);
            part.text += self.dice.pick(&[" || true", "||true", " || :", " || /bin/true"]);
            part.ends = Ends::Well;
        }
        part
    }

    fn part(&mut self, place: Place) -> Part {
        let deep = u32::from(place.depth > 0);
        let weights = [
            30,
            14,
            9,
            3, // sleep, no time, stop, no stop
            2 * deep,
            2 * deep,
            3 * deep,
            deep,
            1, // subshell, group, for, endless, tail -f
            2,
            2,
            2,
            2,
            2 * deep, // exec, env, timeout, busybox, nested
            3,
            1,
            2 * deep,
            deep,
            1, // program, http, if, condition loop, background
            1,
            1,
            1,
            1,
            deep,
            1,
            deep, // assignment, exit, pipe, fails, constant, bound, counting
            1,    // timeout and a shell
        ];
        match self.dice.weighted(&weights) {
            0 => Part::well(self.sleep()),
            1 => self.no_time(),
            2 => Part { text: self.stop(), ends: Ends::Likely },
            3 => self.no_stop(),
            4 => {
                self.says(C::Subshell);
                let inner = self.list(Place { depth: place.depth - 1, ..place });
                let end = if self.dice.percent(20) { " )" } else { ")" };
                // Two at once would begin arithmetic.
                let start = if inner.text.starts_with('(') { "( " } else { "(" };
                Part { text: format!("{start}{}{end}", inner.text), ends: inner.ends }
            }
            5 => {
                self.says(C::Group);
                let inner = self.list(Place { depth: place.depth - 1, ..place });
                let end = if inner.text.ends_with('&') { " }" } else { self.dice.pick(&["; }", "\n}"]) };
                Part { text: format!("{{ {}{end}", inner.text), ends: inner.ends }
            }
            6 => self.repeated(place),
            7 => self.endless(place),
            8 => {
                self.says(C::TailF);
                Part::well(self.dice.pick(&["tail -f /dev/null", "tail -F /tmp/log", "tail -f /dev/null 2>&1"]))
            }
            9 => {
                self.says(C::Exec);
                let sleep = self.plain_sleep();
                if self.dice.percent(30) {
                    return Part::well(format!("(exec {sleep})"));
                }
                Part::well(format!("exec {sleep}"))
            }
            10 => {
                self.says(C::Env);
                let sleep = self.plain_sleep();
                Part::well(format!(
                    "{} {sleep}",
                    self.dice.pick(&["env A=b", "/usr/bin/env A=b", "env A=b C=d", "env"])
                ))
            }
            11 => {
                self.says(C::Timeout);
                let (limit, number) = (self.number(), self.number());
                let words = self.dice.pick(&["timeout", "timeout -s KILL", "timeout -k 5", "/usr/bin/timeout"]);
                let suffix = self.dice.pick(&["", "s"]);
                let ends = if number > limit { Ends::Badly } else { Ends::Well };
                // Which is the first of two at the same moment, nobody knows.
                let number = if number == limit { number + 1 } else { number };
                let ends = if number > limit { Ends::Badly } else { ends };
                Part { text: format!("{words} {limit}{suffix} sleep {number}"), ends }
            }
            12 => {
                self.says(C::BusyboxSleep);
                let number = self.number();
                Part::well(format!("{} sleep {number}", self.dice.pick(&["busybox", "/bin/busybox"])))
            }
            13 => self.nested(place),
            14 => {
                self.says(C::Program);
                Part { text: self.program(), ends: Ends::Either }
            }
            15 => self.http(),
            16 => self.condition(place),
            17 => self.condition_loop(place),
            18 => {
                self.says(C::Background);
                let (sleep, quick) = (self.sleep(), self.no_time().text);
                // Two at a time would be no sum.
                let text = match self.dice.below(3) {
                    0 => format!("{sleep} & wait"),
                    1 => format!("{quick} & {sleep}; wait"),
                    _ => format!("({sleep}; {quick}) & wait $!"),
                };
                Part { text, ends: Ends::Either }
            }
            19 => self.assignment(),
            20 => {
                self.says(C::Exit);
                let text = self.dice.pick(&["exit 0", "exit", "exit 1"]);
                Part::well(text)
            }
            21 => {
                self.says(C::Pipe);
                let sleep = self.sleep();
                Part::well(match self.dice.below(4) {
                    0 => format!("{sleep} | cat"),
                    1 => format!("echo stopping | {sleep}"),
                    2 => format!("({sleep}; echo done) | tee /tmp/log"),
                    _ => format!("{sleep} 2>&1 | tee /dev/null"),
                })
            }
            22 => {
                self.says(C::FailsAtOnce);
                let text = self.dice.pick(&["sleep", "sleep abc", "sleep 10x", "sleep -5", "sleep ''", "sleep 5 sec"]);
                Part { text: text.to_owned(), ends: Ends::Badly }
            }
            23 => self.constant(place),
            24 => {
                self.says(C::Bound);
                let (limit, program) = (self.number(), self.program());
                Part { text: format!("timeout {limit} {program}"), ends: Ends::Either }
            }
            25 => self.counting(),
            _ => {
                self.says(C::TimeoutShell);
                let (limit, number) = (self.number(), self.number());
                let shell = self.dice.pick(&["sh", "/bin/sh"]);
                let many = 1 + number;
                let number = if number == limit { many } else { number };
                let text = match self.dice.below(3) {
                    0 => format!("timeout {limit} {shell} -c 'sleep {number}; sleep {many}'"),
                    1 => format!("timeout {limit} {shell} -c 'while true; do sleep {many}; done'"),
                    _ => format!("timeout {limit} {shell} -c 'sleep {number}; nginx -s quit'"),
                };
                Part { text, ends: Ends::Either }
            }
        }
    }

    // ---- sleeps

    /// An operand, with a suffix or a fraction.
    fn duration(&mut self) -> String {
        let number = self.number();
        match self.dice.weighted(&[4, 3, 2, 1]) {
            0 => number.to_string(),
            1 => {
                self.says(C::Suffix);
                format!("{number}{}", self.dice.pick(&["s", "s", "m"]))
            }
            2 => {
                self.says(C::Fraction);
                let whole = if self.dice.percent(20) { String::new() } else { (number % 20).to_string() };
                format!("{whole}.{}", self.dice.pick(&["5", "25", "1", "75", "001", "0", "999"]))
            }
            _ => {
                self.says(C::Suffix);
                let text = self.dice.pick(&["1.5m", "0.5m", "1h", "0.1h", "1d", "2m", "0.01h", "05", "010", "1m"]);
                if text.contains('.') {
                    self.says(C::Fraction);
                }
                text.to_owned()
            }
        }
    }

    /// A literal sleep by any path, without what only a shell would read.
    fn plain_sleep(&mut self) -> String {
        let number = self.number();
        let path = self.dice.pick(&["sleep", "sleep", "sleep", "/bin/sleep", "/usr/bin/sleep"]);
        if path != "sleep" {
            self.says(C::Path);
        }
        self.says(C::Sleep);
        format!("{path} {number}")
    }

    /// Any sleep.
    fn sleep(&mut self) -> String {
        match self.dice.weighted(&[30, 8, 2, 4, 8, 2, 1, 1]) {
            0 => self.plain_sleep(),
            1 => format!("sleep {}", self.duration()),
            2 => {
                self.says(C::Operands);
                let (first, second) = (self.duration(), self.duration());
                format!("sleep {first} {second}")
            }
            3 => {
                self.says(C::Quotes);
                let (number, path) = (self.number(), self.dice.pick(&["sleep", "/bin/sleep"]));
                match self.dice.below(6) {
                    0 => format!("{path} \"{number}\""),
                    1 => format!("{path} '{number}'"),
                    2 => format!("\"{path}\" {number}"),
                    3 => format!("{path} \\\n  {number}"),
                    4 => format!("\\{path} {number}"),
                    _ => format!("{path} \"{}\"'{}'", number / 10 + 1, number % 10),
                }
            }
            4 => format!("sleep {}", self.variable()),
            5 => {
                self.says(C::Arithmetic);
                let (one, two) = (self.number(), 1 + self.dice.below(3));
                match self.dice.below(4) {
                    0 => format!("sleep $(({one}+{two}))"),
                    1 => format!("sleep $(( {one} * {two} ))"),
                    2 => format!("sleep $(({one} - 1 + {two}))"),
                    _ => format!("sleep \"$(( ({one} + {two}) * 2 ))\""),
                }
            }
            6 => {
                self.says(C::Substitution);
                format!("sleep $(echo {})", self.number())
            }
            _ => {
                self.says(C::Infinity);
                "sleep infinity".to_owned()
            }
        }
    }

    /// A variable that holds a number, or has a default.
    fn variable(&mut self) -> String {
        let name = *self.dice_of(&NAMES);
        let default = self.number();
        let said = self.hook.variable(name);
        let with_default = said == Variable::Unset || self.dice.percent(30);
        if said == Variable::Unknown {
            self.says(C::Elsewhere);
        }
        if with_default {
            self.says(C::Default);
            let text = match self.dice.below(4) {
                0 | 1 => format!("${{{name}:-{default}}}"),
                2 => format!("${{{name}-{default}}}"),
                _ => format!("\"${{{name}:-{default}}}\""),
            };
            return text;
        }
        self.says(C::Variable);
        match self.dice.below(5) {
            0 => format!("${name}"),
            1 => format!("${{{name}}}"),
            2 => format!("\"${name}\""),
            3 => format!("\"${{{name}}}\""),
            _ => format!("${{{name}}}s"),
        }
    }

    // ---- what takes no time

    fn no_time(&mut self) -> Part {
        self.says(C::NoTime);
        let (text, ends) = match self.dice.weighted(&[4, 14, 1, 1, 1]) {
            0 => (self.dice.pick(&["true", ":", "test 1 = 1", "[ 1 -eq 1 ]"]), Ends::Well),
            1 => (
                self.dice.pick(&[
                    "echo stopping",
                    "echo \"preStop: draining\"",
                    "echo 'sleep 30; nginx -s quit'",
                    "echo it\\'s time",
                    "touch /tmp/draining",
                    "rm -f /tmp/healthy",
                    "date",
                    "echo done >> /tmp/log",
                    "echo stopping > /proc/1/fd/1",
                    "echo $(date) stopping",
                    "cd /tmp",
                    "export MODE=drain",
                    "mkdir -p /tmp/state",
                    "printf 'draining\\n'",
                    "sync",
                    "cat /run/app.pid",
                    "echo \"$HOSTNAME is stopping\" >&2",
                    "logger stopping",
                ]),
                Ends::Likely,
            ),
            2 => ("false", Ends::Badly),
            3 => ("kill -0 1", Ends::Either),
            _ => ("[ -f /run/x ]", Ends::Either),
        };
        Part { text: text.to_owned(), ends }
    }

    fn stop(&mut self) -> String {
        if self.dice.percent(40) {
            self.says(C::KillStop);
            return self
                .dice
                .pick(&[
                    "kill -TERM 1",
                    "kill -s QUIT 1",
                    "kill 1",
                    "kill -QUIT 1",
                    "kill -15 $(cat /run/app.pid)",
                    "kill -SIGTERM 1",
                    "kill -INT `cat /run/app.pid`",
                    "kill -QUIT \"$(cat /run/nginx.pid)\"",
                    "kill -3 1",
                    "kill -s TERM $(pidof app)",
                    "kill -9 1",
                    "pkill -TERM app",
                    "pkill -15 java",
                    "pkill app",
                    "killall -INT app",
                    "killall nginx",
                    "/bin/kill -TERM 1",
                    "kill -s SIGINT 1",
                ])
                .to_owned();
        }
        self.says(C::Stop);
        self.dice
            .pick(&[
                "nginx -s quit",
                "/usr/sbin/nginx -s quit",
                "nginx -s stop",
                "nginx -c /etc/nginx/nginx.conf -s quit",
                "apachectl graceful-stop",
                "apachectl -k graceful-stop",
                "consul leave",
                "nodetool drain",
                "rabbitmqctl stop_app",
                "catalina.sh stop",
                "kong quit",
                "kong quit --wait=10",
                "/wait-shutdown",
            ])
            .to_owned()
    }

    fn no_stop(&mut self) -> Part {
        self.says(C::NoStop);
        let text =
            self.dice.pick(&["kill -HUP 1", "nginx -s reload", "kill -USR1 1", "kill -s HUP 1", "pkill -USR2 app"]);
        Part { text: text.to_owned(), ends: Ends::Likely }
    }

    // ---- what nobody can know

    fn program(&mut self) -> String {
        let number = self.number();
        let program =
            self.dice.pick(&["drainctl", "/app/drain.sh", "python3 /app/drain.py", "java -jar /app/stop.jar"]);
        match self.dice.below(3) {
            0 => program.to_owned(),
            1 => format!("{program} --wait {number}"),
            _ => format!("{program} {number}"),
        }
    }

    fn http(&mut self) -> Part {
        self.says(C::Http);
        let number = self.number();
        let text = match self.dice.below(6) {
            0 => "curl -s http://localhost:8080/drain".to_owned(),
            1 => format!("curl -m {number} -X POST http://localhost:8080/drain"),
            2 => format!("curl --max-time {number} -sf http://127.0.0.1:8080/shutdown"),
            3 => "wget -qO- http://localhost:8080/drain".to_owned(),
            4 => "curl -X POST http://localhost:15020/quitquitquit".to_owned(),
            _ => "wget -q -O /dev/null http://localhost:8080/stop".to_owned(),
        };
        Part { text, ends: Ends::Either }
    }

    fn test(&mut self) -> String {
        self.dice
            .pick(&[
                "[ -f /run/x ]",
                "[ ! -f /run/x ]",
                "test -e /run/x",
                "[ -n \"$DELAY\" ]",
                "pgrep app > /dev/null",
                "kill -0 1",
                "kill -0 $(cat /run/app.pid) 2>/dev/null",
                "drainctl check",
                "[ \"$DELAY\" -gt 7 ]",
                "! pgrep app",
            ])
            .to_owned()
    }

    fn condition(&mut self, place: Place) -> Part {
        self.says(C::Condition);
        let test = self.test();
        let inner = Place { depth: place.depth - 1, ..place };
        let text = match self.dice.below(5) {
            0 => {
                let body = self.block(inner).text;
                format!("if {test}; then {body}fi")
            }
            1 => {
                let (body, other) = (self.block(inner).text, self.block(inner).text);
                format!("if {test}; then {body}else {other}fi")
            }
            2 => {
                let (then, other) = (self.sleep(), self.sleep());
                format!("{test} && {then} || {other}")
            }
            3 => {
                let body = self.list(inner).text;
                let end = if body.ends_with('&') { " " } else { "; " };
                format!("{test} && {{ {body}{end}}}")
            }
            _ => {
                let (body, other) = (self.list(inner).text, self.list(inner).text);
                format!("case \"$DELAY\" in\n  15) {body}\n ;;\n  *) {other}\n ;;\nesac")
            }
        };
        Part { text, ends: Ends::Either }
    }

    fn condition_loop(&mut self, place: Place) -> Part {
        self.says(C::ConditionLoop);
        let inner = Place { depth: place.depth - 1, times: 1, ..place };
        let test = self.dice.pick(&[
            "while pgrep app > /dev/null",
            "while kill -0 1",
            "while kill -0 $(cat /run/app.pid) 2>/dev/null",
            "until ! pgrep app",
            "while [ -f /run/x ]",
            "until [ -f /run/x ]",
        ]);
        let number = 1 + self.dice.below(5);
        let body = if self.dice.percent(30) { self.list(inner).text } else { String::new() };
        let end = match body.chars().last() {
            None => "",
            Some('&') => " ",
            Some(_) => "; ",
        };
        Part { text: format!("{test}; do {body}{end}sleep {number}; done"), ends: Ends::Either }
    }

    // ---- lists in lists

    /// A list and its end, before a word that closes it.
    fn block(&mut self, place: Place) -> Part {
        let mut body = self.list(place);
        body.text += if body.text.ends_with('&') { " " } else { self.dice.pick(&["; ", "\n"]) };
        body
    }

    fn repeated(&mut self, place: Place) -> Part {
        let many = if place.times >= 15 { 2 + self.dice.below(14) } else { 1 + self.dice.below(2) };
        let (over, times) = match self.dice.weighted(&[6, 6, if place.bash { 6 } else { 0 }]) {
            0 => {
                self.says(C::ForList);
                let few = many.min(5);
                ((1..=few).map(|n| n.to_string()).collect::<Vec<_>>().join(" "), few)
            }
            1 => {
                self.says(C::ForSeq);
                let text = match self.dice.below(4) {
                    0 => format!("$(seq 1 {many})"),
                    1 => format!("$(seq {many})"),
                    2 => format!("`seq 1 {many}`"),
                    _ => format!("$(seq 5 {})", many + 4),
                };
                (text, many)
            }
            _ => {
                self.says(C::ForBraces);
                (format!("{{1..{many}}}"), many)
            }
        };
        let inner = Place { depth: place.depth - 1, times: place.times / (times * 2), ..place };
        let body = if self.dice.percent(60) { Part::well(format!("{}; ", self.sleep())) } else { self.block(inner) };
        let name = self.dice.pick(&["i", "n", "_"]);
        let open = self.dice.pick(&["; do ", "\ndo\n  "]);
        Part { text: format!("for {name} in {over}{open}{}done", body.text), ends: body.ends }
    }

    fn endless(&mut self, place: Place) -> Part {
        self.says(C::WhileTrue);
        let words = self.dice.pick(&["while true", "while :", "until false", "while [ 1 ]", "while sleep 1"]);
        let open = self.dice.pick(&["; do ", "\ndo\n  "]);
        let inner = Place { depth: place.depth - 1, times: 1, ..place };
        let first = if self.dice.percent(30) { self.block(inner).text } else { String::new() };
        // By its path it costs a process, a hundred times.
        let sleep = if self.dice.percent(10) { self.plain_sleep() } else { format!("sleep {}", self.number()) };
        let ending = if self.dice.percent(40) {
            self.says(C::Break);
            let item = self.dice.pick(&["break; ", "exit 0; ", "[ -f /run/x ] && break; ", "break\n"]);
            if item.starts_with('[') {
                self.says(C::Condition);
            }
            item
        } else {
            ""
        };
        Part { text: format!("{words}{open}{first}{sleep}; {ending}done"), ends: Ends::Well }
    }

    fn nested(&mut self, place: Place) -> Part {
        self.says(C::Nested);
        let shell = self.dice.pick(&["sh", "/bin/sh", "bash", "sh", "bash"]);
        let bash = shell == "bash";
        let inner = Place { depth: place.depth - 1, bash, ..place };
        let list = self.list(inner);
        let quoted = if self.dice.percent(30) {
            let mut text = String::new();
            for letter in list.text.chars() {
                if matches!(letter, '"' | '$' | '`' | '\\') {
                    text.push('\\');
                }
                text.push(letter);
            }
            format!("\"{text}\"")
        } else {
            format!("'{}'", list.text.replace('\'', r"'\''"))
        };
        Part { text: format!("{shell} -c {quoted}"), ends: list.ends }
    }

    // ---- what may be read

    fn assignment(&mut self) -> Part {
        self.says(C::Assignment);
        let (number, name) = (self.number(), *self.dice_of(&["D", "SECS", "DELAY"]));
        // What the env says of it is no longer so.
        Part::well(match self.dice.below(5) {
            0 => format!("{name}={number}; sleep ${name}"),
            1 => format!("{name}={number} && sleep \"${{{name}}}\""),
            2 => format!("export {name}={number}\nsleep ${name}"),
            3 => format!("{name}=\"{number}\"; {name}=$(({name} + 1)); sleep ${name}"),
            _ => format!("{name}={number}; sleep ${{{name}:-3}}"),
        })
    }

    fn constant(&mut self, place: Place) -> Part {
        self.says(C::Constant);
        let inner = Place { depth: place.depth - 1, ..place };
        let test = self.dice.pick(&["true", "false", "[ 1 = 1 ]", "! true"]);
        let (body, other) = (self.block(inner).text, self.block(inner).text);
        let text = match self.dice.below(3) {
            0 => format!("if {test}; then {body}fi"),
            1 => format!("if {test}; then {body}else {other}fi"),
            _ => format!("case a in\n a) {body} ;;\n *) {} ;;\nesac", other.trim_end_matches([';', ' ', '\n'])),
        };
        Part { text, ends: Ends::Either }
    }

    fn counting(&mut self) -> Part {
        self.says(C::Counting);
        let (many, number) = (2 + self.dice.below(10), 1 + self.dice.below(5));
        Part::well(match self.dice.below(3) {
            0 => format!("i=0; while [ $i -lt {many} ]; do sleep {number}; i=$((i+1)); done"),
            1 => format!("n={many}; while [ $n -gt 0 ]; do n=$((n - 1)); sleep {number}; done"),
            _ => format!("i=1\nuntil [ $i -gt {many} ]\ndo\n  i=$(( i + 1 ))\n  sleep {number}\ndone"),
        })
    }
}
