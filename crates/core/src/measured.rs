//! What `draingate calibrate` writes on a policy about its E: when that was measured, and on how many pods.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::keys;

/// A measure that is older is said to be old.
pub const OLD_DAYS: i64 = 180;

/// The annotation [`keys::MEASURED`], as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    /// The E that was suggested. Where the policy says another one by now, the annotation says nothing of it.
    pub endpoint_propagation_seconds: u64,
    /// When.
    pub date: Day,
    /// How many replaced pods.
    pub samples: u64,
    /// In how many rollouts.
    pub rounds: u64,
    /// Which way in.
    pub via: String,
    /// The largest that was seen, in milliseconds.
    pub largest_milliseconds: u64,
    /// Whether the way in sends nothing to pods that are terminating and still serve, when there is no other.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gives_up: bool,
}

impl Measured {
    /// What a policy's annotations say; what cannot be read is absent.
    pub fn of_annotations(annotations: Option<&Value>) -> Option<Measured> {
        serde_json::from_str(annotations?.get(keys::MEASURED)?.as_str()?).ok()
    }

    /// Its age in days, where it is old.
    pub fn old(&self, today: Option<Day>) -> Option<i64> {
        let days = today?.0.checked_sub(self.date.0)?;
        (days > OLD_DAYS).then_some(days)
    }
}

/// A day of the proleptic Gregorian calendar, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day(i64);

impl Day {
    /// The day of a moment, in seconds since 1970.
    pub fn of_seconds(seconds: i64) -> Day {
        Day(seconds.div_euclid(86_400))
    }

    fn of_date(year: i64, month: i64, day: i64) -> Day {
        // March is the first month: the leap day ends the year.
        let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let of_year = (153 * month + 2) / 5 + day - 1;
        Day(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
    }

    fn date(self) -> (i64, i64, i64) {
        let days = self.0.saturating_add(719_468);
        let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
        (year + era * 400 + later, month, day)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl From<Day> for String {
    fn from(day: Day) -> String {
        day.to_string()
    }
}

impl TryFrom<String> for Day {
    type Error = String;
    fn try_from(text: String) -> Result<Day, String> {
        let mut parts = text.splitn(3, '-');
        let mut number = |digits: usize| {
            let part = parts.next()?;
            (part.len() == digits && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse::<i64>().ok())?
        };
        let day = match (number(4), number(2), number(2)) {
            (Some(year), Some(month), Some(day)) => Some(Day::of_date(year, month, day)),
            _ => None,
        };
        // What is no day, such as a 31st of February, comes back as another.
        day.filter(|day| day.to_string() == text).ok_or_else(|| format!("{text:?} is no date such as 2026-01-31"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, date) in
            [(0, "1970-01-01"), (951_782_400, "2000-02-29"), (1_772_323_199, "2026-02-28"), (-86_400, "1969-12-31")]
        {
            let day = Day::of_seconds(seconds);
            assert_eq!(day.to_string(), date);
            assert_eq!(Day::try_from(date.to_owned()), Ok(day));
        }
        for bad in ["2026-02-29", "2026-13-01", "2026-1-1", "", "today", "2026-01-01T00:00", "+026-01-01"] {
            assert!(Day::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_measure_is_old_after_half_a_year() {
        let text = json!({"endpointPropagationSeconds": 13, "date": "2026-01-01", "samples": 30, "rounds": 10,
            "via": "cluster-ip", "largestMilliseconds": 10030});
        let annotations = json!({keys::MEASURED: text.to_string()});
        let measured = Measured::of_annotations(Some(&annotations)).unwrap();
        let on = |date: &str| measured.old(Some(Day::try_from(date.to_owned()).unwrap()));
        assert_eq!((on("2026-06-30"), on("2026-07-01"), on("2025-01-01")), (None, Some(181), None));
        assert_eq!(measured.old(None), None);
        assert_eq!(Measured::of_annotations(Some(&json!({keys::MEASURED: "{}"}))), None);
        assert_eq!(Measured::of_annotations(None), None);
    }
}
