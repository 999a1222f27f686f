//! What must not grow: a command with its account's history, a session check and a sign-in with the
//! number of accounts and sessions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use account::AccountId;
use credentials::PasswordHash;
use futures::future::try_join_all;
use sqlx::{Connection as _, Executor, PgConnection};
use store::Store;

use crate::checks::{median_of, requests, with_session};
use crate::client::{Clients, Connection, Load};
use crate::people::{self, Person};
use crate::table::{Goal, Table, median};
use crate::world::World;
use crate::{Outcome, sign_ins};

const ROUNDS: usize = 5;
/// Commands on each of both histories, in each round.
const COMMANDS: usize = 20;
const SLICE: Duration = Duration::from_secs(1);
const FEW: usize = 1_000;
/// Accounts are filled in, and people opened among them, so many times.
const CHUNKS: usize = 10;
const PEOPLE: usize = 500;
/// Tables that are filled in at a time.
const SIDE_BY_SIDE: usize = 2;

/// `long` has a hundred thousand events, `short` has ten.
pub(crate) async fn histories(
    store: &Store,
    (long, short): (AccountId, AccountId),
    table: &mut Table,
) -> Outcome<()> {
    let (mut long, mut short) = (Person::of(long)?, Person::of(short)?);
    let mut rounds = Vec::new();
    for person in [&mut long, &mut short] {
        person.sign_in(store, None).await?;
    }
    for _ in 0..ROUNDS {
        let floor = commands(store, &mut short).await?;
        rounds.push((commands(store, &mut long).await?, floor));
    }
    let name = "a command on 100,000 events, beside 10";
    table.compare(name, "ms", &rounds, Goal::AtMost(1.1));
    Ok(())
}

async fn commands(store: &Store, person: &mut Person) -> Outcome<f64> {
    let mut times = Vec::new();
    for _ in 0..COMMANDS {
        let began = Instant::now();
        person.sign_out(store).await?;
        person.sign_in_again(store).await?;
        times.push(began.elapsed().as_secs_f64() * 500.0);
    }
    Ok(median(times.into_iter()))
}

/// Two servers: one of `accounts` accounts and as many sessions, and one of a thousand.
pub(crate) async fn accounts(
    many: &World,
    hash: &PasswordHash,
    accounts: usize,
    table: &mut Table,
) -> Outcome<()> {
    let few = World::start().await?;
    let among_few = Arc::new(people::open(&few.store().await?, hash, FEW, false).await?);
    let among_many = crowd(many, hash, accounts).await?;
    let (mut checks, mut sign_ins) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let floor = check(&few, &among_few).await?;
        checks.push((check(many, &among_many).await?, floor));
        let floor = sign_in(&few, &among_few).await?;
        sign_ins.push((sign_in(many, &among_many).await?, floor));
    }
    few.stop().await?;
    let goal = Goal::AtMost(1.2);
    let name = "a session check among 1,000,000, beside 1,000";
    table.compare(name, "ms", &checks, goal);
    let name = "a sign-in among 1,000,000, beside 1,000";
    table.compare(name, "ms", &sign_ins, goal);
    Ok(())
}

async fn check(world: &World, people: &Arc<Vec<Person>>) -> Outcome<f64> {
    let load = with_session(world, &requests(people), 1).await?;
    Ok(median_of(&load))
}

async fn sign_in(world: &World, people: &Arc<Vec<Person>>) -> Outcome<f64> {
    let people = Arc::clone(people);
    let clients = Clients {
        of: world.address,
        count: 1,
        slice: SLICE,
        pace: None,
    };
    let work = async move |connection: &mut Connection, _, turn: usize| {
        let person = people.get(turn * 7 % people.len()).ok_or("nobody")?;
        sign_ins::session(&connection.call(&person.login_request()).await?)
    };
    let load: Load<String> = clients.call(work).await?;
    Ok(median_of(&load))
}

/// People, and between them rows like theirs: as many and as wide, of accounts that nobody asks for.
/// Of events the last one of each, which is all that a request asks for.
async fn crowd(world: &World, hash: &PasswordHash, accounts: usize) -> Outcome<Arc<Vec<Person>>> {
    let store = world.store().await?;
    let mut connections = Vec::new();
    for _ in 0..SIDE_BY_SIDE {
        let mut connection = PgConnection::connect(&world.url("owner")).await?;
        connection.execute("SET synchronous_commit = off").await?;
        connections.push(connection);
    }
    let mut owner = PgConnection::connect(&world.url("owner")).await?;
    owner
        .execute("CREATE UNLOGGED TABLE crowd (id uuid)")
        .await?;
    let mut people = Vec::new();
    for _ in 0..CHUNKS {
        people.extend(people::open(&store, hash, PEOPLE, false).await?);
        let like = people.last().ok_or("nobody")?.account.as_uuid();
        owner.execute("TRUNCATE crowd").await?;
        sqlx::query(IDS)
            .bind(i64::try_from(accounts / CHUNKS)?)
            .execute(&mut owner)
            .await?;
        for statements in ROWS.chunks(SIDE_BY_SIDE) {
            let filled = statements.iter().zip(&mut connections);
            try_join_all(filled.map(|(statement, connection)| {
                sqlx::query(statement).bind(like).execute(connection)
            }))
            .await?;
        }
    }
    owner.execute("DROP TABLE crowd").await?;
    owner.execute("VACUUM ANALYZE").await?;
    Ok(Arc::new(people))
}

/// UUIDv7, as accounts have.
const IDS: &str = "INSERT INTO crowd
    SELECT encode(overlay(uuid_send(gen_random_uuid()) PLACING substring(
        int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
        'hex')::uuid
    FROM generate_series(1, $1)";

const ROWS: [&str; 8] = [
    "INSERT INTO states SELECT c.id::text, t.aggregate_type, t.version, t.tip, t.recorded_at,
        t.shape, t.state, t.mac, t.key_id
    FROM crowd c, states t WHERE t.aggregate_id = $1::text AND t.aggregate_type = 'account'",
    "INSERT INTO logins (account_id, address_hash, key_id, last_signed_in_at)
    SELECT c.id, sha256(uuid_send(c.id)), t.key_id, t.last_signed_in_at
    FROM crowd c, logins t WHERE t.account_id = $1",
    "INSERT INTO settings SELECT c.id, t.email, t.created_at, t.password_changed_at, t.two_factor,
        t.enabled_at, t.enrollment_expires_at
    FROM crowd c, settings t WHERE t.account_id = $1",
    "INSERT INTO sessions SELECT c.id, gen_random_uuid(), t.token_hash, t.created_at,
        t.last_seen_at, t.expires_at, t.factors, t.ip, t.user_agent, t.mac, t.key_id
    FROM crowd c, sessions t WHERE t.account_id = $1",
    "INSERT INTO data_keys SELECT c.id, t.key_id, t.wrapped
    FROM crowd c, data_keys t WHERE t.owner_id = $1",
    "INSERT INTO secrets SELECT c.id, gen_random_uuid(), t.kind, t.wrapped_key, t.sealed
    FROM crowd c, secrets t WHERE t.account_id = $1",
    "INSERT INTO devices SELECT c.id, gen_random_uuid(), t.nonce, t.key_id, t.expires_at,
        t.failures, t.version
    FROM crowd c, devices t WHERE t.account_id = $1",
    "INSERT INTO events (aggregate_id, aggregate_type, sequence, event_type, event_version,
        payload, metadata, recorded_at, hash, mac, key_id)
    SELECT c.id::text, t.aggregate_type, t.sequence, t.event_type, t.event_version, t.payload,
        t.metadata, t.recorded_at, t.hash, t.mac, t.key_id
    FROM crowd c, events t WHERE t.aggregate_id = $1::text
        AND t.sequence = (SELECT max(sequence) FROM events WHERE aggregate_id = $1::text)",
];
