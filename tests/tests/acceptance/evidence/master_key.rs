//! The master key: never made where one could be missing, never used where it does not belong.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use acceptance::{Deployment, Options};

use crate::evidence::support::master_key_file;

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Every way in, for a key that must not be used.
async fn assert_refused(deployment: &Deployment, why: &str) {
    for arguments in [
        &["serve"][..],
        &["staff", "list"],
        &["projections", "check"],
        &["account", "create", "--email", "eve@example.com"],
    ] {
        let run = deployment.run(arguments, acceptance::PASSWORD);
        let output = tokio::time::timeout(std::time::Duration::from_mins(1), run).await;
        let output = output.unwrap_or_else(|_| panic!("{arguments:?} goes on and on"));
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
        assert!(stderr(&output).contains(why), "{arguments:?}: {output:?}");
    }
}

/// Checks: key_file_mode_check (ASVS-13.3.2).
#[tokio::test]
async fn key_file_mode_check_a_key_that_others_can_read_is_refused() {
    let deployment = Deployment::start().await;
    let file = master_key_file(&deployment);
    assert_eq!(mode(&file), 0o600);
    for open in [0o644, 0o640, 0o604, 0o660] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(open)).unwrap();
        assert_refused(&deployment, "can be read by others").await;
    }
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o400)).unwrap();
    assert!(
        deployment
            .run(&["staff", "list"], "")
            .await
            .status
            .success()
    );
}

#[tokio::test]
async fn a_server_with_another_key_than_the_database_s_refuses_to_start() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let file = master_key_file(&deployment);
    let kept = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let made = deployment.run(&["keys", "generate"], "").await;
    assert!(made.status.success(), "{made:?}");
    assert_ne!(std::fs::read(&file).unwrap(), kept);
    assert_refused(&deployment, "made under another master key").await;
    // Nothing was claimed or changed by the attempts.
    std::fs::write(&file, kept).unwrap();
    deployment.verify().await;
    ada.sign_in(&deployment.visitor()).await;
}

#[tokio::test]
async fn a_missing_key_of_an_outside_database_is_an_error_that_names_the_command_and_makes_none() {
    let deployment = Deployment::start().await;
    let file = master_key_file(&deployment);
    std::fs::remove_file(&file).unwrap();
    assert_refused(&deployment, "countersign keys generate").await;
    assert!(!file.exists());
    std::fs::write(&file, "1 dGhpcyBpcyBubyBrZXk\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_refused(&deployment, "is not a master key file").await;
    let output = deployment.run(&["staff", "list"], "").await;
    assert!(
        !stderr(&output).contains("dGhpcyBpcyBubyBrZXk"),
        "{output:?}"
    );
}

#[tokio::test]
async fn the_first_start_on_the_embedded_database_makes_the_key_and_no_later_one_does() {
    let mut deployment = Deployment::with(Options::default().embedded()).await;
    let file = master_key_file(&deployment);
    assert_eq!(mode(&file), 0o600);
    deployment.create_account("ada@example.com").await;
    assert!(deployment.servers[0].terminate().await.success());
    let kept = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_refused(&deployment, "countersign keys generate").await;
    assert!(!file.exists());
    std::fs::write(&file, kept).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    deployment.restart(0).await;
    let taken = ["account", "create", "--email", "ada@example.com"];
    let output = deployment.run(&taken, acceptance::PASSWORD).await;
    assert!(
        stderr(&output).contains("an account with this address exists"),
        "{output:?}"
    );
}
