//! The life of a session.

pub mod registry;

pub use registry::Registry;
