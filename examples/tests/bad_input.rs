//! What a user gets wrong, on a whole cluster: each mistake is named, and whatever was right before it
//! goes on.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use quorate::Cluster;
use quorate::kinds::{ConfigMap, Pod};
use quorate::types::ObjectKey;
use std::path::Path;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// One member; pods are held by the `host` program, whose `main` is ready for that.
async fn cluster(data: &Path, agents: u8) -> Result<Cluster, quorate::Error> {
    let builder = Cluster::builder().data_dir(data).agents(agents);
    let cluster = builder.shim(env!("CARGO_BIN_EXE_host")).start().await?;
    cluster.ready(LIMIT).await?;
    Ok(cluster)
}

fn pod(name: &str, image: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: default}}\n\
         spec:\n  terminationGracePeriodSeconds: 1\n  runtimeClassName: process\n  containers:\n  \
         - name: main\n    image: {image}\n    args: [\"3600\"]\n"
    )
}

/// Reason and message of why the pod's container waits.
async fn waiting(cluster: &Cluster, name: &str) -> (String, String) {
    let key = ObjectKey::namespaced("default", name);
    let reason = cluster.until(LIMIT, |snapshot| {
        let pod = snapshot.get::<Pod>(&key)?;
        let status = pod.status.as_ref()?.container_statuses.as_ref()?.first()?.clone();
        let waiting = status.state?.waiting?;
        let (reason, message) = (waiting.reason?, waiting.message?);
        (reason != "ContainerCreating").then_some((reason, message))
    });
    reason.await.expect("the status says why")
}

async fn runs(cluster: &Cluster, name: &str) {
    let key = ObjectKey::namespaced("default", name);
    let running = cluster.until(LIMIT, |snapshot| {
        let pod = snapshot.get::<Pod>(&key)?;
        let phase = pod.status.as_ref()?.phase.clone()?;
        (phase == "Running").then_some(())
    });
    running.await.unwrap_or_else(|| panic!("pod {name} does not run"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_executable_is_named_in_the_pods_status_and_the_rest_runs() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = cluster(dir.path(), 1).await.unwrap();
    cluster.apply("missing.yaml", &pod("missing", "file:///no/such/program")).await.unwrap();
    cluster.apply("sleeper.yaml", &pod("sleeper", "file:///bin/sleep")).await.unwrap();
    runs(&cluster, "sleeper").await;
    let (reason, message) = waiting(&cluster, "missing").await;
    assert!(matches!(reason.as_str(), "ErrImagePull" | "ImagePullBackOff"), "{reason}");
    assert!(message.contains("/no/such/program"), "{message}");
    cluster.apply("later.yaml", &pod("later", "file:///bin/sleep")).await.unwrap();
    runs(&cluster, "later").await;
    for name in ["missing", "sleeper", "later"] {
        let (kind, key) = (quorate::types::GroupKind::new("", "Pod"), name);
        let key = ObjectKey::namespaced("default", key);
        let _ = cluster.objects().delete(&kind, &key, Default::default()).await.unwrap();
        let gone =
            cluster.until(LIMIT, |snapshot| snapshot.object(&kind, &key).is_none().then_some(()));
        gone.await.unwrap_or_else(|| panic!("pod {name} does not go"));
    }
    cluster.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_file_with_one_bad_document_the_ones_before_it_stay_and_nothing_of_it() {
    const GOOD: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: good, namespace: default}\ndata: {a: b}\n";
    let bad = [
        ("spec: [", "line"),
        ("apiVersion: v1\nkind: Cauldron\nmetadata: {name: bad}\n", "Cauldron"),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad, namespace: default}\ndate: {a: b}\n",
            "date",
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad, namespace: default}\ndata: {a: [1]}\n",
            "data.a",
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad, namespace: nowhere}\ndata: {a: b}\n",
            "nowhere",
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: Bad_Name, namespace: default}\n",
            "metadata.name",
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad, namespace: default, labels: {a: \"no spaces\"}}\n",
            "labels",
        ),
    ];
    let cluster = Cluster::builder().start().await.unwrap();
    for (number, (text, expected)) in bad.into_iter().enumerate() {
        let file = format!("case-{number}.yaml");
        let error = cluster.apply(&file, &format!("{GOOD}---\n{text}")).await.unwrap_err();
        let error = error.to_string();
        assert!(error.contains(&file), "{error:?} names the file {file}");
        assert!(error.contains("document 2"), "{error:?} names the document");
        assert!(error.contains(expected), "{error:?} says {expected:?}");
        let seen = cluster.until(LIMIT, |snapshot| {
            snapshot.get::<ConfigMap>(&ObjectKey::namespaced("default", "good"))
        });
        assert!(seen.await.is_some(), "the first document of case {number} stays applied");
        let snapshot = cluster.snapshot();
        let names: Vec<_> =
            snapshot.list::<ConfigMap>().map(|map| map.metadata().name.clone()).collect();
        assert_eq!(names, ["good"], "nothing of the bad document of case {number}");
    }
    let huge = format!(
        "{GOOD}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: huge, namespace: default}}\ndata: {{a: {}}}\n",
        "x".repeat(10 << 20)
    );
    let error = cluster.apply("huge.yaml", &huge).await.unwrap_err().to_string();
    assert!(
        error.contains("huge.yaml") && error.len() < 1000,
        "a short error for 10 MB: {error:.300}"
    );
    cluster.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_of_another_cluster_or_in_use_is_refused_and_goes_on_working() {
    let dir = tempfile::tempdir().unwrap();
    let first = cluster(dir.path(), 0).await.unwrap();
    let error = cluster(dir.path(), 0).await.unwrap_err().to_string();
    assert!(error.contains("in use") || error.contains("127."), "{error}");
    first
        .apply(
            "map.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kept, namespace: default}\n",
        )
        .await
        .unwrap();
    first.shutdown().await.unwrap();

    let other = Cluster::builder().data_dir(dir.path()).members(3).start().await;
    let error = other.unwrap_err().to_string();
    assert!(error.contains("cluster of 1 members, 3 were asked for"), "{error}");

    let again = cluster(dir.path(), 0).await.unwrap();
    let key = ObjectKey::namespaced("default", "kept");
    let kept = again.until(LIMIT, |snapshot| snapshot.get::<ConfigMap>(&key));
    assert!(kept.await.is_some(), "what was there is still there");
    again.shutdown().await.unwrap();
}
