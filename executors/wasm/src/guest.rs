//! What a guest's store holds: its surroundings, its limit and its orders.

use crate::control::Control;
use crate::limiter::Limiter;
use crate::mounts::Preopen;
use crate::network::Network;
use crate::output::{Name, Output};
use quorate_executor::TaskSpec;
use std::sync::Arc;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

/// Most handles (streams, sockets, files) that a component may hold.
const MAX_HANDLES: usize = 10_000;

/// What every guest has.
#[derive(Debug)]
pub(crate) struct Common {
    pub(crate) limiter: Limiter,
    pub(crate) control: Arc<Control>,
}

/// A core module's.
pub(crate) struct CoreGuest {
    pub(crate) wasi: WasiP1Ctx,
    pub(crate) common: Common,
}

/// A component's.
pub(crate) struct ComponentGuest {
    wasi: WasiCtx,
    table: ResourceTable,
    pub(crate) common: Common,
}

impl CoreGuest {
    pub(crate) fn new(mut wasi: WasiCtxBuilder, common: Common) -> Self {
        Self { wasi: wasi.build_p1(), common }
    }
}

impl ComponentGuest {
    pub(crate) fn new(mut wasi: WasiCtxBuilder, common: Common) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HANDLES);
        Self { wasi: wasi.build(), table, common }
    }
}

impl WasiView for ComponentGuest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// A task's surroundings; opens its directories. Its arguments begin with the program's name.
///
/// # Errors
/// A directory cannot be opened: the text says which, and why.
pub(crate) fn surroundings(
    spec: &TaskSpec,
    preopens: &[Preopen],
    output: &Arc<Output>,
    network: &Network,
) -> Result<WasiCtxBuilder, String> {
    let mut wasi = WasiCtxBuilder::new();
    wasi.arg(spec.command.first().unwrap_or(&spec.image));
    wasi.args(spec.command.get(1..).unwrap_or_default()).args(&spec.args).envs(&spec.env);
    wasi.stdout(output.stream(Name::Stdout)).stderr(output.stream(Name::Stderr));
    if let Some(dir) = &spec.working_dir {
        wasi.initial_cwd(dir.to_string_lossy());
    }
    for preopen in preopens {
        let perms = if preopen.read_only { FsPerms::ReadOnly } else { FsPerms::ReadWrite };
        wasi.preopened_dir(&preopen.host, &preopen.guest, perms).map_err(|error| {
            format!("mount {}: opening {}: {error:#}", preopen.guest, preopen.host.display())
        })?;
    }
    network.grant(&mut wasi);
    Ok(wasi)
}
