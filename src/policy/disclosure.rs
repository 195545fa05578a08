//! The one idea that decides every use: what a mask discloses, and what a
//! use needs.

/// What may be learned about a column, each level implying those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Disclosure {
    /// Whether the value is NULL.
    Nullness,
    /// Whether two values are equal.
    Equality,
    /// How two values compare.
    Order,
    /// The answer to any predicate.
    Search,
    /// The value itself.
    Value,
}

/// The set of things disclosed. Levels imply each other, so the highest one
/// says all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disclosures(pub Disclosure);

impl Disclosures {
    pub fn include(self, needed: Disclosure) -> bool {
        self.0 >= needed
    }
}
