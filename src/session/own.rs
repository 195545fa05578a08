//! Statements that bauta answers itself (schema `bauta`), in simple and
//! extended protocol.
//!
//! Upstream goes a stand-in: a SELECT of the same columns, types and
//! parameters that returns no row. So descriptions, portals, ordering,
//! transaction state and errors are the server's own, and all that is left to
//! do here is to put the rows before its CommandComplete.
//!
//! Invariant: a text that calls schema `bauta` never goes upstream.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use parking_lot::Mutex;

use super::incoming::REFUSED_TEXT;
use super::judge::{Refusal, Stop};
use super::relay::{Hold, JobDone, Relay, Step};
use super::runs::{Audience, Guarded, Plan, Reply};
use super::state::{Entry, Kind};
use super::virtual_schema::{self, Kind as ValueKind, Parameter, Row, SessionContext, VirtualStatement};
use crate::audit::{Conceal, Sql};
use crate::catalog::Oid;
use crate::error::ClientError;
use crate::mask::Format;
use crate::wire::backend::TransactionStatus;
use crate::wire::frame::{self, backend as tag};
use crate::wire::frontend::{Bind, Parse, write_query};
use crate::wire::reader::{Malformed, Reader};

/// The rows of one execution, or of a portal that is fetched in parts.
#[derive(Debug)]
pub struct OwnRows {
    formats: Vec<Format>,
    parameters: Vec<Parameter>,
    /// None: not run yet.
    rows: Mutex<Option<Shown>>,
}

/// Rows for one person: a shared login's next one is shown none of them.
#[derive(Debug, Default)]
struct Shown {
    to: Option<Arc<str>>,
    rows: Vec<Row>,
}

/// What an execution of a stand-in is answered with.
#[derive(Debug)]
pub struct Answer {
    own: Arc<OwnRows>,
    /// Most rows; 0: all.
    limit: usize,
}

impl Answer {
    /// Appends the rows and what ends them: CommandComplete, or
    /// PortalSuspended where the limit was reached. Returns how many.
    pub fn put(&self, out: &mut BytesMut) -> u64 {
        let mut held = self.own.rows.lock();
        let rows = &mut held.get_or_insert_default().rows;
        let count = if self.limit == 0 { rows.len() } else { rows.len().min(self.limit) };
        let suspended = self.limit != 0 && count == self.limit;
        let mut shown: u64 = 0;
        for row in rows.drain(..count) {
            put_row(&row, &self.own.formats, out);
            shown += 1;
        }
        if suspended {
            // A body of no bytes always fits.
            let _ = frame::put(out, tag::PORTAL_SUSPENDED, |_| ());
        } else {
            let _ = frame::put(out, tag::COMMAND_COMPLETE, |out| {
                frame::put_cstr(out, format!("SELECT {shown}"));
            });
        }
        shown
    }
}

fn put_row(row: &Row, formats: &[Format], out: &mut BytesMut) {
    // bauta's own values are short: a frame holds them.
    let _ = frame::put(out, tag::DATA_ROW, |out| {
        out.put_u16(u16::try_from(row.len()).unwrap_or(0));
        for (index, value) in row.iter().enumerate() {
            let format = match formats {
                [] => Format::Text,
                [one] => *one,
                many => many.get(index).copied().unwrap_or(Format::Text),
            };
            match value.encode(format) {
                Some(bytes) => {
                    out.put_i32(i32::try_from(bytes.len()).unwrap_or(0));
                    out.put_slice(&bytes);
                }
                None => out.put_i32(-1),
            }
        }
    });
}

impl Relay {
    /// A Query that calls schema `bauta`. None: it does not.
    pub(super) fn on_own_query(&mut self, text: &Bytes) -> Option<Step> {
        let statement = match recognise(text)? {
            Ok(statement) => statement,
            Err(error) => return Some(self.refuse_own_query(text, error)),
        };
        if !self.state.is_quiet() {
            return Some(Step::Wait(Hold::Quiet));
        }
        let own = Arc::new(OwnRows { formats: Vec::new(), parameters: Vec::new(), rows: Mutex::default() });
        match self.run_own(&statement, &own) {
            Ok(()) => {}
            Err(Stop::Hold(hold)) => return Some(Step::Wait(hold)),
            Err(Stop::Refuse(refusal)) => return Some(self.refuse_own_query(text, refusal.error)),
        }
        let run = match self.intend(Sql::whole(text.clone(), Conceal::Nothing), Arc::default()) {
            Ok(run) => run,
            Err(Stop::Hold(hold)) => return Some(Step::Wait(hold)),
            Err(Stop::Refuse(refusal)) => {
                self.refuse_query(refusal.error);
                return Some(Step::Done);
            }
        };
        self.part_from_flush();
        write_query(&stand_in(&statement), self.upstream.output());
        let mut run = run;
        run.guarded = Some(Box::new(answering(Answer { own, limit: 0 })));
        self.expect(Entry::new(Kind::Query, Reply::new(Audience::Client).with_run(run)));
        Some(Step::Done)
    }

    fn refuse_own_query(&mut self, text: &Bytes, error: ClientError) -> Step {
        let sql = Sql::whole(text.clone(), Conceal::Nothing);
        let error = self.refused(sql, Refusal::of(error, Vec::new()));
        self.refuse_query(error);
        Step::Done
    }

    /// Has the function run, once; its rows are in `own` afterwards.
    fn run_own(&mut self, statement: &Arc<VirtualStatement>, own: &Arc<OwnRows>) -> Result<(), Stop> {
        let is_known = own.rows.lock().as_ref().is_some_and(|shown| shown.to == self.who.end_user);
        if self.state.status() == TransactionStatus::Failed || is_known {
            // The server refuses the stand-in; nothing must happen here.
            return Ok(());
        }
        if let Some(rows) = self.own_rows.take() {
            *own.rows.lock() = Some(Shown { to: self.who.end_user.clone(), rows: rows? });
            return Ok(());
        }
        self.fresh_guard().map_err(Stop::Hold)?;
        self.fresh_permits();
        let (proxy, statement, who) = (self.proxy.clone(), statement.clone(), self.who.clone());
        let (permits, own) = (self.permits.clone(), own.clone());
        let columns = self.guard.protected.values().cloned().collect();
        self.job = Some(Box::pin(async move {
            let subject = proxy.subject(&who);
            let context = SessionContext {
                login: &who.user,
                end_user: who.end_user.as_deref(),
                subject: &subject,
                session: who.session,
                columns,
                permits: &permits,
                engine: &proxy.grants,
                now: proxy.clock.now(),
            };
            JobDone::Rows(statement.execute(&own.parameters, &context).await)
        }));
        Err(Stop::Hold(Hold::Job))
    }

    /// The text that is parsed upstream for a Parse that calls schema `bauta`.
    pub(super) fn own_statement(&self, text: &Bytes) -> Option<Result<Arc<VirtualStatement>, ClientError>> {
        recognise(text)
    }

    /// An Execute of a portal of bauta's own.
    pub(super) fn execute_own(
        &mut self,
        statement: &Arc<VirtualStatement>,
        own: &Arc<OwnRows>,
        limit: i32,
    ) -> Result<Answer, Stop> {
        self.need_quiet()?;
        self.run_own(statement, own)?;
        Ok(Answer { own: own.clone(), limit: usize::try_from(limit).unwrap_or(0) })
    }
}

/// Parses the stand-in's Parse into the queue.
pub(super) fn write_stand_in(statement: &VirtualStatement, parse: &Parse<'_>, out: &mut BytesMut) {
    let text = stand_in(statement);
    Parse { text: &text, ..*parse }.write(out);
}

/// What an execution needs to be answered so.
pub(super) fn answering(answer: Answer) -> Guarded {
    Guarded { answer: Some(answer), ..Guarded::unannounced(Plan::None) }
}

/// Formats and parameters of a Bind for a portal of bauta's own.
pub(super) fn bound(
    statement: &VirtualStatement,
    bind: &Bind<'_>,
    declared: &[u8],
) -> Result<OwnRows, ClientError> {
    let formats = codes(bind.result_formats.0)?;
    let mut reader = Reader::new(bind.parameters);
    let count = usize::from(reader.u16()?);
    let given = codes(reader.bytes(count.saturating_mul(2))?)?;
    let mut declared = declared.chunks(4).map(|oid| Reader::new(oid).u32().map_or(Oid(0), Oid));
    let mut expected = statement.parameter_types().into_iter();
    let mut parameters = Vec::new();
    for index in 0..usize::from(reader.u16()?) {
        let format = match given.as_slice() {
            [] => Format::Text,
            [one] => *one,
            many => many.get(index).copied().ok_or(Malformed::Field("format"))?,
        };
        parameters.push(Parameter {
            declared: declared.next().unwrap_or(Oid(0)),
            expected: expected.next().unwrap_or(Oid(0)),
            format,
            value: reader.value()?.map(Bytes::copy_from_slice),
        });
    }
    Ok(OwnRows { formats, parameters, rows: Mutex::default() })
}

fn codes(codes: &[u8]) -> Result<Vec<Format>, Malformed> {
    let format = |code: &[u8]| match code {
        [0, 0] => Ok(Format::Text),
        [0, 1] => Ok(Format::Binary),
        _ => Err(Malformed::Field("format")),
    };
    codes.chunks(2).map(format).collect()
}

fn recognise(text: &Bytes) -> Option<Result<Arc<VirtualStatement>, ClientError>> {
    let text = std::str::from_utf8(text).ok()?;
    Some(virtual_schema::recognise(text)?.map(Arc::new))
}

/// A SELECT without rows, of the same columns and parameters.
fn stand_in(statement: &VirtualStatement) -> Vec<u8> {
    let columns: Vec<String> = statement
        .columns()
        .iter()
        .map(|column| {
            let name = column.name.replace('"', "\"\"");
            type_name(column.kind.oid()).map(|ty| format!("NULL::{ty} AS \"{name}\"")).unwrap_or_default()
        })
        .collect();
    let mut text = format!("SELECT {} WHERE false", columns.join(", "));
    for (number, oid) in (1..).zip(statement.parameter_types()) {
        match type_name(oid) {
            Some(ty) => text.push_str(&format!(" AND ${number}::{ty} IS NULL")),
            None => return REFUSED_TEXT.to_vec(),
        }
    }
    text.into_bytes()
}

/// As every search path reads it.
fn type_name(oid: Oid) -> Option<&'static str> {
    let names = [
        (ValueKind::Text, "pg_catalog.text"),
        (ValueKind::TextArray, "pg_catalog.text[]"),
        (ValueKind::Int4, "pg_catalog.int4"),
        (ValueKind::Int8, "pg_catalog.int8"),
        (ValueKind::Bool, "pg_catalog.bool"),
        (ValueKind::Interval, "pg_catalog.interval"),
        (ValueKind::Timestamptz, "pg_catalog.timestamptz"),
    ];
    names.iter().find(|(kind, _)| kind.oid() == oid).map(|(_, name)| *name)
}
