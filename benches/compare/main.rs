//! Side by side: the same work done directly, through a plain TCP relay (what
//! no proxy can beat), through pgbouncer where it is installed, and through
//! bauta.
//!
//! Method: one throwaway server; contenders take turns within each round, so
//! that what else the machine does meets all of them; the median of the rounds
//! counts. CPU is the proxy process's own, from `/proc/PID/stat`. Prints
//! Markdown, or with `--page` the whole of `docs/PERFORMANCE.md`. `cargo bench
//! --bench compare -- --short` takes some minutes. `--growth` does the part
//! about what grows alone, `--bulk` that about whole tables.
//!
//! Figures depend on the machine and are no test: nothing here fails because
//! something is slow.

mod bars;
mod contender;
mod growth;
mod load;
mod report;
mod session;

use std::sync::Arc;

use bauta::demo::{Cluster, Programs, Scratch};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use contender::{Certificate, Contender};
use growth::Growth;
use report::{Report, Unit};

const PREFACE: &str = "# What bauta costs

Made by `make performance`; don't edit. One run on one machine: ratios say more than figures, and your machine \
will say something else. `make bench` prints the same without writing this page.

Each job is done directly, through a plain TCP relay that looks at nothing, through pgbouncer (session pooling) and \
through bauta, in turns, against one throwaway PostgreSQL. Client, proxies and server share the machine. bauta's \
audit log is on, as you run it: every statement, also one that names nothing protected, waits until its record is \
synced to disk. pgbouncer and the relay sync nothing; a bauta whose log is in memory shows what the syncs cost. CPU is \
what the proxy's process took between pgbench's first and last report of progress, logins left out. Where a rate is named, every contender does the same number of transactions a second; elsewhere each does what it can, and a process that never waits takes less CPU for each.
";

/// How much work is done.
pub struct Scale {
    growth: growth::Sizes,
    rounds: usize,
    /// Of each pgbench run.
    seconds: u32,
    /// Of the bulk tables.
    rows: u32,
    /// Protocol and clients of pgbench -S.
    clients: &'static [(&'static str, u32)],
    idle_sessions: usize,
}

const FULL: Scale = Scale {
    growth: growth::FULL,
    rounds: 3,
    seconds: 4,
    rows: 1_000_000,
    clients: &[
        ("simple", 16),
        ("simple", 64),
        ("extended", 16),
        ("extended", 64),
        ("prepared", 1),
        ("prepared", 16),
        ("prepared", 64),
        ("prepared", 256),
    ],
    idle_sessions: 1000,
};
const SHORT: Scale = Scale {
    growth: growth::SHORT,
    rounds: 1,
    seconds: 3,
    rows: 100_000,
    clients: &[("simple", 16), ("extended", 16), ("prepared", 1), ("prepared", 16)],
    idle_sessions: 200,
};

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
    let certificate = Certificate::new()?;
    load::prepare(&programs, &mut cluster, &scale, &certificate)?;
    let growth = || {
        let (programs, scratch, cluster) = (&programs, &scratch, &cluster);
        let (certificate, scale, sizes) = (&certificate, &scale, &scale.growth);
        Growth { programs, scratch, cluster, certificate, scale, sizes }.run()
    };
    if arguments.iter().any(|a| a == "--growth") {
        print!("{}", growth()?);
        return Ok(());
    }
    let contenders = Contender::all(&programs, &scratch, &cluster, &certificate)?;
    let bulk_only = arguments.iter().any(|a| a == "--bulk");
    let unsynced = Contender::unsynced(&scratch, cluster.port(), &certificate)?;
    let mut report = Report::new(contenders.iter().chain(&unsynced).map(Contender::name).collect());
    for round in 1..=scale.rounds {
        eprintln!("round {round} of {}", scale.rounds);
        if !bulk_only {
            pgbench_round(&programs, &contenders, unsynced.as_ref(), &scale, &mut report)?;
        }
        bulk_round(&contenders, &scale, &mut report)?;
    }
    if bulk_only {
        println!("{}{report}", bars::Bars(&report));
        return Ok(());
    }
    for contender in &contenders {
        if let Some(calls) = load::system_calls(&programs, contender)? {
            report.add("pgbench -S, prepared, 16 clients", Unit::SystemCalls, contender.name(), calls);
        }
    }
    idle_memory(&contenders, &scale, &mut report)?;
    let load = std::fs::read_to_string("/proc/loadavg")?;
    if arguments.iter().any(|a| a == "--page") {
        println!("{PREFACE}");
    }
    println!(
        "PostgreSQL {}, {} CPUs, {} rounds of {} s, {} rows; medians. Load average of the machine at \
         the end, all that ran on it included: {}.\n",
        programs.major(),
        std::thread::available_parallelism()?,
        scale.rounds,
        scale.seconds,
        scale.rows,
        load.split(' ').next().unwrap_or_default()
    );
    println!("## Bars\n\n{}", bars::Bars(&report));
    print!("{report}");
    drop((contenders, unsynced));
    print!("{}", growth()?);
    Ok(())
}

fn pgbench_round(
    programs: &Programs,
    contenders: &[Contender],
    unsynced: Option<&Contender>,
    scale: &Scale,
    report: &mut Report,
) -> anyhow::Result<()> {
    for work in load::pgbench_works(scale) {
        for contender in contenders.iter().chain(unsynced.filter(|_| work.is_prepared())) {
            let result = load::pgbench(programs, contender, &work, scale)?;
            report.add(&work.name, Unit::PerSecond, contender.name(), result.per_second);
            if let Some(per_100k) = result.cpu_seconds {
                report.add(&work.name, Unit::CpuSeconds, contender.name(), per_100k);
            }
            if let Some((median, percentile)) = result.latency {
                report.add(&work.name, Unit::Median, contender.name(), median);
                report.add(&work.name, Unit::Percentile99, contender.name(), percentile);
            }
        }
    }
    Ok(())
}

fn bulk_round(contenders: &[Contender], scale: &Scale, report: &mut Report) -> anyhow::Result<()> {
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
