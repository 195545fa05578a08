//! Goal: a reload takes no statement its policy away while it runs, and the
//! next one of the same session has the new one. Method: a result larger than
//! all buffers between server and client, which waits half read during a reload
//! that masks what was shown, or shows what was masked.

use crate::harness::{Bauta, Frame, Raw, Server, message as m};

fn policy(method: &str) -> String {
    format!("[[protect]]\ncolumn = \"public.customers.email\"\nmethod = \"{method}\"")
}

const LARGE: &str = "SELECT email, repeat('x', 1000) FROM customers, generate_series(1, 400)";
const ROWS: usize = 50 * 400;

/// Is the e-mail address of this row masked?
fn is_masked(row: &Frame) -> bool {
    String::from_utf8_lossy(row.columns()[0].as_deref().unwrap()).contains("***")
}

#[test]
fn a_statement_that_runs_keeps_its_policy_and_the_next_one_has_the_new_one() {
    let server = Server::start();
    let bauta = Bauta::start(&server, &policy("email"));
    let mut session = Raw::connect(bauta.port, "ana");
    let mut prepared = Raw::connect(bauta.port, "ana");
    let text = "SELECT email FROM customers WHERE id = 1";
    prepared.exchange(&[m::parse("s", text, &[]), m::sync()].concat());
    let mut execute = || {
        let frames = prepared.exchange(&[m::bind("", "s", &[], &[]), m::execute("", 0), m::sync()].concat());
        frames.iter().find(|f| f.tag == b'D').map(is_masked)
    };
    for (masked, next) in [(true, "show"), (false, "email")] {
        assert_eq!(execute(), Some(masked));
        session.send(&m::query(LARGE));
        assert_eq!(session.receive().unwrap().tag, b'T');
        assert_eq!(is_masked(&session.receive().unwrap()), masked);
        bauta.write_config(&policy(next));
        bauta.cli_ok(&["reload"]);
        let rest = session.until_ready();
        let rows: Vec<_> = rest.iter().filter(|f| f.tag == b'D').collect();
        assert_eq!(rows.len(), ROWS - 1, "{:?}", rest.last());
        assert!(rows.iter().all(|row| is_masked(row) == masked), "the policy that it began with");
        let frames = session.query(text);
        assert_eq!(is_masked(&frames[1]), !masked, "the next one has the new policy");
        assert_eq!(execute(), Some(!masked));
    }
}
