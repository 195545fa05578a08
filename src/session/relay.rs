//! The relay: the only select loop, one task for both directions.
//!
//! ```text
//!  client.input ── pump_client ──> upstream.output     (gated by audit durability)
//!  client.output <── pump_upstream ── upstream.input
//! ```
//!
//! The pumps work on what is buffered, the loop waits for more. A side is not
//! read while the other side's queue is long, so memory stays flat
//! (back-pressure both ways).
//!
//! Invariant: nothing is flushed upstream before the newest audit record that
//! was written for it is durable.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::by_parameters::AsQuery;
use super::cancel::Cancellable;
use super::copy_in::CopyInStream;
use super::extended::execute::ExecutePlan;
use super::handshake::Established;
use super::hold::Held;
use super::io::{Event, RevealCheck, Wants, poll_io, sleep_until};
use super::meanwhile::Review;
use super::overtime::Watch;
use super::pump::Reads;
use super::registry::{Room, Seat};
use super::round_trip::RoundTrip;
use super::runs::{Reply, Shape};
use super::settings::Settings;
use super::simple::QueryPlan;
use super::state::State;
use super::uncommitted::Uncommitted;
use super::virtual_schema::Row;
use super::weight::Kept;
use crate::audit::{AuditError, Ticket, Who};
use crate::catalog::guard::Guard;
use crate::catalog::{Changes, Database};
use crate::error::{ClientError, sqlstate};
use crate::grants::rows::{Lease, Share};
use crate::grants::{GrantId, SessionPermits};
use crate::net::Stream;
use crate::policy::{Basis, ProtectedColumn};
use crate::proxy::Proxy;
use crate::sql::Analysis;
use crate::wire::backend::TransactionStatus;
use crate::wire::frame::backend;
use crate::wire::reader::Malformed;
use crate::wire::report::{self, Severity};

/// A side is not read while the other has this much queued, in bytes.
pub(super) const HIGH_WATER: usize = 256 * 1024;

/// Unread bytes of a client that has to wait; beyond it its socket fills.
const WAITING_INPUT: usize = 64 * 1024;

/// Revealed rows that may wait in the client's queue, in bytes.
const REVEALED_BATCH: usize = 64 * 1024;

/// A frame larger than this is passed on in parts where its head suffices.
pub(super) const LARGE_FRAME: usize = 64 * 1024;

/// How long a client that has closed its side may take to read the rest.
const FAREWELL: Duration = Duration::from_secs(2);

/// A session whose peers never make it wait lets the others of its thread work
/// after this.
const TURN: Duration = Duration::from_millis(1);

/// How long the last words to a client may take.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(2);

pub(super) type ShapeRef = Option<Arc<Shape>>;

/// Why the client's messages are not read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    /// Until every message sent upstream is answered.
    Quiet,
    /// Until the job is done.
    Job,
}

/// What a job brought.
pub(super) enum JobDone {
    Analysis {
        version: u64,
        text: Bytes,
        analysis: Arc<Analysis>,
    },
    Guard(Result<Arc<Guard>, ClientError>),
    /// The rows of a function of schema `bauta`.
    Rows(Result<Vec<Row>, ClientError>),
    /// The parked message may go on under its grants; None: judge it anew.
    Used(Option<Vec<Arc<Lease>>>),
    /// What became of the request that a held statement waits for.
    Held(Result<(), ClientError>),
    Cancelled,
}

type Job = Pin<Box<dyn Future<Output = JobDone>>>;

/// Why a session ends.
#[derive(Debug)]
pub(super) enum End {
    /// Terminate, or the client closed its connection.
    Client,
    /// The server closed the connection; what it said was passed on.
    Server,
    Broken(std::io::Error),
    /// bauta ends it and says why.
    Fault(ClientError),
}

impl From<Malformed> for End {
    fn from(fault: Malformed) -> Self {
        Self::Fault(fault.into())
    }
}

/// What became of a client's frame.
pub(super) enum Step {
    Done,
    /// It stays where it is.
    Wait(Hold),
}

/// COPY … FROM STDIN, from the client's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CopyIn {
    Off,
    /// The server reads data. `sync`: a Sync that came meanwhile was kept back.
    On {
        sync: bool,
    },
}

/// A message that was judged and has not gone upstream.
pub(super) enum Parked {
    Query(QueryPlan),
    Execute(ExecutePlan),
}

/// What a write to the client found out about revealed rows.
#[derive(Default)]
pub(super) struct Revealed {
    /// Ends of the rows of the batch in the queue, counted from its start.
    pub ends: Vec<usize>,
    /// Bytes of the batch.
    pub size: usize,
}

pub(super) struct Relay {
    pub proxy: Arc<Proxy>,
    pub seat: Seat,
    pub who: Arc<Who>,
    pub cancellable: Cancellable,
    pub client: Stream,
    pub upstream: Stream,
    pub state: State<Reply, ShapeRef>,
    pub settings: Settings,
    /// Gives today's guard.
    pub database: Arc<Database>,
    /// The guard must not be older: the session's own DDL of temporary tables.
    pub guard_since: u64,
    pub guard: Arc<Guard>,
    pub permits: Arc<SessionPermits>,
    /// What its names take.
    pub kept: Kept,
    /// The guard that they were made by.
    permits_version: u64,
    /// Grants that statements before it in the text that is judged use up.
    pub spent: Vec<GrantId>,
    pub hold: Option<Hold>,
    pub job: Option<Job>,
    /// The next of the server's frames waits for it.
    pub review: Option<Review>,
    /// What runs is looked at again.
    pub running_review: Option<Review>,
    /// Version of the guard by which all that runs means what it did when it was sent.
    pub running_sure_by: u64,
    /// When the catalog's keeper was last told that something runs.
    pub attended: Instant,
    /// What runs must not go on when the session ends, whatever catches its cancel.
    pub insists: bool,
    /// The last analysis that a job brought.
    pub answered: Option<(u64, Bytes, Arc<Analysis>)>,
    /// Descriptions of the columns of COPYs in a Query that waits for them,
    /// and the texts they were asked for.
    pub copy_shapes: Vec<(Vec<u8>, Arc<Shape>)>,
    /// What a function of schema `bauta` answered, for the message that waits.
    pub own_rows: Option<Result<Vec<Row>, ClientError>>,
    pub copy_in: CopyIn,
    /// The data of the COPY is looked at.
    pub copy_stream: Option<Box<CopyInStream>>,
    /// EXECUTE and FETCH that the judging at hand has followed.
    pub following: usize,
    /// Cursors of the FETCHes that are being followed.
    pub fetching: Vec<String>,
    /// A Query that was sent as other messages.
    pub as_query: Option<AsQuery>,
    /// A message that waits for leave to use its grants.
    pub parked: Option<Box<Parked>>,
    /// Leave for the parked message.
    pub leave: Option<Vec<Arc<Lease>>>,
    /// A statement that waits for access instead of being refused.
    pub held: Option<Box<Held>>,
    /// Nothing went upstream since the last ReadyForQuery.
    pub at_rest: bool,
    /// The server was asked to answer all that was sent.
    pub flushed: bool,
    /// A cursor WITH HOLD may be open that a commit is to fill, and that leans on access.
    pub may_fill: bool,
    /// What the server works on, where its time is limited.
    pub watch: Option<Watch>,
    /// The first of the messages that were cancelled because access had ended.
    pub lapsed: Option<u64>,
    /// Revealed rows in the client's queue.
    pub revealed: Revealed,
    /// Something protected ran in this transaction without a full grant, and may speak
    /// at its end: since which message what the server says is filtered.
    pub tainted: Option<u64>,
    /// Something was answered, since the server was last ready, of which what it says
    /// is filtered: it may speak of it after its reply.
    pub hushed: bool,
    /// What let this transaction see all that it touched.
    pub leaned: Vec<(Basis, Arc<ProtectedColumn>)>,
    /// DDL of this transaction.
    pub uncommitted: Uncommitted,
    /// While the policy was observed only, something ran that it refuses: the session's
    /// names may mean what bauta has not seen.
    pub ran_refused: bool,
    /// The server may commit DDL of this session before it is answered.
    pub changing: Option<Changes>,
    /// Messages ran since the last ReadyForQuery: an implicit transaction is open.
    pub pipeline_open: bool,
    /// Since the last Sync something was planned or ran that may have changed settings:
    /// more than BEGIN.
    pub pipeline_sets: bool,
    /// What the server read since the last Sync.
    pub reads: Reads,
    /// Among that is what may have set `client_encoding`.
    pub pipeline_recodes: bool,
    /// `client_encoding` was set in this transaction, whose end may set it back.
    pub recoded: bool,
    /// The EXECUTE or FETCH that is being followed, or one before it in its text,
    /// may have set it.
    pub outer_recodes: bool,
    /// Bytes of a client frame that is passed on, or dropped, in parts.
    pub client_pass: usize,
    pub client_drop: usize,
    /// Bytes of a CopyData that is looked at in parts.
    pub client_copy: usize,
    /// Bytes of a server frame that is passed on in parts.
    pub upstream_pass: usize,
    /// Newest audit record that the upstream queue waits for.
    pub ticket: Option<Ticket>,
    client_closed: Option<Instant>,
    pub last_activity: Instant,
    pub began: Instant,
    round_trip: RoundTrip,
    /// Its place among the connections.
    _room: Room,
}

impl Relay {
    pub(super) fn new(
        proxy: Arc<Proxy>,
        session: Established,
        who: Arc<Who>,
        guard: Arc<Guard>,
        permits: Arc<SessionPermits>,
    ) -> Self {
        let settings = Settings::new(session.parameters.iter().map(|(n, v)| (n.as_str(), v.as_str())));
        let database = proxy.databases.database(&who.database);
        Self {
            round_trip: RoundTrip::new(proxy.server_times.clone()),
            proxy,
            seat: session.seat,
            who,
            cancellable: session.cancellable,
            client: session.client,
            upstream: session.upstream,
            state: State::default(),
            settings,
            database,
            guard_since: 0,
            kept: Kept::default(),
            permits_version: guard.version,
            guard,
            permits,
            spent: Vec::new(),
            hold: None,
            job: None,
            review: None,
            running_review: None,
            running_sure_by: 0,
            attended: Instant::now(),
            insists: false,
            answered: None,
            copy_shapes: Vec::new(),
            own_rows: None,
            copy_in: CopyIn::Off,
            copy_stream: None,
            following: 0,
            fetching: Vec::new(),
            as_query: None,
            parked: None,
            leave: None,
            held: None,
            at_rest: true,
            flushed: false,
            may_fill: false,
            watch: None,
            lapsed: None,
            revealed: Revealed::default(),
            tainted: None,
            hushed: false,
            leaned: Vec::new(),
            uncommitted: Uncommitted::default(),
            changing: None,
            ran_refused: false,
            pipeline_open: false,
            pipeline_sets: false,
            reads: Reads::default(),
            pipeline_recodes: false,
            recoded: false,
            outer_recodes: false,
            client_pass: 0,
            client_drop: 0,
            client_copy: 0,
            upstream_pass: 0,
            ticket: None,
            client_closed: None,
            last_activity: Instant::now(),
            began: Instant::now(),
            _room: session.room,
        }
    }

    /// Runs the session until something ends it.
    pub(super) async fn run(&mut self) -> End {
        let mut turn = Instant::now();
        loop {
            if let Err(end) = self.pump() {
                return end;
            }
            let mut paused = false;
            let waited = {
                let mut wait = std::pin::pin!(self.wait());
                std::future::poll_fn(|cx| {
                    let polled = wait.as_mut().poll(cx);
                    paused |= polled.is_pending();
                    polled
                })
                .await
            };
            if let Err(end) = waited {
                return end;
            }
            if paused {
                turn = self.last_activity;
            } else if turn.elapsed() > TURN {
                tokio::task::yield_now().await;
                turn = Instant::now();
            }
        }
    }

    /// Waits for whatever comes next. Cancel-safe.
    async fn wait(&mut self) -> Result<(), End> {
        let wants = self.wants();
        let deadline = self.deadline();
        let (ticket, audit) = (self.ticket, &self.proxy.audit);
        let reveals = RevealCheck::new(&self.state, &self.revealed, &self.permits, &*self.proxy.clock);
        let (client, upstream) = (&mut self.client, &mut self.upstream);
        let (job, review) = (&mut self.job, &mut self.review);
        let running_review = &mut self.running_review;
        let trip = &mut self.round_trip;
        tokio::select! {
            biased;
            event = std::future::poll_fn(|cx| poll_io(cx, client, upstream, trip, &wants, &reveals)) => {
                self.on_io(event)
            }
            durable = async {
                match ticket {
                    Some(ticket) => audit.durable_here(ticket).await,
                    None => std::future::pending().await,
                }
            } => self.on_durable(durable),
            done = outcome(job) => {
                self.job = None;
                self.on_job(done)
            }
            reviewed = outcome(review) => {
                self.review = None;
                self.on_reviewed(reviewed)
            }
            reviewed = outcome(running_review) => {
                self.running_review = None;
                self.on_running_reviewed(reviewed)
            }
            () = std::future::poll_fn(|cx| self.seat.poll_called(cx)) => Ok(()),
            () = sleep_until(deadline) => Ok(()),
        }
    }

    fn wants(&self) -> Wants {
        let waiting = self.hold.is_some() || self.upstream.queued() >= HIGH_WATER;
        Wants {
            client_read: self.client_closed.is_none()
                && (!waiting || self.client.input.len() < WAITING_INPUT + self.room_for_held()),
            upstream_read: self.client.queued() < HIGH_WATER
                && !self.awaits_client()
                && self.review.is_none(),
            upstream_write: self.ticket.is_none(),
        }
    }

    /// Revealed rows must be written, or dropped, before more is read: until
    /// their first byte is written, the grant may still end.
    pub(super) fn awaits_client(&self) -> bool {
        self.revealed.size > 0 && self.client.queued() > 0
    }

    /// More revealed rows may be queued behind those that wait.
    pub(super) fn joins_batch(&self, tag: u8) -> bool {
        matches!(tag, backend::DATA_ROW | backend::COPY_DATA) && self.revealed.size < REVEALED_BATCH
    }

    /// The rows in the queue are the last of their grant: they go first, for
    /// what comes next ends the statement.
    pub(super) fn rows_are_used_up(&self) -> bool {
        let reply = self.state.front().map(|entry| &entry.run);
        let run = reply.and_then(|reply| reply.runs.get(reply.current));
        let guarded = run.and_then(|run| run.guarded.as_deref());
        guarded.is_some_and(|guarded| guarded.shares.iter().any(Share::is_used_up))
    }

    fn deadline(&self) -> Option<Instant> {
        let idle = self.proxy.config.load().limits.idle_timeout;
        let idle = (!idle.is_zero() && self.state.is_quiet() && self.job.is_none())
            .then(|| self.last_activity + idle);
        let farewell = self.client_closed.map(|_| self.last_activity + FAREWELL);
        [idle, farewell, self.overtime(), self.attention(), self.lapses()].into_iter().flatten().min()
    }

    fn on_io(&mut self, event: Event) -> Result<(), End> {
        match event {
            Event::Progress => {
                self.last_activity = Instant::now();
                Ok(())
            }
            Event::ClientClosed => {
                self.last_activity = Instant::now();
                self.client_closed = Some(self.last_activity);
                Ok(())
            }
            Event::UpstreamClosed => {
                // What it said last is in the input, and pumped before this.
                self.pump_upstream()?;
                Err(End::Server)
            }
            Event::RevealEnded => self.end_reveal(),
            Event::ClientBroken(fault) => Err(End::Broken(fault)),
            Event::UpstreamBroken(fault) => {
                tracing::debug!(%fault, session = self.seat.id, "upstream connection broke");
                Err(End::Server)
            }
        }
    }

    fn on_durable(&mut self, durable: Result<(), AuditError>) -> Result<(), End> {
        match durable {
            Ok(()) => {
                self.ticket = None;
                Ok(())
            }
            // What is queued upstream must not be sent, and can't be told
            // apart from what may.
            Err(fault) => {
                self.upstream.output().clear();
                Err(End::Fault(ClientError::from(&fault)))
            }
        }
    }

    fn on_job(&mut self, done: JobDone) -> Result<(), End> {
        match done {
            JobDone::Analysis { version, text, analysis } => self.answered = Some((version, text, analysis)),
            JobDone::Guard(guard) => self.guard = guard.map_err(End::Fault)?,
            JobDone::Rows(rows) => self.own_rows = Some(rows),
            JobDone::Used(Some(leases)) => self.leave = Some(leases),
            JobDone::Used(None) => self.unpark(),
            JobDone::Held(outcome) => self.on_decided(outcome),
            JobDone::Cancelled => {}
        }
        if self.hold == Some(Hold::Job) {
            self.hold = None;
        }
        Ok(())
    }

    /// Works on what is buffered until both directions need more.
    fn pump(&mut self) -> Result<(), End> {
        self.check_calls()?;
        self.check_unfilled()?;
        if self.revealed.size > 0 {
            self.fresh_permits();
        }
        loop {
            if self.client.queued() == 0 {
                self.revealed = Revealed::default();
            }
            self.pump_upstream()?;
            if self.hold == Some(Hold::Quiet) && self.state.is_quiet() && self.job.is_none() {
                self.hold = None;
            }
            let before = self.client.input.len();
            self.pump_client()?;
            if self.client.input.len() == before {
                break;
            }
        }
        self.check_ends()
    }

    /// Killed? Notices from elsewhere? Time to drain?
    fn check_calls(&mut self) -> Result<(), End> {
        if self.ran_refused && !self.observes() {
            return Err(End::Fault(enforced()));
        }
        if self.seat.is_killed() {
            return Err(End::Fault(ClientError::new(
                sqlstate::ADMIN_SHUTDOWN,
                "terminating connection due to administrator command",
            )));
        }
        // Only between whole frames, and outside a command's replies.
        if self.upstream_pass == 0 && self.state.is_quiet() {
            for notice in self.seat.take_notices() {
                self.put_notice(&notice.message, notice.hint.as_deref());
            }
        }
        Ok(())
    }

    fn check_ends(&mut self) -> Result<(), End> {
        self.check_time()?;
        self.check_access()?;
        self.check_running()?;
        let quiet = self.state.is_quiet() && self.job.is_none();
        if let Some(_since) = self.client_closed {
            let over = self.last_activity.elapsed() >= FAREWELL;
            if (quiet && self.client.queued() == 0 && self.ticket.is_none()) || over {
                return Err(End::Client);
            }
        }
        if !quiet {
            return Ok(());
        }
        let idle = self.proxy.config.load().limits.idle_timeout;
        if !idle.is_zero() && self.last_activity.elapsed() >= idle && self.client_closed.is_none() {
            return Err(End::Fault(ClientError::new(
                "57P05",
                "terminating connection due to idle-session timeout",
            )));
        }
        if self.proxy.drain.has_begun()
            && self.state.status() == TransactionStatus::Idle
            && !self.pipeline_open
            && self.client.input.is_empty()
        {
            return Err(End::Fault(ClientError::new(
                sqlstate::ADMIN_SHUTDOWN,
                "terminating connection because the proxy is shutting down",
            )));
        }
        Ok(())
    }

    pub(super) fn put_notice(&mut self, message: &str, hint: Option<&str>) {
        let mut notice = ClientError::new("01000", message);
        notice.hint = hint.map(str::to_owned);
        report::put(self.client.output(), Severity::Notice, &notice);
    }

    /// Asks for today's guard; starts a job if that must be awaited.
    pub(super) fn fresh_guard(&mut self) -> Result<(), Hold> {
        match self.database.current(self.guard_since) {
            Some(guard) => {
                self.guard = guard;
                Ok(())
            }
            None => {
                let (proxy, database) = (self.proxy.clone(), self.who.database.clone());
                let since = self.guard_since;
                self.job = Some(Box::pin(async move {
                    JobDone::Guard(proxy.databases.guard_since(&database, since).await)
                }));
                Err(Hold::Job)
            }
        }
    }

    /// Guard and roles come of one file, or a reload is between them: then the
    /// message waits for it.
    pub(super) fn one_policy(&mut self) -> Result<(), Hold> {
        if self.guard.policy == self.permits.policy {
            return Ok(());
        }
        let (proxy, database) = (self.proxy.clone(), self.who.database.clone());
        self.job = Some(Box::pin(async move {
            tokio::task::yield_now().await;
            JobDone::Guard(proxy.databases.guard(&database).await)
        }));
        Err(Hold::Job)
    }

    /// The permits of this moment.
    pub(super) fn fresh_permits(&mut self) {
        let epoch = self.proxy.grants.epoch();
        if self.permits.epoch != epoch || self.permits_version != self.guard.version {
            // Who is a member of which role stands in the guard.
            self.permits = self.proxy.permits(&self.who, &self.guard);
            self.permits_version = self.guard.version;
        }
    }
}

/// What a task of the session's brings; never without one.
async fn outcome<T>(task: &mut Option<Pin<Box<dyn Future<Output = T>>>>) -> T {
    match task {
        Some(task) => task.await,
        None => std::future::pending().await,
    }
}

fn enforced() -> ClientError {
    ClientError::new(
        sqlstate::ADMIN_SHUTDOWN,
        "the policy is enforced now, and this session ran what it refuses while it was only observed",
    )
    .with_hint("Connect again.")
}
