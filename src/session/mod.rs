//! The life of a session.

pub mod registry;
pub mod state;

pub use registry::Registry;
