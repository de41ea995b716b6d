//! `cargo xtask regen --from FILE`: compares the contract with the vendor's description.

use std::ffi::OsStr;

use super::compare::{self, Difference};
use super::deviations::Matched;
use super::project::{self, DEVIATIONS, REPAIRS};
use super::{Contract, json, report, source, vendor};

/// The exit status if the description can't be used, and if there are differences.
const UNUSABLE: u8 = 2;
const DIFFERENT: u8 = 3;

/// Reports how the vendor's description in `file` differs from the contract. Returns the exit status.
pub fn report(file: &OsStr) -> Result<u8, String> {
    let contract = Contract::read()?;
    contract.is_valid()?;
    let repairs = project::json(REPAIRS)?;
    let name = source::name(file);
    let extract = source::text(file).map_err(|error| error.to_string());
    let extract = extract.and_then(|text| vendor::read(&text, &contract.document, &repairs));
    let extract = match extract {
        Ok(extract) => extract,
        Err(reason) => {
            eprintln!("error: {name}: {reason}");
            return Ok(UNUSABLE);
        }
    };
    let (differences, matched) =
        compare::documents(&contract.document, &extract.document, &contract.deviations)?;

    for difference in &differences {
        let location = location(&contract, difference);
        print_line!("{:<10}  {} ({location})", report::kind(difference), report::line(difference));
    }
    let mut count = differences.len();
    for (deviation, matched) in contract.deviations.iter().zip(&matched) {
        let operation = &deviation.operation;
        if let Some(reason) = outdated(*matched) {
            count += 1;
            print_line!("outdated    {DEVIATIONS}: {operation}: {}: {reason}", deviation.places());
        } else {
            print_line!("deliberate  {operation}: {}", deviation.line());
        }
    }
    for (operation, repair) in &extract.repaired {
        print_line!("repaired    {operation}: {repair}");
    }
    for (operation, repair) in &extract.unneeded {
        count += 1;
        print_line!("outdated    {REPAIRS}: {operation}: {repair}: no longer needed; remove the repair");
    }
    let found = if count == 0 { "no differences".to_owned() } else { format!("differences: {count}") };
    print_line!("{name}: {found}");
    Ok(if count == 0 { 0 } else { DIFFERENT })
}

/// Returns where to edit the contract or its deviations to resolve `difference`.
fn location(contract: &Contract, difference: &Difference) -> String {
    let (document, at) = (&contract.document, &difference.at);
    if at.starts_with(DEVIATIONS) {
        return DEVIATIONS.to_owned();
    }
    let at = match (at.rsplit_once("/properties/"), at.split_once("/servers/")) {
        // The object has the list of the required fields.
        (Some((object, field)), _) if difference.keyword == "required" && field.matches('/').count() == 1 => {
            format!("{object}/required")
        }
        // An operation without its own servers has those of the document.
        (_, Some((operation, server))) if document.pointer(&format!("{operation}/servers")).is_none() => {
            format!("/servers/{server}")
        }
        _ => at.clone(),
    };
    format!("#{}", json::locate(document, &at))
}

/// Returns why a deviation is no longer needed, if so.
fn outdated(matched: Matched) -> Option<&'static str> {
    match matched {
        Some(true) => None,
        Some(false) => Some("the contract no longer differs from the listed version; remove the deviation"),
        None => Some("there is nothing left to compare; remove the deviation"),
    }
}
