//! The same account under cqrs-es and postgres-es as they come, with one view.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use account::command::{NewSession, OpenAccount, PresentPassword, SignOut};
use account::event::Opening;
use account::{
    Account, AccountEvent, ChallengeId, Command, CredentialId, DeviceId, PasswordVerdict, Policy,
    SessionId,
};
use chrono::{DateTime, Utc};
use cqrs_es::persist::GenericQuery;
use cqrs_es::{EventEnvelope, View};
use credentials::{DataKey, Field, Random, SystemRandom};
use postgres_es::{PostgresCqrs, PostgresViewRepository, postgres_cqrs};
use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, Executor, PgConnection};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::Outcome;
use crate::commands::{ACCOUNTS, SLICE, WRITERS};
use crate::history::metadata;
use crate::people::now;
use crate::world::World;

pub(crate) struct Stock {
    framework: Arc<PostgresCqrs<Account>>,
    writers: Vec<Vec<Member>>,
}

/// Whoever signs in and out.
struct Member {
    id: Uuid,
    password: CredentialId,
    session: SessionId,
    device: DeviceId,
    metadata: String,
}

/// The view of one account.
#[derive(Debug, Default, Serialize, Deserialize)]
struct LastSignIn(Option<DateTime<Utc>>);

impl View<Account> for LastSignIn {
    fn update(&mut self, event: &EventEnvelope<Account>) {
        if let AccountEvent::SignedIn { at, .. } = event.payload {
            self.0 = Some(at);
        }
    }
}

impl Stock {
    pub(crate) async fn prepare(world: &World) -> Outcome<Self> {
        let url = world.url("owner");
        let tables = "CREATE SCHEMA stock;
            CREATE TABLE stock.events (
                aggregate_type text NOT NULL, aggregate_id text NOT NULL,
                sequence bigint CHECK (sequence >= 0) NOT NULL,
                event_type text NOT NULL, event_version text NOT NULL,
                payload json NOT NULL, metadata json NOT NULL,
                PRIMARY KEY (aggregate_type, aggregate_id, sequence)
            );
            CREATE TABLE stock.sign_ins (
                view_id text NOT NULL, version bigint CHECK (version >= 0) NOT NULL,
                payload json NOT NULL, PRIMARY KEY (view_id)
            );";
        PgConnection::connect(&url).await?.execute(tables).await?;
        let options = url.parse::<PgConnectOptions>()?;
        let pool = PgPoolOptions::new()
            .max_connections(16)
            .connect_with(options.options([("search_path", "stock")]))
            .await?;
        let view = Arc::new(PostgresViewRepository::new("sign_ins", pool.clone()));
        let query: GenericQuery<_, LastSignIn, Account> = GenericQuery::new(view);
        let framework = postgres_cqrs(pool, vec![Box::new(query)], Policy::default());
        let mut writers = Vec::new();
        for _ in 0..WRITERS {
            let mut members = Vec::new();
            for _ in 0..ACCOUNTS {
                members.push(Member::open(&framework).await?);
            }
            writers.push(members);
        }
        Ok(Self {
            framework: Arc::new(framework),
            writers,
        })
    }

    /// Commands a second.
    pub(crate) async fn run(&mut self) -> Outcome<f64> {
        let began = Instant::now();
        let mut tasks = JoinSet::new();
        for mut members in self.writers.drain(..) {
            let framework = Arc::clone(&self.framework);
            tasks.spawn(async move {
                let mut done = 0_u32;
                while began.elapsed() < SLICE {
                    for member in &mut members {
                        member.sign_in(&framework).await?;
                        member.sign_out(&framework).await?;
                        done += 2;
                    }
                }
                Outcome::Ok((done, members))
            });
        }
        let mut done = 0;
        for outcome in tasks.join_all().await {
            let (of_one, members) = outcome?;
            done += of_one;
            self.writers.push(members);
        }
        Ok(f64::from(done) / began.elapsed().as_secs_f64())
    }
}

impl Member {
    async fn open(framework: &PostgresCqrs<Account>) -> Outcome<Self> {
        let random: &dyn Random = &SystemRandom;
        let (at, id, key) = (now(), random.id(now())?, DataKey::generate(random)?);
        let email = key.conceal(id, Field::Email, &format!("{id}@example.com"), random)?;
        let member = Self {
            id,
            password: CredentialId::from_uuid(random.id(at)?),
            session: SessionId::from_uuid(id),
            device: DeviceId::from_uuid(random.id(at)?),
            metadata: serde_json::to_string(&metadata(id, &key, at)?)?,
        };
        let command = Command::OpenAccount(OpenAccount {
            at,
            email,
            password: member.password,
            by: Opening::Operator,
            device: None,
        });
        member.execute(framework, command).await?;
        Ok(member)
    }

    async fn sign_in(&mut self, framework: &PostgresCqrs<Account>) -> Outcome<()> {
        let random: &dyn Random = &SystemRandom;
        self.session = SessionId::from_uuid(random.id(now())?);
        let command = Command::PresentPassword(PresentPassword {
            at: now(),
            verdict: PasswordVerdict::new(self.password, true),
            device: Some(self.device),
            wait: None,
            rehashed: None,
            session: NewSession {
                id: self.session,
                device: self.device,
            },
            challenge: ChallengeId::from_uuid(Uuid::nil()),
        });
        self.execute(framework, command).await
    }

    async fn sign_out(&self, framework: &PostgresCqrs<Account>) -> Outcome<()> {
        let (at, session) = (now(), self.session);
        let command = Command::SignOut(SignOut { at, session });
        self.execute(framework, command).await
    }

    async fn execute(&self, framework: &PostgresCqrs<Account>, command: Command) -> Outcome<()> {
        let metadata = HashMap::from([("metadata".to_owned(), self.metadata.clone())]);
        framework
            .execute_with_metadata(&self.id.to_string(), command, metadata)
            .await
            .map_err(|error| format!("{error:?}").into())
    }
}
