//! Goal: with several upstream addresses a session is on the first server
//! that can be reached and suits `target_session_attrs`, and everything of it
//! (its cancel requests too) stays there. Method: a primary and a server in
//! recovery, both made from one template, behind the front door, and behind
//! the whole program where the service connection has to choose as well.

use std::time::{Duration, Instant};

use bauta::config::{SessionAttrs, UpstreamAddress};

use crate::harness::door::config;
use crate::harness::{Bauta, Door, Raw, Server, message, password};

/// A server in recovery that follows nobody.
fn standby() -> Server {
    let mut server = Server::start();
    server.write_file("standby.signal", "");
    server.restart();
    let started = Instant::now();
    while server.sql("postgres", "SELECT pg_is_in_recovery()").trim() != "t" {
        assert!(started.elapsed() < Duration::from_secs(30), "{}", server.log());
    }
    server
}

fn at(port: u16) -> UpstreamAddress {
    UpstreamAddress::Tcp { host: "127.0.0.1".into(), port }
}

fn door(servers: &[u16], verifiers: &Server, wanted: SessionAttrs) -> Door {
    let mut config = config(verifiers);
    config.upstream.addresses = servers.iter().copied().map(at).collect();
    config.upstream.wanted = wanted;
    Door::open(verifiers, config)
}

/// The port of the server that a new session is on, or the error's code.
fn lands(door: &Door) -> Result<u16, String> {
    let user = [("user", "ana"), ("database", "shop")];
    let mut session = Raw::connect_with(door.port, &user, &password("ana"))
        .map_err(|error| error.field(b'C').unwrap_or_default())?;
    let rows = session.query("SHOW port");
    let row = rows.iter().find(|frame| frame.tag == b'D').expect("a row");
    let port = row.columns().remove(0).expect("a port");
    Ok(String::from_utf8(port).unwrap().parse().unwrap())
}

#[test]
fn the_first_server_that_suits_gets_the_session() {
    let (primary, standby) = (Server::start(), standby());
    let (p, s) = (primary.port(), standby.port());
    for (servers, wanted, expected) in [
        (&[s, p][..], SessionAttrs::Any, Ok(s)),
        (&[s, p], SessionAttrs::ReadWrite, Ok(p)),
        (&[s, p], SessionAttrs::Primary, Ok(p)),
        (&[p, s], SessionAttrs::ReadOnly, Ok(s)),
        (&[p, s], SessionAttrs::Standby, Ok(s)),
        (&[p, s], SessionAttrs::PreferStandby, Ok(s)),
        (&[p], SessionAttrs::PreferStandby, Ok(p)),
        (&[1, p], SessionAttrs::Any, Ok(p)),
        (&[1, s, p], SessionAttrs::ReadWrite, Ok(p)),
        (&[s], SessionAttrs::ReadWrite, Err("08001".to_owned())),
        (&[1, p], SessionAttrs::Standby, Err("08001".to_owned())),
    ] {
        assert_eq!(lands(&door(servers, &primary, wanted)), expected, "{servers:?} {wanted:?}");
    }
    // A primary that is read-only by default is none for read-write.
    primary.sql("postgres", "ALTER SYSTEM SET default_transaction_read_only = on; SELECT pg_reload_conf()");
    let read_write = door(&[p], &primary, SessionAttrs::ReadWrite);
    let started = Instant::now();
    while lands(&read_write).is_ok() {
        assert!(started.elapsed() < Duration::from_secs(10));
    }
    assert_eq!(lands(&door(&[p], &primary, SessionAttrs::Primary)), Ok(p));
}

#[test]
fn a_wrong_password_is_not_tried_at_the_next_server() {
    let (first, second) = (Server::start(), Server::start());
    second.sql("postgres", "ALTER ROLE ana NOLOGIN");
    let door = door(&[second.port(), first.port()], &first, SessionAttrs::Any);
    assert_eq!(lands(&door), Err("28000".to_owned()));
}

#[test]
fn a_cancel_request_goes_to_the_sessions_own_server() {
    let (primary, standby) = (Server::start(), standby());
    let door = door(&[standby.port(), primary.port()], &primary, SessionAttrs::Primary);
    let mut session = Raw::connect(door.port, "ana");
    let key = session.greeting.iter().find(|f| f.tag == b'K').expect("a cancel key").body.clone();
    session.send(&message::query("SELECT pg_sleep(60)"));
    let started = Instant::now();
    while primary
        .sql("postgres", "SELECT count(*) FROM pg_stat_activity WHERE query ~ '^SELECT pg_sleep'")
        .trim()
        != "1"
    {
        assert!(started.elapsed() < Duration::from_secs(10));
    }
    let mut request = Raw::open(door.port);
    request.send(
        &[&(8 + u32::try_from(key.len()).unwrap()).to_be_bytes()[..], &80_877_102_u32.to_be_bytes(), &key]
            .concat(),
    );
    assert_eq!(request.receive(), None);
    let error = session.until_ready().into_iter().find(|f| f.tag == b'E').expect("an error");
    assert_eq!(error.field(b'C').as_deref(), Some("57014"));
}

#[test]
fn the_whole_program_works_on_when_the_first_server_is_gone() {
    let (first, second) = (Server::start(), Server::start());
    let list = format!(
        "upstream.address = [\"127.0.0.1:{}\", \"127.0.0.1:{}\"]\nupstream.target_session_attrs = \"primary\"\n",
        first.port(),
        second.port()
    );
    let bauta = Bauta::start(&second, &(list + PROTECT));
    let masked = |bauta: &Bauta| {
        let mut session = Raw::connect(bauta.port, "ana");
        let frames = session.query("SELECT email FROM customers WHERE id = 1");
        frames.iter().find(|f| f.tag == b'D').map(|f| f.columns())
    };
    assert_eq!(masked(&bauta), Some(vec![Some(b"***".to_vec())]));
    drop(first);
    let started = Instant::now();
    loop {
        let user = [("user", "ana"), ("database", "shop")];
        match Raw::connect_with(bauta.port, &user, &password("ana")) {
            Ok(_) => break,
            Err(error) => assert!(started.elapsed() < Duration::from_secs(20), "{error:?}"),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(masked(&bauta), Some(vec![Some(b"***".to_vec())]));
}

const PROTECT: &str = "[[protect]]\ncolumn = \"public.customers.email\"\nmethod = \"redact\"\n";
