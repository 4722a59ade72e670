//! Parts of a date: `hour()`, `day_of_week()` and the like, of seconds since the Unix epoch, in UTC.

use bongsu_syntax::FunctionId;

const DAY_SECONDS: i64 = 86_400;

/// The function of this id, if it is one of a date.
pub(crate) fn function(id: FunctionId) -> Option<fn(f64) -> f64> {
    use FunctionId as F;
    Some(match id {
        F::Minute => |at| (seconds(at).rem_euclid(3_600) / 60) as f64,
        F::Hour => |at| (seconds(at).rem_euclid(DAY_SECONDS) / 3_600) as f64,
        // The epoch was a Thursday; Sunday is 0.
        F::DayOfWeek => |at| (days(at) + 4).rem_euclid(7) as f64,
        F::DayOfMonth => |at| Date::of(at).day as f64,
        F::DayOfYear => |at| Date::of(at).day_of_year() as f64,
        F::DaysInMonth => |at| Date::of(at).days_in_month() as f64,
        F::Month => |at| Date::of(at).month as f64,
        F::Year => |at| Date::of(at).year as f64,
        _ => return None,
    })
}

/// A time as people write it, to the second: `1970-01-01T00:00:00Z`.
pub(crate) fn rfc3339(time_ms: i64) -> String {
    let at = (time_ms / 1000) as f64;
    let (date, of_day) = (Date::of(at), seconds(at).rem_euclid(DAY_SECONDS));
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", date.year, date.month, date.day)
}

fn seconds(at: f64) -> i64 {
    at as i64
}

fn days(at: f64) -> i64 {
    seconds(at).div_euclid(DAY_SECONDS)
}

/// A day of the Gregorian calendar.
struct Date {
    year: i64,
    month: i64,
    day: i64,
}

impl Date {
    /// Counts in eras of 400 years that begin in March, so that the leap day is the last of its year. Method: Howard Hinnant,
    /// "chrono-compatible low-level date algorithms".
    fn of(at: f64) -> Self {
        let since_era_zero = days(at) + 719_468;
        let era = since_era_zero.div_euclid(146_097);
        let day_of_era = since_era_zero.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        Self { year: year_of_era + era * 400 + i64::from(month <= 2), month, day }
    }

    fn is_leap_year(&self) -> bool {
        self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0)
    }

    fn days_in_month(&self) -> i64 {
        match self.month {
            2 => 28 + i64::from(self.is_leap_year()),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    fn day_of_year(&self) -> i64 {
        (1..self.month).map(|month| Self { month, ..*self }.days_in_month()).sum::<i64>() + self.day
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_leap_years_and_times_before_the_epoch() {
        let parts = |at: f64| {
            let all =
                [FunctionId::Year, FunctionId::Month, FunctionId::DayOfMonth, FunctionId::DayOfYear, FunctionId::Hour];
            all.map(|id| function(id).map_or(f64::NAN, |f| f(at)))
        };
        assert_eq!(parts(0.0), [1970.0, 1.0, 1.0, 1.0, 0.0]);
        assert_eq!(parts(-1.0), [1969.0, 12.0, 31.0, 365.0, 23.0]);
        assert_eq!(parts(1_456_790_399.0), [2016.0, 2.0, 29.0, 60.0, 23.0]);
        assert_eq!(parts(951_782_400.0), [2000.0, 2.0, 29.0, 60.0, 0.0]);
        let weekday = function(FunctionId::DayOfWeek).unwrap();
        assert_eq!((weekday(0.0), weekday(-86_400.0), weekday(1_136_239_445.0)), (4.0, 3.0, 1.0));
    }
}
