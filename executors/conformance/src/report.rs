//! What a run found, as a value and as a table.

use crate::Failure;
use std::fmt;
use std::time::Duration;

/// How a case ended.
#[derive(Debug)]
pub enum Outcome {
    /// It holds.
    Passed,
    /// It does not.
    Failed(Failure),
    /// It is not asked of this subject, because of what the text says.
    NotAsked(String),
}

/// One case of a run.
#[derive(Debug)]
pub struct Row {
    /// Its name.
    pub case: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
}

/// What a run found.
#[derive(Debug)]
pub struct Report {
    /// The kind of the executor.
    pub kind: &'static str,
    /// Every case, in order.
    pub rows: Vec<Row>,
}

impl Report {
    /// The cases that failed.
    pub fn failures(&self) -> impl Iterator<Item = (&'static str, &Failure)> {
        self.rows.iter().filter_map(|row| match &row.outcome {
            Outcome::Failed(failure) => Some((row.case, failure)),
            _ => None,
        })
    }

    /// How many cases hold.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.rows.iter().filter(|row| matches!(row.outcome, Outcome::Passed)).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|row| row.case.len()).max().unwrap_or(0);
        for Row { case, outcome, took } in &self.rows {
            let millis = took.as_millis();
            match outcome {
                Outcome::Passed => writeln!(f, "{case:width$}  ok        {millis:>6} ms")?,
                Outcome::Failed(why) => {
                    writeln!(f, "{case:width$}  FAILED    {millis:>6} ms  {why}")?;
                }
                Outcome::NotAsked(why) => writeln!(f, "{case:width$}  not asked            {why}")?,
            }
        }
        let (passed, failed) = (self.passed(), self.failures().count());
        let not_asked = self.rows.len() - passed - failed;
        writeln!(f, "{}: {passed} hold, {failed} failed, {not_asked} not asked", self.kind)
    }
}
