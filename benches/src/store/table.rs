//! The table: one line for each figure, ours beside each etcd's, ratios with their spread, the floor.

use std::collections::BTreeMap;

/// What is promised of a figure.
#[derive(Clone, Debug)]
pub(crate) enum Floor {
    AtLeast(f64),
    AtMost(f64),
    /// Ours is at least so many times etcd's; by the beginning of etcd's version.
    TimesAtLeast(&'static [(&'static str, f64)]),
    /// Ours is at most so many times etcd's.
    TimesAtMost(&'static [(&'static str, f64)]),
}

/// A figure, with a value of each side for every round.
#[derive(Clone, Debug)]
struct Row {
    unit: &'static str,
    floors: Vec<Floor>,
    values: BTreeMap<String, Vec<f64>>,
}

/// Figures in the order in which they were first seen.
#[derive(Debug, Default)]
pub(crate) struct Table {
    order: Vec<String>,
    rows: BTreeMap<String, Row>,
}

impl Table {
    /// Adds what a side reached in a round.
    pub(crate) fn add(
        &mut self,
        figure: &str,
        unit: &'static str,
        floors: &[Floor],
        side: &str,
        value: f64,
    ) {
        if !self.rows.contains_key(figure) {
            self.order.push(figure.to_owned());
        }
        let row = self.rows.entry(figure.to_owned()).or_insert_with(|| Row {
            unit,
            floors: floors.to_vec(),
            values: BTreeMap::new(),
        });
        row.values.entry(side.to_owned()).or_default().push(value);
    }

    /// Prints everything; sides are `ours` and each version of etcd.
    #[allow(clippy::print_stdout, reason = "a bench prints its table")]
    pub(crate) fn print(&self) {
        println!("\nfigure: side, median, (least..most); ratio ours/etcd (least..most); floor");
        for figure in &self.order {
            if let Some(row) = self.rows.get(figure) {
                print!("{}", row.lines(figure));
            }
        }
    }
}

impl Row {
    fn lines(&self, figure: &str) -> String {
        let none = Vec::new();
        let ours = self.values.get("ours").unwrap_or(&none);
        let mut text = format!("{figure}\n");
        let others = self.values.iter().filter(|(side, _)| *side != "ours");
        for (side, values) in self.values.get_key_value("ours").into_iter().chain(others) {
            let ratios: Vec<f64> = match side.as_str() {
                "ours" => Vec::new(),
                _ => ours.iter().zip(values).map(|(ours, theirs)| ours / theirs).collect(),
            };
            let ratio = match ratios.is_empty() {
                true => String::new(),
                false => {
                    format!("{:.2} ({:.2}..{:.2})", mid(&ratios), least(&ratios), most(&ratios))
                }
            };
            let spread = format!("{}..{}", short(least(values)), short(most(values)));
            let verdict = self.verdict(side, mid(values), mid(&ratios));
            let value = format!("{} {}", short(mid(values)), self.unit);
            let line = format!("    {side:<12} {value:>10} {spread:>18}  {ratio:<22} {verdict}");
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    fn verdict(&self, side: &str, value: f64, ratio: f64) -> String {
        let mut verdicts = Vec::new();
        for floor in &self.floors {
            let of = |list: &[(&str, f64)]| {
                let version = side.strip_prefix("etcd ")?;
                list.iter().find(|(start, _)| version.starts_with(start)).map(|(_, floor)| *floor)
            };
            let (relation, wanted, got) = match floor {
                Floor::AtLeast(wanted) if side == "ours" => (">=", Some(*wanted), value),
                Floor::AtMost(wanted) if side == "ours" => ("<=", Some(*wanted), value),
                Floor::TimesAtLeast(list) => (">=", of(list), ratio),
                Floor::TimesAtMost(list) => ("<=", of(list), ratio),
                _ => continue,
            };
            let Some(wanted) = wanted else { continue };
            let holds = if relation == ">=" { got >= wanted } else { got <= wanted };
            let times = if side == "ours" { "" } else { "x" };
            let said = if holds { "holds" } else { "BELOW" };
            verdicts.push(format!("{relation} {}{times} {said}", short(wanted)));
        }
        verdicts.join(", ")
    }
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

fn mid(values: &[f64]) -> f64 {
    sorted(values).get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn least(values: &[f64]) -> f64 {
    sorted(values).first().copied().unwrap_or(f64::NAN)
}

fn most(values: &[f64]) -> f64 {
    sorted(values).last().copied().unwrap_or(f64::NAN)
}

/// Three digits that matter.
fn short(value: f64) -> String {
    match value.abs() {
        1e6.. => format!("{:.2}M", value / 1e6),
        1e4.. => format!("{:.1}k", value / 1e3),
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floor_is_held_against_the_side_that_it_names() {
        let mut table = Table::default();
        let floors = [Floor::AtLeast(10.0), Floor::TimesAtMost(&[("3.4", 0.5), ("3.5", 0.1)])];
        for (side, value) in [("ours", 12.0), ("etcd 3.4.23", 30.0), ("etcd 3.5.1", 60.0)] {
            table.add("f", "µs", &floors, side, value);
        }
        let lines = table.rows["f"].lines("f");
        let lines: Vec<&str> = lines.lines().collect();
        assert!(lines[1].ends_with(">= 10.0 holds"), "{lines:?}");
        assert!(lines[2].ends_with("<= 0.50x holds"), "{lines:?}");
        assert!(lines[3].ends_with("<= 0.10x BELOW"), "{lines:?}");
    }
}
