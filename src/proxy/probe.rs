//! What the running proxy tells Prometheus and readiness probes.

use super::Proxy;
use crate::catalog::finding::Severity;
use crate::catalog::service::chain;
use crate::config::Mode;
use crate::telemetry::http::{Probe, Reach};
use crate::telemetry::names;
use crate::telemetry::registry::{Registry, Sample};

impl Proxy {
    /// Every metric under its name.
    pub fn metrics(&self) -> Registry {
        let mut registry = Registry::new(u64::try_from(self.started_at.as_second()).unwrap_or(0));
        self.audit.tally().register(&mut registry);
        self.sinks.register(&mut registry);
        self.analyser.lookups.register(&mut registry);
        self.front.logins.register(&mut registry);
        registry.timing(names::SERVER_TIME, &self.server_times);
        registry.counter(names::STATE_ERRORS, self.grants.troubles());
        registry
    }
}

impl Probe for Proxy {
    fn sample(&self) -> Sample {
        self.sinks.gauge();
        let (waiting, failure) = self.audit.standing();
        let (grants, requests) = self.grants.open();
        let errors = |finding: &crate::catalog::finding::Finding| finding.severity == Severity::Error;
        Sample {
            audit_writable: failure.is_none(),
            audit_queue: count(waiting),
            connections: self.sessions.connections().into(),
            sessions: count(self.sessions.len()),
            grants: count(grants),
            requests: count(requests),
            state_stale_seconds: self.grants.stale_for().as_secs(),
            observing: self.config.load().defaults.mode == Mode::Observe,
            catalogs: count(self.databases.guards().len()),
            catalog_problems: count(self.databases.findings().into_iter().filter(errors).count()),
        }
    }

    fn obstacles(&self) -> Vec<String> {
        let mut obstacles = Vec::new();
        if self.drain.has_begun() {
            obstacles.push("the proxy is shutting down".to_owned());
        }
        if let (_, Some(failure)) = self.audit.standing() {
            obstacles.push(failure.to_string());
        }
        for (database, why) in self.databases.unreadable() {
            obstacles.push(format!("the catalog of database \"{database}\" can't be read: {why}"));
        }
        obstacles
    }

    fn reach(&self) -> Reach<'_> {
        Box::pin(async move { self.databases.reach().await.map_err(|fault| chain(&fault)) })
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
