//! Masks inside json and jsonb documents: at the paths that rules name, each
//! with its own method; every other byte stays.
//!
//! ```text
//! rules (path, method, domain) ── path   how a rule names a place
//!   └── walk                             finds the places in a document's text, bounded, in one pass
//!        └── leaf                        what stands there instead
//! ```
//!
//! Invariant: what stands at a protected path is never copied. A document that
//! can't be read to its end is an error, not a value.

mod leaf;
pub mod path;
mod walk;

use std::sync::Arc;

use super::keys::KeyRing;
use super::method::{Generalize, MethodSpec};
use super::{Mask, UnreadableValue, Wire};
use leaf::{Leaf, LeafText};
use path::DocumentPath;
use walk::DocumentMask;

/// Paths of one column. Places are found with one bit for each.
pub const MOST_PATHS: usize = 64;

/// One protected path of a column.
#[derive(Debug, Clone, PartialEq)]
pub struct DocumentRule {
    pub path: DocumentPath,
    /// Fits a value inside a document: see [`fits_inside`].
    pub method: MethodSpec,
    /// The path's token domain.
    pub domain: Arc<str>,
}

/// Whether a method has a meaning for what stands in a document; if not, what
/// to do instead.
///
/// # Errors
/// The mend, in a few words.
pub(super) fn fits_inside(method: &MethodSpec) -> Result<(), &'static str> {
    match method {
        MethodSpec::Redact { .. }
        | MethodSpec::Null
        | MethodSpec::Partial(_)
        | MethodSpec::Email
        | MethodSpec::Hash { .. }
        | MethodSpec::Token
        | MethodSpec::Fpe { .. }
        | MethodSpec::Fake(_)
        | MethodSpec::Noise { .. }
        | MethodSpec::Generalize(Generalize::Bucket(_)) => Ok(()),
        MethodSpec::Generalize(Generalize::To(_) | Generalize::Prefix(..)) => {
            Err("inside a document it takes \"bucket\" only, for numbers")
        }
        MethodSpec::Show => Err("what no path names is shown already: remove the rule"),
        MethodSpec::Document(_) => Err("a document is masked by its own paths"),
    }
}

/// The mask of a json or jsonb value.
pub(super) fn document(
    rules: &[DocumentRule],
    is_jsonb: bool,
    wire: Wire,
    keys: &KeyRing,
    unreadable: UnreadableValue,
) -> Option<Box<dyn Mask>> {
    let leaves = rules.iter().map(|rule| Leaf::of(rule, wire, keys)).collect::<Option<_>>()?;
    Some(Box::new(DocumentMask::new(rules, leaves, is_jsonb, unreadable)?))
}

/// The mask of what `->>` took out of a document at a rule's path: a text.
pub(super) fn text(rule: &DocumentRule, wire: Wire, keys: &KeyRing) -> Option<Box<dyn Mask>> {
    Some(Box::new(LeafText(Leaf::of(rule, wire, keys)?)))
}
