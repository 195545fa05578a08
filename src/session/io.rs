//! Both sockets of a session, polled as one.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use super::relay::{HIGH_WATER, Revealed, ShapeRef};
use super::round_trip::RoundTrip;
use super::runs::Reply;
use super::state::State;
use crate::clock::Clock;
use crate::grants::SessionPermits;
use crate::net::Stream;
use crate::policy::{Basis, ProtectedColumn};

/// What is to be read and written.
pub(super) struct Wants {
    pub client_read: bool,
    pub upstream_read: bool,
    pub upstream_write: bool,
}

pub(super) enum Event {
    Progress,
    ClientClosed,
    ClientBroken(std::io::Error),
    UpstreamClosed,
    UpstreamBroken(std::io::Error),
    /// Revealed rows wait to be written, and their grant has ended.
    RevealEnded,
}

/// May the revealed rows that wait be written?
pub(super) struct RevealCheck<'a> {
    waiting: bool,
    bases: &'a [(Basis, Arc<ProtectedColumn>)],
    permits: &'a SessionPermits,
    clock: &'a dyn Clock,
}

impl<'a> RevealCheck<'a> {
    pub fn new(
        state: &'a State<Reply, ShapeRef>,
        revealed: &Revealed,
        permits: &'a SessionPermits,
        clock: &'a dyn Clock,
    ) -> Self {
        let reply = state.front().map(|entry| &entry.run);
        let run = reply.and_then(|reply| reply.runs.get(reply.current));
        let bases = run.and_then(|run| run.guarded.as_deref()).map_or(&[][..], |g| &g.bases);
        Self { waiting: revealed.size > 0, bases, permits, clock }
    }

    fn holds(&self) -> bool {
        !self.waiting || {
            let now = self.clock.now();
            self.bases.iter().all(|(basis, column)| self.permits.holds(basis, column, now))
        }
    }
}

/// Writes and reads on both sides as far as it goes.
pub(super) fn poll_io(
    cx: &mut Context<'_>,
    client: &mut Stream,
    upstream: &mut Stream,
    trip: &mut RoundTrip,
    wants: &Wants,
    reveals: &RevealCheck<'_>,
) -> Poll<Event> {
    let mut progress = false;
    if wants.upstream_write {
        let queued = upstream.queued() > 0;
        let full = upstream.queued() >= HIGH_WATER;
        if let Poll::Ready(Err(fault)) = upstream.poll_flush(cx) {
            return Poll::Ready(Event::UpstreamBroken(fault));
        }
        progress |= full && upstream.queued() < HIGH_WATER;
        if queued && upstream.queued() == 0 {
            trip.asked();
        }
    }
    if client.queued() > 0 && !reveals.holds() {
        return Poll::Ready(Event::RevealEnded);
    }
    let waited = client.queued() >= HIGH_WATER || reveals.waiting;
    match client.poll_flush(cx) {
        Poll::Ready(Err(fault)) => return Poll::Ready(Event::ClientBroken(fault)),
        Poll::Ready(Ok(())) => progress |= waited,
        Poll::Pending => progress |= waited && !reveals.waiting && client.queued() < HIGH_WATER,
    }
    if wants.client_read {
        match client.poll_fill(cx) {
            Poll::Ready(Ok(0)) => return Poll::Ready(Event::ClientClosed),
            Poll::Ready(Ok(_)) => progress = true,
            Poll::Ready(Err(fault)) => return Poll::Ready(Event::ClientBroken(fault)),
            Poll::Pending => {}
        }
    }
    if wants.upstream_read {
        match upstream.poll_fill(cx) {
            Poll::Ready(Ok(0)) => return Poll::Ready(Event::UpstreamClosed),
            Poll::Ready(Ok(_)) => {
                trip.answered();
                progress = true;
            }
            Poll::Ready(Err(fault)) => return Poll::Ready(Event::UpstreamBroken(fault)),
            Poll::Pending => {}
        }
    }
    if progress { Poll::Ready(Event::Progress) } else { Poll::Pending }
}

pub(super) async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
