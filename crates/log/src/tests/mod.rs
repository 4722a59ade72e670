//! Tests of the whole log.

mod appending;
mod damage;
mod faults;
mod killed;
mod sim;
