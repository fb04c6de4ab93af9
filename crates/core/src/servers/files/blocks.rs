//! Directives and blocks in braces.

/// Tells each directive as `block.name`, by the innermost block around it, with its first argument. It ends at a
/// semicolon, or with its line.
pub(super) fn each(text: &str, semicolons: bool, tell: &mut dyn FnMut(&str, &str)) {
    let mut blocks: Vec<&str> = Vec::new();
    let mut words: Vec<&str> = Vec::new();
    let mut rest = text;
    let mut directive = |blocks: &[&str], words: &mut Vec<&str>| {
        if let [name, value, ..] = words.as_slice() {
            match blocks.last() {
                None | Some(&"") => tell(name, value),
                Some(block) => tell(&format!("{block}.{name}"), value),
            }
        }
        words.clear();
    };
    while let Some(first) = rest.chars().next() {
        let after = rest.get(first.len_utf8()..).unwrap_or_default();
        // Of a site's address in a Caddyfile, `{$HOST}` and `{args[0]}` are parts.
        let alone = semicolons || !after.starts_with(|c: char| !c.is_whitespace());
        match first {
            '#' => {
                rest = rest.find('\n').and_then(|end| rest.get(end..)).unwrap_or_default();
                continue;
            }
            ';' if semicolons => directive(&blocks, &mut words),
            '\n' if !semicolons => directive(&blocks, &mut words),
            '{' if alone => {
                blocks.push(words.first().copied().unwrap_or_default());
                words.clear();
            }
            '}' if alone => {
                directive(&blocks, &mut words);
                blocks.pop();
            }
            _ if first.is_whitespace() => {}
            _ => {
                let (word, after) = word(rest, semicolons);
                if words.len() < 2 {
                    words.push(word);
                }
                rest = after;
                continue;
            }
        }
        rest = after;
    }
    directive(&blocks, &mut words);
}

/// The word at the beginning, without its quotes, and what follows.
fn word(text: &str, semicolons: bool) -> (&str, &str) {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'));
    if let Some(quote) = quote {
        let inside = text.get(1..).unwrap_or_default();
        let mut escaped = false;
        let end = inside.find(|c: char| {
            let ends = c == quote && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        let end = end.unwrap_or(inside.len());
        return (inside.get(..end).unwrap_or_default(), inside.get(end + 1..).unwrap_or_default());
    }
    let ends = |c: char| c.is_whitespace() || (semicolons && matches!(c, ';' | '{' | '}'));
    let end = text.find(ends).unwrap_or(text.len());
    text.split_at(end)
}
