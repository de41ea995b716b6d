//! `cargo xtask regen`: the contract can change without fear.
//!
//! Everything that is outputs from the contract is outputs here and nowhere else: its canonical text, the committed copy
//! of the generated client (by the very code that `build.rs` runs), the table in the contract's README. So
//! `--check` only has to make them again and compare. What the vendor's description says otherwise is in [`from`].

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

/// How to call it.
pub const HELP: &str = "\
cargo xtask regen             check the contract, bring what is outputs from it up to date, tell what changed
cargo xtask regen --check     write nothing; fail with a diff if anything is out of date or invalid
cargo xtask regen --from FILE [--write]
                              tell what the vendor's description (JSON, .gz or - for standard input) says
                              otherwise; with --write carry it into the contract

exit status: 0 fine, 1 out of date or invalid, 2 wrong usage or bad input, 3 the vendor has news
";

/// Why a run ends before its end.
pub enum Error {
    /// The project is at fault: exit status 1.
    Invalid(String),
    /// What was given to the run is at fault: exit status 2.
    Input(String),
}

impl From<String> for Error {
    fn from(reason: String) -> Self {
        Self::Invalid(reason)
    }
}

/// Runs the chore.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.collect();
    let words: Vec<&str> = arguments.iter().map(|it| it.to_str().unwrap_or_default()).collect();
    let project = Project::here();
    let done = match (words.as_slice(), arguments.as_slice()) {
        ([], _) => regenerate(&project).map(|()| ExitCode::SUCCESS),
        (["--check"], _) => {
            check(&project).map(|fine| if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        (["--from", _], [_, file]) => from::report(&project, file, false),
        (["--from", _, "--write"], [_, file, _]) | (["--write", "--from", _], [_, _, file]) => {
            from::report(&project, file, true)
        }
        (["--help" | "-h"], _) => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        _ => Err(Error::Input(format!("regen: wrong usage\n\n{HELP}"))),
    };
    done.unwrap_or_else(|stop| {
        let (Error::Invalid(reason) | Error::Input(reason)) = &stop;
        eprintln!("error: {}", reason.trim_end());
        ExitCode::from(if matches!(stop, Error::Invalid(_)) { 1 } else { 2 })
    })
}

/// Fails unless everything that is outputs from the contract is up to date.
pub fn is_up_to_date() -> Result<(), String> {
    match check(&Project::here()) {
        Ok(true) => Ok(()),
        Ok(false) => Err("cargo xtask regen --check: out of date".to_owned()),
        Err(Error::Invalid(reason) | Error::Input(reason)) => Err(reason),
    }
}

/// The contract and what belongs to it.
struct Contract {
    /// As it is written.
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

    /// Fails with all violations of the rules.
    fn is_valid(&self) -> Result<(), String> {
        let violations = rules::violations(&self.document)?;
        if violations.is_empty() {
            return Ok(());
        }
        Err(violations.iter().map(|violation| format!("{CONTRACT}: {violation}\n")).collect())
    }
}

/// A file that is outputs from the contract.
struct Output {
    file: &'static str,
    /// What there is.
    is: String,
    /// What there should be.
    wanted: String,
}

/// Makes everything that is outputs from `document`.
fn outputs(project: &Project, contract: &Contract) -> Result<Vec<Output>, String> {
    let canonical = canonical::text(&contract.document)?;
    let client = generate::client(&canonical).map_err(|reason| format!("{CONTRACT}: {reason}"))?;
    let notes = project.text(NOTES)?;
    let with_table = deviations::in_readme(&notes, &contract.deviations);
    let with_table = with_table.map_err(|reason| format!("{NOTES}: {reason}"))?;
    Ok(vec![
        Output { file: CONTRACT, is: contract.text.clone(), wanted: canonical },
        Output { file: GENERATED, is: project.text(GENERATED).unwrap_or_default(), wanted: client },
        Output { file: NOTES, is: notes, wanted: with_table },
    ])
}

fn regenerate(project: &Project) -> Result<(), Error> {
    let contract = Contract::read(project)?;
    contract.is_valid()?;
    let outputs = outputs(project, &contract)?;
    report::contract(project, &contract.document, &outputs)?;
    write(project, &outputs)?;
    for pointer in rules::placeholders(&contract.document) {
        print_line!("to be written by a person: {CONTRACT}: #{pointer}");
    }
    Ok(())
}

fn write(project: &Project, outputs: &[Output]) -> Result<(), String> {
    for Output { file, wanted, .. } in outputs.iter().filter(|outputs| outputs.is != outputs.wanted) {
        project.replace(file, wanted)?;
        print_line!("written: {file}");
    }
    Ok(())
}

/// Whether everything is up to date; tells what is not.
fn check(project: &Project) -> Result<bool, Error> {
    let contract = Contract::read(project)?;
    let valid = contract.is_valid();
    let outputs = match outputs(project, &contract) {
        Ok(outputs) => outputs,
        // An invalid contract is shown as far as something can be outputs from it.
        Err(reason) => return Err(valid.err().unwrap_or(reason).into()),
    };
    let mut fine = true;
    for Output { file, is, wanted } in &outputs {
        if is != wanted {
            fine = false;
            let diff = TextDiff::from_lines(is, wanted);
            let (old, new) = (format!("a/{file}"), format!("b/{file}"));
            print_line!("{}", diff.unified_diff().header(&old, &new).to_string().trim_end());
        }
    }
    if !fine {
        eprintln!("error: out of date; `cargo xtask regen` brings it up to date");
    }
    valid?;
    let placeholders = rules::placeholders(&contract.document);
    for pointer in &placeholders {
        eprintln!("error: {CONTRACT}: #{pointer}: a person has to write this");
    }
    if !fine || !placeholders.is_empty() {
        return Ok(false);
    }
    report::contract(project, &contract.document, &outputs)?;
    Ok(true)
}
