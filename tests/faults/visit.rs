//! One scripted session that puts up with whatever happens to it, and keeps
//! what it received.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use postgres_protocol::authentication::sasl::{ChannelBinding, ScramSha256};

use crate::harness::{DATABASE, Frame, message as m, password};

/// The login of all visits.
pub const LOGIN: &str = "ana";

/// How a visit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The script was played to its end.
    Finished,
    /// The other side, or the fault, closed the connection.
    Closed,
    /// Nothing came for as long as the visitor's patience.
    Waited,
}

/// What the statement of a step shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// Nothing protected.
    Other,
    /// Protected columns, and in rows of one or two values no other.
    Protected,
    /// What the server makes of typed NULLs in their place.
    Neutralised,
}

/// What one step of the script received.
pub struct Step {
    pub shows: Shows,
    pub frames: Vec<Frame>,
}

pub struct Visit {
    pub ended: Ended,
    pub steps: Vec<Step>,
    /// Commands answered with ReadyForQuery.
    pub answered: usize,
}

impl Visit {
    pub fn frames(&self) -> impl Iterator<Item = &Frame> {
        self.steps.iter().flat_map(|step| &step.frames)
    }
}

struct Visitor {
    stream: TcpStream,
    steps: Vec<Step>,
    answered: usize,
}

/// Plays the script under this `application_name`. A cancel request goes to
/// `cancel_port`.
pub fn visit(port: u16, cancel_port: u16, name: &str, patience: Duration) -> Visit {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("connect");
    stream.set_read_timeout(Some(patience)).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut visitor = Visitor { stream, steps: Vec::new(), answered: 0 };
    let ended = visitor.play(name, cancel_port).err().unwrap_or(Ended::Finished);
    let Visitor { steps, answered, .. } = visitor;
    Visit { ended, steps, answered }
}

impl Visitor {
    fn play(&mut self, name: &str, cancel_port: u16) -> Result<(), Ended> {
        let key = self.log_in(name)?;
        self.query(Shows::Protected, "SELECT email, ssn FROM customers ORDER BY id LIMIT 3")?;
        // Refused: nothing of it reaches the server.
        self.query(Shows::Other, "SELECT count(*) FROM customers WHERE email LIKE 'a%'")?;
        let token = self.extended()?;
        self.query(Shows::Protected, &format!("SELECT ssn, email FROM customers WHERE ssn = '{token}'"))?;
        // BEGIN has no rows, and names nothing protected that they could hold.
        self.query(
            Shows::Other,
            "BEGIN; DECLARE c CURSOR FOR SELECT email FROM customers ORDER BY id; FETCH 2 FROM c; COMMIT",
        )?;
        // Passed on unseen, and most of all bytes: most cuts fall into the row.
        self.query(Shows::Other, "SELECT repeat('x', 3000)")?;
        self.query(Shows::Neutralised, "SELECT email::int FROM customers WHERE id = 1")?;
        self.query(Shows::Protected, "COPY (SELECT email, ssn FROM customers WHERE id < 4) TO STDOUT")?;
        self.copy_in()?;
        self.cancelled(&key, cancel_port)?;
        self.send(&m::terminate())
    }

    fn log_in(&mut self, name: &str) -> Result<Vec<u8>, Ended> {
        self.begin(Shows::Other);
        let parameters = [("user", LOGIN), ("database", DATABASE), ("application_name", name)];
        self.send(&m::startup(196_608, &parameters))?;
        let mut scram = ScramSha256::new(password(LOGIN).as_bytes(), ChannelBinding::unsupported());
        self.until(b"R")?;
        let first = scram.message();
        let length = i32::try_from(first.len()).unwrap().to_be_bytes();
        self.send(&m::framed(b'p', &[b"SCRAM-SHA-256\0", &length[..], first].concat()))?;
        let server_first = self.until(b"R")?;
        scram.update(server_first.body.get(4..).unwrap_or_default()).map_err(|_| Ended::Closed)?;
        self.send(&m::framed(b'p', scram.message()))?;
        self.until(b"Z")?;
        let key = self.steps[0].frames.iter().find(|frame| frame.tag == b'K');
        Ok(key.map(|frame| frame.body.clone()).unwrap_or_default())
    }

    /// A named statement, described and fetched in parts; the first token seen.
    fn extended(&mut self) -> Result<String, Ended> {
        self.begin(Shows::Protected);
        let text = "SELECT ssn, email, id FROM customers WHERE id < $1 ORDER BY id";
        self.send(
            &[
                m::parse("s", text, &[]),
                m::describe(b'S', "s"),
                m::bind("", "s", &[Some("5")], &[0, 0, 1]),
                m::execute("", 2),
                m::execute("", 0),
                m::sync(),
            ]
            .concat(),
        )?;
        self.until(b"Z")?;
        self.answered += 1;
        let rows = &self.steps.last().expect("a step").frames;
        let row = rows.iter().find(|frame| frame.tag == b'D');
        Ok(row.and_then(first_value).unwrap_or_default())
    }

    fn copy_in(&mut self) -> Result<(), Ended> {
        self.begin(Shows::Other);
        self.send(&m::query("COPY inbox FROM STDIN"))?;
        if self.until(b"GZ")?.tag == b'G' {
            self.send(&[m::copy_data(b"1\tone\n2\tt"), m::copy_data(b"wo\n"), m::copy_done()].concat())?;
            self.until(b"Z")?;
        }
        self.answered += 1;
        Ok(())
    }

    fn cancelled(&mut self, key: &[u8], cancel_port: u16) -> Result<(), Ended> {
        self.begin(Shows::Other);
        self.send(&m::query("SELECT pg_sleep(2)"))?;
        let request = [&80_877_102u32.to_be_bytes()[..], key].concat();
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", cancel_port)) {
            // It is answered by the end of the connection.
            let _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
            let _ = stream.write_all(&m::framed(0, &request)[1..]);
            let _ = stream.read(&mut [0]);
        }
        self.until(b"Z")?;
        self.answered += 1;
        Ok(())
    }

    fn query(&mut self, shows: Shows, sql: &str) -> Result<(), Ended> {
        self.begin(shows);
        self.send(&m::query(sql))?;
        self.until(b"Z")?;
        self.answered += 1;
        Ok(())
    }

    fn begin(&mut self, shows: Shows) {
        self.steps.push(Step { shows, frames: Vec::new() });
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        if self.stream.write_all(bytes).is_ok() {
            return Ok(());
        }
        // What it still has to say.
        while let Ok(frame) = self.receive() {
            self.steps.last_mut().expect("a step").frames.push(frame);
        }
        Err(Ended::Closed)
    }

    /// Receives up to a message of one of these types.
    fn until(&mut self, tags: &[u8]) -> Result<Frame, Ended> {
        loop {
            let frame = self.receive()?;
            let last = tags.contains(&frame.tag);
            self.steps.last_mut().expect("a step").frames.push(frame.clone());
            if last {
                return Ok(frame);
            }
        }
    }

    fn receive(&mut self) -> Result<Frame, Ended> {
        let mut head = [0; 5];
        self.fill(&mut head)?;
        let length = u32::from_be_bytes(head[1..].try_into().unwrap());
        let length = usize::try_from(length).unwrap();
        assert!((4..1 << 20).contains(&length), "a message of {length} bytes");
        let mut body = vec![0; length - 4];
        self.fill(&mut body)?;
        Ok(Frame { tag: head[0], body })
    }

    fn fill(&mut self, mut bytes: &mut [u8]) -> Result<(), Ended> {
        while !bytes.is_empty() {
            match self.stream.read(bytes) {
                Ok(0) => return Err(Ended::Closed),
                Ok(n) => bytes = &mut bytes[n..],
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Err(Ended::Waited);
                }
                Err(_) => return Err(Ended::Closed),
            }
        }
        Ok(())
    }
}

/// Of a row; None if it is none.
fn first_value(row: &Frame) -> Option<String> {
    let length = row.body.get(2..6)?.try_into().ok()?;
    let length = usize::try_from(i32::from_be_bytes(length)).ok()?;
    Some(String::from_utf8_lossy(row.body.get(6..6 + length)?).into_owned())
}
