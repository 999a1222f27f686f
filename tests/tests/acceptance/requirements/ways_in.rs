//! The ways into an account: which there are on the first day, that they are equally strong, and
//! what a mailbox alone is good for.

use acceptance::{Caller, Deployment, Options, PASSWORD, Person};
use chrono::Duration;
use serde_json::{Value, json};

const COOKIE: &str = "__Host-countersign_session";

/// Checks: no_default_accounts (ASVS-6.3.2).
#[tokio::test]
async fn a_fresh_deployment_has_nobody_in_it_and_no_usual_name_signs_in() {
    let deployment = Deployment::start().await;
    let mut connection = deployment.connection("countersign_owner").await;
    for table in ["events", "states", "logins", "sessions", "staff"] {
        let rows = sqlx::query_scalar::<_, i64>(&format!("SELECT count(*) FROM {table}"))
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert_eq!(rows, 0, "{table}");
    }
    let visitor = deployment.visitor();
    for name in ["admin", "root", "support", "test", "postgres"] {
        for domain in ["localhost.localdomain", "example.com"] {
            let body = json!({
                "email": format!("{name}@{domain}"), "password": name, "transport": "bearer",
            });
            let answer = visitor.post("/login", body).await;
            answer.expect_problem(401, "invalid_credentials");
        }
    }
    for token in ["admin", "cs_staff_", "support", "default"] {
        let caller = visitor.clone().with_bearer(token);
        for path in ["/audit/events", "/session"] {
            caller.get(path).await.expect(401);
        }
    }
}

async fn with_two_factor(deployment: &Deployment) -> (Person, acceptance::Authenticator, Caller) {
    let ada = deployment.register("ada@example.com").await;
    let owner = ada.sign_in(&deployment.visitor()).await;
    let now = deployment.clock.now();
    let authenticator = ada.enable_two_factor(&owner, now).await;
    deployment.clock.turn(Duration::seconds(90));
    (ada, authenticator, owner)
}

/// Signs in on one of the two ways; every answer on it, the session cut out.
async fn walk(
    deployment: &Deployment,
    person: &Person,
    authenticator: &acceptance::Authenticator,
    transport: &str,
) -> (Vec<(u16, String)>, Value) {
    let visitor = deployment.visitor();
    let mut told = Vec::new();
    let mut say = |answer: &acceptance::Answer| {
        let named = answer.json["status"].as_str().unwrap_or(answer.code());
        told.push((answer.status.as_u16(), named.to_owned()));
    };
    let login = |password: &str| {
        json!({
            "email": person.email, "password": password, "transport": transport,
            "device_token": person.device_token,
        })
    };
    say(&visitor.post("/login", login("no password of hers 1")).await);
    let challenge = visitor.post("/login", login(PASSWORD)).await;
    say(&challenge);
    assert!(challenge.cookie(COOKIE).is_none(), "half a sign-in");
    let token = challenge.text_at("/challenge/token");
    let attempt = |code: &str| json!({ "challenge": token, "code": code, "transport": transport });
    let now = deployment.clock.now();
    let wrong = visitor
        .post(
            "/login/second-factor",
            attempt(&authenticator.wrong_code(now)),
        )
        .await;
    say(&wrong);
    let right = attempt(&authenticator.code(now));
    let signed_in = visitor.post("/login/second-factor", right.clone()).await;
    say(&signed_in);
    say(&visitor.post("/login/second-factor", right).await);
    let owner = match signed_in.cookie(COOKIE) {
        Some(cookie) => visitor
            .clone()
            .with_header("cookie", &format!("{COOKIE}={cookie}")),
        None => visitor
            .clone()
            .with_bearer(&signed_in.text_at("/session/token")),
    };
    let session = owner.get("/session").await.expect(200);
    (told, session.json["session"]["factors"].clone())
}

/// Checks: parity_of_paths (ASVS-6.3.4).
#[tokio::test]
async fn parity_of_paths_a_browser_and_a_bearer_client_pass_the_same_checks() {
    let deployment = Deployment::start().await;
    let (ada, authenticator, _) = with_two_factor(&deployment).await;
    let browser = walk(&deployment, &ada, &authenticator, "cookie").await;
    deployment.clock.turn(Duration::seconds(90));
    let bearer = walk(&deployment, &ada, &authenticator, "bearer").await;
    assert_eq!(browser, bearer);
    assert_eq!(browser.1, json!(["password", "totp"]));
    let statuses = browser.0.iter().map(|(status, _)| *status);
    assert_eq!(statuses.collect::<Vec<_>>(), [401, 200, 401, 200, 401]);
}

/// Checks: parity_of_paths (ASVS-6.3.4): one budget, not one for each way.
#[tokio::test]
async fn failures_on_one_way_count_on_the_other() {
    let options = Options::default().setting("COUNTERSIGN_SOURCE_LIMITS", "off");
    let deployment = Deployment::with(options).await;
    let visitor = deployment.visitor();
    let guess = |transport: &str| json!({ "email": "ada@example.com", "password": "no password of hers 1", "transport": transport });
    for transport in ["cookie", "bearer", "cookie", "bearer", "cookie"] {
        visitor.post("/login", guess(transport)).await.expect(401);
    }
    for transport in ["bearer", "cookie"] {
        let refused = visitor.post("/login", guess(transport)).await;
        refused.expect_problem(429, "too_many_attempts");
    }
}

/// Checks: mail_alone_never_signs_in (ASVS-6.3.6, NIST-3.1.3.1-email).
#[tokio::test]
async fn whoever_reads_the_mailbox_alone_neither_signs_in_nor_removes_a_factor() {
    let deployment = Deployment::start().await;
    let (ada, _, owner) = with_two_factor(&deployment).await;
    let thief = deployment.visitor();
    for path in ["/accounts", "/unblock", "/password-reset"] {
        let body = json!({ "email": ada.email });
        thief.post(path, body).await.expect(202);
    }
    let reset = deployment.mailed_token(&ada.email, "reset").await;
    let unblock = deployment.mailed_token(&ada.email, "unblock").await;
    deployment.mail(&ada.email, "already have").await;
    let mails = deployment.mails();
    let verified = mails.iter().find_map(|mail| mail.token("verify")).unwrap();

    for token in [&reset, &unblock, &verified] {
        let bearer = thief.clone().with_bearer(token);
        bearer.get("/session").await.expect(401);
        let cookie = thief
            .clone()
            .with_header("cookie", &format!("{COOKIE}={token}"));
        cookie.get("/session").await.expect(401);
        let body = json!({ "challenge": token, "code": "000000", "transport": "bearer" });
        let answer = thief.post("/login/second-factor", body).await;
        answer.expect_problem(401, "challenge_expired");
    }
    let chosen = "a thief chose these words";
    for (path, body) in [
        (
            "/unblock/confirm",
            json!({ "token": unblock, "transport": "bearer" }),
        ),
        (
            "/password-reset/confirm",
            json!({ "token": reset, "new_password": chosen, "transport": "bearer" }),
        ),
    ] {
        let answer = thief.post(path, body).await.expect(200);
        let fields = answer.json.as_object().unwrap().keys().collect::<Vec<_>>();
        assert_eq!(fields, ["device_token"], "{path}");
        assert!(answer.cookie(COOKIE).is_none(), "{path}");
        let device = answer.text_at("/device_token");
        let bearer = thief.clone().with_bearer(&device);
        bearer.get("/session").await.expect(401);
    }
    let again = thief
        .post(
            "/accounts/verify",
            json!({ "token": verified, "password": chosen, "transport": "bearer" }),
        )
        .await;
    again.expect_problem(410, "token_expired");

    // The password is the thief's now, and it opens nothing without the authenticator.
    let body = json!({ "email": ada.email, "password": chosen, "transport": "bearer" });
    let answer = thief.post("/login", body).await.expect(200);
    assert_eq!(answer.json["status"], "second_factor_required");
    owner.get("/session").await.expect(401);
    let auditor = deployment.auditor().await;
    let id = deployment.account_id(&ada.email).await;
    let state = auditor.get(&format!("/audit/accounts/{id}/state")).await;
    assert!(state.expect(200).text.contains("enabled"));
    let events = deployment.events(&auditor, &id).await;
    assert!(
        events
            .iter()
            .all(|event| event["type"] != "TwoFactorDisabled")
    );
}
