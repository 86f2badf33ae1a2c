//! The steps.

use crate::output::{err, out, say};
use crate::{family, sys};
use std::io::Read;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

/// How often a step looks whether what it waits for has come.
const LOOK: Duration = Duration::from_millis(5);

/// What comes after a step.
pub(crate) enum Next {
    Step,
    Exit(i32),
}

/// Does one step. Some take the arguments after them.
pub(crate) fn run(
    name: &str,
    value: &str,
    rest: &mut impl Iterator<Item = String>,
) -> Result<Next, String> {
    match name {
        // How to end.
        "exit" => return Ok(Next::Exit(number(value)?)),
        "raise" => sys::raise(number(value)?),
        "hang" => hang(),
        "wait" => wait_for(value),
        "ignore" => sys::ignore(number(value)?),
        "trap" => trap(value)?,
        // What to print.
        "out" => say(value)?,
        "part" => out(value.as_bytes())?,
        "err" => err(format!("{value}\n").as_bytes())?,
        "lines" => lines(number(value)?)?,
        "flood" => flood(number(value)?)?,
        "bytes" => out(&(0..=255).collect::<Vec<u8>>())?,
        "echo" => echo()?,
        // What it finds.
        "args" => rest.try_for_each(|arg| say(&format!("arg {arg}")))?,
        "env" => environment()?,
        "cwd" => say(&format!("cwd {}", current_dir()?))?,
        "user" => say(&format!("user {}", sys::user()))?,
        "fds" => descriptors()?,
        "read" => say(&format!("read {}", text(value)?))?,
        "write" => write(value)?,
        "refused" => refused(value)?,
        // What it uses.
        "alloc" => allocate(number(value)?)?,
        "spin" => spin(Duration::from_millis(number(value)?)),
        "listen" => listen(number(value)?)?,
        "connect" => connect(value)?,
        // Whom it starts.
        "spawn" => drop(family::child(&value.split(' ').collect::<Vec<_>>())?),
        "daemon" => family::daemon()?,
        "crowd" => family::crowd(number(value)?)?,
        "setsid" => sys::leave_session(),
        // Marks the command line.
        "token" => {}
        _ => return Err("there is no such step".to_owned()),
    }
    Ok(Next::Step)
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text:?} is not a number that fits"))
}

#[allow(clippy::disallowed_methods, reason = "a program of its own, outside any simulated world")]
fn pause() {
    std::thread::sleep(LOOK);
}

fn hang() -> ! {
    loop {
        sys::rest();
    }
}

fn wait_for(path: &str) {
    while !Path::new(path).exists() {
        pause();
        sys::heed();
    }
}

/// `signal:code`.
fn trap(value: &str) -> Result<(), String> {
    let (signal, code) = value.split_once(':').ok_or("wants signal:code")?;
    sys::trap(number(signal)?, number(code)?);
    Ok(())
}

fn lines(count: u64) -> Result<(), String> {
    let mut block = String::new();
    for line in 0..count {
        block.push_str(&format!("line {line} of {count}\n"));
        if block.len() > 4096 {
            out(block.as_bytes())?;
            block.clear();
        }
    }
    out(block.as_bytes())
}

/// Many bytes without a line's end.
fn flood(mut count: usize) -> Result<(), String> {
    let block = [b'x'; 4096];
    while count > 0 {
        let now = count.min(block.len());
        out(&block[..now])?;
        count -= now;
    }
    Ok(())
}

/// Standard input, back to standard output until it ends.
fn echo() -> Result<(), String> {
    let mut buffer = [0; 4096];
    let mut input = std::io::stdin().lock();
    loop {
        match input.read(&mut buffer).map_err(|error| error.to_string())? {
            0 => return say("end of input"),
            length => out(&buffer[..length])?,
        }
    }
}

fn environment() -> Result<(), String> {
    for (name, value) in std::env::vars_os() {
        say(&format!("env {}={}", name.display(), value.display()))?;
    }
    Ok(())
}

fn current_dir() -> Result<String, String> {
    let dir = std::env::current_dir().map_err(|error| error.to_string())?;
    Ok(dir.display().to_string())
}

/// The open descriptors but the one that reads their directory, which is closed by then.
fn descriptors() -> Result<(), String> {
    let entries = std::fs::read_dir("/proc/self/fd").map_err(|error| error.to_string())?;
    let mut numbers: Vec<u32> =
        entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    numbers.retain(|number| Path::new(&format!("/proc/self/fd/{number}")).is_symlink());
    numbers.sort_unstable();
    say(&format!("fds {numbers:?}"))
}

fn text(path: &str) -> Result<String, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    Ok(text.trim_end().to_owned())
}

/// `path:text`.
fn write(value: &str) -> Result<(), String> {
    let (path, text) = value.split_once(':').ok_or("wants path:text")?;
    std::fs::write(path, text).map_err(|error| error.to_string())
}

/// Says whether a file can be written.
fn refused(path: &str) -> Result<(), String> {
    match std::fs::write(path, "intruder") {
        Ok(()) => say("written"),
        Err(_) => say("refused"),
    }
}

/// Holds and touches so many MiB.
fn allocate(mebibytes: usize) -> Result<(), String> {
    let mut held: Vec<Vec<u8>> = Vec::new();
    for _ in 0..mebibytes {
        held.push(vec![1; 1 << 20]);
    }
    // Read back, so that the touching cannot be left out.
    let touched: usize = held.iter().map(|block| usize::from(block[block.len() / 2])).sum();
    say(&format!("allocated {touched}"))?;
    // Kept until the end of the program.
    std::mem::forget(held);
    Ok(())
}

/// Computes for a while.
#[allow(clippy::disallowed_methods, reason = "a program of its own, outside any simulated world")]
fn spin(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// Answers one connection with a line.
fn listen(port: u16) -> Result<(), String> {
    use std::io::Write;
    let listener =
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).map_err(|error| error.to_string())?;
    let port = listener.local_addr().map_err(|error| error.to_string())?.port();
    say(&format!("port {port}"))?;
    let (mut stream, _) = listener.accept().map_err(|error| error.to_string())?;
    stream.write_all(b"hello\n").map_err(|error| error.to_string())
}

/// Says whether an address can be reached.
fn connect(address: &str) -> Result<(), String> {
    match TcpStream::connect(address) {
        Ok(_) => say("connected"),
        Err(_) => say("not connected"),
    }
}
