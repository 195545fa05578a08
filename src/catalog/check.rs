//! The server's part of `bauta check`: binds every rule to the catalog of
//! every database that it means, and says what doesn't fit.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use super::advice;
use super::bind::{self, Bound};
use super::bindings::{BindingStore, SharedBindings, SqliteBindings};
use super::finding::{Finding, Severity};
use super::guard::Guard;
use super::keeper::on_large_stack;
use super::load::{self, ConditionalRule, LoadError};
use super::service::{Service, ServiceError, chain};
use super::verifiers;
use crate::config::{Config, Scope, StateUrl};
use crate::net::tls::TlsFault;
use crate::policy::ProtectedColumn;
use crate::policy::rules::ANY;
use crate::state::Link;

#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The only one that leaves the file's own faults to stand alone.
    #[error("the server can't be reached")]
    Unreachable(#[source] ServiceError),
    #[error("TLS towards the server")]
    Tls(#[from] TlsFault),
    #[error("listing the server's databases")]
    List(#[source] tokio_postgres::Error),
}

/// Everything that is wrong, or worth knowing, errors first.
///
/// # Errors
/// When the server can't be asked at all.
pub async fn check(config: &Config) -> Result<Vec<Finding>, CheckError> {
    let service = Arc::new(Service::new(config)?);
    let existing = match databases(&service).await? {
        Ok(existing) => existing,
        Err(refused) => return Ok(vec![refused]),
    };
    let mut report = Report { findings: Vec::new(), databases: 0, guards: Vec::new() };
    report.verifier_function(&service).await;
    report.missing_databases(config, &existing);
    for database in existing.iter().filter(|name| is_meant(config, name)) {
        report.database(config, &service, database).await;
    }
    report.matched_nowhere();
    report.roles(config);
    report.scopes(config);
    report.trusted_functions(config);
    report.shared_keys();
    // One database may know a near name where another knows none.
    let order = |f: &Finding| (f.severity, line(f), f.database.clone(), f.message.clone(), f.mend.is_none());
    report.findings.sort_by_key(order);
    report
        .findings
        .dedup_by(|a, b| (&a.database, &a.place, &a.message) == (&b.database, &b.place, &b.message));
    Ok(report.findings)
}

/// The line of the file, for the order.
fn line(finding: &Finding) -> usize {
    let place = finding.place.as_deref().unwrap_or_default();
    place.rsplit_once(':').and_then(|(_, line)| line.parse().ok()).unwrap_or_default()
}

/// The names of all databases; inside, the finding that the role can't log in.
pub(super) async fn databases(service: &Arc<Service>) -> Result<Result<Vec<String>, Finding>, CheckError> {
    let mut refused = None;
    for first in ["postgres", "template1"] {
        match service.connect(first).await {
            Ok(connection) => {
                return Ok(Ok(verifiers::databases(&connection.client).await.map_err(CheckError::List)?));
            }
            Err(error @ ServiceError::Login { .. }) => refused = refused.or(Some(error)),
            Err(error) => return Err(CheckError::Unreachable(error)),
        }
    }
    let reason = refused.map(|error| chain(&error)).unwrap_or_default();
    Ok(Err(Finding::new(Severity::Error, "postgres", format!("upstream.service_user: {reason}"))
        .mend("run \"bauta setup-sql | psql\" on the server, and give the role's password as upstream.service_password")))
}

fn is_meant(config: &Config, database: &str) -> bool {
    config.protect.iter().any(|rule| rule.database == ANY || rule.database == database)
}

struct Report {
    findings: Vec<Finding>,
    /// How many were bound.
    databases: usize,
    guards: Vec<Arc<Guard>>,
}

impl Report {
    fn add(&mut self, severity: Severity, database: &str, message: String) -> &mut Finding {
        self.findings.push(Finding::new(severity, database, message));
        let last = self.findings.len() - 1;
        &mut self.findings[last]
    }

    async fn verifier_function(&mut self, service: &Arc<Service>) {
        if let Err(missing) = verifiers::find(Arc::clone(service)).await {
            self.add(Severity::Error, "postgres", format!("nobody can log in: {missing}"));
        }
    }

    fn missing_databases(&mut self, config: &Config, existing: &[String]) {
        for rule in config.protect.iter().filter(|r| r.database != ANY && !existing.contains(&r.database)) {
            let finding = self.add(Severity::Error, &rule.database, "there is no such database".to_owned());
            finding.place = Some(rule.place.clone());
            finding.mend = nearest(&rule.database, existing.iter().map(String::as_str));
        }
    }

    async fn database(&mut self, config: &Config, service: &Arc<Service>, database: &str) {
        match bound(config, service, database).await {
            Ok((bound, rules)) => {
                self.databases += 1;
                self.findings.extend(bound.findings);
                let guard = Arc::new(bound.guard);
                self.findings.extend(advice::advise(Arc::clone(&guard), rules).await);
                self.guards.push(guard);
            }
            Err(reason) => {
                let named = config.protect.iter().any(|rule| rule.database == database);
                let severity = if named { Severity::Error } else { Severity::Warning };
                self.add(severity, database, format!("its catalog can't be read: {reason}")).mend = Some(
                    "GRANT CONNECT on it to the service role, or name the databases in the rules".to_owned(),
                );
            }
        }
    }

    /// A rule for every database that fits none of them.
    fn matched_nowhere(&mut self) {
        let mut misses: BTreeMap<(Option<String>, String), usize> = BTreeMap::new();
        for finding in self.findings.iter().filter(|f| f.severity == Severity::Note) {
            *misses.entry((finding.place.clone(), finding.message.clone())).or_default() += 1;
        }
        let nowhere: HashSet<(Option<String>, String)> = misses
            .into_iter()
            .filter(|((place, message), count)| {
                place.is_some() && message.ends_with(bind::MATCHES_NOTHING) && *count == self.databases
            })
            .map(|(key, _)| key)
            .collect();
        // What fits some database is no news about the others.
        self.findings.retain_mut(|finding| {
            let is_miss =
                finding.severity == Severity::Note && finding.message.ends_with(bind::MATCHES_NOTHING);
            if is_miss && nowhere.contains(&(finding.place.clone(), finding.message.clone())) {
                finding.severity = Severity::Error;
                finding.database = ANY.to_owned();
                return true;
            }
            !is_miss
        });
    }

    /// Logins and roles that the policy names and the server doesn't have.
    fn roles(&mut self, config: &Config) {
        let Some(snapshot) = self.guards.first().map(|guard| Arc::clone(&guard.snapshot)) else { return };
        let exists = |name: &str| snapshot.memberships.contains_key(name);
        let mut missing = Vec::new();
        for role in &config.roles {
            let logins = role.members.iter().map(|m| (m.clone(), m));
            let groups = role.member_roles.iter().map(|m| (format!("pg:{m}"), m));
            missing.extend(
                logins
                    .chain(groups)
                    .filter(|(_, name)| !exists(name))
                    .map(|(shown, name)| (role, shown, name)),
            );
        }
        for (role, shown, name) in missing {
            let message =
                format!("role \"{}\" has member \"{shown}\", which the server does not know", role.name);
            let mend = nearest(name, snapshot.memberships.keys().map(|k| &**k));
            let finding = self.add(Severity::Warning, &snapshot.database, message);
            finding.place = Some(role.place.clone());
            finding.mend = mend;
        }
    }

    /// Parts of a role that cover no protected column of any database.
    fn scopes(&mut self, config: &Config) {
        if self.guards.is_empty() {
            return;
        }
        let guards = self.guards.clone();
        let columns = || guards.iter().flat_map(|guard| guard.protected.values());
        for role in &config.roles {
            let lists = [("unmask", &role.unmask), ("request", &role.request), ("approve", &role.approve)];
            for (key, scope) in lists.into_iter().flat_map(|(key, list)| list.iter().map(move |s| (key, s))) {
                let covers = columns().any(|column| match scope {
                    Scope::Tag(tag) => column.tags.iter().any(|t| **t == **tag),
                    Scope::Columns(pattern) => pattern.matches(&column.schema, &column.table, &column.column),
                });
                if !covers {
                    let shown = match scope {
                        Scope::Tag(tag) => format!("tag:{tag}"),
                        Scope::Columns(pattern) => pattern.to_string(),
                    };
                    let message =
                        format!("role \"{}\": {key} \"{shown}\" covers no protected column", role.name);
                    self.add(Severity::Warning, ANY, message).place = Some(role.place.clone());
                }
            }
        }
    }

    /// Columns of one name in several databases have one key where no rule names
    /// a domain: what one of them allows is asked of the others too.
    fn shared_keys(&mut self) {
        let mut named: BTreeMap<&str, Vec<(&str, &ProtectedColumn)>> = BTreeMap::new();
        for guard in &self.guards {
            let keyed = |c: &&Arc<ProtectedColumn>| c.domain == c.name && c.method.method().takes_domain();
            for column in guard.protected.values().filter(keyed) {
                named.entry(&column.name).or_default().push((&guard.snapshot.database, column));
            }
        }
        let mut found = Vec::new();
        for (name, columns) in named {
            let Some(((_, first), others)) = columns.split_first() else { continue };
            let differs = |(_, other): &&(&str, &ProtectedColumn)| {
                other.method.method() == first.method.method()
                    && (other.discloses, other.writable) != (first.discloses, first.writable)
            };
            let Some((database, other)) = others.iter().find(differs) else { continue };
            let message = format!(
                "{name} has the same key in several databases, whose rules allow different things: what one \
                 allows tells of the values in the other"
            );
            let finding = Finding::new(Severity::Warning, database, message).at(other.because.to_string());
            found.push(finding.mend("give the rules of the two databases a \"domain\" each"));
        }
        self.findings.extend(found);
    }

    fn trusted_functions(&mut self, config: &Config) {
        let known: BTreeSet<String> = self
            .guards
            .iter()
            .flat_map(|guard| guard.snapshot.functions.values())
            .map(|f| format!("{}.{}", f.schema, f.name))
            .collect();
        if self.guards.is_empty() {
            return;
        }
        for name in config.defaults.trusted_functions.iter().filter(|name| !known.contains(*name)) {
            let mend = match name.contains('.') {
                true => nearest(name, known.iter().map(String::as_str)),
                false => Some("write \"schema.function\"".to_owned()),
            };
            let message =
                format!("defaults.trusted_functions names \"{name}\", and there is no such function");
            self.add(Severity::Error, ANY, message).mend = mend;
        }
    }
}

/// One database's policy, bound as `serve` would, and its rewrite rules.
async fn bound(
    config: &Config,
    service: &Arc<Service>,
    database: &str,
) -> Result<(Bound, Vec<ConditionalRule>), String> {
    let connection = service.connect(database).await.map_err(|error| chain(&error))?;
    let loaded = load::load(&connection, None).await.map_err(|error: LoadError| chain(&error))?;
    let conditional = load::conditional_rules(&connection).await.map_err(|error| chain(&error))?;
    let snapshot = Arc::new(loaded.snapshot);
    let known = match &config.state {
        StateUrl::Sqlite(path) => SqliteBindings::open_read_only(path)
            .and_then(|store| store.load(database, snapshot.database_oid))
            // No state yet: nothing was ever bound.
            .unwrap_or_default(),
        StateUrl::Postgres(address) => {
            let address = (**address).clone();
            let (name, oid) = (database.to_owned(), snapshot.database_oid);
            let read =
                move || Link::open(address).ok().map(|link| SharedBindings::new(link).load(&name, oid));
            let read = tokio::task::spawn_blocking(read).await;
            read.ok().flatten().and_then(Result::ok).unwrap_or_default()
        }
    };
    let (rules, defaults) = (config.protect.clone(), config.defaults.clone());
    let binding = on_large_stack(move || {
        bind::bind(snapshot, &rules, &defaults, &known, crate::sql::lineage::view_flows)
    });
    let bound = binding.await.ok_or("binding the policy failed")?.map_err(|error| chain(&error))?;
    Ok((bound, conditional))
}

/// The known name nearest to `given`, as a mend.
fn nearest<'k>(given: &str, known: impl Iterator<Item = &'k str>) -> Option<String> {
    known
        .map(|name| (strsim::damerau_levenshtein(given, name), name))
        .filter(|(distance, name)| *distance <= name.len().div_ceil(3))
        .min()
        .map(|(_, name)| format!("did you mean \"{name}\"?"))
}
