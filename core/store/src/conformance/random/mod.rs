//! Random requests to the candidate and to [`crate::MemoryStore`] side by side: every answer, the
//! whole watched history and every readable old revision must be the same.

mod draw;
mod twins;

use super::Fixture;
use super::case::CaseResult;
use draw::Mix;
use twins::Twins;

cases!("random":
    transactions_agree_with_the_reference,
    transactions_with_leases_agree_with_the_reference,
    transactions_with_compactions_agree_with_the_reference,
);

const STEPS: usize = 400;

async fn transactions_agree_with_the_reference(fixture: &Fixture) -> CaseResult {
    Twins::new(fixture, Mix { leases: false, compactions: false }).run(0x51ab, STEPS).await
}

async fn transactions_with_leases_agree_with_the_reference(fixture: &Fixture) -> CaseResult {
    Twins::new(fixture, Mix { leases: true, compactions: false }).run(0x1ea5e, STEPS).await
}

async fn transactions_with_compactions_agree_with_the_reference(fixture: &Fixture) -> CaseResult {
    Twins::new(fixture, Mix { leases: true, compactions: true }).run(0xc0ac7, STEPS).await
}
