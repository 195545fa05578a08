//! COPY … FROM STDIN into protected columns: what was dumped masked is loaded
//! as it was, and nothing else gets in.
//!
//! Method: rows as a masked session sees them are sent in each format, cut
//! anywhere; the table must then hold the originals. Whatever is no token must
//! end the COPY with nothing stored, and no original may come back in an error.

use super::harness::{Bauta, Frame, Raw, Server, message as m};

const POLICY: &str = r#"
    [[protect]]
    columns = ["public.customers.ssn", "public.vault.c_text"]
    method = "token"
    domain = "ssn"
    [[protect]]
    columns = ["public.vault.c_int4", "public.vault.c_uuid"]
    method = "token"
    [[protect]]
    column = "public.customers.phone"
    method = "fpe"
    [[protect]]
    column = "public.customers.email"
    method = "email"
    [[protect]]
    column = "public.vault.written"
    method = "token"
    allow = ["write"]
"#;

fn error(frames: &[Frame]) -> Option<String> {
    frames.iter().find(|f| f.tag == b'E').map(|f| f.field(b'C').unwrap())
}

fn data(frames: &[Frame]) -> Vec<u8> {
    frames.iter().filter(|f| f.tag == b'd').flat_map(|f| f.body.clone()).collect()
}

fn shown(frames: &[Frame]) -> String {
    let bytes: Vec<u8> = frames.iter().flat_map(|frame| frame.body.clone()).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn tags(frames: &[Frame]) -> String {
    frames.iter().map(|f| char::from(f.tag)).collect()
}

struct Shop {
    server: Server,
    bauta: Bauta,
}

impl Shop {
    fn open() -> (Self, Raw) {
        let server = Server::start();
        server.sql(
            "shop",
            "CREATE TABLE copies (LIKE customers INCLUDING ALL); GRANT ALL ON copies, vault, customers TO PUBLIC;
             ALTER TABLE vault ADD written text; UPDATE vault SET written = 'raw ' || id;
             CREATE TABLE chosen (id int, ssn text DEFAULT current_setting('app.guess', true));
             CREATE TABLE fixed (id int, ssn text DEFAULT 'none'); GRANT ALL ON chosen, fixed TO PUBLIC",
        );
        let policy = format!(
            "{POLICY}\n[[protect]]\ncolumns = ['public.copies.ssn', 'public.chosen.ssn', 'public.fixed.ssn']\nmethod = 'token'\ndomain = 'ssn'\n\
             [[protect]]\ncolumn = 'public.copies.phone'\nmethod = 'fpe'\ndomain = 'public.customers.phone'\n\
             [[protect]]\ncolumn = 'public.copies.email'\nmethod = 'email'\n\
             [[role]]\nname = 'analyst'\nmembers = ['ana']\nrequest = ['public.copies.*']\n"
        );
        let bauta = Bauta::start(&server, &policy);
        let raw = Raw::connect(bauta.port, "ana");
        (Self { server, bauta }, raw)
    }

    fn count(&self) -> String {
        self.server.sql("shop", "SELECT count(*) FROM copies").trim().to_owned()
    }

    fn original(&self, id: u32) -> String {
        let sql = format!("SELECT ssn FROM customers WHERE id = {id}");
        self.server.sql("shop", &sql).trim().to_owned()
    }
}

fn token(raw: &mut Raw, column: &str, table: &str, id: u32) -> String {
    let frames = raw.query(&format!("SELECT {column} FROM {table} WHERE id = {id}"));
    let row = frames.iter().find(|f| f.tag == b'D').expect("a row");
    String::from_utf8(row.columns()[0].clone().unwrap()).unwrap()
}

/// Sends `sql`, then `data` in messages of `size` bytes.
fn load(raw: &mut Raw, sql: &str, data: &[u8], size: usize) -> Vec<Frame> {
    raw.send(&m::query(sql));
    for part in data.chunks(size) {
        raw.send(&m::copy_data(part));
    }
    raw.send(&m::copy_done());
    raw.until_ready()
}

#[test]
fn a_masked_dump_is_loaded_as_it_was() {
    let (shop, mut raw) = Shop::open();
    let columns = "id, name, ssn, phone, country, notes";
    let same = "SELECT count(*) FROM customers a JOIN copies b USING (id, name, ssn, phone, country) \
                WHERE a.notes IS NOT DISTINCT FROM b.notes";
    for (options, size) in [
        ("", 7),
        ("(FORMAT csv)", 1),
        ("(FORMAT csv, HEADER, FORCE_QUOTE *, DELIMITER ';', QUOTE '''', ESCAPE '!')", 64),
        ("(DELIMITER '|')", 1 << 20),
        ("(FORMAT csv, NULL 'nothing')", 3),
        ("(FORMAT binary)", 5),
        ("WITH CSV HEADER", 1000),
    ] {
        let dump = raw.query(&format!("COPY (SELECT {columns} FROM customers) TO STDOUT {options}"));
        let dump = data(&dump);
        assert!(!String::from_utf8_lossy(&dump).contains(&shop.original(1)), "{options}");
        let options = options.replace("FORCE_QUOTE *, ", "");
        let frames = load(&mut raw, &format!("COPY copies ({columns}) FROM STDIN {options}"), &dump, size);
        assert_eq!((error(&frames), tags(&frames).as_str()), (None, "GCZ"), "{options}: {}", shown(&frames));
        assert_eq!(shop.server.sql("shop", same).trim(), "50", "{options}");
        shop.server.sql("shop", "DELETE FROM copies");
    }
    // By the extended protocol, and among several statements.
    let dump = data(&raw.query(&format!("COPY (SELECT {columns} FROM customers) TO STDOUT")));
    let copy = format!("COPY copies ({columns}) FROM STDIN");
    let parts = [
        m::parse("", &copy, &[]),
        m::bind("", "", &[], &[]),
        m::execute("", 0),
        m::copy_data(&dump),
        m::copy_done(),
        m::sync(),
    ];
    let frames = raw.exchange(&parts.concat());
    assert_eq!((tags(&frames).as_str(), shop.count().as_str()), ("12GCZ", "50"), "{}", shown(&frames));
    let several = format!("DELETE FROM copies WHERE id > 0; {copy}; SELECT 1");
    let frames = load(&mut raw, &several, &dump, 100);
    assert_eq!((tags(&frames).as_str(), shop.count().as_str()), ("CGCTDCZ", "50"), "{}", shown(&frames));
    // A large message is read in parts.
    shop.server.sql("shop", "DELETE FROM copies");
    let notes = "n".repeat(300_000);
    let t = token(&mut raw, "ssn", "customers", 1);
    let rows = format!("1\tx\t{notes}\t{t}\n2\ty\t{notes}\t{t}\n");
    let frames = load(&mut raw, "COPY copies (id, name, notes, ssn) FROM STDIN", rows.as_bytes(), rows.len());
    assert_eq!(error(&frames), None, "{}", shown(&frames));
    let stored = shop.server.sql("shop", "SELECT ssn, length(notes) FROM copies ORDER BY id");
    assert_eq!(stored.trim(), format!("{0}|300000\n{0}|300000", shop.original(1)));
    // Numbers and UUIDs.
    for options in ["", "(FORMAT csv)", "(FORMAT binary)"] {
        let dump = raw
            .query(&format!("COPY (SELECT id + 100, c_int4, c_uuid, c_text FROM vault) TO STDOUT {options}"));
        let load_sql = format!("COPY vault (id, c_int4, c_uuid, c_text) FROM STDIN {options}");
        let frames = load(&mut raw, &load_sql, &data(&dump), 9);
        assert_eq!(error(&frames), None, "{options}: {}", shown(&frames));
        let sql = "SELECT count(*) FROM vault a JOIN vault b ON b.id = a.id + 100 WHERE \
                   (a.c_int4, a.c_uuid, a.c_text) IS NOT DISTINCT FROM (b.c_int4, b.c_uuid, b.c_text)";
        assert_eq!(shop.server.sql("shop", sql).trim(), "3", "{options}");
        shop.server.sql("shop", "DELETE FROM vault WHERE id > 100");
    }
}

#[test]
fn what_is_no_token_ends_the_copy_with_nothing_stored() {
    let (shop, mut raw) = Shop::open();
    let (t, phone) = (token(&mut raw, "ssn", "customers", 1), token(&mut raw, "phone", "customers", 1));
    let original = shop.original(1);
    let copy = "COPY copies (id, name, ssn, email) FROM STDIN";
    for (value, mail) in [
        (original.as_str(), "\\N"),
        ("", "\\N"),
        ("tok_", "\\N"),
        (phone.as_str(), "\\N"),
        (&format!("{t}x"), "\\N"),
        (&format!("{t} "), "\\N"),
        (&t, "a@b.example"),
        (&t, "a***@e***.com"),
        (&t, "***"),
    ] {
        let rows = format!("1\tgood\t{t}\t\\N\n2\tbad\t{value}\t{mail}\n3\tgood\t{t}\t\\N\n");
        for size in [1 << 20, 10] {
            let frames = load(&mut raw, copy, rows.as_bytes(), size);
            assert_eq!(error(&frames).as_deref(), Some("42501"), "{value} {mail}: {}", shown(&frames));
            assert_eq!(tags(&frames), "GEZ");
            assert!(!shown(&frames).contains(&original), "{}", shown(&frames));
            let told = frames.iter().find(|f| f.tag == b'E').unwrap();
            assert!(told.field(b'D').unwrap().starts_with("Row 2 of COPY "), "{}", shown(&frames));
        }
        assert_eq!(shop.count(), "0");
    }
    // Extended, with the rest of the data and a Sync behind; one before the data is ignored.
    let rows = format!("1\tgood\t{t}\t\\N\n2\tbad\tx\t\\N\n");
    let open = [m::parse("", copy, &[]), m::bind("", "", &[], &[]), m::execute("", 0)].concat();
    let end = [m::copy_data(rows.as_bytes()), m::copy_data(b"3\tmore\n"), m::copy_done()].concat();
    let frames = raw.exchange(&[&open[..], &end, &m::sync()].concat());
    assert_eq!((tags(&frames).as_str(), error(&frames).as_deref()), ("12GEZ", Some("42501")));
    let frames = raw.exchange(&[&open[..], &m::sync(), &end, &m::sync()].concat());
    assert_eq!((tags(&frames).as_str(), error(&frames).as_deref()), ("12GEZ", Some("42501")));
    assert_eq!(tags(&raw.query("SELECT 1")), "TDCZ");
    // In a transaction, which fails with it; the session goes on.
    raw.query("BEGIN");
    let frames = load(&mut raw, copy, rows.as_bytes(), 100);
    assert_eq!(frames.last().unwrap().body, b"E");
    raw.query("ROLLBACK");
    let frames = load(&mut raw, copy, format!("1\tgood\t{t}\t\\N\n").as_bytes(), 100);
    assert_eq!((tags(&frames).as_str(), shop.count().as_str()), ("GCZ", "1"));
    // Binary: the same.
    let row = |value: &[u8]| {
        let mut row = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\0\x02\0\0\0\x04\0\0\x03\x85".to_vec();
        row.extend(i32::try_from(value.len()).unwrap().to_be_bytes());
        [&row[..], value, &[0xff, 0xff]].concat()
    };
    let copy_binary = "COPY copies (id, ssn) FROM STDIN (FORMAT binary)";
    let frames = load(&mut raw, copy_binary, &row(original.as_bytes()), 4);
    assert_eq!(error(&frames).as_deref(), Some("42501"));
    // The client may give up itself.
    raw.send(&[m::query(copy), m::copy_data(b"4\tx"), m::copy_fail("enough")].concat());
    assert_eq!(error(&raw.until_ready()).as_deref(), Some("57014"));
    assert_eq!(shop.count(), "1");
    // The log says what was refused, and shows no value.
    let log = shop.bauta.cli_ok(&["audit", "search", "--user", "ana"]);
    assert!(log.contains("42501") && !log.contains(&original), "{log}");
}

/// COPY's own WHERE is a predicate like any other.
#[test]
fn what_chooses_among_the_rows_asks_nothing_protected() {
    let (shop, mut raw) = Shop::open();
    let rows = "1\ta\tSE\n2\tb\tNO\n3\tc\tSE\n";
    let copy = "COPY copies (id, name, country) FROM STDIN";
    let frames =
        load(&mut raw, &format!("{copy} WHERE id > 1 AND copies.country = 'SE'"), rows.as_bytes(), 9);
    assert_eq!((error(&frames), tags(&frames).as_str()), (None, "GCZ"), "{}", shown(&frames));
    assert_eq!(shop.server.sql("shop", "SELECT id FROM copies").trim(), "3");
    for condition in ["ssn = '1'", "id > 1 AND upper(copies.ssn) LIKE '1%'", "(SELECT true FROM customers)"] {
        let frames = raw.query(&format!("{copy} WHERE {condition}"));
        assert!(
            matches!(error(&frames).as_deref(), Some("42501" | "0A000")),
            "{condition}: {}",
            shown(&frames)
        );
        assert_eq!(tags(&frames), "EZ", "{condition}");
    }
    let frames = raw.query(&format!("{copy} WHERE ssn = '1'"));
    assert_eq!(error(&frames).as_deref(), Some("42501"));
    // Nothing but NULL asks nothing.
    let frames = load(&mut raw, &format!("{copy} WHERE ssn IS NULL AND id = 1"), rows.as_bytes(), 9);
    assert_eq!((error(&frames), shop.count().as_str()), (None, "2"), "{}", shown(&frames));
}

/// What the server computes of a new row holds the token's original against
/// what stands beside it.
#[test]
fn a_token_beside_a_guess_is_not_computed_with() {
    let (shop, mut raw) = Shop::open();
    shop.server.sql(
        "shop",
        "ALTER TABLE copies ADD apart bool GENERATED ALWAYS AS (1 / CASE WHEN ssn = country THEN 0 ELSE 1 END = 1) STORED",
    );
    let ssn = token(&mut raw, "ssn", "customers", 1);
    let copy = "COPY copies (id, name, ssn, country) FROM STDIN";
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while error(&load(&mut raw, copy, format!("1\ta\t{ssn}\tSE\n").as_bytes(), 99)).as_deref()
        != Some("42501")
    {
        assert!(std::time::Instant::now() < deadline, "the new column is seen");
        std::thread::sleep(std::time::Duration::from_millis(100));
        shop.server.sql("shop", "DELETE FROM copies");
    }
    let frames =
        load(&mut raw, "COPY copies (id, name, ssn) FROM STDIN", format!("2\ta\t{ssn}\n").as_bytes(), 99);
    assert_eq!(error(&frames), None, "{}", shown(&frames));
}

/// Errors of the server come when the original is in its hands already.
#[test]
fn an_error_of_the_server_shows_no_original() {
    let (shop, mut raw) = Shop::open();
    shop.server.sql(
        "shop",
        "CREATE UNIQUE INDEX ON copies (ssn); ALTER TABLE copies ADD CHECK (length(ssn) > 3), \
         ALTER COLUMN phone TYPE varchar(20);
         CREATE FUNCTION loud() RETURNS trigger LANGUAGE plpgsql AS \
         $$BEGIN RAISE NOTICE 'got %', NEW.ssn; IF NEW.id = 9 THEN RAISE EXCEPTION 'no %', NEW.ssn; END IF; \
         RETURN NEW; END$$;
         CREATE TRIGGER loud BEFORE INSERT ON copies FOR EACH ROW EXECUTE FUNCTION loud()",
    );
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let t = token(&mut raw, "ssn", "customers", 1);
    let original = shop.original(1);
    raw.query("SET client_min_messages = log");
    for (rows, code) in [
        (format!("1\tx\t{t}\n2\ty\t{t}\n"), "23505"),
        (format!("1\tx\t{t}\nz\ty\t{t}\n"), "22P02"),
        (format!("1\t\\N\t{t}\n"), "23502"),
        (format!("9\tx\t{t}\n"), "P0001"),
    ] {
        let frames = load(&mut raw, "COPY copies (id, name, ssn) FROM STDIN", rows.as_bytes(), 20);
        assert_eq!(error(&frames).as_deref(), Some(code), "{}", shown(&frames));
        assert!(!shown(&frames).contains(&original), "{}", shown(&frames));
        assert!(frames.iter().all(|f| f.tag != b'E' || f.field(b'W').is_none()));
    }
    assert_eq!(shop.count(), "0");
}

/// Rows must not get into a table that the client reads as it likes.
#[test]
fn originals_go_into_the_protected_table_only() {
    let (shop, mut raw) = Shop::open();
    let t = token(&mut raw, "ssn", "customers", 1);
    let row = format!("1\tx\t{t}\n");
    let copy = "COPY copies (id, name, ssn) FROM STDIN";
    // No table of the client's own stands before the protected one in its search_path.
    let shadow = "CREATE TEMP TABLE copies (id int, name text, ssn text)";
    for sql in [shadow, "CREATE TEMP TABLE other (id int, name text, ssn text)"] {
        raw.query("BEGIN");
        let made = error(&raw.query(sql));
        assert_eq!(made.as_deref(), (sql == shadow).then_some("42501"), "{sql}");
        // In one transaction nobody may have seen what a name means now.
        let frames = load(&mut raw, copy, row.as_bytes(), 100);
        let code = error(&frames).unwrap();
        assert!(matches!(code.as_str(), "0A000" | "25P02"), "{sql}: {}", shown(&frames));
        raw.query("ROLLBACK");
    }
    // Columns in another order are the same columns.
    let frames =
        load(&mut raw, "COPY copies (ssn, id, name) FROM STDIN", format!("{t}\t1\tx\n").as_bytes(), 8);
    assert_eq!(error(&frames), None, "{}", shown(&frames));
    assert_eq!(shop.server.sql("shop", "SELECT ssn FROM copies").trim(), shop.original(1));
    let options = "COPY copies (id, ssn, notes) FROM STDIN (FORMAT csv, FORCE_NULL (ssn), NULL 'x')";
    let frames = load(&mut raw, options, b"", 1);
    assert_eq!(error(&frames).as_deref(), Some("0A000"), "{}", shown(&frames));
    for options in ["ENCODING 'latin1'", "ENCODING 'nothing'"] {
        let frames = load(&mut raw, &format!("COPY copies (id, ssn) FROM STDIN ({options})"), b"", 1);
        assert_eq!(error(&frames).as_deref(), Some("42501"), "{}", shown(&frames));
    }
}

#[test]
fn access_lifts_the_rule_as_long_as_it_lasts() {
    let (shop, mut raw) = Shop::open();
    let t = token(&mut raw, "ssn", "customers", 1);
    // allow = ["write"]: a token or the value itself.
    let v = token(&mut raw, "written", "vault", 1);
    let rows = format!("801\t{v}\n802\tplain\n");
    let frames = load(&mut raw, "COPY vault (id, written) FROM STDIN", rows.as_bytes(), 5);
    assert_eq!(error(&frames), None, "{}", shown(&frames));
    let stored = "SELECT written FROM vault WHERE id IN (801, 802) ORDER BY id";
    assert_eq!(shop.server.sql("shop", stored).trim(), "raw 1\nplain");
    // Under a grant too.
    let line = shop.bauta.cli_ok(&[
        "grant",
        "ana",
        "--column",
        "public.copies.*",
        "--for",
        "1h",
        "--reason",
        "test",
        "--json",
    ]);
    let grant: serde_json::Value = serde_json::from_str(line.lines().next().unwrap()).unwrap();
    let copy = "COPY copies (id, name, ssn, email) FROM STDIN";
    let rows = format!("1\tx\t{t}\ta@b.example\n2\ty\t999-9\t\\N\n");
    let frames = load(&mut raw, copy, rows.as_bytes(), 5);
    assert_eq!(error(&frames), None, "{}", shown(&frames));
    let stored = shop.server.sql("shop", "SELECT ssn, email FROM copies ORDER BY id");
    assert_eq!(stored.trim(), format!("{}|a@b.example\n999-9|", shop.original(1)));
    // It ends in the middle.
    shop.server.sql("shop", "DELETE FROM copies");
    raw.send(&[m::query(copy), m::copy_data(b"1\tx\t999-9\ta@b.example\n")].concat());
    assert_eq!(raw.receive().unwrap().tag, b'G');
    shop.bauta.cli_ok(&["revoke", &grant["id"].to_string()]);
    raw.send(&[m::copy_data(b"2\tx\t999-9\ta@b.example\n"), m::copy_done()].concat());
    let frames = raw.until_ready();
    assert_eq!(error(&frames).as_deref(), Some("42501"), "{}", shown(&frames));
    assert_eq!(shop.count(), "0");
}

/// A mask works on whatever the client has a default say.
#[test]
fn a_default_of_the_clients_choice_fills_no_row() {
    let (_shop, mut raw) = Shop::open();
    raw.query("SET app.guess = '1'");
    for copy in ["COPY chosen (id) FROM STDIN", "COPY chosen (id, ssn) FROM STDIN (DEFAULT 'd')"] {
        let refused = raw.query(copy);
        assert_eq!(error(&refused).as_deref(), Some("42501"), "{copy}: {}", shown(&refused));
    }
    // Given, it is what is given; a constant is nobody's choice.
    for (copy, row) in
        [("COPY chosen (id, ssn) FROM STDIN", "1\t\\N\n"), ("COPY fixed (id) FROM STDIN", "1\n")]
    {
        let frames = load(&mut raw, copy, row.as_bytes(), 64);
        assert_eq!(error(&frames), None, "{copy}: {}", shown(&frames));
    }
}

/// A schema for each tenant: the name means whichever comes first.
#[test]
fn a_name_of_several_tables_is_copied_as_all_of_them_allow() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE SCHEMA north; CREATE SCHEMA south; GRANT USAGE ON SCHEMA north TO PUBLIC;
         CREATE TABLE north.leads (id int, ssn text, tax text, num int, note text, free text);
         CREATE TABLE south.leads (LIKE north.leads); GRANT ALL ON north.leads, south.leads TO PUBLIC;
         CREATE TABLE north.apart (id int, ssn text); CREATE TABLE south.apart (id int, ssn text, note text);
         GRANT ALL ON north.apart TO PUBLIC;
         INSERT INTO north.leads SELECT id, ssn, 'tax', 7, 'n' FROM customers WHERE id < 3",
    );
    let policy = "[[protect]]\ncolumns = ['public.customers.ssn', 'north.leads.ssn', 'south.leads.ssn', 'north.apart.ssn']\n\
         method = 'token'\ndomain = 'ssn'\n\
         [[protect]]\ncolumn = 'south.leads.tax'\nmethod = 'token'\ndomain = 'ssn'\n\
         [[protect]]\ncolumn = 'north.leads.free'\nmethod = 'token'\ndomain = 'free'\nallow = ['write']\n\
         [[protect]]\ncolumn = 'south.leads.free'\nmethod = 'token'\ndomain = 'free'\n\
         [[protect]]\ncolumns = ['north.leads.num', 'south.leads.num']\nmethod = 'token'\ndomain = 'num'\n";
    let bauta = Bauta::start(&server, policy);
    let mut raw = Raw::connect(bauta.port, "ana");
    raw.query("SET search_path = north");
    let ssn = token(&mut raw, "ssn", "public.customers", 1);
    // What all of them mask alike is masked so; what one of them masks is redacted.
    let copied = raw.query("COPY leads (ssn, num, note) TO STDOUT");
    assert!(shown(&copied).contains(&ssn) && !shown(&copied).contains("NOTICE"), "{}", shown(&copied));
    let copied = raw.query("COPY leads TO STDOUT");
    assert!(shown(&copied).contains("***\t") && shown(&copied).contains("NOTICE"), "{}", shown(&copied));
    let own = raw.query("COPY north.leads (tax) TO STDOUT");
    assert!(shown(&own).contains("tax\n") && !shown(&own).contains("NOTICE"), "{}", shown(&own));
    // What leads back in all of them leads back; where only one is protected, NULL alone is taken.
    let frames = load(&mut raw, "COPY leads (id, ssn) FROM STDIN", format!("11\t{ssn}\n").as_bytes(), 9);
    assert_eq!(error(&frames), None, "{}", shown(&frames));
    let stored = "SELECT count(*) FROM north.leads JOIN customers USING (ssn) WHERE north.leads.id = 11";
    assert_eq!(server.sql("shop", stored).trim(), "1");
    for (columns, row, code) in [
        ("id, ssn", "12\tplain\n".to_owned(), Some("42501")),
        ("id, tax", format!("12\t{ssn}\n"), Some("42501")),
        ("id, tax", "12\t1\n".to_owned(), Some("42501")),
        ("id, free", "12\tplain\n".to_owned(), Some("42501")),
        ("id, tax, note", "12\t\\N\tx\n".to_owned(), None),
    ] {
        let frames = load(&mut raw, &format!("COPY leads ({columns}) FROM STDIN"), row.as_bytes(), 64);
        assert_eq!(error(&frames).as_deref(), code, "{columns}: {}", shown(&frames));
    }
    // A value is itself where it is seen, and a token elsewhere: it can't be both.
    let granted = ["grant", "ana", "--column", "north.leads.num", "--for", "1h", "--reason", "test"];
    bauta.cli_ok(&granted);
    let frames = load(&mut raw, "COPY leads (id, num) FROM STDIN", b"13\t5\n", 64);
    assert_eq!(error(&frames).as_deref(), Some("42501"), "{}", shown(&frames));
    let frames = load(&mut raw, "COPY north.leads (id, num) FROM STDIN", b"14\t5\n", 64);
    assert_eq!(error(&frames), None, "{}", shown(&frames));
    assert_eq!(server.sql("shop", "SELECT num FROM north.leads WHERE id = 14").trim(), "5");
    // Nothing is copied that may have other columns.
    for copy in ["COPY apart TO STDOUT", "COPY apart FROM STDIN"] {
        assert_eq!(error(&raw.query(copy)).as_deref(), Some("0A000"), "{copy}");
    }
    assert_eq!(error(&raw.query("COPY apart (ssn) TO STDOUT")), None);
    raw.query("SET search_path = pg_catalog");
    let frames = raw.query("COPY leads TO STDOUT");
    let said =
        frames.iter().find(|frame| frame.tag == b'E').map(|error| (error.field(b'M'), error.field(b'P')));
    assert_eq!(said, Some((Some("relation \"leads\" does not exist".to_owned()), None)));
}

/// What a Parse named is run by EXECUTE too: the Sync behind it is not the server's to read.
#[test]
fn a_copy_that_a_name_means_takes_its_rows_by_messages() {
    let (shop, mut raw) = Shop::open();
    let parse = [m::parse("cp", "COPY fixed (id) FROM STDIN", &[]), m::sync()].concat();
    assert_eq!(error(&raw.exchange(&parse)), None);
    let run = [m::parse("", "EXECUTE cp", &[]), m::bind("", "", &[], &[]), m::execute("", 0), m::sync()];
    raw.send(&run.concat());
    raw.send(&[m::copy_data(b"7\n"), m::copy_done(), m::sync()].concat());
    let frames = raw.until_ready();
    assert_eq!(error(&frames), None, "{}", shown(&frames));
    assert_eq!(shop.server.sql("shop", "SELECT id FROM fixed").trim(), "7");
}
