//! The API as a service without a network: clients that take any service, such as `kube::Client`, run
//! on it in the same process.

use crate::{Api, ResponseBody};
use bytes::Bytes;
use futures::future::BoxFuture;
use hyper::body::Body;
use hyper::{Request, Response};
use std::convert::Infallible;
use std::task::{Context, Poll};
use tower_service::Service;

impl<B> Service<Request<B>> for Api
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let api = self.clone();
        Box::pin(async move { Ok(api.handle(request).await) })
    }
}
