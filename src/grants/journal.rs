//! Events of grants as records of the audit log.

use std::sync::Arc;

use super::event::{Answer, Event, Journal, JournalError};
use super::model::{Actor, END_USER, Grant, Request};
use crate::audit::record::{
    GrantCreated, GrantExpired, GrantRevoked, GrantUsed, RequestApproved, RequestCreated, RequestDenied,
    RequestReviewed,
};
use crate::audit::{self, Log, Record, Who};

impl Journal for Log {
    fn record<'a>(&'a self, event: &'a Event) -> Answer<'a, Result<(), JournalError>> {
        Box::pin(async move {
            let failed = |e: audit::AuditError| JournalError(e.to_string());
            let ticket = self.submit(record(event)).await.map_err(failed)?;
            self.durable(ticket).await.map_err(failed)
        })
    }
}

/// The record of one event. `user` is the person whose access it is about.
fn record(event: &Event) -> Record {
    let (user, session) = match event {
        Event::RequestCreated(r)
        | Event::RequestApproved(r)
        | Event::RequestDenied(r)
        | Event::RequestReviewed(r) => (&r.user, r.asked_in.or(r.session)),
        Event::GrantCreated(g) | Event::GrantExpired(g) | Event::GrantRevoked(g) => (&g.user, g.session),
        Event::GrantUsed { user, session, .. } => (user, Some(*session)),
    };
    // A person behind a shared login is named in both members alike.
    let end_user = user.strip_prefix(END_USER).map(Arc::from);
    let who = Who { session: session.unwrap_or(0), user: user.as_str().into(), end_user, ..Who::default() };
    Record { who: Arc::new(who), event: audited(event) }
}

fn audited(event: &Event) -> audit::Event {
    match event {
        Event::RequestCreated(r) => audit::Event::RequestCreated(RequestCreated {
            request: r.id.0,
            columns: r.columns.iter().map(ToString::to_string).collect(),
            duration_s: r.duration.as_secs(),
            reason: r.reason.clone(),
            ticket: r.ticket.clone(),
            once: r.once,
            export: r.export,
            max_rows: r.max_rows,
            by: r.requested_by.name.clone(),
            break_glass: r.break_glass,
        }),
        Event::RequestApproved(r) => audit::Event::RequestApproved(RequestApproved {
            request: r.id.0,
            by: r.approvals.last().map(|a| a.by.name.clone()).unwrap_or_default(),
            grant: r.grant_id.map(|g| g.0),
            duration_s: r.agreed_duration.as_secs(),
        }),
        Event::RequestDenied(r) => audit::Event::RequestDenied(RequestDenied {
            request: r.id.0,
            by: name(r.decided_by.as_ref()),
            reason: denial(r),
        }),
        Event::RequestReviewed(r) => audit::Event::RequestReviewed(RequestReviewed {
            request: r.id.0,
            by: r.review.as_ref().map(|review| review.by.name.clone()).unwrap_or_default(),
            note: r.review.as_ref().and_then(|review| review.note.clone()),
            grant: r.grant_id.map(|g| g.0),
        }),
        Event::GrantCreated(g) => audit::Event::GrantCreated(created(g)),
        Event::GrantUsed { grant, uses, .. } => {
            audit::Event::GrantUsed(GrantUsed { grant: grant.0, uses: *uses })
        }
        Event::GrantExpired(g) => {
            audit::Event::GrantExpired(GrantExpired { grant: g.id.0, uses: g.uses, rows: rows(g) })
        }
        Event::GrantRevoked(g) => audit::Event::GrantRevoked(GrantRevoked {
            grant: g.id.0,
            by: name(g.ended.as_ref().map(|e| &e.by)),
            reason: g.ended.as_ref().and_then(|e| e.reason.clone()),
            uses: g.uses,
            rows: rows(g),
        }),
    }
}

/// What may still be on its way counts.
fn rows(grant: &Grant) -> Option<u64> {
    grant.max_rows.map(|_| grant.rows.saturating_add(grant.reserved))
}

fn name(actor: Option<&Actor>) -> String {
    actor.map(|a| a.name.clone()).unwrap_or_default()
}

/// Withdrawn and timed-out requests are recorded as denied, with what it was.
fn denial(request: &Request) -> Option<String> {
    let status = request.status.name();
    match &request.decision_reason {
        Some(reason) if status == "denied" => Some(reason.clone()),
        Some(reason) => Some(format!("{status}: {reason}")),
        None if status == "denied" => None,
        None => Some(status.to_owned()),
    }
}

fn created(g: &Grant) -> GrantCreated {
    GrantCreated {
        grant: g.id.0,
        columns: g.columns.iter().map(ToString::to_string).collect(),
        tags: g.tags.clone(),
        reason: g.reason.clone(),
        ticket: g.ticket.clone(),
        requested_by: g.requested_by.called().to_owned(),
        approved_by: g.approved_by.name.clone(),
        expires_at: g.expires_at,
        once: g.once,
        export: g.export,
        max_rows: g.max_rows,
        break_glass: g.break_glass,
    }
}
