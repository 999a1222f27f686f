//! Mailed links lead where the operator says, whatever a request claims.

use acceptance::{Deployment, Options};
use serde_json::json;

use crate::throttles::guessing::settle;

/// Checks: host_header_injection (ASVS-4.1.3, OWASP-RESET-2).
#[tokio::test]
async fn host_header_injection_does_not_reach_a_mailed_link() {
    let options = Options::default()
        .setting("COUNTERSIGN_PUBLIC_URL", "https://id.example.org")
        .setting("COUNTERSIGN_TRUSTED_PROXIES", "127.0.0.1");
    let deployment = Deployment::with(options).await;
    deployment.create_account("ada@example.com").await;
    let visitor = deployment
        .visitor()
        .with_header("host", "evil.example")
        .with_header("x-forwarded-host", "evil.example")
        .with_header("x-forwarded-proto", "http")
        .with_header("forwarded", "host=evil.example;proto=http")
        .with_header("origin", "https://evil.example")
        .with_header("referer", "https://evil.example/");
    for (path, email) in [
        ("/accounts", "new@example.com"),
        ("/accounts", "ada@example.com"),
        ("/password-reset", "ada@example.com"),
        ("/unblock", "ada@example.com"),
    ] {
        visitor
            .post(path, json!({ "email": email }))
            .await
            .expect(202);
    }
    settle(&deployment).await;
    let mails = deployment.mails();
    assert_eq!(mails.len(), 4);
    for mail in &mails {
        assert!(!mail.text.contains("evil.example"), "{}", mail.text);
        assert!(
            mail.text.contains("https://id.example.org"),
            "{}",
            mail.text
        );
    }
    for page in ["verify", "reset", "unblock"] {
        let link = format!("\nhttps://id.example.org/{page}/cs_");
        let with_link = mails
            .iter()
            .filter(|mail| mail.text.replace('\r', "").contains(&link));
        assert_eq!(with_link.count(), 1, "{page}");
    }
}
