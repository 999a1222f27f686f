//! The log: verifying it, rebuilding what follows from it, and how soon an event is signed for.

use std::time::Instant;

use futures::TryStreamExt;
use sha2::{Digest, Sha256};
use sqlx::{Connection, PgConnection};

use store::Store;

use crate::table::{Goal, Table};
use crate::world::World;
use crate::{Outcome, growth, history};

const ROUNDS: usize = 3;
/// Appends while nothing else happens.
const APPENDS: usize = 50;
/// In MiB, whatever the number of events.
const MEMORY: f64 = 150.0;
/// In seconds, of a million events: what an operator waits for while the service runs.
const REBUILT_WITHIN: f64 = 120.0;
/// In milliseconds.
const SIGNED_WITHIN: f64 = 50.0;

pub(crate) async fn measure(
    world: &World,
    store: &Store,
    events: u64,
    table: &mut Table,
) -> Outcome<()> {
    signed_for(world, table).await?;
    let histories = history::write(&world.url("owner"), &world.keyring, events).await?;
    rebuild(world, table).await?;
    growth::histories(store, histories, table).await?;
    verification(world, store, table).await?;
    let (_, memory) = world.command(&["audit", "verify"]).await?;
    table.bound("memory of audit verify", "MiB", &[memory], MEMORY);
    let bundle = world.file("all.tar");
    let (_, memory) = world
        .command(&["audit", "export", "--all", "--output", &bundle])
        .await?;
    table.bound("memory of audit export --all", "MiB", &[memory], MEMORY);
    fed(world, events, table).await
}

/// The whole feed as lines, to one who follows it from the beginning.
async fn fed(world: &World, events: u64, table: &mut Table) -> Outcome<()> {
    let began = Instant::now();
    let lines = world.feed().await?;
    if lines < events {
        return Err(format!("the feed told {lines} of {events} events").into());
    }
    println!("the whole feed: {:.0} events/s", rate(lines, began));
    let memory = world.server_memory()?;
    table.bound(
        "memory of the server, feed read whole",
        "MiB",
        &[memory],
        MEMORY,
    );
    Ok(())
}

/// Every read model made anew: they have no rows yet for what was written in bulk.
async fn rebuild(world: &World, table: &mut Table) -> Outcome<()> {
    let began = Instant::now();
    let (_, memory) = world.command(&["projections", "rebuild"]).await?;
    let seconds = began.elapsed().as_secs_f64();
    table.bound(
        "rebuild of all read models",
        "s",
        &[seconds],
        REBUILT_WITHIN,
    );
    table.bound("memory of the rebuild", "MiB", &[memory], MEMORY);
    Ok(())
}

/// The rate of verification beside that of reading the same rows and hashing them.
async fn verification(world: &World, store: &Store, table: &mut Table) -> Outcome<()> {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let floor = copy_and_hash(&world.url("owner")).await?;
        let began = Instant::now();
        let kept = store.kept_checkpoints(std::iter::empty::<Outcome<_>>())?;
        let verdict = store.verify_log(kept, |_| {}).await?;
        if verdict.damages > 0 {
            return Err(format!("{:?}", verdict.damaged).into());
        }
        rounds.push((rate(verdict.events, began), floor));
    }
    table.compare(
        "verification of the log",
        "events/s",
        &rounds,
        Goal::AtLeast(0.5),
    );
    Ok(())
}

async fn copy_and_hash(url: &str) -> Outcome<f64> {
    let mut connection = PgConnection::connect(url).await?;
    let count = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM events")
        .fetch_one(&mut connection)
        .await?;
    let began = Instant::now();
    let mut hasher = Sha256::new();
    let mut rows = connection.copy_out_raw("COPY events TO STDOUT").await?;
    while let Some(bytes) = rows.try_next().await? {
        hasher.update(&bytes);
    }
    drop(rows);
    std::hint::black_box(hasher.finalize());
    Ok(rate(count.cast_unsigned(), began))
}

#[expect(clippy::cast_precision_loss, reason = "a rate is no exact number")]
fn rate(events: u64, began: Instant) -> f64 {
    events as f64 / began.elapsed().as_secs_f64()
}

/// From the answer that follows the commit of an event to the checkpoint that covers it.
async fn signed_for(world: &World, table: &mut Table) -> Outcome<()> {
    let mut connection = PgConnection::connect(&world.url("owner")).await?;
    let person = world.person("idle@example.com").await?;
    let mut waits = Vec::new();
    for _ in 0..APPENDS {
        person.sign_in().await?;
        let began = Instant::now();
        while sqlx::query_scalar::<_, bool>("SELECT EXISTS (SELECT FROM unsequenced)")
            .fetch_one(&mut connection)
            .await?
        {}
        waits.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    table.bound(
        "an idle append until it is signed for",
        "ms",
        &waits,
        SIGNED_WITHIN,
    );
    Ok(())
}
