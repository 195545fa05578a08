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
