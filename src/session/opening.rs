//! A connection before its startup message: TLS or not, cancel or session.
//!
//! Follows `ProcessStartupPacket` and `ProcessSSLStartup` in
//! src/backend/tcop/backend_startup.c. Invariant: bytes that came before the
//! TLS handshake end the connection; they are never read as its content.

use std::io;

use crate::error::{ClientError, sqlstate};
use crate::net::Stream;
use crate::net::front::Settings;
use crate::net::stream::FrameError;
use crate::net::tls::{AcceptError, HANDSHAKE_BYTE};
use crate::wire::startup::{CancelKey, Opening, StartupMessage};

/// What the client wants.
pub enum Wish {
    Cancel(CancelKey),
    Session(StartupMessage),
}

/// Why there is no wish.
#[derive(Debug, thiserror::Error)]
pub enum OpeningFault {
    /// The client closed the connection; port scanners and health checks do.
    #[error("connection closed before the startup message")]
    Closed,
    #[error("reading the startup message: {0}")]
    Read(#[source] io::Error),
    #[error("answering a request for encryption: {0}")]
    Answer(#[source] io::Error),
    #[error(transparent)]
    Tls(#[from] AcceptError),
    #[error("direct TLS connection, but TLS is not configured")]
    TlsOff,
    /// The client can be told.
    #[error("{1}")]
    Told(Box<Stream>, ClientError),
}

/// Reads up to the startup message or cancel request.
pub async fn receive(mut client: Stream, settings: &Settings) -> Result<(Stream, Wish), OpeningFault> {
    if client.peek().await.map_err(OpeningFault::Read)? == Some(HANDSHAKE_BYTE) {
        let tls = settings.tls.as_ref().ok_or(OpeningFault::TlsOff)?;
        client = tls.accept(client, true).await?;
    }
    let (mut tls_asked, mut gss_asked) = (client.is_tls(), client.is_tls());
    loop {
        match next(&mut client).await {
            Ok(Opening::Ssl) if !tls_asked => {
                tls_asked = true;
                client = answer_tls(client, settings).await?;
            }
            Ok(Opening::GssEnc) if !gss_asked => {
                gss_asked = true;
                answer(&mut client, b"N").await?;
            }
            Ok(Opening::Ssl | Opening::GssEnc) => {
                let report = ClientError::new(
                    sqlstate::PROTOCOL_VIOLATION,
                    "encryption was asked for again on one connection",
                );
                return Err(OpeningFault::Told(Box::new(client), report));
            }
            Ok(Opening::Cancel(key)) => return Ok((client, Wish::Cancel(key))),
            Ok(Opening::Session(startup)) => return Ok((client, Wish::Session(startup))),
            Err(FrameError::Closed) => return Err(OpeningFault::Closed),
            Err(FrameError::Read(source)) => return Err(OpeningFault::Read(source)),
            Err(FrameError::Malformed(fault)) => {
                let report = ClientError::new(sqlstate::PROTOCOL_VIOLATION, "invalid startup packet")
                    .with_detail(fault.to_string());
                return Err(OpeningFault::Told(Box::new(client), report));
            }
        }
    }
}

async fn next(client: &mut Stream) -> Result<Opening, FrameError> {
    loop {
        if let Some(opening) = Opening::cut(&mut client.input)? {
            return Ok(opening);
        }
        if client.fill().await.map_err(FrameError::Read)? == 0 {
            return Err(FrameError::Closed);
        }
    }
}

/// `S` and a handshake where TLS is configured and the socket is TCP, `N`
/// otherwise, as PostgreSQL does.
async fn answer_tls(mut client: Stream, settings: &Settings) -> Result<Stream, OpeningFault> {
    match settings.tls.as_ref().filter(|_| !client.is_local()) {
        Some(tls) => {
            answer(&mut client, b"S").await?;
            Ok(tls.accept(client, false).await?)
        }
        None => {
            answer(&mut client, b"N").await?;
            Ok(client)
        }
    }
}

/// Sends the one byte. Nothing may have come behind the request: whatever did
/// was sent without knowing the answer, perhaps by somebody in between.
async fn answer(client: &mut Stream, byte: &[u8]) -> Result<(), OpeningFault> {
    if !client.input.is_empty() {
        return Err(AcceptError::Injected.into());
    }
    client.queue(byte);
    client.flush().await.map_err(OpeningFault::Answer)
}
