//! The only place that reads time.
//!
//! Deadlines are absolute in UTC for people and stores, and monotonic inside
//! the process, so that a step of the wall clock neither prolongs nor ends a
//! grant early.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

/// One reading of both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    pub wall: Timestamp,
    pub mono: Instant,
}

/// Where time comes from; tests inject their own.
pub trait Clock: Send + Sync {
    fn now(&self) -> Now;
}

/// The machine's clocks.
#[derive(Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Now {
        Now { wall: Timestamp::now(), mono: Instant::now() }
    }
}

pub type SharedClock = Arc<dyn Clock>;
