//! Names → "nothing protected here", without parsing.

use aho_corasick::AhoCorasick;

/// A multi-pattern matcher over the folded names that count and the keywords
/// that name things indirectly.
pub struct Prefilter {
    #[allow(dead_code)]
    matcher: AhoCorasick,
}
