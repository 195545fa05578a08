//! One target's thread: takes letters in order, posts each until it is taken
//! or hopeless, and says in the audit log which never arrived.

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use backon::{BlockingRetryable as _, ExponentialBuilder};
use hmac::{Hmac, KeyInit as _, Mac as _};
use parking_lot::{Condvar, Mutex};
use sha2::Sha256;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::letter::Letter;
use crate::audit::chain::hex;
use crate::audit::record::NotifyFailed;
use crate::audit::{Event, Log, Record, Who};
use crate::config::{Notify, Secret};

/// One attempt may take this long in all.
const PATIENCE: Duration = Duration::from_secs(5);
/// Attempts after the first; the pauses between them grow from a second.
const RETRIES: usize = 5;

/// The proxy ends: no more attempts.
#[derive(Default)]
pub struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    pub fn stop(&self) {
        *self.stopped.lock() = true;
        self.changed.notify_all();
    }
    fn is_stopped(&self) -> bool {
        *self.stopped.lock()
    }
    /// Waits, unless it is stopped meanwhile.
    fn wait(&self, pause: Duration) {
        let mut stopped = self.stopped.lock();
        if !*stopped {
            self.changed.wait_for(&mut stopped, pause);
        }
    }
}

/// Why an attempt failed.
struct Failure {
    reason: String,
    /// Another attempt may help.
    passing: bool,
}

pub struct Post {
    agent: ureq::Agent,
    url: Secret,
    /// Host and port: all of the URL that may be shown.
    pub name: String,
    secret: Option<Secret>,
    audit: Log,
    stop: Arc<Stop>,
}

impl Post {
    pub fn new(target: &Notify, audit: Log, stop: Arc<Stop>) -> Self {
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            // A redirect would carry the body to somebody whom nobody named.
            .max_redirects(0)
            .http_status_as_error(false)
            .user_agent(concat!("bauta/", env!("CARGO_PKG_VERSION")))
            .tls_config(TlsConfig::builder().root_certs(roots()).build())
            .build()
            .into();
        let (url, secret) = (target.url.clone(), target.secret.clone());
        Self { agent, url, name: target.host.clone(), secret, audit, stop }
    }

    /// Until nobody can send letters any more.
    pub fn run(&self, letters: &Receiver<Letter>) {
        while let Ok(letter) = letters.recv() {
            self.deliver(&letter);
        }
    }

    fn deliver(&self, letter: &Letter) {
        let mut attempts = 0;
        let attempt = || {
            if self.stop.is_stopped() {
                return Err(Failure { reason: "the proxy ended".to_owned(), passing: false });
            }
            attempts += 1;
            self.attempt(letter)
        };
        let pauses = ExponentialBuilder::default().with_jitter().with_max_times(RETRIES);
        let stop = self.stop.clone();
        let delivered =
            attempt.retry(pauses).sleep(move |pause| stop.wait(pause)).when(|f: &Failure| f.passing).call();
        if let Err(failure) = delivered {
            dead_letter(&self.audit, letter, &self.name, attempts, &failure.reason);
        }
    }

    fn attempt(&self, letter: &Letter) -> Result<(), Failure> {
        let mut request = self
            .agent
            .post(self.url.expose())
            .header("Content-Type", "application/json")
            .header("X-Bauta-Event", letter.event);
        if let Some(secret) = &self.secret {
            request = request.header("X-Hub-Signature-256", signature(secret, &letter.body));
        }
        match request.send(letter.body.as_bytes()).map(|response| response.status().as_u16()) {
            Ok(200..=299) => Ok(()),
            Ok(status) => Err(Failure {
                reason: format!("HTTP status {status}"),
                passing: matches!(status, 408 | 425 | 429 | 500..=599),
            }),
            // Its text may hold the URL, and that a secret.
            Err(fault) => Err(Failure {
                reason: fault.to_string().replace(self.url.expose(), &self.name),
                passing: !matches!(fault, ureq::Error::BadUri(_) | ureq::Error::Http(_)),
            }),
        }
    }
}

/// Says in the audit log that nobody got this letter.
pub fn dead_letter(audit: &Log, letter: &Letter, target: &str, attempts: u32, reason: &str) {
    tracing::warn!(target, event = letter.event, attempts, reason, "a webhook was not delivered");
    let event = Event::NotifyFailed(NotifyFailed {
        notification: letter.event.to_owned(),
        target: target.to_owned(),
        request: letter.request,
        grant: letter.grant,
        attempts,
        reason: reason.to_owned(),
    });
    // The log keeps it until it can be written.
    let _ = audit.post(Record { who: Arc::new(Who::default()), event });
}

/// As GitHub signs its webhooks.
fn signature(secret: &Secret, body: &str) -> String {
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else {
        return String::new();
    };
    mac.update(body.as_bytes());
    format!("sha256={}", String::from_utf8_lossy(&hex(&mac.finalize().into_bytes())))
}

/// The system's certificate authorities.
pub(crate) fn roots() -> RootCerts {
    let found = rustls_native_certs::load_native_certs();
    for fault in &found.errors {
        tracing::debug!(%fault, "some of the system's certificates can't be read");
    }
    let certificates: Vec<_> = found.certs.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    RootCerts::new_with_certs(&certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of GitHub's documentation, "Validating webhook deliveries".
    #[test]
    fn bodies_are_signed_as_github_signs_them() {
        let secret = Secret::new("It's a Secret to Everybody".to_owned());
        assert_eq!(
            signature(&secret, "Hello, World!"),
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        );
    }
}
