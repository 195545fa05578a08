//! What roles no longer allow: a role lost a column, a member or some of its
//! time since a request was made or granted. It ends.
//!
//! An administrator's own grant needs no role, and stays. A column that is
//! unknown at present can't be judged; nor can it be shown.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::book::{Book, Change};
use super::decisions::Setting;
use super::event::Event;
use super::model::{Actor, EndedHow, Grant, Request, RequestStatus};
use super::scope::ColumnName;
use crate::policy::ProtectedColumn;

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
        for grant in grants {
            let left = self.until(grant.id).map_or(Duration::ZERO, |u| u.saturating_duration_since(now.mono));
            let lasted = grant.length().saturating_sub(left);
            if law.allows(&grant.user, &grant.columns, lasted, grant.break_glass) {
                continue;
            }
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
}

/// The roles, and the columns that they are about.
struct Law<'a> {
    setting: Setting<'a>,
    /// Columns of one name, in every database that has one.
    columns: HashMap<ColumnName, Vec<Arc<ProtectedColumn>>>,
}

impl<'a> Law<'a> {
    fn new(setting: Setting<'a>) -> Self {
        let mut columns: HashMap<ColumnName, Vec<Arc<ProtectedColumn>>> = HashMap::new();
        for column in setting.directory.protected_columns() {
            columns.entry(ColumnName::of(&column)).or_default().push(column);
        }
        Self { setting, columns }
    }

    /// May `user` still have all of these, after so long?
    fn allows(&self, user: &str, names: &[ColumnName], lasted: Duration, break_glass: bool) -> bool {
        let columns: Vec<_> = names.iter().filter_map(|n| self.columns.get(n)).flatten().cloned().collect();
        let Setting { roles, directory, .. } = self.setting;
        let mine = roles.of(user, &directory.pg_roles(user));
        let limit = match break_glass {
            true => roles.break_glass_limit(&mine, &columns),
            false => roles.request_limit(&mine, &columns),
        };
        limit.is_ok_and(|limit| lasted < limit)
    }
}
