//! Opening messages: whole, cut at every byte, over-long, and lying.

use super::*;

fn message(version: Version, parameters: &[(&str, &str)]) -> StartupMessage {
    let bytes = |s: &str| Bytes::copy_from_slice(s.as_bytes());
    StartupMessage { version, parameters: parameters.iter().map(|(n, v)| (bytes(n), bytes(v))).collect() }
}

fn wire(message: &StartupMessage) -> BytesMut {
    let mut out = BytesMut::new();
    message.put(&mut out).unwrap();
    out
}

fn raw(version: u32, rest: &[u8]) -> BytesMut {
    let mut out = BytesMut::new();
    out.put_u32(u32::try_from(rest.len() + 8).unwrap());
    out.put_u32(version);
    out.put_slice(rest);
    out
}

#[test]
fn a_startup_message_comes_back_as_it_was_sent() {
    let sent = message(Version::V3_2, &[("user", "ana"), ("options", "-c x=1"), ("_pq_.x", "1")]);
    let mut bytes = wire(&sent);
    let Opening::Session(got) = Opening::cut(&mut bytes).unwrap().unwrap() else { panic!() };
    assert_eq!(got, sent);
    assert_eq!((got.user(), got.database()), (Ok("ana"), Ok("ana")));
    assert_eq!(got.protocol_options().collect::<Vec<_>>(), ["_pq_.x"]);
    assert_eq!(got.get("options").unwrap(), "-c x=1");
}

#[test]
fn an_opening_cut_at_any_byte_waits() {
    let whole = wire(&message(Version::V3_0, &[("user", "ana"), ("database", "shop")]));
    for end in 0..whole.len() {
        let mut part = BytesMut::from(&whole[..end]);
        assert_eq!(Opening::cut(&mut part), Ok(None), "cut at {end}");
        assert_eq!(part.len(), end);
    }
}

#[test]
fn a_startup_body_shortened_at_any_byte_is_refused() {
    let whole = wire(&message(Version::V3_0, &[("user", "ana"), ("database", "shop")]));
    for end in 8..whole.len() - 1 {
        let mut bytes = raw(0x0003_0000, &whole[8..end]);
        assert!(Opening::cut(&mut bytes).is_err(), "body cut at {end}");
    }
}

#[test]
fn requests_are_recognised_and_bounded() {
    let mut ssl = BytesMut::new();
    put_ssl_request(&mut ssl).unwrap();
    assert_eq!(&ssl[..], [0, 0, 0, 8, 4, 210, 22, 47]);
    assert_eq!(Opening::cut(&mut ssl), Ok(Some(Opening::Ssl)));
    assert_eq!(Opening::cut(&mut raw(80_877_104, b"")), Ok(Some(Opening::GssEnc)));
    assert_eq!(Opening::cut(&mut raw(80_877_103, b"x")), Err(Malformed::Trailing(1)));
    let key = CancelKey { pid: 42, secret: Bytes::from_static(b"\x01\x02\x03\x04") };
    let mut out = BytesMut::new();
    key.put_request(&mut out).unwrap();
    assert_eq!(Opening::cut(&mut out), Ok(Some(Opening::Cancel(key))));
    assert!(Opening::cut(&mut raw(80_877_102, &[0; 4])).is_err(), "a key without a secret");
    assert!(Opening::cut(&mut raw(80_877_102, &[0; 4 + 257])).is_err());
    assert!(Opening::cut(&mut raw(80_877_102, &[0; 4 + 256])).is_ok());
}

#[test]
fn lengths_that_lie_are_refused_before_the_body_comes() {
    for length in [0_u32, 4, 7] {
        let mut bytes = BytesMut::from(&length.to_be_bytes()[..]);
        assert_eq!(Opening::cut(&mut bytes), Err(Malformed::Length(length)));
    }
    for length in [10_001_u32, u32::MAX, 0x4745_5420] {
        let mut bytes = BytesMut::from(&length.to_be_bytes()[..]);
        assert!(matches!(Opening::cut(&mut bytes), Err(Malformed::TooLong { .. })));
    }
}

#[test]
fn a_login_or_database_that_the_server_would_read_differently_is_refused() {
    let twice = message(Version::V3_0, &[("user", "ana"), ("user", "sam")]);
    assert_eq!(twice.user(), Err(Malformed::Field("user")));
    let long = message(Version::V3_0, &[("user", "ana"), ("database", &"d".repeat(64))]);
    assert_eq!(long.database(), Err(Malformed::Field("database")));
    assert_eq!(message(Version::V3_0, &[]).user(), Err(Malformed::Field("user")));
    assert_eq!(message(Version::V3_0, &[("user", "")]).user(), Err(Malformed::Field("user")));
    assert_eq!(message(Version::V3_0, &[("user", "ana"), ("database", "")]).database(), Ok("ana"));
}

#[test]
fn bytes_after_the_terminator_are_refused() {
    assert_eq!(Opening::cut(&mut raw(0x0003_0000, b"user\0ana\0\0x")), Err(Malformed::Trailing(1)));
}

#[test]
fn negotiation_comes_back_as_it_was_sent_and_lies_are_refused() {
    let sent = Negotiate { newest: Version::V3_0, unknown_options: vec!["_pq_.a".into(), "_pq_.b".into()] };
    let mut out = BytesMut::new();
    sent.put(&mut out).unwrap();
    let body = out.split_off(5);
    assert_eq!(Negotiate::read(&body), Ok(sent));
    for end in 0..body.len() {
        assert!(Negotiate::read(&body[..end]).is_err(), "cut at {end}");
    }
    assert!(Negotiate::read(&[0, 3, 0, 0, 0x7f, 0xff, 0xff, 0xff]).is_err());
}

#[test]
fn a_cancel_key_never_prints_its_secret() {
    let key = CancelKey { pid: 1, secret: Bytes::from_static(b"hush") };
    assert!(!format!("{key:?}").contains("hush"));
}

proptest::proptest! {
    /// Whatever comes, reading ends in a message, an error, or a wait; and a
    /// message leaves what came behind it.
    #[test]
    fn no_bytes_make_reading_an_opening_panic(bytes in proptest::collection::vec(0_u8.., 0..200), length in 0_u32..64) {
        for version in [0x0003_0000_u32, 80_877_102, 80_877_103, 80_877_104] {
            let mut wire = BytesMut::new();
            wire.put_u32(length);
            wire.put_u32(version);
            wire.put_slice(&bytes);
            let before = wire.len();
            if let Ok(Some(_)) = Opening::cut(&mut wire) {
                assert_eq!(wire.len(), before - usize::try_from(length).unwrap());
            }
        }
        let _ = Opening::cut(&mut BytesMut::from(&bytes[..]));
        let _ = Negotiate::read(&bytes);
        let _ = CancelKey::read_backend_key(&bytes);
        let _ = frame::cut(&mut BytesMut::from(&bytes[..]), 100);
    }
}
