//! Whatever staff do is on record: one event a request, under their name, before the answer.

use acceptance::{Caller, Deployment};
use serde_json::{Value, json};

use crate::surface::world::{NOBODYS_ID, World, staff_id};

/// Types of the events in a stream so far, straight from the database.
pub(crate) async fn recorded(deployment: &Deployment, kind: &str, id: &str) -> Vec<String> {
    let mut connection = deployment.connection("countersign_owner").await;
    sqlx::query_scalar(
        "SELECT event_type FROM events WHERE aggregate_type = $1 AND aggregate_id = $2 \
         ORDER BY sequence",
    )
    .bind(kind)
    .bind(id)
    .fetch_all(&mut connection)
    .await
    .unwrap()
}

struct Record<'w> {
    world: &'w World,
    staff: String,
}

impl Record<'_> {
    /// Makes a call; exactly this is on record the moment the answer is there, and the account's
    /// history is as long as before.
    async fn of(&self, caller: &Caller, call: (&str, &str, Value), status: u16, event: &str) {
        let (method, path, body) = call;
        let deployment = &self.world.deployment;
        let before = recorded(deployment, "staff", &self.staff).await;
        let account = recorded(deployment, "account", &self.world.ada_id).await;
        let body = (method != "GET").then_some(body);
        let answer = caller.send(method.parse().unwrap(), path, body).await;
        let after = recorded(deployment, "staff", &self.staff).await;
        let answer = answer.expect(status);
        let expected = [before, vec![event.to_owned()]].concat();
        assert_eq!(after, expected, "{method} {path}: {}", answer.text);
        let unchanged = recorded(deployment, "account", &self.world.ada_id).await;
        assert_eq!(unchanged, account, "{method} {path}");
    }
}

/// Checks: staff_read_recorded (ASVS-16.3.2).
#[tokio::test]
async fn staff_read_recorded_every_call_of_support_is_one_event_of_their_own_stream() {
    let world = World::start().await;
    let record = Record {
        world: &world,
        staff: staff_id(&world.deployment, "Sam Support").await,
    };
    let support = &world.support;
    let id = &world.ada_id;
    let search = "/support/accounts/search";
    let examine = format!("/support/accounts/{id}");
    let unlock = format!("/support/accounts/{id}/unlock");
    let reason = json!({ "reason": "lost phone" });
    let nobody = format!("/support/accounts/{NOBODYS_ID}/unlock");
    for (call, status, event) in [
        (
            ("POST", search, json!({ "email": "ada@example.com" })),
            200,
            "AccountSearched",
        ),
        (
            ("POST", search, json!({ "email": "nobody@example.com" })),
            200,
            "AccountSearched",
        ),
        (("GET", &examine, Value::Null), 200, "AccountViewed"),
        (("POST", &unlock, reason.clone()), 409, "CallRefused"),
        (
            ("POST", &unlock, json!({ "reason": "" })),
            422,
            "CallRefused",
        ),
        (("POST", &unlock, json!({})), 400, "CallRefused"),
        (("POST", &nobody, reason.clone()), 404, "CallRefused"),
        (
            ("POST", search, json!({ "email": "no address" })),
            400,
            "CallRefused",
        ),
        (("GET", "/audit/events", Value::Null), 403, "CallRefused"),
        (("GET", "/session", Value::Null), 403, "CallRefused"),
        (("PUT", "/settings/password", json!({})), 403, "CallRefused"),
        (
            ("GET", "/support/accounts/none", Value::Null),
            404,
            "CallRefused",
        ),
    ] {
        record.of(support, call, status, event).await;
    }
}

#[tokio::test]
async fn staff_read_recorded_an_unlock_stands_in_the_accounts_history_and_its_repeat_in_ones_own() {
    let world = World::start().await;
    let record = Record {
        world: &world,
        staff: staff_id(&world.deployment, "Sam Support").await,
    };
    let unlock = format!("/support/accounts/{}/unlock", world.ada_id);
    let reason = json!({ "reason": "lost phone" });
    world
        .ada
        .enable_two_factor(&world.owner, world.deployment.clock.now())
        .await;
    let keyed = world.support.clone().with_header("idempotency-key", "k");
    let before = recorded(&world.deployment, "staff", &record.staff).await;
    keyed.post(&unlock, reason.clone()).await.expect(200);
    let account = recorded(&world.deployment, "account", &world.ada_id).await;
    assert!(
        account.contains(&"AccountUnlocked".to_owned()),
        "{account:?}"
    );
    assert_eq!(
        recorded(&world.deployment, "staff", &record.staff).await,
        before
    );
    record
        .of(&keyed, ("POST", &unlock, reason), 200, "UnlockRepeated")
        .await;
}

#[tokio::test]
async fn staff_read_recorded_every_call_of_an_auditor_is_one_event_and_no_history_grows_by_it() {
    let world = World::start().await;
    let staff = staff_id(&world.deployment, "Alex Auditor").await;
    let record = Record {
        world: &world,
        staff,
    };
    let auditor = &world.auditor;
    let events = format!("/audit/accounts/{}/events", world.ada_id);
    let state = format!("/audit/accounts/{}/state", world.ada_id);
    let page = format!("{events}?after=1&limit=1");
    let (nothing, future) = (format!("{events}?limit=0"), format!("{state}?at=99"));
    let nobody = format!("/audit/accounts/{NOBODYS_ID}/events");
    let get = |path| ("GET", path, Value::Null);
    for (path, status, event) in [
        (events.as_str(), 200, "HistoryRead"),
        (&page, 200, "HistoryRead"),
        (&state, 200, "StateRead"),
        ("/audit/events", 200, "FeedRead"),
        ("/audit/events?after=3&limit=2", 200, "FeedRead"),
        ("/audit/checkpoint", 200, "CheckpointRead"),
        ("/audit/events/0/proof", 200, "InclusionProved"),
        ("/audit/events/1/proof?size=2", 200, "InclusionProved"),
        ("/audit/consistency?from=1", 200, "ConsistencyProved"),
        ("/audit/tile/0/000.p/2", 200, "TileRead"),
        ("/audit/tile/entries/000.p/1", 200, "TileRead"),
        ("/audit/events/2/proof?size=2", 404, "CallRefused"),
        ("/audit/consistency?from=0", 400, "CallRefused"),
        ("/audit/tile/0/999", 404, "CallRefused"),
        (&nothing, 400, "CallRefused"),
        (&future, 400, "CallRefused"),
        (&nobody, 404, "CallRefused"),
        ("/support/accounts/none", 403, "CallRefused"),
        ("/sessions", 403, "CallRefused"),
    ] {
        record.of(auditor, get(path), status, event).await;
    }
    let lines = auditor
        .clone()
        .with_header("accept", "application/x-ndjson");
    record
        .of(&lines, get("/audit/events"), 200, "FeedRead")
        .await;
}

#[tokio::test]
async fn a_record_tells_who_did_what_about_whom_in_which_request() {
    let world = World::start().await;
    let asking = world.support.clone().with_header("x-request-id", "look-1");
    let asking = asking.with_header("user-agent", "helpdesk/2");
    asking
        .get(&format!("/support/accounts/{}", world.ada_id))
        .await
        .expect(200);
    let search = json!({ "email": "nobody@example.com" });
    asking
        .post("/support/accounts/search", search)
        .await
        .expect(200);
    asking.get("/audit/events").await.expect(403);

    crate::surface::world::all_settled(&world.deployment).await;
    let sam = staff_id(&world.deployment, "Sam Support").await;
    let feed = world
        .auditor
        .get("/audit/events?limit=500")
        .await
        .expect(200);
    let feed = feed.json["events"].as_array().unwrap();
    let mine = feed
        .iter()
        .filter(|event| event["actor"]["id"] == sam)
        .collect::<Vec<_>>();
    assert_eq!(mine.len(), 3);
    for event in &mine {
        assert_eq!(event["stream"], format!("staff/{sam}"));
        assert!(event.get("account_id").is_none(), "{event}");
        assert_eq!(
            event["actor"],
            json!({ "kind": "support", "id": sam, "name": "Sam Support" })
        );
        let origin = json!({ "id": "look-1", "ip": "127.0.0.1", "user_agent": "helpdesk/2" });
        assert_eq!(event["request"], origin);
    }
    assert_eq!(mine[0]["data"], json!({ "account": world.ada_id }));
    assert_eq!(mine[1]["data"]["account"], Value::Null);
    assert_eq!(mine[1]["data"]["address"], "nobody@example.com");
    assert_eq!(mine[2]["data"]["operation"], "GET /api/v1/audit/events");
    assert_eq!(mine[2]["data"]["code"], "forbidden");
    world.deployment.verify().await;
}
