//! Analyses, off the relay's threads, once per (text or outline, guard version).
//!
//! A text that the prefilter clears costs one scan and nothing else. Any
//! other is looked up in what all sessions [remember](super::remembered), or
//! analysed on one of a few threads with large stacks: a relay task never
//! parses. A text of any length is scanned; only one of `limits.statement_bytes` at
//! most is read. Invariant: what an analysis can't say, it refuses.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Instant;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::analysis::{Analysis, Statement, StatementKind};
use super::classify::classify;
use super::parse::{self, STACK_BYTES, Tokens};
use super::prefilter::HitKind;
use super::remembered::{Remembered, Sharing};
use super::reread;
use crate::catalog::guard::Guard;
use crate::error::{ClientError, sqlstate};
use crate::telemetry::metric::{Counter, Labelled, Timing};
use crate::telemetry::names;
use crate::telemetry::registry::Registry;

/// Texts waiting for an analysis thread; a full queue makes sessions wait.
const QUEUE: usize = 1024;

/// What can be said of a text at once.
pub enum Verdict {
    /// It names nothing protected and needs no tracking: it passes as it is.
    Harmless,
    Known(Arc<Analysis>),
    /// To be analysed: call [`Analyser::analyse`].
    Unknown,
}

/// How texts were met, counted.
pub struct Lookups {
    all: Labelled,
    harmless: Counter,
    known: Counter,
    analysed: Counter,
    time: Timing,
}

impl Lookups {
    fn new() -> Self {
        let all = Labelled::new("result");
        Self {
            harmless: all.counter("harmless"),
            known: all.counter("hit"),
            analysed: all.counter("miss"),
            time: Timing::default(),
            all,
        }
    }

    /// Puts the counters under their names.
    pub fn register(&self, registry: &mut Registry) {
        registry.labelled(names::ANALYSES, &self.all);
        registry.timing(names::ANALYSIS_TIME, &self.time);
    }
}

/// The pool and the cache. One per process.
pub struct Analyser {
    pub lookups: Arc<Lookups>,
    jobs: mpsc::SyncSender<Job>,
    remembered: Arc<Remembered>,
    depth: usize,
}

struct Job {
    guard: Arc<Guard>,
    text: Bytes,
    answer: oneshot::Sender<Arc<Analysis>>,
}

impl Analyser {
    /// `cache_bytes` bounds what is remembered; `depth` is `limits.depth`.
    ///
    /// # Errors
    /// When the analysis threads can't be started.
    pub fn start(threads: usize, cache_bytes: u64, depth: usize, sharing: Sharing) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::sync_channel::<Job>(QUEUE);
        let queue = Arc::new(Mutex::new(queue));
        let remembered = Arc::new(Remembered::new(cache_bytes, sharing));
        let lookups = Arc::new(Lookups::new());
        for number in 0..threads.max(1) {
            let (queue, remembered) = (Arc::clone(&queue), Arc::clone(&remembered));
            let lookups = Arc::clone(&lookups);
            thread::Builder::new()
                .name(format!("analyser-{number}"))
                .stack_size(STACK_BYTES)
                .spawn(move || work(&queue, &remembered, &lookups, depth))?;
        }
        Ok(Self { lookups, jobs, remembered, depth })
    }

    /// What is known of `text` without parsing it.
    pub fn look_up(&self, guard: &Guard, text: &[u8]) -> Verdict {
        if passes_unread(guard, text) {
            self.lookups.harmless.inc();
            return Verdict::Harmless;
        }
        match self.remembered.find(guard.version, text) {
            Some(analysis) => {
                self.lookups.known.inc();
                Verdict::Known(analysis)
            }
            None => Verdict::Unknown,
        }
    }

    /// The analysis of `text` (without its final NUL), from the cache or made now.
    /// `longest`: `limits.statement_bytes`, beyond which it is a refusal that nobody
    /// remembers. Cancel-safe: an abandoned analysis still reaches the cache.
    pub async fn analyse(&self, guard: &Arc<Guard>, text: &Bytes, longest: usize) -> Arc<Analysis> {
        if text.len() > longest {
            return refuse_whole(text, too_long());
        }
        if let Some(known) = self.remembered.find(guard.version, text) {
            return known;
        }
        let (answer, answered) = oneshot::channel();
        let mut job = Job { guard: Arc::clone(guard), text: text.clone(), answer };
        loop {
            job = match self.jobs.try_send(job) {
                Ok(()) => break,
                Err(mpsc::TrySendError::Full(job)) => job,
                Err(mpsc::TrySendError::Disconnected(_)) => return refuse_whole(text, internal_error()),
            };
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        answered.await.unwrap_or_else(|_| refuse_whole(text, internal_error()))
    }

    /// Analyses on the calling thread, without the cache: for `check`,
    /// `explain` and tests, which bring their own stack.
    pub fn analyse_here(&self, guard: &Guard, text: &[u8]) -> Analysis {
        analyse(guard, text, self.depth)
    }
}

fn work(queue: &Mutex<mpsc::Receiver<Job>>, remembered: &Remembered, lookups: &Lookups, depth: usize) {
    loop {
        let job = queue.lock().recv();
        let Ok(Job { guard, text, answer }) = job else { return };
        let analysis = match remembered.find(guard.version, &text) {
            Some(known) => known,
            None => {
                let began = Instant::now();
                let made = remembered.make(guard.version, &text, |text| {
                    catch_unwind(AssertUnwindSafe(|| Arc::new(analyse(&guard, text, depth))))
                        .unwrap_or_else(|_| refuse_whole(text, internal_error()))
                });
                lookups.analysed.inc();
                lookups.time.observe(began.elapsed());
                made
            }
        };
        // A session that has gone away needs no answer.
        drop(answer.send(analysis));
    }
}

/// Does the text pass without being read? In another encoding than UTF8, a
/// counted name that is not ASCII could hide.
fn passes_unread(guard: &Guard, text: &[u8]) -> bool {
    if guard.prefilter.hangs_on_encoding() && std::str::from_utf8(text).is_err() {
        return false;
    }
    !guard.prefilter.hits_any(text)
}

/// Analyses one text. Recurses: needs a large stack.
pub fn analyse(guard: &Guard, text: &[u8], depth: usize) -> Analysis {
    let hits = guard.prefilter.hits(text);
    let Ok(text) = std::str::from_utf8(text) else {
        return refusal(None, 0..text.len(), not_utf8());
    };
    match parse::parse(text, depth) {
        Ok(parsed) => {
            let mut statements = classify(guard, text, &parsed, &hits, depth);
            reread::check(guard, text, &mut statements, depth);
            Analysis { statements }
        }
        Err(error) => {
            let named = hits.iter().any(|hit| hit.kind == HitKind::Name);
            let mut analysis = refusal(Some(text), 0..text.len(), error);
            for statement in &mut analysis.statements {
                statement.touches_protected = named;
            }
            analysis
        }
    }
}

fn refuse_whole(text: &[u8], error: ClientError) -> Arc<Analysis> {
    Arc::new(refusal(None, 0..text.len(), error))
}

/// A text of one refused statement. Its literals, or all of it where not even
/// tokens can be read, stay out of the audit log.
fn refusal(text: Option<&str>, span: Range<usize>, error: ClientError) -> Analysis {
    let literals = text.and_then(|text| Tokens::scan(text).ok()).map(|tokens| tokens.literals(&span));
    let statement = Statement {
        refusal: Some(error),
        touches_protected: true,
        sensitive_literals: literals.unwrap_or_else(|| vec![span.clone()]),
        ..Statement::harmless(span, StatementKind::Utility)
    };
    Analysis { statements: vec![statement] }
}

/// Of a text that names what counts, or would have to be read for another reason.
pub fn too_long() -> ClientError {
    ClientError::new(sqlstate::PROGRAM_LIMIT_EXCEEDED, "statement is too long to be analysed")
        .with_hint("Raise limits.statement_bytes, or send the data as parameters or by COPY.")
}

fn not_utf8() -> ClientError {
    ClientError::new(
        sqlstate::FEATURE_NOT_SUPPORTED,
        "a statement that may name protected data must be sent in UTF8",
    )
    .with_hint("SET client_encoding = 'UTF8'.")
}

fn internal_error() -> ClientError {
    ClientError::new(sqlstate::INTERNAL_ERROR, "the statement could not be analysed and was not run")
}
