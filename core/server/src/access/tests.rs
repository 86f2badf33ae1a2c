use super::*;
use quorate_seams::{ManualClock, OsDisk, Seams, SeededRandom};
use quorate_store::MemoryStore;
use serde_json::{Value, json};

pub(super) fn objects() -> (Arc<ManualClock>, quorate_resources::Objects) {
    let clock = ManualClock::new();
    let seams = Seams {
        clock: clock.clone(),
        random: Arc::new(SeededRandom::new(7)),
        disk: Arc::new(OsDisk),
    };
    let store = MemoryStore::new(clock.clone());
    let registry = Arc::new(quorate_kinds::registry());
    (clock, quorate_resources::Objects::new(store, registry, seams))
}

pub(super) async fn create(objects: &quorate_resources::Objects, value: Value) -> Value {
    let object = quorate_resources::Object::from_value(value).unwrap();
    json!(objects.create(object).await.unwrap())
}

fn tokens() -> Access {
    let tokens = Tokens::new().with("a", User::new("alice")).with("r", User::admin());
    Access::new().with_authenticator(Arc::new(tokens))
}

fn is_unauthorized<T>(result: Result<T, Failure>) -> bool {
    matches!(result, Err(Failure::Unauthorized))
}

#[tokio::test]
async fn bad_credentials_never_make_somebody_anonymous() {
    let access = tokens();
    let alice = access.identify(&Credentials::token("a")).await.unwrap();
    assert_eq!(alice, User::new("alice").with_group("system:authenticated"));
    assert!(is_unauthorized(access.identify(&Credentials::token("b")).await));
    assert!(is_unauthorized(access.identify(&Credentials::default()).await));
    let access = access.with_anonymous();
    assert!(is_unauthorized(access.identify(&Credentials::token("b")).await));
    assert_eq!(access.identify(&Credentials::default()).await.unwrap(), User::anonymous());
    let anybody = Access::open().identify(&Credentials::token("b")).await.unwrap();
    assert_eq!(anybody, User::admin());
}

/// Has one opinion about everything.
#[derive(Debug)]
struct Says(Verdict);

#[async_trait::async_trait]
impl Authorizer for Says {
    async fn authorize(&self, _: &User, _: &Action) -> Result<Verdict, Error> {
        Ok(self.0.clone())
    }

    async fn rules(&self, _: &User, _: &str) -> Result<Option<Vec<Rule>>, Error> {
        Ok(None)
    }
}

#[tokio::test]
async fn the_first_opinion_decides_and_masters_come_first() {
    let action = Action::resource("get", "", "pods");
    let with = |verdicts: &[Verdict]| {
        let says = |access: Access, verdict: &Verdict| {
            access.with_authorizer(Arc::new(Says(verdict.clone())))
        };
        verdicts.iter().fold(Access::new(), says)
    };
    let allow = Verdict::Allow("a".into());
    let deny = Verdict::Deny("d".into());
    let none = |text: &str| Verdict::NoOpinion(text.into());
    let alice = User::new("alice");
    for (verdicts, expected) in [
        (vec![], none("")),
        (vec![none("x"), none(""), none("y")], none("x\ny")),
        (vec![none("x"), allow.clone(), deny.clone()], allow.clone()),
        (vec![deny.clone(), allow.clone()], deny.clone()),
    ] {
        assert_eq!(with(&verdicts).judge(&alice, &action).await.unwrap(), expected);
    }
    let judged = with(std::slice::from_ref(&deny)).judge(&User::admin(), &action).await.unwrap();
    assert!(matches!(judged, Verdict::Allow(_)));
    assert!(!with(&[deny]).rules(&alice, "a").await.unwrap().1, "the rules are not all");
}

#[tokio::test]
async fn the_policy_follows_every_change_of_roles_and_bindings() {
    let (_, objects) = objects();
    let rbac = Rbac::new(objects.clone());
    let bob = User::new("bob");
    let list = Action::resource("list", "", "nodes");
    let allowed = async || matches!(rbac.authorize(&bob, &list).await.unwrap(), Verdict::Allow(_));
    assert!(!allowed().await);
    rbac.bootstrap().await.unwrap();
    let revision = objects.store().status().revision;
    rbac.bootstrap().await.unwrap();
    assert_eq!(objects.store().status().revision, revision, "a second time changes nothing");
    assert!(!allowed().await);
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": { "name": "b" }, "roleRef": { "kind": "ClusterRole", "name": "cluster-admin" },
        "subjects": [{ "kind": "User", "name": "bob" }],
    });
    for _ in 0..3 {
        create(&objects, binding.clone()).await;
        assert!(allowed().await);
        let kind =
            quorate_resources::GroupKind::new("rbac.authorization.k8s.io", "ClusterRoleBinding");
        let key = quorate_resources::ObjectKey::cluster("b");
        objects.delete(&kind, &key, Default::default()).await.unwrap();
        assert!(!allowed().await);
    }
}
