//! The messages that open a connection: read the same however they arrive,
//! and written back as they were.

use bytes::BytesMut;

use crate::wire::frame;
use crate::wire::startup::{CancelKey, NAME_LIMIT, Negotiate, Opening, STARTUP_LIMIT, StartupMessage};

pub fn startup(data: &[u8]) -> bool {
    let mut whole = BytesMut::from(data);
    let opening = Opening::cut(&mut whole);
    let mut arriving = BytesMut::new();
    let mut early = Ok(None);
    for byte in data.iter().take(STARTUP_LIMIT) {
        arriving.extend_from_slice(&[*byte]);
        early = Opening::cut(&mut arriving);
        if !matches!(early, Ok(None)) {
            break;
        }
    }
    assert_eq!(early, opening, "byte by byte it is another message");
    let is_read = matches!(opening, Ok(Some(_)));
    match opening {
        Ok(Some(Opening::Session(message))) => session(&message, data, whole.len()),
        Ok(Some(Opening::Cancel(key))) => {
            let mut out = BytesMut::new();
            key.put_request(&mut out).expect("a key that was read");
            assert_eq!(&out[..], &data[..data.len() - whole.len()]);
        }
        Ok(Some(Opening::Ssl | Opening::GssEnc) | None) | Err(_) => {}
    }
    if let Ok(key) = CancelKey::read_backend_key(data) {
        let mut out = BytesMut::new();
        key.put_backend_key(&mut out).expect("a key that was read");
        assert_eq!(&out[frame::HEADER..], data);
    }
    if let Ok(negotiate) = Negotiate::read(data) {
        let mut out = BytesMut::new();
        negotiate.put(&mut out).expect("options that were read");
        assert_eq!(&out[frame::HEADER..], data);
    }
    is_read
}

fn session(message: &StartupMessage, data: &[u8], left: usize) {
    let mut out = BytesMut::new();
    message.put(&mut out).expect("parameters that were read");
    assert_eq!(&out[..], &data[..data.len() - left]);
    for name in [message.user(), message.database()].into_iter().flatten() {
        assert!(!name.is_empty() && name.len() <= NAME_LIMIT && !name.contains('\0'));
    }
    // A name said twice means one login to us and may mean another to the server.
    let users = message.parameters.iter().filter(|(name, _)| &name[..] == b"user").count();
    assert!(users == 1 || message.user().is_err());
}
