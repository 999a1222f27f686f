//! Commands and the database: its URL, joining it, starting it, migrating it.

use std::process::Output;

use acceptance::{Deployment, OTHER_PASSWORD, Options, Person};
use serde_json::json;
use sqlx::Connection;

use crate::evidence::command_line::{fails, run, said, said_json};
use crate::evidence::support::{app_url, execute, owner, postgres_program};

fn psql(url: &str, statement: &str) -> Output {
    std::process::Command::new(postgres_program("psql"))
        .args([
            url,
            "-X",
            "-t",
            "-A",
            "-v",
            "ON_ERROR_STOP=1",
            "-c",
            statement,
        ])
        .output()
        .unwrap()
}

#[tokio::test]
async fn database_url_is_the_reader_s_unless_told_and_works_with_psql_and_pg_dump() {
    let deployment = Deployment::start().await;
    deployment.create_account("ada@example.com").await;
    let reader = said(&deployment, "database url").await;
    assert_eq!(
        said(&deployment, "database url --role reader").await,
        reader
    );
    let told = said_json(&deployment, "database url").await;
    assert_eq!(told["url"], reader.trim());
    let events = psql(reader.trim(), "SELECT count(*) FROM events");
    assert_eq!(String::from_utf8_lossy(&events.stdout), "1\n", "{events:?}");
    for denied in ["SELECT wrapped FROM data_keys", "DELETE FROM logins"] {
        let output = psql(reader.trim(), denied);
        assert!(!output.status.success(), "{output:?}");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.contains("permission denied"), "{stderr}");
    }
    let owner = said(&deployment, "database url --role owner").await;
    let keys = psql(owner.trim(), "SELECT count(*) FROM data_keys");
    assert_eq!(String::from_utf8_lossy(&keys.stdout), "1\n", "{keys:?}");
    assert!(crate::evidence::support::pg_dump(owner.trim()).contains("CREATE TABLE public.events"));
    fails(
        &deployment,
        "database url --role app",
        2,
        "invalid value 'app'",
    )
    .await;
}

#[tokio::test]
async fn commands_join_the_embedded_database_of_a_server_and_start_it_when_nobody_serves() {
    let mut deployment = Deployment::with(Options::default().embedded()).await;
    let ada = deployment.create_account("ada@example.com").await;
    let staff = said_json(&deployment, "staff issue --role auditor --name Joined").await;
    let reader = said(&deployment, "database url").await;
    let count = psql(reader.trim(), "SELECT count(*) FROM logins");
    assert_eq!(String::from_utf8_lossy(&count.stdout), "1\n", "{count:?}");
    let owner = said(&deployment, "database url --role owner").await;
    assert!(crate::evidence::support::pg_dump(owner.trim()).contains("COPY public.events"));
    ada.sign_in(&deployment.visitor()).await;
    fails(&deployment, "serve", 1, "").await;

    assert!(deployment.servers[0].terminate().await.success());
    let postmaster = deployment.data_dir().join("postgres/postmaster.pid");
    assert!(!postmaster.exists());
    fails(
        &deployment,
        "database url",
        1,
        "start `countersign serve` first",
    )
    .await;
    let list = said_json(&deployment, "staff list").await;
    assert_eq!(list["staff"][0]["id"], staff["id"]);
    said(&deployment, "account create --email bob@example.com").await;
    let report = said_json(&deployment, "projections check").await;
    assert_eq!(report["accounts"], 2);
    assert_eq!(
        said_json(&deployment, "migrate").await,
        json!({ "status": "current" })
    );
    assert!(!postmaster.exists(), "a command left its PostgreSQL behind");

    deployment.restart(0).await;
    let bob = Person {
        email: "bob@example.com".to_owned(),
        ..ada
    };
    bob.sign_in(&deployment.visitor()).await;
}

/// An empty database beside the deployment's: its name and its three URLs.
async fn empty_database(deployment: &Deployment) -> [(&'static str, String); 3] {
    let mut connection = owner(deployment).await;
    let (name,) = sqlx::query_as::<_, (String,)>("SELECT current_database()::text")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    let empty = format!("{name}_empty");
    execute(&mut connection, &format!("CREATE DATABASE {empty}")).await;
    connection.close().await.unwrap();
    let app = app_url(deployment).replacen(&name, &empty, 1);
    [
        (
            "COUNTERSIGN_MIGRATION_DATABASE_URL",
            deployment.owner_url().replacen(&name, &empty, 1),
        ),
        ("COUNTERSIGN_SEQUENCER_DATABASE_URL", app.clone()),
        ("DATABASE_URL", app),
    ]
}

#[tokio::test]
async fn serve_no_migrate_refuses_a_schema_that_is_not_current_and_migrate_makes_it_so() {
    let deployment = Deployment::start().await;
    let urls = empty_database(&deployment).await;
    let variables = urls.each_ref().map(|(name, url)| (*name, url.as_str()));
    let refused = async || {
        let run = deployment.run_with(&["serve", "--no-migrate"], "", &variables);
        let limit = std::time::Duration::from_mins(1);
        let output = tokio::time::timeout(limit, run).await.expect("it serves");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(
            stderr.contains("run `countersign migrate` first"),
            "{stderr}"
        );
    };
    refused().await;
    for _ in 0..2 {
        let output = deployment
            .run_with(&["migrate", "--json"], "", &variables)
            .await;
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            "{\"status\":\"current\"}\n"
        );
    }
    let output = deployment
        .run_with(&["staff", "list", "--json"], "", &variables)
        .await;
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "{\"staff\":[]}\n",
        "{output:?}"
    );
    // The newest migration is missing.
    let forgotten = "DELETE FROM _sqlx_migrations
        WHERE version = (SELECT max(version) FROM _sqlx_migrations)";
    assert!(psql(&urls[0].1, forgotten).status.success());
    refused().await;
}

#[tokio::test]
async fn a_server_is_not_ready_while_migrations_are_missing() {
    let deployment = Deployment::start().await;
    let ready = async || {
        let url = format!("{}/readyz", deployment.servers[0].internal_url);
        let answer = reqwest::get(url).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(ready().await.0, 200);
    let mut connection = owner(&deployment).await;
    execute(
        &mut connection,
        "CREATE TEMP TABLE kept AS TABLE _sqlx_migrations;
        DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM kept)",
    )
    .await;
    let (status, body) = ready().await;
    assert_eq!(status, 503);
    assert!(body.contains("lacks migrations"), "{body}");
    execute(
        &mut connection,
        "DELETE FROM _sqlx_migrations; INSERT INTO _sqlx_migrations TABLE kept",
    )
    .await;
    assert_eq!(ready().await.0, 200);
}

#[tokio::test]
async fn commands_need_no_owner_of_the_tables_where_nothing_is_to_migrate() {
    let deployment = Deployment::start().await;
    let variables = [("COUNTERSIGN_MIGRATION_DATABASE_URL", "")];
    for arguments in [
        &["account", "create", "--email", "ada@example.com"][..],
        &["staff", "issue", "--role", "support", "--name", "Bo"],
        &["staff", "list"],
        &["projections", "check"],
    ] {
        let output = deployment
            .run_with(arguments, OTHER_PASSWORD, &variables)
            .await;
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }
    let output = deployment
        .run_with(&["projections", "rebuild"], "", &variables)
        .await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains("COUNTERSIGN_MIGRATION_DATABASE_URL"),
        "{stderr}"
    );
}

#[tokio::test]
async fn a_command_that_makes_a_new_database_says_so_and_an_audit_makes_none() {
    let deployment = Deployment::with(Options::default().embedded()).await;
    let elsewhere = deployment.data_dir().join("elsewhere");
    let folder = elsewhere.display();
    for audit in ["verify", "history 0193d1a0-7e1b-7c3a-9f00-0123456789ab"] {
        let line = format!("audit {audit} --data-dir {folder}");
        fails(&deployment, &line, 2, "there is no database in").await;
        assert!(!elsewhere.exists());
    }
    let mistaken = format!("staff list --data-dir {folder}");
    for (line, makes_one) in [("staff list", false), (&mistaken, true), (&mistaken, false)] {
        let output = run(&deployment, line).await;
        assert!(output.status.success(), "{output:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        let warned = told.contains("there was no database in");
        assert_eq!(warned, makes_one, "{line}: {told}");
    }
}
