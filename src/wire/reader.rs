//! A cursor over the body of one frame.
//!
//! Invariant: every read can fail, and none sees a byte outside the body it
//! was given, so a message that lies about its own fields can't reach into
//! the next one. Numbers are big-endian ("Message Data Types" in PostgreSQL's
//! documentation).

use crate::error::{ClientError, sqlstate};

/// What is wrong with a frame or a field of it. Texts are safe to show: they
/// never quote the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("message ends before its last field")]
    Truncated,
    #[error("string in message is not terminated")]
    Unterminated,
    #[error("string in message is not valid UTF-8")]
    NotUtf8,
    #[error("message has {0} bytes after its last field")]
    Trailing(usize),
    #[error("invalid message length {0}")]
    Length(u32),
    #[error("message of {length} bytes is longer than the limit of {limit} bytes")]
    TooLong { length: usize, limit: usize },
    #[error("invalid value in field \"{0}\" of message")]
    Field(&'static str),
}

impl From<Malformed> for ClientError {
    fn from(fault: Malformed) -> Self {
        let code = match fault {
            Malformed::TooLong { .. } => sqlstate::PROGRAM_LIMIT_EXCEEDED,
            Malformed::Truncated
            | Malformed::Unterminated
            | Malformed::NotUtf8
            | Malformed::Trailing(_)
            | Malformed::Length(_)
            | Malformed::Field(_) => sqlstate::PROTOCOL_VIOLATION,
        };
        ClientError::new(code, fault.to_string())
    }
}

/// Reads fields from the front of a frame's body.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(body: &'a [u8]) -> Self {
        Self { rest: body }
    }

    /// Bytes not read yet.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `count` bytes.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub fn u8(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(u8::from_be_bytes)
    }

    pub fn i16(&mut self) -> Result<i16, Malformed> {
        self.array().map(i16::from_be_bytes)
    }

    pub fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    pub fn i32(&mut self) -> Result<i32, Malformed> {
        self.array().map(i32::from_be_bytes)
    }

    pub fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    /// A string up to its zero byte, which is consumed and not returned.
    pub fn cstr(&mut self) -> Result<&'a [u8], Malformed> {
        let end = memchr::memchr(0, self.rest).ok_or(Malformed::Unterminated)?;
        let text = self.bytes(end)?;
        self.bytes(1)?;
        Ok(text)
    }

    /// [`Reader::cstr`], checked to be UTF-8.
    pub fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.cstr()?).map_err(|_| Malformed::NotUtf8)
    }

    /// A value with a 32-bit length before it; `None` for length -1 (NULL).
    pub fn value(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        match self.i32()? {
            -1 => Ok(None),
            length => {
                let length = usize::try_from(length).map_err(|_| Malformed::Field("length"))?;
                self.bytes(length).map(Some)
            }
        }
    }

    /// A 16-bit count, which PostgreSQL reads as signed and refuses below zero.
    pub fn count(&mut self) -> Result<usize, Malformed> {
        usize::try_from(self.i16()?).map_err(|_| Malformed::Field("count"))
    }

    /// Everything left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// The body must have been read to its end.
    pub fn finish(self) -> Result<(), Malformed> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(Malformed::Trailing(left)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_kind_of_field() {
        let body = b"\x07\xff\xfe\x00\x00\x01\x00name\0\x00\x00\x00\x02ab\xff\xff\xff\xfftail";
        let mut r = Reader::new(body);
        assert_eq!(r.u8(), Ok(7));
        assert_eq!(r.i16(), Ok(-2));
        assert_eq!(r.i32(), Ok(256));
        assert_eq!(r.text(), Ok("name"));
        assert_eq!(r.value(), Ok(Some(&b"ab"[..])));
        assert_eq!(r.value(), Ok(None));
        assert_eq!(r.finish(), Err(Malformed::Trailing(4)));
        assert_eq!(r.rest(), b"tail");
        assert_eq!(r.finish(), Ok(()));
    }

    #[test]
    fn no_read_leaves_the_body() {
        for cut in 0..4 {
            assert_eq!(Reader::new(&[0; 3][..cut.min(3)]).i32(), Err(Malformed::Truncated));
        }
        assert_eq!(Reader::new(b"").u8(), Err(Malformed::Truncated));
        assert_eq!(Reader::new(b"\x01").i16(), Err(Malformed::Truncated));
        assert_eq!(Reader::new(b"abc").cstr(), Err(Malformed::Unterminated));
        assert_eq!(Reader::new(b"").cstr(), Err(Malformed::Unterminated));
        assert_eq!(Reader::new(b"\xff\0").text(), Err(Malformed::NotUtf8));
        assert_eq!(Reader::new(b"\x7f\xff\xff\xffab").value(), Err(Malformed::Truncated));
        assert_eq!(Reader::new(b"\xff\xff\xff\xfe").value(), Err(Malformed::Field("length")));
        assert_eq!(Reader::new(b"\x80\x00").count(), Err(Malformed::Field("count")));
        assert_eq!(Reader::new(b"ab").bytes(usize::MAX), Err(Malformed::Truncated));
    }

    #[test]
    fn a_failed_read_consumes_nothing() {
        let mut r = Reader::new(b"ab");
        assert!(r.i32().is_err());
        assert_eq!(r.remaining(), 2);
        assert_eq!(r.rest(), b"ab");
    }
}
