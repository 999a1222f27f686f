//! Epochs of the log, and what of it is told to be lost.

use acceptance::Deployment;
use serde_json::{Value, json};

use super::backups::{RECOVER, back_up, damaged, gaps, restore, serve_refuses, until_logged};
use crate::evidence::command_line::said_json;

async fn grow(deployment: &mut Deployment, emails: &[&str]) {
    for email in emails {
        deployment
            .create_account(&format!("{email}@example.com"))
            .await;
    }
    until_logged(deployment).await;
}

fn lost(told: &Value) -> Vec<(u64, u64)> {
    let lost = told["lost"].as_array().unwrap().iter();
    let number = |value: &Value| value.as_u64().unwrap();
    lost.map(|lost| (number(&lost["epoch"]), number(&lost["size"])))
        .collect()
}

#[tokio::test]
async fn a_restore_of_an_even_older_backup_tells_of_both_epochs_that_it_lost() {
    let mut deployment = Deployment::start().await;
    grow(&mut deployment, &["a"]).await;
    let oldest = back_up(&mut deployment).await;
    grow(&mut deployment, &["b"]).await;
    let old = back_up(&mut deployment).await;
    grow(&mut deployment, &["c", "d"]).await;

    restore(&mut deployment, &old).await;
    let told = said_json(&deployment, RECOVER).await;
    assert_eq!((&told["epoch"], &told["size"]), (&2.into(), &2.into()));
    assert_eq!(lost(&told), [(1, 4)]);
    deployment.restart(0).await;
    grow(&mut deployment, &["e"]).await;

    // Two accounts were recovered, an epoch opened, and one account created.
    restore(&mut deployment, &oldest).await;
    serve_refuses(&deployment).await;
    let told = said_json(&deployment, RECOVER).await;
    assert_eq!((&told["epoch"], &told["size"]), (&3.into(), &1.into()));
    assert_eq!(lost(&told), [(1, 4), (2, 6)]);
    let told = gaps(&deployment, "").await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        (&told[0]["epoch"], &told[0]["lost_size"]),
        (&3.into(), &6.into())
    );

    // Once more, where nothing is lost: what was told stays told.
    let told = said_json(&deployment, RECOVER).await;
    assert_eq!((&told["epoch"], &told["lost"]), (&4.into(), &json!([])));
    assert_eq!(gaps(&deployment, "").await.len(), 2);
    deployment.restart(0).await;
    grow(&mut deployment, &["f"]).await;
    assert!(deployment.servers[0].terminate().await.success());
    assert_eq!(gaps(&deployment, "").await.len(), 2);
    deployment.verify().await;
}

#[tokio::test]
async fn a_checkpoint_of_what_is_lost_is_a_finding_until_a_recovery_names_it() {
    let mut deployment = Deployment::start().await;
    grow(&mut deployment, &["a", "b"]).await;
    let backup = back_up(&mut deployment).await;
    grow(&mut deployment, &["c", "d", "e"]).await;
    restore(&mut deployment, &backup).await;
    let kept = deployment.data_dir().join("checkpoints");
    let elsewhere = deployment.data_dir().join("elsewhere");
    std::fs::rename(&kept, &elsewhere).unwrap();

    let told = said_json(&deployment, RECOVER).await;
    assert_eq!(lost(&told), []);
    assert_eq!(gaps(&deployment, "").await.len(), 1);
    let kept_elsewhere = format!("--checkpoints {}", elsewhere.display());
    let verdict = damaged(&deployment, &kept_elsewhere).await;
    let first = &verdict["damaged"][0];
    assert_eq!(first["position"], 2, "{verdict}");
    let what = first["what"].as_str().unwrap();
    assert!(what.contains("no recovery acknowledges"), "{what}");

    // The log has grown past the lost checkpoint meanwhile.
    deployment.restart(0).await;
    grow(&mut deployment, &["f", "g"]).await;
    assert!(deployment.servers[0].terminate().await.success());
    damaged(&deployment, &kept_elsewhere).await;
    let line = format!("{RECOVER} {kept_elsewhere}");
    let told = said_json(&deployment, &line).await;
    assert_eq!(lost(&told), [(1, 5)]);
    assert_eq!(told["size"], 2, "as far as both are known to agree");
    assert_eq!(gaps(&deployment, &kept_elsewhere).await.len(), 2);

    // The same again names nothing twice.
    let told = said_json(&deployment, &line).await;
    assert_eq!(lost(&told), []);
    gaps(&deployment, &kept_elsewhere).await;
    deployment.restart(0).await;
}

#[tokio::test]
async fn without_any_checkpoint_nothing_is_known_to_be_lost() {
    let mut deployment = Deployment::start().await;
    grow(&mut deployment, &["a"]).await;
    let backup = back_up(&mut deployment).await;
    grow(&mut deployment, &["b"]).await;
    restore(&mut deployment, &backup).await;
    std::fs::remove_dir_all(deployment.data_dir().join("checkpoints")).unwrap();
    let told = said_json(&deployment, RECOVER).await;
    assert_eq!((&told["epoch"], &told["lost"]), (&2.into(), &json!([])));
    deployment.restart(0).await;
    grow(&mut deployment, &["b"]).await;
    assert!(deployment.servers[0].terminate().await.success());
    let told = gaps(&deployment, "").await;
    assert_eq!(
        (&told[0]["size"], &told[0]["lost_size"]),
        (&1.into(), &1.into())
    );
}

#[tokio::test]
async fn a_checkpoint_that_no_key_of_this_log_has_signed_is_not_taken_into_account() {
    let mut deployment = Deployment::start().await;
    grow(&mut deployment, &["a"]).await;
    assert!(deployment.servers[0].terminate().await.success());
    let foreign = deployment.data_dir().join("foreign");
    std::fs::write(&foreign, "countersign/none/9\n9\nAAAA\n\n").unwrap();
    let words = ["recover", "--reason", "x", "--json", "--checkpoints"];
    let words = [&words[..], &[foreign.to_str().unwrap()]].concat();
    let output = deployment.run(&words, "").await;
    assert!(output.status.success(), "{output:?}");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["epoch"], &told["lost"]), (&2.into(), &json!([])));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains("not signed by a key of this log"),
        "{stderr}"
    );
}
