//! What masks know of PostgreSQL's types: one file a family, with the text and
//! the binary form of its values side by side, so that both always agree.
//! Follows the `*_out` and `*_send` functions in `src/backend/utils/adt`.

pub mod array;
pub mod bytea;
pub mod composite;
pub mod datetime;
pub mod document;
pub mod integer;
mod nested;
pub mod network;
pub mod number;
pub mod text;
pub mod uuid;

use super::ValueType;
use crate::catalog::Oid;

/// A type, or the element type of an array, as far as masks distinguish it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    Text(text::Kind),
    Integer(integer::Width),
    Money,
    Float4,
    Float8,
    Numeric,
    Bool,
    Date,
    Time,
    TimeTz,
    Timestamp,
    TimestampTz,
    Interval,
    Uuid,
    Bytea,
    Inet,
    Cidr,
    MacAddr,
    MacAddr8,
    Json,
    Jsonb,
    Xml,
    Enum,
    Range,
    Multirange,
    Composite,
}

/// A constant in both formats. `text` is UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Literal {
    pub text: Vec<u8>,
    pub binary: Vec<u8>,
    /// The binary form is text in the client's encoding too.
    pub textual: bool,
}

impl Literal {
    fn new(text: impl Into<Vec<u8>>, binary: impl Into<Vec<u8>>) -> Self {
        Self { text: text.into(), binary: binary.into(), textual: false }
    }

    /// For types whose binary form is their text.
    fn textual(text: impl AsRef<[u8]>) -> Self {
        Self { text: text.as_ref().into(), binary: text.as_ref().into(), textual: true }
    }
}

/// The family of a type or of its elements. None: no codec, so only NULL can
/// stand for a value. Oids are those of `pg_type.dat`, fixed for ever.
pub fn family(ty: &ValueType) -> Option<Family> {
    let Oid(oid) = ty.element.unwrap_or(ty.oid);
    Some(match oid {
        16 => Family::Bool,
        17 => Family::Bytea,
        18 => Family::Text(text::Kind::Char),
        19 => Family::Text(text::Kind::Name),
        20 => Family::Integer(integer::Width::Eight),
        21 => Family::Integer(integer::Width::Two),
        23 => Family::Integer(integer::Width::Four),
        25 => Family::Text(text::Kind::Text),
        114 => Family::Json,
        142 => Family::Xml,
        650 => Family::Cidr,
        700 => Family::Float4,
        701 => Family::Float8,
        774 => Family::MacAddr8,
        790 => Family::Money,
        829 => Family::MacAddr,
        869 => Family::Inet,
        1042 => Family::Text(text::Kind::Bpchar),
        1043 => Family::Text(text::Kind::Varchar),
        1082 => Family::Date,
        1083 => Family::Time,
        1114 => Family::Timestamp,
        1184 => Family::TimestampTz,
        1186 => Family::Interval,
        1266 => Family::TimeTz,
        1700 => Family::Numeric,
        2950 => Family::Uuid,
        3802 => Family::Jsonb,
        _ => return by_kind(ty),
    })
}

/// Types whose oid is given out when they are created.
fn by_kind(ty: &ValueType) -> Option<Family> {
    match ty.kind {
        'e' => Some(Family::Enum),
        'r' => Some(Family::Range),
        'm' => Some(Family::Multirange),
        'c' => Some(Family::Composite),
        // citext's output and send functions are text's own.
        'b' if &*ty.name == "citext" => Some(Family::Text(text::Kind::Text)),
        _ => None,
    }
}

/// The constant that `redact` shows: `value`, or else the type's own. None:
/// the type has no constant that fits every column of it, so NULL.
/// Errors say what `value` must be.
pub fn literal(family: Family, modifier: i32, value: Option<&str>) -> Result<Option<Literal>, String> {
    Ok(Some(match family {
        Family::Text(kind) => text::literal(text::Shape::of(kind, modifier), value)?,
        Family::Integer(width) => integer::literal(width, value)?,
        Family::Money => integer::money(value)?,
        Family::Float4 => number::float4(value)?,
        Family::Float8 => number::float8(value)?,
        Family::Numeric => number::numeric(modifier, value)?,
        Family::Bool => number::boolean(value)?,
        Family::Date => datetime::date(value)?,
        Family::Time => datetime::time(modifier, value)?,
        Family::TimeTz => datetime::timetz(modifier, value)?,
        Family::Timestamp => datetime::timestamp(modifier, value)?,
        Family::TimestampTz => datetime::timestamptz(modifier, value)?,
        Family::Interval => datetime::interval(value)?,
        Family::Uuid => uuid::literal(value)?,
        Family::Bytea => bytea::literal(value)?,
        Family::Inet => network::inet(value)?,
        Family::Cidr => network::cidr(value)?,
        Family::MacAddr => network::macaddr::<6>(value)?,
        Family::MacAddr8 => network::macaddr::<8>(value)?,
        Family::Json => document::json(value)?,
        Family::Jsonb => document::jsonb(value)?,
        Family::Xml => document::xml(value)?,
        Family::Range => no_value(value, "a range", Literal::new("empty", [1]))?,
        Family::Multirange => no_value(value, "a multirange", Literal::new("{}", [0; 4]))?,
        Family::Enum | Family::Composite => {
            if value.is_some() {
                return Err("leave \"value\" out: this type can only become NULL".to_owned());
            }
            return Ok(None);
        }
    }))
}

/// For types whose only constant is their own.
fn no_value(value: Option<&str>, what: &str, own: Literal) -> Result<Literal, String> {
    match value {
        None => Ok(own),
        Some(_) => Err(format!("leave \"value\" out: {what} has one constant only")),
    }
}
