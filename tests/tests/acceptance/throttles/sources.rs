//! Where attempts come from: failures are counted by address, or by /64, behind trusted proxies.

use acceptance::{Deployment, Options, PASSWORD};
use chrono::Duration;
use futures::stream::{self, StreamExt};
use serde_json::json;

use crate::throttles::guessing::{
    Guesser, Timed, expect_code, retry_after, turn_to, two_servers,
    two_servers_without_source_limits, without_its_request,
};

const HERE: &str = "203.0.113.9";
const ELSEWHERE: &str = "198.51.100.7";

/// A guesser at the address of this number, from a source.
fn from<'a>(deployment: &'a Deployment, source: &str, number: usize) -> Guesser<'a> {
    let email = format!("n{number}@example.com");
    Guesser::stranger(deployment, &email).behind(source)
}

/// One failure at each of so many addresses.
async fn spray(deployment: &Deployment, source: &str, numbers: std::ops::Range<usize>) -> Timed {
    let mut last = None;
    for number in numbers {
        last = Some(from(deployment, source, number).fail().await);
    }
    last.unwrap()
}

/// Checks: throttle_as_documented (ASVS-6.3.1).
#[tokio::test]
async fn a_source_has_twenty_failures_a_minute_and_a_hundred_an_hour() {
    let deployment = Deployment::with(two_servers()).await;
    let guessers = (0..20)
        .map(|n| from(&deployment, HERE, n))
        .collect::<Vec<_>>();
    let fresh = from(&deployment, HERE, 999);
    let mut firsts = Vec::new();
    for round in 0..5 {
        for (n, guesser) in guessers.iter().enumerate() {
            let failure = guesser.fail().await;
            if n == 0 {
                firsts.push(failure);
            }
        }
        let refused = fresh.refused().await;
        if round < 4 {
            refused.waits_since(&firsts[round], Duration::minutes(1));
        } else {
            refused.waits_since(&firsts[0], Duration::hours(1));
        }
        from(&deployment, ELSEWHERE, 100 + round).fail().await;
        let left = Duration::seconds(retry_after(&refused.answer));
        turn_to(&deployment, refused.ended + left - Duration::seconds(3));
        fresh.refused().await;
        turn_to(&deployment, refused.ended + left);
    }
    fresh.fail().await;
}

/// Checks: throttle_as_documented (ASVS-6.3.1).
#[tokio::test]
async fn failures_at_more_than_twenty_addresses_close_a_source_to_strangers_for_an_hour() {
    let deployment = Deployment::with(two_servers()).await;
    let ada = deployment.register("ada@example.com").await;
    let owner = ada.sign_in(&deployment.visitor()).await;
    spray(&deployment, HERE, 0..20).await;
    deployment.clock.turn(Duration::minutes(1));
    let sprayed = spray(&deployment, HERE, 20..21).await;
    let hour = Duration::hours(1);
    let stranger = Guesser::stranger(&deployment, &ada.email).behind(HERE);
    stranger.refused().await.waits_since(&sprayed, hour);
    let refused = stranger.present(&ada.password).await;
    refused.waits_since(&sprayed, hour);

    // It hits neither known browsers, nor sessions, nor other sources.
    let owner_here = owner.with_header("x-forwarded-for", HERE);
    owner_here.get("/session").await.expect(200);
    owner_here.get("/settings").await.expect(200);
    let known = Guesser::known(&deployment, &ada).behind(HERE);
    known.fail().await;
    known.signs_in(&ada.password).await;
    let elsewhere = Guesser::stranger(&deployment, &ada.email).behind(ELSEWHERE);
    elsewhere.signs_in(&ada.password).await;

    turn_to(&deployment, sprayed.began + hour - Duration::seconds(5));
    let refused = stranger.refused().await;
    refused.waits_since(&sprayed, hour);
    let left = Duration::seconds(retry_after(&refused.answer));
    turn_to(&deployment, refused.ended + left);
    stranger.signs_in(&ada.password).await;
}

/// Checks: chk_owasp_stuff_1 (OWASP-STUFF-1): two buckets, and nobody is told which is full.
#[tokio::test]
async fn a_botnet_meets_the_account_s_limit_and_a_sprayer_the_source_s_and_both_hear_the_same() {
    let deployment = Deployment::with(two_servers()).await;
    let (mut botnet, mut sprayer) = (Vec::new(), Vec::new());
    for n in 0..100 {
        let bot = Guesser::stranger(&deployment, "ada@example.com");
        botnet.push(bot.behind(&format!("192.0.2.{n}")).guess().await.answer);
    }
    for n in 0..100 {
        sprayer.push(from(&deployment, HERE, n).guess().await.answer);
    }
    for (answers, budget) in [(&botnet, 5), (&sprayer, 20)] {
        for (n, answer) in answers.iter().enumerate() {
            let status = if n < budget { 401 } else { 429 };
            assert_eq!(answer.status.as_u16(), status, "guess {n}");
        }
    }
    assert_eq!(
        without_its_request(&botnet[99]),
        without_its_request(&sprayer[99])
    );
}

/// Checks: xff_spoof_ignored (ASVS-15.3.4, ASVS-4.1.3).
#[tokio::test]
async fn only_the_right_most_address_that_is_no_trusted_proxy_counts() {
    let options = Options::default()
        .servers(2)
        .setting("COUNTERSIGN_TRUSTED_PROXIES", "127.0.0.1,10.0.0.0/8");
    let deployment = Deployment::with(options).await;
    for n in 0..20 {
        let forwarded = match n % 3 {
            0 => format!("192.0.2.{n}, {HERE}"),
            1 => format!("192.0.2.{n}, 10.1.1.1, {HERE}, 10.0.0.{n}"),
            _ => format!("not an address, {HERE}"),
        };
        from(&deployment, &forwarded, n % 10).fail().await;
    }
    for forwarded in [HERE.to_owned(), format!("{ELSEWHERE}, {HERE}, 10.2.2.2")] {
        from(&deployment, &forwarded, 99).refused().await;
    }
    for forwarded in [ELSEWHERE.to_owned(), format!("{HERE}, {ELSEWHERE}")] {
        from(&deployment, &forwarded, 99).fail().await;
    }
}

/// Checks: xff_spoof_ignored (ASVS-15.3.4, ASVS-4.1.3).
#[tokio::test]
async fn what_a_peer_that_is_no_trusted_proxy_says_about_its_source_is_ignored() {
    let options = Options::default()
        .servers(2)
        .setting("COUNTERSIGN_TRUSTED_PROXIES", "10.0.0.0/8");
    let deployment = Deployment::with(options).await;
    for n in 0..20 {
        from(&deployment, &format!("192.0.2.{n}"), n % 10)
            .fail()
            .await;
    }
    from(&deployment, "192.0.2.200", 99).refused().await;
    let forwarded = json!({ "email": "fresh@example.com", "password": PASSWORD });
    let caller = deployment
        .visitor()
        .with_header("forwarded", "for=192.0.2.201");
    expect_code(
        &caller.post("/login", forwarded).await,
        429,
        "too_many_attempts",
    );
}

/// Checks: ipv6_prefix_bucket (ASVS-15.3.4).
#[tokio::test]
async fn an_ipv6_source_is_its_64_and_an_ipv4_source_one_address() {
    let deployment = Deployment::with(two_servers()).await;
    for n in 0..20 {
        let (v6, v4) = (
            format!("2001:db8:1:1:{n:x}::{n:x}"),
            format!("203.0.113.{n}"),
        );
        from(&deployment, &v6, n % 10).fail().await;
        from(&deployment, &v4, 20 + n % 10).fail().await;
    }
    let fresh = |source: &str, number| from(&deployment, source, number);
    fresh("2001:db8:1:1:ffff:ffff:ffff:ffff", 99)
        .refused()
        .await;
    fresh("2001:db8:1:2::1", 99).fail().await;
    fresh("203.0.113.19", 98).fail().await;
    for n in 0..18 {
        from(&deployment, "::ffff:203.0.113.19", 40 + n % 9)
            .fail()
            .await;
    }
    fresh("203.0.113.19", 97).refused().await;
}

/// Only failures count: an office behind one address signs in all morning.
#[tokio::test]
async fn two_hundred_people_sign_in_from_one_source() {
    let deployment = Deployment::with(two_servers()).await;
    let people = |n: usize| format!("n{n}@example.com");
    let register = |n: usize| {
        let source = format!("192.0.{}.{}", n / 100, n % 100);
        let visitor = deployment
            .visitor_at(n % 2)
            .with_header("x-forwarded-for", &source);
        async move {
            visitor
                .post("/accounts", json!({ "email": people(n) }))
                .await
                .expect(202)
        }
    };
    stream::iter(0..200)
        .map(register)
        .buffer_unordered(8)
        .collect::<Vec<_>>()
        .await;
    crate::throttles::guessing::settle(&deployment).await;
    let tokens = deployment
        .mails()
        .into_iter()
        .filter_map(|mail| mail.token("verify"));
    let tokens = tokens.collect::<Vec<_>>();
    assert_eq!(tokens.len(), 200);
    let verify = |(n, token): (usize, String)| {
        let visitor = deployment.visitor_at(n % 2);
        let body = json!({ "token": token, "password": PASSWORD });
        async move { visitor.post("/accounts/verify", body).await.expect(204) }
    };
    stream::iter(tokens.into_iter().enumerate())
        .map(verify)
        .buffer_unordered(4)
        .collect::<Vec<_>>()
        .await;
    let sign_in = |n: usize| {
        let office = from(&deployment, HERE, n);
        async move { office.signs_in(PASSWORD).await }
    };
    let signed_in = stream::iter(0..200).map(sign_in).buffer_unordered(4);
    assert_eq!(signed_in.collect::<Vec<_>>().await.len(), 200);
    // And its budget of failures is untouched.
    spray(&deployment, HERE, 200..220).await;
    from(&deployment, HERE, 220).refused().await;
}

/// For operators who limit sources in front of the service; limits per account stay.
#[tokio::test]
async fn source_limits_can_be_turned_off_and_those_of_accounts_stay() {
    let deployment = Deployment::with(two_servers_without_source_limits()).await;
    spray(&deployment, HERE, 0..30).await;
    let fifth = from(&deployment, HERE, 0).fail_times(4).await;
    let refused = from(&deployment, HERE, 0).refused().await;
    refused.waits_since(&fifth, Duration::seconds(30));
}
