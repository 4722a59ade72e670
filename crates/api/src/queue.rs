//! Whose query is next: a bounded number of slots, handed round between the tenants that wait.
//!
//! ```text
//! enter ─► a slot is free and the tenant has room ─► Slot
//!      └─► the tenant's own line ─► tenants take turns ─► Slot
//!      └─► a line is full ─► refused
//! ```
//!
//! Within a tenant, first come is first served. A tenant that asks for much makes its own line longer and no other one.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bongsu_model::TenantId;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::metrics;

/// Bounds of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QueueLimits {
    /// Queries at work, of all tenants.
    pub(crate) running_max: usize,
    /// Queries at work, of one tenant.
    pub(crate) tenant_running_max: usize,
    /// Queries that wait, of all tenants.
    pub(crate) waiting_max: usize,
    /// Queries that wait, of one tenant.
    pub(crate) tenant_waiting_max: usize,
}

/// Why a query may not even wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// As many of all tenants wait as may.
    Everyone,
    /// As many of this tenant wait as may.
    Tenant,
}

impl Full {
    /// For metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Everyone => "all",
            Self::Tenant => "tenant",
        }
    }
}

/// The queue of all queries. Clones are the same queue.
#[derive(Clone)]
pub(crate) struct Queue(Arc<Mutex<Lines<oneshot::Sender<Slot>>>>);

/// The right to evaluate; given back when dropped.
pub(crate) struct Slot {
    queue: Queue,
    tenant: TenantId,
}

/// A place in the queue; given up when dropped.
pub(crate) struct Place {
    queue: Queue,
    tenant: TenantId,
    number: u64,
    slot: oneshot::Receiver<Slot>,
}

impl Queue {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        Self(Arc::new(Mutex::new(Lines::new(limits))))
    }

    /// Puts a query in the queue.
    pub(crate) fn enter(&self, tenant: &TenantId) -> Result<Place, Full> {
        let (give, slot) = oneshot::channel();
        let number = self.0.lock().join(tenant, give)?;
        metrics::QUERIES_WAITING.add(1);
        let place = Place { queue: self.clone(), tenant: tenant.clone(), number, slot };
        self.hand_out();
        Ok(place)
    }

    /// Gives free slots to those whose turn it is. A slot that nobody takes any more comes back when it is dropped, which
    /// must not be while the lines are locked.
    fn hand_out(&self) {
        loop {
            let next = self.0.lock().next();
            let Some((tenant, give)) = next else { return };
            metrics::QUERIES_RUNNING.add(1);
            // A failed send drops the slot, and that calls this function again: as deep as queries give up at one time,
            // which is next to never more than one, because whoever gives up leaves the line first.
            drop(give.send(Slot { queue: self.clone(), tenant }));
        }
    }
}

impl Place {
    /// Waits for the slot.
    pub(crate) async fn wait(mut self) -> Option<Slot> {
        // The sender is kept in the line until it is used: it cannot be gone before.
        (&mut self.slot).await.ok()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        metrics::QUERIES_WAITING.add(-1);
        drop(self.queue.0.lock().leave(&self.tenant, self.number));
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        metrics::QUERIES_RUNNING.add(-1);
        self.queue.0.lock().release(&self.tenant);
        self.queue.hand_out();
    }
}

/// Who works and who waits. `W` is how a waiting query is told.
struct Lines<W> {
    limits: QueueLimits,
    running: usize,
    waiting: usize,
    last_number: u64,
    /// Tenants with queries at work or waiting.
    tenants: HashMap<TenantId, Line<W>>,
    /// Tenants with waiting queries; the one in front is asked first.
    turns: VecDeque<TenantId>,
}

struct Line<W> {
    running: usize,
    waiting: VecDeque<(u64, W)>,
}

impl<W> Default for Line<W> {
    fn default() -> Self {
        Self { running: 0, waiting: VecDeque::new() }
    }
}

impl<W> Lines<W> {
    fn new(limits: QueueLimits) -> Self {
        Self { limits, running: 0, waiting: 0, last_number: 0, tenants: HashMap::new(), turns: VecDeque::new() }
    }

    /// Puts a query at the end of its tenant's line. One that finds a free slot is not counted as waiting, for it does not
    /// stay there.
    fn join(&mut self, tenant: &TenantId, told: W) -> Result<u64, Full> {
        let limits = self.limits;
        let (own_running, own_waiting) =
            self.tenants.get(tenant).map_or((0, 0), |line| (line.running, line.waiting.len()));
        let at_once = own_waiting == 0 && own_running < limits.tenant_running_max && self.running < limits.running_max;
        if !at_once && own_waiting >= limits.tenant_waiting_max {
            return Err(Full::Tenant);
        }
        if !at_once && self.waiting >= limits.waiting_max {
            return Err(Full::Everyone);
        }
        if own_waiting == 0 {
            self.turns.push_back(tenant.clone());
        }
        self.last_number += 1;
        self.waiting += 1;
        self.tenants.entry(tenant.clone()).or_default().waiting.push_back((self.last_number, told));
        Ok(self.last_number)
    }

    /// Takes a query that gives up out of its line, if it is still there.
    fn leave(&mut self, tenant: &TenantId, number: u64) -> Option<W> {
        let line = self.tenants.get_mut(tenant)?;
        let at = line.waiting.iter().position(|(other, _)| *other == number)?;
        let told = line.waiting.remove(at).map(|(_, told)| told);
        self.waiting -= 1;
        if line.waiting.is_empty() {
            self.turns.retain(|other| other != tenant);
        }
        self.forget_idle(tenant);
        told
    }

    /// The query that gets a slot now, if there are both. The tenants take turns; one at its own bound is passed over.
    fn next(&mut self) -> Option<(TenantId, W)> {
        if self.running >= self.limits.running_max {
            return None;
        }
        let tenants = &self.tenants;
        let has_room =
            |tenant: &TenantId| tenants.get(tenant).is_some_and(|line| line.running < self.limits.tenant_running_max);
        let at = self.turns.iter().position(has_room)?;
        let tenant = self.turns.remove(at)?;
        let line = self.tenants.get_mut(&tenant)?;
        let (_, told) = line.waiting.pop_front()?;
        line.running += 1;
        self.running += 1;
        self.waiting -= 1;
        if !line.waiting.is_empty() {
            self.turns.push_back(tenant.clone());
        }
        Some((tenant, told))
    }

    fn release(&mut self, tenant: &TenantId) {
        self.running -= 1;
        if let Some(line) = self.tenants.get_mut(tenant) {
            line.running -= 1;
        }
        self.forget_idle(tenant);
    }

    /// The names of tenants come from clients: only those with work are remembered.
    fn forget_idle(&mut self, tenant: &TenantId) {
        if self.tenants.get(tenant).is_some_and(|line| line.running == 0 && line.waiting.is_empty()) {
            self.tenants.remove(tenant);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: QueueLimits =
        QueueLimits { running_max: 2, tenant_running_max: 2, waiting_max: 100, tenant_waiting_max: 50 };

    fn tenant(name: &str) -> TenantId {
        TenantId::parse(name).unwrap()
    }

    /// Lets every query work in turn, always as many as may, and tells the order of the tenants in which they began.
    fn drain(lines: &mut Lines<&'static str>) -> Vec<&'static str> {
        let (mut order, mut at_work) = (Vec::new(), VecDeque::new());
        loop {
            while let Some((tenant, told)) = lines.next() {
                order.push(told);
                at_work.push_back(tenant);
                assert!(at_work.len() <= lines.limits.running_max);
            }
            let Some(done) = at_work.pop_front() else { return order };
            lines.release(&done);
        }
    }

    #[test]
    fn tenants_take_turns_however_many_queries_one_of_them_brings() {
        let mut lines = Lines::new(LIMITS);
        for _ in 0..6 {
            lines.join(&tenant("loud"), "loud").unwrap();
        }
        lines.join(&tenant("a"), "a").unwrap();
        lines.join(&tenant("b"), "b").unwrap();
        lines.join(&tenant("a"), "a").unwrap();
        assert_eq!(drain(&mut lines), ["loud", "a", "b", "loud", "a", "loud", "loud", "loud", "loud"]);
        assert!(lines.tenants.is_empty() && lines.turns.is_empty(), "nobody is remembered");
        assert_eq!((lines.running, lines.waiting), (0, 0));
    }

    #[test]
    fn with_a_hundred_tenants_nobody_waits_for_more_than_one_query_of_each_other() {
        let limits = QueueLimits { running_max: 7, tenant_waiting_max: 1_000, waiting_max: 100_000, ..LIMITS };
        let mut lines = Lines::new(limits);
        let names: Vec<&'static str> = (0..100).map(|n| &*Box::leak(format!("t{n}").into_boxed_str())).collect();
        for (number, name) in names.iter().enumerate() {
            for _ in 0..=number {
                lines.join(&tenant(name), *name).unwrap();
            }
        }
        let order = drain(&mut lines);
        assert_eq!(order.len(), 5_050);
        // In the k-th round those who brought k queries or more get one each.
        let mut rest = order.as_slice();
        for round in 0..100 {
            let (served, later) = rest.split_at(100 - round);
            assert_eq!(served, &names[round..], "round {round}");
            rest = later;
        }
    }

    #[test]
    fn a_tenant_at_its_own_bound_leaves_slots_to_others() {
        let mut lines = Lines::new(QueueLimits { running_max: 4, tenant_running_max: 2, ..LIMITS });
        for _ in 0..5 {
            lines.join(&tenant("loud"), "loud").unwrap();
        }
        let begun: Vec<_> = std::iter::from_fn(|| lines.next()).map(|(_, told)| told).collect();
        assert_eq!(begun, ["loud", "loud"]);
        lines.join(&tenant("late"), "late").unwrap();
        assert_eq!(lines.next().map(|(_, told)| told), Some("late"));
        assert_eq!(lines.next(), None, "one slot is free, and loud may not have it");
        lines.release(&tenant("loud"));
        assert_eq!(lines.next().map(|(_, told)| told), Some("loud"));
    }

    #[test]
    fn lines_are_bounded_for_each_and_for_all() {
        let mut lines = Lines::new(QueueLimits { running_max: 1, tenant_waiting_max: 2, waiting_max: 3, ..LIMITS });
        lines.join(&tenant("a"), 0).unwrap();
        assert!(lines.next().is_some());
        let numbers = [lines.join(&tenant("a"), 1), lines.join(&tenant("a"), 2)];
        assert_eq!(lines.join(&tenant("a"), 3), Err(Full::Tenant));
        lines.join(&tenant("b"), 4).unwrap();
        assert_eq!(lines.join(&tenant("c"), 5), Err(Full::Everyone));
        assert_eq!(lines.leave(&tenant("a"), numbers[0].unwrap()), Some(1), "who gives up makes room");
        lines.join(&tenant("c"), 5).unwrap();
        assert_eq!(lines.leave(&tenant("a"), numbers[0].unwrap()), None);
    }

    #[test]
    fn no_waiting_at_all_still_lets_free_slots_be_used() {
        let mut lines = Lines::new(QueueLimits { running_max: 1, tenant_waiting_max: 0, waiting_max: 0, ..LIMITS });
        lines.join(&tenant("a"), 0).unwrap();
        assert!(lines.next().is_some());
        assert_eq!(lines.join(&tenant("a"), 1), Err(Full::Tenant));
    }

    #[tokio::test]
    async fn slots_come_back_when_queries_end_or_give_up() {
        let queue = Queue::new(QueueLimits { running_max: 1, ..LIMITS });
        let first = queue.enter(&tenant("a")).unwrap().wait().await.unwrap();
        let (gone, second) = (queue.enter(&tenant("a")).unwrap(), queue.enter(&tenant("b")).unwrap());
        drop(gone);
        drop(first);
        let second = second.wait().await.unwrap();
        // One that has been given its slot and goes away before it looks.
        let unseen = queue.enter(&tenant("c")).unwrap();
        drop(second);
        drop(unseen);
        let lines = queue.0.lock();
        assert_eq!((lines.running, lines.waiting, lines.tenants.len()), (0, 0, 0));
    }
}
