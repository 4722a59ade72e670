//! The file that exemplars are in once the log has been cut. Drawn in `docs/formats/data-directory.md`.

use bongsu_model::{Exemplar, Labels};
use bongsu_wire::remote_write::{
    DecodeError, Item, SeriesData, WriteRequest, WriteRequestBuilder, compress, decompress,
};

use super::Exemplars;

pub(crate) const MAGIC: &[u8; 8] = b"BGSEXEM1";
const FILE_BYTES_MAX: usize = 256 << 20;

/// Series with their exemplars.
pub(crate) type BySeries = Vec<(Labels, Vec<Exemplar>)>;

/// The content of the file.
pub(crate) fn encode(all: &BySeries) -> Result<Vec<u8>, DecodeError> {
    let mut request = WriteRequestBuilder::new();
    for (series, exemplars) in all {
        request.push_series_data(series, &SeriesData { exemplars, ..SeriesData::default() });
    }
    let mut body = Vec::new();
    compress(request.as_bytes(), &mut body)?;
    Ok([MAGIC, crc32c::crc32c(&body).to_le_bytes().as_slice(), &body].concat())
}

/// Reads a file's content and keeps at most `count_max`; what is damaged is told.
pub(crate) fn decode(bytes: &[u8], count_max: usize) -> Result<Exemplars, String> {
    let rest = bytes.strip_prefix(MAGIC).ok_or("no exemplar file of version 1")?;
    let (crc, body) = rest.split_first_chunk().ok_or("truncated header")?;
    if u32::from_le_bytes(*crc) != crc32c::crc32c(body) {
        return Err("checksum mismatch".to_owned());
    }
    let mut decoded = Vec::new();
    let decoded = decompress(body, FILE_BYTES_MAX, &mut decoded).map_err(|error| error.to_string())?;
    let mut all = Vec::new();
    for item in WriteRequest::new(decoded) {
        let Item::Series(series) = item.map_err(|error| error.to_string())? else { continue };
        let pairs = series.labels().collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
        let labels = Labels::from_sorted(pairs.into_iter());
        for exemplar in series.exemplars() {
            let exemplar = exemplar.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
            all.push((labels.clone(), exemplar));
        }
    }
    // In which order they came is not in the file: the newest ones stay longest.
    all.sort_by(|a, b| super::compare(&a.1, &b.1));
    let mut exemplars = Exemplars::default();
    for (labels, exemplar) in all {
        exemplars.add(&labels, exemplar, count_max);
    }
    exemplars.saved_version = exemplars.version;
    Ok(exemplars)
}
