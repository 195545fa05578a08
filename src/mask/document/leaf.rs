//! What stands at a protected path: whatever it is, it is taken as the text
//! that `->>` makes of it, and masked as a text, so that both ways to see it
//! agree. A JSON null stays null, as NULL does.

use bytes::{BufMut, Bytes, BytesMut};
use smallvec::SmallVec;

use super::DocumentRule;
use crate::catalog::Oid;
use crate::mask::keys::KeyRing;
use crate::mask::method::{Method, MethodSpec};
use crate::mask::plan::plan;
use crate::mask::types::document::{put_string, unescaped};
use crate::mask::types::text::in_encoding;
use crate::mask::{Encoding, Format, Mask, Masked, UnreadableValue, ValueType, Wire};

/// What the values of one path become.
pub struct Leaf {
    shown: Shown,
    encoding: Encoding,
}

enum Shown {
    Null,
    /// The value of `redact`: as JSON writes it, and as a text.
    Constant {
        json: Bytes,
        text: Bytes,
    },
    Text {
        mask: Box<dyn Mask>,
        takes_structures: bool,
        hidden: Bytes,
    },
    /// Made of numbers only.
    Number {
        mask: Box<dyn Mask>,
        hidden: Bytes,
    },
}

const HIDDEN: &str = "***";

impl Leaf {
    /// None: the method has no meaning here ([`super::fits_inside`]).
    pub fn of(rule: &DocumentRule, wire: Wire, keys: &KeyRing) -> Option<Self> {
        let encoding = wire.encoding;
        let hidden = || Bytes::from_static(HIDDEN.as_bytes());
        let shown = match rule.method.method() {
            Method::Null => Shown::Null,
            Method::Redact => constant(&rule.method, encoding),
            method @ (Method::Partial
            | Method::Email
            | Method::Hash
            | Method::Token
            | Method::Fpe
            | Method::Fake) => Shown::Text {
                mask: plan(&rule.method, &rule.domain, &text_type(25, "text"), text_wire(wire), keys).ok()?,
                // An object's text has ends that nobody meant to show.
                takes_structures: !matches!(method, Method::Partial | Method::Email),
                hidden: hidden(),
            },
            Method::Generalize | Method::Noise => Shown::Number {
                mask: plan(&rule.method, &rule.domain, &text_type(1700, "numeric"), text_wire(wire), keys)
                    .ok()?,
                hidden: hidden(),
            },
            Method::Show | Method::Document => return None,
        };
        Some(Self { shown, encoding })
    }

    /// Appends what stands for `value`, a whole JSON value without blanks around it.
    pub fn put(&self, value: &[u8], out: &mut BytesMut) {
        let start = out.len();
        let is_null = value.first() == Some(&b'n');
        match &self.shown {
            _ if is_null => out.put_slice(b"null"),
            Shown::Null => out.put_slice(b"null"),
            Shown::Constant { json, .. } => out.put_slice(json),
            Shown::Text { .. } => match self.put_text_of(value, out) {
                Masked::Null => out.put_slice(b"null"),
                Masked::Value => quote(start, out),
            },
            Shown::Number { .. } => {
                // What is no number any more is a text.
                if self.put_text_of(value, out) == Masked::Null || !is_number(written(start, out)) {
                    quote(start, out);
                }
            }
        }
    }

    fn put_text_of(&self, value: &[u8], out: &mut BytesMut) -> Masked {
        let inside = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
        let Some(inside) = inside else { return self.put_text(value, out) };
        if !inside.contains(&b'\\') {
            return self.put_text(inside, out);
        }
        let mut plain = SmallVec::<[u8; 256]>::new();
        match unescaped(inside, self.encoding, &mut plain) {
            Some(()) => self.put_text(&plain, out),
            None => self.put_hidden(out),
        }
    }

    /// Appends what stands for a text that `->>` made.
    fn put_text(&self, text: &[u8], out: &mut BytesMut) -> Masked {
        let start = out.len();
        let is_structure = matches!(text.first(), Some(b'{' | b'['));
        let masked = match &self.shown {
            Shown::Null => return Masked::Null,
            Shown::Constant { text, .. } => {
                out.put_slice(text);
                return Masked::Value;
            }
            Shown::Text { takes_structures: false, .. } if is_structure => None,
            Shown::Text { mask, .. } => mask.apply(text, out).ok(),
            Shown::Number { mask, .. } if is_number(text) => {
                mask.apply(text, out).ok().filter(|_| is_number(written(start, out)))
            }
            Shown::Number { .. } => None,
        };
        masked.unwrap_or_else(|| {
            out.truncate(start);
            self.put_hidden(out)
        })
    }

    fn put_hidden(&self, out: &mut BytesMut) -> Masked {
        if let Shown::Text { hidden, .. } | Shown::Number { hidden, .. } = &self.shown {
            out.put_slice(hidden);
        }
        Masked::Value
    }
}

/// The mask of a text that `->>` made.
pub struct LeafText(pub Leaf);

impl Mask for LeafText {
    fn apply(&self, value: &[u8], out: &mut BytesMut) -> Result<Masked, UnreadableValue> {
        Ok(self.0.put_text(value, out))
    }
}

fn text_type(oid: u32, name: &str) -> ValueType {
    ValueType { oid: Oid(oid), name: name.into(), modifier: -1, element: None, kind: 'b', fields: None }
}

/// Documents hold texts in either format.
fn text_wire(wire: Wire) -> Wire {
    Wire { format: Format::Text, ..wire }
}

/// `value` as JSON: a number or boolean as it is, all else a string.
fn constant(method: &MethodSpec, encoding: Encoding) -> Shown {
    let value = match method {
        MethodSpec::Redact { value: Some(value) } => value.as_str(),
        _ => HIDDEN,
    };
    let text = in_encoding(value.as_bytes(), encoding);
    let bare =
        serde_json::from_str::<serde_json::Value>(value).is_ok_and(|v| v.is_number() || v.is_boolean());
    let mut json = BytesMut::new();
    match bare {
        true => json.put_slice(value.trim().as_bytes()),
        false => put_string(&text, &mut json),
    }
    Shown::Constant { json: json.freeze(), text: text.into() }
}

/// A number as JSON writes one, without an exponent, which masks of numbers don't read.
fn is_number(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    digits.first().is_some_and(u8::is_ascii_digit)
        && digits.last().is_some_and(u8::is_ascii_digit)
        && digits.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
        && digits.iter().filter(|byte| **byte == b'.').count() < 2
        && (digits.first() != Some(&b'0') || digits.len() == 1 || digits.get(1) == Some(&b'.'))
}

fn written(start: usize, out: &BytesMut) -> &[u8] {
    out.get(start..).unwrap_or_default()
}

/// Makes a JSON string of what was written from `start` on.
fn quote(start: usize, out: &mut BytesMut) {
    let plain: SmallVec<[u8; 256]> = written(start, out).into();
    out.truncate(start);
    put_string(&plain, out);
}
