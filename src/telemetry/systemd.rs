//! What a service manager wants to know: ready, stopping, still alive.
//!
//! Follows sd_notify(3). Without NOTIFY_SOCKET in the environment, nothing is
//! said.

use std::time::Duration;

use sd_notify::NotifyState;

/// Clients can connect. From now on `WatchdogSec=`, if it is set, is served by
/// a task of the calling runtime.
pub fn ready() {
    tell(&[NotifyState::Ready]);
    if let Some(patience) = sd_notify::watchdog_enabled() {
        tokio::spawn(live(patience / 3));
    }
}

/// A drain has begun.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

async fn live(every: Duration) {
    loop {
        tell(&[NotifyState::Watchdog]);
        tokio::time::sleep(every).await;
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(fault) = sd_notify::notify(state) {
        tracing::warn!(%fault, "the service manager was not told");
    }
}
