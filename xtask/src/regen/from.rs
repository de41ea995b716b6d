//! `cargo xtask regen --from FILE`: what the vendor's description says otherwise than the contract.

use std::ffi::OsStr;
use std::process::ExitCode;

use super::compare::{self, Difference};
use super::deviations::{Deviation, Matched};
use super::project::{CONTRACT, DEVIATIONS, Project, REPAIRS};
use super::{Contract, Error, merge, outputs, repairs, report, rules, source, vendor, write};

/// The exit status that says that there is news.
const NEWS: u8 = 3;

/// Tells what is different in the vendor's description `file`, and carries it into the contract if `into_contract`.
pub fn report(project: &Project, file: &OsStr, into_contract: bool) -> Result<ExitCode, Error> {
    let contract = Contract::read(project)?;
    contract.is_valid()?;
    let repairs = repairs::parse(&project.text(REPAIRS)?);
    let repairs = repairs.map_err(|reason| format!("{REPAIRS}: {reason}"))?;
    let text = source::text(file).map_err(Error::Input)?;
    let name = source::name(file);
    let extract = vendor::read(&text, &contract.document, &repairs)
        .map_err(|reason| Error::Input(format!("{name}: {reason}")))?;
    let (news, matched) = compare::documents(&contract.document, &extract.document, &contract.deviations);

    for difference in &news {
        print_line!("{:<10}  {}", report::kind(difference), report::line(difference));
    }
    let mut count = news.len();
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
        print_line!(
            "outdated    {REPAIRS}: {operation}: {repair}: this is no longer there; remove the repair"
        );
    }
    print_line!("{name}: {}", if count == 0 { "no news".to_owned() } else { format!("news: {count}") });
    if into_contract && !news.is_empty() {
        merge_into_contract(project, contract, &extract)?;
    }
    Ok(if count == 0 { ExitCode::SUCCESS } else { ExitCode::from(NEWS) })
}

/// Why a deviation has no use any more.
fn outdated(deviation: &Deviation, matched: &Matched) -> Option<&'static str> {
    match (matched.visited, matched.differs) {
        (true, true) => None,
        (true, false) => Some("the contract says the same as is noted of the vendor; remove the deviation"),
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
    let outputs = outputs(project, &changed)
        .map_err(|reason| format!("nothing was written, since with the news in it {reason}"))?;
    write(project, &outputs)?;
    for difference in &left {
        print_line!("left to a person: {}", line_of(difference));
    }
    for violation in rules::violations(&changed.document)? {
        print_line!("to be mended by a person: {CONTRACT}: {violation}");
    }
    for pointer in rules::placeholders(&changed.document) {
        print_line!("to be written by a person: {CONTRACT}: #{pointer}");
    }
    Ok(())
}

fn line_of(difference: &Difference) -> String {
    let owner = if difference.at.is_none() { format!(" (see {DEVIATIONS})") } else { String::new() };
    format!("{}{owner}", report::line(difference))
}
