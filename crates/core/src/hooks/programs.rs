//! What a program does with its words: takes no time, waits, stops the container, runs another, or nobody knows.

use super::duration::{self, Refused};
use super::known;
use super::reading::StopKind;
use super::scripts;
use super::shell::Status;
use super::span::{FOREVER, SECOND, Span};
use super::stops;
use super::windows;

/// What is made of a program and its words.
pub(super) enum Does {
    /// It takes no time.
    Nothing(Status),
    /// `sleep`; or why it does not.
    Sleep(Result<Span, &'static str>),
    /// Plainly a wait in another form.
    Waits(Span),
    /// A program of which the table of known hooks says how long it takes.
    Known(Span),
    /// It tells the container to stop.
    Stops(Stops),
    /// It runs another program, perhaps with a bound in nanoseconds.
    Runs { words: Vec<Option<String>>, bound: Option<u64>, only: bool },
    /// A shell with a line.
    Shell(Line),
    /// There is no such program.
    CannotRun(&'static str),
    /// Any time, at most `bound` nanoseconds where it has one; `may_be` seconds stand among its words. What it `asks` may be
    /// answered either way.
    Unknown { bound: Option<u64>, may_be: Option<u64>, asks: bool },
}

/// How a command stops the container.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stops {
    /// What it waits itself before.
    pub wait: Span,
    /// How long it lets the container finish, in nanoseconds, where it says so.
    pub limit: Option<u64>,
    /// How it is told.
    pub kind: StopKind,
}

/// A shell's line, with the parameters and options it is given.
pub(super) struct Line {
    pub name: &'static str,
    pub line: String,
    pub positional: Vec<String>,
    pub errexit: bool,
    pub nounset: bool,
}

/// Programs that take no time and do as asked.
const SURE: [&str; 16] = [
    "chmod", "chown", "date", "echo", "hostname", "id", "logger", "mkdir", "printf", "pwd", "rm", "seq", "sync",
    "touch", "uname", "whoami",
];

/// Programs that take no time and are believed to do as asked.
const QUICK: [&str; 31] = [
    "awk", "basename", "cat", "chgrp", "cp", "cut", "df", "dirname", "du", "env", "expr", "find", "head", "ln", "ls",
    "mktemp", "mv", "nproc", "printenv", "ps", "readlink", "realpath", "rmdir", "sed", "sort", "stat", "tail", "tee",
    "tr", "uniq", "wc",
];

/// Programs that take no time and answer a question.
const ASKS: [&str; 7] = ["cmp", "diff", "grep", "egrep", "pgrep", "pidof", "which"];

/// Words that make a program a question.
const QUESTIONS: [&str; 6] = ["check", "status", "health", "ready", "is-active", "ping"];

/// Words of a shell that are no programs.
const BUILTINS: [&str; 22] = [
    ":", ".", "source", "exec", "eval", "export", "cd", "set", "unset", "exit", "return", "if", "while", "until",
    "for", "case", "local", "declare", "trap", "wait", "builtin", "shift",
];

/// The last part of a path, without `.exe`.
pub(super) fn file_name(path: &str) -> &str {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    name.strip_suffix(".exe").unwrap_or(name)
}

/// Looks at a program's name and its words; one without a value may be anything.
pub(super) fn look(command: &[Option<String>]) -> Does {
    let unknown = Does::Unknown { bound: None, may_be: None, asks: false };
    let Some((Some(path), arguments)) = command.split_first() else { return unknown };
    let words: Vec<&str> = arguments.iter().map(|word| word.as_deref().unwrap_or("\u{0}")).collect();
    let name = file_name(path);
    if let Some(stops) = stops::find(name, &words) {
        return Does::Stops(stops);
    }
    if let Some(span) = known::program(name, &words) {
        return Does::Known(span);
    }
    match name {
        "sleep" | "gsleep" => sleep(arguments),
        "usleep" => match words.first().and_then(|n| duration::decimal(n, u128::from(SECOND / 1_000_000))) {
            Some(time) => Does::Waits(Span::exactly(time)),
            None => unknown,
        },
        "nginx" | "openresty" if words.iter().any(|word| matches!(*word, "reload" | "reopen" | "-t" | "-v")) => {
            Does::Nothing(Status::Likely)
        }
        "true" => Does::Nothing(Status::Succeeds),
        "false" => Does::Nothing(Status::Fails),
        "kill" | "pkill" | "killall" | "skill" | "killall5" => {
            let asks = words.iter().any(|word| *word == "-0" || *word == "-l");
            Does::Nothing(if asks { Status::Unknown } else { Status::Likely })
        }
        "tail" if words.iter().any(|word| is_following(word)) => {
            let bound = words.iter().any(|word| word.starts_with("--pid"));
            if bound { unknown } else { Does::Waits(Span::ENDLESS) }
        }
        "nohup" | "setsid" | "sudo" | "doas" | "nice" | "ionice" | "stdbuf" | "catchsegv" | "tini" | "dumb-init"
        | "su-exec" | "gosu" | "chpst" | "env" | "time" | "busybox" | "toybox" | "timeout" | "xargs" => {
            wrapper(name, arguments).unwrap_or(if QUICK.contains(&name) {
                Does::Nothing(Status::Likely)
            } else {
                unknown
            })
        }
        "ping" => windows::ping(&words, "-c").unwrap_or(unknown),
        "cmd" | "powershell" | "pwsh" => windows::look(name, &words).unwrap_or(unknown),
        _ if is_shell(name) => shell(name, arguments),
        _ if ASKS.contains(&name) => Does::Nothing(Status::Unknown),
        _ if SURE.contains(&name) => Does::Nothing(Status::Succeeds),
        _ if QUICK.contains(&name) => Does::Nothing(Status::Likely),
        _ if scripts::is_interpreter(name) => match scripts::read(name, &words) {
            Some(span) => Does::Waits(span),
            None => unknown,
        },
        _ if name.is_empty() && arguments.is_empty() => Does::CannotRun("it has no command"),
        _ => {
            let asks = words.iter().any(|word| QUESTIONS.contains(&word.trim_start_matches('-')));
            Does::Unknown { bound: bound_of(name, &words), may_be: may_be(&words), asks }
        }
    }
}

/// Why a command that a container runs without a shell cannot run at all.
pub(super) fn cannot_run(command: &[&str]) -> Option<&'static str> {
    match command {
        [] | [""] => Some("it has no command"),
        [word] if word.contains([' ', '\t']) && !word.contains('\\') => {
            Some("it is one word with a blank in it, and no program has that name")
        }
        [word, ..] if BUILTINS.contains(word) => Some("its first word is one of a shell, not a program"),
        _ => None,
    }
}

fn is_shell(name: &str) -> bool {
    matches!(name, "sh" | "ash" | "bash" | "dash" | "ksh" | "mksh" | "zsh")
}

fn is_following(word: &str) -> bool {
    let short = word.strip_prefix('-').filter(|letters| !letters.starts_with('-'));
    short.is_some_and(|letters| letters.contains(['f', 'F'])) || word.starts_with("--follow") || word == "--retry"
}

fn sleep(arguments: &[Option<String>]) -> Does {
    let mut total = Span::NONE;
    let mut operands = 0;
    let mut flags = true;
    for word in arguments {
        let Some(word) = word else {
            total = total.plus(Span::UNKNOWN);
            operands += 1;
            continue;
        };
        if flags && word == "--" {
            flags = false;
            continue;
        }
        if flags && matches!(word.as_str(), "--help" | "--version") {
            return Does::Nothing(Status::Succeeds);
        }
        operands += 1;
        match duration::operand(word) {
            Ok(FOREVER) => total = total.plus(Span::ENDLESS),
            Ok(time) => total = total.plus(Span::exactly(time)),
            Err(Refused::Perhaps) => total = total.plus(Span::UNKNOWN),
            Err(Refused::Surely) if word.starts_with('$') => {
                return Does::Sleep(Err("nothing expands a variable there, so sleep refuses its operand"));
            }
            Err(Refused::Surely) => return Does::Sleep(Err("sleep refuses its operand")),
        }
    }
    if operands == 0 {
        return Does::Sleep(Err("its sleep has no operand"));
    }
    Does::Sleep(Ok(total))
}

/// A program that runs the one after its own options.
fn wrapper(name: &str, arguments: &[Option<String>]) -> Option<Does> {
    let word = |at: usize| arguments.get(at).and_then(|word| word.as_deref());
    let mut at = 0;
    let mut bound = None;
    let takes_value: &[&str] = match name {
        "timeout" => &["-s", "-k", "--signal", "--kill-after", "-t"],
        "nice" => &["-n"],
        "ionice" => &["-c", "-n"],
        "sudo" | "doas" => &["-u", "-g"],
        "env" => &["-u", "-C", "-S"],
        "stdbuf" => &["-i", "-o", "-e"],
        "xargs" => &["-n", "-I", "-P", "-L", "-d", "-s"],
        "chpst" => &["-u", "-n", "-e"],
        _ => &[],
    };
    while let Some(flag) = word(at).filter(|word| word.starts_with('-')) {
        at += 1;
        if flag == "--" {
            break;
        }
        if flag == "-S" && name == "env" {
            return None;
        }
        if name == "timeout" && flag == "-t" {
            // busybox before 1.30
            bound = Some(duration::operand(word(at)?).ok()?);
        }
        if takes_value.contains(&flag) {
            at += 1;
        }
    }
    match name {
        "timeout" if bound.is_none() => {
            let time = duration::operand(word(at)?).ok()?;
            bound = (time > 0).then_some(time);
            at += 1;
        }
        "su-exec" | "gosu" => at += 1,
        "env" => {
            while word(at).is_some_and(|word| word.contains('=')) {
                at += 1;
            }
        }
        _ => {}
    }
    let words = arguments.get(at..).filter(|words| !words.is_empty())?.to_vec();
    if name == "xargs" {
        // What it is given on top of its words is not known.
        let words: Vec<_> = words.into_iter().chain([None]).collect();
        return Some(Does::Runs { words, bound: None, only: false });
    }
    if matches!(name, "env" | "nice" | "busybox" | "toybox")
        && words.first().is_some_and(|w| w.as_deref().is_some_and(|w| cannot_run(&[w]).is_some()))
    {
        return Some(Does::CannotRun("there is no such program"));
    }
    Some(Does::Runs { words, bound, only: matches!(name, "busybox" | "toybox") })
}

/// `sh -c LINE NAME PARAMETERS`
fn shell(name: &str, arguments: &[Option<String>]) -> Does {
    let unknown = Does::Unknown { bound: None, may_be: None, asks: false };
    let name = ["ash", "bash", "dash", "ksh", "mksh", "zsh"].into_iter().find(|n| *n == name).unwrap_or("sh");
    let (mut at, mut command, mut errexit, mut nounset) = (0, false, false, false);
    while let Some(Some(flag)) = arguments.get(at).filter(|flag| {
        flag.as_deref().is_some_and(|flag| flag.len() > 1 && (flag.starts_with('-') || flag.starts_with('+')))
    }) {
        at += 1;
        if flag == "--" {
            break;
        }
        if let Some(letters) = flag.strip_prefix('-').filter(|letters| !letters.starts_with('-')) {
            command |= letters.contains('c');
            errexit |= letters.contains('e');
            nounset |= letters.contains('u');
        }
        if flag.ends_with(['o', 'O']) && !flag.starts_with("--") {
            errexit |= arguments.get(at).is_some_and(|option| option.as_deref() == Some("errexit"));
            at += 1;
        }
    }
    if !command {
        return unknown;
    }
    let rest: Option<Vec<String>> = arguments.get(at..).unwrap_or_default().iter().cloned().collect();
    let Some(mut rest) = rest else { return unknown };
    if rest.is_empty() {
        return Does::CannotRun("its shell has no line to run");
    }
    let line = rest.remove(0);
    Does::Shell(Line { name, line, positional: rest, errexit, nounset })
}

/// The bound that a program is given by a flag of its own: `-t 30`, `--timeout=30s`, curl's `-m 30`.
fn bound_of(name: &str, words: &[&str]) -> Option<u64> {
    let bounds = |flag: &str| {
        let long = flag.trim_start_matches('-');
        flag == "-t"
            || (name == "curl" && flag == "-m")
            || (flag.starts_with('-')
                && (long.ends_with("timeout") || matches!(long, "max-time" | "time-limit" | "max-wait"))
                && !long.contains("connect"))
    };
    words.iter().enumerate().find_map(|(at, word)| match word.split_once('=') {
        Some((flag, value)) => bounds(flag).then(|| duration::bound(value))?,
        None => bounds(word).then(|| duration::bound(words.get(at + 1)?))?,
    })
}

/// Seconds of a `sleep N` among the words of a program that nobody knows.
fn may_be(words: &[&str]) -> Option<u64> {
    let (mut after_sleep, mut found) = (false, None);
    for word in words {
        let number =
            |text: &str| duration::bound(text).map(|time| time.div_ceil(SECOND)).filter(|s| *s < FOREVER / SECOND);
        if after_sleep {
            found = found.or_else(|| number(word));
        }
        let flag = word.trim_start_matches('-');
        if let Some((name, value)) = flag.split_once('=')
            && name.ends_with("sleep")
        {
            found = found.or_else(|| number(value));
        }
        after_sleep = flag.ends_with("sleep");
    }
    found
}
