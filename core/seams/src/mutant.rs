//! Deliberate bugs that the simulation must find; compiled only with the feature `mutants`.

/// Whether the deliberate bug of this name is switched on in this thread. Always false, and known to
/// be so by the compiler, without the feature `mutants`.
#[cfg(not(feature = "mutants"))]
#[must_use]
#[inline(always)]
pub const fn bug(_name: &str) -> bool {
    false
}

#[cfg(feature = "mutants")]
thread_local! {
    static ACTIVE: std::cell::Cell<Option<&'static str>> = const { std::cell::Cell::new(None) };
}

/// Whether the deliberate bug of this name is switched on in this thread.
#[cfg(feature = "mutants")]
#[must_use]
pub fn bug(name: &str) -> bool {
    ACTIVE.with(|active| active.get() == Some(name))
}

/// Switches one deliberate bug on in this thread, or all off.
#[cfg(feature = "mutants")]
pub fn switch_bug(name: Option<&'static str>) {
    ACTIVE.with(|active| active.set(name));
}
