//! The file that an export writes: nobody's but the operator's, and whole or not there.

use std::os::unix::fs::{MetadataExt, symlink};

use acceptance::Deployment;
use serde_json::json;

use crate::evidence::command_line::{fails, said, said_json};
use crate::surface::world::all_settled;

#[tokio::test]
async fn a_bundle_has_its_name_once_it_is_whole_and_is_read_by_its_owner_alone() {
    let deployment = Deployment::start().await;
    deployment.create_account("ada@example.com").await;
    all_settled(&deployment).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.tar");
    std::fs::write(&file, "an earlier one").unwrap();
    let export = format!("audit export --all --output {}", file.display());
    said(&deployment, &export).await;
    assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let verify = format!("audit verify-bundle {}", file.display());
    let report = said_json(&deployment, &verify).await;
    assert_eq!(report["verdict"], json!("verified"));
}

#[tokio::test]
async fn an_export_that_fails_leaves_nothing_of_what_it_has_read() {
    let deployment = Deployment::start().await;
    deployment.create_account("ada@example.com").await;
    all_settled(&deployment).await;
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("taken");
    std::fs::create_dir(&taken).unwrap();
    let export = format!("audit export --all --output {}", taken.display());
    fails(&deployment, &export, 1, "taken cannot be written").await;
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(std::fs::read_dir(&taken).unwrap().count(), 0);
}

#[tokio::test]
async fn an_export_neither_follows_a_link_nor_fills_a_file_that_others_read() {
    let deployment = Deployment::start().await;
    deployment.create_account("ada@example.com").await;
    all_settled(&deployment).await;
    let folder = tempfile::tempdir().unwrap();
    let (file, other) = (folder.path().join("log.tar"), folder.path().join("other"));
    let unfinished = folder.path().join("log.tar.unfinished");
    let export = format!("audit export --all --output {}", file.display());
    std::fs::write(&other, "of somebody else").unwrap();
    for is_link in [true, false] {
        if is_link {
            symlink(&other, &unfinished).unwrap();
        } else {
            std::fs::write(&unfinished, "of somebody else").unwrap();
        }
        fails(&deployment, &export, 1, "is there already").await;
        for path in [&other, &unfinished] {
            assert_eq!(std::fs::read(path).unwrap(), b"of somebody else");
        }
        std::fs::remove_file(&unfinished).unwrap();
        assert!(!file.exists());
    }
    said(&deployment, &export).await;
}
