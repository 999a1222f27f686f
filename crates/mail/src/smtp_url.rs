//! Reads `COUNTERSIGN_SMTP_URL`.
//!
//! | URL | connection | port |
//! | --- | --- | --- |
//! | `smtps://host` | TLS from the first byte | 465 |
//! | `smtp://host?tls=required` | STARTTLS, or nothing is sent | 587 |
//! | `smtp://host?tls=none` | unencrypted, said out loud; no password allowed | 25 |
//! | `smtp://localhost` | unencrypted, loopback only | 25 |
//!
//! Encryption "if the server offers it" does not exist: whoever sits on the wire strips
//! the offer and reads the reset links. `ca=/path/to.pem` names the only authorities that
//! may vouch for the server, in place of the system's.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    path::PathBuf,
};

use lettre::transport::smtp::authentication::Credentials;
use percent_encoding::percent_decode_str;
use url::{Host, Url};

use crate::TransportError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encryption {
    Implicit,
    StartTls,
    None,
}

/// What the URL says, checked for what must not cross a network.
pub(crate) struct SmtpSettings {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) encryption: Encryption,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) authorities: Option<PathBuf>,
}

impl fmt::Debug for SmtpSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpSettings")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("encryption", &self.encryption)
            .finish_non_exhaustive()
    }
}

pub(crate) fn parse(url: &str) -> Result<SmtpSettings, TransportError> {
    let url = Url::parse(url).map_err(|_| TransportError::Url("it is not a URL"))?;
    if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
        return Err(TransportError::Url(
            "it has a path or fragment; a '/', '?' or '#' in a password is written as %2F, \
             %3F or %23",
        ));
    }
    let host = host(&url)?;
    let Options { tls, authorities } = options(&url)?;
    let encryption = encryption(url.scheme(), tls, &host)?;
    let credentials = credentials(&url)?;
    if credentials.is_some() && encryption == Encryption::None && !is_loopback(&host) {
        return Err(TransportError::UnencryptedPassword(host));
    }
    if authorities.is_some() && encryption == Encryption::None {
        return Err(TransportError::Url("ca= needs an encrypted connection"));
    }
    let port = url.port().unwrap_or(match encryption {
        Encryption::Implicit => 465,
        Encryption::StartTls => 587,
        Encryption::None => 25,
    });
    Ok(SmtpSettings {
        host,
        port,
        encryption,
        credentials,
        authorities,
    })
}

fn host(url: &Url) -> Result<String, TransportError> {
    match url.host() {
        Some(Host::Domain(name)) if !name.is_empty() => Ok(name.to_ascii_lowercase()),
        Some(Host::Ipv4(ip)) => Ok(ip.to_string()),
        Some(Host::Ipv6(ip)) => Ok(ip.to_string()),
        Some(Host::Domain(_)) | None => Err(TransportError::Url("it has no host")),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tls {
    Required,
    None,
}

#[derive(Default)]
struct Options {
    tls: Option<Tls>,
    authorities: Option<PathBuf>,
}

fn options(url: &Url) -> Result<Options, TransportError> {
    let mut options = Options::default();
    for (key, value) in url.query_pairs() {
        match (key.as_ref(), value.as_ref()) {
            ("tls", "required") => options.tls = Some(Tls::Required),
            ("tls", "none") => options.tls = Some(Tls::None),
            ("tls", _) => {
                return Err(TransportError::Url("tls is either required or none"));
            }
            ("ca", path) if !path.is_empty() => options.authorities = Some(path.into()),
            _ => return Err(TransportError::Url("the only options are tls and ca")),
        }
    }
    Ok(options)
}

fn encryption(scheme: &str, tls: Option<Tls>, host: &str) -> Result<Encryption, TransportError> {
    match (scheme, tls) {
        ("smtps", None | Some(Tls::Required)) => Ok(Encryption::Implicit),
        ("smtps", Some(Tls::None)) => Err(TransportError::Url("smtps and tls=none contradict")),
        ("smtp", Some(Tls::Required)) => Ok(Encryption::StartTls),
        ("smtp", Some(Tls::None)) => Ok(Encryption::None),
        ("smtp", None) if is_loopback(host) => Ok(Encryption::None),
        ("smtp", None) => Err(TransportError::Unencrypted(bracketed(host))),
        _ => Err(TransportError::Url("it starts with neither smtps nor smtp")),
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn bracketed(host: &str) -> String {
    if host.parse::<Ipv6Addr>().is_ok() {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

fn credentials(url: &Url) -> Result<Option<Credentials>, TransportError> {
    let decoded = |text: &str| {
        percent_decode_str(text)
            .decode_utf8()
            .map(String::from)
            .map_err(|_| TransportError::Url("the user or password is not UTF-8"))
    };
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        ("", Some(_)) => Err(TransportError::Url("it has a password without a user")),
        (_, None) => Err(TransportError::Url("it has a user without a password")),
        (user, Some(password)) => Ok(Some(Credentials::new(decoded(user)?, decoded(password)?))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_connects(url: &str, host: &str, port: u16, encryption: Encryption) {
        let settings = parse(url).unwrap();
        assert_eq!(
            (settings.host.as_str(), settings.port, settings.encryption),
            (host, port, encryption)
        );
    }

    #[test]
    fn each_form_has_its_encryption_and_port() {
        use Encryption::{Implicit, None, StartTls};
        for (url, host, port, encryption) in [
            ("smtps://mail.example", "mail.example", 465, Implicit),
            ("smtps://mail.example:1465/", "mail.example", 1465, Implicit),
            (
                "smtp://mail.example?tls=required",
                "mail.example",
                587,
                StartTls,
            ),
            ("smtp://catcher:1025?tls=none", "catcher", 1025, None),
            ("smtp://localhost", "localhost", 25, None),
            ("smtp://127.0.0.1:2525", "127.0.0.1", 2525, None),
            ("smtp://[::1]", "::1", 25, None),
        ] {
            assert_connects(url, host, port, encryption);
        }
    }

    /// ASVS-12.3.1
    #[test]
    fn config_refuses_plain_smtp() {
        for url in [
            "smtp://mail.example",
            "smtp://192.0.2.1:587",
            "smtp://localhost.example",
        ] {
            let error = parse(url).unwrap_err();
            assert!(matches!(error, TransportError::Unencrypted(_)), "{url}");
            assert!(error.to_string().contains("?tls=required"), "{error}");
        }
        let error = parse("smtp://mail.example?tls=opportunistic").unwrap_err();
        assert!(
            error.to_string().contains("either required or none"),
            "{error}"
        );
    }

    #[test]
    fn a_password_never_crosses_a_network_in_the_clear() {
        let error = parse("smtp://ada:hunter2@mail.example?tls=none").unwrap_err();
        assert!(matches!(error, TransportError::UnencryptedPassword(_)));
        assert!(parse("smtp://ada:hunter2@localhost").is_ok());
    }

    #[test]
    fn credentials_are_percent_decoded() {
        let settings = parse("smtps://ada%40example.org:p%2Fw%3F%25@mail.example").unwrap();
        let expected = Credentials::new("ada@example.org".into(), "p/w?%".into());
        assert!(settings.credentials == Some(expected));
    }

    #[test]
    fn neither_an_error_nor_the_debug_form_repeats_the_password() {
        for url in [
            "smtp://ada:hunter2@mail.example",
            "smtp://ada:hunter2@mail.example?tls=none",
            "smtp://ada:hunter2@mail.example?tls=maybe",
            "smtps://ada:hunter2@mail.example/hunter2",
            "smtps://ada:hunter2@mail.example:99999",
            "http://ada:hunter2@mail.example",
            "smtps://:hunter2@mail.example",
            "smtps://ada:hunter2@",
        ] {
            let error = parse(url).unwrap_err();
            assert!(
                !format!("{error} {error:?}").contains("hunter2"),
                "{url}: {error:?}"
            );
        }
        let settings = parse("smtps://ada:hunter2@mail.example").unwrap();
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}
