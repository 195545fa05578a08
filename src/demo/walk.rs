//! The main job, step by step, each checked: masked, refused, requested,
//! approved, revealed, expired, audited.
//!
//! Invariant: a step prints `ok` only after it has compared what a real client
//! showed with what the server holds; the first that differs prints `FAILED`
//! and ends the walk.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::session::{Session, SessionError};
use super::stage::{DATABASE, Stage, StageError};

/// How long the demo's grant lasts.
const GRANT: Duration = Duration::from_secs(3);

/// The customer that the demo looks at.
const CUSTOMER: &str = "SELECT first_name, email, ssn, phone FROM customers WHERE id = 4711";

/// What a step saw, or why it isn't what it should be.
type Step = Result<String, Failed>;

#[derive(Debug, thiserror::Error)]
pub enum Failed {
    #[error("{0}")]
    Saw(String),
    #[error(transparent)]
    Stage(#[from] StageError),
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// Prints one line a step.
pub struct Report<W: Write> {
    out: W,
    /// The demo is being taken down: what fails now fails for that.
    ending: Arc<AtomicBool>,
}

impl<W: Write> Report<W> {
    pub fn new(out: W, ending: Arc<AtomicBool>) -> Self {
        Self { out, ending }
    }

    /// Runs a step and prints how it went; false: it failed.
    pub fn step(&mut self, name: &str, step: impl FnOnce() -> Step) -> bool {
        let outcome = step();
        if self.ending.load(Ordering::Relaxed) {
            return false;
        }
        let (word, seen) = match &outcome {
            Ok(seen) => ("ok", seen.clone()),
            Err(failed) => ("FAILED", failed.to_string()),
        };
        // One line a step, whatever the server said. Nobody reads a closed pipe.
        let seen = seen.split('\n').map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join(" / ");
        let _ = writeln!(self.out, "{word:<6}  {name:<10}  {seen}");
        let _ = self.out.flush();
        outcome.is_ok()
    }
}

/// The truth about the customer, read past bauta.
struct Truth {
    first_name: String,
    email: String,
    ssn: String,
    phone: String,
}

/// Walks; false: a step failed. `stage` has the shop and nothing of bauta yet.
pub fn walk<W: Write>(stage: &mut Stage, report: &mut Report<W>) -> bool {
    report.step("set up", || set_up(stage))
        && report.step("check", || checked(stage))
        && report.step("serve", || serving(stage))
        && main_job(stage, report)
}

/// The steps in one session of ana's.
fn main_job<W: Write>(stage: &Stage, report: &mut Report<W>) -> bool {
    let mut opened = None;
    let connected = report.step("connect", || {
        let (session, truth) = (stage.session("ana")?, truth(stage)?);
        opened = Some((session, truth));
        Ok(format!("as ana, with her own PostgreSQL password, to port {}", stage.port()))
    });
    let Some((session, truth)) = opened.as_mut().filter(|_| connected) else { return false };
    let mut request = String::new();
    let mut approved_at = Instant::now();
    report.step("masked", || masked(session, truth, CUSTOMER))
        && report.step("masked", || hidden_in_a_subquery(session, truth))
        && report.step("unmasked", || unprotected(session))
        && report.step("refused", || refused(session))
        && report.step("requested", || requested(session, &mut request))
        && report.step("approved", || {
            approved_at = Instant::now();
            approved(stage, &request)
        })
        && report.step("revealed", || revealed(session, truth))
        && report.step("expired", || expired(session, truth, approved_at))
        && report.step("audited", || audited(stage))
        && report.step("verified", || verified(stage))
}

fn set_up(stage: &Stage) -> Step {
    stage.set_up_bauta()?;
    Ok("bauta setup-sql ran on the server, bauta init made a key".into())
}

fn checked(stage: &Stage) -> Step {
    let said = stage.bauta_ok(&["check", "-c", "proxy.toml", "--require-server"])?;
    Ok(format!("bauta check: {}", said.lines().last().unwrap_or("no fault")))
}

fn serving(stage: &mut Stage) -> Step {
    stage.serve()?;
    Ok(format!("bauta on port {}, PostgreSQL on port {}", stage.port(), stage.server_port()))
}

fn truth(stage: &Stage) -> Result<Truth, Failed> {
    let sql = "SELECT concat_ws('|', first_name, email, ssn, phone) FROM customers WHERE id = 4711";
    let row = stage.administer(DATABASE, "read the truth", sql)?.unwrap_or_default();
    let mut columns = row.split('|').map(str::to_owned);
    let mut next = || columns.next().ok_or_else(|| Failed::Saw(format!("the shop holds {row}")));
    Ok(Truth { first_name: next()?, email: next()?, ssn: next()?, phone: next()? })
}

/// The customer shows, and nothing of what is protected.
fn masked(session: &mut Session, truth: &Truth, sql: &str) -> Step {
    let seen = session.run(sql)?;
    let leaks =
        [&truth.email, &truth.ssn, &truth.phone].into_iter().any(|value| seen.contains(value.as_str()));
    let line = format!("{sql} → {seen}");
    let shows =
        seen.starts_with(&format!("{}|", truth.first_name)) && seen.contains("tok_") && seen.contains("***");
    if shows && !leaks { Ok(line) } else { Err(Failed::Saw(line)) }
}

fn hidden_in_a_subquery(session: &mut Session, truth: &Truth) -> Step {
    let sql = "SELECT lower(email) AS x FROM (SELECT * FROM customers WHERE id = 4711) c";
    let seen = session.run(sql)?;
    let line = format!("{sql} → {seen}");
    let shows_mask = seen.contains("***") && !seen.contains(&truth.email);
    if shows_mask { Ok(line) } else { Err(Failed::Saw(line)) }
}

fn unprotected(session: &mut Session) -> Step {
    let sql = "SELECT country, count(*) FROM customers GROUP BY country ORDER BY country LIMIT 2";
    let seen = session.run(sql)?;
    let line = format!("{sql} → {seen}");
    if seen == "DE|2500\nES|2500" { Ok(line) } else { Err(Failed::Saw(line)) }
}

fn refused(session: &mut Session) -> Step {
    let sql = "SELECT count(*) FROM customers WHERE email LIKE 'rosa.%'";
    let seen = session.run(sql)?;
    // Without psql's picture of the place.
    let said: Vec<&str> =
        seen.lines().filter(|l| l.starts_with("ERROR:") || l.starts_with("HINT:")).collect();
    let right = said.len() == 2 && seen.contains("42501");
    if right {
        Ok(format!("{sql} → {}", said.join(" / ")))
    } else {
        Err(Failed::Saw(format!("{sql} → {seen}")))
    }
}

fn requested(session: &mut Session, request: &mut String) -> Step {
    let sql = format!(
        "SELECT id, status FROM bauta.request('public.customers.*', '{}s', 'INC-4711 refund')",
        GRANT.as_secs()
    );
    let seen = session.run(&sql)?;
    let line = format!("{sql} → {seen}");
    match seen.split_once('|') {
        Some((id, "pending")) if !id.is_empty() => {
            *request = id.to_owned();
            Ok(line)
        }
        _ => Err(Failed::Saw(line)),
    }
}

fn approved(stage: &Stage, request: &str) -> Step {
    let said = stage.bauta_ok(&["approve", request])?;
    Ok(format!("bauta approve {request}, as sam → {}", said.lines().next().unwrap_or("done")))
}

fn revealed(session: &mut Session, truth: &Truth) -> Step {
    let seen = session.run(CUSTOMER)?;
    // A decision reaches the asking session as a NOTICE of its own.
    let row = seen.lines().rfind(|line| line.contains('|')).unwrap_or_default();
    let line = format!("the same session, the same query → {row}");
    let right = row == format!("{}|{}|{}|{}", truth.first_name, truth.email, truth.ssn, truth.phone);
    if right { Ok(line) } else { Err(Failed::Saw(format!("{line} / {seen}"))) }
}

fn expired(session: &mut Session, truth: &Truth, approved_at: Instant) -> Step {
    // The grant began after `approved_at`; give its end some room.
    let end = approved_at + GRANT + Duration::from_millis(1500);
    std::thread::sleep(end.saturating_duration_since(Instant::now()));
    let seen = session.run(CUSTOMER)?;
    let row = seen.lines().rfind(|line| line.contains('|')).unwrap_or_default();
    let line = format!("{} s later, the same session → {row}", GRANT.as_secs());
    let leaks =
        [&truth.email, &truth.ssn, &truth.phone].into_iter().any(|value| seen.contains(value.as_str()));
    if row.contains("tok_") && !leaks { Ok(line) } else { Err(Failed::Saw(format!("{line} / {seen}"))) }
}

fn audited(stage: &Stage) -> Step {
    let mut seen = Vec::new();
    let mut complete = true;
    for decision in ["masked", "refused", "revealed"] {
        let found =
            stage.bauta_ok(&["audit", "search", "--user", "ana", "--decision", decision, "--json"])?;
        let statements = found.lines().filter(|record| record.contains("statement.start")).count();
        seen.push(format!("{statements} {decision}"));
        complete &= statements > 0;
    }
    let line = format!("bauta audit search --user ana → statements: {}", seen.join(", "));
    if complete { Ok(line) } else { Err(Failed::Saw(line)) }
}

fn verified(stage: &Stage) -> Step {
    let said = stage.bauta_ok(&["audit", "verify", "audit.jsonl"])?;
    Ok(format!("bauta audit verify → {}", said.lines().last().unwrap_or("no bad record")))
}
