//! The types, under one roof.

pub use k8s_openapi::ByteString;
pub use k8s_openapi::api::apps::v1::{
    ControllerRevision, DaemonSet, DaemonSetSpec, DaemonSetStatus, Deployment, DeploymentCondition,
    DeploymentSpec, DeploymentStatus, DeploymentStrategy, ReplicaSet, ReplicaSetCondition,
    ReplicaSetSpec, ReplicaSetStatus, RollingUpdateDeployment, StatefulSet, StatefulSetSpec,
    StatefulSetStatus,
};
pub use k8s_openapi::api::autoscaling::v2::{
    HPAScalingPolicy, HPAScalingRules, HorizontalPodAutoscaler, HorizontalPodAutoscalerBehavior,
    HorizontalPodAutoscalerSpec, HorizontalPodAutoscalerStatus, MetricSpec, MetricTarget,
};
pub use k8s_openapi::api::batch::v1::{
    CronJob, CronJobSpec, CronJobStatus, Job, JobCondition, JobSpec, JobStatus, PodFailurePolicy,
    PodFailurePolicyRule, SuccessPolicyRule,
};
pub use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
pub use k8s_openapi::api::core::v1::{
    Affinity, ConfigMap, ConfigMapEnvSource, ConfigMapKeySelector, ConfigMapVolumeSource,
    Container, ContainerPort, ContainerState, ContainerStateRunning, ContainerStateTerminated,
    ContainerStateWaiting, ContainerStatus, EmptyDirVolumeSource, EnvFromSource, EnvVar,
    EnvVarSource, Event, EventSeries, EventSource, ExecAction, GRPCAction, HTTPGetAction,
    HTTPHeader, HostPathVolumeSource, KeyToPath, Lifecycle, LifecycleHandler, LoadBalancerIngress,
    LoadBalancerStatus, Namespace, NamespaceCondition, NamespaceSpec, NamespaceStatus, Node,
    NodeAddress, NodeAffinity, NodeCondition, NodeRuntimeHandler, NodeSelector,
    NodeSelectorRequirement, NodeSelectorTerm, NodeSpec, NodeStatus, NodeSystemInfo,
    ObjectFieldSelector, ObjectReference, Pod, PodAffinity, PodAffinityTerm, PodAntiAffinity,
    PodCondition, PodIP, PodReadinessGate, PodSecurityContext, PodSpec, PodStatus, PodTemplateSpec,
    PreferredSchedulingTerm, Probe, ResourceFieldSelector, ResourceRequirements, Secret,
    SecretEnvSource, SecretKeySelector, SecretVolumeSource, SecurityContext, Service,
    ServiceAccount, ServicePort, ServiceSpec, ServiceStatus, TCPSocketAction, Taint, Toleration,
    TopologySpreadConstraint, Volume, VolumeMount, WeightedPodAffinityTerm,
};
pub use k8s_openapi::api::core::v1::{
    LimitRange, LimitRangeItem, LimitRangeSpec, PersistentVolume, PersistentVolumeClaim,
    PersistentVolumeClaimSpec, PersistentVolumeSpec, ResourceQuota, ResourceQuotaSpec,
    ScopeSelector,
};
pub use k8s_openapi::api::discovery::v1::{
    Endpoint, EndpointConditions, EndpointHints, EndpointPort, EndpointSlice,
};
pub use k8s_openapi::api::node::v1::RuntimeClass;
pub use k8s_openapi::api::policy::v1::{
    PodDisruptionBudget, PodDisruptionBudgetSpec, PodDisruptionBudgetStatus,
};
pub use k8s_openapi::api::rbac::v1::{
    AggregationRule, ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef,
    Subject,
};
pub use k8s_openapi::api::scheduling::v1::PriorityClass;
pub use k8s_openapi::api::storage::v1::StorageClass;
pub use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
pub use k8s_openapi::apimachinery::pkg::api::resource::Quantity as QuantityText;
pub use k8s_openapi::apimachinery::pkg::apis::meta::v1::{
    Condition, LabelSelector, LabelSelectorRequirement, MicroTime, ObjectMeta, OwnerReference, Time,
};
pub use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
