//! The binary format: a header, rows of counted values, a trailer ("File
//! Formats" of COPY in PostgreSQL's documentation).

use bytes::{BufMut, BytesMut};
use zeroize::Zeroizing;

use super::row::{Row, Turned};
use super::{bad_format, unfit};
use crate::error::ClientError;
use crate::wire::reader::Reader;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// With flags and the length of the extension.
const HEAD: usize = SIGNATURE.len() + 8;

#[derive(Default)]
pub(super) struct BinaryReader {
    state: State,
    /// What is there of the next part: the head, a number, a value that is
    /// looked at.
    part: Zeroizing<Vec<u8>>,
}

#[derive(Default, Clone, Copy)]
enum State {
    #[default]
    Head,
    Count,
    Length,
    /// Bytes to come of a value; kept if it is looked at.
    Value(usize),
    Ended,
}

impl BinaryReader {
    pub fn take(&mut self, mut data: &[u8], row: &mut Row, out: &mut BytesMut) -> Result<(), ClientError> {
        while !data.is_empty() {
            data = match self.state {
                State::Ended => return Err(bad_format("received copy data after EOF marker")),
                State::Value(left) => self.value(left, data, row, out)?,
                State::Head => self.gather(HEAD, data, row, out)?,
                State::Count => self.gather(2, data, row, out)?,
                State::Length => self.gather(4, data, row, out)?,
            };
        }
        Ok(())
    }

    pub fn finish(&self) -> Result<(), ClientError> {
        match self.state {
            State::Ended => Ok(()),
            State::Count if self.part.is_empty() => Ok(()),
            State::Head | State::Count | State::Length | State::Value(_) => {
                Err(bad_format("unexpected end of COPY data"))
            }
        }
    }

    /// Collects a part of `size` bytes; returns what is behind it.
    fn gather<'d>(
        &mut self,
        size: usize,
        data: &'d [u8],
        row: &mut Row,
        out: &mut BytesMut,
    ) -> Result<&'d [u8], ClientError> {
        let wanted = size.saturating_sub(self.part.len());
        let (head, rest) = data.split_at_checked(wanted).unwrap_or((data, b""));
        self.part.extend_from_slice(head);
        if self.part.len() == size {
            let part = std::mem::take(&mut self.part);
            self.state = match self.state {
                State::Head => head_of(&part, out)?,
                State::Count => count_of(&part, row, out)?,
                State::Length => length_of(&part, row, out)?,
                State::Value(_) | State::Ended => State::Ended,
            };
        }
        Ok(rest)
    }

    /// Passes on, or keeps, what is there of a value of which `left` bytes are
    /// to come.
    fn value<'d>(
        &mut self,
        left: usize,
        data: &'d [u8],
        row: &mut Row,
        out: &mut BytesMut,
    ) -> Result<&'d [u8], ClientError> {
        let (head, rest) = data.split_at_checked(left).unwrap_or((data, b""));
        match row.is_watched() {
            true => self.part.extend_from_slice(head),
            false => out.put_slice(head),
        }
        self.state = State::Value(left.saturating_sub(head.len()));
        if head.len() == left {
            if row.is_watched() {
                let value = std::mem::take(&mut self.part);
                put_value(&value, row, out)?;
            }
            self.state = after_value(row)?;
        }
        Ok(rest)
    }
}

fn head_of(part: &[u8], out: &mut BytesMut) -> Result<State, ClientError> {
    let mut reader = Reader::new(part);
    let (signature, flags, extension) = (reader.bytes(SIGNATURE.len())?, reader.i32()?, reader.i32()?);
    if signature != SIGNATURE {
        return Err(bad_format("COPY file signature not recognized"));
    }
    if flags != 0 || extension != 0 {
        return Err(unfit("flags or an extension in the binary header", "Write a header without them."));
    }
    out.put_slice(part);
    Ok(State::Count)
}

fn count_of(part: &[u8], row: &mut Row, out: &mut BytesMut) -> Result<State, ClientError> {
    let count = Reader::new(part).i16()?;
    if count != -1 {
        row.count_columns(usize::try_from(count).unwrap_or(0))?;
    }
    out.put_slice(part);
    Ok(if count == -1 { State::Ended } else { State::Length })
}

fn length_of(part: &[u8], row: &mut Row, out: &mut BytesMut) -> Result<State, ClientError> {
    let length = Reader::new(part).i32()?;
    let size = match usize::try_from(length) {
        Ok(size) => size,
        Err(_) if length == -1 => {
            out.put_i32(-1);
            return after_value(row);
        }
        Err(_) => return Err(bad_format("invalid field size")),
    };
    match (row.is_watched(), size) {
        (true, 0) => put_value(b"", row, out)?,
        (true, _) => {
            row.check_length(size)?;
            return Ok(State::Value(size));
        }
        (false, _) => out.put_slice(part),
    }
    if size == 0 { after_value(row) } else { Ok(State::Value(size)) }
}

fn put_value(value: &[u8], row: &Row, out: &mut BytesMut) -> Result<(), ClientError> {
    let turned = row.turn(value)?;
    let sent = match &turned {
        Turned::Original(original) => original.as_slice(),
        Turned::Itself => value,
    };
    let length = i32::try_from(sent.len()).map_err(|_| bad_format("invalid field size"))?;
    out.put_i32(length);
    out.put_slice(sent);
    Ok(())
}

fn after_value(row: &mut Row) -> Result<State, ClientError> {
    if row.place() + 1 == row.columns() {
        row.end()?;
        return Ok(State::Count);
    }
    row.next_value()?;
    Ok(State::Length)
}
