//! Commands of the application's own, applied atomically beside the key space.
//!
//! Shows: a machine that moves money between accounts, executed through the replicated log; its
//! effects are ordinary keys, so reads, watches, hashes and backups cover them; a request that is
//! sent twice is applied once.
//! Before: `01_embedded_store.rs`.

#![allow(clippy::print_stdout, reason = "an example speaks to a person")]

use bytes::Bytes;
use quorate::member::{Machine, MachineEffects, MachineError, MachineView, Member, MemberOptions};
use quorate::seams::Seams;
use quorate::store::{Error as StoreError, Op, RangeRequest, RequestId, Store, Txn};
use quorate::types::{ClusterId, MemberId};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

/// Moves an amount from one account to another, never below zero.
#[derive(Debug)]
struct Bank;

impl Bank {
    fn balance(state: &MachineView<'_>, account: &str) -> Result<u64, MachineError> {
        let found = state.get(format!("accounts/{account}").as_bytes())?;
        Ok(found.and_then(|kv| String::from_utf8_lossy(&kv.value).parse().ok()).unwrap_or(0))
    }
}

impl Machine for Bank {
    fn name(&self) -> &'static str {
        "bank"
    }

    // Pure: it sees the state and the command, nothing else, and every member computes the same.
    fn apply(
        &self,
        state: &MachineView<'_>,
        command: Bytes,
    ) -> Result<MachineEffects, MachineError> {
        let text = String::from_utf8_lossy(&command).into_owned();
        let malformed = || MachineError::Refused(format!("{text:?} is not \"FROM TO AMOUNT\""));
        let [from, to, amount] = text.split(' ').collect::<Vec<_>>()[..] else {
            return Err(malformed());
        };
        let amount: u64 = amount.parse().map_err(|_| malformed())?;
        let has = Self::balance(state, from)?;
        let Some(left) = has.checked_sub(amount) else {
            return Err(MachineError::Refused(format!("{from} has only {has}")));
        };
        let sum = Self::balance(state, to)?.saturating_add(amount);
        Ok(MachineEffects::answer(format!("{from} has {left}, {to} has {sum}"))
            .op(Op::put(format!("accounts/{from}"), left.to_string()))
            .op(Op::put(format!("accounts/{to}"), sum.to_string())))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let options = MemberOptions::new(ClusterId(1), MemberId(1), dir.path(), "127.0.0.1:0".parse()?);
    let member = Member::start(options.machine(Arc::new(Bank)), Seams::system()).await?;
    member.wait_ready(Duration::from_secs(10)).await?;

    member.txn(Txn::put("accounts/ada", "100")).await?;
    let done = member.execute("bank", "ada bob 70").await?;
    println!("revision {}: {}", done.revision, String::from_utf8_lossy(&done.answer));

    match member.execute("bank", "ada bob 70").await {
        Err(StoreError::Refused { machine, reason }) => println!("{machine} says no: {reason}"),
        other => println!("unexpected: {other:?}"),
    }

    let bob = member.range(RangeRequest::key("accounts/bob")).await?;
    println!("a plain read: bob has {}", String::from_utf8_lossy(&bob.kvs[0].value));

    // A client that got no answer sends the same again, under the same name.
    let deposit = Txn::put("accounts/eve", "5").identified(RequestId(0x5eed));
    let first = member.txn(deposit.clone()).await?;
    let again = member.txn(deposit).await?;
    println!("sent twice, applied once: {}", first == again);
    member.shutdown().await?;
    Ok(())
}
