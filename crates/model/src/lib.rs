//! The words of the domain, shared by every crate: labels, matchers, samples, histograms, metadata, tenants, time
//! and the question that a query engine asks of a store.
//!
//! This crate knows nothing of bytes on a wire or on disk, of HTTP, or of any async runtime.

mod batch;
mod duration;
mod exemplar;
mod histogram;
mod kahan;
mod labels;
mod matcher;
mod metadata;
mod number;
mod overlay;
mod purpose;
mod re2;
mod relabel;
mod sample;
mod source;
mod tenant;
mod thin;
mod time;
mod without;

pub use batch::{Batch, Sink, SinkError};
pub use duration::{DurationError, format_duration_ms, parse_duration_ms};
pub use exemplar::Exemplar;
pub use histogram::{Bucket, BucketSpan, FloatHistogram, HistogramSum, IncompatibleHistograms, Joined, ResetHint};
pub use kahan::KahanSum;
pub use labels::{
    Labels, LabelsBuffer, LabelsBuilder, LabelsIter, METRIC_NAME, is_legacy_label_name, is_legacy_metric_name,
};
pub use matcher::{MatchOp, Matcher};
pub use metadata::{MetricMetadata, MetricType};
pub use number::{format_float, format_g, parse_float, push_float};
pub use overlay::Mark;
pub use purpose::{Purpose, Summary};
pub use re2::{RegexError, compile_re2, compile_re2_anywhere};
pub use relabel::{RelabelAction, RelabelConfig, RelabelError, RelabelRule, relabel};
pub use sample::{STALE_NAN, STALE_NAN_BITS, Sample, is_stale};
pub use source::{SampleBuffer, Selection, SeriesSet, Source, SourceError, SourceErrorKind};
pub use tenant::{TenantId, TenantIdError};
pub use time::{Clock, ManualClock, SystemClock};
