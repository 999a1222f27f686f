//! A mailed link has one winner, and an address one account.

use acceptance::{Deployment, OTHER_PASSWORD, Options, PASSWORD, Person};
use chrono::Duration;
use serde_json::{Value, json};

use crate::races::crowd::{Call, Tally, at_once, beaten, empty_mailbox, visitors};

async fn two_servers() -> Deployment {
    let options = Options::default()
        .servers(2)
        .setting("COUNTERSIGN_SOURCE_LIMITS", "off");
    Deployment::with(options).await
}

/// A link of its own for each round: mails to one address are limited by the hour and the day.
async fn link(deployment: &Deployment, person: &Person, path: &str, page: &str) -> String {
    deployment.clock.turn(Duration::hours(3));
    empty_mailbox(deployment);
    let body = json!({ "email": person.email });
    deployment.visitor().post(path, body).await.expect(202);
    deployment.mailed_token(&person.email, page).await
}

/// The same call by so many visitors, in turns at both servers.
async fn crowd(deployment: &Deployment, count: usize, path: &'static str, body: Value) -> Tally {
    let calls = visitors(deployment)
        .take(count)
        .map(|visitor| Call::post(&visitor, path, body.clone()));
    Tally::of(&at_once(calls.collect()).await)
}

/// Scenario:
/// 1. An owner has asked for a reset; two servers run.
/// 2. The link is used by 32 callers at once, half of them at each server, with a new password.
/// 3. Exactly one is told that it is done; all others that the link is used. No server fails.
/// 4. In further rounds six callers use each link: fifty rounds in all, and as many events.
///
/// Checks: reset_once_race (ASVS-6.5.1), chk_asvs_2_3_4 (32 parallel resets).
#[tokio::test]
async fn one_reset_link_used_32_times_at_once_on_two_servers_resets_exactly_once() {
    let deployment = two_servers().await;
    let ada = deployment.register("ada@example.com").await;
    let mut tally = Tally::default();
    for round in 0..50 {
        let token = link(&deployment, &ada, "/password-reset", "reset").await;
        let password = [OTHER_PASSWORD, PASSWORD][round % 2];
        let body = json!({ "token": token, "new_password": password, "transport": "bearer" });
        let width = if round % 10 == 0 { 32 } else { 6 };
        let counted = crowd(&deployment, width, "/password-reset/confirm", body).await;
        assert_eq!(counted.succeeded(), 1, "{counted:?}");
        counted.holds_only(&[(200, ""), (410, "token_expired")]);
        tally.add(counted);
    }
    assert_eq!(beaten(&deployment, &tally).await, 0, "{tally:?}");
    let resets = count_events(&deployment, "PasswordReset").await;
    assert_eq!(resets, 50);
    ada.sign_in(&deployment.visitor()).await;
    deployment.verify().await;
}

/// Scenario:
/// 1. Somebody has asked to register; two servers run.
/// 2. The link is used by 32 callers at once, half of them at each server.
/// 3. Exactly one has opened the account; all others are told that the link is used.
/// 4. In further rounds six callers use each link: fifty addresses, fifty accounts.
///
/// Checks: ASVS-2.3.4.
#[tokio::test]
async fn one_verification_link_used_32_times_at_once_on_two_servers_opens_exactly_one_account() {
    let deployment = two_servers().await;
    let mut tally = Tally::default();
    for round in 0..50 {
        let email = format!("person-{round}@example.com");
        let token = verification_links(&deployment, &email, 1).await.remove(0);
        let body = json!({ "token": token, "password": PASSWORD, "transport": "bearer" });
        let width = if round % 10 == 0 { 32 } else { 6 };
        let counted = crowd(&deployment, width, "/accounts/verify", body).await;
        assert_eq!(counted.succeeded(), 1, "{counted:?}");
        counted.holds_only(&[(200, ""), (410, "token_expired")]);
        tally.add(counted);
    }
    assert_eq!(beaten(&deployment, &tally).await, 0, "{tally:?}");
    assert_eq!(count_events(&deployment, "AccountOpened").await, 50);
    deployment.verify().await;
}

/// Scenario:
/// 1. An address is registered eight times at once at two servers: three mails go out, which is
///    what one address is sent in an hour.
/// 2. All three links are used twice each, at once, in turns at both servers.
/// 3. Exactly one has opened the account, everybody else is told that the link is used, and no
///    server fails. The owner signs in with the password of the one that was told so.
/// 4. Twenty rounds, each with an address of its own: as many accounts.
///
/// Checks: ASVS-2.3.4, ASVS-15.4.2.
#[tokio::test]
async fn an_address_registered_many_times_at_once_opens_one_account_by_whichever_link_is_first() {
    let deployment = two_servers().await;
    let mut tally = Tally::default();
    for round in 0..20 {
        let email = format!("person-{round}@example.com");
        let tokens = verification_links(&deployment, &email, 8).await;
        assert_eq!(tokens.len(), 3, "mails to one address in an hour");
        let (counted, password) = race_of_links(&deployment, &tokens).await;
        assert_eq!(counted.succeeded(), 1, "{counted:?}");
        counted.holds_only(&[(200, ""), (410, "token_expired")]);
        tally.add(counted);
        let person = Person {
            email,
            password,
            device_token: String::new(),
        };
        person.sign_in(&deployment.visitor()).await;
    }
    assert_eq!(beaten(&deployment, &tally).await, 0, "{tally:?}");
    assert_eq!(count_events(&deployment, "AccountOpened").await, 20);
    deployment.verify().await;
}

/// Each caller chooses a password of its own; the tally, and the password of the one that was let.
async fn race_of_links(deployment: &Deployment, tokens: &[String]) -> (Tally, String) {
    let password = |caller: usize| format!("{PASSWORD}, said caller {caller}");
    let calls = visitors(deployment)
        .zip(tokens.iter().cycle())
        .take(6)
        .enumerate()
        .map(|(number, (visitor, token))| {
            let visitor = visitor.with_header("x-request-id", &number.to_string());
            let body = json!({
                "token": token, "password": password(number), "transport": "bearer",
            });
            Call::post(&visitor, "/accounts/verify", body)
        });
    let answers = at_once(calls.collect()).await;
    let tally = Tally::of(&answers);
    let winner = answers.iter().find(|answer| answer.status == 200).unwrap();
    let number = winner.headers["x-request-id"].to_str().unwrap();
    (tally, password(number.parse().unwrap()))
}

/// Scenario:
/// 1. An owner has asked for a link that makes a browser known; two servers run.
/// 2. The link is used by 32 callers at once, half of them at each server.
/// 3. Exactly one browser is known; all others are told that the link is used.
/// 4. Fifty rounds, and as many devices remembered.
///
/// Checks: ASVS-2.3.4, ASVS-6.5.1 (mailed codes succeed once).
#[tokio::test]
async fn one_unblock_link_used_32_times_at_once_on_two_servers_makes_exactly_one_browser_known() {
    let deployment = two_servers().await;
    let ada = deployment.create_account("ada@example.com").await;
    let mut tally = Tally::default();
    for _ in 0..50 {
        let token = link(&deployment, &ada, "/unblock", "unblock").await;
        let body = json!({ "token": token, "transport": "bearer" });
        let counted = crowd(&deployment, 32, "/unblock/confirm", body).await;
        assert_eq!(counted.succeeded(), 1, "{counted:?}");
        counted.holds_only(&[(200, ""), (410, "token_expired")]);
        tally.add(counted);
    }
    assert_eq!(beaten(&deployment, &tally).await, 0, "{tally:?}");
    assert_eq!(count_events(&deployment, "DeviceRemembered").await, 50);
    deployment.verify().await;
}

/// Asks so often at once, and takes the links of all mails that come of it.
async fn verification_links(deployment: &Deployment, email: &str, times: usize) -> Vec<String> {
    empty_mailbox(deployment);
    let calls = visitors(deployment)
        .take(times)
        .map(|visitor| Call::post(&visitor, "/accounts", json!({ "email": email })));
    for answer in at_once(calls.collect()).await {
        answer.expect(202);
    }
    deployment.mailed_token(email, "verify").await;
    worked_off(deployment).await;
    let mails = deployment.mails();
    let links = mails.iter().filter(|mail| mail.to == email);
    links.filter_map(|mail| mail.token("verify")).collect()
}

/// Waits until no visitor's wish and no mail waits.
async fn worked_off(deployment: &Deployment) {
    let mut connection = deployment.connection("countersign_owner").await;
    let began = std::time::Instant::now();
    loop {
        let waiting = sqlx::query_scalar::<_, i64>(
            "SELECT (SELECT count(*) FROM jobs) + (SELECT count(*) FROM outbox)",
        )
        .fetch_one(&mut connection)
        .await
        .unwrap();
        if waiting == 0 {
            return;
        }
        assert!(began.elapsed().as_secs() < 20, "{waiting} wait");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

async fn count_events(deployment: &Deployment, event_type: &str) -> i64 {
    let mut connection = deployment.connection("countersign_owner").await;
    sqlx::query_scalar("SELECT count(*) FROM events WHERE event_type = $1")
        .bind(event_type)
        .fetch_one(&mut connection)
        .await
        .unwrap()
}
