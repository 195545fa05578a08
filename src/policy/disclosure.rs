//! The one idea that decides every use: what a mask discloses, and what a
//! use needs.

use crate::sql::UseKind;

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

/// Uses in the words of a message: "predicate on protected column …".
pub trait UseWords {
    fn words(self) -> &'static str;
}

impl UseWords for UseKind {
    fn words(self) -> &'static str {
        match self {
            Self::Output => "output of",
            Self::NullTest => "NULL test of",
            Self::Grouping => "grouping by",
            Self::Distinct => "DISTINCT over",
            Self::SetOperation => "set operation that compares",
            Self::Join => "join on",
            Self::Equality => "comparison with",
            Self::OrderBy => "ordering by",
            Self::MinMax => "minimum or maximum of",
            Self::WindowOrder => "window ordering by",
            Self::Predicate => "predicate on",
            Self::Expression => "expression over",
            Self::WholeRow => "whole-row reference to",
            Self::Statistics => "statistics of",
            Self::VolatileArgument => "argument of a function that may leave a trace from",
            Self::Export => "copy of",
            Self::Write => "write that touches",
            Self::Explain => "EXPLAIN of",
        }
    }
}
