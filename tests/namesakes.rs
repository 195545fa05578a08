//! Goal: what somebody may see in one database opens nothing in another that
//! has columns of the same names, and no database that is idle or gone keeps
//! a right alive. Method: two copies of the shop behind one proxy, whose rules
//! give one column different tags.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::harness::{Bauta, Frame, Raw, Server, password};

const EMAIL: &str = "SELECT email FROM customers WHERE id = 1";
const SSN: &str = "SELECT ssn FROM customers WHERE id = 1";

struct Bench {
    server: Server,
    other: String,
    bauta: Bauta,
}

impl Bench {
    /// ana may ask for what has the tag "contact": the address in the shop, not in
    /// the other database.
    fn new() -> Self {
        Self::with("members = [\"ana\"]", "")
    }

    fn with(members: &str, allow: &str) -> Self {
        let server = Server::start();
        let other = server.copy_of_shop();
        let bauta = Bauta::start(&server, &policy(&other, members, allow));
        Self { server, other, bauta }
    }

    fn there(&self, user: &str) -> Raw {
        let parameters = [("user", user), ("database", self.other.as_str())];
        Raw::connect_with(self.bauta.port, &parameters, &password(user)).expect("login")
    }

    fn here(&self) -> Raw {
        Raw::connect(self.bauta.port, "ana")
    }
}

fn policy(other: &str, members: &str, allow: &str) -> String {
    format!(
        r#"
        [[protect]]
        database = "shop"
        column = "public.customers.email"
        method = "token"
        tags = ["contact"]
        [[protect]]
        database = "{other}"
        column = "public.customers.email"
        method = "token"
        tags = ["health"]
        {allow}
        [[protect]]
        column = "public.customers.ssn"
        method = "redact"
        tags = ["contact", "number"]
        [[role]]
        name = "analyst"
        {members}
        request = ["tag:contact"]
        break_glass = true
        "#
    )
}

/// The first column of the first row.
fn value(frames: &[Frame]) -> String {
    let row = frames.iter().find(|f| f.tag == b'D').unwrap_or_else(|| panic!("no row: {frames:?}"));
    String::from_utf8(row.columns()[0].clone().expect("a value")).expect("text")
}

fn is_raw(frames: &[Frame]) -> bool {
    value(frames).contains('@')
}

fn message(frames: &[Frame]) -> Option<String> {
    frames.iter().find(|f| f.tag == b'E').and_then(|f| f.field(b'M'))
}

/// Asks for the address at once; the error.
fn break_glass(session: &mut Raw, why: &str) -> Option<String> {
    let sql = "SELECT * FROM bauta.request('public.customers.email', '5m', 'why', break_glass => true)";
    message(&session.query(&sql.replace("why", why)))
}

/// What `bauta.columns()` says of a column.
fn may_request(session: &mut Raw, column: &str) -> bool {
    let rows = session.query("SELECT * FROM bauta.columns()");
    let cells =
        |f: &Frame| f.columns().into_iter().map(|cell| String::from_utf8(cell.unwrap_or_default()).unwrap());
    let mut rows = rows.iter().filter(|f| f.tag == b'D').map(|f| cells(f).collect::<Vec<_>>());
    let row = rows.find(|row| row[0] == column).expect("the column");
    row.last().expect("a cell") == "t"
}

#[test]
fn break_glass_in_one_database_opens_no_namesake_in_another() {
    let bench = Bench::new();
    let mut ana = bench.here();
    // Nobody has been in the other one yet.
    assert_eq!(break_glass(&mut ana, "first"), None);
    assert!(is_raw(&ana.query(EMAIL)));
    let mut there = bench.there("ana");
    assert!(!is_raw(&there.query(EMAIL)), "open from the first statement on");
    assert!(!is_raw(&ana.query(EMAIL)), "the grant has ended");
    // From here on it is known.
    let refused = "\"ana\" may not break the glass for public.customers.email";
    assert_eq!(break_glass(&mut ana, "again").as_deref(), Some(refused));
    let asked = ana.query("SELECT * FROM bauta.request('public.customers.email', '5m', 'why')");
    assert_eq!(message(&asked).as_deref(), Some("\"ana\" may not ask for public.customers.email"));
    assert!(!is_raw(&there.query(EMAIL)));
    assert!(!may_request(&mut ana, "public.customers.email"));
    assert!(may_request(&mut ana, "public.customers.ssn"));
    let asked = ana.query("SELECT * FROM bauta.request('public.customers.ssn', '5m', 'why')");
    assert_eq!(message(&asked), None, "allowed in both");
}

#[test]
fn an_approval_is_about_all_namesakes() {
    let bench = Bench::new();
    let mut ana = bench.here();
    let asked = ana.query("SELECT * FROM bauta.request('public.customers.email', '5m', 'why')");
    assert_eq!(message(&asked), None);
    let approved = bench.bauta.cli(&["approve", "1"]);
    assert_ne!(approved.code, Some(0), "{}", approved.stdout);
    assert!(!is_raw(&ana.query(EMAIL)) && !is_raw(&bench.there("ana").query(EMAIL)));
}

#[test]
fn a_grant_by_a_tag_leaves_out_what_lacks_it_elsewhere() {
    let bench = Bench::new();
    let grant = |by: &[&str]| {
        let more = ["--for", "5m", "--reason", "r"];
        bench.bauta.cli(&[&["grant", "ana"], by, &more].concat())
    };
    let given = grant(&["--tag", "contact"]);
    assert!(
        given.stdout.contains("left out") && given.stdout.contains("customers.email"),
        "{}",
        given.stdout
    );
    let (mut here, mut there) = (bench.here(), bench.there("ana"));
    assert!(!is_raw(&here.query(EMAIL)) && !is_raw(&there.query(EMAIL)));
    assert_ne!(value(&here.query(SSN)), "***");
    assert_ne!(value(&there.query(SSN)), "***");
    let health = grant(&["--tag", "health"]);
    assert!(health.code != Some(0) && health.stderr.contains("in every database"), "{}", health.stderr);
    // By its name, or by all tags that it has somewhere, it is meant everywhere.
    assert_eq!(grant(&["--tag", "contact", "--tag", "health"]).code, Some(0));
    assert!(is_raw(&here.query(EMAIL)) && is_raw(&there.query(EMAIL)));
}

/// Its memberships are as old as its last session, and are not the server's.
#[test]
fn who_left_a_role_of_the_server_has_its_rights_in_no_other_database() {
    let bench = Bench::with("members = [\"pg:vip\"]", "");
    bench.server.sql("postgres", "CREATE ROLE vip; GRANT vip TO ana");
    // In the other database ana may have it too.
    bench.bauta.write_config(&policy("shop_of_nobody", "members = [\"pg:vip\"]", ""));
    bench.bauta.cli_ok(&["reload"]);
    drop(bench.there("ana"));
    let mut ana = bench.here();
    assert_eq!(break_glass(&mut ana, "first"), None);
    assert!(is_raw(&ana.query(EMAIL)));
    // It is idle by now.
    sleep(Duration::from_secs(3));
    bench.server.sql("postgres", "REVOKE vip FROM ana");
    let deadline = Instant::now() + Duration::from_secs(20);
    let ended = "the access that the statement was let in by has ended";
    loop {
        let answer = ana.query(EMAIL);
        // Or it ends while the rows are on their way.
        if message(&answer).as_deref() != Some(ended) && !is_raw(&answer) {
            break;
        }
        assert!(Instant::now() < deadline, "the grant runs on");
        sleep(Duration::from_millis(50));
    }
    let refused = "\"ana\" may not break the glass for public.customers.email";
    assert_eq!(break_glass(&mut ana, "again").as_deref(), Some(refused));
}

#[test]
fn a_database_that_is_gone_keeps_no_grant() {
    for gone in ["ALTER DATABASE %s ALLOW_CONNECTIONS false", "DROP DATABASE %s WITH (FORCE)"] {
        let bench = Bench::with("members = [\"ana\"]", "");
        let policy = policy("shop_of_nobody", "members = [\"ana\"]", "");
        bench.bauta.write_config(&policy);
        bench.bauta.cli_ok(&["reload"]);
        let mut ana = bench.here();
        drop(bench.there("ana"));
        assert_eq!(break_glass(&mut ana, "first"), None);
        sleep(Duration::from_secs(2));
        bench.server.sql("postgres", &gone.replace("%s", &bench.other));
        assert!(is_raw(&ana.query(EMAIL)));
        bench.bauta.write_config(&policy.replace("break_glass = true", ""));
        bench.bauta.cli_ok(&["reload"]);
        assert!(!is_raw(&ana.query(EMAIL)), "{gone}");
    }
}

#[test]
fn a_tag_opens_nothing_generated_from_what_lacks_it() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE TABLE notes (id int, mail text, ill text,
             both_of text GENERATED ALWAYS AS (mail || ':' || ill) STORED,
             mail_of text GENERATED ALWAYS AS ('mailto:' || mail) STORED);
         INSERT INTO notes VALUES (1, 'a@b', 'flu'); GRANT SELECT ON notes TO ana, sam",
    );
    let policy = "[[protect]]\ncolumn = \"public.notes.mail\"\nmethod = \"redact\"\ntags = [\"contact\"]\n\
                  [[protect]]\ncolumn = \"public.notes.ill\"\nmethod = \"redact\"\ntags = [\"health\"]\n\
                  [[role]]\nname = \"desk\"\nmembers = [\"sam\"]\nunmask = [\"tag:contact\"]\n";
    let bauta = Bauta::start(&server, policy);
    bauta.cli_ok(&["grant", "ana", "--tag", "contact", "--for", "5m", "--reason", "r"]);
    for user in ["ana", "sam"] {
        let mut session = Raw::connect(bauta.port, user);
        assert_eq!(value(&session.query("SELECT mail_of FROM notes")), "mailto:a@b");
        assert_eq!(value(&session.query("SELECT both_of FROM notes")), "***", "{user}");
        assert!(message(&session.query("SELECT id FROM notes WHERE both_of LIKE '%flu'")).is_some());
    }
}

#[test]
fn check_says_which_namesakes_share_a_key_and_allow_different_things() {
    let bench = Bench::with("members = [\"ana\"]", "allow = [\"write\"]");
    let told = |bench: &Bench| {
        let checked = bench.bauta.cli(&["check", "-c", "proxy.toml"]);
        format!("{}{}", checked.stdout, checked.stderr).contains("has the same key in several databases")
    };
    assert!(told(&bench));
    let apart = "allow = [\"write\"]\ndomain = \"other\"";
    bench.bauta.write_config(&policy(&bench.other, "members = [\"ana\"]", apart));
    assert!(!told(&bench));
}
