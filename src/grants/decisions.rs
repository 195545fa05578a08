//! The operations of the lifecycle: ask, approve, deny, grant, revoke, use.
//! Pure: (book, who, setting) → change, or the fault that says why not.
//!
//! The rules that matter: nobody decides about his own access, whatever his
//! roles; N approvals are N people; an approver may narrow, never widen.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::book::{Book, Change};
use super::event::Event;
use super::model::{Actor, Approval, Ask, EndedHow, Grant, Request, RequestStatus};
use super::roles::Roles;
use super::scope::{ColumnName, Namesakes};
use super::{Directory, Fault, GrantId, RequestId, duration, scope};
use crate::clock::Now;
use crate::config::TicketPattern;
use crate::policy::ProtectedColumn;

/// Open requests of one login: a client must not fill the store.
pub const MAX_OPEN_REQUESTS: usize = 50;
/// Characters of a reason.
pub const MAX_REASON: usize = 1000;
/// Characters of a ticket.
pub const MAX_TICKET: usize = 200;

/// What decisions depend on besides the book.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    pub now: Now,
    pub roles: &'a Roles,
    pub directory: &'a dyn Directory,
}

/// What an approver agrees to; None: all that was asked for.
#[derive(Debug, Clone, Default)]
pub struct Narrowing {
    pub duration: Option<Duration>,
    pub columns: Option<Vec<ColumnName>>,
}

impl Book {
    /// Files a request. The same open request again is that request, unchanged.
    pub fn ask(
        &self,
        ask: &Ask,
        asked_in: Option<i64>,
        by: &Actor,
        setting: Setting<'_>,
    ) -> Result<(Request, Change), Fault> {
        let Setting { now, roles, directory } = setting;
        if ask.break_glass {
            return self.break_glass(ask, asked_in, by, setting);
        }
        check(ask)?;
        let asker = roles.of(&ask.user, &directory.pg_roles(&ask.user));
        let shown = Namesakes::new(directory.protected_columns()).with(&ask.columns);
        let limit = roles.request_limit(&asker, &shown).map_err(|column| may_not_ask(&ask.user, &column))?;
        check_duration(ask.duration, limit)?;
        check_ticket(ask.ticket.as_deref(), &roles.ticket_patterns(&asker))?;
        let names = scope::names(&ask.columns);
        let open: Vec<&Request> =
            self.requests().filter(|r| r.status == RequestStatus::Pending && r.user == ask.user).collect();
        if let Some(same) = open.iter().find(|r| is_same(r, ask, asked_in, &names)) {
            return Ok(((*same).clone(), Change::none(now)));
        }
        if open.len() >= MAX_OPEN_REQUESTS {
            return Err(Fault::forbidden(format!(
                "{} requests of \"{}\" are open",
                MAX_OPEN_REQUESTS, ask.user
            ))
            .with_hint("wait for a decision"));
        }
        let request = self.new_request(ask, names, asked_in, by, setting)?;
        let mut change = Change::none(now);
        change.events.push(Event::RequestCreated(request.clone()));
        change.requests.push(request.clone());
        Ok((request, change))
    }

    pub(super) fn new_request(
        &self,
        ask: &Ask,
        names: Vec<ColumnName>,
        asked_in: Option<i64>,
        by: &Actor,
        setting: Setting<'_>,
    ) -> Result<Request, Fault> {
        let Setting { now, roles, .. } = setting;
        Ok(Request {
            id: self.next_request(),
            user: ask.user.clone(),
            session: ask.session,
            asked_in,
            agreed_columns: names.clone(),
            agreed_duration: ask.duration,
            columns: names,
            tags: ask.tags.clone(),
            duration: ask.duration,
            reason: ask.reason.trim().to_owned(),
            ticket: ask.ticket.clone(),
            once: ask.once,
            export: ask.export,
            max_rows: ask.max_rows,
            held: ask.held.is_some(),
            break_glass: false,
            review: None,
            requested_by: by.clone(),
            status: RequestStatus::Pending,
            approvals: Vec::new(),
            created_at: now.wall,
            expires_at: later(
                now.wall,
                ask.held.map_or(roles.request_timeout, |held| held.min(roles.request_timeout)),
            )?,
            decided_by: None,
            decided_at: None,
            decision_reason: None,
            grant_id: None,
        })
    }

    /// One person's yes; with enough of them, the grant.
    pub fn approve(
        &self,
        id: RequestId,
        by: &Actor,
        narrowing: &Narrowing,
        setting: Setting<'_>,
    ) -> Result<(Request, Change), Fault> {
        let now = setting.now;
        let open = self.open_request(id, now)?;
        if is_asker(open, by) {
            return Err(Fault::forbidden("a request cannot be approved by the person who made it"));
        }
        may_decide(open, by, setting)?;
        if open.approvals.iter().any(|a| a.by.is_same_person(by)) {
            return Err(Fault::conflict(format!("request {id} has your approval already")));
        }
        let mut request = narrow(open, narrowing)?;
        still_allowed(&request, setting)?;
        request.approvals.push(Approval { by: by.clone(), at: now.wall });
        let mut change = Change::none(now);
        if request.approvals.len() >= setting.roles.approvals {
            let grant = Grant::from_request(&request, self.next_grant(), by, now)?;
            request = request.close(RequestStatus::Approved, now.wall, by.clone(), None);
            request.grant_id = Some(grant.id);
            change.events.push(Event::RequestApproved(request.clone()));
            change.events.push(Event::GrantCreated(grant.clone()));
            change.grants.push(grant);
        } else {
            change.events.push(Event::RequestApproved(request.clone()));
        }
        change.requests.push(request.clone());
        Ok((request, change))
    }

    /// One person's no is enough. From the asker it is a withdrawal.
    pub fn deny(
        &self,
        id: RequestId,
        by: &Actor,
        reason: Option<String>,
        setting: Setting<'_>,
    ) -> Result<(Request, Change), Fault> {
        let open = self.open_request(id, setting.now)?;
        let status = if is_asker(open, by) {
            RequestStatus::Cancelled
        } else {
            may_decide(open, by, setting)?;
            RequestStatus::Denied
        };
        let request = open.close(status, setting.now.wall, by.clone(), reason);
        let mut change = Change::none(setting.now);
        change.events.push(Event::RequestDenied(request.clone()));
        change.requests.push(request.clone());
        Ok((request, change))
    }

    /// An administrator's grant, without a request.
    pub fn give(&self, ask: &Ask, by: &Actor, setting: Setting<'_>) -> Result<(Grant, Change), Fault> {
        let Setting { now, roles, directory } = setting;
        if !by.admin {
            return Err(Fault::forbidden(format!("{} may not grant", by.name)));
        }
        if by.is_login(Some(&ask.user)) {
            return Err(Fault::forbidden("nobody grants himself access")
                .with_hint("ask for it (bauta request): a second person approves"));
        }
        check(ask)?;
        let limit = roles.grant_limit(&roles.of(&ask.user, &directory.pg_roles(&ask.user)));
        check_duration(ask.duration, limit)?;
        let grant = Grant {
            id: self.next_grant(),
            user: ask.user.clone(),
            session: ask.session,
            columns: scope::names(&ask.columns),
            tags: ask.tags.clone(),
            reason: ask.reason.trim().to_owned(),
            ticket: ask.ticket.clone(),
            once: ask.once,
            export: ask.export,
            max_rows: ask.max_rows,
            break_glass: false,
            request: None,
            requested_by: by.clone(),
            approved_by: by.clone(),
            created_at: now.wall,
            expires_at: later(now.wall, ask.duration)?,
            ended: None,
            uses: 0,
            rows: 0,
            reserved: 0,
        };
        let mut change = Change::none(now);
        change.events.push(Event::GrantCreated(grant.clone()));
        change.grants.push(grant.clone());
        Ok((grant, change))
    }

    /// Ends a grant before its time. Its own holder may do so too.
    pub fn revoke(
        &self,
        id: GrantId,
        by: &Actor,
        reason: Option<String>,
        now: Now,
    ) -> Result<(Grant, Change), Fault> {
        let grant = self.revocable_grant(id, now)?;
        if !by.admin && !by.is_login(Some(&grant.user)) {
            return Err(Fault::forbidden(format!("{} may not revoke grant {id}", by.name)));
        }
        let grant = grant.end(EndedHow::Revoked, now.wall, by.clone(), reason);
        let mut change = Change::none(now);
        change.events.push(Event::GrantRevoked(grant.clone()));
        change.grants.push(grant.clone());
        Ok((grant, change))
    }

    /// A `once` grant ends with this statement.
    pub fn consume(&self, id: GrantId, session: i64, now: Now) -> Result<Change, Fault> {
        let live = self.live_grant(id, now)?;
        let mut grant = live.end(
            EndedHow::Used,
            now.wall,
            Actor::login(&live.user),
            Some("its one statement".to_owned()),
        );
        grant.uses = grant.uses.saturating_add(1);
        let mut change = Change::none(now);
        change.events.push(Event::GrantUsed { grant: id, user: grant.user.clone(), session, uses: 1 });
        change.events.push(Event::GrantExpired(grant.clone()));
        change.grants.push(grant);
        Ok(change)
    }
}

impl Grant {
    pub(super) fn from_request(request: &Request, id: GrantId, by: &Actor, now: Now) -> Result<Self, Fault> {
        Ok(Self {
            id,
            user: request.user.clone(),
            session: request.session,
            columns: request.agreed_columns.clone(),
            tags: request.tags.clone(),
            reason: request.reason.clone(),
            ticket: request.ticket.clone(),
            once: request.once,
            export: request.export,
            max_rows: request.max_rows,
            break_glass: request.break_glass,
            request: Some(request.id),
            requested_by: request.requested_by.clone(),
            approved_by: by.clone(),
            created_at: now.wall,
            expires_at: later(now.wall, request.agreed_duration)?,
            ended: None,
            uses: 0,
            rows: 0,
            reserved: 0,
        })
    }
}

/// The person who asked, or for whom it was asked, under any name.
pub(super) fn is_asker(request: &Request, by: &Actor) -> bool {
    by.is_same_person(&request.requested_by) || by.is_login(Some(&request.user))
}

/// Administrators decide everything; others need a role with `approve` on
/// every column, in every database that has one of that name.
pub(super) fn may_decide(request: &Request, by: &Actor, setting: Setting<'_>) -> Result<(), Fault> {
    if by.admin {
        return Ok(());
    }
    let login = by.login.as_deref().unwrap_or_default();
    let roles = setting.roles.of(login, &setting.directory.pg_roles(login));
    let protected = setting.directory.protected_columns();
    for name in &request.agreed_columns {
        let mut named = protected.iter().filter(|c| name.names(c)).peekable();
        if named.peek().is_none() || !named.all(|c| Roles::may_approve(&roles, c)) {
            return Err(Fault::forbidden(format!("{} may not decide about {name}", by.name)));
        }
    }
    Ok(())
}

/// Roles may have changed since the request was made.
fn still_allowed(request: &Request, setting: Setting<'_>) -> Result<(), Fault> {
    let protected = setting.directory.protected_columns();
    let columns: Vec<Arc<ProtectedColumn>> =
        protected.into_iter().filter(|c| request.agreed_columns.iter().any(|name| name.names(c))).collect();
    // What is not known can't be judged.
    if let Some(name) = request.agreed_columns.iter().find(|name| !columns.iter().any(|c| name.names(c))) {
        return Err(Fault::conflict(format!("{name} is not protected, or its database can't be read now")));
    }
    let roles = setting.roles.of(&request.user, &setting.directory.pg_roles(&request.user));
    match setting.roles.request_limit(&roles, &columns) {
        Ok(limit) if request.agreed_duration <= limit => Ok(()),
        Ok(limit) => Err(Fault::duration(format!(
            "\"{}\" may now have this for at most {}",
            request.user,
            duration::show(limit)
        ))),
        Err(column) => Err(Fault::conflict(format!(
            "\"{}\" may no longer ask for {}",
            request.user,
            ColumnName::of(&column)
        ))),
    }
}

fn narrow(request: &Request, narrowing: &Narrowing) -> Result<Request, Fault> {
    let mut request = request.clone();
    if let Some(duration) = narrowing.duration {
        if duration > request.agreed_duration {
            return Err(Fault::duration(format!(
                "an approval may shorten, not lengthen: {} at most",
                duration::show(request.agreed_duration)
            )));
        }
        request.agreed_duration = duration;
    }
    if let Some(columns) = &narrowing.columns {
        if let Some(wider) = columns.iter().find(|c| !request.agreed_columns.contains(c)) {
            return Err(Fault::invalid(format!(
                "an approval may narrow, not widen: {wider} was not asked for"
            )));
        }
        if columns.is_empty() {
            return Err(Fault::invalid("an approval of no column").with_hint("deny the request instead"));
        }
        request.agreed_columns = columns.clone();
    }
    Ok(request)
}

/// A request that a statement waits for is that statement's alone: who gives
/// up his own must not take another's.
fn is_same(request: &Request, ask: &Ask, asked_in: Option<i64>, names: &[ColumnName]) -> bool {
    request.columns == names
        && request.held == ask.held.is_some()
        && (!request.held || request.asked_in == asked_in)
        && request.session == ask.session
        && request.duration == ask.duration
        && request.reason == ask.reason.trim()
        && request.ticket == ask.ticket
        && request.once == ask.once
        && request.export == ask.export
        && request.max_rows == ask.max_rows
}

pub(super) fn may_not_ask(user: &str, column: &ProtectedColumn) -> Fault {
    Fault::forbidden(format!("\"{user}\" may not ask for {}", ColumnName::of(column))).with_hint(
        "no role of this login has it under \"request\", in every database that has one of this name",
    )
}

/// What must hold of anything that becomes a grant.
pub(super) fn check(ask: &Ask) -> Result<(), Fault> {
    if ask.user.is_empty() {
        return Err(Fault::invalid("no user given"));
    }
    if ask.columns.is_empty() {
        return Err(Fault::invalid("no columns given").with_hint("name columns, tables or tags"));
    }
    if ask.reason.trim().is_empty() {
        return Err(Fault::invalid("a reason is required").with_hint("say why: it stands in the audit log"));
    }
    if ask.reason.chars().count() > MAX_REASON {
        return Err(Fault::invalid(format!("the reason is longer than {MAX_REASON} characters")));
    }
    if ask.ticket.as_ref().is_some_and(|t| t.chars().count() > MAX_TICKET) {
        return Err(Fault::invalid(format!("the ticket is longer than {MAX_TICKET} characters")));
    }
    if ask.max_rows == Some(0) {
        return Err(Fault::invalid("max_rows must be at least 1"));
    }
    if ask.max_rows.is_some() && ask.export {
        return Err(Fault::invalid("max_rows cannot be kept together with export")
            .with_hint("rows that are copied into tables are not shown, and not counted"));
    }
    Ok(())
}

pub(super) fn check_duration(wanted: Duration, limit: Duration) -> Result<(), Fault> {
    if wanted < Duration::from_secs(1) {
        return Err(Fault::duration("a grant lasts at least one second"));
    }
    if wanted > limit {
        let (wanted, limit) = (duration::show(wanted), duration::show(limit));
        return Err(Fault::duration(format!("{wanted} is too long: at most {limit}")));
    }
    Ok(())
}

fn check_ticket(ticket: Option<&str>, patterns: &[&TicketPattern]) -> Result<(), Fault> {
    let Some(first) = patterns.first() else { return Ok(()) };
    let fault = match ticket {
        Some(ticket) if patterns.iter().any(|pattern| pattern.fits(ticket)) => return Ok(()),
        Some(ticket) => Fault::invalid(format!("\"{ticket}\" is not a ticket")),
        None => Fault::invalid("a ticket is required"),
    };
    Err(fault.with_hint(format!("tickets have the form {}", first.as_str())))
}

fn later(now: Timestamp, by: Duration) -> Result<Timestamp, Fault> {
    now.checked_add(by).map_err(|_| Fault::duration("the end is beyond what a calendar can say"))
}
