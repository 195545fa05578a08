//! Who gets in: SCRAM pass-through against a real server, with psql and with
//! bare frames.
//!
//! Method: the front door alone (see `harness::door`), so that a failure is
//! the handshake's. Each refusal is compared with the server's own.

use std::sync::Arc;

use bauta::auth::{Stored, Verifier, VerifierFuture, VerifierUnavailable, Verifiers};
use bauta::session::handshake::Stage;

use crate::harness::door::config;
use crate::harness::{Door, Raw, Server, password, psql};

const SHOP: [(&str, &str); 2] = [("user", "ana"), ("database", "shop")];

fn refusal(port: u16, user: &str, password: &str) -> (String, String) {
    let error =
        Raw::connect_with(port, &[("user", user), ("database", "shop")], password).err().expect("refused");
    (error.field(b'C').unwrap(), error.field(b'M').unwrap())
}

#[test]
fn a_login_gets_in_with_its_own_password_and_as_itself() {
    let server = Server::shared();
    let door = Door::open(server, config(server));
    let output = psql("ana", door.port, "SELECT current_user, session_user");
    assert_eq!(output.out(), "ana|ana", "{output:?}");
}

#[test]
fn a_wrong_password_and_an_unknown_role_look_the_same() {
    let server = Server::shared();
    let door = Door::open(server, config(server));
    let failed =
        |user: &str| ("28P01".to_owned(), format!("password authentication failed for user \"{user}\""));
    assert_eq!(refusal(door.port, "ana", "wrong"), failed("ana"));
    assert_eq!(refusal(door.port, "ghost", "wrong"), failed("ghost"));
    assert_eq!(refusal(server.port(), "ana", "wrong"), failed("ana"), "PostgreSQL says the same");
    let stages: Vec<Stage> = door.refused.lock().iter().map(|r| r.stage).collect();
    assert_eq!(stages, [Stage::Authentication; 2]);
    assert_eq!(server_first(door.port, "ana").len(), server_first(door.port, "ghost").len());
    let salt = |first: String| first.split(',').nth(1).unwrap().to_owned();
    assert_eq!(salt(server_first(door.port, "ghost")), salt(server_first(door.port, "ghost")));
}

/// server-first-message for a user.
fn server_first(port: u16, user: &str) -> String {
    let mut raw = Raw::open(port);
    raw.send(&crate::harness::message::startup(196_608, &[("user", user)]));
    assert_eq!(raw.receive().unwrap().tag, b'R');
    let first = b"n,,n=,r=abcdefabcdefabcdef";
    let mut body = b"SCRAM-SHA-256\0".to_vec();
    body.extend(u32::try_from(first.len()).unwrap().to_be_bytes());
    body.extend(first);
    raw.send(&crate::harness::message::framed(b'p', &body));
    String::from_utf8(raw.receive().unwrap().body[4..].to_vec()).unwrap()
}

#[test]
fn a_role_without_a_scram_password_is_told_what_to_do() {
    let server = Server::start();
    server.sql(
        "postgres",
        "CREATE ROLE bare LOGIN; CREATE ROLE old LOGIN; SET password_encryption = 'md5'; \
         ALTER ROLE old PASSWORD 'old-password'",
    );
    let door = Door::open(&server, config(&server));
    for user in ["bare", "old"] {
        let error = Raw::connect_with(door.port, &[("user", user)], &password(user)).err().unwrap();
        assert_eq!(error.field(b'C').as_deref(), Some("28P01"));
        assert!(error.field(b'D').unwrap().contains("no SCRAM-SHA-256 password"), "{user}");
        assert!(error.field(b'H').unwrap().contains("scram-sha-256"), "{user}");
    }
}

#[test]
fn the_service_role_cannot_log_in_and_read_verifiers() {
    let server = Server::shared();
    let door = Door::open(server, config(server));
    assert_eq!(refusal(door.port, "bauta", &password("bauta")).0, "28000");
}

#[test]
fn a_server_that_trusts_bauta_still_gets_only_clients_with_a_password() {
    let server = Server::start();
    server.set_hba("host all all 127.0.0.1/32 trust");
    let door = Door::open(&server, config(&server));
    assert_eq!(refusal(door.port, "ana", "wrong").0, "28P01");
    assert_eq!(psql("ana", door.port, "SELECT current_user").out(), "ana");
}

#[test]
fn a_server_that_asks_for_another_method_gives_a_clear_error() {
    let server = Server::start();
    server.set_hba("host all all 127.0.0.1/32 password");
    let door = Door::open(&server, config(&server));
    let error = Raw::connect_with(door.port, &SHOP, &password("ana")).err().unwrap();
    assert_eq!(error.field(b'C').as_deref(), Some("28000"));
    assert!(error.field(b'M').unwrap().contains("a password in clear text"), "{error:?}");
    assert!(error.field(b'H').unwrap().contains("pg_hba.conf"));
}

#[test]
fn a_server_that_rejects_the_login_is_quoted_whole() {
    let server = Server::start();
    server.set_hba("host shop sam 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 reject");
    let door = Door::open(&server, config(&server));
    let through = Raw::connect_with(door.port, &SHOP, &password("ana")).err().unwrap();
    let direct = Raw::connect_with(server.port(), &SHOP, &password("ana")).err().unwrap();
    assert_eq!(through, direct);
    server.sql("postgres", "ALTER ROLE sam VALID UNTIL '2001-01-01'");
    assert_eq!(refusal(door.port, "sam", &password("sam")).0, "28P01", "an expired password");
}

#[test]
fn a_password_that_was_just_changed_counts_at_once() {
    let server = Server::start();
    let door = Door::open(&server, config(&server));
    Raw::connect_with(door.port, &SHOP, &password("ana")).unwrap();
    server.sql("postgres", "ALTER ROLE ana PASSWORD 'new'");
    assert_eq!(refusal(door.port, "ana", &password("ana")).0, "28P01");
    Raw::connect_with(door.port, &SHOP, "new").unwrap();
}

/// Always answers the same.
struct Fixed(Result<Stored, ()>);

impl Verifiers for Fixed {
    fn verifier<'a>(&'a self, _login: &'a str) -> VerifierFuture<'a> {
        let answer = self.0.clone().map_err(|()| VerifierUnavailable("down".into()));
        Box::pin(async move { answer })
    }
}

/// The verifier is of another server: same password, another salt.
#[test]
fn a_verifier_that_is_not_the_servers_ends_in_a_clear_refusal() {
    let server = Server::shared();
    let other = postgres_protocol::password::scram_sha_256(password("ana").as_bytes());
    let verifier = Verifier::parse(&other).unwrap();
    let door = Door::open_with(config(server), Arc::new(Fixed(Ok(Stored::Scram(Box::new(verifier))))));
    let error = Raw::connect_with(door.port, &SHOP, &password("ana")).err().unwrap();
    assert_eq!(error.field(b'C').as_deref(), Some("28P01"));
    assert!(error.field(b'H').unwrap().contains("connect again"));
}

#[test]
fn nobody_gets_in_while_verifiers_cannot_be_read() {
    let server = Server::shared();
    let door = Door::open_with(config(server), Arc::new(Fixed(Err(()))));
    let (code, message) = refusal(door.port, "ana", &password("ana"));
    assert_eq!((code.as_str(), message.contains("at the moment")), ("57P03", true));
}
