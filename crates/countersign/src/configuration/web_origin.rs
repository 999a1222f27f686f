//! Origins: scheme, host and port, and nothing behind them.
//!
//! Passwords and session tokens travel to the public URL, so plain http is refused for
//! every host but this machine (ASVS-12.2.1).

use std::fmt;
use std::net::SocketAddr;

use url::{Host, Url};

use super::Facts;
use super::network::items;
use super::setting::Earlier;

/// An `http` or `https` origin; displayed without a slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebOrigin(Url);

impl WebOrigin {
    /// The origin as a URL with the path `/`, to join paths to.
    pub fn url(&self) -> &Url {
        &self.0
    }

    pub(super) fn at_port(&self, port: u16) -> Self {
        let mut url = self.0.clone();
        // Fails for URLs without a host only, which no origin is.
        let _ = url.set_port(Some(port));
        Self(url)
    }
}

impl fmt::Display for WebOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.origin().ascii_serialization())
    }
}

/// An origin that secrets may be sent to.
pub(crate) fn protected(text: &str) -> Result<WebOrigin, String> {
    let origin = origin(text)?;
    if origin.0.scheme() == "http" && !is_this_machine(&origin.0) {
        return Err(
            "passwords would cross the network in plain text: use https (http is for \
             localhost and loopback addresses only)"
                .to_owned(),
        );
    }
    Ok(origin)
}

pub(super) fn list(text: &str) -> Result<Vec<WebOrigin>, String> {
    items(text)
        .map(|item| origin(item).map_err(|message| format!("{item}: {message}")))
        .collect()
}

/// The default public URL.
pub(super) fn on_localhost(earlier: &Earlier, _: Facts) -> String {
    let listen = earlier.get("listen").and_then(|text| text.parse().ok());
    let port = listen.map_or(8080, |address: SocketAddr| address.port());
    format!("http://localhost:{port}")
}

/// Whether a URL leads to the machine that reads it, so that nothing crosses a network.
pub(super) fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => is_loopback_name(name),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The same for a host that stands by itself; URLs of other schemes do not tell names
/// from IPv4 addresses.
pub(super) fn is_loopback_name(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn origin(text: &str) -> Result<WebOrigin, String> {
    const EXAMPLE: &str = "write for instance https://accounts.example.com";
    let url = Url::parse(text).map_err(|_| format!("not a URL; {EXAMPLE}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("must begin with https:// or http://; {EXAMPLE}"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("must not hold a user or a password; {EXAMPLE}"));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(format!(
            "must end after host and port, without a path; {EXAMPLE}"
        ));
    }
    Ok(WebOrigin(url))
}
