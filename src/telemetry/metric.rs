//! The kinds of metrics: what may be touched while a statement runs is a
//! relaxed atomic.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::family::Family;

pub use prometheus_client::metrics::counter::Counter;

/// One label with its value.
pub type Label = [(&'static str, &'static str); 1];

/// Counters of one name, told apart by one label. Its values are known from
/// the start: each counter is there, at 0, before anything happened.
#[derive(Debug, Clone)]
pub struct Labelled {
    family: Family<Label, Counter>,
    label: &'static str,
}

impl Labelled {
    pub fn new(label: &'static str) -> Self {
        Self { family: Family::default(), label }
    }

    /// The counter of one value: resolve it once and keep it.
    pub fn counter(&self, value: &'static str) -> Counter {
        self.family.get_or_create(&[(self.label, value)]).clone()
    }

    pub(super) fn family(&self) -> Family<Label, Counter> {
        self.family.clone()
    }
}

/// Metrics of one name, told apart by names that the configuration gives.
#[derive(Debug, Clone)]
pub struct Named<M> {
    family: Family<[(&'static str, String); 1], M>,
    label: &'static str,
}

impl<M: Clone + Default> Named<M> {
    pub fn new(label: &'static str) -> Self {
        Self { family: Family::default(), label }
    }

    pub fn of(&self, name: &str) -> M {
        self.family.get_or_create(&[(self.label, name.to_owned())]).clone()
    }

    /// It is shown no more.
    pub fn forget(&self, name: &str) {
        self.family.remove(&[(self.label, name.to_owned())]);
    }

    pub(super) fn family(&self) -> Family<[(&'static str, String); 1], M> {
        self.family.clone()
    }
}

/// A number that goes up and down.
pub type Level = prometheus_client::metrics::gauge::Gauge<u64, AtomicU64>;

/// Upper bounds of the buckets in microseconds: 100 µs to 10 s.
const BOUNDS: [u64; 16] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000,
];

/// A histogram of times. The library's own takes a lock at every observation.
#[derive(Debug, Clone, Default)]
pub struct Timing {
    inner: Arc<Buckets>,
}

#[derive(Debug, Default)]
struct Buckets {
    /// The last one is for what exceeds all bounds.
    counts: [AtomicU64; BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
}

impl Timing {
    pub fn observe(&self, elapsed: Duration) {
        let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|bound| *bound < micros);
        if let Some(count) = self.inner.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let nanos = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        self.inner.nanoseconds.fetch_add(nanos, Ordering::Relaxed);
    }

    /// Observations so far.
    pub fn count(&self) -> u64 {
        self.inner.counts.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }
}

impl EncodeMetric for Timing {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        let counts = self.inner.counts.iter().map(|count| count.load(Ordering::Relaxed));
        let bounds = BOUNDS.iter().map(|micros| Duration::from_micros(*micros).as_secs_f64());
        let buckets: Vec<(f64, u64)> = bounds.chain([f64::INFINITY]).zip(counts).collect();
        let total = buckets.iter().map(|(_, count)| count).sum();
        let seconds = Duration::from_nanos(self.inner.nanoseconds.load(Ordering::Relaxed)).as_secs_f64();
        encoder.encode_histogram::<prometheus_client::encoding::NoLabelSet>(seconds, total, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_counts_in_the_first_bucket_that_holds_it() {
        let timing = Timing::default();
        for micros in [0, 100, 101, 10_000_000, 10_000_001] {
            timing.observe(Duration::from_micros(micros));
        }
        let count = |bucket: usize| timing.inner.counts[bucket].load(Ordering::Relaxed);
        assert_eq!([count(0), count(1), count(15), count(16)], [2, 1, 1, 1]);
        assert_eq!(timing.count(), 5);
    }
}
