//! A Query that holds tokens: their originals must not stand in its text, so
//! it goes upstream as Parse, Bind, Describe and Execute, and the client sees
//! what a Query shows.
//!
//! ```text
//! client    Query ─────────────────────────────────> T D… C Z
//! server    … P B D E Flush ── 1 2 T D… C ── Close Sync ── 3 3 Z
//! ```
//!
//! Before them goes what [hushes](super::hush) the server about the originals.
//!
//! A Query commits before it says that it is complete, messages like these
//! after: CommandComplete is kept back until the server is ready, and dropped
//! where the commit fails. Nothing is sent behind the Execute before it has
//! ended, as a grant's end may cut it short.

use std::sync::Arc;

use bytes::Bytes;

use super::incoming::conceal;
use super::meanwhile::Ground;
use super::relay::{Hold, Relay, Step};
use super::reports::{Gate, Translation};
use super::runs::{Audience, Reply, Shape};
use super::simple::QueryPlan;
use super::state::{Change, Entry, Kind, Lineage};
use crate::audit::Sql;
use crate::catalog::Oid;
use crate::error::{ClientError, sqlstate};
use crate::policy::tokens::Original;
use crate::sql::splice;
use crate::wire::frame::frontend as tag;
use crate::wire::frontend::{
    Bind, BoundValue, Execute, Parse, ResultFormats, Target, write_bare, write_execute,
};

/// A Query that is answered so: its CommandComplete, once there is one.
#[derive(Debug, Default)]
pub(super) struct AsQuery {
    pub complete: Option<Bytes>,
}

impl Relay {
    /// Sends a Query of one statement with the originals of its tokens bound.
    pub(super) fn send_with_originals(&mut self, mut plan: QueryPlan) -> Step {
        let (Some(mut judged), Some(statement)) = (plan.judged.pop(), plan.analysis.statements.first())
        else {
            self.refuse_query(ClientError::new(sqlstate::INTERNAL_ERROR, "the statement is lost"));
            return Step::Done;
        };
        let sql = Sql::part(plan.text.clone(), statement.span.clone(), conceal(statement));
        let mut run = match self.intend_judged(sql, judged.columns, judged.observed) {
            Ok(run) => run,
            Err(stop) => {
                return self.refuse_unwritten(stop, Reply::new(Audience::Client));
            }
        };
        let shape = Arc::new(Shape::default());
        if let Some(guarded) = &mut judged.guarded {
            guarded.shape = Some(shape.clone());
        }
        run.guarded = judged.guarded;
        let lineage = Lineage { analysis: plan.analysis.clone(), index: 0, inner: false };
        run.ground = Some(Ground::of(&plan.text, lineage, &self.guard, judged.followed));
        let sent = splice::apply(&plan.text, &plan.edits);
        self.hush();
        self.bind_unnamed(&sent, &judged.tokens.literals);
        let translation = Arc::new(Translation { sent, edits: plan.edits, original: plan.text });
        self.expect_unnamed(&translation, shape);
        let mut reply = closed(Audience::Client).with_run(run);
        reply.translation = Some(translation);
        let mut entry = Entry::new(Kind::Execute, reply);
        entry.changes = plan.changes;
        self.expect(entry);
        self.as_query = Some(AsQuery::default());
        self.wait_for(Hold::Quiet);
        Step::Done
    }

    /// PostgreSQL runs a Query in the unnamed statement and portal's place too.
    fn bind_unnamed(&mut self, text: &[u8], literals: &[(Oid, Original)]) {
        let types: Vec<u8> = literals.iter().flat_map(|(oid, _)| oid.0.to_be_bytes()).collect();
        let values: Vec<BoundValue<'_>> =
            literals.iter().map(|(_, original)| (0, Some(original.0.as_slice()))).collect();
        let out = self.upstream.output();
        Parse { name: b"", text, parameter_types: &types }.write(out);
        let bind = Bind { portal: b"", statement: b"", parameters: b"", result_formats: ResultFormats(b"") };
        bind.write_with(&values, out);
        Target::Portal(b"").write(tag::DESCRIBE, out);
        write_execute(&Execute { portal: b"", limit: 0 }, out);
    }

    fn expect_unnamed(&mut self, translation: &Arc<Translation>, shape: Arc<Shape>) {
        let mut parse = Entry::new(Kind::Parse, closed(Audience::Proxy))
            .with_change(Change::RemoveStatement(Bytes::new()));
        parse.run.translation = Some(translation.clone());
        self.expect(parse);
        let bind =
            Entry::new(Kind::Bind, closed(Audience::Proxy)).with_change(Change::RemovePortal(Bytes::new()));
        self.expect(bind);
        let mut describe = closed(Audience::Client).with_shape(shape);
        describe.of_query = true;
        self.expect(Entry::new(Kind::DescribePortal, describe));
    }

    /// The Execute is answered.
    pub(super) fn end_as_query(&mut self, complete: &[u8]) {
        if let Some(query) = &mut self.as_query {
            query.complete = Some(Bytes::copy_from_slice(complete));
            self.close_unnamed();
            self.write_sync();
        }
    }

    /// Something in it failed, and the server skips to a Sync.
    pub(super) fn fail_as_query(&mut self) {
        let Some(query) = &mut self.as_query else { return };
        query.complete = None;
        if self.state.is_skipping() {
            self.write_sync();
            self.close_unnamed();
            write_bare(tag::FLUSH, self.upstream.output());
        }
    }

    /// Nothing of it is to be found under the client's names.
    fn close_unnamed(&mut self) {
        for target in [Target::Portal(b""), Target::Statement(b"")] {
            target.write(tag::CLOSE, self.upstream.output());
            self.expect(Entry::new(Kind::Close, closed(Audience::Proxy)));
        }
    }
}

fn closed(audience: Audience) -> Reply {
    Reply { gate: Gate::Closed, ..Reply::new(audience) }
}
