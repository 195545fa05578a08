//! Bind: judged anew; where the form that was parsed is no longer allowed, or
//! no longer needed, another is parsed in its place, unseen.

use std::sync::Arc;

use bytes::Bytes;

use super::execute::is_begin;
use super::{copy_of, touches, wants_shape};
use crate::audit::{Conceal, Sql};
use crate::error::{ClientError, sqlstate};
use crate::session::judge::{Judged, Stop};
use crate::session::meanwhile::Opened;
use crate::session::own::bound;
use crate::session::relay::{CopyIn, End, Hold, Relay, ShapeRef, Step};
use crate::session::reports::Gate;
use crate::session::runs::{Audience, Reply, Shape};
use crate::session::simple::like;
use crate::session::state::{Change, Entry, Form, Kind, Known, Lineage, Lookup, Portal, Prepared};
use crate::session::tokens::{Handed, Values, form_of, rewritten, tokens_by_name};
use crate::session::unheld::Unheld;
use crate::sql::{Statement, StatementKind};
use crate::wire::frame::frontend as tag;
use crate::wire::frontend::{Bind, BoundValue, Target};

/// Where a statement is parsed for one Bind.
const OWN_COPY: &[u8] = b"bauta: bound";

impl Relay {
    pub(in crate::session) fn on_bind(&mut self, body: &[u8], frame: &[u8]) -> Result<Step, End> {
        let bind = Bind::read(body)?;
        match self.bind(&bind, frame) {
            Ok(()) => Ok(Step::Done),
            Err(Stop::Hold(hold)) => Ok(Step::Wait(hold)),
            Err(Stop::Refuse(refusal)) => {
                let sql = self.text_of(bind.statement);
                if let Some(wait) = self.hold_refused(&sql, &refusal) {
                    return Ok(wait);
                }
                let error = self.refused(sql, refusal);
                self.refuse_step(error);
                Ok(Step::Done)
            }
        }
    }

    fn text_of(&self, statement: &[u8]) -> Sql {
        match self.state.statement(statement) {
            Lookup::Found(slot) => Sql::whole(slot.value.text.clone(), Conceal::AllLiterals),
            Lookup::Missing | Lookup::Wait => Sql::whole(Bytes::new(), Conceal::AllLiterals),
        }
    }

    fn bind(&mut self, bind: &Bind<'_>, frame: &[u8]) -> Result<(), Stop> {
        self.check_spelling(bind.portal)?;
        self.check_spelling(bind.statement)?;
        self.room_for_name(bind.portal)?;
        let Some(slot) = self.find_statement(bind.statement)? else {
            self.bind_unheld(bind.statement, frame);
            return Ok(());
        };
        // A function may have given the name to another statement since.
        let mut by_name = !bind.statement.is_empty() && !self.state.is_settled_statement(&slot);
        let prepared = slot.value;
        let known = self.known(&prepared)?;
        self.check_types(&prepared.parameter_types)?;
        self.check_unseen(&prepared.text, known.analysis())?;
        self.leads(&prepared)?;
        let lineage = match known {
            Known::Analysed(lineage) => lineage,
            Known::Own(statement) => {
                let own = Arc::new(bound(&statement, bind, &prepared.parameter_types)?);
                let shape = Arc::new(Shape { own: Some(own), ..Shape::default() });
                self.upstream.queue(frame);
                let bound = Bound { values: bind.parameters.len(), ..Bound::unasked(prepared) };
                self.expect_bind(bind.portal, bound, Some(shape), Gate::Open);
                return Ok(());
            }
            Known::Naming(_) => {
                self.upstream.queue(frame);
                self.expect_bind(bind.portal, Bound::unasked(prepared), None, Gate::Open);
                return Ok(());
            }
            Known::Harmless => {
                let form = Form::plain(&prepared.parameter_types);
                let prepared = self.in_form(bind.statement, prepared, None, form)?;
                self.upstream.queue(frame);
                self.expect_bind(bind.portal, Bound::unasked(prepared), None, Gate::Open);
                return Ok(());
            }
        };
        let takes_tokens = lineage.statement().is_some_and(Statement::takes_tokens);
        let values: Vec<BoundValue<'_>> =
            if takes_tokens { bind.values().map_err(ClientError::from)? } else { Vec::new() };
        let declared = prepared.parameter_types.clone();
        let judged =
            self.judge_text(&lineage, Handed { declared: &declared, values: Values::Bound(&values) })?;
        if !bind.result_formats.are_known() {
            return Err(ClientError::new(
                sqlstate::INVALID_PARAMETER_VALUE,
                "unsupported result format code",
            )
            .into());
        }
        let form = match prepared.by_sql {
            true if !judged.tokens.is_empty() => return Err(tokens_by_name().into()),
            true => Form { edits: judged.edits.clone(), ..Form::plain(&declared) },
            false => form_of(&judged, lineage.statement(), &declared),
        };
        let strict = by_name && self.guard.trusts_code && judged.has_keyed_masks();
        let own = !bind.statement.is_empty() && !prepared.by_sql && (judged.tokens.has_originals() || strict);
        let statement = if own { OWN_COPY } else { bind.statement };
        let rewritten = rewritten(bind, statement, &values, &judged, &declared, &form)?;
        if own {
            self.check_parse_again(&prepared)?;
        }
        let prepared = match own {
            true => self.own_copy(&prepared, &lineage, form),
            false => self.in_form(bind.statement, prepared, Some(&lineage), form)?,
        };
        by_name &= !own;
        let shape = wants_shape(&lineage).then(Arc::default);
        self.describe_copy_of(&prepared.text, &lineage, &judged, shape.as_ref());
        if let Some(unheld) = self.leads_to_unheld(&prepared).filter(|_| !self.observes()) {
            // Or the portal would have the columns of what nobody has seen.
            self.close_unheld(unheld);
        }
        if judged.tokens.has_originals() {
            // Behind what parses the text, whose literals may be checked by anything.
            self.hush();
        }
        self.upstream.queue(rewritten.as_deref().unwrap_or(frame));
        let tokens = judged.tokens.parameters.iter().map(|(number, _)| *number).collect();
        self.expect_bind(bind.portal, Bound { prepared, tokens, by_name, values: 0 }, shape, judged.gate());
        if own {
            self.close_own_copy();
        }
        Ok(())
    }

    /// Has the statement parsed under a name that is bauta's own, for the Bind that
    /// comes at once: no original, and no key of a mask, may meet another statement
    /// that the server has come to know by the client's name.
    fn own_copy(&mut self, prepared: &Prepared, lineage: &Lineage, form: Form) -> Arc<Prepared> {
        self.close_own_copy();
        let known = Known::Analysed(lineage.clone());
        let own =
            Arc::new(Prepared { version: self.guard.version, known, form: Some(form), ..copy_of(prepared) });
        let gate = if touches(&own) && !self.observes() { Gate::Closed } else { Gate::Open };
        self.send_parse(OWN_COPY, own.clone(), b"", Audience::Proxy, gate);
        own
    }

    fn close_own_copy(&mut self) {
        Target::Statement(OWN_COPY).write(tag::CLOSE, self.upstream.output());
        let remove = Change::RemoveStatement(Bytes::from_static(OWN_COPY));
        self.expect(Entry::new(Kind::Close, Reply::new(Audience::Proxy)).with_change(remove));
    }

    /// Of a statement that bauta has not seen made.
    fn bind_unheld(&mut self, statement: &[u8], frame: &[u8]) {
        let mut audience = Audience::Client;
        if !self.observes() {
            self.close_unheld(Unheld::Statement(Bytes::copy_from_slice(statement)));
            audience = Audience::MustFail;
        }
        self.upstream.queue(frame);
        self.expect(Entry::new(Kind::Bind, Reply::new(audience)));
    }

    /// The statement as the server must hold it for this Bind; parsed anew
    /// upstream where the form it has does not fit.
    pub(super) fn in_form(
        &mut self,
        name: &[u8],
        prepared: Arc<Prepared>,
        lineage: Option<&Lineage>,
        form: Form,
    ) -> Result<Arc<Prepared>, Stop> {
        if prepared.form.as_ref() == Some(&form) {
            return Ok(self.refreshed(&prepared, lineage));
        }
        if prepared.by_sql {
            if prepared.holds_no_more_than(&form.edits) {
                return Ok(self.refreshed(&prepared, lineage));
            }
            let error = ClientError::new(
                sqlstate::INSUFFICIENT_PRIVILEGE,
                "the statement was prepared under access that has ended",
            );
            return Err(error.with_hint("DEALLOCATE and PREPARE the statement again.").into());
        }
        self.check_parse_again(&prepared)?;
        if !name.is_empty() {
            self.close_lost(name, &prepared);
        }
        let known = lineage.map_or(Known::Harmless, |lineage| Known::Analysed(lineage.clone()));
        let anew =
            Arc::new(Prepared { version: self.guard.version, known, form: Some(form), ..copy_of(&prepared) });
        let gate = if touches(&anew) && !self.observes() { Gate::Closed } else { Gate::Open };
        self.send_parse(name, anew.clone(), b"", Audience::Proxy, gate);
        Ok(anew)
    }

    /// Closes the server's copy; the name stands on without one.
    fn close_lost(&mut self, name: &[u8], prepared: &Prepared) {
        Target::Statement(name).write(tag::CLOSE, self.upstream.output());
        let name = Bytes::copy_from_slice(name);
        let gone = Prepared { form: None, ..copy_of(prepared) };
        let entry = Entry::new(Kind::Close, Reply::new(Audience::Proxy))
            .with_change(Change::RemoveStatement(name.clone()))
            .with_change(Change::SetStatement(name, Arc::new(gone)));
        self.expect(entry);
    }

    /// The same statement with today's analysis.
    fn refreshed(&self, prepared: &Arc<Prepared>, lineage: Option<&Lineage>) -> Arc<Prepared> {
        if prepared.version == self.guard.version {
            return prepared.clone();
        }
        let known = lineage.map_or(Known::Harmless, |lineage| Known::Analysed(lineage.clone()));
        Arc::new(Prepared { version: self.guard.version, known, ..copy_of(prepared) })
    }

    fn describe_copy_of(
        &mut self,
        text: &Bytes,
        lineage: &Lineage,
        judged: &Judged,
        shape: Option<&Arc<Shape>>,
    ) {
        let shape = shape.filter(|_| judged.guarded.as_ref().is_some_and(|guarded| !guarded.observed));
        let (Some(statement), Some(shape)) = (lineage.statement(), shape) else { return };
        if let StatementKind::CopyOut(copy) = &statement.kind {
            self.write_describe(like(copy, text, &judged.edits), shape);
        }
    }

    fn expect_bind(&mut self, name: &[u8], bound: Bound, shape: ShapeRef, gate: Gate) {
        let Bound { prepared, tokens, by_name, values } = bound;
        // It is planned, which calls its IMMUTABLE functions.
        self.pipeline_sets |= !is_begin(&prepared.text);
        let reply = Reply { gate, ..Reply::new(Audience::Client) };
        let asks = shape.as_ref().is_some_and(|shape| shape.own.is_none()) && !is_copy(&prepared);
        let leads = self.leads(&prepared).ok().flatten();
        let columns =
            prepared.known.statement().and_then(|statement| statement.outputs.as_ref()).map_or(0, Vec::len);
        let weight = Some(self.kept.portal(columns, values + 2 * tokens.len()));
        let opened = Opened::new(&self.guard, &prepared.text, &prepared.known);
        let portal = Portal {
            prepared,
            hold: false,
            kept: false,
            is_hushed: gate == Gate::Closed,
            tokens,
            by_name,
            leads,
            opened,
            leans: None,
            weight,
            shape: shape.clone(),
        };
        let set = Change::SetPortal(Bytes::copy_from_slice(name), portal);
        self.expect(Entry::new(Kind::Bind, reply).with_change(set));
        if let Some(shape) = shape.filter(|_| asks) {
            self.ask_portal(name, shape);
        }
    }

    /// Has the server describe a portal into `shape`, unseen.
    pub(super) fn ask_portal(&mut self, name: &[u8], shape: Arc<Shape>) {
        Target::Portal(name).write(tag::DESCRIBE, self.upstream.output());
        let reply = Reply { gate: Gate::Closed, ..Reply::new(Audience::Proxy) };
        self.expect(Entry::new(Kind::DescribePortal, reply.with_shape(shape)));
    }

    /// The registration that the EXECUTE or FETCH in `prepared` leads to now.
    pub(in crate::session) fn leads(&self, prepared: &Prepared) -> Result<Option<u64>, Stop> {
        let number = match prepared.known.statement().map(|statement| &statement.kind) {
            Some(StatementKind::Execute { name }) => match self.state.statement(name.as_bytes()) {
                Lookup::Found(slot) => Some(slot.number()),
                Lookup::Missing => None,
                Lookup::Wait => return Err(Stop::Hold(Hold::Quiet)),
            },
            Some(StatementKind::Fetch { cursor, .. }) => match self.state.portal(cursor.as_bytes()) {
                Lookup::Found(slot) => Some(slot.number()),
                Lookup::Missing => None,
                Lookup::Wait => return Err(Stop::Hold(Hold::Quiet)),
            },
            Some(_) | None => None,
        };
        Ok(number)
    }

    /// What the EXECUTE or FETCH in `prepared` names, where bauta has not seen it made.
    fn leads_to_unheld(&self, prepared: &Prepared) -> Option<Unheld> {
        match &prepared.known.statement()?.kind {
            StatementKind::Execute { name } => {
                let is_unheld = matches!(self.state.statement(name.as_bytes()), Lookup::Missing);
                is_unheld.then(|| Unheld::statement(name))
            }
            StatementKind::Fetch { cursor, .. } => {
                let is_unheld = matches!(self.state.portal(cursor.as_bytes()), Lookup::Missing);
                is_unheld.then(|| Unheld::cursor(cursor))
            }
            _ => None,
        }
    }

    /// Does a portal over EXECUTE or FETCH lead to another statement or cursor
    /// than when it was bound? One that led to nothing then shows no rows.
    pub(in crate::session) fn leads_elsewhere<S>(&self, portal: &Portal<S>) -> Result<bool, Stop> {
        Ok(portal.leads.is_some() && self.leads(&portal.prepared)? != portal.leads)
    }

    /// Registers a Bind of which only the head is here. True: it passes.
    pub(in crate::session) fn pass_bind(&mut self, portal: &[u8], statement: &[u8]) -> Result<bool, End> {
        if self.hold.is_some()
            || self.copy_in != CopyIn::Off
            || self.state.is_skipping()
            || self.check_spelling(portal).is_err()
            || self.room_for_name(portal).is_err()
        {
            return Ok(false);
        }
        let Lookup::Found(slot) = self.state.statement(statement) else { return Ok(false) };
        let Ok(Known::Harmless) = self.known(&slot.value) else { return Ok(false) };
        if self.check_unseen(&slot.value.text, None).is_err()
            || self.check_types(&slot.value.parameter_types).is_err()
        {
            return Ok(false);
        }
        if slot.value.form != Some(Form::plain(&slot.value.parameter_types)) {
            return Ok(false);
        }
        let prepared = self.refreshed(&slot.value, None);
        self.expect_bind(portal, Bound::unasked(prepared), None, Gate::Open);
        Ok(true)
    }
}

/// What a portal is bound to.
struct Bound {
    prepared: Arc<Prepared>,
    /// Parameters that tokens were given for.
    tokens: Arc<[u16]>,
    /// As [`Portal::by_name`].
    by_name: bool,
    /// Bytes of values that bauta keeps.
    values: usize,
}

impl Bound {
    /// Nothing was asked about its parameters, and its rows are not masked.
    fn unasked(prepared: Arc<Prepared>) -> Self {
        Self { prepared, tokens: Arc::default(), by_name: false, values: 0 }
    }
}

fn is_copy(prepared: &Prepared) -> bool {
    match &prepared.known {
        Known::Harmless | Known::Own(_) | Known::Naming(_) => false,
        Known::Analysed(lineage) => {
            matches!(lineage.statement().map(|s| &s.kind), Some(StatementKind::CopyOut(_)))
        }
    }
}
