//! `cargo xtask regen --from FILE`: compares the contract with the vendor's description.

use std::ffi::OsStr;
use std::process::ExitCode;

use super::compare::{self, Difference};
use super::deviations::{Deviation, Matched};
use super::project::{CONTRACT, DEVIATIONS, Project, REPAIRS};
use super::{Contract, Error, merge, outputs, repairs, report, rules, source, vendor, write};

/// The exit status if there are differences.
const DIFFERENT: u8 = 3;

/// Reports how the vendor's description in `file` differs from the contract. With `write_contract`, it also merges the
/// differences into the contract.
pub fn report(project: &Project, file: &OsStr, write_contract: bool) -> Result<ExitCode, Error> {
    let contract = Contract::read(project)?;
    contract.is_valid()?;
    let repairs = repairs::parse(&project.text(REPAIRS)?);
    let repairs = repairs.map_err(|reason| format!("{REPAIRS}: {reason}"))?;
    let text = source::text(file).map_err(Error::Input)?;
    let name = source::name(file);
    let extract = vendor::read(&text, &contract.document, &repairs)
        .map_err(|reason| Error::Input(format!("{name}: {reason}")))?;
    let (differences, matched) =
        compare::documents(&contract.document, &extract.document, &contract.deviations);

    for difference in &differences {
        print_line!("{:<10}  {}", report::kind(difference), report::line(difference));
    }
    let mut count = differences.len();
    for (deviation, matched) in contract.deviations.iter().zip(&matched) {
        match outdated(deviation, matched) {
            None => print_line!("deliberate  {}: {}", deviation.operation, deviation.line()),
            Some(reason) => {
                count += 1;
                print_line!(
                    "outdated    {DEVIATIONS}: {}: {}: {reason}",
                    deviation.operation,
                    deviation.places()
                );
            }
        }
    }
    for (operation, repair) in &extract.repaired {
        print_line!("repaired    {operation}: {repair}");
    }
    for (operation, repair) in &extract.unneeded {
        count += 1;
        print_line!("outdated    {REPAIRS}: {operation}: {repair}: no longer needed; remove the repair");
    }
    print_line!(
        "{name}: {}",
        if count == 0 { "no differences".to_owned() } else { format!("differences: {count}") }
    );
    if write_contract && !differences.is_empty() {
        merge_into_contract(project, contract, &extract)?;
    }
    Ok(if count == 0 { ExitCode::SUCCESS } else { ExitCode::from(DIFFERENT) })
}

/// Returns why a deviation is no longer needed, if so.
fn outdated(deviation: &Deviation, matched: &Matched) -> Option<&'static str> {
    match (matched.visited, matched.differs) {
        (true, true) => None,
        (true, false) => Some("the contract no longer differs from the listed version; remove the deviation"),
        (false, _) if deviation.vendor.is_some() => Some("the vendor no longer has it; remove the deviation"),
        (false, _) => Some("neither the vendor nor the contract has it; remove the deviation"),
    }
}

fn merge_into_contract(
    project: &Project,
    contract: Contract,
    extract: &vendor::Extract,
) -> Result<(), Error> {
    let (document, left) = merge::into_contract(&contract.document, &extract.document, &contract.deviations);
    let changed = Contract { document, ..contract };
    let outputs = outputs(project, &changed).map_err(|reason| {
        format!("nothing was written, because the merged contract can't be used: {reason}")
    })?;
    write(project, &outputs)?;
    for difference in &left {
        print_line!("merge by hand: {}", line_of(difference));
    }
    for violation in rules::violations(&changed.document)? {
        print_line!("fix by hand: {CONTRACT}: {violation}");
    }
    for pointer in rules::placeholders(&changed.document) {
        print_line!("missing description: {CONTRACT}: #{pointer}");
    }
    Ok(())
}

fn line_of(difference: &Difference) -> String {
    let owner = if difference.at.is_none() { format!(" (see {DEVIATIONS})") } else { String::new() };
    format!("{}{owner}", report::line(difference))
}
