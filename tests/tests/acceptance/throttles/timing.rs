//! How long answers take says nothing about whether an address has an account: measured, not
//! argued. Samples of all kinds alternate, so that whatever else the machine does hits all alike.
#![expect(clippy::print_stdout, reason = "a measurement is to be seen")]

use std::time::Instant;

use acceptance::{Caller, Deployment};
use chrono::Duration;
use serde_json::{Value, json};

use crate::throttles::guessing::{Guesser, WRONG, settle, two_servers_without_source_limits};

/// dudect's bound.
const TOLERATED: f64 = 4.5;
const ADDRESSES: usize = 10;
const KINDS: [&str; 3] = ["known", "unknown", "unverified"];

fn rounds() -> usize {
    let rounds = std::env::var("COUNTERSIGN_TIMING_ROUNDS").ok();
    rounds.map_or(50, |rounds| rounds.parse().unwrap())
}

/// So many addresses of each kind; all have the same length.
async fn prepare(deployment: &Deployment) {
    for n in 0..ADDRESSES {
        deployment.create_account(&address(0, n)).await;
        let asked = json!({ "email": address(2, n) });
        deployment
            .visitor()
            .post("/accounts", asked)
            .await
            .expect(202);
    }
    settle(deployment).await;
}

fn address(kind: usize, number: usize) -> String {
    let letter = ['k', 'u', 'v'][kind];
    format!("{letter}{number:03}@example.com")
}

/// Milliseconds of each kind, taken in turn; `between` passes after each round.
async fn measure(
    deployment: &Deployment,
    between: Duration,
    call: impl Fn(&str) -> (&'static str, Value, u16),
) -> [Vec<f64>; 3] {
    let caller: Caller = deployment.visitor();
    let mut samples = [const { Vec::new() }; 3];
    let mut turn = 0_usize;
    for round in 0..=rounds() {
        for n in 0..ADDRESSES {
            for step in 0..3 {
                // Every order of the three comes as often as every other.
                let kind = (turn + step * (1 + turn / 3 % 2)) % 3;
                let (path, body, status) = call(&address(kind, n));
                let began = Instant::now();
                let answer = caller.post(path, body).await;
                let took = began.elapsed().as_secs_f64() * 1000.0;
                answer.expect(status);
                // The first round warms up.
                if round > 0 {
                    samples[kind].push(took);
                }
            }
            turn += 1;
        }
        deployment.clock.turn(between);
    }
    samples
}

/// Checks: enum_login, timing (ASVS-6.3.8).
#[tokio::test]
#[ignore = "a measurement of minutes, for a machine that does nothing else"]
async fn enum_login_takes_as_long_for_a_known_an_unknown_and_an_unverified_address() {
    let deployment = Deployment::with(two_servers_without_source_limits()).await;
    prepare(&deployment).await;
    // Longer than the longest wait, so that every attempt is evaluated.
    let samples = measure(&deployment, Duration::hours(25), |email| {
        ("/login", json!({ "email": email, "password": WRONG }), 401)
    });
    judge("login", &samples.await);
}

/// Checks: enum_throttle, timing (ASVS-6.3.8).
#[tokio::test]
#[ignore = "a measurement of minutes, for a machine that does nothing else"]
async fn enum_throttle_takes_as_long_for_a_known_an_unknown_and_an_unverified_address() {
    let deployment = Deployment::with(two_servers_without_source_limits()).await;
    prepare(&deployment).await;
    // Twelve failures of each begin a wait of an hour.
    for failures in 1..=12 {
        for n in 0..3 * ADDRESSES {
            let email = address(n % 3, n / 3);
            Guesser::stranger(&deployment, &email).fail().await;
        }
        if failures < 12 {
            deployment.clock.turn(Duration::hours(25));
        }
    }
    let samples = measure(&deployment, Duration::zero(), |email| {
        ("/login", json!({ "email": email, "password": WRONG }), 429)
    });
    judge("refused login", &samples.await);
}

/// Checks: enum_signup, timing (ASVS-6.3.8).
#[tokio::test]
#[ignore = "a measurement of minutes, for a machine that does nothing else"]
async fn enum_signup_takes_as_long_for_a_known_an_unknown_and_an_unverified_address() {
    let deployment = Deployment::with(two_servers_without_source_limits()).await;
    prepare(&deployment).await;
    let samples = measure(&deployment, Duration::hours(3), |email| {
        ("/accounts", json!({ "email": email }), 202)
    });
    judge("sign-up", &samples.await);
}

/// Checks: enum_reset, timing (ASVS-6.3.8).
#[tokio::test]
#[ignore = "a measurement of minutes, for a machine that does nothing else"]
async fn enum_reset_takes_as_long_for_a_known_an_unknown_and_an_unverified_address() {
    let deployment = Deployment::with(two_servers_without_source_limits()).await;
    prepare(&deployment).await;
    let samples = measure(&deployment, Duration::hours(3), |email| {
        ("/password-reset", json!({ "email": email }), 202)
    });
    judge("reset", &samples.await);
}

fn judge(what: &str, samples: &[Vec<f64>; 3]) {
    let mut largest = 0.0_f64;
    for (one, other) in [(0, 1), (0, 2), (1, 2)] {
        let (first, second) = (&samples[one], &samples[other]);
        let ((difference, error), z) = (welch(first, second), mann_whitney(first, second));
        let t = difference / error;
        println!(
            "{what}, {} against {}: {} samples each, medians {:.2} and {:.2} ms, means {difference:.2} ± {error:.2} ms apart, Welch's t {t:.2}, Mann-Whitney z {z:.2}",
            KINDS[one],
            KINDS[other],
            first.len(),
            median(first),
            median(second),
        );
        largest = largest.max(t.abs()).max(z.abs());
    }
    assert!(
        largest < TOLERATED,
        "{what}: the kinds can be told apart ({largest:.2})"
    );
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values
}

fn median(values: &[f64]) -> f64 {
    sorted(values)[values.len() / 2]
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap())
}

/// The difference of the means and its standard error; of the fastest nine tenths of both together,
/// as dudect crops: stalls say nothing of either.
fn welch(one: &[f64], other: &[f64]) -> (f64, f64) {
    let all = sorted(&[one, other].concat());
    let limit = all[all.len() * 9 / 10];
    let moments = |values: &[f64]| {
        let kept = values
            .iter()
            .copied()
            .filter(|value| *value < limit)
            .collect::<Vec<_>>();
        let n = count(kept.len());
        let mean = kept.iter().sum::<f64>() / n;
        let variance = kept.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
        (mean, variance / n)
    };
    let ((mean, spread), (other_mean, other_spread)) = (moments(one), moments(other));
    (mean - other_mean, (spread + other_spread).sqrt())
}

/// The standardised rank sum; ties are too rare among durations to matter.
fn mann_whitney(one: &[f64], other: &[f64]) -> f64 {
    let tagged = one.iter().map(|value| (*value, true));
    let mut all = tagged
        .chain(other.iter().map(|value| (*value, false)))
        .collect::<Vec<_>>();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let ranks = all.iter().enumerate().filter(|(_, (_, first))| *first);
    let rank_sum = ranks.map(|(index, _)| count(index + 1)).sum::<f64>();
    let (n, m) = (count(one.len()), count(other.len()));
    let u = rank_sum - n * (n + 1.0) / 2.0;
    (u - n * m / 2.0) / (n * m * (n + m + 1.0) / 12.0).sqrt()
}

#[test]
fn the_statistics_see_a_difference_and_no_difference() {
    let noise = |seed: u32| (0..1000_u32).map(move |n| f64::from((n * 7919 + seed * 31) % 1009));
    let (one, other) = (noise(1).collect::<Vec<_>>(), noise(2).collect::<Vec<_>>());
    let slower = noise(3).map(|value| value + 200.0).collect::<Vec<_>>();
    let t = |one: &[f64], other: &[f64]| {
        let (difference, error) = welch(one, other);
        difference / error
    };
    assert!(t(&one, &other).abs() < 1.0 && mann_whitney(&one, &other).abs() < 1.0);
    assert!(t(&one, &slower) < -TOLERATED && mann_whitney(&one, &slower) < -TOLERATED);
}
