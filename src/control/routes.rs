//! What each endpoint does: read the body strictly, ask the engine or the
//! host, answer in the vocabulary of `api`.
//!
//! Who may: root, the proxy's own user, and those whom `[[admin]]` maps to a
//! login, by operating-system user or by certificate. Anybody else gets 403.
//! With `rights = "approve"` they look, ask, and decide by their roles. What an
//! administrator may not do all the same (decide about himself) the engine
//! refuses.

use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, DefaultBodyLimit, FromRequest, Path, Query, Request, State};
use axum::http::{StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::Serialize;

use super::Control;
use super::api::{
    ApproveBody, AskBody, Body, ColumnView, ExplainBody, GrantView, Items, NoBody, NodeView, ReasonBody,
    Reloaded, RequestView, StatusView, TokenBody, known,
};
use super::peer::Peer;
use super::powers::powers;
use super::problem::Problem;
use crate::config::Scope;
use crate::grants::decisions::Narrowing;
use crate::grants::model::{Actor, Ask, RequestStatus};
use crate::grants::scope::Namesakes;
use crate::grants::{Fault, GrantId, RequestId, duration, scope};
use crate::policy::ProtectedColumn;

/// More than the longest list of columns; explain's statements fit too.
const MAX_BODY: usize = 2 * 1024 * 1024;

type Reply = Result<Response, Problem>;

pub(super) fn router(control: Control) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/sessions", get(sessions))
        .route("/v1/sessions/{id}", delete(kill))
        .route("/v1/requests", get(requests).post(file_request))
        .route("/v1/requests/{id}/approve", post(approve))
        .route("/v1/requests/{id}/deny", post(deny))
        .route("/v1/requests/{id}/acknowledge", post(acknowledge))
        .route("/v1/grants", get(grants).post(give))
        .route("/v1/grants/{id}", delete(revoke))
        .route("/v1/columns", get(columns))
        .route("/v1/columns/{name}/who", get(who_can))
        .route("/v1/explain", post(explain))
        .route("/v1/tokens", post(token))
        .route("/v1/reload", post(reload))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(control.clone(), who))
        .with_state(control)
}

/// Finds out who calls, and whether he may; handlers find the [`Actor`] in
/// the request.
async fn who(
    State(control): State<Control>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let config = control.host.config();
    let actor = tokio::task::spawn_blocking(move || peer.actor(&config.admins)).await;
    let Ok(actor) = actor else {
        return Problem::unavailable("cannot tell who is calling").into_response();
    };
    let actor = match actor {
        Ok(actor) => actor,
        Err(name) => {
            return Problem::forbidden(format!("{name} may not use the control socket"))
                .with_hint("add [[admin]] with os_user or certificate, and login, to the configuration")
                .into_response();
        }
    };
    request.extensions_mut().insert(actor);
    next.run(request).await
}

/// What takes more than the right to approve.
fn need_admin(caller: &Caller, to: &str) -> Result<(), Problem> {
    match caller.admin {
        true => Ok(()),
        false => Err(Problem::forbidden(format!("{} may not {to}", caller.name))
            .with_hint("it takes an [[admin]] entry without rights = \"approve\"")),
    }
}

type Caller = axum::Extension<Actor>;

/// A body, whole. What is wrong with it is said as everything else is.
struct Sent(Bytes);

impl<S: Send + Sync> FromRequest<S> for Sent {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let unread = |rejected: axum::extract::rejection::BytesRejection| match rejected.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "the body is too long")
                    .with_hint(format!("at most {MAX_BODY} bytes are taken"))
            }
            _ => Problem::invalid(rejected.body_text()),
        };
        Bytes::from_request(request, state).await.map(Self).map_err(unread)
    }
}

async fn no_such_path(uri: Uri) -> Problem {
    Problem::not_found(format!("there is no {}", uri.path()))
}

async fn no_such_method(method: axum::http::Method, uri: Uri) -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        format!("{} does not take {method}", uri.path()),
    )
}

fn ok<T: Serialize>(value: &T) -> Reply {
    Ok(Json(value).into_response())
}

fn list<T: Serialize>(items: Vec<T>) -> Reply {
    ok(&Items { items })
}

/// The number in a path.
fn number<T: FromStr>(text: &str, what: impl Display) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::not_found(format!("there is no {what} {text}")))
}

/// The filters of a list, none but `known`.
fn filters(
    query: Query<HashMap<String, String>>,
    fields: &[&str],
) -> Result<HashMap<String, String>, Problem> {
    known(query.keys().map(String::as_str), fields, "filter")?;
    Ok(query.0)
}

async fn status(State(control): State<Control>) -> Reply {
    let mut health = control.host.health();
    health.problems.extend(control.engine.trouble());
    let nodes = control.host.nodes().await;
    health.problems.extend(nodes.iter().filter_map(NodeView::trouble));
    let troubled = !health.problems.is_empty() || health.databases.iter().any(|d| !d.problems.is_empty());
    let pending = |r: &&crate::grants::model::Request| r.status == RequestStatus::Pending;
    ok(&StatusView {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        status: if troubled { "degraded" } else { "ok" }.to_owned(),
        pid: std::process::id(),
        sessions: control.sessions.len(),
        grants: control.engine.grants(false).len(),
        requests: control.engine.requests().iter().filter(pending).count(),
        nodes,
        health,
    })
}

async fn sessions(State(control): State<Control>) -> Reply {
    list(control.sessions.list())
}

async fn kill(
    State(control): State<Control>,
    Path(id): Path<String>,
    caller: Caller,
    Sent(body): Sent,
) -> Reply {
    need_admin(&caller, "end sessions")?;
    ReasonBody::read(&body)?;
    let session = number::<i64>(&id, "session")?;
    let info = control.sessions.get(session).filter(|_| control.sessions.kill(session));
    match info {
        Some(info) => ok(&info),
        None => Err(Problem::not_found(format!("there is no session {id}"))),
    }
}

async fn columns(State(control): State<Control>) -> Reply {
    let directory = control.engine.directory();
    let mut columns = directory.protected_columns();
    if columns.is_empty() {
        directory.meet().await;
        columns = directory.protected_columns();
    }
    let mut views: Vec<ColumnView> = columns.iter().map(|c| ColumnView::from(&**c)).collect();
    views.sort();
    views.dedup();
    list(views)
}

async fn who_can(State(control): State<Control>, Path(name): Path<String>) -> Reply {
    let scopes = [Scope::Columns(scope::column_pattern(&name)?)];
    let columns = resolve(&control, &scopes).await?;
    let (roles, config) = (control.engine.roles(), control.host.config());
    list(powers(&columns, &roles, &config, &control.engine.grants(false)))
}

async fn requests(State(control): State<Control>, query: Query<HashMap<String, String>>) -> Reply {
    let filters = filters(query, &["status", "user"])?;
    let mut views: Vec<RequestView> = control.engine.requests().iter().map(RequestView::from).collect();
    views.retain(|v| filters.get("status").is_none_or(|s| *s == v.status));
    views.retain(|v| filters.get("user").is_none_or(|u| *u == v.user));
    list(views)
}

async fn grants(State(control): State<Control>, query: Query<HashMap<String, String>>) -> Reply {
    let filters = filters(query, &["status", "user"])?;
    let mut views: Vec<GrantView> = control.engine.grants(true).iter().map(GrantView::from).collect();
    views.retain(|v| filters.get("status").is_none_or(|s| *s == v.status));
    views.retain(|v| filters.get("user").is_none_or(|u| *u == v.user));
    list(views)
}

/// The protected columns that scopes name, in databases in use; when there are
/// none, in those that nobody has used yet too.
async fn resolve(control: &Control, scopes: &[Scope]) -> Result<Vec<Arc<ProtectedColumn>>, Problem> {
    let directory = control.engine.directory();
    match scope::resolve(scopes, &directory.protected_columns()) {
        Err(Fault::UnknownColumn { .. }) => {
            directory.meet().await;
            Ok(scope::resolve(scopes, &directory.protected_columns())?)
        }
        other => Ok(other?),
    }
}

fn scopes(body: &AskBody) -> Result<Vec<Scope>, Problem> {
    let mut scopes = Vec::new();
    for column in &body.columns {
        scopes.push(Scope::Columns(scope::column_pattern(column)?));
    }
    for table in &body.tables {
        scopes.push(Scope::Columns(scope::table_pattern(table)?));
    }
    scopes.extend(body.tags.iter().cloned().map(Scope::Tag));
    Ok(scopes)
}

/// What a body asks for, columns resolved. A session stands for its login.
async fn ask(control: &Control, body: AskBody, default_user: Option<String>) -> Result<Ask, Problem> {
    let scopes = scopes(&body)?;
    let of_session = match body.session {
        None => None,
        Some(id) => match control.sessions.get(id) {
            Some(info) => Some(info.subject()),
            None => return Err(Problem::not_found(format!("there is no session {id}"))),
        },
    };
    let user = match (body.user, of_session) {
        (Some(user), Some(holder)) if user != holder => {
            return Err(Problem::invalid(format!("the session is of \"{holder}\", not \"{user}\"")));
        }
        (Some(user), _) | (None, Some(user)) => user,
        (None, None) => default_user.ok_or_else(|| {
            Problem::invalid("no user given")
                .with_hint("name one, or map the caller to a login: [[admin]] in the configuration")
        })?,
    };
    if body.duration.is_empty() {
        return Err(Problem::invalid("no duration given").with_hint("such as \"duration\": \"15m\""));
    }
    Ok(Ask {
        user,
        session: body.session,
        duration: duration::parse(&body.duration).map_err(|e| Problem::invalid(e.to_string()))?,
        columns: resolve(control, &scopes).await?,
        tags: body.tags,
        reason: body.reason,
        ticket: body.ticket,
        once: body.once,
        export: body.export,
        max_rows: body.max_rows,
        held: None,
        break_glass: body.break_glass,
    })
}

async fn file_request(State(control): State<Control>, caller: Caller, Sent(body): Sent) -> Reply {
    let actor = caller.0;
    // What he may ask for hangs on all databases, and on the server's roles.
    control.engine.directory().meet().await;
    let ask = ask(&control, AskBody::read(&body)?, actor.login.clone()).await?;
    let asked_in = ask.session;
    let (request, is_new) = control.engine.ask(ask, asked_in, actor).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(RequestView::from(&request))).into_response())
}

async fn give(State(control): State<Control>, caller: Caller, Sent(body): Sent) -> Reply {
    let body = AskBody::read(&body)?;
    if body.break_glass {
        return Err(Problem::invalid("break_glass is for requests"));
    }
    let directory = control.engine.directory();
    if !body.tags.is_empty() {
        directory.meet().await;
    }
    let scopes = scopes(&body)?;
    let mut ask = ask(&control, body, None).await?;
    let everywhere = Namesakes::new(directory.protected_columns());
    let left_out = scope::leave_out(&scopes, &mut ask.columns, &everywhere);
    if let (true, Some(name)) = (ask.columns.is_empty(), left_out.first()) {
        return Err(Problem::invalid(format!("{name} has not these tags in every database"))
            .with_hint("a grant is for all databases: name the column to grant it in all of them"));
    }
    let state = control.engine.give(ask, caller.0).await?;
    let left_out = left_out.iter().map(ToString::to_string).collect();
    let view = GrantView { left_out, ..GrantView::from(&state) };
    Ok((StatusCode::CREATED, Json(view)).into_response())
}

async fn approve(
    State(control): State<Control>,
    Path(id): Path<String>,
    caller: Caller,
    Sent(body): Sent,
) -> Reply {
    let id = RequestId(number(&id, "request")?);
    // It may have been asked on another node a moment ago.
    control.engine.catch_up().await;
    control.engine.request(id)?;
    // He decides about all columns of these names, by what he is now.
    control.engine.directory().meet().await;
    let body = ApproveBody::read(&body)?;
    let wanted = body.duration.as_deref().map(duration::parse).transpose();
    let columns = match body.columns {
        None => None,
        Some(columns) => {
            let patterns: Result<Vec<_>, _> = columns.iter().map(|c| scope::column_pattern(c)).collect();
            Some(asked_for(&control, id, &patterns?)?)
        }
    };
    let narrowing = Narrowing { duration: wanted.map_err(|e| Problem::invalid(e.to_string()))?, columns };
    let request = control.engine.approve(id, caller.0, narrowing).await?;
    ok(&RequestView::from(&request))
}

/// The columns of a request that patterns name: within it, `*` is all of it.
fn asked_for(
    control: &Control,
    id: RequestId,
    patterns: &[crate::config::ColumnPattern],
) -> Result<Vec<scope::ColumnName>, Problem> {
    let request = control.engine.request(id)?;
    let mut columns = Vec::new();
    for pattern in patterns {
        let before = columns.len();
        columns.extend(request.columns.iter().filter(|c| scope::names_it(pattern, c)).cloned());
        if columns.len() == before {
            return Err(Problem::invalid(format!(
                "{}.{}.{} was not asked for",
                pattern.schema, pattern.table, pattern.column
            ))
            .with_hint("an approval may narrow, not widen"));
        }
    }
    columns.sort();
    columns.dedup();
    Ok(columns)
}

async fn deny(
    State(control): State<Control>,
    Path(id): Path<String>,
    caller: Caller,
    Sent(body): Sent,
) -> Reply {
    let body = ReasonBody::read(&body)?;
    let request = control.engine.deny(RequestId(number(&id, "request")?), caller.0, body.reason).await?;
    ok(&RequestView::from(&request))
}

async fn acknowledge(
    State(control): State<Control>,
    Path(id): Path<String>,
    caller: Caller,
    Sent(body): Sent,
) -> Reply {
    let body = ReasonBody::read(&body)?;
    let id = RequestId(number(&id, "request")?);
    control.engine.directory().meet().await;
    ok(&RequestView::from(&control.engine.acknowledge(id, caller.0, body.reason).await?))
}

async fn revoke(
    State(control): State<Control>,
    Path(id): Path<String>,
    caller: Caller,
    Sent(body): Sent,
) -> Reply {
    let body = ReasonBody::read(&body)?;
    let state = control.engine.revoke(GrantId(number(&id, "grant")?), caller.0, body.reason).await?;
    ok(&GrantView::from(&state))
}

async fn explain(State(control): State<Control>, caller: Caller, Sent(body): Sent) -> Reply {
    need_admin(&caller, "explain statements")?;
    let body = ExplainBody::read(&body)?;
    for (name, value) in [("database", &body.database), ("user", &body.user), ("sql", &body.sql)] {
        if value.is_empty() {
            return Err(Problem::invalid(format!("no {name} given")));
        }
    }
    ok(&control.host.explain(body).await?)
}

async fn token(State(control): State<Control>, caller: Caller, Sent(body): Sent) -> Reply {
    need_admin(&caller, "lead tokens back")?;
    let body = TokenBody::read(&body)?;
    if body.column.is_empty() {
        return Err(
            Problem::invalid("no column given").with_hint("such as \"column\": \"public.customers.ssn\"")
        );
    }
    ok(&control.host.token(body, caller.0).await?)
}

async fn reload(State(control): State<Control>, caller: Caller, Sent(body): Sent) -> Reply {
    need_admin(&caller, "reload the configuration")?;
    NoBody::read(&body)?;
    ok(&Reloaded { message: control.host.reload().await? })
}
