//! COPY … TO STDOUT: rows masked in text, CSV and binary.
//!
//! The server sends whole rows in each CopyData message (`CopySendEndOfRow`
//! in `src/backend/commands/copyto.c`); what doesn't split into whole rows of
//! the described columns is a fault. Follows "File Formats" of COPY.
//!
//! Invariant: every field is either copied because its column is not masked,
//! or read, masked and written anew.

use std::borrow::Cow;

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
    /// Room for a masked value, for a moment.
    masked: BytesMut,
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
        Self { format, rows, head, ended: false, masked: BytesMut::new() }
    }

    pub fn cells(&self) -> Cells {
        self.rows.cells()
    }

    /// Every row passes as it came.
    pub fn is_plain(&self) -> bool {
        self.rows.is_plain()
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
        let Self { format, rows, head, masked, .. } = self;
        match format {
            CopyFormat::Binary => self.put_binary(body, out),
            CopyFormat::Text { delimiter, null, .. } => {
                let text = Text { delimiter: *delimiter, null: null.as_bytes() };
                put_lines(&text, rows, head, masked, body, out)
            }
            CopyFormat::Csv { delimiter, null, quote, escape, forced, .. } => {
                let csv = Csv {
                    delimiter: *delimiter,
                    null: null.as_bytes(),
                    quote: *quote,
                    escape: *escape,
                    single: rows.columns() == 1,
                    forced: *forced,
                };
                put_lines(&csv, rows, head, masked, body, out)
            }
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

/// How fields stand in a line. Nothing is allocated for one: what is not
/// masked is copied as it stands there.
trait Lines {
    fn null(&self) -> &[u8];
    /// Length of the field that `rest` begins with, up to the delimiter or the
    /// line's end. None: it has no end here.
    fn field(&self, rest: &[u8]) -> Option<usize>;
    /// What a field means; None: NULL.
    fn value<'a>(&self, raw: &'a [u8]) -> Option<Cow<'a, [u8]>>;
    fn put(&self, value: &[u8], out: &mut BytesMut);
}

/// Takes a body of lines apart and writes each anew.
fn put_lines(
    lines: &impl Lines,
    rows: &RowPlan,
    head: &mut bool,
    masked: &mut BytesMut,
    mut body: &[u8],
    out: &mut BytesMut,
) -> Result<u64, RowFault> {
    let mut count = 0;
    while !body.is_empty() {
        let is_head = std::mem::take(head);
        let mut columns = 0;
        let mut ended = false;
        while !ended {
            let length = lines.field(body).ok_or(RowFault::Malformed)?;
            let (raw, rest) = body.split_at_checked(length).ok_or(RowFault::Malformed)?;
            let (end, rest) = rest.split_first().ok_or(RowFault::Malformed)?;
            body = rest;
            if is_head || !rows.is_masked(columns) {
                out.put_slice(raw);
            } else {
                put_masked(lines, rows, columns, masked, raw, out)?;
            }
            out.put_u8(*end);
            columns += 1;
            ended = *end == b'\n';
        }
        if is_head {
            continue;
        }
        count += 1;
        let analysis = rows.columns();
        // A table without columns has empty lines.
        if columns != analysis && !(analysis == 0 && columns == 1) {
            return Err(RowFault::ColumnCount { server: columns, analysis });
        }
    }
    Ok(count)
}

fn put_masked(
    lines: &impl Lines,
    rows: &RowPlan,
    column: usize,
    masked: &mut BytesMut,
    raw: &[u8],
    out: &mut BytesMut,
) -> Result<(), RowFault> {
    let Some(value) = lines.value(raw) else {
        out.put_slice(lines.null());
        return Ok(());
    };
    masked.clear();
    match rows.mask_value(column, &value, masked)? {
        Some(()) => lines.put(masked, out),
        None => out.put_slice(lines.null()),
    }
    Ok(())
}

struct Text<'a> {
    delimiter: u8,
    null: &'a [u8],
}

impl Text<'_> {
    /// The letter behind a backslash that stands for this byte.
    fn letter(&self, byte: u8) -> Option<u8> {
        match byte {
            8 => Some(b'b'),
            9 => Some(b't'),
            10 => Some(b'n'),
            11 => Some(b'v'),
            12 => Some(b'f'),
            13 => Some(b'r'),
            b'\\' => Some(b'\\'),
            byte => Some(byte).filter(|byte| *byte == self.delimiter),
        }
    }
}

impl Lines for Text<'_> {
    fn null(&self) -> &[u8] {
        self.null
    }

    fn field(&self, rest: &[u8]) -> Option<usize> {
        let mut at = 0;
        loop {
            match *rest.get(at)? {
                b'\\' => at += 2,
                b'\n' => return Some(at),
                byte if byte == self.delimiter => return Some(at),
                _ => at += 1,
            }
        }
    }

    fn value<'a>(&self, raw: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        if raw == self.null {
            return None;
        }
        match memchr::memchr(b'\\', raw) {
            Some(_) => Some(Cow::Owned(unescape(raw))),
            None => Some(Cow::Borrowed(raw)),
        }
    }

    /// As `CopyAttributeOutText` writes it.
    fn put(&self, value: &[u8], out: &mut BytesMut) {
        let mut rest = value;
        while let Some((at, letter)) =
            rest.iter().enumerate().find_map(|(at, byte)| self.letter(*byte).map(|letter| (at, letter)))
        {
            let (plain, special) = rest.split_at_checked(at).unwrap_or((rest, b""));
            out.put_slice(plain);
            out.put_slice(&[b'\\', letter]);
            rest = special.get(1..).unwrap_or_default();
        }
        out.put_slice(rest);
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
    /// Reads from behind the opening quote to behind the closing one, what it
    /// means into `value`.
    fn read_quoted(&self, body: &[u8], mut at: usize, mut value: impl FnMut(u8)) -> Option<usize> {
        loop {
            let byte = *body.get(at)?;
            let next = body.get(at + 1).copied();
            if byte == self.escape && next.is_some_and(|next| next == self.quote || next == self.escape) {
                value(next?);
                at += 2;
            } else if byte == self.quote {
                return Some(at + 1);
            } else {
                value(byte);
                at += 1;
            }
        }
    }
}

impl Lines for Csv<'_> {
    fn null(&self) -> &[u8] {
        self.null
    }

    fn field(&self, rest: &[u8]) -> Option<usize> {
        let is_end = |byte: &u8| *byte == b'\n' || *byte == self.delimiter;
        if *rest.first()? != self.quote {
            return rest.iter().position(is_end);
        }
        let at = self.read_quoted(rest, 1, |_| {})?;
        // Nothing may stand behind the closing quote.
        is_end(rest.get(at)?).then_some(at)
    }

    fn value<'a>(&self, raw: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        if raw.first() != Some(&self.quote) {
            return (raw != self.null).then_some(Cow::Borrowed(raw));
        }
        let mut value = Vec::with_capacity(raw.len());
        // It was read before: it has its closing quote.
        self.read_quoted(raw, 1, |byte| value.push(byte))?;
        Some(Cow::Owned(value))
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
