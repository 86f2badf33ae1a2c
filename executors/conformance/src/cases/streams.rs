//! Output in the log file, every byte of it.

use crate::failure::{holds, same};
use crate::log::stream;
use crate::{Bench, Case, Failure, Need, Verdict};

pub(super) const CASES: &[Case] = &[
    Case::new("streams.both_are_logged_under_their_names", |b| Box::pin(both(b))),
    Case::new("streams.a_line_without_end_is_partial", |b| Box::pin(partial(b))),
    Case::new("streams.empty_lines_are_lines", |b| Box::pin(empty(b))),
    Case::new("streams.every_line_is_there_and_in_order", |b| Box::pin(lines(b))),
    Case::new("streams.a_line_without_end_may_be_long", |b| Box::pin(long(b))),
    Case::new("streams.bytes_need_not_be_text", |b| Box::pin(bytes(b))),
    Case::new("streams.time_stamps_are_utc_and_in_order", |b| Box::pin(stamps(b))),
    Case::new("streams.a_log_is_appended_to", |b| Box::pin(appended(b))),
    Case::new("streams.output_is_there_before_the_end", |b| Box::pin(live(b))).with(&[Need::Files]),
    Case::new("streams.a_silent_task_has_no_line", |b| Box::pin(silent(b))),
    Case::new("streams.a_descendants_output_is_logged", |b| Box::pin(descendant(b)))
        .with(&[Need::Unix]),
    Case::new("streams.a_killed_tasks_output_is_kept", |b| Box::pin(killed(b))),
];

async fn both(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["out=one", "err=two", "out=three", "err=four"]);
    b.run_out(&spec).await?;
    let lines = b.lines(&spec)?;
    same("standard output", b"one\nthree\n".to_vec(), stream(&lines, "stdout"))?;
    same("standard error", b"two\nfour\n".to_vec(), stream(&lines, "stderr"))
}

async fn partial(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["out=whole", "part=torn"]);
    b.run_out(&spec).await?;
    let lines: Vec<_> = b.lines(&spec)?.into_iter().map(|line| (line.full, line.text)).collect();
    same("the lines", vec![(true, "whole".to_owned()), (false, "torn".to_owned())], lines)
}

async fn empty(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["out=", "out=between", "out="]);
    b.run_out(&spec).await?;
    same("the lines", ["", "between", ""].map(str::to_owned).to_vec(), b.texts(&spec)?)
}

async fn lines(b: &Bench<'_>) -> Verdict {
    const COUNT: usize = 20_000;
    let spec = b.task("main", &[&format!("lines={COUNT}")]);
    b.run_out(&spec).await?;
    let texts = b.texts(&spec)?;
    same("how many lines there are", COUNT, texts.len())?;
    let wrong = (0..).zip(&texts).find(|(at, text)| **text != format!("line {at} of {COUNT}"));
    holds("they are in order", wrong.is_none(), wrong)
}

async fn long(b: &Bench<'_>) -> Verdict {
    const COUNT: usize = 300_000;
    let spec = b.task("main", &[&format!("flood={COUNT}"), "out="]);
    b.run_out(&spec).await?;
    let bytes = stream(&b.lines(&spec)?, "stdout");
    same("how many bytes there are", COUNT + 1, bytes.len())?;
    holds("they are what was written", bytes[..COUNT].iter().all(|byte| *byte == b'x'), "others")
}

async fn bytes(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["bytes"]);
    b.run_out(&spec).await?;
    same("the bytes", (0..=255).collect::<Vec<u8>>(), stream(&b.lines(&spec)?, "stdout"))
}

async fn stamps(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["lines=100"]);
    b.run_out(&spec).await?;
    let stamps: Vec<String> = b.lines(&spec)?.into_iter().map(|line| line.stamp).collect();
    let formed =
        |stamp: &String| stamp.len() >= 20 && stamp.as_bytes()[10] == b'T' && stamp.ends_with('Z');
    holds("stamps are RFC 3339 in UTC", stamps.iter().all(formed), &stamps)?;
    holds("stamps do not go back", stamps.is_sorted(), &stamps)
}

async fn appended(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["out=new"]);
    let old = "2026-01-01T00:00:00.000000000Z stdout F old\n";
    std::fs::write(&spec.log_path, old).map_err(Failure::kit("write a log file"))?;
    b.run_out(&spec).await?;
    same("the lines", vec!["old".to_owned(), "new".to_owned()], b.texts(&spec)?)
}

async fn live(b: &Bench<'_>) -> Verdict {
    let go = b.file("go");
    let spec = b.task("main", &["out=up", &format!("wait={}", go.display()), "out=down"]);
    b.run_up(&spec).await?;
    std::fs::write(&go, "").map_err(Failure::kit("write a file"))?;
    b.exit(&spec.id).await?;
    same("the lines", vec!["up".to_owned(), "down".to_owned()], b.texts(&spec)?)
}

async fn silent(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["exit=0"]);
    b.run_out(&spec).await?;
    same("the lines", Vec::<String>::new(), b.texts(&spec)?)
}

async fn descendant(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["spawn=out=child hang", "hang"]);
    b.run(&spec).await?;
    b.said(&spec, "child").await
}

async fn killed(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["lines=5000", "part=last words", "err=up", "hang"]);
    b.run(&spec).await?;
    b.said(&spec, "up").await?;
    b.stop(&spec.id, quorate_executor::Stop::Kill).await?;
    b.exit(&spec.id).await?;
    let lines = b.lines(&spec)?;
    let out = stream(&lines, "stdout");
    let count = out.iter().filter(|byte| **byte == b'\n').count();
    same("how many lines there are", 5000, count)?;
    holds("the last words are there", out.ends_with(b"last words"), lines.last())
}
