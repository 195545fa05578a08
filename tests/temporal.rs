//! Temporal keys (PostgreSQL 18): WITHOUT OVERLAPS asks whether two ranges overlap,
//! PERIOD whether one is covered by others. Goal: neither is asked of a range whose
//! equality alone may be known. Method: what a direct session is told by an error is
//! refused through bauta; where the range is nobody's secret, it passes.

use super::harness::{Bauta, DATABASE, Raw, Server, password};
use crate::documents::{error, values};

const POLICY: &str = r#"
    [[protect]]
    columns = ["public.held.acct", "public.rooms.room", "public.booked.room", "public.plain.acct"]
    method = "token"
    domain = "names"
    [[protect]]
    columns = ["public.held.during", "public.rooms.during", "public.numbered.during"]
    method = "redact"
    allow = ["equality"]
"#;

const SCHEMA: &str = "
    CREATE EXTENSION btree_gist;
    CREATE TABLE held (id int UNIQUE, acct text, during daterange, PRIMARY KEY (acct, during WITHOUT OVERLAPS));
    INSERT INTO held VALUES (1, 'a', '[2025-01-01,2025-01-11)'), (2, 'b', '[2025-01-05,2025-01-08)');
    CREATE TABLE plain (id int UNIQUE, acct text, during daterange, PRIMARY KEY (acct, during WITHOUT OVERLAPS));
    INSERT INTO plain SELECT * FROM held;
    CREATE TABLE rooms (room text, during daterange, PRIMARY KEY (room, during WITHOUT OVERLAPS));
    INSERT INTO rooms VALUES ('a', '[2025-01-01,2025-02-01)'), ('b', '[2025-06-01,2025-07-01)');
    CREATE TABLE booked (id int PRIMARY KEY, room text, during daterange,
                         FOREIGN KEY (room, PERIOD during) REFERENCES rooms (room, PERIOD during));
    INSERT INTO booked VALUES (1, 'a', '[2025-01-05,2025-01-08)');
    CREATE TABLE numbered (room int, during daterange, note text, PRIMARY KEY (room, during WITHOUT OVERLAPS));
    INSERT INTO numbered VALUES (30, '[2025-01-01,2025-02-01)', 'A'), (30, '[2025-02-01,2025-03-01)', 'B');
    CREATE TABLE stays (id int, room int, during daterange,
                        FOREIGN KEY (room, PERIOD during) REFERENCES numbered (room, PERIOD during));
    INSERT INTO stays VALUES (1, 30, '[2025-01-05,2025-01-08)');
    GRANT ALL ON ALL TABLES IN SCHEMA public TO ana;";

#[test]
fn ranges_whose_equality_is_known_are_not_held_against_others() {
    let server = Server::start();
    if server.major() < 18 {
        return;
    }
    server.sql(DATABASE, SCHEMA);
    let bauta = Bauta::start(&server, POLICY);
    let session = |port| {
        Raw::connect_with(port, &[("user", "ana"), ("database", DATABASE)], &password("ana")).expect("login")
    };
    let (mut masked, mut direct) = (session(bauta.port), session(server.port()));
    let shown = |raw: &mut Raw, sql: &str| values(&raw.query(sql))[0].clone().unwrap();
    let (a, b) = ("SELECT acct FROM held WHERE id = 1", "SELECT acct FROM held WHERE id = 2");
    let a = [&mut direct, &mut masked].map(|raw| shown(raw, a));
    let b = [&mut direct, &mut masked].map(|raw| shown(raw, b));
    for (sql, told) in [
        ("UPDATE held SET acct = '{a}' WHERE id = 2", "23P01"),
        ("UPDATE booked SET room = '{b}' WHERE id = 1", "23503"),
        ("DELETE FROM numbered WHERE note = 'A'", "23503"),
    ] {
        let of = |way: usize| sql.replace("{a}", &a[way]).replace("{b}", &b[way]);
        assert_eq!(error(&direct.query(&of(0))).as_deref(), Some(told), "{sql}");
        assert_eq!(error(&masked.query(&of(1))).as_deref(), Some("42501"), "{sql}");
    }
    let passes = format!("UPDATE plain SET acct = '{}' WHERE id = 2", a[1]);
    assert_eq!(error(&masked.query(&passes)).as_deref(), Some("23P01"));
}
