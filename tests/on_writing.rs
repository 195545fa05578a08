//! Relations that hold nothing protected, but to which a write reaches what is: a table
//! with an audit trigger, one from which a key's action goes on into a protected table.
//!
//! Goal: who reads one, or makes something over it, is not hindered; who writes to one,
//! or leads writes there, is answered as ever. Method: each statement of a list is sent
//! through bauta and directly, in a transaction that is rolled back. The attacks are in
//! `interference_data/attacks/onwriting.sql`.

use crate::harness::{Bauta, Frame, Raw, Server};

const POLICY: &str = r#"
    [[protect]]
    columns = ["public.customers.email", "public.trail.row_was", "public.members.pin"]
    method = "redact"
"#;

const SCHEMA: &str = "
    CREATE TABLE trail (id int GENERATED ALWAYS AS IDENTITY, row_was jsonb);
    CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO public.trail (row_was) VALUES (to_jsonb(OLD)); RETURN NULL; END $$;
    CREATE TABLE kinds (id int PRIMARY KEY, name text);
    CREATE TABLE goods (id int PRIMARY KEY, name text, kind int REFERENCES kinds, price int DEFAULT 1);
    CREATE TRIGGER keep AFTER INSERT OR UPDATE OR DELETE ON goods FOR EACH ROW EXECUTE FUNCTION keep();
    CREATE TABLE moves (id int, good int, delta int);
    CREATE FUNCTION moved() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN UPDATE public.goods SET price = price + NEW.delta WHERE id = NEW.good; RETURN NEW; END $$;
    CREATE TRIGGER moved BEFORE INSERT ON moves FOR EACH ROW EXECUTE FUNCTION moved();
    CREATE TABLE clubs (id int PRIMARY KEY, name text UNIQUE, seats int NOT NULL DEFAULT 1);
    CREATE TABLE members (id int PRIMARY KEY, club int NOT NULL REFERENCES clubs ON DELETE CASCADE, pin text);
    CREATE VIEW goods_shown AS SELECT id, name FROM goods;
    CREATE FUNCTION price_of(i int) RETURNS int LANGUAGE sql STABLE AS 'SELECT price FROM public.goods WHERE id = i';
    CREATE FUNCTION club_named(n text) RETURNS SETOF clubs LANGUAGE sql STABLE AS 'SELECT * FROM clubs WHERE name = n';
    CREATE FUNCTION raise_price(i int) RETURNS void LANGUAGE sql AS 'UPDATE goods SET price = price + 1 WHERE id = i';
    INSERT INTO kinds VALUES (1, 'tool'); INSERT INTO goods VALUES (1, 'saw', 1, 30), (2, 'axe', 1, 40);
    INSERT INTO clubs VALUES (1, 'rowing'), (2, 'chess'); INSERT INTO members VALUES (1, 1, 'p1'), (2, 2, 'p2');
    CREATE TABLE mine (id int PRIMARY KEY, good int);
    CREATE TABLE kinds_owned (id int); ALTER TABLE kinds_owned OWNER TO ana; GRANT CREATE ON DATABASE shop TO ana;
    CREATE SCHEMA dbt AUTHORIZATION ana;
    ALTER TABLE goods OWNER TO ana; ALTER TABLE clubs OWNER TO ana; ALTER TABLE moves OWNER TO ana;
    ALTER TABLE mine OWNER TO ana; ALTER TABLE members OWNER TO ana;
    ALTER VIEW goods_shown OWNER TO ana; GRANT ALL ON kinds, trail TO ana; GRANT ALL ON SCHEMA public TO ana";

fn server() -> Server {
    let server = Server::start();
    server.sql("shop", SCHEMA);
    server
}

fn run(port: u16, sql: &str) -> Vec<Frame> {
    let mut session = Raw::connect(port, "ana");
    session.query("BEGIN");
    session.query(sql)
}

/// Rows, tags, errors and notices, without what says where in the server's source.
fn answer(frames: &[Frame]) -> Vec<String> {
    let shown = |frame: &Frame| match frame.tag {
        b'E' | b'N' => format!("{:?} {:?}", frame.field(b'C'), frame.field(b'M')),
        _ => format!("{} {}", char::from(frame.tag), String::from_utf8_lossy(&frame.body)),
    };
    frames.iter().map(shown).collect()
}

#[test]
fn who_reads_them_or_makes_something_over_them_is_not_hindered() {
    let server = server();
    let bauta = Bauta::start(&server, POLICY);
    for sql in [
        "SELECT price_of(1), (SELECT count(*) FROM goods)",
        "SELECT g.*, price_of(g.id) FROM goods g ORDER BY id FOR UPDATE",
        "SELECT * FROM club_named('chess') c WHERE name = (SELECT name FROM clubs WHERE id = 2)",
        "SELECT 1 / (price - 30) FROM goods",
        "SELECT name::int FROM goods_shown",
        "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT * FROM clubs WHERE seats = 3",
        "COPY goods TO STDOUT",
        "CREATE VIEW dbt.dear AS WITH g AS (SELECT * FROM goods) SELECT id, name FROM g WHERE id > 1; SELECT * FROM dbt.dear",
        "CREATE VIEW dbt.goods AS SELECT g.name, k.name AS kind FROM goods g JOIN kinds k ON k.id = g.kind",
        "CREATE VIEW dbt.mine AS SELECT * FROM mine WHERE good IN (SELECT id FROM goods)",
        "CREATE MATERIALIZED VIEW dbt.kept AS SELECT name, price_of(id) FROM goods",
        "CREATE TABLE dbt.goods AS SELECT id, name FROM public.goods",
        "CREATE TABLE dbt.goods (id int)",
        "CREATE TABLE dbt.goods_tmp AS SELECT * FROM goods; ALTER TABLE dbt.goods_tmp RENAME TO goods",
        "CREATE TABLE \"shop\".\"dbt\".\"goods_tmp\" AS SELECT * FROM goods; ALTER TABLE \"shop\".\"dbt\".\"goods_tmp\" RENAME TO \"goods\"",
        "CREATE TEMP TABLE goods_stage (LIKE goods INCLUDING ALL); INSERT INTO goods_stage VALUES (7, 'rake')",
        "CREATE TABLE wishes (id int PRIMARY KEY, good int NOT NULL REFERENCES goods, club int REFERENCES clubs (id))",
        "ALTER TABLE mine ADD COLUMN other int REFERENCES goods (id)",
        "ALTER TABLE mine ADD CONSTRAINT leads FOREIGN KEY (good) REFERENCES goods",
        "ALTER TABLE goods ADD COLUMN brand text, ADD COLUMN made timestamptz NOT NULL DEFAULT now()",
        "ALTER TABLE goods ADD COLUMN brand text; UPDATE goods SET brand = 'x' WHERE id = 1; SELECT brand FROM goods ORDER BY id",
        "ALTER TABLE clubs ADD COLUMN region varchar(20) DEFAULT 'north' CHECK (region <> '')",
        "ALTER TABLE clubs ALTER COLUMN seats SET DEFAULT 5",
        "ALTER TABLE clubs ALTER COLUMN seats DROP DEFAULT, ALTER COLUMN name SET NOT NULL",
        "ALTER TABLE clubs ADD CONSTRAINT seated CHECK (seats >= 0 AND name IS NOT NULL), ADD UNIQUE (seats, name)",
        "CREATE INDEX goods_kind ON goods (kind) INCLUDE (name) WHERE name IS NOT NULL; CREATE UNIQUE INDEX ON clubs (name)",
        "CREATE PUBLICATION kinds_only FOR TABLE kinds_owned",
        "CREATE FUNCTION sorted() RETURNS SETOF kinds_owned LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY INSERT INTO kinds_owned VALUES (3) RETURNING *; END $$; SELECT * FROM sorted()",
        "CREATE FUNCTION dearest() RETURNS int LANGUAGE sql AS 'SELECT max(price) FROM goods'; SELECT dearest()",
    ] {
        let (through, direct) = (run(bauta.port, sql), run(server.port(), sql));
        assert_eq!(answer(&through), answer(&direct), "{sql}");
    }
}

/// Beside protected columns they are tables as any other.
#[test]
fn who_joins_them_with_protected_tables_is_not_hindered() {
    let server = server();
    let bauta = Bauta::start(&server, POLICY);
    for sql in [
        "SELECT m.*, c.* FROM members m JOIN clubs c ON c.id = m.club ORDER BY m.id",
        "SELECT * FROM members JOIN clubs c ON c.id = members.club",
        "SELECT * FROM members JOIN clubs USING (id)",
        "SELECT id, pin FROM members UNION ALL SELECT id, name FROM clubs",
        "SELECT name, (SELECT max(id) FROM members m WHERE m.club = clubs.id) FROM clubs",
        "WITH c AS (SELECT * FROM clubs) SELECT m.pin, c.* FROM members m JOIN c ON c.id = m.club",
        "INSERT INTO clubs SELECT * FROM clubs c WHERE c.id = 0 RETURNING *",
        "INSERT INTO members (id, club) SELECT id + 10, id FROM clubs",
        "UPDATE clubs SET seats = 2 FROM members m WHERE m.club = clubs.id RETURNING m.pin, clubs.*",
        "DELETE FROM clubs USING members m WHERE m.club = clubs.id AND m.id = 1",
    ] {
        let error = run(bauta.port, sql).into_iter().find(|frame| frame.tag == b'E');
        assert_eq!(error.and_then(|error| error.field(b'M')), None, "{sql}");
    }
}

/// The refusal of a view says which one passes.
#[test]
fn a_view_that_is_held_back_is_told_why() {
    let server = server();
    let bauta = Bauta::start(&server, POLICY);
    let frames = run(bauta.port, "CREATE VIEW dbt.dear AS SELECT id FROM goods");
    let detail = frames.iter().find(|frame| frame.tag == b'E').and_then(|error| error.field(b'D'));
    assert!(detail.is_some_and(|detail| detail.starts_with("Rows could be written through it")));
}

#[test]
fn who_leads_writes_or_code_there_is_held_back() {
    let server = server();
    server.sql(
        "shop",
        "CREATE FUNCTION says(g goods) RETURNS bool LANGUAGE sql AS 'SELECT true';
         CREATE FUNCTION told(t text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
         CREATE DOMAIN shouted AS text CHECK (told(VALUE))",
    );
    let bauta = Bauta::start(&server, POLICY);
    for sql in [
        "SELECT raise_price(1)",
        "CREATE PUBLICATION goods_too FOR TABLE kinds_owned, goods",
        "CREATE VIEW dbt.dear AS SELECT id, name FROM goods WHERE id > 1",
        "CREATE VIEW dbt.dear AS SELECT * FROM goods_shown",
        "CREATE OR REPLACE VIEW goods_shown AS SELECT id, upper(name) AS name FROM goods",
        "CREATE RULE also AS ON INSERT TO mine DO ALSO UPDATE goods SET price = 1",
        "CREATE FUNCTION sinks() RETURNS void LANGUAGE sql AS 'UPDATE goods SET price = 1'",
        "CREATE FUNCTION sinks() RETURNS void LANGUAGE sql AS 'SELECT raise_price(1)'",
        "CREATE TABLE heirs () INHERITS (goods)",
        "ALTER TABLE mine INHERIT goods",
        "ALTER TABLE clubs RENAME TO circles",
        "ALTER TABLE clubs RENAME TO goods_then",
        "ALTER TABLE goods SET SCHEMA dbt",
        "ALTER TABLE clubs RENAME COLUMN seats TO chairs",
        "ALTER TABLE goods DROP COLUMN name CASCADE",
        "ALTER TABLE goods ALTER COLUMN price TYPE bigint USING price + 1",
        "ALTER TABLE goods ADD COLUMN up int REFERENCES mine ON DELETE CASCADE",
        "ALTER TABLE goods ADD CONSTRAINT up FOREIGN KEY (kind) REFERENCES mine",
        "CREATE TABLE wishes (good int REFERENCES goods ON DELETE SET NULL)",
        "ALTER TABLE mine ADD FOREIGN KEY (good) REFERENCES clubs ON UPDATE CASCADE",
        "ALTER TABLE goods ADD COLUMN loud bool DEFAULT told('x')",
        "ALTER TABLE goods ADD COLUMN loud shouted",
        "ALTER TABLE goods ADD COLUMN loud bool GENERATED ALWAYS AS (told(name)) STORED",
        "ALTER TABLE goods ADD CHECK (told(name))",
        "ALTER TABLE goods ADD CHECK (goods.says)",
        "ALTER TABLE goods ADD CHECK (name::shouted <> '')",
        "ALTER TABLE goods ALTER COLUMN price SET DEFAULT told('x')::int",
        "ALTER TABLE clubs ALTER COLUMN id SET DEFAULT 7",
        "ALTER TABLE goods_shown ALTER COLUMN name SET DEFAULT 'x'",
        "CREATE INDEX ON goods (told(name))",
        "CREATE FUNCTION now() RETURNS timestamptz LANGUAGE sql AS 'SELECT clock_timestamp()'",
        "CREATE INDEX ON goods (id) WHERE told(name)",
        "CREATE TRIGGER again AFTER UPDATE ON clubs FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "CREATE POLICY p ON clubs USING (told(name))",
        "CREATE STATISTICS s ON (told(name)), (told(name || 'x')) FROM goods",
    ] {
        let error =
            |port| run(port, sql).iter().find_map(|frame| (frame.tag == b'E').then(|| frame.field(b'C')));
        assert_eq!(error(bauta.port).flatten().as_deref(), Some("42501"), "{sql}");
        let direct = error(server.port()).flatten();
        // A key that does not hold is none of these.
        assert!(direct.as_deref().is_none_or(|code| code != "42501" && code != "42601"), "{sql}: {direct:?}");
    }
}

/// What a write sets off is no less hidden than before.
#[test]
fn errors_of_writes_to_them_say_what_failed_and_no_more() {
    let server = server();
    let bauta = Bauta::start(&server, POLICY);
    for sql in [
        "INSERT INTO goods VALUES (1, 'saw')",
        "INSERT INTO clubs VALUES (1, 'golf')",
        "UPDATE goods_shown SET id = 2 WHERE id = 1",
        "INSERT INTO moves VALUES (1, 1, 2147483647)",
    ] {
        let error = |port| {
            let frames = run(port, sql);
            let error = frames.into_iter().find(|frame| frame.tag == b'E').expect("an error");
            (error.field(b'C'), error.field(b'M'), error.field(b'D'))
        };
        let ((through, message, detail), (direct, told, _)) = (error(bauta.port), error(server.port()));
        assert_eq!(through, direct, "{sql}");
        assert!(detail.is_none() && message != told, "{sql}: {message:?}");
    }
}

/// What triggers that fill, log or hide are told, and what stands beneath them.
const TOLD: &str = "
    CREATE TABLE owners (ware int PRIMARY KEY, pin text, note text);
    CREATE TABLE wares (id int PRIMARY KEY, price int);
    INSERT INTO owners VALUES (1, 'pin-of-one'); INSERT INTO wares VALUES (1, 30);
    CREATE FUNCTION owned() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE 'not the ware of %', (SELECT pin FROM public.owners WHERE ware = NEW.id); END $$;
    CREATE TRIGGER owned BEFORE UPDATE ON wares FOR EACH ROW EXECUTE FUNCTION owned();
    CREATE TABLE sales (id int, ware int, price int);
    CREATE TABLE sell_errors (ware int, what text);
    CREATE FUNCTION scrub(t text) RETURNS text LANGUAGE sql AS 'SELECT left(t, 3)';
    CREATE FUNCTION sells() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        BEGIN UPDATE wares SET price = NEW.price WHERE id = NEW.ware;
        EXCEPTION WHEN OTHERS THEN INSERT INTO sell_errors VALUES (NEW.ware, scrub(SQLERRM)); END; RETURN NEW; END $$;
    CREATE TRIGGER sells AFTER INSERT ON sales FOR EACH ROW EXECUTE FUNCTION sells();

    CREATE TABLE tags_of (id int PRIMARY KEY, label text);
    CREATE FUNCTION fills_tags() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        NEW := jsonb_populate_record(NEW, (SELECT to_jsonb(o) FROM owners o WHERE o.ware = NEW.id)); RETURN NEW; END $$;
    CREATE TRIGGER fills_tags BEFORE INSERT ON tags_of FOR EACH ROW EXECUTE FUNCTION fills_tags();

    CREATE TABLE soles (id int, name text);
    CREATE FUNCTION fills_sole() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN NEW.name := (SELECT pin FROM owners WHERE ware = NEW.id); RETURN NEW; END $$;
    CREATE FUNCTION hides_sole() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.name := 'hidden'; RETURN NEW; END $$;
    CREATE TRIGGER a_fills BEFORE INSERT ON soles FOR EACH ROW EXECUTE FUNCTION fills_sole();
    CREATE TRIGGER z_hides BEFORE INSERT ON soles FOR EACH ROW EXECUTE FUNCTION hides_sole();

    CREATE TABLE base_trail (what text); CREATE VIEW trail_shown AS SELECT what FROM base_trail;
    CREATE FUNCTION notes_owner() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO public.trail_shown VALUES (NEW.pin); RETURN NEW; END $$;
    CREATE TRIGGER notes AFTER UPDATE ON owners FOR EACH ROW EXECUTE FUNCTION notes_owner();
    CREATE FUNCTION hides_trail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.what := 'hidden'; RETURN NEW; END $$;
    CREATE TRIGGER h BEFORE INSERT ON base_trail FOR EACH ROW EXECUTE FUNCTION hides_trail();

    CREATE TABLE hats (id int, name text);
    CREATE DOMAIN small AS text; CREATE TABLE switch (on_ bool); INSERT INTO switch VALUES (true);
    CREATE TABLE codes (code text PRIMARY KEY);
    CREATE FUNCTION lvl2(t text) RETURNS bool LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT true; END;
    CREATE FUNCTION lvl1(t text) RETURNS bool LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT lvl2(t); END;
    CREATE TRIGGER a_fills BEFORE INSERT ON hats FOR EACH ROW EXECUTE FUNCTION fills_sole();
    CREATE TRIGGER z_hides BEFORE INSERT ON hats FOR EACH ROW
        WHEN (NEW.name::small IS NOT NULL AND lvl1(NEW.name)) EXECUTE FUNCTION hides_sole();
    CREATE FUNCTION recodes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        DELETE FROM public.codes WHERE code = NEW.pin; INSERT INTO public.codes VALUES (NEW.pin); RETURN NEW; END $$;
    INSERT INTO codes VALUES ('pin-of-one'), ('pin-of-two');
    CREATE TRIGGER recodes AFTER UPDATE ON owners FOR EACH ROW EXECUTE FUNCTION recodes();

    CREATE SCHEMA mine AUTHORIZATION ana; GRANT CREATE ON DATABASE shop TO ana;
    CREATE ROLE shop_owner; GRANT shop_owner TO ana; GRANT CREATE ON SCHEMA public TO shop_owner;
    ALTER TABLE owners OWNER TO shop_owner; ALTER TABLE wares OWNER TO shop_owner;
    ALTER TABLE sales OWNER TO shop_owner; ALTER TABLE sell_errors OWNER TO shop_owner;
    ALTER TABLE tags_of OWNER TO shop_owner; ALTER TABLE soles OWNER TO shop_owner;
    ALTER TABLE base_trail OWNER TO shop_owner; ALTER FUNCTION hides_trail() OWNER TO shop_owner;
    ALTER TABLE hats OWNER TO shop_owner; ALTER TABLE codes OWNER TO shop_owner;
    ALTER DOMAIN small OWNER TO shop_owner; ALTER FUNCTION lvl2(text) OWNER TO shop_owner;
    ALTER VIEW trail_shown OWNER TO shop_owner; SET ROLE ana; CREATE EXTENSION citext SCHEMA mine";

/// Each shows a pin to a direct session, or asks about one.
#[test]
fn code_of_the_clients_is_told_nothing() {
    let server = Server::start();
    server.sql("shop", TOLD);
    let bauta = Bauta::start(&server, "[[protect]]\ncolumn = \"public.owners.pin\"\nmethod = \"redact\"\n");
    for attack in [
        &[
            "CREATE FUNCTION mine.scrub(t text) RETURNS text LANGUAGE sql AS 'SELECT $1'",
            "SET search_path = mine, public",
            "INSERT INTO sales VALUES (1, 1, 13)",
            "SELECT * FROM sell_errors",
        ][..],
        &[
            "ALTER TABLE tags_of ADD COLUMN pin text",
            "INSERT INTO tags_of VALUES (1, 'a')",
            "SELECT * FROM tags_of",
        ],
        &["DROP TRIGGER z_hides ON soles", "INSERT INTO soles VALUES (1)", "SELECT * FROM soles"],
        &["ALTER TABLE soles DISABLE TRIGGER z_hides", "INSERT INTO soles VALUES (1)", "SELECT * FROM soles"],
        &[
            "ALTER TABLE base_trail RENAME TO xt",
            "DROP TRIGGER h ON xt",
            "UPDATE owners SET note = 'q'",
            "SELECT * FROM xt",
        ],
        &[
            "ALTER FUNCTION hides_trail() RENAME TO xx",
            "CREATE OR REPLACE FUNCTION xx() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
            "UPDATE owners SET note = 'q'",
            "SELECT * FROM base_trail",
        ],
        &[
            "CREATE SCHEMA m3",
            "ALTER DOMAIN small SET SCHEMA m3",
            "DROP SCHEMA m3 CASCADE",
            "INSERT INTO hats VALUES (1)",
            "SELECT * FROM hats",
        ],
        &["DROP FUNCTION lvl2(text) CASCADE", "INSERT INTO hats VALUES (1)", "SELECT * FROM hats"],
        &[
            "ALTER TRIGGER z_hides ON hats DEPENDS ON EXTENSION citext",
            "DROP EXTENSION citext",
            "INSERT INTO hats VALUES (1)",
            "SELECT * FROM hats",
        ],
    ] {
        for (port, is_shown) in [(server.port(), true), (bauta.port, false)] {
            let mut session = Raw::connect(port, "ana");
            session.query("BEGIN");
            let mut said = Vec::new();
            for sql in attack {
                session.query("SAVEPOINT s");
                said.extend(answer(&session.query(sql)));
                if said.last().is_some_and(|last| last.starts_with("Z E")) {
                    session.query("ROLLBACK TO s");
                }
            }
            let holds = said.iter().any(|frame| frame.contains("pin-of-one"));
            assert_eq!(holds, is_shown, "{attack:?}: {said:?}");
        }
    }
}

/// Any guess would be answered by whether it fails.
#[test]
fn nothing_is_asked_of_what_a_trigger_keeps_for_a_moment() {
    let server = Server::start();
    server.sql("shop", TOLD);
    server.sql(
        "shop",
        "CREATE FUNCTION empties_sole() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN UPDATE soles SET name = NULL WHERE id = NEW.id; RETURN NULL; END $$;
         DROP TRIGGER z_hides ON soles;
         CREATE TRIGGER z_empties AFTER INSERT ON soles FOR EACH ROW EXECUTE FUNCTION empties_sole();",
    );
    let bauta = Bauta::start(&server, "[[protect]]\ncolumn = \"public.owners.pin\"\nmethod = \"redact\"\n");
    for asks in [
        "CREATE UNIQUE INDEX ON soles (name)",
        "CREATE TABLE mine.keys (c text REFERENCES codes)",
        "CREATE TABLE mine.keys (c text, FOREIGN KEY (c) REFERENCES codes ON DELETE RESTRICT)",
        "CREATE TABLE mine.keys (c text); ALTER TABLE mine.keys ADD FOREIGN KEY (c) REFERENCES codes",
        "ALTER VIEW trail_shown SET (check_option = cascaded)",
    ] {
        assert!(!answer(&run(server.port(), asks)).iter().any(|said| said.starts_with("Some")), "{asks}");
        let refused = run(bauta.port, asks);
        let code = refused.iter().filter(|frame| frame.tag == b'E').find_map(|frame| frame.field(b'C'));
        assert_eq!(code.as_deref(), Some("42501"), "{asks}");
    }
}
