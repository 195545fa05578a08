//! The life of a session.

pub mod copy;
pub mod registry;
pub mod reports;
pub mod rows;
pub mod state;

pub use registry::Registry;
