//! The result of analysing a text: its statements, what each puts out, and
//! every other use of a protected column. Made once per (text, guard
//! version); does not depend on who asks.

use std::ops::Range;
use std::sync::Arc;

use super::splice::Edit;
use crate::catalog::{ColumnId, Oid};
use crate::error::ClientError;
use crate::mask::ValueType;
use crate::policy::{Disclosure, ProtectedColumn};

/// All statements of one text, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysis {
    pub statements: Vec<Statement>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// Bytes of the text, without the separating semicolon.
    pub span: Range<usize>,
    pub kind: StatementKind,
    /// What the statement returns to the client, in order. None: it names
    /// nothing protected and its columns need no look.
    pub outputs: Option<Vec<Output>>,
    /// What the server must say of outputs that `*` gave: which column each
    /// is, by its place. Else others are not where they were when it was read.
    pub witnessed: Vec<(usize, ColumnId)>,
    /// Where an unqualified name may mean several relations: what the outputs
    /// are for each. Empty: there is one reading. `outputs` unites those with
    /// as many columns as the first.
    pub readings: Vec<Reading>,
    /// Unqualified names that may mean several relations, each with the columns that
    /// are known: after DDL that is not committed, they may have others.
    pub chooses: Chooses,
    /// Uses other than output. Decided one by one.
    pub uses: Vec<Use>,
    /// Every protected column of every relation that the statement names: who
    /// sees all of these has a full grant.
    pub named: Vec<Arc<ProtectedColumn>>,
    /// Relations with nothing protected that a name without a schema could
    /// mean too: to write one of these names helps.
    pub namesakes: Vec<String>,
    /// It names a counted relation: errors and notices are filtered unless
    /// the session has a full grant.
    pub touches_protected: bool,
    /// It only reads rows.
    pub only_reads: bool,
    /// Something of it may be done, and speak, only at the end of its transaction.
    pub defers: bool,
    /// It spells a name that counts, whatever that means in it: after DDL that
    /// is not committed, nobody knows.
    pub spells_counted: bool,
    /// What becomes of its protected values does not hang on what functions,
    /// operators, types or casts are called: none gets one.
    pub settled: bool,
    /// Refused whoever asks (0A000, 54001, an opaque function …); with it,
    /// the rest means nothing.
    pub refusal: Option<ClientError>,
    /// Refused unless the session's role is `exempt` (DDL and DO on counted names).
    pub needs_exempt: Option<ClientError>,
    /// Spans of literals that are compared with or written to a protected
    /// column: `?` in the audit log.
    pub sensitive_literals: Vec<Range<usize>>,
    /// What it may change in the catalog. After it succeeds, the next analysis
    /// in any session waits for a fresh snapshot.
    pub catalog_change: CatalogChange,
    /// `$1` and the like, where it names something protected.
    pub parameters: Parameters,
    /// It, or a statement before it in its text, may set `client_encoding`: the
    /// server may convert its rows into what the session has not been told of.
    pub may_recode: bool,
    /// A transaction, or a part of one, ended before it in its text: settings
    /// may be again what they were before.
    pub follows_end: bool,
    /// `WHERE CURRENT OF`: an open cursor chose what it changes.
    pub current_of: bool,
    /// It goes into a document by a key of other letters than ASCII.
    pub spells_letters: bool,
    /// Spliced, it would mean something else than was judged: it runs as it is, or
    /// not at all.
    pub runs_unedited_only: bool,
    pub names: Names,
}

impl Statement {
    /// Does it have nothing to do with anything protected?
    pub fn is_clean(&self) -> bool {
        let refused = self.refusal.is_some() || self.needs_exempt.is_some();
        !refused && !self.touches_protected && self.outputs.is_none() && self.uses.is_empty()
    }
}

/// What a statement does to names until it is committed: DDL of a role that is
/// `exempt` may give protected data names that no snapshot knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The names that it gives, or behind which it changes rows or code. None: any.
    pub changed: Option<Arc<[String]>>,
    /// Relations that it may make, name anew, drop or give other columns. None: any.
    pub reshaped: Option<Arc<[String]>>,
    /// It needs `exempt`, so that protected data may stand behind them.
    pub over_protected: bool,
    /// It spells a name that such a statement before it in its text changed.
    pub unseen: bool,
    /// It is no query, and runs none.
    pub runs_nothing: bool,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            changed: Some(Arc::default()),
            reshaped: Some(Arc::default()),
            over_protected: false,
            unseen: false,
            runs_nothing: false,
        }
    }
}

impl Names {
    /// May protected data stand behind what it changed?
    pub fn hide(&self) -> bool {
        self.over_protected || self.unseen
    }
}

/// The parameters that a statement's text holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    /// The highest number.
    pub count: u16,
    /// Those that stand anywhere but where a token may: the original of a
    /// token must not get there. In order.
    pub loose: Vec<u16>,
}

/// What DDL may change, as far as the analysis of later statements is
/// concerned. While a transaction holds uncommitted `Code`, statements that
/// name something counted are refused in it: a function, operator or view that
/// no snapshot knows could change what their text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CatalogChange {
    None,
    /// Temporary tables: only the session itself finds them.
    Temporary,
    /// Indexes of relations, empty schemas, labels of a type: no name, and no column,
    /// means another thing.
    Indexes,
    /// Tables, columns, indexes, sequences; anything dropped.
    Relations,
    /// Functions, operators, casts, types, collations, views, rules, triggers …
    Code,
}

#[derive(Debug, Clone, PartialEq)]
pub enum StatementKind {
    /// SELECT, VALUES, TABLE, INSERT, UPDATE, DELETE, MERGE.
    Query,
    /// EXPLAIN: `outputs` is None (its rows are plans), the uses are those of
    /// the inner statement plus one of kind [`UseKind::Explain`] over every
    /// protected column named.
    Explain,
    Prepare {
        name: String,
        inner: Box<Statement>,
    },
    Execute {
        name: String,
    },
    /// EXPLAIN of an EXECUTE: passes only where the prepared statement touches
    /// nothing protected.
    ExplainExecute {
        name: String,
    },
    /// None: ALL.
    Deallocate {
        name: Option<String>,
    },
    DeclareCursor {
        name: String,
        hold: bool,
        inner: Box<Statement>,
    },
    /// FETCH or MOVE.
    Fetch {
        cursor: String,
        is_move: bool,
    },
    /// None: ALL.
    ClosePortal {
        name: Option<String>,
    },
    CopyOut(CopyOut),
    /// COPY … FROM STDIN, under the write rule: `$1` of its uses is what the
    /// data holds in the first column.
    CopyIn(CopyIn),
    /// BEGIN, COMMIT, ROLLBACK, SAVEPOINT …
    Transaction(Transaction),
    /// DISCARD; `all` also forgets prepared statements and cursors.
    Discard {
        all: bool,
        plans: bool,
    },
    /// SET, RESET, SHOW; `resets_all`: RESET ALL.
    Setting {
        resets_all: bool,
    },
    /// Any other utility statement that may pass.
    Utility,
}

impl StatementKind {
    /// The statement inside PREPARE or DECLARE.
    pub fn inner(&self) -> Option<&Statement> {
        match self {
            Self::Prepare { inner, .. } | Self::DeclareCursor { inner, .. } => Some(inner),
            _ => None,
        }
    }

    /// As [`inner`](Self::inner).
    pub fn inner_mut(&mut self) -> Option<&mut Statement> {
        match self {
            Self::Prepare { inner, .. } | Self::DeclareCursor { inner, .. } => Some(inner),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transaction {
    Begin,
    Commit,
    Rollback,
    Savepoint,
    RollbackTo,
    Release,
    Prepared,
}

/// COPY (query or table) TO STDOUT whose columns hold something protected.
#[derive(Debug, Clone, PartialEq)]
pub struct CopyOut {
    pub format: CopyFormat,
    pub like: Like,
}

/// A query whose columns and types are those of a COPY: described upstream to learn
/// these.
#[derive(Debug, Clone, PartialEq)]
pub enum Like {
    /// The inner query, which stands here in the text: edits apply.
    Query(Range<usize>),
    /// `SELECT cols FROM table`, made of the snapshot's names.
    Table(String),
}

/// COPY table FROM STDIN.
#[derive(Debug, Clone, PartialEq)]
pub struct CopyIn {
    /// How many columns the data has.
    pub columns: usize,
    /// How to read the data. Err: why it can't be read for certain.
    pub format: Result<CopyInFormat, ClientError>,
}

/// How the data of a COPY … FROM STDIN is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyInFormat {
    pub format: CopyFormat,
    /// Stands for a column's default (text and CSV, PostgreSQL 16).
    pub default: Option<String>,
    /// Columns, from 0, in which even a quoted NULL marker is NULL (CSV).
    pub force_null: Vec<usize>,
    /// Columns in which the NULL marker is a text like any other (CSV).
    pub force_not_null: Vec<usize>,
    /// It says itself that the data is UTF-8.
    pub utf8: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopyFormat {
    Text {
        delimiter: u8,
        null: String,
        header: bool,
    },
    /// `forced`: FORCE_QUOTE *.
    Csv {
        delimiter: u8,
        null: String,
        header: bool,
        quote: u8,
        escape: u8,
        forced: bool,
    },
    Binary,
}

/// One way to read a statement.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    pub outputs: Vec<Output>,
    /// Relations that the names do not mean in this reading: a column that
    /// comes from one of them proves it wrong.
    pub excluded: Vec<Oid>,
    /// The relations whose column each output may be, where it is one: another proves
    /// it wrong.
    pub origins: Vec<Vec<Oid>>,
    /// As [`Statement::witnessed`], in this reading.
    pub witnessed: Vec<(usize, ColumnId)>,
}

/// What the readings of a statement are told apart by.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Chooses {
    /// The names, in order.
    pub names: Vec<AmbiguousName>,
    /// Columns of something else that the client may change stand among the outputs, so
    /// that their number tells nothing behind any DDL.
    pub counts_others: bool,
    /// Relations that who owns them may change, in readings that are left out since what
    /// they name is not there: it may be, by the time the server reads the statement.
    pub left_out: Vec<Oid>,
    /// What it chooses rows by leaves a trace.
    pub leaves_trace: bool,
    /// No more than one name in it may mean something protected: where it means another,
    /// nothing protected is read.
    pub is_alone: bool,
}

/// A name without a schema, and what it may mean.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AmbiguousName {
    pub name: String,
    /// `schema.table`; the first ones.
    pub relations: Vec<String>,
}

/// One output column.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    pub name: String,
    pub flow: Flow,
    /// It is a column as it is: the server says which.
    pub placed: bool,
    /// A column of one of several relations: what it is if the server says that it is
    /// this very one. Empty: that makes no difference.
    pub each: Vec<(ColumnId, Flow)>,
}

/// What protected data an expression carries.
#[derive(Debug, Clone, PartialEq)]
pub enum Flow {
    /// Nothing protected.
    Clean,
    /// The value of one of these columns, all of one method and domain, as it
    /// is (or through a cast that keeps it): masked with their method.
    Plain { columns: Vec<Arc<ProtectedColumn>>, cast: bool },
    /// `lower`, `upper`, `trim` of one column.
    Derived { columns: Vec<Arc<ProtectedColumn>>, case_only: bool },
    /// Protected in some branches and not in others, or in different domains.
    Mixed { columns: Vec<Arc<ProtectedColumn>> },
    /// Anything else that a DBA's own view computes; masked with `redact`.
    Computed { columns: Vec<Arc<ProtectedColumn>> },
}

/// One use of protected columns other than output.
#[derive(Debug, Clone, PartialEq)]
pub struct Use {
    pub columns: Vec<Arc<ProtectedColumn>>,
    pub kind: UseKind,
    /// Disclosure that each of the columns must have for the use to stand.
    pub needs: Disclosure,
    /// Also needs the `export` right.
    pub export: bool,
    /// The columns' own disclosures don't count (derived, mixed, computed, or
    /// an equality against something outside the domain): only a grant helps.
    pub only_grant: bool,
    /// Where in the text.
    pub span: Range<usize>,
    /// Where it begins, for messages: characters of the text from 1.
    pub position: u32,
    pub otherwise: Otherwise,
    /// The values that the client gives to be compared with the columns, or
    /// written to them, where all of them may be tokens.
    pub given: Option<GivenValues>,
    /// It is of a list that the columns meet (`lineage::listed`): all columns that
    /// its tokens may be of.
    pub domain: Option<Vec<Arc<ProtectedColumn>>>,
    /// What the words of a refusal don't say by themselves.
    pub detail: Option<Arc<str>>,
}

impl Use {
    /// What a use of this disclosure or more decides (which rows there are, which
    /// are one group, which come first under LIMIT) can be read off what is kept
    /// of its outcome.
    pub const CHOOSING: Disclosure = Disclosure::Equality;
}

/// Values that may be tokens of a use's columns: they are all of one method,
/// domain and type.
#[derive(Debug, Clone, PartialEq)]
pub struct GivenValues {
    /// What the columns are at this place.
    pub ty: ValueType,
    pub values: Vec<Given>,
    /// They are parameters that may be NULL, and nothing else: no token leads
    /// to a value of these columns.
    pub only_null: bool,
}

/// The type that an original is declared as upstream, so that PostgreSQL has
/// no choice of operators: `varchar` has none of its own, it is compared as
/// `text`. 0 where the server must infer it.
pub fn declared_type(ty: Oid, array: bool) -> Oid {
    match (array, ty) {
        (false, Oid(1043)) => Oid(25),
        (false, ty) => ty,
        (true, Oid(25 | 1043)) => Oid(1009),
        (true, Oid(1042)) => Oid(1014),
        (true, Oid(23)) => Oid(1007),
        (true, Oid(20)) => Oid(1016),
        (true, Oid(2950)) => Oid(2951),
        (true, _) => Oid(0),
    }
}

/// A literal or parameter that meets protected columns and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    pub span: Range<usize>,
    pub what: GivenAs,
    /// An array of values: `= ANY ($1)`.
    pub array: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GivenAs {
    /// `'…'`, without its quotes.
    Text(String),
    /// `-5`
    Number(String),
    Parameter(u16),
}

/// What happens to a use that the column does not disclose enough for.
#[derive(Debug, Clone, PartialEq)]
pub enum Otherwise {
    Refuse,
    /// These edits make it harmless.
    Neutralise(Vec<Edit>),
    /// These leave out what a key determines: nothing is lost.
    LeaveOut(Vec<Edit>),
    /// A row is built in the place of a reference to it.
    Rebuild(Row),
}

impl Otherwise {
    /// For a session that sees nothing.
    pub fn edits(&self) -> &[Edit] {
        match self {
            Self::Refuse => &[],
            Self::Neutralise(edits) | Self::LeaveOut(edits) => edits,
            Self::Rebuild(row) => std::slice::from_ref(&row.edit),
        }
    }
}

/// A row in which every protected field is NULL.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub edit: Edit,
    pub fields: Vec<RowField>,
}

/// A protected field of it.
#[derive(Debug, Clone, PartialEq)]
pub struct RowField {
    pub columns: Vec<Arc<ProtectedColumn>>,
    /// What shows it: an edit of the row's text.
    pub shown: Edit,
}

impl RowField {
    /// Those that it shows values of.
    pub fn all_columns(&self) -> impl Iterator<Item = &Arc<ProtectedColumn>> {
        self.columns.iter().flat_map(|column| std::iter::once(column).chain(&*column.below))
    }
}

/// Names of uses: in messages, in the audit log, in `explain`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UseKind {
    Output,
    NullTest,
    Grouping,
    Distinct,
    SetOperation,
    Join,
    Equality,
    OrderBy,
    MinMax,
    WindowOrder,
    Predicate,
    Expression,
    WholeRow,
    /// Reading column statistics.
    Statistics,
    VolatileArgument,
    Export,
    Write,
    Explain,
}

impl UseKind {
    pub const ALL: [Self; 18] = [
        Self::Output,
        Self::NullTest,
        Self::Grouping,
        Self::Distinct,
        Self::SetOperation,
        Self::Join,
        Self::Equality,
        Self::OrderBy,
        Self::MinMax,
        Self::WindowOrder,
        Self::Predicate,
        Self::Expression,
        Self::WholeRow,
        Self::Statistics,
        Self::VolatileArgument,
        Self::Export,
        Self::Write,
        Self::Explain,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Output => "output",
            Self::NullTest => "null_test",
            Self::Grouping => "grouping",
            Self::Distinct => "distinct",
            Self::SetOperation => "set_operation",
            Self::Join => "join",
            Self::Equality => "equality",
            Self::OrderBy => "order_by",
            Self::MinMax => "min_max",
            Self::WindowOrder => "window_order",
            Self::Predicate => "predicate",
            Self::Expression => "expression",
            Self::WholeRow => "whole_row",
            Self::Statistics => "statistics",
            Self::VolatileArgument => "volatile_argument",
            Self::Export => "export",
            Self::Write => "write",
            Self::Explain => "explain",
        }
    }
}

impl Statement {
    /// Names nothing protected: passes as it is.
    pub fn harmless(span: Range<usize>, kind: StatementKind) -> Self {
        Self {
            span,
            kind,
            outputs: None,
            witnessed: Vec::new(),
            readings: Vec::new(),
            chooses: Chooses::default(),
            uses: Vec::new(),
            named: Vec::new(),
            namesakes: Vec::new(),
            touches_protected: false,
            only_reads: false,
            defers: true,
            spells_counted: false,
            settled: false,
            refusal: None,
            needs_exempt: None,
            sensitive_literals: Vec::new(),
            catalog_change: CatalogChange::None,
            parameters: Parameters::default(),
            may_recode: false,
            follows_end: false,
            current_of: false,
            spells_letters: false,
            runs_unedited_only: false,
            names: Names::default(),
        }
    }

    /// Must what comes next know that it is done? It may have changed what names
    /// mean: also what COMMIT PREPARED makes visible.
    pub fn is_awaited(&self) -> bool {
        self.names.hide() || matches!(self.kind, StatementKind::Transaction(Transaction::Prepared))
    }

    /// May tokens stand in it?
    pub fn takes_tokens(&self) -> bool {
        !matches!(self.kind, StatementKind::CopyIn(_)) && self.uses.iter().any(|use_| use_.given.is_some())
    }
}

/// The relation of a `ColumnId`, for tests of what is named.
pub type RelationOid = Oid;
