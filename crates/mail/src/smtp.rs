//! Hands mails to an SMTP server, one connection a mail.
//!
//! The conversation is led step by step rather than by lettre's transport, for two
//! reasons. A failure means something different at each step: a refused password must
//! not make the outbox give up the mail that happened to be next. And once the server
//! has accepted the mail, nothing that goes wrong while saying goodbye may count as a
//! failure, or the mail would be sent again.

use std::{fmt, fs, path::Path, time::Duration};

use lettre::transport::smtp::{
    authentication::{Credentials, Mechanism},
    client::{
        AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters, TlsParametersBuilder,
    },
    extension::ClientId,
};
use tokio::time::timeout;

use crate::{
    DeliveryError, TransportError,
    smtp_url::{self, Encryption, SmtpSettings},
};

const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// For the whole conversation. Longer than a connection may take, since a server that
/// scans what it is given answers late, and giving up then sends the mail twice.
const DELIVERY_LIMIT: Duration = Duration::from_secs(30);
const GOODBYE_LIMIT: Duration = Duration::from_secs(1);

/// A mail server, as `COUNTERSIGN_SMTP_URL` describes it.
pub struct SmtpServer {
    host: String,
    port: u16,
    security: Security,
    credentials: Option<Credentials>,
    hello: ClientId,
    limit: Duration,
}

enum Security {
    Implicit(TlsParameters),
    StartTls(TlsParameters),
    None,
}

impl SmtpServer {
    pub(crate) fn from_url(url: &str) -> Result<Self, TransportError> {
        let settings = smtp_url::parse(url)?;
        Ok(Self {
            security: security(&settings)?,
            host: settings.host,
            port: settings.port,
            credentials: settings.credentials,
            hello: ClientId::default(),
            limit: DELIVERY_LIMIT,
        })
    }

    pub(crate) async fn deliver(&self, mail: &lettre::Message) -> Result<(), DeliveryError> {
        let mut connection = timeout(self.limit, self.hand_over(mail))
            .await
            .map_err(|_| DeliveryError::TimedOut(self.limit.as_secs()))??;
        let _delivered_all_the_same = timeout(GOODBYE_LIMIT, connection.quit()).await;
        Ok(())
    }

    async fn hand_over(
        &self,
        mail: &lettre::Message,
    ) -> Result<AsyncSmtpConnection, DeliveryError> {
        let mut connection = self
            .connect()
            .await
            .map_err(|error| DeliveryError::connecting(&error))?;
        if let Some(credentials) = &self.credentials {
            connection
                .auth(&[Mechanism::Plain, Mechanism::Login], credentials)
                .await
                .map_err(|error| DeliveryError::signing_in(&error))?;
        }
        connection
            .send(mail.envelope(), &mail.formatted())
            .await
            .map_err(|error| DeliveryError::sending(&error))?;
        Ok(connection)
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, lettre::transport::smtp::Error> {
        let implicit = match &self.security {
            Security::Implicit(tls) => Some(tls.clone()),
            Security::StartTls(_) | Security::None => None,
        };
        let mut connection = AsyncSmtpConnection::connect_tokio1(
            (self.host.as_str(), self.port),
            Some(CONNECT_LIMIT),
            &self.hello,
            implicit,
            None,
        )
        .await?;
        if let Security::StartTls(tls) = &self.security {
            connection.starttls(tls.clone(), &self.hello).await?;
        }
        Ok(connection)
    }
}

impl fmt::Display for SmtpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let security = match self.security {
            Security::Implicit(_) => "TLS",
            Security::StartTls(_) => "STARTTLS",
            Security::None => "unencrypted",
        };
        write!(f, "{} port {} ({security})", self.host, self.port)
    }
}

impl fmt::Debug for SmtpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmtpServer({self})")
    }
}

fn security(settings: &SmtpSettings) -> Result<Security, TransportError> {
    let parameters = || tls_parameters(&settings.host, settings.authorities.as_deref());
    Ok(match settings.encryption {
        Encryption::Implicit => Security::Implicit(parameters()?),
        Encryption::StartTls => Security::StartTls(parameters()?),
        Encryption::None => Security::None,
    })
}

fn tls_parameters(host: &str, authorities: Option<&Path>) -> Result<TlsParameters, TransportError> {
    let builder = TlsParameters::builder(host.to_owned());
    let builder = match authorities {
        Some(path) => trusting_only(builder, path)?,
        None => builder,
    };
    builder
        .build()
        .map_err(|error| TransportError::Tls(error.to_string()))
}

fn trusting_only(
    builder: TlsParametersBuilder,
    path: &Path,
) -> Result<TlsParametersBuilder, TransportError> {
    let failed = |reason: String| TransportError::Authorities {
        path: path.to_owned(),
        reason,
    };
    let pem = fs::read(path).map_err(|error| failed(error.to_string()))?;
    let certificate = Certificate::from_pem(&pem).map_err(|error| failed(error.to_string()))?;
    Ok(builder
        .certificate_store(CertificateStore::None)
        .add_root_certificate(certificate))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    fn mail() -> lettre::Message {
        lettre::Message::builder()
            .from("no-reply@id.example".parse().unwrap())
            .to("ada@example.org".parse().unwrap())
            .body("Hello".to_owned())
            .unwrap()
    }

    #[tokio::test]
    async fn a_server_that_says_nothing_is_given_up_and_tried_again_later() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = SmtpServer {
            limit: Duration::from_millis(50),
            ..SmtpServer::from_url(&format!("smtp://127.0.0.1:{port}")).unwrap()
        };
        let error = server.deliver(&mail()).await.unwrap_err();
        assert!(matches!(error, DeliveryError::TimedOut(_)), "{error}");
        assert!(!error.is_permanent());
    }

    #[test]
    fn the_debug_form_shows_the_host_and_no_password() {
        let server = SmtpServer::from_url("smtps://ada:hunter2@mail.example").unwrap();
        assert_eq!(
            format!("{server:?}"),
            "SmtpServer(mail.example port 465 (TLS))"
        );
    }

    #[test]
    fn a_missing_file_of_authorities_is_named() {
        let error = SmtpServer::from_url("smtps://mail.example?ca=/nowhere/ca.pem").unwrap_err();
        assert!(error.to_string().contains("/nowhere/ca.pem"), "{error}");
    }
}
