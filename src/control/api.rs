//! The vocabulary of the control socket: bodies that come in, views that go
//! out. Fixed by the documentation; both ends and users' scripts rely on it.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::problem::Problem;
use crate::grants::engine::GrantState;
use crate::grants::model::{EndedHow, Request};
use crate::grants::{GrantId, RequestId, scope};
use crate::policy::{Disclosure, ProtectedColumn};

/// A body that comes in. Its fields are listed so that a wrong one is named
/// together with the right one.
pub trait Body: DeserializeOwned + Default {
    const FIELDS: &'static [&'static str];

    /// Reads a body; an empty one is one without fields.
    ///
    /// # Errors
    /// 400 that says which field is wrong.
    fn read(bytes: &[u8]) -> Result<Self, Problem> {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        let value: serde_json::Value = serde_json::from_slice(bytes)
            .map_err(|e| Problem::invalid(format!("the body is not JSON: {e}")))?;
        let Some(object) = value.as_object() else {
            return Err(Problem::invalid("the body must be a JSON object"));
        };
        known(object.keys().map(String::as_str), Self::FIELDS, "field")?;
        // One by one first: serde does not say which field it failed at.
        for (field, value) in object {
            let alone = serde_json::json!({ field.as_str(): value });
            serde_json::from_value::<Self>(alone)
                .map_err(|e| Problem::invalid(format!("field \"{field}\" cannot be read: {e}")))?;
        }
        serde_json::from_value(value).map_err(|e| Problem::invalid(format!("the body cannot be read: {e}")))
    }
}

/// Refuses a name that is not among `fields`, with the nearest one.
pub fn known<'a>(
    mut given: impl Iterator<Item = &'a str>,
    fields: &[&str],
    what: &str,
) -> Result<(), Problem> {
    let Some(unknown) = given.find(|g| !fields.contains(g)) else { return Ok(()) };
    let problem = Problem::invalid(format!("unknown {what} \"{unknown}\""));
    Err(match scope::nearest(unknown, fields.iter().map(ToString::to_string)) {
        Some(nearest) => problem.with_hint(format!("did you mean \"{nearest}\"?")),
        None if fields.is_empty() => problem.with_hint(format!("there is no {what} here")),
        None => problem.with_hint(format!("known: {}", fields.join(", "))),
    })
}

/// POST of a grant or a request.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AskBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<i64>,
    /// `schema.table.column`, `*` for any part.
    pub columns: Vec<String>,
    /// `schema.table`.
    pub tables: Vec<String>,
    pub tags: Vec<String>,
    /// `90s`, `15m`, `2h`, `1d`.
    pub duration: String,
    pub reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    pub once: bool,
    pub export: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_rows: Option<u64>,
    /// Of a request: grant it at once, to be reviewed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub break_glass: bool,
}

impl Body for AskBody {
    const FIELDS: &'static [&'static str] = &[
        "user",
        "session",
        "columns",
        "tables",
        "tags",
        "duration",
        "reason",
        "ticket",
        "once",
        "export",
        "max_rows",
        "break_glass",
    ];
}

/// POST …/approve: what less is agreed to.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ApproveBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
}

impl Body for ApproveBody {
    const FIELDS: &'static [&'static str] = &["duration", "columns"];
}

/// POST …/deny, DELETE.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ReasonBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Body for ReasonBody {
    const FIELDS: &'static [&'static str] = &["reason"];
}

/// POST /v1/explain.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ExplainBody {
    pub database: String,
    pub user: String,
    pub sql: String,
}

impl Body for ExplainBody {
    const FIELDS: &'static [&'static str] = &["database", "user", "sql"];
}

/// POST /v1/tokens: either a token or a value.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenBody {
    /// `schema.table.column`
    pub column: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

impl Body for TokenBody {
    const FIELDS: &'static [&'static str] = &["column", "database", "token", "value"];
}

/// A token and what it stands for. No `Debug`: it holds a protected value.
#[derive(Clone, Serialize, Deserialize)]
pub struct TokenView {
    pub column: String,
    pub token: String,
    pub value: String,
}

/// POST /v1/reload takes nothing.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct NoBody {}

impl Body for NoBody {
    const FIELDS: &'static [&'static str] = &[];
}

/// A list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Items<T> {
    pub items: Vec<T>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalView {
    pub by: String,
    pub at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestView {
    pub id: RequestId,
    pub user: String,
    pub session: Option<i64>,
    pub columns: Vec<String>,
    pub tags: Vec<String>,
    pub duration_s: u64,
    pub reason: String,
    pub ticket: Option<String>,
    pub once: bool,
    pub export: bool,
    pub max_rows: Option<u64>,
    /// A statement waits for the decision.
    pub held: bool,
    pub break_glass: bool,
    /// Made by break-glass, and nobody has looked at it.
    pub needs_review: bool,
    pub reviewed_by: Option<String>,
    pub reviewed_at: Option<Timestamp>,
    pub review_note: Option<String>,
    pub status: String,
    pub requested_by: String,
    pub approvals: Vec<ApprovalView>,
    pub created_at: Timestamp,
    /// When it ends if nobody decides.
    pub expires_at: Timestamp,
    pub decided_by: Option<String>,
    pub decided_at: Option<Timestamp>,
    pub decision_reason: Option<String>,
    pub grant_id: Option<GrantId>,
}

impl From<&Request> for RequestView {
    fn from(r: &Request) -> Self {
        Self {
            id: r.id,
            user: r.user.clone(),
            session: r.session,
            columns: r.columns.iter().map(ToString::to_string).collect(),
            tags: r.tags.clone(),
            duration_s: r.duration.as_secs(),
            reason: r.reason.clone(),
            ticket: r.ticket.clone(),
            once: r.once,
            export: r.export,
            max_rows: r.max_rows,
            held: r.held,
            break_glass: r.break_glass,
            needs_review: r.needs_review(),
            reviewed_by: r.review.as_ref().map(|review| review.by.name.clone()),
            reviewed_at: r.review.as_ref().map(|review| review.at),
            review_note: r.review.as_ref().and_then(|review| review.note.clone()),
            status: r.status.name().to_owned(),
            requested_by: r.requested_by.called().to_owned(),
            approvals: r.approvals.iter().map(|a| ApprovalView { by: a.by.name.clone(), at: a.at }).collect(),
            created_at: r.created_at,
            expires_at: r.expires_at,
            decided_by: r.decided_by.as_ref().map(|a| a.name.clone()),
            decided_at: r.decided_at,
            decision_reason: r.decision_reason.clone(),
            grant_id: r.grant_id,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantView {
    pub id: GrantId,
    pub user: String,
    pub session: Option<i64>,
    pub columns: Vec<String>,
    pub tags: Vec<String>,
    pub reason: String,
    pub ticket: Option<String>,
    pub request_id: Option<RequestId>,
    pub requested_by: String,
    pub approved_by: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    /// Until it ends in the running process, whatever the wall clock says.
    pub seconds_left: u64,
    pub once: bool,
    pub export: bool,
    pub max_rows: Option<u64>,
    pub break_glass: bool,
    /// `active`, `expired`, `revoked` or `used`.
    pub status: String,
    pub revoked_at: Option<Timestamp>,
    pub revoked_by: Option<String>,
    pub revoke_reason: Option<String>,
    pub uses: u64,
    /// Rows revealed under it, where `max_rows` limits them.
    pub rows: Option<u64>,
    /// Of a new grant by tags: columns that another database has without them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

impl From<&GrantState> for GrantView {
    fn from(state: &GrantState) -> Self {
        let g = &state.grant;
        let revoked = g.ended.as_ref().filter(|e| e.how == EndedHow::Revoked);
        // The deadline may have passed a moment before the keeper ends it.
        let over = g.ended.is_none() && state.left.is_zero();
        Self {
            id: g.id,
            user: g.user.clone(),
            session: g.session,
            columns: g.columns.iter().map(ToString::to_string).collect(),
            tags: g.tags.clone(),
            reason: g.reason.clone(),
            ticket: g.ticket.clone(),
            request_id: g.request,
            requested_by: g.requested_by.called().to_owned(),
            approved_by: g.approved_by.name.clone(),
            created_at: g.created_at,
            expires_at: g.expires_at,
            seconds_left: state.left.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX),
            once: g.once,
            export: g.export,
            max_rows: g.max_rows,
            break_glass: g.break_glass,
            status: if over { "expired" } else { g.status() }.to_owned(),
            revoked_at: revoked.map(|e| e.at),
            revoked_by: revoked.map(|e| e.by.name.clone()),
            revoke_reason: revoked.and_then(|e| e.reason.clone()),
            uses: g.uses,
            rows: g.max_rows.map(|_| g.rows),
            left_out: Vec::new(),
        }
    }
}

/// A protected column, as the policy has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ColumnView {
    pub column: String,
    pub method: String,
    pub domain: String,
    pub tags: Vec<String>,
    pub discloses: Vec<String>,
    /// The rule's place in the file, or what else made it protected.
    pub because: String,
}

impl From<&ProtectedColumn> for ColumnView {
    fn from(c: &ProtectedColumn) -> Self {
        Self {
            column: c.name.to_string(),
            method: c.method.method().name().to_owned(),
            domain: c.domain.to_string(),
            tags: c.tags.iter().map(ToString::to_string).collect(),
            discloses: disclosed(c).into_iter().map(str::to_owned).collect(),
            because: c.because.to_string(),
        }
    }
}

/// What somebody can do with a column, and by what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PowerView {
    pub column: String,
    /// A login, or `pg:NAME` for the members of a PostgreSQL role.
    pub who: String,
    /// `see`, `request`, `break the glass` or `approve`.
    pub can: String,
    /// `role NAME`, `grant ID`.
    pub by: String,
    /// Of what is asked for.
    pub max_duration_s: Option<u64>,
    /// Of a grant.
    pub until: Option<Timestamp>,
}

/// The names of all that a column discloses, the weakest first.
pub fn disclosed(column: &ProtectedColumn) -> Vec<&'static str> {
    const NAMES: [(Disclosure, &str); 5] = [
        (Disclosure::Nullness, "nullness"),
        (Disclosure::Equality, "equality"),
        (Disclosure::Order, "order"),
        (Disclosure::Search, "search"),
        (Disclosure::Value, "value"),
    ];
    let mut names: Vec<_> =
        NAMES.iter().filter(|(d, _)| column.discloses.include(*d)).map(|(_, name)| *name).collect();
    if column.writable {
        names.push("write");
    }
    names
}

/// POST /v1/reload, answered.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Reloaded {
    /// What changed, in a line.
    pub message: String,
}

/// One database as the proxy sees it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct DatabaseHealth {
    pub name: String,
    pub protected_columns: usize,
    /// Rules that match nowhere, bindings that moved, a catalog that can't be read.
    pub problems: Vec<String>,
}

/// A sink of the audit log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SinkHealth {
    pub name: String,
    pub kind: String,
    /// Records that it has not taken yet.
    pub lag: u64,
    /// Why the newest attempt failed.
    pub problem: Option<String>,
}

impl From<crate::audit::sink::SinkStanding> for SinkHealth {
    fn from(sink: crate::audit::sink::SinkStanding) -> Self {
        Self { name: sink.name, kind: sink.kind.to_owned(), lag: sink.lag, problem: sink.problem }
    }
}

impl SinkHealth {
    /// What is wrong, in a sentence.
    pub fn trouble(&self) -> Option<String> {
        let problem = self.problem.as_ref()?;
        Some(format!("audit sink {} takes no records ({} behind): {problem}", self.name, self.lag))
    }
}

/// A node that shares the state.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NodeView {
    pub name: String,
    /// The one that answers.
    pub this: bool,
    /// Digest of its rules, roles and defaults.
    pub policy: String,
    /// Is it that of the node that answers?
    pub same_policy: bool,
    pub seen_at: Timestamp,
}

impl NodeView {
    /// What is wrong, in a sentence.
    pub fn trouble(&self) -> Option<String> {
        let (name, policy) = (&self.name, &self.policy);
        (!self.same_policy && !self.this).then(|| {
            format!(
                "node {name} runs another policy ({policy}): give all nodes the same rules, roles and defaults, \
                 and reload"
            )
        })
    }
}

/// What the host tells of itself.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Health {
    /// The policy file.
    pub config: String,
    /// `enforce`, or `observe`: nothing is protected.
    #[serde(default)]
    pub mode: String,
    pub started_at: Timestamp,
    pub databases: Vec<DatabaseHealth>,
    /// Of the audit log.
    #[serde(default)]
    pub sinks: Vec<SinkHealth>,
    /// Anything else that is wrong, in sentences.
    pub problems: Vec<String>,
}

/// GET /v1/status.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StatusView {
    pub version: String,
    /// `ok`, or `degraded` when there is any problem.
    pub status: String,
    pub pid: u32,
    pub sessions: usize,
    pub grants: usize,
    pub requests: usize,
    /// That share the state, this one included.
    #[serde(default)]
    pub nodes: Vec<NodeView>,
    #[serde(flatten)]
    pub health: Health,
}
