//! Decisions reach the sessions they are about, as NOTICEs.

use std::time::Duration;

use super::Registry;
use super::registry::SessionNotice;
use crate::grants::ColumnName;
use crate::grants::event::{Event, Listener};
use crate::grants::model::{Grant, Request};

impl Listener for Registry {
    fn happened(&self, event: &Event) {
        match event {
            Event::RequestApproved(request) if request.grant_id.is_none() => {
                self.tell_asker(request, format!("request {} needs more approvals", request.id));
            }
            // Approved for good: the grant says more.
            Event::RequestCreated(_)
            | Event::RequestApproved(_)
            | Event::RequestReviewed(_)
            | Event::GrantUsed { .. } => {}
            // The statement that waits says so itself.
            Event::RequestDenied(request) if request.held => {}
            Event::RequestDenied(request) => {
                let why = request.decision_reason.as_ref().map(|r| format!(": {r}")).unwrap_or_default();
                self.tell_asker(request, format!("request {} is {}{why}", request.id, request.status.name()));
            }
            Event::GrantCreated(grant) => {
                let until = grant.expires_at.strftime("%F %T UTC");
                let by = &grant.approved_by.name;
                let columns = spelled(&grant.columns);
                self.tell_holder(
                    grant,
                    format!("grant {} by {by}: access to {columns} until {until}", grant.id),
                );
            }
            Event::GrantExpired(grant) | Event::GrantRevoked(grant) => {
                let (columns, how) = (spelled(&grant.columns), grant.status());
                self.tell_holder(grant, format!("grant {} on {columns} has ended: {how}", grant.id));
            }
        }
    }

    /// Its people may be connected here.
    fn learnt(&self, event: &Event) {
        self.happened(event);
    }

    fn ends_soon(&self, grant: &Grant, left: Duration) {
        let (columns, seconds) = (spelled(&grant.columns), left.as_millis().div_ceil(1000));
        self.tell_holder(grant, format!("grant {} on {columns} ends in {seconds} s", grant.id));
    }
}

/// The first few, and how many more.
fn spelled(columns: &[ColumnName]) -> String {
    const SHOWN: usize = 3;
    let first: Vec<String> = columns.iter().take(SHOWN).map(ToString::to_string).collect();
    let more = columns.len().saturating_sub(SHOWN);
    if more == 0 { first.join(", ") } else { format!("{} and {more} more", first.join(", ")) }
}

impl Registry {
    /// The session that asked; if it was asked outside one, all of the login.
    fn tell_asker(&self, request: &Request, message: String) {
        match request.asked_in.or(request.session) {
            Some(id) => drop(self.notify(id, &request.user, SessionNotice { message, hint: None })),
            None => self.tell_login(&request.user, &message),
        }
    }

    fn tell_holder(&self, grant: &Grant, message: String) {
        match grant.session {
            Some(id) => drop(self.notify(id, &grant.user, SessionNotice { message, hint: None })),
            None => self.tell_login(&grant.user, &message),
        }
    }

    fn tell_login(&self, login: &str, message: &str) {
        for session in self.list().into_iter().filter(|s| s.subject() == login) {
            // It may have ended since: then nobody wants to know.
            self.notify(session.id, login, SessionNotice { message: message.to_owned(), hint: None });
        }
    }
}
