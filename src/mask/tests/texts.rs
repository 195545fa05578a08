//! `partial` and `email`: what they show, what they hide, in which encoding.

use super::*;

#[test]
fn partial_shows_the_ends_and_never_the_length() {
    let text = of("text", -1);
    assert_eq!(shown("partial", "", &text, "alice"), "al***");
    assert_eq!(shown("partial", "", &text, "alexander the great"), "al***");
    assert_eq!(shown("partial", "last = 4", &text, "4111111111111111"), "***1111");
    assert_eq!(shown("partial", "first = 1\nlast = 1\nfill = '…'", &text, "Ångström"), "Å…m");
    assert_eq!(shown("partial", "first = 0\nlast = 0", &text, "alice"), "***");
    assert_eq!(shown("partial", "", &char(8), "alice   "), "al***   ");
    assert_eq!(shown("partial", "", &of("name", -1), "alice"), "al***");
}

#[test]
fn partial_hides_values_that_the_ends_would_show_whole() {
    for (options, value) in [
        ("", ""),
        ("", "a"),
        ("", "al"),
        ("first = 2\nlast = 2", "alic"),
        ("first = 2\nlast = 2", "éééé"),
        ("first = 0\nlast = 2", "al"),
    ] {
        assert_eq!(shown("partial", options, &of("text", -1), value), "***", "{options} {value}");
    }
    // Padding is no part of the value.
    assert_eq!(shown("partial", "", &char(8), "al      "), "***     ");
}

#[test]
fn partial_holds_the_declared_length() {
    assert!(misfit("partial", "", &varchar(4)).contains("varchar(4)"));
    assert!(fits(&spec("partial", ""), &varchar(5)).is_ok());
    assert!(fits(&spec("partial", "first = 16"), &of("name", -1)).is_err());
    assert!(fits(&spec("partial", ""), &of("char", -1)).is_err());
}

#[test]
fn email_shows_first_letters_and_top_level_domain() {
    for (ty, value, expected) in [
        (of("text", -1), "alice@example.com", "a***@e***.com"),
        (of("text", -1), "a@b.co", "a***@b***.co"),
        (of("text", -1), "Ärmel@überall.example.org", "Ä***@ü***.org"),
        (of("text", -1), "x.y+z@a-b.c.MUSEUM", "x***@a***.MUSEUM"),
        (char(16), "alice@example.de", "a***@e***.de    "),
        (varchar(13), "alice@example.com", "a***@e***.com"),
        (varchar(12), "a@bc.com", "***"),
        (of("text", -1), "a@b.xn--p1ai", "a***@b***.xn--p1ai"),
    ] {
        assert_eq!(shown("email", "", &ty, value), expected, "{value}");
    }
}

#[test]
fn email_hides_whatever_is_no_address() {
    assert!(misfit("email", "", &varchar(11)).contains("12 characters"));
    for value in [
        "",
        "alice",
        "@example.com",
        "alice@",
        "alice@example",
        "alice@.com",
        "alice@example.",
        "alice@example.c",
        "alice@a..com",
        "a@b@example.com",
        "alice smith@example.com",
        "\"alice\"@example.com",
        "see alice@example.com",
        "alice@example.com or 555-1234",
        "alice@192.168.0.17",
        "alice@example.secret-number-0123456789",
        "alice@example.geheim!",
        "alice@example.x1",
        "alice@exa mple.com",
    ] {
        assert_eq!(shown("email", "", &of("text", -1), value), "***", "{value}");
    }
}

#[test]
fn single_byte_encodings_are_counted_by_bytes() {
    let wire = Wire { format: Format::Text, encoding: Encoding::SingleByte };
    let mask = |method: &str, options: &str| {
        plan(&spec(method, options), "d", &of("text", -1), wire, &keys()).unwrap()
    };
    // Ångström in LATIN1: not UTF-8, eight characters.
    let value = b"\xc5ngstr\xf6m";
    assert_eq!(run(&*mask("partial", "first = 1\nlast = 2"), value), Some(b"\xc5***\xf6m".to_vec()));
    assert_eq!(run(&*mask("partial", "first = 1\nfill = '…'"), value), Some(b"\xc5*".to_vec()));
    assert_eq!(run(&*mask("redact", "value = 'é!'"), value), Some(b"*!".to_vec()));
    assert_eq!(run(&*mask("email", ""), b"\xe4@\xfcb.de"), Some(b"\xe4***@\xfc***.de".to_vec()));
    for method in ["hash", "token"] {
        assert!(mask(method, "").apply(value, &mut BytesMut::new()).is_err(), "{method}");
        assert!(mask(method, "").apply(b"ascii", &mut BytesMut::new()).is_ok(), "{method}");
    }
    for method in ["partial", "email", "token"] {
        let utf8 = plan(&spec(method, ""), "d", &of("text", -1), Format::Text, &keys()).unwrap();
        assert!(utf8.apply(value, &mut BytesMut::new()).is_err(), "{method}");
    }
}
