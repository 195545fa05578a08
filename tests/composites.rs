//! Composite types that are masked field by field. The judge is a second
//! database whose values hold the masks already, as in `tests/documents.rs`:
//! asked directly, it must answer what bauta answers from the first. What
//! would tell of a field is NULL or refused.

use crate::documents::{Databases, answers_alike, chosen, error, extended, never_raw, values};
use crate::harness::{Bauta, Server, message as m};

const POLICY: &str = r#"
    [[protect]]
    column = "public.people.who"
    path = "$.name"
    method = "partial"
    [[protect]]
    column = "public.people.who"
    path = "$.born"
    method = "generalize"
    to = "year"
    [[protect]]
    column = "public.people.who"
    path = "$.tags"
    method = "redact"
    [[protect]]
    columns = ["public.people.who"]
    path = "$.home.street"
    method = "redact"
    [[protect]]
    columns = ["public.people.homes", "public.people.at"]
    path = "$.street"
    method = "redact"
    [[protect]]
    columns = ["public.people.homes"]
    path = "$.zip"
    method = "null"
    [[protect]]
    column = "public.people.card"
    path = "$.ssn"
    method = "token"
    domain = "ssn"
    [[protect]]
    column = "public.people.card"
    path = "$.number"
    method = "token"
    [[protect]]
    column = "public.known.ssn"
    method = "token"
    domain = "ssn"
"#;

const TYPES: &str = r"
    CREATE TYPE place AS (street text, city text, zip varchar(10));
    CREATE TYPE person AS (name text, dropped int, born date, home place, tags text[], n int);
    ALTER TYPE person DROP ATTRIBUTE dropped;
    CREATE TYPE card AS (ssn text, number int);
    CREATE DOMAIN mainplace AS place;
    CREATE TABLE people (id int PRIMARY KEY, who person, homes place[], at mainplace, plain place, card card);
    CREATE TABLE known (id int, ssn text);
    CREATE VIEW v_people AS SELECT id, (who).name AS called, (who).home AS h, who, (who).n FROM people;
    GRANT ALL ON ALL TABLES IN SCHEMA public TO ana;
";

/// `<…|…>`: the first database's, the second's.
const VALUES: &str = r#"
    INSERT INTO people (id, who, homes, at, plain) VALUES
    (1, ROW(<'raw ann'|'ra***'>, <'2001-05-06'|'2001-01-01'>,
            ROW(<'raw "1" \(x), street'|'***'>, 'Sprin"g, (f)\', '12')::place, ARRAY[<'raw'|'***'>, NULL, <''|'***'>], 7)::person,
        ARRAY[ROW(<'raw'|'***'>, 'A B', <'rawzip'|NULL>)::place, NULL, ROW(NULL, '', <'raw'|NULL>)::place],
        ROW(<''|'***'>, NULL, NULL)::place, ROW('plain', 'c', 'z')::place),
    (2, ROW(NULL, NULL, NULL, NULL, NULL)::person, '{}', ROW(NULL, NULL, NULL)::place, NULL),
    (3, ROW(<'"raw"'|'"r***'>, <'1999-12-31'|'1999-01-01'>, ROW(NULL, ',', '')::place, '{}', -1)::person,
        '[3:3]={"(,,)"}', NULL, NULL),
    (4, NULL, NULL, NULL, NULL);
"#;

fn databases() -> Databases {
    let server = Server::start();
    server.sql("postgres", "CREATE DATABASE truth");
    server.sql("truth", TYPES);
    // A copy: types have the same oids, which binary values hold.
    server.sql("postgres", "CREATE DATABASE masks TEMPLATE truth");
    server.sql("truth", &chosen(VALUES, 0));
    server.sql("masks", &chosen(VALUES, 1));
    let bauta = Bauta::start(&server, POLICY);
    Databases { server, bauta }
}

const SAME: &[&str] = &[
    "SELECT id, who, homes, at, plain FROM people ORDER BY id",
    "SELECT (who).name, (who).born, (who).n, (who).tags, (who).home FROM people ORDER BY id",
    "SELECT ((who).home).street, (people.who).home.city, ((who).home).zip FROM people ORDER BY id",
    "SELECT (who).*, (at).* FROM people ORDER BY id",
    "SELECT (at).street, (at).city FROM people ORDER BY id",
    "SELECT id FROM people WHERE ((who).home).city LIKE 'Sp%' AND (who).n < 10 ORDER BY (who).n",
    "SELECT (who).n, count(*) FROM people GROUP BY (who).n ORDER BY 1",
    "SELECT id FROM people WHERE (who).name IS NOT NULL ORDER BY id",
    "SELECT called, (h).street, (h).city, h, who, n FROM v_people ORDER BY id",
    "WITH u AS (SELECT id, (who).home AS h, who FROM people) SELECT (h).street, h, (h).city, (who).born FROM (SELECT * FROM u) x ORDER BY id",
    "SELECT (who).home FROM people WHERE id = 1 UNION ALL SELECT (who).home FROM people WHERE id = 1",
    "SELECT x.who, (x.h).street FROM people p, LATERAL (SELECT p.who, (p.who).home AS h) x WHERE p.id = 1",
    "SELECT ((SELECT who FROM people WHERE id = 1)).name",
    "UPDATE people SET plain = NULL WHERE id = 3 RETURNING who, (who).name",
    "COPY (SELECT id, who, homes, at FROM people ORDER BY id) TO STDOUT",
    "COPY people (id, who, homes, at) TO STDOUT (FORMAT csv)",
    "COPY people (id, who, homes, at) TO STDOUT (FORMAT binary)",
];

#[test]
fn every_way_shows_what_a_masked_row_would_show() {
    let databases = databases();
    let (mut masked, mut judge) = (databases.masked(), databases.judge());
    answers_alike(&mut masked, &mut judge, SAME);
}

#[test]
fn other_uses_of_a_row_show_nothing() {
    let databases = databases();
    let mut masked = databases.masked();
    for expression in [
        "who::text",
        "to_json(who)",
        "(who).home::text",
        "(who).name || 'x'",
        "length((who).name)",
        "((who).born + 1)",
        "(who).tags[1]",
        "homes[1]",
        "(homes[1]).street",
        "(homes[1]).city",
        "array_to_string(homes, ';')",
        "CASE WHEN true THEN who END",
        "coalesce(who, NULL::person)",
        "jsonb_build_array((who).home)",
    ] {
        let sql = format!("SELECT {expression} FROM people WHERE id = 1");
        for answer in [masked.query(&sql), masked.exchange(&extended(&sql, 1))] {
            never_raw(&answer, &sql);
            assert_eq!(error(&answer), None, "{sql}");
            let seen = values(&answer);
            assert!(
                matches!(&seen[..], [None])
                    || seen == [Some("[null]".to_owned())]
                    || expression.contains("jsonb"),
                "{sql}: {seen:?}"
            );
        }
    }
    for sql in [
        "SELECT id FROM people WHERE (who).name LIKE 'raw%'",
        "SELECT id FROM people WHERE (who).name = 'raw ann'",
        "SELECT id FROM people WHERE (who).born < '2002-01-01'",
        "SELECT id FROM people WHERE ((who).home).street = 'x'",
        "SELECT id FROM people WHERE who = who",
        "SELECT id FROM people WHERE who IS NULL",
        "SELECT id FROM people WHERE (who).home IS NULL",
        "SELECT id FROM people WHERE homes[1] = ROW('raw', 'A B', 'x')::place",
        "SELECT (h).street FROM people, unnest(homes) h",
        "SELECT count(*) FROM people GROUP BY (who).name",
        "SELECT DISTINCT who FROM people",
        "CREATE TABLE copied AS SELECT (who).name FROM people",
        "INSERT INTO known (ssn) SELECT (who).name FROM people",
        "UPDATE people SET plain = at",
        "ALTER TYPE person RENAME ATTRIBUTE name TO x",
        "ALTER TYPE place ADD ATTRIBUTE country text",
        "ALTER TYPE place RENAME TO spot",
    ] {
        for answer in [masked.query(sql), masked.exchange(&extended(sql, 0))] {
            never_raw(&answer, sql);
            assert_eq!(error(&answer).as_deref(), Some("42501"), "{sql}");
        }
    }
    // Functional notation, and fields that the type does not have.
    for sql in
        ["SELECT born(who) FROM people", "SELECT (who).nothing FROM people", "SELECT who.name FROM people"]
    {
        let answer = masked.query(sql);
        never_raw(&answer, sql);
        assert!(error(&answer).is_some() || values(&answer).iter().all(Option::is_none), "{sql}");
    }
    // The type's name counts, yet is no use of the column.
    let made = masked.query("SELECT (ROW('a', 'b', 'c')::place).street");
    assert_eq!((error(&made), values(&made)), (None, vec![Some("a".to_owned())]));
    // Whole rows show what is not protected.
    let rows = "SELECT p FROM (SELECT id, who, plain FROM people) p WHERE id = 1";
    assert_eq!(values(&masked.query(rows)), [Some("(1,,\"(plain,c,z)\")".to_owned())]);
}

#[test]
fn a_row_that_was_read_is_not_written_back() {
    let databases = databases();
    let mut masked = databases.masked();
    let read = values(&masked.query("SELECT who FROM people WHERE id = 1"))[0].clone().unwrap();
    for sql in [
        format!("UPDATE people SET who = '{}' WHERE id = 1", read.replace('\'', "''")),
        "UPDATE people SET who.name = 'x' WHERE id = 1".to_owned(),
        "UPDATE people SET who.name = NULL WHERE id = 1".to_owned(),
        "UPDATE people SET who = ROW('x', NULL, NULL, NULL, 1) WHERE id = 1".to_owned(),
        "INSERT INTO people (id, who.name) VALUES (9, 'x')".to_owned(),
    ] {
        assert_eq!(error(&masked.query(&sql)).as_deref(), Some("42501"), "{sql}");
    }
    assert_eq!(error(&masked.query("INSERT INTO people (id, who) VALUES (9, NULL)")), None);
    let truth = databases.server.sql("truth", "SELECT (who).name FROM people WHERE id = 1");
    assert_eq!(truth.trim(), "raw ann");
}

#[test]
fn a_field_with_tokens_joins_and_is_compared() {
    let databases = databases();
    databases.server.sql(
        "truth",
        "INSERT INTO known VALUES (1, '007919-0031'), (2, '015838-0062');
         UPDATE people SET card = ROW('007919-0031', 4711) WHERE id = 3;",
    );
    let mut masked = databases.masked();
    let ssn = values(&masked.query("SELECT ssn FROM known WHERE id = 1"))[0].clone().unwrap();
    let inside = values(&masked.query("SELECT (card).ssn, (card).number, card FROM people WHERE id = 3"));
    let [token, number, card] = &inside[..] else { panic!("{inside:?}") };
    assert_eq!(token.as_ref(), Some(&ssn));
    let number = number.clone().unwrap();
    assert_ne!(number, "4711");
    assert_eq!(card.as_deref(), Some(&*format!("({ssn},{number})")));
    let one = [Some("3".to_owned())];
    let join = "SELECT p.id FROM people p JOIN known k ON (p.card).ssn = k.ssn";
    assert_eq!(values(&masked.query(join)), one);
    for condition in [format!("(card).ssn = '{ssn}'"), format!("(card).number = {number}")] {
        assert_eq!(values(&masked.query(&format!("SELECT id FROM people WHERE {condition}"))), one);
    }
    let bound = [
        m::parse("", "SELECT id FROM people WHERE (card).ssn = $1", &[]),
        m::bind("", "", &[Some(&ssn)], &[0]),
        m::execute("", 0),
        m::sync(),
    ];
    assert_eq!(values(&masked.exchange(&bound.concat())), one);
    let guess = "SELECT id FROM people WHERE (card).ssn = '007919-0031'";
    assert_eq!(error(&masked.query(guess)).as_deref(), Some("42501"));
}

#[test]
fn check_says_which_field_does_not_fit() {
    let server = Server::start();
    server.sql("shop", TYPES);
    let rule = |column: &str, path: &str, method: &str| {
        format!(
            "[[protect]]\ncolumn = \"public.people.{column}\"\npath = \"{path}\"\nmethod = \"{method}\"\n"
        )
    };
    let policy = [
        rule("who", "$.nme", "redact"),
        rule("at", "$.street.x", "redact"),
        rule("plain", "$.zip", "token"),
        rule("homes", "$.street[*]", "redact"),
        rule("card", "$.number", "email"),
    ];
    let bauta = Bauta::prepare(&server, &policy.concat());
    let checked = bauta.cli(&["check", "-c", "proxy.toml"]);
    assert_eq!(checked.code, Some(1), "{checked:?}");
    let said = format!("{}{}", checked.stdout, checked.stderr);
    for fault in [
        "public.people.who: method \"document\" does not fit type person: path $.nme: its fields are name, born, home, tags, n",
        "public.people.at: method \"document\" does not fit type place: field street has no fields, end the path there",
        "public.people.plain: method \"document\" does not fit type place: field zip: method \"token\" does not fit type varchar(10)",
        "path $.street[*]: elements of an array are masked one by one, leave \"[*]\" out",
        "field number: method \"email\" does not fit type int4",
    ] {
        assert!(said.contains(fault), "{fault}\n{said}");
    }
}
