//! What servers send: views over one whole frame's body, and the messages
//! that bauta itself sends to clients.
//!
//! Follows "Message Formats" and "Error and Notice Message Fields" in
//! PostgreSQL's documentation. Invariant: every read is bounded by the frame.

use bytes::{BufMut, BytesMut};

use super::frame::{self, backend as tag, put_cstr};
use super::reader::{Malformed, Reader};
use crate::catalog::{ColumnId, Oid};
use crate::mask::Format;

/// Transaction status of ReadyForQuery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionStatus {
    Idle,
    InBlock,
    Failed,
}

impl TransactionStatus {
    pub fn read(body: &[u8]) -> Result<Self, Malformed> {
        match body {
            b"I" => Ok(Self::Idle),
            b"T" => Ok(Self::InBlock),
            b"E" => Ok(Self::Failed),
            _ => Err(Malformed::Field("status")),
        }
    }
    pub fn byte(self) -> u8 {
        match self {
            Self::Idle => b'I',
            Self::InBlock => b'T',
            Self::Failed => b'E',
        }
    }
}

/// One field of a RowDescription, without its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Table and attribute the value comes from unchanged; None where the
    /// server says 0. A whole row has attribute 0.
    pub origin: Option<ColumnId>,
    pub type_oid: Oid,
    pub modifier: i32,
    /// Of a statement's description always text.
    pub format: Format,
}

/// Reads the fields of a RowDescription.
pub fn row_description(body: &[u8]) -> Result<Vec<Field>, Malformed> {
    let mut reader = Reader::new(body);
    let count = usize::from(reader.u16()?);
    let mut fields = Vec::with_capacity(count.min(body.len()));
    for _ in 0..count {
        reader.cstr()?;
        let relation = reader.u32()?;
        let attribute = reader.i16()?;
        let type_oid = Oid(reader.u32()?);
        reader.i16()?;
        let modifier = reader.i32()?;
        // Another code than 0 and 1 is described as asked for, and then
        // refused by the server when a row is to come.
        let format = if reader.u16()? == 0 { Format::Text } else { Format::Binary };
        let origin = (relation != 0).then_some(ColumnId { relation: Oid(relation), attribute });
        fields.push(Field { origin, type_oid, modifier, format });
    }
    reader.finish()?;
    Ok(fields)
}

/// Walks the values of one DataRow. Yields None for NULL.
pub struct DataRow<'a> {
    reader: Reader<'a>,
    /// Columns that the row says it has.
    pub columns: usize,
}

impl<'a> DataRow<'a> {
    pub fn read(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body);
        let columns = usize::from(reader.u16()?);
        Ok(Self { reader, columns })
    }

    /// The next value; call it `columns` times, then [`finish`](Self::finish).
    pub fn next_value(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        self.reader.value()
    }

    pub fn finish(self) -> Result<(), Malformed> {
        self.reader.finish()
    }
}

/// The fields of an ErrorResponse or NoticeResponse, in the order they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorFields<'a>(pub Vec<(u8, &'a [u8])>);

impl<'a> ErrorFields<'a> {
    pub fn read(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body);
        let mut fields = Vec::with_capacity(12);
        loop {
            match reader.u8()? {
                0 => break,
                code => fields.push((code, reader.cstr()?)),
            }
        }
        reader.finish()?;
        Ok(Self(fields))
    }

    pub fn get(&self, code: u8) -> Option<&'a [u8]> {
        self.0.iter().find(|(known, _)| *known == code).map(|(_, value)| *value)
    }

    /// The same with another message.
    pub fn saying<'b>(&self, message: &'b [u8]) -> ErrorFields<'b>
    where
        'a: 'b,
    {
        let fields = self.0.iter().map(|(code, value)| match code {
            b'M' => (b'M', message),
            _ => (*code, *value),
        });
        ErrorFields(fields.collect())
    }

    /// The SQLSTATE as text; empty if it is missing or odd.
    pub fn sqlstate(&self) -> &'a str {
        self.get(b'C').and_then(|code| std::str::from_utf8(code).ok()).unwrap_or("")
    }

    /// The severity that is never translated (`V`), or else the shown one.
    pub fn severity(&self) -> &'a [u8] {
        self.get(b'V').or_else(|| self.get(b'S')).unwrap_or(b"")
    }
}

/// The type oids of a ParameterDescription.
pub fn parameter_description(body: &[u8]) -> Result<Vec<u32>, Malformed> {
    let mut reader = Reader::new(body);
    let count = usize::from(reader.u16()?);
    let types = (0..count).map(|_| reader.u32()).collect::<Result<_, _>>()?;
    reader.finish()?;
    Ok(types)
}

/// Writes a ParameterDescription.
pub fn write_parameter_description(types: &[u32], out: &mut BytesMut) {
    let _ = frame::put(out, tag::PARAMETER_DESCRIPTION, |out| {
        out.put_u16(u16::try_from(types.len()).unwrap_or(0));
        types.iter().for_each(|oid| out.put_u32(*oid));
    });
}

/// Name and value of a ParameterStatus.
pub fn parameter_status(body: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let mut reader = Reader::new(body);
    let name = reader.cstr()?;
    let value = reader.cstr()?;
    reader.finish()?;
    Ok((name, value))
}

/// The tag of a CommandComplete: `SELECT 3`, `COMMIT` …
pub fn command_tag(body: &[u8]) -> Result<&[u8], Malformed> {
    let mut reader = Reader::new(body);
    let tag = reader.cstr()?;
    reader.finish()?;
    Ok(tag)
}

/// The number of rows at the end of a command tag, if it has one.
pub fn tag_rows(tag: &[u8]) -> Option<u64> {
    let digits = tag.rsplit(|byte| *byte == b' ').next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Format and column count of CopyOutResponse and CopyInResponse.
pub fn copy_response(body: &[u8]) -> Result<(Format, usize), Malformed> {
    let mut reader = Reader::new(body);
    let format = match reader.u8()? {
        0 => Format::Text,
        1 => Format::Binary,
        _ => return Err(Malformed::Field("format")),
    };
    let columns = usize::from(reader.u16()?);
    reader.bytes(columns * 2)?;
    reader.finish()?;
    Ok((format, columns))
}

/// Writes an ErrorResponse or NoticeResponse (`tag`) of these fields.
pub fn write_fields<'a>(tag: u8, fields: impl Iterator<Item = (u8, &'a [u8])>, out: &mut BytesMut) {
    // The fields come from a frame that was read, so they fit one again.
    let _ = frame::put(out, tag, |out| {
        for (code, value) in fields {
            out.put_u8(code);
            put_cstr(out, value);
        }
        out.put_u8(0);
    });
}

/// Writes a ReadyForQuery.
pub fn write_ready(status: TransactionStatus, out: &mut BytesMut) {
    let _ = frame::put(out, tag::READY_FOR_QUERY, |out| out.put_u8(status.byte()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ClientError;
    use crate::wire::report;

    #[test]
    fn a_row_description_gives_origins_and_types() {
        let body = b"\0\x01id\0\0\0\x40\0\0\x01\0\0\0\x17\0\x04\xff\xff\xff\xff\0\x01";
        let fields = row_description(body).unwrap();
        assert_eq!(
            fields,
            [Field {
                origin: Some(ColumnId { relation: Oid(0x4000), attribute: 1 }),
                type_oid: Oid(23),
                modifier: -1,
                format: Format::Binary,
            }]
        );
        for end in 0..body.len() {
            assert!(row_description(&body[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn a_data_row_walks_to_its_end_and_no_further() {
        let body = b"\0\x02\0\0\0\x01a\xff\xff\xff\xff";
        let mut row = DataRow::read(body).unwrap();
        assert_eq!(row.columns, 2);
        assert_eq!(row.next_value().unwrap(), Some(&b"a"[..]));
        assert_eq!(row.next_value().unwrap(), None);
        row.finish().unwrap();
        let mut short = DataRow::read(b"\0\x01\0\0\0\x09a").unwrap();
        assert!(short.next_value().is_err());
        let mut negative = DataRow::read(b"\0\x01\xff\xff\xff\xfe").unwrap();
        assert!(negative.next_value().is_err());
    }

    #[test]
    fn an_error_of_our_own_reads_back() {
        let error = ClientError::new("42501", "no way").with_hint("ask").at(7);
        let mut out = BytesMut::new();
        report::put(&mut out, report::Severity::Error, &error);
        let fields = ErrorFields::read(&out[5..]).unwrap();
        assert_eq!(fields.sqlstate(), "42501");
        assert_eq!(fields.get(b'M'), Some(&b"no way"[..]));
        assert_eq!(fields.get(b'P'), Some(&b"7"[..]));
        assert_eq!(fields.severity(), b"ERROR");
    }

    #[test]
    fn rows_are_read_from_tags() {
        assert_eq!(tag_rows(b"SELECT 12"), Some(12));
        assert_eq!(tag_rows(b"INSERT 0 3"), Some(3));
        assert_eq!(tag_rows(b"BEGIN"), None);
    }
}
