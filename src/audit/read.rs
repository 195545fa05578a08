//! Files of a log for reading: plain, or compressed by the operator's gzip.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

/// What begins a gzip file (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Read at once.
const CHUNK: usize = 1 << 20;

/// The file's bytes, unpacked if it is compressed. Says by its first bytes,
/// whatever it is called: no record begins like that.
///
/// # Errors
/// The file can't be opened or read.
pub fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    let mut file = BufReader::with_capacity(CHUNK, File::open(path)?);
    if file.fill_buf()?.starts_with(&GZIP) {
        return Ok(Box::new(BufReader::with_capacity(CHUNK, MultiGzDecoder::new(file))));
    }
    Ok(Box::new(file))
}

/// Gives each line, its newline included, to `each`.
pub fn for_each_line<E: From<io::Error>>(
    path: &Path,
    mut each: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut reader = open(path)?;
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        each(&line)?;
    }
}

/// The last `len` bytes, unpacked; fewer if there are fewer.
///
/// # Errors
/// As [`open`].
pub fn end(path: &Path, len: usize) -> io::Result<Vec<u8>> {
    let mut reader = open(path)?;
    let mut kept = Vec::new();
    let window = u64::try_from(len).unwrap_or(u64::MAX).max(1);
    loop {
        let read = reader.by_ref().take(window).read_to_end(&mut kept)?;
        kept.drain(..kept.len().saturating_sub(len));
        if read == 0 {
            return Ok(kept);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_compressed_file_reads_like_the_plain_one() {
        let directory = tempfile::tempdir().unwrap();
        let (plain, packed) = (directory.path().join("a"), directory.path().join("a.gz"));
        let text: String = (0..5000).map(|n| format!("line {n}\n")).collect();
        std::fs::write(&plain, &text).unwrap();
        // Two members, as `cat a.gz b.gz` makes them.
        let mut out = File::create(&packed).unwrap();
        for part in [&text[..1000], &text[1000..]] {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(part.as_bytes()).unwrap();
            out.write_all(&encoder.finish().unwrap()).unwrap();
        }
        for path in [&plain, &packed] {
            let mut read = String::new();
            for_each_line::<io::Error>(path, |line| {
                read.push_str(std::str::from_utf8(line).unwrap());
                Ok(())
            })
            .unwrap();
            assert_eq!(read, text);
            assert_eq!(end(path, 10).unwrap(), text.as_bytes()[text.len() - 10..]);
            assert_eq!(end(path, 1 << 20).unwrap(), text.as_bytes());
        }
    }
}
