//! What the layers around the routes know: where the service stands, and whom it trusts.

use std::fmt;
use std::sync::Arc;

use ipnet::IpNet;
use url::{Host, Url};

use crate::metrics::Metrics;

#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// The origin from which browsers may change state.
    pub public_url: Url,
    /// Networks whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<IpNet>,
}

impl HttpSettings {
    /// Plain HTTP is taken for development, and only on the machine itself.
    fn is_development(&self) -> bool {
        let on_this_machine = match self.public_url.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        };
        self.public_url.scheme() == "http" && on_this_machine
    }
}

/// Shared by all layers of one listener; cheap to clone.
#[derive(Clone)]
pub struct Edge(Arc<Inner>);

struct Inner {
    origin: String,
    strict_transport: bool,
    trusted_proxies: Vec<IpNet>,
    new_request_id: Box<dyn Fn() -> String + Send + Sync>,
    metrics: Metrics,
}

impl Edge {
    /// `new_request_id` names requests whose client did not.
    pub fn new(
        settings: &HttpSettings,
        metrics: Metrics,
        new_request_id: impl Fn() -> String + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Inner {
            origin: settings.public_url.origin().ascii_serialization(),
            strict_transport: !settings.is_development(),
            trusted_proxies: settings.trusted_proxies.clone(),
            new_request_id: Box::new(new_request_id),
            metrics,
        }))
    }

    pub(crate) fn origin(&self) -> &str {
        &self.0.origin
    }

    pub(crate) fn strict_transport(&self) -> bool {
        self.0.strict_transport
    }

    pub(crate) fn trusted_proxies(&self) -> &[IpNet] {
        &self.0.trusted_proxies
    }

    pub(crate) fn new_request_id(&self) -> String {
        (self.0.new_request_id)()
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }
}

impl fmt::Debug for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edge")
            .field("origin", &self.0.origin)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_on_the_machine_itself_is_development() {
        for (url, development) in [
            ("http://localhost:8080", true),
            ("http://app.localhost", true),
            ("http://127.0.0.1:8080", true),
            ("http://[::1]:8080", true),
            ("http://accounts.example", false),
            ("http://localhost.example", false),
            ("http://192.168.0.1", false),
            ("https://localhost", false),
            ("https://accounts.example", false),
        ] {
            let settings = HttpSettings {
                public_url: url.parse().unwrap(),
                trusted_proxies: Vec::new(),
            };
            assert_eq!(settings.is_development(), development, "{url}");
        }
    }
}
