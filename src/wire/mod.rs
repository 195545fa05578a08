//! Frames: cut and bounded here first, decoded only when whole.

pub mod backend;
pub mod condition;
pub mod frontend;
pub mod reader;
