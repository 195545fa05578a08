//! Syslog messages (RFC 5424), the record as it stands in the log being the
//! message: over a Unix datagram socket, UDP (RFC 5426), TCP with octet
//! counting (RFC 6587) or TLS (RFC 5425).

use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;

use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::follow::Shipment;
use super::{Failure, Outlet, PATIENCE};
use crate::config::{SyslogAddress, SyslogSink};
use crate::net::mutual;
use crate::net::tls::TlsFault;

/// A datagram holds this much for certain; a longer message is cut.
const LARGEST_DATAGRAM: usize = 60_000;

/// RFC 5424, table 2.
const ALERT: u8 = 1;
const WARNING: u8 = 4;
const INFORMATIONAL: u8 = 6;

pub(super) struct Syslog {
    to: SyslogSink,
    /// How TLS is spoken, where it is.
    tls: Option<Tls>,
    socket: Option<Socket>,
}

struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Tls {
    fn of(address: &SyslogAddress) -> Result<Option<Self>, TlsFault> {
        let SyslogAddress::Tls(to) = address else { return Ok(None) };
        let own = to.own.as_ref().map(|(cert, key)| (cert.as_path(), key.as_path()));
        let config = Arc::new(mutual::caller(own, to.ca.as_deref())?);
        let name = ServerName::try_from(to.host.clone());
        Ok(Some(Self { config, name: name.map_err(|_| TlsFault::ServerName(to.host.clone()))? }))
    }
}

enum Socket {
    Unix(UnixDatagram),
    Udp(UdpSocket),
    Tcp(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Syslog {
    /// # Errors
    /// A certificate can't be used.
    pub fn new(to: SyslogSink) -> Result<Self, TlsFault> {
        Ok(Self { tls: Tls::of(&to.address)?, to, socket: None })
    }

    fn try_send(&mut self, records: &[Shipment]) -> io::Result<()> {
        let socket = match &mut self.socket {
            Some(socket) => socket,
            none => none.insert(Socket::open(&self.to.address, self.tls.as_ref())?),
        };
        socket.still_there()?;
        for record in records {
            socket.send(message(record, self.to.facility))?;
        }
        Ok(())
    }
}

impl Outlet for Syslog {
    fn send(&mut self, records: &[Shipment]) -> Result<(), Failure> {
        self.try_send(records).map_err(|fault| {
            // The next attempt begins with a new one.
            self.socket = None;
            Failure::of("sending to syslog", &fault)
        })
    }
}

impl Socket {
    fn open(address: &SyslogAddress, tls: Option<&Tls>) -> io::Result<Self> {
        match address {
            SyslogAddress::Unix(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(path)?;
                socket.set_write_timeout(Some(PATIENCE))?;
                Ok(Self::Unix(socket))
            }
            SyslogAddress::Udp(address) => {
                let target = address.to_socket_addrs()?.next().ok_or(io::ErrorKind::NotFound)?;
                let local = if target.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                let socket = UdpSocket::bind(local)?;
                socket.connect(target)?;
                Ok(Self::Udp(socket))
            }
            SyslogAddress::Tcp(address) => Ok(Self::Tcp(connect(address)?)),
            SyslogAddress::Tls(to) => {
                let Tls { config, name } = tls.ok_or(io::ErrorKind::Unsupported)?;
                let session =
                    ClientConnection::new(config.clone(), name.clone()).map_err(io::Error::other)?;
                let mut stream = StreamOwned::new(session, connect(&to.address)?);
                // The certificate is looked at before anything is sent.
                while stream.conn.is_handshaking() {
                    stream.conn.complete_io(&mut stream.sock)?;
                }
                Ok(Self::Tls(Box::new(stream)))
            }
        }
    }

    /// A receiver that has closed a stream would be written to once, in vain.
    fn still_there(&mut self) -> io::Result<()> {
        let mut buffer = [0; 512];
        let read = match self {
            Self::Unix(_) | Self::Udp(_) => return Ok(()),
            Self::Tcp(stream) => {
                stream.set_nonblocking(true)?;
                let read = stream.read(&mut buffer);
                stream.set_nonblocking(false)?;
                read
            }
            Self::Tls(stream) => {
                stream.sock.set_nonblocking(true)?;
                let read = stream.read(&mut buffer);
                stream.sock.set_nonblocking(false)?;
                read
            }
        };
        match read {
            Ok(0) => Err(io::Error::from(io::ErrorKind::ConnectionAborted)),
            Err(fault) if fault.kind() != io::ErrorKind::WouldBlock => Err(fault),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn send(&mut self, mut message: String) -> io::Result<()> {
        match self {
            Self::Unix(_) | Self::Udp(_) if message.len() > LARGEST_DATAGRAM => {
                let end = (0..=LARGEST_DATAGRAM).rev().find(|at| message.is_char_boundary(*at));
                message.truncate(end.unwrap_or(0));
                self.send(message)
            }
            Self::Unix(socket) => socket.send(message.as_bytes()).map(|_| ()),
            Self::Udp(socket) => socket.send(message.as_bytes()).map(|_| ()),
            Self::Tcp(stream) => stream.write_all(counted(&message).as_bytes()),
            Self::Tls(stream) => {
                stream.write_all(counted(&message).as_bytes())?;
                stream.flush()
            }
        }
    }
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let target = address.to_socket_addrs()?.next().ok_or(io::ErrorKind::NotFound)?;
    let stream = TcpStream::connect_timeout(&target, PATIENCE)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// With its length in front (RFC 6587 and RFC 5425).
fn counted(message: &str) -> String {
    format!("{} {message}", message.len())
}

/// `<PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA MSG`
fn message(record: &Shipment, facility: u8) -> String {
    let facts = &record.facts;
    let severity = match facts.event.as_str() {
        "tripwire" | "log.head_lost" => ALERT,
        "auth.failed" | "log.resumed" | "log.recovered" | "notify.failed" => WARNING,
        _ if facts.refused => WARNING,
        _ => INFORMATIONAL,
    };
    format!(
        "<{}>1 {:.6} {} bauta {} {} - {}",
        u32::from(facility) * 8 + u32::from(severity),
        facts.at,
        word(&facts.node, 255),
        std::process::id(),
        word(&facts.event, 32),
        record.line
    )
}

/// PRINTUSASCII, at most so long; `-` if nothing is left.
fn word(text: &str, longest: usize) -> String {
    let word: String = text.chars().filter(char::is_ascii_graphic).take(longest).collect();
    if word.is_empty() { "-".to_owned() } else { word }
}

#[cfg(test)]
mod tests {
    use super::super::follow::Facts;
    use super::*;
    use crate::audit::chain::{FIRST, Head};

    #[test]
    fn a_message_is_shaped_as_the_rfc_says() {
        let facts = Facts {
            at: "2026-11-23T20:15:00.000001Z".parse().unwrap(),
            node: "db gate ü".into(),
            event: "tripwire".into(),
            ..Facts::default()
        };
        let record = Shipment { head: Head { seq: 1, mac: FIRST }, line: "{\"seq\":1}".into(), facts };
        let pid = std::process::id();
        assert_eq!(
            message(&record, 13),
            format!("<105>1 2026-11-23T20:15:00.000001Z dbgate bauta {pid} tripwire - {{\"seq\":1}}")
        );
    }
}
