//! Models made for tests.
