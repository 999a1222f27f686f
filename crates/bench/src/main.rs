//! `scripts/bench`: each figure beside its floor, interleaved in one run, as a ratio with its
//! spread. One table for people, and the same as `target/bench.json`.
#![expect(
    clippy::print_stdout,
    reason = "a table on the terminal is what this program makes"
)]

mod checks;
mod client;
mod commands;
mod floors;
mod growth;
mod history;
mod log;
mod people;
mod resources;
mod sign_ins;
mod stock;
mod table;
mod world;

use std::error::Error;

use mimalloc::MiMalloc;
use sign_ins::Crowd;
use table::Table;
use world::World;

/// Whatever went wrong ends the run.
type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// How many events the log is measured with, unless an argument says otherwise.
const EVENTS: u64 = 100_000;

/// People who sign in with a password, and have a session to check.
const PLAIN: usize = 2_000;
/// People with two-factor on; none signs in twice, since a code counts once.
const TWO_FACTOR: usize = 2_000;

/// And as many sessions.
const ACCOUNTS: usize = 1_000_000;

/// What can be measured alone, by its name.
const PARTS: [&str; 6] = [
    "sign-ins",
    "checks",
    "commands",
    "log",
    "growth",
    "resources",
];

/// The service's own, so that both sides of a ratio have it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> Outcome<()> {
    let (mut events, mut parts) = (EVENTS, Vec::new());
    for argument in std::env::args().skip(1) {
        match PARTS.iter().find(|part| **part == argument) {
            Some(part) => parts.push(*part),
            None if argument == "constant" => return floors::serve_constant().await,
            None => events = argument.parse()?,
        }
    }
    let mut table = Table::default();
    measure(events, &parts, &mut table).await?;
    print!("{table}");
    let report = serde_json::to_vec_pretty(&table.json())?;
    std::fs::write("target/bench.json", report)?;
    Ok(())
}

async fn measure(events: u64, parts: &[&str], table: &mut Table) -> Outcome<()> {
    let wanted = |part| parts.is_empty() || parts.contains(&part);
    if wanted("resources") {
        resources::binary(table)?;
        resources::starts(table).await?;
    }
    let world = World::start().await?;
    if wanted("resources") {
        resources::idle(&world, table).await?;
    }
    let hash = people::password_hash().await?;
    let store = world.store().await?;
    let plain = people::open(&store, &hash, PLAIN, false).await?;
    let two_factor = people::open(&store, &hash, TWO_FACTOR, true).await?;
    let crowd = Crowd::new(plain, two_factor);
    if wanted("sign-ins") {
        sign_ins::measure(&world, &crowd, table).await?;
    }
    if wanted("checks") {
        checks::measure(&world, &crowd, table).await?;
    }
    if wanted("resources") {
        resources::under_load(&world, table)?;
    }
    if wanted("commands") {
        commands::measure(&world, &store, &hash, table).await?;
    }
    if wanted("log") {
        log::measure(&world, &store, events, table).await?;
    }
    // Last: what it fills in has no history that could be verified.
    if wanted("growth") {
        growth::accounts(&world, &hash, ACCOUNTS, table).await?;
    }
    world.stop().await
}
