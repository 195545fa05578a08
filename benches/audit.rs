//! How long `bauta audit verify` and `bauta audit search --user` take on a long
//! log. Writes it through the library's own writer, reads it as the commands do,
//! and takes it away again.
//!
//! `cargo bench --bench audit -- 10000000 [DIRECTORY]`; without a number, 200,000.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bauta::audit::chain::Sealer;
use bauta::audit::file::all_files;
use bauta::audit::search::Query;
use bauta::audit::{
    Conceal, Event, Log, LogSettings, Record, Sql, StatementEnd, StatementStart, Who, verify,
};
use bauta::clock::SystemClock;
use bauta::config::AuditSql;
use bauta::mask::{Method, MethodSpec};
use bauta::policy::decide::{ColumnDecision, What};
use bauta::policy::{Disclosure, Disclosures, ProtectedColumn};
use zeroize::Zeroizing;

const KEY: [u8; 32] = [7; 32];
/// Logins among which the statements are shared out.
const USERS: u64 = 100;

fn main() {
    // cargo adds `--bench`.
    let mut arguments = std::env::args().skip(1).filter(|a| !a.starts_with("--"));
    let records: u64 = arguments.next().map_or(200_000, |n| n.parse().expect("a number of records"));
    let parent = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let directory = tempfile::tempdir_in(parent).expect("a directory");
    let log = directory.path().join("audit.jsonl");
    timed("written", records, || write(&log, records));
    let files = all_files(&log).expect("files");
    let bytes: u64 = files.iter().map(|file| file.metadata().expect("metadata").len()).sum();
    println!("{} files, {} MB, {} bytes a record", files.len(), bytes >> 20, bytes / records);
    timed("verified", records, || {
        let report = verify::files(&files, &Sealer::new(&KEY), &[]).expect("files");
        assert!(report.is_good() && report.records == records, "{report:?}");
    });
    for user in ["user-1", "nobody"] {
        let query = Query { user: Some(user.to_owned()), ..Query::default() };
        let mut found = 0_u64;
        timed(&format!("searched for {user}"), records, || {
            let count = |_| {
                found += 1;
                Ok::<(), std::io::Error>(())
            };
            query.run(&files, count).expect("files");
        });
        println!("{found} statements found");
    }
}

fn timed(what: &str, records: u64, work: impl FnOnce()) {
    let began = Instant::now();
    work();
    let seconds = began.elapsed().as_secs_f64();
    #[allow(clippy::cast_precision_loss)]
    let rate = records as f64 / seconds;
    println!("{records} records {what} in {seconds:.2} s, {rate:.0} a second");
}

fn write(path: &Path, records: u64) {
    let settings = LogSettings {
        file: path.to_owned(),
        sql: AuditSql::Full,
        rotate: 256 << 20,
        rotate_age: Duration::ZERO,
        node: "db-gate".into(),
    };
    let log = Log::open(settings, &Zeroizing::new(KEY), Arc::new(SystemClock)).expect("the log");
    let who: Vec<Arc<Who>> = (0..USERS).map(who).collect();
    let sql = "SELECT c.id, c.first_name, c.email, o.placed_at FROM customers c JOIN orders o ON o.customer_id = c.id WHERE c.id = $1";
    let columns: Arc<[ColumnDecision]> = Arc::from([email()]);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        for (number, who) in (0..records / 2).zip(who.iter().cycle()) {
            let start = StatementStart {
                sql: Sql::whole(Arc::<str>::from(sql), Conceal::Nothing),
                columns: columns.clone(),
                observed: None,
            };
            let record = Record { who: who.clone(), event: Event::StatementStart(start) };
            let start = log.submit(record).await.expect("a start");
            let end = StatementEnd {
                start,
                rows: number % 100,
                bytes: number,
                elapsed: Duration::from_micros(1500),
                sqlstate: None,
                refused: false,
            };
            log.submit(Record { who: who.clone(), event: Event::StatementEnd(end) }).await.expect("an end");
        }
    });
    log.close();
}

fn who(number: u64) -> Arc<Who> {
    Arc::new(Who {
        session: i64::try_from(number).expect("a small number") + 1,
        user: format!("user-{number}").into(),
        database: "shop".into(),
        client: "10.0.0.7:51234".into(),
        ..Who::default()
    })
}

fn email() -> ColumnDecision {
    let name = "public.customers.email";
    let column = ProtectedColumn {
        name: name.into(),
        schema: "public".into(),
        table: "customers".into(),
        column: "email".into(),
        method: MethodSpec::of(Method::Email),
        domain: name.into(),
        tags: Vec::new(),
        discloses: Disclosures(Disclosure::Nullness),
        writable: false,
        because: "proxy.toml:1".into(),
        path: None,
        paths: Arc::new([]),
        below: Arc::new([]),
    };
    ColumnDecision { column: Arc::new(column), use_: "output", what: What::Masked("email") }
}
