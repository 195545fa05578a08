//! What grants cost a statement: the decision about one column for a session,
//! with no grant, ten and ten thousand in force for two thousand logins; the
//! look while rows stream; and the permits made anew after something changed.
//! Run with `cargo bench --bench grants`.
//!
//! Ends with status 1 if ten thousand grants cost a statement 2 µs more than
//! none.

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bauta::clock::{Clock, Now, SystemClock};
use bauta::config::Config;
use bauta::grants::model::{Actor, Grant};
use bauta::grants::permits::{Index, SessionPermits};
use bauta::grants::{ColumnName, GrantId, Roles};
use bauta::mask::MethodSpec;
use bauta::policy::{Basis, Disclosure, Disclosures, Permits, ProtectedColumn};

const LOGINS: usize = 2000;
/// What a statement may cost more with all of them than with none.
const BAR: Duration = Duration::from_micros(2);

fn column(number: usize) -> ProtectedColumn {
    let table: Arc<str> = format!("t{number}").into();
    let name: Arc<str> = format!("public.{table}.email").into();
    ProtectedColumn {
        domain: name.clone(),
        name,
        schema: "public".into(),
        table,
        column: "email".into(),
        method: MethodSpec::Email,
        tags: vec!["pii".into()],
        discloses: Disclosures(Disclosure::Nullness),
        writable: false,
        because: "proxy.toml:1".into(),
        path: None,
        paths: std::sync::Arc::new([]),
        below: std::sync::Arc::new([]),
    }
}

fn grant(number: usize, now: Now) -> Grant {
    Grant {
        id: GrantId(i64::try_from(number).unwrap_or(i64::MAX)),
        user: format!("login{}", number % LOGINS),
        session: None,
        columns: (0..5).map(|n| ColumnName::of(&column(number / LOGINS * 5 + n))).collect(),
        tags: Vec::new(),
        reason: "INC-1".into(),
        ticket: None,
        once: false,
        export: false,
        max_rows: None,
        break_glass: false,
        request: None,
        requested_by: Actor::login("sam"),
        approved_by: Actor::login("sam"),
        created_at: now.wall,
        expires_at: now.wall + Duration::from_secs(3600),
        ended: None,
        uses: 0,
        rows: 0,
        reserved: 0,
    }
}

fn index(grants: usize, now: Now) -> Index {
    let index = Index::default();
    let until = now.mono + Duration::from_secs(3600);
    (1..=grants).for_each(|number| index.put(&grant(number, now), until));
    index
}

/// The least of many groups: what the machine did besides is not of interest.
fn measure(mut each: impl FnMut()) -> Duration {
    const GROUP: u32 = 1000;
    let mut best = Duration::MAX;
    for _ in 0..200 {
        let started = Instant::now();
        (0..GROUP).for_each(|_| each());
        best = best.min(started.elapsed() / GROUP);
    }
    best
}

fn main() -> ExitCode {
    let text = "[[protect]]\ncolumn = \"public.*.email\"\nmethod = \"email\"\ntags = [\"pii\"]\n\
                [[role]]\nname = \"analyst\"\nmembers = [\"login1\"]\nrequest = [\"tag:pii\"]\n";
    let config = match Config::parse(std::path::Path::new("proxy.toml"), text, &|_| None) {
        Ok(config) => config,
        Err(faults) => {
            eprintln!("{faults}");
            return ExitCode::FAILURE;
        }
    };
    let roles = Roles::new(&config);
    let now = SystemClock.now();
    let held = column(0);
    println!("{:<8}{:>16}{:>16}{:>16}", "grants", "decide ns", "per row ns", "permits ns");
    let mut decisions = Vec::new();
    for grants in [0, 10, 10_000] {
        let index = index(grants, now);
        let permits =
            || SessionPermits::new(1, "login1", 1, &roles, roles.of("login1", &[]), black_box(&index));
        let mine = permits();
        // As a statement does: the clock, and each of its columns.
        let decide = measure(|| drop(black_box(mine.access(black_box(&held), SystemClock.now()))));
        let basis = Basis::Grant(GrantId(1));
        let row = measure(|| {
            black_box(mine.holds(&basis, black_box(&held), SystemClock.now()));
        });
        let anew = measure(|| drop(black_box(permits())));
        println!("{grants:<8}{:>16}{:>16}{:>16}", decide.as_nanos(), row.as_nanos(), anew.as_nanos());
        decisions.push(decide + anew);
    }
    let none = decisions.first().copied().unwrap_or_default();
    let all = decisions.last().copied().unwrap_or_default();
    let more = all.saturating_sub(none);
    println!("10,000 grants cost a statement {} ns more than none, permits made anew", more.as_nanos());
    if more < BAR { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
