//! What the operating system knows of this process.

use super::page::{Page, Type};

/// Of a system without `/proc` nothing is told.
pub(super) fn process(page: &mut Page) {
    let open = std::fs::read_dir("/proc/self/fd").map(Iterator::count);
    if let Ok(open) = open.map(|open| u64::try_from(open).unwrap_or(u64::MAX)) {
        page.one("os_fd_used", Type::Gauge, "File descriptors in use.", open);
        page.one("process_open_fds", Type::Gauge, "File descriptors in use.", open);
    }
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    if let Some(limit) = open_files(&limits) {
        page.one("os_fd_limit", Type::Gauge, "File descriptors allowed.", limit);
        page.one("process_max_fds", Type::Gauge, "File descriptors allowed.", limit);
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    for (field, name, help) in [
        ("VmRSS:", "process_resident_memory_bytes", "Resident memory in bytes."),
        ("VmSize:", "process_virtual_memory_bytes", "Virtual memory in bytes."),
    ] {
        if let Some(kib) = kib(&status, field) {
            page.one(name, Type::Gauge, help, kib * 1024);
        }
    }
}

fn open_files(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn kib(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_and_memory_are_found_in_their_lines() {
        let limits = "Max processes  10 20 processes\nMax open files   1024  4096   files\n";
        assert_eq!(open_files(limits), Some(1024));
        assert_eq!(kib("Name:\tx\nVmRSS:\t   2048 kB\n", "VmRSS:"), Some(2048));
        assert_eq!(kib("Name:\tx\n", "VmRSS:"), None);
    }
}
