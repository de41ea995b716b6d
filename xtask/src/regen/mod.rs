//! `cargo xtask regen`: validates the contract and updates the files that are generated from it.
//!
//! These are its canonical text, the committed copy of the generated client, which uses the same generator as
//! `build.rs`, and the table in the contract's README. `--check` generates them again and compares. [`from`] compares
//! the contract with the vendor's description.

use std::ffi::OsString;
use std::process::ExitCode;

use serde_json::Value;
use similar::TextDiff;

mod canonical;
mod change_class;
mod compare;
mod contract;
mod deviations;
mod from;
mod merge;
mod node;
mod normalize;
mod openapi_schema;
mod project;
mod repairs;
mod report;
mod rules;
mod source;
mod surface;
mod vendor;

#[path = "../../../build/generate.rs"]
mod generate;

use deviations::Deviation;
use project::{CONTRACT, DEVIATIONS, GENERATED, NOTES, Project};

pub const HELP: &str = "\
cargo xtask regen             validate the contract, update the generated files and report what changed
cargo xtask regen --check     write nothing; fail with a diff if a file is out of date or invalid
cargo xtask regen --from FILE [--write]
                              compare the contract with the vendor's description in FILE (JSON, gzip, or - for
                              standard input); --write merges the differences into the contract

exit status: 0 success, 1 out of date or invalid, 2 invalid arguments or input, 3 the vendor's description differs
";

/// Why a run fails.
pub enum Error {
    /// The project is invalid: exit status 1.
    Invalid(String),
    /// The arguments or the input are invalid: exit status 2.
    Input(String),
}

impl From<String> for Error {
    fn from(reason: String) -> Self {
        Self::Invalid(reason)
    }
}

/// Runs the task with `arguments`.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.collect();
    let words: Vec<&str> = arguments.iter().map(|it| it.to_str().unwrap_or_default()).collect();
    let project = Project::here();
    let result = match (words.as_slice(), arguments.as_slice()) {
        ([], _) => regenerate(&project).map(|()| ExitCode::SUCCESS),
        (["--check"], _) => {
            check(&project).map(|up_to_date| if up_to_date { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        (["--from", _], [_, file]) => from::report(&project, file, false),
        (["--from", _, "--write"], [_, file, _]) | (["--write", "--from", _], [_, _, file]) => {
            from::report(&project, file, true)
        }
        (["--help" | "-h"], _) => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        _ => Err(Error::Input(format!("invalid arguments\n\n{HELP}"))),
    };
    result.unwrap_or_else(|error| {
        let (Error::Invalid(reason) | Error::Input(reason)) = &error;
        eprintln!("error: {}", reason.trim_end());
        ExitCode::from(if matches!(error, Error::Invalid(_)) { 1 } else { 2 })
    })
}

/// Fails if a generated file is out of date or the contract is invalid.
pub fn is_up_to_date() -> Result<(), String> {
    match check(&Project::here()) {
        Ok(true) => Ok(()),
        Ok(false) => Err("generated files are out of date; run `cargo xtask regen`".to_owned()),
        Err(Error::Invalid(reason) | Error::Input(reason)) => Err(reason),
    }
}

/// The contract and its deviations.
struct Contract {
    /// The text of the file.
    text: String,
    document: Value,
    deviations: Vec<Deviation>,
}

impl Contract {
    fn read(project: &Project) -> Result<Self, String> {
        let text = project.text(CONTRACT)?;
        let document = contract::parse(&text).map_err(|reason| format!("{CONTRACT}: {reason}"))?;
        let deviations = deviations::parse(&project.text(DEVIATIONS)?);
        let deviations = deviations.map_err(|reason| format!("{DEVIATIONS}: {reason}"))?;
        Ok(Self { text, document, deviations })
    }

    /// Fails with all violations of the rules, one per line.
    fn is_valid(&self) -> Result<(), String> {
        let violations = rules::violations(&self.document)?;
        if violations.is_empty() {
            return Ok(());
        }
        Err(violations.iter().map(|violation| format!("{CONTRACT}: {violation}\n")).collect())
    }
}

/// A generated file.
struct Output {
    file: &'static str,
    /// The current text.
    current: String,
    /// The text that it should have.
    expected: String,
}

/// Generates all files from the contract.
fn outputs(project: &Project, contract: &Contract) -> Result<Vec<Output>, String> {
    let canonical = canonical::text(&contract.document)?;
    let client = generate::client(&canonical).map_err(|reason| format!("{CONTRACT}: {reason}"))?;
    let notes = project.text(NOTES)?;
    let with_table = deviations::in_readme(&notes, &contract.deviations);
    let with_table = with_table.map_err(|reason| format!("{NOTES}: {reason}"))?;
    Ok(vec![
        Output { file: CONTRACT, current: contract.text.clone(), expected: canonical },
        Output { file: GENERATED, current: project.text(GENERATED).unwrap_or_default(), expected: client },
        Output { file: NOTES, current: notes, expected: with_table },
    ])
}

fn regenerate(project: &Project) -> Result<(), Error> {
    let contract = Contract::read(project)?;
    contract.is_valid()?;
    let outputs = outputs(project, &contract)?;
    report::contract(project, &contract.document, &outputs)?;
    write(project, &outputs)?;
    for pointer in rules::placeholders(&contract.document) {
        print_line!("missing description: {CONTRACT}: #{pointer}");
    }
    Ok(())
}

fn write(project: &Project, outputs: &[Output]) -> Result<(), String> {
    for Output { file, expected, .. } in outputs.iter().filter(|output| output.current != output.expected) {
        project.replace(file, expected)?;
        print_line!("updated: {file}");
    }
    Ok(())
}

/// Returns whether all files are up to date, and prints the differences.
fn check(project: &Project) -> Result<bool, Error> {
    let contract = Contract::read(project)?;
    let valid = contract.is_valid();
    let outputs = match outputs(project, &contract) {
        Ok(outputs) => outputs,
        // If the contract is also invalid, its violations are the more useful error.
        Err(reason) => return Err(valid.err().unwrap_or(reason).into()),
    };
    let mut up_to_date = true;
    for Output { file, current, expected } in &outputs {
        if current != expected {
            up_to_date = false;
            let diff = TextDiff::from_lines(current, expected);
            let (old, new) = (format!("a/{file}"), format!("b/{file}"));
            print_line!("{}", diff.unified_diff().header(&old, &new).to_string().trim_end());
        }
    }
    if !up_to_date {
        eprintln!("error: generated files are out of date; run `cargo xtask regen`");
    }
    valid?;
    let placeholders = rules::placeholders(&contract.document);
    for pointer in &placeholders {
        eprintln!("error: {CONTRACT}: #{pointer}: missing description; replace the placeholder");
    }
    if !up_to_date || !placeholders.is_empty() {
        return Ok(false);
    }
    report::contract(project, &contract.document, &outputs)?;
    Ok(true)
}
