//! What a run was, and whether a reading agrees with it. Where they differ, the shells are right.

use draingate_core::MAX_SECONDS;
use draingate_core::hooks::{Length, Reading};

use super::lines::{Construct, Duty, Hook};
use super::room::Run;

/// A moment, in thousandths of a second.
type Moment = u128;

/// What came of a run, in a time that only the stubs' records take.
#[derive(Clone, Debug, PartialEq)]
pub struct Truth {
    /// When it ended; `None`, if it never does.
    pub end: Option<Moment>,
    /// When it first told the app to stop.
    pub stop: Option<Moment>,
    /// What it slept from then on, up to a kill; `None`, if that never ends.
    pub finish: Option<Moment>,
    /// What was slept after the stop until the budget ended the run.
    pub until_cut: Option<Moment>,
    /// It ended in a failure.
    pub failed: bool,
    /// It did something else than to wait.
    pub busy: bool,
}

/// `5`, `1.5m`, in thousandths; `None` for one without an end.
fn thousandths(operand: &str) -> Option<Moment> {
    if operand.starts_with("inf") {
        return None;
    }
    let (number, unit) = match operand.as_bytes().last() {
        Some(b'm') => (&operand[..operand.len() - 1], 60),
        Some(b'h') => (&operand[..operand.len() - 1], 3_600),
        Some(b'd') => (&operand[..operand.len() - 1], 86_400),
        Some(b's') => (&operand[..operand.len() - 1], 1),
        _ => (operand, 1),
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let whole: Moment = if whole.is_empty() { 0 } else { whole.parse().unwrap() };
    let part: Moment = format!("{part:0<3}")[..3].parse().unwrap();
    Some((whole * 1_000 + part) * unit)
}

/// What a command does to the app.
#[derive(Clone, Copy, PartialEq)]
enum Effect {
    None,
    Stops,
    Kills,
}

fn effect(words: &[&str]) -> Effect {
    let has = |wanted: &str| words.contains(&wanted);
    let stops = |yes: bool| if yes { Effect::Stops } else { Effect::None };
    match words.first().copied().unwrap_or_default() {
        "kill" | "pkill" | "killall" => {
            let mut signal = "TERM";
            let mut target = None;
            let mut rest = words[1..].iter();
            while let Some(word) = rest.next() {
                match word.strip_prefix('-') {
                    Some("s") => signal = rest.next().copied().unwrap_or_default(),
                    Some(name) => signal = name,
                    None => target = Some(word),
                }
            }
            match signal.strip_prefix("SIG").unwrap_or(signal) {
                _ if target.is_none() => Effect::None,
                "KILL" | "9" => Effect::Kills,
                "TERM" | "15" | "QUIT" | "3" | "INT" | "2" => Effect::Stops,
                _ => Effect::None,
            }
        }
        "nginx" => stops(words.windows(2).any(|pair| pair == ["-s", "quit"] || pair == ["-s", "stop"])),
        "apachectl" => stops(has("graceful-stop")),
        "consul" => stops(has("leave")),
        "nodetool" => stops(has("drain")),
        "rabbitmqctl" => stops(has("stop_app")),
        "catalina.sh" => stops(has("stop")),
        "kong" => stops(has("quit")),
        "wait-shutdown" => Effect::Stops,
        "curl" | "wget" => stops(words.iter().any(|word| word.ends_with("quitquitquit"))),
        _ => Effect::None,
    }
}

impl Truth {
    /// Of a run.
    pub fn of(run: &Run) -> Truth {
        let (mut now, mut slept): (Moment, Moment) = (0, 0);
        let (mut stop, mut killed, mut busy, mut endless) = (None, None, false, run.status.is_none());
        for entry in &run.record {
            let words: Vec<&str> = entry.split(' ').collect();
            match words[0] {
                "sleep" => match words[1..].iter().map(|word| thousandths(word)).sum::<Option<Moment>>() {
                    Some(takes) => {
                        now += takes;
                        if stop.is_some() && killed.is_none() {
                            slept += takes;
                        }
                    }
                    None => endless = true,
                },
                "took" => {
                    now += thousandths(words[1]).unwrap();
                    busy = true;
                }
                "forever" | "bound" => endless = true,
                _ => {
                    busy = true;
                    let effect = effect(&words[1..]);
                    if effect != Effect::None {
                        stop = stop.or(Some(now));
                    }
                    if effect == Effect::Kills {
                        killed = killed.or(Some(now));
                    }
                }
            }
            if endless {
                break;
            }
        }
        let end = (!endless).then_some(now);
        let finish = (stop.is_some() && killed.or(end).is_some()).then_some(slept);
        let cut = run.record.last().is_some_and(|entry| entry == "bound");
        Truth {
            end,
            stop,
            finish,
            until_cut: cut.then_some(slept),
            failed: run.status.is_some_and(|status| status != 0),
            busy,
        }
    }

    /// When the hook is over, where it tells the app to stop in any case: it ends with the process.
    fn length(&self, certain: bool) -> Option<Moment> {
        if certain { self.stop.or(self.end) } else { self.end }
    }
}

fn seconds(moment: Moment) -> u64 {
    u64::try_from(moment.div_ceil(1_000)).unwrap()
}

/// Whether something that lasts `moment`, or for ever, is what the reader calls `length`.
fn agrees(length: Length, moment: Option<Moment>) -> bool {
    match (length, moment.map(seconds)) {
        (Length::Exact(n), Some(real)) => n == real,
        (Length::AtLeast(n), Some(real)) => n <= real,
        (Length::Between(low, high), Some(real)) => low <= real && real <= high,
        (Length::NoEnd, Some(real)) => real > MAX_SECONDS,
        (Length::Exact(_) | Length::Between(..), None) => false,
        (Length::Unknown, _) | (Length::AtLeast(_) | Length::NoEnd, None) => true,
    }
}

/// What of a reading is not so.
pub fn mistakes(hook: &Hook, reading: &Reading, truth: &Truth) -> Vec<String> {
    let mut found = Vec::new();
    let mut says = |wrong: bool, what: &str| {
        if wrong {
            found.push(what.to_owned());
        }
    };
    let certain = reading.stop.as_ref().is_some_and(|stop| stop.certain);
    says(!agrees(reading.length, truth.length(certain)), "length");
    match &reading.stop {
        // Some shells run what stands before the error.
        None if hook.constructs.contains(&Construct::Malformed) && reading.length == Length::Unknown => {}
        None => says(truth.stop.is_some(), "a stop that is not read"),
        Some(stop) if stop.certain => {
            // Behind what may last for ever, it still is the next thing to come.
            let open =
                matches!(stop.after, Length::AtLeast(_) | Length::Unknown | Length::NoEnd) && truth.end.is_none();
            says(truth.stop.is_none() && !open, "a stop that never comes");
            says(truth.stop.is_some() && !agrees(stop.after, truth.stop), "the moment of the stop");
        }
        Some(stop) => {
            let earliest = match stop.after {
                Length::Exact(n) | Length::AtLeast(n) | Length::Between(n, _) => n,
                Length::NoEnd | Length::Unknown => 0,
            };
            says(truth.stop.is_some_and(|real| seconds(real) < earliest), "a stop that comes earlier");
        }
    }
    if reading.fails.is_some() {
        says(!truth.failed || truth.end != Some(0) || truth.stop.is_some(), "it does not fail at once");
    }
    if let (Some(given), true) = (reading.finish, truth.stop.is_some()) {
        // What would run where a stop command failed is the author's word, too.
        let literal = certain && hook.at_most(Duty::May) && !hook.constructs.contains(&Construct::AndOr);
        match truth.finish.map(seconds) {
            Some(real) => says(given < real || (literal && given > real), "what is left to finish"),
            None => {
                let later = truth.until_cut.is_none_or(|slept| given < seconds(slept));
                says(later, "an end of what is left to finish");
            }
        }
    }
    says(reading.only_sleep && truth.busy, "it does more than to sleep");
    found
}

/// Whether all that the run shows was read.
pub fn is_exact(hook: &Hook, reading: &Reading, truth: &Truth) -> bool {
    if hook.constructs.contains(&Construct::FailsAtOnce) && truth.failed && truth.end == Some(0) && !truth.busy {
        return reading.fails.is_some() || reading.length == Length::Exact(0);
    }
    let exact = |length: Length| matches!(length, Length::Exact(_) | Length::NoEnd);
    match &reading.stop {
        Some(stop) if stop.certain => {
            exact(stop.after) && (truth.finish.is_none_or(|left| left == 0) || reading.finish.is_some())
        }
        Some(_) => false,
        None => exact(reading.length) || reading.fails.is_some(),
    }
}
