//! `bongsu import` and `bongsu export`: where bytes come from and go to, around the formats of `bongsu-exchange`.

mod export;
mod http;
mod import;
mod input;
mod report;
mod target;
mod watch;
mod window;

use anyhow::Context;
use bongsu_model::TenantId;
use bongsu_server::Config;
use bongsu_tsdb::Store;

pub(super) use export::export;
pub(super) use import::import;

/// The store of a data directory that no centre uses now.
fn open_store(data: &std::path::Path, config: Option<&std::path::Path>) -> anyhow::Result<Store> {
    let mut settings: Config = match config {
        Some(file) => bongsu_config::load(file)?,
        None => Config::default(),
    };
    data.clone_into(&mut settings.data);
    let (store, report) = bongsu_server::open_store(&settings)
        .with_context(|| format!("cannot open {}; a centre that uses it has to be stopped first", data.display()))?;
    for damaged in &report.damaged {
        tracing::warn!("{damaged}");
    }
    Ok(store)
}

fn tenant(name: Option<&String>) -> anyhow::Result<TenantId> {
    Ok(name.map_or(Ok(TenantId::anonymous()), |name| TenantId::parse(name))?)
}
