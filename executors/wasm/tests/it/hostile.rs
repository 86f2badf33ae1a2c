//! Modules that are broken or mean harm: each is refused, or ends, with the cause; the executor goes on.

use crate::support::{Bench, SLEEPER, start, until};
use quorate_executor::{Error, Executor, ExitCause, ExitRecord, Health, Observed, Stop};

const MIB: u64 = 1 << 20;

/// A module that is refused, and a word of why.
struct Bad(&'static str, Vec<u8>, &'static str);

fn text(name: &'static str, text: &str, why: &'static str) -> Bad {
    Bad(name, wat::parse_str(text).unwrap_or_else(|error| panic!("{name}: {error}")), why)
}

/// A core module of sections: number and content.
fn sections(sections: &[(u8, &[u8])]) -> Vec<u8> {
    let mut bytes = b"\0asm\x01\0\0\0".to_vec();
    for (number, content) in sections {
        bytes.push(*number);
        bytes.push(u8::try_from(content.len()).unwrap());
        bytes.extend_from_slice(content);
    }
    bytes
}

const NONE: &str = r#"(module (func (export "_start")))"#;

fn no_webassembly() -> Vec<Bad> {
    let why = "is not WebAssembly";
    vec![
        Bad("nothing", vec![], why),
        Bad("three bytes", b"\0as".to_vec(), why),
        Bad("text", b"(module)".to_vec(), why),
        Bad("a script", b"#!/bin/sh\nexit 0\n".to_vec(), why),
        Bad("an executable", b"\x7fELF\x02\x01\x01\0\0\0\0\0".to_vec(), why),
        Bad("gzip", vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0], why),
        Bad("zeros", vec![0; 4096], why),
        Bad("no version", b"\0asm".to_vec(), "version 0"),
        Bad("version 2", b"\0asm\x02\0\0\0".to_vec(), "version 2"),
        Bad("another layer", b"\0asm\x0d\0\x02\0".to_vec(), "version"),
    ]
}

fn malformed() -> Vec<Bad> {
    let why = "cannot be compiled";
    let long = [0xff_u8; 6];
    vec![
        Bad("an unknown section", sections(&[(99, &[0])]), why),
        Bad("a section beyond the end", b"\0asm\x01\0\0\0\x01\x7f\x01".to_vec(), why),
        Bad("sections out of order", sections(&[(3, &[0]), (1, &[0])]), why),
        Bad("four thousand million functions", sections(&[(3, b"\xff\xff\xff\xff\x0f")]), why),
        Bad("a number without end", sections(&[(1, &long)]), why),
        Bad("an unknown type", sections(&[(1, &[1, 0x11])]), why),
        Bad("functions without bodies", sections(&[(1, &[1, 0x60, 0, 0]), (3, &[1, 0])]), why),
        Bad("a body of garbage", garbage(&[0x0b, 0xff, 0xff]), why),
        Bad("too many locals", garbage(&[1, 0xff, 0xff, 0xff, 0x7f, 0x7f, 0x0b]), why),
        Bad("a name that is no text", sections(&[(7, &[1, 2, 0xff, 0xfe, 0, 0])]), why),
        Bad("a component that is cut", b"\0asm\x0d\0\x01\0\x07\x7f\x01".to_vec(), why),
        text("the wrong type", &start("(i32.add (i64.const 1) (i32.const 1)) drop"), why),
        text("an empty stack", &start("drop"), why),
        text("a branch out of its function", &start("(br 9)"), why),
        text("an unknown function", &start("(call 9)"), why),
        text("an unknown local", &start("(drop (local.get 9))"), why),
        text(
            "an unknown memory",
            r#"(module (func (export "_start") (drop (i32.load (i32.const 0)))))"#,
            why,
        ),
        text(
            "a start function with parameters",
            r#"(module (func $s (param i32)) (start $s))"#,
            why,
        ),
    ]
}

/// A module with one function, of type () -> (), and this body.
fn garbage(body: &[u8]) -> Vec<u8> {
    let mut code = vec![1, u8::try_from(body.len()).unwrap()];
    code.extend_from_slice(body);
    sections(&[(1, &[1, 0x60, 0, 0]), (3, &[1, 0]), (10, &code)])
}

fn excessive() -> Vec<Bad> {
    let why = "cannot be compiled";
    let twice = sections(&[
        (1, &[1, 0x60, 0, 0]),
        (3, &[1, 0]),
        (7, &[2, 1, b'a', 0, 0, 1, b'a', 0, 0]),
        (10, &[1, 2, 0, 0x0b]),
    ]);
    let tables =
        format!(r#"(module {} (func (export "_start")))"#, "(table 1 funcref)".repeat(101));
    let memories = format!(r#"(module {} (func (export "_start")))"#, "(memory 1)".repeat(101));
    vec![
        Bad("an export twice", twice, why),
        Bad("a memory beyond 4 GiB", sections(&[(5, b"\x01\x00\x81\x80\x04")]), why),
        Bad("a memory that ends before it begins", sections(&[(5, &[1, 1, 2, 1])]), why),
        text(
            "a table of 4 thousand million entries",
            r#"(module (table 4000000000 funcref) (func (export "_start")))"#,
            why,
        ),
        text("a hundred tables", &tables, why),
        text("a hundred memories", &memories, why),
        text(
            "a 64-bit memory of an exbibyte",
            r#"(module (memory i64 0x100000000000) (func (export "_start")))"#,
            why,
        ),
        text(
            "a memory of threads",
            r#"(module (memory 1 1 shared) (func (export "_start") (drop (i32.atomic.load (i32.const 0)))))"#,
            why,
        ),
    ]
}

fn unlinked() -> Vec<Bad> {
    let link = "cannot be linked";
    let import = |module: &str, item: &str| {
        format!(r#"(module (import "{module}" {item}) (func (export "_start")))"#)
    };
    vec![
        text("an unknown import", &import("env", r#""system" (func)"#), link),
        text("a memory of another's", &import("env", r#""memory" (memory 1)"#), link),
        text("a table of another's", &import("env", r#""table" (table 1 funcref)"#), link),
        text("a global of another's", &import("env", r#""base" (global i32)"#), link),
        text(
            "a call that WASI has not",
            &import("wasi_snapshot_preview1", r#""fork" (func)"#),
            link,
        ),
        text(
            "a call of another type",
            &import("wasi_snapshot_preview1", r#""fd_write" (func (param i64))"#),
            link,
        ),
        text(
            "an earlier WASI",
            &import("wasi_unstable", r#""proc_exit" (func (param i32))"#),
            link,
        ),
        text(
            "a stop of another type",
            &import("quorate:task/control@0.1.0", r#""stop-requested" (func (param i32))"#),
            link,
        ),
        text("no entry point", "(module)", "exports no _start"),
        text(
            "an entry point with parameters",
            r#"(module (func (export "_start") (param i32)))"#,
            "not a function of type",
        ),
        text(
            "an entry point that is a memory",
            r#"(module (memory (export "_start") 1))"#,
            "not a function of type",
        ),
        text("a component without an entry point", "(component)", "no wasi:cli/command"),
        text(
            "a component with an unknown import",
            r#"(component (import "a:b/c" (instance (export "d" (func)))))"#,
            link,
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_run_is_refused_with_the_cause() {
    let bench = Bench::new();
    let all = [no_webassembly(), malformed(), excessive(), unlinked()];
    let mut count = 0;
    for Bad(name, bytes, why) in all.into_iter().flatten() {
        let spec = bench.task(&bench.module("bad.wasm", &bytes));
        for answer in
            [bench.executor.prepare(&spec.image).await, bench.executor.create(&spec).await]
        {
            let error = answer.expect_err(name);
            assert!(matches!(error, Error::Artifact { .. }), "{name}: {error}");
            assert!(error.to_string().contains(why), "{name}: {error}");
            assert!(!error.is_transient(), "{name}");
        }
        assert_eq!(bench.executor.observe(&spec.id).await, Observed::Absent, "{name}");
        count += 1;
    }
    println!("{count} modules are refused");
    assert!(count >= 45);
    unharmed(&bench).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_beginning_of_a_module_runs_and_no_flipped_bit_harms() {
    let bench = Bench::new();
    let whole = wat::parse_str(SLEEPER).unwrap();
    for length in 0..whole.len() {
        let image = bench.module("cut.wasm", &whole[..length]);
        let error = bench.executor.prepare(&image).await.expect_err("a part is no program");
        assert!(matches!(error, Error::Artifact { .. }), "{length} bytes: {error}");
    }
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        let mut spec = bench.task(&bench.module("flipped.wasm", &flipped));
        spec.resources.memory_bytes = Some(64 * MIB);
        // Some flips change nothing that matters: what runs is ended.
        if bench.executor.create(&spec).await.is_ok()
            && bench.executor.start(&spec.id).await.is_ok()
        {
            bench.executor.stop(&spec.id, Stop::Kill).await.unwrap();
            bench.exit(&spec.id).await;
        }
    }
    unharmed(&bench).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_file_is_refused() {
    let bench = Bench::new();
    let dir = format!("file://{}", bench.dir.path().display());
    for (image, why) in [
        ("file:///nonexistent/module.wasm", "does not exist"),
        ("file:///dev/zero", "is not a file"),
        (dir.as_str(), "is not a file"),
        ("file://relative.wasm", "is not file:///path"),
        ("oci://registry/module", "is not file:///path"),
        ("blob://sha256:12", "is not file:///path"),
        ("", "is not file:///path"),
    ] {
        let error = bench.executor.prepare(image).await.expect_err(image);
        assert!(matches!(error, Error::Artifact { .. }), "{image}: {error}");
        assert!(error.to_string().contains(why), "{image}: {error}");
    }
}

/// A module that runs into its end.
struct Ends(&'static str, String, fn(&ExitRecord) -> bool);

fn traps(record: &ExitRecord, why: &str) -> bool {
    let told = matches!(&record.cause, ExitCause::Trap(message) if message.contains(why));
    told && record.code.is_none() && record.signal.is_none()
}

fn out_of_memory(record: &ExitRecord) -> bool {
    record.cause == ExitCause::OutOfMemory { limit_bytes: Some(2 * MIB) }
        && record.signal == Some(9)
}

fn module(rest: &str) -> String {
    format!(r#"(module (memory (export "memory") 1) {rest})"#)
}

fn faults() -> Vec<Ends> {
    let pages = "(loop (drop (memory.grow (i32.const 1))) (br 0))";
    let entries = "(loop (drop (table.grow (ref.null func) (i32.const 1000))) (br 0))";
    vec![
        Ends("an impossible place", start("unreachable"), |r| traps(r, "unreachable")),
        Ends("endless recursion", start("(call 0)"), |r| traps(r, "call stack exhausted")),
        Ends("a division by zero", start("(drop (i32.div_u (i32.const 1) (i32.const 0)))"), |r| {
            traps(r, "divide by zero")
        }),
        Ends("an overflow", start("(drop (i32.trunc_f64_s (f64.const 1e300)))"), |r| {
            traps(r, "integer overflow")
        }),
        Ends("a read outside", start("(drop (i32.load (i32.const -4)))"), |r| {
            traps(r, "out of bounds memory")
        }),
        Ends(
            "a write outside",
            start("(memory.fill (i32.const 1) (i32.const 7) (i32.const -1))"),
            |r| traps(r, "out of bounds memory"),
        ),
        Ends(
            "a call of nothing",
            module(r#"(table 1 funcref) (func (export "_start") (call_indirect (i32.const 0)))"#),
            |r| traps(r, "uninitialized element"),
        ),
        Ends(
            "a call outside",
            module(r#"(table 1 funcref) (func (export "_start") (call_indirect (i32.const 7)))"#),
            |r| traps(r, "out of bounds table"),
        ),
        Ends(
            "a call of the wrong type",
            module(
                r#"(table funcref (elem $f)) (func $f (param i32)) (func (export "_start") (call_indirect (i32.const 0)))"#,
            ),
            |r| traps(r, "type mismatch"),
        ),
        Ends(
            "a start function that traps",
            module(r#"(func $s unreachable) (start $s) (func (export "_start"))"#),
            |r| traps(r, "unreachable"),
        ),
        Ends(
            "data beyond its memory",
            module(r#"(data (i32.const 65530) "too long for it") (func (export "_start"))"#),
            |r| traps(r, "out of bounds memory"),
        ),
        Ends(
            "elements beyond their table",
            module(
                r#"(table 1 funcref) (elem (i32.const 5) $f) (func $f) (func (export "_start"))"#,
            ),
            |r| traps(r, "out of bounds table"),
        ),
        Ends("all memory, page by page", start(pages), out_of_memory),
        Ends("all memory at once", start("(drop (memory.grow (i32.const 60000)))"), out_of_memory),
        Ends(
            "a table without end",
            module(&format!(r#"(table 1 funcref) (func (export "_start") {entries})"#)),
            |r| {
                // A table of the pool has its own end, at which it is told "no" for ever.
                out_of_memory(r) || r.signal == Some(9)
            },
        ),
        Ends(
            "4 GiB to begin with",
            r#"(module (memory 65536) (func (export "_start")))"#.into(),
            out_of_memory,
        ),
        Ends(
            "a memory that may not grow",
            module(
                r#"(memory $m 1 2) (func (export "_start") (if (i32.ne (memory.grow $m (i32.const 9)) (i32.const -1)) (then unreachable)))"#,
            ),
            ExitRecord::succeeded,
        ),
        Ends(
            "ten thousand blocks",
            start(&format!("{}{}", "block ".repeat(10_000), "end ".repeat(10_000))),
            ExitRecord::succeeded,
        ),
    ]
}

fn wasi(name: &str, params: &str, call: &str) -> String {
    format!(
        r#"(module (import "wasi_snapshot_preview1" "{name}" (func $f (param {params}) (result i32)))
          (memory (export "memory") 1) (func (export "_start") (drop (call $f {call}))))"#
    )
}

/// Calls with arguments that lie: answered with an error, or the end of the guest.
fn lies() -> Vec<Ends> {
    let sound: fn(&ExitRecord) -> bool = |r| r.succeeded() || traps(r, "");
    let far = "(i32.const -8)";
    let all = |count: usize| [far].repeat(count).join(" ");
    vec![
        Ends(
            "output from nowhere",
            wasi("fd_write", "i32 i32 i32 i32", &format!("(i32.const 1) {}", all(3))),
            sound,
        ),
        Ends(
            "output without end",
            wasi(
                "fd_write",
                "i32 i32 i32 i32",
                "(i32.const 1) (i32.const 0) (i32.const 0x7fffffff) (i32.const 0)",
            ),
            sound,
        ),
        Ends(
            "input to nowhere",
            wasi("fd_read", "i32 i32 i32 i32", &format!("(i32.const 0) {}", all(3))),
            sound,
        ),
        Ends(
            "chance without end",
            wasi("random_get", "i32 i32", "(i32.const 0) (i32.const -1)"),
            sound,
        ),
        Ends(
            "waiting for everything",
            wasi(
                "poll_oneoff",
                "i32 i32 i32 i32",
                "(i32.const 0) (i32.const 0) (i32.const 0x7fffffff) (i32.const 0)",
            ),
            sound,
        ),
        Ends("arguments to nowhere", wasi("args_get", "i32 i32", &all(2)), sound),
        Ends("variables to nowhere", wasi("environ_get", "i32 i32", &all(2)), sound),
        Ends("an unknown descriptor", wasi("fd_close", "i32", "(i32.const 12345)"), sound),
        Ends(
            "a directory that is not there",
            wasi(
                "path_open",
                "i32 i32 i32 i32 i32 i64 i64 i32 i32",
                "(i32.const 3) (i32.const 0) (i32.const 0) (i32.const 5) (i32.const 0) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 64)",
            ),
            sound,
        ),
        Ends("a signal to itself", wasi("proc_raise", "i32", "(i32.const 9)"), sound),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_harms_ends_with_the_cause() {
    let bench = Bench::new();
    let mut count = 0;
    for Ends(name, text, expected) in faults().into_iter().chain(lies()) {
        let mut spec = bench.task(&bench.wat("harm.wasm", &text));
        spec.resources.memory_bytes = Some(2 * MIB);
        bench.run(&spec).await;
        if name == "a table without end" {
            // It may spin once it is refused.
            until(|| async {
                let ended = matches!(bench.executor.observe(&spec.id).await, Observed::Exited(_));
                let used = bench.executor.usage(&spec.id).await.map_or(0, |usage| usage.cpu_us);
                (ended || used > 100_000).then_some(())
            })
            .await;
            bench.executor.stop(&spec.id, Stop::Kill).await.unwrap();
        }
        let record = bench.exit(&spec.id).await;
        assert!(expected(&record), "{name}: {record:?}");
        count += 1;
    }
    println!("{count} modules end");
    assert!(count >= 28);
    unharmed(&bench).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_never_ends_is_ended() {
    let bench = Bench::new();
    let write = r#"(module
      (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "_start")
        (i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const 100))
        (loop (drop (call $w (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))) (br 0))))"#;
    for (name, text) in [
        ("a loop", start("(loop (br 0))")),
        (
            "a start function that loops",
            module(r#"(func $s (loop (br 0))) (start $s) (func (export "_start"))"#),
        ),
        ("much output", write.to_owned()),
        (
            "much copying",
            start("(loop (memory.fill (i32.const 0) (i32.const 7) (i32.const 65536)) (br 0))"),
        ),
        ("sleep", SLEEPER.to_owned()),
    ] {
        let spec = bench.task(&bench.wat("endless.wasm", &text));
        bench.run(&spec).await;
        if name != "sleep" {
            until(|| async {
                bench.executor.usage(&spec.id).await.ok()?.cpu_us.checked_sub(20_000)
            })
            .await;
        }
        bench.executor.stop(&spec.id, Stop::Kill).await.unwrap();
        assert_eq!(bench.exit(&spec.id).await.signal, Some(9), "{name}");
    }
    unharmed(&bench).await;
}

/// The executor is healthy and runs what is sound.
async fn unharmed(bench: &Bench) {
    assert_eq!(bench.executor.health().await, Health::Healthy);
    assert!(bench.run_out(&bench.task(&bench.wat("sound.wasm", NONE))).await.succeeded());
}
