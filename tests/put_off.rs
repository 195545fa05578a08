//! What a statement leaves to be said later in its transaction. Goal: nothing that
//! later messages say depends on a protected value, and what cannot keeps its words.
//! Method: what PostgreSQL puts off to the end of a transaction, each way next to one
//! that puts nothing off; directly, the value must be told.

use super::harness::{Bauta, DATABASE, Frame, Raw, Server, message as m};

const POLICY: &str = r#"
    [[protect]]
    columns = ["public.people.secret", "public.keyed.secret", "public.listed.secret", "public.parted.secret",
               "public.child.secret", "public.stamped.secret", "public.watched.secret", "public.ruled.secret"]
    method = "redact"
    [[role]]
    name = "readers"
    members = ["sam"]
    unmask = ["public.*.secret"]
"#;

const SCHEMA: &str = "
    CREATE TABLE people (id int PRIMARY KEY, secret text, n int UNIQUE DEFERRABLE INITIALLY DEFERRED);
    INSERT INTO people VALUES (1, 'Geheimnis', 1), (2, 'other', 2);
    CREATE TABLE owed (id int, p int REFERENCES people ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED);
    INSERT INTO owed VALUES (1, 1);
    CREATE VIEW cast_people AS SELECT id, secret::int AS e FROM people;
    CREATE VIEW seen AS SELECT id, secret FROM people;

    CREATE TABLE keyed (id int, secret text UNIQUE DEFERRABLE INITIALLY DEFERRED);
    INSERT INTO keyed VALUES (1, 'Geheimnis'), (2, 'other');
    CREATE FUNCTION known() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN NEW.secret := (SELECT secret FROM people WHERE id = 1); RETURN NEW; END $$;
    CREATE TRIGGER known BEFORE UPDATE ON keyed FOR EACH ROW EXECUTE FUNCTION known();
    CREATE VIEW over_keyed AS SELECT id, secret FROM keyed;

    CREATE TABLE listed (id int PRIMARY KEY, secret text);
    INSERT INTO listed VALUES (1, 'Geheimnis');
    CREATE TABLE child (id int, p int REFERENCES listed ON DELETE CASCADE, secret text);
    INSERT INTO child VALUES (1, 1, 'Geheimnis');
    CREATE FUNCTION gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'gone: %', OLD.secret; END $$;
    CREATE CONSTRAINT TRIGGER gone AFTER DELETE ON child DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION gone();

    CREATE TABLE parted (id int, secret text) PARTITION BY LIST (id);
    CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
    INSERT INTO parted VALUES (1, 'Geheimnis');
    CREATE FUNCTION changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'now: %', NEW.secret; END $$;
    CREATE CONSTRAINT TRIGGER changed AFTER UPDATE ON parted_1 DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION changed();

    CREATE TABLE stamped (id int PRIMARY KEY, secret text, at timestamptz);
    INSERT INTO stamped VALUES (1, 'Geheimnis');
    CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN IF NEW.id < 0 THEN RAISE 'below zero'; END IF; NEW.at := now(); RETURN NEW; END $$;
    CREATE TRIGGER stamp BEFORE UPDATE ON stamped FOR EACH ROW EXECUTE FUNCTION stamp();

    CREATE TABLE noted (what text);
    CREATE FUNCTION speaks() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'noted %', NEW.what; END $$;
    CREATE CONSTRAINT TRIGGER speaks AFTER INSERT ON noted DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION speaks();
    CREATE TABLE watched (id int, secret text);
    INSERT INTO watched VALUES (1, 'Geheimnis');
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO noted VALUES (OLD.secret); RETURN NEW; END $$;
    CREATE TRIGGER note AFTER UPDATE ON watched FOR EACH ROW EXECUTE FUNCTION note();
    CREATE TABLE ruled (id int, secret text);
    INSERT INTO ruled VALUES (1, 'Geheimnis');
    CREATE RULE note AS ON UPDATE TO ruled DO ALSO INSERT INTO noted VALUES (OLD.secret);

    GRANT ALL ON ALL TABLES IN SCHEMA public TO ana, sam";

/// Each is told of the value by PostgreSQL at the end of its transaction.
const TELLING: &[&str] = &[
    "UPDATE keyed SET id = id WHERE id = 2",
    "UPDATE over_keyed SET id = id WHERE id = 2",
    "WITH w AS (UPDATE keyed SET id = id WHERE id = 2 RETURNING id) SELECT * FROM w",
    "DELETE FROM listed WHERE id = 1",
    "UPDATE parted SET id = id",
    "UPDATE parted_1 SET id = id",
    "UPDATE watched SET id = id",
    "UPDATE ruled SET id = id",
    "DECLARE c CURSOR WITH HOLD FOR SELECT id, e FROM cast_people",
];

/// Nothing of these is done later, or what is speaks of nothing protected.
const SILENT: &[&str] = &[
    "SELECT id, secret FROM people",
    "UPDATE people SET id = id",
    "INSERT INTO people (id) VALUES (9)",
    "DELETE FROM people WHERE id = 2",
    "UPDATE seen SET id = id",
    "MERGE INTO people p USING (VALUES (2)) v (i) ON p.id = v.i WHEN MATCHED THEN DELETE",
    "WITH w AS (UPDATE people SET id = id RETURNING id) SELECT * FROM w",
    "UPDATE listed SET id = id",
    "INSERT INTO listed (id) VALUES (9)",
    "INSERT INTO watched (id) VALUES (9)",
    "UPDATE stamped SET id = id",
    "INSERT INTO stamped (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET at = NULL",
    "EXPLAIN UPDATE keyed SET id = id",
    "DECLARE c CURSOR FOR SELECT id, secret FROM people",
];

struct Shop {
    server: Server,
    bauta: Bauta,
}

impl Shop {
    fn open() -> Self {
        let server = Server::start();
        server.sql(DATABASE, SCHEMA);
        let bauta = Bauta::start(&server, POLICY);
        Self { server, bauta }
    }

    fn session(&self) -> Raw {
        Raw::connect(self.bauta.port, "ana")
    }
}

fn text(frames: &[Frame]) -> String {
    frames.iter().map(|frame| String::from_utf8_lossy(&frame.body).into_owned()).collect()
}

fn message(frames: &[Frame]) -> Option<String> {
    frames.iter().find(|frame| frame.tag == b'E').and_then(|frame| frame.field(b'M'))
}

fn by_messages(session: &mut Raw, sql: &str) -> Vec<Frame> {
    let messages =
        [m::parse("", sql, &[]), m::bind("", "", &[], &[]), m::describe(b'P', ""), m::execute("", 0)];
    session.exchange(&[messages.concat(), m::sync()].concat())
}

const WAYS: [fn(&mut Raw, &str) -> Vec<Frame>; 2] = [Raw::query, by_messages];

/// Are the words of an error kept that comes now?
fn keeps_words(session: &mut Raw) -> bool {
    message(&session.query("SELECT 1 / 0")).as_deref() == Some("division by zero")
}

#[test]
fn what_is_put_off_to_the_end_of_a_transaction_is_not_told_there() {
    let shop = Shop::open();
    let mut direct = Raw::connect(shop.server.port(), "ana");
    let mut ana = shop.session();
    for sql in TELLING {
        for end in ["COMMIT", "SET CONSTRAINTS ALL IMMEDIATE"] {
            if end != "COMMIT" && sql.starts_with("DECLARE") {
                continue;
            }
            for by in WAYS {
                direct.query("BEGIN");
                direct.query(sql);
                let shown = text(&by(&mut direct, end));
                direct.query("ROLLBACK");
                assert!(shown.contains("Geheimnis"), "{sql}; {end}: {shown}");
                ana.query("BEGIN");
                assert_eq!(message(&by(&mut ana, sql)), None, "{sql}");
                let shown = text(&by(&mut ana, end));
                ana.query("ROLLBACK");
                assert!(!shown.contains("Geheimnis"), "{sql}; {end}: {shown}");
            }
        }
        // A pipeline's end commits.
        let shown = text(&by_messages(&mut ana, sql));
        assert!(!shown.contains("Geheimnis"), "{sql}: {shown}");
    }
}

#[test]
fn what_puts_nothing_off_takes_no_words_away() {
    let shop = Shop::open();
    let is_new = shop.server.sql(DATABASE, "SELECT current_setting('server_version_num')::int >= 150000");
    let mut ana = shop.session();
    for sql in SILENT.iter().filter(|sql| is_new.trim() == "t" || !sql.starts_with("MERGE")) {
        for by in WAYS {
            ana.query("BEGIN");
            assert_eq!(message(&by(&mut ana, sql)), None, "{sql}");
            assert_eq!(message(&by(&mut ana, "SELECT 1 / 0")).as_deref(), Some("division by zero"), "{sql}");
            ana.query("ROLLBACK");
        }
    }
    // A temporary table is nothing that a write to another one reaches.
    ana.query("BEGIN");
    ana.query("CREATE TEMP TABLE mine (id int)");
    ana.query("UPDATE people SET id = id");
    assert!(keeps_words(&mut ana));
    ana.query("ROLLBACK");
}

#[test]
fn who_sees_everything_is_told_everything() {
    let shop = Shop::open();
    let mut sam = Raw::connect(shop.bauta.port, "sam");
    for by in WAYS {
        for (sql, told) in [
            ("UPDATE keyed SET id = id WHERE id = 2", ""),
            ("SELECT secret::int FROM people", "Geheimnis"),
            ("UPDATE people SET id = 2 WHERE id = 1", "(id)=(2)"),
        ] {
            sam.query("BEGIN");
            let shown = text(&by(&mut sam, sql));
            assert!(shown.contains(told), "{sql}: {shown}");
            if told.is_empty() {
                let shown = text(&by(&mut sam, "COMMIT"));
                assert!(shown.contains("Geheimnis"), "{sql}: {shown}");
            }
            sam.query("ROLLBACK");
        }
    }
}

/// A key that leads to a protected table, and is not committed.
#[test]
fn ddl_that_is_not_committed_may_put_off_what_nobody_knows_of() {
    let shop = Shop::open();
    shop.server.sql(DATABASE, "CREATE TABLE later (id int, p int); GRANT ALL ON SCHEMA public TO ana; ALTER TABLE later OWNER TO ana");
    std::thread::sleep(std::time::Duration::from_secs(2));
    let mut ana = shop.session();
    ana.query("BEGIN");
    assert_eq!(message(&ana.query("ALTER TABLE later ADD COLUMN more int")), None);
    assert_eq!(message(&ana.query("UPDATE people SET id = id")), None);
    assert!(!keeps_words(&mut ana));
}

/// What is rolled back is not done at the transaction's end.
#[test]
fn rolled_back_to_a_savepoint_nothing_is_put_off_any_more() {
    let shop = Shop::open();
    let mut ana = shop.session();
    let write = "UPDATE keyed SET id = id WHERE id = 2";
    for (statements, is_told) in [
        (&["SAVEPOINT a", write, "ROLLBACK TO a"][..], true),
        (&["SAVEPOINT a", write, "ROLLBACK TO SAVEPOINT A;"], true),
        (&["SAVEPOINT a", write, "SAVEPOINT b", "ROLLBACK TO a"], true),
        (&["SAVEPOINT a", "SAVEPOINT b", write, "RELEASE b", "ROLLBACK TO a"], true),
        (&["SAVEPOINT a", write, "SELECT 1 / 0", "ROLLBACK TO a"], true),
        (&[write, "SAVEPOINT a", "ROLLBACK TO a"], false),
        (&["SAVEPOINT a", write, "SAVEPOINT a", "ROLLBACK TO a"], false),
        (&["SAVEPOINT a", write, "SAVEPOINT b", write, "ROLLBACK TO b"], false),
        (&["SAVEPOINT a", write, "SAVEPOINT b", "RELEASE a", "SAVEPOINT a", "ROLLBACK TO a"], false),
        // Spelled so that nobody has read them.
        (&["SAVEPOINT a", write, "SAVEPOINT /**/ a", "ROLLBACK TO a"], false),
        (&["SAVEPOINT a", write, "SELECT 1; SAVEPOINT a", "ROLLBACK TO a"], false),
        (&["SAVEPOINT a", "SAVEPOINT b", write, "ROLLBACK TO /**/ b"], false),
    ] {
        ana.query("BEGIN");
        for statement in statements {
            ana.query(statement);
        }
        assert_eq!(keeps_words(&mut ana), is_told, "{statements:?}");
        ana.query("ROLLBACK");
        assert!(keeps_words(&mut ana), "{statements:?}");
    }
}

/// An executor that ends speaks when its portal is closed, also by what comes next.
#[test]
fn what_is_said_when_a_portal_is_closed_is_filtered() {
    let shop = Shop::open();
    shop.server.sql(
        "postgres",
        "ALTER ROLE ana SET session_preload_libraries = 'auto_explain'; \
         ALTER ROLE ana SET auto_explain.log_min_duration = 0; \
         ALTER ROLE ana SET auto_explain.log_level = 'notice'",
    );
    if !text(&Raw::connect(shop.server.port(), "ana").query("SELECT 1")).contains("duration") {
        // Not installed there.
        return;
    }
    let mut ana = shop.session();
    let said = |frames: &[Frame]| {
        let notices = frames.iter().filter(|frame| frame.tag == b'N');
        notices.filter_map(|frame| frame.field(b'M')).collect::<Vec<_>>()
    };
    let read = "SELECT id, secret FROM people";
    let of_read = |frames: &[Frame]| said(frames).iter().any(|words| words.contains(read));
    for end in ["CLOSE c", "CLOSE ALL", "COMMIT"] {
        ana.query("BEGIN");
        ana.query(&format!("DECLARE c CURSOR FOR {read}"));
        ana.query("FETCH 1 FROM c");
        let frames = ana.query(end);
        assert!(!said(&frames).is_empty() && !of_read(&frames), "{end}: {frames:?}");
        ana.query("ROLLBACK");
    }
    for portal in ["", "p"] {
        let open = [m::parse("", read, &[]), m::bind(portal, "", &[], &[]), m::execute(portal, 1), m::sync()];
        let next = [m::parse("", "SELECT 7", &[]), m::bind("", "", &[], &[]), m::execute("", 0), m::sync()];
        for next in [next.concat(), [m::close(b'P', portal), m::sync()].concat(), m::query("SELECT 7")] {
            ana.query("BEGIN");
            ana.exchange(&open.concat());
            let frames = [ana.exchange(&next), ana.query("COMMIT")].concat();
            assert!(!said(&frames).is_empty() && !of_read(&frames), "{portal}: {frames:?}");
        }
    }
    // Of nothing protected it may say all.
    assert!(said(&ana.query("SELECT 7")).iter().any(|words| words.contains("SELECT 7")));
}
