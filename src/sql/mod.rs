//! What does this text use? Pure: knows a [`Guard`](crate::catalog::guard::Guard)
//! and nothing of grants.

pub mod analyser;
pub mod analysis;
pub mod body;
pub mod classify;
pub mod lineage;
pub mod outline;
pub mod parse;
pub mod prefilter;
pub mod remembered;
pub mod reread;
pub mod shared;
pub mod splice;
pub mod updatable;

#[cfg(test)]
mod limit_tests;

pub use analyser::{Analyser, Verdict};
pub use analysis::{Analysis, CatalogChange, Flow, Output, Statement, StatementKind, Use, UseKind};
