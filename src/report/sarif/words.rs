//! The text of a result: as it is, and as Markdown.

use super::model::Message;
use crate::judged::{FindingResult, ObjectResult};

/// What is said about a finding: the message, the arithmetic, and what to do.
pub(super) fn message(object: &ObjectResult, result: &FindingResult) -> Message {
    let ObjectResult { kind, namespace, name, .. } = object;
    let finding = &result.finding;
    let first = format!("{kind} {namespace}/{name}: {}", finding.message);
    let fixes: Vec<&str> = finding.fixes.iter().map(String::as_str).collect();
    let mut text = vec![first.clone()];
    text.extend(finding.detail.iter().cloned());
    text.extend(result.fix().iter().map(|fix| format!("fix: {fix}")));
    text.extend(result.alternatives().iter().cloned());
    let mut markdown = escaped(&first);
    for (title, lines) in [("", finding.detail.join("\n")), ("Fix:", fixes.join("\n"))] {
        if !lines.is_empty() {
            markdown.push_str("\n\n");
            markdown.push_str(&block(title, &lines));
        }
    }
    Message { text: safe(&text.join("\n")), markdown: Some(markdown) }
}

/// A text in which nothing is a link: SARIF reads `[words](target)` as one, and an author's words must
/// not become one.
pub(super) fn safe(text: &str) -> String {
    text.replace("](", "\\](")
}

fn block(title: &str, lines: &str) -> String {
    // Longer than any run of backticks inside, so that nothing gets out.
    let longest = lines.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    let title = if title.is_empty() { String::new() } else { format!("{title}\n\n") };
    format!("{title}{fence}text\n{lines}\n{fence}")
}

/// Words as Markdown shows them, with nothing in them that formats.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\r' | '\n' => out.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '!' | '&' | '~' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authors_words_stay_words() {
        assert_eq!(safe("containers[0]: [a](http://x)"), "containers[0]: [a\\](http://x)");
        assert_eq!(escaped("a_b <img>\n# c"), "a\\_b \\<img\\> \\# c");
        assert_eq!(block("", "x ```` y"), "`````text\nx ```` y\n`````");
    }
}
