//! From a method, a type and a format to a mask that has nothing left to decide.

use super::document;
use super::email::EmailMask;
use super::fake::FakeMask;
use super::fit::{FieldMeaning, Meaning, meaning};
use super::fpe::{Cipher, FpeMask};
use super::generalize::{
    GeneralizeFloat, GeneralizeInteger, GeneralizeMoment, GeneralizeNetwork, GeneralizeNumeric,
};
use super::hash::{HashBytea, HashInteger, HashText, HashUuid, Keyed};
use super::keys::KeyRing;
use super::method::{Method, MethodSpec, Partial};
use super::noise::{NoiseFloat, NoiseInteger, NoiseNumeric};
use super::partial::PartialMask;
use super::redact::{Constant, Null};
use super::token::{self, TokenInteger, TokenMask, TokenUuid};
use super::types::Literal;
use super::types::array::{self, ArrayMask};
use super::types::composite::{CompositeMask, FieldMask};
use super::types::text::{self, Shape, in_encoding};
use super::{DoesNotFit, Encoding, Format, Mask, UnreadableValue, ValueType, Wire};

/// The mask for one column of one result.
///
/// `domain` is the column's token domain. `wire` is a `Format`, for clients
/// that speak UTF-8, or a `Wire`.
pub fn plan(
    spec: &MethodSpec,
    domain: &str,
    ty: &ValueType,
    wire: impl Into<Wire>,
    keys: &KeyRing,
) -> Result<Box<dyn Mask>, DoesNotFit> {
    Ok(meaning(spec, ty)?.build(domain, ty, wire.into(), keys))
}

/// The mask for what is derived, mixed or computed from protected columns:
/// the type's constant, or NULL where it has none. Never fails.
pub fn plan_redact(ty: &ValueType, wire: impl Into<Wire>) -> Box<dyn Mask> {
    let wire = wire.into();
    if let Some(element) = ty.element {
        return Box::new(constant(&array::empty(element), wire));
    }
    match meaning(&MethodSpec::of(Method::Redact), ty) {
        Ok(Meaning::Constant(literal)) => Box::new(constant(&literal, wire)),
        Ok(_) | Err(_) => Box::new(Null),
    }
}

impl Meaning {
    fn build(self, domain: &str, ty: &ValueType, wire: Wire, keys: &KeyRing) -> Box<dyn Mask> {
        let Wire { format, encoding } = wire;
        let unreadable = UnreadableValue { oid: ty.element.unwrap_or(ty.oid), format };
        let keyed_for = |purpose: String| Keyed::new(&keys.newest().derive(&purpose, domain));
        let keyed = |family: &str| keyed_for(format!("hash {family}"));
        let noise = |family: &str| keyed_for(format!("noise {family}"));
        let mask: Box<dyn Mask> = match self {
            Self::Null => return Box::new(Null),
            Self::NoConstant => Box::new(Null),
            Self::Constant(literal) => Box::new(constant(&literal, wire)),
            Self::Partial { partial: Partial { first, last, fill }, shape } => {
                let fill_chars = fill.chars().count();
                let fill = in_encoding(fill.as_bytes(), encoding);
                Box::new(PartialMask { first, last, fill, fill_chars, shape, encoding, unreadable })
            }
            Self::Email { shape } => {
                Box::new(EmailMask { shape, hidden: hidden(shape), encoding, unreadable })
            }
            Self::HashText { digits, shape } => {
                Box::new(HashText { keyed: keyed("text"), digits, shape, encoding, unreadable })
            }
            Self::HashInteger(width) => Box::new(HashInteger { keyed: keyed("integer"), width, unreadable }),
            Self::HashUuid => Box::new(HashUuid { keyed: keyed("uuid"), unreadable }),
            Self::HashBytea { length } => Box::new(HashBytea { keyed: keyed("bytea"), length, unreadable }),
            Self::TokenText { shape } => {
                let key = keys.newest();
                let siv = token::cipher(key, domain).into();
                let hidden = hidden(shape);
                Box::new(TokenMask { key_id: key.id(), siv, shape, hidden, encoding, unreadable })
            }
            Self::TokenInteger(width) => match token::integers(keys, domain, width) {
                Some(permutation) => Box::new(TokenInteger { permutation, width, unreadable }),
                None => Box::new(Null),
            },
            Self::TokenUuid => match token::uuids(keys, domain) {
                Some(permutation) => Box::new(TokenUuid { permutation, unreadable }),
                None => Box::new(Null),
            },
            Self::GeneralizeInteger { bucket, width } => {
                Box::new(GeneralizeInteger { bucket, width, unreadable })
            }
            Self::GeneralizeNumeric { bucket, declared } => {
                Box::new(GeneralizeNumeric { bucket, declared, unreadable })
            }
            Self::GeneralizeFloat4(bucket) => Box::new(GeneralizeFloat { bucket, unreadable }),
            Self::GeneralizeFloat8(bucket) => Box::new(GeneralizeFloat { bucket, unreadable }),
            Self::GeneralizeMoment { unit, kind, hidden } => {
                let hidden = constant(&hidden, wire).0.to_vec();
                Box::new(GeneralizeMoment { unit, kind, hidden, unreadable })
            }
            Self::GeneralizeNetwork { prefixes, is_cidr } => {
                Box::new(GeneralizeNetwork { prefixes, is_cidr, unreadable })
            }
            Self::NoiseInteger { amount, width } => {
                Box::new(NoiseInteger { keyed: noise("integer"), amount, width, unreadable })
            }
            Self::NoiseNumeric { amount, declared } => {
                Box::new(NoiseNumeric { keyed: noise("numeric"), amount, declared, unreadable })
            }
            Self::NoiseFloat4(amount) => {
                Box::new(NoiseFloat::<f32>::new(noise("float4"), amount, unreadable))
            }
            Self::NoiseFloat8(amount) => {
                Box::new(NoiseFloat::<f64>::new(noise("float8"), amount, unreadable))
            }
            Self::Fake { kind, shape } => {
                let keyed = keyed_for("fake text".to_owned());
                Box::new(FakeMask { keyed, kind, shape, hidden: hidden(shape), encoding, unreadable })
            }
            Self::Document { rules, is_jsonb, hidden } => {
                // Names of other characters have other bytes here.
                let readable = encoding == Encoding::Utf8
                    || rules.iter().flat_map(|rule| &rule.path.keys).all(|key| key.is_ascii());
                document::document(&rules, is_jsonb, wire, keys, unreadable)
                    .filter(|_| readable)
                    .unwrap_or_else(|| Box::new(constant(&hidden, wire)))
            }
            Self::Part(rule) => document::text(&rule, wire, keys).unwrap_or_else(|| Box::new(Null)),
            Self::Composite(meanings) => {
                let fields = ty.fields.as_deref().unwrap_or_default();
                let masks = meanings.into_iter().zip(fields).map(|(meaning, field)| FieldMask {
                    declared: field.declared,
                    mask: meaning.map(|FieldMeaning { meaning, domain }| {
                        meaning.build(&domain, &field.ty, wire, keys)
                    }),
                });
                Box::new(CompositeMask { fields: masks.collect(), unreadable })
            }
            Self::Fpe { classes, shape } => match Cipher::new(keys, domain, classes) {
                Some(cipher) => {
                    Box::new(FpeMask { cipher, shape, hidden: hidden(shape), encoding, unreadable })
                }
                None => Box::new(Null),
            },
        };
        in_array(mask, ty, wire)
    }
}

/// What a text column shows where its method has nothing to show.
fn hidden(shape: Shape) -> Vec<u8> {
    text::literal(shape, None).map(|l| l.text).unwrap_or_default()
}

fn constant(literal: &Literal, wire: Wire) -> Constant {
    let bytes = match wire.format {
        Format::Text => in_encoding(&literal.text, wire.encoding),
        Format::Binary if literal.textual => in_encoding(&literal.binary, wire.encoding),
        Format::Binary => literal.binary.clone(),
    };
    Constant(bytes.into())
}

fn in_array(element: Box<dyn Mask>, ty: &ValueType, wire: Wire) -> Box<dyn Mask> {
    match ty.element {
        None => element,
        Some(_) => {
            let unreadable = UnreadableValue { oid: ty.oid, format: wire.format };
            Box::new(ArrayMask { element, unreadable, is_sent: false })
        }
    }
}
