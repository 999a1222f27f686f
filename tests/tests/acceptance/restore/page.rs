//! The commands of `docs/backup.md`, word for word.

use std::path::Path;
use std::process::{Command, Output};

use acceptance::{Deployment, Options};

use super::backups::{gaps, make_empty, until_logged};
use crate::evidence::support::postgres_program;

const PAGE: &str = include_str!("../../../../docs/backup.md");

/// The blocks that are marked with these words, one after the other.
fn commands(database: &str, step: &str) -> String {
    let (mut on, mut commands) = (false, String::new());
    for line in PAGE.lines() {
        if let Some(mark) = line.strip_prefix("```") {
            let words = mark.split(' ').collect::<Vec<_>>();
            on = words.contains(&database) && words.contains(&step);
        } else if on {
            commands += line;
            commands.push('\n');
        }
    }
    assert!(commands.lines().count() > 2, "{database} {step}");
    commands
}

fn bash(commands: &str, folder: &Path, variables: &[(String, String)]) -> Output {
    Command::new("bash")
        .args(["-euo", "pipefail", "-c", commands])
        .current_dir(folder)
        .env_clear()
        .envs(variables.iter().cloned())
        .output()
        .unwrap()
}

/// The deployment's variables, with the program and PostgreSQL's on the path.
fn variables(deployment: &Deployment, folder: &Path) -> Vec<(String, String)> {
    let programs = folder.join("programs");
    std::fs::create_dir(&programs).unwrap();
    let ours = std::env::current_exe().unwrap();
    let ours = ours.parent().unwrap().parent().unwrap();
    let program = programs.join("countersign");
    std::os::unix::fs::symlink(ours.join("turnable-countersign"), program).unwrap();
    let postgres = postgres_program("pg_dump");
    let mut variables = deployment.environment();
    for (name, value) in &mut variables {
        if name == "PATH" {
            let (ours, theirs) = (programs.display(), postgres.parent().unwrap().display());
            *value = format!("{ours}:{theirs}:{value}");
        }
    }
    let kept = folder.join("kept").display().to_string();
    variables.push(("COUNTERSIGN_CHECKPOINT_DIR".to_owned(), kept));
    variables
}

fn set(variables: &mut Vec<(String, String)>, name: &str, value: &str) {
    variables.retain(|(other, _)| other != name);
    variables.push((name.to_owned(), value.to_owned()));
}

#[track_caller]
fn succeeds(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let open = std::fs::Permissions::from_mode(0o711);
    std::fs::set_permissions(folder.path(), open).unwrap();
    folder
}

/// With checkpoints kept apart from the data directory, as the page says.
async fn deployment(folder: &Path, options: Options) -> Deployment {
    let kept = folder.join("kept");
    let options = options.setting("COUNTERSIGN_CHECKPOINT_DIR", kept.to_str().unwrap());
    Deployment::with(options).await
}

#[tokio::test]
async fn the_page_restores_the_embedded_database_into_a_new_data_directory() {
    let folder = folder();
    let mut deployment = deployment(folder.path(), Options::default().embedded()).await;
    deployment.create_account("ada@example.com").await;
    let mut variables = variables(&deployment, folder.path());
    let key = deployment.data_dir().with_file_name("master.key");
    std::fs::copy(key, deployment.data_dir().join("master.key")).unwrap();
    until_logged(&deployment).await;
    succeeds(&bash(
        &commands("embedded", "backup"),
        folder.path(),
        &variables,
    ));
    deployment.create_account("bob@example.com").await;
    until_logged(&deployment).await;
    assert!(deployment.servers[0].terminate().await.success());

    variables.retain(|(name, _)| name != "COUNTERSIGN_MASTER_KEY_FILE");
    let said = succeeds(&bash(
        &commands("embedded", "restore"),
        folder.path(),
        &variables,
    ));
    assert!(
        said.contains("The log goes on in epoch 2 after 1 events."),
        "{said}"
    );
    assert!(said.contains("acknowledged gap: epoch 2"), "{said}");
    assert!(said.contains("WHOLE"), "{said}");
}

#[tokio::test]
async fn the_page_restores_a_database_outside() {
    let folder = folder();
    let mut deployment = deployment(folder.path(), Options::default()).await;
    deployment.create_account("ada@example.com").await;
    let mut variables = variables(&deployment, folder.path());
    until_logged(&deployment).await;
    succeeds(&bash(
        &commands("outside", "backup"),
        folder.path(),
        &variables,
    ));
    deployment.create_account("bob@example.com").await;
    until_logged(&deployment).await;
    assert!(deployment.servers[0].terminate().await.success());

    let url = deployment.owner_url();
    make_empty(&url).await;
    set(&mut variables, "OWNER_URL", &url);
    let said = succeeds(&bash(
        &commands("outside", "restore"),
        folder.path(),
        &variables,
    ));
    assert!(said.contains("WHOLE"), "{said}");
    assert_eq!(gaps(&deployment, "").await.len(), 1);
    deployment.restart(0).await;
    deployment.create_account("bob@example.com").await;
}
