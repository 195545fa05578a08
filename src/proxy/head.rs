//! The audit log's head, kept in the state store while the proxy runs.

use std::sync::Arc;
use std::time::Duration;

use super::{Proxy, StartError};
use crate::audit::anchor::{self, Anchor, AnchorError, Anchors};
use crate::audit::record::LogHeadLost;
use crate::audit::{Event, Log, Record, Who};
use crate::catalog::service::chain;
use crate::grants::model::Actor;
use crate::grants::{Fault, GrantId};

/// How often it is kept.
const EVERY: Duration = Duration::from_secs(60);

/// The store, and what was amiss at the start.
pub(super) struct Heads {
    store: Anchors,
    lost: Option<LogHeadLost>,
    /// Grants that ended after what was kept.
    ended: Vec<i64>,
}

impl Heads {
    /// Compares what was kept with the log that was opened, before anything
    /// is written to it.
    pub(super) fn check(store: Anchors, audit: &Log, log: &std::path::Path) -> Result<Self, StartError> {
        let (lost, ended) = match store.load()? {
            Some(kept) => (anchor::compare(kept, audit.head(), log)?, anchor::ended_since(kept.head, log)?),
            None => (None, Vec::new()),
        };
        Ok(Self { store, lost, ended })
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

    /// Ends what the log says has ended and the store says is in force: the
    /// store was put back to what it was before.
    pub(super) async fn end_what_ended(&self) {
        let by = Actor { admin: true, ..Actor::system() };
        for id in &self.heads.ended {
            let reason = "its end stands in the audit log: the state was restored".to_owned();
            match self.grants.revoke(GrantId(*id), by.clone(), Some(reason)).await {
                Ok(_) => tracing::warn!(grant = id, "a grant of the restored state had ended: it ends again"),
                // As it should be.
                Err(Fault::Conflict { .. } | Fault::NotFound { .. }) => {}
                Err(fault) => {
                    tracing::error!(grant = id, %fault, "a grant had ended, and could not be ended again")
                }
            }
        }
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
