//! The catalog against a real server: what a guard holds for a schema full of
//! detours to a protected value, and how soon it learns of DDL that did not
//! pass through bauta.
//!
//! Each detour is a way by which a name could reach protected data without
//! counting; a missing name here would be a leak through the prefilter.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bauta::auth::{Stored, Verifiers};
use bauta::catalog::guard::Guard;
use bauta::catalog::snapshot::{Function, Snapshot, Volatility};
use bauta::catalog::{BindingStore, Databases, Oid, Severity, SqliteBindings};
use bauta::config::{Config, Secret};

use crate::harness::{Server, client, door, password};

/// Rules as the file gives them: a line for each protected column.
fn config(server: &Server, rules: &str) -> Config {
    let text = format!(
        "keys.file = \"k\"\nstate.url = \"sqlite:s\"\naudit.file = \"a\"\ncontrol.socket = \"c\"\n\
         listen.address = \"127.0.0.1:1\"\nupstream.address = \"127.0.0.1:1\"\n\
         upstream.service_user = \"bauta\"\n{rules}"
    );
    let parsed = Config::parse(Path::new("proxy.toml"), &text, &|_| None).unwrap_or_else(|e| panic!("{e}"));
    let mut config = door::config(server);
    config.upstream.service_password = Some(Secret::new(password("bauta")));
    config.upstream.catalog_poll = Duration::from_millis(100);
    config.protect = parsed.protect;
    config.defaults.trusted_functions = parsed.defaults.trusted_functions;
    config
}

fn store() -> Arc<dyn BindingStore> {
    Arc::new(SqliteBindings::in_memory().expect("store"))
}

fn databases(server: &Server, rules: &str) -> Databases {
    Databases::start(&config(server, rules), store()).expect("databases")
}

const EMAIL: &str =
    "[[protect]]\ncolumn = \"public.customers.email\"\nmethod = \"email\"\ntags = [\"pii\"]\n";

fn protected(guard: &Guard) -> BTreeSet<String> {
    guard.protected.values().map(|c| format!("{} {} {}", c.name, c.method.name(), c.domain)).collect()
}

fn relation(guard: &Guard, qualified: &str) -> Oid {
    let (schema, name) = qualified.split_once('.').expect("schema.name");
    guard.snapshot.relation(schema, name).unwrap_or_else(|| panic!("{qualified} is not in the snapshot")).oid
}

fn counts(guard: &Guard, qualified: &str) -> bool {
    guard.counted_relations.contains(&relation(guard, qualified))
}

fn is_locked(guard: &Guard, qualified: &str) -> bool {
    guard.locked_relations.contains_key(&relation(guard, qualified))
}

fn is_opaque(guard: &Guard, name: &str) -> bool {
    let oids = guard.snapshot.functions_by_name.get(name).unwrap_or_else(|| panic!("no function {name}"));
    oids.iter().all(|oid| guard.opaque_functions.contains(oid))
}

async fn eventually(
    databases: &Databases,
    database: &str,
    what: &str,
    is_so: impl Fn(&Guard) -> bool,
) -> Duration {
    let started = Instant::now();
    loop {
        if databases.current(database).is_some_and(|guard| is_so(&guard)) {
            return started.elapsed();
        }
        assert!(started.elapsed() < Duration::from_secs(20), "not noticed: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

const DETOURS: &str = r#"
    CREATE SCHEMA app;
    CREATE VIEW v1 AS SELECT id, email AS mail FROM customers;
    CREATE VIEW app.v2 AS SELECT upper(mail) AS loud FROM public.v1;
    CREATE MATERIALIZED VIEW m3 AS SELECT loud FROM app.v2;
    CREATE VIEW v4 AS SELECT count(*) FROM m3;
    CREATE VIEW innocent AS SELECT id, name FROM products;
    CREATE VIEW statistics AS SELECT tablename, histogram_bounds::text FROM pg_stats;
    -- Names that need quotes, and one of 63 bytes.
    CREATE VIEW "Odd ""View" AS SELECT * FROM customers;
    CREATE VIEW nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn AS SELECT email FROM customers;
    -- Functions.
    CREATE FUNCTION reads() RETURNS text LANGUAGE sql AS 'SELECT max(EMAIL) FROM public."customers"';
    CREATE FUNCTION app.reads_through() RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN Reads(); END';
    CREATE FUNCTION reads_odd() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM "Odd ""View"';
    CREATE FUNCTION dynamic(q text) RETURNS void LANGUAGE plpgsql AS 'BEGIN EXECUTE q; END';
    CREATE FUNCTION xml_of(q text) RETURNS xml LANGUAGE sql AS 'SELECT query_to_xml(q, false, false, '''')';
    CREATE FUNCTION defaulting(t text DEFAULT reads()) RETURNS text LANGUAGE sql AS 'SELECT t';
    CREATE FUNCTION harmless(a int) RETURNS int LANGUAGE sql AS 'SELECT a + 1';
    CREATE FUNCTION trusted() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM customers';
    CREATE AGGREGATE agg(text) (SFUNC = app_step, STYPE = text);
    CREATE TABLE plain (id int PRIMARY KEY);
    CREATE TABLE triggered (id int);
    CREATE FUNCTION on_insert() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN PERFORM 1 FROM customers; RETURN NEW; END';
    CREATE TRIGGER t BEFORE INSERT ON triggered FOR EACH ROW EXECUTE FUNCTION on_insert();
    CREATE TABLE policed (id int);
    ALTER TABLE policed ENABLE ROW LEVEL SECURITY;
    CREATE POLICY p ON policed USING (EXISTS (SELECT FROM customers c WHERE c.id = policed.id));
    CREATE TABLE defaulted (t text DEFAULT reads());
    CREATE DOMAIN guarded AS text CHECK (value <> reads());
    CREATE DOMAIN guarded_twice AS guarded;
    CREATE TABLE domained (t guarded_twice[]);
    CREATE TABLE ruled (id int);
    CREATE RULE r AS ON INSERT TO ruled DO ALSO SELECT email FROM customers;
    CREATE OPERATOR ### (LEFTARG = text, RIGHTARG = text, FUNCTION = app_step);
    -- A change of one row here writes into customers.
    CREATE TABLE regions (id int PRIMARY KEY);
    ALTER TABLE customers ADD region int REFERENCES regions ON DELETE SET NULL;
"#;

#[tokio::test]
async fn every_detour_to_a_protected_column_counts() {
    let server = Server::shared();
    let shop = server.copy_of_shop();
    let step =
        "CREATE FUNCTION app_step(text, text) RETURNS text LANGUAGE sql AS 'SELECT reads() || $1 || $2';";
    let detours = DETOURS.replace("CREATE AGGREGATE", &format!("{step}\nCREATE AGGREGATE"));
    server.sql(&shop, &detours);
    if server.major() >= 14 {
        let atomic = "CREATE FUNCTION atomic() RETURNS text BEGIN ATOMIC; SELECT max(mail) FROM v1; END";
        server.sql(&shop, atomic);
    }
    let rules = format!("{EMAIL}\n[defaults]\ntrusted_functions = [\"public.trusted\"]\n");
    let guard = databases(server, &rules).guard(&shop).await.expect("guard");

    for name in [
        "public.customers",
        "public.v1",
        "app.v2",
        "public.m3",
        "public.v4",
        "public.statistics",
        "public.Odd \"View",
        "public.triggered",
        "public.policed",
        "public.defaulted",
        "public.domained",
        "public.ruled",
        "public.regions",
        "pg_catalog.pg_stats",
        "pg_catalog.pg_statistic_ext_data",
    ] {
        assert!(counts(&guard, name), "{name} does not count");
    }
    for name in ["public.innocent", "public.products", "public.plain", "public.orders", "pg_catalog.pg_class"]
    {
        assert!(!counts(&guard, name), "{name} counts");
    }
    for name in [
        "reads",
        "reads_through",
        "reads_odd",
        "dynamic",
        "xml_of",
        "app_step",
        "agg",
        "on_insert",
        "query_to_xml",
    ] {
        assert!(is_opaque(&guard, name), "{name} is not opaque");
    }
    if server.major() >= 14 {
        assert!(is_opaque(&guard, "atomic"));
    }
    for name in ["harmless", "trusted", "lower", "pg_get_viewdef", "count"] {
        assert!(!is_opaque(&guard, name), "{name} is opaque");
    }
    for text in [
        "SELECT 1 ### 2",
        "select 'x'::GUARDED_TWICE",
        "select agg(x)",
        "table \"Odd \"\"View\"",
        "table nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnXYZ",
        "select lo_get(1)",
    ] {
        assert!(guard.prefilter.hits_any(text.as_bytes()), "{text} passes unread");
    }
    assert!(!guard.prefilter.hits_any(b"select name from products where id = 1 and price > 2"));
}

#[tokio::test]
async fn protected_values_are_followed_to_where_else_they_are_stored() {
    let server = Server::shared();
    let shop = server.copy_of_shop();
    server.sql(&shop, "
        CREATE TABLE people (ssn text PRIMARY KEY, boss text REFERENCES people,
            shout text GENERATED ALWAYS AS (upper(ssn)) STORED, note text);
        CREATE TABLE badges (ssn varchar REFERENCES people UNIQUE, area int);
        CREATE TABLE doors (badge varchar REFERENCES badges (ssn), public_badge varchar REFERENCES badges (ssn));
        CREATE TABLE logs (ssn text, at date) PARTITION BY RANGE (at);
        CREATE TABLE logs_24 PARTITION OF logs FOR VALUES FROM ('2024-01-01') TO ('2025-01-01') PARTITION BY LIST (ssn);
        CREATE TABLE logs_24_a PARTITION OF logs_24 DEFAULT;
        CREATE TABLE base (token text); CREATE TABLE child (extra int) INHERITS (base);
        CREATE TABLE sibling () INHERITS (base);");
    let rules = r#"
        [[protect]]
        column = "public.people.ssn"
        method = "token"
        domain = "ssn"
        tags = ["pii"]
        [[protect]]
        column = "public.doors.public_badge"
        method = "show"
        [[protect]]
        column = "public.logs.ssn"
        method = "hash"
        [[protect]]
        column = "public.child.token"
        method = "null"
    "#;
    let guard = databases(server, rules).guard(&shop).await.expect("guard");
    let expected = [
        "public.people.ssn token ssn",
        "public.people.boss token ssn",
        "public.people.shout redact public.people.shout",
        "public.badges.ssn token ssn",
        "public.doors.badge token ssn",
        "public.logs.ssn hash public.logs.ssn",
        "public.logs_24.ssn hash public.logs.ssn",
        "public.logs_24_a.ssn hash public.logs.ssn",
        "public.child.token null public.child.token",
        "public.base.token null public.child.token",
        "public.sibling.token null public.child.token",
    ];
    assert_eq!(protected(&guard), expected.map(str::to_owned).into());
    let shout = guard.protected.values().find(|c| &*c.column == "shout").unwrap();
    assert_eq!(shout.tags, vec![Arc::from("pii")], "a grant on the tag shows it too");
}

#[tokio::test]
async fn a_rule_that_cannot_do_what_it_says_locks_its_tables() {
    let server = Server::shared();
    let shop = server.copy_of_shop();
    server.sql(
        &shop,
        "CREATE TABLE parts (a text) PARTITION BY LIST (a); CREATE TABLE part_x PARTITION OF parts DEFAULT;",
    );
    let rules = r#"
        [[protect]]
        column = "public.customers.emial"
        method = "email"
        [[protect]]
        column = "public.parts.gone"
        method = "null"
        [[protect]]
        column = "public.customer_contacts.contact"
        method = "null"
        [[protect]]
        column = "public.orders.placed_at"
        method = "email"
    "#;
    let databases = databases(server, rules);
    let guard = databases.guard(&shop).await.expect("guard");
    for name in ["public.customers", "public.parts", "public.part_x", "public.customer_contacts"] {
        assert!(is_locked(&guard, name), "{name}");
        assert!(counts(&guard, name), "{name}");
    }
    assert!(!is_locked(&guard, "public.products"));
    // A method that doesn't fit still hides.
    assert_eq!(
        protected(&guard),
        ["public.orders.placed_at redact public.orders.placed_at".to_owned()].into()
    );
    let findings: Vec<String> = databases
        .findings()
        .iter()
        .filter(|f| f.severity == Severity::Error)
        .map(ToString::to_string)
        .collect();
    assert_eq!(findings.len(), 4, "{findings:#?}");
    assert!(findings.iter().any(|f| f.contains("did you mean \"public.customers.email\"?")), "{findings:#?}");
    assert!(findings.iter().all(|f| f.starts_with("proxy.toml:")), "{findings:#?}");
}

#[tokio::test]
async fn ddl_behind_bautas_back_is_noticed_and_a_renamed_column_stays_protected() {
    let server = Server::shared();
    let shop = server.copy_of_shop();
    let databases = databases(server, EMAIL);
    let guard = databases.guard(&shop).await.expect("guard");
    assert_eq!(protected(&guard), ["public.customers.email email public.customers.email".to_owned()].into());

    server.sql(&shop, "CREATE VIEW fresh AS SELECT email FROM customers");
    eventually(&databases, &shop, "a view", |g| {
        g.snapshot.relation("public", "fresh").is_some_and(|v| g.counted_relations.contains(&v.oid))
    })
    .await;
    server.sql(&shop, "DROP VIEW fresh");
    eventually(&databases, &shop, "a dropped view", |g| g.snapshot.relation("public", "fresh").is_none())
        .await;
    server.sql(&shop, "ALTER TABLE customers RENAME email TO mail");
    eventually(&databases, &shop, "a rename", |g| {
        protected(g) == ["public.customers.mail email public.customers.email".to_owned()].into()
    })
    .await;
    assert!(databases.findings().iter().any(|f| f.message.contains("is called public.customers.mail now")));
    server.sql(&shop, "ALTER TABLE customers RENAME TO clients");
    eventually(&databases, &shop, "a renamed table", |g| {
        protected(g) == ["public.clients.mail email public.customers.email".to_owned()].into()
    })
    .await;
    server.sql(&shop, "ALTER TABLE clients ADD secret_note text");
    eventually(&databases, &shop, "a new column", |g| {
        protected(g).contains("public.clients.secret_note redact public.clients.secret_note")
    })
    .await;
    server.sql(&shop, "CREATE ROLE ddl_reader; GRANT ddl_reader TO sam");
    eventually(&databases, &shop, "a membership", |g| {
        g.snapshot.memberships["sam"].iter().any(|r| &**r == "ddl_reader")
    })
    .await;
    server.sql(&shop, "ALTER TABLE clients RENAME TO customers; ALTER TABLE customers RENAME mail TO email");
    server.sql(&shop, "ALTER TABLE customers DROP email CASCADE");
    eventually(&databases, &shop, "a dropped column", |g| {
        let customers = g.snapshot.relation("public", "customers");
        customers.is_some_and(|table| g.locked_relations.contains_key(&table.oid))
    })
    .await;
    server.sql(&shop, "REVOKE ddl_reader FROM sam; DROP ROLE ddl_reader");
}

#[tokio::test]
async fn what_is_known_of_columns_survives_a_restart() {
    let server = Server::shared();
    let shop = server.copy_of_shop();
    let store = store();
    let config = config(server, EMAIL);
    let first = Databases::start(&config, Arc::clone(&store)).expect("databases");
    first.guard(&shop).await.expect("guard");
    drop(first);
    // While bauta is down.
    server.sql(&shop, "ALTER TABLE customers RENAME email TO e; ALTER TABLE customers ADD email2 text");
    let guard = Databases::start(&config, store).expect("databases").guard(&shop).await.expect("guard");
    let expected = [
        "public.customers.e email public.customers.email",
        "public.customers.email2 redact public.customers.email2",
    ];
    assert_eq!(protected(&guard), expected.map(str::to_owned).into());
}

#[tokio::test]
async fn a_session_that_holds_a_lock_does_not_wait_for_itself() {
    let server = Server::shared();
    let shop = server.copy_of_shop();
    let databases = databases(server, EMAIL);
    let before = databases.guard(&shop).await.expect("guard");
    let session = client(server.port(), "postgres", &shop).await;
    session
        .batch_execute("BEGIN; LOCK TABLE customers IN ACCESS EXCLUSIVE MODE; ALTER TABLE products ADD x int")
        .await
        .expect("lock");
    let started = Instant::now();
    let during = databases.refresh(&shop).await.expect("a guard while the lock is held");
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    assert_ne!(before.version, during.version);
    let view = |g: &Guard| g.snapshot.relation("public", "customer_contacts").unwrap().definition.clone();
    assert_eq!(view(&before), view(&during), "what has not changed is known from before");
    session.batch_execute("COMMIT").await.expect("commit");
    eventually(&databases, &shop, "the DDL after its commit", |g| {
        g.snapshot.relation("public", "products").unwrap().column("x").is_some()
    })
    .await;
}

#[tokio::test]
async fn a_stale_guard_is_never_current() {
    let server = Server::shared();
    let shop = server.copy_of_shop();
    let databases = databases(server, EMAIL);
    databases.guard(&shop).await.expect("guard");
    for round in 0..20 {
        server.sql(&shop, &format!("CREATE VIEW v{round} AS SELECT email FROM customers"));
        databases.mark_stale(&shop);
        let guard = match databases.current(&shop) {
            Some(guard) => guard,
            None => databases.guard(&shop).await.expect("guard"),
        };
        assert!(counts(&guard, &format!("public.v{round}")));
    }
}

#[tokio::test]
async fn what_comes_with_the_server_is_read_again_when_it_has_changed() {
    let server = Server::shared();
    let shop = server.copy_of_shop();
    let databases = databases(server, EMAIL);
    let loaded = async |ddl: &str| {
        server.sql(&shop, ddl);
        databases.mark_stale(&shop);
        databases.guard(&shop).await.expect("guard").snapshot.clone()
    };
    let first = loaded("CREATE TABLE one_more (id int)").await;
    let second = loaded("CREATE FUNCTION lower(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'").await;
    let builtins = |snapshot: &Snapshot| snapshot.builtins.clone().expect("the server's own");
    assert!(Arc::ptr_eq(&builtins(&first), &builtins(&second)));
    assert_eq!(second.functions_named("lower").count(), first.functions_named("lower").count() + 1);
    let third =
        loaded("ALTER FUNCTION pg_catalog.lower(text) VOLATILE; DROP FUNCTION public.lower(int)").await;
    assert!(!Arc::ptr_eq(&builtins(&second), &builtins(&third)));
    let is_volatile = |function: &Function| function.volatility == Volatility::Volatile;
    assert!(
        third.functions_named("lower").any(is_volatile) && !second.functions_named("lower").any(is_volatile)
    );
}

/// Soon after a change is seen, the old guard is nobody's any
/// more, however long reading the new catalog takes.
#[tokio::test]
async fn a_guard_that_is_known_to_be_old_is_not_current() {
    let server = Server::shared();
    let shop = server.copy_of_shop();
    let databases = databases(server, EMAIL);
    databases.guard(&shop).await.expect("guard");
    // A load reads pg_depend, and the search for changes does not.
    let locker = client(server.port(), "postgres", &shop).await;
    locker
        .batch_execute("BEGIN; LOCK TABLE pg_catalog.pg_depend IN ACCESS EXCLUSIVE MODE")
        .await
        .expect("lock");
    server.sql(&shop, "ALTER TABLE products RENAME COLUMN name TO title");
    let deadline = Instant::now() + Duration::from_secs(20);
    while databases.current(&shop).is_some() {
        assert!(Instant::now() < deadline, "the old guard goes on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    locker.batch_execute("ROLLBACK").await.expect("unlock");
    let guard = databases.guard(&shop).await.expect("guard");
    assert!(guard.snapshot.relation("public", "products").unwrap().column("title").is_some());
}

/// A temporary table of one session: that one waits until it is known, the
/// others go on meanwhile.
#[tokio::test]
async fn nobody_waits_for_a_temporary_table_of_somebody_else() {
    let server = Server::shared();
    let shop = server.copy_of_shop();
    let databases = databases(server, EMAIL);
    let before = databases.guard(&shop).await.expect("guard");
    let maker = client(server.port(), "postgres", &shop).await;
    for round in 0..20 {
        maker.batch_execute(&format!("CREATE TEMP TABLE mine{round} (a int)")).await.expect("table");
        let database = databases.database(&shop);
        let since = database.mark_stale_for_one();
        let others = databases.current(&shop);
        assert!(others.is_some_and(|guard| guard.version >= before.version));
        let own = databases.guard_since(&shop, since).await.expect("guard");
        let known = own.snapshot.relations_by_name.get(&*format!("mine{round}"));
        assert!(known.is_some(), "round {round}");
    }
}

/// Whom DDL concerns: a temporary table only who made it.
#[tokio::test]
async fn ddl_of_temporary_tables_is_told_from_other_ddl() {
    use bauta::sql::CatalogChange::{Code, Indexes, None, Relations, Temporary};
    let server = Server::shared();
    let shop = server.copy_of_shop();
    let maker = client(server.port(), "postgres", &shop).await;
    maker
        .batch_execute("CREATE TEMP TABLE mine (a int); CREATE TEMP TABLE products (a int)")
        .await
        .expect("tables");
    let guard = databases(server, EMAIL).guard(&shop).await.expect("guard");
    for (sql, change) in [
        ("SELECT 1", None),
        ("CREATE TEMP TABLE t (a int)", Temporary),
        ("CREATE TABLE t (a int)", Relations),
        ("CREATE TABLE pg_temp.t (a int)", Relations),
        ("CREATE TEMP TABLE t () INHERITS (products)", Relations),
        ("CREATE TEMPORARY TABLE t AS SELECT 1 AS a", Temporary),
        ("CREATE TABLE t AS SELECT 1 AS a", Relations),
        ("SELECT 1 AS a INTO TEMP t", Temporary),
        ("SELECT 1 AS a INTO TEMP t UNION SELECT 2", Temporary),
        ("SELECT 1 AS a INTO t", Relations),
        ("CREATE TEMP VIEW t AS SELECT 1", Relations),
        ("CREATE TYPE t AS ENUM ('a')", Code),
        ("CREATE INDEX ON mine (a)", Temporary),
        ("CREATE INDEX ON products (a)", Indexes),
        ("CREATE INDEX ON unheard_of (a)", Indexes),
        ("DROP TABLE mine", Temporary),
        ("DROP TABLE IF EXISTS mine, unheard_of", Temporary),
        ("DROP TABLE mine, products", Relations),
        ("DROP TABLE pg_temp.products", Relations),
        ("DROP TABLE mine CASCADE", Relations),
        ("DROP VIEW mine", Relations),
        ("ALTER TABLE mine ADD b int", Relations),
    ] {
        let analysis = bauta::sql::analyser::analyse(&guard, sql.as_bytes(), 100);
        let changes: Vec<_> = analysis.statements.iter().map(|s| s.catalog_change).collect();
        assert_eq!(changes, [change], "{sql}");
    }
}

#[tokio::test]
async fn the_event_trigger_tells_at_once() {
    let server = Server::start();
    let mut config = config(&server, EMAIL);
    config.upstream.catalog_poll = Duration::from_secs(3600);
    let script = bauta::cli::setup_sql::script("bauta", None, true);
    server.sql("shop", &script);
    let databases = Databases::start(&config, store()).expect("databases");
    databases.guard("shop").await.expect("guard");
    // The first look may still be under way.
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.sql("shop", "CREATE VIEW fresh AS SELECT email FROM customers");
    let took =
        eventually(&databases, "shop", "a view", |g| g.snapshot.relation("public", "fresh").is_some()).await;
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[tokio::test]
async fn the_last_guard_outlives_a_restart_of_the_server() {
    let mut server = Server::start();
    let databases = databases(&server, EMAIL);
    let _visit = databases.visit("shop");
    databases.guard("shop").await.expect("guard");
    server.restart();
    assert!(databases.current("shop").is_some(), "the last guard stays");
    server.sql("shop", "CREATE VIEW fresh AS SELECT email FROM customers");
    eventually(&databases, "shop", "a view after a restart", |g| {
        g.snapshot.relation("public", "fresh").is_some()
    })
    .await;
}

#[tokio::test]
async fn a_database_without_sessions_can_be_dropped() {
    let server = Server::shared();
    let shop = server.copy_of_shop();
    let databases = databases(server, EMAIL);
    let visit = databases.visit(&shop);
    databases.guard(&shop).await.expect("guard");
    drop(visit);
    // PostgreSQL waits 5 s for others to leave.
    server.sql("postgres", &format!("DROP DATABASE {shop}"));
}

#[tokio::test]
async fn verifiers_are_read_through_the_service_role_alone() {
    let server = Server::shared();
    server.sql(
        "postgres",
        "CREATE ROLE bare LOGIN; CREATE ROLE late LOGIN PASSWORD 'x' VALID UNTIL '2001-01-01'",
    );
    let databases = databases(server, "");
    assert!(matches!(databases.verifier("ana").await, Ok(Stored::Scram(_))));
    assert_eq!(databases.verifier("bare").await.ok(), Some(Stored::Nothing));
    assert_eq!(databases.verifier("late").await.ok(), Some(Stored::Unknown), "expired");
    assert_eq!(databases.verifier("nobody' OR true").await.ok(), Some(Stored::Unknown));
    let ana = client(server.port(), "ana", "postgres").await;
    let refused = ana.query("SELECT * FROM bauta_service.verifier('postgres')", &[]).await;
    assert_eq!(refused.unwrap_err().code().map(|c| c.code()), Some("42501"));
    server.sql("postgres", "DROP ROLE bare; DROP ROLE late");
}

#[tokio::test]
async fn a_reload_binds_the_new_rules_before_anything_else_is_analysed() {
    let server = Server::shared();
    let shop = server.copy_of_shop();
    let databases = databases(server, EMAIL);
    databases.guard(&shop).await.expect("guard");
    let rules = EMAIL.replace("email\"\nmethod", "ssn\"\nmethod").replace("\"email\"", "\"null\"");
    databases.adopt(databases.prepare(&config(server, &rules)).expect("rebinding"));
    assert!(databases.current(&shop).is_none(), "the old policy is gone at once");
    let guard = databases.guard(&shop).await.expect("guard");
    assert_eq!(protected(&guard), ["public.customers.ssn null public.customers.ssn".to_owned()].into());
}

#[tokio::test]
async fn a_clients_own_function_never_runs_as_the_service_role() {
    let server = Server::shared();
    let shop = server.copy_of_shop();
    // A better match than pg_catalog's VARIADIC "any", if public were searched.
    server.sql(
        &shop,
        "CREATE TABLE stolen (who text);
         CREATE FUNCTION public.concat_ws(text, record, record) RETURNS text LANGUAGE plpgsql SECURITY INVOKER
             AS 'BEGIN INSERT INTO stolen VALUES (current_user); RETURN 1; END';
         CREATE FUNCTION public.hashtext(name) RETURNS int LANGUAGE plpgsql
             AS 'BEGIN INSERT INTO stolen VALUES (current_user); RETURN 1; END';
         GRANT ALL ON stolen TO PUBLIC; GRANT ALL ON SCHEMA public TO PUBLIC",
    );
    let databases = databases(server, EMAIL);
    databases.guard(&shop).await.expect("guard");
    server.sql(&shop, "CREATE VIEW fresh AS SELECT 1");
    eventually(&databases, &shop, "a view", |g| g.snapshot.relation("public", "fresh").is_some()).await;
    assert_eq!(server.sql(&shop, "SELECT count(*) FROM stolen").trim(), "0");
}

/// A default that `ADD COLUMN` left in the catalog is a value of the column.
/// Where it is protected, so is `attmissingval`; what tools read of
/// `pg_attribute` passes as it is, and nothing changes where there is none.
#[tokio::test]
async fn a_default_in_the_catalog_is_protected_and_its_other_columns_are_left_alone() {
    let server = Server::shared();
    let shop = server.copy_of_shop();
    server.sql(&shop, "ALTER TABLE products ADD COLUMN shelf text DEFAULT 'left'");
    let databases = databases(server, EMAIL);
    let guard = databases.guard(&shop).await.expect("guard");
    let reads = "SELECT * FROM pg_attribute";
    assert!(!guard.prefilter.hits_any(reads.as_bytes()), "no protected column has a default there");

    server.sql(
        &shop,
        "ALTER TABLE customers DROP COLUMN email CASCADE; \
         ALTER TABLE customers ADD COLUMN email text DEFAULT 'a@b'; \
         CREATE VIEW defaults AS SELECT attmissingval::text AS v FROM pg_attribute; \
         CREATE FUNCTION all_of_it() RETURNS SETOF pg_attribute LANGUAGE sql AS 'SELECT * FROM pg_attribute'; \
         CREATE FUNCTION names_only() RETURNS SETOF name LANGUAGE sql AS 'SELECT attname FROM pg_attribute'",
    );
    // What was made last: a guard may be of the moment in between.
    let is_whole = |guard: &Guard| guard.snapshot.functions_by_name.contains_key("names_only");
    eventually(&databases, &shop, "the default", is_whole).await;
    let guard = databases.guard(&shop).await.expect("guard");
    assert!(guard.prefilter.hits_any(reads.as_bytes()));
    assert!(counts(&guard, "public.defaults"));
    assert!(is_opaque(&guard, "all_of_it") && !is_opaque(&guard, "names_only"));

    let outputs = |sql: &str| {
        let analysis = bauta::sql::analyser::analyse(&guard, sql.as_bytes(), 100);
        let [statement] = analysis.statements.as_slice() else { panic!("{sql}") };
        assert!(statement.refusal.is_none(), "{sql}: {:?}", statement.refusal);
        let flows = statement.outputs.iter().flatten().map(|output| output.flow.clone());
        flows.filter(|flow| *flow != bauta::sql::Flow::Clean).count()
    };
    assert_eq!(outputs("SELECT attname, attnum FROM pg_catalog.pg_attribute WHERE attnum > 0 ORDER BY 2"), 0);
    assert_eq!(outputs("SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"), 0);
    assert_eq!(outputs("SELECT attmissingval FROM pg_attribute"), 1);
    assert_eq!(outputs("SELECT * FROM pg_attribute ORDER BY attnum"), 1);
    assert_eq!(outputs("TABLE pg_catalog.pg_attribute"), 1);
}

#[tokio::test]
async fn statistics_and_sequences_that_columns_get_behind_bautas_back_are_noticed() {
    let server = Server::shared();
    let shop = server.copy_of_shop();
    server.sql(&shop, "CREATE SEQUENCE some_numbers");
    let databases = databases(server, EMAIL);
    databases.guard(&shop).await.expect("guard");
    server.sql(&shop, "ALTER SEQUENCE some_numbers OWNED BY customers.email");
    eventually(&databases, &shop, "a sequence", |g| {
        g.sequences.contains_key(&relation(g, "public.some_numbers"))
    })
    .await;
    if server.major() >= 14 {
        server.sql(&shop, "CREATE STATISTICS told ON (length(email)) FROM customers");
        eventually(&databases, &shop, "statistics", |g| {
            let table = g.snapshot.relation("public", "customers").expect("customers");
            table.constraints.iter().any(|constraint| &*constraint.name == "told")
        })
        .await;
    }
}

/// A database's owner may set what strings mean in it.
#[tokio::test]
async fn the_catalog_is_read_by_no_setting_of_its_database() {
    let server = Server::shared();
    let shop = server.copy_of_shop();
    server.sql(
        &shop,
        "CREATE FUNCTION shown(x text DEFAULT query_to_xml('SELECT 1', false, false, '')::text) RETURNS text
             LANGUAGE sql AS 'SELECT x'",
    );
    server.sql(&shop, &format!("ALTER DATABASE {shop} SET standard_conforming_strings = off"));
    server.sql(&shop, &format!("ALTER DATABASE {shop} SET quote_all_identifiers = on"));
    let databases = databases(server, EMAIL);
    let guard = databases.guard(&shop).await.expect("guard");
    assert!(is_opaque(&guard, "shown"));
}
