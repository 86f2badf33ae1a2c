//! Reading a task's log file back.

use std::path::Path;

/// One line of a log file in the CRI format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its time stamp as it stands there.
    pub stamp: String,
    /// `stdout` or `stderr`.
    pub stream: String,
    /// Whether the line was ended by the task.
    pub full: bool,
    /// The text, as far as it is text.
    pub text: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// The lines of a log file; none if there is no file.
///
/// # Errors
/// The file cannot be read, or a line is not of the format.
pub fn read(path: &Path) -> std::io::Result<Vec<Line>> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    // A line that is being written is not one yet.
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    bytes[..whole].split_inclusive(|byte| *byte == b'\n').map(parse).collect()
}

fn parse(line: &[u8]) -> std::io::Result<Line> {
    let malformed = || {
        let shown = String::from_utf8_lossy(line).into_owned();
        std::io::Error::other(format!("not a line of the CRI format: {shown:?}"))
    };
    let mut parts = line.strip_suffix(b"\n").unwrap_or(line).splitn(4, |byte| *byte == b' ');
    let mut word = || parts.next().map(|part| String::from_utf8_lossy(part).into_owned());
    let (stamp, stream, tag) = (word(), word(), word());
    let (Some(stamp), Some(stream), Some(tag)) = (stamp, stream, tag) else {
        return Err(malformed());
    };
    let bytes = parts.next().ok_or_else(malformed)?.to_vec();
    let stream_ok = matches!(stream.as_str(), "stdout" | "stderr");
    if !stream_ok || !matches!(tag.as_str(), "F" | "P") {
        return Err(malformed());
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(Line { stamp, stream, full: tag == "F", text, bytes })
}

/// The bytes of one stream, line ends included.
pub(crate) fn stream(lines: &[Line], stream: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in lines.iter().filter(|line| line.stream == stream) {
        bytes.extend_from_slice(&line.bytes);
        if line.full {
            bytes.push(b'\n');
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_back_and_nonsense_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        assert_eq!(read(&path).unwrap(), []);
        std::fs::write(&path, "T stdout F a b\nT stdout P c\nT stderr F \nT stdout F torn")
            .unwrap();
        let lines = read(&path).unwrap();
        assert_eq!(lines.len(), 3, "the torn line does not count");
        assert_eq!(stream(&lines, "stdout"), b"a b\nc");
        assert_eq!(stream(&lines, "stderr"), b"\n");
        std::fs::write(&path, "T stdin F a\n").unwrap();
        assert!(read(&path).is_err());
    }
}
