//! Session checks beside a constant answer over the same HTTP, and while passwords are hashed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::{Connection as _, PgConnection};

use crate::client::{Clients, Connection, Load, get};
use crate::people::Person;
use crate::sign_ins::{self, Crowd};
use crate::table::{Goal, Table, median};
use crate::world::World;
use crate::{Outcome, floors};

const ROUNDS: usize = 5;
const SLICE: Duration = Duration::from_secs(1);
const CLIENTS: usize = 64;
/// While passwords are hashed: what a site of some hundred requests a second asks.
const VISITORS: usize = 8;
/// Look-ups of one row for the floor.
const LOOKUPS: usize = 1_000;

pub(crate) async fn measure(world: &World, people: &Crowd, table: &mut Table) -> Outcome<()> {
    let (_server, constant) = floors::start_constant().await?;
    let tokens = requests(&people.plain);
    let (mut many, mut one, mut shares) = (Vec::new(), Vec::new(), (0.0_f64, 0.0_f64));
    for _ in 0..ROUNDS {
        let floor = constantly(constant, CLIENTS).await?;
        let ours = with_session(world, &tokens, CLIENTS).await?;
        shares = (
            shares.0.max(ours.client_share),
            shares.1.max(floor.client_share),
        );
        many.push((ours.rate(), floor.rate()));
        let floor =
            lookups(world, &people.plain).await? + median_of(&constantly(constant, 1).await?);
        one.push((median_of(&with_session(world, &tokens, 1).await?), floor));
    }
    println!(
        "clients of session checks took {:.2} of a core, those of the constant answer {:.2}",
        shares.0, shares.1
    );
    let goal = Goal::AtLeast(0.45);
    table.compare("session checks, 64 clients", "1/s", &many, goal);
    table.compare("a session check, one client", "ms", &one, Goal::AtMost(1.5));
    beside_sign_ins(world, people, &tokens, table).await
}

/// Requests that are ready to be sent.
pub(crate) fn requests(people: &[Person]) -> Arc<Vec<Vec<u8>>> {
    let request = |person: &Person| get("/api/v1/session", &person.token);
    Arc::new(people.iter().map(request).collect())
}

/// Of sessions that are all live.
pub(crate) async fn with_session(
    world: &World,
    requests: &Arc<Vec<Vec<u8>>>,
    count: usize,
) -> Outcome<Load<()>> {
    let requests = Arc::clone(requests);
    let clients = Clients {
        of: world.address,
        count,
        slice: SLICE,
        pace: None,
    };
    let work = async move |connection: &mut Connection, client: usize, turn: usize| {
        let number = (client + turn * count) % requests.len();
        let answer = connection
            .call(requests.get(number).ok_or("no request")?)
            .await?;
        match answer.status {
            200 => Ok(()),
            other => Err(format!("a session check was answered with {other}").into()),
        }
    };
    clients.call(work).await
}

async fn constantly(of: SocketAddr, count: usize) -> Outcome<Load<()>> {
    let clients = Clients {
        of,
        count,
        slice: SLICE,
        pace: None,
    };
    let request = get("/", "cs_session_nobody");
    let work =
        async move |connection: &mut Connection, _, _| connection.call(&request).await.map(|_| ());
    clients.call(work).await
}

pub(crate) fn median_of<K>(load: &Load<K>) -> f64 {
    load.percentile(50)
}

/// The median time of one row by its key, in milliseconds.
async fn lookups(world: &World, people: &[Person]) -> Outcome<f64> {
    let mut connection = PgConnection::connect(&world.url("app")).await?;
    let mut times = Vec::new();
    for person in people.iter().cycle().take(LOOKUPS) {
        let began = Instant::now();
        sqlx::query("SELECT * FROM sessions WHERE account_id = $1 AND session_id = $2")
            .bind(person.account.as_uuid())
            .bind(person.session.as_uuid())
            .fetch_one(&mut connection)
            .await?;
        times.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(median(times.into_iter()))
}

async fn beside_sign_ins(
    world: &World,
    people: &Crowd,
    tokens: &Arc<Vec<Vec<u8>>>,
    table: &mut Table,
) -> Outcome<()> {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let alone = with_session(world, tokens, VISITORS).await?.percentile(99);
        let (hashing, checked) = tokio::join!(
            sign_ins::with_password(world, people),
            with_session(world, tokens, VISITORS),
        );
        hashing?;
        rounds.push((checked?.percentile(99), alone));
    }
    table.compare(
        "session checks beside sign-ins, p99",
        "ms",
        &rounds,
        Goal::AtMost(3.0),
    );
    Ok(())
}
