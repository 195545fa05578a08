//! Goal: several nodes on one state store are one bauta: asked on one,
//! approved on another, revealed on a third, revoked everywhere; and whatever
//! happens to the store, nothing is revealed without a valid grant and nothing
//! acknowledged is lost. Method: three real `bauta serve` in front of one
//! server, each with a relay of its own to the state store, which the tests
//! cut or silence; the store itself is stopped and killed.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::harness::{ANALYST_ASKS, Bauta, Frame, Raw, Relay, Server, password};
use crate::notify::Target;

const EMAIL: &str = "SELECT email FROM customers WHERE id = 1";
/// Rows that the server sends at once, slowly: each fills its buffer.
const STREAM: &str = "SELECT email, repeat('x', 20000), pg_sleep(0.1) FROM customers ORDER BY id LIMIT 100";
const GRANT: &[&str] = &["grant", "ana", "--tag", "pii", "--reason", "INC-4711", "--for"];

struct Fleet {
    nodes: Vec<Bauta>,
    relays: Vec<Relay>,
    store: Server,
    _server: Server,
}

impl Fleet {
    fn new(count: usize, more: &str) -> Self {
        let (server, store) = (Server::start(), Server::start());
        let database = store.state_database();
        let relays: Vec<Relay> = (0..count).map(|_| Relay::to(store.port())).collect();
        let node = |(index, relay): (usize, &Relay)| {
            let url = format!("postgres://bauta:{}@127.0.0.1:{}/{database}", password("bauta"), relay.port);
            let state = format!(
                "[state]\nurl = \"{url}\"\nmax_staleness = \"4s\"\n[audit]\nnode = \"n{index}\"\n{more}\n{ANALYST_ASKS}"
            );
            let node = Bauta::start(&server, &state);
            ready(&node);
            node
        };
        let nodes = relays.iter().enumerate().map(node).collect();
        Self { nodes, relays, store, _server: server }
    }

    fn ana(&self, node: usize) -> Raw {
        Raw::connect(self.nodes[node].port, "ana")
    }

    /// The first grant's number.
    fn grant(&self, node: usize, seconds: &str) -> i64 {
        let line = self.nodes[node].cli_ok(&[GRANT, &[seconds, "--json"]].concat());
        serde_json::from_str::<serde_json::Value>(&line).unwrap()["id"].as_i64().unwrap()
    }

    fn events(&self, name: &str) -> Vec<usize> {
        let of = |node: &Bauta| node.audit().iter().filter(|r| r["event"] == name).count();
        self.nodes.iter().map(of).collect()
    }
}

/// Before somebody uses the database, there are no columns to grant.
fn ready(node: &Bauta) {
    assert!(!sees(&mut Raw::connect(node.port, "ana")));
}

/// Bounded, for a loaded machine.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(30));
    }
}

fn values(frames: &[Frame]) -> Vec<String> {
    let first = |f: &Frame| String::from_utf8(f.columns()[0].clone().unwrap()).unwrap();
    frames.iter().filter(|f| f.tag == b'D').map(first).collect()
}

fn error(frames: &[Frame]) -> Option<String> {
    frames.iter().find(|f| f.tag == b'E').and_then(|f| f.field(b'C'))
}

fn sees(session: &mut Raw) -> bool {
    let frames = session.query(EMAIL);
    match (values(&frames).first(), error(&frames).as_deref()) {
        // It may end behind the row, too.
        (Some(value), None | Some("42501")) => !value.contains("***"),
        // It ended between the decision and the row.
        (None, Some("42501")) => false,
        other => panic!("{other:?}: {frames:?}"),
    }
}

fn lists(node: &Bauta, what: &str) -> Vec<serde_json::Value> {
    let lines = node.cli_ok(&[what, "--json", "--all"]);
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn asked_on_one_node_approved_on_another_revealed_on_a_third() {
    let fleet = Fleet::new(3, "");
    let (mut asks, mut reads) = (fleet.ana(0), fleet.ana(2));
    assert!(!sees(&mut reads));
    let asked = asks.query("SELECT id FROM bauta.request('public.customers.email', '10m', 'INC-4711')");
    let id = values(&asked)[0].clone();
    fleet.nodes[1].cli_ok(&["approve", &id]);
    eventually("the third node reveals", || sees(&mut reads));
    // The session that asked hears of what was decided elsewhere.
    eventually("the asker is told", || {
        let frames = asks.query("SELECT 1");
        frames.iter().any(|f| f.field(b'M').is_some_and(|m| m.starts_with("grant 1 by ")))
    });
    assert_eq!(fleet.events("request.created"), [1, 0, 0], "recorded by the node that decided");
    assert_eq!(fleet.events("request.approved"), [0, 1, 0]);
    assert_eq!(fleet.events("grant.created"), [0, 1, 0]);
    // Ended on the node that asked, by its holder's administrator.
    fleet.nodes[0].cli_ok(&["revoke", "1"]);
    eventually("masked again", || !sees(&mut reads));
    assert_eq!(fleet.events("grant.revoked"), [1, 0, 0]);
    let again = fleet.nodes[2].cli(&["approve", &id]);
    assert_eq!(again.code, Some(1), "{again:?}");
    for node in &fleet.nodes {
        let used: Vec<_> = lists(node, "grants").iter().map(|g| g["status"].clone()).collect();
        assert_eq!(used, ["revoked"]);
        node.cli_ok(&["audit", "verify", "audit.jsonl"]);
    }
}

#[test]
fn a_revocation_on_one_node_ends_a_stream_on_another() {
    let fleet = Fleet::new(2, "");
    let id = fleet.grant(0, "10m").to_string();
    let mut ana = fleet.ana(1);
    eventually("it counts on the other node", || sees(&mut ana));
    let streaming = std::thread::spawn(move || (ana.query(STREAM), Instant::now()));
    std::thread::sleep(Duration::from_secs(1));
    fleet.nodes[0].cli_ok(&["revoke", &id]);
    let revoked = Instant::now();
    let (frames, ended) = streaming.join().unwrap();
    assert_eq!(error(&frames).as_deref(), Some("42501"));
    assert!(values(&frames).iter().all(|v| !v.contains("***")));
    let took = ended.saturating_duration_since(revoked);
    println!("the stream ended {took:?} after the revocation on the other node");
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[test]
fn a_once_grant_shows_one_statement_of_the_whole_fleet() {
    let fleet = Fleet::new(2, "");
    fleet.nodes[0].cli_ok(&[GRANT, &["10m", "--once"]].concat());
    let (mut one, mut two) = (fleet.ana(0), fleet.ana(1));
    eventually("known on both", || lists(&fleet.nodes[1], "grants").len() == 1);
    let seen = [std::thread::spawn(move || sees(&mut one)), std::thread::spawn(move || sees(&mut two))]
        .map(|session| session.join().unwrap());
    assert_eq!(seen.iter().filter(|s| **s).count(), 1, "{seen:?}");
}

#[test]
fn a_statement_that_waits_goes_on_when_another_node_approves() {
    let fleet = Fleet::new(2, "[defaults]\nrefusal = \"hold\"");
    let mut ana = fleet.ana(0);
    let waiting = std::thread::spawn(move || ana.query("SELECT id FROM customers WHERE email LIKE 'a%'"));
    eventually("the request is known", || !lists(&fleet.nodes[1], "requests").is_empty());
    fleet.nodes[1].cli_ok(&["approve", "1"]);
    let frames = waiting.join().unwrap();
    assert_eq!(error(&frames), None, "{frames:?}");
    assert_eq!(lists(&fleet.nodes[1], "requests").len(), 1, "one request was enough");
}

#[test]
fn a_grant_that_ends_by_itself_is_recorded_once_and_told_everywhere() {
    let fleet = Fleet::new(3, "");
    fleet.grant(0, "62s");
    let mut ana = fleet.ana(2);
    // Nothing is asked meanwhile: the notice comes by itself.
    let mut said = || loop {
        let message = ana.receive().unwrap().field(b'M').unwrap();
        if !message.starts_with("grant 1 by ") {
            return message;
        }
    };
    assert!(said().starts_with("grant 1 on public.customers.email ends in "));
    fleet.nodes[0].cli_ok(&["revoke", "1"]);
    assert_eq!(said(), "grant 1 on public.customers.email has ended: revoked");
    fleet.grant(1, "2s");
    eventually("it expires", || fleet.events("grant.expired").iter().sum::<usize>() > 0);
    eventually("everybody knows", || {
        fleet.nodes.iter().all(|n| lists(n, "grants").iter().all(|g| g["status"] != "active"))
    });
    assert_eq!(fleet.events("grant.expired").iter().sum::<usize>(), 1);
}

#[test]
fn each_decision_is_told_to_a_webhook_once_whichever_node_took_it() {
    let target = Target::start(&[]);
    let mut fleet = Fleet::new(3, &format!("[[notify]]\nurl = \"http://127.0.0.1:{}/\"", target.port));
    let ask = |fleet: &Fleet, node: usize| {
        let sql = "SELECT id FROM bauta.request('public.customers.email', '10m', 'INC-4711')";
        values(&fleet.ana(node).query(sql))[0].clone()
    };
    let asked = ask(&fleet, 0);
    fleet.nodes[1].cli_ok(&["approve", &asked]);
    let mut granted = String::new();
    eventually("the grant is known", || {
        let grants = lists(&fleet.nodes[2], "grants");
        granted = grants.first().map(|grant| grant["id"].to_string()).unwrap_or_default();
        !granted.is_empty()
    });
    fleet.nodes[2].cli_ok(&["revoke", &granted]);
    let asked = ask(&fleet, 2);
    fleet.nodes[0].cli_ok(&["deny", &asked]);
    // Its end is everybody's to notice.
    fleet.grant(1, "1s");
    eventually("all nodes know of its end", || {
        fleet.nodes.iter().all(|node| lists(node, "grants").iter().all(|grant| grant["status"] != "active"))
    });
    for node in &mut fleet.nodes {
        assert_eq!(node.stop(), Some(0));
    }
    let mut told: Vec<String> = Vec::new();
    while let Ok(post) = target.posted.recv_timeout(Duration::from_millis(300)) {
        told.push(post.header("x-bauta-event").to_owned());
    }
    told.sort();
    assert_eq!(
        told,
        [
            "grant.created",
            "grant.created",
            "grant.expired",
            "grant.revoked",
            "request.approved",
            "request.created",
            "request.created",
            "request.denied",
        ]
    );
}

#[test]
fn a_node_that_runs_another_policy_is_named_on_all() {
    let mut fleet = Fleet::new(2, "");
    let status = |fleet: &Fleet, node: usize| fleet.nodes[node].cli_ok(&["status"]);
    let change = |fleet: &Fleet, node: usize, from: &str, to: &str| {
        let file = fleet.nodes[node].directory.join("proxy.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(from));
        std::fs::write(&file, text.replace(from, to)).unwrap();
        fleet.nodes[node].cli_ok(&["reload"]);
    };
    for node in 0..2 {
        let said = status(&fleet, node);
        assert!(said.contains("n0: policy") && said.contains("n1: policy"), "{said}");
        assert!(!said.contains("another policy"), "{said}");
    }
    change(&fleet, 1, "\"email\"", "\"redact\"");
    assert!(status(&fleet, 0).contains("node n1 runs another policy"), "{}", status(&fleet, 0));
    assert!(status(&fleet, 1).contains("node n0 runs another policy"), "{}", status(&fleet, 1));
    assert!(status(&fleet, 0).contains("degraded"));
    change(&fleet, 0, "\"email\"", "\"redact\"");
    (0..2).for_each(|node| assert!(!status(&fleet, node).contains("another policy")));
    // One that has ended is nobody's concern.
    change(&fleet, 1, "\"redact\"", "\"null\"");
    fleet.nodes[1].stop();
    assert!(!status(&fleet, 0).contains("another policy"), "{}", status(&fleet, 0));
}

#[test]
fn a_node_cut_off_masks_decides_nothing_and_honours_nothing_for_long() {
    let fleet = Fleet::new(2, "");
    let id = fleet.grant(0, "10m").to_string();
    let mut ana = fleet.ana(1);
    eventually("it counts on the other node", || sees(&mut ana));
    fleet.relays[1].cut();
    fleet.nodes[0].cli_ok(&["revoke", &id]);
    // It can't know; after max_staleness it asks no longer.
    eventually("masked without the store", || !sees(&mut ana));
    let refused = fleet.nodes[1].cli(&[GRANT, &["1m"]].concat());
    assert!(refused.code == Some(1) && refused.stderr.contains("can't be reached"), "{refused:?}");
    let status = fleet.nodes[1].cli_ok(&["status"]);
    assert!(status.contains("degraded") && status.contains("the state store"), "{status}");
    assert!(!status.contains("bauta-password"), "{status}");
    // A login and what is not protected work as ever.
    assert_eq!(values(&fleet.ana(1).query("SELECT 1")), ["1"]);
    // The other node is not held up.
    let second = fleet.grant(0, "10m");
    fleet.relays[1].mend();
    eventually("the other grant counts", || sees(&mut ana));
    let known = lists(&fleet.nodes[1], "grants");
    assert_eq!(known.len(), 2, "{known:?}");
    assert!(known.iter().all(|g| (g["status"] == "active") == (g["id"] == second)), "{known:?}");
    eventually("all is well again", || fleet.nodes[1].cli_ok(&["status"]).contains("ok"));
}

#[test]
fn what_ends_on_a_node_that_is_cut_off_stays_ended() {
    let fleet = Fleet::new(2, "");
    let id = fleet.grant(0, "10m").to_string();
    let (mut one, mut two) = (fleet.ana(0), fleet.ana(1));
    eventually("it counts on the other node", || sees(&mut two));
    fleet.relays[1].silence();
    let ended = fleet.nodes[1].cli(&["revoke", &id, "--reason", "now"]);
    assert!(ended.stderr.contains("not for good"), "{ended:?}");
    assert!(!sees(&mut two));
    assert!(sees(&mut one), "the other node can't know");
    fleet.relays[1].mend();
    eventually("it does when it can", || !sees(&mut one));
    assert!(!sees(&mut two));
    eventually("it is recorded once", || fleet.events("grant.revoked") == [0, 1]);
}

#[test]
fn a_store_that_stands_still_or_is_killed_loses_no_decision_and_reveals_nothing_more() {
    let mut fleet = Fleet::new(3, "");
    let kept = fleet.grant(0, "10m");
    let revoked = fleet.grant(1, "10m").to_string();
    let mut ana = fleet.ana(2);
    eventually("known on the third", || lists(&fleet.nodes[2], "grants").len() == 2);
    fleet.nodes[0].cli_ok(&["revoke", &revoked]);
    for signal in [Signal::SIGSTOP, Signal::SIGKILL] {
        fleet.store.signal(signal);
        let refused = fleet.nodes[1].cli(&[GRANT, &["1m"]].concat());
        assert_eq!(refused.code, Some(1), "{refused:?}");
        eventually("masked without the store", || !sees(&mut ana));
        if signal == Signal::SIGSTOP {
            fleet.store.signal(Signal::SIGCONT);
        } else {
            fleet.store.restart();
        }
        eventually("the grant that stands counts again", || sees(&mut ana));
        for node in &fleet.nodes {
            eventually("every node decides again", || node.cli(&["status"]).stdout.contains("ok"));
            let active: Vec<i64> = lists(node, "grants")
                .iter()
                .filter(|g| g["status"] == "active")
                .map(|g| g["id"].as_i64().unwrap())
                .collect();
            // A commit whose answer was lost may count; it was not acknowledged.
            assert!(active.contains(&kept) && !active.contains(&revoked.parse().unwrap()), "{active:?}");
        }
    }
}

#[test]
fn a_second_node_of_the_same_name_takes_its_place() {
    let mut fleet = Fleet::new(2, "");
    let text = std::fs::read_to_string(fleet.nodes[1].directory.join("proxy.toml")).unwrap();
    std::fs::write(fleet.nodes[1].directory.join("proxy.toml"), text.replace("\"n1\"", "\"n0\"")).unwrap();
    fleet.nodes[1].kill();
    fleet.nodes[1].serve();
    eventually("the older one says so", || {
        fleet.nodes[0].cli_ok(&["status"]).contains("another bauta that is called \"n0\"")
    });
    let refused = fleet.nodes[0].cli(&[GRANT, &["1m"]].concat());
    assert!(refused.stderr.contains("audit.node"), "{refused:?}");
    ready(&fleet.nodes[1]);
    fleet.grant(1, "1m");
}

#[test]
fn a_node_whose_log_lost_its_end_says_so_and_the_others_do_not() {
    let mut fleet = Fleet::new(2, "");
    fleet.grant(0, "1m");
    fleet.nodes[0].stop();
    let log = fleet.nodes[0].audit_file();
    let text = std::fs::read_to_string(&log).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    std::fs::write(&log, lines[..lines.len() - 1].concat()).unwrap();
    fleet.nodes[0].serve();
    fleet.nodes[1].stop();
    fleet.nodes[1].serve();
    assert_eq!(fleet.events("log.head_lost"), [1, 0]);
}
