//! One buffered stream over TCP, Unix sockets and TLS on either side.
//!
//! A session is one task that serves both directions, so everything here is
//! built on `poll_*` methods that remember nothing between calls but what
//! stands in the buffers: dropping a future loses no byte (cancel-safe), and
//! each says so. Only one task may poll a stream.
//!
//! Invariant: an idle stream holds no read or write buffer. A thousand idle
//! sessions should cost sockets, not memory; so [`Stream::poll_fill`]
//! reserves space only when the socket has something, and gives it back when
//! it turns out empty.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsStream;

use super::spare;
use crate::wire::frame::{self, Frame};
use crate::wire::reader::Malformed;

/// First size of a read, in bytes; doubled while reads come back full.
const READ_MIN: usize = spare::SIZE;
const READ_MAX: usize = 128 * 1024;

/// A plain socket.
#[derive(Debug)]
pub enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A socket, or TLS over one. Boxed: rustls's state is a kilobyte and more.
enum Transport {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

/// A buffered stream of bytes in both directions.
pub struct Stream {
    transport: Transport,
    /// Bytes that came and nobody has consumed. Cut frames from the front.
    pub input: BytesMut,
    /// Bytes to be written by the next flush.
    output: BytesMut,
    read_size: usize,
    peer: Arc<str>,
}

/// Why [`Stream::frame`] got no frame.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The other side closed the connection.
    #[error("connection closed")]
    Closed,
    #[error("reading from the connection failed")]
    Read(#[source] io::Error),
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

impl Stream {
    /// A stream over a TCP connection. `TCP_NODELAY` is set, since the relay
    /// collects its writes itself.
    pub fn tcp(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let peer = stream.peer_addr()?.to_string();
        Ok(Self::new(Transport::Plain(Socket::Tcp(stream)), peer.into()))
    }

    /// A stream over a Unix socket; its peer prints as `[local]`, as in
    /// PostgreSQL's log.
    pub fn unix(stream: UnixStream) -> Self {
        Self::new(Transport::Plain(Socket::Unix(stream)), "[local]".into())
    }

    fn new(transport: Transport, peer: Arc<str>) -> Self {
        Self { transport, input: BytesMut::new(), output: BytesMut::new(), read_size: READ_MIN, peer }
    }

    /// Takes the bare socket, to put TLS on it. `None` when TLS is on already
    /// or bytes wait in a buffer: they would jump from plaintext into the
    /// encrypted session (CVE-2021-23214, CVE-2021-23222).
    pub fn into_socket(self) -> Option<(Socket, Arc<str>)> {
        match self.transport {
            Transport::Plain(socket) if self.input.is_empty() && self.output.is_empty() => {
                Some((socket, self.peer))
            }
            Transport::Plain(_) | Transport::Tls(_) => None,
        }
    }

    /// A stream over an established TLS session.
    pub fn tls(tls: TlsStream<Socket>, peer: Arc<str>) -> Self {
        Self::new(Transport::Tls(Box::new(tls)), peer)
    }

    /// The other side's address as text: `192.0.2.1:5000` or `[local]`.
    pub fn peer(&self) -> &Arc<str> {
        &self.peer
    }

    /// Is the other side on this machine, on a Unix socket?
    pub fn is_local(&self) -> bool {
        matches!(self.transport, Transport::Plain(Socket::Unix(_)))
    }

    pub fn is_tls(&self) -> bool {
        matches!(self.transport, Transport::Tls(_))
    }

    /// The TLS session, for its certificates and ALPN.
    pub fn tls_session(&self) -> Option<&TlsStream<Socket>> {
        match &self.transport {
            Transport::Tls(tls) => Some(tls),
            Transport::Plain(_) => None,
        }
    }

    /// The first byte waiting on a plain TCP connection, left where it is;
    /// `None` at its end, or where peeking isn't possible.
    pub async fn peek(&self) -> io::Result<Option<u8>> {
        match &self.transport {
            Transport::Plain(Socket::Tcp(tcp)) => {
                let mut first = [0_u8; 1];
                Ok(if tcp.peek(&mut first).await? == 0 { None } else { Some(first[0]) })
            }
            Transport::Plain(Socket::Unix(_)) | Transport::Tls(_) => Ok(None),
        }
    }

    /// Reads once, appending to `input`; the number of bytes, 0 at the end of
    /// the stream. Cancel-safe: what was read is in `input`.
    pub fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let filled = self.poll_read_once(cx);
        match &filled {
            Poll::Ready(Ok(read)) => self.adapt(*read),
            Poll::Pending | Poll::Ready(Err(_)) => self.release_input(),
        }
        filled
    }

    fn poll_read_once(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        // Asks for readiness first, which costs no system call: memory is
        // reserved only when something is there. `read_buf` keeps no state of
        // its own, so a fresh one a poll is the same as one kept; unlike
        // `try_read_buf` it knows that a short read has emptied the socket,
        // which saves the second system call that would only say so.
        match &mut self.transport {
            Transport::Plain(Socket::Tcp(tcp)) => {
                ready!(tcp.poll_read_ready(cx))?;
                make_room(&mut self.input, self.read_size);
                pin!(tcp.read_buf(&mut self.input)).poll(cx)
            }
            Transport::Plain(Socket::Unix(unix)) => {
                ready!(unix.poll_read_ready(cx))?;
                make_room(&mut self.input, self.read_size);
                pin!(unix.read_buf(&mut self.input)).poll(cx)
            }
            Transport::Tls(tls) => {
                make_room(&mut self.input, self.read_size);
                pin!(tls.read_buf(&mut self.input)).poll(cx).map(truncation_is_end)
            }
        }
    }

    /// Grows reads while they come back full, shrinks them when they don't.
    fn adapt(&mut self, read: usize) {
        if read >= self.read_size {
            self.read_size = (self.read_size * 2).min(READ_MAX);
        } else if read < self.read_size / 4 {
            self.read_size = (self.read_size / 2).max(READ_MIN);
        }
    }

    /// Gives the read buffer back when nothing waits in it.
    pub fn release_input(&mut self) {
        if self.input.is_empty() && self.input.capacity() > 0 {
            spare::give(std::mem::take(&mut self.input));
        }
    }

    /// [`Stream::poll_fill`] as a future. Cancel-safe.
    pub async fn fill(&mut self) -> io::Result<usize> {
        std::future::poll_fn(|cx| self.poll_fill(cx)).await
    }

    /// The next whole frame. Cancel-safe: an unfinished frame stays in
    /// `input`. `limit` bounds its size in bytes.
    pub async fn frame(&mut self, limit: usize) -> Result<Frame, FrameError> {
        loop {
            if let Some(frame) = frame::cut(&mut self.input, limit)? {
                return Ok(frame);
            }
            if self.fill().await.map_err(FrameError::Read)? == 0 {
                return Err(FrameError::Closed);
            }
        }
    }

    /// Appends to what the next flush writes. Never blocks and has no limit:
    /// the caller flushes, or stops reading, when [`Stream::queued`] grows.
    pub fn queue(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.output().extend_from_slice(bytes);
        }
    }

    /// [`Stream::queue`] without a copy where nothing is queued yet.
    pub fn queue_owned(&mut self, bytes: BytesMut) {
        if self.output.is_empty() {
            self.output = bytes;
        } else {
            self.output.extend_from_slice(&bytes);
        }
    }

    /// The queue itself, for encoders that append.
    pub fn output(&mut self) -> &mut BytesMut {
        if self.output.capacity() == 0 {
            self.output = spare::take();
        }
        &mut self.output
    }

    /// Bytes queued and not written yet.
    pub fn queued(&self) -> usize {
        self.output.len()
    }

    /// Writes what is queued, as far as the other side takes it; ready when
    /// nothing is left. Cancel-safe: what was written has left the queue.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.output.is_empty() {
            let written = ready!(self.poll_write_once(cx))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.output.advance(written);
        }
        if self.output.capacity() > 0 {
            spare::give(std::mem::take(&mut self.output));
        }
        match &mut self.transport {
            Transport::Plain(_) => Poll::Ready(Ok(())),
            // Even with an empty queue: rustls may hold records of its own.
            Transport::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_write_once(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        match &mut self.transport {
            Transport::Plain(socket) => Pin::new(socket).poll_write(cx, &self.output),
            Transport::Tls(tls) => Pin::new(tls).poll_write(cx, &self.output),
        }
    }

    /// [`Stream::poll_flush`] as a future. Cancel-safe.
    pub async fn flush(&mut self) -> io::Result<()> {
        std::future::poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Ends the writing half, after a flush: the other side reads to the end,
    /// and can still send (half-close). With TLS, sends close_notify.
    pub fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_flush(cx))?;
        match &mut self.transport {
            Transport::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Transport::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }

    /// [`Stream::poll_close`] as a future. Cancel-safe.
    pub async fn close(&mut self) -> io::Result<()> {
        std::future::poll_fn(|cx| self.poll_close(cx)).await
    }
}

/// Room for the next read, from the thread's spare buffers where there is none.
fn make_room(input: &mut BytesMut, size: usize) {
    if input.capacity() == 0 {
        *input = spare::take();
    }
    input.reserve(size);
}

/// A peer that drops the TCP connection without close_notify ends the stream
/// for us, as it does for PostgreSQL: the protocol has its own Terminate.
fn truncation_is_end(read: io::Result<usize>) -> io::Result<usize> {
    match read {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
        read => read,
    }
}

impl std::fmt::Debug for Stream {
    /// Never the buffers: they may hold protected values.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream")
            .field("peer", &self.peer)
            .field("tls", &self.is_tls())
            .finish_non_exhaustive()
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Tcp(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Socket::Unix(unix) => Pin::new(unix).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Socket::Tcp(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Socket::Unix(unix) => Pin::new(unix).poll_write(cx, buf),
        }
    }
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Tcp(tcp) => Pin::new(tcp).poll_flush(cx),
            Socket::Unix(unix) => Pin::new(unix).poll_flush(cx),
        }
    }
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Tcp(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Socket::Unix(unix) => Pin::new(unix).poll_shutdown(cx),
        }
    }
}

/// So that tokio-postgres can speak over a stream that [`super`] connected
/// (`Config::connect_raw`). Not for the relay.
impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        if stream.input.is_empty() {
            ready!(stream.poll_fill(cx))?;
        }
        let count = stream.input.len().min(buf.remaining());
        buf.put_slice(&stream.input.split_to(count));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let stream = self.get_mut();
        ready!(stream.poll_flush(cx))?;
        match &mut stream.transport {
            Transport::Plain(socket) => Pin::new(socket).poll_write(cx, buf),
            Transport::Tls(tls) => Pin::new(tls).poll_write(cx, buf),
        }
    }
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Stream::poll_flush(self.get_mut(), cx)
    }
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pair() -> (Stream, Stream) {
        let (a, b) = UnixStream::pair().unwrap();
        (Stream::unix(a), Stream::unix(b))
    }

    #[tokio::test]
    async fn frames_cross_and_idle_streams_hold_no_buffer() {
        let (mut a, mut b) = pair().await;
        frame::put(a.output(), b'Q', |body| frame::put_cstr(body, "SELECT 1")).unwrap();
        a.flush().await.unwrap();
        assert_eq!(b.frame(100).await.unwrap().body(), b"SELECT 1\0");
        let idle = std::future::poll_fn(|cx| Poll::Ready(b.poll_fill(cx).is_pending())).await;
        assert!(idle);
        assert_eq!((a.output.capacity(), b.input.capacity()), (0, 0));
    }

    #[tokio::test]
    async fn a_dropped_read_loses_no_byte() {
        let (mut a, mut b) = pair().await;
        a.queue(b"Q\0\0\0\x09");
        a.flush().await.unwrap();
        let short = std::time::Duration::from_millis(20);
        assert!(tokio::time::timeout(short, b.frame(100)).await.is_err());
        a.queue(b"SELE\0");
        a.flush().await.unwrap();
        assert_eq!(b.frame(100).await.unwrap().body(), b"SELE\0");
    }

    #[tokio::test]
    async fn a_half_closed_stream_still_receives() {
        let (mut a, mut b) = pair().await;
        a.queue(b"bye");
        a.close().await.unwrap();
        assert_eq!(b.fill().await.unwrap(), 3);
        assert_eq!(b.fill().await.unwrap(), 0);
        b.queue(b"still here");
        b.flush().await.unwrap();
        assert_eq!(a.fill().await.unwrap(), 10);
    }

    #[tokio::test]
    async fn bytes_in_a_buffer_keep_tls_from_starting() {
        let (mut a, mut b) = pair().await;
        a.queue(b"injected");
        a.flush().await.unwrap();
        b.fill().await.unwrap();
        assert!(b.into_socket().is_none());
        assert!(a.into_socket().is_some());
    }

    #[tokio::test]
    async fn a_full_pipe_makes_flush_wait_and_resumes() {
        let (mut a, mut b) = pair().await;
        a.queue_owned(BytesMut::from(&vec![7_u8; 4_000_000][..]));
        assert!(std::future::poll_fn(|cx| Poll::Ready(a.poll_flush(cx).is_pending())).await);
        assert!(a.queued() > 0);
        let (written, read) = tokio::join!(a.flush(), async {
            let mut total = 0;
            while total < 4_000_000 {
                total += b.fill().await.unwrap();
                b.input.clear();
            }
            total
        });
        written.unwrap();
        assert_eq!((read, a.queued()), (4_000_000, 0));
    }
}
