//! Deliveries to a real SMTP server, and to one that misbehaves.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "clippy.toml allows them in tests, but clippy does not see that helpers here are part of one"
)]

mod server;

use chrono::{DateTime, Utc};
use mail::{DeliveryError, Letterhead, Mail, Message, Transport, compose};
use server::{Certificate, Server};
use uuid::Uuid;

const LINK: &str =
    "https://id.example/reset/cs_reset_0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghij";
const ID: Uuid = Uuid::from_u128(0x0197_0000_0000_7000_8000_0000_0000_0001);

fn date() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).unwrap()
}

fn letterhead(service_name: &str) -> Letterhead {
    Letterhead {
        from: format!("{service_name} <no-reply@id.example>")
            .parse()
            .unwrap(),
        support_contact: Some("help@id.example".into()),
        public_url: "https://id.example".into(),
        service_name: service_name.into(),
    }
}

fn reset_mail(to: &str, service_name: &str) -> Mail {
    let message = Message::ResetPassword {
        link: LINK.into(),
        expires_at: date(),
        two_factor_on: true,
    };
    compose(&letterhead(service_name), to, ID, date(), &message).unwrap()
}

async fn deliver_to(url: &str, to: &str) -> Result<(), DeliveryError> {
    let transport = Transport::smtp(url).unwrap();
    transport.deliver(ID, &reset_mail(to, "Example")).await
}

fn plain(server: &Server) -> String {
    format!("smtp://127.0.0.1:{}", server.port)
}

#[tokio::test]
async fn a_mail_arrives_whole_with_its_link_unbroken() {
    let server = Server::start(&[]);
    deliver_to(&plain(&server), "ada@example.org")
        .await
        .unwrap();

    let kept = server.kept();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].envelope["from"], "no-reply@id.example");
    assert_eq!(
        kept[0].envelope["to"],
        serde_json::json!(["ada@example.org"])
    );
    assert_eq!(
        kept[0].raw.trim_end(),
        String::from_utf8(reset_mail("ada@example.org", "Example").formatted())
            .unwrap()
            .trim_end()
    );
    assert_eq!(kept[0].raw.lines().filter(|line| *line == LINK).count(), 1);
}

#[tokio::test]
async fn a_local_part_beyond_ascii_is_delivered_where_the_server_supports_it() {
    let server = Server::start(&[]);
    deliver_to(&plain(&server), "jürgen@bücher.example")
        .await
        .unwrap();

    let kept = server.kept();
    assert_eq!(kept[0].envelope["smtputf8"], true);
    assert_eq!(
        kept[0].envelope["to"],
        serde_json::json!(["jürgen@xn--bcher-kva.example"])
    );
    assert!(kept[0].raw.contains("To: jürgen@xn--bcher-kva.example\r\n"));
}

#[tokio::test]
async fn a_local_part_beyond_ascii_is_refused_for_good_where_the_server_does_not_support_it() {
    let server = Server::start(&["--no-smtputf8"]);
    let error = deliver_to(&plain(&server), "jürgen@example.org")
        .await
        .unwrap_err();
    assert!(matches!(error, DeliveryError::Unsupported(_)), "{error}");
    assert!(error.is_permanent());
    deliver_to(&plain(&server), "ada@bücher.example")
        .await
        .unwrap();
}

#[tokio::test]
async fn a_service_name_beyond_ascii_needs_nothing_of_the_server() {
    let server = Server::start(&["--no-smtputf8"]);
    let transport = Transport::smtp(&plain(&server)).unwrap();
    let mail = reset_mail("ada@example.org", "Über Bank");
    transport.deliver(ID, &mail).await.unwrap();
    assert!(server.kept()[0].raw.is_ascii());
}

#[tokio::test]
async fn a_5xx_answer_is_permanent_and_carries_the_servers_own_words_but_not_the_mail() {
    let server = Server::start(&[]);
    server.behave("permanent");
    let error = deliver_to(&plain(&server), "ada@example.org")
        .await
        .unwrap_err();
    assert!(matches!(error, DeliveryError::Refused(_)), "{error}");
    assert!(error.is_permanent());
    let reply = error.reply().unwrap();
    assert_eq!(
        (reply.code, reply.text.as_str()),
        (550, "5.1.1 No such mailbox here")
    );
    assert!(error.to_string().contains("550 5.1.1 No such mailbox here"));
    assert!(!format!("{error} {error:?}").contains("cs_reset"));
}

#[tokio::test]
async fn a_4xx_answer_is_transient_and_the_mail_goes_through_later() {
    let server = Server::start(&[]);
    server.behave("transient");
    let error = deliver_to(&plain(&server), "ada@example.org")
        .await
        .unwrap_err();
    assert!(matches!(&error, DeliveryError::Deferred(reply) if reply.code == 451));
    assert!(!error.is_permanent());

    server.behave("");
    deliver_to(&plain(&server), "ada@example.org")
        .await
        .unwrap();
    assert_eq!(server.kept().len(), 1);
}

#[tokio::test]
async fn a_refused_connection_is_transient() {
    let port = {
        let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        unused.local_addr().unwrap().port()
    };
    let error = deliver_to(&format!("smtp://127.0.0.1:{port}"), "ada@example.org")
        .await
        .unwrap_err();
    assert!(matches!(error, DeliveryError::Unreachable(_)), "{error}");
    assert!(!error.is_permanent());
}

#[tokio::test]
async fn a_connection_that_breaks_off_is_transient() {
    let server = Server::start(&[]);
    server.behave("disconnect");
    let error = deliver_to(&plain(&server), "ada@example.org")
        .await
        .unwrap_err();
    assert!(matches!(error, DeliveryError::Unreachable(_)), "{error}");
    assert!(!error.is_permanent());
}

#[tokio::test]
async fn a_connection_that_breaks_off_after_the_mail_was_accepted_is_no_failure() {
    let server = Server::start(&[]);
    server.behave("hangup");
    deliver_to(&plain(&server), "ada@example.org")
        .await
        .unwrap();
    assert_eq!(server.kept().len(), 1);
}

#[tokio::test]
async fn credentials_are_used_and_a_refusal_of_them_does_not_condemn_the_mail() {
    let server = Server::start(&["--user", "ada", "--password", "open/sesame"]);
    let with = |credentials: &str| format!("smtp://{credentials}127.0.0.1:{}", server.port);
    deliver_to(&with("ada:open%2Fsesame@"), "ada@example.org")
        .await
        .unwrap();
    assert_eq!(server.kept()[0].envelope["user"], "ada");

    for wrong in ["ada:wrong-word@", ""] {
        let error = deliver_to(&with(wrong), "ada@example.org")
            .await
            .unwrap_err();
        assert!(matches!(error, DeliveryError::SignIn(_)), "{error:?}");
        assert!(!error.is_permanent());
        assert!(!format!("{error} {error:?}").contains("wrong-word"));
    }
    assert_eq!(server.kept().len(), 1);
}

/// ASVS-12.3.1
#[tokio::test]
async fn smtp_without_starttls_fails_closed() {
    let server = Server::start(&["--user", "ada", "--password", "sesame"]);
    let url = format!("smtp://ada:sesame@localhost:{}?tls=required", server.port);
    let error = deliver_to(&url, "ada@example.org").await.unwrap_err();
    assert!(matches!(error, DeliveryError::Unreachable(_)), "{error}");
    assert!(error.to_string().contains("STARTTLS"), "{error}");
    assert!(server.kept().is_empty());
}

/// ASVS-12.3.2
#[tokio::test]
async fn bad_cert_smtp_refused() {
    let certificate = Certificate::new();
    let starttls = certificate.start(&[]);
    let implicit = certificate.start(&["--implicit-tls"]);
    for url in [
        format!("smtp://localhost:{}?tls=required", starttls.port),
        format!("smtps://localhost:{}", implicit.port),
    ] {
        let error = deliver_to(&url, "ada@example.org").await.unwrap_err();
        assert!(matches!(error, DeliveryError::Unreachable(_)), "{error}");
        assert!(error.to_string().contains("certificate"), "{error}");
    }
    assert!(starttls.kept().is_empty() && implicit.kept().is_empty());
}

#[tokio::test]
async fn a_certificate_of_the_given_authority_is_accepted_for_its_own_host_only() {
    let certificate = Certificate::new();
    let starttls = certificate.start(&[]);
    let implicit = certificate.start(&["--implicit-tls"]);
    let ca = certificate.path();
    for (server, prefix, options) in [
        (&starttls, "smtp", "tls=required&"),
        (&implicit, "smtps", ""),
    ] {
        let url = |host| format!("{prefix}://{host}:{}?{options}ca={ca}", server.port);
        deliver_to(&url("localhost"), "ada@example.org")
            .await
            .unwrap();
        assert_eq!(server.kept()[0].envelope["tls"], true);
        let error = deliver_to(&url("127.0.0.1"), "ada@example.org")
            .await
            .unwrap_err();
        assert!(matches!(error, DeliveryError::Unreachable(_)), "{error}");
    }
}

/// ASVS-12.3.4: a given authority replaces the system's.
#[tokio::test]
async fn public_ca_not_accepted_when_pinned() {
    let server = Certificate::new().start(&[]);
    let other = Certificate::new();
    let url = format!(
        "smtp://localhost:{}?tls=required&ca={}",
        server.port,
        other.path()
    );
    let error = deliver_to(&url, "ada@example.org").await.unwrap_err();
    assert!(matches!(error, DeliveryError::Unreachable(_)), "{error}");
    assert!(server.kept().is_empty());
}
