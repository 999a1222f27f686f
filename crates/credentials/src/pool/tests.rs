use std::collections::HashSet;
use std::time::Instant;

use proptest::prelude::*;
use tokio::time::sleep;

use super::*;
use crate::random::tests::NoRandom;
use crate::{PasswordContext, PasswordRules, SystemRandom};

const TEXT: &str = "velvet tractor, nine tubas";

fn settings() -> HashingSettings {
    HashingSettings {
        permits: 2,
        queue: 32,
        wait: Duration::from_mins(1),
        ..Default::default()
    }
}

fn pool(settings: HashingSettings) -> HashingPool {
    HashingPool::new(settings, &SystemRandom).unwrap()
}

fn chosen(text: &str) -> NewPassword {
    let address = "jane@example.org".parse().unwrap();
    let context = PasswordContext::new(&address, "Countersign");
    NewPassword::choose(text, &PasswordRules::default(), &context).unwrap()
}

fn presented(text: &str) -> PresentedPassword {
    PresentedPassword::new(text)
}

/// Waits until the pool is as expected, and fails if it never is.
async fn becomes(pool: &HashingPool, expected: impl Fn(HashingStatistics) -> bool) {
    for _ in 0..1_000 {
        if expected(pool.statistics()) {
            return;
        }
        sleep(Duration::from_millis(5)).await;
    }
    panic!("never as expected: {:?}", pool.statistics());
}

#[tokio::test]
async fn the_right_password_matches_and_every_other_does_not() {
    let pool = pool(settings());
    let hash = pool.hash(&chosen(TEXT), &SystemRandom).await.unwrap();
    let stored = PasswordHash::parse(hash.as_str()).unwrap();
    assert!(pool.verify(&presented(TEXT), Some(&stored)).await.unwrap());
    for wrong in [
        "velvet tractor, nine tubas ",
        " velvet tractor, nine tubas",
        "velvet tractor, nine tuba",
        "Velvet tractor, nine tubas",
        "velvet tractor, nine tubas\0",
        "",
    ] {
        assert!(
            !pool.verify(&presented(wrong), Some(&stored)).await.unwrap(),
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn pw_exact_and_pw_64_and_256_hold_through_the_hash() {
    let pool = pool(settings());
    let text = format!("cafe\u{301} {}", "🦞".repeat(251));
    let hash = pool.hash(&chosen(&text), &SystemRandom).await.unwrap();
    let composed = text.replace("e\u{301}", "é");
    assert!(
        pool.verify(&presented(&composed), Some(&hash))
            .await
            .unwrap()
    );
    let last_differs = format!("{}🐙", &text[..text.len() - 4]);
    assert!(
        !pool
            .verify(&presented(&last_differs), Some(&hash))
            .await
            .unwrap()
    );
}

/// A password is hashed as bytes with a length, not up to its first NUL.
#[tokio::test]
async fn what_follows_a_nul_counts() {
    let pool = pool(settings());
    let hash = pool
        .hash(&chosen("velvet tractor\0one"), &SystemRandom)
        .await
        .unwrap();
    assert!(
        !pool
            .verify(&presented("velvet tractor\0two"), Some(&hash))
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn nobody_and_no_password_cost_one_hash_and_never_match() {
    let pool = pool(settings());
    let hash = pool.hash(&chosen(TEXT), &SystemRandom).await.unwrap();
    let too_long = "x".repeat(5_000);
    for (text, hash) in [
        (TEXT, None),
        ("", None),
        (too_long.as_str(), None),
        (too_long.as_str(), Some(&hash)),
        ("unassigned \u{378}", Some(&hash)),
    ] {
        let before = pool.statistics().verifications_total;
        assert!(!pool.verify(&presented(text), hash).await.unwrap());
        assert_eq!(pool.statistics().verifications_total, before + 1);
    }
    assert!(
        !pool.needs_renewal(&pool.0.nobody),
        "the hash of nobody has today's parameters"
    );
}

/// Even if somebody had stored the hash of the empty text that stands for what is no password.
#[tokio::test]
async fn what_is_no_password_does_not_match_the_hash_of_nothing() {
    let pool = pool(settings());
    let permit = pool.admit().await.unwrap();
    let cost = settings().cost();
    let tag = permit
        .run(Zeroizing::default(), vec![1; 16], cost)
        .await
        .unwrap();
    let hash = PasswordHash::new(cost, [1; 16], tag);
    assert!(
        !pool
            .verify(&presented(&"x".repeat(5_000)), Some(&hash))
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn rehash_on_login() {
    let old = pool(HashingSettings {
        memory_kib: 12_288,
        iterations: 3,
        ..settings()
    });
    let new = pool(settings());
    let hash = old.hash(&chosen(TEXT), &SystemRandom).await.unwrap();
    assert!(!old.needs_renewal(&hash));
    assert!(new.needs_renewal(&hash));
    assert!(
        new.verify(&presented(TEXT), Some(&hash)).await.unwrap(),
        "an old hash still matches"
    );
    let renewed = new.hash(&chosen(TEXT), &SystemRandom).await.unwrap();
    assert!(!new.needs_renewal(&renewed));
}

#[tokio::test]
async fn a_hash_that_takes_more_memory_than_the_setting_is_still_verified() {
    let (large, small) = (
        pool(HashingSettings {
            memory_kib: 20_480,
            ..settings()
        }),
        pool(HashingSettings {
            memory_kib: 12_288,
            iterations: 3,
            ..settings()
        }),
    );
    let hash = large.hash(&chosen(TEXT), &SystemRandom).await.unwrap();
    assert!(small.verify(&presented(TEXT), Some(&hash)).await.unwrap());
    assert_eq!(small.0.memory_made.load(Relaxed), 0);
}

#[tokio::test]
async fn a_verdict_names_the_credential() {
    let pool = pool(settings());
    let hash = pool.hash(&chosen(TEXT), &SystemRandom).await.unwrap();
    let credential = CredentialId::from_uuid(uuid::Uuid::from_u128(7));
    let permit = pool.admit().await.unwrap();
    let verdict = permit
        .judge(credential, &presented(TEXT), &hash)
        .await
        .unwrap();
    assert_eq!(verdict, PasswordVerdict::new(credential, true));
}

#[tokio::test]
async fn salts_unique() {
    let pool = pool(settings());
    let mut salts = HashSet::new();
    for _ in 0..6 {
        let hash = pool.hash(&chosen(TEXT), &SystemRandom).await.unwrap();
        assert_eq!(hash.salt.len() * 8, 128);
        assert!(salts.insert(hash.salt.clone()));
    }
    assert!(matches!(
        pool.hash(&chosen(TEXT), &NoRandom).await,
        Err(HashingError::Random(RandomUnavailable)),
    ));
}

/// Twelve callers, two permits: never more than two hashes, in two blocks of memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_has_a_ceiling() {
    let pool = pool(settings());
    let callers = (0..12)
        .map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move { pool.verify(&presented(TEXT), None).await.unwrap() })
        })
        .collect::<Vec<_>>();
    let mut busiest = 0;
    while callers.iter().any(|caller| !caller.is_finished()) {
        busiest = busiest.max(pool.statistics().running);
        sleep(Duration::from_millis(2)).await;
    }
    becomes(&pool, |now| now.running == 0).await;
    assert_eq!(busiest, 2);
    assert_eq!(pool.statistics().verifications_total, 12);
    assert!(pool.0.memory_made.load(Relaxed) <= 2);
    assert_eq!(
        pool.0.memory.lock().unwrap().len(),
        pool.0.memory_made.load(Relaxed)
    );
}

#[tokio::test]
async fn memory_is_wiped_after_use() {
    let pool = pool(settings());
    pool.verify(&presented(TEXT), None).await.unwrap();
    becomes(&pool, |now| now.running == 0).await;
    assert_eq!(wiped(&pool), [true]);
    assert_eq!(pool.0.memory.lock().unwrap()[0].blocks.len(), 19_456);
}

/// Of each block of memory that is free.
fn wiped(pool: &HashingPool) -> Vec<bool> {
    let free = pool.0.memory.lock().unwrap();
    let empty = |block: &Block| block.as_ref().iter().all(|word| *word == 0);
    free.iter()
        .map(|memory| memory.blocks.iter().all(empty))
        .collect()
}

#[tokio::test]
async fn memory_that_was_left_to_the_next_hash_is_wiped_when_that_one_hangs_up() {
    let pool = pool(HashingSettings {
        permits: 1,
        ..settings()
    });
    let held = pool.admit().await.unwrap();
    let waiting = tokio::spawn({
        let pool = pool.clone();
        async move { pool.admit().await }
    });
    becomes(&pool, |now| now.queued == 1).await;
    let password = presented(TEXT);
    let text = Zeroizing::new(password.text().unwrap().to_owned());
    let (tag, memory) = pool.0.compute(&text, &[1; 16], settings().cost());
    tag.unwrap();
    pool.0.give_back(memory);
    assert_eq!(wiped(&pool), [false], "somebody waits for it");
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    assert_eq!(wiped(&pool), [true]);
    drop(held);
}

#[tokio::test]
async fn beyond_the_queue_the_answer_comes_at_once() {
    let pool = pool(HashingSettings {
        permits: 1,
        queue: 2,
        ..settings()
    });
    let held = pool.admit().await.unwrap();
    let waiting = [pool.clone(), pool.clone()]
        .map(|pool| tokio::spawn(async move { pool.verify(&presented(TEXT), None).await }));
    becomes(&pool, |now| now.queued == 2).await;
    let asked = Instant::now();
    let refused = pool.verify(&presented(TEXT), None).await;
    assert!(
        asked.elapsed() < Duration::from_millis(50),
        "{:?}",
        asked.elapsed()
    );
    assert!(
        matches!(refused, Err(HashingError::Overloaded { retry_after })
        if retry_after == Duration::from_mins(1))
    );
    assert_eq!(pool.statistics().rejected_total, 1);
    drop(held);
    for caller in waiting {
        assert!(!caller.await.unwrap().unwrap());
    }
    assert_eq!(pool.statistics().rejected_total, 1);
}

#[tokio::test]
async fn who_has_waited_long_enough_gives_up() {
    let wait = Duration::from_millis(40);
    let pool = pool(HashingSettings {
        permits: 1,
        wait,
        ..settings()
    });
    let _held = pool.admit().await.unwrap();
    let asked = Instant::now();
    let refused = pool.verify(&presented(TEXT), None).await;
    assert!(asked.elapsed() >= wait);
    assert!(
        matches!(refused, Err(HashingError::Overloaded { retry_after })
        if retry_after == Duration::from_secs(1))
    );
    let now = pool.statistics();
    assert_eq!(
        (now.queued, now.rejected_total, now.verifications_total),
        (0, 1, 0)
    );
}

#[tokio::test]
async fn who_hangs_up_while_waiting_leaves_the_queue() {
    let pool = pool(HashingSettings {
        permits: 1,
        ..settings()
    });
    let held = pool.admit().await.unwrap();
    let caller = tokio::spawn({
        let pool = pool.clone();
        async move { pool.verify(&presented(TEXT), None).await }
    });
    becomes(&pool, |now| now.queued == 1).await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    assert_eq!(pool.statistics().queued, 0);
    drop(held);
    assert_eq!(pool.statistics().running, 0);
    assert!(!pool.verify(&presented(TEXT), None).await.unwrap());
}

#[tokio::test]
async fn who_hangs_up_while_hashing_frees_the_permit_only_when_the_hash_ends() {
    let pool = pool(HashingSettings {
        permits: 1,
        ..settings()
    });
    let caller = tokio::spawn({
        let pool = pool.clone();
        async move { pool.verify(&presented(TEXT), None).await }
    });
    becomes(&pool, |now| now.verifications_total == 1).await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    assert_eq!(pool.statistics().running, 1, "the hash still runs");
    becomes(&pool, |now| now.running == 0).await;
    assert!(!pool.verify(&presented(TEXT), None).await.unwrap());
    assert_eq!(pool.0.memory_made.load(Relaxed), 1);
}

#[tokio::test]
async fn a_permit_that_is_not_used_is_free_again() {
    let pool = pool(HashingSettings {
        permits: 1,
        ..settings()
    });
    drop(pool.admit().await.unwrap());
    assert_eq!(pool.statistics().running, 0);
}

#[test]
fn a_pool_below_the_floor_is_not_made() {
    let weak = HashingSettings {
        memory_kib: 19_455,
        ..settings()
    };
    assert!(matches!(
        HashingPool::new(weak, &SystemRandom),
        Err(HashingError::Settings(_))
    ));
    let random = HashingPool::new(settings(), &NoRandom);
    assert!(matches!(random, Err(HashingError::Random(_))));
}

#[test]
fn debug_shows_no_hash() {
    let text = format!("{:?}", pool(settings()));
    assert!(!text.contains("argon2id"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn any_password_signs_in_with_itself_alone(text in "\\PC{15,40}", other in "\\PC{0,40}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (right, wrong) = runtime.block_on(async {
            let pool = pool(settings());
            let address = "jane@example.org".parse().unwrap();
            let context = PasswordContext::new(&address, "Countersign");
            let Ok(new) = NewPassword::choose(&text, &PasswordRules::default(), &context) else {
                return (true, false);
            };
            let hash = pool.hash(&new, &SystemRandom).await.unwrap();
            let right = pool.verify(&presented(&text), Some(&hash)).await.unwrap();
            (right, pool.verify(&presented(&other), Some(&hash)).await.unwrap())
        });
        prop_assert!(right);
        prop_assert!(!wrong || text == other);
    }
}
