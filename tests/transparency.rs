//! A session that touches nothing protected is a direct one.
//!
//! Goal: whatever the protocol allows, byte for byte. Method: each script of
//! frames runs on a direct connection and on one through bauta, with protect
//! rules in force for other columns; every frame of the answers must be equal.

use crate::harness::{Bauta, Frame, Raw, Server, message as m};

const POLICY: &str = r#"
    [[protect]]
    columns = ["public.vault.c_text", "public.customers.ssn"]
    method = "redact"
"#;

/// What a client sends at once, and how many ReadyForQuery it waits for then.
type Step = (Vec<u8>, usize);

fn play(port: u16, script: &[Step]) -> Vec<Frame> {
    let mut raw = Raw::connect(port, "ana");
    let mut frames = Vec::new();
    for (bytes, ready) in script {
        raw.send(bytes);
        for _ in 0..*ready {
            frames.extend(raw.until_ready());
        }
    }
    raw.send(&m::terminate());
    while let Some(frame) = raw.receive() {
        frames.push(frame);
    }
    frames
}

/// Fields of errors that name a place in the server's source differ by nothing.
fn same(name: &str, server: &Server, bauta: &Bauta, script: &[Step]) {
    let direct = play(server.port(), script);
    let through = play(bauta.port, script);
    let shown = |f: Option<&Frame>| {
        f.map(|f| format!("{} {}", f.tag as char, String::from_utf8_lossy(&f.body).replace('\0', "|")))
    };
    for at in 0..direct.len().max(through.len()) {
        let (left, right) = (direct.get(at), through.get(at));
        assert_eq!(
            shown(left),
            shown(right),
            "{name}, frame {at}, after {:?}",
            shown(direct.get(at.saturating_sub(1)))
        );
    }
    assert!(direct == through, "{name}: bytes differ");
}

fn query(sql: &str) -> Step {
    (m::query(sql), 1)
}

fn all(parts: &[Vec<u8>]) -> Vec<u8> {
    parts.concat()
}

fn scripts() -> Vec<(&'static str, Vec<Step>)> {
    let run = |sql: &str, values: &[Option<&str>], formats: &[u16]| {
        all(&[
            m::parse("", sql, &[]),
            m::bind("", "", values, formats),
            m::describe(b'P', ""),
            m::execute("", 0),
        ])
    };
    vec![
        (
            "simple queries",
            vec![
                query("SELECT 1 AS one, 'x' AS two, NULL::int"),
                query(""),
                query(";;"),
                query("SELECT 1; SELECT 2; SELECT 'three'"),
                query("SELECT 1; SELEC 2; SELECT 3"),
                query("SELECT 1/0"),
                query("SELECT 1; SELECT 1/0; SELECT 2"),
                query("SELECT * FROM orders WHERE id < 3"),
                query("SELECT id, name FROM products ORDER BY id"),
                query("SELECT nosuch FROM products"),
                query("  SELECT é FROM products"),
                query("SHOW server_version"),
                query("SET application_name = 'me'"),
                query("SET TimeZone = 'Asia/Tokyo'; SHOW TimeZone"),
                query("SET DateStyle = 'German'"),
                query("RESET ALL"),
                query("DROP TABLE IF EXISTS nosuch"),
                query("SELECT generate_series(1, 3)"),
                query("VALUES (1), (2)"),
                query("EXPLAIN (COSTS OFF) SELECT * FROM products"),
                query("SELECT repeat('x', 300000)"),
            ],
        ),
        (
            "transactions",
            vec![
                query("BEGIN"),
                query("SELECT 1"),
                query("SELECT 1/0"),
                query("SELECT 1"),
                query("ROLLBACK"),
                query("BEGIN; SAVEPOINT a; SELECT 1/0"),
                query("ROLLBACK TO a"),
                query("SELECT 2"),
                query("COMMIT"),
                query("COMMIT"),
                query("BEGIN; DECLARE c CURSOR FOR SELECT generate_series(1, 5)"),
                query("FETCH 2 FROM c"),
                query("MOVE 1 FROM c"),
                query("FETCH ALL FROM c; CLOSE c"),
                query("FETCH 1 FROM c"),
                query("ROLLBACK"),
                query("BEGIN; DECLARE h CURSOR WITH HOLD FOR SELECT generate_series(1, 3); COMMIT"),
                query("FETCH 1 FROM h"),
                query("CLOSE ALL"),
                query("FETCH 1 FROM h"),
            ],
        ),
        (
            "SQL prepared statements",
            vec![
                query("PREPARE p(int) AS SELECT $1 + 1 AS n"),
                query("EXECUTE p(41)"),
                query("PREPARE p AS SELECT 1"),
                query("EXECUTE p(1); EXECUTE p(2); DEALLOCATE p; EXECUTE p(3)"),
                query("EXECUTE p(4)"),
                query("PREPARE q AS SELECT 7; EXECUTE q"),
                (all(&[m::bind("", "q", &[], &[1]), m::execute("", 0), m::sync()]), 1),
                query("DISCARD ALL"),
                (all(&[m::bind("", "q", &[], &[]), m::execute("", 0), m::sync()]), 1),
            ],
        ),
        (
            "extended protocol",
            vec![
                (all(&[run("SELECT $1::int + 1, $2::text", &[Some("1"), Some("é")], &[]), m::sync()]), 1),
                (all(&[run("SELECT $1::int4, $1::int8", &[Some("1")], &[1]), m::sync()]), 1),
                (all(&[run("SELECT 1, 2", &[], &[0, 1]), m::sync()]), 1),
                (
                    all(&[
                        m::parse("s", "SELECT id, name FROM products WHERE id > $1 ORDER BY id", &[23]),
                        m::describe(b'S', "s"),
                        m::sync(),
                    ]),
                    1,
                ),
                (
                    all(&[
                        m::bind("p", "s", &[Some("2")], &[]),
                        m::execute("p", 3),
                        m::execute("p", 3),
                        m::execute("p", 0),
                        m::sync(),
                    ]),
                    1,
                ),
                (
                    all(&[
                        m::bind("", "s", &[Some("8")], &[1]),
                        m::describe(b'P', ""),
                        m::execute("", 0),
                        m::close(b'P', ""),
                        m::sync(),
                    ]),
                    1,
                ),
                (all(&[m::parse("s", "SELECT 1", &[]), m::sync()]), 1),
                (
                    all(&[
                        m::close(b'S', "s"),
                        m::parse("s", "SELECT 'again'", &[]),
                        m::bind("", "s", &[], &[]),
                        m::execute("", 0),
                        m::sync(),
                    ]),
                    1,
                ),
                (all(&[m::close(b'S', "nosuch"), m::close(b'P', "nosuch"), m::sync()]), 1),
                (all(&[m::bind("", "nosuch", &[], &[]), m::execute("", 0), m::sync()]), 1),
                (all(&[m::execute("nosuch", 0), m::sync()]), 1),
                (all(&[m::describe(b'S', "nosuch"), m::sync()]), 1),
                (all(&[m::describe(b'P', "nosuch"), m::sync()]), 1),
                (all(&[run("", &[], &[]), m::sync()]), 1),
                (all(&[run("INSERT INTO products VALUES (1, 'x', 1)", &[], &[]), m::sync()]), 1),
                (all(&[m::parse("", "SELECT 1; SELECT 2", &[]), m::sync()]), 1),
                (all(&[run("SELECT $1::int", &[Some("x")], &[]), m::sync()]), 1),
                (all(&[run("SELECT 1/$1::int", &[Some("0")], &[]), m::sync()]), 1),
                (all(&[run("SELECT 1", &[], &[2]), m::sync()]), 1),
            ],
        ),
        (
            "pipelines",
            vec![
                (
                    all(&[
                        run("SELECT 1", &[], &[]),
                        run("SELECT 2", &[], &[]),
                        m::sync(),
                        run("SELECT 3", &[], &[]),
                        m::sync(),
                        m::sync(),
                    ]),
                    3,
                ),
                (
                    all(&[
                        run("SELECT 1", &[], &[]),
                        run("SELECT 1/0", &[], &[]),
                        run("SELECT 2", &[], &[]),
                        m::sync(),
                        run("SELECT 3", &[], &[]),
                        m::sync(),
                    ]),
                    2,
                ),
                (
                    all(&[
                        m::parse("", "SELEC", &[]),
                        m::query("SELECT 'skipped'"),
                        m::flush(),
                        m::sync(),
                        m::query("SELECT 'run'"),
                    ]),
                    2,
                ),
                (all(&[run("SELECT 1", &[], &[]), m::query("SELECT 2"), m::sync()]), 2),
                (
                    all(&[
                        m::query("SELECT 1"),
                        m::query("SELECT 2"),
                        m::query("SELECT 1/0"),
                        m::query("SELECT 3"),
                    ]),
                    4,
                ),
                (
                    all(&[
                        run("BEGIN", &[], &[]),
                        run("SELECT 1/0", &[], &[]),
                        m::sync(),
                        run("SELECT 1", &[], &[]),
                        m::sync(),
                        run("ROLLBACK", &[], &[]),
                        m::sync(),
                    ]),
                    3,
                ),
                (all(&[m::parse("s", "SELECT 'old'", &[]), m::sync()]), 1),
                (
                    all(&[
                        m::parse("s", "SELECT 'new'", &[]),
                        m::sync(),
                        m::bind("", "s", &[], &[]),
                        m::execute("", 0),
                        m::sync(),
                    ]),
                    2,
                ),
                (all(&[m::parse("", "SELECT 'old'", &[]), m::sync()]), 1),
                (
                    all(&[
                        m::parse("x", "SELEC", &[]),
                        m::parse("", "SELECT 'new'", &[]),
                        m::sync(),
                        m::bind("", "", &[], &[]),
                        m::execute("", 0),
                        m::sync(),
                    ]),
                    2,
                ),
            ],
        ),
        (
            "copy",
            vec![
                query("COPY (SELECT id, name FROM products ORDER BY id) TO STDOUT"),
                query("COPY (SELECT id, name FROM products ORDER BY id) TO STDOUT (FORMAT csv, HEADER)"),
                query("COPY products TO STDOUT (FORMAT binary)"),
                (all(&[run("COPY products TO STDOUT", &[], &[]), m::sync()]), 1),
                query("BEGIN"),
                (
                    all(&[
                        m::query("COPY products FROM STDIN"),
                        m::copy_data(b"91\ta\t1\n92\tb\t"),
                        m::copy_data(b"2\n"),
                        m::copy_done(),
                    ]),
                    1,
                ),
                query("SELECT * FROM products WHERE id > 90"),
                (
                    all(&[
                        m::query("COPY products FROM STDIN"),
                        m::copy_data(b"93\tc\t1\n"),
                        m::copy_fail("changed my mind"),
                    ]),
                    1,
                ),
                query("ROLLBACK"),
                (
                    all(&[
                        m::query("COPY products FROM STDIN"),
                        m::copy_data(b"x\n"),
                        m::copy_data(b"94\tc\t1\n"),
                        m::copy_done(),
                        m::query("SELECT 1"),
                    ]),
                    2,
                ),
                (
                    all(&[
                        m::query("COPY nosuch FROM STDIN"),
                        m::copy_data(b"x\n"),
                        m::copy_done(),
                        m::query("SELECT 2"),
                    ]),
                    2,
                ),
                (
                    all(&[
                        m::query(
                            "BEGIN; COPY products FROM STDIN; COPY products FROM STDIN; ROLLBACK; SELECT 1",
                        ),
                        m::copy_data(b"95\tc\t1\n"),
                        m::copy_done(),
                        m::copy_data(b"96\tc\t1\n"),
                        m::copy_done(),
                    ]),
                    1,
                ),
                query("BEGIN"),
                (
                    all(&[
                        m::parse("", "COPY products FROM STDIN", &[]),
                        m::bind("", "", &[], &[]),
                        m::execute("", 0),
                        m::sync(),
                        m::copy_data(b"97\tc\t1\n"),
                        m::copy_done(),
                        m::sync(),
                    ]),
                    1,
                ),
                query("SELECT * FROM products WHERE id > 90"),
                query("ROLLBACK"),
                (
                    all(&[
                        m::parse("", "COPY products FROM STDIN", &[]),
                        m::bind("", "", &[], &[]),
                        m::execute("", 0),
                        m::copy_data(b"x\n"),
                        m::copy_done(),
                        m::sync(),
                        m::query("SELECT 3"),
                    ]),
                    2,
                ),
            ],
        ),
    ]
}

#[test]
fn every_script_gets_the_same_bytes() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    for (name, script) in scripts() {
        same(name, &server, &bauta, &script);
    }
}

#[test]
fn a_client_that_sends_byte_by_byte_gets_the_same_bytes() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    for (name, script) in scripts() {
        let direct = play(server.port(), &script);
        let mut raw = Raw::connect(bauta.port, "ana");
        let mut through = Vec::new();
        for (bytes, ready) in &script {
            for byte in bytes {
                raw.send(&[*byte]);
            }
            for _ in 0..*ready {
                through.extend(raw.until_ready());
            }
        }
        assert!(direct == through, "{name}");
    }
}

#[test]
fn notifications_reach_the_session() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let mut listener = Raw::connect(bauta.port, "ana");
    listener.query("LISTEN news");
    Raw::connect(server.port(), "ana").query("NOTIFY news, 'today'");
    let frame = listener.receive().unwrap();
    assert_eq!(frame.tag, b'A');
    assert!(String::from_utf8_lossy(&frame.body[4..]).starts_with("news\0today\0"));
}
