//! The functions of PromQL: one table.

use crate::ValueType;
use crate::ValueType::{Matrix, Scalar, String, Vector};

/// What the parser and the evaluator need to know of a function.
#[derive(Debug)]
pub struct Function {
    /// Which one.
    pub id: FunctionId,
    /// As written in PromQL.
    pub name: &'static str,
    /// Types of the arguments; the last one is that of all further arguments too.
    pub arg_types: &'static [ValueType],
    /// The least number of arguments.
    pub args_min: usize,
    /// The greatest number of arguments; `None`: any number.
    pub args_max: Option<usize>,
    /// Type of the result.
    pub return_type: ValueType,
    /// Whether Prometheus puts it behind its feature flag for experimental functions.
    pub experimental: bool,
}

impl Function {
    /// The function of this name; names are in lower case.
    #[must_use]
    pub fn by_name(name: &str) -> Option<&'static Self> {
        FUNCTIONS.binary_search_by(|function| function.name.cmp(name)).ok().map(|at| &FUNCTIONS[at])
    }

    /// The function that MetricsQL has under this name beside those of PromQL.
    #[must_use]
    pub fn metricsql_by_name(name: &str) -> Option<&'static Self> {
        let place = METRICSQL_FUNCTIONS.binary_search_by(|function| function.name.cmp(name)).ok()?;
        Some(&METRICSQL_FUNCTIONS[place])
    }

    /// The type that the argument at `place`, from 0, must have.
    #[must_use]
    pub fn arg_type(&self, place: usize) -> Option<ValueType> {
        self.arg_types.get(place).or(self.arg_types.last()).copied()
    }
}

/// Functions are the same when their ids are.
impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Function {}

/// Writes the list of functions once as an enum and once as a table. A row is: id, name, argument types, least and
/// greatest number of arguments, result type, whether it is experimental.
macro_rules! functions {
    (
        promql { $($id:ident $name:literal [$($arg:ident),*] $min:literal $max:expr, => $result:ident $experimental:literal;)* }
        metricsql { $($id2:ident $name2:literal [$($arg2:ident),*] $min2:literal $max2:expr, => $result2:ident;)* }
    ) => {
        /// Names every function, for the evaluator to match on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "the names are the functions' names")]
        pub enum FunctionId { $($id,)* $($id2,)* }

        /// All functions of PromQL, sorted by name.
        pub static FUNCTIONS: &[Function] = &[$(Function {
            id: FunctionId::$id,
            name: $name,
            arg_types: &[$($arg),*],
            args_min: $min,
            args_max: $max,
            return_type: $result,
            experimental: $experimental,
        }),*];

        /// The functions that MetricsQL has beside them, sorted by name.
        pub(crate) static METRICSQL_FUNCTIONS: &[Function] = &[$(Function {
            id: FunctionId::$id2,
            name: $name2,
            arg_types: &[$($arg2),*],
            args_min: $min2,
            args_max: $max2,
            return_type: $result2,
            experimental: false,
        }),*];
    };
}

// Source: Prometheus 3, promql/parser/functions.go and docs/querying/functions.md.
functions! {
  promql {
    Abs "abs" [Vector] 1 Some(1), => Vector false;
    Absent "absent" [Vector] 1 Some(1), => Vector false;
    AbsentOverTime "absent_over_time" [Matrix] 1 Some(1), => Vector false;
    Acos "acos" [Vector] 1 Some(1), => Vector false;
    Acosh "acosh" [Vector] 1 Some(1), => Vector false;
    Asin "asin" [Vector] 1 Some(1), => Vector false;
    Asinh "asinh" [Vector] 1 Some(1), => Vector false;
    Atan "atan" [Vector] 1 Some(1), => Vector false;
    Atanh "atanh" [Vector] 1 Some(1), => Vector false;
    AvgOverTime "avg_over_time" [Matrix] 1 Some(1), => Vector false;
    Ceil "ceil" [Vector] 1 Some(1), => Vector false;
    Changes "changes" [Matrix] 1 Some(1), => Vector false;
    Clamp "clamp" [Vector, Scalar, Scalar] 3 Some(3), => Vector false;
    ClampMax "clamp_max" [Vector, Scalar] 2 Some(2), => Vector false;
    ClampMin "clamp_min" [Vector, Scalar] 2 Some(2), => Vector false;
    Cos "cos" [Vector] 1 Some(1), => Vector false;
    Cosh "cosh" [Vector] 1 Some(1), => Vector false;
    CountOverTime "count_over_time" [Matrix] 1 Some(1), => Vector false;
    DayOfMonth "day_of_month" [Vector] 0 Some(1), => Vector false;
    DayOfWeek "day_of_week" [Vector] 0 Some(1), => Vector false;
    DayOfYear "day_of_year" [Vector] 0 Some(1), => Vector false;
    DaysInMonth "days_in_month" [Vector] 0 Some(1), => Vector false;
    Deg "deg" [Vector] 1 Some(1), => Vector false;
    Delta "delta" [Matrix] 1 Some(1), => Vector false;
    Deriv "deriv" [Matrix] 1 Some(1), => Vector false;
    DoubleExponentialSmoothing "double_exponential_smoothing" [Matrix, Scalar, Scalar] 3 Some(3), => Vector true;
    End "end" [] 0 Some(0), => Scalar true;
    Exp "exp" [Vector] 1 Some(1), => Vector false;
    FirstOverTime "first_over_time" [Matrix] 1 Some(1), => Vector false;
    Floor "floor" [Vector] 1 Some(1), => Vector false;
    HistogramAvg "histogram_avg" [Vector] 1 Some(1), => Vector false;
    HistogramCount "histogram_count" [Vector] 1 Some(1), => Vector false;
    HistogramFraction "histogram_fraction" [Scalar, Scalar, Vector] 3 Some(3), => Vector false;
    HistogramQuantile "histogram_quantile" [Scalar, Vector] 2 Some(2), => Vector false;
    HistogramQuantiles "histogram_quantiles" [Vector, String, Scalar, Scalar] 3 Some(12), => Vector true;
    HistogramStddev "histogram_stddev" [Vector] 1 Some(1), => Vector false;
    HistogramStdvar "histogram_stdvar" [Vector] 1 Some(1), => Vector false;
    HistogramSum "histogram_sum" [Vector] 1 Some(1), => Vector false;
    Hour "hour" [Vector] 0 Some(1), => Vector false;
    Idelta "idelta" [Matrix] 1 Some(1), => Vector false;
    Increase "increase" [Matrix] 1 Some(1), => Vector false;
    Info "info" [Vector, Vector] 1 Some(2), => Vector true;
    Irate "irate" [Matrix] 1 Some(1), => Vector false;
    LabelJoin "label_join" [Vector, String, String, String] 3 None, => Vector false;
    LabelReplace "label_replace" [Vector, String, String, String, String] 5 Some(5), => Vector false;
    LastOverTime "last_over_time" [Matrix] 1 Some(1), => Vector false;
    Ln "ln" [Vector] 1 Some(1), => Vector false;
    Log10 "log10" [Vector] 1 Some(1), => Vector false;
    Log2 "log2" [Vector] 1 Some(1), => Vector false;
    MadOverTime "mad_over_time" [Matrix] 1 Some(1), => Vector true;
    MaxOf "max_of" [Scalar, Scalar] 2 Some(2), => Scalar true;
    MaxOverTime "max_over_time" [Matrix] 1 Some(1), => Vector false;
    MinOf "min_of" [Scalar, Scalar] 2 Some(2), => Scalar true;
    MinOverTime "min_over_time" [Matrix] 1 Some(1), => Vector false;
    Minute "minute" [Vector] 0 Some(1), => Vector false;
    Month "month" [Vector] 0 Some(1), => Vector false;
    Pi "pi" [] 0 Some(0), => Scalar false;
    PredictLinear "predict_linear" [Matrix, Scalar] 2 Some(2), => Vector false;
    PresentOverTime "present_over_time" [Matrix] 1 Some(1), => Vector false;
    QuantileOverTime "quantile_over_time" [Scalar, Matrix] 2 Some(2), => Vector false;
    Rad "rad" [Vector] 1 Some(1), => Vector false;
    Range "range" [] 0 Some(0), => Scalar true;
    Rate "rate" [Matrix] 1 Some(1), => Vector false;
    Resets "resets" [Matrix] 1 Some(1), => Vector false;
    Round "round" [Vector, Scalar] 1 Some(2), => Vector false;
    Scalar "scalar" [Vector] 1 Some(1), => Scalar false;
    Sgn "sgn" [Vector] 1 Some(1), => Vector false;
    Sin "sin" [Vector] 1 Some(1), => Vector false;
    Sinh "sinh" [Vector] 1 Some(1), => Vector false;
    Sort "sort" [Vector] 1 Some(1), => Vector false;
    SortByLabel "sort_by_label" [Vector, String] 1 None, => Vector true;
    SortByLabelDesc "sort_by_label_desc" [Vector, String] 1 None, => Vector true;
    SortDesc "sort_desc" [Vector] 1 Some(1), => Vector false;
    Sqrt "sqrt" [Vector] 1 Some(1), => Vector false;
    Start "start" [] 0 Some(0), => Scalar true;
    StartTimestamp "start_timestamp" [Vector] 1 Some(1), => Vector true;
    StddevOverTime "stddev_over_time" [Matrix] 1 Some(1), => Vector false;
    StdvarOverTime "stdvar_over_time" [Matrix] 1 Some(1), => Vector false;
    Step "step" [] 0 Some(0), => Scalar true;
    SumOverTime "sum_over_time" [Matrix] 1 Some(1), => Vector false;
    Tan "tan" [Vector] 1 Some(1), => Vector false;
    Tanh "tanh" [Vector] 1 Some(1), => Vector false;
    Time "time" [] 0 Some(0), => Scalar false;
    Timestamp "timestamp" [Vector] 1 Some(1), => Vector false;
    TsOfFirstOverTime "ts_of_first_over_time" [Matrix] 1 Some(1), => Vector true;
    TsOfLastOverTime "ts_of_last_over_time" [Matrix] 1 Some(1), => Vector true;
    TsOfMaxOverTime "ts_of_max_over_time" [Matrix] 1 Some(1), => Vector true;
    TsOfMinOverTime "ts_of_min_over_time" [Matrix] 1 Some(1), => Vector true;
    Vector "vector" [Scalar] 1 Some(1), => Vector false;
    Year "year" [Vector] 0 Some(1), => Vector false;
  }
  // Source: MetricsQL's documentation; docs/metricsql.md says what each one does here.
  metricsql {
    LabelCopy "label_copy" [Vector, String] 3 None, => Vector;
    LabelDel "label_del" [Vector, String] 1 None, => Vector;
    LabelKeep "label_keep" [Vector, String] 1 None, => Vector;
    LabelLowercase "label_lowercase" [Vector, String] 2 None, => Vector;
    LabelMap "label_map" [Vector, String] 4 None, => Vector;
    LabelMatch "label_match" [Vector, String, String] 3 Some(3), => Vector;
    LabelMismatch "label_mismatch" [Vector, String, String] 3 Some(3), => Vector;
    LabelMove "label_move" [Vector, String] 3 None, => Vector;
    LabelSet "label_set" [Vector, String] 3 None, => Vector;
    LabelTransform "label_transform" [Vector, String, String, String] 4 Some(4), => Vector;
    LabelUppercase "label_uppercase" [Vector, String] 2 None, => Vector;
    LabelValue "label_value" [Vector, String] 2 Some(2), => Vector;
    Now "now" [] 0 Some(0), => Scalar;
    Union "union" [Vector] 1 None, => Vector;
  }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_in_the_order_of_the_ids() {
        assert!(FUNCTIONS.windows(2).all(|pair| pair[0].name < pair[1].name && pair[0].id < pair[1].id));
        assert!(METRICSQL_FUNCTIONS.windows(2).all(|pair| pair[0].name < pair[1].name));
        assert!(METRICSQL_FUNCTIONS.iter().all(|function| Function::by_name(function.name).is_none()));
        assert_eq!(Function::by_name("rate").map(|f| f.id), Some(FunctionId::Rate));
        assert!(Function::by_name("holt_winters").is_none());
    }

    #[test]
    fn the_last_type_stands_for_all_further_arguments() {
        let function = Function::by_name("label_join").unwrap();
        assert_eq!((function.arg_type(0), function.arg_type(9)), (Some(Vector), Some(String)));
    }
}
