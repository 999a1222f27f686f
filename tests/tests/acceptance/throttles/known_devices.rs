//! Browsers that an account knows: each has a budget of its own, and opens nothing.

use acceptance::{Caller, Deployment, OTHER_PASSWORD, Person};
use chrono::Duration;
use serde_json::json;

use crate::throttles::guessing::{
    Guesser, another_device, expect_code, retry_after, sit_out, turn_to, two_servers,
    two_servers_without_source_limits,
};

/// Checks: throttle_as_documented (ASVS-6.3.1), device_cookie_protocol (OWASP-DEV-1).
#[tokio::test]
async fn a_known_device_has_ten_tries_an_hour_and_waits_out_that_hour_alone() {
    let deployment = Deployment::with(two_servers_without_source_limits()).await;
    let ada = deployment.register("ada@example.com").await;
    let other = another_device(&deployment, &ada).await;
    let device = Guesser::known(&deployment, &ada);
    let other = Guesser::with_device(&deployment, &ada.email, &other);
    let hour = Duration::hours(1);

    let first = device.fail().await;
    deployment.clock.turn(Duration::minutes(20));
    device.fail_times(9).await;
    device.refused().await.waits_since(&first, hour);
    let right = device.present(&ada.password).await;
    right.waits_since(&first, hour);
    // Neither the other browser nor a new one waits.
    other.fail_times(9).await;
    other.signs_in(&ada.password).await;
    Guesser::stranger(&deployment, &ada.email)
        .signs_in(&ada.password)
        .await;

    sit_out(&[(&device, &first)], hour).await;
    device.fail().await;
    device.signs_in(&ada.password).await;
    // A completed sign-in cleared the other browser's count: ten tries again.
    other.fail_times(10).await;
    other.refused().await;
}

/// Checks: device_cookie_protocol (OWASP-DEV-1).
#[tokio::test]
async fn a_forged_token_and_one_of_another_account_are_a_stranger_s() {
    let deployment = Deployment::with(two_servers_without_source_limits()).await;
    let ada = deployment.register("ada@example.com").await;
    let bob = deployment.register("bob@example.com").await;
    let token = &ada.device_token;
    let last = token.chars().last().unwrap();
    let flipped = format!(
        "{}{}",
        &token[..token.len() - 1],
        if last == 'A' { 'B' } else { 'A' }
    );
    let middle = token.len() / 2;
    let cut = format!("{}{}", &token[..middle], &token[middle + 1..]);
    let session = Guesser::known(&deployment, &ada)
        .signs_in(&ada.password)
        .await;
    let forged = [
        flipped,
        cut,
        bob.device_token.clone(),
        session.text_at("/session/token"),
        "cs_device_AAAA".to_owned(),
    ];
    // Together they have the strangers' five tries; one stranger more finds them spent.
    for token in &forged {
        Guesser::with_device(&deployment, &ada.email, token)
            .fail()
            .await;
    }
    let stranger = Guesser::stranger(&deployment, &ada.email);
    retry_after(&stranger.refused().await.answer);
    for token in &forged {
        let guesser = Guesser::with_device(&deployment, &ada.email, token);
        let refused = guesser.present(&ada.password).await;
        expect_code(&refused.answer, 429, "too_many_attempts");
    }
    Guesser::known(&deployment, &ada)
        .signs_in(&ada.password)
        .await;
    // Nor did they count against the account whose token was tried.
    Guesser::known(&deployment, &bob).fail_times(10).await;
}

/// Checks: device_cookie_revoked (OWASP-DEV-4).
#[tokio::test]
async fn a_reset_voids_every_device_but_the_one_that_resets() {
    let deployment = Deployment::with(two_servers_without_source_limits()).await;
    let ada = deployment.register("ada@example.com").await;
    let reset = reset(&deployment, &ada).await;
    let void = Guesser::known(&deployment, &ada);
    void.fail_times(5).await;
    void.refused().await;
    Guesser::stranger(&deployment, &ada.email).refused().await;
    let resetting = Guesser::known(&deployment, &reset);
    resetting.fail_times(9).await;
    resetting.signs_in(&reset.password).await;
}

/// The owner after a reset to another password.
pub(crate) async fn reset(deployment: &Deployment, person: &Person) -> Person {
    let visitor = deployment.visitor();
    let asked = json!({ "email": person.email });
    visitor.post("/password-reset", asked).await.expect(202);
    let token = deployment.mailed_token(&person.email, "reset").await;
    let body = json!({ "token": token, "new_password": OTHER_PASSWORD, "transport": "bearer" });
    let answer = visitor
        .post("/password-reset/confirm", body)
        .await
        .expect(200);
    Person {
        email: person.email.clone(),
        password: OTHER_PASSWORD.to_owned(),
        device_token: answer.text_at("/device_token"),
    }
}

/// Checks: device_cookie_revoked (OWASP-DEV-4).
#[tokio::test]
async fn a_device_with_a_hundred_failures_is_known_no_longer() {
    let deployment = Deployment::with(two_servers_without_source_limits()).await;
    let ada = deployment.register("ada@example.com").await;
    let device = Guesser::known(&deployment, &ada);
    for hour in 0..10 {
        let first = device.fail().await;
        device.fail_times(9).await;
        if hour < 9 {
            let refused = device.refused().await;
            refused.waits_since(&first, Duration::hours(1));
            let left = Duration::seconds(retry_after(&refused.answer));
            turn_to(&deployment, refused.ended + left);
        }
    }
    // From here on it is a stranger, for good.
    let fifth = device.fail_times(5).await;
    device
        .refused()
        .await
        .waits_since(&fifth, Duration::seconds(30));
    Guesser::stranger(&deployment, &ada.email).refused().await;
}

/// Checks: device_cookie_never_authenticates (NIST-2-fraud, SB-4).
#[tokio::test]
async fn a_device_token_opens_nothing() {
    let deployment = Deployment::with(two_servers()).await;
    let ada = deployment.register("ada@example.com").await;
    let visitor = deployment.visitor();
    let owner = ada.sign_in(&visitor).await;
    ada.enable_two_factor(&owner, deployment.clock.now()).await;
    let token = &ada.device_token;

    let cookie = |name: &str| {
        visitor
            .clone()
            .with_header("cookie", &format!("{name}={token}"))
    };
    let callers: [Caller; 4] = [
        visitor.clone().with_bearer(token),
        cookie("__Host-countersign_device"),
        cookie("__Host-countersign_session"),
        cookie("__Host-countersign_session").with_header("sec-fetch-site", "same-origin"),
    ];
    for caller in callers {
        for path in ["/session", "/sessions", "/settings", "/audit/events"] {
            caller
                .get(path)
                .await
                .expect_problem(401, "unauthenticated");
        }
    }
    // It stands for neither the password nor the code.
    Guesser::known(&deployment, &ada).fail().await;
    let answer = visitor.post("/login", ada.login_known()).await.expect(200);
    assert_eq!(answer.json["status"], "second_factor_required");
    assert!(answer.json.get("device_token").is_none());
    let body = json!({ "challenge": token, "code": "000000" });
    let answer = visitor.post("/login/second-factor", body).await;
    answer.expect_problem(401, "challenge_expired");
    for (path, body) in [
        (
            "/accounts/verify",
            json!({ "token": token, "password": OTHER_PASSWORD }),
        ),
        (
            "/password-reset/confirm",
            json!({ "token": token, "new_password": OTHER_PASSWORD }),
        ),
        ("/unblock/confirm", json!({ "token": token })),
    ] {
        visitor
            .post(path, body)
            .await
            .expect_problem(410, "token_expired");
    }
}

/// Checks: device_cookie_protocol (OWASP-DEV-1): as browsers do it.
#[tokio::test]
async fn a_browser_becomes_known_by_a_cookie_that_each_sign_in_renews() {
    let deployment = Deployment::with(two_servers_without_source_limits()).await;
    let ada = deployment.create_account("ada@example.com").await;
    let page = deployment
        .visitor()
        .with_header("sec-fetch-site", "same-origin");
    let body = |password: &str| json!({ "email": ada.email, "password": password });
    let first = page.post("/login", body(&ada.password)).await.expect(200);
    let name = "__Host-countersign_device";
    let device = first
        .cookie(name)
        .expect("the first sign-in makes the browser known");
    let header = first.headers.get_all("set-cookie").iter();
    let header = header.map(|value| value.to_str().unwrap());
    let header = header
        .into_iter()
        .find(|value| value.starts_with(name))
        .unwrap();
    for attribute in ["Path=/", "Max-Age=31536000", "Secure", "HttpOnly"] {
        assert!(header.split("; ").any(|part| part == attribute), "{header}");
    }

    let stranger = Guesser::stranger(&deployment, &ada.email);
    stranger.fail_times(5).await;
    stranger.refused().await;
    let known = page
        .clone()
        .with_header("cookie", &format!("{name}={device}"));
    let wrong = known
        .post("/login", body(crate::throttles::guessing::WRONG))
        .await;
    expect_code(&wrong, 401, "invalid_credentials");
    let again = known.post("/login", body(&ada.password)).await.expect(200);
    assert_eq!(
        again.cookie(name),
        Some(device),
        "the same browser, for another year"
    );
}
