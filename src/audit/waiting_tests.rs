//! How sessions and the writer wait for each other. Goal: one sync serves the
//! sessions that come together, and no settling is missed at a desk. Method: the queue with the test as its
//! writer; where a wait would be wrong, it is so long that the test hangs.

use std::sync::Arc;
use std::time::Duration;

use super::crowd::Others;
use super::desk;
use super::log::AuditError;
use super::queue::{Queue, Ticket};
use super::record::*;
use crate::clock::{Clock, SystemClock};

const LONG: Duration = Duration::from_secs(3600);

fn push(queue: &Queue) -> Ticket {
    let sql = Sql::whole(Arc::<str>::from("SELECT 1"), Conceal::Nothing);
    let event = Event::StatementStart(StatementStart { sql, columns: Arc::from([]), observed: None });
    let record = Record { who: Arc::default(), event };
    queue.push(SystemClock.now().wall, record, false).unwrap_or_else(|_| panic!("room"))
}

fn take(queue: &Queue, others: Option<Others>) -> Vec<Ticket> {
    let mut entries = Vec::new();
    queue.take(&mut entries, LONG, others);
    entries.iter().map(|entry| entry.ticket).collect()
}

#[test]
fn a_group_waits_until_those_who_are_expected_are_there() {
    let queue = Arc::new(Queue::new());
    queue.want(push(&queue));
    let writer = std::thread::spawn({
        let queue = queue.clone();
        move || take(&queue, Some(Others { expected: 3, patience: LONG })).len()
    });
    for _ in 0..2 {
        std::thread::sleep(Duration::from_millis(20));
        queue.want(push(&queue));
    }
    assert_eq!(writer.join().unwrap(), 3, "all in one group");
}

#[test]
fn the_last_who_is_expected_wakes_the_writer() {
    let queue = Arc::new(Queue::new());
    let writer = std::thread::spawn({
        let queue = queue.clone();
        move || take(&queue, Some(Others { expected: 3, patience: LONG })).len()
    });
    for _ in 0..3 {
        // The writer sleeps already.
        std::thread::sleep(Duration::from_millis(20));
        queue.want(push(&queue));
    }
    assert_eq!(writer.join().unwrap(), 3, "all in one group");
}

#[test]
fn a_record_that_comes_when_nobody_is_expected_any_more_is_written() {
    let queue = Arc::new(Queue::new());
    let writer = std::thread::spawn({
        let queue = queue.clone();
        move || take(&queue, Some(Others { expected: 3, patience: Duration::from_millis(1) })).len()
    });
    std::thread::sleep(Duration::from_millis(50));
    queue.want(push(&queue));
    assert_eq!(writer.join().unwrap(), 1);
}

#[test]
fn a_group_waits_for_others_no_longer_than_it_may() {
    let queue = Queue::new();
    queue.want(push(&queue));
    assert_eq!(take(&queue, Some(Others { expected: 2, patience: Duration::from_millis(1) })).len(), 1);
}

#[test]
fn a_queue_that_closes_waits_for_nobody() {
    let queue = Queue::new();
    queue.want(push(&queue));
    queue.close();
    assert_eq!(take(&queue, Some(Others { expected: 2, patience: LONG })).len(), 1);
}

/// A runtime with a desk and `sessions` tasks that wait, one after the other,
/// for records of their own; returns their results.
fn sessions_at_a_desk(queue: &Arc<Queue>, sessions: usize) -> Vec<Result<(), AuditError>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let local = tokio::task::LocalSet::new();
    local.spawn_local(desk::attend(queue.clone()));
    let tasks: Vec<_> = (0..sessions)
        .map(|_| {
            let queue = queue.clone();
            local.spawn_local(async move {
                for _ in 0..20 {
                    let ticket = push(&queue);
                    queue.durable_here(ticket).await?;
                    assert!(queue.status(ticket).is_some(), "woken before its record was settled");
                }
                Ok(())
            })
        })
        .collect();
    local.block_on(&runtime, async {
        let mut results = Vec::new();
        for task in tasks {
            results.push(task.await.unwrap());
        }
        results
    })
}

#[test]
fn every_session_at_a_desk_is_woken_by_its_own_record() {
    let queue = Arc::new(Queue::new());
    let writer = std::thread::spawn({
        let queue = queue.clone();
        move || {
            let mut left = 2 * 7 * 20;
            while left > 0 {
                // One at a time, so that most of a group is not settled yet.
                for ticket in take(&queue, None) {
                    queue.settle(ticket, None);
                    left -= 1;
                }
            }
        }
    });
    let other = std::thread::spawn({
        let queue = queue.clone();
        move || sessions_at_a_desk(&queue, 7)
    });
    let here = sessions_at_a_desk(&queue, 7);
    for result in here.into_iter().chain(other.join().unwrap()) {
        assert_eq!(result, Ok(()));
    }
    writer.join().unwrap();
}

#[test]
fn who_waits_at_a_desk_hears_of_a_failure() {
    let queue = Arc::new(Queue::new());
    let writer = std::thread::spawn({
        let queue = queue.clone();
        move || {
            // All three are there, or a late one is refused at once.
            let mut there = 0;
            while there < 3 {
                there += take(&queue, None).len();
            }
            queue.abandon();
        }
    });
    let results = sessions_at_a_desk(&queue, 3);
    assert_eq!(results, vec![Err(AuditError::Closed); 3]);
    writer.join().unwrap();
}

#[test]
fn nobody_waits_at_a_desk_that_closed() {
    let queue = Arc::new(Queue::new());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let local = tokio::task::LocalSet::new();
    let desk = local.spawn_local(desk::attend(queue.clone()));
    let result = local.block_on(&runtime, async {
        tokio::task::yield_now().await;
        let waiting = tokio::task::spawn_local({
            let queue = queue.clone();
            async move { queue.durable_here(push(&queue)).await }
        });
        tokio::task::yield_now().await;
        desk.abort();
        waiting.await.unwrap()
    });
    assert_eq!(result, Err(AuditError::Closed));
}
