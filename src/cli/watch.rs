//! `--watch`: a list, and from then on every record that is new or has
//! changed, a line each, until somebody ends it.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// `key` finds a record again, `state` is what counts as a change of it.
///
/// # Errors
/// What ends the watch: the proxy went away, or the reader of our output.
pub fn watch<T, K: Hash + Eq, S: PartialEq>(
    fetch: impl Fn() -> anyhow::Result<Vec<T>>,
    key: impl Fn(&T) -> K,
    state: impl Fn(&T) -> S,
    show: impl Fn(&[T]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut known: HashMap<K, S> = HashMap::new();
    loop {
        let mut news = fetch()?;
        news.retain(|record| {
            let state = state(record);
            known.get(&key(record)).is_none_or(|before| *before != state)
        });
        if !news.is_empty() {
            show(&news)?;
        }
        known.extend(news.iter().map(|record| (key(record), state(record))));
        std::thread::sleep(PAUSE);
    }
}
