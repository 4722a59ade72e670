//! Start and stop.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use bongsu_api::{Api, ApiLimits, ApiOptions, BuildInfo, ServerInfo};
use bongsu_disk::Disk;
use bongsu_model::{Clock, MatchOp, Matcher, SystemClock, TenantId};
use bongsu_promql::{Engine, EngineOptions};
use bongsu_telemetry::Registry;
use bongsu_tsdb::{OpenReport, Store};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::bucket_readings;
use crate::config::{Config, Downsample, Ha, Limits, RetentionRule, TenantConfig};
use crate::describe;
use crate::disk;
use crate::maintenance::Maintenance;
use crate::readings;

/// A running centre.
pub struct Server {
    address: SocketAddr,
    api: Arc<Api>,
    store: Store,
    maintenance: Maintenance,
    stop: oneshot::Sender<()>,
    http: JoinHandle<std::io::Result<()>>,
}

impl Server {
    /// Opens the store, binds the address and serves. The address is bound before the log is replayed, so that a port that
    /// is taken is told at once.
    ///
    /// # Errors
    /// When the address is taken, the data directory cannot be used or another process has it.
    pub async fn start(config: Config, mut registry: Registry) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(config.listen)
            .await
            .with_context(|| format!("cannot listen on {}; choose another address with --listen", config.listen))?;
        let address = listener.local_addr()?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let cors_origin = Matcher::new("Origin", MatchOp::Regex, &config.cors_origin).context("setting cors_origin")?;
        let options = store_options(&config, Arc::clone(&clock), disk::from_environment()?)?;
        let (store, report) = tokio::task::spawn_blocking(move || Store::open(options)).await??;
        readings::tell(&report);
        bongsu_telemetry::process_metrics(&mut registry);
        registry.add(bongsu_api::METRICS);
        readings::register(&mut registry, &store);
        bucket_readings::register(&mut registry, &store);
        let api = Arc::new(Api::new(ApiOptions {
            store: store.clone(),
            engine: Engine::new(engine_options(&config))?,
            registry,
            info: server_info(&config, clock.now_ms()),
            clock,
            limits: api_limits(&config),
            metricsql: config.promql.metricsql,
            build: BuildInfo { version: env!("CARGO_PKG_VERSION"), revision: "" },
            admin_enabled: config.admin_api,
            cors_origin,
        }));
        let maintenance = Maintenance::start(store.clone())?;
        let (stop, stopped) = oneshot::channel();
        let router = bongsu_api::router(Arc::clone(&api));
        let shutdown = async {
            // A dropped sender also means stop.
            let _ = stopped.await;
        };
        let http = tokio::spawn(bongsu_net::serve(listener, router, bongsu_net::ServerOptions::default(), shutdown));
        api.set_ready(true);
        Ok(Self { address, api, store, maintenance, stop, http })
    }

    /// Where it listens: the port is the real one when 0 was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops: requests under way finish, what is in memory goes to blocks, files are closed.
    ///
    /// # Errors
    /// When the last flush fails; nothing is lost then, the log still has it.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.api.set_ready(false);
        // Fails only when the server is gone already.
        let _ = self.stop.send(());
        self.http.await??;
        let (maintenance, store) = (self.maintenance, self.store);
        tokio::task::spawn_blocking(move || {
            maintenance.stop();
            store.flush()
        })
        .await?
        .context("cannot flush at shutdown; the log keeps the samples")?;
        Ok(())
    }
}

/// Opens the store of these settings without a centre around it: for commands on a data directory that no centre uses.
///
/// # Errors
/// As [`Store::open`].
pub fn open_store(config: &Config) -> anyhow::Result<(Store, OpenReport)> {
    Ok(Store::open(store_options(config, Arc::new(SystemClock), disk::from_environment()?)?)?)
}

fn store_options(config: &Config, clock: Arc<dyn Clock>, disk: Arc<dyn Disk>) -> anyhow::Result<bongsu_tsdb::Options> {
    let of_tenant = |(id, tenant): (&TenantId, &TenantConfig)| {
        let limits = bongsu_tsdb::Limits {
            pairs: tenant.ha.as_ref().or(config.ha.as_ref()).and_then(Ha::pairs),
            interval_ms: tenant.dedup_interval.unwrap_or(config.dedup_interval).as_ms(),
            ..store_limits(&tenant.limits.over(&config.limits))
        };
        (id.clone(), limits)
    };
    Ok(bongsu_tsdb::Options {
        bucket: config.store.options()?,
        retention_ms: config.retention.as_ms(),
        retention_bytes: config.retention_size.map(bongsu_config::ByteSize::as_bytes),
        retention_rules: retention_rules(&config.retention_rules),
        downsampling: downsampling(config),
        tenant_retention: config.tenants.iter().map(|(id, tenant)| (id.clone(), tenant_retention(tenant))).collect(),
        limits: bongsu_tsdb::Limits {
            pairs: config.ha.as_ref().and_then(Ha::pairs),
            interval_ms: config.dedup_interval.as_ms(),
            ..store_limits(&config.limits)
        },
        tenant_limits: config.tenants.iter().map(of_tenant).collect(),
        merge_pace: config.merges.pace(),
        clock,
        disk,
        ..bongsu_tsdb::Options::new(&config.data)
    })
}

fn downsampling(config: &Config) -> bongsu_tsdb::Downsampling {
    let level = |one: &Downsample| bongsu_tsdb::DownsamplingLevel {
        after_ms: one.after.as_ms(),
        // A day has not more.
        resolution_secs: u32::try_from(one.resolution.as_ms() / 1000).unwrap_or(u32::MAX),
    };
    bongsu_tsdb::Downsampling {
        levels: config.downsample.iter().map(level).collect(),
        keep_samples_ms: config.keep_raw.map(bongsu_config::Duration::as_ms),
    }
}

fn retention_rules(rules: &[RetentionRule]) -> Vec<bongsu_tsdb::RetentionRule> {
    let rule = |rule: &RetentionRule| bongsu_tsdb::RetentionRule {
        matchers: rule.series.matchers.clone(),
        keep_ms: rule.keep.as_ms(),
    };
    rules.iter().map(rule).collect()
}

fn tenant_retention(tenant: &TenantConfig) -> bongsu_tsdb::TenantRetention {
    bongsu_tsdb::TenantRetention {
        retention_ms: tenant.retention.map(bongsu_config::Duration::as_ms),
        retention_bytes: tenant.retention_size.map(bongsu_config::ByteSize::as_bytes),
        retention_rules: retention_rules(&tenant.retention_rules),
    }
}

fn store_limits(limits: &Limits) -> bongsu_tsdb::Limits {
    let size = |size: bongsu_config::ByteSize| usize::try_from(size.as_bytes()).unwrap_or(usize::MAX);
    bongsu_tsdb::Limits {
        series_per_tenant_max: limits.series_per_tenant,
        label_names_per_series_max: limits.labels_per_series,
        label_name_bytes_max: size(limits.label_name_size),
        label_value_bytes_max: size(limits.label_value_size),
        exemplars_per_tenant_max: limits.exemplars,
        future_ms_max: Some(limits.samples_ahead.as_ms()),
        past_ms_max: limits.samples_behind.map(bongsu_config::Duration::as_ms),
        samples_per_second_max: limits.samples_per_second,
        samples_burst_max: limits.samples_burst,
        ..bongsu_tsdb::Limits::default()
    }
}

fn engine_options(config: &Config) -> EngineOptions {
    let promql = &config.promql;
    EngineOptions {
        lookback_ms: promql.lookback.as_ms(),
        subquery_default_step_ms: promql.subquery_step.as_ms(),
        delayed_name_removal: promql.delayed_name_removal,
        start_timestamps: promql.start_timestamps,
        samples_max: config.limits.query_samples,
        series_max: config.limits.query_series,
        ..EngineOptions::default()
    }
}

fn server_info(config: &Config, started_ms: i64) -> ServerInfo {
    ServerInfo {
        started_ms,
        hostname: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        retention: describe::retention(config),
        config_yaml: describe::yaml(config),
        flags: describe::flags(config),
    }
}

fn api_limits(config: &Config) -> ApiLimits {
    ApiLimits {
        push_body_bytes_max: usize::try_from(config.limits.push_body_size.as_bytes()).unwrap_or(usize::MAX),
        queries_concurrent_max: config.limits.queries_concurrent,
        queries_concurrent_per_tenant_max: config.limits.queries_concurrent_per_tenant,
        queries_waiting_max: config.limits.queries_waiting,
        queries_waiting_per_tenant_max: config.limits.queries_waiting_per_tenant,
        query_timeout: config.limits.query_timeout.as_std(),
        query_series_max: config.limits.query_series,
        query_response_bytes_max: usize::try_from(config.limits.query_response_size.as_bytes()).unwrap_or(usize::MAX),
        query_cache_bytes_max: usize::try_from(config.limits.query_cache_size.as_bytes()).unwrap_or(usize::MAX),
        query_cache_recent: config.limits.query_cache_recent.as_std(),
        slow_query_after: config.limits.slow_query.as_std(),
        ..ApiLimits::default()
    }
}
