//! A migration that goes around bauta, while sessions are open.
//!
//! Goal: within `catalog_poll` a changed schema is masked as the policy says,
//! or, where a rule no longer fits, refused, and the log, `status` and the
//! metrics say so; until then what PostgreSQL says of each column's origin
//! masks plain columns. Method: the real program and a DBA at a direct
//! connection; after each migration the analyst's open session asks until the
//! answer is the wanted one, and no answer on the way may hold an address.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use bauta::demo::cluster::free_port;

use crate::harness::{Bauta, Frame, Raw, Server};

const POLICY: &str = r#"
    [[protect]]
    column = "public.customers.email"
    method = "email"
    [[protect]]
    column = "public.customers.birth_date"
    method = "generalize"
    to = "year"
    [[protect]]
    column = "public.keys.email"
    method = "redact"
"#;

/// A session of the analyst while a DBA changes the schema.
struct Desk {
    server: Server,
    bauta: Bauta,
    ana: Raw,
    metrics: u16,
}

impl Desk {
    fn start(poll: &str) -> Self {
        let server = Server::start();
        server.sql("shop", "CREATE TABLE regions (id int); GRANT SELECT ON regions TO ana");
        server.sql("shop", "CREATE TABLE keys (email text PRIMARY KEY); INSERT INTO keys VALUES ('k')");
        let metrics = free_port().unwrap();
        let settings = format!(
            "upstream.catalog_poll = \"{poll}\"\nmetrics.address = \"127.0.0.1:{metrics}\"\n{POLICY}"
        );
        let bauta = Bauta::start(&server, &settings);
        let ana = Raw::connect(bauta.port, "ana");
        Self { server, bauta, ana, metrics }
    }

    fn dba(&self, sql: &str) {
        self.server.sql("shop", sql);
    }

    /// What the open session gets; never an address.
    fn ask(&mut self, sql: &str) -> Vec<Frame> {
        let frames = self.ana.query(sql);
        for frame in &frames {
            assert!(!holds_address(frame), "{sql} shows {}", String::from_utf8_lossy(&frame.body));
        }
        frames
    }

    /// Asks until the answer is as wanted; never an address on the way.
    fn becomes(&mut self, sql: &str, wanted: impl Fn(&[Frame]) -> bool) {
        self.repeats(sql, wanted, Self::ask);
    }

    /// As [`becomes`](Self::becomes) for values that the migration itself
    /// copied into a new table: nothing tells of them before it is known.
    fn becomes_known(&mut self, sql: &str, wanted: impl Fn(&[Frame]) -> bool) {
        self.repeats(sql, wanted, |desk, sql| desk.ana.query(sql));
    }

    fn repeats(
        &mut self,
        sql: &str,
        wanted: impl Fn(&[Frame]) -> bool,
        ask: impl Fn(&mut Self, &str) -> Vec<Frame>,
    ) {
        let started = Instant::now();
        loop {
            let frames = ask(self, sql);
            if wanted(&frames) {
                return;
            }
            let last = frames.iter().map(|f| String::from_utf8_lossy(&f.body).replace('\0', "|"));
            assert!(started.elapsed() < Duration::from_secs(30), "{sql}: {:?}", last.collect::<Vec<_>>());
            // Whose statement ran while it came to mean something else is sent
            // away, and comes again.
            if frames.last().is_none_or(|frame| frame.tag != b'Z') {
                self.ana = Raw::connect(self.bauta.port, "ana");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until a change after the last one is known: so that one is too.
    fn settle(&mut self) {
        self.dba(
            "CREATE TABLE settled (email text REFERENCES keys);
             INSERT INTO settled VALUES ('k'); GRANT SELECT ON settled TO ana",
        );
        self.becomes("SELECT email FROM settled", is_redacted);
    }

    fn scrape(&self) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.metrics)).unwrap();
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: bauta\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    fn problems_become(&self, wanted: u64) {
        let wanted = format!("bauta_catalog_problems {wanted}\n");
        let started = Instant::now();
        while !self.scrape().contains(&wanted) {
            assert!(started.elapsed() < Duration::from_secs(30), "not {wanted}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn holds_address(frame: &Frame) -> bool {
    let body = String::from_utf8_lossy(&frame.body);
    ["@example.", "@mail.", "@work."].iter().any(|host| body.contains(host))
}

fn values(frames: &[Frame]) -> Vec<Option<String>> {
    let text = |value: Option<Vec<u8>>| value.map(|bytes| String::from_utf8(bytes).unwrap());
    frames.iter().filter(|f| f.tag == b'D').flat_map(|f| f.columns().into_iter().map(text)).collect()
}

/// Rows came, and each value is a mask of the method `email`, or NULL.
fn is_masked_by_email(frames: &[Frame]) -> bool {
    let values = values(frames);
    !values.is_empty() && values.iter().flatten().all(|value| value.contains("***@"))
}

fn is_redacted(frames: &[Frame]) -> bool {
    let values = values(frames);
    !values.is_empty() && values.iter().flatten().all(|value| value == "***")
}

fn is_refused(frames: &[Frame]) -> bool {
    frames.iter().any(|frame| frame.field(b'C').as_deref() == Some("42501"))
}

#[test]
fn what_a_migration_renames_adds_or_moves_stays_masked() {
    let mut desk = Desk::start("100ms");
    desk.becomes("SELECT email FROM customers", is_masked_by_email);
    desk.dba("ALTER TABLE customers RENAME email TO mail");
    desk.becomes("SELECT mail || '' FROM customers WHERE mail IS NOT NULL", |frames| {
        values(frames).iter().all(Option::is_none) && !frames.iter().any(|f| f.tag == b'E')
    });
    desk.becomes("SELECT mail FROM customers", is_masked_by_email);
    desk.dba("ALTER TABLE customers RENAME TO clients");
    desk.becomes("SELECT mail FROM clients", is_masked_by_email);
    desk.dba("CREATE VIEW addresses AS SELECT lower(mail) AS address FROM clients; GRANT SELECT ON addresses TO ana");
    desk.becomes_known("SELECT address FROM addresses", is_masked_by_email);
    desk.dba("ALTER TABLE clients ADD second_mail text; UPDATE clients SET second_mail = mail");
    desk.becomes("SELECT second_mail FROM clients WHERE second_mail IS NOT NULL", is_redacted);
    // Its values are those of a protected column.
    desk.dba("CREATE TABLE letters (id int, sent_to text REFERENCES clients (mail))");
    desk.dba("INSERT INTO letters SELECT id, mail FROM clients; GRANT SELECT ON letters TO ana");
    desk.becomes_known("SELECT sent_to FROM letters WHERE sent_to IS NOT NULL", is_masked_by_email);
    desk.dba("ALTER TABLE letters DROP CONSTRAINT letters_sent_to_fkey");
    desk.settle();
    assert!(is_masked_by_email(&desk.ask("SELECT sent_to FROM letters WHERE sent_to IS NOT NULL")));
    // What writes into it now reads the protected table, and tells.
    desk.dba(
        "CREATE TABLE inbox (id int); GRANT ALL ON inbox TO ana;
         CREATE FUNCTION peek() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
             AS 'BEGIN RAISE NOTICE ''%'', (SELECT min(mail) FROM clients); RETURN NEW; END';
         CREATE TRIGGER peek BEFORE INSERT ON inbox FOR EACH ROW EXECUTE FUNCTION peek()",
    );
    desk.becomes_known("INSERT INTO inbox VALUES (1)", |frames| !frames.iter().any(holds_address));
}

#[test]
fn a_table_made_anew_and_partitions_that_come_and_go_stay_masked() {
    let mut desk = Desk::start("100ms");
    desk.dba(
        "ALTER TABLE customers RENAME TO old_customers;
         CREATE TABLE customers (id int, email text, birth_date date) PARTITION BY RANGE (id);
         CREATE TABLE customers_low PARTITION OF customers FOR VALUES FROM (0) TO (5);
         CREATE TABLE customers_high (id int, email text, birth_date date);
         INSERT INTO customers_low SELECT id, email, birth_date FROM old_customers WHERE id BETWEEN 1 AND 4;
         INSERT INTO customers_high SELECT id, email, birth_date FROM old_customers WHERE id >= 5;
         GRANT SELECT ON customers, customers_low, customers_high, old_customers TO ana",
    );
    desk.becomes("SELECT email FROM customers", is_masked_by_email);
    desk.becomes_known("SELECT email FROM customers_low", is_masked_by_email);
    // The old one was protected, and is still.
    desk.becomes("SELECT email FROM old_customers", is_masked_by_email);
    desk.dba("ALTER TABLE customers ATTACH PARTITION customers_high FOR VALUES FROM (5) TO (1000000)");
    desk.becomes_known("SELECT email FROM customers_high", is_masked_by_email);
    desk.dba("ALTER TABLE customers DETACH PARTITION customers_low");
    desk.settle();
    assert!(is_masked_by_email(&desk.ask("SELECT email FROM customers_low")), "a detached partition");
    assert_eq!(desk.bauta.stop(), Some(0));
    desk.bauta.serve();
    desk.ana = Raw::connect(desk.bauta.port, "ana");
    assert!(is_masked_by_email(&desk.ask("SELECT email FROM customers_low")), "after a restart");
    desk.dba("DROP TABLE customers; CREATE TABLE customers (email text, id int, birth_date date)");
    desk.dba("INSERT INTO customers SELECT email, id FROM old_customers; GRANT SELECT ON customers TO ana");
    desk.becomes_known("SELECT email FROM customers", is_masked_by_email);
    assert!(desk.bauta.log().contains("customers_low.email no longer follows public.customers.email"));
}

#[test]
fn a_rule_that_no_longer_fits_refuses_its_table_and_everybody_is_told() {
    let mut desk = Desk::start("100ms");
    desk.problems_become(0);
    // Years of a text: there are none.
    desk.dba("ALTER TABLE customers ALTER birth_date TYPE text");
    desk.becomes("SELECT birth_date FROM customers WHERE birth_date IS NOT NULL", is_redacted);
    desk.problems_become(1);
    let status = desk.bauta.cli_ok(&["status"]);
    assert!(status.contains("public.customers.birth_date"), "{status}");
    assert!(desk.bauta.log().contains("public.customers.birth_date"));
    desk.dba("ALTER TABLE customers ALTER birth_date TYPE date USING birth_date::date");
    desk.becomes("SELECT birth_date FROM customers WHERE birth_date IS NOT NULL", |frames| {
        let values = values(frames);
        !values.is_empty() && values.iter().flatten().all(|value| value.ends_with("-01-01"))
    });
    desk.problems_become(0);
    desk.dba("ALTER TABLE customers DROP birth_date");
    desk.becomes("SELECT id FROM customers", is_refused);
    assert!(is_refused(&desk.ask("SELECT count(*) FROM customers")));
    assert!(values(&desk.ask("SELECT count(*) FROM regions"))[0].is_some(), "the rest goes on");
    desk.problems_become(1);
    assert!(desk.bauta.cli_ok(&["status"]).contains("public.customers.birth_date"));
}

#[test]
fn until_the_catalog_is_read_again_the_servers_origin_masks_plain_columns() {
    let mut desk = Desk::start("1h");
    desk.becomes("SELECT email FROM customers", is_masked_by_email);
    desk.dba("ALTER TABLE customers RENAME TO clients; ALTER TABLE clients RENAME email TO mail");
    assert!(is_masked_by_email(&desk.ask("SELECT mail FROM clients")));
    assert!(is_masked_by_email(&desk.ask("SELECT c.mail FROM (SELECT * FROM clients) c")));
    let trips = desk.bauta.audit().iter().filter(|record| record["event"] == "tripwire").count();
    assert!(trips > 0, "an alarm in the audit log");
}

/// `DROP EXPRESSION` leaves the values that were computed where they are.
#[test]
fn a_column_that_was_generated_stays_masked() {
    let mut desk = Desk::start("100ms");
    desk.dba(
        "ALTER TABLE customers ADD told text GENERATED ALWAYS AS ('mailto:' || email) STORED;
         CREATE TABLE guests () INHERITS (customers); INSERT INTO guests (id, name, email) VALUES (900, 'g', 'g@mail.org');
         GRANT SELECT ON guests TO ana",
    );
    desk.becomes_known("SELECT told FROM guests", is_redacted);
    desk.dba("ALTER TABLE customers ALTER told DROP EXPRESSION");
    desk.dba("ALTER TABLE guests NO INHERIT customers");
    desk.settle();
    assert!(is_redacted(&desk.ask("SELECT told FROM customers WHERE told IS NOT NULL")));
    assert!(is_refused(&desk.ask("SELECT id FROM customers WHERE told LIKE 'mailto:a%'")));
    assert!(is_redacted(&desk.ask("SELECT told FROM guests")));
    assert!(values(&desk.ask("SELECT left(told, 9) FROM guests")).iter().all(Option::is_none));
}

/// A role that may run DDL gives a protected table the name of another one:
/// in its transaction, nobody knows what a name that counts means.
#[test]
fn a_name_is_not_read_by_what_it_meant_before_the_transactions_ddl() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE SCHEMA spare AUTHORIZATION etl; CREATE TABLE spare.customers (id int, email text);
         ALTER SCHEMA public OWNER TO etl; GRANT CREATE ON DATABASE shop TO etl; GRANT SELECT ON customers TO etl",
    );
    let exempt = "[[role]]\nname = \"ddl\"\nmembers = [\"etl\"]\nexempt = true";
    let bauta = Bauta::start(&server, &format!("{POLICY}\n{exempt}"));
    let mut etl = Raw::connect(bauta.port, "etl");
    let code = |frames: &[Frame]| frames.iter().find(|f| f.tag == b'E').and_then(|f| f.field(b'C'));
    for ddl in ["BEGIN", "ALTER SCHEMA spare RENAME TO aside", "ALTER SCHEMA public RENAME TO spare"] {
        assert_eq!(code(&etl.query(ddl)), None, "{ddl}");
    }
    let frames = etl.query("SELECT left(email, 3) FROM spare.customers");
    assert_eq!(code(&frames).as_deref(), Some("0A000"));
    etl.query("ROLLBACK");
    assert!(is_masked_by_email(&etl.query("SELECT email FROM public.customers")));
}
