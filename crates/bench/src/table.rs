//! What was measured: ours, its floor, their ratio with its spread, and the goal.

use std::fmt;

use serde_json::{Value, json};

/// What a figure has to reach.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// Ours over the floor, at least.
    AtLeast(f64),
    /// Ours over the floor, at most.
    AtMost(f64),
    /// Ours itself, at most.
    Bound(f64),
}

#[derive(Debug)]
struct Row {
    name: &'static str,
    unit: &'static str,
    ours: f64,
    floor: Option<f64>,
    ratio: Option<f64>,
    low: f64,
    high: f64,
    goal: Goal,
}

#[derive(Debug, Default)]
pub(crate) struct Table(Vec<Row>);

impl Table {
    /// Rounds of ours and its floor, measured in turns.
    pub(crate) fn compare(
        &mut self,
        name: &'static str,
        unit: &'static str,
        rounds: &[(f64, f64)],
        goal: Goal,
    ) {
        let mut ratios = rounds
            .iter()
            .map(|(ours, floor)| ours / floor)
            .collect::<Vec<_>>();
        ratios.sort_by(f64::total_cmp);
        self.0.push(Row {
            name,
            unit,
            ours: median(rounds.iter().map(|(ours, _)| *ours)),
            floor: Some(median(rounds.iter().map(|(_, floor)| *floor))),
            ratio: Some(median(ratios.iter().copied())),
            low: ratios.first().copied().unwrap_or_default(),
            high: ratios.last().copied().unwrap_or_default(),
            goal,
        });
    }

    /// A figure with a bound and no floor.
    pub(crate) fn bound(
        &mut self,
        name: &'static str,
        unit: &'static str,
        measured: &[f64],
        most: f64,
    ) {
        let mut sorted = measured.to_vec();
        sorted.sort_by(f64::total_cmp);
        self.0.push(Row {
            name,
            unit,
            ours: median(measured.iter().copied()),
            floor: None,
            ratio: None,
            low: sorted.first().copied().unwrap_or_default(),
            high: sorted.last().copied().unwrap_or_default(),
            goal: Goal::Bound(most),
        });
    }

    pub(crate) fn json(&self) -> Value {
        let rows = self.0.iter().map(|row| {
            json!({
                "name": row.name, "unit": row.unit, "ours": row.ours, "floor": row.floor,
                "ratio": row.ratio, "low": row.low, "high": row.high,
                "goal": row.goal.to_string(), "met": row.met(),
            })
        });
        json!({ "rows": rows.collect::<Vec<_>>() })
    }
}

impl Row {
    fn met(&self) -> bool {
        match (self.goal, self.ratio) {
            (Goal::AtLeast(least), Some(ratio)) => ratio >= least,
            (Goal::AtMost(most), Some(ratio)) => ratio <= most,
            (Goal::Bound(most), _) => self.ours <= most,
            (_, None) => false,
        }
    }
}

pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted = values.collect::<Vec<_>>();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, ">= {least}"),
            Self::AtMost(most) => write!(f, "<= {most}"),
            Self::Bound(most) => write!(f, "ours <= {most}"),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<44} {:>12} {:>12} {:>7} {:>15}  {:<14}",
            "what", "ours", "floor", "ratio", "spread", "goal"
        )?;
        for row in &self.0 {
            let number = |value: Option<f64>| {
                value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
            };
            let spread = format!("{:.2} to {:.2}", row.low, row.high);
            let met = if row.met() { "met" } else { "NOT MET" };
            writeln!(
                f,
                "{:<44} {:>12} {:>12} {:>7} {spread:>15}  {:<14} {met}",
                format!("{} ({})", row.name, row.unit),
                number(Some(row.ours)),
                number(row.floor),
                number(row.ratio),
                row.goal.to_string(),
            )?;
        }
        Ok(())
    }
}
