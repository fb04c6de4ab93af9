//! Every review as an OpenTelemetry span, sent over OTLP (HTTP, protobuf), where `OTEL_EXPORTER_OTLP_ENDPOINT` or
//! `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` is set. The other variables of OpenTelemetry's specification hold too
//! (`OTEL_SERVICE_NAME`, `OTEL_TRACES_SAMPLER`, `OTEL_BSP_…`). Collectors are reached in plain text (`http://`).
//!
//! An API server that traces sends `traceparent`; the span is a child of its call then.

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::Response;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::runtime::Tokio;
use opentelemetry_sdk::trace::SdkTracerProvider;
use opentelemetry_sdk::trace::span_processor_with_async_runtime::BatchSpanProcessor;
use tracing::field::Empty;
use tracing::{Instrument, Subscriber, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

const TARGET: &str = "draingate::traces";

/// Sends what is left when it is dropped.
pub struct Traces(SdkTracerProvider);

impl Drop for Traces {
    fn drop(&mut self) {
        let _ = self.0.shutdown();
    }
}

/// The layer that sends spans, and what keeps it; nothing where no endpoint is set. Called in a Tokio runtime of
/// several threads.
///
/// # Errors
/// A variable of OpenTelemetry's that cannot be read.
pub fn layer<S>() -> anyhow::Result<(Option<impl Layer<S>>, Option<Traces>)>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if !set("OTEL_EXPORTER_OTLP_ENDPOINT") && !set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") {
        return Ok((None, None));
    }
    let exporter = opentelemetry_otlp::SpanExporter::builder().with_http().build()?;
    let mut resource = Resource::builder();
    if !set("OTEL_SERVICE_NAME") {
        resource = resource.with_service_name("draingate");
    }
    let provider = SdkTracerProvider::builder()
        .with_resource(resource.build())
        .with_span_processor(BatchSpanProcessor::builder(exporter, Tokio).build())
        .build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("draingate"))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_filter(filter_fn(|metadata| metadata.is_span() && metadata.target() == TARGET));
    Ok((Some(layer), Some(Traces(provider))))
}

/// Puts each request into a span of its own.
pub fn traced(app: Router) -> Router {
    app.layer(middleware::from_fn(span))
}

async fn span(request: Request, next: Next) -> Response {
    let span = info_span!(
        target: TARGET, "admission", otel.name = request.uri().path(), otel.kind = "server", http.response.status_code = Empty,
        uid = Empty, kind = Empty, namespace = Empty, mode = Empty, dry_run = Empty, patched = Empty, denied = Empty,
        verdict = Empty, findings = Empty,
    );
    if !span.is_disabled() {
        let _ = span.set_parent(TraceContextPropagator::new().extract(&HeaderExtractor(request.headers())));
    }
    let response = next.run(request).instrument(span.clone()).await;
    span.record("http.response.status_code", response.status().as_u16());
    response
}
