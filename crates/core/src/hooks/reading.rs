//! What a reader says of a hook: how long it runs, what it does to its container, and which words say so.

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

/// The moment at which a hook itself tells its container to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// What the hook waits until then.
    pub after: Length,
    /// Whether it is told in any case; otherwise it hangs on a condition that cannot be read.
    pub certain: bool,
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
    /// A number of seconds among the words of a program that nobody knows: what it may take.
    pub may_be: Option<u64>,
    /// What gave what.
    pub steps: Vec<Step>,
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
