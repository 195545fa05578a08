//! Analyses that were made, for all sessions: by their text, and by the
//! outline that many texts share. Bounded in bytes.

use std::sync::Arc;

use bytes::Bytes;
use quick_cache::sync::Cache;
use quick_cache::{Equivalent, Weighter};

use super::analysis::Analysis;
use super::outline::Outline;
use super::shared::moved;

/// What an analysis holds beyond its text, roughly.
const ENTRY_BYTES: u64 = 2048;

/// Are analyses shared by texts that differ in literals only?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    ByOutline,
    /// Each text has its own: what sharing is held against.
    Never,
}

pub(super) struct Remembered {
    sharing: Sharing,
    texts: Cache<Key, Arc<Analysis>, ByText>,
    /// None: literals matter, so each text is analysed by itself.
    outlines: Cache<Key, Option<Arc<Analysis>>, ByText>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    version: u64,
    text: Bytes,
}

#[derive(Hash)]
struct KeyRef<'a> {
    version: u64,
    text: &'a [u8],
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.version == key.version && self.text == key.text
    }
}

#[derive(Clone)]
struct ByText;

impl Weighter<Key, Arc<Analysis>> for ByText {
    fn weight(&self, key: &Key, analysis: &Arc<Analysis>) -> u64 {
        weight(key, analysis.statements.len())
    }
}

impl Weighter<Key, Option<Arc<Analysis>>> for ByText {
    fn weight(&self, key: &Key, analysis: &Option<Arc<Analysis>>) -> u64 {
        weight(key, analysis.as_ref().map_or(0, |analysis| analysis.statements.len()))
    }
}

fn weight(key: &Key, statements: usize) -> u64 {
    let statements = u64::try_from(statements).unwrap_or(u64::MAX);
    let text = u64::try_from(key.text.len()).unwrap_or(u64::MAX);
    text.saturating_add(statements.saturating_mul(ENTRY_BYTES)).max(1)
}

impl Remembered {
    /// `bytes` for both kinds together.
    pub fn new(bytes: u64, sharing: Sharing) -> Self {
        let half = bytes / 2;
        let entries = usize::try_from(half / ENTRY_BYTES).unwrap_or(usize::MAX);
        Self {
            sharing,
            texts: Cache::with_weighter(entries, half, ByText),
            outlines: Cache::with_weighter(entries, half, ByText),
        }
    }

    /// What is known of `text` by the guard of this version.
    pub fn find(&self, version: u64, text: &[u8]) -> Option<Arc<Analysis>> {
        if let Some(analysis) = self.texts.get(&KeyRef { version, text }) {
            return Some(analysis);
        }
        let outline = self.outline(text)?;
        let shared = self.outlines.get(&KeyRef { version, text: outline.marked() })??;
        moved(&shared, &outline).map(Arc::new)
    }

    /// The analysis of `text`, which is not known, by `analyse`.
    pub fn make(
        &self,
        version: u64,
        text: &Bytes,
        analyse: impl Fn(&[u8]) -> Arc<Analysis>,
    ) -> Arc<Analysis> {
        if let Some(outline) = self.outline(text)
            && !self.outlines.contains_key(&KeyRef { version, text: outline.marked() })
        {
            let shared = analyse(outline.text().as_bytes());
            let own = moved(&shared, &outline);
            let key = Key { version, text: Bytes::copy_from_slice(outline.marked()) };
            self.outlines.insert(key, own.is_some().then_some(shared));
            if let Some(own) = own {
                return Arc::new(own);
            }
        }
        let analysis = analyse(text);
        self.texts.insert(Key { version, text: text.clone() }, Arc::clone(&analysis));
        analysis
    }

    fn outline(&self, text: &[u8]) -> Option<Outline> {
        if self.sharing == Sharing::Never { None } else { Outline::of(text) }
    }
}
