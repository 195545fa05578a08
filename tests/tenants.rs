//! One schema for each tenant, all of one shape, and a namesake of another: what
//! applications send without a schema's name must run, and show what it shows with it.
//!
//! Method: each statement is sent by the search path of one tenant, directly and
//! through bauta; through bauta it gives as many rows, the values that are not
//! protected, and no value that is.

use super::harness::{Bauta, Frame, Raw, Server, message as m};

/// More than eight: two mentions of one name have more readings than are read.
const TENANTS: usize = 9;

const POLICY: &str = r#"
    [[protect]]
    column = "*.folk.email"
    method = "email"

    [[protect]]
    column = "*.folk.code"
    method = "token"
    domain = "folk"

    [[protect]]
    column = "*.folk.pin"
    method = "redact"
"#;

fn start() -> (Server, Bauta) {
    let server = Server::start();
    for tenant in 1..=TENANTS {
        server.sql(
            "shop",
            &format!(
                "CREATE SCHEMA t{tenant};
                 CREATE TABLE t{tenant}.folk (id int PRIMARY KEY, email text, code text, pin text, city text);
                 CREATE TABLE t{tenant}.visits (id int PRIMARY KEY, folk_id int, note text);
                 INSERT INTO t{tenant}.folk SELECT i, 'raw' || i || '@raw.org', 'raw' || i, 'raw' || i, 'c' || i % 3
                     FROM generate_series(1, 9) i;
                 INSERT INTO t{tenant}.visits SELECT i, 1 + i % 9, 'n' || i FROM generate_series(1, 30) i;
                 GRANT ALL ON SCHEMA t{tenant} TO ana; GRANT ALL ON ALL TABLES IN SCHEMA t{tenant} TO ana"
            ),
        );
    }
    server.sql(
        "shop",
        "CREATE SCHEMA old; CREATE TABLE old.folk (id int PRIMARY KEY, city text, note text);
         INSERT INTO old.folk VALUES (1, 'past', 'x'); GRANT ALL ON SCHEMA old TO ana;
         GRANT ALL ON old.folk TO ana; CREATE SCHEMA mine AUTHORIZATION ana",
    );
    let bauta = Bauta::start(&server, POLICY);
    (server, bauta)
}

fn rows(frames: &[Frame]) -> Vec<Vec<String>> {
    let text = |value: Option<Vec<u8>>| {
        value.map_or("NULL".to_owned(), |value| String::from_utf8_lossy(&value).into_owned())
    };
    let rows = frames.iter().filter(|frame| frame.tag == b'D');
    rows.map(|frame| frame.columns().into_iter().map(text).collect()).collect()
}

fn said(frames: &[Frame], tag: u8) -> Vec<String> {
    let reports = frames.iter().filter(|frame| frame.tag == tag);
    reports.map(|frame| format!("{:?} {:?}", frame.field(b'M'), frame.field(b'H'))).collect()
}

#[test]
fn a_schema_for_each_tenant_hinders_nothing() {
    let (server, bauta) = start();
    let (mut direct, mut ana) = (Raw::connect(server.port(), "ana"), Raw::connect(bauta.port, "ana"));
    for path in ["t7, public", "old, public"] {
        for session in [&mut direct, &mut ana] {
            session.query(&format!("SET search_path = {path}"));
        }
        for sql in [
            "SELECT a.id, b.id FROM folk a JOIN folk b ON a.city = b.city AND a.id < b.id ORDER BY 1, 2",
            "SELECT (SELECT count(*) FROM folk), (SELECT count(id) FROM folk), (SELECT max(id) FROM folk), \
             (SELECT count(*) FROM folk WHERE city = 'c1')",
            "SELECT * FROM folk ORDER BY id",
            "SELECT * FROM folk WHERE id = 1 UNION ALL SELECT * FROM folk WHERE id = 2 ORDER BY 1",
            "SELECT DISTINCT f.* FROM folk f, generate_series(1, 2)",
            "SELECT x.a, x.b FROM folk AS x (a, b, c) ORDER BY 1",
            "SELECT f.id, f.city, count(*) FROM folk f, folk g GROUP BY f.id, f.city ORDER BY 1",
        ] {
            let [mine, its] = [ana.query(sql), direct.query(sql)];
            assert_eq!(said(&mine, b'E'), said(&its, b'E'), "{path}: {sql}");
            let (mine, its) = (rows(&mine), rows(&its));
            assert_eq!(mine.len(), its.len(), "{path}: {sql}");
            for (value, raw) in mine.concat().iter().zip(&its.concat()) {
                let is_protected = raw.starts_with("raw");
                let differs = value != raw;
                assert!(
                    is_protected == differs || sql.contains("DISTINCT"),
                    "{path}: {sql}: {value} for {raw}"
                );
                assert!(!value.starts_with("raw"), "{path}: {sql}: {value}");
            }
        }
    }
}

#[test]
fn what_many_namesakes_lack_is_said_once() {
    let (_server, bauta) = start();
    let mut ana = Raw::connect(bauta.port, "ana");
    ana.query("SET search_path = t7, public");
    let notices = said(&ana.query("SELECT id, pin || '!' FROM folk ORDER BY id"), b'N');
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(
        notices[0].contains("folk.pin of 9 schemas") && notices[0].contains("'t1.folk.pin'"),
        "{notices:?}"
    );
    let errors = said(&ana.query("SELECT id FROM folk WHERE pin LIKE 'a%'"), b'E');
    assert!(errors[0].contains("folk.pin of 9 schemas") && !errors[0].contains("t2.folk"), "{errors:?}");
}

/// What the server says of an output's column is enough for a grant on that one.
#[test]
fn a_grant_on_one_of_many_namesakes_shows_its_column() {
    let (_server, bauta) = start();
    bauta.cli_ok(&["grant", "ana", "--column", "t7.folk.email", "--for", "10m", "--reason", "r"]);
    let mut ana = Raw::connect(bauta.port, "ana");
    let sql = "SELECT f.email, g.email, lower(g.email) FROM folk f JOIN folk g USING (id) WHERE id = 1";
    for (path, raw) in [("t7", true), ("t6", false)] {
        ana.query(&format!("SET search_path = {path}"));
        let shown = rows(&ana.query(sql)).concat();
        assert_eq!(shown[0] == "raw1@raw.org", raw, "{path}: {shown:?}");
        assert_eq!(shown[1] == "raw1@raw.org", raw, "{path}: {shown:?}");
        assert_ne!(shown[2], "raw1@raw.org", "{path}: {shown:?}");
    }
}

/// Where one of two tables of a name is altered in the transaction, it can't be told
/// which is meant; what is done to others is no matter.
#[test]
fn ddl_holds_up_the_names_that_it_changes_alone() {
    let (server, bauta) = start();
    drop(bauta);
    server.sql("shop", "ALTER TABLE old.folk OWNER TO ana");
    let columns: Vec<String> = (1..=TENANTS).map(|tenant| format!("\"t{tenant}.folk.email\"")).collect();
    let policy = format!("[[protect]]\ncolumns = [{}]\nmethod = \"email\"", columns.join(", "));
    let bauta = Bauta::start(&server, &policy);
    let mut ana = Raw::connect(bauta.port, "ana");
    ana.query("SET search_path = t7, public");
    let select = "SELECT id, city FROM folk ORDER BY id";
    for (ddl, holds) in [
        ("CREATE TABLE mine.folks (id int)", false),
        ("CREATE TEMP TABLE staged (id int)", false),
        ("ALTER TABLE old.folk ADD COLUMN more text", true),
        ("ALTER TABLE old.folk RENAME COLUMN note TO more", true),
        ("DROP TABLE old.folk", true),
    ] {
        ana.query("BEGIN");
        assert_eq!(said(&ana.query(ddl), b'E'), Vec::<String>::new(), "{ddl}");
        let errors = said(&ana.query(select), b'E');
        assert_eq!(!errors.is_empty(), holds, "{ddl}: {errors:?}");
        assert!(errors.iter().all(|error| error.contains("old.folk or t1.folk")), "{errors:?}");
        ana.query("ROLLBACK");
    }
}

#[test]
fn a_copy_of_namesakes_without_anything_protected_passes() {
    let (server, bauta) = start();
    server.sql(
        "shop",
        "CREATE TABLE public.stock (id int PRIMARY KEY, name text, free text); INSERT INTO public.stock VALUES (1, 'a', 'f');
         CREATE TABLE old.stock (id int, name varchar(9)); GRANT ALL ON public.stock, old.stock TO ana;
         CREATE TABLE public.journal (was jsonb); GRANT ALL ON public.journal TO ana;
         CREATE FUNCTION public.keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.journal VALUES (to_jsonb(NEW)); RETURN NEW; END $$;
         CREATE TRIGGER keep AFTER INSERT ON public.stock FOR EACH ROW EXECUTE FUNCTION public.keep()",
    );
    drop(bauta);
    let bauta = Bauta::start(&server, "[[protect]]\ncolumn = \"public.journal.was\"\nmethod = \"redact\"");
    let mut ana = Raw::connect(bauta.port, "ana");
    for (sql, copied) in
        [("COPY stock TO STDOUT", "1\ta\tf\n"), ("COPY stock (id, name) TO STDOUT", "1\ta\n")]
    {
        let frames = ana.query(sql);
        let data: Vec<&[u8]> = frames.iter().filter(|it| it.tag == b'd').map(|it| &*it.body).collect();
        assert_eq!(data.concat(), copied.as_bytes(), "{sql}: {frames:?}");
    }
}

/// Each would show a value, or keep the answer to a question about one, since the owner of
/// a namesake, or of what stands beside it, makes it another while the statement waits, or
/// before it is read.
#[test]
fn what_the_client_may_change_tells_nothing_apart() {
    let (server, bauta) = start();
    server.sql(
        "shop",
        "CREATE TABLE mine.sink (t text); CREATE SEQUENCE mine.cnt; CREATE TABLE mine.zqx (a int, b int, c int);
         INSERT INTO mine.zqx VALUES (1, 2, 3); CREATE TABLE mine.par (city text);
         ALTER TABLE mine.sink OWNER TO ana; ALTER SEQUENCE mine.cnt OWNER TO ana;
         ALTER TABLE mine.zqx OWNER TO ana; ALTER TABLE mine.par OWNER TO ana",
    );
    let code = |frames: &[Frame]| frames.iter().find(|frame| frame.tag == b'E').and_then(|it| it.field(b'C'));
    let mut ana = Raw::connect(bauta.port, "ana");
    ana.query("SET search_path = mine, t7, old");
    let token = rows(&ana.query("SELECT code FROM t7.folk WHERE id = 1")).concat().concat();
    let by_token = |token: &str| {
        let text = "SELECT id FROM folk WHERE code = $1";
        [m::parse("", text, &[]), m::bind("", "", &[Some(token)], &[0]), m::execute("", 0), m::sync()]
            .concat()
    };
    let by_parameter = by_token(&token);
    let kept = [
        "INSERT INTO mine.sink SELECT count(*) FROM folk, t2.folk o WHERE folk.pin IS NOT NULL",
        "CREATE TEMP TABLE many AS SELECT count(*) FROM folk, t2.folk o WHERE folk.pin IS NOT NULL",
        "SELECT nextval('mine.cnt') FROM folk, t2.folk o WHERE folk.pin IS NOT NULL",
    ];
    for sql in kept {
        assert_eq!(code(&ana.query(sql)), None, "{sql}");
    }
    assert_eq!(rows(&ana.exchange(&by_parameter)).concat(), ["1"]);
    // COPY is described before what is in front of it in its text has run.
    bauta.cli_ok(&["grant", "ana", "--column", "t1.folk.email", "--for", "1m", "--reason", "r"]);
    ana.query("SET search_path = t1");
    let copied = ana.query(
        "SET search_path = t2; COPY (SELECT l.id, l.email FROM folk l, folk b, folk c \
         WHERE b.id = 1 AND c.id = 1 AND l.id < 3) TO STDOUT",
    );
    assert!(copied.iter().any(|frame| frame.tag == b'd'), "{copied:?}");
    assert!(!copied.iter().any(|frame| String::from_utf8_lossy(&frame.body).contains("raw")), "{copied:?}");
    server.sql("shop", "ALTER TABLE old.folk OWNER TO ana");
    drop((ana, bauta));
    let bauta = Bauta::start(&server, POLICY);
    let mut ana = Raw::connect(bauta.port, "ana");
    ana.query("SET search_path = mine, t7, old");
    let token = rows(&ana.query("SELECT code FROM t7.folk WHERE id = 1")).concat().concat();
    let by_parameter = by_token(&token);
    for sql in kept {
        assert_eq!(code(&ana.query(sql)).as_deref(), Some("0A000"), "{sql}");
    }
    assert_eq!(code(&ana.exchange(&by_parameter)).as_deref(), Some("0A000"));
    // Where nothing else in it is protected, nothing is read that is.
    for sql in [
        "SELECT count(*) FROM folk, t2.folk o WHERE folk.pin IS NOT NULL",
        "INSERT INTO mine.sink SELECT count(*) FROM folk WHERE pin IS NOT NULL",
    ] {
        assert_eq!(code(&ana.query(sql)), None, "{sql}");
    }
    // What stands beside it has as many columns as it takes to be taken for the other.
    for before in [
        "BEGIN; CREATE TEMP TABLE zqx AS SELECT 1 AS a",
        "BEGIN; ALTER TABLE mine.par RENAME COLUMN city TO zip",
    ] {
        ana.query(before);
        let both = "SELECT x.*, q.* FROM (SELECT * FROM folk WHERE id < 3 UNION ALL SELECT * FROM folk WHERE id = 3) q, zqx x";
        assert_eq!(code(&ana.query(both)).as_deref(), Some("0A000"), "{before}");
        ana.query("ROLLBACK");
    }
}
