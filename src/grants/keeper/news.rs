//! What a shared store tells of other nodes' decisions.
//!
//! Rules: the store is right, except that what ended here stays ended. What
//! others decided is told to the sessions of this node only; the audit log and
//! the webhooks of the node that decided have it.

use super::{Keeper, StoreError};
use crate::clock::Now;
use crate::grants::book::Contents;
use crate::grants::decisions::Setting;
use crate::grants::engine::Contact;
use crate::grants::event::Event;
use crate::grants::model::{EndedHow, Grant, Request, RequestStatus};
use crate::grants::store::{OutboxId, Reading};

impl Keeper {
    /// Takes in what other nodes did.
    pub(in crate::grants) fn refresh(&mut self) -> Result<(), StoreError> {
        match self.store.news() {
            Ok(None) => Ok(()),
            Ok(Some(reading)) => {
                self.learn(reading);
                Ok(())
            }
            Err(fault) => {
                self.lose(&fault);
                Err(fault)
            }
        }
    }

    /// A shared store answered: what is known here was true at this moment.
    pub(super) fn asked(&mut self, as_of: Now) {
        self.reference = Some(as_of);
        if let Some(until) = as_of.mono.checked_add(self.max_staleness) {
            self.shared.index.fresh.renew(until);
        }
        if self.is_lost() {
            tracing::info!("the state store answers again");
        }
        *self.shared.contact.lock() = Some(Contact { at: as_of.mono, lost: None });
    }

    fn lose(&self, fault: &StoreError) {
        let limit = crate::grants::duration::show(self.max_staleness);
        let mut contact = self.shared.contact.lock();
        let Some(contact) = contact.as_mut() else { return };
        if contact.lost.is_none() {
            tracing::warn!("{fault}; grants count for {limit} more");
        }
        contact.lost = Some(format!(
            "{fault}; requests and decisions are refused, and grants that could not be asked about for {limit} \
             do not count"
        ));
    }

    pub(super) fn is_lost(&self) -> bool {
        self.shared.contact.lock().as_ref().is_some_and(|contact| contact.lost.is_some())
    }

    fn learn(&mut self, reading: Reading) {
        let Reading { mut contents, waiting, unrecorded, as_of } = reading;
        if let Some(as_of) = as_of {
            self.asked(as_of);
        }
        let adopted = self.adopt(waiting);
        for grant in &contents.grants {
            if unrecorded.contains(&grant.id) {
                self.unrecorded.insert(grant.id);
            } else {
                self.unrecorded.remove(&grant.id);
            }
        }
        contents.grants.iter_mut().for_each(|grant| self.keep_ended(grant));
        let events = self.differences(&contents);
        if contents.grants.is_empty() && contents.requests.is_empty() {
            self.shared.book.write().learn(contents, self.now());
            return;
        }
        let grants = contents.grants.clone();
        self.shared.book.write().learn(contents, self.now());
        self.index(&grants);
        let mine = |event: &Event| adopted.iter().any(|other| same_subject(event, other));
        let learnt: Vec<Event> = events.into_iter().filter(|event| !mine(event)).collect();
        for listener in &self.tellers.listeners {
            learnt.iter().for_each(|event| listener.learnt(event));
            adopted.iter().for_each(|event| listener.happened(event));
        }
    }

    /// Events of this node that were stored while nobody could say so: the
    /// answer to their commit was lost.
    fn adopt(&mut self, waiting: Vec<(OutboxId, Event)>) -> Vec<Event> {
        let mut adopted = Vec::new();
        for (id, event) in waiting {
            if !self.outbox.iter().any(|(known, _)| *known == id) {
                self.outbox.push_back((id, event.clone()));
                adopted.push(event);
            }
        }
        adopted
    }

    /// Ended here, and the store does not know it yet.
    fn keep_ended(&mut self, grant: &mut Grant) {
        if !self.owed.grants.contains(&grant.id) {
            return;
        }
        if grant.ended.is_some() {
            self.owed.grants.remove(&grant.id);
        } else if let Ok(here) = self.shared.book.read().grant(grant.id) {
            grant.ended = here.ended.clone();
        }
    }

    fn index(&self, grants: &[Grant]) {
        let book = self.shared.book.read();
        // Its node may not know the databases that are used here. The next tick ends it.
        let roles = self.shared.roles();
        let setting = Setting { now: self.now(), roles: &roles, directory: &*self.shared.directory };
        let unallowed = book.unallowed_of(grants, setting);
        for grant in grants.iter().filter(|grant| !unallowed.contains(&grant.id)) {
            let counts = grant.ended.is_some() || !self.unrecorded.contains(&grant.id);
            if let Some(until) = book.until(grant.id).filter(|_| counts) {
                self.shared.index.learn(grant, until);
            }
        }
        drop(book);
        self.shared.bump();
    }

    /// What happened between the book and what the store says.
    fn differences(&self, contents: &Contents) -> Vec<Event> {
        let book = self.shared.book.read();
        let grants = contents.grants.iter().filter_map(|grant| {
            let counts = !self.unrecorded.contains(&grant.id);
            let counted = self.shared.index.get(grant.id).is_some();
            let was_live = book.grant(grant.id).is_ok_and(|before| before.ended.is_none());
            match grant.ended.as_ref().map(|e| e.how) {
                None if counts && !counted => Some(Event::GrantCreated(grant.clone())),
                Some(EndedHow::Revoked) if was_live => Some(Event::GrantRevoked(grant.clone())),
                Some(EndedHow::Expired | EndedHow::Used) if was_live => {
                    Some(Event::GrantExpired(grant.clone()))
                }
                _ => None,
            }
        });
        let requests = contents.requests.iter().filter_map(|new| decided(book.request(new.id).ok(), new));
        requests.chain(grants).collect()
    }
}

/// What was done to a request.
fn decided(before: Option<&Request>, now: &Request) -> Option<Event> {
    let was_pending = before.is_none_or(|b| b.status == RequestStatus::Pending);
    match now.status {
        RequestStatus::Pending if before.is_none() => Some(Event::RequestCreated(now.clone())),
        RequestStatus::Pending => {
            let more = before.is_some_and(|b| b.approvals.len() < now.approvals.len());
            more.then(|| Event::RequestApproved(now.clone()))
        }
        RequestStatus::Approved if was_pending => Some(Event::RequestApproved(now.clone())),
        RequestStatus::Approved => {
            let reviewed = now.review.is_some() && before.is_some_and(|b| b.review.is_none());
            reviewed.then(|| Event::RequestReviewed(now.clone()))
        }
        // What was made and closed between two looks concerns nobody here.
        RequestStatus::Denied | RequestStatus::Cancelled | RequestStatus::Expired => {
            (was_pending && before.is_some()).then(|| Event::RequestDenied(now.clone()))
        }
    }
}

/// Are these the same thing that happened to the same request or grant?
fn same_subject(a: &Event, b: &Event) -> bool {
    (a.name(), a.subject()) == (b.name(), b.subject())
}
