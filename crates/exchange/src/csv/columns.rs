//! Which column is what.

use bongsu_model::METRIC_NAME;

/// The columns of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvColumns(pub(super) Vec<(usize, Column)>);

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Column {
    /// The value of the metric of that name.
    Metric(String),
    /// The value of a label; that of `__name__` is the metric's name.
    Label(String),
    /// All labels but the name, as a JSON object.
    Labels,
    /// The time.
    Time(TimeForm),
    /// The value of the metric that another column names.
    Value,
}

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeForm {
    Seconds,
    Milliseconds,
    Nanoseconds,
    Rfc3339,
}

/// Columns of one format; a row of a hundred thousand fields is none.
const COLUMNS_MAX: usize = 10_000;

impl CsvColumns {
    /// `metric,labels,timestamp_ms,value`.
    #[must_use]
    pub fn long() -> Self {
        let name = Column::Label(METRIC_NAME.to_owned());
        let columns = [name, Column::Labels, Column::Time(TimeForm::Milliseconds), Column::Value];
        Self(columns.into_iter().enumerate().collect())
    }

    pub(super) fn is_long(&self) -> bool {
        *self == Self::long()
    }

    /// The format of an import: `2:metric:ask,1:label:ticker,3:time:unix_ms`, columns counted from 1.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse_import(text: &str) -> Result<Self, String> {
        let mut columns = Vec::new();
        for part in text.split(',') {
            let expected =
                || format!("expected COLUMN:metric:NAME, COLUMN:label:NAME or COLUMN:time:FORM, found {part:?}");
            let mut words = part.trim().splitn(3, ':');
            let (place, kind, name) = (words.next(), words.next(), words.next());
            let (Some(place), Some(kind), Some(name)) = (place, kind, name) else { return Err(expected()) };
            let place = place.parse::<usize>().ok().filter(|place| (1..=COLUMNS_MAX).contains(place));
            let column = match kind {
                "metric" if !name.is_empty() => Column::Metric(name.to_owned()),
                "label" if !name.is_empty() => Column::Label(name.to_owned()),
                "time" => Column::Time(TimeForm::parse(name)?),
                _ => return Err(expected()),
            };
            columns.push((place.ok_or_else(expected)? - 1, column));
        }
        if columns.iter().any(|(_, column)| matches!(column, Column::Metric(_))) {
            Ok(Self(columns))
        } else {
            Err(format!("expected at least one column of a metric, found none in {text:?}"))
        }
    }

    /// The format of an export: `__name__,job,__value__,__timestamp__:unix_s`.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse_export(text: &str) -> Result<Self, String> {
        let mut columns = Vec::new();
        for part in text.split(',').map(str::trim) {
            columns.push(match part.split_once(':') {
                Some(("__timestamp__", form)) => Column::Time(TimeForm::parse(form)?),
                _ => match part {
                    "" => return Err(format!("expected names of columns, found an empty one in {text:?}")),
                    "__timestamp__" => Column::Time(TimeForm::Milliseconds),
                    "__value__" => Column::Value,
                    "__labels__" => Column::Labels,
                    label => Column::Label(label.to_owned()),
                },
            });
        }
        Ok(Self(columns.into_iter().enumerate().collect()))
    }
}

impl TimeForm {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "unix_s" => Ok(Self::Seconds),
            "unix_ms" => Ok(Self::Milliseconds),
            "unix_ns" => Ok(Self::Nanoseconds),
            "rfc3339" => Ok(Self::Rfc3339),
            _ => Err(format!("expected unix_s, unix_ms, unix_ns or rfc3339, found {text:?}")),
        }
    }

    /// Milliseconds of a field.
    pub(super) fn read(self, field: &str) -> Result<i64, String> {
        let expected = || format!("expected a time, found {field:?}");
        if self == Self::Rfc3339 {
            let time: jiff::Timestamp = field.parse().map_err(|_| expected())?;
            return Ok(time.as_millisecond());
        }
        let number: i64 = field.parse().map_err(|_| expected())?;
        match self {
            Self::Seconds => number.checked_mul(1000).ok_or_else(expected),
            Self::Nanoseconds => Ok(number / 1_000_000),
            _ => Ok(number),
        }
    }

    pub(super) fn write(self, ms: i64) -> String {
        match self {
            Self::Seconds => (ms / 1000).to_string(),
            Self::Milliseconds => ms.to_string(),
            Self::Nanoseconds => ms.saturating_mul(1_000_000).to_string(),
            Self::Rfc3339 => match jiff::Timestamp::from_millisecond(ms) {
                Ok(time) => time.to_string(),
                Err(_) => ms.to_string(),
            },
        }
    }
}
