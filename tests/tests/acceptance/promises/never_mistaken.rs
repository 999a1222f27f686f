//! What must never happen: that one secret is taken for another, or stands where all can read it.

use acceptance::{Deployment, OTHER_PASSWORD};
use serde_json::json;

use super::protected::{Protected, reset, reset_link};

/// Checks: reset_no_auto_login (OWASP-RESET-4), device_cookie_never_authenticates
/// (NIST-5.1-D), forged_token_401 (OWASP-SESS-1).
#[tokio::test]
async fn no_token_is_ever_taken_for_another() {
    let deployment = Deployment::start().await;
    let ada = Protected::open(&deployment, "ada@example.com").await;
    let visitor = &ada.visitor;
    let challenge = ada.challenge().await;
    let device = ada.person.device_token.clone();
    let link = reset_link(&deployment, &ada.person.email, 1).await;
    let forged = format!("cs_session_{}", "A".repeat(86));
    for token in [&challenge, &device, &link, &forged, "", "x"] {
        let by_cookie = format!("__Host-countersign_session={token}");
        for caller in [
            visitor.clone().with_bearer(token),
            visitor.clone().with_header("cookie", &by_cookie),
        ] {
            let answer = caller.get("/session").await;
            answer.expect_problem(401, "unauthenticated");
        }
    }
    let code = ada.fresh_code(&deployment);
    for token in [&device, &link, &forged] {
        ada.present(token, &code)
            .await
            .expect_problem(401, "challenge_expired");
    }
    for token in [&challenge, &device, &forged] {
        reset(visitor, token, OTHER_PASSWORD)
            .await
            .expect_problem(410, "token_expired");
    }
    for token in [&challenge, &device, &link, &forged] {
        let verify = json!({ "token": token, "password": OTHER_PASSWORD });
        let answer = visitor.post("/accounts/verify", verify).await;
        answer.expect_problem(410, "token_expired");
        let unblock = json!({ "token": token });
        let answer = visitor.post("/unblock/confirm", unblock).await;
        answer.expect_problem(410, "token_expired");
    }
    // Each is still good for what it is.
    ada.present(&challenge, &code).await.expect(200);
    reset(visitor, &link, OTHER_PASSWORD).await.expect(200);
}

/// Checks: session_in_query_ignored (OWASP-SESS-2).
#[tokio::test]
async fn no_session_is_taken_from_an_address_or_a_body() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let visitor = deployment.visitor();
    let token = visitor
        .post("/login", ada.login())
        .await
        .expect(200)
        .text_at("/session/token");
    for name in [
        "token",
        "session",
        "access_token",
        "__Host-countersign_session",
    ] {
        let path = format!("/session?{name}={token}");
        let answer = visitor.get(&path).await;
        assert!([400, 401].contains(&answer.status.as_u16()), "{path}");
    }
    let answer = visitor.post("/logout", json!({ "token": token })).await;
    answer.expect_problem(401, "unauthenticated");
    visitor
        .with_bearer(&token)
        .get("/session")
        .await
        .expect(200);
}

/// Checks: enc_at_rest (RFC4226-7.5), and that tokens are stored only as hashes.
#[tokio::test]
async fn no_secret_stands_in_the_database_as_text() {
    let deployment = Deployment::start().await;
    let ada = Protected::open(&deployment, "ada@example.com").await;
    let challenge = ada.challenge().await;
    let link = reset_link(&deployment, &ada.person.email, 1).await;
    let answer = deployment
        .visitor()
        .post("/login", ada.person.login())
        .await;
    let pending = answer.text_at("/challenge/token");
    let seed = data_encoding::BASE32_NOPAD
        .decode(ada.authenticator.secret.as_bytes())
        .unwrap();
    let secrets = [
        ada.person.password.clone(),
        ada.authenticator.secret.clone(),
        data_encoding::HEXLOWER.encode(&seed),
        data_encoding::BASE64.encode(&seed),
        ada.person.device_token.clone(),
        challenge,
        pending,
        link,
    ];
    let mut connection = deployment.connection("countersign_owner").await;
    let tables = sqlx::query_scalar::<_, String>(
        "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables
        WHERE schemaname NOT IN ('pg_catalog', 'information_schema')",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let mut rows = Vec::new();
    for table in &tables {
        let query = format!("SELECT t::text FROM {table} t");
        let found = sqlx::query_scalar::<_, String>(&query).fetch_all(&mut connection);
        rows.extend(found.await.unwrap());
    }
    assert!(rows.len() > 10);
    for secret in secrets {
        let tail = &secret[secret.len().saturating_sub(20)..];
        let row = rows.iter().find(|row| row.contains(tail));
        assert_eq!(row, None, "{secret}");
    }
}
