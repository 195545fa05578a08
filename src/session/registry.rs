//! Who is connected: the sessions of this process, for `sessions`, `kill`,
//! limits, and for telling a session that its request was decided.
//!
//! Invariant: a session is listed exactly as long as its [`Seat`] lives.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use dashmap::DashMap;
use jiff::Timestamp;
use parking_lot::Mutex;

use crate::error::{ClientError, sqlstate};
use crate::grants::book::SessionNumbers;
use crate::grants::model::END_USER;

/// Notices kept for a session that does not read them; older ones go first.
const MAX_PENDING_NOTICES: usize = 32;

/// What a session tells of itself when it starts.
#[derive(Debug, Clone)]
pub struct Introduction {
    pub login: Arc<str>,
    pub database: Arc<str>,
    /// Client address as text; `[local]` for a Unix socket.
    pub client: Arc<str>,
    /// Process id of the server's backend.
    pub backend_pid: i32,
}

/// One session as `bauta sessions` shows it.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct SessionInfo {
    pub id: i64,
    pub user: String,
    /// The person behind a shared login, where the connection named one.
    pub end_user: Option<String>,
    pub database: String,
    pub client: String,
    pub backend_pid: i32,
    pub application: String,
    pub started_at: Timestamp,
    pub statements: u64,
}

impl SessionInfo {
    /// Whose access counts in it.
    pub fn subject(&self) -> String {
        self.end_user.as_ref().map_or_else(|| self.user.clone(), |person| format!("{END_USER}{person}"))
    }
}

/// A message for a running session, sent to its client as a NOTICE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionNotice {
    pub message: String,
    pub hint: Option<String>,
}

/// What the registry and the running session share.
pub struct Handle {
    pub id: i64,
    pub who: Introduction,
    pub started_at: Timestamp,
    statements: AtomicU64,
    application: Mutex<Arc<str>>,
    end_user: Mutex<Option<Arc<str>>>,
    killed: AtomicBool,
    notices: Mutex<Vec<SessionNotice>>,
    /// It was killed, has notices, or the proxy drains: it must look.
    called: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Handle {
    /// Counts one statement.
    pub fn count_statement(&self) {
        self.statements.fetch_add(1, Ordering::Relaxed);
    }
    /// Statements so far.
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }
    /// What the client calls itself (`application_name`).
    pub fn set_application(&self, name: &str) {
        *self.application.lock() = Arc::from(name);
    }
    /// The person that the connection named; None: nobody, or no more.
    pub fn set_end_user(&self, person: Option<Arc<str>>) {
        *self.end_user.lock() = person;
    }
    /// Has somebody asked this session to end?
    pub fn is_killed(&self) -> bool {
        self.killed.load(Ordering::Acquire)
    }
    /// Ready, once, when the session was killed, has notices, or the proxy
    /// drains. It is polled at every wake-up, so it costs next to nothing:
    /// the waker of a task stays the same.
    pub fn poll_called(&self, cx: &Context<'_>) -> Poll<()> {
        if self.called.load(Ordering::Relaxed) && self.called.swap(false, Ordering::SeqCst) {
            return Poll::Ready(());
        }
        let mut waker = self.waker.lock();
        if waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            return Poll::Pending;
        }
        *waker = Some(cx.waker().clone());
        // Whoever called before found no waker.
        if self.called.swap(false, Ordering::SeqCst) { Poll::Ready(()) } else { Poll::Pending }
    }
    fn call(&self) {
        self.called.store(true, Ordering::SeqCst);
        if let Some(waker) = &*self.waker.lock() {
            waker.wake_by_ref();
        }
    }
    /// Takes the notices that wait.
    pub fn take_notices(&self) -> Vec<SessionNotice> {
        std::mem::take(&mut self.notices.lock())
    }
    fn info(&self) -> SessionInfo {
        SessionInfo {
            id: self.id,
            user: self.who.login.to_string(),
            end_user: self.end_user.lock().as_ref().map(ToString::to_string),
            database: self.who.database.to_string(),
            client: self.who.client.to_string(),
            backend_pid: self.who.backend_pid,
            application: self.application.lock().to_string(),
            started_at: self.started_at,
            statements: self.statements.load(Ordering::Relaxed),
        }
    }
}

/// A session's place in the registry; dropping it leaves.
pub struct Seat {
    handle: Arc<Handle>,
    shared: Arc<Shared>,
}

impl std::ops::Deref for Seat {
    type Target = Handle;
    fn deref(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.shared.sessions.remove(&self.handle.id);
    }
}

/// Room taken by a connection from its acceptance on; dropping it gives it back.
pub struct Room {
    shared: Arc<Shared>,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.shared.connections.fetch_sub(1, Ordering::AcqRel);
    }
}

#[derive(Default)]
struct Shared {
    next_id: AtomicI64,
    connections: AtomicU32,
    sessions: DashMap<i64, Arc<Handle>>,
    entering: Mutex<()>,
}

/// The sessions of this process. Cheap to clone.
#[derive(Clone, Default)]
pub struct Registry {
    shared: Arc<Shared>,
}

impl Registry {
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives its sessions these numbers.
    pub fn numbered(numbers: &SessionNumbers) -> Self {
        let registry = Self::default();
        registry.shared.next_id.store(numbers.first().saturating_sub(1), Ordering::Relaxed);
        registry
    }

    /// Takes room for a connection that has not said yet who it is.
    ///
    /// # Errors
    /// 53300 when `max` connections are open.
    pub fn admit(&self, max: usize) -> Result<Room, ClientError> {
        let open = self.shared.connections.fetch_add(1, Ordering::AcqRel);
        let room = Room { shared: self.shared.clone() };
        if usize::try_from(open).unwrap_or(usize::MAX) >= max {
            drop(room);
            return Err(ClientError::new(sqlstate::TOO_MANY_CONNECTIONS, "sorry, too many clients already"));
        }
        Ok(room)
    }

    /// Enters an authenticated session.
    ///
    /// # Errors
    /// 53300 when the login has `max_per_user` sessions; 0 is no limit.
    pub fn enter(
        &self,
        who: Introduction,
        max_per_user: usize,
        started_at: Timestamp,
    ) -> Result<Seat, ClientError> {
        // Counting and entering are one step, or two logins at once would
        // both find the last place.
        let _alone = (max_per_user > 0).then(|| self.shared.entering.lock());
        if max_per_user > 0 {
            let held = self.shared.sessions.iter().filter(|s| s.who.login == who.login).count();
            if held >= max_per_user {
                return Err(ClientError::new(
                    sqlstate::TOO_MANY_CONNECTIONS,
                    format!("too many connections for role \"{}\"", who.login),
                ));
            }
        }
        let id = self.shared.next_id.fetch_add(1, Ordering::Relaxed) + 1;
        let handle = Arc::new(Handle {
            id,
            who,
            started_at,
            statements: AtomicU64::new(0),
            application: Mutex::new(Arc::from("")),
            end_user: Mutex::default(),
            killed: AtomicBool::new(false),
            notices: Mutex::new(Vec::new()),
            called: AtomicBool::new(false),
            waker: Mutex::default(),
        });
        self.shared.sessions.insert(id, handle.clone());
        Ok(Seat { handle, shared: self.shared.clone() })
    }

    /// All sessions, oldest first.
    pub fn list(&self) -> Vec<SessionInfo> {
        let mut all: Vec<_> = self.shared.sessions.iter().map(|s| s.info()).collect();
        all.sort_by_key(|s| s.id);
        all
    }

    pub fn get(&self, id: i64) -> Option<SessionInfo> {
        self.shared.sessions.get(&id).map(|s| s.info())
    }

    pub fn len(&self) -> usize {
        self.shared.sessions.len()
    }

    pub fn is_empty(&self) -> bool {
        self.shared.sessions.is_empty()
    }

    /// Connections, those that are still logging in included.
    pub fn connections(&self) -> u32 {
        self.shared.connections.load(Ordering::Acquire)
    }

    /// Asks a session to end (its client sees 57P01). False: no such session.
    pub fn kill(&self, id: i64) -> bool {
        let Some(handle) = self.shared.sessions.get(&id) else { return false };
        handle.killed.store(true, Ordering::Release);
        handle.call();
        true
    }

    /// Asks every session to end.
    pub fn kill_all(&self) {
        for handle in &self.shared.sessions {
            handle.killed.store(true, Ordering::Release);
            handle.call();
        }
    }

    /// Has every session look what is new.
    pub fn call_all(&self) {
        for handle in &self.shared.sessions {
            handle.call();
        }
    }

    /// Sends a NOTICE to a session, if it is still this subject's. False: it isn't.
    pub fn notify(&self, id: i64, subject: &str, notice: SessionNotice) -> bool {
        let Some(handle) = self.shared.sessions.get(&id) else { return false };
        // Who comes next takes what waits by then.
        let mut notices = handle.notices.lock();
        if handle.info().subject() != subject {
            return false;
        }
        if notices.len() >= MAX_PENDING_NOTICES {
            notices.remove(0);
        }
        notices.push(notice);
        drop(notices);
        handle.call();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ana() -> Introduction {
        Introduction {
            login: "ana".into(),
            database: "shop".into(),
            client: "[local]".into(),
            backend_pid: 7,
        }
    }

    #[test]
    fn a_session_is_listed_as_long_as_its_seat_lives() {
        let registry = Registry::new();
        let seat = registry.enter(ana(), 0, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(registry.list().len(), 1);
        assert!(registry.kill(seat.id));
        assert!(seat.is_killed());
        drop(seat);
        assert!(registry.is_empty());
        assert!(!registry.kill(1));
    }

    #[test]
    fn limits_hold_and_room_comes_back() {
        let registry = Registry::new();
        let room = registry.admit(1).unwrap();
        assert!(registry.admit(1).is_err());
        drop(room);
        assert!(registry.admit(1).is_ok());
        let _seat = registry.enter(ana(), 1, Timestamp::UNIX_EPOCH).unwrap();
        assert!(registry.enter(ana(), 1, Timestamp::UNIX_EPOCH).is_err());
    }

    #[derive(Default)]
    struct Woken(AtomicU64);

    impl std::task::Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_call_is_heard_once_before_the_session_waits_and_while_it_does() {
        let registry = Registry::new();
        let seat = registry.enter(ana(), 0, Timestamp::UNIX_EPOCH).unwrap();
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let cx = Context::from_waker(&waker);
        registry.call_all();
        assert_eq!((seat.poll_called(&cx), seat.poll_called(&cx)), (Poll::Ready(()), Poll::Pending));
        assert!(registry.kill(seat.id));
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        assert_eq!((seat.poll_called(&cx), seat.poll_called(&cx)), (Poll::Ready(()), Poll::Pending));
    }

    #[test]
    fn notices_wait_for_their_session() {
        let registry = Registry::new();
        let seat = registry.enter(ana(), 0, Timestamp::UNIX_EPOCH).unwrap();
        let notice = SessionNotice { message: "request 7 was approved".into(), hint: None };
        assert!(registry.notify(seat.id, "ana", notice.clone()));
        seat.set_end_user(Some("bob".into()));
        assert!(!registry.notify(seat.id, "ana", notice.clone()));
        assert_eq!(seat.take_notices(), vec![notice]);
        assert!(seat.take_notices().is_empty());
    }
}
