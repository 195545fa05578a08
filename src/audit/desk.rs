//! Where the sessions of one thread wait for the disk.
//!
//! A sync settles the records of many sessions at once. Waking each of them
//! from the writer's thread would wake their thread again and again; so the
//! writer rings one bell a thread, and that thread wakes its own sessions,
//! which costs no system call.
//!
//! Invariant: a waker that is kept belongs to a ticket that was not settled
//! after the bell was set. Whoever waits sets the bell and then looks whether
//! its ticket is settled, the writer settles and then looks at the bell, both
//! sequentially consistent: one sees the other, so no settling is missed.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use tokio::sync::Notify;

use super::log::AuditError;
use super::queue::{Queue, Ticket};

thread_local! {
    static HERE: RefCell<Option<Rc<Desk>>> = const { RefCell::new(None) };
}

/// What the writer rings for one thread.
#[derive(Default)]
pub(super) struct Bell {
    awaited: AtomicBool,
    rung: Notify,
}

impl Bell {
    /// Something was settled.
    pub fn ring(&self) {
        if self.awaited.swap(false, Ordering::SeqCst) {
            self.rung.notify_one();
        }
    }
}

/// The sessions of this thread that wait.
pub(super) struct Desk {
    queue: Weak<Queue>,
    bell: Arc<Bell>,
    waiting: RefCell<Vec<(Ticket, Waker)>>,
    closed: Cell<bool>,
}

impl Desk {
    /// The desk of this thread, if it is one for this queue.
    pub fn here(queue: &Queue) -> Option<Rc<Self>> {
        HERE.with_borrow(|desk| desk.clone()).filter(|desk| std::ptr::eq(desk.queue.as_ptr(), queue))
    }

    /// Completes when the ticket is settled. Cancel-safe: a waker that nobody
    /// needs any more wakes in vain, once.
    pub async fn durable(&self, queue: &Queue, ticket: Ticket) -> Result<(), AuditError> {
        let mut waits = false;
        std::future::poll_fn(|cx| self.poll_durable(queue, ticket, &mut waits, cx)).await
    }

    fn poll_durable(
        &self,
        queue: &Queue,
        ticket: Ticket,
        waits: &mut bool,
        cx: &Context<'_>,
    ) -> Poll<Result<(), AuditError>> {
        if let Some(result) = queue.status(ticket) {
            return Poll::Ready(result);
        }
        if self.closed.get() {
            return Poll::Ready(Err(AuditError::Closed));
        }
        if std::mem::replace(waits, true) {
            return Poll::Pending;
        }
        self.waiting.borrow_mut().push((ticket, cx.waker().clone()));
        self.bell.awaited.store(true, Ordering::SeqCst);
        queue.want(ticket);
        queue.status(ticket).map_or(Poll::Pending, Poll::Ready)
    }

    /// Wakes those whose records are settled.
    fn wake(&self, queue: &Queue) {
        let mut waiting = self.waiting.borrow_mut();
        loop {
            waiting.retain(|(ticket, waker)| {
                let waits = queue.status(*ticket).is_none();
                if !waits {
                    waker.wake_by_ref();
                }
                waits
            });
            let Some((ticket, _)) = waiting.last() else { return };
            self.bell.awaited.store(true, Ordering::SeqCst);
            queue.want(*ticket);
            // What was settled before the bell was set has rung nobody.
            if waiting.iter().all(|(ticket, _)| queue.status(*ticket).is_none()) {
                return;
            }
        }
    }
}

/// Opens this thread's desk, and keeps it until it is dropped.
pub(super) async fn attend(queue: Arc<Queue>) {
    let bell = Arc::new(Bell::default());
    queue.add_bell(&bell);
    let desk = Rc::new(Desk {
        queue: Arc::downgrade(&queue),
        bell: bell.clone(),
        waiting: RefCell::default(),
        closed: Cell::new(false),
    });
    HERE.set(Some(desk.clone()));
    let _close = Close(desk.clone());
    loop {
        bell.rung.notified().await;
        desk.wake(&queue);
    }
}

/// Nobody waits at a desk that nobody attends.
struct Close(Rc<Desk>);

impl Drop for Close {
    fn drop(&mut self) {
        self.0.closed.set(true);
        HERE.set(None);
        for (_, waker) in self.0.waiting.take() {
            waker.wake();
        }
    }
}
