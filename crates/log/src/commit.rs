//! The promise that an append will be durable.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::{Condvar, Mutex};

use crate::error::Error;

/// Done when the append is durable: wait for it on a thread or await it in a task. Dropping it is fine; the append goes
/// on.
#[derive(Debug)]
#[must_use = "an append is not durable before its commit is done"]
pub struct Commit {
    ticket: Arc<Ticket>,
    /// Where this commit's waker stands in the ticket.
    waker: Option<usize>,
}

impl Commit {
    pub(crate) fn new(ticket: Arc<Ticket>) -> Self {
        Self { ticket, waker: None }
    }

    /// Blocks until the append is durable.
    ///
    /// # Errors
    /// When it could not be made durable: [`crate::ErrorKind::DiskFull`] or [`crate::ErrorKind::Io`].
    pub fn wait(self) -> Result<(), Error> {
        let mut state = self.ticket.state.lock();
        loop {
            match &state.result {
                Some(result) => return result.clone(),
                None => self.ticket.done.wait(&mut state),
            }
        }
    }
}

impl Future for Commit {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let ticket = Arc::clone(&self.ticket);
        let mut state = ticket.state.lock();
        if let Some(result) = &state.result {
            return Poll::Ready(result.clone());
        }
        match self.waker {
            Some(place) => state.wakers[place].clone_from(context.waker()),
            None => {
                self.waker = Some(state.wakers.len());
                state.wakers.push(context.waker().clone());
            }
        }
        Poll::Pending
    }
}

/// What all commits of one group wait for.
#[derive(Debug, Default)]
pub(crate) struct Ticket {
    state: Mutex<TicketState>,
    done: Condvar,
}

#[derive(Debug, Default)]
struct TicketState {
    result: Option<Result<(), Error>>,
    wakers: Vec<Waker>,
}

impl Ticket {
    /// Tells everyone who waits; called once.
    pub fn complete(&self, result: Result<(), Error>) {
        let wakers = {
            let mut state = self.state.lock();
            state.result = Some(result);
            std::mem::take(&mut state.wakers)
        };
        self.done.notify_all();
        wakers.into_iter().for_each(Waker::wake);
    }
}
