//! Password sign-ins per second beside the machine's own Argon2id rate, in slices interleaved in one
//! run: `cargo run --release --package acceptance --bin sign-in-rate`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use acceptance::{Caller, Deployment, Options, Person};
use credentials::{HashingPool, HashingSettings, PresentedPassword, SystemRandom};
use tokio::task::JoinSet;

const ACCOUNTS: usize = 16;
const ROUNDS: usize = 8;
const SLICE: Duration = Duration::from_secs(2);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let deployment = Deployment::with(Options::default().embedded()).await;
    let mut people = Vec::new();
    for number in 0..ACCOUNTS {
        people.push(
            deployment
                .create_account(&format!("person-{number}@example.com"))
                .await,
        );
    }
    let pool = HashingPool::new(HashingSettings::default(), &SystemRandom)?;
    let mut ratios = Vec::new();
    for round in 1..=ROUNDS {
        let floor = hashes(&pool).await;
        let ours = sign_ins(&deployment.visitor(), &people).await;
        ratios.push(ours / floor);
        report(&format!(
            "{round}: {ours:.1} sign-ins/s, {floor:.1} hashes/s, ratio {:.3}",
            ours / floor
        ));
    }
    ratios.sort_by(f64::total_cmp);
    let at = |share: usize| {
        ratios
            .get((ratios.len() - 1) * share / 100)
            .copied()
            .unwrap_or_default()
    };
    report(&format!(
        "ratio: median {:.3}, from {:.3} to {:.3}",
        at(50),
        at(0),
        at(100)
    ));
    Ok(())
}

fn report(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Argon2id alone, with the service's parameters, on all cores.
async fn hashes(pool: &HashingPool) -> f64 {
    let pool = pool.clone();
    rate(ACCOUNTS, move |_| {
        let pool = pool.clone();
        async move {
            pool.verify(&PresentedPassword::new("a password"), None)
                .await
                .is_ok()
        }
    })
    .await
}

/// Whole sign-ins over HTTP, each answered with a session.
async fn sign_ins(visitor: &Caller, people: &[Person]) -> f64 {
    let (visitor, people) = (visitor.clone(), people.to_vec());
    rate(ACCOUNTS, move |worker| {
        let (visitor, person) = (visitor.clone(), people.get(worker).cloned());
        async move {
            let Some(person) = person else { return false };
            let answer = visitor.post("/login", person.login()).await;
            answer.json.pointer("/session/token").is_some()
        }
    })
    .await
}

/// Successes per second of `workers` that do `work` over and over for one slice.
async fn rate<W, F>(workers: usize, work: W) -> f64
where
    W: Fn(usize) -> F + Clone + Send + 'static,
    F: Future<Output = bool> + Send,
{
    let (done, over) = (
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for worker in 0..workers {
        let (work, done, over) = (work.clone(), Arc::clone(&done), Arc::clone(&over));
        tasks.spawn(async move {
            while !over.load(Ordering::Relaxed) {
                if work(worker).await {
                    done.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
    tokio::time::sleep(SLICE).await;
    let count = done.load(Ordering::Relaxed);
    let seconds = began.elapsed().as_secs_f64();
    over.store(true, Ordering::Relaxed);
    tasks.join_all().await;
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    let count = count as f64;
    count / seconds
}
