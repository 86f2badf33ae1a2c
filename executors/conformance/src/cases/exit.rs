//! How tasks end, told exactly.

use crate::failure::{holds, same};
use crate::{Bench, Case, Need, Verdict};
use quorate_executor::{ExitCause, Stop};

pub(super) const CASES: &[Case] = &[
    Case::new("exit.codes_are_kept", |b| Box::pin(codes(b))),
    Case::new("exit.only_zero_is_success", |b| Box::pin(success(b))),
    Case::new("exit.a_large_code_is_not_lost", |b| Box::pin(large(b))),
    Case::new("exit.signals_are_kept", |b| Box::pin(signals(b)))
        .with(&[Need::ExitSignals, Need::Unix]),
    Case::new("exit.a_code_above_128_is_no_signal", |b| Box::pin(no_signal(b)))
        .with(&[Need::ExitSignals]),
    Case::new("exit.a_kill_is_a_signal", |b| Box::pin(killed(b))),
    Case::new("exit.an_ordinary_end_has_an_ordinary_cause", |b| Box::pin(cause(b))),
];

async fn codes(b: &Bench<'_>) -> Verdict {
    let mut spec = b.task("main", &["exit=0"]);
    for code in [0, 1, 7, 42, 127] {
        spec = b.next(&spec, &[&format!("exit={code}")]);
        let record = b.run_out(&spec).await?;
        same("code and signal", (Some(code), None), (record.code, record.signal))?;
    }
    Ok(())
}

async fn success(b: &Bench<'_>) -> Verdict {
    let first = b.task("main", &["exit=0"]);
    let record = b.run_out(&first).await?;
    holds("code 0 is success", record.succeeded(), &record)?;
    let record = b.run_out(&b.next(&first, &["exit=1"])).await?;
    holds("code 1 is none", !record.succeeded(), &record)
}

async fn large(b: &Bench<'_>) -> Verdict {
    let record = b.run_out(&b.task("main", &["exit=255"])).await?;
    same("code and signal", (Some(255), None), (record.code, record.signal))
}

async fn signals(b: &Bench<'_>) -> Verdict {
    let mut spec = b.task("main", &["exit=0"]);
    for signal in [1, 6, 9, 15] {
        spec = b.next(&spec, &[&format!("raise={signal}"), "hang"]);
        let record = b.run_out(&spec).await?;
        same("code and signal", (None, Some(signal)), (record.code, record.signal))?;
    }
    Ok(())
}

async fn no_signal(b: &Bench<'_>) -> Verdict {
    let mut spec = b.task("main", &["exit=0"]);
    for code in [129, 137, 143] {
        spec = b.next(&spec, &[&format!("exit={code}")]);
        let record = b.run_out(&spec).await?;
        same("code and signal", (Some(code), None), (record.code, record.signal))?;
    }
    Ok(())
}

async fn killed(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["out=up", "hang"]);
    b.run_up(&spec).await?;
    b.stop(&spec.id, Stop::Kill).await?;
    let record = b.exit(&spec.id).await?;
    same("code and signal", (None, Some(9)), (record.code, record.signal))
}

async fn cause(b: &Bench<'_>) -> Verdict {
    let first = b.task("main", &["exit=0"]);
    same("the cause", ExitCause::Normal, b.run_out(&first).await?.cause)?;
    same("the cause", ExitCause::Normal, b.run_out(&b.next(&first, &["exit=1"])).await?.cause)
}
