//! `cargo xtask regen --from FILE`: what the vendor's description says otherwise than the contract.

use std::ffi::OsStr;
use std::process::ExitCode;

use super::compare::{self, Difference};
use super::deviations::{Deviation, Met};
use super::project::{CONTRACT, DEVIATIONS, Project, REPAIRS};
use super::{Contract, Stop, carry, make, repairs, report, rules, source, vendor, write};

/// The exit status that says that there is news.
const NEWS: u8 = 3;

/// Tells what is different in the vendor's description `file`, and carries it into the contract if `into_contract`.
pub fn tell(project: &Project, file: &OsStr, into_contract: bool) -> Result<ExitCode, Stop> {
    let contract = Contract::read(project)?;
    contract.is_valid()?;
    let repairs = repairs::parse(&project.text(REPAIRS)?);
    let repairs = repairs.map_err(|reason| format!("{REPAIRS}: {reason}"))?;
    let text = source::text(file).map_err(Stop::Input)?;
    let name = source::name(file);
    let said = vendor::read(&text, &contract.document, &repairs)
        .map_err(|reason| Stop::Input(format!("{name}: {reason}")))?;
    let (news, met) = compare::documents(&contract.document, &said.document, &contract.deviations);

    for difference in &news {
        say!("{:<10}  {}", report::class(difference), report::line(difference));
    }
    let mut count = news.len();
    for (deviation, met) in contract.deviations.iter().zip(&met) {
        match outdated(deviation, met) {
            None => say!("deliberate  {}: {}", deviation.operation, deviation.line()),
            Some(reason) => {
                count += 1;
                say!("outdated    {DEVIATIONS}: {}: {}: {reason}", deviation.operation, deviation.places());
            }
        }
    }
    for (operation, repair) in &said.repaired {
        say!("repaired    {operation}: {repair}");
    }
    for (operation, repair) in &said.unneeded {
        count += 1;
        say!("outdated    {REPAIRS}: {operation}: {repair}: this is no longer there; remove the repair");
    }
    say!("{name}: {}", if count == 0 { "no news".to_owned() } else { format!("news: {count}") });
    if into_contract && !news.is_empty() {
        carry_in(project, contract, &said)?;
    }
    Ok(if count == 0 { ExitCode::SUCCESS } else { ExitCode::from(NEWS) })
}

/// Why a deviation has no use any more.
fn outdated(deviation: &Deviation, met: &Met) -> Option<&'static str> {
    match (met.visited, met.differs) {
        (true, true) => None,
        (true, false) => Some("the contract says the same as is noted of the vendor; remove the deviation"),
        (false, _) if deviation.vendor.is_some() => Some("the vendor no longer has it; remove the deviation"),
        (false, _) => Some("neither the vendor nor the contract has it; remove the deviation"),
    }
}

fn carry_in(project: &Project, contract: Contract, said: &vendor::Said) -> Result<(), Stop> {
    let (document, left) = carry::into_contract(&contract.document, &said.document, &contract.deviations);
    let changed = Contract { document, ..contract };
    let made = make(project, &changed)
        .map_err(|reason| format!("nothing was written, since with the news in it {reason}"))?;
    write(project, &made)?;
    for difference in &left {
        say!("left to a person: {}", line_of(difference));
    }
    for breach in rules::breaches(&changed.document)? {
        say!("to be mended by a person: {CONTRACT}: {breach}");
    }
    for pointer in rules::unwritten(&changed.document) {
        say!("to be written by a person: {CONTRACT}: #{pointer}");
    }
    Ok(())
}

fn line_of(difference: &Difference) -> String {
    let owner = if difference.at.is_none() { format!(" (see {DEVIATIONS})") } else { String::new() };
    format!("{}{owner}", report::line(difference))
}
