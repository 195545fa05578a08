//! A TCP relay that can be cut, or go silent, and hears what is sent: the network
//! between a node and its state store or server.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const OPEN: u8 = 0;
/// Connections end, new ones are refused.
const CUT: u8 = 1;
/// Connections stay, and nothing comes through.
const SILENT: u8 = 2;

pub struct Relay {
    pub port: u16,
    state: Arc<AtomicU8>,
    heard: Heard,
}

/// What came for the target, over all connections.
type Heard = Arc<Mutex<Vec<u8>>>;

impl Relay {
    /// To 127.0.0.1 at this port.
    pub fn to(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("relay");
        let port = listener.local_addr().expect("address").port();
        let state = Arc::new(AtomicU8::new(OPEN));
        let shared = state.clone();
        let heard = Heard::default();
        let hears = heard.clone();
        // Ends with the test process.
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if shared.load(Ordering::SeqCst) == CUT {
                    continue;
                }
                let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else { continue };
                for (from, to, heard) in [
                    (client.try_clone().unwrap(), server.try_clone().unwrap(), Some(hears.clone())),
                    (server.try_clone().unwrap(), client.try_clone().unwrap(), None),
                ] {
                    let shared = shared.clone();
                    std::thread::spawn(move || pump(from, to, &shared, heard));
                }
            }
        });
        Self { port, state, heard }
    }

    /// Has the target been sent this?
    pub fn has_heard(&self, what: &[u8]) -> bool {
        self.heard.lock().unwrap().windows(what.len()).any(|window| window == what)
    }

    pub fn cut(&self) {
        self.state.store(CUT, Ordering::SeqCst);
    }
    pub fn silence(&self) {
        self.state.store(SILENT, Ordering::SeqCst);
    }
    pub fn mend(&self) {
        self.state.store(OPEN, Ordering::SeqCst);
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream, state: &AtomicU8, heard: Option<Heard>) {
    let mut buffer = [0; 8192];
    from.set_read_timeout(Some(Duration::from_millis(20))).expect("timeout");
    loop {
        match state.load(Ordering::SeqCst) {
            CUT => break,
            SILENT => {
                std::thread::sleep(Duration::from_millis(20));
                continue;
            }
            _ => {}
        }
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => {
                // What was read just before the silence stays in the wire.
                while state.load(Ordering::SeqCst) == SILENT {
                    std::thread::sleep(Duration::from_millis(20));
                }
                if let Some(heard) = &heard {
                    heard.lock().unwrap().extend_from_slice(&buffer[..length]);
                }
                if state.load(Ordering::SeqCst) == CUT || to.write_all(&buffer[..length]).is_err() {
                    break;
                }
            }
            Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
