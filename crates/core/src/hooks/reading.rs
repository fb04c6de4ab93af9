//! What a reader says of a hook: how long it runs, what it does to its container, and which words say so.

use std::fmt;

/// How long something runs, in whole seconds, rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// So long.
    Exact(u64),
    /// So long, and more that cannot be read.
    AtLeast(u64),
    /// Between two bounds: its words set a limit, not a length.
    Between(u64, u64),
    /// It never ends.
    NoEnd,
    /// Nothing is known.
    Unknown,
}

impl Length {
    /// The same after a wait of so many seconds; what is not known takes at least that. `None` beyond any number.
    pub fn later(self, by: u64) -> Option<Length> {
        Some(match self {
            Length::Exact(seconds) => Length::Exact(seconds.checked_add(by)?),
            Length::AtLeast(seconds) => Length::AtLeast(seconds.checked_add(by)?),
            Length::Between(least, most) => Length::Between(least.checked_add(by)?, most.checked_add(by)?),
            Length::Unknown => Length::AtLeast(by),
            Length::NoEnd => Length::NoEnd,
        })
    }

    /// What it takes at the least, in seconds; `None` where it never ends.
    pub fn least(self) -> Option<u64> {
        match self {
            Length::Exact(least) | Length::AtLeast(least) | Length::Between(least, _) => Some(least),
            Length::Unknown => Some(0),
            Length::NoEnd => None,
        }
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Length::Exact(seconds) => write!(f, "{seconds} s"),
            Length::AtLeast(seconds) => write!(f, "at least {seconds} s"),
            Length::Between(0, most) => write!(f, "at most {most} s"),
            Length::Between(least, most) => write!(f, "{least} to {most} s"),
            Length::NoEnd => f.write_str("no end"),
            Length::Unknown => f.write_str("unknown"),
        }
    }
}

/// How a hook tells its container to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StopKind {
    /// By a command or a signal of its own: what runs may finish.
    Graceful,
    /// By SIGTERM or SIGINT, or a command that ends at once: as without a hook.
    AsSigterm,
    /// By SIGKILL.
    Kill,
}

/// The moment at which a hook itself tells its container to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// What the hook waits until then.
    pub after: Length,
    /// Whether it is told in any case; otherwise it hangs on a condition that cannot be read.
    pub certain: bool,
    /// How it is told.
    pub kind: StopKind,
    /// The command, as it is written.
    pub words: String,
}

/// One part of what was read, in the order of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it does.
    pub what: StepKind,
    /// Its words in the hook.
    pub words: String,
}

/// What a part of a hook does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// It takes time.
    Waits(Length),
    /// It tells the container to stop.
    Stops,
}

/// What was read of a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// How long it runs; where it tells its container to stop in any case, until then: it ends with the process.
    pub length: Length,
    /// When it tells its container to stop.
    pub stop: Option<Stop>,
    /// T: the seconds that it gives the container to finish after that.
    pub finish: Option<u64>,
    /// Why it cannot run: SIGTERM comes at once.
    pub fails: Option<&'static str>,
    /// It does nothing but sleep, so the native `sleep` would do the same.
    pub only_sleep: bool,
    /// Somebody's controller writes it, and the table of those says how long it takes: nobody has to declare it.
    pub known: bool,
    /// A number of seconds among the words of a program that nobody knows: what it may take.
    pub may_be: Option<u64>,
    /// What gave what.
    pub steps: Vec<Step>,
}

impl Reading {
    /// What the hook does, part by part: "10 s of `sleep 10`, then `nginx -s quit` stops it, and 20 s to finish". `None`
    /// where it says no more than its length.
    pub fn story(&self) -> Option<String> {
        let mut parts = Vec::new();
        for step in &self.steps {
            let words = cut(&step.words);
            match step.what {
                StepKind::Stops => {
                    parts.push(format!("{}`{words}` stops it", if parts.is_empty() { "" } else { "then " }));
                    break;
                }
                StepKind::Waits(Length::Unknown) => parts.push(format!("`{words}`, of unknown length")),
                StepKind::Waits(length) => parts.push(format!("{length} of `{words}`")),
            }
        }
        if let (Some(stop), false) = (&self.stop, self.steps.iter().any(|step| step.what == StepKind::Stops)) {
            parts.push(format!("`{}` stops it", cut(&stop.words)));
        }
        if let (Some(seconds), Some(_)) = (self.finish, &self.stop) {
            parts.push(format!("and {seconds} s to finish"));
        }
        (parts.len() > 1 || self.stop.is_some()).then(|| parts.join(", "))
    }
}

/// The most characters of a hook's words that are told.
const MOST_TOLD: usize = 60;

fn cut(words: &str) -> String {
    let line: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match line.char_indices().nth(MOST_TOLD) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
        None => line,
    }
}

/// What a container's own `env` says of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variable<'e> {
    /// Its value, as written.
    Literal(&'e str),
    /// Not among them.
    Unset,
    /// It comes from somewhere else.
    Unknown,
}
