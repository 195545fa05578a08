//! Webhooks: what happens to requests and grants, told to chat, tickets, an
//! inventory.
//!
//! ```text
//! engine ── happened ──> a bounded queue a target ── post (its own thread) ──> HTTP
//!                                                     └── dead letter: the audit log
//! ```
//!
//! Invariant: a target that is slow, down or wrong delays no decision, and
//! what it does not get is in the audit log.

pub mod letter;
pub mod post;
pub mod template;

pub use template::Template;

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;

use self::letter::{Letter, letter};
use self::post::{Post, Stop, dead_letter};
use crate::audit::Log;
use crate::clock::SharedClock;
use crate::config::Notify;
use crate::grants::event::{Event, Listener};

/// Letters that wait for a target; more are dead letters.
const QUEUE: usize = 1000;

/// Targets of one configuration, their threads running.
pub struct Targets {
    targets: Vec<Target>,
    stop: Arc<Stop>,
}

struct Target {
    events: Vec<String>,
    template: Option<Template>,
    name: String,
    letters: SyncSender<Letter>,
    thread: JoinHandle<()>,
}

/// Tells all targets. Cheap to share.
pub struct Notifier {
    targets: Mutex<Targets>,
    audit: Log,
    clock: SharedClock,
}

impl Notifier {
    /// # Errors
    /// A thread can't be started.
    pub fn start(targets: &[Notify], audit: Log, clock: SharedClock) -> std::io::Result<Arc<Self>> {
        let targets = Targets::start(targets, &audit)?;
        Ok(Arc::new(Self { targets: Mutex::new(targets), audit, clock }))
    }

    /// The targets of a new configuration.
    ///
    /// # Errors
    /// A thread can't be started.
    pub fn prepare(&self, targets: &[Notify]) -> std::io::Result<Targets> {
        Targets::start(targets, &self.audit)
    }

    /// Puts them in force. The old ones deliver what they have, and end.
    pub fn adopt(&self, targets: Targets) {
        *self.targets.lock() = targets;
    }

    /// Ends all threads. What could not be delivered by then is in the audit
    /// log. Blocks for an attempt that is under way.
    pub fn close(&self) {
        let Targets { targets, stop } = std::mem::replace(
            &mut *self.targets.lock(),
            Targets { targets: Vec::new(), stop: Arc::default() },
        );
        // What was queued just now gets its first attempt.
        let deadline = std::time::Instant::now() + Duration::from_secs(1);
        let threads: Vec<JoinHandle<()>> = targets.into_iter().map(|target| target.thread).collect();
        while threads.iter().any(|thread| !thread.is_finished()) && std::time::Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        stop.stop();
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread that sends webhooks panicked");
            }
        }
    }
}

impl Targets {
    fn start(targets: &[Notify], audit: &Log) -> std::io::Result<Self> {
        let stop = Arc::<Stop>::default();
        let start = |target: &Notify| {
            let (letters, received) = sync_channel(QUEUE);
            let post = Post::new(target, audit.clone(), stop.clone());
            let name = post.name.clone();
            let thread =
                std::thread::Builder::new().name("notify".to_owned()).spawn(move || post.run(&received))?;
            let (events, template) = (target.events.clone(), target.template.clone());
            Ok(Target { events, template, name, letters, thread })
        };
        Ok(Self { targets: targets.iter().map(start).collect::<std::io::Result<_>>()?, stop })
    }
}

impl Listener for Notifier {
    fn happened(&self, event: &Event) {
        let targets = self.targets.lock();
        for target in targets.targets.iter().filter(|t| t.events.iter().any(|e| e == event.name())) {
            let Some(letter) = letter(event, target.template.as_ref(), self.clock.now().wall) else {
                continue;
            };
            let undelivered = match target.letters.try_send(letter) {
                Ok(()) => continue,
                Err(TrySendError::Full(letter)) => (letter, "too many wait already"),
                Err(TrySendError::Disconnected(letter)) => (letter, "its thread has ended"),
            };
            dead_letter(&self.audit, &undelivered.0, &target.name, 0, undelivered.1);
        }
    }
}
