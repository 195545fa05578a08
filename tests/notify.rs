//! Goal: targets of `[[notify]]` get what they asked for, signed, once; one
//! that is down or refuses delays no decision and leaves a record. Method: the
//! real program, and an HTTP server of the test's own that answers by script.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use crate::harness::{ANALYST_ASKS, Bauta, Raw, Server};

/// What a client posted.
pub struct Posted {
    path: String,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Posted {
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

pub struct Target {
    pub port: u16,
    pub posted: Receiver<Posted>,
}

impl Target {
    /// Answers with these statuses, one a connection, then with 200.
    pub fn start(statuses: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, posted) = channel();
        std::thread::spawn(move || {
            let mut statuses = statuses.iter();
            for stream in listener.incoming() {
                let mut reader = BufReader::new(stream.unwrap());
                let Some(request) = read(&mut reader) else { continue };
                let status = statuses.next().unwrap_or(&200);
                let answer = format!(
                    "HTTP/1.1 {status} x\r\ncontent-length: 0\r\nlocation: /other\r\nconnection: close\r\n\r\n"
                );
                let _ = reader.get_mut().write_all(answer.as_bytes());
                if sender.send(request).is_err() {
                    return;
                }
            }
        });
        Self { port, posted }
    }

    fn next(&self) -> Posted {
        self.posted.recv_timeout(Duration::from_secs(20)).expect("a post")
    }
}

fn read(reader: &mut impl BufRead) -> Option<Posted> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let mut posted = Posted { path, headers, body: Vec::new() };
    let length = posted.header("content-length").parse().ok()?;
    posted.body.resize(length, 0);
    reader.read_exact(&mut posted.body).ok()?;
    Some(posted)
}

fn with(targets: &str) -> String {
    format!("{ANALYST_ASKS}\n{targets}")
}

fn ask(bauta: &Bauta) {
    let sql = "SELECT * FROM bauta.request('public.customers.email', '15m', 'say \"hi\" to INC-1')";
    Raw::connect(bauta.port, "ana").query(sql);
}

fn failed(bauta: &Bauta) -> Vec<Value> {
    bauta.audit().into_iter().filter(|r| r["event"] == "notify.failed").collect()
}

#[test]
fn targets_get_the_events_that_they_want_signed_and_in_their_own_words() {
    let (all, chat) = (Target::start(&[]), Target::start(&[]));
    let server = Server::start();
    let targets = format!(
        r#"
        [[notify]]
        url = "http://127.0.0.1:{}/hook?token=s3cr3t-t0ken"
        secret = "It's a secret"
        [[notify]]
        url = "http://127.0.0.1:{}/chat"
        events = ["request.created"]
        template = '{{"text": "{{{{user}}}} asks for {{{{columns}}}} ({{{{duration}}}}): {{{{reason}}}}"}}'
        "#,
        all.port, chat.port
    );
    let bauta = Bauta::start(&server, &with(&targets));
    ask(&bauta);
    bauta.cli_ok(&["approve", "1", "--for", "10m"]);
    bauta.cli_ok(&["revoke", "1", "--reason", "done"]);

    let posts: Vec<Posted> = (0..4).map(|_| all.next()).collect();
    let events: Vec<&str> = posts.iter().map(|p| p.header("x-bauta-event")).collect();
    assert_eq!(events, ["request.created", "request.approved", "grant.created", "grant.revoked"]);
    for post in &posts {
        assert_eq!(
            (post.path.as_str(), post.header("content-type")),
            ("/hook?token=s3cr3t-t0ken", "application/json")
        );
        let mut mac = Hmac::<Sha256>::new_from_slice(b"It's a secret").unwrap();
        mac.update(&post.body);
        let hex: String = mac.finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(post.header("x-hub-signature-256"), format!("sha256={hex}"));
        assert_eq!(post.json()["event"], post.header("x-bauta-event"));
    }
    let created = posts[0].json();
    assert_eq!(created["request"]["user"], "ana");
    assert_eq!(created["request"]["reason"], "say \"hi\" to INC-1");
    assert_eq!(posts[2].json()["grant"]["columns"][0], "public.customers.email");
    assert_eq!(posts[3].json()["grant"]["revoke_reason"], "done");

    let said = chat.next();
    assert_eq!(said.json()["text"], "ana asks for public.customers.email (15m): say \"hi\" to INC-1");
    assert_eq!(said.header("x-hub-signature-256"), "", "no secret, no signature");
    assert!(chat.posted.try_recv().is_err(), "only what it wants");
    assert!(failed(&bauta).is_empty());
}

#[test]
fn a_target_that_fails_for_a_while_gets_it_in_the_end() {
    let target = Target::start(&[500, 429]);
    let server = Server::start();
    let bauta = Bauta::start(
        &server,
        &with(&format!(
            "[[notify]]\nurl = \"http://127.0.0.1:{}/\"\nevents = [\"request.created\"]",
            target.port
        )),
    );
    ask(&bauta);
    let bodies: Vec<Vec<u8>> = (0..3).map(|_| target.next().body).collect();
    assert!(bodies[0] == bodies[1] && bodies[1] == bodies[2]);
    assert!(failed(&bauta).is_empty());
}

#[test]
fn what_a_target_does_not_take_is_in_the_audit_log_and_delays_nothing() {
    // 301: who is there now was never named. 404: no attempt will help.
    let target = Target::start(&[301, 404]);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = Server::start();
    let targets = format!(
        "[[notify]]\nurl = \"http://127.0.0.1:{}/?token=s3cr3t-t0ken\"\nevents = [\"request.created\", \"request.approved\"]\n\
         [[notify]]\nurl = \"http://user:hunter2@127.0.0.1:{closed}/\"",
        target.port
    );
    let mut bauta = Bauta::start(&server, &with(&targets));
    ask(&bauta);
    bauta.cli_ok(&["approve", "1"]);
    let frames = Raw::connect(bauta.port, "ana").query("SELECT email FROM customers WHERE id = 1");
    let email = frames.iter().find(|f| f.tag == b'D').unwrap().columns()[0].clone().unwrap();
    assert!(!String::from_utf8(email).unwrap().contains("***"), "the grant counts, whoever hears of it");
    let deadline = Instant::now() + Duration::from_secs(20);
    while failed(&bauta).len() < 2 {
        assert!(Instant::now() < deadline, "{:?}", failed(&bauta));
        std::thread::sleep(Duration::from_millis(20));
    }
    let dead = failed(&bauta);
    assert_eq!(
        (&dead[0]["notification"], &dead[0]["reason"]),
        (&"request.created".into(), &"HTTP status 301".into())
    );
    assert_eq!(
        (&dead[1]["notification"], &dead[1]["reason"]),
        (&"request.approved".into(), &"HTTP status 404".into())
    );
    assert_eq!((&dead[0]["request"], &dead[0]["attempts"]), (&1.into(), &1.into()));
    // Nobody listens at the other: it is still being tried, which ends with the proxy.
    assert_eq!(bauta.stop(), Some(0));
    let host = format!("127.0.0.1:{closed}");
    let dead: Vec<Value> = failed(&bauta).into_iter().filter(|r| r["target"] == host.as_str()).collect();
    assert_eq!(dead.len(), 3, "{dead:?}");
    let everything = format!("{:?}{}", bauta.audit(), bauta.log());
    assert!(!everything.contains("s3cr3t-t0ken") && !everything.contains("hunter2"), "{everything}");
    bauta.cli_ok(&["audit", "verify", "audit.jsonl"]);
}
