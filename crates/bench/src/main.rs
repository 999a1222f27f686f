//! `scripts/bench`: each figure beside its floor, interleaved in one run, as a ratio with its
//! spread. One table for people, and the same as `target/bench.json`.
#![expect(
    clippy::print_stdout,
    reason = "a table on the terminal is what this program makes"
)]

mod history;
mod log;
mod table;
mod world;

use std::error::Error;

use table::Table;
use world::World;

/// Whatever went wrong ends the run.
type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// How many events the log is measured with, unless an argument says otherwise.
const EVENTS: u64 = 1_000_000;

#[tokio::main]
async fn main() -> Outcome<()> {
    let events = match std::env::args().nth(1) {
        Some(text) => text.parse()?,
        None => EVENTS,
    };
    let mut table = Table::default();
    let world = World::start().await?;
    log::measure(&world, events, &mut table).await?;
    world.stop().await?;
    print!("{table}");
    std::fs::write(
        "target/bench.json",
        serde_json::to_vec_pretty(&table.json())?,
    )?;
    Ok(())
}
