//! The chain, computed anew from what is documented, and history read by other code than ours.

use std::collections::HashMap;

use acceptance::{Deployment, Options};
use account::{Account, AccountEvent, SessionId};
use cqrs_es::persist::PersistedEventRepository;
use cqrs_es::{Aggregate, AggregateContext, AggregateError, EventStore};
use postgres_es::PostgresEventRepository;
use sha2::{Digest, Sha256};
use sqlx::{FromRow, PgConnection};

use crate::evidence::story::Story;
use crate::evidence::support::{keyring, owner, pool, store};

#[derive(Debug, FromRow)]
pub(crate) struct Row {
    pub(crate) aggregate_type: String,
    pub(crate) aggregate_id: String,
    pub(crate) sequence: i64,
    pub(crate) event_type: String,
    pub(crate) event_version: String,
    pub(crate) recorded_at: String,
    pub(crate) payload: String,
    pub(crate) metadata: String,
    pub(crate) hash: Vec<u8>,
    pub(crate) mac: Vec<u8>,
    pub(crate) key_id: i32,
}

impl Row {
    /// As the store's documentation of the event row has it.
    pub(crate) fn hash_after(&self, previous: &[u8]) -> Vec<u8> {
        fn with_length(hasher: &mut Sha256, text: &str) {
            hasher.update(u64::try_from(text.len()).unwrap().to_be_bytes());
            hasher.update(text.as_bytes());
        }
        let mut hasher = Sha256::new();
        hasher.update(b"countersign/event/v1\0");
        hasher.update(previous);
        let stream = format!("{}/{}", self.aggregate_type, self.aggregate_id);
        with_length(&mut hasher, &stream);
        hasher.update(u64::try_from(self.sequence).unwrap().to_be_bytes());
        for text in [
            &self.event_type,
            &self.event_version,
            &self.recorded_at,
            &self.payload,
            &self.metadata,
        ] {
            with_length(&mut hasher, text);
        }
        hasher.finalize().to_vec()
    }
}

/// All events, stream by stream.
pub(crate) async fn rows(connection: &mut PgConnection) -> Vec<Row> {
    sqlx::query_as(
        "SELECT aggregate_type, aggregate_id, sequence, event_type, event_version, recorded_at,
            payload::text AS payload, metadata::text AS metadata, hash, mac, key_id
        FROM events ORDER BY aggregate_type, aggregate_id, sequence",
    )
    .fetch_all(connection)
    .await
    .unwrap()
}

/// Checks: ASVS-16.4.2 (the chain).
#[tokio::test]
async fn every_hash_follows_from_the_documented_preimage_and_every_mac_from_the_key() {
    let deployment = Deployment::start().await;
    Story::lived_in(&deployment).await;
    let (mut connection, keyring) = (owner(&deployment).await, keyring(&deployment));
    let rows = rows(&mut connection).await;
    assert!(rows.len() > 20, "{} events", rows.len());
    let mut tips = HashMap::<String, (i64, Vec<u8>, String)>::new();
    for row in &rows {
        let stream = format!("{}/{}", row.aggregate_type, row.aggregate_id);
        let (last, tip, time) = tips
            .remove(&stream)
            .unwrap_or((0, vec![0; 32], String::new()));
        assert_eq!(row.sequence, last + 1, "{stream}");
        assert_eq!(row.hash, row.hash_after(&tip), "{stream} {}", row.sequence);
        assert!(time <= row.recorded_at, "{stream} {}", row.sequence);
        assert_eq!(row.recorded_at.len(), "2026-01-31T12:00:00.000000Z".len());
        let key = credentials::KeyId::try_from(row.key_id).unwrap();
        let parts: [&[u8]; 2] = [&key.0.to_be_bytes(), &row.hash];
        let mac = keyring
            .mac(credentials::Purpose::EventMac, key, &parts)
            .unwrap();
        assert_eq!(row.mac, mac);
        tips.insert(
            stream,
            (row.sequence, row.hash.clone(), row.recorded_at.clone()),
        );
    }
    assert!(tips.keys().any(|stream| stream.starts_with("staff/")));
}

#[tokio::test]
async fn the_log_gives_every_event_one_dense_position_and_its_own_hash_in_order() {
    let deployment = Deployment::with(Options::default().servers(2)).await;
    Story::lived_in(&deployment).await;
    let mut connection = owner(&deployment).await;
    let waiting = "SELECT count(*) FROM unsequenced";
    while sqlx::query_scalar::<_, i64>(waiting)
        .fetch_one(&mut connection)
        .await
        .unwrap()
        > 0
    {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let log = sqlx::query_as::<_, (i64, String, i64, Vec<u8>)>(
        "SELECT position, aggregate_type || '/' || aggregate_id, sequence, hash
        FROM log ORDER BY position",
    );
    let log = log.fetch_all(&mut connection).await.unwrap();
    let events = rows(&mut connection).await;
    assert_eq!(log.len(), events.len());
    let mut last = HashMap::<&str, i64>::new();
    for (expected, (position, stream, sequence, hash)) in (0..).zip(&log) {
        assert_eq!(*position, expected);
        assert_eq!(
            last.insert(stream, *sequence).unwrap_or(0) + 1,
            *sequence,
            "{stream}"
        );
        let event = events.iter().find(|event| {
            event.sequence == *sequence
                && *stream == format!("{}/{}", event.aggregate_type, event.aggregate_id)
        });
        assert_eq!(event.unwrap().hash, *hash);
    }
}

#[tokio::test]
async fn the_repository_of_postgres_es_reads_what_our_store_wrote() {
    let deployment = Deployment::start().await;
    let story = Story::lived_in(&deployment).await;
    let repository = PostgresEventRepository::new(pool(&deployment).await);
    let events = repository
        .get_events::<Account>(&story.account)
        .await
        .unwrap();
    let auditor = deployment.auditor().await;
    let told = deployment.events(&auditor, &story.account).await;
    assert_eq!(events.len(), told.len());
    let mut account = Account::default();
    for (event, told) in events.iter().zip(&told) {
        assert_eq!(event.aggregate_id, story.account);
        assert_eq!(event.aggregate_type, "account");
        assert_eq!(told["sequence"], event.sequence);
        assert_eq!(told["type"], *event.event_type);
        assert_eq!(told["version"].to_string(), event.event_version);
        let payload = serde_json::from_value::<AccountEvent>(event.payload.clone()).unwrap();
        account.apply(payload);
    }
    let path = format!("/audit/accounts/{}/state", story.account);
    let state = auditor.get(&path).await.expect(200);
    let opened = account.opened.unwrap();
    assert_eq!(
        state.json["state"]["created_at"],
        serde_json::json!(opened.at)
    );
    assert_eq!(
        state.json["state"]["sessions"].as_array().unwrap().len(),
        opened.sessions.len()
    );
    let last = repository
        .get_last_events::<Account>(&story.account, events.len() - 2)
        .await
        .unwrap();
    assert_eq!(last.len(), 2);
}

#[tokio::test]
async fn what_is_committed_as_cqrs_es_has_it_is_in_the_read_models_and_a_stale_context_is_refused()
{
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let caller = ada.sign_in(&deployment.visitor()).await;
    let session = caller.get("/session").await.text_at("/session/id");
    let event = AccountEvent::SignedOut {
        session: SessionId::from_uuid(session.parse().unwrap()),
    };
    let (store, account) = (
        store(&deployment).await,
        deployment.account_id(&ada.email).await,
    );
    let mut context = store.load_aggregate(&account).await.unwrap();
    let stale = store.load_aggregate(&account).await.unwrap();
    context.aggregate().apply(event.clone());
    let committed = EventStore::commit(&store, vec![event.clone()], context, HashMap::new())
        .await
        .unwrap();
    caller
        .get("/session")
        .await
        .expect_problem(401, "unauthenticated");
    let history = store.load_events(&account).await.unwrap();
    let last = history.last().unwrap();
    assert_eq!(last.payload, event);
    assert_eq!(last.sequence, committed[0].sequence);
    let refused = EventStore::commit(&store, vec![event], stale, HashMap::new()).await;
    assert!(matches!(refused, Err(AggregateError::AggregateConflict)));
    assert_eq!(
        store.load_events(&account).await.unwrap().len(),
        history.len()
    );
    deployment.verify().await;
}
