//! What must hold for any bytes at all: the targets of `fuzz/`, and of the
//! bounded tests here that run the same on every change.
//!
//! Each function takes arbitrary bytes, panics when a promise is broken, and
//! says whether the bytes were worth anything: read well, masked, analysed.
//! Compiled for tests and for the feature `fuzzing` only.

pub(crate) mod catalog;
mod decoding;
pub(crate) mod masks;
mod messages;
mod opening;
mod statements;
#[cfg(test)]
mod tests;

pub use masks::masks;
pub use messages::{frames, messages};
pub use opening::startup;
pub use statements::analyser;

/// Consumes choices from the front of the input.
struct Choices<'a> {
    rest: &'a [u8],
}

impl<'a> Choices<'a> {
    fn byte(&mut self) -> u8 {
        match self.rest.split_first() {
            Some((first, rest)) => {
                self.rest = rest;
                *first
            }
            None => 0,
        }
    }

    fn of<T: Clone>(&mut self, list: &[T]) -> T {
        let at = usize::from(self.byte()) % list.len();
        list[at].clone()
    }
}
