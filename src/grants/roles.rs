//! What the configuration's roles allow a person: several roles add up.

use std::sync::Arc;
use std::time::Duration;

use super::{break_glass, scope};
use crate::config::{Config, RefusalMode, Role, TicketPattern};
use crate::policy::ProtectedColumn;

/// The part of the configuration that grants depend on. Immutable; swapped
/// whole by a reload.
#[derive(Debug, Clone)]
pub struct Roles {
    /// Whose roles these are: [`Config::sha256`].
    pub policy: Arc<str>,
    roles: Vec<Arc<Role>>,
    /// Of a grant, where no role says otherwise.
    pub max_duration: Duration,
    /// Distinct people who must approve a request.
    pub approvals: usize,
    /// What a refusal does, where no role says otherwise.
    pub refusal: RefusalMode,
    /// A request that nobody decides ends after this.
    pub request_timeout: Duration,
    /// What tickets look like, where no role says otherwise.
    pub ticket_pattern: Option<TicketPattern>,
}

impl Roles {
    pub fn new(config: &Config) -> Self {
        Self {
            policy: config.sha256.as_str().into(),
            roles: config.roles.iter().cloned().map(Arc::new).collect(),
            max_duration: config.defaults.max_duration,
            approvals: usize::try_from(config.defaults.approvals).unwrap_or(usize::MAX).max(1),
            refusal: config.defaults.refusal,
            request_timeout: config.defaults.request_timeout,
            ticket_pattern: config.defaults.ticket_pattern.clone(),
        }
    }

    /// Roles alone, for tests that need no file.
    #[cfg(test)]
    pub fn of_test(roles: Vec<Role>, approvals: usize) -> Self {
        Self {
            policy: "".into(),
            roles: roles.into_iter().map(Arc::new).collect(),
            max_duration: Duration::from_secs(3600),
            approvals,
            refusal: RefusalMode::Error,
            request_timeout: Duration::from_secs(24 * 3600),
            ticket_pattern: None,
        }
    }

    /// The same with each role changed.
    #[cfg(test)]
    pub fn with(mut self, change: impl Fn(&mut Role)) -> Self {
        self.roles.iter_mut().for_each(|role| change(Arc::make_mut(role)));
        self
    }

    pub fn all(&self) -> impl Iterator<Item = &Role> {
        self.roles.iter().map(|role| &**role)
    }

    /// The roles of a login that is in these PostgreSQL roles. (A login is a
    /// member of itself: `pg:NAME` counts for the login NAME.)
    pub fn of(&self, login: &str, pg_roles: &[Arc<str>]) -> Vec<Arc<Role>> {
        let is_member = |role: &Role| {
            role.members.iter().any(|m| m == login)
                || role.member_roles.iter().any(|m| m == login || pg_roles.iter().any(|r| **r == **m))
        };
        self.roles.iter().filter(|r| is_member(r)).cloned().collect()
    }

    /// The longest grant that a request of these roles for all these columns
    /// may lead to. Err: the first column that they may not ask for.
    pub fn request_limit(
        &self,
        roles: &[Arc<Role>],
        columns: &[Arc<ProtectedColumn>],
    ) -> Result<Duration, Arc<ProtectedColumn>> {
        let mut limit = Duration::MAX;
        for column in columns {
            let longest = roles
                .iter()
                .filter(|r| r.request.iter().any(|s| scope::covers(s, column)))
                .map(|r| r.max_duration.unwrap_or(self.max_duration))
                .max();
            limit = limit.min(longest.ok_or_else(|| column.clone())?);
        }
        Ok(limit)
    }

    /// The longest access that these roles may take for all these columns
    /// without an approval. Err: the first column that they may not.
    pub fn break_glass_limit(
        &self,
        roles: &[Arc<Role>],
        columns: &[Arc<ProtectedColumn>],
    ) -> Result<Duration, Arc<ProtectedColumn>> {
        let roles: Vec<_> = roles.iter().filter(|r| r.break_glass).cloned().collect();
        Ok(self.request_limit(&roles, columns)?.min(break_glass::LONGEST))
    }

    /// What a ticket of somebody of these roles must look like: like one of
    /// these; none: anything will do.
    pub fn ticket_patterns<'a>(&'a self, roles: &'a [Arc<Role>]) -> Vec<&'a TicketPattern> {
        let own: Vec<_> = roles.iter().filter_map(|r| r.ticket_pattern.as_ref()).collect();
        if own.is_empty() { self.ticket_pattern.iter().collect() } else { own }
    }

    /// The longest grant that an administrator may give to somebody of these roles.
    pub fn grant_limit(&self, roles: &[Arc<Role>]) -> Duration {
        roles.iter().filter_map(|r| r.max_duration).max().unwrap_or(self.max_duration).max(self.max_duration)
    }

    /// May these roles approve access to this column?
    pub fn may_approve(roles: &[Arc<Role>], column: &ProtectedColumn) -> bool {
        roles.iter().any(|r| r.approve.iter().any(|s| scope::covers(s, column)))
    }
}
