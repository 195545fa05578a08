//! From an accepted connection to a session: who is it, may it, and the same
//! login upstream.
//!
//! ```text
//! opening ── startup message ── admitted? ── SCRAM with the client ── login upstream ── Established
//! ```
//!
//! Follows "Start-up" in PostgreSQL's documentation of the message flow.
//! Invariants: nothing goes upstream for a client that has not proved its
//! password; the client hears AuthenticationOk only after the server has let
//! bauta in; every step has its deadline.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::time::{Instant, timeout, timeout_at};
use zeroize::Zeroizing;

use super::cancel::Cancellable;
use super::login::{self, LoginError};
use super::opening::{self, OpeningFault, Wish};
pub use super::refusal::{Refused, Stage};
use super::refusal::{end, pass_on, refuse};
use super::registry::{Introduction, Registry, Room, Seat};
use crate::auth::scram::{Offer, Proven, ScramError};
use crate::auth::{self, Stored, Verifiers, certificate};
use crate::clock::SharedClock;
use crate::config::{Auth, CertificateLogin};
use crate::error::{ClientError, sqlstate};
use crate::grants::model::END_USER;
use crate::net::front::Settings;
use crate::net::stream::FrameError;
use crate::net::{Front, Stream};
use crate::wire::frame::{self, AUTH_LIMIT, Frame, backend, frontend};
use crate::wire::reader::Malformed;
use crate::wire::startup::{Negotiate, StartupMessage, Version};

/// `query_canceled`, which PostgreSQL's own startup timeout would say.
const CANCELED: &str = "57014";

/// What the handshake needs of the running proxy.
pub struct Door {
    pub front: Arc<Front>,
    pub verifiers: Arc<dyn Verifiers>,
    pub registry: Registry,
    /// Makes the salts of logins that have no verifier. Must be the same
    /// after a restart and on every node, so derive it from the key file.
    pub mock_key: Zeroizing<[u8; 32]>,
    pub clock: SharedClock,
}

/// A session that is ready for its first statement on both sides.
///
/// What the client has not been sent yet (AuthenticationOk to ReadyForQuery)
/// waits in `client`'s queue: the first flush tells it, and a caller that
/// refuses the session after all clears the queue first.
pub struct Established {
    pub client: Stream,
    pub upstream: Stream,
    pub login: Arc<str>,
    pub database: Arc<str>,
    /// The client's startup message.
    pub startup: StartupMessage,
    /// What the client speaks: 3.0 to 3.2.
    pub version: Version,
    /// The server's ParameterStatus of each name.
    pub parameters: Vec<(String, String)>,
    /// Process id of the server's backend.
    pub backend_pid: i32,
    /// Lets the client cancel; dropped with the session.
    pub cancellable: Cancellable,
    pub seat: Seat,
    pub room: Room,
}

/// Takes a connection to a session. `Ok(None)`: there is nothing more to do
/// (a cancel request, a client that went away).
pub async fn establish(client: Stream, door: &Door) -> Result<Option<Established>, Refused> {
    let settings = door.front.settings();
    let deadline = Instant::now() + settings.limits.startup_timeout;
    let peer = client.peer().clone();
    let Some((client, startup)) = open(client, door, &settings, deadline).await? else { return Ok(None) };
    let who = match identify(&startup) {
        Ok(who) => who,
        Err(report) => return Err(refuse(client, Stage::Opening, None, report).await),
    };
    let mut guest = Guest { client, startup, who, version: Version::V3_0 };
    match guest.establish(door, &settings, deadline).await {
        Ok(session) => Ok(Some(guest.into_established(session))),
        Err(Failure::Gone) => {
            tracing::debug!(client = %peer, "client went away during login");
            Ok(None)
        }
        Err(Failure::Told(stage, report)) => Err(refuse(guest.client, stage, Some(guest.who), report).await),
        Err(Failure::Server(frame)) => Err(pass_on(guest.client, guest.who, &frame).await),
    }
}

/// The part before the startup message.
async fn open(
    client: Stream,
    door: &Door,
    settings: &Settings,
    deadline: Instant,
) -> Result<Option<(Stream, StartupMessage)>, Refused> {
    let peer = client.peer().clone();
    let Some(place) = door.front.opening_place() else {
        tracing::warn!(client = %peer, "too many connections without a startup message");
        return Ok(None);
    };
    let received = timeout_at(deadline, opening::receive(client, settings)).await;
    drop(place);
    match received {
        Err(_) => tracing::debug!(client = %peer, "no startup message in time"),
        Ok(Err(OpeningFault::Told(client, report))) => {
            return Err(refuse(*client, Stage::Opening, None, report).await);
        }
        Ok(Err(OpeningFault::Closed)) => {}
        Ok(Err(fault)) => tracing::info!(client = %peer, %fault, "connection refused"),
        Ok(Ok((mut client, Wish::Cancel(key)))) => {
            if let Err(fault) = door.front.cancels.cancel(&key).await {
                tracing::warn!(%fault, pid = key.pid, "cancel request");
            }
            end(&mut client).await;
        }
        Ok(Ok((client, Wish::Session(startup)))) => return Ok(Some((client, startup))),
    }
    Ok(None)
}

/// Who a client says it is, and where it wants to go.
pub(super) struct Who {
    pub login: Arc<str>,
    pub database: Arc<str>,
}

fn identify(startup: &StartupMessage) -> Result<Who, ClientError> {
    if startup.version.major != 3 {
        return Err(ClientError::new(
            sqlstate::FEATURE_NOT_SUPPORTED,
            format!("unsupported frontend protocol {}: server supports 3.0 to 3.2", startup.version),
        ));
    }
    let name = |fault: Malformed| match fault {
        Malformed::Field("user") => ClientError::new(
            sqlstate::INVALID_AUTHORIZATION,
            "no valid PostgreSQL user name specified in startup packet",
        ),
        fault => ClientError::new(sqlstate::PROTOCOL_VIOLATION, "invalid startup packet")
            .with_detail(fault.to_string()),
    };
    let login = startup.user().map_err(name)?.into();
    let database = startup.database().map_err(name)?.into();
    Ok(Who { login, database })
}

/// Why a known guest does not get a session.
enum Failure {
    /// The client left; there is nobody to tell.
    Gone,
    Told(Stage, ClientError),
    /// The server's own words.
    Server(Frame),
}

impl Failure {
    fn frame(fault: FrameError) -> Self {
        match fault {
            FrameError::Closed | FrameError::Read(_) => Failure::Gone,
            FrameError::Malformed(fault) => Failure::Told(Stage::Authentication, fault.into()),
        }
    }
}

/// A client that has said who it wants to be.
struct Guest {
    client: Stream,
    startup: StartupMessage,
    who: Who,
    version: Version,
}

/// What a guest becomes.
struct Session {
    upstream: login::Upstream,
    cancellable: Cancellable,
    seat: Seat,
    room: Room,
}

impl Guest {
    async fn establish(
        &mut self,
        door: &Door,
        settings: &Settings,
        deadline: Instant,
    ) -> Result<Session, Failure> {
        let room = self.admit(door, settings).map_err(|e| Failure::Told(Stage::Opening, e))?;
        let proven = match timeout_at(deadline, self.prove(door, settings)).await {
            Ok(proven) => proven?,
            Err(_) => {
                let report = ClientError::new(CANCELED, "canceling authentication due to timeout");
                return Err(Failure::Told(Stage::Authentication, report));
            }
        };
        let began = std::time::Instant::now();
        let upstream = self.log_in(door, settings, proven).await?;
        door.front.logins.time.observe(began.elapsed());
        let cancellable = door
            .front
            .cancels
            .enter(upstream.key.clone(), upstream.target.clone(), self.version)
            .map_err(|_| Failure::Told(Stage::Upstream, ScramError::Random.report(&self.who.login)))?;
        let seat = self.enter(door, settings, upstream.key.pid)?;
        Ok(Session { upstream, cancellable, seat, room })
    }

    /// What is refused whoever it is.
    fn admit(&self, door: &Door, settings: &Settings) -> Result<Room, ClientError> {
        let room = door.registry.admit(settings.limits.max_sessions)?;
        let unencrypted = !self.client.is_tls() && !self.client.is_local();
        if unencrypted && settings.tls.as_ref().is_some_and(|tls| tls.required) {
            return Err(ClientError::new(
                sqlstate::INVALID_AUTHORIZATION,
                "connections without TLS are refused",
            )
            .with_hint("Connect with sslmode=require or stricter."));
        }
        if self.startup.get("replication").is_some_and(|value| !is_false(value)) {
            return Err(ClientError::new(
                sqlstate::FEATURE_NOT_SUPPORTED,
                "replication connections are not supported by this proxy",
            ));
        }
        if self.who.login.starts_with(END_USER) {
            return Err(ClientError::new(
                sqlstate::INVALID_AUTHORIZATION,
                format!("logins whose names begin with \"{END_USER}\" are not supported by this proxy"),
            )
            .with_hint("End users are named so."));
        }
        if *self.who.login == settings.service_user {
            return Err(ClientError::new(
                sqlstate::INVALID_AUTHORIZATION,
                format!(
                    "role \"{}\" is this proxy's service role and can't log in through it",
                    self.who.login
                ),
            ));
        }
        Ok(room)
    }

    /// Agrees on the protocol and finds out whether the client is who it says.
    async fn prove(&mut self, door: &Door, settings: &Settings) -> Result<Proven, Failure> {
        self.negotiate(settings).await?;
        match &settings.auth {
            Auth::Scram => self.prove_password(door, settings).await,
            Auth::Cert(logins) => self.prove_certificate(door, logins).await,
        }
    }

    async fn stored(&self, door: &Door) -> Result<Stored, Failure> {
        door.verifiers.verifier(&self.who.login).await.map_err(|fault| {
            tracing::error!(%fault, login = ?self.who.login, "login");
            let report =
                ClientError::new(sqlstate::CANNOT_CONNECT_NOW, "logins can't be checked at the moment")
                    .with_hint("The proxy's service connection is not available; see its log.");
            Failure::Told(Stage::Upstream, report)
        })
    }

    /// The certificate that the TLS handshake verified names the login, and
    /// the role's stored password opens the server.
    async fn prove_certificate(&self, door: &Door, logins: &[CertificateLogin]) -> Result<Proven, Failure> {
        let told = |report| Failure::Told(Stage::Authentication, report);
        let shown = self.client.tls_session().and_then(|tls| tls.get_ref().1.peer_certificates()?.first());
        let Some(shown) = shown else {
            return Err(told(auth::no_certificate()));
        };
        let names = certificate::names(shown);
        let Some(entry) = certificate::entry(logins, &self.who.login, &names) else {
            tracing::info!(login = ?self.who.login, ?names, "certificate of somebody else");
            return Err(told(auth::certificate_failed(&self.who.login)));
        };
        let Stored::Scram(verifier) = self.stored(door).await? else {
            return Err(told(auth::no_scram_password(&self.who.login)));
        };
        let (password, of) = (entry.password.clone(), verifier.clone());
        // As many rounds as the role's verifier wants: not on a thread that runs sessions.
        let key = tokio::task::spawn_blocking(move || certificate::client_key(&password, &of)).await;
        match key {
            Ok(Some(client_key)) => Ok(Proven { client_key, verifier: *verifier }),
            Ok(None) | Err(_) => {
                tracing::error!(login = ?self.who.login, "the stored password is not the role's");
                Err(Failure::Told(Stage::Upstream, auth::stored_password_failed(&self.who.login)))
            }
        }
    }

    /// SCRAM with the role's own verifier.
    async fn prove_password(&mut self, door: &Door, settings: &Settings) -> Result<Proven, Failure> {
        let stored = self.stored(door).await?;
        let binding =
            settings.tls.as_ref().filter(|_| self.client.is_tls()).and_then(|tls| tls.end_point.clone());
        let login = self.who.login.clone();
        self.scram(&stored, binding, door).await.map_err(|fault| match fault {
            ProofFault::Scram(ScramError::Proof) if matches!(stored, Stored::Nothing | Stored::Foreign) => {
                Failure::Told(Stage::Authentication, auth::no_scram_password(&login))
            }
            ProofFault::Scram(fault) => Failure::Told(Stage::Authentication, fault.report(&login)),
            ProofFault::Other(failure) => failure,
        })
    }

    /// Tells a client that asked for a newer protocol, or for protocol
    /// options, what it gets instead.
    async fn negotiate(&mut self, settings: &Settings) -> Result<(), Failure> {
        let asked = self.startup.version;
        let newest = if asked == Version::V3_0 {
            Version::V3_2
        } else {
            // A server that can't be asked is met again at login.
            settings.connector.newest_version(&settings.service_user).await.unwrap_or(Version::V3_0)
        };
        self.version = asked.min(newest);
        let unknown_options: Vec<Bytes> = self.startup.protocol_options().cloned().collect();
        if asked > newest || !unknown_options.is_empty() {
            let answer = Negotiate { newest: self.version, unknown_options };
            answer.put(self.client.output()).map_err(told_malformed)?;
        }
        Ok(())
    }

    /// The SCRAM exchange. Leaves AuthenticationSASLFinal in the queue.
    async fn scram(
        &mut self,
        stored: &Stored,
        binding: Option<Vec<u8>>,
        door: &Door,
    ) -> Result<Proven, ProofFault> {
        let offer = Offer::new(stored, &self.who.login, &door.mock_key, binding)?;
        self.ask(request::SASL, |body| {
            for mechanism in offer.mechanisms() {
                frame::put_cstr(body, mechanism);
            }
            body.put_u8(0);
        })?;
        let answer = self.answer().await?;
        let mut reader = answer.reader();
        let mechanism = reader.text().map_err(told_malformed)?;
        let first = reader.value().map_err(told_malformed)?.unwrap_or_default();
        reader.finish().map_err(told_malformed)?;
        let (challenge, server_first) = offer.client_first(mechanism, first)?;
        self.ask(request::SASL_CONTINUE, |body| body.put_slice(server_first.as_bytes()))?;
        let answer = self.answer().await?;
        let (proven, server_final) = challenge.client_final(answer.body())?;
        self.ask(request::SASL_FINAL, |body| body.put_slice(server_final.as_bytes()))?;
        Ok(proven)
    }

    /// Queues an Authentication message.
    fn ask(&mut self, code: i32, rest: impl FnOnce(&mut BytesMut)) -> Result<(), Failure> {
        frame::put(self.client.output(), backend::AUTHENTICATION, |body| {
            body.put_i32(code);
            rest(body);
        })
        .map_err(told_malformed)
    }

    /// Flushes, and takes the client's next SASL message.
    async fn answer(&mut self) -> Result<Frame, Failure> {
        self.client.flush().await.map_err(|_| Failure::Gone)?;
        let frame = self.client.frame(AUTH_LIMIT).await.map_err(Failure::frame)?;
        match frame.tag() {
            frontend::PASSWORD => Ok(frame),
            frontend::TERMINATE => Err(Failure::Gone),
            _ => Err(Failure::Told(
                Stage::Authentication,
                ClientError::new(sqlstate::PROTOCOL_VIOLATION, "expected SASL response"),
            )),
        }
    }

    /// The login upstream, with the ClientKey that lives no longer than this.
    async fn log_in(
        &self,
        door: &Door,
        settings: &Settings,
        proven: Proven,
    ) -> Result<login::Upstream, Failure> {
        let limit = settings.limits.startup_timeout.saturating_add(settings.connector.patience());
        let login = login::login(&settings.connector, &self.startup, &proven.client_key, &proven.verifier);
        let result = timeout(limit, login).await.unwrap_or(Err(LoginError::Timeout));
        match result {
            Ok(upstream) => Ok(upstream),
            Err(LoginError::Server(frame)) => Err(Failure::Server(frame)),
            Err(LoginError::Scram(ScramError::Stale)) => Err(self.stale(door, &proven).await),
            Err(fault) => {
                tracing::warn!(%fault, login = ?self.who.login, "login upstream");
                Err(Failure::Told(Stage::Upstream, fault.report(&self.who.login)))
            }
        }
    }

    /// The server's verifier is not the one that the client was checked with:
    /// was the password changed a moment ago, or do the function that reads
    /// verifiers and the upstream address belong to different servers?
    async fn stale(&self, door: &Door, proven: &Proven) -> Failure {
        let again = door.verifiers.verifier(&self.who.login).await;
        let unchanged = matches!(&again, Ok(Stored::Scram(now)) if **now == proven.verifier);
        if unchanged {
            tracing::error!(login = ?self.who.login, "the upstream's verifier differs from pg_authid's");
        }
        Failure::Told(
            Stage::Authentication,
            auth::password_failed(&self.who.login)
                .with_hint("If the password was just changed, connect again."),
        )
    }

    fn enter(&self, door: &Door, settings: &Settings, backend_pid: i32) -> Result<Seat, Failure> {
        let introduction = Introduction {
            login: self.who.login.clone(),
            database: self.who.database.clone(),
            client: self.client.peer().clone(),
            backend_pid,
        };
        let seat = door
            .registry
            .enter(introduction, settings.limits.max_sessions_per_user, door.clock.now().wall)
            .map_err(|report| Failure::Told(Stage::Opening, report))?;
        if let Some(name) = self.startup.get("application_name") {
            seat.set_application(&String::from_utf8_lossy(name));
        }
        Ok(seat)
    }

    fn into_established(mut self, session: Session) -> Established {
        let Session { upstream, cancellable, seat, room } = session;
        let out = self.client.output();
        // Neither body can outgrow a frame: four bytes, and a cancel key.
        let _ = frame::put(out, backend::AUTHENTICATION, |body| body.put_i32(request::OK));
        out.put_slice(&upstream.before_key);
        let _ = cancellable.key().put_backend_key(out);
        out.put_slice(&upstream.after_key);
        Established {
            client: self.client,
            upstream: upstream.stream,
            login: self.who.login,
            database: self.who.database,
            startup: self.startup,
            version: self.version,
            parameters: upstream.parameters,
            backend_pid: upstream.key.pid,
            cancellable,
            seat,
            room,
        }
    }
}

enum ProofFault {
    Scram(ScramError),
    Other(Failure),
}

impl From<ScramError> for ProofFault {
    fn from(fault: ScramError) -> Self {
        ProofFault::Scram(fault)
    }
}

impl From<Failure> for ProofFault {
    fn from(failure: Failure) -> Self {
        ProofFault::Other(failure)
    }
}

fn told_malformed(fault: Malformed) -> Failure {
    Failure::Told(Stage::Authentication, fault.into())
}

/// PostgreSQL's spellings of false; anything else is taken for a wish to
/// replicate.
fn is_false(value: &[u8]) -> bool {
    ["false", "off", "no", "0", "f", "n"].iter().any(|word| value.eq_ignore_ascii_case(word.as_bytes()))
}

/// Codes of Authentication messages.
mod request {
    pub const OK: i32 = 0;
    pub const SASL: i32 = 10;
    pub const SASL_CONTINUE: i32 = 11;
    pub const SASL_FINAL: i32 = 12;
}
