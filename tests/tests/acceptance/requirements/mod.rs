//! Named requirements that no promise above has brought with it: documents that must agree with
//! the code, what the source may not hold, logs, outages, and the ways in.
mod calls;
mod documents;
mod encodings;
mod log_lines;
mod outages;
mod plans;
mod record;
mod source_rules;
mod ways_in;
