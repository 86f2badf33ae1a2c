//! A cluster in one process, used by kubectl alone: what is applied runs, what is deleted is gone, and
//! another start from the same directory finds everything again.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::print_stdout, reason = "says what it skips")]

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

const WEB: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      runtimeClassName: process
      terminationGracePeriodSeconds: 1
      containers:
        - name: web
          image: file:///bin/sh
          args: ["-c", "echo ready to serve; exec sleep 100000"]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
"#;

const BRIEF: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: brief}
spec:
  runtimeClassName: process
  restartPolicy: Never
  containers:
    - name: main
      image: file:///bin/sh
      args: ["-c", "echo one; sleep 1; echo two"]
"#;

/// A mini-kube that ends with this value.
struct MiniKube {
    process: Child,
    kubeconfig: String,
    home: std::path::PathBuf,
}

impl Drop for MiniKube {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl MiniKube {
    fn start(dir: &Path) -> Self {
        Self::start_with(dir, &[])
    }

    fn start_with(dir: &Path, more: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_mini-kube"))
            .args(["dev", "--port", "0", "--data-dir", dir.join("data").to_str().unwrap()])
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let kubeconfig = lines
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("export KUBECONFIG=").map(str::to_owned))
            .expect("mini-kube says where it serves");
        Self { process, kubeconfig, home: dir.join("home") }
    }

    fn run(&self, line: &str, input: &str) -> Output {
        let mut kubectl = Command::new("kubectl")
            .args(line.split_whitespace())
            .env("KUBECONFIG", &self.kubeconfig)
            .env("HOME", &self.home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = kubectl.stdin.take().unwrap();
        std::io::Write::write_all(&mut stdin, input.as_bytes()).unwrap();
        drop(stdin);
        kubectl.wait_with_output().unwrap()
    }

    /// What kubectl prints for a command that must succeed.
    fn kubectl(&self, line: &str, input: &str) -> String {
        let output = self.run(line, input);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "kubectl {line}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// Ends it as a terminal would.
    fn stop(mut self) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert!(self.process.wait().unwrap().success());
    }
}

fn pods(of: &MiniKube) -> Vec<String> {
    let listed = of.kubectl("get pods -l app=web -o name", "");
    let mut pods: Vec<_> = listed.lines().map(str::to_owned).collect();
    pods.sort();
    pods
}

/// What a pod prints from its first line to its end.
fn followed(of: &MiniKube, pod: &str) -> String {
    for _ in 0..2000 {
        let output = of.run(&format!("logs -f {pod}"), "");
        if output.status.success() {
            return String::from_utf8_lossy(&output.stdout).into_owned();
        }
        // It has not run yet; asking takes some milliseconds each time.
    }
    panic!("pod {pod} does not run");
}

#[test]
fn over_tls_everybody_may_do_what_their_roles_say() {
    if Command::new("kubectl").arg("version").arg("--client").output().is_err() {
        println!("SKIP: no kubectl on the path");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let kube = MiniKube::start_with(dir.path(), &["--tls"]);
    let mode = std::fs::metadata(&kube.kubeconfig).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "the administrator's key is the owner's alone");
    assert!(kube.kubectl("auth whoami", "").contains("system:masters"));
    assert!(kube.kubectl("get nodes", "").contains("Ready"));

    kube.kubectl("create serviceaccount viewer", "");
    kube.kubectl(
        "create rolebinding viewer --clusterrole view --serviceaccount default:viewer",
        "",
    );
    let token = kube.kubectl("create token viewer", "");
    let as_viewer = |line: &str| {
        // Without the administrator's certificate, which would go first.
        let text = std::fs::read_to_string(&kube.kubeconfig).unwrap();
        let mut config: serde_json::Value = serde_json::from_str(&text).unwrap();
        config["users"][0]["user"] = serde_json::json!({ "token": token.trim() });
        let file = dir.path().join("viewer");
        std::fs::write(&file, config.to_string()).unwrap();
        kube.run(&format!("--kubeconfig {} {line}", file.display()), "")
    };
    assert!(as_viewer("get pods").status.success());
    let refused = as_viewer("create configmap settings");
    assert!(!refused.status.success());
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    let who = "User \"system:serviceaccount:default:viewer\" cannot";
    assert!(told.contains("forbidden") && told.contains(who), "{told}");
    kube.stop();

    // The same authority and the same accounts after another start.
    let again = MiniKube::start_with(dir.path(), &["--tls"]);
    assert!(again.kubectl("get serviceaccount viewer", "").contains("viewer"));
    again.stop();
}

#[test]
fn kubectl_alone_runs_a_deployment() {
    if Command::new("kubectl").arg("version").arg("--client").output().is_err() {
        println!("SKIP: no kubectl on the path");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let first = MiniKube::start(dir.path());
    assert!(first.kubectl("get nodes", "").contains("Ready"));
    first.kubectl("apply -f -", WEB);
    first.kubectl("rollout status deployment/web --timeout=120s", "");
    let table = first.kubectl("get pods", "");
    assert_eq!(table.matches("1/1     Running").count(), 2, "{table}");
    assert_eq!(first.kubectl("logs deployment/web", "").trim(), "ready to serve");
    let wrong = first.run("logs deployment/web -c none", "");
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("container none"), "{wrong:?}");
    first.kubectl("apply -f -", BRIEF);
    assert_eq!(followed(&first, "brief"), "one\ntwo\n");
    first.kubectl("scale deployment/web --replicas=3", "");
    first
        .kubectl("wait deployment/web --for=jsonpath={.status.readyReplicas}=3 --timeout=120s", "");
    let before = pods(&first);
    assert_eq!(before.len(), 3);
    first.stop();

    let second = MiniKube::start(dir.path());
    second.kubectl("wait pod -l app=web --for=condition=Ready --timeout=120s", "");
    assert_eq!(pods(&second), before, "the same pods, found again");
    second.kubectl("delete deployment/web service/web --cascade=foreground --timeout=120s", "");
    second.kubectl("wait pod -l app=web --for=delete --timeout=120s", "");
    assert_eq!(pods(&second), Vec::<String>::new());
    second.stop();
}
