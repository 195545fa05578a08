//! What a DBA stored in the catalog and PostgreSQL runs though no text names it,
//! where the attacks of `interference.rs` would be in each other's way. Goal: no
//! spelling gets at it, and whoever leaves it alone is not held up. Method: each
//! statement runs directly, and through bauta is refused, or answers as there.

use crate::harness::{Bauta, Frame, Raw, Server, message};

const POLICY: &str = r#"
    [[protect]]
    column = "public.customers.email"
    method = "redact"
"#;

/// Code over a protected column.
const MAIL: &str = "
    CREATE FUNCTION mail_of(i int) RETURNS text LANGUAGE sql AS 'SELECT email FROM public.customers WHERE id = i';
    CREATE FUNCTION is_mail(t text) RETURNS bool LANGUAGE sql AS 'SELECT t = ANY (SELECT email FROM public.customers)';";

fn code(frames: &[Frame]) -> Option<String> {
    frames.iter().find(|frame| frame.tag == b'E').and_then(|frame| frame.field(b'C'))
}

/// What the statement is answered through bauta, where it runs directly.
fn codes(server: &Server, statements: &[&str]) -> Vec<(String, Option<String>)> {
    let bauta = Bauta::start(server, POLICY);
    let run = |port, sql: &str| code(&Raw::connect(port, "ana").query(&format!("BEGIN; {sql}")));
    let answer = |sql: &&str| {
        assert_eq!(run(server.port(), sql), None, "{sql}");
        ((*sql).to_owned(), run(bauta.port, sql))
    };
    statements.iter().map(answer).collect()
}

fn are_refused(server: &Server, statements: &[&str]) {
    for (sql, code) in codes(server, statements) {
        assert_eq!(code.as_deref(), Some("42501"), "{sql}");
    }
}

fn pass(server: &Server, statements: &[&str]) {
    for (sql, code) in codes(server, statements) {
        assert_eq!(code, None, "{sql}");
    }
}

#[test]
fn a_cast_between_types_of_the_server_is_known_by_their_words() {
    let server = Server::start();
    server.sql(
        "shop",
        &format!(
            "{MAIL}
             CREATE FUNCTION told(i int) RETURNS json LANGUAGE sql AS 'SELECT to_json(mail_of(i))';
             CREATE CAST (int4 AS json) WITH FUNCTION told(int4) AS ASSIGNMENT;
             CREATE FUNCTION counted(b box) RETURNS int4 LANGUAGE sql AS 'SELECT length(mail_of(1))';
             CREATE CAST (box AS int4) WITH FUNCTION counted(box);
             CREATE TABLE notes (id int, doc json); GRANT ALL ON notes TO ana;
             CREATE TABLE plain (id bigint, t text); GRANT ALL ON plain TO ana"
        ),
    );
    are_refused(
        &server,
        &[
            "SELECT 1::int4::json",
            "SELECT CAST(1 AS pg_catalog.json)",
            "SELECT box '(1,1),(0,0)'::integer",
            "SELECT CAST(box '(1,1),(0,0)' AS int)",
            "INSERT INTO notes (doc) VALUES (1 + 0) RETURNING doc",
            "UPDATE notes SET doc = id",
            "INSERT INTO notes VALUES (1, 1)",
            "INSERT INTO notes (doc) VALUES ('{}'), (2)",
        ],
    );
    let honest = [
        "SELECT 1::bigint, 'x'::text",
        "INSERT INTO plain VALUES (1, 'x')",
        "INSERT INTO notes VALUES (1, '{}')",
        "UPDATE notes SET id = 2",
        "SELECT doc, doc->>'a' FROM notes",
        "SELECT * FROM customers",
    ];
    pass(&server, &honest);
}

#[test]
fn an_operator_is_known_by_the_words_that_mean_it() {
    let server = Server::start();
    let operators = ["=", "<>", "<", ">", "<=", ">=", "~~", "~~*", "!~~", "~"];
    let made: String = operators
        .iter()
        .map(|name| format!("CREATE OPERATOR {name} (LEFTARG = box, RIGHTARG = text, FUNCTION = says);"))
        .collect();
    server.sql(
        "shop",
        &format!(
            "{MAIL}
             CREATE FUNCTION says(b box, t text) RETURNS bool LANGUAGE sql AS 'SELECT public.is_mail(t)';
             CREATE FUNCTION meets(a cidr, b cidr) RETURNS bool LANGUAGE sql AS 'SELECT public.is_mail(a::text)';
             CREATE OPERATOR = (LEFTARG = cidr, RIGHTARG = cidr, FUNCTION = meets);
             {made}"
        ),
    );
    let boxed = "box '(1,1),(0,0)'";
    let compared = [
        "%b LIKE 'x'::text",
        "%b NOT LIKE 'x'::text",
        "%b ILIKE 'x'::text",
        "%b SIMILAR TO 'x'",
        "%b BETWEEN 'x'::text AND 'y'::text",
        "%b NOT BETWEEN 'x'::text AND 'y'::text",
        "%b != 'x'::text",
        "%b IN ('x'::text, 'y'::text)",
        "%b NOT IN (SELECT 'x'::text)",
        "NULLIF(%b, 'x'::text)",
        "%b IS DISTINCT FROM 'x'::text",
        "CASE %b WHEN 'x'::text THEN 1 END",
        "1 FROM (SELECT cidr '10.0.0.0/8' AS x) a JOIN (SELECT cidr '10.0.0.0/8' AS x) b USING (x)",
        "1 FROM (SELECT cidr '10.0.0.0/8' AS x) a NATURAL JOIN (SELECT cidr '10.0.0.0/8' AS x) b",
    ];
    let statements: Vec<String> =
        compared.iter().map(|one| format!("SELECT {}", one.replace("%b", boxed))).collect();
    are_refused(&server, &statements.iter().map(String::as_str).collect::<Vec<_>>());
    pass(&server, &["SELECT 1 + 1", "SELECT * FROM customers ORDER BY id", "SELECT current_database()"]);
}

#[test]
fn every_stored_expression_is_followed_through_operators_and_casts() {
    let server = Server::start();
    let stored: String = [("operator", "(NEW.t <%> 'x')"), ("cast", "(NEW.t::mail IS NOT NULL)")]
        .map(|(way, of_new)| {
            let of_row = of_new.replace("NEW.", "");
            format!(
                "CREATE TABLE policy_{way} (t text); CREATE POLICY p ON policy_{way} USING {of_row};
                 CREATE TABLE check_{way} (t text CHECK {of_row});
                 CREATE TABLE index_{way} (t text); CREATE INDEX ON index_{way} ({of_row});
                 CREATE TABLE default_{way} (t bool DEFAULT {});
                 CREATE TABLE trigger_{way} (t text);
                 CREATE TRIGGER g BEFORE INSERT ON trigger_{way} FOR EACH ROW WHEN {of_new}
                     EXECUTE FUNCTION suppress_redundant_updates_trigger();
                 CREATE TABLE rule_{way} (t text);
                 CREATE RULE r AS ON INSERT TO rule_{way} WHERE {of_new} DO INSTEAD NOTHING;",
                of_new.replace("NEW.t", "'x'::text")
            )
        })
        .concat();
    server.sql(
        "shop",
        &format!(
            "{MAIL}
             CREATE FUNCTION says(a text, b text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT public.is_mail(a)';
             CREATE OPERATOR <%> (LEFTARG = text, RIGHTARG = text, FUNCTION = says);
             CREATE DOMAIN mail AS text CHECK (is_mail(VALUE));
             {stored}
             CREATE TABLE plain (t text DEFAULT lower('X') CHECK (t <> ''));
             GRANT ALL ON ALL TABLES IN SCHEMA public TO ana"
        ),
    );
    let mut copies: Vec<String> = Vec::new();
    for way in ["operator", "cast"] {
        for kind in ["policy", "check", "index", "default", "trigger", "rule"] {
            copies.push(match kind {
                // What is read of it runs no trigger; what is written through a view does.
                "trigger" => format!("CREATE TEMP VIEW copied AS SELECT t FROM {kind}_{way}"),
                _ => format!("CREATE TEMP TABLE copied (LIKE {kind}_{way})"),
            });
        }
    }
    are_refused(&server, &copies.iter().map(String::as_str).collect::<Vec<_>>());
    pass(&server, &["CREATE TEMP TABLE copied (LIKE plain INCLUDING ALL)"]);
}

/// The functions that come with a range type make its values, and read nothing.
#[test]
fn a_range_type_of_a_users_runs_nothing_of_its_own() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE TYPE spans AS RANGE (subtype = float8);
         CREATE TABLE spanned (id int, s spans); GRANT ALL ON spanned TO ana",
    );
    pass(
        &server,
        &[
            "SELECT id FROM spanned WHERE s @> 1.5::float8",
            "SELECT s, count(*) FROM spanned GROUP BY s",
            "INSERT INTO spanned VALUES (1, spans(1, 2, '[]'))",
            "SELECT c.id, c.email FROM customers c JOIN spanned x ON c.id = x.id WHERE x.s && spans(0, 9)",
        ],
    );
}

/// Tables whose types run code over protected data, and one whose types are
/// as many have them.
const TYPED: &str = "
    CREATE DOMAIN known AS text CHECK (is_mail(VALUE));
    CREATE TABLE typed (id int PRIMARY KEY, one known, many known[]);
    INSERT INTO typed VALUES (1, 'ana@example.com', NULL);
    ALTER TABLE typed ALTER one DROP NOT NULL;
    CREATE TABLE typed_too (id int, one known);
    CREATE DOMAIN postcode AS text DEFAULT '00000' CHECK (VALUE ~ '^[0-9]+$');
    CREATE TABLE homes (id int, code postcode, codes postcode[]);
    GRANT ALL ON typed, typed_too, homes TO ana;";

#[test]
fn what_only_shows_a_type_that_runs_code_runs() {
    let server = Server::start();
    // The CHECK must not be in the way of what is there.
    let typed = TYPED.replace("'ana@example.com'", "(SELECT email FROM customers LIMIT 1)");
    server.sql("shop", &format!("{MAIL}{typed}"));
    pass(
        &server,
        &[
            "SELECT * FROM typed",
            "SELECT id, one, many FROM typed WHERE one = 'x' OR one LIKE 'y%' OR many IS NULL ORDER BY one",
            "SELECT lower(one), one || '!', one::text, count(*), max(one) FROM typed GROUP BY one",
            "SELECT DISTINCT coalesce(one, 'x') FROM typed UNION SELECT 'y'",
            "SELECT t.one FROM typed t JOIN typed_too u USING (one)",
            "SELECT count(one), count(many) FROM typed",
            "SELECT row_to_json(t), array_agg(one) OVER () FROM typed t",
            "UPDATE typed SET id = id + 1 WHERE one <> 'x'",
            "INSERT INTO typed_too SELECT id, one FROM typed",
            "DELETE FROM typed WHERE one IS NULL",
            "CREATE TEMP TABLE mine AS SELECT id, one::text FROM typed",
            "INSERT INTO homes (id) VALUES (1) RETURNING code",
            "INSERT INTO homes VALUES (1, '123', '{1,2}')",
            "SELECT array_append(codes, '3'), codes = '{1}' FROM homes",
            "CREATE TEMP TABLE mine AS SELECT * FROM homes",
        ],
    );
}

/// An argument of EXECUTE is cast as an assignment does, to a type that no text names.
#[test]
fn an_argument_of_execute_is_cast_by_no_code_over_protected_data() {
    let server = Server::start();
    server.sql(
        "shop",
        &format!(
            "{MAIL}
             CREATE FUNCTION long(c circle) RETURNS int LANGUAGE sql AS 'SELECT length(mail_of(radius($1)::int))';
             CREATE CAST (circle AS int) WITH FUNCTION long(circle) AS ASSIGNMENT"
        ),
    );
    let bauta = Bauta::start(&server, POLICY);
    let answers = |port: u16| {
        let mut ana = Raw::connect(port, "ana");
        assert_eq!(code(&ana.query("PREPARE next AS SELECT $1 + 1")), None);
        let mut run = |argument: &str| {
            let execute = format!("EXECUTE next({argument})");
            let bytes = [
                message::parse("", &execute, &[]),
                message::bind("", "", &[], &[]),
                message::execute("", 0),
                message::sync(),
            ];
            let explained = format!("EXPLAIN (VERBOSE, COSTS OFF) {execute}");
            [code(&ana.query(&execute)), code(&ana.exchange(&bytes.concat())), code(&ana.query(&explained))]
        };
        ["circle '<(0,0),1>'", "'<(0,0),1>'::circle", "1", "'1'", "NULL"].map(&mut run)
    };
    let [none, refused] = [None, Some("42501".to_owned())].map(|code| [code.clone(), code.clone(), code]);
    assert_eq!(answers(server.port()), [&none, &none, &none, &none, &none].map(Clone::clone));
    assert_eq!(answers(bauta.port), [&refused, &refused, &refused, &none, &none].map(Clone::clone));
}

/// So it is for what was parsed before the type came to run code, however it is run.
#[test]
fn a_parameter_of_a_type_that_has_come_to_read_is_refused() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE FUNCTION fits(t text) RETURNS bool LANGUAGE sql AS $$SELECT t <> ''$$;
         CREATE DOMAIN mail AS text CHECK (fits(VALUE))",
    );
    let oid: u32 = server.sql("shop", "SELECT 'mail'::regtype::oid").trim().parse().unwrap();
    let bauta = Bauta::start(&server, POLICY);
    let mut ana = Raw::connect(bauta.port, "ana");
    let parse = message::parse("s", "SELECT $1 IS NULL", &[oid]);
    assert_eq!(code(&ana.exchange(&[parse, message::sync()].concat())), None);
    let long = "x".repeat(70_000);
    let bound = |value: &str| {
        let bind = message::bind("", "s", &[Some(value)], &[]);
        [bind, message::execute("", 0), message::sync()].concat()
    };
    let mut codes = || {
        [
            code(&ana.exchange(&bound("x"))),
            code(&ana.exchange(&bound(&long))),
            code(&ana.query("EXECUTE s('x')")),
            code(&ana.query("EXPLAIN EXECUTE s('x')")),
        ]
    };
    assert_eq!(codes(), [None, None, None, None]);
    server.sql(
        "shop",
        "CREATE OR REPLACE FUNCTION fits(t text) RETURNS bool LANGUAGE sql AS
         'SELECT EXISTS (SELECT 1 FROM public.customers WHERE email = t)'",
    );
    std::thread::sleep(std::time::Duration::from_secs(3));
    let refused = || Some("42501".to_owned());
    assert_eq!(codes(), [refused(), refused(), refused(), refused()]);
}

/// Its type is named by a number, in the message alone.
#[test]
fn a_parameter_of_a_type_whose_cast_reads_is_refused() {
    let server = Server::start();
    server.sql(
        "shop",
        &format!(
            "{MAIL}
             CREATE TYPE spoken AS ENUM ('yes', 'no');
             CREATE FUNCTION to_text(s spoken) RETURNS text LANGUAGE sql AS 'SELECT mail_of(1)';
             CREATE CAST (spoken AS text) WITH FUNCTION to_text(spoken) AS IMPLICIT"
        ),
    );
    let oid: u32 = server.sql("shop", "SELECT 'spoken'::regtype::oid").trim().parse().unwrap();
    let bauta = Bauta::start(&server, POLICY);
    let run = |port| {
        let bytes = [
            message::parse("", "SELECT lower($1)", &[oid]),
            message::bind("", "", &[Some("yes")], &[]),
            message::execute("", 0),
            message::sync(),
        ]
        .concat();
        Raw::connect(port, "ana").exchange(&bytes)
    };
    assert_eq!(code(&run(server.port())), None);
    assert_eq!(code(&run(bauta.port)).as_deref(), Some("42501"));
}

/// Version 17 made `merge_action()` a keyword; before, it is what somebody made.
#[test]
fn merge_action_is_a_functions_name_before_it_is_a_keyword() {
    let server = Server::start();
    if server.major() >= 17 {
        return;
    }
    server.sql(
        "shop",
        &format!("{MAIL} CREATE FUNCTION merge_action() RETURNS text LANGUAGE sql AS 'SELECT mail_of(1)'"),
    );
    let statements = [
        "SELECT merge_action()",
        "SELECT id FROM customers WHERE merge_action() LIKE 'a%' AND email IS NOT NULL",
    ];
    for (sql, code) in codes(&server, &statements) {
        assert_eq!(code.as_deref(), Some("0A000"), "{sql}");
    }
}

/// `count(x)` is a cast where a type is called so: no argument is exactly `"any"`.
#[test]
fn a_type_called_like_a_function_is_cast_to() {
    let server = Server::start();
    server.sql("shop", "CREATE DOMAIN count AS text");
    let bauta = Bauta::start(&server, POLICY);
    let shown = |port| {
        let frames = Raw::connect(port, "ana").query("SELECT count(email) FROM customers WHERE id = 1");
        frames.iter().any(|frame| frame.tag == b'D' && frame.body.contains(&b'@'))
    };
    assert!(shown(server.port()));
    assert!(!shown(bauta.port), "{}", bauta.log());
}

/// A balance that is kept by a trigger, a CHECK that looks a row up, groups.
const ASKING: &str = "
    CREATE TABLE sent (id int, note text);
    CREATE FUNCTION adds() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN UPDATE customers SET email = email || NEW.note WHERE id = NEW.id; RETURN NEW; END $$;
    CREATE TRIGGER adds AFTER INSERT ON sent FOR EACH ROW EXECUTE FUNCTION adds();
    CREATE TABLE checked (id int, mail text CHECK (is_mail(mail)));
    CREATE FUNCTION cleans() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN NEW.email := lower(NEW.email); RETURN NEW; END $$;
    CREATE TRIGGER cleans BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION cleans();
    CREATE TABLE quiet (id int CHECK (id > 0), changed timestamptz);
    CREATE FUNCTION stamps() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN NEW.changed := now(); RETURN NEW; END $$;
    CREATE TRIGGER stamps BEFORE INSERT ON quiet FOR EACH ROW EXECUTE FUNCTION stamps();
    CREATE VIEW newest AS SELECT id, name FROM customers ORDER BY email LIMIT 2;
    CREATE VIEW paged AS SELECT id FROM customers UNION ALL SELECT id FROM sent ORDER BY id OFFSET 1;
    CREATE VIEW beyond AS SELECT name, email FROM customers UNION ALL SELECT note, note FROM sent ORDER BY 2 OFFSET 1;
    CREATE VIEW firsts AS SELECT DISTINCT ON (name) name, id FROM customers ORDER BY name, email;
    CREATE VIEW others AS SELECT id, email FROM customers EXCEPT SELECT id, note FROM sent;
    CREATE VIEW within AS SELECT id FROM (SELECT id, length(email) AS n FROM customers) c ORDER BY n FETCH FIRST ROW ONLY;
    CREATE VIEW sorted AS SELECT id, email FROM customers ORDER BY email;
    CREATE VIEW named AS SELECT id, email FROM customers ORDER BY name LIMIT 2;
    CREATE RULE skips AS ON UPDATE TO customers WHERE OLD.email > 'm' DO INSTEAD NOTHING;
    CREATE RULE keeps AS ON DELETE TO sent
        WHERE EXISTS (SELECT FROM customers c WHERE c.id = OLD.id AND c.email = OLD.note) DO INSTEAD NOTHING;
    CREATE RULE copies AS ON UPDATE TO customers WHERE OLD.id > 5 DO ALSO
        INSERT INTO sent VALUES (NEW.id, NEW.name);
    CREATE RULE parts AS ON INSERT TO named WHERE NEW.email IS NULL DO INSTEAD NOTHING;
    CREATE VIEW by_mail AS SELECT email, count(*) AS n FROM customers GROUP BY email;
    CREATE VIEW by_name AS SELECT name, count(*) AS n, max(email) FROM customers GROUP BY name;";

#[test]
fn check_names_what_asks_about_protected_columns() {
    let server = Server::start();
    server.sql("shop", &format!("{MAIL}{ASKING}"));
    let bauta = Bauta::start(&server, POLICY);
    let checked = bauta.cli(&["check", "-c", "proxy.toml"]);
    let said = format!("{}{}", checked.stdout, checked.stderr);
    for (table, function) in [("sent", "adds"), ("checked", "is_mail"), ("customers", "cleans")] {
        let line = format!(
            "what is written to public.{table} runs code that names protected data: public.{function}"
        );
        assert!(said.contains(&line), "{said}");
    }
    assert!(said.contains("view public.by_mail groups its rows by protected"), "{said}");
    for view in ["newest", "beyond", "firsts", "others", "within"] {
        let line = format!("view public.{view} chooses its rows by protected public.customers.email");
        assert!(said.contains(&line), "{view}: {said}");
    }
    for rule in ["\"skips\" of public.customers", "\"keeps\" of public.sent"] {
        let line = format!("rule {rule} chooses what it does by protected public.customers.email");
        assert!(said.contains(&line), "{rule}: {said}");
    }
    for silent in [
        "public.quiet",
        "view public.by_name groups",
        "view public.paged chooses",
        "view public.sorted chooses",
        "view public.named chooses",
        "rule \"copies\"",
        "rule \"parts\"",
    ] {
        assert!(!said.contains(silent), "{silent}: {said}");
    }
}
