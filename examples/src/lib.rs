//! Examples, one idea each, and whole applications
