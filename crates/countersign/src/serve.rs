//! `countersign serve`: the listeners, the workers behind them, and a clean end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use api::internal_router;
use edge::{Edge, HttpSettings, Metrics};
use service::{Clock, Post, Service};
use store::{Role, Sequencer, connect};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;

use crate::assembly::{assemble, master_keys, post, site};
use crate::checkpoints::{Publisher, Sinks, refuse_restored};
use crate::cli::Serve;
use crate::configuration::Configuration;
use crate::database::Database;
use crate::failure::Failure;
use crate::key_follower::{follow, follow_log};
use crate::listener::listen;
use crate::output::Output;

/// How long requests may take to finish once the end was asked for.
const GRACE: Duration = Duration::from_secs(20);

pub(crate) async fn serve(
    options: &Serve,
    configuration: &Configuration,
    output: Output,
    clock: Arc<dyn Clock>,
) -> Result<(), Failure> {
    // Before anything is started: a second server on this address learns it at once.
    let public_listener = bind(configuration.listen).await?;
    let internal_listener = bind(configuration.internal_listen).await?;
    let address = local_address(&public_listener)?;
    let operators_address = local_address(&internal_listener)?;
    let public_url = configuration.public_url_at(address.port());
    let keys = master_keys(configuration)?;
    let end = end_asked_for()?;

    let database = Database::start(configuration).await?;
    if !options.no_migrate {
        database.migrate().await?;
    } else if !database.is_migrated().await? {
        return Err(Failure::Failed(
            "the database has not the schema of this version: run `countersign migrate` first"
                .to_owned(),
        ));
    }
    let origin = public_url.to_string();
    let assembly = assemble(
        configuration,
        &keys,
        &database,
        origin.clone(),
        Arc::clone(&clock),
    )
    .await?;
    refuse_restored(configuration, &assembly.store).await?;
    let sequencer_pool = connect(&database.url(Role::Sequencer), Role::Sequencer, 1)
        .await
        .map_err(|error| Failure::because(&error))?;
    let sequencer = Sequencer::new(&sequencer_pool, &assembly.store);
    let publisher = Arc::new(Publisher {
        store: assembly.store.clone(),
        pool: sequencer_pool.clone(),
        sinks: Arc::new(Sinks::of(configuration)),
        clock: Arc::clone(&clock),
        interval: configuration.checkpoint_interval,
        last: Mutex::default(),
    });
    let post = post(configuration, origin.clone())?;
    let mut workers = workers(&assembly.service, sequencer, Arc::clone(&publisher), post);
    workers.spawn(follow(Arc::clone(&assembly.keyring), assembly.pool.clone()));
    if let Some(keyring) = &assembly.log_keyring {
        workers.spawn(follow_log(Arc::clone(keyring)));
    }

    let settings = HttpSettings {
        public_url: public_url.url().clone(),
        trusted_proxies: configuration.trusted_proxies.clone(),
    };
    let metrics = Metrics::new();
    let ids = assembly.service.clone();
    let edge = Edge::new(&settings, metrics.clone(), move || ids.request_id());
    let operators = internal_router(assembly.service.clone(), metrics, public_url.url().clone());
    let site = site(configuration, public_url.url().clone());
    let pages = web::router(assembly.service.clone(), &edge, site);
    let public = api::router(assembly.service.clone(), &edge).merge(pages);
    let mut listeners = JoinSet::new();
    listeners.spawn(listen(public_listener, public, end.clone()));
    listeners.spawn(listen(internal_listener, operators, end.clone()));
    output.line(format_args!(
        "countersign is ready at {origin} (listening on {address}, for operators on {operators_address})"
    ))?;

    let ending = until_the_end(&mut listeners, &mut workers, &database, end);
    let outcome = ending.await.map(|()| assembly.service.stop_following());
    if outcome.is_ok() {
        finish_requests(&mut listeners).await;
    }
    drop(workers);
    if let Err(error) = publisher.publish().await {
        tracing::warn!(%error, "the last checkpoint was not kept");
    }
    assembly.store.close().await;
    sequencer_pool.close().await;
    database.close().await?;
    outcome
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::Failed(format!(
            "cannot listen on {address}: {error}; choose another address"
        ))
    })
}

fn local_address(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    listener
        .local_addr()
        .map_err(|error| Failure::because(&error))
}

/// Becomes true on SIGTERM or SIGINT.
fn end_asked_for() -> Result<watch::Receiver<bool>, Failure> {
    let (asked, end) = watch::channel(false);
    let mut terminate =
        signal(SignalKind::terminate()).map_err(|error| Failure::because(&error))?;
    let mut interrupt =
        signal(SignalKind::interrupt()).map_err(|error| Failure::because(&error))?;
    tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        asked.send_replace(true);
    });
    Ok(end)
}

/// Returns when the end was asked for, or when something that has to run has ended by itself.
async fn until_the_end(
    listeners: &mut JoinSet<()>,
    workers: &mut JoinSet<()>,
    database: &Database,
    mut end: watch::Receiver<bool>,
) -> Result<(), Failure> {
    let asked = end.clone();
    tokio::select! {
        _ = end.wait_for(|asked| *asked) => {}
        () = database.died() => {
            return Err(Failure::Failed(
                "the embedded PostgreSQL has ended; start countersign again, and it recovers \
                 (postgres.log in the data directory says why)".to_owned(),
            ));
        }
        _ = workers.join_next() => {
            return Err(Failure::Failed("a worker has ended; the log says why".to_owned()));
        }
        _ = listeners.join_next() => {
            // Listeners end when it is asked for, too, and may hear of it before this task does.
            if !*asked.borrow() {
                return Err(Failure::Failed("a listener has ended; the log says why".to_owned()));
            }
        }
    }
    Ok(())
}

async fn finish_requests(listeners: &mut JoinSet<()>) {
    tracing::info!("ending: finishing requests");
    let finish = async { while listeners.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, finish).await.is_err() {
        tracing::warn!("some requests did not finish in time");
    }
}

/// What runs beside the requests for as long as it is held. All of it may be cut off anywhere.
fn workers(
    service: &Service,
    sequencer: Sequencer,
    publisher: Arc<Publisher>,
    post: Post,
) -> JoinSet<()> {
    let mut workers = JoinSet::new();
    workers.spawn(sequencer.run());
    workers.spawn(publisher.run());
    workers.spawn(service.clone().run_jobs());
    workers.spawn(service.clone().deliver_mail(post));
    workers.spawn(service.clone().keep_house());
    workers.spawn(service.clone().watch_log());
    workers
}
