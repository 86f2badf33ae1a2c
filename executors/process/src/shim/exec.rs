//! The last steps before a task's own program runs, in its own process.

use super::setup::Inherited;
use super::sys;
use crate::launch::Launch;
use rustix::process::{Pid, Signal, chdir, getppid, set_parent_process_death_signal, setsid};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};
use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

/// A task's program, ready to be executed: everything that allocates or may fail early is done.
#[derive(Debug)]
pub(super) struct Program {
    file: CString,
    argv: Vec<CString>,
    env: Vec<CString>,
    cwd: PathBuf,
    oom_score: Option<String>,
}

/// The standard streams of a task.
#[derive(Debug)]
pub(super) struct Streams {
    pub(super) stdin: File,
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
}

/// Why a program does not run: what was being done, and what the operating system said.
pub(super) struct Failure {
    pub(super) step: Step,
    pub(super) error: io::Error,
}

/// What is being done to run a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Prepare,
    WorkingDir,
    Execute,
}

impl Step {
    const ALL: [Self; 3] = [Self::Prepare, Self::WorkingDir, Self::Execute];
}

impl Failure {
    /// Five bytes for the pipe that a successful `execve` closes.
    pub(super) fn encode(&self) -> [u8; 5] {
        let errno = self.error.raw_os_error().unwrap_or(libc::EIO).to_ne_bytes();
        [self.step as u8, errno[0], errno[1], errno[2], errno[3]]
    }

    /// The failure that came through the pipe.
    pub(super) fn decode(bytes: [u8; 5]) -> Self {
        let [step, errno @ ..] = bytes;
        let step = Step::ALL.into_iter().find(|known| *known as u8 == step);
        let error = io::Error::from_raw_os_error(i32::from_ne_bytes(errno));
        Self { step: step.unwrap_or(Step::Prepare), error }
    }

    /// The reason as people read it.
    pub(super) fn text(&self, launch: &Launch) -> String {
        let error = &self.error;
        match self.step {
            Step::Prepare => format!("preparing the process: {error}"),
            Step::WorkingDir => format!("working directory {}: {error}", launch.cwd.display()),
            Step::Execute => error.to_string(),
        }
    }
}

impl Program {
    /// Finds a task's program and puts arguments and environment into the kernel's form.
    pub(super) fn find(launch: &Launch, inherited: &Inherited) -> Result<Self, String> {
        let text = |text: String| CString::new(text).map_err(|_| "contains a zero byte".to_owned());
        let file = launch.program()?;
        let file =
            file.into_os_string().into_string().map_err(|_| "path is not UTF-8".to_owned())?;
        let argv = launch.argv.iter().cloned().map(text).collect::<Result<_, _>>()?;
        let env = launch.env.iter().map(|(name, value)| text(format!("{name}={value}")));
        Ok(Self {
            file: text(file)?,
            argv,
            env: env.collect::<Result<_, _>>()?,
            cwd: launch.cwd.clone(),
            oom_score: inherited.oom_score.clone(),
        })
    }

    /// Becomes the program, in a session and process group of its own. Returns only with the reason
    /// why not. All descriptors above standard error close on success.
    pub(super) fn execute(&self, streams: &Streams, parent: Pid) -> Failure {
        if let Err(error) = self.prepare(streams, parent) {
            return Failure { step: Step::Prepare, error };
        }
        if let Err(errno) = chdir(&self.cwd) {
            return Failure { step: Step::WorkingDir, error: errno.into() };
        }
        sys::reset_signals();
        Failure { step: Step::Execute, error: sys::execve(&self.file, &self.argv, &self.env) }
    }

    fn prepare(&self, streams: &Streams, parent: Pid) -> io::Result<()> {
        setsid()?;
        set_parent_process_death_signal(Some(Signal::KILL))?;
        if getppid() != Some(parent) {
            return Err(io::Error::other("the reaper died meanwhile"));
        }
        if let Some(score) = &self.oom_score {
            std::fs::write("/proc/self/oom_score_adj", score.trim())?;
        }
        dup2_stdin(&streams.stdin)?;
        dup2_stdout(&streams.stdout)?;
        dup2_stderr(&streams.stderr)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_crosses_the_pipe_unchanged() {
        for step in Step::ALL {
            let error = io::Error::from_raw_os_error(libc::ENOENT);
            let back = Failure::decode(Failure { step, error }.encode());
            assert_eq!((back.step, back.error.raw_os_error()), (step, Some(libc::ENOENT)));
        }
    }
}
