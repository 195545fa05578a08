//! What a grant and a request are. Plain data: the lifecycle is in `book`.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::scope::ColumnName;
use super::{GrantId, RequestId};
use crate::policy::ProtectedColumn;

/// Stands before the name of a person behind a shared login, wherever a login
/// could stand too. No login may begin so.
pub const END_USER: &str = "user:";

/// Somebody who asks, decides, grants or revokes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// As recorded: a login for SQL sessions, `uid:0(root)` on the control socket.
    pub name: String,
    /// The person's PostgreSQL login, where one is known; for one who is named
    /// by a shared login's token, [`END_USER`] and that name.
    pub login: Option<String>,
    /// What else the same person is called: [`END_USER`] and a name.
    #[serde(default)]
    pub end_user: Option<String>,
    /// May administer: decide anybody else's request, grant, revoke.
    pub admin: bool,
}

impl Actor {
    /// Somebody in a SQL session.
    pub fn login(login: &str) -> Self {
        Self { name: login.to_owned(), login: Some(login.to_owned()), end_user: None, admin: false }
    }
    /// Stands where an approver would, where there is none.
    pub fn break_glass() -> Self {
        Self { name: "break-glass".to_owned(), login: None, end_user: None, admin: false }
    }
    /// bauta itself.
    pub fn system() -> Self {
        Self { name: "bauta".to_owned(), login: None, end_user: None, admin: false }
    }
    /// Two names may be one person: the same login counts, however they came in.
    pub fn is_same_person(&self, other: &Self) -> bool {
        self.name == other.name
            || self.is_login(other.login.as_deref())
            || self.is_login(other.end_user.as_deref())
    }
    /// Is this the person with that login, or end user's name?
    pub fn is_login(&self, login: Option<&str>) -> bool {
        login.is_some() && (self.login.as_deref() == login || self.end_user.as_deref() == login)
    }
    /// The login where there is one: what people call each other.
    pub fn called(&self) -> &str {
        self.login.as_deref().unwrap_or(&self.name)
    }
}

/// What somebody wants: for whom, what, how long, why.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The login that shall see the columns.
    pub user: String,
    /// Only in this session of `user`; None: in all of them.
    pub session: Option<i64>,
    /// Resolved: see [`super::scope::resolve`].
    pub columns: Vec<Arc<ProtectedColumn>>,
    /// The tags that were asked for, as a remark; `columns` decides.
    pub tags: Vec<String>,
    pub duration: Duration,
    pub reason: String,
    pub ticket: Option<String>,
    /// Ends with the first statement that used it.
    pub once: bool,
    /// May revealed values be copied into tables?
    pub export: bool,
    /// Rows revealed in all.
    pub max_rows: Option<u64>,
    /// A statement of the session that asks waits for it, this long at most.
    pub held: Option<Duration>,
    /// Grant it at once, without anybody's approval, and have it reviewed.
    pub break_glass: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestStatus {
    Pending,
    Approved,
    Denied,
    Cancelled,
    Expired,
}

impl RequestStatus {
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    pub by: Actor,
    pub at: Timestamp,
}

/// Somebody has looked at what was done by break-glass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    pub by: Actor,
    pub at: Timestamp,
    pub note: Option<String>,
}

/// Somebody asks for a grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    pub id: RequestId,
    pub user: String,
    pub session: Option<i64>,
    /// The session that asked, in this process: it hears of the decision.
    pub asked_in: Option<i64>,
    /// What was asked for.
    pub columns: Vec<ColumnName>,
    pub tags: Vec<String>,
    pub duration: Duration,
    pub reason: String,
    pub ticket: Option<String>,
    pub once: bool,
    pub export: bool,
    pub max_rows: Option<u64>,
    /// A statement of `asked_in` waits for the decision.
    #[serde(default)]
    pub held: bool,
    /// Granted at once by its asker; open until somebody else has reviewed it.
    #[serde(default)]
    pub break_glass: bool,
    #[serde(default)]
    pub review: Option<Review>,
    pub requested_by: Actor,
    pub status: RequestStatus,
    /// By distinct people, none of them the asker.
    pub approvals: Vec<Approval>,
    /// What every approver so far agreed to: never more than was asked for.
    pub agreed_columns: Vec<ColumnName>,
    pub agreed_duration: Duration,
    pub created_at: Timestamp,
    /// When it ends if nobody decides.
    pub expires_at: Timestamp,
    pub decided_by: Option<Actor>,
    pub decided_at: Option<Timestamp>,
    pub decision_reason: Option<String>,
    pub grant_id: Option<GrantId>,
}

impl Request {
    pub fn needs_review(&self) -> bool {
        self.break_glass && self.review.is_none()
    }
    /// Somebody still has to look at it: to decide, or to review.
    pub fn is_open(&self) -> bool {
        self.status == RequestStatus::Pending || self.needs_review()
    }
}

/// Why a grant is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndedHow {
    Expired,
    Revoked,
    /// `once`: its statement has run. `max_rows`: that many were revealed.
    Used,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    pub at: Timestamp,
    pub how: EndedHow,
    pub by: Actor,
    pub reason: Option<String>,
}

/// `(who, which columns, until when, why, who approved)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    pub id: GrantId,
    pub user: String,
    /// Only in this session of `user`.
    pub session: Option<i64>,
    pub columns: Vec<ColumnName>,
    pub tags: Vec<String>,
    pub reason: String,
    pub ticket: Option<String>,
    pub once: bool,
    pub export: bool,
    pub max_rows: Option<u64>,
    /// Nobody approved it.
    #[serde(default)]
    pub break_glass: bool,
    pub request: Option<RequestId>,
    pub requested_by: Actor,
    /// The last of the people who approved, or who granted.
    pub approved_by: Actor,
    pub created_at: Timestamp,
    /// Absolute: from the approval, whatever happens to sessions.
    pub expires_at: Timestamp,
    pub ended: Option<Ended>,
    /// Statements that used it.
    pub uses: u64,
    /// Rows revealed under it; counted where `max_rows` limits them.
    pub rows: u64,
    /// Rows set aside for statements that run: after a crash nobody knows how
    /// many of them went out, so they count as revealed.
    #[serde(default)]
    pub reserved: u64,
}

impl Grant {
    /// How long it was meant to last.
    pub fn length(&self) -> Duration {
        Duration::try_from(self.expires_at.duration_since(self.created_at)).unwrap_or_default()
    }

    /// Rows that may still be set aside. None: they are not counted.
    pub fn rows_left(&self) -> Option<u64> {
        self.max_rows.map(|max| max.saturating_sub(self.rows).saturating_sub(self.reserved))
    }

    /// `active`, `expired`, `revoked` or `used`.
    pub fn status(&self) -> &'static str {
        match self.ended.as_ref().map(|e| e.how) {
            None => "active",
            Some(EndedHow::Expired) => "expired",
            Some(EndedHow::Revoked) => "revoked",
            Some(EndedHow::Used) => "used",
        }
    }
}

#[cfg(test)]
pub mod sample {
    //! Columns and people that the tests of this module share.

    use super::*;
    use crate::mask::MethodSpec;
    use crate::policy::{Disclosure, Disclosures};

    pub fn column(schema: &str, table: &str, column: &str, tags: &[&str]) -> ProtectedColumn {
        let name: Arc<str> = format!("{schema}.{table}.{column}").into();
        ProtectedColumn {
            domain: name.clone(),
            name,
            schema: schema.into(),
            table: table.into(),
            column: column.into(),
            method: MethodSpec::Email,
            tags: tags.iter().map(|t| (*t).into()).collect(),
            discloses: Disclosures(Disclosure::Nullness),
            writable: false,
            because: "proxy.toml:1".into(),
            path: None,
            paths: [].into(),
            below: [].into(),
        }
    }

    pub fn shop() -> Vec<Arc<ProtectedColumn>> {
        vec![
            Arc::new(column("public", "customers", "email", &["pii"])),
            Arc::new(column("public", "customers", "ssn", &["pii", "national-id"])),
            Arc::new(column("crm", "contacts", "mail", &["pii"])),
            Arc::new(column("public", "orders", "card", &["pci"])),
        ]
    }

    pub fn root() -> Actor {
        Actor { name: "uid:0(root)".into(), login: None, end_user: None, admin: true }
    }

    pub fn ask(user: &str, columns: &[usize], seconds: u64) -> Ask {
        let shop = shop();
        Ask {
            user: user.into(),
            session: None,
            columns: columns.iter().map(|i| shop[*i].clone()).collect(),
            tags: vec![],
            duration: Duration::from_secs(seconds),
            reason: "INC-4711".into(),
            ticket: None,
            once: false,
            export: false,
            max_rows: None,
            held: None,
            break_glass: false,
        }
    }
}
