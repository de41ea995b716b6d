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
pub mod change_class;
mod compare;
mod deviations;
mod from;
mod inline;
mod json;
mod normalize;
mod openapi_schema;
pub mod project;
mod repairs;
mod report;
mod rules;
mod source;
mod surface;
mod vendor;

#[path = "../../../build/generate.rs"]
mod generate;

use change_class::ChangeClass;
use deviations::Deviation;
use project::{CONTRACT, DEVIATIONS, GENERATED, NOTES};

#[derive(clap::Args)]
#[command(
    after_help = "Exit status: 0 success, 1 out of date or invalid, 2 invalid arguments or input, 3 the vendor's \
                        description differs"
)]
pub struct Options {
    /// Write nothing; fail with a diff if a file is out of date or invalid
    #[arg(long)]
    check: bool,
    /// Compare the contract with the vendor's description in FILE: JSON, gzip, or - for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    from: Option<OsString>,
}

/// Runs the task.
pub fn run(options: &Options) -> ExitCode {
    let status = match &options.from {
        Some(file) => from::report(file),
        None if options.check => is_up_to_date().map(|()| 0),
        None => regenerate().map(|()| 0),
    };
    ExitCode::from(status.unwrap_or_else(|reason| {
        eprintln!("error: {}", reason.trim_end());
        1
    }))
}

/// The contract and its deviations.
struct Contract {
    document: Value,
    deviations: Vec<Deviation>,
}

impl Contract {
    fn read() -> Result<Self, String> {
        let deviations = deviations::of_all(project::json(DEVIATIONS)?);
        Ok(Self { document: project::json(CONTRACT)?, deviations })
    }

    /// Fails with all violations of the rules, one per line.
    fn is_valid(&self) -> Result<(), String> {
        let violations = rules::violations(&self.document)?;
        let lines = violations.iter().map(|violation| format!("{CONTRACT}: {violation}\n"));
        if violations.is_empty() { Ok(()) } else { Err(lines.collect()) }
    }

    /// Generates all files.
    fn outputs(&self) -> Result<[Output; 3], String> {
        let canonical = canonical::text(&self.document)?;
        let client = generate::client(&canonical).map_err(|reason| format!("{CONTRACT}: {reason}"))?;
        let notes = project::text(NOTES)?;
        let with_table = deviations::in_readme(&notes, &self.deviations);
        let with_table = with_table.map_err(|reason| format!("{NOTES}: {reason}"))?;
        let generated = project::text(GENERATED).unwrap_or_default();
        let contract = (CONTRACT, project::text(CONTRACT)?, canonical);
        Ok([(GENERATED, generated, client), contract, (NOTES, notes, with_table)])
    }
}

/// Returns the effect on callers of what changed since `revision`, in the contract and in the generated code.
pub fn class_since(revision: &str) -> Result<Option<ChangeClass>, String> {
    let before = serde_json::from_str(&project::at(revision, CONTRACT)?)
        .map_err(|error| format!("{revision}:{CONTRACT}: {error}"))?;
    let contract = compare::documents(&before, &project::json(CONTRACT)?, &[])?.0;
    let code = surface::changes(&project::at(revision, GENERATED)?, &project::text(GENERATED)?)?;
    let classes = contract.iter().map(change_class::classify);
    Ok(classes.chain(code.into_iter().map(|(class, _)| class)).max())
}

/// A generated file, its current text, and the text that it should have.
type Output = (&'static str, String, String);

fn regenerate() -> Result<(), String> {
    let contract = Contract::read()?;
    contract.is_valid()?;
    let outputs = contract.outputs()?;
    report::contract(&contract.document, &outputs[0].2)?;
    for (file, _, expected) in outputs.iter().filter(|(_, current, expected)| current != expected) {
        project::replace(file, expected)?;
        print_line!("updated: {file}");
    }
    Ok(())
}

/// Fails if a generated file is out of date or the contract is invalid, and prints the differences.
pub fn is_up_to_date() -> Result<(), String> {
    let contract = Contract::read()?;
    let valid = contract.is_valid();
    // If the contract is also invalid, its violations are the more useful error.
    let outputs = contract.outputs().map_err(|reason| valid.clone().err().unwrap_or(reason))?;
    let mut up_to_date = true;
    for (file, current, expected) in outputs.iter().filter(|(_, current, expected)| current != expected) {
        up_to_date = false;
        let diff = TextDiff::from_lines(current, expected);
        let (old, new) = (format!("a/{file}"), format!("b/{file}"));
        print_line!("{}", diff.unified_diff().header(&old, &new).to_string().trim_end());
    }
    valid?;
    if !up_to_date {
        return Err("generated files are out of date; run `cargo xtask regen`".to_owned());
    }
    report::contract(&contract.document, &outputs[0].2)
}
