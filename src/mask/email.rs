//! `email`: `alice@example.com` becomes `a***@e***.com`.
//! Discloses the first character of the local part and of the domain, and what
//! stands behind the last dot, if it looks like a top-level domain. Anything
//! that is not plainly an address becomes `***`: free text that happens to hold
//! an @ must not show its end.

use bytes::{BufMut, BytesMut};

use super::types::text::{Shape, first_char};
use super::{Encoding, Mask, Masked, UnreadableValue};

pub struct EmailMask {
    pub shape: Shape,
    /// What stands for no address, and for one that the column can't hold.
    pub hidden: Vec<u8>,
    pub encoding: Encoding,
    pub unreadable: UnreadableValue,
}

/// `a***@e***.` around the top-level domain.
const FRAME: usize = 10;
/// The shortest masked address: a column that can't hold it holds no addresses.
pub const SHORTEST: usize = FRAME + 2;
/// The longest delegated one has 24 characters.
const LONGEST_TLD: usize = 24;

impl Mask for EmailMask {
    fn apply(&self, value: &[u8], out: &mut BytesMut) -> Result<Masked, UnreadableValue> {
        let text = self.shape.content(value);
        if self.encoding == Encoding::Utf8 && std::str::from_utf8(text).is_err() {
            return Err(self.unreadable);
        }
        match shown(text, self.encoding) {
            Some((local, domain, tld)) if self.holds(local, domain, tld) => {
                for piece in [local, b"***@", domain, b"***.", tld] {
                    out.put_slice(piece);
                }
                self.shape.pad(FRAME.saturating_add(tld.len()), out);
            }
            _ => out.put_slice(&self.hidden),
        }
        Ok(Masked::Value)
    }
}

impl EmailMask {
    fn holds(&self, local: &[u8], domain: &[u8], tld: &[u8]) -> bool {
        // Two characters that may have several bytes, the rest is ASCII.
        let chars = FRAME.saturating_add(tld.len());
        let extra = local.len().saturating_add(domain.len()).saturating_sub(2);
        self.shape.holds(chars, chars.saturating_add(extra))
    }
}

/// First character of the local part, first of the domain, top-level domain.
fn shown(text: &[u8], encoding: Encoding) -> Option<(&[u8], &[u8], &[u8])> {
    let at = memchr::memchr(b'@', text)?;
    let (local, domain) = (text.get(..at)?, text.get(at.checked_add(1)?..)?);
    let dot = memchr::memrchr(b'.', domain)?;
    let (name, tld) = (domain.get(..dot)?, domain.get(dot.checked_add(1)?..)?);
    let address = !local.is_empty()
        && local.iter().all(|b| is_local(*b))
        && name.split(|b| *b == b'.').all(|label| !label.is_empty() && label.iter().all(|b| is_label(*b)))
        && is_top_level(tld);
    if !address {
        return None;
    }
    Some((first_char(local, encoding)?, first_char(name, encoding)?, tld))
}

/// RFC 5322's atoms and dots, RFC 6531's other characters. A quoted local
/// part counts as malformed.
fn is_local(byte: u8) -> bool {
    byte >= 0x80 || byte.is_ascii_alphanumeric() || b".!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

/// Letters, or a name of other letters in its ASCII form (RFC 5890): what free
/// text ends with is rarely so plain.
fn is_top_level(tld: &[u8]) -> bool {
    (2..=LONGEST_TLD).contains(&tld.len())
        && match tld.first_chunk::<4>() {
            Some(start) if start.eq_ignore_ascii_case(b"xn--") => {
                tld.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
            }
            _ => tld.iter().all(u8::is_ascii_alphabetic),
        }
}

fn is_label(byte: u8) -> bool {
    byte >= 0x80 || byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}
