//! What clients send: views over one whole frame's body, and the messages
//! that bauta itself sends upstream.
//!
//! Follows "Message Formats" in PostgreSQL's documentation. Invariant: every
//! read is bounded by the frame, and a body must be consumed to its end.

use bytes::{BufMut, BytesMut};

use super::frame::{self, frontend as tag, put_cstr};
use super::reader::{Malformed, Reader};

/// `Query`: the text, without its final NUL.
pub fn query(body: &[u8]) -> Result<&[u8], Malformed> {
    let mut reader = Reader::new(body);
    let text = reader.cstr()?;
    reader.finish()?;
    Ok(text)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parse<'a> {
    /// Empty: the unnamed statement.
    pub name: &'a [u8],
    pub text: &'a [u8],
    /// Parameter type oids as they stand in the message, four bytes each; 0
    /// leaves the type to the server.
    pub parameter_types: &'a [u8],
}

impl<'a> Parse<'a> {
    pub fn read(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body);
        let name = reader.cstr()?;
        let text = reader.cstr()?;
        let count = usize::from(reader.u16()?);
        let parameter_types = reader.bytes(count * 4)?;
        reader.finish()?;
        Ok(Self { name, text, parameter_types })
    }

    /// Writes a Parse of another text with the same name and parameter types.
    pub fn write(&self, out: &mut BytesMut) {
        message(out, tag::PARSE, |out| {
            put_cstr(out, self.name);
            put_cstr(out, self.text);
            // `read` took the types after a 16-bit count, so it fits again.
            out.put_u16(u16::try_from(self.parameter_types.len() / 4).unwrap_or(0));
            out.put_slice(self.parameter_types);
        });
    }
}

/// `Bind`, with its parameters left unread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bind<'a> {
    pub portal: &'a [u8],
    pub statement: &'a [u8],
    /// Everything between the names and the result formats.
    pub parameters: &'a [u8],
    pub result_formats: ResultFormats<'a>,
}

/// A parameter: its format code, and its value or NULL.
pub type BoundValue<'a> = (u16, Option<&'a [u8]>);

/// Result-column format codes, two bytes each: none (all text), one for all,
/// or one a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResultFormats<'a>(pub &'a [u8]);

impl ResultFormats<'_> {
    /// Are all codes 0 (text) or 1 (binary)?
    pub fn are_known(&self) -> bool {
        self.0.chunks(2).all(|code| matches!(code, [0, 0 | 1]))
    }
}

impl<'a> Bind<'a> {
    /// The names alone, which come first: enough for a statement that needs
    /// no look. None: the head holds no two whole names yet.
    pub fn names(head: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let mut reader = Reader::new(head);
        let portal = reader.cstr().ok()?;
        let statement = reader.cstr().ok()?;
        Some((portal, statement))
    }

    /// The parameters, whatever form their format codes have.
    pub fn values(&self) -> Result<Vec<BoundValue<'a>>, Malformed> {
        let mut reader = Reader::new(self.parameters);
        let count = usize::from(reader.u16()?);
        let codes: Vec<u16> = (0..count).map(|_| reader.u16()).collect::<Result<_, _>>()?;
        let values = usize::from(reader.u16()?);
        let code = |index: usize| match codes.as_slice() {
            [] => Ok(0),
            [one] => Ok(*one),
            many => many.get(index).copied().ok_or(Malformed::Field("format")),
        };
        (0..values).map(|index| Ok((code(index)?, reader.value()?))).collect()
    }

    /// Writes it with the same parameters.
    pub fn write(&self, out: &mut BytesMut) {
        message(out, tag::BIND, |out| {
            put_cstr(out, self.portal);
            put_cstr(out, self.statement);
            out.put_slice(self.parameters);
            out.put_u16(u16::try_from(self.result_formats.0.len() / 2).unwrap_or(0));
            out.put_slice(self.result_formats.0);
        });
    }

    /// Writes a Bind of other parameters.
    pub fn write_with(&self, values: &[BoundValue<'_>], out: &mut BytesMut) {
        message(out, tag::BIND, |out| {
            put_cstr(out, self.portal);
            put_cstr(out, self.statement);
            // There are no more of them than the server's own limit.
            let count = u16::try_from(values.len()).unwrap_or(0);
            out.put_u16(count);
            values.iter().for_each(|(code, _)| out.put_u16(*code));
            out.put_u16(count);
            for (_, value) in values {
                match value {
                    Some(value) => {
                        out.put_i32(i32::try_from(value.len()).unwrap_or(-1));
                        out.put_slice(value);
                    }
                    None => out.put_i32(-1),
                }
            }
            out.put_u16(u16::try_from(self.result_formats.0.len() / 2).unwrap_or(0));
            out.put_slice(self.result_formats.0);
        });
    }

    pub fn read(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body);
        let portal = reader.cstr()?;
        let statement = reader.cstr()?;
        let middle = reader.rest();
        let mut walk = Reader::new(middle);
        let formats = usize::from(walk.u16()?);
        walk.bytes(formats * 2)?;
        for _ in 0..walk.u16()? {
            walk.value()?;
        }
        let used = middle.len().saturating_sub(walk.remaining());
        let parameters = middle.get(..used).unwrap_or_default();
        let count = usize::from(walk.u16()?);
        let result_formats = ResultFormats(walk.bytes(count * 2)?);
        walk.finish()?;
        Ok(Self { portal, statement, parameters, result_formats })
    }
}

/// What Describe and Close point at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    Statement(&'a [u8]),
    Portal(&'a [u8]),
}

impl<'a> Target<'a> {
    pub fn name(self) -> &'a [u8] {
        match self {
            Self::Statement(name) | Self::Portal(name) => name,
        }
    }

    pub fn read(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body);
        let kind = reader.u8()?;
        let name = reader.cstr()?;
        reader.finish()?;
        match kind {
            b'S' => Ok(Self::Statement(name)),
            b'P' => Ok(Self::Portal(name)),
            _ => Err(Malformed::Field("target")),
        }
    }

    /// Writes a Describe or Close (`tag`) of this target.
    pub fn write(&self, tag: u8, out: &mut BytesMut) {
        let (kind, name) = match self {
            Self::Statement(name) => (b'S', name),
            Self::Portal(name) => (b'P', name),
        };
        message(out, tag, |out| {
            out.put_u8(kind);
            put_cstr(out, name);
        });
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Execute<'a> {
    pub portal: &'a [u8],
    /// Most rows to return; 0 (or less) is no limit.
    pub limit: i32,
}

impl<'a> Execute<'a> {
    pub fn read(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body);
        let portal = reader.cstr()?;
        let limit = reader.i32()?;
        reader.finish()?;
        Ok(Self { portal, limit })
    }
}

/// Writes an Execute.
pub fn write_execute(execute: &Execute<'_>, out: &mut BytesMut) {
    message(out, tag::EXECUTE, |out| {
        put_cstr(out, execute.portal);
        out.put_i32(execute.limit);
    });
}

/// Writes a Query of `text`.
pub fn write_query(text: &[u8], out: &mut BytesMut) {
    message(out, tag::QUERY, |out| put_cstr(out, text));
}

/// Writes CopyFail.
pub fn write_copy_fail(why: &[u8], out: &mut BytesMut) {
    message(out, tag::COPY_FAIL, |out| put_cstr(out, why));
}

/// Writes a message without a body: Sync, Flush, Terminate.
pub fn write_bare(tag: u8, out: &mut BytesMut) {
    message(out, tag, |_| ());
}

/// Writes one message. What bauta writes is no longer than a frame it has
/// read, so its length always fits.
fn message(out: &mut BytesMut, tag: u8, body: impl FnOnce(&mut BytesMut)) {
    let _ = frame::put(out, tag, body);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parse_survives_a_round_trip_with_another_text() {
        let body = b"s1\0select $1\0\0\x01\0\0\0\x17";
        let parse = Parse::read(body).unwrap();
        assert_eq!((parse.name, parse.text), (&b"s1"[..], &b"select $1"[..]));
        let mut out = BytesMut::new();
        Parse { text: b"x", ..parse }.write(&mut out);
        assert_eq!(&out[..], b"P\0\0\0\x0fs1\0x\0\0\x01\0\0\0\x17");
    }

    #[test]
    fn a_bind_gives_its_names_and_result_formats() {
        let body = b"p\0s\0\0\x01\0\0\0\x02\0\0\0\x01a\xff\xff\xff\xff\0\x01\0\x01";
        let bind = Bind::read(body).unwrap();
        assert_eq!((bind.portal, bind.statement), (&b"p"[..], &b"s"[..]));
        assert_eq!(bind.result_formats.0, b"\0\x01");
        assert!(bind.result_formats.are_known());
        assert_eq!(Bind::names(b"p\0s\0"), Some((&b"p"[..], &b"s"[..])));
        assert_eq!(Bind::names(b"p\0s"), None);
    }

    /// The three forms of format codes, and the way back.
    #[test]
    fn a_bind_gives_each_parameter_with_its_format() {
        for (codes, formats) in
            [(&b"\0\0"[..], [0, 0]), (b"\0\x01\0\x01", [1, 1]), (b"\0\x02\0\0\0\x01", [0, 1])]
        {
            let body = [b"p\0s\0", codes, b"\0\x02\0\0\0\x01a\xff\xff\xff\xff\0\x01\0\x01"].concat();
            let bind = Bind::read(&body).unwrap();
            let values = bind.values().unwrap();
            assert_eq!(values, [(formats[0], Some(&b"a"[..])), (formats[1], None)]);
            let mut out = BytesMut::new();
            bind.write_with(&values, &mut out);
            let again = Bind::read(&out[5..]).unwrap();
            assert_eq!((again.values().unwrap(), again.result_formats), (values, bind.result_formats));
            assert_eq!((again.portal, again.statement), (bind.portal, bind.statement));
        }
        let few = b"\0\0\0\x02\0\0\0\x01\0\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0";
        assert!(Bind::read(few).unwrap().values().is_err());
    }

    #[test]
    fn no_cut_of_a_message_reads_past_its_end() {
        let bind = b"p\0s\0\0\x01\0\0\0\x02\0\0\0\x01a\xff\xff\xff\xff\0\x01\0\x01";
        for end in 0..bind.len() {
            assert!(Bind::read(&bind[..end]).is_err(), "cut at {end}");
        }
        assert!(Bind::read(b"p\0s\0\0\0\0\x01\xff\xff\xff\xfe\0\0").is_err());
        assert!(Parse::read(b"\0\0\xff\xff").is_err());
        assert!(query(b"select 1").is_err());
        assert!(query(b"select 1\0x").is_err());
        assert!(Target::read(b"Xp\0").is_err());
        assert!(Execute::read(b"p\0\0\0").is_err());
    }
}
