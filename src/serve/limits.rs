//! Every bound of the transport in one place, so that none is implied.

use std::time::Duration;

/// The bounds of one port. The defaults suit the webhook.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Time for a TLS handshake. Default 5 s.
    pub handshake_timeout: Duration,
    /// Time from the first byte of an HTTP/1.1 request's header to its last. Default 10 s.
    pub header_timeout: Duration,
    /// Time without a request after which a connection is closed. Longer than the 90 s after which Go's
    /// client closes an idle connection, because a close from our side can race a POST. Default 150 s.
    pub idle_timeout: Duration,
    /// Time for which a client may leave an answer unread. Default 30 s.
    pub write_timeout: Duration,
    /// Connections open at once, of some 50 KiB each. Default 2048.
    pub max_connections: usize,
    /// Bytes of a request's header. Default 64 KiB.
    pub max_header_bytes: u32,
    /// Streams open at once on an HTTP/2 connection. Default 250.
    pub max_streams: u32,
    /// Time between two pings on an HTTP/2 connection. Default 30 s.
    pub ping_interval: Duration,
    /// Time for the answer to a ping. Default 20 s.
    pub ping_timeout: Duration,
    /// Time for which connections without a request are still read after the listener was closed, so that
    /// a request sent before is served. Default 500 ms.
    pub last_call: Duration,
    /// Time for requests in flight to finish after the listener was closed. Default 20 s.
    pub drain_limit: Duration,
    /// Bytes of an unread HTTP/1.1 body that are thrown away so that the client gets to read its answer.
    /// Default 16 MiB.
    pub max_discard_bytes: u64,
    /// Time for throwing an unread body away. Default 5 s.
    pub discard_timeout: Duration,
    /// Requests in flight at once; one more is answered with 429. Default 512.
    pub max_in_flight: usize,
    /// Bytes of one request's body. An UPDATE carries two objects of up to 3 MiB. Default 8 MiB.
    pub max_body_bytes: usize,
    /// Bytes of request bodies held at once, over all requests; more is answered with 429. Default 32 MiB: with
    /// what is made of them, a flood stays below the memory that the chart grants.
    pub max_buffered_bytes: usize,
    /// Time for a request's body to arrive. Default 10 s.
    pub body_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake_timeout: Duration::from_secs(5),
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(150),
            write_timeout: Duration::from_secs(30),
            max_connections: 2048,
            max_header_bytes: 64 << 10,
            max_streams: 250,
            ping_interval: Duration::from_secs(30),
            ping_timeout: Duration::from_secs(20),
            last_call: Duration::from_millis(500),
            drain_limit: Duration::from_secs(20),
            max_discard_bytes: 16 << 20,
            discard_timeout: Duration::from_secs(5),
            max_in_flight: 512,
            max_body_bytes: 8 << 20,
            max_buffered_bytes: 32 << 20,
            body_timeout: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// Bounds for the admin port: probes and one scraper need few connections.
    #[must_use]
    pub fn admin() -> Self {
        Self { max_connections: 64, drain_limit: Duration::from_secs(2), ..Self::default() }
    }
}
