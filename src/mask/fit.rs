//! What a method means for a type, without keys: all that `check` needs, and
//! the first half of a plan. Declared lengths and precisions must hold for
//! every value, or the method does not fit, and the fault says what would.

use std::sync::Arc;

use bytes::BytesMut;

use super::document::{DocumentRule, MOST_PATHS, fits_inside};
use super::fake::Kind;
use super::fpe::Classes;
use super::generalize::Unit;
use super::method::{Generalize, LONGEST_HASH, Method, MethodSpec, Partial, SHORTEST_HASH};
use super::noise::Millionths;
use super::types::integer::Width;
use super::types::number::{Decimal, Declared, Float};
use super::types::text::{self, Shape};
use super::types::{Family, Literal, datetime, family, literal};
use super::{DoesNotFit, FieldType, Format, ValueType, email, token};

/// Whether a method fits a type, and if not, what to do instead.
pub fn fits(spec: &MethodSpec, ty: &ValueType) -> Result<(), DoesNotFit> {
    meaning(spec, ty).map(|_| ())
}

/// The methods that fit a type, with their default options or, if they have
/// none, with any.
pub fn fitting(ty: &ValueType) -> impl Iterator<Item = Method> + '_ {
    Method::ALL.into_iter().filter(|m| example(*m, ty).is_some())
}

/// A use of a method that fits a type, if there is one.
pub fn example(method: Method, ty: &ValueType) -> Option<MethodSpec> {
    let ten = Decimal { unscaled: 10, scale: 0 };
    let others = [
        MethodSpec::Generalize(Generalize::Bucket(ten)),
        MethodSpec::Generalize(Generalize::Prefix(24, 48)),
        MethodSpec::Fake(Kind::FirstName),
    ];
    let all = std::iter::once(MethodSpec::of(method)).chain(others);
    all.filter(|spec| spec.method() == method).find(|spec| choose(spec, ty).is_ok())
}

/// What a method means for a type; declared lengths are taken into account.
pub(super) enum Meaning {
    /// NULL stands for the value, of an array for the whole.
    Null,
    /// NULL stands for the value, of an array for each element.
    NoConstant,
    Constant(Literal),
    Partial {
        partial: Partial,
        shape: Shape,
    },
    Email {
        shape: Shape,
    },
    HashText {
        digits: usize,
        shape: Shape,
    },
    HashInteger(Width),
    HashUuid,
    HashBytea {
        length: usize,
    },
    TokenText {
        shape: Shape,
    },
    TokenInteger(Width),
    TokenUuid,
    Fpe {
        classes: Classes,
        shape: Shape,
    },
    GeneralizeInteger {
        bucket: i64,
        width: Width,
    },
    GeneralizeNumeric {
        bucket: Decimal,
        declared: Option<Declared>,
    },
    GeneralizeFloat4(f32),
    GeneralizeFloat8(f64),
    GeneralizeMoment {
        unit: Unit,
        kind: datetime::Kind,
        hidden: Literal,
    },
    GeneralizeNetwork {
        prefixes: (u8, u8),
        is_cidr: bool,
    },
    NoiseInteger {
        amount: Millionths,
        width: Width,
    },
    NoiseNumeric {
        amount: Millionths,
        declared: Option<Declared>,
    },
    NoiseFloat4(f64),
    NoiseFloat8(f64),
    Fake {
        kind: Kind,
        shape: Shape,
    },
    Document {
        rules: Arc<[DocumentRule]>,
        is_jsonb: bool,
        hidden: Literal,
    },
    /// Of a document, as a text.
    Part(DocumentRule),
    /// Of each field of a composite type; none: it stays.
    Composite(Vec<Option<FieldMeaning>>),
}

/// What a method means for a field of a composite type.
pub(super) struct FieldMeaning {
    pub meaning: Meaning,
    /// Its token domain.
    pub domain: Arc<str>,
}

/// Why a method has no meaning for a type.
enum Misfit {
    /// It never has one for this family.
    Family,
    /// It could have, if it weren't for this.
    Mend(String),
}

pub(super) fn meaning(spec: &MethodSpec, ty: &ValueType) -> Result<Meaning, DoesNotFit> {
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
            Ok(constant.map_or(Meaning::NoConstant, Meaning::Constant))
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
        (MethodSpec::Generalize(how), family) => generalize(how, family, ty.modifier),
        (MethodSpec::Noise { amount }, family) => noise(*amount, family, ty.modifier),
        (MethodSpec::Fake(kind), Family::Text(text)) => fake(*kind, Shape::of(text, ty.modifier)),
        (MethodSpec::Document(rules), Family::Composite) => composite(rules, ty),
        (MethodSpec::Document(rules), family) => document(rules, family, ty.modifier),
        (MethodSpec::Show, _) => Err(Misfit::Mend("it declares a column public and is no mask".to_owned())),
        (
            MethodSpec::Null
            | MethodSpec::Partial(_)
            | MethodSpec::Email
            | MethodSpec::Token
            | MethodSpec::Fpe { .. }
            | MethodSpec::Fake(_),
            _,
        ) => Err(Misfit::Family),
    }
}

/// What a path leads to may also stand by itself, as a text.
fn document(rules: &Arc<[DocumentRule]>, family: Family, modifier: i32) -> Result<Meaning, Misfit> {
    let misfit = rules.iter().find_map(|rule| fits_inside(&rule.method).err());
    match (family, &**rules) {
        (Family::Json | Family::Jsonb, _) if let Some(mend) = misfit => Err(Misfit::Mend(mend.to_owned())),
        (Family::Json | Family::Jsonb, paths) if paths.len() <= MOST_PATHS => {
            let hidden = literal(family, -1, None).map_err(Misfit::Mend)?.ok_or(Misfit::Family)?;
            Ok(Meaning::Document { rules: Arc::clone(rules), is_jsonb: family == Family::Jsonb, hidden })
        }
        (Family::Json | Family::Jsonb, _) => {
            Err(Misfit::Mend(format!("a column has at most {MOST_PATHS} paths, mask it as a whole")))
        }
        (Family::Text(kind), [rule]) if rule.path.is_whole() && is_free(kind, modifier) => {
            Ok(Meaning::Part(rule.clone()))
        }
        _ => Err(Misfit::Mend(
            "\"path\" leads into json, jsonb and composite types only, leave it out".to_owned(),
        )),
    }
}

fn composite(rules: &[DocumentRule], ty: &ValueType) -> Result<Meaning, Misfit> {
    let fields = ty.fields.as_deref().ok_or(Misfit::Family)?;
    for DocumentRule { path, .. } in rules {
        if path.each {
            let mend = format!("path {path}: elements of an array are masked one by one, leave \"[*]\" out");
            return Err(Misfit::Mend(mend));
        }
        if !fields.iter().any(|field| path.keys.first() == Some(&field.name)) {
            let names: Vec<&str> = fields.iter().map(|field| &*field.name).collect();
            return Err(Misfit::Mend(format!("path {path}: its fields are {}", names.join(", "))));
        }
    }
    let meanings = fields.iter().map(|field| field_meaning(rules, field));
    Ok(Meaning::Composite(meanings.collect::<Result<_, _>>()?))
}

fn field_meaning(rules: &[DocumentRule], field: &FieldType) -> Result<Option<FieldMeaning>, Misfit> {
    let behind = |rule: &DocumentRule| {
        let path = rule.path.behind(&field.name)?;
        Some(DocumentRule { path, ..rule.clone() })
    };
    let rules: Vec<DocumentRule> = rules.iter().filter_map(behind).collect();
    let (method, domain) = match rules.as_slice() {
        [] => return Ok(None),
        [rule] if rule.path.is_whole() => (rule.method.clone(), Arc::clone(&rule.domain)),
        [first, ..] if family(&field.ty) == Some(Family::Composite) => {
            let domain = Arc::clone(&first.domain);
            (MethodSpec::Document(rules.into()), domain)
        }
        _ => return Err(Misfit::Mend(format!("field {} has no fields, end the path there", field.name))),
    };
    match meaning(&method, &field.ty) {
        Ok(meaning) => Ok(Some(FieldMeaning { meaning, domain })),
        Err(misfit) => Err(Misfit::Mend(format!("field {}: {misfit}", field.name))),
    }
}

/// A text of any length, as the accessors give it.
fn is_free(kind: text::Kind, modifier: i32) -> bool {
    matches!(kind, text::Kind::Text | text::Kind::Varchar) && modifier < 0
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

/// Characters of `***`.
const HIDDEN: usize = 3;

fn fpe(classes: Classes, shape: Shape) -> Result<Meaning, Misfit> {
    let needed = classes.shortest();
    if classes.holds('*') && needed <= HIDDEN {
        // Saved as it was read, it would be taken for a token.
        let mend = "of an alphabet that long leave out \"*\": \"***\" stands for what can't be enciphered";
        return Err(Misfit::Mend(mend.to_owned()));
    }
    if classes.holds(' ') && shape.drops_blanks() {
        let mend = "leave the blank out of the alphabet: the column's type drops it at the end";
        return Err(Misfit::Mend(mend.to_owned()));
    }
    if shape.room() >= needed {
        return Ok(Meaning::Fpe { classes, shape });
    }
    Err(Misfit::Mend(format!(
        "format-preserving encryption needs {needed} characters of this alphabet (a million values), \
         the column holds {}: use \"redact\"",
        shape.room()
    )))
}

fn generalize(how: &Generalize, family: Family, modifier: i32) -> Result<Meaning, Misfit> {
    let mend = |mend: &str| Err(Misfit::Mend(mend.to_owned()));
    let kind = match family {
        Family::Date => Some(datetime::Kind::Date),
        Family::Timestamp => Some(datetime::Kind::Timestamp),
        Family::TimestampTz => Some(datetime::Kind::TimestampTz),
        _ => None,
    };
    match (how, family, kind) {
        (Generalize::To(Unit::Day | Unit::Hour), Family::Date, _) => {
            mend("a date has nothing below days, use to = \"month\" or a longer unit")
        }
        (Generalize::To(unit), family, Some(kind)) => {
            let constant = literal(family, modifier, None).map_err(Misfit::Mend)?;
            let hidden = constant.ok_or(Misfit::Family)?;
            Ok(Meaning::GeneralizeMoment { unit: *unit, kind, hidden })
        }
        (_, _, Some(_)) => mend("use to = \"year\" or another unit"),
        (Generalize::Bucket(bucket), family, None) => bucket_of(*bucket, family, modifier),
        (_, Family::Integer(_) | Family::Numeric | Family::Float4 | Family::Float8, None) => {
            mend("use bucket = 10 or another size")
        }
        (Generalize::Prefix(four, six), Family::Inet | Family::Cidr, None) => {
            Ok(Meaning::GeneralizeNetwork { prefixes: (*four, *six), is_cidr: family == Family::Cidr })
        }
        (_, Family::Inet | Family::Cidr, None) => mend("use prefix = 24 or another number of bits"),
        (Generalize::To(_) | Generalize::Prefix(..), _, None) => Err(Misfit::Family),
    }
}

fn fake(kind: Kind, shape: Shape) -> Result<Meaning, Misfit> {
    if shape.room() >= kind.shortest() {
        return Ok(Meaning::Fake { kind, shape });
    }
    Err(Misfit::Mend(format!(
        "this kind needs {} characters, the column holds {}: use another kind or \"redact\"",
        kind.shortest(),
        shape.room()
    )))
}

fn noise(amount: Millionths, family: Family, modifier: i32) -> Result<Meaning, Misfit> {
    let part = f64::from(amount) / 1e6;
    match family {
        Family::Integer(width) => Ok(Meaning::NoiseInteger { amount, width }),
        Family::Numeric => match Declared::of(modifier) {
            Some(declared) if declared.rounds() => {
                Err(Misfit::Mend("the column rounds to tens or more, use \"generalize\"".to_owned()))
            }
            declared => Ok(Meaning::NoiseNumeric { amount, declared }),
        },
        Family::Float4 => Ok(Meaning::NoiseFloat4(part)),
        Family::Float8 => Ok(Meaning::NoiseFloat8(part)),
        _ => Err(Misfit::Family),
    }
}

fn bucket_of(bucket: Decimal, family: Family, modifier: i32) -> Result<Meaning, Misfit> {
    let misfit = |mend: &str| Misfit::Mend(mend.to_owned());
    // As text: the shortest way to a float of either size.
    let mut text = BytesMut::new();
    bucket.encode(Format::Text, &mut text);
    match family {
        Family::Integer(width) => {
            let whole = bucket.with_scale(0).and_then(|b| i64::try_from(b.unscaled).ok());
            let bucket = whole.filter(|b| *b <= width.largest());
            let bucket =
                bucket.ok_or_else(|| misfit("use a whole number that the type can hold as bucket"))?;
            Ok(Meaning::GeneralizeInteger { bucket, width })
        }
        Family::Numeric => {
            let declared = Declared::of(modifier);
            let scaled = match declared {
                None => Some(bucket),
                Some(declared) => bucket.with_scale(declared.decimals()).filter(|b| declared.holds(*b)),
            };
            let bucket = scaled.ok_or_else(|| misfit("use a bucket that the column itself can hold"))?;
            Ok(Meaning::GeneralizeNumeric { bucket, declared })
        }
        Family::Float4 => {
            let bucket = f32::decode(&text, Format::Text).filter(|b| b.is_normal());
            bucket.map(Meaning::GeneralizeFloat4).ok_or_else(|| misfit("use a bucket that float4 can hold"))
        }
        Family::Float8 => {
            f64::decode(&text, Format::Text).map(Meaning::GeneralizeFloat8).ok_or(Misfit::Family)
        }
        Family::Inet | Family::Cidr => Err(misfit("use prefix = 24 or another number of bits")),
        _ => Err(Misfit::Family),
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
