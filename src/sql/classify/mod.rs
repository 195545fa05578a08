//! Which statement is this, and may it pass? PostgreSQL's node type decides.
//!
//! Queries go to [`lineage`]; utility statements are judged
//! here. Invariant: every counted name that the prefilter found is inside a
//! literal or comment, resolved by the analysis, or the statement is refused.

mod adding;
mod bodies;
mod change;
mod claiming;
mod copy;
mod ddl;
mod dropping;
mod explain;
mod far;
mod leaving;
mod making;
mod namesakes;
mod recoding;
mod renaming;
mod reshaped;
mod reshaping;
mod settled;
mod unseen;

pub use recoding::{body_recodes, may_recode};
pub use reshaped::Reshaped;
pub use settled::{changed_by_owner, uncommitted_code, uncommitted_names};
pub use unseen::Unseen;

use std::ops::Range;
use std::sync::Arc;

use pg_query::NodeEnum;
use pg_query::protobuf::a_const::Val;
use pg_query::protobuf::{
    DiscardMode, ExecuteStmt, Node, RangeVar, Token, TransactionStmtKind, VariableSetKind,
};

use super::analysis::{CatalogChange, Otherwise, Statement, StatementKind, Transaction, Use, UseKind};
use super::lineage::{self, Lineage};
use super::parse::{Parsed, RawStatement, Tokens, character_position};
use super::prefilter::{Hit, HitKind};
use crate::catalog::Oid;
use crate::catalog::guard::Guard;
use crate::catalog::mentions::cut;
use crate::error::{ClientError, sqlstate};
use crate::policy::{Disclosure, ProtectedColumn};

/// `CURSOR_OPT_HOLD` of PostgreSQL's `parsenodes.h`.
const CURSOR_HOLD: i32 = 0x0020;

/// A token as the name that it may be, cut as PostgreSQL cuts names.
fn name_of(token: &str) -> String {
    match token.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(quoted) => cut(&quoted.replace("\"\"", "\"")).to_owned(),
        None => cut(token).to_ascii_lowercase(),
    }
}

/// Judges every statement of a text. `hits` are the prefilter's.
pub fn classify(guard: &Guard, text: &str, parsed: &Parsed, hits: &[Hit], depth: usize) -> Vec<Statement> {
    let mut statements: Vec<Statement> = Vec::with_capacity(parsed.statements.len());
    let (mut earlier_code, mut earlier_hidden) = (false, false);
    let mut reshaped = Reshaped::default();
    let (mut recoded, mut ended) = (false, false);
    let mut unseen = Unseen::default();
    let mut hits = hits.to_vec();
    hits.sort_by_key(|hit| hit.span.start);
    for raw in &parsed.statements {
        let tokens = parsed.tokens.part(&raw.span);
        let classifier = Classifier::new(guard, text, &tokens, hits_inside(&hits, &raw.span), depth, raw);
        let statement = classifier.keeps_names(&raw.node, classifier.statement(&raw.node));
        let mut statement = classifier.claims_no_mask(&raw.node, statement);
        statement.spells_counted = classifier.is_counted();
        if !unseen::runs_nothing(&raw.node) {
            let is_settled = statement.settled && !earlier_hidden;
            if earlier_code && statement.spells_counted && !is_settled {
                statement.refusal = Some(uncommitted_code());
            } else if reshaped.unsettles(&statement.chooses) {
                statement.refusal = Some(uncommitted_names(&statement));
            }
        }
        if statement.needs_exempt.is_none() && change::is_found_by_name(&raw.node) {
            statement.catalog_change = statement.catalog_change.min(CatalogChange::Relations);
        }
        if guard.snapshot.server_version < NEWER_NUMBERS
            && classifier.is_counted()
            && let Some(at) = tokens.newer_number(text, &raw.span)
        {
            statement.refusal = Some(newer_number().at(classifier.position(at)));
        }
        earlier_code |= statement.catalog_change == CatalogChange::Code;
        let part = text.get(raw.span.clone()).unwrap_or(text);
        unseen.follow(&raw.node, part, classifier.redirects(&raw.node), &mut statement.names);
        if statement.catalog_change != CatalogChange::None {
            statement.names.reshaped = classifier.reshaped(&raw.node).map(Arc::from);
            reshaped.add(0, statement.catalog_change, statement.names.reshaped.as_deref());
        }
        earlier_hidden |= statement.names.hide() && statement.catalog_change == CatalogChange::Code;
        let recodes = recoding::is_spelled(&tokens, text, &raw.span)
            || ddl::strings_that_name(&raw.node).into_iter().any(recoding::body_recodes)
            || guard.setters.are_in(part);
        statement.may_recode = recodes || recoded;
        statement.follows_end = ended;
        statement.current_of = tokens.follow(&raw.span, &[Token::CurrentP, Token::Of]);
        ended |= matches!(statement.kind, StatementKind::Transaction(_));
        if let Some(inner) = statement.kind.inner_mut() {
            inner.may_recode = recodes;
            inner.current_of = statement.current_of;
        }
        if recodes && statement.catalog_change != CatalogChange::None {
            // What it makes would set it in statements that don't spell that.
            statement.needs_exempt.get_or_insert_with(|| classifier.exempt_only());
        }
        if statement.current_of && statement.catalog_change == CatalogChange::Code {
            // Code that it makes would run it in statements that don't spell that.
            statement.needs_exempt.get_or_insert_with(|| classifier.exempt_only());
        }
        recoded |= recodes || recoding::is_hidden(&tokens, &raw.span);
        statements.push(statement);
    }
    statements
}

/// Of hits in order of their starts, those that begin inside `span`.
fn hits_inside<'h>(hits: &'h [Hit], span: &Range<usize>) -> &'h [Hit] {
    let first = hits.partition_point(|hit| hit.span.start < span.start);
    let end = hits.partition_point(|hit| hit.span.start < span.end);
    hits.get(first..end).unwrap_or_default()
}

/// From here on `0x1F` and `1_000` are numbers; before, versions up to 14 read
/// them as `0 AS x1f` and `1 AS _000`.
const NEWER_NUMBERS: u32 = 160_000;

fn cast_argument() -> ClientError {
    ClientError::new(
        sqlstate::INSUFFICIENT_PRIVILEGE,
        "permission denied: an argument of EXECUTE may be cast by a function that may read protected data unseen",
    )
    .with_hint("Give each argument as a quoted string, or NULL.")
}

fn newer_number() -> ClientError {
    ClientError::new(sqlstate::SYNTAX_ERROR, "trailing junk after numeric literal").with_hint(
        "This server's version reads such a number as two words: write it in decimal digits alone.",
    )
}

/// One statement and what is needed to judge it.
struct Classifier<'a> {
    guard: &'a Guard,
    text: &'a str,
    tokens: &'a Tokens,
    depth: usize,
    span: Range<usize>,
    /// Places of counted names outside literals and comments.
    names: Vec<Range<usize>>,
    /// Places of counted names inside literals.
    quoted: Vec<Range<usize>>,
    /// An identifier is written with escapes.
    escapes: bool,
}

impl<'a> Classifier<'a> {
    fn new(
        guard: &'a Guard,
        text: &'a str,
        tokens: &'a Tokens,
        hits: &[Hit],
        depth: usize,
        raw: &RawStatement,
    ) -> Self {
        let inside = |hit: &&Hit| hit.span.start >= raw.span.start && hit.span.end <= raw.span.end;
        let live = |span: &Range<usize>| !tokens.is_inert(span);
        let (names, quoted) = hits
            .iter()
            .filter(inside)
            .filter(|hit| hit.kind == HitKind::Name)
            .map(|hit| hit.span.clone())
            .partition(|span| live(span));
        let escapes = hits
            .iter()
            .filter(inside)
            .any(|hit| hit.kind == HitKind::Keyword && !hit.span.is_empty() && live(&hit.span));
        Self { guard, text, tokens, depth, span: raw.span.clone(), names, quoted, escapes }
    }

    /// Does the statement spell anything counted?
    fn is_counted(&self) -> bool {
        !self.names.is_empty() || self.escapes
    }

    fn statement(&self, node: &NodeEnum) -> Statement {
        match node {
            NodeEnum::SelectStmt(select) => match change::into(select).is_some() {
                true => self.create_table_as(node),
                false => self.query(node),
            },
            NodeEnum::InsertStmt(_)
            | NodeEnum::UpdateStmt(_)
            | NodeEnum::DeleteStmt(_)
            | NodeEnum::MergeStmt(_) => self.query(node),
            NodeEnum::PrepareStmt(prepare) => {
                let inner = self.inner(prepare.query.as_deref().and_then(|query| query.node.as_ref()));
                self.around(inner, |inner| StatementKind::Prepare { name: prepare.name.clone(), inner })
            }
            NodeEnum::DeclareCursorStmt(declare) => {
                let inner = self.inner(declare.query.as_deref().and_then(|query| query.node.as_ref()));
                let hold = declare.options & CURSOR_HOLD != 0;
                self.around(inner, |inner| StatementKind::DeclareCursor {
                    name: declare.portalname.clone(),
                    hold,
                    inner,
                })
            }
            NodeEnum::ExecuteStmt(execute) => {
                self.executes(execute, StatementKind::Execute { name: execute.name.clone() })
            }
            NodeEnum::DeallocateStmt(deallocate) => {
                let name = (!deallocate.isall).then(|| deallocate.name.clone());
                self.plain(StatementKind::Deallocate { name })
            }
            NodeEnum::FetchStmt(fetch) => {
                self.plain(StatementKind::Fetch { cursor: fetch.portalname.clone(), is_move: fetch.ismove })
            }
            NodeEnum::ClosePortalStmt(close) => {
                let name = (!close.portalname.is_empty()).then(|| close.portalname.clone());
                self.plain(StatementKind::ClosePortal { name })
            }
            NodeEnum::TransactionStmt(transaction) => match transaction_kind(transaction.kind()) {
                // What COMMIT PREPARED makes visible was made in another session.
                Some(Transaction::Prepared) => Statement {
                    catalog_change: CatalogChange::Code,
                    ..self.plain(StatementKind::Transaction(Transaction::Prepared))
                },
                Some(kind) => self.plain(StatementKind::Transaction(kind)),
                None => self.refused(self.not_understood()),
            },
            NodeEnum::DiscardStmt(discard) => {
                let target = discard.target();
                self.plain(StatementKind::Discard {
                    all: target == DiscardMode::DiscardAll,
                    plans: target == DiscardMode::DiscardPlans,
                })
            }
            NodeEnum::VariableSetStmt(set) => {
                self.plain(StatementKind::Setting { resets_all: set.kind() == VariableSetKind::VarResetAll })
            }
            NodeEnum::VariableShowStmt(_) => self.plain(StatementKind::Setting { resets_all: false }),
            NodeEnum::ExplainStmt(explain) => self.explain(explain),
            NodeEnum::CopyStmt(copy) => self.copy(copy),
            NodeEnum::CreateTableAsStmt(_) => self.create_table_as(node),
            _ => self.utility(node),
        }
    }

    /// A query: harmless when it spells nothing counted, else its lineage.
    fn query(&self, node: &NodeEnum) -> Statement {
        if !self.is_counted() {
            return Statement::harmless(self.span.clone(), StatementKind::Query);
        }
        match self.lineage(node) {
            Ok(lineage) if !self.names_catalog() => self.with_lineage(StatementKind::Query, lineage),
            // Most texts that read the catalog read nothing that is protected in it.
            Ok(lineage) if lineage.is_clean() => Statement {
                settled: settled::is_settled(&lineage),
                ..Statement::harmless(self.span.clone(), StatementKind::Query)
            },
            Ok(lineage) => {
                Statement { touches_protected: true, ..self.with_lineage(StatementKind::Query, lineage) }
            }
            Err(error) => self.refused(error),
        }
    }

    /// Is `pg_attribute` all that it spells?
    fn names_catalog(&self) -> bool {
        let spells = |span: &Range<usize>| {
            self.text.get(span.clone()).is_some_and(|name| name.eq_ignore_ascii_case("pg_attribute"))
        };
        !self.escapes && self.names.iter().all(spells)
    }

    /// The lineage of a query, with every counted name accounted for.
    fn lineage(&self, node: &NodeEnum) -> Result<Lineage, ClientError> {
        self.lineage_beside(node, None)
    }

    /// The same where the statement gives a name, which is judged by itself.
    fn lineage_beside(&self, node: &NodeEnum, given: Option<Range<usize>>) -> Result<Lineage, ClientError> {
        let mut lineage = lineage::analyse(self.guard.facts(), self.text, node, self.tokens, self.depth)?;
        lineage.accounted.extend(given);
        let accounted = Covered::by(&lineage.accounted);
        match self.names.iter().find(|name| !accounted.holds(name)) {
            Some(name) => Err(self.unaccounted(name)),
            None => Ok(lineage),
        }
    }

    fn with_lineage(&self, kind: StatementKind, lineage: Lineage) -> Statement {
        let parameters = lineage::parameters(self.text, self.tokens.within(&self.span), &lineage.uses);
        let changes_by_code = self.may_change_by_code();
        let is_settled = settled::is_settled(&lineage);
        Statement {
            parameters,
            outputs: Some(lineage.outputs),
            witnessed: lineage.witnessed,
            readings: lineage.readings,
            chooses: lineage.chooses,
            spells_letters: lineage.spells_letters,
            uses: lineage.uses,
            named: lineage.named,
            namesakes: self.namesakes(),
            touches_protected: lineage.touches_protected,
            only_reads: matches!(kind, StatementKind::Query)
                && lineage.written.is_empty()
                && !changes_by_code,
            defers: changes_by_code || self.may_put_off(&lineage.written),
            settled: matches!(kind, StatementKind::Query) && is_settled,
            sensitive_literals: lineage.sensitive_literals,
            ..Statement::harmless(self.span.clone(), kind)
        }
    }

    /// The statement inside PREPARE or DECLARE.
    fn inner(&self, node: Option<&NodeEnum>) -> Statement {
        match node {
            // PREPARE takes SELECT INTO, and EXECUTE would make the table.
            Some(NodeEnum::SelectStmt(select)) if change::into(select).is_some() => {
                self.refused(self.makes_table_later())
            }
            Some(node) => Statement { spells_counted: self.is_counted(), ..self.query(node) },
            None => self.refused(self.not_understood()),
        }
    }

    /// PREPARE and DECLARE: uses and edits are the inner statement's; rows come later.
    fn around(&self, inner: Statement, kind: impl FnOnce(Box<Statement>) -> StatementKind) -> Statement {
        Statement { kind: kind(Box::new(inner.clone())), outputs: None, ..inner }
    }

    /// A statement that may not spell anything counted itself.
    fn plain(&self, kind: StatementKind) -> Statement {
        match self.names.first() {
            Some(name) if !self.is_plain_name(&kind) => self.refused(self.unaccounted(name)),
            _ => Statement::harmless(self.span.clone(), kind),
        }
    }

    /// EXECUTE, or EXPLAIN of it: its arguments are bound parameters.
    fn executes(&self, execute: &ExecuteStmt, kind: StatementKind) -> Statement {
        match self.casts_unseen(execute) {
            true => self.refused(cast_argument()),
            false => Statement { sensitive_literals: self.tokens.literals(&self.span), ..self.plain(kind) },
        }
    }

    /// EXECUTE casts its arguments to the types of the parameters, which no text names,
    /// as an assignment does; a string or a NULL needs no cast.
    fn casts_unseen(&self, execute: &ExecuteStmt) -> bool {
        let is_untyped = |argument: &Node| match &argument.node {
            Some(NodeEnum::AConst(constant)) => constant.isnull || matches!(constant.val, Some(Val::Sval(_))),
            _ => false,
        };
        // Types of users' are refused where they are declared.
        self.guard.running_types.keys().any(|oid| oid.is_builtin()) && !execute.params.iter().all(is_untyped)
    }

    /// A prepared statement, cursor or setting may be called what a table is called.
    fn is_plain_name(&self, kind: &StatementKind) -> bool {
        match kind {
            StatementKind::Execute { .. } => self.tokens.within(&self.span).count() == 2,
            StatementKind::Deallocate { .. }
            | StatementKind::Fetch { .. }
            | StatementKind::ClosePortal { .. }
            | StatementKind::Transaction(_)
            | StatementKind::Setting { .. } => true,
            _ => false,
        }
    }

    fn refused(&self, error: ClientError) -> Statement {
        Statement {
            refusal: Some(error),
            touches_protected: true,
            sensitive_literals: self.tokens.literals(&self.span),
            ..Statement::harmless(self.span.clone(), StatementKind::Utility)
        }
    }

    /// Every protected column of the relations that the counted names may mean.
    fn named_columns(&self) -> Vec<Arc<ProtectedColumn>> {
        let mut columns: Vec<Arc<ProtectedColumn>> = Vec::new();
        let is_spelled = |relation: &Oid| {
            let Some(relation) = self.guard.snapshot.relations.get(relation) else { return false };
            let spelled = |name: &Range<usize>| {
                self.text.get(name.clone()).is_some_and(|text| text.eq_ignore_ascii_case(&relation.name))
            };
            self.names.iter().chain(&self.quoted).any(spelled)
        };
        let own = self.guard.protected.iter().filter(|(id, _)| is_spelled(&id.relation));
        columns.extend(own.map(|(_, column)| Arc::clone(column)));
        let reaching = self.guard.reached.iter().filter(|(relation, _)| is_spelled(relation));
        columns.extend(reaching.flat_map(|(_, reached)| &*reached.by_write).cloned());
        columns.sort_by(|a, b| a.name.cmp(&b.name));
        columns.dedup_by(|a, b| a.name == b.name);
        columns
    }

    /// A use of all of `columns` by the whole statement, decided by a grant alone.
    fn grant_only(
        &self,
        columns: Vec<Arc<ProtectedColumn>>,
        kind: UseKind,
        otherwise: Otherwise,
    ) -> Option<Use> {
        (!columns.is_empty()).then(|| Use {
            columns,
            kind,
            needs: Disclosure::Value,
            export: false,
            only_grant: true,
            position: self.position(self.span.start),
            span: self.span.clone(),
            otherwise,
            given: None,
            domain: None,
            detail: None,
        })
    }

    fn position(&self, at: usize) -> u32 {
        character_position(self.text, at)
    }

    /// Where a relation's name stands, with what is written before it.
    fn place_of(&self, named: &RangeVar) -> Option<Range<usize>> {
        let start = usize::try_from(named.location).ok()?;
        let parts = [&named.catalogname, &named.schemaname, &named.relname];
        let dots = parts.iter().filter(|part| !part.is_empty()).count().checked_sub(1)?;
        let mut tokens = self.tokens.within(&self.span).skip_while(|(at, _)| at.start < start);
        let (last, _) = tokens.nth(dots.checked_mul(2)?)?;
        Some(start..last.end)
    }

    fn unaccounted(&self, name: &Range<usize>) -> ClientError {
        let spelled = self.text.get(name.clone()).unwrap_or_default();
        ClientError::new(
            sqlstate::FEATURE_NOT_SUPPORTED,
            format!("the use of protected name \"{spelled}\" in this statement is not understood"),
        )
        .with_hint("Write the statement in another way, or ask for a role that may run it.")
        .at(self.position(name.start))
    }

    fn makes_table_later(&self) -> ClientError {
        ClientError::new(sqlstate::FEATURE_NOT_SUPPORTED, "SELECT INTO cannot be prepared through this proxy")
            .with_hint("Use CREATE TABLE AS, or SELECT INTO by itself.")
            .at(self.position(self.span.start))
    }

    fn not_understood(&self) -> ClientError {
        ClientError::new(sqlstate::FEATURE_NOT_SUPPORTED, "this kind of statement is not understood")
            .at(self.position(self.span.start))
    }
}

/// Spans by their start, each with the furthest end of it and all before it.
struct Covered(Vec<(usize, usize)>);

impl Covered {
    fn by(spans: &[Range<usize>]) -> Self {
        let mut reaches: Vec<(usize, usize)> = spans.iter().map(|span| (span.start, span.end)).collect();
        reaches.sort_unstable();
        let mut furthest = 0;
        for (_, end) in &mut reaches {
            furthest = furthest.max(*end);
            *end = furthest;
        }
        Self(reaches)
    }

    /// Does `inner` lie inside one of the spans?
    fn holds(&self, inner: &Range<usize>) -> bool {
        let begun = self.0.partition_point(|(start, _)| *start <= inner.start);
        let last = begun.checked_sub(1).and_then(|index| self.0.get(index));
        last.is_some_and(|(_, end)| inner.end <= *end)
    }
}

fn transaction_kind(kind: TransactionStmtKind) -> Option<Transaction> {
    use TransactionStmtKind as Kind;
    Some(match kind {
        Kind::TransStmtBegin | Kind::TransStmtStart => Transaction::Begin,
        Kind::TransStmtCommit => Transaction::Commit,
        Kind::TransStmtRollback => Transaction::Rollback,
        Kind::TransStmtSavepoint => Transaction::Savepoint,
        Kind::TransStmtRelease => Transaction::Release,
        Kind::TransStmtRollbackTo => Transaction::RollbackTo,
        Kind::TransStmtPrepare | Kind::TransStmtCommitPrepared | Kind::TransStmtRollbackPrepared => {
            Transaction::Prepared
        }
        Kind::Undefined => return None,
    })
}
