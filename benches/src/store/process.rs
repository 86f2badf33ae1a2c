//! What the kernel says about processes.

use super::Failure;

/// CPU seconds of processes so far: user and system, fields 14 and 15 of `/proc/<pid>/stat`.
pub(crate) fn cpu_seconds(pids: &[u32]) -> Result<f64, Failure> {
    let mut sum = 0.0;
    for pid in pids {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let (_, rest) = stat.rsplit_once(')').ok_or("/proc/<pid>/stat has another form")?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        for at in [11, 12] {
            let ticks: f64 = fields.get(at).ok_or("/proc/<pid>/stat is short")?.parse()?;
            // Linux counts in hundredths of a second for user space on every architecture.
            sum += ticks / 100.0;
        }
    }
    Ok(sum)
}

/// Resident memory of processes in MiB.
pub(crate) fn resident_mib(pids: &[u32]) -> Result<f64, Failure> {
    sum_of_status(pids, "VmRSS:")
}

/// The most resident memory of processes since [`reset_peak`], in MiB.
pub(crate) fn peak_mib(pids: &[u32]) -> Result<f64, Failure> {
    sum_of_status(pids, "VmHWM:")
}

/// Forgets the peaks of processes.
pub(crate) fn reset_peak(pids: &[u32]) -> Result<(), Failure> {
    for pid in pids {
        // 5 resets the peak and nothing else (`man 5 proc`).
        std::fs::write(format!("/proc/{pid}/clear_refs"), "5")?;
    }
    Ok(())
}

fn sum_of_status(pids: &[u32], name: &str) -> Result<f64, Failure> {
    let mut sum = 0.0;
    for pid in pids {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let line = line.ok_or_else(|| format!("/proc/{pid}/status has no {name}"))?;
        let kib: f64 = line.trim().trim_end_matches(" kB").trim().parse()?;
        sum += kib / 1024.0;
    }
    Ok(sum)
}
