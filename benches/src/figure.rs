//! A measured figure and how it is printed.

/// Values of one quantity, all in the same unit.
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) target: &'static str,
    pub(crate) values: Vec<f64>,
}

impl Figure {
    #[allow(clippy::print_stdout, reason = "a bench prints its table")]
    pub(crate) fn heading() {
        println!("{:<44} {:>10} {:>22} {:>4}  target", "figure", "median", "least..most", "n");
    }

    #[allow(clippy::print_stdout, reason = "a bench prints its table")]
    pub(crate) fn print(mut self) {
        self.values.sort_by(f64::total_cmp);
        let Self { name, unit, target, values } = &self;
        let (least, most) = (at(values, 0.0), at(values, 1.0));
        let median = format!("{:.1} {unit}", at(values, 0.5));
        let spread = format!("{least:.1}..{most:.1} {unit}");
        println!("{name:<44} {median:>10} {spread:>22} {:>4}  {target}", values.len());
    }
}

/// The value below which a share of sorted values lies.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an index into a list of samples"
)]
pub(crate) fn at(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
}
