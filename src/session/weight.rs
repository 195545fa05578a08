//! What a session keeps for the names of its statements, portals and cursors.
//!
//! A text is counted as long as anything keeps it: the name, a portal that runs
//! it, a message under way that may bring the name back. The statements of one
//! text count it once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use super::judge::Stop;
use super::relay::{Hold, Relay};
use super::state::{Known, MAX_NAMES};
use crate::error::{ClientError, sqlstate};

/// A session that keeps so many bytes can give nothing more a name.
pub const MAX_KEPT: usize = 32 << 20;

/// An analysis takes at most so many times what its text does, where that is made of
/// values for protected columns.
const ANALYSED: usize = 8;

/// Bytes of a name, and of what it takes to keep it.
const OVERHEAD: usize = 256;

/// Bytes of one column of a description.
const COLUMN: usize = 64;

/// What all names of a session take.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    bytes: Arc<AtomicUsize>,
    /// The text that was counted last.
    last: std::sync::Weak<Weight>,
    place: (usize, usize),
}

/// Counted until it is dropped.
#[derive(Debug)]
pub struct Weight {
    bytes: usize,
    of: Arc<AtomicUsize>,
}

impl Drop for Weight {
    fn drop(&mut self) {
        self.of.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Kept {
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    fn add(&self, bytes: usize) -> Arc<Weight> {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Arc::new(Weight { bytes, of: self.bytes.clone() })
    }

    /// Of a statement's text.
    pub fn text(&mut self, text: &Bytes, known: &Known) -> Arc<Weight> {
        // As long as its weight is there, so is the text: no other is in its place.
        let place = (text.as_ptr().addr(), text.len());
        if let Some(weight) = self.last.upgrade().filter(|_| self.place == place) {
            return weight;
        }
        let times = if known.analysis().is_some() { ANALYSED } else { 1 };
        let weight = self.add(text.len().saturating_mul(times).saturating_add(OVERHEAD));
        (self.last, self.place) = (Arc::downgrade(&weight), place);
        weight
    }

    /// Of a portal: how many columns it has, and bytes of values that it keeps.
    pub fn portal(&self, columns: usize, values: usize) -> Arc<Weight> {
        self.add(OVERHEAD.saturating_add(columns.saturating_mul(COLUMN)).saturating_add(values))
    }
}

impl Relay {
    /// May `name` be given to something more? What stood under no name makes room.
    pub(super) fn room_for_name(&self, name: &[u8]) -> Result<(), Stop> {
        let is_full = self.kept.bytes() >= MAX_KEPT;
        if is_full && !self.state.is_quiet() {
            // Messages under way keep what may come back.
            return Err(Stop::Hold(Hold::Quiet));
        }
        if self.state.names() >= MAX_NAMES {
            return Err(full("too many prepared statements and portals in this session").into());
        }
        if is_full && !name.is_empty() {
            return Err(full("the prepared statements and portals of this session are too large").into());
        }
        Ok(())
    }
}

fn full(message: &'static str) -> ClientError {
    ClientError::new(sqlstate::PROGRAM_LIMIT_EXCEEDED, message)
        .with_hint("DEALLOCATE and CLOSE what is no longer used.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_counts_once_as_long_as_anything_keeps_it() {
        let mut kept = Kept::default();
        let text = Bytes::from_static(b"PREPARE a AS SELECT 1; PREPARE b AS SELECT 2");
        let first = kept.text(&text, &Known::Harmless);
        let second = kept.text(&text.clone(), &Known::Harmless);
        assert_eq!(kept.bytes(), text.len() + OVERHEAD);
        let other = kept.text(&Bytes::from_static(b"SELECT 1"), &Known::Harmless);
        let portal = kept.portal(2, 3);
        assert_eq!(kept.bytes(), text.len() + 8 + 3 * OVERHEAD + 2 * COLUMN + 3);
        drop((first, other, portal));
        assert_eq!(kept.bytes(), text.len() + OVERHEAD);
        drop(second);
        assert_eq!(kept.bytes(), 0);
    }
}
