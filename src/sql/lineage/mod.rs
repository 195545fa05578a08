//! Which protected columns a query uses, and how: what it puts out, and every
//! other use with its place in the text.
//!
//! Works on the tree of PostgreSQL's own grammar (`pg_query`), whose analysis
//! (`parse_analyze.c` and its neighbours in `src/backend/parser`) it follows
//! as far as names and values go. Invariant: a node that is not known is
//! refused (`0A000`), and so is a name that can't be placed in the text.
//!
//! ```text
//! query ── from ── relations     what stands in FROM, and its columns
//!   │        └── statistics      pg_stats and its kin are read through a filter
//!   ├── expression ── functions, compare, structured
//!   │        ├── given          literals and parameters that may be tokens
//!   │        ├── paths          accessors of documents
//!   │        ├── types          what a type says of masks, NULLs and columns
//!   │        └── running        types that run code
//!   ├── clauses ── begins        GROUP BY, DISTINCT, ORDER BY, windows
//!   │        └── keys ── handed     what a key among the columns determines
//!   ├── changing                 what the client may change meanwhile
//!   ├── readings ── several      names that may mean several relations
//!   ├── choices                  what a DBA's view or rule chooses rows by
//!   └── dml ── writes            the write rule
//!            ├── beside          what a token is held against
//!            └── defaults        what a column gets that is given nothing
//! ```

mod begins;
mod beside;
mod changing;
mod choices;
mod clauses;
mod compare;
mod contains;
mod cte;
mod defaults;
mod dml;
mod expression;
mod from;
mod functions;
mod given;
mod handed;
mod keys;
mod listed;
mod names;
mod naming;
mod paths;
mod query;
mod readings;
mod relations;
mod rows;
mod running;
mod scope;
mod several;
mod statistics;
mod structured;
mod traces;
mod types;
mod value;
mod writes;

mod places;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use pg_query::NodeEnum;

use super::analysis::{Chooses, Flow, Otherwise, Output, Reading, Row, Use, UseKind};
use super::parse::{self, Tokens};
use super::splice::Edit;
use crate::catalog::guard::Facts;
use crate::catalog::{ColumnId, Oid};
use crate::error::{ClientError, sqlstate};
use crate::policy::{Disclosure, ProtectedColumn};
use handed::{Handed, Origin};
use keys::Distincts;
use listed::{ListedColumns, WantedColumns};
use places::Places;
use query::Target;
use scope::Scope;
use several::Meanings;
pub(super) use value::columns;
use value::{Point, Purpose, Value};

pub(crate) use choices::{rule_choices, view_choices};
pub(crate) use given::parameters;
pub(crate) use relations::candidates;
pub(crate) use statistics::{holds_statistics, relations_of_statistics};

/// Does the analysis take a function, operator or type of this name for
/// `pg_catalog`'s, and let protected values reach it?
pub(crate) fn taken_for_catalogs(name: &str) -> bool {
    matches!(name, "=" | "<>" | "->" | "->>" | "#>" | "#>>" | "@>" | "<@" | "?")
        || functions::KEEPING.contains(&name)
        || paths::is_extracting(name)
        || functions::RESULT_COLUMNS.iter().any(|(known, _)| *known == name)
        || functions::ONE_COLUMN.contains(&name)
        || functions::SCALAR_ARRAYS.contains(&name)
        || types::is_scalar_type(name)
}

type Analysed<T> = Result<T, ClientError>;

/// Deeper than the parser's own limit, since one level of SQL is several of the tree.
const NODES_PER_LEVEL: usize = 16;

/// Nodes of one query, each visit counted. A megabyte of SQL has fewer.
const MAX_NODES: usize = 2_000_000;

/// What one query uses.
#[derive(Debug, Clone, Default)]
pub struct Lineage {
    pub outputs: Vec<Output>,
    /// As [`Statement::witnessed`](super::analysis::Statement::witnessed).
    pub witnessed: Vec<(usize, ColumnId)>,
    /// As [`Statement::readings`](super::analysis::Statement::readings).
    pub readings: Vec<Reading>,
    pub uses: Vec<Use>,
    /// Every protected column of every relation named, views taken apart.
    pub named: Vec<Arc<ProtectedColumn>>,
    pub touches_protected: bool,
    pub written: Vec<WrittenTo>,
    /// What is done with protected columns at most, wherever they stand.
    pub read: Read,
    /// As [`Statement::chooses`](super::analysis::Statement::chooses).
    pub chooses: Chooses,
    /// As [`Statement::spells_letters`](super::analysis::Statement::spells_letters).
    pub spells_letters: bool,
    /// Literals that are compared with or written to a protected column.
    pub sensitive_literals: Vec<Range<usize>>,
    /// Spans of every identifier that the analysis resolved.
    pub accounted: Vec<Range<usize>>,
    /// What the outputs are used for where the rows are stored.
    exports: Vec<Use>,
    /// What each DISTINCT need not compare, where there are several readings.
    distincts: Distincts,
    /// Edits that make the outputs typed NULLs, for EXPLAIN.
    pub output_edits: Vec<Edit>,
    /// Why no table may be made of the outputs: one would have a column of a type
    /// that runs code, which nobody knows before it is committed.
    pub makes_no_table: Option<ClientError>,
}

/// What a statement does with the protected columns that it names. By the names of
/// functions, operators, types and casts a value gets into code only where it is
/// used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Read {
    /// It names none.
    #[default]
    Nothing,
    /// Each is an output of the statement's own SELECT, as it is.
    Shown,
    Used,
}

/// A relation that a statement writes to.
#[derive(Debug, Clone)]
pub struct WrittenTo {
    /// Those that it may be. Empty: one that is not known.
    pub relations: Vec<Oid>,
    pub does: Does,
}

/// What happens to rows of a relation that are there. Neither: it gets new ones only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Does {
    pub updates: bool,
    pub deletes: bool,
}

impl Lineage {
    /// Nothing protected in it.
    pub fn is_clean(&self) -> bool {
        !self.touches_protected
            && self.uses.is_empty()
            && self.outputs.iter().all(|output| output.flow == Flow::Clean)
            && self.readings.is_empty()
    }
}

/// Analyses a SELECT, INSERT, UPDATE, DELETE or MERGE. `depth`: limits.depth.
/// Places are bytes of `text`. Recurses: needs a large stack.
///
/// # Errors
/// `0A000` for what is not understood, `42P01`/`42703` for names that mean
/// nothing, `54001` beyond the depth, `42501` for what nobody may use.
pub fn analyse<'a>(
    facts: Facts<'a>,
    text: &'a str,
    node: &'a NodeEnum,
    tokens: &Tokens,
    depth: usize,
) -> Result<Lineage, ClientError> {
    readings::analyse(facts, text, node, tokens, depth)
}

/// Where each output column of a view comes from. Predicates inside it are
/// its owner's disclosure.
///
/// # Errors
/// As [`analyse`]; also when the view's column count differs.
pub fn view_flows(facts: Facts<'_>, definition: &str, columns: usize) -> Result<Vec<Flow>, ClientError> {
    let parsed = parse::parse(definition, VIEW_DEPTH)?;
    let [statement] = parsed.statements.as_slice() else { return Err(not_a_view()) };
    let mut walk = Walk::new(facts, definition, &parsed.tokens, VIEW_DEPTH);
    walk.view = true;
    walk.handed = Handed::off();
    let targets = walk.statement(&statement.node, &Scope::inside(None, Vec::new()))?;
    walk.check_types()?;
    match targets.len() == columns {
        true => Ok(targets.into_iter().map(|target| target.value.flow).collect()),
        false => Err(not_a_view()),
    }
}

/// A view nests as deep as its owner wanted.
const VIEW_DEPTH: usize = 1_000;

fn not_a_view() -> ClientError {
    ClientError::new(sqlstate::FEATURE_NOT_SUPPORTED, "the view's definition does not fit its columns")
}

/// One query while it is read.
struct Walk<'a> {
    facts: Facts<'a>,
    places: Places<'a>,
    /// Levels of the tree that may still be entered.
    room: usize,
    depth: usize,
    /// What outputs of subqueries are for.
    show: Purpose,
    /// Inside a view's definition: flows count, uses don't.
    view: bool,
    /// Inside a view's definition: what its predicates hold against what.
    asked: Vec<(Flow, Disclosure)>,
    /// Inside a view's definition: what it sorts by where not all rows come.
    chosen_by_order: Vec<Flow>,
    /// A function that leaves a trace is called, or rows are locked.
    traces: bool,
    /// A key of other letters than ASCII led into a document.
    spells_letters: bool,
    /// The first place where a type runs code that may read protected data.
    fault: Option<ClientError>,
    written: Vec<WrittenTo>,
    /// What comes next is the statement's own SELECT: its outputs go to the
    /// client, and nowhere else.
    outermost: bool,
    /// The outputs at hand are that SELECT's.
    shows: bool,
    read: Read,
    /// A function that nobody knows yet may be called on a row that holds something
    /// protected.
    may_call: bool,
    found: Found,
    /// What was found where rounds of a recursion can't make it forgotten.
    kept: Found,
    named: Vec<Arc<ProtectedColumn>>,
    /// Columns of VALUES that hold values of a domain, and those that were
    /// found to be compared with one.
    listed: ListedColumns,
    wanted: WantedColumns,
    /// What names without a schema mean in this reading.
    meanings: Meanings,
    /// Something else than one of several relations of a name may have other columns by
    /// then. The columns of those are what they are in this reading: behind DDL that
    /// changes them the statement is refused, and what another session changes while it
    /// waits has it read again before its rows are shown. What it leaves behind is
    /// [`changed_by_owner`](crate::sql::classify::changed_by_owner)'s.
    others_move: bool,
    /// Relations that stand in the statement, in this reading.
    resolved: HashSet<Oid>,
    /// Places of names that may mean one with something protected.
    held_places: HashSet<i32>,
    /// What scalar subqueries are called, by their location, and whether they
    /// may be called otherwise.
    subquery_names: HashMap<i32, (String, bool)>,
    /// What is known of table references (`keys`).
    handed: Handed,
    /// Where protected columns are read, as the column that they are, in queries that
    /// group.
    column_reads: Vec<(Origin, Range<usize>)>,
    /// How many of the queries around do.
    grouping: usize,
    /// What DISTINCT need not compare in this reading.
    distincts: Distincts,
    /// Bytes that rows and lists built anew may still take.
    built_bytes: usize,
    /// Counted relations that are in `named` already.
    seen: HashSet<Oid>,
    touches: bool,
    /// Nodes that may still be visited: recursions visit some again and again.
    fuel: usize,
    /// Aggregates seen so far.
    aggregates: usize,
    /// Names read so far that may mean something else than they are taken for:
    /// a column that the client adds or renames, further out or here.
    doubts: usize,
    /// Last location seen: where errors without a better place stand.
    here: usize,
}

/// What a walk collects.
#[derive(Default)]
struct Found {
    uses: Vec<Use>,
    literals: Vec<Range<usize>>,
    sensitive: Vec<Range<usize>>,
    /// Literals that a subquery, VALUES or a function in FROM hands on: what
    /// they are compared with, or written to, is not followed.
    carried: Vec<Range<usize>>,
    accounted: Vec<Range<usize>>,
    /// Names that the tree gives without a place: aliases, USING columns …
    placeless: Vec<String>,
}

/// Lengths of its lists, to forget what came after.
#[derive(Default)]
struct Mark {
    uses: usize,
    literals: usize,
    sensitive: usize,
    carried: usize,
    accounted: usize,
    placeless: usize,
}

impl<'a> Walk<'a> {
    fn new(facts: Facts<'a>, text: &'a str, tokens: &Tokens, depth: usize) -> Self {
        Self {
            facts,
            places: Places::new(text, tokens),
            room: depth.saturating_mul(NODES_PER_LEVEL),
            depth,
            show: Purpose::SHOW,
            view: false,
            asked: Vec::new(),
            chosen_by_order: Vec::new(),
            traces: false,
            spells_letters: false,
            fault: None,
            written: Vec::new(),
            outermost: true,
            shows: false,
            read: Read::default(),
            may_call: false,
            found: Found::default(),
            kept: Found::default(),
            named: Vec::new(),
            listed: ListedColumns::new(),
            wanted: WantedColumns::new(),
            meanings: Meanings::default(),
            others_move: false,
            resolved: HashSet::new(),
            held_places: HashSet::new(),
            subquery_names: HashMap::new(),
            handed: Handed::default(),
            column_reads: Vec::new(),
            grouping: 0,
            distincts: Distincts::new(),
            built_bytes: rows::MAX_BUILT_BYTES,
            seen: HashSet::new(),
            touches: false,
            fuel: MAX_NODES,
            aggregates: 0,
            doubts: 0,
            here: 0,
        }
    }

    fn finish(mut self, targets: Vec<Target>) -> Lineage {
        self.keep_since(&Mark::default());
        let mut found = std::mem::take(&mut self.kept);
        if self.traces {
            let choices = found.uses.iter_mut().filter(|use_| use_.needs >= Use::CHOOSING);
            choices.for_each(|use_| use_.export = true);
        }
        self.count_choices_as_copied(&mut found.uses);
        let output_edits = targets.iter().flat_map(|target| self.typed_nulls(&target.value)).collect();
        let exports = targets
            .iter()
            .filter(|target| !target.value.is_clean())
            .map(|t| self.use_of(&t.value.flow, Purpose::CARRY, t.span.clone(), Otherwise::Refuse))
            .collect();
        let running = targets.iter().find(|target| target.value.runs.is_some());
        let makes_no_table = running.map(|target| {
            let known = target.value.type_oid.and_then(|oid| self.facts.snapshot.types.get(&oid));
            running::runs_code(known.map(|info| &*info.name)).at(self.places.position(target.span.start))
        });
        let mut known = HashMap::new();
        let outputs = targets
            .into_iter()
            .map(|target| Output {
                each: self.each_of(&target, &mut known),
                placed: target.value.origin.is_some_and(|origin| origin.own),
                name: target.name,
                flow: target.value.flow,
            })
            .collect();
        self.named.sort_by(|a, b| a.name.cmp(&b.name));
        self.named.dedup_by(|a, b| a.name == b.name);
        if !found.uses.is_empty() {
            found.sensitive.append(&mut found.carried);
        }
        found.sensitive.sort_by_key(|span| (span.start, span.end));
        found.sensitive.dedup();
        Lineage {
            outputs,
            witnessed: Vec::new(),
            readings: Vec::new(),
            uses: without_repeats(found.uses),
            named: self.named,
            touches_protected: self.touches,
            written: self.written,
            read: if self.may_call { Read::Used } else { self.read },
            chooses: Chooses::default(),
            spells_letters: self.spells_letters,
            sensitive_literals: found.sensitive,
            accounted: self.places.with_placeless(found.accounted, found.placeless),
            exports,
            distincts: self.distincts,
            output_edits,
            makes_no_table,
        }
    }

    /// Which rows are chosen by a protected value can be read off what is written
    /// into another table.
    fn count_choices_as_copied(&self, uses: &mut [Use]) {
        let is_elsewhere = |column: &Arc<ProtectedColumn>| {
            let table = self.facts.snapshot.relation(&column.schema, &column.table);
            self.written.iter().any(|to| table.is_none_or(|table| !to.relations.contains(&table.oid)))
        };
        for use_ in uses.iter_mut().filter(|use_| use_.kind != UseKind::Write) {
            use_.export |= use_.needs >= Use::CHOOSING && use_.columns.iter().any(is_elsewhere);
        }
    }

    fn mark(&self) -> Mark {
        let found = &self.found;
        Mark {
            uses: found.uses.len(),
            literals: found.literals.len(),
            sensitive: found.sensitive.len(),
            carried: found.carried.len(),
            accounted: found.accounted.len(),
            placeless: found.placeless.len(),
        }
    }

    fn forget_since(&mut self, mark: &Mark) {
        self.found.uses.truncate(mark.uses);
        self.found.literals.truncate(mark.literals);
        self.found.sensitive.truncate(mark.sensitive);
        self.found.carried.truncate(mark.carried);
        self.found.accounted.truncate(mark.accounted);
        self.found.placeless.truncate(mark.placeless);
    }

    fn keep_since(&mut self, mark: &Mark) {
        fn moved<T>(from: &mut Vec<T>, since: usize, to: &mut Vec<T>) {
            to.extend(from.drain(since.min(from.len())..));
        }
        let (found, kept) = (&mut self.found, &mut self.kept);
        moved(&mut found.uses, mark.uses, &mut kept.uses);
        moved(&mut found.literals, mark.literals, &mut kept.literals);
        moved(&mut found.sensitive, mark.sensitive, &mut kept.sensitive);
        moved(&mut found.carried, mark.carried, &mut kept.carried);
        moved(&mut found.accounted, mark.accounted, &mut kept.accounted);
        moved(&mut found.placeless, mark.placeless, &mut kept.placeless);
    }

    /// Runs `inner` one level of the tree deeper.
    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Analysed<T>) -> Analysed<T> {
        self.room = self.room.checked_sub(1).ok_or_else(|| {
            too_complex("statement is nested too deeply to be analysed")
                .with_hint("Break the statement into parts, or raise limits.depth.")
        })?;
        self.burn(1)?;
        let result = inner(self);
        self.room += 1;
        result
    }

    /// Work that a short text may ask for again and again: nodes visited,
    /// columns of joins upon joins.
    fn burn(&mut self, work: usize) -> Analysed<()> {
        self.fuel = self.fuel.checked_sub(work).ok_or_else(|| {
            too_complex("statement takes too long to be analysed")
                .with_hint("Break the statement into parts, or write it without nested recursions.")
        })?;
        Ok(())
    }

    /// Notes a node's location.
    fn at(&mut self, location: i32) {
        if let Ok(at) = usize::try_from(location) {
            self.here = at;
        }
    }

    /// Literals read since `literals` count as sensitive if a use was made since `uses`.
    fn hide_literals(&mut self, mark: &Mark) {
        if self.found.uses.len() > mark.uses {
            self.hide_all_literals(mark);
        }
    }

    fn hide_all_literals(&mut self, mark: &Mark) {
        if !self.view {
            self.found.sensitive.extend(self.found.literals.iter().skip(mark.literals).cloned());
        }
    }

    /// Literals read since leave the query that they stand in.
    fn carry_literals(&mut self, mark: &Mark) {
        if !self.view {
            self.found.carried.extend(self.found.literals.iter().skip(mark.literals).cloned());
        }
    }

    fn add_use(&mut self, mut use_: Use) {
        if !self.view && !use_.columns.is_empty() {
            // What decides a value that is stored can be read off it.
            use_.export |= self.show.export && use_.needs >= Use::CHOOSING && use_.kind != UseKind::Write;
            self.found.uses.push(use_);
        }
    }

    /// The value goes where its mask can't follow: a use at each of its
    /// places. What is left carries nothing, or, in a view, what was computed.
    fn spend(&mut self, value: &Value, purpose: Purpose) -> Flow {
        self.handles(value);
        if value.is_clean() {
            return Flow::Clean;
        }
        if self.view {
            if purpose.kind == UseKind::Predicate {
                self.asked.push((value.flow.clone(), purpose.needs));
            }
            return value::computed(value::columns(&value.flow).to_vec());
        }
        if value.points.is_empty() {
            self.add_use(self.use_of(&value.flow, purpose, self.here..self.here, Otherwise::Refuse));
        }
        for point in value.points.iter() {
            let neutralise = purpose.neutralise && self.show.neutralise;
            let otherwise = match neutralise && !point.nameless {
                true => self.neutralised(point),
                false => Otherwise::Refuse,
            };
            let mut use_ = self.use_of(&point.flow, purpose, point.span.clone(), otherwise);
            if neutralise && point.nameless {
                use_.detail = Some(rows::NEEDS_NAME.into());
            }
            if point.whole_row && use_.kind == UseKind::Expression {
                use_.kind = UseKind::WholeRow;
            }
            self.add_use(use_);
        }
        Flow::Clean
    }

    fn use_of(&self, flow: &Flow, purpose: Purpose, span: Range<usize>, otherwise: Otherwise) -> Use {
        Use {
            columns: value::columns(flow).to_vec(),
            kind: purpose.kind,
            needs: purpose.needs,
            export: purpose.export,
            only_grant: !value::is_plain(flow) && purpose.needs != Disclosure::Nullness,
            position: self.places.position(span.start),
            span,
            otherwise,
            given: None,
            domain: None,
            detail: None,
        }
    }

    /// The use of a value at a place where something else may stand.
    fn neutralised(&self, point: &Point) -> Otherwise {
        let edit = self.harmless(point);
        match point.rebuilt.as_ref().map(|rebuilt| rebuilt.fields.as_slice()) {
            None | Some([]) => Otherwise::Neutralise(vec![edit]),
            Some(fields) => Otherwise::Rebuild(Row { edit, fields: fields.to_vec() }),
        }
    }

    /// What stands in for a value that must not be looked at.
    fn harmless(&self, point: &Point) -> Edit {
        match &point.rebuilt {
            Some(rebuilt) => Edit::new(point.span.clone(), rebuilt.text.as_str()),
            None => self.typed_null(&point.span),
        }
    }

    fn typed_null(&self, span: &Range<usize>) -> Edit {
        let text = self.places.text.get(span.clone()).unwrap_or_default();
        Edit::new(span.clone(), format!("(CASE WHEN false THEN {text} END)"))
    }

    fn typed_nulls(&self, value: &Value) -> Vec<Edit> {
        value.points.iter().map(|point| self.harmless(point)).collect()
    }

    fn refuse<T>(&self, message: impl Into<String>, location: i32) -> Analysed<T> {
        let at = usize::try_from(location).unwrap_or(self.here);
        Err(ClientError::new(sqlstate::FEATURE_NOT_SUPPORTED, message)
            .with_hint("Write the statement in another way, or ask for access to the protected columns.")
            .at(self.places.position(at)))
    }

    /// What the server refuses too, by this SQLSTATE, before anything is read: if
    /// names mean this, the statement does nothing.
    fn impossible<T>(&self, code: &'static str, message: impl Into<String>) -> Analysed<T> {
        Err(ClientError::new(code, message).at(self.places.position(self.here)))
    }

    /// A node that the analysis does not know.
    fn unknown<T>(&self, what: &str) -> Analysed<T> {
        self.refuse(format!("{what} is not understood in a statement that names protected data"), -1)
    }
}

fn too_complex(message: &str) -> ClientError {
    ClientError::new(sqlstate::STATEMENT_TOO_COMPLEX, message)
}

/// Evaluating a subtree twice makes its uses twice.
fn without_repeats(uses: Vec<Use>) -> Vec<Use> {
    let mut kept: Vec<Use> = Vec::with_capacity(uses.len());
    let mut places: HashMap<(UseKind, usize, usize), Vec<usize>> = HashMap::new();
    for use_ in uses {
        let alike = places.entry((use_.kind, use_.span.start, use_.span.end)).or_default();
        let repeats = alike.iter().filter_map(|place| kept.get(*place)).any(|other| {
            other.given == use_.given
                && other.domain == use_.domain
                && other.detail == use_.detail
                && other.needs == use_.needs
                && other.export == use_.export
                && other.only_grant == use_.only_grant
                && other.columns == use_.columns
                && other.otherwise == use_.otherwise
        });
        if !repeats {
            alike.push(kept.len());
            kept.push(use_);
        }
    }
    kept
}

impl Lineage {
    /// For a query whose rows are stored (CREATE TABLE AS, SELECT INTO, a
    /// materialized view): outputs become Export uses, and nothing may be
    /// neutralised, since NULLs would be stored.
    pub fn exported(mut self) -> Self {
        for use_ in &mut self.uses {
            use_.export |= use_.needs >= Use::CHOOSING;
            if matches!(use_.kind, UseKind::Expression | UseKind::WholeRow | UseKind::MinMax) {
                use_.otherwise = Otherwise::Refuse;
            }
        }
        self.outputs.clear();
        self.readings.clear();
        self.uses.append(&mut self.exports);
        self.output_edits.clear();
        self
    }
}
