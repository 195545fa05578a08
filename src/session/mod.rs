//! The life of a session.
//!
//! ```text
//! handshake ── Established ── relay ──┬── incoming ── simple · extended    client's messages
//!                                     │      └── judge: analysis, permits, decision
//!                                     └── replies ── rows · copy · reports  server's messages
//!                          state: what is expected, and what names mean (pure)
//! ```
//!
//! Invariant: a session ends on both sides, whatever ends it, and leaves a
//! `session.end` record.

mod by_parameters;
pub mod cancel;
mod checks;
mod closing;
pub mod copy;
mod copy_in;
mod current_of;
mod decisions;
pub mod end_user;
mod extended;
pub mod handshake;
mod hold;
mod hush;
mod incoming;
mod io;
mod judge;
mod lapsed;
pub mod login;
mod meanwhile;
mod observe;
pub mod opening;
mod overtime;
mod own;
mod pump;
pub mod refusal;
mod registering;
pub mod registry;
mod relay;
mod replies;
pub mod reports;
mod round_trip;
pub mod rows;
mod runs;
mod savepoints;
mod settings;
mod simple;
pub mod state;
pub(crate) mod tokens;
mod uncommitted;
pub mod unheld;
pub mod virtual_schema;
mod weight;

use std::borrow::Cow;
use std::sync::Arc;

pub use registry::Registry;

use crate::audit::record::{AuthFailed, SessionEnd, SessionStart};
use crate::audit::{Event, Record, Who};
use crate::error::ClientError;
use crate::net::Stream;
use crate::proxy::Proxy;
use crate::wire::report::{self, Severity};
use handshake::{Door, Established, Refused, Stage};
use relay::{End, Relay};

/// Takes a connection from its first byte to its last.
pub async fn serve(client: Stream, proxy: Arc<Proxy>, door: Arc<Door>) {
    // In a box of its own: a running session does not carry the room that a
    // handshake takes.
    match Box::pin(handshake::establish(client, &door)).await {
        Ok(Some(session)) => run(session, proxy).await,
        Ok(None) => {}
        Err(refused) => record_refused(&proxy, refused).await,
    }
}

/// Runs an established session to its end.
pub async fn run(session: Established, proxy: Arc<Proxy>) {
    let end_user = match end_user::at_start(&proxy, &session) {
        Ok(end_user) => end_user,
        Err(error) => {
            record_unnamed(&proxy, &session, &error).await;
            return turn_away(session, &error).await;
        }
    };
    session.seat.set_end_user(end_user.clone());
    let who = Arc::new(Who {
        session: session.seat.id,
        user: session.login.clone(),
        end_user,
        database: session.database.clone(),
        client: session.client.peer().clone(),
    });
    let _visit = proxy.databases.visit(&session.database);
    let guard = match proxy.databases.guard(&session.database).await {
        Ok(guard) => guard,
        Err(error) => return turn_away(session, &error).await,
    };
    if let Err(error) = record_start(&proxy, &session, &who).await {
        return turn_away(session, &error).await;
    }
    let permits = proxy.permits(&who, &guard);
    let mut relay = Box::new(Relay::new(proxy.clone(), session, who.clone(), guard, permits));
    let end = relay.run().await;
    tracing::debug!(session = who.session, ?end, "session ends");
    relay.close(&end).await;
    record_end(&proxy, &who, &relay, &end);
}

/// The token that should name the person behind a shared login is not sound.
async fn record_unnamed(proxy: &Proxy, session: &Established, error: &ClientError) {
    let who = Arc::new(Who {
        user: session.login.clone(),
        database: session.database.clone(),
        client: session.client.peer().clone(),
        ..Who::default()
    });
    let event =
        Event::AuthFailed(AuthFailed { sqlstate: error.code.clone(), reason: error.message.clone().into() });
    let _ = proxy.audit.submit(Record { who, event }).await;
}

/// Says why a session that was let in can't begin.
async fn turn_away(mut session: Established, error: &ClientError) {
    session.client.output().clear();
    report::put(session.client.output(), Severity::Fatal, error);
    let closed = tokio::time::timeout(relay::LAST_WORDS, session.client.close()).await;
    tracing::debug!(?closed, %error, "session turned away");
}

async fn record_start(proxy: &Proxy, session: &Established, who: &Arc<Who>) -> Result<(), ClientError> {
    let application = session.parameters.iter().find(|(name, _)| name == "application_name");
    let application = application.map_or("", |(_, value)| value.as_str());
    session.seat.set_application(application);
    let event = Event::SessionStart(SessionStart {
        backend_pid: session.backend_pid,
        tls: session.client.is_tls(),
        application: application.into(),
    });
    let record = Record { who: who.clone(), event };
    proxy.audit.submit(record).await.map(|_| ()).map_err(|fault| ClientError::from(&fault))
}

fn record_end(proxy: &Proxy, who: &Arc<Who>, relay: &Relay, end: &End) {
    let reason: Cow<'static, str> = match end {
        End::Client => "client closed".into(),
        End::Server => "server closed".into(),
        End::Broken(fault) => format!("connection broke: {fault}").into(),
        End::Fault(error) => error.to_string().into(),
    };
    let event = Event::SessionEnd(SessionEnd {
        reason,
        statements: relay.seat.statements(),
        seconds: relay.began.elapsed().as_secs(),
    });
    // The log keeps outcomes until it can write them.
    let _ = proxy.audit.post(Record { who: who.clone(), event });
}

async fn record_refused(proxy: &Proxy, refused: Refused) {
    let Refused { stage, login, database, client, error } = refused;
    proxy.front.logins.refused(stage);
    match stage {
        Stage::Authentication => {}
        Stage::Opening | Stage::Upstream => return,
    }
    let nobody = || Arc::from("");
    let who = Arc::new(Who {
        session: 0,
        user: login.unwrap_or_else(nobody),
        database: database.unwrap_or_else(nobody),
        client,
        ..Who::default()
    });
    let event =
        Event::AuthFailed(AuthFailed { sqlstate: error.code.clone(), reason: error.message.clone().into() });
    // Waits for room: a flood must not grow the queue.
    let _ = proxy.audit.submit(Record { who, event }).await;
}
