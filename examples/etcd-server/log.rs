//! The log of events in etcd's two formats, to where `--log-outputs` says.

use quorate_etcd::config::LogOptions;
use serde_json::{Map, Value};
use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

/// Starts to log for the whole process.
pub(crate) fn start(options: &LogOptions) -> io::Result<()> {
    let outputs = Outputs::open(&options.outputs)?;
    // The libraries below speak up only when something is wrong.
    let filter = format!("warn,openraft=error,quorate={0},{1}", options.level, own(&options.level));
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .event_format(Format { json: options.json })
        .with_writer(outputs)
        .init();
    Ok(())
}

fn own(level: &str) -> String {
    let crates = ["etcd", "member", "raft", "transport", "mvcc", "log", "bolt"];
    crates.map(|name| format!("quorate_{name}={level}")).join(",")
}

/// Several places that every line goes to.
#[derive(Clone)]
struct Outputs(Arc<Mutex<Vec<Box<dyn Write + Send>>>>);

impl Outputs {
    fn open(names: &[String]) -> io::Result<Self> {
        let open = |name: &String| -> io::Result<Box<dyn Write + Send>> {
            Ok(match &**name {
                "stdout" => Box::new(io::stdout()),
                // There is no journal to talk to; what it reads is this.
                "stderr" | "default" | "systemd/journal" => Box::new(io::stderr()),
                path => Box::new(File::options().create(true).append(true).open(path)?),
            })
        };
        let outputs = names.iter().map(open).collect::<io::Result<_>>()?;
        Ok(Self(Arc::new(Mutex::new(outputs))))
    }
}

impl Write for Outputs {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut outputs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        outputs.iter_mut().try_for_each(|output| output.write_all(line))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut outputs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        outputs.iter_mut().try_for_each(Write::flush)
    }
}

impl<'a> MakeWriter<'a> for Outputs {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Lines as zap writes them, or as capnslog did.
struct Format {
    json: bool,
}

impl<S, N> FormatEvent<S, N> for Format
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut at = String::new();
        SystemTime.format_time(&mut Writer::new(&mut at))?;
        let (level, target) = (*event.metadata().level(), event.metadata().target());
        if self.json {
            writeln!(writer, "{}", fields.json(&at, level, target))
        } else {
            writeln!(writer, "{}", fields.plain(&at, level, target))
        }
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, String)>,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" {
            self.message = text;
        } else {
            self.others.push((field.name(), text));
        }
    }
}

impl Fields {
    fn json(self, at: &str, level: Level, target: &str) -> Value {
        let mut line = Map::new();
        let mut put =
            |name: &str, value: String| line.insert(name.to_owned(), Value::String(value));
        put("level", level.as_str().to_lowercase());
        put("ts", at.to_owned());
        put("caller", target.to_owned());
        put("msg", self.message);
        for (name, value) in self.others {
            put(&name.replace('_', "-"), value);
        }
        Value::Object(line)
    }

    fn plain(self, at: &str, level: Level, target: &str) -> String {
        let letter = level.as_str().chars().next().unwrap_or('I');
        let mut line = format!("{at} {letter} | {target}: {}", self.message);
        for (name, value) in self.others {
            // Writing to a text cannot fail.
            let _ = write!(line, " {name}={value}");
        }
        line
    }
}
