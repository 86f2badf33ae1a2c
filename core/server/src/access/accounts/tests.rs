use super::*;
use crate::access::tests::{create, objects};
use std::sync::Arc;

/// A key that is used nowhere else.
fn key() -> String {
    rcgen::KeyPair::generate().unwrap().serialize_pem()
}

const ISSUER: &str = "https://cluster.test";

struct World {
    clock: Arc<quorate_seams::ManualClock>,
    objects: Objects,
    tokens: AccountTokens,
}

impl World {
    async fn new() -> Self {
        let (clock, objects) = objects();
        for value in [
            json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "shop" } }),
            json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "robot", "namespace": "shop" } }),
            json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "s", "namespace": "shop" } }),
            pod("own", Some("robot")),
            pod("other", None),
        ] {
            create(&objects, value).await;
        }
        let tokens = AccountTokens::new(objects.clone(), key().as_bytes(), ISSUER).unwrap();
        Self { clock, objects, tokens }
    }

    async fn token(&self, audiences: &[&str], bound: Option<BoundObject>) -> String {
        let audiences: Vec<String> = audiences.iter().map(|text| (*text).to_owned()).collect();
        self.tokens.issue(&robot(), &audiences, None, bound.as_ref()).await.unwrap().token
    }

    async fn known(&self, token: &str) -> Result<Option<Known>, AuthenticateError> {
        self.tokens.authenticate(&Credentials::token(token)).await
    }

    async fn delete(&self, kind: &str, name: &str) {
        let key = ObjectKey::namespaced("shop", name);
        self.objects.delete(&GroupKind::new("", kind), &key, Default::default()).await.unwrap();
    }
}

fn robot() -> ObjectKey {
    ObjectKey::namespaced("shop", "robot")
}

fn pod(name: &str, account: Option<&str>) -> Value {
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name, "namespace": "shop" },
        "spec": { "serviceAccountName": account, "containers": [{ "name": "c", "image": "i" }] } })
}

fn bound(kind: &str, name: &str) -> BoundObject {
    BoundObject { kind: kind.to_owned(), name: name.to_owned(), uid: String::new() }
}

#[tokio::test]
async fn a_token_is_its_account_until_it_ends_or_the_account_is_another() {
    let world = World::new().await;
    let token = world.token(&[], None).await;
    let known = world.known(&token).await.unwrap().unwrap();
    let account = world.objects.get(&account_kind(), &robot()).await.unwrap();
    assert_eq!(known.user.name, "system:serviceaccount:shop:robot");
    assert_eq!(json!(known.user.uid), json!(account.metadata.uid));
    assert_eq!(known.user.groups, ["system:serviceaccounts", "system:serviceaccounts:shop"]);
    assert_eq!(known.audiences, [ISSUER]);
    assert!(known.user.extra["authentication.kubernetes.io/credential-id"][0].starts_with("JTI="));
    world.delete("ServiceAccount", "robot").await;
    assert!(world.known(&token).await.is_err(), "the account is gone");
    create(&world.objects, json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "robot", "namespace": "shop" } })).await;
    assert!(world.known(&token).await.is_err(), "the account is another one");
    let token = world.token(&[], None).await;
    world.clock.advance(Duration::from_secs(3599));
    assert!(world.known(&token).await.unwrap().is_some());
    world.clock.advance(Duration::from_secs(1));
    assert!(world.known(&token).await.unwrap().is_none(), "it has ended");
}

#[tokio::test]
async fn a_token_is_for_its_audiences_and_its_issuer_only() {
    let world = World::new().await;
    let token = world.token(&["vault", "bank"], None).await;
    assert!(world.known(&token).await.is_err(), "it is not for this API");
    let audiences = vec!["bank".to_owned(), "zoo".to_owned()];
    let asked = Credentials { audiences, ..Credentials::token(token) };
    assert_eq!(world.tokens.authenticate(&asked).await.unwrap().unwrap().audiences, ["bank"]);
    let token = world.token(&[], None).await;
    let other = AccountTokens::new(world.objects.clone(), key().as_bytes(), ISSUER).unwrap();
    let shown = Credentials::token(token);
    assert!(other.authenticate(&shown).await.unwrap().is_none(), "another key");
    let own = key();
    let of =
        |issuer: &str| AccountTokens::new(world.objects.clone(), own.as_bytes(), issuer).unwrap();
    let token = of("https://other.test")
        .issue(&robot(), &[ISSUER.to_owned()], None, None)
        .await
        .unwrap()
        .token;
    assert!(of(ISSUER).authenticate(&Credentials::token(token)).await.unwrap().is_none());
}

#[tokio::test]
async fn a_bound_token_ends_with_what_it_is_bound_to() {
    let world = World::new().await;
    for (kind, name) in [("Secret", "s"), ("Pod", "own")] {
        let token = world.token(&[], Some(bound(kind, name))).await;
        let known = world.known(&token).await.unwrap().unwrap();
        let field = format!("authentication.kubernetes.io/{}-name", kind.to_lowercase());
        assert_eq!(known.user.extra[&field], [name]);
        world.delete(kind, name).await;
        assert!(world.known(&token).await.is_err(), "{kind} is gone");
    }
}

#[tokio::test]
async fn what_a_token_cannot_be_bound_to_or_live_for_is_refused() {
    let world = World::new().await;
    let issue = async |seconds: Option<i64>, bound: Option<BoundObject>| {
        world.tokens.issue(&robot(), &[], seconds, bound.as_ref()).await.map(drop).unwrap_err()
    };
    assert!(matches!(issue(Some(599), None).await, TokenError::Life { seconds: 599 }));
    assert!(matches!(issue(Some(i64::MAX), None).await, TokenError::Life { .. }));
    let other = Some(bound("Pod", "other"));
    assert!(matches!(issue(None, other).await, TokenError::Bound { .. }));
    let map = Some(bound("ConfigMap", "x"));
    assert!(matches!(issue(None, map).await, TokenError::Bound { .. }));
    let gone = Some(bound("Secret", "gone"));
    assert!(matches!(issue(None, gone).await, TokenError::Objects(Error::NotFound { .. })));
    let wrong = Some(BoundObject { uid: "7".to_owned(), ..bound("Secret", "s") });
    assert!(matches!(issue(None, wrong).await, TokenError::Uid { .. }));
}
