//! What every walk over the entries of a message has in common.

/// Makes a type an iterator of `Result<$item, DecodeError>` that is over after its first error.
///
/// The type brings `fn advance(&mut self) -> Result<Option<$item>, DecodeError>` and a field `failed: bool`.
macro_rules! walk {
    (<$($life:lifetime),+> $walk:ty => $item:ty) => {
        impl<$($life),+> Iterator for $walk {
            type Item = Result<$item, DecodeError>;

            #[inline]
            fn next(&mut self) -> Option<Self::Item> {
                if self.failed {
                    return None;
                }
                let next = self.advance();
                self.failed = next.is_err();
                next.transpose()
            }
        }

        impl<$($life),+> std::iter::FusedIterator for $walk {}
    };
}

pub(crate) use walk;
