//! `bauta demo`: arguments, signals and what is printed around the walk.
//!
//! Invariant: when the program ends, by itself or by a signal, no process and
//! no file of the demo is left.

use std::io::stdout;
use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::signal::unix::{SignalKind, signal};

use crate::demo::stage::{DATABASE, Stage};
use crate::demo::walk::{Report, walk};
use crate::demo::{Programs, Scratch};

/// The port that `--keep` takes if it is free.
const USUAL_PORT: u16 = 6432;

/// Exit status of a process that Ctrl-C ended, as shells have it.
const INTERRUPTED: i32 = 130;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Stay up after the walk, until Ctrl-C or SIGTERM
    #[arg(long)]
    keep: bool,

    /// Port of 127.0.0.1 that bauta listens on [default: a free one; with --keep 6432 if it is free]
    #[arg(long, value_name = "N")]
    port: Option<u16>,
}

/// How far it is, for the thread that waits for signals.
#[derive(Default)]
struct Progress {
    /// The walk is over and all is up to stay.
    staying: AtomicBool,
    /// A signal came: everything is being taken down.
    ending: Arc<AtomicBool>,
}

/// Runs the demo; fails when a step doesn't show what it should.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let programs = Programs::find()?;
    let scratch = Arc::new(Scratch::new().context("making a temporary directory")?);
    let progress = Arc::new(Progress::default());
    clean_up_on_signal(scratch.clone(), progress.clone())?;
    let outcome = show(&args, programs, &scratch, &progress);
    while progress.ending.load(Ordering::Relaxed) {
        // What failed, failed because of the signal; its thread ends the process.
        std::thread::park();
    }
    outcome
}

fn show(
    args: &Args,
    programs: Programs,
    scratch: &Arc<Scratch>,
    progress: &Progress,
) -> anyhow::Result<ExitCode> {
    let port = choose_port(args)?;
    let mut report = Report::new(stdout(), progress.ending.clone());
    let mut raised = None;
    let up = report.step("PostgreSQL", || {
        let major = programs.major();
        let stage = Stage::raise(programs, scratch, port)?;
        let count = stage.administer(DATABASE, "count customers", "SELECT count(*) FROM customers")?;
        raised = Some(stage);
        Ok(format!("{major}, with {} customers in six related tables", count.unwrap_or_default()))
    });
    let Some(stage) = raised.as_mut().filter(|_| up) else { return Ok(ExitCode::FAILURE) };
    if !walk(stage, &mut report) {
        return Ok(ExitCode::FAILURE);
    }
    if args.keep { stay(stage, &progress.staying) } else { Ok(ExitCode::SUCCESS) }
}

/// None: any free port.
fn choose_port(args: &Args) -> anyhow::Result<Option<u16>> {
    let is_free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
    match args.port {
        Some(port) if !is_free(port) => {
            bail!("port {port} of 127.0.0.1 is taken; choose another with --port")
        }
        Some(port) => Ok(Some(port)),
        None => Ok((args.keep && is_free(USUAL_PORT)).then_some(USUAL_PORT)),
    }
}

/// Serves until a signal ends the process, or the proxy ends.
fn stay(stage: &mut Stage, staying: &AtomicBool) -> anyhow::Result<ExitCode> {
    staying.store(true, Ordering::Relaxed);
    print_invitation(stage)?;
    while stage.is_serving() {
        std::thread::sleep(Duration::from_millis(500));
    }
    bail!("bauta serve ended:\n{}", stage.log())
}

fn print_invitation(stage: &Stage) -> anyhow::Result<()> {
    let program = std::env::current_exe()?;
    let (program, directory, port) = (program.display(), stage.directory().display(), stage.port());
    super::output::line(format!(
        "
It stays up. Try it; passwords are the names:
  psql \"host=127.0.0.1 port={port} user=ana password=ana dbname={DATABASE}\"
    SELECT * FROM customers ORDER BY id LIMIT 5;
    SELECT * FROM bauta.columns();
    SELECT * FROM bauta.request('public.customers.email', '5m', 'INC-4711');
  psql \"host=127.0.0.1 port={port} user=etl password=etl dbname={DATABASE}\"    (etl may see customers)

In another terminal, decide about requests and look at the log:
  export BAUTA_SOCKET={directory}/bauta.sock
  {program} requests
  {program} approve ID
  {program} grant ana --column public.customers.email --for 2m --reason \"INC-4711\"
  {program} audit search -c {directory}/proxy.toml --user ana

Ctrl-C ends it and removes everything."
    ))
}

/// A signal ends everything in order: 0 if the demo was up to stay.
fn clean_up_on_signal(scratch: Arc<Scratch>, progress: Arc<Progress>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate, mut hangup) = {
        let _context = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?)
    };
    std::thread::Builder::new().name("demo-signals".into()).spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => (),
                _ = terminate.recv() => (),
                _ = hangup.recv() => (),
            }
        });
        progress.ending.store(true, Ordering::Relaxed);
        scratch.clean();
        std::process::exit(if progress.staying.load(Ordering::Relaxed) { 0 } else { INTERRUPTED });
    })?;
    Ok(())
}
