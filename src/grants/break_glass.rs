//! Break-glass: access at once for who may have it in an emergency, without an
//! approval, for minutes, and reviewed by somebody else afterwards.
//!
//! Rules: only for oneself, only by a role with `break_glass` that may request
//! the column, never with `export`. The request stays open until somebody who
//! could have approved it has said that he looked at it.

use std::time::Duration;

use super::book::{Book, Change};
use super::decisions::{Setting, check, check_duration, is_asker, may_decide};
use super::event::Event;
use super::model::{Actor, Ask, Grant, Request, RequestStatus, Review};
use super::scope::{self, ColumnName, Namesakes};
use super::{Fault, RequestId};

/// The longest access without an approval.
pub const LONGEST: Duration = Duration::from_secs(600);

impl Book {
    pub(super) fn break_glass(
        &self,
        ask: &Ask,
        asked_in: Option<i64>,
        by: &Actor,
        setting: Setting<'_>,
    ) -> Result<(Request, Change), Fault> {
        let Setting { now, roles, directory } = setting;
        check(ask)?;
        if !by.is_login(Some(&ask.user)) {
            return Err(Fault::forbidden("break-glass is for oneself alone"));
        }
        if ask.export {
            return Err(Fault::forbidden("break-glass gives no right to export"));
        }
        let mine = roles.of(&ask.user, &directory.pg_roles(&ask.user));
        let shown = Namesakes::new(directory.protected_columns()).with(&ask.columns);
        let limit = roles.break_glass_limit(&mine, &shown).map_err(|column| {
            Fault::forbidden(format!(
                "\"{}\" may not break the glass for {}",
                ask.user,
                ColumnName::of(&column)
            ))
            .with_hint(
                "no role of this login has it under \"request\" and break_glass = true, in every database that \
                 has one of this name",
            )
        })?;
        check_duration(ask.duration, limit)?;
        let asked = Request {
            break_glass: true,
            ..self.new_request(ask, scope::names(&ask.columns), asked_in, by, setting)?
        };
        let grant = Grant::from_request(&asked, self.next_grant(), &Actor::break_glass(), now)?;
        let mut request = asked.close(RequestStatus::Approved, now.wall, Actor::break_glass(), None);
        request.grant_id = Some(grant.id);
        let mut change = Change::none(now);
        change.events.push(Event::RequestCreated(request.clone()));
        change.events.push(Event::GrantCreated(grant.clone()));
        change.grants.push(grant);
        change.requests.push(request.clone());
        Ok((request, change))
    }

    /// Somebody other than the asker has looked at what was done.
    pub fn acknowledge(
        &self,
        id: RequestId,
        by: &Actor,
        note: Option<String>,
        setting: Setting<'_>,
    ) -> Result<(Request, Change), Fault> {
        let request = self.request(id)?;
        if !request.break_glass {
            return Err(Fault::conflict(format!("request {id} was not made by break-glass")));
        }
        if let Some(review) = &request.review {
            return Err(Fault::conflict(format!("request {id} was reviewed by {} already", review.by.name)));
        }
        if is_asker(request, by) {
            return Err(Fault::forbidden("break-glass cannot be reviewed by the person who did it"));
        }
        may_decide(request, by, setting)?;
        let review = Review { by: by.clone(), at: setting.now.wall, note };
        let request = Request { review: Some(review), ..request.clone() };
        let mut change = Change::none(setting.now);
        change.events.push(Event::RequestReviewed(request.clone()));
        change.requests.push(request.clone());
        Ok((request, change))
    }
}
