//! The startup of a session: what the client says, what the server hears,
//! what comes back; and everything that can go wrong on the way.
//!
//! Method: the front door alone (see `harness::door`), compared with a direct
//! connection byte for byte wherever both answer.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use bauta::config::{ListenAddress, UpstreamAddress};

use crate::harness::door::config;
use crate::harness::{Door, Frame, Raw, Server, message, password, psql};

const V3_0: u32 = 0x0003_0000;
const SHOP: [(&str, &str); 2] = [("user", "ana"), ("database", "shop")];

fn door(server: &Server) -> Door {
    Door::open(server, config(server))
}

/// The frames that a connection is sent in answer to these bytes.
fn answer(port: u16, bytes: &[u8]) -> Vec<Frame> {
    let mut raw = Raw::open(port);
    raw.send(bytes);
    raw.until_ready()
}

fn code(frames: &[Frame]) -> Option<String> {
    frames.last().and_then(|f| f.field(b'C'))
}

/// Waits for what happens a moment later.
fn soon(what: &str, mut check: impl FnMut() -> bool) {
    let started = Instant::now();
    while !check() {
        assert!(started.elapsed() < Duration::from_secs(10), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_greeting_is_the_servers_but_for_the_cancel_key() {
    let server = Server::shared();
    let door = door(server);
    let parameters = [SHOP[0], SHOP[1], ("application_name", "x"), ("DateStyle", "German")];
    let direct = Raw::connect_with(server.port(), &parameters, &password("ana")).unwrap();
    let mut through = Raw::connect_with(door.port, &parameters, &password("ana")).unwrap();
    let without_key = |raw: &Raw| raw.greeting.iter().filter(|f| f.tag != b'K').cloned().collect::<Vec<_>>();
    assert_eq!(without_key(&direct), without_key(&through));
    let order = |raw: &Raw| raw.greeting.iter().map(|f| f.tag).collect::<Vec<_>>();
    assert_eq!(order(&direct), order(&through));
    let key = through.greeting.iter().find(|f| f.tag == b'K').unwrap().body.clone();
    let pid = i32::from_be_bytes(key[..4].try_into().unwrap());
    let real = through.query("SELECT pg_backend_pid()")[1].columns()[0].clone().unwrap();
    assert_eq!(String::from_utf8(real).unwrap(), pid.to_string());
}

#[test]
fn every_startup_parameter_reaches_the_server_and_reset_goes_back_to_it() {
    let server = Server::shared();
    let door = door(server);
    let parameters = [
        SHOP[0],
        SHOP[1],
        ("options", "-c statement_timeout=7s -c search_path=elsewhere"),
        ("DateStyle", "SQL, DMY"),
        ("TimeZone", "Asia/Tokyo"),
        ("application_name", "bench"),
    ];
    let mut raw = Raw::connect_with(door.port, &parameters, &password("ana")).unwrap();
    raw.query("SET statement_timeout = 0; SET search_path = public; SET TimeZone = 'UTC'; RESET ALL");
    let frames = raw.query(
        "SELECT current_setting('statement_timeout'), current_setting('search_path'), \
         current_setting('DateStyle'), current_setting('TimeZone'), current_setting('application_name')",
    );
    let row: Vec<String> =
        frames[1].columns().into_iter().map(|v| String::from_utf8(v.unwrap()).unwrap()).collect();
    assert_eq!(row, ["7s", "elsewhere", "SQL, DMY", "Asia/Tokyo", "bench"]);
}

#[test]
fn the_servers_own_refusals_come_through_byte_for_byte() {
    let server = Server::shared();
    let door = door(server);
    for parameters in [
        vec![("user", "ana"), ("database", "nowhere")],
        vec![("user", "ana"), ("database", "shop"), ("no_such_setting", "1")],
        vec![("user", "ana"), ("database", "shop"), ("options", "--nonsense")],
        vec![("user", "ana"), ("database", "shop"), ("statement_timeout", "soon")],
    ] {
        let through = Raw::connect_with(door.port, &parameters, &password("ana")).err().unwrap();
        let direct = Raw::connect_with(server.port(), &parameters, &password("ana")).err().unwrap();
        assert_eq!(through, direct, "{parameters:?}");
    }
}

#[test]
fn replication_is_refused_however_it_is_spelt() {
    let server = Server::shared();
    let door = door(server);
    for value in ["true", "database", "1", "on", "yes", "TRUE", "t", "x"] {
        let parameters = [SHOP[0], SHOP[1], ("replication", value)];
        let refused = Raw::connect_with(door.port, &parameters, &password("ana")).err().unwrap();
        assert_eq!(refused.field(b'C').as_deref(), Some("0A000"), "{value}");
    }
    Raw::connect_with(door.port, &[SHOP[0], SHOP[1], ("replication", "false")], &password("ana")).unwrap();
}

#[test]
fn what_the_server_would_read_as_another_login_or_database_is_refused() {
    let server = Server::shared();
    let door = door(server);
    let long = "shop".repeat(16);
    for parameters in [
        vec![("user", "ana"), ("user", "sam")],
        vec![("user", "ana"), ("database", "shop"), ("database", "postgres")],
        vec![("user", "ana"), ("database", long.as_str())],
        vec![("user", long.as_str())],
        vec![("database", "shop")],
        vec![("user", "")],
    ] {
        let frames = answer(door.port, &message::startup(V3_0, &parameters));
        assert!(matches!(code(&frames).as_deref(), Some("08P01" | "28000")), "{parameters:?}");
    }
}

#[test]
fn settings_that_change_what_a_statement_means_are_refused() {
    let server = Server::start();
    let door = door(&server);
    for parameter in [
        ("client_encoding", "SJIS"),
        ("standard_conforming_strings", "off"),
        ("options", "-c client_encoding=GBK"),
    ] {
        let refused =
            Raw::connect_with(door.port, &[SHOP[0], SHOP[1], parameter], &password("ana")).err().unwrap();
        assert_eq!(refused.field(b'C').as_deref(), Some("0A000"), "{parameter:?}");
    }
    soon("the refused session ended upstream", || server.sessions_of("ana") == 0);
}

#[test]
fn newer_protocols_and_unknown_options_are_negotiated_as_the_server_would() {
    let server = Server::shared();
    let door = door(server);
    for (version, options) in [
        (V3_0 + 2, vec![]),
        (V3_0 + 9999, vec![("_pq_.grease", "1")]),
        (V3_0, vec![("_pq_.x", "1"), ("_pq_.y", "2")]),
    ] {
        let bytes = message::startup(version, &[&SHOP[..], &options[..]].concat());
        let first = |port| {
            let mut raw = Raw::open(port);
            raw.send(&bytes);
            raw.receive().unwrap()
        };
        assert_eq!(first(door.port), first(server.port()), "{version:x} {options:?}");
    }
}

#[test]
fn malformed_openings_end_the_connection_and_nothing_else() {
    let server = Server::shared();
    let door = door(server);
    let mut two_versions_back = message::startup(0x0002_0000, &SHOP);
    assert_eq!(code(&answer(door.port, &two_versions_back)).as_deref(), Some("0A000"));
    two_versions_back.truncate(8);
    let unterminated = [&[0, 0, 0, 13, 0, 3, 0, 0][..], b"user\0"].concat();
    let huge = [&20_000_u32.to_be_bytes()[..], &[0, 3, 0, 0], &vec![b'x'; 20_000]].concat();
    let many: Vec<(&str, &str)> = (0..3000).map(|_| ("a", "")).collect();
    for bytes in [
        &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
        &[0, 0, 0, 0],
        &[0, 0, 0, 7, 0, 3, 0],
        &[0xff; 64],
        &unterminated,
        &huge,
        &message::startup(V3_0, &[&SHOP[..], &many[..]].concat())[..9_000],
        &[0, 0, 0, 12, 4, 210, 22, 47, 0, 0, 0, 0],
    ] {
        let mut raw = Raw::open(door.port);
        raw.send(bytes);
        let _ = raw.stream().shutdown(Shutdown::Write);
        let frames = raw.until_ready();
        assert!(frames.iter().all(|f| f.tag == b'E'), "{frames:?}");
    }
    assert_eq!(psql("ana", door.port, "SELECT 1").out(), "1", "the door still opens");
}

#[test]
fn messages_that_do_not_belong_into_authentication_are_refused() {
    let server = Server::shared();
    let door = door(server);
    let sasl = |mechanism: &str, first: &[u8]| {
        let length = u32::try_from(first.len()).unwrap().to_be_bytes();
        message::framed(b'p', &[mechanism.as_bytes(), &[0], &length, first].concat())
    };
    for (bytes, expected) in [
        (message::query("SELECT 1"), "08P01"),
        (message::framed(b'p', b"password\0"), "08P01"),
        (message::framed(b'p', &vec![0; 70_000]), "54000"),
        (sasl("SCRAM-SHA-1", b"n,,n=,r=x"), "08P01"),
        (sasl("SCRAM-SHA-256-PLUS", b"p=tls-server-end-point,,n=,r=x"), "08P01"),
        (sasl("SCRAM-SHA-256", b"nonsense"), "08P01"),
    ] {
        let mut raw = Raw::open(door.port);
        raw.send(&message::startup(V3_0, &SHOP));
        assert_eq!(raw.receive().unwrap().tag, b'R');
        raw.send(&bytes);
        assert_eq!(code(&raw.until_ready()).as_deref(), Some(expected));
    }
}

#[test]
fn encryption_that_is_not_there_is_declined_and_the_session_goes_on() {
    let server = Server::shared();
    let door = door(server);
    let mut raw = Raw::open(door.port);
    let mut byte = [0];
    for request in [80_877_104_u32, 80_877_103] {
        raw.send(&[8_u32.to_be_bytes(), request.to_be_bytes()].concat());
        raw.stream().read_exact(&mut byte).unwrap();
        assert_eq!(byte, *b"N");
    }
    raw.send(&message::startup(V3_0, &SHOP));
    assert_eq!(raw.receive().unwrap().tag, b'R');
    let mut greedy = Raw::open(door.port);
    greedy.send(&[8_u32.to_be_bytes(), 80_877_103_u32.to_be_bytes()].concat());
    greedy.stream().read_exact(&mut byte).unwrap();
    greedy.send(&[8_u32.to_be_bytes(), 80_877_103_u32.to_be_bytes()].concat());
    assert_eq!(code(&greedy.until_ready()).as_deref(), Some("08P01"));
}

#[test]
fn a_cancel_request_with_the_right_pair_cancels_and_no_other_does() {
    let server = Server::shared();
    let door = door(server);
    let mut raw = Raw::connect(door.port, "ana");
    let key = raw.greeting.iter().find(|f| f.tag == b'K').unwrap().body.clone();
    assert_eq!(key.len(), 8);
    let request = |port, key: &[u8]| {
        let length = u32::try_from(key.len() + 8).unwrap();
        let mut raw = Raw::open(port);
        raw.send(&[&length.to_be_bytes()[..], &80_877_102_u32.to_be_bytes(), key].concat());
        assert!(raw.receive().is_none(), "a cancel request has no answer");
    };
    let mut wrong = key.clone();
    wrong[7] ^= 1;
    raw.send(&message::query("SELECT pg_sleep(1.5), 'finished'"));
    request(door.port, &wrong);
    request(server.port(), &key);
    let frames = raw.until_ready();
    assert_eq!(
        frames[1].columns()[1],
        Some(b"finished".to_vec()),
        "the server's own key is not the client's"
    );
    raw.send(&message::query("SELECT pg_sleep(30)"));
    std::thread::sleep(Duration::from_millis(200));
    let started = Instant::now();
    request(door.port, &key);
    let frames = raw.until_ready();
    assert_eq!(frames[frames.len() - 2].field(b'C').as_deref(), Some("57014"));
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn sessions_beyond_the_limit_are_refused_and_room_comes_back() {
    let server = Server::start();
    let mut config = config(&server);
    config.limits.max_sessions = 2;
    config.limits.max_sessions_per_user = 1;
    let door = Door::open(&server, config);
    let connect = |user: &str| Raw::connect_with(door.port, &[("user", user), SHOP[1]], &password(user));
    let ana = connect("ana").unwrap();
    let refused = connect("ana").err().unwrap();
    assert_eq!(refused.field(b'C').as_deref(), Some("53300"));
    assert_eq!(refused.field(b'M').as_deref(), Some("too many connections for role \"ana\""));
    soon("the refused session ended upstream", || server.sessions_of("ana") == 1);
    let sam = connect("sam").unwrap();
    let refused = connect("etl").err().unwrap();
    assert_eq!(refused.field(b'M').as_deref(), Some("sorry, too many clients already"));
    drop((ana, sam));
    soon("room comes back", || connect("etl").is_ok());
}

#[test]
fn a_silent_client_is_dropped_in_time_and_a_slow_one_is_served() {
    let server = Server::shared();
    let mut config = config(server);
    config.limits.startup_timeout = Duration::from_secs(2);
    let door = Door::open(server, config);
    let started = Instant::now();
    let mut silent = Raw::open(door.port);
    let mut half = Raw::open(door.port);
    half.send(&message::startup(V3_0, &SHOP)[..10]);
    // Never still for long, and never done.
    let mut dripping = Raw::open(door.port);
    let mut tap = dripping.stream().try_clone().unwrap();
    std::thread::spawn(move || {
        for byte in message::startup(V3_0, &SHOP) {
            let _ = tap.write_all(&[byte]);
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    let mut in_scram = Raw::open(door.port);
    in_scram.send(&message::startup(V3_0, &SHOP));
    let mut slow = Raw::open(door.port);
    for byte in message::startup(V3_0, &SHOP) {
        slow.send(&[byte]);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(slow.receive().unwrap().tag, b'R');
    assert!(silent.receive().is_none());
    assert!(half.receive().is_none());
    assert!(dripping.receive().is_none());
    assert_eq!(code(&in_scram.until_ready()).as_deref(), Some("57014"));
    let took = started.elapsed();
    assert!(took > Duration::from_millis(1900) && took < Duration::from_secs(5), "{took:?}");
}

/// The client leaves after each byte of its startup message, and in the
/// middle of authentication.
#[test]
fn a_client_that_leaves_at_any_moment_leaves_nothing_behind() {
    let server = Server::start();
    let door = door(&server);
    let whole = message::startup(V3_0, &SHOP);
    for end in 0..=whole.len() {
        let mut raw = Raw::open(door.port);
        raw.send(&whole[..end]);
    }
    soon("all rooms are free", || door.handshake.registry.connections() == 0);
    assert_eq!(server.sessions_of("ana"), 0);
    assert_eq!(psql("ana", door.port, "SELECT 1").out(), "1");
    soon("the session ended upstream", || server.sessions_of("ana") == 0);
}

/// A server that plays these bytes to each connection, whatever it is asked,
/// and closes.
fn liar(script: &'static [u8]) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(script);
        }
    });
    port
}

#[test]
fn a_server_that_lies_or_dies_in_any_step_gives_one_clear_error() {
    let server = Server::shared();
    for script in [&b""[..], b"N", b"Nthis came in plaintext", b"Sthis came in plaintext", b"S", b"E", b"X"] {
        let mut config = config(server);
        config.upstream.addresses =
            vec![UpstreamAddress::Tcp { host: "127.0.0.1".into(), port: liar(script) }];
        expect_failure(server, config);
    }
    for script in [
        &b""[..],
        b"R",
        b"R\0\0\0\x03",
        b"R\0\0\0\x08\0\0",
        b"R\x7f\xff\xff\xff",
        b"R\0\0\0\x08\0\0\0\0",
        b"R\0\0\0\x0c\0\0\0\0\0\0\0\0",
        b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I",
        b"R\0\0\0\x08\0\0\0\0K\0\0\0\x08\0\0\0\x01Z\0\0\0\x05I",
        b"R\0\0\0\x08\0\0\0\0D\0\0\0\x06\0\0",
        b"R\0\0\0\x0b\0\0\0\x0cv=x",
        b"R\0\0\0\x0b\0\0\0\x0bv=x",
        b"R\0\0\0\x08\0\0\0\x0a",
        b"R\0\0\0\x0e\0\0\0\x0aSCRAM",
        b"Z\0\0\0\x05I",
        b"v\0\0\0\x0c\0\x03\0\0\x7f\xff\xff\xff",
        b"D\0\0\0\x06\0\0",
    ] {
        let mut config = config(server);
        config.upstream.tls = bauta::config::UpstreamTls::Disable;
        config.upstream.addresses =
            vec![UpstreamAddress::Tcp { host: "127.0.0.1".into(), port: liar(script) }];
        expect_failure(server, config);
    }
}

fn expect_failure(server: &Server, config: bauta::config::Config) {
    let door = Door::open(server, config);
    let started = Instant::now();
    let error = Raw::connect_with(door.port, &SHOP, &password("ana")).err().expect("refused");
    let code = error.field(b'C').unwrap();
    assert!(matches!(code.as_str(), "08001" | "28000" | "08P01"), "{code} {error:?}");
    assert!(started.elapsed() < Duration::from_secs(4));
    assert_eq!(error.field(b'S').as_deref(), Some("FATAL"));
}

#[test]
fn a_server_that_is_down_or_silent_is_reported_in_time() {
    let server = Server::shared();
    let mut down = config(server);
    down.upstream.addresses = vec![UpstreamAddress::Tcp { host: "127.0.0.1".into(), port: 1 }];
    expect_failure(server, down);
    // Accepts (in the kernel) and never answers.
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    for tls in [bauta::config::UpstreamTls::Disable, bauta::config::UpstreamTls::Prefer] {
        let mut config = config(server);
        config.upstream.tls = tls;
        config.limits.connect_timeout = Duration::from_millis(500);
        config.limits.startup_timeout = Duration::from_secs(1);
        config.upstream.addresses = vec![UpstreamAddress::Tcp {
            host: "127.0.0.1".into(),
            port: silent.local_addr().unwrap().port(),
        }];
        expect_failure(server, config);
    }
}

#[test]
fn unix_sockets_serve_on_both_sides() {
    let server = Server::start();
    server.set_hba("local all all trust");
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(&server);
    let socket = directory.path().join(".s.PGSQL.5499");
    config.listen.addresses.push(ListenAddress::Unix(socket.clone()));
    config.upstream.addresses =
        vec![UpstreamAddress::Unix { directory: server.socket_directory(), port: server.port() }];
    let mut door = Door::open(&server, config);
    let mut stream = std::os::unix::net::UnixStream::connect(&socket).unwrap();
    stream.write_all(&[8_u32.to_be_bytes(), 80_877_103_u32.to_be_bytes()].concat()).unwrap();
    let mut byte = [0];
    stream.read_exact(&mut byte).unwrap();
    assert_eq!(byte, *b"N", "no TLS over Unix sockets");
    let output = std::process::Command::new("psql")
        .args(["-X", "-A", "-t", "-c", "SELECT current_user", "-d"])
        .arg(format!("host={} port=5499 user=ana dbname=shop", directory.path().display()))
        .env("PGPASSWORD", password("ana"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "ana\n", "{output:?}");
    door.close();
    assert!(!socket.exists(), "the socket is removed");
}

#[test]
fn a_drain_stops_accepting_and_ends_sessions_at_its_deadline() {
    let server = Server::start();
    let mut door = door(&server);
    let mut raw = Raw::connect(door.port, "ana");
    let started = Instant::now();
    door.close();
    assert!(TcpStream::connect(("127.0.0.1", door.port)).is_err());
    assert!(raw.receive().is_none());
    assert!(started.elapsed() < Duration::from_secs(4));
    soon("the session ended upstream", || server.sessions_of("ana") == 0);
}

#[test]
fn five_hundred_connections_in_a_row_leave_nothing_behind() {
    let server = Server::start();
    let door = door(&server);
    let threads: Vec<_> = (0..5)
        .map(|_| {
            let port = door.port;
            std::thread::spawn(move || {
                for _ in 0..100 {
                    Raw::connect(port, "ana").send(&message::terminate());
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|t| t.join().unwrap());
    soon("all rooms are free", || door.handshake.registry.connections() == 0);
    soon("all sessions ended upstream", || server.sessions_of("ana") == 0);
}

#[test]
fn a_flood_of_silent_connections_is_bounded_and_passes() {
    let server = Server::shared();
    let mut config = config(server);
    config.limits.max_sessions = 4;
    let door = Door::open(server, config);
    let silent: Vec<_> = (0..80).map(|_| Raw::open(door.port)).collect();
    let closed = |raw: &&Raw| {
        raw.stream().set_nonblocking(true).unwrap();
        matches!(raw.stream().peek(&mut [0]), Ok(0))
    };
    soon("those beyond max_sessions and the spare places are closed at once", || {
        silent.iter().filter(closed).count() == 80 - 68
    });
    drop(silent);
    soon("the door opens again", || Raw::connect_with(door.port, &SHOP, &password("ana")).is_ok());
}
