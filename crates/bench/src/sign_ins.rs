//! Sign-ins at saturation beside Argon2id alone, and what happens when ten times as many come.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{Answer, Clients, Connection, Load, get, post};
use crate::people::Person;
use crate::table::{Goal, Table};
use crate::world::World;
use crate::{Outcome, floors};

const ROUNDS: usize = 7;
const FLOODS: usize = 5;
const SLICE: Duration = Duration::from_secs(1);
/// Enough that the queue of the hashing pool never runs dry, and never fills.
const CLIENTS: usize = 16;
/// Of these, most are turned away: as many connections as keep asking at ten times the rate.
const FLOOD: usize = 320;
const TIMES: f64 = 10.0;
/// In milliseconds, for who is turned away.
const REFUSED_WITHIN: f64 = 50.0;

/// People whose passwords and codes have not been used yet.
pub(crate) struct Crowd {
    pub(crate) plain: Arc<Vec<Person>>,
    pub(crate) two_factor: Arc<Vec<Person>>,
    next: Arc<AtomicUsize>,
    next_code: Arc<AtomicUsize>,
}

impl Crowd {
    pub(crate) fn new(plain: Vec<Person>, two_factor: Vec<Person>) -> Self {
        Self {
            plain: Arc::new(plain),
            two_factor: Arc::new(two_factor),
            next: Arc::default(),
            next_code: Arc::default(),
        }
    }
}

pub(crate) async fn measure(world: &World, crowd: &Crowd, table: &mut Table) -> Outcome<()> {
    let (mut passwords, mut full) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let floor = floor().await?;
        passwords.push((with_password(world, crowd).await?.rate(), floor));
        full.push((with_both(world, crowd).await?.rate(), floor));
    }
    let unit = "1/s";
    table.compare("password sign-ins", unit, &passwords, Goal::AtLeast(0.93));
    table.compare("sign-ins with a code", unit, &full, Goal::AtLeast(0.9));
    flood(world, crowd, table).await
}

fn saturating(world: &World) -> Clients {
    Clients {
        of: world.address,
        count: CLIENTS,
        slice: SLICE,
        pace: None,
    }
}

async fn floor() -> Outcome<f64> {
    tokio::task::spawn_blocking(|| floors::hashes(SLICE)).await?
}

pub(crate) async fn with_password(world: &World, people: &Crowd) -> Outcome<Load<String>> {
    let (plain, next) = (Arc::clone(&people.plain), Arc::clone(&people.next));
    let work = async move |connection: &mut Connection, _, _| {
        let number = next.fetch_add(1, Ordering::Relaxed) % plain.len();
        let person = plain.get(number).ok_or("nobody")?;
        session(&connection.call(&person.login_request()).await?)
    };
    let load = saturating(world).call(work).await?;
    all_work(world, &load).await?;
    Ok(load)
}

async fn with_both(world: &World, people: &Crowd) -> Outcome<Load<String>> {
    let (doubly, next) = (
        Arc::clone(&people.two_factor),
        Arc::clone(&people.next_code),
    );
    let work = async move |connection: &mut Connection, _, _| {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let person = doubly.get(number).ok_or("too few people")?;
        let answer = connection.call(&person.login_request()).await?.json()?;
        let challenge = text(&answer, "/challenge/token")?;
        let body = json!({ "challenge": challenge, "code": person.code()?, "transport": "bearer" });
        let request = post("/api/v1/login/second-factor", &body);
        session(&connection.call(&request).await?)
    };
    let load = saturating(world).call(work).await?;
    all_work(world, &load).await?;
    Ok(load)
}

pub(crate) fn session(answer: &Answer) -> Outcome<String> {
    text(&answer.json()?, "/session/token")
}

fn text(answer: &Value, pointer: &str) -> Outcome<String> {
    let found = answer.pointer(pointer).and_then(Value::as_str);
    Ok(found.ok_or_else(|| answer.to_string())?.to_owned())
}

/// Fails unless each token that was counted opens its session.
async fn all_work(world: &World, load: &Load<String>) -> Outcome<()> {
    let mut connection = Connection::open(world.address).await?;
    for (_, token) in &load.calls {
        let answer = connection.call(&get("/api/v1/session", token)).await?;
        if answer.status != 200 {
            return Err(format!("a session that was counted answers {}", answer.status).into());
        }
    }
    Ok(())
}

/// What became of one of too many.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    SignedIn,
    TurnedAway,
}

async fn flood(world: &World, people: &Crowd, table: &mut Table) -> Outcome<()> {
    let (mut kept, mut refused, mut share) = (Vec::new(), Vec::new(), 0.0_f64);
    for _ in 0..FLOODS {
        let alone = with_password(world, people).await?.rate();
        let load = ten_times(world, people, alone).await?;
        share = share.max(load.client_share);
        kept.push((load.only(Fate::SignedIn).rate(), alone));
        refused.push(load.only(Fate::TurnedAway).percentile(99));
    }
    println!("the clients of the flood took {share:.2} of a core");
    table.compare(
        "sign-ins while ten times as many come",
        "1/s",
        &kept,
        Goal::AtLeast(0.9),
    );
    table.bound(
        "who is turned away waits, p99",
        "ms",
        &refused,
        REFUSED_WITHIN,
    );
    Ok(())
}

/// Ten times as many sign-ins as were possible alone, evenly spread.
async fn ten_times(world: &World, people: &Crowd, alone: f64) -> Outcome<Load<Fate>> {
    let (plain, next) = (Arc::clone(&people.plain), Arc::clone(&people.next));
    let work = async move |connection: &mut Connection, _, _| {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let person = plain.get(number % plain.len()).ok_or("nobody")?;
        let answer = connection.call(&person.login_request()).await?;
        match answer.status {
            200 => session(&answer).map(|_| Fate::SignedIn),
            503 if answer.retry_after => Ok(Fate::TurnedAway),
            other => Err(format!("a sign-in was answered with {other}").into()),
        }
    };
    let clients = Clients {
        count: FLOOD,
        pace: Some(TIMES * alone),
        ..saturating(world)
    };
    clients.call(work).await
}
