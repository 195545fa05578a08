//! CancelRequest: from the pair that bauta gave its client to the pair that
//! the server gave bauta.
//!
//! The process id is the server's own, since tools look it up in
//! pg_stat_activity; the secret is bauta's, so that a client holds nothing
//! that works round the proxy. Invariant: a request with the wrong secret
//! does nothing and looks like one with the right secret.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dashmap::DashMap;
use parking_lot::Mutex;
use smallvec::SmallVec;
use subtle::ConstantTimeEq;
use tokio::sync::oneshot;

use crate::net::upstream::{ConnectError, Target};
use crate::wire::startup::{CancelKey, Version};

/// Bytes of a secret for protocol 3.2; PostgreSQL's `MAX_CANCEL_KEY_LENGTH`.
const SECRET: usize = 32;

/// Bytes of a secret for protocol 3.0.
const SHORT_SECRET: usize = 4;

/// How long to wait for the server to have taken a request.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who in bauta itself wants to hear of the next request.
type Ear = Arc<Mutex<Option<oneshot::Sender<()>>>>;

struct Entry {
    secret: Bytes,
    upstream: CancelKey,
    /// The server that gave it.
    target: Arc<Target>,
    ear: Ear,
}

/// By process id; two servers may give the same.
type Entries = Arc<DashMap<i32, SmallVec<[Entry; 1]>>>;

/// The keys of all sessions of this process.
#[derive(Default)]
pub struct Cancels {
    entries: Entries,
}

/// A session's entry; dropping it takes the entry out.
pub struct Cancellable {
    entries: Entries,
    /// What the client was given.
    key: CancelKey,
    ear: Ear,
}

impl Cancels {
    /// Enters a session whose server, `target`, gave `upstream` as its key,
    /// and makes the key for a client that speaks `version`.
    pub fn enter(
        &self,
        upstream: CancelKey,
        target: Arc<Target>,
        version: Version,
    ) -> Result<Cancellable, getrandom::Error> {
        let mut secret = vec![0; if version >= Version::V3_2 { SECRET } else { SHORT_SECRET }];
        getrandom::fill(&mut secret)?;
        let key = CancelKey { pid: upstream.pid, secret: secret.into() };
        // A server gives a process id anew only after the old session has
        // ended, which then is a ghost here, and its key of no use.
        let ear = Ear::default();
        let entry = Entry { secret: key.secret.clone(), upstream, target, ear: ear.clone() };
        self.entries.entry(key.pid).or_default().push(entry);
        Ok(Cancellable { entries: self.entries.clone(), key, ear })
    }

    /// The server's key, if the client's is right.
    #[cfg(test)]
    fn upstream(&self, key: &CancelKey) -> Option<CancelKey> {
        self.find(key).map(|(upstream, ..)| upstream)
    }

    /// The server of the session that was given this key.
    pub fn target(&self, key: &CancelKey) -> Option<Arc<Target>> {
        self.find(key).map(|(_, target, _)| target)
    }

    fn find(&self, key: &CancelKey) -> Option<(CancelKey, Arc<Target>, Ear)> {
        let entries = self.entries.get(&key.pid)?;
        let entry = entries.iter().find(|entry| bool::from(entry.secret.as_ref().ct_eq(&key.secret)))?;
        Some((entry.upstream.clone(), entry.target.clone(), entry.ear.clone()))
    }

    /// Passes a client's request on, on a connection of its own, and waits
    /// until the server has closed that: then it has sent the signal. A
    /// statement that bauta holds back is cancelled here: the server has
    /// nothing of it, and the signal could hit a later one.
    pub async fn cancel(&self, key: &CancelKey) -> Result<(), ConnectError> {
        let Some((upstream, target, ear)) = self.find(key) else {
            tracing::debug!(pid = key.pid, "cancel request with a wrong key");
            return Ok(());
        };
        let heard = ear.lock().take().is_some_and(|waits| waits.send(()).is_ok());
        if heard {
            return Ok(());
        }
        Self::ask(&upstream, &target).await
    }

    /// Has the server cancel what a session runs there, whatever bauta holds
    /// back; as [`cancel`](Self::cancel).
    pub async fn cancel_running(&self, key: &CancelKey) -> Result<(), ConnectError> {
        match self.find(key) {
            Some((upstream, target, _)) => Self::ask(&upstream, &target).await,
            None => Ok(()),
        }
    }

    async fn ask(upstream: &CancelKey, target: &Target) -> Result<(), ConnectError> {
        let mut stream = target.connect().await?;
        upstream.put_request(stream.output())?;
        stream.flush().await.map_err(ConnectError::Ask)?;
        let answered = tokio::time::timeout(PATIENCE, stream.fill()).await;
        answered.map_err(|_| ConnectError::Timeout(PATIENCE))?.map(|_| ()).or(Ok(()))
    }
}

impl Cancellable {
    pub fn key(&self) -> &CancelKey {
        &self.key
    }

    /// Resolves at the next request for this session, which then does not go
    /// upstream. Dropped: they go upstream again.
    pub fn listen(&self) -> oneshot::Receiver<()> {
        let (ear, heard) = oneshot::channel();
        *self.ear.lock() = Some(ear);
        heard
    }
}

impl Drop for Cancellable {
    fn drop(&mut self) {
        if let Some(mut entries) = self.entries.get_mut(&self.key.pid) {
            entries.retain(|entry| entry.secret != self.key.secret);
        }
        self.entries.remove_if(&self.key.pid, |_, entries| entries.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> Arc<Target> {
        Arc::new(Target::nowhere())
    }

    fn upstream(pid: i32) -> CancelKey {
        CancelKey { pid, secret: Bytes::from_static(b"real") }
    }

    #[test]
    fn only_the_right_pair_finds_the_servers_key() {
        let cancels = Cancels::default();
        let session = cancels.enter(upstream(7), target(), Version::V3_0).unwrap();
        assert_eq!(session.key().secret.len(), 4);
        assert_eq!(cancels.upstream(session.key()), Some(upstream(7)));
        let with = |pid, secret: &[u8]| CancelKey { pid, secret: Bytes::copy_from_slice(secret) };
        assert_eq!(cancels.upstream(&with(8, &session.key().secret)), None);
        assert_eq!(cancels.upstream(&with(7, b"real")), None, "the server's own secret is not the client's");
        assert_eq!(cancels.upstream(&with(7, &session.key().secret[..3])), None);
        let key = session.key().clone();
        drop(session);
        assert_eq!(cancels.upstream(&key), None, "a session that ended can't be cancelled");
    }

    #[test]
    fn a_ghost_that_leaves_late_does_not_take_its_successors_key() {
        let cancels = Cancels::default();
        let ghost = cancels.enter(upstream(7), target(), Version::V3_2).unwrap();
        let successor = cancels.enter(upstream(7), target(), Version::V3_2).unwrap();
        assert_eq!(successor.key().secret.len(), 32);
        drop(ghost);
        assert_eq!(cancels.upstream(successor.key()), Some(upstream(7)));
    }
}
