//! One bench per promise
