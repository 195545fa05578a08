//! The mask methods as the configuration names them.

/// A method with its options, as a protect rule gives it.
#[derive(Debug, Clone, PartialEq)]
pub struct MethodSpec {
    pub method: Method,
    // options are fields added per method by their owner
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    Redact,
    Null,
    Show,
    Partial,
    Email,
    Hash,
    Token,
}
