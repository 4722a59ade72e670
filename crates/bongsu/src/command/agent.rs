//! `bongsu agent`.

use bongsu_agent::{Agent, Config, Readings};

use crate::cli::AgentArgs;

pub(super) async fn run(args: AgentArgs) -> anyhow::Result<()> {
    let config = match (&args.config, &args.remote_write_url) {
        (Some(file), None) => Config::load(file)?,
        (Some(file), Some(url)) => Config::load(file)?.with_remote_write(url)?,
        (None, Some(url)) => Config::for_this_host(url)?,
        (None, None) => anyhow::bail!("neither --config nor --remote-write-url is given"),
    };
    let agent = Agent::start(config, &args.data, Readings::default()).await?;
    tracing::info!(data = %args.data.display(), "agent started");
    super::stop_signal().await?;
    agent.stop().await;
    Ok(())
}
