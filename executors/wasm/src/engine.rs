//! The engine and what its guests are linked with.
//!
//! Invariant: one configuration decides what compiled programs look like; its hash is part of the
//! names of cached ones.

use crate::guest::{ComponentGuest, CoreGuest};
use crate::image::hex;
use ring::digest::{Context, SHA256};
use std::hash::{Hash, Hasher};
use wasmtime::component::Linker as ComponentLinker;
use wasmtime::{
    Caller, Config, Engine, InstanceAllocationStrategy, Linker, PoolingAllocationConfig,
    StoreContextMut,
};
use wasmtime_wasi::{I32Exit, p1, p2};

/// The interface by which a guest learns that it shall leave.
const CONTROL: &str = "quorate:task/control@0.1.0";
const STOP_REQUESTED: &str = "stop-requested";

/// Core instances and tables that a component needs for each of its own: adapters and shims.
const PARTS: u32 = 4;

/// Most entries of one table.
const TABLE_ENTRIES: usize = 100_000;

/// Most memories and tables of one module.
const MODULE_MEMORIES: u32 = 8;
const MODULE_TABLES: u32 = 16;

/// Address space set aside for each memory where it is scarce.
const SCARCE: u64 = 16 << 20;

/// An engine and its linkers.
pub(crate) struct Host {
    pub(crate) engine: Engine,
    pub(crate) core: Linker<CoreGuest>,
    pub(crate) component: ComponentLinker<ComponentGuest>,
    /// Whether instances come from a pool.
    pub(crate) pooled: bool,
}

impl Host {
    /// An engine that allocates from a pool of so many core instances, or on demand where the address
    /// space for it is not to be had.
    pub(crate) fn new(pool: u32) -> wasmtime::Result<Self> {
        let (engine, pooled) = match Engine::new(&pooling(pool)) {
            Ok(engine) => (engine, true),
            Err(_) => (Engine::new(&on_demand())?, false),
        };
        let (core, component) = (link_core(&engine)?, link_component(&engine)?);
        Ok(Self { engine, core, component, pooled })
    }

    /// What compiled programs depend on besides the module.
    pub(crate) fn fingerprint(&self) -> String {
        let mut hasher = Sha(Context::new(&SHA256));
        self.engine.precompile_compatibility_hash().hash(&mut hasher);
        hex(hasher.0.finish().as_ref())
    }
}

fn common() -> Config {
    let mut config = Config::new();
    config.epoch_interruption(true);
    config
}

fn pooling(size: u32) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(size.saturating_mul(PARTS))
        .total_component_instances(size)
        .total_memories(size)
        .total_tables(size.saturating_mul(PARTS))
        .total_stacks(size)
        .max_memories_per_module(MODULE_MEMORIES)
        .max_tables_per_module(MODULE_TABLES)
        .table_elements(TABLE_ENTRIES);
    let mut config = common();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

fn on_demand() -> Config {
    let mut config = common();
    config.memory_reservation(SCARCE).memory_guard_size(64 << 10);
    config.memory_reservation_for_growth(SCARCE);
    config
}

fn link_core(engine: &Engine) -> wasmtime::Result<Linker<CoreGuest>> {
    let mut linker = Linker::new(engine);
    p1::add_to_linker_async(&mut linker, |guest: &mut CoreGuest| &mut guest.wasi)?;
    linker.allow_shadowing(true);
    // The library's own refuses codes from 126 on.
    linker.func_wrap("wasi_snapshot_preview1", "proc_exit", |code: i32| {
        Err::<(), _>(wasmtime::Error::from(I32Exit(code)))
    })?;
    linker.allow_shadowing(false);
    linker.func_wrap(CONTROL, STOP_REQUESTED, |caller: Caller<'_, CoreGuest>| {
        i32::from(caller.data().common.control.asked())
    })?;
    Ok(linker)
}

fn link_component(engine: &Engine) -> wasmtime::Result<ComponentLinker<ComponentGuest>> {
    let mut linker = ComponentLinker::new(engine);
    p2::add_to_linker_async(&mut linker)?;
    let asked = |store: StoreContextMut<'_, ComponentGuest>, (): ()| {
        Ok((store.data().common.control.asked(),))
    };
    linker.instance(CONTROL)?.func_wrap(STOP_REQUESTED, asked)?;
    Ok(linker)
}

/// SHA-256 for what is made to be hashed: the same on every run, unlike the standard hasher's word.
struct Sha(Context);

impl Hasher for Sha {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_address_space_is_scarce_instances_are_made_on_demand() {
        let small = Host::new(4).unwrap();
        assert!(small.pooled);
        // A million memories of 4 GiB each: more than a process can address.
        let large = Host::new(1 << 20).unwrap();
        assert!(!large.pooled);
        assert_ne!(small.fingerprint(), large.fingerprint());
        assert_eq!(small.fingerprint(), Host::new(4).unwrap().fingerprint());
    }
}
