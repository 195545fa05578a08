//! Statements that are more than a query: writes, COPY, DDL, tokens used as
//! values, functions with effects, plans, the catalog.

use super::play::Way;
use super::script::{KEYED, MORE, Made, Maker, simple};
use crate::oracle_sql::Named;

impl Maker {
    pub(super) fn write(&mut self) -> String {
        let accounts = [Named::table(MORE[0], "accounts")];
        let text = |this: &mut Self| this.sql.value('t', &accounts, &[], 1);
        match self.sql.below(16) {
            0..=3 => self.sql.write(),
            14 => {
                let set = self.sql.one(&["u.*, NULL", "NULL, u.*", "u.*"]);
                let from = self.sql.one(&["(SELECT 'x' AS p) u", "unnest('a:1'::tsvector) u", "scratch u"]);
                format!(
                    "UPDATE accounts SET (label, nick) = (SELECT {set} FROM {from} LIMIT 1) WHERE id = 3 RETURNING *"
                )
            }
            15 => {
                let list = self.sql.one(&["id, label, nick", "id, nick, label", "id, label"]);
                let values = self.sql.one(&["u.*, NULL", "NULL, u.*", "u.*"]);
                format!(
                    "MERGE INTO accounts USING scratch u ON accounts.id = u.id + 900 WHEN NOT MATCHED AND u.id = 2 THEN INSERT ({list}) VALUES ({values})"
                )
            }
            4 => {
                let nick = self.sql.one(&["NULL", "DEFAULT", "'guess'", "'nora3'"]);
                let returned = text(self);
                format!(
                    "INSERT INTO accounts (id, nick, label) VALUES (901, {nick}, 'new') RETURNING id, nick, {returned}"
                )
            }
            5 => {
                let set = text(self);
                format!(
                    "INSERT INTO accounts (id, label) VALUES (3, 'again') ON CONFLICT (id) DO UPDATE SET label = {set} RETURNING id, label, nick"
                )
            }
            6 => {
                let condition = self.sql.condition(&accounts, &[], 2);
                let column = self.sql.one(&["label", "kind", "nick", "card", "customer_id"]);
                let value = if column == "customer_id" { "7".to_owned() } else { text(self) };
                format!("UPDATE accounts SET {column} = {value} WHERE {condition} RETURNING *")
            }
            7 => {
                let condition = self.sql.condition(&accounts, &[], 2);
                format!(
                    "WITH gone AS (DELETE FROM accounts WHERE {condition} RETURNING *) SELECT id, nick, card FROM gone"
                )
            }
            8 => {
                let condition = self.sql.condition(&accounts, &[], 1);
                format!(
                    "DELETE FROM transfers t USING accounts WHERE t.acct = accounts.acct AND {condition} RETURNING t.id, t.card, accounts.label"
                )
            }
            9 => {
                let source = text(self);
                format!(
                    "MERGE INTO scratch s USING accounts ON s.id = accounts.id WHEN MATCHED AND accounts.id > 3 THEN UPDATE SET t = {source} WHEN NOT MATCHED AND accounts.id > 22 THEN INSERT (id, t) VALUES (accounts.id, accounts.kind)"
                )
            }
            10 => {
                let query = self.sql.query(&['i', 't'], &[], &[], 2);
                format!("INSERT INTO ledger (id, memo) {query}")
            }
            11 => "SELECT id, t FROM scratch".to_owned(),
            12 => "UPDATE staff SET city = 'Oslo' WHERE id < 4 RETURNING *".to_owned(),
            _ => format!("UPDATE people SET label = {} RETURNING id, secret, doubled", {
                let people = [Named {
                    name: "people".to_owned(),
                    columns: vec![("secret".to_owned(), 't'), ("label".to_owned(), 't')],
                }];
                self.sql.value('t', &people, &[], 1)
            }),
        }
    }

    pub(super) fn copy(&mut self) -> Made {
        let options = self.sql.one(&[
            "",
            "",
            " (FORMAT csv)",
            " (FORMAT csv, HEADER)",
            " (FORMAT binary)",
            " (DELIMITER '|', NULL 'none')",
        ]);
        match self.sql.below(8) {
            // A binary token of eight or sixteen bytes has no shape to tell it by.
            0 => simple(format!(
                "COPY {} TO STDOUT{options}",
                self.sql.one(&[
                    "customers",
                    "staff",
                    "v_deep",
                    "events",
                    "contacts",
                    "people",
                    "orders",
                    "accounts (id, nick, opened, card, label, tags)"
                ])
            )),
            1 => {
                let data = self
                    .sql
                    .one(&["901\tnew\n902\tother\n", "901\t{text:0}\n", "oops\n", "1\t\\N\n"])
                    .to_owned();
                let sql = self.sql.one(&[
                    "COPY scratch FROM STDIN",
                    "COPY staff (id, ssn) FROM STDIN",
                    "COPY accounts (id, label) FROM STDIN",
                    "COPY contacts (id, email) FROM STDIN",
                ]);
                (Way::CopyIn { sql: sql.to_owned(), data }, false)
            }
            2 => simple(format!(
                "COPY (UPDATE customers SET status = 'c' WHERE id < 4 RETURNING id, email) TO STDOUT{options}"
            )),
            3..=4 => {
                let query = self.keyed().0.replace("acct", "card");
                match query.contains(".*") {
                    true => simple(format!("COPY ({query}) TO STDOUT")),
                    false => (Way::Simple(format!("COPY ({query}) TO STDOUT{options}")), true),
                }
            }
            _ => {
                let query = self.query().0.replace("acct", "card");
                simple(format!("COPY ({query}) TO STDOUT{options}"))
            }
        }
    }

    pub(super) fn ddl(&mut self) -> String {
        let query = self.query().0;
        match self.sql.below(16) {
            0 => format!("CREATE TEMP TABLE made_t AS {query}"),
            1 => format!("CREATE TABLE made_p AS {query}"),
            2 => format!("CREATE VIEW made_v AS {query}"),
            3 => format!("CREATE TEMP VIEW made_w AS {query}"),
            4 => format!("CREATE MATERIALIZED VIEW made_m AS {query}"),
            5 => "CREATE TEMP TABLE made_t (id int, t text)".to_owned(),
            6 => format!(
                "INSERT INTO made_t SELECT id, {} FROM customers",
                self.sql.one(&["city", "email", "status"])
            ),
            7 => "SELECT * FROM made_t".to_owned(),
            8 => "SELECT * FROM made_v".to_owned(),
            9 => "DROP TABLE IF EXISTS made_t, made_p".to_owned(),
            10 => "CREATE FUNCTION made_f(int) RETURNS int LANGUAGE sql AS 'SELECT $1 + 1'".to_owned(),
            11 => "SELECT made_f(id), ssn FROM customers".to_owned(),
            12 => "CREATE TEMP TABLE customers (id int, email text)".to_owned(),
            13 => "CREATE TABLE made_c (id int, email text REFERENCES customers (email))".to_owned(),
            14 => "SELECT c.email, t.* FROM customers c JOIN made_t t ON t.id = c.id".to_owned(),
            _ => self
                .sql
                .one(&[
                    "REFRESH MATERIALIZED VIEW m_all",
                    "TRUNCATE contacts",
                    "COMMENT ON TABLE staff IS 'x'",
                    "CREATE INDEX made_i ON scratch (t)",
                    "BEGIN; ALTER TABLE scratch ADD COLUMN made_x int; SELECT ssn FROM staff; ROLLBACK",
                ])
                .to_owned(),
        }
    }

    /// Work with tokens that this script has seen.
    pub(super) fn token(&mut self) -> Made {
        match self.sql.below(22) {
            which @ (0 | 1) => self.seen(which),
            14..=21 => self.token_elsewhere(),
            2 => (
                Way::Simple("SELECT id, city FROM customers WHERE ssn = '{text:3}' ORDER BY id".to_owned()),
                true,
            ),
            3 => (
                Way::Simple(
                    "SELECT id, ssn FROM customers WHERE ssn IN ('{text:1}', '{text:5}') ORDER BY id"
                        .to_owned(),
                ),
                true,
            ),
            4 => {
                let run = self.run(vec![Some("{text:2}".to_owned())], 0, true);
                (
                    Way::Extended {
                        sql: "SELECT id, ssn FROM staff WHERE ssn = $1 ORDER BY id".to_owned(),
                        run,
                    },
                    true,
                )
            }
            5 => simple("SELECT id FROM accounts WHERE acct = {number:4}"),
            6 => simple("SELECT id FROM accounts WHERE device = '{uuid:4}'"),
            7 => simple("SELECT id FROM accounts WHERE card = '{card:2}'"),
            8 => simple("UPDATE staff SET ssn = '{text:0}' WHERE id = 2 RETURNING id, ssn"),
            9 => simple(
                "INSERT INTO transfers (id, acct, card) VALUES (950, {number:1}, '{card:1}') RETURNING *",
            ),
            10 => simple("INSERT INTO staff (id, ssn) VALUES (950, '{text:1}'), (951, NULL)"),
            11 => simple("SELECT ssn || '{text:0}', ssn LIKE '{text:0}%' FROM staff"),
            12 => simple("SELECT ssn FROM customers UNION SELECT '{text:2}'"),
            _ => {
                let run =
                    self.run(vec![Some("{number:3}".to_owned()), Some("{text:1}".to_owned())], 0, false);
                (
                    Way::Extended {
                        sql: "UPDATE accounts SET acct = $1, label = $2 WHERE id = 5 RETURNING *".to_owned(),
                        run,
                    },
                    false,
                )
            }
        }
    }

    /// Tokens by other paths, and where their originals might show.
    fn token_elsewhere(&mut self) -> Made {
        let by_token = "SELECT id, ssn, city FROM customers WHERE ssn = '{text:4}' ORDER BY id";
        match self.sql.below(12) {
            0 => simple(format!("DECLARE c1 CURSOR WITH HOLD FOR {by_token}")),
            1 => (Way::Simple("FETCH ALL FROM c1".to_owned()), true),
            2 => simple(format!("PREPARE p1 AS {by_token}")),
            3 => simple("SELECT name, statement, parameter_types FROM pg_prepared_statements"),
            4 => simple("SELECT name, statement, is_holdable FROM pg_cursors"),
            5 => simple("SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()"),
            6 => simple("SELECT current_query(), id FROM customers WHERE ssn = '{text:4}'"),
            7 => simple("SELECT 1 / (id - 1) FROM customers WHERE ssn = '{text:4}' AND 1 / (id - id) > 0"),
            8 => simple(format!("EXPLAIN (VERBOSE, COSTS OFF) {by_token}")),
            9 => simple("SET log_parameter_max_length_on_error = -1; SET client_min_messages = debug5"),
            10 => simple(
                "SELECT a.id FROM customers a JOIN staff b USING (ssn) WHERE b.ssn IN ('{text:0}', '{text:9}')",
            ),
            _ => {
                let run = self.run(vec![Some("{number:2}".to_owned()), Some("{uuid:3}".to_owned())], 0, true);
                let sql = "SELECT id, acct FROM accounts WHERE acct = $1 OR device = $2 ORDER BY id";
                (Way::Extended { sql: sql.to_owned(), run }, true)
            }
        }
    }

    /// Functions and settings that leave something to look at.
    pub(super) fn effect(&mut self) -> String {
        let scope = [Named::table(KEYED[0], "customers")];
        let value = self.sql.value('t', &scope, &[], 1);
        let condition = self.sql.condition(&scope, &[], 1);
        match self.sql.below(20) {
            0 => format!("SELECT set_config('my.a', {value}, false) FROM customers WHERE id = 3"),
            1 => "SHOW my.a".to_owned(),
            2 => "SELECT current_setting('my.a', true)".to_owned(),
            3 => format!("SELECT nextval('counter') FROM customers WHERE {condition}"),
            4 => "SELECT last_value, is_called FROM counter".to_owned(),
            5 => format!("SELECT show_it({value}) FROM customers WHERE id < 4"),
            6 => format!("SELECT count(show_it('x')) FROM customers WHERE {condition}"),
            7 => format!("SELECT pg_try_advisory_lock(id) FROM customers WHERE {condition}"),
            8 => "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()".to_owned(),
            9 if self.sql.chance(30) => format!("LISTEN channel_{}", self.session),
            9 => format!("SELECT pg_notify('channel_{}', {value}) FROM customers WHERE id = 4", self.session),
            10 => format!("SELECT lo_from_bytea(0, convert_to({value}, 'UTF8')) > 0 FROM customers WHERE id = 1"),
            11 => "SELECT count(*), sum(length(data)) FROM pg_largeobject_metadata m LEFT JOIN LATERAL (SELECT lo_get(m.oid) AS data) d ON true".to_owned(),
            12 => "SET client_min_messages = log; SET debug_print_plan = on".to_owned(),
            13 => "RESET ALL".to_owned(),
            14 => self.sql.one(&["SET search_path = archive, public", "SET search_path = public, pg_catalog", "SET DateStyle = 'German'", "SET bytea_output = 'escape'", "SET extra_float_digits = 0", "SET SESSION ROLE shop_owner", "SET ROLE shop_owner", "SET standard_conforming_strings = off", "SET plan_cache_mode = force_generic_plan", "SET enable_sort = off", "SET row_security = off", "SET xmloption = document", "SET log_min_duration_statement = 0", "SET application_name = 'x'", "SET check_function_bodies = off", "SET array_nulls = off", "SET default_transaction_read_only = on", "SET IntervalStyle = 'iso_8601'"]).to_owned(),
            15 => "SELECT current_user, current_setting('search_path')".to_owned(),
            16 => format!("DO $$ BEGIN PERFORM set_config('my.a', '{}', false); END $$", self.sql.below(9)),
            17 => "SELECT current_query(), id FROM customers WHERE id = 2 AND status = 'new'".to_owned(),
            18 => "SELECT run_text('SELECT ssn FROM staff')".to_owned(),
            _ => "SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()".to_owned(),
        }
    }

    /// Over tables without statistics of protected columns; see settle.sql.
    pub(super) fn plan(&mut self) -> String {
        let table = self.sql.one(&[KEYED[0], KEYED[1], KEYED[3], MORE[0], MORE[1]]);
        let scope = [Named::table(table, "k")];
        let output = self.sql.value('t', &scope, &[], 1);
        let condition = self.sql.condition(&scope, &[], 0);
        let options = self.sql.one(&[
            "",
            "VERBOSE ",
            "(COSTS OFF) ",
            "(FORMAT json) ",
            "(VERBOSE, FORMAT yaml) ",
            "(ANALYZE, TIMING OFF, SUMMARY OFF) ",
            "(SETTINGS) ",
        ]);
        let name = table.0;
        match self.sql.below(4) {
            0 => format!("EXPLAIN {options}UPDATE {name} k SET id = id WHERE {condition} RETURNING {output}"),
            1 => format!("EXPLAIN {options}SELECT {output} FROM {name} k WHERE {condition} GROUP BY 1"),
            2 => format!("EXPLAIN {options}SELECT k.* FROM {name} k ORDER BY {output}"),
            _ => format!("EXPLAIN {options}SELECT {output} FROM {name} k WHERE {condition}"),
        }
    }

    /// What the server knows about its data.
    pub(super) fn catalog(&mut self) -> Made {
        let relation = self.sql.one(&[
            "pg_stats",
            "pg_catalog.pg_stats",
            "pg_statistic",
            "pg_stats_ext",
            "pg_stats_ext_exprs",
        ]);
        let columns = self.sql.one(&[
            "*",
            "s.*",
            "s",
            "s::text",
            "row_to_json(s)",
            "histogram_bounds",
            "most_common_vals, n_distinct",
            "tablename, attname, null_frac, correlation",
        ]);
        let on = self.sql.one(&[
            "",
            " WHERE tablename IN ('ledger', 'people', 'events')",
            " JOIN pg_class c ON c.relname = 'ledger'",
        ]);
        match self.sql.below(9) {
            0..=3 => simple(format!("SELECT {columns} FROM {relation} s{on}")),
            4 => simple(format!(
                "SELECT attname FROM pg_stats WHERE tablename = 'ledger' AND {} ORDER BY 1",
                self.sql.one(&[
                    "n_distinct > 0",
                    "most_common_vals::text LIKE '%xs%'",
                    "null_frac = 0",
                    "avg_width > 2"
                ])
            )),
            5 => simple(self.sql.one(&[
                "SELECT query_to_xml('select * from cust' || 'omers', true, true, '')",
                "SELECT table_to_xml('staff', true, true, '')",
                "SELECT schema_to_xml('public', true, true, '')",
                "SELECT word FROM ts_stat('select to_tsvector(secret) from led' || 'ger')",
                "SELECT cursor_to_xml('c1', 3, true, true, '')",
            ])),
            6 => simple("SELECT pg_get_viewdef('v_deep'::regclass), obj_description('customers'::regclass)"),
            7 => simple(
                "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'accounts'",
            ),
            _ => simple("SELECT relname, relkind FROM pg_class WHERE relname LIKE 'ledger%'"),
        }
    }
}
