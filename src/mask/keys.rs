//! The key file and the keys derived from it: one per purpose and domain, by
//! HKDF-SHA-256 (RFC 5869), so that no two uses ever share a key.
//!
//! The file has one line a key, `ID CREATED SECRET`: a number from 1 to 255, an
//! RFC 3339 time, 32 bytes in base64. New tokens use the highest id; tokens
//! carry the id of their key, so older ones still resolve after a rotation.
//! Invariant: a secret leaves this module only as a derived key, is wiped when
//! dropped, and no `Debug`, error or log shows any of it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hkdf::Hkdf;
use jiff::Timestamp;
use sha2::Sha256;
use zeroize::Zeroizing;

/// A key of 32 bytes, wiped when dropped.
pub type Key = Zeroizing<[u8; 32]>;

/// The key file, read once. Never empty.
pub struct KeyRing {
    /// The one with the lowest id.
    oldest: MasterKey,
    /// In ascending order of ids, without doubles.
    newer: Vec<MasterKey>,
}

/// One line of the key file.
pub(super) struct MasterKey {
    id: u8,
    created: Timestamp,
    secret: Key,
}

/// Why there is no key ring.
#[derive(Debug, thiserror::Error)]
pub enum KeyFault {
    #[error("key {id}, which is in use, is missing or another one: keys can only be added while bauta runs")]
    Lost { id: u8 },
    #[error("key {id} is older than those in use: a new key needs a higher id")]
    Older { id: u8 },
    #[error("the key file {path} could not be read")]
    Read { path: PathBuf, source: io::Error },
    #[error("the key file {path} could not be written")]
    Write { path: PathBuf, source: io::Error },
    #[error("the key file {path} is open to others (mode {mode:04o}): run chmod 600 {path}")]
    Permissions { path: PathBuf, mode: u32 },
    #[error("the key file {path} is not a regular file")]
    NotAFile { path: PathBuf },
    /// Says the line, never its content.
    #[error("line {line} of the key file is not a key: {expected}")]
    Line { line: usize, expected: &'static str },
    #[error("the key file holds no key: make one with bauta init")]
    Empty,
    #[error("the key file holds the highest id, 255: no key can follow")]
    Full,
    #[error("the system gave no random bytes")]
    Random(#[source] getrandom::Error),
}

/// PostgreSQL's rule for `ssl_key_file`: a file of root's, for a proxy that
/// isn't root, may be readable by its group, as mounted secrets are.
fn too_open(mode: u32, owner: u32, me: u32) -> bool {
    let forbidden = if owner == 0 && me != 0 { 0o037 } else { 0o077 };
    mode & forbidden != 0
}

/// Far more than 255 keys need; a wrong path must not fill the memory.
const LARGEST_FILE: u64 = 64 * 1024;

const HEADER: &str = "\
# The master keys of bauta: hashes, tokens and the audit chain depend on them.
# Whoever reads this file can turn tokens back; who loses it never can again.
# One key a line: id, time of its making, secret.
";

impl KeyRing {
    /// Reads the file. Refuses one that others may touch.
    pub fn open(path: &Path) -> Result<Self, KeyFault> {
        let read = |source| KeyFault::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(read)?;
        let metadata = file.metadata().map_err(read)?;
        if !metadata.is_file() {
            return Err(KeyFault::NotAFile { path: path.to_owned() });
        }
        let mode = metadata.mode() & 0o7777;
        if too_open(mode, metadata.uid(), nix::unistd::geteuid().as_raw()) {
            return Err(KeyFault::Permissions { path: path.to_owned(), mode });
        }
        let mut text = Zeroizing::new(String::new());
        file.take(LARGEST_FILE).read_to_string(&mut text).map_err(read)?;
        Self::parse(&text)
    }

    /// Makes a new file, mode 0600, with one new key. Never overwrites.
    pub fn create(path: &Path, now: Timestamp) -> Result<Self, KeyFault> {
        let write = |source| KeyFault::Write { path: path.to_owned(), source };
        let secret = random_key()?;
        let line = Zeroizing::new(format!("1 {now:.0} {}\n", *encode(&secret)));
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(write)?;
        let written = file.write_all(HEADER.as_bytes()).and_then(|()| file.write_all(line.as_bytes()));
        if let Err(source) = written.and_then(|()| file.sync_all()) {
            // Half a key file would be taken for a whole one later.
            let _ = fs::remove_file(path);
            return Err(write(source));
        }
        Ok(Self { oldest: MasterKey { id: 1, created: now, secret }, newer: Vec::new() })
    }

    /// Appends a new key to the file, which keeps its owner; the new key's id.
    /// A running proxy reads it when it is told to reload.
    pub fn rotate(path: &Path, now: Timestamp) -> Result<u8, KeyFault> {
        let ring = Self::open(path)?;
        let id = ring.newest().id.checked_add(1).ok_or(KeyFault::Full)?;
        let line = Zeroizing::new(format!("{id} {now:.0} {}\n", *encode(&random_key()?)));
        let write = |source| KeyFault::Write { path: path.to_owned(), source };
        let text = Zeroizing::new(fs::read(path).map_err(write)?);
        let mut added = Zeroizing::new(Vec::with_capacity(line.len() + 1));
        if text.last().is_some_and(|last| *last != b'\n') {
            added.push(b'\n');
        }
        added.extend_from_slice(line.as_bytes());
        let mut file = OpenOptions::new().append(true).open(path).map_err(write)?;
        file.write_all(&added).and_then(|()| file.sync_all()).map_err(write)?;
        Ok(id)
    }

    /// Reads the text of a key file.
    pub fn parse(text: &str) -> Result<Self, KeyFault> {
        let mut keys: Vec<MasterKey> = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key = parse_line(line).map_err(|expected| KeyFault::Line { line: number, expected })?;
            if keys.iter().any(|k| k.id == key.id) {
                return Err(KeyFault::Line { line: number, expected: "its id is taken by another line" });
            }
            keys.push(key);
        }
        keys.sort_by_key(|k| k.id);
        let mut keys = keys.into_iter();
        let oldest = keys.next().ok_or(KeyFault::Empty)?;
        Ok(Self { oldest, newer: keys.collect() })
    }

    /// Can this ring take the place of `old` while it is in use? Every key of
    /// it must still be there, and the oldest be the oldest.
    ///
    /// # Errors
    /// Which key is missing, or is another one now.
    pub fn check_grown_from(&self, old: &Self) -> Result<(), KeyFault> {
        let kept =
            |key: &&MasterKey| self.all().any(|known| known.id == key.id && *known.secret == *key.secret);
        match old.all().find(|key| !kept(key)) {
            Some(lost) => Err(KeyFault::Lost { id: lost.id }),
            None if self.oldest.id != old.oldest.id => Err(KeyFault::Older { id: self.oldest.id }),
            None => Ok(()),
        }
    }

    /// The id of the key for new hashes and tokens.
    pub fn newest_id(&self) -> u8 {
        self.newest().id
    }

    /// The key of the audit chain: `HKDF(master, "bauta audit v1")`. Of the
    /// oldest key, which stays in the file, so that a rotation does not break
    /// the chain.
    pub fn audit_key(&self) -> Key {
        self.oldest.expand(b"bauta audit v1")
    }

    /// The key that makes the salts of logins without a verifier:
    /// `HKDF(master, "bauta made-up salts v1")`. Of the oldest key: a salt
    /// that changed would tell that the login does not exist.
    pub fn made_up_salt_key(&self) -> Key {
        self.oldest.expand(b"bauta made-up salts v1")
    }

    /// Ids and times, oldest first: all that may be shown of the keys.
    pub fn list(&self) -> impl Iterator<Item = (u8, Timestamp)> + '_ {
        self.all().map(|k| (k.id, k.created))
    }

    /// The key for new hashes and tokens.
    pub(super) fn newest(&self) -> &MasterKey {
        self.newer.last().unwrap_or(&self.oldest)
    }

    /// The key of permutations, which have no room for an id.
    pub(super) fn oldest(&self) -> &MasterKey {
        &self.oldest
    }

    /// Every key: a token names the one that made it.
    pub(super) fn all(&self) -> impl Iterator<Item = &MasterKey> + '_ {
        std::iter::once(&self.oldest).chain(&self.newer)
    }
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyRing").field("keys", &self.all().count()).finish_non_exhaustive()
    }
}

impl MasterKey {
    pub(super) fn id(&self) -> u8 {
        self.id
    }

    /// The key of one purpose ("hash text", "token text" …) and one domain.
    pub(super) fn derive<const N: usize>(&self, purpose: &str, domain: &str) -> Zeroizing<[u8; N]> {
        // No purpose holds a NUL, so this one ends it.
        self.expand(format!("bauta {purpose} v1\0{domain}").as_bytes())
    }

    fn expand<const N: usize>(&self, info: &[u8]) -> Zeroizing<[u8; N]> {
        const { assert!(N <= 255 * 32, "the most that HKDF-SHA-256 can give") };
        let mut okm = Zeroizing::new([0; N]);
        match Hkdf::<Sha256>::new(None, self.secret.as_slice()).expand(info, okm.as_mut_slice()) {
            Ok(()) => okm,
            Err(_) => unreachable!("HKDF fails for more than 8,160 bytes only"),
        }
    }
}

fn parse_line(line: &str) -> Result<MasterKey, &'static str> {
    let mut fields = line.split_ascii_whitespace();
    let (Some(id), Some(created), Some(secret), None) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err("it must read ID CREATED SECRET");
    };
    let id = id.parse().ok().filter(|id| *id > 0).ok_or("its id must be a number from 1 to 255")?;
    let created = created.parse().map_err(|_| "its time must be like 2026-01-31T12:00:00Z")?;
    let secret = STANDARD.decode(secret).map(Zeroizing::new).ok();
    let secret: [u8; 32] = secret
        .and_then(|s| <[u8; 32]>::try_from(s.as_slice()).ok())
        .ok_or("its secret must be 32 bytes in base64")?;
    Ok(MasterKey { id, created, secret: Zeroizing::new(secret) })
}

fn random_key() -> Result<Key, KeyFault> {
    let mut key = Key::default();
    getrandom::fill(key.as_mut_slice()).map_err(KeyFault::Random)?;
    Ok(key)
}

fn encode(secret: &Key) -> Zeroizing<String> {
    Zeroizing::new(STANDARD.encode(secret.as_slice()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const ONE: &str = "1 2026-01-31T12:00:00Z AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const TWO: &str = "7 2026-02-28T12:00:00Z //79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA=";

    fn now() -> Timestamp {
        "2026-11-23T20:00:00.123Z".parse().unwrap()
    }

    fn derive(ring: &KeyRing, id: u8, purpose: &str, domain: &str) -> Option<[u8; 32]> {
        Some(*ring.all().find(|key| key.id == id)?.derive(purpose, domain))
    }

    /// RFC 5869, appendix A.1 to A.3: with salt and info, with long ones, without.
    #[test]
    fn hkdf_answers_as_the_rfc_says() {
        let from = |first: u8, count: u8| -> Vec<u8> { (first..=first + (count - 1)).collect() };
        for (input, salt, info, expected) in [
            (
                vec![0x0b; 22],
                Some(from(0, 13)),
                from(0xf0, 10),
                "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
            ),
            (
                from(0, 80),
                Some(from(0x60, 80)),
                from(0xb0, 80),
                "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e59\
                 0e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
            ),
            (
                vec![0x0b; 22],
                None,
                Vec::new(),
                "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
            ),
        ] {
            let mut output = vec![0; expected.len() / 2];
            Hkdf::<Sha256>::new(salt.as_deref(), &input).expand(&info, &mut output).unwrap();
            let hex: String = output.iter().map(|b| format!("{b:02x}")).collect();
            assert_eq!(hex, expected);
        }
    }

    /// The audit key is fixed by the interface: changing it breaks every chain.
    #[test]
    fn the_audit_key_is_hkdf_of_the_oldest_key() {
        let ring = KeyRing::parse(&format!("{TWO}\n{ONE}")).unwrap();
        let master: Vec<u8> = (0..32).collect();
        let mut expected = [0; 32];
        Hkdf::<Sha256>::new(None, &master).expand(b"bauta audit v1", &mut expected).unwrap();
        assert_eq!(ring.audit_key().as_slice(), expected);
        assert_eq!(KeyRing::parse(ONE).unwrap().audit_key().as_slice(), expected);
    }

    #[test]
    fn keys_differ_by_id_purpose_and_domain() {
        let ring = KeyRing::parse(&format!("# two\n{ONE}\n\n{TWO}\n")).unwrap();
        assert_eq!(ring.newest().id(), 7);
        let all = [
            derive(&ring, 1, "hash text", "ssn"),
            derive(&ring, 7, "hash text", "ssn"),
            derive(&ring, 1, "token text", "ssn"),
            derive(&ring, 1, "hash text", "mail"),
        ];
        let distinct: std::collections::HashSet<_> = all.iter().map(|k| k.unwrap()).collect();
        assert_eq!(distinct.len(), all.len());
        assert_eq!(derive(&ring, 2, "hash text", "ssn"), None);
        assert_eq!(derive(&ring, 1, "hash text", "ssn"), derive(&ring, 1, "hash text", "ssn"));
    }

    #[test]
    fn a_created_file_is_private_and_reads_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("bauta.key");
        let made = KeyRing::create(&path, now()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        let read = KeyRing::open(&path).unwrap();
        assert_eq!(read.audit_key(), made.audit_key());
        assert_eq!(read.list().map(|(id, _)| id).collect::<Vec<_>>(), [1]);
        assert!(matches!(KeyRing::create(&path, now()), Err(KeyFault::Write { .. })));
        assert_eq!(KeyRing::open(&path).unwrap().audit_key(), made.audit_key());
    }

    #[test]
    fn a_rotated_file_keeps_its_keys_and_its_mode() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("bauta.key");
        let made = KeyRing::create(&path, now()).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.trim_end()).unwrap();
        assert_eq!(KeyRing::rotate(&path, now()).unwrap(), 2);
        assert_eq!(KeyRing::rotate(&path, now()).unwrap(), 3);
        let read = KeyRing::open(&path).unwrap();
        assert_eq!(read.list().map(|(id, _)| id).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(read.audit_key(), made.audit_key());
        assert_ne!(derive(&read, 2, "token text", "d"), derive(&read, 3, "token text", "d"));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        fs::write(&path, ONE.replacen('1', "255", 1)).unwrap();
        assert!(matches!(KeyRing::rotate(&path, now()), Err(KeyFault::Full)));
    }

    #[test]
    fn a_file_open_to_others_is_refused_naming_the_chmod() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("bauta.key");
        KeyRing::create(&path, now()).unwrap();
        for mode in [0o640, 0o604, 0o610, 0o602] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let fault = KeyRing::open(&path).unwrap_err();
            assert!(fault.to_string().contains("chmod 600"), "{fault}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        assert!(KeyRing::open(&path).is_ok());
        assert!(matches!(KeyRing::open(directory.path()), Err(KeyFault::NotAFile { .. })));
        assert!(matches!(KeyRing::open(&directory.path().join("none")), Err(KeyFault::Read { .. })));
    }

    #[test]
    fn a_file_of_roots_may_be_read_by_the_proxys_group() {
        for (mode, owner, me, open) in [
            (0o640, 0, 999, false),
            (0o440, 0, 999, false),
            (0o660, 0, 999, true),
            (0o644, 0, 999, true),
            (0o640, 999, 999, true),
            (0o640, 0, 0, true),
            (0o600, 999, 999, false),
        ] {
            assert_eq!(too_open(mode, owner, me), open, "{mode:o} {owner} {me}");
        }
    }

    #[test]
    fn bad_lines_are_refused_without_showing_them() {
        let secret = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        for text in [
            String::new(),
            "# nothing".to_owned(),
            format!("0 2026-01-31T12:00:00Z {secret}"),
            format!("256 2026-01-31T12:00:00Z {secret}"),
            format!("1 yesterday {secret}"),
            format!("1 2026-01-31T12:00:00Z {secret} more"),
            format!("1 2026-01-31T12:00:00Z {}", &secret[..40]),
            format!("{ONE}\n{ONE}"),
        ] {
            let fault = KeyRing::parse(&text).unwrap_err();
            let shown = format!("{fault} {fault:?}");
            assert!(!shown.contains(&secret[..8]), "{shown}");
        }
    }

    #[test]
    fn nothing_prints_a_secret() {
        let shown = format!("{:?}", KeyRing::parse(ONE).unwrap());
        assert_eq!(shown, "KeyRing { keys: 1, .. }");
    }

    /// A token of a key that was taken out would lead nowhere, one of a key that
    /// was exchanged to somebody else; and the chain of the audit log would break.
    #[test]
    fn a_running_proxy_takes_added_keys_only() {
        let ring = |text: &str| KeyRing::parse(text).unwrap();
        let other = ONE.replace("AAEC", "AQEC");
        let (one, both) = (ring(ONE), ring(&format!("{ONE}\n{TWO}")));
        both.check_grown_from(&one).unwrap();
        both.check_grown_from(&both).unwrap();
        assert_eq!((one.newest_id(), both.newest_id()), (1, 7));
        for (new, old) in [(&one, &both), (&ring(TWO), &one), (&ring(&other), &one), (&both, &ring(TWO))] {
            assert!(new.check_grown_from(old).is_err());
        }
    }
}
