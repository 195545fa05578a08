//! The rows of each function, for one session at one moment.

use std::sync::Arc;

use super::value::{Value, read_bool};
use super::{Function, Row};
use crate::clock::Now;
use crate::control::api::disclosed;
use crate::error::{ClientError, sqlstate};
use crate::grants::model::{Actor, Ask, Request};
use crate::grants::scope::Namesakes;
use crate::grants::{Engine, SessionPermits, duration, scope};
use crate::policy::{Access, Basis, Permits, ProtectedColumn};

/// Who asks, and what is true for him now.
pub struct SessionContext<'a> {
    pub login: &'a str,
    /// The person behind a shared login, where the connection named one.
    pub end_user: Option<&'a str>,
    /// Whose access counts; empty: nobody's.
    pub subject: &'a str,
    pub session: i64,
    /// The protected columns of the session's database.
    pub columns: Vec<Arc<ProtectedColumn>>,
    pub permits: &'a SessionPermits,
    pub engine: &'a Engine,
    pub now: Now,
}

pub(super) async fn rows(
    function: Function,
    arguments: &[Option<String>],
    context: &SessionContext<'_>,
) -> Result<Vec<Row>, ClientError> {
    match function {
        Function::Columns => Ok(columns(context)),
        Function::Request => request(arguments, context).await.map(|row| vec![row]),
        Function::Requests => {
            let mine = |r: &Request| r.user == context.subject;
            Ok(context.engine.requests().iter().filter(|r| mine(r)).map(request_row).collect())
        }
        Function::Grants => Ok(grants(context)),
        Function::Whoami => Ok(vec![whoami(context)]),
    }
}

fn texts<T: ToString>(items: impl IntoIterator<Item = T>) -> Value {
    Value::TextArray(items.into_iter().map(|i| i.to_string()).collect())
}

fn columns(context: &SessionContext<'_>) -> Vec<Row> {
    let roles = context.engine.roles();
    let mut columns = context.columns.clone();
    columns.sort_by(|a, b| a.name.cmp(&b.name));
    columns.dedup_by(|a, b| a.name == b.name);
    let everywhere = Namesakes::new(context.engine.directory().protected_columns());
    let row = |column: &Arc<ProtectedColumn>| {
        let (access, grant) = match context.permits.access(column, context.now) {
            Access::Masked => ("masked", Value::Null),
            Access::Revealed { basis: Basis::Grant(id), .. } => ("revealed", Value::Int8(id.0)),
            Access::Revealed { basis: Basis::Role(_), .. } => ("revealed", Value::Null),
        };
        let shown = everywhere.with(std::slice::from_ref(column));
        let may_request = roles.request_limit(context.permits.roles(), &shown).is_ok();
        vec![
            Value::text(&*column.name),
            Value::text(column.method.method().name()),
            Value::text(&*column.domain),
            texts(&column.tags),
            texts(disclosed(column)),
            Value::text(access),
            grant,
            Value::Bool(may_request),
        ]
    };
    columns.iter().map(row).collect()
}

async fn request(arguments: &[Option<String>], context: &SessionContext<'_>) -> Result<Row, ClientError> {
    let argument = |i: usize| arguments.get(i).and_then(Option::as_deref);
    let required = |i: usize, name: &str| {
        argument(i).ok_or_else(|| {
            ClientError::new(sqlstate::INVALID_PARAMETER_VALUE, format!("\"{name}\" must not be NULL"))
        })
    };
    let scopes = scope::list(required(0, "columns")?).map_err(|f| f.to_client())?;
    let tags = scopes.iter().filter_map(|s| match s {
        crate::config::Scope::Tag(tag) => Some(tag.clone()),
        crate::config::Scope::Columns(_) => None,
    });
    let length = duration::parse(required(1, "duration")?)
        .map_err(|e| ClientError::new(sqlstate::INVALID_PARAMETER_VALUE, e.to_string()))?;
    let ask = Ask {
        user: context.subject.to_owned(),
        session: None,
        columns: scope::resolve(&scopes, &context.columns).map_err(|f| f.to_client())?,
        tags: tags.collect(),
        duration: length,
        reason: required(2, "reason")?.to_owned(),
        ticket: argument(3).map(str::to_owned),
        once: argument(4).map(read_bool).transpose()?.unwrap_or(false),
        export: false,
        max_rows: None,
        held: None,
        break_glass: argument(5).map(read_bool).transpose()?.unwrap_or(false),
    };
    let by = Actor::login(context.subject);
    let filed = context.engine.ask(ask, Some(context.session), by).await;
    filed.map(|(request, _)| request_row(&request)).map_err(|f| f.to_client())
}

fn request_row(request: &Request) -> Row {
    vec![
        Value::Int8(request.id.0),
        Value::text(request.status.name()),
        texts(&request.columns),
        Value::Interval(i64::try_from(request.duration.as_secs()).unwrap_or(i64::MAX)),
        Value::text(&request.reason),
        Value::optional(request.ticket.clone(), Value::Text),
        Value::Timestamptz(request.created_at),
        Value::optional(request.decided_by.as_ref(), |a| Value::text(&a.name)),
        Value::optional(request.decided_at, Value::Timestamptz),
        Value::optional(request.grant_id, |id| Value::Int8(id.0)),
    ]
}

/// Mine that are valid in this session now.
fn grants(context: &SessionContext<'_>) -> Vec<Row> {
    let states = context.engine.grants(false);
    let mine = states.into_iter().filter(|s| s.grant.user == context.subject);
    let here = mine.filter(|s| s.grant.session.is_none_or(|id| id == context.session));
    here.map(|state| {
        let seconds = state.left.as_millis().div_ceil(1000);
        vec![
            Value::Int8(state.grant.id.0),
            texts(&state.grant.columns),
            Value::text(&state.grant.reason),
            Value::Timestamptz(state.grant.expires_at),
            Value::Int4(i32::try_from(seconds).unwrap_or(i32::MAX)),
            Value::Bool(state.grant.once),
            Value::Bool(state.grant.export),
            Value::Int8(i64::try_from(state.grant.uses).unwrap_or(i64::MAX)),
        ]
    })
    .collect()
}

fn whoami(context: &SessionContext<'_>) -> Row {
    vec![
        Value::text(context.login),
        Value::optional(context.end_user, Value::text),
        texts(context.permits.roles().iter().map(|r| &r.name)),
        Value::Int8(context.session),
    ]
}
