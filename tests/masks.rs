//! PostgreSQL as the judge of masks. Values of every type go into a column, come
//! back in text and in binary, are masked in both formats, and are sent back as
//! parameters in the same format into a column of the same declared type.
//! PostgreSQL must accept them without cutting or rounding, and store the same
//! value both times.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;

use bauta::catalog::Oid;
use bauta::catalog::snapshot::{Snapshot, TypeInfo};
use bauta::mask::{self, DocumentPath, DocumentRule, Format, KeyRing, Mask, Masked, MethodSpec, ValueType};
use bytes::BytesMut;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Runtime;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::harness::{Server, client};

pub(crate) const KEYS: &str = "3 2026-01-31T12:00:00Z AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// The bytes of a value in one wire format, whatever its type.
#[derive(Debug, PartialEq)]
pub(crate) struct Raw {
    pub bytes: Vec<u8>,
    pub format: Format,
}

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self { bytes: raw.to_vec(), format: Format::Binary })
    }
    fn accepts(_: &Type) -> bool {
        true
    }
}

impl ToSql for Raw {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(&self.bytes);
        Ok(IsNull::No)
    }
    fn accepts(_: &Type) -> bool {
        true
    }
    fn encode_format(&self, _: &Type) -> tokio_postgres::types::Format {
        match self.format {
            Format::Text => tokio_postgres::types::Format::Text,
            Format::Binary => tokio_postgres::types::Format::Binary,
        }
    }
    to_sql_checked!();
}

pub(crate) struct Judge {
    pub runtime: Runtime,
    pub client: Client,
    keys: KeyRing,
}

impl Judge {
    fn new() -> Self {
        let server = Server::shared();
        Self::of(server, &server.copy_of_shop())
    }

    /// In a database that the types of `COLUMNS` are made in.
    pub(crate) fn of(server: &Server, database: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        server.sql(
            database,
            "CREATE EXTENSION IF NOT EXISTS citext; CREATE TYPE mood AS ENUM ('calm', 'cross');
             CREATE TYPE pair AS (a int, b text); CREATE DOMAIN short AS varchar(60);
             CREATE DOMAIN shorter AS short;",
        );
        let client = runtime.block_on(client(server.port(), "postgres", database));
        Self { runtime, client, keys: KeyRing::parse(KEYS).unwrap() }
    }

    pub(crate) fn run(&self, sql: &str) {
        self.runtime.block_on(self.client.batch_execute(sql)).unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    }

    /// Two columns of a declared type: what is read, what is written.
    fn columns(&self, declared: &str) -> ValueType {
        self.run(&format!(
            "DROP TABLE IF EXISTS pg_temp.v; CREATE TEMP TABLE v (n serial, c {declared}, masked {declared})"
        ));
        self.runtime.block_on(async {
            let rows = self
                .client
                .query(
                    "SELECT oid, typname::text, typtype, typcategory, typelem, typbasetype, typtypmod FROM pg_type",
                    &[],
                )
                .await
                .unwrap();
            let some = |oid: u32| (oid != 0).then_some(Oid(oid));
            let types: HashMap<Oid, TypeInfo> = rows
                .iter()
                .map(|row| {
                    let oid = Oid(row.get(0));
                    let info = TypeInfo {
                        oid,
                        schema: "".into(),
                        name: Arc::from(row.get::<_, String>(1)),
                        kind: char::from(row.get::<_, i8>(2).cast_unsigned()),
                        category: char::from(row.get::<_, i8>(3).cast_unsigned()),
                        element: some(row.get(4)),
                        base: some(row.get(5)),
                        modifier: row.get(6),
                        relation: None,
                        extension: None,
                    };
                    (oid, info)
                })
                .collect();
            let snapshot = Snapshot { types, ..Snapshot::default() };
            let row = self
                .client
                .query_one(
                    "SELECT atttypid, atttypmod FROM pg_attribute WHERE attrelid = 'v'::regclass AND attname = 'c'",
                    &[],
                )
                .await
                .unwrap();
            ValueType::resolve(&snapshot, Oid(row.get(0)), row.get(1))
        })
    }

    /// The values in both formats, in order.
    fn values(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.runtime.block_on(async {
            let sql = "SELECT c FROM v WHERE c IS NOT NULL ORDER BY n";
            let binary = self.client.query(sql, &[]).await.unwrap();
            let text = self.client.simple_query(sql).await.unwrap();
            let text = text.iter().filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => row.get(0).map(|t| t.as_bytes().to_vec()),
                _ => None,
            });
            text.zip(binary.iter().map(|row| row.get::<_, Raw>(0).bytes)).collect()
        })
    }

    /// What PostgreSQL stores when it is sent a masked value.
    fn stored(&self, bytes: Vec<u8>, format: Format) -> Vec<u8> {
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        let sql = "INSERT INTO v (masked) VALUES ($1) RETURNING masked";
        let row = self.runtime.block_on(self.client.query_one(sql, &[&Raw { bytes, format }]));
        row.unwrap_or_else(|e| panic!("{format:?} {shown:?}: {e:?}")).get::<_, Raw>(0).bytes
    }

    /// Every value of column c, masked both ways, means the same to PostgreSQL,
    /// which stores just what was sent.
    fn agree(&self, spec: &MethodSpec, ty: &ValueType) {
        let plan = |format| mask::plan(spec, "domain", ty, format, &self.keys).unwrap();
        let (as_text, as_binary) = (plan(Format::Text), plan(Format::Binary));
        for (text, binary) in self.values() {
            let context = format!("{} of {} {:?}", spec.name(), ty.name, String::from_utf8_lossy(&text));
            let masked = (apply(&*as_text, &text), apply(&*as_binary, &binary));
            let (Some(text), Some(binary)) = masked else {
                assert_eq!(masked, (None, None), "{context}");
                continue;
            };
            let stored = self.stored(text, Format::Text);
            assert_eq!(stored, self.stored(binary.clone(), Format::Binary), "{context}");
            assert_eq!(stored, binary, "{context}: stored otherwise than sent");
        }
    }
}

fn apply(mask: &dyn Mask, value: &[u8]) -> Option<Vec<u8>> {
    let mut out = BytesMut::new();
    match mask.apply(value, &mut out).unwrap() {
        Masked::Value => Some(out.to_vec()),
        Masked::Null => None,
    }
}

fn spec(method: &str, options: &str) -> MethodSpec {
    let table: toml::Table = options.parse().unwrap();
    MethodSpec::parse(method, &table.into_iter().collect()).unwrap()
}

/// Declared type, literals of it.
pub(crate) const COLUMNS: &[(&str, &[&str])] = &[
    ("text", &["alice@example.com", "", "NULL", "a \"b\" \\c, {d}", "Ångström €", "line\nbreak"]),
    ("citext", &["Alice@Example.com", ""]),
    ("varchar", &["alice@example.com"]),
    (
        "varchar(60)",
        &["alice@example.com", "", "fifteen chars..", "a value of forty-eight characters, more or less."],
    ),
    ("varchar(12)", &["alice@a.de", "abc"]),
    ("short", &["alice@example.com"]),
    ("shorter", &["alice@example.com"]),
    ("char(50)", &["alice@example.com", ""]),
    ("char(8)", &["alice", "é"]),
    ("bpchar", &["alice  "]),
    ("name", &["alice@example.com"]),
    ("\"char\"", &["x"]),
    ("int2", &["-32768", "0", "32767"]),
    ("int4", &["-2147483648", "0", "2147483647"]),
    ("int8", &["-9223372036854775808", "0", "9223372036854775807"]),
    ("numeric", &["0", "-12345.678900", "NaN", "1e500"]),
    ("numeric(8,2)", &["123456.78", "-0.01"]),
    ("numeric(3,0)", &["999"]),
    ("float4", &["1.5", "NaN", "-Infinity"]),
    ("float8", &["1.5e300", "NaN", "Infinity"]),
    ("bool", &["t", "f"]),
    ("date", &["2024-02-29", "infinity", "0044-03-15 BC"]),
    ("time", &["23:59:59.999999", "24:00:00"]),
    ("time(0)", &["23:59:59"]),
    ("timetz", &["23:59:59+02"]),
    ("timestamp", &["2024-02-29 12:30:00.123456", "-infinity"]),
    ("timestamp(0)", &["2024-02-29 12:30:00"]),
    ("timestamptz", &["2024-02-29 12:30:00+02"]),
    ("timestamptz(3)", &["2024-02-29 12:30:00.123+02"]),
    ("interval", &["1 year 2 months 3 days 04:05:06.789"]),
    ("interval day to second(3)", &["3 days 04:05:06.789"]),
    ("uuid", &["12345678-1234-4234-9234-123456789abc"]),
    ("bytea", &["\\x", "\\x00ff5c61"]),
    ("inet", &["192.0.2.17/24", "2001:db8::1"]),
    ("cidr", &["192.0.2.0/24", "2001:db8::/32"]),
    ("macaddr", &["08:00:2b:01:02:03"]),
    ("macaddr8", &["08:00:2b:01:02:03:04:05"]),
    ("json", &["{\"a\": [1, null]}", "\"x\""]),
    ("jsonb", &["{\"a\": [1, null]}", "\"x\""]),
    ("xml", &["<a>b</a>", "plain"]),
    ("money", &["12.34"]),
    ("mood", &["calm"]),
    ("pair", &["(1,x)"]),
    ("int4range", &["[1,5)", "empty"]),
    ("int4multirange", &["{[1,5),[7,9)}"]),
];

#[test]
fn every_method_that_fits_gives_postgres_the_same_value_in_text_and_binary() {
    let judge = Judge::new();
    let mut judged = 0;
    // Multiranges came with PostgreSQL 14.
    let known = |declared: &str| declared != "int4multirange" || Server::shared().major() >= 14;
    for (declared, values) in COLUMNS.iter().filter(|(declared, _)| known(declared)) {
        for array in [false, true] {
            let brackets = if array { "[]" } else { "" };
            let ty = judge.columns(&format!("{declared}{brackets}"));
            assert_eq!(ty.element.is_some(), array, "{declared}");
            let quoted = values.iter().map(|v| format!("('{}'::{declared})", v.replace('\'', "''")));
            let quoted: Vec<_> = quoted.collect();
            let rows = match array {
                false => quoted.join(", "),
                true => format!(
                    "(ARRAY[{0}]), ('{{}}'), ('{{NULL}}'), (ARRAY[ARRAY[{1}], ARRAY[NULL::{declared}]]), ('[5:5]={{NULL}}')",
                    quoted.join(", "),
                    quoted[0]
                ),
            };
            judge.run(&format!("INSERT INTO v (c) VALUES {rows}"));
            for method in mask::fitting(&ty).collect::<Vec<_>>() {
                let spec = mask::example(method, &ty).unwrap();
                judge.agree(&spec, &ty);
                judged += 1;
            }
        }
    }
    // redact and null fit all of them, and nothing was left out.
    assert!(judged >= COLUMNS.len() * 4, "{judged}");
}

#[test]
fn options_give_postgres_the_same_value_in_text_and_binary() {
    let judge = Judge::new();
    for (declared, method, options, value) in [
        ("text", "partial", "first = 1\nlast = 4\nfill = '…'", "4111 1111 1111 1111"),
        ("char(12)", "partial", "last = 2\nfill = '#'", "Ångström"),
        ("text", "hash", "length = 9", "alice"),
        ("bytea", "hash", "length = 16", "\\x00ff"),
        ("varchar(5)", "redact", "value = 'éé…éé'", "alice"),
        ("char(9)", "redact", "value = 'n/a'", "alice"),
        ("int2", "redact", "value = -32768", "1"),
        ("numeric", "redact", "value = '-120003400.0560'", "1"),
        ("numeric", "redact", "value = '0.00001234'", "1"),
        ("numeric", "redact", "value = '-0.0'", "1"),
        ("numeric(12,4)", "redact", "value = 99999999.9999", "1"),
        ("float4", "redact", "value = 0.1", "1"),
        ("float8", "redact", "value = -2.5e-300", "1"),
        ("float8", "redact", "value = inf", "1"),
        ("bool", "redact", "value = true", "f"),
        ("date", "redact", "value = 0001-01-01", "2024-02-29"),
        ("date", "redact", "value = 9999-12-31", "2024-02-29"),
        ("time(3)", "redact", "value = 23:59:59.125", "01:00:00"),
        ("timetz", "redact", "value = 23:59:59.125", "01:00:00+01"),
        ("timestamp", "redact", "value = 1999-12-31T23:59:59.999999", "2024-02-29"),
        ("timestamptz", "redact", "value = 1999-12-31T23:59:59+05:30", "2024-02-29"),
        (
            "uuid",
            "redact",
            "value = '12345678-1234-8234-9234-123456789ABC'",
            "12345678-1234-4234-9234-123456789abc",
        ),
        ("bytea", "redact", "value = '\\x00ff'", "\\x"),
        ("inet", "redact", "value = '2001:db8::1/64'", "10.0.0.1"),
        ("cidr", "redact", "value = '2001:db8::/32'", "10.0.0.0/8"),
        ("macaddr8", "redact", "value = '08:00:2b:01:02:03:04:05'", "00:00:00:00:00:00:00:01"),
        ("jsonb", "redact", "value = '{\"gone\": true}'", "{}"),
        ("json", "redact", "value = '\"***\"'", "{}"),
        ("xml", "redact", "value = 'gone'", "<a/>"),
        ("varchar(16)", "fake", "kind = 'name'", "alice"),
        ("char(40)", "fake", "kind = 'uuid'", "alice"),
        ("name", "fake", "kind = 'street'", "alice"),
        ("int2", "noise", "percent = 100", "32767"),
        ("int8", "noise", "percent = 0.5", "-9223372036854775808"),
        ("numeric", "noise", "", "-12345.678900"),
        ("numeric(5,2)", "noise", "percent = 99.5", "999.99"),
        ("float4", "noise", "", "2.75"),
        ("float8", "noise", "", "-2.75e-300"),
        ("int2", "generalize", "bucket = 1000", "-32768"),
        ("numeric", "generalize", "bucket = 2.5", "-12345.678"),
        ("numeric(12,4)", "generalize", "bucket = 1000", "98765432.1234"),
        ("float4", "generalize", "bucket = 0.1", "2.75"),
        ("inet", "generalize", "prefix = 20", "192.0.2.17/24"),
        ("cidr", "generalize", "prefix = 8\nprefix6 = 20", "2001:db8::/32"),
    ] {
        let ty = judge.columns(declared);
        judge.run(&format!("INSERT INTO v (c) VALUES ('{value}')"));
        judge.agree(&spec(method, options), &ty);
    }
}

/// PostgreSQL's own date_trunc says where a unit begins.
#[test]
fn generalized_moments_are_what_date_trunc_says() {
    let judge = Judge::new();
    judge.run("SET TimeZone = 'Asia/Kathmandu'");
    for declared in ["date", "timestamp", "timestamptz"] {
        let ty = judge.columns(declared);
        judge.run(
            "INSERT INTO v (c) SELECT '1969-07-20 20:17:40'::timestamp + n * interval '1000 days 7 hours 11.5 seconds'
             FROM generate_series(-40, 40) n",
        );
        for unit in ["decade", "year", "quarter", "month", "day", "hour"] {
            let spec = spec("generalize", &format!("to = '{unit}'"));
            if mask::fits(&spec, &ty).is_err() {
                assert!(declared == "date" && matches!(unit, "day" | "hour"));
                continue;
            }
            judge.run("DELETE FROM v WHERE masked IS NOT NULL");
            judge.agree(&spec, &ty);
            let expected = match declared {
                "timestamptz" => format!("date_trunc('{unit}', c, 'UTC')"),
                _ => format!("date_trunc('{unit}', c::timestamp)"),
            };
            let judged = judge.runtime.block_on(judge.client.query_one(
                &format!(
                    "SELECT count(*), (SELECT array_agg(DISTINCT {expected}::{declared} ORDER BY {expected}::{declared}) FROM v WHERE c IS NOT NULL)
                         = array_agg(DISTINCT masked ORDER BY masked) FROM v WHERE masked IS NOT NULL"
                ),
                &[],
            ));
            let judged = judged.unwrap();
            assert_eq!(
                (judged.get::<_, i64>(0), judged.get::<_, Option<bool>>(1)),
                (162, Some(true)),
                "{declared} {unit}"
            );
        }
    }
}

/// Documents masked at paths, and arrays of them, by every method that fits a path.
#[test]
fn documents_give_postgres_the_same_value_in_text_and_binary() {
    const DOCUMENTS: &[&str] = &[
        r#"{"user": {"email": "alice@example.com", "n": 17.5, "name": "x"}, "user2": 1}"#,
        r#"{"user": [{"email": "\"a\" \\u00e9\\ud83d\\ude00", "n": -1e3}, {"email": ["a", null], "n": "7"}]}"#,
        r#"{"user": {"email": null, "n": true}}"#,
        r#"[{"user": {"email": {"email": "x"}, "n": {}}}, "user", 1]"#,
        r#"{"user": "none", "email": "kept@example.com"}"#,
        "null",
    ];
    let judge = Judge::new();
    let quoted: Vec<String> =
        DOCUMENTS.iter().map(|text| format!("'{}'", text.replace('\'', "''"))).collect();
    for declared in ["json", "jsonb", "json[]", "jsonb[]"] {
        let ty = judge.columns(declared);
        let rows = match ty.element {
            None => quoted.iter().map(|row| format!("({row})")).collect::<Vec<_>>().join(", "),
            Some(_) => format!("(ARRAY[{}, NULL]::{declared})", quoted.join(", ")),
        };
        judge.run(&format!("INSERT INTO v (c) VALUES {rows}"));
        for (method, options) in [
            ("redact", ""),
            ("redact", "value = 0"),
            ("null", ""),
            ("partial", ""),
            ("email", ""),
            ("hash", ""),
            ("token", ""),
            ("fpe", ""),
            ("fake", "kind = 'name'"),
            ("generalize", "bucket = 10"),
            ("noise", ""),
        ] {
            let rule = |path: &str| DocumentRule {
                path: DocumentPath::parse(path).unwrap(),
                method: spec(method, options),
                domain: path.into(),
            };
            let rules = MethodSpec::Document([rule("$.user.email"), rule("$.user.n")].into());
            judge.agree(&rules, &ty);
        }
    }
}

/// As above for values that nobody thought of, with arrays that PostgreSQL
/// writes itself.
#[test]
fn random_texts_give_postgres_the_same_value_in_text_and_binary() {
    let judge = Judge::new();
    let any_texts = proptest::collection::vec("[^\0]{0,40}|[{}\",\\\\ NULa@.é]{0,12}", 1..8);
    for declared in ["text", "char(64)", "text[]"] {
        let ty = judge.columns(declared);
        let mut runner =
            TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
        runner
            .run(&any_texts, |texts| {
                judge.run("TRUNCATE v");
                let elements = ty.element.is_some();
                let sql = match elements {
                    true => "INSERT INTO v (c) VALUES ($1::text[])",
                    false => "INSERT INTO v (c) SELECT unnest($1::text[])",
                };
                judge.runtime.block_on(judge.client.execute(sql, &[&texts])).unwrap();
                for method in ["partial", "email", "hash", "token"] {
                    judge.agree(&spec(method, ""), &ty);
                }
                Ok(())
            })
            .unwrap();
    }
}

/// `bytea_output = escape` and other DateStyles change the text form of values.
#[test]
fn other_text_forms_of_a_value_get_the_same_mask() {
    let judge = Judge::new();
    let bytea = judge.columns("bytea");
    judge.run("INSERT INTO v (c) VALUES ('\\x'), ('\\x00ff5c6127'), ('plain')");
    judge.run("SET bytea_output = 'escape'");
    judge.agree(&spec("hash", ""), &bytea);
    judge.run("RESET bytea_output");
    for style in ["SQL, DMY", "German", "Postgres, MDY", "ISO"] {
        judge.run(&format!("SET DateStyle = {style}"));
        for declared in ["date", "timestamp", "timestamptz", "interval"] {
            let ty = judge.columns(declared);
            judge.run(&format!(
                "INSERT INTO v (c) VALUES ('{}')",
                if declared == "interval" { "1 day" } else { "2024-02-29" }
            ));
            judge.agree(&spec("redact", ""), &ty);
        }
    }
}
