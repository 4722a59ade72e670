//! Any bytes as a chunk of Prometheus, in each encoding, and as a frame of a streamed remote read.
#![no_main]

use bongsu_model::SampleBuffer;
use bongsu_wire::chunk::{self, Encoding};
use bongsu_wire::remote_read::{AnswerError, read_frame, read_response};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut samples = SampleBuffer::default();
    for encoding in [Encoding::Xor, Encoding::Histogram, Encoding::FloatHistogram, Encoding::Xor2] {
        samples.clear();
        let _ = chunk::decode(encoding, bytes, &mut samples);
        assert_eq!(samples.timestamps_ms.len(), samples.values.len());
    }
    let _ = read_frame::<AnswerError>(bytes, &mut samples, |_, _| Ok(()));
    let _ = read_response::<AnswerError>(bytes, |series| {
        series.labels().for_each(drop);
        series.histograms().for_each(drop);
        Ok(())
    });
});
