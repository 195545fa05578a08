//! Files of a log for reading: plain, or compressed by the operator's gzip.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use memchr::memmem::Finder;
use memchr::{memchr, memrchr};

/// What begins a gzip file (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Read at once.
const CHUNK: usize = 1 << 20;

/// The file's bytes, unpacked if it is compressed. Says by its first bytes,
/// whatever it is called: no record begins like that.
///
/// # Errors
/// The file can't be opened or read.
pub fn open(path: &Path) -> io::Result<Box<dyn BufRead + Send>> {
    let mut file = BufReader::with_capacity(CHUNK, File::open(path)?);
    if is_packed(file.fill_buf()?) {
        return Ok(Box::new(BufReader::with_capacity(CHUNK, MultiGzDecoder::new(file))));
    }
    Ok(Box::new(file))
}

/// Do these bytes begin a compressed file?
pub fn is_packed(beginning: &[u8]) -> bool {
    beginning.starts_with(&GZIP)
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

/// Gives each line, its newline included, that holds what `needle` looks for;
/// lines are not even told apart in what holds it nowhere.
///
/// # Errors
/// As [`open`], or what `each` fails with.
pub fn for_each_line_with<E: From<io::Error>>(
    path: &Path,
    needle: &Finder<'_>,
    mut each: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut reader = open(path)?;
    let mut chunk = Vec::new();
    loop {
        let window = u64::try_from(CHUNK).unwrap_or(u64::MAX);
        let read = reader.by_ref().take(window).read_to_end(&mut chunk)?;
        // The last line may go on; at the end of the file it does not.
        let whole = match memrchr(b'\n', &chunk) {
            _ if read == 0 => chunk.len(),
            Some(at) => at + 1,
            None => continue,
        };
        let (lines, _) = chunk.split_at(whole);
        lines_with(lines, needle, &mut each)?;
        chunk.drain(..whole);
        if read == 0 {
            return Ok(());
        }
    }
}

fn lines_with<E>(
    mut lines: &[u8],
    needle: &Finder<'_>,
    each: &mut impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    while let Some(at) = needle.find(lines) {
        let start = memrchr(b'\n', &lines[..at]).map_or(0, |newline| newline + 1);
        let end = memchr(b'\n', &lines[at..]).map_or(lines.len(), |newline| at + newline + 1);
        each(&lines[start..end])?;
        lines = &lines[end..];
    }
    Ok(())
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
        // More than is read at once.
        let text: String = (0..200_000).map(|n| format!("line {n}\n")).collect();
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
            assert!(read == text);
            let mut found = Vec::new();
            for_each_line_with::<io::Error>(path, &Finder::new("99"), |line| {
                found.push(String::from_utf8(line.to_vec()).unwrap());
                Ok(())
            })
            .unwrap();
            let expected: Vec<&str> = text.split_inclusive('\n').filter(|line| line.contains("99")).collect();
            assert!(found == expected);
            assert_eq!(end(path, 10).unwrap(), text.as_bytes()[text.len() - 10..]);
            assert!(end(path, 1 << 22).unwrap() == text.as_bytes());
        }
    }
}
