//! The same series in another order, as from a sender that keeps none.

use anyhow::bail;
use bongsu_testkit::generator::Request;
use bongsu_testkit::random::Random;
use bongsu_wire::remote_write::{Item, SeriesData, WriteRequest, WriteRequestBuilder, compress, decompress};

use super::DECODED_BYTES_MAX;

const SAMPLES_PER_REQUEST: usize = 2000;

/// The samples of a scrape in an order by chance, over all its requests.
pub(super) fn shuffled(scrape: &[Request], random: &mut Random) -> anyhow::Result<Vec<Request>> {
    let mut raw = Vec::with_capacity(scrape.len());
    for request in scrape {
        let mut bytes = Vec::new();
        decompress(&request.body, DECODED_BYTES_MAX, &mut bytes)?;
        raw.push(bytes);
    }
    let mut all = Vec::new();
    for item in raw.iter().flat_map(|bytes| WriteRequest::new(bytes)) {
        let Item::Series(series) = item? else { bail!("the generator sends series alone") };
        all.push(series);
    }
    for place in (1..all.len()).rev() {
        all.swap(place, random.below(place as u64 + 1) as usize);
    }
    let request = |series: &[bongsu_wire::remote_write::TimeSeries<'_>]| {
        let mut builder = WriteRequestBuilder::new();
        for one in series {
            let samples = one.samples().collect::<Result<Vec<_>, _>>()?;
            builder.push_span(one.label_span(), &SeriesData { samples: &samples, ..SeriesData::default() });
        }
        let mut body = Vec::new();
        compress(builder.as_bytes(), &mut body)?;
        Ok(Request { body, samples: series.len() as u64 })
    };
    all.chunks(SAMPLES_PER_REQUEST).map(request).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use bongsu_testkit::generator::Generator;

    use super::*;

    fn spans(scrape: &[Request]) -> Vec<Vec<u8>> {
        let mut spans = Vec::new();
        for request in scrape {
            let mut raw = Vec::new();
            decompress(&request.body, DECODED_BYTES_MAX, &mut raw).expect("snappy");
            for item in WriteRequest::new(&raw) {
                let Ok(Item::Series(series)) = item else { panic!("series alone are sent") };
                spans.push(series.label_span().to_vec());
            }
        }
        spans
    }

    #[test]
    fn the_same_series_come_in_another_order() {
        let scrape = Generator::new(3, 0).next_scrape().expect("short");
        let other = shuffled(&scrape, &mut Random::new(1)).expect("whole");
        assert_eq!(other.iter().map(|request| request.samples).collect::<Vec<_>>(), [2000, 1000]);
        let (before, after) = (spans(&scrape), spans(&other));
        assert_eq!(BTreeSet::from_iter(&before), BTreeSet::from_iter(&after));
        let followed: BTreeSet<_> = before.windows(2).collect();
        let kept = after.windows(2).filter(|pair| followed.contains(pair)).count();
        assert!(kept < 20, "{kept} of 3000 series follow the one that they followed before");
    }
}
