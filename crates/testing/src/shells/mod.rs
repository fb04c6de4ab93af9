//! Lines of shell run by real shells, against what a reader says of them.
//!
//! A grammar writes hooks ([`lines`]), a root of stubs in namespaces of its own runs them ([`room`]), and the records of
//! the stubs are compared with the reading ([`judge`]).

mod dice;
pub mod judge;
pub mod lines;
pub mod room;

use std::collections::BTreeMap;
use std::fmt;

use draingate_core::hooks::{Reading, read_command};

use judge::{Truth, is_exact, mistakes};
use lines::{Construct, Duty, Hook, Shell};
use room::{Room, Run};

/// What the reader says of a hook.
pub fn reading(hook: &Hook) -> Reading {
    let words: Vec<&str> = hook.command.iter().map(String::as_str).collect();
    read_command(&words, &|name| hook.variable(name))
}

/// A hook of which the reader says what is not so.
#[derive(Debug)]
pub struct Disagreement {
    hook: Hook,
    shell: Shell,
    run: Run,
    reading: Reading,
    what: Vec<String>,
    seed: u64,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Disagreement { hook, shell, run, reading, what, seed } = self;
        writeln!(f, "{} (seed {seed}, {})", what.join("; "), shell.name())?;
        writeln!(f, "  command: {:?}", hook.command)?;
        let line = hook.command.last().map(String::as_str).unwrap_or_default();
        for (name, said, value) in hook.env.iter().filter(|(name, ..)| line.contains(name)) {
            writeln!(f, "  env: {name} is {said:?}, and {value}")?;
        }
        writeln!(f, "  world: {:?}", hook.world)?;
        let (first, more) = run.record.split_at(run.record.len().min(12));
        writeln!(f, "  record: {first:?}{}, status {:?}", if more.is_empty() { "" } else { " ..." }, run.status)?;
        write!(f, "  reading: {reading:?}")
    }
}

/// How many hooks with a construct were there, and how many of them were read exactly.
#[derive(Clone, Copy, Debug, Default)]
pub struct Share {
    pub hooks: u64,
    pub exact: u64,
}

/// What came of many hooks.
#[derive(Debug, Default)]
pub struct Outcome {
    pub hooks: u64,
    pub runs: u64,
    /// Where the reader is mistaken: how often, and the first of them.
    pub mistaken: u64,
    pub disagreements: Vec<Disagreement>,
    pub shares: BTreeMap<Construct, Share>,
    /// Of each construct that has to be read, some hooks that were not.
    pub missed: BTreeMap<Construct, Vec<String>>,
}

/// Where a reading is not so: the shell, what it did, and what of the reading.
type Found = (Shell, Run, Vec<String>);

/// The shells' rooms, and what came of them so far.
#[derive(Debug)]
pub struct House {
    rooms: BTreeMap<Shell, Room>,
    outcome: Outcome,
}

/// Examples of each construct; disagreements that are kept, and those that are made small: each takes many runs.
const EXAMPLES: usize = 4;
const KEPT: usize = 100;
const SMALL: usize = 12;
const TRIES: usize = 300;

impl House {
    /// A room for each shell.
    pub fn new(shells: &[Shell]) -> House {
        House { rooms: shells.iter().map(|shell| (*shell, Room::new(*shell))).collect(), outcome: Outcome::default() }
    }

    /// Runs a hook in the shells that know it, and says where the reader is mistaken first.
    fn disagreement(&mut self, hook: &Hook) -> (Option<Found>, Vec<Truth>) {
        let reading = reading(hook);
        let mut truths = Vec::new();
        for shell in &hook.shells {
            let Some(room) = self.rooms.get_mut(shell) else { continue };
            let run = room.run(hook);
            self.outcome.runs += 1;
            // It would have ended, but not within the budget.
            let endless = [Construct::WhileTrue, Construct::ConditionLoop, Construct::TimeoutShell];
            if run.record.iter().any(|entry| entry == "bound") && hook.constructs.is_disjoint(&endless.into()) {
                continue;
            }
            let truth = Truth::of(&run);
            let what = mistakes(hook, &reading, &truth);
            truths.push(truth);
            if !what.is_empty() {
                return (Some((*shell, run, what)), truths);
            }
        }
        (None, truths)
    }

    /// Runs the hook of a seed, and makes it smaller where the reader is mistaken.
    pub fn try_seed(&mut self, seed: u64) {
        let (hook, throws) = Hook::random(seed);
        self.outcome.hooks += 1;
        let (found, truths) = self.disagreement(&hook);
        let reading_of = reading(&hook);
        let duty = if hook.at_most(Duty::Must) {
            Duty::Must
        } else if hook.at_most(Duty::May) {
            Duty::May
        } else {
            Duty::Cannot
        };
        // A mistake has failed already; what is left is what was read, and what was left open.
        let counts = found.is_none() && !truths.is_empty();
        let exact = truths.iter().all(|truth| is_exact(&hook, &reading_of, truth));
        for construct in hook.constructs.iter().filter(|construct| counts && construct.duty() == duty) {
            let share = self.outcome.shares.entry(*construct).or_default();
            share.hooks += 1;
            share.exact += u64::from(exact);
            let missed = self.outcome.missed.entry(*construct).or_default();
            if !exact && missed.len() < EXAMPLES {
                missed.push(format!("{:?}: {reading_of:?}", hook.command));
            }
        }
        let Some((mut shell, mut run, mut what)) = found else { return };
        self.outcome.mistaken += 1;
        if self.outcome.disagreements.len() >= KEPT {
            return;
        }
        let mut smallest = hook;
        if self.outcome.disagreements.len() < SMALL {
            dice::shrink(throws, TRIES, &mut |throws| {
                let hook = Hook::again(throws);
                let (found, _) = self.disagreement(&hook);
                let Some((in_shell, of, is)) = found.filter(|(_, _, is)| is[0] == what[0]) else { return false };
                (smallest, shell, run, what) = (hook, in_shell, of, is);
                true
            });
        }
        let reading = reading(&smallest);
        self.outcome.disagreements.push(Disagreement { hook: smallest, shell, run, reading, what, seed });
    }

    /// What came of it all.
    pub fn outcome(self) -> Outcome {
        self.outcome
    }
}

impl Outcome {
    /// Both.
    #[must_use]
    pub fn with(mut self, other: Outcome) -> Outcome {
        self.hooks += other.hooks;
        self.runs += other.runs;
        self.mistaken += other.mistaken;
        self.disagreements.extend(other.disagreements);
        for (construct, share) in other.shares {
            let sum = self.shares.entry(construct).or_default();
            sum.hooks += share.hooks;
            sum.exact += share.exact;
        }
        for (construct, examples) in other.missed {
            self.missed.entry(construct).or_default().extend(examples);
        }
        self
    }
}
