//! Settings of servers: where they stand, and the times that they say.

use std::borrow::Cow;

use crate::config_maps::File;
use crate::hooks::{Variable, duration};

use super::files::InFile;
use super::row::{Bare, Limit, Place, Sigterm, Switch};
use super::words::Words;

/// The variables in which Java virtual machines, and the scripts around them, are given their options.
pub(super) const JAVA_OPTIONS: [&str; 4] = ["JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "JAVA_OPTS", "JAVA_OPTS_APPEND"];

/// The settings of Traefik as variables, for the entry points of its documentation and its chart.
const ENTRY_POINTS: [&str; 4] = [
    "TRAEFIK_ENTRYPOINTS_WEB_TRANSPORT_LIFECYCLE_REQUESTACCEPTGRACETIMEOUT",
    "TRAEFIK_ENTRYPOINTS_WEBSECURE_TRANSPORT_LIFECYCLE_REQUESTACCEPTGRACETIMEOUT",
    "TRAEFIK_ENTRYPOINTS_WEB_TRANSPORT_LIFECYCLE_GRACETIMEOUT",
    "TRAEFIK_ENTRYPOINTS_WEBSECURE_TRANSPORT_LIFECYCLE_GRACETIMEOUT",
];

/// The most entry points of Traefik that are asked for one by one.
const MOST_ENTRY_POINTS: usize = 16;

/// What was read of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Read<'a, 'f> {
    Absent,
    /// It is set to what cannot be read.
    Unreadable,
    Value {
        seconds: u64,
        words: &'a str,
        in_file: Option<InFile<'f>>,
    },
}

/// Where settings of a container stand.
#[derive(Clone, Copy)]
pub(super) struct Places<'a, 'f> {
    pub words: Words<'a>,
    pub variable: &'a dyn Fn(&str) -> Variable<'a>,
    pub files: &'f [File<'f>],
}

impl<'a, 'f> Places<'a, 'f> {
    /// The first place that has the setting; of several entry points the smallest or the largest time.
    pub(super) fn read(&self, limit: &Limit, smallest: bool) -> Read<'a, 'f> {
        let found = limit.places.iter().find_map(|place| match place {
            Place::EntryPoint(config, key) => {
                self.entry_points_in_file(place, config, key, smallest).or_else(|| self.entry_points(key, smallest))
            }
            Place::Key(..) | Place::MapKey(..) => {
                let (value, file) = self.in_file(place)?;
                Some(Read::in_file(&value, limit.bare, file, place))
            }
            _ => self.value(place).map(|value| self.time(value, limit.bare, place.name())),
        });
        found.unwrap_or(Read::Absent)
    }

    /// What a switch says.
    pub(super) fn switch(&self, switch: &Switch) -> Sigterm {
        let value = switch.places.iter().find_map(|place| match place {
            Place::Key(..) => self.in_file(place).map(|(value, _)| Some(Cow::Owned(value))),
            _ => self.value(place).map(|value| self.literal(value).map(Cow::Borrowed)),
        });
        match value {
            None => switch.unset,
            Some(Some(value)) if switch.cuts.iter().any(|cuts| cuts.eq_ignore_ascii_case(&value)) => Sigterm::Cuts,
            Some(_) => Sigterm::Drains,
        }
    }

    /// A property of the virtual machine or of Spring.
    pub(super) fn property(&self, name: &str) -> Option<Variable<'a>> {
        let of = |word: &'a str, dash: &str| word.strip_prefix(dash)?.strip_prefix(name)?.strip_prefix('=');
        let argument = self.words.iter().find_map(|word| of(word, "-D").or_else(|| of(word, "--")));
        argument.map(Variable::Literal).or_else(|| {
            JAVA_OPTIONS.iter().find_map(|options| match (self.variable)(options) {
                Variable::Literal(options) => {
                    options.split_whitespace().find_map(|word| of(word, "-D")).map(Variable::Literal)
                }
                Variable::Unset | Variable::Unknown => None,
            })
        })
    }

    fn value(&self, place: &Place) -> Option<Variable<'a>> {
        match place {
            Place::Flag(name) => flag(self.words.iter(), name).map(Variable::Literal),
            Place::GoFlag(name) => go_flag(self.words.iter(), name).map(Variable::Literal),
            Place::Variable(name) => Some((self.variable)(name)).filter(|value| *value != Variable::Unset),
            Place::FlagIn(variable, name) => match (self.variable)(variable) {
                Variable::Literal(line) => flag(line.split_whitespace(), name).map(Variable::Literal),
                Variable::Unset => None,
                Variable::Unknown => Some(Variable::Unknown),
            },
            Place::Property(name) => self.property(name),
            Place::Assignment(name) => {
                let value = |word: &'a str| word.strip_prefix(name)?.strip_prefix('=');
                self.words.iter().find_map(value).map(Variable::Literal)
            }
            Place::EntryPoint(..) | Place::Key(..) | Place::MapKey(..) => None,
        }
    }

    /// A value as it is written; of a variable that Kubernetes puts in its place, that one's.
    pub(super) fn literal(&self, value: Variable<'a>) -> Option<&'a str> {
        let Variable::Literal(value) = value else { return None };
        match value.strip_prefix("$(").and_then(|rest| rest.strip_suffix(')')) {
            None => Some(value),
            Some(name) => match (self.variable)(name) {
                Variable::Literal(value) => Some(value),
                Variable::Unset | Variable::Unknown => None,
            },
        }
    }

    fn time(&self, value: Variable<'a>, bare: Bare, words: &'a str) -> Read<'a, 'f> {
        match self.literal(value).and_then(|value| seconds(value, bare)) {
            Some(seconds) => Read::Value { seconds, words, in_file: None },
            None => Read::Unreadable,
        }
    }

    fn entry_points(&self, key: &str, smallest: bool) -> Option<Read<'a, 'f>> {
        let of = |word: &'a str| {
            let (flag, value) = word.split_once('=')?;
            let rest = strip_prefix(flag.trim_start_matches('-'), "entrypoints.")?;
            let (name, rest) = rest.split_once('.')?;
            Some((name, rest, flag, value))
        };
        let setting =
            |rest: &str| strip_prefix(rest, "transport.lifecycle.").is_some_and(|k| k.eq_ignore_ascii_case(key));
        let mut found: Option<Read<'a, 'f>> = None;
        let mut take = |read: Read<'a, 'f>| {
            found = Some(match (found.take(), read) {
                (None, read) => read,
                (Some(Read::Value { seconds: old, words, .. }), Read::Value { seconds, .. })
                    if (old <= seconds) == smallest =>
                {
                    Read::Value { seconds: old, words, in_file: None }
                }
                (Some(Read::Value { .. }), read @ Read::Value { .. }) => read,
                _ => Read::Unreadable,
            });
        };
        for (_, _, flag, value) in self.words.iter().filter_map(of).filter(|(_, rest, ..)| setting(rest)) {
            take(self.time(Variable::Literal(value), Bare::Seconds, flag));
        }
        let of_key = |name: &&str| name.rsplit('_').next().is_some_and(|last| last.eq_ignore_ascii_case(key));
        for name in ENTRY_POINTS.into_iter().filter(of_key) {
            let value = (self.variable)(name);
            if value != Variable::Unset {
                take(self.time(value, Bare::Seconds, name));
            }
        }
        // One that is sent work and does not have the setting takes no more work at once.
        let has = |name: &str| self.words.iter().filter_map(of).any(|(other, rest, ..)| other == name && setting(rest));
        let side = |name: &str| matches!(name, "traefik" | "metrics");
        let mut addresses = self.words.iter().filter_map(of).filter(|(name, rest, _, value)| {
            rest.eq_ignore_ascii_case("address") && !side(name) && !value.ends_with("/udp")
        });
        let by_flags = matches!(&found, Some(Read::Value { words, .. }) if words.starts_with('-'));
        if smallest && by_flags && addresses.by_ref().take(MOST_ENTRY_POINTS).any(|(name, ..)| !has(name)) {
            return None;
        }
        found
    }
}

impl Place {
    /// What it is called.
    pub fn name(&self) -> &'static str {
        match self {
            Place::FlagIn(_, name)
            | Place::Flag(name)
            | Place::GoFlag(name)
            | Place::Variable(name)
            | Place::Property(name)
            | Place::Assignment(name)
            | Place::EntryPoint(_, name)
            | Place::Key(_, name)
            | Place::MapKey(_, name) => name,
        }
    }
}

/// The value of a flag: `--x=V`, `--x V`, and of a single letter `-xV`.
fn flag<'a>(mut words: impl Iterator<Item = &'a str>, name: &str) -> Option<&'a str> {
    while let Some(word) = words.next() {
        match word.strip_prefix(name) {
            Some("") => return Some(words.next().unwrap_or_default()),
            Some(rest) if rest.starts_with('=') => return rest.get(1..),
            Some(rest) if name.len() == 2 && rest.starts_with(|c: char| c.is_ascii_digit()) => return Some(rest),
            _ => {}
        }
    }
    None
}

/// The value of a flag of Go's, of which one dash is as good as two.
pub(crate) fn go_flag<'a>(words: impl Iterator<Item = &'a str>, name: &str) -> Option<&'a str> {
    let one_dash = |word: &'a str| if word.starts_with("--") { word.get(1..).unwrap_or(word) } else { word };
    flag(words.map(one_dash), name)
}

/// What follows a beginning, in capitals or not.
pub(super) fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let begins = text.get(..prefix.len())?;
    begins.eq_ignore_ascii_case(prefix).then(|| text.get(prefix.len()..))?
}

/// A time in whole seconds, rounded up: a bare number, `1m30s`, `500ms`, `PT1M30S`.
pub(crate) fn seconds(text: &str, bare: Bare) -> Option<u64> {
    const SECOND: u128 = 1_000_000_000;
    let mut text = text.trim().trim_matches(['"', '\'']);
    let whole = |nanoseconds: u64| (nanoseconds < u64::MAX).then(|| nanoseconds.div_ceil(SECOND as u64));
    if text.ends_with(|c: char| c.is_ascii_digit()) {
        let unit = match bare {
            Bare::Seconds => SECOND,
            Bare::Millis => SECOND / 1_000,
            Bare::Refused => return (text == "0").then_some(0),
        };
        return duration::decimal(text, unit).and_then(whole);
    }
    text = strip_prefix(text, "pt").unwrap_or(text);
    if text.is_empty() {
        return None;
    }
    let mut total = 0u64;
    while !text.is_empty() {
        let (number, rest) = text.split_at(text.find(|c: char| !(c.is_ascii_digit() || c == '.'))?);
        let end = rest.find(|c: char| c.is_ascii_digit() || c == '.' || c.is_whitespace()).unwrap_or(rest.len());
        let (unit, rest) = rest.split_at(end);
        let unit = match unit.to_ascii_lowercase().as_str() {
            "ns" => 1,
            "us" | "µs" => 1_000,
            "ms" => SECOND / 1_000,
            "s" => SECOND,
            "m" => SECOND * 60,
            "h" => SECOND * 3_600,
            "d" => SECOND * 86_400,
            _ => return None,
        };
        total = total.checked_add(duration::decimal(number, unit)?)?;
        text = rest.trim_start();
    }
    whole(total)
}
