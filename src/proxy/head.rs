//! The audit log's head, kept in the state store while the proxy runs.

use std::sync::Arc;
use std::time::Duration;

use super::{Proxy, StartError};
use crate::audit::anchor::{self, Anchor, AnchorError, Anchors};
use crate::audit::record::LogHeadLost;
use crate::audit::{Event, Log, Record, Who};
use crate::catalog::service::chain;

/// How often it is kept.
const EVERY: Duration = Duration::from_secs(60);

/// The store, and what was amiss at the start.
pub(super) struct Heads {
    store: Anchors,
    lost: Option<LogHeadLost>,
}

impl Heads {
    /// Compares what was kept with the log that was opened, before anything
    /// is written to it.
    pub(super) fn check(store: Anchors, audit: &Log, log: &std::path::Path) -> Result<Self, StartError> {
        let lost = match store.load()? {
            Some(kept) => anchor::compare(kept, audit.head(), log)?,
            None => None,
        };
        Ok(Self { store, lost })
    }

    /// What was amiss, in a sentence.
    pub(super) fn problem(&self) -> Option<String> {
        self.lost.as_ref().map(ToString::to_string)
    }
}

impl Proxy {
    /// Says what was amiss at the start, in the logs.
    pub(super) async fn record_lost_head(&self) -> Result<(), crate::audit::AuditError> {
        let Some(lost) = &self.heads.lost else { return Ok(()) };
        tracing::error!("{lost}");
        let event = Event::LogHeadLost(lost.clone());
        let ticket = self.audit.submit(Record { who: Arc::new(Who::default()), event }).await?;
        self.audit.durable(ticket).await
    }

    /// Keeps the newest durable record's number and mac; blocks.
    ///
    /// # Errors
    /// The store can't be written.
    pub fn keep_head(&self) -> Result<(), AnchorError> {
        let Some(head) = self.audit.head() else { return Ok(()) };
        self.heads.store.keep(Anchor { head, at: self.clock.now().wall })
    }

    /// [`Proxy::keep_head`] again and again, for as long as the proxy runs.
    pub async fn keep_heads(self: Arc<Self>) {
        let mut last = self.audit.head();
        loop {
            tokio::time::sleep(EVERY).await;
            let head = self.audit.head();
            if head == last {
                continue;
            }
            let proxy = self.clone();
            match tokio::task::spawn_blocking(move || proxy.keep_head()).await {
                Ok(Err(fault)) => {
                    tracing::warn!(error = chain(&fault), "the audit log's head was not kept");
                }
                // Else it is tried again, also if nothing more is written.
                Ok(Ok(())) | Err(_) => last = head,
            }
        }
    }
}
