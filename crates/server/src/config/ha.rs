//! The `ha` section: pairs of senders of which one is listened to.

use bongsu_config::Duration;
use serde::Deserialize;

/// The `ha` section, of all tenants or of one.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ha {
    /// Whether one of a pair is listened to. Without, all samples are taken, with all their labels. Default true, where the
    /// section stands.
    pub enabled: bool,
    /// The label that a pair has in common. Default `cluster`, as in Mimir.
    pub cluster_label: String,
    /// The label that tells the two apart; it is dropped. Default `__replica__`, as in Mimir.
    pub replica_label: String,
    /// After how long a silence the other one is listened to. Default 30s.
    pub failover: Duration,
    /// Clusters of one tenant; the samples of more are refused. Default 100.
    pub clusters: usize,
}

impl Default for Ha {
    fn default() -> Self {
        let pairs = bongsu_tsdb::Pairs::default();
        Self {
            enabled: true,
            cluster_label: pairs.cluster_label,
            replica_label: pairs.replica_label,
            failover: Duration::from_ms(pairs.failover_ms),
            clusters: pairs.clusters_max,
        }
    }
}

impl Ha {
    /// What the store is told; nothing when it is off.
    pub(crate) fn pairs(&self) -> Option<bongsu_tsdb::Pairs> {
        self.enabled.then(|| bongsu_tsdb::Pairs {
            cluster_label: self.cluster_label.clone(),
            replica_label: self.replica_label.clone(),
            failover_ms: self.failover.as_ms(),
            clusters_max: self.clusters,
        })
    }

    /// As YAML in one line.
    pub(crate) fn yaml(&self) -> String {
        let quoted = crate::describe::quoted;
        let Self { enabled, cluster_label, replica_label, failover, clusters } = self;
        let (cluster_label, replica_label) = (quoted(cluster_label), quoted(replica_label));
        format!(
            "{{enabled: {enabled}, cluster_label: {cluster_label}, replica_label: {replica_label}, \
             failover: {failover}, clusters: {clusters}}}"
        )
    }
}
