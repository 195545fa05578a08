//! THE decision: a pure function of (analysis, permits, now).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use super::disclosure::UseWords;
use super::tokens::{Giving, Handover, Means, NoTokens, Tokens, TooMany};
use super::wording::{export_request, labels, once, request, spelled};
use super::{Access, Basis, Disclosure, Permits, ProtectedColumn};
use crate::catalog::{ColumnId, Oid};
use crate::clock::Now;
use crate::error::{ClientError, sqlstate};
use crate::mask::{Method, MethodSpec};
use crate::sql::analysis::{
    CopyIn, Flow, Otherwise, Reading, Row, RowField, Statement, StatementKind, Use, UseKind,
};
use crate::sql::splice::{self, Edit};

/// What happens to one statement for one person at one moment.
#[derive(Debug, Clone)]
pub enum Decision {
    /// Nothing reaches PostgreSQL.
    Refuse {
        error: ClientError,
        columns: Vec<ColumnDecision>,
        /// A grant on these would let it run; none: no request can.
        lacking: Vec<Arc<ProtectedColumn>>,
    },
    Run(Verdict),
}

/// A statement that may run, and in which form.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// Edits of the original text; empty: it goes upstream byte for byte.
    /// Two verdicts with equal edits have the same form.
    pub edits: Vec<Edit>,
    /// One per output column.
    pub outputs: Vec<OutputAction>,
    /// As [`Statement::witnessed`].
    pub witnessed: Vec<(usize, ColumnId)>,
    /// Where names may mean several relations: the outputs of each reading.
    pub readings: Vec<ReadingActions>,
    /// One NOTICE each, shown once per execution.
    pub notices: Vec<Notice>,
    /// The first moment at which this decision stops being true.
    pub until: Option<Instant>,
    /// Every protected column touched, for the audit record.
    pub columns: Vec<ColumnDecision>,
    /// The session sees every protected column of every relation that the
    /// statement names: errors and notices pass whole.
    pub full_grant: bool,
    /// The rules that make it one.
    pub full_by: Vec<(Basis, Arc<ProtectedColumn>)>,
    /// Some use was let through because of a grant or role (not only an
    /// output revealed): a cursor or portal in this form ends with the grant.
    pub leans_on: Vec<Basis>,
    /// What goes upstream in the place of tokens.
    pub tokens: Handover,
}

/// What happens to the outputs if the names mean one thing and not another.
#[derive(Debug, Clone)]
pub struct ReadingActions {
    pub outputs: Vec<OutputAction>,
    /// What happens to an output instead if the server says that it is this column.
    pub each: Vec<(usize, ColumnId, OutputAction)>,
    pub excluded: Vec<Oid>,
    pub origins: Vec<Vec<Oid>>,
    pub witnessed: Vec<(usize, ColumnId)>,
}

#[derive(Debug, Clone)]
pub enum OutputAction {
    /// Nothing protected in it.
    Pass,
    /// Protected, and this person may see it until `Verdict::until`.
    Reveal { columns: Vec<Arc<ProtectedColumn>> },
    /// Masked with the column's own method. `placed`: the server says that it is a
    /// column, and which.
    Mask { column: Arc<ProtectedColumn>, placed: bool },
    /// Masked with `redact`, whatever the column's method: derived, mixed or
    /// computed from several.
    Redact { columns: Vec<Arc<ProtectedColumn>> },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub message: String,
    pub hint: Option<String>,
}

/// One entry of `columns` in an audit record.
#[derive(Debug, Clone)]
pub struct ColumnDecision {
    pub column: Arc<ProtectedColumn>,
    /// The use's name, as `docs/AUDIT-FORMAT.md` lists them.
    pub use_: &'static str,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// With this method's name.
    Masked(&'static str),
    Revealed(Access),
    Neutralised,
    /// Not even looked at, though nothing is lost: a key determines it.
    LeftOut,
    Refused,
    /// The column's mask (or `allow`) discloses what the use needs.
    Disclosed,
}

/// Decides one statement for the person whose permits these are. `exempt`:
/// their role may run DDL and DO on counted names. Equal inputs give equal
/// decisions, edits included. No token leads anywhere.
pub fn decide(statement: &Statement, permits: &dyn Permits, exempt: bool, now: Now) -> Decision {
    decide_with(statement, permits, exempt, now, &NoTokens)
}

/// As [`decide`], where tokens may stand for values.
pub fn decide_with(
    statement: &Statement,
    permits: &dyn Permits,
    exempt: bool,
    now: Now,
    tokens: &dyn Tokens,
) -> Decision {
    if let Some(error) = &statement.refusal {
        return Decision::refuse(error.clone(), Vec::new());
    }
    if let (Some(error), false) = (&statement.needs_exempt, exempt) {
        return Decision::refuse(error.clone(), Vec::new());
    }
    let giving = Giving::new(statement, tokens);
    let mut ruling = Ruling {
        permits,
        now,
        verdict: Verdict::default(),
        refused: Vec::new(),
        neutralised: Vec::new(),
        lists: statement.uses.iter().filter(|use_| use_.domain.is_some()).collect(),
        chosen: Vec::new(),
        namesakes: &statement.namesakes,
        giving,
    };
    ruling.judge_all(&statement.uses);
    if let Some((mut error, lacking)) = ruling.refusal() {
        if let StatementKind::CopyIn(CopyIn { format: Err(why), .. }) = &statement.kind {
            error = error.with_detail(why.message.clone());
        }
        // Said whatever was given, so that it does not tell what is a token.
        if matches!(statement.kind, StatementKind::CopyOut(_)) && ruling.lacks_tokens() {
            error = error.with_detail("COPY takes no tokens. Send the SELECT by itself.");
        }
        return Decision::Refuse { error, columns: ruling.verdict.columns, lacking };
    }
    if statement.runs_unedited_only && !ruling.verdict.edits.is_empty() {
        return Decision::refuse(unfit(), ruling.verdict.columns);
    }
    if statement.readings.is_empty() {
        let outputs = statement.outputs.iter().flatten();
        let outputs = outputs.map(|output| ruling.show(&output.flow, output.placed)).collect();
        ruling.verdict.outputs = outputs;
    }
    for reading in &statement.readings {
        let actions = ruling.actions_of(reading);
        ruling.verdict.readings.push(actions);
    }
    ruling.verdict.witnessed.clone_from(&statement.witnessed);
    ruling.look_for_full_grant(statement);
    if let Err(error) = ruling.hand_over() {
        return Decision::refuse(error, ruling.verdict.columns);
    }
    let mut verdict = ruling.verdict;
    if let Some(first) = verdict.readings.first() {
        let alike = |reading: &ReadingActions| reading.outputs.len() == first.outputs.len();
        verdict.outputs = verdict.united(alike, |reading| reading.outputs.clone());
    }
    match splice::compose(std::mem::take(&mut verdict.edits)) {
        Ok(edits) => Decision::Run(Verdict { edits, ..verdict }),
        Err(_) => Decision::refuse(unfit(), verdict.columns),
    }
}

impl Decision {
    /// What no grant changes.
    fn refuse(error: ClientError, columns: Vec<ColumnDecision>) -> Self {
        Self::Refuse { error, columns, lacking: Vec::new() }
    }
}

impl Verdict {
    /// Is some output masked?
    pub fn masks(&self) -> bool {
        let mut all = self.all_actions();
        all.any(|output| matches!(output, OutputAction::Mask { .. } | OutputAction::Redact { .. }))
    }

    /// The most values of one column that a row may show, side by side.
    pub fn values_of_one_column(&self) -> u64 {
        let of_readings = self.readings.iter().map(ReadingActions::all_shown);
        of_readings
            .map(|outputs| most_of_one_column(&outputs))
            .max()
            .unwrap_or(0)
            .max(most_of_one_column(&self.outputs))
    }

    /// Whatever may happen to any output.
    fn all_actions(&self) -> impl Iterator<Item = &OutputAction> {
        let outputs = self.readings.iter().flat_map(|reading| &reading.outputs);
        let each = self.readings.iter().flat_map(|reading| &reading.each).map(|(_, _, action)| action);
        self.outputs.iter().chain(outputs).chain(each)
    }

    /// Does it mask an output by a method that needs a key?
    pub fn has_keyed_masks(&self) -> bool {
        let mut all = self.all_actions();
        all.any(
            |output| matches!(output, OutputAction::Mask { column, .. } if column.method.method().is_keyed()),
        )
    }

    /// Are the outputs that `*` gave the columns that they were when it was read? In
    /// every reading that may be the right one.
    pub fn is_witnessed(&self, origins: &[Option<ColumnId>]) -> bool {
        let holds = |(place, column): &(usize, ColumnId)| origins.get(*place) == Some(&Some(*column));
        let mut fitting = self.readings.iter().filter(|reading| reading.fits(origins));
        self.witnessed.iter().all(holds) && fitting.all(|reading| reading.witnessed.iter().all(holds))
    }

    /// Must the server say which column an output is?
    pub fn needs_witness(&self) -> bool {
        !self.witnessed.is_empty() || self.readings.iter().any(|reading| !reading.witnessed.is_empty())
    }

    /// Does it hang on what names mean how the outputs are masked? Then only a
    /// description of the very rows can tell.
    pub fn hangs_on_names(&self) -> bool {
        let mut others = self.readings.iter();
        let first = others.next();
        self.masks() && others.any(|other| !first.is_some_and(|first| first.masks_as(other)))
    }

    /// No output is told from the others of its reading by its own column.
    pub fn tell_none_apart(&mut self) {
        self.readings.iter_mut().for_each(|reading| reading.each.clear());
    }

    /// Masks each output for all that the names may mean, as no description of the
    /// very rows will come. False: they mean different numbers of outputs.
    pub fn settle_names(&mut self) -> bool {
        let count = self.outputs.len();
        let settles = self.readings.iter().all(|reading| reading.outputs.len() == count);
        if settles {
            self.readings.clear();
        }
        settles
    }

    /// The outputs' fate, once the server has said where each comes from
    /// (None: from no column alone). Readings that this contradicts are
    /// dropped, the others united; if none is left, everything is masked.
    pub fn outputs_for(&self, origins: &[Option<ColumnId>]) -> Vec<OutputAction> {
        if self.readings.is_empty() {
            return self.outputs.clone();
        }
        match self.united(|reading| reading.fits(origins), |reading| reading.outputs_for(origins)) {
            outputs if outputs.len() == origins.len() => outputs,
            _ => vec![OutputAction::Redact { columns: Vec::new() }; origins.len()],
        }
    }

    /// Takes over what another verdict about the same rows masks. False: it is
    /// about other columns.
    pub fn also(&mut self, other: &Self) -> bool {
        if self.outputs.len() != other.outputs.len() {
            return false;
        }
        let outputs = std::mem::take(&mut self.outputs).into_iter().zip(other.outputs.clone());
        self.outputs = outputs.map(|(a, b)| a.or(b)).collect();
        self.readings.clear();
        self.full_grant &= other.full_grant;
        self.full_by.extend(other.full_by.iter().cloned());
        true
    }

    /// The outputs of all fitting readings, which have equally many.
    fn united(
        &self,
        fits: impl Fn(&ReadingActions) -> bool,
        outputs: impl Fn(&ReadingActions) -> Vec<OutputAction>,
    ) -> Vec<OutputAction> {
        let fitting = self.readings.iter().filter(|reading| fits(reading)).map(outputs);
        fitting.reduce(|a, b| a.into_iter().zip(b).map(|(a, b)| a.or(b)).collect()).unwrap_or_default()
    }
}

/// A value inside a document is shown by each output that holds it: by itself, and
/// in what stands around it.
fn most_of_one_column(outputs: &[OutputAction]) -> u64 {
    let revealed: Vec<HashSet<(&str, &str)>> = outputs
        .iter()
        .filter_map(|output| match output {
            OutputAction::Reveal { columns } => Some(columns),
            OutputAction::Pass | OutputAction::Mask { .. } | OutputAction::Redact { .. } => None,
        })
        .map(|columns| columns.iter().map(|it| (&*it.name, it.path.as_deref().unwrap_or("$"))).collect())
        .collect();
    let values: HashSet<(&str, &str)> = revealed.iter().flatten().copied().collect();
    let shows = |output: &HashSet<(&str, &str)>, (name, path): (&str, &str)| {
        output.iter().any(|(of, around)| *of == name && leads_through(path, around))
    };
    let shown = values.iter().map(|value| revealed.iter().filter(|output| shows(output, *value)).count());
    shown.max().and_then(|most| most.try_into().ok()).unwrap_or(0)
}

/// Does what stands at `around` hold what stands at `path`?
fn leads_through(path: &str, around: &str) -> bool {
    path.strip_prefix(around).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

impl ReadingActions {
    /// May it be the right one, if the outputs come from these columns?
    fn fits(&self, origins: &[Option<ColumnId>]) -> bool {
        let belies = |(told, expected): (&Option<ColumnId>, &Vec<Oid>)| {
            told.is_some_and(|column| {
                let is_expected = expected.is_empty() || expected.contains(&column.relation);
                self.excluded.contains(&column.relation) || !is_expected
            })
        };
        self.outputs.len() == origins.len() && !origins.iter().zip(&self.origins).any(belies)
    }

    /// Of an output that may be a column of any of several relations, the server says
    /// whose it is: this very one. What it says of one output proves nothing of another.
    fn outputs_for(&self, origins: &[Option<ColumnId>]) -> Vec<OutputAction> {
        let mut outputs = self.outputs.clone();
        for (place, column, action) in &self.each {
            if origins.get(*place) == Some(&Some(*column))
                && let Some(output) = outputs.get_mut(*place)
            {
                *output = action.clone();
            }
        }
        outputs
    }

    /// The outputs, each with all that it may show.
    fn all_shown(&self) -> Vec<OutputAction> {
        let mut outputs = self.outputs.clone();
        for (place, _, action) in &self.each {
            if let (OutputAction::Reveal { columns }, Some(output)) = (action, outputs.get_mut(*place)) {
                let shown = if let OutputAction::Reveal { columns } = output { &**columns } else { &[] };
                *output = OutputAction::Reveal { columns: [shown, columns].concat() };
            }
        }
        outputs
    }

    fn masks_as(&self, other: &Self) -> bool {
        self.outputs.len() == other.outputs.len()
            && self.outputs.iter().zip(&other.outputs).all(|(a, b)| a.masks_as(b))
    }
}

impl OutputAction {
    /// Does an output look the same, whichever of the two happens to it?
    fn masks_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Pass | Self::Reveal { .. }, Self::Pass | Self::Reveal { .. })
            | (Self::Redact { .. }, Self::Redact { .. }) => true,
            (Self::Mask { column, .. }, Self::Mask { column: other, .. }) => column.is_shown_like(other),
            (Self::Pass | Self::Reveal { .. } | Self::Mask { .. } | Self::Redact { .. }, _) => false,
        }
    }

    /// What must happen to an output that is one or the other.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Pass, Self::Pass) => Self::Pass,
            (Self::Mask { column, placed }, Self::Mask { column: other, placed: also })
                if column.is_shown_like(&other) =>
            {
                Self::Mask { column, placed: placed && also }
            }
            (left @ (Self::Pass | Self::Reveal { .. }), right @ (Self::Pass | Self::Reveal { .. })) => {
                Self::Reveal { columns: [left.columns(), right.columns()].concat() }
            }
            (left, right) => Self::Redact { columns: [left.columns(), right.columns()].concat() },
        }
    }

    fn columns(&self) -> &[Arc<ProtectedColumn>] {
        match self {
            Self::Pass => &[],
            Self::Mask { column, .. } => std::slice::from_ref(column),
            Self::Reveal { columns } | Self::Redact { columns } => columns,
        }
    }
}

/// A verdict in the making.
struct Ruling<'a> {
    permits: &'a dyn Permits,
    now: Now,
    verdict: Verdict,
    /// Uses that are refused, each with the columns that lack what it needs.
    refused: Vec<(&'a Use, Vec<Arc<ProtectedColumn>>)>,
    /// Those that are neutralised, likewise.
    neutralised: Vec<(&'a Use, Vec<Arc<ProtectedColumn>>)>,
    /// Those of lists of tokens.
    lists: Vec<&'a Use>,
    /// As [`Giving::settle_lists`].
    chosen: Vec<Arc<ProtectedColumn>>,
    /// What its names may mean that is not protected.
    namesakes: &'a [String],
    giving: Giving<'a>,
}

/// How one column stands to one use.
pub(super) enum Standing {
    Disclosed,
    Revealed(Access),
    /// Revealed, but the use would copy it.
    NoExport,
    Lacking,
}

type Standings = Vec<(Arc<ProtectedColumn>, Standing)>;

impl<'a> Ruling<'a> {
    fn judge_all(&mut self, uses: &'a [Use]) {
        let standings: Vec<Standings> = uses.iter().map(|use_| self.standings(use_)).collect();
        let mut means: Vec<Option<Means>> =
            uses.iter().zip(&standings).map(|(use_, standings)| self.giving.means(use_, standings)).collect();
        let settled: Vec<(&Use, Option<Means>)> = uses.iter().zip(means.iter().copied()).collect();
        self.giving.settle(&settled);
        let sees: Vec<Option<bool>> =
            uses.iter().zip(&standings).map(|(use_, standings)| self.sees_listed(use_, standings)).collect();
        self.chosen = self.giving.settle_lists(uses, &sees, &mut means);
        for ((use_, mut standings), means) in uses.iter().zip(standings).zip(means) {
            let taken = means.is_some_and(|means| self.giving.take(use_, means));
            // Tokens beside values: all that they may be of counts.
            if means == Some(Means::Either) || means == Some(Means::Values) && !taken {
                standings.extend(self.of_domain(use_));
            }
            self.judge(use_, standings, taken && means == Some(Means::Tokens));
        }
        self.announce_all();
    }

    /// One NOTICE for each use, whatever relations its names may mean.
    fn announce_all(&mut self) {
        let mut alike: Vec<(&Use, Vec<Arc<ProtectedColumn>>)> = Vec::new();
        let mut places: HashMap<(UseKind, usize, usize), usize> = HashMap::new();
        for (use_, columns) in std::mem::take(&mut self.neutralised) {
            let place = (use_.kind, use_.span.start, use_.span.end);
            match places.get(&place).and_then(|number| alike.get_mut(*number)) {
                Some((_, all)) => {
                    let is_new = |column: &Arc<_>| !all.iter().any(|known| known.is_same(column));
                    let new: Vec<_> = columns.into_iter().filter(is_new).collect();
                    all.extend(new);
                }
                None => {
                    places.insert(place, alike.len());
                    alike.push((use_, columns));
                }
            }
        }
        for (use_, columns) in alike {
            self.announce(use_, &columns);
        }
    }

    /// Of a list in which anything may stand: does the person see all that its tokens
    /// may be of?
    fn sees_listed(&self, use_: &Use, standings: &Standings) -> Option<bool> {
        let is_seen = |(_, standing): &(_, Standing)| matches!(standing, Standing::Revealed(_));
        let is_open = use_.domain.is_some() && standings.iter().all(is_seen);
        is_open.then(|| self.of_domain(use_).iter().all(is_seen))
    }

    /// How the columns that a list's tokens may be of stand to it, beside those that it
    /// meets.
    fn of_domain(&self, list: &Use) -> Standings {
        let domain = list.domain.iter().flatten();
        let beside = domain.filter(|column| !list.columns.iter().any(|met| met.is_same(column)));
        let all = beside.flat_map(|column| std::iter::once(column).chain(&*column.below));
        all.map(|column| (Arc::clone(column), self.granted(list, column))).collect()
    }

    fn standings(&self, use_: &Use) -> Standings {
        let mut standings = Standings::new();
        for column in &use_.columns {
            let standing = self.standing(use_, column);
            let is_open = matches!(standing, Standing::Disclosed);
            standings.push((Arc::clone(column), standing));
            // A grant on a parent's column is none on a child's.
            let below = column.below.iter().filter(|_| !is_open);
            standings.extend(below.map(|column| (Arc::clone(column), self.granted(use_, column))));
        }
        standings
    }

    /// `tokens`: it is given nothing but tokens, which tells no more than the mask.
    fn judge(&mut self, use_: &'a Use, standings: Standings, tokens: bool) {
        let lacking: Vec<Arc<ProtectedColumn>> = standings
            .iter()
            .filter(|(_, standing)| matches!(standing, Standing::Lacking | Standing::NoExport) && !tokens)
            .map(|(column, _)| Arc::clone(column))
            .collect();
        let stands = lacking.is_empty();
        let otherwise = match use_.otherwise {
            Otherwise::Refuse => What::Refused,
            Otherwise::LeaveOut(_) => What::LeftOut,
            Otherwise::Neutralise(_) | Otherwise::Rebuild(_) => What::Neutralised,
        };
        let shown = match &use_.otherwise {
            Otherwise::Rebuild(row) if !stands => shown_of(row, &standings, &lacking),
            _ => Vec::new(),
        };
        let in_part: HashSet<_> = shown.iter().flat_map(|field| field.all_columns()).map(place_of).collect();
        for (column, standing) in standings {
            let what = match standing {
                _ if !stands && !in_part.contains(&place_of(&column)) => otherwise.clone(),
                Standing::Revealed(access) => {
                    self.lean_on(&access);
                    What::Revealed(access)
                }
                // What lacks is not reached here, but by tokens.
                Standing::Disclosed | Standing::NoExport | Standing::Lacking => What::Disclosed,
            };
            self.note(column, use_.kind.name(), what);
        }
        match &use_.otherwise {
            _ if stands => {}
            Otherwise::Refuse => self.refused.push((use_, lacking)),
            Otherwise::LeaveOut(edits) => self.verdict.edits.extend(edits.iter().cloned()),
            Otherwise::Neutralise(edits) => {
                self.verdict.edits.extend(edits.iter().cloned());
                self.neutralised.push((use_, lacking));
            }
            Otherwise::Rebuild(row) => {
                let shown = shown.into_iter().map(|field| field.shown.clone()).collect();
                self.verdict.edits.push(Edit { shown, ..row.edit.clone() });
                self.neutralised.push((use_, lacking));
            }
        }
    }

    /// Takes literal tokens out of the text. An original that another column
    /// of the domain holds may not be this session's to see, so errors and
    /// notices are filtered even under a full grant.
    fn hand_over(&mut self) -> Result<(), ClientError> {
        let (tokens, edits) = self.giving.finish(&self.verdict.edits).map_err(|TooMany| too_many_tokens())?;
        self.verdict.full_grant &= tokens.is_empty() && !tokens.streams_originals();
        self.verdict.edits.extend(edits);
        self.verdict.tokens = tokens;
        Ok(())
    }

    /// The column's own disclosures first: what everybody may know needs no grant.
    fn standing(&self, use_: &Use, column: &ProtectedColumn) -> Standing {
        let own = column.discloses.include(use_.needs) && !use_.only_grant;
        let written = use_.kind == UseKind::Write && column.writable;
        if use_.needs == Disclosure::Nullness || own || written {
            return Standing::Disclosed;
        }
        self.granted(use_, column)
    }

    fn granted(&self, use_: &Use, column: &ProtectedColumn) -> Standing {
        match self.permits.access(column, self.now) {
            // An aggregate would show any number of values in one row.
            Access::Revealed { counted: true, .. } if use_.needs == Disclosure::Value => Standing::Lacking,
            access @ Access::Revealed { export, .. } if export || !use_.export => Standing::Revealed(access),
            Access::Revealed { .. } => Standing::NoExport,
            Access::Masked => Standing::Lacking,
        }
    }

    /// To these columns, and to what they show of columns below them.
    fn accesses(&self, columns: &[Arc<ProtectedColumn>]) -> Vec<(Arc<ProtectedColumn>, Access)> {
        let all = columns.iter().flat_map(|column| std::iter::once(column).chain(&*column.below));
        all.map(|column| (Arc::clone(column), self.permits.access(column, self.now))).collect()
    }

    fn lean_on(&mut self, access: &Access) {
        if let Access::Revealed { basis, until, .. } = access {
            self.ends(*until);
            if !self.verdict.leans_on.contains(basis) {
                self.verdict.leans_on.push(basis.clone());
            }
        }
    }

    fn ends(&mut self, until: Option<Instant>) {
        self.verdict.until = match (self.verdict.until, until) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }

    fn note(&mut self, column: Arc<ProtectedColumn>, use_: &'static str, what: What) {
        if matches!(what, What::Masked(_) | What::Disclosed) && self.is_only_beside(&column) {
            return;
        }
        let known = self.verdict.columns.iter();
        if !known.clone().any(|c| c.use_ == use_ && c.column.is_same(&column) && c.what == what) {
            self.verdict.columns.push(ColumnDecision { column, use_, what });
        }
    }

    /// Is it a column that a list's tokens may be of, and that the statement does
    /// not name? It counts for who may see them.
    fn is_only_beside(&self, column: &ProtectedColumn) -> bool {
        let is_in = |columns: &[Arc<ProtectedColumn>]| columns.iter().any(|it| it.is_same(column));
        let mut lists = self.lists.iter();
        lists.clone().any(|list| list.domain.as_deref().is_some_and(is_in))
            && !lists.any(|list| is_in(&list.columns))
    }

    /// `columns` lack what it needs.
    fn announce(&mut self, use_: &Use, columns: &[Arc<ProtectedColumn>]) {
        let kind = use_.kind;
        // Statistics are read by tools on every table; the docs say what is blank in them.
        if kind == UseKind::Statistics {
            return;
        }
        let message = format!("{} {} is NULL without a grant", kind.words(), spelled(columns));
        let message = match kind {
            UseKind::OrderBy | UseKind::WindowOrder => {
                format!("{} {} is left out without a grant", kind.words(), spelled(columns))
            }
            UseKind::Explain => {
                format!("{} {} shows no costs without a grant", kind.words(), spelled(columns))
            }
            UseKind::WholeRow => row_words(use_, columns),
            _ => message,
        };
        let notice = Notice { message, hint: Some(self.or_write(request(columns))) };
        if !self.verdict.notices.contains(&notice) {
            self.verdict.notices.push(notice);
        }
    }

    /// The error, and the columns that may be asked for instead.
    fn refusal(&self) -> Option<(ClientError, Vec<Arc<ProtectedColumn>>)> {
        let (first, _) = self.refused.iter().min_by_key(|(use_, _)| use_.span.start)?;
        let is_its = |use_: &Use| use_.kind == first.kind && use_.span == first.span;
        let its = self.refused.iter().filter(|(use_, _)| is_its(use_)).flat_map(|(_, columns)| columns);
        let lacking = &once(its);
        let mut all: Vec<Arc<ProtectedColumn>> =
            self.refused.iter().flat_map(|(_, columns)| columns.iter().cloned()).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all.dedup_by(|a, b| a.name == b.name);
        let export = self.refused.iter().any(|(use_, _)| use_.export);
        let error = ClientError::new(
            sqlstate::INSUFFICIENT_PRIVILEGE,
            format!("permission denied: {} {}", first.kind.words(), spelled(lacking)),
        )
        .with_hint(self.or_write(if export { export_request(&all) } else { request(&all) }));
        let error = match &first.detail {
            Some(detail) => error.with_detail(&**detail),
            None if lacking.iter().any(|column| self.is_only_beside(column)) => error.with_detail(
                "A token in a list of values may be of any column of its domain. Who does not see them \
                     all lists tokens alone, or none, and does no more with them than the mask allows.",
            ),
            None => error,
        };
        // The right to copy is an administrator's to give.
        Some((error.at(first.position), if export { Vec::new() } else { all }))
    }

    /// A hint, still to be pasted as it is, with what else would help.
    fn or_write(&self, hint: String) -> String {
        match self.namesakes {
            [] => hint,
            names => format!("{hint} -- or write {} if that is meant", names.join(" or ")),
        }
    }

    /// Was something refused that a token could have been given to?
    fn lacks_tokens(&self) -> bool {
        self.refused.iter().any(|(use_, _)| use_.given.as_ref().is_some_and(|given| !given.only_null))
    }

    fn actions_of(&mut self, reading: &Reading) -> ReadingActions {
        let outputs = reading.outputs.iter().map(|output| self.show(&output.flow, output.placed)).collect();
        let mut each = Vec::new();
        for (place, output) in reading.outputs.iter().enumerate() {
            for (column, flow) in &output.each {
                each.push((place, *column, self.show(flow, output.placed)));
            }
        }
        ReadingActions {
            outputs,
            each,
            excluded: reading.excluded.clone(),
            origins: reading.origins.clone(),
            witnessed: reading.witnessed.clone(),
        }
    }

    /// What becomes of an output that carries this.
    fn show(&mut self, flow: &Flow, placed: bool) -> OutputAction {
        let (columns, own) = match flow {
            Flow::Clean => return OutputAction::Pass,
            Flow::Plain { columns, .. } => (columns, true),
            Flow::Derived { columns, case_only } => (columns, *case_only && keeps_case(columns)),
            Flow::Mixed { columns } | Flow::Computed { columns } => (columns, false),
        };
        let accesses = self.accesses(columns);
        let computed = matches!(flow, Flow::Computed { .. });
        let hidden = |access: &Access| match access {
            Access::Masked => true,
            Access::Revealed { counted, .. } => *counted && computed,
        };
        let revealed = !accesses.iter().any(|(_, access)| hidden(access));
        // A keyed mask would answer what a value of the client's choice equals in
        // another column of its domain.
        let own = own && !columns.iter().any(|column| self.chosen.iter().any(|of| of.is_masked_like(column)));
        let is_own = |column: &Arc<ProtectedColumn>| columns.iter().any(|own| Arc::ptr_eq(own, column));
        for (column, access) in accesses.iter().filter(|(column, _)| revealed || is_own(column)) {
            let what = match access {
                Access::Revealed { until, .. } if revealed => {
                    self.ends(*until);
                    What::Revealed(access.clone())
                }
                Access::Revealed { .. } | Access::Masked if own => What::Masked(column.method.name()),
                Access::Revealed { .. } | Access::Masked => What::Masked(Method::Redact.name()),
            };
            self.note(Arc::clone(column), UseKind::Output.name(), what);
        }
        match columns.first() {
            _ if revealed => OutputAction::Reveal { columns: columns.clone() },
            Some(column) if own => OutputAction::Mask { column: Arc::clone(column), placed },
            Some(_) | None => OutputAction::Redact { columns: columns.clone() },
        }
    }

    fn look_for_full_grant(&mut self, statement: &Statement) {
        let accesses = self.accesses(&statement.named);
        // What depends on protected data without naming a column is nobody's to see whole.
        let nameless = statement.touches_protected && statement.named.is_empty();
        // The values in an error's text would not be counted.
        let whole = |access: &Access| matches!(access, Access::Revealed { counted: false, .. });
        self.verdict.full_grant = !nameless && accesses.iter().all(|(_, access)| whole(access));
        if self.verdict.full_grant {
            for (column, access) in accesses {
                if let Access::Revealed { until, basis, .. } = access {
                    self.verdict.full_by.push((basis, column));
                    self.ends(until);
                }
            }
        }
    }
}

/// Where no row can be built, what is granted of it is NULL too.
fn row_words(use_: &Use, lacking: &[Arc<ProtectedColumn>]) -> String {
    let is_lacking = |column: &Arc<ProtectedColumn>| lacking.iter().any(|other| other.is_same(column));
    let is_built = matches!(use_.otherwise, Otherwise::Rebuild(_));
    let is_all = is_built || use_.columns.iter().all(is_lacking);
    let gone = if is_all { lacking } else { use_.columns.as_slice() };
    let verb = if gone.len() == 1 { "is" } else { "are" };
    let message = format!("{} in a whole row {verb} NULL without a grant", spelled(gone));
    if is_all { message } else { format!("{message} on {}", labels(lacking)) }
}

/// The fields of a row all of whose columns are seen.
fn shown_of<'r>(row: &'r Row, standings: &Standings, lacking: &[Arc<ProtectedColumn>]) -> Vec<&'r RowField> {
    let lacking: HashSet<_> = lacking.iter().map(place_of).collect();
    let all = standings.iter().map(|(column, _)| place_of(column));
    let seen: HashSet<_> = all.filter(|place| !lacking.contains(place)).collect();
    row.fields
        .iter()
        .filter(|field| field.all_columns().all(|column| seen.contains(&place_of(column))))
        .collect()
}

/// As [`ProtectedColumn::is_same`] tells columns apart.
fn place_of(column: &Arc<ProtectedColumn>) -> (&str, Option<&str>) {
    (&*column.name, column.path.as_deref())
}

fn too_many_tokens() -> ClientError {
    ClientError::new(sqlstate::PROGRAM_LIMIT_EXCEEDED, "the statement holds too many tokens")
        .with_hint("Give them as one array: = ANY ($1).")
}

/// `partial` and `email` show of `lower(c)` what they show of `c`.
fn keeps_case(columns: &[Arc<ProtectedColumn>]) -> bool {
    let keeps = |method: &MethodSpec| matches!(method.method(), Method::Partial | Method::Email);
    columns.iter().all(|column| match &column.method {
        MethodSpec::Document(rules) => {
            matches!(&**rules, [only] if only.path.is_whole() && keeps(&only.method))
        }
        method => keeps(method),
    })
}

fn unfit() -> ClientError {
    ClientError::new(
        sqlstate::FEATURE_NOT_SUPPORTED,
        "the uses of protected columns in this statement can't be told apart",
    )
    .with_hint("Give each output and subquery a name of its own with AS, and name columns with their tables.")
}
