//! Functions of instant vectors.

mod absent;
pub(crate) mod date;
mod histogram;
mod info;
mod label;
pub(crate) mod math;
pub(crate) mod native;
mod sort;

pub(crate) use absent::presence;
pub(crate) use label::LabelEdit;
