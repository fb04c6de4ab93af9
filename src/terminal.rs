//! What people see on a terminal: colours, progress, and numbers with their nouns.

use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Headings.
pub(crate) const BOLD: &str = "\u{1b}[1m";
/// What is bad.
pub(crate) const RED: &str = "\u{1b}[1;31m";
/// What is good.
pub(crate) const GREEN: &str = "\u{1b}[1;32m";
/// What could be better.
pub(crate) const YELLOW: &str = "\u{1b}[33m";
/// The end of each of them.
pub(crate) const PLAIN: &str = "\u{1b}[0m";

/// A progress bar appears only where the work lasts.
const PATIENCE: Duration = Duration::from_millis(700);

/// `1 pod`, `2 pods`.
pub(crate) fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// Whether standard output is a terminal that shows colours, unless the environment says otherwise.
pub(crate) fn has_colours() -> bool {
    let unset = |name| std::env::var_os(name).is_none_or(|value| value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    io::stdout().is_terminal() && unset("NO_COLOR") && !dumb
}

/// Progress without a known end.
pub(crate) fn spinner() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Progress through so many files; it appears late, or never.
pub(crate) fn file_bar(files: usize) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(files as u64), ProgressDrawTarget::hidden());
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} files {elapsed}") {
        bar.set_style(style);
    }
    let late = bar.clone();
    std::thread::spawn(move || {
        std::thread::sleep(PATIENCE);
        if !late.is_finished() {
            late.set_draw_target(ProgressDrawTarget::stderr());
        }
    });
    bar
}
