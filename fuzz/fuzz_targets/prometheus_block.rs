//! Any bytes as the files of a block of Prometheus. The first bytes tell where one file ends and the next begins; checksums count as
//! right when fuzzing.
#![no_main]

use bongsu_exchange::{Block, Error, Piece, Receiver, Window};

struct Nobody;

impl Receiver for Nobody {
    fn piece(&mut self, piece: Piece<'_>) -> Result<(), Error> {
        assert!(!piece.samples.is_empty());
        Ok(())
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((lens, rest)) = bytes.split_first_chunk::<4>() else { return };
    let index_len = usize::from(u16::from_le_bytes([lens[0], lens[1]])).min(rest.len());
    let (index, rest) = rest.split_at(index_len);
    let (segment, tombstones) = rest.split_at(usize::from(u16::from_le_bytes([lens[2], lens[3]])).min(rest.len()));
    if let Ok(mut block) = Block::from_memory(index.to_vec(), segment.to_vec(), tombstones) {
        // A list of series takes four bytes for each.
        assert!(block.series_count() <= index.len() as u64 / 4);
        let _ = block.read(0, &Window::default(), &mut Nobody);
    }
});
