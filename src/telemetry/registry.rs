//! All metrics under their names, and their text for a scrape.

use std::fmt;

use prometheus_client::encoding::prometheus_text;
use prometheus_client::metrics::TypedMetric;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry as Inner};

use super::metric::{Counter, Labelled, Level, Named, Timing};
use super::names::{self, Name};
use super::process;

/// What is read when somebody asks, not counted as it happens.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    pub audit_writable: bool,
    pub audit_queue: u64,
    pub connections: u64,
    pub sessions: u64,
    pub grants: u64,
    pub requests: u64,
    pub state_stale_seconds: u64,
    pub catalogs: u64,
    pub catalog_problems: u64,
    /// Nothing is protected.
    pub observing: bool,
}

type Reading = fn(&Sample) -> u64;

/// See the module. Parts give their counters; gauges are set at each scrape.
pub struct Registry {
    inner: Inner,
    gauges: Vec<(Level, Reading)>,
    memory: Level,
    files: Level,
}

impl Registry {
    /// `started_at`: seconds since 1970.
    pub fn new(started_at: u64) -> Self {
        let mut registry = Self {
            inner: Inner::default(),
            gauges: Vec::new(),
            memory: Level::default(),
            files: Level::default(),
        };
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.put(names::BUILD_INFO, version);
        let start = Level::default();
        start.set(started_at);
        registry.put(names::START_TIME, start);
        registry.put(names::RESIDENT_MEMORY, registry.memory.clone());
        registry.put(names::OPEN_FDS, registry.files.clone());
        registry.gauge(names::AUDIT_WRITABLE, |sample| sample.audit_writable.into());
        registry.gauge(names::AUDIT_QUEUE, |sample| sample.audit_queue);
        registry.gauge(names::CONNECTIONS, |sample| sample.connections);
        registry.gauge(names::SESSIONS, |sample| sample.sessions);
        registry.gauge(names::GRANTS, |sample| sample.grants);
        registry.gauge(names::REQUESTS, |sample| sample.requests);
        registry.gauge(names::STATE_STALE, |sample| sample.state_stale_seconds);
        registry.gauge(names::OBSERVING, |sample| sample.observing.into());
        registry.gauge(names::CATALOGS, |sample| sample.catalogs);
        registry.gauge(names::CATALOG_PROBLEMS, |sample| sample.catalog_problems);
        registry
    }

    pub fn counter(&mut self, name: Name, counter: &Counter) {
        self.put(name, counter.clone());
    }

    pub fn labelled(&mut self, name: Name, counters: &Labelled) {
        self.put(name, counters.family());
    }

    pub fn named<M>(&mut self, name: Name, metrics: &Named<M>)
    where
        M: Clone + Default + Metric + TypedMetric,
    {
        self.put(name, metrics.family());
    }

    pub fn timing(&mut self, name: Name, timing: &Timing) {
        self.put(name, timing.clone());
    }

    fn gauge(&mut self, name: Name, read: Reading) {
        let gauge = Level::default();
        self.put(name, gauge.clone());
        self.gauges.push((gauge, read));
    }

    fn put(&mut self, name: Name, metric: impl Metric) {
        // The encoder appends these itself.
        let bare = name.name.strip_suffix("_total").or(name.name.strip_suffix("_info")).unwrap_or(name.name);
        self.inner.register(bare, name.help, metric);
    }

    /// Everything, in Prometheus' text format.
    ///
    /// # Errors
    /// None is known: the text is written to memory.
    pub fn text(&self, sample: &Sample) -> Result<String, fmt::Error> {
        for (gauge, read) in &self.gauges {
            gauge.set(read(sample));
        }
        self.memory.set(process::resident_bytes().unwrap_or(0));
        self.files.set(process::open_files().unwrap_or(0));
        let mut text = String::new();
        prometheus_text::encode(&mut text, &self.inner)?;
        Ok(text)
    }
}
