//! `bauta audit head`: the newest record's number and mac, for a notary; and
//! how `verify` reads them back.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::audit::{key_file, log_file};
use super::output::{line, one_line};
use crate::audit::chain::{Head, Line, Sealer};
use crate::audit::file::archives;
use crate::audit::read;
use crate::mask::KeyRing;

/// More than the longest line.
const WINDOW: usize = 1 << 20;

/// The writer cuts off within this time what it could not make durable.
const SETTLED: Duration = Duration::from_millis(400);

#[derive(Debug, clap::Args)]
#[command(after_help = "\
A chain shows every change but one: that its end was cut off. Whoever keeps a
head elsewhere sees that too: a notary, a printer, a mailbox, another machine.

For example, every hour:
  bauta audit head >> /mnt/notary/heads
and whenever somebody asks:
  bauta audit verify --head /mnt/notary/heads")]
pub struct Args {
    #[command(flatten)]
    config: super::ConfigArg,
    /// This log instead of the configuration's
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The key file
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let log = log_file(&args.config, args.file.as_ref())?;
    let (head, file) = newest(&log, &args.config, args.key.as_ref())?;
    let name = file.display().to_string();
    match args.json {
        true => {
            let mac = String::from_utf8_lossy(&head.mac);
            line(serde_json::json!({ "seq": head.seq, "mac": mac, "file": name }).to_string())?;
        }
        false => line(format!("{head} {name}"))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn newest(log: &Path, config: &super::ConfigArg, key: Option<&PathBuf>) -> anyhow::Result<(Head, PathBuf)> {
    let reading = |path: &Path| format!("reading {}", path.display());
    let (bytes, path) = match settled_line(log).with_context(|| reading(log))? {
        Some(found) => (found, log.to_owned()),
        None => {
            let archive = archives(log).with_context(|| reading(log))?.pop();
            let Some(archive) = archive else { bail!("there is no record in {} yet", log.display()) };
            let end = read::end(&archive, WINDOW).with_context(|| reading(&archive))?;
            (last_line(&end).unwrap_or_default().to_vec(), archive)
        }
    };
    let Some(record) = Line::parse(&bytes) else {
        bail!("the last line of {} is no record; see `bauta audit verify`", path.display())
    };
    match key_file(config, key).and_then(|key| Ok(KeyRing::open(&key)?)) {
        Ok(ring) if !Sealer::new(&ring.audit_key()).fits(&record) => {
            bail!("the last record of {} was edited; see `bauta audit verify`", path.display())
        }
        Ok(_) => {}
        Err(fault) => eprintln!("the record's mac was not checked: {}", one_line(&fault)),
    }
    Ok((Head { seq: record.seq, mac: *record.mac }, path))
}

/// The last whole line, once it is certain that it stays.
fn settled_line(path: &Path) -> std::io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    loop {
        let length = file.metadata()?.len();
        let start = length.saturating_sub(WINDOW as u64);
        let mut end = vec![0; usize::try_from(length - start).unwrap_or(0)];
        file.read_exact_at(&mut end, start)?;
        let Some(found) = last_line(&end) else { return Ok(None) };
        file.sync_data()?;
        std::thread::sleep(SETTLED);
        let mut again = vec![0; end.len()];
        if file.read_exact_at(&mut again, start).is_ok() && again == end {
            return Ok(Some(found.to_vec()));
        }
    }
}

/// Without its newline; what has none is not a line yet.
fn last_line(end: &[u8]) -> Option<&[u8]> {
    let whole = &end[..=end.iter().rposition(|b| *b == b'\n')?];
    whole.strip_suffix(b"\n")?.rsplit(|b| *b == b'\n').next()
}

/// `SEQ:MAC`, or a file of lines that begin so or are JSON.
pub fn kept(given: &str) -> Result<Vec<Head>, String> {
    if let Ok(head) = given.parse() {
        return Ok(vec![head]);
    }
    let text = std::fs::read_to_string(given)
        .map_err(|e| format!("neither SEQ:MAC nor a file that can be read: {e}"))?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let heads: Vec<Head> = lines.map(one).collect::<Result<_, _>>()?;
    if heads.is_empty() {
        return Err("the file holds no head".to_owned());
    }
    Ok(heads)
}

fn one(line: &str) -> Result<Head, String> {
    #[derive(serde::Deserialize)]
    struct Json {
        seq: u64,
        mac: String,
    }
    let text = match serde_json::from_str::<Json>(line) {
        Ok(json) => format!("{}:{}", json.seq, json.mac),
        Err(_) => line.split_whitespace().next().unwrap_or_default().to_owned(),
    };
    text.parse().map_err(|e| format!("{e}, not {line:?}"))
}
