//! What code of a DBA's relies on, where the attacks of `interference.rs` would
//! be in each other's way. Goal: a client can put nothing of its own in the
//! place of what such code names or calls. Method: each attempt is refused
//! through bauta, and runs for a client that goes straight to the server.

use crate::harness::{Bauta, Frame, Raw, Server};

const POLICY: &str = r#"
    [[protect]]
    column = "public.customers.email"
    method = "redact"
"#;

fn code(frames: &[Frame]) -> Option<String> {
    frames.iter().find(|frame| frame.tag == b'E').and_then(|frame| frame.field(b'C'))
}

/// Refused through bauta, and allowed directly.
fn is_held_back(server: &Server, sql: &str) {
    let bauta = Bauta::start(server, POLICY);
    let run = |port| code(&Raw::connect(port, "ana").query(&format!("BEGIN; {sql}")));
    assert_eq!(run(bauta.port).as_deref(), Some("42501"), "{sql}");
    assert_eq!(run(server.port()), None, "{sql}");
}

#[test]
fn a_table_in_place_of_one_that_dynamic_sql_names_is_refused() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE TABLE customers_log (what text);
         CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN EXECUTE format('INSERT INTO %I VALUES ($1)', TG_TABLE_NAME || '_log') USING NEW.email; RETURN NEW; END $$;
         CREATE TRIGGER keep BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION keep()",
    );
    is_held_back(&server, "CREATE TEMP TABLE customers_log (what text)");
}

#[test]
fn what_an_index_or_a_range_calls_is_not_the_clients_to_replace() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE FUNCTION compare(text, text) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT bttextcmp($1, $2)';
         CREATE OPERATOR CLASS ours FOR TYPE text USING btree AS
             OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 compare(text, text);
         CREATE INDEX ON customers (email ours);
         CREATE FUNCTION apart(float8, float8) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT $1 - $2';
         CREATE TYPE span AS RANGE (subtype = float8, subtype_diff = apart);
         ALTER TABLE customers ADD told span;
         ALTER FUNCTION compare(text, text) OWNER TO ana; ALTER FUNCTION apart(float8, float8) OWNER TO ana",
    );
    is_held_back(
        &server,
        "CREATE OR REPLACE FUNCTION compare(text, text) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'",
    );
    is_held_back(
        &server,
        "CREATE OR REPLACE FUNCTION apart(float8, float8) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT 1.0'",
    );
}

/// Passes through bauta.
fn passes(server: &Server, sql: &str) {
    let bauta = Bauta::start(server, POLICY);
    assert_eq!(code(&Raw::connect(bauta.port, "ana").query(&format!("BEGIN; {sql}"))), None, "{sql}");
}

#[test]
fn a_table_of_a_name_that_dynamic_sql_puts_together_is_refused() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN EXECUTE format('INSERT INTO %I VALUES ($1)', 'rt_' || NEW.name) USING NEW.email; RETURN NEW; END $$;
         CREATE TRIGGER keep BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION keep()",
    );
    is_held_back(&server, "CREATE TEMP TABLE rt_eu (what text)");
    passes(&server, "CREATE TEMP TABLE art_eu (what text)");
}

#[test]
fn what_only_an_opaque_function_calls_is_not_the_clients_to_replace() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE FUNCTION tidied(text) RETURNS text LANGUAGE sql AS 'SELECT $1';
         CREATE FUNCTION told(q text) RETURNS text LANGUAGE plpgsql AS
             $$ DECLARE r text; BEGIN EXECUTE q INTO r; RETURN tidied(r); END $$;
         ALTER FUNCTION tidied(text) OWNER TO ana",
    );
    is_held_back(
        &server,
        "CREATE OR REPLACE FUNCTION tidied(text) RETURNS text LANGUAGE sql AS 'SELECT upper($1)'",
    );
}

/// The domain is used by no table over which a mask lies.
#[test]
fn a_domain_beside_protected_data_keeps_no_names() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE FUNCTION fits(t text) RETURNS bool LANGUAGE plpgsql AS
             $$ BEGIN RETURN EXISTS (SELECT FROM ledger WHERE name = t); END $$;
         CREATE DOMAIN fitting AS text CHECK (fits(VALUE))",
    );
    passes(&server, "CREATE TEMP TABLE ledger (name text)");
}

#[test]
fn a_table_that_a_trigger_names_takes_no_code_of_its_owners() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE TABLE noted (what text, n int);
         CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN INSERT INTO noted (n) VALUES (length(NEW.email)); RETURN NEW; END $$;
         CREATE TRIGGER keep BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION keep();
         CREATE FUNCTION told() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$;
         CREATE DOMAIN counted AS int CHECK (told() = VALUE);
         ALTER TABLE noted OWNER TO ana",
    );
    for sql in [
        "ALTER TABLE noted ALTER what SET DEFAULT told()",
        "ALTER TABLE noted ADD CHECK (n > told())",
        "ALTER TABLE noted ADD also counted",
        // What the trigger writes would be cast, or go elsewhere.
        "ALTER TABLE noted ADD also int",
        "ALTER TABLE noted DROP what",
        "ALTER TABLE noted RENAME what TO whatever",
        // What hides it may ask these.
        "ALTER TABLE noted ALTER what DROP DEFAULT",
        "ALTER TABLE noted ALTER n SET NOT NULL",
        "ALTER TABLE noted ADD UNIQUE (n)",
        "ALTER TABLE noted ADD also int DEFAULT told()",
        "ALTER TABLE noted ALTER n TYPE bigint",
        "ALTER TABLE noted FORCE ROW LEVEL SECURITY",
        "CREATE RULE noting AS ON INSERT TO noted DO ALSO SELECT told()",
        "CREATE POLICY noting ON noted USING (told() = 1)",
        "CREATE INDEX ON noted (n) WHERE n > 3",
        "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS 'BEGIN CREATE TEMP TABLE noted (n int); END'",
        "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS 'BEGIN CREATE TEMP TABLE pg_temp.noted (n int); END'",
        "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS
             'BEGIN CREATE TEMP TABLE IF NOT EXISTS shop.pg_temp.noted (n int); END'",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'CREATE TEMP TABLE shop.pg_temp.noted (n int); SELECT 1'",
    ] {
        is_held_back(&server, sql);
    }
    passes(
        &server,
        "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS 'BEGIN CREATE TEMP TABLE shop.pg_temp.own (n int); END'",
    );
    passes(
        &server,
        "ALTER TABLE noted ALTER n SET STATISTICS 10, SET (fillfactor = 90); CREATE INDEX ON noted (n)",
    );
}

/// What hides values in a table that is only named to code that writes must stay.
/// Code that reads a table sets off none of its triggers.
#[test]
fn a_trigger_is_disabled_where_nothing_relies_on_it() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE TABLE kept (t text);
         CREATE FUNCTION hide() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.t := '***'; RETURN NEW; END $$;
         CREATE TRIGGER hide BEFORE INSERT ON kept FOR EACH ROW EXECUTE FUNCTION hide();
         CREATE FUNCTION put(n text, v text) RETURNS void LANGUAGE plpgsql AS
             $$ BEGIN EXECUTE format('INSERT INTO %I VALUES ($1)', n) USING v; END $$;
         CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN PERFORM put('kept', NEW.email); RETURN NEW; END $$;
         CREATE TRIGGER keep BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION keep();
         ALTER TABLE kept OWNER TO ana; ALTER TABLE customers OWNER TO ana",
    );
    is_held_back(&server, "ALTER TABLE kept DISABLE TRIGGER hide");
    server.sql(
        "shop",
        "DROP TRIGGER keep ON customers; DROP FUNCTION keep, put;
         CREATE FUNCTION all_of_them() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM customers';
         CREATE TRIGGER touch BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION hide()",
    );
    passes(
        &server,
        "ALTER TABLE customers DISABLE TRIGGER touch; ALTER TABLE customers ENABLE ALWAYS TRIGGER touch",
    );
}

#[test]
fn a_function_that_is_held_back_is_told_for_what() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let mut ana = Raw::connect(bauta.port, "ana");
    for (body, detail) in [
        ("plpgsql AS 'BEGIN PERFORM 1; ANALYZE orders; END'", "that begins \"analyze orders\""),
        ("plpgsql AS 'BEGIN EXECUTE $1; END'", "EXECUTE"),
        ("sql AS 'SELECT 1; REINDEX TABLE orders; SELECT 2'", "statement 2 "),
        ("sql AS 'SELECT 1 FROM orders WHERE CURRENT OF c'", "cursor"),
        ("c AS 'x', 'y'", "language"),
    ] {
        let frames = ana.query(&format!("CREATE FUNCTION f() RETURNS int LANGUAGE {body}"));
        let told = frames.iter().find_map(|frame| frame.field(b'D')).unwrap_or_default();
        assert!(told.contains(detail), "{body}: {told}");
    }
}

/// Whose code it is that keeps a name is to be found out.
#[test]
fn what_relies_on_a_name_is_told() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE SCHEMA app AUTHORIZATION ana; CREATE TABLE app.noted (n int); ALTER TABLE app.noted OWNER TO ana;
         CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN INSERT INTO noted VALUES (length(NEW.email)); RETURN NEW; END $$;
         CREATE TRIGGER keep BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION keep()",
    );
    let bauta = Bauta::start(&server, POLICY);
    let mut ana = Raw::connect(bauta.port, "ana");
    for sql in ["ALTER TABLE app.noted ADD also int", "CREATE TEMP TABLE noted (n int)"] {
        let frames = ana.query(sql);
        let told = frames.iter().find_map(|frame| frame.field(b'D')).unwrap_or_default();
        assert!(told.contains("Function public.keep ") && told.contains("\"noted\""), "{sql}: {told}");
    }
}

/// A name in a string counts there too: what it runs may look it up.
#[test]
fn a_function_whose_body_holds_a_counted_name_in_a_string_is_held_back() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let mut ana = Raw::connect(bauta.port, "ana");
    for body in ["BEGIN ATOMIC SELECT 'customers'::text; END", "LANGUAGE sql AS 'SELECT ''customers''::text'"]
    {
        let frames = ana.query(&format!("CREATE FUNCTION f() RETURNS text {body}"));
        assert_eq!(code(&frames).as_deref(), Some("42501"), "{body}");
    }
}

#[test]
fn an_owner_does_not_force_policies_on_a_protected_table() {
    let server = Server::start();
    server.sql("shop", "ALTER TABLE customers OWNER TO ana");
    is_held_back(&server, "ALTER TABLE customers FORCE ROW LEVEL SECURITY");
    is_held_back(&server, "ALTER TABLE customers NO FORCE ROW LEVEL SECURITY");
    passes(&server, "ALTER TABLE customers DISABLE ROW LEVEL SECURITY");
}

/// What another session's key has locked shows by what is skipped, before it
/// is committed.
#[test]
fn rows_that_a_protected_key_has_locked_are_not_skipped() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE TABLE wards (id int PRIMARY KEY, bed int);
         CREATE TABLE patients (id int, ward int REFERENCES wards);
         CREATE VIEW all_wards AS SELECT id FROM wards;
         INSERT INTO wards VALUES (1), (2);
         GRANT ALL ON wards, all_wards TO ana",
    );
    let policy = "[[protect]]\ncolumn = \"public.patients.ward\"\nmethod = \"redact\"";
    let bauta = Bauta::start(&server, policy);
    let mut other = Raw::connect(server.port(), "postgres");
    other.query("BEGIN");
    other.query("INSERT INTO patients VALUES (1, 2)");
    let mut ana = Raw::connect(bauta.port, "ana");
    for sql in [
        "SELECT id FROM wards FOR UPDATE SKIP LOCKED",
        "SELECT id FROM wards WHERE id = 2 FOR UPDATE NOWAIT",
        "SELECT id FROM all_wards FOR UPDATE SKIP LOCKED",
        "SELECT id FROM (SELECT id FROM wards) w FOR UPDATE SKIP LOCKED",
    ] {
        assert_eq!(code(&ana.query(sql)).as_deref(), Some("42501"), "{sql}");
        assert_ne!(code(&Raw::connect(server.port(), "ana").query(sql)).as_deref(), Some("42501"), "{sql}");
    }
    assert_eq!(code(&ana.query("SELECT id FROM wards WHERE id = 1 FOR UPDATE")), None);
    // What an upsert returns of a row that was there shows the lock; of a new
    // one there is nothing to see.
    let returned = |port, conflict: &str| {
        let sql =
            format!("INSERT INTO wards VALUES (2, 1) ON CONFLICT (id) {conflict} RETURNING xmax IS NULL");
        let frames = Raw::connect(port, "ana").query(&sql);
        frames.iter().find(|frame| frame.tag == b'D').map(|row| row.columns())
    };
    other.query("COMMIT");
    let (hidden, shown) = (Some(vec![Some(b"t".to_vec())]), Some(vec![Some(b"f".to_vec())]));
    assert_eq!(returned(bauta.port, "DO UPDATE SET bed = 2"), hidden);
    assert_eq!(returned(server.port(), "DO UPDATE SET bed = 2"), shown);
    let made = ana.query("INSERT INTO wards VALUES (3, 1) ON CONFLICT DO NOTHING RETURNING xmax");
    let row = made.iter().find(|frame| frame.tag == b'D').expect("a row");
    assert_eq!(row.columns(), [Some(b"0".to_vec())]);
}

/// Neither the view nor the table is spelled by a function of the DBA's.
#[test]
fn what_a_view_over_protected_data_reads_takes_no_code_of_its_owners() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE ROLE keeper;
         CREATE TABLE known (mail text PRIMARY KEY, label text, n int);
         CREATE FUNCTION weight(text) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN true; END';
         CREATE VIEW v_known AS SELECT mail, label FROM known WHERE weight(label);
         CREATE VIEW v_met AS SELECT c.id, k.label IS NOT NULL AS met
             FROM customers c LEFT JOIN v_known k ON k.mail = c.email;
         CREATE FUNCTION told() RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RETURN true; END $$;
         CREATE TABLE beside (mail text);
         CREATE VIEW v_beside AS SELECT mail FROM beside;
         ALTER TABLE known OWNER TO ana; ALTER VIEW v_known OWNER TO ana; ALTER FUNCTION weight(text) OWNER TO ana;
         ALTER TABLE beside OWNER TO ana; ALTER VIEW v_beside OWNER TO ana; GRANT CREATE ON SCHEMA public TO ana",
    );
    for sql in [
        "CREATE OR REPLACE VIEW v_known AS SELECT mail, label FROM known WHERE told()",
        "CREATE OR REPLACE FUNCTION weight(text) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN false; END'",
        "CREATE POLICY met ON known USING (told())",
        "ALTER TABLE known ENABLE ROW LEVEL SECURITY",
    ] {
        is_held_back(&server, sql);
    }
    for sql in [
        "CREATE INDEX ON known (lower(label)) WHERE n > 3",
        "ALTER TABLE known ADD CHECK (n > 3), ALTER n TYPE bigint, ALTER n SET DEFAULT 3",
        "CREATE TABLE more () INHERITS (known)",
        "CREATE TABLE more (mail text REFERENCES known ON DELETE CASCADE)",
        "CREATE RULE met AS ON DELETE TO known DO ALSO SELECT 1",
        "CREATE OR REPLACE VIEW v_beside AS SELECT mail FROM beside WHERE told()",
        "CREATE POLICY met ON beside USING (told()); ALTER TABLE beside ENABLE ROW LEVEL SECURITY",
    ] {
        passes(&server, sql);
    }
}

/// An operator class compares values where no index of it stands: in a
/// partition key, in a range.
#[test]
fn what_an_operator_class_calls_is_not_the_clients_to_make() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE FUNCTION folded(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower($1)';
         CREATE FUNCTION hashed(text, bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS
             'SELECT hashtextextended(folded($1), $2)';
         CREATE OPERATOR CLASS spread FOR TYPE text USING hash AS OPERATOR 1 =, FUNCTION 2 hashed(text, bigint);
         CREATE FUNCTION curled(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower($1)';
         CREATE FUNCTION compare(text, text) RETURNS int LANGUAGE sql IMMUTABLE AS
             'SELECT bttextcmp(curled($1), curled($2))';
         CREATE OPERATOR CLASS ours FOR TYPE text USING btree AS
             OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 compare(text, text);
         CREATE TYPE span AS RANGE (subtype = text, subtype_opclass = ours);",
    );
    for name in ["folded", "curled"] {
        is_held_back(
            &server,
            &format!("CREATE FUNCTION pg_temp.{name}(text) RETURNS text LANGUAGE sql AS 'SELECT $1'"),
        );
    }
}

#[test]
fn what_changes_with_a_table_that_a_trigger_writes_takes_no_code_of_the_clients() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE TABLE noted (n int PRIMARY KEY, at int);
         CREATE VIEW v_noted AS SELECT n, at FROM noted;
         CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN UPDATE v_noted SET at = length(NEW.email); RETURN NEW; END $$;
         CREATE TRIGGER keep BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION keep();
         CREATE FUNCTION told() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
         CREATE TABLE parts (n int, at int) PARTITION BY RANGE (n);
         CREATE TABLE below (n int REFERENCES noted ON DELETE CASCADE);
         CREATE TABLE further (n int REFERENCES noted);
         CREATE TABLE own (n int NOT NULL, at int);
         CREATE TABLE parent (LIKE noted);
         ALTER TABLE noted OWNER TO ana; ALTER TABLE parts OWNER TO ana; ALTER TABLE below OWNER TO ana;
         ALTER TABLE further OWNER TO ana; ALTER TABLE own OWNER TO ana; ALTER TABLE parent OWNER TO ana;
         GRANT CREATE ON SCHEMA public TO ana",
    );
    for sql in [
        "CREATE TRIGGER told BEFORE UPDATE ON noted FOR EACH ROW EXECUTE FUNCTION told()",
        "CREATE TRIGGER told BEFORE DELETE ON below FOR EACH ROW EXECUTE FUNCTION told()",
        "CREATE TABLE kid () INHERITS (noted)",
        "CREATE FUNCTION kid() RETURNS void LANGUAGE sql AS 'CREATE TEMP TABLE kid () INHERITS (noted)'",
        "ALTER TABLE own INHERIT noted",
        "ALTER TABLE noted INHERIT parent",
        "ALTER TABLE parts ATTACH PARTITION noted DEFAULT",
        "CREATE TABLE kid (n int REFERENCES noted ON UPDATE CASCADE)",
        "CREATE TABLE kid (n int, FOREIGN KEY (n) REFERENCES noted ON DELETE SET NULL)",
        "ALTER TABLE own ADD FOREIGN KEY (n) REFERENCES noted ON DELETE CASCADE",
        "ALTER TABLE own ADD m int REFERENCES noted ON DELETE SET DEFAULT",
        // Whether such code can take a row away tells what it looked for.
        "CREATE TABLE kid (n int REFERENCES noted)",
        "ALTER TABLE own ADD FOREIGN KEY (n) REFERENCES noted ON DELETE RESTRICT",
    ] {
        is_held_back(&server, sql);
    }
    for sql in [
        "CREATE TABLE kid (n int PRIMARY KEY); ALTER TABLE own ADD FOREIGN KEY (n) REFERENCES kid",
        "CREATE TRIGGER told BEFORE DELETE ON further FOR EACH ROW EXECUTE FUNCTION told()",
        "CREATE TABLE kid () INHERITS (own)",
        "CREATE TABLE kid (n int PRIMARY KEY); ALTER TABLE own ADD FOREIGN KEY (n) REFERENCES kid ON DELETE CASCADE",
    ] {
        passes(&server, sql);
    }
}

#[test]
fn a_function_makes_no_table_of_a_name_that_a_client_could_not_give() {
    let server = Server::start();
    server.sql("shop", "CREATE SCHEMA mine AUTHORIZATION ana");
    is_held_back(
        &server,
        "CREATE FUNCTION mine.makes() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CREATE TEMP TABLE \"text\" (a int); END $$",
    );
    is_held_back(
        &server,
        "CREATE FUNCTION mine.makes() RETURNS void LANGUAGE sql AS $$ CREATE TEMP TABLE \"text\" (a int) $$",
    );
    passes(
        &server,
        "CREATE FUNCTION mine.makes() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CREATE TEMP TABLE texts (a serial); END $$",
    );
}

#[test]
fn a_trigger_may_take_numbers_of_any_sequence() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE SEQUENCE some_numbers; ALTER SEQUENCE some_numbers OWNER TO ana;
         CREATE FUNCTION takes() RETURNS trigger LANGUAGE plpgsql AS
             $$ DECLARE s text := NEW.name; BEGIN NEW.email := nextval(s); RETURN NEW; END $$;
         CREATE TRIGGER takes BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION takes()",
    );
    is_held_back(&server, "ALTER SEQUENCE some_numbers RESTART 3");
    is_held_back(&server, "CREATE TEMP SEQUENCE some_numbers");
    passes(&server, "CREATE TEMP SEQUENCE other_numbers");
}

#[test]
fn a_table_in_place_of_one_that_a_triggers_argument_names_is_refused() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN EXECUTE format('INSERT INTO %I VALUES ($1)', TG_ARGV[0]) USING NEW.email; RETURN NEW; END $$;
         CREATE TRIGGER keep BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION keep('kept', 'Größe')",
    );
    is_held_back(&server, "CREATE TEMP TABLE kept (what text)");
    is_held_back(&server, "CREATE TEMP TABLE \"Größe\" (what text)");
    passes(&server, "CREATE TEMP TABLE kept_not (what text)");
}

/// What such code names with a schema is what stands there, wherever the search_path
/// leads; another table of the name is nobody's business.
#[test]
fn a_table_beside_one_that_is_named_with_its_schema_is_the_clients_to_make() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE SCHEMA kept; CREATE SCHEMA mine; CREATE TABLE kept.trail (t text); CREATE TABLE kept.loose (t text);
         CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN INSERT INTO kept.trail VALUES (NEW.email); INSERT INTO loose VALUES (NEW.email); RETURN NEW; END $$;
         CREATE TRIGGER keep BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION keep();
         CREATE TABLE mine.own (t text); CREATE TABLE kept.own (t text);
         ALTER TABLE mine.own OWNER TO ana; ALTER TABLE kept.own OWNER TO ana; ALTER TABLE kept.trail OWNER TO ana;
         ALTER SCHEMA kept OWNER TO ana; ALTER SCHEMA mine OWNER TO ana; GRANT CREATE ON DATABASE shop TO ana",
    );
    let bauta = Bauta::start(&server, POLICY);
    for sql in [
        "CREATE TABLE mine.trail (t text)",
        "CREATE TABLE mine.trail AS SELECT 1 AS one",
        "CREATE VIEW mine.trail AS SELECT 1 AS one",
        "CREATE TEMP TABLE trail (t text)",
        "ALTER TABLE mine.own RENAME TO trail",
    ] {
        let run = |port| code(&Raw::connect(port, "ana").query(&format!("BEGIN; {sql}")));
        assert_eq!((run(bauta.port), run(server.port())), (None, None), "{sql}");
    }
    for sql in [
        "CREATE TABLE mine.loose (t text)",
        "CREATE TEMP TABLE loose (t text)",
        "DROP TABLE kept.trail; CREATE TABLE kept.trail (t text)",
        "DROP TABLE kept.trail; ALTER TABLE kept.own RENAME TO trail",
        "DROP TABLE kept.trail; ALTER TABLE mine.own SET SCHEMA kept; ALTER TABLE kept.own RENAME TO trail",
        "DROP TABLE kept.trail; SET search_path = kept; CREATE TABLE trail (t text)",
        "DROP TABLE kept.trail; SET search_path = kept; ALTER TABLE own RENAME TO trail",
        "DROP TABLE kept.trail; CREATE SCHEMA more CREATE TABLE trail (t text)",
        "ALTER SCHEMA kept RENAME TO old; ALTER SCHEMA mine RENAME TO kept",
    ] {
        let run = |port| code(&Raw::connect(port, "ana").query(&format!("BEGIN; {sql}")));
        assert_eq!(run(bauta.port).as_deref(), Some("42501"), "{sql}");
    }
}
