//! Tracing set-up.

use tracing_subscriber::EnvFilter;

/// Logs to stderr; `BAUTA_LOG` filters (default `info`), as `RUST_LOG` would.
pub fn init() {
    let filter = EnvFilter::try_from_env("BAUTA_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
}
