//! Logs: one event a line, on standard error. Never a whole review, never a key.
//!
//! Lines are handed to a thread that writes them: whoever reads them slowly, or a full disk behind them,
//! must not hold up an admission. What does not fit is dropped.

use std::io::IsTerminal;

use anyhow::Result;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::cli::LogFormat;

/// Lines that may wait to be written. Room for them is taken at the start, 32 bytes each.
const WAITING_LINES: usize = 8_192;

/// Logging goes on until this is dropped.
pub struct Telemetry {
    #[cfg(feature = "traces")]
    _traces: Option<crate::traces::Traces>,
    _log: WorkerGuard,
}

/// Starts logging, and traces where they are built in. `RUST_LOG` sets the filter of the log, `info` where it is unset
/// or cannot be read.
///
/// # Errors
/// Traces that are asked for and cannot be sent.
pub fn init(format: Option<LogFormat>) -> Result<Telemetry> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let terminal = std::io::stderr().is_terminal();
    let text = format.map_or(terminal, |format| format == LogFormat::Text);
    let colours = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let (writer, guard) = NonBlockingBuilder::default().buffered_lines_limit(WAITING_LINES).finish(std::io::stderr());
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(colours);
    let lines = if text { lines.boxed() } else { lines.json().flatten_event(true).boxed() };
    let subscriber =
        tracing_subscriber::registry().with(lines.with_filter(filter.and(filter_fn(|metadata| metadata.is_event()))));
    #[cfg(feature = "traces")]
    let (layer, traces) = crate::traces::layer()?;
    #[cfg(feature = "traces")]
    let subscriber = subscriber.with(layer);
    // A second start, as in tests, keeps the first.
    let _ = subscriber.try_init();
    Ok(Telemetry {
        #[cfg(feature = "traces")]
        _traces: traces,
        _log: guard,
    })
}
