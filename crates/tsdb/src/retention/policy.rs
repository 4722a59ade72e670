//! How long what is kept: of a tenant, and of the series that a rule names.

use std::collections::HashMap;
use std::sync::Arc;

use bongsu_model::{Labels, Matcher, TenantId};

use crate::options::{Options, RetentionRule};

/// The bounds of one tenant.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    /// How long series are kept that no rule is about, milliseconds.
    keep_ms: i64,
    /// The first that a series fulfils counts.
    rules: Vec<RetentionRule>,
    /// Different lengths, ascending; never empty.
    keeps_ms: Vec<i64>,
    /// Bytes of the tenant's blocks.
    pub(crate) bytes_max: Option<u64>,
}

impl Policy {
    fn new(keep_ms: i64, rules: Vec<RetentionRule>, bytes_max: Option<u64>) -> Self {
        let mut keeps_ms: Vec<i64> = rules.iter().map(|rule| rule.keep_ms).chain([keep_ms]).collect();
        keeps_ms.sort_unstable();
        keeps_ms.dedup();
        Self { keep_ms, rules, keeps_ms, bytes_max }
    }

    /// How long a series is kept, milliseconds.
    pub(crate) fn keep_ms(&self, labels: &Labels) -> i64 {
        self.rules.iter().find(|rule| fulfils(labels, &rule.matchers)).map_or(self.keep_ms, |rule| rule.keep_ms)
    }

    /// The shortest time that any series is kept.
    pub(crate) fn shortest_ms(&self) -> i64 {
        self.keeps_ms[0]
    }

    /// The longest time that any series is kept.
    pub(crate) fn longest_ms(&self) -> i64 {
        self.keeps_ms[self.keeps_ms.len() - 1]
    }

    /// Every time that some series are kept, ascending.
    pub(crate) fn keeps_ms(&self) -> &[i64] {
        &self.keeps_ms
    }

    /// The rules, and after them the time for all other series.
    pub(crate) fn rules(&self) -> (&[RetentionRule], i64) {
        (&self.rules, self.keep_ms)
    }
}

fn fulfils(labels: &Labels, matchers: &[Matcher]) -> bool {
    matchers.iter().all(|matcher| matcher.matches(labels.get(matcher.name()).unwrap_or("")))
}

/// The bounds of all tenants.
#[derive(Debug)]
pub(crate) struct Policies {
    others: Arc<Policy>,
    by_tenant: HashMap<TenantId, Arc<Policy>>,
}

impl Policies {
    pub(crate) fn of(options: &Options) -> Self {
        let global = &options.retention_rules;
        let others = Arc::new(Policy::new(options.retention_ms, global.clone(), None));
        let by_tenant = options.tenant_retention.iter().map(|(tenant, own)| {
            let rules = own.retention_rules.iter().chain(global).cloned().collect();
            let keep_ms = own.retention_ms.unwrap_or(options.retention_ms);
            (tenant.clone(), Arc::new(Policy::new(keep_ms, rules, own.retention_bytes)))
        });
        Self { others, by_tenant: by_tenant.collect() }
    }

    pub(crate) fn get(&self, tenant: &TenantId) -> &Arc<Policy> {
        self.by_tenant.get(tenant).unwrap_or(&self.others)
    }
}

/// What is over at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Expiry {
    policy: Arc<Policy>,
    now_ms: i64,
    /// The time of the newest sample: nothing is over that is not older than it by its time.
    newest_ms: i64,
}

impl Expiry {
    /// What readers do not see any more.
    pub(crate) fn for_readers(policy: &Arc<Policy>, now_ms: i64) -> Self {
        Self { policy: Arc::clone(policy), now_ms, newest_ms: i64::MAX }
    }

    /// What may go from the disk: nothing goes for its age when no sample of the store is newer.
    pub(crate) fn for_disk(policy: &Arc<Policy>, now_ms: i64, newest_ms: Option<i64>) -> Self {
        Self { policy: Arc::clone(policy), now_ms, newest_ms: newest_ms.unwrap_or(i64::MIN) }
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The first time that is kept of what is kept so long.
    pub(crate) fn start_ms(&self, keep_ms: i64) -> i64 {
        let start_ms = self.now_ms.saturating_sub(keep_ms);
        if self.newest_ms >= start_ms { start_ms } else { i64::MIN }
    }

    /// The first time that is kept of any series.
    pub(crate) fn first_ms(&self) -> i64 {
        self.start_ms(self.policy.longest_ms())
    }

    /// The first time from which on all series are kept.
    pub(crate) fn whole_from_ms(&self) -> i64 {
        self.start_ms(self.policy.shortest_ms())
    }

    /// The first time that is kept of a series.
    pub(crate) fn start_of(&self, labels: &Labels) -> i64 {
        self.start_ms(self.policy.keep_ms(labels))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::TenantRetention;

    #[test]
    fn the_tenants_own_rules_come_first_and_the_first_one_counts() {
        let rule = |job: &str, keep_ms| RetentionRule { matchers: vec![Matcher::equal("job", job)], keep_ms };
        let mut options = Options::new("unused");
        options.retention_ms = 100;
        options.retention_rules = vec![rule("debug", 10), rule("gold", 500)];
        let own =
            TenantRetention { retention_ms: Some(200), retention_rules: vec![rule("debug", 20)], ..Default::default() };
        options.tenant_retention.insert(TenantId::anonymous(), own);
        let policies = Policies::of(&options);
        let keeps = |tenant: &str| {
            let policy = policies.get(&TenantId::parse(tenant).unwrap());
            let of = |job| policy.keep_ms(&Labels::from_pairs([("job", job)]));
            ([of("debug"), of("gold"), of("node")], policy.shortest_ms(), policy.longest_ms())
        };
        assert_eq!(keeps("other"), ([10, 500, 100], 10, 500));
        assert_eq!(keeps("anonymous"), ([20, 500, 200], 10, 500), "bounds may be wider than what they hold");
    }

    #[test]
    fn nothing_goes_from_the_disk_for_its_age_while_the_newest_sample_is_past_its_time() {
        let policy = Arc::new(Policy::new(100, vec![RetentionRule { matchers: Vec::new(), keep_ms: 10 }], None));
        let expiry = |newest_ms| Expiry::for_disk(&policy, 1_000, newest_ms);
        assert_eq!((expiry(Some(995)).first_ms(), expiry(Some(995)).whole_from_ms()), (900, 990));
        assert_eq!((expiry(Some(950)).first_ms(), expiry(Some(950)).whole_from_ms()), (900, i64::MIN));
        assert_eq!((expiry(None).first_ms(), Expiry::for_readers(&policy, 1_000).first_ms()), (i64::MIN, 900));
    }
}
