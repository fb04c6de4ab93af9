//! The same command with a longer wait: what else it does stays as it is.
//!
//! A change of one number, or a wait before the line, is tried and read again; it counts only where nothing but the time
//! has changed.

use std::ops::Range;

use super::read_command;
use super::reading::{Length, Reading, Stop, Variable};

/// The most bytes of a command that is looked at.
const MOST_BYTES: usize = 4 << 10;
/// The most numbers that are tried.
const MOST_NUMBERS: usize = 16;

/// A command whose wait is longer.
#[derive(Debug)]
pub struct Lengthened {
    /// Which of its words is another.
    pub word: usize,
    /// That word.
    pub text: String,
    /// What is read of it now.
    pub reading: Reading,
}

/// The command with a wait that is so many seconds longer, before anything in it stops the container.
pub fn lengthened<'e>(command: &[&str], by: u64, variable: &dyn Fn(&str) -> Variable<'e>) -> Option<Lengthened> {
    if by == 0 || command.iter().map(|word| word.len()).sum::<usize>() > MOST_BYTES {
        return None;
    }
    let old = read_command(command, variable);
    if old.fails.is_some() || old.length == Length::NoEnd {
        return None;
    }
    let attempt = |word: usize, text: String| {
        let mut changed = command.to_vec();
        *changed.get_mut(word)? = &text;
        let reading = read_command(&changed, variable);
        is_later(&old, &reading, by).then_some(Lengthened { word, text, reading })
    };
    let words = || command.iter().enumerate().skip(1);
    let numbers = words().flat_map(|(at, word)| numbers(word).into_iter().map(move |range| (at, *word, range)));
    let longer = |(at, word, range): (usize, &str, Range<usize>)| {
        let number = plus(word.get(range.clone())?, by)?;
        attempt(at, [word.get(..range.start)?, &number, word.get(range.end..)?].concat())
    };
    let before = |(at, word): (usize, &&str)| {
        let line = word.trim_start();
        let blanks = word.get(..word.len() - line.len())?;
        attempt(at, format!("{blanks}sleep {by} && {line}"))
            .or_else(|| attempt(at, format!("{blanks}sleep {by}; {line}")))
    };
    numbers.take(MOST_NUMBERS).find_map(longer).or_else(|| words().find_map(before))
}

/// Whether a reading is another one that begins so many seconds later.
fn is_later(old: &Reading, new: &Reading, by: u64) -> bool {
    let Some(length) = old.length.later(by) else { return false };
    let stop = match &old.stop {
        None => None,
        Some(stop) => match stop.after.later(by) {
            Some(after) => Some(Stop { after, ..stop.clone() }),
            None => return false,
        },
    };
    let wanted = Reading { length, stop, steps: new.steps.clone(), ..old.clone() };
    *new == wanted
}

/// Numbers that stand as words of their own, perhaps with a unit.
fn numbers(word: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = word.get(at..).and_then(|rest| rest.find(|c: char| c.is_ascii_digit())).map(|n| at + n) {
        let rest = word.get(start..).unwrap_or_default();
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
        let unit = usize::from(rest.get(digits..).is_some_and(|rest| rest.starts_with(['s', 'm', 'h', 'd'])));
        let end = start + digits + unit;
        let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || "_-./:%@".contains(c));
        let (before, after) = (word.get(..start).unwrap_or_default(), word.get(end..).unwrap_or_default());
        if !is_part(before.chars().next_back()) && !is_part(after.chars().next()) {
            found.push(start..end);
        }
        at = end;
    }
    found
}

/// A duration as `sleep` takes it, so many seconds longer.
fn plus(number: &str, by: u64) -> Option<String> {
    let digits = number.trim_end_matches(['s', 'm', 'h', 'd']);
    let unit = match number.get(digits.len()..)? {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => 86_400,
    };
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(whole, fraction)| (whole, Some(fraction)));
    let whole: u64 = whole.parse().ok()?;
    let seconds = whole.checked_mul(unit)?.checked_add(by)?;
    match fraction {
        Some(fraction) if unit == 1 => Some(format!("{seconds}.{fraction}{}", number.get(digits.len()..)?)),
        Some(_) => None,
        None if number.ends_with('s') => Some(format!("{seconds}s")),
        None => Some(seconds.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Variable, lengthened};

    fn line(text: &str, by: u64) -> Option<String> {
        lengthened(&["/bin/sh", "-c", text], by, &|name| match name {
            "DELAY" => Variable::Literal("5"),
            _ => Variable::Unset,
        })
        .map(|longer| longer.text)
    }

    #[test]
    fn what_else_a_line_does_stays() {
        for (text, by, wanted) in [
            ("sleep 5 && vault token revoke", 5, "sleep 10 && vault token revoke"),
            ("/bin/sleep 5; nginx -s quit; sleep 20", 5, "/bin/sleep 10; nginx -s quit; sleep 20"),
            ("nginx -s quit; sleep 20", 10, "sleep 10 && nginx -s quit; sleep 20"),
            ("nginx -s quit", 10, "sleep 10 && nginx -s quit"),
            ("sleep 0.5; drain", 10, "sleep 10.5; drain"),
            ("sleep 5s # wait\ndrain", 5, "sleep 10s # wait\ndrain"),
            ("sleep 1m; drain", 5, "sleep 65; drain"),
            ("for i in 1 2 3; do sleep 5; done; drain", 15, "sleep 15 && for i in 1 2 3; do sleep 5; done; drain"),
            ("sleep $DELAY; drain", 5, "sleep 5 && sleep $DELAY; drain"),
            ("kill -15 1", 10, "sleep 10 && kill -15 1"),
            ("echo 5; sleep 5; drain", 5, "echo 5; sleep 10; drain"),
            ("\n  kill 1\n", 10, "\n  sleep 10 && kill 1\n"),
            ("drain & nginx -s quit", 10, "sleep 10; drain & nginx -s quit"),
            ("python3 -c 'import time; time.sleep(5)'; drain", 5, "python3 -c 'import time; time.sleep(10)'; drain"),
        ] {
            assert_eq!(line(text, by).as_deref(), Some(wanted), "{text}");
        }
    }

    #[test]
    fn what_is_not_understood_stays() {
        for text in ["sleep infinity", "sleep 5 < <(drain)", "drain)"] {
            assert_eq!(line(text, 5), None, "{text}");
        }
        assert_eq!(line("sleep 5", 0), None);
        let none = |_: &str| Variable::Unset;
        assert!(lengthened(&["nginx", "-s", "quit"], 10, &none).is_none());
        assert!(lengthened(&["/app/drain", "5"], 10, &none).is_none());
        assert_eq!(lengthened(&["sleep", "5"], 5, &none).unwrap().text, "10");
        assert!(lengthened(&["sh", "-c", &format!("sleep 5; {}", "x".repeat(5_000))], 5, &none).is_none());
    }
}
