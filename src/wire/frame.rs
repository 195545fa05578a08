//! Frames: a tag byte, a 32-bit length that counts itself, a body.
//!
//! Invariant: a frame is handed out only when all of it is there, and its
//! body is exactly what its header declares. The limit is checked as soon as
//! the header is, before memory is spent on the body.

use bytes::{BufMut, Bytes, BytesMut};

use super::reader::{Malformed, Reader};

/// Bytes of a header: tag and length.
pub const HEADER: usize = 5;

/// The largest length a header can declare.
const MAX_LENGTH: usize = 0x7fff_ffff;

/// The limit for messages before a session is authenticated; PostgreSQL's
/// `PG_MAX_AUTH_TOKEN_LENGTH` (src/include/libpq/auth.h).
pub const AUTH_LIMIT: usize = 65_535;

/// Tags of messages that a client sends.
pub mod frontend {
    pub const BIND: u8 = b'B';
    pub const CLOSE: u8 = b'C';
    pub const COPY_DATA: u8 = b'd';
    pub const COPY_DONE: u8 = b'c';
    pub const COPY_FAIL: u8 = b'f';
    pub const DESCRIBE: u8 = b'D';
    pub const EXECUTE: u8 = b'E';
    pub const FLUSH: u8 = b'H';
    pub const FUNCTION_CALL: u8 = b'F';
    pub const PARSE: u8 = b'P';
    /// Also SASLInitialResponse, SASLResponse and GSSResponse.
    pub const PASSWORD: u8 = b'p';
    pub const QUERY: u8 = b'Q';
    pub const SYNC: u8 = b'S';
    pub const TERMINATE: u8 = b'X';
}

/// Tags of messages that a server sends.
pub mod backend {
    pub const AUTHENTICATION: u8 = b'R';
    pub const BACKEND_KEY_DATA: u8 = b'K';
    pub const BIND_COMPLETE: u8 = b'2';
    pub const CLOSE_COMPLETE: u8 = b'3';
    pub const COMMAND_COMPLETE: u8 = b'C';
    pub const COPY_BOTH_RESPONSE: u8 = b'W';
    pub const COPY_DATA: u8 = b'd';
    pub const COPY_DONE: u8 = b'c';
    pub const COPY_IN_RESPONSE: u8 = b'G';
    pub const COPY_OUT_RESPONSE: u8 = b'H';
    pub const DATA_ROW: u8 = b'D';
    pub const EMPTY_QUERY_RESPONSE: u8 = b'I';
    pub const ERROR_RESPONSE: u8 = b'E';
    pub const FUNCTION_CALL_RESPONSE: u8 = b'V';
    pub const NEGOTIATE_PROTOCOL_VERSION: u8 = b'v';
    pub const NO_DATA: u8 = b'n';
    pub const NOTICE_RESPONSE: u8 = b'N';
    pub const NOTIFICATION_RESPONSE: u8 = b'A';
    pub const PARAMETER_DESCRIPTION: u8 = b't';
    pub const PARAMETER_STATUS: u8 = b'S';
    pub const PARSE_COMPLETE: u8 = b'1';
    pub const PORTAL_SUSPENDED: u8 = b's';
    pub const READY_FOR_QUERY: u8 = b'Z';
    pub const ROW_DESCRIPTION: u8 = b'T';
}

/// What the first five bytes of a frame say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub tag: u8,
    /// Bytes of the whole frame, header included.
    pub total: usize,
}

impl Header {
    /// Looks at the frame that starts `buffered`; `None` while its header
    /// isn't whole. `limit` bounds the frame's total size in bytes.
    pub fn peek(buffered: &[u8], limit: usize) -> Result<Option<Header>, Malformed> {
        if buffered.len() < HEADER {
            return Ok(None);
        }
        let mut reader = Reader::new(buffered);
        let tag = reader.u8()?;
        let length = reader.u32()?;
        let body_and_length = usize::try_from(length).map_err(|_| Malformed::Length(length))?;
        // PostgreSQL reads the length as signed.
        if length < 4 || i32::try_from(length).is_err() {
            return Err(Malformed::Length(length));
        }
        let total = body_and_length.saturating_add(1);
        if total > limit {
            return Err(Malformed::TooLong { length: total, limit });
        }
        Ok(Some(Header { tag, total }))
    }

    /// Bytes of the frame's body.
    pub fn body(&self) -> usize {
        self.total.saturating_sub(HEADER)
    }
}

/// One whole frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    tag: u8,
    bytes: Bytes,
}

impl Frame {
    pub fn tag(&self) -> u8 {
        self.tag
    }

    /// What follows the header.
    pub fn body(&self) -> &[u8] {
        self.bytes.get(HEADER..).unwrap_or_default()
    }

    /// The body without a copy; shares the frame's memory.
    pub fn body_bytes(&self) -> Bytes {
        self.bytes.slice(HEADER.min(self.bytes.len())..)
    }

    pub fn reader(&self) -> Reader<'_> {
        Reader::new(self.body())
    }

    /// Header and body, as they came.
    pub fn whole(&self) -> &Bytes {
        &self.bytes
    }
}

/// Takes the frame that starts `buffer`, if all of it is there. `limit`
/// bounds the frame's total size in bytes.
pub fn cut(buffer: &mut BytesMut, limit: usize) -> Result<Option<Frame>, Malformed> {
    match Header::peek(buffer, limit)? {
        Some(header) if buffer.len() >= header.total => {
            Ok(Some(Frame { tag: header.tag, bytes: buffer.split_to(header.total).freeze() }))
        }
        Some(_) | None => Ok(None),
    }
}

/// Appends a frame: writes the header, lets `body` append, sets the length.
/// When the body grows beyond what a length can say, nothing is appended.
pub fn put(out: &mut BytesMut, tag: u8, body: impl FnOnce(&mut BytesMut)) -> Result<(), Malformed> {
    let start = out.len();
    out.put_u8(tag);
    put_sized(out, start, body)
}

/// [`put`] without a tag, as the startup messages are.
pub fn put_untagged(out: &mut BytesMut, body: impl FnOnce(&mut BytesMut)) -> Result<(), Malformed> {
    let start = out.len();
    put_sized(out, start, body)
}

fn put_sized(out: &mut BytesMut, start: usize, body: impl FnOnce(&mut BytesMut)) -> Result<(), Malformed> {
    let length_at = out.len();
    out.put_i32(0);
    body(out);
    let size = out.len().saturating_sub(length_at);
    let Ok(length) = i32::try_from(size) else {
        out.truncate(start);
        return Err(Malformed::TooLong { length: size, limit: MAX_LENGTH });
    };
    if let Some(place) = out.get_mut(length_at..).and_then(|tail| tail.first_chunk_mut::<4>()) {
        *place = length.to_be_bytes();
    }
    Ok(())
}

/// Appends a string and its zero byte. The caller knows that it holds none.
pub fn put_cstr(out: &mut BytesMut, text: impl AsRef<[u8]>) {
    out.put_slice(text.as_ref());
    out.put_u8(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> BytesMut {
        let mut out = BytesMut::new();
        put(&mut out, frontend::QUERY, |b| put_cstr(b, text)).unwrap();
        out
    }

    #[test]
    fn a_frame_comes_back_as_it_was_put() {
        let mut bytes = query("SELECT 1");
        let wire = bytes.clone().freeze();
        bytes.extend_from_slice(&query("SELECT 2"));
        let frame = cut(&mut bytes, 100).unwrap().unwrap();
        assert_eq!((frame.tag(), frame.body(), frame.whole()), (b'Q', &b"SELECT 1\0"[..], &wire));
        assert_eq!(frame.body_bytes(), frame.body());
        assert_eq!(cut(&mut bytes, 100).unwrap().unwrap().body(), b"SELECT 2\0");
        assert_eq!(cut(&mut bytes, 100), Ok(None));
    }

    #[test]
    fn a_frame_cut_at_any_byte_waits_and_consumes_nothing() {
        let whole = query("SELECT 1");
        for end in 0..whole.len() {
            let mut part = BytesMut::from(&whole[..end]);
            assert_eq!(cut(&mut part, 100), Ok(None), "cut at {end}");
            assert_eq!(part.len(), end);
        }
    }

    #[test]
    fn a_length_below_four_or_negative_is_refused() {
        for length in [0_u32, 1, 3, 0x8000_0000, u32::MAX] {
            let mut bytes = BytesMut::new();
            bytes.put_u8(b'Q');
            bytes.put_u32(length);
            assert_eq!(cut(&mut bytes, usize::MAX), Err(Malformed::Length(length)));
        }
    }

    #[test]
    fn an_over_long_frame_is_refused_at_its_header() {
        let mut bytes = BytesMut::new();
        bytes.put_u8(b'Q');
        bytes.put_u32(1_000_000);
        assert_eq!(cut(&mut bytes, 1_000), Err(Malformed::TooLong { length: 1_000_001, limit: 1_000 }));
        assert_eq!(Header::peek(&bytes, 1_000_001), Ok(Some(Header { tag: b'Q', total: 1_000_001 })));
    }

    #[test]
    fn a_body_cannot_reach_into_the_next_frame() {
        // A Query whose string isn't terminated inside its own body.
        let mut bytes = BytesMut::from(&b"Q\0\0\0\x06abQ\0\0\0\x06c\0"[..]);
        let frame = cut(&mut bytes, 100).unwrap().unwrap();
        assert_eq!(frame.reader().cstr(), Err(Malformed::Unterminated));
        assert_eq!(cut(&mut bytes, 100).unwrap().unwrap().body(), b"c\0");
    }
}
