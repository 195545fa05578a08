//! Buffers that streams have given back, kept a thread.
//!
//! A stream without bytes holds no buffer, and a statement makes four pass
//! through one: fetching it here costs less than the heap does. Invariant: a
//! thread keeps no more than [`KEPT`] buffers of at most [`LARGEST`] bytes.

use std::cell::RefCell;

use bytes::BytesMut;

/// Buffers that a thread keeps at most.
const KEPT: usize = 32;
/// Size of a new one, in bytes.
pub(super) const SIZE: usize = 8 * 1024;
/// One that has grown beyond this goes back to the heap.
const LARGEST: usize = 32 * 1024;

thread_local! {
    static SPARE: RefCell<Vec<BytesMut>> = const { RefCell::new(Vec::new()) };
}

/// An empty buffer with room for [`SIZE`] bytes.
pub(super) fn take() -> BytesMut {
    // No list: the thread is about to end.
    let spare = SPARE.try_with(|spare| spare.borrow_mut().pop()).ok().flatten();
    spare.unwrap_or_else(|| BytesMut::with_capacity(SIZE))
}

/// Keeps the buffer for the next stream, or frees it. What it holds is lost.
pub(super) fn give(mut buffer: BytesMut) {
    if buffer.capacity() > LARGEST {
        return;
    }
    buffer.clear();
    // False: too small, or somebody else holds a part of it.
    if !buffer.try_reclaim(SIZE) || buffer.capacity() > LARGEST {
        return;
    }
    // An error: the thread is about to end.
    let _ = SPARE.try_with(|spare| {
        let mut spare = spare.borrow_mut();
        if spare.len() < KEPT {
            spare.push(buffer);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept() -> usize {
        SPARE.with_borrow(Vec::len)
    }

    #[test]
    fn a_buffer_comes_back_empty_and_whole() {
        let mut buffer = take();
        buffer.extend_from_slice(b"a secret");
        bytes::Buf::advance(&mut buffer, 3);
        give(buffer);
        assert_eq!(kept(), 1);
        let again = take();
        assert_eq!((again.len(), again.capacity() >= SIZE, kept()), (0, true, 0));
    }

    #[test]
    fn what_is_large_shared_or_too_much_is_not_kept() {
        give(BytesMut::with_capacity(LARGEST + 1));
        give(BytesMut::with_capacity(10));
        let mut shared = BytesMut::with_capacity(SIZE);
        shared.extend_from_slice(b"part, rest");
        let part = shared.split_to(4);
        give(shared);
        assert_eq!((kept(), &part[..]), (0, &b"part"[..]));
        for _ in 0..2 * KEPT {
            give(BytesMut::with_capacity(SIZE));
        }
        assert_eq!(kept(), KEPT);
    }
}
