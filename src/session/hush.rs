//! Keeps originals out of the server's own words about a portal.
//!
//! PostgreSQL adds what a portal is bound to to the context of what happens in it,
//! where a function reads it (`PG_CONTEXT`), if `log_parameter_max_length_on_error`
//! says so: at the Bind (`exec_bind_message` in `postgres.c`). The client, its
//! login's settings or a function may have set that, and the server does not
//! report it. So before each Bind that carries an original, in the same batch and
//! unseen, it is set to 0 for the transaction; no code of a client's sets it.

use bytes::Bytes;

use super::relay::Relay;
use super::reports::Gate;
use super::runs::{Audience, Reply};
use super::state::{Change, Entry, Kind};
use crate::wire::frame::frontend as tag;
use crate::wire::frontend::{Bind, Execute, Parse, ResultFormats, Target, write_execute};

/// Of the statement and the portal; no client can name them.
const NAME: &[u8] = b"bauta: hush";

/// Returns no row.
const TEXT: &[u8] =
    b"SELECT FROM pg_catalog.set_config('log_parameter_max_length_on_error', '0', true) AS was \
    WHERE was IS NULL";

impl Relay {
    /// A Bind that carries an original comes next.
    pub(super) fn hush(&mut self) {
        // A function may have made something under the names.
        self.close_hushed();
        let out = self.upstream.output();
        Parse { name: NAME, text: TEXT, parameter_types: b"" }.write(out);
        let bind =
            Bind { portal: NAME, statement: NAME, parameters: b"", result_formats: ResultFormats(b"") };
        bind.write_with(&[], out);
        write_execute(&Execute { portal: NAME, limit: 0 }, out);
        for kind in [Kind::Parse, Kind::Bind, Kind::Execute] {
            self.expect(Entry::new(kind, unseen()));
        }
        self.close_hushed();
    }

    fn close_hushed(&mut self) {
        let name = Bytes::from_static(NAME);
        for (target, change) in [
            (Target::Portal(NAME), Change::RemovePortal(name.clone())),
            (Target::Statement(NAME), Change::RemoveStatement(name)),
        ] {
            target.write(tag::CLOSE, self.upstream.output());
            self.expect(Entry::new(Kind::Close, unseen()).with_change(change));
        }
    }
}

fn unseen() -> Reply {
    Reply { gate: Gate::Closed, ..Reply::new(Audience::Proxy) }
}
