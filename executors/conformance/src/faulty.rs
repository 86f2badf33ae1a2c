//! Executors with one defect each: what the kit has to find.
