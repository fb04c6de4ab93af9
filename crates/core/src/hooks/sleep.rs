//! A command that is plainly a sleep, by itself or as the line of a shell.

use crate::MAX_SECONDS;

/// What an exec hook's command says about its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecSleep {
    /// Whole seconds, fractions rounded up; `None` for one beyond [`MAX_SECONDS`] or without an end.
    pub seconds: Option<u64>,
    /// The command does nothing but sleep, so the native `sleep` would do the same.
    pub only: bool,
}

/// Reads `sleep N`, directly or as the line of a shell; `None` when the command is anything else.
///
/// `sleep N && other` and `sleep N; other` last at least N and count as N.
pub(super) fn read(command: &[&str]) -> Option<ExecSleep> {
    match command {
        [program, duration] if is_sleep(program) => Some(ExecSleep { seconds: parse_duration(duration)?, only: true }),
        [program, flags @ .., line] if is_shell(program) => {
            let (last, others) = flags.split_last()?;
            let plain = others.iter().all(|flag| flag.starts_with('-'));
            (plain && is_command_flag(last)).then(|| read_line(line))?
        }
        _ => None,
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn is_sleep(program: &str) -> bool {
    file_name(program) == "sleep"
}

fn is_shell(program: &str) -> bool {
    matches!(file_name(program), "sh" | "ash" | "bash" | "dash" | "ksh" | "mksh" | "zsh")
}

/// `-c`, also joined with others, as in `-ec`.
fn is_command_flag(flag: &str) -> bool {
    flag.strip_prefix('-')
        .and_then(|letters| letters.strip_suffix('c'))
        .is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_lowercase()))
}

/// A line of shell whose first command is a sleep.
fn read_line(line: &str) -> Option<ExecSleep> {
    let line = line.trim();
    let end = line.find([' ', '\t'])?;
    let (program, rest) = line.split_at(end);
    if !is_sleep(program) {
        return None;
    }
    let rest = rest.trim_start_matches([' ', '\t']);
    let end = rest.find([' ', '\t', ';', '&', '\n']).unwrap_or(rest.len());
    let (duration, rest) = rest.split_at(end);
    let seconds = parse_duration(duration)?;
    let rest = rest.trim_start_matches([' ', '\t']);
    if rest.trim_matches([';', ' ', '\t', '\n']).is_empty() {
        return Some(ExecSleep { seconds, only: true });
    }
    (rest.starts_with("&&") || rest.starts_with(';') || rest.starts_with('\n'))
        .then_some(ExecSleep { seconds, only: false })
}

/// A duration as `sleep` takes it: digits, a fraction, one of the suffixes s, m, h and d.
///
/// The outer `None`: not a duration. The inner: too long to be believed, or `infinity`.
fn parse_duration(text: &str) -> Option<Option<u64>> {
    if matches!(text.to_ascii_lowercase().as_str(), "inf" | "infinity") {
        return Some(None);
    }
    let (number, unit) = match text.strip_suffix(['s', 'm', 'h', 'd']) {
        Some(number) => (number, text.bytes().last()),
        None => (text, None),
    };
    let unit: u128 = match unit {
        Some(b'm') => 60,
        Some(b'h') => 3_600,
        Some(b'd') => 86_400,
        _ => 1,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    if whole.len() > 7 {
        return Some(None);
    }
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let seconds = whole * unit + fraction_of(fraction, unit);
    Some(u64::try_from(seconds).ok().filter(|s| *s <= MAX_SECONDS))
}

/// `0.<digits>` units in whole seconds, rounded up.
fn fraction_of(digits: &str, unit: u128) -> u128 {
    const PLACES: usize = 18;
    let (kept, rest) = digits.split_at(digits.len().min(PLACES));
    let scale = 10u128.pow(PLACES as u32);
    let mut value = 0u128;
    for b in kept.bytes().chain(std::iter::repeat(b'0')).take(PLACES) {
        value = value * 10 + u128::from(b - b'0');
    }
    let more = u128::from(rest.bytes().any(|b| b != b'0'));
    (value * unit + more).div_ceil(scale)
}

#[cfg(test)]
mod tests {
    use super::{ExecSleep, read};

    fn seconds(command: &[&str]) -> Option<Option<u64>> {
        read(command).map(|sleep| sleep.seconds)
    }

    #[test]
    fn reads_what_is_plainly_a_sleep() {
        assert_eq!(seconds(&["sleep", "35"]), Some(Some(35)));
        assert_eq!(seconds(&["/bin/sleep", "1.2"]), Some(Some(2)));
        assert_eq!(seconds(&["sh", "-c", "sleep 10"]), Some(Some(10)));
        assert_eq!(seconds(&["/usr/bin/bash", "-ec", "  /bin/sleep 1.5m ; "]), Some(Some(90)));
        assert_eq!(seconds(&["sleep", "1h"]), Some(Some(3600)));
        assert_eq!(seconds(&["sleep", ".5"]), Some(Some(1)));
        assert_eq!(seconds(&["sleep", "0.00000000000000000001"]), Some(Some(1)));
        assert_eq!(seconds(&["sleep", "0"]), Some(Some(0)));
        assert_eq!(seconds(&["sleep", "1.0000000000000000000"]), Some(Some(1)));
        assert_eq!(seconds(&["sleep", "2592000"]), Some(Some(2_592_000)));
    }

    #[test]
    fn counts_at_least_the_first_sleep_of_a_line() {
        let line = |s: &str| read(&["/bin/sh", "-c", s]);
        let at_least_9 = Some(ExecSleep { seconds: Some(9), only: false });
        assert_eq!(line("sleep 9 && nginx -s quit"), at_least_9);
        assert_eq!(line("sleep 9&&nginx -s quit"), at_least_9);
        assert_eq!(line("sleep 9; nginx -s quit"), at_least_9);
        assert_eq!(line("sleep 9\nnginx -s quit"), at_least_9);
        assert_eq!(line("sleep 9;"), Some(ExecSleep { seconds: Some(9), only: true }));
    }

    #[test]
    fn has_no_length_for_anything_else() {
        for line in [
            "sleep $WAIT",
            "sleep 5 &",
            "sleep 5 | cat",
            "sleep 5 || x",
            "nginx -s quit",
            "sleep",
            "sleep -1",
            "sleeper 5",
            "",
            "sleep 5 6",
        ] {
            assert_eq!(read(&["sh", "-c", line]), None, "{line}");
        }
        assert_eq!(read(&["sleep"]), None);
        assert_eq!(read(&["sh", "script.sh", "sleep 5"]), None);
        assert_eq!(read(&["sleep", "1e3"]), None);
        for text in ["", ".", "s", ".s", "x.5", "5.x", "5ss"] {
            assert_eq!(read(&["sleep", text]), None, "{text}");
        }
        assert_eq!(read(&["echo", "5"]), None);
        assert_eq!(read(&["python", "-c", "sleep 5"]), None);
        assert_eq!(read(&["sleep", "5", "6"]), None);
        assert_eq!(read(&[]), None);
    }

    #[test]
    fn a_sleep_without_an_end_is_a_sleep_of_no_believable_length() {
        assert_eq!(seconds(&["sleep", "infinity"]), Some(None));
        assert_eq!(seconds(&["sh", "-c", "sleep inf"]), Some(None));
        assert_eq!(seconds(&["sleep", "2592001"]), Some(None));
        assert_eq!(seconds(&["sleep", "99999999999999999999999999"]), Some(None));
        assert_eq!(seconds(&["sleep", "31d"]), Some(None));
        assert_eq!(seconds(&["sleep", &"9".repeat(40)]), Some(None));
    }
}
