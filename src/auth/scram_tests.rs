//! SCRAM against RFC 7677's published exchange, against our own client side,
//! and against clients that lie.

use super::*;
use crate::auth::scram_client::{ExpectSignature, Login};

const MOCK: [u8; KEY] = [9; KEY];

/// Hi() of RFC 5802, then the keys: what a client does with a password.
fn keys(password: &str, salt: &[u8], iterations: u32) -> (ClientKey, Verifier) {
    let mac = |message: &[u8]| -> [u8; KEY] {
        let mut mac = Hmac::<Sha256>::new_from_slice(password.as_bytes()).unwrap();
        mac.update(message);
        mac.finalize().into_bytes().into()
    };
    let mut block = mac(&[salt, &1_u32.to_be_bytes()].concat());
    let mut salted = block;
    for _ in 1..iterations {
        block = mac(&block);
        salted = xor(&salted, &block);
    }
    let client_key = hmac(&salted, b"Client Key");
    let verifier = Verifier {
        iterations,
        salt: salt.to_vec(),
        stored_key: Sha256::digest(client_key).into(),
        server_key: hmac(&salted, b"Server Key"),
    };
    (ClientKey(Zeroizing::new(client_key)), verifier)
}

fn stored(verifier: &Verifier) -> Stored {
    Stored::Scram(Box::new(verifier.clone()))
}

fn offer(stored: &Stored, binding: Option<&[u8]>) -> Offer {
    Offer::new(stored, "user", &MOCK, binding.map(<[u8]>::to_vec)).unwrap()
}

/// RFC 7677, section 3.
#[test]
fn the_exchange_of_rfc_7677_comes_out_to_the_byte() {
    let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
    let (client_key, verifier) = keys("pencil", &salt, 4096);
    let mut offer = offer(&stored(&verifier), None);
    offer.nonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0".into();
    let (challenge, first) = offer.client_first(PLAIN, b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO").unwrap();
    assert_eq!(
        first,
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    );
    let (proven, server_final) = challenge
        .client_final(
            b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
              p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        )
        .unwrap();
    assert_eq!(server_final, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    assert_eq!(proven.client_key.0, client_key.0);
}

/// One exchange between our two sides.
fn exchange(
    client: (&ClientKey, &Verifier),
    server: &Stored,
    client_binding: Option<&[u8]>,
    server_binding: Option<&[u8]>,
) -> Result<Proven, ScramError> {
    let offer = offer(server, server_binding);
    let offered = offer.mechanisms().iter().map(|m| m.as_bytes());
    let login = Login::new(client.0, client.1, offered, client_binding.map(<[u8]>::to_vec))?;
    let (challenge, first) = offer.client_first(login.mechanism(), login.first().as_bytes())?;
    let (expect, last) = login.server_first(first.as_bytes())?;
    let (proven, server_final) = challenge.client_final(last.as_bytes())?;
    expect.server_final(server_final.as_bytes())?;
    Ok(proven)
}

#[test]
fn the_key_recovered_from_a_proof_logs_in_again() {
    let (key, verifier) = keys("secret", b"0123456789abcdef", 10);
    let first = exchange((&key, &verifier), &stored(&verifier), None, None).unwrap();
    assert_eq!(first.client_key.0, key.0);
    exchange((&first.client_key, &first.verifier), &stored(&verifier), Some(b"x"), Some(b"x")).unwrap();
}

#[test]
fn a_wrong_password_and_an_unknown_role_fail_alike() {
    let (_, verifier) = keys("right", b"0123456789abcdef", 10);
    let (wrong, _) = keys("wrong", b"0123456789abcdef", 10);
    let failed = |result: Result<Proven, ScramError>| result.err().unwrap();
    assert_eq!(failed(exchange((&wrong, &verifier), &stored(&verifier), None, None)), ScramError::Proof);
    for missing in [Stored::Unknown, Stored::Nothing, Stored::Foreign] {
        let made_up = made_up("user", &MOCK);
        assert_eq!(failed(exchange((&wrong, &made_up), &missing, None, None)), ScramError::Proof);
    }
}

/// A proof that is right for the made-up verifier's zero keys can be computed
/// by anyone who guesses them; it must not log in.
#[test]
fn the_made_up_verifier_of_an_unknown_role_never_logs_in() {
    let mut offer = offer(&Stored::Unknown, None);
    // Give it keys that the client knows, as if it had guessed them.
    let (key, known) = keys("guess", &offer.verifier.salt, offer.verifier.iterations);
    offer.verifier = known.clone();
    let login = Login::new(&key, &known, [PLAIN.as_bytes()].into_iter(), None).unwrap();
    let (challenge, first) = offer.client_first(PLAIN, login.first().as_bytes()).unwrap();
    let (_, last) = login.server_first(first.as_bytes()).unwrap();
    assert_eq!(challenge.client_final(last.as_bytes()).err(), Some(ScramError::Proof));
}

#[test]
fn a_made_up_salt_is_stable_per_name_and_looks_like_a_real_one() {
    let salt = |login: &str| made_up(login, &MOCK).salt.clone();
    assert_eq!(salt("ghost"), salt("ghost"));
    assert_ne!(salt("ghost"), salt("ghosts"));
    assert_eq!((salt("ghost").len(), made_up("ghost", &MOCK).iterations), (16, 4096));
}

#[test]
fn a_man_in_the_middle_is_found_by_channel_binding() {
    let (key, verifier) = keys("secret", b"0123456789abcdef", 10);
    let server = stored(&verifier);
    let failed =
        |client, server_binding| exchange((&key, &verifier), &server, client, server_binding).err().unwrap();
    // The client saw another certificate than the server has.
    assert_eq!(failed(Some(&b"mitm"[..]), Some(&b"real"[..])), ScramError::Binding);
    // Without TLS there is nothing to bind.
    assert!(exchange((&key, &verifier), &server, None, None).is_ok());
    assert!(exchange((&key, &verifier), &server, None, Some(b"real")).is_ok(), "a client without binding");
}

#[test]
fn taking_plus_out_of_the_offer_is_noticed() {
    let (key, verifier) = keys("secret", b"0123456789abcdef", 10);
    let offer = offer(&stored(&verifier), Some(b"real"));
    let login = Login::new(&key, &verifier, [PLAIN.as_bytes()].into_iter(), Some(b"real".to_vec())).unwrap();
    assert!(login.first().starts_with("y,,"));
    assert_eq!(offer.client_first(PLAIN, login.first().as_bytes()).err(), Some(ScramError::Downgrade));
}

#[test]
fn flag_and_mechanism_must_agree() {
    let (_, verifier) = keys("secret", b"0123456789abcdef", 1);
    let start = |binding, mechanism: &str, message: &str| {
        offer(&stored(&verifier), binding).client_first(mechanism, message.as_bytes()).map(|_| ()).err()
    };
    let bound = Some(&b"x"[..]);
    let malformed = |e: Option<ScramError>| matches!(e, Some(ScramError::Malformed(_)));
    assert!(malformed(start(bound, PLUS, "n,,n=,r=abc")));
    assert!(malformed(start(bound, PLUS, "y,,n=,r=abc")));
    assert!(malformed(start(bound, PLUS, "p=tls-unique,,n=,r=abc")));
    assert!(malformed(start(bound, PLAIN, "p=tls-server-end-point,,n=,r=abc")));
    assert!(malformed(start(None, PLAIN, "p=tls-server-end-point,,n=,r=abc")));
    assert_eq!(start(None, PLUS, "p=tls-server-end-point,,n=,r=abc"), Some(ScramError::Mechanism));
    assert_eq!(start(None, "SCRAM-SHA-1", "n,,n=,r=abc"), Some(ScramError::Mechanism));
    assert_eq!(start(None, PLAIN, "y,,n=,r=abc"), None);
    assert_eq!(start(None, PLAIN, "n,,n=,r=abc"), None);
    assert_eq!(start(bound, PLUS, "p=tls-server-end-point,,n=,r=abc"), None);
}

#[test]
fn malformed_messages_are_refused() {
    let (_, verifier) = keys("secret", b"0123456789abcdef", 1);
    for message in [
        "",
        "n",
        "n,",
        "n,,",
        "n,,r=abc",
        "n,,n=",
        "n,,n=,r=",
        "n,a=ana,n=,r=abc",
        "n,,m=x,n=,r=abc",
        "n,,n=,r=a\u{7f}b",
        "n,,n=,r=ab c",
        "n,,n=,r=abc,",
        "n,,n=,r=abc\0",
        "n,,n=,r=abc,x",
        "x,,n=,r=abc",
    ] {
        let result = offer(&stored(&verifier), None).client_first(PLAIN, message.as_bytes());
        assert!(matches!(result.err(), Some(ScramError::Malformed(_))), "{message:?}");
    }
    assert!(offer(&stored(&verifier), None).client_first(PLAIN, b"n,,n=\xff,r=abc").is_err());
    let proof = STANDARD.encode([0; 32]);
    for last in [
        String::new(),
        "c=biws,r=NONCE".into(),
        format!("r=NONCE,c=biws,p={proof}"),
        format!("c=biws,r=NONCE,p={proof},x=1"),
        format!("c=biws,r=NONCE,p={}", STANDARD.encode([0; 31])),
        format!("c=eSws,r=NONCE,p={proof}"),
        format!("c=biws,r=NONCEx,p={proof}"),
        format!("c=biws,r=abc,p={proof}"),
        format!("c=biws,r=NONCE,?,p={proof}"),
    ] {
        let (challenge, _) = offer(&stored(&verifier), None).client_first(PLAIN, b"n,,n=,r=abc").unwrap();
        let last = last.replace("NONCE", &challenge.nonce);
        let result = challenge.client_final(last.as_bytes());
        assert!(matches!(result.err(), Some(ScramError::Malformed(_))), "{last:?}");
    }
}

#[test]
fn an_extension_after_the_nonce_is_covered_by_the_proof() {
    let (key, verifier) = keys("secret", b"0123456789abcdef", 1);
    let (challenge, first) = offer(&stored(&verifier), None).client_first(PLAIN, b"n,,n=,r=abc").unwrap();
    let without_proof = format!("c=biws,r={},x=1", challenge.nonce);
    let auth_message = format!("n=,r=abc,{first},{without_proof}");
    let proof = STANDARD.encode(xor(&key.0, &hmac(&verifier.stored_key, auth_message.as_bytes())));
    assert!(challenge.client_final(format!("{without_proof},p={proof}").as_bytes()).is_ok());
}

#[test]
fn an_upstream_with_another_verifier_or_no_key_is_found_out() {
    let (key, verifier) = keys("secret", b"0123456789abcdef", 10);
    let login = || Login::new(&key, &verifier, [PLAIN.as_bytes()].into_iter(), None).unwrap();
    fn answer<'a>(login: Login<'a>, salt: &str, i: u32) -> Result<ExpectSignature<'a>, ScramError> {
        let first = login.first();
        let (_, nonce) = first.split_once("r=").unwrap();
        let answer = format!("r={nonce}srv,s={},i={i}", STANDARD.encode(salt));
        login.server_first(answer.as_bytes()).map(|(expect, _)| expect)
    }
    assert_eq!(answer(login(), "0123456789abcdeX", 10).err(), Some(ScramError::Stale));
    assert_eq!(answer(login(), "0123456789abcdef", 11).err(), Some(ScramError::Stale));
    let expect = answer(login(), "0123456789abcdef", 10).unwrap();
    let forged = format!("v={}", STANDARD.encode([0; 32]));
    assert_eq!(expect.server_final(forged.as_bytes()).err(), Some(ScramError::ServerSignature));
    let expect = answer(login(), "0123456789abcdef", 10).unwrap();
    assert_eq!(expect.server_final(b"e=other-error").err(), Some(ScramError::Refused));
    let other = format!("r=zzz,s={},i=10", STANDARD.encode("0123456789abcdef"));
    assert!(login().server_first(other.as_bytes()).is_err(), "a nonce that isn't ours");
}

proptest::proptest! {
    /// Messages made of SCRAM's own pieces in any order, and of any bytes.
    #[test]
    fn no_message_makes_the_exchange_panic_or_logs_in(
        pieces in proptest::collection::vec("(n,,|y,,|p=tls-server-end-point,,|n=|r=|c=biws|p=|v=|s=|i=1|,|=|abc|\\PC)", 0..12),
        noise in proptest::collection::vec(0_u8.., 0..60),
    ) {
        let (key, verifier) = keys("secret", b"0123456789abcdef", 1);
        for message in [pieces.concat().into_bytes(), noise] {
            for binding in [None, Some(&b"x"[..])] {
                let _ = offer(&stored(&verifier), binding).client_first(PLAIN, &message);
                let _ = offer(&stored(&verifier), binding).client_first(PLUS, &message);
            }
            let (challenge, _) = offer(&stored(&verifier), None).client_first(PLAIN, b"n,,n=,r=abc").unwrap();
            assert!(challenge.client_final(&message).is_err());
            let login = Login::new(&key, &verifier, [PLAIN.as_bytes()].into_iter(), None).unwrap();
            assert!(login.server_first(&message).is_err());
        }
    }
}
