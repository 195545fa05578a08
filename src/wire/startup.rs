//! The messages without a tag that open a connection: SSLRequest,
//! GSSENCRequest, CancelRequest, StartupMessage; and the server's answer
//! about versions, NegotiateProtocolVersion.
//!
//! Follows "Message Formats" and "Protocol Versions" in PostgreSQL's
//! documentation and `ProcessStartupPacket` in
//! src/backend/tcop/backend_startup.c. Invariant: a startup message that
//! PostgreSQL could read in two ways (a repeated or over-long name) is
//! refused, so that policy and server mean the same login and database.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::frame;
use super::reader::{Malformed, Reader};

/// PostgreSQL's `MAX_STARTUP_PACKET_LENGTH` (src/include/libpq/pqcomm.h).
pub const STARTUP_LIMIT: usize = 10_000;

/// The longest cancel secret that protocol 3.2 allows, in bytes.
pub const SECRET_LIMIT: usize = 256;

/// PostgreSQL cuts names at `NAMEDATALEN - 1` bytes; bauta refuses longer ones.
pub const NAME_LIMIT: usize = 63;

/// Major and minor, 16 bits each, as on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    pub major: u16,
    pub minor: u16,
}

impl Version {
    pub const V3_0: Version = Version { major: 3, minor: 0 };
    pub const V3_2: Version = Version { major: 3, minor: 2 };

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { major: reader.u16()?, minor: reader.u16()? })
    }

    fn put(self, out: &mut BytesMut) {
        out.put_u16(self.major);
        out.put_u16(self.minor);
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

// Codes that stand where a version would.
const CANCEL: Version = Version { major: 1234, minor: 5678 };
const SSL: Version = Version { major: 1234, minor: 5679 };
const GSSENC: Version = Version { major: 1234, minor: 5680 };

/// The first message of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    /// Asks for TLS; answered by one byte, `S` or `N`.
    Ssl,
    /// Asks for GSSAPI encryption; answered by one byte.
    GssEnc,
    Cancel(CancelKey),
    Session(StartupMessage),
}

/// What names a session to cancel: process id and secret.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CancelKey {
    pub pid: i32,
    /// 4 bytes in protocol 3.0, up to [`SECRET_LIMIT`] in 3.2.
    pub secret: Bytes,
}

impl std::fmt::Debug for CancelKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CancelKey {{ pid: {}, secret: *** }}", self.pid)
    }
}

/// StartupMessage: the version asked for and the parameters in their order.
/// Values are bytes, since no encoding is agreed on yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartupMessage {
    pub version: Version,
    pub parameters: Vec<(Bytes, Bytes)>,
}

impl Opening {
    /// Cuts the opening message from the front of `buffer`; `None` while it
    /// isn't whole.
    pub fn cut(buffer: &mut BytesMut) -> Result<Option<Opening>, Malformed> {
        let Some(head) = buffer.first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_be_bytes(*head);
        let total = usize::try_from(length).map_err(|_| Malformed::Length(length))?;
        if total < 8 {
            return Err(Malformed::Length(length));
        }
        if total > STARTUP_LIMIT {
            return Err(Malformed::TooLong { length: total, limit: STARTUP_LIMIT });
        }
        if buffer.len() < total {
            return Ok(None);
        }
        // A copy of its own: the parameters live as long as the session, and
        // would keep the whole read buffer alive.
        let message = Bytes::copy_from_slice(buffer.get(4..total).unwrap_or_default());
        buffer.advance(total);
        Opening::read(&message).map(Some)
    }

    fn read(body: &Bytes) -> Result<Opening, Malformed> {
        let mut reader = Reader::new(body);
        let version = Version::read(&mut reader)?;
        match version {
            SSL => reader.finish().map(|()| Opening::Ssl),
            GSSENC => reader.finish().map(|()| Opening::GssEnc),
            CANCEL => {
                let pid = reader.i32()?;
                let secret = reader.rest();
                if secret.is_empty() || secret.len() > SECRET_LIMIT {
                    return Err(Malformed::Field("cancel key"));
                }
                Ok(Opening::Cancel(CancelKey { pid, secret: Bytes::copy_from_slice(secret) }))
            }
            version => {
                let parameters = read_parameters(&mut reader, body)?;
                Ok(Opening::Session(StartupMessage { version, parameters }))
            }
        }
    }
}

/// Name and value pairs up to an empty name, which must be the last byte.
fn read_parameters(reader: &mut Reader<'_>, body: &Bytes) -> Result<Vec<(Bytes, Bytes)>, Malformed> {
    let mut parameters = Vec::new();
    loop {
        let name = reader.cstr()?;
        if name.is_empty() {
            break;
        }
        let value = reader.cstr()?;
        parameters.push((body.slice_ref(name), body.slice_ref(value)));
    }
    reader.finish()?;
    Ok(parameters)
}

impl StartupMessage {
    /// The last value given for a parameter, which is the one that counts in
    /// PostgreSQL.
    /// The value of a setting, given by itself or in `options`, which comes later.
    pub fn setting(&self, name: &str) -> Option<Vec<u8>> {
        let alone = self.parameters.iter().find(|(given, _)| given.eq_ignore_ascii_case(name.as_bytes()));
        let options = self.get("options").and_then(|options| super::options::take(options, name).0);
        options.or_else(|| alone.map(|(_, value)| value.to_vec()))
    }

    /// The same message without a setting.
    pub fn without_setting(mut self, name: &str) -> Self {
        self.parameters.retain(|(given, _)| !given.eq_ignore_ascii_case(name.as_bytes()));
        for (given, value) in &mut self.parameters {
            if &given[..] == b"options"
                && let (Some(_), rest) = super::options::take(value, name)
            {
                *value = rest.into();
            }
        }
        self
    }

    pub fn get(&self, name: &str) -> Option<&Bytes> {
        self.parameters.iter().rev().find(|(n, _)| n == name.as_bytes()).map(|(_, value)| value)
    }

    /// `user`, which must be there, be UTF-8, and stand once.
    pub fn user(&self) -> Result<&str, Malformed> {
        self.name("user")?.filter(|user| !user.is_empty()).ok_or(Malformed::Field("user"))
    }

    /// `database`; the user's name where it is left out or empty.
    pub fn database(&self) -> Result<&str, Malformed> {
        match self.name("database")? {
            Some(database) if !database.is_empty() => Ok(database),
            Some(_) | None => self.user(),
        }
    }

    fn name(&self, parameter: &'static str) -> Result<Option<&str>, Malformed> {
        let mut found = self.parameters.iter().filter(|(name, _)| name == parameter.as_bytes());
        let Some((_, value)) = found.next() else { return Ok(None) };
        if found.next().is_some() || value.len() > NAME_LIMIT {
            return Err(Malformed::Field(parameter));
        }
        std::str::from_utf8(value).map(Some).map_err(|_| Malformed::NotUtf8)
    }

    /// Names of protocol extensions asked for (`_pq_.…`).
    pub fn protocol_options(&self) -> impl Iterator<Item = &Bytes> {
        self.parameters.iter().map(|(name, _)| name).filter(|name| name.starts_with(b"_pq_."))
    }

    pub fn put(&self, out: &mut BytesMut) -> Result<(), Malformed> {
        frame::put_untagged(out, |body| {
            self.version.put(body);
            for (name, value) in &self.parameters {
                frame::put_cstr(body, name);
                frame::put_cstr(body, value);
            }
            body.put_u8(0);
        })
    }
}

impl CancelKey {
    /// Appends a CancelRequest.
    pub fn put_request(&self, out: &mut BytesMut) -> Result<(), Malformed> {
        frame::put_untagged(out, |body| {
            CANCEL.put(body);
            body.put_i32(self.pid);
            body.put_slice(&self.secret);
        })
    }

    /// Appends a BackendKeyData.
    pub fn put_backend_key(&self, out: &mut BytesMut) -> Result<(), Malformed> {
        frame::put(out, frame::backend::BACKEND_KEY_DATA, |body| {
            body.put_i32(self.pid);
            body.put_slice(&self.secret);
        })
    }

    /// Reads the body of a BackendKeyData.
    pub fn read_backend_key(body: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body);
        let pid = reader.i32()?;
        let secret = reader.rest();
        if secret.is_empty() || secret.len() > SECRET_LIMIT {
            return Err(Malformed::Field("cancel key"));
        }
        Ok(Self { pid, secret: Bytes::copy_from_slice(secret) })
    }
}

/// Appends an SSLRequest.
pub fn put_ssl_request(out: &mut BytesMut) -> Result<(), Malformed> {
    frame::put_untagged(out, |body| SSL.put(body))
}

/// NegotiateProtocolVersion: the newest version the server speaks, and the
/// protocol options that it doesn't know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiate {
    pub newest: Version,
    pub unknown_options: Vec<Bytes>,
}

impl Negotiate {
    pub fn read(body: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body);
        let newest = Version::read(&mut reader)?;
        let count = usize::try_from(reader.i32()?).map_err(|_| Malformed::Field("count"))?;
        // Each name takes at least its zero byte.
        if count > reader.remaining() {
            return Err(Malformed::Truncated);
        }
        let mut unknown_options = Vec::with_capacity(count);
        for _ in 0..count {
            unknown_options.push(Bytes::copy_from_slice(reader.cstr()?));
        }
        reader.finish()?;
        Ok(Self { newest, unknown_options })
    }

    pub fn put(&self, out: &mut BytesMut) -> Result<(), Malformed> {
        let count = i32::try_from(self.unknown_options.len()).map_err(|_| Malformed::Field("count"))?;
        frame::put(out, frame::backend::NEGOTIATE_PROTOCOL_VERSION, |body| {
            self.newest.put(body);
            body.put_i32(count);
            for option in &self.unknown_options {
                frame::put_cstr(body, option);
            }
        })
    }
}

#[cfg(test)]
#[path = "startup_tests.rs"]
mod tests;
