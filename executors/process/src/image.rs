//! From an image reference to a file on this node.
//!
//! Forms: `file:///abs/path`; `name[:tag]`, the file `<images>/<name>/<tag>` with tag `latest` by
//! default; empty, for a task whose command is an absolute path.

use crate::launch::is_executable;
use quorate_executor::{Error, is_plain_name};
use std::path::{Path, PathBuf};

/// The file that an image stands for; `None` for the empty image. The file exists and is executable.
pub(crate) fn resolve(image: &str, images: Option<&Path>) -> Result<Option<PathBuf>, Error> {
    if image.is_empty() {
        return Ok(None);
    }
    let path = match image.split_once("://") {
        Some(("file", path)) => absolute(image, path)?,
        Some((scheme, _)) => {
            let what = format!(
                "images of {scheme}:// ({image}); use file:///path or a file in the artefact directory"
            );
            return Err(Error::Unsupported { executor: crate::executor::KIND, what });
        }
        None => local(image, images)?,
    };
    executable(image, path).map(Some)
}

fn absolute(image: &str, path: &str) -> Result<PathBuf, Error> {
    if path.starts_with('/') {
        return Ok(PathBuf::from(path));
    }
    Err(artifact(image, format!("{path:?} is not absolute; write file:///path/to/program")))
}

fn local(image: &str, images: Option<&Path>) -> Result<PathBuf, Error> {
    let Some(images) = images else {
        let reason =
            "no artefact directory is configured; set ProcessOptions::images or use file:///path";
        return Err(artifact(image, reason.to_owned()));
    };
    let (name, tag) = image.rsplit_once(':').unwrap_or((image, "latest"));
    let segments_ok = name.split('/').all(|segment| is_plain_name(segment, 128));
    if !segments_ok || !is_plain_name(tag, 128) {
        let reason = "is not of the form name[:tag] with letters, digits, '-', '_', '.' and '/'";
        return Err(artifact(image, reason.to_owned()));
    }
    Ok(images.join(name).join(tag))
}

fn executable(image: &str, path: PathBuf) -> Result<PathBuf, Error> {
    let shown = path.display();
    let reason = if !path.exists() {
        format!("{shown} does not exist; put the program there")
    } else if !path.is_file() {
        format!("{shown} is not a file; put the program itself there")
    } else if !is_executable(&path) {
        format!("{shown} is not executable by the agent's user; chmod +x it")
    } else {
        return Ok(path);
    };
    Err(artifact(image, reason))
}

fn artifact(image: &str, reason: String) -> Error {
    Error::Artifact { image: image.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn place(path: &Path, mode: u32) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_name_and_tag_is_a_file_in_the_artefact_directory() {
        let dir = tempfile::tempdir().unwrap();
        place(&dir.path().join("team/web/latest"), 0o755);
        place(&dir.path().join("team/web/1.2"), 0o755);
        for (image, file) in [("team/web", "team/web/latest"), ("team/web:1.2", "team/web/1.2")] {
            assert_eq!(resolve(image, Some(dir.path())).unwrap(), Some(dir.path().join(file)));
        }
        let file = format!("file://{}/team/web/1.2", dir.path().display());
        assert_eq!(resolve(&file, None).unwrap(), Some(dir.path().join("team/web/1.2")));
    }

    #[test]
    fn what_cannot_run_is_refused_with_its_path_and_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        place(&dir.path().join("plain/latest"), 0o644);
        let text = |image: &str| resolve(image, Some(dir.path())).unwrap_err().to_string();
        let path = dir.path().display();
        assert!(text("none:7").contains(&format!("{path}/none/7 does not exist; put the program")));
        assert!(text("plain").contains(&format!("{path}/plain/latest is not executable")));
        assert!(text("../plain").contains("is not of the form"));
        assert!(text("file://plain").contains("is not absolute"));
        assert!(matches!(resolve("oci://x/y", None), Err(Error::Unsupported { .. })));
        assert!(matches!(resolve("web", None), Err(Error::Artifact { .. })));
    }
}
