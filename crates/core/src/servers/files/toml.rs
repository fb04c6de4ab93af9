//! TOML, as far as the value of a key needs it.

/// Tells each string, number and boolean by its keys, with dots between them.
pub(super) fn each(text: &str, tell: &mut dyn FnMut(&str, &str)) {
    let mut table = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            let header = header.trim_start_matches('[');
            table = plain(header.find(']').and_then(|end| header.get(..end)).unwrap_or(header));
            continue;
        }
        let Some((key, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) else { continue };
        let (path, value) = (joined(&table, key), value.trim());
        if let Some(end) = [r#"""""#, "'''"].into_iter().find(|quotes| value.starts_with(quotes)) {
            // A text of several lines.
            if !value.get(end.len()..).is_some_and(|rest| rest.contains(end)) {
                lines.by_ref().find(|line| line.contains(end));
            }
        } else if value.starts_with('[') {
            let mut open = brackets(value);
            while open > 0
                && let Some(line) = lines.next()
            {
                open += brackets(line);
            }
        } else {
            one(&path, value, DEPTH, tell);
        }
    }
}

/// Deeper is no setting.
const DEPTH: usize = 8;

/// A value, or each one of an inline table.
fn one(path: &str, value: &str, depth: usize, tell: &mut dyn FnMut(&str, &str)) {
    let Some(inside) = value.strip_prefix('{').filter(|_| depth > 0) else {
        let scalar = match value.chars().next().filter(|c| matches!(c, '"' | '\'')) {
            Some(quote) => value.get(1..).and_then(|rest| rest.split(quote).next()),
            None => value.split('#').next().map(str::trim),
        };
        return tell(path, scalar.unwrap_or_default());
    };
    let (mut open, mut quote, mut start) = (0u32, None, 0);
    let mut entry = |entry: Option<&str>| {
        if let Some((key, value)) = entry.and_then(|entry| entry.split_once('=')) {
            one(&joined(path, key), value.trim(), depth - 1, tell);
        }
    };
    for (at, c) in inside.char_indices() {
        match c {
            '"' | '\'' if quote.is_none() => quote = Some(c),
            _ if quote == Some(c) => quote = None,
            _ if quote.is_some() => {}
            '{' | '[' => open += 1,
            '}' | ']' if open > 0 => open -= 1,
            ',' | '}' if open == 0 => {
                entry(inside.get(start..at));
                start = at + 1;
                if c == '}' {
                    return;
                }
            }
            _ => {}
        }
    }
    entry(inside.get(start..));
}

/// How many more brackets a line opens than it closes; those in texts do not count.
fn brackets(line: &str) -> i64 {
    let mut quote = None;
    let mut open = 0;
    for c in line.chars() {
        match c {
            '"' | '\'' if quote.is_none() => quote = Some(c),
            _ if quote == Some(c) => quote = None,
            _ if quote.is_some() => {}
            '#' => break,
            '[' => open += 1,
            ']' => open -= 1,
            _ => {}
        }
    }
    open
}

fn joined(table: &str, key: &str) -> String {
    let key = plain(key);
    if table.is_empty() { key } else { format!("{table}.{key}") }
}

/// Keys without blanks and quotes.
fn plain(keys: &str) -> String {
    keys.chars().filter(|c| !c.is_whitespace() && !matches!(c, '"' | '\'')).collect()
}
