//! Functions of instant vectors.

mod absent;
pub(crate) mod date;
mod histogram;
mod info;
mod label;
mod label_change;
pub(crate) mod math;
pub(crate) mod native;
mod sort;
mod union;

pub(crate) use absent::presence;
pub(crate) use label::LabelEdit;
pub(crate) use label_change::LabelChange;
