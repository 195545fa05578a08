//! What changed while the server worked.
//!
//! A statement is judged when it is sent. The server reads its names when it
//! comes to it, which may be much later: behind a lock, or behind what stands
//! before it in its text. And a function may read names at every row. So, before
//! a reply is passed on:
//! - if the guard is another one than the statement was judged by, its text is
//!   looked at again;
//! - if it comes late, or the guard is known to be untrue or may be so by DDL that is
//!   under way through bauta, the catalog is looked at first: what the server has read
//!   by now is in that look.
//!
//! Where the text means what it did, the reply passes; otherwise nothing of it
//! does.
//!
//! A statement that writes has written before it is answered. So when there is a
//! new guard, all that runs is looked at again too, and what means something else
//! by then is stopped, its session with it.

use std::collections::HashSet;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::relay::{End, Relay};
use super::runs::{Audience, Run};
use super::state::{Known, Lineage, Portal};
use crate::catalog::Oid;
use crate::catalog::guard::Guard;
use crate::error::{ClientError, sqlstate};
use crate::proxy::Proxy;
use crate::sql::analyser::Verdict;
use crate::sql::analysis::CatalogChange;
use crate::sql::{Analysis, Statement, StatementKind};
use crate::wire::frame::backend as tag;

/// A reply that comes this long after its statement was judged is late. Not
/// shorter: each late one has the catalog looked at.
const LATE: Duration = Duration::from_millis(250);

/// What may depend on what a statement reads, besides its description.
const TELLING: [u8; 5] =
    [tag::DATA_ROW, tag::COPY_DATA, tag::COMMAND_COMPLETE, tag::ERROR_RESPONSE, tag::NOTICE_RESPONSE];

/// What a statement was judged by.
#[derive(Clone)]
pub struct Ground {
    pub text: Bytes,
    /// None: it names nothing protected; nobody has read it.
    pub lineage: Option<Lineage>,
    /// The guard by which it was last found to mean what it does.
    by: Arc<Guard>,
    meant: Meant,
    /// What it was planned by. None: by that guard.
    opened: Option<Arc<Opened>>,
    /// Of EXECUTE and FETCH: that of the statement they run.
    pub followed: Option<Box<Self>>,
}

/// What a statement was opened by, or began by. Its plan holds functions by their OIDs,
/// which may have other names by now, and their names other functions.
pub struct Opened {
    by: Arc<Guard>,
    text: Bytes,
    /// See [`Guard::may_call`].
    calls: OnceLock<HashSet<Oid>>,
    /// It holds what may have been read when its text meant something protected.
    spoilt: AtomicBool,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("version", &self.by.version).finish_non_exhaustive()
    }
}

impl Opened {
    pub fn new(by: &Arc<Guard>, text: &Bytes, known: &Known) -> Arc<Self> {
        let lineage = match known {
            Known::Analysed(lineage) => Some(lineage),
            Known::Harmless | Known::Own(_) | Known::Naming(_) => None,
        };
        Arc::new(Self::by(by, text, lineage))
    }

    fn by(by: &Arc<Guard>, text: &Bytes, lineage: Option<&Lineage>) -> Self {
        let statement = lineage.and_then(|lineage| lineage.analysis.statements.get(lineage.index));
        let span = statement.map(|statement| statement.span.clone());
        let span = span.filter(|span| text.get(span.clone()).is_some());
        Self {
            by: by.clone(),
            text: span.map_or_else(|| text.clone(), |span| text.slice(span)),
            calls: OnceLock::new(),
            spoilt: AtomicBool::new(false),
        }
    }

    fn calls(&self) -> &HashSet<Oid> {
        self.calls.get_or_init(|| self.by.may_call(&self.text))
    }

    /// May it go on calling what it called, by this guard?
    pub(super) fn may_go_on(&self, guard: &Guard) -> bool {
        guard.version == self.by.version || self.calls().iter().all(|oid| self.is_harmless(*oid, guard))
    }

    /// The body of one that is gone may still run.
    fn is_harmless(&self, oid: Oid, guard: &Guard) -> bool {
        match guard.snapshot.functions.contains_key(&oid) {
            true => !guard.opaque_functions.contains(&oid),
            false => {
                let gone = self.by.snapshot.functions.get(&oid);
                gone.is_none_or(|function| !guard.prefilter.names_any(function.body.as_bytes()))
            }
        }
    }

    /// The same, where another policy, and no DDL, made some of it opaque.
    fn under(&self, guard: &Guard) -> Arc<Self> {
        let calls: HashSet<Oid> =
            self.calls().iter().copied().filter(|oid| self.is_harmless(*oid, guard)).collect();
        Arc::new(Self {
            by: self.by.clone(),
            text: self.text.clone(),
            calls: OnceLock::from(calls),
            spoilt: AtomicBool::new(false),
        })
    }
}

/// What a text means by a ground's guard.
#[derive(Clone)]
enum Meant {
    /// What its lineage says.
    AsJudged,
    /// By another policy than it was judged by: nothing protected, or this.
    Harmless,
    Now(Arc<Analysis>),
}

/// Where a statement keeps the policy that it began with, another one changes
/// nothing. Else what it means by that counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begun {
    Yes,
    No,
}

impl Ground {
    /// Of a statement that bauta does not answer itself.
    pub fn new(text: &Bytes, known: &Known, guard: &Arc<Guard>) -> Option<Self> {
        let lineage = match known {
            Known::Harmless => None,
            Known::Analysed(lineage) => Some(lineage.clone()),
            Known::Own(_) | Known::Naming(_) => return None,
        };
        Some(Self { lineage, ..Self::harmless(text, guard) })
    }

    /// Of a statement that was analysed.
    pub fn of(text: &Bytes, lineage: Lineage, guard: &Arc<Guard>, followed: Option<Box<Self>>) -> Self {
        Self { lineage: Some(lineage), followed, ..Self::harmless(text, guard) }
    }

    /// Of a statement that names nothing protected.
    pub fn harmless(text: &Bytes, guard: &Arc<Guard>) -> Self {
        Self {
            text: text.clone(),
            lineage: None,
            by: guard.clone(),
            meant: Meant::AsJudged,
            opened: None,
            followed: None,
        }
    }

    /// Of what was opened before.
    pub(super) fn opened(self, opened: &Arc<Opened>) -> Self {
        Self { opened: Some(opened.clone()), ..self }
    }

    /// Of what is open, as it was opened.
    pub(super) fn of_opened<S>(portal: &Portal<S>) -> Option<Self> {
        let prepared = &portal.prepared;
        Some(Self::new(&prepared.text, &prepared.known, &portal.opened.by)?.opened(&portal.opened))
    }

    /// Does its text mean the same by this guard, where `find` gives what is known by
    /// it? If so, what later ones are held against. None: that takes an analysis.
    fn held(
        &self,
        guard: &Arc<Guard>,
        begun: Begun,
        find: &mut impl FnMut(&Bytes) -> Verdict,
    ) -> Option<Option<Self>> {
        let followed = match &self.followed {
            None => None,
            Some(followed) => match followed.held(guard, begun, find)? {
                None => return Some(None),
                Some(followed) => Some(Box::new(followed)),
            },
        };
        let next = Self { by: guard.clone(), followed, ..self.clone() };
        if guard.version == self.by.version {
            return Some(Some(next));
        }
        let begun_by = || Arc::new(Opened::by(&self.by, &self.text, self.lineage.as_ref()));
        let opened = self.opened.clone().unwrap_or_else(begun_by);
        let next = next.opened(&opened);
        let verdict = find(&self.text);
        if begun == Begun::Yes && guard.policy != self.by.policy {
            let meant = match verdict {
                Verdict::Harmless => Meant::Harmless,
                Verdict::Known(analysis) => Meant::Now(analysis),
                Verdict::Unknown => return None,
            };
            let next = Self { meant, ..next };
            // DDL may have come with the policy: whose doing it is that the text means
            // something else is not known then.
            if self.by.snapshot.probe == guard.snapshot.probe {
                return Some(Some(next.opened(&opened.under(guard))));
            }
            let holds = self.is_clean() && next.is_clean() && self.may_go_on(&opened, guard);
            return Some(holds.then_some(next));
        }
        let holds = match verdict {
            Verdict::Harmless => true,
            Verdict::Known(analysis) => self.means_the_same(&analysis),
            Verdict::Unknown => return None,
        };
        Some((holds && self.may_go_on(&opened, guard)).then_some(next))
    }

    fn may_go_on(&self, opened: &Opened, guard: &Guard) -> bool {
        !self.can_be_stopped() || opened.may_go_on(guard)
    }

    fn means_the_same(&self, today: &Analysis) -> bool {
        let now = self.part(today);
        let defers = |all: &[Statement]| all.iter().any(|statement| statement.defers);
        match self.then() {
            Some(then) => {
                then.iter().map(meaning).eq(now.iter().map(meaning)) && (defers(then) || !defers(now))
            }
            None => now.iter().all(Statement::is_clean),
        }
    }

    fn is_clean(&self) -> bool {
        self.then().is_none_or(|then| then.iter().all(Statement::is_clean))
    }

    /// What it means by its guard. None: nothing protected.
    fn then(&self) -> Option<&[Statement]> {
        match &self.meant {
            Meant::AsJudged => self.lineage.as_ref().map(|lineage| self.part(&lineage.analysis)),
            Meant::Harmless => None,
            Meant::Now(analysis) => Some(self.part(analysis)),
        }
    }

    /// What of a text it is about: one statement, or all where nobody has told them apart.
    fn part<'a>(&self, analysis: &'a Analysis) -> &'a [Statement] {
        let statements = analysis.statements.as_slice();
        match &self.lineage {
            Some(lineage) => statements.get(lineage.index..=lineage.index).unwrap_or_default(),
            None => statements,
        }
    }

    fn texts(&self) -> impl Iterator<Item = &Bytes> {
        std::iter::successors(Some(self), |ground| ground.followed.as_deref()).map(|ground| &ground.text)
    }

    fn statement(&self) -> Option<&Statement> {
        self.lineage.as_ref().and_then(Lineage::statement)
    }

    /// The end of DDL tells nothing, and its own effect on the catalog is no news.
    /// That of a procedure is.
    fn passes(&self, tag: u8) -> bool {
        let ends = |statement: &Statement| match statement.kind {
            StatementKind::Utility => {
                statement.names.runs_nothing || statement.catalog_change != CatalogChange::None
            }
            StatementKind::Transaction(_) => true,
            _ => false,
        };
        tag == tag::COMMAND_COMPLETE && self.statement().is_some_and(ends)
    }

    /// May it be stopped for what it has come to mean? DDL is not, nor what a role
    /// runs that is `exempt`: its own effect shows in the catalog too.
    fn can_be_stopped(&self) -> bool {
        self.statement().is_none_or(|it| !it.names.runs_nothing && it.needs_exempt.is_none())
    }
}

/// What a statement means. A column that was added to its table, and that it
/// does not use, changes nothing; nor does what its transaction's end has no more
/// to do for it.
fn meaning(statement: &Statement) -> Statement {
    Statement { named: Vec::new(), defers: true, ..statement.clone() }
}

/// While a statement runs, the catalog's keeper is told so this often.
const ATTENTION: Duration = Duration::from_secs(10);

/// Looks at a text again; whether it means what it did.
pub(super) type Review = Pin<Box<dyn Future<Output = Result<Reviewed, ClientError>>>>;

/// What a look again has found.
pub(super) struct Reviewed {
    /// Version of the guard that it was made by.
    version: u64,
    /// What later ones are held against. None: it means something else.
    ground: Option<Ground>,
}

impl<S> Portal<S> {
    /// May what it was opened for go on, by a guard by which its text means `today`?
    ///
    /// A cursor WITH HOLD holds what was read when it was filled. Where its text has
    /// come to mean something protected once, what it means by a later guard says
    /// nothing of what it holds.
    pub(super) fn may_go_on(&self, guard: &Guard, today: &Known) -> bool {
        let opened = &self.opened;
        let calls_the_same = opened.may_go_on(guard);
        if self.hold && opened.by.version != guard.version && opened.by.policy == guard.policy {
            let is_clean = |known: &Known| match known {
                Known::Analysed(lineage) => lineage.statement().is_some_and(Statement::is_clean),
                Known::Harmless | Known::Own(_) | Known::Naming(_) => true,
            };
            if !calls_the_same || (is_clean(&self.prepared.known) && !is_clean(today)) {
                opened.spoilt.store(true, Ordering::Relaxed);
            }
        }
        calls_the_same && !opened.spoilt.load(Ordering::Relaxed)
    }
}

impl Relay {
    /// May this frame of the server's be passed on? False: a review has begun.
    ///
    /// # Errors
    /// Its statement has come to mean something else, and its client can be told
    /// nothing but that.
    pub(super) fn is_reviewed(&mut self, tag: u8, newest: u64) -> Result<bool, End> {
        let describes = matches!(tag, tag::ROW_DESCRIPTION | tag::COPY_OUT_RESPONSE);
        let front = self.state.front().and_then(|entry| entry.run.runs.get(entry.run.current));
        let is_done = |run: &Run| run.sure_by == newest && !describes && !run.reviewed;
        if front.is_none_or(is_done) || self.observes() {
            return Ok(true);
        }
        let arrived = self.last_activity;
        let is_true =
            self.database.current(0).is_some() && !self.database.may_have_changed(self.changing.is_some());
        let Some(entry) = self.state.front_mut() else { return Ok(true) };
        let Some(run) = entry.run.runs.get_mut(entry.run.current) else { return Ok(true) };
        let is_told = describes || TELLING.contains(&tag);
        if !is_told || entry.run.cut || !matches!(entry.run.audience, Audience::Client) {
            return Ok(true);
        }
        let Some(judged) = run.ground.as_ref().filter(|ground| !ground.passes(tag)) else { return Ok(true) };
        if run.outdated {
            return self.on_outdated(tag);
        }
        if std::mem::take(&mut run.reviewed) {
            return Ok(true);
        }
        let opens = describes || run.sure_by == 0;
        let late = arrived.saturating_duration_since(run.looked) > LATE;
        let unsure = opens && (late || !is_true);
        if !unsure && run.sure_by == newest {
            return Ok(true);
        }
        // A statement whose rows have begun keeps the policy that it began with.
        let (ground, begun) = match run.sure_by {
            0 => (judged, Begun::No),
            _ => (run.stands.as_ref().unwrap_or(judged), Begun::Yes),
        };
        let newer = self.database.last().filter(|_| !unsure);
        let Some(guard) = newer else {
            let (proxy, database) = (self.proxy.clone(), self.who.database.clone());
            let ground = ground.clone();
            self.review = Some(Box::pin(async move {
                let guard = proxy.databases.guard_from_now(&database).await?;
                Ok(look_again(&proxy, &guard, &ground, begun).await)
            }));
            return Ok(false);
        };
        let held = ground.held(&guard, begun, &mut |text| self.proxy.analyser.look_up(&guard, text));
        match held {
            Some(Some(ground)) => {
                run.sure_by = guard.version;
                run.stands = Some(ground);
                Ok(true)
            }
            Some(None) => {
                run.outdated = true;
                self.on_outdated(tag)
            }
            None => {
                let (proxy, ground) = (self.proxy.clone(), ground.clone());
                self.review =
                    Some(Box::pin(async move { Ok(look_again(&proxy, &guard, &ground, begun).await) }));
                Ok(false)
            }
        }
    }

    /// Does all that runs mean what it did when it was sent?
    ///
    /// # Errors
    /// Something doesn't: the session ends, and what runs with it.
    pub(super) fn check_running(&mut self) -> Result<(), End> {
        if !self.state.is_working() || self.running_review.is_some() || self.observes() {
            return Ok(());
        }
        if self.attended.elapsed() > ATTENTION {
            self.database.attend();
            self.attended = Instant::now();
        }
        if self.database.newest() == self.running_sure_by {
            return Ok(());
        }
        let Some(guard) = self.database.last() else { return Ok(()) };
        let replies = self.state.entries_mut().map(|entry| &mut entry.run);
        let replies = replies.filter(|reply| matches!(reply.audience, Audience::Client));
        let runs = replies.flat_map(|reply| reply.runs.iter_mut().skip(reply.current));
        let mut unread = Vec::new();
        let mut holds = true;
        for run in runs.filter(|run| !run.finished) {
            let Some(ground) = run.stands.as_ref().or(run.ground.as_ref()) else { continue };
            if !ground.can_be_stopped() {
                continue;
            }
            // A new policy is not DDL: what runs goes on under its own.
            let held = ground.held(&guard, Begun::Yes, &mut |text| self.proxy.analyser.look_up(&guard, text));
            match held {
                Some(Some(ground)) => run.stands = Some(ground),
                Some(None) => holds = false,
                None => unread.push(ground.clone()),
            }
        }
        // A COMMIT runs what cursors WITH HOLD are to hold.
        let unkept = self.state.portals().filter(|portal| portal.hold && !portal.kept);
        for ground in unkept.filter_map(Ground::of_opened) {
            let held = ground.held(&guard, Begun::Yes, &mut |text| self.proxy.analyser.look_up(&guard, text));
            match held {
                Some(ground) => holds &= ground.is_some(),
                None => unread.push(ground),
            }
        }
        if !holds {
            return Err(self.stop_running());
        }
        if unread.is_empty() {
            self.running_sure_by = guard.version;
            return Ok(());
        }
        let proxy = self.proxy.clone();
        self.running_review = Some(Box::pin(async move {
            let mut reviewed = Reviewed { version: guard.version, ground: None };
            for ground in unread {
                reviewed = look_again(&proxy, &guard, &ground, Begun::Yes).await;
                if reviewed.ground.is_none() {
                    break;
                }
            }
            Ok(reviewed)
        }));
        Ok(())
    }

    /// A message is sent: may the server commit DDL by it behind which protected data
    /// may come to stand? Other DDL keeps nobody waiting.
    pub(super) fn note_changes(&mut self, runs: &[Run]) {
        if self.changing.is_some() {
            return;
        }
        let changes = |run: &Run| run.guarded.as_deref().is_some_and(|guarded| guarded.awaited);
        // A query by itself ends no transaction.
        let may_commit = |run: &Run| {
            let statement = run.ground.as_ref().and_then(Ground::statement);
            statement.is_none_or(|statement| !matches!(statement.kind, StatementKind::Query))
        };
        let may_end = self.uncommitted.hides() && runs.iter().any(may_commit);
        if may_end || runs.iter().any(changes) {
            self.changing = Some(Arc::clone(&self.database).changes());
        }
    }

    /// When what runs must next be told of; None: nothing runs.
    pub(super) fn attention(&self) -> Option<Instant> {
        self.state.is_working().then(|| self.attended + ATTENTION)
    }

    /// A message was sent whose statements were judged so.
    pub(super) fn note_grounds(&mut self, runs: &[Run]) {
        let older = |run: &Run| run.ground.as_ref().is_some_and(|it| it.by.version != self.running_sure_by);
        if runs.iter().any(older) {
            self.running_sure_by = 0;
        }
    }

    /// What ran was looked at again. Something may have been sent meanwhile that was
    /// judged by an older guard: it is looked at in the next turn.
    pub(super) fn on_running_reviewed(&mut self, reviewed: Result<Reviewed, ClientError>) -> Result<(), End> {
        match reviewed.map_err(End::Fault)?.ground.is_some() || !self.state.is_working() {
            true => Ok(()),
            false => Err(self.stop_running()),
        }
    }

    fn stop_running(&mut self) -> End {
        tracing::info!(session = self.seat.id, "what runs has come to mean something else");
        self.insists = true;
        End::Fault(outdated().with_hint("It may have been done: look before you run it again."))
    }

    /// A review is done: the frame that waits for it is taken up again.
    pub(super) fn on_reviewed(&mut self, reviewed: Result<Reviewed, ClientError>) -> Result<(), End> {
        let Reviewed { version, ground } = reviewed.map_err(End::Fault)?;
        if let Some(run) = self.current_run() {
            run.looked = Instant::now();
            run.reviewed = ground.is_some();
            match ground {
                Some(_) => run.sure_by = version,
                None => run.outdated = true,
            }
            run.stands = ground;
        }
        Ok(())
    }

    /// What the statement means has changed while it waited or ran. Errors and
    /// notices pass their filter, as if it had been known.
    fn on_outdated(&mut self, tag: u8) -> Result<bool, End> {
        self.taint();
        match tag {
            tag::ERROR_RESPONSE | tag::NOTICE_RESPONSE => Ok(true),
            // It is done: to be told that it failed would be wrong, how many
            // rows it changed is not to be told.
            tag::COMMAND_COMPLETE => Err(self.stop_running()),
            _ => self.cut(outdated()).map(|()| true),
        }
    }
}

/// What the ground's texts mean by this guard, analysed where nobody has yet.
async fn look_again(proxy: &Proxy, guard: &Arc<Guard>, ground: &Ground, begun: Begun) -> Reviewed {
    let (analyser, longest) = (&proxy.analyser, proxy.config.load().limits.statement_bytes);
    let mut analysed: Vec<(&Bytes, Arc<Analysis>)> = Vec::new();
    for text in ground.texts() {
        if matches!(analyser.look_up(guard, text), Verdict::Unknown) {
            analysed.push((text, analyser.analyse(guard, text, longest).await));
        }
    }
    let mut find = |text: &Bytes| match analysed.iter().find(|(of, _)| *of == text) {
        Some((_, analysis)) => Verdict::Known(analysis.clone()),
        None => analyser.look_up(guard, text),
    };
    let ground = ground.held(guard, begun, &mut find).flatten();
    Reviewed { version: guard.version, ground }
}

fn outdated() -> ClientError {
    ClientError::new(
        sqlstate::FEATURE_NOT_SUPPORTED,
        "what the statement means was changed by DDL while it waited or ran",
    )
    .with_hint("Run it again.")
}
