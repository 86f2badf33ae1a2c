//! Applying YAML files.

use crate::world::{World, widget, with_spec};
use proptest::prelude::*;
use quorate_resources::manifest::{self, ManifestError};
use quorate_resources::{Action, Applied};
use serde_json::json;

const GOOD: &str = "apiVersion: test.example/v1
kind: Widget
metadata: { name: good, namespace: shop }
spec: { size: 1 }
";

async fn apply(world: &World, text: &str) -> Result<Vec<Applied>, ManifestError> {
    manifest::apply(&world.objects, "file.yaml", text).await
}

fn actions(applied: &[Applied]) -> Vec<Action> {
    applied.iter().map(|one| one.action).collect()
}

#[tokio::test]
async fn a_file_is_created_then_unchanged_then_configured() {
    let world = World::new().await;
    let two = format!("# first\n---\n{GOOD}---\n\n---\n{}", GOOD.replace("good", "two"));
    assert_eq!(actions(&apply(&world, &two).await.unwrap()), [Action::Created; 2]);
    let before = world.revision();
    let again = apply(&world, &two).await.unwrap();
    assert_eq!(actions(&again), [Action::Unchanged; 2]);
    assert_eq!(world.revision(), before);
    assert_eq!(again[0].object, world.read("good").await.unwrap());
    let changed = two.replacen("size: 1", "size: 2", 1);
    let applied = apply(&world, &changed).await.unwrap();
    assert_eq!(actions(&applied), [Action::Configured, Action::Unchanged]);
    assert_eq!(applied[0].object.metadata.generation, Some(2));
}

#[tokio::test]
async fn what_the_manifest_dropped_goes_and_what_others_set_stays() {
    let world = World::new().await;
    let rich = GOOD.replace(
        "spec: { size: 1 }",
        "spec:\n  size: 1\n  host: n1\n  parts: [{ name: a, weight: 1 }, { name: b }]",
    );
    apply(&world, &rich).await.unwrap();
    let live = world.read("good").await.unwrap();
    let spec = json!({ "size": 1, "host": "n1",
        "parts": [{ "name": "a", "weight": 1 }, { "name": "b" }, { "name": "side" }] });
    let mut live = with_spec(live, spec);
    live.metadata.labels.insert("foreign".into(), "yes".into());
    world.objects.update(live).await.unwrap();
    assert_eq!(actions(&apply(&world, &rich).await.unwrap()), [Action::Unchanged]);
    let poor = GOOD.replace("spec: { size: 1 }", "spec: { size: 1, parts: [{ name: a }] }");
    let applied = apply(&world, &poor).await.unwrap().remove(0).object;
    let expected = json!({ "size": 1, "parts": [{ "name": "a" }, { "name": "side" }] });
    assert_eq!(applied.body["spec"], expected);
    assert_eq!(applied.metadata.labels["foreign"], "yes");
}

#[tokio::test]
async fn lists_and_json_are_manifests_too() {
    let world = World::new().await;
    let item = |name: &str| serde_json::to_value(widget(name, json!({ "size": 1 }))).unwrap();
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": [item("a"), item("b")] });
    let applied = apply(&world, &list.to_string()).await.unwrap();
    assert_eq!(applied.len(), 2);
    let mut bad = list;
    bad["items"][1]["spec"]["size"] = json!("x");
    bad["items"][0]["metadata"]["name"] = json!("c");
    let error = apply(&world, &bad.to_string()).await.unwrap_err();
    assert!(error.to_string().contains("items[1]"), "{error}");
    assert!(world.read("c").await.is_some());
}

#[tokio::test]
async fn create_refuses_a_name_that_is_taken() {
    let world = World::new().await;
    let twice = format!("{GOOD}---\n{GOOD}");
    let error = manifest::create(&world.objects, "file.yaml", &twice).await.unwrap_err();
    assert_eq!((error.document, error.line, error.applied.len()), (2, 5, 1));
    let text = error.to_string();
    assert!(text.starts_with("file.yaml: document 2 (line 5): "), "{text}");
    assert!(text.contains("shop/good already exists"), "{text}");
}

/// Name of the case, the bad document, the path, words of the message.
const BAD: &[(&str, &str, Option<&str>, &[&str])] = &[
    ("malformed YAML", "kind: [Widget\nmetadata: x\n", None, &["malformed YAML"]),
    ("tabs", "kind: Widget\nspec:\n\t- x\n", None, &["malformed YAML"]),
    ("duplicate key", "kind: Widget\nkind: Widget\n", None, &["malformed YAML", "uplicate"]),
    ("no object", "- a\n- b\n", Some(""), &["must be an object", "a list"]),
    ("no kind", "apiVersion: v1\nmetadata: {}\n", Some("kind"), &["must be set"]),
    (
        "unknown kind",
        "apiVersion: test.example/v1\nkind: Wigdet\nmetadata: { name: bad }\n",
        None,
        &["unknown kind", "did you mean \"Widget\""],
    ),
    (
        "unknown version",
        "apiVersion: test.example/v2\nkind: Widget\nmetadata: { name: bad }\n",
        None,
        &["unknown kind", "test.example/v1"],
    ),
    (
        "unknown field",
        "apiVersion: test.example/v1\nkind: Widget\nmetadata: { name: bad, namespace: shop }\nspec: { size: 1, parts: [{ nmae: x }] }\n",
        Some("spec.parts[0].nmae"),
        &["unknown field", "did you mean \"name\""],
    ),
    (
        "mistyped field",
        "apiVersion: test.example/v1\nkind: Widget\nmetadata: { name: bad, namespace: shop }\nspec: { size: big }\n",
        Some("spec.size"),
        &["i64", "big"],
    ),
    (
        "mistyped label",
        "apiVersion: test.example/v1\nkind: Widget\nmetadata: { name: bad, namespace: shop, labels: { on: 7 } }\nspec: { size: 1 }\n",
        Some("metadata.labels.on"),
        &["must be a string", "quotes"],
    ),
    (
        "invalid label",
        "apiVersion: test.example/v1\nkind: Widget\nmetadata: { name: bad, namespace: shop, labels: { app: 'a b' } }\nspec: { size: 1 }\n",
        Some("metadata.labels.app"),
        &["a b", "alphanumeric"],
    ),
    (
        "missing namespace",
        "apiVersion: test.example/v1\nkind: Widget\nmetadata: { name: bad, namespace: nowhere }\nspec: { size: 1 }\n",
        None,
        &["namespace \"nowhere\"", "shop"],
    ),
    (
        "no namespace",
        "apiVersion: test.example/v1\nkind: Widget\nmetadata: { name: bad }\nspec: { size: 1 }\n",
        Some("metadata.namespace"),
        &["must be set"],
    ),
    (
        "no name",
        "apiVersion: test.example/v1\nkind: Widget\nmetadata: { namespace: shop, generateName: bad- }\nspec: { size: 1 }\n",
        Some("metadata.name"),
        &["must be set"],
    ),
];

#[tokio::test]
async fn a_bad_document_is_named_and_only_those_before_it_stand() {
    for (case, bad, path, words) in BAD {
        let world = World::new().await;
        let text = format!("{GOOD}---\n{bad}---\n{}", GOOD.replace("good", "after"));
        let error = apply(&world, &text).await.unwrap_err();
        let message = error.to_string();
        assert!(message.starts_with("file.yaml: document 2 (line "), "{case}: {message}");
        assert!(message.ends_with("(the object before it was applied)"), "{case}: {message}");
        assert!((5..=9).contains(&error.line), "{case}: {message}");
        assert_eq!(error.path(), *path, "{case}: {message}");
        let is_missing = |word: &&&str| !message.contains(**word) && **word != "shop";
        assert_eq!(words.iter().find(is_missing), None, "{case}: {message}");
        assert_eq!(actions(&error.applied), [Action::Created], "{case}");
        assert!(world.read("good").await.is_some(), "{case}");
        let others = (world.read("bad").await, world.read("after").await);
        assert_eq!(others, (None, None), "{case}");
    }
}

#[tokio::test]
async fn a_file_beyond_the_limit_is_refused_unread() {
    let world = World::new().await;
    let huge = format!("{GOOD}# {}", "x".repeat(10 * 1024 * 1024));
    let error = apply(&world, &huge).await.unwrap_err();
    let message = error.to_string();
    assert!(message.starts_with("file.yaml: file of 1048"), "{message}");
    assert!(message.contains("the limit is 3145728"), "{message}");
    assert_eq!(world.read("good").await, None);
}

#[tokio::test]
async fn an_alias_bomb_is_refused() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let items = vec![format!("*a{}", level - 1); 8].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    let world = World::new().await;
    let error = apply(&world, &bomb).await.unwrap_err();
    assert!(error.to_string().contains("malformed YAML"), "{error}");
}

proptest! {
    #[test]
    fn parsing_never_panics(text in "[-a: \\n\\[\\]{}&*!|>'\"#%.0]{0,80}") {
        drop(manifest::parse("file.yaml", &text));
    }

    #[test]
    fn documents_keep_their_order_and_lines(gaps in proptest::collection::vec(0usize..4, 1..6)) {
        let (mut text, mut lines, mut line) = (String::new(), Vec::new(), 1);
        for gap in &gaps {
            text.push_str(&"---\n".repeat(*gap));
            text.push_str("---\n");
            line += gap;
            lines.push(line);
            text.push_str(GOOD);
            line += 5;
        }
        let parsed: Vec<_> = manifest::parse("f", &text).into_iter().map(Result::unwrap).collect();
        prop_assert_eq!(parsed.iter().map(|one| one.line).collect::<Vec<_>>(), lines);
        let numbers: Vec<usize> = (1..=gaps.len()).collect();
        prop_assert_eq!(parsed.iter().map(|one| one.index).collect::<Vec<_>>(), numbers);
    }
}
