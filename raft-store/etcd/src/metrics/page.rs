//! Prometheus' text format.

use super::histogram::Buckets;
use std::fmt::Write;

/// What a metric is to Prometheus.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Type {
    Counter,
    Gauge,
}

/// Names and values of labels.
pub(crate) type Labels<'a> = &'a [(&'a str, &'a str)];

/// A page of metrics that is being written.
#[derive(Debug, Default)]
pub(crate) struct Page {
    text: String,
}

impl Page {
    /// A metric without labels.
    pub(crate) fn one(&mut self, name: &str, kind: Type, help: &str, value: u64) {
        self.head(name, kind, help);
        self.value(name, &[], value);
    }

    /// Begins a metric; its values follow.
    pub(crate) fn head(&mut self, name: &str, kind: Type, help: &str) {
        let kind = match kind {
            Type::Counter => "counter",
            Type::Gauge => "gauge",
        };
        self.begin(name, kind, help);
    }

    /// A value of the metric that was begun.
    pub(crate) fn value(&mut self, name: &str, labels: Labels<'_>, value: impl std::fmt::Display) {
        self.line(name, labels, value);
    }

    /// A histogram in seconds.
    pub(crate) fn histogram(&mut self, name: &str, help: &str, told: &Buckets) {
        self.begin(name, "histogram", help);
        let bucket = format!("{name}_bucket");
        for (bound, count) in &told.below {
            self.line(&bucket, &[("le", &bound.to_string())], count);
        }
        self.line(&bucket, &[("le", "+Inf")], told.count);
        self.line(&format!("{name}_sum"), &[], told.sum_seconds);
        self.line(&format!("{name}_count"), &[], told.count);
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }

    fn begin(&mut self, name: &str, kind: &str, help: &str) {
        self.push(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    fn line(&mut self, name: &str, labels: Labels<'_>, value: impl std::fmt::Display) {
        self.push(format_args!("{name}"));
        for (at, (label, value)) in labels.iter().enumerate() {
            let open = if at == 0 { '{' } else { ',' };
            self.push(format_args!("{open}{label}=\"{}\"", escape(value)));
        }
        let close = if labels.is_empty() { "" } else { "}" };
        self.push(format_args!("{close} {value}\n"));
    }

    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.text.write_fmt(text);
    }
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_reads_as_prometheus_wants_it() {
        let mut page = Page::default();
        page.one("a_total", Type::Counter, "What it counts.", 7);
        page.head("b", Type::Gauge, "What it is.");
        page.value("b", &[("x", "1"), ("y", "q\"\\\n")], 2);
        let told = Buckets { below: vec![(0.001, 1), (8.192, 2)], sum_seconds: 1.5, count: 3 };
        page.histogram("c_seconds", "How long.", &told);
        assert_eq!(
            page.into_text(),
            "# HELP a_total What it counts.\n# TYPE a_total counter\na_total 7\n\
             # HELP b What it is.\n# TYPE b gauge\nb{x=\"1\",y=\"q\\\"\\\\\\n\"} 2\n\
             # HELP c_seconds How long.\n# TYPE c_seconds histogram\n\
             c_seconds_bucket{le=\"0.001\"} 1\nc_seconds_bucket{le=\"8.192\"} 2\n\
             c_seconds_bucket{le=\"+Inf\"} 3\nc_seconds_sum 1.5\nc_seconds_count 3\n"
        );
    }
}
