//! `bongsu server`.

use std::path::Path;

use anyhow::Context;
use bongsu_agent::Agent;
use bongsu_server::{Config, Server};
use bongsu_telemetry::Registry;

use crate::cli::ServerArgs;

pub(super) async fn run(args: ServerArgs) -> anyhow::Result<()> {
    let with_agent = args.with_agent;
    let config = configuration(args)?;
    let data = config.data.clone();
    let mut registry = Registry::default();
    let agent_stats = bongsu_agent::Readings::default();
    if with_agent {
        agent_stats.register(&mut registry);
    }
    let server = Server::start(config, registry).await?;
    let url = format!("http://{}", server.address());
    let agent = if with_agent { Some(start_agent(&data, &url, agent_stats).await?) } else { None };
    welcome(&url, &data, with_agent);
    super::stop_signal().await?;
    if let Some(agent) = agent {
        agent.stop().await;
    }
    server.stop().await
}

/// The file if there is one, and flags over it.
fn configuration(args: ServerArgs) -> anyhow::Result<Config> {
    let mut config = match &args.config {
        Some(file) => bongsu_config::load(file)?,
        None => Config::default(),
    };
    if let Some(data) = args.data {
        config.data = data;
    }
    if let Some(listen) = args.listen {
        config.listen = listen;
    }
    if let Some(retention) = args.retention {
        config.retention = retention;
    }
    config.admin_api |= args.enable_admin_api;
    if let Some(origin) = args.cors_origin {
        config.cors_origin = origin;
    }
    config.retention_size = args.retention_size.or(config.retention_size);
    Ok(config)
}

/// The agent beside the centre pushes over loopback like any other: one way through.
async fn start_agent(data: &Path, url: &str, stats: bongsu_agent::Readings) -> anyhow::Result<Agent> {
    let url = url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:");
    let mut config = bongsu_agent::Config::for_this_host(&format!("{url}/api/v1/push"))?;
    config.scrape_self(url.trim_start_matches("http://"))?;
    Agent::start(config, &data.join("agent"), stats).await.context("cannot start the agent in this process")
}

#[expect(clippy::print_stdout, reason = "the first words to a person who has started it")]
fn welcome(url: &str, data: &Path, with_agent: bool) {
    println!("\n  Bongsu is running.\n");
    println!("    web UI        {url}/");
    println!("    remote write  {url}/api/v1/push");
    println!("    PromQL API    {url}/api/v1/query (a Grafana data source of type Prometheus: {url})");
    println!("    data          {}\n", data.display());
    if with_agent {
        println!("  This host's metrics show on the Hosts page within half a minute.");
    }
    println!("  Another host:   bongsu agent --remote-write-url {url}/api/v1/push");
    println!("  Ctrl-C stops; the next start finds the data.\n");
}
