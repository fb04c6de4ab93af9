//! Durations as programs take them.

use super::span::{FOREVER, SECOND};

/// The operand of `sleep` and `timeout`: digits, a fraction, one of the suffixes s, m, h and d.
///
/// # Errors
/// Whether it is plainly no duration (`abc`, `20sec`), so that `sleep` refuses it; else one of which shells and systems
/// think differently (`1e3`, `0x1F`).
pub(super) fn operand(text: &str) -> Result<u64, Refused> {
    if matches!(text.to_ascii_lowercase().as_str(), "inf" | "infinity") {
        return Ok(FOREVER);
    }
    let (number, unit) = match text.as_bytes().last() {
        Some(b's') => (&text[..text.len() - 1], 1),
        Some(b'm') => (&text[..text.len() - 1], 60),
        Some(b'h') => (&text[..text.len() - 1], 3_600),
        Some(b'd') => (&text[..text.len() - 1], 86_400),
        _ => (text, 1),
    };
    decimal(number, unit * u128::from(SECOND)).ok_or_else(|| {
        let plain = |c: char| c.is_ascii_hexdigit() || "+-.xXpP".contains(c);
        let exotic = number.starts_with(|c: char| c.is_ascii_digit() || c == '.' || c == '+')
            && number.contains(['e', 'E', 'x', 'X', '+'])
            && number.chars().all(plain)
            && !number.ends_with(['x', 'X', 'e', 'E', '+', '-']);
        if exotic { Refused::Perhaps } else { Refused::Surely }
    })
}

/// Why an operand is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Surely,
    Perhaps,
}

/// Digits with an optional fraction, times `unit`, in whole nanoseconds, rounded up.
pub(super) fn decimal(number: &str, unit: u128) -> Option<u64> {
    const PLACES: usize = 18;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    if whole.len() > PLACES {
        return Some(FOREVER);
    }
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let kept = fraction.get(..fraction.len().min(PLACES)).unwrap_or_default();
    let scale = 10u128.pow(PLACES as u32);
    let value = kept.bytes().chain(std::iter::repeat(b'0')).take(PLACES).fold(0, |n, b| n * 10 + u128::from(b - b'0'));
    let more = u128::from(fraction.bytes().skip(PLACES).any(|b| b != b'0'));
    let total = (whole * unit).checked_add((value * unit).div_ceil(scale).max(more))?;
    Some(u64::try_from(total).unwrap_or(FOREVER))
}

/// The value of a flag that bounds a program: a bare number of seconds, or with one of the units ms, s, m, min, h.
pub(super) fn bound(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let second = u128::from(SECOND);
    let unit = match unit {
        "" | "s" | "sec" => second,
        "ms" => second / 1_000,
        "m" | "min" => second * 60,
        "h" => second * 3_600,
        _ => return None,
    };
    decimal(number, unit)
}

#[cfg(test)]
mod tests {
    use super::{FOREVER, Refused, SECOND, bound, operand};

    #[test]
    fn what_sleep_takes() {
        for (text, seconds) in
            [("35", 35), ("0", 0), ("1.5m", 90), ("1h", 3_600), ("2d", 172_800), ("007", 7), ("10s", 10), ("1.0", 1)]
        {
            assert_eq!(operand(text), Ok(seconds * SECOND), "{text}");
        }
        assert_eq!(operand(".5"), Ok(SECOND / 2));
        assert_eq!(operand("0.00000000000000000001"), Ok(1));
        for text in ["inf", "Infinity", "99999999999999999999999999"] {
            assert_eq!(operand(text), Ok(FOREVER), "{text}");
        }
    }

    #[test]
    fn what_sleep_refuses() {
        for text in ["", ".", "s", ".s", "x.5", "5.x", "5ss", "abc", "20sec", "-1", "$DELAY", "5 "] {
            assert_eq!(operand(text), Err(Refused::Surely), "{text}");
        }
        for text in ["1e3", "0x1F", "+5"] {
            assert_eq!(operand(text), Err(Refused::Perhaps), "{text}");
        }
    }

    #[test]
    fn what_bounds_a_program() {
        assert_eq!(bound("30"), Some(30 * SECOND));
        assert_eq!(bound("1500ms"), Some(SECOND * 3 / 2));
        assert_eq!(bound("2m"), Some(120 * SECOND));
        assert_eq!(bound("now"), None);
    }
}
