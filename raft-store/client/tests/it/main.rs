//! The store over the network, against our own server and against a stock etcd.

mod conformance;
mod jobs;
mod leader;
mod servers;
