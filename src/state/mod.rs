//! The PostgreSQL database that several nodes share their state in.
//!
//! ```text
//! address   state.url, read: hosts, login, TLS, schema
//! link      one connection, made again whenever it is lost; bounded waits
//! nodes     which policy each node runs
//! schema    the tables, made and brought up to date step by step
//! ```
//!
//! Plain SQL only, so that whatever speaks PostgreSQL's protocol will do.
//! What the tables hold belongs to their owners: `grants::postgres`,
//! `audit::anchor`, `catalog::bindings`.

pub mod address;
pub mod link;
pub mod nodes;
pub mod schema;

pub use address::Address;
pub use link::{Failure, Link, LinkError};
