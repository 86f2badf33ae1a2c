//! Output in the log file, every byte of it.

use crate::support::{Node, lines, log, pod};
use quorate_executor::Executor;

#[tokio::test]
async fn both_streams_are_logged_with_time_stamps_and_partial_lines() {
    let node = Node::new();
    let script = "echo one; echo two >&2; printf three; printf ' more' >&2";
    let spec = node.shell(&pod(), "main", script);
    assert!(node.run_out(&spec).await.succeeded());
    let of = |stream: &str| -> Vec<String> {
        lines(&spec).into_iter().filter(|line| line.starts_with(stream)).collect()
    };
    assert_eq!(of("stdout"), ["stdout F one", "stdout P three"]);
    assert_eq!(of("stderr"), ["stderr F two", "stderr P  more"]);
    for line in log(&spec).lines() {
        let stamp = line.split(' ').next().unwrap();
        assert!(stamp.len() == 30 && stamp.starts_with("20") && stamp.ends_with('Z'), "{stamp}");
    }
}

#[tokio::test]
async fn no_byte_of_much_output_is_lost() {
    let node = Node::new();
    let script = "i=0; while [ $i -lt 20000 ]; do echo \"line $i of many that fill the pipe again and \
                  again\"; i=$((i+1)); done; head -c 300000 /dev/zero | tr '\\0' x";
    let spec = node.shell(&pod(), "main", script);
    assert!(node.run_out(&spec).await.succeeded());
    let lines = lines(&spec);
    for (i, line) in lines.iter().take(20_000).enumerate() {
        assert_eq!(*line, format!("stdout F line {i} of many that fill the pipe again and again"));
    }
    let rest = &lines[20_000..];
    assert!(rest.iter().all(|line| line.starts_with("stdout P xxx")));
    let bytes: usize = rest.iter().map(|line| line.len() - "stdout P ".len()).sum();
    assert_eq!(bytes, 300_000);
}

#[tokio::test]
async fn a_later_attempt_appends_to_the_log() {
    let node = Node::new();
    let mut spec = node.shell(&pod(), "main", "echo again");
    for attempt in 0..2 {
        spec.id.attempt = attempt;
        assert!(node.run_out(&spec).await.succeeded());
    }
    assert_eq!(lines(&spec), ["stdout F again"; 2]);
}

#[tokio::test]
async fn a_log_file_that_cannot_be_opened_fails_the_start() {
    let node = Node::new();
    let mut spec = node.shell(&pod(), "main", "echo again");
    spec.log_path = "/proc/none/log".into();
    node.executor.create(&spec).await.unwrap();
    let error = node.executor.start(&spec.id).await.unwrap_err();
    assert!(error.to_string().contains("log file /proc/none/log"), "{error}");
}
