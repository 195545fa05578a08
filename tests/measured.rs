//! What is asked of disclosed values beyond what is disclosed. Goal: a token, or a value
//! whose equality may be known, is not held against others by what is measured of it:
//! overlap, cover, nearness, letters without case. Method: what a direct session is told
//! by an error or a row is refused through bauta; where equality alone is asked, it passes.

use super::harness::{Bauta, DATABASE, Raw, Server, password};
use crate::documents::{error, values};

fn session(port: u16) -> Raw {
    Raw::connect_with(port, &[("user", "ana"), ("database", DATABASE)], &password("ana")).expect("login")
}

fn shown(raw: &mut Raw, sql: &str) -> String {
    values(&raw.query(sql))[0].clone().unwrap()
}

const TEMPORAL: &str = r#"
    [[protect]]
    columns = ["public.held.acct", "public.rooms.room", "public.booked.room", "public.plain.acct"]
    method = "token"
    domain = "names"
    [[protect]]
    columns = ["public.held.during", "public.rooms.during", "public.numbered.during"]
    method = "redact"
    allow = ["equality"]
"#;

const TEMPORAL_SCHEMA: &str = "
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

/// WITHOUT OVERLAPS asks whether two ranges overlap, PERIOD whether one is covered by
/// others (PostgreSQL 18).
#[test]
fn ranges_whose_equality_is_known_are_not_held_against_others() {
    let server = Server::start();
    if server.major() < 18 {
        return;
    }
    server.sql(DATABASE, TEMPORAL_SCHEMA);
    let bauta = Bauta::start(&server, TEMPORAL);
    let (mut masked, mut direct) = (session(bauta.port), session(server.port()));
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

#[test]
fn a_token_is_not_measured_against_others() {
    let server = Server::start();
    server.sql(
        DATABASE,
        "CREATE EXTENSION btree_gist;
         CREATE TABLE near (id int PRIMARY KEY, n int, EXCLUDE USING gist (int4range(n, n + 10) WITH &&));
         CREATE TABLE pool (id int PRIMARY KEY, n int);
         INSERT INTO near VALUES (1, 100), (2, 500); INSERT INTO pool VALUES (1, 105);
         CREATE TABLE booked (id int PRIMARY KEY, room int, during int4range,
                              EXCLUDE USING gist (room WITH =, during WITH &&));
         INSERT INTO booked VALUES (1, 7, '[1,5)'), (2, 8, '[3,9)');
         GRANT ALL ON ALL TABLES IN SCHEMA public TO ana",
    );
    let policy = r#"
        [[protect]]
        columns = ["public.near.n", "public.pool.n", "public.booked.room"]
        method = "token"
        domain = "numbers"
    "#;
    let bauta = Bauta::start(&server, policy);
    let mut masked = session(bauta.port);
    assert_eq!(
        error(&session(server.port()).query("UPDATE near SET n = 105 WHERE id = 2")).unwrap(),
        "23P01"
    );
    let token = shown(&mut masked, "SELECT n FROM pool");
    for sql in [
        "UPDATE near SET n = %t WHERE id = 2",
        "INSERT INTO near VALUES (7, %t)",
        "INSERT INTO near VALUES (7, %t) ON CONFLICT DO NOTHING",
    ] {
        let sql = sql.replace("%t", &token);
        assert_eq!(error(&masked.query(&sql)).as_deref(), Some("42501"), "{sql}");
    }
    // Rooms are held against each other by equality, as their tokens are.
    let room = shown(&mut masked, "SELECT room FROM booked WHERE id = 1");
    let booked = format!("UPDATE booked SET room = {room} WHERE id = 2");
    assert_eq!(error(&masked.query(&booked)).as_deref(), Some("23P01"));
}

#[test]
fn an_extension_in_pg_catalog_is_not_the_servers_own() {
    let server = Server::start();
    server.sql(
        DATABASE,
        "CREATE EXTENSION citext SCHEMA pg_catalog;
         CREATE TABLE mails (id int PRIMARY KEY, mail citext);
         INSERT INTO mails VALUES (1, 'Ann'), (2, 'ANN');
         GRANT ALL ON ALL TABLES IN SCHEMA public TO ana",
    );
    let bauta = Bauta::start(&server, "[[protect]]\ncolumn = \"public.mails.mail\"\nmethod = \"token\"\n");
    let (mut masked, mut direct) = (session(bauta.port), session(server.port()));
    let join = "SELECT x.id FROM mails x JOIN mails y ON x.mail OPERATOR(pg_catalog.=) y.mail WHERE y.id = 1";
    assert_eq!(values(&direct.query(join)).len(), 2);
    let token = shown(&mut masked, "SELECT mail FROM mails WHERE id = 1");
    for sql in [
        join.to_owned(),
        join.replace("OPERATOR(pg_catalog.=)", "="),
        format!("SELECT id FROM mails WHERE mail OPERATOR(pg_catalog.=) '{token}'"),
        "SELECT count(*) FROM mails GROUP BY mail".to_owned(),
    ] {
        assert_eq!(error(&masked.query(&sql)).as_deref(), Some("42501"), "{sql}");
    }
}
