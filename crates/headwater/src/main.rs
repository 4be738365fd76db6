//! The command line: `headwater serve`, `headwater source …`, `headwater token …`,
//! `headwater schema …`, `headwater resource-type …`, `headwater attribute …`, `headwater admin …`,
//! `headwater migrate-store`.

mod administrators;
mod arguments;
mod data_lock;
mod failure;
mod migrate_store;
mod open_files;
mod output;
mod schemas;
mod serve;
mod sources;
mod tokens;
mod workplace;

use std::process::ExitCode;

use arguments::{Arguments, Command};
use clap::{Parser, error::ErrorKind};
use failure::Failure;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        // Help and version are answers, not errors; where a command is missing, help is one too.
        Err(error) if !error.use_stderr() || error.kind() == MISSING_COMMAND => error.exit(),
        Err(error) => return fail(&Failure::Usage(one_line(&error.to_string()))),
    };
    // What a server prints is for whoever starts it, and not its outcome.
    let prints_outcome = !matches!(arguments.command, Command::Serve(_));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run(arguments)),
        Err(error) => Err(Failure::Other(format!("the process can't start its threads: {error}"))),
    };
    match (outcome, output::unprinted().filter(|_| prints_outcome)) {
        (Ok(()), None) => ExitCode::SUCCESS,
        (Ok(()), Some(reason)) => fail(&Failure::Other(format!("the outcome can't be printed: {reason}"))),
        (Err(failure), _) => fail(&failure),
    }
}

const MISSING_COMMAND: ErrorKind = ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;

fn fail(failure: &Failure) -> ExitCode {
    output::complain(format_args!("error: {failure}"));
    failure.exit_code()
}

/// What is wrong with the arguments, without the usage that clap prints behind it.
fn one_line(error: &str) -> String {
    let said = error.split("\n\n").next().unwrap_or_default();
    let words: Vec<&str> = said.trim_start_matches("error: ").split_whitespace().collect();
    format!("{} (see --help)", words.join(" "))
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.command {
        Command::Serve(arguments) => serve::serve(arguments).await,
        Command::Source(command) => sources::run(command).await,
        Command::Token(command) => tokens::run(command).await,
        Command::Schema(command) => schemas::run(command).await,
        Command::ResourceType(command) => schemas::resource_types(command).await,
        Command::Attribute(command) => schemas::attributes(command).await,
        Command::Admin(command) => administrators::run(command).await,
        Command::MigrateStore(arguments) => migrate_store::run(arguments).await,
    }
}
