//! The results as a Markdown table, put between two markers of a page.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::Context;
use bongsu_testkit::replay::Acked;
use serde::Serialize;

use crate::dashboards::Answers;
use crate::goal::Goal;
use crate::queries::Answered;

const MEBIBYTE: f64 = (1 << 20) as f64;
/// Of a hundred thousand series, log synced, flush and merges included.
const STEADY_GOAL: Goal = Goal::AtLeast(3000.0);

/// What one program needed.
#[derive(Clone, Serialize)]
pub(crate) struct Measured {
    pub(crate) name: &'static str,
    pub(crate) version: String,
    /// CPU seconds of the scrape that creates every series.
    pub(crate) first_cpu_seconds: f64,
    /// CPU seconds of all the other scrapes, to the last ack.
    pub(crate) steady_cpu_seconds: f64,
    /// CPU seconds from the first request until background work has ended.
    pub(crate) idle_cpu_seconds: f64,
    /// CPU seconds of bringing everything to disk after that.
    pub(crate) settle_cpu_seconds: f64,
    pub(crate) first: Acked,
    pub(crate) steady: Acked,
    pub(crate) memory_peak_bytes: u64,
    pub(crate) answers: Vec<Answered>,
    /// Allocated bytes, once flushed.
    pub(crate) disk_bytes: u64,
}

impl Measured {
    fn samples(&self) -> f64 {
        (self.first.samples + self.steady.samples) as f64
    }

    fn steady_samples_per_cpu_second(&self) -> f64 {
        self.steady.samples as f64 / self.steady_cpu_seconds
    }

    /// With all work in the background, and with the flush of everything, samples of the first scrape included.
    fn settled_samples_per_cpu_second(&self) -> f64 {
        let seconds = self.idle_cpu_seconds - self.first_cpu_seconds + self.settle_cpu_seconds;
        self.steady.samples as f64 / seconds
    }

    fn row(&self) -> String {
        format!(
            "| {} {} | {:.0} k | {:.0} k | {:.2} | {:.1} | {:.0} MiB | {:.2} | {:.1} | {:.1} | {:.0} k |",
            self.name,
            self.version,
            self.steady_samples_per_cpu_second() / 1e3,
            self.settled_samples_per_cpu_second() / 1e3,
            self.idle_cpu_seconds * 1e6 / self.samples(),
            // Every series has one sample in the first scrape.
            self.first_cpu_seconds * 1e6 / self.first.samples as f64,
            self.memory_peak_bytes as f64 / MEBIBYTE,
            self.disk_bytes as f64 / self.samples(),
            self.steady.ack_p50_ms,
            self.steady.ack_p99_ms,
            self.steady.samples as f64 / self.steady.wall_seconds / 1e3,
        )
    }
}

/// What taking the data in cost.
pub(crate) fn load_table(results: &[Measured]) -> String {
    let mut text = String::from(
        "| | steady samples / CPU-s | flushed and merged | CPU-s / M samples until idle | CPU µs a new series \
         | peak anonymous memory | disk B / sample, flushed | ack p50 ms | ack p99 ms | samples / s \
         |\n|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for measured in results {
        text.push_str(&measured.row());
        text.push('\n');
    }
    let ours = results.iter().find(|measured| measured.name == "bongsu");
    let verdict = STEADY_GOAL.verdict(ours.map(|measured| measured.settled_samples_per_cpu_second() / 1e3));
    let _ = writeln!(text, "\nThe goal for Bongsu, flushed and merged, k samples / CPU-s of 100 k series: {verdict}.");
    text
}

/// How fast questions were answered. Programs whose answer has another number of rows than the first one's say so.
pub(crate) fn answers_table(results: &[Measured]) -> String {
    let mut text = String::from("| p50 ms (CPU ms) |");
    text.extend(results.iter().map(|measured| format!(" {} |", measured.name)));
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(results.len()));
    text.push('\n');
    for at in 0..results.first().map_or(0, |measured| measured.answers.len()) {
        text.extend(["| ", results[0].answers[at].question, " |"]);
        let cell =
            |measured: &Measured| format!(" {:.1} ({:.1}) |", measured.answers[at].p50_ms, measured.answers[at].cpu_ms);
        text.extend(results.iter().map(cell));
        text.push('\n');
    }
    text
}

/// The twenty questions, with what Bongsu's CPU time is to that of the best peer.
pub(crate) fn dashboards_table(results: &[Answers]) -> String {
    let mut text = String::from("| p50 / p95 ms, CPU ms, peak MiB (+ added) |");
    text.extend(results.iter().map(|one| format!(" {} {} |", one.name, one.version)));
    text.push_str(" best peer's CPU / ours |\n|---|---|");
    text.push_str(&"---|".repeat(results.len()));
    text.push('\n');
    let mut ratios = Vec::new();
    for at in 0..results.first().map_or(0, |one| one.answers.len()) {
        let ours = &results[0].answers[at];
        let _ = write!(text, "| {} |", ours.question);
        for one in results {
            let answer = &one.answers[at];
            let other_rows = if answer.rows == ours.rows { String::new() } else { format!(", {} rows", answer.rows) };
            let (p50, p95, cpu) = (answer.p50_ms, answer.p95_ms, answer.cpu_ms);
            let [peak, added] = [answer.peak_bytes, answer.added_bytes].map(|bytes| bytes as f64 / MEBIBYTE);
            let _ = write!(text, " {p50:.1} / {p95:.1}, {cpu:.1}, {peak:.0} (+{added:.0}){other_rows} |");
        }
        let peers = results[1..].iter().map(|one| one.answers[at].cpu_ms);
        let ratio = peers.fold(f64::INFINITY, f64::min) / ours.cpu_ms.max(0.001);
        ratios.push(ratio);
        let _ = writeln!(text, " {ratio:.1} |");
    }
    ratios.sort_by(f64::total_cmp);
    if let (Some(least), Some(median)) = (ratios.first(), ratios.get(ratios.len() / 2)) {
        let _ = writeln!(text, "\nOf the ratios the median is {median:.1} and the least {least:.1}.");
    }
    text.push_str(&memory_verdict(results));
    text
}

/// For how many questions the first program had less memory than each of the others, and took no more of it.
fn memory_verdict(results: &[Answers]) -> String {
    let Some((ours, peers)) = results.split_first().filter(|(_, peers)| !peers.is_empty()) else {
        return String::new();
    };
    let count = |is_good: fn(&Answered, &Answered) -> bool| {
        let good = |at: &usize| peers.iter().all(|peer| is_good(&ours.answers[*at], &peer.answers[*at]));
        (0..ours.answers.len()).filter(good).count()
    };
    let peak = count(|ours, peer| ours.peak_bytes < peer.peak_bytes);
    // In whole MiB, as they stand in the table: most questions add next to nothing.
    let added = count(|ours, peer| (ours.added_bytes + (1 << 19)) >> 20 <= (peer.added_bytes + (1 << 19)) >> 20);
    let (name, all) = (ours.name, ours.answers.len());
    format!(
        "Peak memory of {name} was below every peer's for {peak} of {all} questions; a question added no more for {added}.\n"
    )
}

/// Where and when this was measured.
pub(crate) fn circumstances(command: &str) -> String {
    let cpu_info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let models = || cpu_info.lines().filter_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kilobytes = memory.split_ascii_whitespace().nth(1).and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0);
    format!(
        "`{command}`, {}, {} x {}, {:.0} GiB.",
        jiff::Zoned::now().strftime("%Y-%m-%d %H:%M %Z"),
        models().count(),
        models().next().map_or("CPU", |(_, model)| model),
        kilobytes / MEBIBYTE,
    )
}

/// Replaces what stands between the markers of a part of the page, which is made when it is not there.
pub(crate) fn write(page: &Path, part: &str, text: &str) -> anyhow::Result<()> {
    let (begin, end) = (format!("<!-- {part}:begin -->"), format!("<!-- {part}:end -->"));
    let old = fs::read_to_string(page).unwrap_or_else(|_| format!("# Benchmarks\n\n{begin}\n{end}\n"));
    let (head, rest) = old.split_once(&begin).with_context(|| format!("{} has no {begin}", page.display()))?;
    let (_, tail) = rest.split_once(&end).with_context(|| format!("{} has no {end}", page.display()))?;
    let mut new = String::new();
    write!(new, "{head}{begin}\n{text}{end}{tail}")?;
    fs::write(page, new).with_context(|| format!("cannot write {}", page.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(name: &'static str, memory: &[(u64, u64)]) -> Answers {
        let answered = |(peak_mib, added_mib): &(u64, u64)| Answered {
            question: "q",
            rows: 1,
            p50_ms: 1.0,
            p95_ms: 2.0,
            cpu_ms: 3.0,
            peak_bytes: peak_mib << 20,
            added_bytes: added_mib << 20,
        };
        Answers { name, version: "1".to_owned(), answers: memory.iter().map(answered).collect() }
    }

    #[test]
    fn memory_is_told_beside_what_a_question_added() {
        let results = [
            answers("ours", &[(50, 3), (60, 11)]),
            answers("a", &[(70, 5), (70, 10)]),
            answers("b", &[(90, 3), (61, 20)]),
        ];
        let expected = "\
| p50 / p95 ms, CPU ms, peak MiB (+ added) | ours 1 | a 1 | b 1 | best peer's CPU / ours |
|---|---|---|---|---|
| q | 1.0 / 2.0, 3.0, 50 (+3) | 1.0 / 2.0, 3.0, 70 (+5) | 1.0 / 2.0, 3.0, 90 (+3) | 1.0 |
| q | 1.0 / 2.0, 3.0, 60 (+11) | 1.0 / 2.0, 3.0, 70 (+10) | 1.0 / 2.0, 3.0, 61 (+20) | 1.0 |

Of the ratios the median is 1.0 and the least 1.0.
Peak memory of ours was below every peer's for 2 of 2 questions; a question added no more for 1.
";
        assert_eq!(dashboards_table(&results), expected);
    }

    #[test]
    fn a_part_of_the_page_is_replaced_and_the_rest_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let page = folder.path().join("page.md");
        fs::write(&page, "a\n<!-- x:begin -->\nold\n<!-- x:end -->\nb\n").expect("written");
        write(&page, "x", "new\n").expect("both markers are there");
        assert_eq!(fs::read_to_string(&page).expect("there"), "a\n<!-- x:begin -->\nnew\n<!-- x:end -->\nb\n");
        assert!(write(&page, "y", "").is_err());
    }
}
