//! What was described in one moment and is read in another, by messages.
//!
//! Goal: no mask stands at a place, or is left out, by what names and settings
//! meant before code of the client's ran. Method: two schemas of the client's hold
//! tables of the same names, of which one has a column more where the other has one
//! less, or a Query in front sets what a Bind behind it is read by.

use std::time::{Duration, Instant};

use crate::handles::{code, rows, with_sync};
use crate::harness::{Bauta, Frame, Raw, Server, message as m, password};
use crate::interference::wait_for_lock;

const POLICY: &str = r#"
    [[protect]]
    columns = ["public.customers.email", "public.customers.ssn"]
    method = "redact"
"#;

/// Tables that a client puts before others of its own.
const OWN: &str = "
    GRANT CREATE ON SCHEMA public TO ana;
    CREATE TABLE m1 (a varchar);
    CREATE TABLE m2 (k varchar, q varchar);
    CREATE FUNCTION moves() RETURNS text LANGUAGE plpgsql AS
        $$ BEGIN CREATE TEMP TABLE m1 (a varchar, k varchar); CREATE TEMP TABLE m2 (q varchar); RETURN 'x'; END $$;
    GRANT ALL ON m1, m2 TO ana;
";

/// A mask stands behind the last star, so that they are counted.
const BETWEEN: &str = "SELECT m1.*, c.email::varchar AS k, m2.*, c.ssn FROM public.customers c \
     LEFT JOIN m1 ON true LEFT JOIN m2 ON true";

/// None does, so that the server is asked what each star is.
const WITNESSED: &str = "SELECT m1.*, c.email::varchar AS k, m2.* FROM public.customers c \
     LEFT JOIN m1 ON true LEFT JOIN m2 ON true";

fn is_raw(frames: &[Frame]) -> bool {
    frames.iter().any(|frame| frame.tag == b'D' && frame.body.contains(&b'@'))
}

fn by_messages(sql: &str) -> Vec<u8> {
    with_sync(&[m::parse("", sql, &[]), m::bind("", "", &[], &[]), m::execute("", 0)])
}

#[test]
fn no_argument_of_an_execute_moves_what_is_protected() {
    let server = Server::start();
    server.sql("shop", OWN);
    let bauta = Bauta::start(&server, POLICY);
    for select in [BETWEEN, WITNESSED] {
        for run in [m::query("EXECUTE w(moves())"), by_messages("EXECUTE w(moves())")] {
            let shows = [server.port(), bauta.port].map(|port| {
                let mut ana = Raw::connect(port, "ana");
                let prepared = ana.exchange(&with_sync(&[m::parse("w", select, &[25])]));
                assert_eq!(code(&prepared), None, "{prepared:?}");
                let frames = ana.exchange(&run);
                is_raw(&frames)
            });
            assert_eq!(shows, [true, false], "{select}");
        }
    }
}

#[test]
fn no_function_before_a_query_moves_what_is_protected() {
    let server = Server::start();
    server.sql("shop", OWN);
    let bauta = Bauta::start(&server, POLICY);
    for select in [BETWEEN, WITNESSED] {
        // Judged before, read behind it.
        let both = format!("SELECT moves(); {select}");
        let shows = [server.port(), bauta.port].map(|port| is_raw(&Raw::connect(port, "ana").query(&both)));
        assert_eq!(shows, [true, false], "{select}");
    }
    // As long as nothing moves, the server's word is enough.
    let mut ana = Raw::connect(bauta.port, "ana");
    for select in [BETWEEN, WITNESSED] {
        let frames = ana.query(select);
        assert_eq!(code(&frames), None, "{frames:?}");
        assert!(!rows(&frames).is_empty() && !is_raw(&frames), "{frames:?}");
    }
}

/// What the server makes of a value hangs on an encoding that is still to be set.
#[test]
fn a_bind_waits_for_a_query_that_may_set_the_encoding() {
    let server = Server::start();
    server.sql("shop", "UPDATE customers SET email = 'Ω@example.com' WHERE id = 1");
    let bauta = Bauta::start(&server, POLICY);
    for set in [
        "SET client_encoding = 'LATIN1'",
        "SELECT set_config('client_encoding', 'LATIN1', false)",
        "ROLLBACK",
    ] {
        let answers = [1, 2].map(|id| {
            let mut ana = Raw::connect(bauta.port, "ana");
            let select = format!("SELECT email FROM customers WHERE id = {id}");
            ana.exchange(&with_sync(&[m::parse("v", &select, &[])]));
            if set == "ROLLBACK" {
                ana.query("SET client_encoding = 'LATIN1'; BEGIN; SET client_encoding = 'UTF8'");
            }
            let run = with_sync(&[m::bind("", "v", &[], &[]), m::execute("", 0)]);
            ana.send(&[m::query(set), run].concat());
            let mut frames = ana.until_ready();
            frames.extend(ana.until_ready());
            frames.into_iter().map(|frame| (frame.tag, frame.body)).collect::<Vec<_>>()
        });
        assert_eq!(answers[0], answers[1], "{set}");
    }
}

/// Planning calls IMMUTABLE functions, and a literal is checked when it is read.
const OFF: &str = "
    CREATE FUNCTION sets(text) RETURNS boolean IMMUTABLE LANGUAGE sql AS
        $$ SELECT set_config('standard_conforming_strings', $1, false) IS NOT NULL $$;
    CREATE DOMAIN strings AS text CHECK (sets(VALUE));
";

/// What sets without an Execute.
fn setting() -> [Vec<u8>; 2] {
    let bound = [m::parse("", "SELECT sets('off')", &[]), m::bind("", "", &[], &[])].concat();
    [bound, m::parse("", "SELECT '{off}'::strings[]", &[])]
}

#[test]
fn no_message_changes_how_the_next_text_is_read() {
    let server = Server::start();
    server.sql("shop", OFF);
    let bauta = Bauta::start(&server, POLICY);
    let select = r"SELECT '\', ' , email || '' FROM customers -- '";
    for before in setting() {
        for synced in [false, true] {
            let shows = [server.port(), bauta.port].map(|port| {
                let mut ana = Raw::connect(port, "ana");
                if synced {
                    // What was sent behind a Sync is not answered by it.
                    ana.exchange(&[m::sync(), before.clone()].concat());
                } else {
                    ana.send(&before);
                }
                is_raw(&ana.exchange(&by_messages(select)))
            });
            assert_eq!(shows, [true, false], "{synced}");
        }
    }
}

/// What was read when it was parsed is parsed once more for an original.
#[test]
fn no_message_changes_how_a_text_is_read_again() {
    let server = Server::start();
    server.sql("shop", OFF);
    let bauta = Bauta::start(&server, TOKEN);
    let mut ana = Raw::connect(bauta.port, "ana");
    let token = rows(&ana.query("SELECT ssn FROM customers WHERE id = 1")).concat();
    let select =
        r"SELECT '\' FROM customers WHERE ssn = $1 AND '' <> ' || ssn FROM customers WHERE ssn = $1 -- '";
    let parse = m::parse("t", select, &[]);
    let run = [m::bind("", "t", &[Some(&token)], &[]), m::execute("", 0)].concat();
    ana.exchange(&with_sync(&[parse]));
    assert_eq!(rows(&ana.exchange(&with_sync(std::slice::from_ref(&run)))), [r"\"]);
    for before in setting() {
        let frames = ana.exchange(&with_sync(&[before, run.clone()]));
        assert_eq!(code(&frames).as_deref(), Some("0A000"), "{frames:?}");
    }
}

/// The server keeps the tree that it made of the text, while settings go by.
#[test]
fn what_was_read_otherwise_is_not_run_once_it_is_protected() {
    let server = Server::start();
    server.sql("shop", "CREATE VIEW soon AS SELECT 'none'::text AS email; GRANT SELECT ON soon TO ana");
    let bauta = Bauta::start(&server, POLICY);
    let both = [server.port(), bauta.port];
    let mut clients = both.map(|port| Raw::connect(port, "ana"));
    for ana in &mut clients {
        ana.query("SET standard_conforming_strings = off");
        let select = r"SELECT '\', ' , email || '' FROM soon -- '";
        assert_eq!(code(&ana.exchange(&with_sync(&[m::parse("s", select, &[])]))), None);
        ana.query("SET standard_conforming_strings = on");
    }
    server.sql("shop", "CREATE OR REPLACE VIEW soon AS SELECT email FROM customers");
    let begun = Instant::now();
    while is_raw(&Raw::connect(bauta.port, "ana").query("SELECT email FROM soon")) {
        assert!(begun.elapsed() < Duration::from_secs(30), "the view is not seen");
    }
    let run = with_sync(&[m::bind("", "s", &[], &[]), m::execute("", 0)]);
    let answers = clients.each_mut().map(|ana| ana.exchange(&run));
    assert_eq!(answers.each_ref().map(|frames| is_raw(frames)), [true, false], "{answers:?}");
    assert_eq!(code(&answers[1]).as_deref(), Some("0A000"), "{answers:?}");
}

#[test]
fn no_client_makes_code_that_changes_how_texts_are_read() {
    let server = Server::start();
    server.sql(
        "shop",
        "GRANT CREATE ON SCHEMA public TO ana;
         CREATE FUNCTION app_set(key text, value text) RETURNS text LANGUAGE sql AS
             $$ SELECT set_config(key, value, false) $$;
         CREATE FUNCTION app_sets(key text, value text) RETURNS void LANGUAGE plpgsql AS
             $$ BEGIN PERFORM app_set(key, value); END $$;
         CREATE TABLE preferences (key text, value text);
         CREATE FUNCTION prefers() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN PERFORM set_config(NEW.key, NEW.value, false); RETURN NEW; END $$;
         CREATE TRIGGER prefers BEFORE INSERT ON preferences FOR EACH ROW EXECUTE FUNCTION prefers();",
    );
    let bauta = Bauta::start(&server, POLICY);
    let mut ana = Raw::connect(bauta.port, "ana");
    for body in [
        // A function of a DBA's that hands the name on.
        "SELECT app_set('standard_' || 'conforming_strings', $1)",
        "SELECT app_sets($1, 'off')",
        "INSERT INTO preferences VALUES ('standard_' || 'conforming_strings', $1) RETURNING value",
        "SELECT set_config('standard_conforming_strings', 'off', false)",
        "SELECT set_config($1, 'off', false)",
        "UPDATE pg_settings SET setting = 'off' WHERE name LIKE 'standard_c%' RETURNING setting",
        // What a portal is bound to stands in the context that a function may read.
        "SELECT set_config('log_parameter_max_length_on_error', '-1', true)",
    ] {
        let make = format!("CREATE FUNCTION mine(text) RETURNS text LANGUAGE sql AS $$ {body} $$");
        assert_eq!(code(&ana.query(&make)).as_deref(), Some("42501"), "{body}");
    }
    let names = "CREATE FUNCTION mine(text) RETURNS text LANGUAGE sql SET NAMES 'LATIN1' AS 'SELECT $1'";
    assert_eq!(code(&ana.query(names)).as_deref(), Some("42501"));
    let set = "SELECT set_config('search_path', 'public', false)";
    let make = format!("CREATE FUNCTION mine(text) RETURNS text LANGUAGE sql AS $$ {set} $$");
    assert_eq!(code(&ana.query(&make)), None);
}

const TOKEN: &str = r#"
    [[protect]]
    column = "public.customers.ssn"
    method = "token"
"#;

/// Names are looked up one by one: behind a lock that is waited for, the next may
/// find a schema that was closed before.
#[test]
fn one_name_may_mean_two_relations_in_one_statement() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE SCHEMA archive AUTHORIZATION ana; CREATE TABLE archive.customers (id int, ssn text);
         INSERT INTO archive.customers VALUES (1, 'old'); GRANT ALL ON archive.customers TO ana;
         CREATE TABLE waited (x int); INSERT INTO waited VALUES (1); GRANT ALL ON waited TO ana",
    );
    let bauta = Bauta::start(&server, TOKEN);
    let select =
        "SELECT a.ssn::varchar, b.id FROM customers a, waited, customers b WHERE a.id = 1 AND b.id = 1";
    let shows = [server.port(), bauta.port].map(|port| {
        let (mut ana, mut other) = (Raw::connect(port, "ana"), Raw::connect(server.port(), "ana"));
        ana.query("SET search_path = archive, public");
        for sql in [
            "REVOKE ALL ON SCHEMA archive FROM ana",
            "BEGIN",
            "LOCK TABLE waited",
            "GRANT ALL ON SCHEMA archive TO ana",
        ] {
            assert_eq!(code(&other.query(sql)), None, "{sql}");
        }
        ana.send(&m::query(select));
        wait_for_lock(&server, "shop");
        other.query("COMMIT");
        rows(&ana.until_ready())
    });
    assert_eq!(shows, [["007919-0031"], ["***"]]);
    // What the server says of each place is enough where it says it.
    let mut ana = Raw::connect(bauta.port, "ana");
    let joined = "SELECT a.ssn, b.ssn FROM customers a JOIN customers b ON a.id = b.id WHERE a.id = 1";
    let frames = ana.query(joined);
    let row = frames.iter().find(|frame| frame.tag == b'D').expect("a row").columns();
    assert!(row.iter().all(|value| value.as_deref().is_some_and(|v| v.starts_with(b"tok_"))), "{row:?}");
    ana.query("SET search_path = archive");
    assert_eq!(rows(&ana.query(joined)), ["old"]);
}

/// A table of the client's own that a name may mean loses a column while the statement
/// waits for it: the column's name means a protected one further out by then.
#[test]
fn a_namesake_that_is_altered_meanwhile_shows_nothing() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE SCHEMA archive AUTHORIZATION ana; CREATE TABLE archive.customers (id int, note text);
         INSERT INTO archive.customers VALUES (1, 'old'); ALTER TABLE archive.customers OWNER TO ana",
    );
    let bauta = Bauta::start(&server, TOKEN);
    let inner = "SELECT id::text || '' FROM customers c LIMIT 1";
    let many = "(SELECT count(*) FROM customers a, customers b, customers c, customers d, customers e, \
                customers f, customers g) > 0";
    let outer = "FROM (SELECT ssn AS id FROM public.customers WHERE id = 1) q";
    for select in [format!("SELECT ({inner}) {outer}"), format!("SELECT ({inner}) {outer} WHERE {many}")] {
        let shows = [server.port(), bauta.port].map(|port| {
            let (mut ana, mut other) = (Raw::connect(port, "ana"), Raw::connect(port, "ana"));
            ana.query("SET search_path = archive");
            other.query("BEGIN");
            let renamed = other.query("ALTER TABLE archive.customers RENAME COLUMN id TO gone");
            assert_eq!(code(&renamed), None);
            ana.send(&m::query(&select.replace("a, customers", "a, archive.customers")));
            wait_for_lock(&server, "shop");
            other.query("COMMIT");
            let shown = rows(&ana.until_ready());
            server.sql("shop", "ALTER TABLE archive.customers RENAME COLUMN gone TO id");
            shown
        });
        assert_eq!(shows[0], ["007919-0031"], "{select}");
        assert!(!shows[1].concat().contains("007919"), "{select}: {shows:?}");
        // What it writes is written before anybody looks again.
        server.sql("shop", "DROP TABLE IF EXISTS archive.kept; CREATE TABLE archive.kept (v text)");
        server.sql("shop", "GRANT ALL ON archive.kept TO ana");
        let (mut ana, mut other) = (Raw::connect(bauta.port, "ana"), Raw::connect(bauta.port, "ana"));
        ana.query("SET search_path = archive");
        other.query("BEGIN");
        other.query("ALTER TABLE archive.customers RENAME COLUMN id TO gone");
        ana.send(&m::query(&format!("INSERT INTO archive.kept {select}")));
        std::thread::sleep(std::time::Duration::from_millis(300));
        other.query("COMMIT");
        let _ = ana.until_ready();
        server.sql("shop", "ALTER TABLE archive.customers RENAME COLUMN gone TO id");
        let kept = rows(&other.query("SELECT v FROM archive.kept"));
        assert!(!kept.concat().contains("007919"), "{select}: {kept:?}");
    }
}

/// A database in SQL_ASCII holds any bytes: whether they are UTF-8 is asked by reading
/// them as that.
#[test]
fn no_encoding_asks_whether_a_masked_value_has_letters() {
    let server = Server::start();
    server.sql(
        "postgres",
        "CREATE DATABASE any_bytes ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0; \
         GRANT ALL ON DATABASE any_bytes TO ana",
    );
    server.sql(
        "any_bytes",
        "SET client_encoding = 'SQL_ASCII'; CREATE TABLE customers (id int, email text); \
         INSERT INTO customers VALUES (1, E'a\\xe9b'), (2, 'acb'); GRANT SELECT ON customers TO ana",
    );
    let policy = "[[protect]]\ncolumn = \"public.customers.email\"\nmethod = \"redact\"";
    let bauta = Bauta::start(&server, policy);
    for (encoding, expected) in [("UTF8", None), ("LATIN1", None), ("SQL_ASCII", Some("***"))] {
        for id in [1, 2] {
            let parameters = [("user", "ana"), ("database", "any_bytes"), ("client_encoding", encoding)];
            let mut ana = Raw::connect_with(bauta.port, &parameters, &password("ana")).expect("login");
            let frames = ana.query(&format!("SELECT email FROM customers WHERE id = {id}"));
            assert_eq!(rows(&frames).first().map(String::as_str), expected, "{encoding} {id}");
            assert_eq!(code(&frames).as_deref(), expected.map_or(Some("0A000"), |_| None), "{encoding} {id}");
        }
    }
}

/// Under an encoding that lacks a letter of the original no token leads anywhere:
/// which ones do would tell what letters they have.
#[test]
fn no_encoding_asks_which_letters_a_tokens_original_has() {
    let server = Server::start();
    server.sql("shop", "UPDATE customers SET ssn = 'Ω' WHERE id = 1; GRANT UPDATE ON customers TO ana");
    let bauta = Bauta::start(&server, TOKEN);
    let mut ana = Raw::connect(bauta.port, "ana");
    let tokens = rows(&ana.query("SELECT ssn FROM customers WHERE id < 3 ORDER BY id"));
    let found = |ana: &mut Raw, token: &str| {
        let select = format!("SELECT count(*)::text FROM customers WHERE ssn = '{token}'");
        let frames = ana.query(&select);
        (rows(&frames), code(&frames))
    };
    for token in &tokens {
        assert_eq!(found(&mut ana, token), (vec!["1".to_owned()], None));
    }
    ana.query("SET client_encoding = 'LATIN1'");
    for token in &tokens {
        assert_eq!(found(&mut ana, token), (Vec::new(), Some("42501".to_owned())));
    }
    // And none is sent behind what may set another encoding.
    ana.query("SET client_encoding = 'UTF8'");
    let recode = "SELECT set_config('client_encoding', 'LATIN1', false)";
    let count = "SELECT count(*)::text FROM customers WHERE ssn = $1";
    ana.exchange(&with_sync(&[m::parse("c", count, &[]), m::parse("r", recode, &[])]));
    let run =
        |name: &str, values: &[Option<&str>]| [m::bind("", name, values, &[]), m::execute("", 0)].concat();
    let answers: Vec<_> = tokens
        .iter()
        .map(|token| {
            let frames = ana.exchange(&with_sync(&[run("r", &[]), run("c", &[Some(token)])]));
            ana.query("SET client_encoding = 'UTF8'");
            (rows(&frames), code(&frames))
        })
        .collect();
    assert_eq!(answers, vec![(vec!["LATIN1".to_owned()], Some("0A000".to_owned())); 2]);
}

/// A text of any bytes, as a Query.
fn query_of(text: &[u8]) -> Vec<u8> {
    let length = u32::try_from(text.len() + 5).unwrap();
    [b"Q", &length.to_be_bytes()[..], text, b"\0"].concat()
}

/// What the server makes of the letters of a text, bauta does not see: whether
/// they end a word, and what names they spell.
#[test]
fn no_encoding_hides_what_a_text_names() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE TABLE größe (id int, secret text); INSERT INTO größe VALUES (1, 'hidden'); GRANT ALL ON größe TO ana",
    );
    let policy = |table: &str, column: &str| {
        format!("[[protect]]\ncolumn = 'public.\"{table}\".{column}'\nmethod = \"redact\"")
    };
    let refused = |frames: &[Frame]| code(frames).as_deref() == Some("0A000");
    let by_tilde = [
        b"SELECT 'zz' ".as_slice(),
        b"\x81\xB0",
        b"query_to_xml('select email from cust' || 'omers', true, false, '')::text",
    ]
    .concat();
    let bauta = Bauta::start(&server, &policy("customers", "email"));
    let mut ana = Raw::connect(bauta.port, "ana");
    ana.query("SET client_encoding = 'SHIFT_JIS_2004'");
    assert!(refused(&ana.exchange(&query_of(&by_tilde))));
    assert_eq!(code(&ana.query("SELECT 1")), None);
    ana.query("SET client_encoding = 'LATIN1'");
    assert_eq!(code(&ana.exchange(&query_of(b"SELECT 'gr\xF6\xDFe'"))), None, "a literal hides nothing");
    // In one pipeline, nobody knows the encoding yet.
    ana.query("SET client_encoding = 'UTF8'");
    let set = [
        m::parse("", "SET client_encoding = 'SHIFT_JIS_2004'", &[]),
        m::bind("", "", &[], &[]),
        m::execute("", 0),
    ]
    .concat();
    let parse = m::parse("", "SELECT 'é'", &[]);
    assert!(refused(&ana.exchange(&[set, parse, m::sync()].concat())));

    let bauta = Bauta::start(&server, &policy("größe", "secret"));
    let mut ana = Raw::connect(bauta.port, "ana");
    ana.query("SET client_encoding = 'LATIN1'");
    for text in
        [b"SELECT secret || '' FROM gr\xF6\xDFe".as_slice(), b"SELECT secret || '' FROM \"gr\xF6\xDFe\""]
    {
        assert!(refused(&ana.exchange(&query_of(text))), "{}", String::from_utf8_lossy(text));
    }
}

/// What is known to set no encoding holds nothing back in its text.
#[test]
fn what_runs_by_a_name_and_sets_no_encoding_stands_before_masked_columns() {
    let server = Server::start();
    let bauta = Bauta::start(&server, TOKEN);
    let mut ana = Raw::connect(bauta.port, "ana");
    let select = "SELECT ssn FROM customers WHERE id = 1";
    for text in [
        format!("PREPARE p AS {select}; EXECUTE p; EXECUTE p"),
        format!("EXECUTE p; {select}; DEALLOCATE p"),
        format!(
            "BEGIN; DECLARE c CURSOR FOR {select}; FETCH c; FETCH ALL FROM c; MOVE BACKWARD ALL FROM c; FETCH c; COMMIT"
        ),
        format!("RESET statement_timeout; RESET ROLE; {select}"),
        format!("DISCARD PLANS; {select}"),
        format!("PREPARE n AS SELECT 1; EXPLAIN ANALYZE EXECUTE n; {select}; DEALLOCATE n"),
    ] {
        let frames = ana.query(&text);
        assert_eq!(code(&frames), None, "{text}");
        assert!(rows(&frames).iter().any(|row| row.starts_with("tok_")), "{text}");
    }
    for text in [
        format!("PREPARE e AS SELECT set_config('client_encoding', 'LATIN1', false); EXECUTE e; {select}"),
        format!("RESET ALL; {select}"),
        format!("DISCARD ALL; {select}"),
        format!("CALL nothing(); {select}"),
    ] {
        let frames = ana.query(&text);
        assert!(code(&frames).is_some() && rows(&frames).is_empty(), "{text}");
        ana.query("SET client_encoding = 'UTF8'");
    }
}
