//! From a method, a type and a format to a mask that has nothing left to
//! decide: first what the method means for the type, without keys, which is
//! all that `check` needs; then the mask itself.

use super::email::{self, EmailMask};
use super::fpe::{Cipher, Classes, FpeMask};
use super::hash::{HashBytea, HashInteger, HashText, HashUuid, Keyed};
use super::keys::KeyRing;
use super::method::{LONGEST_HASH, Method, MethodSpec, Partial, SHORTEST_HASH};
use super::partial::PartialMask;
use super::redact::{Constant, Null};
use super::token::{self, TokenInteger, TokenMask, TokenUuid};
use super::types::array::ArrayMask;
use super::types::integer::Width;
use super::types::text::{self, Shape, in_encoding};
use super::types::{Family, Literal, family, literal};
use super::{DoesNotFit, Format, Mask, UnreadableValue, ValueType, Wire};

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
    match meaning(&MethodSpec::of(Method::Redact), ty) {
        Ok(Meaning::Constant(literal)) => {
            let wire = wire.into();
            in_array(Box::new(constant(&literal, wire)), ty, wire)
        }
        Ok(_) | Err(_) => Box::new(Null),
    }
}

/// Whether a method fits a type, and if not, what to do instead.
pub fn fits(spec: &MethodSpec, ty: &ValueType) -> Result<(), DoesNotFit> {
    meaning(spec, ty).map(|_| ())
}

/// The methods that fit a type with their default options.
pub fn fitting(ty: &ValueType) -> impl Iterator<Item = Method> + '_ {
    Method::ALL.into_iter().filter(|m| choose(&MethodSpec::of(*m), ty).is_ok())
}

/// What a method means for a type; declared lengths are taken into account.
enum Meaning {
    Null,
    Constant(Literal),
    Partial { partial: Partial, shape: Shape },
    Email { shape: Shape },
    HashText { digits: usize, shape: Shape },
    HashInteger(Width),
    HashUuid,
    HashBytea { length: usize },
    TokenText { shape: Shape },
    TokenInteger(Width),
    TokenUuid,
    Fpe { classes: Classes, shape: Shape },
}

/// Why a method has no meaning for a type.
enum Misfit {
    /// It never has one for this family.
    Family,
    /// It could have, if it weren't for this.
    Mend(String),
}

fn meaning(spec: &MethodSpec, ty: &ValueType) -> Result<Meaning, DoesNotFit> {
    choose(spec, ty).map_err(|misfit| DoesNotFit {
        method: spec.name(),
        type_name: type_name(ty),
        mend: match misfit {
            Misfit::Mend(mend) => mend,
            Misfit::Family => {
                let others: Vec<_> = fitting(ty).map(Method::name).collect();
                format!("methods that fit are {}", others.join(", "))
            }
        },
    })
}

fn choose(spec: &MethodSpec, ty: &ValueType) -> Result<Meaning, Misfit> {
    let family = match (spec, family(ty)) {
        (MethodSpec::Null, _) => return Ok(Meaning::Null),
        (_, None) => return Err(Misfit::Mend("it has no codec, use method \"null\"".to_owned())),
        (_, Some(family)) => family,
    };
    match (spec, family) {
        (MethodSpec::Redact { value }, family) => {
            let constant = literal(family, ty.modifier, value.as_deref()).map_err(Misfit::Mend)?;
            Ok(constant.map_or(Meaning::Null, Meaning::Constant))
        }
        (MethodSpec::Partial(p), Family::Text(kind)) => partial(p, Shape::of(kind, ty.modifier)),
        (MethodSpec::Email, Family::Text(kind)) => email(Shape::of(kind, ty.modifier)),
        (MethodSpec::Hash { length }, Family::Text(kind)) => hash_text(*length, Shape::of(kind, ty.modifier)),
        (MethodSpec::Hash { length }, family) => hash(*length, family),
        (MethodSpec::Token, Family::Text(kind)) => token_text(Shape::of(kind, ty.modifier)),
        (MethodSpec::Token, Family::Integer(width @ (Width::Four | Width::Eight))) => {
            Ok(Meaning::TokenInteger(width))
        }
        (MethodSpec::Token, Family::Uuid) => Ok(Meaning::TokenUuid),
        (MethodSpec::Fpe { alphabet }, Family::Text(kind)) => {
            fpe(Classes::of(alphabet.as_deref()), Shape::of(kind, ty.modifier))
        }
        (MethodSpec::Show, _) => Err(Misfit::Mend("it declares a column public and is no mask".to_owned())),
        (
            MethodSpec::Null
            | MethodSpec::Partial(_)
            | MethodSpec::Email
            | MethodSpec::Token
            | MethodSpec::Fpe { .. },
            _,
        ) => Err(Misfit::Family),
    }
}

fn partial(partial: &Partial, shape: Shape) -> Result<Meaning, Misfit> {
    let shown = partial.first.saturating_add(partial.last);
    let chars = shown.saturating_add(partial.fill.chars().count());
    // A character has at most four bytes in UTF-8.
    let bytes = shown.saturating_mul(4).saturating_add(partial.fill.len());
    if shape.holds(chars, bytes) {
        return Ok(Meaning::Partial { partial: partial.clone(), shape });
    }
    Err(Misfit::Mend(format!(
        "first, last and fill make {chars} characters, the column holds {}: use a shorter fill or fewer ends",
        shape.room()
    )))
}

fn email(shape: Shape) -> Result<Meaning, Misfit> {
    if shape.room() >= email::SHORTEST {
        return Ok(Meaning::Email { shape });
    }
    Err(Misfit::Mend(format!(
        "a masked address has at least {} characters, the column holds {}: use \"redact\"",
        email::SHORTEST,
        shape.room()
    )))
}

fn hash_text(length: Option<usize>, shape: Shape) -> Result<Meaning, Misfit> {
    let digits = length.unwrap_or_else(|| shape.room().min(LONGEST_HASH));
    if digits < SHORTEST_HASH {
        return Err(Misfit::Mend(format!(
            "a hash needs {SHORTEST_HASH} characters, the column holds {}: use \"redact\"",
            shape.room()
        )));
    }
    if shape.holds(digits, digits) {
        return Ok(Meaning::HashText { digits, shape });
    }
    Err(Misfit::Mend(format!("the column holds {0} characters: use length = {0} or less", shape.room())))
}

fn hash(length: Option<usize>, family: Family) -> Result<Meaning, Misfit> {
    let whole = |meaning| match length {
        None => Ok(meaning),
        Some(_) => Err(Misfit::Mend("leave \"length\" out: this type has one length only".to_owned())),
    };
    match (family, length) {
        (Family::Integer(width), _) => whole(Meaning::HashInteger(width)),
        (Family::Uuid, _) => whole(Meaning::HashUuid),
        (Family::Bytea, Some(digits)) if digits % 2 != 0 => {
            Err(Misfit::Mend("bytes have two digits each: use an even \"length\"".to_owned()))
        }
        (Family::Bytea, digits) => Ok(Meaning::HashBytea { length: digits.unwrap_or(LONGEST_HASH) / 2 }),
        _ => Err(Misfit::Family),
    }
}

fn token_text(shape: Shape) -> Result<Meaning, Misfit> {
    if shape.room() >= token::SHORTEST {
        return Ok(Meaning::TokenText { shape });
    }
    Err(Misfit::Mend(format!(
        "a token needs {} characters, the column holds {}: use \"hash\", or a longer type",
        token::SHORTEST,
        shape.room()
    )))
}

fn fpe(classes: Classes, shape: Shape) -> Result<Meaning, Misfit> {
    let needed = classes.shortest();
    if shape.room() >= needed {
        return Ok(Meaning::Fpe { classes, shape });
    }
    Err(Misfit::Mend(format!(
        "format-preserving encryption needs {needed} characters of this alphabet (a million values), \
         the column holds {}: use \"redact\"",
        shape.room()
    )))
}

impl Meaning {
    fn build(self, domain: &str, ty: &ValueType, wire: Wire, keys: &KeyRing) -> Box<dyn Mask> {
        let Wire { format, encoding } = wire;
        let unreadable = UnreadableValue { oid: ty.element.unwrap_or(ty.oid), format };
        let keyed = |family: &str| Keyed::new(&keys.newest().derive(&format!("hash {family}"), domain));
        let mask: Box<dyn Mask> = match self {
            // NULL stands for the whole array.
            Self::Null => return Box::new(Null),
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
            Box::new(ArrayMask { element, unreadable })
        }
    }
}

/// As people write it: `varchar(20)`, `int4[]`.
fn type_name(ty: &ValueType) -> String {
    let brackets = if ty.element.is_some() { "[]" } else { "" };
    match family(ty) {
        Some(Family::Text(text::Kind::Varchar | text::Kind::Bpchar)) if ty.modifier > 4 => {
            format!("{}({}){brackets}", ty.name, ty.modifier.saturating_sub(4))
        }
        _ => format!("{}{brackets}", ty.name),
    }
}
