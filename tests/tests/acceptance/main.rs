//! Acceptance tests: everything that a user can do, over HTTP, against real servers and a real
//! PostgreSQL. Run by `scripts/test`, which brings the database along.

mod life_of_two_factor;
