//! Reads the command line and hands over to the command.

use std::process::ExitCode;

use clap::Parser;
use countersign::cli::{Cli, Command, KeysCommand};
use countersign::configuration;
use countersign::failure::Failure;
use countersign::keys;
use countersign::output::Output;
use countersign::telemetry;
use credentials::SystemRandom;
use serde_json::json;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = cli.output();
    match run(&cli, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !matches!(failure, Failure::OutputClosed) {
                output.note(format_args!("countersign: {failure}"));
            }
            failure.exit_code()
        }
    }
}

fn run(cli: &Cli, output: Output) -> Result<(), Failure> {
    let environment = configuration::environment()?;
    let file = cli.global.config.as_deref();
    let configuration = configuration::load(cli.flags(), file, environment)?;
    for warning in &configuration.warnings {
        output.note(format_args!("countersign: warning: {warning}"));
    }
    let serving = matches!(cli.command, Command::Serve(_));
    telemetry::start(&configuration, serving).map_err(|error| Failure::because(&error))?;
    match &cli.command {
        Command::Config(_) => output.result(&configuration.json(), configuration.table()),
        Command::Keys(KeysCommand::Generate { output: path }) => {
            let path = path.as_ref().unwrap_or(&configuration.master_key_file);
            keys::generate(path, &SystemRandom).map_err(|error| Failure::because(&error))?;
            let path = path.display().to_string();
            let people = format!("A new master key is in {path}. Keep a copy in a safe place.");
            output.result(&json!({ "master_key_file": path }), people)
        }
        Command::Serve(_)
        | Command::Migrate
        | Command::Database(_)
        | Command::Mail(_)
        | Command::Account(_)
        | Command::Staff(_)
        | Command::Support(_)
        | Command::Audit(_)
        | Command::Projections(_) => Err(Failure::Failed(
            "this command is not in this build".to_owned(),
        )),
    }
}
