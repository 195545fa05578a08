//! How a rule names a place in documents: `$.user.email`, `$.items[*].price`,
//! `$."first name"`.
//!
//! A path goes through arrays by itself, at any depth: `$.items.price` and
//! `$.items[*].price` mean the same, since an array that a rule did not foresee
//! must not lay values open. Only at the end does `[*]` differ: each element of
//! an array is masked for itself, instead of the array as a whole.
//! Invariant: of two paths of one column, neither leads through the other.

use std::fmt;
use std::sync::Arc;

/// Keys of one path.
const MOST_KEYS: usize = 32;

/// A place relative to some document or part of one. Without keys and `each`,
/// the value itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DocumentPath {
    /// Names of members, from the outside in, unescaped.
    pub keys: Vec<Arc<str>>,
    /// Each element, where the value is an array.
    pub each: bool,
}

/// What is wrong with a path. The caller adds the place.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum PathFault {
    #[error("must begin with \"$\" and name keys: \"$.user.email\", $.items[*].price, $.\"first name\"")]
    Syntax,
    #[error("can't name one element of an array, whose place may change: write [*] for all of them")]
    Index,
    #[error("can't have \"*\" for a key: name each key")]
    AnyKey,
    #[error("must name a key: without \"path\" the rule masks the whole column")]
    Whole,
    #[error("must have at most {MOST_KEYS} keys")]
    TooLong,
}

impl DocumentPath {
    /// The value itself.
    pub const fn whole() -> Self {
        Self { keys: Vec::new(), each: false }
    }

    /// Reads a rule's `path`.
    ///
    /// # Errors
    /// [`PathFault`].
    pub fn parse(text: &str) -> Result<Self, PathFault> {
        let mut rest = text.trim().strip_prefix('$').ok_or(PathFault::Syntax)?;
        let mut path = Self::whole();
        while !rest.is_empty() {
            rest = match (rest.strip_prefix('.'), rest.strip_prefix('[')) {
                (Some(after), _) => {
                    let (key, after) = key(after)?;
                    path.keys.push(key);
                    path.each = false;
                    after
                }
                (None, Some(after)) => {
                    let (inside, after) = after.split_once(']').ok_or(PathFault::Syntax)?;
                    if inside.trim() != "*" {
                        let is_index = inside.trim().starts_with(|c: char| c.is_ascii_digit() || c == '-');
                        return Err(if is_index { PathFault::Index } else { PathFault::Syntax });
                    }
                    path.each = true;
                    after
                }
                (None, None) => return Err(PathFault::Syntax),
            };
        }
        match path.keys.len() {
            0 if !path.each => Err(PathFault::Whole),
            n if n > MOST_KEYS => Err(PathFault::TooLong),
            _ => Ok(path),
        }
    }

    /// Does one lead to a part of what the other leads to, or to the same?
    pub fn overlaps(&self, other: &Self) -> bool {
        let shared = self.keys.len().min(other.keys.len());
        self.keys.iter().zip(&other.keys).take(shared).all(|(a, b)| a == b)
    }

    /// The rest of the path behind a member's name.
    pub fn behind(&self, key: &str) -> Option<Self> {
        let (first, rest) = self.keys.split_first()?;
        (**first == *key).then(|| Self { keys: rest.to_vec(), each: self.each })
    }

    /// The rest of the path inside an array. None: the array lies inside the path.
    pub fn in_element(&self) -> Option<Self> {
        match (self.keys.is_empty(), self.each) {
            (true, true) => Some(Self::whole()),
            (true, false) => None,
            (false, _) => Some(self.clone()),
        }
    }

    pub fn is_whole(&self) -> bool {
        self.keys.is_empty() && !self.each
    }
}

/// A member's name, in double quotes (as JSON writes it) or plain.
fn key(text: &str) -> Result<(Arc<str>, &str), PathFault> {
    if !text.starts_with('"') {
        let end = text.find(['.', '[']).unwrap_or(text.len());
        let (key, rest) = text.split_at(end);
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '$');
        return match key {
            "*" => Err(PathFault::AnyKey),
            key if !key.is_empty() && key.chars().all(plain) => Ok((key.into(), rest)),
            _ => Err(PathFault::Syntax),
        };
    }
    let mut strings = serde_json::Deserializer::from_str(text).into_iter::<String>();
    let key = strings.next().and_then(Result::ok).ok_or(PathFault::Syntax)?;
    let rest = text.get(strings.byte_offset()..).ok_or(PathFault::Syntax)?;
    Ok((key.into(), rest))
}

impl fmt::Display for DocumentPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        for key in &self.keys {
            let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '$');
            match !key.is_empty() && key.chars().all(plain) {
                true => write!(f, ".{key}")?,
                false => write!(f, ".{}", serde_json::Value::from(&**key))?,
            }
        }
        f.write_str(if self.each { "[*]" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        DocumentPath::parse(text).unwrap().to_string()
    }

    #[test]
    fn paths_are_read_as_they_are_shown() {
        for text in ["$.user.email", "$.emails[*]", "$[*]", "$.\"first name\".x", "$.\"\"", "$.größe.a-b"] {
            assert_eq!(shown(text), text);
            assert_eq!(shown(&shown(text)), text);
        }
        // Arrays on the way need no mark.
        assert_eq!(shown("$.items[*].price"), "$.items.price");
        assert_eq!(shown("$[*].a[*][*].b[*]"), "$.a.b[*]");
        assert_eq!(shown(r#"$."a.b"."\u0065m\"ail""#), r#"$."a.b"."em\"ail""#);
    }

    #[test]
    fn what_is_no_path_says_why() {
        for (text, fault) in [
            ("user.email", PathFault::Syntax),
            ("", PathFault::Syntax),
            ("$user", PathFault::Syntax),
            ("$..email", PathFault::Syntax),
            ("$.a b", PathFault::Syntax),
            ("$.a ? (@ > 1)", PathFault::Syntax),
            ("$.\"a", PathFault::Syntax),
            ("$.a[", PathFault::Syntax),
            ("$.a['b']", PathFault::Syntax),
            ("$.a[0]", PathFault::Index),
            ("$.a[-1].b", PathFault::Index),
            ("$.*.a", PathFault::AnyKey),
            ("$", PathFault::Whole),
        ] {
            assert_eq!(DocumentPath::parse(text), Err(fault), "{text}");
        }
        assert_eq!(DocumentPath::parse(&format!("${}", ".a".repeat(33))), Err(PathFault::TooLong));
    }

    #[test]
    fn one_path_through_another_is_seen() {
        let overlap =
            |a: &str, b: &str| DocumentPath::parse(a).unwrap().overlaps(&DocumentPath::parse(b).unwrap());
        assert!(overlap("$.user", "$.user.email"));
        assert!(overlap("$.user.email", "$.user"));
        assert!(overlap("$.emails[*]", "$.emails"));
        assert!(overlap("$.emails[*]", "$.emails[*].address"));
        assert!(overlap("$[*]", "$.a"));
        assert!(!overlap("$.user.email", "$.user.name"));
        assert!(!overlap("$.a", "$.ab"));
    }
}
