//! Real servers, started, killed and refused. Run by root, the tests cover both root's way
//! and (through `nobody`) an ordinary user's; run by an ordinary user, the latter alone.

#[cfg(test)]
mod crash;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod start;
#[cfg(test)]
mod support;
#[cfg(test)]
mod surroundings;
