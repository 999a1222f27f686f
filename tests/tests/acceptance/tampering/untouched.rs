//! Nothing is found where nobody did anything, whatever happened to the servers.

use std::time::Duration;

use acceptance::{Deployment, Options};

use crate::races::crash::wait_for_positions;
use crate::races::load::{Resident, under_load};
use crate::tampering::world::{Verdict, World, kept_files};

const VERIFY: [&str; 3] = ["audit", "verify", "--json"];

async fn lived_in(servers: usize) -> (Deployment, Vec<Resident>) {
    let options = Options::default()
        .servers(servers)
        .setting("COUNTERSIGN_CHECKPOINT_INTERVAL", "1s")
        .setting("COUNTERSIGN_SOURCE_LIMITS", "off");
    let deployment = Deployment::with(options).await;
    let mut residents = Vec::new();
    for name in ["ada", "ben"] {
        residents.push(Resident::arrive(&deployment, name).await);
    }
    (deployment, residents)
}

async fn expect_whole(deployment: &Deployment, case: &str) {
    let verdict = Verdict::of(&deployment.run(&VERIFY, "").await);
    verdict.expect_whole(case);
}

async fn all_logged(deployment: &Deployment) {
    let mut connection = deployment.connection("countersign_owner").await;
    wait_for_positions(&mut connection).await;
}

#[tokio::test]
async fn an_untouched_database_is_whole_and_continues_every_kept_checkpoint() {
    let world = World::live().await;
    let case = world.case().await;
    let verdict = case.look().await;
    verdict.expect_whole("untouched");
    assert_eq!(verdict.json["events"], world.end);
    assert_eq!(verdict.json["size"], world.end);
    assert!(world.end > 100, "{} events", world.end);
    let kept = u64::try_from(world.kept().len()).unwrap();
    assert!(kept >= 2);
    assert_eq!(verdict.json["checkpoints"], kept, "{}", verdict.json);
    let output = case.run(&["audit", "verify"]).await;
    let words = String::from_utf8(output.stdout).unwrap();
    assert!(
        words.starts_with(&format!("WHOLE: {} events of 4 streams", world.end)),
        "{words}"
    );
    let rebuilt = case.run(&["projections", "rebuild"]).await;
    assert!(rebuilt.status.success(), "{rebuilt:?}");
    case.verify().await.expect_whole("rebuilt");
    world.backup().await.end().await;
}

#[tokio::test]
async fn a_database_is_whole_beside_load_and_after_kill_9() {
    let (mut deployment, mut residents) = lived_in(1).await;
    for round in 0..3 {
        let visitors = [deployment.visitor()];
        let watch = async {
            for _ in 0..2 {
                expect_whole(&deployment, "beside load").await;
            }
        };
        residents = under_load(residents, &visitors, round, watch).await;
        let visitors = [deployment.visitor()];
        let death = deployment.servers[0].kill();
        residents = under_load(residents, &visitors, round, death).await;
        expect_whole(&deployment, "killed, not started").await;
        deployment.restart(0).await;
        all_logged(&deployment).await;
        expect_whole(&deployment, "started again").await;
    }
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(!kept_files(&deployment).is_empty());
    expect_whole(&deployment, "with the last checkpoint").await;
}

#[tokio::test]
async fn a_database_is_whole_after_its_sequencer_was_killed_and_another_took_over() {
    let (mut deployment, mut residents) = lived_in(2).await;
    for round in 0..2 {
        let visitors = [deployment.visitor_at(0), deployment.visitor_at(1)];
        let dies = usize::from(round % 2 == 1);
        let death = deployment.servers[dies].kill();
        residents = under_load(residents, &visitors, round, death).await;
        let visitors = [deployment.visitor_at(1 - dies)];
        let watch = expect_whole(&deployment, "while another takes over");
        residents = under_load(residents, &visitors, round, watch).await;
        all_logged(&deployment).await;
        expect_whole(&deployment, "another leads").await;
        deployment.restart(dies).await;
    }
    expect_whole(&deployment, "in the end").await;
}
