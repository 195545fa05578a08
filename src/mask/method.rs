//! The mask methods as the configuration names them: their options, what each
//! discloses, and the faults of a rule that misspells one.
//! Follows the table "Mask methods" of `docs/MASKS.md`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::document::DocumentRule;
use super::fake::Kind;
use super::generalize::Unit;
use super::noise::Millionths;
use super::options::Options;
use super::types::number::Decimal;
use crate::policy::Disclosure;

/// A mask method's name, without options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    Redact,
    Null,
    Show,
    Partial,
    Email,
    Hash,
    Token,
    Fpe,
    Generalize,
    Noise,
    Fake,
    /// What rules with a `path` make of a column; no rule names it itself.
    Document,
}

impl Method {
    /// Every method that a rule can name, in the order of the documentation.
    pub const ALL: [Self; 11] = [
        Self::Redact,
        Self::Null,
        Self::Show,
        Self::Partial,
        Self::Email,
        Self::Hash,
        Self::Token,
        Self::Fpe,
        Self::Generalize,
        Self::Noise,
        Self::Fake,
    ];

    /// As `method = "…"` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Redact => "redact",
            Self::Null => "null",
            Self::Show => "show",
            Self::Partial => "partial",
            Self::Email => "email",
            Self::Hash => "hash",
            Self::Token => "token",
            Self::Fpe => "fpe",
            Self::Generalize => "generalize",
            Self::Noise => "noise",
            Self::Fake => "fake",
            Self::Document => "document",
        }
    }

    /// What a column with this mask tells about its values, beyond what the
    /// masked value itself shows.
    pub fn discloses(self) -> Disclosure {
        match self {
            Self::Redact
            | Self::Null
            | Self::Partial
            | Self::Email
            | Self::Generalize
            | Self::Noise
            | Self::Fake
            | Self::Document => Disclosure::Nullness,
            Self::Hash | Self::Token | Self::Fpe => Disclosure::Equality,
            Self::Show => Disclosure::Value,
        }
    }

    /// What it shows hangs on a key: to see a chosen value masked is worth something.
    pub fn is_keyed(self) -> bool {
        self.takes_domain() || self == Self::Document
    }

    /// Its output is keyed, so columns may share a `domain`.
    pub fn takes_domain(self) -> bool {
        matches!(self, Self::Hash | Self::Token | Self::Fpe | Self::Noise | Self::Fake)
    }

    /// The keys of a rule that belong to the method.
    fn options(self) -> &'static [&'static str] {
        match self {
            Self::Redact => &["value"],
            Self::Partial => &["first", "last", "fill"],
            Self::Hash => &["length"],
            Self::Fpe => &["alphabet"],
            Self::Generalize => &["to", "bucket", "prefix", "prefix6"],
            Self::Noise => &["percent"],
            Self::Fake => &["kind"],
            Self::Null | Self::Show | Self::Email | Self::Token | Self::Document => &[],
        }
    }
}

/// A method with its options, as a protect rule gives it. Checked for itself;
/// whether it fits a column's type is `mask::fits`.
#[derive(Debug, Clone, PartialEq)]
pub enum MethodSpec {
    /// A constant. `value` is its text form; without it, the type's own constant.
    Redact {
        value: Option<String>,
    },
    Null,
    /// Declares a column public; has no mask.
    Show,
    /// The ends of a text.
    Partial(Partial),
    Email,
    /// `length`: hex digits; without it, as many as there are and fit.
    Hash {
        length: Option<usize>,
    },
    /// Reversible, with a mark of its own for texts.
    Token,
    /// Reversible, in the shape of the original. `alphabet`: the characters
    /// that are enciphered, each by another of them.
    Fpe {
        alphabet: Option<String>,
    },
    Generalize(Generalize),
    /// A number moved by at most so much of it.
    Noise {
        amount: Millionths,
    },
    /// A made-up value.
    Fake(Kind),
    /// A document, masked at each of these paths.
    Document(Arc<[DocumentRule]>),
}

/// What is left of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Generalize {
    /// The beginning of the unit that a date or time lies in.
    To(Unit),
    /// The lower end of a number's bucket; its size, above zero.
    Bucket(Decimal),
    /// The network of an address: bits of an IPv4 and of an IPv6 one.
    Prefix(u8, u8),
}

/// `first` and `last` count characters; `fill` stands for the rest, whatever
/// its length, so that the length is not shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partial {
    pub first: usize,
    pub last: usize,
    pub fill: String,
}

/// What is wrong with a rule's method or options. The caller adds the place.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MethodFault {
    #[error("unknown method \"{given}\"{}", did_you_mean(nearest))]
    UnknownMethod { given: String, nearest: Option<&'static str> },
    #[error("unknown key \"{given}\" for method \"{method}\"{}", did_you_mean(nearest))]
    UnknownOption { method: &'static str, given: String, nearest: Option<&'static str> },
    #[error("\"{option}\" of method \"{method}\" must be {expected}")]
    BadOption { method: &'static str, option: &'static str, expected: &'static str },
}

fn did_you_mean(nearest: &Option<&'static str>) -> String {
    nearest.map(|n| format!(": did you mean \"{n}\"?")).unwrap_or_default()
}

/// Fewer digits collide too often to tell two people apart: 8 are 32 bits.
pub const SHORTEST_HASH: usize = 8;
/// HMAC-SHA-256 in hex.
pub const LONGEST_HASH: usize = 64;
/// What `noise` moves by, unless told otherwise.
pub const TEN_PERCENT: Millionths = 100_000;

impl MethodSpec {
    /// Reads `method = "…"` and the keys of the rule that are not the rule's
    /// own (`column`, `domain`, `tags` …), env and file references resolved.
    pub fn parse(method: &str, options: &BTreeMap<String, toml::Value>) -> Result<Self, MethodFault> {
        let method = Method::ALL.into_iter().find(|m| m.name() == method).ok_or_else(|| {
            MethodFault::UnknownMethod {
                given: method.to_owned(),
                nearest: nearest(method, Method::ALL.iter().map(|m| m.name())),
            }
        })?;
        if let Some(given) = options.keys().find(|k| !method.options().contains(&k.as_str())) {
            return Err(MethodFault::UnknownOption {
                method: method.name(),
                given: given.clone(),
                nearest: nearest(given, method.options().iter().copied()),
            });
        }
        let options = Options { method, options };
        Ok(match method {
            Method::Redact => Self::Redact { value: options.constant("value")? },
            Method::Partial => Self::Partial(Partial {
                first: options.count("first")?.unwrap_or(if options.has("last") { 0 } else { 2 }),
                last: options.count("last")?.unwrap_or(0),
                fill: options.fill()?,
            }),
            Method::Hash => Self::Hash { length: options.hash_length()? },
            Method::Fpe => Self::Fpe { alphabet: options.alphabet()? },
            Method::Generalize => Self::Generalize(options.generalize()?),
            Method::Noise => Self::Noise { amount: options.percent()? },
            Method::Fake => Self::Fake(options.kind()?),
            Method::Null | Method::Show | Method::Email | Method::Token | Method::Document => {
                Self::of(method)
            }
        })
    }

    /// The method with its default options.
    pub fn of(method: Method) -> Self {
        match method {
            Method::Redact => Self::Redact { value: None },
            Method::Null => Self::Null,
            Method::Show => Self::Show,
            Method::Partial => Self::Partial(Partial { first: 2, last: 0, fill: "***".to_owned() }),
            Method::Email => Self::Email,
            Method::Hash => Self::Hash { length: None },
            Method::Token => Self::Token,
            Method::Fpe => Self::Fpe { alphabet: None },
            Method::Generalize => Self::Generalize(Generalize::To(Unit::Year)),
            Method::Noise => Self::Noise { amount: TEN_PERCENT },
            Method::Fake => Self::Fake(Kind::Name),
            Method::Document => Self::Document([].into()),
        }
    }

    pub fn method(&self) -> Method {
        match self {
            Self::Redact { .. } => Method::Redact,
            Self::Null => Method::Null,
            Self::Show => Method::Show,
            Self::Partial(_) => Method::Partial,
            Self::Email => Method::Email,
            Self::Hash { .. } => Method::Hash,
            Self::Token => Method::Token,
            Self::Fpe { .. } => Method::Fpe,
            Self::Generalize(_) => Method::Generalize,
            Self::Noise { .. } => Method::Noise,
            Self::Fake(_) => Method::Fake,
            Self::Document(_) => Method::Document,
        }
    }

    /// A part of a document by itself has its own method's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Document(rules) => match &**rules {
                [only] if only.path.is_whole() => only.method.method().name(),
                _ => Method::Document.name(),
            },
            other => other.method().name(),
        }
    }

    pub fn discloses(&self) -> Disclosure {
        self.method().discloses()
    }
}

/// The known word nearest to a mistyped one, if any is near at all.
fn nearest(given: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    known
        .map(|k| (strsim::damerau_levenshtein(given, k), k))
        .filter(|(distance, k)| *distance <= k.len().div_ceil(2))
        .min()
        .map(|(_, k)| k)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(method: &str, options: &str) -> Result<MethodSpec, MethodFault> {
        let table: toml::Table = options.parse().unwrap();
        MethodSpec::parse(method, &table.into_iter().collect())
    }

    #[test]
    fn each_method_reads_its_own_options() {
        assert_eq!(parse("redact", "value = 7"), Ok(MethodSpec::Redact { value: Some("7".into()) }));
        assert_eq!(
            parse("redact", "value = 1999-12-31"),
            Ok(MethodSpec::Redact { value: Some("1999-12-31".into()) })
        );
        assert_eq!(
            parse("partial", "last = 4\nfill = '…'"),
            Ok(MethodSpec::Partial(Partial { first: 0, last: 4, fill: "…".into() }))
        );
        assert_eq!(parse("partial", ""), Ok(MethodSpec::of(Method::Partial)));
        assert_eq!(parse("hash", "length = 12"), Ok(MethodSpec::Hash { length: Some(12) }));
        assert_eq!(
            parse("generalize", "bucket = 2.5"),
            Ok(MethodSpec::Generalize(Generalize::Bucket(Decimal { unscaled: 25, scale: 1 })))
        );
        assert_eq!(
            parse("generalize", "prefix = 16"),
            Ok(MethodSpec::Generalize(Generalize::Prefix(16, 48)))
        );
        assert_eq!(parse("fake", "kind = 'card'"), Ok(MethodSpec::Fake(Kind::Card)));
        assert_eq!(parse("noise", "percent = 2.5"), Ok(MethodSpec::Noise { amount: 25_000 }));
        for method in Method::ALL {
            // Generalize must be told how far, fake what.
            let told = matches!(method, Method::Generalize | Method::Fake);
            let alone = parse(method.name(), "");
            assert!(alone == Ok(MethodSpec::of(method)) || told && alone.is_err());
            assert_eq!(MethodSpec::of(method).method(), method);
        }
    }

    #[test]
    fn a_mistyped_method_or_option_names_the_nearest() {
        assert_eq!(
            parse("tokn", "").unwrap_err().to_string(),
            "unknown method \"tokn\": did you mean \"token\"?"
        );
        assert_eq!(
            parse("partial", "frist = 1").unwrap_err().to_string(),
            "unknown key \"frist\" for method \"partial\": did you mean \"first\"?"
        );
        assert_eq!(
            parse("email", "length = 1").unwrap_err().to_string(),
            "unknown key \"length\" for method \"email\""
        );
    }

    #[test]
    fn options_out_of_range_are_faults() {
        for (method, options) in [
            ("hash", "length = 4"),
            ("hash", "length = 65"),
            ("hash", "length = -1"),
            ("hash", "length = '12'"),
            ("partial", "first = -1"),
            ("partial", "last = 65"),
            ("partial", "fill = ''"),
            ("partial", "fill = 3"),
            ("redact", "value = [1]"),
            ("generalize", "to = 'minute'"),
            ("generalize", "to = 7"),
            ("generalize", "to = 'year'\nbucket = 1"),
            ("generalize", "bucket = 0"),
            ("generalize", "bucket = -5"),
            ("generalize", "prefix = 33"),
            ("generalize", "prefix = 8\nprefix6 = 129"),
            ("generalize", "prefix6 = 64"),
            ("fake", "kind = 'nam'"),
            ("fake", "kind = 1"),
            ("noise", "percent = 0"),
            ("noise", "percent = 101"),
            ("noise", "percent = -5"),
            ("noise", "percent = 0.00001"),
            ("fpe", "alphabet = 'a'"),
            ("fpe", "alphabet = 'aba'"),
        ] {
            assert!(
                matches!(parse(method, options), Err(MethodFault::BadOption { .. })),
                "{method} {options}"
            );
        }
    }

    /// What the guarantee rests on: nothing else may be asked for equality.
    #[test]
    fn only_hash_token_and_fpe_disclose_equality() {
        let equality = Method::ALL.into_iter().filter(|m| m.discloses() == Disclosure::Equality);
        assert_eq!(equality.collect::<Vec<_>>(), [Method::Hash, Method::Token, Method::Fpe]);
        let value = Method::ALL.into_iter().filter(|m| m.discloses() > Disclosure::Equality);
        assert_eq!(value.collect::<Vec<_>>(), [Method::Show]);
    }
}
