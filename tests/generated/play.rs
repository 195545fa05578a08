//! Scripts, and one of the two databases that they are played on.

use std::collections::HashMap;
use std::fmt;

use super::compare::{Class, Heard, keyed};
use crate::harness::{Raw, message as m, password};

/// What one client sends, and waits for the answer of.
#[derive(Debug, Clone)]
pub struct Step {
    /// Which of the script's sessions.
    pub session: usize,
    /// Rows come in an order that the statement fixes.
    pub ordered: bool,
    pub way: Way,
}

#[derive(Debug, Clone)]
pub enum Way {
    Simple(String),
    /// Parse, Bind, Describe, Execute in one go.
    Extended {
        sql: String,
        run: Run,
    },
    /// Parse under a name, to stay.
    Parse {
        name: &'static str,
        sql: String,
    },
    /// What Parse left, bound and run.
    Bind {
        name: &'static str,
        run: Run,
    },
    /// Another Execute of an open portal.
    Continue {
        portal: &'static str,
        limit: u32,
    },
    /// COPY FROM STDIN and its data.
    CopyIn {
        sql: String,
        data: String,
    },
}

#[derive(Debug, Clone)]
pub struct Run {
    pub portal: &'static str,
    pub values: Vec<Option<String>>,
    pub formats: Vec<u16>,
    /// Rows an Execute may return; 0: all.
    pub limit: u32,
    /// How many Executes.
    pub executes: usize,
}

#[derive(Debug, Clone)]
pub struct Script {
    pub seed: u64,
    pub steps: Vec<Step>,
}

impl Way {
    pub fn sql(&self) -> Option<&String> {
        match self {
            Self::Simple(sql)
            | Self::Extended { sql, .. }
            | Self::Parse { sql, .. }
            | Self::CopyIn { sql, .. } => Some(sql),
            Self::Bind { .. } | Self::Continue { .. } => None,
        }
    }

    pub fn sql_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::Simple(sql)
            | Self::Extended { sql, .. }
            | Self::Parse { sql, .. }
            | Self::CopyIn { sql, .. } => Some(sql),
            Self::Bind { .. } | Self::Continue { .. } => None,
        }
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in self.steps.iter().enumerate() {
            let order = if step.ordered { ", ordered" } else { "" };
            writeln!(f, "  {number} (session {}{order}) {:?}", step.session, step.way)?;
        }
        Ok(())
    }
}

/// Sessions a script may use.
pub const SESSIONS: usize = 2;

/// Everything that scripts make outside of transactions.
const DROPS: &str = "DROP TABLE IF EXISTS pg_temp.customers; \
    DROP VIEW IF EXISTS made_v, made_w CASCADE; DROP MATERIALIZED VIEW IF EXISTS made_m CASCADE; \
    DROP TABLE IF EXISTS made_t, made_p, made_e, made_c CASCADE; \
    DROP FUNCTION IF EXISTS made_f(int); DROP INDEX IF EXISTS made_i";

/// One database, reached directly or through bauta.
pub struct Place {
    port: u16,
    database: &'static str,
    sessions: [Option<Raw>; SESSIONS],
    /// Past bauta, to put the data back.
    keeper: Raw,
}

impl Place {
    pub fn new(port: u16, direct: u16, database: &'static str) -> Self {
        let keeper = connect(direct, database, "postgres");
        Self { port, database, sessions: [None, None], keeper }
    }

    /// Plays a script from the state that every script begins with.
    pub fn play(&mut self, script: &Script) -> Vec<Heard> {
        let mut heard: Vec<Heard> = Vec::new();
        let mut seen: HashMap<Class, Vec<String>> = HashMap::new();
        for step in &script.steps {
            let frames = match self.session(step.session) {
                Some(session) => exchange(session, &step.way, &seen),
                None => Vec::new(),
            };
            if frames.last().is_none_or(|frame| frame.tag != b'Z') {
                self.sessions[step.session] = None;
            }
            let answer = Heard { ordered: step.ordered, frames };
            if step.ordered {
                for (class, value) in keyed(&answer) {
                    seen.entry(class).or_default().push(value);
                }
            }
            heard.push(answer);
        }
        let makes = |step: &Step| step.way.sql().is_some_and(|sql| sql.contains("CREATE "));
        self.restore(script.steps.iter().any(makes));
        heard
    }

    /// New sessions for the next script.
    pub fn reconnect(&mut self) {
        self.sessions = [None, None];
    }

    fn session(&mut self, number: usize) -> Option<&mut Raw> {
        let slot = &mut self.sessions[number];
        if slot.is_none() {
            *slot = Some(connect(self.port, self.database, "ana"));
        }
        slot.as_mut()
    }

    /// What a script made is dropped by its own sessions: of what is done
    /// behind bauta's back it hears a moment later, and not at the same time
    /// for both databases.
    fn restore(&mut self, is_made: bool) {
        for slot in &mut self.sessions {
            let Some(session) = slot else { continue };
            session.query("ROLLBACK");
            if is_made {
                session.query("RESET ALL");
                session.query(DROPS);
            }
            let answers = ["ROLLBACK", "DISCARD ALL"].map(|sql| session.query(sql));
            let is_clean = answers.iter().all(|answer| {
                answer.last().is_some_and(|frame| frame.tag == b'Z' && frame.body == b"I")
                    && answer.iter().all(|frame| frame.tag != b'E')
            });
            if !is_clean {
                *slot = None;
            }
        }
        let answer = self.keeper.query("SELECT origin.restore()");
        if let Some(error) = answer.iter().find(|frame| frame.tag == b'E') {
            panic!("the data were not put back: {:?}", error.field(b'M'));
        }
    }
}

fn connect(port: u16, database: &str, user: &str) -> Raw {
    Raw::connect_with(port, &[("user", user), ("database", database)], &password(user))
        .unwrap_or_else(|error| panic!("login to {database}: {:?}", error.field(b'M')))
}

fn exchange(session: &mut Raw, way: &Way, seen: &HashMap<Class, Vec<String>>) -> Vec<crate::harness::Frame> {
    let bytes = match way {
        Way::Simple(sql) => m::query(&filled(sql, seen)),
        Way::Extended { sql, run } => [m::parse("", &filled(sql, seen), &[]), bound("", run, seen)].concat(),
        Way::Parse { name, sql } => {
            [m::parse(name, &filled(sql, seen), &[]), m::describe(b'S', name), m::sync()].concat()
        }
        Way::Bind { name, run } => bound(name, run, seen),
        Way::Continue { portal, limit } => [m::execute(portal, *limit), m::sync()].concat(),
        Way::CopyIn { sql, data } => return copy_in(session, sql, &filled(data, seen)),
    };
    session.exchange(&bytes)
}

fn bound(statement: &str, run: &Run, seen: &HashMap<Class, Vec<String>>) -> Vec<u8> {
    let values: Vec<Option<String>> =
        run.values.iter().map(|value| value.as_ref().map(|text| filled(text, seen))).collect();
    let values: Vec<Option<&str>> = values.iter().map(Option::as_deref).collect();
    let mut bytes = m::bind(run.portal, statement, &values, &run.formats);
    bytes.extend(m::describe(b'P', run.portal));
    for _ in 0..run.executes {
        bytes.extend(m::execute(run.portal, run.limit));
    }
    bytes.extend(m::sync());
    bytes
}

/// Data follow only where the server asks for them.
fn copy_in(session: &mut Raw, sql: &str, data: &str) -> Vec<crate::harness::Frame> {
    session.send(&m::query(sql));
    let mut frames = Vec::new();
    while let Some(frame) = session.receive() {
        let tag = frame.tag;
        frames.push(frame);
        match tag {
            b'G' => session.send(&[m::copy_data(data.as_bytes()), m::copy_done()].concat()),
            b'Z' => break,
            _ => {}
        }
    }
    frames
}

/// `{text:2}`: the third token that an ordered result of this script showed.
fn filled(text: &str, seen: &HashMap<Class, Vec<String>>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        let end = rest[start..].find('}').map(|length| start + length);
        let value = end.and_then(|end| value(&rest[start + 1..end], seen));
        match (value, end) {
            (Some(value), Some(end)) => {
                out.push_str(&rest[..start]);
                out.push_str(&value);
                rest = &rest[end + 1..];
            }
            _ => {
                out.push_str(&rest[..=start]);
                rest = &rest[start + 1..];
            }
        }
    }
    out + rest
}

fn value(name: &str, seen: &HashMap<Class, Vec<String>>) -> Option<String> {
    let (class, number) = name.split_once(':')?;
    let (class, without) = match class {
        "text" => (Class::Text, "tok_none"),
        "card" => (Class::Card, "1111-2222-3333-4444"),
        "uuid" => (Class::Uuid, "00000000-0000-4000-8000-000000000000"),
        "number" => (Class::Number, "12345"),
        _ => return None,
    };
    let number: usize = number.parse().ok()?;
    let found =
        seen.get(&class).filter(|list| !list.is_empty()).map(|list| list[number % list.len()].clone());
    Some(found.unwrap_or_else(|| without.to_owned()))
}
