//! One single-threaded runtime a worker; a connection stays on the one that
//! it was given to.
//!
//! A session never moves between threads, so its wake-ups cost no locks, and
//! its future need not be `Send`.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use tokio::time::Instant;

use super::listen::{Accepted, Listener, accept_loop, keep_alive};
use super::{Drain, Stream};

/// How often a drain looks whether sessions are left.
const DRAIN_POLL: Duration = Duration::from_millis(20);

/// How long sessions have, once told to end, to say so to their clients.
const FAREWELL: Duration = Duration::from_millis(500);

/// Threads of one worker for name resolution.
const RESOLVER_THREADS: usize = 2;

struct Worker {
    queue: mpsc::UnboundedSender<Accepted>,
    /// Connections given to it that have not ended.
    busy: Arc<AtomicUsize>,
    /// Dropped to stop it.
    stop: tokio::sync::oneshot::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

/// How a drain goes.
pub struct Ending {
    /// The word to begin it.
    pub drain: Drain,
    /// How long sessions may take to become idle.
    pub deadline: Duration,
    /// Called when the deadline has passed: tells what is left to end now.
    pub at_deadline: Box<dyn FnOnce() + Send>,
}

/// Accepts on all listeners and runs `session` for each connection, until the
/// drain has begun and every session has ended or the deadline has passed.
/// Sessions that are left then are dropped, and their sockets closed.
/// `beside` runs on each worker as long as it does.
///
/// Must be called on a tokio runtime, which runs the acceptors.
pub async fn serve<S, F, B, G>(
    listeners: Vec<Listener>,
    workers: usize,
    ending: Ending,
    session: S,
    beside: B,
) -> io::Result<()>
where
    S: Fn(Stream) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + 'static,
    B: Fn() -> G + Clone + Send + 'static,
    G: Future<Output = ()> + 'static,
{
    let start = |n| start(n, session.clone(), beside.clone());
    let workers = (0..workers.max(1)).map(start).collect::<io::Result<Vec<_>>>()?;
    let workers = Arc::new(workers);
    let mut acceptors = tokio::task::JoinSet::new();
    for listener in listeners {
        tracing::info!(address = listener.address(), "listening");
        let (workers, drain) = (workers.clone(), ending.drain.clone());
        acceptors.spawn(accept_loop(listener, drain, move |connection| give(&workers, connection)));
    }
    while let Some(ended) = acceptors.join_next().await {
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(fault)) => return Err(fault),
            Err(fault) => return Err(io::Error::other(fault)),
        }
    }
    ending.drain.begun().await;
    wait_for_end(&workers, ending).await;
    // The acceptors, which had the other clones, have ended.
    stop(Arc::into_inner(workers).unwrap_or_default()).await;
    Ok(())
}

/// Drops what runs on the workers, and waits until their threads have ended:
/// what a session does on its way out (its last record) must not be cut off.
async fn stop(workers: Vec<Worker>) {
    let threads: Vec<_> = workers
        .into_iter()
        .map(|worker| {
            drop(worker.stop);
            worker.thread
        })
        .collect();
    let deadline = Instant::now() + FAREWELL;
    while threads.iter().any(|thread| !thread.is_finished()) && Instant::now() < deadline {
        tokio::time::sleep(DRAIN_POLL).await;
    }
}

/// The worker with the fewest connections gets the next.
fn give(workers: &[Worker], connection: Accepted) {
    let Some(worker) = workers.iter().min_by_key(|w| w.busy.load(Ordering::Relaxed)) else { return };
    worker.busy.fetch_add(1, Ordering::Relaxed);
    if worker.queue.send(connection).is_err() {
        worker.busy.fetch_sub(1, Ordering::Relaxed);
        tracing::error!("a worker has ended; a connection was dropped");
    }
}

async fn wait_for_end(workers: &[Worker], ending: Ending) {
    let left = || workers.iter().map(|w| w.busy.load(Ordering::Acquire)).sum::<usize>();
    if left() > 0 {
        tracing::info!(sessions = left(), "draining");
    }
    let deadline = Instant::now() + ending.deadline;
    while left() > 0 && Instant::now() < deadline {
        tokio::time::sleep(DRAIN_POLL).await;
    }
    if left() == 0 {
        return;
    }
    tracing::warn!(sessions = left(), "the drain's deadline has passed; ending sessions");
    (ending.at_deadline)();
    let farewell = Instant::now() + FAREWELL;
    while left() > 0 && Instant::now() < farewell {
        tokio::time::sleep(DRAIN_POLL).await;
    }
}

fn start<S, F, B, G>(number: usize, session: S, beside: B) -> io::Result<Worker>
where
    S: Fn(Stream) -> F + Send + 'static,
    F: Future<Output = ()> + 'static,
    B: FnOnce() -> G + Send + 'static,
    G: Future<Output = ()> + 'static,
{
    let (queue, connections) = mpsc::unbounded_channel();
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let busy = Arc::new(AtomicUsize::new(0));
    let counter = busy.clone();
    let runtime = Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(RESOLVER_THREADS)
        .thread_name(format!("resolver-{number}"))
        .build()?;
    let thread = std::thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
        let local = LocalSet::new();
        local.block_on(&runtime, async move {
            let beside = async {
                beside().await;
                std::future::pending().await
            };
            tokio::select! {
                _ = stopped => {}
                () = run(connections, counter, session) => {}
                () = beside => {}
            }
        });
    })?;
    Ok(Worker { queue, busy, stop, thread })
}

async fn run<S, F>(mut connections: mpsc::UnboundedReceiver<Accepted>, busy: Arc<AtomicUsize>, session: S)
where
    S: Fn(Stream) -> F,
    F: Future<Output = ()> + 'static,
{
    while let Some(connection) = connections.recv().await {
        let ends = Ends(busy.clone());
        match adopt(connection) {
            Ok(stream) => {
                let session = session(stream);
                tokio::task::spawn_local(async move {
                    let _ends = ends;
                    session.await;
                });
            }
            Err(fault) => tracing::debug!(%fault, "a connection ended before it began"),
        }
    }
}

/// Makes a connection known to this thread's runtime.
fn adopt(connection: Accepted) -> io::Result<Stream> {
    match connection {
        Accepted::Tcp(tcp) => {
            let tcp = tokio::net::TcpStream::from_std(tcp)?;
            keep_alive(&tcp);
            Stream::tcp(tcp)
        }
        Accepted::Unix(unix) => Ok(Stream::unix(tokio::net::UnixStream::from_std(unix)?)),
    }
}

/// Counts a connection off, also when its task panics or is dropped.
struct Ends(Arc<AtomicUsize>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
