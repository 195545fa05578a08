//! Connections that do not become sessions: what their clients are told, and
//! what the logs are.
//!
//! Invariant: the client hears exactly one ErrorResponse, bauta's or the
//! server's own, and the connection is closed behind it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::handshake::Who;
use crate::error::{ClientError, sqlstate};
use crate::net::Stream;
use crate::wire::frame::Frame;
use crate::wire::report::{self, Severity};

/// How long a refused client has to take the refusal.
const FAREWELL: Duration = Duration::from_secs(1);

/// How far a refused connection came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Before authentication: malformed, over a limit, not supported.
    Opening,
    /// Wrong password, unknown role, and the like: `auth.failed`.
    Authentication,
    /// The server could not be reached or refused.
    Upstream,
}

/// A connection that did not become a session. Its client has been told and
/// it is closed; this is for the logs.
#[derive(Debug)]
pub struct Refused {
    pub stage: Stage,
    /// As far as the client had said.
    pub login: Option<Arc<str>>,
    pub database: Option<Arc<str>>,
    pub client: Arc<str>,
    pub error: ClientError,
}

/// Tells the client and closes.
pub(super) async fn refuse(
    mut client: Stream,
    stage: Stage,
    who: Option<Who>,
    error: ClientError,
) -> Refused {
    report::put(client.output(), Severity::Fatal, &error);
    end(&mut client).await;
    refused(&client, stage, who, error)
}

/// Passes the server's refusal on, byte for byte, and closes.
pub(super) async fn pass_on(mut client: Stream, who: Who, frame: &Frame) -> Refused {
    client.queue(frame.whole());
    end(&mut client).await;
    let error = server_error(frame);
    let stage = if error.code.starts_with("28") { Stage::Authentication } else { Stage::Upstream };
    refused(&client, stage, Some(who), error)
}

/// Closes a client's connection, and waits no longer than [`FAREWELL`].
pub(super) async fn end(client: &mut Stream) {
    let _ = timeout(FAREWELL, client.close()).await;
}

fn refused(client: &Stream, stage: Stage, who: Option<Who>, error: ClientError) -> Refused {
    let (login, database) = who.map(|who| (who.login, who.database)).unzip();
    let client = client.peer().clone();
    // Names and the message come from outside: as Debug, they can't forge lines of the log.
    let (code, message) = (&error.code, &error.message);
    tracing::info!(%client, login = login.as_deref(), database = database.as_deref(), ?code, ?message, "session refused");
    Refused { stage, login, database, client, error }
}

/// Code and message of the server's ErrorResponse, for the logs.
fn server_error(frame: &Frame) -> ClientError {
    let mut error = ClientError::new(sqlstate::INTERNAL_ERROR, "");
    let mut reader = frame.reader();
    while let (Ok(kind), Ok(text)) = (reader.u8(), reader.cstr()) {
        let text = String::from_utf8_lossy(text).into_owned();
        match kind {
            b'C' => error.code = text.into(),
            b'M' => error.message = text,
            _ => {}
        }
    }
    error
}
