//! What `test` answers, where its words say it.

use super::Status;

/// The answer to `test` or `[` with these words.
pub(super) fn answer(words: &[Option<String>]) -> Status {
    let words: Option<Vec<&str>> = words.iter().map(Option::as_deref).collect();
    let Some(words) = words else { return Status::Unknown };
    let words = words.as_slice();
    let words = words.strip_suffix(&["]"]).unwrap_or(words);
    let told = |holds: bool| if holds { Status::Succeeds } else { Status::Fails };
    match words {
        [] => Status::Fails,
        ["!", rest @ ..] if !rest.is_empty() => {
            answer(&rest.iter().map(|word| Some((*word).to_owned())).collect::<Vec<_>>()).negated()
        }
        [word] => told(!word.is_empty()),
        ["-n", word] => told(!word.is_empty()),
        ["-z", word] => told(word.is_empty()),
        [a, "=" | "==", b] => told(a == b),
        [a, "!=", b] => told(a != b),
        [a, operator, b] => {
            let (Ok(a), Ok(b)) = (a.parse::<i64>(), b.parse::<i64>()) else { return Status::Unknown };
            match *operator {
                "-eq" => told(a == b),
                "-ne" => told(a != b),
                "-lt" => told(a < b),
                "-le" => told(a <= b),
                "-gt" => told(a > b),
                "-ge" => told(a >= b),
                _ => Status::Unknown,
            }
        }
        _ => Status::Unknown,
    }
}
