//! Reading the output of containers.
//!
//! Executors append lines in the CRI format (`time stream F|P text`) to one file per run, which lies
//! in the pod's directory and goes with it. Files are not rotated: a task that writes without end
//! fills the disk. Reading is bounded by [`LogOptions::limit_bytes`], counted from the end.

use crate::Error;
use crate::node::Node;
use quorate_executor::TaskId;
use quorate_kinds::k8s_openapi::jiff::Timestamp;
use quorate_seams::spawn_blocking;
use quorate_types::ObjectKey;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// Which part of the output, and in which form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogOptions {
    /// The run before the latest one.
    pub previous: bool,
    /// Only so many lines from the end.
    pub tail_lines: Option<usize>,
    /// Only lines since this wall time in milliseconds since the Unix epoch.
    pub since_ms: Option<i64>,
    /// Each line begins with its time stamp.
    pub timestamps: bool,
    /// At most so many bytes of the file are read; 16 MiB unless changed.
    pub limit_bytes: u64,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            previous: false,
            tail_lines: None,
            since_ms: None,
            timestamps: false,
            limit_bytes: 16 << 20,
        }
    }
}

/// Reads the output of one container of a pod on this node; with no name, of its only container.
pub(crate) async fn read(
    node: &Node,
    pod: &ObjectKey,
    container: Option<&str>,
    options: LogOptions,
) -> Result<String, Error> {
    let (uid, runs) = node.runs(pod).ok_or_else(|| Error::NoPod(pod.clone()))?;
    let no_run = |container: &str, reason: String| Error::NoRun {
        pod: pod.clone(),
        container: container.to_owned(),
        reason,
    };
    let names: Vec<&String> = runs.attempts.keys().collect();
    let name = match (container, names.as_slice()) {
        (Some(name), _) => name,
        (None, [only]) => only.as_str(),
        (None, _) => return Err(no_run("", format!("name one of {names:?}"))),
    };
    let latest = runs.attempts.get(name);
    let latest =
        *latest.ok_or_else(|| no_run(name, format!("has not run; there are {names:?}")))?;
    let attempt = if options.previous {
        latest.checked_sub(1).ok_or_else(|| no_run(name, "has no previous run".to_owned()))?
    } else {
        latest
    };
    let path = node.log_path(&TaskId { pod: uid, name: name.to_owned(), attempt });
    let shown = path.clone();
    let limit = options.limit_bytes;
    let read = spawn_blocking(move || tail(&path, limit)).await;
    match read.unwrap_or_else(|| Err(io::Error::other("the reading thread panicked"))) {
        Ok(text) => Ok(render(&text, &options)),
        // Created with the first line of output.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(source) => Err(Error::Io { what: "cannot read", path: shown, source }),
    }
}

/// The last bytes of a file, from the beginning of a line on.
fn tail(path: &Path, limit: u64) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let skipped = length.saturating_sub(limit);
    file.seek(SeekFrom::Start(skipped))?;
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let whole = match (skipped, text.find('\n')) {
        (0, _) => &text,
        (_, Some(at)) => &text[at + 1..],
        (_, None) => "",
    };
    Ok(whole.to_owned())
}

/// Turns CRI lines into what people read; partial lines are joined.
fn render(text: &str, options: &LogOptions) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        let mut parts = line.splitn(4, ' ');
        let (Some(stamp), Some(_stream), Some(tag)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let content = parts.next().unwrap_or_default();
        if options.since_ms.is_some_and(|since| before(stamp, since)) {
            continue;
        }
        match lines.last_mut().filter(|_| open) {
            Some(last) => last.push_str(content),
            None if options.timestamps => lines.push(format!("{stamp} {content}")),
            None => lines.push(content.to_owned()),
        }
        open = tag == "P";
    }
    let keep = options.tail_lines.unwrap_or(lines.len()).min(lines.len());
    lines[lines.len() - keep..].iter().flat_map(|line| [line.as_str(), "\n"]).collect()
}

fn before(stamp: &str, since_ms: i64) -> bool {
    stamp.parse::<Timestamp>().is_ok_and(|stamp| stamp.as_millisecond() < since_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
2026-01-01T00:00:00.5Z stdout F one
2026-01-01T00:00:01Z stderr P two, 
2026-01-01T00:00:01Z stderr F second half
2026-01-01T00:00:02.000000001Z stdout F 
2026-01-01T00:00:03Z stdout F four words in it
";

    #[test]
    fn lines_lose_their_frame_and_partial_ones_are_joined() {
        let all = render(TEXT, &LogOptions::default());
        assert_eq!(all, "one\ntwo, second half\n\nfour words in it\n");
        let tail = LogOptions { tail_lines: Some(2), timestamps: true, ..LogOptions::default() };
        assert_eq!(
            render(TEXT, &tail),
            "2026-01-01T00:00:02.000000001Z \n2026-01-01T00:00:03Z four words in it\n"
        );
        let since = LogOptions { since_ms: Some(1_767_225_602_000), ..LogOptions::default() };
        assert_eq!(render(TEXT, &since), "\nfour words in it\n");
    }

    #[test]
    fn a_bounded_read_begins_at_a_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        std::fs::write(&path, "aaaa\nbbbb\ncccc\n").unwrap();
        assert_eq!(tail(&path, 7).unwrap(), "cccc\n");
        assert_eq!(tail(&path, 100).unwrap(), "aaaa\nbbbb\ncccc\n");
    }
}
