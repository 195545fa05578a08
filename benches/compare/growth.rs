//! How bauta's costs grow: with sessions, protect rules, relations in the
//! catalog and grants in force, each from few to many while the rest stays.
//!
//! Each size gets a bauta of its own. What is measured: the time from its
//! start until it has answered a statement of masked columns (which needs the
//! snapshot of the catalog), its memory then, what a change of the catalog
//! costs the next such statement, and CPU for a statement with nothing
//! protected and for one with three masked columns.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use bauta::control::api::{AskBody, GrantView};
use bauta::control::client::Client;
use bauta::demo::{Cluster, Programs, Scratch};
use hyper::Method;
use nix::sys::resource::{Resource, getrlimit};

use crate::Scale;
use crate::contender::{Certificate, Contender, DATABASE, IDLE, USER};
use crate::load::{self, PgbenchWork};
use crate::session::{self, Session};

/// A statement of masked columns: it waits for the snapshot of the catalog.
const ANSWERED: &str = "SELECT id, name, email, ssn FROM people WHERE id = 4711";

/// Columns that rules can name: this many tables with this many columns each.
const WIDE: (usize, usize) = (100, 100);

/// Tables made by one transaction: each is a lock.
const TABLES_AT_ONCE: usize = 2000;

/// How long statements go on after DDL: it is noticed within a second, and read
/// in some more.
const WATCHED: Duration = Duration::from_secs(12);

/// Sessions that the server itself has room for.
const DIRECT: usize = 1000;

/// Logins that hold grants.
const LOGINS: usize = 2000;

pub struct Sizes {
    sessions: &'static [usize],
    rules: &'static [usize],
    relations: &'static [usize],
    grants: &'static [usize],
}

pub const FULL: Sizes = Sizes {
    sessions: &[16, 100, 1000, 10_000],
    rules: &[10, 1000, 10_000],
    relations: &[100, 10_000, 100_000],
    grants: &[10, 1000, 10_000],
};
pub const SHORT: Sizes =
    Sizes { sessions: &[16, 100], rules: &[10, 1000], relations: &[100, 5000], grants: &[10, 200] };

/// One line of the table.
struct Point {
    size: usize,
    ready: f64,
    resident_mb: f64,
    after_ddl: f64,
    plain: f64,
    masked: f64,
}

pub struct Growth<'a> {
    pub programs: &'a Programs,
    pub scratch: &'a Arc<Scratch>,
    pub cluster: &'a Cluster,
    pub certificate: &'a Certificate,
    pub scale: &'a Scale,
    pub sizes: &'a Sizes,
}

impl Growth<'_> {
    /// The page's part, as Markdown.
    pub fn run(&self) -> anyhow::Result<String> {
        let mut page = String::from(
            "## What grows\n\nA bauta of its own for each line, everything else as above. *Ready*: from its start \
             until it has answered a statement of masked columns, the catalog read. *After DDL*: the longest that \
             such a statement took after a CREATE TABLE behind bauta's back was noticed. CPU seconds are those of \
             100,000 prepared statements from 16 clients: pgbench -S, and a point select of 3 masked columns. More \
             than a thousand sessions reach the server through pgbouncer, where it is installed, in whose pool the \
             idle ones hold no connection; they are as many as the limit on open files allows, two for each.\n\n",
        );
        let wide = (0..WIDE.0).map(|table| {
            let columns: Vec<String> = (0..WIDE.1).map(|column| format!("c{column} text")).collect();
            format!("CREATE TABLE wide_{table} ({});", columns.join(", "))
        });
        self.sql(&wide.collect::<String>())?;
        let none = |_: &Contender, _| Ok(Vec::new());
        let pool = self.pool()?;
        let sessions = self.sizes.sessions.iter().filter_map(|size| self.sessions(*size, pool.as_ref()));
        show(&mut page, "Sessions", sessions)?;
        self.table(&mut page, "Protect rules", self.sizes.rules, &rules, &none)?;
        self.table(
            &mut page,
            "Grants in force",
            self.sizes.grants,
            &|_| String::new(),
            &|contender, size| grant(contender, size).map(|()| Vec::new()),
        )?;
        // Last: what was made stays.
        let mut made = 0;
        let mut relations = |size: usize| -> anyhow::Result<()> {
            while made < size {
                let to = size.min(made + TABLES_AT_ONCE);
                self.sql(&format!(
                    "DO $$ BEGIN FOR i IN {made}..{} LOOP EXECUTE format('CREATE TABLE many_%s (a int4, b int4)', i); \
                     END LOOP; END $$",
                    to - 1
                ))?;
                made = to;
            }
            Ok(())
        };
        let sizes = self.sizes.relations.iter();
        let points = sizes.map(|size| {
            relations(*size)?;
            self.point(*size, self.cluster.port(), "", &none)
        });
        show(&mut page, "Relations in the catalog", points)?;
        Ok(page)
    }

    /// `config` is added to the configuration; `fill` is done once it runs,
    /// and what it opens stays open.
    fn table(
        &self,
        page: &mut String,
        title: &str,
        sizes: &[usize],
        config: &dyn Fn(usize) -> String,
        fill: &dyn Fn(&Contender, usize) -> anyhow::Result<Vec<Session>>,
    ) -> anyhow::Result<()> {
        let port = self.cluster.port();
        show(page, title, sizes.iter().map(|size| self.point(*size, port, &config(*size), fill)))
    }

    /// None: too many for the server, and no pgbouncer to stand between.
    fn sessions(&self, size: usize, pool: Option<&Contender>) -> Option<anyhow::Result<Point>> {
        let port = if size > DIRECT { pool?.port() } else { self.cluster.port() };
        let idle = |contender: &Contender, size: usize| {
            let others = (16..size).map(|_| session::open_as(contender.port(), IDLE));
            others.collect::<anyhow::Result<Vec<Session>>>()
        };
        let size = most_sessions().map(|most| size.min(most));
        Some(size.and_then(|size| self.point(size, port, "", &idle)))
    }

    fn pool(&self) -> anyhow::Result<Option<Contender>> {
        let users =
            "SELECT format('\"%s\" \"%s\"', rolname, rolpassword) FROM pg_authid WHERE rolpassword <> ''";
        let users = load::answer(self.programs, self.cluster, "postgres", users)?;
        Contender::pool(self.programs, self.scratch, self.cluster.port(), &users)
    }

    fn point(
        &self,
        size: usize,
        upstream: u16,
        config: &str,
        fill: &dyn Fn(&Contender, usize) -> anyhow::Result<Vec<Session>>,
    ) -> anyhow::Result<Point> {
        eprintln!("growth: {size}");
        let began = Instant::now();
        let bauta = Contender::bauta(self.scratch, upstream, self.certificate, config)?;
        session::bulk(bauta.port(), ANSWERED, 1)?;
        let ready = began.elapsed().as_secs_f64();
        let filled = fill(&bauta, size)?;
        let resident_mb = bauta.resident_kb()?.context("memory")? / 1024.0;
        let cpu = |work: &PgbenchWork| {
            let done = load::pgbench(self.programs, &bauta, work, self.scale)?;
            done.cpu_seconds.context("CPU")
        };
        let [plain, masked] = load::growth_works();
        let (plain, masked) = (cpu(&plain)?, cpu(&masked)?);
        let after_ddl = self.after_ddl(&bauta)?;
        drop(filled);
        Ok(Point { size, ready, resident_mb, after_ddl, plain, masked })
    }

    /// Statements go on while a table is made and dropped.
    fn after_ddl(&self, bauta: &Contender) -> anyhow::Result<f64> {
        self.sql("CREATE TABLE passing (a int4)")?;
        let mut session = session::open(bauta.port())?;
        let (began, mut longest) = (Instant::now(), 0_f64);
        while began.elapsed() < WATCHED {
            let started = Instant::now();
            session.query(ANSWERED, 1)?;
            longest = longest.max(started.elapsed().as_secs_f64());
            std::thread::sleep(Duration::from_millis(5));
        }
        self.sql("DROP TABLE passing")?;
        Ok(longest)
    }

    fn sql(&self, text: &str) -> anyhow::Result<()> {
        load::sql(self.programs, self.cluster, DATABASE, &format!("SET ROLE {USER}; {text}"))
    }
}

/// A session is two files of bauta's; it has some of its own.
fn most_sessions() -> anyhow::Result<usize> {
    let (files, _) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(usize::try_from(files)?.saturating_sub(200) / 2)
}

fn rules(size: usize) -> String {
    let columns = (0..size).map(|n| format!("\"public.wide_{}.c{}\"", n / WIDE.1, n % WIDE.1));
    columns.fold(String::new(), |mut text, column| {
        // Writing to a String does not fail.
        let _ = writeln!(text, "[[protect]]\ncolumn = {column}\nmethod = \"redact\"");
        text
    })
}

/// Grants for other logins; the one that measures holds none.
fn grant(bauta: &Contender, size: usize) -> anyhow::Result<()> {
    let control = Client::new(&bauta.directory().join("bauta.sock"));
    for number in 0..size {
        let body = AskBody {
            user: Some(format!("login{}", number % LOGINS)),
            columns: vec!["public.people.ssn".to_owned()],
            duration: "1h".to_owned(),
            reason: "bench".to_owned(),
            ..AskBody::default()
        };
        let _: GrantView = control.call(Method::POST, "/v1/grants", &body)?;
    }
    Ok(())
}

fn show(
    page: &mut String,
    title: &str,
    points: impl Iterator<Item = anyhow::Result<Point>>,
) -> anyhow::Result<()> {
    let points = points.collect::<Result<Vec<_>, _>>()?;
    writeln!(
        page,
        "### {title}\n\n| | ready, s | resident, MB | after DDL, s | CPU, unprotected | CPU, masked |\n\
         |---:|---:|---:|---:|---:|---:|"
    )?;
    for p in &points {
        writeln!(
            page,
            "| {} | {:.2} | {:.0} | {:.2} | {:.2} | {:.2} |",
            p.size, p.ready, p.resident_mb, p.after_ddl, p.plain, p.masked
        )?;
    }
    let top = points.iter().map(|p| p.plain.max(p.masked)).fold(0.0, f64::max);
    let list = |value: fn(&Point) -> f64| {
        points.iter().map(|p| format!("{:.2}", value(p))).collect::<Vec<_>>().join(", ")
    };
    let sizes: Vec<String> = points.iter().map(|p| format!("\"{}\"", p.size)).collect();
    writeln!(
        page,
        "\n```mermaid\nxychart-beta\n    title \"{title}: CPU seconds for 100,000 statements\"\n    \
         x-axis [{}]\n    y-axis 0 --> {:.0}\n    line [{}]\n    line [{}]\n```\n",
        sizes.join(", "),
        top.ceil() + 1.0,
        list(|p| p.plain),
        list(|p| p.masked)
    )?;
    Ok(())
}
