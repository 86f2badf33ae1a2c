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

scripts!(about, apply, custom, delete, get, more, nodes, rollout, server_side_apply, write);
