//! One file a command; behaviour lives elsewhere.
