//! What a value of a line means, and how an original is spelled in one: see
//! `CopyReadAttributesText` and `CopyReadAttributesCSV`.
//!
//! Invariant: an original never reads like a marker of NULL or of a default.
//! The client chooses the markers, and would be told whether it is that text.

use bytes::{BufMut, BytesMut};
use zeroize::Zeroizing;

use super::row::{Row, Turned};
use super::{bad_format, unfit};
use crate::error::ClientError;
use crate::session::copy::unescape;
use crate::sql::analysis::{CopyFormat, CopyInFormat};

pub(super) struct Spelling {
    null: Vec<u8>,
    default: Option<Vec<u8>>,
    force_null: Vec<usize>,
    force_not_null: Vec<usize>,
    /// None: text format.
    csv: Option<(u8, u8)>,
    delimiter: u8,
}

impl Spelling {
    pub fn of(format: &CopyInFormat) -> Self {
        let (null, delimiter, csv) = match &format.format {
            CopyFormat::Text { null, delimiter, .. } => (null.as_str(), *delimiter, None),
            CopyFormat::Csv { null, delimiter, quote, escape, .. } => {
                (null.as_str(), *delimiter, Some((*quote, *escape)))
            }
            CopyFormat::Binary => ("", 0, None),
        };
        Self {
            null: null.into(),
            default: format.default.as_ref().map(|default| default.clone().into_bytes()),
            force_null: format.force_null.clone(),
            force_not_null: format.force_not_null.clone(),
            csv,
            delimiter,
        }
    }

    /// Writes what goes upstream in the place of `raw`, a value as it stands
    /// in its line.
    pub fn write(&self, raw: &[u8], row: &Row, out: &mut BytesMut) -> Result<(), ClientError> {
        let Some(value) = self.read(raw, row.place()) else {
            out.put_slice(raw);
            return Ok(());
        };
        match row.turn(&value)? {
            Turned::Itself => out.put_slice(raw),
            Turned::Original(original) => match self.csv {
                Some((quote, escape)) => put_quoted(&original, quote, escape, out),
                None => self.put_escaped(&original, out)?,
            },
        }
        Ok(())
    }

    /// None: NULL, or the default.
    fn read(&self, raw: &[u8], place: usize) -> Option<Zeroizing<Vec<u8>>> {
        let is_default = self.default.as_deref() == Some(raw);
        let Some((quote, escape)) = self.csv else {
            return (raw != self.null && !is_default).then(|| unescape(raw).into());
        };
        // A marker can't hold a quote, so what is quoted is none.
        let is_null = raw == self.null && !self.force_not_null.contains(&place);
        if is_null || (is_default && raw != self.null) {
            return None;
        }
        let value = unquoted(raw, quote, escape);
        (*value != self.null || !self.force_null.contains(&place)).then_some(value)
    }

    fn put_escaped(&self, value: &[u8], out: &mut BytesMut) -> Result<(), ClientError> {
        let mut plain = Zeroizing::new(Vec::with_capacity(value.len()));
        value.iter().for_each(|byte| put_escape(*byte, self.delimiter, &mut plain));
        let is_marker = |spelled: &[u8]| spelled == self.null || self.default.as_deref() == Some(spelled);
        if !is_marker(&plain) {
            out.put_slice(&plain);
            return Ok(());
        }
        // Two other ways to spell the first byte, against two markers.
        let (Some(first), Some(rest)) = (value.first(), value.get(1..)) else {
            return Err(unfit("an empty marker", "Use another marker, or FORMAT csv."));
        };
        for spelled in [format!("\\x{first:02x}"), format!("\\{first:03o}")] {
            let mut spelled = Zeroizing::new(spelled.into_bytes());
            rest.iter().for_each(|byte| put_escape(*byte, self.delimiter, &mut spelled));
            if !is_marker(&spelled) {
                out.put_slice(&spelled);
                return Ok(());
            }
        }
        Err(bad_format("a value of COPY can't be told from its markers"))
    }
}

fn put_escape(byte: u8, delimiter: u8, out: &mut Vec<u8>) {
    match byte {
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\\' => out.extend_from_slice(b"\\\\"),
        byte if byte == delimiter => out.extend_from_slice(&[b'\\', byte]),
        byte => out.push(byte),
    }
}

fn put_quoted(value: &[u8], quote: u8, escape: u8, out: &mut BytesMut) {
    out.put_u8(quote);
    for &byte in value {
        if byte == quote || byte == escape {
            out.put_u8(escape);
        }
        out.put_u8(byte);
    }
    out.put_u8(quote);
}

/// A value without its quotes, which may begin and end anywhere in it.
fn unquoted(raw: &[u8], quote: u8, escape: u8) -> Zeroizing<Vec<u8>> {
    let mut value = Zeroizing::new(Vec::with_capacity(raw.len()));
    let mut bytes = raw.iter().copied().peekable();
    let mut inside = false;
    while let Some(byte) = bytes.next() {
        if inside && byte == escape && bytes.peek().is_some_and(|next| *next == quote || *next == escape) {
            value.extend(bytes.next());
        } else if byte == quote {
            inside = !inside;
        } else {
            value.push(byte);
        }
    }
    value
}
