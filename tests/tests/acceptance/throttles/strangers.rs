//! Browsers that are not known: one budget per address, with a wait that grows, whether or not the
//! address has an account.

use acceptance::{Deployment, Person};
use chrono::Duration;
use futures::future::join_all;
use serde_json::json;

use crate::throttles::guessing::{
    Guesser, retry_after, sit_out, turn_to, two_servers, two_servers_without_source_limits,
    without_its_request,
};

/// What the security page says: five free, 30 s, doubling, a day at most.
fn documented_wait(failures: u32) -> Option<Duration> {
    let doublings = failures.checked_sub(5)?.min(20);
    Some((Duration::seconds(30) * (1 << doublings)).min(Duration::hours(24)))
}

/// An address that asked for an account and never verified itself.
async fn unverified(deployment: &Deployment, email: &str) {
    let asked = json!({ "email": email });
    deployment
        .visitor()
        .post("/accounts", asked)
        .await
        .expect(202);
    deployment.mailed_token(email, "verify").await;
}

/// Checks: throttle_as_documented (ASVS-6.3.1, NIST RL-1), enum_throttle (ASVS-6.3.8).
#[tokio::test]
async fn strangers_have_five_free_tries_and_then_a_wait_from_30_s_to_a_day_for_every_address_alike()
{
    let deployment = Deployment::with(two_servers()).await;
    deployment.create_account("ada@example.com").await;
    unverified(&deployment, "una@example.com").await;
    let addresses = ["ada@example.com", "una@example.com", "nobody@example.com"];
    let guessers = addresses.map(|email| Guesser::stranger(&deployment, email));
    let began = deployment.clock.now();
    for failures in 1..=19 {
        let mut failed = Vec::new();
        for guesser in &guessers {
            failed.push(guesser.fail().await);
        }
        all_alike(failed.iter().map(|timed| &timed.answer));
        let Some(wait) = documented_wait(failures) else {
            continue;
        };
        let mut refused = Vec::new();
        for (guesser, failure) in guessers.iter().zip(&failed) {
            let refusal = guesser.refused().await;
            refusal.waits_since(failure, wait);
            refused.push(refusal);
        }
        all_alike(refused.iter().map(|timed| &timed.answer));
        let waiting = guessers.iter().zip(&failed).collect::<Vec<_>>();
        sit_out(&waiting, wait).await;
        let passed = deployment.clock.now() - began;
        match failures + 1 {
            10 => assert_eq!(
                passed.num_minutes(),
                15,
                "the tenth try comes after 16 minutes"
            ),
            17 => assert_eq!(
                passed.num_hours(),
                34,
                "the seventeenth try comes after 34 hours"
            ),
            _ => {}
        }
    }
}

fn all_alike<'a>(answers: impl Iterator<Item = &'a acceptance::Answer>) {
    let told = answers.map(without_its_request).collect::<Vec<_>>();
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{told:#?}");
}

/// Whatever is tried during a wait, also the right password, is neither evaluated nor counted.
#[tokio::test]
async fn an_attempt_during_a_wait_is_refused_unseen_and_not_counted() {
    let deployment = Deployment::with(two_servers_without_source_limits()).await;
    let ada = deployment.create_account("ada@example.com").await;
    let guesser = Guesser::stranger(&deployment, &ada.email);
    let fifth = guesser.fail_times(5).await;
    for _ in 0..20 {
        guesser
            .refused()
            .await
            .waits_since(&fifth, Duration::seconds(30));
        let right = guesser.present(&ada.password).await;
        right.waits_since(&fifth, Duration::seconds(30));
    }
    sit_out(&[(&guesser, &fifth)], Duration::seconds(30)).await;
    let sixth = guesser.fail().await;
    guesser
        .refused()
        .await
        .waits_since(&sixth, Duration::seconds(60));
    sit_out(&[(&guesser, &sixth)], Duration::seconds(60)).await;
    guesser.signs_in(&ada.password).await;

    let auditor = deployment.auditor().await;
    let account = deployment.account_id(&ada.email).await;
    let events = deployment.events(&auditor, &account).await;
    let count = |kind| events.iter().filter(|event| event["type"] == kind).count();
    assert_eq!(count("PasswordRejected"), 6);
    assert_eq!(count("AttemptsThrottled"), 2, "one event a wait");
    deployment.verify().await;
}

/// Of parallel guesses only as many are answered as the budget allows, on two servers.
#[tokio::test]
async fn of_thirty_guesses_at_once_five_are_evaluated_for_every_address_alike() {
    let deployment = Deployment::with(two_servers_without_source_limits()).await;
    deployment.create_account("ada@example.com").await;
    for email in ["ada@example.com", "nobody@example.com"] {
        let guesser = Guesser::stranger(&deployment, email);
        let answers = join_all((0..30).map(|_| guesser.guess())).await;
        let with = |status: u16| {
            let answers = answers.iter();
            answers
                .filter(|timed| timed.answer.status == status)
                .count()
        };
        assert_eq!(with(401), 5, "{email}");
        // Beaten too often or queued too long: told to come back.
        assert_eq!(with(429) + with(503), 25, "{email}");
        retry_after(&guesser.refused().await.answer);
    }
}

/// Checks: owner_not_locked_out (NIST-3.2.2-m1).
#[tokio::test]
async fn a_stranger_who_guesses_all_day_keeps_the_owner_out_of_a_known_browser_for_not_one_second()
{
    let deployment = Deployment::with(two_servers()).await;
    let ada = deployment.register("ada@example.com").await;
    let stranger = Guesser::stranger(&deployment, &ada.email);
    let owner = Guesser::known(&deployment, &ada);
    let end = deployment.clock.now() + Duration::hours(24);
    let mut guesses = 0;
    loop {
        let guess = stranger.fail().await;
        guesses += 1;
        owner.signs_in(&ada.password).await;
        let refused = stranger.guess().await;
        if refused.answer.status == 429 {
            let wait = Duration::seconds(retry_after(&refused.answer));
            turn_to(&deployment, guess.ended + wait / 2);
            stranger.refused().await;
            owner.signs_in(&ada.password).await;
            turn_to(&deployment, refused.ended + wait);
        } else {
            guesses += 1;
        }
        if deployment.clock.now() >= end {
            break;
        }
    }
    assert!((16..=17).contains(&guesses), "{guesses} guesses in a day");
    owner.signs_in(&ada.password).await;
    deployment.verify().await;
}

/// The owner's own mistakes in a known browser cost strangers, and so new browsers, nothing.
#[tokio::test]
async fn failures_of_a_known_device_do_not_count_against_strangers_nor_theirs_against_it() {
    let deployment = Deployment::with(two_servers_without_source_limits()).await;
    let ada = deployment.register("ada@example.com").await;
    let known = Guesser::known(&deployment, &ada);
    let stranger = Guesser::stranger(&deployment, &ada.email);
    known.fail_times(10).await;
    known.refused().await;
    let fifth = stranger.fail_times(5).await;
    stranger
        .refused()
        .await
        .waits_since(&fifth, Duration::seconds(30));
    sit_out(&[(&stranger, &fifth)], Duration::seconds(30)).await;
    // The device's hour goes on.
    known.refused().await;
    let Person { password, .. } = &ada;
    stranger.signs_in(password).await;
    known.refused().await;
}
