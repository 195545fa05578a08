//! What a statement may do now: analysis looked up, permits asked, decision
//! taken. The same for simple and extended protocol.
//!
//! Invariant: a decision is made at every start of a statement and at every
//! continuation of a portal or cursor; only analyses are kept.

use std::sync::Arc;

use bytes::Bytes;

use super::end_user;
use super::extended::copy_of;
use super::meanwhile::Ground;
use super::observe::{noted, untouched};
use super::relay::{Hold, JobDone, Relay, ShapeRef};
use super::reports::Gate;
use super::runs::{Guarded, Plan};
use super::settings::unheard_encoding;
use super::state::{Kind, Known, Lineage, Lookup, Portal, Prepared};
use super::tokens::{Handed, Keys, tokens_by_name};
use super::unheld::Unheld;
use crate::audit::record::Observed;
use crate::error::{ClientError, sqlstate};
use crate::grants::GrantId;
use crate::grants::rows::Lease;
use crate::policy::decide::{self, ColumnDecision, Decision, Notice, Verdict, What};
use crate::policy::tokens::Handover;
use crate::policy::{Access, Basis, ProtectedColumn};
use crate::sql::analyser;
use crate::sql::analysis::{CatalogChange, CopyFormat, CopyIn, Like};
use crate::sql::splice::Edit;
use crate::sql::{Analysis, Statement, StatementKind, parse};
use crate::wire::backend::TransactionStatus;

/// How many EXECUTE or FETCH may lead to one another.
pub(super) const MAX_FOLLOWED: usize = 8;

/// Does a text mean something else under `standard_conforming_strings = off`
/// or another client encoding?
pub(super) fn hangs_on_settings(text: &[u8]) -> bool {
    !text.is_ascii() || text.contains(&b'\\')
}

/// What is known of a whole text.
pub(super) enum Knowledge {
    Harmless,
    Analysed(Arc<Analysis>),
}

/// Why a statement does not go upstream now.
pub(super) enum Stop {
    /// Try the same message again when this is over.
    Hold(Hold),
    Refuse(Refusal),
}

/// A refusal, and what the audit log says of it.
pub(super) struct Refusal {
    pub error: ClientError,
    pub columns: Vec<ColumnDecision>,
    /// A grant on these would let the statement run.
    pub lacking: Vec<Arc<ProtectedColumn>>,
}

impl Refusal {
    /// One that no request changes.
    pub(super) fn of(error: ClientError, columns: Vec<ColumnDecision>) -> Self {
        Self { error, columns, lacking: Vec::new() }
    }
}

impl From<ClientError> for Stop {
    fn from(error: ClientError) -> Self {
        Self::Refuse(Refusal::of(error, Vec::new()))
    }
}

/// A statement that may run.
pub(super) struct Judged {
    /// None: nothing protected in it, nothing to do to its rows.
    pub guarded: Option<Box<Guarded>>,
    /// Edits of the text (those that PREPARE or DECLARE ran with, or runs with now).
    pub edits: Vec<Edit>,
    pub columns: Arc<[ColumnDecision]>,
    /// What goes upstream in the place of tokens.
    pub tokens: Handover,
    /// Nothing of the decisions is applied, and there are some.
    pub observed: Option<Observed>,
    /// What the statement was judged by that it runs by name.
    pub followed: Option<Box<Ground>>,
}

impl Judged {
    /// Are the server's errors and notices about it filtered?
    pub(super) fn gate(&self) -> Gate {
        let closed = self.guarded.as_ref().is_some_and(|g| g.touches && !g.verdict.full_grant);
        if closed { Gate::Closed } else { Gate::Open }
    }

    /// Its rows are taken from these, where it leans on their grants.
    pub(super) fn under(&mut self, leases: &[Arc<Lease>]) {
        let leaning: Vec<GrantId> = self.leans_on().collect();
        let Some(guarded) = &mut self.guarded else { return };
        let of_mine = |lease: &&Arc<Lease>| guarded.grants.contains(&lease.grant());
        let cost = guarded.verdict.values_of_one_column();
        let share = |lease: &Arc<Lease>| lease.share(cost, leaning.contains(&lease.grant()));
        guarded.shares = leases.iter().filter(of_mine).map(share).collect();
        guarded.reveals |= !guarded.shares.is_empty();
    }

    /// Would a value of the client's choosing, in the place of one of its outputs,
    /// be masked as the column's own values are?
    pub(super) fn has_keyed_masks(&self) -> bool {
        self.guarded.as_ref().is_some_and(|guarded| guarded.verdict.has_keyed_masks())
    }

    /// What it does to its outputs, if it masks some.
    fn masking(&self) -> Option<&Verdict> {
        self.guarded.as_ref().map(|guarded| &guarded.verdict).filter(|verdict| verdict.masks())
    }

    /// Refused: what is masked in it is not settled when it runs.
    fn unsettled(&self, why: &str, mend: &str) -> Stop {
        let error = ClientError::new(sqlstate::FEATURE_NOT_SUPPORTED, why).with_hint(mend);
        Stop::Refuse(Refusal::of(error, self.columns.to_vec()))
    }

    /// What runs is what the server knows by a name, which may be another than
    /// what was judged.
    fn by_name(mut self) -> Self {
        if let Some(guarded) = &mut self.guarded {
            guarded.by_name = true;
        }
        self
    }

    /// Grants by which it may use a column, not only show it.
    fn leans_on(&self) -> impl Iterator<Item = GrantId> {
        let bases = self.guarded.iter().flat_map(|guarded| &guarded.verdict.leans_on);
        bases.filter_map(|basis| match basis {
            Basis::Grant(id) => Some(*id),
            Basis::Role(_) => None,
        })
    }

    pub(super) fn plain() -> Self {
        // Arc's default of a slice allocates nothing.
        Self {
            guarded: None,
            edits: Vec::new(),
            columns: Arc::default(),
            tokens: Handover::default(),
            observed: None,
            followed: None,
        }
    }

    /// It names a statement or cursor that bauta has not seen made.
    fn of_unheld(unheld: Unheld) -> Self {
        Self::failing(Some(unheld))
    }

    /// The server's own error passes; should there be another answer, the
    /// session ends before anything of it is shown.
    fn failing(unheld: Option<Unheld>) -> Self {
        // What it runs may touch anything.
        let guarded = Guarded { must_fail: true, unheld, touches: true, ..Guarded::unannounced(Plan::None) };
        Self { guarded: Some(Box::new(guarded)), ..Self::plain() }
    }

    /// Made by [`failing`](Self::failing).
    pub(super) fn must_fail(&self) -> bool {
        self.guarded.as_ref().is_some_and(|guarded| guarded.must_fail)
    }

    /// What it names and bauta has not seen made.
    pub(super) fn unheld(&self) -> Option<&Unheld> {
        self.guarded.as_ref()?.unheld.as_ref()
    }
}

impl Relay {
    /// What `text` uses, without waiting.
    ///
    /// # Errors
    /// [`Hold::Job`] when the answer takes an analysis thread or a snapshot.
    pub(super) fn knowledge(&mut self, text: &Bytes) -> Result<Knowledge, Hold> {
        self.fresh_guard()?;
        if let Some((version, known, analysis)) = self.answered.take()
            && version == self.guard.version
            && known == *text
        {
            return Ok(Knowledge::Analysed(analysis));
        }
        match self.proxy.analyser.look_up(&self.guard, text) {
            analyser::Verdict::Harmless => Ok(Knowledge::Harmless),
            analyser::Verdict::Known(analysis) => Ok(Knowledge::Analysed(analysis)),
            analyser::Verdict::Unknown => {
                let (proxy, guard, text) = (self.proxy.clone(), self.guard.clone(), text.clone());
                self.job = Some(Box::pin(async move {
                    let longest = proxy.config.load().limits.statement_bytes;
                    let analysis = proxy.analyser.analyse(&guard, &text, longest).await;
                    JobDone::Analysis { version: guard.version, text, analysis }
                }));
                Err(Hold::Job)
            }
        }
    }

    /// The statement that `prepared` holds, by today's guard.
    pub(super) fn known(&mut self, prepared: &Prepared) -> Result<Known, Stop> {
        self.fresh_guard().map_err(Stop::Hold)?;
        let (index, inner) = match &prepared.known {
            known if prepared.version == self.guard.version => return Ok(known.clone()),
            Known::Own(statement) => return Ok(Known::Own(statement.clone())),
            Known::Naming(naming) => return Ok(Known::Naming(naming.clone())),
            Known::Analysed(lineage) => (lineage.index, lineage.inner),
            Known::Harmless => (0, false),
        };
        Ok(match self.knowledge(&prepared.text).map_err(Stop::Hold)? {
            Knowledge::Harmless => Known::Harmless,
            Knowledge::Analysed(_) if prepared.misread && !self.observes() => return Err(misread().into()),
            Knowledge::Analysed(analysis) => {
                let lineage = Lineage { analysis, index, inner };
                let spells_letters = lineage.statement().is_some_and(|statement| statement.spells_letters);
                if spells_letters && prepared.misread_keys && !self.observes() {
                    return Err(misread().into());
                }
                Known::Analysed(lineage)
            }
        })
    }

    /// What is open reads what its names meant when it was opened, so that is
    /// what it is judged by. What today's policy adds to it, it is judged by too.
    pub(super) fn judge_opened(
        &mut self,
        portal: &Portal<ShapeRef>,
        judge: impl Fn(&mut Self, &Arc<Prepared>) -> Result<Judged, Stop>,
    ) -> Result<Judged, Stop> {
        let prepared = &portal.prepared;
        let today = self.known(prepared)?;
        self.check_plan(portal, &today)?;
        if prepared.version == self.guard.version {
            return judge(self, prepared);
        }
        let version = self.guard.version;
        let opened = Arc::new(Prepared { version, ..copy_of(prepared) });
        let mut judged = judge(self, &opened)?;
        let now = judge(self, &Arc::new(Prepared { version, known: today, ..copy_of(prepared) }))?;
        let (Some(guarded), Some(now)) = (&mut judged.guarded, now.guarded) else {
            // Nothing protected was in it then: today's word alone.
            return match judged.guarded {
                Some(_) => Ok(judged),
                None => judge(self, prepared),
            };
        };
        match guarded.verdict.also(&now.verdict) {
            true => Ok(judged),
            false => Err(meant_another().into()),
        }
    }

    /// The plan of what is open calls the functions that its names meant when it was opened.
    pub(super) fn check_plan(&self, portal: &Portal<ShapeRef>, today: &Known) -> Result<(), Stop> {
        match portal.may_go_on(&self.guard, today) || self.observes() || self.permits.exempt() {
            true => Ok(()),
            false => Err(meant_another().into()),
        }
    }

    /// Judges what runs when `prepared` is executed: by Bind, Execute,
    /// EXECUTE, FETCH. The form that the server holds must fit, unless it can
    /// be made anew.
    pub(super) fn judge_prepared(&mut self, prepared: &Prepared, handed: Handed<'_>) -> Result<Judged, Stop> {
        let known = self.known(prepared)?;
        self.check_types(&prepared.parameter_types)?;
        self.check_unseen(&prepared.text, known.analysis())?;
        let judged = match &known {
            Known::Harmless => Judged::plain(),
            Known::Analysed(lineage) => self.judge(lineage, handed)?,
            Known::Own(_) => return Err(own_by_name().into()),
            Known::Naming(_) => return Err(end_user::by_name()),
        };
        let followed = Ground::new(&prepared.text, &known, &self.guard).map(Box::new);
        Ok(Judged { followed, ..judged })
    }

    /// As [`judge_prepared`](Self::judge_prepared), refused where the form
    /// holds more than is allowed now.
    pub(super) fn judge_in_form(
        &mut self,
        prepared: &Prepared,
        mend: &str,
        handed: Handed<'_>,
    ) -> Result<Judged, Stop> {
        let judged = self.judge_prepared(prepared, handed)?;
        if prepared.holds_no_more_than(&judged.edits) {
            return Ok(judged);
        }
        let error = ClientError::new(
            sqlstate::INSUFFICIENT_PRIVILEGE,
            "the statement was prepared under access that has ended",
        );
        Err(Stop::Refuse(Refusal::of(error.with_hint(mend), judged.columns.to_vec())))
    }

    /// Judges one statement, following EXECUTE and FETCH to what they name.
    pub(super) fn judge(&mut self, lineage: &Lineage, handed: Handed<'_>) -> Result<Judged, Stop> {
        // A statement named `a` may be the text EXECUTE a.
        if self.following >= MAX_FOLLOWED {
            return Err(followed_too_far().into());
        }
        self.following += 1;
        let outer = self.outer_recodes;
        self.outer_recodes |= self.may_recode_by_name(lineage);
        let judged = self.judge_followed(lineage, handed);
        self.outer_recodes = outer;
        self.following -= 1;
        if self.observes() { self.observed(lineage, judged) } else { judged }
    }

    /// What an EXECUTE or FETCH runs comes behind what is before it in its text.
    fn may_recode_by_name(&self, lineage: &Lineage) -> bool {
        let statement = lineage.statement();
        statement.is_some_and(|s| s.may_recode || (s.follows_end && self.end_recodes()))
    }

    /// The end of a transaction may set `client_encoding`: back to what it was, or
    /// by the query of a cursor WITH HOLD, which runs then.
    pub(super) fn end_recodes(&self) -> bool {
        self.recoded || self.state.portals().any(|portal| portal.hold && portal.prepared.may_recode)
    }

    /// Does what a statement of this kind runs by a name set `client_encoding`, or
    /// may it?
    pub(super) fn runs_recoding(&self, kind: &StatementKind) -> bool {
        match kind {
            StatementKind::Execute { name } | StatementKind::ExplainExecute { name } => {
                match self.state.statement(name.as_bytes()) {
                    Lookup::Found(slot) => slot.value.may_recode,
                    Lookup::Missing | Lookup::Wait => true,
                }
            }
            StatementKind::Fetch { cursor, .. } => match self.state.portal(cursor.as_bytes()) {
                Lookup::Found(slot) => slot.value.prepared.may_recode,
                Lookup::Missing | Lookup::Wait => true,
            },
            _ => false,
        }
    }

    fn judge_fetch(&mut self, cursor: &str) -> Result<Judged, Stop> {
        self.need_quiet()?;
        match self.state.portal(cursor.as_bytes()) {
            Lookup::Found(slot) => {
                let mend = "CLOSE the cursor and DECLARE it again.";
                let tokens = &slot.value.tokens;
                if self.leads_elsewhere(&slot.value)? {
                    return Err(leads_elsewhere().into());
                }
                let judged = self.judge_opened(&slot.value, |relay, prepared| {
                    relay.judge_in_form(prepared, mend, Handed::kept(tokens))
                })?;
                if leads_on(&slot.value.prepared) && !judged.must_fail() {
                    // It would run now, with the columns that it had when it was bound.
                    return Err(by_two_names().into());
                }
                let opened = |ground: Box<Ground>| Box::new(ground.opened(&slot.value.opened));
                let followed = judged.followed.map(opened);
                // They were handed over with the DECLARE or Bind.
                Ok(Judged { tokens: Handover::default(), followed, ..judged }.by_name())
            }
            Lookup::Missing => Ok(Judged::of_unheld(Unheld::cursor(cursor))),
            Lookup::Wait => Err(Stop::Hold(Hold::Quiet)),
        }
    }

    fn judge_execute(&mut self, name: &str) -> Result<Judged, Stop> {
        self.need_quiet()?;
        let slot = match self.state.statement(name.as_bytes()) {
            Lookup::Found(slot) => slot,
            Lookup::Missing => return Ok(Judged::of_unheld(Unheld::statement(name))),
            Lookup::Wait => return Err(Stop::Hold(Hold::Quiet)),
        };
        if leads_on(&slot.value) {
            return Err(by_two_names().into());
        }
        if moves_transaction(&slot.value) {
            return Err(transaction_by_name().into());
        }
        let mend = "DEALLOCATE and PREPARE the statement again.";
        let mut judged = self.judge_in_form(&slot.value, mend, Handed::NOTHING)?;
        if !judged.tokens.is_empty() {
            return Err(tokens_by_name().into());
        }
        settle_executed(&mut judged)?;
        match judged.guarded.as_ref().filter(|guarded| guarded.copy.is_some()) {
            // Its columns would not be described.
            Some(_) => Err(copy_by_name().into()),
            None => Ok(judged.by_name()),
        }
    }

    fn judge_followed(&mut self, lineage: &Lineage, handed: Handed<'_>) -> Result<Judged, Stop> {
        let Some(statement) = lineage.statement() else {
            // A text of comments alone may spell a name that counts.
            let is_empty = lineage.analysis.statements.is_empty();
            return if is_empty { Ok(Judged::plain()) } else { Err(lost().into()) };
        };
        self.check_names(&statement.kind)?;
        self.check_session(statement)?;
        if statement.current_of {
            self.check_cursors()?;
        }
        match &statement.kind {
            StatementKind::Execute { name } => self.judge_execute(name),
            StatementKind::ExplainExecute { name } => {
                self.need_quiet()?;
                match self.state.statement(name.as_bytes()) {
                    Lookup::Found(slot) => self.judge_explain_execute(&slot.value),
                    Lookup::Missing => Ok(Judged::of_unheld(Unheld::statement(name))),
                    Lookup::Wait => Err(Stop::Hold(Hold::Quiet)),
                }
            }
            StatementKind::Fetch { cursor, .. } => {
                // A portal that runs can't be fetched from: the server says so.
                if self.fetching.contains(cursor) {
                    return Ok(Judged::failing(None));
                }
                self.fetching.push(cursor.clone());
                let judged = self.judge_fetch(cursor);
                self.fetching.pop();
                judged
            }
            StatementKind::Prepare { inner, .. } | StatementKind::DeclareCursor { inner, .. } => {
                self.decide(statement, handed)?;
                let mut judged = self.decide(inner, handed)?;
                if matches!(statement.kind, StatementKind::Prepare { .. }) && !judged.tokens.is_empty() {
                    return Err(tokens_by_name().into());
                }
                if let Some(guarded) = &mut judged.guarded {
                    // A cursor that is held makes its rows when the transaction ends.
                    guarded.defers |=
                        matches!(statement.kind, StatementKind::DeclareCursor { hold: true, .. });
                    // It returns no rows itself.
                    guarded.has_outputs = false;
                    guarded.verdict.outputs.clear();
                    guarded.reveals = false;
                }
                Ok(judged)
            }
            StatementKind::CopyOut(copy) => {
                let mut judged = self.decide(statement, handed)?;
                if matches!(copy.like, Like::Table(_)) {
                    settle_copied(&mut judged);
                }
                check_copied(&mut judged)?;
                Ok(judged)
            }
            _ => self.decide(statement, handed),
        }
    }

    fn judge_explain_execute(&mut self, prepared: &Prepared) -> Result<Judged, Stop> {
        let judged = self.judge_prepared(prepared, Handed::NOTHING)?;
        if judged.guarded.is_some_and(|guarded| guarded.touches) {
            return Err(ClientError::new(
                sqlstate::INSUFFICIENT_PRIVILEGE,
                "EXPLAIN of a prepared statement that touches protected data is not allowed",
            )
            .with_hint("EXPLAIN the statement itself.")
            .into());
        }
        Ok(Judged::plain())
    }

    /// THE decision, for one statement and this session, now.
    fn decide(&mut self, statement: &Statement, handed: Handed<'_>) -> Result<Judged, Stop> {
        self.fresh_permits();
        self.one_policy().map_err(Stop::Hold)?;
        let now = self.proxy.clock.now();
        let keys = self.proxy.keys.load_full();
        let tokens = Keys::new(&keys, self.settings.encoding_of_tokens(), handed);
        self.check_keys(statement)?;
        let exempt = self.permits.exempt();
        let permits = self.permits.behind(&self.spent);
        let decision = decide::decide_with(statement, &permits, exempt, now, &tokens);
        let observe = self.observes();
        let mut verdict = match decision {
            Decision::Run(verdict) if observe => untouched(verdict.columns),
            Decision::Run(verdict) => verdict,
            Decision::Refuse { error, columns, lacking } => {
                return Err(Stop::Refuse(Refusal { error, columns, lacking }));
            }
        };
        if !observe && (verdict.masks() || verdict.tokens.has_originals()) {
            self.need_encoding()?;
            if let Some(why) = self.lossy_output(statement) {
                return Err(why.into());
            }
        }
        // Only what runs could end the block.
        if self.state.status() == TransactionStatus::Failed && !self.state.has_running() {
            verdict.tokens.withhold();
        }
        if !observe {
            self.need_kept_readings(statement, verdict.tokens.has_originals())?;
        }
        if verdict.tokens.has_originals() {
            self.need_near_tables(statement)?;
            self.need_settled_names()?;
        } else if !observe {
            self.need_settled_meaning(statement)?;
        }
        Ok(self.judged(statement, verdict, observe))
    }

    /// A Query that is not answered may set another encoding, in which the server
    /// would write the values and read the originals. What else does so is known
    /// when it is sent.
    pub(super) fn need_encoding(&self) -> Result<(), Stop> {
        match self.state.entries().any(|entry| entry.kind == Kind::Query) {
            true => Err(Stop::Hold(Hold::Quiet)),
            false => Ok(()),
        }
    }

    /// Why masked values can't be shown, nor tokens be led back: the server's
    /// conversion of their originals could fail.
    fn lossy_output(&self, statement: &Statement) -> Option<ClientError> {
        let set_back = (statement.follows_end || self.pipeline_open) && self.end_recodes();
        let unheard = statement.may_recode || self.outer_recodes || self.pipeline_recodes || set_back;
        self.settings.lossy_output().or_else(|| unheard.then(unheard_encoding))
    }

    pub(super) fn judged(&self, statement: &Statement, mut verdict: Verdict, observe: bool) -> Judged {
        let columns: Arc<[ColumnDecision]> = std::mem::take(&mut verdict.columns).into();
        let edits = verdict.edits.clone();
        let mut tokens = std::mem::take(&mut verdict.tokens);
        let streamed = std::mem::take(&mut tokens.streamed);
        let matters = statement.touches_protected
            || statement.outputs.is_some()
            || statement.catalog_change != CatalogChange::None
            || forgets_person(&statement.kind);
        // Grants are not used up by what would have run without them.
        let bases = if observe { Vec::new() } else { bases(&*columns) };
        // What a row is made of, or why it is there, ends with its grant too.
        let reveals = !bases.is_empty();
        let guarded = matters.then(|| {
            Box::new(Guarded {
                grants: grants(&bases),
                bases,
                shares: Vec::new(),
                has_outputs: statement.outputs.is_some() && !observe,
                plan: Plan::None,
                copy: copy_format(&statement.kind),
                copy_in: copy_in(&statement.kind)
                    .filter(|_| !streamed.is_empty())
                    .map(|copy| (copy, streamed)),
                shape: None,
                reveals,
                answer: None,
                observed: observe,
                must_fail: false,
                unheld: None,
                noticed: false,
                catalog_change: statement.catalog_change,
                names: statement.names.clone(),
                awaited: statement.is_awaited(),
                touches: statement.touches_protected,
                only_reads: statement.only_reads,
                defers: statement.defers,
                by_name: false,
                forgets_person: forgets_person(&statement.kind),
                verdict,
            })
        });
        let observed = noted(observe, &columns);
        Judged { guarded, edits, columns, tokens, observed, followed: None }
    }
}

/// The rules that let this statement see or use something, and what.
pub(super) fn bases<'c>(
    columns: impl IntoIterator<Item = &'c ColumnDecision>,
) -> Vec<(Basis, Arc<ProtectedColumn>)> {
    let mut bases: Vec<(Basis, Arc<ProtectedColumn>)> = Vec::new();
    for column in columns {
        let What::Revealed(Access::Revealed { basis, .. }) = &column.what else { continue };
        if !bases.iter().any(|(known, of)| known == basis && Arc::ptr_eq(of, &column.column)) {
            bases.push((basis.clone(), column.column.clone()));
        }
    }
    bases
}

/// The grants that these statements run under, each once, and how many of them have
/// a predicate under it: what that finds out is told even without a row.
pub(super) fn grants_of(judged: &[Judged]) -> Vec<(GrantId, u64)> {
    let mut grants: Vec<(GrantId, u64)> = Vec::new();
    for judged in judged {
        let leaning: Vec<GrantId> = judged.leans_on().collect();
        for grant in judged.guarded.iter().flat_map(|guarded| &guarded.grants) {
            let leans = u64::from(leaning.contains(grant));
            match grants.iter_mut().find(|(known, _)| known == grant) {
                Some((_, ahead)) => *ahead += leans,
                None => grants.push((*grant, leans)),
            }
        }
    }
    grants
}

/// The grants among them, each once.
fn grants(bases: &[(Basis, Arc<ProtectedColumn>)]) -> Vec<GrantId> {
    let mut grants: Vec<GrantId> = Vec::new();
    for (basis, _) in bases {
        match basis {
            Basis::Grant(id) if !grants.contains(id) => grants.push(*id),
            Basis::Grant(_) | Basis::Role(_) => {}
        }
    }
    grants
}

/// It resets all settings, so the session is its login's again.
fn forgets_person(kind: &StatementKind) -> bool {
    matches!(kind, StatementKind::Setting { resets_all: true } | StatementKind::Discard { all: true, .. })
}

fn copy_format(kind: &StatementKind) -> Option<CopyFormat> {
    match kind {
        StatementKind::CopyOut(copy) => Some(copy.format.clone()),
        _ => None,
    }
}

fn copy_in(kind: &StatementKind) -> Option<CopyIn> {
    match kind {
        StatementKind::CopyIn(copy) => Some(copy.clone()),
        _ => None,
    }
}

/// EXECUTE or FETCH, prepared or opened by a message.
fn leads_on(prepared: &Prepared) -> bool {
    let kind = prepared.known.statement().map(|statement| &statement.kind);
    matches!(kind, Some(StatementKind::Execute { .. } | StatementKind::Fetch { .. }))
}

/// COMMIT and the like, which only a Parse can put under a name. By EXECUTE they
/// answer before they are done, and what follows them in a pipeline runs between.
fn moves_transaction(prepared: &Prepared) -> bool {
    let statement = match &prepared.known {
        Known::Analysed(lineage) => lineage.statement(),
        Known::Own(_) | Known::Naming(_) => return false,
        // Nobody has read it.
        Known::Harmless => return !prepared.by_sql && parse::begins_transaction_control(&prepared.text),
    };
    statement.is_some_and(|statement| matches!(statement.kind, StatementKind::Transaction(_)))
}

fn transaction_by_name() -> ClientError {
    ClientError::new(sqlstate::FEATURE_NOT_SUPPORTED, "transaction statements can't be run by EXECUTE")
        .with_hint("Send the statement itself.")
}

pub(super) fn leads_elsewhere() -> ClientError {
    ClientError::new(
        sqlstate::FEATURE_NOT_SUPPORTED,
        "what the portal runs by name is another statement or cursor than when it was bound",
    )
    .with_hint("Bind it again.")
}

fn meant_another() -> ClientError {
    ClientError::new(
        sqlstate::FEATURE_NOT_SUPPORTED,
        "what the cursor's or portal's statement means has changed since it was opened",
    )
    .with_hint("Open it again.")
}

fn by_two_names() -> ClientError {
    ClientError::new(
        sqlstate::FEATURE_NOT_SUPPORTED,
        "EXECUTE and FETCH can't be run by the name of another EXECUTE or FETCH",
    )
    .with_hint("Name the statement or cursor itself.")
}

/// Nothing that the server says of a COPY's rows tells what its query reads by
/// then: a message of its own describes it, before.
fn check_copied(judged: &mut Judged) -> Result<(), Stop> {
    // By then a name may mean another relation than when it was described.
    if let Some(guarded) = &mut judged.guarded {
        guarded.verdict.tell_none_apart();
    }
    let Some(verdict) = judged.masking() else { return Ok(()) };
    if verdict.needs_witness() {
        let what = "which columns of a COPY are protected hangs on what * stands for, which may change";
        return Err(judged.unsettled(what, "Name the columns."));
    }
    match verdict.hangs_on_names() {
        true => Err(judged.unsettled(
            "which columns of a COPY are protected hangs on which of several relations a name means",
            "Write the names with their schemas.",
        )),
        false => Ok(()),
    }
}

/// Which table of the name is copied is known when it runs: its columns are masked
/// for all of them.
fn settle_copied(judged: &mut Judged) {
    let Some(guarded) = &mut judged.guarded else { return };
    if guarded.verdict.hangs_on_names() {
        guarded.verdict.notices.push(Notice {
            message: "columns are masked for every table that the name in the COPY may mean".to_owned(),
            hint: Some("Write the schema's name in front of it.".to_owned()),
        });
    }
    guarded.verdict.settle_names();
}

/// EXECUTE runs code of the client's on its way: its arguments, before the statement
/// is planned, and the statement, before a Query's rows are described. What was
/// described is not what ran, if that changes what names mean.
fn settle_executed(judged: &mut Judged) -> Result<(), Stop> {
    if judged.masking().is_none() {
        return Ok(());
    }
    let verdict = judged.guarded.as_mut().map(|guarded| &mut guarded.verdict);
    match verdict.is_none_or(|verdict| !verdict.needs_witness() && verdict.settle_names()) {
        true => Ok(()),
        false => Err(judged.unsettled(
            "which columns of an EXECUTE are protected hangs on what its names and * mean, which may change",
            "Name the columns and schemas in the statement, or send it by itself.",
        )),
    }
}

fn lost() -> ClientError {
    ClientError::new(sqlstate::INTERNAL_ERROR, "the statement has no analysis and was not run")
}

fn own_by_name() -> ClientError {
    ClientError::new(
        sqlstate::FEATURE_NOT_SUPPORTED,
        "a statement for schema \"bauta\" can't be run by EXECUTE or FETCH",
    )
    .with_hint("Send the statement itself.")
}

pub(super) fn followed_too_far() -> ClientError {
    ClientError::new(
        sqlstate::STATEMENT_TOO_COMPLEX,
        "stack depth limit exceeded: EXECUTE and FETCH name each other too deeply",
    )
}

fn copy_by_name() -> ClientError {
    ClientError::new(sqlstate::FEATURE_NOT_SUPPORTED, "COPY of protected data can't be run by EXECUTE")
        .with_hint("Send the COPY itself.")
}

/// What it was read as names something protected by now.
fn misread() -> ClientError {
    ClientError::new(
        sqlstate::FEATURE_NOT_SUPPORTED,
        "the statement may name protected data, and was prepared under settings that change how it is read",
    )
    .with_hint("Prepare it again, with standard_conforming_strings = on and client_encoding = 'UTF8'.")
}
