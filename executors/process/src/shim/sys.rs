//! The system calls that have no safe interface: fork, exec, signal dispositions.
//!
//! Invariant: the shim and everything forked from it are single-threaded ([`is_single_threaded`] is
//! checked before the first fork), so a forked child may allocate and use std like its parent.
#![allow(unsafe_code, reason = "fork, execve and signal dispositions have no safe interface")]

use rustix::process::Pid;
use std::ffi::CString;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// Signals beyond the ones a shim ends by: it ends when its pod does, or by SIGKILL.
const IGNORED: [i32; 4] = [libc::SIGHUP, libc::SIGINT, libc::SIGTERM, libc::SIGPIPE];

/// How many signals the kernel has.
const KERNEL_SIGNALS: i32 = 64;

/// Whether this process has one thread.
pub(super) fn is_single_threaded() -> bool {
    std::fs::read_dir("/proc/self/task").is_ok_and(|tasks| tasks.count() == 1)
}

/// Splits this process: `None` in the child, its pid in the parent.
pub(super) fn fork() -> io::Result<Option<Pid>> {
    // SAFETY: the process is single-threaded (module invariant), so no lock can be held by a thread
    // that the child lacks.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        pid => Ok(Pid::from_raw(pid)),
    }
}

/// Ends this process without running anything else of it.
pub(super) fn exit_now(code: i32) -> ! {
    // SAFETY: takes no pointer and does not return.
    unsafe { libc::_exit(code) }
}

/// Ignores what a terminal or a shutting-down system sends around.
pub(super) fn ignore_signals() {
    for signal in IGNORED {
        // SAFETY: SIG_IGN is a valid disposition and installs no handler.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

/// Default dispositions and an empty mask: what a freshly executed program expects.
pub(super) fn reset_signals() {
    // The kernel's own structure, whose zero is SIG_DFL: the C library keeps two signals for itself
    // and would refuse to reset them, although spawning leaves them ignored.
    let default = [0u64; 4];
    for signal in 1..=KERNEL_SIGNALS {
        // SAFETY: the structure is at most as long as the array on every 64-bit Linux, eight is the
        // size of the kernel's signal sets, and no old disposition is asked for. Numbers that cannot
        // be set are refused without effect.
        unsafe {
            let none = std::ptr::null_mut::<u64>();
            libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), none, 8usize)
        };
    }
    let empty = signal_set(&[]);
    // SAFETY: the set is initialised, and no old mask is asked for.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const empty, std::ptr::null_mut()) };
}

/// Blocks SIGCHLD and turns it into a descriptor that is readable once a child has changed.
pub(super) fn child_events() -> io::Result<OwnedFd> {
    let set = signal_set(&[libc::SIGCHLD]);
    // SAFETY: the set is initialised, and no old mask is asked for.
    if unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
    // SAFETY: the set is initialised; -1 asks for a new descriptor.
    let fd = unsafe { libc::signalfd(-1, &raw const set, flags) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made the descriptor for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Replaces the program of this process; returns only with the reason why it did not.
pub(super) fn execve(program: &CString, argv: &[CString], env: &[CString]) -> io::Error {
    let (argv, env) = (pointers(argv), pointers(env));
    // SAFETY: all three point to NUL-terminated strings that outlive the call, and both lists end
    // with a null pointer.
    unsafe { libc::execve(program.as_ptr(), argv.as_ptr(), env.as_ptr()) };
    io::Error::last_os_error()
}

/// Closes every descriptor of this process above standard error except some.
pub(super) fn close_all_but(keep: &[RawFd]) -> io::Result<()> {
    let open: Vec<RawFd> = std::fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    for fd in open.into_iter().filter(|fd| *fd > 2 && !keep.contains(fd)) {
        // SAFETY: callers are processes just begun or just forked that name all they go on using;
        // the owners of the others are never used or dropped again. The directory's own descriptor
        // is in the list and closed already: closing it again fails without effect.
        unsafe { libc::close(fd) };
    }
    Ok(())
}

fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
}

fn signal_set(signals: &[i32]) -> libc::sigset_t {
    let mut set = std::mem::MaybeUninit::uninit();
    // SAFETY: sigemptyset initialises the set; the signals added are valid numbers.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in signals {
            libc::sigaddset(set.as_mut_ptr(), *signal);
        }
        set.assume_init()
    }
}
