//! Sinks: records go to other places too, from the log's own files.
//!
//! ```text
//! audit.jsonl ── follow (durable records only) ── outlet: stdout, syslog, a table, OTLP
//!                    │                                │ taken
//!                    └──── mark: seq:mac of the newest record that was taken
//! ```
//!
//! Each sink has a thread that reads the files behind the writer, so one that
//! is slow or down delays no statement and holds no memory: it is a place in a
//! file. Invariant: a record is sent after it is durable, in the order of the
//! chain, at least once, over restarts and rotations.

mod follow;
mod mark;
mod otlp;
mod stdout;
mod syslog;
mod table;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use parking_lot::{Condvar, Mutex};

use self::follow::{Follower, Shipment};
use self::mark::Mark;
use super::Log;
use crate::config::{Sink, SinkFrom, SinkKind};
use crate::net::tls::TlsFault;
use crate::telemetry::metric::{Counter, Level, Named};
use crate::telemetry::names;
use crate::telemetry::registry::Registry;

/// Between two looks for more records.
const POLL: Duration = Duration::from_millis(200);
/// Longest pause between two attempts at a sink that fails.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// One attempt may take this long.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a proxy that ends waits for its sinks.
const FAREWELL: Duration = Duration::from_secs(3);

/// A sink that can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    #[error("audit.sink {name}: its thread could not be started")]
    Thread { name: String, source: std::io::Error },
    #[error("audit.sink {name}: TLS")]
    Tls { name: String, source: TlsFault },
}

/// Why records were not taken. Its text holds no secret.
#[derive(Debug)]
struct Failure(String);

impl Failure {
    fn of(what: &str, cause: &dyn std::error::Error) -> Self {
        Self(format!("{what}: {}", crate::catalog::service::chain(cause)))
    }
}

/// Where records go. Blocks; gives up after [`PATIENCE`].
trait Outlet: Send {
    /// All of them are taken, or it is tried again from the first.
    fn send(&mut self, records: &[Shipment]) -> Result<(), Failure>;
}

/// How a sink is getting on.
#[derive(Debug, Clone)]
pub struct SinkStanding {
    pub name: String,
    pub kind: &'static str,
    /// Durable records that it has not taken yet.
    pub lag: u64,
    /// Why the newest attempt failed.
    pub problem: Option<String>,
}

/// What a sink's thread tells.
struct Progress {
    /// Newest record that was taken.
    taken: Mutex<u64>,
    problem: Mutex<Option<String>>,
    sent: Counter,
    failures: Counter,
}

/// When a sink's thread ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Until {
    Always,
    /// Everything that is durable now is taken, or an attempt fails.
    Drained,
    /// Now.
    Now,
}

struct Stop {
    until: Mutex<Until>,
    changed: Condvar,
}

impl Stop {
    fn set(&self, until: Until) {
        let mut now = self.until.lock();
        *now = until.max(*now);
        self.changed.notify_all();
    }
    fn until(&self) -> Until {
        *self.until.lock()
    }
    /// Waits, unless something changes.
    fn wait(&self, pause: Duration) {
        let mut until = self.until.lock();
        if *until == Until::Always {
            self.changed.wait_for(&mut until, pause);
        }
    }
}

/// The sinks of one configuration, their threads waiting or running.
pub struct SinkSet {
    running: Vec<Running>,
    stop: Arc<Stop>,
}

struct Running {
    name: String,
    kind: &'static str,
    progress: Arc<Progress>,
    /// The thread begins when it is told who has to end before.
    begin: std::sync::mpsc::SyncSender<Option<JoinHandle<()>>>,
    thread: JoinHandle<()>,
}

/// All sinks of the proxy. Cheap to share.
pub struct Sinks {
    set: Mutex<SinkSet>,
    log: Log,
    file: PathBuf,
    lag: Named<Level>,
    sent: Named<Counter>,
    failures: Named<Counter>,
}

impl Sinks {
    /// `file`: the log's own.
    ///
    /// # Errors
    /// A thread can't be started, certificates can't be used.
    pub fn start(sinks: &[Sink], log: Log, file: PathBuf) -> Result<Arc<Self>, SinkError> {
        let set = SinkSet { running: Vec::new(), stop: Stop::new() };
        let (lag, sent, failures) = (Named::new("sink"), Named::new("sink"), Named::new("sink"));
        let all = Self { set: Mutex::new(set), log, file, lag, sent, failures };
        let set = all.prepare(sinks)?;
        all.adopt(set);
        Ok(Arc::new(all))
    }

    /// The sinks of a new configuration, not in force yet.
    ///
    /// # Errors
    /// As [`Sinks::start`].
    pub fn prepare(&self, sinks: &[Sink]) -> Result<SinkSet, SinkError> {
        let stop = Stop::new();
        let running = sinks.iter().map(|sink| self.one(sink, &stop)).collect::<Result<_, _>>()?;
        Ok(SinkSet { running, stop })
    }

    fn one(&self, sink: &Sink, stop: &Arc<Stop>) -> Result<Running, SinkError> {
        let tls = |source| SinkError::Tls { name: sink.name.clone(), source };
        let outlet: Box<dyn Outlet> = match &sink.kind {
            SinkKind::Stdout => Box::new(stdout::Stdout),
            SinkKind::Syslog(to) => Box::new(syslog::Syslog::new(to.clone()).map_err(tls)?),
            SinkKind::Postgres(to) => Box::new(table::Table::new(to).map_err(tls)?),
            SinkKind::Otlp(to) => Box::new(otlp::Otlp::new(to.clone())),
        };
        let progress = Arc::new(Progress {
            taken: Mutex::new(0),
            problem: Mutex::default(),
            sent: self.sent.of(&sink.name),
            failures: self.failures.of(&sink.name),
        });
        let courier = Courier {
            name: sink.name.clone(),
            from: sink.from,
            mark: Mark::of(&self.file, &sink.name),
            file: self.file.clone(),
            log: self.log.clone(),
            outlet,
            progress: progress.clone(),
            stop: stop.clone(),
        };
        let (begin, begun) = std::sync::mpsc::sync_channel::<Option<JoinHandle<()>>>(1);
        let run = move || {
            // Nobody tells it to begin: the configuration was not adopted.
            let Ok(before) = begun.recv() else { return };
            if before.is_some_and(|before| before.join().is_err()) {
                tracing::error!("a sink's thread panicked");
            }
            courier.run();
        };
        let thread = std::thread::Builder::new()
            .name("audit-sink".to_owned())
            .spawn(run)
            .map_err(|source| SinkError::Thread { name: sink.name.clone(), source })?;
        Ok(Running { name: sink.name.clone(), kind: sink.kind.name(), progress, begin, thread })
    }

    /// Puts a set in force. Sinks of the old one end after the records at hand;
    /// one of the same name goes on from there.
    pub fn adopt(&self, new: SinkSet) {
        let old = {
            let mut set = self.set.lock();
            let old = std::mem::replace(&mut *set, new);
            old.stop.set(Until::Now);
            let mut threads: Vec<(String, JoinHandle<()>)> =
                old.running.into_iter().map(|sink| (sink.name, sink.thread)).collect();
            for sink in &set.running {
                let at = threads.iter().position(|(name, _)| *name == sink.name);
                let before = at.map(|at| threads.swap_remove(at).1);
                let _ = sink.begin.try_send(before);
            }
            threads
        };
        for (name, _) in old {
            self.lag.forget(&name);
            self.sent.forget(&name);
            self.failures.forget(&name);
        }
    }

    /// Ends all sinks: those that can take what is durable do so first.
    pub fn close(&self) {
        let set =
            std::mem::replace(&mut *self.set.lock(), SinkSet { running: Vec::new(), stop: Stop::new() });
        set.stop.set(Until::Drained);
        let deadline = Instant::now() + FAREWELL;
        while set.running.iter().any(|sink| !sink.thread.is_finished()) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        // What hangs in an attempt ends with the process; its mark stands.
        set.stop.set(Until::Now);
    }

    pub fn standing(&self) -> Vec<SinkStanding> {
        let head = self.log.head().map_or(0, |head| head.seq);
        let of = |sink: &Running| SinkStanding {
            name: sink.name.clone(),
            kind: sink.kind,
            lag: head.saturating_sub(*sink.progress.taken.lock()),
            problem: sink.progress.problem.lock().clone(),
        };
        self.set.lock().running.iter().map(of).collect()
    }

    pub fn register(&self, registry: &mut Registry) {
        registry.named(names::SINK_LAG, &self.lag);
        registry.named(names::SINK_RECORDS, &self.sent);
        registry.named(names::SINK_FAILURES, &self.failures);
    }

    /// Sets the gauges, before a scrape.
    pub fn gauge(&self) {
        for sink in self.standing() {
            self.lag.of(&sink.name).set(sink.lag);
        }
    }
}

impl Stop {
    fn new() -> Arc<Self> {
        Arc::new(Self { until: Mutex::new(Until::Always), changed: Condvar::new() })
    }
}

/// One sink's thread.
struct Courier {
    name: String,
    from: SinkFrom,
    mark: Mark,
    file: PathBuf,
    log: Log,
    outlet: Box<dyn Outlet>,
    progress: Arc<Progress>,
    stop: Arc<Stop>,
}

impl Courier {
    fn run(mut self) {
        let mut follower = self.beginning();
        *self.progress.taken.lock() = follower.last();
        let mut batch: Vec<Shipment> = Vec::new();
        let pauses = || {
            ExponentialBuilder::default()
                .with_jitter()
                .with_max_delay(LONGEST_PAUSE)
                .without_max_times()
                .build()
        };
        let mut pause = pauses();
        loop {
            if self.stop.until() == Until::Now {
                return;
            }
            match self.turn(&mut follower, &mut batch) {
                Ok(true) => pause = pauses(),
                Ok(false) if self.stop.until() == Until::Drained => return,
                Ok(false) => self.stop.wait(POLL),
                Err(failure) => {
                    self.failed(&failure);
                    if self.stop.until() == Until::Drained {
                        return;
                    }
                    self.stop.wait(pause.next().unwrap_or(LONGEST_PAUSE));
                }
            }
        }
    }

    /// Where it left off; else as the configuration says.
    fn beginning(&self) -> Follower {
        let marked = self.mark.read();
        let found = marked.filter(|mark| follow::holds(&self.file, *mark));
        if marked.is_some() && found.is_none() {
            tracing::warn!(sink = self.name, "the log is another one than when records were sent last");
        }
        match (found, self.from, self.log.head()) {
            (Some(mark), _, _) => Follower::after(&self.file, mark.seq),
            (None, SinkFrom::Now, Some(head)) => Follower::after(&self.file, head.seq),
            (None, SinkFrom::Now | SinkFrom::Oldest, _) => Follower::after(&self.file, 0),
        }
    }

    /// Sends what there is; false: there was nothing.
    fn turn(&mut self, follower: &mut Follower, batch: &mut Vec<Shipment>) -> Result<bool, Failure> {
        if batch.is_empty() {
            let Some(head) = self.log.head() else { return Ok(false) };
            let gap = follower
                .read(head.seq, batch)
                .map_err(|fault| Failure::of("reading the audit log", &fault))?;
            if let Some((first, last)) = gap {
                tracing::warn!(sink = self.name, first, last, "records were deleted before they were sent");
            }
        }
        let Some(newest) = batch.last() else { return Ok(false) };
        let head = newest.head;
        self.outlet.send(batch)?;
        self.progress.sent.inc_by(u64::try_from(batch.len()).unwrap_or(0));
        batch.clear();
        *self.progress.taken.lock() = head.seq;
        if self.progress.problem.lock().take().is_some() {
            tracing::info!(sink = self.name, "the audit sink takes records again");
        }
        // What can't be remembered is sent again after a restart.
        if let Err(fault) = self.mark.keep(head) {
            tracing::warn!(sink = self.name, %fault, "what was sent could not be remembered");
        }
        Ok(true)
    }

    fn failed(&self, failure: &Failure) {
        self.progress.failures.inc();
        let before = self.progress.problem.lock().replace(failure.0.clone());
        if before.as_deref() != Some(failure.0.as_str()) {
            tracing::warn!(sink = self.name, fault = failure.0, "the audit sink does not take records");
        }
    }
}
