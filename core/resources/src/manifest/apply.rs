//! From objects to the store, document by document.

use super::{Document, Fault, ManifestError, parse};
use crate::{Action, Applied, Error, Objects};

/// Applies every document in order and stops at the first that is refused: what the ones before it
/// did stands and comes with the error, and nothing of the refused one exists.
///
/// # Errors
/// Names file, document, line, path and reason.
pub async fn apply(
    objects: &Objects,
    file: &str,
    text: &str,
) -> Result<Vec<Applied>, ManifestError> {
    let mut applied = Vec::new();
    for document in parse(file, text) {
        let outcome = match document {
            Ok(Document { object, index, line, item }) => {
                objects.apply(object).await.map_err(|error| refused(file, index, line, item, error))
            }
            Err(error) => Err(error),
        };
        match outcome {
            Ok(one) => applied.push(one),
            Err(error) => return Err(ManifestError { applied, ..error }),
        }
    }
    Ok(applied)
}

/// As [`apply`], but refuses objects that exist already.
///
/// # Errors
/// Names file, document, line, path and reason.
pub async fn create(
    objects: &Objects,
    file: &str,
    text: &str,
) -> Result<Vec<Applied>, ManifestError> {
    let mut applied = Vec::new();
    for document in parse(file, text) {
        let outcome = match document {
            Ok(Document { object, index, line, item }) => objects
                .create(object)
                .await
                .map(|object| Applied { object, action: Action::Created })
                .map_err(|error| refused(file, index, line, item, error)),
            Err(error) => Err(error),
        };
        match outcome {
            Ok(one) => applied.push(one),
            Err(error) => return Err(ManifestError { applied, ..error }),
        }
    }
    Ok(applied)
}

fn refused(
    file: &str,
    document: usize,
    line: usize,
    item: Option<usize>,
    error: Error,
) -> ManifestError {
    let fault = Box::new(Fault::Refused { item, error });
    ManifestError { file: file.to_owned(), document, line, fault, applied: Vec::new() }
}
