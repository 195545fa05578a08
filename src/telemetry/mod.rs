//! What operators see of a running proxy: the log on stderr, and metrics.
//!
//! ```text
//! audit · sql · net · grants ── own their counters ──┐
//! proxy ── reads gauges when asked (Probe) ──────────┴─ registry ── http: /metrics /healthz /readyz
//! ```
//!
//! Invariant: no label and no line holds a value or a statement's text, and
//! what a statement costs is a few relaxed atomics: handles are resolved when
//! the proxy starts, rows are counted once a statement.

pub mod http;
pub mod metric;
pub mod names;
mod process;
pub mod registry;
pub mod systemd;

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;

/// What the invariant asks of libraries.
const QUIET: [&str; 4] = ["ureq=warn", "ureq_proto=warn", "tokio_postgres=warn", "postgres_protocol=warn"];

/// Logs to stderr; `BAUTA_LOG` filters (`info`, `debug`, `bauta::net=trace` …),
/// `default` without it. A filter that can't be read counts as absent. Libraries
/// that log what they send (requests with their addresses and secrets,
/// statements with their parameters) say no more than warnings, whatever it is.
pub fn init(default: &str) {
    let filter = EnvFilter::try_from_env("BAUTA_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let quiet = QUIET.iter().filter_map(|directive| directive.parse::<Directive>().ok());
    let filter = quiet.fold(filter, EnvFilter::add_directive);
    // A second initialisation (tests) changes nothing.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init();
}
