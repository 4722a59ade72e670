//! From numbers of series to their labels.

use bongsu_model::{Labels, LabelsBuffer};

use crate::dictionary::Dictionary;
use crate::error::{Damage, Error};
use crate::reader::Block;
use crate::section::Kind;
use crate::series::PairWalk;

/// Reads the labels of one series after the other: cheapest in ascending order, in which neighbours share most of the work.
#[derive(Debug)]
pub struct LabelWalk<'b> {
    block: &'b Block,
    dictionary: &'b Dictionary,
    pairs: PairWalk<'b>,
}

impl Block {
    /// A walk over the labels of series.
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub fn label_walk(&self) -> Result<LabelWalk<'_>, Error> {
        Ok(LabelWalk { block: self, dictionary: self.dictionary()?, pairs: self.series()?.walk() })
    }

    /// The labels of a series, by its number.
    ///
    /// # Errors
    /// [`Error::Corrupt`], also when there is no such series.
    pub fn labels(&self, series: u32) -> Result<Labels, Error> {
        let mut labels = LabelsBuffer::default();
        self.label_walk()?.read(series, &mut labels)?;
        Ok(labels.to_labels())
    }
}

impl LabelWalk<'_> {
    /// Puts the labels of a series, by its number, in place of those in `labels`.
    ///
    /// # Errors
    /// [`Error::Corrupt`], also when there is no such series.
    pub fn read(&mut self, series: u32, labels: &mut LabelsBuffer) -> Result<(), Error> {
        self.try_read(series, labels).map_err(self.block.damaged(Kind::Series))
    }

    fn try_read(&mut self, series: u32, labels: &mut LabelsBuffer) -> Result<(), Damage> {
        labels.clear();
        let mut last_name = None;
        for pair in self.pairs.pairs(series)? {
            match self.dictionary.pair(*pair) {
                Some((name_place, name, value)) if last_name.is_none_or(|last| last < name_place) => {
                    last_name = Some(name_place);
                    labels.push(name, value);
                }
                _ => return Err(Damage::at(0, "expected label pairs of ascending names")),
            }
        }
        Ok(())
    }
}
