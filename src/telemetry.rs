//! Tracing set-up.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// Logs to stderr; `BAUTA_LOG` filters (`info`, `debug`, `bauta::net=trace` …),
/// `default` without it. A filter that can't be read counts as absent.
pub fn init(default: &str) {
    let filter = EnvFilter::try_from_env("BAUTA_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    // A second initialisation (tests) changes nothing.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init();
}
