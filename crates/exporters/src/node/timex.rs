//! How well the kernel's clock is disciplined, from adjtimex(2).

use std::io;

use super::{CollectError, Collector, Host};
use crate::family::{Description, Family, counter, described, gauge};

const METRICS: [Description; 17] = [
    gauge("node_timex_sync_status", "Whether the clock follows a reliable server."),
    gauge("node_timex_offset_seconds", "Offset from the reference clock."),
    gauge("node_timex_frequency_adjustment_ratio", "How much faster the clock is made to run."),
    gauge("node_timex_maxerror_seconds", "Largest possible error."),
    gauge("node_timex_estimated_error_seconds", "Estimated error."),
    gauge("node_timex_status", "Status bits."),
    gauge("node_timex_loop_time_constant", "Time constant of the phase-locked loop."),
    gauge("node_timex_tick_seconds", "Seconds between ticks."),
    gauge("node_timex_pps_frequency_hertz", "Frequency of the pulse per second."),
    gauge("node_timex_pps_jitter_seconds", "Jitter of the pulse per second."),
    gauge("node_timex_pps_shift_seconds", "Interval of the pulse per second."),
    gauge("node_timex_pps_stability_hertz", "Stability of the pulse per second."),
    counter("node_timex_pps_jitter_total", "Times the jitter of the pulse per second was too large."),
    counter("node_timex_pps_calibration_total", "Calibrations by the pulse per second."),
    counter("node_timex_pps_error_total", "Failed calibrations by the pulse per second."),
    counter("node_timex_pps_stability_exceeded_total", "Times the pulse per second was not stable enough."),
    gauge("node_timex_tai_offset_seconds", "Offset of atomic time (TAI)."),
];

const MICROSECONDS: f64 = 1e6;
const NANOSECONDS: f64 = 1e9;
/// Frequencies are parts per million with a 16 bit fraction.
const PPM_WITH_FRACTION: f64 = 1e6 * 65_536.0;

pub(super) struct Timex;

impl Collector for Timex {
    fn collect(&mut self, _: &Host, families: &mut Vec<Family>) -> Result<(), CollectError> {
        let (state, timex) = adjtimex().map_err(|source| CollectError::io("adjtimex", source))?;
        let resolution = if timex.status & libc::STA_NANO != 0 { NANOSECONDS } else { MICROSECONDS };
        let values = [
            if state == libc::TIME_ERROR { 0.0 } else { 1.0 },
            timex.offset as f64 / resolution,
            1.0 + timex.freq as f64 / PPM_WITH_FRACTION,
            timex.maxerror as f64 / MICROSECONDS,
            timex.esterror as f64 / MICROSECONDS,
            f64::from(timex.status),
            timex.constant as f64,
            timex.tick as f64 / MICROSECONDS,
            timex.ppsfreq as f64 / PPM_WITH_FRACTION,
            timex.jitter as f64 / resolution,
            f64::from(timex.shift),
            timex.stabil as f64 / PPM_WITH_FRACTION,
            timex.jitcnt as f64,
            timex.calcnt as f64,
            timex.errcnt as f64,
            timex.stbcnt as f64,
            f64::from(timex.tai),
        ];
        for (family, value) in described(families, &METRICS).iter_mut().zip(values) {
            family.push(&[], value);
        }
        Ok(())
    }
}

/// Asks for the clock's state without changing anything.
fn adjtimex() -> io::Result<(i32, libc::timex)> {
    #[expect(unsafe_code, reason = "no safe wrapper of adjtimex(2) is among our dependencies")]
    // SAFETY: all fields are integers, for which zero bytes are a value; modes = 0 asks and sets nothing; the pointer
    // is to a live, exclusive struct of the type that the call fills.
    unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        match libc::adjtimex(&raw mut timex) {
            -1 => Err(io::Error::last_os_error()),
            state => Ok((state, timex)),
        }
    }
}
