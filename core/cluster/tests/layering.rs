//! Holds the architecture: who may depend on whom, where heavy crates may appear, which licences come
//! in. Reads `cargo metadata`, so that a manifest that breaks a rule fails here by name.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Every crate of the workspace with the crates of the workspace that it may depend on.
const ALLOWED: &[(&str, &[&str])] = &[
    ("quorate-types", &[]),
    ("quorate-seams", &["quorate-types"]),
    ("quorate-store", &["quorate-types", "quorate-seams"]),
    ("quorate-auth", &["quorate-types", "quorate-seams", "quorate-store"]),
    ("quorate-resources", &["quorate-types", "quorate-seams", "quorate-store"]),
    ("quorate-kinds", &["quorate-types", "quorate-resources"]),
    (
        "quorate-reconcile",
        &["quorate-types", "quorate-seams", "quorate-store", "quorate-resources"],
    ),
    ("quorate-scheduler", CONTROL),
    ("quorate-controllers", CONTROL),
    ("quorate-network", CONTROL),
    ("quorate-agent", AGENT),
    ("quorate-server", SERVER),
    ("quorate-executor", &["quorate-types"]),
    ("quorate-conformance", EXECUTOR),
    ("quorate-process", EXECUTOR),
    ("quorate-docker", EXECUTOR),
    ("quorate-wasm", EXECUTOR),
    ("quorate-bolt", &[]),
    ("quorate-log", BASE),
    ("quorate-mvcc", &["quorate-types", "quorate-seams", "quorate-store", "quorate-auth"]),
    (
        "quorate-raft",
        &["quorate-types", "quorate-seams", "quorate-store", "quorate-log", "quorate-mvcc"],
    ),
    ("quorate-transport", &["quorate-types", "quorate-seams", "quorate-store", "quorate-raft"]),
    (
        "quorate-member",
        &[
            "quorate-types",
            "quorate-seams",
            "quorate-store",
            "quorate-auth",
            "quorate-log",
            "quorate-mvcc",
            "quorate-raft",
            "quorate-transport",
        ],
    ),
    (
        "quorate-etcd",
        &[
            "quorate-types",
            "quorate-seams",
            "quorate-store",
            "quorate-auth",
            "quorate-member",
            "quorate-bolt",
        ],
    ),
    ("quorate-client", BASE),
    ("quorate", &["*"]),
    ("quorate-sim", &["*"]),
    ("quorate-examples", &["*"]),
    ("quorate-benches", &["*"]),
];
const BASE: &[&str] = &["quorate-types", "quorate-seams", "quorate-store"];
const EXECUTOR: &[&str] = &["quorate-types", "quorate-seams", "quorate-executor"];
const CONTROL: &[&str] = &[
    "quorate-types",
    "quorate-seams",
    "quorate-store",
    "quorate-resources",
    "quorate-kinds",
    "quorate-reconcile",
];
const SERVER: &[&str] = &[
    "quorate-types",
    "quorate-seams",
    "quorate-store",
    "quorate-auth",
    "quorate-resources",
    "quorate-kinds",
    "quorate-reconcile",
];
const AGENT: &[&str] = &[
    "quorate-types",
    "quorate-seams",
    "quorate-store",
    "quorate-resources",
    "quorate-kinds",
    "quorate-reconcile",
    "quorate-executor",
];

/// Crates that cost much to build or bind much: each in one crate of the workspace only. Rust's orphan
/// rule puts `impl Kind` for Kubernetes' types beside the trait, in an optional part of `resources`.
const CONFINED: &[(&str, &[&str])] = &[
    ("rocksdb", &["quorate-mvcc"]),
    ("openraft", &["quorate-raft"]),
    ("tonic", &["quorate-transport", "quorate-etcd", "quorate-client"]),
    ("etcd-client", &["quorate-client"]),
    ("bcrypt", &["quorate-auth"]),
    ("bollard", &["quorate-docker"]),
    ("ring", &["quorate-auth", "quorate-etcd", "quorate-wasm"]),
    ("wasmtime", &["quorate-wasm"]),
    ("wasmtime-wasi", &["quorate-wasm"]),
    ("k8s-openapi", &["quorate-kinds", "quorate-resources"]),
];

/// Licences under which a dependency may come in; an expression needs one alternative made of these.
const LICENCES: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "Unlicense",
    "0BSD",
    "BSL-1.0",
    "CC0-1.0",
    "MIT-0",
];

/// The platform that this test was built on, in the compiler's words.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("rustc names its host").to_owned()
}

fn metadata(extra: &[&str]) -> Value {
    // A build has fetched what this platform needs, and nothing else.
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .args(["--filter-platform", &host()])
        .args(extra)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

/// Normal and build dependencies of every crate of the workspace; tests may look further.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = metadata(&["--no-deps"]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages = metadata["packages"].as_array().expect("packages");
    let of = |package: &Value| {
        let all = package["dependencies"].as_array().expect("dependencies").iter();
        all.filter(|dep| dep["kind"] != "dev").map(|dep| text(&dep["name"])).collect()
    };
    packages.iter().map(|package| (text(&package["name"]), of(package))).collect()
}

#[test]
fn crates_depend_only_downwards() {
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
    for (name, dependencies) in dependencies() {
        let allowed = allowed.get(name.as_str());
        let allowed = allowed.unwrap_or_else(|| panic!("{name} has no place in the architecture"));
        for dependency in dependencies.iter().filter(|name| name.starts_with("quorate")) {
            let fits = allowed.contains(&"*") || allowed.contains(&dependency.as_str());
            assert!(fits, "{name} must not depend on {dependency}");
        }
    }
}

#[test]
fn heavy_crates_appear_in_one_crate_each() {
    for (name, dependencies) in dependencies() {
        for (heavy, homes) in CONFINED {
            let fits = !dependencies.contains(*heavy) || homes.contains(&name.as_str());
            assert!(fits, "{heavy} belongs to {homes:?}, not to {name}");
        }
    }
}

#[test]
fn every_dependency_has_a_permissive_licence() {
    let metadata = metadata(&[]);
    for package in metadata["packages"].as_array().expect("packages") {
        let (name, licence) = (&package["name"], package["license"].as_str().unwrap_or("none"));
        let alternatives = licence.replace('/', " OR ").replace(['(', ')'], "");
        let fits = alternatives
            .split(" OR ")
            .any(|all| all.split(" AND ").all(|one| LICENCES.contains(&one.trim())));
        assert!(fits, "{name} comes under {licence:?}, which is not on the list");
    }
}
