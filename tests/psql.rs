//! psql through bauta, compared with psql directly.
//!
//! Goal: a DBA's habits keep working on tables with protected columns. Method:
//! the same scripts both ways; the output must be equal, byte for byte.

use crate::harness::{Bauta, Server, psql};

const POLICY: &str = r#"
    [[protect]]
    column = "public.customers.email"
    method = "email"
    [[protect]]
    columns = ["public.customers.ssn", "public.vault.c_text"]
    method = "redact"
"#;

fn same(script: &str, server: &Server, bauta: &Bauta) {
    let direct = psql("ana", server.port(), script);
    let through = psql("ana", bauta.port, script);
    assert_eq!(direct.stdout, through.stdout, "{script}");
    assert_eq!(direct.stderr, through.stderr, "{script}");
    assert_eq!(direct.code, through.code, "{script}");
}

#[test]
fn backslash_commands_show_what_they_show_directly() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let commands = [
        r"\d",
        r"\d customers",
        r"\d+ customers",
        r"\d+ customer_contacts",
        r"\d orders",
        r"\d+ vault",
        r"\dt",
        r"\dt+",
        r"\dtvs *.*",
        r"\di",
        r"\di+",
        r"\dv+",
        r"\dm",
        r"\ds",
        r"\df",
        r"\df+ public.*",
        r"\dfw",
        r"\da",
        r"\dn",
        r"\dn+",
        r"\du",
        r"\dg+",
        r"\l",
        r"\l+",
        r"\dp",
        r"\dp customers",
        r"\z",
        r"\dT",
        r"\dT+",
        r"\dD",
        r"\dC",
        r"\dc",
        r"\do",
        r"\dO",
        r"\dF",
        r"\dFd",
        r"\dx",
        r"\dx+",
        r"\dy",
        r"\db",
        r"\dA",
        r"\dE",
        r"\det",
        r"\dew",
        r"\des",
        r"\deu",
        r"\dL",
        r"\dl",
        r"\drds",
        r"\dRp",
        r"\dRs",
        r"\dX",
        r"\ddp",
        r"\dd",
        r"\dP",
        r"\sv customer_contacts",
        r"\sv+ swedish_contacts",
        r"\sf pg_catalog.now",
        r"\encoding",
        r"\h SELECT",
        r"\dconfig work_mem",
    ];
    for command in commands {
        same(command, &server, &bauta);
    }
}

#[test]
fn psql_features_work_as_they_do_directly() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let scripts = [
        "SELECT id, name FROM products ORDER BY id \\gdesc",
        "SELECT id, status, placed_at FROM orders WHERE id < 5 ORDER BY id \\gx",
        "SELECT count(*) AS n FROM orders \\gset\n\\echo :n",
        "SELECT status, 1 + id % 3, count(*) FROM orders GROUP BY 1, 2 ORDER BY 1, 2 \\crosstabview",
        "SELECT 'SELECT ' || g FROM generate_series(1, 3) g \\gexec",
        "\\set AUTOCOMMIT off\nSELECT 1;\nSELECT 1 / 0;\nSELECT 2;\nROLLBACK;\nSELECT 3;",
        "\\set ON_ERROR_ROLLBACK on\nBEGIN;\nSELECT 1;\nSELECT 1 / 0;\nSELECT 2;\nCOMMIT;",
        "\\set FETCH_COUNT 7\nSELECT id FROM orders ORDER BY id;",
        "\\set VERBOSITY verbose\nSELECT nothing FROM orders;\nSELEC 1;\nINSERT INTO products VALUES (1, 'x', 1);\n\\errverbose",
        "\\copy (SELECT * FROM products ORDER BY id) TO STDOUT",
        "\\copy (SELECT * FROM products ORDER BY id) TO STDOUT (FORMAT csv, HEADER)",
        "CREATE TEMP TABLE t (a int4, b text);\nCOPY t FROM STDIN;\n1\tone\n2\ttwo\n\\.\nTABLE t;",
        "COPY products TO STDOUT;",
        "SELECT 1 \\; SELECT 2 \\; SELECT 3;",
        "SET client_min_messages = debug1;\nCREATE TEMP TABLE u (id int4 PRIMARY KEY);",
        "DROP TABLE IF EXISTS nothing;",
        "PREPARE p(int4) AS SELECT name FROM products WHERE id = $1;\nEXECUTE p(3);\nDEALLOCATE p;\nEXECUTE p(4);",
        "BEGIN;\nDECLARE c SCROLL CURSOR FOR SELECT id FROM orders ORDER BY id;\nFETCH 3 FROM c;\nMOVE 10 FROM c;\n\
         FETCH BACKWARD 2 FROM c;\nCLOSE c;\nCOMMIT;",
        "EXPLAIN (COSTS OFF) SELECT * FROM orders JOIN order_items ON order_id = id WHERE quantity > 2;",
        "SET search_path = pg_catalog;\nSELECT count(*) FROM public.orders;\nSHOW search_path;\nRESET search_path;\nSHOW search_path;",
        "SELECT current_user, session_user, current_database();",
        "SELECT id, name, country FROM customers ORDER BY id LIMIT 5;",
        "SELECT country, count(*) FROM customers GROUP BY country HAVING count(*) > 3 ORDER BY country;",
        "SELECT c.name, count(o.id) FROM customers c LEFT JOIN orders o ON o.customer_id = c.id GROUP BY c.id, c.name ORDER BY c.id;",
        "BEGIN;\nUPDATE customers SET notes = 'x' WHERE id = 1 RETURNING id, notes;\nROLLBACK;",
    ];
    for script in scripts {
        same(script, &server, &bauta);
    }
}
