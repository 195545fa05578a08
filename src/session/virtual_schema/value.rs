//! Values of virtual results in text and binary wire format, and parameters
//! that come in. Formats follow PostgreSQL's input and output functions
//! (`src/backend/utils/adt`), timestamps in ISO style and UTC.

use bytes::{BufMut, Bytes, BytesMut};
use jiff::Timestamp;

use crate::catalog::Oid;
use crate::error::{ClientError, sqlstate};
use crate::mask::Format;

/// The types that occur.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Bool,
    Int4,
    Int8,
    Text,
    TextArray,
    Timestamptz,
    Interval,
}

impl Kind {
    /// As `pg_type.dat` numbers it.
    pub fn oid(self) -> Oid {
        Oid(match self {
            Self::Bool => 16,
            Self::Int8 => 20,
            Self::Int4 => 23,
            Self::Text => 25,
            Self::TextArray => 1009,
            Self::Timestamptz => 1184,
            Self::Interval => 1186,
        })
    }

    /// `typlen`: bytes, or -1 for any length.
    pub fn length(self) -> i16 {
        match self {
            Self::Bool => 1,
            Self::Int4 => 4,
            Self::Int8 | Self::Timestamptz => 8,
            Self::Interval => 16,
            Self::Text | Self::TextArray => -1,
        }
    }
}

/// One value. The order is PostgreSQL's with collation C; NULL last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    Bool(bool),
    Int4(i32),
    Int8(i64),
    Text(String),
    TextArray(Vec<String>),
    Timestamptz(Timestamp),
    /// Whole seconds.
    Interval(i64),
    Null,
}

/// Microseconds of Unix time at PostgreSQL's epoch, 2000-01-01 UTC.
const EPOCH: i64 = 946_684_800_000_000;

impl Value {
    pub fn text(value: impl Into<String>) -> Self {
        Self::Text(value.into())
    }
    pub fn optional<T>(value: Option<T>, make: impl FnOnce(T) -> Self) -> Self {
        value.map_or(Self::Null, make)
    }

    /// Its bytes for a DataRow, without the length word; None is NULL.
    pub fn encode(&self, format: Format) -> Option<Bytes> {
        match format {
            Format::Text => self.to_text().map(Bytes::from),
            Format::Binary => self.to_binary(),
        }
    }

    fn to_text(&self) -> Option<String> {
        Some(match self {
            Self::Null => return None,
            Self::Bool(b) => if *b { "t" } else { "f" }.to_owned(),
            Self::Int4(n) => n.to_string(),
            Self::Int8(n) => n.to_string(),
            Self::Text(s) => s.clone(),
            Self::TextArray(items) => array_text(items),
            Self::Timestamptz(at) => timestamp_text(*at),
            Self::Interval(s) => format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60),
        })
    }

    fn to_binary(&self) -> Option<Bytes> {
        let mut out = BytesMut::new();
        match self {
            Self::Null => return None,
            Self::Bool(b) => out.put_u8(u8::from(*b)),
            Self::Int4(n) => out.put_i32(*n),
            Self::Int8(n) => out.put_i64(*n),
            Self::Text(s) => out.put_slice(s.as_bytes()),
            Self::TextArray(items) => array_binary(items, &mut out)?,
            Self::Timestamptz(at) => out.put_i64(at.as_microsecond().saturating_sub(EPOCH)),
            Self::Interval(seconds) => {
                // Microseconds, days, months.
                out.put_i64(seconds.saturating_mul(1_000_000));
                out.put_i32(0);
                out.put_i32(0);
            }
        }
        Some(out.freeze())
    }
}

/// `array_out`: quoted where the text would be read otherwise.
fn array_text(items: &[String]) -> String {
    let needs_quotes = |s: &str| {
        s.is_empty()
            || s.eq_ignore_ascii_case("null")
            || s.contains(|c: char| matches!(c, '{' | '}' | ',' | '"' | '\\') || c.is_ascii_whitespace())
    };
    let item = |s: &String| {
        if needs_quotes(s) {
            format!("\"{}\"", s.replace('\\', "\\\\").replace('"', "\\\""))
        } else {
            s.clone()
        }
    };
    format!("{{{}}}", items.iter().map(item).collect::<Vec<_>>().join(","))
}

/// `array_send`. None: longer than the format can say.
fn array_binary(items: &[String], out: &mut BytesMut) -> Option<()> {
    out.put_i32(i32::from(!items.is_empty()));
    out.put_i32(0);
    out.put_u32(Kind::Text.oid().0);
    if !items.is_empty() {
        out.put_i32(i32::try_from(items.len()).ok()?);
        out.put_i32(1);
    }
    for item in items {
        out.put_i32(i32::try_from(item.len()).ok()?);
        out.put_slice(item.as_bytes());
    }
    Some(())
}

/// `2026-01-02 03:04:05.678901+00`, the fraction as short as it is exact.
fn timestamp_text(at: Timestamp) -> String {
    let whole = at.strftime("%Y-%m-%d %H:%M:%S").to_string();
    match at.subsec_microsecond() {
        0 => format!("{whole}+00"),
        fraction => format!("{whole}.{}+00", format!("{fraction:06}").trim_end_matches('0')),
    }
}

/// A parameter as Bind brings it.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// The type that Parse declared; 0: none, then it is what
    /// `parameter_types` says.
    pub declared: Oid,
    /// That type.
    pub expected: Oid,
    pub format: Format,
    pub value: Option<Bytes>,
}

impl Parameter {
    /// Its text form; None is NULL.
    ///
    /// # Errors
    /// `08P01`/`22021` for bytes that are none of its type, `0A000` for a
    /// binary type that is not read here.
    pub(super) fn text(&self) -> Result<Option<String>, ClientError> {
        let Some(bytes) = &self.value else { return Ok(None) };
        let wrong = || {
            ClientError::new(sqlstate::PROTOCOL_VIOLATION, "incorrect binary data format in bind parameter")
        };
        let oid = if self.declared.0 == 0 { self.expected } else { self.declared };
        let text = match (self.format, oid.0) {
            // text, varchar, bpchar, unknown, name
            (Format::Text, _) | (Format::Binary, 25 | 1043 | 1042 | 705 | 19) => {
                let text = std::str::from_utf8(bytes).map_err(|_| {
                    ClientError::new(
                        sqlstate::CHARACTER_NOT_IN_REPERTOIRE,
                        "invalid byte sequence for encoding \"UTF8\"",
                    )
                })?;
                text.to_owned()
            }
            (Format::Binary, 16) => match bytes.as_ref() {
                [0] => "f".to_owned(),
                [_] => "t".to_owned(),
                _ => return Err(wrong()),
            },
            (Format::Binary, 21) => i16::from_be_bytes(exact(bytes).ok_or_else(wrong)?).to_string(),
            (Format::Binary, 23) => i32::from_be_bytes(exact(bytes).ok_or_else(wrong)?).to_string(),
            (Format::Binary, 20) => i64::from_be_bytes(exact(bytes).ok_or_else(wrong)?).to_string(),
            (Format::Binary, other) => {
                return Err(ClientError::new(
                    sqlstate::FEATURE_NOT_SUPPORTED,
                    format!(
                        "a parameter of type {other} in binary format is not supported by schema \"bauta\""
                    ),
                )
                .with_hint("pass it as text"));
            }
        };
        Ok(Some(text))
    }
}

fn exact<const N: usize>(bytes: &Bytes) -> Option<[u8; N]> {
    bytes.as_ref().try_into().ok()
}

/// PostgreSQL's spellings of a boolean (`boolin`).
pub(super) fn read_bool(text: &str) -> Result<bool, ClientError> {
    match text.trim().to_ascii_lowercase().as_str() {
        "t" | "true" | "y" | "yes" | "on" | "1" => Ok(true),
        "f" | "false" | "n" | "no" | "off" | "0" => Ok(false),
        _ => Err(no_such_value("boolean", text)),
    }
}

pub(super) fn read_int(text: &str) -> Result<i64, ClientError> {
    text.trim().parse().map_err(|_| no_such_value("bigint", text))
}

fn no_such_value(type_name: &str, text: &str) -> ClientError {
    ClientError::new(
        sqlstate::INVALID_TEXT_REPRESENTATION,
        format!("invalid input syntax for type {type_name}: \"{text}\""),
    )
}
