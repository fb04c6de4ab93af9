//! Why an object cannot be read: which field, and what is wrong with it.

use std::fmt;

use serde::Deserialize;

use super::json::{self, Read};
use super::text::sentence;

/// What is wrong with an object. In words: the field's path, the problem, and the place in the JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Unreadable {
    /// The field's path, as people write it: `spec.containers[0].ports`; empty for the text as a whole.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
    /// Line and column of the JSON, counted from 1; `None` where it was read from no text.
    pub place: Option<(usize, usize)>,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some((line, column)) => {
                f.write_str(&sentence(&format!("{} at line {line} column {column}", self.unbounded())))
            }
            None => f.write_str(&self.without_place()),
        }
    }
}

impl Unreadable {
    pub(crate) fn new(field: String, error: &serde_json::Error) -> Unreadable {
        let said = error.to_string();
        let place = (error.line() > 0).then(|| (error.line(), error.column()));
        let suffix = place.map_or(String::new(), |(line, column)| format!(" at line {line} column {column}"));
        let problem = said.strip_suffix(&suffix).unwrap_or(&said).to_owned();
        Unreadable { field, problem, place }
    }

    /// In words, for somebody who never wrote the JSON.
    pub fn without_place(&self) -> String {
        sentence(&self.unbounded())
    }

    /// The field as a JSON pointer. A key with dots in it is taken for several, so that the pointer ends at what holds it.
    pub fn pointer(&self) -> String {
        let tokens = self.field.split(['.', '[']).map(|token| token.trim_end_matches(']'));
        tokens.filter(|_| !self.field.is_empty()).map(|token| format!("/{token}")).collect()
    }

    fn unbounded(&self) -> String {
        if self.field.is_empty() { self.problem.clone() } else { format!("{}: {}", self.field, self.problem) }
    }
}

/// Parses `text`; only a failure pays for finding the path of the field.
pub(crate) fn read<'a, T: Read<'a> + Deserialize<'a>>(text: &'a str) -> Result<T, Unreadable> {
    if let Some(value) = json::read(text) {
        return Ok(value);
    }
    serde_json::from_str(text).map_err(|plain| {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
            Err(error) if error.path().iter().next().is_some() => {
                Unreadable::new(error.path().to_string(), error.inner())
            }
            _ => Unreadable::new(String::new(), &plain),
        }
    })
}
