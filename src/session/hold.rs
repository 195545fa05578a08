//! `refusal = "hold"`: a statement that lacks access waits for it instead of
//! being refused. bauta files the request itself, tells the client its number,
//! and looks at the message again when somebody has decided.
//!
//! ```text
//! refused ── hold_refused ── Waiting (a task) ── on_decided ──┬── judged anew, from scratch
//!                              │    │   │                     └── end_hold: refused after all
//!                          decision │ client gone
//!                             CancelRequest
//! ```
//!
//! A statement is held only between transactions: while it waits, nothing of
//! it is upstream, so it holds no lock and no snapshot there. Inside a
//! transaction block or an open pipeline it is refused as ever.
//!
//! Invariants: nothing about a held message is kept but the message itself, so
//! whatever changes meanwhile counts; a request never outlives the statement
//! that waits for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::judge::Refusal;
use super::registry::SessionNotice;
use super::relay::{Hold, JobDone, Relay, Step};
use crate::audit::{Sql, Who};
use crate::catalog::guard::Guard;
use crate::config::{RefusalMode, TicketPattern};
use crate::error::{ClientError, sqlstate};
use crate::grants::model::{Actor, Ask, Request, RequestStatus};
use crate::grants::{Fault, RequestId, decisions, duration};
use crate::policy::{Access, Permits, ProtectedColumn};
use crate::proxy::Proxy;
use crate::wire::backend::TransactionStatus;
use crate::wire::frame::frontend as tag;
use crate::wire::frontend::Parse;

/// What is asked for, unless the asker's roles allow less.
const WANTED: Duration = Duration::from_secs(15 * 60);

/// A statement that waits, from the session's side.
pub(super) struct Held {
    sql: Sql,
    refusal: Refusal,
    /// None: not decided, or the message is being judged anew.
    outcome: Option<Result<(), ClientError>>,
    /// Dropped, it withdraws the request.
    _stays: oneshot::Sender<()>,
}

impl Relay {
    /// In place of a refusal: the message waits. None: refuse it.
    pub(super) fn hold_refused(&mut self, sql: &Sql, refusal: &Refusal) -> Option<Step> {
        if refusal.lacking.is_empty() || self.permits.refusal() != RefusalMode::Hold {
            return None;
        }
        if self.held.take().is_some() {
            // Access came, and is not enough: once is enough.
            return None;
        }
        if !self.state.is_quiet() {
            return Some(Step::Wait(Hold::Quiet));
        }
        let idle = self.state.status() == TransactionStatus::Idle;
        if !idle || !self.at_rest || self.proxy.drain.has_begun() {
            return None;
        }
        let (stays, gone) = oneshot::channel();
        let waiting = Waiting {
            proxy: self.proxy.clone(),
            who: self.who.clone(),
            guard: self.guard.clone(),
            error: refusal.error.clone(),
            lacking: refusal.lacking.clone(),
            reason: reason(sql, &refusal.error),
            cancelled: self.cancellable.listen(),
            gone,
        };
        let (answer, outcome) = oneshot::channel();
        let lost = refusal.error.clone();
        // A task of its own: it withdraws the request even when the session
        // has ended without a word.
        tokio::spawn(async move {
            let outcome = waiting.run().await;
            // A session that has gone needs no answer.
            drop(answer.send(outcome));
        });
        self.job = Some(Box::pin(async move { JobDone::Held(outcome.await.unwrap_or(Err(lost))) }));
        let refusal = Refusal {
            error: refusal.error.clone(),
            columns: refusal.columns.clone(),
            lacking: refusal.lacking.clone(),
        };
        self.held = Some(Box::new(Held { sql: sql.clone(), refusal, outcome: None, _stays: stays }));
        Some(Step::Wait(Hold::Job))
    }

    /// The request is decided, or the wait is over for another reason.
    pub(super) fn on_decided(&mut self, outcome: Result<(), ClientError>) {
        if let Some(held) = &mut self.held {
            held.outcome = Some(outcome);
        }
        // Waiting is not idling.
        self.last_activity = std::time::Instant::now();
    }

    /// Refuses the message whose wait was in vain. None: it is judged anew.
    pub(super) fn end_hold(&mut self, tag: u8, body: &[u8]) -> Option<Step> {
        let Err(error) = self.held.as_mut()?.outcome.take()? else { return None };
        let Held { sql, refusal, .. } = *self.held.take()?;
        let error = self.refused(sql, Refusal { error, ..refusal });
        match (tag, Parse::read(body)) {
            (tag::QUERY, _) => self.refuse_query(error),
            (tag::PARSE, Ok(parse)) => self.refuse_parse(parse.name, error),
            (_, _) => self.refuse_step(error),
        }
        Some(Step::Done)
    }

    /// Bytes of the held message, at most: what the client sends behind it is
    /// still read, or its leaving would go unnoticed.
    pub(super) fn room_for_held(&self) -> usize {
        self.held.as_ref().map_or(0, |_| self.proxy.config.load().limits.statement_bytes)
    }
}

/// A statement that waits, from the request's side.
struct Waiting {
    proxy: Arc<Proxy>,
    who: Arc<Who>,
    guard: Arc<Guard>,
    /// What the client is told if nothing comes of it.
    error: ClientError,
    lacking: Vec<Arc<ProtectedColumn>>,
    reason: String,
    cancelled: oneshot::Receiver<()>,
    gone: oneshot::Receiver<()>,
}

impl Waiting {
    /// Asks, and waits for the end of it. Ok: judge the statement anew.
    async fn run(mut self) -> Result<(), ClientError> {
        let mut changes = self.proxy.grants.changes();
        let actor = Actor::login(&self.proxy.subject(&self.who));
        let ask = self.ask()?;
        let limit = ask.held.unwrap_or_default();
        let filed = self.proxy.grants.ask(ask, Some(self.who.session), actor).await;
        let request = filed.map(|(request, _)| request).map_err(|fault| self.not_asked(&fault))?;
        self.announce(&request, limit);
        loop {
            if let Some(outcome) = self.look(request.id).await {
                return outcome;
            }
            tokio::select! {
                changed = changes.changed() => {
                    if changed.is_err() {
                        return Err(self.error);
                    }
                }
                heard = &mut self.cancelled => {
                    let Ok(()) = heard else { return Err(self.abandoned(request.id).await) };
                    self.withdraw(request.id, "the statement was cancelled").await;
                    let message = "canceling statement due to user request";
                    return Err(ClientError::new(sqlstate::QUERY_CANCELED, message));
                }
                _ = &mut self.gone => return Err(self.abandoned(request.id).await),
            }
        }
    }

    /// The session has ended.
    async fn abandoned(&self, id: RequestId) -> ClientError {
        self.withdraw(id, "its session has ended").await;
        self.error.clone()
    }

    /// What the statement lacks, no more and no longer than may be asked for.
    fn ask(&self) -> Result<Ask, ClientError> {
        let permits = self.proxy.permits(&self.who, &self.guard);
        let roles = self.proxy.grants.roles();
        let longest = roles.request_limit(permits.roles(), &self.lacking).map_err(|_| self.error.clone())?;
        Ok(Ask {
            user: self.proxy.subject(&self.who).to_string(),
            session: None,
            columns: self.lacking.clone(),
            tags: Vec::new(),
            duration: WANTED.min(longest),
            reason: self.reason.clone(),
            ticket: self.ticket(&roles.ticket_patterns(permits.roles())),
            once: false,
            export: false,
            max_rows: None,
            break_glass: false,
            held: Some(self.proxy.config.load().defaults.hold_timeout),
        })
    }

    /// Where a ticket is required, the reason must hold one.
    fn ticket(&self, patterns: &[&TicketPattern]) -> Option<String> {
        patterns.iter().find_map(|pattern| pattern.find(&self.reason)).map(str::to_owned)
    }

    /// The plain refusal, and why nobody was asked.
    fn not_asked(&self, fault: &Fault) -> ClientError {
        let error = self.error.clone().with_detail(format!("No request was filed: {fault}."));
        match fault {
            Fault::Invalid { .. } => error.with_hint(
                "Begin the statement with a comment that gives ticket and reason, or ask by bauta.request().",
            ),
            _ => error,
        }
    }

    fn announce(&self, request: &Request, limit: Duration) {
        let columns: Vec<String> = request.columns.iter().map(ToString::to_string).collect();
        let notice = SessionNotice {
            message: format!(
                "the statement waits for approval of request {} on {}, for {} at most",
                request.id,
                columns.join(", "),
                duration::show(limit)
            ),
            hint: Some("Cancel the statement to withdraw the request.".to_owned()),
        };
        // It may have ended since: then `gone` says so.
        self.proxy.sessions.notify(self.who.session, &request.user, notice);
    }

    /// What has become of the request. None: it is still open.
    async fn look(&self, id: RequestId) -> Option<Result<(), ClientError>> {
        let Ok(request) = self.proxy.grants.request(id) else { return Some(Err(self.error.clone())) };
        match request.status {
            // Another node's approval: its grant counts in a moment.
            RequestStatus::Approved
                if request.grant_id.is_some_and(|id| self.proxy.grants.is_being_made(id)) =>
            {
                None
            }
            RequestStatus::Approved => Some(Ok(())),
            RequestStatus::Denied | RequestStatus::Cancelled | RequestStatus::Expired => {
                Some(Err(self.in_vain(&request)))
            }
            RequestStatus::Pending if self.has_access() => {
                self.withdraw(id, "access came another way").await;
                Some(Ok(()))
            }
            RequestStatus::Pending => None,
        }
    }

    /// Somebody may have granted it without looking at the request.
    fn has_access(&self) -> bool {
        let permits = self.proxy.permits(&self.who, &self.guard);
        let now = self.proxy.clock.now();
        self.lacking.iter().all(|column| permits.access(column, now) != Access::Masked)
    }

    async fn withdraw(&self, id: RequestId, why: &str) {
        let actor = Actor::login(&self.proxy.subject(&self.who));
        // Decided a moment before: then there is nothing to withdraw.
        let withdrawn = self.proxy.grants.deny(id, actor, Some(why.to_owned())).await;
        if let Err(fault) = withdrawn {
            tracing::debug!(%fault, request = id.0, session = self.who.session, "request not withdrawn");
        }
    }

    fn in_vain(&self, request: &Request) -> ClientError {
        let by = request.decided_by.as_ref().map_or("nobody", Actor::called);
        let what = match request.status {
            RequestStatus::Expired => "was not decided in time".to_owned(),
            RequestStatus::Cancelled => format!("was withdrawn by {by}"),
            RequestStatus::Denied | RequestStatus::Approved | RequestStatus::Pending => {
                format!("was denied by {by}")
            }
        };
        let why = request.decision_reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        self.error.clone().with_detail(format!("Request {} {what}{why}.", request.id))
    }
}

/// Why: the comment that the text begins with, or else what was refused.
fn reason(sql: &Sql, error: &ClientError) -> String {
    let said = leading_comment(&String::from_utf8_lossy(sql.text())).unwrap_or_else(|| {
        let what = error.message.strip_prefix("permission denied: ").unwrap_or(&error.message);
        format!("a statement waits: {what}")
    });
    said.chars().take(decisions::MAX_REASON).collect()
}

/// The words of the comment at a text's very start.
fn leading_comment(text: &str) -> Option<String> {
    let text = text.trim_start();
    let comment = match text.strip_prefix("/*") {
        Some(block) => block.split("*/").next(),
        None => text.strip_prefix("--").and_then(|line| line.lines().next()),
    };
    let words: Vec<&str> = comment?.split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_comment_is_the_reason() {
        let comment = |text| leading_comment(text);
        assert_eq!(comment("-- INC-4711 refund\nSELECT 1").as_deref(), Some("INC-4711 refund"));
        assert_eq!(comment("  /* INC-4711\n refund */ SELECT 1").as_deref(), Some("INC-4711 refund"));
        assert_eq!(comment("SELECT 1 -- later"), None);
        assert_eq!(comment("/* */ SELECT 1"), None);
        assert_eq!(comment("/* open").as_deref(), Some("open"));
    }
}
