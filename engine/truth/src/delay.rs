//! The distributions that delays are drawn from.

use std::str::FromStr;

use rand::Rng;
use rand_distr::{Bernoulli, Distribution, Exp1, StandardNormal};
use statrs::distribution::{ContinuousCDF, Normal};

/// A distribution of delays. Times are in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Delay {
    /// No delay and no clock: the light server that speed is measured against.
    None,
    /// Always the same.
    Constant {
        /// The delay.
        ns: f64,
    },
    /// One of two.
    TwoPoint {
        /// The usual delay.
        usual_ns: f64,
        /// The other one.
        other_ns: f64,
        /// Probability of the usual one.
        usual: f64,
    },
    /// Exponential.
    Exponential {
        /// Its mean.
        mean_ns: f64,
    },
    /// The logarithm is normal.
    Lognormal {
        /// Its median, e^μ.
        median_ns: f64,
        /// Standard deviation of the logarithm.
        sigma: f64,
    },
}

impl Delay {
    /// Draws a delay.
    pub fn draw(&self, rng: &mut impl Rng) -> i64 {
        let drawn_ns = match *self {
            Self::None => 0.0,
            Self::Constant { ns } => ns,
            Self::TwoPoint { usual_ns, other_ns, usual } => {
                let is_usual = Bernoulli::new(usual).is_ok_and(|choice| choice.sample(rng));
                if is_usual { usual_ns } else { other_ns }
            }
            Self::Exponential { mean_ns } => {
                let unit: f64 = Exp1.sample(rng);
                mean_ns * unit
            }
            Self::Lognormal { median_ns, sigma } => {
                let unit: f64 = StandardNormal.sample(rng);
                median_ns * (sigma * unit).exp()
            }
        };
        whole(drawn_ns)
    }

    /// The inverse of the distribution function at `p`, 0 < p < 1.
    pub fn quantile(&self, p: f64) -> i64 {
        whole(match *self {
            Self::None => 0.0,
            Self::Constant { ns } => ns,
            Self::TwoPoint { usual_ns, other_ns, usual } => {
                let (low_ns, high_ns, low) = if usual_ns <= other_ns {
                    (usual_ns, other_ns, usual)
                } else {
                    (other_ns, usual_ns, 1.0 - usual)
                };
                if p <= low { low_ns } else { high_ns }
            }
            Self::Exponential { mean_ns } => -mean_ns * (-p).ln_1p(),
            Self::Lognormal { median_ns, sigma } => {
                median_ns * (sigma * Normal::standard().inverse_cdf(p)).exp()
            }
        })
    }

    /// The mean.
    pub fn mean(&self) -> i64 {
        whole(match *self {
            Self::None => 0.0,
            Self::Constant { ns } => ns,
            Self::TwoPoint { usual_ns, other_ns, usual } => usual * usual_ns + (1.0 - usual) * other_ns,
            Self::Exponential { mean_ns } => mean_ns,
            Self::Lognormal { median_ns, sigma } => median_ns * (sigma * sigma / 2.0).exp(),
        })
    }
}

#[allow(clippy::cast_possible_truncation, reason = "delays are far below 2^63 ns; more saturates")]
fn whole(ns: f64) -> i64 {
    ns.round() as i64
}

impl FromStr for Delay {
    type Err = String;

    /// Reads `none`, `constant:1ms`, `two-point:5ms:100ms:0.9`, `exponential:5ms` or `lognormal:5ms:1`.
    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(':').collect();
        let delay = match parts[..] {
            ["none"] => Self::None,
            ["constant", ns] => Self::Constant { ns: duration_ns(ns)? },
            ["two-point", usual_ns, other_ns, usual] => Self::TwoPoint {
                usual_ns: duration_ns(usual_ns)?,
                other_ns: duration_ns(other_ns)?,
                usual: number(usual)
                    .filter(|usual| *usual <= 1.0)
                    .ok_or(format!("'{usual}' is no probability"))?,
            },
            ["exponential", mean_ns] => Self::Exponential { mean_ns: duration_ns(mean_ns)? },
            ["lognormal", median_ns, sigma] => Self::Lognormal {
                median_ns: duration_ns(median_ns)?,
                sigma: number(sigma).ok_or(format!("'{sigma}' is no standard deviation"))?,
            },
            _ => return Err(format!("'{text}' is no delay")),
        };
        Ok(delay)
    }
}

/// Reads a duration such as `1.5ms`; units are ns, us, ms and s.
pub(crate) fn duration_ns(text: &str) -> Result<f64, String> {
    // "s" comes last, because the others end in it too.
    for (unit, ns) in [("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("s", 1e9)] {
        if let Some(value) = text.strip_suffix(unit).and_then(number) {
            return Ok(value * ns);
        }
    }
    Err(format!("'{text}' is no duration (write it like 5ms)"))
}

fn number(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|value| value.is_finite() && *value >= 0.0)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    const ALL: [&str; 4] = ["constant:1ms", "two-point:5ms:100ms:0.9", "exponential:5ms", "lognormal:5ms:1"];

    #[test]
    fn quantiles_are_those_of_the_textbook() {
        // ln 100, and the 99th percentile of the standard normal: 2.326347874.
        let quantile = |text: &str, p| text.parse::<Delay>().unwrap().quantile(p);
        assert_eq!(quantile("constant:1ms", 0.99), 1_000_000);
        assert_eq!(quantile("two-point:5ms:100ms:0.9", 0.9), 5_000_000);
        assert_eq!(quantile("two-point:5ms:100ms:0.9", 0.91), 100_000_000);
        assert_eq!(quantile("exponential:5ms", 0.99), 23_025_851);
        assert_eq!(quantile("lognormal:1s:1", 0.5), 1_000_000_000);
        assert!((quantile("lognormal:1s:1", 0.99) - 10_240_473_656).abs() < 1_000);
    }

    #[test]
    fn what_is_drawn_has_the_quantiles_and_mean_that_are_stated() {
        for text in ALL {
            let delay: Delay = text.parse().unwrap();
            let mut rng = StdRng::seed_from_u64(7);
            let mut drawn: Vec<i64> = (0..200_000).map(|_| delay.draw(&mut rng)).collect();
            drawn.sort_unstable();
            for (rank, p) in [(100_000, 0.5), (150_000, 0.75), (198_000, 0.99)] {
                let (found, stated) = (drawn[rank] as f64, delay.quantile(p) as f64);
                assert!((found / stated - 1.0).abs() < 0.02, "{text} at {p}: {found} for {stated}");
            }
            let mean = drawn.iter().sum::<i64>() as f64 / drawn.len() as f64;
            assert!((mean / delay.mean() as f64 - 1.0).abs() < 0.02, "{text}: {mean}");
        }
    }

    #[test]
    fn the_same_seed_draws_the_same_delays() {
        for text in ALL {
            let delay: Delay = text.parse().unwrap();
            let draw = |seed| {
                let mut rng = StdRng::seed_from_u64(seed);
                (0..100).map(|_| delay.draw(&mut rng)).collect::<Vec<_>>()
            };
            assert_eq!(draw(1), draw(1));
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in
            ["", "constant", "constant:5", "constant:-5ms", "two-point:1ms:2ms:1.5", "exponential:infs"]
        {
            assert!(text.parse::<Delay>().is_err(), "{text}");
        }
    }
}
