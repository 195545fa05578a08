//! The bytes of PostgreSQL's frontend/backend protocol: frames cut and
//! bounded, fields read by a cursor that can't leave them.
//!
//! Follows "Frontend/Backend Protocol" in PostgreSQL's documentation,
//! versions 3.0 and 3.2. Nothing in here does I/O.

pub mod backend;
pub mod condition;
pub mod frame;
pub mod frontend;
pub mod options;
pub mod reader;
pub mod report;
pub mod startup;
