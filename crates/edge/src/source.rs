//! From where a request came: the client's own address, also behind trusted proxies, and what it
//! calls itself.

use std::net::{IpAddr, SocketAddr};

use crate::layers::RequestId;
use crate::problem::Problem;
use crate::settings::Edge;
use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use ipnet::IpNet;
use service::Caller;

const FORWARDED_FOR: &str = "x-forwarded-for";
const MAX_USER_AGENT: usize = 256;

/// Fails where the listener or the layers were put together wrongly.
pub fn caller(parts: &Parts, edge: &Edge) -> Result<Caller, Problem> {
    let ConnectInfo(peer) = parts
        .extensions
        .get::<ConnectInfo<SocketAddr>>()
        .ok_or_else(|| Problem::internal("the listener does not tell who connects"))?;
    let RequestId(request_id) = parts
        .extensions
        .get::<RequestId>()
        .ok_or_else(|| Problem::internal("no layer gave the request an id"))?;
    Ok(Caller {
        request_id: request_id.clone(),
        ip: client_address(peer.ip(), &parts.headers, edge.trusted_proxies()),
        user_agent: user_agent(&parts.headers),
    })
}

/// The right-most address that is not a trusted proxy's. What is no address ends the walk: then
/// the last proxy that we trust is as far as we know.
fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |ip: &IpAddr| trusted.iter().any(|net| net.contains(ip));
    let forwarded: Vec<_> = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(address)
        .collect();
    let mut client = peer.to_canonical();
    for hop in forwarded.into_iter().rev() {
        match hop {
            Some(next) if is_trusted(&client) => client = next,
            _ => break,
        }
    }
    client
}

/// An address, or an address with a port.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let ip = match text.parse::<IpAddr>() {
        Ok(ip) => ip,
        Err(_) => text.parse::<SocketAddr>().ok()?.ip(),
    };
    Some(ip.to_canonical())
}

fn user_agent(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::USER_AGENT)?;
    let text: String = String::from_utf8_lossy(value.as_bytes())
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_USER_AGENT)
        .collect();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn client(peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        client_address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn xff_spoof_ignored() {
        assert_eq!(client("203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
        assert_eq!(
            client("10.0.0.1", &["198.51.100.1, 203.0.113.9"]),
            "203.0.113.9"
        );
    }

    #[test]
    fn the_right_most_address_that_is_no_proxy_counts() {
        assert_eq!(
            client("10.0.0.1", &["203.0.113.9, 10.0.0.2"]),
            "203.0.113.9"
        );
        assert_eq!(client("fd00::1", &["2001:db8::5"]), "2001:db8::5");
        assert_eq!(client("10.0.0.1", &["10.0.0.3, 10.0.0.2"]), "10.0.0.3");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn several_headers_are_one_list() {
        assert_eq!(
            client("10.0.0.1", &["198.51.100.1", "203.0.113.9, 10.0.0.2"]),
            "203.0.113.9"
        );
    }

    #[test]
    fn nonsense_ends_the_walk_at_the_last_trusted_proxy() {
        for nonsense in ["unknown", "", "1.2.3", "203.0.113.9.", "_hidden", "a:b"] {
            let header = format!("203.0.113.9, {nonsense}, 10.0.0.2");
            assert_eq!(client("10.0.0.1", &[&header]), "10.0.0.2", "{nonsense}");
        }
    }

    #[test]
    fn ports_and_mapped_addresses_are_understood() {
        assert_eq!(
            client("::ffff:10.0.0.1", &["203.0.113.9:4711"]),
            "203.0.113.9"
        );
        assert_eq!(client("10.0.0.1", &["[2001:db8::5]:4711"]), "2001:db8::5");
        assert_eq!(
            client("10.0.0.1", &["203.0.113.9, ::ffff:10.0.0.2"]),
            "203.0.113.9"
        );
    }

    #[test]
    fn a_user_agent_is_cut_and_loses_its_control_characters() {
        let agent = |bytes: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(header::USER_AGENT, HeaderValue::from_bytes(bytes).unwrap());
            user_agent(&headers)
        };
        assert_eq!(agent(b"curl/8\t\xc2\x9bx").as_deref(), Some("curl/8x"));
        assert_eq!(agent(&[b'a'; 300]).map(|a| a.len()), Some(256));
        assert_eq!(agent(b"\xff").as_deref(), Some("\u{fffd}"));
        assert_eq!(agent(b""), None);
        assert_eq!(user_agent(&HeaderMap::new()), None);
    }
}
