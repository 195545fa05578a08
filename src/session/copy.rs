//! COPY … TO STDOUT: rows masked in text, CSV and binary.
//!
//! The server sends whole rows in each CopyData message (`CopySendEndOfRow`
//! in `src/backend/commands/copyto.c`); what doesn't split into whole rows of
//! the described columns is a fault. Follows "File Formats" of COPY.
//!
//! Invariant: every field is either copied because its column is not masked,
//! or read, masked and written anew.

use bytes::{BufMut, BytesMut};

use super::rows::{RowFault, RowPlan};
use crate::audit::tally::Cells;
use crate::sql::analysis::CopyFormat;
use crate::wire::frame::{self, backend as tag};
use crate::wire::reader::{Malformed, Reader};

const BINARY_SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

/// The masks of one COPY, and how far its stream is.
pub struct CopyPlan {
    format: CopyFormat,
    rows: RowPlan,
    /// The header line, or the binary header, is still to come.
    head: bool,
    /// The binary trailer was seen.
    ended: bool,
}

impl From<Malformed> for RowFault {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl CopyPlan {
    pub fn new(format: CopyFormat, rows: RowPlan) -> Self {
        let head = match &format {
            CopyFormat::Text { header, .. } | CopyFormat::Csv { header, .. } => *header,
            CopyFormat::Binary => true,
        };
        Self { format, rows, head, ended: false }
    }

    pub fn cells(&self) -> Cells {
        self.rows.cells()
    }

    /// Appends the masked CopyData to `out`; on a fault `out` is as it was.
    /// Returns how many rows it held.
    pub fn rewrite(&mut self, body: &[u8], out: &mut BytesMut) -> Result<u64, RowFault> {
        let start = out.len();
        let mut result = Ok(0);
        let put = frame::put(out, tag::COPY_DATA, |out| result = self.put_rows(body, out));
        if put.is_err() {
            result = Err(RowFault::TooLong);
        }
        if result.is_err() {
            out.truncate(start);
        }
        result
    }

    fn put_rows(&mut self, body: &[u8], out: &mut BytesMut) -> Result<u64, RowFault> {
        match self.format.clone() {
            CopyFormat::Binary => self.put_binary(body, out),
            CopyFormat::Text { delimiter, null, .. } => {
                let text = Text { delimiter, null: null.as_bytes() };
                self.put_lines(body, out, |rest| text.split(rest), |value, out| text.put(value, out))
            }
            CopyFormat::Csv { delimiter, null, quote, escape, forced, .. } => {
                let single = self.rows.columns() == 1;
                let csv = Csv { delimiter, null: null.as_bytes(), quote, escape, single, forced };
                self.put_lines(body, out, |rest| csv.split(rest), |value, out| csv.put(value, out))
            }
        }
    }

    /// Takes a body of lines apart with `split` and writes fields with `put`.
    fn put_lines(
        &mut self,
        mut body: &[u8],
        out: &mut BytesMut,
        split: impl Fn(&[u8]) -> Option<(Vec<RawField<'_>>, usize)>,
        put: impl Fn(&[u8], &mut BytesMut),
    ) -> Result<u64, RowFault> {
        let mut rows = 0;
        let mut masked = BytesMut::new();
        while !body.is_empty() {
            let (fields, length) = split(body).ok_or(RowFault::Malformed)?;
            let (line, rest) = body.split_at_checked(length).ok_or(RowFault::Malformed)?;
            body = rest;
            if std::mem::take(&mut self.head) {
                out.put_slice(line);
                continue;
            }
            rows += 1;
            let count = self.rows.columns();
            // A table without columns has empty lines.
            if fields.len() != count && !(count == 0 && fields.len() == 1) {
                return Err(RowFault::ColumnCount { server: fields.len(), analysis: count });
            }
            for (index, field) in fields.iter().enumerate() {
                if index > 0 {
                    out.put_u8(self.delimiter());
                }
                match &field.value {
                    Some(value) if self.rows.is_masked(index) => {
                        masked.clear();
                        match self.rows.mask_value(index, value, &mut masked)? {
                            Some(()) => put(&masked, out),
                            None => out.put_slice(self.null()),
                        }
                    }
                    Some(_) | None => out.put_slice(field.raw),
                }
            }
            out.put_u8(b'\n');
        }
        Ok(rows)
    }

    fn delimiter(&self) -> u8 {
        match &self.format {
            CopyFormat::Text { delimiter, .. } | CopyFormat::Csv { delimiter, .. } => *delimiter,
            CopyFormat::Binary => 0,
        }
    }

    fn null(&self) -> &[u8] {
        match &self.format {
            CopyFormat::Text { null, .. } | CopyFormat::Csv { null, .. } => null.as_bytes(),
            CopyFormat::Binary => b"",
        }
    }

    fn put_binary(&mut self, body: &[u8], out: &mut BytesMut) -> Result<u64, RowFault> {
        let mut reader = Reader::new(body);
        if std::mem::take(&mut self.head) {
            let signature = reader.bytes(BINARY_SIGNATURE.len())?;
            let flags = reader.i32()?;
            let extension = usize::try_from(reader.i32()?).map_err(|_| RowFault::Malformed)?;
            if signature != BINARY_SIGNATURE || flags != 0 || extension != 0 {
                return Err(RowFault::Malformed);
            }
            out.put_slice(signature);
            out.put_u64(0);
        }
        let mut rows = 0;
        while !reader.is_empty() {
            if self.ended {
                return Err(RowFault::Malformed);
            }
            let count = reader.i16()?;
            out.put_i16(count);
            if count == -1 {
                self.ended = true;
                continue;
            }
            let count = usize::try_from(count).map_err(|_| RowFault::Malformed)?;
            if count != self.rows.columns() {
                return Err(RowFault::ColumnCount { server: count, analysis: self.rows.columns() });
            }
            rows += 1;
            for index in 0..count {
                self.put_binary_value(index, reader.value()?, out)?;
            }
        }
        Ok(rows)
    }

    fn put_binary_value(
        &self,
        index: usize,
        value: Option<&[u8]>,
        out: &mut BytesMut,
    ) -> Result<(), RowFault> {
        let at = out.len();
        out.put_i32(-1);
        let Some(value) = value else { return Ok(()) };
        if self.rows.mask_value(index, value, out)?.is_some() {
            let length = i32::try_from(out.len().saturating_sub(at + 4)).map_err(|_| RowFault::TooLong)?;
            if let Some(word) = out.get_mut(at..at + 4) {
                word.copy_from_slice(&length.to_be_bytes());
            }
        }
        Ok(())
    }
}

/// One field of a line.
struct RawField<'a> {
    /// As it stands there.
    raw: &'a [u8],
    /// What it means; None: NULL.
    value: Option<Vec<u8>>,
}

struct Text<'a> {
    delimiter: u8,
    null: &'a [u8],
}

impl Text<'_> {
    /// The fields of the first line and its length with its end. None: no
    /// whole line.
    fn split<'b>(&self, body: &'b [u8]) -> Option<(Vec<RawField<'b>>, usize)> {
        let mut fields = Vec::new();
        let (mut start, mut at) = (0, 0);
        loop {
            match *body.get(at)? {
                b'\\' => at += 2,
                byte if byte == b'\n' || byte == self.delimiter => {
                    fields.push(self.field(body.get(start..at)?));
                    at += 1;
                    start = at;
                    if byte == b'\n' {
                        return Some((fields, at));
                    }
                }
                _ => at += 1,
            }
        }
    }

    fn field<'b>(&self, raw: &'b [u8]) -> RawField<'b> {
        let value = (raw != self.null).then(|| unescape(raw));
        RawField { raw, value }
    }

    /// As `CopyAttributeOutText` writes it.
    fn put(&self, value: &[u8], out: &mut BytesMut) {
        for &byte in value {
            let letter = match byte {
                8 => b'b',
                9 => b't',
                10 => b'n',
                11 => b'v',
                12 => b'f',
                13 => b'r',
                b'\\' => b'\\',
                byte if byte == self.delimiter => byte,
                byte => {
                    out.put_u8(byte);
                    continue;
                }
            };
            out.put_slice(&[b'\\', letter]);
        }
    }
}

/// What a value in text format means (`CopyReadAttributesText`).
pub(super) fn unescape(raw: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter().copied().peekable();
    let digit = |byte: Option<&u8>, radix: u32| byte.and_then(|byte| char::from(*byte).to_digit(radix));
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            value.push(byte);
            continue;
        }
        value.push(match bytes.next() {
            Some(b'b') => 8,
            Some(b't') => 9,
            Some(b'n') => 10,
            Some(b'v') => 11,
            Some(b'f') => 12,
            Some(b'r') => 13,
            Some(first @ b'0'..=b'7') => {
                let mut number = u32::from(first - b'0');
                for _ in 0..2 {
                    let Some(next) = digit(bytes.peek(), 8) else { break };
                    number = number * 8 + next;
                    bytes.next();
                }
                number.to_be_bytes()[3]
            }
            Some(b'x') if digit(bytes.peek(), 16).is_some() => {
                let mut number = 0;
                for _ in 0..2 {
                    let Some(next) = digit(bytes.peek(), 16) else { break };
                    number = number * 16 + next;
                    bytes.next();
                }
                number.to_be_bytes()[3]
            }
            Some(other) => other,
            None => b'\\',
        });
    }
    value
}

struct Csv<'a> {
    delimiter: u8,
    null: &'a [u8],
    quote: u8,
    escape: u8,
    /// The line has one column.
    single: bool,
    /// FORCE_QUOTE for every column.
    forced: bool,
}

impl Csv<'_> {
    fn split<'b>(&self, body: &'b [u8]) -> Option<(Vec<RawField<'b>>, usize)> {
        let mut fields = Vec::new();
        let mut at = 0;
        loop {
            let start = at;
            let quoted = *body.get(at)? == self.quote;
            let mut value = Vec::new();
            if quoted {
                at = self.read_quoted(body, at + 1, &mut value)?;
            }
            while *body.get(at)? != b'\n' && *body.get(at)? != self.delimiter {
                if quoted {
                    // Nothing may stand behind the closing quote.
                    return None;
                }
                value.push(*body.get(at)?);
                at += 1;
            }
            let raw = body.get(start..at)?;
            let value = (quoted || raw != self.null).then_some(value);
            fields.push(RawField { raw, value });
            at += 1;
            if *body.get(at - 1)? == b'\n' {
                return Some((fields, at));
            }
        }
    }

    /// Reads from behind the opening quote to behind the closing one.
    fn read_quoted(&self, body: &[u8], mut at: usize, value: &mut Vec<u8>) -> Option<usize> {
        loop {
            let byte = *body.get(at)?;
            let next = body.get(at + 1).copied();
            if byte == self.escape && next.is_some_and(|next| next == self.quote || next == self.escape) {
                value.push(next?);
                at += 2;
            } else if byte == self.quote {
                return Some(at + 1);
            } else {
                value.push(byte);
                at += 1;
            }
        }
    }

    /// As `CopyAttributeOutCSV` writes it. Whether the original was quoted
    /// must not show: the client chose the characters that need it.
    fn put(&self, value: &[u8], out: &mut BytesMut) {
        let special = |byte: &u8| [self.delimiter, self.quote, b'\n', b'\r'].contains(byte);
        let end_mark = self.single && value == b"\\.";
        if !(self.forced || value == self.null || end_mark || value.iter().any(special)) {
            out.put_slice(value);
            return;
        }
        out.put_u8(self.quote);
        for &byte in value {
            if byte == self.quote || byte == self.escape {
                out.put_u8(self.escape);
            }
            out.put_u8(byte);
        }
        out.put_u8(self.quote);
    }
}

#[cfg(test)]
#[path = "copy_tests.rs"]
mod tests;
