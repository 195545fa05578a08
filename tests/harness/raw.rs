//! A client that speaks bare frames, for tests that compare bytes.
//!
//! Blocking, over TCP, with a read timeout, so that a hang is a failure. The
//! messages are those of "Message Formats" in PostgreSQL's documentation.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use postgres_protocol::authentication::sasl::{ChannelBinding, ScramSha256};

use super::{DATABASE, password};

/// One backend message: its type byte and its body without the length word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub tag: u8,
    pub body: Vec<u8>,
}

impl Frame {
    /// A field of an ErrorResponse or NoticeResponse (`C` SQLSTATE, `M` message, `H` hint …).
    pub fn field(&self, code: u8) -> Option<String> {
        let mut fields = self.body.split(|b| *b == 0);
        fields.find(|f| f.first() == Some(&code)).map(|f| String::from_utf8_lossy(&f[1..]).into_owned())
    }

    /// The columns of a DataRow.
    pub fn columns(&self) -> Vec<Option<Vec<u8>>> {
        assert_eq!(self.tag, b'D', "not a DataRow");
        let count = u16::from_be_bytes([self.body[0], self.body[1]]);
        let mut rest = &self.body[2..];
        let mut columns = Vec::new();
        for _ in 0..count {
            let length = i32::from_be_bytes(rest[..4].try_into().unwrap());
            rest = &rest[4..];
            columns.push(usize::try_from(length).ok().map(|length| {
                let (value, after) = rest.split_at(length);
                rest = after;
                value.to_vec()
            }));
        }
        assert!(rest.is_empty(), "bytes after the last column");
        columns
    }
}

pub struct Raw {
    stream: TcpStream,
    /// Messages between AuthenticationOk and the first ReadyForQuery.
    pub greeting: Vec<Frame>,
}

impl Raw {
    /// Logs in to the shop with SCRAM-SHA-256.
    pub fn connect(port: u16, user: &str) -> Self {
        Self::connect_with(port, &[("user", user), ("database", DATABASE)], &password(user)).expect("login")
    }

    /// Logs in with these startup parameters (protocol 3.0); the error that
    /// the server answered with otherwise.
    pub fn connect_with(port: u16, parameters: &[(&str, &str)], password: &str) -> Result<Self, Frame> {
        let mut raw = Self::open(port);
        raw.send(&message::startup(196_608, parameters));
        loop {
            let frame = raw.receive().expect("an answer to the startup message");
            match frame.tag {
                b'R' => match u32::from_be_bytes(frame.body[..4].try_into().unwrap()) {
                    0 => break,
                    10 => raw.scram(password)?,
                    other => panic!("authentication request {other}"),
                },
                _ => return Err(frame),
            }
        }
        let greeting = raw.until_ready();
        if let Some(error) = greeting.iter().find(|f| f.tag == b'E') {
            return Err(error.clone());
        }
        raw.greeting = greeting;
        Ok(raw)
    }

    /// A connection on which nothing has been said.
    pub fn open(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("connect");
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, greeting: Vec::new() }
    }

    fn scram(&mut self, password: &str) -> Result<(), Frame> {
        let mut scram = ScramSha256::new(password.as_bytes(), ChannelBinding::unsupported());
        let first = scram.message().to_vec();
        let mut body = b"SCRAM-SHA-256\0".to_vec();
        body.extend(i32::try_from(first.len()).unwrap().to_be_bytes());
        body.extend(first);
        self.send(&message::framed(b'p', &body));
        scram.update(&self.sasl_answer(11)?).expect("server-first-message");
        let last = scram.message().to_vec();
        self.send(&message::framed(b'p', &last));
        scram.finish(&self.sasl_answer(12)?).expect("server-final-message");
        Ok(())
    }

    fn sasl_answer(&mut self, expected: u32) -> Result<Vec<u8>, Frame> {
        let frame = self.receive().expect("an answer to a SASL message");
        if frame.tag != b'R' {
            return Err(frame);
        }
        assert_eq!(frame.body[..4], expected.to_be_bytes());
        Ok(frame.body[4..].to_vec())
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("send");
    }

    /// The next message; None: the other side closed the connection.
    pub fn receive(&mut self) -> Option<Frame> {
        let mut head = [0; 5];
        let read = loop {
            match self.stream.read(&mut head[..1]) {
                // A stopped and continued process is told so by a read with a timeout.
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        match read {
            Ok(0) => return None,
            Ok(_) => {}
            Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => return None,
            Err(e) => panic!("no message came: {e}"),
        }
        self.stream.read_exact(&mut head[1..]).expect("a whole header");
        let length = usize::try_from(i32::from_be_bytes(head[1..].try_into().unwrap())).unwrap();
        let mut body = vec![0; length - 4];
        self.stream.read_exact(&mut body).expect("a whole body");
        Some(Frame { tag: head[0], body })
    }

    /// Everything up to and including ReadyForQuery, or up to the end of the
    /// connection.
    pub fn until_ready(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.receive() {
            let ready = frame.tag == b'Z';
            frames.push(frame);
            if ready {
                break;
            }
        }
        frames
    }

    /// Sends and reads up to ReadyForQuery.
    pub fn exchange(&mut self, bytes: &[u8]) -> Vec<Frame> {
        self.send(bytes);
        self.until_ready()
    }

    /// A simple Query.
    pub fn query(&mut self, sql: &str) -> Vec<Frame> {
        self.exchange(&message::query(sql))
    }

    /// The stream itself: half-closes, timeouts, bytes that are no messages.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

/// Frontend messages.
pub mod message {
    /// Type byte, length, body.
    pub fn framed(tag: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![tag];
        bytes.extend(i32::try_from(body.len() + 4).unwrap().to_be_bytes());
        bytes.extend(body);
        bytes
    }

    pub fn startup(version: u32, parameters: &[(&str, &str)]) -> Vec<u8> {
        let mut body = version.to_be_bytes().to_vec();
        for (name, value) in parameters {
            body.extend(string(name));
            body.extend(string(value));
        }
        body.push(0);
        framed(0, &body)[1..].to_vec()
    }

    pub fn query(sql: &str) -> Vec<u8> {
        framed(b'Q', &string(sql))
    }

    pub fn parse(name: &str, sql: &str, types: &[u32]) -> Vec<u8> {
        let mut body = [string(name), string(sql)].concat();
        body.extend(u16::try_from(types.len()).unwrap().to_be_bytes());
        body.extend(types.iter().flat_map(|oid| oid.to_be_bytes()));
        framed(b'P', &body)
    }

    /// Parameters in text format; results in `result_formats` (0 text, 1 binary).
    pub fn bind(portal: &str, statement: &str, values: &[Option<&str>], result_formats: &[u16]) -> Vec<u8> {
        let mut body = [string(portal), string(statement)].concat();
        body.extend(0u16.to_be_bytes());
        body.extend(u16::try_from(values.len()).unwrap().to_be_bytes());
        for value in values {
            match value {
                None => body.extend((-1i32).to_be_bytes()),
                Some(text) => {
                    body.extend(i32::try_from(text.len()).unwrap().to_be_bytes());
                    body.extend(text.as_bytes());
                }
            }
        }
        body.extend(u16::try_from(result_formats.len()).unwrap().to_be_bytes());
        body.extend(result_formats.iter().flat_map(|f| f.to_be_bytes()));
        framed(b'B', &body)
    }

    /// `kind`: `S` statement, `P` portal.
    pub fn describe(kind: u8, name: &str) -> Vec<u8> {
        framed(b'D', &[&[kind], string(name).as_slice()].concat())
    }

    /// `limit` 0: all rows.
    pub fn execute(portal: &str, limit: u32) -> Vec<u8> {
        framed(b'E', &[string(portal), limit.to_be_bytes().to_vec()].concat())
    }

    pub fn close(kind: u8, name: &str) -> Vec<u8> {
        framed(b'C', &[&[kind], string(name).as_slice()].concat())
    }

    pub fn sync() -> Vec<u8> {
        framed(b'S', &[])
    }

    pub fn flush() -> Vec<u8> {
        framed(b'H', &[])
    }

    pub fn terminate() -> Vec<u8> {
        framed(b'X', &[])
    }

    pub fn copy_data(data: &[u8]) -> Vec<u8> {
        framed(b'd', data)
    }

    pub fn copy_done() -> Vec<u8> {
        framed(b'c', &[])
    }

    pub fn copy_fail(why: &str) -> Vec<u8> {
        framed(b'f', &string(why))
    }

    fn string(text: &str) -> Vec<u8> {
        [text.as_bytes(), &[0]].concat()
    }
}
