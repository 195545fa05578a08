//! `hash`: the standard's vectors, ranges, declared lengths, keys.

use super::*;

/// RFC 4231, sections 4.2 to 4.5, 4.7 and 4.8: keys shorter and longer than a block.
#[test]
fn hmac_answers_as_the_rfc_says() {
    use hmac::{Hmac, KeyInit, Mac};
    let counted: Vec<u8> = (1..=25).collect();
    for (key, data, expected) in [
        (
            [0x0b; 20].as_slice(),
            b"Hi There".as_slice(),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (&[0xaa; 20], &[0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        (&counted, &[0xcd; 50], "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
        (
            &[0xaa; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
        (
            &[0xaa; 131],
            b"This is a test using a larger than block-size key and a larger than block-size data. \
              The key needs to be hashed before being used by the HMAC algorithm.",
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
        ),
    ] {
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key).unwrap();
        mac.update(data);
        assert_eq!(hex(&mac.finalize().into_bytes()), expected);
    }
}

/// The hash is what the documentation says, computed here from its parts. A
/// change of it would break every extract that anyone kept.
#[test]
fn a_hash_is_hmac_under_the_derived_key() {
    use hmac::{Hmac, KeyInit, Mac};
    let key: zeroize::Zeroizing<[u8; 64]> = keys().newest().derive("hash text", "d");
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key.as_slice()).unwrap();
    mac.update(b"alice");
    let expected = hex(&mac.finalize().into_bytes());
    assert_eq!(shown("hash", "", &of("text", -1), "alice"), expected);
    assert_eq!(shown("hash", "", &of("name", -1), "alice"), expected[..63]);
    assert_eq!(shown("hash", "length = 9", &of("text", -1), "alice"), expected[..9]);
    assert_eq!(shown("hash", "", &varchar(20), "alice"), expected[..20]);
    assert_eq!(shown("hash", "length = 8", &char(10), "alice     "), format!("{}  ", &expected[..8]));
}

#[test]
fn a_hash_that_the_column_cannot_hold_does_not_fit() {
    assert!(misfit("hash", "length = 21", &varchar(20)).contains("length = 20 or less"));
    assert!(misfit("hash", "", &varchar(7)).contains("varchar(7)"));
    assert!(misfit("hash", "length = 9", &of("bytea", -1)).contains("even"));
    assert!(misfit("hash", "length = 8", &of("int4", -1)).contains("length"));
    assert!(misfit("hash", "", &of("numeric", -1)).contains("redact"));
}

#[test]
fn hashes_of_numbers_stay_in_range_and_agree_across_widths() {
    for value in [0_i64, 1, -1, 1234, i64::from(i16::MIN), i64::from(i16::MAX)] {
        let text = value.to_string();
        let hashes: Vec<i64> = ["int2", "int4", "int8"]
            .iter()
            .map(|name| shown("hash", "", &of(name, -1), &text).parse().unwrap())
            .collect();
        assert!((0..=i64::from(i16::MAX)).contains(&hashes[0]));
        assert!((0..=i64::from(i32::MAX)).contains(&hashes[1]));
        assert_eq!(hashes[1] & i64::from(i16::MAX), hashes[0]);
        assert_eq!(hashes[2] & i64::from(i32::MAX), hashes[1]);
    }
}

#[test]
fn hashes_of_uuids_are_version_8() {
    let uuid = shown("hash", "", &of("uuid", -1), "12345678-1234-4234-9234-123456789abc");
    assert_eq!(uuid.as_bytes()[14], b'8');
    assert!(matches!(uuid.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
}

#[test]
fn hashes_of_bytes_do_not_depend_on_the_way_they_are_written() {
    let bytea = of("bytea", -1);
    let expected = masked(&spec("hash", ""), &bytea, Format::Binary, b"\0\\ab\xff").unwrap();
    assert_eq!(expected.len(), 32);
    for text in ["\\x005c6162ff", "\\x005C6162FF", "\\000\\\\ab\\377"] {
        assert_eq!(shown("hash", "", &bytea, text), format!("\\x{}", hex(&expected)), "{text}");
    }
    assert_eq!(shown("hash", "length = 8", &bytea, "\\x00"), shown("hash", "", &bytea, "\\x00")[..10]);
}

#[test]
fn hashes_differ_by_domain_and_key() {
    let hash = |domain: &str, keys: &KeyRing| {
        run(&*plan(&spec("hash", ""), domain, &of("text", -1), Format::Text, keys).unwrap(), b"alice")
    };
    let first = KeyRing::parse(KEYS.lines().next().unwrap()).unwrap();
    assert_ne!(hash("a", &keys()), hash("b", &keys()));
    assert_ne!(hash("a", &keys()), hash("a", &first));
}
