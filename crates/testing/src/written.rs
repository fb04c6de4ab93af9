//! Files that are written from the code: docs, the chart's values, definitions.
//!
//! They follow the variable of insta, whose snapshots stand beside them: `INSTA_UPDATE=always` writes what has changed.

use std::path::Path;

/// Whether what differs is to be written.
pub fn updates() -> bool {
    std::env::var_os("INSTA_UPDATE").is_some_and(|value| value == "always")
}

/// Compares a file with what it should be, or writes it.
///
/// # Panics
/// Where they differ and nothing is written: the message shows the difference.
pub fn same(path: &Path, expected: &str) {
    let now = std::fs::read_to_string(path).unwrap_or_default();
    if now == expected {
        return;
    }
    if updates() {
        std::fs::write(path, expected).unwrap();
        return;
    }
    let difference = similar::TextDiff::from_lines(now.as_str(), expected);
    let difference = difference.unified_diff().context_radius(1).header("as it is", "as it should be").to_string();
    panic!("{} is not up to date (INSTA_UPDATE=always make test writes it):\n{difference}", path.display());
}

/// What stands before, between and after the markers of a page.
fn parts<'t>(page: &'t str, marker: &str) -> (&'t str, &'t str, &'t str) {
    let (open, close) = (format!("<!-- {marker} -->\n"), format!("<!-- /{marker} -->\n"));
    let found = page.split_once(&open).and_then(|(before, rest)| {
        let (between, after) = rest.split_once(&close)?;
        Some((before, between, after))
    });
    found.unwrap_or_else(|| panic!("the page has no {open}and {close}"))
}

/// What stands between `<!-- marker -->` and `<!-- /marker -->`, each on a line of its own.
///
/// # Panics
/// Where the page has no such lines.
pub fn between<'t>(page: &'t str, marker: &str) -> &'t str {
    parts(page, marker).1
}

/// The page with another text there.
///
/// # Panics
/// Where it has no such lines.
pub fn with_between(page: &str, marker: &str, text: &str) -> String {
    let (before, _, after) = parts(page, marker);
    format!("{before}<!-- {marker} -->\n{text}<!-- /{marker} -->\n{after}")
}
