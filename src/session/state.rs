//! What a session knows of its server: which replies are to come, which
//! statements and portals exist, where the transaction stands. Pure.
//!
//! Every message that goes upstream and has a reply gets an [`Entry`]; every
//! backend message is matched against the first. What a message registers is
//! visible at once, so that a pipeline can go on, and is taken back when the
//! message fails or is skipped. Follows "Extended Query" and "Pipelining" in
//! PostgreSQL's documentation, and `src/backend/tcop/postgres.c`.
//!
//! Invariant: a name that is looked up means what the server will mean by it
//! when the message arrives there. Where that is open, [`Lookup::Wait`].

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use super::end_user::Naming;
use super::lapsed::Leans;
use super::meanwhile::Opened;
use super::virtual_schema::VirtualStatement;
use super::weight::Weight;
use crate::sql::splice::Edit;
use crate::sql::{Analysis, Statement};
use crate::wire::backend::TransactionStatus;

/// Names that clients may not use: bauta's own messages stand under them.
pub const RESERVED: &[u8] = b"bauta: ";

/// Most named statements and portals that a session may hold.
pub const MAX_NAMES: usize = 100_000;

/// One statement of an analysed text.
#[derive(Debug, Clone)]
pub struct Lineage {
    pub analysis: Arc<Analysis>,
    pub index: usize,
    /// The statement inside PREPARE or DECLARE.
    pub inner: bool,
}

impl Lineage {
    pub fn statement(&self) -> Option<&Statement> {
        let statement = self.analysis.statements.get(self.index)?;
        if self.inner { statement.kind.inner() } else { Some(statement) }
    }
}

/// What is known of a text.
#[derive(Debug, Clone)]
pub enum Known {
    /// It names nothing protected; nobody has read it.
    Harmless,
    Analysed(Lineage),
    /// It calls schema `bauta`: a stand-in goes upstream.
    Own(Arc<VirtualStatement>),
    /// It names the person behind a shared login: a stand-in goes upstream.
    Naming(Arc<Naming>),
}

impl Known {
    pub fn statement(&self) -> Option<&Statement> {
        match self {
            Self::Analysed(lineage) => lineage.statement(),
            Self::Harmless | Self::Own(_) | Self::Naming(_) => None,
        }
    }
    pub fn analysis(&self) -> Option<&Analysis> {
        match self {
            Self::Analysed(lineage) => Some(&lineage.analysis),
            Self::Harmless | Self::Own(_) | Self::Naming(_) => None,
        }
    }
}

/// A statement that the server holds under a name, or that a portal runs.
#[derive(Debug)]
pub struct Prepared {
    /// The client's own text, whole.
    pub text: Bytes,
    /// Parameter types of its Parse, as they stood there.
    pub parameter_types: Bytes,
    /// Version of the guard that `known` was made with.
    pub version: u64,
    pub known: Known,
    /// How the server's copy differs. None: the server has no copy now, and
    /// the next Bind makes one.
    pub form: Option<Form>,
    /// Made by SQL (PREPARE, DECLARE), not by a Parse: it can't be made anew.
    pub by_sql: bool,
    /// May answer with CopyInResponse.
    pub may_copy_in: bool,
    /// May set `client_encoding`.
    pub may_recode: bool,
    /// The server may have read it otherwise than bauta: it named nothing protected then.
    pub misread: bool,
    /// The server may have read other keys of documents in it.
    pub misread_keys: bool,
    /// What its text takes of the session's room.
    pub weight: Option<Arc<Weight>>,
}

impl Prepared {
    /// Does the server's copy hold no more than these edits leave?
    pub fn holds_no_more_than(&self, edits: &[Edit]) -> bool {
        match &self.form {
            Some(form) => {
                edits.iter().all(|needed| form.edits.iter().any(|held| held.shows_no_more_than(needed)))
            }
            None => edits.is_empty(),
        }
    }
}

/// A statement as the server holds it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form {
    /// Edits of the client's text.
    pub edits: Vec<Edit>,
    /// Parameter types of the Parse that was sent.
    pub types: Bytes,
    /// The client's own parameters, where the server's copy has others too or
    /// of another type.
    pub own: Option<u16>,
}

impl Form {
    /// Nothing is edited.
    pub fn plain(types: &Bytes) -> Self {
        Self { types: types.clone(), ..Self::default() }
    }
}

/// A portal or cursor.
#[derive(Debug, Clone)]
pub struct Portal<S> {
    pub prepared: Arc<Prepared>,
    /// A cursor WITH HOLD.
    pub hold: bool,
    /// One that a commit has held.
    pub kept: bool,
    /// What the server says of it is filtered, also when it is closed.
    pub is_hushed: bool,
    /// Parameters that tokens were bound to, or NULL where a token may stand.
    pub tokens: Arc<[u16]>,
    /// It was bound to a name that the server may know another statement by.
    pub by_name: bool,
    /// Of a portal over EXECUTE or FETCH: which registration that name meant
    /// when it was bound. The server keeps the columns of that one, whatever the
    /// name means when it runs.
    pub leads: Option<u64>,
    /// By what.
    pub opened: Arc<Opened>,
    /// What it was declared under, where it is a cursor WITH HOLD: what commits fills it.
    pub leans: Option<Arc<Leans>>,
    /// What it takes of the session's room, besides its statement.
    pub weight: Option<Arc<Weight>>,
    /// What the relay knows of its rows.
    pub shape: S,
}

/// A registration under a name.
#[derive(Debug, Clone)]
pub struct Slot<T> {
    pub value: T,
    segment: u64,
    /// Number of the entry that registered it.
    entry: u64,
    /// Number behind the last entry after which the server certainly still means
    /// this by the name.
    settled: u64,
}

impl<T> Slot<T> {
    /// No other registration has it.
    pub fn number(&self) -> u64 {
        self.entry
    }
    /// Of a portal: it has run.
    pub fn has_begun(&self) -> bool {
        self.settled > self.entry + 1
    }
}

/// What stands under names. Seeded anew for each map: a client that knew names of one
/// hash would delay nobody but itself.
type Names<T> = HashMap<Bytes, Slot<T>, foldhash::fast::RandomState>;

/// The answer to "what stands under this name?".
#[derive(Debug)]
pub enum Lookup<T> {
    Found(T),
    Missing,
    /// Not certain until earlier messages are answered.
    Wait,
}

/// What a message does to the names.
#[derive(Debug, Clone)]
pub enum Change<S> {
    SetStatement(Bytes, Arc<Prepared>),
    RemoveStatement(Bytes),
    /// DEALLOCATE ALL, DISCARD ALL. The unnamed statement is not among them.
    RemoveStatements,
    SetPortal(Bytes, Portal<S>),
    RemovePortal(Bytes),
    /// CLOSE ALL, DISCARD ALL.
    RemovePortals,
    /// COMMIT or ROLLBACK: the portals that it closes.
    End(Ending),
}

impl<S> Change<S> {
    /// Does it open what leans on access when it is filled?
    pub fn leans(&self) -> bool {
        matches!(self, Self::SetPortal(_, portal) if portal.leans.is_some())
    }
}

/// What ends a transaction, or a part of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Commit,
    Rollback,
    /// To a savepoint: what was registered from this message on is rolled back.
    RollbackTo(u64),
}

impl Ending {
    fn closes<S>(self, slot: &Slot<Portal<S>>) -> bool {
        !slot.value.kept
            && match self {
                Self::Commit => !slot.value.hold,
                Self::Rollback => true,
                Self::RollbackTo(number) => slot.entry >= number,
            }
    }
}

/// Changes, in order, each with the statement of a Query that does it.
pub type Changes<S> = Vec<(usize, Change<S>)>;

/// Takes a change back: what the names meant before.
#[derive(Debug)]
enum Undo<S> {
    Statement { name: Bytes, removed: bool, before: Option<Slot<Arc<Prepared>>> },
    Portal { name: Bytes, removed: bool, before: Option<Slot<Portal<S>>> },
    Statements(Names<Arc<Prepared>>),
    Portals(Names<Portal<S>>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Query,
    Parse,
    Bind,
    DescribeStatement,
    DescribePortal,
    Execute,
    Close,
    Sync,
}

impl Kind {
    /// After an error in it, the server skips what follows until a Sync.
    fn skips_to_sync(self) -> bool {
        !matches!(self, Self::Query | Self::Sync)
    }
    /// Runs client SQL.
    fn runs(self) -> bool {
        matches!(self, Self::Query | Self::Execute)
    }
    /// May call a function. A Parse calls what checks its literals, and so does a
    /// description that looks at the text again; a Bind has its statement planned,
    /// which calls IMMUTABLE ones.
    fn may_call(self) -> bool {
        self.runs() || matches!(self, Self::Bind) || self.reads()
    }
    /// Has the server read a text.
    fn reads(self) -> bool {
        matches!(self, Self::Parse | Self::DescribeStatement)
    }
}

/// Changes that were made, in order, each with the statement of a Query that did it.
type Undos<S> = Vec<(usize, Undo<S>)>;

/// Changes that were made for no message.
#[must_use = "they must be taken back before anything else is sent"]
pub struct Trial<S>(Undos<S>);

impl<S> Default for Trial<S> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// One message upstream whose reply is to come. `R` is what the relay keeps
/// with it.
#[derive(Debug)]
pub struct Entry<R, S> {
    pub kind: Kind,
    pub run: R,
    /// What it does to the names, once it is sent.
    pub changes: Changes<S>,
    undo: Undos<S>,
    /// The unnamed statement, which a Query drops even if it fails.
    dropped_unnamed: Option<Slot<Arc<Prepared>>>,
    number: u64,
}

impl<R, S> Entry<R, S> {
    pub fn new(kind: Kind, run: R) -> Self {
        Self { kind, run, changes: Vec::new(), undo: Vec::new(), dropped_unnamed: None, number: 0 }
    }
    pub fn with_change(mut self, change: Change<S>) -> Self {
        self.changes.reserve_exact(1);
        self.changes.push((0, change));
        self
    }
}

/// See the module.
pub struct State<R, S> {
    queue: VecDeque<Entry<R, S>>,
    statements: Names<Arc<Prepared>>,
    portals: Names<Portal<S>>,
    next_entry: u64,
    /// Grows with every message after which the server no longer skips what
    /// an earlier error would have made it skip.
    segment: u64,
    /// Query and Execute entries in the queue.
    running: usize,
    /// Number behind the last entry that may run code of the client's choosing,
    /// which may change what the server means by a name.
    ran: u64,
    /// Number behind the last Sync: a commit calls deferred triggers. It leaves no
    /// portal that could mean another.
    synced: u64,
    savepoints: Savepoints,
    skipping: bool,
    /// Messages of the extended protocol were sent since the last Query or Sync.
    batch: bool,
    /// A Flush was the last message.
    flushed: bool,
    /// Something of the transaction at hand was rolled back.
    rolled_back: bool,
    status: TransactionStatus,
}

impl<R, S: Clone> Default for State<R, S> {
    fn default() -> Self {
        Self {
            queue: VecDeque::new(),
            statements: Names::default(),
            portals: Names::default(),
            next_entry: 0,
            segment: 0,
            running: 0,
            ran: 0,
            synced: 0,
            savepoints: Savepoints::default(),
            skipping: false,
            batch: false,
            flushed: false,
            rolled_back: false,
            status: TransactionStatus::Idle,
        }
    }
}

impl<R, S: Clone> State<R, S> {
    /// Transaction status of the last ReadyForQuery.
    pub fn status(&self) -> TransactionStatus {
        self.status
    }

    /// An error was answered, and no Sync was sent since: the server reads
    /// and drops everything.
    pub fn is_skipping(&self) -> bool {
        self.skipping
    }

    /// A Flush goes upstream. It has no reply, but may fail: a timeout, a cancel.
    pub fn flush(&mut self) {
        self.batch = true;
        self.flushed = true;
    }

    /// Was a Flush the last message?
    pub fn has_flushed(&self) -> bool {
        self.flushed
    }

    /// Has the server been sent messages after which it answers an error by
    /// skipping to a Sync?
    pub fn in_batch(&self) -> bool {
        self.batch
    }

    /// An error that belongs to no message: the server skips.
    pub fn skip(&mut self) {
        self.skipping = true;
    }

    /// Query or Execute messages are unanswered.
    pub fn has_running(&self) -> bool {
        self.running > 0
    }

    /// Something is unanswered that runs, or a Sync, which may commit what a cursor
    /// WITH HOLD is to hold.
    pub fn is_working(&self) -> bool {
        let is_filled = |portal: &Portal<S>| portal.hold && !portal.kept;
        self.has_running()
            || (self.queue.iter().any(|entry| entry.kind == Kind::Sync) && self.portals().any(is_filled))
    }

    /// Messages are unanswered that may call a function, and so set something.
    pub fn is_calling(&self) -> bool {
        self.queue.iter().any(|entry| entry.kind.may_call())
    }

    /// Texts are unanswered that the server is to read.
    pub fn is_reading(&self) -> bool {
        self.queue.iter().any(|entry| entry.kind.reads())
    }

    pub fn is_quiet(&self) -> bool {
        self.queue.is_empty()
    }

    /// Remembers a message that goes upstream, and does to the names what it does.
    /// Nothing else does: a registration's number is that of the message whose
    /// answer makes it final, and what is taken back with one is what was there
    /// when it was sent.
    pub fn expect(&mut self, mut entry: Entry<R, S>) {
        if entry.kind.runs() {
            self.running += 1;
        }
        if entry.kind == Kind::Query {
            // exec_simple_query() drops the unnamed statement and replaces the unnamed
            // portal. If it fails in a transaction block, its own portal stays there,
            // whose text and plan are memory that is used for something else by then.
            entry.dropped_unnamed = self.statements.remove(b"".as_slice());
            entry.changes.reserve_exact(1);
            entry.changes.insert(0, (0, Change::RemovePortal(Bytes::new())));
        }
        entry.undo.reserve_exact(entry.changes.len());
        for (index, change) in std::mem::take(&mut entry.changes) {
            let undo = self.apply(change);
            entry.undo.push((index, undo));
        }
        self.batch = entry.kind.skips_to_sync();
        self.flushed = false;
        if !entry.kind.skips_to_sync() {
            self.segment += 1;
            self.skipping = false;
        }
        entry.number = self.next_entry;
        self.next_entry += 1;
        if entry.kind.may_call() {
            self.ran = self.next_entry;
        }
        if entry.kind == Kind::Sync {
            self.synced = self.next_entry;
        }
        self.queue.push_back(entry);
    }

    /// The entry that backend messages belong to now.
    pub fn front(&self) -> Option<&Entry<R, S>> {
        self.queue.front()
    }
    pub fn front_mut(&mut self) -> Option<&mut Entry<R, S>> {
        self.queue.front_mut()
    }
    pub fn entries(&self) -> impl Iterator<Item = &Entry<R, S>> {
        self.queue.iter()
    }
    pub fn entries_mut(&mut self) -> impl Iterator<Item = &mut Entry<R, S>> {
        self.queue.iter_mut()
    }

    /// The first entry is answered: what it registered is final.
    pub fn complete(&mut self) -> Option<(Kind, R)> {
        self.pop().map(|entry| (entry.kind, entry.run))
    }

    /// Statement `index` of the first entry, a Query, is answered: a later
    /// error doesn't take back what it registered.
    pub fn complete_statement(&mut self, index: usize) {
        if let Some(entry) = self.queue.front_mut() {
            entry.undo.retain(|(of, _)| *of > index);
        }
    }

    /// ReadyForQuery for the first entry. Without a transaction, no portal is
    /// left but cursors WITH HOLD.
    pub fn ready(&mut self, status: TransactionStatus) -> Option<(Kind, R)> {
        let done = self.complete();
        self.status = status;
        if status == TransactionStatus::Idle {
            let committed = !std::mem::take(&mut self.rolled_back);
            self.end_transaction(committed);
        }
        done
    }

    /// ROLLBACK, of a whole transaction or to a savepoint: the portals that were
    /// opened in what is rolled back are gone.
    pub fn rolls_back(&mut self, ending: Ending) {
        self.rolled_back = true;
        let answered = self.answered();
        // What the message itself and those behind it registered came after it.
        let stays = |slot: &Slot<Portal<S>>| slot.entry >= answered || !ending.closes(slot);
        self.portals.retain(|_, slot| stays(slot));
        for (_, undo) in self.queue.iter_mut().flat_map(|entry| &mut entry.undo) {
            match undo {
                Undo::Portal { before, .. } => *before = before.take().filter(stays),
                Undo::Portals(all) => all.retain(|_, slot| stays(slot)),
                Undo::Statement { .. } | Undo::Statements(_) => {}
            }
        }
        match ending {
            Ending::RollbackTo(number) => self.savepoints.roll_back(number),
            // It may have been to one all the same, whose name was not found.
            Ending::Commit | Ending::Rollback => self.savepoints.unsure = true,
        }
    }

    /// SAVEPOINT is answered, in the first entry. None: its name is not known.
    pub fn saves(&mut self, name: Option<Vec<u8>>) {
        let number = self.answered();
        self.savepoints.add(name, number);
    }

    /// RELEASE is answered. None: its name is not known.
    pub fn releases(&mut self, name: Option<&[u8]>) {
        self.savepoints.release(name);
    }

    /// What ROLLBACK TO this savepoint goes back to. None: its name, or what came
    /// before it, is not known.
    pub fn back_to(&self, name: Option<&[u8]>) -> Ending {
        Ending::RollbackTo(self.savepoints.number(name).unwrap_or_else(|| self.answered()))
    }

    /// The message that made the savepoint which a name certainly means.
    pub fn savepoint(&self, name: &[u8]) -> Option<u64> {
        self.savepoints.certain(name)
    }

    /// Does the server hold a portal of which it may speak when it ends the portal,
    /// and must not be heard? It holds it until what takes it away is answered. What
    /// a commit has held has run to its end.
    pub fn holds_hushed(&self) -> bool {
        let answered = self.answered();
        let is_it =
            |slot: &Slot<Portal<S>>| slot.entry < answered && slot.value.is_hushed && !slot.value.kept;
        let is_taken = |undo: &Undo<S>| match undo {
            Undo::Portal { before, .. } => before.as_ref().is_some_and(is_it),
            Undo::Portals(all) => all.values().any(is_it),
            Undo::Statement { .. } | Undo::Statements(_) => false,
        };
        let mut undone = self.queue.iter().flat_map(|entry| &entry.undo);
        self.portals.values().any(is_it) || undone.any(|(_, undo)| is_taken(undo))
    }

    /// Does the server certainly mean by a name what was registered under it?
    /// A function may have closed it, and made another.
    pub fn is_settled<T>(&self, slot: &Slot<T>) -> bool {
        self.ran <= slot.settled
    }

    /// The same for a statement, which outlives a transaction.
    pub fn is_settled_statement(&self, slot: &Slot<Arc<Prepared>>) -> bool {
        self.is_settled(slot) && self.synced <= slot.settled
    }

    /// An Execute of this portal was the last message. A portal that runs can't be
    /// closed: it is the same one afterwards, if it was the one before (`settled`).
    pub fn resumed(&mut self, name: &[u8], settled: bool) {
        if let Some(slot) = self.portals.get_mut(name).filter(|_| settled) {
            slot.settled = self.next_entry;
        }
    }

    /// Forgets the portals that a transaction's end closes: all but cursors WITH
    /// HOLD, and these too if they were declared in what is rolled back.
    pub fn end_transaction(&mut self, committed: bool) {
        self.savepoints = Savepoints::default();
        if self.portals.is_empty() {
            return;
        }
        let answered = self.answered();
        self.portals.retain(|_, slot| {
            if slot.entry >= answered {
                return true;
            }
            slot.value.kept |= slot.value.hold && committed;
            slot.value.kept
        });
    }

    /// The first entry was answered with an ErrorResponse. Returns the runs of
    /// the messages that the server skips, the failed one first; none for a
    /// Query or Sync, whose ReadyForQuery is still to come. `current`: which
    /// statement of a Query it was. `begun`: it may have run, and failed as it was
    /// committed, which takes no PREPARE or DEALLOCATE back: its names mean
    /// nothing certain.
    pub fn fail(&mut self, current: usize, begun: bool) -> Vec<(Kind, R)> {
        match self.queue.front_mut() {
            Some(entry) if !entry.kind.skips_to_sync() => {
                let mut undo = std::mem::take(&mut entry.undo);
                let held = |undo: &Undo<S>| match undo {
                    Undo::Portal { name, .. } => self.portals.get(name).is_some_and(|slot| slot.value.hold),
                    _ => false,
                };
                for (of, undo) in &mut undo {
                    // A cursor that a commit has held may outlive its failure.
                    if undo.is_of_unnamed_portal() || (begun && (*of == current || held(undo))) {
                        undo.forget();
                    }
                }
                self.rolled_back = true;
                self.revert_all(undo);
                Vec::new()
            }
            Some(entry) => {
                if entry.kind == Kind::Execute && begun {
                    // DISCARD ALL is committed before it is answered.
                    entry.undo.iter_mut().for_each(|(_, undo)| undo.forget());
                }
                self.skip_to_sync()
            }
            None => Vec::new(),
        }
    }

    fn skip_to_sync(&mut self) -> Vec<(Kind, R)> {
        self.rolled_back = true;
        let mut dropped = Vec::new();
        let mut undone = Vec::new();
        while self.queue.front().is_some_and(|entry| entry.kind != Kind::Sync) {
            let Some(entry) = self.pop() else { break };
            undone.push((entry.kind, entry.undo, entry.dropped_unnamed));
            dropped.push((entry.kind, entry.run));
        }
        self.skipping = self.queue.is_empty();
        while let Some((kind, undo, unnamed)) = undone.pop() {
            if let Some(slot) = unnamed {
                self.settle_statement(Bytes::new(), Some(slot));
            }
            let failed_parse = undone.is_empty() && kind == Kind::Parse;
            for (_, undo) in undo.into_iter().rev() {
                match undo {
                    // exec_parse_message() drops the old unnamed statement first.
                    Undo::Statement { name, .. } if failed_parse && name.is_empty() => {
                        self.settle_statement(name, None);
                    }
                    undo => self.revert(undo),
                }
            }
        }
        dropped
    }

    /// The last message sent is one that the server answers only when it is
    /// asked to (Flush or Sync).
    pub fn awaits_flush(&self) -> bool {
        self.queue.back().is_some_and(|entry| entry.kind.skips_to_sync())
    }

    /// Messages sent upstream and not answered.
    pub fn pending(&self) -> usize {
        self.queue.len()
    }

    fn pop(&mut self) -> Option<Entry<R, S>> {
        let entry = self.queue.pop_front()?;
        if entry.kind.runs() {
            self.running = self.running.saturating_sub(1);
        }
        if self.queue.is_empty() && self.queue.capacity() > 64 {
            self.queue.shrink_to(16);
        }
        Some(entry)
    }

    /// Number of the first entry that is not answered.
    pub fn answered(&self) -> u64 {
        self.queue.front().map_or(self.next_entry, |entry| entry.number)
    }

    /// What a protocol or SQL message that names a statement means by it.
    pub fn statement(&self, name: &[u8]) -> Lookup<Slot<Arc<Prepared>>> {
        match self.statements.get(name) {
            Some(slot) if self.is_certain(slot) => Lookup::Found(slot.clone()),
            None if !self.may_come_back(name, true) => Lookup::Missing,
            Some(_) | None => Lookup::Wait,
        }
    }

    /// What a message that names a portal or cursor means by it.
    pub fn portal(&self, name: &[u8]) -> Lookup<Slot<Portal<S>>> {
        match self.portals.get(name) {
            Some(slot) if self.is_certain(slot) => Lookup::Found(slot.clone()),
            None if !self.may_come_back(name, false) => Lookup::Missing,
            Some(_) | None => Lookup::Wait,
        }
    }

    /// What is open.
    pub fn portals(&self) -> impl Iterator<Item = &Portal<S>> {
        self.portals.values().map(|slot| &slot.value)
    }

    /// Within one segment a failed registration makes the server skip what
    /// leans on it; beyond the segment's end it doesn't.
    fn is_certain<T>(&self, slot: &Slot<T>) -> bool {
        slot.segment == self.segment || slot.entry < self.answered()
    }

    /// Was `name` removed in an earlier segment by a message that is not
    /// answered yet? If that fails, it still stands.
    fn may_come_back(&self, name: &[u8], statement: bool) -> bool {
        let mut earlier_segment = false;
        self.queue.iter().rev().any(|entry| {
            earlier_segment |= !entry.kind.skips_to_sync();
            let unnamed = statement && name.is_empty() && entry.dropped_unnamed.is_some();
            let mut undone = entry.undo.iter().map(|(_, undo)| undo);
            let comes_back = |undo: &Undo<S>| {
                undo.removes(name, statement) && !(entry.kind == Kind::Query && undo.is_of_unnamed_portal())
            };
            earlier_segment && (unnamed || undone.any(comes_back))
        })
    }

    /// Names held, for the limit.
    pub fn names(&self) -> usize {
        self.statements.len() + self.portals.len()
    }

    /// Makes a change for the moment, so that what comes next in the same text is
    /// judged behind it.
    pub fn try_out(&mut self, change: Change<S>, trial: &mut Trial<S>) {
        trial.0.push((0, self.apply(change)));
    }

    /// The names mean again what they did before the trial. Nothing was sent since,
    /// so what is in the queue came before it and is left alone.
    pub fn end_trial(&mut self, trial: Trial<S>) {
        for (_, undo) in trial.0.into_iter().rev() {
            match undo {
                Undo::Statement { name, before, .. } => put_back(&mut self.statements, name, before),
                Undo::Portal { name, before, .. } => put_back(&mut self.portals, name, before),
                Undo::Statements(all) => self.statements.extend(all),
                Undo::Portals(all) => self.portals.extend(all),
            }
        }
    }

    fn apply(&mut self, change: Change<S>) -> Undo<S> {
        match change {
            Change::SetStatement(name, value) => {
                let slot = self.slot(value);
                let before = self.statements.insert(name.clone(), slot);
                Undo::Statement { name, removed: false, before }
            }
            // Of what is not there too: an earlier message that fails may bring it back.
            Change::RemoveStatement(name) => {
                let before = self.statements.remove(&name);
                Undo::Statement { name, removed: true, before }
            }
            Change::RemoveStatements => {
                let mut all = std::mem::take(&mut self.statements);
                if let Some(unnamed) = all.remove(b"".as_slice()) {
                    self.statements.insert(Bytes::new(), unnamed);
                }
                Undo::Statements(all)
            }
            Change::SetPortal(name, value) => {
                let slot = self.slot(value);
                let before = self.portals.insert(name.clone(), slot);
                Undo::Portal { name, removed: false, before }
            }
            Change::RemovePortal(name) => {
                let before = self.portals.remove(&name);
                Undo::Portal { name, removed: true, before }
            }
            Change::RemovePortals => Undo::Portals(std::mem::take(&mut self.portals)),
            Change::End(ending) => {
                Undo::Portals(self.portals.extract_if(|_, slot| ending.closes(slot)).collect())
            }
        }
    }

    fn slot<T>(&self, value: T) -> Slot<T> {
        let entry = self.next_entry;
        Slot { value, segment: self.segment, entry, settled: entry + 1 }
    }

    /// Takes registrations back, the last one first.
    fn revert_all(&mut self, undo: Undos<S>) {
        for (_, undo) in undo.into_iter().rev() {
            self.revert(undo);
        }
    }

    fn revert(&mut self, undo: Undo<S>) {
        match undo {
            Undo::Statement { name, before, .. } => self.settle_statement(name, before),
            Undo::Portal { name, before, .. } => self.settle_portal(name, before),
            Undo::Statements(all) => {
                for (name, slot) in all {
                    self.settle_statement(name, Some(slot));
                }
            }
            Undo::Portals(all) => {
                for (name, slot) in all {
                    self.settle_portal(name, Some(slot));
                }
            }
        }
    }

    /// `name` means `before` again: now, or, where a later message has changed
    /// it since, if that one is taken back too.
    fn settle_statement(&mut self, name: Bytes, before: Option<Slot<Arc<Prepared>>>) {
        for entry in &mut self.queue {
            if name.is_empty() && entry.dropped_unnamed.is_some() {
                entry.dropped_unnamed = before;
                return;
            }
            for (_, undo) in &mut entry.undo {
                match undo {
                    Undo::Statement { name: later, before: place, .. } if *later == name => {
                        *place = before;
                        return;
                    }
                    Undo::Statements(all) if !name.is_empty() => {
                        put_back(all, name, before);
                        return;
                    }
                    Undo::Statement { .. } | Undo::Statements(_) | Undo::Portal { .. } | Undo::Portals(_) => {
                    }
                }
            }
        }
        put_back(&mut self.statements, name, before);
    }

    fn settle_portal(&mut self, name: Bytes, before: Option<Slot<Portal<S>>>) {
        for (_, undo) in self.queue.iter_mut().flat_map(|entry| &mut entry.undo) {
            match undo {
                Undo::Portal { name: later, before: place, .. } if *later == name => {
                    *place = before;
                    return;
                }
                Undo::Portals(all) => {
                    put_back(all, name, before);
                    return;
                }
                Undo::Portal { .. } | Undo::Statement { .. } | Undo::Statements(_) => {}
            }
        }
        put_back(&mut self.portals, name, before);
    }
}

impl<S> Undo<S> {
    /// Nothing stands under these names any more.
    fn forget(&mut self) {
        match self {
            Self::Statement { before, .. } => *before = None,
            Self::Portal { before, .. } => *before = None,
            Self::Statements(all) => all.clear(),
            Self::Portals(all) => all.clear(),
        }
    }

    /// A Query drops it, whatever becomes of the Query.
    fn is_of_unnamed_portal(&self) -> bool {
        matches!(self, Self::Portal { name, removed: true, .. } if name.is_empty())
    }

    fn removes(&self, wanted: &[u8], statement: bool) -> bool {
        match self {
            Self::Statement { name, removed, .. } => statement && *removed && name == wanted,
            Self::Portal { name, removed, .. } => !statement && *removed && name == wanted,
            Self::Statements(all) => statement && all.contains_key(wanted),
            Self::Portals(all) => !statement && all.contains_key(wanted),
        }
    }
}

fn put_back<T>(map: &mut Names<T>, name: Bytes, before: Option<Slot<T>>) {
    match before {
        Some(slot) => drop(map.insert(name, slot)),
        None => drop(map.remove(&name)),
    }
}

/// Most savepoints that are told apart; beyond it, all count as the first.
const MAX_SAVEPOINTS: usize = 1000;

/// The savepoints of the transaction at hand, and the message that made each.
#[derive(Debug, Default)]
struct Savepoints {
    open: Vec<(Vec<u8>, u64)>,
    /// The first one of the transaction, still open or not.
    first: Option<u64>,
    /// One was made or released whose name is not known.
    unsure: bool,
}

impl Savepoints {
    fn add(&mut self, name: Option<Vec<u8>>, number: u64) {
        self.first = self.first.or(Some(number));
        match name.filter(|_| self.open.len() < MAX_SAVEPOINTS) {
            Some(name) => self.open.push((name, number)),
            None => self.unsure = true,
        }
    }

    fn release(&mut self, name: Option<&[u8]>) {
        let place = name.and_then(|name| self.open.iter().rposition(|(known, _)| known == name));
        match place {
            Some(place) => self.open.truncate(place),
            None => self.unsure = true,
        }
    }

    fn roll_back(&mut self, number: u64) {
        self.open.retain(|(_, made)| *made <= number);
    }

    /// The message that made this savepoint, or the first one, if which is not
    /// certain. None: there is none.
    fn number(&self, name: Option<&[u8]>) -> Option<u64> {
        name.and_then(|name| self.certain(name)).or(self.first)
    }

    fn certain(&self, name: &[u8]) -> Option<u64> {
        let known = self.open.iter().rfind(|(known, _)| known == name);
        known.filter(|_| !self.unsure).map(|(_, number)| *number)
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
