//! The kit that every executor is held to.

use crate::bench::{Bench, Link, SOCKET};
use bollard::{API_DEFAULT_VERSION, Docker};
use bytes::Bytes;
use futures::StreamExt;
use quorate_conformance::{Probe, Subject, cases, run};
use quorate_docker::DockerExecutor;
use quorate_executor::{Error, Executor, SharedExecutor};
use quorate_seams::Seams;
use std::path::Path;
use std::sync::Arc;

/// The engine's own archive of an image.
async fn archive(image: &str) -> Bytes {
    let docker = Docker::connect_with_unix(SOCKET, 120, API_DEFAULT_VERSION).unwrap();
    let pieces: Vec<Bytes> = docker.export_image(image).map(|piece| piece.unwrap()).collect().await;
    pieces.concat().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_comes_back_from_its_archive() {
    let dir = tempfile::tempdir().unwrap();
    let bench = match Bench::open(dir.path()).await {
        Ok(bench) => bench,
        Err(reason) => {
            println!("SKIP: no usable Docker Engine here: {reason}");
            return;
        }
    };
    let (executor, image) = (&bench.executor, &bench.image);
    let archive = archive(image).await;
    executor.remove_image(image).await.unwrap();
    let missing = executor.prepare(image).await;
    executor.load(archive).await.unwrap();
    let loaded = executor.prepare(image).await;
    let nonsense = executor.load(Bytes::from_static(b"no archive")).await;
    bench.clean().await;
    assert!(matches!(missing, Err(Error::Artifact { .. })), "{missing:?}");
    assert!(loaded.is_ok(), "{loaded:?}");
    assert!(matches!(nonsense, Err(Error::Artifact { .. })), "{nonsense:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_docker_executor_holds_to_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    let bench = match Bench::open(dir.path()).await {
        Ok(bench) => bench,
        Err(reason) => {
            println!("SKIP: no usable Docker Engine here: {reason}");
            return;
        }
    };
    let options = bench.options.clone();
    let open = Subject::opener(move || {
        let options = options.clone();
        async move {
            let executor: SharedExecutor =
                DockerExecutor::connect(options, Seams::system()).await?;
            Ok(executor)
        }
    });
    let link = Link(bench.options.socket.clone());
    let kit = dir.path().join("kit");
    let mut subject = Subject::new(open, &bench.image, Path::new(Probe::IN_IMAGE), kit);
    subject.cut = Some(Arc::new(link));
    subject.missing_image = "quorate-conformance-missing:1".to_owned();
    let report = run(&subject, &cases()).await;
    println!("{report}");
    bench.clean().await;
    assert!(report.failures().next().is_none(), "{report}");
    assert!(report.passed() > 100, "{report}");
}
