//! From an image reference to bytes and their digest.

use crate::failure::Failure;
use crate::{Blobs, WasmOptions};
use quorate_seams::spawn_blocking;
use ring::digest::{SHA256, digest};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Where an image lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    File(PathBuf),
    /// By its digest, in lower-case hex.
    Blob(String),
}

/// A module's bytes, with the digest that they have.
pub(crate) struct Image {
    pub(crate) bytes: Vec<u8>,
    pub(crate) digest: String,
}

/// What a reference means.
pub(crate) fn parse(image: &str) -> Result<Source, Failure> {
    if let Some(digest) = image.strip_prefix("blob://sha256:") {
        let hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let whole = digest.len() == 64 && digest.as_bytes().iter().all(hex);
        return if whole { Ok(Source::Blob(digest.to_owned())) } else { Err(Failure::Form) };
    }
    let path = image.strip_prefix("file://").unwrap_or(image);
    if path.starts_with('/') { Ok(Source::File(path.into())) } else { Err(Failure::Form) }
}

/// Reads a module; one that was named by its digest has it.
pub(crate) async fn read(source: Source, options: &WasmOptions) -> Result<Image, Failure> {
    let limit = options.max_module_bytes;
    let (bytes, wanted) = match source {
        Source::File(path) => (of_file(path, limit).await?, None),
        Source::Blob(digest) => {
            (of_blob(&digest, options.blobs.as_deref(), limit).await?, Some(digest))
        }
    };
    let hashed = spawn_blocking(move || Image { digest: sha256(&bytes), bytes }).await;
    let image = hashed.ok_or_else(|| Failure::Source("hashing it panicked".to_owned()))?;
    match wanted {
        Some(wanted) if wanted != image.digest => Err(Failure::Digest { found: image.digest }),
        _ => Ok(image),
    }
}

async fn of_file(path: PathBuf, limit: u64) -> Result<Vec<u8>, Failure> {
    let what = path.display().to_string();
    let read = spawn_blocking(move || read_file(&path, limit)).await;
    match read.unwrap_or_else(|| Err(io::Error::other("reading it panicked"))) {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Failure::Missing(what)),
        Err(source) => Err(Failure::Read { what, source }),
    }
}

async fn of_blob(digest: &str, blobs: Option<&dyn Blobs>, limit: u64) -> Result<Vec<u8>, Failure> {
    let what = format!("the blob sha256:{digest}");
    let none = "this node has no blobs; set WasmOptions::blobs or use file:///path";
    let blobs = blobs.ok_or_else(|| Failure::Source(none.to_owned()))?;
    match blobs.read(digest, limit).await {
        Ok(bytes) => bytes.ok_or(Failure::Missing(what)),
        Err(source) => Err(Failure::Read { what, source }),
    }
}

/// Reads a regular file of at most `limit` bytes.
pub(crate) fn read_file(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let invalid = |reason: String| io::Error::new(io::ErrorKind::InvalidData, reason);
    if !std::fs::metadata(path)?.is_file() {
        return Err(invalid("is not a file; name the module itself".to_owned()));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= limit) {
        return Ok(bytes);
    }
    Err(invalid(format!("has more than the {limit} bytes of WasmOptions::max_module_bytes")))
}

/// The SHA-256 of some bytes in lower-case hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

/// Bytes as lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_a_path_or_a_digest() {
        let file = Source::File("/a/b.wasm".into());
        assert_eq!(parse("file:///a/b.wasm").unwrap(), file);
        assert_eq!(parse("/a/b.wasm").unwrap(), file);
        let digest = "0a".repeat(32);
        assert_eq!(parse(&format!("blob://sha256:{digest}")).unwrap(), Source::Blob(digest));
        let bad = ["", "b.wasm", "file://b.wasm", "oci://x/y", "blob://sha256:00", "blob://md5:00"];
        for image in bad {
            assert!(matches!(parse(image), Err(Failure::Form)), "{image}");
        }
        let upper = format!("blob://sha256:{}", "0A".repeat(32));
        assert!(matches!(parse(&upper), Err(Failure::Form)), "{upper}");
    }

    #[test]
    fn a_file_is_read_up_to_the_limit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m");
        std::fs::write(&path, [7; 10]).unwrap();
        assert_eq!(read_file(&path, 10).unwrap(), [7; 10]);
        assert!(read_file(&path, 9).unwrap_err().to_string().contains("more than the 9 bytes"));
        assert!(read_file(dir.path(), 9).unwrap_err().to_string().contains("not a file"));
    }
}
