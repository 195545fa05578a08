//! Goal: every cell of methods × types × formats is masked as it says, or an
//! error of `check`. Method: one table for each declared type (of
//! `masks::COLUMNS`, domains over some, and arrays of each) with a column and a
//! rule for every method that `docs/MASKS.md` lists. `check` must name just the
//! rules that the table of that page leaves out. The program then serves the
//! same file; what it shows in text and in binary is given back to PostgreSQL
//! in the same format, which must read one and the same value of the declared
//! type, that is not the original.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use bauta::mask::{Format, Method};

use crate::documents::extended;
use crate::harness::{Bauta, Frame, Raw as Session, Server, password};
use crate::masks::{COLUMNS, Judge, KEYS, Raw};

/// Types beyond those of `masks::COLUMNS`: domains over others, and what holds them.
const MORE: &[(&str, &[&str])] = &[
    ("d_int4", &["17", "-4711"]),
    ("d_numeric", &["123456.78"]),
    ("d_char", &["alice@example.com"]),
    ("d_uuid", &["12345678-1234-4234-9234-123456789abc"]),
    ("d_date", &["2024-02-29"]),
    ("d_jsonb", &["{\"a\": 1}"]),
    ("d_mood", &["calm"]),
    ("d_pair", &["(1,x)"]),
    ("nested", &["(1,\"(2,y)\")"]),
    ("numrange", &["[1.5,2.5)"]),
    ("daterange", &["[2024-02-28,2024-02-29)"]),
    ("tstzrange", &["[2024-02-28 12:00+00,2024-02-29 12:00+00)"]),
];

const TYPES: &str = "CREATE DOMAIN d_int4 AS int4; CREATE DOMAIN d_numeric AS numeric(8,2);
    CREATE DOMAIN d_char AS char(50); CREATE DOMAIN d_uuid AS uuid; CREATE DOMAIN d_date AS date;
    CREATE DOMAIN d_jsonb AS jsonb; CREATE DOMAIN d_mood AS mood; CREATE DOMAIN d_pair AS pair;
    CREATE TYPE nested AS (a int, b pair);";

/// A rule for each column that can say so. The options are those that fit the
/// kind of type, if any do.
fn rule(declared: &str, method: Method) -> String {
    let options = match (method, kind_of(declared)) {
        (Method::Generalize, Kind::Moment) => "to = 'year'",
        (Method::Generalize, Kind::Network) => "prefix = 16",
        (Method::Generalize, _) => "bucket = 10",
        (Method::Fake, _) => "kind = 'first_name'",
        _ => "",
    };
    format!("method = '{}'\n{options}\n", method.name())
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Text,
    Integer,
    Small,
    Number,
    Uuid,
    Bytes,
    Moment,
    Network,
    Other,
}

fn kind_of(declared: &str) -> Kind {
    match declared.split(['(', ' ']).next().unwrap() {
        "text" | "citext" | "varchar" | "short" | "shorter" | "char" | "bpchar" | "name" | "d_char" => {
            Kind::Text
        }
        "int4" | "int8" | "d_int4" => Kind::Integer,
        "int2" => Kind::Small,
        "numeric" | "float4" | "float8" | "d_numeric" => Kind::Number,
        "uuid" | "d_uuid" => Kind::Uuid,
        "bytea" => Kind::Bytes,
        "date" | "timestamp" | "timestamptz" | "d_date" => Kind::Moment,
        "inet" | "cidr" => Kind::Network,
        _ => Kind::Other,
    }
}

/// The table of `docs/MASKS.md`, and what the shortest columns can't hold.
fn fits(declared: &str, method: Method) -> bool {
    let too_short: &[Method] = match declared {
        "varchar(12)" => &[Method::Token],
        "char(8)" => &[Method::Token, Method::Email],
        _ => &[],
    };
    let kinds: &[Kind] = match method {
        Method::Redact | Method::Null => return true,
        Method::Partial | Method::Email | Method::Fpe | Method::Fake => &[Kind::Text],
        Method::Hash => &[Kind::Text, Kind::Integer, Kind::Small, Kind::Uuid, Kind::Bytes],
        Method::Token => &[Kind::Text, Kind::Integer, Kind::Uuid],
        Method::Generalize => &[Kind::Moment, Kind::Integer, Kind::Small, Kind::Number, Kind::Network],
        Method::Noise => &[Kind::Integer, Kind::Small, Kind::Number],
        Method::Show | Method::Document => &[],
    };
    kinds.contains(&kind_of(declared)) && !too_short.contains(&method)
}

/// The methods that mask. `show` is none.
fn methods() -> impl Iterator<Item = Method> {
    Method::ALL.into_iter().filter(|method| *method != Method::Show)
}

struct Cells {
    judge: Judge,
    bauta: Bauta,
    /// Of the server itself.
    port: u16,
    /// Declared type, whether of arrays of it, and name.
    tables: Vec<(&'static str, bool, String)>,
    _server: Server,
}

impl Cells {
    fn start() -> Self {
        let server = Server::start();
        let judge = Judge::of(&server, "shop");
        judge.run(&format!("{TYPES} CREATE SCHEMA cells; GRANT USAGE ON SCHEMA cells TO ana;"));
        let mut tables = Vec::new();
        let mut config = String::new();
        for (number, (declared, values)) in COLUMNS.iter().chain(MORE).enumerate() {
            if declared.ends_with("multirange") && server.major() < 14 {
                continue;
            }
            for array in [false, true] {
                let table = format!("t{number}{}", if array { "_many" } else { "" });
                judge.run(&filled(&table, declared, values, array));
                for method in methods() {
                    let column = format!("cells.{table}.m_{}", method.name());
                    writeln!(config, "[[protect]]\ncolumn = '{column}'\n{}", rule(declared, method)).unwrap();
                }
                tables.push((*declared, array, table));
            }
        }
        judge.run("GRANT SELECT ON ALL TABLES IN SCHEMA cells TO ana");
        let bauta = Bauta::prepare(&server, &config);
        // Keyed masks of small types may meet their originals by chance: the same ones each time.
        std::fs::write(bauta.directory.join("bauta.key"), KEYS).unwrap();
        Self { judge, bauta, port: server.port(), tables, _server: server }
    }
}

/// A table with the same value in every column; what is shown goes to `seen_…`.
fn filled(table: &str, declared: &str, values: &[&str], array: bool) -> String {
    let quoted: Vec<String> =
        values.iter().map(|value| format!("'{}'::{declared}", value.replace('\'', "''"))).collect();
    let (ty, rows) = match array {
        false => (declared.to_owned(), [quoted, vec!["NULL".to_owned()]].concat()),
        true => {
            let (all, first) = (quoted.join(", "), &quoted[0]);
            let rows = [
                format!("ARRAY[{all}]"),
                format!("ARRAY[ARRAY[{first}], ARRAY[NULL::{declared}]]"),
                "NULL".to_owned(),
            ];
            (format!("{declared}[]"), rows.to_vec())
        }
    };
    let columns: Vec<String> = methods().map(|method| format!("m_{}", method.name())).collect();
    let defined: Vec<String> = columns.iter().map(|column| format!("{column} {ty}")).collect();
    let mut sql = format!(
        "CREATE TABLE cells.{table} (id serial PRIMARY KEY, {});
         CREATE TABLE cells.seen_{table} (id int, method text, in_text {ty}, in_binary {ty});",
        defined.join(", ")
    );
    for row in rows {
        let all = vec![row; columns.len()].join(", ");
        writeln!(sql, "INSERT INTO cells.{table} ({}) VALUES ({all});", columns.join(", ")).unwrap();
    }
    sql
}

type Row = Vec<Option<Vec<u8>>>;

/// What describes the rows, and the rows.
fn shown(frames: &[Frame]) -> (Vec<u8>, Vec<Row>) {
    assert!(!frames.iter().any(|frame| frame.tag == b'E'), "{frames:?}");
    let described = frames.iter().find(|frame| frame.tag == b'T').unwrap().body.clone();
    (described, frames.iter().filter(|frame| frame.tag == b'D').map(Frame::columns).collect())
}

#[test]
fn every_cell_is_masked_alike_in_text_and_binary_or_is_an_error_of_check() {
    let mut cells = Cells::start();
    let mut unfit = BTreeSet::new();
    for (declared, _, table) in &cells.tables {
        let left_out = methods().filter(|method| !fits(declared, *method));
        unfit.extend(left_out.map(|method| format!("cells.{table}.m_{0}: method \"{0}\"", method.name())));
    }
    let checked = cells.bauta.cli(&["check", "-c", "proxy.toml"]);
    assert_eq!(checked.code, Some(1));
    let said = format!("{}{}", checked.stdout, checked.stderr);
    let errors = said.lines().filter(|line| line.contains(": error: "));
    let errors: BTreeSet<String> = errors
        .map(|line| {
            let (place, said) =
                line.split_once(": error: database \"shop\": ").unwrap_or_else(|| panic!("{line}"));
            assert!(place.contains("proxy.toml:"), "{line}");
            let (cell, mend) = said.split_once(" does not fit type ").unwrap_or_else(|| panic!("{line}"));
            assert!(mend.contains(": "), "no mend: {line}");
            cell.to_owned()
        })
        .collect();
    assert_eq!(errors, unfit);

    cells.bauta.serve();
    let session =
        |port| Session::connect_with(port, &[("user", "ana"), ("database", "shop")], &password("ana"));
    let (mut masked, mut plain) = (session(cells.bauta.port).unwrap(), session(cells.port).unwrap());
    for (declared, array, table) in &cells.tables {
        let sql = format!("SELECT * FROM cells.{table} ORDER BY id");
        let [in_text, in_binary] = [0, 1].map(|format| {
            let (described, rows) = shown(&masked.exchange(&extended(&sql, format)));
            let (truly, originals) = shown(&plain.exchange(&extended(&sql, format)));
            assert_eq!(described, truly, "{declared}: names, types, lengths and formats");
            assert_eq!(rows.len(), originals.len());
            rows
        });
        cells.give_back(table, &in_text, &in_binary);
        for seen in cells.seen(table, *array) {
            seen.is_right(declared, *array);
        }
    }
}

/// What PostgreSQL says of one cell's value.
#[derive(Debug)]
struct Seen {
    method: Method,
    original: Option<String>,
    in_text: Option<String>,
    in_binary: Option<String>,
    /// What `redact` shows of the same value.
    redacted: Option<String>,
    /// As many elements, in the same dimensions.
    same_dimensions: bool,
    /// Has any row of this column another value than the original?
    any_differs: bool,
}

impl Seen {
    fn is_right(&self, declared: &str, array: bool) {
        let said = format!("{declared} array={array}: {self:?}");
        assert_eq!(self.in_text, self.in_binary, "{said}");
        match (&self.original, self.method) {
            (None, _) | (_, Method::Null) => assert_eq!(self.in_text, None, "{said}"),
            _ => {
                assert!(self.same_dimensions, "{said}");
                assert!(self.any_differs, "{said}");
            }
        }
        if !fits(declared, self.method) {
            assert_eq!(self.in_text, self.redacted, "{said}");
        }
        let never_original = fits(declared, self.method)
            && matches!(
                self.method,
                Method::Partial | Method::Email | Method::Hash | Method::Token | Method::Fpe | Method::Fake
            );
        assert!(!never_original || self.original.is_none() || self.in_text != self.original, "{said}");
    }
}

impl Cells {
    /// Sends what was shown, each value in the format that it came in.
    fn give_back(&self, table: &str, in_text: &[Row], in_binary: &[Row]) {
        let Judge { runtime, client, .. } = &self.judge;
        let sql =
            format!("INSERT INTO cells.seen_{table} VALUES ($1, $2, $3, $4) RETURNING in_text, in_binary");
        let insert = runtime.block_on(client.prepare(&sql)).unwrap();
        for (id, (in_text, in_binary)) in (1_i32..).zip(in_text.iter().zip(in_binary)) {
            // The first column is the id.
            for (method, (text, binary)) in methods().zip(in_text.iter().zip(in_binary).skip(1)) {
                let raw = |bytes: &Option<Vec<u8>>, format| bytes.clone().map(|bytes| Raw { bytes, format });
                let values = (raw(text, Format::Text), raw(binary, Format::Binary));
                let row =
                    runtime.block_on(client.query_one(&insert, &[&id, &method.name(), &values.0, &values.1]));
                let row = row.unwrap_or_else(|e| panic!("{table} {method:?}: {e:?}"));
                for place in 0..2 {
                    let stored = row.get::<_, Option<Raw>>(place);
                    assert_eq!(stored, values.1, "{table} {method:?}: stored otherwise than sent");
                }
            }
        }
    }

    fn seen(&self, table: &str, array: bool) -> Vec<Seen> {
        let dimensions = match array {
            true => "array_dims(in_text) IS NOT DISTINCT FROM array_dims(m_redact)",
            false => "true",
        };
        // As texts: some types have no equality.
        let sql = format!(
            "SELECT method, m_redact::text, in_text::text, in_binary::text,
                 max(in_text::text) FILTER (WHERE method = 'redact') OVER (PARTITION BY id), {dimensions},
                 bool_or(in_text::text IS DISTINCT FROM m_redact::text) OVER (PARTITION BY method)
             FROM cells.seen_{table} JOIN cells.{table} USING (id)"
        );
        let rows = self.judge.runtime.block_on(self.judge.client.query(&sql, &[])).unwrap();
        let seen = |row: &tokio_postgres::Row| Seen {
            method: methods().find(|method| method.name() == row.get::<_, &str>(0)).unwrap(),
            original: row.get(1),
            in_text: row.get(2),
            in_binary: row.get(3),
            redacted: row.get(4),
            same_dimensions: row.get(5),
            any_differs: row.get(6),
        };
        let all: Vec<Seen> = rows.iter().map(seen).collect();
        assert!(all.len() >= 2 * methods().count(), "{table}");
        all
    }
}
