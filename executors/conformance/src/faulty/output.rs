//! Defects of the log: done to the file once its task has ended.

use super::Fault;
use std::path::Path;

/// Spoils a finished log.
pub(super) fn spoil(fault: Option<Fault>, log: &Path) -> std::io::Result<()> {
    let spoiled = matches!(
        fault,
        Some(Fault::TruncatesOutput | Fault::MixesStreams | Fault::DropsPartialLines)
    );
    if !spoiled || !log.exists() {
        return Ok(());
    }
    let text = std::fs::read_to_string(log)?;
    let lines = text.lines();
    let kept: Vec<String> = match fault {
        Some(Fault::TruncatesOutput) => lines.take(1000).map(str::to_owned).collect(),
        Some(Fault::MixesStreams) => {
            lines.map(|line| line.replacen(" stderr ", " stdout ", 1)).collect()
        }
        _ => lines.filter(|line| !line.contains(" P ")).map(str::to_owned).collect(),
    };
    let text: String = kept.into_iter().map(|line| line + "\n").collect();
    std::fs::write(log, text)
}
