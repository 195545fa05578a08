//! `token`: the standard's vectors, the way back, forgeries, declared lengths.

use proptest::prelude::*;

use super::*;
use crate::mask::original as original_of;
use crate::mask::permute::{Direction, Permutation};

fn unhex(s: &str) -> Vec<u8> {
    (0..s.len()).step_by(2).map(|i| u8::from_str_radix(&s[i..i + 2], 16).unwrap()).collect()
}

/// RFC 5297, appendices A.1 and A.2, through the same calls as a token.
#[test]
fn siv_answers_as_the_rfc_says() {
    use aes_siv::{KeyInit, siv::Aes128Siv};
    let deterministic = (
        "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
        &["101112131415161718191a1b1c1d1e1f2021222324252627"][..],
        "112233445566778899aabbccddee",
        "85632d07c6e8f37f950acd320a2ecc93",
        "40c02b9690c4dc04daef7f6afe5c",
    );
    let nonce_based = (
        "7f7e7d7c7b7a79787776757473727170404142434445464748494a4b4c4d4e4f",
        &[
            "00112233445566778899aabbccddeeffdeaddadadeaddadaffeeddccbbaa99887766554433221100",
            "102030405060708090a0",
            "09f911029d74e35bd84156c5635688c0",
        ][..],
        "7468697320697320736f6d6520706c61696e7465787420746f20656e6372797074207573696e67205349562d414553",
        "7bdb6e3b432667eb06f4d14bff2fbd0f",
        "cb900f2fddbe404326601965c889bf17dba77ceb094fa663b7a3f748ba8af829ea64ad544a272e9c485b62a3fd5c0d",
    );
    for (key, headers, plain, iv, cipher) in [deterministic, nonce_based] {
        let headers: Vec<Vec<u8>> = headers.iter().map(|header| unhex(header)).collect();
        let mut body = unhex(plain);
        let mut siv = Aes128Siv::new(unhex(key).as_slice().try_into().unwrap());
        let made = siv.encrypt_inout_detached(&headers, body.as_mut_slice().into()).unwrap();
        assert_eq!((hex(&made).as_str(), hex(&body).as_str()), (iv, cipher));
        siv.decrypt_inout_detached(&headers, body.as_mut_slice().into(), &made).unwrap();
        assert_eq!(body, unhex(plain));
    }
}

fn token(domain: &str, ty: &ValueType, value: &str, keys: &KeyRing) -> String {
    let mask = plan(&spec("token", ""), domain, ty, Format::Text, keys).unwrap();
    String::from_utf8(run(&*mask, value.as_bytes()).unwrap()).unwrap()
}

fn original(token: &str, domain: &str, keys: &KeyRing) -> Option<String> {
    token::resolve(token.as_bytes(), domain, keys).map(|o| o.to_string())
}

#[test]
fn tokens_lead_back_within_their_domain_only() {
    let (text, keys) = (of("text", -1), keys());
    for value in [
        "",
        "a",
        "123-45-6789",
        "fifteen chars..",
        "sixteen chars...",
        "Ångström \u{80}\0",
        "€".repeat(900).as_str(),
    ] {
        let t = token("ssn", &text, value, &keys);
        assert!(t.starts_with("tok_"), "{t}");
        assert_eq!(original(&t, "ssn", &keys).as_deref(), Some(value));
        assert_eq!(original(&t, "mail", &keys), None);
        assert_eq!(token("ssn", &varchar(10_000), value, &keys), t);
    }
}

#[test]
fn tokens_of_an_older_key_still_resolve() {
    let older = KeyRing::parse(KEYS.lines().next().unwrap()).unwrap();
    let newer = KeyRing::parse(KEYS.lines().nth(1).unwrap()).unwrap();
    let text = of("text", -1);
    let (old, new) = (token("d", &text, "alice", &older), token("d", &text, "alice", &keys()));
    assert_ne!(old, new);
    assert_eq!(new, token("d", &text, "alice", &newer));
    assert_eq!(original(&old, "d", &keys()).as_deref(), Some("alice"));
    assert_eq!(original(&new, "d", &keys()).as_deref(), Some("alice"));
    assert_eq!(original(&old, "d", &newer), None);
}

#[test]
fn token_length_shows_the_value_in_steps_of_sixteen() {
    let lengths: Vec<usize> =
        (0..=32).map(|n| token("d", &of("text", -1), &"x".repeat(n), &keys()).len()).collect();
    assert_eq!(lengths[0], token::SHORTEST);
    assert!(lengths[..=15].iter().all(|l| *l == lengths[0]));
    assert!(lengths[16..=31].iter().all(|l| *l == lengths[16]) && lengths[16] > lengths[0]);
}

#[test]
fn a_token_fits_the_column_or_is_hidden() {
    assert!(misfit("token", "", &varchar(47)).contains("varchar(47)"));
    assert!(misfit("token", "", &of("int2", -1)).contains("hash"));
    assert_eq!(token("d", &varchar(48), "123-45-6789", &keys()).len(), 48);
    assert_eq!(token("d", &varchar(48), "sixteen chars...", &keys()), "***");
    let padded = token("d", &char(50), "alice", &keys());
    assert_eq!((padded.len(), padded.trim_end().len()), (50, 48));
    // char(n) means the same with and without its padding.
    assert_eq!(padded.trim_end(), token("d", &of("text", -1), "alice", &keys()));
}

#[test]
fn a_forged_token_resolves_to_nothing() {
    let good = token("d", &of("text", -1), "alice", &keys());
    for at in 0..good.len() {
        for replaced in [b'A', b'b', b'-', b'=', b' ', 0xff] {
            let mut forged = good.clone().into_bytes();
            if forged[at] == replaced {
                continue;
            }
            forged[at] = replaced;
            assert!(token::resolve(&forged, "d", &keys()).is_none(), "byte {at}");
        }
        assert!(token::resolve(&good.as_bytes()[..at], "d", &keys()).is_none());
    }
    assert!(token::resolve(format!("{good}A").as_bytes(), "d", &keys()).is_none());
}

// ---- permutations ----

/// Samples 1 to 9 of NIST's examples for FF1 (SP 800-38G): keys of 128, 192
/// and 256 bits, without and with a tweak, radix 10 and 36.
#[test]
fn ff1_answers_as_the_standard_says() {
    use ::fpe::ff1::{FF1, FlexibleNumeralString};
    const KEY: &str = "2b7e151628aed2a6abf7158809cf4f3cef4359d8d580aa4f7f036d6f04fc6a94";
    const DIGITS: &str = "0123456789";
    const LETTERS: &str = "0123456789abcdefghi";
    let digits = |s: &str| -> Vec<u16> {
        s.chars().map(|c| u16::try_from(c.to_digit(36).unwrap()).unwrap()).collect()
    };
    for (bits, radix, tweak, plain, cipher) in [
        (128, 10, "", DIGITS, "2433477484"),
        (128, 10, "9876543210", DIGITS, "6124200773"),
        (128, 36, "7777pqrs777", LETTERS, "a9tv40mll9kdu509eum"),
        (192, 10, "", DIGITS, "2830668132"),
        (192, 10, "9876543210", DIGITS, "2496655549"),
        (192, 36, "7777pqrs777", LETTERS, "xbj3kv35jrawxv32ysr"),
        (256, 10, "", DIGITS, "6657667009"),
        (256, 10, "9876543210", DIGITS, "1001623463"),
        (256, 36, "7777pqrs777", LETTERS, "xs8a0azh2avyalyzuwd"),
    ] {
        let (key, tweak) = (unhex(&KEY[..bits / 4]), tweak.as_bytes());
        let text = FlexibleNumeralString::from(digits(plain));
        let turned = match bits {
            128 => FF1::<aes::Aes128>::new(&key, radix).unwrap().encrypt(tweak, &text),
            192 => FF1::<aes::Aes192>::new(&key, radix).unwrap().encrypt(tweak, &text),
            _ => FF1::<aes::Aes256>::new(&key, radix).unwrap().encrypt(tweak, &text),
        };
        assert_eq!(Vec::from(turned.unwrap()), digits(cipher), "{bits} bits, radix {radix}");
    }
}

fn both_ways(method: &str, options: &str, ty: &ValueType, format: Format, value: &[u8]) -> Vec<u8> {
    let spec = spec(method, options);
    let token = masked(&spec, ty, format, value).unwrap();
    let back = original_of(&spec, "d", ty, format, &token, &keys());
    assert_eq!(back.map(|b| b.to_vec()).as_deref(), Some(value), "{}", String::from_utf8_lossy(value));
    token
}

#[test]
fn tokens_of_numbers_and_uuids_lead_back() {
    for value in [i32::MIN, -1, 0, 1, 42, i32::MAX] {
        let text = both_ways("token", "", &of("int4", -1), Format::Text, value.to_string().as_bytes());
        let binary = both_ways("token", "", &of("int4", -1), Format::Binary, &value.to_be_bytes());
        let token = i32::from_be_bytes(binary.as_slice().try_into().unwrap());
        assert_eq!(token.to_string().as_bytes(), text);
        assert_ne!(token, value);
    }
    for value in [i64::MIN, -1, 0, i64::MAX] {
        both_ways("token", "", &of("int8", -1), Format::Text, value.to_string().as_bytes());
        both_ways("token", "", &of("int8", -1), Format::Binary, &value.to_be_bytes());
    }
    let uuid = both_ways("token", "", &of("uuid", -1), Format::Binary, &[7; 16]);
    assert_ne!(uuid, [7; 16]);
    both_ways("token", "", &of("uuid", -1), Format::Text, b"00000000-0000-0000-0000-000000000000");
}

#[test]
fn only_reversible_methods_lead_back() {
    let keys = keys();
    for method in Method::ALL.into_iter().filter(|m| !matches!(m, Method::Token | Method::Fpe)) {
        let spec = MethodSpec::of(method);
        assert!(original_of(&spec, "d", &of("text", -1), Format::Text, b"x", &keys).is_none());
    }
    let token = MethodSpec::of(Method::Token);
    assert!(original_of(&token, "d", &of("int2", -1), Format::Text, b"1", &keys).is_none());
}

/// `= ANY ('{…}')` is given an array of tokens; one that is none spoils it.
#[test]
fn each_element_of_an_array_leads_back() {
    let keys = keys();
    let token_of = |value: &str| token("d", &of("text", -1), value, &keys);
    let back = |array: &str| {
        let spec = spec("token", "");
        let found = original_of(&spec, "d", &array_of("text"), Format::Text, array.as_bytes(), &keys);
        found.map(|found| String::from_utf8(found.to_vec()).unwrap())
    };
    let array = format!("{{{},\"{}\"}}", token_of("a b"), token_of("c"));
    assert_eq!(back(&array).as_deref(), Some("{\"a b\",c}"));
    // Under `array_nulls = off` it would be a text.
    assert_eq!(back(&format!("{{{},null}}", token_of("a"))), None);
    assert_eq!(back(&format!("{{{},x}}", token_of("a"))), None);
    assert_eq!(back("{}").as_deref(), Some("{}"));
    for format in [Format::Text, Format::Binary] {
        let ty = array_of("int4");
        let value: &[u8] = match format {
            Format::Text => b"{1,-7}",
            Format::Binary => b"\0\0\0\x01\0\0\0\0\0\0\0\x17\0\0\0\x02\0\0\0\x01\0\0\0\x04\0\0\0\x01\0\0\0\x04\xff\xff\xff\xf9",
        };
        let masked = masked(&spec("token", ""), &ty, format, value).unwrap();
        let back = original_of(&spec("token", ""), "d", &ty, format, &masked, &keys).unwrap();
        assert_eq!(back.as_slice(), value);
    }
}

/// Tokens without a key id would lead to other people after a rotation if they
/// followed the newest key.
#[test]
fn a_rotation_does_not_change_tokens_without_a_key_id() {
    let before = KeyRing::parse(KEYS.lines().next().unwrap()).unwrap();
    for (method, ty, value) in [
        ("token", of("int4", -1), "42"),
        ("token", of("int8", -1), "42"),
        ("fpe", of("text", -1), "123-45-6789"),
    ] {
        let mask = |keys: &KeyRing| {
            run(&*plan(&spec(method, ""), "d", &ty, Format::Text, keys).unwrap(), value.as_bytes())
        };
        assert_eq!(mask(&before), mask(&keys()), "{method}");
    }
}

// ---- fpe ----

fn classes(text: &str) -> String {
    let class = |c: char| match c {
        '0'..='9' => '0',
        'a'..='z' => 'a',
        'A'..='Z' => 'A',
        c => c,
    };
    text.chars().map(class).collect()
}

#[test]
fn fpe_keeps_length_classes_and_separators() {
    for value in
        ["123-45-6789", "4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00", "Alice.Liddell", "AB-123456"]
    {
        let token = both_ways("fpe", "", &of("text", -1), Format::Text, value.as_bytes());
        let token = String::from_utf8(token).unwrap();
        assert_eq!(classes(&token), classes(value));
        assert_ne!(token, value);
    }
    let padded = shown("fpe", "", &char(8), "123456  ");
    assert_eq!((padded.len(), padded.ends_with("  ")), (8, true));
    let cyrillic = "alphabet = 'абвгдежзиклмнопрстуфхцчшщъыьэюя'";
    let token = both_ways("fpe", cyrillic, &of("text", -1), Format::Text, "анна каренина".as_bytes());
    assert_eq!(String::from_utf8(token).unwrap().chars().nth(4), Some(' '));
}

#[test]
fn fpe_hides_what_it_cannot_encipher() {
    for (options, value) in [
        ("", ""),
        ("", "--- ---"),
        ("", "12345"),
        ("", "a1B2"),
        ("", "Ångström-Straße"),
        ("", "123456\n"),
        ("alphabet = '0123456789'", "123456x"),
        ("", "1".repeat(257).as_str()),
    ] {
        assert_eq!(shown("fpe", options, &of("text", -1), value), "***", "{value:?}");
    }
    // What stands for such a value must be no token.
    let long: String = (0..100).filter_map(|n| char::from_u32(0x4e00 + n)).collect();
    assert!(misfit("fpe", &format!("alphabet = '{long}*'"), &varchar(40)).contains("leave out"));
    assert!(fits(&spec("fpe", &format!("alphabet = '{}*'", &long[..90])), &varchar(40)).is_ok());
    assert!(misfit("fpe", "alphabet = '0123456789 '", &char(8)).contains("blank"));
    assert!(fits(&spec("fpe", "alphabet = '0123456789 '"), &varchar(8)).is_ok());
    assert!(misfit("fpe", "", &varchar(4)).contains("5 characters"));
    assert!(misfit("fpe", "alphabet = '0123456789'", &varchar(5)).contains("a million"));
    assert!(fits(&spec("fpe", "alphabet = '0123456789'"), &varchar(6)).is_ok());
}

/// Equal parts of two values must not show as equal parts of their tokens.
#[test]
fn fpe_enciphers_all_classes_together() {
    let token = |v: &str| shown("fpe", "", &of("text", -1), v);
    let digits = |t: &str| t.chars().filter(char::is_ascii_digit).collect::<String>();
    assert_ne!(digits(&token("AB-123456")), digits(&token("AC-123456")));
    // The same digits in another shape are another value.
    assert_ne!(digits(&token("123-456-789")), digits(&token("123456789")));
}

proptest! {
    #[test]
    fn every_token_leads_back(value in any::<String>(), domain in any::<String>()) {
        let t = token(&domain, &of("text", -1), &value, &keys());
        prop_assert_eq!(original(&t, &domain, &keys()), Some(value));
    }

    #[test]
    fn every_shape_of_text_leads_back(value in "[0-9A-Za-z -]{0,40}") {
        let spec = spec("fpe", "");
        let token = masked(&spec, &of("text", -1), Format::Text, value.as_bytes()).unwrap();
        if token != b"***" {
            prop_assert_eq!(classes(std::str::from_utf8(&token).unwrap()), classes(&value));
            let back = original_of(&spec, "d", &of("text", -1), Format::Binary, &token, &keys());
            prop_assert_eq!(back.unwrap().to_vec(), value.as_bytes());
        }
    }

    /// Cycle walking stays in its domain and is undone by its inverse.
    #[test]
    fn walks_below_any_size_lead_back(size in 1_000_000..u64::MAX, number in any::<u64>()) {
        let (size, number) = (num_bigint::BigUint::from(size), num_bigint::BigUint::from(number % size));
        let permutation = Permutation::new(&keys(), "test", "d", 2).unwrap();
        let token = permutation.below(Direction::ToToken, b"t", &number, &size).unwrap();
        prop_assert!(token < size);
        prop_assert_eq!(permutation.below(Direction::ToOriginal, b"t", &token, &size), Some(number));
    }
}
