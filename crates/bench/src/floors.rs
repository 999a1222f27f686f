//! What nothing can be faster than: the hash alone, and HTTP alone.

use std::net::SocketAddr;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use axum::Router;
use axum::http::header;
use axum::routing::get;
use credentials::HashingSettings;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use crate::Outcome;

/// Argon2id with the service's parameters on all cores and nothing else, in hashes per second.
pub(crate) fn hashes(slice: Duration) -> Outcome<f64> {
    let HashingSettings {
        memory_kib,
        iterations,
        permits,
        ..
    } = HashingSettings::default();
    let params = Params::new(memory_kib, iterations, 1, Some(32))?;
    let began = Instant::now();
    let threads = (0..permits).map(|_| {
        let params = params.clone();
        thread::spawn(move || hash_for(params, began, slice))
    });
    let threads = threads.collect::<Vec<_>>();
    let mut rate = 0.0;
    for thread in threads {
        rate += thread.join().map_err(|_| "a hash failed")??;
    }
    Ok(rate)
}

fn hash_for(params: Params, began: Instant, slice: Duration) -> Outcome<f64> {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut memory = vec![Block::new(); argon2.params().block_count()];
    let (mut tag, mut done) = ([0; 32], 0_u32);
    while began.elapsed() < slice {
        argon2.hash_password_into_with_memory(b"a password", &[7; 16], &mut tag, &mut memory)?;
        done += 1;
    }
    Ok(f64::from(done) / began.elapsed().as_secs_f64())
}

/// As long as the answer about a session.
const CONSTANT: &str = concat!(
    r#"{"account":{"id":"019f0000-0000-7000-8000-000000000000","email":"019f0000-0000-7000-8000-"#,
    r#"000000000000@example.com"},"session":{"id":"019f0000-0000-7000-8000-000000000000","#,
    r#""created_at":"2026-01-01T00:00:00.000000Z","last_seen_at":"2026-01-01T00:00:00.000000Z","#,
    r#""expires_at":"2026-01-15T00:00:00.000000Z","factors":["password"]}}"#
);

/// Serves the same JSON for ever, as a process of its own.
pub(crate) async fn serve_constant() -> Outcome<()> {
    let answer = || async { ([(header::CONTENT_TYPE, "application/json")], CONSTANT) };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    axum::serve(listener, Router::new().route("/", get(answer))).await?;
    Ok(())
}

/// That process; it ends with its handle.
pub(crate) async fn start_constant() -> Outcome<(Child, SocketAddr)> {
    let mut server = Command::new(std::env::current_exe()?)
        .arg("constant")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let stdout = server.stdout.take().ok_or("the server has no output")?;
    let line = BufReader::new(stdout).lines().next_line().await?;
    let address = line.ok_or("the server ended")?.parse()?;
    Ok((server, address))
}
