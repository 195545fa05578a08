//! `bauta demo`: the main job on a throwaway server, with real queries.
//!
//! The throwaway server is also what the integration tests and benchmarks run
//! on.

pub mod cluster;
pub mod programs;
pub mod scratch;
pub mod session;
pub mod stage;
pub mod walk;

pub use cluster::{Cluster, ClusterError};
pub use programs::{Programs, ProgramsError};
pub use scratch::Scratch;
