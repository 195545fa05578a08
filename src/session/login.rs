//! bauta's own login upstream, as the role that its client proved to be.
//!
//! Invariant: the startup parameters go upstream as the client gave them,
//! except protocol options (`_pq_.…`), which could change the protocol behind
//! bauta's back, and the token that names an end user; and what the server says until the first ReadyForQuery
//! comes back as it was, except its cancel key.

use std::io;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use crate::auth::scram::{ClientKey, ScramError};
use crate::auth::scram_client::{ExpectSignature, Login};
use crate::auth::verifier::Verifier;
use crate::config::SessionAttrs;
use crate::error::{ClientError, sqlstate};
use crate::net::Stream;
use crate::net::stream::FrameError;
use crate::net::upstream::{Attempt, ConnectError, Connector, Standing, Target, end_point};
use crate::wire::backend::{DataRow, ErrorFields, parameter_status};
use crate::wire::frame::{self, AUTH_LIMIT, Frame, backend, frontend};
use crate::wire::frontend::{write_bare, write_query};
use crate::wire::reader::{Malformed, Reader};
use crate::wire::startup::{CancelKey, Negotiate, StartupMessage, Version};

/// The longest message that a server may send during startup, in bytes.
const STARTUP_MESSAGE_LIMIT: usize = 1 << 20;

/// Messages after AuthenticationOk; PostgreSQL 18 sends 17.
const GREETING_MESSAGES: usize = 10_000;

/// For servers before 14, which don't report it. As libpq asks.
const STANDING: &[u8] =
    b"SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('default_transaction_read_only')";

/// Codes of Authentication messages ("Message Formats").
mod request {
    pub const OK: i32 = 0;
    pub const SASL: i32 = 10;
    pub const SASL_CONTINUE: i32 = 11;
    pub const SASL_FINAL: i32 = 12;
}

/// Why there is no session upstream.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("the server closed the connection during login")]
    Closed,
    #[error("speaking with the server during login: {0}")]
    Io(#[source] io::Error),
    #[error("no session within the time for startup")]
    Timeout,
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("login upstream: {0}")]
    Scram(#[from] ScramError),
    /// The code in its Authentication message.
    #[error("the server asks for authentication method {0}")]
    Method(i32),
    #[error("unexpected message {0} from the server during login")]
    Unexpected(char),
    /// The server's own ErrorResponse, for the client as it is.
    #[error("the server refused the session")]
    Server(Frame),
    #[error("no server of the list is {}", .0.name())]
    Unsuitable(SessionAttrs),
    /// A setting under which bauta can't read statements.
    #[error("{0}")]
    Setting(ClientError),
}

impl From<FrameError> for LoginError {
    fn from(fault: FrameError) -> Self {
        match fault {
            FrameError::Closed => LoginError::Closed,
            FrameError::Read(source) => LoginError::Io(source),
            FrameError::Malformed(fault) => LoginError::Malformed(fault),
        }
    }
}

/// A session upstream, idle, before its first statement.
pub struct Upstream {
    pub stream: Stream,
    /// The server that it is on.
    pub target: Arc<Target>,
    /// The server's process id and its own secret.
    pub key: CancelKey,
    /// The last ParameterStatus of each name, in the order they came.
    pub parameters: Vec<(String, String)>,
    /// What the server sent after AuthenticationOk, in two parts: the cancel
    /// key stood between them.
    pub before_key: BytesMut,
    pub after_key: BytesMut,
}

/// Logs in, to the first server of the list that takes the session and will
/// do. `startup` is the client's message.
pub async fn login(
    connector: &Connector,
    startup: &StartupMessage,
    client_key: &ClientKey,
    verifier: &Verifier,
) -> Result<Upstream, LoginError> {
    let session = |target: Arc<Target>, wanted: SessionAttrs| async move {
        let stream = target.connect().await?;
        let mut upstream = greet(stream, target, connector, startup, client_key, verifier).await?;
        if wanted == SessionAttrs::Any || wanted.accept(standing(&mut upstream).await?) {
            return Ok(upstream);
        }
        write_bare(frontend::TERMINATE, upstream.stream.output());
        let _ = upstream.stream.flush().await;
        Err(LoginError::Unsuitable(wanted))
    };
    connector.first(|target, wanted| async move { session(target, wanted).await.map_err(attempt) }).await
}

/// Would another server of the list do better? As in libpq, not where one has
/// refused the role.
fn attempt(fault: LoginError) -> Attempt<LoginError> {
    let next = match &fault {
        LoginError::Connect(_) | LoginError::Closed | LoginError::Io(_) | LoginError::Unsuitable(_) => true,
        LoginError::Server(frame) => {
            ErrorFields::read(frame.body()).is_ok_and(|e| e.sqlstate() == sqlstate::CANNOT_CONNECT_NOW)
        }
        LoginError::Timeout
        | LoginError::Malformed(_)
        | LoginError::Scram(_)
        | LoginError::Method(_)
        | LoginError::Unexpected(_)
        | LoginError::Setting(_) => false,
    };
    if next { Attempt::Next(fault) } else { Attempt::Stop(fault) }
}

async fn greet(
    mut stream: Stream,
    target: Arc<Target>,
    connector: &Connector,
    startup: &StartupMessage,
    client_key: &ClientKey,
    verifier: &Verifier,
) -> Result<Upstream, LoginError> {
    own_startup(startup).put(stream.output())?;
    stream.flush().await.map_err(LoginError::Io)?;
    authenticate(&mut stream, connector, startup.version, client_key, verifier).await?;
    greeting(stream, target).await
}

/// What the server says it is; one before 14 is asked.
async fn standing(upstream: &mut Upstream) -> Result<Standing, LoginError> {
    let said = |name: &str| upstream.parameters.iter().find(|(n, _)| n == name).map(|(_, v)| v == "on");
    if let (Some(in_recovery), Some(read_only)) =
        (said("in_hot_standby"), said("default_transaction_read_only"))
    {
        return Ok(Standing { in_recovery, read_only });
    }
    let stream = &mut upstream.stream;
    write_query(STANDING, stream.output());
    stream.flush().await.map_err(LoginError::Io)?;
    let mut standing = None;
    loop {
        let frame = stream.frame(STARTUP_MESSAGE_LIMIT).await?;
        match frame.tag() {
            backend::DATA_ROW => {
                let mut row = DataRow::read(frame.body())?;
                let (in_recovery, read_only) = (row.next_value()?, row.next_value()?);
                row.finish()?;
                standing = Some(Standing {
                    in_recovery: in_recovery == Some(b"t"),
                    read_only: read_only == Some(b"on"),
                });
            }
            backend::ERROR_RESPONSE => return Err(LoginError::Server(frame)),
            backend::READY_FOR_QUERY => return standing.ok_or(LoginError::Unexpected('Z')),
            backend::ROW_DESCRIPTION
            | backend::COMMAND_COMPLETE
            | backend::NOTICE_RESPONSE
            | backend::PARAMETER_STATUS => {}
            tag => return Err(LoginError::Unexpected(char::from(tag))),
        }
    }
}

fn own_startup(startup: &StartupMessage) -> StartupMessage {
    let known = |(name, _): &&(Bytes, Bytes)| !name.starts_with(b"_pq_.");
    StartupMessage {
        version: startup.version.min(Version::V3_2),
        parameters: startup.parameters.iter().filter(known).cloned().collect(),
    }
    .without_setting(super::end_user::NAME)
}

/// Up to AuthenticationOk. A server that trusts us sends it at once: its
/// client has shown its password to bauta all the same.
async fn authenticate(
    stream: &mut Stream,
    connector: &Connector,
    asked: Version,
    client_key: &ClientKey,
    verifier: &Verifier,
) -> Result<(), LoginError> {
    let mut newest = Version::V3_2;
    let mut expected: Option<ExpectSignature<'_>> = None;
    let mut started: Option<Login<'_>> = None;
    let mut signed = false;
    loop {
        let frame = stream.frame(AUTH_LIMIT).await?;
        let mut reader = frame.reader();
        match frame.tag() {
            backend::AUTHENTICATION => {}
            backend::NEGOTIATE_PROTOCOL_VERSION => {
                newest = Negotiate::read(frame.body())?.newest;
                continue;
            }
            backend::ERROR_RESPONSE => return Err(LoginError::Server(frame)),
            backend::NOTICE_RESPONSE => continue,
            tag => return Err(LoginError::Unexpected(char::from(tag))),
        }
        match (reader.i32()?, started.take(), expected.take()) {
            (request::OK, None, None) => {
                reader.finish()?;
                if asked > Version::V3_0 {
                    connector.learn(newest);
                }
                return Ok(());
            }
            (request::SASL, None, None) if !signed => {
                let login = Login::new(client_key, verifier, mechanisms(reader)?, end_point(stream))?;
                send_initial(stream, &login).await?;
                started = Some(login);
            }
            (request::SASL_CONTINUE, Some(login), None) => {
                let (expect, last) = login.server_first(reader.rest())?;
                frame::put(stream.output(), frontend::PASSWORD, |body| body.put_slice(last.as_bytes()))?;
                stream.flush().await.map_err(LoginError::Io)?;
                expected = Some(expect);
            }
            (request::SASL_FINAL, None, Some(expect)) => {
                expect.server_final(reader.rest())?;
                signed = true;
            }
            // OK before the server's signature would skip the proof that it
            // holds the verifier.
            (method, _, _) => return Err(LoginError::Method(method)),
        }
    }
}

/// The list in AuthenticationSASL: names up to an empty one.
fn mechanisms(mut reader: Reader<'_>) -> Result<impl Iterator<Item = &[u8]>, Malformed> {
    let mut names = Vec::new();
    loop {
        match reader.cstr()? {
            [] => break,
            name => names.push(name),
        }
    }
    reader.finish()?;
    Ok(names.into_iter())
}

async fn send_initial(stream: &mut Stream, login: &Login<'_>) -> Result<(), LoginError> {
    let first = login.first();
    let length = i32::try_from(first.len()).map_err(|_| Malformed::Field("SASL response"))?;
    frame::put(stream.output(), frontend::PASSWORD, |body| {
        frame::put_cstr(body, login.mechanism());
        body.put_i32(length);
        body.put_slice(first.as_bytes());
    })?;
    stream.flush().await.map_err(LoginError::Io)
}

/// From AuthenticationOk to ReadyForQuery.
async fn greeting(mut stream: Stream, target: Arc<Target>) -> Result<Upstream, LoginError> {
    let mut key = None;
    let mut parameters: Vec<(String, String)> = Vec::new();
    let (mut before_key, mut after_key) = (BytesMut::new(), BytesMut::new());
    for _ in 0..GREETING_MESSAGES {
        let frame = stream.frame(STARTUP_MESSAGE_LIMIT).await?;
        match frame.tag() {
            backend::BACKEND_KEY_DATA if key.is_none() => {
                key = Some(CancelKey::read_backend_key(frame.body())?);
                continue;
            }
            backend::PARAMETER_STATUS => keep(&mut parameters, &frame)?,
            backend::NOTICE_RESPONSE => {}
            backend::ERROR_RESPONSE => return Err(LoginError::Server(frame)),
            backend::READY_FOR_QUERY if frame.body() == b"I" => {}
            tag => return Err(LoginError::Unexpected(char::from(tag))),
        }
        let part = if key.is_none() { &mut before_key } else { &mut after_key };
        part.extend_from_slice(frame.whole());
        if frame.tag() == backend::READY_FOR_QUERY {
            let key = key.ok_or(LoginError::Unexpected('Z'))?;
            return Ok(Upstream { stream, target, key, parameters, before_key, after_key });
        }
    }
    Err(LoginError::Unexpected('S'))
}

fn keep(parameters: &mut Vec<(String, String)>, frame: &Frame) -> Result<(), LoginError> {
    let (name, value) = parameter_status(frame.body())?;
    let name = String::from_utf8_lossy(name).into_owned();
    let value = String::from_utf8_lossy(value).into_owned();
    readable_under(&name, &value).map_err(LoginError::Setting)?;
    match parameters.iter_mut().find(|(known, _)| *known == name) {
        Some((_, old)) => *old = value,
        None => parameters.push((name, value)),
    }
    Ok(())
}

/// Client encodings in which a byte below 0x80 is always the ASCII character
/// that it looks like (`PG_ENCODING_BE_LAST` and above in
/// src/include/mb/pg_wchar.h are those where it is not).
const ASCII_SAFE: [&str; 35] = [
    "UTF8",
    "SQL_ASCII",
    "EUC_JP",
    "EUC_CN",
    "EUC_KR",
    "EUC_TW",
    "EUC_JIS_2004",
    "MULE_INTERNAL",
    "LATIN1",
    "LATIN2",
    "LATIN3",
    "LATIN4",
    "LATIN5",
    "LATIN6",
    "LATIN7",
    "LATIN8",
    "LATIN9",
    "LATIN10",
    "WIN1256",
    "WIN1258",
    "WIN866",
    "WIN874",
    "KOI8R",
    "WIN1251",
    "WIN1252",
    "ISO_8859_5",
    "ISO_8859_6",
    "ISO_8859_7",
    "ISO_8859_8",
    "WIN1250",
    "WIN1253",
    "WIN1254",
    "WIN1255",
    "WIN1257",
    "KOI8U",
];

/// Can statements be read while this parameter has this value? Two settings
/// change what a text means; see "Where values hide" in docs/LEAKS.md.
pub fn readable_under(parameter: &str, value: &str) -> Result<(), ClientError> {
    match parameter {
        "client_encoding" if !ASCII_SAFE.contains(&value) => Err(ClientError::new(
            sqlstate::FEATURE_NOT_SUPPORTED,
            format!("client_encoding {value} is not supported by this proxy"),
        )
        .with_hint("Use UTF8.")),
        "standard_conforming_strings" if value != "on" => Err(ClientError::new(
            sqlstate::FEATURE_NOT_SUPPORTED,
            "standard_conforming_strings = off is not supported by this proxy",
        )
        .with_hint("Set it to on for this role and database.")),
        _ => Ok(()),
    }
}

impl LoginError {
    /// For the client; the server's own error goes on as it is instead.
    pub fn report(&self, login: &str) -> ClientError {
        let lost =
            || ClientError::new(sqlstate::CANNOT_CONNECT, "the server behind this proxy failed during login");
        match self {
            LoginError::Connect(fault) => fault.into(),
            LoginError::Scram(fault) => fault.report(login),
            LoginError::Setting(report) => report.clone(),
            LoginError::Method(method) => ClientError::new(
                sqlstate::INVALID_AUTHORIZATION,
                format!(
                    "the server behind this proxy asks for {}, which can't be passed through",
                    method_name(*method)
                ),
            )
            .with_hint("Let pg_hba.conf on the server ask the proxy's address for scram-sha-256."),
            LoginError::Unsuitable(wanted) => ClientError::new(
                sqlstate::CANNOT_CONNECT,
                format!("none of the servers behind this proxy is {} at present", wanted.name()),
            ),
            LoginError::Timeout => lost().with_detail("It took longer than startup_timeout."),
            LoginError::Closed => lost().with_detail("It closed the connection."),
            LoginError::Io(_)
            | LoginError::Malformed(_)
            | LoginError::Unexpected(_)
            | LoginError::Server(_) => lost().with_hint("See the proxy's log."),
        }
    }
}

fn method_name(method: i32) -> &'static str {
    match method {
        2 => "Kerberos V5",
        3 => "a password in clear text",
        5 => "md5",
        7 | 8 => "GSSAPI",
        9 => "SSPI",
        _ => "an authentication method out of order",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_change_what_a_text_means_are_refused() {
        assert!(readable_under("client_encoding", "UTF8").is_ok());
        assert!(readable_under("client_encoding", "LATIN1").is_ok());
        for unsafe_encoding in ["SJIS", "BIG5", "GBK", "UHC", "GB18030", "JOHAB", "SHIFT_JIS_2004", "utf-99"]
        {
            assert!(readable_under("client_encoding", unsafe_encoding).is_err(), "{unsafe_encoding}");
        }
        assert!(readable_under("standard_conforming_strings", "on").is_ok());
        assert!(readable_under("standard_conforming_strings", "off").is_err());
        assert!(readable_under("DateStyle", "ISO").is_ok());
    }

    #[test]
    fn protocol_options_do_not_go_upstream_and_all_else_does() {
        let pair = |n: &'static str, v: &'static str| (n.into(), v.into());
        let sent = StartupMessage {
            version: Version { major: 3, minor: 9999 },
            parameters: vec![pair("user", "ana"), pair("_pq_.x", "1"), pair("options", "-c a=b")],
        };
        let own = own_startup(&sent);
        assert_eq!(own.version, Version::V3_2);
        assert_eq!(own.parameters, [pair("user", "ana"), pair("options", "-c a=b")]);
    }

    #[test]
    fn a_token_that_names_somebody_never_goes_upstream() {
        let pair = |n: &'static str, v: &'static str| (n.into(), v.into());
        let sent = StartupMessage {
            version: Version::V3_0,
            parameters: vec![
                pair("user", "superset"),
                pair("Bauta.End_User", "secret"),
                pair("options", "-c bauta.end_user=secret -c a=b"),
            ],
        };
        let own = own_startup(&sent);
        assert_eq!(own.parameters, [pair("user", "superset"), pair("options", "-c a=b")]);
        assert_eq!(sent.setting("bauta.end_user").as_deref(), Some(&b"secret"[..]));
    }
}
