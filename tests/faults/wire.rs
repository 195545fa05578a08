//! A TCP connection with something wrong on it: cut, stalled, or lied on.
//!
//! Stands between a client and bauta, or between bauta and PostgreSQL. Which
//! connection gets which fault is told by the `application_name` of its startup
//! message, so that many sessions with faults of their own run at once;
//! connections without a plan pass as they are.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::lies::Lie;

/// A cancel request has no name.
pub const CANCEL: &str = "cancel";
/// Code of a CancelRequest.
const CANCEL_CODE: u32 = 80_877_102;

/// From whoever connected, or to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    Up,
    Down,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum How {
    /// FIN to both sides, the bytes so far delivered.
    Close,
    /// RST to both sides.
    Reset,
    /// Nothing passes any more, in this direction; nobody is told.
    Stall,
}

#[derive(Debug, Clone)]
pub enum Plan {
    /// After so many bytes in this direction.
    Cut { way: Way, at: u64, how: How },
    /// About the n-th message in this direction, from 0, the startup packet not counted.
    Lie { way: Way, message: usize, lie: Lie },
}

pub struct Wire {
    pub port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    target: u16,
    plans: Mutex<HashMap<String, Plan>>,
    /// Bytes and messages that passed for each name.
    passed: Mutex<HashMap<(String, Way), (u64, usize)>>,
}

impl Wire {
    pub fn to(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
        let port = listener.local_addr().expect("address").port();
        let shared = Arc::new(Shared { target, plans: Mutex::default(), passed: Mutex::default() });
        let carrier = shared.clone();
        // Ends with the process: a listener that nobody connects to is no harm.
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = carrier.clone();
                std::thread::spawn(move || carry(client, &shared));
            }
        });
        Self { port, shared }
    }

    pub fn plan(&self, name: &str, plan: Plan) {
        self.shared.plans.lock().insert(name.to_owned(), plan);
    }

    pub fn clear(&self, name: &str) {
        self.shared.plans.lock().remove(name);
    }

    /// Bytes and messages that passed.
    pub fn passed(&self, name: &str, way: Way) -> (u64, usize) {
        self.shared.passed.lock().get(&(name.to_owned(), way)).copied().unwrap_or_default()
    }
}

fn carry(client: TcpStream, shared: &Arc<Shared>) -> Option<()> {
    client.set_nodelay(true).ok()?;
    let first = first_packet(&client)?;
    let name = name_of(&first);
    let plan = shared.plans.lock().get(&name).cloned();
    let server = TcpStream::connect(("127.0.0.1", shared.target)).ok()?;
    server.set_nodelay(true).ok()?;
    let (client, server) = (Arc::new(client), Arc::new(server));
    let pump = |from: &Arc<TcpStream>, to: &Arc<TcpStream>, way, lead: Vec<u8>| {
        let pump = Pump {
            from: from.clone(),
            to: to.clone(),
            way,
            plan: plan.clone(),
            key: (name.clone(), way),
            shared: shared.clone(),
            passed: 0,
            messages: 0,
            unframed: Vec::new(),
        };
        std::thread::spawn(move || pump.run(lead))
    };
    pump(&client, &server, Way::Up, first);
    pump(&server, &client, Way::Down, Vec::new());
    Some(())
}

fn first_packet(mut client: &TcpStream) -> Option<Vec<u8>> {
    client.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
    let mut packet = vec![0; 4];
    client.read_exact(&mut packet).ok()?;
    let length = usize::try_from(u32::from_be_bytes(packet[..4].try_into().ok()?)).ok()?;
    packet.resize(length.clamp(4, 10_000), 0);
    client.read_exact(&mut packet[4..]).ok()?;
    client.set_read_timeout(None).ok()?;
    Some(packet)
}

fn name_of(packet: &[u8]) -> String {
    if packet.get(4..8) == Some(&CANCEL_CODE.to_be_bytes()) {
        return CANCEL.to_owned();
    }
    let mut words = packet.get(8..).unwrap_or_default().split(|b| *b == 0);
    while let (Some(name), Some(value)) = (words.next(), words.next()) {
        if name == b"application_name" {
            return String::from_utf8_lossy(value).into_owned();
        }
    }
    String::new()
}

struct Pump {
    from: Arc<TcpStream>,
    to: Arc<TcpStream>,
    way: Way,
    plan: Option<Plan>,
    key: (String, Way),
    shared: Arc<Shared>,
    passed: u64,
    messages: usize,
    /// The beginning of a message.
    unframed: Vec<u8>,
}

impl Pump {
    fn run(mut self, lead: Vec<u8>) {
        // The startup packet is no message.
        if !lead.is_empty() && self.pass(&lead).is_none() {
            return;
        }
        let mut buffer = vec![0; 16 << 10];
        loop {
            match (&*self.from).read(&mut buffer) {
                Ok(0) | Err(_) => {
                    // What was begun and will never end.
                    if matches!(&self.plan, Some(Plan::Lie { way, .. }) if *way == self.way) {
                        let rest = std::mem::take(&mut self.unframed);
                        self.pass(&rest);
                    }
                    let _ = self.to.shutdown(Shutdown::Write);
                    return;
                }
                Ok(n) => {
                    if self.take(&buffer[..n]).is_none() {
                        return;
                    }
                }
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Option<()> {
        self.unframed.extend_from_slice(bytes);
        let frames = whole(&self.unframed);
        if !matches!(&self.plan, Some(Plan::Lie { way, .. }) if *way == self.way) {
            // Only counted: bytes pass as they come.
            self.messages += frames.len();
            self.unframed.drain(..frames.last().map_or(0, |frame| frame.end));
            return self.pass(bytes);
        }
        let done = self.unframed.clone();
        let mut end = 0;
        for frame in frames {
            end = frame.end;
            let message = done.get(frame)?;
            let out = match &self.plan {
                Some(Plan::Lie { message: at, lie, .. }) if *at == self.messages => lie.told(message),
                _ => message.to_vec(),
            };
            self.messages += 1;
            self.pass(&out)?;
        }
        self.unframed.drain(..end);
        Some(())
    }

    /// Passes bytes on; None: this direction is over.
    fn pass(&mut self, bytes: &[u8]) -> Option<()> {
        let cut = match &self.plan {
            Some(Plan::Cut { way, at, how }) if *way == self.way => Some((*at, *how)),
            _ => None,
        };
        let length = u64::try_from(bytes.len()).ok()?;
        let (now, fault) = match cut {
            Some((at, how)) if self.passed + length >= at => {
                let left = usize::try_from(at.saturating_sub(self.passed)).ok()?;
                (bytes.get(..left)?, Some(how))
            }
            _ => (bytes, None),
        };
        let written = (&*self.to).write_all(now);
        self.passed += u64::try_from(now.len()).ok()?;
        self.shared.passed.lock().insert(self.key.clone(), (self.passed, self.messages));
        match (written, fault) {
            (Err(_), _) => {
                // Who writes to nobody reads on, as TCP would.
                let _ = self.from.shutdown(Shutdown::Read);
                None
            }
            (Ok(()), None) => Some(()),
            (Ok(()), Some(how)) => self.fail(how),
        }
    }

    fn fail(&mut self, how: How) -> Option<()> {
        match how {
            How::Close => {
                let _ = self.to.shutdown(Shutdown::Both);
                let _ = self.from.shutdown(Shutdown::Both);
            }
            How::Reset => {
                for socket in [&self.from, &self.to] {
                    let _ = socket2::SockRef::from(&**socket).set_linger(Some(Duration::ZERO));
                    // Wakes the other direction; the last one to go resets.
                    let _ = socket.shutdown(Shutdown::Read);
                }
            }
            How::Stall => {
                let mut hole = [0; 4096];
                while matches!((&*self.from).read(&mut hole), Ok(n) if n > 0) {}
                let _ = self.to.shutdown(Shutdown::Both);
                let _ = self.from.shutdown(Shutdown::Both);
            }
        }
        None
    }
}

/// The whole messages that the bytes begin with.
fn whole(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut frames = Vec::new();
    let mut at = 0;
    while let Some(header) = bytes.get(at..at + 5) {
        let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]);
        let end = at + 1 + usize::try_from(length).unwrap_or(usize::MAX / 2);
        if bytes.len() < end {
            break;
        }
        frames.push(at..end);
        at = end;
    }
    frames
}
