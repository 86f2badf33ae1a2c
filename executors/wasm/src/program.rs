//! From bytes to something that can be run: kind, compilation, linking.

use crate::engine::Host;
use crate::failure::{Failure, said};
use crate::guest::{ComponentGuest, CoreGuest};
use wasmtime::component::Component;
use wasmtime::{ExternType, InstancePre, Module};
use wasmtime_wasi::p2::bindings::CommandPre;

/// What a module is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A core module of WASI preview 1.
    Core,
    /// A component of WASI 0.2.
    Component,
}

impl Kind {
    /// What these bytes begin as.
    pub(crate) fn of(bytes: &[u8]) -> Result<Self, Failure> {
        let begin = bytes.get(..8).unwrap_or(bytes);
        let Some((b"\0asm", version)) = begin.split_at_checked(4) else {
            return Err(Failure::Magic(format!("{:?}", String::from_utf8_lossy(begin))));
        };
        match version {
            [1, 0, 0, 0] => Ok(Self::Core),
            [13, 0, 1, 0] => Ok(Self::Component),
            version => {
                let mut four = [0; 4];
                four[..version.len()].copy_from_slice(version);
                Err(Failure::Version(u32::from_le_bytes(four)))
            }
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Component => "component",
        }
    }
}

/// A program whose imports are all there.
pub(crate) enum Program {
    Core(InstancePre<CoreGuest>),
    Component(CommandPre<ComponentGuest>),
}

/// Compiles a module.
pub(crate) fn compile(host: &Host, kind: Kind, bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    let compiled = match kind {
        Kind::Core => host.engine.precompile_module(bytes),
        Kind::Component => host.engine.precompile_component(bytes),
    };
    compiled.map_err(|error| Failure::Compile(said(&error)))
}

/// Makes a program of what [`compile`] has made.
///
/// # Safety
/// `code` is, byte for byte, what `compile` returned for an engine of the same fingerprint: it is
/// machine code that is run.
#[allow(
    unsafe_code,
    reason = "machine code is trusted for where it comes from, not for what it is"
)]
pub(crate) unsafe fn load(host: &Host, kind: Kind, code: &[u8]) -> Result<Program, Failure> {
    let unusable = |error: wasmtime::Error| Failure::Compile(said(&error));
    match kind {
        Kind::Core => {
            // SAFETY: as demanded of the caller.
            let module = unsafe { Module::deserialize(&host.engine, code) }.map_err(unusable)?;
            link_core(host, &module)
        }
        Kind::Component => {
            // SAFETY: as demanded of the caller.
            let component = unsafe { Component::deserialize(&host.engine, code) };
            link_component(host, &component.map_err(unusable)?)
        }
    }
}

fn link_core(host: &Host, module: &Module) -> Result<Program, Failure> {
    match module.get_export("_start") {
        Some(ExternType::Func(start)) if start.params().len() + start.results().len() == 0 => {}
        Some(_) => return Err(Failure::Entry("_start is not a function of type () -> ()".into())),
        None => {
            let reason = "exports no _start; build a command (a binary), not a library (a reactor)";
            return Err(Failure::Entry(reason.to_owned()));
        }
    }
    let linked = host.core.instantiate_pre(module);
    linked.map(Program::Core).map_err(|error| Failure::Link(said(&error)))
}

fn link_component(host: &Host, component: &Component) -> Result<Program, Failure> {
    let linked = host.component.instantiate_pre(component);
    let linked = linked.map_err(|error| Failure::Link(said(&error)))?;
    CommandPre::new(linked).map(Program::Component).map_err(|error| {
        Failure::Entry(format!("is no wasi:cli/command component: {}", said(&error)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_what_it_is() {
        assert_eq!(Kind::of(b"\0asm\x01\0\0\0rest").unwrap(), Kind::Core);
        assert_eq!(Kind::of(b"\0asm\x0d\0\x01\0").unwrap(), Kind::Component);
        for short in [&b""[..], b"\0as", b"\x7fELF\x02\x01\x01\0", b"#!/bin/sh"] {
            assert!(matches!(Kind::of(short), Err(Failure::Magic(_))), "{short:?}");
        }
        for odd in [&b"\0asm"[..], b"\0asm\x02\0\0\0", b"\0asm\x01"] {
            assert!(matches!(Kind::of(odd), Err(Failure::Version(_))), "{odd:?}");
        }
    }
}
