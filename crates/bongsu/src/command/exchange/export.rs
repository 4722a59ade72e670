//! `bongsu export`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use anyhow::Context;
use bongsu_exchange::{
    CsvColumns, CsvWriter, JsonLinesWriter, OpenMetricsWriter, ParquetWriter, Receiver, Window, read_samples,
    read_stream,
};
use bongsu_model::{Clock, Matcher, MetricMetadata, MetricType, SystemClock};
use bongsu_tsdb::Reader;
use bongsu_wire::remote_read::{Query, ResponseType, compress, encode_request};

use super::http::{Headers, Http, headers, with_path};
use super::input::{self, Output};
use super::window::{matcher_sets, selector_text, window};
use crate::cli::{ExportArgs, ExportFormat};

/// An answer with samples is whole in memory.
const SAMPLES_BYTES_MAX: usize = 1 << 30;
/// Lists of names and metadata.
const LIST_BYTES_MAX: usize = 256 << 20;

pub(in crate::command) fn export(args: &ExportArgs) -> anyhow::Result<()> {
    let http = Http::new()?;
    let source = Source::open(args, &http)?;
    let output = input::create(args.output.as_deref())?;
    let window = window(&args.window)?;
    let (output, written) = match args.format {
        ExportFormat::Jsonl => {
            let mut writer = JsonLinesWriter::new(output, args.max_rows_per_line);
            source.read(&window, &mut writer)?;
            let written = Written::new(writer.samples, writer.left_out_histograms, writer.left_out_stale);
            (writer.into_inner(), written)
        }
        ExportFormat::Csv => {
            let columns = args.columns.as_deref().map_or(Ok(CsvColumns::long()), CsvColumns::parse_export);
            let columns = columns.map_err(|error| anyhow::anyhow!("--columns: {error}"))?;
            let mut writer = CsvWriter::new(output, columns)?;
            source.read(&window, &mut writer)?;
            let written = Written::new(writer.samples, writer.left_out_histograms, writer.left_out_stale);
            (writer.into_inner(), written)
        }
        ExportFormat::Openmetrics => open_metrics(&source, &window, output)?,
        ExportFormat::Parquet => {
            let mut writer = ParquetWriter::new(output)?;
            source.read(&window, &mut writer)?;
            let written = Written::new(writer.samples, writer.left_out_histograms, writer.left_out_stale);
            (writer.finish()?, written)
        }
    };
    output.finish().context("cannot write the output")?;
    written.say();
    Ok(())
}

fn open_metrics(source: &Source<'_>, window: &Window, output: Output) -> anyhow::Result<(Output, Written)> {
    let mut writer = OpenMetricsWriter::new(output);
    for (family, metadata) in source.metadata() {
        writer.metadata(&family, &metadata)?;
    }
    let mut families: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for name in source.names(window)? {
        families.entry(writer.family(&name).to_owned()).or_default().insert(name);
    }
    // Family by family: the format wants the lines of one to stand together.
    for name in families.into_values().flatten() {
        let mut of_name = window.clone();
        for matchers in &mut of_name.matchers {
            matchers.push(Matcher::equal("__name__", name.as_str()));
        }
        if of_name.matchers.is_empty() {
            of_name.matchers.push(vec![Matcher::equal("__name__", name.as_str())]);
        }
        source.read(&of_name, &mut writer)?;
    }
    let written = Written::new(writer.samples, writer.left_out_histograms, writer.left_out_stale);
    Ok((writer.finish()?, written))
}

/// What an export says at its end.
struct Written {
    samples: u64,
    histograms: u64,
    stale: u64,
}

impl Written {
    fn new(samples: u64, histograms: u64, stale: u64) -> Self {
        Self { samples, histograms, stale }
    }

    /// To standard error: standard output may be the export.
    #[expect(clippy::print_stderr, reason = "the result of the command")]
    fn say(&self) {
        eprintln!("exported {} samples", self.samples);
        if self.histograms + self.stale > 0 {
            let Self { histograms, stale, .. } = self;
            eprintln!(
                "left out, as the format cannot carry them: {histograms} native histograms, {stale} stale markers"
            );
        }
    }
}

/// Where samples are read.
enum Source<'h> {
    Store(Box<Reader>),
    Remote(Remote<'h>, String),
}

impl<'h> Source<'h> {
    fn open(args: &ExportArgs, http: &'h Http) -> anyhow::Result<Self> {
        if let Some(data) = &args.side.data {
            let store = super::open_store(data, args.side.config.as_deref())?;
            return Ok(Self::Store(Box::new(store.reader(&super::tenant(args.window.tenant.as_ref())?))));
        }
        let base = args.side.from.clone().unwrap_or_default();
        let mut headers = headers(&args.side.headers)?;
        if let Some(tenant) = &args.window.tenant {
            headers.push(("X-Scope-OrgID".to_owned(), tenant.clone()));
        }
        let url = with_path(&base, "/api/v1/read");
        let api = url.trim_end_matches("/read").to_owned();
        Ok(Self::Remote(Remote { http, url, headers }, api))
    }

    fn read(&self, window: &Window, receiver: &mut dyn Receiver) -> anyhow::Result<()> {
        match self {
            Self::Store(reader) => {
                let window = Window { matchers: matcher_sets(window)?, ..window.clone() };
                Ok(bongsu_exchange::export(&**reader, &window, usize::MAX, receiver)?)
            }
            Self::Remote(remote, _) => {
                let times = (window.start_ms.max(0), window.end_ms.min(SystemClock.now_ms() + 3_600_000));
                for (index, matchers) in matcher_sets(window)?.iter().enumerate() {
                    anyhow::ensure!(index == 0, "one --match only when a server is read");
                    remote.read(times, matchers, receiver)?;
                }
                Ok(())
            }
        }
    }

    /// Names of the wanted series.
    fn names(&self, window: &Window) -> anyhow::Result<Vec<String>> {
        match self {
            Self::Store(reader) => {
                let (sets, Window { start_ms, end_ms, .. }) = (matcher_sets(window)?, window);
                Ok(reader.label_values("__name__", &sets, *start_ms, *end_ms, usize::MAX)?.into_iter().collect())
            }
            Self::Remote(remote, api) => {
                let mut query = form_urlencoded::Serializer::new(String::new());
                for matchers in matcher_sets(window)? {
                    query.append_pair("match[]", &selector_text(&matchers));
                }
                query.append_pair("start", &format!("{}", window.start_ms.max(0) / 1000));
                let answer = remote.get_json(&format!("{api}/label/__name__/values?{}", query.finish()))?;
                let names = answer["data"].as_array().context("expected a list of names")?;
                Ok(names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect())
            }
        }
    }

    /// What is known of metrics; nothing when the server does not tell.
    fn metadata(&self) -> BTreeMap<String, MetricMetadata> {
        match self {
            Self::Store(reader) => {
                let known = reader.metadata().into_iter();
                known.filter_map(|(name, mut variants)| Some((name, variants.pop()?))).collect()
            }
            Self::Remote(remote, api) => match remote.get_json(&format!("{api}/metadata")) {
                Ok(answer) => metadata_of(&answer["data"]),
                Err(error) => {
                    tracing::warn!("no types and help texts: {error:#}");
                    BTreeMap::new()
                }
            },
        }
    }
}

fn metadata_of(data: &serde_json::Value) -> BTreeMap<String, MetricMetadata> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or("").to_owned();
    let one = |(name, variants): (&String, &serde_json::Value)| {
        let known = variants.get(0)?;
        let metric_type = known["type"].as_str().and_then(MetricType::parse).unwrap_or_default();
        Some((name.clone(), MetricMetadata { metric_type, help: text(&known["help"]), unit: text(&known["unit"]) }))
    };
    data.as_object().into_iter().flatten().filter_map(one).collect()
}

/// A server's remote read API.
pub(super) struct Remote<'h> {
    pub(super) http: &'h Http,
    pub(super) url: String,
    pub(super) headers: Headers,
}

impl Remote<'_> {
    /// Hands on the series of a stretch of time, both ends inclusive.
    pub(super) fn read(
        &self,
        (start_ms, end_ms): (i64, i64),
        matchers: &[Matcher],
        receiver: &mut dyn Receiver,
    ) -> anyhow::Result<()> {
        let query = Query { start_ms, end_ms, matchers: matchers.to_vec() };
        let request = encode_request(&query, &[ResponseType::StreamedXorChunks, ResponseType::Samples]);
        let mut body = Vec::new();
        compress(&request, &mut body)?;
        let mut headers = self.headers.clone();
        for (name, value) in [
            ("Content-Type", "application/x-protobuf"),
            ("Content-Encoding", "snappy"),
            ("X-Prometheus-Remote-Read-Version", "0.1.0"),
        ] {
            headers.push((name.to_owned(), value.to_owned()));
        }
        let mut answer = self.http.stream(&self.url, &headers, Some(body))?;
        // Chunks reach beyond the stretch at both ends.
        let window = Window { start_ms, end_ms, matchers: Vec::new() };
        let mut narrowed = bongsu_exchange::Narrowed::new(window, receiver);
        if answer.kind.starts_with("application/x-streamed-protobuf") {
            read_stream(&mut answer, &mut narrowed)?;
            return Ok(());
        }
        let mut body = Vec::new();
        answer.take(SAMPLES_BYTES_MAX as u64).read_to_end(&mut body).context("cannot read the server's answer")?;
        read_samples(&body, SAMPLES_BYTES_MAX, &mut narrowed)?;
        Ok(())
    }

    fn get_json(&self, url: &str) -> anyhow::Result<serde_json::Value> {
        let answer = self.http.get(url, &self.headers, LIST_BYTES_MAX)?;
        anyhow::ensure!(answer.status == 200, "{url} answered {}", answer.status);
        serde_json::from_slice(&answer.body).with_context(|| format!("{url} did not answer in JSON"))
    }
}

/// A stretch of time cut into steps that begin at multiples of the step; both ends of each inclusive.
pub(super) fn stretches(start_ms: i64, end_ms: i64, step_ms: i64) -> impl Iterator<Item = (i64, i64)> {
    let step_ms = step_ms.max(1_000);
    let mut next = Some(start_ms);
    std::iter::from_fn(move || {
        let start = next.filter(|start| *start <= end_ms)?;
        let end = start.div_euclid(step_ms).saturating_add(1).saturating_mul(step_ms).saturating_sub(1).min(end_ms);
        next = end.checked_add(1);
        Some((start, end))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_is_cut_at_multiples_of_the_step() {
        let cut = |start, end| stretches(start, end, 10_000).collect::<Vec<_>>();
        assert_eq!(cut(-5, 12_000), [(-5, -1), (0, 9_999), (10_000, 12_000)]);
        assert_eq!(cut(7, 7), [(7, 7)]);
        assert_eq!(cut(8, 7), []);
    }
}
