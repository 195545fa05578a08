//! Edits of the original text. Neutralising never prints SQL; it edits spans
//! of what the client wrote.

use std::ops::Range;

/// Replaces `span` (bytes of the client's text) by `text`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edit {
    pub start: usize,
    pub end: usize,
    pub text: String,
}

impl Edit {
    pub fn span(&self) -> Range<usize> {
        self.start..self.end
    }
}
