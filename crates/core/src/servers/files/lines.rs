//! Lines of a name and a value, and the one line of a program that gives a key a literal.

use super::UNKNOWN;

/// Tells the first word of each line with its second.
pub(super) fn each(text: &str, tell: &mut dyn FnMut(&str, &str)) {
    for (name, value) in text.lines().filter_map(pair) {
        tell(name, value);
    }
}

/// HAProxy's sections.
const SECTIONS: [&str; 18] = [
    "global",
    "defaults",
    "frontend",
    "backend",
    "listen",
    "userlist",
    "peers",
    "mailers",
    "resolvers",
    "program",
    "http-errors",
    "ring",
    "log-forward",
    "cache",
    "fcgi-app",
    "crt-store",
    "traces",
    "log-profile",
];

/// Tells the lines of the section `global`.
pub(super) fn global(text: &str, tell: &mut dyn FnMut(&str, &str)) {
    let mut inside = false;
    for line in text.lines() {
        let first = line.split_whitespace().next().unwrap_or_default();
        if SECTIONS.contains(&first) {
            inside = first == "global";
        } else if let Some((name, value)) = pair(line).filter(|_| inside) {
            tell(name, value);
        }
    }
}

fn pair(line: &str) -> Option<(&str, &str)> {
    let mut words = line.split_whitespace().take_while(|word| !word.starts_with('#'));
    Some((words.next()?, words.next()?))
}

/// What a program gives to `key`: `key = 45`, `key: 45,`, `key 45`, `key(45)`. Where it does so twice with different
/// values, nobody knows which.
pub(super) fn literal(text: &str, key: &str) -> Option<String> {
    let mut found: Option<&str> = None;
    for line in text.lines() {
        let code = ["#", "//"].iter().filter_map(|comment| line.find(comment)).min().and_then(|end| line.get(..end));
        let code = code.unwrap_or(line);
        for (at, _) in code.match_indices(key) {
            let (before, after) = (code.get(..at).unwrap_or_default(), code.get(at + key.len()..).unwrap_or_default());
            let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
            let given = after.trim_start_matches(['"', '\'']).trim_start();
            if before.ends_with(is_word) || given.is_empty() || after.starts_with(is_word) {
                continue;
            }
            let value = given.trim_start_matches(['=', ':', '(']).trim_start();
            let value = value.split([',', ';', ')', '}']).next().unwrap_or_default().trim();
            found = match found {
                Some(before) if before != value => Some(UNKNOWN),
                _ => Some(value),
            };
        }
    }
    found.map(str::to_owned)
}
