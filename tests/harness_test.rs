//! The harness itself: servers start with the sample shop, refuse a wrong
//! password, and vanish.

use crate::harness::{Raw, Server, psql};

#[test]
fn a_server_holds_the_sample_shop_and_asks_for_passwords() {
    let server = Server::start();
    let output = psql("ana", server.port(), "SELECT count(*) FROM customers;\n\\conninfo");
    assert_eq!(output.stdout.lines().next(), Some("50"), "{output:?}");
    let refused = Raw::connect_with(server.port(), &[("user", "ana"), ("database", "shop")], "wrong");
    assert_eq!(refused.err().unwrap().field(b'C').as_deref(), Some("28P01"));
}

#[test]
fn the_raw_client_reads_rows() {
    let server = Server::shared();
    let mut raw = Raw::connect(server.port(), "ana");
    let frames = raw.query("SELECT id, notes FROM customers WHERE id IN (4, 5) ORDER BY id");
    let tags: Vec<u8> = frames.iter().map(|f| f.tag).collect();
    assert_eq!(tags, b"TDDCZ");
    assert_eq!(frames[1].columns(), [Some(b"4".to_vec()), Some(b"note 4".to_vec())]);
    assert_eq!(frames[2].columns(), [Some(b"5".to_vec()), None]);
}
