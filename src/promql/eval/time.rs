//! Calendar functions on Unix seconds, in UTC.

/// A day of the proleptic Gregorian calendar and the second in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Moment {
    year: i64,
    month: i64,
    day: i64,
    /// Days since 1970-01-01.
    days: i64,
    second: i64,
}

impl Moment {
    fn of(seconds: f64) -> Self {
        let total = seconds as i64;
        let (days, second) = (total.div_euclid(86_400), total.rem_euclid(86_400));
        // Years begin in March here, so that the leap day is the last one.
        let shifted = days + 719_468;
        let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self { year, month, day, days, second }
    }

    fn is_leap(self) -> bool {
        self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0)
    }

    fn days_in_month(self) -> i64 {
        match self.month {
            2 => 28 + i64::from(self.is_leap()),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    fn day_of_year(self) -> i64 {
        const BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
        BEFORE[(self.month - 1) as usize] + self.day + i64::from(self.is_leap() && self.month > 2)
    }
}

/// The calendar function of this name.
pub(super) fn function(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "minute" => |t| (Moment::of(t).second / 60 % 60) as f64,
        "hour" => |t| (Moment::of(t).second / 3_600) as f64,
        "day_of_month" => |t| Moment::of(t).day as f64,
        "day_of_week" => |t| (Moment::of(t).days + 4).rem_euclid(7) as f64,
        "day_of_year" => |t| Moment::of(t).day_of_year() as f64,
        "days_in_month" => |t| Moment::of(t).days_in_month() as f64,
        "month" => |t| Moment::of(t).month as f64,
        "year" => |t| Moment::of(t).year as f64,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calendar_fields_are_those_of_utc() {
        let at = |name: &str, seconds: f64| function(name).unwrap()(seconds);
        // 2000-02-29 23:59:59, a Tuesday.
        let leap = 951_868_799.0;
        assert_eq!(at("year", leap), 2000.0);
        assert_eq!(at("month", leap), 2.0);
        assert_eq!(at("day_of_month", leap), 29.0);
        assert_eq!(at("days_in_month", leap), 29.0);
        assert_eq!(at("day_of_year", leap), 60.0);
        assert_eq!(at("day_of_week", leap), 2.0);
        assert_eq!(at("hour", leap), 23.0);
        assert_eq!(at("minute", leap), 59.0);
        assert_eq!(at("year", -1.0), 1969.0);
        assert_eq!(at("day_of_year", -1.0), 365.0);
    }
}
