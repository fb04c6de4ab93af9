//! Logs: one event a line, on standard error. Never a whole review, never a key.
//!
//! Lines are handed to a thread that writes them: whoever reads them slowly, or a full disk behind them,
//! must not hold up an admission. What does not fit is dropped.

use std::io::IsTerminal;

use tracing_appender::non_blocking::{NonBlocking, WorkerGuard};
use tracing_subscriber::EnvFilter;

use crate::cli::LogFormat;

/// Starts logging until the guard is dropped. `RUST_LOG` sets the filter, `info` where it is unset or cannot
/// be read.
pub fn init(format: Option<LogFormat>) -> WorkerGuard {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let terminal = std::io::stderr().is_terminal();
    let text = format.map_or(terminal, |format| format == LogFormat::Text);
    let colours = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let (writer, guard) = NonBlocking::new(std::io::stderr());
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(colours);
    // A second start, as in tests, keeps the first.
    let _ = if text { builder.try_init() } else { builder.json().flatten_event(true).try_init() };
    guard
}
