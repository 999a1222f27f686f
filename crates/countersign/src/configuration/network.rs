//! Addresses to listen on and networks to trust.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

pub(super) fn socket_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "not an address with a port; write for instance 127.0.0.1:8080 or [::1]:8080".to_owned()
    })
}

/// A single address stands for the network that holds it alone.
pub(super) fn networks(text: &str) -> Result<Vec<IpNet>, String> {
    items(text)
        .map(|item| {
            item.parse::<IpNet>()
                .or_else(|_| item.parse::<IpAddr>().map(IpNet::from))
                .map_err(|_| format!("{item} is no network; write for instance 10.0.0.0/8 or ::1"))
        })
        .collect()
}

/// The parts of a list, which may be separated by commas, spaces or both.
pub(super) fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' '])
        .map(str::trim)
        .filter(|item| !item.is_empty())
}
