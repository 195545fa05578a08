//! What roles no longer allow: a role lost a column, a member or some of its
//! time since a request was made or granted. It ends.
//!
//! An administrator's own grant needs no role, and stays. A column that is
//! unknown at present can't be judged; nor can it be shown.

use std::time::{Duration, Instant};

use super::GrantId;
use super::book::{Book, Change};
use super::decisions::Setting;
use super::event::Event;
use super::model::{Actor, EndedHow, Grant, Request, RequestStatus};
use super::scope::{ColumnName, Namesakes};

const REASON: &str = "the roles no longer allow it";

impl Book {
    /// Ends of all that the roles of this moment would not allow to be asked for.
    pub fn unallowed(&self, setting: Setting<'_>) -> Change {
        let now = setting.now;
        let mut change = Change::none(now);
        let asked = |grant: &&Grant| grant.request.is_some();
        let grants: Vec<&Grant> = self.live_grants(now).map(|(grant, _)| grant).filter(asked).collect();
        let pending = |r: &&Request| r.status == RequestStatus::Pending;
        let requests: Vec<&Request> = self.requests().filter(pending).collect();
        if grants.is_empty() && requests.is_empty() {
            return change;
        }
        let law = Law::new(setting);
        for grant in grants.into_iter().filter(|grant| !law.keeps(grant, self.until(grant.id))) {
            let ended = grant.end(EndedHow::Revoked, now.wall, Actor::system(), Some(REASON.to_owned()));
            change.events.push(Event::GrantRevoked(ended.clone()));
            change.grants.push(ended);
        }
        for request in
            requests.into_iter().filter(|r| !law.allows(&r.user, &r.columns, Duration::ZERO, false))
        {
            let why = Some(REASON.to_owned());
            let closed = request.close(RequestStatus::Cancelled, now.wall, Actor::system(), why);
            change.events.push(Event::RequestDenied(closed.clone()));
            change.requests.push(closed);
        }
        change
    }

    /// Those of these grants that the roles of this moment would not allow.
    pub(super) fn unallowed_of(&self, grants: &[Grant], setting: Setting<'_>) -> Vec<GrantId> {
        let live = |grant: &&Grant| grant.request.is_some() && grant.ended.is_none();
        let mut asked = grants.iter().filter(live).peekable();
        if asked.peek().is_none() {
            return Vec::new();
        }
        let law = Law::new(setting);
        asked.filter(|grant| !law.keeps(grant, self.until(grant.id))).map(|grant| grant.id).collect()
    }
}

/// The roles, and the columns that they are about: those of their own policy. A
/// tag may have been renamed in rules and roles alike.
struct Law<'a> {
    setting: Setting<'a>,
    columns: Namesakes,
}

impl<'a> Law<'a> {
    fn new(setting: Setting<'a>) -> Self {
        let columns = Namesakes::new(setting.directory.columns_of(&setting.roles.policy));
        Self { setting, columns }
    }

    /// Is the grant nobody's request, or may its holder still have it?
    fn keeps(&self, grant: &Grant, until: Option<Instant>) -> bool {
        let left = until.map_or(Duration::ZERO, |u| u.saturating_duration_since(self.setting.now.mono));
        let lasted = grant.length().saturating_sub(left);
        grant.request.is_none() || self.allows(&grant.user, &grant.columns, lasted, grant.break_glass)
    }

    /// May `user` still have all of these, after so long?
    fn allows(&self, user: &str, names: &[ColumnName], lasted: Duration, break_glass: bool) -> bool {
        let columns: Vec<_> = names.iter().flat_map(|name| self.columns.of(name)).cloned().collect();
        let Setting { roles, directory, .. } = self.setting;
        let mine = roles.of(user, &directory.pg_roles(user));
        let limit = match break_glass {
            true => roles.break_glass_limit(&mine, &columns),
            false => roles.request_limit(&mine, &columns),
        };
        limit.is_ok_and(|limit| lasted < limit)
    }
}
