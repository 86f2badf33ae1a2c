//! One member as a process of its own, for tests that kill it or make its disk fail: commands on
//! standard input, one answer line for each on standard output, in the order in which they finish.
//!
//! `member-harness CLUSTER ID DIR LISTEN PEERS HEARTBEAT ELECTION_MIN ELECTION_MAX AFTER KEEP SEGMENT`,
//! peers as `1=host:port,2=host:port`, times in milliseconds, the length of a log segment in bytes.
//! Lines are `TAG COMMAND ...`, answers `TAG ok ...`, `TAG unknown REASON` (it may have happened) or
//! `TAG no REASON` (it has not). A member that must not go on ends the process with its reason on
//! standard error.

use futures::StreamExt;
use quorate_member::{Member, MemberOptions, Timing};
use quorate_seams::{Seams, TaskSet, timeout};
use quorate_store::{Certainty, Error, KeyRange, RangeRequest, Store, Txn, WatchRequest};
use quorate_types::{ClusterId, MemberId, Revision};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let ended = tokio::runtime::Runtime::new().map_err(Failure::from).and_then(|runtime| {
        let ended = runtime.block_on(run_member());
        // The thread that reads standard input cannot be interrupted.
        runtime.shutdown_background();
        ended
    });
    ended.unwrap_or_else(|error| {
        complain(&*error);
        ExitCode::FAILURE
    })
}

fn complain(error: &(dyn std::error::Error + Send + Sync)) {
    // Whoever reads it may be gone.
    let _ = writeln!(std::io::stderr(), "member-harness: {error}");
}

async fn run_member() -> Result<ExitCode, Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let seams = Seams::system();
    let clock = seams.clock.clone();
    let member = Member::start(options(&arguments)?, seams).await?;
    tokio::select! {
        ended = member.ended() => {
            if let Err(error) = ended {
                complain(&error);
            }
            // Closed before the process ends: RocksDB's threads must not outlive its globals.
            let closed = timeout(&*clock, Duration::from_secs(10), member.kill()).await;
            closed.ok_or("something still holds the member")?;
            Ok(ExitCode::FAILURE)
        }
        served = serve(&member) => {
            served?;
            member.shutdown().await?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn serve(member: &Member) -> Result<(), Failure> {
    let (answers, lines) = mpsc::channel(1024);
    let tasks = TaskSet::new();
    tasks.spawn(write_lines(lines));
    answers.send(format!("started {}", member.local_addr())).await?;
    let mut input = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = input.next_line().await? {
        let (member, answers) = (member.clone(), answers.clone());
        tasks.spawn(async move {
            let answer = answer(&member, &line).await;
            // Fails only when standard output is closed; then nobody reads answers.
            let _ = answers.send(answer).await;
        });
    }
    Ok(())
}

async fn write_lines(mut lines: mpsc::Receiver<String>) {
    let mut output = tokio::io::stdout();
    while let Some(line) = lines.recv().await {
        let written = output.write_all(format!("{line}\n").as_bytes()).await;
        if written.is_err() || output.flush().await.is_err() {
            return;
        }
    }
}

fn options(arguments: &[String]) -> Result<MemberOptions, Failure> {
    let [cluster, id, dir, listen, peers, heartbeat, min, max, after, keep, segment] = arguments
    else {
        return Err("eleven arguments are needed, see the source".into());
    };
    let millis = |text: &String| text.parse().map(Duration::from_millis);
    let timing = Timing {
        heartbeat: millis(heartbeat)?,
        election_min: millis(min)?,
        election_max: millis(max)?,
    };
    let mut members = BTreeMap::new();
    for peer in peers.split(',') {
        let (id, addr) = peer.split_once('=').ok_or("a peer is written as id=host:port")?;
        members.insert(MemberId(id.parse()?), addr.to_owned());
    }
    let (cluster, id) = (ClusterId(cluster.parse()?), MemberId(id.parse()?));
    Ok(MemberOptions::new(cluster, id, dir, listen.parse()?)
        .peers(members)
        .timing(timing)
        .snapshots(after.parse()?, keep.parse()?)
        .log(quorate_log::Options { segment_bytes: segment.parse()?, ..Default::default() }))
}

async fn answer(member: &Member, line: &str) -> String {
    let mut words = line.split(' ');
    let tag = words.next().unwrap_or_default();
    let words: Vec<&str> = words.collect();
    match run(member, &words).await {
        Ok(answer) => format!("{tag} ok {answer}"),
        Err(error) => {
            let word = match error.certainty() {
                Certainty::Unknown => "unknown",
                Certainty::DefinitelyNot => "no",
            };
            format!("{tag} {word} {error}")
        }
    }
}

async fn run(member: &Member, words: &[&str]) -> Result<String, Error> {
    match words {
        ["put", key, value] => {
            let txn = Txn::put((*key).to_owned(), (*value).to_owned());
            Ok(member.txn(txn).await?.revision.to_string())
        }
        ["get", key] => {
            let found = member.range(RangeRequest::key((*key).to_owned())).await?;
            let value = found.kvs.first().map(|kv| String::from_utf8_lossy(&kv.value).into_owned());
            Ok(value.unwrap_or_default())
        }
        ["count"] => {
            let request = RangeRequest { count_only: true, ..RangeRequest::new(KeyRange::all()) };
            Ok(member.range(request).await?.count.to_string())
        }
        ["ready"] => {
            let status = member.wait_ready(Duration::from_secs(30)).await?;
            Ok(status.revision.to_string())
        }
        ["status"] => {
            let status = member.status();
            let leader = status.leader.map_or(0, |id| id.0);
            Ok(format!("{leader} {} {}", status.term, status.revision))
        }
        ["hash", revision] => {
            let revision = revision.parse().map_err(|_| bad("a revision is a number"))?;
            Ok(format!("{:?}", member.hash_kv(Revision(revision)).await?))
        }
        ["history", to] => {
            let to = to.parse().map_err(|_| bad("a revision is a number"))?;
            history(member, Revision(to)).await
        }
        ["transfer", to] => {
            let to = to.parse().map_err(|_| bad("a member is a number"))?;
            member.transfer_leadership(MemberId(to)).await;
            Ok(String::new())
        }
        ["stats"] => Ok(format!("{:?}", member.log_stats())),
        _ => Err(bad("no such command")),
    }
}

fn bad(reason: &str) -> Error {
    Error::unavailable(reason)
}

/// Every change from the first revision to the given one, as `revision:key=value`, of a value only
/// what comes before a dot.
async fn history(member: &Member, to: Revision) -> Result<String, Error> {
    let request = WatchRequest::new(KeyRange::all()).from(Revision(1)).with_progress();
    let mut batches = member.watch(request).await?;
    let mut text = String::new();
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        for event in batch.events.iter().filter(|event| event.kv.mod_revision <= to) {
            let key = String::from_utf8_lossy(&event.kv.key);
            let value = String::from_utf8_lossy(&event.kv.value);
            let value = value.split('.').next().unwrap_or_default();
            // Writing to a string cannot fail.
            let _ = write!(text, "{}:{key}={value} ", event.kv.mod_revision);
        }
        if batch.revision >= to {
            break;
        }
    }
    Ok(text.trim_end().to_owned())
}
