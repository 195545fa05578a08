//! The cheapest client there can be: it logs in, sends one Query, and counts
//! frames, so that what is measured is the way and not the client.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use postgres_protocol::authentication::sasl::{ChannelBinding, ScramSha256};

use crate::contender::{DATABASE, PASSWORD, USER};

pub struct Session {
    stream: BufReader<TcpStream>,
}

/// Logs in with SCRAM-SHA-256.
pub fn open(port: u16) -> anyhow::Result<Session> {
    open_as(port, USER)
}

/// [`open`] as another login.
pub fn open_as(port: u16, user: &str) -> anyhow::Result<Session> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(300)))?;
    // Small: thousands of these are open at once.
    let mut session = Session { stream: BufReader::with_capacity(8 * 1024, stream) };
    session.log_in(user)?;
    Ok(session)
}

/// Rows a second of a statement that returns `rows` of them. COPY's binary
/// format ends with a trailer in a message of its own
/// (<https://www.postgresql.org/docs/current/sql-copy.html>).
pub fn bulk(port: u16, sql: &str, rows: u32) -> anyhow::Result<f64> {
    let mut session = open(port)?;
    // Large reads from here on.
    let stream = session.stream.into_inner();
    session.stream = BufReader::with_capacity(256 * 1024, stream);
    let started = Instant::now();
    session.query(sql, rows)?;
    Ok(f64::from(rows) / started.elapsed().as_secs_f64())
}

impl Session {
    /// Sends one Query and counts its rows.
    pub fn query(&mut self, sql: &str, rows: u32) -> anyhow::Result<()> {
        self.send(b'Q', &[sql.as_bytes(), &[0]].concat())?;
        let mut seen = 0;
        loop {
            let (tag, length) = self.header()?;
            match tag {
                b'D' | b'd' => {
                    seen += 1;
                    self.skip(length)?;
                }
                b'E' => bail!("{sql}: {}", String::from_utf8_lossy(&self.body(length)?)),
                b'Z' => {
                    self.skip(length)?;
                    break;
                }
                _ => self.skip(length)?,
            }
        }
        let messages = if sql.contains("FORMAT binary") { rows + 1 } else { rows };
        ensure!(seen == messages, "{sql}: {seen} messages instead of {messages}");
        Ok(())
    }

    fn log_in(&mut self, user: &str) -> anyhow::Result<()> {
        let parameters = format!("user\0{user}\0database\0{DATABASE}\0\0");
        let length = u32::try_from(parameters.len() + 8)?;
        let startup = [&length.to_be_bytes()[..], &196_608u32.to_be_bytes(), parameters.as_bytes()].concat();
        self.stream.get_mut().write_all(&startup)?;
        let mut scram = ScramSha256::new(PASSWORD.as_bytes(), ChannelBinding::unsupported());
        loop {
            let (tag, length) = self.header()?;
            let body = self.body(length)?;
            match (tag, body.get(3)) {
                (b'R', Some(10)) => {
                    let first = scram.message().to_vec();
                    let length = u32::try_from(first.len())?.to_be_bytes();
                    self.send(b'p', &[b"SCRAM-SHA-256\0", &length[..], &first].concat())?;
                }
                (b'R', Some(11)) => {
                    scram.update(&body[4..])?;
                    let last = scram.message().to_vec();
                    self.send(b'p', &last)?;
                }
                (b'R', Some(12)) => scram.finish(&body[4..])?,
                (b'E', _) => bail!("login: {}", String::from_utf8_lossy(&body)),
                (b'Z', _) => return Ok(()),
                _ => {}
            }
        }
    }

    fn send(&mut self, tag: u8, body: &[u8]) -> anyhow::Result<()> {
        let length = u32::try_from(body.len() + 4)?.to_be_bytes();
        Ok(self.stream.get_mut().write_all(&[&[tag], &length[..], body].concat())?)
    }

    /// Type and body length of the next message.
    fn header(&mut self) -> anyhow::Result<(u8, usize)> {
        let mut header = [0; 5];
        self.stream.read_exact(&mut header).context("the connection ended")?;
        let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]);
        Ok((header[0], usize::try_from(length)? - 4))
    }

    fn body(&mut self, length: usize) -> anyhow::Result<Vec<u8>> {
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(body)
    }

    fn skip(&mut self, mut length: usize) -> anyhow::Result<()> {
        while length > 0 {
            let available = self.stream.fill_buf()?.len().min(length);
            ensure!(available > 0, "the connection ended");
            self.stream.consume(available);
            length -= available;
        }
        Ok(())
    }
}
