//! Keeps one database's guard true: loads it at first use, looks for DDL
//! behind bauta's back, loads again when a session says that DDL went
//! through it.
//!
//! Invariant: [`Database::current`] gives a guard only while nothing is known
//! that could have made it untrue for whoever asks: a temporary table is there
//! for one session only, and only that one waits for it. While the server can't be reached the last
//! guard stays, unless a session asked for a newer one.

use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout_at};
use tokio_postgres::error::SqlState;

use super::bind::{self, Bound};
use super::bindings::{BindingError, BindingStore, Known};
use super::databases::{BeforeUse, Policy};
use super::finding::{Finding, Severity};
use super::guard::Guard;
use super::load::{self, LoadError, Loaded};
use super::queries;
use super::service::{Connection, DDL_CHANNEL, Service, ServiceError, chain};
use super::snapshot::Snapshot;
use crate::sql::parse;
use crate::sql::prefilter::BuildError;

/// How long a session waits for a guard before it is refused.
const PATIENCE: Duration = Duration::from_secs(15);
/// After this long without a statement the catalog is no longer looked at,
/// and the next statement waits for a look.
const QUIET: Duration = Duration::from_secs(60);
/// The same where no session is left: our own must not keep a database from
/// being dropped. DROP DATABASE waits 5 s for others to leave
/// (`CountOtherDBBackends` in PostgreSQL's procarray.c).
const LINGER: Duration = Duration::from_secs(1);
/// First and longest pause between attempts to reach the server.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// How long the last guard goes on once a change of the catalog is seen: where
/// DDL comes all the time, most loads end before that, and nobody waits.
const GRACE: Duration = Duration::from_millis(250);
/// Between looks that late replies ask for: there may be many of these, and a
/// look reads the catalog where transactions come all the time.
const LOOK_PAUSE: Duration = Duration::from_millis(100);
/// A load that DDL in progress made fail is repeated so often, after so long,
/// before it counts as failed.
const PASSING: (u32, Duration) = (20, Duration::from_millis(20));
/// A load that DDL in progress kept incomplete is repeated after this.
const INCOMPLETE_PAUSE: Duration = Duration::from_millis(250);

#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    #[error(transparent)]
    Connect(#[from] ServiceError),
    #[error("looking for changes of the catalog")]
    Probe(#[source] tokio_postgres::Error),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Bindings(#[from] BindingError),
    #[error(transparent)]
    Bind(#[from] BuildError),
    #[error("binding the policy to the catalog failed")]
    Crashed,
}

impl KeepError {
    /// Is there no such database any more?
    fn says_dropped(&self) -> bool {
        let Self::Connect(ServiceError::Login { source, .. }) = self else { return false };
        source.code() == Some(&SqlState::INVALID_CATALOG_NAME)
    }
}

/// One database, as sessions see it.
pub struct Database {
    pub(super) name: Arc<str>,
    current: ArcSwapOption<Guard>,
    /// The next one, which nobody uses yet, and the moment of which it is.
    coming: Mutex<Option<(Arc<Guard>, Instant)>>,
    /// Raised when the guard may be untrue for somebody; `loaded` follows.
    wanted: AtomicU64,
    /// What `loaded` must have reached for everybody.
    required: AtomicU64,
    loaded: AtomicU64,
    /// How many times somebody wanted a look at the catalog that begins after
    /// he asked, and how many of these have had one.
    looks_wanted: AtomicU64,
    looks_done: AtomicU64,
    /// A session asked since the last look.
    asked: AtomicBool,
    visitors: AtomicUsize,
    /// Sessions of which the server may commit DDL at any moment.
    changers: AtomicUsize,
    /// Nobody looks at present.
    asleep: AtomicBool,
    wake: Notify,
    /// How many times a load succeeded or failed, and the last failure.
    progress: watch::Sender<Progress>,
    findings: ArcSwap<Vec<Finding>>,
}

#[derive(Debug, Clone, Default)]
struct Progress {
    loaded: u64,
    failure: Option<Arc<str>>,
    /// When the last look ended.
    looked: Option<Instant>,
    /// When it began: the guard is as the catalog was then.
    as_of: Option<Instant>,
}

impl Database {
    pub(super) fn new(name: Arc<str>) -> Self {
        Self {
            name,
            current: ArcSwapOption::empty(),
            coming: Mutex::default(),
            wanted: AtomicU64::new(1),
            required: AtomicU64::new(1),
            loaded: AtomicU64::new(0),
            looks_wanted: AtomicU64::new(0),
            looks_done: AtomicU64::new(0),
            asked: AtomicBool::new(true),
            visitors: AtomicUsize::new(0),
            changers: AtomicUsize::new(0),
            asleep: AtomicBool::new(false),
            wake: Notify::new(),
            progress: watch::Sender::new(Progress::default()),
            findings: ArcSwap::from_pointee(Vec::new()),
        }
    }

    /// The guard, if it is true as far as is known, and not older than what
    /// [`Self::mark_stale_for_one`] gave this session (0: it never did). Cheap;
    /// for every statement.
    pub fn current(&self, since: u64) -> Option<Arc<Guard>> {
        if !self.asked.load(Ordering::Relaxed) {
            self.asked.store(true, Ordering::Relaxed);
        }
        let needed = self.required.load(Ordering::Acquire).max(since);
        let is_true = self.loaded.load(Ordering::Acquire) >= needed && !self.asleep.load(Ordering::Acquire);
        if is_true { self.current.load_full() } else { None }
    }

    /// A session runs something: the catalog is looked at until that has ended.
    pub fn attend(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }

    /// The newest guard there is, true or not.
    pub fn last(&self) -> Option<Arc<Guard>> {
        self.current.load_full()
    }

    /// The newest guard that was made, used or not yet, and the moment of which it is.
    pub(super) fn known(&self) -> Option<(Arc<Guard>, Instant)> {
        let coming = self.coming.lock().clone();
        coming.or_else(|| Some((self.last()?, self.progress.borrow().as_of?)))
    }

    /// Version of that guard; 0: there is none.
    pub fn newest(&self) -> u64 {
        self.current.load().as_ref().map_or(0, |guard| guard.version)
    }

    /// DDL went through: nobody may use the present guard any more, but one of
    /// this generation.
    pub fn mark_stale(&self) -> u64 {
        let wanted = self.mark_stale_for_one();
        self.required.fetch_max(wanted, Ordering::AcqRel);
        wanted
    }

    /// DDL of temporary tables went through: their session must use a guard of
    /// this generation, the others may go on with the present one.
    pub fn mark_stale_for_one(&self) -> u64 {
        let before = self.wanted.fetch_add(1, Ordering::AcqRel);
        self.wake.notify_one();
        before + 1
    }

    /// The server is sent what may commit DDL of a session. Until that is answered,
    /// when this is dropped, the guard may be untrue and nobody know it.
    pub fn changes(self: Arc<Self>) -> Changes {
        self.changers.fetch_add(1, Ordering::AcqRel);
        Changes(self)
    }

    /// May the server have committed DDL that it has not answered yet? `own`: one of
    /// those whose it is asks.
    pub fn may_have_changed(&self, own: bool) -> bool {
        self.changers.load(Ordering::Acquire) > usize::from(own)
    }

    /// A session begins; it ends when the visit is dropped.
    pub(super) fn visit(self: Arc<Self>) -> Visit {
        self.visitors.fetch_add(1, Ordering::AcqRel);
        Visit(self)
    }

    /// How long nobody need ask before the connection is given up.
    fn patience(&self) -> Duration {
        if self.visitors.load(Ordering::Acquire) == 0 { LINGER } else { QUIET }
    }

    /// What is wrong with the fit of the policy.
    pub fn findings(&self) -> Arc<Vec<Finding>> {
        self.findings.load_full()
    }

    /// Why it can't be read, while sessions are in it.
    pub(super) fn failure(&self) -> Option<Arc<str>> {
        let used = self.visitors.load(Ordering::Acquire) > 0;
        self.progress.borrow().failure.clone().filter(|_| used)
    }

    /// Waits for a guard that is true from now on, and not older than `since`;
    /// the reason if none comes.
    pub(super) async fn fresh(&self, since: u64) -> Result<Arc<Guard>, Arc<str>> {
        self.wait_for(|| self.current(since)).await
    }

    /// Waits for a look at the catalog that begins now, and its guard; the reason
    /// if none comes.
    pub(super) async fn looked_at_from_now(&self) -> Result<Arc<Guard>, Arc<str>> {
        let last = self.progress.borrow().looked;
        if let Some(last) = last {
            sleep_until(last + LOOK_PAUSE).await;
        }
        let wanted = self.looks_wanted.fetch_add(1, Ordering::AcqRel) + 1;
        let has_looked = || self.looks_done.load(Ordering::Acquire) >= wanted;
        self.wait_for(|| has_looked().then(|| self.current(0)).flatten()).await
    }

    async fn wait_for(&self, guard: impl Fn() -> Option<Arc<Guard>>) -> Result<Arc<Guard>, Arc<str>> {
        let deadline = Instant::now() + PATIENCE;
        let mut progress = self.progress.subscribe();
        loop {
            if let Some(guard) = guard() {
                return Ok(guard);
            }
            self.wake.notify_one();
            let changed = timeout_at(deadline, progress.changed()).await;
            if !matches!(changed, Ok(Ok(()))) {
                let failure = progress.borrow().failure.clone();
                return Err(failure.unwrap_or_else(|| "the catalog could not be read in time".into()));
            }
        }
    }

    /// True again up to generation `wanted`, and for the first `looks` who wanted
    /// one, by a look that began at `as_of`.
    fn publish(&self, guard: Option<Arc<Guard>>, wanted: u64, looks: u64, as_of: Instant) {
        if let Some(guard) = guard {
            self.current.store(Some(guard));
        }
        self.loaded.fetch_max(wanted, Ordering::AcqRel);
        self.looks_done.fetch_max(looks, Ordering::AcqRel);
        self.asleep.store(false, Ordering::Release);
        self.progress.send_modify(|progress| {
            progress.loaded += 1;
            progress.failure = None;
            progress.looked = Some(Instant::now());
            progress.as_of = Some(as_of);
        });
        // After all that takes its place.
        *self.coming.lock() = None;
    }

    /// The database is no more: what was in it says nothing about anybody.
    fn forget(&self) {
        self.current.store(None);
    }

    fn fail(&self, error: &KeepError) {
        let failure: Arc<str> = chain(error).into();
        self.progress.send_modify(|progress| progress.failure = Some(failure));
    }
}

/// A session in a database. While there is one, the catalog is looked at.
pub struct Visit(Arc<Database>);

impl Drop for Visit {
    fn drop(&mut self) {
        if self.0.visitors.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.wake.notify_one();
        }
    }
}

/// DDL that is under way at the server, through bauta.
pub struct Changes(Arc<Database>);

impl Drop for Changes {
    fn drop(&mut self) {
        self.0.changers.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The task that keeps one database.
pub(super) struct Keeper {
    pub(super) database: Arc<Database>,
    pub(super) service: Arc<ArcSwap<Service>>,
    pub(super) policy: Arc<ArcSwap<Policy>>,
    pub(super) bindings: Arc<dyn BindingStore>,
    /// Told of every new guard.
    pub(super) renewed: Arc<Notify>,
    /// Done before it is used.
    pub(super) before_use: Arc<OnceLock<BeforeUse>>,
}

/// A connection with what it saw last.
struct Watch {
    connection: Connection,
    service: Arc<Service>,
    visible: String,
    probe: String,
}

impl Keeper {
    /// Runs until the process ends. Spawn once per database.
    pub(super) async fn run(self) {
        let mut watch: Option<Watch> = None;
        let mut known: Option<Known> = None;
        let mut backoff = BACKOFF.0;
        loop {
            match self.keep(&mut watch, &mut known, &mut backoff).await {
                Ok(()) => {}
                Err(error) => {
                    tracing::warn!(
                        database = %self.database.name,
                        error = chain(&error),
                        "the catalog can't be read; the last snapshot stays"
                    );
                    self.database.fail(&error);
                    watch = None;
                    if error.says_dropped() {
                        self.database.forget();
                        known = None;
                    }
                    sleep(backoff).await;
                    backoff = (backoff * 2).min(BACKOFF.1);
                }
            }
        }
    }

    /// Looks and loads as long as all goes well.
    async fn keep(
        &self,
        watch: &mut Option<Watch>,
        known: &mut Option<Known>,
        backoff: &mut Duration,
    ) -> Result<(), KeepError> {
        let mut ticks = interval(self.policy.load().poll);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut quiet_since = Instant::now();
        loop {
            let complete = self.look(watch, known).await?;
            *backoff = BACKOFF.0;
            let heard = watch.as_mut().map(|w| &mut w.connection.changed);
            tokio::select! {
                () = self.database.wake.notified() => {}
                _ = ticks.tick() => {}
                () = sleep(self.database.patience()) => {}
                () = sleep(INCOMPLETE_PAUSE), if !complete => { self.database.mark_stale(); }
                heard = hear(heard) => match heard {
                    Some(()) => { self.database.mark_stale(); }
                    None => *watch = None,
                },
            }
            if self.database.asked.swap(false, Ordering::Relaxed) {
                quiet_since = Instant::now();
            } else if quiet_since.elapsed() >= self.database.patience() {
                self.database.asleep.store(true, Ordering::Release);
                *watch = None;
                self.database.wake.notified().await;
                quiet_since = Instant::now();
            }
        }
    }

    /// One look at the catalog; loads if anything has changed. Whether the
    /// snapshot is complete.
    async fn look(&self, watch: &mut Option<Watch>, known: &mut Option<Known>) -> Result<bool, KeepError> {
        let as_of = Instant::now();
        let wanted = self.database.wanted.load(Ordering::Acquire);
        let looks = self.database.looks_wanted.load(Ordering::Acquire);
        let service = self.service.load_full();
        let usable =
            watch.take().filter(|w| !w.connection.client.is_closed() && Arc::ptr_eq(&w.service, &service));
        let current = match usable {
            Some(current) => watch.insert(current),
            None => watch.insert(self.connect(service).await?),
        };
        let changed = current.has_changed().await?;
        if !changed && self.database.loaded.load(Ordering::Acquire) >= wanted {
            self.database.publish(None, wanted, looks, as_of);
            return Ok(true);
        }
        let previous = self.database.last().map(|guard| Arc::clone(&guard.snapshot));
        let connection = &current.connection;
        let mut read = std::pin::pin!(async {
            let Loaded { snapshot, complete } = load_patiently(connection, previous.as_deref()).await?;
            let guard = self.bind(snapshot, known).await?;
            self.announce(&guard, as_of).await;
            Ok::<_, KeepError>((guard, complete))
        });
        // Known to be untrue: nobody uses it for longer than that.
        let mut marked = None;
        let outcome = tokio::select! {
            outcome = &mut read => outcome,
            () = sleep(GRACE), if changed => {
                marked = Some(self.database.mark_stale());
                read.await
            }
        };
        if outcome.is_err() && changed && marked.is_none() {
            self.database.mark_stale();
        }
        let (guard, complete) = outcome?;
        // What others marked meanwhile may have come after this was read.
        let reached = marked.filter(|marked| *marked == wanted + 1).unwrap_or(wanted);
        self.database.publish(Some(guard), reached, looks, as_of);
        self.renewed.notify_one();
        Ok(complete)
    }

    /// Before anybody uses the guard, all has been done that it calls for.
    async fn announce(&self, guard: &Arc<Guard>, as_of: Instant) {
        *self.database.coming.lock() = Some((Arc::clone(guard), as_of));
        if let Some(work) = self.before_use.get() {
            work().await;
        }
    }

    async fn connect(&self, service: Arc<Service>) -> Result<Watch, KeepError> {
        let connection = service.connect(&self.database.name).await?;
        let listen = format!("LISTEN {DDL_CHANNEL}");
        // A standby can't listen; there polling alone tells.
        if let Err(error) = connection.client.batch_execute(&listen).await {
            tracing::debug!(database = %self.database.name, error = chain(&error), "no notifications of DDL");
        }
        Ok(Watch { connection, service, visible: String::new(), probe: String::new() })
    }

    /// Binds on a thread of its own and remembers the columns.
    async fn bind(&self, snapshot: Snapshot, known: &mut Option<Known>) -> Result<Arc<Guard>, KeepError> {
        let snapshot = Arc::new(snapshot);
        let name = Arc::clone(&self.database.name);
        let before = match known.take() {
            Some(known) => known,
            None => self.bindings.load(&name, snapshot.database_oid)?,
        };
        let (policy, remembered) = (self.policy.load_full(), before.clone());
        let stamp = policy.stamp.clone();
        let of = Arc::clone(&snapshot);
        let bound = on_large_stack(move || {
            bind::bind(of, &policy.rules, &policy.defaults, &remembered, crate::sql::lineage::view_flows)
        });
        let bound: Bound = bound.await.ok_or(KeepError::Crashed)??;
        if bound.known != before {
            // What can't be kept on disk is still known until a restart.
            if let Err(error) = self.bindings.save(&name, snapshot.database_oid, &bound.known) {
                tracing::error!(error = chain(&error), "column bindings are not saved");
            }
        }
        *known = Some(bound.known);
        self.report(&bound.findings);
        self.database.findings.store(Arc::new(bound.findings));
        Ok(Arc::new(Guard { policy: stamp, ..bound.guard }))
    }

    /// Logs what is newly wrong.
    fn report(&self, findings: &[Finding]) {
        let before = self.database.findings();
        for finding in findings.iter().filter(|f| !before.contains(f)) {
            match finding.severity {
                Severity::Error => tracing::error!("{finding}"),
                Severity::Warning => tracing::warn!("{finding}"),
                Severity::Note => tracing::debug!("{finding}"),
            }
        }
    }
}

/// Loads, again where DDL of others came between.
async fn load_patiently(connection: &Connection, previous: Option<&Snapshot>) -> Result<Loaded, LoadError> {
    for _ in 1..PASSING.0 {
        match load::load(connection, previous).await {
            Err(error) if error.is_passing() && !connection.client.is_closed() => sleep(PASSING.1).await,
            loaded => return loaded,
        }
    }
    load::load(connection, previous).await
}

/// The next notification; never without a connection.
async fn hear(changed: Option<&mut mpsc::Receiver<()>>) -> Option<()> {
    match changed {
        Some(changed) => changed.recv().await,
        None => pending().await,
    }
}

impl Watch {
    /// Has anything become visible that changed the catalog? The cheap
    /// question first: no transaction has ended, nothing has changed.
    async fn has_changed(&mut self) -> Result<bool, KeepError> {
        let visible = self.ask(queries::VISIBLE).await?;
        if visible == self.visible {
            return Ok(false);
        }
        let probe = self.ask(queries::PROBE).await?;
        self.visible = visible;
        let changed = probe != self.probe;
        self.probe = probe;
        Ok(changed)
    }

    async fn ask(&self, sql: &str) -> Result<String, KeepError> {
        let row = self.connection.query_one(sql).await.map_err(KeepError::Probe)?;
        row.try_get(0).map_err(KeepError::Probe)
    }
}

/// Runs `work` on a thread with room for deep recursion. None: it panicked.
pub(super) async fn on_large_stack<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (answer, answered) = oneshot::channel();
    std::thread::Builder::new()
        .name("catalog-bind".to_owned())
        .stack_size(parse::STACK_BYTES)
        .spawn(move || drop(answer.send(work())))
        .ok()?;
    answered.await.ok()
}
