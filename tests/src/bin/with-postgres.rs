//! Runs a command beside a throw-away PostgreSQL with one migrated database, which every test
//! clones: `with-postgres COMMAND ARGUMENT…`.

use std::path::Path;
use std::process::ExitCode;

use embedded_postgres::{Durability, Server, Settings};
use tokio::process::Command;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Memory is several times faster for hundreds of databases that nobody keeps; containers often
/// have too little of it.
const ENOUGH: u64 = 2 << 30;

#[tokio::main]
async fn main() -> Outcome<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let program = arguments
        .next()
        .ok_or("usage: with-postgres COMMAND ARGUMENT…")?;
    let folder = tempfile::Builder::new()
        .prefix("countersign-tests-")
        .tempdir_in(place())?;
    open_to_the_server(folder.path())?;
    let server = embedded_postgres::start(Settings {
        data_dir: folder.path().join("data"),
        bin_dir: std::env::var_os("PG_BIN").map(Into::into),
        roles: ["owner", "app", "sequencer", "reader"]
            .map(|r| format!("countersign_{r}"))
            .to_vec(),
        database: "template_countersign".to_owned(),
        durability: Durability::Disposable,
    })
    .await?;
    let status = run(&server, Command::new(program).args(arguments)).await;
    server.stop().await?;
    let code = status?
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(1);
    Ok(ExitCode::from(code))
}

async fn run(server: &Server, command: &mut Command) -> Outcome<std::process::ExitStatus> {
    store::migrate(&server.url("countersign_owner")).await?;
    Ok(command
        .env(
            "COUNTERSIGN_TEST_DATABASE_URL",
            server.url("countersign_owner"),
        )
        .env(
            "COUNTERSIGN_TEST_POSTMASTER",
            server.postmaster_pid().to_string(),
        )
        .status()
        .await?)
}

fn place() -> std::path::PathBuf {
    let memory = Path::new("/dev/shm");
    match rustix::fs::statvfs(memory) {
        Ok(room) if room.f_bavail * room.f_frsize >= ENOUGH => memory.to_owned(),
        _ => std::env::temp_dir(),
    }
}

/// The server's own user must be able to enter.
fn open_to_the_server(folder: &Path) -> Outcome<()> {
    use std::os::unix::fs::PermissionsExt;
    Ok(std::fs::set_permissions(
        folder,
        std::fs::Permissions::from_mode(0o711),
    )?)
}
