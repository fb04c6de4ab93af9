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
