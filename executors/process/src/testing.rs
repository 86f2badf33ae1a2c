//! For tests of other crates that run real tasks.

use std::path::{Path, PathBuf};

/// The `quorate-shim` program beside the running test: `target/<profile>/quorate-shim` for a test
/// in `target/<profile>/deps`. `None` if it was not built; `cargo build -p quorate-process` (or
/// `cargo test --workspace`, which builds every binary) makes it.
///
/// Tests of this crate itself use `env!("CARGO_BIN_EXE_quorate-shim")`.
#[must_use]
pub fn shim_program() -> Option<PathBuf> {
    let test = std::env::current_exe().ok()?;
    test.ancestors().skip(1).take(2).map(beside).find(|path| path.is_file())
}

fn beside(dir: &Path) -> PathBuf {
    dir.join("quorate-shim")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_found_shim_lies_in_the_directory_of_the_test_or_above_it() {
        let test = std::env::current_exe().unwrap();
        let found = shim_program();
        assert!(found.is_none_or(|path| test.starts_with(path.parent().unwrap())));
    }
}
