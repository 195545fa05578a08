//! What each UPDATE asks of a row that is there ends with what asks it.

use std::time::{Duration, Instant};

use super::harness::{Bauta, Frame, Raw, Server};

const POLICY: &str = r#"
    [[protect]]
    columns = ["public.pay.amount", "public.ranks.level"]
    method = "redact"
"#;

fn field(frames: &[Frame], field: u8) -> Option<String> {
    frames.iter().find(|frame| frame.tag == b'E').and_then(|frame| frame.field(field))
}

#[test]
fn a_constraint_that_becomes_valid_asks_no_more() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE TABLE pay (id int PRIMARY KEY, amount int, note text);
         INSERT INTO pay VALUES (1, 5, 'n');
         ALTER TABLE pay ADD CONSTRAINT low CHECK (amount < 100) NOT VALID;
         CREATE TABLE ranks (id int PRIMARY KEY, level int, note text);
         INSERT INTO ranks VALUES (1, 5, 'n');
         ALTER TABLE ranks ADD CONSTRAINT known CHECK (level IS NOT NULL) NOT VALID;
         ALTER TABLE ranks ADD CONSTRAINT noted CHECK (note <> '') NOT VALID;
         GRANT ALL ON pay, ranks TO PUBLIC",
    );
    let bauta = Bauta::start(&server, POLICY);
    let mut ana = Raw::connect(bauta.port, "ana");
    let update = "UPDATE pay SET note = 'seen' WHERE id = 1";
    let refused = ana.query(update);
    assert_eq!(field(&refused, b'C').as_deref(), Some("42501"), "{refused:?}");
    assert!(
        field(&refused, b'D').is_some_and(|detail| detail.contains("VALIDATE CONSTRAINT")),
        "{refused:?}"
    );
    // A new row holds what it is given, and rows go unasked.
    for sql in ["INSERT INTO pay VALUES (2, NULL, 'n')", "DELETE FROM pay WHERE id = 2"] {
        assert_eq!(field(&ana.query(sql), b'M'), None, "{sql}");
    }
    // Masks tell whether there is a value, and other columns are not protected.
    assert_eq!(field(&ana.query("UPDATE ranks SET note = 'seen' WHERE id = 1"), b'M'), None);
    server.sql("shop", "ALTER TABLE pay VALIDATE CONSTRAINT low");
    let deadline = Instant::now() + Duration::from_secs(20);
    while field(&ana.query(update), b'M').is_some() {
        assert!(Instant::now() < deadline, "updates go on being refused");
        std::thread::sleep(Duration::from_millis(50));
    }
}
