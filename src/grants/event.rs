//! What happened to grants and requests, for the audit log and for those who
//! wait for a decision.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::GrantId;
use super::model::{Grant, Request};

/// One thing that happened. Serialises so that a store can keep it until the
/// audit log has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    RequestCreated(Request),
    /// One person's yes; the request may need more.
    RequestApproved(Request),
    /// Denied, cancelled or expired: `status` tells which.
    RequestDenied(Request),
    /// Somebody looked at what was done by break-glass.
    RequestReviewed(Request),
    GrantCreated(Grant),
    /// Statements of one session used the grant since it was last said.
    GrantUsed {
        grant: GrantId,
        user: String,
        session: i64,
        uses: u64,
    },
    /// Its time is over, or its one statement has run.
    GrantExpired(Grant),
    GrantRevoked(Grant),
}

impl Event {
    /// As the audit log names it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::RequestCreated(_) => "request.created",
            Self::RequestApproved(_) => "request.approved",
            Self::RequestDenied(_) => "request.denied",
            Self::RequestReviewed(_) => "request.reviewed",
            Self::GrantCreated(_) => "grant.created",
            Self::GrantUsed { .. } => "grant.used",
            Self::GrantExpired(_) => "grant.expired",
            Self::GrantRevoked(_) => "grant.revoked",
        }
    }

    /// Number of the request or grant that it is about.
    pub fn subject(&self) -> i64 {
        match self {
            Self::RequestCreated(r)
            | Self::RequestApproved(r)
            | Self::RequestDenied(r)
            | Self::RequestReviewed(r) => r.id.0,
            Self::GrantCreated(g) | Self::GrantExpired(g) | Self::GrantRevoked(g) => g.id.0,
            Self::GrantUsed { grant, .. } => grant.0,
        }
    }

    /// The grant that this event makes.
    pub fn made(&self) -> Option<GrantId> {
        match self {
            Self::GrantCreated(grant) => Some(grant.id),
            _ => None,
        }
    }

    /// The end of something: it takes effect even if it can't be recorded.
    pub fn ends_access(&self) -> bool {
        match self {
            Self::GrantExpired(_) | Self::GrantRevoked(_) | Self::RequestDenied(_) => true,
            Self::RequestCreated(_)
            | Self::RequestApproved(_)
            | Self::RequestReviewed(_)
            | Self::GrantCreated(_)
            | Self::GrantUsed { .. } => false,
        }
    }
}

/// The record could not be written.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the audit log cannot be written: {0}")]
pub struct JournalError(pub String);

/// The answer of a call that takes its time.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where events are recorded: the audit log.
pub trait Journal: Send + Sync {
    /// Completes when the event is durable.
    fn record<'a>(&'a self, event: &'a Event) -> Answer<'a, Result<(), JournalError>>;
}

/// Who wants to hear of what took effect: sessions whose request was decided,
/// chat, metrics. Must not block.
pub trait Listener: Send + Sync {
    fn happened(&self, event: &Event);
    /// It happened on another node, which tells the world of it.
    fn learnt(&self, _event: &Event) {}
    /// A grant ends before long, after `left`. Said once.
    fn ends_soon(&self, _grant: &Grant, _left: Duration) {}
}
