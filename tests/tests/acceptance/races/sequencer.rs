//! The one order of all events: given once, without holes, by one leader at a time.

use std::time::{Duration, Instant};

use acceptance::{Deployment, Options};
use serde_json::json;
use sqlx::PgConnection;

use crate::races::crash::{assert_order, count, wait_for_positions};
use crate::races::load::{Resident, under_load};

async fn two_servers() -> (Deployment, Vec<Resident>) {
    let options = Options::default()
        .servers(2)
        .setting("COUNTERSIGN_SOURCE_LIMITS", "off");
    let deployment = Deployment::with(options).await;
    let mut residents = Vec::new();
    for name in ["ada", "ben", "cleo"] {
        residents.push(Resident::arrive(&deployment, name).await);
    }
    (deployment, residents)
}

/// The database process of whoever leads, if anybody does.
async fn leader(connection: &mut PgConnection) -> Option<i32> {
    let query = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted
            AND mode = 'ExclusiveLock'
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    sqlx::query_scalar(query)
        .fetch_optional(connection)
        .await
        .unwrap()
}

/// Scenario:
/// 1. Two servers; three people use their accounts at both of them, in turns, all the time.
/// 2. Meanwhile, sixty times over, whatever has been appended is looked up again until all of it
///    has a position: that takes less than a second as a rule.
/// 3. In the end every event is in the log once; positions are dense; no event of an account
///    stands before an earlier one; chains and read models agree.
#[tokio::test]
async fn events_of_two_servers_get_dense_positions_in_order_within_a_second() {
    let (deployment, residents) = two_servers().await;
    let visitors = [deployment.visitor_at(0), deployment.visitor_at(1)];
    let mut delays = Vec::new();
    let mut connection = deployment.connection("countersign_owner").await;
    let auditor = deployment.auditor().await;
    let watch = async {
        for _ in 0..60 {
            delays.push(until_all_have_positions(&mut connection).await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let mut residents = under_load(residents, &visitors, 0, watch).await;
    delays.sort();
    assert!(delays[30] < Duration::from_secs(1), "{delays:?}");
    for resident in &mut residents {
        resident.check(&auditor, &deployment.servers[0].url).await;
    }
    wait_for_positions(&mut connection).await;
    assert_order(&mut connection).await;
    deployment.verify().await;
}

/// How long until everything that is there now is in the log.
async fn until_all_have_positions(connection: &mut PgConnection) -> Duration {
    let newest = count(connection, "SELECT coalesce(max(id), 0) FROM events").await;
    let waiting = format!("SELECT count(*) FROM unsequenced WHERE id <= {newest}");
    let began = Instant::now();
    while count(connection, &waiting).await > 0 {
        assert!(began.elapsed() < Duration::from_secs(10), "no position");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    began.elapsed()
}

/// Scenario:
/// 1. Two servers, load at both; the first leads, since it was there alone.
/// 2. The leader is killed with `kill -9` in the middle of it; the load goes on at the other one.
/// 3. The other takes the lead within seconds: events have positions, dense and in order, none
///    twice; everything that was acknowledged is there.
/// 4. The dead one is started anew, as the standby, and the new leader is killed: six rounds.
#[tokio::test]
async fn when_the_leader_is_killed_the_other_server_gives_positions_without_hole_or_duplicate() {
    let (mut deployment, mut residents) = two_servers().await;
    let auditor = deployment.auditor().await;
    let mut connection = deployment.connection("countersign_owner").await;
    for round in 0..6 {
        let led = leader(&mut connection).await.expect("nobody leads");
        let visitors = [deployment.visitor_at(0), deployment.visitor_at(1)];
        let (dies, lives) = if round % 2 == 0 { (0, 1) } else { (1, 0) };
        let death = deployment.servers[dies].kill();
        residents = under_load(residents, &visitors, round, death).await;

        let survivor = [visitors[lives].clone()];
        let taken_over = taken_over(&mut connection, led);
        residents = under_load(residents, &survivor, round, taken_over).await;
        for resident in &mut residents {
            let url = &deployment.servers[lives].url;
            resident.check(&auditor.at(url), url).await;
        }
        wait_for_positions(&mut connection).await;
        assert_order(&mut connection).await;
        deployment.restart(dies).await;
    }
    deployment.verify().await;
}

/// Until somebody else leads than `led`, and has given a position.
async fn taken_over(connection: &mut PgConnection, led: i32) {
    let began = Instant::now();
    let positions = count(connection, "SELECT count(*) FROM log").await;
    loop {
        let changed = leader(connection).await.is_some_and(|leads| leads != led);
        if changed && count(connection, "SELECT count(*) FROM log").await > positions {
            return;
        }
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "nobody took the lead"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A copy of the account's last `TwoFactorDisabled` as its next event, as whoever owns the tables
/// can write it: hash and all, but for the MAC.
const FORGE: &str = "
    WITH last AS (
        SELECT * FROM events WHERE aggregate_id = $1 ORDER BY sequence DESC LIMIT 1
    ), copied AS (
        SELECT * FROM events WHERE aggregate_id = $1 AND event_type = 'TwoFactorDisabled' LIMIT 1
    )
    INSERT INTO events (aggregate_id, aggregate_type, sequence, event_type, event_version,
        payload, metadata, recorded_at, hash, mac, key_id)
    SELECT c.aggregate_id, c.aggregate_type, l.sequence + 1, c.event_type, c.event_version,
        c.payload, c.metadata, l.recorded_at,
        sha256('countersign/event/v1'::bytea || '\\x00'::bytea || l.hash
            || framed('account/' || c.aggregate_id) || int8send(l.sequence + 1)
            || framed(c.event_type) || framed(c.event_version) || framed(l.recorded_at)
            || framed(c.payload::text) || framed(c.metadata::text)),
        c.mac, c.key_id
    FROM last l, copied c
    RETURNING id, sequence";

const FRAMED: &str = "
    CREATE FUNCTION pg_temp.framed(value text) RETURNS bytea LANGUAGE sql AS $$
        SELECT int8send(octet_length(convert_to(value, 'UTF8'))::bigint)
            || convert_to(value, 'UTF8')
    $$";

/// Scenario:
/// 1. An owner has turned two-factor on, off, and on again. Whoever owns the tables appends a
///    further `TwoFactorDisabled` to the account: a right hash over the right predecessor, but the
///    MAC of another event. No trigger stops an insert.
/// 2. Sign-in gives no session without a code. `projections check` names the account and the event.
///    Other accounts' events get positions; the forged one never does.
/// 3. It is put on the sequencer's work list as well: still no position, and the log says why.
///    Taken off the list, everything else goes on.
#[tokio::test]
async fn a_forged_event_is_never_given_a_position_and_is_reported() {
    let deployment = Deployment::start().await;
    let ada = deployment.register("ada@example.com").await;
    let visitor = deployment.visitor();
    let owner = ada.sign_in(&visitor).await;
    ada.enable_two_factor(&owner, deployment.clock.now()).await;
    let body = json!({ "current_password": ada.password });
    owner
        .post("/settings/two-factor/disable", body)
        .await
        .expect(204);
    deployment.clock.turn_to_next_step();
    ada.enable_two_factor(&owner, deployment.clock.now()).await;
    let account = deployment.account_id(&ada.email).await;
    let mut connection = deployment.connection("countersign_owner").await;
    wait_for_positions(&mut connection).await;

    sqlx::raw_sql(FRAMED)
        .execute(&mut connection)
        .await
        .unwrap();
    let forge = FORGE.replace("framed(", "pg_temp.framed(");
    let (id, sequence) = sqlx::query_as::<_, (i64, i64)>(&forge)
        .bind(&account)
        .fetch_one(&mut connection)
        .await
        .unwrap();

    let answer = visitor.post("/login", ada.login()).await;
    assert_ne!(answer.json["status"], "signed_in", "{}", answer.text);
    let report = deployment.projections().await.to_string();
    assert!(report.contains(&account), "{report}");
    let what = format!("event {sequence}");
    assert!(report.contains(&what) && report.contains("MAC"), "{report}");
    deployment.create_account("ben@example.com").await;
    wait_for_positions(&mut connection).await;

    let forged = format!(
        "SELECT count(*) FROM log WHERE aggregate_id = '{account}' AND sequence = {sequence}"
    );
    assert_eq!(count(&mut connection, &forged).await, 0);
    sqlx::query("INSERT INTO unsequenced SELECT id, aggregate_id, aggregate_type, sequence FROM events WHERE id = $1")
        .bind(id)
        .execute(&mut connection)
        .await
        .unwrap();
    reported(&deployment, &what).await;
    assert_eq!(count(&mut connection, &forged).await, 0);

    sqlx::query("DELETE FROM unsequenced WHERE id = $1")
        .bind(id)
        .execute(&mut connection)
        .await
        .unwrap();
    deployment.create_account("cleo@example.com").await;
    wait_for_positions(&mut connection).await;
    assert_eq!(count(&mut connection, &forged).await, 0);
}

/// Until the server's log says that the sequencer stopped at the event.
async fn reported(deployment: &Deployment, event: &str) {
    let began = Instant::now();
    loop {
        let log = deployment.log(0);
        let told = |line: &str| {
            line.contains("the sequencer stopped") && line.contains(event) && line.contains("MAC")
        };
        if log.lines().any(told) {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{log}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Scenario:
/// 1. Somebody deletes events that wait for their positions, as many as are looked at together, and
///    leaves them on the work list, before all others.
/// 2. Nothing is given a position any more, and the log says so, and how many stand in the way: once.
/// 3. Taken off the list, everything goes on.
#[tokio::test]
async fn a_work_list_whose_events_are_gone_is_reported() {
    let deployment = Deployment::start().await;
    deployment.create_account("ada@example.com").await;
    let mut connection = deployment.connection("countersign_owner").await;
    wait_for_positions(&mut connection).await;
    let orphans = "INSERT INTO unsequenced
        SELECT -number, gen_random_uuid()::text, 'account', 1 FROM generate_series(1, 1000) number";
    sqlx::query(orphans).execute(&mut connection).await.unwrap();
    deployment.create_account("ben@example.com").await;
    let told = || {
        let log = deployment.log(0);
        let told = log
            .lines()
            .filter(|line| line.contains("\"ERROR\"") && line.contains("1000"));
        told.filter(|line| line.contains("work list")).count()
    };
    let began = Instant::now();
    while told() == 0 {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "{}",
            deployment.log(0)
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let waiting = count(&mut connection, "SELECT count(*) FROM unsequenced").await;
    assert_eq!(waiting, 1001);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(told(), 1);

    sqlx::query("DELETE FROM unsequenced WHERE id < 0")
        .execute(&mut connection)
        .await
        .unwrap();
    wait_for_positions(&mut connection).await;
    deployment.verify().await;
}
