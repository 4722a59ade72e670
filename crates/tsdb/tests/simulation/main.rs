//! A store on a disk that fills up, fails and loses power, with a clock that jumps, and with a bucket that fails, lies and goes
//! away, against a map in memory.
//!
//! Every life follows from its seed. `BONGSU_SIM_LIVES=10000` asks for more of them, `BONGSU_SIM_SEED=17` for that one first.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a panic in a test is the failure message")]

#[path = "../common/mod.rs"]
mod common;
mod content;
mod expected;
mod life;
mod objects;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use life::Life;

/// A number from the environment.
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// Lives one after the other; the seed of one that fails is printed.
fn live(lives: u64, run: impl Fn(u64)) {
    let first = setting("BONGSU_SIM_SEED", 0);
    for seed in first..first + setting("BONGSU_SIM_LIVES", lives) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(seed))) {
            println!("failed with BONGSU_SIM_SEED={seed}");
            resume_unwind(panic);
        }
    }
}

#[test]
fn nothing_acked_is_lost_and_nothing_deleted_comes_back_in_random_lives() {
    live(30, |seed| {
        let mut life = Life::new(seed);
        for _ in 0..80 {
            life.step();
        }
        life.end();
    });
}

/// The same with blocks that are only in a bucket, and new machines that take it over.
#[test]
fn the_same_holds_with_a_bucket() {
    live(30, |seed| {
        let mut life = Life::with_bucket(seed);
        for _ in 0..80 {
            life.step();
        }
        life.end();
    });
}

/// A flush, a merge, a deletion and its cleaning, with a power cut at each of their operations.
#[test]
fn a_power_cut_at_every_operation_of_a_short_story() {
    cut_power_everywhere(Life::new, u64::MAX);
}

/// With uploads, merges of what is only in the bucket, and deletions there: at some of the operations, spread over all.
#[test]
fn a_power_cut_in_a_short_story_with_a_bucket() {
    cut_power_everywhere(Life::with_bucket, 120);
}

fn cut_power_everywhere(new: impl Fn(u64) -> Life, lives_max: u64) {
    let operations = {
        let mut life = new(0);
        life.story();
        life.end();
        life.operations()
    };
    println!("{operations} operations");
    assert!(operations > 100, "{operations}");
    live(operations.min(lives_max), |number| {
        let mut life = new(number);
        // Far apart, so that some of them are everywhere.
        let operation = if operations > lives_max { number * 97 } else { number };
        life.cut_power_after(operation % operations);
        life.story();
        life.end();
    });
}
