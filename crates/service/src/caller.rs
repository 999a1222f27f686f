//! Who calls, and from where.

use std::net::IpAddr;

use account::staff::Role;
use account::{AccountId, SessionId, StaffId};
use credentials::TokenKind;

/// Where a request came from.
#[derive(Clone, Debug)]
pub struct Caller {
    pub request_id: String,
    /// The client's own address, behind trusted proxies.
    pub ip: IpAddr,
    pub user_agent: Option<String>,
}

impl Caller {
    /// What throttles count by: an IPv4 address, or the /64 of an IPv6 address.
    pub fn source(&self) -> String {
        match self.ip.to_canonical() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => {
                let prefix = ip.to_bits() & !u128::from(u64::MAX);
                format!("{}/64", std::net::Ipv6Addr::from_bits(prefix))
            }
        }
    }
}

/// How a client keeps its session. A token of one kind is never taken for one of the other, so
/// that nobody gets around what guards cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Cookie,
    Bearer,
}

impl Transport {
    pub(crate) const fn token_kind(self) -> TokenKind {
        match self {
            Self::Cookie => TokenKind::BrowserSession,
            Self::Bearer => TokenKind::Session,
        }
    }
}

/// A signed-in account, proved by its session. Only `Service::authenticate` makes one.
#[derive(Clone, Debug)]
pub struct Owner {
    pub(crate) account: AccountId,
    pub(crate) session: store::SessionRecord,
    pub(crate) holder: store::Holder,
}

impl Owner {
    pub const fn account(&self) -> AccountId {
        self.account
    }

    pub const fn session_id(&self) -> SessionId {
        self.session.id
    }
}

/// A member of staff, proved by their token or by a session that it began. Only
/// `Service::authenticate_staff` and `Service::authenticate_staff_session` make one.
#[derive(Clone, Debug)]
pub struct StaffMember {
    pub(crate) id: StaffId,
    pub(crate) name: String,
    pub(crate) role: Role,
}

impl StaffMember {
    pub const fn role(&self) -> Role {
        self.role
    }

    pub const fn id(&self) -> StaffId {
        self.id
    }

    pub fn name(&self) -> &str {
        &self.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(ip: &str) -> String {
        Caller {
            request_id: String::new(),
            ip: ip.parse().unwrap(),
            user_agent: None,
        }
        .source()
    }

    #[test]
    fn ipv6_prefix_bucket() {
        assert_eq!(source("2001:db8:1:2:3::1"), source("2001:db8:1:2:ffff::9"));
        assert_ne!(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
    }
}
