//! What is recorded: the events of the interface as types. The members of each
//! stand in the record in the order of the fields.
//!
//! Invariant: no field of an event can hold a bound parameter or a row's value;
//! the only client text is [`Sql`], which is concealed before it is encoded.
//! Follows `docs/AUDIT-FORMAT.md`.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;

use super::queue::Ticket;
use crate::policy::decide::ColumnDecision;

/// Common fields of a session's records.
#[derive(Debug, Clone, Default)]
pub struct Who {
    /// 0: no session (a failed login, a grant made outside one); `null` in the record.
    pub session: i64,
    /// Empty: unknown; `null` in the record, here and below.
    pub user: Arc<str>,
    /// The person behind a shared login; the member is there only if one was named.
    pub end_user: Option<Arc<str>>,
    pub database: Arc<str>,
    /// Client address as text.
    pub client: Arc<str>,
}

/// One record, before it is numbered and chained.
#[derive(Debug, Clone)]
pub struct Record {
    pub who: Arc<Who>,
    pub event: Event,
}

#[derive(Debug, Clone)]
pub enum Event {
    SessionStart(SessionStart),
    SessionEnd(SessionEnd),
    AuthFailed(AuthFailed),
    StatementStart(StatementStart),
    StatementEnd(StatementEnd),
    RequestCreated(RequestCreated),
    RequestApproved(RequestApproved),
    RequestDenied(RequestDenied),
    RequestReviewed(RequestReviewed),
    GrantCreated(GrantCreated),
    GrantUsed(GrantUsed),
    GrantExpired(GrantExpired),
    GrantRevoked(GrantRevoked),
    PolicyLoaded(PolicyLoaded),
    /// Something that analysis did not announce was stopped.
    NotifyFailed(NotifyFailed),
    Tripwire(Tripwire),
    /// Written by the log itself: the bytes before it are what a crash left.
    LogRecovered(LogRecovered),
    /// Written by the log itself: it could not be written for a while.
    LogResumed(LogResumed),
    /// The log does not hold what the state store says it held.
    LogHeadLost(LogHeadLost),
}

impl Event {
    /// The `event` member.
    pub fn name(&self) -> &'static str {
        match self {
            Self::SessionStart(_) => "session.start",
            Self::SessionEnd(_) => "session.end",
            Self::AuthFailed(_) => "auth.failed",
            Self::StatementStart(_) => "statement.start",
            Self::StatementEnd(_) => "statement.end",
            Self::RequestCreated(_) => "request.created",
            Self::RequestApproved(_) => "request.approved",
            Self::RequestDenied(_) => "request.denied",
            Self::RequestReviewed(_) => "request.reviewed",
            Self::GrantCreated(_) => "grant.created",
            Self::GrantUsed(_) => "grant.used",
            Self::GrantExpired(_) => "grant.expired",
            Self::GrantRevoked(_) => "grant.revoked",
            Self::PolicyLoaded(_) => "policy.loaded",
            Self::NotifyFailed(_) => "notify.failed",
            Self::Tripwire(_) => "tripwire",
            Self::LogRecovered(_) => "log.recovered",
            Self::LogResumed(_) => "log.resumed",
            Self::LogHeadLost(_) => "log.head_lost",
        }
    }

    /// Tells of something that has not happened yet and won't if it can't be
    /// recorded. All else has happened, and is kept until it can be written.
    pub fn is_intent(&self) -> bool {
        matches!(
            self,
            Self::SessionStart(_)
                | Self::StatementStart(_)
                | Self::RequestCreated(_)
                | Self::RequestApproved(_)
                | Self::RequestDenied(_)
                | Self::RequestReviewed(_)
                | Self::GrantCreated(_)
                | Self::PolicyLoaded(_)
        )
    }

    /// Anybody can make any number of these: while the log can't be written,
    /// those that find no room are counted, not kept.
    pub(super) fn is_expendable(&self) -> bool {
        matches!(self, Self::AuthFailed(_))
    }

    /// Bytes that the record holds while it waits, roughly.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::StatementStart(start) => 512 + start.sql.span.len(),
            _ => 512,
        }
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct SessionStart {
    /// Process id of the server's backend.
    pub backend_pid: i32,
    /// Is the client's leg encrypted?
    pub tls: bool,
    /// `application_name` at the start.
    #[serde(serialize_with = "text")]
    pub application: Arc<str>,
}

#[derive(Debug, Clone, Serialize)]
pub struct SessionEnd {
    /// Why: `client closed`, `killed by …`, an error's SQLSTATE and text.
    pub reason: Cow<'static, str>,
    pub statements: u64,
    pub seconds: u64,
}

#[derive(Debug, Clone, Serialize)]
pub struct AuthFailed {
    /// What the client was told, as SQLSTATE.
    pub sqlstate: Cow<'static, str>,
    /// What really was the matter; the client may have been told less.
    pub reason: Cow<'static, str>,
}

/// A statement about to run, or about to be refused.
#[derive(Debug, Clone)]
pub struct StatementStart {
    pub sql: Sql,
    /// Every protected column touched, as the decision lists them.
    pub columns: Arc<[ColumnDecision]>,
    /// `mode = "observe"`: the decisions were not applied.
    pub observed: Option<Observed>,
}

/// What would have become of a statement that ran as it came.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// The SQLSTATE that its client would have been told.
    pub would_refuse: Option<Cow<'static, str>>,
}

/// The outcome of a statement.
#[derive(Debug, Clone)]
pub struct StatementEnd {
    /// The ticket of its `statement.start`; the record names its `seq`.
    pub start: Ticket,
    /// Rows sent to the client, or affected (the command tag's number).
    pub rows: u64,
    /// Bytes of rows sent to the client.
    pub bytes: u64,
    pub elapsed: Duration,
    /// None: it succeeded.
    pub sqlstate: Option<Cow<'static, str>>,
    /// bauta refused it: it did not run.
    pub refused: bool,
}

#[derive(Debug, Clone, Serialize)]
pub struct RequestCreated {
    pub request: i64,
    pub columns: Vec<String>,
    pub duration_s: u64,
    pub reason: String,
    pub ticket: Option<String>,
    pub once: bool,
    pub export: bool,
    /// Rows revealed in all, at most.
    pub max_rows: Option<u64>,
    /// Who asked: a login, or `uid:1000(ana)` on the control socket.
    pub by: String,
    /// Granted at once, to be reviewed.
    pub break_glass: bool,
}

/// Somebody looked at what was done by break-glass.
#[derive(Debug, Clone, Serialize)]
pub struct RequestReviewed {
    pub request: i64,
    pub by: String,
    pub note: Option<String>,
    pub grant: Option<i64>,
}

#[derive(Debug, Clone, Serialize)]
pub struct RequestApproved {
    pub request: i64,
    pub by: String,
    /// None: more approvals are needed.
    pub grant: Option<i64>,
    pub duration_s: u64,
}

#[derive(Debug, Clone, Serialize)]
pub struct RequestDenied {
    pub request: i64,
    pub by: String,
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct GrantCreated {
    pub grant: i64,
    pub columns: Vec<String>,
    pub tags: Vec<String>,
    pub reason: String,
    pub ticket: Option<String>,
    pub requested_by: String,
    pub approved_by: String,
    #[serde(serialize_with = "micros")]
    pub expires_at: Timestamp,
    pub once: bool,
    pub export: bool,
    /// Rows revealed in all, at most.
    pub max_rows: Option<u64>,
    /// Nobody approved it.
    pub break_glass: bool,
}

/// The first use by a statement; `uses` counts from 1.
#[derive(Debug, Clone, Serialize)]
pub struct GrantUsed {
    pub grant: i64,
    pub uses: u64,
}

#[derive(Debug, Clone, Serialize)]
pub struct GrantExpired {
    pub grant: i64,
    pub uses: u64,
    /// Rows revealed under it; null where `max_rows` did not limit them.
    pub rows: Option<u64>,
}

#[derive(Debug, Clone, Serialize)]
pub struct GrantRevoked {
    pub grant: i64,
    pub by: String,
    pub reason: Option<String>,
    pub uses: u64,
    /// As in [`GrantExpired`].
    pub rows: Option<u64>,
}

#[derive(Debug, Clone, Serialize)]
pub struct PolicyLoaded {
    /// SHA-256 of the file's bytes, hex.
    pub sha256: String,
    /// `enforce` or `observe`.
    pub mode: &'static str,
    pub rules: usize,
    pub roles: usize,
    /// `start`, `reload by uid:0(root)`, `SIGHUP`.
    pub because: String,
}

/// A webhook that was not delivered.
#[derive(Debug, Clone, Serialize)]
pub struct NotifyFailed {
    /// The event that it was about.
    pub notification: String,
    /// Host and port: a URL may hold a secret.
    pub target: String,
    pub request: Option<i64>,
    pub grant: Option<i64>,
    pub attempts: u32,
    pub reason: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct Tripwire {
    /// The protected column that appeared, or what else was seen.
    pub column: Option<String>,
    pub what: Cow<'static, str>,
}

/// Everything from `offset` of this file to this record is what a crash left
/// of lines that nobody was told are durable.
#[derive(Debug, Clone, Serialize)]
pub struct LogRecovered {
    pub offset: u64,
    pub torn_bytes: u64,
    /// SHA-256 of these bytes, hex.
    pub torn_sha256: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct LogResumed {
    pub error: String,
    #[serde(serialize_with = "micros")]
    pub since: Timestamp,
    /// Intents that were refused meanwhile.
    pub refused: u64,
}

/// The head that was kept in the state store, and what the log holds instead.
#[derive(Debug, Clone, Serialize)]
pub struct LogHeadLost {
    pub kept_seq: u64,
    pub kept_mac: String,
    #[serde(serialize_with = "micros")]
    pub kept_at: Timestamp,
    /// The newest record there was when the log was opened; 0: none.
    pub found_seq: u64,
    pub what: Cow<'static, str>,
}

impl std::fmt::Display for LogHeadLost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kept_seq, kept_mac, kept_at, found_seq, what } = self;
        write!(
            f,
            "audit log: {what}: it held record {kept_seq} (mac {kept_mac}) at {kept_at:.0}, and ended at {found_seq} \
             at this start"
        )
    }
}

/// A statement's text, cheap to clone; what of it is written is decided by
/// the setting `audit.sql` and `conceal`.
#[derive(Debug, Clone)]
pub struct Sql {
    pub(super) text: Text,
    pub(super) span: Range<usize>,
    pub(super) conceal: Conceal,
    /// The server may see other literals in it than its scanner does here.
    pub(super) doubtful: bool,
}

/// A client's text, shared.
#[derive(Debug, Clone)]
pub enum Text {
    Str(Arc<str>),
    /// As it came from the client, in whatever encoding.
    Bytes(Bytes),
}

impl Text {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Str(s) => s.as_bytes(),
            Self::Bytes(b) => b,
        }
    }
}

impl From<Arc<str>> for Text {
    fn from(text: Arc<str>) -> Self {
        Self::Str(text)
    }
}
impl From<Bytes> for Text {
    fn from(text: Bytes) -> Self {
        Self::Bytes(text)
    }
}

/// Which literals are written as `?`, whatever the setting.
#[derive(Debug, Clone)]
pub enum Conceal {
    Nothing,
    /// These bytes of the whole text: literals that stand for protected columns.
    Spans(Arc<[Range<usize>]>),
    /// A text that was refused because it could not be analysed: any literal
    /// may stand for a protected value.
    AllLiterals,
}

impl Sql {
    /// A whole text.
    pub fn whole(text: impl Into<Text>, conceal: Conceal) -> Self {
        let text = text.into();
        let span = 0..text.bytes().len();
        Self { text, span, conceal, doubtful: false }
    }

    /// The text that it is, or is a part of.
    pub fn text(&self) -> &[u8] {
        self.text.bytes()
    }

    /// One statement of a text; spans count from the text's start.
    pub fn part(text: impl Into<Text>, span: Range<usize>, conceal: Conceal) -> Self {
        let text = text.into();
        let end = span.end.min(text.bytes().len());
        Self { span: span.start.min(end)..end, text, conceal, doubtful: false }
    }

    /// Settings of its session make another text of it: where something in it
    /// must not be written, nothing of it is.
    pub fn doubtful(self) -> Self {
        Self { doubtful: true, ..self }
    }
}

fn micros<S: serde::Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{at:.6}"))
}

fn text<S: serde::Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}
