//! What a task finds when it starts.

use crate::failure::{holds, same};
use crate::{Bench, Case, Failure, Need, Verdict};

pub(super) const CASES: &[Case] = &[
    Case::new("launch.arguments_arrive_as_they_are", |b| Box::pin(arguments(b))),
    Case::new("launch.variables_arrive_as_they_are", |b| Box::pin(variables(b))),
    Case::new("launch.nothing_of_the_agents_environment_leaks", |b| Box::pin(no_leak(b))),
    Case::new("launch.a_working_directory_is_entered", |b| Box::pin(working_dir(b)))
        .with(&[Need::Files, Need::Unix]),
    Case::new("launch.a_command_takes_the_place_of_the_entry_point", |b| Box::pin(command(b))),
    Case::new("launch.standard_input_is_at_its_end", |b| Box::pin(input(b))),
    Case::new("launch.no_descriptor_is_inherited", |b| Box::pin(descriptors(b)))
        .with(&[Need::Unix]),
    Case::new("launch.a_large_environment_arrives", |b| Box::pin(large(b))),
];

/// What container engines set on their own.
const TOLERATED: [&str; 4] = ["PATH", "HOSTNAME", "HOME", "TERM"];

async fn arguments(b: &Bench<'_>) -> Verdict {
    let args = ["", "a b", "$HOME", "*", "'\"\\", "ü→", "--", "-x=1", "two\tparts"];
    let spec = b.task("main", &[&["args"], &args[..]].concat());
    b.run_out(&spec).await?;
    same("the arguments", args.map(|arg| format!("arg {arg}")).to_vec(), b.texts(&spec)?)
}

async fn variables(b: &Bench<'_>) -> Verdict {
    let given =
        [("B", "2"), ("A", "one = 1"), ("EMPTY", ""), ("lower_case", "$B"), ("UNICODE", "ü→")];
    let mut spec = b.task("main", &["env"]);
    spec.env = given.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    b.run_out(&spec).await?;
    let found = b.texts(&spec)?;
    for (name, value) in given {
        let line = format!("env {name}={value}");
        holds(&format!("there is {line:?}"), found.contains(&line), &found)?;
    }
    Ok(())
}

async fn no_leak(b: &Bench<'_>) -> Verdict {
    let mut spec = b.task("main", &["env"]);
    spec.env = vec![("GIVEN".to_owned(), "1".to_owned())];
    b.run_out(&spec).await?;
    let texts = b.texts(&spec)?;
    let names = texts.iter().filter_map(|text| text.strip_prefix("env ")?.split('=').next());
    let foreign: Vec<_> =
        names.filter(|name| *name != "GIVEN" && !TOLERATED.contains(name)).collect();
    same("variables that nobody gave", Vec::<&str>::new(), foreign)
}

async fn working_dir(b: &Bench<'_>) -> Verdict {
    let mut spec = b.task("main", &["cwd"]);
    let dir = b.file("");
    let dir = dir.to_string_lossy().trim_end_matches('/').to_owned();
    spec.working_dir = Some(dir.clone().into());
    b.run_out(&spec).await?;
    same("the working directory", vec![format!("cwd {dir}")], b.texts(&spec)?)
}

async fn command(b: &Bench<'_>) -> Verdict {
    let mut spec = b.task("main", &["exit=11"]);
    spec.command = vec![b.subject().program.to_string_lossy().into_owned(), "out=first".into()];
    same("the code", Some(11), b.run_out(&spec).await?.code)?;
    same("its output", vec!["first".to_owned()], b.texts(&spec)?)
}

async fn input(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["echo"]);
    b.run_out(&spec).await?;
    same("what it read", vec!["end of input".to_owned()], b.texts(&spec)?)
}

async fn descriptors(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["fds"]);
    b.run_out(&spec).await?;
    let texts = b.texts(&spec)?;
    let open = texts.iter().find_map(|text| text.strip_prefix("fds [")?.strip_suffix(']'));
    let open = open.ok_or_else(|| Failure::differs("what it says", "its descriptors", &texts))?;
    let given = ["0", "1", "2"].map(str::to_owned).into_iter().chain(inheritable());
    let given: Vec<String> = given.collect();
    let foreign: Vec<&str> =
        open.split(", ").filter(|fd| !given.iter().any(|given| given == fd)).collect();
    same("descriptors that nobody gave it", Vec::<&str>::new(), foreign)
}

/// Descriptors that the kit's own starter left open for whatever the kit starts.
fn inheritable() -> Vec<String> {
    const CLOSE_ON_EXEC: u32 = 0o2_000_000;
    let entries = std::fs::read_dir("/proc/self/fdinfo").into_iter().flatten();
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let stays_open = |fd: &String| {
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).unwrap_or_default();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
        let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
        flags.is_some_and(|flags| flags & CLOSE_ON_EXEC == 0)
    };
    names.filter(stays_open).collect()
}

async fn large(b: &Bench<'_>) -> Verdict {
    let mut spec = b.task("main", &["env"]);
    let value = "v".repeat(1000);
    spec.env = (0..100).map(|at| (format!("LARGE_{at}"), value.clone())).collect();
    b.run_out(&spec).await?;
    let texts = b.texts(&spec)?;
    let arrived = texts.iter().filter(|text| text.starts_with("env LARGE_")).count();
    same("how many variables arrived", 100, arrived)?;
    let length = texts.iter().map(String::len).max().unwrap_or(0);
    holds("their values are whole", length >= 1000, length)
}
