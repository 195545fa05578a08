//! The journal's bytes. Pure.
//!
//! ```text
//! block 0   beginning: magic · generation · inode · born · offset · before · checksum
//! block 1…  entries:   magic · generation · offset · length · checksum · the group's bytes
//! ```
//!
//! Numbers are 64 bits, little endian; each part is filled up with zeros to
//! whole blocks. A checksum is the SHA-256 of the checksum before it (a
//! beginning has none), of the fields and of the bytes: so an entry counts only
//! behind the very beginning and entries that it was written behind, and what
//! older generations left in the file never does.

use sha2::{Digest as _, Sha256};

/// What is written at once is a multiple of this, at a multiple of it: direct
/// I/O asks for it, and no write touches a block of an earlier group.
pub const BLOCK: usize = 4096;

/// JSON holds no byte 0: no part of a group can be taken for these.
const BEGINNING: &[u8; 8] = b"bauta\0B1";
const ENTRY: &[u8; 8] = b"bauta\0E1";
const FIELDS: usize = 32;
/// An entry's header.
const HEADER: usize = FIELDS + 32;

pub type Checksum = [u8; 32];

/// Which file it is, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId {
    pub inode: u64,
    /// When it was made, in nanoseconds since 1970, since numbers of inodes
    /// are used again; 0: the file system doesn't tell.
    pub born: u64,
}

/// From where on the journal holds what the log got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beginning {
    pub generation: u64,
    pub file: FileId,
    /// The log's length; up to here it is on disk itself.
    pub offset: u64,
    /// [`hash`] of the log's last bytes before `offset`.
    pub before: Checksum,
}

impl Beginning {
    pub fn encode(&self) -> (Vec<u8>, Checksum) {
        let mut bytes = BEGINNING.to_vec();
        for number in [self.generation, self.file.inode, self.file.born, self.offset] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&self.before);
        let checksum = hash(&[&bytes]);
        bytes.extend_from_slice(&checksum);
        (bytes, checksum)
    }

    fn decode(mut bytes: &[u8]) -> Option<(Self, Checksum)> {
        let rest = &mut bytes;
        if chunk::<8>(rest)? != BEGINNING {
            return None;
        }
        let [generation, inode, born, offset] = [number(rest)?, number(rest)?, number(rest)?, number(rest)?];
        let before = *chunk(rest)?;
        let this = Self { generation, file: FileId { inode, born }, offset, before };
        let (_, checksum) = this.encode();
        (*chunk(rest)? == checksum).then_some((this, checksum))
    }
}

/// The header of an entry that holds `bytes`, and its checksum.
pub fn header(generation: u64, last: &Checksum, offset: u64, bytes: &[u8]) -> (Vec<u8>, Checksum) {
    let mut header = ENTRY.to_vec();
    for number in [generation, offset, bytes.len() as u64] {
        header.extend_from_slice(&number.to_le_bytes());
    }
    let checksum = hash(&[last, &header, bytes]);
    header.extend_from_slice(&checksum);
    (header, checksum)
}

/// What an entry of so many bytes takes in the journal.
pub fn span(bytes: usize) -> usize {
    (HEADER + bytes).next_multiple_of(BLOCK)
}

/// What a journal holds.
pub struct Contents {
    pub beginning: Beginning,
    /// What the log got from `beginning.offset` on.
    pub bytes: Vec<u8>,
    /// Of the last entry.
    pub checksum: Checksum,
}

/// Walks a journal as far as it holds. None: it has no beginning.
pub fn read(journal: &[u8]) -> Option<Contents> {
    let (beginning, checksum) = Beginning::decode(journal)?;
    let mut contents = Contents { beginning, bytes: Vec::new(), checksum };
    let mut rest = journal.get(BLOCK..)?;
    while let Some(next) = step(&mut contents, rest) {
        rest = next;
    }
    Some(contents)
}

/// Takes one entry; what is behind it. None: there is none that fits.
fn step<'a>(contents: &mut Contents, journal: &'a [u8]) -> Option<&'a [u8]> {
    let mut rest = journal;
    if chunk::<8>(&mut rest)? != ENTRY {
        return None;
    }
    let [generation, offset, length] = [number(&mut rest)?, number(&mut rest)?, number(&mut rest)?];
    let written = *chunk::<32>(&mut rest)?;
    let bytes = rest.get(..usize::try_from(length).ok()?)?;
    let due = contents.beginning.offset + contents.bytes.len() as u64;
    let (_, checksum) = header(generation, &contents.checksum, offset, bytes);
    if generation != contents.beginning.generation || offset != due || written != checksum {
        return None;
    }
    contents.bytes.extend_from_slice(bytes);
    contents.checksum = checksum;
    journal.get(span(bytes.len())..)
}

pub fn hash(parts: &[&[u8]]) -> Checksum {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

fn chunk<'a, const N: usize>(bytes: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (chunk, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(chunk)
}

fn number(bytes: &mut &[u8]) -> Option<u64> {
    chunk(bytes).map(|chunk| u64::from_le_bytes(*chunk))
}

/// A buffer whose bytes lie in memory as direct I/O wants them.
#[derive(Default)]
pub struct Blocks {
    bytes: Vec<u8>,
}

impl Blocks {
    /// The parts, one behind the other, filled up with zeros.
    pub fn fill(&mut self, parts: &[&[u8]]) -> &[u8] {
        let length = parts.iter().map(|part| part.len()).sum::<usize>().next_multiple_of(BLOCK);
        if self.bytes.len() < length + BLOCK {
            self.bytes = vec![0; (length + BLOCK).next_power_of_two()];
        }
        let skipped = self.bytes.as_ptr().align_offset(BLOCK);
        let Some(mut rest) = self.bytes.get_mut(skipped..).and_then(|bytes| bytes.get_mut(..length)) else {
            unreachable!("a block more than needed, so an aligned one is among them")
        };
        for part in parts {
            let (to, behind) = rest.split_at_mut(part.len());
            to.copy_from_slice(part);
            rest = behind;
        }
        rest.fill(0);
        self.bytes.get(skipped..skipped + length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beginning(before: u8) -> Beginning {
        let file = FileId { inode: 2, born: 3 };
        Beginning { generation: 7, file, offset: 100, before: [before; 32] }
    }

    /// A journal of one block a part.
    fn journal(parts: &[&[&[u8]]]) -> Vec<u8> {
        parts.iter().flat_map(|part| Blocks::default().fill(part).to_vec()).collect()
    }

    fn bytes(journal: &[u8]) -> Vec<u8> {
        read(journal).unwrap().bytes
    }

    #[test]
    fn an_entry_counts_in_its_generation_at_its_place_and_behind_its_own_past_only() {
        let (begun, first) = beginning(1).encode();
        let (one, second) = header(7, &first, 100, b"one");
        let (two, _) = header(7, &second, 103, b"two");
        assert_eq!(bytes(&journal(&[&[&begun], &[&one, b"one"], &[&two, b"two"]])), b"onetwo");
        assert_eq!(bytes(&journal(&[&[&begun], &[&two, b"two"]])), b"");
        let (_, elsewhere) = beginning(2).encode();
        for (generation, last, offset) in [(6, first, 100), (7, first, 99), (7, elsewhere, 100)] {
            let (one, _) = header(generation, &last, offset, b"one");
            assert_eq!(bytes(&journal(&[&[&begun], &[&one, b"one"]])), b"", "{generation} {offset}");
        }
        assert!(read(&journal(&[&[&one, b"one"]])).is_none());
        assert!(read(&[]).is_none());
    }

    #[test]
    fn a_length_beyond_the_journal_is_no_entry() {
        let (begun, first) = beginning(1).encode();
        let (mut one, _) = header(7, &first, 100, b"one");
        one.get_mut(24..32).unwrap().copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(bytes(&journal(&[&[&begun], &[&one, b"one"]])), b"");
    }
}
