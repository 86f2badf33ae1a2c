//! What a guest may touch: what its task names, and nothing else.

use crate::support::{Bench, args, lines, probe};
use quorate_conformance::Wasi;
use quorate_executor::{Error, Executor, Mount, TaskSpec};
use quorate_wasm::Network;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

fn mount(host: &Path, task: &str, read_only: bool) -> Mount {
    Mount { host_path: host.to_owned(), task_path: task.into(), read_only }
}

/// A task of the probe; `None` where there is none.
fn probing(bench: &Bench, form: Wasi, steps: &[&str]) -> Option<TaskSpec> {
    let probe = probe(form)?;
    let mut spec = bench.task(&format!("file://{}", probe.path().display()));
    spec.args = args(steps);
    Some(spec)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_path_leads_out_of_a_mount() {
    for form in [Wasi::P1, Wasi::P2] {
        let bench = Bench::new();
        let (volume, secret) = (bench.path("volume"), bench.path("secret"));
        std::fs::create_dir(&volume).unwrap();
        std::fs::write(&secret, "secret").unwrap();
        std::os::unix::fs::symlink(&secret, volume.join("absolute")).unwrap();
        std::os::unix::fs::symlink("../secret", volume.join("relative")).unwrap();
        std::os::unix::fs::symlink(bench.dir.path(), volume.join("up")).unwrap();
        let secret_path = secret.display().to_string();
        for path in [
            "/volume/../secret",
            "/volume/absolute",
            "/volume/relative",
            "/volume/up/secret",
            "/volume/./.././secret",
            &secret_path,
            "/etc/passwd",
            "/proc/self/environ",
        ] {
            let refused = format!("refused={path}");
            let Some(mut spec) = probing(&bench, form, &[&refused]) else { return };
            spec.mounts = vec![mount(&volume, "/volume", false)];
            assert!(bench.run_out(&spec).await.succeeded());
            assert_eq!(lines(&spec), ["refused"], "{path}");
            spec.id.attempt += 1;
            spec.args = args(&[&format!("read={path}")]);
            assert!(!bench.run_out(&spec).await.succeeded(), "{path} was read");
        }
        assert_eq!(std::fs::read_to_string(&secret).unwrap(), "secret");
        let names: Vec<_> = std::fs::read_dir(&volume).unwrap().collect();
        assert_eq!(names.len(), 3, "nothing was made beside");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_directory_takes_nothing() {
    for form in [Wasi::P1, Wasi::P2] {
        let bench = Bench::new();
        let volume = bench.path("volume");
        std::fs::create_dir(&volume).unwrap();
        let Some(mut spec) = probing(&bench, form, &["refused=/volume/new"]) else { return };
        spec.mounts = vec![mount(&volume, "/volume", true)];
        assert!(bench.run_out(&spec).await.succeeded());
        assert_eq!(lines(&spec), ["refused"]);
        assert!(!volume.join("new").exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mount_that_cannot_be_given_is_refused() {
    let bench = Bench::new();
    let image = bench.wat("ok.wasm", r#"(module (func (export "_start")))"#);
    let file = bench.path("file");
    std::fs::write(&file, "").unwrap();
    let refused = async |mounts: Vec<Mount>| {
        let mut spec = bench.task(&image);
        spec.mounts = mounts;
        bench.executor.create(&spec).await.unwrap_err()
    };
    let dir = bench.dir.path();
    let beside = refused(vec![mount(&file, "/etc/a", true), mount(dir, "/etc", true)]).await;
    assert!(matches!(beside, Error::Unsupported { .. }), "{beside}");
    let twice = refused(vec![mount(dir, "/a", true), mount(dir, "/a", false)]).await;
    assert!(matches!(twice, Error::Invalid { field: "mounts", .. }), "{twice}");
    let dots = refused(vec![mount(dir, "/a/../b", true)]).await;
    assert!(matches!(dots, Error::Invalid { field: "mounts", .. }), "{dots}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_connects_where_it_is_allowed_to() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let connect = format!("connect={address}");
    for (outbound, said) in [
        (None, "not connected"),
        (Some(format!("127.0.0.1:{}", address.port())), "connected"),
        (Some(format!("localhost:{}", address.port())), "connected"),
        (Some("127.0.0.1:1".to_owned()), "not connected"),
        (Some(format!("127.0.0.2:{}", address.port())), "not connected"),
    ] {
        let bench = Bench::with(|options| {
            let outbound = outbound.iter().map(|end| end.parse().unwrap()).collect();
            options.network = Network { outbound, inbound: false };
        });
        let Some(spec) = probing(&bench, Wasi::P2, &[&connect, "exit=0"]) else { return };
        assert!(bench.run_out(&spec).await.succeeded());
        assert_eq!(lines(&spec), [said], "{outbound:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_listens_only_where_it_is_allowed_to() {
    let bench = Bench::new();
    let Some(spec) = probing(&bench, Wasi::P2, &["listen=0"]) else { return };
    assert!(!bench.run_out(&spec).await.succeeded());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_core_module_has_no_working_directory() {
    let bench = Bench::new();
    let mut spec = bench.task(&bench.wat("ok.wasm", r#"(module (func (export "_start")))"#));
    spec.working_dir = Some("/volume".into());
    let refused = bench.executor.create(&spec).await.unwrap_err();
    assert!(matches!(refused, Error::Unsupported { .. }), "{refused}");
    spec.working_dir = Some("/".into());
    assert!(bench.run_out(&spec).await.succeeded());
}
