//! Side by side: the same work done directly, through a plain TCP relay (what
//! no proxy can beat), through pgbouncer where it is installed, and through
//! bauta.
//!
//! Method: one throwaway server; contenders take turns within each round, so
//! that what else the machine does meets all of them; the median of the rounds
//! counts. CPU is the proxy process's own, from `/proc/PID/stat`. Prints
//! Markdown. `cargo bench --bench compare -- --short` takes about a minute.
//!
//! Figures depend on the machine and are no test: nothing here fails because
//! something is slow.

mod contender;
mod load;
mod report;
mod session;

use std::sync::Arc;

use bauta::demo::{Cluster, Programs, Scratch};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use contender::Contender;
use report::{Report, Unit};

/// How much work is done.
pub struct Scale {
    rounds: usize,
    /// Of each pgbench run.
    seconds: u32,
    /// Of the bulk tables.
    rows: u32,
    clients: &'static [u32],
    idle_sessions: usize,
}

const FULL: Scale =
    Scale { rounds: 3, seconds: 5, rows: 1_000_000, clients: &[1, 16, 64], idle_sessions: 1000 };
const SHORT: Scale = Scale { rounds: 1, seconds: 2, rows: 100_000, clients: &[1, 16], idle_sessions: 200 };

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, listen, upstream] = arguments.as_slice()
        && first == contender::RELAY
    {
        return contender::relay(listen.parse()?, upstream.parse()?);
    }
    let scale = if arguments.iter().any(|a| a == "--short") { SHORT } else { FULL };
    allow_many_files()?;
    let programs = Programs::find()?;
    let scratch = Arc::new(Scratch::new()?);
    let mut cluster = Cluster::create(&programs, &scratch, "server", contender::PASSWORD)?;
    load::prepare(&programs, &mut cluster, &scale)?;
    let contenders = Contender::all(&programs, &scratch, &cluster)?;
    let mut report = Report::new(contenders.iter().map(Contender::name).collect());
    for round in 1..=scale.rounds {
        eprintln!("round {round} of {}", scale.rounds);
        run_round(&programs, &contenders, &scale, &mut report)?;
    }
    idle_memory(&contenders, &scale, &mut report)?;
    println!(
        "PostgreSQL {}, {} CPUs, {} rounds of {} s, {} rows; medians.\n",
        programs.major(),
        std::thread::available_parallelism()?,
        scale.rounds,
        scale.seconds,
        scale.rows
    );
    print!("{report}");
    Ok(())
}

fn run_round(
    programs: &Programs,
    contenders: &[Contender],
    scale: &Scale,
    report: &mut Report,
) -> anyhow::Result<()> {
    for work in load::pgbench_works(scale) {
        for contender in contenders {
            let before = contender.cpu_seconds()?;
            let result = load::pgbench(programs, contender.port(), &work, scale)?;
            report.add(&work.name, Unit::PerSecond, contender.name(), result.per_second);
            if let (Some(before), Some(after)) = (before, contender.cpu_seconds()?) {
                let per_100k = (after - before) / result.transactions * 100_000.0;
                report.add(&work.name, Unit::CpuSeconds, contender.name(), per_100k);
            }
        }
    }
    for (name, sql) in load::BULK {
        for contender in contenders {
            let rows_per_second = session::bulk(contender.port(), sql, scale.rows)?;
            report.add(name, Unit::RowsPerSecond, contender.name(), rows_per_second);
        }
    }
    Ok(())
}

/// What a session that does nothing costs a proxy, in kB of resident memory.
fn idle_memory(contenders: &[Contender], scale: &Scale, report: &mut Report) -> anyhow::Result<()> {
    for contender in contenders {
        let Some(before) = contender.resident_kb()? else { continue };
        let sessions = (0..scale.idle_sessions)
            .map(|_| session::open(contender.port()))
            .collect::<Result<Vec<_>, _>>()?;
        let after = contender.resident_kb()?.unwrap_or(before);
        let name = format!("{} idle sessions, each", sessions.len());
        report.add(&name, Unit::KiloBytes, contender.name(), (after - before) / sessions.len() as f64);
    }
    Ok(())
}

/// A thousand sessions are two thousand files in a proxy.
fn allow_many_files() -> anyhow::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?)
}
