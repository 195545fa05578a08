//! The word that bauta is stopping, heard by acceptors and sessions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

/// Cheap to clone; all clones hear the same word, whichever says it.
#[derive(Debug, Clone)]
pub struct Drain {
    word: Arc<watch::Sender<bool>>,
    /// The same word for those who ask at every statement.
    begun: Arc<AtomicBool>,
}

impl Drain {
    pub fn new() -> Self {
        Self { word: Arc::new(watch::Sender::new(false)), begun: Arc::default() }
    }

    /// Stop accepting; sessions end as soon as they are idle outside a
    /// transaction. Can't be taken back.
    pub fn begin(&self) {
        self.begun.store(true, Ordering::SeqCst);
        self.word.send_replace(true);
    }

    pub fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Relaxed)
    }

    /// Completes when the drain begins, at once if it has. Cancel-safe.
    pub async fn begun(&self) {
        // An error means that no sender is left, and `self` is one.
        let _ = self.word.subscribe().wait_for(|begun| *begun).await;
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self::new()
    }
}
