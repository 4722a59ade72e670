//! Pairs of senders: which replica of a cluster is listened to.
//!
//! Two Prometheus servers scrape the same targets and send the same series with another replica label. Of each cluster one
//! replica is elected, the first that sends; when it has been silent for a while, the next one that sends takes its place. The
//! label of the replica is dropped, so that the series go on. Behaviour as of Mimir's HA tracker. Elections are in memory: after a
//! start the first replica that sends is elected anew.

use std::collections::HashMap;

use bongsu_wire::remote_write::labels_of_span;

use crate::batch::Batch;
use crate::error::{Refusal, RejectReason, Rejections};
use crate::options::Pairs;
use crate::span;

/// The elections of one tenant.
#[derive(Debug, Default)]
pub(crate) struct Elections {
    by_cluster: HashMap<String, Elected>,
    /// Elections that took the place of another replica.
    pub(crate) changes: u64,
}

/// The replica of a cluster that is listened to.
#[derive(Debug)]
struct Elected {
    replica: String,
    /// When it sent last.
    seen_ms: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Taken,
    /// Another replica is elected.
    Duplicate,
    /// There are too many clusters to elect for one more.
    Crowded,
}

impl Elections {
    /// How many clusters there are.
    pub(crate) fn len(&self) -> usize {
        self.by_cluster.len()
    }

    fn judge(&mut self, cluster: &str, replica: &str, pairs: &Pairs, now_ms: i64) -> Verdict {
        if let Some(elected) = self.by_cluster.get_mut(cluster) {
            if elected.replica == replica {
                elected.seen_ms = now_ms;
                return Verdict::Taken;
            }
            // Either way: a clock that was set back must not keep a dead replica elected.
            if now_ms.abs_diff(elected.seen_ms) <= pairs.failover_ms.unsigned_abs() {
                return Verdict::Duplicate;
            }
            *elected = Elected { replica: replica.to_owned(), seen_ms: now_ms };
            self.changes += 1;
            return Verdict::Taken;
        }
        if self.by_cluster.len() >= pairs.clusters_max {
            // Clusters that are gone make room, a day after their last word.
            self.by_cluster.retain(|_, elected| now_ms.abs_diff(elected.seen_ms) < 24 * 3_600_000);
        }
        if self.by_cluster.len() >= pairs.clusters_max {
            return Verdict::Crowded;
        }
        self.by_cluster.insert(cluster.to_owned(), Elected { replica: replica.to_owned(), seen_ms: now_ms });
        Verdict::Taken
    }

    /// Leaves the series of replicas that are not elected out of a batch, and drops the replica label of the others. Series
    /// without both labels stay as they are. Returns how many samples are left out as duplicates.
    pub(crate) fn apply(&mut self, batch: &mut Batch, pairs: &Pairs, now_ms: i64, rejections: &mut Rejections) -> u64 {
        // Nearly always all series of a request come from one replica.
        let mut last: Option<(String, String, Verdict)> = None;
        let mut duplicates = 0;
        for place in 0..batch.series.len() {
            let series = batch.series[place];
            let span = batch.span(&series);
            let Some((cluster, replica)) = labels(span, pairs) else { continue };
            let verdict = match &last {
                Some((c, r, verdict)) if c == cluster && r == replica => *verdict,
                _ => self.judge(cluster, replica, pairs, now_ms),
            };
            if last.as_ref().is_none_or(|(c, r, _)| c != cluster || r != replica) {
                last = Some((cluster.to_owned(), replica.to_owned(), verdict));
            }
            match verdict {
                Verdict::Taken => batch.drop_label(place, &pairs.replica_label),
                Verdict::Duplicate => duplicates += batch.leave_out(place),
                Verdict::Crowded => {
                    let message = format!("more than {} clusters of replicas", pairs.clusters_max);
                    let refusal = Refusal::new(RejectReason::TooManyClusters, message);
                    let text = span::text(span);
                    let samples = batch.leave_out(place);
                    rejections.add(refusal, samples, || text);
                }
            }
        }
        duplicates
    }
}

/// The values of the two labels, if the series has both.
fn labels<'s>(span: &'s [u8], pairs: &Pairs) -> Option<(&'s str, &'s str)> {
    let (mut cluster, mut replica) = ("", "");
    for pair in labels_of_span(span) {
        // Labels that make no sense are refused later, as a whole.
        let (name, value) = pair.ok()?;
        if name == pairs.cluster_label {
            cluster = value;
        } else if name == pairs.replica_label {
            replica = value;
        }
    }
    (!cluster.is_empty() && !replica.is_empty()).then_some((cluster, replica))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_one_is_elected_until_it_is_silent() {
        let pairs = Pairs { failover_ms: 30_000, ..Pairs::default() };
        let mut elections = Elections::default();
        let mut judge = |replica: &str, now_ms| elections.judge("a", replica, &pairs, now_ms);
        assert_eq!(judge("one", 0), Verdict::Taken);
        assert_eq!(judge("two", 10_000), Verdict::Duplicate);
        assert_eq!(judge("one", 15_000), Verdict::Taken);
        assert_eq!(judge("two", 45_000), Verdict::Duplicate, "silent for just as long as it may be");
        assert_eq!(judge("two", 45_001), Verdict::Taken);
        assert_eq!(judge("one", 45_002), Verdict::Duplicate);
        assert_eq!(judge("one", -1_000_000), Verdict::Taken, "the clock was set back: nobody has been heard since");
        assert_eq!(elections.changes, 2);
    }

    #[test]
    fn clusters_are_bounded_and_those_that_are_gone_make_room() {
        let pairs = Pairs { clusters_max: 2, ..Pairs::default() };
        let mut elections = Elections::default();
        let mut judge = |cluster: &str, now_ms| elections.judge(cluster, "one", &pairs, now_ms);
        assert_eq!([judge("a", 0), judge("b", 0), judge("c", 0)], [Verdict::Taken, Verdict::Taken, Verdict::Crowded]);
        judge("b", 80_000_000);
        assert_eq!(judge("c", 86_400_000), Verdict::Taken);
        assert_eq!(elections.len(), 2);
    }
}
