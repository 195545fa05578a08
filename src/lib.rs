//! bauta: a PostgreSQL proxy that replaces protected values by masks, unless
//! the session holds an unexpired just-in-time grant.
//!
//! A statement's way, top to bottom:
//!
//! ```text
//! client ── net ── session ──┬─ sql      what does this text use?           (pure)
//!                            ├─ policy   may this person? what happens?      (pure)
//!                            ├─ session  the text or its neutralised form goes upstream
//!                            ├─ mask     rows come back, values are replaced (pure)
//!                            └─ audit    intent before, outcome after
//! grants  ── the permits that policy asks for ── control (socket, CLI)
//! catalog ── what the server's tables, views and functions are; one immutable snapshot, swapped whole
//! ```
//!
//! # Invariants
//! 1. No row leaves without a mask plan made for it, or the proof that its
//!    statement names nothing protected.
//! 2. What is not understood is refused, never forwarded.
//! 3. A decision carries the rule that made it and the moment it ends.
//! 4. No rows without a durable intent record.
//! 5. No protected value appears in an error, a notice, a log, a metric or an
//!    audit record.

#![forbid(unsafe_code)]

pub mod audit;
pub mod auth;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod demo;
pub mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod grants;
pub mod mask;
pub mod net;
pub mod notify;
pub mod policy;
pub mod proxy;
pub mod session;
pub mod sql;
pub mod state;
pub mod telemetry;
pub mod wire;
