//! The figures as text: a table for the terminal and for docs/benchmarks.md, with where they were measured.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::figures::{Figures, Measure, Pair, Part, Samples, Tool, limit};
use super::quiet;
use crate::engine::http::Endpoint;
use crate::program::program;

/// Where the table is kept, and what stands around it there.
const PAGE: &str = "docs/benchmarks.md";
const BEGIN: &str = "<!-- Written by `cargo xtask bench --record`: -->\n";
const END: &str = "<!-- The end of what was written. -->\n";

/// Where and with what something was measured.
#[derive(Debug)]
pub(crate) struct Circumstances {
    pub(crate) date: String,
    pub(crate) bowline: String,
    pub(crate) compose: String,
    pub(crate) engine: String,
    pub(crate) machine: String,
    /// Which shares of the processors were busy with something else.
    pub(crate) others: Samples,
    pub(crate) rounds: usize,
}

/// What the machine is, from what the kernel says of it.
pub(crate) fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    describe_machine(
        &read("/proc/cpuinfo"),
        &read("/proc/meminfo"),
        read("/proc/sys/kernel/osrelease").trim(),
    )
}

fn describe_machine(cpus: &str, memory: &str, kernel: &str) -> String {
    let value = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let count = cpus
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let model = value(cpus, "model name").unwrap_or_else(|| "processors unknown".to_owned());
    let kib: u64 = value(memory, "MemTotal")
        .and_then(|text| text.split_whitespace().next()?.parse().ok())
        .unwrap_or_default();
    format!("{count} × {model}, {} GiB, Linux {kernel}", kib >> 20)
}

/// Says which engine answers, and how it stores.
pub(crate) fn engine(endpoint: &Endpoint) -> Result<String> {
    let (version, info) = (endpoint.get("/version")?, endpoint.get("/info")?);
    let word = |value: &serde_json::Value| value.as_str().unwrap_or("?").to_owned();
    Ok(format!(
        "Docker {}, {}, cgroup v{}",
        word(&version["Version"]),
        word(&info["Driver"]),
        word(&info["CgroupVersion"])
    ))
}

/// Today, in UTC.
pub(crate) fn today() -> Result<String> {
    let date = program("date").args(["-u", "+%Y-%m-%d"]).output()?;
    Ok(date.trim().to_owned())
}

/// Writes everything as Markdown, which is read in a terminal as well.
pub(crate) fn text(figures: &Figures, at: &Circumstances) -> String {
    let mut text = format!(
        "{}; {}, Docker Compose {}; {}; {}; rounds: {}.\n{}\n",
        at.date,
        at.bowline,
        at.compose,
        at.engine,
        at.machine,
        at.rounds,
        disturbance(&at.others)
    );
    text.push_str("| stack | what | values | bowline | Docker Compose | ratio | limit | |\n");
    text.push_str("| --- | --- | --- | --- | --- | --- | --- | --- |\n");
    for (&(part, measure), pair) in &figures.pairs {
        text.push_str(&row(part, measure, pair, figures.misses(part, measure)));
    }
    for (tool, requests) in &figures.requests {
        let name = match tool {
            Tool::Bowline => "bowline",
            Tool::Compose => "Docker Compose",
        };
        let _ = write!(
            text,
            "\nRequests through nginx right after a cold `up` of orders by {name}: {} of {} succeeded.\n",
            requests.succeeded, requests.sent
        );
    }
    text
}

/// Says how much else the machine had to do, and what follows from that.
fn disturbance(others: &Samples) -> String {
    let (median, most) = (others.median(), others.range());
    let (Some(median), Some((_, most))) = (median, most) else {
        return String::new();
    };
    let verdict = if median > quiet::QUIET {
        " **The machine was not quiet: these figures say little.**"
    } else {
        ""
    };
    format!(
        "Something else took {:.0} % of the processors, {:.0} % at most.{verdict}\n",
        median * 100.0,
        most * 100.0
    )
}

fn row(part: Part, measure: Measure, pair: &Pair, misses: bool) -> String {
    let number =
        |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"));
    let limit = limit(part, measure);
    let verdict = match (limit, misses) {
        (None, _) => "told only",
        (Some(_), true) => "**missed**",
        (Some(_), false) => "kept",
    };
    format!(
        "| {} | {} | {} | {} | {} | {} | {} | {verdict} |\n",
        part.word(),
        measure.words(),
        pair.bowline.count(),
        cell(measure, &pair.bowline),
        cell(measure, &pair.compose),
        number(pair.ratio()),
        limit.map_or_else(|| "–".to_owned(), |limit| format!("{limit:.2}")),
    )
}

/// The median with the smallest and the largest value, all in one unit.
fn cell(measure: Measure, samples: &Samples) -> String {
    let (Some(median), Some((least, most))) = (samples.median(), samples.range()) else {
        return "–".to_owned();
    };
    let (unit, factor) = match measure {
        Measure::Memory => ("MiB", 1.0),
        _ if median < 1.0 => ("ms", 1000.0),
        _ => ("s", 1.0),
    };
    let shown = |value: f64| {
        let value = value * factor;
        let digits = match value {
            value if value < 10.0 => 2,
            value if value < 100.0 => 1,
            _ => 0,
        };
        format!("{value:.digits$}")
    };
    format!(
        "{} {unit} ({}–{})",
        shown(median),
        shown(least),
        shown(most)
    )
}

/// Puts the text where the page keeps it.
pub(crate) fn record(root: &Path, text: &str) -> Result<()> {
    let path = root.join(PAGE);
    let context = || format!("`{PAGE}`");
    let page = std::fs::read_to_string(&path).with_context(context)?;
    let page = replace(&page, text).with_context(context)?;
    std::fs::write(&path, page).with_context(context)
}

fn replace(page: &str, text: &str) -> Result<String> {
    let parts = page
        .split_once(BEGIN)
        .and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let Some((before, after)) = parts else {
        bail!(
            "the page has no place for figures, between `{}` and `{}`",
            BEGIN.trim(),
            END.trim()
        );
    };
    Ok(format!("{before}{BEGIN}\n{text}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::figures::Requests;

    fn circumstances() -> Circumstances {
        Circumstances {
            date: "2026-11-21".to_owned(),
            bowline: "bowline 0.1.0 (abc)".to_owned(),
            compose: "2.40.3".to_owned(),
            engine: "Docker 20.10.24, overlay2, cgroup v1".to_owned(),
            machine: "2 × Xeon, 23 GiB, Linux 6.1".to_owned(),
            others: Samples::of(&[0.01, 0.03, 0.4]),
            rounds: 3,
        }
    }

    #[test]
    fn the_table_has_medians_ranges_ratios_limits_and_verdicts() {
        let mut figures = Figures::default();
        let mut add = |part, measure, bowline: &[f64], compose: &[f64]| {
            for value in bowline {
                figures.add(part, measure, Tool::Bowline, *value);
            }
            for value in compose {
                figures.add(part, measure, Tool::Compose, *value);
            }
        };
        add(
            Part::Graph,
            Measure::ColdUp,
            &[3.0, 2.0, 4.5],
            &[6.0, 12.0, 5.0],
        );
        add(Part::Graph, Measure::Return, &[3.1], &[7.0]);
        add(Part::Graph, Measure::Ps, &[0.018], &[0.02]);
        add(Part::Config, Measure::Memory, &[12.0], &[54.25]);
        let requests = Requests {
            sent: 200,
            succeeded: 199,
        };
        figures.add_requests(Tool::Compose, requests);
        let wanted = "\
2026-11-21; bowline 0.1.0 (abc), Docker Compose 2.40.3; Docker 20.10.24, overlay2, cgroup v1; 2 × Xeon, 23 GiB, Linux 6.1; rounds: 3.
Something else took 3 % of the processors, 40 % at most.

| stack | what | values | bowline | Docker Compose | ratio | limit | |
| --- | --- | --- | --- | --- | --- | --- | --- |
| graph | cold `up` | 3 | 3.00 s (2.00–4.50) | 6.00 s (5.00–12.0) | 0.50 | 0.55 | kept |
| graph | cold `up`, until it returns | 1 | 3.10 s (3.10–3.10) | 7.00 s (7.00–7.00) | 0.44 | – | told only |
| graph | `ps` | 1 | 18.0 ms (18.0–18.0) | 20.0 ms (20.0–20.0) | 0.90 | 0.60 | **missed** |
| config | peak memory | 1 | 12.0 MiB (12.0–12.0) | 54.2 MiB (54.2–54.2) | 0.22 | 0.50 | kept |

Requests through nginx right after a cold `up` of orders by Docker Compose: 199 of 200 succeeded.
";
        assert_eq!(text(&figures, &circumstances()), wanted);
    }

    #[test]
    fn a_busy_machine_is_named_as_such() {
        let quiet = disturbance(&Samples::of(&[0.02, 0.09, 0.5]));
        assert!(!quiet.contains("not quiet"), "{quiet}");
        let busy = disturbance(&Samples::of(&[0.02, 0.2, 0.5]));
        assert!(busy.contains("not quiet"), "{busy}");
    }

    #[test]
    fn figures_replace_earlier_ones_and_nothing_around_them() {
        let page = format!("# Benchmarks\n\n{BEGIN}\nold\n\n{END}\nHow it is measured.\n");
        let wanted = format!("# Benchmarks\n\n{BEGIN}\nnew\n\n{END}\nHow it is measured.\n");
        assert_eq!(replace(&page, "new\n").unwrap(), wanted);
        assert!(replace("# Benchmarks\n", "new\n").is_err());
    }

    #[test]
    fn the_page_has_a_place_for_figures() {
        let page = std::fs::read_to_string(crate::root().join(PAGE)).unwrap();
        assert!(replace(&page, "new\n").unwrap().contains("new"));
    }

    #[test]
    fn a_machine_is_its_processors_memory_and_kernel() {
        let cpus = "processor\t: 0\nmodel name\t: Xeon\nprocessor\t: 1\nmodel name\t: Xeon\n";
        assert_eq!(
            describe_machine(cpus, "MemTotal:       24681652 kB\n", "6.1.0"),
            "2 × Xeon, 23 GiB, Linux 6.1.0"
        );
        assert_eq!(
            describe_machine("", "", "6.1.0"),
            "0 × processors unknown, 0 GiB, Linux 6.1.0"
        );
    }
}
