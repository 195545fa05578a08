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

use std::fs::File;
use std::io::IsTerminal as _;
use std::os::fd::AsFd as _;
use std::sync::Arc;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

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
        .with_writer(own_stderr())
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init();
}

/// libpg_query puts a pipe in the place of the process's stderr while it parses
/// (`pg_query_raw_parse` in its `pg_query_parse.c`), and of several threads that
/// parse at once one may leave it there: the log has a handle of its own.
fn own_stderr() -> BoxMakeWriter {
    match std::io::stderr().as_fd().try_clone_to_owned() {
        Ok(stderr) => BoxMakeWriter::new(Arc::new(File::from(stderr))),
        Err(_) => BoxMakeWriter::new(std::io::stderr),
    }
}
