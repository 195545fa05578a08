//! The life of a session.

pub mod cancel;
pub mod copy;
mod decisions;
pub mod handshake;
pub mod login;
pub mod opening;
pub mod registry;
pub mod reports;
pub mod rows;
pub mod state;
pub mod virtual_schema;

pub use registry::Registry;
