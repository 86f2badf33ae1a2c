//! Scripts of kubectl commands with what they must print.
//!
//! `$ ` starts a command, `@ ` one that is repeated until it fits, for at most half a minute. The
//! lines below it must occur in what it prints, in this order; `? N` wants another exit code than 0,
//! `! text` that the text does not occur; `< file` gives a manifest as standard input, `& text` a
//! program for `KUBE_EDITOR`; `> name` keeps what it prints for later lines, as `{name}`. `~/` is the
//! directory with the credentials. `#` starts a comment.

use crate::world::World;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Debug, Default)]
struct Case {
    line: usize,
    command: String,
    repeat: bool,
    code: i32,
    input: Option<String>,
    editor: Option<String>,
    keep: Option<String>,
    expected: Vec<String>,
    absent: Vec<String>,
}

fn parse(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.starts_with('#') || line.trim().is_empty() {
            continue;
        }
        if let Some(command) = line.strip_prefix("$ ").or_else(|| line.strip_prefix("@ ")) {
            let (line, repeat) = (index + 1, line.starts_with('@'));
            cases.push(Case { line, command: command.to_owned(), repeat, ..Case::default() });
            continue;
        }
        let case = cases.last_mut().expect("a script starts with a command");
        match line.split_at_checked(2) {
            Some(("? ", code)) => case.code = code.parse().expect("an exit code"),
            Some(("! ", text)) => case.absent.push(text.to_owned()),
            Some(("< ", file)) => case.input = Some(file.to_owned()),
            Some(("> ", name)) => case.keep = Some(name.to_owned()),
            Some(("& ", text)) => case.editor = Some(text.to_owned()),
            _ => case.expected.push(line.to_owned()),
        }
    }
    cases
}

/// Splits at blanks; single quotes keep them.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut any) = (Vec::new(), String::new(), false, false);
    for c in command.chars() {
        match c {
            '\'' => (quoted, any) = (!quoted, true),
            ' ' if !quoted => {
                if any || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                any = false;
            }
            c => word.push(c),
        }
    }
    if any || !word.is_empty() {
        words.push(word);
    }
    words
}

/// Runs a script against a control plane of its own, with TLS and users or open to everybody.
pub(crate) async fn run(name: &str, secured: bool) {
    if Command::new("kubectl").arg("version").arg("--client").output().await.is_err() {
        println!("SKIP {name}: there is no kubectl on this machine");
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let text = std::fs::read_to_string(folder.join(format!("scripts/{name}.txt"))).unwrap();
    let home = tempfile::tempdir().unwrap();
    let world = match secured {
        true => World::secured(home.path()).await,
        false => World::start().await,
    };
    let mut cases = parse(&text);
    let mut kept = BTreeMap::from([("~/".to_owned(), format!("{}/", home.path().display()))]);
    let mut failures = Vec::new();
    for case in &mut cases {
        for (name, value) in &kept {
            case.command = case.command.replace(name, value);
        }
        match attempt(&world, home.path(), &folder, case).await {
            Ok(printed) => {
                kept.extend(case.keep.iter().map(|name| (format!("{{{name}}}"), printed.clone())));
            }
            Err(reason) => {
                failures.push(format!("{name}.txt:{}: $ {}\n{reason}", case.line, case.command));
            }
        }
    }
    println!("{name}: {} of {} cases pass", cases.len() - failures.len(), cases.len());
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

async fn attempt(world: &World, home: &Path, folder: &Path, case: &Case) -> Result<String, String> {
    let clock = world.objects.seams().clock.clone();
    let end = clock.now() + PATIENCE;
    loop {
        let result = once(world, home, folder, case).await;
        if result.is_ok() || !case.repeat || clock.now() > end {
            return result;
        }
        clock.sleep(Duration::from_millis(100)).await;
    }
}

/// What the command prints, without what surrounds it.
async fn once(world: &World, home: &Path, folder: &Path, case: &Case) -> Result<String, String> {
    let mut command = Command::new("kubectl");
    if let Some(url) = &world.url {
        command.arg("--server").arg(url);
    }
    command
        .args(words(&case.command))
        .current_dir(folder.join("manifests"))
        .env("HOME", home)
        .env("KUBECONFIG", home.join("kubeconfig"))
        .env("KUBECACHEDIR", home.join("cache"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    if let Some(editor) = &case.editor {
        command.env("KUBE_EDITOR", editor);
    }
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let input = match &case.input {
        Some(file) => std::fs::read(folder.join("manifests").join(file)).unwrap(),
        None => Vec::new(),
    };
    // A command that does not read its input is no fault.
    let _ = child.stdin.take().expect("piped").write_all(&input).await;
    let clock = &world.objects.seams().clock;
    let output = quorate_seams::timeout(&**clock, PATIENCE, child.wait_with_output()).await;
    let output = output.ok_or("does not end")?.map_err(|error| error.to_string())?;
    let printed = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    judge(case, output.status.code().unwrap_or(-1), &printed)?;
    Ok(printed.trim().to_owned())
}

fn judge(case: &Case, code: i32, printed: &str) -> Result<(), String> {
    if code != case.code {
        return Err(format!("exit code {code}, expected {}; printed:\n{printed}", case.code));
    }
    let mut rest = printed;
    for text in &case.expected {
        match rest.find(text.as_str()) {
            Some(at) => rest = &rest[at + text.len()..],
            None => return Err(format!("expected {text:?} in:\n{printed}")),
        }
    }
    match case.absent.iter().find(|text| printed.contains(text.as_str())) {
        Some(text) => Err(format!("unexpected {text:?} in:\n{printed}")),
        None => Ok(()),
    }
}
