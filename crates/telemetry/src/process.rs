//! The `process_*` metrics that every Prometheus client library has, read from `/proc/self`.

use crate::registry::{Reading, Registry};

/// Adds CPU time, memory, start time and file descriptors of this process.
pub fn process_metrics(registry: &mut Registry) {
    type Read = fn(&Stat) -> f64;
    let metrics: [(&'static str, &'static str, Read); 4] = [
        ("process_cpu_seconds_total", "User and system CPU time spent, in seconds.", |s| s.cpu_seconds),
        ("process_resident_memory_bytes", "Resident memory, in bytes.", |s| s.resident_bytes),
        ("process_virtual_memory_bytes", "Virtual memory, in bytes.", |s| s.virtual_bytes),
        ("process_start_time_seconds", "Start time of the process, in Unix seconds.", |s| s.start_seconds),
    ];
    for (name, help, read) in metrics {
        registry.add_reading(name, help, move |out| {
            if let Some(stat) = Stat::read() {
                out.push(Reading::new(name, read(&stat)));
            }
        });
    }
    registry.add_reading("process_open_fds", "Open file descriptors.", |out| {
        if let Ok(entries) = std::fs::read_dir("/proc/self/fd") {
            out.push(Reading::new("process_open_fds", entries.count() as f64));
        }
    });
}

struct Stat {
    cpu_seconds: f64,
    resident_bytes: f64,
    virtual_bytes: f64,
    start_seconds: f64,
}

impl Stat {
    /// Fields by number as in proc(5), counted from the state (field 3) behind the command's closing parenthesis.
    fn read() -> Option<Self> {
        let text = std::fs::read_to_string("/proc/self/stat").ok()?;
        let fields: Vec<f64> = text.rsplit_once(')')?.1.split_whitespace().map(|f| f.parse().unwrap_or(0.0)).collect();
        let field = |number: usize| fields.get(number - 3).copied();
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        Some(Self {
            cpu_seconds: (field(14)? + field(15)?) / ticks,
            resident_bytes: field(24)? * rustix::param::page_size() as f64,
            virtual_bytes: field(23)?,
            start_seconds: boot_time_seconds()? + field(22)? / ticks,
        })
    }
}

fn boot_time_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    text.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}
