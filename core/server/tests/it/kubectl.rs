//! The real kubectl, one script per topic.

use crate::script;

macro_rules! scripts {
    ($($name:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                script::run(stringify!($name)).await;
            }
        )*
    };
}

scripts!(
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
