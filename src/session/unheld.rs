//! A prepared statement, cursor or portal that bauta has not seen made.
//!
//! The server may hold one under that name all the same: a function made it, or
//! a text whose commit failed. Nobody has judged what it does, so it must not
//! run. What names it goes upstream in a form that finds nothing, and the server
//! says in its own words, and as its transaction stands, that there is no such
//! thing:
//! - in a Query, a statement of the same kind takes its place, under a name that
//!   no client may use; the name in the error is put right;
//! - before a message, a Close of the name goes upstream, unseen.
//!
//! No function makes the unnamed portal. What a failed Query leaves under it (see
//! [`State::expect`](super::state::State::expect)) reads whatever its memory holds
//! by then, originals too, so nothing but a Close may name it.

use bytes::Bytes;

use super::relay::Relay;
use super::runs::{Audience, Reply};
use super::state::{Change, Entry, Kind};
use crate::error::sqlstate;
use crate::wire::backend::ErrorFields;
use crate::wire::frame::frontend as tag;
use crate::wire::frontend::Target;

/// Nothing ever stands under it: see [`RESERVED`](super::state::RESERVED).
const NOBODYS: &str = "bauta: unheld";
const EXECUTE: &str = "EXECUTE \"bauta: unheld\"";
const FETCH: &str = "FETCH \"bauta: unheld\"";

/// A name under which bauta has seen nothing made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unheld {
    Statement(Bytes),
    /// A portal or cursor.
    Portal(Bytes),
}

impl Unheld {
    pub fn statement(name: &str) -> Self {
        Self::Statement(Bytes::copy_from_slice(name.as_bytes()))
    }

    pub fn cursor(name: &str) -> Self {
        Self::Portal(Bytes::copy_from_slice(name.as_bytes()))
    }

    /// The SQL that takes the place of what names it.
    pub fn stand_in(&self) -> &'static str {
        match self {
            Self::Statement(_) => EXECUTE,
            Self::Portal(_) => FETCH,
        }
    }

    /// How PostgreSQL calls it that there is none.
    pub fn sqlstate(&self) -> &'static str {
        match self {
            Self::Statement(_) => sqlstate::INVALID_STATEMENT_NAME,
            Self::Portal(_) => sqlstate::INVALID_CURSOR_NAME,
        }
    }

    /// What the server says of the stand-in, with the name that it stands for.
    /// None: it says nothing of it.
    pub fn renamed(&self, fields: &ErrorFields<'_>) -> Option<Vec<u8>> {
        let message = fields.get(b'M')?;
        let at = memchr::memmem::find(message, NOBODYS.as_bytes())?;
        let (before, rest) = message.split_at_checked(at)?;
        let (_, after) = rest.split_at_checked(NOBODYS.len())?;
        Some([before, self.target().name(), after].concat())
    }

    fn target(&self) -> Target<'_> {
        match self {
            Self::Statement(name) => Target::Statement(name),
            Self::Portal(name) => Target::Portal(name),
        }
    }
}

impl Relay {
    /// A message that names it comes next.
    pub(super) fn close_unheld(&mut self, unheld: Unheld) {
        unheld.target().write(tag::CLOSE, self.upstream.output());
        let change = match unheld {
            Unheld::Statement(name) => Change::RemoveStatement(name),
            Unheld::Portal(name) => Change::RemovePortal(name),
        };
        self.expect(Entry::new(Kind::Close, Reply::new(Audience::Proxy)).with_change(change));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::state::RESERVED;

    #[test]
    fn a_stand_in_names_what_no_client_can() {
        assert!(NOBODYS.as_bytes().starts_with(RESERVED));
        for unheld in [Unheld::statement("x"), Unheld::cursor("x")] {
            assert!(unheld.stand_in().ends_with(&format!("\"{NOBODYS}\"")));
        }
    }

    #[test]
    fn the_servers_words_name_what_the_client_named() {
        let said = |text| ErrorFields(vec![(b'C', b"26000".as_slice()), (b'M', text)]);
        let renamed =
            Unheld::statement("é").renamed(&said(b"\xab bauta: unheld \xbb gibt es nicht".as_slice()));
        assert_eq!(renamed.as_deref(), Some(b"\xab \xc3\xa9 \xbb gibt es nicht".as_slice()));
        assert_eq!(Unheld::statement("x").renamed(&said(b"current transaction is aborted")), None);
    }
}
