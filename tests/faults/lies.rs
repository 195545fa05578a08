//! What a peer that lies may say about one message: a wrong length, another
//! type, twice or not at all, shorter or longer than it is, and others before it
//! that have no place there.

use crate::harness::message as m;

/// Stands in whatever is made up, so that it is found if it gets through.
pub const PLANTED: &str = "planted-secret";

#[derive(Debug, Clone)]
pub enum Lie {
    /// The length word is another one.
    Length(i64),
    /// The length word is this.
    LengthIs(u32),
    Type(u8),
    Twice,
    Dropped,
    /// A body that ends early, its length right.
    Shorter,
    /// A body with more at its end, its length right.
    Longer,
    /// The first two bytes of the body are others: numbers of columns, formats.
    Count(u8),
    /// Another message comes first; what it is, for whoever reads a failure.
    #[allow(dead_code)]
    After(&'static str, Vec<u8>),
}

impl Lie {
    /// The bytes that go in the message's place.
    pub fn told(&self, message: &[u8]) -> Vec<u8> {
        let (tag, body) = (message[0], &message[5..]);
        let length = i64::from(u32::from_be_bytes(message[1..5].try_into().unwrap()));
        let with_length = |length: u32| [&[tag], &length.to_be_bytes()[..], body].concat();
        match self {
            Self::Length(delta) => with_length(u32::try_from((length + delta).max(0)).expect("a length")),
            Self::LengthIs(length) => with_length(*length),
            Self::Type(other) => m::framed(*other, body),
            Self::Twice => [message, message].concat(),
            Self::Dropped => Vec::new(),
            Self::Shorter => m::framed(tag, &body[..body.len().saturating_sub(1)]),
            Self::Longer => m::framed(tag, &[body, &[0]].concat()),
            Self::Count(count) => {
                let mut body = body.to_vec();
                body.iter_mut().take(2).last().into_iter().for_each(|low| *low = *count);
                m::framed(tag, &body)
            }
            Self::After(_, other) => [other, message].concat(),
        }
    }
}

/// Of any message, from either side.
pub fn about_any() -> Vec<Lie> {
    let mut lies = vec![
        Lie::Length(1),
        Lie::Length(-1),
        Lie::Length(1000),
        Lie::LengthIs(0),
        Lie::LengthIs(3),
        Lie::LengthIs(4),
        Lie::LengthIs(i32::MAX.unsigned_abs()),
        Lie::LengthIs(u32::MAX),
        Lie::Twice,
        Lie::Dropped,
        Lie::Shorter,
        Lie::Longer,
        Lie::Count(0),
        Lie::Count(99),
    ];
    lies.extend([b'!', 0, b'D', b'C', b'Z', b'S', b'd'].map(Lie::Type));
    lies
}

/// Messages of a server that have no place where they come.
pub fn of_a_server() -> Vec<Lie> {
    let row = |values: usize| {
        let mut body = u16::try_from(values).unwrap().to_be_bytes().to_vec();
        for _ in 0..values {
            body.extend(i32::try_from(PLANTED.len()).unwrap().to_be_bytes());
            body.extend(PLANTED.as_bytes());
        }
        m::framed(b'D', &body)
    };
    let bad_row = |length: i32| {
        let body = [&[0, 1][..], &length.to_be_bytes(), PLANTED.as_bytes()].concat();
        m::framed(b'D', &body)
    };
    let report = |tag, severity: &str| {
        let fields = format!("S{severity}\0V{severity}\0C22P02\0M{PLANTED}\0D{PLANTED}\0W{PLANTED}\0\0");
        m::framed(tag, fields.as_bytes())
    };
    let described = |columns: u16| {
        let mut body = columns.to_be_bytes().to_vec();
        for _ in 0..columns {
            body.extend(b"x\0");
            body.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 255, 255, 255, 255, 255, 255, 0, 0]);
        }
        m::framed(b'T', &body)
    };
    let copy = |tag| m::framed(tag, &[0, 0, 1, 0, 0]);
    let status = |name: &str, value: &str| m::framed(b'S', format!("{name}\0{value}\0").as_bytes());
    let others = [
        ("a row of one value", row(1)),
        ("a row of two values", row(2)),
        ("a row of many values", row(99)),
        ("a row of none", row(0)),
        ("a row whose value is longer than it", bad_row(1_000_000)),
        ("a row with a length below -1", bad_row(-7)),
        ("an error", report(b'E', "ERROR")),
        ("the last error", report(b'E', "FATAL")),
        ("a notice", report(b'N', "NOTICE")),
        ("a log line", report(b'N', "LOG")),
        ("no field at all", m::framed(b'E', b"")),
        ("a field without its end", m::framed(b'E', b"SERROR\0Mx")),
        ("a description of no column", described(0)),
        ("a description of one column", described(1)),
        ("a description of two columns", described(2)),
        ("no data", m::framed(b'n', b"")),
        ("the end of a command", m::framed(b'C', b"SELECT 1\0")),
        ("an end without its zero", m::framed(b'C', b"SELECT 1")),
        ("an empty query", m::framed(b'I', b"")),
        ("a suspended portal", m::framed(b's', b"")),
        ("parsed", m::framed(b'1', b"")),
        ("bound", m::framed(b'2', b"")),
        ("closed", m::framed(b'3', b"")),
        ("parameters", m::framed(b't', &[0, 1, 0, 0, 0, 23])),
        ("ready", m::framed(b'Z', b"I")),
        ("ready in a transaction", m::framed(b'Z', b"T")),
        ("ready in no known state", m::framed(b'Z', b"?")),
        ("copy out", copy(b'H')),
        ("copy in", copy(b'G')),
        ("copy both", copy(b'W')),
        ("copied data", m::framed(b'd', format!("{PLANTED}\n").as_bytes())),
        ("copied", m::framed(b'c', b"")),
        ("let in", m::framed(b'R', &0u32.to_be_bytes())),
        ("asked for a password", m::framed(b'R', &3u32.to_be_bytes())),
        ("a key", m::framed(b'K', &[0; 8])),
        ("a function's value", m::framed(b'V', &[255; 4])),
        ("other strings", status("standard_conforming_strings", "off")),
        ("another encoding", status("client_encoding", "SJIS")),
        ("a parameter without a value", m::framed(b'S', b"x\0")),
    ];
    others.into_iter().map(|(what, bytes)| Lie::After(what, bytes)).collect()
}

/// Messages of a client that have no place where they come.
pub fn of_a_client() -> Vec<Lie> {
    let others = [
        ("a query", m::query("SELECT email, ssn FROM customers")),
        ("a copy", m::query("COPY customers TO STDOUT")),
        ("a query without its zero", m::framed(b'Q', b"SELECT email FROM customers")),
        ("a query with more behind it", m::framed(b'Q', b"SELECT 1\0SELECT email FROM customers\0")),
        ("a statement", m::parse("", "SELECT email FROM customers", &[])),
        ("a portal", m::bind("", "s", &[Some("5")], &[])),
        ("all rows", m::execute("", 0)),
        ("a description", m::describe(b'S', "s")),
        ("a description of what isn't", m::describe(b'?', "s")),
        ("an end", m::close(b'S', "s")),
        ("a sync", m::sync()),
        ("a flush", m::flush()),
        ("data", m::copy_data(b"1\tx\n")),
        ("the end of data", m::copy_done()),
        ("no data after all", m::copy_fail("so it is")),
        ("a function call", m::framed(b'F', &[0; 12])),
        ("a password", m::framed(b'p', b"secret\0")),
        ("farewell", m::terminate()),
    ];
    others.into_iter().map(|(what, bytes)| Lie::After(what, bytes)).collect()
}
