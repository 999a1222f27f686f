//! Throttles and mail: how guessing is slowed down, whom that never hits, what strangers cannot
//! find out, and that promised mail arrives.
mod closed;
mod codes;
mod counters;
mod enumeration;
mod guessing;
mod known_devices;
mod links;
mod mail_limits;
mod mail_server;
mod retention;
mod smtp;
mod sources;
mod strangers;
mod timing;
