//! May this person? What happens? The rules, the disclosure table of
//! `docs/LEAKS.md`, and the one decision. Pure: no socket, file or clock.

pub mod decide;
pub mod disclosure;
pub mod explain;
pub mod paths;
pub mod rules;
pub mod tokens;
mod wording;

use std::borrow::Cow;
use std::sync::Arc;

pub use disclosure::{Disclosure, Disclosures};
pub use paths::{Inside, ProtectedPath};

use crate::mask::MethodSpec;

/// A column that a protect rule (or a foreign key, a generated column, the
/// new-column default) binds to.
#[derive(Debug, Clone, PartialEq)]
pub struct ProtectedColumn {
    /// `schema.table.column`, as people write it.
    pub name: Arc<str>,
    pub schema: Arc<str>,
    pub table: Arc<str>,
    pub column: Arc<str>,
    pub method: MethodSpec,
    /// Token domain: the rule's, or `schema.table.column` of the first column
    /// that the rule names. Columns of one domain and method compare as equals.
    pub domain: Arc<str>,
    pub tags: Vec<Arc<str>>,
    /// What the mask and the rule's `allow` disclose together.
    pub discloses: Disclosures,
    /// `allow = ["write"]`.
    pub writable: bool,
    /// Why it is protected: the rule's place in the file, or what made it so.
    pub because: Arc<str>,
    /// Where in the column's documents or composite values this is; none: the column itself.
    pub path: Option<Arc<str>>,
    /// The protected paths below, if it is masked inside.
    pub paths: Arc<[ProtectedPath]>,
    /// Columns of children, by rules of their own, whose values it shows too.
    pub below: Arc<[Arc<ProtectedColumn>]>,
}

impl ProtectedColumn {
    /// The column's name, with the path that is meant.
    pub fn label(&self) -> Cow<'_, str> {
        match &self.path {
            None => Cow::Borrowed(&self.name),
            Some(path) => Cow::Owned(format!("{} {path}", self.name)),
        }
    }

    /// Are equal values of both masked alike? Then the token of the one is the
    /// other's too.
    pub fn is_masked_like(&self, other: &Self) -> bool {
        self.domain == other.domain && self.method == other.method
    }

    /// Does every value look alike under both masks? The domain is a part of the key.
    pub fn is_shown_like(&self, other: &Self) -> bool {
        self.is_masked_like(other) || (self.method == other.method && !self.method.method().is_keyed())
    }

    /// Are both the same column, and the same place in it?
    pub fn is_same(&self, other: &Self) -> bool {
        self.name == other.name && self.path == other.path
    }
}

/// What one session may see at one moment. Made by `grants`, cheap to ask.
pub trait Permits {
    /// The best access to `column` that is valid at `now`.
    fn access(&self, column: &ProtectedColumn, now: crate::clock::Now) -> Access;
}

/// Access to one protected column.
#[derive(Debug, Clone, PartialEq)]
pub enum Access {
    Masked,
    Revealed {
        basis: Basis,
        /// None: no end of its own (a role's `unmask`).
        until: Option<std::time::Instant>,
        /// May revealed values be copied into tables?
        export: bool,
        /// Its rows are counted (`max_rows`): it shows values in rows, and
        /// nothing that puts many of them into one.
        counted: bool,
    },
}

/// The rule that gave access.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Basis {
    Grant(crate::grants::GrantId),
    Role(Arc<str>),
}
