//! Where a port is: on one address, or on every one of the machine, of both families.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 1024;

/// What is listened on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// This port of every address.
    Port(u16),
    /// One address.
    One(SocketAddr),
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let port = || text.strip_prefix(':').unwrap_or(text).parse().map(ListenAddress::Port);
        let neither =
            |_| format!("{text:?} is neither a port, as 8443, nor an address, as 127.0.0.1:8443 or [::1]:8443");
        port().or_else(|_| text.parse().map(ListenAddress::One)).map_err(neither)
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenAddress::Port(port) => port.fmt(f),
            ListenAddress::One(address) => address.fmt(f),
        }
    }
}

impl ListenAddress {
    /// Binds it. A port is one of IPv6, which takes IPv4, too; of IPv4 alone where the kernel knows no IPv6.
    ///
    /// # Errors
    /// The kernel's.
    pub fn bind(self) -> io::Result<TcpListener> {
        match self {
            ListenAddress::One(address) => listen(address),
            ListenAddress::Port(port) => match listen((Ipv6Addr::UNSPECIFIED, port).into()) {
                Err(error) if is_without_ipv6(&error) => listen((Ipv4Addr::UNSPECIFIED, port).into()),
                bound => bound,
            },
        }
    }
}

/// `EAFNOSUPPORT` without the protocol, `EADDRNOTAVAIL` where it is turned off.
fn is_without_ipv6(error: &io::Error) -> bool {
    const EAFNOSUPPORT: i32 = if cfg!(target_os = "linux") { 97 } else { 47 };
    error.raw_os_error() == Some(EAFNOSUPPORT) || error.kind() == io::ErrorKind::AddrNotAvailable
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Whatever the machine's own default is (net.ipv6.bindv6only).
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Which families reach a bound address, in words.
#[must_use]
pub fn families(bound: IpAddr) -> &'static str {
    match bound {
        IpAddr::V6(address) if address.is_unspecified() => "IPv6 and IPv4",
        IpAddr::V6(_) => "IPv6",
        IpAddr::V4(_) => "IPv4",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_port_or_an_address() {
        let one = |text: &str| ListenAddress::One(text.parse().unwrap());
        for (text, read) in [
            ("8443", ListenAddress::Port(8443)),
            (":8443", ListenAddress::Port(8443)),
            ("0.0.0.0:1", one("0.0.0.0:1")),
            ("[::1]:0", one("[::1]:0")),
        ] {
            assert_eq!(text.parse(), Ok(read), "{text}");
        }
        for text in ["", "localhost:8443", "65536", "::", "-1"] {
            assert!(text.parse::<ListenAddress>().unwrap_err().contains("neither a port"), "{text}");
        }
    }

    #[test]
    fn only_a_machine_without_ipv6_falls_back() {
        for (code, falls_back) in
            [(97, cfg!(target_os = "linux")), (99, cfg!(target_os = "linux")), (98, false), (13, false)]
        {
            assert_eq!(is_without_ipv6(&io::Error::from_raw_os_error(code)), falls_back, "{code}");
        }
    }

    #[tokio::test]
    async fn a_port_answers_both_families() {
        let listener = ListenAddress::Port(0).bind().unwrap();
        let bound = listener.local_addr().unwrap();
        let loopback: &[IpAddr] = match bound.ip() {
            IpAddr::V6(_) => &[IpAddr::V6(Ipv6Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::LOCALHOST)],
            IpAddr::V4(_) => &[IpAddr::V4(Ipv4Addr::LOCALHOST)],
        };
        let mut reached = 0;
        for &address in loopback {
            // A machine may know IPv6 and have no address of it.
            if let Ok(stream) = tokio::net::TcpStream::connect((address, bound.port())).await {
                drop((stream, listener.accept().await.unwrap()));
                reached += 1;
            } else {
                assert!(address.is_ipv6(), "{address} of {bound}");
            }
        }
        assert!(reached > 0);
        assert_eq!(families(bound.ip()), if bound.is_ipv6() { "IPv6 and IPv4" } else { "IPv4" });
    }
}
