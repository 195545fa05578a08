//! What errors and notices tell under a grant on one table: not what other
//! tables hold that a statement reaches without naming them.

use super::harness::{Bauta, DATABASE, Frame, Raw, Server};

const POLICY: &str = r#"
    [[protect]]
    columns = ["public.open.note", "public.child.secret", "public.other.secret", "public.broad.note", "public.broad_part.extra", "public.watched.secret"]
    method = "redact"
    [[role]]
    name = "readers"
    members = ["ana"]
    unmask = ["public.open.note", "public.broad.note"]
"#;

const SCHEMA: &str = "
    CREATE TABLE open (id int PRIMARY KEY, note text);
    CREATE TABLE child (id int, p int NOT NULL REFERENCES open ON DELETE SET NULL ON UPDATE CASCADE, secret text, CHECK (p < 100));
    CREATE TABLE plain (id int PRIMARY KEY);
    CREATE TABLE plain_child (id int, p int NOT NULL REFERENCES plain ON DELETE SET NULL, secret text);
    CREATE TABLE other (id int, secret text NOT NULL);
    INSERT INTO open VALUES (1, 'one'), (2, 'two'), (3, 'three');
    INSERT INTO child VALUES (1, 1, 'Geheimnis');
    INSERT INTO plain VALUES (1);
    INSERT INTO other VALUES (1, 'Geheimnis');
    CREATE FUNCTION tells() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '%', (SELECT secret FROM other LIMIT 1); RETURN NEW; END $$;
    CREATE TRIGGER tells BEFORE UPDATE OF note ON open FOR EACH ROW WHEN (OLD.id = 2) EXECUTE FUNCTION tells();
    CREATE TRIGGER tells BEFORE INSERT ON plain FOR EACH ROW EXECUTE FUNCTION tells();
    CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'row % may not go', OLD.secret; END $$;
    CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON child DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late();
    CREATE VIEW over AS SELECT id, note FROM open;
    CREATE TABLE asked (id int, n int);
    INSERT INTO asked VALUES (1, 1);
    CREATE FUNCTION asks(n int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '%', (SELECT secret FROM other LIMIT 1); RETURN true; END $$;
    CREATE POLICY asks ON asked USING (asks(n)); ALTER TABLE asked ENABLE ROW LEVEL SECURITY;
    CREATE TABLE broad (id int PRIMARY KEY, note text); CREATE TABLE broad_part (extra text NOT NULL) INHERITS (broad);
    INSERT INTO broad_part VALUES (1, 'n', 'Geheimnis');
    CREATE TABLE accessed (what text);
    CREATE FUNCTION speaks() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'access to %', NEW.what; RETURN NEW; END $$;
    CREATE CONSTRAINT TRIGGER speaks AFTER INSERT ON accessed DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION speaks();
    CREATE TABLE watched (id int, secret text);
    INSERT INTO watched VALUES (1, 'Geheimnis');
    CREATE FUNCTION saw(secret text) RETURNS bool LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN INSERT INTO accessed VALUES (secret); RETURN true; END $$;
    CREATE POLICY saw ON watched USING (saw(secret)); ALTER TABLE watched ENABLE ROW LEVEL SECURITY;
    CREATE VIEW watching AS SELECT id FROM watched;
    GRANT ALL ON ALL TABLES IN SCHEMA public TO ana";

#[test]
fn a_grant_on_one_table_shows_no_other_ones_values_in_messages() {
    let server = Server::start();
    server.sql(DATABASE, SCHEMA);
    let bauta = Bauta::start(&server, POLICY);
    let (mut ana, mut direct) = (Raw::connect(bauta.port, "ana"), Raw::connect(server.port(), "ana"));
    let text = |frames: &[Frame]| {
        frames.iter().map(|frame| String::from_utf8_lossy(&frame.body).into_owned()).collect::<String>()
    };
    for sql in [
        "DELETE FROM open WHERE id = 1",
        "UPDATE open SET id = 500 WHERE id = 1",
        "UPDATE over SET id = 500 WHERE id = 1",
        "WITH gone AS (DELETE FROM open WHERE id = 1) SELECT 1",
        "MERGE INTO open o USING (VALUES (1)) v (i) ON o.id = v.i WHEN MATCHED THEN DELETE",
        "UPDATE open SET note = 'x' WHERE id = 2",
        "UPDATE over SET note = 'x' WHERE id = 2",
        "UPDATE open SET id = 10 WHERE id = 1",
        "BEGIN; UPDATE open SET id = 10 WHERE id = 1; SET CONSTRAINTS ALL IMMEDIATE",
        "INSERT INTO plain SELECT 7 FROM open LIMIT 1",
        "DELETE FROM plain WHERE id = 1 AND EXISTS (SELECT note FROM open)",
        "SELECT a.id, o.note FROM asked a, open o",
        "UPDATE broad SET id = NULL",
    ] {
        let shown = text(&direct.query(sql));
        direct.query("ROLLBACK");
        let frames = ana.query(sql);
        ana.query("ROLLBACK");
        let frames = text(&frames);
        assert!(!frames.contains("Geheimnis"), "{sql}: {frames}");
        // So that it means something; not every one tells in every version.
        let tells = shown.contains("Geheimnis")
            || sql.starts_with("MERGE")
            || sql.contains("plain")
            || sql.contains("asked")
            || sql.contains("broad");
        assert!(tells, "{sql}: {shown}");
    }
    // Nothing else is reached: the words stay.
    let frames = text(&ana.query("SELECT note::int FROM open WHERE id = 1"));
    assert!(frames.contains("\"one\""), "{frames}");
}

/// A statement that only reads leaves nothing to be done at the transaction's end.
#[test]
fn what_follows_a_read_in_its_transaction_keeps_its_words() {
    let server = Server::start();
    server.sql(DATABASE, SCHEMA);
    let bauta = Bauta::start(&server, POLICY);
    let mut ana = Raw::connect(bauta.port, "ana");
    let message =
        |frames: &[Frame]| frames.iter().find(|frame| frame.tag == b'E').and_then(|frame| frame.field(b'M'));
    let fails = "SELECT 1 / 0";
    for (first, is_told) in [
        ("SELECT id, secret FROM child", true),
        ("WITH x AS (SELECT secret FROM child) SELECT count(*) FROM x", true),
        ("UPDATE child SET id = id", false),
        ("WITH x AS (UPDATE child SET id = id RETURNING id) SELECT * FROM x", false),
    ] {
        ana.query("BEGIN");
        assert_eq!(message(&ana.query(first)), None, "{first}");
        assert_eq!(message(&ana.query(fails)).as_deref() == Some("division by zero"), is_told, "{first}");
        ana.query("ROLLBACK");
    }
}

/// An operator, a cast or a type that no code stands behind which writes makes no
/// difference to what is read: an extension's, or a user's own.
#[test]
fn operators_that_change_nothing_take_no_words_away() {
    let server = Server::start();
    server.sql(DATABASE, SCHEMA);
    let has = |name: &str| {
        let known = format!("SELECT count(*) FROM pg_available_extensions WHERE name = '{name}'");
        server.sql("postgres", &known).trim() == "1"
    };
    for extension in ["citext", "hstore", "isn", "ltree"].into_iter().filter(|name| has(name)) {
        server.sql(DATABASE, &format!("CREATE EXTENSION {extension}"));
    }
    server.sql(
        DATABASE,
        "CREATE FUNCTION twice(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1 || $1';
         CREATE OPERATOR !@# (FUNCTION = twice, RIGHTARG = text);
         CREATE DOMAIN short AS text CHECK (length(VALUE) < 100);
         CREATE FUNCTION known(int) RETURNS bool LANGUAGE plpgsql AS
             $$ BEGIN IF $1 IS NULL THEN RAISE 'none'; END IF; RETURN true; END $$",
    );
    let bauta = Bauta::start(&server, POLICY);
    let mut ana = Raw::connect(bauta.port, "ana");
    let mut is_told = |read: &str| {
        ana.query("BEGIN");
        let frames = ana.query(read);
        assert!(!frames.iter().any(|frame| frame.tag == b'E'), "{read}: {frames:?}");
        let frames = ana.query("SELECT 1 / 0");
        ana.query("ROLLBACK");
        let error = frames.iter().find(|frame| frame.tag == b'E');
        error.and_then(|frame| frame.field(b'M')).as_deref() == Some("division by zero")
    };
    for read in [
        "SELECT id, secret FROM child",
        "SELECT !@# 'a', secret FROM child",
        "SELECT 'a'::short, secret FROM child",
        "SELECT id FROM child WHERE known(id)",
    ] {
        assert!(is_told(read), "{read}");
    }
    server.sql(
        DATABASE,
        "CREATE FUNCTION noting(int, int) RETURNS bool LANGUAGE plpgsql AS
             $$ BEGIN INSERT INTO accessed VALUES ('x'); RETURN true; END $$;
         CREATE OPERATOR === (FUNCTION = noting, LEFTARG = int, RIGHTARG = int)",
    );
    // The proxy looks at the catalog again.
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert!(!is_told("SELECT id, secret FROM child"));
}

#[test]
fn what_a_policy_writes_when_a_table_is_read_speaks_no_later() {
    let server = Server::start();
    server.sql(DATABASE, SCHEMA);
    server.sql(DATABASE, "GRANT ALL ON accessed TO postgres");
    let bauta = Bauta::start(&server, POLICY);
    for (port, shown) in [(server.port(), true), (bauta.port, false)] {
        let mut ana = Raw::connect(port, "ana");
        for read in ["SELECT id FROM watched", "SELECT id FROM watched WHERE id = 1"] {
            ana.query("BEGIN");
            ana.query(read);
            let frames = ana.query("COMMIT");
            let told = frames.iter().any(|frame| String::from_utf8_lossy(&frame.body).contains("Geheimnis"));
            assert_eq!(told, shown, "{read}: {frames:?}");
        }
    }
}
