//! The real kubectl, one script per topic.

use crate::script;

macro_rules! scripts {
    ($secured:literal: $($name:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                script::run(stringify!($name), $secured).await;
            }
        )*
    };
}

scripts!(
    false:
    about,
    apply,
    autoscale,
    cronjobs,
    custom,
    daemonsets,
    delete,
    disruption,
    get,
    jobs,
    more,
    nodes,
    policy,
    rollout,
    server_side_apply,
    statefulsets,
    write,
);
scripts!(true: access, accounts, users);
