//! Health over gRPC and HTTP.

use crate::http::{get, send};
use crate::own::{Own, soon};
use quorate_etcd::ServerOptions;
use quorate_etcd::proto::health::HealthCheckRequest;
use quorate_etcd::proto::health::health_check_response::ServingStatus;
use quorate_etcd::proto::health::health_client::HealthClient;
use tonic::Code;

fn of(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn services_are_known_by_their_names() {
    let own = Own::start().await;
    let mut health = HealthClient::new(own.channel.clone());
    for service in ["", "etcdserverpb.KV", "v3lockpb.Lock"] {
        let told = health.check(of(service)).await.unwrap().into_inner();
        assert_eq!(told.status(), ServingStatus::Serving, "{service}");
    }
    let unknown = health.check(of("nobody")).await.unwrap_err();
    assert_eq!((unknown.code(), unknown.message()), (Code::NotFound, "unknown service"));
    let mut watch = health.watch(of("nobody")).await.unwrap().into_inner();
    let told = soon(watch.message()).await.unwrap().unwrap();
    assert_eq!(told.status(), ServingStatus::ServiceUnknown);
    let mut watch = health.watch(of("")).await.unwrap().into_inner();
    assert_eq!(soon(watch.message()).await.unwrap().unwrap().status(), ServingStatus::Serving);
    own.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_checks_are_told_in_etcds_words() {
    let own = Own::start().await;
    for path in ["/health", "/health?serializable=true", "/health?exclude=NOSPACE"] {
        let health = get(own.addr, path).await;
        let body = r#"{"health":"true","reason":""}"#;
        assert_eq!((health.status, health.body.as_str()), (200, body));
    }
    assert_eq!(get(own.addr, "/livez").await.body, "ok\n");
    let verbose = get(own.addr, "/readyz?verbose&exclude=linearizable_read").await;
    let told = "[+]data_corruption ok\n[+]serializable_read ok\n[+]non_learner ok\nok\n";
    assert_eq!((verbose.status, verbose.body.as_str()), (200, told));
    assert_eq!(
        get(own.addr, "/readyz/linearizable_read?verbose").await.body,
        "[+]linearizable_read ok\nok\n"
    );
    assert_eq!(get(own.addr, "/livez/nothing").await.status, 404);
    let posted = send(own.addr, "POST", "/health", "", "").await;
    assert!(posted.status == 405 && posted.head.contains("allow: get"), "{posted:?}");
    let nothing = get(own.addr, "/v2/keys").await;
    assert_eq!((nothing.status, nothing.body.as_str()), (404, "404 page not found\n"));
    own.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_makes_it_unhealthy_unless_it_is_excluded() {
    let own = Own::with(ServerOptions::default(), |options| options.quota(1)).await;
    let put =
        quorate_etcd::proto::etcdserverpb::PutRequest { key: "k".into(), ..Default::default() };
    let refused = own.kv().put(put).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(refused.message(), "etcdserver: mvcc: database space exceeded");
    let health = get(own.addr, "/health").await;
    let body = r#"{"health":"false","reason":"ALARM NOSPACE"}"#;
    assert_eq!((health.status, health.body.trim_end()), (503, body));
    assert_eq!(get(own.addr, "/health?exclude=NOSPACE").await.status, 200);
    assert_eq!(get(own.addr, "/readyz").await.status, 200, "it still reads");
    own.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_is_raised_and_disarmed_by_request_and_told_by_what_it_changed() {
    use quorate_etcd::proto::etcdserverpb::alarm_request::AlarmAction;
    use quorate_etcd::proto::etcdserverpb::maintenance_client::MaintenanceClient;
    use quorate_etcd::proto::etcdserverpb::{AlarmRequest, AlarmType};
    let own = Own::start().await;
    let ask = async |action: AlarmAction, alarm: AlarmType| {
        let request = AlarmRequest { action: action.into(), member_id: 9, alarm: alarm.into() };
        let told = MaintenanceClient::new(own.channel.clone()).alarm(request).await.unwrap();
        let told = told.into_inner().alarms;
        told.iter().map(|alarm| (alarm.member_id, alarm.alarm())).collect::<Vec<_>>()
    };
    let raised = [(9, AlarmType::Nospace)];
    assert_eq!(ask(AlarmAction::Deactivate, AlarmType::Nospace).await, []);
    assert_eq!(ask(AlarmAction::Activate, AlarmType::Nospace).await, raised);
    assert_eq!(get(own.addr, "/health").await.status, 503);
    assert_eq!(ask(AlarmAction::Deactivate, AlarmType::Corrupt).await, []);
    assert_eq!(ask(AlarmAction::Get, AlarmType::None).await, raised);
    assert_eq!(ask(AlarmAction::Deactivate, AlarmType::Nospace).await, raised);
    assert_eq!(ask(AlarmAction::Get, AlarmType::None).await, []);
    assert_eq!(get(own.addr, "/health").await.status, 200);
    own.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_version_is_told_everywhere() {
    let mut services = ServerOptions::default();
    services.version = "3.4.23".to_owned();
    let own = Own::with(services, |options| options).await;
    let version = get(own.addr, "/version").await;
    assert_eq!(version.body, r#"{"etcdserver":"3.4.23","etcdcluster":"3.4.0"}"#);
    assert_eq!(get(own.addr, "/health").await.body, r#"{"health":"true"}"#);
    let metrics = get(own.addr, "/metrics").await.body;
    assert!(metrics.contains(r#"etcd_server_version{server_version="3.4.23"} 1"#));
    assert!(metrics.contains(r#"etcd_cluster_version{cluster_version="3.4"} 1"#));
    let status = quorate_etcd::proto::etcdserverpb::maintenance_client::MaintenanceClient::new(
        own.channel.clone(),
    )
    .status(quorate_etcd::proto::etcdserverpb::StatusRequest::default())
    .await
    .unwrap();
    assert_eq!(status.into_inner().version, "3.4.23");
    own.stop().await;
}
