//! The chain: each line ends in an HMAC over itself and, through `prev`, over
//! all lines before it. Pure.
//!
//! `mac = hex(HMAC-SHA-256(key, line up to but without ',"mac":'))`, where key
//! is `HKDF-SHA-256(master, "bauta audit v1")` and `prev` is the mac of the line
//! before, 64 zeros in the first. Follows `docs/AUDIT-FORMAT.md`.

use hmac::{Hmac, KeyInit, Mac as _};
use sha2::Sha256;

/// Lower-case hex of an HMAC-SHA-256.
pub type Hex = [u8; 64];

/// What `prev` is in the first line.
pub const FIRST: Hex = [b'0'; 64];

const PREV: &[u8] = b",\"prev\":\"";
const MAC: &[u8] = b"\",\"mac\":\"";
const END: &[u8] = b"\"}";
/// `"prev":"<64>","mac":"<64>"}` with the comma before it.
const TAIL: usize = PREV.len() + 64 + MAC.len() + 64 + END.len();

/// A record by its number and mac: it stands for all records up to it. Whoever
/// keeps one elsewhere sees if the log's end is cut off later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Head {
    pub seq: u64,
    #[serde(serialize_with = "as_text")]
    pub mac: Hex,
}

fn as_text<S: serde::Serializer>(mac: &Hex, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&String::from_utf8_lossy(mac))
}

/// `SEQ:MAC`
impl std::fmt::Display for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.seq, String::from_utf8_lossy(&self.mac))
    }
}

impl std::str::FromStr for Head {
    type Err = NoHead;

    fn from_str(text: &str) -> Result<Self, NoHead> {
        let (seq, mac) = text.trim().split_once(':').ok_or(NoHead)?;
        let mac: Hex = mac.as_bytes().try_into().map_err(|_| NoHead)?;
        match seq.parse() {
            Ok(seq) if is_hex(&mac) => Ok(Self { seq, mac }),
            Ok(_) | Err(_) => Err(NoHead),
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("expected SEQ:MAC, as `bauta audit head` prints it")]
pub struct NoHead;

/// The key, ready to use: its two inner blocks are computed once.
#[derive(Clone)]
pub struct Sealer {
    hmac: Hmac<Sha256>,
}

impl Sealer {
    /// From the audit key of the key file (`KeyRing::audit_key`).
    pub fn new(key: &[u8; 32]) -> Self {
        let hmac = match Hmac::<Sha256>::new_from_slice(key) {
            Ok(hmac) => hmac,
            // HMAC takes keys of every length.
            Err(_) => unreachable!("a key of 32 bytes"),
        };
        Self { hmac }
    }

    /// The mac of `bytes`.
    pub fn mac(&self, bytes: &[u8]) -> Hex {
        let mut hmac = self.hmac.clone();
        hmac.update(bytes);
        hex(&hmac.finalize().into_bytes())
    }

    /// Closes the open object that begins at `start` of `out` as a line of the
    /// chain, and returns its mac: the next line's `prev`.
    pub fn seal(&self, out: &mut Vec<u8>, start: usize, prev: &Hex) -> Hex {
        out.extend_from_slice(PREV);
        out.extend_from_slice(prev);
        // The closing quote of prev is covered, ',"mac":' is not.
        out.push(b'"');
        let mac = self.mac(out.get(start..).unwrap_or_default());
        out.extend_from_slice(MAC.get(1..).unwrap_or_default());
        out.extend_from_slice(&mac);
        out.extend_from_slice(END);
        out.push(b'\n');
        mac
    }

    /// Does this line's mac fit its bytes?
    pub fn fits(&self, line: &Line<'_>) -> bool {
        let mut hmac = self.hmac.clone();
        hmac.update(line.covered);
        match unhex(line.mac) {
            Some(mac) => hmac.verify_slice(&mac).is_ok(),
            None => false,
        }
    }
}

/// A line taken apart by its fixed places, not yet believed.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    pub seq: u64,
    pub prev: &'a Hex,
    pub mac: &'a Hex,
    /// What the mac is made over.
    pub covered: &'a [u8],
}

impl<'a> Line<'a> {
    /// Takes a line without its newline apart. None: it doesn't have the
    /// shape of a record.
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let body = line.len().checked_sub(TAIL)?;
        let (head, tail) = line.split_at_checked(body)?;
        let tail = tail.strip_prefix(PREV)?;
        let (prev, tail) = tail.split_first_chunk::<64>()?;
        let tail = tail.strip_prefix(MAC)?;
        let (mac, tail) = tail.split_first_chunk::<64>()?;
        if tail != END || !is_hex(prev) || !is_hex(mac) {
            return None;
        }
        let covered = line.get(..body + PREV.len() + 64 + 1)?;
        Some(Self { seq: seq_of(head)?, prev, mac, covered })
    }
}

/// `{"seq":123,…`
fn seq_of(head: &[u8]) -> Option<u64> {
    let digits = head.strip_prefix(b"{\"seq\":")?;
    let end = digits.iter().position(|b| *b == b',')?;
    std::str::from_utf8(digits.get(..end)?).ok()?.parse().ok()
}

fn is_hex(text: &Hex) -> bool {
    text.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Lower-case hex of 32 bytes.
pub fn hex(bytes: &[u8]) -> Hex {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = FIRST;
    for (pair, byte) in out.chunks_exact_mut(2).zip(bytes) {
        if let [high, low] = pair {
            *high = DIGITS[usize::from(byte >> 4)];
            *low = DIGITS[usize::from(byte & 15)];
        }
    }
    out
}

fn unhex(text: &Hex) -> Option<[u8; 32]> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let mut out = [0; 32];
    for (byte, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(bodies: &[&str]) -> Vec<u8> {
        let sealer = Sealer::new(&[7; 32]);
        let mut out = Vec::new();
        let mut prev = FIRST;
        for (seq, body) in (1..).zip(bodies) {
            let start = out.len();
            out.extend_from_slice(format!("{{\"seq\":{seq},\"sql\":\"{body}\"").as_bytes());
            prev = sealer.seal(&mut out, start, &prev);
        }
        out
    }

    #[test]
    fn a_sealed_line_comes_apart_and_fits() {
        let text = chain(&["SELECT 1", "SELECT 2"]);
        let sealer = Sealer::new(&[7; 32]);
        let mut prev = FIRST;
        for (seq, line) in (1..).zip(text.split(|b| *b == b'\n').filter(|l| !l.is_empty())) {
            serde_json::from_slice::<serde_json::Value>(line).unwrap();
            let line = Line::parse(line).unwrap();
            assert_eq!((line.seq, line.prev), (seq, &prev));
            assert!(sealer.fits(&line));
            assert!(!Sealer::new(&[8; 32]).fits(&line));
            prev = *line.mac;
        }
    }

    #[test]
    fn the_mac_covers_the_bytes_before_the_mac_member() {
        let text = String::from_utf8(chain(&["SELECT 1"])).unwrap();
        let (covered, rest) = text.split_once(",\"mac\":").unwrap();
        let mac = Sealer::new(&[7; 32]).mac(covered.as_bytes());
        assert_eq!(rest, format!("\"{}\"}}\n", std::str::from_utf8(&mac).unwrap()));
    }

    proptest::proptest! {
        #[test]
        fn every_flipped_bit_is_found(body in "[ -!#-~]{0,40}", at: proptest::sample::Index, bit in 0u8..8) {
            let body = body.replace('\\', "");
            let mut text = chain(&[&body]);
            text.pop();
            let place = at.index(text.len());
            text[place] ^= 1 << bit;
            let sealer = Sealer::new(&[7; 32]);
            proptest::prop_assert!(Line::parse(&text).is_none_or(|line| !sealer.fits(&line)));
        }
    }
}
