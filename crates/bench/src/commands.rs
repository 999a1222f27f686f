//! Commands without hashing: beside what a command cannot avoid, beside the stock framework, and on
//! a long history.

use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

use credentials::PasswordHash;
use sqlx::{Connection as _, Executor, PgConnection};
use store::Store;
use tokio::process::Command;
use tokio::task::JoinSet;

use crate::Outcome;
use crate::people::{self, Person};
use crate::stock::Stock;
use crate::table::{Goal, Table};
use crate::world::World;

const ROUNDS: usize = 5;
pub(crate) const SLICE: Duration = Duration::from_secs(1);
pub(crate) const WRITERS: usize = 8;
/// Of each writer, in turns, so that no stream grows long.
pub(crate) const ACCOUNTS: usize = 16;

pub(crate) async fn measure(
    world: &World,
    store: &Store,
    hash: &PasswordHash,
    table: &mut Table,
) -> Outcome<()> {
    let mut writers = Vec::new();
    for _ in 0..WRITERS {
        writers.push(people::open(store, hash, ACCOUNTS, false).await?);
    }
    let pgbench = PgBench::prepare(world, &writers).await?;
    let mut stock = Stock::prepare(world).await?;
    let (mut floors, mut stocks) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let floor = pgbench.run().await?;
        let ours;
        (ours, writers) = commands(store, writers).await?;
        let theirs = stock.run().await?;
        floors.push((ours, floor));
        stocks.push((ours, theirs));
    }
    let (unit, floor) = ("1/s", Goal::AtLeast(0.4));
    table.compare(
        "commands, beside one SELECT and one INSERT",
        unit,
        &floors,
        floor,
    );
    let twice = Goal::AtLeast(2.0);
    table.compare(
        "commands, beside stock cqrs-es with a view",
        unit,
        &stocks,
        twice,
    );
    Ok(())
}

/// Signing in and out in turns, by eight writers, each on accounts of its own.
async fn commands(store: &Store, writers: Vec<Vec<Person>>) -> Outcome<(f64, Vec<Vec<Person>>)> {
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for mut people in writers {
        let store = store.clone();
        tasks.spawn(async move {
            let mut done = 0_u32;
            while began.elapsed() < SLICE {
                for person in &mut people {
                    person.sign_out(&store).await?;
                    person.sign_in_again(&store).await?;
                    done += 2;
                }
            }
            Outcome::Ok((done, people))
        });
    }
    let (mut done, mut writers) = (0, Vec::new());
    for outcome in tasks.join_all().await {
        let (of_one, people) = outcome?;
        done += of_one;
        writers.push(people);
    }
    Ok((f64::from(done) / began.elapsed().as_secs_f64(), writers))
}

/// What a command cannot avoid: to read the row of a state, and to write the row of an event.
struct PgBench {
    script: tempfile::NamedTempFile,
    url: String,
    payload: String,
    metadata: String,
}

const SCRIPT: &str = r"
SELECT version, tip, recorded_at, shape, state, mac, key_id FROM bench.states
    WHERE aggregate_id = 'account-' || :client_id::text AND aggregate_type = 'account';
INSERT INTO bench.events (aggregate_id, aggregate_type, sequence, event_type, event_version,
        payload, metadata, recorded_at, hash, mac, key_id)
    VALUES ('account-' || :client_id::text, 'account', nextval('bench.sequences'), 'SignedIn', '1',
        :payload::json, :metadata::json, :recorded_at::text, sha256(''), sha256(''), 1);
";

impl PgBench {
    async fn prepare(world: &World, writers: &[Vec<Person>]) -> Outcome<Self> {
        let url = world.url("owner");
        let mut connection = PgConnection::connect(&url).await?;
        connection
            .execute(
                "CREATE SCHEMA bench;
                CREATE TABLE bench.events (LIKE events INCLUDING ALL);
                CREATE TABLE bench.states (LIKE states INCLUDING ALL);
                CREATE SEQUENCE bench.sequences CACHE 1000;",
            )
            .await?;
        for (number, people) in writers.iter().enumerate() {
            let person = people.first().ok_or("nobody")?;
            sqlx::query(
                "INSERT INTO bench.states SELECT 'account-' || $1, s.aggregate_type, s.version, s.tip,
                    s.recorded_at, s.shape, s.state, s.mac, s.key_id
                FROM states s WHERE s.aggregate_id = $2",
            )
            .bind(number.to_string())
            .bind(person.account.to_string())
            .execute(&mut connection)
            .await?;
        }
        let event = sqlx::query_as::<_, (String, String)>(
            "SELECT payload::text, metadata::text FROM events WHERE event_type = 'SignedIn' LIMIT 1",
        );
        let (payload, metadata) = event.fetch_one(&mut connection).await?;
        let mut script = tempfile::NamedTempFile::new()?;
        script.write_all(SCRIPT.as_bytes())?;
        Ok(Self {
            script,
            url,
            payload,
            metadata,
        })
    }

    async fn run(&self) -> Outcome<f64> {
        let output = Command::new("pgbench")
            .args([
                "-n", "-M", "prepared", "-c", "8", "-j", "2", "-T", "1", "-f",
            ])
            .arg(self.script.path())
            .args(["-D", "recorded_at=2026-01-01T00:00:00.000000Z", "-D"])
            .arg(format!("payload={}", self.payload))
            .arg("-D")
            .arg(format!("metadata={}", self.metadata))
            .arg(&self.url)
            .stderr(Stdio::inherit())
            .output()
            .await?;
        let told = String::from_utf8(output.stdout)?;
        let rate = told.lines().find_map(|line| line.strip_prefix("tps = "));
        let rate = rate.and_then(|rest| rest.split(' ').next());
        Ok(rate.ok_or("pgbench told no rate")?.parse()?)
    }
}
