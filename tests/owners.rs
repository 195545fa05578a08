//! Code that the server runs by itself counts as a DBA's only if whoever made it
//! could see what it reads. Goal: a trap that a client laid before a column was
//! protected copies nothing of it, and a DBA's code goes on. Method: traps that
//! are shown to work, a reload that protects what they read, and the statements
//! that would set them off; beside them the same code with other owners.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::harness::{Bauta, Frame, Raw, Server};

const BEFORE: &str = r#"
    [[protect]]
    column = "public.vault.c_text"
    method = "redact"
"#;

const AFTER: &str = r#"
    [[protect]]
    column = "public.customers.email"
    method = "redact"
"#;

/// Functions that copy. Newer versions find what an index calls by its schema alone.
const COPIES: &str = "
    CREATE TABLE stolen (what text);
    CREATE FUNCTION copy_all() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO public.stolen SELECT email FROM public.customers; RETURN NULL; END $$;
    CREATE FUNCTION fits(n int) RETURNS bool LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO public.stolen SELECT email FROM public.customers; RETURN true; END $$;
    CREATE FUNCTION key_of(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
        $$ BEGIN PERFORM public.fits(n); RETURN n; END $$;
    CREATE FUNCTION first_one() RETURNS text LANGUAGE plpgsql AS
        $$ BEGIN PERFORM public.fits(1); RETURN (SELECT min(email) FROM public.customers); END $$;
    CREATE FUNCTION keeps(t text) RETURNS text LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO public.stolen VALUES (t); RETURN t; END $$;";

/// What is laid, and a statement that sets it off.
const TRAPS: &[(&str, &str)] = &[
    (
        "CREATE TABLE noted (n int);
         CREATE TRIGGER copying AFTER INSERT ON noted FOR EACH STATEMENT EXECUTE FUNCTION copy_all()",
        "INSERT INTO noted VALUES (1)",
    ),
    (
        "CREATE TABLE changed (n int); INSERT INTO changed VALUES (1);
         CREATE TRIGGER copying AFTER UPDATE ON changed FOR EACH STATEMENT EXECUTE FUNCTION copy_all()",
        "UPDATE changed SET n = 2",
    ),
    (
        "CREATE TABLE emptied (n int);
         CREATE TRIGGER copying AFTER TRUNCATE ON emptied FOR EACH STATEMENT EXECUTE FUNCTION copy_all()",
        "TRUNCATE emptied",
    ),
    ("CREATE TABLE filled (n int, t text DEFAULT first_one())", "INSERT INTO filled (n) VALUES (1)"),
    ("CREATE TABLE checked (n int CHECK (fits(n)))", "INSERT INTO checked VALUES (1)"),
    (
        "CREATE DOMAIN fitting AS int CHECK (fits(VALUE)); CREATE TABLE typed (m int, n fitting DEFAULT 1)",
        "INSERT INTO typed (m) VALUES (1)",
    ),
    (
        "CREATE TABLE made (n int, m int GENERATED ALWAYS AS (key_of(n)) STORED)",
        "INSERT INTO made (n) VALUES (1)",
    ),
    (
        "CREATE TABLE indexed (n int); INSERT INTO indexed VALUES (1); CREATE INDEX ON indexed (key_of(n))",
        "INSERT INTO indexed VALUES (1)",
    ),
    (
        "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1); CREATE INDEX ON kept (n) WHERE key_of(n) = 1",
        "REINDEX TABLE kept",
    ),
    (
        "CREATE TABLE ruled (n int);
         CREATE RULE copying AS ON INSERT TO ruled DO ALSO INSERT INTO stolen SELECT email FROM customers",
        "INSERT INTO ruled VALUES (1)",
    ),
    (
        "CREATE TABLE chosen (n int); INSERT INTO chosen VALUES (1);
         ALTER TABLE chosen ENABLE ROW LEVEL SECURITY; ALTER TABLE chosen FORCE ROW LEVEL SECURITY;
         CREATE POLICY asking ON chosen USING (fits(n))",
        "SELECT n FROM chosen",
    ),
    (
        "CREATE TABLE above (id int PRIMARY KEY); INSERT INTO above VALUES (1);
         CREATE TABLE below (id int REFERENCES above ON DELETE CASCADE); INSERT INTO below VALUES (1);
         CREATE TRIGGER copying AFTER DELETE ON below FOR EACH ROW EXECUTE FUNCTION copy_all()",
        "DELETE FROM above",
    ),
    (
        "CREATE TABLE parted (n int) PARTITION BY LIST (n); CREATE TABLE part PARTITION OF parted DEFAULT;
         CREATE TRIGGER copying AFTER INSERT ON parted FOR EACH ROW EXECUTE FUNCTION copy_all()",
        "INSERT INTO part VALUES (1)",
    ),
    (
        "CREATE FUNCTION sets(t text) RETURNS text LANGUAGE sql AS $$ SELECT set_config('own.kept', t, false) $$;
         CREATE VIEW set AS SELECT sets(email) AS t FROM customers",
        "SELECT * FROM set; INSERT INTO stolen VALUES (current_setting('own.kept'))",
    ),
    ("CREATE VIEW handed AS SELECT id, keeps(email) AS t FROM customers", "SELECT * FROM handed"),
];

fn code(frames: &[Frame]) -> Option<String> {
    frames.iter().find(|frame| frame.tag == b'E').and_then(|frame| frame.field(b'C'))
}

fn message(frames: &[Frame], field: u8) -> String {
    frames.iter().find(|frame| frame.tag == b'E').and_then(|frame| frame.field(field)).unwrap_or_default()
}

fn stolen(server: &Server) -> String {
    server.sql("shop", "SELECT count(*) FROM stolen").trim().to_owned()
}

#[test]
fn a_trap_that_was_laid_before_copies_nothing_once_what_it_reads_is_protected() {
    let server = Server::start();
    let bauta = Bauta::start(&server, BEFORE);
    let mut ana = Raw::connect(bauta.port, "ana");
    for sql in std::iter::once(&COPIES).chain(TRAPS.iter().map(|(laid, _)| laid)) {
        assert_eq!(code(&ana.query(sql)), None, "{sql}");
    }
    for (_, sql) in TRAPS {
        server.sql("shop", "TRUNCATE stolen");
        assert_eq!(code(&ana.query(sql)), None, "{sql}");
        assert_ne!(stolen(&server), "0", "{sql}");
    }
    assert_eq!(code(&ana.query("PREPARE earlier AS INSERT INTO noted VALUES (1)")), None);
    server.sql("shop", "TRUNCATE stolen; INSERT INTO above VALUES (1); INSERT INTO below VALUES (1)");
    bauta.write_config(AFTER);
    bauta.cli_ok(&["reload"]);
    let further = [
        "EXECUTE earlier",
        "COPY noted FROM STDIN",
        "INSERT INTO parted VALUES (1)",
        "EXPLAIN ANALYZE INSERT INTO noted VALUES (1)",
        "WITH w AS (INSERT INTO noted VALUES (1)) SELECT 1",
        "ANALYZE kept",
        "VACUUM",
        "TRUNCATE above, emptied",
    ];
    for sql in TRAPS.iter().map(|(_, sql)| sql).chain(&further) {
        assert_eq!(code(&ana.query(sql)).as_deref(), Some("42501"), "{sql}");
    }
    assert_eq!(stolen(&server), "0");
    let refused = ana.query("INSERT INTO noted VALUES (1)");
    assert_eq!(
        message(&refused, b'M'),
        "permission denied: a trigger of public.noted runs public.copy_all, which belongs to \"ana\" and reads \
         public.customers"
    );
    assert!(message(&refused, b'H').contains("defaults.trusted_functions"));
    // Nothing of it runs.
    for sql in [
        "SELECT n FROM noted",
        "TRUNCATE noted",
        "DROP TABLE noted",
        "INSERT INTO orders SELECT 900, 1, 'new', now()",
    ] {
        assert_eq!(code(&ana.query(sql)), None, "{sql}");
    }
    let check = bauta.cli(&["check"]);
    let told = check.stdout;
    for place in [
        "trigger of public.changed",
        "expression of public.filled",
        "rule of public.ruled",
        "policy of public.chosen",
        "view of public.handed",
    ] {
        assert!(told.contains(place), "{place}: {told}");
    }
}

/// A trigger's function, a table where it stands, and a role that owns what it reads.
const OWNED: &str = "
    CREATE ROLE keeper; ALTER TABLE customers OWNER TO keeper;
    CREATE TABLE copies (what text);
    CREATE FUNCTION copy_all() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO copies SELECT email FROM customers; RETURN NULL; END $$;
    CREATE FUNCTION build() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN EXECUTE 'INSERT INTO copies SELECT email FROM customers'; RETURN NULL; END $$;
    CREATE TABLE noted (n int); CREATE TABLE built (n int);
    CREATE TRIGGER copying AFTER INSERT ON noted FOR EACH STATEMENT EXECUTE FUNCTION copy_all();
    CREATE TRIGGER copying AFTER INSERT ON built FOR EACH STATEMENT EXECUTE FUNCTION build();
    ALTER TABLE noted OWNER TO sam; ALTER TABLE built OWNER TO sam;
    GRANT ALL ON copies, noted, built TO ana";

fn owned_by(server: &Server, role: &str) {
    let give = format!("ALTER FUNCTION copy_all OWNER TO {role}; ALTER FUNCTION build OWNER TO {role}");
    server.sql("shop", &give);
}

/// Once the catalog is read. A session may end where its statement runs meanwhile.
fn until(bauta: &Bauta, sql: &str, wanted: Option<&str>) {
    let deadline = Instant::now() + Duration::from_secs(15);
    loop {
        let found = code(&Raw::connect(bauta.port, "ana").query(sql));
        if found.as_deref() == wanted {
            return;
        }
        assert!(Instant::now() < deadline, "{sql}: {found:?}");
        sleep(Duration::from_millis(100));
    }
}

#[test]
fn code_of_a_superuser_of_the_owner_and_of_who_has_its_privileges_goes_on() {
    let server = Server::start();
    server.sql("shop", OWNED);
    let bauta = Bauta::start(&server, AFTER);
    let both = |wanted: Option<&str>| {
        for sql in ["INSERT INTO noted VALUES (1)", "INSERT INTO built VALUES (1)"] {
            until(&bauta, sql, wanted);
        }
    };
    both(None);
    owned_by(&server, "ana");
    both(Some("42501"));
    owned_by(&server, "keeper");
    both(None);
    owned_by(&server, "sam");
    both(Some("42501"));
    server.sql("postgres", "GRANT keeper TO sam");
    both(None);
    match server.major() {
        16.. => server.sql("postgres", "GRANT keeper TO sam WITH INHERIT FALSE"),
        _ => server.sql("postgres", "ALTER ROLE sam NOINHERIT"),
    };
    both(Some("42501"));
    server.sql("postgres", "ALTER ROLE sam SUPERUSER");
    both(None);
}

#[test]
fn code_that_the_policy_trusts_by_name_goes_on() {
    let server = Server::start();
    server.sql("shop", OWNED);
    owned_by(&server, "ana");
    let trusted = "[defaults]\ntrusted_functions = [\"public.copy_all\"]\n";
    let bauta = Bauta::start(&server, &format!("{trusted}{AFTER}"));
    let mut ana = Raw::connect(bauta.port, "ana");
    assert_eq!(code(&ana.query("INSERT INTO noted VALUES (1)")), None);
    assert_eq!(code(&ana.query("INSERT INTO built VALUES (1)")).as_deref(), Some("42501"));
}

/// What a DBA's trigger calls, and what a DBA's function is called from.
#[test]
fn a_chain_of_functions_is_as_good_as_each_that_reads() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE FUNCTION first_one() RETURNS text LANGUAGE sql AS 'SELECT min(email) FROM customers';
         CREATE FUNCTION called() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN PERFORM first_one(); RETURN NULL; END $$;
         CREATE TABLE noted (n int, t text DEFAULT first_one());
         CREATE TRIGGER calling AFTER UPDATE ON noted FOR EACH ROW EXECUTE FUNCTION called();
         CREATE TABLE other (n int); CREATE TRIGGER calling AFTER INSERT ON other FOR EACH ROW EXECUTE FUNCTION called();
         GRANT ALL ON noted, other TO ana",
    );
    let bauta = Bauta::start(&server, AFTER);
    let (by_default, by_trigger) = ("INSERT INTO noted (n) VALUES (1)", "INSERT INTO other VALUES (1)");
    until(&bauta, by_default, None);
    // A DBA's trigger that calls a client's function.
    server.sql("shop", "ALTER FUNCTION first_one OWNER TO ana");
    until(&bauta, by_trigger, Some("42501"));
    // A client's trigger that calls a DBA's.
    server.sql("shop", "ALTER FUNCTION first_one OWNER TO postgres; ALTER FUNCTION called OWNER TO ana");
    until(&bauta, by_default, None);
    until(&bauta, by_trigger, Some("42501"));
    // A client's default that calls a DBA's.
    server.sql("shop", "ALTER FUNCTION called OWNER TO postgres; ALTER TABLE noted OWNER TO ana");
    until(&bauta, by_trigger, None);
    until(&bauta, by_default, Some("42501"));
}

/// A client's table of the same name is none of the DBA's business.
#[test]
fn a_table_of_a_clients_own_stops_no_dbas_code() {
    let server = Server::start();
    server.sql("shop", OWNED);
    owned_by(&server, "keeper");
    server.sql(
        "shop",
        "CREATE SCHEMA ana AUTHORIZATION ana; CREATE TABLE ana.customers (email text);
         ALTER TABLE ana.customers OWNER TO ana",
    );
    let bauta = Bauta::start(&server, "[[protect]]\ncolumn = \"*.*.email\"\nmethod = \"redact\"");
    let mut ana = Raw::connect(bauta.port, "ana");
    for sql in ["INSERT INTO noted VALUES (1)", "INSERT INTO built VALUES (1)"] {
        assert_eq!(code(&ana.query(sql)), None, "{sql}");
    }
    // One of hers that spells the other's schema is held to that.
    server.sql(
        "shop",
        "CREATE OR REPLACE FUNCTION copy_all() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN INSERT INTO copies SELECT email FROM public.customers; RETURN NULL; END $$;
         ALTER FUNCTION copy_all OWNER TO ana",
    );
    until(&bauta, "INSERT INTO noted VALUES (1)", Some("42501"));
}
